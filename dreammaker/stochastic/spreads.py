"""What trades pay: effective spread = realized spread + price impact, over a log."""

from dataclasses import dataclass
from math import sqrt
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dreammaker.domain.errors import InputError
from dreammaker.domain.schema import Flag, Kind
from dreammaker.stochastic._checks import Floats, Ints, not_negative, positive, vector
from dreammaker.stochastic.standing import (
    Booleans,
    StandingQuotes,
    standing_quotes,
    stretch_of_records,
)

if TYPE_CHECKING:
    from dreammaker.store.eventlog import EventLog

Weight = Literal["volume", "equal"]


def spread_components(sides: ArrayLike, prices: ArrayLike, mids: ArrayLike, later_mids: ArrayLike
                      ) -> tuple[Floats, Floats, Floats]:
    """Effective spread ``2 d (p - m)``, realized ``2 d (p - m')`` and impact ``2 d (m' - m)``.

    Parameters
    ----------
    sides : array_like of shape (n,)
        d, +1 where the buyer was the aggressor, -1 where the seller was.
    prices, mids, later_mids : array_like of shape (n,)
        p, the mid m just before the trade, the mid m' some time after it.

    Returns
    -------
    tuple of ndarray of float64, shape (n,)
        In the unit of the prices; effective = realized + impact.

    Examples
    --------
    >>> [x.tolist() for x in spread_components([1], [130005], [130002.5], [130007.5])]
    [[5.0], [-5.0], [10.0]]
    """
    d, p = vector("sides", sides), vector("prices", prices)
    m, later = vector("mids", mids), vector("later_mids", later_mids)
    for name, other in (("prices", p), ("mids", m), ("later_mids", later)):
        if len(other) != len(d):
            raise ValueError(f"sides and {name} must have the same length, had {len(d)} and "
                             f"{len(other)}")
    wrong = np.flatnonzero(np.abs(d) != 1.0)
    if len(wrong):
        raise ValueError(f"sides must be +1 or -1, was {d[wrong[0]]:g} at index {wrong[0]}")
    return 2.0 * d * (p - m), 2.0 * d * (p - later), 2.0 * d * (later - m)


@dataclass(frozen=True, slots=True)
class SpreadSummary:
    """Averages over a group of prints whose later mid is known, in points.

    Parameters
    ----------
    label : str
        The group.
    print_count : int
    volume_lots : int
        Of prints of known quantity.
    quoted, effective, realized, impact : float
        Weighted means; effective = realized + impact. NaN for an empty group.
    realized_se : float
        Standard error of realized (and nearly of impact), by clusters of five minutes, since
        horizons overlap; NaN for fewer than two clusters.
    effective_bps : float
        Effective spread relative to the mid, in hundredths of a percent.
    """

    label: str
    print_count: int
    volume_lots: int
    quoted: float
    effective: float
    realized: float
    impact: float
    realized_se: float
    effective_bps: float


