"""Probe orders in a recorded market: when they fill in truth, and when each queue model says so.

A probe is a virtual limit order that arrives at a moment and stands behind everything its price
shows. It moves nothing. Its *truth* follows the single orders of an order-by-order record
(``fifo.pxd``): those that stood before it leave, executions of orders behind it would have been
its own. Each *model* sees what an aggregated source shows, sizes of levels and prints, at every
packet or, with ``poll_ns``, levels at polls only.

For truth and models alike: a print through the price fills, and so does an opposite best price at
or through it at the end of a packet (at a poll for models that are polled). Fills are complete
when the whole size has been reached; a crossed price fills all of it. Prints off the grid are left
out; of hidden executions at the probe's price the truth gets only those with nobody else shown
there, because displayed orders go first, while models see a print like any other.

A probe ends at its deadline, when a better price than its own appears on its side (the market
moved away), when trading is not continuous any more or an auction prints, or when the book is
cleared.
"""
from libc.stdint cimport INT32_MAX, INT32_MIN, int8_t, int32_t, int64_t, uint8_t
from libc.stdlib cimport calloc, free

import numpy as np

from dreammaker._ext.book cimport (book_apply_deferred, book_ask_ticks, book_bid_ticks, book_free,
                                   book_init, book_t)
from dreammaker._ext.fifo cimport (fifo_apply, fifo_arrive, fifo_change_t, fifo_free, fifo_init,
                                   fifo_t)
from dreammaker._ext.ladder cimport key_of, side_get
from dreammaker._ext.queue cimport (PRINTS_FULL, PRINTS_SHARED, QUEUE_FIFO, QUEUE_LOG_2,
                                    QUEUE_POWER, QUEUE_POWER_3, QUEUE_RISK_AVERSE, queue_join,
                                    queue_level, queue_model, queue_model_t, queue_order,
                                    queue_packet, queue_print, queue_t)
from dreammaker._ext.schema cimport (CLEAR, F_AUCTION, F_HIDDEN, F_LAST, F_OFF_GRID,
                                     ORDER_EXECUTE, PHASE_CONTINUOUS, SESSION, SNAPSHOT, TRADE,
                                     event_pointer, event_t)

cdef enum:
    MAX_MODELS = 256
    # How a probe ended.
    END_NONE = 0           # the record ended before it
    END_DEADLINE = 1
    END_MOVED_AWAY = 2
    END_NOT_CONTINUOUS = 3
    END_CLEARED = 4
    END_NOT_PLACED = 5     # no continuous trading, an empty side, a crossed or locked book
    END_FILLED = 6         # in truth and by all models

cdef struct probe_t:
    int64_t index
    int64_t deadline_ns
    int32_t price
    int32_t side
    int32_t own            # lots of it that the recorded level holds
    int32_t open_count     # truth and models that have not filled
    int64_t unexplained    # of this packet's prints at its price, less the orders they executed
    int touched


