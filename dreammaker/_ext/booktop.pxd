# Features of one depth frame. Distances from the mid are integers in half ticks.
from libc.stdint cimport int32_t, int64_t

from dreammaker._ext.book cimport frame_t
from dreammaker._ext.mathx cimport dm_nan

cdef enum:
    TOP_LEVELS = 5
    NEAR_HALF_TICKS = 256

cdef struct top_weights_t:
    double level[5]              # decay^(i-1)
    double near[256]             # 2/k: a quantity k half ticks away counts near[k] times

cdef inline void top_weights_init(top_weights_t* w, double decay) noexcept nogil:
    cdef int i
    w.level[0] = 1.0
    for i in range(1, TOP_LEVELS):
        w.level[i] = w.level[i - 1] * decay
    w.near[0] = 0.0
    for i in range(1, NEAR_HALF_TICKS):
        w.near[i] = 2.0 / <double>i

cdef inline bint top_is_sound(const frame_t* f) noexcept nogil:
    # Two-sided, neither crossed nor locked.
    return f.bid_count > 0 and f.ask_count > 0 and f.bid_ticks[0] < f.ask_ticks[0]

cdef inline int64_t top_half_ticks(const frame_t* f) noexcept nogil:
    # The mid in half ticks.
    return <int64_t>f.bid_ticks[0] + <int64_t>f.ask_ticks[0]

cdef inline double top_micro(const frame_t* f) noexcept nogil:
    # Level-1 prices, each weighted by the other side's size; ticks.
    cdef int64_t qb = f.bid_qty[0], qa = f.ask_qty[0]
    return <double>(f.bid_ticks[0] * qa + f.ask_ticks[0] * qb) / <double>(qb + qa)

cdef inline double top_imbalance(const frame_t* f) noexcept nogil:
    cdef int64_t qb = f.bid_qty[0], qa = f.ask_qty[0]
    return <double>(qb - qa) / <double>(qb + qa)

cdef inline int32_t top_pairs(const frame_t* f) noexcept nogil:
    # Levels that both sides have: a level that one side lacks is skipped.
    cdef int32_t n = f.bid_count if f.bid_count < f.ask_count else f.ask_count
    return n if n < TOP_LEVELS else TOP_LEVELS

cdef inline void top_weighted(const frame_t* f, const top_weights_t* w, double* mid,
                              double* imbalance) noexcept nogil:
    # Depth-weighted mid (ticks) and imbalance over the levels that both sides have.
    cdef double crossed = 0.0, lean = 0.0, size = 0.0, qb, qa, weight
    cdef int32_t i, pairs = top_pairs(f)
    for i in range(TOP_LEVELS):
        weight = w.level[i] if i < pairs else 0.0
        qb = weight * <double>f.bid_qty[i]
        qa = weight * <double>f.ask_qty[i]
        crossed += <double>f.bid_ticks[i] * qa + <double>f.ask_ticks[i] * qb
        lean += qb - qa
        size += qb + qa
    mid[0] = crossed / size
    imbalance[0] = lean / size

cdef inline double top_nearness(const top_weights_t* w, int64_t half_ticks) noexcept nogil:
    return w.near[half_ticks] if half_ticks < NEAR_HALF_TICKS else 2.0 / <double>half_ticks

cdef inline double top_pressure(const frame_t* f, const top_weights_t* w) noexcept nogil:
    # Quantities over their distance from the mid in ticks, bids less asks.
    # An absent level has no quantity.
    cdef int64_t mid2 = top_half_ticks(f)
    cdef double bids = 0.0, asks = 0.0
    cdef int32_t i
    for i in range(TOP_LEVELS):
        bids += <double>f.bid_qty[i] * top_nearness(w, mid2 - 2 * <int64_t>f.bid_ticks[i])
        asks += <double>f.ask_qty[i] * top_nearness(w, 2 * <int64_t>f.ask_ticks[i] - mid2)
    return bids - asks
