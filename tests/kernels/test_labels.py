"""Labels: oracles, the naive twin, what the future may not change, and bad input."""

from datetime import timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dreammaker.domain.errors import InputError
from dreammaker.models.labels import (
    Barrier,
    Labels,
    PricePath,
    cusum_events,
    meta_labels,
    trend_scanning,
    triple_barrier,
    volatility,
)
from tests.kernels.naive_labels import naive_bar_bet, naive_bet, naive_cusum, naive_trend

D17 = [130000, 130020, 129980, 130050, 130105]


def quotes(seed: int, rows: int = 400, *, closed: bool = True) -> PricePath:
    """Quotes on a grid of 5 points in three segments, some moments without a sound book."""
    rng = np.random.default_rng(seed)
    time = np.cumsum(rng.integers(0, 10**9, rows))
    bid = 26_000.0 + np.cumsum(rng.integers(-2, 3, rows))
    ask = bid + rng.integers(1, 3, rows)
    gone = rng.random(rows) < 0.05
    bid[gone] = ask[gone] = np.nan
    cuts = sorted(rng.choice(np.arange(1, rows), 2, replace=False))
    segment = np.searchsorted(cuts, np.arange(rows), "right")
    # Segments end a while before the next one begins.
    time = time + segment * 5 * 10**9
    last = np.searchsorted(segment, np.arange(3), "right") - 1
    return PricePath(time, time, bid, ask, segment.astype(np.int64), time[last] + 10**9,
                     np.array([True, True, closed]), 5.0, has_grid=True)


def draw_events(path: PricePath, seed: int, count: int = 60) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.sort(rng.integers(path.time[0] - 10**9, path.time[-1] + 2 * 10**9, count))


def columns(labels: Labels) -> list[tuple]:
    return list(zip(*(getattr(labels, name).tolist() for name in (
        "position", "start", "end", "label", "ret", "barrier")), strict=True))


# Oracles and hand values ------------------------------------------------------------------------

@pytest.mark.parametrize("side", [None, 1])
def test_oracle_when_the_profit_is_met_at_step_4_then_plus_one(side: int | None) -> None:
    labels = triple_barrier(D17, [0], profit=100, loss=60, horizon=4, side=side)
    assert columns(labels) == [(0, 0, 4, 1, 105.0, Barrier.UPPER)]


def test_short_when_the_same_path_rises_then_its_loss_at_step_4() -> None:
    labels = triple_barrier(D17, [0], profit=60, loss=100, horizon=4, side=-1)
    assert columns(labels) == [(0, 0, 4, -1, -105.0, Barrier.LOWER)]


def test_horizon_when_nothing_is_met_then_sign_of_the_gain_or_zero() -> None:
    given_sign = triple_barrier(D17, [0], profit=100, loss=60, horizon=3)
    assert columns(given_sign) == [(0, 0, 3, 1, 50.0, Barrier.HORIZON)]
    zero = triple_barrier(D17, [0], profit=100, loss=60, horizon=3, at_horizon="zero")
    assert zero.label.tolist() == [0]


def test_barriers_when_zero_then_none() -> None:
    labels = triple_barrier(D17, [0], profit=0, loss=0, horizon=4)
    assert columns(labels) == [(0, 0, 4, 1, 105.0, Barrier.HORIZON)]


def test_spread_when_a_long_is_opened_then_ask_in_and_bid_out() -> None:
    time = np.arange(4, dtype=np.int64) * 10**9
    path = PricePath(time, time, np.array([100.0, 103, 104, 105]), np.array([101.0, 104, 106, 106]),
                     np.zeros(4, np.int64), time[-1:], np.array([False]), 5.0, has_grid=True)
    long = triple_barrier(path, [0], profit=20, loss=20, horizon=3, latency=0, side=1)
    # Bought at 101; a bid of 105 is the first one 4 ticks (20 points) above.
    assert columns(long) == [(0, 0, 3 * 10**9, 1, 20.0, Barrier.UPPER)]
    short = triple_barrier(path, [0], profit=20, loss=20, horizon=3, latency=0, side=-1)
    # Sold at 100; the ask of 104 costs 20 points.
    assert columns(short) == [(0, 0, 10**9, -1, -20.0, Barrier.LOWER)]
    late = triple_barrier(path, [0], profit=20, loss=20, horizon=timedelta(seconds=1),
                          latency=1.0, side=1)
    # Bought at 104 a second later, closed at the bid of 104.
    assert columns(late) == [(0, 10**9, 2 * 10**9, 0, 0.0, Barrier.HORIZON)]


