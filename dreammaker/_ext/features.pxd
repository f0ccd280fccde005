# The feature pipeline as Python objects; other kernels reach its state through them.
from dreammaker._ext.feature_loop cimport rows_t
from dreammaker._ext.feature_state cimport pipeline_t

cdef class FeatureRows:
    cdef readonly object values, exch_ns, local_ns, event_index, trade_flow_10s, session_volume
    cdef readonly object bid_ticks, ask_ticks, bid_qty, ask_qty, last_trade_ticks, book_ok
    cdef readonly Py_ssize_t capacity, count
    cdef rows_t at

cdef class FeatureKernel:
    cdef pipeline_t* state
    cdef readonly object fault
