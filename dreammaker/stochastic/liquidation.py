"""Cartea and Jaimungal's optimal liquidation in continuous time, closed form.

Cartea, Jaimungal, Penalva, "Algorithmic and High-Frequency Trading", CUP 2015, chapter 6.5, eqs
(6.24) to (6.30). `dreammaker.stochastic.hjb` solves the same equation numerically, and those that
have no closed form.
"""

from dataclasses import dataclass
from math import inf, isinf, sqrt

import numpy as np
from numpy.typing import ArrayLike

from dreammaker.stochastic._checks import Floats, finite, not_negative, positive, vector
from dreammaker.stochastic._portable import exp, expm1


@dataclass(frozen=True, slots=True)
class OptimalLiquidation:
    """The speed that sells an inventory best, given impact and dislike of holding it.

    The price falls by ``temporary x speed`` for the lots sold now and by ``permanent x lots`` for
    good; ``running_penalty x inventory^2`` a unit of time and ``terminal_penalty x inventory^2`` at
    the end stand for risk.

    Parameters
    ----------
    quantity_lots : float
        N at time 0; above 0 to sell, below 0 to buy.
    horizon : float
        T, any unit of time.
    temporary : float
        k, points per (lot per unit of time), above 0.
    permanent : float
        b, points per lot.
    running_penalty : float
        phi, points per lot and unit of time; 0 or more.
    terminal_penalty : float
        alpha, points per lot; at least permanent / 2; infinite (the default) forces the end to 0.

    Raises
    ------
    ValueError
        If a parameter is out of range.

    Notes
    -----
    With A = alpha - b/2, s = sqrt(k phi), g = sqrt(phi / k) and u = T - t, (6.28) is written as
    ``Q = N (A sinh gu + s cosh gu) / (A sinh gT + s cosh gT)``, which has no pole at A = s, where
    the book's zeta is infinite. The same bits on every machine.

    Examples
    --------
    >>> sale = OptimalLiquidation(10.0, 60.0, 1e-3, running_penalty=1e-5)
    >>> sale.inventory([15.0, 30.0, 45.0]).round(10).tolist()
    [2.231039945, 0.4966396371, 0.1055597703]
    >>> round(sale.feedback_speed(0.0, 10.0), 10)
    1.0000122885
    """

    quantity_lots: float
    horizon: float
    temporary: float
    permanent: float = 0.0
    running_penalty: float = 0.0
    terminal_penalty: float = inf

    def __post_init__(self) -> None:
        finite("quantity_lots", self.quantity_lots)
        positive("horizon", self.horizon)
        positive("temporary", self.temporary)
        not_negative("permanent", self.permanent)
        not_negative("running_penalty", self.running_penalty)
        if not self.terminal_penalty >= 0.5 * self.permanent:
            raise ValueError("terminal_penalty must be at least permanent / 2 = "
                             f"{0.5 * self.permanent:g}, was {self.terminal_penalty}")

    @property
    def urgency(self) -> float:
        """The rate gamma = sqrt(running_penalty / temporary), per unit of time."""
        return sqrt(self.running_penalty / self.temporary)

    @property
    def zeta(self) -> float:
        """(alpha - b/2 + sqrt(k phi)) / (alpha - b/2 - sqrt(k phi)); 1 in the limit."""
        if isinf(self.terminal_penalty):
            return 1.0
        net, root = self._net_and_root()
        return inf if net == root else (net + root) / (net - root)

    def inventory(self, times: ArrayLike) -> Floats:
        """Q*(t), lots left at times in [0, horizon], shape as given."""
        whole, _ = self._scaled(self.horizon)
        left = self._left(times)
        return np.array([self.quantity_lots * (self._scaled(u)[0] / whole)
                         * exp(self.urgency * (u - self.horizon)) for u in left.tolist()])

    def speed(self, times: ArrayLike) -> Floats:
        """nu*(t) = -dQ*/dt, lots per unit of time at times in [0, horizon], shape as given."""
        whole, _ = self._scaled(self.horizon)
        left = self._left(times)
        return np.array([self.quantity_lots * (self._scaled(u)[1] / whole)
                         * exp(self.urgency * (u - self.horizon)) for u in left.tolist()])

    def feedback_speed(self, time: float, inventory_lots: float) -> float:
        """Best speed at a time with any inventory, lots per unit of time.

        Raises
        ------
        ValueError
            If the time is outside [0, horizon], or at the horizon itself where the terminal
            penalty is infinite.
        """
        level, slope = self._scaled(float(self._left([time])[0]))
        if level == 0.0:
            raise ValueError("time must be below the horizon where terminal_penalty is infinite, "
                             f"was {time}")
        return finite("inventory_lots", inventory_lots) * (slope / level)

    def value_coefficient(self, time: float) -> float:
        """h_2(t) of the value function ``cash + inventory x price + h_2 inventory^2``.

        It solves ``h_2' = phi - (h_2 + b/2)^2 / k`` with ``h_2(T) = -alpha``.
        """
        return -self.temporary * self.feedback_speed(time, 1.0) - 0.5 * self.permanent

    def _net_and_root(self) -> tuple[float, float]:
        return (self.terminal_penalty - 0.5 * self.permanent,
                sqrt(self.temporary * self.running_penalty))

    def _left(self, times: ArrayLike) -> Floats:
        given = vector("times", times)
        wrong = np.flatnonzero((given < 0.0) | (given > self.horizon))
        if len(wrong):
            raise ValueError(f"time must be in [0, {self.horizon:g}], was {given[wrong[0]]:g}")
        return self.horizon - given

    def _scaled(self, left: float) -> tuple[float, float]:
        # (A sinh gu + s cosh gu) / g and its derivative by u, both times e^{-gu}: nothing overflows
        # and nothing cancels. s / g = k.
        g, k = self.urgency, self.temporary
        net = 1.0 if isinf(self.terminal_penalty) else self.terminal_penalty - 0.5 * self.permanent
        k = 0.0 if isinf(self.terminal_penalty) else k
        if g == 0.0:
            return net * left + k, net
        fall = expm1(-2.0 * g * left)
        sinh_part, cosh_part = -0.5 * fall, 0.5 * (2.0 + fall)
        return (net * sinh_part / g + k * cosh_part, net * cosh_part + k * g * sinh_part)


