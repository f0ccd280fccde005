"""Matching of our orders against recorded flow: how records move and fill them.

The source shows ``view_levels`` prices a side (0: the best price without sizes; then every price
from the best one on, ten of them, holds ``assumed_touch_lots``). What lies beyond is unknown.
What the venue refuses and what an order takes is told in ``matching_orders.pyx``.

A resting order stands behind the quantity shown at its price when it arrived, and behind everybody
where its price is out of view. In continuous trading:

* a print at its price moves the queue before it, and fills it, as the queue model says
  (``queue.pxd``); of several orders of ours each stands behind the earlier ones as well, and a
  print fills them for no more than its own quantity. An unknown quantity says nothing about a
  queue;
* what a packet tells of its level is given to the queue model at the packet's end;
* a print through its price fills it whole at its own price;
* opposite prices at or through it at the end of a packet fill it at its own price, for what they
  show and we have not taken: an order that took all there was does not meet it again. While the
  recorded book is crossed they fill nothing.

Prints whose aggressor is unknown reach both sides. Prints off the grid are left out.

A print of an auction (flag AUCTION, or any print while orders are collected) fills what is priced
better than the print, market orders first, then by price, then by arrival, at the print's price;
each side for no more than the print in all. Orders at the print's price get nothing: who was
served there is not known, and we came last. When continuous trading begins, market orders that
waited for the auction are cancelled.

A stop is triggered by a print at its trigger or beyond and becomes an order at the packet's end.
Where trading is halted nothing matches; when the session closes what works expires.
"""
from libc.stdint cimport INT32_MAX, INT64_MAX, int32_t, int64_t, uint64_t
from libc.string cimport memset

from dreammaker._ext.book cimport BOOK_NO_MEMORY, book_apply_deferred, book_free, book_init
from dreammaker._ext.fifo cimport fifo_apply, fifo_change_t, fifo_free, fifo_init
from dreammaker._ext.matching cimport (
    CANCELED, EXPIRED, MAKER, MARKET, MAX_RESTING, NO_LIQUIDITY, NO_LIQUIDITY_SIDE, SESSION_END,
    entry_t, matching_t, resting_t, settings_t)
from dreammaker._ext.matching_orders cimport (WALK_MEET, orders_arrive, orders_cancel,
                                              orders_replace, orders_trigger, orders_walk)
from dreammaker._ext.matching_state cimport (
    is_auction, matching_best, matching_end, matching_in_view, matching_level, matching_place,
    matching_remove, matching_trade)
from dreammaker._ext.overlay cimport overlay_see, taken_t
from dreammaker._ext.queue cimport (QUEUE_FIFO, queue_behind, queue_level, queue_order,
                                    queue_packet, queue_print)
from dreammaker._ext.schema cimport (CLEAR, F_AUCTION, F_HIDDEN, F_LAST, F_OFF_GRID, F_SNAP_END,
                                     ORDER_EXECUTE, PHASE_CLOSED, PHASE_CONTINUOUS, QUOTE,
                                     SESSION, SNAPSHOT, TRADE, event_t)

cdef enum:
    MAX_QUOTE = 1073741823    # room for the steps beyond it


cdef int matching_init(matching_t* m, const settings_t* settings) noexcept nogil:
    memset(m, 0, sizeof(matching_t))
    m.settings = settings[0]
    m.phase = PHASE_CONTINUOUS
    if book_init(&m.book) != 0:
        return -1
    if fifo_init(&m.fifo) != 0:
        book_free(&m.book)
        return -1
    return 0


cdef void matching_free(matching_t* m) noexcept nogil:
    book_free(&m.book)
    fifo_free(&m.fifo)


cdef void matching_arrive(matching_t* m, const entry_t* entry, int64_t time_ns) noexcept nogil:
    orders_arrive(m, entry, time_ns)


cdef void matching_cancel(matching_t* m, int64_t order_id, int64_t time_ns) noexcept nogil:
    orders_cancel(m, order_id, time_ns)


cdef void matching_replace(matching_t* m, int64_t order_id, int32_t qty, int32_t price,
                           int64_t time_ns) noexcept nogil:
    orders_replace(m, order_id, qty, price, time_ns)


