"""Risk drills: for every limit a session that hits it; denied or flattened, and on record."""

import numpy as np
import pytest

from dreammaker._ext.policy import TouchMaker
from dreammaker.assembly.model_set import ModelSet
from dreammaker.assembly.session import Session
from dreammaker.assembly.sources import open_source
from dreammaker.domain.errors import StoreError
from dreammaker.domain.orders import Reason
from dreammaker.domain.schema import Kind, Phase
from dreammaker.engine.loop import LoopCommand
from dreammaker.risk import TradingState
from dreammaker.store.journal import Entry
from tests.end_to_end.sessions import QUOTES, array_session, quotes_log, short_config
from tests.simulation.drill_bench import Crash, Rogue, check_end, drill, entries

NEAR = {"entry_style": "near_touch", "near_touch_ms": 700.0}

# Limits that deny: risk's keys, execution's keys, and the order a rogue asks for (None = nobody).
DENIALS = {
    Reason.ORDER_SIZE: ({"max_order_lots": 2}, {}, None),
    Reason.POSITION_LIMIT: ({"max_order_lots": 6}, {}, {"qty_lots": 4}),
    Reason.NOTIONAL: ({"max_notional": 50_000.0}, {}, None),
    Reason.MARGIN: ({"capital": 200.0}, {}, None),
    Reason.PORTFOLIO_GROSS: ({"max_gross_notional": 50_000.0, "max_net_notional": 50_000.0},
                             {}, None),
    Reason.PORTFOLIO_NET: ({"max_net_notional": 50_000.0}, {}, None),
    Reason.WORKING_ORDERS: ({"max_working_orders": 1, "max_position_lots": 50}, NEAR, {}),
    Reason.ORDER_RATE: ({"max_orders_per_minute": 3}, {}, None),
    Reason.MESSAGE_RATIO: ({"message_allowance": 4, "max_messages_per_fill": 1.0}, NEAR, None),
    Reason.DUPLICATE_ORDER: ({"duplicate_window_ms": 60_000.0}, NEAR, None),
    Reason.PRICE_COLLAR: ({"price_collar_ticks": 4}, {"far_touch_ticks": 20}, None),
    Reason.WIDE_SPREAD: ({"max_spread_ticks": 1}, {}, None),
    Reason.ENTRY_WINDOW: ({"entry_start_minutes_after_open": 3.0}, {}, None),
    Reason.INVALID_ORDER: ({}, {}, {"qty_lots": 0}),
}


@pytest.mark.parametrize("reason", DENIALS, ids=lambda reason: reason.name)
def test_limit_denies_and_every_denial_is_on_record(reason):
    risk, execution, order = DENIALS[reason]
    session, broker = drill(risk=risk, execution=execution)
    if order is not None:
        Rogue(session, **order)
    result = session.run()
    count = len(entries(session, Entry.DENIED, reason))
    assert count > 0
    assert result.summary["denied"][reason.name] == count
    check_end(session, broker)


def test_orders_of_one_second_are_limited_by_themselves():
    session, broker = drill(risk={"max_orders_per_second": 1})
    Rogue(session)
    session.run()
    assert len(entries(session, Entry.DENIED, Reason.ORDER_RATE)) > 0
    times = [now for now, _, _ in broker.sent]
    minute = max(sum(now - 60 * 10**9 < other <= now for other in times) for now in times)
    assert minute < session.config.risk.max_orders_per_minute
    check_end(session, broker)


def test_price_far_from_the_last_trade_is_denied_though_it_is_the_markets():
    events = quotes_log(3, 1500)
    late = np.arange(len(events)) > len(events) // 2
    events["price_ticks"][late & (events["kind"] == Kind.TRADE)] -= 200
    events["aux"][events["kind"] == Kind.SESSION] = Phase.CONTINUOUS
    session = array_session(events, QUOTES, short_config())
    Rogue(session)
    session.run()
    assert len(entries(session, Entry.DENIED, Reason.PRICE_COLLAR)) > 0


@pytest.mark.parametrize(("reason", "at", "risk"), [
    (Reason.STALE_DATA, "on_report", {"stale_data_ms": 0.001}),
    (Reason.SESSION_PHASE, "on_phase", {}),
])
def test_limit_of_the_moment_denies(reason, at, risk):
    session, broker = drill(risk=risk)
    Rogue(session, at)
    session.run()
    assert len(entries(session, Entry.DENIED, reason)) > 0
    check_end(session, broker)


