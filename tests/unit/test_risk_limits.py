"""Limits beside those of ``test_risk_gate``: changes, the market, money, pace, results."""

import math
from dataclasses import replace

import pytest

from dreammaker.domain.instrument import Instrument
from dreammaker.domain.orders import (
    ApprovedReplace,
    ExecutionReport,
    OrderDenied,
    OrderState,
    OrderType,
    Reason,
    ReplaceOrder,
)
from dreammaker.engine.clock import NS_PER_MS
from dreammaker.engine.market import MarketView
from dreammaker.ledger import Ledger, RoundTrips
from dreammaker.risk import ALLOWED, Portfolio, RiskConfig, RiskGate, Sizing, TradingState
from dreammaker.risk.sizing import (
    kelly_binary,
    kelly_continuous,
    kelly_lots,
    volatility_target_lots,
)
from dreammaker.risk.state import StateMachine
from tests.unit.test_risk_gate import NOW, WIN, Bench, K

LIMIT = OrderType.LIMIT
N, R, H, X = TradingState


# Changes of working orders.


def working(bench, side=1, qty=2, price=26_000, *, reduce_only=False):
    number = bench.work(side, qty, price=price, kind=LIMIT, reduce_only=reduce_only)
    bench.ledger.apply(ExecutionReport(K.ACCEPTED, number, 0, 0, leaves_lots=qty, cum_lots=0))
    return number


def change(bench, number, qty, price=26_000, now=NOW):
    verdict = bench.gate.check_replace(ReplaceOrder(number, qty, price, now), now)
    bench.gate._unsent_changes.clear()      # it was only asked
    return "APPROVED" if isinstance(verdict, ApprovedReplace) else verdict.reason


def test_change_counts_with_the_larger_quantity():
    bench = Bench(max_position_lots=4, max_order_lots=4)
    number = working(bench, qty=2)
    assert change(bench, number, 4) == "APPROVED"
    assert change(bench, number, 5) is Reason.ORDER_SIZE
    bench.hold(1)
    assert change(bench, number, 4) is Reason.POSITION_LIMIT
    assert change(bench, number, 3) == "APPROVED"
    bench.ledger.replace_requested(ReplaceOrder(number, 3, 26_000, NOW))
    assert bench.ask(1) is Reason.POSITION_LIMIT, "the change may have taken effect"


def test_change_that_is_approved_and_not_yet_sent_counts():
    bench = Bench(max_position_lots=4, max_order_lots=4)
    number = working(bench, qty=1)
    asked = ReplaceOrder(number, 4, 26_000, NOW)
    assert isinstance(bench.gate.check_replace(asked, NOW), ApprovedReplace)
    assert bench.ask(1) is Reason.POSITION_LIMIT
    again = bench.gate.check_replace(asked, NOW)
    assert again.reason is Reason.INVALID_ORDER
    assert "in flight" in again.detail
    bench.data_at(NOW + 1)
    assert bench.ask(1, now=NOW + 1) == "APPROVED", "an approval holds for its moment"


def test_change_of_what_is_filled_in_part_is_about_what_is_left():
    bench = Bench(max_position_lots=4, max_order_lots=4)
    number = working(bench, qty=3)
    bench.fill(number, 2)
    assert change(bench, number, 2) is Reason.INVALID_ORDER
    assert change(bench, number, 4) == "APPROVED"
    assert change(bench, number, 5) is Reason.POSITION_LIMIT


def test_change_of_price_meets_the_collar_and_the_market():
    bench = Bench(price_collar_ticks=10)
    number = working(bench)
    assert change(bench, number, 2, 26_010) == "APPROVED"
    assert change(bench, number, 2, 26_011) is Reason.PRICE_COLLAR
    bench.quote(26_001, 26_001, ok=False)
    assert change(bench, number, 2, 26_001) is Reason.CROSSED_BOOK
    assert change(bench, number, 1, 25_999) == "APPROVED", "it only shrinks"