# hot: begin
cdef int64_t matching_advance(matching_t* m, const event_t* events, const int64_t* times,
                              int64_t start, int64_t count, int64_t until_ns) noexcept nogil:
    while start < count and times[start] <= until_ns:
        matching_record(m, &events[start], times[start])
        start += 1
        if m.outcome_count or m.fault:
            break
    return start


cdef void matching_record(matching_t* m, const event_t* event, int64_t time_ns) noexcept nogil:
    cdef int kind = event.kind
    if kind <= CLEAR:
        if m.settings.view_levels != 0:
            m.fault = book_apply_deferred(&m.book, event)
            if m.fault != 0:
                return
        elif kind == CLEAR:
            m.quote_there[0] = m.quote_there[1] = False
    elif kind == QUOTE:
        if event.side != 0:
            # A price off the grid leaves its side unknown until the next quote.
            m.quote_there[event.side < 0] = (
                event.qty_lots != 0 and not event.flags & F_OFF_GRID
                and -MAX_QUOTE <= event.price_ticks <= MAX_QUOTE)
            m.quote_price[event.side < 0] = event.price_ticks
    elif kind == SESSION:
        change_phase(m, event.aux, time_ns)
    if m.settings.queue.kind == QUEUE_FIFO and m.settings.view_levels != 0:
        follow_orders(m, event, time_ns)
    if m.taken.count and event.flags & F_LAST:
        refill(m)
    if (kind == TRADE or kind == ORDER_EXECUTE) and not event.flags & F_OFF_GRID:
        m.last = event.price_ticks
        m.last_there = True
        if m.resting_count or m.stop_count:
            print_(m, event, time_ns)
    if m.resting_count or m.stop_count:
        if kind <= QUOTE and m.resting_count:
            mark_told(m, event)
        if event.flags & F_LAST:
            packet_end(m, time_ns)


cdef void mark_told(matching_t* m, const event_t* event) noexcept nogil:
    # Which orders' levels a depth record or a quote tells of.
    cdef int kind = event.kind
    cdef int i
    cdef bint all_prices = (kind == QUOTE or kind == CLEAR
                            or kind == SNAPSHOT and event.flags & F_SNAP_END)
    if kind == SNAPSHOT and not all_prices:
        return
    for i in range(m.resting_count):
        if all_prices or (m.resting[i].order.side == event.side
                          and m.resting[i].order.price == event.price_ticks):
            m.resting[i].told = True


cdef void follow_orders(matching_t* m, const event_t* event, int64_t time_ns) noexcept nogil:
    # Exact queues: who came when, and who has left.
    cdef fifo_change_t change
    if event.kind > CLEAR and event.kind != TRADE or event.flags & (F_HIDDEN | F_OFF_GRID):
        return
    if fifo_apply(&m.fifo, event, &change) != 0:
        m.fault = BOOK_NO_MEMORY
    elif m.resting_count and change.lots > 0:
        leave_queue(m, &change, time_ns)


cdef void leave_queue(matching_t* m, const fifo_change_t* change,
                      int64_t time_ns) noexcept nogil:
    # Exact queues: lots of one recorded order left a price.
    cdef bint executed = change.executed and m.phase == PHASE_CONTINUOUS
    cdef int64_t ours = 0
    cdef int64_t reaching
    cdef int i = 0
    cdef resting_t* order
    while i < m.resting_count:
        order = &m.resting[i]
        i += 1
        if (order.order.side != change.side or order.order.price != change.price_ticks
                or order.order.order_type == MARKET):
            continue
        reaching = queue_order(&order.queue, change.rank < order.queue.rank, change.lots, executed,
                               ours)
        if reaching > order.remaining:
            reaching = order.remaining
        if reaching > 0:
            ours += reaching
            if fill(m, i - 1, <int32_t>reaching, time_ns):
                i -= 1


cdef void print_(matching_t* m, const event_t* event, int64_t time_ns) noexcept nogil:
    cdef int i
    cdef entry_t* stop
    if event.flags & F_AUCTION or is_auction(m.phase):
        auction_print(m, event, time_ns)
    elif m.phase == PHASE_CONTINUOUS:
        trade_print(m, event, time_ns)
    else:
        return
    for i in range(m.stop_count):
        stop = &m.stops[i].order
        if not m.stops[i].hit and stop.side * (
                <int64_t>event.price_ticks - stop.trigger) >= 0:
            m.stops[i].hit = True
            m.hit_count += 1