@pytest.mark.parametrize(("reason", "ask_below_bid"), [(Reason.CROSSED_BOOK, 2),
                                                       (Reason.NO_BOOK, None)])
def test_book_that_is_none_denies(reason, ask_below_bid):
    events = quotes_log(3, 1500)
    late = np.arange(len(events)) > len(events) // 2
    asks = late & (events["kind"] == Kind.QUOTE) & (events["side"] == -1)
    if ask_below_bid is None:
        events["qty_lots"][asks] = 0
    else:
        events["price_ticks"][asks] -= 1 + ask_below_bid
    events["aux"][events["kind"] == Kind.SESSION] = Phase.CONTINUOUS
    session = array_session(events, QUOTES, short_config())
    Rogue(session)
    session.run()
    assert len(entries(session, Entry.DENIED, reason)) > 0


def test_unknown_outcome_denies_until_it_is_known():
    session, broker = drill()
    broker.on_submit = lambda order: "unknown" if len(broker.sent) == 1 else "send"
    Rogue(session)
    session.run()
    denied = set(entries(session, Entry.DENIED)["code"].tolist())
    assert denied & {Reason.STATE_UNKNOWN, Reason.STOOD_DOWN}
    check_end(session, broker)


# Limits that are known afterwards: the state they lead to.

STATES = {
    Reason.DAILY_LOSS: (TradingState.KILLED, {"max_daily_loss": 15.0}, {}),
    Reason.DRAWDOWN: (TradingState.HALTED, {"max_drawdown": 15.0}, {}),
    Reason.CONSECUTIVE_LOSSES: (TradingState.HALTED, {"max_consecutive_losses": 3}, {}),
    Reason.SLIPPAGE: (TradingState.REDUCE_ONLY, {"max_slippage_ticks": 0.01,
                                                 "slippage_window_fills": 5}, {}),
    Reason.LATENCY: (TradingState.REDUCE_ONLY, {"max_latency_ms": 1.0,
                                                "latency_window_orders": 5}, {}),
}


@pytest.mark.parametrize("reason", STATES, ids=lambda reason: reason.name)
def test_limit_after_the_trade_changes_the_state_closes_and_is_on_record(reason):
    state, risk, execution = STATES[reason]
    session, broker = drill(risk=risk, execution=execution)
    result = session.run()
    gate = session.context.gate
    assert (gate.state, gate.state_reason) == (state, reason)
    assert entries(session, Entry.STAND_DOWN, reason)["side"].tolist() == [state]
    assert result.summary["kill_verified"] == (state is TradingState.KILLED)
    assert len(broker.after(TradingState.NORMAL)) > 0
    check_end(session, broker)


def test_share_of_refusals_stops_new_risk():
    session, broker = drill(risk={"reject_window_orders": 6})
    broker.on_submit = lambda order: "send" if order.reduce_only else "reject"
    session.run()
    assert session.context.gate.state_reason is Reason.REJECT_RATE
    assert len(broker.sent) <= 7
    check_end(session, broker)


def test_position_at_the_deadline_goes_to_the_kill_switch():
    """The venue refuses every exit before the deadline."""
    session, broker = drill(risk={"max_reject_share": 1.0})
    deadline = session.context.gate.window.close_ns - 30 * 10**9
    broker.on_submit = lambda order: ("reject" if order.reduce_only
                                      and session.context.clock.now_ns < deadline else "send")
    session.run()
    gate = session.context.gate
    assert (gate.state, gate.state_reason) == (TradingState.KILLED, Reason.DEADLINE)
    assert session.coordinator.guard.kill.is_verified
    sent = broker.after(TradingState.KILLED)
    assert 1 <= len(sent) <= 3
    check_end(session, broker)


def test_flatten_before_the_close_leaves_nothing_for_the_deadline():
    """The strategy would hold what it has for hours."""
    session, broker = drill(seed=2, model={"min_hold_s": 10_000.0, "entry_threshold": 2.5})
    session.run()
    assert session.context.gate.state is TradingState.NORMAL
    flatten = session.context.gate.window.close_ns - 60 * 10**9
    late = [(now, order) for now, _, order in broker.sent if now >= flatten]
    assert [now for now, _ in late][:1] == [flatten]
    assert all(order.reduce_only and order.reason is Reason.FLATTEN for _, order in late)
    check_end(session, broker)


