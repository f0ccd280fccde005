"""Primary, forest, ensemble, meta-model: estimators that learn, and run the same from a bundle."""

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone, is_classifier
from sklearn.ensemble import (
    AdaBoostClassifier,
    ExtraTreesClassifier,
    HistGradientBoostingClassifier,
)
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, KFold, cross_val_score

from dreammaker.domain.errors import InputError, StoreError
from dreammaker.features.config import FeatureConfig
from dreammaker.models.bundle import InputStatistics, LiveRules, Member, ModelBundle
from dreammaker.models.bundle_predictor import BundlePredictor
from dreammaker.models.bundle_view import BundleView
from dreammaker.models.bundling import bundle_members, library_versions
from dreammaker.models.combination import Combination
from dreammaker.models.diversity import diversity
from dreammaker.models.ensemble import Ensemble
from dreammaker.models.folds import Folds
from dreammaker.models.meta import MetaModel, meta_inputs
from dreammaker.models.primary import ForestModel, PrimaryModel
from dreammaker.validation import PurgedKFold
from tests.unit.bundle_scenes import feature_rows
from tests.unit.test_bundle_predictor import market_at

BOOST = {"n_estimators": 15, "num_leaves": 7, "min_child_samples": 10, "learning_rate": 0.1}
FOREST = {"n_estimators": 10, "max_depth": 4, "min_samples_leaf": 5}


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(11)
    X = rng.normal(size=(600, 6))
    X[rng.random(X.shape) < 0.05] = np.nan
    clean = np.nan_to_num(X[:, 0] + 0.7 * np.nan_to_num(X[:, 1]))
    y = np.where(clean + 0.7 * rng.normal(size=600) > 0, 1, -1)
    return X, y, np.digitize(clean, [-0.6, 0.6]) - 1


@pytest.mark.parametrize("model", [PrimaryModel(**BOOST), ForestModel(**FOREST)])
def test_models_when_fitted_then_they_learn_and_predict_as_their_library(model, data) -> None:
    X, two, three = data
    for y in (two, three):
        fitted = clone(model).fit(X[:400], y[:400])
        found = fitted.predict_proba(X[400:])
        assert found.shape == (200, len(np.unique(y)))
        assert fitted.classes_.tolist() == np.unique(y).tolist()
        assert (fitted.predict(X[400:]) == y[400:]).mean() > 0.65
        theirs = (fitted.fitted.predict_proba(X[400:]) if hasattr(fitted.fitted, "predict_proba")
                  else fitted.fitted.predict(X[400:]))
        theirs = np.stack([1 - theirs, theirs], axis=1) if theirs.ndim == 1 else theirs
        assert np.abs(found - theirs).max() <= 1e-12
        again = clone(model).fit(pd.DataFrame(X[:400]), pd.Series(y[:400]))
        assert np.array_equal(again.predict_proba(X[400:]), found)


@pytest.mark.parametrize("model", [PrimaryModel(**BOOST), ForestModel(**FOREST)])
def test_models_when_weighted_then_weights_matter(model, data) -> None:
    X, y, _ = data
    plain = clone(model).fit(X, y).predict_proba(X)
    assert np.abs(clone(model).fit(X, y, np.where(y > 0, 5.0, 1.0)).predict_proba(X)[:, 1].mean()
                  - plain[:, 1].mean()) > 0.1
    rare = y.copy()
    rare[:150] = -1
    balanced = clone(model).set_params(balanced=True).fit(X, rare).predict_proba(X)[:, 1].mean()
    assert balanced > clone(model).fit(X, rare).predict_proba(X)[:, 1].mean() + 0.05
    for wrong in (np.ones(3), -np.ones(600), np.zeros(600), np.full(600, np.nan)):
        with pytest.raises(InputError, match="sample_weight must have one finite number"):
            clone(model).fit(X, y, wrong)
    with pytest.raises(InputError, match="at least two classes, had only"):
        clone(model).fit(X, np.ones(600))
    with pytest.raises(InputError, match="one label for each of the 600 rows"):
        clone(model).fit(X, y[:10])
    with pytest.raises(InputError, match="must be a table"):
        clone(model).fit(X[0], y)


