"""The risk agent: sizes targets, passes orders and changes through the gate, watches results."""

from dreammaker.agents.base import Agent
from dreammaker.agents.context import Target, TradingContext
from dreammaker.agents.notes import note_stand_down
from dreammaker.domain.orders import OrderDenied, ReplaceOrder, SubmitOrder
from dreammaker.domain.schema import Phase
from dreammaker.engine.clock import NS_PER_S
from dreammaker.engine.messages import Capability, Message, MessageType, Topic
from dreammaker.engine.timers import Timer
from dreammaker.risk import Sizing, TradingState

FLATTEN_TIMER = "flatten"
_RETRY_NS = 5 * NS_PER_S


class RiskAgent(Agent):
    """Holds the veto: what it does not approve is not sent."""

    def __init__(self, context: TradingContext) -> None:
        super().__init__("risk", context.clock, Capability.GUARD)
        self.context = context
        self.sizing = Sizing(context.gate.config, context.ledger, context.market)
        self._flatten_set = False
        self.on(Topic.TARGET, self._target)
        self.on(Topic.SUBMIT, self._submit)
        self.on(Topic.PHASE, self._phase)
        self.on(Topic.REPORT, lambda message: self._watch())
        self.on(Topic.DECISION_ROW, lambda message: self._watch())
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
        """Cut a target to the limits and the size risk allows; a smaller position always passes."""
        target: Target = message.payload
        self.send(MessageType.DATA, Topic.SIZED_TARGET, Capability.EXECUTE,
                  Target(self.sizing.target(target.lots), urgent=target.urgent))

    def _submit(self, message: Message) -> None:
        wish: SubmitOrder | ReplaceOrder = message.payload
        gate, now = self.context.gate, self.clock.now_ns
        verdict = (gate.check_replace(wish, now) if isinstance(wish, ReplaceOrder) else
                   gate.check(wish, now))
        topic = Topic.DENIED if isinstance(verdict, OrderDenied) else Topic.APPROVED
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

    def _watch(self) -> None:
        """Look at what is only known afterwards; the guard does what the new state asks for."""
        gate = self.context.gate
        state, reason, detail = gate.breach()
        if state is not TradingState.NORMAL and gate.machine.worsen(state, reason):
            note_stand_down(self.context, reason, detail)

    def _flatten(self) -> None:
        self.send(MessageType.COMMAND, Topic.FLATTEN, Capability.EXECUTE, Target(0, urgent=True))