cdef void trade_print(matching_t* m, const event_t* event, int64_t time_ns) noexcept nogil:
    # The side whose resting orders the print executed, 0 where it is not known.
    cdef int passive = event.side if event.kind == ORDER_EXECUTE else -event.side
    cdef int64_t lots = event.qty_lots if event.qty_lots > 0 else 0
    cdef int64_t ours = 0     # of the print, taken by orders of ours
    cdef int64_t reaching     # of the print, what reaches an order's place
    cdef int64_t through
    cdef int i = 0
    cdef resting_t* order
    while i < m.resting_count:
        order = &m.resting[i]
        i += 1
        if passive != 0 and order.order.side != passive:
            continue
        through = <int64_t>order.order.side * (<int64_t>order.order.price - event.price_ticks)
        if through < 0:
            continue
        if through > 0:
            reaching = order.remaining
        else:
            # An execution of a recorded order moved exact queues already.
            if lots == 0 or not order.placed or (m.settings.queue.kind == QUEUE_FIFO
                                                 and event.kind == ORDER_EXECUTE):
                continue
            reaching = queue_print(&m.settings.queue, &order.queue, lots, ours)
            stand_behind(m, i - 1)
            if reaching > order.remaining:
                reaching = order.remaining
            if reaching == 0:
                continue
            ours += reaching
        if fill(m, i - 1, <int32_t>reaching, time_ns):
            i -= 1


cdef void stand_behind(matching_t* m, int index) noexcept nogil:
    # No order of ours stands before an earlier one at its price.
    cdef const entry_t* order = &m.resting[index].order
    cdef int i = index - 1
    while i >= 0:
        if m.resting[i].order.side == order.side and m.resting[i].order.price == order.price:
            queue_behind(&m.resting[index].queue, &m.resting[i].queue)
            return
        i -= 1


cdef void packet_end(matching_t* m, int64_t time_ns) noexcept nogil:
    cdef int i = 0
    cdef int32_t left
    cdef int32_t best = 0
    cdef resting_t* order
    tell_levels(m, time_ns)
    if m.phase != PHASE_CONTINUOUS:
        return
    while i < m.resting_count:
        order = &m.resting[i]
        i += 1
        if (matching_best(m, -order.order.side, &best)
                and <int64_t>order.order.side * (<int64_t>order.order.price - best) >= 0):
            left = orders_walk(m, WALK_MEET, order, order.remaining, time_ns)
            if left < order.remaining and fill(m, i - 1, order.remaining - left, time_ns):
                i -= 1
    if m.hit_count:
        orders_trigger(m, time_ns)


cdef void tell_levels(matching_t* m, int64_t time_ns) noexcept nogil:
    # What the packet told of our orders' levels moves their queues.
    cdef int32_t got[MAX_RESTING]
    cdef int i, j
    cdef int32_t shown
    cdef int64_t ours
    cdef int64_t reaching
    cdef bint any_got = False
    cdef resting_t* order
    for i in range(m.resting_count):
        order = &m.resting[i]
        got[i] = 0
        if not matching_in_view(m, order.order.side, order.order.price):
            continue
        if not order.placed:
            matching_place(m, order)
            continue
        shown = matching_level(m, order.order.side, order.order.price)
        if order.told or shown != order.queue.shown:
            ours = 0
            for j in range(i):
                if got[j] and m.resting[j].order.side == order.order.side and (
                        m.resting[j].order.price == order.order.price):
                    ours += got[j]
            reaching = queue_level(&m.settings.queue, &order.queue, shown, ours)
            stand_behind(m, i)
            if reaching > 0 and m.phase == PHASE_CONTINUOUS:
                got[i] = <int32_t>min(reaching, <int64_t>order.remaining)
                any_got = True
            order.told = False
        queue_packet(&m.settings.queue, &order.queue)
    if any_got:
        j = 0
        for i in range(m.resting_count):
            if got[i] == 0 or not fill(m, j, got[i], time_ns):
                j += 1


cdef void refill(matching_t* m) noexcept nogil:
    # What we took comes back when the recorded level is gone.
    cdef int i = m.taken.count - 1
    cdef const taken_t* taken
    while i >= 0:
        taken = &m.taken.entries[i]
        if matching_in_view(m, taken.side, taken.price):
            overlay_see(&m.taken, i, matching_level(m, taken.side, taken.price))
        i -= 1


