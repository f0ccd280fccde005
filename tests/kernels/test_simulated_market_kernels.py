"""The simulated market, the book and flow kernels and the plain classes tell one story."""

from datetime import date

import numpy as np
import pandas as pd
import pytest

from dreammaker._ext.book_kernel import BookKernel
from dreammaker._ext.ofi import ofi_rows
from dreammaker.domain.instrument import Instrument
from dreammaker.domain.schema import Flag, Kind, Phase
from dreammaker.features.microstructure import OrderFlowImbalance
from dreammaker.simulation import SimulatedMarket, SimulationConfig

LEVELS = 5


@pytest.fixture(scope="module")
def session():
    market = SimulatedMarket(SimulationConfig(session_minutes=30.0), Instrument.win(),
                             date(2026, 3, 2), 4)
    return market.next_events(1 << 20)


@pytest.fixture(scope="module")
def frames(session):
    """Exchange times, prices and sizes after each packet of continuous trading, ten levels."""
    phase = session["kind"] == Kind.SESSION
    start = int(np.flatnonzero(phase & (session["aux"] == Phase.CONTINUOUS))[0])
    stop = int(np.flatnonzero(phase & (session["aux"] == Phase.CLOSING_CALL))[0])
    book = BookKernel()
    book.apply(session[:start + 1])
    taken = session[start + 1:stop]
    times = taken["exch_ns"][taken["flags"] & Flag.LAST > 0]
    ticks, qty = (np.empty((len(times), 2, 10), np.int32) for _ in range(2))
    book.frames(taken, ticks, qty)
    return times, ticks, qty


def test_book_kernel_reads_the_session_without_a_fault_and_uncrossed(frames):
    times, ticks, qty = frames
    assert len(ticks) == len(times) > 50_000
    assert (qty > 0).all(), "ten levels a side, always"
    assert (ticks[:, 0, 0] < ticks[:, 1, 0]).all()


def test_plain_ofi_equals_the_kernel_on_the_simulated_flow(frames):
    _, ticks, qty = (column[:400] for column in frames)
    for method in ("cont", "volume"):
        per_level = ofi_rows(np.ascontiguousarray(ticks), np.ascontiguousarray(qty),
                             levels=LEVELS, method=method)
        plain = OrderFlowImbalance(levels=[1, 2, 3, 5], method=method)
        for row in range(len(ticks)):
            book = {}
            for side, name in enumerate(("bid", "ask")):
                for level in range(LEVELS):
                    book[f"{name}_price_{level + 1}"] = 5.0 * ticks[row, side, level]
                    book[f"{name}_volume_{level + 1}"] = qty[row, side, level]
            result = plain.calculate(pd.DataFrame([book]))
            assert result == {n: float(per_level[row, :n].sum()) for n in (1, 2, 3, 5)}


def test_price_changes_follow_order_flow_as_in_real_markets(frames):
    # Cont, Kukanov and Stoikov (2014) found R2 = 0.65 on average for ten-second changes.
    # Null: price changes are unrelated to the imbalance (R2 near 0).
    times, ticks, qty = frames
    flow = np.cumsum(ofi_rows(ticks, qty, levels=1)[:, 0])
    mid = (ticks[:, 0, 0] + ticks[:, 1, 0]) / 2.0
    grid = np.searchsorted(times, np.arange(times[0], times[-1], 10 * 10**9), side="right") - 1
    correlation = np.corrcoef(np.diff(flow[grid]), np.diff(mid[grid]))[0, 1]
    assert 0.4 < correlation**2 < 0.95
