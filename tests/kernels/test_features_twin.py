"""The pipeline against its naive twin, and against itself at every cutting of the stream."""

from itertools import pairwise

import numpy as np
import pytest

from dreammaker.features import FEATURE_NAMES, FeatureConfig, FeaturePipeline, FeatureRows
from tests.kernels.feature_streams import INSTRUMENT, SMALL, SOURCES, START_NS, random_market
from tests.kernels.naive_features import NaiveFeatures

WHOLE = ("exch_ns", "local_ns", "event_index", "bid_ticks", "ask_ticks", "bid_qty", "ask_qty",
         "last_trade_ticks", "trade_flow_10s", "session_volume", "book_ok")
EXACT = ("ofi_1", "ofi_2", "ofi_3", "ofi_5", "price_velocity", "price_acceleration")


def run(events, source, config, cuts=()):
    """All rows of the events, cut at the given indices; event_index counts from the start."""
    pipeline = FeaturePipeline(config, INSTRUMENT, source)
    rows = FeatureRows(max(len(events), 1))
    parts = {name: [] for name in (*WHOLE, "values")}
    edges = [0, *cuts, len(events)]
    for start, end in pairwise(edges):
        count = pipeline.process(events[start:end], rows)
        assert count == rows.count
        for name, part in parts.items():
            part.append(getattr(rows, name)[:count] + (start if name == "event_index" else 0))
    assert pipeline.fault is None
    return {name: np.concatenate(part) for name, part in parts.items()}


def assert_agrees(ours, naive):
    for name in WHOLE:
        np.testing.assert_array_equal(ours[name], naive[name], err_msg=name)
    for i, name in enumerate(FEATURE_NAMES):
        if name in EXACT:
            np.testing.assert_array_equal(ours["values"][:, i], naive["values"][:, i], name)
        else:
            np.testing.assert_allclose(ours["values"][:, i], naive["values"][:, i], rtol=1e-9,
                                       atol=1e-9, err_msg=name)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("kind", SOURCES)
def test_pipeline_equals_twin(kind, seed):
    events = random_market(kind, 1200, seed)
    ours = run(events, SOURCES[kind], SMALL)
    assert_agrees(ours, NaiveFeatures(SMALL, INSTRUMENT, SOURCES[kind]).run(events))


@pytest.mark.parametrize("kind", ["depth", "quotes"])
def test_pipeline_equals_twin_when_nothing_is_odd(kind):
    events = random_market(kind, 2500, 11, odd=False)
    ours = run(events, SOURCES[kind], SMALL)
    assert_agrees(ours, NaiveFeatures(SMALL, INSTRUMENT, SOURCES[kind]).run(events))
    known = ~np.isnan(ours["values"])
    sized = known[-1].sum()
    assert known.any(axis=0).sum() == (27 if kind == "depth" else 18), sized


@pytest.mark.parametrize("kind", ["depth", "quotes"])
def test_default_windows_equal_twin(kind):
    events = random_market(kind, 700, 5, odd=False)
    events["exch_ns"] = START_NS + (events["exch_ns"] - START_NS) * 55
    config = FeatureConfig(volatility_cells=200, impact_cells=200)
    ours = run(events, SOURCES[kind], config)
    assert_agrees(ours, NaiveFeatures(config, INSTRUMENT, SOURCES[kind]).run(events))
    assert not np.isnan(ours["values"][:, FEATURE_NAMES.index("fracdiff_price")]).all()


@pytest.mark.parametrize("kind", SOURCES)
def test_streaming_has_the_same_bits_for_every_cutting(kind):
    events = random_market(kind, 3000, 23)
    whole = run(events, SOURCES[kind], SMALL)
    rng = np.random.default_rng(3)
    cuttings = [range(b, len(events), b) for b in (1, 7, 64)]
    cuttings += [sorted(rng.choice(len(events), 40, replace=False).tolist()) for _ in range(3)]
    for cuts in cuttings:
        parts = run(events, SOURCES[kind], SMALL, cuts)
        for name in whole:
            assert parts[name].tobytes() == whole[name].tobytes(), name
