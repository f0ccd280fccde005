"""Labels, weights and forests fed what they cannot take: one sentence, never a wrong label."""

import numpy as np
import pandas as pd
import pytest

from dreammaker.domain.errors import InputError, StoreError
from dreammaker.models.label_set import Labels
from dreammaker.models.labels import meta_labels, trend_scanning, triple_barrier, volatility
from dreammaker.models.price_path import PricePath
from dreammaker.models.trees import TreeModel
from dreammaker.models.weights import return_attribution, sequential_probabilities, time_decay
from dreammaker.research.label_rule import LabelRule

PRICES = [100.0, 101.0, 102.0, 99.0, 98.0, 103.0]
TIMED = pd.Series(PRICES, index=pd.date_range("2024-01-01", periods=6, freq="D"))
BARS = pd.DataFrame({"open": PRICES, "high": [p + 1 for p in PRICES],
                     "low": [p - 1 for p in PRICES], "close": PRICES}, index=TIMED.index)
SECOND = 1_000_000_000


@pytest.mark.parametrize(("make", "message"), [
    (lambda: triple_barrier(TIMED, horizon=9e9), "horizon must be below 73 years"),
    (lambda: triple_barrier(TIMED, horizon=1e300), "horizon must be below 73 years"),
    (lambda: triple_barrier(PRICES, [0], horizon=10**19), "horizon must be below"),
    (lambda: triple_barrier(PRICES, [0], horizon=1, latency=2**63 - 1), "latency must be below"),
    (lambda: triple_barrier(TIMED, horizon=-1e300), "horizon must be above 0"),
    (lambda: triple_barrier(TIMED, horizon=np.timedelta64("NaT")), "horizon must be above 0"),
    (lambda: triple_barrier(TIMED, horizon=np.timedelta64(400, "Y")), "horizon must be a span of"),
    (lambda: triple_barrier(PRICES, [0], horizon=1, profit="x"), "profit must be a number"),
    (lambda: volatility(PRICES, horizon=1, span="x"), "span must be a number"),
    (lambda: volatility(TIMED, horizon=1, cell=1e-6), "cell must be longer: .* 432,000,000,000"),
    (lambda: meta_labels([1.0], [1], cost="a"), "cost must be a number"),
    (lambda: meta_labels(["a"], [1]), "labels must hold numbers"),
    (lambda: triple_barrier(BARS[["open"]], horizon=1.0), "high is missing"),
    (lambda: triple_barrier(BARS.assign(open=200.0), horizon=1.0), "open must lie within low"),
    (lambda: triple_barrier(BARS.assign(close=0.0), horizon=1.0), "close must lie within low"),
    (lambda: triple_barrier(BARS.assign(end=BARS.index - pd.Timedelta("1h")), horizon=1.0),
     "bars must end at or after their start"),
    (lambda: PricePath.of_bars(BARS, spread=np.inf), "spread must be 0 or more, was inf"),
    (lambda: sequential_probabilities([(0, 2), (1, 3)], [0.7]), "drawn must hold row numbers"),
    (lambda: sequential_probabilities([(0, 2)], [5]), "drawn must hold row numbers"),
    (lambda: return_attribution([(0, 1)], ["a", "b"]), "returns must hold numbers"),
    (lambda: time_decay([0.5], "x"), "oldest must be a number")])
def test_input_when_hostile_then_one_clear_sentence(make, message: str) -> None:
    with pytest.raises(InputError, match=message):
        make()


def test_horizon_when_the_longest_that_is_allowed_then_no_label_ends_before_it_starts() -> None:
    found = triple_barrier(TIMED, horizon=2.3e9, profit=3.0, loss=3.0)
    assert len(found) and bool((found.end >= found.start).all())
    assert found.dropped["data end before the label"] > 0


def test_spans_when_pandas_or_numpy_numbers_then_as_python_s_to_the_ns() -> None:
    times = pd.Series(PRICES, index=pd.to_datetime(np.arange(6) * 100))
    found = triple_barrier(times, [0], horizon=pd.Timedelta(300, "ns"), profit=50.0, loss=50.0)
    assert found.end.tolist() == [300]
    longest = trend_scanning(PRICES, [0], shortest=np.int64(3), longest=np.int64(5))
    assert longest.score.tolist() == trend_scanning(PRICES, [0], shortest=3, longest=5
                                                    ).score.tolist()


def test_forest_when_boosted_then_refused_by_name() -> None:
    ensemble = pytest.importorskip("sklearn.ensemble")
    X = np.random.default_rng(1).standard_normal((40, 2))
    boosted = ensemble.GradientBoostingClassifier(n_estimators=2).fit(X, np.arange(40) % 2)
    with pytest.raises(StoreError, match="GradientBoostingClassifier is not a fitted forest"):
        TreeModel.from_forest(boosted)


def test_weights_by_returns_when_nobody_held_then_the_move_is_nobody_s() -> None:
    """Between the labels lies an auction, or an hour in which no decision was made."""
    time = np.arange(0, 100, 10, dtype=np.int64) * SECOND
    quiet = np.array([100.0, 101, 102, 102, 102, 102, 102, 102, 103, 104])
    jump = np.where(np.arange(10) >= 5, 400.0, 0.0)

    def weights(mid: np.ndarray) -> list[float]:
        path = PricePath(time, time, mid - 0.5, mid + 0.5, np.zeros(10, np.int64), time[-1:],
                         np.zeros(1, np.bool_))
        start, end = np.array([0, 70]) * SECOND, np.array([20, 90]) * SECOND
        none = np.zeros(2)
        labels = Labels(np.arange(2), start, start, end, none.astype(np.int8),
                        none.astype(np.int8), none, none.astype(np.int8), none, none)
        return LabelRule(weight="returns").weights(labels, path).tolist()

    first, second = np.log(102 / 100), np.log(104 / 102)
    assert weights(quiet) == pytest.approx([first, second])
    assert weights(quiet + jump) == pytest.approx([first, np.log(504 / 502)])
