"""A quoting backtest without the interpreter: records, venue, limits and policy in one loop.

The same rules as the agent path (``agents.quoting``), so that the same policy has the same fills:

* records reach us at local time and the venue at exchange time; orders and answers travel the
  entry and the response latency, none overtaking another;
* the policy is asked on the first row (a packet's end in continuous trading) at or after each
  boundary of the interval, after the reports that are due by then;
* on each side an order at the wished price stays and all others are cancelled (again after two
  seconds without an answer); then, where nothing of ours is on a side, an order for the wished
  lots is sent, bid side first. A book that is not two-sided, or crossed or locked, wishes nothing;
* every order passes the limits of the gate in the gate's order (``risk.entry``), worst case:
  whatever is still out counts as filled. What can only reduce the position passes them all.

Skipped are features, consensus and the journal, and of the limits after the fact those on losses in
a row and on refusals, slippage and latency. Loss and drawdown are looked at on decisions (the agent
path looks at reports too): when one is reached the run stops there and says so. The last trade
that the collar knows is kept over gaps. From ``stop_ns`` on nothing is quoted: what works is
cancelled and the position is closed at market.

Chunks of records are handed over one by one; the strategy never looks at a record before the venue
has all that happened by then, so memory holds the chunks in flight only.
"""
from libc.stdint cimport INT32_MAX, INT32_MIN, INT64_MAX, INT64_MIN, int64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcpy

cimport numpy as cnp
import numpy as np

from dreammaker._ext.book cimport (book_apply_deferred, book_ask_qty, book_ask_ticks, book_bid_qty,
                                   book_bid_ticks, book_free, book_init)
from dreammaker._ext.latency cimport Latency
from dreammaker._ext.matching_kernel cimport Matcher
from dreammaker._ext.policy cimport PolicyKernel, quotes_t, view_t
from dreammaker._ext.quoting_orders cimport (quoting_advance_venue, quoting_cancel,
                                             quoting_clear_side, quoting_close_out,
                                             quoting_net_micros, quoting_submit,
                                             quoting_take_reports)
from dreammaker._ext.quoting_state cimport (BAD_RECORD, DRAWDOWN, LOSS, NO_MEMORY, REASONS,
                                            chunk_t, fill_t, limits_t, message_t, report_t, run_t)
from dreammaker._ext.schema cimport (CLEAR, F_AUCTION, F_LAST, F_OFF_GRID, ORDER_EXECUTE,
                                     PHASE_CONTINUOUS, PHASE_ROLL, QUOTE, SESSION, TRADE,
                                     event_pointer, event_t)

cnp.import_array()

FILL_DTYPE = np.dtype([
    ("order_id", "<i8"), ("venue_ns", "<i8"), ("local_ns", "<i8"), ("position_lots", "<i8"),
    ("side", "<i4"), ("qty_lots", "<i4"), ("price_ticks", "<i4"), ("liquidity", "<i4")])

cdef int64_t WIND_DOWN_NS = 5_000_000_000


# hot: begin
cdef bint _view(run_t* r, view_t* view) noexcept nogil:
    # The best prices as they have reached us; False where they are no market.
    view.now_ns, view.position_lots = r.now_ns, r.position
    if r.uses_book:
        view.bid_ticks, view.ask_ticks = book_bid_ticks(&r.book), book_ask_ticks(&r.book)
        if view.bid_ticks == INT32_MIN or view.ask_ticks == INT32_MAX:
            return False
        view.bid_lots, view.ask_lots = book_bid_qty(&r.book), book_ask_qty(&r.book)
    else:
        view.bid_ticks, view.ask_ticks = r.quote_price[0], r.quote_price[1]
        if view.bid_ticks == INT32_MIN or view.ask_ticks == INT32_MAX:
            return False
        view.bid_lots, view.ask_lots = r.quote_qty[0], r.quote_qty[1]
    return view.bid_ticks < view.ask_ticks


cdef void _watch_result(run_t* r) noexcept nogil:
    cdef int64_t net = quoting_net_micros(r)
    r.high_water_micros = max(r.high_water_micros, net)
    if net <= -r.limits.max_loss_micros:
        r.stopped = LOSS
    elif r.high_water_micros - net >= r.limits.max_drawdown_micros:
        r.stopped = DRAWDOWN


