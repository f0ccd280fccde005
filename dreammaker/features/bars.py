"""Bars of a log's prints: by time, by a total, by imbalance, by runs (AFML chapter 2).

`BarStream` takes records as they come, in fixed memory, and is what the loop's decision clock
(`features.bar_clock`) uses. The functions below it return pandas frames of a whole log; pandas is
imported only when one of them is called.
"""

from typing import TYPE_CHECKING, Unpack

import numpy as np
from numpy.typing import NDArray

from dreammaker._ext.bars import BAR_DTYPE, BarKernel
from dreammaker.domain.instrument import Instrument
from dreammaker.features.bar_rules import BarRule, ExpectationOptions, Weight
from dreammaker.store.eventlog import EventLog

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["BAR_DTYPE", "BarRule", "BarStream", "dollar_bars", "imbalance_bars", "run_bars",
           "tick_bars", "time_bars", "to_frame", "volume_bars"]

_BATCH = 65_536
_INDEX = "start"


class BarStream(BarKernel):
    """Bars of one stream of records, cut anywhere.

    Parameters
    ----------
    rule : BarRule
    instrument : Instrument
        Gives the worth of a tick, for dollar bars.

    Notes
    -----
    ``process(events)`` returns the bars that ended among the records, ``flush()`` the open one;
    both as BAR_DTYPE, prices in millionths of a tick, ``value`` in ticks times lots, indices
    counted from the first record ever taken. A bar never spans a change of the session's phase: a
    SESSION record ends it with ``complete`` 0, and the tick rule starts anew. O(1) a record.

    Examples
    --------
    >>> from dreammaker.domain.schema import EVENT_DTYPE, Kind
    >>> trades = np.zeros(5, EVENT_DTYPE)
    >>> trades["kind"], trades["qty_lots"], trades["price_ticks"] = Kind.TRADE, 1, range(5)
    >>> stream = BarStream(BarRule.ticks(2), Instrument.win())
    >>> len(stream.process(trades[:3])), len(stream.process(trades[3:])), len(stream.flush())
    (1, 1, 1)
    """

    def __new__(cls, rule: BarRule, instrument: Instrument) -> "BarStream":
        """Take memory for the state, with the rule in the kernel's units."""
        return super().__new__(cls, rule.settings(instrument))

    def __init__(self, rule: BarRule, instrument: Instrument) -> None:
        self.rule, self.instrument = rule, instrument


def time_bars(log: EventLog, seconds: float) -> "pd.DataFrame":
    """Bars of equal length of clock time, aligned to 1970-01-01 UTC.

    Time is the running maximum of exchange time: a print that comes late counts in the bar that is
    open. Every print counts (TRADE and ORDER_EXECUTE, hidden and auction prints included). A bar
    exists only where there was a print. Prints of unknown quantity count in ``tick_volume`` alone.

    Parameters
    ----------
    log : EventLog
    seconds : float
        Length of a bar, a positive whole number of ns.

    Returns
    -------
    DataFrame
        Indexed by the bar's start (UTC); the columns of `to_frame`. A bar that a change of the
        session's phase or the log's end cut short has ``complete`` False.

    Raises
    ------
    ConfigError
        If ``seconds`` is not above 0.
    """
    return _bars(log, BarRule.time(seconds), partial=True)


def tick_bars(log: EventLog, count: int, *, partial: bool = False) -> "pd.DataFrame":
    """Bars of ``count`` prints each.

    Parameters
    ----------
    log : EventLog
    count : int
        Prints a bar, 1 or more.
    partial : bool
        Also the bars that a change of the session's phase or the log's end cut short.

    Returns
    -------
    DataFrame
        See `to_frame`.
    """
    return _bars(log, BarRule.ticks(count), partial)


def volume_bars(log: EventLog, lots: float, *, partial: bool = False) -> "pd.DataFrame":
    """Bars of at least ``lots`` lots each.

    The print that crosses the threshold belongs to the bar it ends; what it has too much is not
    carried over. Parameters and result as for `tick_bars`.
    """
    return _bars(log, BarRule.volume(lots), partial)


def dollar_bars(log: EventLog, value: float, *, partial: bool = False) -> "pd.DataFrame":
    """Bars of at least ``value`` of the currency each: price times worth of a point times lots.

    Parameters and result as for `tick_bars`; on WIN a contract at 130 000 points is worth
    BRL 26 000.
    """
    return _bars(log, BarRule.dollar(value), partial)


