"""Calibration of the fill rate ``A exp(-k distance)`` that the quoting models use."""

from dataclasses import dataclass
from math import exp, log, sqrt

import numpy as np
from numpy.typing import ArrayLike

from dreammaker.stochastic._checks import (
    Floats,
    not_negative_vector,
    positive,
    positive_vector,
    same_length,
    vector,
)

_MAX_STEPS = 100


@dataclass(frozen=True, slots=True)
class FillIntensity:
    """A fitted rate ``intensity x exp(-decay x distance)``.

    Parameters
    ----------
    intensity : float
        A, per unit of time.
    decay : float
        k, per point.
    intensity_se, decay_se : float
        Standard errors (of A by the delta method).
    log_likelihood : float
        Poisson, without the factorials.
    deviance : float
        Twice the log-likelihood lost against one free rate a distance; under the model
        chi-squared with `freedom` degrees.
    freedom : int
    """

    intensity: float
    decay: float
    intensity_se: float
    decay_se: float
    log_likelihood: float
    deviance: float
    freedom: int

    def rate(self, distance: float) -> float:
        """Fills per unit of time of a quote at a distance (points)."""
        return self.intensity * exp(-self.decay * distance)


def fit_fill_intensity(distances: ArrayLike, fill_counts: ArrayLike,
                       exposures: ArrayLike) -> FillIntensity:
    """Poisson maximum likelihood from fills of quotes at several distances.

    Parameters
    ----------
    distances : array_like of shape (n,)
        Points from the mid, two different ones or more.
    fill_counts : array_like of shape (n,)
        Fills at each, independent of one another.
    exposures : array_like of shape (n,)
        Time the quotes stood there, above 0.

    Returns
    -------
    FillIntensity

    Raises
    ------
    ValueError
        If the data are out of range, or fills occur at no more than one distance.

    Notes
    -----
    Unlike a line through log rates it uses distances without a fill and weighs the others rightly.

    Examples
    --------
    >>> fit = fit_fill_intensity([0.0, 1.0], [200, 100], [10.0, 10.0])
    >>> round(fit.intensity, 6), round(fit.decay, 6)
    (20.0, 0.693147)
    """
    x = vector("distances", distances, 2)
    n = not_negative_vector("fill_counts", fill_counts)
    time = positive_vector("exposures", exposures)
    same_length("distances", x, "fill_counts", n)
    same_length("distances", x, "exposures", time)
    if len(np.unique(x[n > 0])) < 2:
        raise ValueError("fill_counts must be above 0 at two distances or more, were at "
                         f"{len(np.unique(x[n > 0]))}")
    centre = float((x * n).sum() / n.sum())
    z = x - centre
    level, decay = _newton(z, n, time)
    mean = time * np.exp(level - decay * z)
    covariance = np.linalg.inv(np.array([[mean.sum(), -(mean * z).sum()],
                                         [-(mean * z).sum(), (mean * z * z).sum()]]))
    # ln A = level + decay centre.
    variance = covariance[0, 0] + 2 * centre * covariance[0, 1] + centre ** 2 * covariance[1, 1]
    intensity = exp(level + decay * centre)
    safe = np.where(n > 0, n, 1.0)
    deviance = 2.0 * float((n * np.log(safe / mean) - (n - mean)).sum())
    return FillIntensity(intensity, decay, intensity * sqrt(float(variance)),
                         sqrt(float(covariance[1, 1])),
                         float((n * np.log(mean) - mean).sum()), deviance, len(x) - 2)


