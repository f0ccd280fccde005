"""The order book kernel: event records in, ten best levels a side out.

The book takes packed records (see `dreammaker.domain.schema`). LEVEL_SET sets the total at a
price; SNAPSHOT records replace the book when the one with SNAP_END has come, until then nothing
changes; CLEAR empties it; ORDER_* records are summed to levels. A snapshot and CLEAR forget the
single orders. QUOTE, TRADE, SESSION, GAP and BAR never touch the book, nor does a record off the
grid, nor an ORDER_EXECUTE with the flag HIDDEN. The two sides know nothing of each other: a
crossed book is held as it comes.

An order that was never added (it is older than the data, or has no number) is taken at its
record's word: its side, price and quantity, but never more than the level holds. ORDER_MODIFY of
such an order adds it at its new place; where it was before cannot be known.
"""
from libc.stdint cimport int32_t, int64_t, uint32_t
from libc.stdlib cimport free, realloc
from libc.string cimport memcpy, memset

from dreammaker._ext.ladder cimport (DM_UNLIKELY, LADDER_TICKS, key_of, level_t, side_below,
                                     side_count, side_free, side_get, side_init, side_is_sound,
                                     side_reserve, side_set, side_t, worst_key)
from dreammaker._ext.order_map cimport (order_find, order_map_clear, order_map_free,
                                        order_map_init, order_map_reserve, order_remove, order_t)
from dreammaker._ext.schema cimport (BAR, CLEAR, F_HIDDEN, F_LAST, F_OFF_GRID, F_SNAP_BEGIN,
                                     F_SNAP_END, LEVEL_SET, ORDER_ADD, ORDER_CANCEL, ORDER_EXECUTE,
                                     ORDER_MODIFY, SNAPSHOT, event_t)
from dreammaker._ext.staging cimport stage_level, staging_free, staging_sort, staging_t


cdef int book_init(book_t* book) noexcept nogil:
    memset(book, 0, sizeof(book_t))
    side_init(&book.sides[0], 0, book.frame.bid_ticks, book.frame.bid_qty, &book.frame.bid_count)
    side_init(&book.sides[1], -1, book.frame.ask_ticks, book.frame.ask_qty, &book.frame.ask_count)
    if order_map_init(&book.orders) != 0 or _reserve_changes(book, 62) != 0:
        book_free(book)
        return BOOK_NO_MEMORY
    return 0


cdef void book_free(book_t* book) noexcept nogil:
    cdef int i
    for i in range(2):
        side_free(&book.sides[i])
        staging_free(&book.staging[i])
    order_map_free(&book.orders)
    free(book.changes)
    book.changes = NULL


cdef const frame_t* book_frame(book_t* book) noexcept nogil:
    book_refresh(book)
    return &book.frame


cdef int _reserve_changes(book_t* book, int64_t more) noexcept nogil:
    # Room for `more` changes and always for two, which is what a single order can make.
    cdef int64_t wanted = book.change_count + more + 2
    cdef change_t* grown
    if wanted <= book.change_capacity:
        return 0
    wanted += wanted >> 1
    grown = <change_t*>realloc(book.changes, <size_t>wanted * sizeof(change_t))
    if grown == NULL:
        return BOOK_NO_MEMORY
    book.changes = grown
    book.change_capacity = wanted
    return 0


cdef inline void _note(book_t* book, const side_t* side, int32_t key, int32_t old,
                       int32_t qty) noexcept nogil:
    cdef change_t* change = &book.changes[book.change_count]
    change.price_ticks = key ^ side.flip
    change.side = 1 + 2 * side.flip
    change.old_qty = old
    change.new_qty = qty
    book.change_count += 1


cdef int _set_level(book_t* book, side_t* side, int32_t key, int32_t qty) noexcept nogil:
    cdef int32_t old
    if side_set(side, key, qty, &old) != 0:
        return BOOK_NO_MEMORY
    if old != qty:
        _note(book, side, key, old, qty)
    return 0


