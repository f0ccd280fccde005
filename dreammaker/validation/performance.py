"""Figures of a profit series, each with an interval.

Profits are money a period (net of costs, zeros where nothing was traded); equity is the starting
capital plus their running sum. Definitions: no figure is infinite, a zero denominator gives NaN, so
that a comparison with a limit fails rather than passes.
"""

from dataclasses import dataclass
from math import nan, sqrt

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dreammaker.validation import _checks
from dreammaker.validation._checks import Floats
from dreammaker.validation.bootstrap import (
    LEAST_OBSERVATIONS,
    Estimate,
    bootstrap,
    interval,
    optimal_block_length,
    resampled,
)
from dreammaker.validation.sharpe import SharpeEstimate, estimate_sharpe


def _over(top: NDArray[np.float64] | float, bottom: NDArray[np.float64] | float) -> Floats:
    """A quotient that is NaN where the denominator is 0."""
    upper, lower = np.broadcast_arrays(np.asarray(top, np.float64), np.asarray(bottom, np.float64))
    ratio: Floats = np.divide(upper, lower, out=np.full(upper.shape, nan), where=lower != 0.0)
    return ratio


def _equity(pnl: Floats, capital: float) -> Floats:
    start = np.full((*pnl.shape[:-1], 1), capital)
    return np.concatenate([start, capital + np.cumsum(pnl, axis=-1)], axis=-1)


def _empty(x: Floats) -> Floats | None:
    """NaN for every series without an observation."""
    return np.full(x.shape[:-1], nan) if x.shape[-1] == 0 else None


def _sortino(returns: Floats, minimum: float = 0.0) -> Floats:
    if (none := _empty(returns)) is not None:
        return none
    excess = returns - minimum
    downside = np.minimum(excess, 0.0)
    return _over(excess.mean(axis=-1), np.sqrt((downside * downside).mean(axis=-1)))


def _fall(equity: Floats) -> Floats:
    peak = np.maximum.accumulate(equity, axis=-1)
    return np.asarray((peak - equity).max(axis=-1))


def _relative_fall(equity: Floats) -> Floats:
    peak = np.maximum.accumulate(equity, axis=-1)
    return np.asarray((1.0 - equity / peak).max(axis=-1))


def _growth(equity: Floats, periods: float) -> Floats:
    """Compound growth a year; -1 once nothing is left, NaN where no double holds it."""
    count = equity.shape[-1] - 1
    if count == 0:
        return np.full(equity.shape[:-1], nan)
    ratio = np.maximum(equity[..., -1] / equity[..., 0], 0.0)
    with np.errstate(over="ignore"):
        grown = np.asarray(ratio ** (periods / count) - 1.0)
    # A year's growth from a few good days may be more than a double holds: no figure.
    return np.where(np.isinf(grown), nan, grown)


def _calmar(equity: Floats, periods: float) -> Floats:
    return _over(_growth(equity, periods), _relative_fall(equity))


def _below_peak(equity: Floats) -> NDArray[np.bool_]:
    """Where equity lies below an earlier peak, by more than a running sum of cents rounds."""
    slack = 1e-12 * np.abs(equity).max(axis=-1, keepdims=True)
    return np.asarray(equity < np.maximum.accumulate(equity, axis=-1) - slack)


def _under_water(equity: Floats) -> Floats:
    if equity.shape[-1] == 1:
        return np.full(equity.shape[:-1], nan)
    return np.asarray(_below_peak(equity)[..., 1:].mean(axis=-1))


def _longest_under_water(equity: Floats) -> Floats:
    count = equity.shape[-1]
    steps = np.arange(count)
    last = np.maximum.accumulate(np.where(_below_peak(equity), 0, steps), axis=-1)
    return np.asarray((steps - last).max(axis=-1), np.float64)


def _hit_ratio(pnl: Floats) -> Floats:
    return _over((pnl > 0.0).sum(axis=-1), (pnl != 0.0).sum(axis=-1))


def _profit_factor(pnl: Floats) -> Floats:
    return _over(np.maximum(pnl, 0.0).sum(axis=-1), -np.minimum(pnl, 0.0).sum(axis=-1))


def sortino_ratio(returns: ArrayLike, *, minimum: float = 0.0, periods: float = 1.0) -> float:
    """Mean above a minimum return over the downside deviation of all periods.

    Parameters
    ----------
    returns : array of float, shape (n,)
    minimum : float
        Return a period that counts as zero.
    periods : float
        Periods a year; 1 leaves the ratio per period.

    Returns
    -------
    float
        NaN for no observations or no period below the minimum.

    Examples
    --------
    >>> round(sortino_ratio([0.01, -0.005, 0.02, -0.015, 0.003, -0.01, 0.012, 0.004]), 10)
    0.3590662494
    """
    series = _checks.series("returns", returns)
    scale = sqrt(_checks.positive("periods", periods))
    return scale * float(_sortino(series, _checks.finite("minimum", minimum)))


