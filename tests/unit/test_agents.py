"""What every agent is: life cycle, inbox, outbox, metrics, and a way to fail."""

import threading

import pytest

from dreammaker.agents.base import INBOX_LIMIT, Agent, AgentState
from dreammaker.domain.schema import EVENT_DTYPE, Flag, Kind, Phase
from dreammaker.engine.clock import LoopClock
from dreammaker.engine.messages import Capability, Message, MessageType, Topic
from tests.unit.agent_world import SECOND, Stub, World

S = AgentState
ALLOWED = {
    S.INITIALIZED: {"start": S.RUNNING, "stop": S.STOPPED},
    S.RUNNING: {"pause": S.PAUSED, "stop": S.STOPPED},
    S.PAUSED: {"resume": S.RUNNING, "stop": S.STOPPED},
    S.STOPPED: {"start": S.RUNNING},
    S.ERROR: {"start": S.RUNNING, "stop": S.STOPPED},
}


def message(topic: Topic = Topic.DECISION_ROW, payload: object = None) -> Message:
    return Message(MessageType.DATA, topic, "test", Capability.PREDICT, payload, 5)


def agent_in(state: AgentState) -> Stub:
    agent = Stub("a", LoopClock(7), Capability.PREDICT)
    if state is not S.INITIALIZED:
        agent.start()
    if state is S.PAUSED:
        agent.pause()
    elif state is S.STOPPED:
        agent.stop()
    elif state is S.ERROR:
        agent.fail(RuntimeError("x"))
    assert agent.state is state
    return agent


@pytest.mark.parametrize("action", ["start", "pause", "resume", "stop"])
@pytest.mark.parametrize("state", list(ALLOWED))
def test_life_cycle_when_any_step_then_allowed_or_refused(state: AgentState, action: str) -> None:
    agent = agent_in(state)
    if action in ALLOWED[state]:
        getattr(agent, action)()
        assert agent.state is ALLOWED[state][action]
        return
    with pytest.raises(ValueError, match=f"agent a cannot go from {state.name} to "):
        getattr(agent, action)()
    assert agent.state is state


@pytest.mark.parametrize("state", list(ALLOWED))
def test_inbox_when_running_or_paused_then_open(state: AgentState) -> None:
    agent = agent_in(state)
    assert agent.deliver(message()) is (state in (S.RUNNING, S.PAUSED))
    assert agent.step() == (1 if state is S.RUNNING else 0)
    if state is S.PAUSED:
        agent.resume()
        assert agent.step() == 1 and len(agent.taken) == 1


def test_agent_when_stopped_then_what_waits_is_dropped() -> None:
    agent = agent_in(S.RUNNING)
    agent.deliver(message())
    agent.stop()
    agent.start()
    assert agent.step() == 0


def test_handler_when_it_pauses_its_agent_then_the_rest_waits() -> None:
    agent = agent_in(S.RUNNING)
    agent.on(Topic.PHASE, lambda message: agent.pause())
    for topic in (Topic.PHASE, Topic.DECISION_ROW):
        agent.deliver(message(topic))
    assert agent.step() == 1 and len(agent.inbox) == 1


def test_handler_when_it_raises_then_error_and_empty_boxes() -> None:
    agent = agent_in(S.RUNNING)
    agent.raises = KeyError("x")
    agent.send(MessageType.DATA, Topic.PROPOSAL, Capability.COORDINATE, 1)
    for _ in range(3):
        agent.deliver(message())
    assert agent.step() == 0
    assert agent.state is S.ERROR and isinstance(agent.last_error, KeyError)
    assert not agent.inbox and not agent.outbox
    metrics = agent.metrics
    assert (metrics.received, metrics.handled, metrics.sent, metrics.errors) == (3, 0, 1, 1)
    assert metrics.last_step_ns == 7


def test_topic_when_not_taken_then_a_failure_that_names_it() -> None:
    agent = Agent("deaf", LoopClock(), Capability.PREDICT)
    agent.start()
    agent.deliver(message(Topic.TARGET))
    agent.step()
    assert agent.state is S.ERROR and str(agent.last_error) == "'deaf takes no TARGET'".strip("'")