cdef int book_apply(book_t* book, const event_t* event) noexcept nogil:
    cdef int fault = book_apply_deferred(book, event)
    book_refresh(book)
    return fault


cdef int book_apply_deferred(book_t* book, const event_t* event) noexcept nogil:
    cdef side_t* side
    cdef int32_t key, old
    # One test for whatever is not a plain LEVEL_SET: what it is comes out afterwards. The side's
    # term is 0 for -1 and +1, the price's 0 for all but the two limits.
    if DM_UNLIKELY(((event.kind ^ LEVEL_SET) | (event.flags & F_OFF_GRID) | book.in_snapshot
                    | ((event.side + 1) & ~2) | (event.qty_lots < 0)
                    | _is_bad_price(event.price_ticks)) != 0):
        book.change_count = 0
        return _apply_other(book, event)
    side = &book.sides[event.side < 0]
    key = key_of(side, event.price_ticks)
    book.change_count = 0
    if DM_UNLIKELY(side_set(side, key, event.qty_lots, &old) != 0):
        return BOOK_NO_MEMORY
    if old != event.qty_lots:
        _note(book, side, key, old, event.qty_lots)
    elif event.qty_lots == 0:
        book.oddities.delete_of_nothing += 1
    return 0


cdef inline bint _is_bad_price(int32_t ticks) noexcept nogil:
    return <uint32_t>ticks + <uint32_t>0x80000001 < 2


cdef int _apply_other(book_t* book, const event_t* event) noexcept nogil:
    if event.kind < LEVEL_SET or event.kind > BAR:
        return BOOK_BAD_KIND
    if event.qty_lots < -1:
        return BOOK_BAD_QTY
    if event.side < -1 or event.side > 1:
        return BOOK_BAD_SIDE
    if event.kind > CLEAR:
        return 0
    if event.kind == SNAPSHOT:
        return _apply_snapshot(book, event)
    if book.in_snapshot:
        return BOOK_BAD_SNAPSHOT
    if event.kind == CLEAR:
        return _clear(book)
    if event.flags & F_OFF_GRID:
        book.oddities.off_grid += 1
        return 0
    if _is_bad_price(event.price_ticks):
        return BOOK_BAD_PRICE
    if event.qty_lots == 0 and event.kind != ORDER_MODIFY:
        # LEVEL_SET 0 with a side is a plain deletion and does not come here.
        if event.kind == LEVEL_SET:
            book.oddities.no_side += 1
        else:
            book.oddities.zero_quantity += 1
        return 0
    if event.qty_lots < 0 and event.kind != ORDER_CANCEL:
        book.oddities.unknown_quantity += 1
        return 0
    if event.kind == ORDER_CANCEL:
        return _take_from_order(book, event)
    if event.kind == ORDER_EXECUTE:
        return 0 if event.flags & F_HIDDEN else _take_from_order(book, event)
    if event.side == 0:
        book.oddities.no_side += 1
        return 0
    return _place_order(book, event)


cdef int _place_order(book_t* book, const event_t* event) noexcept nogil:
    # ORDER_ADD and ORDER_MODIFY: the order stands at the record's price with its quantity.
    cdef side_t* side = &book.sides[event.side < 0]
    cdef int32_t key = key_of(side, event.price_ticks)
    cdef int64_t total = side_get(side, key)
    cdef order_t* order = NULL
    cdef bint known = False
    cdef bint moves = False
    if (order_map_reserve(&book.orders) != 0 or side_reserve(&book.sides[0], LADDER_TICKS + 1) != 0
            or side_reserve(&book.sides[1], LADDER_TICKS + 1) != 0):
        return BOOK_NO_MEMORY
    if event.order_id != 0:
        order = order_find(&book.orders, event.order_id)
        known = order.order_id != 0
    if known:
        moves = order.price_ticks != event.price_ticks or (order.lots < 0) != (event.side < 0)
        if not moves:
            total -= min(total, <int64_t>_size(order.lots))
    total += event.qty_lots
    if total > 2147483647:
        return BOOK_QTY_OVERFLOW
    if known and event.kind == ORDER_ADD:
        book.oddities.duplicate_order += 1
    elif not known and event.kind == ORDER_MODIFY:
        book.oddities.unknown_order += 1
    if moves:
        _take_lots(book, order.lots < 0, order.price_ticks, _size(order.lots))
    if event.qty_lots == 0:
        if known:
            order_remove(&book.orders, order)
    elif order != NULL:
        book.orders.count += not known
        order.order_id = event.order_id
        order.price_ticks = event.price_ticks
        order.lots = event.qty_lots * event.side
    if event.qty_lots == 0 and (moves or not known):
        return 0
    return _set_level(book, side, key, <int32_t>total)


