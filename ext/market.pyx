"""The simulated market: Hawkes order flow (Ogata thinning) on a ladder of price levels.

``dreammaker.simulation.market`` validates, documents and explains; this is the machine.
"""
from libc.stdint cimport int32_t, int64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcpy, memset

import numpy as np

from dreammaker._ext.market_book cimport (
    MAX_LEVELS, MAX_REACH, add_ask, add_bid, cancel, draw_size, fill_holes, limit_order,
    market_order, market_t, put, put_phase, put_snapshot, reveal, seal, walk_ask, walk_bid,
)
from dreammaker._ext.rng cimport rng_exponential, rng_normal, rng_seed, rng_uniform
from dreammaker._ext.schema cimport (
    F_AUCTION, F_CROSSED, PHASE_CLOSED, PHASE_CLOSING_CALL, PHASE_CONTINUOUS, PHASE_PRE_OPEN,
    TRADE, event_t, event_pointer,
)
from dreammaker._ext.thinning cimport (
    CANCEL_BID, FLOWS, LIMIT_BUY, LIMIT_SELL, MARKET_BUY, MARKET_SELL, hawkes_next,
)


cdef void auction_order(market_t* m) noexcept nogil:
    # A limit order around the reference price; the book may cross until the auction ends.
    cdef double u = rng_uniform(&m.mark_rng)
    cdef double offset = m.auction_sd_ticks * rng_normal(&m.mark_rng)
    cdef int32_t lots = draw_size(m, &m.limit_size)
    cdef int32_t price = m.reference + <int32_t>(offset + 0.5 if offset >= 0.0 else offset - 0.5)
    if u < 0.5:
        add_bid(m, max(m.low, min(price, m.high - 1)), lots, 0)
    else:
        add_ask(m, min(m.high, max(price, m.low + 1)), lots, 0)
    if m.best_bid >= m.best_ask:
        m.packet[m.packet_count - 1].flags |= F_CROSSED


cdef inline int32_t away(int32_t price, int32_t reference) noexcept nogil:
    return price - reference if price > reference else reference - price


cdef void cross_auction(market_t* m) noexcept nogil:
    # One price: most lots matched, then least left over, then nearest the reference, then lowest.
    cdef int64_t demand = 0
    cdef int64_t supply = 0
    cdef int64_t matched, surplus, left
    cdef int64_t best_matched = 0
    cdef int64_t best_surplus = 0
    cdef int32_t price, at = m.best_ask
    for price in range(m.best_ask, m.best_bid + 1):
        demand += m.bids[price - m.low]
    for price in range(m.best_ask, m.best_bid + 1):
        supply += m.asks[price - m.low]
        matched = min(demand, supply)
        surplus = demand - supply if demand > supply else supply - demand
        if matched > best_matched or matched == best_matched and (
                surplus < best_surplus
                or surplus == best_surplus
                and away(price, m.reference) < away(at, m.reference)):
            best_matched, best_surplus, at = matched, surplus, price
        demand -= m.bids[price - m.low]
    if best_matched == 0:
        return
    put(m, TRADE, 0, at, <int32_t>min(best_matched, 2147483647), F_AUCTION)
    left = best_matched
    while left > 0:
        matched = min(left, m.bids[m.best_bid - m.low])
        m.bids[m.best_bid - m.low] -= <int32_t>matched
        left -= matched
        walk_bid(m)
    left = best_matched
    while left > 0:
        matched = min(left, m.asks[m.best_ask - m.low])
        m.asks[m.best_ask - m.low] -= <int32_t>matched
        left -= matched
        walk_ask(m)


cdef bint auction_clock(market_t* m, int64_t end_ns) noexcept nogil:
    cdef double wait_ns
    if m.auction_rate <= 0.0:
        return False
    wait_ns = 1e9 * rng_exponential(&m.flow_rng) / m.auction_rate
    if wait_ns >= <double>(end_ns - m.now_ns):
        return False
    m.now_ns += <int64_t>wait_ns
    return m.now_ns < end_ns


cdef bint continuous(market_t* m) noexcept nogil:
    # One event of the order flow; False at the end of continuous trading.
    cdef double extra_buy = 0.0
    cdef double extra_sell = 0.0
    cdef int kind
    if m.best_ask - m.best_bid > 1:
        extra_buy = m.gap_fill_rate * (
            0.5 if m.depleted == 0 else m.gap_follow if m.depleted < 0 else 1.0 - m.gap_follow)
        if m.best_ask > m.high or m.best_bid < m.low:  # a side swept clean is quoted first
            extra_buy = 0.0 if m.best_ask > m.high else m.gap_fill_rate
        extra_sell = m.gap_fill_rate - extra_buy
    kind = hawkes_next(&m.flow, &m.flow_rng, extra_buy, extra_sell)
    if kind < 0:
        return False
    m.now_ns = m.open_ns + <int64_t>(m.flow.now_s * 1e9)
    if kind == LIMIT_BUY or kind == LIMIT_SELL:
        limit_order(m, 1 if kind == LIMIT_BUY else -1)
    elif kind == MARKET_BUY or kind == MARKET_SELL:
        market_order(m, 1 if kind == MARKET_BUY else -1)
    else:
        cancel(m, 1 if kind == CANCEL_BID else -1)
    reveal(m, True)
    return True


