"""The meta-model: whether a bet of the primary pays, and how large it should be (AFML 3.6, 10.3).

It learns from rows on which the primary has a side, with the label 1 where that bet paid. Its raw
scores become probabilities by a curve that is fitted out of fold.
"""

from typing import Any, Literal, Self

import numpy as np

from dreammaker.domain.errors import InputError
from dreammaker.models.bundle import Member, Meta
from dreammaker.models.calibration import Calibration
from dreammaker.models.calibration_fit import fit_calibration
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
from dreammaker.models.primary import PrimaryModel
from dreammaker.models.sizing import bet_size


def meta_inputs(X: Any, scores: Any) -> Floats:
    """Inputs of the meta-model: those of the primary, its score and the side.

    Parameters
    ----------
    X : array, shape (n, inputs)
    scores : array, shape (n,)
        P(up) - P(down) of the primary, out of fold where the meta-model is trained on them.

    Returns
    -------
    float64 array, shape (n, inputs + 2)

    Examples
    --------
    >>> meta_inputs([[7.0], [8.0]], [0.25, -0.5]).tolist()
    [[7.0, 0.25, 1.0], [8.0, -0.5, -1.0]]
    """
    table, score = matrix(X), np.asarray(scores, np.float64)
    if score.shape != (len(table),):
        raise InputError(f"scores must have one number for each of the {len(table)} rows, had "
                         f"shape {score.shape}")
    return np.hstack([table, score[:, None], np.sign(score)[:, None]])


class MetaModel(Classifier):
    """A calibrated probability that a bet pays, and the size it is worth.

    Parameters
    ----------
    estimator : estimator, optional
        A small ``PrimaryModel`` where not given; cloned.
    calibration : {"isotonic", "platt", "none"}
        See ``calibration_fit``; where folds test fewer than 20 rows or one outcome only, none.
    cv : Splitter, optional
        Gives the folds of the calibration, purged where labels overlap; needed unless "none".
    threshold : float
        Bets below this probability have size 0.
    step : float
        Sizes are rounded to whole multiples; 0 = not at all.

    Attributes
    ----------
    classes_ : array
        0 and 1.
    fitted_ : estimator
        Trained on all rows.
    calibration_ : Calibration

    Examples
    --------
    >>> from sklearn.model_selection import KFold
    >>> rng = np.random.default_rng(1)
    >>> X = rng.normal(size=(300, 2))
    >>> paid = (X[:, 0] + rng.normal(size=300) > 0).astype(int)
    >>> small = PrimaryModel(n_estimators=50, num_leaves=3, min_child_samples=10)
    >>> model = MetaModel(small, "platt", KFold(3), threshold=0.6).fit(X, paid)
    >>> model.bet_sizes(np.array([[-1.0, 0.0], [1.0, 0.0]])).round(1).tolist()
    [0.0, 0.4]
    """

    def __init__(self, estimator: Any = None,
                 calibration: Literal["isotonic", "platt", "none"] = "isotonic",
                 cv: Splitter | None = None, threshold: float = 0.5, step: float = 0.0) -> None:
        self.estimator, self.calibration, self.cv = estimator, calibration, cv
        self.threshold, self.step = threshold, step

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Train on rows X (see ``meta_inputs``) and labels y: 1 = the bet paid, 0 = it did not.

        Raises
        ------
        InputError
            If labels are others, folds are missing, or rows, labels and weights do not fit.
        """
        if self.calibration not in ("isotonic", "platt", "none") or (
                self.calibration != "none" and self.cv is None):
            raise InputError(f"calibration must be none, or isotonic or platt with a cv, was "
                             f"{self.calibration!r}")
        table = matrix(X)
        self.classes_, number = labels(y, len(table))
        if self.classes_.tolist() != [0, 1]:
            raise InputError(f"labels of a meta-model must be 0 and 1, were "
                             f"{self.classes_.tolist()}")
        weight = weights(sample_weight, len(table))
        estimator = PrimaryModel(n_estimators=100, num_leaves=7) if self.estimator is None else (
            self.estimator)
        check_classifier(estimator)
        self.calibration_ = Calibration()
        if self.cv is not None and self.calibration != "none":
            raw = out_of_fold(estimator, X, number, np.array([0, 1]), weight, self.cv)[:, 1]
            tested = ~np.isnan(raw)
            self.calibration_ = fit_calibration(
                self.calibration, raw[tested], number[tested],
                None if weight is None else weight[tested])
        self.fitted_ = fitted_clone(estimator, table, number, weight)
        return self

    def predict_proba(self, X: Any) -> Floats:
        """Calibrated probabilities of 0 and 1."""
        raw = np.asarray(self.fitted_.predict_proba(matrix(X)))[:, 1]
        found = self.calibration_.apply_rows(raw)
        return np.stack([1.0 - found, found], axis=1)

    def bet_sizes(self, X: Any) -> Floats:
        """Share of the full size in [0, 1] that each row's bet is worth."""
        return np.array([bet_size(p, step=self.step) if p >= self.threshold else 0.0
                         for p in self.predict_proba(X)[:, 1].tolist()])

    def as_meta(self, name: str = "meta") -> Meta:
        """What a bundle stores.

        Raises
        ------
        StoreError
            If the live path could not run the estimator.
        """
        return Meta(Member.of(name, self.fitted_), self.calibration_, self.threshold, self.step)

