"""Windows of the feature pipeline, one call a whole series (for tests, studies and twins).

The pipeline itself uses the same C structs, declared in ``rolling.pxd``.
"""
from libc.stdint cimport int64_t, uint64_t
from libc.stdlib cimport free, malloc

import numpy as np


cdef int flow_grow(flow_t* f) noexcept nogil:
    cdef uint64_t size = f.mask + 1, k
    cdef flow_entry_t* wider = <flow_entry_t*>malloc(2 * size * sizeof(flow_entry_t))
    if wider == NULL:
        return -1
    for k in range(f.head - f.tail):
        wider[k] = f.entries[(f.tail + k) & f.mask]
    free(f.entries)
    f.entries = wider
    f.head -= f.tail
    f.tail = 0
    f.mask = 2 * size - 1
    return 0


cdef int lag_grow(lag_t* g) noexcept nogil:
    cdef uint64_t size = g.mask + 1, k
    cdef lag_entry_t* wider = <lag_entry_t*>malloc(2 * size * sizeof(lag_entry_t))
    if wider == NULL:
        return -1
    for k in range(g.head - g.far):
        wider[k] = g.entries[(g.far + k) & g.mask]
    free(g.entries)
    g.entries = wider
    g.head -= g.far
    g.near -= g.far
    g.far = 0
    g.mask = 2 * size - 1
    return 0


def _at_least(name, value, least):
    if value < least:
        raise ValueError(f"{name} must be {least} or more, was {value}")


def _check_times(times):
    if np.any(np.diff(times) < 0):
        raise ValueError("times must not decrease")


def window_sum(times_ns, values, int64_t window_ns):
    """Sum over (t - window, t] at every entry, entries of equal time counting together.

    Parameters
    ----------
    times_ns, values : array of int64, shape (n,)
        Times that do not decrease; what happened at each.
    window_ns : int
        Length of the window, 1 or more.

    Returns
    -------
    ndarray of int64, shape (n,)
        Exact sums, as they stand right after each entry.
    """
    cdef const int64_t[::1] t = np.ascontiguousarray(times_ns, np.int64)
    cdef const int64_t[::1] v = np.ascontiguousarray(values, np.int64)
    cdef flow_t f
    cdef int64_t lanes[4]
    cdef Py_ssize_t k
    _at_least("window_ns", window_ns, 1)
    _check_times(t)
    if t.shape[0] != v.shape[0]:
        raise ValueError(f"{t.shape[0]} times but {v.shape[0]} values")
    out = np.empty(t.shape[0], np.int64)
    cdef int64_t[::1] sums = out
    if flow_init(&f, window_ns) != 0:
        raise MemoryError("no memory for a window")
    lanes[1] = lanes[2] = lanes[3] = 0
    try:
        for k in range(t.shape[0]):
            lanes[0] = v[k]
            flow_evict(&f, t[k])
            if flow_push(&f, t[k], lanes) != 0:
                raise MemoryError("no memory for a window")
            sums[k] = f.total[0]
    finally:
        flow_free(&f)
    return out


def lagged(times_ns, values, int64_t window_ns):
    """Last value at or before t - W and at or before t - 2W, at every entry.

    Parameters
    ----------
    times_ns, values : array of int64, shape (n,)
        Times that do not decrease; the value in force from each time on.
    window_ns : int
        W, 1 or more.

    Returns
    -------
    ndarray of int64, shape (n, 2)
        Where there is no value so old: the first one of all.
    """
    cdef const int64_t[::1] t = np.ascontiguousarray(times_ns, np.int64)
    cdef const int64_t[::1] v = np.ascontiguousarray(values, np.int64)
    cdef lag_t g
    cdef Py_ssize_t k
    _at_least("window_ns", window_ns, 1)
    _check_times(t)
    if t.shape[0] != v.shape[0]:
        raise ValueError(f"{t.shape[0]} times but {v.shape[0]} values")
    out = np.empty((t.shape[0], 2), np.int64)
    cdef int64_t[:, ::1] old = out
    if lag_init(&g, window_ns) != 0:
        raise MemoryError("no memory for a window")
    try:
        for k in range(t.shape[0]):
            if lag_push(&g, t[k], v[k]) != 0:
                raise MemoryError("no memory for a window")
            lag_advance(&g, t[k])
            old[k, 0] = lag_near(&g)
            old[k, 1] = lag_far(&g)
    finally:
        lag_free(&g)
    return out


