"""Each of the 27 features by hand or by a published value, through the whole pipeline."""

import math

import numpy as np
import pytest

from dreammaker.domain.instrument import Instrument
from dreammaker.domain.schema import Flag, Kind
from dreammaker.domain.source import SourceProfile
from dreammaker.features import FEATURE_NAMES
from tests.kernels.feature_markets import QUOTES, Market

POINT = Instrument("TEST", tick_size=1.0, tick_value_micros=1_000_000)
BIDS = [(26_000, 10), (25_999, 20), (25_998, 40)]
ASKS = [(26_001, 12), (26_002, 30)]


def near(value):
    return pytest.approx(value, rel=1e-12, abs=1e-12)


# ---- the present book --------------------------------------------------------------------------
def test_prices_and_spreads():
    market = Market().book(0, BIDS, ASKS)
    assert market.last("mid_price") == 130_002.5
    assert market.last("micro_price") == near(130_002.2727272727)       # reference D.11
    assert market.last("spread_abs") == 5.0
    assert market.last("spread_rel") == near(5.0 / 130_002.5)


def test_depth_weighted_features_skip_a_level_that_one_side_lacks():
    market = Market().book(0, BIDS, ASKS)
    size = 22 + 0.5 * 50
    crossed = (26_000 * 12 + 26_001 * 10) + 0.5 * (25_999 * 30 + 26_002 * 20)
    assert market.last("weighted_mid_price") == near(5 * crossed / size)
    assert market.last("book_imbalance") == near(-2 / 22)
    assert market.last("weighted_book_imbalance") == near((-2 + 0.5 * -10) / size)


def test_book_pressure_counts_every_level_by_its_distance_from_the_mid():
    pressure = (10 / 0.5 + 20 / 1.5 + 40 / 2.5) - (12 / 0.5 + 30 / 1.5)
    assert Market().book(0, BIDS, ASKS).last("book_pressure") == near(pressure)
    far = Market().book(0, [(26_000, 9)], [(26_001, 9), (27_000, 7)]).last("book_pressure")
    assert far == near(-7 / 999.5)


def test_sixth_level_is_not_looked_at():
    bids = [(26_000 - i, 10) for i in range(6)]
    asks = [(26_001 + i, 10) for i in range(6)]
    market = Market().book(0, bids, asks).put(
        1, kind=Kind.LEVEL_SET, side=1, price_ticks=25_995, qty_lots=5_000)
    for name in ("book_pressure", "weighted_mid_price", "weighted_book_imbalance"):
        before, after = market.column(name)
        assert before == after


# ---- order flow --------------------------------------------------------------------------------
D10 = [(26_000, 10, 26_001, 12), (26_000, 15, 26_001, 12), (26_000, 15, 26_001, 7),
       (26_001, 4, 26_002, 20), (26_001, 4, 26_002, 25), (26_000, 9, 26_001, 3),
       (26_000, 9, 26_001, 3)]


def test_ofi_1_is_conts_of_the_published_sequence():
    market = Market(ofi_window_ms=1_000)
    for i, (b, qb, a, qa) in enumerate(D10):
        market.book(10 * i, [(b, qb)], [(a, qa)])
    # Windows of one second hold one event each (reference D.10).
    np.testing.assert_array_equal(market.column("ofi_1"), [np.nan, 5, 5, 11, -5, -7, 0])


def test_ofi_sums_levels_and_the_window():
    market = Market().book(0, [(26_000, 10), (25_999, 20)], [(26_001, 12), (26_002, 30)])
    market.book(10, [(26_001, 4), (26_000, 15)], [(26_002, 28), (26_003, 40)])
    market.wait(19.999).wait(20)
    np.testing.assert_array_equal(market.column("ofi_1"), [np.nan, 16, 16, 0])
    np.testing.assert_array_equal(market.column("ofi_2"), [np.nan, 61, 61, 0])
    np.testing.assert_array_equal(market.column("ofi_3"), [np.nan, 61, 61, 0])


def test_ofi_3_and_5_count_the_deeper_levels():
    def book(at, third, fifth):
        bids = [(26_000, 10), (25_999, 10), (25_998, third), (25_997, 10), (25_996, fifth)]
        market.book(at, bids, [(26_001 + i, 10) for i in range(5)])

    market = Market()
    book(0, 10, 10)
    book(10, 17, 40)
    assert [market.last(f"ofi_{n}") for n in (1, 2, 3, 5)] == [0, 0, 7, 37]


