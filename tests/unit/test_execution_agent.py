"""The execution agent and the flatten without agents, against a scripted broker."""

import numpy as np
import pytest

from dreammaker.agents import Coordinator, ExecutionAgent, RiskAgent
from dreammaker.agents.base import AgentState
from dreammaker.agents.context import Target, TradingContext
from dreammaker.agents.emergency import flatten_without_agents
from dreammaker.domain.errors import StoreError
from dreammaker.domain.instrument import Instrument
from dreammaker.domain.orders import (
    ExecutionReport,
    OrderState,
    OrderType,
    Reason,
    ReportKind,
)
from dreammaker.domain.schema import EVENT_DTYPE
from dreammaker.engine.clock import NS_PER_S, LoopClock
from dreammaker.engine.loop import LoopCommand
from dreammaker.engine.market import MarketView
from dreammaker.engine.messages import Capability, Message, MessageType, Topic
from dreammaker.engine.timers import Timers
from dreammaker.execution import ExecutionConfig
from dreammaker.features.pipeline import FeatureRows
from dreammaker.ledger import Ledger
from dreammaker.risk import RiskConfig, RiskGate, TradingState
from dreammaker.store.journal import Entry, Journal
from dreammaker.store.orders_db import OrdersDb

WIN = Instrument.win()
START = 1_000 * NS_PER_S
K = ReportKind


class ScriptedBroker:
    """Notes what it is told; answers only when a test says so."""

    def __init__(self, calls):
        self.calls = calls
        self.submitted, self.cancels, self.fails, self.fails_once = [], [], False, False

    def submit(self, approved, now_ns):
        self.calls.append("broker.submit")
        once, self.fails_once = self.fails_once, False
        if self.fails or once:
            raise ConnectionError("the line is dead")
        self.submitted.append(approved.order)

    def cancel(self, cancel, now_ns):
        self.calls.append("broker.cancel")
        if self.fails:
            raise ConnectionError("the line is dead")
        self.cancels.append(cancel.client_order_id)

    def next_report(self, until_ns):
        return None


class NotedDb(OrdersDb):
    def __init__(self, calls):
        super().__init__(None, durable=False)
        self.calls, self.fails = calls, False

    def intent(self, order):
        if self.fails:
            raise StoreError("the disk is full")
        self.calls.append("intent")
        super().intent(order)

    def cancel_intent(self, cancel):
        self.calls.append("cancel_intent")
        super().cancel_intent(cancel)


class Bench:
    """Risk and execution agents under a coordinator, and a clock the test moves."""

    def __init__(self, *, risk=None, **execution):
        self.calls = []
        self.broker = ScriptedBroker(self.calls)
        self.db = NotedDb(self.calls)
        self.ledger, self.market = Ledger(WIN), MarketView(WIN, 27)
        limits = {"max_position_lots": 4, "max_order_lots": 4, "max_orders_per_second": 50}
        gate = RiskGate(RiskConfig(**(limits | (risk or {}))), self.ledger, self.market)
        self.context = TradingContext(LoopClock(START), Timers(), self.market, self.ledger, gate,
                                      self.broker, Journal(None), self.db)
        self.gate = gate
        self.quote(26_000, 26_001)
        self.coordinator = Coordinator(self.context, [], 1, 0.6, FeatureRows(1))
        self.risk = RiskAgent(self.context)
        self.agent = ExecutionAgent(self.context, ExecutionConfig(**execution))
        self.coordinator.register(self.risk)
        self.coordinator.register(self.agent)
        self.coordinator.start_all()
        self.fills = 0
        self.fresh()

    def quote(self, bid, ask, *, ok=True):
        self.market.bid_ticks, self.market.ask_ticks, self.market.book_ok = bid, ask, ok

    def fresh(self):
        events = np.zeros(1, EVENT_DTYPE)
        events["local_ns"] = self.context.clock.now_ns
        self.market._event_local = events["local_ns"]

    def target(self, lots):
        self.later(1)
        self.coordinator._tell(MessageType.DATA, Topic.TARGET, Capability.GUARD, Target(lots))
        self.coordinator.pump()

    def flatten(self):
        self.later(1)
        self.coordinator._flatten()
        self.coordinator.pump()

    def later(self, ns):
        """Move the clock, handling the timers that come due."""
        end = self.context.clock.now_ns + ns
        while self.context.timers.next_ns <= end:
            timer = self.context.timers.pop()
            self.context.clock.advance(timer.due_ns)
            self.fresh()
            self.coordinator.on_timer(timer)
        self.context.clock.advance(end)
        self.fresh()

    def report(self, kind, number, qty=0, price=26_001, **more):
        self.later(1)
        if kind is K.FILLED:
            self.fills += 1
            more = {"fill_id": self.fills, "qty_lots": qty, "price_ticks": price} | more
        now = self.context.clock.now_ns
        self.coordinator.on_report(ExecutionReport(kind, number, now, now, **more))

    @property
    def orders(self):
        """What the broker has, as (side, lots, type)."""
        return [(o.side, o.qty_lots, o.order_type) for o in self.broker.submitted]

    @property
    def last(self):
        return self.broker.submitted[-1]