@pytest.mark.parametrize("answers", [True, False])
def test_kill_by_command_flattens_and_is_silent(answers):
    session, broker = drill()

    def kill(order):
        if len(broker.sent) == 4:
            session.loop.commands.append(LoopCommand.KILL)
            broker.answers = answers
        return "send"

    broker.on_submit = kill
    session.run()
    assert session.context.gate.state_reason is Reason.REQUESTED
    assert len(broker.after(TradingState.KILLED)) <= 2
    # Without an answer of the broker it is flat all the same, and never says it was verified.
    broker.answers = True
    assert session.coordinator.guard.kill.is_verified == answers
    check_end(session, broker)


def test_halt_and_rearm_by_command():
    session, broker = drill()
    commands = {4: LoopCommand.HALT}

    def command(order):
        if len(broker.sent) in commands:
            session.loop.commands.append(commands.pop(len(broker.sent)))
        return "send"

    broker.on_submit = command
    usual, seen = session.coordinator.on_decision, []

    def decide():
        usual()
        if session.context.gate.state is TradingState.HALTED:
            seen.append(session.context.ledger.position.lots)
            if len(seen) == 40:
                session.loop.commands.append(LoopCommand.REARM)

    session.coordinator.on_decision = decide
    session.run()
    assert seen[-1] == 0
    assert len(seen) >= 40
    assert session.context.gate.state is TradingState.NORMAL
    assert len(entries(session, Entry.REARM)) == 1
    check_end(session, broker)


def test_full_disk_stops_entries_and_lets_every_exit_out():
    session, broker = drill()
    db = session.context.orders_db
    usual = db._execute

    def execute(write):
        if len(broker.sent) >= 3:
            raise StoreError("the disk is full")
        usual(write)

    db._execute = execute
    with pytest.raises(StoreError):
        session.run()
    assert session.context.ledger.position.lots == broker.position == 0
    assert all(order.reduce_only for _, _, order in broker.sent[3:])
    assert session.context.gate.state is not TradingState.NORMAL


def test_journal_that_fails_kills_and_is_never_sealed(tmp_path):
    session, broker = drill(folder=tmp_path / "s")
    usual = session.journal.submit

    def submit(order, now_ns, event_count):
        usual(order, now_ns, event_count)
        if len(broker.sent) == 2:
            session.journal.failure = StoreError("cannot write journal.arrow: the disk is full")

    session.journal.submit = submit
    with pytest.raises(StoreError, match=r"journal\.arrow"):
        session.run()
    assert session.context.gate.state_reason is Reason.STORE_FAILED
    assert broker.position == session.context.ledger.position.lots == 0
    assert not (tmp_path / "s" / "seal.json").exists()


# Across a restart.


def run_in(tmp_path, name, **more):
    risk = {"state_file": str(tmp_path / "risk.sqlite")} | more.pop("risk", {})
    return drill(folder=tmp_path / name, risk=risk, **more)


def test_kill_that_a_crash_cut_short_is_gone_on_with_and_then_silent(tmp_path):
    session, broker = run_in(tmp_path, "first")

    # The process dies as the flattening order goes out.
    broker.on_submit = lambda order: "crash" if order.reason is Reason.FLATTEN else "send"
    usual = session.coordinator.on_decision

    def decide():
        usual()
        if session.context.ledger.position.lots:
            session.loop.commands.append(LoopCommand.KILL)

    session.coordinator.on_decision = decide
    with pytest.raises(Crash):
        session.run()
    left = session.context.ledger.position.lots
    assert left != 0
    again, second = run_in(tmp_path, "second", carried=left)
    assert again.risk_start.is_resumed
    assert again.context.gate.state is TradingState.KILLED
    again.run()
    assert again.coordinator.guard.kill.is_verified
    # Refused while the market is closed, now and then tried again, done at the open.
    assert {(o.side, o.qty_lots) for _, _, o in second.sent} == {
        (-1 if left > 0 else 1, abs(left))}
    assert len(second.sent) <= 12
    assert again.context.ledger.position.traded_lots == 2 * abs(left)
    assert second.sent[0][2].client_order_id > 1_000_000, "numbers are not given twice"
    check_end(again, second)
    third, silent = run_in(tmp_path, "third")
    Rogue(third)
    third.run()
    assert (third.context.gate.state, silent.sent) == (TradingState.KILLED, [])
    tomorrow, trading = run_in(tmp_path, "fourth", day="2026-03-03")
    tomorrow.run()
    assert tomorrow.context.gate.state is TradingState.NORMAL
    assert len(trading.sent) > 0