def test_a_packet_is_atomic_for_order_flow():
    market = Market().book(0, [(26_000, 10)], [(26_001, 12)])
    change = {"kind": Kind.LEVEL_SET, "side": 1, "price_ticks": 26_000}
    market.put(11, last=False, qty_lots=90, **change).put(11, qty_lots=11, **change)
    assert market.last("ofi_1") == 1


# ---- motion ------------------------------------------------------------------------------------
def test_velocity_and_acceleration_in_ticks():
    market = Market().mid(0, 52_001).mid(0.5, 52_003).mid(1.2, 52_007).wait(2.0).wait(2.2)
    velocity, acceleration = market.column("price_velocity"), market.column("price_acceleration")
    np.testing.assert_array_equal(velocity, [np.nan, np.nan, 3.0, 2.0, 0.0])
    # At 2.0: 2 now, 1 a second ago; at 2.2: 0 now, 3 a second ago.
    np.testing.assert_array_equal(acceleration, [np.nan, np.nan, np.nan, 1.0, -3.0])


def test_realized_volatility_of_cells():
    market = Market(volatility_cells=2).mid(0, 52_000).mid(1.0, 52_100).mid(1.5, 52_000)
    market.wait(2.5).wait(3.5)
    r1, r2 = math.log(52_100 / 52_000), math.log(52_000 / 52_100)
    # The mid at exactly 1.0 s belongs to the cell that ends there.
    column = market.column("realized_volatility")
    np.testing.assert_allclose(column, [np.nan] * 3 + [math.hypot(r1, r2), abs(r2)], rtol=1e-13)


# ---- Hawkes ------------------------------------------------------------------------------------
def test_hawkes_features_by_hand():
    market = Market().mid(0, 52_001).trade(1.0, 1, 26_001, 3).trade(1.5, -1, 26_000, 1).wait(1.75)
    buy = 1 + 2.5 * math.exp(-5 * 0.75) + 0.5 * math.exp(-5 * 0.25)
    sell = 1 + 0.5 * math.exp(-5 * 0.75) + 2.5 * math.exp(-5 * 0.25)
    own = 2.5 * (math.exp(-5 * 0.75) + math.exp(-5 * 0.25))
    assert market.last("hawkes_buy_intensity") == near(buy)
    assert market.last("hawkes_sell_intensity") == near(sell)
    assert market.last("hawkes_buy_sell_ratio") == near(buy / sell)
    assert market.last("hawkes_self_excitation") == near(own / (buy + sell))
    # Just after an event, its own jump is in: 1 + 2.5.
    assert market.column("hawkes_buy_intensity")[:2].tolist() == [1.0, 3.5]


def test_prints_that_repeat_time_and_side_are_one_event():
    market = Market().mid(0, 52_001).trade(1, 1, 26_001, 3).trade(1, 1, 26_002, 4)
    assert market.last("hawkes_buy_intensity") == 3.5
    assert market.trade(1, -1, 26_000, 1).trade(1, 1, 26_001, 1).last("hawkes_buy_intensity") == 6.5


# ---- liquidity ---------------------------------------------------------------------------------
def test_kyle_lambda_of_the_published_cells():
    change = (5, -5, 10, 0, -10, 5, 15, -5)
    volume = (20, -15, 50, 5, -40, 30, 60, -25)
    market, mid = Market(POINT, impact_cells=8).mid(0, 2_000), 2_000
    for i, (dp, x) in enumerate(zip(change, volume, strict=True)):
        mid += 2 * dp
        market.trade(i + 0.5, 1 if x > 0 else -1, 1_000, abs(x)).mid(i + 0.9, mid)
    assert market.wait(8.5).last("kyle_lambda") == pytest.approx(0.2330198537, abs=1e-10)  # D.16


def test_kyle_lambda_is_unknown_where_volume_does_not_vary():
    market = Market(POINT, impact_cells=3).mid(0, 2_000).mid(1.5, 2_002).wait(3.5)
    assert math.isnan(market.last("kyle_lambda"))


