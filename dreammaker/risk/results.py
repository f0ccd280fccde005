"""The day's result, its best so far, and how far it is from either limit."""

from dreammaker.engine.market import MarketView
from dreammaker.ledger import Ledger


class DayResult:
    """The result of the day, fees paid, open lots at the last sound mid.

    A market that has no mid now (one side empty, crossed) does not hide a loss: the last one of a
    two-sided market counts. Before the first there is nothing open to be valued.

    Attributes
    ----------
    carried_micros : int
        Result of earlier runs of the same day.
    high_water_micros : int
        Best result of the day, at least 0, where it was looked at.
    """

    def __init__(self, ledger: Ledger, market: MarketView) -> None:
        self.ledger, self.market = ledger, market
        self.carried_micros = self.high_water_micros = 0
        self._mid_half_ticks: int | None = None

    def net_micros(self) -> int:
        """The result now; the high-water mark follows it."""
        if self.market.book_ok:
            self._mid_half_ticks = self.market.mid_half_ticks
        position = self.ledger.position
        if self._mid_half_ticks is None:
            net = position.realised_micros - position.fees_micros
        else:
            net = position.net_micros(self._mid_half_ticks)
        net += self.carried_micros
        self.high_water_micros = max(self.high_water_micros, net)
        return net

    def drawdown_micros(self) -> int:
        """Distance below the best result; 0 or more."""
        net = self.net_micros()
        return self.high_water_micros - net

    def forget_high_water(self) -> None:
        """Measure the drawdown from here on (an operator has seen it)."""
        self.high_water_micros = self.net_micros()