@pytest.mark.parametrize("state", [R, H])
def test_only_changes_that_shrink_or_exit_pass_where_nothing_new_is_allowed(state):
    bench = Bench(max_position_lots=9)
    entry = working(bench, qty=3)
    bench.gate.machine.worsen(state, Reason.REQUESTED)
    assert change(bench, entry, 2) == "APPROVED"
    assert change(bench, entry, 3, 26_001) in (Reason.STOOD_DOWN, Reason.TRADING_HALTED)
    exits = Bench(max_position_lots=9)
    exits.hold(4)
    way_out = working(exits, -1, 2, reduce_only=True)
    exits.gate.machine.worsen(state, Reason.REQUESTED)
    exits.quote(0, 0, ok=False)
    assert change(exits, way_out, 4, 25_000) == "APPROVED"
    assert change(exits, way_out, 5, 25_000) is Reason.INVALID_ORDER


def test_change_after_a_kill_never():
    bench = Bench()
    number = working(bench)
    bench.gate.kill(Reason.REQUESTED)
    assert change(bench, number, 1) is Reason.KILLED


@pytest.mark.parametrize("state", [OrderState.SUBMITTED, OrderState.PENDING_CANCEL,
                                   OrderState.UNKNOWN])
def test_change_of_an_order_nobody_is_sure_of(state):
    bench = Bench()
    number = working(bench)
    bench.ledger.find(number).state = state
    assert change(bench, number, 1) is Reason.INVALID_ORDER


def test_change_of_an_order_that_does_not_work_says_so():
    verdict = Bench().gate.check_replace(ReplaceOrder(7, 1, 26_000, NOW), NOW)
    assert isinstance(verdict, OrderDenied)
    assert (verdict.reason, verdict.detail) == (Reason.INVALID_ORDER, "order 7 does not work")
    assert (verdict.order.client_order_id, verdict.order.qty_lots) == (7, 1)


def test_changes_count_in_the_rate():
    bench = Bench(max_position_lots=9, max_orders_per_second=2)
    number = working(bench)
    assert [change(bench, number, 2, 26_001) for _ in range(3)] == [
        "APPROVED", "APPROVED", Reason.ORDER_RATE]
    assert bench.ask(1) is Reason.ORDER_RATE


# The market and the price.


def test_crossed_and_wide_books_have_reasons_of_their_own():
    bench = Bench(max_spread_ticks=3)
    bench.quote(26_002, 26_000, ok=False)
    assert bench.ask(1) is Reason.CROSSED_BOOK
    bench.quote(26_000, 26_003)
    assert bench.ask(1) == "APPROVED"
    bench.quote(26_000, 26_004)
    assert bench.ask(1) is Reason.WIDE_SPREAD


@pytest.mark.parametrize(("side", "last"), [(1, 25_900), (-1, 26_100)])
def test_collar_is_about_the_last_trade_too(side, last):
    bench = Bench(price_collar_ticks=80)
    assert bench.ask(side, price=26_000, kind=LIMIT) == "APPROVED"
    bench.market.last_trade_ticks = last
    assert bench.ask(side, price=26_000, kind=LIMIT) is Reason.PRICE_COLLAR


def test_collar_of_a_stop_is_about_the_worse_of_trigger_and_limit():
    bench = Bench(price_collar_ticks=10)
    for trigger, price, expected in ((26_010, 26_000, "APPROVED"),
                                     (26_011, 26_000, Reason.PRICE_COLLAR),
                                     (26_001, 26_011, Reason.PRICE_COLLAR)):
        order = replace(bench.order(1, price=price, kind=OrderType.STOP_LIMIT),
                        trigger_ticks=trigger)
        verdict = bench.gate.check(order, NOW)
        bench.gate._unsent.clear()
        assert getattr(verdict, "reason", "APPROVED") == expected


# Money.


@pytest.mark.parametrize("side", [1, -1])
def test_notional_is_of_the_largest_position(side):
    """Three lots at 26 000.5 are worth 78 001.5."""
    limits = {"max_position_lots": 9, "max_order_lots": 9}
    assert Bench(max_notional=78_001.5, **limits).ask(side, 3) == "APPROVED"
    assert Bench(max_notional=78_001.0, **limits).ask(side, 3) is Reason.NOTIONAL


