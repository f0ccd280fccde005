"""What an order that adds risk must keep to: every limit, in a fixed order, each with its reason.

Whatever is unknown denies.
"""

from collections import deque
from dataclasses import dataclass

from dreammaker.domain.orders import OrderState, OrderType, Reason, SubmitOrder
from dreammaker.domain.schema import Phase
from dreammaker.engine.clock import NS_PER_MINUTE, NS_PER_MS, NS_PER_S
from dreammaker.engine.market import MarketView
from dreammaker.ledger import Ledger
from dreammaker.risk.config import RiskConfig
from dreammaker.risk.portfolio import Portfolio
from dreammaker.risk.results import DayResult
from dreammaker.risk.verdict import PASSED, Verdict

_STOPS = (OrderType.STOP, OrderType.STOP_LIMIT)


@dataclass(slots=True)
class SessionWindow:
    """Hours of the session in loop time; None = not known, which allows entries at all times."""

    open_ns: int | None = None
    close_ns: int | None = None

    def entries_allowed(self, config: RiskConfig, now_ns: int) -> bool:
        """Whether positions may be opened at this time of the session."""
        if self.open_ns is not None and now_ns < self.open_ns + config.entry_start_ns:
            return False
        return self.close_ns is None or now_ns < self.close_ns - config.entry_stop_ns


