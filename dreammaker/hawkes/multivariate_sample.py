"""What multivariate fits work on: the sample, points of the parameter space, derivatives."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dreammaker._ext import hawkes_multivariate as kernel
from dreammaker.hawkes.checks import spectral_radius

Floats = NDArray[np.float64]
Marks = NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Sample:
    """What a fit works on; ``left`` is the initial excitation (d, d)."""

    times: Floats
    marks: Marks
    T: float
    counts: Floats
    left: Floats

    @property
    def d(self) -> int:
        """Number of types."""
        return len(self.counts)

    def head(self, count: int) -> "Sample":
        """The first events, observed until the last of them."""
        if count >= len(self.times) or np.bincount(
                self.marks[:count], minlength=self.d).min() < 1:
            return self
        return Sample(self.times[:count], self.marks[:count], float(self.times[count - 1]),
                      np.bincount(self.marks[:count], minlength=self.d).astype(np.float64),
                      self.left)

    def decay_bounds(self) -> tuple[float, float]:
        """Decays that the data can tell from 0 and from infinity."""
        gaps = np.diff(self.times)
        gaps = gaps[gaps > 0.0]
        shortest = float(gaps.min()) if len(gaps) else self.T
        return 0.1 / self.T, 10.0 / shortest


@dataclass(slots=True)
class Point:
    """Estimates on their way: mu (d,), alpha and beta (d, d)."""

    mu: Floats
    alpha: Floats
    beta: Floats

    @property
    def radius(self) -> float:
        """Spectral radius of the branching matrix."""
        return spectral_radius(self.alpha / self.beta)


@dataclass(slots=True)
class Fitted:
    """Where a fit ended, and why."""

    point: Point
    value: float
    iterations: int
    converged: bool
    message: str


def symmetric(lower: Floats) -> Floats:
    """A symmetric matrix from its lower triangle."""
    return lower + np.tril(lower, -1).T


def pair_derivatives(sample: Sample, row: int, x: Floats) -> tuple[float, Floats, Floats]:
    """Log-likelihood of one row at (mu, alpha, beta) with gradient and Hessian."""
    d = sample.d
    gradient, hessian = np.empty(2 * d + 1), np.empty((2 * d + 1, 2 * d + 1))
    value = kernel.pair_likelihood(
        sample.times, sample.marks, sample.T, row, float(x[0]), np.ascontiguousarray(x[1:d + 1]),
        np.ascontiguousarray(x[d + 1:]), sample.left[row], sample.counts, gradient, hessian, 2)
    return value, gradient, symmetric(hessian)


def shared_derivatives(sample: Sample, x: Floats) -> tuple[float, Floats, Floats]:
    """Log-likelihood at (mu, alpha row by row, beta) with gradient and Hessian."""
    d = sample.d
    g, h = np.empty((d, d + 2)), np.empty((d, d + 2, d + 2))
    value = kernel.shared_likelihood(
        sample.times, sample.marks, sample.T, np.ascontiguousarray(x[:d]),
        np.ascontiguousarray(x[d:-1].reshape(d, d)), float(x[-1]), sample.left.sum(axis=1),
        sample.counts, g, h, 2)
    gradient, hessian = np.zeros(len(x)), np.zeros((len(x), len(x)))
    for i in range(d):
        own = np.concatenate([[i], d + i * d + np.arange(d), [len(x) - 1]])
        gradient[own] += g[i]
        hessian[np.ix_(own, own)] += symmetric(h[i])
    return value, gradient, hessian


def likelihood_gradient(sample: Sample, at: Point) -> tuple[float, Floats, Floats, Floats]:
    """Log-likelihood and its gradient by mu (d,), alpha and beta (d, d)."""
    d = sample.d
    value, rows, unused = 0.0, np.empty((d, 2 * d + 1)), np.empty((2 * d + 1, 2 * d + 1))
    for i in range(d):
        value += kernel.pair_likelihood(
            sample.times, sample.marks, sample.T, i, float(at.mu[i]), at.alpha[i], at.beta[i],
            sample.left[i], sample.counts, rows[i], unused, 1)
    return value, rows[:, 0], rows[:, 1:d + 1], rows[:, d + 1:]


def radius_gradient(growth: Floats) -> Floats:
    """Derivatives of the largest eigenvalue of a non-negative matrix by its entries (Perron)."""
    values, right = np.linalg.eig(growth)
    lefts, left = np.linalg.eig(growth.T)
    u = np.abs(left[:, np.argmax(np.abs(lefts))])
    v = np.abs(right[:, np.argmax(np.abs(values))])
    size = float(u @ v)
    return np.asarray(np.outer(u, v) / size) if size > 0.0 else np.zeros_like(growth)