def test_amihud_averages_the_cells_with_volume():
    market = Market(impact_cells=3).mid(0, 52_000).trade(0.2, 1, 26_000, 2).mid(0.5, 52_100)
    market.trade(1.5, -1, 26_050, 3).mid(2.5, 52_000).trade(2.6, 1, 26_010, 1).wait(3.5)
    r = math.log(52_100 / 52_000)
    ratios = [r / (26_000 * 2), 0.0, r / 26_010]          # BRL 1 a tick and lot
    assert market.last("amihud_illiquidity") == near(1e9 * sum(ratios) / 3)
    quiet = Market(impact_cells=3).mid(0, 52_000).mid(1.5, 52_100).wait(3.5)
    assert math.isnan(quiet.last("amihud_illiquidity"))


def test_roll_spread_of_the_published_trades():
    market = Market(POINT, roll_trades=9).mid(0, 2_000)
    for i, price in enumerate((100, 101, 100, 102, 101, 103, 102, 102, 101)):
        market.trade(1 + i, 1, price, 1)
    column = market.column("roll_spread")
    assert np.isnan(column[:-1]).all()
    assert column[-1] == pytest.approx(2.4494897428, abs=1e-10)          # D.16


def test_roll_spread_is_zero_where_the_covariance_is_not_negative():
    market = Market(POINT, roll_trades=5).mid(0, 2_000)
    for i, price in enumerate((100, 101, 103, 104, 106)):
        market.trade(1 + i, 1, price, 1)
    trending = Market(POINT, roll_trades=6).mid(0, 2_000)
    for i, price in enumerate((100, 101, 102, 104, 107, 111)):
        trending.trade(1 + i, 1, price, 1)
    assert market.last("roll_spread") > 0
    assert trending.last("roll_spread") == 0.0


# ---- ten-second bars ---------------------------------------------------------------------------
def test_fracdiff_features_by_hand():
    market = Market(fracdiff_threshold=0.1).mid(0.5, 2_000).trade(3, 1, 1_000, 7)
    market.mid(11, 2_020).trade(12, -1, 1_010, 2).mid(25, 1_990).wait(31)
    x = [math.log(m / 2_000) for m in (2_000, 2_020, 1_990)]
    v = [math.log(8), math.log(3), 0.0]
    w = (1, -0.4, -0.12)
    for name, series in (("fracdiff_price", x), ("fracdiff_volume", v)):
        column = market.column(name)
        assert np.isnan(column[:-1]).all()
        assert column[-1] == near(sum(a * b for a, b in zip(w, reversed(series), strict=True)))


def closes_market(closes, **config):
    market = Market(POINT, **config)
    for i, close in enumerate(closes):
        market.mid(10 * i + 5, round(2 * close))
    return market.wait(10 * len(closes) + 1)


def test_rsi_of_the_published_closes():
    closes = [443389, 440902, 441497, 436124, 443278, 448264, 450955, 454245, 458433, 460826,
              458931, 460328, 456140, 462820, 462820, 460028, 460328, 464116]
    column = closes_market(closes).column("rsi_14")
    # Row i shows the bars closed before it, i of them; the last row shows them all (D.1).
    assert np.isnan(column[:15]).all()
    np.testing.assert_allclose(column[15:], [70.5328, 66.3186, 66.5498, 69.4063], atol=5e-5)


def test_rsi_of_a_flat_market_is_50():
    assert closes_market([1000] * 16).last("rsi_14") == 50.0
    assert closes_market(range(1000, 1016)).last("rsi_14") == 100.0


def test_macd_signal_is_shown_from_bar_34_in_ticks():
    closes = [1000 + (i * i) % 17 for i in range(34)]
    column = closes_market(closes).column("macd_signal")
    fast = slow = closes[0]
    signal = 0.0
    for close in closes[1:]:
        fast += 2 / 13 * (close - fast)
        slow += 2 / 27 * (close - slow)
        signal += 2 / 10 * (fast - slow - signal)
    assert np.isnan(column[:34]).all()
    assert column[34] == pytest.approx(signal, rel=1e-10)


def test_bollinger_position_by_hand():
    closes = [1000] * 10 + [1010] * 10
    # Mean 1005, population deviation 5: the last close is one deviation up.
    assert closes_market(closes).last("bollinger_position") == near(0.75)
    assert closes_market([1000] * 20).last("bollinger_position") == 0.5


