# State of the simulated market. All of it is plain C; the arrays belong to MarketKernel.
from libc.stdint cimport int32_t, int64_t

from dreammaker._ext.rng cimport rng_t
from dreammaker._ext.schema cimport event_t
from dreammaker._ext.thinning cimport hawkes_t

cdef enum:
    MAX_LEVELS = 64    # placement levels
    MAX_REACH = 32     # levels a market order may walk
    MAX_LEVEL_LOTS = 1000000000

cdef enum:  # what the next packet is made of, in the order of the day
    STAGE_PRE_OPEN = 0
    STAGE_RESTING_BOOK = 1
    STAGE_OPENING_ORDERS = 2
    STAGE_OPENING_CROSS = 3
    STAGE_CONTINUOUS_START = 4
    STAGE_CONTINUOUS = 5
    STAGE_CALL_START = 6
    STAGE_CALL_ORDERS = 7
    STAGE_CLOSING_CROSS = 8
    STAGE_CLOSED = 9
    STAGE_DONE = 10

cdef struct order_size_t:   # 1 + floor(Lomax): heavy right tail
    double scale
    double inverse_tail

cdef struct market_t:
    hawkes_t flow
    rng_t flow_rng                  # times and components
    rng_t mark_rng                  # sizes and levels
    rng_t latency_rng
    double gap_fill_rate
    double gap_follow
    double auction_rate
    double auction_sd_ticks
    double depth_mean
    double depth_sigma
    order_size_t limit_size
    order_size_t market_size
    order_size_t gap_size
    int32_t max_order
    int32_t reach
    int32_t levels
    double placement[MAX_LEVELS]    # cumulative probability of the offset from the own best
    double latency_median_ns
    double latency_sigma
    int64_t pre_open_ns
    int64_t open_ns
    int64_t call_ns
    int64_t close_ns
    int32_t low                     # price limits, ticks; the book holds low..high
    int32_t high
    int32_t reference               # auctions place orders around it
    int32_t* bids                   # lots at price low + index
    int32_t* asks
    int32_t best_bid                # low - 1 where there is none
    int32_t best_ask                # high + 1 where there is none
    int32_t bid_floor               # lowest price whose resting lots were drawn
    int32_t ask_ceiling
    int32_t depleted                # side of the last emptied best queue
    int32_t stage
    int64_t now_ns
    int64_t local_ns                # of the last packet
    int64_t seq
    event_t* packet
    int64_t packet_count            # records of a packet not yet handed out

cdef class MarketKernel:
    cdef market_t market
    cdef const double[::1] _activity
    cdef int _allocate(self) except -1
