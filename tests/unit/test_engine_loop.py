"""The loop's order of items, its tape, its market view, timers and decision clock."""

import itertools
import threading
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dreammaker.domain.instrument import Instrument
from dreammaker.domain.orders import ExecutionReport, ReportKind
from dreammaker.domain.schema import EVENT_DTYPE, EventArray, Kind, Phase
from dreammaker.domain.source import SourceProfile
from dreammaker.engine.clock import LoopClock, iso_utc
from dreammaker.engine.decisions import TimeDecisionClock
from dreammaker.engine.loop import BatchResult, LoopCommand, PhaseChange, TickLoop
from dreammaker.engine.market import MarketView
from dreammaker.engine.tape import Tape
from dreammaker.engine.timers import Timer, Timers
from dreammaker.features.pipeline import FeatureRows
from dreammaker.store.journal import Journal
from tests.end_to_end.sessions import ArrayFeed
from tests.unit.agent_world import ScriptedBroker

WIN = Instrument.win()


def records(local: list[int], exch: list[int] | None = None, sessions: tuple[int, ...] = ()
            ) -> EventArray:
    events = np.zeros(len(local), EVENT_DTYPE)
    events["local_ns"] = local
    events["exch_ns"] = local if exch is None else exch
    events["kind"], events["seq"] = Kind.TRADE, np.arange(len(local))
    for index in sessions:
        events["kind"][index], events["aux"][index] = Kind.SESSION, Phase.AUCTION
    return events


class Rows:
    """One row a record."""

    def __init__(self, events: EventArray) -> None:
        count = self.count = len(events)
        self.values = np.zeros((count, 27))
        self.exch_ns, self.local_ns = events["exch_ns"].copy(), events["local_ns"].copy()
        self.event_index = np.arange(count)
        for name in ("bid_ticks", "ask_ticks", "bid_qty", "ask_qty", "last_trade_ticks",
                     "trade_flow_10s", "session_volume"):
            setattr(self, name, events["seq"].astype(np.int64))
        self.book_ok = np.ones(count, np.uint8)


class Diary:
    """A director that writes down what it is given, and at which row."""

    def __init__(self) -> None:
        self.entries: list[tuple[object, ...]] = []
        self.stopped_by = ""
        self.on_item: Callable[[str], None] = lambda name: None
        self.loop: TickLoop

    def note(self, name: str) -> None:
        self.entries.append((name, self.loop.clock.now_ns, self.loop.market.event_count))
        self.on_item(name)

    def begin_batch(self, events: EventArray) -> BatchResult:
        phases = [PhaseChange(int(events["local_ns"][i]), i, Phase.AUCTION)
                  for i in np.flatnonzero(events["kind"] == Kind.SESSION).tolist()]
        return BatchResult(Rows(events), phases)  # type: ignore[arg-type]

    def on_start(self) -> None:
        pass

    def end_batch(self) -> None:
        pass

    def on_report(self, report: ExecutionReport) -> None:
        self.note("report")

    def on_phase(self, phase: Phase) -> None:
        self.note("phase")

    def on_timer(self, timer: Timer) -> None:
        self.note(f"timer {timer.name}")

    def on_command(self, command: LoopCommand) -> None:
        self.note(command.name)

    def on_decision(self) -> None:
        self.note("decision")

    def wind_down(self) -> None:
        self.note("wind down")


def loop_over(events: EventArray, batch: int, *, timers: tuple[int, ...] = (),
              reports: tuple[int, ...] = (), interval: int = 10) -> tuple[TickLoop, Diary]:
    diary, broker, clock, times = Diary(), ScriptedBroker(), LoopClock(), Timers()
    for due in timers:
        times.set(Timer(due, "x", str(due)))
    for due in reports:
        broker.reports.append(ExecutionReport(ReportKind.ACCEPTED, 1, due, due))
    feed = ArrayFeed(events, WIN, SourceProfile("test", 0, has_aggressor=True))
    diary.loop = TickLoop(Tape(feed, batch), diary, broker, MarketView(WIN, 27), clock, times,
                          TimeDecisionClock(interval), Journal())
    return diary.loop, diary


