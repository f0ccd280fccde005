"""Unit roots: the augmented Dickey-Fuller test, and the least differencing that passes it."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import ceil, erfc, inf, sqrt
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dreammaker.domain.errors import InputError
from dreammaker.features.fractional import fracdiff, fracdiff_weights

Floats = NDArray[np.float64]
Trend = Literal["n", "c", "ct"]

LEVELS = (0.01, 0.05, 0.10)

# MacKinnon (2010), "Critical values for cointegration tests", Queen's Economics Department working
# paper 1227, table 1 (n: table 2), one series: c = b0 + b1/T + b2/T^2 + b3/T^3 at 1, 5 and 10 %.
_CRITICAL: dict[str, tuple[tuple[float, float, float, float], ...]] = {
    "n": ((-2.56574, -2.2358, -3.627, 0.0), (-1.94100, -0.2686, -3.365, 31.223),
          (-1.61682, 0.2656, -2.714, 25.364)),
    "c": ((-3.43035, -6.5393, -16.786, -79.433), (-2.86154, -2.8903, -4.234, -40.040),
          (-2.56677, -1.5384, -2.809, 0.0)),
    "ct": ((-3.95877, -9.0531, -28.428, -134.155), (-3.41049, -4.3904, -9.036, -45.374),
           (-3.12705, -2.5856, -3.925, -22.380)),
}
# MacKinnon (1994), "Approximate asymptotic distribution functions for unit-root and cointegration
# tests", J. Business & Economic Statistics 12(2), tables 3 and 4, one series: p is the normal
# distribution function of a polynomial in the statistic, one below and one above `star`.
_P_VALUES: dict[str, tuple[float, float, float, tuple[float, ...], tuple[float, ...]]] = {
    "n": (-19.04, -1.04, inf, (0.6344, 1.2378, 0.032496),
          (0.4797, 0.93557, -0.06999, 0.033066)),
    "c": (-18.83, -1.61, 2.74, (2.1659, 1.4412, 0.038269),
          (1.7339, 0.93202, -0.12745, -0.010368)),
    "ct": (-16.18, -2.89, 0.7, (3.2512, 1.6047, 0.049588),
           (2.5261, 0.61654, -0.37956, -0.060285)),
}


@dataclass(frozen=True, slots=True)
class UnitRootTest:
    """An augmented Dickey-Fuller test; the null is a unit root.

    Attributes
    ----------
    statistic : float
        t-value of the lagged level; NaN for a series that does not change.
    p_value : float
        MacKinnon's approximation; small speaks against a unit root.
    lags : int
        Lagged changes in the regression.
    n : int
        Observations in it.
    critical : tuple of float
        At 1, 5 and 10 %, for n observations.

    Examples
    --------
    >>> found = unit_root_test(np.random.default_rng(1).normal(size=200).cumsum(), lags=1)
    >>> found.rejects(), found.n
    (False, 198)
    """

    statistic: float
    p_value: float
    lags: int
    n: int
    critical: tuple[float, float, float]

    def rejects(self, level: float = 0.05) -> bool:
        """Whether the unit root is rejected at 0.01, 0.05 or 0.10."""
        if level not in LEVELS:
            raise InputError(f"level must be one of 0.01, 0.05, 0.1, was {level!r}")
        return self.statistic < self.critical[LEVELS.index(level)]


def unit_root_test(x: ArrayLike, *, trend: Trend = "c", lags: int | None = None,
                   most_lags: int | None = None) -> UnitRootTest:
    """Augmented Dickey-Fuller test of a series.

    ``dx_t = g x_{t-1} + sum_i c_i dx_{t-i} + deterministic terms``; the statistic is the t-value
    of g (Said and Dickey 1984).

    Parameters
    ----------
    x : array_like of shape (n,)
        Finite, in order of time.
    trend : {"n", "c", "ct"}
        No deterministic term, a constant, a constant and a trend.
    lags : int, optional
        Lagged changes; chosen by Akaike's criterion over one sample where not given.
    most_lags : int, optional
        Most lags to choose from; Schwert's ``12 (n/100)^(1/4)`` where not given.

    Returns
    -------
    UnitRootTest

    Raises
    ------
    InputError
        If x holds what is no finite number, or is too short for its lags.

    Notes
    -----
    All lags are compared from one triangular factor: O(n lags^2), as one fit. Agrees with
    statsmodels 0.15's ``adfuller`` (a test).

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> walk = np.cumsum(rng.standard_normal(1000))
    >>> unit_root_test(walk).rejects(), unit_root_test(np.diff(walk)).rejects()
    (False, True)
    """
    series = _series(x)
    if trend not in _CRITICAL:
        raise InputError(f"trend must be one of n, c, ct, was {trend!r}")
    for name, value in (("lags", lags), ("most_lags", most_lags)):
        if value is not None and (isinstance(value, bool)
                                  or not isinstance(value, int | np.integer) or value < 0):
            raise InputError(f"{name} must be a whole number of 0 or more, was {value!r}")
    terms = {"n": 0, "c": 1, "ct": 2}[trend]
    most = lags
    if most is None:
        most = ceil(12.0 * (len(series) / 100.0) ** 0.25) if most_lags is None else most_lags
        most = min(most, len(series) // 2 - terms - 1)
    if most < 0 or len(series) - 1 - most < most + terms + 3:
        raise InputError(f"x must be longer for {max(most, 0)} lags, had {len(series)} values")
    if bool((series == series[0]).all()):
        return UnitRootTest(float("nan"), float("nan"), 0, len(series) - 1, _critical(trend, inf))
    # The test knows neither level (beside a constant) nor unit, but the arithmetic does: a walk of
    # tens around a million would be a constant to it.
    if terms:
        series = series - series[0]
    series = series / np.abs(series).max()
    chosen = most if lags is not None else _best_lags(series, trend, most)
    design, target = _regression(series, trend, chosen)
    statistic = _t_of_level(design, target, terms)
    n = len(target)
    return UnitRootTest(statistic, _p_value(statistic, trend), chosen, n, _critical(trend, n))


@dataclass(frozen=True, slots=True)
class Differencing:
    """One order of differencing and what it leaves.

    Attributes
    ----------
    d : float
    test : UnitRootTest
        Of the differenced series, with a constant.
    correlation : float
        Of the differenced series with the original one: the memory that is left.
    width : int
        Weights of the filter.

    Examples
    --------
    >>> walk = np.random.default_rng(1).normal(size=500).cumsum()
    >>> half = least_differencing(walk, orders=[0.5], threshold=0.01).tried[0]
    >>> half.d, bool(0.0 < half.correlation < 1.0)
    (0.5, True)
    """

    d: float
    test: UnitRootTest
    correlation: float
    width: int


@dataclass(frozen=True, slots=True)
class LeastDifferencing:
    """Orders that were tried and the first that passes.

    Attributes
    ----------
    d : float or None
        The smallest order at which the unit root is rejected; None if none does.
    level : float
        Of the test.
    tried : tuple of Differencing
        Ascending; all orders, also those beyond `d`.

    Examples
    --------
    >>> walk = np.random.default_rng(1).normal(size=500).cumsum()
    >>> least_differencing(walk, orders=[0.0, 1.0]).d
    1.0
    """

    d: float | None
    level: float
    tried: tuple[Differencing, ...]


def least_differencing(x: ArrayLike, *, orders: Sequence[float] | None = None,
                       threshold: float = 1e-3, level: float = 0.05,
                       lags: int | None = 1) -> LeastDifferencing:
    """The smallest order of fractional differencing that passes the unit-root test (AFML 5.6).

    Parameters
    ----------
    x : array_like of shape (n,)
        Finite, for instance log prices of bars.
    orders : sequence of float, optional
        Ascending, 0 or more; 0, 0.05, ..., 1 where not given.
    threshold : float
        Weights smaller than this are cut off.
    level : float
        0.01, 0.05 or 0.10.
    lags : int, optional
        Of the test; 1, as in the book. None chooses by Akaike's criterion.

    Raises
    ------
    InputError
        If x is too short for the widest filter, or a parameter is out of range.

    Notes
    -----
    The smallest of twenty orders that passes was picked by looking: its p-value is not that of one
    test. Choose on days that are not used to judge the model.

    Examples
    --------
    >>> walk = np.cumsum(np.random.default_rng(3).standard_normal(4000))
    >>> 0.1 <= least_differencing(walk).d <= 0.6
    True
    """
    series = _series(x)
    tried_orders = [i / 20 for i in range(21)] if orders is None else [float(d) for d in orders]
    if not tried_orders or any(b <= a for a, b in pairwise(tried_orders)):
        raise InputError("orders must ascend, at least one of them")
    if level not in LEVELS:
        raise InputError(f"level must be one of 0.01, 0.05, 0.1, was {level!r}")
    tried = []
    for d in tried_orders:
        width = len(fracdiff_weights(d, threshold))
        if len(series) < 2 * width + 20:
            raise InputError(f"x must have {2 * width + 20} values for order {d:g}, whose filter "
                             f"is {width} wide, had {len(series)}")
        # An offset would only add a constant that the finite filter does not cancel.
        left = fracdiff(series - series[0], d, threshold)[width - 1:]
        test = unit_root_test(left, lags=lags)
        tried.append(Differencing(d, test, _correlation(left, series[width - 1:]), width))
    passing = [item.d for item in tried if item.test.rejects(level)]
    return LeastDifferencing(passing[0] if passing else None, level, tuple(tried))


def _series(x: ArrayLike) -> Floats:
    try:
        series = np.ascontiguousarray(x, np.float64)
    except (TypeError, ValueError):
        raise InputError("x must hold finite numbers in one dimension") from None
    if series.ndim != 1 or not np.isfinite(series).all():
        raise InputError("x must hold finite numbers in one dimension")
    if len(series) < 12:
        raise InputError(f"x must have 12 values or more, had {len(series)}")
    return series


def _regression(series: Floats, trend: str, lags: int, skip: int | None = None
                ) -> tuple[Floats, Floats]:
    """Columns: deterministic terms, level, changes by lag; and the changes to be explained."""
    change = np.diff(series)
    first = lags if skip is None else skip
    n = len(change) - first
    columns = [] if trend == "n" else [np.ones(n)]
    if trend == "ct":
        columns.append(np.arange(1.0, n + 1.0))
    columns.append(series[first:-1])
    columns += [change[first - i:len(change) - i] for i in range(1, lags + 1)]
    return np.column_stack(columns), change[first:]


def _best_lags(series: Floats, trend: str, most: int) -> int:
    """Lags with the least Akaike criterion, all on the sample that the most lags leave."""
    design, target = _regression(series, trend, most)
    n, width = design.shape
    base = width - most
    # In the factor of [design, target] the tail of the last column is what each width leaves over.
    factor = np.asarray(np.linalg.qr(np.column_stack([design, target]), mode="r"))[:, -1]
    left = np.cumsum((factor * factor)[::-1])[::-1]
    rest = left[base:width + 1]
    used = np.arange(base, width + 1)
    with np.errstate(divide="ignore"):
        criterion = n * np.log(rest / n) + 2.0 * used
    return int(np.argmin(criterion))


def _t_of_level(design: Floats, target: Floats, terms: int) -> float:
    solution, _, rank, _ = np.linalg.lstsq(design, target, rcond=None)
    if rank < design.shape[1]:
        return float("nan")
    residual = target - design @ solution
    variance = float(residual @ residual) / (len(target) - design.shape[1])
    inverse = np.linalg.inv(np.asarray(np.linalg.qr(design, mode="r")))
    error = sqrt(variance * float(inverse[terms] @ inverse[terms]))
    return float(solution[terms]) / error if error > 0.0 else float("nan")


def _critical(trend: str, n: float) -> tuple[float, float, float]:
    one, five, ten = (b0 + b1 / n + b2 / n**2 + b3 / n**3 for b0, b1, b2, b3 in _CRITICAL[trend])
    return one, five, ten


def _p_value(statistic: float, trend: str) -> float:
    if statistic != statistic:
        return float("nan")
    least, star, most, small, large = _P_VALUES[trend]
    if statistic > most:
        return 1.0
    if statistic < least:
        return 0.0
    terms = small if statistic <= star else large
    return 0.5 * erfc(-sum(c * statistic**i for i, c in enumerate(terms)) / sqrt(2.0))


def _correlation(a: Floats, b: Floats) -> float:
    if a.std() == 0.0 or b.std() == 0.0:
        return float("nan")
    return float(np.corrcoef(a, b)[0, 1])
