"""From an importer's packets to whole days: receive times, session phases, quality.

* Where the source has no local times, the receive time of a packet is its exchange time plus the
  constant feed latency, flagged LOCAL_SYNTHETIC. It never decreases within a day.
* A record whose exchange time lies before an earlier one's of its stream is kept and flagged
  TIME_BACKWARDS. Streams may be late against each other.
* The calendar's phases are woven in as SESSION packets of their own at their scheduled times,
  before market data that arrive at the same instant. Without phases on that date, one CONTINUOUS
  record opens the log (unless the source brings its own SESSION first).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

import numpy as np

from dreammaker.data.importers.base import Batch, ImportOptions, ImportStream
from dreammaker.data.quality import QualityMeter, QualityReport
from dreammaker.domain.schema import EVENT_DTYPE, EventArray, Flag, Kind, Phase


@dataclass(frozen=True, slots=True)
class DayPart:
    """Records of a day, in order; ``quality`` comes with the day's last part only.

    A day of which no row was kept has no records at all.
    """

    day: date
    events: EventArray
    quality: QualityReport | None


def assemble(stream: ImportStream, options: ImportOptions) -> Iterator[DayPart]:
    """The finished records of every day of a stream, in bounded memory.

    Raises
    ------
    InputError
        From the importer.
    ConfigError
        If the instrument's calendar does not know a date.
    """
    day: _Day | None = None
    for batch in stream:
        if day is None or batch.day != day.date:
            if day is not None:
                yield day.finish()
            day = _Day(batch.day, stream, options)
        yield day.add(batch)
    if day is not None:
        yield day.finish()


class _Day:
    def __init__(self, day: date, stream: ImportStream, options: ImportOptions) -> None:
        instrument = stream.instrument
        self.date = day
        self._has_local_time = stream.source.has_local_time
        self._latency_ns = options.feed_latency_ms * 1_000_000
        self._meter = QualityMeter(instrument)
        self._latest_exch_ns: dict[int, np.int64] = {}
        self._latest_local_ns = np.iinfo(np.int64).min
        phases = options.calendar.phases(day, instrument)
        if not phases and instrument.calendar != "always":
            self._meter.note(f"{day} is not a session of {instrument.calendar}; the day is taken "
                             "as one continuous phase")
        self._pending = _sessions(phases)
        self._needs_opening = not phases

    def add(self, batch: Batch) -> DayPart:
        events = batch.events
        if len(events):
            self._stamp(events)
            events = self._weave(events)
        self._meter.add_rows(batch.rows_read, batch.rows_kept, batch.dropped, batch.counters)
        for note in batch.notes:
            self._meter.note(note)
        self._meter.update(events)
        return DayPart(self.date, events, None)

    def finish(self) -> DayPart:
        # Rows of noise make no session: a day without market data gets no phases either.
        events = self._local(self._pending if self._meter.report().rows_kept
                             else self._pending[:0])
        self._meter.update(events)
        return DayPart(self.date, events, self._meter.report())

    def _stamp(self, events: EventArray) -> None:
        exch_ns, streams = events["exch_ns"], events["stream_id"]
        for stream in np.unique(streams).tolist():
            own = streams == stream
            before = self._latest_exch_ns.get(stream, np.iinfo(np.int64).min)
            latest = np.maximum.accumulate(np.append(before, exch_ns[own]))
            backwards = exch_ns[own] < latest[:-1]
            events["flags"][own] |= np.where(backwards, np.uint32(Flag.TIME_BACKWARDS),
                                             np.uint32(0))
            self._latest_exch_ns[stream] = latest[-1]
        local_ns = events["local_ns"]
        if not self._has_local_time:
            events["flags"] |= np.uint32(Flag.LOCAL_SYNTHETIC)
            local_ns = local_ns + self._latency_ns
        local_ns = np.maximum.accumulate(local_ns)
        events["local_ns"] = np.maximum(local_ns, self._latest_local_ns)
        self._latest_local_ns = events["local_ns"][-1]

    def _weave(self, events: EventArray) -> EventArray:
        if self._needs_opening:
            self._needs_opening = False
            if events["kind"][0] != Kind.SESSION:
                opening = _sessions([(int(events["exch_ns"][0]), Phase.CONTINUOUS)])
                if self._has_local_time:
                    opening["local_ns"] = events["local_ns"][0]
                    return np.concatenate([opening, events])
                self._pending = opening
        if not len(self._pending):
            return events
        # Only a phase that some record of this batch follows has its place here.
        due = self._pending["exch_ns"] + self._latency_ns <= events["local_ns"][-1]
        sessions, self._pending = self._pending[due], self._pending[~due]
        if not len(sessions):
            return events
        at = np.searchsorted(events["local_ns"], sessions["exch_ns"] + self._latency_ns)
        return np.insert(events, at, self._local(sessions))

    def _local(self, sessions: EventArray) -> EventArray:
        sessions["local_ns"] = sessions["exch_ns"] + self._latency_ns
        return sessions


def _sessions(phases: list[tuple[int, Phase]]) -> EventArray:
    events = np.zeros(len(phases), EVENT_DTYPE)
    for event, (begins_ns, phase) in zip(events, phases, strict=True):
        event["exch_ns"] = begins_ns
        event["aux"] = phase
    events["mono_ns"] = -1
    events["seq"] = -1
    events["kind"] = Kind.SESSION
    events["flags"] = Flag.LAST | Flag.LOCAL_SYNTHETIC
    return events
