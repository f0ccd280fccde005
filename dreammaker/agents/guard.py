"""Follows the risk state: what has to be done about it, whoever changed it, without agents.

The gate holds the state; risk's agent, the coordinator, an operator or the past (a restart) move
it. After every item of the loop this looks at it: HALTED flattens, KILLED hands over to the kill
switch, a disk that fails and a position at the hard deadline change the state by themselves. What
a restart must know is saved.
"""

import logging
from collections.abc import Callable

from dreammaker.agents.context import TradingContext
from dreammaker.agents.kill import KILL_TIMER, KillSwitch, adopt_position, ask, fair_price_ticks
from dreammaker.agents.notes import note_rearmed, note_stand_down, say
from dreammaker.agents.sending import send_cancel
from dreammaker.domain.orders import ExecutionReport, QueryFailed, Reason
from dreammaker.engine.clock import NS_PER_MINUTE, NS_PER_S
from dreammaker.engine.loop import LoopCommand
from dreammaker.engine.timers import Timer
from dreammaker.risk import TradingState
from dreammaker.store.risk_file import RiskStart

DEADLINE_TIMER = "deadline"
RECONCILE_TIMER = "reconcile"
RECONCILE_NS = NS_PER_S
TIMERS = frozenset({KILL_TIMER, DEADLINE_TIMER, RECONCILE_TIMER})

_COMMANDED = {LoopCommand.KILL: TradingState.KILLED, LoopCommand.HALT: TradingState.HALTED,
              LoopCommand.REDUCE_ONLY: TradingState.REDUCE_ONLY}


