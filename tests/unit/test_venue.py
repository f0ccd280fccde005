"""The simulated venue: two clocks, latencies, and the same answers at any batch size."""

import numpy as np
import pytest

from dreammaker.domain.errors import InputError
from dreammaker.domain.orders import (
    CancelOrder,
    Liquidity,
    Reason,
    ReplaceOrder,
    SubmitOrder,
    approve_replace,
)
from dreammaker.domain.schema import Kind, Phase
from dreammaker.engine.clock import LoopClock
from tests.unit.venue_world import (
    BOOK,
    DAY,
    IOC,
    LIMIT,
    MARKET,
    MS,
    WIN,
    K,
    Latencies,
    approved,
    drain,
    kinds,
    records,
    venue,
)


def test_an_order_travels_both_ways():
    broker = venue(records(*BOOK, (500 * MS, Kind.GAP, 0, 0, 1)))
    broker.submit(approved(1, 1, 2, order_type=MARKET), 10 * MS)
    assert drain(broker, 90 * MS - 1) == []
    accepted, filled = drain(broker, 90 * MS)
    assert (accepted.kind, accepted.venue_ns, accepted.local_ns) == (K.ACCEPTED, 50 * MS, 90 * MS)
    assert (filled.kind, filled.qty_lots, filled.price_ticks, filled.leaves_lots) == (
        K.FILLED, 2, 101, 0)
    assert filled.fee_micros == 2 * WIN.fee_micros_per_lot
    assert filled.liquidity is Liquidity.TAKER
    assert (filled.fill_id, filled.cum_lots) == (1, 2)


def test_at_equal_time_the_market_comes_before_our_arrival():
    late = records(*BOOK, (50 * MS, Kind.LEVEL_SET, -1, 101, 0), (60 * MS, Kind.GAP, 0, 0, 1))
    broker = venue(late)
    broker.submit(approved(1, 1, 2, 101, tif=IOC), 10 * MS)
    assert kinds(drain(broker, 200 * MS)) == [K.ACCEPTED, K.CANCELED]
    early = venue(late)
    early.submit(approved(1, 1, 2, 101, tif=IOC), 10 * MS - 1)
    assert kinds(drain(early, 200 * MS)) == [K.ACCEPTED, K.FILLED]


def test_we_queue_behind_what_arrives_at_the_same_time():
    broker = venue(records(*BOOK, (50 * MS, Kind.LEVEL_SET, 1, 100, 14),
                           (60 * MS, Kind.TRADE, -1, 100, 14), (61 * MS, Kind.TRADE, -1, 100, 1)))
    broker.submit(approved(1, 1, 1, 100), 10 * MS)
    filled = drain(broker, 500 * MS)[-1]
    assert (filled.kind, filled.venue_ns) == (K.FILLED, 61 * MS)
    assert filled.liquidity is Liquidity.MAKER


def test_the_venue_stops_at_its_first_report():
    """What we do about a report still arrives before what happened after it."""
    broker = venue(records(*BOOK, (100 * MS, Kind.TRADE, -1, 99, 1),
                           (400 * MS, Kind.TRADE, -1, 99, 1)), entry=10, response=10)
    broker.submit(approved(1, 1, 1, 100), 0)
    broker.submit(approved(2, 1, 1, 95), 1)
    assert broker.next_report(10**12).kind is K.ACCEPTED
    assert broker.next_report(10**12).kind is K.ACCEPTED
    first = broker.next_report(10**12)
    assert (first.client_order_id, first.local_ns) == (1, 110 * MS)
    broker.submit(approved(3, 1, 1, 100), first.local_ns)
    assert broker.next_report(10**12).venue_ns == 120 * MS
    assert broker.next_report(10**12).venue_ns == 400 * MS


def test_answers_do_not_overtake_each_other():
    latency = Latencies([0], [50 * MS, 1 * MS, 30 * MS, 0])
    broker = venue(records(*BOOK, (400 * MS, Kind.GAP, 0, 0, 1)), latency=latency)
    for number in range(1, 5):
        broker.submit(approved(number, 1, 1, order_type=MARKET), number * MS)
    reports = drain(broker, 10**9)
    assert [r.client_order_id for r in reports] == [1, 1, 2, 2, 3, 3, 4, 4]
    local = [r.local_ns for r in reports]
    assert local == sorted(local)
    assert all(r.local_ns >= r.venue_ns for r in reports)


def test_a_cancel_does_not_overtake_its_order():
    broker = venue(records(*BOOK, (400 * MS, Kind.GAP, 0, 0, 1)),
                   latency=Latencies([50 * MS, 1 * MS], [0]))
    broker.submit(approved(1, 1, 1, 100), 0)
    broker.cancel(CancelOrder(1, 1), 1)
    assert kinds(drain(broker, 10**9)) == [K.ACCEPTED, K.CANCELED]


