"""One side of an order book: the rare paths (see ``dreammaker/_ext/ladder.pxd`` for the whole)."""
from libc.stdint cimport int32_t, int64_t, uint64_t
from libc.stdlib cimport free, realloc
from libc.string cimport memmove, memset

from dreammaker._ext.ladder cimport (BEST_CELL, LADDER_TICKS, LADDER_WORDS, LOWEST_BEST_CELL,
                                     PENDING_KEYS, SIDE_LEVELS, dm_lowest_bit, level_t, side_below,
                                     side_get, side_put_cell, side_t, worst_key)

cdef extern from "levels.h":
    int dm_levels_rank(const int32_t* entries, int32_t flip, int32_t key) noexcept nogil
    void dm_levels_insert(int32_t* entries, int rank, int32_t value) noexcept nogil
    void dm_levels_remove(int32_t* entries, int rank, int32_t last) noexcept nogil


cdef void side_wipe_frame(side_t* side) noexcept nogil:
    cdef int i
    for i in range(SIDE_LEVELS):
        side.ticks[i] = worst_key() ^ side.flip
        side.qty[i] = 0
    side.count[0] = 0
    side.changed = 0


cdef void side_init(side_t* side, int32_t flip, int32_t* ticks, int32_t* qty,
                    int32_t* count) noexcept nogil:
    memset(side, 0, sizeof(side_t))
    side.flip = flip
    side.best = worst_key()
    side.ticks = ticks
    side.qty = qty
    side.count = count
    side_wipe_frame(side)


cdef void side_free(side_t* side) noexcept nogil:
    free(side.far)
    side.far = NULL
    side.far_count = side.far_capacity = 0


cdef int side_reserve(side_t* side, int64_t more) noexcept nogil:
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


cdef int64_t far_rank(const side_t* side, int64_t key) noexcept nogil:
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


cdef int32_t far_get(const side_t* side, int32_t key) noexcept nogil:
    cdef int64_t rank
    if key >= side.base:
        return 0
    rank = far_rank(side, key)
    if rank < side.far_count and side.far[rank].key == key:
        return side.far[rank].qty
    return 0


cdef void side_recentre(side_t* side, int64_t base) noexcept nogil:
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


cdef void _put_far(side_t* side, int32_t key, int32_t qty) noexcept nogil:
    # A change outside of the window; memory is reserved.
    cdef int64_t cell, rank
    cdef bint known
    if key > side.best:
        # Nothing is there yet, so qty is above 0.
        side_recentre(side, <int64_t>key - BEST_CELL)
    elif side.best - side.base < LOWEST_BEST_CELL:
        side_recentre(side, <int64_t>side.best - BEST_CELL)
    cell = <int64_t>key - side.base
    if cell >= 0:
        side_put_cell(side, cell, qty)
        return
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


cdef int side_set_far(side_t* side, int32_t key, int32_t qty, int32_t* old) noexcept nogil:
    old[0] = far_get(side, key)
    if old[0] == qty:
        return 0
    if side_reserve(side, 1) != 0:
        return -1
    _put_far(side, key, qty)
    side.best = max(side.best, key)
    side.pending[side.pending_count & (PENDING_KEYS - 1)] = key
    side.pending_count += 1
    return 0


cdef void side_find_best(side_t* side) noexcept nogil:
    cdef level_t level
    side.best = worst_key()
    if side_below(side, <int64_t>1 << 31, &level):
        side.best = level.key
        if level.key < side.base:
            # The ladder is empty, so this needs no memory.
            side_recentre(side, <int64_t>level.key - BEST_CELL)


cdef void _show(side_t* side, int32_t key) noexcept nogil:
    # Carries one level as it is now into the frame. Levels that a refill brings are as they are
    # now, too, so it does not matter that others are still pending.
    cdef int32_t flip = side.flip
    cdef int32_t last = side.ticks[SIDE_LEVELS - 1] ^ flip
    cdef int32_t qty
    cdef int rank
    cdef level_t refill
    if key < last:
        return
    qty = side_get(side, key)
    rank = dm_levels_rank(side.ticks, flip, key)
    if (side.ticks[rank] ^ flip) == key:
        if side.qty[rank] == qty:
            return
        if qty != 0:
            side.qty[rank] = qty
        else:
            # A frame that was not full showed every level there is.
            if side.count[0] < SIDE_LEVELS or not side_below(side, last, &refill):
                refill.key = worst_key()
                refill.qty = 0
                side.count[0] -= 1
            dm_levels_remove(side.ticks, rank, refill.key ^ flip)
            dm_levels_remove(side.qty, rank, refill.qty)
    elif qty != 0:
        dm_levels_insert(side.ticks, rank, key ^ flip)
        dm_levels_insert(side.qty, rank, qty)
        side.count[0] += side.count[0] < SIDE_LEVELS
    else:
        return
    side.changed = min(side.changed, rank)


cdef void _show_all(side_t* side) noexcept nogil:
    # Reads the whole frame anew.
    cdef level_t level
    cdef int64_t key = <int64_t>1 << 31
    cdef int i
    side.count[0] = 0
    for i in range(SIDE_LEVELS):
        if side_below(side, key, &level):
            side.count[0] += 1
        else:
            level.key = worst_key()
            level.qty = 0
        if side.ticks[i] != level.key ^ side.flip or side.qty[i] != level.qty:
            side.changed = min(side.changed, i)
        side.ticks[i] = level.key ^ side.flip
        side.qty[i] = level.qty
        key = level.key


cdef void side_update_frame(side_t* side) noexcept nogil:
    cdef int64_t i
    if side.pending_count > PENDING_KEYS:
        _show_all(side)
    else:
        for i in range(side.pending_count):
            _show(side, side.pending[i])
    side.pending_count = 0


cdef int64_t side_count(const side_t* side) noexcept nogil:
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


cdef bint _ladder_is_sound(const side_t* side) noexcept nogil:
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
    if side.far_count > side.far_capacity:
        return False
    if side.best == worst_key():
        return side.summary == 0 and side.far_count == 0
    i = <int64_t>side.best - side.base
    return 0 <= i < LADDER_TICKS and side.cells[i] != 0


cdef bint _frame_is_sound(const side_t* side) noexcept nogil:
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


cdef bint side_is_sound(const side_t* side) noexcept nogil:
    return _ladder_is_sound(side) and _frame_is_sound(side)