def max_drawdown(pnl: ArrayLike) -> float:
    """Greatest fall of the running sum below its earlier peak, in money; the start is a peak too.

    Examples
    --------
    >>> max_drawdown([5.0, -3.0, -4.0, 10.0])
    7.0
    """
    return float(_fall(_equity(_checks.series("pnl", pnl), 0.0)))


def _compounded(returns: ArrayLike) -> Floats:
    series = _checks.series("returns", returns)
    if (series < -1.0).any():
        at = int(np.flatnonzero(series < -1.0)[0])
        raise ValueError(f"returns must be -1 or more, was {series[at]:g} at index {at}")
    return np.concatenate([[1.0], np.cumprod(1.0 + series)])


def relative_drawdown(returns: ArrayLike) -> float:
    """Greatest fall of compounded equity as a share of its earlier peak.

    Parameters
    ----------
    returns : array of float, shape (n,)
        Relative returns, each -1 or more.

    Examples
    --------
    >>> round(relative_drawdown([0.01, -0.005, 0.02, -0.015, 0.003, -0.01, 0.012, 0.004]), 8)
    0.02192455
    """
    return float(_relative_fall(_compounded(returns)))


def calmar_ratio(returns: ArrayLike, *, periods: float = 252.0) -> float:
    """Compound growth a year over the greatest relative drawdown.

    Parameters
    ----------
    returns : array of float, shape (n,)
        Relative returns, each -1 or more.
    periods : float
        Periods a year.

    Returns
    -------
    float
        NaN for no observations or no drawdown.

    Examples
    --------
    >>> round(calmar_ratio([0.5, -0.5, 1.0], periods=3), 10)
    1.0
    """
    return float(_calmar(_compounded(returns), _checks.positive("periods", periods)))


def time_under_water(pnl: ArrayLike) -> float:
    """Share of periods that end below an earlier peak; NaN for no observations.

    Examples
    --------
    >>> time_under_water([5.0, -3.0, 1.0, 2.0])
    0.5
    """
    return float(_under_water(_equity(_checks.series("pnl", pnl), 0.0)))


def longest_time_under_water(pnl: ArrayLike) -> int:
    """Most periods in a row that end below an earlier peak, a stretch still open included.

    Examples
    --------
    >>> longest_time_under_water([5.0, -3.0, 1.0, 2.0])
    2
    """
    return int(_longest_under_water(_equity(_checks.series("pnl", pnl), 0.0)))


def hit_ratio(pnl: ArrayLike) -> float:
    """Share of gains among what gained or lost; zeros do not count, NaN if there is nothing else.

    Examples
    --------
    >>> hit_ratio([3.0, 0.0, -1.0, 2.0, -5.0])
    0.5
    """
    return float(_hit_ratio(_checks.series("pnl", pnl)))


def profit_factor(pnl: ArrayLike) -> float:
    """Sum of gains over sum of losses; NaN without losses.

    Examples
    --------
    >>> profit_factor([3.0, 0.0, -1.0, 2.0, -4.0])
    1.0
    """
    return float(_profit_factor(_checks.series("pnl", pnl)))


def turnover(traded: ArrayLike, capital: float, *, periods: float = 252.0) -> float:
    """Value traded a year as a multiple of the capital.

    Parameters
    ----------
    traded : array of float, shape (n,)
        Money bought plus money sold each period, 0 or more.
    capital : float
        Above 0.
    periods : float
        Periods a year.

    Returns
    -------
    float
        NaN for no observations.

    Examples
    --------
    >>> turnover([100.0, 0.0, 300.0], 1000.0, periods=3)
    0.4
    """
    value = _traded(traded)
    share = _checks.positive("periods", periods) / _checks.positive("capital", capital)
    return share * float(value.mean()) if value.size else nan


def _traded(traded: ArrayLike) -> Floats:
    value = _checks.series("traded", traded)
    if (value < 0.0).any():
        at = int(np.flatnonzero(value < 0.0)[0])
        raise ValueError(f"traded must be 0 or more, was {value[at]:g} at index {at}")
    return value


