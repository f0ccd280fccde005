"""Ways out: flattening, a broker that fails, and flattening without agents."""


from dreammaker.agents.base import AgentState
from dreammaker.agents.context import Target
from dreammaker.agents.emergency import flatten_without_agents
from dreammaker.domain.orders import (
    ExecutionReport,
    OrderState,
    Reason,
)
from dreammaker.engine.clock import NS_PER_S
from dreammaker.engine.loop import LoopCommand
from dreammaker.engine.messages import Capability, Message, MessageType, Topic
from dreammaker.risk import TradingState
from tests.unit.execution_bench import LIMIT, MARKET, Bench, K, opened

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
    assert bench.coordinator.guard.kill.is_verified
    bench.target(1)
    bench.later(60 * NS_PER_S)
    assert len(bench.orders) == 2
    assert bench.agent.state is AgentState.STOPPED


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
    assert bench.gate.state is TradingState.REDUCE_ONLY
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
    assert bench.gate.state is TradingState.REDUCE_ONLY
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
