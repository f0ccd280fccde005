"""Several models as one: soft vote, or stacking on out-of-fold probabilities."""

from collections.abc import Sequence
from typing import Any, Literal, Self

import numpy as np

from dreammaker.domain.errors import InputError
from dreammaker.models.combination import Combination
from dreammaker.models.diversity import Diversity, diversity
from dreammaker.models.estimators import (
    Classifier,
    Floats,
    Splitter,
    check_classifier,
    fitted_clone,
    labels,
    matrix,
    out_of_fold,
    weights,
)


class Ensemble(Classifier):
    """Combines estimators with ``fit`` and ``predict_proba`` (any of scikit-learn's too).

    Parameters
    ----------
    members : sequence of (str, estimator)
        Names in lower case letters, digits and underscores; estimators are cloned.
    method : {"soft", "stack"}
        ``soft`` is a weighted mean of probabilities. ``stack`` fits a logistic regression on the
        members' out-of-fold probabilities, so that it never sees a prediction of a row by a model
        trained on it.
    weights : sequence of float, optional
        Of a soft vote; equal where not given.
    cv : Splitter, optional
        Gives the folds, purged where labels overlap; stacking needs one. With one, diversity is
        measured out of fold.

    Attributes
    ----------
    classes_ : array
    members_ : list of (str, estimator)
        Fitted on all rows.
    combination_ : Combination
        As a bundle stores it.
    diversity_ : Diversity or None
        Of the members, on rows they were not trained on; None without ``cv``.

    Examples
    --------
    >>> from dreammaker.models.primary import PrimaryModel
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.model_selection import KFold
    >>> X = np.random.default_rng(1).normal(size=(300, 2))
    >>> y = np.sign(X[:, 0])
    >>> trees = PrimaryModel(n_estimators=10, min_child_samples=10)
    >>> both = Ensemble([("trees", trees), ("line", LogisticRegression())], "stack", cv=KFold(3))
    >>> both.fit(X, y).combination_.kind, bool(both.score(X, y) > 0.95)
    ('stack', True)
    >>> bool(0 <= both.diversity_.disagreement[0, 1] < 0.1)
    True
    """

    def __init__(self, members: Sequence[tuple[str, Any]],
                 method: Literal["soft", "stack"] = "soft",
                 weights: Sequence[float] | None = None, cv: Splitter | None = None) -> None:
        self.members, self.method, self.weights, self.cv = members, method, weights, cv

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Train members and combination.

        Raises
        ------
        InputError
            If rows, labels and weights do not fit, members lack or repeat a name, stacking has no
            ``cv``, a training fold lacks a class, or the folds test too few rows to stack on.
        """
        names = tuple(name for name, _ in self.members)
        for _, member in self.members:
            check_classifier(member)
        if not names or len(set(names)) != len(names):
            raise InputError(f"an ensemble must have members of different names, had "
                             f"{', '.join(names) or 'none'}")
        if self.method not in ("soft", "stack") or (self.method == "stack" and self.cv is None):
            raise InputError(f"method must be soft, or stack with a cv, was {self.method!r}")
        table, truth = matrix(X), np.asarray(y)
        self.classes_, number = labels(truth, len(table))
        weight = weights(sample_weight, len(table))
        self.diversity_: Diversity | None = None
        beyond: list[Floats] = []
        if self.cv is not None:
            beyond = [out_of_fold(member, X, truth, self.classes_, weight, self.cv)
                      for _, member in self.members]
            tested = ~np.isnan(beyond[0][:, 0])
            if tested.any():
                self.diversity_ = diversity(
                    names, [self.classes_[found[tested].argmax(axis=1)] for found in beyond],
                    truth[tested])
        self.combination_ = (self._soft(len(names)) if self.method == "soft" else
                             _stacked(beyond, number, weight))
        self.members_ = [(name, fitted_clone(member, table, truth, weight))
                         for name, member in self.members]
        return self

    def _soft(self, count: int) -> Combination:
        given = [1.0] * count if self.weights is None else [float(w) for w in self.weights]
        found = Combination("soft", tuple(given))
        found.check(count, len(self.classes_))
        return found

    def predict_proba(self, X: Any) -> Floats:
        """Combined probabilities of ``classes_``, with the arithmetic of the live path."""
        table = matrix(X)
        return self.combination_.combine_rows(
            [np.asarray(member.predict_proba(table), np.float64) for _, member in self.members_])


def _stacked(beyond: list[Floats], number: Any, weight: Floats | None) -> Combination:
    from sklearn.linear_model import LogisticRegression

    tested = ~np.isnan(beyond[0][:, 0])
    known = np.unique(number[tested])
    if known.size < np.unique(number).size:
        raise InputError(f"the folds of a stack test {int(tested.sum())} rows with {known.size} of "
                         f"{np.unique(number).size} classes; they must test rows of each")
    model = LogisticRegression(max_iter=1000).fit(
        np.hstack(beyond)[tested], number[tested], None if weight is None else weight[tested])
    return Combination("stack", (), tuple(tuple(map(float, row)) for row in model.coef_),
                       tuple(map(float, model.intercept_)))
