"""Orders as they reach the venue: what it refuses, what they take, where they rest.

An order is refused, and the first reason that holds is told: while trading is halted or closed;
where the venue cannot do it; above the largest order; with a limit outside the static band, or
worse than the last trade by more than the tunnel; without margin for the position it could lead to
(orders that reduce the largest position it could come to need none); where no further order can
rest; post-only where it would take; and where it would meet an order of our own, if the venue is
set to refuse the new one.

While orders are collected for an auction, day orders (limit, market, stops) are taken and wait.

A market order, and a limit order that crosses on arrival, takes what the book shows, price by
price, best first, up to its limit; a market order goes no further than the tunnel and the band,
and its remainder is cancelled; a limit order's rests. Where the source has no sizes every price
from the best one on, ten of them, holds ``assumed_touch_lots``. What we took is remembered per
price and not taken again: there is more only as far as the recorded level grows, or after the
level is gone (not when it only left the view). From a crossed book nothing is taken: no market
trades at such prices, and both sides of it could be had for a sure gain. With impact on, what is
taken is worsened as ``impact.pxd`` says, and the worse price has to be within the limit.

Before an order takes at a price, orders of our own that rest there or better are cancelled
(SELF_TRADE); they had met it. What is left of an order within its limit clears our own side so
too. Orders that rest against a refused one stay.

A stop that the market has traded at already triggers at once. A change of a resting order: less
quantity at the same price keeps the place in the queue; with nothing left the rest is cancelled;
the same again changes nothing; all else gives the place up, is checked like a new order and may
take. Of a stop the quantity and the limit may be changed, the trigger not.
"""
from libc.stdint cimport int32_t, int64_t, uint32_t
from libc.string cimport memset

from dreammaker._ext.book cimport book_frame, frame_t
from dreammaker._ext.fifo cimport fifo_arrive
from dreammaker._ext.impact cimport impact_fade, impact_t, impact_take, impact_ticks
from dreammaker._ext.matching cimport (
    ACCEPTED, CAN_AUCTION, CAN_LIMIT, CAN_LIMIT_FOK, CAN_LIMIT_IOC, CAN_MARKET, CAN_MARKET_FOK,
    CAN_MARKET_IOC, CAN_MARKET_REDUCING, CAN_POST_ONLY, CAN_REPLACE_PRICE, CAN_REPLACE_QTY,
    CAN_STOP, CAN_STOP_LIMIT, CANCEL_REJECTED, CANCELED, FOK_NOT_FILLABLE, HALTED,
    LIMIT, MARKET, MARKET_CLOSED, MAX_RESTING, NO_LIQUIDITY,
    NO_MARGIN, NOT_SUPPORTED, OFF_LOT, PRICE_BAND, REJECTED, REMAINDER_CANCELED, REPLACE_REJECTED,
    REPLACED, REQUESTED, SELF_TRADE, STOP, STOP_LIMIT, TAKER, TIF_FOK, TIF_IOC, TOO_MANY_ORDERS,
    TRIGGERED, UNKNOWN_ORDER, WOULD_TAKE, entry_t, matching_t, resting_t)
from dreammaker._ext.matching_state cimport (
    ASSUMED_STEPS, is_auction, matching_best, matching_end, matching_place, matching_remove,
    matching_remove_stop, matching_tell, matching_trade)
from dreammaker._ext.overlay cimport overlay_take, overlay_untaken
from dreammaker._ext.queue cimport QUEUE_FIFO
from dreammaker._ext.schema cimport PHASE_CONTINUOUS, PHASE_HALT


cdef int64_t worst_price(const matching_t* m, const entry_t* order) noexcept nogil:
    # The worst price an order may execute at.
    cdef int32_t side = order.side
    cdef int64_t worst
    cdef int64_t bound
    if order.order_type == LIMIT or order.order_type == STOP_LIMIT:
        return order.price
    worst = m.settings.band_high if side > 0 else m.settings.band_low
    if m.settings.tunnel_ticks > 0 and m.last_there:
        bound = <int64_t>m.last + side * <int64_t>m.settings.tunnel_ticks
        if side * (bound - worst) < 0:
            worst = bound
    return worst


