"""The kill switch: what it asks, cancels, closes, verifies, and that it is silent afterwards."""

import pytest

from dreammaker.agents.base import AgentState
from dreammaker.domain.errors import StoreError
from dreammaker.domain.orders import (
    ExecutionReport,
    OrderAnswer,
    PositionAnswer,
    QueryFailed,
    Reason,
    WorkingOrder,
)
from dreammaker.engine.clock import NS_PER_S
from dreammaker.engine.loop import LoopCommand
from dreammaker.risk import TradingState
from dreammaker.store.journal import Entry
from tests.unit.execution_bench import MARKET, Bench, K, opened

FAILED = QueryFailed("nobody answers")


def kill(bench):
    bench.later(1)
    bench.coordinator.on_command(LoopCommand.KILL)
    return bench.coordinator.guard.kill


def entries(bench, kind):
    return int((bench.context.journal.entries.records["kind"] == kind).sum())


def test_nothing_open_is_verified_at_once_and_silent():
    bench = Bench()
    assert kill(bench).is_verified
    assert bench.gate.is_silent
    assert entries(bench, Entry.VERIFIED) == 1
    bench.later(60 * NS_PER_S)
    assert (bench.orders, bench.broker.cancels, entries(bench, Entry.VERIFIED)) == ([], [], 1)


def test_orders_are_cancelled_then_the_position_closed_then_verified():
    bench = opened(2)
    bench.target(4)
    switch = kill(bench)
    assert bench.broker.cancels == [2]
    assert len(bench.orders) == 2, "the answer to the cancel is about to come"
    bench.report(K.CANCELED, 2, cum_lots=0)
    assert bench.orders[2:] == [(-1, 2, MARKET)]
    assert (bench.last.reason, bench.last.reduce_only) == (Reason.FLATTEN, True)
    bench.report(K.FILLED, 3, 2, cum_lots=2)
    assert switch.is_verified
    assert bench.agent.state is AgentState.STOPPED


def test_position_of_the_broker_is_closed_after_reports_had_time_to_come():
    bench = opened(1)
    bench.broker.position = PositionAnswer(3, 26_010)
    switch = kill(bench)
    assert bench.orders[1:] == [(-1, 1, MARKET)], "what both books hold is closed at once"
    bench.broker.position = PositionAnswer(2, 26_010)
    bench.report(K.FILLED, 2, 1, cum_lots=1)
    assert len(bench.orders) == 2
    bench.later(3 * NS_PER_S)
    assert bench.orders[2:] == [(-1, 2, MARKET)]
    assert (bench.ledger.position.lots, bench.ledger.adopted_lots) == (2, 2)
    bench.broker.position = None
    bench.report(K.FILLED, 3, 2, cum_lots=2)
    assert switch.is_verified
    assert entries(bench, Entry.ADOPT) == 1


def test_position_the_broker_does_not_have_is_not_sold():
    bench = opened(2)
    bench.broker.position = PositionAnswer(0)
    switch = kill(bench)
    bench.later(3 * NS_PER_S)
    assert (len(bench.orders), bench.ledger.position.lots) == (1, 0)
    assert switch.is_verified


@pytest.mark.parametrize("failure", [FAILED, "raises"])
def test_failed_question_is_neither_flat_nor_verified(failure):
    bench = Bench()
    if failure == "raises":
        bench.broker.query_position = lambda now_ns: 1 // 0
    else:
        bench.broker.position = failure
    switch = kill(bench)
    bench.later(30 * NS_PER_S)
    assert not switch.is_verified
    assert not bench.gate.is_silent
    assert len(bench.coordinator.failures) >= 20
    bench.broker.__dict__.pop("query_position", None)
    bench.broker.position = None
    bench.later(NS_PER_S)
    assert switch.is_verified


def test_failed_list_of_orders_is_not_none_at_work():
    bench = Bench()
    bench.broker.working = FAILED
    switch = kill(bench)
    bench.later(5 * NS_PER_S)
    assert not switch.is_verified


def test_broker_that_does_not_answer_does_not_hold_back_what_our_books_hold():
    bench = opened(2)
    bench.broker.position = FAILED
    kill(bench)
    assert bench.orders[1:] == [(-1, 2, MARKET)]
    doubtful = opened(2)
    doubtful.broker.position = FAILED
    doubtful.ledger.stray_count = 1
    kill(doubtful)
    assert len(doubtful.orders) == 1
    doubtful.later(2 * NS_PER_S)
    assert doubtful.orders[1:] == [(-1, 2, MARKET)], "after three questions"


def test_order_only_the_broker_knows_is_cancelled():
    bench = Bench()
    bench.broker.working = (WorkingOrder(77, 1, 3, 1, 26_000),)
    switch = kill(bench)
    assert bench.broker.cancels == [77]
    assert not switch.is_verified
    bench.broker.working = ()
    bench.report(K.CANCELED, 77, cum_lots=1)
    assert switch.is_verified


