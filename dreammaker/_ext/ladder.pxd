# One side of an order book: a dense ladder of quantities around the best price, a sorted array for
# levels far from it, and the ten best levels kept ready.
#
# Prices are held as keys, for which larger means better on both sides: key = ticks ^ flip with
# flip 0 for bids and -1 for asks (x ^ -1 = -1 - x, which turns the order round and cannot
# overflow). Invariants, checked by side_is_sound:
#   every level better than the ladder's lowest price lies in the ladder, so `far` holds worse
#   levels only, in ascending order of keys;
#   a bit of `words` is set where the cell is not 0, a bit of `summary` where the word is not 0;
#   ticks, qty and count show the best SIDE_LEVELS levels, best first; an unused entry has quantity
#   0 and the price that is worse than any (INT32_MIN for bids, INT32_MAX for asks).
from libc.stdint cimport int32_t, int64_t, uint64_t
from libc.stdlib cimport free, realloc
from libc.string cimport memmove, memset

cdef extern from "bits.h":
    int dm_lowest_bit(uint64_t word) noexcept nogil
    int dm_highest_bit(uint64_t word) noexcept nogil
    bint DM_UNLIKELY(bint condition) noexcept nogil

cdef enum:
    SIDE_LEVELS = 10
    LADDER_TICKS = 4096
    LADDER_WORDS = 64
    BEST_CELL = 3072          # where re-centring puts the best price: room to move up by 1023
    LOWEST_BEST_CELL = 2048   # below it the window is moved when a level does not fit

cdef struct level_t:
    int32_t key
    int32_t qty

cdef struct side_t:
    int64_t base              # key of cell 0
    int32_t* ticks            # the frame's entries of this side
    int32_t* qty
    int32_t* count
    level_t* far
    int64_t far_count
    int64_t far_capacity
    uint64_t summary
    uint64_t words[LADDER_WORDS]
    int32_t flip
    int32_t changed           # lowest frame index changed since the last mark, SIDE_LEVELS = none
    int32_t cells[LADDER_TICKS]

cdef inline int32_t key_of(const side_t* side, int32_t ticks) noexcept nogil:
    return ticks ^ side.flip

cdef inline int32_t worst_key() noexcept nogil:
    return <int32_t>(-2147483647 - 1)

cdef inline bint side_is_empty(const side_t* side) noexcept nogil:
    return side.summary == 0 and side.far_count == 0

cdef inline void side_wipe_frame(side_t* side) noexcept nogil:
    cdef int i
    for i in range(SIDE_LEVELS):
        side.ticks[i] = worst_key() ^ side.flip
        side.qty[i] = 0
    side.count[0] = 0
    side.changed = 0

cdef inline void side_init(side_t* side, int32_t flip, int32_t* ticks, int32_t* qty,
                           int32_t* count) noexcept nogil:
    memset(side, 0, sizeof(side_t))
    side.flip = flip
    side.ticks = ticks
    side.qty = qty
    side.count = count
    side_wipe_frame(side)

cdef inline void side_free(side_t* side) noexcept nogil:
    free(side.far)
    side.far = NULL
    side.far_count = side.far_capacity = 0

cdef inline int side_reserve(side_t* side, int64_t more) noexcept nogil:
    # Room for `more` far levels and for the whole ladder besides, so that a move of the window
    # cannot fail half-way. 0, or -1 without memory.
    cdef int64_t wanted = side.far_count + LADDER_TICKS + more
    cdef level_t* grown
    if wanted <= side.far_capacity:
        return 0
    wanted += wanted >> 1
    grown = <level_t*>realloc(side.far, <size_t>wanted * sizeof(level_t))
    if grown == NULL:
        return -1
    side.far = grown
    side.far_capacity = wanted
    return 0

cdef inline int64_t far_rank(const side_t* side, int64_t key) noexcept nogil:
    # Number of far levels with a key below the given one.
    cdef int64_t low = 0
    cdef int64_t high = side.far_count
    cdef int64_t middle
    while low < high:
        middle = (low + high) >> 1
        if side.far[middle].key < key:
            low = middle + 1
        else:
            high = middle
    return low

cdef inline int32_t far_get(const side_t* side, int32_t key) noexcept nogil:
    # Quantity at a price outside of the window.
    cdef int64_t rank
    if key >= side.base:
        return 0
    rank = far_rank(side, key)
    if rank < side.far_count and side.far[rank].key == key:
        return side.far[rank].qty
    return 0

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

cdef inline void side_recentre(side_t* side, int64_t base) noexcept nogil:
    # Moves the window. Memory is reserved and the best key lies below base + LADDER_TICKS.
    # The ladder's levels are better than all far ones, so appending them keeps the order.
    cdef uint64_t bits
    cdef int64_t word, cell
    cdef level_t* level
    while side.summary != 0:
        word = dm_lowest_bit(side.summary)
        bits = side.words[word]
        while bits != 0:
            cell = (word << 6) + dm_lowest_bit(bits)
            level = &side.far[side.far_count]
            level.key = <int32_t>(side.base + cell)
            level.qty = side.cells[cell]
            side.far_count += 1
            side.cells[cell] = 0
            bits &= bits - 1
        side.words[word] = 0
        side.summary &= side.summary - 1
    side.base = base
    while side.far_count > 0 and side.far[side.far_count - 1].key >= base:
        side.far_count -= 1
        level = &side.far[side.far_count]
        side_put_cell(side, level.key - base, level.qty)

