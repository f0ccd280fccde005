"""Excitation kernels phi(t): what one event adds to the intensity t seconds later.

Conventions: Ozaki 1979 (exponential), Hardiman, Bercot and Bouchaud 2013 (sums). All times are
seconds, alpha is a rate per second, and a kernel is 0 for t < 0. ``branching_ratio`` is the
integral over all t: the mean number of events that one event triggers directly. A kernel may have
any branching ratio (a pair of a multivariate process may); a process is refused unless it is
stable, see ``require_stable``.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dreammaker.hawkes.errors import HawkesError
from dreammaker.hawkes.mixture import gamma_mixture, relevant_reach

Floats = NDArray[np.float64]
# Fits stop short of 1 by this, so that what they return can be simulated and is stationary.
MAX_BRANCHING = 1.0 - 1e-6
ERROR_GRID = 4001


class Kernel(ABC):
    """A non-negative excitation function of the lag."""

    name: ClassVar[str]

    @property
    @abstractmethod
    def branching_ratio(self) -> float:
        """Integral of the kernel over all lags; infinite where it does not converge."""

    @abstractmethod
    def value(self, t: ArrayLike) -> Floats:
        """phi(t), shape of `t`, per second; 0 for t < 0."""

    @abstractmethod
    def integral(self, x: ArrayLike) -> Floats:
        """Exact integral of phi from 0 to `x`, shape of `x`; 0 for x < 0."""

    def require_stable(self) -> None:
        """Refuse a kernel that would make a process explode.

        Raises
        ------
        HawkesError
            If the branching ratio is 1 or more.
        """
        require_stable(self.branching_ratio, "branching ratio")


def require_stable(ratio: float, what: str) -> None:
    """Raise `HawkesError` unless a branching ratio or spectral radius is below 1."""
    if not ratio < 1.0:
        raise HawkesError(
            f"{what} must be below 1 for a stationary process, was {ratio:.6g}: "
            "each event would trigger one event or more")


def require_positive(name: str, value: float, *, zero: bool = False) -> float:
    """A finite number above 0 (or 0 too, with `zero`) as a float, or `HawkesError`."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise HawkesError(f"{name} must be a number, was {value!r}") from None
    if not np.isfinite(number) or number < 0.0 or (number == 0.0 and not zero):
        allowed = "0 or more" if zero else "above 0"
        raise HawkesError(f"{name} must be a finite number {allowed}, was {value!r}")
    return number


def _lags(t: ArrayLike) -> Floats:
    lags = np.asarray(t, np.float64)
    if np.isnan(lags).any():
        raise HawkesError("a lag must be a number, found NaN")
    return lags


@dataclass(frozen=True)
class ExponentialKernel(Kernel):
    """phi(t) = alpha exp(-beta t).

    Parameters
    ----------
    alpha : float
        Jump of the intensity at an event, per second, 0 or more.
    beta : float
        Decay rate, per second, above 0.

    Raises
    ------
    HawkesError
        If a parameter is out of its range.

    Examples
    --------
    >>> ExponentialKernel(alpha=0.6, beta=1.2).branching_ratio
    0.5
    """

    alpha: float
    beta: float
    name: ClassVar[str] = "exponential"

    def __post_init__(self) -> None:
        object.__setattr__(self, "alpha", require_positive("alpha", self.alpha, zero=True))
        object.__setattr__(self, "beta", require_positive("beta", self.beta))

    @property
    def branching_ratio(self) -> float:
        """Ratio alpha / beta."""
        return self.alpha / self.beta

    def value(self, t: ArrayLike) -> Floats:
        """phi(t), shape of `t`, per second."""
        lags = _lags(t)
        return np.where(lags >= 0.0, self.alpha * np.exp(-self.beta * np.maximum(lags, 0.0)), 0.0)

    def integral(self, x: ArrayLike) -> Floats:
        """(alpha / beta) (1 - exp(-beta x)), shape of `x`."""
        ends = np.maximum(_lags(x), 0.0)
        return np.asarray(-self.branching_ratio * np.expm1(-self.beta * ends))