cdef void _decide(run_t* r, PolicyKernel policy) noexcept nogil:
    cdef view_t view
    cdef quotes_t wish
    cdef bint sound, bid_free, ask_free
    r.decisions += 1
    quoting_advance_venue(r, r.now_ns)
    quoting_take_reports(r, r.now_ns)
    sound = _view(r, &view)
    if sound:
        r.mid2 = <int64_t>view.bid_ticks + view.ask_ticks
    if r.stopped == 0:
        _watch_result(r)
    if r.stopped:
        return
    r.told_count = r.own_count
    if r.now_ns >= r.stop_ns:
        quoting_close_out(r, &view)
        return
    wish.bid_ticks = wish.ask_ticks = wish.bid_lots = wish.ask_lots = 0
    if sound:
        policy.quote(&view, &wish)
    bid_free = quoting_clear_side(r, 1, wish.bid_ticks, wish.bid_lots)
    ask_free = quoting_clear_side(r, -1, wish.ask_ticks, wish.ask_lots)
    if bid_free and wish.bid_lots > 0:
        quoting_submit(r, &view, 1, wish.bid_ticks, wish.bid_lots, False)
    if ask_free and wish.ask_lots > 0:
        quoting_submit(r, &view, -1, wish.ask_ticks, wish.ask_lots, False)


# ---- records as they reach us ------------------------------------------------------------------
cdef void _quote(run_t* r, const event_t* e) noexcept nogil:
    cdef bint gone = e.qty_lots == 0 or e.flags & F_OFF_GRID
    if e.side > 0:
        r.quote_price[0] = INT32_MIN if gone else e.price_ticks
        r.quote_qty[0] = 0 if gone else e.qty_lots
    elif e.side < 0:
        r.quote_price[1] = INT32_MAX if gone else e.price_ticks
        r.quote_qty[1] = 0 if gone else e.qty_lots


cdef void _apply(run_t* r, const event_t* e) noexcept nogil:
    if e.kind <= CLEAR and e.kind and r.uses_book and book_apply_deferred(&r.book, e) != 0:
        r.stopped = BAD_RECORD
    if e.kind == TRADE or e.kind == ORDER_EXECUTE:
        if r.phase == PHASE_CONTINUOUS and not e.flags & F_AUCTION:
            r.last_ticks = e.price_ticks
            r.last_there = True
    elif e.kind == SESSION:
        if e.aux != PHASE_ROLL:
            r.phase = e.aux
    elif e.kind == QUOTE:
        _quote(r, e)
    elif e.kind == CLEAR and not r.uses_book:
        r.quote_price[0], r.quote_price[1] = INT32_MIN, INT32_MAX
        r.quote_qty[0] = r.quote_qty[1] = 0


cdef void _tell_phase(run_t* r, const event_t* e) noexcept nogil:
    r.told_phase = e.aux
    if e.aux == PHASE_CONTINUOUS and r.limits.entry_start_ns == INT64_MIN:
        r.limits.entry_start_ns = max(r.now_ns, e.local_ns) + r.limits.entry_delay_ns


