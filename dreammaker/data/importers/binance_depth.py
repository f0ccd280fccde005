"""The depth of a raw Binance feed kept in step: snapshots, differences, gaps.

A difference covers the updates (pu, u]. The book is *in step* once a snapshot of update L has been
joined by the difference with pu <= L <= u, and as long as each further difference's pu is the
last one's u. The rules:

* out of step, differences are held. A snapshot takes those with u < L out; if the first that is
  left begins behind L (pu > L), the snapshot is too old and the book stays out of step. Otherwise
  the snapshot is the book and what is left follows it, all of it received with the snapshot;
* in step, a difference with u <= the last u is a repetition and is left out; one whose pu is not
  the last u tells of a gap: GAP (its length in ms, by the exchange's times), then CLEAR, and the
  book is out of step until the next snapshot. An old book is not traded on;
* in step, a snapshot is not needed: it shows fewer levels than the book has.
"""

from collections import deque
from dataclasses import dataclass, field
from typing import Any

from dreammaker.domain.schema import Kind

MAX_HELD_LEVELS = 1_000_000
"""Levels of differences that may wait for a snapshot; beyond it the oldest are forgotten."""


@dataclass(slots=True)
class Packet:
    """What one message becomes: records of one kind, in order of ``sides``.

    Parameters
    ----------
    kind : int
    exch_ms, local_ns : int
    sequence : int
    stream : int
    line : int
        Of the file, from 1.
    sides : list of int
    prices, sizes : list of str
        As the source writes them; '' where a record has none.
    flags : int
    gap_ms : int
        Of a GAP.
    """

    kind: int
    exch_ms: int
    local_ns: int
    sequence: int
    stream: int
    line: int
    sides: list[int]
    prices: list[Any]
    sizes: list[Any]
    flags: int = 0
    gap_ms: int = 0


@dataclass(slots=True)
class Difference:
    """A depth difference and the updates (before, last] that it covers."""

    before: int
    last: int
    packet: Packet


@dataclass(slots=True)
class DepthSync:
    """Keeps one book in step; each call says which packets follow.

    Examples
    --------
    >>> def packet(kind, sequence):
    ...     return Packet(kind, sequence, sequence, sequence, 0, 1, [1], ["1"], ["1"])
    >>> sync = DepthSync()
    >>> sync.difference(Difference(6, 9, packet(Kind.LEVEL_SET, 9)))
    []
    >>> [found.sequence for found in sync.snapshot(8, packet(Kind.SNAPSHOT, 8))]
    [8, 9]
    >>> [Kind(found.kind).name for found in
    ...  sync.difference(Difference(11, 13, packet(Kind.LEVEL_SET, 13)))]
    ['GAP', 'CLEAR']
    """

    in_step: bool = False
    last: int = -1
    counters: dict[str, int] = field(default_factory=lambda: {
        "depth_gaps": 0, "snapshots_used": 0})
    dropped: dict[str, int] = field(default_factory=dict)
    _held: deque[Difference] = field(default_factory=deque)
    _held_levels: int = 0
    _last_exch_ms: int = 0
    _joined: bool = False

    def difference(self, found: Difference) -> list[Packet]:
        """Take a difference."""
        if self.in_step:
            if found.last <= self.last:
                self._drop("repeated depth")
                return []
            if self._follows(found):
                return [self._passed(found)]
        broken = self._broken(found.packet) if self.in_step else []
        if self._held and found.before != self._held[-1].last:
            # What was held before the hole can follow no snapshot to here.
            self.forget_held()
        self._held.append(found)
        self._held_levels += len(found.packet.sides)
        while self._held_levels > MAX_HELD_LEVELS and len(self._held) > 1:
            self._forget("depth without a snapshot")
        return broken

    def snapshot(self, update: int, packet: Packet) -> list[Packet]:
        """Take a snapshot of update ``update``."""
        if self.in_step:
            self._drop("snapshots not needed")
            return []
        while self._held and self._held[0].last < update:
            self._forget("depth before its snapshot")
        if self._held and self._held[0].before > update:
            self._drop("snapshots too old")
            return []
        self.counters["snapshots_used"] += 1
        self.in_step, self.last, self._last_exch_ms = True, update, packet.exch_ms
        packets = [packet]
        while self._held:
            found = self._held.popleft()
            found.packet.local_ns = packet.local_ns
            packets.append(self._passed(found))
        self._held_levels = 0
        self._joined = len(packets) > 1
        return packets

    def _follows(self, found: Difference) -> bool:
        if self._joined:
            return found.before == self.last
        # The first one after a snapshot begins anywhere before it.
        return found.before <= self.last

    def _passed(self, found: Difference) -> Packet:
        self.last, self._joined = found.last, True
        self._last_exch_ms = found.packet.exch_ms
        return found.packet

    def _broken(self, at: Packet) -> list[Packet]:
        self.counters["depth_gaps"] += 1
        self.in_step = False
        length = max(0, at.exch_ms - self._last_exch_ms)
        return [Packet(kind, at.exch_ms, at.local_ns, at.sequence, at.stream, at.line, [0], [""],
                       [""], gap_ms=length if kind == Kind.GAP else 0)
                for kind in (Kind.GAP, Kind.CLEAR)]

    def forget_held(self) -> None:
        """Give up what waits for a snapshot: none can come."""
        while self._held:
            self._forget("depth without a snapshot")

    def _forget(self, why: str) -> None:
        self._held_levels -= len(self._held.popleft().packet.sides)
        self._drop(why)

    def _drop(self, why: str) -> None:
        self.dropped[why] = self.dropped.get(why, 0) + 1
