"""The risk gate: every limit at its boundary, every reason, and exits that nothing blocks."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from dreammaker.domain.instrument import Instrument
from dreammaker.domain.orders import (
    ApprovedOrder,
    ExecutionReport,
    OrderDenied,
    OrderType,
    Reason,
    ReportKind,
    SubmitOrder,
    TimeInForce,
)
from dreammaker.domain.schema import EVENT_DTYPE, Phase
from dreammaker.engine.clock import NS_PER_S
from dreammaker.engine.market import MarketView
from dreammaker.ledger import Ledger
from dreammaker.risk import RiskConfig, RiskGate, TradingState

WIN = Instrument.win()
NOW = 10_000 * NS_PER_S
MINUTE = 60 * NS_PER_S
MS = 1_000_000
K = ReportKind


class Bench:
    """A gate, its ledger and a market that is fresh and two-sided."""

    def __init__(self, **limits):
        self.ledger = Ledger(WIN)
        self.market = MarketView(WIN, 27)
        # It asks for the same order again and again.
        limits = {"duplicate_window_ms": 0} | limits
        self.gate = RiskGate(RiskConfig(**limits), self.ledger, self.market)
        self.fills = 0
        self.quote(26_000, 26_001)
        self.data_at(NOW)

    def quote(self, bid, ask, *, ok=True):
        self.market.bid_ticks, self.market.ask_ticks, self.market.book_ok = bid, ask, ok

    def data_at(self, time_ns):
        events = np.zeros(1, EVENT_DTYPE)
        events["local_ns"] = time_ns
        self.market._event_local = events["local_ns"]
        self.market._carried_event_ns = time_ns

    def order(self, side, qty=1, *, price=26_000, kind=OrderType.MARKET, reduce_only=False):
        return SubmitOrder(self.ledger.next_order_id(), side, kind, TimeInForce.DAY, qty, price,
                           NOW, reduce_only=reduce_only)

    def ask(self, side, qty=1, *, now=NOW, **more):
        """APPROVED, or the reason of the denial."""
        verdict = self.gate.check(self.order(side, qty, **more), now)
        self.gate._unsent.clear()      # it was only asked
        return "APPROVED" if isinstance(verdict, ApprovedOrder) else verdict.reason

    def work(self, side, qty=1, **more):
        order = self.order(side, qty, **more)
        self.ledger.submitted(order)
        return order.client_order_id

    def fill(self, number, qty, price=26_000, fee=0):
        self.fills += 1
        self.ledger.apply(ExecutionReport(K.FILLED, number, 0, 0, self.fills, qty, price,
                                          fee_micros=fee))

    def hold(self, lots, price=26_000, fee=0):
        number = self.work(1 if lots > 0 else -1, abs(lots))
        self.fill(number, abs(lots), price, fee)


# Each limit at its boundary.


@pytest.mark.parametrize("side", [1, -1])
def test_position_limit_counts_what_works_as_filled(side):
    bench = Bench(max_position_lots=3, max_order_lots=6)
    assert bench.ask(side, 3) == "APPROVED"
    assert bench.ask(side, 4) is Reason.POSITION_LIMIT
    bench.work(side, 1)
    assert bench.ask(side, 3) is Reason.POSITION_LIMIT
    assert bench.ask(side, 2) == "APPROVED"
    bench.hold(side * 1)
    assert bench.ask(side, 2) is Reason.POSITION_LIMIT
    assert bench.ask(side, 1) == "APPROVED"
    # What works on the other side does not make room.
    bench.work(-side, 1)
    assert bench.ask(side, 2) is Reason.POSITION_LIMIT


def test_position_may_turn_within_the_limit():
    bench = Bench(max_position_lots=2, max_order_lots=4)
    bench.hold(2)
    assert bench.ask(-1, 4) == "APPROVED"
    assert bench.ask(-1, 5) is Reason.ORDER_SIZE


def test_order_size():
    bench = Bench(max_position_lots=9, max_order_lots=3)
    assert bench.ask(1, 3) == "APPROVED"
    assert bench.ask(1, 4) is Reason.ORDER_SIZE


def test_working_orders():
    bench = Bench(max_position_lots=9, max_working_orders=2)
    bench.work(1)
    assert bench.ask(1) == "APPROVED"
    bench.work(-1)
    assert bench.ask(1) is Reason.WORKING_ORDERS


def test_rate_windows_are_exact():
    bench = Bench(max_position_lots=99, max_orders_per_second=3, max_orders_per_minute=5)
    at = [NOW, NOW + 1, NOW + 2]
    assert [bench.ask(1, now=t) for t in at] == ["APPROVED"] * 3
    bench.data_at(NOW + NS_PER_S)
    assert bench.ask(1, now=NOW + NS_PER_S - 1) is Reason.STALE_DATA
    bench.data_at(NOW + NS_PER_S - 1)
    assert bench.ask(1, now=NOW + NS_PER_S - 1) is Reason.ORDER_RATE
    assert bench.ask(1, now=NOW + NS_PER_S) == "APPROVED"
    assert bench.ask(1, now=NOW + NS_PER_S) is Reason.ORDER_RATE
    assert bench.ask(1, now=NOW + NS_PER_S + 1) == "APPROVED"
    # Five within the minute: the first of them must leave it.
    bench.data_at(NOW + MINUTE - 1)
    assert bench.ask(1, now=NOW + MINUTE - 1) is Reason.ORDER_RATE
    assert bench.ask(1, now=NOW + MINUTE) == "APPROVED"
    assert bench.ask(1, now=NOW + MINUTE) is Reason.ORDER_RATE


def test_exits_count_in_the_rate_and_are_not_held_by_it():
    bench = Bench(max_position_lots=9, max_orders_per_second=2)
    bench.hold(9)
    assert [bench.ask(-1) for _ in range(5)] == ["APPROVED"] * 5
    assert bench.ask(1) is Reason.POSITION_LIMIT
    bench.hold(-3)
    assert bench.ask(1) is Reason.ORDER_RATE


def test_denied_orders_do_not_count_in_the_rate():
    bench = Bench(max_orders_per_second=1)
    assert bench.ask(1, 99) is Reason.ORDER_SIZE
    assert bench.ask(1) == "APPROVED"


@pytest.mark.parametrize(("side", "best_allowed"), [(1, 26_010), (-1, 25_991)])
def test_price_collar_is_about_the_worse_side_only(side, best_allowed):
    """The mid is 26 000.5: ten ticks worse of it are 26 010.5 and 25 990.5."""
    bench = Bench(price_collar_ticks=10)
    limit = {"kind": OrderType.LIMIT}
    assert bench.ask(side, price=best_allowed, **limit) == "APPROVED"
    assert bench.ask(side, price=best_allowed + side, **limit) is Reason.PRICE_COLLAR
    assert bench.ask(side, price=best_allowed - side * 5_000, **limit) == "APPROVED"
    # A market order says at what price it expects to trade.
    assert bench.ask(side, price=best_allowed) == "APPROVED"
    assert bench.ask(side, price=best_allowed + side) is Reason.PRICE_COLLAR


def test_daily_loss_includes_the_open_position_and_fees():
    bench = Bench(max_daily_loss=10.0, max_position_lots=4, max_orders_per_second=99)
    bench.hold(2, 26_004, fee=999_999)
    # Mid 26 000.5: 2 lots lose 3.5 ticks of BRL 1 each, and the fee is almost another.
    assert bench.gate.ledger.net_micros(52_001) == -7_999_999
    bench.quote(25_999, 26_000)
    assert not bench.gate.daily_loss_reached()
    assert bench.ask(1) == "APPROVED"
    bench.hold(1, 25_999, fee=500_001)
    bench.hold(-1, 25_999, fee=0)
    assert bench.gate.daily_loss_reached()
    assert bench.ask(1) is Reason.DAILY_LOSS
    assert bench.ask(-1) == "APPROVED"


def test_daily_loss_is_reached_at_the_very_limit():
    bench = Bench(max_daily_loss=10.0)
    bench.hold(1, 26_001, fee=9_500_000)
    assert bench.ledger.net_micros(52_001) == -10_000_000
    assert bench.gate.daily_loss_reached()
    bench.quote(26_001, 26_002)
    assert not bench.gate.daily_loss_reached()


def test_a_market_without_two_sides_does_not_hide_a_loss():
    bench = Bench(max_daily_loss=10.0)
    bench.hold(2, 26_010)
    assert bench.gate.daily_loss_reached()
    bench.quote(26_030, 0, ok=False)
    assert bench.gate.daily_loss_reached()
    # Never a two-sided market: what is realised and paid is known all the same.
    blind = Bench(max_daily_loss=10.0)
    blind.quote(0, 0, ok=False)
    assert not blind.gate.daily_loss_reached()
    blind.hold(1, 26_010, fee=10_000_000)
    assert blind.gate.daily_loss_reached()


def test_stale_and_doubtful_clocks():
    bench = Bench(stale_data_ms=2_000)
    assert bench.ask(1, now=NOW + 2_000 * MS) == "APPROVED"
    assert bench.ask(1, now=NOW + 2_000 * MS + 1) is Reason.STALE_DATA
    bench.data_at(NOW + 1)
    assert bench.ask(1, now=NOW) is Reason.STALE_DATA


def test_no_data_at_all_is_stale():
    bench = Bench()
    bench.market._event_local = None
    bench.market._carried_event_ns = 0
    assert bench.ask(1) is Reason.STALE_DATA


def test_entry_window():
    bench = Bench(entry_start_minutes_after_open=1.0, entry_stop_minutes_before_close=25.0,
                  max_orders_per_second=99, stale_data_ms=600_000)
    bench.gate.window.open_ns = NOW - MINUTE
    bench.gate.window.close_ns = NOW + 25 * MINUTE
    assert bench.ask(1, now=NOW) is Reason.ENTRY_WINDOW
    bench.gate.window.close_ns += 1
    assert bench.ask(1, now=NOW) == "APPROVED"
    bench.gate.window.open_ns += 1
    assert bench.ask(1, now=NOW) is Reason.ENTRY_WINDOW


@pytest.mark.parametrize("phase", [phase for phase in Phase if phase is not Phase.CONTINUOUS])
def test_entries_in_continuous_trading_only(phase):
    bench = Bench()
    bench.market.phase = phase
    assert bench.ask(1) is Reason.SESSION_PHASE


def test_no_book():
    bench = Bench()
    bench.quote(0, 26_001, ok=False)
    assert bench.ask(1) is Reason.NO_BOOK


def test_unknown_state_denies():
    bench = Bench(max_position_lots=9)
    number = bench.work(1)
    bench.ledger.outcome_unknown(number)
    assert bench.ask(1) is Reason.STATE_UNKNOWN
    assert bench.ask(-1) is Reason.STATE_UNKNOWN
    bench.ledger.apply(ExecutionReport(K.REJECTED, number, 0, 0))
    assert bench.ask(1) == "APPROVED"
    bench.ledger.apply(ExecutionReport(K.ACCEPTED, 999, 0, 0))
    assert bench.ask(1) is Reason.STATE_UNKNOWN


def test_stand_down_and_kill():
    bench = Bench()
    assert bench.gate.stand_down(Reason.AGENT_NOT_RUNNING)
    assert not bench.gate.stand_down(Reason.AGENT_NOT_RUNNING)
    assert bench.ask(1) is Reason.STOOD_DOWN
    assert not bench.gate.rearm(), "its cause stands"
    bench.gate.machine.settled(Reason.AGENT_NOT_RUNNING)
    assert bench.gate.rearm()
    assert not bench.gate.rearm()
    assert bench.ask(1) == "APPROVED"
    assert bench.gate.kill(Reason.DAILY_LOSS)
    assert not bench.gate.kill(Reason.DAILY_LOSS)
    assert not bench.gate.rearm()
    assert not bench.gate.stand_down(Reason.REQUESTED)
    assert bench.gate.state is TradingState.KILLED
    assert bench.ask(1) is Reason.KILLED


@pytest.mark.parametrize(("side", "qty", "number"), [(0, 1, 1), (2, 1, 1), (1, 0, 1), (1, -1, 1),
                                                     (1, 1, 0)])
def test_malformed_orders_are_invalid(side, qty, number):
    order = SubmitOrder(number, side, OrderType.MARKET, TimeInForce.DAY, qty, 26_000, NOW)
    verdict = Bench().gate.check(order, NOW)
    assert isinstance(verdict, OrderDenied)
    assert verdict.reason is Reason.INVALID_ORDER


def test_order_that_was_sent_already_is_not_approved_again():
    bench = Bench(max_position_lots=9)
    order = bench.order(1)
    bench.ledger.submitted(order)
    verdict = bench.gate.check(order, NOW)
    assert verdict.reason is Reason.INVALID_ORDER
    assert "sent already" in verdict.detail


def test_denials_say_what_is_allowed():
    bench = Bench(max_order_lots=2)
    verdict = bench.gate.check(bench.order(1, 3), NOW)
    assert (verdict.detail, verdict.time_ns) == ("3 lots; allowed are 2", NOW)


# Exits.


def blockers():
    def halted_by_risk(bench):
        bench.gate.halt(Reason.DRAWDOWN)

    def stood_down(bench):
        bench.gate.stand_down(Reason.REQUESTED)

    def stale(bench):
        bench.data_at(NOW - 3600 * NS_PER_S)

    def clock_doubt(bench):
        bench.data_at(NOW + NS_PER_S)

    def closed_window(bench):
        bench.gate.window.close_ns = NOW - 1

    def halted(bench):
        bench.market.phase = Phase.HALT

    def no_book(bench):
        bench.quote(0, 0, ok=False)

    def unknown(bench):
        bench.ledger.outcome_unknown(bench.work(1))

    def stray(bench):
        bench.ledger.apply(ExecutionReport(K.FILLED, 999, 0, 0, 77, 1, 1))

    def rate(bench):
        for _ in range(200):
            bench.gate.entry.sent_ns.append(NOW)

    def many_working(bench):
        for _ in range(20):
            bench.work(1)

    return [halted_by_risk, stood_down, stale, clock_doubt, closed_window, halted, no_book,
            unknown, stray, rate, many_working]


@pytest.mark.parametrize("block", blockers(), ids=lambda block: block.__name__)
def test_a_strictly_reducing_order_always_passes(block):
    bench = Bench()
    bench.hold(3)
    block(bench)
    assert bench.ask(1) != "APPROVED"
    assert bench.ask(-1, 3, reduce_only=True) == "APPROVED"
    assert bench.ask(-1, 3, price=1, kind=OrderType.LIMIT) == "APPROVED"


def test_after_a_kill_only_the_flattening_passes_until_it_is_verified():
    bench = Bench()
    bench.hold(3)
    bench.gate.kill(Reason.REQUESTED)
    assert bench.ask(1) is Reason.KILLED
    assert bench.ask(-1, 3, reduce_only=True) is Reason.KILLED
    exit_order = replace(bench.order(-1, 3, reduce_only=True), reason=Reason.FLATTEN)
    assert isinstance(bench.gate.check(exit_order, NOW), ApprovedOrder)
    bench.gate.is_silent = True
    again = replace(exit_order, client_order_id=99)
    assert bench.gate.check(again, NOW + 1).reason is Reason.KILLED


def test_an_exit_larger_than_any_order_limit_passes():
    bench = Bench(max_position_lots=2, max_order_lots=1)
    bench.hold(50)
    assert bench.ask(-1, 50, reduce_only=True) == "APPROVED"


@pytest.mark.parametrize("lots", [0, 2])
def test_reduce_only_that_would_not_reduce_is_invalid(lots):
    bench = Bench(max_position_lots=9)
    if lots:
        bench.hold(lots)
    assert bench.ask(-1, lots + 1, reduce_only=True) is Reason.INVALID_ORDER
    assert bench.ask(1, 1, reduce_only=True) is Reason.INVALID_ORDER


def test_exits_on_their_way_are_counted_so_that_none_turns_the_position():
    bench = Bench(max_position_lots=9)
    bench.hold(3)
    bench.work(-1, 2)
    assert bench.ask(-1, 1, reduce_only=True) == "APPROVED"
    assert bench.ask(-1, 2, reduce_only=True) is Reason.INVALID_ORDER
    number = bench.work(-1, 1)
    assert bench.ask(-1, 1, reduce_only=True) is Reason.INVALID_ORDER
    bench.fill(number, 5)      # more than was ordered
    assert bench.ledger.position.lots == -2
    assert bench.ask(-1, 1, reduce_only=True) is Reason.INVALID_ORDER
    assert bench.ask(1, 2, reduce_only=True) == "APPROVED"


def test_approvals_of_one_moment_are_counted_before_they_are_sent():
    bench = Bench(max_position_lots=3, max_order_lots=3, max_working_orders=2)

    def check(side, qty, now=NOW, **more):
        return isinstance(bench.gate.check(bench.order(side, qty, **more), now), ApprovedOrder)

    assert check(1, 2)
    assert not check(1, 2)
    assert check(1, 1)
    assert not check(-1, 1), "two orders are about to work"
    # A moment later those approvals are void.
    bench.data_at(NOW + 1)
    assert check(1, 3, NOW + 1)
    bench.hold(2)
    assert check(-1, 2, NOW + 2, reduce_only=True)
    assert not check(-1, 1, NOW + 2, reduce_only=True), "two exits would turn the position"


# Approval.


def test_an_approved_order_cannot_be_made_or_changed():
    bench = Bench()
    verdict = bench.gate.check(bench.order(1), NOW)
    with pytest.raises(AssertionError):
        ApprovedOrder(verdict.order, NOW, object())
    with pytest.raises(AssertionError):
        verdict.order = bench.order(1, 1_000)
    with pytest.raises(AssertionError):
        verdict.approved_ns = 0
    assert verdict.order.qty_lots == 1


@pytest.mark.parametrize("limits", [
    {"max_position_lots": 0}, {"max_order_lots": 5, "max_position_lots": 2},
    {"flatten_minutes_before_close": 30.0, "entry_stop_minutes_before_close": 25.0},
    {"max_daily_loss": 0.0}, {"stale_data_ms": 0.0}, {"no_such_limit": 1}])
def test_limits_are_validated(limits):
    with pytest.raises(ValidationError):
        RiskConfig(**limits)


# Whatever happens, the position stays within its limit.


@settings(max_examples=150, deadline=None)
@given(st.integers(1, 5), st.lists(
    st.tuples(st.sampled_from(["order", "order", "order", "fill", "cancel", "late", "unknown"]),
              st.sampled_from([1, -1]), st.integers(1, 6), st.integers(0, 100)), max_size=80))
def test_position_never_passes_its_limit(limit, steps):
    """Approved orders, filled by any lots at any time, also after their cancel was reported."""
    bench = Bench(max_position_lots=limit, max_order_lots=2 * limit, max_working_orders=50,
                  max_orders_per_second=1000, max_orders_per_minute=1000, max_daily_loss=1e9)
    venue = {}     # what may still be filled there: number -> [lots, filled]
    for what, side, qty, pick in steps:
        if what == "order":
            order = bench.order(side, qty, reduce_only=pick < 20)
            if isinstance(bench.gate.check(order, NOW), ApprovedOrder):
                bench.ledger.submitted(order)
                venue[order.client_order_id] = [qty, 0]
        elif venue:
            number = sorted(venue)[pick % len(venue)]
            left, filled = venue[number]
            if what in ("fill", "late"):
                lots = min(qty, left)
                if what == "late":
                    # The cancel overtakes the fill it speaks of.
                    bench.ledger.apply(ExecutionReport(K.CANCELED, number, 0, 0,
                                                       cum_lots=filled + lots))
                bench.fill(number, lots)
                venue[number] = [left - lots, filled + lots]
                if what == "late" or left == lots:
                    del venue[number]
            elif what == "cancel":
                bench.ledger.apply(ExecutionReport(K.CANCELED, number, 0, 0, cum_lots=filled))
                del venue[number]
            else:
                bench.ledger.outcome_unknown(number)
        assert abs(bench.ledger.position.lots) <= limit
        lots = bench.ledger.position.lots
        pending = bench.ledger.working_lots(-1 if lots > 0 else 1)
        if abs(lots) > pending:
            verdict = bench.gate.check(bench.order(-1 if lots > 0 else 1, abs(lots) - pending,
                                                   reduce_only=True), NOW)
            assert isinstance(verdict, ApprovedOrder), "the way out must be open"
            bench.gate._unsent.clear()      # it was only asked