def unknown(bench):
    """An entry whose sending failed."""
    bench.broker.fails_once = True
    bench.target(1)
    assert bench.ledger.doubtful
    return 1


def test_unknown_order_that_never_arrived_is_taken_for_that_only_after_a_while():
    bench = Bench()
    number = unknown(bench)
    bench.broker.orders[number] = OrderAnswer(is_known=False)
    switch = kill(bench)
    bench.later(3 * NS_PER_S)
    assert bench.ledger.doubtful
    bench.later(3 * NS_PER_S)
    assert not bench.ledger.doubtful
    bench.later(NS_PER_S)
    assert switch.is_verified
    assert bench.orders == [], "it was never sent again"


def test_unknown_order_that_had_filled_is_closed():
    bench = Bench()
    number = unknown(bench)
    bench.broker.orders[number] = OrderAnswer(True, False, cum_lots=1)
    bench.broker.position = PositionAnswer(1, 26_001)
    kill(bench)
    bench.later(3 * NS_PER_S)
    assert bench.orders == [(-1, 1, MARKET)]
    # Its fill comes after all: it was counted once.
    bench.report(K.FILLED, number, 1, cum_lots=1)
    assert bench.ledger.position.lots == 1
    bench.broker.position = None
    bench.report(K.FILLED, bench.last.client_order_id, 1, cum_lots=1)
    bench.later(NS_PER_S)
    assert bench.coordinator.guard.kill.is_verified


def test_unknown_order_with_fills_that_nobody_knows_any_more_does_not_hold_the_position():
    """It would be left out of every exit on its side for ever, as what it may still fill."""
    bench = opened(3)
    switch = kill(bench)
    assert bench.orders[1:] == [(-1, 3, MARKET)]
    bench.report(K.FILLED, 2, 1, cum_lots=1)
    bench.report(K.UNKNOWN, 2)
    bench.broker.orders[2] = OrderAnswer(is_known=False)
    bench.broker.working = (WorkingOrder(2, -1, 3, 1),)
    bench.later(20 * NS_PER_S)
    assert bench.orders[2:] == [], "while it is at work it may still fill"
    bench.broker.working = ()
    bench.later(10 * NS_PER_S)
    assert bench.orders[2:] == [(-1, 2, MARKET)]
    bench.report(K.FILLED, 3, 2, cum_lots=2)
    assert switch.is_verified
    assert bench.ledger.position.lots == 0


def test_fill_of_an_order_nobody_knows_wakes_a_switch_that_was_done():
    bench = Bench()
    switch = kill(bench)
    assert switch.is_verified
    bench.broker.position = PositionAnswer(2, 26_000)
    bench.report(K.FILLED, 77, 2, cum_lots=2)
    assert not switch.is_verified
    assert not bench.gate.is_silent
    bench.later(3 * NS_PER_S)
    assert bench.orders == [(-1, 2, MARKET)]
    bench.broker.position = None
    bench.report(K.FILLED, bench.last.client_order_id, 2, cum_lots=2)
    assert switch.is_verified


@pytest.mark.parametrize("doubt", ["stray", "position unknown"])
def test_deadline_asks_the_broker_where_our_books_may_not_show_all(doubt):
    bench = Bench()
    if doubt == "stray":
        bench.report(K.FILLED, 77, 2, cum_lots=2)
    else:
        bench.coordinator.guard.worsen(TradingState.REDUCE_ONLY, Reason.POSITION_UNKNOWN)
    bench.broker.position = PositionAnswer(2, 26_000)
    bench.coordinator.guard._deadline_passed = True
    bench.later(1)
    bench.coordinator.pump()
    assert (bench.gate.state, bench.gate.state_reason) == (TradingState.KILLED, Reason.DEADLINE)
    bench.later(3 * NS_PER_S)
    assert bench.orders == [(-1, 2, MARKET)]


def test_unknown_order_that_works_is_cancelled():
    bench = Bench()
    number = unknown(bench)
    bench.broker.orders[number] = OrderAnswer(True, True, 0, 1)
    kill(bench)
    bench.later(3 * NS_PER_S)
    assert number in bench.broker.cancels


def test_refused_exit_is_sent_again_after_a_pause():
    bench = opened(1)
    switch = kill(bench)
    bench.report(K.REJECTED, 2, reason=Reason.MARKET_CLOSED)
    bench.later(4 * NS_PER_S)
    assert len(bench.orders) == 2
    bench.later(2 * NS_PER_S)
    assert bench.orders[2:] == [(-1, 1, MARKET)]
    bench.report(K.FILLED, 3, 1)
    assert switch.is_verified


