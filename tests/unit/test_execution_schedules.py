"""Schedules against published and hand-worked values, and what every one of them keeps."""

import datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dreammaker.domain.schema import EVENT_DTYPE, Flag, Kind
from dreammaker.engine.clock import NS_PER_S
from dreammaker.execution.rounding import whole_lots
from dreammaker.execution.schedules import (
    almgren_chriss,
    almgren_chriss_trajectory,
    pov,
    slice_times_ns,
    twap,
    vwap,
)
from dreammaker.execution.volume_curve import (
    VolumeCurve,
    bucket_volumes,
    day_classes,
    learn_volume_curve,
)

TABLE_1 = {"volatility": 0.95, "half_spread": 0.0625, "permanent": 2.5e-7, "temporary": 2.5e-6}
MINUTE = 60 * NS_PER_S


# Hand values (reference D.17, D.6).


def test_twap_of_103_in_5():
    assert twap(103, 5).tolist() == [21, 20, 21, 20, 21]


def test_vwap_of_103_on_a_curve():
    assert vwap(103, [0.3, 0.15, 0.1, 0.15, 0.3]).tolist() == [31, 15, 11, 15, 31]


def test_fewer_lots_than_slices_leave_some_empty():
    assert twap(2, 5).tolist() == [0, 1, 0, 1, 0]
    assert twap(1, 3).tolist() == [0, 1, 0]


@pytest.mark.parametrize(("risk_aversion", "slices"), [
    (0.0, [200000] * 5),
    (1e-6, [458044, 252102, 141957, 85755, 62142]),
    (2e-6, [571401, 245666, 106637, 48653, 27643]),
    (-2e-7, [89944, 159107, 216180, 256823, 277946])])
def test_almgren_chriss_table_in_whole_lots(risk_aversion, slices):
    # Holdings 541 955.55, 289 854.22, ...: each is rounded, and slices are their differences.
    found = almgren_chriss(1_000_000, 5.0, 5, **TABLE_1, risk_aversion=risk_aversion)
    assert found.sum() == 1_000_000
    assert found.tolist() == slices


def test_almgren_chriss_trajectory_has_the_cost_of_the_table():
    path = almgren_chriss_trajectory(1_000_000, 5.0, 5, **TABLE_1, risk_aversion=1e-6)
    assert path.expected_cost == pytest.approx(911226.9863, abs=5.1e-4)
    assert path.holdings_lots[1:-1] == pytest.approx(
        [541955.55, 289854.22, 147897.49, 62141.80], abs=5.1e-3)


def test_almgren_chriss_exact_is_no_dearer_than_the_rounded_one():
    few = {"volatility": 0.95, "permanent": 0.0, "temporary": 2.5e-1, "risk_aversion": 0.05}
    costs = []
    for exact in (False, True):
        slices = almgren_chriss(7, 5.0, 5, **few, exact=exact)
        left = 7 - np.cumsum(slices)
        costs.append(0.25 * (slices ** 2).sum() + 0.05 * 0.95 ** 2 * (left ** 2).sum())
        assert slices.sum() == 7
    assert costs[1] <= costs[0]


def test_pov_follows_volume_with_a_cap_and_catches_up_within_a_limit():
    volumes = [40, 10, 3, 400, 0, 0]
    assert pov(200, volumes, 0.2).tolist() == [10, 2, 1, 100, 0, 0]
    assert pov(200, volumes, 0.2, max_child_lots=60).tolist() == [10, 2, 1, 60, 40, 0]
    assert pov(200, volumes, 0.2, max_child_lots=60, max_catch_up_lots=25).tolist() == [
        10, 2, 1, 60, 25, 15]
    assert pov(50, volumes, 0.2).sum() == 50


def test_pov_rate_is_of_the_total_volume():
    # A fifth of all: 25 of ours and 100 of others' make 125.
    assert pov(1000, [100], 0.2).tolist() == [25]
    assert pov(1000, [100], 0.5).tolist() == [100]


# Errors: one sentence that names the parameter, the rule and the value.


