"""The tick loop: one thread, one order of items, the same result at any batch size.

Stages of a batch:

1. read: records from the tape, chained into the journal;
2. compute: the director's data and feature agents turn them into rows (events alone decide them);
3. step: for each decision row, first everything due before it, in the order of loop time and, at
   equal times, broker reports, then market phases, then timers; then the decision itself. What an
   item causes is drained before the next item.

The venue is asked before every item for reports due by then; it stops at its first one, so that
what we do about a report reaches the venue in time.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from typing import Protocol

from dreammaker.domain.orders import ExecutionReport
from dreammaker.domain.schema import EventArray, Phase
from dreammaker.engine.clock import NS_PER_S, LoopClock
from dreammaker.engine.market import MarketView, Rows
from dreammaker.engine.ports import Broker, DecisionClock
from dreammaker.engine.tape import Tape
from dreammaker.engine.timers import Timer, Timers
from dreammaker.store.journal import Entry, Journal

_WIND_DOWN_NS = 5 * NS_PER_S


class LoopCommand(IntEnum):
    """What may be asked of the loop from outside, also from another thread."""

    STOP = 1
    KILL = 2


@dataclass(slots=True)
class BatchResult:
    """What the director made of a batch: its rows, and the phase changes in it."""

    rows: Rows
    phases: list[tuple[int, Phase]]


class Director(Protocol):
    """Drives the agents (``agents.coordinator``)."""

    def begin_batch(self, events: EventArray) -> BatchResult:
        """Turn records into rows."""
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
    """

    def __init__(self, tape: Tape, director: Director, broker: Broker, market: MarketView,
                 clock: LoopClock, timers: Timers, decision_clock: DecisionClock,
                 journal: Journal) -> None:
        self.tape, self.director, self.broker = tape, director, broker
        self.market, self.clock, self.timers = market, clock, timers
        self.decision_clock, self.journal = decision_clock, journal
        self.counts = LoopCounts()
        self.commands: deque[LoopCommand] = deque()
        self._phases: deque[tuple[int, Phase]] = deque()
        self._stopping = False

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
        self.director.wind_down()
        self._run_until(self.clock.now_ns + _WIND_DOWN_NS)
        return self.counts

    def _must_stop(self) -> bool:
        return self._stopping or bool(self.director.stopped_by)

    def _batch(self, events: EventArray) -> None:
        counts, clock, market = self.counts, self.clock, self.market
        # The clock moves to a batch's first item only when that item is handled; agents that
        # stamp messages while rows are computed see the time of the item before.
        self.journal.events(events)
        result = self.director.begin_batch(events)
        rows = result.rows
        market.open_batch(events, rows, counts.events)
        self._phases.extend(result.phases)
        counts.batches += 1
        counts.events += len(events)
        counts.rows += rows.count
        local_ns = rows.local_ns
        for index in self.decision_clock.select(local_ns, rows.count):
            due_ns = int(local_ns[index])
            market.reveal(index + 1)
            self._run_until(due_ns)
            if self._must_stop():
                return
            clock.advance(due_ns)
            market.take(index)
            counts.decisions += 1
            self.journal.decision_row(clock.now_ns, market.row_exch_ns, market.event_count,
                                      market.bid_ticks, market.ask_ticks, market.features)
            self.director.on_decision()
        market.reveal(rows.count)
        self._run_until(int(events["local_ns"][-1]))

    def _run_until(self, until_ns: int) -> None:
        """Deliver reports, phases and timers due by a time, in order."""
        while True:
            self._take_commands()
            phase_ns = self._phases[0][0] if self._phases else Timers.NEVER
            limit = min(until_ns, phase_ns, self.timers.next_ns)
            report = self.broker.next_report(limit)
            if report is not None:
                self._report(report)
            elif phase_ns <= min(until_ns, self.timers.next_ns):
                self._phase()
            elif self.timers.next_ns <= until_ns:
                self._timer()
            else:
                self.clock.advance(until_ns)
                self.market.seek(until_ns)
                return

    def _report(self, report: ExecutionReport) -> None:
        now = self.clock.advance(report.local_ns)
        # At equal times reports come before market packets.
        self.market.seek(now - 1)
        self.counts.reports += 1
        self.journal.report(report, now, self.market.event_count)
        self.director.on_report(report)

    def _phase(self) -> None:
        time_ns, phase = self._phases.popleft()
        now = self.clock.advance(time_ns)
        self.market.seek(now)
        self.market.phase = phase
        self.counts.phases += 1
        self.journal.write(Entry.PHASE, now, self.market.event_count, code=phase)
        self.director.on_phase(phase)

    def _timer(self) -> None:
        timer = self.timers.pop()
        now = self.clock.advance(timer.due_ns)
        self.market.seek(now)
        self.counts.timers += 1
        self.journal.write(Entry.TIMER, now, self.market.event_count, order_id=timer.key,
                           x=timer.due_ns)
        self.director.on_timer(timer)

    def _take_commands(self) -> None:
        while self.commands:
            command = self.commands.popleft()
            self.counts.commands += 1
            self.journal.write(Entry.COMMAND, self.clock.now_ns, self.market.event_count,
                               code=command)
            if command is LoopCommand.STOP:
                self._stopping = True
            self.director.on_command(command)
