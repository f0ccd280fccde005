"""Sample weights for labels that overlap (AFML chapter 4).

Labels are spans over instants. Where the instants are not given they are every integer between the
first start and the last end for spans of row numbers, and the labels' own starts for spans of
time: between two starts nothing new happens.
"""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dreammaker._ext.uniqueness import SequentialSampler, covered, span_sums
from dreammaker.domain.errors import InputError
from dreammaker.models.label_set import Labels
from dreammaker.models.label_spans import number

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_TRIALS = 8192
_MOST_INTEGERS = 1 << 27


def label_concurrency(labels: Labels | Any, instants: ArrayLike | None = None) -> Ints:
    """How many labels cover each instant (AFML 4.3).

    Parameters
    ----------
    labels : Labels, Series of ends indexed by starts, pair of arrays, or array of shape (n, 2)
        Spans, both ends included.
    instants : array_like, optional
        Ascending; see the module.

    Returns
    -------
    int64 array, shape (instants,)

    Examples
    --------
    >>> label_concurrency([(0, 2), (2, 3), (4, 5)]).tolist()
    [1, 1, 2, 1, 1, 1]
    """
    lo, hi, count = _cover(labels, instants)
    return covered(lo, hi, count)


def average_uniqueness(labels: Labels | Any, instants: ArrayLike | None = None) -> Floats:
    """Mean over each label's instants of one over the labels that share them (AFML 4.4).

    Parameters
    ----------
    labels, instants
        As for `label_concurrency`.

    Returns
    -------
    float64 array, shape (n,), in (0, 1]

    Raises
    ------
    InputError
        If there is no label, an end lies before its start, or a label covers no instant.

    Examples
    --------
    >>> average_uniqueness([(0, 2), (2, 3), (4, 5)]).round(6).tolist()
    [0.833333, 0.75, 1.0]
    """
    lo, hi, count = _cover(labels, instants)
    shared = covered(lo, hi, count)
    return span_sums(1.0 / np.maximum(shared, 1), lo, hi) / (hi - lo + 1)


def sequential_probabilities(labels: Labels | Any, drawn: ArrayLike,
                             instants: ArrayLike | None = None) -> Floats:
    """Probability of each label to be drawn next, given those drawn (AFML 4.5.1).

    Parameters
    ----------
    labels, instants
        As for `label_concurrency`.
    drawn : array_like of int
        Row numbers of the labels drawn so far, with repetition.

    Examples
    --------
    >>> (sequential_probabilities([(0, 2), (2, 3), (4, 5)], [1]) * 14).round(9).tolist()
    [5.0, 3.0, 6.0]
    """
    sampler = SequentialSampler(*_cover(labels, instants))
    rows = np.asarray(drawn)
    if rows.size and (rows.dtype.kind not in "iu" or rows.min() < 0
                      or rows.max() >= sampler.weights().size):
        raise InputError("drawn must hold row numbers of the labels, 0 to "
                         f"{sampler.weights().size - 1}")
    for label in rows.ravel():
        sampler.take(int(label))
    weights = sampler.weights()
    return np.asarray(weights / weights.sum())


def sequential_bootstrap(labels: Labels | Any, rng: np.random.Generator,
                         size: int | None = None, instants: ArrayLike | None = None) -> Ints:
    """Draw labels with repetition, each in proportion to its uniqueness given those drawn.

    Exact (no approximation of AFML 4.5.2's probabilities), by rejection under falling bounds:
    about O(log n) and the label's own length a draw.

    Parameters
    ----------
    labels, instants
        As for `label_concurrency`.
    rng : numpy.random.Generator
        Uniforms are taken from it in blocks of 8192 pairs.
    size : int, optional
        Draws; as many as there are labels where not given.

    Returns
    -------
    int64 array, shape (size,)
        Row numbers of the labels.

    Examples
    --------
    >>> sequential_bootstrap([(0, 2), (2, 3), (4, 5)], np.random.default_rng(1), 4).tolist()
    [1, 0, 2, 1]
    """
    if not isinstance(rng, np.random.Generator):
        raise InputError(f"rng must be a numpy.random.Generator, was {rng!r}")
    lo, hi, count = _cover(labels, instants)
    size = len(lo) if size is None else size
    if isinstance(size, bool) or not isinstance(size, int | np.integer) or size < 1:
        raise InputError(f"size must be a whole number of 1 or more, was {size!r}")
    sampler = SequentialSampler(lo, hi, count)
    parts: list[Ints] = []
    missing = int(size)
    while missing:
        parts.append(sampler.draw(rng.random((_TRIALS, 2)), missing))
        missing -= len(parts[-1])
    return np.concatenate(parts)


def return_attribution(labels: Labels | Any, returns: ArrayLike,
                       instants: ArrayLike | None = None) -> Floats:
    """Weights by the absolute return that a label can claim as its own (AFML 4.6).

    ``abs(sum of r_t / c_t over the label's instants)``, scaled to a mean of 1.

    Parameters
    ----------
    labels, instants
        As for `label_concurrency`.
    returns : array_like of shape (instants,)
        Log return up to each instant from the one before.

    Returns
    -------
    float64 array, shape (n,)
        All 1 where no label has a return.

    Examples
    --------
    >>> return_attribution([(0, 1), (1, 2)], [0.1, 0.2, -0.4]).round(6).tolist()
    [0.8, 1.2]
    """
    claims = claimed_returns(labels, returns, instants)
    total = claims.sum()
    return claims * (len(claims) / total) if total > 0.0 else np.ones(len(claims))