def test_daily_loss_is_carried_over_a_restart(tmp_path):
    session, _ = run_in(tmp_path, "first")
    lost = session.run().summary["net_micros"]
    assert lost < -5_000_000
    again, broker = run_in(tmp_path, "second", risk={"max_daily_loss": -lost / 1e6 + 4.0})
    assert again.context.gate.result.net_micros() == lost
    again.run()
    gate = again.context.gate
    assert (gate.state, gate.state_reason) == (TradingState.KILLED, Reason.DAILY_LOSS)
    assert again.context.ledger.net_micros(again.context.market.sound_mid_half_ticks) > lost
    check_end(again, broker)


def test_best_of_the_day_survives_a_crash_between_fills(tmp_path):
    """Else the drawdown would be measured from a lower height after a restart."""
    step = 2_500_000
    more = {"risk": {"max_drawdown": 20 * step / 1e6}, "seed": 4, "model": {"min_hold_s": 20.0}}
    session, _ = run_in(tmp_path, "first", **more)
    result, usual, at_fill = session.context.gate.result, session.coordinator.on_decision, {}

    def decide():
        usual()
        best = result.high_water_micros
        if best - at_fill.setdefault(session.context.ledger.fill_count, best) > 2 * step:
            raise Crash

    session.coordinator.on_decision = decide
    with pytest.raises(Crash):
        session.run()
    best = result.high_water_micros
    again, _ = run_in(tmp_path, "second", **more)
    assert best - step <= again.context.gate.result.high_water_micros <= best
    again.run()


def test_run_after_a_crash_opens_nothing_until_an_operator_rearms(tmp_path):
    from dreammaker.store.risk_file import rearm_risk_file

    session, broker = run_in(tmp_path, "first")
    broker.on_submit = lambda order: "crash" if len(broker.sent) == 5 else "send"
    with pytest.raises(Crash):
        session.run()
    again, second = run_in(tmp_path, "second", carried=2)
    again.run()
    assert again.context.gate.state_reason is Reason.RESTARTED
    assert all(order.reduce_only for _, _, order in second.sent)
    check_end(again, second)
    rearm_risk_file(tmp_path / "risk.sqlite")
    third, trading = run_in(tmp_path, "third")
    third.run()
    assert third.context.gate.state is TradingState.NORMAL
    assert len(trading.after(TradingState.NORMAL)) > 0


def test_state_that_is_gone_after_a_crash_is_not_normal(tmp_path):
    session, broker = run_in(tmp_path, "simulated-WINJ26-a")
    broker.on_submit = lambda order: "crash"
    with pytest.raises(Crash):
        session.run()
    assert (tmp_path / "simulated-WINJ26-a" / "session.json").exists()
    (tmp_path / "risk.sqlite").unlink()
    again, second = run_in(tmp_path, "simulated-WINJ26-b")
    again.run()
    assert all(order.reduce_only for _, _, order in second.sent)
    assert again.context.gate.state_reason is Reason.STATE_MISSING


def test_a_session_that_began_with_a_carried_state_verifies(tmp_path):
    from dreammaker.assembly.replay import verify_session

    first, _ = run_in(tmp_path, "first")
    first.run()
    again, broker = run_in(tmp_path, "second", risk={"max_daily_loss": 60.0})
    again.context.broker = again.loop.broker = broker.venue
    again.run()
    assert verify_session(tmp_path / "second").clean


def test_quotes_come_back_once_an_operator_has_rearmed():
    """A halt flattens the quoting agent's position; re-armed it must not go on flattening."""
    config = short_config(6.0, model={"decision_interval_s": 0.25}, risk={
        "max_position_lots": 4, "max_orders_per_minute": 1_000, "max_drawdown": 1e6,
        "max_consecutive_losses": 10_000})
    source = open_source(config)
    models = ModelSet.from_config(config, source.feed.source)
    models.quoter = TouchMaker(max_position_lots=2)
    session = Session(config, source, models=models)
    usual, count, ledger = session.coordinator.on_decision, [], session.context.ledger

    def decide():
        usual()
        count.append(ledger.order_count)
        if len(count) == 400:
            session.loop.commands.append(LoopCommand.HALT)
        elif len(count) == 600:
            assert (ledger.position.lots, ledger.working) == (0, {})
            session.loop.commands.append(LoopCommand.REARM)

    session.coordinator.on_decision = decide
    session.run()
    assert count[599] - count[405] <= 2, "nothing but the flattening while it is halted"
    assert count[-1] > count[599] + 10
    assert session.context.gate.state is TradingState.NORMAL
