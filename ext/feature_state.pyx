"""The slow half of the feature pipeline: its memory, resets, grids and trades."""
from libc.math cimport sqrt
from libc.stdint cimport INT32_MAX, INT32_MIN, INT64_MIN, int32_t, int64_t, uint8_t
from libc.stdlib cimport calloc, free
from libc.string cimport memset

from dreammaker._ext.book cimport book_frame, book_free, book_init
from dreammaker._ext.booktop cimport top_weights_init
from dreammaker._ext.fracdiff cimport (fracdiff_clear, fracdiff_free, fracdiff_init, fracdiff_push,
                                       fracdiff_value)
from dreammaker._ext.hawkes cimport decay_init, hawkes_clear, hawkes_clock_event
from dreammaker._ext.indicators cimport (bollinger_clear, bollinger_free, bollinger_init,
                                         bollinger_push, bollinger_value, macd_init, macd_push,
                                         macd_signal, rsi_init, rsi_push, rsi_value)
from dreammaker._ext.mathx cimport dm_log, dm_nan
from dreammaker._ext.rolling cimport (flow_clear, flow_free, flow_init, flow_push, lag_clear,
                                      lag_free, lag_init, roll_clear, roll_free, roll_init,
                                      roll_push, roll_replace, slide_clear, slide_free, slide_init,
                                      slide_push, slide_sum, slope_clear, slope_free, slope_init,
                                      slope_push, slope_value)
from dreammaker._ext.schema cimport (F_OFF_GRID, PHASE_CLOSED, PHASE_CONTINUOUS, PHASE_PRE_OPEN,
                                     PHASE_ROLL, event_t)

cdef enum:
    DAY_S = 86_400

cdef int64_t NS_PER_S = 1_000_000_000
cdef int64_t MICRO = 1_000_000


# ---- memory ------------------------------------------------------------------------------------
cdef pipeline_t* pipeline_new(const settings_t* s) noexcept nogil:
    cdef pipeline_t* p = <pipeline_t*>calloc(1, sizeof(pipeline_t))
    cdef int bad = 0
    if p == NULL:
        return NULL
    p.set = s[0]
    p.t_ns = INT64_MIN
    p.phase = PHASE_CLOSED
    p.hawkes.process = s.hawkes
    decay_init(&p.hawkes.decay, s.hawkes.beta[0])
    if s.depth_levels > 0:
        bad |= book_init(&p.book)
    bad |= flow_init(&p.ofi, s.ofi_ns)
    bad |= flow_init(&p.trade_flow, s.flow_ns)
    bad |= lag_init(&p.mids, s.velocity_ns)
    bad |= slide_init(&p.squared_returns, s.volatility_cells)
    bad |= slide_init(&p.illiquidity, s.impact_cells)
    bad |= slope_init(&p.impact, s.impact_cells)
    bad |= roll_init(&p.roll, s.roll_trades)
    bad |= fracdiff_init(&p.diff_price, s.fracdiff_d, s.fracdiff_width)
    bad |= fracdiff_init(&p.diff_volume, s.fracdiff_d, s.fracdiff_width)
    bad |= bollinger_init(&p.bollinger, s.bollinger_bars, s.bollinger_width)
    p.cell_traded = <uint8_t*>calloc(s.impact_cells, 1)
    if bad != 0 or p.cell_traded == NULL:
        pipeline_delete(p)
        return NULL
    rsi_init(&p.rsi, s.rsi_period)
    macd_init(&p.macd, s.macd_fast, s.macd_slow, s.macd_signal)
    top_weights_init(&p.weights, s.depth_decay)
    quotes_clear(p)
    p.frame = book_frame(&p.book) if s.depth_levels > 0 else &p.quotes
    return p


cdef void pipeline_delete(pipeline_t* p) noexcept nogil:
    if p == NULL:
        return
    if p.set.depth_levels > 0:
        book_free(&p.book)
    flow_free(&p.ofi)
    flow_free(&p.trade_flow)
    lag_free(&p.mids)
    slide_free(&p.squared_returns)
    slide_free(&p.illiquidity)
    slope_free(&p.impact)
    roll_free(&p.roll)
    fracdiff_free(&p.diff_price)
    fracdiff_free(&p.diff_volume)
    bollinger_free(&p.bollinger)
    free(p.cell_traded)
    free(p)


cdef void quotes_clear(pipeline_t* p) noexcept nogil:
    p.quotes.bid_ticks[0] = INT32_MIN
    p.quotes.ask_ticks[0] = INT32_MAX
    p.quotes.bid_qty[0] = 0
    p.quotes.ask_qty[0] = 0
    p.quotes.bid_count = 0
    p.quotes.ask_count = 0
    p.quote_changed = 0