@pytest.mark.parametrize("batch", [1, 2, 3, 100])
def test_loop_when_all_fall_on_one_time_then_report_timer_records_in_order(batch: int) -> None:
    # Row 1 at 5; four packets at 20, the second of them a phase.
    loop, diary = loop_over(records([5, 20, 20, 20, 20, 31], sessions=(2,)), batch,
                            timers=(20,), reports=(20,))
    loop.run()
    assert diary.entries == [
        ("decision", 5, 1),
        ("report", 20, 1), ("timer 20", 20, 1), ("decision", 20, 2), ("phase", 20, 2),
        ("decision", 31, 6), ("wind down", 31, 6)]


@given(gaps=st.lists(st.integers(0, 6), min_size=1, max_size=40),
       timers=st.lists(st.integers(0, 120), max_size=6),
       reports=st.lists(st.integers(0, 120), max_size=6),
       sessions=st.lists(st.integers(0, 39), max_size=5), batch=st.integers(1, 9))
def test_loop_when_cut_into_batches_anyhow_then_the_same_items(
        gaps: list[int], timers: list[int], reports: list[int], sessions: list[int],
        batch: int) -> None:
    local = np.cumsum(gaps).tolist()
    events = records(local, sessions=tuple(s for s in sessions if s < len(local)))
    diaries = []
    for size in (batch, 1000):
        loop, diary = loop_over(events, size, timers=tuple(timers),
                                reports=tuple(sorted(reports)), interval=7)
        loop.run()
        diaries.append((diary.entries, loop.journal.digests({})))
    assert diaries[0] == diaries[1]


def test_loop_when_stopped_in_a_decision_then_nothing_more_is_decided() -> None:
    loop, diary = loop_over(records(list(range(0, 100, 10))), 100)
    diary.on_item = lambda name: (loop.commands.append(LoopCommand.STOP)
                                  if name == "decision" and loop.counts.decisions == 3 else None)
    loop.run()
    assert [name for name, *_ in diary.entries] == ["decision"] * 3 + ["STOP", "wind down"]
    assert diary.entries[-1] == ("wind down", 20, 3)
    # What was read belongs to the session.
    assert loop.journal.event_count == 10


def test_loop_when_director_must_stop_then_at_once() -> None:
    loop, diary = loop_over(records(list(range(0, 100, 10))), 100, timers=(15, 16))

    def fail(name: str) -> None:
        if name == "timer 15":
            diary.stopped_by = "broken"

    diary.on_item = fail
    loop.run()
    assert [name for name, *_ in diary.entries] == [
        "decision", "decision", "timer 15", "wind down", "timer 16"]


def test_commands_when_given_from_another_thread_then_taken_between_items() -> None:
    loop, diary = loop_over(records(list(range(0, 20_000, 10))), 7)
    given_by = threading.Thread(target=lambda: [loop.commands.append(LoopCommand.KILL)
                                                for _ in range(50)])
    diary.on_item = lambda name: (given_by.start()
                                  if name == "decision" and loop.counts.decisions == 10 else
                                  given_by.join() if loop.counts.decisions == 50 else None)
    counts = loop.run()
    assert counts.commands == 50 and counts.decisions == 2000
    assert [name for name, *_ in diary.entries].count("KILL") == 50


# Tape.

def test_tape_when_venue_runs_ahead_then_strategy_loses_nothing_and_chunks_are_freed() -> None:
    events = records(list(range(100)), [max(0, t - 20) for t in range(100)])
    tape = Tape(ArrayFeed(events, WIN, SourceProfile("t", 0, has_aggressor=True)), 10)
    seen = []
    chunk = tape.venue.chunk(35)
    while chunk is not None:
        _, times = chunk
        upto = int(np.searchsorted(times, 35, side="right"))
        tape.venue.index = upto
        assert (times[:upto] <= 35).all()
        chunk = tape.venue.chunk(35)
    # Records 0 to 55 happened by 35; reading stopped in the chunk that holds the next one.
    assert len(tape._strategy) == 6 and len(tape._venue) == 1
    while (batch := tape.next_batch()) is not None:
        seen.append(batch["local_ns"].copy())
        tape.venue.index = len(batch)
        tape.venue.chunk(-1)
        assert len(tape._venue) <= 1 or len(tape._strategy) >= len(tape._venue) - 1
    assert np.concatenate(seen).tolist() == list(range(100))
    assert list(tape.rest(read_on=True)) == []