cdef void stage(market_t* m) noexcept nogil:
    # Puts the stage's next packet, if it has one more, else goes to the next stage.
    cdef int32_t now = m.stage
    if now == STAGE_PRE_OPEN:
        put_phase(m, PHASE_PRE_OPEN, m.pre_open_ns)
    elif now == STAGE_RESTING_BOOK:
        reveal(m, False)
        walk_bid(m)
        walk_ask(m)
        put_snapshot(m)
    elif now == STAGE_OPENING_ORDERS:
        if auction_clock(m, m.open_ns):
            auction_order(m)
            return
    elif now == STAGE_OPENING_CROSS or now == STAGE_CLOSING_CROSS:
        m.now_ns = m.open_ns if now == STAGE_OPENING_CROSS else m.close_ns
        cross_auction(m)
        if now == STAGE_OPENING_CROSS:
            reveal(m, False)
            fill_holes(m)
            m.depleted = 0
        put_snapshot(m)
    elif now == STAGE_CONTINUOUS_START:
        put_phase(m, PHASE_CONTINUOUS, m.open_ns)
    elif now == STAGE_CONTINUOUS:
        if continuous(m):
            return
    elif now == STAGE_CALL_START:
        m.reference = (m.best_bid + m.best_ask) // 2
        put_phase(m, PHASE_CLOSING_CALL, m.call_ns)
    elif now == STAGE_CALL_ORDERS:
        if auction_clock(m, m.close_ns):
            auction_order(m)
            return
    elif now == STAGE_CLOSED:
        put_phase(m, PHASE_CLOSED, m.close_ns)
    m.stage = now + 1


cdef bint advance(market_t* m) noexcept nogil:
    # Makes the next packet unless one waits; False after the last. An order that finds nothing
    # to do (at the price limits) makes none.
    while m.packet_count == 0 and m.stage != STAGE_DONE:
        stage(m)
        if m.packet_count > 0:
            seal(m)
    return m.packet_count > 0


cdef int64_t fill(market_t* m, event_t* out, int64_t room) noexcept nogil:
    cdef int64_t count = 0
    while advance(m) and count + m.packet_count <= room:
        memcpy(&out[count], m.packet, m.packet_count * sizeof(event_t))
        count += m.packet_count
        m.packet_count = 0
    return count


cdef class MarketKernel:
    """One simulated session; parameters are those of ``simulation.market.kernel_parameters``."""

    def __cinit__(self, *, seed, times_ns, prices_ticks, rates, jumps, decays, activity, placement,
                  sizes, limits, gap, auction, depth, latency):
        cdef market_t* m = &self.market
        cdef int i
        memset(m, 0, sizeof(market_t))
        rng_seed(&m.flow_rng, seed, 1)
        rng_seed(&m.mark_rng, seed, 2)
        rng_seed(&m.latency_rng, seed, 3)
        m.pre_open_ns, m.open_ns, m.call_ns, m.close_ns = times_ns
        m.low, m.reference, m.high = prices_ticks
        for i in range(FLOWS):
            m.flow.base[i] = rates[i]
            m.flow.decay[i] = decays[i]
        for i in range(FLOWS * FLOWS):
            m.flow.jump[i] = jumps[i]
        m.flow.end_s = <double>(m.call_ns - m.open_ns) / 1e9
        if not m.pre_open_ns <= m.open_ns < m.call_ns <= m.close_ns:
            raise ValueError(f"times must rise, were {times_ns}")
        if len(activity) * 60.0 < m.flow.end_s:
            raise ValueError(f"{len(activity)} minutes of activity do not cover the session")
        self._activity = np.array(activity, dtype=np.float64)
        m.flow.activity = &self._activity[0]
        m.max_order, m.reach = limits
        m.levels = len(placement)
        if not 1 <= m.levels <= MAX_LEVELS or not 1 <= m.reach <= MAX_REACH:
            raise ValueError(f"levels {m.levels} or reach {m.reach} outside the kernel's bounds")
        for i in range(m.levels):
            m.placement[i] = placement[i]
        m.limit_size.scale, m.limit_size.inverse_tail = sizes[0]
        m.market_size.scale, m.market_size.inverse_tail = sizes[1]
        m.gap_size.scale, m.gap_size.inverse_tail = sizes[2]
        m.gap_fill_rate, m.gap_follow = gap
        m.auction_rate, m.auction_sd_ticks = auction
        m.depth_mean, m.depth_sigma = depth
        m.latency_median_ns, m.latency_sigma = latency
        self._allocate()

    cdef int _allocate(self) except -1:
        cdef market_t* m = &self.market
        if not 0 < m.low < m.reference < m.high:
            raise ValueError(
                f"prices must rise from above 0, were {m.low}, {m.reference}, {m.high}")
        cdef size_t prices = m.high - m.low + 1
        m.bids = <int32_t*>calloc(prices, sizeof(int32_t))
        m.asks = <int32_t*>calloc(prices, sizeof(int32_t))
        m.packet = <event_t*>calloc(2 * prices + 2 * MAX_LEVELS + 2 * MAX_REACH, sizeof(event_t))
        if m.bids == NULL or m.asks == NULL or m.packet == NULL:
            raise MemoryError
        # Nothing rests at the reference price itself: the book opens with a spread of two ticks.
        m.bid_floor = m.reference
        m.ask_ceiling = m.reference
        m.best_bid = m.reference - 1
        m.best_ask = m.reference + 1
        m.now_ns = m.pre_open_ns
        return 0

    def __dealloc__(self):
        free(self.market.bids)
        free(self.market.asks)
        free(self.market.packet)

    def next_packet_size(self):
        """Records in the packet that comes next; 0 after the last."""
        advance(&self.market)
        return self.market.packet_count

    def fill(self, out):
        """Write whole packets into ``out`` (EVENT_DTYPE) while they fit; returns the records."""
        cdef Py_ssize_t room
        cdef event_t* records = <event_t*>event_pointer(out, &room)
        cdef int64_t count
        with nogil:
            count = fill(&self.market, records, room)
        return count
