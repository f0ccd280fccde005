"""The risk agent: sizes targets, passes orders through the gate, watches loss and hours."""

from dreammaker.agents.base import Agent
from dreammaker.agents.context import Target, TradingContext
from dreammaker.agents.notes import note_stand_down
from dreammaker.domain.orders import ApprovedOrder, Reason
from dreammaker.domain.schema import Phase
from dreammaker.engine.clock import NS_PER_S
from dreammaker.engine.messages import Capability, Message, MessageType, Topic
from dreammaker.engine.timers import Timer

FLATTEN_TIMER = "flatten"
_RETRY_NS = 5 * NS_PER_S


class RiskAgent(Agent):
    """Holds the veto: what it does not approve is not sent."""

    def __init__(self, context: TradingContext) -> None:
        super().__init__("risk", context.clock, Capability.GUARD)
        self.context = context
        self._flatten_set = False
        self.on(Topic.TARGET, self._target)
        self.on(Topic.SUBMIT, self._submit)
        self.on(Topic.PHASE, self._phase)
        self.on(Topic.REPORT, lambda message: self._watch_loss())
        self.on(Topic.DECISION_ROW, lambda message: self._watch_loss())
        self.on(Topic.TIMER, self._timer)

    def start_up(self) -> None:
        """Set the flatten timer where the session's close is known."""
        gate = self.context.gate
        if gate.window.close_ns is not None and not self._flatten_set:
            due = gate.window.close_ns - round(
                gate.config.flatten_minutes_before_close * 60 * NS_PER_S)
            self.context.timers.set(Timer(due, self.name, FLATTEN_TIMER))
            self._flatten_set = True

    def _target(self, message: Message) -> None:
        """Cut a target to the position limit; what opens nothing passes in any state."""
        target: Target = message.payload
        limit = self.context.gate.config.max_position_lots
        lots = max(-limit, min(limit, target.lots))
        self.send(MessageType.DATA, Topic.SIZED_TARGET, Capability.EXECUTE,
                  Target(lots, target.urgent))

    def _submit(self, message: Message) -> None:
        verdict = self.context.gate.check(message.payload, self.clock.now_ns)
        topic = Topic.APPROVED if isinstance(verdict, ApprovedOrder) else Topic.DENIED
        self.send(MessageType.DATA, topic, Capability.EXECUTE, verdict)

    def _phase(self, message: Message) -> None:
        phase: Phase = message.payload
        window = self.context.gate.window
        if phase is Phase.CONTINUOUS and window.open_ns is None:
            window.open_ns = self.clock.now_ns

    def _timer(self, message: Message) -> None:
        timer: Timer = message.payload
        ledger = self.context.ledger
        if timer.name != FLATTEN_TIMER:
            raise LookupError(f"risk has no timer {timer.name}")
        if ledger.position.lots or ledger.working:
            self._flatten()
            self.context.timers.set(Timer(self.clock.now_ns + _RETRY_NS, self.name, FLATTEN_TIMER))

    def _watch_loss(self) -> None:
        gate, context = self.context.gate, self.context
        if gate.daily_loss_reached() and gate.kill(Reason.DAILY_LOSS):
            note_stand_down(context, Reason.DAILY_LOSS)
            self._flatten()
            context.timers.set(Timer(self.clock.now_ns + _RETRY_NS, self.name, FLATTEN_TIMER))

    def _flatten(self) -> None:
        self.send(MessageType.COMMAND, Topic.FLATTEN, Capability.EXECUTE, Target(0, urgent=True))
