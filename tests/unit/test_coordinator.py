"""Registry, routing, consensus, heartbeats, isolation and restarts of the coordinator."""

import pytest

from dreammaker.agents.base import Agent, AgentState
from dreammaker.agents.coordinator import MAX_RESTARTS, MAX_ROUNDS
from dreammaker.agents.heartbeats import HEARTBEAT_NS
from dreammaker.domain.orders import (
    ExecutionReport,
    OrderState,
    OrderType,
    Reason,
    ReportKind,
    SubmitOrder,
    TimeInForce,
)
from dreammaker.engine.decisions import Ballot
from dreammaker.engine.loop import LoopCommand
from dreammaker.engine.messages import Capability, Message, MessageType, Topic
from dreammaker.engine.timers import Timer
from dreammaker.risk import TradingState
from dreammaker.store.journal import Entry
from tests.unit.agent_world import SECOND, Stub, World

FOR, AGAINST, ABSTAIN = Ballot.FOR, Ballot.AGAINST, Ballot.ABSTAIN
PREDICT, GUARD, EXECUTE = Capability.PREDICT, Capability.GUARD, Capability.EXECUTE


# Consensus.

@pytest.mark.parametrize(("ballots", "acts", "reason"), [
    ([FOR, FOR, FOR, AGAINST, AGAINST], True, Reason.NONE),
    ([FOR, FOR, FOR, AGAINST, AGAINST, ABSTAIN, ABSTAIN], True, Reason.NONE),
    ([FOR] * 59 + [AGAINST] * 41, False, Reason.NO_CONSENSUS),
    ([FOR] * 60 + [AGAINST] * 40, True, Reason.NONE),
    ([FOR, AGAINST], False, Reason.NO_CONSENSUS),
    ([AGAINST], False, Reason.NO_CONSENSUS),
    ([ABSTAIN, ABSTAIN], False, Reason.NO_VOTES),
    ([], False, Reason.NO_VOTES),
    ([FOR, FOR, FOR, AGAINST, RuntimeError("blind")], True, Reason.NONE),
    ([FOR, FOR, AGAINST, RuntimeError("blind")], False, Reason.NO_CONSENSUS),
])
def test_proposal_when_voted_on_then_acts_from_six_tenths(
        ballots: list[Ballot | Exception], acts: bool, reason: Reason) -> None:
    world = World(ballots)
    world.propose(1)
    assert world.targets() == ([1] if acts else [])
    assert world.coordinator.decision_reasons == {reason: 1}
    assert len(world.entries(Entry.VOTE)) == len(ballots)
    failed = [who for _, who, _ in world.coordinator.failures]
    assert failed == [f"voter v{n}" for n, b in enumerate(ballots) if isinstance(b, Exception)]


def test_proposal_when_it_reduces_then_needs_no_votes() -> None:
    world = World([AGAINST])
    world.hold(2)
    world.propose(0)
    world.propose(1)
    assert world.targets() == [0, 1] and not world.entries(Entry.VOTE)


def test_reversal_when_voted_down_then_closes_only() -> None:
    world = World([AGAINST])
    world.hold(1)
    world.propose(-1)
    assert world.targets() == [0]
    agreed = World([FOR])
    agreed.hold(1)
    agreed.propose(-1)
    assert agreed.targets() == [-1]


def test_proposal_when_it_holds_then_nothing_is_sent() -> None:
    world = World([FOR])
    world.propose(1, hold=True)
    assert world.targets() == [] and world.coordinator.decision_reasons == {Reason.NO_PROPOSAL: 1}


def test_proposal_when_stood_down_then_opens_nothing_and_closes_what_turned() -> None:
    world = World([FOR])
    world.context.gate.stand_down(Reason.STATE_UNKNOWN)
    world.propose(1)
    assert world.targets() == []
    world.hold(1)
    world.propose(-1)
    world.propose(0)
    assert world.targets() == [0, 0]
    assert world.coordinator.decision_reasons == {Reason.STOOD_DOWN: 2, Reason.NONE: 1}


# Registration, discovery, routing.