@dataclass(frozen=True, slots=True)
class SpreadDecomposition:
    """Every print with the quote it met and the mid after the horizon; arrays of shape (prints,).

    Parameters
    ----------
    horizon_s : float
    event_index : ndarray of int64
        The print's record (the first one's, where prints were merged).
    exch_ns : ndarray of int64
    side : ndarray of int8
        +1 buyer, -1 seller was the aggressor.
    side_inferred : ndarray of bool
        Signed by Lee and Ready's rule, because the source does not say.
    qty_lots : ndarray of int64
        -1 = unknown.
    price, mid, quoted : ndarray of float64
        Price, mid and quoted spread just before it, points.
    later_mid : ndarray of float64
        NaN where trading stopped, the log ended or the quotes were not sound at the horizon.
    effective, realized, impact : ndarray of float64
        Points; the last two NaN with ``later_mid``.
    reach : ndarray of float64
        Distance of the worst price from the mid in the aggressor's direction, points.
    excluded : dict of str to int
        Prints left out: ``not_continuous`` (auctions, halts, before the opening), ``no_quote`` (no
        sound quote before it), ``hidden`` (if asked), ``no_side`` (cannot be signed).
    """

    horizon_s: float
    event_index: Ints
    exch_ns: Ints
    side: NDArray[np.int8]
    side_inferred: Booleans
    qty_lots: Ints
    price: Floats
    mid: Floats
    quoted: Floats
    later_mid: Floats
    effective: Floats
    realized: Floats
    impact: Floats
    reach: Floats
    excluded: dict[str, int]

    def __len__(self) -> int:
        """Number of prints."""
        return len(self.side)

    def summary(self, weight: Weight = "volume", label: str = "all",
                chosen: Booleans | None = None) -> SpreadSummary:
        """Averages of the prints chosen (all, unless given), by volume or alike.

        Prints of unknown quantity have no weight in an average by volume.
        """
        if weight not in ("volume", "equal"):
            raise ValueError(f"weight must be volume or equal, was {weight!r}")
        use = np.isfinite(self.later_mid)
        if chosen is not None:
            use = use & chosen
        weights = np.maximum(self.qty_lots, 0).astype(np.float64)[use]
        volume = int(weights.sum())
        if weight == "equal":
            weights = np.ones(len(weights))
        total = float(weights.sum())

        def mean(values: Floats) -> float:
            return float((weights * values[use]).sum() / total) if total > 0.0 else float("nan")

        realized = mean(self.realized)
        return SpreadSummary(
            label, int(use.sum()), volume, mean(self.quoted), mean(self.effective), realized,
            mean(self.impact), _clustered_se(self.exch_ns[use],
                                             weights * (self.realized[use] - realized), total),
            1e4 * mean(self.effective / self.mid))

    def by_side(self, weight: Weight = "volume") -> list[SpreadSummary]:
        """Buyer-initiated and seller-initiated prints."""
        return [self.summary(weight, "buy", self.side > 0),
                self.summary(weight, "sell", self.side < 0)]

    def by_size(self, edges_lots: ArrayLike, weight: Weight = "volume") -> list[SpreadSummary]:
        """Prints by quantity.

        Parameters
        ----------
        edges_lots : array_like of int
            Ascending; bucket i holds edges[i] <= quantity < edges[i + 1], the last one all above.
        weight : {"volume", "equal"}
        """
        edges = vector("edges_lots", edges_lots, 1)
        if (np.diff(edges) <= 0.0).any():
            raise ValueError(f"edges_lots must be strictly ascending, were {edges.tolist()}")
        rows = []
        for low, high in zip(edges, [*edges[1:], np.inf], strict=True):
            label = f"{low:g}+" if high == np.inf else (
                f"{low:g}" if high == low + 1 else f"{low:g}-{high - 1:g}")
            rows.append(self.summary(weight, label,
                                     (self.qty_lots >= low) & (self.qty_lots < high)))
        return rows


def decompose_spreads(log: "EventLog", horizon_s: float = 5.0, *, merge: bool = True,
                      include_hidden: bool = True) -> SpreadDecomposition:
    """Measure what every print of a log paid.

    The quote before a print is the one that stood at the end of the packet before its own; the
    later mid is that of the last packet at or before the print's time plus the horizon.

    Parameters
    ----------
    log : EventLog
        With depth, or with best quotes only.
    horizon_s : float
        0 or more.
    merge : bool
        Take consecutive prints of one time and one aggressor for one order: quantities add, the
        price is their average by volume (plain where a quantity is unknown), the quote is that
        before the first. Otherwise each print stands alone, and the second print of a sweep is
        measured against the book the first one left.
    include_hidden : bool
        Whether executions of hidden orders count.

    Returns
    -------
    SpreadDecomposition

    Raises
    ------
    InputError
        If the log has no trades, no quotes, or a damaged record.
    ValueError
        If the horizon is not 0 or more.

    Notes
    -----
    Exchange time throughout. Unknown aggressors are signed by Lee and Ready (1991) without lag: by
    the quote, at the mid by the last change of price. Whole vectors: O(n log n).
    """
    not_negative("horizon_s", horizon_s)
    events = log.events
    prints = np.flatnonzero((events["kind"] == Kind.TRADE) | (events["kind"] == Kind.ORDER_EXECUTE))
    if len(prints) == 0:
        raise InputError(f"the log of {log.instrument.symbol} on {log.day} has no trades")
    quotes = standing_quotes(log)
    if not quotes.sound.any():
        raise InputError(f"the log of {log.instrument.symbol} on {log.day} has no sound quotes")
    prints, row, excluded = _measurable(log, prints, quotes, include_hidden)
    records = events[prints]
    ticks = records["price_ticks"] + 1e-6 * records["residual_microticks"]
    mid2 = quotes.bid_ticks[row] + quotes.ask_ticks[row]
    told = np.where(records["kind"] == Kind.TRADE, records["side"], -records["side"])
    side = np.where(told != 0, told, _lee_ready(ticks, mid2))
    excluded["no_side"] = int((side == 0).sum())
    keep = side != 0
    times = np.maximum.accumulate(events["exch_ns"])[prints].astype(np.int64)
    groups = _Prints(prints[keep], times[keep], side[keep].astype(np.int8), (told == 0)[keep],
                     records["qty_lots"][keep].astype(np.int64), ticks[keep], row[keep],
                     ticks[keep])
    if merge:
        groups = _merged(groups, quotes)
    return _measured(log, groups, quotes, horizon_s, excluded)


@dataclass(frozen=True, slots=True)
class _Prints:
    index: Ints
    times: Ints
    side: NDArray[np.int8]
    inferred: Booleans
    qty: Ints
    ticks: Floats
    row: Ints
    worst: Floats


