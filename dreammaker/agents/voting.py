"""Asks the voters about a proposal, and puts every ballot on record."""

from collections.abc import Callable

from dreammaker.agents.context import TradingContext
from dreammaker.engine.decisions import Ballot, Proposal, Vote, consensus
from dreammaker.engine.ports import Voter
from dreammaker.store.journal import Entry


def poll(voters: list[Voter], proposal: Proposal, context: TradingContext,
         note_failure: Callable[[str, str], None]) -> float:
    """Share of the positive among the votes cast; NaN where nobody voted.

    A filter that cannot answer does not wave the trade through: it counts against, and
    ``note_failure`` is told its name and what it raised.
    """
    votes = []
    for index, voter in enumerate(voters):
        try:
            vote = voter.vote(proposal, context.market)
        except Exception as error:
            note_failure(f"voter {voter.name}", repr(error))
            vote = Vote(Ballot.AGAINST)
        context.journal.write(Entry.VOTE, context.clock.now_ns, context.market.event_count,
                              code=index, side=vote.ballot, a=vote.value)
        votes.append(vote)
    return consensus(votes)
