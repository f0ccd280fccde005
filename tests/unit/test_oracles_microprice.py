"""Stoikov's micro-price: the toy chain, the sum it stands for, and an estimate from data."""

from datetime import date

import numpy as np
import pytest

from dreammaker.domain.errors import InputError
from dreammaker.domain.instrument import Instrument
from dreammaker.domain.schema import Flag, Kind, Phase
from dreammaker.features.microprice import StoikovMicroPrice, first_adjustment, limit_adjustment
from dreammaker.simulation import SimulatedMarket, SimulationConfig

Q = np.array([[0.5, 0.2, 0.05], [0.15, 0.5, 0.15], [0.05, 0.2, 0.5]])
R = np.array([[0.2, 0.05], [0.1, 0.1], [0.05, 0.2]])
T = R @ np.array([[0.2, 0.3, 0.5], [0.5, 0.3, 0.2]])
K = np.array([-1.0, 1.0])


def test_toy_chain_has_the_reference_adjustments():
    first = first_adjustment(Q, R, K)
    assert first == pytest.approx([-0.2727272727, 0.0, 0.2727272727], abs=1e-9)
    assert limit_adjustment(Q, R, T, K) == pytest.approx(
        [-0.2521008403, 0.0, 0.2521008403], abs=1e-9)


def test_closed_form_is_the_limit_of_the_partial_sums():
    b = np.linalg.solve(np.eye(3) - Q, T)
    assert b[0] == pytest.approx([0.3090909091, 0.3, 0.3909090909], abs=1e-9)
    term = first_adjustment(Q, R, K)
    total = np.zeros(3)
    for count in range(40):
        total += term
        term = b @ term
        if count == 5:
            assert total[2] == pytest.approx(0.2521007647, abs=1e-9)
    assert total == pytest.approx(limit_adjustment(Q, R, T, K), abs=1e-12)


def test_drifting_and_separated_chains_are_refused():
    lopsided = np.array([[0.15, 0.1], [0.05, 0.15], [0.05, 0.2]])
    with pytest.raises(InputError, match="diverges"):
        limit_adjustment(Q, lopsided, lopsided @ [[0.2, 0.3, 0.5], [0.5, 0.3, 0.2]], K)
    apart = np.eye(2) * 0.5
    with pytest.raises(InputError, match="do not communicate"):
        limit_adjustment(apart, apart, apart, K)
    with pytest.raises(InputError, match="the mid never changes"):
        first_adjustment(np.eye(2), np.zeros((2, 2)), K)


def best_prices(step_ns):
    """Best prices and sizes of forty simulated minutes at equal steps of time."""
    market = SimulatedMarket(SimulationConfig(session_minutes=40.0), Instrument.win(),
                             date(2026, 3, 2), 8)
    events = market.next_events(1 << 20)
    start = np.flatnonzero(events["flags"] & Flag.SNAP_BEGIN > 0)[1]
    stop = np.flatnonzero(events["aux"] == Phase.CLOSING_CALL)[-1]
    book = {1: {}, -1: {}}
    rows, due = [], int(events["exch_ns"][start]) + step_ns
    fields = events[start:stop][["exch_ns", "kind", "side", "price_ticks", "qty_lots", "flags"]]
    for when, kind, side, price, qty, _ in fields.tolist():
        while when >= due:
            bid, ask = max(book[1]), min(book[-1])
            rows.append((5.0 * bid, book[1][bid], 5.0 * ask, book[-1][ask]))
            due += step_ns
        if kind in (Kind.LEVEL_SET, Kind.SNAPSHOT):
            book[side][price] = qty
            if qty == 0:
                del book[side][price]
    return np.array(rows).T


def test_estimate_is_odd_in_the_imbalance_and_rises_with_it():
    data = best_prices(100_000_000)
    fit = StoikovMicroPrice.fit(*data, tick_size=5.0, imbalance_buckets=5, largest_spread_ticks=1)
    adjustment = fit.adjustment_ticks[0]
    assert adjustment == pytest.approx(-adjustment[::-1], abs=1e-9)
    assert (np.diff(adjustment) > 0.0).all()
    assert 0.02 < adjustment[-1] < 1.0
    # The heavier the bid, the higher the price; a balanced book stays at the mid.
    heavy = fit.price(130000.0, 900.0, 130005.0, 10.0)
    assert heavy == pytest.approx(130002.5 + 5.0 * adjustment[-1])
    assert fit.price(130000.0, 100.0, 130005.0, 100.0) == pytest.approx(130002.5, abs=1e-6)
    assert np.isnan(fit.price(130000.0, 100.0, 130010.0, 100.0)), "a spread it does not know"


def test_estimate_beats_the_mid_as_a_forecast_on_later_data():
    # Null: the adjustment does not explain the change of the mid over the next two seconds.
    bid, bid_size, ask, ask_size = best_prices(100_000_000)
    half = len(bid) // 2
    fit = StoikovMicroPrice.fit(bid[:half], bid_size[:half], ask[:half], ask_size[:half],
                                tick_size=5.0, imbalance_buckets=5, largest_spread_ticks=1)
    mid = (bid + ask) / 2.0
    rows = np.arange(half, len(bid) - 20, 20)
    rows = rows[np.rint((ask - bid)[rows] / 5.0) == 1]
    signal = np.array([fit.price(bid[k], bid_size[k], ask[k], ask_size[k]) for k in rows])
    change = mid[rows + 20] - mid[rows]
    correlation = np.corrcoef(signal - mid[rows], change)[0, 1]
    assert correlation * np.sqrt(len(rows)) > 3.0


def test_bad_data_are_refused():
    ones = np.ones(5)
    with pytest.raises(InputError, match="volumes above 0 and asks above bids"):
        StoikovMicroPrice.fit(ones, ones, ones, ones, tick_size=1.0)
    with pytest.raises(InputError, match="at least one transition"):
        StoikovMicroPrice.fit([], [], [], [], tick_size=1.0)
    with pytest.raises(InputError, match="changes of the mid"):
        StoikovMicroPrice.fit(ones, ones, ones + 1, ones, tick_size=1.0)
    with pytest.raises(ValueError, match="tick_size must be above 0"):
        StoikovMicroPrice.fit(ones, ones, ones + 1, ones, tick_size=0.0)
    with pytest.raises(InputError, match="volumes must be above 0"):
        StoikovMicroPrice(np.zeros(0), np.zeros((1, 1)), 5.0).price(1.0, 0.0, 2.0, 1.0)