cdef bint met_by(const resting_t* ours, int side, int64_t price) noexcept nogil:
    # Whether an order of ours rests opposite, at a price or better.
    return (ours.order.side == -side and ours.order.order_type != MARKET
            and side * (ours.order.price - price) <= 0)


cdef void clear_own(matching_t* m, int side, int64_t price, int64_t time_ns) noexcept nogil:
    # Cancels orders of our own that an execution at a price would meet.
    cdef int i = 0
    while i < m.resting_count:
        if met_by(&m.resting[i], side, price):
            matching_end(m, CANCELED, &m.resting[i], time_ns, SELF_TRADE)
            matching_remove(m, i)
        else:
            i += 1


cdef bint own_within(const matching_t* m, int side, int64_t price) noexcept nogil:
    cdef int i
    for i in range(m.resting_count):
        if met_by(&m.resting[i], side, price):
            return True
    return False


cdef bint is_crossed(const matching_t* m) noexcept nogil:
    cdef int32_t bid = 0
    cdef int32_t ask = 0
    return matching_best(m, 1, &bid) and matching_best(m, -1, &ask) and bid > ask


cdef int32_t orders_walk(matching_t* m, int mode, resting_t* order, int32_t lots,
                         int64_t time_ns) noexcept nogil:
    cdef const frame_t* frame = book_frame(&m.book)
    cdef bint uses_book = m.settings.view_levels != 0
    cdef int side = order.order.side
    cdef int book_side = -side
    cdef int64_t limit = worst_price(m, &order.order)
    cdef impact_t impact = m.impact
    cdef int steps
    cdef int step
    cdef int32_t price = 0
    cdef int32_t shown
    cdef int64_t chunk
    cdef int64_t worse = 0
    if is_crossed(m):
        return lots
    impact.on = impact.on and mode != WALK_MEET
    if impact.on:
        impact_fade(&impact, time_ns)
    if uses_book:
        steps = frame.ask_count if side > 0 else frame.bid_count
    else:
        steps = ASSUMED_STEPS if matching_best(m, book_side, &price) else 0
    for step in range(steps):
        if uses_book:
            price = frame.ask_ticks[step] if side > 0 else frame.bid_ticks[step]
            shown = frame.ask_qty[step] if side > 0 else frame.bid_qty[step]
        else:
            price = m.quote_price[book_side < 0] + side * step
            shown = m.settings.assumed_touch_lots
        if side * (price - limit) > 0:
            break
        chunk = overlay_untaken(&m.taken, book_side, price, shown)
        if chunk > lots:
            chunk = lots
        if chunk == 0:
            continue
        if impact.on:
            worse = impact_ticks(&impact, side, chunk)
            if side * (price - limit) + worse > 0:
                break
            impact_take(&impact, side, chunk, worse)
        lots -= <int32_t>chunk
        if mode == WALK_TAKE:
            clear_own(m, side, price, time_ns)
            matching_trade(m, order, <int32_t>chunk, <int32_t>(price + side * worse), TAKER,
                           time_ns)
        if mode != WALK_DRY:
            overlay_take(&m.taken, book_side, price, chunk)
        if lots == 0:
            break
    if mode == WALK_TAKE and impact.on:
        m.impact = impact
    return lots


cdef bint would_take(matching_t* m, const entry_t* entry, int64_t time_ns) noexcept nogil:
    # Whether an order would execute on arrival, against the market or ourselves.
    cdef resting_t probe
    probe.order = entry[0]
    return (own_within(m, entry.side, worst_price(m, entry))
            or orders_walk(m, WALK_DRY, &probe, 1, time_ns) == 0)


