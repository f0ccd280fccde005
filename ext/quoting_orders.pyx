"""Orders of a quoting backtest: the venue, our own copy, the limits. See ``quoting.pyx``."""
from libc.stdint cimport int32_t, int64_t
from libc.string cimport memset

from dreammaker._ext.latency cimport latency_arrival
from dreammaker._ext.matching cimport (CANCELED, EXPIRED, FILLED, LIMIT, MARKET, REJECTED, TIF_DAY,
                                       matching_advance, matching_arrive, matching_cancel,
                                       outcome_t)
from dreammaker._ext.policy cimport view_t
from dreammaker._ext.quoting_state cimport (BAD_RECORD, CANCEL, MAX_OWN, MAX_RECENT, NO_MEMORY,
                                            SUBMIT, chunk_t, fill_t, limits_t, line_first,
                                            line_pop, line_push, message_t, own_t, recent_t,
                                            report_t, run_t)
from dreammaker._ext.schema cimport PHASE_CONTINUOUS

cdef int64_t RECANCEL_NS = 2_000_000_000
cdef int64_t NS_PER_S = 1_000_000_000
cdef int64_t NS_PER_MINUTE = 60_000_000_000

cdef enum:
    # Numbers of domain.orders.Reason that the limits give.
    ORDER_SIZE = 23
    POSITION_LIMIT = 24
    ORDER_RATE = 25
    PRICE_COLLAR = 26
    SESSION_PHASE = 28
    ENTRY_WINDOW = 29
    WORKING_ORDERS = 31
    DUPLICATE_ORDER = 34
    WIDE_SPREAD = 35
    MARGIN = 37
    NOTIONAL = 38
    MESSAGE_RATIO = 39


# ---- the venue ---------------------------------------------------------------------------------
# hot: begin
cdef void _report(run_t* r) noexcept nogil:
    # What the venue has said travels back, in order.
    cdef const outcome_t* outcome
    cdef report_t* report
    cdef int i
    for i in range(r.venue.outcome_count):
        outcome = &r.venue.outcomes[i]
        report = <report_t*>line_push(&r.reports)
        if report == NULL:
            r.stopped = NO_MEMORY
            return
        report.order_id = outcome.order_id
        report.kind = outcome.kind
        report.qty = outcome.qty
        report.price = outcome.price
        report.leaves = outcome.leaves
        report.liquidity = outcome.liquidity
        report.reason = outcome.reason
        report.venue_ns = outcome.time_ns
        report.local_ns = latency_arrival(&r.response, r.report_count, outcome.time_ns,
                                          &r.last_report_ns)
        r.report_count += 1
    r.venue.outcome_count = 0


cdef void _advance_market(run_t* r, int64_t until_ns) noexcept nogil:
    cdef const chunk_t* chunk
    while r.venue_chunk < r.chunk_count and r.stopped == 0:
        chunk = &r.chunks[r.venue_chunk]
        r.venue_index = matching_advance(r.venue, chunk.events, chunk.times, r.venue_index,
                                         chunk.count, until_ns)
        if r.venue.fault:
            r.stopped = BAD_RECORD
        elif r.venue.outcome_count:
            _report(r)
        elif r.venue_index < chunk.count:
            return
        else:
            r.venue_chunk += 1
            r.venue_index = 0


cdef void quoting_advance_venue(run_t* r, int64_t until_ns) noexcept nogil:
    # At equal time the market comes first: we queue behind it.
    cdef message_t* message = <message_t*>line_first(&r.messages)
    while message != NULL and message.arrival_ns <= until_ns and r.stopped == 0:
        _advance_market(r, message.arrival_ns)
        if message.kind == SUBMIT:
            matching_arrive(r.venue, &message.order, message.arrival_ns)
        else:
            matching_cancel(r.venue, message.order.order_id, message.arrival_ns)
        _report(r)
        line_pop(&r.messages)
        message = <message_t*>line_first(&r.messages)
    _advance_market(r, until_ns)


# ---- our own orders ----------------------------------------------------------------------------
cdef void _forget(run_t* r, int index) noexcept nogil:
    cdef int i
    r.own_count -= 1
    for i in range(index, r.own_count):
        r.own[i] = r.own[i + 1]


cdef void _note_filled(run_t* r, int64_t order_id) noexcept nogil:
    cdef int64_t i = r.recent_count
    while i > 0 and i > r.recent_count - MAX_RECENT:
        i -= 1
        if r.recent[i % MAX_RECENT].order_id == order_id:
            r.recent[i % MAX_RECENT].filled = True
            return


