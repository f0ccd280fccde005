# Orders as they reach the venue: what it refuses, what they take, where they rest. The rules are at
# the head of `ext/matching_orders.pyx`; `matching.pxd` declares what others call.
from libc.stdint cimport int32_t, int64_t

from dreammaker._ext.matching cimport entry_t, matching_t, resting_t

cdef enum:
    WALK_DRY = 0              # how much there is
    WALK_TAKE = 1             # at the levels' prices, an outcome each
    WALK_MEET = 2             # at our own price; the caller reports

# Executes an order against the opposite side up to its limit; what is left of `lots`.
cdef int32_t orders_walk(matching_t* m, int mode, resting_t* order, int32_t lots,
                         int64_t time_ns) noexcept nogil
cdef void orders_arrive(matching_t* m, const entry_t* entry, int64_t time_ns) noexcept nogil
cdef void orders_cancel(matching_t* m, int64_t order_id, int64_t time_ns) noexcept nogil
cdef void orders_replace(matching_t* m, int64_t order_id, int32_t qty, int32_t price,
                         int64_t time_ns) noexcept nogil
# At a packet's end: stops the market has traded at become orders, in their order of arrival.
cdef void orders_trigger(matching_t* m, int64_t time_ns) noexcept nogil
