# Live orders by number: open addressing with linear probing. Deleting shifts the following orders
# back instead of leaving marks, so the table's size depends on the most orders alive at once and
# not on how many have come and gone.
from libc.stdint cimport int32_t, int64_t, uint64_t
from libc.stdlib cimport calloc, free

cdef enum:
    ORDER_MAP_FIRST_BITS = 10

cdef struct order_t:
    int64_t order_id          # 0 = free slot
    int32_t price_ticks
    int32_t lots              # what remains, above 0 for a bid and below 0 for an ask

cdef struct order_map_t:
    order_t* slots
    int64_t count
    uint64_t mask             # number of slots less one
    int shift                 # 64 less the number of the mask's bits

cdef inline int order_map_init(order_map_t* orders) noexcept nogil:
    orders.slots = <order_t*>calloc((<size_t>1) << ORDER_MAP_FIRST_BITS, sizeof(order_t))
    orders.count = 0
    orders.mask = ((<uint64_t>1) << ORDER_MAP_FIRST_BITS) - 1
    orders.shift = 64 - ORDER_MAP_FIRST_BITS
    return 0 if orders.slots != NULL else -1

cdef inline void order_map_free(order_map_t* orders) noexcept nogil:
    free(orders.slots)
    orders.slots = NULL
    orders.count = 0

cdef inline uint64_t order_home(const order_map_t* orders, int64_t order_id) noexcept nogil:
    return (<uint64_t>order_id * <uint64_t>0x9E3779B97F4A7C15) >> orders.shift

cdef inline order_t* order_find(const order_map_t* orders, int64_t order_id) noexcept nogil:
    # The order's slot, or the free slot where it would go.
    cdef uint64_t slot = order_home(orders, order_id)
    while orders.slots[slot].order_id != order_id and orders.slots[slot].order_id != 0:
        slot = (slot + 1) & orders.mask
    return &orders.slots[slot]

cdef inline int order_map_reserve(order_map_t* orders) noexcept nogil:
    # Room for one more order at a load of at most one half. 0, or -1 without memory.
    cdef order_t* former = orders.slots
    cdef uint64_t former_count = orders.mask + 1
    cdef uint64_t slot
    cdef order_t* grown
    if <uint64_t>(orders.count + 1) * 2 <= former_count:
        return 0
    grown = <order_t*>calloc(<size_t>former_count * 2, sizeof(order_t))
    if grown == NULL:
        return -1
    orders.slots = grown
    orders.mask = former_count * 2 - 1
    orders.shift -= 1
    for slot in range(former_count):
        if former[slot].order_id != 0:
            order_find(orders, former[slot].order_id)[0] = former[slot]
    free(former)
    return 0

cdef inline void order_remove(order_map_t* orders, order_t* order) noexcept nogil:
    cdef uint64_t hole = <uint64_t>(order - orders.slots)
    cdef uint64_t slot = hole
    cdef uint64_t home
    while True:
        slot = (slot + 1) & orders.mask
        if orders.slots[slot].order_id == 0:
            break
        home = order_home(orders, orders.slots[slot].order_id)
        # The order may fill the hole if its home is not between the hole and where it stands.
        if ((slot - home) & orders.mask) >= ((slot - hole) & orders.mask):
            orders.slots[hole] = orders.slots[slot]
            hole = slot
    orders.slots[hole].order_id = 0
    orders.count -= 1

cdef inline void order_map_clear(order_map_t* orders) noexcept nogil:
    cdef uint64_t slot
    if orders.count != 0:
        for slot in range(orders.mask + 1):
            orders.slots[slot].order_id = 0
    orders.count = 0
