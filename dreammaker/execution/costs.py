"""What an execution cost: implementation shortfall and its parts, against arrival, VWAP and TWAP.

Perold, "The implementation shortfall: paper versus reality", J. Portfolio Management 14(3), 1988,
with the parts of Kissell and Glantz (2003). With d = +1 for a purchase, X lots wanted, F filled at
prices p_i in lots n_i, mids m_0 at the decision, m_a when the first child went out, m_i just before
fill i, and m_e at the end:

=============  =====================================  =========================================
part           formula                                meaning
=============  =====================================  =========================================
delay          ``d F (m_a - m_0)``                    what the wait before the first child cost
impact         ``d sum n_i (m_i - m_a)``              how the mid moved while we traded
spread         ``d sum n_i (p_i - m_i)``              paid beyond the mid (negative: earned)
fees           sum of fees
opportunity    ``d (X - F) (m_e - m_0)``              what was not traded
=============  =====================================  =========================================

Their sum is the shortfall ``d (sum n_i p_i - F m_0) + d (X - F)(m_e - m_0) + fees``. Impact holds
the market's own movement too: on a market that is exogenous that is all it holds, and only the mean
over many parents says anything. Money is in whole millionths of the currency.
"""

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

_NAN = float("nan")


class ExecutionCost(NamedTuple):
    """The cost of one parent order (or of an order of its own).

    Parameters
    ----------
    parent_id : int
        0 for an order without a parent.
    algorithm : str
        Of an order without a parent: "immediate", "exit" or "flatten".
    side : int
    parent_lots, filled_lots : int
    start_ns, end_ns : int
        Loop time of the decision and of the end.
    decision_mid_ticks, arrival_mid_ticks, end_mid_ticks : float
    average_price_ticks : float
        NaN where nothing was filled.
    vwap_ticks, twap_ticks : float
        Of the market from start to end; NaN where not known.
    delay_micros, spread_micros, impact_micros, fees_micros, opportunity_micros : int
        See the module's text.
    tick_value_micros : int

    Examples
    --------
    Bought 8 of 10: 4 at 101 with the mid at 100.5, 4 at 103 with the mid at 102; decided at 99,
    first child at 100, 104 at the end.

    >>> cost = cost_of_fills(1, 10, [101, 103], [4, 4], [201, 204], decision_half_ticks=198,
    ...                      arrival_half_ticks=200, end_half_ticks=208,
    ...                      tick_value_micros=1_000_000, fees_micros=8)
    >>> cost.delay_micros, cost.impact_micros, cost.spread_micros, cost.opportunity_micros
    (8000000, 10000000, 6000000, 10000000)
    >>> cost.shortfall_micros, cost.average_price_ticks
    (34000008, 102.0)
    """

    parent_id: int
    algorithm: str
    side: int
    parent_lots: int
    filled_lots: int
    start_ns: int
    end_ns: int
    decision_mid_ticks: float
    arrival_mid_ticks: float
    end_mid_ticks: float
    average_price_ticks: float
    vwap_ticks: float
    twap_ticks: float
    delay_micros: int
    spread_micros: int
    impact_micros: int
    fees_micros: int
    opportunity_micros: int
    tick_value_micros: int

    @property
    def shortfall_micros(self) -> int:
        """Implementation shortfall: the sum of the parts; above 0 is a cost."""
        return (self.delay_micros + self.spread_micros + self.impact_micros + self.fees_micros
                + self.opportunity_micros)

    @property
    def shortfall_ticks(self) -> float:
        """Shortfall in ticks a lot of the parent."""
        return self.shortfall_micros / (self.parent_lots * self.tick_value_micros)

    @property
    def against_vwap_ticks(self) -> float:
        """Average price against the market's VWAP, ticks a lot; above 0 is a cost, NaN unknown."""
        return self.side * (self.average_price_ticks - self.vwap_ticks)

    @property
    def against_twap_ticks(self) -> float:
        """Average price against the market's TWAP, ticks a lot; above 0 is a cost, NaN unknown."""
        return self.side * (self.average_price_ticks - self.twap_ticks)

    def as_dict(self) -> dict[str, Any]:
        """All fields and figures by name, for JSON and data frames (NaN as None)."""
        values = self._asdict() | {name: getattr(self, name) for name in (
            "shortfall_micros", "shortfall_ticks", "against_vwap_ticks", "against_twap_ticks")}
        return {name: None if value != value else value for name, value in values.items()}


def cost_columns(costs: Iterable[ExecutionCost]) -> dict[str, list[Any]]:
    """Costs as columns: ``pandas.DataFrame(cost_columns(costs))``."""
    rows = [cost.as_dict() for cost in costs]
    return {name: [row[name] for row in rows] for name in rows[0]} if rows else {}