LIMIT, MARKET = OrderType.LIMIT, OrderType.MARKET


def opened(lots=1, **more):
    """A bench that holds a position."""
    bench = Bench(**more)
    bench.target(lots)
    bench.report(K.FILLED, 1, abs(lots))
    assert bench.ledger.position.lots == lots
    return bench


def test_target_is_reached_by_one_order():
    bench = Bench()
    bench.target(2)
    assert bench.orders == [(1, 2, LIMIT)]
    assert bench.last.price_ticks == 26_003
    bench.report(K.ACCEPTED, 1)
    bench.target(2)
    bench.report(K.FILLED, 1, 1)
    assert len(bench.orders) == 1
    bench.report(K.FILLED, 1, 1)
    assert (bench.ledger.position.lots, len(bench.orders), bench.broker.cancels) == (2, 1, [])


def test_intent_is_on_record_before_the_broker_has_the_order():
    bench = Bench()
    bench.target(1)
    assert bench.calls == ["intent", "broker.submit"]
    bench.target(0)
    assert bench.calls[2:] == ["cancel_intent", "broker.cancel"]
    kinds = bench.context.journal.entries.records["kind"].tolist()
    assert [kind for kind in kinds if kind in (Entry.SUBMIT, Entry.CANCEL)] == [
        Entry.SUBMIT, Entry.CANCEL]


def test_an_order_whose_intent_cannot_be_recorded_is_not_sent():
    bench = Bench()
    bench.db.fails = True
    bench.target(1)
    assert "broker.submit" not in bench.calls
    assert bench.agent.state is AgentState.ERROR
    assert bench.ledger.working == {}
    assert bench.gate.state is TradingState.STOOD_DOWN


def test_reversal_closes_first_and_opens_then():
    bench = opened(1)
    bench.target(-2)
    assert bench.orders[1:] == [(-1, 1, LIMIT)]
    assert bench.last.reduce_only
    bench.report(K.FILLED, 2, 1)
    assert bench.orders[2:] == [(-1, 2, LIMIT)]
    assert not bench.last.reduce_only
    bench.report(K.FILLED, 3, 2)
    assert bench.ledger.position.lots == -2


def test_what_contradicts_the_target_is_cancelled_before_anything_is_sent():
    bench = Bench()
    bench.target(2)
    bench.target(-1)
    assert (bench.broker.cancels, len(bench.orders)) == ([1], 1)
    bench.target(-1)
    assert bench.broker.cancels == [1]
    bench.report(K.CANCELED, 1)
    assert bench.orders[1:] == [(-1, 1, LIMIT)]


def test_an_order_too_large_for_a_smaller_target_is_replaced():
    bench = Bench()
    bench.target(3)
    bench.target(1)
    assert bench.broker.cancels == [1]
    bench.report(K.CANCELED, 1)
    assert bench.orders[1:] == [(1, 1, LIMIT)]


