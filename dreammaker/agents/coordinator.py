"""The coordinator: registry, routing, consensus, heartbeats, and what happens when an agent fails.

It steps the agents in the order in which they were registered, again and again until no message
is left, with a bound. It is an agent itself: proposals, rows and phases reach it as messages.
"""

import logging
from dataclasses import replace

from dreammaker.agents.base import Agent, AgentState, describe
from dreammaker.agents.context import Target, TradingContext
from dreammaker.agents.deciding import Decider
from dreammaker.agents.emergency import cancel_without_agents, flatten_without_agents
from dreammaker.agents.guard import TIMERS, Guard
from dreammaker.agents.heartbeats import Heartbeats
from dreammaker.agents.notes import (
    note_agent_state,
    note_denied,
    note_phase,
    note_rearmed,
    note_report,
    say,
)
from dreammaker.domain.orders import ExecutionReport, Reason
from dreammaker.domain.schema import EventArray, Phase
from dreammaker.engine.clock import NS_PER_S
from dreammaker.engine.decisions import Proposal
from dreammaker.engine.loop import BatchResult, LoopCommand, PhaseChange
from dreammaker.engine.market import Rows
from dreammaker.engine.messages import Capability, Message, MessageType, Topic
from dreammaker.engine.ports import Voter
from dreammaker.engine.timers import Timer
from dreammaker.risk import TradingState

MAX_ROUNDS = 64
"""Rounds of stepping after which the agents are said not to come to rest."""

RESTART_TIMER = "restart"
FLATTEN_TIMER = "flatten"
FLATTEN_RETRY_NS = 5 * NS_PER_S
TIMER_RETRY_NS = NS_PER_S
MAX_RESTARTS = 5
_RUNNING, _ERROR = AgentState.RUNNING, AgentState.ERROR
_CRITICAL = frozenset({Capability.GUARD, Capability.EXECUTE})