cdef inline int32_t _size(int32_t lots) noexcept nogil:
    return -lots if lots < 0 else lots


cdef int _take_lots(book_t* book, bint is_ask, int32_t ticks, int32_t lots) noexcept nogil:
    # Lowers a level, not below 0.
    cdef side_t* side = &book.sides[is_ask]
    cdef int32_t key = key_of(side, ticks)
    cdef int32_t held = side_get(side, key)
    if lots > held:
        book.oddities.clamped_level += 1
        lots = held
    if lots == 0:
        return 0
    return _set_level(book, side, key, held - lots)


cdef int _take_from_order(book_t* book, const event_t* event) noexcept nogil:
    # ORDER_CANCEL and ORDER_EXECUTE.
    cdef order_t* order
    cdef int32_t lots = event.qty_lots
    cdef int32_t left, ticks
    cdef bint is_ask
    if event.order_id != 0:
        order = order_find(&book.orders, event.order_id)
        if order.order_id != 0:
            left = _size(order.lots)
            is_ask = order.lots < 0
            ticks = order.price_ticks
            if lots < 0:
                lots = left
            elif lots > left:
                book.oddities.excess_quantity += 1
                lots = left
            if lots == left:
                order_remove(&book.orders, order)
            else:
                order.lots += lots if is_ask else -lots
            return _take_lots(book, is_ask, ticks, lots)
        book.oddities.unknown_order += 1
    if lots < 0:
        book.oddities.unknown_quantity += 1
        return 0
    if event.side == 0:
        book.oddities.no_side += 1
        return 0
    return _take_lots(book, event.side < 0, event.price_ticks, lots)


cdef int _clear(book_t* book) noexcept nogil:
    book.staging[0].count = book.staging[1].count = 0
    return _replace(book)


cdef int _apply_snapshot(book_t* book, const event_t* event) noexcept nogil:
    cdef side_t* side
    cdef bint begins = (event.flags & F_SNAP_BEGIN) != 0
    cdef int fault
    if begins == book.in_snapshot:
        return BOOK_BAD_SNAPSHOT
    if not event.flags & F_OFF_GRID and event.side != 0 and _is_bad_price(event.price_ticks):
        return BOOK_BAD_PRICE
    if begins:
        book.staging[0].count = book.staging[1].count = 0
    if event.flags & F_OFF_GRID:
        book.oddities.off_grid += 1
    elif event.qty_lots < 0:
        book.oddities.unknown_quantity += 1
    elif event.side != 0:
        side = &book.sides[event.side < 0]
        if stage_level(&book.staging[event.side < 0], key_of(side, event.price_ticks),
                       event.qty_lots) != 0:
            return BOOK_NO_MEMORY
    elif event.qty_lots != 0:
        book.oddities.no_side += 1
    book.in_snapshot = True
    if event.flags & F_SNAP_END:
        fault = _replace(book)
        if fault != 0:
            return fault
        book.in_snapshot = False
    return 0


