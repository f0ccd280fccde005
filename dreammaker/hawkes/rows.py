"""Likelihoods of one type of event excited by several: what fits with other kernels climb.

With kernels of their own the types share no parameter, so each row of the process is a problem of
its own. Raw parameters: the base rate of each piece, then source by source alphas and betas (of
sums of exponentials), or alpha, beta and p (of power laws).
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from dreammaker._ext.hawkes_rows import row_sums
from dreammaker.hawkes.likelihood import (
    Compensator,
    Evaluation,
    Window,
    assembled,
    power_compensator,
    sum_compensator,
)
from dreammaker.hawkes.mixture import mixture_derivatives
from dreammaker.hawkes.problem import LEAST_EXCESS, MOST_EXCESS, Problem, bounds, decay, jump

Floats = NDArray[np.float64]
Marks = NDArray[np.int32]


@dataclass(frozen=True)
class RowWindow(Window):
    """Events of all types in [0, T], and the type whose likelihood is asked for."""

    marks: Marks = field(default_factory=lambda: np.empty(0, np.int32))
    row: int = 0
    d: int = 1

    @classmethod
    def cut(cls, times: Floats, marks: Marks, duration: float, knots: Floats | None, row: int,
            d: int) -> "RowWindow":
        """Cut checked events at the knots; the last knot must not be before T."""
        whole = Window.of(times, duration, knots)
        return cls(times, duration, whole.lengths, whole.splits, marks, row, d)

    def head(self, count: int) -> "RowWindow":
        """The first events with one base rate, observed until the last of them.

        The whole window, with one base rate, where fewer than two of the row are among them.
        """
        most = min(count, self.times.size)
        until = float(self.times[most - 1]) if most else 0.0
        if most == self.times.size or until <= 0.0 or (self.marks[:most] == self.row).sum() < 2:
            return RowWindow.cut(self.times, self.marks, self.duration, None, self.row, self.d)
        return RowWindow.cut(self.times[:most], self.marks[:most], until, None, self.row, self.d)

    @property
    def counts(self) -> NDArray[np.int64]:
        """Events of each type, shape (d,)."""
        return np.bincount(self.marks, minlength=self.d)

    @property
    def own_counts(self) -> Floats:
        """Events of the row in each piece, shape (pieces,)."""
        own = np.concatenate([[0], np.cumsum(self.marks == self.row)])
        return np.diff(own[self.splits]).astype(np.float64)


def sums(window: RowWindow, mu: Floats, alphas: Floats, betas: Floats, full: bool) -> Evaluation:
    """Each source excites by a sum of exponentials: alphas and betas of shape (d, m)."""
    log_rates, gradient, curvature, pieces, memory = row_sums(
        window.times, window.marks, window.duration, window.row, mu, window.splits,
        np.ascontiguousarray(alphas), np.ascontiguousarray(betas), np.empty((window.d, 0)), full)
    none = np.zeros(alphas.shape[1])
    parts = [sum_compensator(int(count), memory[j], alphas[j], betas[j], none, window.duration,
                             full) for j, count in enumerate(window.counts)]
    return assembled(window, mu, log_rates, gradient, curvature, pieces, _together(parts, full),
                     full)


def powers(window: RowWindow, mu: Floats, values: Floats, nodes: Floats,
           full: bool) -> Evaluation:
    """Each source excites by a power law: rows (alpha, beta, p), as mixtures over nodes (d, m)."""
    weights = [mixture_derivatives(float(p), nodes[j]) for j, p in enumerate(values[:, 2])]
    rates = values[:, 1:2] * nodes
    log_rates, gradient, curvature, pieces, memory = row_sums(
        window.times, window.marks, window.duration, window.row, mu, window.splits,
        np.array([np.concatenate([[alpha], w.ravel()])
                  for alpha, w in zip(values[:, 0], weights, strict=True)]),
        rates, nodes, full)
    parts = [power_compensator(int(count), memory[j], float(values[j, 0]), float(values[j, 1]),
                               weights[j], nodes[j], full)
             for j, count in enumerate(window.counts)]
    return assembled(window, mu, log_rates, gradient, curvature, pieces, _together(parts, full),
                     full)


def _together(parts: list[Compensator], full: bool) -> Compensator:
    value = float(sum(part.value for part in parts))
    if not full:
        return Compensator(value)
    size = parts[0].gradient.size
    hessian = np.zeros((size * len(parts), size * len(parts)))
    for j, part in enumerate(parts):
        hessian[j * size:(j + 1) * size, j * size:(j + 1) * size] = part.hessian
    return Compensator(value, np.concatenate([part.gradient for part in parts]), hessian)


def sums_problem(window: RowWindow, m: int) -> Problem:
    """A row of sums of m exponentials; its branching ratio is the row's sum of integrals."""
    d, pieces = window.d, window.pieces

    def raw(mu: Floats, values: Floats, full: bool) -> Evaluation:
        blocks = values.reshape(d, 2, m)
        return sums(window, mu, blocks[:, 0], blocks[:, 1], full)

    forms = np.zeros((d * m, pieces + 2 * d * m))
    for j in range(d):
        for k in range(m):
            begin = pieces + 2 * j * m + k
            forms[j * m + k, [begin, begin + m]] = 1.0, -1.0
    low, high = bounds(window, lambda T, gap: ([jump(T, gap)] * m + [decay(T, gap)] * m) * d)
    groups = tuple(part for _ in range(d) for part in (("alpha", m), ("beta", m)))
    return Problem(window, "sum_exponential", raw, groups, np.zeros(low.size), forms,
                   np.zeros(d * m), low, high)


def powers_problem(window: RowWindow, nodes: Floats) -> Problem:
    """A row of power laws as mixtures over `nodes`, shape (d, m)."""
    d, pieces = window.d, window.pieces

    def raw(mu: Floats, values: Floats, full: bool) -> Evaluation:
        return powers(window, mu, values.reshape(d, 3), nodes, full)

    shift, forms = np.zeros(pieces + 3 * d), np.zeros((d, pieces + 3 * d))
    for j in range(d):
        forms[j, pieces + 3 * j:pieces + 3 * j + 3] = 1.0, -1.0, -1.0
        shift[pieces + 3 * j + 2] = 1.0
    low, high = bounds(window, lambda T, gap: [jump(T, gap), decay(T, gap),
                                               (LEAST_EXCESS, MOST_EXCESS)] * d)
    groups = (("alpha", 1), ("beta", 1), ("p", 1)) * d
    return Problem(window, "power_law", raw, groups, shift, forms, np.zeros(d), low, high)
