"""Sharpe ratios of a result, never without their interval, and the count of trials behind them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dreammaker.backtest.records import Columns
from dreammaker.engine.clock import NS_PER_S
from dreammaker.validation import SharpeEstimate, estimate_sharpe

INTERVAL_S = 60
"""Interval of profits within the day, where there are too few days for daily ones."""

LEAST_DAYS = 20
"""From so many days on a daily Sharpe ratio is given as well, scaled to a year."""

DAYS_A_YEAR = 252


@dataclass(frozen=True, slots=True)
class Trials:
    """How many runs stand behind the one that is shown.

    Parameters
    ----------
    count : int
        Runs on the same symbol in the results index, this one included.
    variance : float or None
        Of their Sharpe ratios per interval; None where it cannot be had.
    """

    count: int = 1
    variance: float | None = None


def interval_profits(equity: Columns, seconds: int = INTERVAL_S) -> NDArray[np.float64]:
    """Net result of each whole interval of each day, in the currency, zeros where nothing moved.

    Parameters
    ----------
    equity : dict of str to ndarray
        day, time_ns, net_micros (each day's own, ending with the day's last point).
    seconds : int

    Returns
    -------
    float64 array
        The first interval of a day begins with its first point; a last one that is cut short
        counts in full.
    """
    parts = []
    for day in np.unique(equity["day"]):
        chosen = equity["day"] == day
        time_ns, net = equity["time_ns"][chosen], equity["net_micros"][chosen]
        width = seconds * NS_PER_S
        count = max(-(-int(time_ns[-1] - time_ns[0]) // width), 1)
        ends = int(time_ns[0]) + width * np.arange(1, count + 1)
        at = np.searchsorted(time_ns, ends, side="right") - 1
        parts.append(np.diff(net[at], prepend=0) / 1e6)
    return np.concatenate(parts) if parts else np.zeros(0)


def interval_sharpe(equity: Columns, trials: Trials) -> SharpeEstimate:
    """Sharpe ratio of one-minute profits, not scaled."""
    return estimate_sharpe(interval_profits(equity), trials=float(trials.count),
                           trial_variance=trials.variance)


def daily_sharpe(daily: Columns, trials: Trials) -> SharpeEstimate | None:
    """Sharpe ratio of daily profits scaled to a year; None below `LEAST_DAYS`."""
    profits = daily["net_micros"] / 1e6
    if len(profits) < LEAST_DAYS:
        return None
    return estimate_sharpe(profits, periods=float(DAYS_A_YEAR), trials=float(trials.count))


def max_drawdown_micros(daily: Columns) -> int:
    """Largest fall from a peak over all days, exact at every decision, the start being a peak."""
    worst, peak, before = 0, 0, 0
    for net, high, low, within in zip(
            *(daily[name].tolist() for name in ("net_micros", "highest_micros", "lowest_micros",
                                                "max_drawdown_micros")), strict=True):
        worst = max(worst, within, peak - (before + low))
        peak = max(peak, before + high)
        before += net
    return worst
