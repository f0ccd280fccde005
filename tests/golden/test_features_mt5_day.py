"""The features of a real MetaTrader day: against the naive twin, and its volume to the contract."""

import numpy as np
import pytest

from dreammaker.data import read_mt5_ticks
from dreammaker.domain.schema import Flag, Kind
from dreammaker.features import FEATURE_NAMES, FeatureConfig, FeaturePipeline, FeatureRows
from tests.kernels.feature_streams import SMALL
from tests.kernels.naive_features import NaiveFeatures


@pytest.fixture(scope="module")
def log(market_data):
    return read_mt5_ticks(market_data / "DOLK20.csv")


def rows_of(log, events, config):
    pipeline, rows = FeaturePipeline(config, log.instrument, log.source), FeatureRows(len(events))
    pipeline.process(events, rows)
    assert pipeline.fault is None
    return rows


@pytest.mark.market_data
def test_the_days_volume_is_that_of_its_continuous_prints(log):
    rows = rows_of(log, log.events, FeatureConfig())
    trades = log.events[log.events["kind"] == Kind.TRADE]
    auction = trades["qty_lots"][(trades["flags"] & Flag.AUCTION) != 0].sum()
    assert trades["qty_lots"].sum() == 305_990
    assert rows.session_volume[rows.count - 1] == 305_990 - auction


@pytest.mark.market_data
@pytest.mark.parametrize("start", [0, 40_000])
def test_features_of_real_ticks_equal_the_twin(log, start):
    events = log.events[start:start + 600]
    rows = rows_of(log, events, SMALL)
    naive = NaiveFeatures(SMALL, log.instrument, log.source).run(events)
    assert rows.count == len(naive["exch_ns"]) > 400
    for name in ("exch_ns", "trade_flow_10s", "session_volume", "bid_ticks", "book_ok"):
        np.testing.assert_array_equal(getattr(rows, name)[:rows.count], naive[name], name)
    for i, name in enumerate(FEATURE_NAMES):
        np.testing.assert_allclose(rows.values[:rows.count, i], naive["values"][:, i], rtol=1e-9,
                                   atol=1e-9, err_msg=name)
