"""Bars of a log's prints. Research-facing: it returns pandas frames."""

from typing import TYPE_CHECKING

import numpy as np

from dreammaker.domain.errors import ConfigError
from dreammaker.domain.schema import Kind
from dreammaker.store.eventlog import EventLog

if TYPE_CHECKING:
    import pandas as pd


def time_bars(log: EventLog, seconds: float) -> "pd.DataFrame":
    """Bars of equal length of clock time, by exchange time, aligned to 1970-01-01 UTC.

    Every print counts (TRADE and ORDER_EXECUTE, hidden and auction prints included). A bar exists
    only where there was a print. Prints of unknown quantity count in ``tick_volume`` alone.
    Complexity O(n), plus a stable sort where exchange times run backwards.

    Parameters
    ----------
    log : EventLog
    seconds : float
        Length of a bar, a positive whole number of ns.

    Returns
    -------
    DataFrame
        Indexed by the bar's start (UTC): open, high, low, close, vwap (float64, points; vwap NaN
        where no quantity is known); volume, tick_volume, buy_volume, sell_volume (int64, lots and
        prints; by aggressor, prints of unknown side in neither).

    Raises
    ------
    ConfigError
        If ``seconds`` is not above 0.
    """
    import pandas as pd

    length_ns = round(seconds * 1e9)
    if length_ns < 1:
        raise ConfigError(f"seconds must be above 0, was {seconds!r}")
    kind = log.events["kind"]
    prints = log.events[(kind == Kind.TRADE) | (kind == Kind.ORDER_EXECUTE)]
    bar = prints["exch_ns"] // length_ns
    if np.any(np.diff(bar) < 0):
        order = np.argsort(bar, kind="stable")
        prints, bar = prints[order], bar[order]
    starts = (np.flatnonzero(np.diff(bar, prepend=bar[0] - 1)) if len(bar)
              else np.empty(0, np.int64))
    index = pd.to_datetime(bar[starts] * length_ns, unit="ns", utc=True).rename("start")
    lots = np.maximum(prints["qty_lots"].astype(np.int64), 0)
    # Whole millionths of a tick keep every sum exact.
    price = prints["price_ticks"].astype(np.int64) * 1_000_000 + prints["residual_microticks"]
    side = np.where(prints["kind"] == Kind.TRADE, prints["side"], -prints["side"])
    ends = np.append(starts[1:], len(bar)) - 1

    def points(microticks: np.ndarray) -> np.ndarray:
        return np.asarray(microticks / 1e6 * log.instrument.tick_size)

    def per_bar(values: np.ndarray) -> np.ndarray:
        return np.add.reduceat(values, starts) if len(starts) else np.empty(0, np.int64)

    volume = per_bar(lots)
    value = per_bar(price / 1e6 * lots)
    with np.errstate(invalid="ignore"):
        vwap = value / np.where(volume > 0, volume, np.nan) * log.instrument.tick_size
    return pd.DataFrame({
        "open": points(price[starts]),
        "high": points(np.maximum.reduceat(price, starts) if len(starts) else price),
        "low": points(np.minimum.reduceat(price, starts) if len(starts) else price),
        "close": points(price[ends] if len(starts) else price),
        "volume": volume,
        "tick_volume": ends - starts + 1,
        "vwap": vwap,
        "buy_volume": per_bar(np.where(side == 1, lots, 0)),
        "sell_volume": per_bar(np.where(side == -1, lots, 0)),
    }, index=index)
