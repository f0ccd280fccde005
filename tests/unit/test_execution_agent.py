"""The execution agent against a scripted broker."""

import pytest

from dreammaker.agents.base import AgentState
from dreammaker.domain.orders import (
    Reason,
)
from dreammaker.engine.clock import NS_PER_S
from dreammaker.risk import TradingState
from dreammaker.store.journal import Entry
from tests.unit.execution_bench import LIMIT, MARKET, Bench, K, opened


def test_target_is_reached_by_one_order():
    bench = Bench()
    bench.target(2)
    assert bench.orders == [(1, 2, LIMIT)]
    assert bench.last.price_ticks == 26_003
    bench.report(K.ACCEPTED, 1)
    bench.target(2)
    bench.report(K.FILLED, 1, 1)
    assert len(bench.orders) == 1
    bench.report(K.FILLED, 1, 1)
    assert (bench.ledger.position.lots, len(bench.orders), bench.broker.cancels) == (2, 1, [])


def test_intent_is_on_record_before_the_broker_has_the_order():
    bench = Bench()
    bench.target(1)
    assert bench.calls == ["intent", "broker.submit"]
    bench.target(0)
    assert bench.calls[2:] == ["cancel_intent", "broker.cancel"]
    kinds = bench.context.journal.entries.records["kind"].tolist()
    assert [kind for kind in kinds if kind in (Entry.SUBMIT, Entry.CANCEL)] == [
        Entry.SUBMIT, Entry.CANCEL]


def test_an_order_whose_intent_cannot_be_recorded_is_not_sent():
    bench = Bench()
    bench.db.fails = True
    bench.target(1)
    assert "broker.submit" not in bench.calls
    assert bench.agent.state is AgentState.ERROR
    assert bench.ledger.working == {}
    assert bench.gate.state is TradingState.REDUCE_ONLY


def test_reversal_closes_first_and_opens_then():
    bench = opened(1)
    bench.target(-2)
    assert bench.orders[1:] == [(-1, 1, LIMIT)]
    assert bench.last.reduce_only
    bench.report(K.FILLED, 2, 1)
    assert bench.orders[2:] == [(-1, 2, LIMIT)]
    assert not bench.last.reduce_only
    bench.report(K.FILLED, 3, 2)
    assert bench.ledger.position.lots == -2


def test_what_contradicts_the_target_is_cancelled_before_anything_is_sent():
    bench = Bench()
    bench.target(2)
    bench.target(-1)
    assert (bench.broker.cancels, len(bench.orders)) == ([1], 1)
    bench.target(-1)
    assert bench.broker.cancels == [1]
    bench.report(K.CANCELED, 1)
    assert bench.orders[1:] == [(-1, 1, LIMIT)]


def test_an_order_too_large_for_a_smaller_target_is_replaced():
    bench = Bench()
    bench.target(3)
    bench.target(1)
    assert bench.broker.cancels == [1]
    bench.report(K.CANCELED, 1)
    assert bench.orders[1:] == [(1, 1, LIMIT)]


def test_an_entry_that_is_not_filled_in_time_is_given_up():
    bench = Bench(far_touch_ms=250.0)
    bench.target(1)
    bench.later(250_000_000 - 2)
    assert bench.broker.cancels == []
    bench.later(2)
    assert bench.broker.cancels == [1]
    bench.report(K.CANCELED, 1)
    assert len(bench.orders) == 1


def test_an_exit_that_is_not_filled_in_time_is_sent_again_at_the_new_price():
    bench = opened(1)
    bench.target(0)
    bench.quote(25_990, 25_991)
    bench.later(250_000_000)
    assert bench.broker.cancels == [2]
    bench.report(K.CANCELED, 2)
    assert (bench.last.price_ticks, bench.last.side) == (25_988, -1)


@pytest.mark.parametrize(("style", "price"), [("near_touch", 26_000), ("far_touch", 26_003),
                                              ("market", 26_001)])
def test_styles(style, price):
    bench = Bench(entry_style=style)
    bench.target(1)
    assert bench.last.price_ticks == price
    assert (bench.last.order_type is MARKET) == (style == "market")


def test_a_denied_wish_is_dropped():
    bench = Bench(risk={"max_order_lots": 1})
    bench.target(3)
    assert bench.orders == []
    assert bench.agent.denied_counts == {Reason.ORDER_SIZE: 1}
    bench.report(K.CANCEL_REJECTED, 77)
    assert bench.orders == []
    assert bench.agent.target.lots == 0


def test_a_rejected_order_does_not_loop():
    bench = Bench()
    bench.target(1)
    bench.report(K.REJECTED, 1, reason=Reason.MARKET_CLOSED)
    bench.later(60 * NS_PER_S)
    assert len(bench.orders) == 1
    bench.target(1)
    assert len(bench.orders) == 2


def test_a_market_order_that_met_nothing_does_not_loop():
    bench = Bench(entry_style="market")
    bench.target(1)
    bench.report(K.CANCELED, 1, reason=Reason.NO_LIQUIDITY)
    assert len(bench.orders) == 1


def test_a_cancel_the_venue_keeps_refusing_is_asked_again_but_not_at_once():
    bench = Bench(far_touch_ms=250.0)
    bench.target(1)
    bench.report(K.ACCEPTED, 1)
    bench.later(NS_PER_S)
    bench.report(K.CANCEL_REJECTED, 1)
    assert bench.broker.cancels == [1]
    bench.later(NS_PER_S)
    assert bench.broker.cancels == [1]
    bench.later(NS_PER_S)
    assert bench.broker.cancels == [1, 1]


def test_no_market_lets_an_exit_out_by_market_order_and_no_entry_in():
    bench = opened(1)
    bench.quote(26_000, 0, ok=False)
    bench.target(2)
    assert len(bench.orders) == 1
    bench.target(0)
    assert bench.orders[1:] == [(-1, 1, MARKET)]
