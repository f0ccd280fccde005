"""Changes of working orders in the ledger: the larger counts, races with fills and cancels."""

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dreammaker.domain.instrument import Instrument
from dreammaker.domain.orders import (
    ExecutionReport,
    OrderState,
    OrderType,
    Reason,
    ReplaceOrder,
    ReportKind,
    SubmitOrder,
    TimeInForce,
    WorkingOrder,
)
from dreammaker.ledger import DealEntry, Ledger, Position

K, S = ReportKind, OrderState


@pytest.fixture
def ledger():
    """Order 1 works: buy 3 at 26 000."""
    made = Ledger(Instrument.win())
    made.submitted(SubmitOrder(made.next_order_id(), 1, OrderType.LIMIT, TimeInForce.DAY, 3,
                               26_000, 0), sent_ns=5)
    made.apply(said(K.ACCEPTED, 1, leaves=3, cum=0))
    return made


def said(kind, venue_ns, *, leaves=0, cum=-1, price=0, fill=0, qty=0, reason=Reason.NONE):
    return ExecutionReport(kind, 1, venue_ns, venue_ns + 10, fill, qty, price, leaves,
                           cum_lots=cum, reason=reason)


def ask(ledger, qty, price=26_001, now=20):
    ledger.replace_requested(ReplaceOrder(1, qty, price, now))


@pytest.mark.parametrize(("qty", "most"), [(5, 5), (2, 3)])
def test_until_it_is_answered_the_larger_quantity_counts(ledger, qty, most):
    ask(ledger, qty)
    assert (ledger.working_lots(1), ledger.worst_position(1)) == (most, most)
    ledger.apply(said(K.REPLACED, 30, leaves=qty, cum=0, price=26_001))
    record = ledger.find(1)
    assert (record.order.qty_lots, record.order.price_ticks) == (qty, 26_001)
    assert (record.replacing, ledger.working_lots(1), record.state) == (None, qty, S.ACCEPTED)


def test_refused_change_leaves_the_order_as_it_was(ledger):
    ask(ledger, 9)
    ledger.apply(said(K.REPLACE_REJECTED, 30))
    assert (ledger.find(1).order.qty_lots, ledger.working_lots(1)) == (3, 3)
    assert not ledger.doubtful


def test_one_change_at_a_time(ledger):
    ask(ledger, 9)
    with pytest.raises(AssertionError):
        ask(ledger, 8)


def test_repeated_answer_of_an_earlier_change_does_not_answer_the_next(ledger):
    ask(ledger, 5)
    first = said(K.REPLACED, 30, leaves=5, cum=0, price=26_001)
    ledger.apply(first)
    ask(ledger, 2, now=40)
    assert ledger.apply(first) is None
    assert ledger.working_lots(1) == 5, "the change to 2 is still in flight"
    refused = said(K.REPLACE_REJECTED, 50)
    ledger.apply(refused)
    ask(ledger, 9, now=60)
    assert ledger.apply(refused) is None
    assert ledger.working_lots(1) == 9


def test_fill_of_all_it_was_for_before_the_answer_does_not_end_it(ledger):
    ask(ledger, 5)
    ledger.apply(said(K.FILLED, 31, fill=1, qty=3, price=26_000, cum=3, leaves=2))
    assert (ledger.find(1).state, ledger.working_lots(1)) == (S.PARTIALLY_FILLED, 2)
    ledger.apply(said(K.REPLACED, 30, leaves=5, cum=0, price=26_001))
    assert (ledger.find(1).state, ledger.working_lots(1)) == (S.PARTIALLY_FILLED, 2)
    ledger.apply(said(K.FILLED, 32, fill=2, qty=2, price=26_001, cum=5))
    assert (ledger.working, ledger.position.lots) == ({}, 5)