cdef bint would_meet_own(matching_t* m, const entry_t* entry, int32_t lots,
                         int64_t time_ns) noexcept nogil:
    # Whether an order would come to an order of ours before it is filled by others.
    cdef resting_t probe
    cdef int64_t nearest = 0
    cdef bint found = False
    cdef int i
    probe.order = entry[0]
    for i in range(m.resting_count):
        if met_by(&m.resting[i], entry.side, worst_price(m, entry)) and (
                not found or entry.side * (m.resting[i].order.price - nearest) < 0):
            nearest = m.resting[i].order.price
            found = True
    if not found:
        return False
    # What others offer at better prices than our own nearest.
    probe.order.order_type = LIMIT
    probe.order.price = <int32_t>(nearest - entry.side)
    return orders_walk(m, WALK_DRY, &probe, lots, time_ns) > 0


cdef uint32_t needed(const entry_t* entry) noexcept nogil:
    # One of these bits must be among the venue's for the type to be taken.
    if entry.order_type == MARKET:
        return CAN_MARKET | (CAN_MARKET_REDUCING if entry.reduce_only else 0)
    if entry.order_type == LIMIT:
        return CAN_LIMIT
    return CAN_STOP if entry.order_type == STOP else CAN_STOP_LIMIT


cdef bint is_supported(uint32_t can, const entry_t* entry) noexcept nogil:
    cdef bint is_market = entry.order_type == MARKET or entry.order_type == STOP
    if not can & needed(entry) or entry.post_only and (is_market or not can & CAN_POST_ONLY):
        return False
    if entry.tif == TIF_IOC:
        return can & (CAN_MARKET_IOC if is_market else CAN_LIMIT_IOC) != 0
    if entry.tif == TIF_FOK:
        return can & (CAN_MARKET_FOK if is_market else CAN_LIMIT_FOK) != 0
    return True


cdef int band_reason(const matching_t* m, const entry_t* entry, bint is_live) noexcept nogil:
    # PRICE_BAND for a limit the venue does not take, else 0.
    cdef int64_t past
    if entry.order_type == MARKET or entry.order_type == STOP:
        return 0
    if not m.settings.band_low <= entry.price <= m.settings.band_high:
        return PRICE_BAND
    if is_live and m.settings.tunnel_ticks > 0 and m.last_there:
        past = entry.side * (<int64_t>entry.price - m.last)
        if past > m.settings.tunnel_ticks:
            return PRICE_BAND
    return 0


cdef int64_t exposure(const matching_t* m, int side, int64_t lots, int64_t less) noexcept nogil:
    # The largest position that working orders and these lots (`less` of them working) can lead to.
    cdef int64_t long_lots = m.account.position
    cdef int64_t short_lots = -m.account.position
    cdef int i
    for i in range(m.resting_count):
        if m.resting[i].order.side > 0:
            long_lots += m.resting[i].remaining
        else:
            short_lots += m.resting[i].remaining
    for i in range(m.stop_count):
        if m.stops[i].order.side > 0:
            long_lots += m.stops[i].remaining
        else:
            short_lots += m.stops[i].remaining
    if side > 0:
        long_lots += lots - less
    else:
        short_lots += lots - less
    return max(long_lots, short_lots)


cdef bint has_margin(matching_t* m, int side, int64_t lots, int64_t less) noexcept nogil:
    cdef int64_t after
    cdef int64_t equity
    cdef int64_t mark = m.account.position
    cdef int32_t price = 0
    if m.settings.margin_micros == 0:
        return True
    after = exposure(m, side, lots, less)
    if after <= exposure(m, side, 0, 0):
        return True
    # What is open is worth what closing it would bring; without a price there, the last trade.
    if mark != 0 and not matching_best(m, 1 if mark > 0 else -1, &price):
        price = m.last
    equity = (m.settings.equity_micros - m.account.fees_micros
              + m.settings.tick_value_micros * (m.account.cash_tick_lots + mark * price))
    return after * m.settings.margin_micros <= equity


