# Quoting policies that run without the interpreter: what a policy sees, what it wishes, and the
# class to derive from. `ext/policy.pyx` holds the ready ones; a policy of one's own is a Cython
# class that overrides `quote`.
from libc.stdint cimport int32_t, int64_t

cdef struct view_t:
    int64_t now_ns            # loop time of the decision
    int64_t position_lots     # as reports have told it
    int32_t bid_ticks         # of the present row: two-sided, neither crossed nor locked
    int32_t ask_ticks
    int32_t bid_lots          # -1 = the source shows no sizes
    int32_t ask_lots

cdef struct quotes_t:
    # What should rest; 0 lots = nothing on that side.
    int32_t bid_ticks
    int32_t bid_lots
    int32_t ask_ticks
    int32_t ask_lots

cdef class PolicyKernel:
    cdef void quote(self, const view_t* view, quotes_t* wish) noexcept nogil
