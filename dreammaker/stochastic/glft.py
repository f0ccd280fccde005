"""Quotes of Gueant, Lehalle and Fernandez-Tapia: inventory bounds, no need of a horizon.

"Dealing with the inventory risk", Math. Financial Economics 7, 2013 (arXiv 1105.3115), and Gueant,
"Optimal market making", 2017 (arXiv 1605.01862), eqs (4.6) and (4.7) for the order size and xi.
Distances are measured from the mid, in points; inventory in lots; time in any one unit.
"""

from dataclasses import dataclass
from math import floor, isfinite, sqrt

import numpy as np

from dreammaker.stochastic._checks import Floats, finite, frozen, not_negative, positive
from dreammaker.stochastic._portable import exp, exp_all, log1p, log_all

_TAYLOR_TERMS = 24
"""Of exp on steps of norm 1: the first term left out is below 2e-24 of the sum."""

_MAX_STATES = 20_001
_MAX_NORM = 1_000_000.0
_LEAST_VALUE = 1e-290


@dataclass(frozen=True, slots=True)
class GlftQuotes:
    """Distances by inventory.

    Parameters
    ----------
    inventory_lots : ndarray of float64, shape (n,)
        From -bound to bound in steps of the order size.
    bid_distance, ask_distance : ndarray of float64, shape (n,)
        mid - bid and ask - mid, points; NaN where the bound forbids the side.
    """

    inventory_lots: Floats
    bid_distance: Floats
    ask_distance: Floats