def test_margin_is_bound_by_the_largest_position_and_a_loss_eats_it():
    bench = Bench(max_position_lots=9, max_order_lots=9, capital=500.0, margin_per_lot=100.0,
                  max_daily_loss=1e6, max_orders_per_second=99)
    assert bench.ask(1, 5) == "APPROVED"
    assert bench.ask(1, 6) is Reason.MARGIN
    bench.hold(1, 26_001, fee=0)       # half a tick under water at the mid
    assert bench.ask(1, 4) is Reason.MARGIN
    assert bench.ask(1, 3) == "APPROVED"


# Pace.


def test_the_same_order_again_within_the_window():
    bench = Bench(max_position_lots=9, duplicate_window_ms=100)
    bench.market.last_trade_ticks = 0
    assert bench.ask(1, price=26_000, kind=LIMIT) == "APPROVED"
    assert bench.ask(1, price=26_000, kind=LIMIT) is Reason.DUPLICATE_ORDER
    assert bench.ask(1, 2, price=26_000, kind=LIMIT) == "APPROVED"
    assert bench.ask(1, price=25_999, kind=LIMIT) == "APPROVED"
    assert bench.ask(-1, price=26_000, kind=LIMIT) == "APPROVED"
    later = NOW + 100 * NS_PER_MS
    bench.data_at(later - 1)
    assert bench.ask(1, price=26_000, kind=LIMIT, now=later - 1) is Reason.DUPLICATE_ORDER
    bench.data_at(later)
    assert bench.ask(1, price=26_000, kind=LIMIT, now=later) == "APPROVED"


def test_the_same_order_once_the_first_is_filled_is_no_duplicate():
    bench = Bench(max_position_lots=9, duplicate_window_ms=100)
    order = bench.order(1, price=26_000, kind=LIMIT)
    bench.gate.check(order, NOW)
    bench.ledger.submitted(order)
    assert bench.ask(1, price=26_000, kind=LIMIT) is Reason.DUPLICATE_ORDER
    bench.fill(order.client_order_id, 1)
    assert bench.ask(1, price=26_000, kind=LIMIT) == "APPROVED"


def test_too_many_messages_for_each_fill():
    bench = Bench(max_position_lots=9, message_allowance=6, max_messages_per_fill=4)
    for _ in range(2):
        number = bench.work(1)
        bench.ledger.cancel_requested(number, 0)
    assert bench.ask(1) == "APPROVED"
    bench.ledger.cancel_requested(number, 0)
    assert bench.ask(1) == "APPROVED"
    bench.ledger.cancel_requested(number, 0)
    assert bench.ledger.message_count == 6
    assert bench.ask(1) is Reason.MESSAGE_RATIO
    bench.fill(number, 1)
    assert bench.ask(1) is Reason.MESSAGE_RATIO
    bench.hold(1)                  # two fills by now: 7 messages
    assert bench.ask(1) == "APPROVED"


# After the trade.


def test_drawdown_is_from_the_best_of_the_day():
    bench = Bench(max_drawdown=20.0, max_daily_loss=1e6)
    bench.hold(2, 25_990)
    assert bench.gate.breach()[0] is N
    bench.quote(25_990, 25_991)
    assert bench.gate.breach()[0] is H
    assert bench.gate.breach()[1] is Reason.DRAWDOWN
    bench.gate.halt(Reason.DRAWDOWN)
    assert bench.gate.rearm(by_operator=True)
    assert bench.gate.breach()[0] is N, "measured anew from here"


def test_losing_streak_is_broken_by_a_win_and_by_an_operator():
    bench = Bench(max_consecutive_losses=3, max_position_lots=9)

    def trip(points):
        bench.hold(1, 26_000)
        bench.hold(-1, 26_000 + points)

    for points in (-1, -1, 2, -1, 0):
        trip(points)
    assert bench.gate.breach()[0] is N
    trip(-1)
    assert bench.gate.breach()[:2] == (H, Reason.CONSECUTIVE_LOSSES)
    bench.gate.halt(Reason.CONSECUTIVE_LOSSES)
    bench.gate.rearm(by_operator=True)
    assert bench.gate.breach()[0] is N
    for _ in range(2):
        trip(-1)
    assert bench.gate.breach()[0] is N
    trip(-1)
    assert bench.gate.breach()[0] is H


def told(bench, kind, number, *, price=26_000, qty=1, local=0):
    bench.fills += 1
    report = ExecutionReport(kind, number, 0, local, bench.fills if kind is K.FILLED else 0,
                             qty, price)
    record = bench.ledger.apply(report)
    bench.gate.note_report(report, record)


