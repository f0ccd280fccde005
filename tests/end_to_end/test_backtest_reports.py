"""What a report says of passive orders and of parent orders, on days that have them."""

import re
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from dreammaker.assembly.replay import verify_session
from dreammaker.backtest import Backtest, BacktestResult, Trials
from dreammaker.domain.errors import StoreError
from dreammaker.domain.instrument import Instrument
from dreammaker.reports.backtest import backtest_page
from dreammaker.reports.backtest_text import backtest_text
from dreammaker.store.eventlog import EventLog
from tests.end_to_end.sessions import ORDERS, orders_log, short_config
from tests.unit.backtest_scenes import Says, Script, Yes, config, taking_day

LIMITS = {"max_position_lots": 40, "max_order_lots": 40, "max_daily_loss": 1e6,
          "max_drawdown": 1e6, "max_consecutive_losses": 1000, "max_notional": 1e9,
          "max_gross_notional": 1e9, "max_net_notional": 1e9, "capital": 1e8}


@pytest.fixture(scope="module")
def passive() -> BacktestResult:
    log = EventLog.of(orders_log(5, 8000), Instrument.win("WIN"), ORDERS, day=date(2026, 3, 2))
    settings = short_config(
        model={"decision_interval_s": 0.2, "max_spread_ticks": 50},
        execution={"entry_style": "near_touch", "near_touch_ms": 3000.0},
        risk={"entry_start_minutes_after_open": 0.0, **LIMITS})
    return Backtest(settings, log=log).run()


def test_passive_orders_when_followed_by_the_venues_model_then_the_same_fills(
        passive: BacktestResult) -> None:
    queue = passive.tables["queue"]
    own = queue["model"] == "risk_averse"
    assert int(own.sum()) > 10
    assert queue["filled"][own].any() and not queue["filled"][own].all()
    # Two kernels that share no matching code: the venue's, and the calibration's.
    np.testing.assert_array_equal(queue["filled"][own], queue["predicted"][own])
    np.testing.assert_array_equal(queue["wait_ns"][own], queue["predicted_wait_ns"][own])
    nobody = queue["model"] == "(no queue)"
    assert queue["predicted"][nobody].sum() >= queue["predicted"][own].sum()
    assert set(passive.queue.columns) >= {"wait_s", "predicted_wait_s", "day"}


def test_report_when_orders_rested_then_every_model_stands_beside_the_backtest(
        passive: BacktestResult) -> None:
    for text in (backtest_text(passive), backtest_page(passive, Trials())):
        for model in ("risk_averse", "power n=3", "log", "(no queue)"):
            assert model in text
        assert "shown at the price" in text
        shown = re.sub(r"<script.*?</script>", "", text, flags=re.S)
        assert not re.search(r"\b(?:nan|None|inf)\b", shown, re.I)


def test_report_when_parents_were_worked_then_their_shortfall_sums(tmp_path: Path) -> None:
    result = Backtest(short_config(
        6.0, execution={"algorithm": "twap", "order_lots": 10, "horizon_s": 10.0},
        risk=LIMITS)).run()
    parents = result.tables["parents"]
    assert len(parents["parent_id"]) > 3
    parts = sum(parents[f"{name}_micros"] for name in ("delay", "impact", "spread", "fees",
                                                       "opportunity"))
    np.testing.assert_array_equal(parts, parents["shortfall_micros"])
    text = backtest_text(result)
    assert f"twap: {int((parents['algorithm'] == 'twap').sum())}" in text
    assert set(np.unique(result.tables["orders"]["parent_id"]).tolist()) >= {1, 2}
    same = BacktestResult.load(result.save(tmp_path / "kept"))
    assert backtest_text(same) == text
    assert len(result.parents) == len(parents["parent_id"])


def test_report_when_nothing_was_traded_then_it_says_so(tmp_path: Path) -> None:
    result = Backtest(config(risk={"entry_start_minutes_after_open": 600.0}),
                      log=taking_day().log(), predictor=Says(), voters=[Yes()],
                      policy=Script([(10.0, 1)])).run()
    page = backtest_page(result, Trials())
    assert "Round trips</td><td>none" in page
    assert "not defined" in page
    assert BacktestResult.load(result.save(tmp_path / "empty")).summary == result.summary


def test_session_of_foreign_models_when_verified_then_refused_with_their_names(
        tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    Backtest(config(), log=taking_day().log(), predictor=Says(), voters=[Yes()],
             policy=Script([(0.0, 0), (10.0, 1), (20.0, 0)])).run(sessions=tmp_path)
    (folder,) = tmp_path.iterdir()
    with pytest.raises(StoreError, match=r"does not describe its models.*backtest_scenes\.Says"):
        verify_session(folder)
    assert capfd.readouterr() == ("", "")
