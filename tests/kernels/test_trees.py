"""The tree kernel: hand values, its naive twin, LightGBM and scikit-learn over fuzzed models."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dreammaker._ext.trees import Trees, simd_level
from dreammaker.models.tree_ensemble import Tree, TreeEnsemble
from dreammaker.models.tree_layout import flatten
from dreammaker.models.trees import TreeModel
from tests.kernels.naive_trees import ZERO, raw_sums

LEVELS = (0, 1)
SPECIAL = np.array([np.nan, 0.0, -0.0, 1e-35, -1e-35, ZERO, -ZERO, 2e-35, -2e-35, 1e-300, np.inf,
                    -np.inf, 1e300, -1e300, 1.0, 5e-324])


@pytest.fixture(autouse=True)
def _best_level():
    yield
    simd_level(1)


def stump(threshold, missing, default_left, feature=0):
    return Tree(np.array([feature], np.int32), np.array([threshold]), np.array([missing], np.uint8),
                np.array([default_left]), np.array([~0], np.int32), np.array([~1], np.int32),
                np.array([[1.0], [2.0]]))


def random_tree(rng, leaves, features, width, grid):
    """A tree grown leaf by leaf at random places; children are numbered in a random order."""
    left, right, nodes = [], [], 0
    slots = [None]
    for _ in range(leaves - 1):
        parent, side = slots.pop(rng.integers(len(slots))) or (None, None)
        if parent is not None:
            (left if side == 0 else right)[parent] = nodes
        left.append(None)
        right.append(None)
        slots += [(nodes, 0), (nodes, 1)]
        nodes += 1
    if nodes:
        for leaf, place in enumerate(rng.permutation(len(slots))):
            parent, side = slots[place]
            (left if side == 0 else right)[parent] = ~leaf
    return Tree(rng.integers(0, features, nodes).astype(np.int32), rng.choice(grid, nodes),
                rng.integers(0, 3, nodes).astype(np.uint8), rng.random(nodes) < 0.5,
                np.array(left, np.int32), np.array(right, np.int32),
                rng.normal(size=(leaves, width)))


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize(("missing", "default_left", "value", "expected"), [
    (0, True, np.nan, 1.0), (0, False, np.nan, 1.0), (0, False, 0.5, 1.0), (0, True, 0.6, 2.0),
    (1, True, np.nan, 1.0), (1, False, np.nan, 2.0), (1, False, ZERO, 2.0), (1, True, ZERO, 1.0),
    (1, False, -0.0, 2.0), (1, False, 2e-35, 1.0), (1, False, -2e-35, 1.0),
    (2, True, np.nan, 1.0), (2, False, np.nan, 2.0), (2, False, 0.0, 1.0), (2, True, np.inf, 2.0),
    (2, False, -np.inf, 1.0)])
def test_stump_when_value_is_special_then_by_the_rules(level, missing, default_left, value,
                                                       expected) -> None:
    simd_level(level)
    model = TreeModel(TreeEnsemble((stump(0.5, missing, default_left),), 1, 1, 1, "identity"))
    assert model.predict(np.array([[value]])).tolist() == [expected]


def test_stump_when_threshold_is_negative_then_nan_as_zero_goes_right() -> None:
    model = TreeModel(TreeEnsemble((stump(-0.5, 0, True),), 1, 1, 1, "identity"))
    assert model.predict(np.array([[np.nan], [-0.5], [-0.4]])).tolist() == [2.0, 1.0, 2.0]


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32), trees=st.integers(1, 45), most=st.sampled_from([1, 2, 31, 33,
                                                                                  90]),
       features=st.sampled_from([1, 3, 12, 30]), kind=st.sampled_from(["one", "rounds", "width"]),
       single=st.booleans())
def test_kernel_when_trees_are_random_then_equals_its_twin_bit_for_bit(
        seed, trees, most, features, kind, single) -> None:
    rng = np.random.default_rng(seed)
    outputs = 1 if kind == "one" else 3
    rounds, width = (3, 1) if kind == "rounds" else (1, outputs)
    grid = np.concatenate([rng.normal(size=int(rng.integers(1, 400))), [0.0, ZERO, -ZERO, 1e300]])
    ensemble = TreeEnsemble(
        tuple(random_tree(rng, int(rng.integers(1, most + 1)), features, width, grid)
              for _ in range(trees * rounds)), features, outputs, rounds, "identity",
        divisor=float(rng.choice([1.0, 7.0])), single=single)
    model = TreeModel(ensemble)
    X = rng.choice(np.concatenate([SPECIAL, grid, rng.normal(size=50)]), size=(12, features))
    expected = np.array([raw_sums(ensemble, row) for row in X])
    for level in LEVELS:
        simd_level(level)
        assert np.array_equal(model.kernel.rows(X), expected)
        assert np.array_equal(model.kernel.raw_row(X[0]), expected[0])
    again = TreeModel.from_npz(model.to_npz())
    assert np.array_equal(again.kernel.rows(X), expected)
    assert again.to_npz() == model.to_npz()


def test_kernel_when_a_feature_has_too_many_thresholds_for_short_ranks_then_walks() -> None:
    rng = np.random.default_rng(4)
    grid = np.arange(40_000) / 7.0
    trees = tuple(random_tree(rng, 31, 1, 1, grid)._replace(threshold=part) for part in
                  grid[:39_990].reshape(-1, 30))
    ensemble = TreeEnsemble(trees, 1, 1, 1, "identity")
    assert len(flatten(ensemble)["narrow_tree"]) == 0
    X = rng.choice(grid, (20, 1))
    expected = [raw_sums(ensemble, row)[0] for row in X]
    assert TreeModel(ensemble).predict(X).tolist() == expected


def lightgbm_model(rng, objective, boosting, leaves, missing, weights):
    import lightgbm as lgb

    rows, features = 900, int(rng.integers(2, 28))
    X = rng.normal(size=(rows, features))
    X[rng.random(X.shape) < 0.2] = 0.0
    if missing != "none":
        X[rng.random(X.shape) < 0.1] = np.nan
    X[:, 0] = np.round(X[:, 0])
    raw = np.nan_to_num(X[:, 0]) + np.nan_to_num(X[:, 1]) ** 2 + rng.normal(size=rows) / 2
    y = raw
    if objective in ("binary", "cross_entropy"):
        y = (raw > 0.5).astype(float)
    elif objective.startswith("multiclass"):
        y = np.digitize(raw, [0.0, 1.0]).astype(float)
    elif objective in ("poisson", "tweedie"):
        y = np.abs(raw)
    settings = {"objective": objective, "boosting": boosting, "num_leaves": leaves, "verbose": -1,
                "num_threads": 1, "seed": int(rng.integers(1000)), "deterministic": True,
                "min_data_in_leaf": int(rng.choice([1, 20])), "zero_as_missing": missing == "zero",
                "use_missing": missing != "off", "learning_rate": 0.2,
                "max_bin": int(rng.choice([15, 255, 500]))}
    if objective == "binary":
        settings["sigmoid"] = float(rng.choice([1.0, 0.7]))
    if objective.startswith("multiclass"):
        settings["num_class"] = 3
    if boosting == "rf":
        settings |= {"bagging_freq": 1, "bagging_fraction": 0.7}
    outputs = settings.get("num_class", 1)
    start = rng.normal(size=rows * outputs) if weights and boosting != "rf" else None
    data = lgb.Dataset(X, y, weight=rng.random(rows) + 0.5 if weights else None, init_score=start)
    return lgb.train(settings, data, int(rng.choice([1, 9, 35]))), X


@pytest.mark.parametrize("boosting", ["gbdt", "dart", "rf"])
@pytest.mark.parametrize("objective", ["binary", "multiclass", "multiclassova", "regression",
                                       "regression_l1", "poisson", "cross_entropy", "tweedie"])
def test_lightgbm_when_models_are_fuzzed_then_equal_within_1e12(objective, boosting) -> None:
    for case, (leaves, missing) in enumerate([(2, "nan"), (31, "zero"), (32, "nan"), (127, "nan"),
                                              (31, "off"), (8, "none"), (33, "zero")]):
        rng = np.random.default_rng([case, len(objective), len(boosting)])
        booster, X = lightgbm_model(rng, objective, boosting, leaves, missing, case % 2)
        model = TreeModel.from_lightgbm(booster.model_to_string())
        rows = np.vstack([X[:150], rng.choice(SPECIAL, (60, X.shape[1])), np.where(
            rng.random((60, X.shape[1])) < 0.3, rng.choice(SPECIAL, (60, X.shape[1])), X[:60])])
        expected = booster.predict(rows, num_threads=1)
        found = model.predict(rows)
        assert found.shape == expected.shape
        assert np.abs(found - expected).max() <= 1e-12 * max(1.0, np.abs(expected).max())
        simd_level(0)
        assert np.array_equal(model.predict(rows), found)
        simd_level(1)


def test_lightgbm_when_target_is_constant_then_one_leaf_trees() -> None:
    import lightgbm as lgb

    X = np.random.default_rng(2).normal(size=(200, 4))
    settings = {"objective": "regression", "verbose": -1, "num_threads": 1}
    booster = lgb.train(settings, lgb.Dataset(X, np.full(200, 3.25)), 3)
    model = TreeModel.from_lightgbm(booster.model_to_string())
    assert len(model.ensemble.trees[0].values) == 1
    assert np.abs(model.predict(X) - booster.predict(X)).max() <= 1e-12


def test_lightgbm_when_stopped_early_then_the_text_holds_the_best_rounds() -> None:
    import lightgbm as lgb

    rng = np.random.default_rng(3)
    X, y = rng.normal(size=(600, 5)), rng.integers(0, 2, 600)
    booster = lgb.train({"objective": "binary", "verbose": -1, "num_threads": 1},
                        lgb.Dataset(X[:400], y[:400]), 60, [lgb.Dataset(X[400:], y[400:])],
                        callbacks=[lgb.early_stopping(5, verbose=False)])
    assert 0 < booster.best_iteration < 60
    model = TreeModel.from_lightgbm(booster.model_to_string())
    assert np.abs(model.predict(X) - booster.predict(X)).max() <= 1e-12


@pytest.mark.parametrize("gaps", [False, True])
@pytest.mark.parametrize("depth", [3, None])
def test_forest_when_compared_with_scikit_learn_then_equal_within_1e12(depth, gaps) -> None:
    from sklearn.ensemble import (
        ExtraTreesClassifier,
        RandomForestClassifier,
        RandomForestRegressor,
    )

    rng = np.random.default_rng(8)
    X = rng.normal(size=(500, 9))
    if gaps:
        X[rng.random(X.shape) < 0.05] = np.nan
    label = np.digitize(np.nan_to_num(X[:, 0]) + rng.normal(size=500), [-0.5, 0.5])
    rows = np.vstack([X, X.astype(np.float32).astype(np.float64)])
    for kind in (RandomForestClassifier, ExtraTreesClassifier):
        for y in (label, label > 0):
            forest = kind(n_estimators=20, max_depth=depth, random_state=1).fit(
                X, y, rng.random(500))
            model = TreeModel.from_forest(forest)
            assert np.abs(model.predict_proba(rows) - forest.predict_proba(rows)).max() <= 1e-12
    forest = RandomForestRegressor(n_estimators=15, max_depth=depth, random_state=1).fit(X, X[:, 1]
                                                                                         > 0.1)
    assert np.abs(TreeModel.from_forest(forest).predict(rows) - forest.predict(rows)).max() <= 1e-12


def test_rows_when_not_as_they_should_be_then_refused() -> None:
    kernel = TreeModel(TreeEnsemble((stump(0.5, 0, True),), 3, 1, 1, "identity")).kernel
    for row in (np.zeros(2), np.zeros(3, np.float32), np.zeros((1, 3)), np.zeros(6)[::2], [0, 0, 0],
                None):
        with pytest.raises(ValueError, match="contiguous float64 array of 3 values"):
            kernel.last(row)
    with pytest.raises(ValueError, match="rows must have 3 values, had 2"):
        kernel.rows(np.zeros((4, 2)))
    assert kernel.rows(np.zeros((0, 3))).shape == (0, 1)


def test_arrays_when_short_or_of_another_kind_then_refused() -> None:
    ensemble = TreeEnsemble((stump(0.5, 0, True),), 1, 1, 1, "identity")
    right = {"features": 1, "outputs": 1, "rounds": 1, "width": 1, "single": False, "transform": 0,
             "slope": 1.0, "divisor": 1.0}
    arrays = flatten(ensemble)
    with pytest.raises(ValueError, match="first must have at least 2 values"):
        Trees(arrays | {"first": arrays["first"][:1]}, **right)
    with pytest.raises(ValueError, match="leaves must be a contiguous array of float64"):
        Trees(arrays | {"leaves": arrays["leaves"].astype(np.float32)}, **right)
    with pytest.raises(ValueError, match="own trees or its own value"):
        Trees(arrays, **right | {"outputs": 2})
    with pytest.raises(ValueError, match="transform in 0"):
        Trees(arrays, **right | {"transform": 9})