def _newton(z: Floats, n: Floats, time: Floats) -> tuple[float, float]:
    """Maximum of the concave log-likelihood in (ln A at z = 0, k), steps halved at need."""
    def likelihood(level: float, decay: float) -> float:
        rate = level - decay * z
        return float((n * rate - time * np.exp(np.minimum(rate, 700.0))).sum())

    level, decay = log(n.sum() / time.sum()), 0.0
    value, reach = likelihood(level, decay), float(np.abs(z).max())
    for _ in range(_MAX_STEPS):
        mean = time * np.exp(np.minimum(level - decay * z, 700.0))
        gradient = np.array([(n - mean).sum(), -((n - mean) * z).sum()])
        curvature = np.array([[mean.sum(), -(mean * z).sum()],
                              [-(mean * z).sum(), (mean * z * z).sum()]])
        step = np.linalg.solve(curvature, gradient)
        size = abs(float(step[0])) + abs(float(step[1])) * reach
        # Near the optimum rounding hides any gain; there the full step is right.
        while size > 1e-6 and not likelihood(level + step[0], decay + step[1]) > value:
            step, size = 0.5 * step, 0.5 * size
        level, decay = level + float(step[0]), decay + float(step[1])
        value = likelihood(level, decay)
        if size < 1e-12:
            return level, decay
    raise ValueError("fill_counts do not determine a rate: Newton's method found no optimum in "
                     f"{_MAX_STEPS} steps")


def fit_trade_reach(reaches: ArrayLike, duration: float, step: float) -> FillIntensity:
    """Calibrate from how far trades reach into the book: one side's trades, or both added.

    A quote at distance d is taken to be filled by every trade that reaches d or beyond, so with an
    exponential law the reach beyond the nearest cell is geometric on a grid of ``step``.

    Parameters
    ----------
    reaches : array_like of shape (n,)
        Distance of each market order's worst price from the mid before it, in points (0 or more;
        `SpreadDecomposition.reach`).
    duration : float
        Time over which they came, above 0.
    step : float
        Width of a cell, points: half a tick for mids between ticks.

    Returns
    -------
    FillIntensity
        Maximum likelihood: cells are independent Poisson counts with mean
        ``A duration (e^{-k d_i} - e^{-k d_{i+1}})``; the deviance compares with one free rate a
        cell, cells of small expectation (below 5) pooled at the end.

    Raises
    ------
    ValueError
        If the data are out of range or all lie in one cell.

    Examples
    --------
    >>> fit = fit_trade_reach([0.5, 0.5, 1.0, 1.5], 2.0, 0.5)
    >>> round(fit.rate(0.5), 6), round(fit.decay, 6)
    (2.0, 1.694596)
    """
    d = not_negative_vector("reaches", reaches, 2)
    total = positive("duration", duration)
    width = positive("step", step)
    cells = np.floor(d / width + 1e-9).astype(np.int64)
    first = int(cells.min())
    over = float((cells - first).sum())
    if over == 0.0:
        raise ValueError(f"reaches must fall into two cells of {width:g} or more, fell into one")
    n = len(d)
    stay = over / (over + n)
    decay = -log(stay) / width
    # Information of the geometric law: n / (p^2 (1-p)) for p = 1 - stay.
    leave = 1.0 - stay
    stay_se = leave * sqrt(stay / n)
    decay_se = stay_se / (stay * width)
    nearest = n / total
    intensity = nearest * exp(decay * first * width)
    # ln A = ln(n / T) + k d_first, the two terms independent.
    intensity_se = intensity * sqrt(1.0 / n + (first * width * decay_se) ** 2)
    counts = np.bincount(cells - first).astype(np.float64)
    mean = n * leave * np.power(stay, np.arange(len(counts), dtype=np.float64))
    likelihood = float((counts * np.log(mean)).sum()) - n
    seen, expected = _pooled(counts, mean, n)
    safe = np.where(seen > 0, seen, 1.0)
    deviance = 2.0 * float((seen * np.log(safe / expected) - (seen - expected)).sum())
    return FillIntensity(intensity, decay, intensity_se, decay_se, likelihood, deviance,
                         max(len(seen) - 2, 0))


def _pooled(counts: Floats, mean: Floats, total: int) -> tuple[Floats, Floats]:
    # The last cell takes everything beyond, so that both add up to the total.
    keep = max(int((mean >= 5.0).sum()), 1)
    seen, expected = counts[:keep].copy(), mean[:keep].copy()
    seen[-1] += counts[keep:].sum()
    expected[-1] = total - expected[:-1].sum()
    return seen, expected
