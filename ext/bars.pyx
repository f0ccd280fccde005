"""Bars of a stream of records: by time, by a total, by imbalance, by runs.

One record at a time, in O(1) and fixed memory, so the bars are the same however the stream is cut.
Weights are whole numbers held as doubles (prints, lots, or millionths of the currency), so sums
are exact below 2**53.
"""
import numpy as np

cimport numpy as cnp
from libc.math cimport fabs
from libc.stdint cimport int64_t

from dreammaker._ext.schema cimport ORDER_EXECUTE, SESSION, TRADE, event_pointer, event_t

cnp.import_array()

cdef packed struct bar_t:
    int64_t start_ns
    int64_t end_ns
    int64_t known_ns
    int64_t last_index
    int64_t known_index
    int64_t open_price
    int64_t high_price
    int64_t low_price
    int64_t close_price
    int64_t volume
    int64_t tick_volume
    int64_t buy_volume
    int64_t sell_volume
    int64_t signed_volume
    double value
    double theta
    double limit
    int64_t complete

BAR_DTYPE = np.dtype([
    ("start_ns", "<i8"), ("end_ns", "<i8"), ("known_ns", "<i8"), ("last_index", "<i8"),
    ("known_index", "<i8"), ("open", "<i8"), ("high", "<i8"), ("low", "<i8"), ("close", "<i8"),
    ("volume", "<i8"), ("tick_volume", "<i8"), ("buy_volume", "<i8"), ("sell_volume", "<i8"),
    ("signed_volume", "<i8"), ("value", "<f8"), ("theta", "<f8"), ("limit", "<f8"),
    ("complete", "<i8")])

cdef enum:
    BY_TIME = 0
    BY_TOTAL = 1
    BY_IMBALANCE = 2
    BY_RUNS = 3

cdef enum:
    PRINTS = 0
    LOTS = 1
    MONEY = 2

cdef struct rule_t:
    int64_t form
    int64_t weight
    int64_t length_ns
    double fixed                # 0 = the threshold is expected, not fixed
    double first_length
    double length_alpha
    double flow_alpha
    double least_length
    double most_length
    double least_share
    int64_t warm_up
    double tick_micros

cdef struct state_t:
    bar_t bar
    bint is_open
    int64_t clock_ns            # running maximum of exchange time
    int64_t local_ns            # running maximum of local time
    int64_t record
    int64_t phase
    int64_t last_price
    bint has_price
    int64_t sign
    double buys                 # weights in the open bar
    double sells
    double total
    double length               # E[T]
    double mean_flow            # sums of an EWMA and the weight they carry
    double mean_buys
    double mean_sells
    double mean_size
    double mass
    int64_t formed


# hot: begin
cdef inline int64_t floor_to(int64_t x, int64_t step) noexcept nogil:
    cdef int64_t rest = x % step
    return x - rest - (step if rest < 0 else 0)


cdef inline double expected_limit(const rule_t* r, const state_t* s) noexcept nogil:
    # What the open bar must reach: frozen when it opens, from bars and prints before it.
    cdef double flow, least
    if r.form == BY_TIME:
        return 0.0
    if r.fixed > 0.0:
        return r.fixed
    if s.formed < r.warm_up or s.mass <= 0.0:
        return -1.0
    if r.form == BY_IMBALANCE:
        flow = fabs(s.mean_flow)
    else:
        flow = s.mean_buys if s.mean_buys > s.mean_sells else s.mean_sells
    least = r.least_share * s.mean_size
    return s.length * (flow if flow > least else least) / s.mass


cdef inline void open_bar(const rule_t* r, state_t* s, int64_t price) noexcept nogil:
    s.is_open = True
    s.bar.start_ns = floor_to(s.clock_ns, r.length_ns) if r.form == BY_TIME else s.clock_ns
    s.bar.open_price = s.bar.high_price = s.bar.low_price = price
    s.bar.volume = s.bar.tick_volume = s.bar.buy_volume = 0
    s.bar.sell_volume = s.bar.signed_volume = 0
    s.bar.value = 0.0
    s.buys = s.sells = s.total = 0.0
    s.bar.limit = expected_limit(r, s)


