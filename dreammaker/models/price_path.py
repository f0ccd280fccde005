"""The prices at which a label's bet could be opened and closed, and where trading breaks off."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dreammaker.domain.errors import InputError
from dreammaker.domain.schema import Flag, Kind
from dreammaker.features.config import FeatureConfig
from dreammaker.features.pipeline import FeatureRows
from dreammaker.features.stream import feature_batches

if TYPE_CHECKING:
    from dreammaker.store.eventlog import EventLog

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_BATCH = 65_536
_NEVER = 2**62
_PRINTS = (Kind.TRADE, Kind.ORDER_EXECUTE)
_BOOK = (Kind.LEVEL_SET, Kind.SNAPSHOT, Kind.ORDER_ADD, Kind.ORDER_CANCEL, Kind.ORDER_MODIFY,
         Kind.ORDER_EXECUTE, Kind.QUOTE)

LEAST_TICKS = 4
"""The least barrier where the grid is known: 20 points on WIN."""


@dataclass(frozen=True, slots=True)
class PricePath:
    """Executable prices over time, cut into segments that no label may span.

    Attributes
    ----------
    time : int64 array, shape (n,)
        When a row's prices come into force: ns since 1970, or row numbers. Non-decreasing.
    end : int64 array, shape (n,)
        When they are all known: `time` for quotes, a bar's end for bars.
    bid, ask : float64 array, shape (n,)
        In units of ``tick_size``; NaN where nothing can be traded. A bar's open for bars.
    high, low, close : float64 array, shape (n,), optional
        Of the bid, in the same units, for bars; the ask lies ``ask - bid`` above.
    segment : int64 array, shape (n,)
        Number of each row's segment, ascending from 0.
    segment_end : int64 array, shape (segments,)
        Last instant of each segment.
    is_closed : bool array, shape (segments,)
        Whether trading broke off there; False for the last one where only the data end.
    tick_size : float
        Points a unit.
    has_grid : bool
        Whether prices are whole units.
    is_time : bool
        Whether instants are ns since 1970.

    Examples
    --------
    >>> path = PricePath.of_prices([100.0, 101.0, 99.0])
    >>> len(path), path.ask.tolist()
    (3, [100.0, 101.0, 99.0])
    """

    time: Ints
    end: Ints
    bid: Floats
    ask: Floats
    segment: Ints
    segment_end: Ints
    is_closed: NDArray[np.bool_]
    tick_size: float = 1.0
    has_grid: bool = False
    is_time: bool = True
    high: Floats | None = None
    low: Floats | None = None
    close: Floats | None = None

    def __len__(self) -> int:
        """Rows."""
        return len(self.time)

    @classmethod
    def of_log(cls, log: "EventLog", config: FeatureConfig | None = None) -> "PricePath":
        """Best bid and ask of a log in continuous trading, by exchange time.

        A segment ends at a SESSION record that changes the phase (auction, halt, call, close,
        roll), at an auction's print, and at a gap longer than ``gap_reset_ms``; behind it there
        are no prices until both sides have been told anew. Rows that change nothing are left out;
        a book that is crossed, locked or one-sided gives NaN. In batches; memory grows with the
        changes of the best prices alone.

        Raises
        ------
        InputError
            If a record is structurally damaged or the log has no row in continuous trading.
        """
        config = config or FeatureConfig()
        breaks = _find_breaks(log, config.gap_reset_ms)
        parts = [_changes(rows, start, breaks) for start, rows in feature_batches(log, config)]
        if not parts:
            raise InputError(f"{log.instrument.symbol} on {log.day} has no row in continuous "
                             "trading to label from")
        time, bid, ask, segment = (np.concatenate(column)
                                   for column in zip(*parts, strict=True))
        kept = _differs(bid, ask, segment)
        last_ns = int(np.max(log.events["exch_ns"]))
        ids, segment = np.unique(segment[kept], return_inverse=True)
        ends = np.append(breaks.time - 1, last_ns)[ids]
        return cls(time[kept], time[kept], bid[kept], ask[kept], segment.astype(np.int64),
                   np.maximum(ends, time[kept][np.searchsorted(segment, np.arange(len(ids)),
                                                               "right") - 1]),
                   ids < len(breaks.record), log.instrument.tick_size, has_grid=True)

    @classmethod
    def of_prices(cls, prices: Any) -> "PricePath":
        """A path of one price a row, at which one buys and sells alike.

        Parameters
        ----------
        prices : array_like or Series of shape (n,)
            A Series' index gives the instants (times or integers); else the row numbers do.

        Raises
        ------
        InputError
            If it is empty, holds what is no finite number, or its index is not in order.
        """
        values = _vector("prices", prices)
        time, is_time = _index(prices, len(values))
        return cls(time, time, values, values, np.zeros(len(values), np.int64), time[-1:],
                   np.zeros(1, np.bool_), is_time=is_time)

    @classmethod
    def of_bars(cls, bars: Any, spread: float = 0.0) -> "PricePath":
        """A path of bars, for sources that have nothing finer.

        A bet opens at the open of the first bar that starts at or after its moment. Which of two
        barriers in one bar came first is not known: the loss counts for a bet with a side.

        Parameters
        ----------
        bars : DataFrame
            Columns open, high, low, close; index of the bars' starts; ``end`` gives their ends,
            else the next bar's start does (the last bar, whose end is unknown, is left out).
        spread : float
            Points between bid and ask, centred on the prices; 0 or more.

        Raises
        ------
        InputError
            As for `of_prices`, or if a column is missing, a bar's open or close lies outside its
            high and low, or a bar ends before it starts or before the one before it.
        """
        if not 0.0 <= spread < np.inf:
            raise InputError(f"spread must be 0 or more, was {spread!r}")
        if missing := [name for name in ("open", "high", "low", "close") if name not in bars]:
            raise InputError(f"bars must have the columns open, high, low and close; "
                             f"{missing[0]} is missing")
        columns = {name: _vector(name, bars[name]) for name in ("open", "high", "low", "close")}
        start, is_time = _index(bars, len(columns["open"]))
        if "end" in bars:
            end, _ = _instants("end", bars["end"])
        else:
            end, start = start[1:], start[:-1]
            columns = {name: values[:-1] for name, values in columns.items()}
            if not len(start):
                raise InputError("bars must have two rows or an end column")
        if np.any(columns["high"] < columns["low"]):
            raise InputError("high must not be below low, is in row "
                             f"{int(np.argmax(columns['high'] < columns['low']))}")
        for name in ("open", "close"):
            outside = (columns[name] > columns["high"]) | (columns[name] < columns["low"])
            if outside.any():
                raise InputError(f"{name} must lie within low and high, does not in row "
                                 f"{int(np.argmax(outside))}")
        early = (end < start) | (end < np.append(end[:1], end[:-1]))
        if early.any():
            raise InputError("bars must end at or after their start, in order; does not in row "
                             f"{int(np.argmax(early))}")
        half = spread / 2.0
        open_, high, low, close = (columns[name] - half
                                   for name in ("open", "high", "low", "close"))
        return cls(start, end, open_, open_ + spread, np.zeros(len(start), np.int64), end[-1:],
                   np.zeros(1, np.bool_), is_time=is_time, high=high, low=low, close=close)

    def until(self, instant: int) -> "PricePath":
        """The path as it was known at an instant: later rows are gone, the data end there."""
        kept = int(np.searchsorted(self.end, instant, "right"))
        segments = int(self.segment[kept - 1]) + 1 if kept else 0
        ends = np.minimum(self.segment_end[:segments], instant)
        closed = self.is_closed[:segments] & (self.segment_end[:segments] < instant)
        cut = {name: getattr(self, name)[:kept] for name in (
            "time", "end", "bid", "ask", "segment", "high", "low", "close")
            if getattr(self, name) is not None}
        return replace(self, segment_end=ends, is_closed=closed, **cut)

    def mid(self) -> Floats:
        """Middle of bid and ask in units; NaN where nothing can be traded."""
        return (self.bid + self.ask) / 2.0

    def rows_at(self, instants: Ints) -> Ints:
        """The row in force at each instant: the last at or before it; -1 before the first.

        For bars the first row that starts at or after it; n behind the last.
        """
        if self.high is not None:
            return np.searchsorted(self.time, instants, "left").astype(np.int64)
        return np.searchsorted(self.time, instants, "right").astype(np.int64) - 1

    def last_known(self) -> Ints:
        """For each row the last row at or before it with prices, whatever its segment; or -1."""
        rows = np.where(np.isnan(self.bid) | np.isnan(self.ask), -1, np.arange(len(self)))
        return np.maximum.accumulate(rows)


def as_path(prices: Any) -> PricePath:
    """A path of whatever holds prices: a path, a log, a frame of bars, a Series or an array."""
    if isinstance(prices, PricePath):
        return prices
    if hasattr(prices, "events") and hasattr(prices, "instrument"):
        return PricePath.of_log(prices)
    if hasattr(prices, "columns"):
        return PricePath.of_bars(prices)
    return PricePath.of_prices(prices)


def read_instants(name: str, values: Any, path: PricePath) -> Ints:
    """Instants of the path's kind, in order; integers count as ns since 1970 on a path of times."""
    read, is_time = _instants(name, values)
    if is_time and not path.is_time and len(read):
        raise InputError(f"{name} must hold integers, as the prices' index does, held times")
    falls = np.flatnonzero(read[1:] < read[:-1])
    if falls.size:
        raise InputError(f"{name} must be in order of time, but entry {falls[0] + 1} is before "
                         f"entry {falls[0]}")
    return read


