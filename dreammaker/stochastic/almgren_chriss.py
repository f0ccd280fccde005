"""Almgren and Chriss's optimal execution: trajectories in discrete time, their cost and risk.

"Optimal execution of portfolio transactions", J. Risk 3(2), 2000/01; numbers in brackets are its
equations. Time is in any one unit (days in the paper); prices in points, quantities in lots.
"""

from dataclasses import dataclass
from math import acos, pi, sqrt

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
from dreammaker.stochastic._portable import asinh, sinh, sinh_ratio


@dataclass(frozen=True, slots=True)
class Trajectory:
    """An execution trajectory and what is expected of it.

    Parameters
    ----------
    times : ndarray of float64, shape (N + 1,)
        0 to the horizon.
    holdings_lots : ndarray of float64, shape (N + 1,)
        Left to trade at each time; not rounded.
    trades_lots : ndarray of float64, shape (N,)
        Traded in each interval.
    expected_cost : float
        E of (8), less the gain from a drift; points times lots.
    cost_variance : float
        V of (5).
    kappa : float
        Urgency per unit of time (19); 0 for the straight line; for a negative risk aversion the
        frequency of the trigonometric form.
    """

    times: Floats
    holdings_lots: Floats
    trades_lots: Floats
    expected_cost: float
    cost_variance: float
    kappa: float

    @property
    def half_life(self) -> float:
        """1 / kappa, the trade's own time scale; infinite for the straight line."""
        return 1.0 / self.kappa if self.kappa > 0.0 else float("inf")


