"""The execution agent: works the difference between the position and its target.

Entries of several lots are worked by the configured algorithm (``agents.parents``); everything
else, and every exit, is one order at a time, sent at once. A target on the other side of zero is
reached in two steps, close and then open, so that the closing step is strictly reducing and passes
every entry limit. Every order goes to risk first and comes back approved or denied; its intent is
on record before the broker has it.

An exit waits for cancels that are about to be answered, and for nothing else: orders of unknown
outcome, and cancels that got no answer, hold back new risk but not the way out. What such orders
may still fill on the exit's own side is left out of the exit, so that it cannot turn the position.
"""

from dreammaker.agents.base import Agent
from dreammaker.agents.context import Target, TradingContext
from dreammaker.agents.notes import note_denied
from dreammaker.agents.order_costs import OrderCosts
from dreammaker.agents.parents import CROSSED_TIMER, PARENT_TIMER, ParentDesk
from dreammaker.agents.sending import RECANCEL_NS, send_approved, send_cancel, send_replace
from dreammaker.domain.orders import (
    ApprovedOrder,
    ApprovedReplace,
    ExecutionReport,
    OrderDenied,
    Reason,
    ReplaceOrder,
    ReportKind,
    SubmitOrder,
)
from dreammaker.engine.messages import Capability, Message, MessageType, Topic
from dreammaker.engine.timers import Timer
from dreammaker.execution import ExecutionConfig, plan_order
from dreammaker.execution.costs import CostLog
from dreammaker.ledger import OrderRecord

GIVE_UP_TIMER = CROSSED_TIMER


