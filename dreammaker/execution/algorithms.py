"""Execution algorithms: how much of a parent order may work by now, and how much must be done.

Two numbers say all: ``due_lots``, up to which children may be out (patiently, at our own side's
touch), and ``must_lots``, below which what is missing crosses the spread. They are the
``Schedule`` port with a floor added; ``working.next_steps`` turns them into orders.
"""

from typing import NamedTuple, Protocol

import numpy as np

from dreammaker.execution.config import ExecutionConfig
from dreammaker.execution.parent import ParentOrder
from dreammaker.execution.rounding import Lots, slice_times_ns
from dreammaker.execution.schedules import almgren_chriss, follow_lots, participation, twap, vwap

NEVER = 2**62


class Conditions(NamedTuple):
    """What an algorithm is told of the market and of its own progress.

    Parameters
    ----------
    now_ns : int
        Loop time.
    filled_lots : int
        Of the parent.
    others_lots : int
        Traded by others since the parent's start.
    spread_ticks : int
        1 or more.
    volatility : float
        Points per square root of a second; NaN = not known.
    imbalance : float
        (queue on our side - queue on the other) / both, at the touch; NaN = not known.
    """

    now_ns: int
    filled_lots: int
    others_lots: int
    spread_ticks: int
    volatility: float
    imbalance: float


class Algorithm(Protocol):
    """Works one parent order."""

    @property
    def resting_children(self) -> int:
        """Patient orders it wants at a time."""
        ...

    def observe(self, now: Conditions) -> None:
        """Take the present conditions; called before each of the others."""
        ...

    def due_lots(self, now_ns: int) -> int:
        """Lots that may have been sent by now, in all."""
        ...

    def must_lots(self, now_ns: int) -> int:
        """Lots that should have been filled by now, in all: what is missing crosses."""
        ...

    def child_lots(self) -> int:
        """Largest patient order at this moment."""
        ...

    def refilled(self) -> None:
        """A patient order was sent."""
        ...

    def next_change_ns(self, now_ns: int) -> int:
        """When due or must changes by itself next; ``NEVER`` where it does not."""
        ...


class SlicedAlgorithm:
    """Works slices that are fixed at the start: TWAP, VWAP, Almgren-Chriss.

    Parameters
    ----------
    parent : ParentOrder
    times_ns : int64 array, shape (n,)
        Beginnings of the slices, rising, within the parent's time.
    slices : int64 array, shape (n,)
        Lots; they sum to the parent's.
    max_child_lots, resting_children : int

    Raises
    ------
    ValueError
        If the slices do not make up the parent.

    Examples
    --------
    >>> parent = ParentOrder(1, 1, 10, 0, 100, "twap", urgency=0.5)
    >>> work = SlicedAlgorithm(parent, np.array([0, 50]), np.array([4, 6]), 50, 2)
    >>> [(work.due_lots(t), work.must_lots(t)) for t in (0, 24, 25, 50, 75)]
    [(4, 0), (4, 0), (4, 4), (10, 4), (10, 10)]
    """

    def __init__(self, parent: ParentOrder, times_ns: Lots, slices: Lots, max_child_lots: int,
                 resting_children: int) -> None:
        if len(times_ns) != len(slices) or int(slices.sum()) != parent.lots:
            raise ValueError(f"slices must add up to the parent's {parent.lots} lots, one to each "
                             f"time, were {len(slices)} with {int(slices.sum())} lots for "
                             f"{len(times_ns)} times")
        self.resting_children = resting_children
        self._max_child = max_child_lots
        begins = times_ns.tolist()
        ends = [*begins[1:], parent.end_ns]
        self._begins = np.array(begins, np.int64)
        self._crosses = np.array([begin + int((1.0 - parent.urgency) * (end - begin))
                                  for begin, end in zip(begins, ends, strict=True)], np.int64)
        self._reached = np.concatenate((np.zeros(1, np.int64), np.cumsum(slices)))

    def observe(self, now: Conditions) -> None:
        """Slices are fixed: nothing is learnt on the way."""

    def due_lots(self, now_ns: int) -> int:
        """All slices begun."""
        return int(self._reached[np.searchsorted(self._begins, now_ns, side="right")])

    def must_lots(self, now_ns: int) -> int:
        """All slices whose patient time is over."""
        return int(self._reached[np.searchsorted(self._crosses, now_ns, side="right")])

    def child_lots(self) -> int:
        """The configured limit."""
        return self._max_child

    def refilled(self) -> None:
        """Children are not counted."""

    def next_change_ns(self, now_ns: int) -> int:
        """The next beginning or end of patience."""
        found = NEVER
        for moments in (self._begins, self._crosses):
            place = int(np.searchsorted(moments, now_ns, side="right"))
            if place < len(moments):
                found = min(found, int(moments[place]))
        return found