def test_win_when_barriers_are_small_then_at_least_20_points() -> None:
    path = quotes(1)
    small = triple_barrier(path, path.time[:50], profit=1, loss=1, horizon=20, side=1)
    assert columns(small) == columns(triple_barrier(
        path, path.time[:50], profit=20, loss=20, horizon=20, side=1))
    assert (np.abs(small.ret[small.barrier != Barrier.HORIZON]) >= 20).any()


def test_default_latency_when_the_path_is_of_quotes_then_40_ms() -> None:
    path = quotes(1)
    labels = triple_barrier(path, path.time[:5], horizon=5)
    assert set((labels.start - labels.event).tolist()) == {40_000_000}


def test_bars_when_both_barriers_lie_in_one_then_the_loss_first_and_no_side_no_label() -> None:
    bars = pd.DataFrame({"open": [100.0, 100, 100], "high": [101.0, 112, 100],
                         "low": [99.0, 88, 100], "close": [100.0, 105, 100], "end": [1, 2, 3]},
                        index=[0, 1, 2])
    for side in (1, -1):
        labels = triple_barrier(bars, [0], profit=10, loss=10, horizon=3, side=side)
        assert columns(labels) == [(0, 0, 2, -1, -10.0, Barrier.LOWER)]
    unknown = triple_barrier(bars, [0], profit=10, loss=10, horizon=3)
    assert columns(unknown) == [(0, 0, 2, 0, 0.0, Barrier.BOTH)]


def test_cusum_oracle_when_h_is_30_then_events_at_3_5_8() -> None:
    found = cusum_events([0, 10, 25, 35, 30, 5, -5, 20, 60], 30)
    assert list(zip(found.position.tolist(), found.side.tolist(), strict=True)) == [
        (3, 1), (5, -1), (8, 1)]


def test_meta_labels_when_the_gain_does_not_cover_the_cost_then_zero() -> None:
    labels = triple_barrier(D17, [0, 0, 1], profit=100, loss=60, horizon=3, side=[1, -1, 1])
    assert labels.ret.tolist() == [50.0, -50.0, 85.0]
    assert meta_labels(labels).tolist() == [1, 0, 1]
    assert meta_labels(labels, cost=60.0).tolist() == [0, 0, 1]


# The twin -----------------------------------------------------------------------------------------

@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("side", [0, 1, -1])
@pytest.mark.parametrize("closed", [True, False])
def test_triple_barrier_when_done_literally_then_equal(seed: int, side: int, closed: bool) -> None:
    path = quotes(seed, closed=closed)
    events = draw_events(path, seed + 100)
    labels = triple_barrier(path, events, profit=2.0, loss=1.5, target=17.0, horizon=12.0,
                            latency=0.25, side=side or None, least_points=0.0)
    naive = []
    for i, event in enumerate(events):
        # 34 and 25.5 points are met at 7 and 6 ticks of 5.
        bet = naive_bet(path, int(event), latency=250_000_000, horizon=12 * 10**9, up=7, down=6,
                        side=side)
        if bet is not None:
            start, end, label, gain, barrier = bet
            naive.append((i, start, end, label, gain * 5.0, int(barrier)))
    assert columns(labels) == naive
    assert len(naive) > 20 and len({row[3] for row in naive}) > 1
    assert len(labels) + sum(labels.dropped.values()) == len(events)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("side", [1, -1])
