"""Exposure of several instruments together."""

from dreammaker.domain.orders import Reason
from dreammaker.engine.market import MarketView
from dreammaker.ledger import Ledger
from dreammaker.risk.config import RiskConfig
from dreammaker.risk.verdict import PASSED, Verdict


class Portfolio:
    """Gross and net worth of positions, working orders counted as if filled.

    Each instrument is taken at its worst: for the gross limit the larger of its two worst
    positions, for the net limit the one that leans the way of the sum. All must be in one currency.

    Parameters
    ----------
    max_gross_micros, max_net_micros : int
        Limits in millionths of the currency.

    Examples
    --------
    >>> from dreammaker.domain.instrument import Instrument
    >>> win = Instrument.win()
    >>> portfolio, market = Portfolio.from_config(RiskConfig()), MarketView(win, 27)
    >>> market.bid_ticks, market.ask_ticks, market.book_ok = 26_000, 26_002, True
    >>> index = portfolio.add(Ledger(win), market)
    >>> portfolio.check(index, 1, 40)[1]
    'all positions together could be worth 1,040,040 net; allowed are 1,000,000'
    """

    def __init__(self, max_gross_micros: int, max_net_micros: int) -> None:
        self.max_gross_micros, self.max_net_micros = max_gross_micros, max_net_micros
        self._books: list[tuple[Ledger, MarketView]] = []

    @classmethod
    def from_config(cls, config: RiskConfig) -> "Portfolio":
        """The portfolio of a configuration's limits, with no instrument yet."""
        return cls(round(config.max_gross_notional * 1e6), round(config.max_net_notional * 1e6))

    def add(self, ledger: Ledger, market: MarketView) -> int:
        """Add an instrument; its index."""
        known = {book.instrument.currency for book, _ in self._books}
        if known - {ledger.instrument.currency}:
            raise ValueError(f"a portfolio has one currency ({', '.join(known)}), "
                             f"was {ledger.instrument.currency}")
        self._books.append((ledger, market))
        return len(self._books) - 1

    def check(self, index: int, side: int, lots: int) -> Verdict:
        """Whether an order of an instrument keeps both limits; ``PASSED`` where it does.

        Parameters
        ----------
        index : int
            Of the instrument, as ``add`` gave it.
        side, lots : int
            Of the order, together with what is approved and not yet sent.
        """
        gross, high, low = 0, 0, 0
        for number, (ledger, market) in enumerate(self._books):
            if not market.sound_mid_half_ticks and not market.book_ok:
                if number != index and not ledger.position.lots and not ledger.working:
                    continue
                return Reason.NO_BOOK, f"no price of {ledger.instrument.symbol}"
            mid = market.mid_half_ticks if market.book_ok else market.sound_mid_half_ticks
            up = down = ledger.position.lots
            if ledger.working:
                up, down = ledger.worst_position(1), ledger.worst_position(-1)
            if number == index:
                up += lots if side > 0 else 0
                down -= lots if side < 0 else 0
            worth = mid * ledger.instrument.tick_value_micros
            gross += max(abs(up), abs(down)) * worth // 2
            high += up * worth // 2
            low += down * worth // 2
        net = max(abs(high), abs(low))
        if gross > self.max_gross_micros:
            return Reason.PORTFOLIO_GROSS, _beyond("gross", gross, self.max_gross_micros)
        if net > self.max_net_micros:
            return Reason.PORTFOLIO_NET, _beyond("net", net, self.max_net_micros)
        return PASSED


def _beyond(word: str, worth: int, limit: int) -> str:
    return (f"all positions together could be worth {worth // 10**6:,} {word}; "
            f"allowed are {limit // 10**6:,}")
