"""The loop of the feature pipeline: records in, one row a packet.

It holds no Python object and takes no memory in the steady state. What a feature is, stands in
`dreammaker.features.pipeline`; what empties the windows, in `docs/decisions`.
"""
from libc.stdint cimport INT32_MAX, INT32_MIN, int32_t, int64_t
from libc.string cimport memcpy

from dreammaker._ext.book cimport (BOOK_BAD_KIND, BOOK_BAD_QTY, BOOK_BAD_SIDE, BOOK_NO_MEMORY,
                                   FRAME_LEVELS, book_apply_deferred, book_changed_from, book_mark,
                                   book_refresh, frame_t)
from dreammaker._ext.booktop cimport (TOP_LEVELS, top_half_ticks, top_imbalance, top_is_sound,
                                      top_micro, top_pressure, top_weighted)
from dreammaker._ext.feature_state cimport (
    BOOK_IMBALANCE, BOOK_PRESSURE, FEATURES, HAWKES_BUY, HAWKES_RATIO, HAWKES_SELF, HAWKES_SELL,
    MICRO_PRICE, MID_PRICE, OFI_1, OFI_2, OFI_3, OFI_5, PRICE_ACCELERATION, PRICE_VELOCITY,
    ROLL_SPREAD, SPREAD_ABS, SPREAD_REL, WEIGHTED_BOOK_IMBALANCE, WEIGHTED_MID_PRICE,
    pipeline_advance, pipeline_reset_session, pipeline_reset_windows, pipeline_session, pipeline_t,
    pipeline_trade, quotes_clear)
from dreammaker._ext.hawkes cimport hawkes_clock_read
from dreammaker._ext.mathx cimport dm_nan
from dreammaker._ext.ofi cimport ofi_from
from dreammaker._ext.rolling cimport (flow_evict, flow_push, lag_advance, lag_far, lag_near,
                                      lag_push, roll_value)
from dreammaker._ext.schema cimport (BAR, CLEAR, F_AUCTION, F_LAST, F_OFF_GRID, GAP, ORDER_EXECUTE,
                                     PHASE_CONTINUOUS, QUOTE, SESSION, TRADE, event_t)

# hot: begin
# ---- the best prices and the book --------------------------------------------------------------
cdef void _quote(pipeline_t* p, const event_t* e) noexcept nogil:
    # A price off the grid leaves its side unknown until the next quote.
    cdef bint gone = e.qty_lots == 0 or e.flags & F_OFF_GRID
    if e.side > 0:
        p.quotes.bid_ticks[0] = INT32_MIN if gone else e.price_ticks
        p.quotes.bid_qty[0] = 0 if gone else e.qty_lots
        p.quotes.bid_count = 0 if gone else 1
    elif e.side < 0:
        p.quotes.ask_ticks[0] = INT32_MAX if gone else e.price_ticks
        p.quotes.ask_qty[0] = 0 if gone else e.qty_lots
        p.quotes.ask_count = 0 if gone else 1
    p.quote_changed = 0


cdef inline int _order_flow(pipeline_t* p, const frame_t* now) noexcept nogil:
    # Cont's e^m by level 1, to 2, to 3 and to 5; all five levels, which is quicker than to branch
    # on where they begin to differ.
    cdef int64_t e[5]
    cdef int64_t flow[4]
    ofi_from(&p.previous, now, 0, TOP_LEVELS, e)
    flow[0] = e[0]
    flow[1] = e[0] + e[1]
    flow[2] = flow[1] + e[2]
    flow[3] = flow[2] + e[3] + e[4]
    if (flow[0] | flow[1] | flow[2] | flow[3]) == 0:
        return 0
    return flow_push(&p.ofi, p.t_ns, flow)