@pytest.mark.parametrize(("trade_ms", "expected"), [
    (50, [K.ACCEPTED, K.FILLED, K.CANCEL_REJECTED]),
    (51, [K.ACCEPTED, K.CANCELED])])
def test_cancel_races_a_fill(trade_ms, expected):
    broker = venue(records(*BOOK, (trade_ms * MS, Kind.TRADE, -1, 99, 1)), entry=10, response=1)
    broker.submit(approved(1, 1, 1, 100), 0)
    broker.cancel(CancelOrder(1, 40 * MS), 40 * MS)
    reports = drain(broker, 10**9)
    assert kinds(reports) == expected
    if expected[-1] is K.CANCEL_REJECTED:
        assert reports[-1].reason is Reason.UNKNOWN_ORDER


def test_order_after_the_session_end_is_rejected_and_what_rests_expires():
    broker = venue(records(*BOOK, (100 * MS, Kind.SESSION, 0, 0, 0, Phase.CLOSED)),
                   entry=10, response=0)
    broker.submit(approved(1, 1, 1, 100), 0)
    broker.submit(approved(2, 1, 1, order_type=MARKET), 90 * MS)
    accepted, expired, rejected = drain(broker, 10**9)
    assert (expired.kind, expired.reason, expired.venue_ns) == (
        K.EXPIRED, Reason.SESSION_END, 100 * MS)
    assert (rejected.kind, rejected.reason) == (K.REJECTED, Reason.MARKET_CLOSED)
    assert accepted.leaves_lots == 1


def test_a_full_venue_refuses_to_rest_more_but_lets_a_market_order_out():
    broker = venue(records(*BOOK, (400 * MS, Kind.GAP, 0, 0, 1)), entry=0, response=0)
    for number in range(1, 258):
        broker.submit(approved(number, 1, 1, 90), 1)
    broker.submit(approved(300, -1, 1, order_type=MARKET), 2)
    reports = drain(broker, 10**9)
    assert (reports[256].kind, reports[256].reason) == (K.REJECTED, Reason.TOO_MANY_ORDERS)
    assert kinds(reports[257:]) == [K.ACCEPTED, K.FILLED]


def test_partial_fill_then_cancel_tells_what_was_filled():
    broker = venue(records(*BOOK, (20 * MS, Kind.TRADE, -1, 100, 12)), entry=1, response=0)
    broker.submit(approved(1, 1, 5, 100), 0)
    broker.cancel(CancelOrder(1, 30 * MS), 30 * MS)
    assert [(r.kind, r.leaves_lots, r.cum_lots) for r in drain(broker, 10**9)] == [
        (K.ACCEPTED, 5, 0), (K.FILLED, 3, 2), (K.CANCELED, 0, 2)]


def test_only_approved_orders_are_taken():
    broker = venue(records(*BOOK))
    with pytest.raises(AssertionError):
        broker.submit(SubmitOrder(1, 1, MARKET, DAY, 1, 0, 0), 0)


def test_damaged_market_data_are_an_expected_error():
    broker = venue(records(*BOOK, (1, Kind.LEVEL_SET, 1, 100, -5)))
    with pytest.raises(InputError, match="the venue cannot go on: record 2 is damaged"):
        broker.next_report(10)


def flow(count, seed):
    """A random walk of a book with prints, exchange times that jitter behind local order."""
    rng = np.random.default_rng(seed)
    rows = []
    at = 0
    mid = 1000
    for _ in range(count):
        at += int(rng.integers(0, 3 * MS))
        side = int(rng.choice([1, -1]))
        mid += int(rng.choice([-1, 0, 0, 0, 1]))
        if rng.random() < 0.3:
            rows.append((at, Kind.TRADE, side, mid + side * int(rng.integers(0, 2)),
                         int(rng.integers(1, 30))))
        else:
            rows.append((at, Kind.LEVEL_SET, side, mid - side * int(rng.integers(1, 6)),
                         int(rng.integers(0, 30))))
    events = records(*rows)
    events["exch_ns"] -= rng.integers(0, 2 * MS, count)
    return events


def play(events, batch, seed):
    """Orders and cancels at fixed times, the venue asked in small and large steps."""
    broker = venue(events, batch=batch, latency=Latencies([3 * MS, 1 * MS, 2 * MS], [5 * MS, MS]))
    rng = np.random.default_rng(seed)
    seen, now, number = [], 0, 0
    while now < int(events["local_ns"][-1]):
        now += int(rng.integers(1, 20 * MS))
        seen += drain(broker, now)
        number += 1
        side = int(rng.choice([1, -1]))
        draw = rng.random()
        if draw < 0.3:
            broker.cancel(CancelOrder(max(number - int(rng.integers(1, 9)), 1), now), now)
        else:
            broker.submit(approved(number, side, int(rng.integers(1, 20)),
                                   1000 - side * int(rng.integers(-5, 8)),
                                   order_type=MARKET if draw < 0.4 else LIMIT), now)
    return seen + drain(broker, now + 10**9)


