"""Matching of our orders against recorded flow: the first queue rule, stated in full.

The source shows ``view_levels`` prices a side (0: the best price without sizes; then every price
from the best one on, ten of them, holds ``assumed_touch_lots``). What lies beyond is unknown.

A market order, and a limit order that crosses on arrival, takes what the book shows, price by
price, best first, up to its limit; a market order's remainder is cancelled, a limit order's
rests. What we took is remembered per price and not taken again: there is more only as far as the
recorded level grows, or after the level is gone (not when it only left the view).

A resting order stands behind the quantity shown at its price when it arrived (risk-averse rule),
and behind everybody where its price is out of view:

* a print at its price takes from what stands before it, then from the order; of several orders of
  ours each stands behind the earlier ones as well, and a print fills them for no more than its
  own quantity. An unknown quantity says nothing about a queue;
* a shrinking level bounds what stands before it by what is left; cancels are thus taken to come
  from behind until they cannot;
* a print through its price fills it whole at its own price;
* opposite prices at or through it at the end of a packet fill it at its own price, for what they
  show and we have not taken: an order that took all there was does not meet it again.

Prints whose aggressor is unknown reach both sides. Prints off the grid are left out. Outside of
continuous trading nothing matches; when the session closes what rests expires. A level that
shrinks in a packet before the print that shrank it moves the queue twice; sources that send
prints first, or in the same record, are free of this.
"""
from libc.stdint cimport INT32_MAX, INT32_MIN, int32_t, int64_t
from libc.string cimport memset

cimport numpy as cnp

from dreammaker._ext.book cimport (book_apply_deferred, book_ask_ticks, book_bid_ticks, book_frame,
                                   book_free, book_init, book_t, frame_t)
from dreammaker._ext.ladder cimport key_of, side_get
from dreammaker._ext.overlay cimport (overlay_see, overlay_t, overlay_take, overlay_untaken,
                                      taken_t)
from dreammaker._ext.schema cimport (CLEAR, F_LAST, F_OFF_GRID, ORDER_EXECUTE, PHASE_CLOSED,
                                     PHASE_CONTINUOUS, QUOTE, SESSION, TRADE, event_pointer,
                                     event_t)

cnp.import_array()

cdef enum:
    MAX_RESTING = 256
    MAX_OUTCOMES = 1024   # a record yields at most two an order, an arrival one a level and one
    FRAME = 10
    ASSUMED_STEPS = 10
    MAX_QUOTE = 1073741823    # room for the steps beyond it
    OUT_OF_VIEW = 2147483647
    DRY = 0               # _walk: how much there is
    TAKE = 1              # at the levels' prices, an outcome each
    MEET = 2              # at our own price; the caller reports
    # ReportKind, Reason and TimeInForce of domain.orders.
    FILLED = 3
    CANCELED = 4
    EXPIRED = 5
    NO_LIQUIDITY = 2
    REMAINDER_CANCELED = 4
    FOK_NOT_FILLABLE = 5
    SESSION_END = 7
    TIF_IOC = 2
    TIF_FOK = 3

cdef struct resting_t:
    int64_t order_id
    int64_t ahead
    int32_t price
    int32_t remaining
    int32_t side

cdef struct outcome_t:
    int64_t order_id
    int64_t time_ns
    int32_t kind
    int32_t qty
    int32_t price
    int32_t leaves
    int32_t maker
    int32_t reason


