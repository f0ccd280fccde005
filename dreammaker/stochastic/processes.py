"""Price processes: exact geometric Brownian motion, general Ito processes on a time grid."""

from collections.abc import Callable
from dataclasses import dataclass
from math import exp, log, sqrt
from statistics import NormalDist
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from dreammaker.stochastic._checks import (
    Floats,
    count,
    finite,
    frozen,
    generator,
    not_negative,
    positive,
    vector,
)

Coefficient = Callable[[float, Floats], Floats]
"""Drift or diffusion at a time and at an array of states: ``f(t, x)``, of the shape of x."""

Method = Literal["euler", "milstein"]


def gbm_paths(start: float, drift: float, volatility: float, times: ArrayLike, path_count: int,
              rng: np.random.Generator) -> Floats:
    """Exact paths of geometric Brownian motion ``dS = drift S dt + volatility S dW``.

    Parameters
    ----------
    start : float
        S at time 0, above 0.
    drift : float
        Per unit of time.
    volatility : float
        Per square root of a unit of time, 0 or more.
    times : array_like of shape (n,)
        Ascending, 0 or more; any spacing, since every step is exact in law.
    path_count : int
    rng : numpy.random.Generator

    Returns
    -------
    ndarray of float64, shape (path_count, n)
        S at the times.

    Raises
    ------
    ValueError
        If a parameter is out of range.

    Examples
    --------
    >>> gbm_paths(100.0, 0.05, 0.0, [0.0, 1.0], 1, np.random.default_rng(1)).round(4).tolist()
    [[100.0, 105.1271]]
    """
    positive("start", start)
    finite("drift", drift)
    not_negative("volatility", volatility)
    steps = _steps(times)
    shape = (count("path_count", path_count), len(steps))
    logs = (drift - 0.5 * volatility * volatility) * steps
    logs = logs + volatility * np.sqrt(steps) * generator(rng).standard_normal(shape)
    return start * np.exp(np.cumsum(logs, axis=1))


def brownian_increments(step: float, step_count: int, path_count: int,
                        rng: np.random.Generator) -> Floats:
    """Independent increments of Brownian motion.

    Parameters
    ----------
    step : float
        Length of a step, above 0.
    step_count, path_count : int
    rng : numpy.random.Generator

    Returns
    -------
    ndarray of float64, shape (path_count, step_count)
    """
    scale = sqrt(positive("step", step))
    shape = count("path_count", path_count), count("step_count", step_count)
    return scale * generator(rng).standard_normal(shape)


@dataclass(frozen=True, slots=True)
class ItoProcess:
    """A scalar Ito process ``dX = drift(t, X) dt + diffusion(t, X) dW``.

    Parameters
    ----------
    drift, diffusion : callable
        ``f(t, x)`` for a float t and an array x, of the shape of x.
    diffusion_slope : callable, optional
        Derivative of the diffusion by x; Milstein's scheme needs it.

    Examples
    --------
    >>> gbm = ItoProcess(lambda t, x: 0.05 * x, lambda t, x: 0.2 * x,
    ...                  lambda t, x: np.full_like(x, 0.2))
    >>> gbm.paths(100.0, 1.0, np.zeros((1, 2)), "euler").round(4).tolist()
    [[100.0, 102.5, 105.0625]]
    """

    drift: Coefficient
    diffusion: Coefficient
    diffusion_slope: Coefficient | None = None

    def paths(self, start: ArrayLike, horizon: float, increments: Floats,
              method: Method = "milstein") -> Floats:
        """Paths on an even grid, driven by given Brownian increments.

        Parameters
        ----------
        start : float or array_like of shape (paths,)
            State at time 0.
        horizon : float
            Length of time, above 0; the step is horizon / steps.
        increments : ndarray of float64, shape (paths, steps)
            Increments of Brownian motion of variance horizon / steps (`brownian_increments`); the
            caller's, so that schemes and step sizes can share one Brownian path.
        method : {"euler", "milstein"}
            Euler-Maruyama (strong order 0.5) or Milstein (strong order 1).

        Returns
        -------
        ndarray of float64, shape (paths, steps + 1)

        Raises
        ------
        ValueError
            If a parameter is out of range, Milstein has no diffusion_slope, or a coefficient is
            not finite on the way (names the time).

        Notes
        -----
        Kloeden and Platen, Numerical Solution of Stochastic Differential Equations, eqs (10.2.4)
        and (10.3.1).
        """
        driven = np.asarray(increments, dtype=np.float64)
        if driven.ndim != 2 or driven.shape[1] == 0:
            raise ValueError("increments must have shape (paths, steps) with a step or more, had "
                             f"{driven.shape}")
        if method not in ("euler", "milstein"):
            raise ValueError(f"method must be euler or milstein, was {method!r}")
        slope = self.diffusion_slope
        if method == "milstein" and slope is None:
            raise ValueError("method milstein needs diffusion_slope, was None")
        path_count, step_count = driven.shape
        step = positive("horizon", horizon) / step_count
        out = np.empty((path_count, step_count + 1))
        out[:, 0] = np.asarray(start, dtype=np.float64)
        for j in range(step_count):
            t, x, dw = j * step, out[:, j], driven[:, j]
            spread = self.diffusion(t, x)
            moved = x + self.drift(t, x) * step + spread * dw
            if method == "milstein" and slope is not None:
                moved = moved + 0.5 * spread * slope(t, x) * (dw * dw - step)
            if not np.isfinite(moved).all():
                raise ValueError(f"drift and diffusion must be finite on the path, were not at "
                                 f"time {t:g}")
            out[:, j + 1] = moved
        return out

    def simulate(self, start: float, horizon: float, step_count: int, path_count: int,
                 rng: np.random.Generator, method: Method = "milstein") -> Floats:
        """Paths driven by increments drawn from the generator; see `paths`.

        Returns
        -------
        ndarray of float64, shape (path_count, step_count + 1)
        """
        step = positive("horizon", horizon) / count("step_count", step_count)
        return self.paths(start, horizon, brownian_increments(step, step_count, path_count, rng),
                          method)


