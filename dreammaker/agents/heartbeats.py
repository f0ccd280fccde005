"""Asks running agents for a sign of life, and tells who owes one."""

from collections.abc import Sequence

from dreammaker.agents.base import Agent, AgentState
from dreammaker.engine.clock import NS_PER_S
from dreammaker.engine.messages import Capability, Message, MessageType, Topic

HEARTBEAT_NS = 5 * NS_PER_S


class Heartbeats:
    """Rounds of asking, at least ``HEARTBEAT_NS`` of loop time apart."""

    def __init__(self) -> None:
        self._asked: set[str] = set()
        self._asked_ns = 0

    def is_due(self, now_ns: int) -> bool:
        """Whether it is time for a round."""
        return now_ns - self._asked_ns >= HEARTBEAT_NS

    def ask(self, agents: Sequence[Agent], sender: str, now_ns: int) -> None:
        """Ask every running agent; one that did not answer the last round fails.

        Who was paused or down in the last round, or failed since, owes no answer.
        """
        last, self._asked_ns = self._asked_ns, now_ns
        asked, self._asked = self._asked, set()
        question = Message(MessageType.HEARTBEAT, Topic.HEARTBEAT, sender, Capability.COORDINATE,
                           None, now_ns)
        for agent in agents:
            if agent.state is not AgentState.RUNNING:
                continue
            if agent.name in asked and agent.metrics.last_heartbeat_ns < last:
                agent.fail(TimeoutError(f"{agent.name} gave no heartbeat when asked at {last}"))
            elif agent.deliver(question):
                self._asked.add(agent.name)

    def forget(self, name: str) -> None:
        """Expect no answer from an agent that failed or left."""
        self._asked.discard(name)
