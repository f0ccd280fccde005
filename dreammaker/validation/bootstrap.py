"""Confidence intervals by the stationary block bootstrap (Politis and Romano 1994).

Blocks of geometric length keep the dependence between neighbouring periods, which an ordinary
bootstrap destroys: on trending profits it would give intervals that are too narrow.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import ceil, floor, isnan, log10, nan, sqrt

import numpy as np

from dreammaker.validation import _checks
from dreammaker.validation._checks import Floats, Ints

LEAST_OBSERVATIONS = 5
"""Below this many observations no interval is given: its ends are NaN."""

_AT_ONCE = 1 << 20


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure that does not stand alone.

    Attributes
    ----------
    value : float
        The figure; NaN where it is undefined (too few observations, a zero denominator).
    ci : tuple of float
        Lower and upper end of the percentile interval; NaN below five observations, or where the
        figure is undefined in more than half of the resamples.
    n : int
        Observations.
    confidence : float
        Of the two-sided interval.
    undefined : float
        Share of resamples in which the figure was undefined; the interval leaves them out.
    """

    value: float
    ci: tuple[float, float]
    n: int
    confidence: float = 0.95
    undefined: float = 0.0


def optimal_block_length(x: Floats) -> float:
    """Mean block length for the stationary bootstrap of a mean.

    Politis and White (2004), with the correction of Patton, Politis and White (2009): a flat-top
    window over the autocovariances up to twice the lag beyond which none is significant.

    Parameters
    ----------
    x : array of float, shape (n,)

    Returns
    -------
    float
        Between 1 and ``min(3 sqrt(n), n / 3)``; 1 for a constant or for fewer than five values.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> optimal_block_length(rng.standard_normal(2000)) < 4.0
    True
    """
    n = x.size
    if n < LEAST_OBSERVATIONS or bool((x == x[0]).all()):
        return 1.0
    quiet = max(5, ceil(log10(n)))
    reach = min(ceil(sqrt(n)) + quiet, n - 1)
    centred = x - x.mean()
    covariance = np.array([float(centred[:n - k] @ centred[k:]) for k in range(reach + 1)]) / n
    significant = np.abs(covariance[1:] / covariance[0]) >= 2.0 * sqrt(log10(n) / n)
    run = 0
    last = int(np.flatnonzero(significant)[-1]) + 1 if significant.any() else 0
    for k, above in enumerate(significant, 1):
        run = 0 if above else run + 1
        if run == quiet:
            last = k - quiet
            break
    window = min(2 * max(last, 1), reach)
    lags = np.arange(1, window + 1)
    share = lags / window
    weight = np.where(share <= 0.5, 1.0, 2.0 * (1.0 - share))
    slope = 2.0 * float((weight * lags) @ covariance[1:window + 1])
    spectrum = covariance[0] + 2.0 * float(weight @ covariance[1:window + 1])
    if spectrum == 0.0:
        return 1.0
    # Politis and White's D is 2 g(0)^2 with g(0) the long-run variance.
    length = (slope * slope / (spectrum * spectrum) * n) ** (1.0 / 3.0)
    return float(min(max(length, 1.0), max(1.0, min(ceil(3.0 * sqrt(n)), n / 3.0))))


def bootstrap_indices(n: int, block: float, count: int, rng: np.random.Generator) -> Ints:
    """Row numbers of stationary bootstrap resamples.

    Parameters
    ----------
    n : int
        Observations.
    block : float
        Mean block length, 1 or more; 1 is the ordinary bootstrap.
    count : int
        Resamples.
    rng : numpy.random.Generator

    Returns
    -------
    ndarray of int64, shape (count, n)
        Blocks run round from the last observation to the first.

    Examples
    --------
    >>> bootstrap_indices(6, 1e9, 1, np.random.default_rng(0)).tolist()
    [[5, 0, 1, 2, 3, 4]]
    """
    if _checks.number("block", block) < 1.0:
        raise ValueError(f"block must be 1 or more, was {block}")
    starts = rng.integers(0, n, size=(count, n))
    fresh = rng.random((count, n)) < 1.0 / block
    steps = np.arange(n)
    origin = np.maximum.accumulate(np.where(fresh, steps, 0), axis=1)
    rows: Ints = (np.take_along_axis(starts, origin, axis=1) + steps - origin) % n
    return rows


def interval(draws: Floats, confidence: float) -> tuple[tuple[float, float], float]:
    """Percentile interval of bootstrap draws, and the share of undefined (NaN) draws.

    Parameters
    ----------
    draws : array of float, shape (resamples,)
    confidence : float
        Between 0 and 1, two-sided.

    Returns
    -------
    tuple
        ``((low, high), undefined)``.
    """
    known = draws[~np.isnan(draws)]
    undefined = 1.0 - known.size / draws.size if draws.size else 1.0
    if undefined > 0.5:
        return (nan, nan), undefined
    tail = 0.5 * (1.0 - confidence)
    ordered = np.sort(known)
    # The ends are draws themselves, counted from outside: never narrower than asked.
    at = floor(tail * (ordered.size - 1) + 1e-9)
    return (float(ordered[at]), float(ordered[ordered.size - 1 - at])), undefined


def resampled(x: Floats, block: float, count: int, rng: np.random.Generator) -> Iterator[Floats]:
    """Resamples in batches of shape (some, n), so that memory stays bounded."""
    n = x.shape[-1]
    batch = max(1, _AT_ONCE // max(1, n))
    for begin in range(0, count, batch):
        yield x[bootstrap_indices(n, block, min(batch, count - begin), rng)]


def bootstrap(metric: Callable[[Floats], Floats], x: Floats, rng: np.random.Generator, *,
              confidence: float = 0.95, resamples: int = 1000,
              block: float | None = None) -> Estimate:
    """A metric with its stationary block bootstrap interval.

    Parameters
    ----------
    metric : callable
        From an array of shape (..., n) to one of shape (...); NaN where it is undefined.
    x : array of float, shape (n,)
        Finite values, one a period.
    rng : numpy.random.Generator
        The same state gives the same interval.
    confidence : float
        Two-sided, between 0 and 1.
    resamples : int
    block : float, optional
        Mean block length; by `optimal_block_length` if absent.

    Returns
    -------
    Estimate

    Raises
    ------
    ValueError
        If `x` holds a value that is not finite, or a parameter is out of range.

    Examples
    --------
    >>> rng = np.random.default_rng(7)
    >>> mean = bootstrap(lambda r: r.mean(axis=-1), rng.standard_normal(400), rng)
    >>> mean.ci[0] < mean.value < mean.ci[1]
    True
    """
    series = _checks.series("x", x)
    rng = _checks.generator(rng)
    confidence = _checks.probability("confidence", confidence)
    resamples = _checks.count("resamples", resamples)
    value = float(metric(series)) if series.size else nan
    if series.size < LEAST_OBSERVATIONS or isnan(value):
        return Estimate(value, (nan, nan), series.size, confidence, 1.0)
    length = optimal_block_length(series) if block is None else block
    draws = np.concatenate([np.atleast_1d(metric(sample))
                            for sample in resampled(series, length, resamples, rng)])
    ci, undefined = interval(draws, confidence)
    return Estimate(value, ci, series.size, confidence, undefined)
