"""The book of an import, followed packet by packet, to tell where it is crossed or locked."""

from pathlib import Path

import numpy as np

from dreammaker._ext.book_kernel import BookFaultError, BookKernel
from dreammaker.data.importers.base import BoolArray, Int64Array
from dreammaker.domain.errors import InputError
from dreammaker.domain.schema import EVENT_DTYPE, EventArray, Flag, Kind

_TOUCHES_BOOK = np.zeros(256, bool)
_TOUCHES_BOOK[1:Kind.CLEAR + 1] = True


class BookWatch:
    """Follows whole packets and marks those that leave the book crossed or locked.

    Parameters
    ----------
    path : Path
        For errors.

    Examples
    --------
    >>> events = np.zeros(2, EVENT_DTYPE)
    >>> events["kind"], events["side"], events["qty_lots"] = Kind.LEVEL_SET, (1, -1), 5
    >>> events["price_ticks"], events["flags"] = (101, 100), (0, Flag.LAST)
    >>> BookWatch(Path("a.gz")).mark(events)
    {'crossed': 1, 'locked': 0}
    >>> events["flags"].tolist()
    [2048, 2049]
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.book = BookKernel()
        self.crossed_before: BoolArray = np.zeros(0, bool)
        """Of the last `mark`: for each record, whether its packet met a crossed book."""
        self._crossed = False

    def mark(self, events: EventArray) -> dict[str, int]:
        """Apply whole packets and flag CROSSED on those after which the book is crossed or locked.

        Parameters
        ----------
        events : ndarray of EVENT_DTYPE
            The last one ends a packet.

        Returns
        -------
        dict of str to int
            ``crossed`` and ``locked``: packets that touched the book and left it so.

        Raises
        ------
        InputError
            If a record is structurally damaged.
        """
        self.crossed_before = np.zeros(len(events), bool)
        if not len(events):
            return {"crossed": 0, "locked": 0}
        is_last = (events["flags"] & Flag.LAST) != 0
        ends = np.flatnonzero(is_last)
        packet: Int64Array = np.cumsum(is_last) - is_last
        ticks = np.zeros((len(ends), 2, 1), np.int32)
        lots = np.zeros((len(ends), 2, 1), np.int32)
        try:
            self.book.frames(events, ticks, lots)
        except BookFaultError as error:
            number = int(events["seq"][error.index])
            raise InputError(f"the record with sequence {number} cannot be applied: {error}",
                             file=self._path) from None
        both = (lots[:, 0, 0] > 0) & (lots[:, 1, 0] > 0)
        crossed = both & (ticks[:, 0, 0] > ticks[:, 1, 0])
        locked = both & (ticks[:, 0, 0] == ticks[:, 1, 0])
        self.crossed_before = np.concatenate(([self._crossed], crossed[:-1]))[packet]
        self._crossed = bool(crossed[-1])
        touched = np.bincount(packet, _TOUCHES_BOOK[events["kind"]], len(ends)) > 0
        crossed, locked = crossed & touched, locked & touched
        events["flags"] |= np.where((crossed | locked)[packet], np.uint32(Flag.CROSSED),
                                    np.uint32(0))
        return {"crossed": int(crossed.sum()), "locked": int(locked.sum())}

    def snapshot(self) -> EventArray:
        """The whole book as one packet of SNAPSHOT records, times and numbers left 0."""
        levels = [(side, ticks, lots) for side in (1, -1) for ticks, lots in self._levels(side)]
        return snapshot_records(levels)

    def _levels(self, side: int) -> list[tuple[int, int]]:
        return self.book.levels(1) if side > 0 else self.book.levels(-1)


def snapshot_records(levels: list[tuple[int, int, int]]) -> EventArray:
    """(side, ticks, lots) levels as a packet of SNAPSHOT records; none gives an empty book."""
    # An empty book is one record with both marks, side 0 and quantity 0.
    events = np.zeros(max(len(levels), 1), EVENT_DTYPE)
    if levels:
        events["side"], events["price_ticks"], events["qty_lots"] = np.array(levels).T
    events["kind"] = Kind.SNAPSHOT
    events["mono_ns"] = -1
    events["flags"][0] |= np.uint32(Flag.SNAP_BEGIN)
    events["flags"][-1] |= np.uint32(Flag.SNAP_END | Flag.LAST)
    return events
