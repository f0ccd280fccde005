"""A numerical check of Ito's formula for a given function and process."""

from collections.abc import Callable
from dataclasses import dataclass
from math import sqrt

import numpy as np

from dreammaker.stochastic._checks import Floats, count, frozen, positive
from dreammaker.stochastic.processes import (
    Coefficient,
    ConvergenceOrder,
    ItoProcess,
    brownian_increments,
    fitted_slope,
)


@dataclass(frozen=True, slots=True)
class SmoothFunction:
    """A function f(t, x) with the derivatives that Ito's formula uses.

    Parameters
    ----------
    value, by_time, by_state, by_state_twice : callable
        ``f, df/dt, df/dx, d2f/dx2`` at a float t and an array x.
    """

    value: Coefficient
    by_time: Coefficient
    by_state: Coefficient
    by_state_twice: Coefficient


@dataclass(frozen=True, slots=True)
class ItoCheck:
    """How far Ito's formula is from holding on a grid, by step length.

    Parameters
    ----------
    steps : ndarray of float64
        Step lengths, descending.
    residuals : ndarray of float64
        Root mean square over paths of f(T, X_T) less the discrete sums of the formula.
    order : ConvergenceOrder
        The measured order at which the residual vanishes; 0.5 for smooth coefficients.
    residuals_without_second_order : ndarray of float64
        The same with the term of the quadratic variation left out: it does not vanish.
    """

    steps: Floats
    residuals: Floats
    order: ConvergenceOrder
    residuals_without_second_order: Floats


def check_ito_formula(
        function: SmoothFunction, process: ItoProcess, start: float, horizon: float,
        rng: np.random.Generator, *, step_counts: tuple[int, ...] = (16, 32, 64, 128, 256),
        batch_count: int = 20, batch_paths: int = 200,
        exact_path: Callable[[Floats, Floats], Floats] | None = None) -> ItoCheck:
    """Compare f(T, X_T) - f(0, X_0) with the sums that Ito's formula says it equals.

    ``f(T, X_T) = f(0, X_0) + sum (f_t + drift f_x + diffusion^2 f_xx / 2) h
    + sum diffusion f_x dW``, sums at the left ends of the steps.

    Parameters
    ----------
    function : SmoothFunction
    process : ItoProcess
        With a diffusion_slope unless exact_path is given.
    start, horizon : float
    rng : numpy.random.Generator
    step_counts : tuple of int
        Two or more; each divides the greatest.
    batch_count, batch_paths : int
        Independent batches (two or more) and paths in each.
    exact_path : callable, optional
        ``exact_path(times, brownian)`` giving X at the times (steps + 1,) from the Brownian paths
        (paths, steps + 1). Without it the path is Milstein's on the finest grid, whose own error
        is of higher order than the residual.

    Returns
    -------
    ItoCheck

    Raises
    ------
    ValueError
        If a parameter is out of range.
    """
    finest = max(step_counts, default=0)
    if len(set(step_counts)) < 2 or min(step_counts) < 1 or any(finest % n for n in step_counts):
        raise ValueError("step_counts must be two or more that divide the greatest, were "
                         f"{step_counts}")
    batch_count = count("batch_count", batch_count, 2)
    steps = positive("horizon", horizon) / np.array(step_counts, dtype=np.float64)
    times = np.linspace(0.0, horizon, finest + 1)
    squares = np.empty((2, batch_count, len(step_counts)))
    for b in range(batch_count):
        fine = brownian_increments(horizon / finest, finest, batch_paths, rng)
        brownian = np.concatenate((np.zeros((len(fine), 1)), np.cumsum(fine, axis=1)), axis=1)
        path = (process.paths(start, horizon, fine) if exact_path is None
                else np.asarray(exact_path(times, brownian), dtype=np.float64))
        for i, n in enumerate(step_counts):
            stride = finest // n
            both = _residuals(function, process, times[::stride], path[:, ::stride],
                              brownian[:, ::stride])
            squares[:, b, i] = [float(np.mean(r * r)) for r in both]
    slopes = np.array([fitted_slope(np.log(steps), 0.5 * np.log(row)) for row in squares[0]])
    with_term, without = np.sqrt(squares.mean(axis=1))
    order = ConvergenceOrder(float(slopes.mean()), float(slopes.std(ddof=1) / sqrt(batch_count)),
                             steps, with_term, batch_count)
    return ItoCheck(frozen(steps), frozen(with_term), order, frozen(without))


def _residuals(f: SmoothFunction, process: ItoProcess, times: Floats, path: Floats,
               brownian: Floats) -> tuple[Floats, Floats]:
    total = f.value(float(times[-1]), path[:, -1]) - f.value(float(times[0]), path[:, 0])
    second = np.zeros(len(path))
    for j in range(len(times) - 1):
        t, x, h = float(times[j]), path[:, j], float(times[j + 1] - times[j])
        spread, slope = process.diffusion(t, x), f.by_state(t, x)
        total = total - (f.by_time(t, x) + process.drift(t, x) * slope) * h
        total = total - spread * slope * (brownian[:, j + 1] - brownian[:, j])
        second = second + 0.5 * spread * spread * f.by_state_twice(t, x) * h
    return total - second, total
