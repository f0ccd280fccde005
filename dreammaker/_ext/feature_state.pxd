# State of the 27-feature pipeline: one book, its windows, one row in the making.
from libc.stdint cimport int32_t, int64_t, uint8_t

from dreammaker._ext.book cimport book_t, frame_t
from dreammaker._ext.booktop cimport top_weights_t
from dreammaker._ext.fracdiff cimport fracdiff_t
from dreammaker._ext.hawkes cimport hawkes_clock_t, hawkes_t
from dreammaker._ext.indicators cimport bollinger_t, macd_t, rsi_t
from dreammaker._ext.rolling cimport flow_t, lag_t, roll_t, slide_t, slope_t
from dreammaker._ext.schema cimport event_t

cdef enum:
    FEATURES = 27

cdef enum:
    MID_PRICE, MICRO_PRICE, WEIGHTED_MID_PRICE, OFI_1, OFI_2, OFI_3, OFI_5, BOOK_IMBALANCE,
    WEIGHTED_BOOK_IMBALANCE, BOOK_PRESSURE, SPREAD_ABS, SPREAD_REL, REALIZED_VOLATILITY,
    PRICE_VELOCITY, PRICE_ACCELERATION, HAWKES_BUY, HAWKES_SELL, HAWKES_RATIO, HAWKES_SELF,
    KYLE_LAMBDA, AMIHUD, ROLL_SPREAD, FRACDIFF_PRICE, FRACDIFF_VOLUME, RSI, MACD_SIGNAL, BOLLINGER

cdef struct settings_t:
    int64_t ofi_ns
    int64_t velocity_ns
    int64_t cell_ns
    int64_t bar_ns
    int64_t flow_ns
    int64_t auction_ns
    int64_t gap_ms
    int32_t volatility_cells
    int32_t impact_cells
    int32_t roll_trades
    int32_t depth_levels         # what the source shows; 0 = quotes without sizes
    double tick_size             # points
    double tick_value            # currency a tick and lot
    double depth_decay
    hawkes_t hawkes
    double fracdiff_d
    int32_t fracdiff_width
    int32_t rsi_period
    int32_t macd_fast
    int32_t macd_slow
    int32_t macd_signal
    int32_t bollinger_bars
    double bollinger_width

cdef struct cell_t:
    # The one-second cell in the making, and the mid at the end of the last.
    bint started
    int64_t last_mid2
    int64_t signed_lots
    int64_t lots
    int64_t ticks_lots           # sum of price times quantity: whole ticks, and millionths
    int64_t micro_lots

cdef struct print_t:
    bint known
    int32_t sign
    int32_t tick_sign            # direction of the last change of price
    int64_t t_ns
    int64_t ticks
    int64_t micro

cdef struct pipeline_t:
    settings_t set
    book_t book
    frame_t quotes               # a source without depth: best prices in a frame of one level
    const frame_t* frame         # whichever of the two is used
    frame_t previous             # last sound frame, levels 1 to 5
    top_weights_t weights
    flow_t ofi
    flow_t trade_flow
    lag_t mids
    slide_t squared_returns
    slide_t illiquidity
    uint8_t* cell_traded         # which of the impact cells had volume
    int32_t traded_cells
    slope_t impact
    roll_t roll
    hawkes_clock_t hawkes
    fracdiff_t diff_price
    fracdiff_t diff_volume
    rsi_t rsi
    macd_t macd
    bollinger_t bollinger
    cell_t cell
    print_t last
    int64_t t_ns                 # running maximum of exchange time
    int64_t cell_end             # first boundary at or after t
    int64_t bar_end
    int64_t base_ns              # first sound frame since the windows were emptied
    int64_t broken_ns            # since when the book is crossed, locked or one-sided
    int64_t mid2                 # last sound mid, half ticks
    int64_t first_mid2           # the session's first
    int64_t bar_lots
    int64_t session_lots
    int32_t quote_changed        # as book_changed_from, for the quotes
    int32_t phase
    bint running                 # a record has been seen
    bint opened                  # this session has been continuous before
    bint sound                   # the last packet left the book sound
    bint broken
    bint has_frame               # a sound frame since the windows were emptied
    bint has_mid                 # a sound frame since the session opened
    bint roll_changed
    double row[27]               # features that stand until something changes them, else NaN

# NULL if memory ran out.
cdef pipeline_t* pipeline_new(const settings_t* s) noexcept nogil
cdef void pipeline_delete(pipeline_t* p) noexcept nogil
cdef void quotes_clear(pipeline_t* p) noexcept nogil
cdef void pipeline_reset_windows(pipeline_t* p) noexcept nogil
cdef void pipeline_reset_session(pipeline_t* p) noexcept nogil
cdef void pipeline_session(pipeline_t* p, int32_t phase) noexcept nogil
# Time goes on to t: closes the cells and bars that end before it.
cdef void pipeline_advance(pipeline_t* p, int64_t t_ns) noexcept nogil
# A continuous print; 0, or -1 if memory ran out.
cdef int pipeline_trade(pipeline_t* p, const event_t* e, int32_t side) noexcept nogil
