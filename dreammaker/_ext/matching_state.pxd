# What the parts of the matching kernel share: looking at the source's view, and telling outcomes.
from libc.stdint cimport INT32_MAX, INT32_MIN, int32_t, int64_t

from dreammaker._ext.book cimport book_ask_ticks, book_bid_ticks, book_frame, frame_t
from dreammaker._ext.ladder cimport key_of, side_get
from dreammaker._ext.matching cimport FILLED, matching_t, outcome_t, resting_t
from dreammaker._ext.queue cimport queue_join
from dreammaker._ext.schema cimport PHASE_AUCTION, PHASE_CLOSING_CALL, PHASE_PRE_OPEN

cdef enum:
    FRAME = 10
    ASSUMED_STEPS = 10

cdef inline bint matching_best(const matching_t* m, int side, int32_t* price) noexcept nogil:
    # Best recorded price of a side; False where there is none.
    if m.settings.view_levels == 0:
        price[0] = m.quote_price[side < 0]
        return m.quote_there[side < 0]
    if side > 0:
        price[0] = book_bid_ticks(&m.book)
        return price[0] != INT32_MIN
    price[0] = book_ask_ticks(&m.book)
    return price[0] != INT32_MAX

cdef inline bint matching_in_view(matching_t* m, int side, int32_t price) noexcept nogil:
    # Whether the source tells what is at a price: no further than the last of a full view.
    cdef const frame_t* frame
    cdef int last = m.settings.view_levels - 1
    if last < 0 or last >= FRAME:
        return True
    frame = book_frame(&m.book)
    if side > 0:
        return frame.bid_count <= last or price >= frame.bid_ticks[last]
    return frame.ask_count <= last or price <= frame.ask_ticks[last]

cdef inline int32_t matching_level(const matching_t* m, int side, int32_t price) noexcept nogil:
    # Recorded quantity at a price.
    cdef int index = side < 0
    if m.settings.view_levels != 0:
        return side_get(&m.book.sides[index], key_of(&m.book.sides[index], price))
    # Without sizes a price better than the best holds nothing.
    if not m.quote_there[index] or <int64_t>side * (
            <int64_t>price - m.quote_price[index]) > 0:
        return 0
    return m.settings.assumed_touch_lots

cdef inline bint is_auction(int phase) noexcept nogil:
    return phase == PHASE_PRE_OPEN or phase == PHASE_AUCTION or phase == PHASE_CLOSING_CALL

cdef inline void matching_place(matching_t* m, resting_t* order) noexcept nogil:
    # Put an order at the back of its price, or behind everybody while the price is out of view.
    cdef int side = order.order.side
    cdef int32_t price = order.order.price
    cdef int64_t rank = order.queue.rank
    order.placed = matching_in_view(m, side, price)
    order.told = False
    queue_join(&order.queue, matching_level(m, side, price) if order.placed else INT32_MAX)
    order.queue.rank = rank

cdef inline void matching_tell(matching_t* m, int kind, int64_t order_id, int32_t qty,
                               int32_t price, int32_t leaves, int32_t cum, int liquidity,
                               int64_t time_ns, int reason) noexcept nogil:
    cdef outcome_t* outcome = &m.outcomes[m.outcome_count]
    m.outcome_count += 1
    outcome.kind = kind
    outcome.order_id = order_id
    outcome.qty = qty
    outcome.price = price
    outcome.leaves = leaves
    outcome.cum = cum
    outcome.liquidity = liquidity
    outcome.time_ns = time_ns
    outcome.reason = reason

cdef inline void matching_end(matching_t* m, int kind, const resting_t* order, int64_t time_ns,
                              int reason) noexcept nogil:
    # An order ends without a fill, or its change is refused.
    matching_tell(m, kind, order.order.order_id, 0, 0, 0, order.order.qty - order.remaining, 0,
                  time_ns, reason)

cdef inline void matching_trade(matching_t* m, resting_t* order, int32_t lots, int32_t price,
                                int liquidity, int64_t time_ns) noexcept nogil:
    # Lots of an order execute at a price.
    cdef int side = order.order.side
    order.remaining -= lots
    m.account.position += side * <int64_t>lots
    m.account.cash_tick_lots -= side * <int64_t>lots * price
    m.account.fees_micros += lots * m.settings.fee_micros
    matching_tell(m, FILLED, order.order.order_id, lots, price, order.remaining,
                  order.order.qty - order.remaining, liquidity, time_ns, 0)

cdef inline void matching_remove(matching_t* m, int index) noexcept nogil:
    cdef int i
    m.resting_count -= 1
    for i in range(index, m.resting_count):
        m.resting[i] = m.resting[i + 1]

cdef inline void matching_remove_stop(matching_t* m, int index) noexcept nogil:
    cdef int i
    m.hit_count -= m.stops[index].hit
    m.stop_count -= 1
    for i in range(index, m.stop_count):
        m.stops[i] = m.stops[i + 1]