@dataclass(frozen=True)
class SumExponentialKernel(Kernel):
    """phi(t) = sum_k alphas[k] exp(-betas[k] t).

    A weight may be negative (the cut-off of Hardiman, Bercot and Bouchaud's kernel is) as long as
    the sum is nowhere negative, which is checked on a fine grid of lags.

    Parameters
    ----------
    alphas, betas : sequence of float, shape (m,)
        Weights per second, and decay rates above 0, per second.

    Raises
    ------
    HawkesError
        If the shapes differ, a number is out of its range or phi is negative somewhere.

    Examples
    --------
    >>> kernel = SumExponentialKernel(alphas=(0.2, 0.3), betas=(1.0, 3.0))
    >>> round(kernel.branching_ratio, 12)
    0.3
    """

    alphas: tuple[float, ...]
    betas: tuple[float, ...]
    name: ClassVar[str] = "sum_exponential"

    def __init__(self, alphas: Sequence[float] | Floats, betas: Sequence[float] | Floats) -> None:
        weights, rates = (np.atleast_1d(np.asarray(v, np.float64)) for v in (alphas, betas))
        if weights.ndim != 1 or weights.shape != rates.shape or not weights.size:
            raise HawkesError(
                "alphas and betas must be two sequences of one length, at least 1, had shapes "
                f"{weights.shape} and {rates.shape}")
        if not np.isfinite(weights).all():
            raise HawkesError(f"alphas must be finite, were {weights.tolist()}")
        for rate in rates:
            require_positive("betas", float(rate))
        object.__setattr__(self, "alphas", tuple(weights.tolist()))
        object.__setattr__(self, "betas", tuple(rates.tolist()))
        if (weights < 0.0).any():
            self._require_non_negative()

    def _require_non_negative(self) -> None:
        rates = np.array(self.betas)
        lags = np.geomspace(1e-3 / rates.max(), 50.0 / rates.min(), ERROR_GRID)
        values = self.value(np.concatenate([[0.0], lags]))
        if values.min() < -1e-12 * np.abs(self.alphas).sum():
            raise HawkesError(
                f"the sum of exponentials must not be negative, is {values.min():.6g} somewhere")

    @property
    def branching_ratio(self) -> float:
        """Sum of alphas / betas."""
        return float(np.sum(np.array(self.alphas) / np.array(self.betas)))

    def value(self, t: ArrayLike) -> Floats:
        """phi(t), shape of `t`, per second."""
        lags = _lags(t)
        total = np.zeros(lags.shape)
        for alpha, beta in zip(self.alphas, self.betas, strict=True):
            total += alpha * np.exp(-beta * np.maximum(lags, 0.0))
        return np.where(lags >= 0.0, total, 0.0)

    def integral(self, x: ArrayLike) -> Floats:
        """Integral of phi from 0 to `x`, shape of `x`."""
        ends = np.maximum(_lags(x), 0.0)
        total = np.zeros(ends.shape)
        for alpha, beta in zip(self.alphas, self.betas, strict=True):
            total -= alpha / beta * np.expm1(-beta * ends)
        return total

    @classmethod
    def hardiman_bercot_bouchaud(cls, branching_ratio: float, epsilon: float, tau: float,
                                 *, m: float = 5.0, points: int = 15) -> "SumExponentialKernel":
        """Power law of exponent 1 + epsilon with a smooth cut-off near 0 (Hardiman 2013).

        Parameters
        ----------
        branching_ratio : float
            Integral of the kernel, 0 or more.
        epsilon : float
            Exponent beyond 1, above 0.
        tau : float
            Shortest time scale, seconds, above 0.
        m : float
            Ratio of neighbouring time scales, above 1.
        points : int
            Time scales, at least 1; one more, negative, makes the cut-off.

        Returns
        -------
        SumExponentialKernel
            ``points + 1`` terms, the last one negative; phi(0) = 0.

        Raises
        ------
        HawkesError
            If a parameter is out of its range.
        """
        require_positive("branching_ratio", branching_ratio, zero=True)
        require_positive("epsilon", epsilon)
        require_positive("tau", tau)
        if not m > 1.0 or points < 1:
            raise HawkesError(f"m must be above 1 and points at least 1, were {m} and {points}")
        scales = tau * m ** np.arange(points, dtype=np.float64)
        weights = scales ** -(1.0 + epsilon)
        total, cut = weights.sum(), tau / m
        norm = (weights * scales).sum() - total * cut
        return cls(branching_ratio / norm * np.append(weights, -total),
                   1.0 / np.append(scales, cut))


