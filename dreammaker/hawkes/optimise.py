"""Newton's method for small, smooth, bounded problems: what every fit climbs with."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dreammaker.hawkes.likelihood import Evaluation

Floats = NDArray[np.float64]
Objective = Callable[[Floats, bool], Evaluation]

# No logarithm moves by more than this in one step.
LONGEST_STEP = 2.0
# Directions whose curvature is below this part of the largest carry no information.
LEAST_CURVATURE = 1e-12
# A step must bring this part of what its slope promises.
SUFFICIENT_GAIN = 1e-4
HALVINGS = 40


@dataclass(frozen=True)
class Optimum:
    """Where an ascent ended.

    Attributes
    ----------
    x : array of float64, shape (q,)
    evaluation : Evaluation
        At `x`, with derivatives.
    at_bound : array of bool, shape (q,)
        Coordinates held at a bound that they push against.
    iterations : int
    converged : bool
    message : str
    """

    x: Floats
    evaluation: Evaluation
    at_bound: NDArray[np.bool_]
    iterations: int
    converged: bool
    message: str


def maximise(objective: Objective, start: Floats, lower: Floats, upper: Floats, *,
             longest: Floats | float = LONGEST_STEP, tolerance: float = 1e-9,
             max_iterations: int = 100) -> Optimum:
    """Climb to a local maximum inside a box.

    Newton's step where the Hessian is negative definite; where it is not, its eigenvalues (of the
    matrix scaled to a unit diagonal, so that rates of any size meet on equal terms) are made so.
    Coordinates at a bound that the gradient pushes outward are held. Each step is halved until
    the value rises enough.

    Parameters
    ----------
    objective : callable
        ``objective(x, full) -> Evaluation``; the derivatives are asked for by `full`.
    start : array of float64, shape (q,)
    lower, upper : array of float64, shape (q,)
    longest : array of float64, shape (q,), or float
        Furthest that a coordinate may move in one step; infinity where it may go anywhere.
    tolerance : float
        Stop when the next step promises less than this, or 1e-14 of the value.
    max_iterations : int

    Returns
    -------
    Optimum

    Examples
    --------
    >>> def objective(x, full):
    ...     return Evaluation(-float((x - 2) @ (x - 2)), -2 * (x - 2), -2 * np.eye(2))
    >>> found = maximise(objective, np.zeros(2), np.zeros(2), np.array([1.0, 9.0]))
    >>> found.x.round(9).tolist(), found.at_bound.tolist()
    ([1.0, 2.0], [True, False])
    """
    x = np.clip(start, lower, upper)
    here = objective(x, True)
    held = np.zeros(x.size, np.bool_)
    for iteration in range(max_iterations):
        held = ((x <= lower) & (here.gradient < 0.0)) | ((x >= upper) & (here.gradient > 0.0))
        step = _newton_step(here, ~held, longest)
        promised = float(step @ here.gradient)
        if not np.isfinite(here.value) or not np.isfinite(promised):
            return Optimum(x, here, held, iteration, False,
                           "the log-likelihood is not finite at these parameters")
        if promised < 2.0 * (tolerance + 1e-14 * abs(here.value)):
            return Optimum(x, here, held, iteration, True, "reached a maximum")
        found = _climb(objective, x, step, here, lower, upper)
        if found is None:
            return Optimum(x, here, held, iteration, promised < 1e-6 * (1.0 + abs(here.value)),
                           "no step along the gradient raises the log-likelihood any more")
        x, here = found
    return Optimum(x, here, held, max_iterations, False,
                   f"still rising after {max_iterations} iterations")


def _newton_step(here: Evaluation, free: NDArray[np.bool_], longest: Floats | float) -> Floats:
    step = np.zeros(here.gradient.size)
    if not free.any():
        return step
    matrix, scale = _unit_diagonal(-here.hessian[np.ix_(free, free)])
    if not np.isfinite(matrix).all():
        return np.full(here.gradient.size, np.nan)
    slope = scale * here.gradient[free]
    try:
        factor = np.linalg.cholesky(matrix)
        step[free] = scale * np.linalg.solve(factor.T, np.linalg.solve(factor, slope))
    except np.linalg.LinAlgError:
        values, vectors = np.linalg.eigh(matrix)
        floor = 1e-10 * max(float(np.abs(values).max()), 1e-300)
        step[free] = scale * (vectors @ ((vectors.T @ slope) / np.maximum(np.abs(values), floor)))
    furthest = float((np.abs(step) / longest).max())
    return step / max(furthest, 1.0)


def _unit_diagonal(matrix: Floats) -> tuple[Floats, Floats]:
    """A symmetric matrix times `scale` on both sides, and that scale."""
    diagonal = np.abs(np.diagonal(matrix))
    scale = 1.0 / np.sqrt(np.where(diagonal > 0.0, diagonal, 1.0))
    return matrix * np.outer(scale, scale), scale


def _climb(objective: Objective, x: Floats, step: Floats, here: Evaluation, lower: Floats,
           upper: Floats) -> tuple[Floats, Evaluation] | None:
    noise = 1e-15 * abs(here.value)
    for _ in range(HALVINGS):
        trial = np.clip(x + step, lower, upper)
        promised = float((trial - x) @ here.gradient)
        # With derivatives at once: the first trial is nearly always the one to stay.
        there = objective(trial, True)
        if there.value >= here.value + SUFFICIENT_GAIN * promised - noise and (trial != x).any():
            return trial, there
        step = 0.5 * step
    return None


def covariance(hessian: Floats, held: NDArray[np.bool_]) -> Floats:
    """Inverse of the observed information over the parameters that are not held.

    Parameters
    ----------
    hessian : array of float64, shape (q, q)
        Of a log-likelihood at its maximum.
    held : array of bool, shape (q,)

    Returns
    -------
    ndarray of float64, shape (q, q)
        NaN for held parameters, and everywhere where the information is not positive definite.
    """
    result = np.full(hessian.shape, np.nan)
    free = np.flatnonzero(~held)
    matrix, scale = _unit_diagonal(-hessian[np.ix_(free, free)])
    if not free.size or not np.isfinite(matrix).all():
        return result
    values, vectors = np.linalg.eigh(matrix)
    if values[0] > LEAST_CURVATURE * values[-1]:
        half = (scale[:, None] * vectors) / np.sqrt(values)
        result[np.ix_(free, free)] = half @ half.T
    return result