@dataclass(frozen=True, slots=True)
class ConvergenceOrder:
    """An order of convergence measured by regression.

    Parameters
    ----------
    order : float
        Slope of log error on log step.
    standard_error : float
        Of the slope, from the spread over independent batches.
    steps, errors : ndarray of float64
        Step lengths and mean errors.
    batch_count : int
        Independent batches behind the standard error.
    """

    order: float
    standard_error: float
    steps: Floats
    errors: Floats
    batch_count: int

    def interval(self, confidence: float = 0.95) -> tuple[float, float]:
        """Normal confidence interval of the order."""
        if not 0.0 < confidence < 1.0:
            raise ValueError(f"confidence must be in (0, 1), was {confidence}")
        reach = NormalDist().inv_cdf(0.5 + 0.5 * confidence) * self.standard_error
        return self.order - reach, self.order + reach


def strong_order(process: ItoProcess, exact_end: Callable[[Floats], Floats], start: float,
                 horizon: float, rng: np.random.Generator, *, method: Method = "milstein",
                 step_counts: tuple[int, ...] = (16, 32, 64, 128, 256), batch_count: int = 40,
                 batch_paths: int = 250) -> ConvergenceOrder:
    """Measured strong order: slope of log E|X_T - X_T^h| on log h.

    Parameters
    ----------
    process : ItoProcess
    exact_end : callable
        Exact X_T from W_T (array in, array out), for processes whose end is a function of it.
    start, horizon : float
    rng : numpy.random.Generator
    method : {"euler", "milstein"}
    step_counts : tuple of int
        Two or more; each divides the greatest. All share the same Brownian paths.
    batch_count, batch_paths : int
        Independent batches (two or more), and paths in each.

    Returns
    -------
    ConvergenceOrder
        One slope a batch; their mean and its standard error.

    Raises
    ------
    ValueError
        If the step counts do not nest or are fewer than two.
    """
    finest = max(step_counts, default=0)
    if len(set(step_counts)) < 2 or min(step_counts) < 1 or any(finest % n for n in step_counts):
        raise ValueError("step_counts must be two or more that divide the greatest, were "
                         f"{step_counts}")
    batch_count = count("batch_count", batch_count, 2)
    steps = horizon / np.array(step_counts, dtype=np.float64)
    errors = np.empty((batch_count, len(step_counts)))
    for b in range(batch_count):
        fine = brownian_increments(horizon / finest, finest, batch_paths, rng)
        target = exact_end(fine.sum(axis=1))
        for i, n in enumerate(step_counts):
            merged = fine.reshape(len(fine), n, finest // n).sum(axis=2)
            end = process.paths(start, horizon, merged, method)[:, -1]
            errors[b, i] = np.abs(end - target).mean()
    slopes = np.array([fitted_slope(np.log(steps), np.log(row)) for row in errors])
    return ConvergenceOrder(float(slopes.mean()),
                            float(slopes.std(ddof=1) / sqrt(batch_count)),
                            frozen(steps), frozen(errors.mean(axis=0)), batch_count)


def fitted_slope(x: Floats, y: Floats) -> float:
    """Slope of the least-squares line of y on x."""
    centred = x - x.mean()
    return float(np.dot(centred, y) / np.dot(centred, centred))


def gbm_moments(drift: float, volatility: float, time: float) -> tuple[float, float]:
    """Mean and variance of S_t / S_0 for geometric Brownian motion.

    Examples
    --------
    >>> mean, variance = gbm_moments(0.0, 0.2, 1.0)
    >>> mean, round(variance, 6)
    (1.0, 0.040811)
    """
    growth = exp(finite("drift", drift) * not_negative("time", time))
    return growth, growth * growth * (exp(volatility * volatility * time) - 1.0)


def gbm_estimate(prices: ArrayLike, step: float) -> tuple[float, float]:
    """Maximum-likelihood drift and volatility of evenly spaced prices of one path.

    Parameters
    ----------
    prices : array_like of shape (n,)
        Three or more, above 0.
    step : float
        Time between them.

    Returns
    -------
    tuple of float
        Drift and volatility per unit of time of geometric Brownian motion.
    """
    values = vector("prices", prices, 3)
    if (values <= 0.0).any():
        raise ValueError(f"prices must be above 0, the least was {values.min():g}")
    returns = np.diff(np.log(values))
    variance = float(returns.var()) / positive("step", step)
    drift = (log(values[-1]) - log(values[0])) / (len(returns) * step) + 0.5 * variance
    return drift, sqrt(variance)


def _steps(times: ArrayLike) -> Floats:
    grid = vector("times", times, 1)
    steps = np.diff(grid, prepend=0.0)
    wrong = np.flatnonzero(steps < 0.0)
    if len(wrong):
        raise ValueError(f"times must be 0 or more and ascending, was {grid[wrong[0]]:g} at index "
                         f"{wrong[0]}")
    return steps