# ---- resets ------------------------------------------------------------------------------------
cdef inline int64_t _boundary(int64_t t_ns, int64_t step) noexcept nogil:
    # First multiple of step at or after t.
    cdef int64_t rest = t_ns % step
    if rest == 0:
        return t_ns
    return t_ns - rest + step if rest > 0 else t_ns - rest


cdef void pipeline_reset_windows(pipeline_t* p) noexcept nogil:
    flow_clear(&p.ofi)
    flow_clear(&p.trade_flow)
    lag_clear(&p.mids)
    slide_clear(&p.squared_returns)
    slide_clear(&p.illiquidity)
    memset(p.cell_traded, 0, p.set.impact_cells)
    p.traded_cells = 0
    slope_clear(&p.impact)
    roll_clear(&p.roll)
    memset(&p.cell, 0, sizeof(p.cell))
    memset(&p.last, 0, sizeof(p.last))
    p.has_frame = False
    p.broken = False
    p.sound = False
    p.roll_changed = False
    p.row[REALIZED_VOLATILITY] = dm_nan()
    p.row[KYLE_LAMBDA] = dm_nan()
    p.row[AMIHUD] = dm_nan()
    p.row[ROLL_SPREAD] = dm_nan()


cdef void pipeline_reset_session(pipeline_t* p) noexcept nogil:
    cdef int i
    pipeline_reset_windows(p)
    hawkes_clear(&p.hawkes.process)
    fracdiff_clear(&p.diff_price)
    fracdiff_clear(&p.diff_volume)
    rsi_init(&p.rsi, p.rsi.period)
    p.macd.count = 0
    bollinger_clear(&p.bollinger)
    p.cell_end = _boundary(p.t_ns, p.set.cell_ns)
    p.bar_end = _boundary(p.t_ns, p.set.bar_ns)
    p.hawkes.t_ns = p.t_ns
    p.has_mid = False
    p.bar_lots = 0
    p.session_lots = 0
    for i in range(FEATURES):
        p.row[i] = dm_nan()


cdef void pipeline_session(pipeline_t* p, int32_t phase) noexcept nogil:
    # ROLL marks the change of contract; the phase goes on as it was.
    if phase == PHASE_ROLL:
        pipeline_reset_session(p)
        return
    if phase == p.phase:
        return
    p.phase = phase
    if phase == PHASE_CLOSED or phase == PHASE_PRE_OPEN:
        p.opened = False
    elif phase == PHASE_CONTINUOUS:
        if p.opened:
            pipeline_reset_windows(p)
        else:
            pipeline_reset_session(p)
        p.opened = True


# ---- the grids: one-second cells, ten-second bars ----------------------------------------------
cdef void _push_cell(pipeline_t* p, double log_return, int64_t move) noexcept nogil:
    cdef double value
    cdef double illiquid = 0.0
    cdef uint8_t* traded = p.cell_traded + p.illiquidity.pos
    p.traded_cells -= traded[0]
    traded[0] = 0
    if p.cell.lots > 0:
        value = (<double>p.cell.ticks_lots + <double>p.cell.micro_lots * 1e-6) * p.set.tick_value
        if value > 0.0:
            illiquid = (log_return if log_return >= 0.0 else -log_return) / value
            traded[0] = 1
            p.traded_cells += 1
    slide_push(&p.illiquidity, illiquid)
    slide_push(&p.squared_returns, log_return * log_return)
    slope_push(&p.impact, p.cell.signed_lots, move)


cdef void _close_cells(pipeline_t* p) noexcept nogil:
    cdef int64_t missed = (p.t_ns - p.cell_end - 1) // p.set.cell_ns
    cdef int64_t most = p.set.volatility_cells + p.set.impact_cells
    cdef int64_t _i, move
    cdef double ratio
    p.cell_end += (missed + 1) * p.set.cell_ns
    if p.cell.started:
        move = p.mid2 - p.cell.last_mid2
        ratio = 0.0
        if move != 0:
            ratio = dm_nan()
            if p.mid2 > 0 and p.cell.last_mid2 > 0:
                ratio = dm_log(<double>p.mid2 / <double>p.cell.last_mid2)
        _push_cell(p, ratio, move)
    p.cell.signed_lots = 0
    p.cell.lots = 0
    p.cell.ticks_lots = 0
    p.cell.micro_lots = 0
    if not p.has_frame:
        return
    p.cell.started = True
    p.cell.last_mid2 = p.mid2
    # Beyond a full window of silent cells more of them change nothing.
    for _i in range(missed if missed < most else most):
        _push_cell(p, 0.0, 0)
    if p.squared_returns.count == p.set.volatility_cells:
        p.row[REALIZED_VOLATILITY] = sqrt(slide_sum(&p.squared_returns))
    if p.impact.count == p.set.impact_cells:
        p.row[KYLE_LAMBDA] = slope_value(&p.impact) * (0.5 * p.set.tick_size)
        p.row[AMIHUD] = dm_nan()
        if p.traded_cells > 0:
            p.row[AMIHUD] = 1e9 * (slide_sum(&p.illiquidity) / <double>p.traded_cells)