def _measurable(log: "EventLog", prints: Ints, quotes: StandingQuotes, include_hidden: bool
                ) -> tuple[Ints, Ints, dict[str, int]]:
    # The quote row of a print is the last packet that ended before it.
    events, flags = log.events, log.events["flags"][prints]
    stretch = stretch_of_records(events)[prints]
    row = np.searchsorted(quotes.end_index, prints, side="left") - 1
    open_ = (stretch >= 0) & (flags & Flag.AUCTION == 0)
    before = np.maximum(row, 0)
    quoted = (row >= 0) & quotes.sound[before] & (quotes.stretch[before] == stretch)
    hidden = np.zeros(len(prints), np.bool_) if include_hidden else flags & Flag.HIDDEN != 0
    keep = open_ & quoted & ~hidden
    excluded = {"not_continuous": int((~open_).sum()),
                "hidden": int((open_ & hidden).sum()),
                "no_quote": int((open_ & ~hidden & ~quoted).sum())}
    return prints[keep], row[keep], excluded


def _lee_ready(ticks: Floats, mid2: Ints) -> Ints:
    quote_sign = np.sign(2.0 * ticks - mid2).astype(np.int64)
    change = np.sign(np.diff(ticks, prepend=ticks[:1])).astype(np.int64)
    latest = np.maximum.accumulate(np.where(change != 0, np.arange(len(ticks)), 0))
    return np.where(quote_sign != 0, quote_sign, change[latest] if len(ticks) else change)


def _merged(p: _Prints, quotes: StandingQuotes) -> _Prints:
    if len(p.index) == 0:
        return p
    new = np.ones(len(p.index), np.bool_)
    new[1:] = ((np.diff(p.times) != 0) | (np.diff(p.side) != 0)
               | (np.diff(quotes.stretch[p.row]) != 0))
    first = np.flatnonzero(new)
    unknown = np.logical_or.reduceat(p.qty < 0, first)
    group = np.cumsum(new) - 1
    weight = np.where(unknown[group], 1.0, np.maximum(p.qty, 0))
    weight = np.where(np.add.reduceat(weight, first)[group] > 0.0, weight, 1.0)
    # Averages are taken from the first price, so that equal prices give exactly that price.
    offset = p.ticks - p.ticks[first][group]
    average = p.ticks[first] + np.add.reduceat(weight * offset, first) / np.add.reduceat(weight,
                                                                                         first)
    signed = p.side.astype(np.float64) * p.ticks
    worst = p.side[first].astype(np.float64) * np.maximum.reduceat(signed, first)
    return _Prints(p.index[first], p.times[first], p.side[first],
                   np.logical_or.reduceat(p.inferred, first),
                   np.where(unknown, -1, np.add.reduceat(p.qty, first)), average, p.row[first],
                   worst)


def _measured(log: "EventLog", p: _Prints, quotes: StandingQuotes, horizon_s: float,
              excluded: dict[str, int]) -> SpreadDecomposition:
    tick, d = log.instrument.tick_size, p.side.astype(np.float64)
    bid, ask = quotes.bid_ticks[p.row], quotes.ask_ticks[p.row]
    target = p.times + round(horizon_s * 1e9)
    after = np.searchsorted(quotes.exch_ns, target, side="right") - 1
    after = np.maximum(after, 0)
    known = (quotes.sound[after] & (quotes.stretch[after] == quotes.stretch[p.row])
             & (target <= quotes.exch_ns[-1]) & (after >= p.row))
    half = 0.5 * (bid + ask).astype(np.float64)
    later = np.where(known, 0.5 * (quotes.bid_ticks[after] + quotes.ask_ticks[after]), np.nan)
    # In ticks the mids are exact halves, so the identity holds to the last bits.
    effective, impact = 2.0 * d * (p.ticks - half), 2.0 * d * (later - half)
    realized = 2.0 * d * (p.ticks - later)
    return SpreadDecomposition(
        float(horizon_s), p.index, p.times, p.side, p.inferred, p.qty, tick * p.ticks, tick * half,
        tick * (ask - bid).astype(np.float64), tick * later, tick * effective, tick * realized,
        tick * impact, tick * (d * (p.worst - half)), excluded)


def _clustered_se(times: Ints, scores: Floats, total: float, cluster_s: float = 300.0) -> float:
    # Sandwich with clusters in time: prints nearby share most of their horizon.
    if len(times) == 0 or total <= 0.0:
        return float("nan")
    blocks = ((times - times[0]) // round(positive("cluster_s", cluster_s) * 1e9)).astype(np.int64)
    _, which = np.unique(blocks, return_inverse=True)
    sums = np.bincount(which, weights=scores)
    n = len(sums)
    return sqrt(n / (n - 1) * float((sums * sums).sum())) / total if n > 1 else float("nan")
