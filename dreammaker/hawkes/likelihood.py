"""Log-likelihoods with gradient and Hessian, assembled from the kernels' sums over events.

Every function takes the window (times, pieces of the base rate) and raw parameters and returns an
`Evaluation` whose derivatives are ordered mu of each piece, then the excitation's parameters.
log L = sum_i log lambda(t_i-) - Lambda(T), Lambda in closed form.
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from dreammaker._ext import hawkes_likelihood, hawkes_mixture
from dreammaker.hawkes.errors import HawkesError
from dreammaker.hawkes.mixture import mixture_derivatives

Floats = NDArray[np.float64]
EMPTY = np.empty(0)


@dataclass(frozen=True)
class Window:
    """Events in [0, T] and the pieces of the base rate they fall into."""

    times: Floats
    duration: float
    lengths: Floats
    splits: NDArray[np.int64]

    @classmethod
    def of(cls, times: Floats, duration: float, knots: Floats | None = None) -> "Window":
        """Cut checked events at the knots; the last knot must not be before T."""
        if knots is None:
            knots = np.array([0.0, duration])
        if knots[-1] < duration:
            raise HawkesError(f"the last knot must be at T = {duration:g} s or later, "
                              f"was {knots[-1]:g}")
        inner = np.searchsorted(times, knots[1:-1], side="left")
        splits = np.concatenate([[0], inner, [times.size]]).astype(np.int64)
        return cls(times, duration, np.diff(np.minimum(knots, duration)), splits)

    @property
    def pieces(self) -> int:
        """Number of pieces of the base rate."""
        return self.lengths.size


@dataclass(frozen=True)
class Evaluation:
    """A log-likelihood with its first and second derivatives (empty where not asked for)."""

    value: float
    gradient: Floats = field(default_factory=lambda: EMPTY)
    hessian: Floats = field(default_factory=lambda: EMPTY)


@dataclass(frozen=True)
class Compensator:
    """Integral of the excitation over the window and its derivatives in the kernel's parameters."""

    value: float
    gradient: Floats = field(default_factory=lambda: EMPTY)
    hessian: Floats = field(default_factory=lambda: EMPTY)


def assembled(window: Window, mu: Floats, log_rates: float, gradient: Floats, curvature: Floats,
              pieces: Floats, excited: Compensator, full: bool) -> Evaluation:
    """The log-likelihood from a kernel's sums over events and the integral of the excitation."""
    value = log_rates - float((mu * window.lengths).sum()) - excited.value
    if not full:
        return Evaluation(value)
    j = window.pieces
    upper = np.triu(curvature)
    hessian = np.zeros((j + gradient.size, j + gradient.size))
    hessian[np.arange(j), np.arange(j)] = -pieces[:, 1]
    hessian[:j, j:] = -pieces[:, 2:]
    hessian[j:, :j] = -pieces[:, 2:].T
    hessian[j:, j:] = upper + np.triu(upper, 1).T - excited.hessian
    slope = np.concatenate([pieces[:, 0] - window.lengths, gradient - excited.gradient])
    return Evaluation(value, slope, hessian)


def _decay_integrals(count: int, memory: Floats, rates: Floats) -> Floats:
    """G = sum_j (1 - exp(-b u_j)) / b, with its first two derivatives in b, shape (3, m)."""
    a, b, c = memory
    ended = count - a
    return np.array([ended / rates,
                     b / rates - ended / rates**2,
                     -c / rates - 2.0 * b / rates**2 + 2.0 * ended / rates**3])


def exponential(window: Window, mu: Floats, alpha: float, beta: float, full: bool) -> Evaluation:
    """One exponential: parameters alpha, beta. O(N), see the kernel `hawkes_likelihood`."""
    table, end = hawkes_likelihood.exponential_sums(
        window.times, window.duration, mu, window.splits, alpha, beta, 2 if full else 0)
    if not full:
        value = alpha / beta * (window.times.size - end[0])
        return assembled(window, mu, float(table[:, 0].sum()), EMPTY, EMPTY, EMPTY,
                         Compensator(value), False)
    g, first, second = _decay_integrals(window.times.size, np.array(end)[:, None],
                                        np.array([beta]))[:, 0]
    _, _, a, b, c, _, _, _, aa, ab, bb = table.sum(axis=0)
    curvature = np.array([[-aa, -b + alpha * ab], [0.0, alpha * c - alpha**2 * bb]])
    pieces = np.stack([table[:, 1], table[:, 5], table[:, 6], -alpha * table[:, 7]], axis=1)
    excited = Compensator(alpha * g, np.array([g, alpha * first]),
                           np.array([[0.0, first], [first, alpha * second]]))
    return assembled(window, mu, float(table[:, 0].sum()), np.array([a, -alpha * b]), curvature,
                     pieces, excited, True)


def sum_exponential(window: Window, mu: Floats, alphas: Floats, betas: Floats, left: Floats,
                    full: bool, *, fitted_decays: bool = True) -> Evaluation:
    """A sum of m exponentials: parameters alphas, then betas where they are fitted. O(N m)."""
    log_rates, gradient, curvature, pieces, memory = hawkes_mixture.mixture_sums(
        window.times, window.duration, mu, window.splits, alphas, betas, left, fitted_decays,
        EMPTY, full)
    excited = sum_compensator(window.times.size, memory, alphas, betas, left, window.duration, full)
    size = gradient.size
    excited = Compensator(excited.value, excited.gradient[:size], excited.hessian[:size, :size])
    return assembled(window, mu, log_rates, gradient, curvature, pieces, excited, full)