def test_refusal_after_it_was_filled_ends_it(ledger):
    ask(ledger, 5)
    ledger.apply(said(K.FILLED, 28, fill=1, qty=3, price=26_000, cum=3))
    ledger.apply(said(K.REPLACE_REJECTED, 30, reason=Reason.UNKNOWN_ORDER))
    assert (ledger.working, ledger.find(1).state) == ({}, S.FILLED)


def test_shrinking_below_what_was_filled_meanwhile_takes_the_venues_word(ledger):
    ask(ledger, 1)
    ledger.apply(said(K.REPLACED, 30, leaves=0, cum=2, price=26_001))
    assert ledger.working_lots(1) == 2, "two lots are on their way to us"
    ledger.apply(said(K.FILLED, 29, fill=1, qty=2, price=26_000, cum=2))
    assert (ledger.working, ledger.position.lots, ledger.doubtful) == ({}, 2, False)


def test_cancel_wins_against_a_change(ledger):
    ask(ledger, 5)
    ledger.cancel_requested(1, 25)
    ledger.apply(said(K.CANCELED, 30, cum=0))
    assert ledger.working == {}
    ledger.apply(said(K.REPLACE_REJECTED, 31, reason=Reason.UNKNOWN_ORDER))
    assert (ledger.working, ledger.doubtful) == ({}, False)


def test_change_whose_sending_failed_is_doubtful_until_somebody_answers(ledger):
    ask(ledger, 5)
    ledger.outcome_unknown(1)
    assert (ledger.doubtful, ledger.working_lots(1)) == (True, 5)
    ledger.apply(said(K.REPLACE_REJECTED, 30, reason=Reason.NOT_SUPPORTED))
    assert (ledger.doubtful, ledger.working_lots(1)) == (False, 3)


def test_triggered_stop_works_on(ledger):
    ledger.apply(said(K.TRIGGERED, 30, leaves=3))
    assert (ledger.find(1).state, ledger.working_lots(1)) == (S.ACCEPTED, 3)


# The venue in any order, against what it did.

@st.composite
def lives(draw):
    """What a venue does to one order under changes, and the reports, shuffled and repeated."""
    qty, cum, now, fills, reports, asked = 3, 0, 10, 0, [], []
    for _ in range(draw(st.integers(1, 8))):
        now += draw(st.integers(1, 5))
        step = draw(st.sampled_from(["fill", "grow", "shrink", "refuse"]))
        if step == "fill":
            lots = draw(st.integers(1, qty - cum))
            fills, cum = fills + 1, cum + lots
            reports.append(said(K.FILLED, now, fill=fills, qty=lots, price=26_000,
                                leaves=qty - cum, cum=cum))
            if cum == qty:
                break
            continue
        new = qty + draw(st.integers(1, 4)) if step != "shrink" else draw(
            st.integers(cum + 1, max(cum + 1, qty)))
        asked.append((len(reports), ReplaceOrder(1, new, 26_000 + now, now)))
        if step == "refuse":
            reports.append(said(K.REPLACE_REJECTED, now))
        else:
            qty = new
            reports.append(said(K.REPLACED, now, leaves=qty - cum, cum=cum, price=26_000 + now))
    return asked, reports, draw(st.lists(st.integers(0, 7), max_size=6)), qty, cum


@settings(max_examples=300, deadline=None)
@given(lives(), st.data())
def test_exposure_is_never_less_than_what_the_venue_may_still_fill(life, data):
    """Fills overtake answers and reports repeat; changes are asked for one after the other."""
    asked, reports, repeats, qty, cum = life
    ledger = Ledger(Instrument.win())
    ledger.submitted(SubmitOrder(ledger.next_order_id(), 1, OrderType.LIMIT, TimeInForce.DAY, 3,
                                 26_000, 0))
    ledger.apply(said(K.ACCEPTED, 1, leaves=3, cum=0))
    held_back, at = [], dict(asked)
    for index, report in enumerate(reports):
        if index in at:
            for late in held_back:
                ledger.apply(late)
            held_back.clear()
            if ledger.find(1).replacing is None and 1 in ledger.working:
                ledger.replace_requested(at[index])
        answer = report.kind is not K.FILLED
        if answer and index + 1 < len(reports) and index + 1 not in at and data.draw(
                st.booleans()):
            held_back.append(report)      # a fill made later comes before this answer
        else:
            ledger.apply(report)
        for repeat in repeats:
            if repeat < index and reports[repeat] not in held_back:
                ledger.apply(reports[repeat])
        assert ledger.worst_position(1) >= report.cum_lots + max(report.leaves_lots, 0) or answer
    for late in held_back:
        ledger.apply(late)
    assert ledger.position.lots == cum
    assert ledger.worst_position(1) == qty
    assert not ledger.doubtful