def cost_of_fills(side: int, parent_lots: int, price_ticks: Sequence[int], lots: Sequence[int],
                  mid_half_ticks: Sequence[int], *, decision_half_ticks: int,
                  arrival_half_ticks: int, end_half_ticks: int, tick_value_micros: int,
                  fees_micros: int = 0, parent_id: int = 0, algorithm: str = "",
                  start_ns: int = 0, end_ns: int = 0, vwap_ticks: float = _NAN,
                  twap_ticks: float = _NAN) -> ExecutionCost:
    """Split the cost of a parent's fills.

    Parameters
    ----------
    side : int
        +1 buy, -1 sell.
    parent_lots : int
        X, 1 or more.
    price_ticks, lots, mid_half_ticks : sequences of int, one entry a fill
        Price, quantity, and bid plus ask just before it.
    decision_half_ticks, arrival_half_ticks, end_half_ticks : int
        Bid plus ask at these moments.
    tick_value_micros : int
    fees_micros : int
        In all.
    parent_id, algorithm, start_ns, end_ns, vwap_ticks, twap_ticks
        As in `ExecutionCost`.

    Raises
    ------
    ValueError
        If the sequences differ in length, a quantity is below 1, or more was filled than wanted.
    """
    filled = sum(lots)
    if not len(price_ticks) == len(lots) == len(mid_half_ticks):
        raise ValueError("price_ticks, lots and mid_half_ticks must have the same length, had "
                         f"{len(price_ticks)}, {len(lots)}, {len(mid_half_ticks)}")
    if side not in (1, -1) or any(n < 1 for n in lots) or not 0 <= filled <= parent_lots:
        raise ValueError("side must be 1 or -1, and lots 1 or more and at most parent_lots "
                         f"({parent_lots}) in all, were {side} and {list(lots)}")
    paid = sum(n * p for n, p in zip(lots, price_ticks, strict=True))
    mids = sum(n * m for n, m in zip(lots, mid_half_ticks, strict=True))
    delay, spread, impact, opportunity = _parts(
        side * tick_value_micros, parent_lots, filled, paid, mids, decision_half_ticks,
        arrival_half_ticks, end_half_ticks)
    return ExecutionCost(
        parent_id, algorithm, side, parent_lots, filled, start_ns, end_ns,
        decision_half_ticks / 2, arrival_half_ticks / 2, end_half_ticks / 2,
        paid / filled if filled else _NAN, vwap_ticks, twap_ticks,
        delay, spread, impact, fees_micros, opportunity, tick_value_micros)


