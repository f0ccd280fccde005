"""Ledger and position: hand-worked cases."""

import math

import pytest

from dreammaker.domain.instrument import Instrument
from dreammaker.domain.orders import (
    ExecutionReport,
    OrderState,
    OrderType,
    ReportKind,
    SubmitOrder,
    TimeInForce,
)
from dreammaker.ledger import Ledger, Position

K, S = ReportKind, OrderState
TICK = 1_000_000


def order(number, side=1, qty=2, price=26_000):
    return SubmitOrder(number, side, OrderType.LIMIT, TimeInForce.DAY, qty, price, 0)


def report(kind, number=1, *, fill=0, qty=0, price=26_000, cum=-1, fee=0):
    return ExecutionReport(kind, number, 0, 0, fill_id=fill, qty_lots=qty, price_ticks=price,
                           fee_micros=fee, cum_lots=cum)


def fill(number, fill_id, qty, price=26_000, *, cum=-1):
    return report(K.FILLED, number, fill=fill_id, qty=qty, price=price, cum=cum, fee=qty * 256_100)


@pytest.fixture
def ledger():
    made = Ledger(Instrument.win())
    made.submitted(order(made.next_order_id()))
    return made


# Position.


def test_round_trip_realises_ticks_and_fees():
    position = Position(TICK)
    position.fill(1, 2, 26_000, 512_200)
    position.fill(-1, 2, 26_003, 512_200)
    assert (position.lots, position.cost_micros) == (0, 0)
    assert position.realised_micros == 2 * 3 * TICK
    assert position.net_micros(1) == 6 * TICK - 1_024_400
    assert math.isnan(position.average_price_ticks)


def test_reversal_closes_then_opens_with_the_rest():
    position = Position(TICK)
    position.fill(-1, 1, 26_010, 0)
    position.fill(1, 3, 26_000, 0)
    assert (position.lots, position.realised_micros) == (2, 10 * TICK)
    assert position.average_price_ticks == 26_000
    assert position.open_micros(2 * 26_001) == 2 * TICK


def test_open_result_of_half_a_tick_is_rounded_down():
    position = Position(3)
    position.fill(1, 1, 10, 0)
    assert position.open_micros(21) == 1
    assert Position(3, lots=-1, cost_micros=-30).open_micros(21) == -2


@pytest.mark.parametrize(("side", "qty"), [(0, 1), (1, 0), (1, -1)])
def test_impossible_fill_is_a_programmers_mistake(side, qty):
    with pytest.raises(AssertionError):
        Position(TICK).fill(side, qty, 1, 0)


# Ledger.


def test_order_lives_and_ends(ledger):
    assert ledger.working_lots(1) == 2
    ledger.apply(report(K.ACCEPTED))
    ledger.apply(fill(1, 1, 1))
    assert (ledger.working_lots(1), ledger.worst_position(1)) == (1, 2)
    ledger.apply(fill(1, 2, 1))
    assert ledger.working == {}
    assert ledger.find(1).state is S.FILLED
    assert (ledger.position.lots, ledger.fill_count, ledger.order_count) == (2, 2, 1)


def test_repeated_fill_is_booked_once(ledger):
    ledger.apply(fill(1, 1, 1))
    assert ledger.apply(fill(1, 1, 1)) is None
    assert (ledger.position.lots, ledger.duplicate_count) == (1, 1)
    assert not ledger.doubtful


def test_repeated_and_late_answers_change_nothing(ledger):
    for item in (fill(1, 1, 1), report(K.ACCEPTED), fill(1, 2, 1), report(K.ACCEPTED),
                 report(K.CANCEL_REJECTED), report(K.ACCEPTED)):
        ledger.apply(item)
    assert ledger.find(1).state is S.FILLED
    assert not ledger.working
    assert not ledger.doubtful


def test_fill_after_cancel_is_booked(ledger):
    ledger.cancel_requested(1, 5)
    assert ledger.find(1).state is S.PENDING_CANCEL
    ledger.apply(report(K.CANCELED))
    assert ledger.working == {}
    ledger.apply(fill(1, 1, 1))
    assert ledger.position.lots == 1
    assert ledger.find(1).state is S.CANCELED
    assert ledger.working == {}


def test_cancel_that_overtook_a_fill_keeps_the_room_for_it(ledger):
    ledger.apply(report(K.CANCELED, cum=1))
    assert ledger.find(1).state is S.CANCELED
    assert (ledger.working_lots(1), ledger.worst_position(1)) == (1, 1)
    ledger.apply(fill(1, 1, 1, cum=1))
    assert ledger.working == {}
    assert ledger.position.lots == 1


def test_refused_cancel_leaves_the_order_working(ledger):
    ledger.apply(report(K.ACCEPTED))
    ledger.cancel_requested(1, 5)
    assert ledger.find(1).cancel_ns == 5
    ledger.apply(report(K.CANCEL_REJECTED))
    assert ledger.find(1).state is S.ACCEPTED
    assert ledger.working_lots(1) == 2


def test_stray_report_makes_the_ledger_doubtful(ledger):
    assert ledger.apply(fill(99, 1, 1)) is None
    assert ledger.doubtful
    assert (ledger.stray_count, ledger.position.lots) == (1, 0)


@pytest.mark.parametrize(("fill_id", "qty"), [(0, 1), (1, 0), (1, -1)])
def test_fill_that_cannot_be_makes_the_ledger_doubtful_and_is_not_booked(ledger, fill_id, qty):
    assert ledger.apply(fill(1, fill_id, qty)) is None
    assert ledger.doubtful
    assert (ledger.position.lots, ledger.find(1).filled_lots) == (0, 0)


def test_unknown_outcome_is_doubtful_until_it_is_known(ledger):
    ledger.outcome_unknown(1)
    assert ledger.doubtful
    assert ledger.working_lots(1) == 2
    ledger.cancel_requested(1, 5)
    assert ledger.find(1).state is S.UNKNOWN
    ledger.apply(report(K.REJECTED))
    assert not ledger.doubtful
    assert not ledger.working


def test_overfill_is_booked_doubtful_and_leaves_nothing_to_fill(ledger):
    ledger.apply(fill(1, 1, 3))
    assert ledger.position.lots == 3
    assert ledger.find(1).state is S.UNKNOWN
    assert (ledger.doubtful, ledger.working_lots(1)) == (True, 0)


def test_order_number_is_used_once(ledger):
    with pytest.raises(AssertionError):
        ledger.submitted(order(1))
    assert ledger.next_order_id() == 2


def test_memory_is_bounded_over_a_hundred_thousand_orders():
    ledger = Ledger(Instrument.win())
    for number in range(1, 100_001):
        side = 1 if number % 2 else -1
        ledger.submitted(order(ledger.next_order_id(), side, 1))
        ledger.apply(fill(number, number, 1))
    assert (ledger.order_count, ledger.fill_count, ledger.position.lots) == (100_000, 100_000, 0)
    assert ledger.working == {}
    remembered = [number for number in range(1, 100_001) if ledger.find(number) is not None]
    assert 100 <= len(remembered) <= 4096
    assert remembered[-1] == 100_000