def test_agents_when_they_come_and_go_then_found_by_capability() -> None:
    world = World()
    coordinator = world.coordinator
    assert coordinator.discover(PREDICT) is world.agents[PREDICT]
    with pytest.raises(ValueError, match="an agent named predict is registered already"):
        coordinator.register(Stub("predict", world.context.clock))
    with pytest.raises(ValueError, match="other: PREDICT is offered already"):
        coordinator.register(Stub("other", world.context.clock, PREDICT))
    with pytest.raises(ValueError, match="no agent named nobody can be taken out"):
        coordinator.unregister("nobody")
    with pytest.raises(ValueError, match="no agent named coordinator"):
        coordinator.unregister("coordinator")
    gone = coordinator.unregister("predict")
    assert gone.state is AgentState.STOPPED and coordinator.discover(PREDICT) is None
    new = Stub("another", world.context.clock, PREDICT)
    coordinator.register(new)
    assert new.state is AgentState.RUNNING and coordinator.discover(PREDICT) is new
    coordinator.on_decision()
    assert new.topics() == [Topic.DECISION_ROW]


def test_message_when_nobody_takes_it_then_counted() -> None:
    world = World()
    world.coordinator.unregister("predict")
    world.coordinator.on_decision()
    assert world.coordinator.undelivered == 1
    assert world.coordinator.decision_reasons == {Reason.AGENT_NOT_RUNNING: 1}
    assert world.context.gate.state is TradingState.NORMAL


@pytest.mark.parametrize("capability", [GUARD, EXECUTE])
def test_critical_agent_when_taken_out_then_stood_down_until_it_is_replaced(
        capability: Capability) -> None:
    world = World()
    world.hold(2)
    world.coordinator.unregister(capability.name.lower())
    gate = world.context.gate
    assert (gate.state, gate.state_reason) == (TradingState.REDUCE_ONLY, Reason.AGENT_NOT_RUNNING)
    assert [(o.side, o.qty_lots, o.reduce_only) for o in world.broker.submitted] == [(-1, 2, True)]
    world.coordinator.register(Stub("new", world.context.clock, capability))
    assert gate.state is TradingState.NORMAL


def test_topology_when_asked_then_one_line_an_agent_in_order() -> None:
    world = World()
    world.agents[PREDICT].pause()
    lines = world.coordinator.topology().splitlines()
    assert lines[0].split() == ["1.", "coordinator", "RUNNING", "coordinate"]
    assert lines[3].split() == ["4.", "predict", "PAUSED", "predict"]
    assert len(lines) == 6 and len({line.index("  ") for line in lines[1:]}) >= 1


# Failures and restarts.

def test_agent_when_it_raises_then_isolated_and_restarted_in_loop_time() -> None:
    world = World()
    world.fail(PREDICT)
    agent, gate = world.agents[PREDICT], world.context.gate
    assert agent.state is AgentState.ERROR and gate.state is TradingState.REDUCE_ONLY
    assert world.coordinator.failures == [(100 * SECOND, "predict", "RuntimeError('broken')")]
    assert world.fire_timers(101 * SECOND - 1) == []
    assert world.fire_timers(101 * SECOND) == ["restart"]
    assert agent.state is AgentState.RUNNING and gate.state is TradingState.NORMAL
    assert agent.metrics.restarts == 1


