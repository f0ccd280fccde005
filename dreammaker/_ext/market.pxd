# One session of the simulated market.
from dreammaker._ext.market_book cimport market_t

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

cdef class MarketKernel:
    cdef market_t market
    cdef const double[::1] _activity
    cdef int _allocate(self) except -1
