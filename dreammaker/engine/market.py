"""What the loop knows of the market at the present item: the latest feature row at or before it."""

from bisect import bisect_left, bisect_right
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from dreammaker.domain.instrument import Instrument
from dreammaker.domain.schema import EventArray, Phase
from dreammaker.engine.clock import NS_PER_MS


class Rows(Protocol):
    """Feature rows of one batch (``features.pipeline.FeatureRows``)."""

    values: NDArray[np.float64]
    exch_ns: NDArray[np.int64]
    local_ns: NDArray[np.int64]
    event_index: NDArray[np.int64]
    bid_ticks: NDArray[np.int32]
    ask_ticks: NDArray[np.int32]
    bid_qty: NDArray[np.int32]
    ask_qty: NDArray[np.int32]
    last_trade_ticks: NDArray[np.int32]
    trade_flow_10s: NDArray[np.int64]
    session_volume: NDArray[np.int64]
    book_ok: NDArray[np.uint8]

    @property
    def count(self) -> int:
        """Rows that are filled."""
        ...


class _Columns:
    """The columns of a batch's rows as buffers: one number from them costs a quarter of NumPy's."""

    __slots__ = ("ask_qty", "ask_ticks", "bid_qty", "bid_ticks", "book_ok", "event_index",
                 "exch_ns", "last_trade_ticks", "local_ns", "rows", "session_volume",
                 "trade_flow_10s")

    def __init__(self, rows: Rows) -> None:
        self.rows = rows
        self.exch_ns, self.local_ns = rows.exch_ns.data, rows.local_ns.data
        self.event_index = rows.event_index.data
        self.bid_ticks, self.ask_ticks = rows.bid_ticks.data, rows.ask_ticks.data
        self.bid_qty, self.ask_qty = rows.bid_qty.data, rows.ask_qty.data
        self.last_trade_ticks = rows.last_trade_ticks.data
        self.trade_flow_10s = rows.trade_flow_10s.data
        self.session_volume = rows.session_volume.data
        self.book_ok = rows.book_ok.data


class MarketView:
    """The present row's figures as plain numbers, and how old the data are.

    Attributes
    ----------
    features : float64 array, shape (27,)
        Of the present row; a copy, NaN before the first row.
    bid_ticks, ask_ticks, bid_qty, ask_qty, last_trade_ticks : int
    book_ok : bool
        Two-sided and not crossed or locked.
    sound_mid_half_ticks : int
        Bid plus ask of the last row whose book was; 0 before the first. What open lots are worth.
    row_time_ns : int
        Local time of the present row.
    event_count : int
        Records from the start of the session up to the present row.
    phase : Phase
        Of the session, as the loop last delivered it.
    """

    def __init__(self, instrument: Instrument, feature_count: int) -> None:
        self.instrument = instrument
        self.features = np.full(feature_count, np.nan)
        self.bid_ticks = self.ask_ticks = self.last_trade_ticks = 0
        self.bid_qty = self.ask_qty = -1
        self.trade_flow_10s = self.session_volume = 0
        self.book_ok = False
        self.sound_mid_half_ticks = 0
        self.row_time_ns = self.row_exch_ns = 0
        self.event_count = 0
        self.phase = Phase.CONTINUOUS
        self.last_event_ns = 0
        self._columns: _Columns | None = None
        self._next = self._end = 0
        self._events_before = 0
        self._event_local: NDArray[np.int64] | None = None
        self._carried_event_ns = 0

    def open_batch(self, events: EventArray, rows: Rows, events_before: int) -> None:
        """Take the rows of a new batch; the present row stays until ``seek`` moves on.

        Rows keep their arrays for good: those of the last batch, filled anew, are known already.
        """
        if self._event_local is not None and self._event_local.size:
            self._carried_event_ns = int(self._event_local[-1])
        self._event_local = events["local_ns"]
        if self._columns is None or self._columns.rows is not rows:
            self._columns = _Columns(rows)
        self._next = 0
        self._end = 0
        self._events_before = events_before

    def reveal(self, row_count: int) -> None:
        """Let ``seek`` go no further than the first ``row_count`` rows of the open batch.

        Packets of one moment are handled one by one: a decision on the first of them must not be
        preceded by a look at the second.
        """
        self._end = row_count

    def seek(self, time_ns: int) -> None:
        """Make the latest revealed row at or before a time the present row."""
        columns, start, end = self._columns, self._next, self._end
        if columns is None or start >= end or columns.local_ns[start] > time_ns:
            return
        self._take(columns, bisect_right(columns.local_ns, time_ns, start, end) - 1)

    def seek_record(self, record: int) -> None:
        """Make the latest revealed row before a record of the session the present row.

        Parameters
        ----------
        record : int
            Number of the record from the start of the session; rows that end before it count.
        """
        columns, start, end = self._columns, self._next, self._end
        if columns is None or start >= end:
            return
        behind = bisect_left(columns.event_index, record - self._events_before, start, end)
        if behind > start:
            self._take(columns, behind - 1)

    def take(self, index: int) -> None:
        """Make row ``index`` of the open batch the present row (never an earlier one)."""
        columns = self._columns
        if columns is None or index < self._next - 1:
            raise AssertionError("rows are taken in order")
        if index >= self._next:
            self._take(columns, index)

    def _take(self, columns: _Columns, index: int) -> None:
        self._next = index + 1
        self.features[:] = columns.rows.values[index]
        self.bid_ticks = columns.bid_ticks[index]
        self.ask_ticks = columns.ask_ticks[index]
        self.bid_qty = columns.bid_qty[index]
        self.ask_qty = columns.ask_qty[index]
        self.last_trade_ticks = columns.last_trade_ticks[index]
        self.trade_flow_10s = columns.trade_flow_10s[index]
        self.session_volume = columns.session_volume[index]
        self.book_ok = bool(columns.book_ok[index])
        if self.book_ok:
            self.sound_mid_half_ticks = self.bid_ticks + self.ask_ticks
        self.row_time_ns = columns.local_ns[index]
        self.row_exch_ns = columns.exch_ns[index]
        self.event_count = self._events_before + columns.event_index[index] + 1

    def data_age_ns(self, now_ns: int) -> int:
        """Time since the last record that had reached us by ``now_ns``."""
        if now_ns == self.row_time_ns:
            return 0
        local = self._event_local
        position = 0 if local is None else int(np.searchsorted(local, now_ns, side="right"))
        if local is not None and position:
            return now_ns - int(local[position - 1])
        return now_ns - self._carried_event_ns

    def is_fresh(self, now_ns: int, most_ms: float) -> bool:
        """Whether the data's age is known to lie between 0 and so many milliseconds."""
        # The last record is no older than the present row; only where that tells too little is it
        # looked up among the batch's records.
        since_row_ns = now_ns - self.row_time_ns
        if 0 <= since_row_ns / NS_PER_MS <= most_ms and now_ns >= self._carried_event_ns:
            return True
        return 0 <= self.data_age_ns(now_ns) / NS_PER_MS <= most_ms

    @property
    def mid_half_ticks(self) -> int:
        """Bid plus ask in ticks: twice the mid."""
        return self.bid_ticks + self.ask_ticks
