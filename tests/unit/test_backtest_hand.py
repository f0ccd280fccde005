"""Backtests of days small enough to work out on paper."""

import numpy as np
import pytest

from dreammaker.backtest import Backtest, BacktestResult
from dreammaker.backtest.costs import COST_PARTS
from tests.unit.backtest_scenes import START, Day, Says, Script, Yes, config, taking_day

FEE = 256_100


def run(day: Day, steps: list[tuple[float, int]], **sections: dict[str, object]) -> BacktestResult:
    return Backtest(config(**sections), log=day.log(), predictor=Says(), policy=Script(steps),
                    voters=[Yes()]).run()


def parts(result: BacktestResult) -> dict[str, int]:
    return {name: result.summary[f"cost_{name}_micros"] for name in COST_PARTS}


def test_taking_when_the_market_moves_in_flight_then_each_part_is_what_paper_says() -> None:
    result = run(taking_day(), [(0.0, 0), (10.0, 1), (20.0, 0)])
    fills = result.tables["fills"]
    assert fills["price_ticks"].tolist() == [26_002, 26_010]
    assert fills["liquidity"].tolist() == ["taker", "taker"]
    # Bought at 26002 with the mid at 26000.5 when sent and 26001.5 on arrival; sold at 26010 with
    # the mid at 26011 all the while.
    assert fills["cost_latency_micros"].tolist() == [1_000_000, 0]
    assert fills["cost_spread_micros"].tolist() == [500_000, 1_000_000]
    assert parts(result) == {"latency": 1_000_000, "waiting": 0, "spread": 1_500_000, "impact": 0,
                             "fees": 2 * FEE}
    assert result.summary["paper_micros"] == 10_500_000
    assert result.summary["net_micros"] == 8_000_000 - 2 * FEE
    trades = result.tables["trades"]
    assert (trades["gross_micros"].tolist(), trades["net_micros"].tolist()) == (
        [8_000_000], [8_000_000 - 2 * FEE])
    assert (trades["entry_ticks"][0], trades["exit_ticks"][0]) == (26_002.0, 26_010.0)


def test_taking_when_larger_than_the_touch_then_the_rest_is_impact() -> None:
    day = Day().book(0.5, [(26_000, 50)], [(26_001, 10), (26_002, 10)]).ticks(1.0, 30.0)
    result = run(day, [(0.0, 0), (10.0, 1), (20.0, 0)], execution={"order_lots": 15})
    fills = result.tables["fills"]
    assert list(zip(fills["price_ticks"].tolist(), fills["qty_lots"].tolist(),
                    strict=True))[:2] == [(26_001, 10), (26_002, 5)]
    assert fills["cost_impact_micros"].tolist()[:2] == [0, 5_000_000]
    assert fills["cost_spread_micros"].tolist()[:2] == [5_000_000, 2_500_000]
    assert parts(result) == {"latency": 0, "waiting": 0, "spread": 15_000_000,
                             "impact": 5_000_000, "fees": 30 * FEE}
    assert result.summary["paper_micros"] == 0


def test_resting_when_the_mid_moves_first_then_waiting_and_spread_are_told_apart() -> None:
    day = Day().book(0.5, [(26_000, 5)], [(26_001, 5)]).ticks(1.0, 12.0)
    day.book(11.5, [(26_000, 5)], [(26_003, 5)])
    day.trade(12.2, -1, 26_000, 5).trade(12.4, -1, 26_000, 3).ticks(13.0, 30.0)
    result = run(day, [(0.0, 0), (10.0, 1), (20.0, 0)],
                 execution={"entry_style": "near_touch", "near_touch_ms": 60_000.0})
    fills, orders = result.tables["fills"], result.tables["orders"]
    assert fills["liquidity"].tolist() == ["maker", "taker"]
    assert fills["price_ticks"].tolist()[0] == 26_000
    # The mid rose from 26000.5 to 26001.5 while we waited; against it we bought 1.5 ticks cheap.
    assert fills["cost_waiting_micros"].tolist()[0] == 1_000_000
    assert fills["cost_spread_micros"].tolist()[0] == -1_500_000
    assert (bool(orders["passive"][0]), int(orders["shown_lots"][0])) == (True, 5)
    assert (orders["outcome"].tolist(), bool(orders["passive"][1])) == (["filled", "filled"], False)