@pytest.mark.parametrize("seed", range(3))
def test_answers_do_not_depend_on_the_batch_size(seed):
    events = flow(3_000, seed)
    whole = play(events, 4096, seed)
    assert {K.ACCEPTED, K.FILLED, K.CANCELED, K.CANCEL_REJECTED} <= set(kinds(whole))
    for batch in (1, 7, 64):
        assert play(events, batch, seed) == whole


def test_memory_of_the_venue_is_bounded():
    events = flow(20_000, 5)
    broker = venue(events, entry=1, response=1, batch=256)
    tape = broker.cursor.tape
    most_chunks = number = now = 0
    while now < int(events["local_ns"][-1]):
        now += 5 * MS
        drain(broker, now)
        while tape._strategy and int(tape._strategy[0]["local_ns"][-1]) <= now:
            tape.next_batch()
        number += 1
        broker.submit(approved(number, 1 if number % 2 else -1, 1, 1000, tif=IOC), now)
        most_chunks = max(most_chunks, len(tape._venue) + len(tape._strategy))
    drain(broker, now + 10**9)
    assert number > 3_000
    assert most_chunks <= 4
    assert (len(broker._arrivals), len(broker._reports)) == (0, 0)


def test_a_change_travels_like_an_order():
    broker = venue(records(*BOOK, (400 * MS, Kind.GAP, 0, 0, 1)), entry=10, response=5)
    broker.submit(approved(1, 1, 5, 100), 0)
    broker.replace(approve_replace(ReplaceOrder(1, 3, 99, 20 * MS), 20 * MS), 20 * MS)
    accepted, replaced = drain(broker, 10**9)
    assert (replaced.kind, replaced.venue_ns, replaced.local_ns) == (K.REPLACED, 30 * MS, 35 * MS)
    assert (replaced.leaves_lots, replaced.price_ticks, accepted.leaves_lots) == (3, 99, 5)
    with pytest.raises(AssertionError):
        broker.replace(ReplaceOrder(1, 3, 99, 0), 0)


def test_a_stop_tells_of_its_trigger_before_its_fill():
    broker = venue(records(*BOOK, (60 * MS, Kind.TRADE, 1, 102, 1)), entry=10, response=5)
    broker.submit(approved(1, 1, 5, 102, order_type=3, trigger_ticks=102), 0)
    assert kinds(drain(broker, 10**9)) == [K.ACCEPTED, K.TRIGGERED, K.FILLED]


class TestBlockingSends:
    """A profile whose sends block: the loop's clock moves to the answer, and nothing is seen."""

    @staticmethod
    def blocking(rows, clock):
        return venue(records(*BOOK, *rows, (900 * MS, Kind.GAP, 0, 0, 1)), entry=10, response=5,
                     clock=clock, profile="mt5_b3")

    def test_the_clock_moves_to_the_answer(self):
        clock = LoopClock(20 * MS)
        broker = self.blocking([], clock)
        broker.submit(approved(1, 1, 2, 100), clock.now_ns)
        assert clock.now_ns == 35 * MS
        assert drain(broker, 35 * MS - 1) == []
        (accepted,) = drain(broker, 35 * MS)
        assert (accepted.kind, accepted.venue_ns, accepted.local_ns) == (
            K.ACCEPTED, 30 * MS, 35 * MS)

    def test_a_second_message_waits_for_the_first_answer(self):
        clock = LoopClock()
        broker = self.blocking([], clock)
        broker.submit(approved(1, 1, 2, 100), 0)
        broker.submit(approved(2, 1, 2, 99), 0)
        broker.cancel(CancelOrder(1, 0), 0)
        assert [(r.venue_ns // MS, r.local_ns // MS) for r in drain(broker, 10**9)] == [
            (10, 45), (25, 45), (40, 45)]

    def test_a_fill_on_its_way_is_seen_at_the_end_of_the_block(self):
        clock = LoopClock()
        broker = self.blocking([(18 * MS, Kind.TRADE, -1, 99, 1)], clock)
        broker.submit(approved(1, 1, 2, 100), 0)
        assert kinds(drain(broker, 15 * MS)) == [K.ACCEPTED]
        # The fill of 18 ms would be here at 23; a send at 20 keeps us until 35.
        clock.advance(20 * MS)
        broker.submit(approved(2, 1, 2, 98), 20 * MS)
        assert drain(broker, 30 * MS) == []
        assert [(r.kind, r.local_ns // MS) for r in drain(broker, 35 * MS)] == [
            (K.FILLED, 35), (K.ACCEPTED, 35)]

    def test_without_a_clock_a_send_does_not_block(self):
        broker = self.blocking([], None)
        broker.submit(approved(1, 1, 2, 100), 0)
        broker.submit(approved(2, 1, 2, 99), 0)
        assert [r.local_ns // MS for r in drain(broker, 10**9)] == [15, 15]