def test_late_fill_wakes_it_up():
    bench = Bench()
    bench.target(1)
    switch = kill(bench)
    bench.report(K.CANCELED, 1, cum_lots=0)
    assert switch.is_verified
    bench.report(K.FILLED, 1, 1, cum_lots=1)
    assert not switch.is_verified
    assert bench.orders[1:] == [(-1, 1, MARKET)]
    bench.report(K.FILLED, 2, 1, cum_lots=1)
    assert switch.is_verified


def test_needs_no_agent():
    bench = opened(2)
    bench.risk.stop()
    bench.agent.stop()
    switch = kill(bench)
    assert bench.orders[1:] == [(-1, 2, MARKET)]
    bench.report(K.FILLED, 2, 2)
    assert switch.is_verified


def test_exits_of_the_kill_switch_meet_no_rate_and_no_full_disk():
    bench = opened(2)
    bench.gate.entry.sent_ns.extend([bench.context.clock.now_ns] * 60)
    bench.db._execute = full_disk
    bench.target(0)
    assert len(bench.orders) == 2
    kill(bench)
    bench.later(3 * NS_PER_S)
    assert bench.broker.cancels == [2, 2]
    assert bench.db.behind
    assert [type(kept).__name__ for kept in bench.db.reserve.kept][:2] == [
        "SubmitOrder", "CancelOrder"]


def full_disk(write):
    raise StoreError("the disk is full")


def test_full_disk_stops_entries_and_lets_exits_out_and_is_written_later():
    bench = opened(2)
    bench.db._execute = full_disk
    bench.target(4)
    # The entry is not sent; execution failed over it, so what is held is closed.
    assert bench.orders[1:] == [(-1, 2, MARKET)]
    assert bench.gate.state is TradingState.REDUCE_ONLY
    assert [kept.client_order_id for kept in bench.db.reserve.kept] == [
        bench.last.client_order_id]
    bench.report(K.FILLED, bench.last.client_order_id, 2)
    assert bench.ledger.position.lots == 0
    del bench.db._execute
    assert bench.db.catch_up() is None
    assert not bench.db.behind


def test_journal_that_fails_kills_flattens_and_ends_the_loop():
    bench = opened(2)
    bench.context.journal.failure = StoreError("the disk is full")
    bench.later(1)
    bench.coordinator.on_decision()
    assert (bench.gate.state, bench.gate.state_reason) == (
        TradingState.KILLED, Reason.STORE_FAILED)
    assert bench.coordinator.stopped_by == ""
    bench.report(K.FILLED, 2, 2, cum_lots=2)
    assert bench.coordinator.stopped_by == "the disk is full"


# The other commands.


def test_halt_flattens_through_the_agents_and_an_operator_rearms():
    bench = opened(2)
    bench.later(1)
    bench.coordinator.on_command(LoopCommand.HALT)
    assert bench.orders[1:] == [(-1, 2, MARKET)]
    bench.report(K.FILLED, 2, 2)
    bench.target(1)
    assert bench.agent.denied_counts == {Reason.TRADING_HALTED: 1}
    bench.coordinator.on_command(LoopCommand.REARM)
    assert bench.gate.state is TradingState.NORMAL
    bench.target(1)
    assert len(bench.orders) == 3
    bench.later(1)
    bench.coordinator.on_command(LoopCommand.HALT)
    assert bench.broker.cancels == [4], "a second halt acts again"


def test_rearm_waits_until_nothing_is_in_doubt_and_never_leaves_a_kill():
    bench = Bench()
    number = unknown(bench)
    bench.later(5 * NS_PER_S)
    bench.coordinator.on_command(LoopCommand.REDUCE_ONLY)
    bench.coordinator.on_command(LoopCommand.REARM)
    assert bench.gate.state is TradingState.REDUCE_ONLY
    bench.coordinator.on_report(ExecutionReport(K.REJECTED, number, 0, 0))
    bench.coordinator.on_command(LoopCommand.REARM)
    assert bench.gate.state is TradingState.NORMAL
    kill(bench)
    bench.coordinator.on_command(LoopCommand.REARM)
    assert bench.gate.state is TradingState.KILLED


def test_position_at_the_deadline_is_the_kill_switchs():
    bench = opened(1)
    bench.gate.window.close_ns = bench.context.clock.now_ns + 600 * NS_PER_S + 5
    bench.coordinator.on_start()
    bench.later(6)
    assert bench.gate.state_reason is Reason.DEADLINE
    assert bench.orders[1:] == [(-1, 1, MARKET)]
    flat = Bench()
    flat.gate.window.close_ns = flat.context.clock.now_ns + 600 * NS_PER_S + 5
    flat.coordinator.on_start()
    flat.later(6)
    assert flat.gate.state is TradingState.NORMAL