cdef int refusal(matching_t* m, const entry_t* entry, int32_t lots, int32_t less,
                 int64_t time_ns) noexcept nogil:
    # Why the venue does not take an order (of a change: `less` lots of it work already), or 0.
    cdef bint is_live = m.phase == PHASE_CONTINUOUS
    cdef bint is_stop = entry.order_type == STOP or entry.order_type == STOP_LIMIT
    cdef int reason
    if m.phase == PHASE_HALT:
        return HALTED
    if not is_live and not (is_auction(m.phase) and m.settings.capabilities & CAN_AUCTION
                            and entry.tif != TIF_IOC and entry.tif != TIF_FOK
                            and not entry.post_only):
        return MARKET_CLOSED
    if not is_supported(m.settings.capabilities, entry):
        return NOT_SUPPORTED
    if lots > m.settings.max_order_lots:
        return OFF_LOT
    reason = band_reason(m, entry, is_live and not is_stop)
    if reason != 0:
        return reason
    if not has_margin(m, entry.side, lots, less):
        return NO_MARGIN
    if less == 0 and m.resting_count + m.stop_count >= MAX_RESTING and (
            is_stop or not is_live or (entry.order_type == LIMIT and entry.tif != TIF_IOC
                                       and entry.tif != TIF_FOK)):
        return TOO_MANY_ORDERS
    if is_live and not is_stop:
        if entry.post_only and would_take(m, entry, time_ns):
            return WOULD_TAKE
        if m.settings.reject_self_trade and would_meet_own(m, entry, lots, time_ns):
            return SELF_TRADE
    return 0


cdef void rest(matching_t* m, const resting_t* order) noexcept nogil:
    cdef resting_t* place = &m.resting[m.resting_count]
    m.resting_count += 1
    place[0] = order[0]
    matching_place(m, place)
    if m.settings.queue.kind == QUEUE_FIFO:
        place.queue.rank = fifo_arrive(&m.fifo)


cdef void execute(matching_t* m, resting_t* order, int64_t time_ns) noexcept nogil:
    # An order enters the book: it takes what it can, and rests or is cancelled.
    cdef int tif = order.order.tif
    cdef bint is_market = order.order.order_type == MARKET
    if m.phase != PHASE_CONTINUOUS:
        rest(m, order)
        return
    if tif == TIF_FOK and orders_walk(m, WALK_DRY, order, order.remaining, time_ns) > 0:
        matching_end(m, CANCELED, order, time_ns, FOK_NOT_FILLABLE)
        return
    if orders_walk(m, WALK_TAKE, order, order.remaining, time_ns) == 0:
        return
    clear_own(m, order.order.side, worst_price(m, &order.order), time_ns)
    if is_market or tif == TIF_IOC:
        matching_end(m, CANCELED, order, time_ns, NO_LIQUIDITY if is_market
                     else REMAINDER_CANCELED)
        return
    rest(m, order)


cdef bint is_past(const matching_t* m, const entry_t* stop) noexcept nogil:
    # Whether the last trade is at a stop's trigger or beyond.
    return m.last_there and stop.side * (<int64_t>m.last - stop.trigger) >= 0


cdef void fire(matching_t* m, const resting_t* stop, int64_t time_ns) noexcept nogil:
    # A stop becomes an order.
    cdef resting_t order = stop[0]
    cdef int reason
    order.order.order_type = LIMIT if order.order.order_type == STOP_LIMIT else MARKET
    matching_tell(m, TRIGGERED, order.order.order_id, 0, 0, order.remaining,
                  order.order.qty - order.remaining, 0, time_ns, 0)
    reason = band_reason(m, &order.order, True)
    if reason == 0 and order.order.post_only and would_take(m, &order.order, time_ns):
        reason = WOULD_TAKE
    if reason == 0 and m.settings.reject_self_trade and would_meet_own(
            m, &order.order, order.remaining, time_ns):
        reason = SELF_TRADE
    if reason != 0:
        matching_end(m, CANCELED, &order, time_ns, reason)
        return
    execute(m, &order, time_ns)


cdef void orders_trigger(matching_t* m, int64_t time_ns) noexcept nogil:
    cdef resting_t stop
    cdef int i = 0
    while m.hit_count > 0 and i < m.stop_count:
        if m.stops[i].hit:
            stop = m.stops[i]
            matching_remove_stop(m, i)
            fire(m, &stop, time_ns)
        else:
            i += 1


