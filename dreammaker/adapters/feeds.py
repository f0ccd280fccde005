"""Feeds over an event log, over a session's own records, and over the simulated market."""

from pathlib import Path

import numpy as np

from dreammaker.domain.instrument import Instrument
from dreammaker.domain.schema import EVENT_DTYPE, EventArray
from dreammaker.domain.source import SourceProfile
from dreammaker.simulation import SimulatedMarket
from dreammaker.store.eventlog import EventLog
from dreammaker.store.segments import SegmentReader


class LogFeed:
    """An imported or recorded day, read in slices that share the log's memory.

    Parameters
    ----------
    log : EventLog
    """

    def __init__(self, log: EventLog) -> None:
        self.log = log
        self.instrument, self.source = log.instrument, log.source
        self._position = 0

    @property
    def total_events(self) -> int:
        """Records of the day."""
        return len(self.log.events)

    def read(self, max_events: int) -> EventArray:
        """Next records; empty at the end."""
        start = self._position
        part = self.log.events[start:start + max_events]
        self._position = start + len(part)
        return part


class SimulatedFeed:
    """The generated market as a feed.

    Parameters
    ----------
    market : SimulatedMarket
    """

    total_events = None

    def __init__(self, market: SimulatedMarket) -> None:
        self.market = market
        self.instrument, self.source = market.instrument, market.source

    def read(self, max_events: int) -> EventArray:
        """Next whole packets; empty at the end of the session."""
        return self.market.next_events(max_events)


class SegmentFeed:
    """The records a session kept, streamed from its folder.

    Parameters
    ----------
    path : Path
        ``events.arrow`` of the session.
    instrument : Instrument
    source : SourceProfile
    """

    total_events = None

    def __init__(self, path: Path, instrument: Instrument, source: SourceProfile) -> None:
        self.instrument, self.source = instrument, source
        self._reader = SegmentReader(path, EVENT_DTYPE)
        self._part: EventArray | None = None

    def read(self, max_events: int) -> EventArray:
        """Next records; empty at the end."""
        part = self._part
        while part is None or not len(part):
            part = self._reader.read()
            if part is None:
                return np.zeros(0, EVENT_DTYPE)
        self._part = part[max_events:]
        return part[:max_events]
