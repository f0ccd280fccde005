# The simulated market's state and its book: records, draws of sizes and levels, and what each kind
# of order does to the ladder. Plain C; the arrays belong to MarketKernel.
from libc.stdint cimport int32_t, int64_t
from libc.string cimport memset

from dreammaker._ext.mathx cimport dm_exp
from dreammaker._ext.rng cimport rng_exponential, rng_normal, rng_t, rng_uniform
from dreammaker._ext.schema cimport (
    F_LAST, F_SNAP_BEGIN, F_SNAP_END, LEVEL_SET, SESSION, SNAPSHOT, TRADE, event_t,
)
from dreammaker._ext.thinning cimport hawkes_t

cdef enum:
    MAX_LEVELS = 64    # placement levels
    MAX_REACH = 32     # levels a market order may walk
    MAX_LEVEL_LOTS = 1000000000

cdef struct order_size_t:   # 1 + floor(Lomax): heavy right tail
    double scale
    double inverse_tail

cdef struct market_t:
    hawkes_t flow
    rng_t flow_rng                  # times and components
    rng_t mark_rng                  # sizes and levels
    rng_t latency_rng
    double gap_fill_rate
    double gap_follow
    double auction_rate
    double auction_sd_ticks
    double depth_mean
    double depth_sigma
    order_size_t limit_size
    order_size_t market_size
    order_size_t gap_size
    int32_t max_order
    int32_t reach
    int32_t levels
    double placement[MAX_LEVELS]    # cumulative probability of the offset from the own best
    double latency_median_ns
    double latency_sigma
    int64_t pre_open_ns
    int64_t open_ns
    int64_t call_ns
    int64_t close_ns
    int32_t low                     # price limits, ticks; the book holds low..high
    int32_t high
    int32_t reference               # auctions place orders around it
    int32_t* bids                   # lots at price low + index
    int32_t* asks
    int32_t best_bid                # low - 1 where there is none
    int32_t best_ask                # high + 1 where there is none
    int32_t bid_floor               # lowest price whose resting lots were drawn
    int32_t ask_ceiling
    int32_t depleted                # side of the last emptied best queue
    int32_t stage
    int64_t now_ns
    int64_t local_ns                # of the last packet
    int64_t seq
    event_t* packet
    int64_t packet_count            # records of a packet not yet handed out


cdef inline event_t* put(market_t* m, int kind, int side, int32_t price, int32_t qty,
                         int flags) noexcept nogil:
    cdef event_t* record = &m.packet[m.packet_count]
    memset(record, 0, sizeof(event_t))
    record.kind = kind
    record.side = side
    record.price_ticks = price
    record.qty_lots = qty
    record.flags = flags
    m.packet_count += 1
    return record


cdef inline void seal(market_t* m) noexcept nogil:
    # Stamps the packet: one exchange time, one latency; local time never goes back.
    cdef int64_t i
    cdef double latency_ns = m.latency_median_ns * dm_exp(
        m.latency_sigma * rng_normal(&m.latency_rng))
    cdef int64_t local_ns = m.now_ns + <int64_t>min(latency_ns, 3.6e12)
    if local_ns < m.local_ns:
        local_ns = m.local_ns
    m.local_ns = local_ns
    for i in range(m.packet_count):
        m.seq += 1
        m.packet[i].seq = m.seq
        m.packet[i].exch_ns = m.now_ns
        m.packet[i].local_ns = local_ns
        m.packet[i].mono_ns = local_ns - m.pre_open_ns
    m.packet[m.packet_count - 1].flags |= F_LAST


cdef inline void put_phase(market_t* m, int phase, int64_t at_ns) noexcept nogil:
    m.now_ns = at_ns
    put(m, SESSION, 0, 0, 0, 0).aux = phase


cdef inline void put_snapshot(market_t* m) noexcept nogil:
    # The whole book, each side from its best price outwards.
    cdef int64_t first = m.packet_count
    cdef int32_t price
    for price in range(m.best_bid, m.low - 1, -1):
        if m.bids[price - m.low] > 0:
            put(m, SNAPSHOT, 1, price, m.bids[price - m.low], 0)
    for price in range(m.best_ask, m.high + 1):
        if m.asks[price - m.low] > 0:
            put(m, SNAPSHOT, -1, price, m.asks[price - m.low], 0)
    if m.packet_count == first:
        put(m, SNAPSHOT, 0, 0, 0, 0)
    m.packet[first].flags |= F_SNAP_BEGIN
    m.packet[m.packet_count - 1].flags |= F_SNAP_END


cdef inline int32_t draw_size(market_t* m, const order_size_t* law) noexcept nogil:
    cdef double lots = 1.0 + law.scale * (
        dm_exp(law.inverse_tail * rng_exponential(&m.mark_rng)) - 1.0)
    return <int32_t>lots if lots < m.max_order else m.max_order


cdef inline int32_t draw_depth(market_t* m) noexcept nogil:
    cdef double lots = m.depth_mean * dm_exp(
        m.depth_sigma * rng_normal(&m.mark_rng) - 0.5 * m.depth_sigma * m.depth_sigma)
    return <int32_t>lots + 1 if lots < MAX_LEVEL_LOTS else MAX_LEVEL_LOTS


cdef inline int32_t draw_offset(market_t* m) noexcept nogil:
    cdef double u = rng_uniform(&m.mark_rng)
    cdef int32_t k = 0
    while k < m.levels - 1 and u >= m.placement[k]:
        k += 1
    return k