@dataclass(frozen=True, slots=True)
class Glft:
    """The market maker's problem with exponential fill rates and a bounded inventory.

    Parameters
    ----------
    risk_aversion : float
        gamma per point and lot, above 0.
    volatility : float
        sigma, points per square root of a unit of time.
    intensity : float
        A, fills of one order per unit of time at the mid.
    decay : float
        k per point.
    drift : float
        mu, points per unit of time.
    order_size_lots : float
        Delta, lots of every quote.
    xi : float, optional
        Aversion to the risk of single fills: gamma (the default) is exponential utility, 0 is
        expected profit less a running penalty on inventory.
    fill_impact : float
        Points by which the mid moves against every fill (the paper's section 5, adverse selection).

    Raises
    ------
    ValueError
        If a parameter is out of range.

    Notes
    -----
    With value ``theta(t, q)`` and ``v = exp(k theta / Delta)`` the HJB equation becomes linear,
    ``v' = M v``, M tridiagonal with ``(k / Delta)(gamma sigma^2 q^2 / 2 - mu q)`` on its diagonal
    and ``-eta = -A (1 + xi Delta / k)^-(1 + k / (xi Delta))`` beside it. A fill impact x shifts
    theta by ``x q^2 / (2 Delta)``, which multiplies eta by ``exp(-k x / 2)`` and adds x / 2 to
    both distances. The same bits on every machine.

    Examples
    --------
    >>> maker = Glft(0.01, 0.3, 0.9, 0.3)
    >>> bid, ask = maker.asymptotic(1.0)
    >>> round(bid, 10), round(ask, 10)
    (3.3807810311, 3.245049366)
    """

    risk_aversion: float
    volatility: float
    intensity: float
    decay: float
    drift: float = 0.0
    order_size_lots: float = 1.0
    xi: float | None = None
    fill_impact: float = 0.0

    def __post_init__(self) -> None:
        for name in ("risk_aversion", "volatility", "intensity", "decay", "order_size_lots"):
            positive(name, getattr(self, name))
        finite("drift", self.drift)
        not_negative("fill_impact", self.fill_impact)
        if self.xi is not None:
            not_negative("xi", self.xi)

    @property
    def base_distance(self) -> float:
        """The constant c = ln(1 + xi Delta / k) / (xi Delta), plus half the fill impact; points."""
        risk = self._risk
        half = 0.5 * self.fill_impact
        return (1.0 / self.decay if risk == 0.0 else log1p(risk / self.decay) / risk) + half

    @property
    def fill_weight(self) -> float:
        """eta, the matrix's off-diagonal, per unit of time."""
        k, risk = self.decay, self._risk
        fall = 1.0 if risk == 0.0 else (1.0 + k / risk) * log1p(risk / k)
        return self.intensity * exp(-fall - 0.5 * k * self.fill_impact)

    @property
    def skew(self) -> float:
        """C, points: how far one order of inventory moves both quotes, in the long run."""
        return sqrt(self._variance_cost * self.order_size_lots
                    / (2.0 * self.decay * self.fill_weight))

    def asymptotic(self, inventory_lots: float) -> tuple[float, float]:
        """Bid and ask distance far from the horizon and the bounds, closed form; points.

        ``c + ((2 q + Delta) / (2 Delta) - mu / (gamma sigma^2 Delta)) C`` and the mirror image.
        """
        shift = self.drift / self._variance_cost
        lean = (finite("inventory_lots", inventory_lots) - shift) / self.order_size_lots
        return (self.base_distance + (lean + 0.5) * self.skew,
                self.base_distance - (lean - 0.5) * self.skew)

    def quotes(self, bound_lots: float, time_left: float) -> GlftQuotes:
        """Exact distances for every inventory within the bound.

        Parameters
        ----------
        bound_lots : float
            Q, a whole number of orders; no bid at Q, no ask at -Q.
        time_left : float
            T - t, 0 or more.

        Returns
        -------
        GlftQuotes

        Raises
        ------
        ValueError
            If the bound is no whole number of orders, or bound and time are so wide that the
            values leave the range of floats or take more than a million steps.

        Notes
        -----
        ``v = exp(-M (T - t)) v(T)`` by Taylor steps on ``c I - M``, whose entries are 0 or more:
        nothing cancels, so every entry keeps its relative accuracy however small. O(states x norm).
        """
        values = self.log_value(bound_lots, time_left)
        grid = self._grid(bound_lots)
        step = np.diff(values) / self.decay
        bid, ask = np.full(len(grid), np.nan), np.full(len(grid), np.nan)
        bid[:-1] = self.base_distance - step
        ask[1:] = self.base_distance + step
        return GlftQuotes(frozen(grid), frozen(bid), frozen(ask))

    def log_value(self, bound_lots: float, time_left: float) -> Floats:
        """Logarithm of v by inventory from -bound to bound; the value theta is ln v x Delta / k."""
        diagonal, v, log_scale = self._start(bound_lots)
        left = not_negative("time_left", time_left)
        top = float(diagonal.max())
        stay, eta = top - diagonal, self.fill_weight
        norm = (float(stay.max()) + 2.0 * eta) * left
        if norm > _MAX_NORM:
            raise ValueError(f"time_left must be at most {_MAX_NORM / norm * left:.6g} with "
                             f"bound_lots {bound_lots:g}, was {time_left:g}; far from the end use "
                             "asymptotic()")
        steps = max(1, int(norm) + 1)
        h = left / steps
        for _ in range(steps):
            term = total = v
            for n in range(1, _TAYLOR_TERMS):
                moved = stay * term
                moved[1:] += eta * term[:-1]
                moved[:-1] += eta * term[1:]
                term = moved * (h / n)
                total = total + term
            # A power of two scales without rounding.
            largest = float(total.max())
            _, exponent = np.frexp(largest)
            v = np.ldexp(total, -int(exponent))
            log_scale += float(exponent) * 0.6931471805599453 - top * h
        if float(v.min()) < _LEAST_VALUE:
            known = float(self._grid(bound_lots)[v >= _LEAST_VALUE].max())
            raise ValueError(f"bound_lots must be at most about {known:g} with time_left "
                             f"{left:g}, since values beyond vanish, was {bound_lots:g}")
        return log_all(v) + log_scale

    def matrix(self, bound_lots: float) -> Floats:
        """M, shape (states, states), for checks against other integrators."""
        diagonal, _, _ = self._start(bound_lots)
        beside = np.full(len(diagonal) - 1, -self.fill_weight)
        return np.diag(diagonal) + np.diag(beside, 1) + np.diag(beside, -1)

    @property
    def _variance_cost(self) -> float:
        return self.risk_aversion * (self.volatility * self.volatility)

    @property
    def _risk(self) -> float:
        xi = self.risk_aversion if self.xi is None else self.xi
        return xi * self.order_size_lots

    def _grid(self, bound_lots: float) -> Floats:
        orders = positive("bound_lots", bound_lots) / self.order_size_lots
        if orders != floor(orders) or 2 * orders + 1 > _MAX_STATES:
            raise ValueError("bound_lots must be a whole number of orders of "
                             f"{self.order_size_lots:g}, at most {_MAX_STATES // 2}, was "
                             f"{bound_lots:g}")
        return np.arange(-int(orders), int(orders) + 1, dtype=np.float64) * self.order_size_lots

    def _start(self, bound_lots: float) -> tuple[Floats, Floats, float]:
        q = self._grid(bound_lots)
        scale = self.decay / self.order_size_lots
        diagonal = scale * (0.5 * self._variance_cost * q * q
                            - self.drift * q)
        size = self.order_size_lots
        loss = 0.5 * self.decay * self.fill_impact / (size * size) * q * q
        return diagonal, exp_all(-loss), 0.0


def passive_quotes(mid: float, bid_distance: float, ask_distance: float,
                   tick_size: float) -> tuple[float, float]:
    """Quotes on the grid that are no closer to the mid than asked; points.

    Parameters
    ----------
    mid : float
    bid_distance, ask_distance : float
        NaN gives NaN: no quote on that side.
    tick_size : float

    Returns
    -------
    tuple of float
        Bid rounded down and ask rounded up to the grid.

    Examples
    --------
    >>> passive_quotes(130_002.5, 3.3, 3.3, 5.0)
    (129995.0, 130010.0)
    """
    tick = positive("tick_size", tick_size)
    bid, ask = (finite("mid", mid) - bid_distance) / tick, (mid + ask_distance) / tick
    # A quote that misses a grid point by rounding alone is that grid point.
    return (tick * floor(bid + 1e-9) if isfinite(bid) else float("nan"),
            -tick * floor(-ask + 1e-9) if isfinite(ask) else float("nan"))
