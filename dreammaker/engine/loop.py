"""The tick loop: one thread, one order of items, the same result at any batch size.

Stages of a batch:

1. read: records from the tape, chained into the journal;
2. compute: the director's data and feature agents turn them into rows (events alone decide them);
3. step: for each decision row, first everything due by then, in the order of loop time; then the
   decision itself. At equal times broker reports come first, then timers, then the market's
   records in their own order: phases, rows and the decisions on them. What an item causes is
   drained before the next item.

Reports and timers come before records of the same time because whether another record of that
time is still to come is not known before the next batch: any other rule would let the size of a
batch decide what a timer sees.

The venue is asked before every item for reports due by then; it stops at its first one, so that
what we do about a report reaches the venue in time.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from typing import Protocol

from dreammaker.domain.codes import plain_members
from dreammaker.domain.orders import ExecutionReport
from dreammaker.domain.schema import EventArray, Phase
from dreammaker.engine.clock import NS_PER_S, LoopClock
from dreammaker.engine.market import MarketView, Rows
from dreammaker.engine.ports import Broker, DecisionClock
from dreammaker.engine.tape import Tape
from dreammaker.engine.timers import Timer, Timers
from dreammaker.store.journal import Entry, Journal

_WIND_DOWN_NS = 5 * NS_PER_S


@plain_members
class LoopCommand(IntEnum):
    """What may be asked of the loop from outside, also from another thread."""

    STOP = 1
    KILL = 2          # cancel, flatten, verify, be silent: for good
    HALT = 3          # cancel, flatten; exits only
    REDUCE_ONLY = 4   # no new risk
    REARM = 5         # trade again, where the risk state may be left


@dataclass(frozen=True, slots=True)
class PastCommand:
    """A command as a session's journal holds it; it is given again at exactly that place.

    Parameters
    ----------
    item : int
        Number of its journal record.
    decision_count : int
        Decisions made before it.
    time_ns : int
        Loop time.
    event_count : int
        Market records up to the row in force.
    command : LoopCommand
    """

    item: int
    decision_count: int
    time_ns: int
    event_count: int
    command: LoopCommand


@dataclass(frozen=True, slots=True)
class PhaseChange:
    """A SESSION record of a batch.

    Parameters
    ----------
    local_ns : int
        When it reached us.
    index : int
        Of the record: in its batch from an agent, in the session within the loop.
    phase : Phase
    """

    local_ns: int
    index: int
    phase: Phase


@dataclass(slots=True)
class BatchResult:
    """What the director made of a batch: its rows, and the phase changes in it."""

    rows: Rows
    phases: list[PhaseChange]


class Director(Protocol):
    """Drives the agents (``agents.coordinator``)."""

    def on_start(self) -> None:
        """The first records have come: loop time has begun."""
        ...

    def begin_batch(self, events: EventArray) -> BatchResult:
        """Turn records into rows."""
        ...

    def end_batch(self) -> None:
        """All rows of the batch were handled: act on what went wrong behind the last of them."""
        ...

    def on_report(self, report: ExecutionReport) -> None:
        """Take a broker's report."""
        ...

    def on_phase(self, phase: Phase) -> None:
        """Take a change of the session's phase."""
        ...

    def on_timer(self, timer: Timer) -> None:
        """Take a timer that is due."""
        ...

    def on_command(self, command: LoopCommand) -> None:
        """Take a command from outside."""
        ...

    def on_decision(self) -> None:
        """Decide on the present row."""
        ...

    def wind_down(self) -> None:
        """The feed has ended or a stop was asked for: cancel what works."""
        ...

    @property
    def stopped_by(self) -> str:
        """Why the loop must end now; empty = go on."""
        ...


@dataclass(slots=True)
class LoopCounts:
    """What the loop has handled."""

    batches: int = 0
    events: int = 0
    rows: int = 0
    decisions: int = 0
    reports: int = 0
    timers: int = 0
    phases: int = 0
    commands: int = 0