def moving_sum(values, int size):
    """Sum of the last `size` values at every entry (of all, before there are so many).

    No value is ever subtracted, so the sum does not drift and a NaN leaves with its window.

    Parameters
    ----------
    values : array of float64, shape (n,)
    size : int
        1 or more.

    Returns
    -------
    ndarray of float64, shape (n,)
    """
    cdef const double[::1] x = np.ascontiguousarray(values, np.float64)
    cdef slide_t s
    cdef Py_ssize_t k
    _at_least("size", size, 1)
    out = np.empty(x.shape[0])
    cdef double[::1] sums = out
    if slide_init(&s, size) != 0:
        slide_free(&s)
        raise MemoryError("no memory for a window")
    for k in range(x.shape[0]):
        slide_push(&s, x[k])
        sums[k] = slide_sum(&s)
    slide_free(&s)
    return out


def moving_slope(x, y, int size):
    """Least-squares slope (with intercept) of y on x over the last `size` pairs (Kyle's lambda).

    Parameters
    ----------
    x, y : array of int64, shape (n,)
        Held within 2^27 in size, so that the sums are exact.
    size : int
        2 or more.

    Returns
    -------
    ndarray of float64, shape (n,)
        NaN before `size` pairs and where x does not vary.
    """
    cdef const int64_t[::1] a = np.ascontiguousarray(x, np.int64)
    cdef const int64_t[::1] b = np.ascontiguousarray(y, np.int64)
    cdef slope_t s
    cdef Py_ssize_t k
    _at_least("size", size, 2)
    if a.shape[0] != b.shape[0]:
        raise ValueError(f"{a.shape[0]} values of x but {b.shape[0]} of y")
    out = np.full(a.shape[0], np.nan)
    cdef double[::1] slopes = out
    if slope_init(&s, size) != 0:
        slope_free(&s)
        raise MemoryError("no memory for a window")
    for k in range(a.shape[0]):
        slope_push(&s, a[k], b[k])
        if s.count == size:
            slopes[k] = slope_value(&s)
    slope_free(&s)
    return out


def moving_roll(ticks, int size, micro=None, repeats=None):
    """Roll's (1984) spread in ticks over the last `size` trades.

    Parameters
    ----------
    ticks : array of int64, shape (n,)
        Whole ticks of each print.
    size : int
        4 or more trades.
    micro : array of int64, shape (n,), optional
        Millionths of a tick on top, for prices off the grid.
    repeats : array of bool, shape (n,), optional
        Where true, the print replaces the price of the trade before it.

    Returns
    -------
    ndarray of float64, shape (n,)
        2 sqrt(-covariance) with ddof 1, 0 where the covariance is not negative, NaN before
        `size` trades.
    """
    cdef const int64_t[::1] p = np.ascontiguousarray(ticks, np.int64)
    cdef Py_ssize_t n = p.shape[0], k
    cdef const int64_t[::1] m = np.ascontiguousarray(
        np.zeros(n) if micro is None else micro, np.int64)
    cdef const unsigned char[::1] again = np.ascontiguousarray(
        np.zeros(n) if repeats is None else repeats, np.uint8)
    cdef roll_t r
    _at_least("size", size, 4)
    if m.shape[0] != n or again.shape[0] != n:
        raise ValueError("ticks, micro and repeats must be equally long")
    out = np.full(n, np.nan)
    cdef double[::1] spreads = out
    if roll_init(&r, size) != 0:
        roll_free(&r)
        raise MemoryError("no memory for a window")
    for k in range(n):
        if again[k] and r.count > 0:
            roll_replace(&r, p[k], m[k])
        else:
            roll_push(&r, p[k], m[k])
        if r.count == size:
            spreads[k] = roll_value(&r)
    roll_free(&r)
    return out
