"""What empties the windows, what does not, and what happens to damaged records."""

import math

import numpy as np
import pytest

from dreammaker.domain.schema import EVENT_DTYPE, Flag, Kind, Phase
from dreammaker.features import FEATURE_NAMES, FeaturePipeline, FeatureRows
from tests.kernels.feature_markets import OPEN, QUOTES, SECOND, Market

SMALL = {"ofi_window_ms": 2_000, "volatility_cells": 2, "impact_cells": 3, "roll_trades": 4,
         "bar_ms": 1_000, "rsi_period": 2, "bollinger_bars": 2, "macd_fast": 1, "macd_slow": 2,
         "macd_signal": 2, "fracdiff_threshold": 0.1}
WINDOWS = ("ofi_1", "realized_volatility", "price_velocity", "kyle_lambda", "amihud_illiquidity",
           "roll_spread")
BARS = ("fracdiff_price", "fracdiff_volume", "rsi_14", "macd_signal", "bollinger_position")


def busy_market(seconds=8, **config):
    market = Market(**{**SMALL, **config})
    for i in range(seconds):
        market.mid(i + 0.1, 52_000 + (i * i) % 5)
        market.trade(i + 0.5, (1, -1)[i % 2], 26_000 + i % 3, 1 + i)
    return market


def known(market, names):
    rows = market.rows()
    return [not math.isnan(rows.values[rows.count - 1, FEATURE_NAMES.index(n)]) for n in names]


def test_everything_is_known_after_the_windows_are_full():
    assert all(known(busy_market(), FEATURE_NAMES))


@pytest.mark.parametrize("qty_ms, emptied", [(2_001, True), (-1, True), (2_000, False), (0, False)])
def test_a_gap_of_more_than_two_seconds_empties_windows_but_not_bars(qty_ms, emptied):
    market = busy_market().put(8, kind=Kind.GAP, qty_lots=qty_ms).mid(8.1, 52_001)
    assert known(market, WINDOWS) == [not emptied] * len(WINDOWS)
    assert all(known(market, BARS))


def test_silence_is_not_a_gap():
    assert all(known(busy_market().mid(10.6, 52_001), WINDOWS))


@pytest.mark.parametrize("phase", [Phase.AUCTION, Phase.HALT, Phase.CLOSING_CALL])
def test_return_from_an_auction_empties_windows_but_not_bars(phase):
    market = busy_market().session(8, phase).session(8.5, Phase.CONTINUOUS).mid(8.6, 52_001)
    assert known(market, WINDOWS) == [False] * len(WINDOWS)
    assert all(known(market, BARS))
    assert market.last("hawkes_buy_intensity") > 1.0


@pytest.mark.parametrize("phases", [
    (Phase.CLOSED, Phase.CONTINUOUS), (Phase.PRE_OPEN, Phase.CONTINUOUS),
    (Phase.PRE_OPEN, Phase.AUCTION, Phase.CONTINUOUS), (Phase.ROLL,)])
def test_open_and_roll_empty_everything(phases):
    market = busy_market()
    for phase in phases:
        market.session(8, phase)
    market.mid(8.1, 52_001)
    assert not any(known(market, WINDOWS + BARS))
    assert market.last("hawkes_buy_intensity") == market.last("hawkes_sell_intensity") == 1.0
    assert market.rows().session_volume[market.rows().count - 1] == 0


def test_a_repeated_phase_changes_nothing():
    assert all(known(busy_market().session(8, Phase.CONTINUOUS).mid(8.1, 52_001), FEATURE_NAMES))


def test_rows_exist_only_in_continuous_trading():
    market = Market().session(0, Phase.PRE_OPEN, last=True).mid(1, 52_001)
    market.session(2, Phase.CONTINUOUS, last=True).mid(3, 52_001)
    market.session(4, Phase.AUCTION, last=True).mid(5, 52_001)
    market.session(6, Phase.CLOSED, last=True).mid(7, 52_001)
    rows = market.rows()
    seconds = (rows.exch_ns[:rows.count] - OPEN) / SECOND
    np.testing.assert_array_equal(seconds, [2, 3])


def test_auction_prints_do_not_enter():
    market = Market().mid(0, 52_001).trade(1, 1, 26_001, 100, flags=Flag.AUCTION)
    market.session(2, Phase.AUCTION).trade(3, 1, 26_001, 50).session(4, Phase.CONTINUOUS)
    rows = market.mid(5, 52_001).rows()
    assert rows.session_volume[:rows.count].tolist() == [0, 0, 0]
    assert rows.last_trade_ticks[rows.count - 1] == -2**31


@pytest.mark.parametrize("bids, asks", [([(26_003, 1)], [(26_001, 1)]),
                                        ([(26_001, 1)], [(26_001, 1)]),
                                        ([], [(26_001, 1)]), ([(26_001, 1)], [])])
