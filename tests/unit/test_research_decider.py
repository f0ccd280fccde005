"""The decider's models: the house's own, without leaks, and any classifier in their place."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, KFold, cross_val_score
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.svm import LinearSVC

from dreammaker.domain.errors import InputError
from dreammaker.models.calibration import Calibration
from dreammaker.models.calibration_fit import fit_calibration
from dreammaker.models.constant import Constant
from dreammaker.models.ensemble import Ensemble
from dreammaker.models.estimators import fitted_clone
from dreammaker.models.folds import Folds
from dreammaker.models.meta import MetaModel
from dreammaker.models.primary import ForestModel, PrimaryModel
from dreammaker.research.crossval import CrossValidation, cross_validate
from dreammaker.research.decider import bet_paid, fit_decider, fit_primary, inner_folds
from dreammaker.research.estimators import KINDS, ModelSpec
from dreammaker.research.noise import noise_samples

SMALL = ModelSpec(trees=6, least_leaf=10)
CLASSES = {"lightgbm": PrimaryModel, "forest": ForestModel, "ensemble": Ensemble, "stack": Ensemble}


@pytest.fixture(scope="module")
def samples():
    made = noise_samples(3, rows=300, days=6, edge=0.5)
    X = made.X.copy()
    X[np.random.default_rng(1).random(X.shape) < 0.05] = np.nan
    y = made.y.copy()
    y[::11] = 0
    return replace(made, X=X, y=y)


@pytest.mark.parametrize("kind", KINDS)
def test_decider_when_fitted_twice_then_equal_and_other_seed_differs(kind, samples) -> None:
    spec = replace(SMALL, kind=kind)
    first, again, other = (fit_decider(samples, each).decide(samples.X)
                           for each in (spec, spec, replace(spec, seed=2)))
    assert np.array_equal(first[0], again[0]) and np.array_equal(first[2], again[2])
    assert not np.array_equal(first[0], other[0])
    decider = fit_decider(samples, spec)
    assert isinstance(decider.primary, CLASSES[kind]) and isinstance(decider.meta, MetaModel)
    assert decider.primary.classes_.tolist() == [-1, 1]
    if kind in ("ensemble", "stack"):
        assert decider.primary.combination_.kind == ("stack" if kind == "stack" else "soft")


def test_diversity_when_asked_for_then_measured_and_the_model_is_the_same(samples) -> None:
    spec = replace(SMALL, kind="ensemble", meta=False)
    plain, measured = (fit_decider(samples, spec, diversity=each) for each in (False, True))
    assert plain.primary.diversity_ is None
    assert 0.0 < measured.primary.diversity_.disagreement[0, 1] < 0.5
    assert np.array_equal(plain.decide(samples.X)[0], measured.decide(samples.X)[0])
    assert fit_decider(samples, replace(spec, kind="stack")).primary.diversity_ is not None


def test_decider_when_its_models_are_fitted_then_no_span_meets_a_tested_one(samples) -> None:
    """Spans of what a model learned from end before, or start after, those it predicts."""
    fits: list[set[int]] = []
    place = {row.tobytes(): number for number, row in enumerate(samples.X)}

    class Spy(LogisticRegression):
        def fit(self, X, y, sample_weight=None):
            fits.append({place[row.tobytes()] for row in X})
            return super().fit(np.nan_to_num(X), y, sample_weight)

        def predict_proba(self, X):
            tested = {place[row.tobytes()] for row in X}
            if len(tested) < len(samples):
                train, test = np.array(sorted(fits[-1])), np.array(sorted(tested))
                assert not fits[-1] & tested
                before = samples.t_end[train][:, None] < samples.t_start[test]
                after = samples.t_start[train][:, None] > samples.t_end[test]
                assert (before | after).all()
            return super().predict_proba(np.nan_to_num(X))

    fit_decider(samples, SMALL, primary=Spy())
    assert len(fits) == 4 and all(len(rows) < 280 for rows in fits)
    assert all((samples.y[sorted(rows)] != 0).all() for rows in fits)


def test_stack_when_its_members_are_fitted_then_on_purged_folds_of_directed_rows(samples) -> None:
    stack = fit_primary(samples, replace(SMALL, kind="stack"))
    directed = np.flatnonzero(samples.y != 0)
    assert stack.cv.rows == directed.size and len(stack.cv) == 3
    for train, test in stack.cv.pairs:
        train, test = directed[train], directed[test]
        before = samples.t_end[train][:, None] < samples.t_start[test]
        after = samples.t_start[train][:, None] > samples.t_end[test]
        assert (before | after).all()


def test_decider_when_one_class_only_then_constant(samples) -> None:
    up = replace(samples, y=np.ones(300, np.int8))
    for kind in KINDS:
        decider = fit_decider(up, replace(SMALL, kind=kind))
        rise, side, _ = decider.decide(samples.X)
        assert (rise == 1.0).all() and (side == 1).all()
        assert decider.primary == Constant(1.0, -1, 1)
    lost = replace(samples, gain=np.full((300, 2), -1.0))
    right = fit_decider(lost, SMALL).decide(samples.X)[2]
    assert (right == 0.0).all() and fit_decider(lost, SMALL).meta == Constant(0.0)


def test_stack_when_folds_teach_nothing_then_the_mean(samples) -> None:
    memory = replace(samples, lookback_ns=10**18)
    stack = fit_primary(memory, replace(SMALL, kind="stack"))
    assert stack.combination_.kind == "soft" and stack.diversity_ is None
    late = replace(samples, y=np.where(np.arange(300) < 290, 1, -1).astype(np.int8))
    assert fit_primary(late, replace(SMALL, kind="stack")).combination_.kind == "soft"


def test_decider_when_too_few_rows_then_refused(samples) -> None:
    few = samples.take(np.arange(18))
    with pytest.raises(InputError, match="needs 20 rows"):
        fit_decider(few, ModelSpec())
    with pytest.raises(InputError, match="covers all"):
        fit_decider(replace(samples, lookback_ns=10**18), SMALL)


def test_primary_when_any_classifier_then_it_takes_the_specs_place(samples) -> None:
    line = make_pipeline(SimpleImputer(), LogisticRegression())
    decider = fit_decider(samples, SMALL, primary=line)
    directed = samples.y != 0
    weights = samples.weights[directed] / samples.weights[directed].mean()
    alone = clone(line).fit(samples.X[directed], samples.y[directed],
                            logisticregression__sample_weight=weights)
    assert np.array_equal(decider.decide(samples.X)[0], alone.predict_proba(samples.X)[:, 1])
    assert isinstance(decider.meta, MetaModel) and not hasattr(line[-1], "coef_")
    found = cross_validate(samples, SMALL, CrossValidation(3, 1), primary=line)
    assert found.mean_auc > 0.6 and found.rise.shape == (1, 300)
    nearest = make_pipeline(SimpleImputer(), KNeighborsClassifier(9))
    assert fit_decider(samples, SMALL, primary=nearest).primary[-1].n_neighbors == 9
    for wrong, text in ((LinearSVC(), "LinearSVC has no predict_proba"), (object(), "no fit"),
                        (LogisticRegression, r"give LogisticRegression\(\)")):
        with pytest.raises(InputError, match=text):
            fit_decider(samples, SMALL, primary=wrong)


def test_weights_when_parts_know_them_then_they_reach_them() -> None:
    X = np.random.default_rng(2).normal(size=(80, 2))
    y, weights = (X[:, 0] > 0).astype(int), np.where(X[:, 1] > 0, 9.0, 0.1)
    line = LogisticRegression()
    heavy = line.fit(X, y, weights).coef_
    piped = fitted_clone(make_pipeline(LogisticRegression()), X, y, weights)
    searched = fitted_clone(GridSearchCV(LogisticRegression(), {"C": [1.0]}, cv=2), X, y, weights)
    assert np.array_equal(piped[-1].coef_, heavy)
    assert np.array_equal(searched.best_estimator_.coef_, heavy)


@pytest.mark.parametrize("model", [
    SMALL.primary(), replace(SMALL, kind="forest").primary(),
    replace(SMALL, kind="ensemble").primary(),
    Ensemble(replace(SMALL, kind="ensemble").primary().members, "stack", cv=KFold(2)),
    MetaModel(SMALL.primary(), "platt", KFold(2))])
def test_models_when_cloned_searched_and_scored_then_like_scikit_learns(model, samples) -> None:
    rows = samples.y != 0
    X, y = samples.X[rows], (samples.y[rows] > 0).astype(int)
    copy = clone(model)
    assert copy is not model and repr(copy) == repr(model)
    assert np.array_equal(copy.fit(X, y).predict_proba(X), clone(copy).fit(X, y).predict_proba(X))
    assert cross_val_score(model, X, y, cv=KFold(2)).mean() > 0.5
    grid = {PrimaryModel: {"num_leaves": [2, 5]}, ForestModel: {"max_leaf_nodes": [2, None]},
            Ensemble: {"weights": [None, [1.0, 2.0]]},
            MetaModel: {"estimator__num_leaves": [2, 5]}}[type(model)]
    search = GridSearchCV(model, grid, cv=KFold(2)).fit(X, y)
    assert len(search.cv_results_["params"]) == 2 and not hasattr(model, "classes_")


def test_folds_when_restricted_then_the_same_without_the_others(samples) -> None:
    folds = inner_folds(samples)
    assert folds.tested.tolist() == list(range(300)) and len(folds) == 3
    kept = np.flatnonzero(samples.y != 0)
    for (train, test), (less, tested) in zip(folds.pairs, folds.within(kept).pairs, strict=True):
        assert np.array_equal(kept[less], train[np.isin(train, kept)])
        assert np.array_equal(kept[tested], test[np.isin(test, kept)])
    assert len(folds.within(np.arange(100))) == 0
    assert len(folds.learnable(samples.y, least=10_000)) == 0
    assert Folds.of(folds, samples.X).get_n_splits() == 3 and "3 of 300" in repr(folds)
    with pytest.raises(InputError, match="folds are of 300 rows, the table has 10"):
        next(folds.split(samples.X[:10]))
    for pairs in ([([0, 1], [1])], [([0], [7])]):
        with pytest.raises(InputError, match=r"rows of their own in \[0, 5\)"):
            Folds(pairs, 5)


def test_bets_when_a_side_is_given_then_paid_beyond_costs() -> None:
    samples = replace(noise_samples(1, rows=120, days=2), cost_points=5.0)
    long = bet_paid(samples, np.ones(120, np.int8))
    assert np.array_equal(long, samples.gain[:, 1] > 5.0)
    assert np.array_equal(bet_paid(samples, -np.ones(120, np.int8)), samples.gain[:, 0] > 5.0)


def test_calibration_when_overconfident_then_slope_below_one() -> None:
    rng = np.random.default_rng(1)
    true = rng.uniform(0.4, 0.6, 20_000)
    shown = 0.5 + 2 * (true - 0.5)
    for kind in ("platt", "isotonic"):
        found = fit_calibration(kind, shown, rng.random(20_000) < true, np.ones(20_000))
        assert found.kind == kind and abs(found.apply(0.6) - 0.55) < 0.03
        assert abs(found.apply(0.5) - 0.5) < 0.03
        for few in (true[:5] > 0.5, np.ones(20_000), np.zeros(20_000)):
            assert fit_calibration(kind, true[:len(few)], few) == Calibration()
    against = fit_calibration("platt", true, rng.random(20_000) > true)
    assert against.slope == 0.0
    separable = fit_calibration("platt", true, true > 0.5)
    assert 4.0 < separable.slope < 1e5
    weights = rng.uniform(0.5, 2.0, 20_000)
    scaled = [fit_calibration("platt", shown, true > 0.5, weights * by) for by in (1.0, 1000.0)]
    assert scaled[0].slope == pytest.approx(scaled[1].slope, rel=1e-9)
