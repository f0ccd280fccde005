"""Decision rows with labels, weights and spans: what models train on.

Days go through one after the other: features in batches, rows chosen by the sampler, labels on the
day's own prices. What a day gives is cached by the hash of all that it follows from, so a change
of the label rule alone does not compute features again.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from dreammaker.domain.errors import ConfigError, InputError, StoreError
from dreammaker.features.config import FeatureConfig
from dreammaker.models.labels import PricePath
from dreammaker.models.view import MODEL_FEATURES, view_hash
from dreammaker.research.label_rule import LabelRule
from dreammaker.research.lookback import feature_lookback
from dreammaker.research.rows import Progress, day_rows, digest
from dreammaker.research.sampling import Sampler

if TYPE_CHECKING:
    import pandas as pd

    from dreammaker.store.eventlog import EventLog

DATASET_VERSION = 3
"""Rises whenever the same inputs give another data set."""

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False, slots=True)
class Dataset:
    """Labelled decision rows of one symbol, in order of time.

    Attributes
    ----------
    symbol : str
    feature_names : tuple of str
        Columns of `X`.
    X : float64 array, shape (n, features)
        NaN where a feature is not known.
    y : int8 array, shape (n,)
        -1, 0 or +1.
    t_start, t_end : int64 array, shape (n,)
        When the decision was made and the last instant that its label depends on, UTC ns.
    weights : float64 array, shape (n,)
        By the rule; not scaled.
    day : datetime64[D] array, shape (n,)
        Exchange date of the session.
    ret : float64 array, shape (n,)
        Points that the labelled direction gained, signed by the direction (``Labels.ret``).
    barrier : int8 array, shape (n,)
        What ended the label (``models.labels.Barrier``).
    target : float64 array, shape (n,)
        Points that the barriers are multiples of.
    mid : float64 array, shape (n,)
        Mid price of the row, points.
    spread_ticks : int32 array, shape (n,)
    event_index : int64 array, shape (n,)
        Record of the day's log.
    tick_size : float
    rule : LabelRule
    sampler : Sampler
    features : FeatureConfig
    log_hashes : dict of str to str
        Content hash of each day's log, by ISO date.
    dropped : dict of str to int
        Decisions without a label, by reason.

    Examples
    --------
    A data set's own splits: labels end when they end, and the embargo covers the features' memory.

    >>> from dreammaker.validation import PurgedKFold
    >>> def folds(data: Dataset) -> PurgedKFold:
    ...     return PurgedKFold(5, embargo=data.embargo(), label_end_times=data.label_end_times())
    """

    symbol: str
    feature_names: tuple[str, ...]
    X: Floats
    y: NDArray[np.int8]
    t_start: Ints
    t_end: Ints
    weights: Floats
    day: NDArray[np.datetime64]
    ret: Floats
    barrier: NDArray[np.int8]
    target: Floats
    mid: Floats
    spread_ticks: NDArray[np.int32]
    event_index: Ints
    tick_size: float
    rule: LabelRule
    sampler: Sampler
    features: FeatureConfig
    log_hashes: dict[str, str]
    dropped: dict[str, int] = field(default_factory=dict)

    def __len__(self) -> int:
        """Number of rows."""
        return len(self.y)

    @property
    def feature_hash(self) -> str:
        """Hash of the features' definition and of the models' view of them."""
        return view_hash(self.features)

    @property
    def content_hash(self) -> str:
        """SHA-256 over all that the rows follow from: logs, features, sampler and label rule."""
        return digest({"symbol": self.symbol, "keys": [
            day_key(log, self.features, self.sampler, self.rule)
            for _, log in sorted(self.log_hashes.items())]})

    def rows_of(self, logs: "Iterable[EventLog]") -> "Iterator[tuple[EventLog, Ints]]":
        """Each day's log with the rows that were made of it.

        Parameters
        ----------
        logs : iterable of EventLog
            Of the data set's days, each opened only when it is its turn.

        Raises
        ------
        InputError
            If a log is not the one that the rows were made of, or after the last if one is missing.
        """
        seen: set[str] = set()
        for log in logs:
            day = log.day.isoformat()
            if self.log_hashes.get(day) != log.content_hash:
                raise InputError(f"the log of {day} is not the one that the rows were made of")
            seen.add(day)
            yield log, np.flatnonzero(self.day == np.datetime64(day, "D"))
        if missing := sorted(set(self.log_hashes) - seen):
            raise InputError(f"the log of {missing[0]} is missing")

    def frame(self) -> "pd.DataFrame":
        """X as a DataFrame indexed by the decisions' times (UTC)."""
        import pandas as pd

        return pd.DataFrame(self.X, index=self._times(self.t_start), columns=self.feature_names)

    def label_end_times(self) -> "pd.Series":
        """Label ends indexed by the decisions' times, both UTC; the index of `frame`."""
        import pandas as pd

        return pd.Series(self._times(self.t_end), index=self._times(self.t_start), name="t_end")

    def embargo(self, share: float = 0.01) -> timedelta:
        """The larger of a share of the rows, in time, and the features' memory.

        Parameters
        ----------
        share : float
            Of the rows, in [0, 1); rows are turned into time by the median distance between rows.
        """
        if not 0.0 <= share < 1.0:
            raise ConfigError(f"share must be in [0, 1), was {share!r}")
        step = float(np.median(np.diff(self.t_start))) if len(self) > 1 else 0.0
        rows = timedelta(microseconds=share * len(self) * step / 1e3)
        return max(rows, feature_lookback(self.features))

    def take(self, rows: Any) -> "Dataset":
        """Some rows, by a mask or ascending indices."""
        return replace(self, **{name: getattr(self, name)[rows] for name in _COLUMNS})

    def save(self, path: str | Path) -> None:
        """Write the rows and what they follow from to one Parquet file, whole or not at all.

        Raises
        ------
        StoreError
            If the disk refuses.
        """
        from dreammaker.research.dataset_file import write_dataset

        write_dataset(self, Path(path))

    @classmethod
    def load(cls, path: str | Path) -> "Dataset":
        """Read a file of `save`.

        Raises
        ------
        StoreError
            If it is missing, damaged, of another version, or no data set.
        """
        from dreammaker.research.dataset_file import read_dataset

        return read_dataset(Path(path))

    def described(self) -> dict[str, Any]:
        """Everything that is not a row, fit for JSON."""
        return {"version": DATASET_VERSION, "symbol": self.symbol,
                "feature_names": list(self.feature_names), "feature_hash": self.feature_hash,
                "tick_size": self.tick_size, "rule": self.rule.to_dict(),
                "sampler": self.sampler.to_dict(), "features": asdict(self.features),
                "log_hashes": self.log_hashes, "dropped": self.dropped,
                "content_hash": self.content_hash}

    def _times(self, values: Ints) -> "pd.DatetimeIndex":
        import pandas as pd

        return pd.DatetimeIndex(values.astype("datetime64[ns]"), tz="UTC", name="time")


