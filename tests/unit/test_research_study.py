"""A whole study: what is left out, what is refused, and that it repeats."""

import json

import numpy as np
import pytest

from dreammaker.domain.errors import ConfigError, InputError
from dreammaker.features import FeatureConfig
from dreammaker.research import LabelRule, build_dataset
from dreammaker.research.importance import Importance, forest, mean_decrease_accuracy
from dreammaker.research.study import StudyOptions, study_features
from tests.unit.research_logs import random_log

QUICK = FeatureConfig(bar_ms=1_000, volatility_cells=30, impact_cells=30)
LOGS = [random_log("quotes", 12_000, 8 + shift, day_shift=shift) for shift in (0, 1)]
OPTIONS = StudyOptions(folds=2, trees=10, most_rows=200, horizons=(1.0, 5.0))


@pytest.fixture(scope="module")
def data():
    return build_dataset(LOGS, rule=LabelRule(horizon_s=10.0), features=QUICK)


def study(data, logs=LOGS, seed=1, say=None):
    return study_features(data, iter(logs), rng=np.random.default_rng(seed), options=OPTIONS,
                          say=say)


def test_study_when_repeated_then_the_same_and_every_part_told(data) -> None:
    said: list[str] = []
    found = study(data, say=said.append)
    assert said[0] == "information coefficients" and said[-1] == "single features"
    assert json.loads(json.dumps(found.to_dict(), allow_nan=False)) == study(data).to_dict()
    assert found.to_dict() != study(data, seed=2).to_dict()
    # A source without sizes: the nine features that need them have no value.
    assert sum(why == "no value" for why in found.left_out.values()) >= 9
    assert set(found.names) | set(found.left_out) == set(data.feature_names)
    assert all(item.days in (0, 1, 2) and item.rejected <= item.days
               for item in found.stationarity)
    assert len(found.notes) == (found.differencing is None)


def test_study_when_the_logs_are_not_the_days_then_refused(data) -> None:
    with pytest.raises(InputError, match="the log of 2023-11-15 is missing"):
        study(data, LOGS[:1])
    with pytest.raises(InputError, match="not the one that the rows were made of"):
        study(data, [random_log("quotes", 12_000, 3)])


def test_study_when_nothing_can_be_learned_then_refused(data) -> None:
    with pytest.raises(InputError, match="one class only"):
        study(data.take(data.y == 1))
    flat = data.take(np.arange(len(data)))
    flat.X[:] = 1.0
    with pytest.raises(InputError, match="no feature of WIN varies"):
        study(flat)


@pytest.mark.parametrize(("wrong", "says"), [
    ({"folds": 1}, "folds must be 2"), ({"trees": 5}, "trees must be 10"),
    ({"most_rows": 10}, "most_rows must be 200"), ({"jobs": 0}, "jobs must be 1"),
    ({"horizons": ()}, "horizons must be"), ({"horizons": (2.0, 1.0)}, "ascending"),
    ({"horizons": (float("nan"),)}, "horizons must be")])
def test_options_when_wrong_then_one_clear_sentence(wrong: dict, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        StudyOptions(**wrong)


def test_importance_when_one_fold_alone_was_trained_then_no_error_and_no_t() -> None:
    rng = np.random.default_rng(1)
    X, y = rng.standard_normal((60, 2)), np.repeat([0, 1], 30)

    class OneFold:
        def get_n_splits(self, X=None, y=None, groups=None):
            return 1

        def split(self, X, y=None, groups=None):
            yield np.arange(0, 60, 2), np.arange(1, 60, 2)

    found = mean_decrease_accuracy(lambda: forest(rng, trees=10), X, y, OneFold(), rng=rng)
    assert all(np.isnan(item.error) and np.isnan(item.t) for item in found)
    assert Importance(("a",), 0.5, 0.0).t == np.inf
