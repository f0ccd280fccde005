# The order of arrivals at each price, where the source is order by order: exact FIFO.
#
# Every order that is added gets the next rank; a change of price or a larger quantity loses it, a
# smaller quantity keeps it. An order of ours takes a rank of its own when it arrives
# (`fifo_arrive`), and what later leaves its price with a lower rank stood ahead of it. An order the
# record has never added is older than the record, thus ahead of everybody (rank 0).
#
# Executions are ORDER_EXECUTE, and cancels and modifies that follow a fill (Databento, aux 1). Of
# the latter only those on the side that the packet's print met: the others are of an order that
# changed its price and took. One that leaves the size as it was is an iceberg's refill, which goes
# to the back.
from libc.stdint cimport int32_t, int64_t, uint64_t
from libc.stdlib cimport calloc, free

from dreammaker._ext.schema cimport (CLEAR, F_SNAP_BEGIN, ORDER_ADD, ORDER_EXECUTE, ORDER_MODIFY,
                                     SNAPSHOT, TRADE, event_t)

cdef enum:
    FIFO_FIRST_BITS = 12

cdef struct fifo_order_t:
    int64_t order_id       # 0 = free slot
    int64_t rank
    int32_t price_ticks
    int32_t lots

cdef struct fifo_t:
    fifo_order_t* slots
    int64_t count
    int64_t last_rank
    uint64_t mask
    int shift
    int passive            # the side that the latest print met, 0 where it is not known

cdef struct fifo_change_t:
    # Lots that left the queue at a price.
    int64_t rank
    int32_t price_ticks
    int32_t lots           # 0: nothing left
    int32_t side
    int executed

cdef inline int fifo_init(fifo_t* fifo) noexcept nogil:
    # 0, or -1 without memory.
    fifo.slots = <fifo_order_t*>calloc((<size_t>1) << FIFO_FIRST_BITS, sizeof(fifo_order_t))
    fifo.count = 0
    fifo.last_rank = 0
    fifo.passive = 0
    fifo.mask = ((<uint64_t>1) << FIFO_FIRST_BITS) - 1
    fifo.shift = 64 - FIFO_FIRST_BITS
    return 0 if fifo.slots != NULL else -1

cdef inline void fifo_free(fifo_t* fifo) noexcept nogil:
    free(fifo.slots)
    fifo.slots = NULL
    fifo.count = 0

cdef inline int64_t fifo_arrive(fifo_t* fifo) noexcept nogil:
    # The rank of an order that arrives now.
    fifo.last_rank += 1
    return fifo.last_rank

cdef inline uint64_t fifo_home(const fifo_t* fifo, int64_t order_id) noexcept nogil:
    return (<uint64_t>order_id * <uint64_t>0x9E3779B97F4A7C15) >> fifo.shift

cdef inline fifo_order_t* fifo_find(const fifo_t* fifo, int64_t order_id) noexcept nogil:
    # The order's slot, or the free slot where it would go.
    cdef uint64_t slot = fifo_home(fifo, order_id)
    while fifo.slots[slot].order_id != order_id and fifo.slots[slot].order_id != 0:
        slot = (slot + 1) & fifo.mask
    return &fifo.slots[slot]

cdef inline int fifo_reserve(fifo_t* fifo) noexcept nogil:
    # Room for one more order at a load of at most one half. 0, or -1 without memory.
    cdef fifo_order_t* former = fifo.slots
    cdef uint64_t former_count = fifo.mask + 1
    cdef uint64_t slot
    cdef fifo_order_t* grown
    if <uint64_t>(fifo.count + 1) * 2 <= former_count:
        return 0
    grown = <fifo_order_t*>calloc(<size_t>former_count * 2, sizeof(fifo_order_t))
    if grown == NULL:
        return -1
    fifo.slots = grown
    fifo.mask = former_count * 2 - 1
    fifo.shift -= 1
    for slot in range(former_count):
        if former[slot].order_id != 0:
            fifo_find(fifo, former[slot].order_id)[0] = former[slot]
    free(former)
    return 0

cdef inline void fifo_remove(fifo_t* fifo, fifo_order_t* order) noexcept nogil:
    # Deleting shifts the following orders back, so that no marks are left behind.
    cdef uint64_t hole = <uint64_t>(order - fifo.slots)
    cdef uint64_t slot = hole
    cdef uint64_t home
    fifo.count -= 1
    while True:
        slot = (slot + 1) & fifo.mask
        if fifo.slots[slot].order_id == 0:
            break
        home = fifo_home(fifo, fifo.slots[slot].order_id)
        if ((slot - home) & fifo.mask) >= ((slot - hole) & fifo.mask):
            fifo.slots[hole] = fifo.slots[slot]
            hole = slot
    fifo.slots[hole].order_id = 0

cdef inline void fifo_clear(fifo_t* fifo) noexcept nogil:
    # Forget all orders; ranks go on.
    cdef uint64_t slot
    for slot in range(fifo.mask + 1):
        fifo.slots[slot].order_id = 0
    fifo.count = 0

cdef inline int fifo_add(fifo_t* fifo, int64_t order_id, int32_t price,
                         int32_t lots) noexcept nogil:
    cdef fifo_order_t* order
    if fifo_reserve(fifo) != 0:
        return -1
    order = fifo_find(fifo, order_id)
    fifo.count += order.order_id == 0
    order.order_id = order_id
    order.price_ticks = price
    order.lots = lots
    order.rank = fifo_arrive(fifo)
    return 0

cdef inline int fifo_apply(fifo_t* fifo, const event_t* event,
                           fifo_change_t* change) noexcept nogil:
    # Apply a record and say what left a queue. 0, or -1 without memory.
    cdef fifo_order_t* order
    cdef int kind = event.kind
    cdef bint filled = event.aux == 1 and (fifo.passive == 0 or fifo.passive == event.side)
    change.lots = 0
    if kind == TRADE:
        fifo.passive = -event.side
        return 0
    if kind == CLEAR or (kind == SNAPSHOT and event.flags & F_SNAP_BEGIN):
        fifo_clear(fifo)
        return 0
    if kind < ORDER_ADD or kind > ORDER_EXECUTE or event.order_id == 0:
        return 0
    order = fifo_find(fifo, event.order_id)
    if kind == ORDER_ADD:
        return fifo_add(fifo, event.order_id, event.price_ticks, event.qty_lots)
    change.side = event.side
    change.executed = kind == ORDER_EXECUTE or filled
    if order.order_id == 0:
        if kind == ORDER_MODIFY:
            return fifo_add(fifo, event.order_id, event.price_ticks, event.qty_lots)
        change.rank = 0
        change.price_ticks = event.price_ticks
        change.lots = event.qty_lots if event.qty_lots > 0 else 0
        return 0
    change.rank = order.rank
    change.price_ticks = order.price_ticks
    if kind == ORDER_MODIFY:
        if event.price_ticks == order.price_ticks and 0 <= event.qty_lots <= order.lots and not (
                filled and event.qty_lots == order.lots):
            change.lots = order.lots - event.qty_lots
            order.lots = event.qty_lots
        else:
            change.lots = order.lots
            order.price_ticks = event.price_ticks
            order.lots = event.qty_lots
            order.rank = fifo_arrive(fifo)
    else:
        change.lots = order.lots
        if 0 <= event.qty_lots < order.lots:
            change.lots = event.qty_lots
        order.lots -= change.lots
    if order.lots <= 0:
        fifo_remove(fifo, order)
    return 0