cdef inline void close_bar(const rule_t* r, state_t* s, bar_t* out,
                           int64_t complete) noexcept nogil:
    cdef double length
    s.bar.complete = complete
    s.bar.known_ns = s.local_ns
    s.bar.known_index = s.record
    if r.form == BY_TIME:
        s.bar.end_ns = s.bar.start_ns + r.length_ns
    if r.form == BY_TOTAL:
        s.bar.theta = s.total
    elif r.form == BY_IMBALANCE:
        s.bar.theta = s.buys - s.sells
    elif r.form == BY_RUNS:
        s.bar.theta = s.buys if s.buys > s.sells else s.sells
    else:
        s.bar.theta = 0.0
    out[0] = s.bar
    s.is_open = False
    if complete:
        s.formed += 1
        length = s.length + r.length_alpha * (<double>s.bar.tick_volume - s.length)
        length = length if length > r.least_length else r.least_length
        s.length = length if length < r.most_length else r.most_length


cdef inline void add_print(const rule_t* r, state_t* s, const event_t* e) noexcept nogil:
    cdef int64_t price = <int64_t>e.price_ticks * 1000000 + e.residual_microticks
    cdef int64_t lots = e.qty_lots if e.qty_lots > 0 else 0
    # A resting order's side is its own: who hit it was on the other.
    cdef int64_t aggressor = e.side if e.kind == TRADE else -<int64_t>e.side
    cdef double weight = 1.0
    cdef double keep = 1.0 - r.flow_alpha
    cdef double ticks = <double>e.price_ticks
    if e.residual_microticks != 0:
        ticks += <double>e.residual_microticks * 1e-6
    if aggressor != 0:
        s.sign = aggressor
    elif s.has_price and price != s.last_price:
        s.sign = 1 if price > s.last_price else -1
    s.last_price = price
    s.has_price = True
    if not s.is_open:
        open_bar(r, s, price)
    if price > s.bar.high_price:
        s.bar.high_price = price
    if price < s.bar.low_price:
        s.bar.low_price = price
    s.bar.close_price = price
    s.bar.end_ns = s.clock_ns
    s.bar.last_index = s.record
    s.bar.tick_volume += 1
    s.bar.volume += lots
    if aggressor > 0:
        s.bar.buy_volume += lots
    elif aggressor < 0:
        s.bar.sell_volume += lots
    s.bar.signed_volume += s.sign * lots
    s.bar.value += ticks * <double>lots
    if r.weight == LOTS:
        weight = <double>lots
    elif r.weight == MONEY:
        weight = ticks * r.tick_micros * <double>lots
    s.total += weight
    s.mean_flow *= keep
    s.mean_buys *= keep
    s.mean_sells *= keep
    s.mean_size = keep * s.mean_size + r.flow_alpha * weight
    s.mass = keep * s.mass + r.flow_alpha
    if s.sign > 0:
        s.buys += weight
        s.mean_flow += r.flow_alpha * weight
        s.mean_buys += r.flow_alpha * weight
    elif s.sign < 0:
        s.sells += weight
        s.mean_flow -= r.flow_alpha * weight
        s.mean_sells += r.flow_alpha * weight


cdef inline bint is_full(const rule_t* r, const state_t* s) noexcept nogil:
    cdef double theta
    if r.form == BY_TIME:
        return False
    if s.bar.limit < 0.0:
        # Warm-up: a fixed number of prints.
        return <double>s.bar.tick_volume >= r.first_length
    if r.form == BY_TOTAL:
        theta = s.total
    elif r.form == BY_IMBALANCE:
        theta = fabs(s.buys - s.sells)
    else:
        theta = s.buys if s.buys > s.sells else s.sells
    # A limit of 0 (nothing but unknown sizes so far) would make a bar of every print.
    return s.bar.limit > 0.0 and theta >= s.bar.limit


