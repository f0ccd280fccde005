"""Published and independently computed values of the microstructure measures, and bad input."""

from datetime import date

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from dreammaker.domain.errors import InputError
from dreammaker.domain.instrument import Instrument
from dreammaker.domain.schema import Kind
from dreammaker.features.microstructure import (
    BookImbalance,
    LiquidityMetrics,
    MicroPrice,
    OrderFlowImbalance,
    SpreadMetrics,
    VolatilityFeatures,
)
from dreammaker.features.signing import lee_ready, quote_rule, tick_rule
from dreammaker.simulation import SimulatedMarket, SimulationConfig

NAMES = ["bid_price_1", "bid_volume_1", "ask_price_1", "ask_volume_1"]
SEQUENCE = [(130000, 10, 130005, 12), (130000, 15, 130005, 12), (130000, 15, 130005, 7),
            (130005, 4, 130010, 20), (130005, 4, 130010, 25), (130000, 9, 130005, 3),
            (130000, 9, 130005, 3)]


@pytest.mark.parametrize(("method", "expected"), [
    ("cont", [0, 5, 5, 11, -5, -7, 0]), ("volume", [0, 5, 5, -24, -5, 27, 0])])
def test_ofi_of_the_reference_sequence(method, expected):
    ofi = OrderFlowImbalance(levels=[1], method=method)
    assert [ofi.calculate(pd.DataFrame([row], columns=NAMES))[1] for row in SEQUENCE] == expected


def test_ofi_uses_the_last_row_and_an_empty_frame_leaves_the_previous_book():
    ofi = OrderFlowImbalance(levels=[1])
    ofi.calculate(pd.DataFrame(SEQUENCE[:3], columns=NAMES))
    assert ofi.calculate(pd.DataFrame([], columns=NAMES)) == {1: 0.0}
    assert ofi.calculate(pd.DataFrame(SEQUENCE[:4], columns=NAMES)) == {1: 11.0}
    ofi.reset()
    assert ofi.calculate(pd.DataFrame(SEQUENCE, columns=NAMES)) == {1: 0.0}


@pytest.mark.parametrize("gone", [(0.0, 0.0), (float("nan"), float("nan")), (130005, 0)])
def test_ofi_of_a_level_that_vanishes_is_its_whole_size_and_of_one_absent_twice_nothing(gone):
    ofi = OrderFlowImbalance(levels=[1])
    ofi.calculate(pd.DataFrame([(130000, 10, 130005, 12)], columns=NAMES))
    empty = pd.DataFrame([(130000, 10, *gone)], columns=NAMES)
    assert ofi.calculate(empty) == {1: 12.0}
    assert ofi.calculate(empty) == {1: 0.0}
    assert ofi.calculate(pd.DataFrame([(130000, 10, 130005, 12)], columns=NAMES)) == {1: -12.0}


price = st.integers(25_990, 26_010)
size = st.integers(1, 500)


@given(price, size, st.integers(1, 5), size, price, size, st.integers(1, 5), size)
def test_ofi_equals_the_change_of_volume_at_the_better_best_price(b0, qb0, s0, qa0, b1, qb1, s1,
                                                                  qa1):
    # reference C.1.2: at a fixed price, the better of the old and the new best, nothing else shows.
    def at(best, lots, level):
        return lots if best == level else 0

    ofi = OrderFlowImbalance(levels=[1])
    ofi.calculate(pd.DataFrame([(b0, qb0, b0 + s0, qa0)], columns=NAMES))
    result = ofi.calculate(pd.DataFrame([(b1, qb1, b1 + s1, qa1)], columns=NAMES))[1]
    high, low = max(b0, b1), min(b0 + s0, b1 + s1)
    bid = at(b1, qb1, high) - at(b0, qb0, high)
    ask = at(b1 + s1, qa1, low) - at(b0 + s0, qa0, low)
    assert result == bid - ask


def test_kyle_with_and_without_a_constant():
    changes = [5, -5, 10, 0, -10, 5, 15, -5]
    volumes = [20, -15, 50, 5, -40, 30, 60, -25]
    kyle = LiquidityMetrics.kyle_lambda
    assert kyle(changes, volumes) == pytest.approx(0.2330198537, abs=1e-10)
    assert kyle(changes, volumes, intercept=False) == pytest.approx(0.2278481013, abs=1e-10)


def test_roll_with_both_divisors():
    prices = [100, 101, 100, 102, 101, 103, 102, 102, 101]
    assert LiquidityMetrics.roll_spread(prices, ddof=1) == pytest.approx(2.4494897428, abs=1e-10)
    assert LiquidityMetrics.roll_spread(prices, ddof=0) == pytest.approx(2.2677868381, abs=1e-10)
    assert LiquidityMetrics.roll_spread([]) == 0.0
    assert LiquidityMetrics.roll_spread([100, 101, 100]) == 0.0, "one pair has no covariance"


@given(hnp.arrays(np.float64, st.integers(3, 40), elements=st.integers(-50, 50).map(float)),
       st.data())
def test_kyle_equals_the_least_squares_fit(volumes, data):
    changes = data.draw(hnp.arrays(np.float64, len(volumes),
                                   elements=st.integers(-20, 20).map(float)))
    ours = LiquidityMetrics.kyle_lambda(changes, volumes)
    if np.ptp(volumes) == 0.0:
        assert ours == 0.0
    else:
        assert ours == pytest.approx(np.polyfit(volumes, changes, 1)[0], abs=1e-9)


def test_spreads_decompose_into_realized_and_impact():
    effective = SpreadMetrics.effective(130005, 130002.5, 1)
    realized = SpreadMetrics.realized(130005, 130007.5, 1)
    assert (effective, realized, effective - realized) == (5.0, -5.0, 10.0)


