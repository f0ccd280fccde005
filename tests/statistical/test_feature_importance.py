"""A planted signal is found, noise is not, and substitutes hide each other until clustered."""

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

from dreammaker.domain.errors import InputError
from dreammaker.research.importance import (
    Importance,
    forest,
    mean_decrease_accuracy,
    mean_decrease_impurity,
    single_feature_importance,
)
from dreammaker.validation import PurgedKFold

NAMES = ["signal", "twin", "noise_1", "noise_2", "noise_3"]
N = 900


def planted(seed: int, strength: float = 1.5):
    """Labels that the first column drives; the second is nearly its copy."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((N, 5))
    X[:, 1] = X[:, 0] + 0.05 * rng.standard_normal(N)
    y = np.where(rng.random(N) < 1.0 / (1.0 + np.exp(-strength * X[:, 0])), 1, -1)
    index = pd.date_range("2026-03-02 09:00", periods=N, freq="1s", tz="UTC")
    frame = pd.DataFrame(X, index=index, columns=NAMES)
    ends = pd.Series(index + pd.Timedelta("3s"), index=index)
    return frame, y, PurgedKFold(4, embargo=pd.Timedelta("5s"), label_end_times=ends)


def logistic():
    return LogisticRegression()


def trees():
    return forest(np.random.default_rng(1), trees=40)


def by_name(found: list[Importance]) -> dict[str, Importance]:
    return {item.features[0]: item for item in found}


def test_signal_when_planted_then_every_method_finds_it() -> None:
    X, y, cv = planted(1)
    alone = X.drop(columns="twin")
    rng = np.random.default_rng(2)
    for found in (mean_decrease_accuracy(trees, alone, y, cv, rng=rng),
                  single_feature_importance(trees, alone, y, cv),
                  mean_decrease_accuracy(logistic, alone, y, cv, rng=rng, score="accuracy",
                                         repeats=3)):
        values = by_name(found)
        assert values["signal"].t > 3.0 and values["signal"].value > 0.05
        # Null: noise; t over four folds has three degrees of freedom.
        assert all(abs(values[f"noise_{k}"].value) < 0.3 * values["signal"].value
                   for k in (1, 2, 3))
    shares = by_name(mean_decrease_impurity(trees().fit(alone.to_numpy(), y), list(alone.columns)))
    assert shares["signal"].value > 0.4 and sum(v.value for v in shares.values()) == pytest.approx(
        1.0)


def test_noise_when_studied_then_no_more_than_chance() -> None:
    # Null: labels do not depend on anything. Over 20 seeds and 3 columns, the mean decrease is
    # centred on 0 or below (a shuffled column cannot help), and |t| > 3.18 (5 % at 3 degrees of
    # freedom) in few of 60.
    values, large = [], 0
    for seed in range(20):
        X, _, cv = planted(seed, 0.0)
        y = np.random.default_rng(100 + seed).choice([-1, 1], N)
        for item in mean_decrease_accuracy(logistic, X.iloc[:, 2:], y, cv,
                                           rng=np.random.default_rng(seed)):
            values.append(item.value)
            large += item.t > 3.18
    assert abs(float(np.mean(values))) < 0.002 and large <= 6


def test_twin_when_not_clustered_then_hides_and_clustered_shows() -> None:
    X, y, cv = planted(3)
    rng = np.random.default_rng(4)
    alone = by_name(mean_decrease_accuracy(trees, X, y, cv, rng=rng))
    groups = (("signal", "twin"), ("noise_1", "noise_2", "noise_3"))
    together = mean_decrease_accuracy(trees, X, y, cv, rng=rng, groups=groups)
    assert together[0].features == groups[0]
    assert together[0].value > 1.5 * max(alone["signal"].value, alone["twin"].value)
    assert abs(together[1].value) < 0.25 * together[0].value
    shares = mean_decrease_impurity(trees().fit(X.to_numpy(), y), NAMES, groups)
    assert shares[0].value > 0.6 and len(shares) == 2


def test_single_when_by_hand_then_gain_over_frequencies() -> None:
    class Fixed:
        classes_ = np.array([0, 1])

        def fit(self, X, y, sample_weight):
            return self

        def predict_proba(self, X):
            return np.tile([0.25, 0.75], (len(X), 1))

    y = np.array([0, 1, 1, 1] * 4)
    weights = np.where(y == 1, 1.0, 3.0)
    found = single_feature_importance(Fixed, np.zeros((16, 1)) + np.arange(16)[:, None], y,
                                      PurgedKFold(2), weights=weights)
    # Weighted frequencies are a half each: log(1/2); the model scores log(1/4) and log(3/4) evenly.
    assert found[0].value == pytest.approx(0.5 * np.log(0.25 * 0.75) - np.log(0.5))
    assert found[0].error == pytest.approx(0.0)


def test_weights_when_a_row_counts_for_nothing_then_it_changes_nothing() -> None:
    X, y, cv = planted(5)
    weights = np.ones(N)
    weights[::7] = 0.0
    flipped = np.where(weights == 0.0, -y, y)
    one, other = (mean_decrease_accuracy(logistic, X, labels, cv, rng=np.random.default_rng(1),
                                         weights=weights) for labels in (y, flipped))
    assert one == other
    assert one != mean_decrease_accuracy(logistic, X, flipped, cv, rng=np.random.default_rng(1))


def test_importance_when_wrong_then_one_clear_sentence() -> None:
    X, y, cv = planted(1)
    rng = np.random.default_rng(1)
    for change, says in (({"groups": [["absent"]]}, "absent"), ({"groups": [[]]}, "empty group"),
                         ({"score": "auc"}, "log_loss or accuracy"), ({"repeats": 0}, "repeats"),
                         ({"weights": np.ones(3)}, "one entry a row"),
                         ({"names": ["a"]}, "names must have")):
        with pytest.raises(InputError, match=says):
            mean_decrease_accuracy(logistic, X, y, cv, rng=rng, **change)
    with pytest.raises(InputError, match="no fold can be trained"):
        mean_decrease_accuracy(logistic, X, np.ones(N), cv, rng=rng)
    with pytest.raises(InputError, match="fitted forest"):
        mean_decrease_impurity(logistic().fit(X, y), NAMES)
    with pytest.raises(InputError, match="one entry a column"):
        mean_decrease_impurity(trees().fit(X.to_numpy(), y), NAMES[:2])
