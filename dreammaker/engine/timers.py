"""Timers in loop time, in order of due time and then of setting."""

import heapq
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Timer:
    """A moment somebody asked to be told of.

    Parameters
    ----------
    due_ns : int
    owner : str
        Agent to tell.
    name : str
        What it is for.
    key : int
        The owner's own number (an order's id, say).
    """

    due_ns: int
    owner: str
    name: str
    key: int = 0


class Timers:
    """A heap of timers.

    Examples
    --------
    >>> timers = Timers()
    >>> timers.set(Timer(20, "a", "late")); timers.set(Timer(10, "a", "early"))
    >>> timers.next_ns, timers.pop().name
    (10, 'early')
    """

    NEVER = 2**62

    def __init__(self) -> None:
        self._heap: list[tuple[int, int, Timer]] = []
        self._set_count = 0

    def set(self, timer: Timer) -> None:
        """Ask to be told."""
        heapq.heappush(self._heap, (timer.due_ns, self._set_count, timer))
        self._set_count += 1

    @property
    def next_ns(self) -> int:
        """When the next one is due; ``NEVER`` where there is none."""
        return self._heap[0][0] if self._heap else self.NEVER

    def pop(self) -> Timer:
        """Take the next one off."""
        return heapq.heappop(self._heap)[2]
