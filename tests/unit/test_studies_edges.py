"""Studies where they would say too much: moves that all rows share, no weight, big levels."""

import numpy as np
import pytest

from dreammaker.domain.errors import InputError
from dreammaker.research.clusters import feature_clusters
from dreammaker.research.importance import (
    forest,
    mean_decrease_accuracy,
    single_feature_importance,
)
from dreammaker.research.information import information_coefficient
from dreammaker.research.stationarity import unit_root_test
from dreammaker.validation import PurgedKFold


def _persistent(persistence: float, n: int, rng: np.random.Generator) -> np.ndarray:
    x = rng.standard_normal(n + 500)
    for i in range(1, len(x)):
        x[i] += persistence * x[i - 1]
    return x[500:]


def _noise(seed: int, n: int, overlap: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    steps = np.concatenate([[0.0], np.cumsum(rng.standard_normal(n + overlap))])
    return _persistent(0.99, n, rng), steps[overlap + 1:] - steps[:n]


def test_interval_when_moves_overlap_far_then_noise_stays_inside() -> None:
    """Without the width for the window 76 % of 95 % intervals held 0 here (200 draws)."""
    inside = 0
    for seed in range(120):
        found, t = information_coefficient(*_noise(seed, 3_000, 299), overlap=299)
        inside += found.ci[0] <= 0.0 <= found.ci[1]
        assert (abs(t) <= 1.959963984540054) == (found.ci[0] <= 0.0 <= found.ci[1])
    assert inside >= 0.81 * 120


@pytest.mark.parametrize(("n", "overlap"), [(500, 299), (300, 1_000), (1_000, 250)])
def test_interval_when_nearly_all_rows_share_the_move_then_none(n: int, overlap: int) -> None:
    found, t = information_coefficient(*_noise(1, n, overlap), overlap=overlap)
    assert np.isfinite(found.value) and np.isnan(found.ci).all() and np.isnan(t)


def test_coefficient_when_perfect_then_one_and_an_ordered_interval() -> None:
    x = np.random.default_rng(0).standard_normal((300, 4))[:, 0]
    found, _ = information_coefficient(x, x)
    assert found.ci[0] <= found.value == found.ci[1] == 1.0
    with pytest.raises(InputError, match="must hold numbers"):
        information_coefficient(["a"] * 50, x[:50])


@pytest.mark.parametrize("trend", ["c", "ct"])
def test_unit_root_when_the_level_or_unit_changes_then_the_same_statistic(trend) -> None:
    walk = np.cumsum(np.random.default_rng(2).standard_normal(500))
    plain = unit_root_test(walk, trend=trend)
    for other in (walk + 1e9, walk * 1e-200, walk * 1e200, 1e9 - walk):
        found = unit_root_test(other, trend=trend)
        assert found.statistic == pytest.approx(plain.statistic, rel=1e-5)
        assert found.lags == plain.lags


@pytest.mark.parametrize("lags", [2.0, -1, True])
def test_unit_root_when_lags_are_no_count_then_refused(lags) -> None:
    with pytest.raises(InputError, match="lags must be a whole number of 0 or more"):
        unit_root_test(np.random.default_rng(1).standard_normal(100), lags=lags)


def test_folds_when_they_have_no_weight_then_left_out() -> None:
    rng = np.random.default_rng(1)
    X = rng.standard_normal((400, 2))
    y = (X[:, 0] > 0.0).astype(int)
    light = np.repeat([0.0, 1.0], [100, 300])

    def make():
        return forest(np.random.default_rng(1), trees=10)

    found = mean_decrease_accuracy(make, X, y, PurgedKFold(4), rng=rng, weights=light)
    assert found[0].value > found[1].value and np.isfinite(found[0].error)
    with pytest.raises(InputError, match="no fold can be trained"):
        single_feature_importance(make, X, y, PurgedKFold(2), weights=1.0 - np.sign(np.arange(400)))
    for bad in (-1.0, np.nan):
        with pytest.raises(InputError, match="weights must be finite and 0 or more"):
            mean_decrease_accuracy(make, X, y, PurgedKFold(4), rng=rng, weights=np.full(400, bad))


def test_clusters_when_names_repeat_or_shapes_are_odd_then_refused() -> None:
    X = np.random.default_rng(1).standard_normal((50, 3))
    for call, says in ((lambda: feature_clusters(X, ["a", "a", "b"]), "differ from one another"),
                       (lambda: feature_clusters(X, ["a", "b", "c"], 1.5), "whole number in"),
                       (lambda: feature_clusters(X[:, 0], ["a"]), "two dimensions")):
        with pytest.raises(InputError, match=says):
            call()
