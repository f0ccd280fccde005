"""Labels of real days: how many of each, and that none spans a break or sees the future."""

from pathlib import Path

import numpy as np
import pytest

from dreammaker.data import EventLog, read_lobster, read_mt5_ticks
from dreammaker.models.labels import (
    Barrier,
    PricePath,
    average_uniqueness,
    cusum_events,
    label_concurrency,
    meta_labels,
    sequential_bootstrap,
    trend_scanning,
    triple_barrier,
    volatility,
)

pytestmark = pytest.mark.market_data
SECOND = 10**9


def decisions(path: PricePath) -> np.ndarray:
    return np.arange(path.time[0] // SECOND + 1, path.time[-1] // SECOND) * SECOND


@pytest.fixture(scope="module")
def dolk20(market_data: Path) -> EventLog:
    return read_mt5_ticks(market_data / "DOLK20.csv")


@pytest.fixture(scope="module")
def dolk20_path(dolk20: EventLog) -> PricePath:
    return PricePath.of_log(dolk20)


@pytest.fixture(scope="module")
def goog_path(market_data: Path) -> PricePath:
    return PricePath.of_log(
        read_lobster(market_data / "LOBSTER_SampleFile_GOOG_2012-06-21_10.zip"))


def test_path_when_of_the_dollar_then_segments_end_where_trading_does(
        dolk20: EventLog, dolk20_path: PricePath) -> None:
    path = dolk20_path
    assert (len(path), path.tick_size, bool(path.is_closed.all())) == (30_145, 0.5, True)
    # 18:00 in Brasilia is 21:00 UTC; continuous trading began after the auction of 09:03.
    assert path.segment_end[-1] == 1_585_861_200 * SECOND - 1
    assert path.segment_end[-2] < (1_585_828_800 + 190) * SECOND < path.segment_end[-1]
    assert (path.ask > path.bid)[~np.isnan(path.bid)].all()


@pytest.mark.parametrize(("side", "counts", "barriers"), [
    (None, {-1: 7_561, 0: 16_075, 1: 8_543}, [911, 30_442, 767, 59]),
    (1, {-1: 20_455, 0: 3_205, 1: 8_519}, [3_722, 27_631, 767, 59]),
    (-1, {-1: 21_142, 0: 3_511, 1: 7_526}, [3_724, 27_500, 896, 59]),
])
def test_labels_when_of_the_dollar_every_second_then_their_counts(
        dolk20_path: PricePath, side: int | None, counts: dict[int, int],
        barriers: list[int]) -> None:
    events = decisions(dolk20_path)
    target = volatility(dolk20_path, events, horizon=60)
    labels = triple_barrier(dolk20_path, events, target=target, profit=2, loss=2, horizon=60,
                            side=side)
    assert labels.counts() == counts and labels.dropped == {"no target": 219}
    assert [int((labels.barrier == kind).sum()) for kind in (
        Barrier.LOWER, Barrier.HORIZON, Barrier.UPPER, Barrier.SESSION)] == barriers
    # The last minute ends with trading.
    assert labels.end.max() == dolk20_path.segment_end[-1]
    assert (np.abs(labels.ret[np.isin(labels.barrier, (-1, 1))]) >= 2.0).all()
    if side:
        assert meta_labels(labels).sum() == counts[1]
        assert meta_labels(labels, cost=0.5).sum() < counts[1]
        assert label_concurrency(labels).max() == 61
        assert average_uniqueness(labels).mean() == pytest.approx(0.0175, abs=2e-4)


@pytest.mark.parametrize(("side", "counts"), [
    (None, {-1: 4_182, 0: 16_186, 1: 2_943}), (1, {-1: 20_356, 0: 147, 1: 2_808}),
    (-1, {-1: 19_300, 0: 207, 1: 3_835})])
def test_labels_when_of_google_every_second_then_their_counts(
        goog_path: PricePath, side: int | None, counts: dict[int, int]) -> None:
    events = decisions(goog_path)
    target = volatility(goog_path, events, horizon=60)
    labels = triple_barrier(goog_path, events, target=target, profit=2, loss=2, horizon=60,
                            side=side)
    assert labels.counts() == counts
    # The file ends without a close: what is still open then has no label.
    assert set(labels.dropped) == {"no target", "data end before the label"}


def test_events_and_trends_when_of_both_days_then_their_counts(
        dolk20_path: PricePath, goog_path: PricePath) -> None:
    found = [len(cusum_events(path, 10 * path.tick_size).event)
             for path in (dolk20_path, goog_path)]
    assert found == [151, 3_228]
    trends = [trend_scanning(path, decisions(path)[::10], step=5, shortest=5, longest=12)
              for path in (dolk20_path, goog_path)]
    assert [labels.counts() for labels in trends] == [
        {-1: 1_579, 0: 12, 1: 1_628}, {-1: 1_308, 0: 1, 1: 1_026}]


def test_labels_when_the_day_is_cut_off_then_those_that_have_ended_are_the_same(
        dolk20_path: PricePath) -> None:
    path, events = dolk20_path, decisions(dolk20_path)[::7]
    noon = int(path.time[len(path) // 2])

    def run(on: PricePath) -> dict[int, tuple]:
        labels = triple_barrier(on, events, target=volatility(on, events, horizon=60), profit=2,
                                loss=2, horizon=60)
        return {int(row[0]): row for row in zip(labels.position, labels.end, labels.label,
                                                labels.ret, labels.barrier, strict=True)}

    whole, past = run(path), run(path.until(noon))
    ended = {position for position, row in whole.items() if row[1] <= noon}
    assert len(ended) > 1_500 and all(past[position] == whole[position] for position in ended)


def test_sequential_bootstrap_when_of_a_day_of_labels_then_drawn_in_full(
        dolk20_path: PricePath) -> None:
    labels = triple_barrier(dolk20_path, decisions(dolk20_path), profit=5, loss=5, horizon=60)
    drawn = sequential_bootstrap(labels, np.random.default_rng(1))
    assert len(drawn) == len(labels) > 30_000
    assert 0.5 < len(np.unique(drawn)) / len(labels) < 0.8