def test_an_entry_that_is_not_filled_in_time_is_given_up():
    bench = Bench(far_touch_ms=250.0)
    bench.target(1)
    bench.later(250_000_000 - 2)
    assert bench.broker.cancels == []
    bench.later(2)
    assert bench.broker.cancels == [1]
    bench.report(K.CANCELED, 1)
    assert len(bench.orders) == 1


def test_an_exit_that_is_not_filled_in_time_is_sent_again_at_the_new_price():
    bench = opened(1)
    bench.target(0)
    bench.quote(25_990, 25_991)
    bench.later(250_000_000)
    assert bench.broker.cancels == [2]
    bench.report(K.CANCELED, 2)
    assert (bench.last.price_ticks, bench.last.side) == (25_988, -1)


@pytest.mark.parametrize(("style", "price"), [("near_touch", 26_000), ("far_touch", 26_003),
                                              ("market", 26_001)])
def test_styles(style, price):
    bench = Bench(entry_style=style)
    bench.target(1)
    assert bench.last.price_ticks == price
    assert (bench.last.order_type is MARKET) == (style == "market")


def test_a_denied_wish_is_dropped():
    bench = Bench(risk={"max_order_lots": 1})
    bench.target(3)
    assert bench.orders == []
    assert bench.agent.denied_counts == {Reason.ORDER_SIZE: 1}
    bench.report(K.CANCEL_REJECTED, 77)
    assert bench.orders == []
    assert bench.agent.target.lots == 0


def test_a_rejected_order_does_not_loop():
    bench = Bench()
    bench.target(1)
    bench.report(K.REJECTED, 1, reason=Reason.MARKET_CLOSED)
    bench.later(60 * NS_PER_S)
    assert len(bench.orders) == 1
    bench.target(1)
    assert len(bench.orders) == 2


def test_a_market_order_that_met_nothing_does_not_loop():
    bench = Bench(entry_style="market")
    bench.target(1)
    bench.report(K.CANCELED, 1, reason=Reason.NO_LIQUIDITY)
    assert len(bench.orders) == 1


def test_a_cancel_the_venue_keeps_refusing_is_asked_again_but_not_at_once():
    bench = Bench(far_touch_ms=250.0)
    bench.target(1)
    bench.report(K.ACCEPTED, 1)
    bench.later(NS_PER_S)
    bench.report(K.CANCEL_REJECTED, 1)
    assert bench.broker.cancels == [1]
    bench.later(NS_PER_S)
    assert bench.broker.cancels == [1]
    bench.later(NS_PER_S)
    assert bench.broker.cancels == [1, 1]


def test_no_market_lets_an_exit_out_by_market_order_and_no_entry_in():
    bench = opened(1)
    bench.quote(26_000, 0, ok=False)
    bench.target(2)
    assert len(bench.orders) == 1
    bench.target(0)
    assert bench.orders[1:] == [(-1, 1, MARKET)]


# Flattening.


def test_flatten_cancels_and_sends_a_market_order():
    bench = opened(2)
    bench.target(4)
    bench.flatten()
    assert bench.broker.cancels == [2]
    bench.report(K.CANCELED, 2)
    assert bench.orders[2:] == [(-1, 2, MARKET)]
    bench.flatten()
    assert len(bench.orders) == 3
    bench.report(K.FILLED, 3, 2)
    assert bench.ledger.position.lots == 0
    bench.later(60 * NS_PER_S)
    assert len(bench.orders) == 3


def test_flatten_replaces_a_patient_exit():
    bench = opened(1)
    bench.target(0)
    bench.flatten()
    assert bench.broker.cancels == [2]
    bench.report(K.CANCELED, 2)
    assert bench.orders[2:] == [(-1, 1, MARKET)]


def test_a_flatten_under_way_takes_no_new_target():
    bench = opened(1)
    bench.flatten()
    bench.target(3)
    bench.report(K.FILLED, 2, 1)
    assert bench.ledger.position.lots == 0
    assert len(bench.orders) == 2
    bench.target(1)
    assert len(bench.orders) == 3


