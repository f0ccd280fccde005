"""Decision rows of one day: features in batches, the chosen rows kept, streamed to Parquet."""

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from dreammaker.domain.errors import InputError, StoreError
from dreammaker.features.config import FEATURE_NAMES, FeatureConfig
from dreammaker.features.pipeline import FeaturePipeline, FeatureRows
from dreammaker.models.view import MODEL_FEATURES, model_view, view_hash
from dreammaker.research.sampling import Sampler
from dreammaker.store.files import discard, publish, temporary_beside

if TYPE_CHECKING:
    from dreammaker.store.eventlog import EventLog

Progress = Callable[[int, int], None]

ROWS_VERSION = 2
"""Rises whenever the same log, features and sampler give other rows."""

_BATCH_EVENTS = 65_536
_FLUSH_ROWS = 16_384
_MID = FEATURE_NAMES.index("mid_price")


@dataclass(frozen=True, eq=False, slots=True)
class DecisionRows:
    """Rows at which a decision would be made, in order.

    Attributes
    ----------
    decided_ns : int64 array, shape (n,)
        When the row was known: the latest of the exchange and the local times of the row and of
        those before it, UTC ns.
    exch_ns : int64 array, shape (n,)
        Running maximum of exchange time.
    event_index : int64 array, shape (n,)
        Record of the log whose packet the row closes.
    spread_ticks : int32 array, shape (n,)
        -1 where the book was not sound.
    mid : float64 array, shape (n,)
        Points.
    values : float64 array, shape (n, 26)
        Columns ``models.view.MODEL_FEATURES``.

    Examples
    --------
    >>> len(DecisionRows.joined([]))
    0
    """

    decided_ns: NDArray[np.int64]
    exch_ns: NDArray[np.int64]
    event_index: NDArray[np.int64]
    spread_ticks: NDArray[np.int32]
    mid: NDArray[np.float64]
    values: NDArray[np.float64]

    def __len__(self) -> int:
        """Number of rows."""
        return len(self.decided_ns)

    @classmethod
    def joined(cls, parts: "list[DecisionRows]") -> "DecisionRows":
        """Parts one after the other."""
        if not parts:
            none = np.empty(0, np.int64)
            return cls(none, none, none, np.empty(0, np.int32), np.empty(0),
                       np.empty((0, len(MODEL_FEATURES))))
        return cls(*(np.concatenate([getattr(part, name) for part in parts])
                     for name in cls.__slots__))


def decision_rows(log: "EventLog", sampler: Sampler, config: FeatureConfig | None = None,
                  progress: Progress | None = None,
                  batch_events: int = _BATCH_EVENTS) -> Iterator[DecisionRows]:
    """Decision rows of a log, a batch of records at a time, in flat memory.

    Parameters
    ----------
    log : EventLog
    sampler : Sampler
    config : FeatureConfig, optional
        The defaults where it is not given.
    progress : callable, optional
        Called with the records taken and their number in all.
    batch_events : int
        Records a batch; the rows are the same for any.

    Raises
    ------
    InputError
        If a record is structurally damaged: names its number in the log.
    """
    pipeline = FeaturePipeline(config or FeatureConfig(), log.instrument, log.source)
    clock = sampler.clock(log.instrument)
    rows = FeatureRows(min(batch_events, max(len(log.events), 1)))
    heard = -(2**63)
    for start in range(0, len(log.events), batch_events):
        events = log.events[start:start + batch_events]
        pipeline.process(events, rows)
        if pipeline.fault is not None:
            index, _, text = pipeline.fault
            raise InputError(f"record {start + index} of {log.instrument.symbol} on {log.day} is "
                             f"damaged: {text}")
        chosen = np.array(clock.choose(events, rows), np.intp)
        # Records come one after the other: none is known before one that came earlier.
        known = np.maximum.accumulate(np.append(heard, np.maximum(
            rows.exch_ns[:rows.count], rows.local_ns[:rows.count])))
        heard = int(known[-1])
        if chosen.size:
            yield _taken(rows, chosen, known[1:], start, log.instrument.tick_size)
        if progress is not None:
            progress(start + len(events), len(log.events))