def test_agent_when_it_fails_again_and_again_then_back_off_doubles_until_the_loop_stops() -> None:
    world = World()
    waits = []
    for _ in range(MAX_RESTARTS):
        world.fail(PREDICT)
        before = world.context.clock.now_ns
        assert world.fire_timers(world.context.timers.next_ns) == ["restart"]
        waits.append((world.context.clock.now_ns - before) // SECOND)
        assert world.coordinator.stopped_by == ""
    assert waits == [1, 2, 4, 8, 16]
    world.hold(1)
    world.fail(PREDICT)
    assert world.coordinator.stopped_by == (
        "agent predict failed 6 times, last with RuntimeError('broken')")
    assert Topic.FLATTEN in world.agents[EXECUTE].topics()


def test_agent_when_it_fails_at_the_start_then_tried_again() -> None:
    world = World(start=False)
    world.agents[PREDICT].start_raises = RuntimeError("no model")
    world.coordinator.start_all()
    assert world.agents[PREDICT].state is AgentState.ERROR
    assert world.context.gate.state is TradingState.REDUCE_ONLY
    world.fire_timers(101 * SECOND)
    assert world.agents[PREDICT].state is AgentState.ERROR
    world.agents[PREDICT].start_raises = None
    world.fire_timers(103 * SECOND)
    assert world.agents[PREDICT].state is AgentState.RUNNING
    assert world.context.gate.state is TradingState.NORMAL


def test_execution_when_it_fails_then_flattened_without_it() -> None:
    world = World()
    world.hold(-2)
    world.fail(EXECUTE)
    assert [(o.side, o.qty_lots) for o in world.broker.submitted] == [(1, 2)]
    # The order is on its way: the retry sends nothing twice.
    world.fire_timers(130 * SECOND)
    assert len(world.broker.submitted) == 1


def test_flatten_when_asked_for_many_times_then_one_timer_runs() -> None:
    world = World()
    world.hold(1)
    for _ in range(4):
        world.fail(EXECUTE)
        world.fire_timers(world.context.clock.now_ns + 20 * SECOND)
    pending = 0
    while world.context.timers.next_ns < world.context.timers.NEVER:
        pending += world.context.timers.pop().name == "flatten"
    assert pending == 1


def test_restart_when_agents_were_taken_out_meanwhile_then_the_right_one_starts() -> None:
    world = World()
    world.fail(EXECUTE)
    # The stepping order moves up by one, the restart still means execution.
    world.coordinator.unregister("predict")
    world.fire_timers(101 * SECOND)
    assert world.agents[EXECUTE].state is AgentState.RUNNING
    world.fail(EXECUTE)
    world.coordinator.unregister("execute")
    again = Stub("execute", world.context.clock, EXECUTE)
    world.coordinator.register(again)
    again.fail(RuntimeError("fresh"))
    world.coordinator.pump()
    assert [who for _, who, _ in world.coordinator.failures].count("execute") == 3
    world.fire_timers(world.context.clock.now_ns + SECOND)
    assert again.state is AgentState.RUNNING and again.metrics.restarts == 1


def test_rearm_when_another_cause_stands_then_stays_down() -> None:
    world = World()
    world.fail(PREDICT)
    # A fill of an order we do not know: the position can no longer be trusted.
    world.coordinator.on_report(ExecutionReport(ReportKind.FILLED, 99, 1, 1, fill_id=1, qty_lots=1,
                                                price_ticks=26_000))
    world.fire_timers(101 * SECOND)
    assert world.agents[PREDICT].state is AgentState.RUNNING
    assert world.context.gate.state is TradingState.REDUCE_ONLY


def test_rearm_when_killed_then_never() -> None:
    world = World()
    world.fail(PREDICT)
    world.coordinator.on_command(LoopCommand.KILL)
    world.fire_timers(200 * SECOND)
    assert world.context.gate.state is TradingState.KILLED


def test_timer_when_its_owner_is_down_then_kept_for_it() -> None:
    world = World()
    world.fail(GUARD)
    world.context.timers.set(Timer(world.context.clock.now_ns, "guard", "close", 7))
    world.fire_timers(103 * SECOND)
    timers = [m.payload.name for m in world.agents[GUARD].taken if m.topic is Topic.TIMER]
    assert timers == ["close"]


class Echo(Agent):
    """Never comes to rest."""

    def __init__(self, world: World) -> None:
        super().__init__("echo", world.context.clock)
        world.coordinator.on(Topic.TARGET, self._again)
        world.coordinator.register(self)

    def _again(self, message: Message) -> None:
        self.send(MessageType.DATA, Topic.TARGET, Capability.COORDINATE, None)


def test_agents_when_they_do_not_come_to_rest_then_stood_down_for_good() -> None:
    world = World()
    echo = Echo(world)
    echo.send(MessageType.DATA, Topic.TARGET, Capability.COORDINATE, None)
    world.coordinator.pump()
    assert world.coordinator.failures[-1][2] == (
        f"agents did not come to rest in {MAX_ROUNDS} rounds")
    assert world.context.gate.state_reason is Reason.STOOD_DOWN
    assert not any(agent.inbox or agent.outbox for agent in world.coordinator.agents.values())
    world.fail(PREDICT)
    world.fire_timers(110 * SECOND)
    assert world.context.gate.state is TradingState.REDUCE_ONLY


# Heartbeats.

def beat(world: World) -> None:
    world.context.clock.advance(world.context.clock.now_ns + HEARTBEAT_NS)
    world.coordinator.on_decision()


def test_heartbeat_when_not_answered_then_a_failure() -> None:
    world = World()
    deaf = world.agents[PREDICT]
    deaf.on(Topic.HEARTBEAT, lambda message: None)
    beat(world)
    assert not world.coordinator.failures
    beat(world)
    assert [who for _, who, _ in world.coordinator.failures] == ["predict"]
    assert isinstance(deaf.last_error, TimeoutError)


def test_heartbeat_when_answered_then_nothing_happens() -> None:
    world = World()
    for _ in range(5):
        beat(world)
    assert not world.coordinator.failures
    assert world.agents[GUARD].metrics.last_heartbeat_ns == world.context.clock.now_ns


def test_heartbeat_when_agent_was_paused_or_down_as_it_was_asked_then_no_failure() -> None:
    world = World()
    beat(world)
    world.agents[PREDICT].pause()
    world.fail(GUARD)
    beat(world)
    world.agents[PREDICT].resume()
    world.fire_timers(world.context.clock.now_ns + SECOND)
    beat(world)
    beat(world)
    assert [who for _, who, _ in world.coordinator.failures] == ["guard"]


def test_heartbeat_when_agent_failed_before_it_could_answer_then_restarted_only_once() -> None:
    world = World()
    agent = world.agents[PREDICT]
    # Broken by the very message that waits before the heartbeat.
    agent.raises = RuntimeError("broken")
    agent.deliver(Message(MessageType.DATA, Topic.DECISION_ROW, "test", PREDICT, None, 0))
    beat(world)
    agent.raises = None
    world.fire_timers(world.context.clock.now_ns + SECOND)
    beat(world)
    beat(world)
    assert [who for _, who, _ in world.coordinator.failures] == ["predict"]


# Winding down, and memory.

def working(world: World) -> int:
    ledger = world.context.ledger
    order = SubmitOrder(ledger.next_order_id(), 1, OrderType.LIMIT, TimeInForce.DAY, 1, 26_000, 1)
    ledger.submitted(order)
    return order.client_order_id


def test_wind_down_when_execution_is_gone_then_cancelled_all_the_same() -> None:
    world = World()
    number = working(world)
    world.agents[EXECUTE].stop()
    world.coordinator.wind_down()
    assert [cancel.client_order_id for cancel in world.broker.cancelled] == [number]
    assert world.context.ledger.working[number].state is OrderState.PENDING_CANCEL


def test_wind_down_when_killed_then_flattens() -> None:
    world = World()
    world.coordinator.wind_down()
    assert world.agents[EXECUTE].topics() == [Topic.LIFECYCLE]
    world.hold(2)
    world.coordinator.on_command(LoopCommand.KILL)
    world.coordinator.wind_down()
    # The kill switch does it alone, and only once; execution was stopped.
    assert [(o.side, o.qty_lots, o.reason) for o in world.broker.submitted] == [
        (-1, 2, Reason.FLATTEN)]
    assert world.agents[EXECUTE].state is AgentState.STOPPED
    assert world.agents[EXECUTE].topics()[1:] == []


def test_failures_when_a_voter_fails_all_day_then_memory_is_bounded() -> None:
    world = World([RuntimeError("blind")])
    for _ in range(1200):
        world.propose(1)
    assert len(world.coordinator.failures) == 1000
