"""A finite-difference solver of the liquidation problem's Hamilton-Jacobi-Bellman equation.

For what has no closed form: limits on the speed, liquidity and volatility that change with the
time, impact that is not linear in the speed, a spread, penalties other than a square. Where
`OptimalLiquidation` applies the two agree.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import inf, isfinite
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from dreammaker.stochastic._checks import (
    Floats,
    count,
    finite,
    frozen,
    not_negative,
    positive,
    vector,
)

Scheme = Literal["box", "upwind"]
TimeDependent = float | Callable[[float], float]
"""A number, or a function of the time since the start."""

_MAX_CELLS = 20_000_000

_DAMPED_STEPS = 4
"""Upwind steps that the box scheme begins with, to damp an end too steep for it (Rannacher)."""


@dataclass(frozen=True, slots=True)
class LiquidationControl:
    """Sell an inventory by choosing a speed v(t, q) in [0, max_speed].

    Maximises the expected cash from sales at ``price - half_spread - temporary v ** exponent``,
    less ``running_penalty q ** penalty_exponent`` a unit of time and ``terminal_penalty q^2`` at
    the end. Without permanent impact its HJB equation for the value ``cash + q price + h(t, q)`` is

    ``h_t - running_penalty q^m + drift q + sup_v(-half_spread v - temporary v^(1+p) - v h_q) = 0,
    h(T, q) = -terminal_penalty q^2``;

    permanent impact adds ``-permanent q v``, which ``g = h + permanent q^2 / 2`` removes.

    Parameters
    ----------
    quantity_lots : float
        Above 0.
    horizon : float
        T, any unit of time.
    temporary : float or callable
        k, points per (lot per unit of time) ** exponent; a callable of the time for liquidity that
        varies over the day. Above 0.
    terminal_penalty : float
        alpha, points per lot, finite, at least permanent / 2.
    exponent : float
        p of the impact, above 0; 1 is linear.
    permanent : float
        b, points per lot.
    half_spread : float
        Points.
    running_penalty : float or callable
        phi; ``risk aversion x sigma(t)^2`` for a volatility that varies.
    penalty_exponent : float
        m, above 0.
    drift : float or callable
        Points per unit of time.
    max_speed : float or callable
        Lots per unit of time; infinite by default.

    Raises
    ------
    ValueError
        If a parameter is out of range.
    """

    quantity_lots: float
    horizon: float
    temporary: TimeDependent
    terminal_penalty: float
    exponent: float = 1.0
    permanent: float = 0.0
    half_spread: float = 0.0
    running_penalty: TimeDependent = 0.0
    penalty_exponent: float = 2.0
    drift: TimeDependent = 0.0
    max_speed: TimeDependent = inf

    def __post_init__(self) -> None:
        for name in ("quantity_lots", "horizon", "exponent", "penalty_exponent"):
            positive(name, getattr(self, name))
        for name in ("permanent", "half_spread"):
            not_negative(name, getattr(self, name))
        if not isfinite(self.terminal_penalty) or self.terminal_penalty < 0.5 * self.permanent:
            raise ValueError("terminal_penalty must be finite and at least permanent / 2 = "
                             f"{0.5 * self.permanent:g}, was {self.terminal_penalty}; for a forced "
                             "end take it large against temporary / time step")


@dataclass(frozen=True, slots=True)
class LiquidationSolution:
    """Value and best speed on a grid of times and inventories.

    Parameters
    ----------
    times : ndarray of float64, shape (n + 1,)
        0 to the horizon, closer together toward the end.
    inventory_lots : ndarray of float64, shape (m + 1,)
        0 to the quantity.
    value : ndarray of float64, shape (n + 1, m + 1)
        h(t, q), points times lots.
    speed : ndarray of float64, shape (n + 1, m + 1)
        Lots per unit of time.
    """

    times: Floats
    inventory_lots: Floats
    value: Floats
    speed: Floats

    def speed_at(self, time: float, inventory_lots: float) -> float:
        """Best speed in feedback form, linear between grid points.

        Raises
        ------
        ValueError
            If time or inventory lie outside the grid.
        """
        if not 0.0 <= time <= self.times[-1]:
            raise ValueError(f"time must be in [0, {self.times[-1]:g}], was {time}")
        if not 0.0 <= inventory_lots <= self.inventory_lots[-1]:
            raise ValueError(f"inventory_lots must be in [0, {self.inventory_lots[-1]:g}], was "
                             f"{inventory_lots}")
        row = int(np.clip(np.searchsorted(self.times, time, side="right") - 1, 0,
                          len(self.times) - 2))
        share = float((time - self.times[row]) / (self.times[row + 1] - self.times[row]))
        low, high = (_linear(self.inventory_lots, self.speed[row + i], inventory_lots)
                     for i in (0, 1))
        return low + share * (high - low)

    def inventory(self, start_lots: float | None = None) -> Floats:
        """Inventory at ``times`` when the best speed is followed from a start (all of it).

        Returns
        -------
        ndarray of float64, shape (n + 1,)

        Notes
        -----
        Heun's method on the grid's own times, second order.
        """
        x = float(self.inventory_lots[-1]) if start_lots is None else finite("start_lots",
                                                                             start_lots)
        self.speed_at(0.0, x)
        path = [x]
        for j in range(len(self.times) - 1):
            h = float(self.times[j + 1] - self.times[j])
            before = _linear(self.inventory_lots, self.speed[j], x)
            ahead = _linear(self.inventory_lots, self.speed[j + 1], max(x - h * before, 0.0))
            x = max(x - 0.5 * h * (before + ahead), 0.0)
            path.append(x)
        return np.array(path)


def solve_liquidation(control: LiquidationControl, inventory_steps: int = 100,
                      time_steps: int = 400, *, scheme: Scheme = "box", time_grading: float = 2.0,
                      inventory_grading: float = 2.0) -> LiquidationSolution:
    """Solve the HJB equation backward from the horizon.

    Parameters
    ----------
    control : LiquidationControl
    inventory_steps, time_steps : int
        Cells of the grid.
    scheme : {"box", "upwind"}
        ``box``: centred in both directions, implicit, of second order where the solution is smooth.
        ``upwind``: implicit Euler with one-sided differences, of first order, monotone: it
        converges to the viscosity solution also across kinks. Both are stable for any ratio of
        the steps. Where the last step is longer than the whole quantity takes at the end's speed
        (about temporary / terminal_penalty), the box scheme takes its four last steps upwind.
    time_grading, inventory_grading : float
        In [1, 10], 1 for even grids. Times are at ``T (1 - (1 - j/n)^grading)``, since the solution
        bends most near the end, over a time of about temporary / terminal_penalty; inventories
        at ``quantity (i/m)^grading``, since in the cell next to 0 the speed is right only to
        its own size.

    Returns
    -------
    LiquidationSolution

    Raises
    ------
    ValueError
        If a parameter is out of range, or a callable returns a value that is.

    Notes
    -----
    Sales only lower the inventory, so a cell needs its neighbours of lower inventory and later time
    alone: with y the slope g_q in the cell both schemes solve ``y - (dt/dq) F(y) = known`` for one
    number, F decreasing, hence one root. Cells of one anti-diagonal are solved together, O(cells)
    in all. With ``inventory_steps`` equal to the lots and an even grid, ``upwind`` is exact in
    inventory for sales of single lots at Poisson times of rate v. The same bits on every machine
    for an exponent of 1, a penalty_exponent of 2 and gradings of 1 or 2.

    Examples
    --------
    >>> from dreammaker.stochastic.liquidation import OptimalLiquidation
    >>> control = LiquidationControl(10.0, 60.0, 1e-3, 0.01, running_penalty=1e-5)
    >>> found = solve_liquidation(control, 50, 200)
    >>> exact = OptimalLiquidation(10.0, 60.0, 1e-3, 0.0, 1e-5, 0.01)
    >>> bool(abs(found.speed_at(0.0, 10.0) / exact.feedback_speed(0.0, 10.0) - 1) < 1e-3)
    True
    """
    m, n = count("inventory_steps", inventory_steps, 2), count("time_steps", time_steps, 2)
    if (m + 1) * (n + 1) > _MAX_CELLS:
        raise ValueError(f"inventory_steps x time_steps must be at most {_MAX_CELLS}, was {m * n}")
    if scheme not in ("box", "upwind"):
        raise ValueError(f"scheme must be box or upwind, was {scheme!r}")
    left = control.horizon * _graded("time_grading", time_grading, n)
    q = control.quantity_lots * _graded("inventory_grading", inventory_grading, m)
    solved = _sweep(control, left, q, scheme == "box")
    at = _Coefficients.at(control, control.horizon - left)
    slope = np.gradient(solved, q, axis=1, edge_order=2)
    speed = _best_speed(-(slope + control.half_spread), at.k[:, None], control.exponent,
                        at.cap[:, None])
    speed[:, 0] = 0.0
    return LiquidationSolution(
        frozen(np.ascontiguousarray((control.horizon - left)[::-1])), frozen(q),
        frozen(np.ascontiguousarray(solved[::-1] - 0.5 * control.permanent * q * q)),
        frozen(np.ascontiguousarray(speed[::-1])))


@dataclass(frozen=True, slots=True)
class _Coefficients:
    k: Floats
    phi: Floats
    drift: Floats
    cap: Floats

    @classmethod
    def at(cls, control: LiquidationControl, times: Floats) -> "_Coefficients":
        return cls(_sampled("temporary", control.temporary, times, 0.0, inf, False),
                   _sampled("running_penalty", control.running_penalty, times, 0.0, inf),
                   _sampled("drift", control.drift, times, -inf, inf),
                   _sampled("max_speed", control.max_speed, times, 0.0, inf, limited=False))


def _graded(name: str, grading: float, steps: int) -> Floats:
    if not 1.0 <= grading <= 10.0:
        raise ValueError(f"{name} must be in [1, 10], was {grading}")
    even = np.linspace(0.0, 1.0, steps + 1)
    return even if grading == 1.0 else even * even if grading == 2.0 else even ** grading


def _sweep(control: LiquidationControl, left: Floats, q: Floats, box: bool) -> Floats:
    # g by [steps from the end, inventory]; row 0 is the terminal condition, column 0 is 0.
    n, m = len(left) - 1, len(q) - 1
    h, dq = np.diff(left), np.diff(q)
    centred = np.full(n, box)
    if box and float(h[0]) * _end_rate(control) > 1.0:
        centred[:_DAMPED_STEPS] = False
    at = _Coefficients.at(control, control.horizon - left[1:] + np.where(centred, 0.5 * h, 0.0))
    middle = q[1:] - 0.5 * dq
    g = np.zeros((n + 1, m + 1))
    g[0] = -(control.terminal_penalty - 0.5 * control.permanent) * q * q
    for d in range(2, n + m + 1):
        row = np.arange(max(1, d - m), min(n, d - 1) + 1)
        col = d - row
        j, i = row - 1, col - 1
        later, lower = g[j, col], g[row, i]
        x = np.where(centred[j], middle[i], q[col])
        penalty = x * x if control.penalty_exponent == 2.0 else x ** control.penalty_exponent
        known = (later - lower - h[j] * (at.phi[j] * penalty - at.drift[j] * x)) / dq[i]
        y = _slope(known, h[j] / dq[i], at.k[j], at.cap[j], control.exponent, control.half_spread)
        g[row, col] = np.where(centred[j], lower + 2.0 * dq[i] * y - (later - g[j, i]),
                               lower + dq[i] * y)
    return g


def _end_rate(control: LiquidationControl) -> float:
    """Share of the quantity that is sold in a unit of time at the end."""
    at, p = _Coefficients.at(control, np.array([control.horizon])), control.exponent
    net = control.terminal_penalty - 0.5 * control.permanent
    gain = np.array([2.0 * net * control.quantity_lots])
    return float(_best_speed(gain, at.k, p, at.cap)[0]) / control.quantity_lots


def _slope(known: Floats, ratio: Floats, k: Floats, cap: Floats, p: float, spread: float
           ) -> Floats:
    """Root y of ``y - ratio F(y) = known``, F(y) = sup over v in [0, cap] of the Hamiltonian."""
    # z = -(y + spread) is what a lot gains by being sold; nothing is sold where it is below 0.
    want = np.maximum(-(known + spread), 0.0)
    if p == 1.0:
        z = 2.0 * want / (1.0 + np.sqrt(1.0 + ratio * want / k))
        speed = z / (2.0 * k)
    else:
        speed = _root_speed(want, ratio, k, p)
        z = (1.0 + p) * k * speed ** p
    fast = speed > cap
    if fast.any():
        limit = np.where(fast, cap, 0.0)
        paid = k * limit * (limit if p == 1.0 else limit ** p)
        z = np.where(fast, (want + ratio * paid) / (1.0 + ratio * limit), z)
    return np.where(want > 0.0, -spread - z, known)


def _root_speed(want: Floats, ratio: Floats, k: Floats, p: float) -> Floats:
    """Speed v of ``(1 + p) k v^p + ratio p k v^(1 + p) = want``."""
    # In logarithms the left side is convex and its slope lies between p and 1 + p: Newton's method
    # from an upper bound, at most ln 2 too high, falls to the root monotonically.
    some = want > 0.0
    w, c, kk = want[some], ratio[some], k[some]
    one, two = np.log((1.0 + p) * kk), np.log(c * p * kk)
    x = np.minimum((np.log(w) - one) / p, (np.log(w) - two) / (1.0 + p))
    for _ in range(8):
        a, b = np.exp(one + p * x - np.log(w)), np.exp(two + (1.0 + p) * x - np.log(w))
        x = x - np.log(a + b) * (a + b) / (p * a + (1.0 + p) * b)
    out = np.zeros_like(want)
    out[some] = np.exp(x)
    return out


def _best_speed(gain: Floats, k: Floats, p: float, cap: Floats) -> Floats:
    scaled = np.maximum(gain, 0.0) / ((1.0 + p) * k)
    return np.asarray(np.minimum(scaled if p == 1.0 else scaled ** (1.0 / p), cap))


def _linear(grid: Floats, values: Floats, x: float) -> float:
    i = min(int(np.searchsorted(grid, x, side="right")) - 1, len(grid) - 2)
    share = float((x - grid[i]) / (grid[i + 1] - grid[i]))
    return float(values[i]) + share * float(values[i + 1] - values[i])


def _sampled(name: str, value: TimeDependent, times: Floats, least: float, most: float,
             inclusive: bool = True, limited: bool = True) -> Floats:
    read = np.array([float(value(t)) if callable(value) else float(value)
                     for t in times.tolist()])
    good = (read >= least) if inclusive else (read > least)
    good = good & (np.isfinite(read) if limited else ~np.isnan(read)) & (read <= most)
    if not good.all():
        at = int(np.flatnonzero(~good)[0])
        rule = "finite" if least == -inf else f"{'' if inclusive else 'above '}{least:g}" + (
            " or more" if inclusive else "")
        raise ValueError(f"{name} must be {rule}, was {read[at]} at time {times[at]:g}")
    return read


def liquidation_cost(control: LiquidationControl, times: ArrayLike, inventory_lots: ArrayLike
                     ) -> float:
    """Cost and penalties of any piecewise linear path, points times lots.

    Minus the value h(0, quantity) for the best path; by the midpoint rule in each step, so for
    comparing paths on a fine grid.

    Parameters
    ----------
    control : LiquidationControl
    times, inventory_lots : array_like of shape (n,)
        Times from 0 to the horizon; inventory from the quantity on, never rising, 0 or more.
    """
    t, x = vector("times", times, 2), vector("inventory_lots", inventory_lots, 2)
    if len(t) != len(x):
        raise ValueError(f"times and inventory_lots must have the same length, had {len(t)} and "
                         f"{len(x)}")
    if t[0] != 0.0 or t[-1] != control.horizon or (np.diff(t) <= 0.0).any():
        raise ValueError(f"times must ascend from 0 to {control.horizon:g}")
    if x[0] != control.quantity_lots or (np.diff(x) > 0.0).any() or x[-1] < 0.0:
        raise ValueError(f"inventory_lots must fall from {control.quantity_lots:g} to 0 or more")
    h, middle = np.diff(t), 0.5 * (x[1:] + x[:-1])
    at = _Coefficients.at(control, 0.5 * (t[1:] + t[:-1]))
    speed = -np.diff(x) / h
    rate = (control.half_spread * speed + at.k * speed ** (1.0 + control.exponent)
            + at.phi * middle ** control.penalty_exponent - at.drift * middle)
    net = control.terminal_penalty - 0.5 * control.permanent
    return float((h * rate).sum() + net * x[-1] ** 2
                 + 0.5 * control.permanent * control.quantity_lots ** 2)
