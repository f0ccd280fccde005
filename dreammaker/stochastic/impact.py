"""Power-law price impact: its use, its fit, and what a schedule of trades costs under it."""

from dataclasses import dataclass
from math import sqrt
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from dreammaker.stochastic._checks import (
    Floats,
    finite,
    frozen,
    not_negative,
    positive,
    positive_vector,
    same_length,
    vector,
)


@dataclass(frozen=True, slots=True)
class PowerLawImpact:
    """The law ``I = coefficient volatility (quantity / volume) ** exponent``.

    Parameters
    ----------
    coefficient : float
        Y, without unit, 0 or more; 0.5 to 1 in the literature.
    exponent : float
        delta, above 0; 0.5 is the square-root law (Toth et al. 2011), 0.6 Almgren et al. (2005).

    Examples
    --------
    Volatility 1.2 % a day, a hundredth of the day's volume: 12 basis points.

    >>> round(PowerLawImpact(1.0, 0.5).impact(100.0, 10_000.0, 0.012), 12)
    0.0012
    """

    coefficient: float
    exponent: float

    def __post_init__(self) -> None:
        not_negative("coefficient", self.coefficient)
        positive("exponent", self.exponent)

    def impact(self, quantity_lots: float, volume_lots: float, volatility: float) -> float:
        """Price move against a trade, in the unit of the volatility; odd in the quantity.

        Parameters
        ----------
        quantity_lots : float
            Above 0 a buy (the price rises), below 0 a sell.
        volume_lots : float
            Market volume over the time of the volatility, above 0.
        volatility : float
            Standard deviation of the price change (points) or return over that time.
        """
        quantity = finite("quantity_lots", quantity_lots)
        share = abs(quantity) / positive("volume_lots", volume_lots)
        size = (self.coefficient * not_negative("volatility", volatility)
                * float(share ** self.exponent))
        return size if quantity >= 0.0 else -size

    def impacts(self, quantities_lots: ArrayLike, volumes_lots: ArrayLike,
                volatilities: ArrayLike) -> Floats:
        """The same for vectors (volumes and volatilities may be single numbers).

        Returns
        -------
        ndarray of float64, shape (n,)
        """
        quantities = vector("quantities_lots", quantities_lots)
        volumes = _broadcast("volumes_lots", volumes_lots, len(quantities))
        deviations = _broadcast("volatilities", volatilities, len(quantities))
        shares = np.abs(quantities) / volumes
        return np.asarray(np.sign(quantities) * self.coefficient * deviations
                          * shares ** self.exponent)


def square_root_impact(quantity_lots: float, volume_lots: float, volatility: float,
                       coefficient: float = 1.0) -> float:
    """The square-root law ``Y volatility sqrt(quantity / volume)``.

    Examples
    --------
    >>> round(1e4 * square_root_impact(1.0, 100.0, 0.012), 9)
    12.0
    """
    return PowerLawImpact(coefficient, 0.5).impact(quantity_lots, volume_lots, volatility)


@dataclass(frozen=True, slots=True)
class ImpactFit:
    """A fitted power law.

    Parameters
    ----------
    law : PowerLawImpact
    coefficient_se, exponent_se : float
        Standard errors.
    correlation : float
        Of the two estimates.
    residual_sd : float
        Of ln(impact / volatility) for ``loglog``, of impact / volatility for ``nonlinear``.
    r_squared : float
        In the same variable.
    observation_count : int
    method : {"loglog", "nonlinear"}
    """

    law: PowerLawImpact
    coefficient_se: float
    exponent_se: float
    correlation: float
    residual_sd: float
    r_squared: float
    observation_count: int
    method: str


def fit_power_law(quantities_lots: ArrayLike, volumes_lots: ArrayLike, volatilities: ArrayLike,
                  impacts: ArrayLike, *,
                  method: Literal["loglog", "nonlinear"] = "nonlinear",
                  robust: bool = False) -> ImpactFit:
    """Fit coefficient and exponent of the power law to observed impacts.

    Parameters
    ----------
    quantities_lots, volumes_lots, volatilities : array_like of shape (n,)
        Above 0; volumes and volatilities may be single numbers. Three or more observations.
    impacts : array_like of shape (n,)
        Signed in the direction of the trade, in the unit of the volatilities.
    method : {"nonlinear", "loglog"}
        ``nonlinear``: least squares on impact / volatility, unbiased where single impacts are
        noisy and partly negative, as on real data. ``loglog``: least squares on logarithms, for
        multiplicative noise; all impacts must be above 0.
    robust : bool
        Standard errors by White's sandwich, right also where the noise grows with the quantity or
        changes over the day; otherwise they assume one variance. Independence either way.

    Returns
    -------
    ImpactFit

    Raises
    ------
    ValueError
        If the data are out of range, do not vary, or want a coefficient of 0 or less or an exponent
        outside (0, 5).

    Examples
    --------
    >>> q = np.array([1.0, 4.0, 9.0, 16.0])
    >>> fit = fit_power_law(q, 100.0, 2.0, 0.8 * 2.0 * np.sqrt(q / 100.0))
    >>> round(fit.law.coefficient, 6), round(fit.law.exponent, 6)
    (0.8, 0.5)
    """
    quantities = positive_vector("quantities_lots", quantities_lots, 3)
    shares = quantities / _broadcast("volumes_lots", volumes_lots, len(quantities))
    observed = vector("impacts", impacts)
    same_length("quantities_lots", quantities, "impacts", observed)
    observed = observed / _broadcast("volatilities", volatilities, len(quantities))
    if shares.min() == shares.max():
        raise ValueError("quantities_lots / volumes_lots must vary, was always "
                         f"{shares[0]:g}")
    if method == "loglog":
        return _fit_loglog(shares, observed, robust)
    if method == "nonlinear":
        return _fit_nonlinear(shares, observed, robust)
    raise ValueError(f"method must be nonlinear or loglog, was {method!r}")


