"""Predictions, proposals, votes, and the clock that says when to decide."""

from enum import IntEnum
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dreammaker._ext.batch import decision_rows
from dreammaker.domain.codes import plain_members
from dreammaker.domain.schema import EventArray
from dreammaker.engine.market import Rows


class Prediction(NamedTuple):
    """A model's view of the next move.

    Parameters
    ----------
    score : float
        Above 0 up, below 0 down; NaN = the model cannot say.
    confidence : float
        In [0, 1].
    """

    score: float
    confidence: float


class Proposal(NamedTuple):
    """What the primary model wants to hold.

    Parameters
    ----------
    side : int
        +1 long, -1 short, 0 flat.
    size : float
        Share of the configured position, in [0, 1].
    score : float
        The prediction behind it.
    hold : bool
        Leave things as they are; side and size say nothing then.
    """

    side: int
    size: float
    score: float
    hold: bool = False


@plain_members
class Ballot(IntEnum):
    """One vote."""

    FOR = 1
    AGAINST = -1
    ABSTAIN = 0


class Vote(NamedTuple):
    """A voter's ballot, with its reason in one word for the journal."""

    ballot: Ballot
    value: float = 0.0


def consensus(votes: list[Vote]) -> float:
    """Share of the positive among the votes cast; NaN where nobody voted.

    Examples
    --------
    >>> consensus([Vote(Ballot.FOR), Vote(Ballot.AGAINST), Vote(Ballot.ABSTAIN)])
    0.5
    """
    positive = negative = 0
    for vote in votes:
        if vote.ballot is Ballot.FOR:
            positive += 1
        elif vote.ballot is Ballot.AGAINST:
            negative += 1
    return positive / (positive + negative) if positive + negative else float("nan")


class TimeDecisionClock:
    """Decides on the first feature row at or after each boundary of a fixed interval.

    Boundaries are whole multiples of the interval since 1970 UTC, in local receive time. The
    choice depends on the rows alone, never on how they were cut into batches.

    Parameters
    ----------
    interval_ns : int
        Above 0.

    Examples
    --------
    >>> import numpy as np
    >>> clock = TimeDecisionClock(10)
    >>> clock.select(np.array([3, 9, 12, 13]), 4), clock.select(np.array([19, 31]), 2)
    ([0, 2], [1])
    """

    def __init__(self, interval_ns: int) -> None:
        if interval_ns <= 0:
            raise ValueError(f"interval_ns must be above 0, was {interval_ns}")
        self.interval_ns = interval_ns
        self._last = -1

    def choose(self, events: EventArray, rows: Rows) -> list[int]:
        """Indices of the decision rows among a batch's rows."""
        return self.select(rows.local_ns, rows.count)

    def select(self, local_ns: NDArray[np.int64], count: int) -> list[int]:
        """Indices of the decision rows among the first ``count``.

        Parameters
        ----------
        local_ns : int64 array, non-decreasing, from 0 on
        count : int
        """
        found, self._last = decision_rows(local_ns, count, self.interval_ns, self._last)
        return found
