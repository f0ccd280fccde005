"""Parent orders: what is to be traded in all, until when, and within which limits."""

from dataclasses import dataclass
from enum import IntEnum

from dreammaker.domain.codes import plain_members
from dreammaker.execution.rounding import whole


@plain_members
class ParentState(IntEnum):
    """Where a parent order is in its life."""

    WORKING = 1
    ENDING = 2      # no child is sent any more; those that work are being cancelled
    COMPLETE = 3    # filled whole
    EXPIRED = 4     # its time was over first
    CANCELED = 5    # the wish was dropped first


ENDED = frozenset({ParentState.COMPLETE, ParentState.EXPIRED, ParentState.CANCELED})
"""States a parent does not leave."""


@dataclass(frozen=True, slots=True)
class ParentOrder:
    """An order that is worked in slices.

    Parameters
    ----------
    parent_id : int
        Ours, unique in the session, from 1.
    side : int
        +1 buy, -1 sell.
    lots : int
        1 or more.
    start_ns, end_ns : int
        Loop time in which children may work.
    algorithm : str
        Its name.
    participation_limit : float
        In (0, 1]: our share of all volume from the start on is at most this; 1 = no limit.
    price_limit_ticks : int or None
        No child of a buy is priced above it, none of a sale below.
    urgency : float
        In [0, 1], see ``ExecutionConfig``.

    Raises
    ------
    ValueError
        If a parameter is out of range.

    Examples
    --------
    >>> ParentOrder(1, 1, 100, 0, 60_000_000_000, "twap").within_limit(26_000, 26_003)
    26003
    """

    parent_id: int
    side: int
    lots: int
    start_ns: int
    end_ns: int
    algorithm: str
    participation_limit: float = 1.0
    price_limit_ticks: int | None = None
    urgency: float = 0.3

    def __post_init__(self) -> None:
        whole("parent_id", self.parent_id)
        whole("lots", self.lots)
        if self.side not in (1, -1):
            raise ValueError(f"side must be 1 or -1, was {self.side}")
        if self.end_ns <= self.start_ns:
            raise ValueError(f"end_ns must be after start_ns, was {self.end_ns - self.start_ns} ns "
                             "after it")
        if not 0.0 < self.participation_limit <= 1.0:
            raise ValueError("participation_limit must be in (0, 1], was "
                             f"{self.participation_limit}")
        if not 0.0 <= self.urgency <= 1.0:
            raise ValueError(f"urgency must be in [0, 1], was {self.urgency}")

    def within_limit(self, touch_ticks: int, price_ticks: int) -> int | None:
        """A price cut at the limit; None where even the touch lies beyond it.

        Parameters
        ----------
        touch_ticks : int
            The price that has to be reached for the order to make sense.
        price_ticks : int
            The price wished for.
        """
        limit = self.price_limit_ticks
        if limit is None:
            return price_ticks
        if self.side * (touch_ticks - limit) > 0:
            return None
        return min(price_ticks, limit) if self.side > 0 else max(price_ticks, limit)
