"""The packed event record: its NumPy dtype, kinds, flags and session phases."""
cimport numpy as cnp
import numpy as np

cnp.import_array()

EVENT_DTYPE = np.dtype([
    ("exch_ns", "<i8"), ("local_ns", "<i8"), ("mono_ns", "<i8"), ("seq", "<i8"),
    ("order_id", "<i8"), ("price_ticks", "<i4"), ("qty_lots", "<i4"),
    ("residual_microticks", "<i4"), ("flags", "<u4"), ("instrument_id", "<u2"),
    ("stream_id", "<u2"), ("kind", "u1"), ("side", "i1"), ("aux", "<u2"),
])
assert EVENT_DTYPE.itemsize == sizeof(event_t) == 64


cdef const event_t* event_pointer(object events, Py_ssize_t* count) except NULL:
    if not isinstance(events, cnp.ndarray):
        raise TypeError(f"events must be a NumPy array of EVENT_DTYPE, was {type(events).__name__}")
    cdef cnp.ndarray array = <cnp.ndarray>events
    if array.dtype is not EVENT_DTYPE and array.dtype != EVENT_DTYPE:
        raise TypeError(f"events must have EVENT_DTYPE, had {array.dtype}")
    if not (cnp.PyArray_NDIM(array) == 1 and cnp.PyArray_IS_C_CONTIGUOUS(array)):
        raise ValueError("events must be one-dimensional and C-contiguous")
    count[0] = cnp.PyArray_DIM(array, 0)
    return <const event_t*>cnp.PyArray_DATA(array)