def claimed_returns(labels: Labels | Any, returns: ArrayLike,
                    instants: ArrayLike | None = None) -> Floats:
    """`return_attribution` before it is scaled: a label's figure knows of no later label.

    Parameters
    ----------
    labels, returns, instants
        As for `return_attribution`.

    Returns
    -------
    float64 array, shape (n,)
        0 or more.

    Examples
    --------
    >>> claimed_returns([(0, 1), (1, 2)], [0.1, 0.2, -0.4]).round(6).tolist()
    [0.2, 0.3]
    """
    lo, hi, count = _cover(labels, instants)
    try:
        moves = np.asarray(returns, np.float64)
    except (TypeError, ValueError):
        raise InputError(f"returns must hold numbers, was {type(returns).__name__}") from None
    if moves.shape != (count,) or not np.isfinite(moves).all():
        raise InputError(f"returns must hold one finite number an instant, {count}, had shape "
                         f"{moves.shape}")
    return np.abs(span_sums(moves / np.maximum(covered(lo, hi, count), 1), lo, hi))


def time_decay(uniqueness: ArrayLike, oldest: float = 1.0) -> Floats:
    """Factors that fall with age, measured in uniqueness (AFML 4.7).

    Parameters
    ----------
    uniqueness : array_like of shape (n,)
        Average uniqueness of the labels in order of time, 0 or more, not all 0.
    oldest : float
        In (-1, 1]. 1 no decay; from 0 on the factor that age 0 would have; below 0 the share of
        the oldest uniqueness that gets factor 0.

    Returns
    -------
    float64 array, shape (n,)
        The newest label has 1.

    Examples
    --------
    >>> time_decay([1, 1, 1, 1], 0.0).tolist(), time_decay([1, 1, 1, 1], -0.5).tolist()
    ([0.25, 0.5, 0.75, 1.0], [0.0, 0.0, 0.5, 1.0])
    """
    if not -1.0 < number("oldest", oldest) <= 1.0:
        raise InputError(f"oldest must be above -1 and at most 1, was {oldest!r}")
    values = np.asarray(uniqueness, np.float64)
    if values.ndim != 1 or not np.isfinite(values).all() or np.any(values < 0.0):
        raise InputError("uniqueness must hold finite numbers of 0 or more in one dimension")
    age = np.cumsum(values)
    if not len(age) or age[-1] <= 0.0:
        raise InputError("uniqueness must have a sum above 0")
    slope = (1.0 - oldest) / age[-1] if oldest >= 0.0 else 1.0 / ((oldest + 1.0) * age[-1])
    return np.asarray(np.maximum(1.0 + slope * (age - age[-1]), 0.0))


def _cover(labels: Any, instants: ArrayLike | None) -> tuple[Ints, Ints, int]:
    """First and last instant of every label, and the number of instants."""
    start, end, is_time = _spans(labels)
    if not len(start):
        raise InputError("labels must not be empty")
    early = np.flatnonzero(end < start)
    if early.size:
        raise InputError(f"labels must not end before they start, but label {early[0]} does")
    if instants is None:
        if not is_time:
            first, last = int(start.min()), int(end.max())
            if last - first < _MOST_INTEGERS:
                return start - first, end - first, last - first + 1
        at = np.unique(start)
    else:
        at = _integers("instants", instants)
        if np.any(np.diff(at) <= 0):
            raise InputError("instants must be ascending")
    lo = np.searchsorted(at, start, "left").astype(np.int64)
    hi = np.searchsorted(at, end, "right").astype(np.int64) - 1
    bare = np.flatnonzero(hi < lo)
    if bare.size:
        raise InputError(f"label {bare[0]} covers none of the instants")
    return lo, hi, len(at)


def _spans(labels: Any) -> tuple[Ints, Ints, bool]:
    if isinstance(labels, Labels):
        return labels.start, labels.end, labels.is_time
    if hasattr(labels, "iloc") and hasattr(labels, "index") and not hasattr(labels, "columns"):
        return (*_pair(labels.index, labels), _is_time(labels))
    if isinstance(labels, tuple) and len(labels) == 2:
        return (*_pair(*labels), _is_time(labels[0]))
    array = np.asarray(labels)
    if array.size == 0:
        return np.empty(0, np.int64), np.empty(0, np.int64), False
    if array.ndim != 2 or array.shape[1] != 2:
        raise InputError("labels must be Labels, a Series of ends indexed by starts, a pair of "
                         f"arrays or an array of shape (n, 2), had shape {array.shape}")
    return (*_pair(array[:, 0], array[:, 1]), _is_time(array))


def _pair(start: Any, end: Any) -> tuple[Ints, Ints]:
    first, last = _integers("label starts", start), _integers("label ends", end)
    if len(first) != len(last):
        raise InputError(f"labels must have as many ends as starts, {len(first)}, "
                         f"had {len(last)}")
    return first, last


def _is_time(values: Any) -> bool:
    kind = getattr(getattr(values, "dtype", None), "kind", "")
    return kind == "M" or getattr(getattr(values, "dtype", None), "tz", None) is not None


def _integers(name: str, values: Any) -> Ints:
    aware = getattr(getattr(values, "dtype", None), "tz", None) is not None
    array = np.asarray(values, "datetime64[ns]" if aware else None)
    if array.dtype.kind == "M" and not np.isnat(array).any():
        array = array.astype("datetime64[ns]").view(np.int64)
    if array.ndim != 1 or (array.dtype.kind not in "iu" and array.size):
        raise InputError(f"{name} must hold times or integers in one dimension, held "
                         f"{array.dtype} of shape {array.shape}")
    return np.ascontiguousarray(array, np.int64)