# The broker's word, and orders found there.

def test_adopted_lots_are_laid_to_orders_that_may_have_filled_and_a_late_fill_takes_their_place():
    ledger = Ledger(Instrument.win())
    ledger.submitted(SubmitOrder(ledger.next_order_id(), 1, OrderType.LIMIT, TimeInForce.DAY, 2,
                                 26_000, 0))
    ledger.outcome_unknown(1)
    assert ledger.adopt(3, 26_010) == 3
    assert (ledger.position.lots, ledger.adopted_lots, ledger.working_lots(1)) == (3, 1, 0)
    ledger.apply(ExecutionReport(K.FILLED, 1, 0, 0, 1, 2, 26_000, fee_micros=512_200))
    assert (ledger.position.lots, ledger.fill_count) == (3, 1)
    assert ledger.position.cash_micros == -(26_010 + 2 * 26_000) * 1_000_000 - 512_200
    assert ledger.find(1).state is S.FILLED


def test_adopting_clears_the_doubt_of_a_stray_report():
    ledger = Ledger(Instrument.win())
    ledger.apply(ExecutionReport(K.FILLED, 9, 0, 0, 1, 1, 26_000))
    assert ledger.doubtful
    assert ledger.adopt(1, 26_000) == 1
    assert not ledger.doubtful
    ledger.apply(ExecutionReport(K.FILLED, 9, 0, 0, 2, 1, 26_000))
    assert ledger.doubtful


def test_found_order_counts_with_what_is_left_of_it():
    ledger = Ledger(Instrument.win())
    ledger.found(WorkingOrder(7, -1, 5, 2, 26_020))
    assert (ledger.working_lots(-1), ledger.position.lots) == (3, 0)
    ledger.apply(ExecutionReport(K.CANCELED, 7, 0, 0, cum_lots=2))
    assert ledger.working == {}


# Round trips, entries, exact averages.

def test_reversal_is_an_inout_and_shares_its_fee():
    position = Position(1_000_000)
    assert position.fill(1, 2, 26_000, 20).entry is DealEntry.IN
    booking = position.fill(-1, 3, 26_001, 30)
    assert booking == (DealEntry.INOUT, 2_000_000, 2_000_000 - 20 - 20)
    assert position.trip_micros == -10
    assert position.fill(1, 1, 26_001, 5).closed_trip_micros == -15


@given(st.lists(st.tuples(st.sampled_from([1, -1]), st.integers(1, 9), st.integers(1, 99_999)),
                max_size=40))
def test_trips_sum_to_the_result_and_the_average_is_exact(fills):
    position, trips, cost, lots = Position(7), 0, Fraction(0), 0
    closes = 0
    for side, qty, price in fills:
        booking = position.fill(side, qty, price, qty * 3)
        trips += booking.closed_trip_micros or 0
        closing = min(qty, abs(lots)) if lots * side < 0 else 0
        if closing:
            cost -= cost * Fraction(closing, abs(lots))
            closes += 1
            lots += side * closing
        lots += side * (qty - closing)
        cost += side * (qty - closing) * price * 7
        if lots:
            # A partial close leaves less than a millionth behind.
            assert abs(position.average_price - cost / (lots * 7)) * abs(lots) * 7 <= closes
        else:
            closes = 0
    assert trips + position.trip_micros == position.realised_micros - position.fees_micros