@pytest.mark.parametrize(("call", "words"), [
    (lambda: twap(0, 5), "lots must be a whole number of 1 or more, was 0"),
    (lambda: twap(5, 0), "slices must be a whole number of 1 or more, was 0"),
    (lambda: twap(2.5, 5), "lots must be a whole number, was 2.5"),
    (lambda: twap(5, 5, size_jitter=0.2), "rng must be given"),
    (lambda: twap(5, 5, size_jitter=1.0, rng=np.random.default_rng(1)), r"in \[0, 1\)"),
    (lambda: vwap(5, []), "one number or more"),
    (lambda: vwap(5, [0.0, 0.0]), "must not be 0 everywhere"),
    (lambda: vwap(5, [1.0, -0.1]), "0 or more, was -0.1 at index 1"),
    (lambda: vwap(5, [1.0, float("nan")]), "finite"),
    (lambda: vwap(5, ["a"]), "vector of numbers"),
    (lambda: pov(5, [1], 1.0), r"rate must be in \(0, 1\), was 1.0"),
    (lambda: pov(5, [1.5], 0.5), "whole numbers of 0 or more, was 1.5 at index 0"),
    (lambda: pov(5, [-1], 0.5), "was -1 at index 0"),
    (lambda: pov(5, [1], 0.5, max_child_lots=0), "max_child_lots"),
    (lambda: almgren_chriss(5, 0.0, 5, **TABLE_1, risk_aversion=0.0), "horizon must be above 0"),
    (lambda: almgren_chriss(5, 1.0, 5, **TABLE_1, risk_aversion=-1.0), "risk_aversion"),
    (lambda: almgren_chriss(5, 1.0, 5, **TABLE_1, risk_aversion=-1e-9, exact=True),
     "0 or more where exact"),
    (lambda: almgren_chriss(10, 5.0, 5, **TABLE_1, risk_aversion=1e-6, drift=5.0), "buy back"),
    (lambda: slice_times_ns(0, 3, 4), "at least count = 4 ns"),
    (lambda: slice_times_ns(0, 9, 4, 0.5), "rng must be given"),
    (lambda: VolumeCurve(5, {}), 'class "all"'),
    (lambda: VolumeCurve(5, {"all": (0.0,)}), "not be 0 everywhere"),
    (lambda: learn_volume_curve({}, 5), "one day with volume"),
    (lambda: bucket_volumes([], 5, 5, 1), "close_ns must be after open_ns"),
])
def test_bad_input_is_named(call, words):
    with pytest.raises(ValueError, match=words):
        call()


# Properties.

LOTS = st.integers(1, 1_000_000)
WEIGHTS = st.lists(st.floats(0, 1e9, allow_subnormal=False), min_size=1, max_size=60).filter(any)


@given(LOTS, WEIGHTS, st.floats(0, 0.99), st.integers(0, 2**32))
def test_slices_sum_exactly_and_are_never_negative(lots, weights, jitter, seed):
    slices = vwap(lots, weights, size_jitter=jitter, rng=np.random.default_rng(seed))
    assert slices.dtype == np.int64
    assert slices.sum() == lots
    assert (slices >= 0).all()
    again = vwap(lots, weights, size_jitter=jitter, rng=np.random.default_rng(seed))
    assert (slices == again).all()


@given(LOTS, st.integers(1, 200))
def test_twap_slices_differ_by_at_most_a_lot(lots, count):
    slices = twap(lots, count)
    assert slices.sum() == lots
    assert slices.max() - slices.min() <= 1


@given(LOTS, WEIGHTS)
def test_rounding_leaves_every_cumulative_sum_within_half_a_lot(lots, weights):
    reached = np.cumsum(whole_lots(lots, weights))
    wanted = lots * np.cumsum(weights) / np.sum(weights)
    assert (abs(reached - wanted) <= 0.5 + 1e-6 * lots).all()


def test_jitter_varies_with_the_generator():
    rng = np.random.default_rng(5)
    seen = {tuple(twap(1000, 10, size_jitter=0.5, rng=rng).tolist()) for _ in range(20)}
    assert len(seen) == 20


@given(st.integers(-10**18, 10**18), st.integers(1, 10**13), st.integers(1, 100),
       st.floats(0, 0.99), st.integers(0, 2**32))
def test_slice_times_rise_within_the_parents_time(start, length, count, jitter, seed):
    end = start + length + count
    times = slice_times_ns(start, end, count, jitter, np.random.default_rng(seed))
    assert times[0] >= start
    assert times[-1] < end
    assert (np.diff(times) > 0).all()


@given(LOTS, st.lists(st.integers(0, 100_000), min_size=1, max_size=50), st.floats(0.001, 0.999),
       st.one_of(st.none(), st.integers(1, 500)), st.one_of(st.none(), st.integers(0, 500)))
def test_pov_is_never_above_its_rate_nor_its_limits(lots, volumes, rate, cap, catch_up):
    slices = pov(lots, volumes, rate, max_child_lots=cap, max_catch_up_lots=catch_up)
    own, others = np.cumsum(slices), np.cumsum(volumes)
    assert (slices >= 0).all()
    assert own[-1] <= lots
    assert (own <= rate / (1 - rate) * others * (1 + 1e-9) + 1e-6).all()
    assert cap is None or slices.max() <= cap
    if cap is None and catch_up is None:
        assert own[-1] == min(lots, int(rate / (1 - rate) * others[-1] * (1 + 1e-12) + 1e-9))


