"""Direction by a primary model, and whether to bet on it by a meta-model, fitted without leaks.

The meta-model learns from predictions that the primary model made on rows it was not trained on:
purged folds within the training rows alone. Its probability is calibrated on predictions that it,
too, made out of fold (Lopez de Prado 2018, sections 3.6, 7.4 and 10.3).
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dreammaker.domain.errors import InputError
from dreammaker.models.constant import Constant
from dreammaker.models.estimators import check_classifier, fitted_clone
from dreammaker.models.folds import Folds
from dreammaker.models.meta import MetaModel, meta_inputs
from dreammaker.research.estimators import ModelSpec
from dreammaker.research.samples import LONG, SHORT, Samples
from dreammaker.validation import PurgedKFold

Floats = NDArray[np.float64]

INNER_FOLDS = 3
_LEAST_ROWS = 20


@dataclass(frozen=True, slots=True)
class Decider:
    """A fitted pair of models.

    Attributes
    ----------
    primary : classifier
        Fitted, with the classes -1 and 1; a `Constant` where only one occurred.
    meta : MetaModel, Constant or None
        Whether the primary's bet pays; sees ``models.meta.meta_inputs``.

    Examples
    --------
    >>> from dreammaker.research.noise import noise_samples
    >>> samples = noise_samples(1, rows=300, days=6, edge=0.5)
    >>> decider = fit_decider(samples, ModelSpec(trees=5, least_leaf=20))
    >>> rise, side, right = decider.decide(samples.X)
    >>> bool((side[rise > 0.5] == 1).all()), right.shape
    (True, (300,))
    """

    primary: Any
    meta: MetaModel | Constant | None

    def decide(self, X: Floats) -> tuple[Floats, NDArray[np.int8], Floats]:
        """Probability of a rise, side, and probability that the side's bet is right.

        The side is 0, and the last probability too, where rise and fall are equally likely.

        Parameters
        ----------
        X : float64 array, shape (n, features)
        """
        both = np.asarray(self.primary.predict_proba(X), np.float64)
        score = _score(both)
        right = both.max(axis=1)
        if self.meta is not None:
            right = self.meta.predict_proba(meta_inputs(X, score))[:, 1]
        side = np.sign(score).astype(np.int8)
        return both[:, 1], side, np.where(side == 0, 0.0, right)


def fit_decider(samples: Samples, spec: ModelSpec, embargo_share: float = 0.01, *,
                primary: Any = None, diversity: bool = False) -> Decider:
    """Fit both models.

    Parameters
    ----------
    samples : Samples
        Training rows only.
    spec : ModelSpec
    embargo_share : float
        Least embargo of the inner folds; see `Samples.embargo`.
    primary : classifier, optional
        Unfitted, in place of the spec's: any of scikit-learn's with ``predict_proba``. It meets
        NaN where a feature is not known.
    diversity : bool
        Measure how different an ensemble's members are, on rows they were not trained on (two more
        fits of each; a stack measures it anyhow).

    Raises
    ------
    InputError
        If there are fewer than 20 rows with a direction, or ``primary`` is no classifier.
    """
    if primary is not None:
        check_classifier(primary)
    directed = samples.y != 0
    if directed.sum() < _LEAST_ROWS:
        raise InputError(f"a model needs {_LEAST_ROWS} rows that have a direction to learn from, "
                         f"had {int(directed.sum())}")
    meta = _fit_meta(samples, spec, embargo_share, primary) if spec.meta else None
    return Decider(fit_primary(samples, spec, embargo_share, primary=primary, diversity=diversity),
                   meta)


def fit_primary(samples: Samples, spec: ModelSpec, embargo_share: float = 0.01, *,
                primary: Any = None, diversity: bool = False) -> Any:
    """The primary model, fitted on the rows that have a direction; see `fit_decider`.

    A stack whose purged folds leave it too few rows to learn from is the mean of its members.
    """
    rows = np.flatnonzero(samples.y != 0)
    y = samples.y[rows].astype(np.int64)
    if (y == y[0]).all():
        return Constant(float(y[0] > 0), -1, 1)
    folds = None
    if primary is None and (spec.kind == "stack" or (diversity and spec.kind == "ensemble")):
        folds = _usable(samples, embargo_share, rows, y)
    return fitted_clone(spec.primary(folds) if primary is None else primary, samples.X[rows], y,
                        scaled(samples.weights[rows]))


def scaled(weights: Floats) -> Floats:
    """Weights of the rows that are learned from, with a mean of 1; all 1 where all are 0."""
    mean = weights.mean()
    return weights / mean if mean > 0.0 else np.ones(len(weights))


def bet_paid(samples: Samples, side: NDArray[np.int8]) -> NDArray[np.bool_]:
    """Whether each row's bet gains more than it costs."""
    gain = np.where(side > 0, samples.gain[:, LONG], samples.gain[:, SHORT])
    return np.asarray(gain > samples.cost_points)


def inner_folds(samples: Samples, embargo_share: float = 0.01) -> Folds:
    """Purged folds within training rows, by the ends of labels and bets.

    Raises
    ------
    InputError
        If the features' memory covers all rows.
    """
    return Folds.of(PurgedKFold(INNER_FOLDS, embargo=samples.embargo(embargo_share),
                                label_end_times=samples.t_end,
                                label_start_times=samples.t_start), samples.X)


def _fit_meta(samples: Samples, spec: ModelSpec, embargo_share: float, primary: Any
              ) -> MetaModel | Constant:
    folds = inner_folds(samples, embargo_share)
    score = np.full(len(samples), np.nan)
    for train, test in folds.pairs:
        if (samples.y[train] != 0).sum() >= _LEAST_ROWS:
            fitted = fit_primary(samples.take(train), spec, embargo_share, primary=primary)
            score[test] = _score(np.asarray(fitted.predict_proba(samples.X[test]), np.float64))
    if (tested := int((~np.isnan(score)).sum())) < _LEAST_ROWS:
        raise InputError(f"purged folds leave {tested} rows to the meta-model; it needs "
                         f"{_LEAST_ROWS}: take more days or a shorter horizon")
    # Without a side there is no bet, and nothing to learn about one.
    rows = np.flatnonzero(np.abs(score) > 0.0)
    part = samples.take(rows)
    paid = bet_paid(part, np.sign(score[rows]).astype(np.int8)).astype(np.int64)
    if len(part) < _LEAST_ROWS or (paid == paid[0]).all():
        return Constant(float(len(part) >= _LEAST_ROWS and paid[0]))
    model = spec.meta_model(folds.within(rows).learnable(paid, _LEAST_ROWS))
    return model.fit(meta_inputs(part.X, score[rows]), paid, scaled(part.weights))


def _usable(samples: Samples, embargo_share: float, rows: NDArray[np.intp], y: NDArray[np.int64]
            ) -> Folds | None:
    """Folds of the rows with a direction; None where they test too little to learn from."""
    try:
        folds = inner_folds(samples, embargo_share).within(rows).learnable(y, _LEAST_ROWS)
    except InputError:
        return None
    tested = folds.tested
    return folds if tested.size >= _LEAST_ROWS and np.unique(y[tested]).size == 2 else None


def _score(probabilities: Floats) -> Floats:
    """P(up) - P(down), with the arithmetic of the live path."""
    return np.asarray(probabilities[:, -1] - probabilities[:, 0])