def test_models_when_used_by_scikit_learn_then_like_its_own(data) -> None:
    X, y, _ = data
    model = PrimaryModel(**BOOST)
    assert is_classifier(model) and is_classifier(Ensemble([("a", model)]))
    assert cross_val_score(model, X, y, cv=KFold(3)).mean() > 0.65
    search = GridSearchCV(model, {"num_leaves": [2, 7]}, cv=KFold(2)).fit(X, y)
    assert search.best_params_["num_leaves"] in (2, 7)
    meta = MetaModel(PrimaryModel(num_leaves=3), calibration="none")
    assert meta.set_params(estimator__num_leaves=5).get_params()["estimator__num_leaves"] == 5
    with pytest.raises(InputError, match="MetaModel has no parameter 'leaves'"):
        meta.set_params(leaves=2)
    assert "num_leaves=5" in repr(meta)


@pytest.mark.parametrize(("rows", "text"), [
    ([["a", "b"]], "table of numbers"), (np.zeros((4, 2)), "columns, had shape"),
    (np.zeros(6), "had shape"), (np.zeros((0, 6)), "at least one row")])
def test_models_when_asked_about_no_rows_of_theirs_then_refused(rows, text, data) -> None:
    X, y = data[0], data[1]
    model = PrimaryModel(n_estimators=3).fit(X, y)
    with pytest.raises(InputError, match=text):
        model.predict_proba(rows)


def test_trees_when_asked_directly_then_the_same_sentences_and_none_for_no_rows(data) -> None:
    trees = PrimaryModel(n_estimators=3).fit(data[0], data[1]).trees
    with pytest.raises(InputError, match="columns, had shape"):
        trees.predict(np.zeros((4, 2)))
    with pytest.raises(InputError, match="table of numbers"):
        trees.predict([["a"]])
    assert trees.predict_proba(np.zeros((0, data[0].shape[1]))).shape[0] == 0


def test_diversity_when_counted_by_hand_then_equal() -> None:
    y = [1, 1, 1, 1, 1, 1, 1, 1]
    a, b = [1, 1, 1, 1, 0, 0, 0, 1], [1, 1, 0, 0, 1, 0, 0, 1]
    found = diversity(("a", "b", "c"), [a, b, y], y)
    # Both right 3, a alone 2, b alone 1, none 2.
    assert found.accuracy.tolist() == [0.625, 0.5, 1.0]
    assert found.disagreement[0, 1] == 0.375
    assert found.q_statistic[0, 1] == pytest.approx((6 - 2) / (6 + 2))
    wrong = np.array([a, b]) != 1
    assert found.error_correlation[0, 1] == pytest.approx(np.corrcoef(wrong)[0, 1])
    assert np.isnan(found.q_statistic[0, 2]) and np.isnan(found.error_correlation[0, 2])
    assert found.as_dict()["pairs"][1] == {
        "of": ["a", "c"], "disagreement": 0.375, "q_statistic": None, "error_correlation": None}
    with pytest.raises(InputError, match="must have the shape"):
        diversity(("a",), [a, b], y)


def test_soft_vote_when_weighted_then_the_mean_of_any_estimators(data) -> None:
    X, _, y = data
    members = [("boost", PrimaryModel(**BOOST)), ("hist", HistGradientBoostingClassifier(
        max_iter=5, random_state=1)), ("trees", ForestModel(**FOREST))]
    ensemble = Ensemble(members, weights=[1, 2, 1], cv=KFold(3)).fit(X, y)
    parts = [clone(member).fit(X, y).predict_proba(X) for _, member in members]
    assert np.allclose(ensemble.predict_proba(X), (parts[0] + 2 * parts[1] + parts[2]) / 4,
                       atol=1e-14)
    report = ensemble.diversity_.as_dict()
    assert set(report["accuracy"]) == {"boost", "hist", "trees"} and len(report["pairs"]) == 3
    assert all(0 < pair["disagreement"] < 0.5 for pair in report["pairs"])
    with pytest.raises(StoreError, match="a bundle cannot hold a HistGradientBoosting"):
        bundle_members(ensemble)


