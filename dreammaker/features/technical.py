"""Chart indicators over whole arrays: RSI, EMA, MACD, Bollinger bands."""

from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from dreammaker.features._vectors import Floats, vector


class Macd(NamedTuple):
    """MACD line, its signal line, and their difference; arrays of shape (n,)."""

    macd: Floats
    signal: Floats
    histogram: Floats


class Bollinger(NamedTuple):
    """Bollinger bands; arrays of shape (n,), NaN until the first window is full."""

    middle: Floats
    upper: Floats
    lower: Floats
    deviation: Floats
    percent_b: Floats
    bandwidth: Floats


def _period(name: str, value: int, least: int = 1) -> int:
    if value < least:
        raise ValueError(f"{name} must be {least} or more, was {value}")
    return value


def rsi(closes: ArrayLike, period: int = 14) -> Floats:
    """Wilder's (1978) relative strength index.

    The first averages are plain means of the first ``period`` changes, later ones
    ``(previous (period - 1) + x) / period``. No loss gives 100, no change at all 50.

    Parameters
    ----------
    closes : array_like of shape (n,)
    period : int
        Changes in an average.

    Returns
    -------
    numpy.ndarray of float64, shape (n,)
        In [0, 100]; NaN before index ``period``.

    Examples
    --------
    >>> rsi([1.0, 2.0, 1.5, 2.5], period=2).round(4).tolist()
    [nan, nan, 66.6667, 85.7143]
    """
    values = vector("closes", closes)
    _period("period", period)
    result = np.full(len(values), np.nan)
    if len(values) <= period:
        return result
    changes = np.diff(values).tolist()
    gain = loss = 0.0
    for change in changes[:period]:
        gain += max(change, 0.0)
        loss += max(-change, 0.0)
    gain, loss = gain / period, loss / period
    result[period] = _strength(gain, loss)
    for row, change in enumerate(changes[period:], start=period + 1):
        gain = (gain * (period - 1) + max(change, 0.0)) / period
        loss = (loss * (period - 1) + max(-change, 0.0)) / period
        result[row] = _strength(gain, loss)
    return result


def _strength(gain: float, loss: float) -> float:
    if loss == 0.0:
        return 50.0 if gain == 0.0 else 100.0
    return 100.0 - 100.0 / (1.0 + gain / loss)


def ema(values: ArrayLike, period: int, seed: Literal["first", "sma"] = "first") -> Floats:
    """Exponential moving average with weight ``2 / (period + 1)``.

    Parameters
    ----------
    values : array_like of shape (n,)
    period : int
        1 or more.
    seed : {"first", "sma"}
        Start from the first value (pandas ``ewm(span=period, adjust=False)``), or from the plain
        mean of the first ``period`` values, NaN before it (the chart books).

    Returns
    -------
    numpy.ndarray of float64, shape (n,)

    Examples
    --------
    >>> ema([1.0, 2.0, 3.0], 3).tolist(), ema([1.0, 2.0, 3.0], 3, seed="sma").tolist()
    ([1.0, 1.5, 2.25], [nan, nan, 2.0])
    """
    read = vector("values", values).tolist()
    _period("period", period)
    if seed not in ("first", "sma"):
        raise ValueError(f"seed must be 'first' or 'sma', was {seed!r}")
    result = np.full(len(read), np.nan)
    start = 0 if seed == "first" else period - 1
    if len(read) <= start:
        return result
    level = 0.0
    for value in read[:start + 1]:
        level += value
    level /= start + 1
    result[start] = level
    weight = 2.0 / (period + 1.0)
    for row in range(start + 1, len(read)):
        level += weight * (read[row] - level)
        result[row] = level
    return result


def macd(closes: ArrayLike, fast: int = 12, slow: int = 26, signal: int = 9) -> Macd:
    """Moving average convergence and divergence, every average seeded with its first value.

    Values exist from the first bar on; they have forgotten the seed after some ``slow + signal``.

    Parameters
    ----------
    closes : array_like of shape (n,)
    fast, slow, signal : int
        Periods, ``fast < slow``.

    Returns
    -------
    Macd

    Examples
    --------
    >>> macd([1.0, 2.0], fast=1, slow=3, signal=1).macd.tolist()
    [0.0, 0.5]
    """
    if not _period("fast", fast) < slow:
        raise ValueError(f"fast must be below slow, were {fast} and {slow}")
    line = ema(closes, fast) - ema(closes, slow)
    smooth = ema(line, _period("signal", signal))
    return Macd(line, smooth, line - smooth)


def bollinger(closes: ArrayLike, period: int = 20, width: float = 2.0) -> Bollinger:
    """Bollinger bands: mean and population deviation (ddof 0) of the last ``period`` closes.

    Parameters
    ----------
    closes : array_like of shape (n,)
    period : int
        2 or more.
    width : float
        Deviations from the middle to a band, above 0.

    Returns
    -------
    Bollinger
        ``percent_b`` is 0 at the lower and 1 at the upper band, 0.5 where they coincide.

    Examples
    --------
    >>> bands = bollinger([1.0, 3.0, 3.0], period=2)
    >>> bands.middle.tolist(), bands.percent_b.tolist()
    ([nan, 2.0, 3.0], [nan, 0.75, 0.5])
    """
    values = vector("closes", closes)
    _period("period", period, least=2)
    if not width > 0.0:
        raise ValueError(f"width must be above 0, was {width}")
    rows = max(len(values) - period + 1, 0)
    # Sums run over the window in one order, element by element: no reduction of NumPy's.
    total = np.zeros(rows)
    for back in range(period):
        total += values[back:back + rows]
    middle = total / period
    squares = np.zeros(rows)
    for back in range(period):
        squares += (values[back:back + rows] - middle) ** 2
    deviation = np.sqrt(squares / period)
    upper, lower = middle + width * deviation, middle - width * deviation
    close = values[len(values) - rows:]
    flat = deviation == 0.0
    share = np.where(flat, 0.5, (close - lower) / np.where(flat, 1.0, upper - lower))
    zero = middle == 0.0
    band = np.where(zero, np.nan, (upper - lower) / np.where(zero, 1.0, middle))
    head = np.full(len(values) - rows, np.nan)
    return Bollinger(*(np.concatenate((head, column)) for column in
                       (middle, upper, lower, deviation, share, band)))