cdef void orders_arrive(matching_t* m, const entry_t* entry, int64_t time_ns) noexcept nogil:
    cdef resting_t order
    cdef int reason = refusal(m, entry, entry.qty, 0, time_ns)
    if reason != 0:
        matching_tell(m, REJECTED, entry.order_id, 0, 0, 0, 0, 0, time_ns, reason)
        return
    matching_tell(m, ACCEPTED, entry.order_id, 0, 0, entry.qty, 0, 0, time_ns, 0)
    memset(&order, 0, sizeof(order))
    order.order = entry[0]
    order.remaining = entry.qty
    if entry.order_type != STOP and entry.order_type != STOP_LIMIT:
        execute(m, &order, time_ns)
    elif is_past(m, entry) and m.phase == PHASE_CONTINUOUS:
        fire(m, &order, time_ns)
    else:
        order.hit = is_past(m, entry)
        m.hit_count += order.hit
        m.stops[m.stop_count] = order
        m.stop_count += 1


cdef resting_t* find(matching_t* m, int64_t order_id, int* index) noexcept nogil:
    # A working order of ours: its place in `resting`, or from -1 down in `stops`; NULL if none.
    cdef int i
    for i in range(m.resting_count):
        if m.resting[i].order.order_id == order_id:
            index[0] = i
            return &m.resting[i]
    for i in range(m.stop_count):
        if m.stops[i].order.order_id == order_id:
            index[0] = -1 - i
            return &m.stops[i]
    return NULL


cdef void drop(matching_t* m, int index) noexcept nogil:
    if index >= 0:
        matching_remove(m, index)
    else:
        matching_remove_stop(m, -1 - index)


cdef void orders_cancel(matching_t* m, int64_t order_id, int64_t time_ns) noexcept nogil:
    cdef int index = 0
    cdef resting_t* order = find(m, order_id, &index)
    if order == NULL:
        matching_tell(m, CANCEL_REJECTED, order_id, 0, 0, 0, 0, 0, time_ns, UNKNOWN_ORDER)
        return
    matching_end(m, CANCELED, order, time_ns, REQUESTED)
    drop(m, index)


cdef void orders_replace(matching_t* m, int64_t order_id, int32_t qty, int32_t price,
                         int64_t time_ns) noexcept nogil:
    cdef int index = 0
    cdef int reason = 0
    cdef resting_t changed
    cdef resting_t* order = find(m, order_id, &index)
    cdef uint32_t can = m.settings.capabilities
    if order == NULL:
        matching_tell(m, REPLACE_REJECTED, order_id, 0, 0, 0, 0, 0, time_ns, UNKNOWN_ORDER)
        return
    changed = order[0]
    changed.order.qty = qty
    changed.order.price = price
    changed.remaining = qty - (order.order.qty - order.remaining)
    if (qty != order.order.qty and not can & CAN_REPLACE_QTY
            or price != order.order.price and not can & CAN_REPLACE_PRICE):
        reason = NOT_SUPPORTED
    elif changed.remaining > 0 and (price != order.order.price
                                    or changed.remaining > order.remaining):
        reason = refusal(m, &changed.order, changed.remaining, order.remaining, time_ns)
    elif m.phase == PHASE_HALT and changed.remaining > 0:
        reason = HALTED
    if reason != 0:
        matching_tell(m, REPLACE_REJECTED, order_id, 0, order.order.price, order.remaining,
                      order.order.qty - order.remaining, 0, time_ns, reason)
        return
    if changed.remaining <= 0:
        matching_end(m, CANCELED, order, time_ns, REQUESTED)
        drop(m, index)
        return
    matching_tell(m, REPLACED, order_id, 0, price, changed.remaining,
                  qty - changed.remaining, 0, time_ns, 0)
    if index < 0 or (price == order.order.price and changed.remaining <= order.remaining):
        order.order.qty = qty
        order.order.price = price
        order.remaining = changed.remaining
        return
    drop(m, index)
    execute(m, &changed, time_ns)