cdef inline void walk_bid(market_t* m) noexcept nogil:
    # To the next level that holds orders; past the last one known it stops, and `reveal` draws.
    while m.best_bid >= m.bid_floor and m.bids[m.best_bid - m.low] == 0:
        m.best_bid -= 1


cdef inline void walk_ask(market_t* m) noexcept nogil:
    while m.best_ask <= m.ask_ceiling and m.asks[m.best_ask - m.low] == 0:
        m.best_ask += 1


cdef inline void reveal(market_t* m, bint announce) noexcept nogil:
    # A level that comes within reach of the best price for the first time already holds orders.
    cdef int32_t* lots
    while m.bid_floor > m.low and m.bid_floor > m.best_bid - m.levels + 1:
        m.bid_floor -= 1
        lots = &m.bids[m.bid_floor - m.low]
        if lots[0] == 0:
            lots[0] = draw_depth(m)
            if announce:
                put(m, LEVEL_SET, 1, m.bid_floor, lots[0], 0)
    while m.ask_ceiling < m.high and m.ask_ceiling < m.best_ask + m.levels - 1:
        m.ask_ceiling += 1
        lots = &m.asks[m.ask_ceiling - m.low]
        if lots[0] == 0:
            lots[0] = draw_depth(m)
            if announce:
                put(m, LEVEL_SET, -1, m.ask_ceiling, lots[0], 0)


cdef inline void fill_holes(market_t* m) noexcept nogil:
    # After the opening auction: every level within reach of the best prices holds orders.
    cdef int32_t k
    for k in range(m.levels):
        if m.best_bid - k >= m.low and m.bids[m.best_bid - k - m.low] == 0:
            m.bids[m.best_bid - k - m.low] = draw_depth(m)
        if m.best_ask + k <= m.high and m.asks[m.best_ask + k - m.low] == 0:
            m.asks[m.best_ask + k - m.low] = draw_depth(m)


cdef inline void add_bid(market_t* m, int32_t price, int32_t lots, int flags) noexcept nogil:
    m.bids[price - m.low] = min(m.bids[price - m.low] + lots, MAX_LEVEL_LOTS)
    if price > m.best_bid:
        m.best_bid = price
    put(m, LEVEL_SET, 1, price, m.bids[price - m.low], flags)


cdef inline void add_ask(market_t* m, int32_t price, int32_t lots, int flags) noexcept nogil:
    m.asks[price - m.low] = min(m.asks[price - m.low] + lots, MAX_LEVEL_LOTS)
    if price < m.best_ask:
        m.best_ask = price
    put(m, LEVEL_SET, -1, price, m.asks[price - m.low], flags)


cdef inline void limit_order(market_t* m, int side) noexcept nogil:
    # Inside the spread where there is room (one tick better than the own best), else behind.
    cdef bint inside = m.best_ask - m.best_bid > 1
    cdef int32_t lots = draw_size(m, &m.gap_size if inside else &m.limit_size)
    cdef int32_t price
    if side > 0:
        price = m.best_bid + 1 if inside else m.best_bid - draw_offset(m)
        price = max(m.low, min(price, m.high - 1))
        if price < m.best_ask:
            add_bid(m, price, lots, 0)
    else:
        price = m.best_ask - 1 if inside else m.best_ask + draw_offset(m)
        price = min(m.high, max(price, m.low + 1))
        if price > m.best_bid:
            add_ask(m, price, lots, 0)


cdef inline void market_order(market_t* m, int side) noexcept nogil:
    # Walks the other side for at most `reach` prices; what is left then is cancelled.
    cdef int32_t lots = draw_size(m, &m.market_size)
    cdef int32_t hit, price, i
    cdef int32_t prices[MAX_REACH]
    cdef int32_t count = 0
    cdef int32_t* book = m.asks if side > 0 else m.bids
    while lots > 0 and count < m.reach:
        price = m.best_ask if side > 0 else m.best_bid
        if price < m.bid_floor or price > m.ask_ceiling:
            break
        hit = min(lots, book[price - m.low])
        put(m, TRADE, side, price, hit, 0)
        book[price - m.low] -= hit
        lots -= hit
        prices[count] = price
        count += 1
        if book[price - m.low] == 0:
            m.depleted = -side
            if side > 0:
                walk_ask(m)
            else:
                walk_bid(m)
    for i in range(count):
        put(m, LEVEL_SET, -side, prices[i], book[prices[i] - m.low], 0)


cdef inline void cancel(market_t* m, int side) noexcept nogil:
    # Removes a share of the level: the fuller the queue, the more of it is withdrawn. Only the
    # best level can be emptied; a level behind it keeps its last lot.
    cdef int32_t* book = m.bids if side > 0 else m.asks
    cdef int32_t best = m.best_bid if side > 0 else m.best_ask
    cdef int32_t price, held, gone
    cdef double share
    if best < m.low or best > m.high:
        return
    price = max(m.low, min(m.high, best - side * draw_offset(m)))
    if book[price - m.low] < 2:
        price = best
    held = book[price - m.low]
    share = <double>draw_size(m, &m.limit_size) / m.depth_mean
    gone = held if share >= 1.0 else 1 + <int32_t>(share * <double>held)
    gone = min(gone, held if price == best else held - 1)
    book[price - m.low] = held - gone
    put(m, LEVEL_SET, side, price, held - gone, 0)
    if held == gone:
        m.depleted = side
        if side > 0:
            walk_bid(m)
        else:
            walk_ask(m)