cdef bint fill(matching_t* m, int index, int32_t lots, int64_t time_ns) noexcept nogil:
    # Fill a resting order at its own price; True where it is gone.
    matching_trade(m, &m.resting[index], lots, m.resting[index].order.price, MAKER, time_ns)
    if m.resting[index].remaining == 0:
        matching_remove(m, index)
        return True
    return False
# hot: end


cdef void auction_print(matching_t* m, const event_t* event, int64_t time_ns) noexcept nogil:
    cdef int64_t left
    cdef int64_t price = event.price_ticks
    cdef int32_t lots
    cdef int side, index
    for side in range(1, -2, -2):
        left = event.qty_lots if event.qty_lots >= 0 else INT64_MAX
        while left > 0:
            index = auction_next(m, side, price)
            if index < 0:
                break
            lots = m.resting[index].remaining
            if lots > left:
                lots = <int32_t>left
            left -= lots
            matching_trade(m, &m.resting[index], lots, <int32_t>price, NO_LIQUIDITY_SIDE, time_ns)
            if m.resting[index].remaining == 0:
                matching_remove(m, index)


cdef int auction_next(const matching_t* m, int side, int64_t price) noexcept nogil:
    # The order of a side that comes first of those priced better than the print, -1 for none.
    cdef int found = -1
    cdef int i
    cdef const entry_t* order
    for i in range(m.resting_count):
        order = &m.resting[i].order
        if order.side != side:
            continue
        if order.order_type == MARKET:
            return i
        if side * (order.price - price) > 0 and (
                found < 0 or side * (order.price - m.resting[found].order.price) > 0):
            found = i
    return found


cdef void change_phase(matching_t* m, int phase, int64_t time_ns) noexcept nogil:
    cdef bint was_auction = is_auction(m.phase)
    cdef int i = 0
    m.phase = phase
    if phase == PHASE_CLOSED:
        for i in range(m.resting_count):
            matching_end(m, EXPIRED, &m.resting[i], time_ns, SESSION_END)
        for i in range(m.stop_count):
            matching_end(m, EXPIRED, &m.stops[i], time_ns, SESSION_END)
        m.resting_count = m.stop_count = m.hit_count = 0
    elif was_auction and not is_auction(phase):
        while i < m.resting_count:
            if m.resting[i].order.order_type == MARKET:
                matching_end(m, CANCELED, &m.resting[i], time_ns, NO_LIQUIDITY)
                matching_remove(m, i)
            else:
                i += 1


cdef inline uint64_t mix(uint64_t hash_, int64_t value) noexcept nogil:
    hash_ = (hash_ ^ <uint64_t>value) * <uint64_t>0x9E3779B97F4A7C15
    return hash_ ^ (hash_ >> 29)


cdef uint64_t mix_order(uint64_t h, const resting_t* order) noexcept nogil:
    h = mix(h, order.order.order_id)
    h = mix(h, order.order.side)
    h = mix(h, order.order.order_type)
    h = mix(h, order.order.tif)
    h = mix(h, order.order.qty)
    h = mix(h, order.order.price)
    h = mix(h, order.order.trigger)
    h = mix(h, order.order.post_only + 2 * order.order.reduce_only + 4 * order.hit)
    return mix(h, order.remaining)


cdef uint64_t matching_hash(const matching_t* m) noexcept nogil:
    cdef uint64_t h = mix(m.phase, m.last if m.last_there else INT32_MAX)
    cdef int i
    for i in range(m.resting_count):
        h = mix_order(h, &m.resting[i])
        # A 4096th of a lot is finer than any count, coarser than the last bits of an estimate.
        h = mix(h, <int64_t>(m.resting[i].queue.ahead * 4096.0) if m.resting[i].placed else -1)
    for i in range(m.stop_count):
        h = mix_order(h, &m.stops[i])
    for i in range(m.taken.count):
        h = mix(mix(h, m.taken.entries[i].side), m.taken.entries[i].price)
        h = mix(h, m.taken.entries[i].lots)
    h = mix(mix(h, m.account.position), m.account.cash_tick_lots)
    return mix(h, m.account.fees_micros)