cdef class ProbeRun:
    """Probes over one record of events.

    Parameters
    ----------
    join_ns : int64 array, non-decreasing
        When each probe arrives; market events of that very time come before.
    sides : int8 array
        1 bid, -1 ask.
    prices : int32 array
        Ticks, or INT32_MIN for the best price of the probe's side at that moment.
    qty_lots : int32 array
        1 or more.
    deadlines_ns : int64 array
        When each is given up.
    models : float64 array of shape (models, 5)
        Kind, n, prints and print share, as in ``queue.pxd``; last, 1 for a model that puts the
        probe before everybody (what it costs to ignore queues).
    carry : bool
        Whether prints and levels come in packets of their own.
    poll_ns : int
        0: models see every change of a level; else its size at multiples of this time only.
    own_shown : bool
        Whether the recorded levels contain the probes (our own live orders).
    stay : bool
        Whether probes stay when the market moves away, until their deadline.
    max_live : int
        Probes alive at one time, at most.

    Raises
    ------
    ValueError
        If the arrays do not agree or hold values out of range.
    MemoryError
    """

    cdef book_t book
    cdef fifo_t fifo
    cdef bint book_ready
    cdef bint fifo_ready
    cdef queue_model_t models[MAX_MODELS + 1]     # the last one is the truth
    cdef int at_front[MAX_MODELS + 1]
    cdef int model_count
    cdef queue_t* queues
    cdef int32_t* left
    cdef probe_t* live
    cdef int64_t live_count
    cdef int64_t max_live
    cdef int64_t next_probe
    cdef int64_t probe_count
    cdef const int64_t[::1] join_ns
    cdef const int8_t[::1] sides
    cdef const int32_t[::1] prices
    cdef const int32_t[::1] qty
    cdef const int64_t[::1] deadlines
    cdef int64_t[:, ::1] fills
    cdef int64_t[::1] ends
    cdef uint8_t[::1] reasons
    cdef int32_t[::1] joined_at
    cdef int32_t[::1] shown_at
    cdef int64_t poll_ns
    cdef int64_t next_poll
    cdef bint own_shown
    cdef bint stay
    cdef bint at_start
    cdef int phase
    cdef int64_t now_ns
    cdef readonly int64_t truth_capped
    cdef readonly int64_t out_of_turn
    cdef readonly object fill_ns
    cdef readonly object end_ns
    cdef readonly object end_reason
    cdef readonly object price_ticks
    cdef readonly object shown_lots

    def __cinit__(self, const int64_t[::1] join_ns, const int8_t[::1] sides,
                  const int32_t[::1] prices, const int32_t[::1] qty_lots,
                  const int64_t[::1] deadlines_ns, const double[:, ::1] models, *,
                  bint carry=False, int64_t poll_ns=0, bint own_shown=False,
                  bint stay=False, int64_t max_live=1):
        cdef Py_ssize_t count = join_ns.shape[0]
        cdef Py_ssize_t i
        cdef int width
        if not (sides.shape[0] == prices.shape[0] == qty_lots.shape[0] == deadlines_ns.shape[0]
                == count):
            raise ValueError(f"the arrays of probes must have {count} entries each")
        if not 1 <= models.shape[0] <= MAX_MODELS or models.shape[1] != 5:
            raise ValueError(f"models must be 1 to {MAX_MODELS} rows of 5")
        if poll_ns < 0 or max_live < 1:
            raise ValueError("poll_ns must be 0 or more and max_live 1 or more")
        for i in range(count):
            if sides[i] not in (1, -1) or qty_lots[i] < 1 or deadlines_ns[i] < join_ns[i] or (
                    i > 0 and join_ns[i] < join_ns[i - 1]):
                raise ValueError(f"probe {i} needs a side of 1 or -1, 1 lot or more, a deadline "
                                 "after its beginning, and to be in order of time")
        self._models(models, carry)
        width = self.model_count + 1
        self.book_ready = book_init(&self.book) == 0
        self.fifo_ready = fifo_init(&self.fifo) == 0
        self.queues = <queue_t*>calloc(<size_t>(max_live * width), sizeof(queue_t))
        self.left = <int32_t*>calloc(<size_t>(max_live * width), sizeof(int32_t))
        self.live = <probe_t*>calloc(<size_t>max_live, sizeof(probe_t))
        if (not self.book_ready or not self.fifo_ready or self.queues == NULL
                or self.left == NULL or self.live == NULL):
            raise MemoryError("no memory for the probes")
        self.join_ns, self.sides, self.prices = join_ns, sides, prices
        self.qty, self.deadlines = qty_lots, deadlines_ns
        self.fill_ns = np.full((width, count), -1, np.int64)
        self.end_ns = np.full(count, -1, np.int64)
        self.end_reason = np.full(count, END_NONE, np.uint8)
        self.price_ticks = np.zeros(count, np.int32)
        self.shown_lots = np.zeros(count, np.int32)
        self.fills, self.ends, self.reasons = self.fill_ns, self.end_ns, self.end_reason
        self.joined_at, self.shown_at = self.price_ticks, self.shown_lots
        self.probe_count, self.max_live = count, max_live
        self.poll_ns, self.own_shown, self.stay = poll_ns, own_shown, stay
        self.at_start = True
        self.phase = PHASE_CONTINUOUS

    def _models(self, const double[:, ::1] models, bint carry):
        cdef int i
        for i in range(models.shape[0]):
            if not (QUEUE_RISK_AVERSE <= models[i, 0] <= QUEUE_LOG_2
                    and PRINTS_FULL <= models[i, 2] <= PRINTS_SHARED
                    and 0.0 <= models[i, 3] <= 1.0
                    and (not QUEUE_POWER <= models[i, 0] <= QUEUE_POWER_3
                         or 0.0 < models[i, 1] <= 32.0)):
                raise ValueError(f"model {i} has a parameter out of its range")
            self.models[i] = queue_model(<int>models[i, 0], models[i, 1], <int>models[i, 2],
                                         models[i, 3], carry)
            self.at_front[i] = models[i, 4] != 0.0
        self.model_count = <int>models.shape[0]
        self.at_front[self.model_count] = False
        self.models[self.model_count] = queue_model(QUEUE_FIFO, 1.0, PRINTS_FULL, 1.0, False)

    def __dealloc__(self):
        if self.book_ready:
            book_free(&self.book)
        if self.fifo_ready:
            fifo_free(&self.fifo)
        free(self.queues)
        free(self.left)
        free(self.live)

    def advance(self, events, const int64_t[::1] times):
        """Apply records (EVENT_DTYPE) with their venue times, non-decreasing across calls.

        Raises
        ------
        TypeError, ValueError
            If the arrays do not agree, a record is damaged, or more probes live than announced.
        MemoryError
        """
        cdef Py_ssize_t count = 0
        cdef const event_t* records = event_pointer(events, &count)
        cdef Py_ssize_t i = 0
        cdef int code = 0
        if times.shape[0] != count:
            raise ValueError(f"times must have {count} entries")
        with nogil:
            while i < count and code == 0:
                code = self._record(&records[i], times[i])
                i += 1
        if code == -2:
            raise MemoryError("no memory for the orders")
        if code == -3:
            raise ValueError(f"more than {self.max_live} probes live at one time")
        if code != 0:
            raise ValueError(f"record {i - 1} is damaged: the book refuses it ({code})")

    def finish(self):
        """The record is over: what still lives ends with it, END_NONE."""
        cdef int64_t i
        while self.live_count:
            self._end(self.live_count - 1, self.now_ns, END_NONE)
        for i in range(self.next_probe, self.probe_count):
            self.reasons[i] = END_NOT_PLACED
        self.next_probe = self.probe_count

    # hot: begin
    cdef int _record(self, const event_t* event, int64_t time_ns) noexcept nogil:
        cdef fifo_change_t change
        cdef int kind = event.kind
        cdef int code
        cdef int64_t i
        if self.at_start:
            code = self._between(time_ns)
            if code != 0:
                return code
        self.now_ns = time_ns
        self.at_start = (event.flags & F_LAST) != 0
        if fifo_apply(&self.fifo, event, &change) != 0:
            return -2
        if kind <= CLEAR:
            code = book_apply_deferred(&self.book, event)
            if code != 0:
                return code
        if kind == SESSION:
            self.phase = event.aux
        i = self.live_count - 1
        while i >= 0:
            self._probe(i, event, &change, time_ns)
            i -= 1
        return 0

    cdef int _between(self, int64_t time_ns) noexcept nogil:
        # Between two packets: probes whose time is over end, those whose time has come arrive.
        cdef int64_t i = self.live_count - 1
        while i >= 0:
            if self.live[i].deadline_ns < time_ns:
                self._end(i, self.live[i].deadline_ns, END_DEADLINE)
            i -= 1
        while self.next_probe < self.probe_count and self.join_ns[self.next_probe] < time_ns:
            if self.live_count == self.max_live:
                return -3
            self._join(self.next_probe, time_ns)
            self.next_probe = self.next_probe + 1
        if self.poll_ns and time_ns >= self.next_poll:
            self._poll()
            self.next_poll = (time_ns // self.poll_ns + 1) * self.poll_ns
        return 0

    cdef void _join(self, int64_t index, int64_t time_ns) noexcept nogil:
        cdef int32_t bid = book_bid_ticks(&self.book)
        cdef int32_t ask = book_ask_ticks(&self.book)
        cdef int side = self.sides[index]
        cdef int32_t price = self.prices[index]
        cdef probe_t* probe = &self.live[self.live_count]
        cdef int64_t first = self.live_count * (self.model_count + 1)
        cdef int32_t shown
        cdef int64_t rank
        cdef int m
        if price == INT32_MIN:
            price = bid if side > 0 else ask
        if (self.phase != PHASE_CONTINUOUS or bid == INT32_MIN or ask == INT32_MAX or bid >= ask
                or (side > 0 and price >= ask) or (side < 0 and price <= bid)):
            self.ends[index] = self.join_ns[index]
            self.reasons[index] = END_NOT_PLACED
            return
        shown = self._level(side, price)
        rank = fifo_arrive(&self.fifo)
        self.joined_at[index], self.shown_at[index] = price, shown
        probe.index, probe.deadline_ns = index, self.deadlines[index]
        probe.price, probe.side, probe.touched, probe.unexplained = price, side, 0, 0
        probe.own = self.qty[index] if self.own_shown else 0
        probe.open_count = self.model_count + 1
        for m in range(self.model_count + 1):
            queue_join(&self.queues[first + m], shown)
            self.queues[first + m].rank = rank
            if self.at_front[m]:
                self.queues[first + m].ahead = 0.0
            self.left[first + m] = self.qty[index]
        self.live_count = self.live_count + 1
        if probe.deadline_ns < time_ns:
            self._end(self.live_count - 1, probe.deadline_ns, END_DEADLINE)

    cdef void _poll(self) noexcept nogil:
        # Between packets: models see the levels, and whether their price is crossed.
        cdef int64_t i = self.live_count - 1
        cdef int64_t first
        cdef int32_t shown
        cdef int64_t index
        cdef int m
        while i >= 0:
            first = i * (self.model_count + 1)
            index = self.live[i].index
            shown = self._shown(&self.live[i])
            for m in range(self.model_count):
                if self.left[first + m] > 0:
                    self._reached(i, m, queue_level(&self.models[m], &self.queues[first + m],
                                                    shown, 0.0), self.now_ns)
                    queue_packet(&self.models[m], &self.queues[first + m])
                    if self._crossed(self.live[i].side, self.live[i].price):
                        self._reached(i, m, self.qty[index], self.now_ns)
            if self.live[i].open_count == 0:
                self._end(i, self.now_ns, END_FILLED)
            i -= 1

    cdef void _probe(self, int64_t i, const event_t* event, const fifo_change_t* change,
                     int64_t time_ns) noexcept nogil:
        # What one record means for one probe. It may end here: i is then another's or nobody's.
        cdef probe_t* probe = &self.live[i]
        cdef int64_t first = i * (self.model_count + 1)
        cdef int kind = event.kind
        cdef int side = probe.side
        cdef int32_t price = probe.price
        cdef int truth = self.model_count
        cdef int32_t best
        cdef int m
        if event.flags & F_AUCTION:
            self._end(i, time_ns, END_NOT_CONTINUOUS)
            return
        if (kind == TRADE or kind == ORDER_EXECUTE) and self.phase == PHASE_CONTINUOUS:
            self._print(i, event, time_ns)
        if change.lots > 0 and change.side == side and change.price_ticks == price:
            if self.left[first + truth] > 0:
                if (change.executed and change.rank > self.queues[first + truth].rank
                        and self.queues[first + truth].ahead > 0.0):
                    self.out_of_turn = self.out_of_turn + 1
                probe.unexplained -= change.lots if change.executed else 0
                self._reached(i, truth, queue_order(
                    &self.queues[first + truth],
                    change.rank < self.queues[first + truth].rank, change.lots,
                    change.executed and self.phase == PHASE_CONTINUOUS, 0.0), time_ns)
        if kind <= CLEAR and (kind == SNAPSHOT or kind == CLEAR or (
                event.side == side and (event.price_ticks == price
                                        or change.price_ticks == price))):
            self._told(i)
        if not event.flags & F_LAST:
            return
        if (self.left[first + truth] > 0
                and self.queues[first + truth].ahead > self.queues[first + truth].shown):
            self.queues[first + truth].ahead = self.queues[first + truth].shown
            self.truth_capped = self.truth_capped + 1
        if probe.touched and not self.poll_ns:
            for m in range(self.model_count):
                queue_packet(&self.models[m], &self.queues[first + m])
            probe.touched = 0
        if probe.unexplained > 0 and self.queues[first + truth].ahead <= 0.0:
            self._reached(i, truth, probe.unexplained, time_ns)
        probe.unexplained = 0
        if kind == CLEAR:
            self._end(i, time_ns, END_CLEARED)
            return
        if self.phase != PHASE_CONTINUOUS:
            self._end(i, time_ns, END_NOT_CONTINUOUS)
            return
        if self._crossed(side, price):
            self._fill_all(i, time_ns, self.poll_ns != 0)
        best = book_bid_ticks(&self.book) if side > 0 else book_ask_ticks(&self.book)
        if not self.stay and best != INT32_MIN and best != INT32_MAX and <int64_t>side * (
                <int64_t>best - price) > 0:
            self._end(i, time_ns, END_MOVED_AWAY)
        elif probe.open_count == 0:
            self._end(i, time_ns, END_FILLED)

    cdef void _print(self, int64_t i, const event_t* event, int64_t time_ns) noexcept nogil:
        cdef probe_t* probe = &self.live[i]
        cdef int64_t first = i * (self.model_count + 1)
        # The side whose resting orders the print executed, 0 where it is not known.
        cdef int passive = event.side if event.kind == ORDER_EXECUTE else -event.side
        cdef int64_t through = <int64_t>probe.side * (<int64_t>probe.price - event.price_ticks)
        cdef int m
        if event.flags & F_OFF_GRID or event.qty_lots <= 0 or through < 0 or (
                passive != 0 and passive != probe.side):
            return
        if through > 0:
            self._fill_all(i, time_ns, False)
            return
        probe.touched = 1
        # The truth learns of an order's execution by its number: ORDER_EXECUTE explains itself.
        if event.kind == TRADE and not event.flags & F_HIDDEN:
            probe.unexplained += event.qty_lots
        for m in range(self.model_count + 1):
            if self.left[first + m] > 0 and (m < self.model_count or event.flags & F_HIDDEN):
                self._reached(i, m, queue_print(&self.models[m], &self.queues[first + m],
                                                event.qty_lots, 0.0), time_ns)

    cdef void _told(self, int64_t i) noexcept nogil:
        # The level at a probe's price was told by a record.
        cdef int64_t first = i * (self.model_count + 1)
        cdef int32_t shown = self._shown(&self.live[i])
        cdef int m
        self.queues[first + self.model_count].shown = shown
        if self.poll_ns:
            return
        self.live[i].touched = 1
        for m in range(self.model_count):
            if self.left[first + m] > 0:
                self._reached(i, m, queue_level(&self.models[m], &self.queues[first + m], shown,
                                                0.0), self.now_ns)

    cdef int32_t _level(self, int side, int32_t price) noexcept nogil:
        cdef int index = side < 0
        return side_get(&self.book.sides[index], key_of(&self.book.sides[index], price))

    cdef int32_t _shown(self, const probe_t* probe) noexcept nogil:
        # The level without the probe, where the record contains it.
        cdef int32_t shown = self._level(probe.side, probe.price) - probe.own
        return shown if shown > 0 else 0

    cdef bint _crossed(self, int side, int32_t price) noexcept nogil:
        cdef int32_t other = book_ask_ticks(&self.book) if side > 0 else book_bid_ticks(&self.book)
        return (other != INT32_MAX and other != INT32_MIN
                and <int64_t>side * (<int64_t>price - other) >= 0)

    cdef void _fill_all(self, int64_t i, int64_t time_ns, bint truth_only) noexcept nogil:
        cdef int m
        for m in range(self.model_count if truth_only else 0, self.model_count + 1):
            self._reached(i, m, INT32_MAX, time_ns)

    cdef void _reached(self, int64_t i, int m, int64_t lots, int64_t time_ns) noexcept nogil:
        # So many lots reach a probe, in truth or by a model.
        cdef int32_t* left = &self.left[i * (self.model_count + 1) + m]
        cdef probe_t* probe = &self.live[i]
        if lots <= 0 or left[0] <= 0:
            return
        left[0] -= <int32_t>(lots if lots < left[0] else left[0])
        if left[0] == 0:
            self.fills[m, probe.index] = time_ns
            probe.open_count -= 1

    cdef void _end(self, int64_t i, int64_t time_ns, int reason) noexcept nogil:
        # The last one takes the place.
        cdef int64_t width = self.model_count + 1
        cdef int64_t last = self.live_count - 1
        cdef int64_t m
        self.ends[self.live[i].index] = time_ns
        self.reasons[self.live[i].index] = <uint8_t>reason
        if i != last:
            self.live[i] = self.live[last]
            for m in range(width):
                self.queues[i * width + m] = self.queues[last * width + m]
                self.left[i * width + m] = self.left[last * width + m]
        self.live_count = last
    # hot: end