cdef inline void _book_features(pipeline_t* p, const frame_t* f) noexcept nogil:
    cdef double tick = p.set.tick_size
    cdef double mid, imbalance
    p.row[MID_PRICE] = <double>p.mid2 * (0.5 * tick)
    p.row[SPREAD_ABS] = <double>(<int64_t>f.ask_ticks[0] - f.bid_ticks[0]) * tick
    p.row[SPREAD_REL] = dm_nan()
    if p.mid2 != 0:
        p.row[SPREAD_REL] = (<double>(2 * (<int64_t>f.ask_ticks[0] - f.bid_ticks[0]))
                             / <double>p.mid2)
    if p.set.depth_levels >= 1:
        p.row[MICRO_PRICE] = top_micro(f) * tick
        p.row[BOOK_IMBALANCE] = top_imbalance(f)
    if p.set.depth_levels >= TOP_LEVELS:
        top_weighted(f, &p.weights, &mid, &imbalance)
        p.row[WEIGHTED_MID_PRICE] = mid * tick
        p.row[WEIGHTED_BOOK_IMBALANCE] = imbalance
        p.row[BOOK_PRESSURE] = top_pressure(f, &p.weights)


cdef inline int _new_frame(pipeline_t* p, const frame_t* f) noexcept nogil:
    # The sound frame f differs from the last one within the levels that are looked at.
    cdef int64_t mid2 = top_half_ticks(f)
    cdef int status = 0
    if not p.has_frame:
        p.base_ns = p.t_ns
        status = lag_push(&p.mids, p.t_ns, mid2)
        if not p.has_mid:
            p.has_mid = True
            p.first_mid2 = mid2
        p.has_frame = True
    else:
        if p.set.depth_levels > 0:
            status = _order_flow(p, f)
        if mid2 != p.mid2 and status == 0:
            status = lag_push(&p.mids, p.t_ns, mid2)
    p.mid2 = mid2
    p.previous = f[0]
    if p.set.depth_levels > 0:
        book_mark(&p.book)
    p.quote_changed = FRAME_LEVELS
    _book_features(p, f)
    return status


cdef inline int _look_at_book(pipeline_t* p) noexcept nogil:
    cdef const frame_t* f = p.frame
    cdef int32_t first
    if p.set.depth_levels > 0:
        book_refresh(&p.book)
    p.sound = top_is_sound(f)
    if not p.sound:
        if not p.broken:
            p.broken = True
            p.broken_ns = p.t_ns
        return 0
    if p.broken and p.t_ns - p.broken_ns > p.set.auction_ns:
        pipeline_reset_windows(p)
        p.sound = True
    p.broken = False
    first = 0
    if p.has_frame:
        first = book_changed_from(&p.book) if p.set.depth_levels > 0 else p.quote_changed
    if first < TOP_LEVELS:
        return _new_frame(p, f)
    return 0


# ---- rows --------------------------------------------------------------------------------------
cdef inline void _hawkes_features(const pipeline_t* p, double* values) noexcept nogil:
    cdef double buy, sell, own
    hawkes_clock_read(&p.hawkes, p.t_ns, &buy, &sell, &own)
    values[HAWKES_BUY] = buy
    values[HAWKES_SELL] = sell
    values[HAWKES_RATIO] = buy / sell
    values[HAWKES_SELF] = own / (buy + sell)


cdef inline void _timed_features(pipeline_t* p, double* values) noexcept nogil:
    # What changes as time passes, the book sound.
    cdef int64_t age = p.t_ns - p.base_ns
    cdef int64_t near
    if p.set.depth_levels > 0:
        flow_evict(&p.ofi, p.t_ns)
        if age >= p.set.ofi_ns:
            values[OFI_1] = <double>p.ofi.total[0]
            if p.set.depth_levels >= 2:
                values[OFI_2] = <double>p.ofi.total[1]
            if p.set.depth_levels >= 3:
                values[OFI_3] = <double>p.ofi.total[2]
            if p.set.depth_levels >= 5:
                values[OFI_5] = <double>p.ofi.total[3]
    if age >= p.set.velocity_ns:
        lag_advance(&p.mids, p.t_ns)
        near = lag_near(&p.mids)
        values[PRICE_VELOCITY] = 0.5 * <double>(p.mid2 - near)
        if age >= 2 * p.set.velocity_ns:
            values[PRICE_ACCELERATION] = 0.5 * <double>(p.mid2 - 2 * near + lag_far(&p.mids))