@pytest.mark.parametrize("seconds, emptied", [(1.0, False), (1.001, True)])
def test_a_broken_book_is_nan_and_counts_as_an_auction_beyond_a_second(bids, asks, seconds,
                                                                       emptied):
    market = busy_market().book(8, bids, asks)
    book_based = [*FEATURE_NAMES[:12], "price_velocity", "price_acceleration"]
    assert not any(known(market, book_based))
    assert all(known(market, [n for n in FEATURE_NAMES if n not in book_based]))
    assert market.rows().book_ok[market.rows().count - 1] == 0
    market.mid(8 + seconds, 52_001)
    assert known(market, WINDOWS) == [not emptied] * len(WINDOWS)
    assert all(known(market, BARS))


def test_order_flow_goes_on_from_the_last_sound_book():
    market = Market(ofi_window_ms=2_000).book(0, [(26_000, 10)], [(26_001, 10)])
    market.book(2.0, [(26_002, 50)], [(26_001, 10)]).book(2.1, [(26_000, 13)], [(26_001, 10)])
    assert market.last("ofi_1") == 3


def test_a_day_of_silence_is_another_session():
    market = busy_market().mid(8 + 86_401, 52_001)
    assert not any(known(market, WINDOWS + BARS))


def test_a_quote_off_the_grid_leaves_its_side_unknown():
    market = Market(source=QUOTES).quote(0, 26_000, 26_001)
    market.put(1, kind=Kind.QUOTE, side=1, price_ticks=26_000, qty_lots=-1, flags=Flag.OFF_GRID,
               residual_microticks=5)
    rows = market.rows()
    assert rows.book_ok[:2].tolist() == [1, 0]
    assert (rows.bid_qty[0], rows.bid_ticks[1]) == (-1, -2**31)


def test_time_never_runs_backwards():
    market = Market().mid(5, 52_001).mid(4, 52_003).mid(5.5, 52_003)
    rows = market.rows()
    assert ((rows.exch_ns[:3] - OPEN) / SECOND).tolist() == [5, 5, 5.5]


# ---- damage ------------------------------------------------------------------------------------
@pytest.mark.parametrize("kind", ["depth", "quotes"])
@pytest.mark.parametrize("fields, code", [
    ({"kind": 0}, -3), ({"kind": 13}, -3), ({"kind": Kind.TRADE, "qty_lots": -2}, -2),
    ({"kind": Kind.TRADE, "side": 2}, -5)])
def test_a_damaged_record_delivers_the_rows_before_it_and_stops(kind, fields, code):
    market = Market(source=QUOTES) if kind == "quotes" else Market()
    (market.quote(0, 26_000, 26_001) if kind == "quotes" else market.mid(0, 52_001))
    before = len(market.events())
    events = market.put(1, **fields).wait(2).events()
    pipeline = FeaturePipeline(market.config, market.instrument, market.source)
    rows = FeatureRows(8)
    assert pipeline.process(events, rows) == 1
    index, found, text = pipeline.fault
    assert (index, found) == (before, code)
    with pytest.raises(ValueError, match="stopped at record"):
        pipeline.process(events, rows)
    assert text


def test_a_faulty_snapshot_stops_at_its_record():
    market = Market().put(0, kind=Kind.SNAPSHOT, side=1, price_ticks=5, qty_lots=1)
    pipeline = FeaturePipeline(market.config, market.instrument, market.source)
    assert pipeline.process(market.events(), FeatureRows(1)) == 0
    assert pipeline.fault[:2] == (0, -4)


def test_too_few_rows_are_refused_before_anything_is_taken():
    market = Market().mid(0, 52_001).mid(1, 52_001)
    pipeline = FeaturePipeline(market.config, market.instrument, market.source)
    with pytest.raises(ValueError, match="rows hold 1 packets, the batch ends 2"):
        pipeline.process(market.events(), FeatureRows(1))
    assert pipeline.process(market.events(), FeatureRows(2)) == 2


def test_bad_arguments_are_refused():
    market = Market()
    pipeline = FeaturePipeline(market.config, market.instrument, market.source)
    with pytest.raises(TypeError, match="EVENT_DTYPE"):
        pipeline.process(np.zeros(3), FeatureRows(3))
    with pytest.raises(TypeError):
        pipeline.process(np.zeros(3, EVENT_DTYPE), None)
    with pytest.raises(ValueError, match="capacity must be 1 or more"):
        FeatureRows(0)
    assert pipeline.process(np.zeros(0, EVENT_DTYPE), FeatureRows(1)) == 0


def test_windows_hold_only_their_events():
    market = Market(ofi_window_ms=10, flow_window_ms=10, velocity_window_ms=10)
    events = np.tile(market.mid(0, 52_001).mid(0, 52_004).trade(0, 1, 26_000, 5).events(), 20_000)
    events["exch_ns"] = OPEN + np.arange(len(events)) * 100_000
    pipeline = FeaturePipeline(market.config, market.instrument, market.source)
    rows, sizes = FeatureRows(4_096), []
    for start in range(0, len(events), 4_096):
        pipeline.process(events[start:start + 4_096], rows)
        sizes.append(pipeline.memory_bytes)
    assert sizes[-1] == sizes[0] < 50_000
