"""Which features a model uses, and which it would miss: MDI, MDA and single features (AFML 8).

The model is asked out of sample: splits are purged by label end time and weighted, as in training.
Features that stand in for one another hide each other's worth, so MDA and MDI are also given for
whole clusters.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dreammaker.domain.errors import InputError

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Groups = Sequence[Sequence[str]]
Score = Literal["log_loss", "accuracy"]


@dataclass(frozen=True, slots=True)
class Importance:
    """What a feature, or a cluster of them, is worth.

    Attributes
    ----------
    features : tuple of str
    value : float
        MDI: share of the impurity taken away. MDA: what the score loses without it. Single
        feature: what the score gains by it over the classes' frequencies alone. Scores are minus
        the log loss, in nats a row (no probability counts as less than one over the rows), or the
        accuracy.
    error : float
        Standard error over trees or folds; NaN where there is only one of them.

    Examples
    --------
    >>> Importance(("ofi_1",), value=0.03, error=0.01).t
    3.0
    """

    features: tuple[str, ...]
    value: float
    error: float

    @property
    def t(self) -> float:
        """Value over its error; infinite where that is 0, NaN where it is not known."""
        if self.error != 0.0:
            return self.value / self.error
        return float(np.sign(self.value)) * float("inf") if self.value else 0.0


def forest(rng: np.random.Generator, *, trees: int = 200, least_leaf_weight: float = 0.05,
           jobs: int = 1) -> Any:
    """A scikit-learn forest as AFML 8.3.1 wants it for importance: one feature a split.

    Parameters
    ----------
    rng : numpy.random.Generator
        Gives the forest's seed.
    trees : int
    least_leaf_weight : float
        Least share of the weights in a leaf: market data are noise for the most part.
    jobs : int
        Threads; the result is the same for any.
    """
    from sklearn.ensemble import RandomForestClassifier

    return RandomForestClassifier(
        n_estimators=trees, max_features=1, min_weight_fraction_leaf=least_leaf_weight,
        random_state=int(rng.integers(2**31)), n_jobs=jobs)


def mean_decrease_impurity(model: Any, names: Sequence[str],
                           groups: Groups | None = None) -> list[Importance]:
    """Share of the impurity that each feature took away in a fitted forest (AFML 8.3.1).

    In sample, and never below 0: noise gets about ``1 / features``. Trees that never chose a
    feature do not count for it (meant for forests of one feature a split).

    Parameters
    ----------
    model : fitted scikit-learn forest
    names : sequence of str
        Of the columns it was fitted on.
    groups : sequence of sequence of str, optional
        Clusters; every feature by itself where not given.

    Raises
    ------
    InputError
        If the model is no fitted forest of so many columns, or a group names another feature.
    """
    trees = getattr(model, "estimators_", None)
    if trees is None or not all(hasattr(tree, "feature_importances_") for tree in trees):
        raise InputError("model must be a fitted forest of scikit-learn's")
    shares = np.array([tree.feature_importances_ for tree in trees])
    if shares.shape[1] != len(names):
        raise InputError(f"names must have one entry a column, {shares.shape[1]}, had "
                         f"{len(names)}")
    sums = []
    for columns in _columns(names, groups):
        together = shares[:, columns].sum(axis=1)
        sums.append(np.where(together > 0.0, together, np.nan))
    count = np.array([np.sum(~np.isnan(column)) for column in sums])
    means = np.array([np.nanmean(column) if n else 0.0
                      for column, n in zip(sums, count, strict=True)])
    errors = np.array([np.nanstd(column, ddof=1) / sqrt(n) if n > 1
                       else float("nan") if n else 0.0
                       for column, n in zip(sums, count, strict=True)])
    total = means.sum() or 1.0
    return [Importance(tuple(group), float(mean / total), float(error / total))
            for group, mean, error in zip(_groups(names, groups), means, errors, strict=True)]


def mean_decrease_accuracy(
        make: Callable[[], Any], X: Any, y: ArrayLike, splitter: Any, *,
        rng: np.random.Generator, weights: ArrayLike | None = None,
        groups: Groups | None = None, names: Sequence[str] | None = None,
        score: Score = "log_loss", repeats: int = 1,
        progress: Callable[[int, int], None] | None = None) -> list[Importance]:
    """What the out-of-sample score loses when a feature is shuffled (AFML 8.3.2, 6.5.2).

    Parameters
    ----------
    make : callable
        Gives a fresh classifier with ``fit(X, y, sample_weight=)`` and ``predict_proba``.
    X : DataFrame or array of shape (n, features)
        With the index that the splitter reads.
    y : array_like of shape (n,)
        Classes.
    splitter : scikit-learn splitter
        Purged by label end times, for instance ``validation.PurgedKFold``.
    rng : numpy.random.Generator
        Shuffles.
    weights : array_like of shape (n,), optional
        Of training and of scores.
    groups : sequence of sequence of str, optional
        Clusters, whose columns are shuffled together by one permutation.
    names : sequence of str, optional
        Of the columns; the frame's where not given.
    score : {"log_loss", "accuracy"}
    repeats : int
        Shuffles a fold, averaged.
    progress : callable, optional
        Called with the folds done and their number.

    Returns
    -------
    list of Importance
        Errors are over folds.

    Raises
    ------
    InputError
        If shapes differ, a parameter is unknown, or no fold can be trained.
    """
    if repeats < 1:
        raise InputError(f"repeats must be 1 or more, was {repeats}")
    table = _Table.of(X, y, weights, names, score)
    columns = _columns(table.names, groups)
    losses = []
    for train, test in table.folds(splitter, progress):
        model = table.fitted(make, table.values, train)
        reference = table.score(model, table.values[test], test)
        fold = []
        for group in columns:
            worth = 0.0
            for _ in range(repeats):
                shuffled = table.values[test]
                shuffled[:, group] = shuffled[rng.permutation(len(test))][:, group]
                worth += (reference - table.score(model, shuffled, test)) / repeats
            fold.append(worth)
        losses.append(fold)
    return _over_folds(losses, _groups(table.names, groups))


def single_feature_importance(
        make: Callable[[], Any], X: Any, y: ArrayLike, splitter: Any, *,
        weights: ArrayLike | None = None, groups: Groups | None = None,
        names: Sequence[str] | None = None, score: Score = "log_loss",
        progress: Callable[[int, int], None] | None = None) -> list[Importance]:
    """What a model of one feature alone gains over the classes' frequencies (AFML 8.4.1).

    Substitution cannot hide a feature here, but neither does it show what features do together.

    Parameters and errors as for `mean_decrease_accuracy`; with `groups` a model of each cluster.
    """
    table = _Table.of(X, y, weights, names, score)
    columns = _columns(table.names, groups)
    gains = []
    for train, test in table.folds(splitter, progress):
        base = table.frequency_score(train, test)
        gains.append([table.score(table.fitted(make, table.values[:, group], train),
                                  table.values[np.ix_(test, group)], test) - base
                      for group in columns])
    return _over_folds(gains, _groups(table.names, groups))


@dataclass(frozen=True, eq=False, slots=True)
class _Table:
    frame: Any
    values: Floats
    y: NDArray[Any]
    weights: Floats
    names: tuple[str, ...]
    kind: Score

    @classmethod
    def of(cls, X: Any, y: ArrayLike, weights: ArrayLike | None, names: Sequence[str] | None,
           score: Score) -> "_Table":
        values = np.array(X, np.float64)
        if values.ndim != 2:
            raise InputError(f"X must have two dimensions, had shape {values.shape}")
        classes = np.asarray(y)
        factors = (np.ones(len(values)) if weights is None
                   else np.asarray(weights, np.float64))
        if classes.shape != (len(values),) or factors.shape != (len(values),):
            raise InputError(f"y and weights must have one entry a row, {len(values)}, had shapes "
                             f"{classes.shape} and {factors.shape}")
        if not (np.isfinite(factors) & (factors >= 0.0)).all():
            raise InputError("weights must be finite and 0 or more")
        if score not in ("log_loss", "accuracy"):
            raise InputError(f"score must be log_loss or accuracy, was {score!r}")
        if names is None:
            names = ([str(name) for name in X.columns] if hasattr(X, "columns")
                     else [str(i) for i in range(values.shape[1])])
        if len(names) != values.shape[1] or len(set(names)) < len(names):
            raise InputError(f"names must have one different entry a column, {values.shape[1]}")
        return cls(X, values, classes, factors, tuple(names), score)

    def folds(self, splitter: Any, progress: Callable[[int, int], None] | None
              ) -> Iterator[tuple[Ints, Ints]]:
        """Folds with weight on either side and two classes to train on; at least one."""
        done = 0
        total = splitter.get_n_splits(self.frame)
        for number, (train, test) in enumerate(splitter.split(self.frame), 1):
            heavy = train[self.weights[train] > 0.0]
            if len(np.unique(self.y[heavy])) > 1 and self.weights[test].any():
                done += 1
                yield train, test
            if progress is not None:
                progress(number, total)
        if not done:
            raise InputError("no fold can be trained: after purging, none has two classes with "
                             "weight")

    def fitted(self, make: Callable[[], Any], values: Floats, train: Ints) -> Any:
        return make().fit(values[train], self.y[train], sample_weight=self.weights[train])

    def score(self, model: Any, values: Floats, rows: Ints) -> float:
        return self._score(np.asarray(model.predict_proba(values)), np.asarray(model.classes_),
                           rows)

    def frequency_score(self, train: Ints, rows: Ints) -> float:
        classes = np.unique(self.y[train])
        shares = np.array([self.weights[train][self.y[train] == value].sum()
                           for value in classes])
        return self._score(np.tile(shares / shares.sum(), (len(rows), 1)), classes, rows)

    def _score(self, probability: Floats, classes: NDArray[Any], rows: Ints) -> float:
        truth, weight = self.y[rows], self.weights[rows]
        at = np.searchsorted(classes, truth)
        known = (at < len(classes)) & (classes[np.minimum(at, len(classes) - 1)] == truth)
        if self.kind == "accuracy":
            hit = classes[np.argmax(probability, axis=1)] == truth
            return float(np.average(hit, weights=weight))
        given = np.where(known, probability[np.arange(len(rows)), np.minimum(
            at, len(classes) - 1)], 0.0)
        # A forest says 0 where its leaves are pure; so many rows cannot show less than one of
        # them, and one such row would outweigh all others.
        return float(np.average(np.log(np.maximum(given, 1.0 / len(self.y))), weights=weight))


def _groups(names: Sequence[str], groups: Groups | None) -> list[tuple[str, ...]]:
    return [(name,) for name in names] if groups is None else [tuple(group) for group in groups]


def _columns(names: Sequence[str], groups: Groups | None) -> list[Ints]:
    place = {name: i for i, name in enumerate(names)}
    found = []
    for group in _groups(names, groups):
        strange = [name for name in group if name not in place]
        if strange or not group:
            raise InputError(f"groups must name columns of X; {strange or 'an empty group'} does "
                             "not")
        found.append(np.array([place[name] for name in group], np.int64))
    return found


def _over_folds(values: list[list[float]], groups: list[tuple[str, ...]]) -> list[Importance]:
    table = np.array(values)
    error = (table.std(axis=0, ddof=1) / sqrt(len(table)) if len(table) > 1
             else np.full(table.shape[1], np.nan))
    return [Importance(group, float(mean), float(spread))
            for group, mean, spread in zip(groups, table.mean(axis=0), error, strict=True)]