def test_realized_variance_of_the_reference_returns():
    features = VolatilityFeatures(window=10)
    log_price = 0.0
    features.update(1.0)
    for change in (0.001, -0.002, 0.0015, 0.0, -0.003, 0.0025, 0.0005):
        log_price += change
        features.update(float(np.exp(log_price)))
    assert features.realized_volatility() ** 2 == pytest.approx(2.275e-5, rel=1e-9)


@given(st.lists(st.floats(1.0, 1e6), min_size=2, max_size=30), st.integers(2, 12))
def test_volatility_streamed_equals_batch_at_every_prefix(prices, window):
    features = VolatilityFeatures(window)
    for count, value in enumerate(prices, start=1):
        features.update(value)
        kept = np.array(prices[max(0, count - window):count])
        expected = np.sqrt((np.diff(np.log(kept)) ** 2).sum())
        assert features.realized_volatility() == pytest.approx(expected, abs=1e-9)
        assert features.velocity() == (kept[-1] - kept[-2] if count > 1 else 0.0)


@given(st.floats(1.0, 1e6), st.floats(0.5, 100.0), size, size)
def test_micro_price_lies_between_bid_and_ask_on_the_lighter_side(bid, spread, qb, qa):
    ask = bid + spread
    micro = MicroPrice.volume_weighted(bid, qb, ask, qa)
    assert bid - 1e-6 <= micro <= ask + 1e-6
    assert (micro - (bid + ask) / 2.0) * (qb - qa) >= -1e-6
    assert MicroPrice.imbalance_adjusted(bid, qb, ask, qa) == pytest.approx(micro)


def test_stoikov_weighted_mid_example():
    assert MicroPrice.volume_weighted(10.00, 90, 10.01, 10) == pytest.approx(10.009)


def test_tick_rule_of_the_reference_trades():
    prices = [130000, 130000, 130005, 130005, 130000, 130000, 130010, 130010, 130005]
    assert tick_rule(prices).tolist() == [0, 0, 1, 1, -1, -1, 1, 1, -1]
    assert tick_rule([]).tolist() == []
    assert tick_rule([5.0]).tolist() == [0]


def test_lee_ready_of_the_reference_trades():
    bids, asks = [130000] * 4, [130005, 130005, 130010, 130010]
    trades = [130005, 130000, 130005, 130005]
    assert lee_ready(trades, bids, asks).tolist() == [1, -1, 1, 1]
    assert quote_rule(trades, bids, asks).tolist() == [1, -1, 0, 0]


def test_lee_ready_finds_most_sides_of_the_simulated_market():
    events = SimulatedMarket(SimulationConfig(session_minutes=5.0), Instrument.win(),
                             date(2026, 3, 2), 3).next_events(1 << 17)
    trades = events[(events["kind"] == Kind.TRADE) & (events["side"] != 0)]
    signs = tick_rule(trades["price_ticks"])
    assert len(trades) > 1000
    assert 0.55 < (signs == trades["side"]).mean() < 1.0


@pytest.mark.parametrize(("call", "message"), [
    (lambda: MicroPrice.depth_weighted([1, 2], [1], [3], [1]), "must have the same length, had 2"),
    (lambda: BookImbalance.weighted([1, -2], [1, 1]), "bid_volumes must be 0 or more, was -2"),
    (lambda: BookImbalance.weighted([[1]], [[1]]), r"must be one-dimensional, had shape \(1, 1\)"),
    (lambda: LiquidityMetrics.kyle_lambda([1.0, float("nan")], [1, 2]), "was nan at index 1"),
    (lambda: LiquidityMetrics.amihud([0.1], [-1]), "traded_values must be 0 or more, was -1"),
    (lambda: SpreadMetrics.effective(1.0, 1.0, 2), r"side must be \+1 .*was 2"),
    (lambda: VolatilityFeatures(5).update(-1.0), "price must be a positive number, was -1"),
    (lambda: quote_rule([1.0], [2.0], [1.0]), "ask_prices must not be below bid_prices"),
    (lambda: OrderFlowImbalance([2]).calculate(pd.DataFrame(SEQUENCE, columns=NAMES)),
     "has no column 'bid_price_2'"),
    (lambda: OrderFlowImbalance([1]).calculate(pd.DataFrame([(1, -1, 2, 1)], columns=NAMES)),
     "bid_volume_1 must be 0 or more, was -1"),
])
def test_bad_data_are_refused_in_one_sentence(call, message):
    with pytest.raises(InputError, match=message):
        call()


@pytest.mark.parametrize(("call", "message"), [
    (lambda: OrderFlowImbalance(levels=[]), "at least one level"),
    (lambda: OrderFlowImbalance(levels=[0]), "at least one level"),
    (lambda: OrderFlowImbalance(method="naive"), "method must be 'cont' or 'volume', was 'naive'"),
    (lambda: VolatilityFeatures(window=1), "window must be 2 or more, was 1"),
    (lambda: BookImbalance.weighted([1], [1], decay=0.0), r"decay must be in \(0, 1\], was 0.0"),
    (lambda: BookImbalance.pressure([1], [1], [2], [1], tick_size=0), "tick_size must be above 0"),
])
def test_bad_parameters_are_refused_in_one_sentence(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_volatility_refuses_time_that_stands():
    features = VolatilityFeatures(5)
    features.update(1.0, time_s=3.0)
    with pytest.raises(InputError, match=r"time_s must rise, was 3.0 after 3.0"):
        features.update(1.0, time_s=3.0)
