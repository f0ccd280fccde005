"""RSI, MACD and Bollinger's %B over a whole series, by the states that the pipeline uses."""
from libc.stdint cimport int64_t

import numpy as np


def rsi(closes, int period=14):
    """Wilder's relative strength index.

    Parameters
    ----------
    closes : array of float64, shape (n,)
    period : int
        2 or more.

    Returns
    -------
    ndarray of float64, shape (n,)
        NaN before `period` changes; 50 where nothing moved; 100 without losses (Wilder, 1978).
    """
    cdef const double[::1] x = np.ascontiguousarray(closes, np.float64)
    cdef rsi_t s
    cdef Py_ssize_t k
    if period < 2:
        raise ValueError(f"period must be 2 or more, was {period}")
    out = np.empty(x.shape[0])
    cdef double[::1] values = out
    rsi_init(&s, period)
    for k in range(x.shape[0]):
        rsi_push(&s, x[k])
        values[k] = rsi_value(&s)
    return out


def macd(closes, int fast=12, int slow=26, int signal=9):
    """MACD line and its signal line, averages seeded with the first value.

    Parameters
    ----------
    closes : array of float64, shape (n,)
    fast, slow, signal : int
        Spans: 1 <= fast < slow, 1 <= signal.

    Returns
    -------
    tuple of ndarray of float64, shape (n,)
        Line (from the first close) and signal (NaN before ``slow + signal - 1`` closes).
    """
    cdef const double[::1] x = np.ascontiguousarray(closes, np.float64)
    cdef macd_t s
    cdef Py_ssize_t k
    if not (1 <= fast < slow and signal >= 1):
        raise ValueError(f"spans must be 1 <= fast < slow and signal >= 1, were {fast}, {slow}, "
                         f"{signal}")
    line_out = np.empty(x.shape[0])
    signal_out = np.empty(x.shape[0])
    cdef double[::1] lines = line_out
    cdef double[::1] signals = signal_out
    macd_init(&s, fast, slow, signal)
    for k in range(x.shape[0]):
        macd_push(&s, x[k])
        lines[k] = macd_line(&s)
        signals[k] = macd_signal(&s)
    return line_out, signal_out


def bollinger_position(closes, int size=20, double width=2.0):
    """Bollinger's %B of integer closes: 0 at the lower band, 1 at the upper.

    Parameters
    ----------
    closes : array of int64, shape (n,)
        Whole units from any origin, below 2^23 in size (half ticks, for example).
    size : int
        Closes in the average, 2 to 100.
    width : float
        Population deviations from the average to each band, above 0.

    Returns
    -------
    ndarray of float64, shape (n,)
        NaN before `size` closes, 0.5 where nothing moved.
    """
    cdef const int64_t[::1] x = np.ascontiguousarray(closes, np.int64)
    cdef bollinger_t s
    cdef Py_ssize_t k
    if not 2 <= size <= 100:
        raise ValueError(f"size must be 2 to 100, was {size}")
    if not width > 0.0:
        raise ValueError(f"width must be above 0, was {width}")
    out = np.empty(x.shape[0])
    cdef double[::1] values = out
    if bollinger_init(&s, size, width) != 0:
        raise MemoryError("no memory for a window")
    for k in range(x.shape[0]):
        bollinger_push(&s, x[k])
        values[k] = bollinger_value(&s)
    bollinger_free(&s)
    return out
