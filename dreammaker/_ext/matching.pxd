# Matching of our orders against recorded flow: state, and what moves it. `ext/matching.pyx` states
# the rules. The caller reads outcomes[0 .. outcome_count) after each call and sets the count to 0:
# a record, an arrival, a cancel or a change is given only to a state without outcomes.
from libc.stdint cimport int32_t, int64_t, uint32_t, uint64_t

from dreammaker._ext.book cimport book_t
from dreammaker._ext.fifo cimport fifo_t
from dreammaker._ext.impact cimport impact_t
from dreammaker._ext.overlay cimport overlay_t
from dreammaker._ext.queue cimport queue_model_t, queue_t
from dreammaker._ext.schema cimport event_t

cdef enum:
    MAX_RESTING = 256         # resting orders and stops together
    # Of a record: two an order that rests (a print, the packet's end); of a stop that is triggered
    # also ten levels, the trigger and an end.
    MAX_OUTCOMES = 4096

cdef enum:
    # OrderType, TimeInForce, ReportKind, Liquidity and Reason of domain.orders.
    MARKET = 1
    LIMIT = 2
    STOP = 3
    STOP_LIMIT = 4
    TIF_DAY = 1
    TIF_IOC = 2
    TIF_FOK = 3
    ACCEPTED = 1
    REJECTED = 2
    FILLED = 3
    CANCELED = 4
    EXPIRED = 5
    CANCEL_REJECTED = 6
    REPLACED = 8
    REPLACE_REJECTED = 9
    TRIGGERED = 10
    NO_LIQUIDITY_SIDE = 0
    MAKER = 1
    TAKER = 2
    MARKET_CLOSED = 1
    NO_LIQUIDITY = 2
    UNKNOWN_ORDER = 3
    REMAINDER_CANCELED = 4
    FOK_NOT_FILLABLE = 5
    REQUESTED = 6
    SESSION_END = 7
    TOO_MANY_ORDERS = 8
    WOULD_TAKE = 9
    PRICE_BAND = 10
    SELF_TRADE = 11
    NOT_SUPPORTED = 12
    HALTED = 13
    NO_MARGIN = 14
    OFF_LOT = 15

cdef enum:
    # What the venue can do (exchange.profile.VenueProfile).
    CAN_MARKET = 1            # market orders that open, too
    CAN_MARKET_REDUCING = 2   # market orders that only reduce
    CAN_LIMIT = 4
    CAN_STOP = 8
    CAN_STOP_LIMIT = 16
    CAN_MARKET_IOC = 32       # of stops as well
    CAN_MARKET_FOK = 64
    CAN_POST_ONLY = 128
    CAN_REPLACE_PRICE = 256
    CAN_REPLACE_QTY = 512
    CAN_AUCTION = 1024        # orders are collected while there is no continuous trading
    CAN_LIMIT_IOC = 2048      # of stop-limits as well
    CAN_LIMIT_FOK = 4096

cdef struct settings_t:
    int32_t view_levels       # prices a side that the source shows; 0 = best prices, no sizes
    int32_t assumed_touch_lots
    uint32_t capabilities
    int32_t reject_self_trade  # 1: the new order goes; 0: the resting one
    int32_t max_order_lots
    int32_t band_low          # limit prices outside are rejected
    int32_t band_high
    int32_t tunnel_ticks      # a limit may be worse than the last trade by so much; 0 = any
    int64_t margin_micros     # a lot; 0 = nobody asks
    int64_t equity_micros     # at the start
    int64_t tick_value_micros
    int64_t fee_micros        # a lot and side
    queue_model_t queue

cdef struct entry_t:
    # An order as it arrives.
    int64_t order_id
    int32_t side
    int32_t order_type
    int32_t tif
    int32_t qty
    int32_t price
    int32_t trigger
    bint post_only
    bint reduce_only

cdef struct resting_t:
    entry_t order             # qty: in all, as last changed
    queue_t queue
    int32_t remaining
    bint placed               # its price has been in view: the queue before it is known
    bint told                 # this packet told of its level
    bint hit                  # of a stop: the market traded at its trigger

cdef struct outcome_t:
    int64_t order_id
    int64_t time_ns
    int32_t kind
    int32_t qty
    int32_t price
    int32_t leaves
    int32_t cum               # lots filled in all
    int32_t liquidity
    int32_t reason

cdef struct account_t:
    int64_t position
    int64_t cash_tick_lots    # received less paid
    int64_t fees_micros

cdef struct matching_t:
    # Holds a book, which points into itself: never copy it, and free it with matching_free.
    settings_t settings
    book_t book
    int32_t quote_price[2]
    bint quote_there[2]
    int phase
    int32_t last              # price of the last trade
    bint last_there
    int fault                 # code of the record that the book refused, 0 = none
    resting_t resting[MAX_RESTING]   # in order of arrival
    int resting_count
    resting_t stops[MAX_RESTING]     # not triggered yet, in order of arrival
    int stop_count
    int hit_count
    fifo_t fifo               # of QUEUE_FIFO: the recorded orders' places
    overlay_t taken
    impact_t impact
    account_t account
    outcome_t outcomes[MAX_OUTCOMES]
    int outcome_count

# 0, or -1 without memory.
cdef int matching_init(matching_t* m, const settings_t* settings) noexcept nogil
cdef void matching_free(matching_t* m) noexcept nogil
# Applies one record; a fault is in m.fault, and nothing may follow it.
cdef void matching_record(matching_t* m, const event_t* event, int64_t time_ns) noexcept nogil
# Records up to a time, or up to the first with an outcome or a fault; the index of the next one.
cdef int64_t matching_advance(matching_t* m, const event_t* events, const int64_t* times,
                              int64_t start, int64_t count, int64_t until_ns) noexcept nogil
cdef void matching_arrive(matching_t* m, const entry_t* entry, int64_t time_ns) noexcept nogil
cdef void matching_cancel(matching_t* m, int64_t order_id, int64_t time_ns) noexcept nogil
# qty: in all, what is filled included.
cdef void matching_replace(matching_t* m, int64_t order_id, int32_t qty, int32_t price,
                           int64_t time_ns) noexcept nogil
# Of everything that decides what happens next, the book apart.
cdef uint64_t matching_hash(const matching_t* m) noexcept nogil