cdef void _book_fill(run_t* r, const report_t* report, int index) noexcept nogil:
    cdef own_t* own = &r.own[index]
    cdef fill_t* fill = <fill_t*>line_push(&r.fills)
    if fill == NULL:
        r.stopped = NO_MEMORY
        return
    own.leaves -= report.qty
    r.position += own.side * <int64_t>report.qty
    r.cash_tick_lots -= own.side * <int64_t>report.qty * report.price
    r.fees_micros += report.qty * r.fee_micros
    fill.order_id, fill.venue_ns, fill.local_ns = own.order_id, report.venue_ns, report.local_ns
    fill.side, fill.qty_lots, fill.price_ticks = own.side, report.qty, report.price
    fill.liquidity, fill.position_lots = report.liquidity, r.position
    if own.leaves == 0:
        _note_filled(r, own.order_id)
        _forget(r, index)


cdef void quoting_take_reports(run_t* r, int64_t until_ns) noexcept nogil:
    cdef report_t* report = <report_t*>line_first(&r.reports)
    cdef int i
    while report != NULL and report.local_ns <= until_ns and r.stopped == 0:
        for i in range(r.own_count):
            if r.own[i].order_id == report.order_id:
                if report.kind == FILLED:
                    _book_fill(r, report, i)
                elif report.kind == REJECTED or report.kind == CANCELED or report.kind == EXPIRED:
                    r.ended[report.reason] += 1
                    _forget(r, i)
                break
        line_pop(&r.reports)
        report = <report_t*>line_first(&r.reports)


cdef bint _send(run_t* r, int kind, const own_t* own, bint is_market) noexcept nogil:
    cdef message_t* message = <message_t*>line_push(&r.messages)
    if message == NULL:
        r.stopped = NO_MEMORY
        return False
    memset(message, 0, sizeof(message_t))
    message.kind = kind
    message.arrival_ns = latency_arrival(&r.entry, r.message_count, r.now_ns, &r.last_arrival_ns)
    r.message_count += 1
    message.order.order_id = own.order_id
    message.order.side = own.side
    message.order.order_type = MARKET if is_market else LIMIT
    message.order.tif = TIF_DAY
    message.order.qty = own.leaves
    message.order.price = own.price
    message.order.post_only = r.post_only and not is_market
    message.order.reduce_only = is_market
    return True


# ---- limits ------------------------------------------------------------------------------------
cdef int64_t quoting_net_micros(const run_t* r) noexcept nogil:
    # Open lots at the last sound mid. Half a tick of WIN is a whole number of millionths; an odd
    # tick value rounds down, against us.
    cdef int64_t half_ticks = 2 * r.cash_tick_lots + r.position * r.mid2
    cdef int64_t doubled = half_ticks * r.tick_value_micros
    return (doubled - (doubled & 1)) // 2 - r.fees_micros


cdef int _rate_denies(run_t* r) noexcept nogil:
    # The windows of RiskGate: (now - minute, now] and (now - second, now].
    cdef int64_t* times
    cdef int64_t count, i
    cdef int64_t recent = 0
    while line_first(&r.sent) != NULL and r.now_ns - (<int64_t*>line_first(&r.sent))[0] >= (
            NS_PER_MINUTE):
        line_pop(&r.sent)
    times = <int64_t*>line_first(&r.sent)
    count = r.sent.tail - r.sent.head
    if count >= r.limits.max_orders_per_minute:
        return ORDER_RATE
    for i in range(count - 1, -1, -1):
        if r.now_ns - times[i] >= NS_PER_S:
            break
        recent += 1
    return ORDER_RATE if recent >= r.limits.max_orders_per_second else 0


cdef bint _is_duplicate(const run_t* r, int side, int32_t price, int32_t lots) noexcept nogil:
    cdef const recent_t* recent
    cdef int64_t i = r.recent_count
    while i > 0 and i > r.recent_count - MAX_RECENT:
        i -= 1
        recent = &r.recent[i % MAX_RECENT]
        if r.now_ns - recent.sent_ns >= r.limits.duplicate_ns:
            return False
        if recent.side == side and recent.price == price and recent.lots == lots and (
                not recent.filled):
            return True
    return False


cdef int _size_denies(const run_t* r, int side, int32_t lots, int64_t pending) noexcept nogil:
    cdef const limits_t* limits = &r.limits
    cdef int64_t worst = r.position + side * (pending + lots)
    cdef int64_t other = r.position
    cdef int64_t most
    cdef double bound
    cdef int i
    if lots > limits.max_order_lots:
        return ORDER_SIZE
    if worst > limits.max_position_lots or -worst > limits.max_position_lots:
        return POSITION_LIMIT
    for i in range(r.told_count):
        if r.own[i].side != side:
            other -= side * <int64_t>r.own[i].leaves
    most = max(max(worst, -worst), max(other, -other))
    if <double>(most * r.mid2 * r.tick_value_micros) / 2e6 > limits.max_notional:
        return NOTIONAL
    bound = <double>most * limits.margin_per_lot
    if bound > limits.capital + <double>quoting_net_micros(r) / 1e6:
        return MARGIN
    return WORKING_ORDERS if r.own_count >= limits.max_working_orders else 0


