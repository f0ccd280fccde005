"""Does a pipeline know its future? Take the future away, then change it, and compare.

A row's index says when it is known. If the log is cut at an instant t, or everything after t is
changed, then every row known at or before t must stay as it was, to the bit: features, bars and
decision rows by the time they carry, labels by their end. What changes is a leak, and it is named.
"""

import pickle
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from dreammaker.domain.errors import ConfigError, DreamMakerError, InputError
from dreammaker.domain.schema import Flag, Kind
from dreammaker.research.lookahead_report import Leak, LookaheadReport, instant
from dreammaker.store.eventlog import EventLog

if TYPE_CHECKING:
    import pandas as pd

Pipeline = Callable[[EventLog], "pd.DataFrame"]
Clock = Literal["exchange", "local", "known"]

__all__ = ["CLOCKS", "Clock", "Leak", "LookaheadReport", "Pipeline", "detect", "instant",
           "record_times"]
Ints = NDArray[np.int64]

CLOCKS = ("exchange", "local", "known")
_NS = 1_000_000_000


@dataclass(slots=True)
class _Found:
    first_ns: int
    reach_ns: int
    how: str
    value: str
    other: str
    cuts: int = 0


@dataclass(frozen=True, slots=True)
class _Table:
    """A frame by time: equal times keep their order and are numbered."""

    time: Ints
    number: Ints
    columns: dict[str, NDArray[Any]] = field(default_factory=dict)

    def until(self, instant_ns: int) -> "_Table":
        stop = int(np.searchsorted(self.time, instant_ns, "right"))
        return _Table(self.time[:stop], self.number[:stop],
                      {name: values[:stop] for name, values in self.columns.items()})