def _fit_loglog(shares: Floats, observed: Floats, robust: bool) -> ImpactFit:
    wrong = np.flatnonzero(observed <= 0.0)
    if len(wrong):
        raise ValueError("impacts must be above 0 for method loglog, was of the other sign at "
                         f"index {wrong[0]}; method nonlinear takes it")
    x, y = np.log(shares), np.log(observed)
    design = np.column_stack((np.ones_like(x), x))
    fitted = _solve(design, y)
    return _finish(design, y, fitted, "loglog", y - design @ fitted, robust)


def _fit_nonlinear(shares: Floats, observed: Floats, robust: bool) -> ImpactFit:
    # For a given exponent the best coefficient is a ratio of sums, so one number is searched. The
    # shares are scaled by their geometric mean, which decorrelates the two estimates.
    scale = float(np.exp(np.log(shares).mean()))
    logs = np.log(shares / scale)

    def best(exponent: float) -> tuple[float, float]:
        shape = np.exp(exponent * logs)
        height = float(shape @ observed / (shape @ shape))
        rest = observed - height * shape
        return float(rest @ rest), height

    grid = np.linspace(0.0, 5.0, 251)
    least = int(np.argmin([best(float(e))[0] for e in grid]))
    if least in (0, len(grid) - 1):
        raise ValueError("exponent must lie in (0, 5), the data want "
                         f"{'0 or less' if least == 0 else '5 or more'}")
    low, high = float(grid[least - 1]), float(grid[least + 1])
    golden = 0.5 * (sqrt(5.0) - 1.0)
    while high - low > 1e-12:
        left, right = high - golden * (high - low), low + golden * (high - low)
        if best(left)[0] <= best(right)[0]:
            high = right
        else:
            low = left
    exponent = 0.5 * (low + high)
    # One Newton step on the gradient: a search on values alone stops at half the digits.
    for _ in range(3):
        _, height = best(exponent)
        shape = np.exp(exponent * logs)
        jacobian = np.column_stack((shape, height * shape * logs))
        exponent += float(_solve(jacobian, observed - height * shape)[1])
    _, height = best(exponent)
    if height <= 0.0:
        raise ValueError(f"coefficient must be above 0, the data want {height:g}: impacts are not "
                         "in the direction of the trades")
    shape = np.exp(exponent * logs)
    # Back to shares as given: coefficient = height / scale ** exponent.
    coefficient = height * float(np.exp(-exponent * np.log(scale)))
    raw = np.exp(exponent * np.log(shares))
    jacobian = np.column_stack((coefficient * raw, coefficient * raw * np.log(shares)))
    fitted = np.array([np.log(coefficient), exponent])
    return _finish(jacobian, observed, fitted, "nonlinear", observed - height * shape, robust)


def _finish(design: Floats, y: Floats, fitted: Floats, method: str, rest: Floats,
            robust: bool) -> ImpactFit:
    # The first parameter is ln Y in both methods; its error times Y is that of Y (delta method).
    freedom = len(y) - 2
    variance = float(rest @ rest) / freedom
    root = np.linalg.qr(design, mode="r")
    inverse = np.linalg.inv(root)
    covariance = variance * (inverse @ inverse.T)
    if robust:
        scores = (design @ (inverse @ inverse.T)) * rest[:, None]
        covariance = len(y) / freedom * (scores.T @ scores)
    spread = np.sqrt(np.diag(covariance))
    correlation = float(covariance[0, 1] / (spread[0] * spread[1])) if variance > 0.0 else float(
        (inverse @ inverse.T)[0, 1] / np.sqrt(np.prod(np.diag(inverse @ inverse.T))))
    centred = y - y.mean()
    total = float(centred @ centred)
    coefficient = float(np.exp(fitted[0]))
    if fitted[1] <= 0.0:
        raise ValueError(f"exponent must be above 0, the data want {fitted[1]:g}")
    return ImpactFit(PowerLawImpact(coefficient, float(fitted[1])),
                     coefficient * float(spread[0]), float(spread[1]), correlation,
                     sqrt(variance), 1.0 - float(rest @ rest) / total if total > 0.0 else 1.0,
                     len(y), method)