class Coordinator(Agent):
    """Drives the agents for the tick loop.

    Parameters
    ----------
    context : TradingContext
    voters : list of Voter
        Who votes on proposals; nobody = no trade.
    order_lots : int
        Position of a full-size proposal.
    consensus_share : float
        Share of positive votes that acts.
    empty_rows : Rows
        Rows (count 0) for a batch whose features could not be computed.
    """

    def __init__(self, context: TradingContext, voters: list[Voter], order_lots: int,
                 consensus_share: float, empty_rows: Rows) -> None:
        super().__init__("coordinator", context.clock, Capability.COORDINATE)
        self.context = context
        self.decider = Decider(
            context, voters, order_lots, consensus_share, self._note_failure,
            lambda target: self.send(MessageType.DATA, Topic.TARGET, Capability.GUARD, target))
        self.agents: dict[str, Agent] = {self.name: self}
        self.undelivered = 0
        self.failures: list[tuple[int, str, str]] = []
        # Indexed by capability: hashing an enum member costs more than the delivery.
        self._routes: list[Agent | None] = [None] * (max(Capability) + 1)
        self._routes[Capability.COORDINATE] = self
        self._order: list[Agent] = [self]
        # Numbers are never given twice: what the journal and timers call an agent by stays right
        # when others come and go.
        self._numbers = {self.name: 0}
        self._next_number = 1
        self._rows = self._empty_rows = empty_rows
        self._phases: list[PhaseChange] = []
        self._faults: list[tuple[str, Exception]] = []
        self._heartbeats = Heartbeats()
        self._restarts_due: set[str] = set()
        self._flatten_set = False
        self.guard = Guard(
            context, self.name, flatten=self._flatten, stop_execution=self._stop_execution,
            agents_complete=self._is_complete, book=self._book, note_failure=self._note_failure)
        self._stopped_by = ""
        self.on(Topic.PROPOSAL, lambda message: self.decider.decide(message.payload))
        self.on(Topic.FEATURE_ROWS, self._take_rows)
        self.on(Topic.PHASE, self._take_phases)
        self.on(Topic.FAILURE, lambda message: self._faults.append(message.payload))
        self.on(Topic.HEARTBEAT, lambda message: None)

    @property
    def decision_reasons(self) -> dict[Reason, int]:
        """Why each decision went as it did."""
        return self.decider.reasons

    # Registration and discovery.

    def register(self, agent: Agent) -> None:
        """Add an agent (also while running, when it is started at once)."""
        if agent.name in self.agents:
            raise ValueError(f"an agent named {agent.name} is registered already")
        taken = [c.name for c in agent.capabilities if self._routes[c] is not None]
        if taken:
            raise ValueError(f"{agent.name}: {', '.join(taken)} is offered already")
        self.agents[agent.name] = agent
        self._numbers[agent.name] = self._next_number
        self._next_number += 1
        self._order = [*self._order, agent]
        for capability in agent.capabilities:
            self._routes[capability] = agent
        if self.state is AgentState.RUNNING:
            agent.start()
            self._note_state(agent)
            self._rearm()

    def unregister(self, name: str) -> Agent:
        """Take an agent out, stopping it; messages for its capabilities are counted undelivered.

        Without risk or execution nothing may be opened: the coordinator stands down.
        """
        if name == self.name or name not in self.agents:
            raise ValueError(f"no agent named {name} can be taken out")
        agent = self.agents.pop(name)
        self._order = [other for other in self._order if other is not agent]
        for capability in agent.capabilities:
            self._routes[capability] = None
        if agent.state not in (AgentState.STOPPED, AgentState.INITIALIZED):
            agent.stop()
        self._note_state(agent)
        del self._numbers[name]
        self._restarts_due.discard(name)
        self._heartbeats.forget(name)
        if agent.capabilities & _CRITICAL and self.state is AgentState.RUNNING:
            self._stand_down(Reason.AGENT_NOT_RUNNING)
            self._flatten()
        return agent

    def discover(self, capability: Capability) -> Agent | None:
        """Agent that offers a capability, or None."""
        return self._routes[capability]

    def topology(self) -> str:
        """Agents, states and what they offer, one line an agent, in stepping order."""
        return describe(self._order)

    def start_all(self) -> None:
        """Start every agent, itself last."""
        for agent in self._order[1:]:
            agent.start()
            self._note_state(agent)
            if agent.state is AgentState.ERROR:
                self._failed(agent)
        self.start()
        self._note_state(self)

    def stop_all(self) -> None:
        """Stop every agent, itself last."""
        for agent in [*self._order[1:], self]:
            if agent.state not in (AgentState.STOPPED, AgentState.INITIALIZED):
                agent.stop()
                self._note_state(agent)
        self.guard.save(is_running=False)

    # What the loop asks for.

    @property
    def stopped_by(self) -> str:
        """Why the loop must end; empty = go on."""
        return self._stopped_by or self.guard.must_stop

    def on_start(self) -> None:
        """Take up what an earlier run left."""
        self.guard.on_start()
        self.pump()

    def begin_batch(self, events: EventArray) -> BatchResult:
        """Have the data and feature agents turn records into rows."""
        self._rows, self._phases = self._empty_rows, []
        self._tell(MessageType.DATA, Topic.EVENT_BATCH, Capability.INGEST, events)
        self.pump()
        return BatchResult(self._rows, self._phases)

    def end_batch(self) -> None:
        """Fail agents that found damage behind the last row of the batch."""
        if not self._faults:
            return
        for name, error in self._faults:
            agent = self.agents.get(name)
            if agent is not None and agent.state is AgentState.RUNNING:
                agent.fail(error)
        self._faults.clear()
        self.pump()

    def on_decision(self) -> None:
        """Have the model look at the present row."""
        now = self.clock.now_ns
        if self._heartbeats.is_due(now):
            self._heartbeats.ask(self._order[1:], self.name, now)
            self.pump()
        market = self.context.market
        if not self._tell(MessageType.DATA, Topic.DECISION_ROW, Capability.PREDICT, market):
            self.decider.note(Proposal(0, 0.0, float("nan"), hold=True), float("nan"),
                              Reason.AGENT_NOT_RUNNING)
        self._tell(MessageType.DATA, Topic.DECISION_ROW, Capability.GUARD, market)
        self.pump()

    def on_report(self, report: ExecutionReport) -> None:
        """Book a report, then tell risk and execution."""
        self._book(report)
        self._tell(MessageType.STATUS, Topic.REPORT, Capability.GUARD, report)
        self._tell(MessageType.STATUS, Topic.REPORT, Capability.EXECUTE, report)
        if self.guard.kill.is_engaged:
            self.guard.kill.step()
        self.pump()

    def _book(self, report: ExecutionReport) -> None:
        context = self.context
        context.orders_db.report(report)
        strays = context.ledger.stray_count
        known = context.ledger.apply(report)
        note_report(context, report)
        if known is not None:
            context.gate.note_report(report, known)
        if context.ledger.stray_count > strays:
            self._stand_down(Reason.STATE_UNKNOWN)
        elif context.gate.machine.causes:
            # What was in doubt when the agents came back may be known now.
            self._rearm()

    def on_phase(self, phase: Phase) -> None:
        """Tell risk of the session's phase."""
        note_phase(self.context, phase)
        self.guard.kill.on_phase()
        self._tell(MessageType.STATUS, Topic.PHASE, Capability.GUARD, phase)
        self.pump()

    def on_timer(self, timer: Timer) -> None:
        """Tell the timer's owner."""
        if timer.owner == self.name:
            if timer.name == RESTART_TIMER:
                self._restart(timer)
            elif timer.name in TIMERS:
                self.guard.on_timer(timer)
            else:
                self._flatten_set = False
                if self.context.ledger.position.lots or self.context.ledger.working:
                    self._flatten()
        else:
            owner = self.agents.get(timer.owner)
            now = self.clock.now_ns
            if owner is not None and owner.state is not AgentState.STOPPED and not owner.deliver(
                    Message(MessageType.COMMAND, Topic.TIMER, self.name, Capability.COORDINATE,
                            timer, now)):
                # Its owner is down for the moment, and must not miss it: the flatten before the
                # close is a timer.
                self.context.timers.set(replace(timer, due_ns=now + TIMER_RETRY_NS))
        self.pump()

    def on_command(self, command: LoopCommand) -> None:
        """An operator's word on the risk state. STOP is the loop's own."""
        self.guard.on_command(command)
        self.pump()

    def wind_down(self) -> None:
        """Cancel what works; flatten too where the session was killed or had to stop."""
        if self.context.gate.state is TradingState.KILLED:
            self.guard.kill.step()
        elif self._stopped_by:
            self._flatten()
        elif not self._tell(MessageType.COMMAND, Topic.LIFECYCLE, Capability.EXECUTE, "wind down"):
            cancel_without_agents(self.context, Reason.SESSION_END, self._note_emergency)
        self.pump()

    # Stepping and routing.

    def pump(self) -> None:
        """Step the agents until no message is left, and follow the risk state they leave."""
        self._step_all()
        if self.guard.follow():
            self._step_all()

    def _step_all(self) -> None:
        route = self._route
        for _ in range(MAX_ROUNDS):
            busy = False
            # A new list is made when agents come or go, so this one does not change underfoot.
            for agent in self._order:
                if agent.inbox and agent.state is _RUNNING:
                    agent.step()
                    busy = True
                outbox = agent.outbox
                while outbox:
                    busy = True
                    route(outbox.popleft())
                if agent.state is _ERROR:
                    self._failed(agent)
            if not busy:
                return
        for agent in self._order:
            agent.inbox.clear()
            agent.outbox.clear()
        self._note_failure(self.name, f"agents did not come to rest in {MAX_ROUNDS} rounds")
        self._stand_down(Reason.STOOD_DOWN)

    def _route(self, message: Message) -> bool:
        agent = self._routes[message.to]
        silenced = message.to is Capability.EXECUTE and self.guard.kill.is_engaged
        if silenced or agent is None or not agent.deliver(message):
            if message.topic is Topic.DENIED:
                # Who asked is gone, but no denial goes without a record.
                note_denied(self.context, message.payload)
            if silenced:
                return False
            self.undelivered += 1
            if message.to in _CRITICAL:
                self._stand_down(Reason.AGENT_NOT_RUNNING)
            return False
        return True

    def _tell(self, kind: MessageType, topic: Topic, to: Capability, payload: object) -> bool:
        return self._route(Message(kind, topic, self.name, to, payload, self.clock.now_ns))

    def _take_rows(self, message: Message) -> None:
        self._rows = message.payload

    def _take_phases(self, message: Message) -> None:
        self._phases = message.payload

    # Failures.

    def _failed(self, agent: Agent) -> None:
        """Isolate a failing agent: note it, stand down, and set its restart."""
        if agent.name in self._restarts_due or self._stopped_by:
            return
        self._heartbeats.forget(agent.name)
        self._note_failure(agent.name, repr(agent.last_error))
        self._note_state(agent)
        self._stand_down(Reason.AGENT_NOT_RUNNING)
        if agent.capabilities & _CRITICAL:
            self._flatten()
        if agent.metrics.restarts >= MAX_RESTARTS:
            self._stopped_by = (f"agent {agent.name} failed {MAX_RESTARTS + 1} times, last with "
                                f"{agent.last_error!r}")
            self._flatten()
            return
        self._restarts_due.add(agent.name)
        back_off = NS_PER_S << agent.metrics.restarts
        self.context.timers.set(Timer(self.clock.now_ns + back_off, self.name, RESTART_TIMER,
                                      self._numbers[agent.name]))

    def _restart(self, timer: Timer) -> None:
        agent = next((agent for agent in self._order
                      if self._numbers[agent.name] == timer.key), None)
        if agent is None:
            return
        self._restarts_due.discard(agent.name)
        if agent.state is not AgentState.ERROR or (
                self.guard.kill.is_engaged and Capability.EXECUTE in agent.capabilities):
            return
        agent.metrics.restarts += 1
        agent.start()
        self._note_state(agent)
        self._rearm()

    def _rearm(self) -> None:
        """Trade again where agents that were down are the only cause, and all of them run."""
        gate = self.context.gate
        if self._is_complete() and not self.context.ledger.doubtful:
            gate.machine.settled(Reason.AGENT_NOT_RUNNING)
            if gate.rearm():
                note_rearmed(self.context, "agents run again")

    def _is_complete(self) -> bool:
        return (all(agent.state is AgentState.RUNNING for agent in self._order)
                and all(self._routes[capability] is not None for capability in _CRITICAL))

    def _stop_execution(self) -> None:
        """The kill switch takes over: nobody sends beside it."""
        agent = self._routes[Capability.EXECUTE]
        if agent is not None and agent.state in (AgentState.RUNNING, AgentState.PAUSED):
            agent.stop()
            self._note_state(agent)

    def _flatten(self) -> None:
        """Flatten through the agents where they run, without them where they do not."""
        if self.guard.kill.is_engaged:
            return
        critical = [self._routes[capability] for capability in sorted(_CRITICAL)]
        if all(agent is not None and agent.state is AgentState.RUNNING for agent in critical):
            self._tell(MessageType.COMMAND, Topic.FLATTEN, Capability.EXECUTE,
                       Target(0, urgent=True))
        else:
            flatten_without_agents(self.context, self._note_emergency)
        if not self._flatten_set:
            self._flatten_set = True
            self.context.timers.set(Timer(self.clock.now_ns + FLATTEN_RETRY_NS, self.name,
                                          FLATTEN_TIMER))

    def _stand_down(self, reason: Reason) -> None:
        self.guard.worsen(TradingState.REDUCE_ONLY, reason)

    def _note_failure(self, who: str, what: str) -> None:
        if len(self.failures) < 1000:
            self.failures.append((self.clock.now_ns, who, what))
        say(logging.ERROR, "failure", self.clock.now_ns, who=who, what=what)

    def _note_emergency(self, error: Exception) -> None:
        self._note_failure("emergency", repr(error))

    def _note_state(self, agent: Agent) -> None:
        note_agent_state(self.context, self._numbers[agent.name], agent.name, agent.state,
                         agent.state.name)
