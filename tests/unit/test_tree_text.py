"""LightGBM's model text read without LightGBM: what cannot be predicted is refused by name."""

import numpy as np
import pytest

from dreammaker.domain.errors import StoreError
from dreammaker.models.tree_text import parse_lightgbm
from dreammaker.models.trees import TreeModel

TEXT = """tree
version=v4
num_class=1
num_tree_per_iteration=1
label_index=0
max_feature_idx=1
objective=binary sigmoid:1
feature_names=a b
feature_infos=[0:1] [0:1]
tree_sizes=1

Tree=0
num_leaves=3
num_cat=0
split_feature=1 0
split_gain=1 1
threshold=0.5 -1.5
decision_type=2 8
left_child=1 -1
right_child=-2 -3
leaf_value=0.25 -1 3
leaf_weight=1 1 1
leaf_count=1 1 1
is_linear=0
shrinkage=1


end of trees

feature_importances:
"""


def test_text_when_read_then_leaves_by_hand() -> None:
    model = TreeModel.from_lightgbm(TEXT)
    assert model.ensemble.feature_names == ("a", "b")
    rows = np.array([[0.0, 0.6], [-1.5, 0.5], [-1.4, 0.5], [np.nan, np.nan]])
    raw = [model.kernel.raw_row(row)[0] for row in rows]
    assert raw == [-1.0, 0.25, 3.0, 3.0]
    assert model.predict_proba(rows).shape == (4, 2)
    assert model.predict(rows)[0] == pytest.approx(1 / (1 + np.e), abs=1e-15)


@pytest.mark.parametrize(("old", "new", "words"), [
    ("tree\n", "forest\n", "must start with the line 'tree'"),
    ("end of trees", "", "reach 'end of trees'"),
    ("num_cat=0", "num_cat=1", "tree 0 of the model has categorical splits; only numerical"),
    ("decision_type=2 8", "decision_type=1 8", "categorical splits"),
    ("is_linear=0", "is_linear=1", "tree 0 of the model has linear leaves"),
    ("decision_type=2 8", "decision_type=2 12", "missing type outside 0..2"),
    ("binary sigmoid:1", "regression sqrt", "objective 'regression sqrt' cannot be predicted"),
    ("binary sigmoid:1", "binary sigmoid:x", "a sigmoid that is not a number"),
    ("binary", "secret", "allowed are binary, cross_entropy"),
    ("threshold=0.5 -1.5", "threshold=0.5", "threshold has 1 values, not 2"),
    ("threshold=0.5 -1.5", "threshold=0.5 nan", "threshold that is not a number"),
    ("threshold=0.5 -1.5", "threshold=0.5 x", "threshold holds something that is not a number"),
    ("split_feature=1 0", "split_feature=1 2", "splits on a feature outside 0..1"),
    ("left_child=1 -1", "left_child=0 -1", "each of its nodes and leaves exactly once"),
    ("left_child=1 -1", "left_child=1 -2", "each of its nodes and leaves exactly once"),
    ("leaf_value=0.25 -1 3", "leaf_value=0.25 -1 inf", "a leaf value that is not finite"),
    ("num_leaves=3", "num_leaves=many", "needs a whole number num_leaves, had 'many'"),
    ("max_feature_idx=1\n", "", "needs a whole number max_feature_idx, had 'none'"),
    ("iteration=1", "iteration=2", "1 trees for 2 outputs a round"),
])
def test_text_when_damaged_then_one_clear_sentence(old, new, words) -> None:
    assert old in TEXT
    with pytest.raises(StoreError) as found:
        parse_lightgbm(TEXT.replace(old, new, 1))
    assert words in str(found.value)
    assert "\n" not in str(found.value)


def test_models_of_lightgbm_when_categorical_or_linear_then_refused() -> None:
    import lightgbm as lgb

    rng = np.random.default_rng(1)
    X = rng.integers(0, 6, size=(400, 2)).astype(float)
    y = (X[:, 0] % 2) + rng.normal(size=400) / 9
    settings = {"objective": "regression", "verbose": -1, "num_threads": 1}
    booster = lgb.train(settings | {"min_data_per_group": 1, "cat_smooth": 0},
                        lgb.Dataset(X, y, categorical_feature=[0]), 2)
    with pytest.raises(StoreError, match="categorical splits; only numerical features"):
        parse_lightgbm(booster.model_to_string())
    booster = lgb.train(settings | {"linear_tree": True}, lgb.Dataset(X + 0.1, y), 2)
    with pytest.raises(StoreError, match="linear leaves; only constant leaves"):
        parse_lightgbm(booster.model_to_string())


def test_forest_when_not_fitted_or_of_two_targets_then_refused() -> None:
    from sklearn.ensemble import RandomForestRegressor

    with pytest.raises(StoreError, match="not a fitted forest"):
        TreeModel.from_forest(RandomForestRegressor())
    forest = RandomForestRegressor(n_estimators=2).fit([[0.0], [1.0]], [[0.0, 1.0], [1.0, 2.0]])
    with pytest.raises(StoreError, match="a forest of 2 targets cannot be used"):
        TreeModel.from_forest(forest)


@pytest.mark.parametrize("cut", [0, 10, 200])
def test_archive_when_cut_short_then_refused(cut) -> None:
    data = TreeModel.from_lightgbm(TEXT).to_npz()
    with pytest.raises(StoreError, match="the archive of trees is damaged"):
        TreeModel.from_npz(data[:cut])