def _parts(worth_micros: int, wanted: int, filled: int, paid: int, mids: int, decision: int,
           arrival: int, end: int) -> tuple[int, int, int, int]:
    """Delay, spread, impact and opportunity in millionths.

    ``paid`` is in tick lots, ``mids`` and mids in half ticks (times lots). Half a tick of an odd
    tick value rounds down.
    """
    return (filled * (arrival - decision) * worth_micros // 2,
            (2 * paid - mids) * worth_micros // 2,
            (mids - filled * arrival) * worth_micros // 2,
            (wanted - filled) * (end - decision) * worth_micros // 2)


def interval_vwap_ticks(times_ns: ArrayLike, price_ticks: ArrayLike, lots: ArrayLike,
                        start_ns: int, end_ns: int) -> float:
    """Volume-weighted average price of the trades in [start, end); NaN without trades.

    Parameters
    ----------
    times_ns, price_ticks, lots : array_like of int, shape (n,)
        Times in any order.
    """
    times, prices, sizes = (np.asarray(values, np.int64) for values in
                            (times_ns, price_ticks, lots))
    inside = (times >= start_ns) & (times < end_ns)
    volume = int(sizes[inside].sum())
    return int((prices[inside] * sizes[inside]).sum()) / volume if volume else _NAN


def interval_twap_ticks(times_ns: ArrayLike, mid_half_ticks: ArrayLike, start_ns: int,
                        end_ns: int) -> float:
    """Time-weighted average mid over [start, end); NaN before the first mid.

    Parameters
    ----------
    times_ns : array_like of int, shape (n,)
        Rising; a mid holds until the next one.
    mid_half_ticks : array_like of int, shape (n,)
    """
    times, mids = np.asarray(times_ns, np.int64), np.asarray(mid_half_ticks, np.int64)
    if not len(times) or end_ns <= max(start_ns, int(times[0])):
        return _NAN
    begin = max(start_ns, int(times[0]))
    first = int(np.searchsorted(times, begin, side="right")) - 1
    last = int(np.searchsorted(times, end_ns, side="left"))
    edges = np.clip(np.append(times[first:last], end_ns), begin, end_ns)
    held = edges[1:] - edges[:-1]
    return int((mids[first:last] * held).sum()) / (2 * (end_ns - begin))


def mids_before(times_ns: ArrayLike, mid_half_ticks: ArrayLike, at_ns: ArrayLike
                ) -> NDArray[np.int64]:
    """The last mid strictly before each moment (the first one where there is none before it).

    Returns
    -------
    ndarray of int64, shape of ``at_ns``
        Bid plus ask.
    """
    times, mids = np.asarray(times_ns, np.int64), np.asarray(mid_half_ticks, np.int64)
    places = np.searchsorted(times, np.asarray(at_ns, np.int64), side="left") - 1
    return np.asarray(mids[np.maximum(places, 0)])


@dataclass(slots=True)
class CostMeter:
    """Collects one parent's costs while it works, in memory that does not grow.

    Market benchmarks come from samples (the loop's looks at the parent): TWAP is exact for a mid
    that holds between them, VWAP takes the volume between two samples at their mean mid.

    Parameters
    ----------
    parent_id : int
    algorithm : str
    side, lots : int
    start_ns : int
    decision_half_ticks : int
        Bid plus ask at the decision.
    tick_value_micros : int
    """

    parent_id: int
    algorithm: str
    side: int
    lots: int
    start_ns: int
    decision_half_ticks: int
    tick_value_micros: int
    arrival_half_ticks: int = 0
    filled_lots: int = 0
    fees_micros: int = 0
    _paid: int = 0
    _mids: int = 0
    _last: tuple[int, int, int] | None = None
    _time: int = 0
    _time_mids: int = 0
    _volume: int = 0
    _volume_mids: int = 0
    _recent: deque[tuple[int, int]] = field(default_factory=lambda: deque(maxlen=64))

    def sample(self, now_ns: int, half_ticks: int, volume_lots: int) -> None:
        """Take the market: bid plus ask, and the session's volume so far."""
        if half_ticks <= 0:
            return
        if self._last is not None:
            then, mid, volume = self._last
            self._time += now_ns - then
            self._time_mids += (now_ns - then) * mid
            traded = max(volume_lots - volume, 0)
            self._volume += traded
            self._volume_mids += traded * (mid + half_ticks)
        self._last = (now_ns, half_ticks, volume_lots)
        self._recent.append((now_ns, half_ticks))

    def sent(self, half_ticks: int) -> None:
        """A child went out; the first one is the arrival."""
        if self.arrival_half_ticks == 0:
            self.arrival_half_ticks = half_ticks

    def filled(self, venue_ns: int, lots: int, price_ticks: int, fee_micros: int) -> None:
        """Take a fill, at the latest sampled mid before it."""
        mid = self.arrival_half_ticks or self.decision_half_ticks
        for when, half_ticks in self._recent:
            if when >= venue_ns:
                break
            mid = half_ticks
        self.filled_lots += lots
        self.fees_micros += fee_micros
        self._paid += lots * price_ticks
        self._mids += lots * mid

    def result(self, end_ns: int, end_half_ticks: int) -> ExecutionCost:
        """The parent's cost at its end."""
        arrival = self.arrival_half_ticks or self.decision_half_ticks
        filled, wanted = self.filled_lots, max(self.lots, self.filled_lots)
        delay, spread, impact, opportunity = _parts(
            self.side * self.tick_value_micros, wanted, filled, self._paid, self._mids,
            self.decision_half_ticks, arrival, end_half_ticks)
        return ExecutionCost(
            self.parent_id, self.algorithm, self.side, wanted, filled, self.start_ns, end_ns,
            self.decision_half_ticks / 2, arrival / 2, end_half_ticks / 2,
            self._paid / filled if filled else _NAN,
            self._volume_mids / (4 * self._volume) if self._volume else _NAN,
            self._time_mids / (2 * self._time) if self._time else _NAN,
            delay, spread, impact, self.fees_micros, opportunity, self.tick_value_micros)


class CostLog:
    """The latest costs of a session, and totals of all.

    Parameters
    ----------
    kept : int
        Parents whose costs are kept one by one.

    Attributes
    ----------
    costs : deque of ExecutionCost
        The latest ones.
    count : int
        All.
    totals_micros : dict of str to int
        Sums by part over all.

    Examples
    --------
    >>> log = CostLog()
    >>> log.add(cost_of_fills(-1, 1, [100], [1], [201], decision_half_ticks=201,
    ...                       arrival_half_ticks=201, end_half_ticks=201,
    ...                       tick_value_micros=1_000_000))
    >>> log.count, log.totals_micros["spread"]
    (1, 500000)
    """

    PARTS = ("delay", "spread", "impact", "fees", "opportunity", "shortfall")

    def __init__(self, kept: int = 1000) -> None:
        self.costs: deque[ExecutionCost] = deque(maxlen=kept)
        self.count = self.wanted_lots = self.filled_lots = 0
        self.totals_micros = dict.fromkeys(self.PARTS, 0)

    def keep(self, count: int) -> None:
        """Keep so many costs one by one from here on."""
        self.costs = deque(self.costs, maxlen=count)

    def add(self, cost: ExecutionCost) -> None:
        """Take a parent that has ended."""
        self.costs.append(cost)
        self.count += 1
        self.wanted_lots += cost.parent_lots
        self.filled_lots += cost.filled_lots
        totals = self.totals_micros
        totals["delay"] += cost.delay_micros
        totals["spread"] += cost.spread_micros
        totals["impact"] += cost.impact_micros
        totals["fees"] += cost.fees_micros
        totals["opportunity"] += cost.opportunity_micros
        totals["shortfall"] += cost.shortfall_micros

    def summary(self) -> dict[str, Any]:
        """Counts and totals as plain values."""
        return {"parents": self.count, "wanted_lots": self.wanted_lots,
                "filled_lots": self.filled_lots,
                **{f"{part}_micros": total for part, total in self.totals_micros.items()}}