cdef inline void _write_row(pipeline_t* p, const event_t* e, int64_t index, rows_t* out,
                            int64_t k) noexcept nogil:
    # p.row holds what stands until the book, a grid or a trade changes it; the features of time are
    # NaN there and written straight into the row.
    cdef double* values = out.values + k * FEATURES
    cdef int i
    flow_evict(&p.trade_flow, p.t_ns)
    if p.roll_changed:
        p.roll_changed = False
        if p.roll.count == p.set.roll_trades:
            p.row[ROLL_SPREAD] = roll_value(&p.roll) * p.set.tick_size
    memcpy(values, p.row, FEATURES * sizeof(double))
    _hawkes_features(p, values)
    if p.sound:
        _timed_features(p, values)
    else:
        for i in range(MID_PRICE, SPREAD_REL + 1):
            values[i] = dm_nan()
    out.exch_ns[k] = p.t_ns
    out.local_ns[k] = e.local_ns
    out.event_index[k] = index
    out.trade_flow_10s[k] = p.trade_flow.total[0]
    out.session_volume[k] = p.session_lots
    out.bid_ticks[k] = p.frame.bid_ticks[0]
    out.ask_ticks[k] = p.frame.ask_ticks[0]
    out.bid_qty[k] = p.frame.bid_qty[0]
    out.ask_qty[k] = p.frame.ask_qty[0]
    out.last_trade_ticks[k] = <int32_t>p.last.ticks if p.last.known else INT32_MIN
    out.book_ok[k] = p.sound


# ---- the loop ----------------------------------------------------------------------------------
cdef int _other_record(pipeline_t* p, const event_t* e) noexcept nogil:
    # Whatever is not a plain change of depth.
    cdef int status = 0
    if e.kind == 0 or e.kind > BAR:
        return BOOK_BAD_KIND
    if e.qty_lots < -1:
        return BOOK_BAD_QTY
    if e.side < -1 or e.side > 1:
        return BOOK_BAD_SIDE
    if e.kind == TRADE or e.kind == ORDER_EXECUTE:
        if p.phase == PHASE_CONTINUOUS and not e.flags & F_AUCTION:
            status = pipeline_trade(p, e, e.side if e.kind == TRADE else -e.side)
            if status != 0:
                return BOOK_NO_MEMORY
    elif e.kind == SESSION:
        pipeline_session(p, e.aux)
    elif e.kind == GAP:
        if e.qty_lots < 0 or e.qty_lots > p.set.gap_ms:
            pipeline_reset_windows(p)
    elif e.kind == QUOTE and p.set.depth_levels == 0:
        _quote(p, e)
    elif e.kind == CLEAR and p.set.depth_levels == 0:
        quotes_clear(p)
    return 0


cdef int64_t pipeline_run(pipeline_t* p, const event_t* events, int64_t count, rows_t* out,
                          int* fault, int64_t* fault_index) noexcept nogil:
    cdef const event_t* e
    cdef int64_t k, written = 0
    cdef int status
    fault[0] = 0
    for k in range(count):
        e = events + k
        if e.exch_ns > p.t_ns:
            if p.running:
                pipeline_advance(p, e.exch_ns)
            else:
                p.t_ns = e.exch_ns
        if not p.running:
            # Without a word on phases the market is taken to be open.
            p.running = True
            pipeline_reset_session(p)
            if e.kind != SESSION:
                p.phase = PHASE_CONTINUOUS
                p.opened = True
        status = 0
        if e.kind >= ORDER_EXECUTE or e.kind == 0:
            status = _other_record(p, e)
        if e.kind <= CLEAR and p.set.depth_levels > 0 and status == 0:
            status = book_apply_deferred(&p.book, e)
        if status == 0 and e.flags & F_LAST and p.phase == PHASE_CONTINUOUS:
            status = BOOK_NO_MEMORY if _look_at_book(p) != 0 else 0
            if status == 0:
                _write_row(p, e, k, out, written)
                written += 1
        if status != 0:
            fault[0] = status
            fault_index[0] = k
            return written
    return written
# hot: end
