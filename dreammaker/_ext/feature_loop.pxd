# The feature pipeline's loop, and where it writes.
from libc.stdint cimport int32_t, int64_t, uint8_t

from dreammaker._ext.feature_state cimport pipeline_t
from dreammaker._ext.schema cimport event_t

cdef struct rows_t:
    double* values
    int64_t* exch_ns
    int64_t* local_ns
    int64_t* event_index
    int64_t* trade_flow_10s
    int64_t* session_volume
    int32_t* bid_ticks
    int32_t* ask_ticks
    int32_t* bid_qty
    int32_t* ask_qty
    int32_t* last_trade_ticks
    uint8_t* book_ok

# Rows written for events[0:count]; stops at a fault, whose code and index are then set.
cdef int64_t pipeline_run(pipeline_t* p, const event_t* events, int64_t count, rows_t* out,
                          int* fault, int64_t* fault_index) noexcept nogil