def trading_cost(sale: OptimalLiquidation, times: ArrayLike, inventory_lots: ArrayLike) -> float:
    """Expected cost and penalties of any piecewise linear path of inventory, points times lots.

    ``integral(k nu^2 + phi Q^2) dt + (alpha - b/2) Q_T^2 + b N^2 / 2``: what the optimal path
    makes least; exact for the piecewise linear path.

    Parameters
    ----------
    sale : OptimalLiquidation
    times, inventory_lots : array_like of shape (n,)
        From (0, quantity) to the horizon, times ascending.

    Returns
    -------
    float
        Infinite if something is left and the terminal penalty is infinite.

    Examples
    --------
    >>> trading_cost(OptimalLiquidation(10.0, 5.0, 1e-3), [0.0, 5.0], [10.0, 0.0])
    0.02
    """
    t, q = vector("times", times, 2), vector("inventory_lots", inventory_lots, 2)
    if len(t) != len(q):
        raise ValueError(f"times and inventory_lots must have the same length, had {len(t)} and "
                         f"{len(q)}")
    steps = np.diff(t)
    if t[0] != 0.0 or t[-1] != sale.horizon or (steps <= 0.0).any():
        raise ValueError(f"times must ascend from 0 to {sale.horizon:g}, ran from {t[0]:g} to "
                         f"{t[-1]:g}")
    if q[0] != sale.quantity_lots:
        raise ValueError(f"inventory_lots must begin with {sale.quantity_lots:g}, was {q[0]:g}")
    if q[-1] != 0.0 and isinf(sale.terminal_penalty):
        return inf
    last = 0.0 if q[-1] == 0.0 else (sale.terminal_penalty - 0.5 * sale.permanent) * q[-1] ** 2
    # Simpson's rule is exact for the square of a line.
    squares = steps / 3.0 * (q[:-1] ** 2 + q[:-1] * q[1:] + q[1:] ** 2)
    paid = sale.temporary * np.diff(q) ** 2 / steps + sale.running_penalty * squares
    return float(paid.sum() + last + 0.5 * sale.permanent * q[0] ** 2)