def test_stacking_when_fitted_then_on_rows_the_members_have_not_seen(data) -> None:
    X, y, _ = data
    seen = []

    class Folds:
        def split(self, X, y=None, groups=None):
            for train, test in KFold(4).split(X):
                seen.append((set(train), set(test)))
                yield train, test

    noise = ("noise", PrimaryModel(**BOOST | {"num_leaves": 60, "n_estimators": 60,
                                             "min_child_samples": 2}))
    stack = Ensemble([("good", PrimaryModel(**BOOST)), noise], "stack", cv=Folds()).fit(X, y)
    assert all(not train & test for train, test in seen) and len(seen) == 8
    weights = np.abs(stack.combination_.coefficients[0])
    # In sample the overfitted member is perfect; out of fold it deserves less.
    assert weights[:2].sum() > weights[2:].sum()
    raw = [member.predict_proba(X) for _, member in stack.members_]
    z = np.hstack(raw) @ np.array(stack.combination_.coefficients[0]) + (
        stack.combination_.intercepts[0])
    assert np.allclose(stack.predict_proba(X)[:, 1], 1 / (1 + np.exp(-z)), atol=1e-12)


@pytest.mark.parametrize("classes", [2, 3])
def test_combinations_when_of_many_rows_then_the_bits_of_one(classes) -> None:
    rng = np.random.default_rng(classes)
    members = [rng.dirichlet(np.ones(classes), 200) for _ in range(3)]
    rows = 1 if classes == 2 else classes
    for combination in (
            Combination("soft", tuple(rng.uniform(size=3).tolist())),
            Combination("stack", (), tuple(map(tuple, rng.normal(size=(rows, 3 * classes))
                                               .tolist())), tuple(rng.normal(size=rows).tolist()))):
        one = [combination.combine([m[i].tolist() for m in members]) for i in range(200)]
        assert combination.combine_rows(members).tolist() == one


def test_ensembles_when_wrong_then_refused(data) -> None:
    X, y, _ = data
    one = PrimaryModel(**BOOST)
    for bad, words in ((Ensemble([]), "members of different names, had none"),
                       (Ensemble([("a", one), ("a", one)]), "different names, had a, a"),
                       (Ensemble([("a", one)], "stack"), "or stack with a cv"),
                       (Ensemble([("a", one)], "vote"), "method must be soft")):
        with pytest.raises(InputError, match=words):
            bad.fit(X, y)
    with pytest.raises(InputError, match="a stack test 200 rows with 1 of 2 classes"):
        halves = np.repeat([-1, 1], 300)
        Ensemble([("a", one)], "stack", cv=Folds([(range(200, 600), range(200)),
                                                  (range(100, 600), range(100))], 600)
                 ).fit(X, halves)
    with pytest.raises(InputError, match="int has no fit"):
        Ensemble([("a", 3)]).fit(X, y)
    with pytest.raises(StoreError, match="does not fit 1 member"):
        Ensemble([("a", one)], weights=[1, 2]).fit(X, y)
    halves = np.repeat([-1, 1], 300)
    with pytest.raises(InputError, match="a training fold of 300 rows has the classes"):
        Ensemble([("a", LogisticRegression())], cv=KFold(2)).fit(np.nan_to_num(X), halves)