cdef void _close_bars(pipeline_t* p) noexcept nogil:
    cdef int64_t missed = (p.t_ns - p.bar_end - 1) // p.set.bar_ns
    cdef int64_t _i, close
    cdef double level
    p.bar_end += (missed + 1) * p.set.bar_ns
    if p.has_mid:
        close = p.mid2 - p.first_mid2
        level = dm_nan()
        if p.mid2 > 0 and p.first_mid2 > 0:
            level = dm_log(<double>p.mid2 / <double>p.first_mid2)
        for _i in range(missed + 1):
            fracdiff_push(&p.diff_price, level)
            fracdiff_push(&p.diff_volume, dm_log(1.0 + <double>p.bar_lots))
            rsi_push(&p.rsi, 0.5 * <double>close)
            macd_push(&p.macd, 0.5 * <double>close)
            bollinger_push(&p.bollinger, close)
            p.bar_lots = 0
        p.row[FRACDIFF_PRICE] = fracdiff_value(&p.diff_price)
        p.row[FRACDIFF_VOLUME] = fracdiff_value(&p.diff_volume)
        p.row[RSI] = rsi_value(&p.rsi)
        p.row[MACD_SIGNAL] = macd_signal(&p.macd)
        p.row[BOLLINGER] = bollinger_value(&p.bollinger)
    p.bar_lots = 0


cdef void pipeline_advance(pipeline_t* p, int64_t t_ns) noexcept nogil:
    cdef int64_t before = p.t_ns
    p.t_ns = t_ns
    if t_ns - before > DAY_S * NS_PER_S:
        # A silence longer than a day is another session, said or not: the work stays bounded.
        pipeline_reset_session(p)
        return
    if t_ns > p.cell_end:
        _close_cells(p)
    if t_ns > p.bar_end:
        _close_bars(p)


# ---- trades ------------------------------------------------------------------------------------
cdef inline int32_t _sign(const pipeline_t* p, int32_t side, int64_t price) noexcept nogil:
    # Lee and Ready (1991): against the standing mid, at the mid the last change of price.
    cdef int64_t mid
    if side != 0:
        return side
    if p.sound:
        mid = p.mid2 * MICRO
        if 2 * price > mid:
            return 1
        if 2 * price < mid:
            return -1
    return p.last.tick_sign


cdef int pipeline_trade(pipeline_t* p, const event_t* e, int32_t side) noexcept nogil:
    cdef int64_t lots = e.qty_lots if e.qty_lots > 0 else 0
    cdef int64_t ticks = e.price_ticks
    cdef int64_t micro = e.residual_microticks if e.flags & F_OFF_GRID else 0
    cdef int64_t price = ticks * MICRO + micro
    cdef int64_t previous
    cdef int64_t flow[4]
    cdef int32_t sign
    if p.last.known:
        previous = p.last.ticks * MICRO + p.last.micro
        if price != previous:
            p.last.tick_sign = 1 if price > previous else -1
    sign = _sign(p, side, price)
    if p.last.known and p.last.t_ns == p.t_ns and p.last.sign == sign:
        roll_replace(&p.roll, ticks, micro)
    else:
        roll_push(&p.roll, ticks, micro)
        if sign != 0:
            hawkes_clock_event(&p.hawkes, p.t_ns, 0 if sign > 0 else 1)
    p.roll_changed = True
    p.last.known = True
    p.last.sign = sign
    p.last.t_ns = p.t_ns
    p.last.ticks = ticks
    p.last.micro = micro
    p.cell.signed_lots += sign * lots
    p.cell.lots += lots
    p.cell.ticks_lots += ticks * lots
    p.cell.micro_lots += micro * lots
    p.bar_lots += lots
    p.session_lots += lots
    if sign == 0 or lots == 0:
        return 0
    flow[0] = sign * lots
    flow[1] = 0
    flow[2] = 0
    flow[3] = 0
    return flow_push(&p.trade_flow, p.t_ns, flow)