cdef int _replace(book_t* book) noexcept nogil:
    # The staged levels become the book; the changes are the levels that differ.
    cdef side_t* side
    cdef staging_t* staging
    cdef int64_t i, levels
    cdef int which
    for which in range(2):
        side = &book.sides[which]
        levels = side_count(side) + book.staging[which].count
        if side_reserve(side, levels) != 0 or _reserve_changes(book, levels) != 0:
            return BOOK_NO_MEMORY
        book.change_count += levels
    book.change_count = 0
    for which in range(2):
        side = &book.sides[which]
        staging = &book.staging[which]
        book.oddities.repeated_level += staging_sort(staging)
        _delete_unstaged(book, side, staging)
        # Best first: a book that jumps away moves the window once.
        for i in range(staging.count - 1, -1, -1):
            if side_get(side, staging.levels[i].key) != staging.levels[i].qty:
                _set_level(book, side, staging.levels[i].key, staging.levels[i].qty)
        staging.count = 0
    order_map_clear(&book.orders)
    return 0


cdef void _delete_unstaged(book_t* book, side_t* side, const staging_t* staging) noexcept nogil:
    # Deletes the levels that the sorted staging does not name, walking down both.
    cdef level_t level
    cdef int64_t key = 1 + <int64_t>(~worst_key())
    cdef int64_t i = staging.count - 1
    while side_below(side, key, &level):
        key = level.key
        while i >= 0 and staging.levels[i].key > key:
            i -= 1
        if i < 0 or staging.levels[i].key != key:
            _set_level(book, side, level.key, 0)


cdef int64_t book_apply_many(book_t* book, const event_t* events, int64_t count,
                             int* fault) noexcept nogil:
    cdef int64_t i
    cdef int code
    fault[0] = 0
    for i in range(count):
        code = book_apply_deferred(book, &events[i])
        if code != 0:
            fault[0] = code
            return i
    return count


cdef inline void _write_row(const frame_t* frame, int32_t* ticks, int32_t* qty,
                            int64_t levels) noexcept nogil:
    cdef size_t size = <size_t>levels * sizeof(int32_t)
    if levels == FRAME_LEVELS:
        # The compiler knows these sizes and calls nothing.
        memcpy(ticks, frame.bid_ticks, FRAME_LEVELS * sizeof(int32_t))
        memcpy(&ticks[FRAME_LEVELS], frame.ask_ticks, FRAME_LEVELS * sizeof(int32_t))
        memcpy(qty, frame.bid_qty, FRAME_LEVELS * sizeof(int32_t))
        memcpy(&qty[FRAME_LEVELS], frame.ask_qty, FRAME_LEVELS * sizeof(int32_t))
        return
    memcpy(ticks, frame.bid_ticks, size)
    memcpy(&ticks[levels], frame.ask_ticks, size)
    memcpy(qty, frame.bid_qty, size)
    memcpy(&qty[levels], frame.ask_qty, size)


cdef int64_t book_apply_frames(book_t* book, const event_t* events, int64_t count, int32_t* ticks,
                               int32_t* qty, int64_t levels, bint every_record, int64_t* rows,
                               int* fault) noexcept nogil:
    cdef const frame_t* frame = &book.frame
    cdef uint32_t mask = 0 if every_record else F_LAST
    cdef int64_t i
    cdef int64_t row = 0
    cdef int code = 0
    for i in range(count):
        code = book_apply_deferred(book, &events[i])
        if code != 0:
            count = i
            break
        if events[i].flags & mask == mask:
            if levels == 1:
                ticks[2 * row] = book_bid_ticks(book)
                ticks[2 * row + 1] = book_ask_ticks(book)
                qty[2 * row] = book_bid_qty(book)
                qty[2 * row + 1] = book_ask_qty(book)
            else:
                book_refresh(book)
                _write_row(frame, &ticks[2 * levels * row], &qty[2 * levels * row], levels)
            row += 1
    rows[0] = row
    fault[0] = code
    return count


cdef bint book_is_sound(book_t* book) noexcept nogil:
    book_refresh(book)
    return side_is_sound(&book.sides[0]) and side_is_sound(&book.sides[1])
