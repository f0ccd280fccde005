# Orders of a quoting backtest: what the venue does with them, what we know of them, and what the
# limits let through. `ext/quoting.pyx` states the rules.
from libc.stdint cimport int32_t, int64_t

from dreammaker._ext.policy cimport view_t
from dreammaker._ext.quoting_state cimport own_t, run_t

# Let the venue do all that happens by a time: records, arrivals, answers on their way back.
cdef void quoting_advance_venue(run_t* r, int64_t until_ns) noexcept nogil
# Take the answers that have reached us by a time.
cdef void quoting_take_reports(run_t* r, int64_t until_ns) noexcept nogil
# Result, open lots at the last sound mid, fees paid.
cdef int64_t quoting_net_micros(const run_t* r) noexcept nogil
# Ask to cancel, unless that was asked less than two seconds ago.
cdef void quoting_cancel(run_t* r, own_t* own) noexcept nogil
# Cancel what is not wished on a side; whether the side is free for a new order.
cdef bint quoting_clear_side(run_t* r, int side, int32_t price, int32_t lots) noexcept nogil
# Send an order if the limits let it through.
cdef void quoting_submit(run_t* r, const view_t* view, int side, int32_t price, int32_t lots,
                         bint is_market) noexcept nogil
# After the last quote: cancel what works, then close what is held.
cdef void quoting_close_out(run_t* r, const view_t* view) noexcept nogil