@dataclass(frozen=True)
class PowerLawKernel(Kernel):
    """phi(t) = alpha / (1 + beta t)^p.

    Parameters
    ----------
    alpha : float
        phi(0), per second, 0 or more.
    beta : float
        Inverse of the cut-off time, per second, above 0.
    p : float
        Exponent, above 0; the integral is finite above 1.

    Raises
    ------
    HawkesError
        If a parameter is out of its range.

    Examples
    --------
    >>> kernel = PowerLawKernel(alpha=0.9, beta=2.0, p=1.5)
    >>> kernel.branching_ratio, round(float(kernel.integral(3.0)), 10)
    (0.9, 0.5598319743)
    """

    alpha: float
    beta: float
    p: float
    name: ClassVar[str] = "power_law"

    def __post_init__(self) -> None:
        object.__setattr__(self, "alpha", require_positive("alpha", self.alpha, zero=True))
        object.__setattr__(self, "beta", require_positive("beta", self.beta))
        object.__setattr__(self, "p", require_positive("p", self.p))

    @property
    def branching_ratio(self) -> float:
        """Ratio alpha / (beta (p - 1)); infinite for p <= 1 unless alpha is 0."""
        if self.alpha == 0.0:
            return 0.0
        if self.p <= 1.0:
            return float("inf")
        return self.alpha / (self.beta * (self.p - 1.0))

    def value(self, t: ArrayLike) -> Floats:
        """phi(t), shape of `t`, per second."""
        lags = _lags(t)
        spread = np.log1p(self.beta * np.maximum(lags, 0.0))
        return np.where(lags >= 0.0, self.alpha * np.exp(-self.p * spread), 0.0)

    def integral(self, x: ArrayLike) -> Floats:
        """Integral of phi from 0 to `x`, shape of `x`, at any p."""
        spread = np.log1p(self.beta * np.maximum(_lags(x), 0.0))
        excess = self.p - 1.0
        if excess == 0.0:
            return np.asarray(self.alpha / self.beta * spread)
        return np.asarray(-self.alpha / (self.beta * excess) * np.expm1(-excess * spread))

    def as_sum_of_exponentials(self, points: int = 30, horizon: float = 1e4, *,
                               match_branching: bool = False
                               ) -> tuple[SumExponentialKernel, float]:
        """The same kernel as a sum of exponentials, for O(N points) evaluation.

        The power law is a gamma mixture of exponentials; the integral over the
        mixing variable is a trapezoidal sum in its logarithm. Its ends are chosen for the smallest
        relative error over lags up to `horizon`.

        Parameters
        ----------
        points : int
            Terms, 2 to 200.
        horizon : float
            Longest lag in seconds for which the error bound holds; above 0.
        match_branching : bool
            Scale the weights so that the branching ratio is that of the power law (p > 1).

        Returns
        -------
        tuple of (SumExponentialKernel, float)
            The sum and a bound of ``|sum - phi| / phi`` over lags 0 to `horizon`, or to where phi
            has fallen to 1e-30 of phi(0): the largest value on a grid of 4 001 lags, and 5 % more
            for what lies between them.

        Raises
        ------
        HawkesError
            If `points` or `horizon` is out of its range, or p <= 1 with `match_branching`.
        """
        if not 2 <= points <= 200:
            raise HawkesError(f"points must be 2 to 200, was {points}")
        require_positive("horizon", horizon)
        if match_branching and self.p <= 1.0:
            raise HawkesError(f"p must be above 1 to match the branching ratio, was {self.p}")
        nodes, weights = gamma_mixture(self.p, self.beta * horizon, points)
        alphas, betas = self.alpha * weights, self.beta * nodes
        if match_branching and self.alpha > 0.0:
            alphas = alphas * (self.branching_ratio / float((alphas / betas).sum()))
        last = relevant_reach(self.p, self.beta * horizon) / self.beta
        lags = np.concatenate(
            [[0.0], np.geomspace(min(1e-3 / self.beta, 1e-3 * last), last, ERROR_GRID - 1)])
        kernel = SumExponentialKernel(alphas, betas)
        if self.alpha == 0.0:
            return kernel, 0.0
        error = np.abs(kernel.value(lags) / self.value(lags) - 1.0)
        return kernel, 1.05 * float(error.max())