class Guard:
    """What the coordinator does about the risk state.

    Parameters
    ----------
    context : TradingContext
    owner : str
        Who is told of the timers.
    flatten, stop_execution : callable
        Close everything through the agents where they run; see that execution sends no more.
    agents_complete : callable
        Whether every agent runs.
    book : callable
        Takes a report as if the broker had sent it.
    note_failure : callable
        Told of who failed and how.
    """

    def __init__(self, context: TradingContext, owner: str, *, flatten: Callable[[], None],
                 stop_execution: Callable[[], None], agents_complete: Callable[[], bool],
                 book: Callable[[ExecutionReport], None],
                 note_failure: Callable[[str, str], None]) -> None:
        self.context, self.owner = context, owner
        self.kill = KillSwitch(context, owner, book, note_failure)
        self._flatten, self._stop_execution = flatten, stop_execution
        self._agents_complete, self._note_failure = agents_complete, note_failure
        self._is_halted = self._deadline_passed = False
        self._saved: tuple[object, ...] = ()
        self._adopted_cash = 0

    @property
    def must_stop(self) -> str:
        """Why the loop must end; empty = go on."""
        failure = self.context.journal.failure
        return str(failure) if failure is not None and self.kill.is_verified else ""

    def on_start(self) -> None:
        """Loop time has begun: set the deadline, take up what an earlier run left."""
        context, gate = self.context, self.context.gate
        if gate.window.close_ns is not None:
            due = gate.window.close_ns - round(
                gate.config.deadline_minutes_before_close * NS_PER_MINUTE)
            context.timers.set(Timer(due, self.owner, DEADLINE_TIMER))
        if gate.state is not TradingState.NORMAL and context.risk_start.is_resumed:
            note_stand_down(context, gate.state_reason, "as the last run left it")
        if context.risk_start.is_resumed and gate.state is not TradingState.KILLED:
            self._reconcile()

    def on_timer(self, timer: Timer) -> None:
        """Take a timer of ours."""
        if timer.name == KILL_TIMER:
            self.kill.on_timer()
        elif timer.name == DEADLINE_TIMER:
            self._deadline_passed = True
        else:
            self._reconcile()

    def on_command(self, command: LoopCommand) -> None:
        """An operator's word."""
        state = _COMMANDED.get(command)
        if state is not None:
            self.worsen(state, Reason.REQUESTED)
        elif command is LoopCommand.REARM:
            self._rearm()

    def worsen(self, state: TradingState, reason: Reason, detail: str = "") -> bool:
        """Move the risk state for the worse; True where that is new."""
        if not self.context.gate.machine.worsen(state, reason):
            return False
        note_stand_down(self.context, reason, detail)
        return True

    def follow(self) -> bool:
        """Do what the state asks for; True where agents were told something."""
        context, gate, ledger = self.context, self.context.gate, self.context.ledger
        told = False
        if context.journal.failure is not None:
            self.worsen(TradingState.KILLED, Reason.STORE_FAILED, str(context.journal.failure))
        if context.orders_db.behind:
            self.worsen(TradingState.REDUCE_ONLY, Reason.STORE_FAILED)
        if self._deadline_passed and (ledger.position.lots or ledger.working or self._in_doubt()):
            self.worsen(TradingState.KILLED, Reason.DEADLINE,
                        f"{ledger.position.lots:+d} lots, {len(ledger.working)} orders"
                        f"{', in doubt' if self._in_doubt() else ''}")
        # On record before anything is done about it, so that a restart goes on with it.
        self.save()
        if gate.state is TradingState.KILLED:
            if not self.kill.is_engaged:
                self._stop_execution()
                self.kill.engage()
        elif gate.state is TradingState.HALTED and not self._is_halted:
            self._is_halted = told = True
            self._flatten()
        self.save()
        return told

    def _in_doubt(self) -> bool:
        """Whether the broker may hold something our books do not show."""
        context = self.context
        return (context.ledger.doubtful
                or Reason.POSITION_UNKNOWN in context.gate.machine.causes)

    def save(self, *, is_running: bool = True) -> None:
        """Keep what a restart must know, where there is a file for it and something is new."""
        context, gate, ledger = self.context, self.context.gate, self.context.ledger
        if context.risk_file is None:
            return
        # The best of the day moves with every price; it is kept to a twentieth of the drawdown.
        best = gate.result.high_water_micros // max(gate.config.max_drawdown_micros // 20, 1)
        seen = (gate.state, len(gate.machine.causes), self.kill.is_verified, ledger.fill_count,
                ledger.adopted_lots, ledger.position.lots, best, is_running)
        if seen == self._saved:
            return
        result, start, position = gate.result, context.risk_start, ledger.position
        error = context.risk_file.save(RiskStart(
            int(gate.state), int(gate.state_reason), tuple(sorted(map(int, gate.machine.causes))),
            start.cash_micros + position.cash_micros + self._adopted_cash, position.lots,
            result.net_micros(), result.high_water_micros, ledger.trips.consecutive_losses,
            self.kill.is_verified), is_running=is_running)
        if error is None:
            self._saved = seen
        elif self.worsen(TradingState.REDUCE_ONLY, Reason.STORE_FAILED, str(error)):
            self._note_failure("risk state", str(error))

    def _reconcile(self) -> None:
        """Take over what the broker holds for us from an earlier run; ask again where it fails.

        Orders of that run belong to nobody now: they are cancelled.
        """
        context, ledger, now = self.context, self.context.ledger, self.context.clock.now_ns
        orders = ask(lambda: context.broker.query_working(now), self._note_failure)
        answer = ask(lambda: context.broker.query_position(now), self._note_failure)
        before = context.risk_start
        price = 0 if isinstance(answer, QueryFailed) else fair_price_ticks(
            context, answer.average_price_ticks)
        # A position is only taken over at a price; before the first mid there may be none.
        unpriced = not isinstance(answer, QueryFailed) and not price and (
            answer.lots != 0 or before.lots != 0)
        if isinstance(orders, QueryFailed) or isinstance(answer, QueryFailed) or unpriced:
            self.worsen(TradingState.REDUCE_ONLY, Reason.POSITION_UNKNOWN)
            context.timers.set(Timer(now + RECONCILE_NS, self.owner, RECONCILE_TIMER))
            return
        for working in orders:
            if ledger.find(working.client_order_id) is None:
                ledger.found(working)
                send_cancel(context, working.client_order_id, Reason.RESTARTED)
        adopt_position(context, answer.lots, price)
        # What is adopted costs its price in the ledger; in truth it was paid for by earlier runs.
        worth = price * ledger.instrument.tick_value_micros
        context.gate.result.carried_micros = before.cash_micros + before.lots * worth
        self._adopted_cash = before.lots * worth
        context.gate.machine.settled(Reason.POSITION_UNKNOWN)
        if context.gate.rearm():
            note_rearmed(context, "the broker has said what we hold")

    def _rearm(self) -> None:
        context, gate = self.context, self.context.gate
        context.orders_db.catch_up()
        obstacle = ("nothing has stopped it" if gate.state is TradingState.NORMAL else
                    "a kill is not left" if gate.state is TradingState.KILLED else
                    "an order's outcome or the position is not known"
                    if context.ledger.doubtful else
                    "the disk does not take the record" if context.orders_db.behind else
                    "not every agent runs" if not self._agents_complete() else "")
        if obstacle:
            say(logging.WARNING, "cannot re-arm", context.clock.now_ns, why=obstacle)
        elif gate.rearm(by_operator=True):
            self._is_halted = False
            note_rearmed(context, "an operator has said so")
