"""Newton's method with bounds and damping, for log-likelihoods of a few dozen parameters."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Objective = Callable[[Floats], tuple[float, Floats, Floats]]

MAX_DAMPING = 1e12


@dataclass(frozen=True, slots=True)
class Optimum:
    """Where a maximisation ended.

    Parameters
    ----------
    x, gradient, hessian : ndarray
        The point and the derivatives there.
    value : float
    iterations : int
        Evaluations of the objective.
    converged : bool
    message : str
        Why it stopped.
    """

    x: Floats
    value: float
    gradient: Floats
    hessian: Floats
    iterations: int
    converged: bool
    message: str


def maximise(objective: Objective, start: Floats, lower: Floats, upper: Floats,
             max_iterations: int = 200) -> Optimum:
    """A local maximum between bounds.

    Steps solve ``(-H + damping diag |H|) s = g`` over the parameters that no bound holds; damping
    rises until the matrix is positive definite and the step increases the objective as its
    gradient promised, and falls after each success.

    Parameters
    ----------
    objective : callable
        Gives value, gradient and symmetric Hessian at a point; a value that is not finite is
        taken as too low.
    start, lower, upper : ndarray of shape (n,)
        The start is moved within the bounds.
    max_iterations : int
        Evaluations at most.

    Returns
    -------
    Optimum
        Converged where the last step's promise is below 1e-9 + 1e-13 times the value.

    Examples
    --------
    >>> def objective(x):
    ...     return -float((x - 2) @ (x - 2)), -2 * (x - 2), -2 * np.eye(2)
    >>> maximise(objective, np.zeros(2), np.zeros(2), np.array([1.0, 9.0])).x.round(9).tolist()
    [1.0, 2.0]
    """
    x = np.clip(start, lower, upper)
    value, gradient, hessian = objective(x)
    damping, used = 0.0, 1
    converged, message = False, f"stopped after {max_iterations} evaluations"
    while used < max_iterations:
        step, damping = _step(x, gradient, hessian, lower, upper, damping)
        target = np.clip(x + step, lower, upper)
        promise = float(gradient @ (target - x))
        if promise <= 1e-9 + 1e-13 * abs(value):
            converged, message = True, "converged: no step promises an increase"
            break
        if damping > MAX_DAMPING:
            message = "stopped: no step increases the likelihood, rounding has taken over"
            converged = promise <= 1e-10 * (1.0 + abs(value))
            break
        new = objective(target)
        used += 1
        if np.isfinite(new[0]) and new[0] >= value + 1e-4 * promise:
            x, (value, gradient, hessian) = target, new
            damping = damping / 10.0 if damping > 1e-6 else 0.0
        elif promise <= 1e-10 * (1.0 + abs(value)):
            converged, message = True, "converged to the last digits of the likelihood"
            break
        else:
            damping = max(10.0 * damping, 1e-3)
    return Optimum(x, value, gradient, hessian, used, converged, message)


def _step(x: Floats, gradient: Floats, hessian: Floats, lower: Floats, upper: Floats,
          damping: float) -> tuple[Floats, float]:
    diagonal = np.abs(np.diagonal(hessian))
    held = ((x <= lower) & (gradient <= 0.0)) | ((x >= upper) & (gradient >= 0.0))
    free = np.flatnonzero(~held & (diagonal > 0.0))
    step = np.zeros(len(x))
    if not len(free):
        return step, damping
    # Scaled to a unit diagonal, so that rates of any size meet on equal terms.
    scale = 1.0 / np.sqrt(diagonal[free])
    matrix = -hessian[np.ix_(free, free)] * np.outer(scale, scale)
    while damping <= MAX_DAMPING:
        try:
            factor = np.linalg.cholesky(matrix + damping * np.eye(len(free)))
        except np.linalg.LinAlgError:
            damping = max(10.0 * damping, 1e-3)
            continue
        step[free] = scale * np.linalg.solve(factor.T, np.linalg.solve(
            factor, scale * gradient[free]))
        break
    return step, damping


def covariance(hessian: Floats, held: NDArray[np.bool_]) -> Floats:
    """Inverse of the observed information over the parameters that are not held.

    Returns
    -------
    ndarray of shape (n, n)
        NaN for held parameters, and everywhere where the information is not positive definite.
    """
    n = len(hessian)
    result = np.full((n, n), np.nan)
    free = np.flatnonzero(~held)
    if not len(free):
        return result
    information = -hessian[np.ix_(free, free)]
    diagonal = np.diagonal(information)
    if not (diagonal > 0.0).all():
        return result
    scale = 1.0 / np.sqrt(diagonal)
    try:
        factor = np.linalg.cholesky(information * np.outer(scale, scale))
    except np.linalg.LinAlgError:
        return result
    half = np.linalg.solve(factor, np.diag(scale))
    result[np.ix_(free, free)] = half.T @ half
    return result