@given(LOTS, st.integers(1, 60), st.floats(0, 1e-4))
def test_almgren_chriss_sums_exactly(lots, count, risk_aversion):
    slices = almgren_chriss(lots, 5.0, count, volatility=0.95, temporary=2.5e-6,
                            risk_aversion=risk_aversion)
    assert slices.sum() == lots
    assert (slices >= 0).all()


# The volume curve.

MONDAY = datetime.date(2026, 2, 2)


def test_curve_is_the_median_share_by_class_and_leaves_half_days_out():
    days = {MONDAY + datetime.timedelta(days=7 * k): [6.0, 1.0, 3.0] for k in range(5)}
    days |= {MONDAY + datetime.timedelta(days=7 * k + 1): [200.0, 200.0, 400.0] for k in range(5)}
    # Half a day, an empty one, and one Monday with a rush: none of them shows.
    days[MONDAY + datetime.timedelta(days=2)] = [5.0, 0.0, 0.0]
    days[MONDAY + datetime.timedelta(days=3)] = [0.0, 0.0, 0.0]
    days[MONDAY + datetime.timedelta(days=35)] = [1000.0, 1.0, 1.0]
    curve = learn_volume_curve(days, 30)
    assert set(curve.shares) == {"all", "mon", "tue"}
    assert curve.shares["mon"] == pytest.approx([0.6, 0.1, 0.3])
    assert curve.shares["tue"] == pytest.approx([0.25, 0.25, 0.5])
    assert curve.of_day(MONDAY) == curve.shares["mon"]
    assert curve.of_day(MONDAY + datetime.timedelta(days=3)) == curve.shares["all"]


def test_curve_by_new_york_time_prefers_the_narrowest_class():
    days = {MONDAY + datetime.timedelta(days=7 * k): [1.0, 1.0 + (k > 4)] for k in range(12)}
    curve = learn_volume_curve(days, 30, by_us_dst=True)
    assert set(curve.shares) == {"all", "mon", "us_dst", "us_winter", "mon_us_dst",
                                 "mon_us_winter"}
    assert curve.of_day(datetime.date(2026, 3, 9)) == curve.shares["mon_us_dst"]
    assert curve.of_day(datetime.date(2026, 3, 10)) == curve.shares["us_dst"]


@pytest.mark.parametrize(("day", "regime"), [
    ("2026-03-07", "us_winter"), ("2026-03-08", "us_dst"), ("2026-10-31", "us_dst"),
    ("2026-11-01", "us_winter"), ("2025-03-09", "us_dst"), ("2025-11-02", "us_winter")])
def test_new_york_daylight_saving(day, regime):
    assert day_classes(datetime.date.fromisoformat(day))[2] == regime


def test_weights_are_the_curve_over_each_slice():
    curve = VolumeCurve(10, {"all": (1.0, 3.0)})
    assert curve.weights(MONDAY, 0, 0, 20 * MINUTE, 4) == pytest.approx([1/8, 1/8, 3/8, 3/8])
    assert curve.weights(MONDAY, 0, 15 * MINUTE, 25 * MINUTE, 2) == pytest.approx([3/8, 0.0])
    assert curve.weights(MONDAY, 0, 30 * MINUTE, 40 * MINUTE, 2) == [1.0, 1.0]
    with pytest.raises(ValueError, match="start_ns"):
        curve.weights(MONDAY, MINUTE, 0, 2 * MINUTE, 1)


@given(st.integers(0, 100), st.integers(1, 100), st.integers(1, 20))
def test_weights_of_parts_add_up_to_the_whole(start, length, count):
    curve = VolumeCurve(7, {"all": (1.0, 3.0, 0.5, 2.0)})
    if start >= 28:
        return
    parts = curve.weights(MONDAY, 0, start * MINUTE, (start + length) * MINUTE, count)
    assert sum(parts) == pytest.approx(
        curve.weights(MONDAY, 0, start * MINUTE, (start + length) * MINUTE, 1)[0])


def test_volumes_of_a_log_are_those_of_continuous_trading():
    events = np.zeros(7, EVENT_DTYPE)
    events["kind"] = [Kind.TRADE] * 5 + [Kind.ORDER_EXECUTE, Kind.QUOTE]
    events["exch_ns"] = np.array([-1, 0, 5, 10, 25, 19, 3]) * MINUTE
    events["qty_lots"] = [100, 50, 3, 4, 1000, 6, 7]
    events["flags"][1] = Flag.AUCTION
    assert bucket_volumes([events[:3], events[3:]], 0, 25 * MINUTE, 10).tolist() == [3, 10, 0]
