"""The six microstructure classes, by hand values."""

import math

import pandas as pd
import pytest

from dreammaker.features.microstructure import (
    BookImbalance,
    LiquidityMetrics,
    MicroPrice,
    OrderFlowImbalance,
    SpreadMetrics,
    VolatilityFeatures,
)


def book(bids, asks):
    """One-row book from (price, volume) pairs, best first."""
    row = {}
    for name, levels in (("bid", bids), ("ask", asks)):
        for level, (price, volume) in enumerate(levels, start=1):
            row[f"{name}_price_{level}"] = price
            row[f"{name}_volume_{level}"] = volume
    return pd.DataFrame([row])


def ladder(bid, ask, bid_volumes, ask_volumes):
    return book([(bid - 5 * k, volume) for k, volume in enumerate(bid_volumes)],
                [(ask + 5 * k, volume) for k, volume in enumerate(ask_volumes)])


class TestOrderFlowImbalance:
    def test_initialization(self):
        ofi = OrderFlowImbalance(levels=[1, 2, 3, 5])
        assert ofi.levels == [1, 2, 3, 5]
        assert ofi.method == "cont"
        assert ofi.previous_book is None

    def test_first_calculation_gives_zeros(self):
        ofi = OrderFlowImbalance(levels=[1, 2, 3, 5])
        first = ladder(130000, 130005, [10, 20, 30, 40, 50], [12, 22, 32, 42, 52])
        assert ofi.calculate(first) == {1: 0.0, 2: 0.0, 3: 0.0, 5: 0.0}

    def test_volume_change_at_standing_prices(self):
        for method in ("cont", "volume"):
            ofi = OrderFlowImbalance(levels=[1], method=method)
            ofi.calculate(book([(130000, 10)], [(130005, 12)]))
            assert ofi.calculate(book([(130000, 15)], [(130005, 9)])) == {1: 5.0 + 3.0}, method

    def test_price_level_change(self):
        # The ask is consumed and the bid follows: 4 + 7 bought, though the sizes say -24.
        before, after = book([(130000, 15)], [(130005, 7)]), book([(130005, 4)], [(130010, 20)])
        cont, volume = OrderFlowImbalance([1]), OrderFlowImbalance([1], method="volume")
        cont.calculate(before)
        volume.calculate(before)
        assert cont.calculate(after) == {1: 11.0}
        assert volume.calculate(after) == {1: -24.0}

    def test_multi_level_sums_up_to_each_level(self):
        ofi = OrderFlowImbalance(levels=[1, 2])
        ofi.calculate(book([(130000, 10), (129995, 20)], [(130005, 12), (130010, 30)]))
        result = ofi.calculate(book([(130005, 4), (130000, 15)], [(130010, 28), (130015, 40)]))
        assert result == {1: 16.0, 2: 16.0 + 45.0}


class TestMicroPrice:
    def test_volume_weighted(self):
        price = MicroPrice.volume_weighted(130000, 10, 130005, 12)
        assert price == pytest.approx(130002.2727272727, abs=1e-9)

    def test_zero_volume_gives_the_mid(self):
        assert MicroPrice.volume_weighted(130000, 0, 130005, 0) == 130002.5
        assert MicroPrice.imbalance_adjusted(130000, 0, 130005, 0) == 130002.5
        assert MicroPrice.depth_weighted([130000], [0], [130005], [0]) == 0.0

    def test_depth_weighted_leans_to_the_heavy_side(self):
        price = MicroPrice.depth_weighted([100, 99], [30, 10], [101, 102], [5, 5])
        assert price == pytest.approx((3000 + 990 + 505 + 510) / 50)
        assert price < 100.5 < MicroPrice.volume_weighted(100, 30, 101, 5)

    def test_imbalance_adjustment(self):
        assert MicroPrice.imbalance_adjusted(100, 30, 102, 10) == 101 + 0.5 * 2 * 0.5
        assert MicroPrice.imbalance_adjusted(100, 30, 102, 10, sensitivity=0.2) == 101.2
        assert MicroPrice.imbalance_adjusted(100, 30, 102, 10) == pytest.approx(
            MicroPrice.volume_weighted(100, 30, 102, 10))


