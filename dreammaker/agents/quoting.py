"""The quoting agent: keeps a quote on either side where a quoting policy wants it.

It stands where the model and the execution agent stand otherwise. A quoting policy makes no
proposal, so nobody votes; every order still passes the gate. ``backtest.quotes`` runs the same
policy without the interpreter, with the same fills.
"""

from dreammaker.agents.base import Agent
from dreammaker.agents.context import Target, TradingContext
from dreammaker.agents.emergency import flatten_without_agents
from dreammaker.agents.notes import note_denied
from dreammaker.agents.sending import send_approved, send_cancel
from dreammaker.domain.orders import (
    ApprovedOrder,
    OrderDenied,
    OrderType,
    Reason,
    SubmitOrder,
    TimeInForce,
)
from dreammaker.engine.market import MarketView
from dreammaker.engine.messages import Capability, Message, MessageType, Topic
from dreammaker.engine.ports import Quoter
from dreammaker.execution.costs import CostLog
from dreammaker.risk import TradingState


class QuotingAgent(Agent):
    """Works the quotes that a policy wishes.

    On each side an order at the wished price stays and all others are cancelled; where nothing of
    ours is on that side an order for the wished lots is sent, bid side first. A book that is not
    two-sided, or crossed or locked, wishes nothing.

    Parameters
    ----------
    context : TradingContext
    quoter : Quoter
    post_only : bool
        Quotes that would take on arrival are rejected by the venue instead.
    """

    def __init__(self, context: TradingContext, quoter: Quoter, *, post_only: bool) -> None:
        super().__init__("quoting", context.clock, Capability.PREDICT, Capability.EXECUTE)
        self.context, self.quoter, self.post_only = context, quoter, post_only
        self.costs = CostLog()    # quotes have no parent orders: it stays empty
        self._flattening = False
        self.on(Topic.DECISION_ROW, self._row)
        self.on(Topic.APPROVED, self._approved)
        self.on(Topic.DENIED, self._denied)
        self.on(Topic.REPORT, lambda message: self._flatten() if self._flattening else None)
        self.on(Topic.FLATTEN, self._begin_flatten)
        self.on(Topic.LIFECYCLE, lambda message: self._cancel_all(Reason.SESSION_END))

    def _row(self, message: Message) -> None:
        market: MarketView = message.payload
        if self._flattening:
            if not self._may_quote_again():
                self._flatten()
                return
            self._flattening = False
        bid_ticks = bid_lots = ask_ticks = ask_lots = 0
        if market.book_ok:
            bid_ticks, bid_lots, ask_ticks, ask_lots = self.quoter.quotes(
                self.clock.now_ns, self.context.ledger.position.lots, market.bid_ticks,
                market.ask_ticks, market.bid_qty, market.ask_qty)
        self._work(1, bid_ticks, bid_lots)
        self._work(-1, ask_ticks, ask_lots)

    def _work(self, side: int, price_ticks: int, lots: int) -> None:
        ours = [(number, record) for number, record in self.context.ledger.working.items()
                if record.order.side == side]
        for number, record in ours:
            if record.cancel_ns is not None or lots == 0 or record.order.price_ticks != price_ticks:
                send_cancel(self.context, number, Reason.REPLACED)
        if lots > 0 and not ours:
            self.send(MessageType.DATA, Topic.SUBMIT, Capability.GUARD, SubmitOrder(
                client_order_id=self.context.ledger.next_order_id(), side=side,
                order_type=OrderType.LIMIT, tif=TimeInForce.DAY, qty_lots=lots,
                price_ticks=price_ticks, created_ns=self.clock.now_ns,
                post_only=self.post_only))

    def _approved(self, message: Message) -> None:
        approved: ApprovedOrder = message.payload
        # An approval holds for its moment: one that waited (risk was paused) is not used.
        if approved.approved_ns == self.clock.now_ns and not self._flattening:
            send_approved(self.context, approved)

    def _denied(self, message: Message) -> None:
        denied: OrderDenied = message.payload
        note_denied(self.context, denied)

    def _begin_flatten(self, message: Message) -> None:
        target: Target = message.payload
        if target.lots == 0:
            self._flattening = True
            self._flatten()

    def _may_quote_again(self) -> bool:
        """Whether what was to be flattened is, and risk has been re-armed since."""
        ledger, gate = self.context.ledger, self.context.gate
        return (not ledger.position.lots and not ledger.working
                and gate.state is TradingState.NORMAL
                and gate.entry_window_open(self.clock.now_ns))

    def _flatten(self) -> None:
        flatten_without_agents(self.context, self._raise)

    def _raise(self, error: Exception) -> None:
        raise error

    def _cancel_all(self, reason: Reason) -> None:
        for number in list(self.context.ledger.working):
            send_cancel(self.context, number, reason)
