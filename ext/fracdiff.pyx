"""Fractional differencing with a fixed width, directly."""
import numpy as np


def weights(double d, double threshold, int limit=1_000_000):
    """Weights of (1 - L)^d up to the first that is smaller than `threshold`.

    Parameters
    ----------
    d : float
        Order of differencing, finite.
    threshold : float
        Above 0.
    limit : int
        Most weights.

    Returns
    -------
    ndarray of float64, shape (width,)
    """
    cdef int width
    if not -1e6 < d < 1e6:
        raise ValueError(f"d must be finite, was {d}")
    if not threshold > 0.0:
        raise ValueError(f"threshold must be above 0, was {threshold}")
    width = fracdiff_width(d, threshold, limit)
    if width < 0:
        raise ValueError(f"more than {limit} weights are at or above the threshold {threshold}")
    out = np.empty(width)
    cdef double[::1] w = out
    if width:
        fracdiff_fill(&w[0], width, d)
    return out


def convolve(x, weights):
    """sum_k w_k x_{t-k} at every t; NaN before the window is full.

    Parameters
    ----------
    x : array of float64, shape (n,)
    weights : array of float64, shape (width,)
        At least one.

    Returns
    -------
    ndarray of float64, shape (n,)
        The first width - 1 are NaN. O(n width), and the same bits as the streaming state.
    """
    cdef const double[::1] series = np.ascontiguousarray(x, np.float64)
    cdef const double[::1] w = np.ascontiguousarray(weights, np.float64)
    cdef int width = <int>w.shape[0]
    cdef Py_ssize_t k
    if width < 1:
        raise ValueError("weights must not be empty")
    out = np.full(series.shape[0], np.nan)
    cdef double[::1] values = out
    with nogil:
        for k in range(width - 1, series.shape[0]):
            values[k] = fracdiff_dot(&w[0], width, &series[k])
    return out
