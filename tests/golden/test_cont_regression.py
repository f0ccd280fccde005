"""The regression of Cont, Kukanov and Stoikov (2014) on a day of real order flow."""

import numpy as np
import pytest

from dreammaker.data import read_lobster
from dreammaker.domain.schema import EVENT_DTYPE, Flag, Kind
from dreammaker.features import FEATURE_NAMES, FeatureConfig, FeaturePipeline, FeatureRows
from tests.kernels.feature_markets import SECOND


@pytest.mark.market_data
def test_order_flow_explains_the_published_share_of_price_changes(market_data):
    """R2 of 10-second mid changes on ofi_1, OLS per half hour, averaged: 0.411 for this day."""
    log = read_lobster(market_data / "LOBSTER_SampleFile_GOOG_2012-06-21_10.zip")
    times = log.events["exch_ns"]
    day = times[0] // (86_400 * SECOND) * 86_400 * SECOND
    grid = day + np.arange(13 * 3600 + 1800, 20 * 3600 + 1, 10) * SECOND  # 09:30 to 16:00 New York
    marks = np.zeros(len(grid), EVENT_DTYPE)
    marks["exch_ns"], marks["kind"], marks["flags"] = grid, Kind.BAR, int(Flag.LAST)
    # A mark comes after the last event at or before its time, and shows exactly (t - 10 s, t].
    events = np.insert(log.events, np.searchsorted(times, grid, side="right"), marks)
    pipeline = FeaturePipeline(FeatureConfig(), log.instrument, log.source)
    rows = FeatureRows(len(events))
    count = pipeline.process(events, rows)
    assert pipeline.fault is None
    at = np.flatnonzero(events["kind"][rows.event_index[:count]] == Kind.BAR)
    mid, ofi = (rows.values[at, FEATURE_NAMES.index(name)] for name in ("mid_price", "ofi_1"))
    moves, shares = np.diff(mid) / log.instrument.tick_size, []
    ofi = ofi[-len(moves):]
    for start in range(0, len(moves), 180):
        x, y = ofi[start:start + 180], moves[start:start + 180]
        known = ~(np.isnan(x) | np.isnan(y))
        shares.append(np.corrcoef(x[known], y[known])[0, 1] ** 2)
    assert len(shares) == 13
    assert np.mean(shares) == pytest.approx(0.411, abs=0.003)