@pytest.mark.parametrize("kind", ["isotonic", "platt"])
def test_meta_model_when_calibrated_then_closer_to_the_truth(kind) -> None:
    rng = np.random.default_rng(5)
    times = pd.date_range("2026-01-05", periods=1500, freq="s", tz="UTC")
    X = pd.DataFrame(rng.normal(size=(1500, 4)), index=times)
    truth = 1 / (1 + np.exp(-1.5 * X[0].to_numpy()))
    y = (rng.random(1500) < truth).astype(int)
    cv = PurgedKFold(5, label_end_times=pd.Series(times + pd.Timedelta("10s"), index=times))
    greedy = PrimaryModel(**BOOST | {"n_estimators": 120, "num_leaves": 31})
    raw = MetaModel(greedy, "none").fit(X[:1000], y[:1000])
    cut = PurgedKFold(5, label_end_times=cv.label_end_times[:1000])
    model = MetaModel(greedy, kind, cut, threshold=0.6, step=0.1).fit(X[:1000], y[:1000])
    far = [np.mean((m.predict_proba(X[1000:])[:, 1] - truth[1000:]) ** 2) for m in (raw, model)]
    assert far[1] < 0.7 * far[0]
    sizes, p = model.bet_sizes(X[1000:]), model.predict_proba(X[1000:])[:, 1]
    assert (sizes[p < 0.6] == 0).all() and (sizes[p > 0.7] > 0).all()
    assert set(np.round(sizes * 10)) <= set(range(11))
    stored = model.as_meta()
    assert stored.calibration.kind == kind and stored.threshold == 0.6


def test_meta_model_when_wrong_then_refused(data) -> None:
    X, y, _ = data
    with pytest.raises(InputError, match="labels of a meta-model must be 0 and 1"):
        MetaModel(calibration="none").fit(X, y)
    with pytest.raises(InputError, match="isotonic or platt with a cv"):
        MetaModel().fit(X, y > 0)
    with pytest.raises(InputError, match="scores must have one number"):
        meta_inputs(X, np.zeros(3))


def test_bundle_when_made_of_an_ensemble_and_a_meta_model_then_the_same_in_the_loop(tmp_path
                                                                                   ) -> None:
    rng = np.random.default_rng(3)
    rows = feature_rows(rng, 500)
    y = np.where(rows[:, 3] + rng.normal(size=500) > 0, 1, -1)
    view = BundleView.full(5.0)
    X = view.matrix(rows)
    ensemble = Ensemble([("boost", PrimaryModel(**BOOST)), ("trees", ForestModel(**FOREST))],
                        "stack", cv=KFold(3)).fit(X, y)
    p = ensemble.predict_proba(X)
    scores = p[:, 1] - p[:, 0]
    meta = MetaModel(PrimaryModel(**BOOST), cv=KFold(3), threshold=0.55).fit(
        meta_inputs(X, scores), (np.sign(scores) == y).astype(int))
    members, combination, classes = bundle_members(ensemble)
    made = ModelBundle("both", classes, members, combination, view, InputStatistics.of(X),
                       FeatureConfig(), {"kind": "sign"}, {"clock": "time", "interval_s": 1.0},
                       {"rows": 500}, meta.as_meta(), LiveRules(),
                       {"diversity": ensemble.diversity_.as_dict()}, library_versions())
    made.save(tmp_path / "bundle")
    predictor = BundlePredictor(ModelBundle.load(tmp_path / "bundle"))
    sizes = meta.bet_sizes(meta_inputs(X, scores))
    for index in range(100):
        found = predictor.predict(market_at(rows[index], index))
        assert (found.score, found.confidence) == (scores[index], sizes[index])
    assert library_versions()["lightgbm"]


def test_estimators_when_the_live_path_cannot_run_them_then_refused(data) -> None:
    X, y, three = data
    X = np.nan_to_num(X)
    for model in (AdaBoostClassifier(n_estimators=3), LogisticRegression()):
        with pytest.raises(StoreError, match=r"is not a fitted forest|a bundle cannot hold"):
            Member.of("x", model.fit(X, y))
    with pytest.raises(StoreError, match=r"labels -1, 1 or -1, 0, 1, had 0, 1, 2"):
        bundle_members(ExtraTreesClassifier(n_estimators=2).fit(X, three + 1))
    members, _, classes = bundle_members(ExtraTreesClassifier(n_estimators=2).fit(X, three))
    assert classes == (-1, 0, 1) and members[0].name == "primary"
