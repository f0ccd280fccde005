"""Features of a whole log, batch by batch in flat memory, and into Parquet."""

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from dreammaker.domain.errors import InputError, StoreError
from dreammaker.features.config import (
    DEFINITION_VERSION,
    FEATURE_NAMES,
    FeatureConfig,
    definition_hash,
)
from dreammaker.features.pipeline import FeaturePipeline, FeatureRows
from dreammaker.store.files import discard, publish, temporary_beside

if TYPE_CHECKING:
    from dreammaker.store.eventlog import EventLog

BATCH_EVENTS = 65_536
WHOLE_COLUMNS = ("local_ns", "event_index", "bid_ticks", "ask_ticks", "bid_qty", "ask_qty",
                 "last_trade_ticks", "trade_flow_10s", "session_volume")


def feature_batches(log: "EventLog", config: FeatureConfig | None = None,
                    batch_events: int = BATCH_EVENTS) -> Iterator[tuple[int, FeatureRows]]:
    """Rows of a log, a batch of records at a time.

    Parameters
    ----------
    log : EventLog
    config : FeatureConfig, optional
        The defaults where it is not given.
    batch_events : int
        Records a batch, 1 or more.

    Yields
    ------
    tuple of (int, FeatureRows)
        Records of the log before this batch; the batch's rows, which the next one overwrites.

    Raises
    ------
    InputError
        If a record is structurally damaged: names its number in the log. The rows before it have
        been yielded.
    """
    if batch_events < 1:
        raise ValueError(f"batch_events must be 1 or more, was {batch_events}")
    pipeline = FeaturePipeline(config or FeatureConfig(), log.instrument, log.source)
    rows = FeatureRows(min(batch_events, max(len(log.events), 1)))
    for start in range(0, len(log.events), batch_events):
        pipeline.process(log.events[start:start + batch_events], rows)
        if rows.count:
            yield start, rows
        if pipeline.fault is not None:
            index, _, text = pipeline.fault
            raise InputError(f"record {start + index} of {log.instrument.symbol} on {log.day} is "
                             f"damaged: {text}")


class FeatureSummary:
    """Share of NaN, mean, deviation and range of each feature over batches of any size.

    Examples
    --------
    >>> summary = FeatureSummary()
    >>> summary.update(np.full((2, 27), 1.5))
    >>> summary.table()[0]["mean"], summary.row_count
    (1.5, 2)
    """

    def __init__(self) -> None:
        self.row_count = 0
        self._known = np.zeros(27, np.int64)
        self._mean = np.zeros(27)
        self._squares = np.zeros(27)
        self._least = np.full(27, np.inf)
        self._most = np.full(27, -np.inf)

    def update(self, values: NDArray[np.float64]) -> None:
        """Add rows, shape (n, 27), by Chan's merge of means and squared deviations."""
        self.row_count += len(values)
        known = ~np.isnan(values)
        count = known.sum(axis=0)
        mean = np.where(known, values, 0.0).sum(axis=0) / np.maximum(count, 1)
        squares = np.where(known, values - mean, 0.0)
        total = np.maximum(self._known + count, 1)
        apart = mean - self._mean
        self._squares += (squares * squares).sum(axis=0) + apart * apart * (
            self._known * count / total)
        self._mean += apart * count / total
        self._known += count
        self._least = np.minimum(self._least, np.where(known, values, np.inf).min(axis=0))
        self._most = np.maximum(self._most, np.where(known, values, -np.inf).max(axis=0))

    def table(self) -> list[dict[str, Any]]:
        """One dict a feature: name, nan_share, mean, std (ddof 0), min, max; None where unknown."""
        rows = []
        for i, name in enumerate(FEATURE_NAMES):
            known = int(self._known[i])
            figures = (self._mean[i], np.sqrt(self._squares[i] / max(known, 1)), self._least[i],
                       self._most[i])
            rows.append({
                "name": name,
                "nan_share": 1.0 - known / self.row_count if self.row_count else None,
                **{key: float(x) if known else None
                   for key, x in zip(("mean", "std", "min", "max"), figures, strict=True)}})
        return rows


def write_features(log: "EventLog", target: Path, config: FeatureConfig | None = None,
                   progress: Callable[[int, int], None] | None = None) -> FeatureSummary:
    """Stream all rows of a log into one Parquet file, whole or not at all.

    Parameters
    ----------
    log : EventLog
    target : path
        Replaced if it is there.
    config : FeatureConfig, optional
    progress : callable, optional
        Called with the records taken and their number in all.

    Returns
    -------
    FeatureSummary

    Raises
    ------
    InputError
        If a record is structurally damaged; no file is left then.
    StoreError
        If the disk refuses.

    Notes
    -----
    Columns: exch_time (UTC), the features as float64, and the rows' whole numbers and book_ok;
    event_index counts from the log's first record. The metadata name the log's content hash and
    the definition of the features. Memory does not grow with the log.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    config = config or FeatureConfig()
    schema = pa.schema(
        [("exch_time", pa.timestamp("ns", tz="UTC")),
         *((name, pa.float64()) for name in FEATURE_NAMES),
         *((name, pa.int64()) for name in WHOLE_COLUMNS), ("book_ok", pa.bool_())],
        metadata=_metadata(log, config))
    summary = FeatureSummary()
    temporary = temporary_beside(target)
    try:
        with pq.ParquetWriter(temporary, schema, compression="zstd", compression_level=3,
                              use_dictionary=False, write_page_checksum=True) as writer:
            for start, rows in feature_batches(log, config):
                writer.write_batch(_record_batch(pa, schema, start, rows))
                summary.update(rows.values[:rows.count])
                if progress is not None:
                    progress(start + int(rows.event_index[rows.count - 1]) + 1, len(log.events))
        publish(temporary, target)
    except OSError as error:
        raise StoreError(f"{target} cannot be written: {error}") from None
    finally:
        discard(temporary)
    return summary


def _record_batch(pa: Any, schema: Any, start: int, rows: FeatureRows) -> Any:
    n = rows.count
    whole = {name: getattr(rows, name)[:n].astype(np.int64) for name in WHOLE_COLUMNS}
    whole["event_index"] = whole["event_index"] + start
    return pa.record_batch(
        [pa.array(rows.exch_ns[:n]).cast(schema.field("exch_time").type),
         *(pa.array(np.ascontiguousarray(rows.values[:n, i])) for i in range(27)),
         *(pa.array(column) for column in whole.values()),
         pa.array(rows.book_ok[:n].astype(bool))], schema=schema)


def _metadata(log: "EventLog", config: FeatureConfig) -> dict[str, str]:
    return {
        "dreammaker.feature_definition": definition_hash(config),
        "dreammaker.feature_version": str(DEFINITION_VERSION),
        "dreammaker.feature_config": json.dumps(asdict(config), sort_keys=True),
        "dreammaker.log_hash": log.content_hash,
        "dreammaker.symbol": log.instrument.symbol,
        "dreammaker.day": log.day.isoformat(),
        "dreammaker.source": log.source.name,
    }
