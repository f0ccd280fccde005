# One side of an order book: a dense ladder of quantities around the best price, a sorted array for
# levels far from it, and the ten best levels kept ready.
#
# Prices are held as keys, for which larger means better on both sides: key = ticks ^ flip with
# flip 0 for bids and -1 for asks (x ^ -1 = -1 - x, which turns the order round and cannot
# overflow). Invariants, checked by side_is_sound:
#   every level better than the ladder's lowest price lies in the ladder, so `far` holds worse
#   levels only, in ascending order of keys;
#   a bit of `words` is set where the cell is not 0, a bit of `summary` where the word is not 0;
#   `best` is the best level's key, and that level lies in the ladder;
#   ticks, qty and count show the best SIDE_LEVELS levels, best first, as of the last side_refresh,
#   which carries in the levels changed since then; an unused entry has quantity 0 and the price
#   that is worse than any (INT32_MIN for bids, INT32_MAX for asks).
from libc.stdint cimport int32_t, int64_t, uint64_t

cdef extern from "bits.h":
    int dm_lowest_bit(uint64_t word) noexcept nogil
    int dm_highest_bit(uint64_t word) noexcept nogil
    bint DM_UNLIKELY(bint condition) noexcept nogil

cdef enum:
    SIDE_LEVELS = 10
    LADDER_TICKS = 4096
    LADDER_WORDS = 64
    BEST_CELL = 3072          # where re-centring puts the best price: room to move up by 1023
    PENDING_KEYS = 16         # a power of two: with more changes the frame is read anew
    LOWEST_BEST_CELL = 2048   # below it the window is moved when a level does not fit

cdef struct level_t:
    int32_t key
    int32_t qty

cdef struct side_t:
    int64_t base              # key of cell 0
    int64_t pending_count     # changes since the last refresh; only the first PENDING_KEYS count
    int32_t best              # worst_key() where the side is empty
    int32_t flip
    int32_t pending[PENDING_KEYS]
    int32_t* ticks            # the frame's entries of this side
    int32_t* qty
    int32_t* count
    level_t* far
    int64_t far_count
    int64_t far_capacity
    uint64_t summary
    uint64_t words[LADDER_WORDS]
    int32_t changed           # lowest frame index changed since the last mark, SIDE_LEVELS = none
    int32_t cells[LADDER_TICKS]

cdef inline int32_t key_of(const side_t* side, int32_t ticks) noexcept nogil:
    return ticks ^ side.flip

cdef inline int32_t worst_key() noexcept nogil:
    return <int32_t>(-2147483647 - 1)

# In ext/ladder.pyx, what is rare:
cdef void side_init(side_t* side, int32_t flip, int32_t* ticks, int32_t* qty,
                    int32_t* count) noexcept nogil
cdef void side_free(side_t* side) noexcept nogil
# Room for `more` far levels and for the whole ladder besides, so that a move of the window cannot
# fail half-way. 0, or -1 without memory.
cdef int side_reserve(side_t* side, int64_t more) noexcept nogil
# Number of far levels with a key below the given one.
cdef int64_t far_rank(const side_t* side, int64_t key) noexcept nogil
# Quantity at a price outside of the window.
cdef int32_t far_get(const side_t* side, int32_t key) noexcept nogil
# side_set outside of the window, which is moved where that serves the best price. 0, or -1.
cdef int side_set_far(side_t* side, int32_t key, int32_t qty, int32_t* old) noexcept nogil
# Finds `best` anew and moves the window to it if it is far.
cdef void side_find_best(side_t* side) noexcept nogil
# side_refresh where something is pending.
cdef void side_update_frame(side_t* side) noexcept nogil
# Number of levels.
cdef int64_t side_count(const side_t* side) noexcept nogil
# Whether the invariants at the head of this file hold (slow: for tests).
cdef bint side_is_sound(const side_t* side) noexcept nogil

cdef inline int32_t side_get(const side_t* side, int32_t key) noexcept nogil:
    # Quantity at a price, 0 where there is none.
    cdef int64_t cell = <int64_t>key - side.base
    if 0 <= cell < LADDER_TICKS:
        return side.cells[cell]
    return far_get(side, key)

cdef inline bint side_below(const side_t* side, int64_t key, level_t* found) noexcept nogil:
    # The best level worse than the key; False where there is none.
    cdef int64_t cell = key - side.base - 1
    cdef int64_t rank = side.far_count
    cdef int64_t word
    cdef uint64_t bits
    if cell >= 0:
        if cell >= LADDER_TICKS:
            cell = LADDER_TICKS - 1
        word = cell >> 6
        bits = side.words[word] & ((~<uint64_t>0) >> (63 - (cell & 63)))
        if bits == 0:
            bits = side.summary & (((<uint64_t>1) << word) - 1)
            if bits != 0:
                word = dm_highest_bit(bits)
                bits = side.words[word]
        if bits != 0:
            cell = (word << 6) + dm_highest_bit(bits)
            found.key = <int32_t>(side.base + cell)
            found.qty = side.cells[cell]
            return True
    else:
        rank = far_rank(side, key)
    if rank == 0:
        return False
    found[0] = side.far[rank - 1]
    return True

cdef inline void side_put_cell(side_t* side, int64_t cell, int32_t qty) noexcept nogil:
    cdef uint64_t bit = (<uint64_t>1) << (cell & 63)
    cdef int64_t word = cell >> 6
    side.cells[cell] = qty
    if qty != 0:
        side.words[word] |= bit
        side.summary |= (<uint64_t>1) << word
    else:
        side.words[word] &= ~bit
        if side.words[word] == 0:
            side.summary &= ~((<uint64_t>1) << word)

cdef inline int side_set(side_t* side, int32_t key, int32_t qty, int32_t* old) noexcept nogil:
    # Sets the total at a price (0 deletes). 0, or -1 without memory.
    cdef int64_t cell = <int64_t>key - side.base
    cdef uint64_t worse
    cdef int32_t held
    if DM_UNLIKELY(<uint64_t>cell >= LADDER_TICKS):
        return side_set_far(side, key, qty, old)
    held = side.cells[cell]
    old[0] = held
    if held != 0 and qty != 0:
        side.cells[cell] = qty
    elif held != qty:
        side_put_cell(side, cell, qty)
        if qty != 0:
            side.best = max(side.best, key)
        elif key == side.best:
            # Mostly the next best lies in the same word of the bitmap.
            worse = side.words[cell >> 6] & (((<uint64_t>1) << (cell & 63)) - 1)
            if worse != 0:
                side.best = <int32_t>(side.base + (cell & ~63) + dm_highest_bit(worse))
            else:
                side_find_best(side)
    side.pending[side.pending_count & (PENDING_KEYS - 1)] = key
    side.pending_count += 1
    return 0

cdef inline void side_refresh(side_t* side) noexcept nogil:
    # Brings the frame up to date.
    if side.pending_count != 0:
        side_update_frame(side)

cdef inline int32_t side_best_qty(const side_t* side) noexcept nogil:
    # Quantity at the best price, 0 where the side is empty.
    return side.cells[<int64_t>side.best - side.base] if side.best != worst_key() else 0
