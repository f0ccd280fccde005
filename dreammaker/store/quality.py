"""What an import or a recording has to say about its own data."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import Any

_SUMS = ("rows_read", "rows_kept", "records", "packets", "gaps", "crossed", "locked",
         "time_backwards", "off_grid", "duplicate_seq", "trades", "volume", "buys", "sells",
         "unknown_side", "quote_buys", "quote_sells", "quote_inside")


@dataclass(slots=True)
class QualityReport:
    """Counts of one day (or one file): what was read, kept and dropped, and what looked odd.

    Prices are in points (or currency), times in seconds. ``None`` means "there was none".

    Parameters
    ----------
    rows_read, rows_kept : int
        Rows of the source, and those that became records.
    dropped : dict of str to int
        Rows that were not kept, by reason.
    records, packets : int
        Event records and packets in the log.
    gaps, longest_gap_s
        Silences longer than a minute in continuous trading; the longest silence there.
    crossed, locked : int
        Packets after which the best bid stood above (at) the best ask.
    time_backwards, off_grid, duplicate_seq : int
        Records with these flags.
    trades, volume, vwap, open, high, low, close
        Of the prints, hidden ones included; volume in lots.
    buys, sells, unknown_side : int
        Prints by the aggressor that the source names.
    quote_buys, quote_sells, quote_inside : int
        Prints at or above the ask, at or below the bid, between (sources with quotes only).
    counters : dict of str to int
        What only one source counts (LOBSTER: levels shown and revealed; bars: bars).
    notes : list of str
        Sentences about anything else.
    """

    rows_read: int = 0
    rows_kept: int = 0
    dropped: dict[str, int] = field(default_factory=dict)
    records: int = 0
    packets: int = 0
    gaps: int = 0
    longest_gap_s: float = 0.0
    crossed: int = 0
    locked: int = 0
    time_backwards: int = 0
    off_grid: int = 0
    duplicate_seq: int = 0
    trades: int = 0
    volume: int = 0
    vwap: float | None = None
    open: float | None = None
    high: float | None = None
    low: float | None = None
    close: float | None = None
    buys: int = 0
    sells: int = 0
    unknown_side: int = 0
    quote_buys: int = 0
    quote_sells: int = 0
    quote_inside: int = 0
    counters: dict[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    @property
    def rows_dropped(self) -> int:
        """Rows that were not kept, all reasons together."""
        return sum(self.dropped.values())

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON.

        Examples
        --------
        >>> QualityReport.from_dict(QualityReport(trades=3).to_dict()).trades
        3
        """
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "QualityReport":
        """The report of a dictionary made by `to_dict`; unknown keys are ignored."""
        known = {entry.name for entry in fields(cls)}
        return cls(**{key: value for key, value in values.items() if key in known})

    @classmethod
    def combined(cls, reports: "Sequence[QualityReport]") -> "QualityReport":
        """The reports of successive days as one."""
        if len(reports) == 1:
            return reports[0]
        total = cls()
        for report in reports:
            for name in _SUMS:
                setattr(total, name, getattr(total, name) + getattr(report, name))
            for mine, theirs in ((total.dropped, report.dropped),
                                 (total.counters, report.counters)):
                for name, count in theirs.items():
                    mine[name] = mine.get(name, 0) + count
            total.longest_gap_s = max(total.longest_gap_s, report.longest_gap_s)
            total.notes.extend(report.notes)
        traded = [report for report in reports if report.trades]
        if traded:
            total.open, total.close = traded[0].open, traded[-1].close
            total.high = max(report.high for report in traded if report.high is not None)
            total.low = min(report.low for report in traded if report.low is not None)
        if total.volume:
            total.vwap = sum((report.vwap or 0.0) * report.volume
                             for report in traded) / total.volume
        return total

    def rows(self) -> list[tuple[str, str]]:
        """(what, value) pairs to print, in reading order."""
        dropped = ", ".join(f"{count:,} {why}" for why, count in sorted(self.dropped.items()))
        table = [
            ("rows read", f"{self.rows_read:,}"),
            ("rows kept", f"{self.rows_kept:,}"),
            ("rows dropped", f"{self.rows_dropped:,}" + (f" ({dropped})" if dropped else "")),
            ("records / packets", f"{self.records:,} / {self.packets:,}"),
            ("gaps over 60 s (longest)", f"{self.gaps:,} ({self.longest_gap_s:,.1f} s)"),
            ("crossed / locked", f"{self.crossed:,} / {self.locked:,}"),
            ("time backwards", f"{self.time_backwards:,}"),
            ("off the price grid", f"{self.off_grid:,}"),
            ("duplicate sequence", f"{self.duplicate_seq:,}"),
            ("trades / volume", f"{self.trades:,} / {self.volume:,}"),
            ("buys / sells / unknown", f"{self.buys:,} / {self.sells:,} / {self.unknown_side:,}"),
            ("at ask / at bid / inside",
             f"{self.quote_buys:,} / {self.quote_sells:,} / {self.quote_inside:,}"),
        ]
        if self.vwap is not None:
            table.append(("open / high / low / close",
                          f"{self.open:g} / {self.high:g} / {self.low:g} / {self.close:g}"))
            table.append(("VWAP", f"{self.vwap:.5f}"))
        table.extend((name.replace("_", " "), f"{count:,}")
                     for name, count in sorted(self.counters.items()))
        table.extend(("note", note) for note in self.notes)
        return table

    def __str__(self) -> str:
        width = max(len(name) for name, _ in self.rows())
        return "\n".join(f"{name:<{width}}  {value}" for name, value in self.rows())
