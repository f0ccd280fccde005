"""Whole lots that sum exactly, and times that stay in order: what every schedule is made of.

Only + - * / and comparisons are used, one after the other, so schedules have the same bits on
every machine.
"""

from collections.abc import Sequence
from math import isfinite
from operator import index
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Lots = NDArray[np.int64]


def whole_lots(lots: int, weights: Sequence[float]) -> Lots:
    """Split lots in proportion to weights by cumulative rounding.

    Slice j is ``round(X W_j / W) - round(X W_{j-1} / W)``, W_j being the sum of the first j
    weights: no slice is a lot away from its share by more than the rounding of its two ends, none
    is negative, and the sum is exact. Half lots round to even, as Python's ``round``.

    Parameters
    ----------
    lots : int
        X, 0 or more.
    weights : sequence of float
        0 or more, not all 0.

    Returns
    -------
    ndarray of int64, shape (n,)

    Raises
    ------
    ValueError
        If a parameter is out of range.

    Examples
    --------
    >>> whole_lots(103, [0.3, 0.15, 0.1, 0.15, 0.3]).tolist()
    [31, 15, 11, 15, 31]
    """
    total_lots = whole("lots", lots, 0)
    reached, sums = 0.0, []
    for weight in checked_weights("weights", weights):
        reached += weight
        sums.append(reached)
    if not 0.0 < reached < float("inf"):
        raise ValueError("weights must not all be 0 and must have a finite sum, "
                         f"added up to {reached:g}")
    ends = [0, *(min(round(total_lots * part / reached), total_lots) for part in sums[:-1]),
            total_lots]
    # Whatever rounding does to a huge product, no slice is negative.
    for j in range(1, len(ends)):
        ends[j] = max(ends[j], ends[j - 1])
    return differences(ends)


def differences(values: Sequence[int]) -> Lots:
    """Each value less the one before it, int64, one entry fewer."""
    read = np.array(values, dtype=np.int64)
    return np.subtract(read[1:], read[:-1])


def jittered(weights: Sequence[float], jitter: float, rng: np.random.Generator) -> list[float]:
    """Weights times a uniform draw from [1 - jitter, 1 + jitter], one draw each.

    Parameters
    ----------
    weights : sequence of float
        0 or more.
    jitter : float
        In [0, 1); 0 draws nothing.
    rng : numpy.random.Generator

    Returns
    -------
    list of float
    """
    read = checked_weights("weights", weights)
    size = fraction("size_jitter", jitter)
    if size == 0.0:
        return read
    return [weight * (1.0 + size * (2.0 * float(rng.random()) - 1.0)) for weight in read]


def slice_times_ns(start_ns: int, end_ns: int, count: int, jitter: float = 0.0,
                   rng: np.random.Generator | None = None) -> Lots:
    """Beginnings of slices of even length, each moved later within its own slice.

    Parameters
    ----------
    start_ns, end_ns : int
        The parent's time, at least ``count`` ns long.
    count : int
        Slices.
    jitter : float
        In [0, 1): the largest delay as a share of a slice's length.
    rng : numpy.random.Generator, optional
        Needed where there is jitter.

    Returns
    -------
    ndarray of int64, shape (count,)
        Rising strictly, the first at or after the start, the last before the end.

    Raises
    ------
    ValueError
        If a parameter is out of range.

    Examples
    --------
    >>> slice_times_ns(0, 10, 4).tolist()
    [0, 2, 5, 7]
    """
    n, size = whole("count", count), fraction("time_jitter", jitter)
    if end_ns - start_ns < n:
        raise ValueError(f"end_ns must be at least count = {n} ns after start_ns, was "
                         f"{end_ns - start_ns} ns after it")
    edges = [start_ns + (end_ns - start_ns) * j // n for j in range(n + 1)]
    if size > 0.0:
        if rng is None:
            raise ValueError("rng must be given where time_jitter is above 0, was None")
        return np.array([edges[j] + int(size * float(rng.random()) * (edges[j + 1] - edges[j]))
                         for j in range(n)], dtype=np.int64)
    return np.array(edges[:-1], dtype=np.int64)


def checked_weights(name: str, weights: Sequence[float] | ArrayLike) -> list[float]:
    """Weights as finite floats of 0 or more, at least one."""
    try:
        read = np.asarray(weights, dtype=np.float64)
    except (TypeError, ValueError):
        raise ValueError(f"{name} must be a vector of numbers, was {weights!r}") from None
    if read.ndim != 1 or not len(read):
        raise ValueError(f"{name} must be a vector of one number or more, had shape {read.shape}")
    values: list[float] = read.tolist()
    for j, value in enumerate(values):
        if not (isfinite(value) and value >= 0.0):
            raise ValueError(f"{name} must be finite and 0 or more, was {value} at index {j}")
    return values


def whole(name: str, value: Any, least: int = 1) -> int:
    """A whole number of ``least`` or more."""
    try:
        read = index(value)
    except TypeError:
        raise ValueError(f"{name} must be a whole number, was {value!r}") from None
    if isinstance(value, bool) or read < least:
        raise ValueError(f"{name} must be a whole number of {least} or more, was {value!r}")
    return read


def fraction(name: str, value: float) -> float:
    """A number in [0, 1)."""
    if not 0.0 <= value < 1.0:
        raise ValueError(f"{name} must be in [0, 1), was {value}")
    return float(value)
