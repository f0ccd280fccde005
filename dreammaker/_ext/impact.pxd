# What our taking does to the prices we take at: the power law of `stochastic.impact`, in ticks.
#
#   permanent   P sign(Q) (|Q| / V)^p   Q: all we took, buys less sells
#   temporary   T sign(R) (|R| / V)^t   R: the same, fading with a half-life
#
# A lot is worsened by their sum at the middle of the chunk it is taken in, never improved. Prices
# are whole ticks: what a chunk owes beyond them is carried to the next one, so that the mean is
# right. The recorded book does not move; resting orders are not touched.
from libc.math cimport floor
from libc.stdint cimport int64_t

from dreammaker._ext.mathx cimport dm_exp, dm_log

cdef struct impact_t:
    bint on
    double permanent_ticks       # P: coefficient times volatility, ticks
    double permanent_exponent
    double temporary_ticks       # T
    double temporary_exponent
    double volume_lots           # V: market volume over the time of the volatility
    double decay_per_ns          # of R
    double total                 # Q
    double recent                # R
    int64_t recent_ns
    double carry                 # part of a tick owed, in [0, 1)
    int64_t cost_tick_lots       # paid in all

cdef inline double impact_power(double lots, double volume, double exponent) noexcept nogil:
    cdef double share = (lots if lots >= 0.0 else -lots) / volume
    cdef double size
    if share <= 0.0:
        return 0.0
    size = dm_exp(exponent * dm_log(share))
    return size if lots > 0.0 else -size

cdef inline double impact_shift(const impact_t* impact, double lots) noexcept nogil:
    # Ticks by which prices have moved up once so many more lots are bought (below 0: sold).
    return (impact.permanent_ticks * impact_power(impact.total + lots, impact.volume_lots,
                                                  impact.permanent_exponent)
            + impact.temporary_ticks * impact_power(impact.recent + lots, impact.volume_lots,
                                                    impact.temporary_exponent))

cdef inline void impact_fade(impact_t* impact, int64_t time_ns) noexcept nogil:
    if time_ns > impact.recent_ns:
        if impact.recent != 0.0:
            impact.recent *= dm_exp(-impact.decay_per_ns * <double>(time_ns - impact.recent_ns))
        impact.recent_ns = time_ns

cdef inline int64_t impact_ticks(const impact_t* impact, int side, int64_t lots) noexcept nogil:
    # Whole ticks a chunk is worsened by.
    cdef double owed = side * impact_shift(impact, 0.5 * side * lots)
    return <int64_t>floor(owed + impact.carry) if owed > 0.0 else 0

cdef inline void impact_take(impact_t* impact, int side, int64_t lots,
                             int64_t ticks) noexcept nogil:
    # A chunk was taken, worsened by so many ticks.
    cdef double owed = side * impact_shift(impact, 0.5 * side * lots)
    if owed > 0.0:
        impact.carry += owed - <double>ticks
        impact.cost_tick_lots += ticks * lots
    impact.total += side * lots
    impact.recent += side * lots