class TestBookImbalance:
    def test_simple(self):
        assert BookImbalance.simple(30, 10) == 0.5
        assert BookImbalance.simple(10, 30) == -0.5

    def test_weighted_with_decay(self):
        # (10 + 20/2) against (20 + 4/2).
        assert BookImbalance.weighted([10, 20], [20, 4], decay=0.5) == pytest.approx(-2 / 42)
        assert BookImbalance.weighted([10, 20], [20, 4], decay=1.0) == pytest.approx(6 / 54)

    def test_pressure_weighs_by_distance_from_the_mid(self):
        pressure = BookImbalance.pressure(
            [130000, 129995], [10, 30], [130005, 130010], [20, 15], tick_size=5.0)
        assert pressure == pytest.approx(10 / 0.5 + 30 / 1.5 - 20 / 0.5 - 15 / 1.5)

    def test_zero_volumes(self):
        assert BookImbalance.simple(0, 0) == 0.0
        assert BookImbalance.weighted([0, 0], [0, 0]) == 0.0
        assert BookImbalance.weighted([], []) == 0.0
        assert BookImbalance.pressure([], [], [], []) == 0.0


class TestSpreadMetrics:
    def test_absolute(self):
        assert SpreadMetrics.absolute(130000, 130005) == 5.0

    def test_relative(self):
        assert SpreadMetrics.relative(99, 101) == 0.02

    def test_effective(self):
        assert SpreadMetrics.effective(130005, 130002.5, 1) == 5.0
        assert SpreadMetrics.effective(130000, 130002.5, -1) == 5.0
        assert SpreadMetrics.effective(130000, 130002.5, 1) == -5.0
        assert SpreadMetrics.effective(130000, 130002.5) == 5.0

    def test_realized(self):
        assert SpreadMetrics.realized(130005, 130007.5, 1) == -5.0
        assert SpreadMetrics.realized(130005, 130002.5, 1) == 5.0

    def test_zero_price(self):
        assert SpreadMetrics.relative(0, 0) == 0.0
        assert SpreadMetrics.relative(0, 130005) == 0.0
        assert SpreadMetrics.absolute(130000, 0) == 0.0


class TestVolatilityFeatures:
    def test_initialization(self):
        features = VolatilityFeatures(window=50)
        assert features.window == 50
        assert features.realized_volatility() == 0.0
        assert features.velocity() == 0.0
        assert features.acceleration() == 0.0

    def test_price_updates_keep_the_window(self):
        features = VolatilityFeatures(window=3)
        for price in (100.0, 101.0, 102.0, 103.0):
            features.update(price)
        assert list(features.prices) == [101.0, 102.0, 103.0]

    def test_realized_volatility(self):
        features = VolatilityFeatures(window=3)
        for price in (50.0, 100.0, 101.0, 99.0):
            features.update(price)
        expected = math.sqrt(math.log(1.01) ** 2 + math.log(99 / 101) ** 2)
        assert features.realized_volatility() == pytest.approx(expected, rel=1e-12)

    def test_velocity(self):
        features = VolatilityFeatures(window=10)
        features.update(100.0)
        features.update(103.0)
        assert features.velocity() == 3.0
        timed = VolatilityFeatures(window=10)
        timed.update(100.0, time_s=10.0)
        timed.update(103.0, time_s=10.5)
        assert timed.velocity() == 6.0

    def test_acceleration(self):
        features = VolatilityFeatures(window=10)
        for price in (100.0, 103.0, 104.0):
            features.update(price)
        assert features.acceleration() == -2.0


class TestLiquidityMetrics:
    def test_kyle_lambda(self):
        changes, volumes = [5, -5, 10, 0], [20, -20, 40, 0]
        assert LiquidityMetrics.kyle_lambda(changes, volumes) == pytest.approx(0.25)
        assert LiquidityMetrics.kyle_lambda([], []) == 0.0

    def test_amihud(self):
        illiquidity = LiquidityMetrics.amihud([0.01, -0.02, 0.015], [1e6, 2e6, 1.5e6])
        assert illiquidity == pytest.approx(1e-8)

    def test_roll_spread(self):
        prices = [100, 101, 100, 102, 101, 103, 102, 102, 101]
        assert LiquidityMetrics.roll_spread(prices) == pytest.approx(2.4494897428, abs=1e-9)
        assert LiquidityMetrics.roll_spread([100, 101, 102, 104, 107]) == 0.0

    def test_zero_volume(self):
        assert LiquidityMetrics.amihud([0.01, 0.02], [0, 0]) == 0.0
        assert LiquidityMetrics.amihud([0.01, 0.02], [0, 1e6]) == pytest.approx(2e-8)
        assert LiquidityMetrics.kyle_lambda([5, 5, 5], [0, 0, 0]) == 0.0
