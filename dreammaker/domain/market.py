"""Light views of market data for people and research code: `Tick` and `OrderBook`.

The live path works on packed records and kernels; these classes give single records and books
names and prices in points.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import numpy as np

from dreammaker.domain.instrument import Instrument
from dreammaker.domain.schema import Flag, Kind

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Tick:
    """The state of the best prices after a record, and the trade in it if it is one.

    Prices are in points; NaN where there is none or it is not known.

    Parameters
    ----------
    time_ns : int
        Exchange time, UTC ns.
    bid, ask : float
        Best prices as carried so far.
    last : float
        Price of the trade; NaN if the record is no trade.
    volume : int
        Lots traded; 0 if the record is no trade, -1 if the source gives none.
    side : int
        Aggressor: +1 buyer, -1 seller, 0 unknown or no trade.
    flags : int
        ``Flag`` bits of the record.

    Examples
    --------
    >>> tick = Tick(0, 99.5, 100.5, 100.5, 3, 1)
    >>> tick.mid_price, tick.spread, tick.is_trade
    (100.0, 1.0, True)
    """

    time_ns: int
    bid: float = math.nan
    ask: float = math.nan
    last: float = math.nan
    volume: int = 0
    side: int = 0
    flags: int = 0

    @property
    def time(self) -> datetime:
        """Exchange time, UTC, to the microsecond."""
        return _EPOCH + timedelta(microseconds=self.time_ns // 1_000)

    @property
    def is_trade(self) -> bool:
        """Whether the record is a trade."""
        return not math.isnan(self.last)

    @property
    def mid_price(self) -> float:
        """(bid + ask) / 2; NaN unless both are known."""
        return (self.bid + self.ask) / 2

    @property
    def spread(self) -> float:
        """Ask minus bid; NaN unless both are known."""
        return self.ask - self.bid

    def after(self, record: np.void, instrument: Instrument) -> "Tick":
        """The tick after one more record (a scalar of EVENT_DTYPE) of the same stream.

        QUOTE moves the carried bid or ask (quantity 0: the side is empty), TRADE and ORDER_EXECUTE
        are trades; any other kind leaves prices as they are.
        """
        kind, side, quantity = int(record["kind"]), int(record["side"]), int(record["qty_lots"])
        ticks = int(record["price_ticks"]) + int(record["residual_microticks"]) * 1e-6
        price = instrument.to_points(ticks)
        bid, ask, last, volume, aggressor = self.bid, self.ask, math.nan, 0, 0
        if kind == Kind.QUOTE:
            shown = price if quantity != 0 else math.nan
            bid, ask = (shown, ask) if side > 0 else (bid, shown)
        elif kind == Kind.TRADE:
            last, volume, aggressor = price, quantity, side
        elif kind == Kind.ORDER_EXECUTE:
            last, volume, aggressor = price, quantity, -side
        return Tick(int(record["exch_ns"]), bid, ask, last, volume, aggressor,
                    int(Flag(int(record["flags"]))))


@dataclass(frozen=True, slots=True)
class OrderBook:
    """Price levels of both sides, best first.

    Parameters
    ----------
    bids, asks : sequence of (price, quantity)
        Prices in points, bids descending, asks ascending, quantities above 0; may be empty.

    Raises
    ------
    ValueError
        If a side is not in order, or a quantity is not above 0.

    Examples
    --------
    >>> book = OrderBook(bids=[(99.0, 30), (98.0, 5)], asks=[(101.0, 10)])
    >>> book.best_bid, book.best_ask, book.mid_price, book.spread
    (99.0, 101.0, 100.0, 2.0)
    >>> book.micro_price
    100.5
    """

    bids: Sequence[tuple[float, float]] = ()
    asks: Sequence[tuple[float, float]] = ()

    def __post_init__(self) -> None:
        for name, levels, direction in (("bids", self.bids, -1), ("asks", self.asks, 1)):
            if any(not quantity > 0 for _, quantity in levels):
                raise ValueError(f"{name} must have quantities above 0, were {list(levels)}")
            prices = [price for price, _ in levels]
            if any(not direction * (after - before) > 0
                   for before, after in pairwise(prices)):
                raise ValueError(f"{name} must be in order, best first, were {prices}")

    @property
    def best_bid(self) -> float:
        """Highest bid; NaN where there is none."""
        return self.bids[0][0] if self.bids else math.nan

    @property
    def best_ask(self) -> float:
        """Lowest ask; NaN where there is none."""
        return self.asks[0][0] if self.asks else math.nan

    @property
    def mid_price(self) -> float:
        """(best bid + best ask) / 2; NaN where a side is empty."""
        return (self.best_bid + self.best_ask) / 2

    @property
    def spread(self) -> float:
        """Best ask minus best bid; NaN where a side is empty."""
        return self.best_ask - self.best_bid

    @property
    def micro_price(self) -> float:
        """Level-1 volume-weighted price (b qa + a qb) / (qa + qb); NaN where a side is empty."""
        if not (self.bids and self.asks):
            return math.nan
        (bid, bid_size), (ask, ask_size) = self.bids[0], self.asks[0]
        return (bid * ask_size + ask * bid_size) / (ask_size + bid_size)

    @property
    def is_crossed(self) -> bool:
        """Whether the best bid is at or above the best ask."""
        return self.best_bid >= self.best_ask
