"""Order-flow imbalance explains price changes of a real day as well as published work found.

Cont, Kukanov and Stoikov (2014), equation (2): changes of the mid (ticks) over 10 s regressed on
the level-1 OFI of the same 10 s, with intercept, per half-hour window.
"""

import numpy as np
import pytest

from dreammaker._ext.book_kernel import BookKernel
from dreammaker._ext.ofi import ofi_rows
from dreammaker.data import read_lobster
from dreammaker.domain.schema import Flag, Kind

SAMPLE = "LOBSTER_SampleFile_GOOG_2012-06-21_10.zip"
REFERENCE_R2 = 0.411
SECOND_NS = 1_000_000_000
CELLS_PER_WINDOW = 180
WINDOWS = 13

pytestmark = pytest.mark.market_data


@pytest.fixture(scope="module")
def day(market_data):
    """Times (ns after the opening) and level-1 frames, from the opening snapshot on."""
    events = read_lobster(market_data / SAMPLE).events
    last = (events["flags"] & Flag.LAST) != 0
    frames = np.zeros((2, int(last.sum()), 2, 1), np.int32)
    BookKernel().frames(events, *frames)
    start = int(np.flatnonzero(events["kind"][last] == Kind.SNAPSHOT)[0])
    times = events["exch_ns"][last][start:]
    # The opening snapshot stands at half past nine, the beginning of the first window.
    return times - times[0], frames[0, start:].copy(), frames[1, start:].copy()


def cells(day, method):
    """Change of the mid in ticks and OFI of each 10-second cell (from, to]."""
    times, ticks, lots = day
    flow = ofi_rows(ticks, lots, levels=1, method=method)[:, 0]
    boundaries = np.arange(WINDOWS * CELLS_PER_WINDOW + 1) * 10 * SECOND_NS
    upto = np.searchsorted(times, boundaries, side="right")
    mid = ticks[:, :, 0].sum(axis=1) / 2
    return np.diff(mid[upto - 1]), np.diff(np.cumsum(flow)[upto - 1])


def r_squared(change, flow):
    design = np.column_stack([np.ones(len(flow)), flow])
    residual = change - design @ np.linalg.lstsq(design, change)[0]
    return 1 - (residual**2).sum() / ((change - change.mean())**2).sum()


def mean_r_squared(day, method):
    change, flow = cells(day, method)
    return np.mean([r_squared(change[i:i + CELLS_PER_WINDOW], flow[i:i + CELLS_PER_WINDOW])
                    for i in range(0, len(change), CELLS_PER_WINDOW)])


def test_cont_flow_explains_the_mid_as_the_reference_does(day):
    measured = mean_r_squared(day, "cont")
    print(f"R2 of 10 s mid changes on level-1 OFI, mean of {WINDOWS} windows: {measured:.4f}")
    assert measured == pytest.approx(REFERENCE_R2, abs=0.01)


def test_plain_volume_changes_explain_far_less(day):
    measured = mean_r_squared(day, "volume")
    print(f"the same with plain changes of volume: {measured:.4f}")
    assert measured < REFERENCE_R2 / 2


def test_flow_of_the_day_is_that_of_its_cells(day):
    change, flow = cells(day, "cont")
    times, ticks, lots = day
    inside = times <= WINDOWS * CELLS_PER_WINDOW * 10 * SECOND_NS
    assert flow.sum() == ofi_rows(ticks, lots, levels=1)[inside].sum()
    mid = ticks[inside, :, 0].sum(axis=1) / 2
    assert change.sum() == mid[-1] - mid[0]
