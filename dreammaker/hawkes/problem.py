"""Likelihoods in the coordinates that the fits climb in: logarithms of the parameters.

A coordinate is log(parameter), of a power law's exponent log(p - 1): every parameter stays in its
range, and the branching ratio is a sum of exponentials of linear forms, which makes it smooth to
constrain.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dreammaker._ext.hawkes_likelihood import gaps
from dreammaker.hawkes import likelihood
from dreammaker.hawkes.likelihood import Evaluation, Window

Floats = NDArray[np.float64]
# Bounds, in natural units of the data; a fit that ends at one says so.
LEAST_EXPECTED = 1e-6            # events that a base rate or a jump may explain at least
LEAST_DECAY, MOST_DECAY = 1e-3, 1e3     # times 1 / T and 1 / (smallest gap)
LEAST_EXCESS, MOST_EXCESS = 1e-3, 60.0  # of p - 1
EXP_POINTS = (24, 32, 48, 64, 96)
MIXTURE_ERROR = 1e-6


@dataclass(frozen=True)
class Problem:
    """One likelihood to be maximised.

    Attributes
    ----------
    window : Window
    kernel_name : str
    raw : callable
        ``raw(mu, values, full) -> Evaluation`` in raw parameters.
    groups : tuple of (str, int)
        Names and sizes of the kernel's fitted parameters, in order.
    shift : array of float64, shape (q,)
        raw = shift + exp(x), over mu and the kernel's parameters.
    forms, offsets : arrays of float64, shapes (m, q) and (m,)
        Branching ratio = sum of exp(forms x + offsets).
    lower, upper : array of float64, shape (q,)
        Bounds of x.
    """

    window: Window
    kernel_name: str
    raw: Callable[[Floats, Floats, bool], Evaluation]
    groups: tuple[tuple[str, int], ...]
    shift: Floats
    forms: Floats
    offsets: Floats
    lower: Floats
    upper: Floats

    def to_raw(self, x: Floats) -> Floats:
        """Raw parameters, mu first."""
        return np.asarray(self.shift + np.exp(x))

    def to_x(self, raw: Floats) -> Floats:
        """Coordinates of raw parameters, moved inside the bounds."""
        free = np.maximum(raw - self.shift, 1e-300)
        return np.clip(np.log(free), self.lower, self.upper)

    def evaluate_raw(self, raw: Floats, full: bool) -> Evaluation:
        """Log-likelihood at raw parameters, derivatives in them."""
        j = self.window.pieces
        return self.raw(np.ascontiguousarray(raw[:j]), np.ascontiguousarray(raw[j:]), full)

    def evaluate(self, x: Floats, full: bool) -> Evaluation:
        """Log-likelihood at coordinates, derivatives in them."""
        raw = self.to_raw(x)
        here = self.evaluate_raw(raw, full)
        if not full:
            return here
        slope = raw - self.shift
        gradient = here.gradient * slope
        return Evaluation(here.value, gradient,
                          here.hessian * np.outer(slope, slope) + np.diag(gradient))

    def branching(self, x: Floats) -> Evaluation:
        """Branching ratio with its derivatives in the coordinates."""
        parts = np.exp(self.forms @ x + self.offsets)
        return Evaluation(float(parts.sum()), parts @ self.forms,
                          (self.forms.T * parts) @ self.forms)

    def penalised(self, price: float) -> Callable[[Floats, bool], Evaluation]:
        """Log-likelihood less `price` times the branching ratio."""
        def objective(x: Floats, full: bool) -> Evaluation:
            here, ratio = self.evaluate(x, full), self.branching(x)
            if not full:
                return Evaluation(here.value - price * ratio.value)
            return Evaluation(here.value - price * ratio.value,
                              here.gradient - price * ratio.gradient,
                              here.hessian - price * ratio.hessian)
        return objective


def smallest_gap(window: Window) -> float:
    """Shortest time between two events that do not coincide; T where there is none.

    Not below the last digit of T: two times near T cannot be closer.
    """
    shortest = min(gaps(window.times)[0], window.duration)
    return max(shortest, float(np.finfo(np.float64).eps) * window.duration)


def bounds(window: Window, kernel: Callable[[float, float], list[tuple[float, float]]]
            ) -> tuple[Floats, Floats]:
    """Bounds of the coordinates; `kernel` makes its own of T and the smallest gap."""
    gap = smallest_gap(window)
    pairs = [(LEAST_EXPECTED / length, max(window.times.size, 1) / gap * 1e3)
             for length in window.lengths]
    low, high = np.log(np.array(pairs + kernel(window.duration, gap))).T
    return low, high


def jump(T: float, gap: float) -> tuple[float, float]:
    """Bounds of a jump of the intensity."""
    return LEAST_EXPECTED / T, MOST_DECAY**2 / gap


def decay(T: float, gap: float) -> tuple[float, float]:
    """Bounds of a decay rate."""
    return LEAST_DECAY / T, MOST_DECAY / gap


def exponential_problem(window: Window) -> Problem:
    """One exponential with fitted jump and decay."""
    def raw(mu: Floats, values: Floats, full: bool) -> Evaluation:
        return likelihood.exponential(window, mu, values[0], values[1], full)

    j = window.pieces
    form = np.zeros((1, j + 2))
    form[0, j:] = 1.0, -1.0
    low, high = bounds(window, lambda T, gap: [jump(T, gap), decay(T, gap)])
    return Problem(window, "exponential", raw, (("alpha", 1), ("beta", 1)), np.zeros(j + 2), form,
                   np.zeros(1), low, high)


def sum_problem(window: Window, left: Floats, fixed: Floats | None = None,
                name: str = "sum_exponential") -> Problem:
    """A sum of as many exponentials as `left` has entries; `fixed` decays are not fitted."""
    m, j = left.size, window.pieces

    def raw(mu: Floats, values: Floats, full: bool) -> Evaluation:
        betas = values[m:] if fixed is None else fixed
        return likelihood.sum_exponential(window, mu, np.ascontiguousarray(values[:m]),
                                          np.ascontiguousarray(betas), left, full,
                                          fitted_decays=fixed is None)

    free = m if fixed is not None else 2 * m
    forms = np.zeros((m, j + free))
    forms[:, j:j + m] = np.eye(m)
    offsets = np.zeros(m)
    groups: tuple[tuple[str, int], ...] = (("alpha", m),)
    if fixed is None:
        forms[:, j + m:] = -np.eye(m)
        groups += (("beta", m),)
    else:
        offsets = -np.log(fixed)
    low, high = bounds(
        window, lambda T, gap: [jump(T, gap)] * m + [decay(T, gap)] * (free - m))
    return Problem(window, name, raw, groups, np.zeros(j + free), forms, offsets, low, high)


def power_problem(window: Window, nodes: Floats | None) -> Problem:
    """A power law, exact where `nodes` is None, else as their gamma mixture."""
    def raw(mu: Floats, values: Floats, full: bool) -> Evaluation:
        alpha, beta, p = values.tolist()
        if nodes is None:
            return likelihood.power_law(window, mu, alpha, beta, p, full)
        return likelihood.power_mixture(window, mu, alpha, beta, p, nodes, full)

    j = window.pieces
    shift, form = np.zeros(j + 3), np.zeros((1, j + 3))
    shift[-1] = 1.0
    form[0, j:] = 1.0, -1.0, -1.0
    low, high = bounds(
        window, lambda T, gap: [jump(T, gap), decay(T, gap), (LEAST_EXCESS, MOST_EXCESS)])
    return Problem(window, "power_law", raw, (("alpha", 1), ("beta", 1), ("p", 1)), shift, form,
                   np.zeros(1), low, high)