class EntryLimits:
    """The limits of new risk.

    Parameters
    ----------
    config : RiskConfig
    ledger : Ledger
    market : MarketView
    window : SessionWindow
    result : DayResult
    portfolio : Portfolio
        Holds this ledger at ``index``.
    """

    def __init__(self, config: RiskConfig, ledger: Ledger, market: MarketView,
                 window: SessionWindow, result: DayResult, portfolio: Portfolio, index: int
                 ) -> None:
        self.config, self.ledger, self.market = config, ledger, market
        self.window, self.result = window, result
        self.portfolio, self.index = portfolio, index
        self.sent_ns: deque[int] = deque(maxlen=config.max_orders_per_minute)
        self._recent: deque[tuple[int, SubmitOrder]] = deque(maxlen=256)

    def note_approved(self, order: SubmitOrder, now_ns: int) -> None:
        """Count an approved order or change."""
        self.sent_ns.append(now_ns)
        self._recent.append((now_ns, order))

    def check(self, order: SubmitOrder, pending_lots: int, working_count: int, now_ns: int, *,
              is_change: bool = False) -> Verdict:
        """The first limit an order would pass; ``PASSED`` where it keeps them all.

        Parameters
        ----------
        order : SubmitOrder
            A new order, or what a working order would become.
        pending_lots : int
            Lots on its side that work or are about to, without it.
        working_count : int
            Orders that work or are about to, without it.
        """
        for verdict in (self._market(now_ns), self._size(order, pending_lots, working_count),
                        self._pace(order, now_ns, is_change=is_change), self._price(order)):
            if verdict is not PASSED:
                return verdict
        if self.result.net_micros() <= -self.config.max_daily_loss_micros:
            return Reason.DAILY_LOSS, "the daily loss limit is reached"
        return self.portfolio.check(self.index, order.side, self._added(order, pending_lots))

    def _added(self, order: SubmitOrder, pending_lots: int) -> int:
        """Lots above what the ledger itself counts on the order's side."""
        return pending_lots + order.qty_lots - self.ledger.working_lots(order.side)

    def _market(self, now_ns: int) -> Verdict:
        market, config = self.market, self.config
        if market.phase is not Phase.CONTINUOUS:
            return Reason.SESSION_PHASE, f"the session is in {market.phase.name}"
        if not self.window.entries_allowed(config, now_ns):
            return Reason.ENTRY_WINDOW, "outside the hours in which positions may be opened"
        if not market.book_ok:
            if market.bid_ticks > 0 and market.ask_ticks > 0 and (
                    market.bid_ticks >= market.ask_ticks):
                return Reason.CROSSED_BOOK, (
                    f"the bid is {market.bid_ticks}, the ask {market.ask_ticks} ticks")
            return Reason.NO_BOOK, "no two-sided market"
        if not market.is_fresh(now_ns, config.stale_data_ms):
            age_ms = market.data_age_ns(now_ns) / NS_PER_MS
            return Reason.STALE_DATA, (
                f"market data are {age_ms:.0f} ms old; allowed are {config.stale_data_ms:g} ms")
        spread = market.ask_ticks - market.bid_ticks
        if spread > config.max_spread_ticks:
            return Reason.WIDE_SPREAD, (
                f"the spread is {spread} ticks; allowed are {config.max_spread_ticks}")
        return PASSED

    def _size(self, order: SubmitOrder, pending_lots: int, working_count: int) -> Verdict:
        config, ledger, market = self.config, self.ledger, self.market
        if order.qty_lots > config.max_order_lots:
            return Reason.ORDER_SIZE, f"{order.qty_lots} lots; allowed are {config.max_order_lots}"
        worst = ledger.position.lots + order.side * (pending_lots + order.qty_lots)
        if abs(worst) > config.max_position_lots:
            return Reason.POSITION_LIMIT, (
                f"the position could reach {worst:+d} lots; allowed are "
                f"{config.max_position_lots}")
        lots = max(abs(worst), abs(ledger.worst_position(-order.side)))
        worth = lots * market.mid_half_ticks * ledger.instrument.tick_value_micros / 2e6
        if worth > config.max_notional:
            return Reason.NOTIONAL, (
                f"the position could be worth {worth:,.2f}; allowed are {config.max_notional:,.2f}")
        bound = lots * config.margin_per_lot
        held = config.capital + self.result.net_micros() / 1e6
        if bound > held:
            return Reason.MARGIN, f"a margin of {bound:,.2f} is needed, {held:,.2f} is there"
        if working_count >= config.max_working_orders:
            return Reason.WORKING_ORDERS, f"{working_count} orders work already"
        return PASSED

    def _pace(self, order: SubmitOrder, now_ns: int, *, is_change: bool) -> Verdict:
        config, ledger = self.config, self.ledger
        if not self._rate_allows(now_ns):
            return Reason.ORDER_RATE, (
                f"more than {config.max_orders_per_second} orders a second or "
                f"{config.max_orders_per_minute} a minute")
        fills = max(ledger.fill_count, 1)
        if (ledger.message_count >= config.message_allowance
                and ledger.message_count >= config.max_messages_per_fill * fills):
            return Reason.MESSAGE_RATIO, (
                f"{ledger.message_count} messages for {ledger.fill_count} fills; allowed are "
                f"{config.max_messages_per_fill:g} a fill")
        if not is_change and self._is_duplicate(order, now_ns):
            return Reason.DUPLICATE_ORDER, (
                f"the same order was sent within {config.duplicate_window_ms:g} ms")
        return PASSED

    def _price(self, order: SubmitOrder) -> Verdict:
        # Only a price worse than the market can hurt: buying far above or selling far below. Of a
        # stop the worse of trigger and limit counts, of a market order the price expected.
        price, market, collar = order.price_ticks, self.market, self.config.price_collar_ticks
        if order.order_type in _STOPS:
            price = max(order.side * price, order.side * order.trigger_ticks) * order.side
        name, worse = "mid", order.side * (2 * price - market.mid_half_ticks)
        if worse <= 2 * collar and market.last_trade_ticks > 0:
            name, worse = "last trade", order.side * 2 * (price - market.last_trade_ticks)
        if worse > 2 * collar:
            return Reason.PRICE_COLLAR, (
                f"the price is {worse / 2:g} ticks worse than the {name}; allowed are {collar}")
        return PASSED

    def _rate_allows(self, now_ns: int) -> bool:
        sent, config = self.sent_ns, self.config
        if len(sent) == sent.maxlen and now_ns - sent[0] < NS_PER_MINUTE:
            return False
        recent = 0
        for time_ns in reversed(sent):
            if now_ns - time_ns >= NS_PER_S:
                break
            recent += 1
        return recent < config.max_orders_per_second

    def _is_duplicate(self, order: SubmitOrder, now_ns: int) -> bool:
        window_ns = self.config.duplicate_window_ns
        for time_ns, earlier in reversed(self._recent):
            if now_ns - time_ns >= window_ns:
                return False
            if _alike(order, earlier):
                record = self.ledger.find(earlier.client_order_id)
                if record is None or record.state is not OrderState.FILLED:
                    return True
        return False


def _alike(one: SubmitOrder, other: SubmitOrder) -> bool:
    return (one.side == other.side and one.order_type is other.order_type
            and one.price_ticks == other.price_ticks and one.qty_lots == other.qty_lots
            and one.trigger_ticks == other.trigger_ticks and one.parent_id == other.parent_id)
