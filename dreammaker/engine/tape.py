"""One feed under two cursors: the venue reads it in exchange time, the strategy in local time.

What happened at the venue by a moment is more than what has reached us by then, so the venue's
cursor may run ahead of the strategy's. Chunks are dropped when both have passed them.
"""

from collections import deque
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from dreammaker._ext.batch import running_times
from dreammaker.domain.schema import EventArray
from dreammaker.engine.ports import Feed


class VenueCursor:
    """Where the venue stands in the tape."""

    __slots__ = ("index", "tape")

    def __init__(self, tape: "Tape") -> None:
        self.tape = tape
        self.index = 0

    def chunk(self, until_ns: int) -> tuple[EventArray, NDArray[np.int64]] | None:
        """Chunk that holds the next record at or before ``until_ns``, or None.

        Returns
        -------
        events, times
            The records, and their venue times: the running maximum of exchange time.
        """
        return self.tape.venue_chunk(self, until_ns)


class Tape:
    """Records of a feed, read once.

    Parameters
    ----------
    feed : Feed
    batch_events : int
        Records a batch.
    read_ahead : bool
        Whether the venue may see records that have not reached us (recorded or generated feeds);
        on live feeds it cannot, and its times are local times.
    """

    def __init__(self, feed: Feed, batch_events: int, *, read_ahead: bool = True) -> None:
        if batch_events < 1:
            raise ValueError(f"batch_events must be 1 or more, was {batch_events}")
        self.feed = feed
        self.batch_events = batch_events
        self.read_ahead = read_ahead
        self.venue = VenueCursor(self)
        self._strategy: deque[EventArray] = deque()
        self._venue: deque[tuple[EventArray, NDArray[np.int64]]] = deque()
        self._venue_ns = -(2**62)
        self._ended = False

    def next_batch(self) -> EventArray | None:
        """Next batch for the strategy, or None at the end of the feed."""
        if not self._strategy and not self._read():
            return None
        return self._strategy.popleft()

    def rest(self, *, read_on: bool) -> Iterator[EventArray]:
        """Records the strategy was not given: those read for the venue, or all that are left.

        Parameters
        ----------
        read_on : bool
            Read the feed to its end.
        """
        while self._strategy or (read_on and self._read()):
            # Nobody's cursor moves any more: nothing needs to be kept for the venue.
            self._venue.clear()
            yield self._strategy.popleft()

    def venue_chunk(
        self, cursor: VenueCursor, until_ns: int
    ) -> tuple[EventArray, NDArray[np.int64]] | None:
        """See ``VenueCursor.chunk``."""
        while True:
            while self._venue and cursor.index >= self._venue[0][0].shape[0]:
                self._venue.popleft()
                cursor.index = 0
            if self._venue:
                events, times = self._venue[0]
                return (events, times) if times[cursor.index] <= until_ns else None
            # What is still unread may have happened before `until_ns` only if it can have been
            # sent by then; a feed in order of local time has no record earlier than the last.
            if self._ended or not self.read_ahead or not self._read():
                return None

    def _read(self) -> bool:
        if self._ended:
            return False
        events = self.feed.read(self.batch_events)
        if events.shape[0] == 0:
            self._ended = True
            return False
        times = running_times(events, self.read_ahead, self._venue_ns)
        self._venue_ns = int(times[-1])
        self._strategy.append(events)
        self._venue.append((events, times))
        return True