def test_bars_when_done_literally_then_equal(seed: int, side: int) -> None:
    rng = np.random.default_rng(seed)
    close = 1000.0 + np.cumsum(rng.integers(-6, 7, 200))
    open_ = np.concatenate([[1000.0], close[:-1]]) + rng.integers(-3, 4, 200)
    high = np.maximum(open_, close) + rng.integers(0, 5, 200)
    low = np.minimum(open_, close) - rng.integers(0, 5, 200)
    frame = pd.DataFrame({"open": open_, "high": high, "low": low, "close": close,
                          "end": np.arange(1, 201)}, index=np.arange(200))
    path = PricePath.of_bars(frame, spread=2.0)
    labels = triple_barrier(path, np.arange(200), profit=15, loss=10, horizon=9, side=side)
    naive = []
    for i in range(200):
        bet = naive_bar_bet(open_, high, low, close, np.arange(1, 201), i, i + 9, 15, 10, side, 2.0)
        if bet is not None:
            naive.append((i, i, bet[0], bet[1], pytest.approx(bet[2], abs=1e-9), int(bet[3])))
    assert columns(labels) == naive and len({row[5] for row in naive}) == 3


@pytest.mark.parametrize("seed", range(5))
def test_cusum_when_done_literally_then_equal(seed: int) -> None:
    values = np.cumsum(np.random.default_rng(seed).integers(-5, 6, 500)).astype(float)
    found = cusum_events(values, 12.0)
    assert list(zip(found.position.tolist(), found.side.tolist(), strict=True)) == naive_cusum(
        values, 12.0)


def test_cusum_when_trading_breaks_off_then_the_sums_start_anew() -> None:
    time = np.arange(4, dtype=np.int64)
    price = np.array([0.0, 8, 100, 108])
    path = PricePath(time, time, price, price, np.array([0, 0, 1, 1]), np.array([1, 3]),
                     np.array([True, True]), is_time=False)
    assert cusum_events(path, 10.0).position.tolist() == []
    assert cusum_events(price, 10.0).position.tolist() == [2]


@pytest.mark.parametrize("seed", range(5))
def test_trend_when_done_by_least_squares_then_equal(seed: int) -> None:
    values = np.cumsum(np.random.default_rng(seed).normal(size=120))
    labels = trend_scanning(values, np.arange(100), shortest=4, longest=15)
    for row in range(len(labels)):
        at = int(labels.event[row])
        t, samples = naive_trend(values[at:at + 15], 4)
        assert labels.score[row] == pytest.approx(t, rel=1e-7)
        assert labels.label[row] == np.sign(t)
        assert labels.end[row] == at + 14
        move = values[at + samples - 1] - values[at]
        assert labels.ret[row] == pytest.approx(move, abs=1e-12)


def test_trend_when_the_line_is_straight_or_flat_then_infinite_or_zero() -> None:
    line = trend_scanning(np.arange(10.0), [0], shortest=3, longest=5)
    assert (line.score[0], line.label[0]) == (np.inf, 1)
    flat = trend_scanning(np.ones(10), [0], shortest=3, longest=5)
    assert (flat.score[0], flat.label[0], flat.ret[0]) == (0.0, 0, 0.0)


def test_trend_when_trading_breaks_off_then_fewer_samples_and_said() -> None:
    labels = trend_scanning(quotes(3), shortest=3, longest=30, step=1.0)
    cut = labels.barrier == Barrier.SESSION
    assert cut.any() and (labels.end[~cut] - labels.start[~cut] == 29 * 10**9).all()
    assert (labels.end[cut] - labels.start[cut] < 29 * 10**9).all()


@pytest.mark.parametrize("seed", range(3))
def test_volatility_when_pandas_does_it_then_equal(seed: int) -> None:
    values = np.cumsum(np.random.default_rng(seed).normal(size=300))
    ours = volatility(values, horizon=9, span=20.0, least_cells=5)
    theirs = pd.Series(np.diff(values, prepend=np.nan)).ewm(span=20, min_periods=5).std() * 3
    assert ours[6:] == pytest.approx(theirs.to_numpy()[6:], rel=1e-10)
    assert np.isnan(ours[:5]).all()


