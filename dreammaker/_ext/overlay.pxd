# What we took from recorded flow, per price: liquidity that is not taken again.
from libc.stdint cimport int32_t, int64_t

cdef enum:
    MAX_TAKEN = 256

cdef struct taken_t:
    int64_t lots
    int32_t price
    int32_t side          # of the book we took from

cdef struct overlay_t:
    taken_t entries[MAX_TAKEN]   # in order of taking
    int count

cdef inline int overlay_find(const overlay_t* taken, int side, int32_t price) noexcept nogil:
    # Index of a price's entry, -1 where there is none.
    cdef int i
    for i in range(taken.count):
        if taken.entries[i].side == side and taken.entries[i].price == price:
            return i
    return -1

cdef inline void overlay_forget(overlay_t* taken, int index) noexcept nogil:
    cdef int i
    taken.count -= 1
    for i in range(index, taken.count):
        taken.entries[i] = taken.entries[i + 1]

cdef inline int64_t overlay_untaken(const overlay_t* taken, int side, int32_t price,
                                    int64_t shown) noexcept nogil:
    # Of what a price shows, what we have not taken.
    cdef int i = overlay_find(taken, side, price)
    if i >= 0:
        shown -= taken.entries[i].lots
    return shown if shown > 0 else 0

cdef inline void overlay_take(overlay_t* taken, int side, int32_t price,
                              int64_t lots) noexcept nogil:
    cdef int i = overlay_find(taken, side, price)
    if i >= 0:
        taken.entries[i].lots += lots
        return
    if taken.count == MAX_TAKEN:
        # Forgetting the oldest gives its liquidity back too early; it takes 256 prices.
        overlay_forget(taken, 0)
    taken.entries[taken.count].side = side
    taken.entries[taken.count].price = price
    taken.entries[taken.count].lots = lots
    taken.count += 1

cdef inline void overlay_see(overlay_t* taken, int index, int32_t shown) noexcept nogil:
    # An entry's price is looked at again: no more can be missing than is shown. A level that grows
    # needs nothing here, for what was added has not been taken.
    if taken.entries[index].lots > shown:
        taken.entries[index].lots = shown
    if shown <= 0:
        overlay_forget(taken, index)
