"""Properties of the pipeline for any well-formed stream."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dreammaker.domain.schema import Kind, Phase
from dreammaker.features import FEATURE_NAMES, FeatureConfig, FeaturePipeline, FeatureRows
from dreammaker.features.config import definition_hash
from tests.kernels.feature_streams import INSTRUMENT, SMALL, SOURCES, random_market

ARRAYS = ("values", "exch_ns", "local_ns", "event_index", "bid_ticks", "ask_ticks", "bid_qty",
          "ask_qty", "last_trade_ticks", "trade_flow_10s", "session_volume", "book_ok")
KINDS = st.sampled_from(sorted(SOURCES))
SEEDS = st.integers(0, 2**32 - 1)


def run(events, kind, cuts=()):
    pipeline = FeaturePipeline(SMALL, INSTRUMENT, SOURCES[kind])
    rows, parts = FeatureRows(max(len(events), 1)), {name: [] for name in ARRAYS}
    edges = [0, *sorted(cuts), len(events)]
    for start, end in pairwise(edges):
        count = pipeline.process(events[start:end], rows)
        for name, part in parts.items():
            part.append(getattr(rows, name)[:count] + (start if name == "event_index" else 0))
    return {name: np.concatenate(part) for name, part in parts.items()}


def same_bits(a, b, count=None):
    return all(a[name][:count].tobytes() == b[name][:count].tobytes() for name in ARRAYS)


@settings(max_examples=30, deadline=None)
@given(KINDS, SEEDS, st.lists(st.integers(0, 400), max_size=8))
def test_any_cutting_has_the_same_bits(kind, seed, cuts):
    events = random_market(kind, 400, seed)
    assert same_bits(run(events, kind), run(events, kind, cuts))


@settings(max_examples=30, deadline=None)
@given(KINDS, SEEDS, st.integers(1, 399))
def test_no_row_knows_what_comes_after_it(kind, seed, cut):
    events = random_market(kind, 400, seed)
    whole = run(events, kind)
    changed = events.copy()
    other = random_market(kind, 400, seed ^ 1, odd=False)
    changed[cut:] = other[cut:]
    if kind == "orders":
        # The other stream's orders were never added here.
        changed = changed[:cut]
    before = int(np.searchsorted(whole["event_index"], cut))
    assert same_bits(whole, run(changed, kind), before)


@settings(max_examples=20, deadline=None)
@given(KINDS, SEEDS, st.sampled_from([Phase.CLOSED, Phase.PRE_OPEN, Phase.AUCTION, Phase.HALT]))
def test_there_are_no_rows_outside_continuous_trading(kind, seed, phase):
    events = random_market(kind, 300, seed, odd=False)
    events[0] = 0
    events[0]["kind"], events[0]["aux"] = Kind.SESSION, phase
    events[0]["exch_ns"] = events[1]["exch_ns"]
    if kind == "orders":
        events[1:] = random_market("depth", 300, seed, odd=False)[1:]
    assert len(run(events, kind)["exch_ns"]) == 0


@settings(max_examples=20, deadline=None)
@given(KINDS, SEEDS)
def test_features_stay_in_their_ranges(kind, seed):
    out = run(random_market(kind, 400, seed), kind)
    column = {name: out["values"][:, i] for i, name in enumerate(FEATURE_NAMES)}
    inside = {"book_imbalance": (-1, 1), "weighted_book_imbalance": (-1, 1), "rsi_14": (0, 100),
              "hawkes_self_excitation": (0, 1)}
    for name, (low, high) in inside.items():
        known = column[name][~np.isnan(column[name])]
        assert ((known >= low) & (known <= high)).all(), name
    for name in ("spread_abs", "spread_rel", "realized_volatility", "roll_spread",
                 "amihud_illiquidity", "hawkes_buy_intensity", "hawkes_sell_intensity"):
        assert not (column[name] < 0).any(), name
    between = (column["micro_price"] - column["mid_price"]) / column["spread_abs"]
    assert not (np.abs(between) > 0.5 + 1e-9).any()
    assert not np.isinf(out["values"]).any()
    assert (np.diff(out["exch_ns"]) >= 0).all()


@given(SEEDS)
@settings(max_examples=15, deadline=None)
def test_nans_are_canonical(seed):
    bits = run(random_market("depth", 300, seed), "depth")["values"].view(np.uint64).ravel()
    nans = bits[(bits & 0x7FFFFFFFFFFFFFFF) > 0x7FF0000000000000]
    assert (nans == 0x7FF8000000000000).all()


@pytest.mark.parametrize("changed", [
    {"ofi_window_ms": 9_999}, {"depth_decay": 0.51}, {"hawkes_mu": (1.0, 1.1)},
    {"macd_signal": 8}, {"gap_reset_ms": 1_999}])
def test_every_change_of_meaning_changes_the_hash(changed):
    assert definition_hash(FeatureConfig(**changed)) != definition_hash(FeatureConfig())
    assert definition_hash(FeatureConfig()) == definition_hash(FeatureConfig())


@pytest.mark.parametrize("bad", [
    {"ofi_window_ms": 0}, {"depth_decay": 0.0}, {"hawkes_beta": ((0.0, 1.0), (1.0, 1.0))},
    {"macd_fast": 26}, {"bar_ms": 1_500}, {"bar_ms": 50}, {"fracdiff_threshold": 0.0},
    {"unknown": 1}])
def test_bad_configurations_are_refused(bad):
    with pytest.raises(ValueError, match=next(iter(bad))):
        FeatureConfig(**bad)
