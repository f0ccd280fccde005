"""Implementation shortfall and its parts, by hand and by independent sums."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dreammaker.execution.costs import (
    CostLog,
    CostMeter,
    cost_columns,
    cost_of_fills,
    interval_twap_ticks,
    interval_vwap_ticks,
    mids_before,
)

TICK = 1_000_000
FILLS = st.lists(st.tuples(st.integers(1, 50), st.integers(25_000, 27_000),
                           st.integers(50_000, 54_000)), max_size=20)
MIDS = st.integers(50_000, 54_000)


@given(st.sampled_from([1, -1]), FILLS, st.integers(0, 100), MIDS, MIDS, MIDS,
       st.integers(0, 10**9))
def test_parts_sum_to_the_shortfall_recomputed_from_fills(side, fills, unfilled, decision, arrival,
                                                          end, fees):
    lots = [n for n, _, _ in fills]
    parent = sum(lots) + unfilled
    if not parent:
        return
    cost = cost_of_fills(side, parent, [p for _, p, _ in fills], lots, [m for _, _, m in fills],
                         decision_half_ticks=decision, arrival_half_ticks=arrival,
                         end_half_ticks=end, tick_value_micros=TICK, fees_micros=fees)
    paper = side * sum(n * (2 * p - decision) for n, p, _ in fills) * TICK // 2
    missed = side * unfilled * (end - decision) * TICK // 2
    assert cost.shortfall_micros == paper + missed + fees
    assert cost.filled_lots == sum(lots)
    mirror = cost_of_fills(-side, parent, [p for _, p, _ in fills], lots,
                           [m for _, _, m in fills], decision_half_ticks=decision,
                           arrival_half_ticks=arrival, end_half_ticks=end, tick_value_micros=TICK)
    assert mirror.shortfall_micros == -(cost.shortfall_micros - fees)


def test_sale_by_hand():
    # Sold 3 of 5 at 99 with the mid at 100, decided and arrived at 101, 97 at the end.
    cost = cost_of_fills(-1, 5, [99], [3], [200], decision_half_ticks=202, arrival_half_ticks=202,
                         end_half_ticks=194, tick_value_micros=10, fees_micros=6, vwap_ticks=100.0,
                         twap_ticks=98.5)
    assert (cost.spread_micros, cost.impact_micros, cost.delay_micros) == (30, 30, 0)
    assert cost.opportunity_micros == 80
    assert cost.shortfall_micros == 146
    assert cost.shortfall_ticks == pytest.approx(146 / 50)
    assert (cost.against_vwap_ticks, cost.against_twap_ticks) == (1.0, -0.5)


def test_nothing_filled_has_no_price_and_only_opportunity():
    cost = cost_of_fills(1, 5, [], [], [], decision_half_ticks=200, arrival_half_ticks=200,
                         end_half_ticks=206, tick_value_micros=10)
    assert math.isnan(cost.average_price_ticks)
    assert cost.shortfall_micros == cost.opportunity_micros == 150
    assert cost.as_dict()["average_price_ticks"] is None


@pytest.mark.parametrize("fills", [([1], [1, 2], [1]), ([1], [0], [1]), ([1], [9], [1])])
def test_bad_fills_are_refused(fills):
    with pytest.raises(ValueError, match="lots"):
        cost_of_fills(1, 5, *fills, decision_half_ticks=1, arrival_half_ticks=1, end_half_ticks=1,
                      tick_value_micros=1)


def test_interval_vwap_counts_the_interval_alone():
    assert interval_vwap_ticks([0, 5, 9, 10], [100, 200, 400, 999], [1, 3, 1, 7], 5, 10) == 250.0
    assert math.isnan(interval_vwap_ticks([0], [1], [1], 5, 10))


def test_interval_twap_weights_by_time():
    times, mids = [0, 10, 30], [200, 400, 1000]
    assert interval_twap_ticks(times, mids, 0, 40) == (10 * 100 + 20 * 200 + 10 * 500) / 40
    assert interval_twap_ticks(times, mids, 5, 15) == 150.0
    assert interval_twap_ticks(times, mids, 12, 14) == 200.0
    assert interval_twap_ticks(times, mids, -10, 10) == 100.0
    assert math.isnan(interval_twap_ticks(times, mids, -10, 0))


@given(st.lists(st.integers(0, 50), min_size=1, max_size=10, unique=True), st.integers(0, 60),
       st.integers(1, 30))
def test_interval_twap_equals_a_sum_over_moments(times, start, length):
    times = sorted(times)
    mids = [100 + 7 * k for k in range(len(times))]
    end = start + length
    moments = [t for t in range(start, end) if t >= times[0]]
    found = interval_twap_ticks(times, mids, start, end)
    if not moments:
        assert math.isnan(found)
        return
    naive = [mids[max(k for k, t in enumerate(times) if t <= moment)] for moment in moments]
    assert found == pytest.approx(sum(naive) / len(naive) / 2)


def test_mids_before_a_fill_are_strictly_before():
    assert mids_before([10, 20], [1, 2], [5, 10, 11, 20, 21]).tolist() == [1, 1, 1, 1, 2]


def test_meter_when_sampled_often_then_equals_the_pure_functions():
    rng = np.random.default_rng(7)
    meter = CostMeter(1, "twap", 1, 100, 0, 52_000, TICK)
    times, mids, volumes = [], [], []
    fills, mid, volume = [], 52_000, 0
    for step in range(200):
        now = step * 10
        mid += int(rng.integers(-2, 3))
        volume += int(rng.integers(0, 9))
        meter.sample(now, mid, volume)
        times.append(now)
        mids.append(mid)
        volumes.append(volume)
        if step == 3:
            meter.sent(mid)
        if step > 3 and step % 20 == 0:
            fills.append((now + 1, int(rng.integers(1, 9)), mid // 2 + 1))
            meter.filled(*fills[-1], 5)
    cost = meter.result(1990, mids[-1])
    exact = cost_of_fills(
        1, 100, [p for _, _, p in fills], [n for _, n, _ in fills],
        mids_before(times, mids, [t for t, _, _ in fills]).tolist(), decision_half_ticks=52_000,
        arrival_half_ticks=mids[3], end_half_ticks=mids[-1], tick_value_micros=TICK,
        fees_micros=5 * len(fills))
    for part in (*CostLog.PARTS[:-1], "shortfall"):
        assert getattr(cost, f"{part}_micros") == getattr(exact, f"{part}_micros"), part
    assert cost.twap_ticks == pytest.approx(interval_twap_ticks(times, mids, 0, 1990))
    traded = np.diff(volumes)
    assert cost.vwap_ticks == pytest.approx(
        (traded * (np.array(mids[1:]) + mids[:-1])).sum() / traded.sum() / 4)


def test_log_keeps_totals_of_all_and_the_latest_one_by_one():
    log = CostLog(kept=2)
    for k in range(5):
        log.add(cost_of_fills(1, 2, [100 + k], [1], [200], decision_half_ticks=200,
                              arrival_half_ticks=200, end_half_ticks=202, tick_value_micros=10))
    assert len(log.costs) == 2
    assert log.summary() == {
        "parents": 5, "wanted_lots": 10, "filled_lots": 5, "delay_micros": 0, "spread_micros": 100,
        "impact_micros": 0, "fees_micros": 0, "opportunity_micros": 50, "shortfall_micros": 150}
    log.keep(3)
    log.add(log.costs[0])
    assert [cost.average_price_ticks for cost in log.costs] == [103.0, 104.0, 103.0]
    log.keep(2)
    assert log.count == 6
    columns = cost_columns(list(log.costs)[::-1])
    assert columns["average_price_ticks"] == [103.0, 104.0]
    assert cost_columns([]) == {}