@dataclass(frozen=True, slots=True)
class AlmgrenChriss:
    """A position to be traded away in equal intervals.

    Parameters
    ----------
    quantity_lots : float
        X; above 0 to sell, below 0 to buy.
    horizon : float
        T, units of time.
    interval_count : int
        N.
    volatility : float
        sigma, points per square root of a unit of time.
    half_spread : float
        epsilon, points: fixed cost of a lot.
    permanent : float
        gamma, points per lot.
    temporary : float
        eta, points per (lot per unit of time); eta - gamma tau / 2 must be above 0.

    Raises
    ------
    ValueError
        If a parameter is out of range.

    Examples
    --------
    The paper's Table 1.

    >>> model = AlmgrenChriss(1e6, 5.0, 5, 0.95, 0.0625, 2.5e-7, 2.5e-6)
    >>> best = model.trajectory(1e-6)
    >>> best.holdings_lots.round(2).tolist()
    [1000000.0, 541955.55, 289854.22, 147897.49, 62141.8, 0.0]
    >>> round(best.kappa, 10), round(best.expected_cost, 4)
    (0.6070761632, 911226.9863)
    """

    quantity_lots: float
    horizon: float
    interval_count: int
    volatility: float
    half_spread: float
    permanent: float
    temporary: float

    def __post_init__(self) -> None:
        if finite("quantity_lots", self.quantity_lots) == 0.0:
            raise ValueError("quantity_lots must not be 0, was 0")
        positive("horizon", self.horizon)
        count("interval_count", self.interval_count)
        for name in ("volatility", "half_spread", "permanent"):
            not_negative(name, getattr(self, name))
        positive("temporary", self.temporary)
        if self.temporary_net <= 0.0:
            raise ValueError("temporary must be above permanent x interval / 2 = "
                             f"{0.5 * self.permanent * self.interval:g}, was {self.temporary:g}; "
                             "use more intervals")

    @property
    def interval(self) -> float:
        """tau, length of an interval."""
        return self.horizon / self.interval_count

    @property
    def temporary_net(self) -> float:
        """eta~ = eta - gamma tau / 2."""
        return self.temporary - 0.5 * self.permanent * self.interval

    def kappa(self, risk_aversion: float) -> float:
        """Exact urgency for a risk aversion (19); for a negative one the frequency.

        Raises
        ------
        ValueError
            If the risk aversion is so negative that no cheapest trajectory exists (kappa T would
            reach pi).
        """
        tau = self.interval
        bend = (finite("risk_aversion", risk_aversion) * self.volatility * self.volatility
                / self.temporary_net * tau * tau)
        if bend >= 0.0:
            # acosh(1 + y/2) = 2 asinh(sqrt(y)/2), accurate for small y.
            return 2.0 * asinh(0.5 * sqrt(bend)) / tau
        angle = acos(1.0 + 0.5 * bend) if bend > -4.0 else pi
        if angle * self.interval_count >= pi:
            least = -self.temporary_net * (2.0 * np.sin(0.5 * pi / self.interval_count)
                                           / (self.volatility * tau)) ** 2
            raise ValueError(f"risk_aversion must be above {least:.6g}, where cost is no longer "
                             f"bounded below, was {risk_aversion:g}")
        return angle / tau

    def trajectory(self, risk_aversion: float, drift: float = 0.0) -> Trajectory:
        """The trajectory that minimises E + risk_aversion V, (16) to (20).

        Parameters
        ----------
        risk_aversion : float
            lambda; 0 gives equal slices, negative values trade late.
        drift : float
            alpha, points per unit of time; bends the trajectory toward holding
            ``alpha / (2 lambda sigma^2)``.

        Returns
        -------
        Trajectory

        Raises
        ------
        ValueError
            If the risk aversion is too negative, or negative together with a drift.

        Notes
        -----
        The same bits on every machine for a risk aversion of 0 or more.
        """
        finite("drift", drift)
        kappa = self.kappa(risk_aversion)
        T, n = self.horizon, self.interval_count
        times = np.arange(n + 1, dtype=np.float64) * self.interval
        times[-1] = T
        if risk_aversion < 0.0 and kappa > 0.0:
            if drift != 0.0:
                raise ValueError("drift must be 0 where risk_aversion is negative, was "
                                 f"{drift:g}")
            shape = np.sin(kappa * (T - times)) / np.sin(kappa * T)
        else:
            shape = sinh_ratio(kappa, T - times, T)
        holdings = self.quantity_lots * shape
        if drift != 0.0:
            holdings = holdings + self._drift_part(kappa, drift, times)
        holdings[0], holdings[-1] = self.quantity_lots, 0.0
        cost, variance = self.costs(holdings, drift)
        return Trajectory(frozen(times), frozen(holdings), frozen(-np.diff(holdings)), cost,
                          variance, kappa)

    def costs(self, holdings_lots: ArrayLike, drift: float = 0.0) -> tuple[float, float]:
        """Expected cost (8) and variance (5) of any trajectory on the same grid.

        Parameters
        ----------
        holdings_lots : array_like of shape (N + 1,)
            From the quantity to 0.
        drift : float
            As in `trajectory`; the gain from it lowers the cost.

        Returns
        -------
        tuple of float
            Points times lots, and its square.
        """
        x = vector("holdings_lots", holdings_lots)
        if len(x) != self.interval_count + 1:
            raise ValueError(f"holdings_lots must have {self.interval_count + 1} entries, had "
                             f"{len(x)}")
        if x[0] != self.quantity_lots or x[-1] != 0.0:
            raise ValueError(f"holdings_lots must run from {self.quantity_lots:g} to 0, ran from "
                             f"{x[0]:g} to {x[-1]:g}")
        trades, tau = np.diff(x), self.interval
        X = self.quantity_lots
        cost = (0.5 * self.permanent * X * X
                + self.half_spread * _sum(np.abs(trades))
                + self.temporary_net / tau * _sum(trades * trades)
                - finite("drift", drift) * tau * _sum(x[1:]))
        return cost, self.volatility * self.volatility * tau * _sum(x[1:] * x[1:])

    def frontier(self, risk_aversions: ArrayLike) -> Floats:
        """Expected cost and standard deviation of the best trajectory by risk aversion.

        Returns
        -------
        ndarray of float64, shape (n, 2)
        """
        rows = [self.trajectory(a) for a in vector("risk_aversions", risk_aversions).tolist()]
        return np.array([[row.expected_cost, sqrt(row.cost_variance)] for row in rows])

    def drift_holding(self, risk_aversion: float, drift: float) -> float:
        """The holding alpha / (2 lambda sigma^2) that a drift makes worth keeping."""
        return finite("drift", drift) / (2.0 * positive("risk_aversion", risk_aversion)
                                         * positive("volatility", self.volatility) ** 2)

    def _drift_part(self, kappa: float, drift: float, times: Floats) -> Floats:
        # x' [1 - (sinh k(T-t) + sinh kt) / sinh kT] with x' = alpha / (2 lambda sigma^2). Where
        # kappa is small that cancels, so there it is the product
        # 2 sinh(k(T-t)/2) sinh(kt/2) / cosh(kT/2) with x' = alpha tau^2 / (8 eta~ sinh^2(k tau/2)).
        T, tau = self.horizon, self.interval
        scale = drift / (4.0 * self.temporary_net)
        if kappa == 0.0:
            return scale * times * (T - times)
        if kappa * T > 1.0:
            bend = 2.0 * sinh(0.5 * kappa * tau) / tau
            share = 1.0 - sinh_ratio(kappa, T - times, T) - sinh_ratio(kappa, times, T)
            return 2.0 * scale / (bend * bend) * share
        # cosh(kT/2) = 1 + 2 sinh^2(kT/4).
        quarter = sinh(0.25 * kappa * T)
        small = float(sinh_ratio(0.5 * kappa, np.array([tau]), T)[0])
        product = (sinh_ratio(0.5 * kappa, T - times, T) * sinh_ratio(0.5 * kappa, times, T)
                   / (small * small))
        return scale * tau * tau * product / (1.0 + 2.0 * quarter * quarter)


def _sum(values: Floats) -> float:
    # One after the other: the same bits whatever NumPy's lanes.
    total = 0.0
    for value in values.tolist():
        total += value
    return total
