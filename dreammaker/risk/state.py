"""The risk state, and the one table of what it allows and where it may go.

===========  ================================================  ================================
state        what passes                                       left for
===========  ================================================  ================================
NORMAL       everything within limits                          any other
REDUCE_ONLY  strictly reducing orders, changes that shrink     NORMAL: when its causes are gone
             an order, cancels                                 (agents run again), or an operator
                                                               re-arms; HALTED, KILLED
HALTED       the same; what was open is cancelled and          NORMAL: an operator re-arms;
             flattened, and the strategy is not listened to    KILLED
KILLED       the flattening of the kill switch, then nothing   nothing, on that day
===========  ================================================  ================================

A state is only ever left towards NORMAL by ``rearm``. Exits pass in every state: in KILLED they
are the kill switch's own, so that nobody sends a second one beside it.
"""

from enum import IntEnum

from dreammaker.domain.codes import plain_members
from dreammaker.domain.orders import Reason


@plain_members
class TradingState(IntEnum):
    """How much risk may do (see the module's table)."""

    NORMAL = 1
    REDUCE_ONLY = 2
    HALTED = 3
    KILLED = 4


ALLOWED: dict[TradingState, frozenset[TradingState]] = {
    TradingState.NORMAL: frozenset({TradingState.REDUCE_ONLY, TradingState.HALTED,
                                    TradingState.KILLED}),
    TradingState.REDUCE_ONLY: frozenset({TradingState.NORMAL, TradingState.HALTED,
                                         TradingState.KILLED}),
    TradingState.HALTED: frozenset({TradingState.NORMAL, TradingState.KILLED}),
    TradingState.KILLED: frozenset(),
}
"""Where each state may go."""

DENIALS = {
    TradingState.REDUCE_ONLY: Reason.STOOD_DOWN,
    TradingState.HALTED: Reason.TRADING_HALTED,
    TradingState.KILLED: Reason.KILLED,
}
"""What a denied order is told."""


class StateMachine:
    """The state, why it is so, and every cause that stands.

    Examples
    --------
    >>> machine = StateMachine()
    >>> machine.worsen(TradingState.HALTED, Reason.DRAWDOWN)
    True
    >>> machine.worsen(TradingState.REDUCE_ONLY, Reason.LATENCY), machine.state.name
    (False, 'HALTED')
    >>> machine.rearm(), machine.rearm(by_operator=True), machine.state.name
    (False, True, 'NORMAL')
    """

    def __init__(self) -> None:
        self.state = TradingState.NORMAL
        self.reason = Reason.NONE
        self.causes: set[Reason] = set()

    def worsen(self, state: TradingState, reason: Reason) -> bool:
        """Move to a stricter state; True where that is new. The cause is remembered anyhow."""
        self.causes.add(reason)
        if state <= self.state or state not in ALLOWED[self.state]:
            return False
        self.state, self.reason = state, reason
        return True

    def settled(self, reason: Reason) -> None:
        """A cause is gone (agents run again, a question was answered)."""
        self.causes.discard(reason)

    def restore(self, state: TradingState, reason: Reason, causes: set[Reason]) -> None:
        """Begin where an earlier run left off."""
        self.state, self.reason, self.causes = state, reason, set(causes)

    def rearm(self, *, by_operator: bool = False) -> bool:
        """Back to NORMAL where the table allows it; True where it was left.

        Without an operator only REDUCE_ONLY is left, and only where no cause stands any more.
        """
        if self.state is TradingState.NORMAL or TradingState.NORMAL not in ALLOWED[self.state]:
            return False
        by_itself = self.state is TradingState.REDUCE_ONLY and not self.causes
        if not by_operator and not by_itself:
            return False
        self.state, self.reason = TradingState.NORMAL, Reason.NONE
        self.causes.clear()
        return True