# Properties ---------------------------------------------------------------------------------------

@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 1000), side=st.sampled_from((None, 1, -1)), up=st.integers(5, 80),
       down=st.integers(5, 80), horizon=st.floats(0.5, 60.0), latency=st.floats(0.0, 3.0))
def test_labels_when_the_future_is_cut_off_or_changed_then_unchanged(
        seed: int, side: int | None, up: int, down: int, horizon: float, latency: float) -> None:
    path = quotes(seed)
    events = draw_events(path, seed)

    def run(on: PricePath) -> dict[int, tuple]:
        labels = triple_barrier(on, events, profit=up, loss=down, horizon=horizon, side=side,
                                latency=latency, least_points=0.0)
        assert (labels.event <= labels.start).all() and (labels.start <= labels.end).all()
        assert (labels.end - labels.start <= round(horizon * 1e9)).all()
        return {row[0]: row for row in columns(labels)}

    whole = run(path)
    for position, row in list(whole.items())[::7]:
        # That trading broke off is known an instant after the segment's end.
        moment = row[2] + (row[5] == Barrier.SESSION)
        assert run(path.until(moment))[position] == row
        later = path.time > moment
        changed = PricePath(path.time, path.time, np.where(later, path.bid + 1000, path.bid),
                            np.where(later, path.ask + 1000, path.ask), path.segment,
                            path.segment_end, path.is_closed, 5.0, has_grid=True)
        assert run(changed)[position] == row


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 1000), side=st.sampled_from((1, -1)))
def test_labels_when_a_barrier_ended_them_then_the_gain_is_beyond_it(seed: int, side: int) -> None:
    path = quotes(seed)
    labels = triple_barrier(path, draw_events(path, seed), profit=30, loss=25, horizon=20.0,
                            side=side)
    upper, lower = labels.barrier == Barrier.UPPER, labels.barrier == Barrier.LOWER
    assert (labels.ret[upper] >= 30).all() and (labels.ret[lower] <= -25).all()
    inside = labels.ret[~upper & ~lower]
    assert (inside < 30).all() and (inside > -25).all()
    segments = [np.searchsorted(path.segment_end, at, "left") for at in (labels.start, labels.end)]
    assert (segments[0] == segments[1]).all()


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000))
def test_trend_and_volatility_when_the_future_is_cut_off_then_unchanged(seed: int) -> None:
    path = quotes(seed)
    labels = trend_scanning(path, draw_events(path, seed), shortest=3, longest=8, step=2.0)
    for row in range(0, len(labels), 9):
        moment = int(labels.end[row])
        if labels.barrier[row] == Barrier.SESSION:
            moment = int(path.segment_end[path.segment[path.rows_at(labels.end[row:row + 1])]][0]
                         ) + 1
        again = trend_scanning(path.until(moment), [int(labels.event[row])], shortest=3, longest=8,
                               step=2.0)
        assert columns(again) == [(0, *columns(labels)[row][1:])]
    at = int(path.time[250])
    both = [volatility(on, [at], horizon=10.0, least_cells=5)[0] for on in (path, path.until(at))]
    assert both[0] == both[1] or np.isnan(both).all()


def test_labels_when_dropped_at_breaks_then_no_session_barrier() -> None:
    path = quotes(2)
    kept = triple_barrier(path, horizon=30.0, profit=200, loss=200)
    dropped = triple_barrier(path, horizon=30.0, profit=200, loss=200, at_break="drop")
    cut = int((kept.barrier == Barrier.SESSION).sum())
    assert cut > 0 and dropped.dropped["trading breaks off"] == cut
    assert not (dropped.barrier == Barrier.SESSION).any()