def _taken(rows: FeatureRows, chosen: NDArray[np.intp], known: NDArray[np.int64], start: int,
           tick_size: float) -> DecisionRows:
    values = rows.values[chosen]
    spread = np.where(rows.book_ok[chosen] != 0, rows.ask_ticks[chosen] - rows.bid_ticks[chosen],
                      -1)
    return DecisionRows(
        known[chosen], rows.exch_ns[chosen],
        rows.event_index[chosen].astype(np.int64) + start, spread.astype(np.int32),
        values[:, _MID].copy(), model_view(values, tick_size))


def rows_key(log_hash: str, config: FeatureConfig, sampler: Sampler) -> str:
    """Content hash of a day's decision rows: SHA-256 over all that they follow from, hex."""
    return digest({"version": ROWS_VERSION, "log": log_hash, "view": view_hash(config),
                   "features": asdict(config), "sampler": sampler.to_dict()})


def digest(meaning: dict[str, Any]) -> str:
    """SHA-256 over the canonical JSON of a dict, hex."""
    text = json.dumps(meaning, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def day_rows(log: "EventLog", sampler: Sampler, config: FeatureConfig,
             cache: Path | None = None, progress: Progress | None = None) -> DecisionRows:
    """A day's decision rows, from the cache folder if they are there and sound.

    Parameters
    ----------
    log : EventLog
    sampler : Sampler
    config : FeatureConfig
    cache : path, optional
        Folder of ``rows-HASH.parquet`` files; made if needed. Without one nothing is written.
    progress : callable, optional

    Raises
    ------
    InputError
        If a record is structurally damaged.
    StoreError
        If the disk refuses.
    """
    if cache is None:
        return DecisionRows.joined(list(decision_rows(log, sampler, config, progress)))
    target = cache / f"rows-{rows_key(log.content_hash, config, sampler)}.parquet"
    if not target.is_file():
        _write(log, sampler, config, target, progress)
    try:
        return _read(target)
    except (OSError, ValueError, KeyError):
        # A cache is only a copy: a damaged one is made anew.
        discard(target)
        _write(log, sampler, config, target, progress)
        return _read(target)


def _schema() -> Any:
    import pyarrow as pa

    return pa.schema([
        ("decided", pa.timestamp("ns", tz="UTC")), ("exch_time", pa.timestamp("ns", tz="UTC")),
        ("event_index", pa.int64()), ("spread_ticks", pa.int32()), ("mid_price", pa.float64()),
        *((name, pa.float64()) for name in MODEL_FEATURES)])


def _write(log: "EventLog", sampler: Sampler, config: FeatureConfig, target: Path,
           progress: Progress | None) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = _schema()
    temporary = temporary_beside(target)
    try:
        with pq.ParquetWriter(temporary, schema, compression="zstd", compression_level=3,
                              use_dictionary=False, write_page_checksum=True) as writer:
            waiting: list[DecisionRows] = []
            for part in decision_rows(log, sampler, config, progress):
                waiting.append(part)
                if sum(map(len, waiting)) >= _FLUSH_ROWS:
                    writer.write_batch(_record_batch(pa, schema, DecisionRows.joined(waiting)))
                    waiting.clear()
            writer.write_batch(_record_batch(pa, schema, DecisionRows.joined(waiting)))
        publish(temporary, target)
    except OSError as error:
        raise StoreError(f"{target} cannot be written: {error}") from None
    finally:
        discard(temporary)


def _record_batch(pa: Any, schema: Any, rows: DecisionRows) -> Any:
    times = schema.field("decided").type
    return pa.record_batch([
        pa.array(rows.decided_ns).cast(times), pa.array(rows.exch_ns).cast(times),
        pa.array(rows.event_index), pa.array(rows.spread_ticks), pa.array(rows.mid),
        *(pa.array(np.ascontiguousarray(rows.values[:, i]))
          for i in range(len(MODEL_FEATURES)))], schema=schema)


def _read(path: Path) -> DecisionRows:
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pq.read_table(path, page_checksum_verification=True)
    if table.schema.names != _schema().names:
        raise ValueError("other columns")

    def whole(name: str) -> NDArray[Any]:
        column = table[name]
        return np.array(column.cast(pa.int64()) if pa.types.is_timestamp(column.type) else column)

    return DecisionRows(whole("decided"), whole("exch_time"), whole("event_index"),
                        whole("spread_ticks"), whole("mid_price"),
                        np.column_stack([whole(name) for name in MODEL_FEATURES])
                        if len(table) else np.empty((0, len(MODEL_FEATURES))))