cdef class Matcher:
    """Our orders beside recorded flow.

    Parameters
    ----------
    view_levels : int
        Prices a side that the source shows; with 0, QUOTE records give the best prices. Above 10
        every price counts as shown.
    assumed_touch_lots : int
        See the module's text.

    Raises
    ------
    ValueError
        If ``view_levels`` is below 0 or ``assumed_touch_lots`` below 1.

    Examples
    --------
    >>> matcher = Matcher(view_levels=10, assumed_touch_lots=1)
    >>> matcher.arrive(1, 1, True, 0, 5, 1, 0)
    >>> matcher.take_outcomes()
    [(4, 1, 0, 0, 0, False, 0, 2)]
    """

    cdef book_t book
    cdef bint ready
    cdef bint uses_book
    cdef int view
    cdef int32_t assumed
    cdef int32_t quote_price[2]
    cdef bint quote_there[2]
    cdef int phase
    cdef resting_t resting[MAX_RESTING]
    cdef int resting_count
    cdef overlay_t taken
    cdef outcome_t outcomes[MAX_OUTCOMES]
    cdef readonly int outcome_count
    cdef readonly int fault

    def __cinit__(self, *, int view_levels, int assumed_touch_lots):
        if view_levels < 0:
            raise ValueError(f"view_levels must be 0 or more, was {view_levels}")
        if assumed_touch_lots < 1:
            raise ValueError(f"assumed_touch_lots must be 1 or more, was {assumed_touch_lots}")
        if book_init(&self.book) != 0:
            raise MemoryError("no memory for the order book")
        self.ready = True
        self.uses_book = view_levels > 0
        self.view = view_levels
        self.assumed = assumed_touch_lots
        self.phase = PHASE_CONTINUOUS
        memset(self.quote_price, 0, sizeof(self.quote_price))
        memset(self.quote_there, 0, sizeof(self.quote_there))

    def __dealloc__(self):
        if self.ready:
            book_free(&self.book)

    @property
    def continuous(self):
        """Whether the venue is in continuous trading."""
        return self.phase == PHASE_CONTINUOUS

    @property
    def is_full(self):
        """Whether no further order can rest."""
        return self.resting_count >= MAX_RESTING

    @property
    def resting_orders(self):
        """Resting orders as (order_id, side, price, remaining, lots ahead), in order of arrival."""
        return [(self.resting[i].order_id, self.resting[i].side, self.resting[i].price,
                 self.resting[i].remaining, self.resting[i].ahead)
                for i in range(self.resting_count)]

    @property
    def taken_levels(self):
        """What we took and the record still shows, as (side, price, lots), oldest first."""
        cdef const taken_t* entries = self.taken.entries
        return [(entries[i].side, entries[i].price, entries[i].lots)
                for i in range(self.taken.count)]

    def advance(self, events, const int64_t[::1] times, Py_ssize_t start, int64_t until_ns):
        """Apply records up to a time, or up to the first that concerns one of our orders.

        Parameters
        ----------
        events : array of EVENT_DTYPE
        times : int64 array of the same length
            Venue time of each record, non-decreasing.
        start : int
            First record to apply.
        until_ns : int

        Returns
        -------
        int
            Index of the first record not applied.

        Raises
        ------
        ValueError
            If the arrays do not agree, outcomes have not been taken, or a record is damaged.
        """
        cdef Py_ssize_t count = 0
        cdef const event_t* records = event_pointer(events, &count)
        cdef Py_ssize_t index = start
        if times.shape[0] != count or start < 0:
            raise ValueError(f"times must have {count} entries and start be 0 or more")
        self._expect_taken()
        if self.fault:
            raise ValueError(f"the book refused an earlier record ({self.fault})")
        with nogil:
            while index < count and times[index] <= until_ns:
                self._record(&records[index], times[index])
                index += 1
                if self.outcome_count or self.fault:
                    break
        if self.fault:
            raise ValueError(f"record {index - 1} is damaged: the book refuses it ({self.fault})")
        return index

    def arrive(self, int64_t order_id, int side, bint is_market, int32_t price_ticks,
               int32_t qty_lots, int tif, int64_t time_ns):
        """Let an order arrive: take what it can, rest or cancel the remainder."""
        cdef int32_t left
        if side not in (1, -1) or qty_lots < 1:
            raise ValueError(f"an order has a side and lots, was {side}, {qty_lots}")
        if not is_market and tif != TIF_IOC and tif != TIF_FOK and self.is_full:
            raise ValueError(f"{MAX_RESTING} orders rest already")
        self._expect_taken()
        if tif == TIF_FOK and self._walk(DRY, order_id, side, is_market, price_ticks, qty_lots,
                                         time_ns) > 0:
            self._outcome(CANCELED, order_id, 0, 0, 0, False, time_ns, FOK_NOT_FILLABLE)
            return
        left = self._walk(TAKE, order_id, side, is_market, price_ticks, qty_lots, time_ns)
        if left == 0:
            return
        if is_market or tif == TIF_IOC:
            self._outcome(CANCELED, order_id, 0, 0, 0, False, time_ns,
                          NO_LIQUIDITY if is_market else REMAINDER_CANCELED)
            return
        cdef resting_t* order = &self.resting[self.resting_count]
        self.resting_count = self.resting_count + 1
        order.order_id = order_id
        order.side = side
        order.price = price_ticks
        order.remaining = left
        order.ahead = (self._level(side, price_ticks) if self._in_view(side, price_ticks)
                       else OUT_OF_VIEW)

    def _expect_taken(self):
        if self.outcome_count:
            raise ValueError(f"{self.outcome_count} outcomes must be taken first")

    def cancel(self, int64_t order_id):
        """Take a resting order out.

        Returns
        -------
        int
            Lots it had left, -1 where no such order rests.
        """
        cdef int i
        cdef int32_t left
        for i in range(self.resting_count):
            if self.resting[i].order_id == order_id:
                left = self.resting[i].remaining
                self._remove(i)
                return left
        return -1

    def take_outcomes(self):
        """What happened to our orders since the last call, in order.

        Returns
        -------
        list of (kind, order_id, qty, price, leaves, maker, time_ns, reason)
        """
        cdef int i
        cdef list found = []
        for i in range(self.outcome_count):
            found.append((self.outcomes[i].kind, self.outcomes[i].order_id, self.outcomes[i].qty,
                          self.outcomes[i].price, self.outcomes[i].leaves,
                          bool(self.outcomes[i].maker), self.outcomes[i].time_ns,
                          self.outcomes[i].reason))
        self.outcome_count = 0
        return found

    def best(self):
        """Best bid and ask in ticks, None where a side is empty."""
        cdef int32_t bid = 0
        cdef int32_t ask = 0
        return (bid if self._best(1, &bid) else None, ask if self._best(-1, &ask) else None)

    # hot: begin
    # Counters of self are written out (x = x + 1): with None checks on, Cython refuses += here.
    cdef void _record(self, const event_t* event, int64_t time_ns) noexcept nogil:
        cdef int kind = event.kind
        cdef int code
        if kind == QUOTE:
            if event.side != 0:
                # A price off the grid leaves its side unknown until the next quote.
                self.quote_there[event.side < 0] = (
                    event.qty_lots != 0 and not event.flags & F_OFF_GRID
                    and -MAX_QUOTE <= event.price_ticks <= MAX_QUOTE)
                self.quote_price[event.side < 0] = event.price_ticks
        elif kind == SESSION:
            self._phase(event.aux, time_ns)
        elif kind <= CLEAR:
            if self.uses_book:
                code = book_apply_deferred(&self.book, event)
                if code != 0:
                    self.fault = code
                    return
            elif kind == CLEAR:
                self.quote_there[0] = self.quote_there[1] = False
        if self.taken.count and event.flags & F_LAST:
            self._refill()
        if self.resting_count:
            if (kind == TRADE or kind == ORDER_EXECUTE) and self.phase == PHASE_CONTINUOUS:
                self._print(event, time_ns)
            if event.flags & F_LAST:
                self._packet_end(time_ns)

    cdef void _print(self, const event_t* event, int64_t time_ns) noexcept nogil:
        # The side whose resting orders the print executed, 0 where it is not known.
        cdef int passive = event.side if event.kind == ORDER_EXECUTE else -event.side
        cdef int64_t lots = event.qty_lots if event.qty_lots > 0 else 0
        cdef int64_t ours = 0     # of the print, taken by orders of ours
        cdef int64_t reaching     # of the print, what reaches an order's place
        cdef int64_t through
        cdef int i = 0
        cdef resting_t* order
        if event.flags & F_OFF_GRID:
            return
        while i < self.resting_count:
            order = &self.resting[i]
            i += 1
            if passive != 0 and order.side != passive:
                continue
            through = <int64_t>order.side * (<int64_t>order.price - event.price_ticks)
            if through > 0:
                reaching = order.remaining
            elif through < 0:
                continue
            else:
                # Our earlier orders took their part; all the rest passed by the queue.
                reaching = lots - ours - order.ahead
                if reaching <= 0:
                    order.ahead = -reaching
                    continue
                if reaching > order.remaining:
                    reaching = order.remaining
                ours += reaching
            order.ahead = 0
            if self._fill(i - 1, <int32_t>reaching, time_ns):
                i -= 1

    cdef void _packet_end(self, int64_t time_ns) noexcept nogil:
        cdef int i = 0
        cdef int32_t shown
        cdef int32_t left
        cdef int32_t best = 0
        cdef resting_t* order
        while i < self.resting_count:
            order = &self.resting[i]
            i += 1
            if order.ahead > 0 and self._in_view(order.side, order.price):
                shown = self._level(order.side, order.price)
                if shown < order.ahead:
                    order.ahead = shown
            if (self.phase == PHASE_CONTINUOUS and self._best(-order.side, &best)
                    and <int64_t>order.side * (<int64_t>order.price - best) >= 0):
                left = self._walk(MEET, order.order_id, order.side, False, order.price,
                                  order.remaining, time_ns)
                if left < order.remaining and self._fill(i - 1, order.remaining - left, time_ns):
                    i -= 1

    cdef void _refill(self) noexcept nogil:
        # What we took comes back when the recorded level is gone.
        cdef int i = self.taken.count - 1
        cdef const taken_t* taken
        while i >= 0:
            taken = &self.taken.entries[i]
            if self._in_view(taken.side, taken.price):
                overlay_see(&self.taken, i, self._level(taken.side, taken.price))
            i -= 1

    cdef bint _best(self, int side, int32_t* price) noexcept nogil:
        if not self.uses_book:
            price[0] = self.quote_price[side < 0]
            return self.quote_there[side < 0]
        if side > 0:
            price[0] = book_bid_ticks(&self.book)
            return price[0] != INT32_MIN
        price[0] = book_ask_ticks(&self.book)
        return price[0] != INT32_MAX

    cdef bint _in_view(self, int side, int32_t price) noexcept nogil:
        # Whether the source tells what is at a price: no further than the last of a full view.
        cdef const frame_t* frame
        cdef int last = self.view - 1
        if not self.uses_book or self.view > FRAME:
            return True
        frame = book_frame(&self.book)
        if side > 0:
            return frame.bid_count <= last or price >= frame.bid_ticks[last]
        return frame.ask_count <= last or price <= frame.ask_ticks[last]

    cdef int32_t _level(self, int side, int32_t price) noexcept nogil:
        # Recorded quantity at a price.
        cdef int index = side < 0
        if self.uses_book:
            return side_get(&self.book.sides[index], key_of(&self.book.sides[index], price))
        # Without sizes a price better than the best holds nothing.
        if not self.quote_there[index] or <int64_t>side * (
                <int64_t>price - self.quote_price[index]) > 0:
            return 0
        return self.assumed

    cdef bint _fill(self, int index, int32_t qty, int64_t time_ns) noexcept nogil:
        # Fill a resting order; True where it is gone.
        cdef resting_t* order = &self.resting[index]
        order.remaining -= qty
        self._outcome(FILLED, order.order_id, qty, order.price, order.remaining, True, time_ns, 0)
        if order.remaining == 0:
            self._remove(index)
            return True
        return False

    cdef void _phase(self, int phase, int64_t time_ns) noexcept nogil:
        self.phase = phase
        if phase == PHASE_CLOSED:
            while self.resting_count:
                self._outcome(EXPIRED, self.resting[0].order_id, 0, 0, 0, False, time_ns,
                              SESSION_END)
                self._remove(0)
    # hot: end

    cdef void _remove(self, int index) noexcept nogil:
        cdef int i
        self.resting_count = self.resting_count - 1
        for i in range(index, self.resting_count):
            self.resting[i] = self.resting[i + 1]

    cdef void _outcome(self, int kind, int64_t order_id, int32_t qty, int32_t price,
                       int32_t leaves, bint maker, int64_t time_ns, int reason) noexcept nogil:
        cdef outcome_t* outcome = &self.outcomes[self.outcome_count]
        self.outcome_count = self.outcome_count + 1
        outcome.kind = kind
        outcome.order_id = order_id
        outcome.qty = qty
        outcome.price = price
        outcome.leaves = leaves
        outcome.maker = maker
        outcome.time_ns = time_ns
        outcome.reason = reason

    cdef int32_t _walk(self, int mode, int64_t order_id, int side, bint is_market, int32_t limit,
                       int32_t qty, int64_t time_ns) noexcept nogil:
        # Execute against the opposite side up to a limit; what is left over.
        cdef const frame_t* frame = book_frame(&self.book)
        cdef int book_side = -side
        cdef int steps
        cdef int step
        cdef int32_t price
        cdef int32_t shown
        cdef int64_t lots
        if self.uses_book:
            steps = frame.ask_count if side > 0 else frame.bid_count
        else:
            steps = ASSUMED_STEPS if self.quote_there[book_side < 0] else 0
        for step in range(steps):
            if self.uses_book:
                price = frame.ask_ticks[step] if side > 0 else frame.bid_ticks[step]
                shown = frame.ask_qty[step] if side > 0 else frame.bid_qty[step]
            else:
                price = self.quote_price[book_side < 0] + side * step
                shown = self.assumed
            if not is_market and <int64_t>side * (<int64_t>price - limit) > 0:
                break
            lots = overlay_untaken(&self.taken, book_side, price, shown)
            if lots > qty:
                lots = qty
            if lots == 0:
                continue
            qty -= <int32_t>lots
            if mode != DRY:
                overlay_take(&self.taken, book_side, price, lots)
            if mode == TAKE:
                self._outcome(FILLED, order_id, <int32_t>lots, price, qty, False, time_ns, 0)
            if qty == 0:
                break
        return qty