cdef int64_t _local(run_t* r, const chunk_t* chunk, int64_t start,
                    PolicyKernel policy) noexcept nogil:
    # Records of a chunk in local order, as far as the venue has what happened by then.
    cdef const event_t* e
    cdef int64_t k = start
    if start < chunk.count and not r.running:
        # Without a word on phases the market is taken to be open.
        r.running = True
        if chunk.events[start].kind != SESSION:
            r.phase = PHASE_CONTINUOUS
    while k < chunk.count and r.stopped == 0:
        e = chunk.events + k
        if e.local_ns >= r.known_ns:
            break
        _apply(r, e)
        k += 1
        if e.flags & F_LAST and r.phase == PHASE_CONTINUOUS:
            r.rows += 1
            if e.local_ns >= r.next_decision_ns:
                r.next_decision_ns = (e.local_ns // r.interval_ns + 1) * r.interval_ns
                if e.local_ns > r.now_ns:
                    r.now_ns = e.local_ns
                _decide(r, policy)
        if e.kind == SESSION:
            _tell_phase(r, e)
    r.events += k - start
    return k
# hot: end


cdef void _wind_down(run_t* r) noexcept nogil:
    # The feed has ended: cancel what works, and let the venue run on for a moment.
    cdef int i
    for i in range(r.own_count):
        quoting_cancel(r, &r.own[i])
    quoting_advance_venue(r, r.now_ns + WIND_DOWN_NS)
    quoting_take_reports(r, r.now_ns + WIND_DOWN_NS)


_LIMITS = ("capital", "duplicate_ns", "entry_delay_ns", "entry_start_ns", "entry_stop_ns",
           "margin_per_lot", "max_drawdown_micros", "max_loss_micros", "max_messages_per_fill",
           "max_notional", "max_order_lots", "max_orders_per_minute", "max_orders_per_second",
           "max_position_lots", "max_spread_ticks", "max_working_orders", "message_allowance",
           "price_collar_ticks")
_STOPS = {0: "", LOSS: "DAILY_LOSS", DRAWDOWN: "DRAWDOWN"}


cdef class QuoteLoop:
    """One run of a quoting policy over a stream of records.

    Parameters
    ----------
    policy : PolicyKernel
    matcher : Matcher
        The venue, new: nothing may have been applied to it.
    depth_levels : int
        Prices a side that the source shows; with 0, QUOTE records give the best prices.
    interval_ns : int
        Between decisions, above 0.
    entry, response : Latency
        To the venue and back.
    limits : dict of str to number
        ``limits_t`` of ``dreammaker/_ext/quoting.pxd``, every key.
    post_only : bool
        Quotes that would take on arrival are rejected instead.
    tick_value_micros, fee_micros : int
        Worth of a tick of one lot, and fee a lot and side, millionths of the currency.
    stop_ns : int
        Loop time from which on the position is closed.

    Raises
    ------
    ValueError
        If a value is out of its range or a limit is missing.
    """

    cdef run_t* r
    cdef PolicyKernel policy
    cdef Matcher matcher
    cdef tuple latencies
    cdef list chunks
    cdef Py_ssize_t local_chunk
    cdef int64_t last_time_ns

    def __cinit__(self, PolicyKernel policy not None, Matcher matcher not None, *, depth_levels,
                  interval_ns, Latency entry not None, Latency response not None, limits,
                  post_only=True,
                  tick_value_micros=1, fee_micros=0, stop_ns=2**63 - 1):
        if set(limits) != set(_LIMITS):
            raise ValueError(f"limits must be {', '.join(_LIMITS)}; were {sorted(limits)}")
        for name, value, least in (("depth_levels", depth_levels, 0),
                                   ("interval_ns", interval_ns, 1),
                                   ("tick_value_micros", tick_value_micros, 1),
                                   ("fee_micros", fee_micros, 0)):
            if value < least:
                raise ValueError(f"{name} must be {least} or more, was {value}")
        self.policy, self.matcher, self.chunks = policy, matcher, []
        self.last_time_ns = -(2**62)
        self.r = <run_t*>calloc(1, sizeof(run_t))
        if self.r == NULL or book_init(&self.r.book) != 0:
            free(self.r)
            self.r = NULL
            raise MemoryError("no memory for the run")
        self.r.venue = matcher.m
        self.r.uses_book = depth_levels > 0
        self.r.interval_ns, self.r.stop_ns = interval_ns, stop_ns
        self.latencies = entry, response
        self.r.entry, self.r.response = entry.latency, response.latency
        self.r.post_only = post_only
        self.r.tick_value_micros, self.r.fee_micros = tick_value_micros, fee_micros
        self.r.next_id = 1
        self.r.told_phase = PHASE_CONTINUOUS
        self.r.next_decision_ns = INT64_MIN
        self.r.quote_price[0], self.r.quote_price[1] = INT32_MIN, INT32_MAX
        self.r.messages.size, self.r.reports.size = sizeof(message_t), sizeof(report_t)
        self.r.fills.size, self.r.sent.size = sizeof(fill_t), sizeof(int64_t)
        self._set_limits(limits)

    def _set_limits(self, limits):
        cdef limits_t* target = &self.r.limits
        target.max_notional = limits["max_notional"]
        target.capital = limits["capital"]
        target.margin_per_lot = limits["margin_per_lot"]
        target.max_messages_per_fill = limits["max_messages_per_fill"]
        target.entry_start_ns = limits["entry_start_ns"]
        target.entry_delay_ns = limits["entry_delay_ns"]
        target.entry_stop_ns = limits["entry_stop_ns"]
        target.duplicate_ns = limits["duplicate_ns"]
        target.max_loss_micros = limits["max_loss_micros"]
        target.max_drawdown_micros = limits["max_drawdown_micros"]
        target.message_allowance = limits["message_allowance"]
        target.max_position_lots = limits["max_position_lots"]
        target.max_order_lots = limits["max_order_lots"]
        target.max_working_orders = limits["max_working_orders"]
        target.max_orders_per_second = limits["max_orders_per_second"]
        target.max_orders_per_minute = limits["max_orders_per_minute"]
        target.price_collar_ticks = limits["price_collar_ticks"]
        target.max_spread_ticks = limits["max_spread_ticks"]

    def __dealloc__(self):
        if self.r != NULL:
            book_free(&self.r.book)
            free(self.r.messages.items)
            free(self.r.reports.items)
            free(self.r.fills.items)
            free(self.r.sent.items)
            free(self.r.chunks)
            free(self.r)

    def take(self, events, const int64_t[::1] times):
        """Hand over the next records and go on as far as is certain.

        Parameters
        ----------
        events : array of EVENT_DTYPE
            In order of local time.
        times : int64 array of the same length
            Venue times: the running maximum of exchange time over the whole stream.

        Returns
        -------
        bool
            Whether the run goes on; False after a limit on the result was reached.

        Raises
        ------
        ValueError
            If times do not fit the records or go back, or a record is damaged.
        """
        cdef Py_ssize_t count = 0
        event_pointer(events, &count)
        if times.shape[0] != count:
            raise ValueError(f"times must have {count} entries, had {times.shape[0]}")
        if count == 0 or self.r.stopped:
            return self.r.stopped == 0
        if times[0] < self.last_time_ns:
            raise ValueError("times must not go back from one call to the next")
        self.last_time_ns = times[count - 1]
        self.chunks.append((events, times))
        self._point()
        self.r.known_ns = self.last_time_ns
        self._go()
        return self.r.stopped == 0

    def finish(self):
        """The stream has ended: handle the rest, cancel what works, let the venue run on."""
        if self.r.stopped:
            return
        self.r.known_ns = INT64_MAX
        self._go()
        if self.r.stopped == 0:
            with nogil:
                _wind_down(self.r)
            self._raise_fault()

    def _point(self):
        # The chunks may have moved: tell the loop where they are.
        cdef Py_ssize_t index, count
        cdef const int64_t[::1] times
        cdef chunk_t* chunks = <chunk_t*>calloc(len(self.chunks), sizeof(chunk_t))
        if chunks == NULL:
            raise MemoryError("no memory for the run")
        for index, (events, times) in enumerate(self.chunks):
            chunks[index].events = event_pointer(events, &count)
            chunks[index].times = &times[0]
            chunks[index].count = count
        free(self.r.chunks)
        self.r.chunks, self.r.chunk_count = chunks, len(self.chunks)

    def _go(self):
        cdef run_t* r = self.r
        cdef const chunk_t* chunk
        while self.local_chunk < r.chunk_count and r.stopped == 0:
            chunk = &r.chunks[self.local_chunk]
            with nogil:
                r.local_index = _local(r, chunk, r.local_index, self.policy)
                if r.local_index > 0 and chunk.events[r.local_index - 1].local_ns > r.now_ns:
                    r.now_ns = chunk.events[r.local_index - 1].local_ns
                if r.stopped == 0:
                    quoting_advance_venue(r, r.now_ns)
            if r.local_index < chunk.count:
                break
            self.local_chunk += 1
            r.local_index = 0
        self._raise_fault()
        self._drop()

    def _drop(self):
        # Chunks that the venue and the strategy have both passed.
        passed = min(self.local_chunk, self.r.venue_chunk)
        if passed:
            del self.chunks[:passed]
            self.local_chunk -= passed
            self.r.venue_chunk -= passed
            if self.chunks:
                self._point()
            else:
                self.r.chunk_count = 0

    def _raise_fault(self):
        if self.r.stopped == NO_MEMORY:
            raise MemoryError("no memory for the run")
        if self.r.stopped == BAD_RECORD:
            raise ValueError(f"a record after the first {self.r.events} is damaged: the book "
                             "refuses it")

    @property
    def stopped_by(self):
        """``DAILY_LOSS`` or ``DRAWDOWN`` where the run ended early, else empty."""
        return _STOPS[self.r.stopped]

    @property
    def position_lots(self):
        """Net position."""
        return self.r.position

    @property
    def net_micros(self):
        """Result, open lots at the last sound mid, fees paid, millionths of the currency."""
        return quoting_net_micros(self.r)

    @property
    def fees_micros(self):
        """Fees paid."""
        return self.r.fees_micros

    @property
    def counts(self):
        """Records, rows, decisions, orders, cancels and fills so far."""
        return {"events": self.r.events, "rows": self.r.rows, "decisions": self.r.decisions,
                "orders": self.r.orders, "cancels": self.r.cancels, "fills": self.r.fills.tail}

    @property
    def denied(self):
        """Orders the limits denied, by the number of the reason (``domain.orders.Reason``)."""
        return {reason: self.r.denied[reason] for reason in range(REASONS)
                if self.r.denied[reason]}

    @property
    def ended(self):
        """Orders that ended without being filled whole, by the venue's reason."""
        return {reason: self.r.ended[reason] for reason in range(REASONS) if self.r.ended[reason]}

    def fills(self):
        """Every fill, in the order in which it was reported, as an array of FILL_DTYPE."""
        cdef cnp.ndarray out = np.empty(self.r.fills.tail, FILL_DTYPE)
        if self.r.fills.tail:
            memcpy(cnp.PyArray_DATA(out), self.r.fills.items, self.r.fills.tail * sizeof(fill_t))
        return out