def test_reversal_when_both_sides_trade_then_two_trips_and_shared_fees() -> None:
    day = Day().book(0.5, [(26_000, 50)], [(26_001, 50)]).ticks(1.0, 40.0)
    result = run(day, [(0.0, 0), (10.0, 1), (20.0, -1), (30.0, 0)])
    trades, summary = result.tables["trades"], result.summary
    assert trades["side"].tolist() == [1, -1]
    assert trades["gross_micros"].tolist() == [-1_000_000, -1_000_000]
    assert int(trades["fees_micros"].sum()) == summary["cost_fees_micros"] == 4 * FEE
    assert summary["net_micros"] == -2_000_000 - 4 * FEE
    assert result.positions["position_lots"].tolist() == [1, 0, -1, 0]


def test_open_position_when_the_records_end_then_valued_at_the_last_mid() -> None:
    result = run(taking_day(), [(0.0, 0), (10.0, 1)])
    summary = result.summary
    assert summary["open_lots_at_day_ends"] == 1
    # Bought at 26002, last mid 26011.
    assert summary["open_micros"] == 9_000_000
    assert summary["net_micros"] == 9_000_000 - FEE
    assert summary["paper_micros"] == 10_500_000
    assert len(result.tables["trades"]["net_micros"]) == 0


def test_days_when_several_then_each_starts_flat_and_the_equity_goes_on() -> None:
    from datetime import date

    logs = [taking_day(START + index * 86_400 * 10**9).log(date(2026, 3, 2 + index))
            for index in range(3)]

    class EveryDay(Script):
        def propose(self, prediction, position_lots, now_ns):  # type: ignore[no-untyped-def]
            self.start = START + (now_ns - START) // (86_400 * 10**9) * 86_400 * 10**9
            return super().propose(prediction, position_lots, now_ns)

    result = Backtest(config(), log=logs, predictor=Says(), voters=[Yes()],
                      policy=EveryDay([(0.0, 0), (10.0, 1), (20.0, 0)])).run()
    one = 8_000_000 - 2 * FEE
    assert result.tables["daily"]["net_micros"].tolist() == [one] * 3
    curve = result.equity_curve
    assert round(float(curve["net"].iloc[-1]) * 1e6) == 3 * one
    assert curve.index.is_monotonic_increasing
    # The largest fall is each sale's: the half spread of a tick, and the fee.
    assert result.summary["max_drawdown_micros"] == 1_000_000 + FEE
    exposure = result.exposure
    assert exposure["max_lots"].tolist() == [1, 1, 1]
    seconds = exposure["seconds"] * exposure["share_in_market"]
    assert np.allclose(seconds, 10.0)


def test_hours_when_summed_then_the_result() -> None:
    result = run(taking_day(), [(0.0, 0), (10.0, 1), (20.0, 0)])
    hours = result.by_hour
    assert hours.index.tolist() == [9]
    assert float(hours["net"].sum()) * 1e6 == pytest.approx(result.summary["net_micros"])


def test_entries_when_risk_denies_all_then_nothing_is_spent_and_no_ratio_given() -> None:
    result = run(taking_day(), [(0.0, 0), (10.0, 1), (20.0, 0)],
                 risk={"entry_start_minutes_after_open": 60.0})
    assert result.summary["orders"] == 0
    assert result.header["denied"] == {"ENTRY_WINDOW": result.summary["denied"]}
    assert (result.summary["net_micros"], result.summary["paper_micros"]) == (0, 0)
    assert result.sharpe().value != result.sharpe().value
