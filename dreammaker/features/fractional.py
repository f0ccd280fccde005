"""Fractional differencing with a fixed width (Lopez de Prado 2018, sections 5.4 and 5.5)."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dreammaker._ext import fracdiff as _kernel

MAX_WEIGHTS = 1_000_000
"""A threshold that would keep more weights than this is refused."""


def fracdiff_weights(d: float, threshold: float = 1e-3) -> NDArray[np.float64]:
    """Weights of the difference operator (1 - L)^d.

    ``w_0 = 1, w_k = -w_{k-1} (d - k + 1) / k``, kept up to the first weight smaller in size than
    the threshold, which is left out (Lopez de Prado 2018).

    Parameters
    ----------
    d : float
        Order of differencing, 0 or more and finite; 1 is the plain difference.
    threshold : float
        In (0, 1].

    Returns
    -------
    ndarray of float64, shape (width,)
        Newest first: ``w[k]`` belongs to ``x[t - k]``.

    Raises
    ------
    ValueError
        If a parameter is out of range, or more than a million weights would be kept.

    Examples
    --------
    >>> fracdiff_weights(0.5, 0.05).tolist()
    [1.0, -0.5, -0.125, -0.0625]
    """
    if not 0.0 <= d < 1e6:
        raise ValueError(f"d must be 0 or more and finite, was {d}")
    if not 0.0 < threshold <= 1.0:
        raise ValueError(f"threshold must be in (0, 1], was {threshold}")
    return _kernel.weights(d, threshold, MAX_WEIGHTS)


def fracdiff(x: ArrayLike, d: float, threshold: float = 1e-3) -> NDArray[np.float64]:
    """Fractionally differenced series, ``sum_k w_k x_{t-k}`` over a fixed width.

    Parameters
    ----------
    x : array of float, shape (n,)
    d, threshold : float
        As in `fracdiff_weights`.

    Returns
    -------
    ndarray of float64, shape (n,)
        The first ``width - 1`` entries are NaN. O(n width); the same bits as the pipeline's
        streaming state.

    Raises
    ------
    ValueError
        If `x` is not one-dimensional or a parameter is out of range.

    Examples
    --------
    >>> fracdiff([1.0, 2.0, 4.0], 1.0).tolist()
    [nan, 1.0, 2.0]
    """
    series = np.ascontiguousarray(x, np.float64)
    if series.ndim != 1:
        raise ValueError(f"x must be one-dimensional, had {series.ndim} dimensions")
    return _kernel.convolve(series, fracdiff_weights(d, threshold))
