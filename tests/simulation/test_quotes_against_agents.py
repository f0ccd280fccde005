"""The quoting loop without the interpreter has the agent path's fills, one by one."""

from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from dreammaker._ext.policy import NoQuotes, SkewedMaker, TouchMaker
from dreammaker.assembly.config import parse_config
from dreammaker.assembly.model_set import ModelSet
from dreammaker.assembly.session import Session
from dreammaker.assembly.sources import log_source, simulated_source
from dreammaker.backtest import Backtest
from dreammaker.backtest.quotes import run_quotes
from dreammaker.data import read_lobster, read_mt5_ticks
from dreammaker.domain.errors import ConfigError
from dreammaker.domain.orders import Reason, ReportKind
from dreammaker.store.journal import Entry

RISK = {
    "max_position_lots": 10, "max_order_lots": 3, "max_working_orders": 6, "max_notional": 1e9,
    "max_net_notional": 1e9, "max_gross_notional": 1e9, "capital": 1e9, "max_daily_loss": 1e8,
    "max_drawdown": 1e8, "max_consecutive_losses": 100_000, "max_reject_share": 1.0,
    "max_slippage_ticks": 1e5, "duplicate_window_ms": 20, "max_orders_per_second": 8,
    "max_orders_per_minute": 200, "max_messages_per_fill": 50, "message_allowance": 300,
    "entry_start_minutes_after_open": 1.0}


def config(profile="ideal", interval_s=0.05, exchange=None, **risk):
    return parse_config({
        "simulation": {"session_minutes": 12.0}, "run": {"seed": 11},
        "exchange": {"profile": profile, "entry_latency_ms": 3.0, "response_latency_ms": 2.0,
                     **(exchange or {})},
        "model": {"decision_interval_s": interval_s},
        "risk": {**RISK, "entry_stop_minutes_before_close": 0.5,
                 "flatten_minutes_before_close": 0.0, "deadline_minutes_before_close": 0.0,
                 **risk}})


def generated(settings, *, close_known=False):
    """The generated market; without a known close nothing ends but with the records."""
    source = simulated_source(settings)
    return source if close_known else replace(source, close_ns=None)


def agent_fills(settings, source, policy):
    models = ModelSet.from_config(settings, source.feed.source)
    models.quoter = policy
    session = Session(settings, source, models=models)
    summary = session.run().summary
    assert summary["failures"] == [] and summary["trading_state"] == "NORMAL"
    records = session.journal.entries.records
    orders = records[records["kind"] == Entry.SUBMIT]
    reports = records[(records["kind"] == Entry.REPORT) & (records["code"] == ReportKind.FILLED)]
    sides = dict(zip(orders["order_id"].tolist(), orders["side"].tolist(), strict=True))
    return summary, [
        (int(r["order_id"]), int(r["time_ns"]), sides[int(r["order_id"])], int(r["qty_lots"]),
         int(r["price_ticks"])) for r in reports]


def same_fills(settings, make_source, policy, least):
    summary, expected = agent_fills(settings, make_source(), policy)
    result = run_quotes(settings, make_source(), policy)
    fills = [(int(f["order_id"]), int(f["local_ns"]), int(f["side"]), int(f["qty_lots"]),
              int(f["price_ticks"])) for f in result.fills]
    assert fills == expected
    assert len(fills) >= least
    denied = {reason.name: count for reason, count in result.denied.items()}
    assert denied == summary["denied"]
    assert result.counts["orders"] == summary["orders"]
    assert result.counts["decisions"] == summary["counts"]["decisions"]
    assert result.position_lots == summary["position_lots"]
    assert result.net_micros == summary["net_micros"]
    assert result.fees_micros == summary["fees_micros"]
    return result


@pytest.mark.parametrize("interval_s", [0.1, 0.01])
def test_touch_maker_on_the_generated_market(interval_s):
    settings = config(interval_s=interval_s)
    result = same_fills(settings, lambda: generated(settings),
                        TouchMaker(lots=2, max_position_lots=9), 200)
    assert Reason.ENTRY_WINDOW in result.denied