def test_inbox_when_it_overflows_then_a_failure() -> None:
    agent = agent_in(S.PAUSED)
    assert all(agent.deliver(message()) for _ in range(INBOX_LIMIT))
    assert not agent.deliver(message())
    assert agent.state is S.ERROR and isinstance(agent.last_error, OverflowError)
    assert not agent.inbox


def test_shut_down_when_it_raises_then_stopped_all_the_same() -> None:
    agent = agent_in(S.RUNNING)

    def broken() -> None:
        raise RuntimeError("x")

    agent.shut_down = broken  # type: ignore[method-assign]
    agent.stop()
    assert agent.state is S.STOPPED and agent.metrics.errors == 1


def test_inbox_when_filled_from_another_thread_then_nothing_is_lost() -> None:
    agent, total = agent_in(S.RUNNING), 5000

    def feed() -> None:
        for number in range(total):
            agent.deliver(message(payload=number))

    thread = threading.Thread(target=feed)
    thread.start()
    handled = 0
    while thread.is_alive() or agent.inbox:
        handled += agent.step()
    thread.join()
    assert handled == total
    assert [taken.payload for taken in agent.taken] == list(range(total))


def test_recovery_when_after_a_failure_then_its_own_hook_runs() -> None:
    calls = []

    class Recovering(Stub):
        def start_up(self) -> None:
            calls.append("start_up")

        def recover(self) -> None:
            calls.append("recover")

    agent = Recovering("a", LoopClock(), Capability.PREDICT)
    agent.start()
    agent.fail(RuntimeError("x"))
    agent.start()
    assert calls == ["start_up", "recover"]


def test_feature_agent_when_records_are_damaged_then_rows_before_count_and_it_fails() -> None:
    import numpy as np

    from dreammaker.agents.data import DataAgent
    from dreammaker.agents.feature import FeatureAgent
    from dreammaker.domain.instrument import Instrument
    from dreammaker.domain.source import SourceProfile
    from dreammaker.features.config import FeatureConfig

    world = World(start=False)
    for name in ("ingest", "compute_features"):
        world.coordinator.unregister(name)
    clock = world.context.clock
    world.coordinator.register(DataAgent(clock))
    feature = FeatureAgent(clock, FeatureConfig(), Instrument.win(),
                           SourceProfile("test", 5, has_aggressor=True), 16)
    world.coordinator.register(feature)
    world.coordinator.start_all()
    events = np.zeros(4, EVENT_DTYPE)
    events["local_ns"] = events["exch_ns"] = np.arange(4) + SECOND
    events["kind"], events["side"] = Kind.LEVEL_SET, [1, -1, 1, 1]
    events["price_ticks"], events["qty_lots"] = [26_000, 26_001, 25_999, 25_998], [5, 5, 5, -7]
    events["flags"] = Flag.LAST
    result = world.coordinator.begin_batch(events)
    assert result.rows.count == 3 and feature.state is S.RUNNING
    world.coordinator.end_batch()
    assert feature.state is S.ERROR
    assert "record 3 of the batch" in world.coordinator.failures[0][2]
    world.fire_timers(101 * SECOND)
    assert feature.state is S.RUNNING
    assert world.coordinator.begin_batch(events[:3]).rows.count == 3


def test_data_agent_when_phases_are_in_the_batch_then_told_with_their_place() -> None:
    import numpy as np

    from dreammaker.agents.data import DataAgent

    agent = DataAgent(LoopClock())
    agent.start()
    events = np.zeros(5, EVENT_DTYPE)
    events["local_ns"] = [10, 20, 30, 40, 50]
    events["kind"] = [Kind.TRADE, Kind.SESSION, Kind.GAP, Kind.ORDER_EXECUTE, Kind.SESSION]
    events["aux"] = [0, Phase.AUCTION, 0, 0, Phase.CLOSED]
    events["flags"] = [Flag.LAST, 0, 0, Flag.LAST | Flag.AUCTION, 0]
    agent.deliver(message(Topic.EVENT_BATCH, events))
    agent.step()
    phases = agent.outbox.popleft().payload
    assert [(c.local_ns, c.index, c.phase) for c in phases] == [
        (20, 1, Phase.AUCTION), (50, 4, Phase.CLOSED)]
    assert agent.outbox.popleft().payload is events
    counts = agent.counts
    assert (counts.events, counts.packets, counts.trades, counts.gaps) == (5, 2, 2, 1)
