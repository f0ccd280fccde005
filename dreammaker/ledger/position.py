"""A netting position with average price, in integers throughout."""

from dataclasses import dataclass
from enum import IntEnum
from fractions import Fraction
from typing import NamedTuple

from dreammaker.domain.codes import plain_members


@plain_members
class DealEntry(IntEnum):
    """What a fill did to the position (the codes of a terminal's deals)."""

    IN = 0
    OUT = 1
    INOUT = 2


class Booking(NamedTuple):
    """What booking a fill came to.

    Parameters
    ----------
    entry : DealEntry
    realised_micros : int
        By this fill, before its fee.
    closed_trip_micros : int or None
        Result of the round trip this fill ended, fees paid; None = it ended none.
    """

    entry: DealEntry
    realised_micros: int
    closed_trip_micros: int | None


@dataclass(slots=True)
class Position:
    """Net position of one instrument, as on a B3 netting account.

    A round trip lasts from flat to flat, or to the reversal. The fee of a fill that reverses is
    shared between the two trips by lots, rounded down for the one that ends.

    Parameters
    ----------
    tick_value_micros : int
        Worth of one tick of one lot, millionths of the currency.

    Attributes
    ----------
    lots : int
        Above 0 long, below 0 short.
    cost_micros : int
        What the open lots cost: sum of price times lots (signed like ``lots``). Exact while a trip
        only grows; every partial close may leave less than a millionth behind for a later one.
    realised_micros, fees_micros : int
        Realised result before fees, and fees paid.
    trip_micros : int
        Realised result less fees of the round trip under way.

    Examples
    --------
    >>> position = Position(1_000_000)
    >>> position.fill(1, 2, 26_000, 512_200).entry.name
    'IN'
    >>> position.fill(-1, 3, 26_004, 768_300)
    Booking(entry=<DealEntry.INOUT: 2>, realised_micros=8000000, closed_trip_micros=6975600)
    >>> position.lots, position.realised_micros, position.open_micros(2 * 26_004)
    (-1, 8000000, 0)
    """

    tick_value_micros: int
    lots: int = 0
    cost_micros: int = 0
    realised_micros: int = 0
    fees_micros: int = 0
    traded_lots: int = 0
    trip_micros: int = 0

    def fill(self, side: int, qty_lots: int, price_ticks: int, fee_micros: int) -> Booking:
        """Book a fill; one that crosses zero closes first and opens with the rest."""
        if qty_lots <= 0 or side not in (1, -1):
            raise AssertionError(f"a fill has a side and lots, was {side}, {qty_lots}")
        self.fees_micros += fee_micros
        self.traded_lots += qty_lots
        value = price_ticks * self.tick_value_micros
        closing = min(qty_lots, abs(self.lots)) if self.lots * side < 0 else 0
        opening = qty_lots - closing
        realised, closed_trip = 0, None
        if closing:
            # Rounding stays inside: what is not taken out now is taken out later.
            removed = self.cost_micros * closing // abs(self.lots)
            realised = -side * closing * value - removed
            self.realised_micros += realised
            self.cost_micros -= removed
            self.lots += side * closing
        closing_fee = fee_micros * closing // qty_lots
        self.trip_micros += realised - closing_fee
        if closing and not self.lots:
            closed_trip, self.trip_micros = self.trip_micros, 0
        self.trip_micros -= fee_micros - closing_fee
        if opening:
            self.lots += side * opening
            self.cost_micros += side * opening * value
        entry = (DealEntry.IN if not closing else
                 DealEntry.INOUT if opening else DealEntry.OUT)
        return Booking(entry, realised, closed_trip)

    def open_micros(self, mid_half_ticks: int) -> int:
        """Result of the open lots at a mid price, in millionths (rounded down)."""
        return self.lots * mid_half_ticks * self.tick_value_micros // 2 - self.cost_micros

    def net_micros(self, mid_half_ticks: int) -> int:
        """Realised and open result less fees."""
        return self.realised_micros + self.open_micros(mid_half_ticks) - self.fees_micros

    @property
    def cash_micros(self) -> int:
        """What came in less what went out: sales, purchases and fees, to the millionth."""
        return self.realised_micros - self.cost_micros - self.fees_micros

    @property
    def average_price(self) -> Fraction:
        """Average price of the open lots in ticks, exact for ``cost_micros``.

        Raises
        ------
        ValueError
            When flat: there is none.
        """
        if not self.lots:
            raise ValueError("a flat position has no average price")
        return Fraction(self.cost_micros, self.lots * self.tick_value_micros)

    @property
    def average_price_ticks(self) -> float:
        """Average price of the open lots, rounded once; NaN when flat."""
        return float(self.average_price) if self.lots else float("nan")