def test_a_rejected_flatten_is_tried_again_by_the_timer():
    bench = opened(1)
    bench.flatten()
    bench.report(K.REJECTED, 2, reason=Reason.MARKET_CLOSED)
    assert len(bench.orders) == 2
    bench.later(5 * NS_PER_S)
    assert bench.orders[2:] == [(-1, 1, MARKET)]


def test_a_late_fill_after_a_flatten_is_closed_too():
    bench = Bench()
    bench.target(1)
    bench.flatten()
    bench.report(K.CANCELED, 1)
    bench.report(K.FILLED, 1, 1)
    assert bench.orders[1:] == [(-1, 1, MARKET)]


def test_an_unanswered_cancel_does_not_hold_back_the_flatten_for_good():
    bench = opened(1)
    bench.target(2)
    bench.flatten()
    assert len(bench.orders) == 2
    bench.later(5 * NS_PER_S)
    assert bench.orders[2:] == [(-1, 1, MARKET)]
    assert len(bench.broker.cancels) >= 2


def test_the_daily_loss_flattens_and_ends_the_day():
    bench = opened(2, risk={"max_daily_loss": 20.0})
    bench.quote(25_990, 25_991)
    bench.later(1)
    bench.coordinator.on_decision()
    assert bench.gate.state is TradingState.KILLED
    assert bench.orders[1:] == [(-1, 2, MARKET)]
    bench.report(K.FILLED, 2, 2, 25_990)
    bench.target(1)
    assert len(bench.orders) == 2
    assert bench.agent.denied_counts == {Reason.STOOD_DOWN: 1}


def test_kill_command_flattens_at_once():
    bench = opened(1)
    bench.later(1)
    bench.coordinator.on_command(LoopCommand.KILL)
    assert bench.orders[1:] == [(-1, 1, MARKET)]
    assert bench.gate.state is TradingState.KILLED


# A broker that fails.


def test_a_send_that_raises_leaves_the_order_unknown_and_allows_no_new_risk():
    bench = Bench()
    bench.broker.fails = True
    bench.target(1)
    assert bench.ledger.find(1).state is OrderState.UNKNOWN
    assert bench.calls[:2] == ["intent", "broker.submit"]
    assert bench.ledger.doubtful
    assert bench.gate.state is TradingState.STOOD_DOWN
    bench.broker.fails = False
    bench.later(10 * NS_PER_S)
    assert bench.agent.state is AgentState.RUNNING
    bench.target(1)
    assert bench.orders == []
    # It was looked up: it never got there.
    bench.report(K.REJECTED, 1)
    bench.target(1)
    assert len(bench.orders) == 1


def test_an_exit_of_unknown_outcome_is_not_sent_twice():
    bench = opened(2)
    bench.broker.fails = True
    bench.target(0)
    bench.broker.fails = False
    bench.later(30 * NS_PER_S)
    bench.flatten()
    assert len(bench.orders) == 1
    bench.report(K.FILLED, 2, 1)
    assert len(bench.orders) == 1
    bench.report(K.CANCELED, 2)
    bench.flatten()
    assert bench.orders[1:] == [(-1, 1, MARKET)]


def test_an_entry_of_unknown_outcome_does_not_block_the_way_out():
    bench = opened(1)
    bench.broker.fails_once = True
    bench.target(3)
    assert bench.ledger.find(2).state is OrderState.UNKNOWN
    bench.later(10 * NS_PER_S)
    sent = [order for order in bench.broker.submitted if order.side < 0]
    assert [(o.qty_lots, o.order_type) for o in sent] == [(1, MARKET)]


def test_a_filled_order_that_is_accepted_again_blocks_nothing():
    bench = opened(1)
    bench.report(K.ACCEPTED, 1)
    bench.target(0)
    assert bench.orders[1:] == [(-1, 1, LIMIT)]


def test_an_answer_of_risk_that_was_lost_is_not_waited_for():
    bench = opened(1)
    bench.later(1)
    bench.agent.inbox.append(Message(MessageType.DATA, Topic.SIZED_TARGET, "x",
                                     Capability.EXECUTE, Target(0), 0))
    bench.agent.step()
    bench.agent.outbox.clear()      # the request never arrives
    bench.target(0)
    assert bench.orders[1:] == [(-1, 1, LIMIT)]