def detect(pipeline: Pipeline, log: EventLog, *, rng: np.random.Generator, cuts: int = 8,
           clock: Clock = "exchange", name: str = "pipeline", tolerance: float = 1e-9,
           timers: bool = False,
           progress: Callable[[int, int], None] | None = None) -> LookaheadReport:
    """Cut and change a log's future and see whether a pipeline's past moves.

    Parameters
    ----------
    pipeline : callable
        From an EventLog to a DataFrame whose DatetimeIndex (UTC, or without a zone) says when each
        row is known. It is called ``2 cuts + 1`` times and must not depend on anything else: a
        mean of the whole day that is kept from the first call hides its look-ahead
        (``house.load_pipeline`` runs a module anew for every call).
    log : EventLog
    rng : numpy.random.Generator
        Chooses the cuts and the changes.
    cuts : int
        Instants at which the log is cut: half of them drawn from the rows' own times, where a row
        that is stamped too early shows itself, half from the records.
    clock : {"exchange", "local", "known"}
        The index is the running maximum of exchange time, receive time, or the later of the two.
    name : str
        For the report.
    tolerance : float
        Difference of two numbers that counts as none, as a share of the column's largest
        deviation from its mean: rounding in pandas' own sums. 0 compares bits.
    timers : bool
        Rows may come from the clock alone (a regular grid, a label that runs out): a row that is
        stamped between two records may then be missing until the next one has come. Without it,
        such a row is a leak if it is not there before.
    progress : callable, optional
        Called with the comparisons made and their number in all.

    Returns
    -------
    LookaheadReport

    Raises
    ------
    InputError
        If the pipeline fails, returns no frame by time, returns no row, other rows for the same
        log, or the same rows for logs without their future.
    ConfigError
        If a parameter is out of range, or the log is too short to be cut.

    Examples
    --------
    >>> import pandas as pd
    >>> from dreammaker.domain.instrument import Instrument
    >>> from dreammaker.domain.schema import EVENT_DTYPE
    >>> from dreammaker.domain.source import SourceProfile
    >>> events = np.zeros(50, EVENT_DTYPE)
    >>> events["kind"], events["flags"], events["qty_lots"] = Kind.TRADE, Flag.LAST, 1
    >>> events["exch_ns"] = events["local_ns"] = np.arange(50) * 1_000_000_000
    >>> events["price_ticks"] = np.arange(50) ** 2
    >>> def leaky(log):
    ...     price = pd.Series(log.events["price_ticks"],
    ...                       pd.to_datetime(log.events["exch_ns"], utc=True), dtype=float)
    ...     return pd.DataFrame({"price": price, "next": price.shift(-1)})
    >>> report = detect(leaky, EventLog.of(events, Instrument.win(), SourceProfile("x", 0, False)),
    ...                 rng=np.random.default_rng(1))
    >>> report.passed, [leak.column for leak in report.leaks]
    (False, ['next'])
    """
    if cuts < 1:
        raise ConfigError(f"cuts must be 1 or more, was {cuts}")
    if clock not in CLOCKS:
        raise ConfigError(f"clock must be one of {', '.join(CLOCKS)}, was {clock!r}")
    if not 0.0 <= tolerance < 1.0:
        raise ConfigError(f"tolerance must be in [0, 1), was {tolerance!r}")
    whole = _called(pipeline, log, name)
    if not len(whole.time):
        raise InputError(f"{name} returned no row for {log.instrument.symbol} on {log.day}")
    key = record_times(log, clock)
    places = _places(key, whole.time, cuts, timers, rng)
    found: dict[str, _Found] = {}
    notes: list[str] = []
    done = cut = unmoved = 0
    for place, until in places:
        past = whole.until(until)
        for how, other in (("truncation", _cut), ("perturbation", _changed)):
            try:
                table = _called(pipeline, other(log, place, rng), name)
            except DreamMakerError as error:
                notes.append(f"{how} at {instant(until)} could not be compared: {error}")
                continue
            _compare(past, table.until(until), until, how, tolerance, found)
            done += 1
            if other is _cut and whole.time[-1] > until:
                cut += 1
                unmoved += _same(whole, table)
            if progress is not None:
                progress(done, 2 * len(places))
    if cut and unmoved == cut:
        raise InputError(f"{name} gave the same rows for logs without their future: it does not "
                         "look at the log it is given, or keeps what it computed before")
    if found and not _same(whole, _called(pipeline, log, name)):
        raise InputError(f"{name} gave different rows for the same log: look-ahead cannot be told "
                         "from chance; fix its seeds")
    if not done:
        raise InputError(f"{name} failed on every shortened log; {notes[0]}")
    leaks = tuple(Leak(column, item.first_ns, item.reach_ns / _NS, item.how, item.value, item.other,
                       item.cuts)
                  for column, item in sorted(found.items(), key=lambda pair: pair[1].first_ns))
    return LookaheadReport(name, tuple(whole.columns), len(whole.time), done, leaks, tuple(notes))


def record_times(log: EventLog, clock: Clock) -> Ints:
    """When each record counts as known by a clock, never decreasing; int64, shape (records,)."""
    exchange = np.maximum.accumulate(log.events["exch_ns"])
    if clock == "exchange":
        return exchange
    local = np.maximum.accumulate(log.events["local_ns"])
    return local if clock == "local" else np.maximum(exchange, local)