def test_share_of_refusals():
    bench = Bench(max_reject_share=0.5, reject_window_orders=4)
    for kind in (K.REJECTED, K.ACCEPTED, K.REJECTED, K.ACCEPTED):
        told(bench, kind, bench.work(1))
    assert bench.gate.breach()[0] is N
    number = bench.work(1)
    told(bench, K.ACCEPTED, number)
    told(bench, K.REJECTED, number)      # by the exchange, after the broker had taken it
    told(bench, K.REJECTED, number)
    assert bench.gate.breach()[0] is N
    told(bench, K.REJECTED, bench.work(1))
    assert bench.gate.breach()[:2] == (R, Reason.REJECT_RATE)


def test_slippage_against_the_mid_of_the_moment_it_was_sent():
    bench = Bench(max_slippage_ticks=2.0, slippage_window_fills=2)
    for side, price in ((1, 26_002), (-1, 25_998)):
        order = bench.order(side)
        bench.ledger.submitted(order, sent_ns=0, mid_half_ticks=52_000)
        told(bench, K.FILLED, order.client_order_id, price=price)
    assert bench.gate.breach()[0] is N
    order = bench.order(1)
    bench.ledger.submitted(order, sent_ns=0, mid_half_ticks=52_000)
    told(bench, K.FILLED, order.client_order_id, price=26_003)
    assert bench.gate.breach()[:2] == (R, Reason.SLIPPAGE)


def test_latency_is_to_the_first_answer():
    bench = Bench(max_latency_ms=10.0, latency_window_orders=2)
    for answer_ms in (8, 12):
        order = bench.order(1)
        bench.ledger.submitted(order, sent_ns=NOW)
        told(bench, K.ACCEPTED, order.client_order_id, local=NOW + answer_ms * NS_PER_MS)
        told(bench, K.CANCELED, order.client_order_id, local=NOW + 999 * NS_PER_MS)
    assert bench.gate.breach()[0] is N
    order = bench.order(1)
    bench.ledger.submitted(order, sent_ns=NOW)
    told(bench, K.ACCEPTED, order.client_order_id, local=NOW + 9 * NS_PER_MS)
    assert bench.gate.breach()[:2] == (R, Reason.LATENCY)


def test_the_gravest_comes_first():
    bench = Bench(max_drawdown=5.0, max_daily_loss=5.0)
    bench.hold(1, 26_020)
    assert bench.gate.breach()[:2] == (X, Reason.DAILY_LOSS)


# The states.


def test_the_table_of_states():
    expected = {N: {R, H, X}, R: {N, H, X}, H: {N, X}, X: set()}
    assert expected == ALLOWED
    for state in TradingState:
        for to in TradingState:
            machine = StateMachine()
            machine.restore(state, Reason.REQUESTED, {Reason.REQUESTED})
            if to is N:
                assert machine.rearm(by_operator=True) == (N in ALLOWED[state] and state is not N)
            else:
                assert machine.worsen(to, Reason.REQUESTED) == (to in ALLOWED[state])
                assert machine.state is max(state, to)


def test_a_second_cause_keeps_the_state_when_the_first_is_gone():
    machine = StateMachine()
    machine.worsen(R, Reason.AGENT_NOT_RUNNING)
    assert not machine.worsen(R, Reason.REJECT_RATE)
    machine.settled(Reason.AGENT_NOT_RUNNING)
    assert not machine.rearm()
    assert machine.rearm(by_operator=True)


# Several instruments.