def test_tape_when_it_may_not_look_ahead_then_venue_sees_what_was_read() -> None:
    tape = Tape(ArrayFeed(records([1, 2, 3]), WIN, SourceProfile("t", 0, has_aggressor=True)), 2,
                read_ahead=False)
    assert tape.venue.chunk(100) is None
    assert tape.next_batch() is not None and tape.venue.chunk(100) is not None
    with pytest.raises(ValueError, match="batch_events must be 1 or more, was 0"):
        Tape(tape.feed, 0)


@pytest.mark.parametrize("read_on", [False, True])
def test_tape_when_stopped_then_rest_is_what_was_read_or_all(read_on: bool) -> None:
    tape = Tape(ArrayFeed(records(list(range(50))), WIN,
                          SourceProfile("t", 0, has_aggressor=True)), 10)
    tape.next_batch()
    tape.venue.index = 10
    tape.venue.chunk(12)
    rest = np.concatenate([part["local_ns"] for part in tape.rest(read_on=read_on)])
    assert rest.tolist() == list(range(10, 50 if read_on else 20))


# Timers, clocks, market view.

@given(st.lists(st.tuples(st.integers(0, 9), st.integers()), max_size=30))
def test_timers_when_taken_then_by_time_and_then_by_setting(
        due: list[tuple[int, int]]) -> None:
    timers = Timers()
    for number, (time_ns, _) in enumerate(due):
        timers.set(Timer(time_ns, "a", str(number), number))
    taken = [timers.pop() for _ in due]
    assert [t.key for t in taken] == sorted(range(len(due)), key=lambda n: (due[n][0], n))
    assert timers.next_ns == Timers.NEVER


@given(times=st.lists(st.integers(0, 400), max_size=60).map(sorted),
       interval=st.integers(1, 50), cuts=st.lists(st.integers(0, 60), max_size=6))
def test_decision_clock_when_rows_are_cut_anyhow_then_the_same_rows(
        times: list[int], interval: int, cuts: list[int]) -> None:
    rows = np.array(times, np.int64)
    whole = TimeDecisionClock(interval).select(rows, len(rows))
    clock, found = TimeDecisionClock(interval), []
    edges = sorted({0, len(rows), *(min(cut, len(rows)) for cut in cuts)})
    for start, end in itertools.pairwise(edges):
        found += [start + index for index in clock.select(rows[start:end].copy(), end - start)]
    assert found == whole
    firsts = {t // interval: index for index, t in reversed(list(enumerate(times)))}
    assert whole == sorted(firsts.values())


def test_clock_when_an_item_is_late_then_time_stands() -> None:
    clock = LoopClock(5)
    assert [clock.advance(t) for t in (7, 6, 8)] == [7, 7, 8]
    assert iso_utc(1_772_456_400_123_456_789, digits=0) == "2026-03-02T13:00:00Z"


def view(local: list[int], before: int = 0) -> MarketView:
    market, events = MarketView(WIN, 27), records(local)
    market.open_batch(events, Rows(events), before)  # type: ignore[arg-type]
    return market


def test_view_when_rows_are_not_revealed_then_not_seen() -> None:
    market = view([10, 20, 20, 30], before=100)
    market.seek(25)
    assert market.event_count == 0
    market.reveal(2)
    market.seek(25)
    assert (market.event_count, market.row_time_ns) == (102, 20)
    market.reveal(4)
    market.seek(5)
    assert market.event_count == 102
    market.seek_record(103)
    assert market.event_count == 103
    market.take(3)
    assert (market.event_count, market.bid_ticks) == (104, 3)
    with pytest.raises(AssertionError, match="rows are taken in order"):
        market.take(1)


def test_view_when_the_book_is_lost_then_open_lots_are_worth_the_last_sound_mid() -> None:
    market, events = MarketView(WIN, 27), records([10, 20, 30])
    rows = Rows(events)
    rows.book_ok[2] = 0
    market.open_batch(events, rows, 0)  # type: ignore[arg-type]
    market.reveal(3)
    market.take(1)
    assert market.sound_mid_half_ticks == market.mid_half_ticks == 2
    market.take(2)
    assert (market.mid_half_ticks, market.sound_mid_half_ticks) == (4, 2)


def test_view_when_asked_for_data_age_then_by_what_had_arrived_across_batches() -> None:
    market = view([10, 20, 30])
    assert [market.data_age_ns(now) for now in (10, 19, 20, 45)] == [0, 9, 0, 15]
    events = records([50])
    market.open_batch(events, FeatureRows(1), 3)
    assert [market.data_age_ns(now) for now in (49, 50, 60)] == [19, 0, 10]