cdef int _denies(run_t* r, const view_t* view, int side, int32_t price,
                 int32_t lots) noexcept nogil:
    # Why an order may not be sent, 0 = it may.
    cdef const limits_t* limits = &r.limits
    cdef int64_t pending = 0
    cdef int64_t messages = r.cancels + r.orders - (r.own_count - r.told_count)
    cdef int64_t fills = max(r.fills.tail, <int64_t>1)
    cdef int reason, i
    for i in range(r.own_count):
        if r.own[i].side == side:
            pending += r.own[i].leaves
    if r.position * side < 0 and pending + lots <= (r.position if r.position > 0 else -r.position):
        return 0
    if r.told_phase != PHASE_CONTINUOUS:
        return SESSION_PHASE
    if not limits.entry_start_ns <= r.now_ns < limits.entry_stop_ns:
        return ENTRY_WINDOW
    if <int64_t>view.ask_ticks - view.bid_ticks > limits.max_spread_ticks:
        return WIDE_SPREAD
    reason = _size_denies(r, side, lots, pending)
    if reason:
        return reason
    if _rate_denies(r):
        return ORDER_RATE
    if messages >= limits.message_allowance and (
            <double>messages >= limits.max_messages_per_fill * <double>fills):
        return MESSAGE_RATIO
    if _is_duplicate(r, side, price, lots):
        return DUPLICATE_ORDER
    if side * (2 * <int64_t>price - r.mid2) > 2 * <int64_t>limits.price_collar_ticks or (
            r.last_there and r.last_ticks > 0 and side * (
                2 * <int64_t>price - 2 * <int64_t>r.last_ticks)
            > 2 * <int64_t>limits.price_collar_ticks):
        return PRICE_COLLAR
    return 0


# ---- decisions ---------------------------------------------------------------------------------
cdef void quoting_cancel(run_t* r, own_t* own) noexcept nogil:
    if own.cancelling and r.now_ns - own.cancel_ns < RECANCEL_NS:
        return
    own.cancelling = True
    own.cancel_ns = r.now_ns
    r.cancels += 1
    _send(r, CANCEL, own, False)


cdef void quoting_submit(run_t* r, const view_t* view, int side, int32_t price, int32_t lots,
                         bint is_market) noexcept nogil:
    cdef int reason = WORKING_ORDERS
    cdef int64_t order_id = r.next_id
    cdef own_t* own
    cdef int64_t* sent
    r.next_id += 1
    if r.own_count < MAX_OWN:
        reason = _denies(r, view, side, price, lots)
    if reason:
        r.denied[reason] += 1
        return
    sent = <int64_t*>line_push(&r.sent)
    if sent == NULL:
        r.stopped = NO_MEMORY
        return
    sent[0] = r.now_ns
    _remember(r, order_id, side, price, lots)
    own = &r.own[r.own_count]
    r.own_count += 1
    own.order_id, own.side, own.price, own.leaves = order_id, side, price, lots
    own.cancelling = False
    own.cancel_ns = 0
    r.orders += 1
    _send(r, SUBMIT, own, is_market)


cdef void _remember(run_t* r, int64_t order_id, int side, int32_t price,
                    int32_t lots) noexcept nogil:
    cdef recent_t* recent = &r.recent[r.recent_count % MAX_RECENT]
    r.recent_count += 1
    recent.order_id, recent.sent_ns, recent.side = order_id, r.now_ns, side
    recent.price, recent.lots, recent.filled = price, lots, False


cdef bint quoting_clear_side(run_t* r, int side, int32_t price, int32_t lots) noexcept nogil:
    # Cancel what is not wished; whether the side is free for a new order.
    cdef bint is_free = True
    cdef own_t* own
    cdef int i
    for i in range(r.own_count):
        own = &r.own[i]
        if own.side != side:
            continue
        is_free = False
        if own.cancelling or lots == 0 or own.price != price:
            quoting_cancel(r, own)
    return is_free


cdef void quoting_close_out(run_t* r, const view_t* view) noexcept nogil:
    # After the last quote: cancel what works, then close what is held.
    cdef int side = -1 if r.position > 0 else 1
    cdef int i
    for i in range(r.own_count):
        quoting_cancel(r, &r.own[i])
    if r.own_count == 0 and r.position != 0:
        quoting_submit(r, view, side, view.ask_ticks if side > 0 else view.bid_ticks,
                       <int32_t>(r.position if r.position > 0 else -r.position), True)
# hot: end
