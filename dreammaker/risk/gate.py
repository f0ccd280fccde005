"""The gate: the only place where an order becomes an ``ApprovedOrder``.

Strictly reducing orders pass the entry limits, for an exit must never be blocked; everything else
needs every answer to be known and within its limit. Whatever is unknown denies.
"""

from collections import deque
from dataclasses import dataclass
from enum import IntEnum

from dreammaker.domain.orders import (
    ApprovedOrder,
    OrderDenied,
    OrderType,
    Reason,
    SubmitOrder,
    approve,
)
from dreammaker.domain.schema import Phase
from dreammaker.engine.clock import NS_PER_MS, NS_PER_S
from dreammaker.engine.market import MarketView
from dreammaker.ledger import Ledger
from dreammaker.risk.config import RiskConfig

_NS_PER_MINUTE = 60 * NS_PER_S


class TradingState(IntEnum):
    """How much risk may do."""

    ARMED = 1        # orders pass within limits
    STOOD_DOWN = 2   # reducing orders only
    KILLED = 3       # the daily loss, or a command: reducing orders only, for good


@dataclass(slots=True)
class SessionWindow:
    """Hours of the session in loop time; None = not known, which allows entries at all times."""

    open_ns: int | None = None
    close_ns: int | None = None


class RiskGate:
    """Approves or denies single orders.

    Parameters
    ----------
    config : RiskConfig
    ledger : Ledger
    market : MarketView

    Examples
    --------
    >>> from dreammaker.domain.instrument import Instrument
    >>> from dreammaker.domain.orders import TimeInForce
    >>> win = Instrument.win()
    >>> gate = RiskGate(RiskConfig(), Ledger(win), MarketView(win, 27))
    >>> order = SubmitOrder(1, 1, OrderType.MARKET, TimeInForce.DAY, 1, 26_000, 0)
    >>> gate.check(order, 0).reason.name
    'NO_BOOK'
    """

    def __init__(self, config: RiskConfig, ledger: Ledger, market: MarketView) -> None:
        self.config, self.ledger, self.market = config, ledger, market
        self.state = TradingState.ARMED
        self.state_reason = Reason.NONE
        self.window = SessionWindow()
        self._sent_ns: deque[int] = deque(maxlen=config.max_orders_per_minute)
        self._mid_half_ticks: int | None = None
        self._unsent: list[ApprovedOrder] = []

    def stand_down(self, reason: Reason) -> bool:
        """Allow reducing orders only; True where this is new."""
        if self.state is not TradingState.ARMED:
            return False
        self.state, self.state_reason = TradingState.STOOD_DOWN, reason
        return True

    def kill(self, reason: Reason) -> bool:
        """Allow reducing orders only, for the rest of the session; True where this is new."""
        if self.state is TradingState.KILLED:
            return False
        self.state, self.state_reason = TradingState.KILLED, reason
        return True

    def rearm(self) -> bool:
        """Leave a stand-down whose cause is gone; a kill is never left."""
        if self.state is not TradingState.STOOD_DOWN:
            return False
        self.state, self.state_reason = TradingState.ARMED, Reason.NONE
        return True

    def check(self, order: SubmitOrder, now_ns: int) -> ApprovedOrder | OrderDenied:
        """Approve or deny one order.

        An approved order counts at once: against the rate limits, and, until the ledger has it,
        as working. An approval holds for its moment only.
        """
        self._unsent = [approved for approved in self._unsent if approved.approved_ns == now_ns
                        and self.ledger.find(approved.order.client_order_id) is None]
        reason, detail = self._well_formed(order)
        if reason is Reason.NONE and not self._strictly_reducing(order):
            reason, detail = self._entry(order, now_ns)
        if reason is not Reason.NONE:
            return OrderDenied(order, reason, detail, now_ns)
        self._sent_ns.append(now_ns)
        approved = approve(order, now_ns)
        self._unsent.append(approved)
        return approved

    def daily_loss_reached(self) -> bool:
        """Whether the session's result is at or below the limit.

        Open lots are worth the last mid of a two-sided market; a market that has none now (one
        side empty, crossed) does not hide a loss.
        """
        if self.market.book_ok:
            self._mid_half_ticks = self.market.mid_half_ticks
        position = self.ledger.position
        if self._mid_half_ticks is None:
            net = position.realised_micros - position.fees_micros
        else:
            net = position.net_micros(self._mid_half_ticks)
        return net <= -self.config.max_daily_loss_micros

    def entry_window_open(self, now_ns: int) -> bool:
        """Whether positions may be opened at this time of the session."""
        window, config = self.window, self.config
        if window.open_ns is not None and now_ns < window.open_ns + round(
                config.entry_start_minutes_after_open * _NS_PER_MINUTE):
            return False
        return window.close_ns is None or now_ns < window.close_ns - round(
            config.entry_stop_minutes_before_close * _NS_PER_MINUTE)

    def _well_formed(self, order: SubmitOrder) -> tuple[Reason, str]:
        if order.side not in (1, -1) or order.qty_lots < 1 or order.client_order_id < 1:
            return Reason.INVALID_ORDER, "an order needs a side, lots of 1 or more and an id"
        if self.ledger.find(order.client_order_id) is not None:
            return Reason.INVALID_ORDER, f"order {order.client_order_id} was sent already"
        if order.reduce_only and not self._strictly_reducing(order):
            return Reason.INVALID_ORDER, (
                f"reduce-only order of {order.side * order.qty_lots:+d} lots would not reduce "
                f"a position of {self.ledger.position.lots:+d}")
        return Reason.NONE, ""

    def _strictly_reducing(self, order: SubmitOrder) -> bool:
        """Whether the order can only bring the position nearer to zero, come what may."""
        lots = self.ledger.position.lots
        if lots * order.side >= 0:
            return False
        return order.qty_lots + self._pending_lots(order.side) <= abs(lots)

    def _pending_lots(self, side: int) -> int:
        """Lots on a side that work or are approved and about to be sent."""
        return self.ledger.working_lots(side) + sum(
            approved.order.qty_lots for approved in self._unsent if approved.order.side == side)

    def _entry(self, order: SubmitOrder, now_ns: int) -> tuple[Reason, str]:
        config, ledger, market = self.config, self.ledger, self.market
        if self.state is not TradingState.ARMED:
            return Reason.STOOD_DOWN, f"{self.state.name}: {self.state_reason.name}"
        if ledger.doubtful:
            return Reason.STATE_UNKNOWN, "an order's outcome or the position is not known"
        if market.phase is not Phase.CONTINUOUS:
            return Reason.SESSION_PHASE, f"the session is in {market.phase.name}"
        if not self.entry_window_open(now_ns):
            return Reason.ENTRY_WINDOW, "outside the hours in which positions may be opened"
        if not market.book_ok:
            return Reason.NO_BOOK, "no two-sided market"
        age_ms = market.data_age_ns(now_ns) / NS_PER_MS
        if not 0 <= age_ms <= config.stale_data_ms:
            return Reason.STALE_DATA, (
                f"market data are {age_ms:.0f} ms old; allowed are {config.stale_data_ms:g} ms")
        if order.qty_lots > config.max_order_lots:
            return Reason.ORDER_SIZE, (
                f"{order.qty_lots} lots; allowed are {config.max_order_lots}")
        worst = ledger.position.lots + order.side * (
            self._pending_lots(order.side) + order.qty_lots)
        if abs(worst) > config.max_position_lots:
            return Reason.POSITION_LIMIT, (
                f"the position could reach {worst:+d} lots; allowed are "
                f"{config.max_position_lots}")
        working_count = len(ledger.working) + len(self._unsent)
        if working_count >= config.max_working_orders:
            return Reason.WORKING_ORDERS, f"{working_count} orders work already"
        if not self._rate_allows(now_ns):
            return Reason.ORDER_RATE, (
                f"more than {config.max_orders_per_second} orders a second or "
                f"{config.max_orders_per_minute} a minute")
        if order.order_type is OrderType.LIMIT:
            # Only a price worse than the mid can hurt: buying far above or selling far below.
            worse = order.side * (2 * order.price_ticks - market.mid_half_ticks)
            if worse > 2 * config.price_collar_ticks:
                return Reason.PRICE_COLLAR, (
                    f"the limit is {worse / 2:g} ticks worse than the mid; allowed are "
                    f"{config.price_collar_ticks}")
        if self.daily_loss_reached():
            return Reason.DAILY_LOSS, "the daily loss limit is reached"
        return Reason.NONE, ""

    def _rate_allows(self, now_ns: int) -> bool:
        sent, config = self._sent_ns, self.config
        if len(sent) == sent.maxlen and now_ns - sent[0] < _NS_PER_MINUTE:
            return False
        recent = 0
        for time_ns in reversed(sent):
            if now_ns - time_ns >= NS_PER_S:
                break
            recent += 1
        return recent < config.max_orders_per_second