@dataclass(frozen=True, slots=True)
class Performance:
    """Figures of a profit series. All but `sharpe` have stationary block bootstrap intervals.

    Attributes
    ----------
    n : int
        Periods.
    total, expectancy : Estimate
        Net profit in all and a period, money.
    sharpe : SharpeEstimate
        Of the profits, annualised.
    sortino, calmar : Estimate
        Annualised; Calmar is compound growth over relative drawdown.
    max_drawdown : Estimate
        Money.
    relative_drawdown : Estimate
        Share of the peak equity.
    time_under_water : Estimate
        Share of periods.
    longest_time_under_water : Estimate
        Periods.
    hit_ratio, profit_factor : Estimate
    turnover : Estimate
        Multiples of the capital a year; NaN if what was traded is not known.
    """

    n: int
    total: Estimate
    expectancy: Estimate
    sharpe: SharpeEstimate
    sortino: Estimate
    calmar: Estimate
    max_drawdown: Estimate
    relative_drawdown: Estimate
    time_under_water: Estimate
    longest_time_under_water: Estimate
    hit_ratio: Estimate
    profit_factor: Estimate
    turnover: Estimate


_FIGURES = ("total", "expectancy", "sortino", "calmar", "max_drawdown", "relative_drawdown",
            "time_under_water", "longest_time_under_water", "hit_ratio", "profit_factor")


def _figures(pnl: Floats, capital: float, periods: float) -> tuple[Floats, ...]:
    """The figures of `_FIGURES` along the last axis."""
    equity = _equity(pnl, capital)
    total = np.asarray(pnl.sum(axis=-1))
    return (total, _over(total, float(pnl.shape[-1])), sqrt(periods) * _sortino(pnl),
            _calmar(equity, periods), _fall(equity), _relative_fall(equity),
            _under_water(equity), _longest_under_water(equity), _hit_ratio(pnl),
            _profit_factor(pnl))


def performance(pnl: ArrayLike, rng: np.random.Generator, *, capital: float,
                periods: float = 252.0, traded: ArrayLike | None = None, trials: float = 1.0,
                trial_variance: float | None = None, confidence: float = 0.95,
                resamples: int = 1000, block: float | None = None) -> Performance:
    """All figures of a profit series, with intervals from one set of resamples.

    Parameters
    ----------
    pnl : array of float, shape (n,)
        Net profit of each period in money, periods without trading as zeros.
    rng : numpy.random.Generator
        The same state gives the same intervals.
    capital : float
        Equity at the start, above 0.
    periods : float
        Periods a year.
    traded : array of float, shape (n,), optional
        Money bought plus money sold each period.
    trials, trial_variance
        For the deflated Sharpe ratio; see `estimate_sharpe`.
    confidence : float
        Of all intervals, two-sided.
    resamples : int
    block : float, optional
        Mean block length in periods; by `optimal_block_length` if absent.

    Returns
    -------
    Performance
        Undefined figures are NaN: no observation, nothing that varies, no loss. Below five
        observations there are no intervals.

    Raises
    ------
    ValueError
        If a profit is not finite or a parameter is out of range.

    Examples
    --------
    >>> days = np.random.default_rng(1).normal(20.0, 300.0, 250)
    >>> figures = performance(days, np.random.default_rng(2), capital=10_000.0)
    >>> figures.total.ci[0] < figures.total.value < figures.total.ci[1]
    True
    """
    series = _checks.series("pnl", pnl)
    rng = _checks.generator(rng)
    capital = _checks.positive("capital", capital)
    periods = _checks.positive("periods", periods)
    resamples = _checks.count("resamples", resamples)
    sharpe = estimate_sharpe(series, periods=periods, confidence=confidence, trials=trials,
                             trial_variance=trial_variance)
    n = series.size
    values = [float(figure) for figure in _figures(series, capital, periods)]
    found = {name: Estimate(value, (nan, nan), n, confidence, 1.0)
             for name, value in zip(_FIGURES, values, strict=True)}
    if n >= LEAST_OBSERVATIONS:
        length = optimal_block_length(series) if block is None else block
        batches = [np.array(_figures(sample, capital, periods))
                   for sample in resampled(series, length, resamples, rng)]
        draws = np.concatenate(batches, axis=1)
        for name, value, column in zip(_FIGURES, values, draws, strict=True):
            if value == value:
                ci, undefined = interval(column, confidence)
                found[name] = Estimate(value, ci, n, confidence, undefined)
    return Performance(n=n, sharpe=sharpe, **found,
                       turnover=_turnover(traded, n, capital, periods, confidence, resamples,
                                          block, rng))


def _turnover(traded: ArrayLike | None, n: int, capital: float, periods: float, confidence: float,
              resamples: int, block: float | None, rng: np.random.Generator) -> Estimate:
    if traded is None:
        return Estimate(nan, (nan, nan), n, confidence, 1.0)
    value = _traded(traded)
    if value.size != n:
        raise ValueError(f"traded must have one entry a period, {n}, had {value.size}")
    if n == 0:
        return Estimate(nan, (nan, nan), n, confidence, 1.0)
    return bootstrap(lambda x: periods / capital * np.asarray(x.mean(axis=-1)), value, rng,
                     confidence=confidence, resamples=resamples, block=block)
