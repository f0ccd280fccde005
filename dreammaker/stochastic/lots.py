"""The best schedule in whole lots, exactly: dynamic programming on convex costs."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from dreammaker.stochastic._checks import (
    Floats,
    Ints,
    count,
    not_negative,
    not_negative_vector,
    positive,
    positive_vector,
    vector,
)

_MAX_TABLE = 100_000_000


@dataclass(frozen=True, slots=True)
class LotSchedule:
    """A schedule of whole lots.

    Parameters
    ----------
    trades_lots : ndarray of int64, shape (N,)
    holdings_lots : ndarray of int64, shape (N + 1,)
    cost : float
        The objective's least value, points times lots.
    """

    trades_lots: Ints
    holdings_lots: Ints
    cost: float


def optimal_lots(quantity_lots: int, interval_count: int, interval: float, temporary: ArrayLike, *,
                 risk: ArrayLike = 0.0, drift: ArrayLike = 0.0, exponent: float = 1.0,
                 half_spread: float = 0.0, max_trade_lots: ArrayLike | None = None) -> LotSchedule:
    """Trade a whole number of lots in every interval at least cost.

    Minimises ``sum_j [half_spread n_j + temporary_j (n_j / tau)^exponent n_j
    + risk_j tau x_j^2 - drift_j tau x_j]`` over whole n_j >= 0 that sum to the quantity, x_j being
    left after interval j. With temporary = eta - gamma tau / 2 and risk = lambda sigma^2 that is
    Almgren and Chriss's E + lambda V less its constant gamma X^2 / 2, in lots, and with liquidity,
    volatility and limits of every interval's own.

    Parameters
    ----------
    quantity_lots : int
        1 or more.
    interval_count : int
        N.
    interval : float
        tau.
    temporary : float or array_like of shape (N,)
        Points per (lot per unit of time) ** exponent, above 0.
    risk : float or array_like of shape (N,)
        Points per lot and unit of time, 0 or more.
    drift : float or array_like of shape (N,)
        Points per unit of time.
    exponent : float
        Above 0.
    half_spread : float
    max_trade_lots : int or array_like of shape (N,), optional
        Limit on each interval's trade.

    Returns
    -------
    LotSchedule

    Raises
    ------
    ValueError
        If a parameter is out of range, or the limits leave no room for the quantity.

    Notes
    -----
    The value of what is left is convex in the lots and so is the cost of a trade; the least of
    their sums is had by merging the two lists of increments in order. Exact, O(N X log X). Of equal
    increments the trade's comes first: ties trade early.

    Examples
    --------
    >>> optimal_lots(10, 4, 1.0, 1.0).trades_lots.tolist()
    [3, 3, 2, 2]
    >>> optimal_lots(10, 4, 1.0, 1.0, risk=0.5, max_trade_lots=4).trades_lots.tolist()
    [4, 3, 2, 1]
    """
    X, n = count("quantity_lots", quantity_lots), count("interval_count", interval_count)
    tau, p = positive("interval", interval), positive("exponent", exponent)
    if X * n > _MAX_TABLE:
        raise ValueError(f"quantity_lots x interval_count must be at most {_MAX_TABLE}, was "
                         f"{X * n}")
    eta = _each("temporary", temporary, n, positive_vector)
    risks = _each("risk", risk, n, not_negative_vector)
    drifts = _each("drift", drift, n, vector)
    spread = not_negative("half_spread", half_spread)
    caps = np.full(n, float(X)) if max_trade_lots is None else np.minimum(
        _each("max_trade_lots", max_trade_lots, n, not_negative_vector), float(X))
    if float(np.floor(caps).sum()) < X:
        raise ValueError(f"max_trade_lots must add up to the quantity {X} or more, added up to "
                         f"{np.floor(caps).sum():g}")
    lots = np.arange(X + 1, dtype=np.float64)
    powers = lots * (lots / tau if p == 1.0 else (lots / tau) ** p)
    left_steps = np.diff(lots * lots)
    # Increments of the value of what is left after the last interval: nothing may be.
    value = np.full(X, np.inf)
    from_trade = np.zeros((n, X), np.bool_)
    for j in range(n - 1, -1, -1):
        allowed = int(caps[j])
        trade = spread + eta[j] * np.diff(powers[:allowed + 1])
        keep = value + tau * (risks[j] * left_steps - drifts[j])
        merged = np.concatenate((trade, keep))
        order = np.argsort(merged, kind="stable")[:X]
        value = merged[order]
        from_trade[j] = order < allowed
    trades, left = np.zeros(n, np.int64), X
    for j in range(n):
        trades[j] = int(from_trade[j, :left].sum())
        left -= int(trades[j])
    holdings = X - np.concatenate(([0], np.cumsum(trades)))
    x = holdings[1:].astype(np.float64)
    cost = spread * X + float((eta * powers[trades] + tau * (risks * x * x - drifts * x)).sum())
    return LotSchedule(trades, holdings.astype(np.int64), cost)


def _each(name: str, values: ArrayLike, length: int,
          check: Callable[[str, ArrayLike], Floats]) -> Floats:
    read = np.asarray(values, dtype=np.float64)
    if read.ndim == 0:
        read = np.full(length, float(read))
    checked = check(name, read)
    if len(checked) != length:
        raise ValueError(f"{name} must be one number or {length} of them, had {len(checked)}")
    return checked