@dataclass(frozen=True, slots=True)
class _Breaks:
    """Records that break trading off, their running exchange times, and the records at which both
    sides of the book have been told anew.
    """

    record: Ints
    time: Ints
    fresh: Ints


def _find_breaks(log: "EventLog", gap_ms: int) -> _Breaks:
    phase, clock = -1, -(2**62)
    records: list[int] = []
    moments: list[int] = []
    fresh: list[list[int]] = []
    for start in range(0, len(log.events), _BATCH):
        events = log.events[start:start + _BATCH]
        kind = events["kind"]
        times = np.maximum(np.maximum.accumulate(events["exch_ns"]), clock)
        clock = int(times[-1])
        auction = (events["flags"] & Flag.AUCTION != 0) & np.isin(kind, _PRINTS)
        gap = (kind == Kind.GAP) & (events["qty_lots"] > gap_ms)
        for i in np.flatnonzero((kind == Kind.SESSION) | auction | gap):
            if kind[i] == Kind.SESSION:
                if int(events["aux"][i]) == phase:
                    continue
                phase = int(events["aux"][i])
            records.append(start + int(i))
            moments.append(int(times[i]))
            fresh.append([_NEVER, _NEVER])
        told = np.isin(kind, _BOOK)
        for column, side in enumerate((1, -1)):
            at = start + np.flatnonzero(told & (events["side"] == side))
            for number in range(len(records) - 1, -1, -1):
                if fresh[number][column] != _NEVER:
                    break
                next_at = int(np.searchsorted(at, records[number], "right"))
                if next_at < len(at):
                    fresh[number][column] = int(at[next_at])
    return _Breaks(np.array(records, np.int64), np.array(moments, np.int64),
                   np.array([max(pair) for pair in fresh], np.int64))