def test_limits_that_bind():
    settings = config(interval_s=0.01, max_position_lots=3, max_order_lots=2,
                      max_orders_per_second=2, max_orders_per_minute=40)
    result = same_fills(settings, lambda: generated(settings),
                        TouchMaker(lots=3, max_position_lots=50), 0)
    assert Reason.ORDER_SIZE in result.denied
    result = same_fills(settings, lambda: generated(settings),
                        TouchMaker(lots=2, max_position_lots=50), 20)
    assert {Reason.POSITION_LIMIT, Reason.ORDER_RATE} <= set(result.denied)
    tight = config(interval_s=0.01, duplicate_window_ms=500, message_allowance=50,
                   max_messages_per_fill=3, max_spread_ticks=1, price_collar_ticks=1)
    result = same_fills(tight, lambda: generated(tight),
                        SkewedMaker(half_spread_ticks=0.5, skew_ticks=0.6), 5)
    assert {Reason.WIDE_SPREAD, Reason.DUPLICATE_ORDER} <= set(result.denied)


def test_margin_and_notional_bind():
    settings = config(max_notional=150_000, margin_per_lot=100.0, capital=450.0)
    result = same_fills(settings, lambda: generated(settings),
                        TouchMaker(max_position_lots=10), 20)
    assert set(result.denied) & {Reason.MARGIN, Reason.NOTIONAL}


def test_latencies_are_drawn_alike():
    settings = config(exchange={"entry_latency_p99_ms": 60.0, "response_latency_p99_ms": 90.0})
    same_fills(settings, lambda: generated(settings), TouchMaker(), 100)


def test_venue_that_blocks_the_program_is_refused():
    settings = config(profile="mt5_b3")
    with pytest.raises(ConfigError, match="ideal"):
        run_quotes(settings, generated(settings), TouchMaker())


def test_backtest_of_a_quoting_policy_has_the_same_fills():
    settings = config()
    result = Backtest(settings, quoter=TouchMaker()).run()
    fast = run_quotes(settings, generated(settings, close_known=True), TouchMaker())
    assert len(result.fills) > 500
    assert result.fills["price"].tolist() == (5.0 * fast.fills["price_ticks"]).tolist()


def test_nothing_quoted_then_nothing_happens():
    settings = config()
    result = run_quotes(settings, simulated_source(settings), NoQuotes())
    assert (result.counts["orders"], result.net_micros, len(result.fills)) == (0, 0, 0)
    assert result.frame().empty


@pytest.mark.parametrize("batch", [7, 4096])
def test_batch_size_changes_nothing(batch):
    settings = config()
    whole = run_quotes(settings, simulated_source(settings), TouchMaker())
    cut = replace(settings, data=replace(settings.data, batch_events=batch))
    again = run_quotes(cut, simulated_source(cut), TouchMaker())
    np.testing.assert_array_equal(whole.fills, again.fills)
    assert whole.counts == again.counts


def test_loss_limit_when_reached_then_the_run_stops_and_says_so():
    settings = config(max_daily_loss=20.0)
    result = run_quotes(settings, simulated_source(settings), TouchMaker())
    assert result.stopped_by == "DAILY_LOSS" and result.net_micros <= -20_000_000
    settings = config(max_drawdown=15.0)
    assert run_quotes(settings, simulated_source(settings), TouchMaker()).stopped_by == "DRAWDOWN"


def test_position_is_closed_before_the_close():
    settings = config(flatten_minutes_before_close=0.5)
    result = run_quotes(settings, generated(settings, close_known=True), TouchMaker())
    assert result.position_lots == 0 and len(result.fills) > 50


def test_limits_this_path_does_not_know_are_refused():
    settings = config(max_net_notional=1e6)
    with pytest.raises(ConfigError, match="max_notional"):
        run_quotes(settings, simulated_source(settings), TouchMaker())


def test_order_by_order_day(market_data):
    settings = config(interval_s=0.1)
    log = read_lobster(market_data / "LOBSTER_SampleFile_GOOG_2012-06-21_10.zip")
    part = replace(log, events=log.events[:40_000])
    same_fills(settings, lambda: log_source(part, settings.instrument, date(2012, 6, 21)),
               TouchMaker(lots=3, max_position_lots=9), 100)


def test_day_of_best_prices_only(market_data):
    settings = config(interval_s=0.1)
    log = read_mt5_ticks(market_data / "DOLK20.csv")
    part = replace(log, events=log.events[:80_000])
    same_fills(settings, lambda: replace(log_source(part, settings.instrument, date(2020, 4, 2)),
                                         close_ns=None), TouchMaker(), 50)
