"""A netting position with average price, in integers throughout."""

from dataclasses import dataclass


@dataclass(slots=True)
class Position:
    """Net position of one instrument, as on a B3 netting account.

    Parameters
    ----------
    tick_value_micros : int
        Worth of one tick of one lot, millionths of the currency.

    Attributes
    ----------
    lots : int
        Above 0 long, below 0 short.
    cost_micros : int
        What the open lots cost: sum of price times lots (signed like ``lots``).
    realised_micros, fees_micros : int
        Realised result before fees, and fees paid.

    Examples
    --------
    >>> position = Position(1_000_000)
    >>> position.fill(1, 2, 26_000, 512_200); position.fill(-1, 3, 26_004, 768_300)
    >>> position.lots, position.realised_micros, position.open_micros(2 * 26_004)
    (-1, 8000000, 0)
    """

    tick_value_micros: int
    lots: int = 0
    cost_micros: int = 0
    realised_micros: int = 0
    fees_micros: int = 0
    traded_lots: int = 0

    def fill(self, side: int, qty_lots: int, price_ticks: int, fee_micros: int) -> None:
        """Book a fill; one that crosses zero closes first and opens with the rest."""
        if qty_lots <= 0 or side not in (1, -1):
            raise AssertionError(f"a fill has a side and lots, was {side}, {qty_lots}")
        self.fees_micros += fee_micros
        self.traded_lots += qty_lots
        value = price_ticks * self.tick_value_micros
        closing = min(qty_lots, abs(self.lots)) if self.lots * side < 0 else 0
        if closing:
            # Rounding stays inside: what is not taken out now is taken out later.
            removed = self.cost_micros * closing // abs(self.lots)
            self.realised_micros += -side * closing * value - removed
            self.cost_micros -= removed
            self.lots += side * closing
        opening = qty_lots - closing
        if opening:
            self.lots += side * opening
            self.cost_micros += side * opening * value

    def open_micros(self, mid_half_ticks: int) -> int:
        """Result of the open lots at a mid price, in millionths (rounded down)."""
        return self.lots * mid_half_ticks * self.tick_value_micros // 2 - self.cost_micros

    def net_micros(self, mid_half_ticks: int) -> int:
        """Realised and open result less fees."""
        return self.realised_micros + self.open_micros(mid_half_ticks) - self.fees_micros

    @property
    def average_price_ticks(self) -> float:
        """Average price of the open lots; NaN when flat."""
        if not self.lots:
            return float("nan")
        return self.cost_micros / (self.lots * self.tick_value_micros)