def test_portfolio_adds_up_instruments_and_each_order_is_judged_by_all():
    portfolio = Portfolio(200_000 * 10**6, 125_000 * 10**6)
    benches = []
    for name in ("WINJ26", "WINM26"):
        win = Instrument.win(name)
        ledger, market = Ledger(win), MarketView(win, 27)
        market.bid_ticks, market.ask_ticks, market.book_ok = 26_000, 26_002, True
        market._carried_event_ns = NOW
        gate = RiskGate(RiskConfig(max_position_lots=99, max_order_lots=99, capital=1e9),
                        ledger, market, portfolio)
        bench = Bench()
        bench.ledger, bench.market, bench.gate = ledger, market, gate
        benches.append(bench)
    near, far = benches
    near.hold(4)                                           # worth 104 004
    assert far.ask(1, 1) is Reason.PORTFOLIO_NET
    assert far.ask(-1, 3) == "APPROVED"                    # gross 182 007, net 104 004 at the worst
    assert far.ask(-1, 4) is Reason.PORTFOLIO_GROSS
    far.hold(-3)
    assert near.ask(1, 1) is Reason.PORTFOLIO_GROSS
    assert near.ask(-1, 4, reduce_only=True) == "APPROVED", "exits are not asked"
    assert far.ask(1, 1, reduce_only=True) == "APPROVED"
    far.market.book_ok, far.market.sound_mid_half_ticks = False, 0
    assert near.ask(1, 1) is Reason.NO_BOOK, "a position without a price is of unknown worth"


def test_portfolio_of_one_currency_only():
    portfolio = Portfolio.from_config(RiskConfig())
    portfolio.add(Ledger(WIN), MarketView(WIN, 27))
    other = Instrument.named("GOOG")
    with pytest.raises(ValueError, match="one currency"):
        portfolio.add(Ledger(other), MarketView(other, 27))


# Sizing (the published values are in the docstrings' doctests too).


def test_sizing_formulas():
    lots = volatility_target_lots(50_000, 0.15, 130_000 * 0.2, 0.011)
    assert lots == pytest.approx(1.6519426268, abs=5e-11)
    assert math.floor(lots) == 1
    assert kelly_binary(0.6, 1.0) == pytest.approx(0.2, abs=1e-15)
    assert kelly_binary(0.55, 1.2) == pytest.approx(0.175, abs=1e-15)
    assert kelly_continuous(0.0005, 0.01) == pytest.approx(5.0, abs=1e-12)


def test_kelly_of_round_trips():
    trips = RoundTrips()
    for result in (12, 12, 12, -10, -10):
        trips.note(result * 1_000_000)
    # p = 0.6, b = 1.2: a share of 0.6 - 0.4 / 1.2, staked at 10 a lot.
    assert kelly_lots(trips, 1_000.0, 0.5) == pytest.approx((0.6 - 0.4 / 1.2) * 0.5 * 100)
    losing = RoundTrips(win_count=1, loss_count=9, win_micros=1, loss_micros=-9 * 10**6)
    assert kelly_lots(losing, 1e9, 1.0) == 0
    assert kelly_lots(RoundTrips(loss_count=1, loss_micros=-1), 1e9, 1.0) == 0
    assert kelly_lots(RoundTrips(win_count=1, win_micros=1), 1e9, 1.0) == math.inf


def sizing(bench, **keys):
    return Sizing(RiskConfig(max_position_lots=20, max_order_lots=20, **keys), bench.ledger,
                  bench.market)


def test_targets_are_cut_by_limit_volatility_and_kelly():
    bench = Bench()
    assert [sizing(bench).target(lots) for lots in (50, 3, 0, -50)] == [20, 3, 0, -20]
    # 1.1 % a day, on 26 000.5 ticks of BRL 1: 1.65 lots as in the published value.
    made = sizing(bench, sizing="volatility", capital=50_000.0)
    assert made.target(5) == 0, "not known yet"
    bench.market.features[12] = 0.011 / made.scale
    assert [made.target(lots) for lots in (5, -5, 1)] == [1, -1, 1]
    bench.hold(3)
    assert [made.target(lots) for lots in (5, 3, 2, -5)] == [3, 3, 2, -1]
    kelly = Bench()
    for result in (12, 12, 12, -10, -10):
        kelly.ledger.trips.note(result * 1_000_000)
    assert sizing(kelly, capital=200.0, kelly_fraction=0.5, kelly_min_trips=5).target(9) == 2
    assert sizing(kelly, capital=200.0, kelly_fraction=0.5, kelly_min_trips=6).target(9) == 9


def test_every_denial_is_counted():
    bench = Bench(max_order_lots=2)
    bench.ask(1, 3)
    bench.ask(1, 3)
    number = working(bench, qty=1)
    change(bench, number, 3)
    assert bench.gate.denied_counts == {Reason.ORDER_SIZE: 3}