_COLUMNS = ("X", "y", "t_start", "t_end", "weights", "day", "ret", "barrier", "target", "mid",
            "spread_ticks", "event_index")


def day_key(log_hash: str, config: FeatureConfig, sampler: Sampler, rule: LabelRule) -> str:
    """Content hash of a day's labelled rows, hex."""
    return digest({"version": DATASET_VERSION, "log": log_hash, "view": view_hash(config),
                   "features": asdict(config), "sampler": sampler.to_dict(),
                   "rule": rule.to_dict()})


def label_day(log: "EventLog", sampler: Sampler, rule: LabelRule, config: FeatureConfig,
              cache: Path | None = None, progress: Progress | None = None) -> Dataset:
    """One day's data set; see `build_dataset`.

    Parameters
    ----------
    log : EventLog
    sampler : Sampler
    rule : LabelRule
    config : FeatureConfig
    cache : path, optional
        Folder for rows and labelled days; nothing is kept without one.
    progress : callable, optional
        Called with the records taken and their number in all.
    """
    from dreammaker.research.dataset_file import read_dataset, write_dataset

    key = day_key(log.content_hash, config, sampler, rule)
    target = None if cache is None else cache / f"labels-{key}.parquet"
    if target is not None and target.is_file():
        try:
            return read_dataset(target)
        except StoreError:
            # A cache is only a copy: a damaged one is made anew.
            target.unlink(missing_ok=True)
    rows = day_rows(log, sampler, config, cache, progress)
    if not len(rows):
        raise InputError(f"{log.instrument.symbol} on {log.day} has no decision row: the sampler "
                         "chose none of its rows in continuous trading")
    path = PricePath.of_log(log, config)
    labels = rule.labels(path, rows.decided_ns)
    at = labels.position
    data = Dataset(
        log.instrument.symbol, MODEL_FEATURES, rows.values[at], labels.label, labels.event,
        labels.end, rule.weights(labels, path),
        np.full(len(labels), np.datetime64(log.day.isoformat(), "D")), labels.ret, labels.barrier,
        labels.target, rows.mid[at], rows.spread_ticks[at], rows.event_index[at],
        log.instrument.tick_size, rule, sampler, config, {log.day.isoformat(): log.content_hash},
        {reason: int(count) for reason, count in labels.dropped.items() if count})
    if target is not None:
        write_dataset(data, target)
    return data


