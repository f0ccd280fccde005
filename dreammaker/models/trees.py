"""Trained trees that predict without the library that trained them."""

import io
import zipfile
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from dreammaker._ext.trees import Trees
from dreammaker.domain.errors import InputError, StoreError
from dreammaker.models.tree_ensemble import (
    MISSING_NAN,
    TRANSFORMS,
    Tree,
    TreeEnsemble,
    check_tree,
)
from dreammaker.models.tree_layout import flatten
from dreammaker.models.tree_text import parse_lightgbm

if TYPE_CHECKING:
    from collections.abc import Mapping

_VERSION = 1
_PARTS = ("feature", "threshold", "missing", "default_left", "left", "right")


class TreeModel:
    """Predicts from an ensemble of decision trees, one row at a time or many.

    Values equal those of the library that trained the trees to about 1e-15 relative (they are
    added in another order), and have the same bits on every machine.

    Parameters
    ----------
    ensemble : TreeEnsemble

    Examples
    --------
    >>> import numpy as np
    >>> from dreammaker.models.tree_ensemble import Tree, TreeEnsemble
    >>> stump = Tree(np.array([0], np.int32), np.array([0.5]), np.array([0], np.uint8),
    ...              np.array([True]), np.array([~0], np.int32), np.array([~1], np.int32),
    ...              np.array([[-1.0], [2.0]]))
    >>> model = TreeModel(TreeEnsemble((stump,), 1, 1, 1, "identity"))
    >>> model.predict(np.array([[0.5], [0.6], [np.nan]])).tolist()
    [-1.0, 2.0, -1.0]
    """

    def __init__(self, ensemble: TreeEnsemble) -> None:
        for number, tree in enumerate(ensemble.trees):
            check_tree(tree, number, ensemble)
        self.ensemble = ensemble
        self.kernel = Trees(
            flatten(ensemble), features=ensemble.features, outputs=ensemble.outputs,
            rounds=ensemble.rounds, width=ensemble.width, single=ensemble.single,
            transform=TRANSFORMS.index(ensemble.transform), slope=ensemble.slope,
            divisor=ensemble.divisor)

    @classmethod
    def from_lightgbm(cls, text: str) -> Self:
        """From LightGBM's model text (see ``tree_text.parse_lightgbm``)."""
        return cls(parse_lightgbm(text))

    @classmethod
    def from_forest(cls, forest: Any) -> Self:
        """From a fitted forest of scikit-learn with one target.

        Parameters
        ----------
        forest : RandomForestClassifier, ExtraTreesClassifier or their regressors

        Raises
        ------
        StoreError
            If it is not fitted, or has several targets.
        """
        fitted = getattr(forest, "estimators_", None)
        kinds = {kind.__name__ for kind in type(forest).__mro__}
        # Boosted or bagged trees have estimators too, but are not averages over whole rows.
        if fitted is None or not kinds & {"ForestClassifier", "ForestRegressor"}:
            raise StoreError(f"{type(forest).__name__} is not a fitted forest of scikit-learn")
        if getattr(forest, "n_outputs_", 1) != 1:
            raise StoreError(f"a forest of {forest.n_outputs_} targets cannot be used; one is "
                             "allowed")
        outputs = int(forest.n_classes_) if hasattr(forest, "classes_") else 1
        trees = tuple(_sklearn_tree(each.tree_, outputs) for each in fitted)
        return cls(TreeEnsemble(trees, int(forest.n_features_in_), outputs, 1, "identity",
                                divisor=float(len(trees)), single=True))

    def predict_proba(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        """Outcomes of many rows; one output that is a probability becomes two columns.

        Parameters
        ----------
        X : float64 array, shape (n, features)

        Returns
        -------
        float64 array, shape (n, classes)

        Raises
        ------
        InputError
            If the rows are no table of numbers with a column for each feature.
        """
        found = self._outcomes(X)
        return np.hstack([1.0 - found, found]) if self.ensemble.binary else found

    def predict(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        """Outcomes of many rows as the library's ``Booster.predict`` shapes them."""
        found = self._outcomes(X)
        return found[:, 0] if self.ensemble.outputs == 1 else found

    def _outcomes(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        try:
            rows = np.ascontiguousarray(X, np.float64)
        except (TypeError, ValueError):
            raise InputError("rows must be a table of numbers") from None
        if rows.ndim != 2 or rows.shape[1] != self.ensemble.features:
            raise InputError(f"rows must be a table with {self.ensemble.features} columns, had "
                             f"shape {rows.shape}")
        found: NDArray[np.float64] = self.kernel.rows(rows)
        return found

    def to_npz(self) -> bytes:
        """The ensemble as an uncompressed npz archive; equal ensembles give equal bytes."""
        ensemble, out = self.ensemble, io.BytesIO()
        arrays: dict[str, Any] = {
            name: np.concatenate([getattr(tree, name) for tree in ensemble.trees])
            for name in (*_PARTS, "values")}
        np.savez(out, allow_pickle=False, **arrays,
                 nodes=np.array([len(tree.feature) for tree in ensemble.trees], np.int64),
                 shape=np.array([_VERSION, ensemble.features, ensemble.outputs, ensemble.rounds,
                                 TRANSFORMS.index(ensemble.transform), ensemble.single], np.int64),
                 scale=np.array([ensemble.slope, ensemble.divisor]),
                 feature_names=np.array(ensemble.feature_names, np.str_))
        return out.getvalue()

    @classmethod
    def from_npz(cls, data: bytes) -> Self:
        """Back from ``to_npz``.

        Raises
        ------
        StoreError
            If the archive is damaged or of an unknown version.
        """
        try:
            with np.load(io.BytesIO(data), allow_pickle=False) as archive:
                arrays = {name: archive[name] for name in archive.files}
            version, features, outputs, rounds, transform, single = arrays["shape"].tolist()
            if version != _VERSION:
                raise StoreError(f"trees of version {version} cannot be read; {_VERSION} is")
            slope, divisor = arrays["scale"].tolist()
            return cls(TreeEnsemble(
                _cut(arrays), features, outputs, rounds, TRANSFORMS[transform], slope, divisor,
                bool(single), tuple(arrays["feature_names"].tolist())))
        except (ValueError, KeyError, OSError, IndexError, EOFError,
                zipfile.BadZipFile) as error:
            raise StoreError(f"the archive of trees is damaged: {error}") from error


def _cut(arrays: "Mapping[str, NDArray[Any]]") -> tuple[Tree, ...]:
    """Trees out of joined arrays."""
    nodes = arrays["nodes"]
    ends = np.cumsum(nodes)[:-1]
    parts = [np.split(arrays[name], ends) for name in _PARTS]
    values = np.split(arrays["values"], np.cumsum(nodes + 1)[:-1])
    return tuple(Tree(*each) for each in zip(*parts, values, strict=True))


def _sklearn_tree(tree: Any, outputs: int) -> Tree:
    """A tree of scikit-learn: inner nodes and leaves get numbers of their own."""
    inner = tree.children_left >= 0
    number = np.where(inner, np.cumsum(inner) - 1, ~(np.cumsum(~inner) - 1)).astype(np.int32)
    values = tree.value[~inner, 0, :outputs].astype(np.float64)
    left = tree.missing_go_to_left[inner] != 0
    return Tree(tree.feature[inner].astype(np.int32), tree.threshold[inner].astype(np.float64),
                np.full(int(inner.sum()), MISSING_NAN, np.uint8), left,
                number[tree.children_left[inner]], number[tree.children_right[inner]], values)