def _changes(rows: FeatureRows, start: int,
             breaks: _Breaks) -> tuple[Ints, Floats, Floats, Ints]:
    """Rows of a batch that change the best prices, with the number of breaks before each."""
    n = rows.count
    record = rows.event_index[:n] + start
    segment = np.searchsorted(breaks.record, record, "right").astype(np.int64)
    # What was quoted before a break is nothing one could trade at behind it.
    fresh = np.append(0, breaks.fresh)[segment] <= record
    sound = (rows.book_ok[:n] != 0) & fresh
    bid = np.where(sound, rows.bid_ticks[:n], np.nan)
    ask = np.where(sound, rows.ask_ticks[:n], np.nan)
    kept = _differs(bid, ask, segment)
    return rows.exch_ns[:n][kept], bid[kept], ask[kept], segment[kept]


def _differs(bid: Floats, ask: Floats, segment: Ints) -> NDArray[np.bool_]:
    kept = np.ones(len(bid), np.bool_)
    same = segment[1:] == segment[:-1]
    for values in (bid, ask):
        same &= (values[1:] == values[:-1]) | (np.isnan(values[1:]) & np.isnan(values[:-1]))
    kept[1:] = ~same
    return kept


def _vector(name: str, values: Any) -> Floats:
    try:
        read = np.ascontiguousarray(values, np.float64)
    except (TypeError, ValueError):
        raise InputError(f"{name} must hold numbers, was {type(values).__name__}") from None
    if read.ndim != 1 or np.ndim(values) != 1:
        raise InputError(f"{name} must have one dimension, had shape {np.shape(values)}")
    if not len(read):
        raise InputError(f"{name} must not be empty")
    bad = np.flatnonzero(~np.isfinite(read))
    if bad.size:
        raise InputError(f"{name} must hold finite numbers, was {read[bad[0]]} at index {bad[0]}")
    return read


def _index(values: Any, n: int) -> tuple[Ints, bool]:
    if not hasattr(values, "iloc"):
        return np.arange(n, dtype=np.int64), False
    time, is_time = _instants("the index of prices", values.index)
    falls = np.flatnonzero(time[1:] < time[:-1])
    if falls.size:
        raise InputError(f"the index of prices must be in order of time, but row {falls[0] + 1} "
                         f"is before row {falls[0]}")
    return time, is_time


def _instants(name: str, values: ArrayLike) -> tuple[Ints, bool]:
    """Values as int64, and whether they are times."""
    aware = getattr(getattr(values, "dtype", None), "tz", None) is not None
    array = np.atleast_1d(np.asarray(values, "datetime64[ns]" if aware else None))
    if array.ndim == 1 and array.dtype.kind == "M":
        if np.isnat(array).any():
            raise InputError(f"{name} must hold times, has none at entry "
                             f"{int(np.argmax(np.isnat(array)))}")
        return np.ascontiguousarray(array.astype("datetime64[ns]").view(np.int64)), True
    if array.ndim == 1 and (array.dtype.kind in "iu" or array.size == 0):
        return np.ascontiguousarray(array, np.int64), False
    raise InputError(f"{name} must hold times or integers, held {array.dtype} of shape "
                     f"{array.shape}")