def test_frame_when_made_then_end_times_fit_the_splitters() -> None:
    from dreammaker.validation import PurgedKFold

    path = quotes(4)
    labels = triple_barrier(path, horizon=10.0, profit=30, loss=30)
    labels = labels.take(np.concatenate([[True], np.diff(labels.event) > 0]))
    frame, ends = labels.to_frame(), labels.end_times()
    assert frame.index.equals(ends.index) and str(frame.index.tz) == "UTC"
    assert (frame["end"].to_numpy() == ends.to_numpy()).all()
    for train, test in PurgedKFold(n_splits=4, label_end_times=ends).split(frame):
        first, last = labels.event[test].min(), labels.end[test].max()
        assert ((labels.end[train] < first) | (labels.event[train] > last)).all()


def test_labels_when_of_two_days_then_joined_in_order() -> None:
    path = quotes(4)
    early, late = (triple_barrier(path, path.time[part], horizon=10.0, profit=30, loss=30)
                   for part in (slice(0, 200), slice(200, 400)))
    both = Labels.joined([early, late])
    assert len(both) == len(early) + len(late)
    assert sum(both.dropped.values()) == sum(early.dropped.values()) + sum(late.dropped.values())
    with pytest.raises(InputError, match="in order of their events"):
        Labels.joined([late, early])
    with pytest.raises(InputError, match="one set of labels or more"):
        Labels.joined([])


# Bad input ----------------------------------------------------------------------------------------

@pytest.mark.parametrize(("make", "message"), [
    (lambda: triple_barrier(D17, [3, 1], horizon=1), "events must be in order of time"),
    (lambda: triple_barrier(pd.Series(D17, index=[0, 2, 1, 3, 4]), [0], horizon=1),
     "index of prices must be in order"),
    (lambda: triple_barrier([1.0, np.nan], [0], horizon=1), "finite numbers, was nan at index 1"),
    (lambda: triple_barrier([], [0], horizon=1), "prices must not be empty"),
    (lambda: triple_barrier(D17, [], horizon=1), "events must not be empty"),
    (lambda: triple_barrier(D17, [0], horizon=0), "horizon must be above 0, was 0"),
    (lambda: triple_barrier(D17, [0], horizon=1.5), "whole number of index units"),
    (lambda: triple_barrier(D17, [0], horizon=1, profit=-1), "profit must be 0 or more, was -1"),
    (lambda: triple_barrier(D17, [0], horizon=1, loss=float("nan")), "loss must be 0 or more"),
    (lambda: triple_barrier(D17, [0], horizon=1, target=-5), "target must be above 0, was -5"),
    (lambda: triple_barrier(D17, [0], horizon=1, target=[1, 2]), "one entry an event, 1"),
    (lambda: triple_barrier(D17, [0], horizon=1, side=2), "side must be -1, 0 or 1, was 2"),
    (lambda: triple_barrier(D17, [0], horizon=1, latency=-1), "latency must be 0 or more"),
    (lambda: triple_barrier(D17, [0], horizon=1, least_points=-1), "least_points must be 0"),
    (lambda: triple_barrier(D17, [0], horizon=1, at_break="x"), "at_break must be one of"),
    (lambda: triple_barrier(D17, pd.DatetimeIndex(["2020-01-01"]), horizon=1),
     "events must hold integers"),
    (lambda: cusum_events(D17, 0), "threshold must be above 0, was 0"),
    (lambda: cusum_events(D17, [1, -2, 1, 1, 1]), "was -2 at row 1"),
    (lambda: trend_scanning(D17, [0], shortest=2), "shortest must be a whole number of 3"),
    (lambda: trend_scanning(D17, [0], shortest=5, longest=4), "longest must be a whole number"),
    (lambda: volatility(D17, horizon=1, span=1), "span must be above 1"),
    (lambda: meta_labels([1.0]), "side must be given"),
    (lambda: meta_labels([1.0], [3]), "side must be -1, 0 or 1, was 3"),
    (lambda: meta_labels([1.0], [1], cost=-1), "cost must be 0 or more"),
    (lambda: meta_labels(triple_barrier(D17, [0], horizon=1)), "labels must be of bets with a"),
])
def test_input_when_wrong_then_one_clear_error(make, message: str) -> None:
    with pytest.raises(InputError, match=message):
        make()
