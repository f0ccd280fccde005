"""What every agent is: a life cycle, an inbox, an outbox, metrics, and a way to fail."""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import IntEnum

from dreammaker.domain.codes import plain_members
from dreammaker.engine.clock import LoopClock
from dreammaker.engine.messages import Capability, Message, MessageType, Topic


@plain_members
class AgentState(IntEnum):
    """Life cycle of an agent."""

    INITIALIZED = 0
    STARTING = 1
    RUNNING = 2
    PAUSED = 3
    STOPPED = 4
    ERROR = 5


_ALLOWED: dict[AgentState, frozenset[AgentState]] = {
    AgentState.INITIALIZED: frozenset({AgentState.STARTING, AgentState.STOPPED}),
    AgentState.STARTING: frozenset({AgentState.RUNNING, AgentState.ERROR, AgentState.STOPPED}),
    AgentState.RUNNING: frozenset({AgentState.PAUSED, AgentState.STOPPED, AgentState.ERROR}),
    AgentState.PAUSED: frozenset({AgentState.RUNNING, AgentState.STOPPED, AgentState.ERROR}),
    AgentState.STOPPED: frozenset({AgentState.STARTING}),
    AgentState.ERROR: frozenset({AgentState.STARTING, AgentState.STOPPED}),
}

_RUNNING, _PAUSED = AgentState.RUNNING, AgentState.PAUSED

INBOX_LIMIT = 65_536
"""Messages an inbox holds at the most; more says that its agent is not being stepped."""


@dataclass(slots=True)
class AgentMetrics:
    """What an agent has done."""

    received: int = 0
    handled: int = 0
    sent: int = 0
    errors: int = 0
    restarts: int = 0
    last_step_ns: int = 0
    last_heartbeat_ns: int = 0


Handler = Callable[[Message], None]


def describe(agents: "Sequence[Agent]") -> str:
    """Agents, states and what they offer, one line an agent, in order."""
    width = max(len(agent.name) for agent in agents)
    return "\n".join(
        f"{index}. {agent.name:<{width}}  {agent.state.name:<11}  "
        f"{', '.join(sorted(c.name.lower() for c in agent.capabilities))}"
        for index, agent in enumerate(agents, 1))


class Agent:
    """Base of the agents.

    A subclass names the topics it takes by ``on``, and may extend ``start_up``, ``recover`` and
    ``shut_down``. An inbox may be filled from another thread; only ``step`` drains it.

    Parameters
    ----------
    name : str
        Unique in a coordinator.
    clock : LoopClock
    *capabilities : Capability
        What it offers.

    Examples
    --------
    >>> agent = Agent("echo", LoopClock(7), Capability.PREDICT)
    >>> agent.on(Topic.DECISION_ROW, lambda message: agent.send(
    ...     MessageType.DATA, Topic.PROPOSAL, Capability.COORDINATE, message.payload))
    >>> agent.start()
    >>> agent.deliver(Message(MessageType.DATA, Topic.DECISION_ROW, "me", Capability.PREDICT, 1, 7))
    True
    >>> agent.step(), agent.outbox.popleft().topic.name
    (1, 'PROPOSAL')
    """

    def __init__(self, name: str, clock: LoopClock, *capabilities: Capability) -> None:
        self.name, self.clock = name, clock
        self.capabilities = frozenset(capabilities)
        self.state = AgentState.INITIALIZED
        self.inbox: deque[Message] = deque()
        self.outbox: deque[Message] = deque()
        self.metrics = AgentMetrics()
        self.last_error: Exception | None = None
        # Indexed by topic: hashing an enum member costs more than the handlers' own work.
        self._handlers: list[Handler | None] = [None] * (max(Topic) + 1)
        self.on(Topic.HEARTBEAT, self._heartbeat)

    def on(self, topic: Topic, handler: Handler) -> None:
        """Take a topic."""
        self._handlers[topic] = handler

    def start(self) -> None:
        """INITIALIZED, STOPPED or ERROR to RUNNING, through STARTING."""
        recovering = self.state is AgentState.ERROR
        self._move(AgentState.STARTING)
        try:
            self.recover() if recovering else self.start_up()
        except Exception as error:
            self.fail(error)
            return
        self._move(AgentState.RUNNING)

    def pause(self) -> None:
        """Take no messages until ``resume``; what waits in the inbox is kept."""
        self._move(AgentState.PAUSED)

    def resume(self) -> None:
        """Go on after a pause."""
        self._move(AgentState.RUNNING)

    def stop(self) -> None:
        """End; what waits in the inbox is dropped."""
        self._move(AgentState.STOPPED)
        self.inbox.clear()
        try:
            self.shut_down()
        except Exception as error:
            # It is stopped all the same; the others are not kept from stopping.
            self.last_error = error
            self.metrics.errors += 1

    def start_up(self) -> None:
        """Hook: make ready."""

    def recover(self) -> None:
        """Hook: make ready again after a failure; by default as at the start."""
        self.start_up()

    def shut_down(self) -> None:
        """Hook: let go."""

    def deliver(self, message: Message) -> bool:
        """Put a message into the inbox; False where the agent does not take it now."""
        if self.state is not _RUNNING and self.state is not _PAUSED:
            return False
        if len(self.inbox) >= INBOX_LIMIT:
            self.fail(OverflowError(f"{self.name}: inbox holds {INBOX_LIMIT} messages"))
            return False
        self.inbox.append(message)
        self.metrics.received += 1
        return True

    def step(self) -> int:
        """Handle what was in the inbox when the step began; the number handled.

        An exception in a handler ends the step with the agent in ERROR; it does not escape.
        """
        if self.state is not _RUNNING:
            return 0
        metrics, inbox, handlers, handled = self.metrics, self.inbox, self._handlers, 0
        metrics.last_step_ns = self.clock.now_ns
        for _ in range(len(inbox)):
            if self.state is not _RUNNING:
                # A handler paused or stopped its own agent.
                break
            message = inbox.popleft()
            handler = handlers[message.topic]
            try:
                if handler is None:
                    raise LookupError(f"{self.name} takes no {message.topic.name}")
                handler(message)
            except Exception as error:
                self.fail(error)
                break
            handled += 1
        metrics.handled += handled
        return handled

    def send(self, kind: MessageType, topic: Topic, to: Capability, payload: object) -> None:
        """Put a message into the outbox; the coordinator routes it."""
        self.outbox.append(Message(kind, topic, self.name, to, payload, self.clock.now_ns))
        self.metrics.sent += 1

    def _heartbeat(self, message: Message) -> None:
        self.metrics.last_heartbeat_ns = message.time_ns
        self.send(MessageType.HEARTBEAT, Topic.HEARTBEAT, Capability.COORDINATE, self.name)

    def fail(self, error: Exception) -> None:
        """Go to ERROR; what was not handled belongs to a state it is no longer in."""
        self.state = AgentState.ERROR
        self.last_error = error
        self.metrics.errors += 1
        self.inbox.clear()
        self.outbox.clear()

    def _move(self, state: AgentState) -> None:
        if state not in _ALLOWED[self.state]:
            raise ValueError(f"agent {self.name} cannot go from {self.state.name} to {state.name}")
        self.state = state