class FollowAlgorithm:
    """Follows others' volume at a rate (POV).

    Parameters
    ----------
    parent : ParentOrder
    rate : float
        Our share of all volume, in (0, 1).
    behind_lots : int
        So far behind the volume it waits patiently; beyond, the backlog crosses.
    max_child_lots, resting_children : int

    Examples
    --------
    >>> work = FollowAlgorithm(ParentOrder(1, 1, 30, 0, 100, "pov"), 0.2, 10, 50, 2)
    >>> work.observe(Conditions(5, 0, 44, 1, 1.0, 0.0)); work.due_lots(5), work.must_lots(5)
    (11, 1)
    >>> work.observe(Conditions(6, 0, 400, 1, 1.0, 0.0)); work.due_lots(6), work.must_lots(6)
    (30, 20)
    """

    def __init__(self, parent: ParentOrder, rate: float, behind_lots: int, max_child_lots: int,
                 resting_children: int) -> None:
        self._lots, self._share = parent.lots, participation(rate)
        self._behind, self._max_child = behind_lots, max_child_lots
        self.resting_children = resting_children
        self._due = 0

    def observe(self, now: Conditions) -> None:
        """Take others' volume."""
        self._due = max(self._due, min(follow_lots(self._share, now.others_lots), self._lots))

    def due_lots(self, now_ns: int) -> int:
        """The rate's share of the volume so far."""
        return self._due

    def must_lots(self, now_ns: int) -> int:
        """The same less the backlog that is waited for."""
        return max(self._due - self._behind, 0)

    def child_lots(self) -> int:
        """The configured limit."""
        return self._max_child

    def refilled(self) -> None:
        """Children are not counted."""

    def next_change_ns(self, now_ns: int) -> int:
        """Volume comes when it comes."""
        return NEVER


class IcebergAlgorithm:
    """Shows a peak of a large order and refills it; patient to the end.

    A synthetic iceberg: each peak is an order of its own and queues anew.

    Parameters
    ----------
    parent : ParentOrder
    peak_lots : int
    peak_jitter : float
        In [0, 1): each peak is drawn from ``peak_lots (1 +- jitter)``, at least 1 lot.
    rng : numpy.random.Generator

    Examples
    --------
    >>> work = IcebergAlgorithm(ParentOrder(1, 1, 30, 0, 100, "iceberg"), 10, 0.5,
    ...                         np.random.default_rng(1))
    >>> peaks = []
    >>> for _ in range(4):
    ...     peaks.append(work.child_lots()); work.refilled()
    >>> peaks
    [10, 15, 6, 14]
    """

    def __init__(self, parent: ParentOrder, peak_lots: int, peak_jitter: float,
                 rng: np.random.Generator) -> None:
        self.resting_children = 1
        self._lots, self._peak, self._jitter, self._rng = parent.lots, peak_lots, peak_jitter, rng
        self._now = self._draw()

    def observe(self, now: Conditions) -> None:
        """An iceberg looks at nothing."""

    def due_lots(self, now_ns: int) -> int:
        """All of it: what is shown is limited by the peak."""
        return self._lots

    def must_lots(self, now_ns: int) -> int:
        """Nothing crosses before the finish."""
        return 0

    def child_lots(self) -> int:
        """The present peak."""
        return self._now

    def refilled(self) -> None:
        """The next peak is drawn."""
        self._now = self._draw()

    def next_change_ns(self, now_ns: int) -> int:
        """Nothing changes by itself."""
        return NEVER

    def _draw(self) -> int:
        if self._jitter == 0.0:
            return self._peak
        factor = 1.0 + self._jitter * (2.0 * float(self._rng.random()) - 1.0)
        return max(round(self._peak * factor), 1)


def sliced(parent: ParentOrder, config: ExecutionConfig, weights: list[float] | None,
           volatility: float, rng: np.random.Generator) -> SlicedAlgorithm:
    """TWAP, VWAP or Almgren-Chriss as configured.

    Parameters
    ----------
    weights : list of float or None
        VWAP's expected volumes, one a slice of `slice_count`.
    volatility : float
        Points per square root of a second.
    rng : numpy.random.Generator
        Draws the sizes first, then the times.
    """
    count = slice_count(parent, config)
    length_s = (parent.end_ns - parent.start_ns) / 1e9
    if parent.algorithm == "almgren_chriss":
        slices = almgren_chriss(
            parent.lots, length_s, count, volatility=volatility,
            permanent=config.permanent_impact, temporary=config.temporary_impact,
            risk_aversion=config.risk_aversion)
    elif parent.algorithm == "vwap":
        if weights is None:
            raise ValueError("weights must be given for vwap, were None")
        slices = vwap(parent.lots, weights, size_jitter=config.size_jitter, rng=rng)
    else:
        slices = twap(parent.lots, count, size_jitter=config.size_jitter, rng=rng)
    times = slice_times_ns(parent.start_ns, parent.end_ns, count, config.time_jitter, rng)
    return SlicedAlgorithm(parent, times, slices, config.max_child_lots,
                           config.max_resting_children)


def slice_count(parent: ParentOrder, config: ExecutionConfig) -> int:
    """Slices of a parent: its time over ``slice_s``, rounded, at least one."""
    return max(round((parent.end_ns - parent.start_ns) / (config.slice_s * 1e9)), 1)
