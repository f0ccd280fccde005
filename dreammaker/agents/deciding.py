"""From a proposal to a target, or to none: the votes, the risk state, and what needs neither."""

from collections.abc import Callable

from dreammaker.agents.context import Target, TradingContext
from dreammaker.agents.voting import poll
from dreammaker.domain.orders import Reason
from dreammaker.engine.decisions import Proposal
from dreammaker.engine.ports import Voter
from dreammaker.risk import TradingState
from dreammaker.risk.state import DENIALS
from dreammaker.store.journal import Entry


class Decider:
    """Decides on proposals, and puts every decision on record.

    Parameters
    ----------
    context : TradingContext
    voters : list of Voter
        Who votes on proposals; nobody = no trade.
    order_lots : int
        Position of a full-size proposal.
    consensus_share : float
        Share of positive votes that acts.
    note_failure : callable
        Told of a voter that failed, and how.
    send : callable
        Takes the target, where there is one.

    Attributes
    ----------
    reasons : dict of Reason to int
        Why each decision went as it did.
    """

    def __init__(self, context: TradingContext, voters: list[Voter], order_lots: int,
                 consensus_share: float, note_failure: Callable[[str, str], None],
                 send: Callable[[Target], None]) -> None:
        self.context, self.voters = context, voters
        self.order_lots, self.consensus_share = order_lots, consensus_share
        self.reasons: dict[Reason, int] = {}
        self._note_failure, self._send = note_failure, send

    def decide(self, proposal: Proposal) -> None:
        """Decide on a proposal."""
        lots = self.context.ledger.position.lots
        if proposal.hold:
            self.note(proposal, float("nan"), Reason.NO_PROPOSAL)
            return
        goal = proposal.side * max(1, round(proposal.size * self.order_lots)) if (
            proposal.side and proposal.size > 0) else 0
        if goal == 0 or (goal * lots > 0 and abs(goal) <= abs(lots)):
            self.note(proposal, float("nan"), Reason.NONE, Target(goal))
            return
        # Without a majority, or while risk allows nothing new, nothing is opened; but a position
        # the model has turned against is closed: that needs no votes.
        close = Target(0) if goal * lots < 0 else None
        state = self.context.gate.state
        if state is not TradingState.NORMAL:
            self.note(proposal, float("nan"), DENIALS[state], close)
            return
        share = poll(self.voters, proposal, self.context, self._note_failure)
        if share >= self.consensus_share:
            self.note(proposal, share, Reason.NONE, Target(goal))
            return
        self.note(proposal, share,
                  Reason.NO_CONSENSUS if share == share else Reason.NO_VOTES, close)

    def note(self, proposal: Proposal, share: float, reason: Reason,
             target: Target | None = None) -> None:
        """Put a decision on record and send its target on."""
        context = self.context
        self.reasons[reason] = self.reasons.get(reason, 0) + 1
        lots = target.lots if target is not None else context.ledger.position.lots
        context.journal.write(
            Entry.DECISION, context.clock.now_ns, context.market.event_count, code=reason,
            side=proposal.side, qty_lots=lots, x=context.market.mid_half_ticks,
            a=proposal.score, b=share)
        if target is not None:
            self._send(target)
