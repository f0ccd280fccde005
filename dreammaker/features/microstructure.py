"""Microstructure measures as small classes over plain numbers, arrays and DataFrames.

These are the literal formulas, with zeros for empty input, for notebooks and checks. The live
features are the kernels of ``dreammaker.features``: they say NaN where these say zero.
"""

from collections import deque
from math import isfinite, log, sqrt

import numpy as np
from numpy.typing import ArrayLike

from dreammaker.domain.errors import InputError
from dreammaker.features._vectors import Floats, ordered_sum, pair, vector
from dreammaker.features.order_flow import OrderFlowImbalance

__all__ = ["BookImbalance", "LiquidityMetrics", "MicroPrice", "OrderFlowImbalance",
           "SpreadMetrics", "VolatilityFeatures"]


def _volumes(bid_volumes: ArrayLike, ask_volumes: ArrayLike) -> tuple[Floats, Floats]:
    both = pair("bid_volumes", bid_volumes, "ask_volumes", ask_volumes)
    for name, values in zip(("bid_volumes", "ask_volumes"), both, strict=True):
        if (values < 0.0).any():
            raise InputError(f"{name} must be 0 or more, was {values.min():g}")
    return both


def _sign(side: int) -> int:
    if side not in (1, -1):
        raise InputError(f"side must be +1 (buyer) or -1 (seller), was {side!r}")
    return side


class MicroPrice:
    """Fair prices between bid and ask.

    Examples
    --------
    >>> round(MicroPrice.volume_weighted(130000, 10, 130005, 12), 6)
    130002.272727
    """

    @staticmethod
    def volume_weighted(bid_price: float, bid_volume: float, ask_price: float,
                        ask_volume: float) -> float:
        """Level-1 volume-weighted price ``(b qa + a qb) / (qa + qb)``; the mid without volume."""
        total = bid_volume + ask_volume
        if total <= 0.0:
            return (bid_price + ask_price) / 2.0
        return (bid_price * ask_volume + ask_price * bid_volume) / total

    @staticmethod
    def depth_weighted(bid_prices: ArrayLike, bid_volumes: ArrayLike, ask_prices: ArrayLike,
                       ask_volumes: ArrayLike) -> float:
        """Mean price of all resting lots, ``sum(p q) / sum(q)`` over both sides.

        The literal form: each price is weighted by its own size, so the result leans *towards* the
        heavier side, against what the imbalance predicts. The feature ``weighted_mid_price``
        crosses the sizes instead.

        Parameters
        ----------
        bid_prices, bid_volumes, ask_prices, ask_volumes : array_like of shape (levels,)

        Returns
        -------
        float
            0.0 for no levels or no volume.
        """
        bids, bid_sizes = pair("bid_prices", bid_prices, "bid_volumes", bid_volumes)
        asks, ask_sizes = pair("ask_prices", ask_prices, "ask_volumes", ask_volumes)
        total = ordered_sum(bid_sizes) + ordered_sum(ask_sizes)
        if total <= 0.0:
            return 0.0
        return (ordered_sum(bids * bid_sizes) + ordered_sum(asks * ask_sizes)) / total

    @staticmethod
    def imbalance_adjusted(bid_price: float, bid_volume: float, ask_price: float,
                           ask_volume: float, sensitivity: float = 0.5) -> float:
        """Mid plus ``sensitivity`` x spread x ``(qb - qa) / (qb + qa)``.

        With the default it is the volume-weighted micro-price, written from the mid.
        """
        imbalance = BookImbalance.simple(bid_volume, ask_volume)
        mid = (bid_price + ask_price) / 2.0
        return mid + sensitivity * (ask_price - bid_price) * imbalance


