# Order-flow imbalance between two frames of the book, level by level.
#
# Cont, Kukanov and Stoikov (2014), section 2.1, at each level m as in Xu, Gould and Howison (2018):
#   e^m =   [b_m >= b'_m] qb_m - [b_m <= b'_m] qb'_m        (b price, qb size of the bid level m,
#         - [a_m <= a'_m] qa_m + [a_m >= a'_m] qa'_m         a and qa of the ask; ' = before)
# A level that a frame does not have stands there with size 0 at the worst price there is (minus
# infinity for bids, plus infinity for asks), as frame_t holds it. So its own term is nothing: a
# level that appears counts with its whole size, one that vanishes with minus its size, one absent
# in both frames with 0.
from libc.stdint cimport int32_t, int64_t

from dreammaker._ext.book cimport frame_t

cdef inline void ofi_from(const frame_t* before, const frame_t* after, int first, int levels,
                          int64_t* out) noexcept nogil:
    # e^1..e^levels into out[0..levels-1], of which those below index `first` are known not to have
    # changed (see book_changed_from) and are written as 0. levels is at most FRAME_LEVELS.
    cdef int m
    cdef int32_t b, b_before, a, a_before
    if first > levels:
        first = levels
    for m in range(first):
        out[m] = 0
    for m in range(first, levels):
        b = after.bid_ticks[m]
        b_before = before.bid_ticks[m]
        a = after.ask_ticks[m]
        a_before = before.ask_ticks[m]
        out[m] = (<int64_t>(after.bid_qty[m] & -<int32_t>(b >= b_before))
                  - <int64_t>(before.bid_qty[m] & -<int32_t>(b <= b_before))
                  - <int64_t>(after.ask_qty[m] & -<int32_t>(a <= a_before))
                  + <int64_t>(before.ask_qty[m] & -<int32_t>(a >= a_before)))

cdef inline void ofi_levels(const frame_t* before, const frame_t* after, int levels,
                            int64_t* out) noexcept nogil:
    # e^1..e^levels for any two frames; finds itself where they begin to differ.
    cdef int first = 0
    while first < levels and (
            ((before.bid_ticks[first] ^ after.bid_ticks[first])
             | (before.bid_qty[first] ^ after.bid_qty[first])
             | (before.ask_ticks[first] ^ after.ask_ticks[first])
             | (before.ask_qty[first] ^ after.ask_qty[first])) == 0):
        first += 1
    ofi_from(before, after, first, levels, out)

cdef inline void ofi_volume_levels(const frame_t* before, const frame_t* after, int levels,
                                   int64_t* out) noexcept nogil:
    # The plain change of size at each level index, bid less ask: not Cont's where a price moves.
    cdef int m
    for m in range(levels):
        out[m] = (<int64_t>after.bid_qty[m] - before.bid_qty[m]
                  - (<int64_t>after.ask_qty[m] - before.ask_qty[m]))
