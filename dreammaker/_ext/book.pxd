# The order book kernel: applies event records, keeps the ten best levels a side up to date.
from libc.stdint cimport int32_t, int64_t

from dreammaker._ext.ladder cimport side_best_qty, side_refresh, side_t
from dreammaker._ext.order_map cimport order_map_t
from dreammaker._ext.schema cimport event_t
from dreammaker._ext.staging cimport staging_t

cdef enum:
    FRAME_LEVELS = 10

cdef enum:
    BOOK_NO_MEMORY = -1
    BOOK_BAD_QTY = -2         # a quantity below -1
    BOOK_BAD_KIND = -3        # a kind that the schema does not know
    BOOK_BAD_SNAPSHOT = -4    # no SNAP_BEGIN, a second one, or a change between BEGIN and END
    BOOK_BAD_SIDE = -5        # a side other than -1, 0 and +1
    BOOK_BAD_PRICE = -6       # INT32_MIN or INT32_MAX, which stand for "no level"
    BOOK_QTY_OVERFLOW = -7    # orders at one price add up to more than INT32_MAX lots

cdef struct frame_t:
    # The best ten levels a side, best first. Unused entries have quantity 0 and the price
    # INT32_MIN (bid) or INT32_MAX (ask).
    int32_t bid_ticks[10]
    int32_t bid_qty[10]
    int32_t ask_ticks[10]
    int32_t ask_qty[10]
    int32_t bid_count
    int32_t ask_count

cdef struct change_t:
    int32_t price_ticks
    int32_t side              # +1 bid, -1 ask
    int32_t old_qty
    int32_t new_qty

cdef struct oddities_t:
    # Strange but not damaged: the record is applied as far as it makes sense, and counted.
    int64_t delete_of_nothing  # LEVEL_SET 0 where there is no level
    int64_t unknown_order      # cancel, modify or execute of an order that was never added
    int64_t excess_quantity    # cancel or execute of more than the order has left
    int64_t clamped_level      # a level would have fallen below 0
    int64_t duplicate_order    # add with a number that is alive: the new order replaces the old
    int64_t unknown_quantity   # quantity -1 where it has no meaning: not applied
    int64_t zero_quantity      # an order record of quantity 0: not applied
    int64_t no_side            # side 0 where a side is needed: not applied
    int64_t off_grid           # OFF_GRID records of a depth kind: not applied
    int64_t repeated_level     # the same price twice in a snapshot

cdef struct book_t:
    # Holds pointers into itself: never copy it, and free it with book_free.
    frame_t frame
    side_t sides[2]           # bid, ask
    order_map_t orders
    change_t* changes         # level changes made by the last record, in the order made
    int64_t change_count
    int64_t change_capacity
    staging_t staging[2]
    bint in_snapshot
    oddities_t oddities

# 0, or BOOK_NO_MEMORY (what was taken is freed again).
cdef int book_init(book_t* book) noexcept nogil
cdef void book_free(book_t* book) noexcept nogil
# 0, or a fault code below 0; a faulty record has no effect.
cdef int book_apply(book_t* book, const event_t* event) noexcept nogil
# The same, but the frame is left behind until book_frame, book_changed_from or book_mark is called:
# what a packet or a venue that asks for the best prices only should use.
cdef int book_apply_deferred(book_t* book, const event_t* event) noexcept nogil
# Number applied; fewer than count only at a fault, whose code is then in fault[0].
cdef int64_t book_apply_many(book_t* book, const event_t* events, int64_t count,
                             int* fault) noexcept nogil
# The same, writing the best levels (bids, then asks) after every packet, or after every record,
# into rows of 2 * levels entries; rows[0] is their number.
cdef int64_t book_apply_frames(book_t* book, const event_t* events, int64_t count, int32_t* ticks,
                               int32_t* qty, int64_t levels, bint every_record, int64_t* rows,
                               int* fault) noexcept nogil
# The ten best levels a side, brought up to date; the address is always the same.
cdef const frame_t* book_frame(book_t* book) noexcept nogil
# Whether frame, bitmaps and order of levels agree with a full rescan (slow: for tests).
cdef bint book_is_sound(book_t* book) noexcept nogil

cdef inline void book_refresh(book_t* book) noexcept nogil:
    side_refresh(&book.sides[0])
    side_refresh(&book.sides[1])

# Frame levels below this index are what they were at the last book_mark (FRAME_LEVELS = all are).
cdef inline int32_t book_changed_from(book_t* book) noexcept nogil:
    book_refresh(book)
    return min(book.sides[0].changed, book.sides[1].changed)

cdef inline void book_mark(book_t* book) noexcept nogil:
    book_refresh(book)
    book.sides[0].changed = FRAME_LEVELS
    book.sides[1].changed = FRAME_LEVELS

# The best prices without the frame; INT32_MIN (bid), INT32_MAX (ask) and 0 lots if there is none.
cdef inline int32_t book_bid_ticks(const book_t* book) noexcept nogil:
    return book.sides[0].best

cdef inline int32_t book_ask_ticks(const book_t* book) noexcept nogil:
    return ~book.sides[1].best

cdef inline int32_t book_bid_qty(const book_t* book) noexcept nogil:
    return side_best_qty(&book.sides[0])

cdef inline int32_t book_ask_qty(const book_t* book) noexcept nogil:
    return side_best_qty(&book.sides[1])