def _places(key: Ints, rows: Ints, cuts: int, timers: bool,
            rng: np.random.Generator) -> list[tuple[int, int]]:
    """Numbers of records to keep, and up to when: only where the clock moves on."""
    moves = np.flatnonzero(np.diff(key) > 0) + 1
    if not moves.size:
        raise ConfigError("the log is too short to be cut: all its records share one time")
    stamps = np.unique(rows)
    kept = np.searchsorted(key, stamps, "right")
    stamps = stamps[(kept > 0) & (kept < len(key))]
    # At the first row there is next to nothing to compare.
    stamps = rng.choice(stamps[1:], min((cuts + 1) // 2, len(stamps[1:])), replace=False)
    kept = np.searchsorted(key, stamps, "right")
    until = key[kept - 1] if timers else stamps
    chosen = dict(zip(kept.tolist(), until.tolist(), strict=True))
    # Before the first row there is nothing to compare.
    later = moves[key[moves - 1] >= rows[0]]
    pool = np.setdiff1d(later if later.size else moves, kept)
    more = rng.choice(pool, min(cuts - len(chosen), pool.size), replace=False)
    chosen.update(zip(more.tolist(), key[more - 1].tolist(), strict=True))
    return sorted(chosen.items())


def _cut(log: EventLog, place: int, rng: np.random.Generator) -> EventLog:
    """The log without its future."""
    return EventLog.of(log.events[:place], log.instrument, log.source, log.quality, log.day)


def _changed(log: EventLog, place: int, rng: np.random.Generator) -> EventLog:
    """The log with another future: prices moved, sizes multiplied, aggressors swapped.

    The records stay sound: all prices move alike, and orders keep their sizes. A book by levels is
    emptied first, or its old levels would hide the new ones.
    """
    events = np.array(log.events)
    future = events[place:]
    shift = int(rng.integers(20, 200)) * int(rng.choice((-1, 1)))
    future["price_ticks"] += np.where(
        np.isin(future["kind"], (Kind.SESSION, Kind.GAP, Kind.CLEAR)), 0, shift)
    sized = np.isin(future["kind"], (Kind.LEVEL_SET, Kind.SNAPSHOT, Kind.QUOTE, Kind.TRADE)) & (
        future["qty_lots"] > 0)
    future["qty_lots"] = np.where(sized, future["qty_lots"] * int(rng.integers(2, 6)),
                                  future["qty_lots"])
    future["side"] = np.where(future["kind"] == Kind.TRADE, -future["side"], future["side"])
    future["flags"] &= ~np.uint32(Flag.OFF_GRID)
    future["residual_microticks"] = 0
    levels = np.flatnonzero(future["kind"] == Kind.LEVEL_SET)
    if levels.size and not np.isin(future["kind"], (Kind.ORDER_ADD, Kind.ORDER_EXECUTE)).any():
        for name, value in (("kind", Kind.CLEAR), ("side", 0), ("price_ticks", 0),
                            ("qty_lots", 0)):
            future[name][levels[0]] = value
    return EventLog.of(events, log.instrument, log.source, log.quality, log.day)


def _called(pipeline: Pipeline, log: EventLog, name: str) -> _Table:
    """The pipeline's rows; whatever it fails with becomes one sentence."""
    try:
        frame = pipeline(log)
    except DreamMakerError:
        raise
    except (Exception, SystemExit) as error:
        what = ": ".join(filter(None, (type(error).__name__, str(error))))
        raise InputError(f"{name} failed: {what}") from error
    return _table(frame, name)


def _table(frame: Any, name: str) -> _Table:
    import pandas as pd

    if not isinstance(frame, pd.DataFrame):
        raise InputError(f"{name} must return a DataFrame, returned {type(frame).__name__}")
    if not isinstance(frame.index, pd.DatetimeIndex):
        raise InputError(f"{name} must return a DataFrame indexed by time (DatetimeIndex), had an "
                         f"index of {type(frame.index).__name__}")
    if frame.index.hasnans:
        raise InputError(f"{name} must give every row a time; some are NaT")
    if not frame.columns.is_unique or not len(frame.columns):
        raise InputError(f"{name} must return columns with different names, at least one")
    index = frame.index.tz_convert("UTC").tz_localize(None) if frame.index.tz else frame.index
    time: Ints = index.to_numpy().astype("datetime64[ns]").view(np.int64)
    order = np.argsort(time, kind="stable")
    time = time[order]
    first = np.searchsorted(time, time, "left")
    columns = {str(column): _plain(frame[column])[order] for column in frame.columns}
    return _Table(time, np.arange(len(time)) - first, columns)


def _plain(column: "pd.Series[Any]") -> NDArray[Any]:
    """Values as they are where they are whole numbers, as float64 or else as objects."""
    import pandas as pd

    if isinstance(column.dtype, np.dtype) and column.dtype.kind in "iu":
        return column.to_numpy()
    if pd.api.types.is_numeric_dtype(column.dtype) or pd.api.types.is_bool_dtype(column.dtype):
        return column.to_numpy(np.float64, na_value=np.nan)
    return column.astype(object).to_numpy()


def _compare(past: _Table, other: _Table, until: int, how: str, tolerance: float,
             found: dict[str, _Found]) -> None:
    """Note every column that differs at or before an instant, with its earliest row."""
    rows, others, lost, gained = _aligned(past, other)
    for column in {**past.columns, **other.columns}:
        mine, its = past.columns.get(column), other.columns.get(column)
        if mine is None or its is None:
            time = int((past if its is None else other).time[0]) if len(
                (past if its is None else other).time) else until
            _note(found, column, time, until, how, "there" if its is None else "not there",
                  "not there" if its is None else "there")
            continue
        worst = np.flatnonzero(_differ(mine[rows], its[others], mine, tolerance))
        candidates = [(int(past.time[rows[worst[0]]]), mine[rows[worst[0]]],
                       its[others[worst[0]]])] if worst.size else []
        for table, values, only in ((past, mine, lost), (other, its, gained)):
            known = only[~_missing(values[only])]
            if known.size:
                value = values[known[0]]
                candidates.append((int(table.time[known[0]]),
                                   *((value, "no row") if table is past else ("no row", value))))
        if candidates:
            time, value, changed = min(candidates, key=lambda item: item[0])
            _note(found, column, time, until, how, _shown(value), _shown(changed))


def _aligned(past: _Table, other: _Table) -> tuple[Ints, Ints, Ints, Ints]:
    """Rows both have (of one, of the other), rows only the first has, rows only the other has."""
    if np.array_equal(past.time, other.time):
        every = np.arange(len(past.time))
        return every, every, every[:0], every[:0]
    times = np.union1d(past.time, other.time)
    # Time and number among equal times as one integer.
    most = 1 + max(int(table.number.max()) if len(table.number) else 0 for table in (past, other))
    mine, its = (np.searchsorted(times, table.time) * most + table.number
                 for table in (past, other))
    _, rows, others = np.intersect1d(mine, its, assume_unique=True, return_indices=True)
    return (rows, others, np.setdiff1d(np.arange(len(past.time)), rows),
            np.setdiff1d(np.arange(len(other.time)), others))


def _differ(mine: NDArray[Any], its: NDArray[Any], column: NDArray[Any],
            tolerance: float) -> NDArray[np.bool_]:
    if mine.dtype == object or its.dtype == object:
        alike = np.array([_alike(a, b) for a, b in zip(mine, its, strict=True)], np.bool_)
        return ~(alike | (_missing(mine) & _missing(its)))
    known = column[np.isfinite(column)]
    scale = float(np.abs(known - known.mean()).max()) if known.size else 0.0
    with np.errstate(invalid="ignore"):
        near = (mine == its) | (np.abs(mine - its) <= tolerance * scale)
    return np.asarray(~(near | (np.isnan(mine) & np.isnan(its))), np.bool_)


def _alike(a: Any, b: Any) -> bool:
    """Whether two objects are equal, arrays (with NaN in them) included."""
    try:
        return a is b or bool(a == b)
    except (TypeError, ValueError):
        return pickle.dumps(a) == pickle.dumps(b)


def _missing(values: NDArray[Any]) -> NDArray[np.bool_]:
    import pandas as pd

    return np.asarray(pd.isna(values), np.bool_)


def _note(found: dict[str, _Found], column: str, time: int, until: int, how: str, value: str,
          other: str) -> None:
    item = found.get(column)
    if item is None:
        item = found[column] = _Found(time, 0, how, value, other)
    elif time < item.first_ns:
        item.first_ns, item.how, item.value, item.other = time, how, value, other
    item.reach_ns = max(item.reach_ns, until - time)
    item.cuts += 1


def _same(one: _Table, other: _Table) -> bool:
    found: dict[str, _Found] = {}
    _compare(one, other, int(one.time[-1]), "", 0.0, found)
    return not found


def _shown(value: Any) -> str:
    return f"{value:.9g}" if isinstance(value, float) else str(value)