@dataclass(frozen=True, slots=True)
class ScheduleCost:
    """What a schedule pays above the price at its start, in points times lots, 0 or more each.

    Parameters
    ----------
    temporary : float
        Impact that each slice meets and that is gone by the next.
    permanent : float
        Impact of the slices before, and half of each slice's own, that stays.
    spread : float
        Half spread on every lot.
    slices : ndarray of float64, shape (n,)
        The three together, by slice.
    per_lot_points : float
        Total over the number of lots traded.
    """

    temporary: float
    permanent: float
    spread: float
    slices: Floats
    per_lot_points: float

    @property
    def total(self) -> float:
        """Sum of the three parts, points times lots."""
        return self.temporary + self.permanent + self.spread


@dataclass(frozen=True, slots=True)
class ImpactModel:
    """Impact split into a temporary power law and a permanent linear part.

    Permanent impact is linear in the quantity: any other form lets round trips make money
    (Huberman and Stanzl 2004).

    Parameters
    ----------
    temporary : PowerLawImpact
    permanent_points_per_lot : float
        0 or more.
    half_spread_points : float
        0 or more.

    Examples
    --------
    >>> model = ImpactModel(PowerLawImpact(1.0, 1.0), 0.01)
    >>> cost = model.schedule_cost([10, 10], [100, 100], 5.0)
    >>> cost.temporary, cost.permanent, cost.per_lot_points
    (10.0, 2.0, 0.6)
    """

    temporary: PowerLawImpact
    permanent_points_per_lot: float = 0.0
    half_spread_points: float = 0.0

    def __post_init__(self) -> None:
        not_negative("permanent_points_per_lot", self.permanent_points_per_lot)
        not_negative("half_spread_points", self.half_spread_points)

    def schedule_cost(self, trades_lots: ArrayLike, volumes_lots: ArrayLike,
                      volatilities_points: ArrayLike) -> ScheduleCost:
        """Expected cost of a schedule.

        Parameters
        ----------
        trades_lots : array_like of shape (n,)
            Signed lots of each slice.
        volumes_lots, volatilities_points : array_like of shape (n,) or float
            Market volume, and standard deviation of the price change, of each slice's interval.

        Returns
        -------
        ScheduleCost
        """
        trades = vector("trades_lots", trades_lots, 1)
        lots = np.abs(trades)
        temporary = trades * self.temporary.impacts(trades, volumes_lots, volatilities_points)
        before = np.cumsum(trades) - trades
        permanent = self.permanent_points_per_lot * trades * (before + 0.5 * trades)
        spread = self.half_spread_points * lots
        slices = temporary + permanent + spread
        traded = float(lots.sum())
        return ScheduleCost(float(temporary.sum()), float(permanent.sum()), float(spread.sum()),
                            frozen(slices), float(slices.sum()) / traded if traded else 0.0)


def split_impact(permanent_move: ArrayLike, realized_cost: ArrayLike) -> tuple[Floats, Floats]:
    """Permanent and temporary impact of executed orders.

    Almgren, Thum, Hauptmann and Li (2005), eqs (1) to (3): with I the move of the price from before
    the order to well after it and J its average cost, both signed in the order's direction, an
    even pace pays half the permanent move, so the temporary part is J - I / 2.

    Parameters
    ----------
    permanent_move, realized_cost : array_like of shape (n,)

    Returns
    -------
    tuple of ndarray
        I and J - I / 2; fit each with `fit_power_law`.

    Examples
    --------
    >>> [part.tolist() for part in split_impact([4.0], [5.0])]
    [[4.0], [3.0]]
    """
    moves = vector("permanent_move", permanent_move)
    costs = vector("realized_cost", realized_cost)
    same_length("permanent_move", moves, "realized_cost", costs)
    return moves, costs - 0.5 * moves


def _broadcast(name: str, values: ArrayLike, length: int) -> Floats:
    read = np.asarray(values, dtype=np.float64)
    if read.ndim == 0:
        return np.full(length, positive(name, float(read)))
    read = positive_vector(name, read)
    if len(read) != length:
        raise ValueError(f"{name} must be one number or {length} of them, had {len(read)}")
    return read


def _solve(design: Floats, y: Floats) -> Floats:
    return np.asarray(np.linalg.lstsq(design, y, rcond=None)[0])
