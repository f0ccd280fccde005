"""The models that say which way: gradient-boosted trees, and a random forest.

Both predict through the kernel of the live path, so research and trading see the same bits. The
libraries that train them are imported when they train.
"""

from typing import Any, Self

import numpy as np

from dreammaker.models.estimators import Classifier, Floats, labels, matrix, weights
from dreammaker.models.trees import TreeModel


class _Trees(Classifier):
    """What both have in common once they are fitted."""

    fitted: Any
    trees: TreeModel

    def predict_proba(self, X: Any) -> Floats:
        """Probabilities of ``classes_``; float64 array of shape (n, classes).

        Parameters
        ----------
        X : array or DataFrame, shape (n, features)
        """
        return self.trees.predict_proba(matrix(X))


class PrimaryModel(_Trees):
    """LightGBM's classifier, deterministic, with defaults for noisy data.

    Parameters
    ----------
    n_estimators, num_leaves, max_depth, min_child_samples : int
        As LightGBM has them; a ``max_depth`` of -1 is none.
    learning_rate, subsample, colsample_bytree, reg_lambda : float
    balanced : bool
        Weigh the classes so that all count the same.
    threads : int
    seed : int

    Attributes
    ----------
    classes_ : array
        Labels in ascending order.
    fitted : lightgbm.Booster
    trees : TreeModel
        What predicts.

    Raises
    ------
    InputError
        From ``fit``: if rows, labels and weights do not fit, or there is one class alone.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> X = rng.normal(size=(400, 3))
    >>> model = PrimaryModel(n_estimators=20, min_child_samples=10).fit(X, np.sign(X[:, 0]))
    >>> bool((model.predict(X) == np.sign(X[:, 0])).mean() > 0.95)
    True
    """

    def __init__(self, n_estimators: int = 200, num_leaves: int = 15, max_depth: int = -1,
                 min_child_samples: int = 100, learning_rate: float = 0.03, subsample: float = 0.7,
                 colsample_bytree: float = 0.7, reg_lambda: float = 1.0, balanced: bool = False,
                 threads: int = 1, seed: int = 1) -> None:
        self.n_estimators, self.num_leaves, self.max_depth = n_estimators, num_leaves, max_depth
        self.min_child_samples, self.learning_rate = min_child_samples, learning_rate
        self.subsample, self.colsample_bytree = subsample, colsample_bytree
        self.reg_lambda, self.balanced = reg_lambda, balanced
        self.threads, self.seed = threads, seed

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Train on rows X, labels y and weights, one a row."""
        import lightgbm as lgb

        table = matrix(X)
        self.classes_, number = labels(y, len(table))
        weight = weights(sample_weight, len(table))
        if self.balanced:
            count = np.bincount(number, weight)
            weight = (1.0 if weight is None else weight) / count[number] * count.mean()
        settings = {
            "num_leaves": self.num_leaves, "max_depth": self.max_depth,
            "min_child_samples": self.min_child_samples, "learning_rate": self.learning_rate,
            "subsample": self.subsample, "subsample_freq": 1,
            "colsample_bytree": self.colsample_bytree, "reg_lambda": self.reg_lambda,
            "num_threads": self.threads, "seed": self.seed, "deterministic": True,
            "force_row_wise": True, "verbose": -1,
            **({"objective": "binary"} if len(self.classes_) == 2 else
               {"objective": "multiclass", "num_class": len(self.classes_)})}
        self.fitted = lgb.train(settings, lgb.Dataset(table, number, weight=weight),
                                self.n_estimators)
        self.trees = TreeModel.from_lightgbm(self.fitted.model_to_string())
        return self


class ForestModel(_Trees):
    """Scikit-learn's random forest with defaults for noisy data; missing values are its own.

    Parameters
    ----------
    n_estimators, min_samples_leaf : int
    max_depth, max_leaf_nodes : int, optional
        Bounds of a tree; None is none. Bounded by leaves, a tree grows where it gains most.
    max_features : float or str
        Of each split, as scikit-learn has it.
    max_samples : float, optional
        Share of the rows that each tree draws; the average uniqueness of the labels keeps
        overlapping ones from being drawn again and again (AFML 6.3).
    balanced : bool
        Weigh the classes of each tree's draw so that all count the same.
    threads : int
    seed : int

    Attributes
    ----------
    classes_ : array
    fitted : sklearn.ensemble.RandomForestClassifier
    trees : TreeModel
        What predicts.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> X = rng.normal(size=(400, 3))
    >>> model = ForestModel(n_estimators=20, min_samples_leaf=5).fit(X, np.sign(X[:, 0]))
    >>> bool((model.predict(X) == np.sign(X[:, 0])).mean() > 0.95)
    True
    """

    def __init__(self, n_estimators: int = 200, max_depth: int | None = 8,
                 min_samples_leaf: int = 50, max_leaf_nodes: int | None = None,
                 max_features: float | str = "sqrt", max_samples: float | None = None,
                 balanced: bool = False, threads: int = 1, seed: int = 1) -> None:
        self.n_estimators, self.max_depth = n_estimators, max_depth
        self.max_leaf_nodes = max_leaf_nodes
        self.min_samples_leaf, self.max_features = min_samples_leaf, max_features
        self.max_samples, self.balanced = max_samples, balanced
        self.threads, self.seed = threads, seed

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Train on rows X, labels y and weights, one a row."""
        from sklearn.ensemble import RandomForestClassifier

        table = matrix(X)
        classes, number = labels(y, len(table))
        self.fitted = RandomForestClassifier(
            self.n_estimators, max_depth=self.max_depth, min_samples_leaf=self.min_samples_leaf,
            max_leaf_nodes=self.max_leaf_nodes, max_features=self.max_features,
            max_samples=self.max_samples,
            class_weight="balanced_subsample" if self.balanced else None, n_jobs=self.threads,
            random_state=self.seed).fit(table, number, weights(sample_weight, len(table)))
        self.classes_ = classes
        self.trees = TreeModel.from_forest(self.fitted)
        return self
