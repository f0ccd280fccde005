"""Measures a day's quality while its events stream by."""

import numpy as np

from dreammaker.data.importers.base import BoolArray, Int64Array
from dreammaker.domain.instrument import Instrument
from dreammaker.domain.schema import EventArray, Flag, Kind, Phase
from dreammaker.store.quality import QualityReport

GAP_NS = 60_000_000_000
"""A silence in continuous trading longer than this counts as a gap."""

__all__ = ["GAP_NS", "QualityMeter", "QualityReport"]


class QualityMeter:
    """Accumulates a `QualityReport` batch by batch; memory does not grow.

    The same report comes out however the events are cut into batches.

    Parameters
    ----------
    instrument : Instrument
        Turns ticks into prices.

    Examples
    --------
    >>> import numpy as np
    >>> from dreammaker.domain.schema import EVENT_DTYPE
    >>> trade = np.zeros(1, EVENT_DTYPE)
    >>> trade["kind"], trade["qty_lots"], trade["price_ticks"] = Kind.TRADE, 3, 26_000
    >>> meter = QualityMeter(Instrument.win())
    >>> meter.update(trade)
    >>> meter.report().volume, meter.report().vwap
    (3, 130000.0)
    """

    def __init__(self, instrument: Instrument) -> None:
        self._tick_size = instrument.tick_size
        self._report = QualityReport()
        self._last_ns: int | None = None
        self._phase = int(Phase.CLOSED)
        # Carried quotes: ticks, and whether that side has one.
        self._bid = self._ask = 0
        self._has_bid = self._has_ask = False
        self._longest_ns = 0
        self._tick_volume = 0
        self._residual_volume = 0
        self._prices: list[tuple[int, int]] = []

    def add_rows(self, read: int, kept: int, dropped: dict[str, int],
                 counters: dict[str, int] | None = None) -> None:
        """Count rows of the source; ``crossed`` and ``locked`` may come as counters."""
        report = self._report
        report.rows_read += read
        report.rows_kept += kept
        for why, count in dropped.items():
            report.dropped[why] = report.dropped.get(why, 0) + count
        for name, count in (counters or {}).items():
            if name in ("crossed", "locked"):
                setattr(report, name, getattr(report, name) + count)
            else:
                report.counters[name] = report.counters.get(name, 0) + count

    def note(self, sentence: str) -> None:
        """Add a remark."""
        self._report.notes.append(sentence)

    def update(self, events: EventArray) -> None:
        """Take the next records, in order.

        Parameters
        ----------
        events : ndarray of EVENT_DTYPE
        """
        if not len(events):
            return
        report, flags = self._report, events["flags"]
        report.records += len(events)
        report.packets += int(np.count_nonzero(flags & Flag.LAST))
        report.time_backwards += int(np.count_nonzero(flags & Flag.TIME_BACKWARDS))
        report.off_grid += int(np.count_nonzero(flags & Flag.OFF_GRID))
        report.duplicate_seq += int(np.count_nonzero(flags & Flag.DUPLICATE_SEQ))
        self._silences(events)
        self._quotes_and_trades(events)

    def report(self) -> QualityReport:
        """The report so far."""
        report = self._report
        report.longest_gap_s = self._longest_ns / 1e9
        if self._prices:
            report.open, report.high, report.low, report.close = (
                (ticks + residual * 1e-6) * self._tick_size for ticks, residual in self._prices)
        if report.volume:
            ticks = (self._tick_volume + self._residual_volume / 1e6) / report.volume
            report.vwap = ticks * self._tick_size
        return report

    def _silences(self, events: EventArray) -> None:
        phase = carried(events["aux"].astype(np.int64), events["kind"] == Kind.SESSION,
                        self._phase)
        times = events["exch_ns"]
        before = np.concatenate(([times[0] if self._last_ns is None else self._last_ns],
                                 times[:-1]))
        phase_before = np.concatenate(([self._phase], phase[:-1]))
        # A bar's length is no silence.
        heard = (phase_before == Phase.CONTINUOUS) & (events["kind"] != Kind.BAR)
        silence = np.where(heard, times - before, 0)
        self._report.gaps += int(np.count_nonzero(silence > GAP_NS))
        self._longest_ns = max(self._longest_ns, int(silence.max()))
        self._last_ns, self._phase = int(times[-1]), int(phase[-1])

    def _quotes_and_trades(self, events: EventArray) -> None:
        kind, side, quantity = events["kind"], events["side"], events["qty_lots"]
        ticks = events["price_ticks"].astype(np.int64)
        is_quote = kind == Kind.QUOTE
        on_bid, on_ask = is_quote & (side == 1), is_quote & (side == -1)
        bid, ask = carried(ticks, on_bid, self._bid), carried(ticks, on_ask, self._ask)
        has_bid = carried(quantity != 0, on_bid, self._has_bid).astype(bool)
        has_ask = carried(quantity != 0, on_ask, self._has_ask).astype(bool)
        self._bid, self._ask = int(bid[-1]), int(ask[-1])
        self._has_bid, self._has_ask = bool(has_bid[-1]), bool(has_ask[-1])
        both = has_bid & has_ask
        ends = (events["flags"] & Flag.LAST) != 0
        # Sessions and other streams do not repeat the state of the quotes.
        ends &= is_quote | (kind == Kind.TRADE)
        self._report.crossed += int(np.count_nonzero(both & ends & (bid > ask)))
        self._report.locked += int(np.count_nonzero(both & ends & (bid == ask)))
        prints = (kind == Kind.TRADE) | (kind == Kind.ORDER_EXECUTE)
        if prints.any():
            self._trades(events, prints)
            residual = events["residual_microticks"]
            at_ask = (ticks > ask) | ((ticks == ask) & (residual >= 0))
            at_bid = (ticks < bid) | ((ticks == bid) & (residual <= 0))
            quoted = both & (kind == Kind.TRADE)
            self._report.quote_buys += int(np.count_nonzero(quoted & at_ask))
            self._report.quote_sells += int(np.count_nonzero(quoted & at_bid & ~at_ask))
            self._report.quote_inside += int(np.count_nonzero(quoted & ~at_bid & ~at_ask))

    def _trades(self, events: EventArray, prints: BoolArray) -> None:
        trades = events[prints]
        report = self._report
        aggressor = np.where(trades["kind"] == Kind.TRADE, trades["side"], -trades["side"])
        report.trades += len(trades)
        report.buys += int(np.count_nonzero(aggressor == 1))
        report.sells += int(np.count_nonzero(aggressor == -1))
        report.unknown_side += int(np.count_nonzero(aggressor == 0))
        lots = np.maximum(trades["qty_lots"].astype(np.int64), 0)
        ticks = trades["price_ticks"].astype(np.int64)
        residual = trades["residual_microticks"].astype(np.int64)
        report.volume += int(lots.sum())
        self._tick_volume += int((ticks * lots).sum())
        self._residual_volume += int((residual * lots).sum())
        order = np.lexsort((residual, ticks))
        first, last, low, high = (
            (int(ticks[index]), int(residual[index])) for index in (0, -1, order[0], order[-1]))
        if self._prices:
            old_open, old_high, old_low, _ = self._prices
            first, high, low = old_open, max(old_high, high), min(old_low, low)
        self._prices = [first, high, low, last]


def carried(values: Int64Array | BoolArray, known: BoolArray, before: int) -> Int64Array:
    """Each value that is known, or the last known one before it; ``before`` until the first.

    Parameters
    ----------
    values, known : ndarray of shape (n,)

    Returns
    -------
    ndarray of int64, shape (n,)
    """
    index = np.maximum.accumulate(np.where(known, np.arange(len(values)), -1))
    return np.where(index < 0, before, values[index]).astype(np.int64)