cdef inline int side_put_far(side_t* side, int32_t key, int32_t qty) noexcept nogil:
    # Sets a level outside of the window, moving the window where that serves the best price.
    cdef int64_t cell = <int64_t>key - side.base
    cdef int64_t best, rank
    cdef bint known
    if side_reserve(side, 1) != 0:
        return -1
    if cell >= LADDER_TICKS or side_is_empty(side):
        if qty == 0:
            return 0
        side_recentre(side, <int64_t>key - BEST_CELL)
        side_put_cell(side, BEST_CELL, qty)
        return 0
    best = <int64_t>(side.ticks[0] ^ side.flip)
    if best - side.base < LOWEST_BEST_CELL:
        side_recentre(side, best - BEST_CELL)
        cell = <int64_t>key - side.base
        if cell >= 0:
            side_put_cell(side, cell, qty)
            return 0
    rank = far_rank(side, key)
    known = rank < side.far_count and side.far[rank].key == key
    if qty != 0:
        if not known:
            memmove(&side.far[rank + 1], &side.far[rank],
                    <size_t>(side.far_count - rank) * sizeof(level_t))
            side.far_count += 1
        side.far[rank].key = key
        side.far[rank].qty = qty
    elif known:
        memmove(&side.far[rank], &side.far[rank + 1],
                <size_t>(side.far_count - rank - 1) * sizeof(level_t))
        side.far_count -= 1
    return 0

cdef inline void side_show(side_t* side, int32_t key, int32_t old, int32_t qty) noexcept nogil:
    # Carries the change of one level, already made, into the frame.
    cdef int32_t* ticks = side.ticks
    cdef int32_t* shown = side.qty
    cdef int32_t flip = side.flip
    cdef int i
    cdef int rank = 0
    cdef level_t next_level
    if key < (ticks[SIDE_LEVELS - 1] ^ flip):
        return
    for i in range(SIDE_LEVELS):
        rank += (ticks[i] ^ flip) > key
    if rank < side.changed:
        side.changed = rank
    if old != 0 and qty != 0:
        shown[rank] = qty
        return
    if qty != 0:
        for i in range(SIDE_LEVELS - 1, rank, -1):
            ticks[i] = ticks[i - 1]
            shown[i] = shown[i - 1]
        ticks[rank] = key ^ flip
        shown[rank] = qty
        side.count[0] += side.count[0] < SIDE_LEVELS
        return
    for i in range(rank, SIDE_LEVELS - 1):
        ticks[i] = ticks[i + 1]
        shown[i] = shown[i + 1]
    next_level.key = worst_key()
    next_level.qty = 0
    # A frame that was not full showed every level there is.
    if side.count[0] < SIDE_LEVELS or not side_below(side, ticks[SIDE_LEVELS - 2] ^ flip,
                                                     &next_level):
        side.count[0] -= 1
    ticks[SIDE_LEVELS - 1] = next_level.key ^ flip
    shown[SIDE_LEVELS - 1] = next_level.qty

cdef inline int side_set(side_t* side, int32_t key, int32_t qty, int32_t* old) noexcept nogil:
    # Sets the total at a price (0 deletes) and the frame. 0, or -1 without memory.
    cdef int64_t cell = <int64_t>key - side.base
    if DM_UNLIKELY(<uint64_t>cell >= LADDER_TICKS):
        old[0] = far_get(side, key)
        if old[0] == qty:
            return 0
        if side_put_far(side, key, qty) != 0:
            return -1
    else:
        old[0] = side.cells[cell]
        if old[0] == qty:
            return 0
        if old[0] != 0 and qty != 0:
            side.cells[cell] = qty
        else:
            side_put_cell(side, cell, qty)
    side_show(side, key, old[0], qty)
    return 0

cdef inline int64_t side_count(const side_t* side) noexcept nogil:
    # Number of levels.
    cdef int64_t count = side.far_count
    cdef uint64_t words = side.summary
    cdef uint64_t bits
    while words != 0:
        bits = side.words[dm_lowest_bit(words)]
        while bits != 0:
            count += 1
            bits &= bits - 1
        words &= words - 1
    return count

cdef inline bint ladder_is_sound(const side_t* side) noexcept nogil:
    cdef int64_t i, word
    cdef uint64_t bits
    for word in range(LADDER_WORDS):
        bits = 0
        for i in range(64):
            if side.cells[(word << 6) + i] < 0:
                return False
            if side.cells[(word << 6) + i] != 0:
                bits |= (<uint64_t>1) << i
        if bits != side.words[word] or (bits != 0) != ((side.summary >> word) & 1):
            return False
    for i in range(side.far_count):
        if side.far[i].key >= side.base or side.far[i].qty <= 0:
            return False
        if i > 0 and side.far[i - 1].key >= side.far[i].key:
            return False
    return side.far_count <= side.far_capacity

cdef inline bint frame_is_sound(const side_t* side) noexcept nogil:
    # The rescan reads cells and far levels, not the bitmaps.
    cdef int shown = 0
    cdef int64_t i
    for i in range(LADDER_TICKS - 1, -1, -1):
        if side.cells[i] != 0 and shown < SIDE_LEVELS:
            if (side.ticks[shown] ^ side.flip) != side.base + i or side.qty[shown] != side.cells[i]:
                return False
            shown += 1
    for i in range(side.far_count - 1, -1, -1):
        if shown == SIDE_LEVELS:
            break
        if (side.ticks[shown] ^ side.flip) != side.far[i].key or side.qty[shown] != side.far[i].qty:
            return False
        shown += 1
    if side.count[0] != shown:
        return False
    for i in range(shown, SIDE_LEVELS):
        if (side.ticks[i] ^ side.flip) != worst_key() or side.qty[i] != 0:
            return False
    return True

cdef inline bint side_is_sound(const side_t* side) noexcept nogil:
    # Whether the invariants at the head of this file hold (slow: for tests).
    return ladder_is_sound(side) and frame_is_sound(side)
