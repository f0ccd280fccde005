"""The execution agent's desk: works one parent order at a time through its children.

Every child and every change of one goes through risk like any order. What is sent follows from
``execution.working``; this module gathers what that needs, keeps count, and ends parents. A child
that is refused is tried again after pauses that double; a parent refused too often is given up.

A parent ends when nothing of it works any more: complete, expired at its end, or cancelled. While
an order of unknown outcome is out it does not end, for nobody can say what was filled.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from dreammaker.agents.context import TradingContext
from dreammaker.agents.parent_record import note_parent
from dreammaker.agents.sending import send_cancel
from dreammaker.domain.orders import (
    ExecutionReport,
    OrderState,
    OrderType,
    Reason,
    ReplaceOrder,
    ReportKind,
    SubmitOrder,
    TimeInForce,
)
from dreammaker.engine.clock import NS_PER_MS, NS_PER_S
from dreammaker.engine.timers import Timer
from dreammaker.execution.algorithms import Algorithm, Conditions
from dreammaker.execution.config import ExecutionConfig
from dreammaker.execution.costs import CostLog, CostMeter
from dreammaker.execution.factory import AlgorithmFactory
from dreammaker.execution.parent import ParentOrder, ParentState
from dreammaker.execution.schedules import follow_lots, participation
from dreammaker.execution.working import Child, Rules, Situation, Step, StepKind, next_steps
from dreammaker.features.config import FEATURE_NAMES
from dreammaker.ledger import OrderRecord

PARENT_TIMER = "parent"
CROSSED_TIMER = "give_up"
_VOLATILITY = FEATURE_NAMES.index("realized_volatility")
_IMBALANCE = FEATURE_NAMES.index("book_imbalance")


@dataclass(slots=True)
class _Slip:
    """A child: what the ledger does not know of it."""

    crossing: bool
    placed_ns: int
    filled_lots: int = 0
    crossed_before: bool = False


class _Asked(NamedTuple):
    number: int
    step: Step
    now_ns: int


@dataclass(slots=True)
class ParentWork:
    """A parent order and how far it got.

    Attributes
    ----------
    filled_lots : int
    ending : Reason or None
        Why no child is sent any more.
    refusals : int
        In a row.
    """

    order: ParentOrder
    algorithm: Algorithm
    meter: CostMeter
    volume_before: int
    filled_lots: int = 0
    state: ParentState = ParentState.WORKING
    ending: Reason | None = None
    refusals: int = 0
    wait_until_ns: int = 0
    timer_ns: int = 0
    slips: dict[int, _Slip] = field(default_factory=dict)


class ParentDesk:
    """Works parent orders for the execution agent.

    Parameters
    ----------
    context : TradingContext
    config : ExecutionConfig
    owner : str
        Name of the agent, for its timers.
    ask : callable
        Sends an order, or a change of one, to risk; the answer comes back through ``sent``,
        ``denied`` or ``unanswered``.
    on_end : callable
        Called when a parent has ended.
    seed : int
        Of the random slices; each parent has a generator of its own.
    can_move : bool
        Whether the venue can change an order's price.
    own_in_feed : bool
        Whether the market's volume contains our own trades (live it does, in simulation not).

    Attributes
    ----------
    costs : CostLog
    """

    def __init__(self, context: TradingContext, config: ExecutionConfig, owner: str,
                 ask: Callable[[SubmitOrder | ReplaceOrder], None], on_end: Callable[[], None], *,
                 seed: int = 0, can_move: bool = False, own_in_feed: bool = False) -> None:
        self.context, self.config, self.owner = context, config, owner
        self.can_move, self.own_in_feed = can_move, own_in_feed
        self.costs = CostLog()
        self.factory = AlgorithmFactory(config, context.market.instrument)
        self._ask, self._on_end, self._seed = ask, on_end, seed
        self._work: ParentWork | None = None
        self._asked: _Asked | None = None
        self._count = 0
        self._rules = Rules(config.far_touch_ticks, config.max_child_lots,
                            config.max_resting_children, round(config.reprice_ms * NS_PER_MS))

    @property
    def work(self) -> ParentWork | None:
        """The parent that has not ended, or None."""
        return self._work

    def takes(self, lots: int) -> bool:
        """Whether an entry of so many lots is worked by an algorithm."""
        return (self.config.algorithm != "immediate"
                and lots >= self.config.schedule_from_lots)

    def owns(self, client_order_id: int) -> bool:
        """Whether an order is a child of the parent at work."""
        return self._work is not None and client_order_id in self._work.slips

    def is_patient(self, client_order_id: int) -> bool:
        """Whether an order is a child that waits at the touch."""
        return self.owns(client_order_id) and not self._slip(client_order_id).crossing

    def begin(self, side: int, lots: int) -> None:
        """Take on a parent; the one before has ended."""
        if self._work is not None:
            raise AssertionError("one parent at a time")
        context, config = self.context, self.config
        market, now = context.market, context.clock.now_ns
        self._count += 1
        far = market.ask_ticks if side > 0 else market.bid_ticks
        order = ParentOrder(
            self._count, side, lots, now, now + round(config.horizon_s * NS_PER_S),
            config.algorithm, config.participation_limit,
            far + side * config.price_limit_ticks if config.price_limit_ticks else None,
            config.urgency)
        algorithm = self.factory.make(order, context.gate.window.open_ns, self._volatility(),
                                      np.random.default_rng((self._seed, self._count)))
        meter = CostMeter(order.parent_id, order.algorithm, side, lots, now,
                          market.mid_half_ticks, market.instrument.tick_value_micros)
        self._work = ParentWork(order, algorithm, meter, market.session_volume)
        note_parent(context, order, ParentState.WORKING, 0, 0)
        self.review()

    def cancel(self, reason: Reason) -> None:
        """Send no further child and take back those that work; the parent ends when they have."""
        work = self._work
        if work is None:
            return
        if work.ending is None:
            work.ending, work.state = reason, ParentState.ENDING
        self.review()

    def abandon(self) -> None:
        """Let go of a parent without touching its children (the agent stopped or failed).

        Its record ends with what is booked by now; others see to the children.
        """
        self._asked = None
        if self._work is not None:
            self._children(self._work)
            self._work.ending = self._work.ending or Reason.AGENT_NOT_RUNNING
            self._end(self._work)

    def review(self) -> None:
        """Look at the parent: count fills, take the next step, set the next look."""
        work = self._work
        if work is None:
            return
        now, market = self.context.clock.now_ns, self.context.market
        if self._asked is not None and self._asked.now_ns != now:
            # Risk answers within the item; an answer that did not come by then never will.
            self._asked = None
        if market.book_ok:
            work.meter.sample(now, market.mid_half_ticks, market.session_volume)
        children = self._children(work)
        finished = work.filled_lots >= work.order.lots
        if not children and self._asked is None and (
                finished or work.ending is not None or now >= work.order.end_ns):
            self._end(work)
            return
        if self._asked is None:
            situation = self._situation(work, children, now)
            rules = self._rules._replace(resting_children=work.algorithm.resting_children)
            for step in next_steps(work.order, situation, rules):
                self._take(work, step, now)
        self._set_timer(work, now)

    # Answers.

    def wants(self, client_order_id: int) -> bool:
        """Whether risk was asked about this order in this item, and it is still wished for."""
        asked, work = self._asked, self._work
        return (asked is not None and asked.number == client_order_id
                and asked.now_ns == self.context.clock.now_ns
                and work is not None and work.ending is None)

    def sent(self, client_order_id: int) -> None:
        """What was asked for passed risk and is on its way."""
        work, asked = self._work, self._asked
        self._asked = None
        if work is None or asked is None:
            return
        step, now = asked.step, self.context.clock.now_ns
        slip = work.slips.setdefault(client_order_id, _Slip(step.crossing, now))
        slip.crossing, slip.crossed_before, slip.placed_ns = step.crossing, slip.crossing, now
        if step.kind is StepKind.SEND and not step.crossing:
            work.algorithm.refilled()
        if self.context.market.book_ok:
            work.meter.sent(self.context.market.mid_half_ticks)
        if step.crossing:
            self.context.timers.set(Timer(now + round(self.config.far_touch_ms * NS_PER_MS),
                                          self.owner, CROSSED_TIMER, client_order_id))
        self.review()

    def denied(self, client_order_id: int) -> None:
        """Risk said no."""
        if self._asked is not None and self._asked.number == client_order_id:
            self._asked = None
            self._count_refusal()

    def unanswered(self) -> None:
        """An approval came that is no longer wished for: ask again if need be."""
        self._asked = None
        self.review()

    def report(self, report: ExecutionReport) -> None:
        """Take a report on one of the children."""
        work = self._work
        if work is None:
            return
        if report.kind is ReportKind.FILLED:
            record = self.context.ledger.find(report.client_order_id)
            slip = work.slips[report.client_order_id]
            if record is not None and record.filled_lots > slip.filled_lots:
                work.meter.filled(report.venue_ns, record.filled_lots - slip.filled_lots,
                                  report.price_ticks, report.fee_micros)
            work.refusals = 0
        if report.kind is ReportKind.REPLACE_REJECTED:
            # The order stays what it was.
            slip = work.slips[report.client_order_id]
            slip.crossing = slip.crossed_before
        if report.kind in (ReportKind.REJECTED, ReportKind.REPLACE_REJECTED):
            self._count_refusal()
        self.review()

    # Details.

    def _slip(self, client_order_id: int) -> _Slip:
        assert self._work is not None
        return self._work.slips[client_order_id]

    def _children(self, work: ParentWork) -> list[Child]:
        """Working children, and the parent's fills brought up to date."""
        ledger, found = self.context.ledger, []
        for number, slip in work.slips.items():
            record = ledger.find(number)
            if record is None:
                continue
            work.filled_lots += record.filled_lots - slip.filled_lots
            slip.filled_lots = record.filled_lots
            if number in ledger.working:
                found.append(Child(number, slip.crossing, record.order.price_ticks,
                                   record.leaves_lots, _is_settled(record),
                                   record.state is OrderState.PENDING_CANCEL, slip.placed_ns))
        return found

    def _situation(self, work: ParentWork, children: list[Child], now: int) -> Situation:
        market, order, config = self.context.market, work.order, self.config
        others = self._others(work)
        spread = max(market.ask_ticks - market.bid_ticks, 1)
        imbalance = order.side * float(market.features[_IMBALANCE])
        work.algorithm.observe(Conditions(now, work.filled_lots, others, spread,
                                          self._volatility(), imbalance))
        due, must = work.algorithm.due_lots(now), work.algorithm.must_lots(now)
        if config.leftover == "cross" and now >= self._finish_ns(order):
            due = must = order.lots
        if order.participation_limit < 1.0:
            due = min(due, follow_lots(participation(order.participation_limit), others))
        if now < work.wait_until_ns:
            due = must = 0
        return Situation(now, market.bid_ticks, market.ask_ticks, market.book_ok,
                         work.filled_lots, due, must, children, work.ending is not None,
                         work.algorithm.child_lots())

    def _others(self, work: ParentWork) -> int:
        volume = self.context.market.session_volume
        # The count begins again at an open: what was seen before is lost, not negative.
        work.volume_before = min(work.volume_before, volume)
        own = work.filled_lots if self.own_in_feed else 0
        return max(volume - work.volume_before - own, 0)

    def _volatility(self) -> float:
        # Of 300 one-second returns: their root mean square times the mid is points per root second.
        features = self.context.market.features
        rows = float(features[_VOLATILITY])
        return rows * float(features[0]) / 17.320508075688775

    def _finish_ns(self, order: ParentOrder) -> int:
        return order.end_ns - round(self.config.finish_s * NS_PER_S)

    def _take(self, work: ParentWork, step: Step, now: int) -> None:
        order = work.order
        if step.kind is StepKind.CANCEL or (step.kind is StepKind.MOVE and not self.can_move):
            reason = work.ending or (Reason.PASSIVE_TIMEOUT if now >= order.end_ns
                                     else Reason.REPLACED)
            send_cancel(self.context, step.number, reason)
            return
        if step.kind is StepKind.MOVE:
            record = self.context.ledger.working[step.number]
            self._asked = _Asked(step.number, step, now)
            self._ask(ReplaceOrder(step.number, record.order.qty_lots, step.price_ticks, now))
            return
        number = self.context.ledger.next_order_id()
        self._asked = _Asked(number, step, now)
        self._ask(SubmitOrder(number, order.side, OrderType.LIMIT, TimeInForce.DAY, step.lots,
                              step.price_ticks, now, parent_id=order.parent_id))

    def _count_refusal(self) -> None:
        work, config = self._work, self.config
        if work is None:
            return
        work.refusals += 1
        pause = round(config.review_ms * NS_PER_MS) << (work.refusals - 1)
        work.wait_until_ns = self.context.clock.now_ns + pause
        if work.refusals >= config.max_refusals and work.ending is None:
            work.ending, work.state = Reason.CHILD_REFUSED, ParentState.ENDING
        self.review()

    def _set_timer(self, work: ParentWork, now: int) -> None:
        order = work.order
        moments = [now + round(self.config.review_ms * NS_PER_MS),
                   work.algorithm.next_change_ns(now), self._finish_ns(order), order.end_ns,
                   work.wait_until_ns]
        due = min(moment for moment in moments if moment > now)
        if work.timer_ns <= now or due < work.timer_ns:
            work.timer_ns = due
            self.context.timers.set(Timer(due, self.owner, PARENT_TIMER, order.parent_id))

    def is_at(self, parent_id: int) -> bool:
        """Whether this parent is the one at work."""
        return self._work is not None and self._work.order.parent_id == parent_id

    def _end(self, work: ParentWork) -> None:
        order, market, now = work.order, self.context.market, self.context.clock.now_ns
        work.state = (ParentState.COMPLETE if work.filled_lots >= order.lots else
                      ParentState.CANCELED if work.ending is not None else ParentState.EXPIRED)
        self._work = None
        cost = work.meter.result(now, market.sound_mid_half_ticks or market.mid_half_ticks)
        self.costs.add(cost)
        note_parent(self.context, order, work.state, work.filled_lots, cost.shortfall_micros)
        self._on_end()


def _is_settled(record: OrderRecord) -> bool:
    return (record.replacing is None
            and record.state in (OrderState.ACCEPTED, OrderState.PARTIALLY_FILLED))
