# The packed event record, as kernels see it. 64 bytes: one cache line an event.
from libc.stdint cimport int8_t, int32_t, int64_t, uint8_t, uint16_t, uint32_t

cdef packed struct event_t:
    int64_t exch_ns              # exchange time, UTC ns since 1970
    int64_t local_ns             # local receive time, UTC ns since 1970
    int64_t mono_ns              # monotonic ns since the recording's anchor, -1 = none
    int64_t seq                  # the source's sequence number, else the row number
    int64_t order_id             # 0 = none
    int32_t price_ticks
    int32_t qty_lots             # -1 = unknown; in LEVEL_SET and SNAPSHOT 0 deletes
    int32_t residual_microticks  # price off the grid: (price - price_ticks) in 1e-6 tick
    uint32_t flags
    uint16_t instrument_id
    uint16_t stream_id
    uint8_t kind
    int8_t side                  # +1 bid or buyer, -1 ask or seller, 0 unknown
    uint16_t aux                 # SESSION: phase; BAR: component; else 0

cdef enum:
    LEVEL_SET = 1
    SNAPSHOT = 2
    ORDER_ADD = 3
    ORDER_CANCEL = 4
    ORDER_MODIFY = 5
    ORDER_EXECUTE = 6
    CLEAR = 7
    QUOTE = 8
    TRADE = 9
    SESSION = 10
    GAP = 11
    BAR = 12

cdef enum:
    F_LAST = 1
    F_SNAP_BEGIN = 2
    F_SNAP_END = 4
    F_OFF_GRID = 8
    F_LOCAL_SYNTHETIC = 16
    F_EXCH_ESTIMATED = 32
    F_TIME_BACKWARDS = 64
    F_REVEALED = 128
    F_AUCTION = 256
    F_HIDDEN = 512
    F_SIDE_INFERRED = 1024
    F_CROSSED = 2048
    F_DUPLICATE_SEQ = 4096

cdef enum:
    PHASE_CLOSED = 0
    PHASE_PRE_OPEN = 1
    PHASE_CONTINUOUS = 2
    PHASE_AUCTION = 3
    PHASE_CLOSING_CALL = 4
    PHASE_HALT = 5
    PHASE_ROLL = 6

# Borrowed pointer into a C-contiguous array of EVENT_DTYPE; raises TypeError or ValueError.
# An empty array gives a valid (never dereferenced) pointer and count[0] = 0.
cdef const event_t* event_pointer(object events, Py_ssize_t* count) except NULL
