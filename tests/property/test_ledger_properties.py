"""Position and ledger against an independent recomputation from the fills."""

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from dreammaker.domain.instrument import Instrument
from dreammaker.domain.orders import (
    ExecutionReport,
    OrderType,
    ReportKind,
    SubmitOrder,
    TimeInForce,
)
from dreammaker.ledger import Ledger, Position

FILLS = st.lists(st.tuples(st.sampled_from([1, -1]), st.integers(1, 50),
                           st.integers(-100, 40_000), st.integers(0, 10**7)), max_size=60)


@given(FILLS, st.integers(1, 25_000_000), st.integers(0, 80_000))
def test_position_equals_the_sum_of_its_fills(fills, tick_value, mid):
    position = Position(tick_value)
    cash = lots = fees = 0
    for side, qty, price, fee in fills:
        position.fill(side, qty, price, fee)
        lots += side * qty
        cash -= side * qty * price * tick_value
        fees += fee
        assert position.lots == lots
        assert position.fees_micros == fees
        # Whatever is realised or still open, nothing is lost: together they are the cash.
        assert position.realised_micros - position.cost_micros == cash
        assert position.net_micros(mid) == cash + lots * mid * tick_value // 2 - fees
        if lots == 0:
            assert position.cost_micros == 0
            assert position.realised_micros == cash
    assert position.traded_lots == sum(qty for _, qty, _, _ in fills)


@given(FILLS)
def test_realised_is_the_average_cost_result_to_a_millionth_a_fill(fills):
    position = Position(1_000_000)
    lots, cost, realised = 0, Fraction(0), Fraction(0)
    for side, qty, price, fee in fills:
        position.fill(side, qty, price, fee)
        value = Fraction(price * 1_000_000)
        closing = min(qty, abs(lots)) if lots * side < 0 else 0
        if closing:
            average = cost / lots
            realised += -side * closing * (value - average)
            cost += side * closing * average
            lots += side * closing
        lots += side * (qty - closing)
        cost += side * (qty - closing) * value
    assert abs(position.realised_micros - realised) <= len(fills) + 1


@st.composite
def histories(draw):
    """Orders, and the venue's reports of them shuffled, repeated and delayed."""
    orders, reports, fill_id = [], [], 0
    for number in range(1, draw(st.integers(1, 12)) + 1):
        order = SubmitOrder(number, draw(st.sampled_from([1, -1])), OrderType.LIMIT,
                            TimeInForce.DAY, draw(st.integers(1, 9)), 26_000, 0)
        orders.append(order)
        reports.append(ExecutionReport(ReportKind.ACCEPTED, number, 0, 0))
        filled = 0
        for _ in range(draw(st.integers(0, 4))):
            if filled < order.qty_lots:
                fill_id += 1
                qty = draw(st.integers(1, order.qty_lots - filled))
                filled += qty
                reports.append(ExecutionReport(
                    ReportKind.FILLED, number, 0, 0, fill_id, qty,
                    draw(st.integers(25_900, 26_100)), fee_micros=qty * 256_100, cum_lots=filled))
        if filled < order.qty_lots:
            reports.append(ExecutionReport(
                draw(st.sampled_from([ReportKind.CANCELED, ReportKind.EXPIRED])), number, 0, 0,
                cum_lots=filled))
    repeated = reports + draw(st.lists(st.sampled_from(reports), max_size=10))
    return orders, draw(st.permutations(repeated))


@given(histories())
def test_no_fill_is_lost_or_counted_twice_in_any_order(history):
    orders, reports = history
    ledger = Ledger(Instrument.win())
    for order in orders:
        ledger.submitted(order)
    sides = {order.client_order_id: order.side for order in orders}
    unique = {report.fill_id: report for report in reports if report.fill_id}
    truth = sum(sides[r.client_order_id] * r.qty_lots for r in unique.values())
    largest = sum(order.qty_lots for order in orders if order.side > 0)
    for report in reports:
        ledger.apply(report)
        assert ledger.worst_position(-1) <= truth <= ledger.worst_position(1) <= largest
    assert ledger.position.lots == truth
    assert ledger.fill_count == len(unique)
    assert ledger.position.fees_micros == sum(r.fee_micros for r in unique.values())
    assert ledger.working == {}
    assert not ledger.doubtful