class TickLoop:
    """Sequences feed, agents, venue and timers.

    Parameters
    ----------
    tape : Tape
    director : Director
    broker : Broker
    market : MarketView
    clock : LoopClock
    timers : Timers
    decision_clock : DecisionClock
    journal : Journal
    past_commands : list of PastCommand, optional
        Of the session that is run again. Records its tape had read when it was stopped are then
        read to the end of the feed, as they belong to the session.
    """

    def __init__(self, tape: Tape, director: Director, broker: Broker, market: MarketView,
                 clock: LoopClock, timers: Timers, decision_clock: DecisionClock,
                 journal: Journal, past_commands: list[PastCommand] | None = None) -> None:
        self.tape, self.director, self.broker = tape, director, broker
        self.market, self.clock, self.timers = market, clock, timers
        self.decision_clock, self.journal = decision_clock, journal
        self.counts = LoopCounts()
        self.commands: deque[LoopCommand] = deque()
        self._again = past_commands is not None
        self._past = deque(past_commands or ())
        self._phases: deque[PhaseChange] = deque()
        self._stopping = self._winding_down = False

    def run(self, progress: Callable[[LoopCounts, int], None] | None = None) -> LoopCounts:
        """Run until the feed ends, a stop is asked for, or the director must stop.

        Parameters
        ----------
        progress : callable, optional
            Called after each batch with the counts and the loop time.
        """
        while not self._must_stop():
            events = self.tape.next_batch()
            if events is None:
                break
            self._batch(events)
            if progress is not None:
                progress(self.counts, self.clock.now_ns)
        self._winding_down = True
        self.director.wind_down()
        # Records behind the end are not shown to the strategy, but the venue runs on.
        self._phases.clear()
        self._run_until(self.clock.now_ns + _WIND_DOWN_NS, see_rows=False)
        for events in self.tape.rest(read_on=self._again):
            self.journal.events(events)
        return self.counts

    def _must_stop(self) -> bool:
        return not self._winding_down and (self._stopping or bool(self.director.stopped_by))

    def _batch(self, events: EventArray) -> None:
        counts, clock, market = self.counts, self.clock, self.market
        # The clock moves to a batch's first item only when that item is handled; agents that
        # stamp messages while rows are computed see the time of the item before.
        self.journal.events(events)
        if not counts.batches:
            clock.advance(int(events["local_ns"][0]))
            self.director.on_start()
        result = self.director.begin_batch(events)
        rows = result.rows
        before = counts.events
        market.open_batch(events, rows, before)
        if result.phases:
            self._phases.extend(PhaseChange(change.local_ns, before + change.index, change.phase)
                                for change in result.phases)
        counts.batches += 1
        counts.events += len(events)
        counts.rows += rows.count
        local_ns = rows.local_ns
        for index in self.decision_clock.choose(events, rows):
            due_ns = int(local_ns[index])
            market.reveal(index + 1)
            self._run_until(due_ns, before + int(rows.event_index[index]))
            if self._must_stop():
                return
            clock.advance(due_ns)
            market.take(index)
            counts.decisions += 1
            self.journal.decision_row(clock.now_ns, market.row_exch_ns, market.event_count,
                                      market.bid_ticks, market.ask_ticks, market.features)
            self.director.on_decision()
            if self._must_stop():
                return
        market.reveal(rows.count)
        self._run_until(int(events["local_ns"][-1]))
        if not self._must_stop():
            self.director.end_batch()

    def _run_until(self, until_ns: int, record: int = Timers.NEVER, *,
                   see_rows: bool = True) -> None:
        """Deliver reports, timers and phases due by a time, in order; stop at once if we must.

        Parameters
        ----------
        record : int
            Number of the record in the session at which the item stands for whose sake this is
            called; a phase of the same time comes first only if its record does.
        """
        while True:
            self._take_commands(until_ns)
            if self._must_stop():
                return
            phase_ns = Timers.NEVER
            if self._phases and self._phases[0].index < record:
                phase_ns = self._phases[0].local_ns
            timer_ns = self.timers.next_ns
            report = self.broker.next_report(min(until_ns, phase_ns, timer_ns))
            if report is not None:
                self._report(report)
            elif timer_ns <= until_ns and timer_ns <= phase_ns:
                self._timer()
            elif phase_ns <= until_ns:
                self._phase()
            else:
                self.clock.advance(until_ns)
                if see_rows:
                    self.market.seek(until_ns)
                return

    def _report(self, report: ExecutionReport) -> None:
        now = self.clock.advance(report.local_ns)
        self._see_before(report.local_ns)
        self.counts.reports += 1
        self.journal.report(report, now, self.market.event_count)
        self.director.on_report(report)

    def _see_before(self, due_ns: int) -> None:
        """At equal times reports and timers come before market records.

        An item that a blocking send made late is handled at the present time, but sees the rows
        of its own: how many later ones a batch holds must not matter.
        """
        if not self._winding_down:
            self.market.seek(due_ns - 1)

    def _phase(self) -> None:
        change = self._phases.popleft()
        now = self.clock.advance(change.local_ns)
        self.market.seek_record(change.index)
        self.market.phase = change.phase
        self.counts.phases += 1
        self.journal.write(Entry.PHASE, now, self.market.event_count, code=change.phase)
        self.director.on_phase(change.phase)

    def _timer(self) -> None:
        timer = self.timers.pop()
        now = self.clock.advance(timer.due_ns)
        self._see_before(timer.due_ns)
        self.counts.timers += 1
        self.journal.write(Entry.TIMER, now, self.market.event_count, order_id=timer.key,
                           x=timer.due_ns)
        self.director.on_timer(timer)

    def _take_commands(self, until_ns: int) -> None:
        while self._past and self._is_due(self._past[0], until_ns):
            past = self._past.popleft()
            self.clock.advance(past.time_ns)
            self.market.seek_record(past.event_count)
            self._command(past.command)
        while self.commands:
            self._command(self.commands.popleft())

    def _is_due(self, past: PastCommand, until_ns: int) -> bool:
        return (past.time_ns <= until_ns and past.item == self.journal.item_count
                and past.decision_count == self.journal.decisions.count)

    def _command(self, command: LoopCommand) -> None:
        self.counts.commands += 1
        self.journal.write(Entry.COMMAND, self.clock.now_ns, self.market.event_count,
                           code=command, x=self.journal.decisions.count)
        if command is LoopCommand.STOP:
            self._stopping = True
        self.director.on_command(command)
