# State of a quoting backtest: what is on its way to the venue and back, what we know of our own
# orders, and the limits. `ext/quoting.pyx` states the rules.
from libc.stdint cimport int32_t, int64_t
from libc.stdlib cimport realloc
from libc.string cimport memmove

from dreammaker._ext.book cimport book_t
from dreammaker._ext.latency cimport latency_t
from dreammaker._ext.matching cimport entry_t, matching_t
from dreammaker._ext.schema cimport event_t

cdef enum:
    MAX_OWN = 64
    MAX_RECENT = 256          # approved orders that are looked through for duplicates
    SUBMIT = 0
    CANCEL = 1
    # Why a run stopped.
    NO_MEMORY = 1
    BAD_RECORD = 2
    LOSS = 3
    DRAWDOWN = 4
    REASONS = 128             # numbers of domain.orders.Reason

cdef struct message_t:
    entry_t order
    int64_t arrival_ns
    int32_t kind              # SUBMIT or CANCEL

cdef struct report_t:
    int64_t order_id
    int64_t venue_ns
    int64_t local_ns
    int32_t kind
    int32_t qty
    int32_t price
    int32_t leaves
    int32_t liquidity
    int32_t reason

cdef struct own_t:
    # An order of ours as far as we know it.
    int64_t order_id
    int64_t cancel_ns         # when a cancel was last asked for
    int32_t side
    int32_t price
    int32_t leaves
    bint cancelling

cdef struct fill_t:
    # Layout of FILL_DTYPE.
    int64_t order_id
    int64_t venue_ns
    int64_t local_ns
    int64_t position_lots     # after it
    int32_t side
    int32_t qty_lots
    int32_t price_ticks
    int32_t liquidity

cdef struct recent_t:
    # An order that was approved.
    int64_t order_id
    int64_t sent_ns
    int32_t side
    int32_t price
    int32_t lots
    bint filled

cdef struct limits_t:
    # RiskConfig's.
    double max_notional
    double capital
    double margin_per_lot
    double max_messages_per_fill
    int64_t entry_start_ns
    int64_t entry_delay_ns    # after the first word of continuous trading, where no hour is known
    int64_t entry_stop_ns
    int64_t duplicate_ns
    int64_t max_loss_micros
    int64_t max_drawdown_micros
    int64_t message_allowance
    int32_t max_position_lots
    int32_t max_order_lots
    int32_t max_working_orders
    int32_t max_orders_per_second
    int32_t max_orders_per_minute
    int32_t price_collar_ticks
    int32_t max_spread_ticks

# A vector of records: items [head, tail) of `size` bytes each are in use.
cdef struct line_t:
    char* items
    int64_t head
    int64_t tail
    int64_t room
    int64_t size

cdef struct chunk_t:
    const event_t* events
    const int64_t* times
    int64_t count

cdef struct run_t:
    matching_t* venue
    book_t book               # as it has reached us
    int32_t quote_price[2]
    int32_t quote_qty[2]
    bint uses_book
    bint running
    int phase                 # by the records so far: rows exist in continuous trading
    int told_phase            # as the loop has delivered it: after the row of its own record
    chunk_t* chunks
    int64_t chunk_count
    int64_t venue_chunk
    int64_t venue_index
    int64_t local_index
    int64_t known_ns          # what the venue had by before this time is in hand
    int64_t now_ns
    int64_t next_decision_ns
    int64_t interval_ns
    latency_t entry
    latency_t response
    int64_t message_count
    int64_t report_count
    int64_t stop_ns
    int64_t last_arrival_ns
    int64_t last_report_ns
    int64_t next_id
    line_t messages
    line_t reports
    line_t fills
    line_t sent               # times of approved orders
    own_t own[MAX_OWN]
    int own_count
    int told_count            # of them, those sent before this decision
    recent_t recent[MAX_RECENT]
    int64_t recent_count
    limits_t limits
    bint post_only
    int32_t last_ticks        # of the last trade that has reached us
    bint last_there
    int64_t position
    int64_t cash_tick_lots
    int64_t fees_micros
    int64_t tick_value_micros
    int64_t fee_micros
    int64_t decisions
    int64_t rows
    int64_t events
    int64_t orders
    int64_t cancels
    int64_t denied[REASONS]
    int64_t ended[REASONS]
    int64_t mid2
    int64_t high_water_micros
    int stopped               # 0, NO_MEMORY, BAD_RECORD, LOSS or DRAWDOWN

cdef inline void* line_push(line_t* line) noexcept nogil:
    # Room for one more at the end; NULL without memory.
    cdef int64_t more
    cdef char* grown
    if line.tail == line.room:
        if line.head > line.room // 2:
            memmove(line.items, line.items + line.head * line.size,
                    (line.tail - line.head) * line.size)
            line.tail -= line.head
            line.head = 0
        else:
            more = 2 * line.room if line.room else 64
            grown = <char*>realloc(line.items, more * line.size)
            if grown == NULL:
                return NULL
            line.items = grown
            line.room = more
    line.tail += 1
    return line.items + (line.tail - 1) * line.size

cdef inline void* line_first(const line_t* line) noexcept nogil:
    # The oldest in use, NULL where there is none.
    if line.head == line.tail:
        return NULL
    return line.items + line.head * line.size

cdef inline void line_pop(line_t* line) noexcept nogil:
    line.head += 1
    if line.head == line.tail:
        line.head = line.tail = 0