# ---- sources -----------------------------------------------------------------------------------
def known_features(depth_levels):
    source = SourceProfile("x", depth_levels, has_aggressor=True)
    market = Market(source=source, roll_trades=4, volatility_cells=2, impact_cells=3,
                    fracdiff_threshold=0.1, rsi_period=2, macd_fast=1, macd_slow=2, macd_signal=2,
                    bollinger_bars=2)
    for i in range(60):
        if depth_levels:
            market.mid(i + 0.1, 52_000 + i % 3, lots=5 + i % 2)
        else:
            market.quote(i + 0.1, 26_000, 26_001 + i % 3)
        market.trade(i + 0.5, (1, -1)[i % 2], 26_000, 1 + i)
    rows = market.rows()
    return {name for i, name in enumerate(FEATURE_NAMES)
            if not np.isnan(rows.values[rows.count - 1, i])}


def test_nine_features_need_sizes():
    missing = set(FEATURE_NAMES) - known_features(0)
    assert missing == {"micro_price", "weighted_mid_price", "ofi_1", "ofi_2", "ofi_3", "ofi_5",
                       "book_imbalance", "weighted_book_imbalance", "book_pressure"}


@pytest.mark.parametrize("levels, missing", [
    (1, {"ofi_2", "ofi_3", "ofi_5", "weighted_mid_price", "weighted_book_imbalance",
         "book_pressure"}),
    (2, {"ofi_3", "ofi_5", "weighted_mid_price", "weighted_book_imbalance", "book_pressure"}),
    (3, {"ofi_5", "weighted_mid_price", "weighted_book_imbalance", "book_pressure"}),
    (5, set()),
])
def test_a_feature_of_n_levels_needs_a_source_of_n(levels, missing):
    assert set(FEATURE_NAMES) - known_features(levels) == missing


# ---- signs of trades ---------------------------------------------------------------------------
def test_unknown_aggressors_are_signed_by_lee_and_ready():
    market = Market(source=QUOTES)
    for at, ask, price in ((1, 26_001, 26_001), (2, 26_001, 26_000), (3, 26_002, 26_001),
                           (4, 26_002, 26_001)):
        market.quote(at, 26_000, ask).trade(at + 0.5, 0, price, 1)
    # Above the mid, below it, at the mid after an uptick, at the mid after a zero-uptick (D.16).
    rows = market.rows()
    np.testing.assert_array_equal(rows.trade_flow_10s[1:rows.count:2], [1, 0, 1, 2])


def test_a_print_without_sign_counts_volume_but_no_flow():
    market = Market().mid(0, 52_002).trade(1, 0, 26_001, 5)
    rows = market.rows()
    assert (rows.trade_flow_10s[1], rows.session_volume[1]) == (0, 5)
    assert market.last("hawkes_buy_intensity") == market.last("hawkes_sell_intensity") == 1.0


def test_the_quote_that_counts_stands_before_the_prints_packet():
    market = Market(source=QUOTES).quote(1, 26_000, 26_001)
    market.put(2, last=False, kind=Kind.QUOTE, side=1, price_ticks=26_001, qty_lots=-1)
    market.put(2, last=False, kind=Kind.QUOTE, side=-1, price_ticks=26_002, qty_lots=-1)
    assert market.trade(2, 0, 26_001, 1).rows().trade_flow_10s[1] == 1


def test_an_execution_is_a_trade_against_the_resting_order():
    market = Market()
    for order_id, side, price in ((1, -1, 26_001), (2, 1, 26_000)):
        market.put(0, kind=Kind.ORDER_ADD, side=side, price_ticks=price, qty_lots=9,
                   order_id=order_id)
    market.put(1, kind=Kind.ORDER_EXECUTE, side=-1, price_ticks=26_001, qty_lots=4, order_id=1)
    rows = market.rows()
    assert (rows.trade_flow_10s[2], rows.last_trade_ticks[2], rows.ask_qty[2]) == (4, 26_001, 5)


def test_a_print_off_the_grid_has_its_true_price():
    market = Market(POINT, roll_trades=4).mid(0, 2_000)
    for i, (price, residual) in enumerate(((100, 0), (100, 500_000), (100, 0), (100, 500_000))):
        market.trade(1 + i, 1, price, 1, flags=Flag.OFF_GRID, residual_microticks=residual)
    # Changes +0.5, -0.5, +0.5: two pairs of covariance -0.5.
    assert market.last("roll_spread") == near(2 * math.sqrt(0.5))
