# The order flow of the simulated market: a multivariate exponential Hawkes process drawn by
# Ogata's (1981) thinning, with one decay rate for each excited component.
from libc.stdint cimport int64_t
from libc.string cimport memset

from dreammaker._ext.mathx cimport dm_exp
from dreammaker._ext.rng cimport rng_exponential, rng_t, rng_uniform

cdef enum:
    FLOWS = 6          # components of the Hawkes process, in this order:
    LIMIT_BUY = 0
    LIMIT_SELL = 1
    MARKET_BUY = 2
    MARKET_SELL = 3
    CANCEL_BID = 4
    CANCEL_ASK = 5

cdef struct hawkes_t:
    double base[FLOWS]              # per second at activity 1
    double jump[FLOWS * FLOWS]      # [excited, source], per second
    double decay[FLOWS]             # per second, of the excited component
    double excited[FLOWS]           # excitation just after `now_s`
    double now_s                    # seconds since the open
    double end_s
    const double* activity          # one multiplier a minute of the session
    int64_t minute


cdef inline void hawkes_move(hawkes_t* flow, double to_s) noexcept nogil:
    cdef double elapsed = to_s - flow.now_s
    cdef int i
    for i in range(FLOWS):
        flow.excited[i] *= dm_exp(-flow.decay[i] * elapsed)
    flow.now_s = to_s


cdef inline int hawkes_next(hawkes_t* flow, rng_t* rng, double extra_buy,
                            double extra_sell) noexcept nogil:
    # Ogata's thinning: between events every intensity only decays, so its value now bounds it.
    # `extra_*` is added to the two limit-order components until the next event. The activity is
    # constant within a minute; at its end the process restarts, which no memory distinguishes.
    # Returns the component, or -1 at the end of continuous trading.
    cdef double bound, draw, candidate, minute_end, cumulative, rate
    cdef double extra[FLOWS]
    cdef int i, kind
    memset(extra, 0, sizeof(extra))
    extra[LIMIT_BUY] = extra_buy
    extra[LIMIT_SELL] = extra_sell
    while True:
        rate = flow.activity[flow.minute]
        bound = 0.0
        for i in range(FLOWS):
            bound += flow.base[i] * rate + flow.excited[i] + extra[i]
        candidate = flow.now_s + rng_exponential(rng) / bound
        minute_end = 60.0 * <double>(flow.minute + 1)
        if candidate >= minute_end or candidate >= flow.end_s:
            if minute_end >= flow.end_s:
                return -1
            hawkes_move(flow, minute_end)
            flow.minute += 1
            continue
        hawkes_move(flow, candidate)
        draw = rng_uniform(rng) * bound
        cumulative = 0.0
        for kind in range(FLOWS):
            cumulative += flow.base[kind] * rate + flow.excited[kind] + extra[kind]
            if draw < cumulative:
                for i in range(FLOWS):
                    flow.excited[i] += flow.jump[i * FLOWS + kind]
                return kind