class BookImbalance:
    """How unequal the two sides of the book are.

    Examples
    --------
    >>> BookImbalance.simple(30, 10)
    0.5
    """

    @staticmethod
    def simple(bid_volume: float, ask_volume: float) -> float:
        """``(qb - qa) / (qb + qa)``, in [-1, 1]; 0.0 without volume."""
        total = bid_volume + ask_volume
        return (bid_volume - ask_volume) / total if total > 0.0 else 0.0

    @staticmethod
    def weighted(bid_volumes: ArrayLike, ask_volumes: ArrayLike, decay: float = 0.5) -> float:
        """Imbalance over several levels, level k weighing ``decay ** (k - 1)``.

        Parameters
        ----------
        bid_volumes, ask_volumes : array_like of shape (levels,)
            Lots, best level first.
        decay : float
            In (0, 1].

        Returns
        -------
        float
            In [-1, 1]; 0.0 without volume.
        """
        if not 0.0 < decay <= 1.0:
            raise ValueError(f"decay must be in (0, 1], was {decay}")
        bids, asks = _volumes(bid_volumes, ask_volumes)
        weight, bid_sum, ask_sum = 1.0, 0.0, 0.0
        for bid, ask in zip(bids.tolist(), asks.tolist(), strict=True):
            bid_sum += weight * bid
            ask_sum += weight * ask
            weight *= decay
        return BookImbalance.simple(bid_sum, ask_sum)

    @staticmethod
    def pressure(bid_prices: ArrayLike, bid_volumes: ArrayLike, ask_prices: ArrayLike,
                 ask_volumes: ArrayLike, tick_size: float = 1.0) -> float:
        """``sum(qb_i / d_i) - sum(qa_i / d_i)``, d the distance from the mid in ticks.

        Parameters
        ----------
        bid_prices, bid_volumes, ask_prices, ask_volumes : array_like of shape (levels,)
            Best level first; the mid is that of the first level.
        tick_size : float
            Points a tick; with 1.0 the distance is in points.

        Returns
        -------
        float
            Lots a tick; 0.0 for no levels. A level at the mid itself (locked book) is left out.
        """
        if not tick_size > 0.0:
            raise ValueError(f"tick_size must be above 0, was {tick_size}")
        bids, bid_sizes = pair("bid_prices", bid_prices, "bid_volumes", bid_volumes)
        asks, ask_sizes = pair("ask_prices", ask_prices, "ask_volumes", ask_volumes)
        if len(bids) == 0 or len(asks) == 0:
            return 0.0
        mid = (bids[0] + asks[0]) / 2.0
        total = 0.0
        for sign, prices, sizes in ((1.0, bids, bid_sizes), (-1.0, asks, ask_sizes)):
            for price, size in zip(prices.tolist(), sizes.tolist(), strict=True):
                distance = abs(price - mid) / tick_size
                total += sign * size / distance if distance > 0.0 else 0.0
        return float(total)


class SpreadMetrics:
    """What crossing the spread costs.

    Examples
    --------
    >>> SpreadMetrics.effective(130005, 130002.5, 1), SpreadMetrics.realized(130005, 130007.5, 1)
    (5.0, -5.0)
    """

    @staticmethod
    def absolute(bid_price: float, ask_price: float) -> float:
        """Quoted spread ``a - b``; 0.0 where a side has no price (0)."""
        if bid_price == 0.0 or ask_price == 0.0:
            return 0.0
        return float(ask_price - bid_price)

    @staticmethod
    def relative(bid_price: float, ask_price: float) -> float:
        """Quoted spread over the mid; 0.0 where a side has no price (0)."""
        if bid_price == 0.0 or ask_price == 0.0:
            return 0.0
        return (ask_price - bid_price) / ((bid_price + ask_price) / 2.0)

    @staticmethod
    def effective(trade_price: float, mid_price: float, side: int | None = None) -> float:
        """``2 d (p - m)`` with d the aggressor's side; without a side ``2 |p - m|``."""
        if side is None:
            return 2.0 * abs(trade_price - mid_price)
        return 2.0 * _sign(side) * (trade_price - mid_price)

    @staticmethod
    def realized(trade_price: float, later_mid_price: float, side: int) -> float:
        """``2 d (p - m')`` with m' the mid some time after the trade: what the maker kept."""
        return 2.0 * _sign(side) * (trade_price - later_mid_price)