def test_an_approval_that_waited_is_not_used():
    bench = opened(1)
    bench.agent.pause()
    bench.later(1)
    bench.agent.state = AgentState.RUNNING
    bench.agent.inbox.append(Message(MessageType.DATA, Topic.SIZED_TARGET, "x",
                                     Capability.EXECUTE, Target(0), 0))
    bench.agent.step()
    request = bench.agent.outbox.popleft()
    bench.risk.deliver(request)
    bench.risk.step()
    approval = bench.risk.outbox.popleft()
    bench.agent.pause()
    bench.agent.deliver(approval)
    bench.later(1)
    assert flatten_without_agents(bench.context, bench.calls.append)
    assert bench.orders[1:] == [(-1, 1, MARKET)]
    bench.agent.resume()
    bench.coordinator.pump()
    assert len(bench.orders) == 2, "the old approval must not sell a second time"


# Without agents.


def test_emergency_flatten_sends_nothing_twice():
    bench = opened(2)
    bench.target(3)
    assert flatten_without_agents(bench.context, bench.calls.append)
    assert (bench.broker.cancels, bench.orders[2:]) == ([2], [(-1, 2, MARKET)])
    for _ in range(3):
        assert not flatten_without_agents(bench.context, bench.calls.append)
    assert (len(bench.orders), bench.broker.cancels) == (3, [2])
    bench.later(3 * NS_PER_S)
    assert not flatten_without_agents(bench.context, bench.calls.append)
    assert (len(bench.orders), bench.broker.cancels) == (3, [2, 2])


def test_emergency_flatten_counts_a_patient_exit_until_its_cancel_is_answered():
    bench = opened(2)
    bench.target(1)
    assert flatten_without_agents(bench.context, bench.calls.append)
    assert bench.broker.cancels == [2]
    assert bench.orders[2:] == [(-1, 1, MARKET)]
    bench.ledger.apply(ExecutionReport(K.CANCELED, 2, 0, 0, cum_lots=0))
    assert flatten_without_agents(bench.context, bench.calls.append)
    assert bench.orders[3:] == [(-1, 1, MARKET)]


def test_emergency_flatten_goes_on_when_the_broker_fails():
    bench = opened(1)
    bench.target(2)
    bench.broker.fails = True
    noted = []
    assert not flatten_without_agents(bench.context, noted.append)
    assert [type(error) for error in noted] == [ConnectionError, ConnectionError]
    states = [record.state for record in bench.ledger.working.values()]
    assert states == [OrderState.PENDING_CANCEL, OrderState.UNKNOWN]
    assert bench.ledger.doubtful
    bench.broker.fails = False
    assert not flatten_without_agents(bench.context, noted.append), "never sent before looked up"


def test_emergency_flatten_of_nothing_is_nothing():
    bench = Bench()
    assert not flatten_without_agents(bench.context, bench.calls.append)
    assert bench.calls == []


def test_risk_that_fails_leaves_the_way_out_open():
    bench = opened(1)
    bench.later(1)
    bench.risk.fail(RuntimeError("broken"))
    bench.coordinator.pump()
    assert bench.orders[1:] == [(-1, 1, MARKET)]
    assert bench.gate.state is TradingState.STOOD_DOWN
    bench.report(K.FILLED, 2, 1)
    assert bench.ledger.position.lots == 0
    assert len(bench.orders) == 2


def test_an_exit_leaves_out_what_an_unknown_exit_may_still_fill():
    bench = opened(3)
    bench.target(2)
    bench.report(K.UNKNOWN, 2)
    bench.target(0)
    assert bench.orders[2:] == [(-1, 2, LIMIT)]
    bench.report(K.FILLED, 3, 2)
    bench.report(K.FILLED, 2, 1)
    assert (bench.ledger.position.lots, len(bench.orders)) == (0, 3)