def imbalance_bars(log: EventLog, threshold: float | None = None, *, weight: Weight = "tick",
                   partial: bool = False,
                   **expectations: Unpack[ExpectationOptions]) -> "pd.DataFrame":
    """Bars that end when signed flow has moved further than expected (AFML 2.3.2.1-2).

    Parameters
    ----------
    log : EventLog
    threshold : float, optional
        A fixed threshold for the absolute sum of signed weights; without one it is
        ``E[T] * abs(E[b v])``, see `BarRule`.
    weight : {"tick", "volume", "dollar"}
        What a print weighs: 1, its lots, or its worth in the currency.
    partial : bool
        As for `tick_bars`.
    **expectations
        ``expected_length`` and the rest of `BarRule`'s parameters.

    Returns
    -------
    DataFrame
        See `to_frame`.
    """
    return _bars(log, BarRule.imbalance(threshold, weight=weight, **expectations), partial)


def run_bars(log: EventLog, threshold: float | None = None, *, weight: Weight = "tick",
             partial: bool = False,
             **expectations: Unpack[ExpectationOptions]) -> "pd.DataFrame":
    """Bars that end when one side's flow is larger than expected (AFML 2.3.2.3-4).

    The larger of the buys' and of the sells' weights within the bar is compared (interruptions
    allowed); its expectation is ``E[T] * max(P[b=1] E[v|b=1], P[b=-1] E[v|b=-1])``. Parameters and
    result as for `imbalance_bars`.
    """
    return _bars(log, BarRule.runs(threshold, weight=weight, **expectations), partial)


def _bars(log: EventLog, rule: BarRule, partial: bool) -> "pd.DataFrame":
    stream = BarStream(rule, log.instrument)
    parts = [stream.process(log.events[at:at + _BATCH])
             for at in range(0, len(log.events), _BATCH)]
    bars = np.concatenate([np.empty(0, BAR_DTYPE), *parts, stream.flush()])
    if not partial:
        bars = bars[bars["complete"] == 1]
    return to_frame(bars, log.instrument)


def to_frame(bars: NDArray[np.void], instrument: Instrument) -> "pd.DataFrame":
    """Bars of a `BarStream` as a frame.

    Parameters
    ----------
    bars : array of BAR_DTYPE
    instrument : Instrument
        Gives the size of a tick.

    Returns
    -------
    DataFrame
        Indexed by ``start`` (UTC; for time bars the boundary, else the first print's time, which
        may repeat). Columns: open, high, low, close, vwap (float64, points; vwap NaN where no
        quantity is known); volume, tick_volume, buy_volume, sell_volume (int64, lots and prints;
        by the aggressor that the source names, prints of unknown side in neither);
        signed_volume (int64, lots; unknown sides by the tick rule); theta, threshold (float64:
        what was compared; in prints, lots or millionths of the currency; threshold -1 for bars
        of a fixed length in the warm-up); end (UTC; for time bars the boundary, else
        the last print's time), known (UTC, local time of the record that ended the bar, or a
        later one of a record before it);
        event_index (int64, of the bar's last print), known_index (of the record that ended it);
        complete (bool).
    """
    import pandas as pd

    def times(name: str) -> "pd.DatetimeIndex":
        return pd.DatetimeIndex(bars[name].astype("datetime64[ns]"), tz="UTC")

    tick = instrument.tick_size
    volume = bars["volume"].copy()
    with np.errstate(invalid="ignore"):
        vwap = bars["value"] / np.where(volume > 0, volume, np.nan) * tick
    prices = {name: bars[name] / 1e6 * tick for name in ("open", "high", "low", "close")}
    whole = ("tick_volume", "buy_volume", "sell_volume", "signed_volume")
    return pd.DataFrame({
        **prices, "volume": volume, "tick_volume": bars["tick_volume"].copy(), "vwap": vwap,
        **{name: bars[name].copy() for name in whole[1:]},
        "theta": bars["theta"].copy(), "threshold": bars["limit"].copy(),
        "end": times("end_ns"), "known": times("known_ns"),
        "event_index": bars["last_index"].copy(), "known_index": bars["known_index"].copy(),
        "complete": bars["complete"] == 1,
    }, index=times("start_ns").rename(_INDEX))