class VolatilityFeatures:
    """Realised volatility, velocity and acceleration of the last prices.

    Parameters
    ----------
    window : int
        Prices kept, 2 or more; memory does not grow beyond it.

    Examples
    --------
    >>> features = VolatilityFeatures(window=3)
    >>> for price in (100.0, 101.0, 103.0):
    ...     features.update(price)
    >>> features.velocity(), features.acceleration()
    (2.0, 1.0)
    """

    def __init__(self, window: int = 100) -> None:
        if window < 2:
            raise ValueError(f"window must be 2 or more, was {window}")
        self.window = window
        self.prices: deque[float] = deque(maxlen=window)
        self.times_s: deque[float] = deque(maxlen=window)

    def update(self, price: float, time_s: float | None = None) -> None:
        """Take the next price.

        Parameters
        ----------
        price : float
            Above 0.
        time_s : float, optional
            Seconds, above that of the price before; without it prices are one unit apart.

        Raises
        ------
        InputError
            If the price is not a positive number or time does not rise.
        """
        if not (isfinite(price) and price > 0.0):
            raise InputError(f"price must be a positive number, was {price}")
        now = time_s if time_s is not None else (self.times_s[-1] + 1.0 if self.times_s else 0.0)
        if self.times_s and not now > self.times_s[-1]:
            raise InputError(f"time_s must rise, was {now} after {self.times_s[-1]}")
        self.prices.append(float(price))
        self.times_s.append(float(now))

    def realized_volatility(self) -> float:
        """Square root of the sum of squared log returns in the window; 0.0 below two prices."""
        total, before = 0.0, None
        for price in self.prices:
            if before is not None:
                change = log(price / before)
                total += change * change
            before = price
        return sqrt(total)

    def velocity(self) -> float:
        """Last price change over its time; 0.0 below two prices."""
        return self._slope(1) if len(self.prices) >= 2 else 0.0

    def acceleration(self) -> float:
        """Change of the velocity over the last price's time; 0.0 below three prices."""
        if len(self.prices) < 3:
            return 0.0
        return (self._slope(1) - self._slope(2)) / (self.times_s[-1] - self.times_s[-2])

    def _slope(self, back: int) -> float:
        return (self.prices[-back] - self.prices[-back - 1]) / (
            self.times_s[-back] - self.times_s[-back - 1])


class LiquidityMetrics:
    """Price impact and trading cost from trades (Kyle, Amihud, Roll).

    Examples
    --------
    >>> LiquidityMetrics.kyle_lambda([5.0, -5.0, 10.0], [20, -20, 40])
    0.25
    """

    @staticmethod
    def kyle_lambda(price_changes: ArrayLike, signed_volumes: ArrayLike,
                    intercept: bool = True) -> float:
        """Slope of the price change on the signed volume (ordinary least squares).

        Parameters
        ----------
        price_changes, signed_volumes : array_like of shape (n,)
            Points and lots of each interval; buys are positive.
        intercept : bool
            Whether the regression has a constant.

        Returns
        -------
        float
            Points a lot; 0.0 below two intervals or where the volume does not vary.
        """
        changes, volumes = pair("price_changes", price_changes, "signed_volumes", signed_volumes)
        if len(changes) < 2:
            return 0.0
        if intercept:
            changes = changes - ordered_sum(changes) / len(changes)
            volumes = volumes - ordered_sum(volumes) / len(volumes)
        square = ordered_sum(volumes * volumes)
        return ordered_sum(volumes * changes) / square if square > 0.0 else 0.0

    @staticmethod
    def amihud(returns: ArrayLike, traded_values: ArrayLike) -> float:
        """Amihud's (2002) illiquidity: mean of ``|return| / traded value`` where value is above 0.

        Returns
        -------
        float
            Per unit of currency; 0.0 where nothing traded.
        """
        moves, values = pair("returns", returns, "traded_values", traded_values)
        if (values < 0.0).any():
            raise InputError(f"traded_values must be 0 or more, was {values.min():g}")
        traded = values > 0.0
        count = int(np.count_nonzero(traded))
        return ordered_sum(np.abs(moves[traded]) / values[traded]) / count if count else 0.0

    @staticmethod
    def roll_spread(prices: ArrayLike, ddof: int = 1) -> float:
        """Roll's (1984) spread ``2 sqrt(-cov)`` of successive price changes.

        Parameters
        ----------
        prices : array_like of shape (n,)
            Trade prices, in order.
        ddof : int
            Subtracted from the number of pairs in the covariance: 1 or 0.

        Returns
        -------
        float
            Points; 0.0 where the covariance is not negative or there are too few pairs.
        """
        changes = np.diff(vector("prices", prices))
        pairs = len(changes) - 1
        if pairs - ddof < 1:
            return 0.0
        later, earlier = changes[1:], changes[:-1]
        products = (later - ordered_sum(later) / pairs) * (earlier - ordered_sum(earlier) / pairs)
        covariance = ordered_sum(products) / (pairs - ddof)
        return 2.0 * sqrt(-covariance) if covariance < 0.0 else 0.0