def build_dataset(source: "str | Path | Iterable[EventLog]", symbol: str | None = None,
                  days: Sequence[date | str] | None = None, *, sampler: Sampler | None = None,
                  rule: LabelRule | None = None, features: FeatureConfig | None = None,
                  cache: bool = True, progress: Progress | None = None) -> Dataset:
    """Decision rows with labels from an archive's days, or from logs in memory.

    Parameters
    ----------
    source : path, or iterable of EventLog
        Archive folder; or the days themselves, in order, each opened only when it is its turn.
    symbol : str, optional
        Of the archive.
    days : sequence of dates, optional
        Ascending; all days of the symbol where not given.
    sampler : Sampler, optional
        The first row at or after each second where not given.
    rule : LabelRule, optional
    features : FeatureConfig, optional
    cache : bool
        Keep what a day gives in ``ROOT/.cache``. Logs in memory are not cached.
    progress : callable, optional
        Called with the records taken and their number in all, day by day.

    Returns
    -------
    Dataset
        Memory grows with the decision rows alone.

    Raises
    ------
    ConfigError
        If days are named twice or do not ascend, or the symbol is missing.
    StoreError
        If the archive has no such symbol or day.
    InputError
        If a record is damaged, a day has no decision row, or no row at all has a label.
    """
    sampler, rule = sampler or Sampler(), rule or LabelRule()
    config = features or FeatureConfig()
    if isinstance(source, str | Path):
        folder = Path(source) / ".cache" if cache else None
        logs = _archived(Path(source), symbol, days)
    else:
        folder, logs = None, source
    parts: list[Dataset] = []
    for log in logs:
        part = label_day(log, sampler, rule, config, folder, progress)
        if parts and len(part) and len(parts[-1]) and part.t_start[0] < parts[-1].t_start[-1]:
            raise ConfigError(f"days must ascend, but {log.day} begins before the day before it "
                              "has ended")
        parts.append(part)
    return joined(parts)


def joined(parts: Sequence[Dataset]) -> Dataset:
    """Days of one symbol, one after the other, made by the same rule, sampler and features.

    Raises
    ------
    InputError
        If there is none, they differ in what they are, or no row has a label.
    """
    if not parts:
        raise InputError("there is no day to label")
    first = parts[0]
    for part in parts[1:]:
        for name in ("symbol", "rule", "sampler", "features", "tick_size"):
            if getattr(part, name) != getattr(first, name):
                raise InputError(f"days of one data set must have one {name}, had "
                                 f"{getattr(first, name)!r} and {getattr(part, name)!r}")
    hashes: dict[str, str] = {}
    dropped: dict[str, int] = {}
    for part in parts:
        hashes.update(part.log_hashes)
        for reason, count in part.dropped.items():
            dropped[reason] = dropped.get(reason, 0) + count
    if not sum(map(len, parts)):
        reasons = ", ".join(f"{reason}: {count}" for reason, count in dropped.items())
        raise InputError(f"no decision of {first.symbol} has a label ({reasons or 'no decision'})")
    columns: dict[str, Any] = {name: np.concatenate([getattr(part, name) for part in parts])
                               for name in _COLUMNS}
    return replace(first, **columns, log_hashes=hashes, dropped=dropped)


def _archived(root: Path, symbol: str | None,
              days: Sequence[date | str] | None) -> Iterable["EventLog"]:
    from dreammaker.store.eventlog import EventStore

    if not symbol:
        raise ConfigError("a data set from an archive needs a symbol")
    store = EventStore(root)
    stored = store.days(symbol)
    if not stored:
        known = ", ".join(store.symbols()) or "none"
        raise StoreError(f"the archive {root} holds no day of {symbol} (symbols there: {known})")
    chosen = stored if days is None else [_date(day) for day in days]
    if not chosen:
        raise ConfigError("days must name one day or more")
    if any(later <= earlier for earlier, later in pairwise(chosen)):
        raise ConfigError("days must ascend, none of them twice")
    for day in chosen:
        if day not in stored:
            raise StoreError(f"the archive {root} has no {symbol} on {day} (it holds "
                             f"{len(stored)} days from {stored[0]} to {stored[-1]})")
    return (store.open(symbol, day) for day in chosen)


def _date(day: date | str) -> date:
    if isinstance(day, date):
        return day
    try:
        return date.fromisoformat(day)
    except ValueError:
        raise ConfigError(f"a day must be YYYY-MM-DD, was {day!r}") from None