class ExecutionAgent(Agent):
    """Turns sized targets into orders and sees them through.

    Parameters
    ----------
    context : TradingContext
    config : ExecutionConfig
    seed, can_move, own_in_feed
        As in `ParentDesk`.
    """

    def __init__(self, context: TradingContext, config: ExecutionConfig, *, seed: int = 0,
                 can_move: bool = False, own_in_feed: bool = False) -> None:
        super().__init__("execution", context.clock, Capability.EXECUTE)
        self.context, self.config = context, config
        self.target = Target(0)
        self.desk = ParentDesk(context, config, self.name, self._ask, self._parent_ended,
                               seed=seed, can_move=can_move, own_in_feed=own_in_feed)
        self._costs = OrderCosts(context, self.desk.costs)
        self._parent_goal = 0
        self.denied_counts: dict[Reason, int] = {}
        self._asked: SubmitOrder | None = None
        self._cancel_after_ns: dict[int, int] = {}
        self._retrying: set[int] = set()
        self.on(Topic.SIZED_TARGET, self._new_target)
        self.on(Topic.FLATTEN, self._new_target)
        self.on(Topic.APPROVED, self._approved)
        self.on(Topic.DENIED, self._denied)
        self.on(Topic.REPORT, self._report)
        self.on(Topic.TIMER, self._timer)
        self.on(Topic.LIFECYCLE, lambda message: self._cancel_all(Reason.SESSION_END))

    def start_up(self) -> None:
        """Solve beforehand what the configured algorithm needs."""
        self.desk.factory.prepare()

    @property
    def costs(self) -> CostLog:
        """What parent orders have cost."""
        return self.desk.costs

    def recover(self) -> None:
        """Begin again from the ledger: no wish is carried over but the present position."""
        self._asked = None
        self.desk.abandon()
        self._costs.forget()
        self._cancel_after_ns.clear()
        self.target = Target(self.context.ledger.position.lots)

    def shut_down(self) -> None:
        """No parent stays without an end on record."""
        self.desk.abandon()

    def _new_target(self, message: Message) -> None:
        target: Target = message.payload
        ledger = self.context.ledger
        flattening = self.target.urgent and bool(ledger.position.lots or ledger.working)
        if flattening and not target.urgent:
            # A flatten under way is finished before anything else is begun.
            return
        self.target = target
        self._work()

    def _work(self) -> None:
        """Cancel what contradicts the target, then send what is missing."""
        ledger = self.context.ledger
        if self._asked is not None and self._asked.created_ns == self.clock.now_ns:
            # Risk answers within the item; an answer that did not come by then never will.
            return
        self._asked = None
        lots, goal = ledger.position.lots, self.target.lots
        if lots and goal * lots < 0:
            goal = 0
        delta = goal - lots
        side = (delta > 0) - (delta < 0)
        wanted = abs(delta)
        reducing = lots != 0 and side * lots < 0
        by_parent = wanted > 0 and not reducing and not self.target.urgent
        if self.desk.work is not None:
            if (by_parent and self.desk.work.order.side == side
                    and self._parent_goal == self.target.lots):
                self.desk.review()
                return
            self.desk.cancel(Reason.REPLACED)
        held_up = any(map(self._holds_up, ledger.working.values()))
        for record in list(ledger.working.values()):
            if record.order.side != side or record.leaves_lots > wanted or (
                    self.target.urgent and record.order.reason is not Reason.FLATTEN):
                send_cancel(self.context, record.order.client_order_id, Reason.REPLACED)
        if reducing and not held_up:
            wanted -= ledger.working_lots(side)
        elif ledger.working:
            return
        if by_parent and self.desk.takes(wanted):
            if self.context.market.book_ok:
                self._parent_goal = self.target.lots
                self.desk.begin(side, wanted)
        elif wanted > 0:
            self._send(side, wanted, reducing=reducing)

    def _holds_up(self, record: OrderRecord) -> bool:
        """Whether an exit waits for this order."""
        unanswered = (record.cancel_ns is not None
                      and self.clock.now_ns - record.cancel_ns >= RECANCEL_NS)
        return record.is_certain and not unanswered

    def _send(self, side: int, lots: int, *, reducing: bool) -> None:
        context, config = self.context, self.config
        market = context.market
        style = ("market" if self.target.urgent else
                 config.exit_style if reducing else config.entry_style)
        if not market.book_ok:
            # Without a two-sided market only an exit may try, and only as a market order.
            if not reducing:
                return
            style = "market"
        plan = plan_order(config, style, side, market)
        order = SubmitOrder(
            client_order_id=context.ledger.next_order_id(), side=side,
            order_type=plan.order_type, tif=plan.tif, qty_lots=lots,
            price_ticks=plan.price_ticks, created_ns=self.clock.now_ns, reduce_only=reducing,
            reason=Reason.FLATTEN if self.target.urgent else Reason.SIGNAL)
        if plan.cancel_after_ns:
            self._cancel_after_ns[order.client_order_id] = plan.cancel_after_ns
        self._asked = order
        self._ask(order)

    def _ask(self, wish: SubmitOrder | ReplaceOrder) -> None:
        self.send(MessageType.DATA, Topic.SUBMIT, Capability.GUARD, wish)

    def _parent_ended(self) -> None:
        if not self.target.urgent and self.target.lots == self._parent_goal:
            # What it did not get is not chased; the next decision makes a new wish.
            self.target = Target(self.context.ledger.position.lots)

    def _approved_child(self, approved: ApprovedOrder | ApprovedReplace, number: int) -> None:
        if approved.approved_ns != self.clock.now_ns or not self.desk.wants(number):
            self.desk.unanswered()
            self._work()
            return
        if isinstance(approved, ApprovedReplace):
            send_replace(self.context, approved)
        else:
            send_approved(self.context, approved)
        self.desk.sent(number)

    def _approved(self, message: Message) -> None:
        approved: ApprovedOrder | ApprovedReplace = message.payload
        if isinstance(approved, ApprovedReplace):
            self._approved_child(approved, approved.replace.client_order_id)
            return
        order, now = approved.order, self.clock.now_ns
        if order.parent_id:
            self._approved_child(approved, order.client_order_id)
            return
        if order is not self._asked or approved.approved_ns != now:
            # An approval holds for its moment. This one waited (risk or we were paused), and what
            # it was given on may have changed.
            self._cancel_after_ns.pop(order.client_order_id, None)
            self._work()
            return
        self._asked = None
        send_approved(self.context, approved)
        self._costs.sent(order)
        after = self._cancel_after_ns.pop(order.client_order_id, 0)
        if after:
            self.context.timers.set(
                Timer(now + after, self.name, GIVE_UP_TIMER, order.client_order_id))

    def _denied(self, message: Message) -> None:
        denied: OrderDenied = message.payload
        if denied.order is self._asked:
            self._asked = None
        self._cancel_after_ns.pop(denied.order.client_order_id, None)
        self.denied_counts[denied.reason] = self.denied_counts.get(denied.reason, 0) + 1
        note_denied(self.context, denied)
        if denied.order.parent_id:
            self.desk.denied(denied.order.client_order_id)
        elif not self.target.urgent:
            # The wish is dropped; the next decision makes a new one.
            self.target = Target(self.context.ledger.position.lots)

    def _report(self, message: Message) -> None:
        report: ExecutionReport = message.payload
        number = report.client_order_id
        self._costs.report(report)
        if self.desk.owns(number):
            self.desk.report(report)
            if number not in self.context.ledger.working:
                self._work()
        elif report.kind is ReportKind.REJECTED or report.reason is Reason.NO_LIQUIDITY:
            # Trying again at once would meet the same answer: the next decision or the flatten
            # timer tries again.
            if not self.target.urgent:
                self.target = Target(self.context.ledger.position.lots)
        elif number not in self.context.ledger.working:
            self._work()
        elif (report.kind is ReportKind.CANCEL_REJECTED and number not in self._retrying
                and self.context.ledger.working[number].is_certain):
            # Not at once, and not once a repeated report, or a venue that keeps refusing would be
            # asked without end.
            self._retrying.add(number)
            self.context.timers.set(Timer(self.clock.now_ns + RECANCEL_NS, self.name,
                                          GIVE_UP_TIMER, number))

    def _timer(self, message: Message) -> None:
        timer: Timer = message.payload
        if timer.name == PARENT_TIMER:
            if self.desk.is_at(timer.key):
                self.desk.review()
                self._work()
            return
        self._retrying.discard(timer.key)
        record = self.context.ledger.working.get(timer.key)
        if record is None or self.desk.is_patient(timer.key):
            # A change to a crossing price that was refused: it waits where it was.
            return
        if not record.order.reduce_only and not record.order.parent_id:
            # An entry that was not filled in its time is given up, not chased.
            self.target = Target(self.context.ledger.position.lots)
        send_cancel(self.context, timer.key, Reason.PASSIVE_TIMEOUT)

    def _cancel_all(self, reason: Reason) -> None:
        self.desk.cancel(reason)
        self.target = Target(self.context.ledger.position.lots)
        for number in list(self.context.ledger.working):
            send_cancel(self.context, number, reason)
