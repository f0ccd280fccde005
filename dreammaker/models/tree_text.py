"""Reads LightGBM's model text, so that the live path needs no LightGBM.

Numerical splits of every missing type, and the objectives whose conversion is known, are read.
Categorical splits and linear trees are refused. Source: LightGBM ``src/io/tree.cpp``,
``src/boosting/gbdt_model_text.cpp`` and the ``ConvertOutput`` of its objectives, version 4.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from dreammaker.domain.errors import StoreError
from dreammaker.models.tree_ensemble import Transform, Tree, TreeEnsemble, check_tree

_PLAIN = ("regression", "regression_l1", "huber", "fair", "quantile", "mape", "lambdarank",
          "rank_xendcg", "custom")
_EXP = ("poisson", "gamma", "tweedie")
_CATEGORICAL, _DEFAULT_LEFT = 1, 2


def parse_lightgbm(text: str) -> TreeEnsemble:
    """The ensemble that a model text describes.

    Parameters
    ----------
    text : str
        As ``Booster.model_to_string`` or ``save_model`` give it.

    Returns
    -------
    TreeEnsemble

    Raises
    ------
    StoreError
        If the text is damaged, or holds categorical splits, linear trees or an objective whose
        conversion is not known.
    """
    body, end, _ = text.partition("end of trees")
    if not body.startswith("tree\n") or not end:
        raise StoreError("not LightGBM's model text: it must start with the line 'tree' and reach "
                         "'end of trees'")
    head, *parts = body.split("\nTree=")
    fields = _fields(head.splitlines())
    rounds = _whole(fields, "num_tree_per_iteration")
    transform, slope = _objective(fields.get("objective", "custom"))
    features = _whole(fields, "max_feature_idx") + 1
    if rounds < 1 or features < 1 or not parts or len(parts) % rounds:
        raise StoreError(f"the model text has {len(parts)} trees for {rounds} outputs a round over "
                         f"{features} features; whole rounds of at least one are allowed")
    averaged = "average_output" in head.splitlines()
    ensemble = TreeEnsemble(
        tuple(_tree(number, part) for number, part in enumerate(parts)), features, rounds, rounds,
        transform, slope, len(parts) / rounds if averaged else 1.0,
        feature_names=tuple(fields.get("feature_names", "").split()))
    for number, tree in enumerate(ensemble.trees):
        check_tree(tree, number, ensemble)
    return ensemble


def _fields(lines: list[str]) -> dict[str, str]:
    return dict(_pairs(lines))


def _pairs(lines: list[str]) -> Iterator[tuple[str, str]]:
    for line in lines:
        name, equals, value = line.partition("=")
        if equals:
            yield name, value


def _whole(fields: dict[str, str], name: str) -> int:
    try:
        return int(fields[name])
    except (KeyError, ValueError):
        raise StoreError(f"the model text needs a whole number {name}, had "
                         f"{fields.get(name, 'none')!r}") from None


def _objective(text: str) -> tuple[Transform, float]:
    name, *options = text.split() or ["custom"]
    if "sqrt" not in options:
        if name in ("binary", "multiclassova", "cross_entropy"):
            slopes = [option.partition(":")[2] for option in options if option[:8] == "sigmoid:"]
            try:
                return "sigmoid", float(slopes[0]) if slopes else 1.0
            except ValueError:
                raise StoreError(f"the objective {text!r} of the model text has a sigmoid that is "
                                 "not a number") from None
        if name == "multiclass":
            return "softmax", 1.0
        if name in _EXP:
            return "exp", 1.0
        if name in _PLAIN:
            return "identity", 1.0
    raise StoreError(f"objective {text!r} cannot be predicted without LightGBM; allowed are "
                     "binary, cross_entropy, multiclass, multiclassova and the regressions "
                     "without sqrt")


def _tree(number: int, part: str) -> Tree:
    fields = _fields(part.splitlines()[1:])
    if _whole(fields, "num_cat"):
        raise StoreError(f"tree {number} of the model has categorical splits; only numerical "
                         "features are allowed")
    if fields.get("is_linear", "0") not in ("", "0"):
        raise StoreError(f"tree {number} of the model has linear leaves; only constant leaves are "
                         "allowed (linear_tree=false)")
    leaves = _whole(fields, "num_leaves")

    def words(name: str, count: int) -> list[str]:
        found = fields.get(name, "").split() if count else []
        if len(found) != count:
            raise StoreError(f"tree {number} of the model: {name} has {len(found)} values, not "
                             f"{count}")
        return found

    def whole(name: str) -> NDArray[np.int32]:
        try:
            return np.array([int(word) for word in words(name, nodes)], np.int32)
        except (ValueError, OverflowError) as error:
            raise _not_a_number(number, name, error) from None

    def real(name: str, count: int) -> NDArray[np.float64]:
        try:
            return np.array([float(word) for word in words(name, count)], np.float64)
        except ValueError as error:
            raise _not_a_number(number, name, error) from None

    nodes = leaves - 1
    decision = whole("decision_type")
    if np.any(decision & _CATEGORICAL):
        raise StoreError(f"tree {number} of the model has categorical splits; only numerical "
                         "features are allowed")
    return Tree(whole("split_feature"), real("threshold", nodes),
                ((decision >> 2) & 3).astype(np.uint8), (decision & _DEFAULT_LEFT) != 0,
                whole("left_child"), whole("right_child"),
                real("leaf_value", leaves).reshape(-1, 1))


def _not_a_number(number: int, name: str, error: Exception) -> StoreError:
    return StoreError(f"tree {number} of the model: {name} holds something that is not a number "
                      f"({error})")