cdef int64_t run(const rule_t* r, state_t* s, const event_t* events, int64_t count, bar_t* out,
                 int64_t room, int64_t* made) noexcept nogil:
    # Takes records until there is no room for a bar; a record closes one at most.
    cdef int64_t i
    cdef int64_t bars = 0
    cdef const event_t* e
    for i in range(count):
        if bars == room:
            made[0] = bars
            return i
        e = &events[i]
        s.record += 1
        if e.local_ns > s.local_ns:
            s.local_ns = e.local_ns
        if e.exch_ns > s.clock_ns:
            s.clock_ns = e.exch_ns
        if (r.form == BY_TIME and s.is_open
                and s.clock_ns >= s.bar.start_ns + r.length_ns):
            close_bar(r, s, &out[bars], 1)
            bars += 1
        if e.kind == TRADE or e.kind == ORDER_EXECUTE:
            add_print(r, s, e)
            if is_full(r, s):
                close_bar(r, s, &out[bars], 1)
                bars += 1
        elif e.kind == SESSION and <int64_t>e.aux != s.phase:
            s.phase = e.aux
            if s.is_open:
                close_bar(r, s, &out[bars], 0)
                bars += 1
            s.has_price = False
            s.sign = 0
    made[0] = bars
    return count
# hot: end


cdef class BarKernel:
    """State of one stream of bars; ``features.bars.BarStream`` is its face.

    Parameters
    ----------
    settings : dict
        The fields of the rule: form (0 time, 1 total, 2 imbalance, 3 runs), weight (0 prints,
        1 lots, 2 money), length_ns, fixed (0 = expected), first_length, length_alpha, flow_alpha,
        least_length, most_length, least_share, warm_up, tick_micros.
    room : int
        Bars handed out at once, above 0.
    """

    cdef rule_t rule
    cdef state_t state
    cdef int64_t room

    def __cinit__(self, settings, int64_t room=4096):
        self.rule.form = settings["form"]
        self.rule.weight = settings["weight"]
        self.rule.length_ns = settings["length_ns"]
        self.rule.fixed = settings["fixed"]
        self.rule.first_length = settings["first_length"]
        self.rule.length_alpha = settings["length_alpha"]
        self.rule.flow_alpha = settings["flow_alpha"]
        self.rule.least_length = settings["least_length"]
        self.rule.most_length = settings["most_length"]
        self.rule.least_share = settings["least_share"]
        self.rule.warm_up = settings["warm_up"]
        self.rule.tick_micros = settings["tick_micros"]
        if room < 1:
            raise ValueError(f"room must be 1 or more, was {room}")
        self.room = room
        self.state.is_open = False
        self.state.clock_ns = -(<int64_t>1 << 62)
        self.state.local_ns = -(<int64_t>1 << 62)
        self.state.record = -1
        self.state.phase = -1
        self.state.has_price = False
        self.state.sign = 0
        self.state.length = self.rule.first_length
        self.state.mean_flow = self.state.mean_buys = self.state.mean_sells = 0.0
        self.state.mean_size = self.state.mass = 0.0
        self.state.formed = 0

    def process(self, events):
        """Take records; bars that ended among them.

        Parameters
        ----------
        events : array of EVENT_DTYPE

        Returns
        -------
        array of BAR_DTYPE
            Prices in millionths of a tick, value in ticks times lots; indices count records from
            the first one ever taken.
        """
        cdef Py_ssize_t count = 0
        cdef const event_t* first = event_pointer(events, &count)
        cdef cnp.ndarray out = np.empty(self.room, BAR_DTYPE)
        cdef bar_t* target = <bar_t*>cnp.PyArray_DATA(out)
        cdef int64_t done = 0
        cdef int64_t made = 0
        cdef list parts = []
        while True:
            with nogil:
                done += run(&self.rule, &self.state, first + done, count - done, target,
                            self.room, &made)
            parts.append(out[:made].copy())
            if done == count:
                return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def flush(self):
        """The open bar as it stands, if any, not complete; it stays open.

        Returns
        -------
        array of BAR_DTYPE, shape (0,) or (1,)
        """
        cdef cnp.ndarray out = np.empty(1, BAR_DTYPE)
        cdef state_t copy = self.state
        if not copy.is_open:
            return out[:0]
        close_bar(&self.rule, &copy, <bar_t*>cnp.PyArray_DATA(out), 0)
        return out

    @property
    def expected_length(self):
        """E[T]: prints the next bar is expected to have."""
        return self.state.length

    @property
    def threshold(self):
        """What the next bar would have to reach; -1 while bars are still a fixed length."""
        return expected_limit(&self.rule, &self.state)
