"""Who started a trade, where the source does not say (Lee and Ready 1991)."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dreammaker.domain.errors import InputError
from dreammaker.features._vectors import Floats, pair, vector

Signs = NDArray[np.int8]


def tick_rule(prices: ArrayLike) -> Signs:
    """Sign of the last price change that was not zero.

    Parameters
    ----------
    prices : array_like of shape (n,)
        Trade prices, in order.

    Returns
    -------
    numpy.ndarray of int8, shape (n,)
        +1 buyer, -1 seller; 0 until the price has changed once.

    Examples
    --------
    >>> tick_rule([130000, 130005, 130005, 130000]).tolist()
    [0, 1, 1, -1]
    """
    values = vector("prices", prices)
    if len(values) == 0:
        return np.zeros(0, np.int8)
    return _carried(np.concatenate(([0], np.sign(np.diff(values)).astype(np.int8))))


def quote_rule(prices: ArrayLike, bid_prices: ArrayLike, ask_prices: ArrayLike) -> Signs:
    """Above the mid a buyer (+1), below a seller (-1), at the mid 0.

    Parameters
    ----------
    prices : array_like of shape (n,)
        Trade prices.
    bid_prices, ask_prices : array_like of shape (n,)
        Best prices in force just before each trade.

    Examples
    --------
    >>> quote_rule([5, 0, 2.5], [0, 0, 0], [5, 5, 5]).tolist()
    [1, -1, 0]
    """
    values, bids, asks = _quoted(prices, bid_prices, ask_prices)
    return np.sign(2.0 * values - (bids + asks)).astype(np.int8)


def lee_ready(prices: ArrayLike, bid_prices: ArrayLike, ask_prices: ArrayLike) -> Signs:
    """Lee and Ready (1991): the quote rule, and the tick rule for trades at the mid.

    The quotes are those just before each trade (no lag: with synchronous data the five seconds of
    the paper are wrong).

    Parameters
    ----------
    prices, bid_prices, ask_prices : array_like of shape (n,)

    Returns
    -------
    numpy.ndarray of int8, shape (n,)
        +1 buyer, -1 seller; 0 for a trade at the mid before any price change.

    Examples
    --------
    >>> lee_ready([130005, 130000, 130005, 130005], [130000] * 4,
    ...           [130005, 130005, 130010, 130010]).tolist()
    [1, -1, 1, 1]
    """
    quoted = quote_rule(prices, bid_prices, ask_prices)
    return np.where(quoted != 0, quoted, tick_rule(prices)).astype(np.int8)


def _quoted(prices: ArrayLike, bid_prices: ArrayLike,
            ask_prices: ArrayLike) -> tuple[Floats, Floats, Floats]:
    values, bids = pair("prices", prices, "bid_prices", bid_prices)
    _, asks = pair("prices", prices, "ask_prices", ask_prices)
    crossed = np.flatnonzero(asks < bids)
    if len(crossed):
        row = int(crossed[0])
        raise InputError(f"ask_prices must not be below bid_prices, was {asks[row]:g} < "
                         f"{bids[row]:g} at index {row}; leave auctions out")
    return values, bids, asks


def _carried(signs: Signs) -> Signs:
    # Each 0 takes the last sign before it: index of the last non-zero so far.
    rows = np.where(signs != 0, np.arange(len(signs)), 0)
    return np.asarray(signs[np.maximum.accumulate(rows)])
