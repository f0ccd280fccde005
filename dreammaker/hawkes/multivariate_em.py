"""Expectation-maximisation for multivariate exponential Hawkes processes."""

import numpy as np
from numpy.typing import NDArray

from dreammaker._ext import hawkes_branching as kernel
from dreammaker.hawkes.multivariate_sample import Fitted, Point, Sample

Floats = NDArray[np.float64]

TOLERANCE = 1e-11
FLOOR = 1e-12


def expectation_maximisation(sample: Sample, start: Point, shared: bool, limit: int) -> Fitted:
    """Sweeps until the likelihood rises by less than 1e-11 of itself over three of them.

    Every third sweep starts from an extrapolation of the two before it (SQUAREM: Varadhan and
    Roland 2008), which is taken back unless the likelihood is higher there.

    Parameters
    ----------
    sample : Sample
        Without initial excitation.
    start : Point
        Its jumps of 0 stay 0.
    shared : bool
        One decay for all pairs.
    limit : int
        Sweeps at most.

    Returns
    -------
    Fitted
    """
    x = _logs(Point(np.maximum(start.mu, FLOOR), start.alpha, start.beta))
    x[:] = np.maximum(x, np.log(FLOOR))
    value, first = sweep(sample, x, shared)
    used, message, converged = 1, f"stopped after {limit} sweeps", False
    while used < limit:
        one_value, second = sweep(sample, first, shared)
        rise, bend = first - x, (second - first) - (first - x)
        size = float(np.linalg.norm(bend))
        length = max(1.0, float(np.linalg.norm(rise)) / size) if size > 0.0 else 1.0
        jumped = np.clip(x + 2.0 * length * rise + length * length * bend, np.log(FLOOR), 100.0)
        new_value, new = sweep(sample, jumped, shared)
        used += 2
        if not (np.isfinite(new_value) and new_value >= one_value):
            jumped = second
            new_value, new = sweep(sample, jumped, shared)
            used += 1
        gained = new_value - value
        x, value, first = jumped, new_value, new
        if gained <= TOLERANCE * abs(value):
            converged, message = True, "converged: sweeps no longer raise the likelihood"
            break
    return Fitted(_point(x, sample.d), value, used, converged, message)


def sweep(sample: Sample, x: Floats, shared: bool) -> tuple[float, Floats]:
    """Log-likelihood at `x` (logarithms of mu, alpha / beta, beta) and the next estimates.

    Each of the three blocks is maximised with the others at their newest values, and the edge
    correction of the decays is a tangent from below: the likelihood cannot fall.
    """
    d, at = sample.d, _point(x, sample.d)
    background, triggered, lag = np.empty(d), np.empty((d, d)), np.empty((d, d))
    alive, aged = np.empty((d, d)), np.empty((d, d))
    total = kernel.em_sweep(sample.times, sample.marks, sample.T, at.mu, at.alpha, at.beta,
                            background, triggered, lag, alive, aged)
    reach = sample.counts - alive
    value = total - float(at.mu.sum()) * sample.T - float((at.alpha / at.beta * reach).sum())
    growth = np.maximum(triggered / np.maximum(reach, FLOOR), FLOOR)
    weight = lag + growth * aged
    if shared:
        beta = np.full((d, d), triggered.sum() / max(float(weight.sum()), FLOOR))
    else:
        beta = np.where((triggered > FLOOR) & (weight > 0.0),
                        triggered / np.maximum(weight, FLOOR * FLOOR), at.beta)
    slowest, fastest = sample.decay_bounds()
    beta = np.clip(beta, slowest, fastest)
    mu = np.maximum(background / sample.T, FLOOR)
    return value, _logs(Point(mu, growth * beta, beta))


def _logs(point: Point) -> Floats:
    growth = np.maximum(point.alpha / point.beta, FLOOR)
    return np.asarray(np.log(np.concatenate([point.mu, growth.ravel(), point.beta.ravel()])))


def _point(x: Floats, d: int) -> Point:
    values = np.exp(x)
    growth, beta = values[d:d + d * d].reshape(d, d), values[d + d * d:].reshape(d, d)
    alpha = np.where(growth > 2.0 * FLOOR, growth * beta, 0.0)
    return Point(values[:d], alpha, np.ascontiguousarray(beta))