def sum_compensator(count: int, memory: Floats, alphas: Floats, betas: Floats, left: Floats,
                    T: float, full: bool) -> Compensator:
    """Integral over [0, T] of what `count` events, and what was left at 0, excite by a sum.

    `memory` holds the sums over events of exp(-b u), u exp(-b u), u^2 exp(-b u) at T, shape (3, m);
    derivatives are in alphas, then betas.
    """
    g, first, second = _decay_integrals(count, memory, betas)
    e = np.exp(-betas * T)
    # What was excited before time 0 and decays within the window.
    past = np.array([(1 - e) / betas, T * e / betas - (1 - e) / betas**2,
                     -T**2 * e / betas - 2 * T * e / betas**2 + 2 * (1 - e) / betas**3])
    value = float((alphas * g).sum() + (left * past[0]).sum())
    if not full:
        return Compensator(value, EMPTY, np.empty((0, 0)))
    m = alphas.size
    hessian = np.zeros((2 * m, 2 * m))
    hessian[:m, m:] = hessian[m:, :m] = np.diag(first)
    hessian[m:, m:] = np.diag(alphas * second + left * past[2])
    return Compensator(value, np.concatenate([g, alphas * first + left * past[1]]), hessian)


def power_mixture(window: Window, mu: Floats, alpha: float, beta: float, p: float, nodes: Floats,
                  full: bool) -> Evaluation:
    """A power law as a gamma mixture over `nodes`: parameters alpha, beta, p. O(N m)."""
    weights = mixture_derivatives(p, nodes)
    log_rates, gradient, curvature, pieces, memory = hawkes_mixture.mixture_sums(
        window.times, window.duration, mu, window.splits,
        np.concatenate([[alpha], weights.ravel()]), beta * nodes, np.zeros(nodes.size), True,
        nodes, full)
    excited = power_compensator(window.times.size, memory, alpha, beta, weights, nodes, full)
    return assembled(window, mu, log_rates, gradient, curvature, pieces, excited, full)


def power_compensator(count: int, memory: Floats, alpha: float, beta: float, weights: Floats,
                      nodes: Floats, full: bool) -> Compensator:
    """Integral over the window of what `count` events excite by a power law as a mixture.

    `memory` as in `sum_compensator`, `weights` as `mixture_derivatives` gives them.
    """
    w0, w1, w2 = weights
    g, first, second = _decay_integrals(count, memory, beta * nodes)
    value = float((w0 * g).sum())
    if not full:
        return Compensator(alpha * value)
    by_beta, by_p = float((w0 * nodes * first).sum()), float((w1 * g).sum())
    both = alpha * float((w1 * nodes * first).sum())
    return Compensator(
        alpha * value, np.array([value, alpha * by_beta, alpha * by_p]),
        np.array([[0.0, by_beta, by_p],
                  [by_beta, alpha * float((w0 * nodes**2 * second).sum()), both],
                  [by_p, both, alpha * float((w2 * g).sum())]]))


def power_law(window: Window, mu: Floats, alpha: float, beta: float, p: float,
              full: bool) -> Evaluation:
    """The power law itself: parameters alpha, beta, p. O(N^2)."""
    log_rates, gradient, curvature, pieces = hawkes_mixture.power_law_sums(
        window.times, mu, window.splits, alpha, beta, p, full)
    u = window.duration - window.times
    v = np.log1p(beta * u)
    decayed = np.exp(-(p - 1.0) * v)
    h0, h1, h2 = _shrunk((p - 1.0) * v)
    k = v / beta * h0
    excited = Compensator(alpha * float(k.sum()))
    if full:
        dv = u / (1.0 + beta * u)
        k_b = (decayed * dv - k) / beta
        k_bb = (-2.0 * k_b - p * decayed * dv**2) / beta
        k_p = v**2 / beta * h1
        k_bp = (-k_p - v * decayed * dv) / beta
        k_pp = v**3 / beta * h2
        b, pp, bb, bp, both = (float(x.sum()) for x in (k_b, k_p, k_bb, k_bp, k_pp))
        excited = Compensator(
            excited.value, np.array([float(k.sum()), alpha * b, alpha * pp]),
            np.array([[0.0, b, pp], [b, alpha * bb, alpha * bp], [pp, alpha * bp, alpha * both]]))
    return assembled(window, mu, log_rates, gradient, curvature, pieces, excited, full)


def _shrunk(x: Floats) -> tuple[Floats, Floats, Floats]:
    """(1 - exp(-x)) / x with its first two derivatives; a series near 0."""
    near = np.abs(x) < 1e-2
    y = np.where(near, 1.0, x)
    e = np.exp(-y)
    series = (1 - x / 2 + x**2 / 6 - x**3 / 24 + x**4 / 120 - x**5 / 720,
              -0.5 + x / 3 - x**2 / 8 + x**3 / 30 - x**4 / 144 + x**5 / 840,
              1 / 3 - x / 4 + x**2 / 10 - x**3 / 36 + x**4 / 168 - x**5 / 960)
    closed = (-np.expm1(-y) / y, (e * (1 + y) - 1) / y**2,
              (2 - e * (y * y + 2 * y + 2)) / y**3)
    h0, h1, h2 = (np.where(near, s, c) for s, c in zip(series, closed, strict=True))
    return h0, h1, h2
