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
from dreammaker.models.calibration import Calibration
from dreammaker.research.estimators import ModelSpec
from dreammaker.research.samples import LONG, SHORT, Samples
from dreammaker.validation import PurgedKFold

Floats = NDArray[np.float64]

INNER_FOLDS = 3
_LEAST_ROWS = 20
_META_SEED = 7919


@dataclass(frozen=True, slots=True)
class Constant:
    """The probability where there was only one class to learn."""

    probability: float

    def predict_proba(self, X: Floats) -> Floats:
        """Two columns, the same in every row."""
        return np.tile([1.0 - self.probability, self.probability], (len(X), 1))


@dataclass(frozen=True, slots=True)
class Averaged:
    """The mean of several fitted classifiers' probabilities of the second class."""

    members: dict[str, Any]

    def probability(self, X: Floats) -> Floats:
        """Of the second class, shape (n,)."""
        found = np.zeros(len(X))
        for model in self.members.values():
            found += model.predict_proba(X)[:, 1]
        return found / len(self.members)


@dataclass(frozen=True, slots=True)
class Decider:
    """A fitted pair of models.

    Attributes
    ----------
    primary : Averaged
        Probability that the price rises.
    meta : Averaged, optional
        Probability that the primary's bet pays; sees the features, the primary's score P(up) -
        P(down), and its side (``models.bundle.META_INPUTS``).
    calibration : Calibration
        Of the meta-model's probability.
    """

    primary: Averaged
    meta: Averaged | None
    calibration: Calibration

    def decide(self, X: Floats) -> tuple[Floats, NDArray[np.int8], Floats]:
        """Probability of a rise, side, and probability that the side's bet is right.

        The side is 0, and the last probability too, where rise and fall are equally likely.

        Parameters
        ----------
        X : float64 array, shape (n, features)
        """
        rise = self.primary.probability(X)
        side = _side(rise)
        right = np.maximum(rise, 1.0 - rise)
        if self.meta is not None:
            right = calibrated(self.calibration, self.meta.probability(meta_features(X, rise)))
        return rise, side, np.where(side == 0, 0.0, right)


def fit_decider(samples: Samples, spec: ModelSpec, embargo_share: float = 0.01) -> Decider:
    """Fit both models.

    Parameters
    ----------
    samples : Samples
        Training rows only.
    spec : ModelSpec
    embargo_share : float
        Least embargo of the inner folds; see `Samples.embargo`.

    Raises
    ------
    InputError
        If there are fewer than 20 rows with a direction.
    """
    directed = samples.y != 0
    if directed.sum() < _LEAST_ROWS:
        raise InputError(f"a model needs {_LEAST_ROWS} rows that have a direction to learn from, "
                         f"had {int(directed.sum())}")
    if not spec.meta:
        return Decider(fit_primary(samples, spec), None, Calibration())
    folds = [(train, test) for train, test in _inner(samples, embargo_share)
             if (samples.y[train] != 0).sum() >= _LEAST_ROWS]
    rise = np.full(len(samples), np.nan)
    for train, test in folds:
        rise[test] = fit_primary(samples.take(train), spec).probability(samples.X[test])
    known = np.flatnonzero(~np.isnan(rise))
    if known.size < _LEAST_ROWS:
        raise InputError(f"purged folds leave {known.size} rows to the meta-model; it needs "
                         f"{_LEAST_ROWS}: take more days or a shorter horizon")
    paid = bet_paid(samples, _side(np.where(np.isnan(rise), 0.5, rise)))
    inputs = meta_features(samples.X, rise)
    small = spec.for_meta()
    second = np.full(len(samples), np.nan)
    for train, test in folds:
        rows = train[~np.isnan(rise[train])]
        if rows.size >= _LEAST_ROWS:
            second[test] = _fit(small, inputs[rows], paid[rows], samples.weights[rows],
                                _META_SEED).probability(inputs[test])
    meta = _fit(small, inputs[known], paid[known], samples.weights[known], _META_SEED)
    both = ~np.isnan(second)
    return Decider(fit_primary(samples, spec), meta,
                   calibrate(second[both], paid[both], samples.weights[both]))


def fit_primary(samples: Samples, spec: ModelSpec) -> Averaged:
    """The primary model, on the rows that have a direction."""
    rows = np.flatnonzero(samples.y != 0)
    return _fit(spec, samples.X[rows], samples.y[rows] > 0, samples.weights[rows], 0)


def bet_paid(samples: Samples, side: NDArray[np.int8]) -> NDArray[np.bool_]:
    """Whether each row's bet gains more than it costs."""
    gain = np.where(side > 0, samples.gain[:, LONG], samples.gain[:, SHORT])
    return np.asarray(gain > samples.cost_points)


def meta_features(X: Floats, rise: Floats) -> Floats:
    """The meta-model's columns: the features, the primary's score, and its side."""
    score = 2.0 * rise - 1.0
    return np.column_stack([X, score, np.sign(score)])


def calibrate(probability: Floats, outcome: NDArray[np.bool_], weights: Floats) -> Calibration:
    """Platt's curve over the probability by Newton's method, near the identity where data are few.

    Parameters
    ----------
    probability : float64 array, shape (n,)
        Out of fold.
    outcome : bool array, shape (n,)
    weights : float64 array, shape (n,)

    Examples
    --------
    >>> calibrate(np.array([0.4, 0.6]), np.array([False, True]), np.ones(2)).kind
    'none'
    """
    if outcome.size < _LEAST_ROWS or outcome.all() or not outcome.any():
        return Calibration()
    columns = np.column_stack([probability - 0.5, np.ones(len(probability))])
    scale = weights / weights.mean()
    # Around 1/2 the identity has slope 4. A prior of a few rows holds the slope there: separable
    # data would send it to infinity.
    prior, strength = np.array([4.0, 0.0]), np.array([0.05, 1e-6])
    at = prior.copy()
    for _ in range(100):
        fitted = 1.0 / (1.0 + np.exp(-columns @ at))
        slope = columns.T @ (scale * (fitted - outcome)) + strength * (at - prior)
        bend = (columns * (scale * fitted * (1.0 - fitted))[:, None]).T @ columns
        step = np.clip(np.linalg.solve(bend + np.diag(strength), slope), -4.0, 4.0)
        at = at - step
        if np.abs(step).max() < 1e-10:
            break
    # A slope below 0 would say the opposite of what the model says: then it knows nothing.
    steep = max(float(at[0]), 0.0)
    return Calibration("platt", slope=steep, intercept=float(at[1]) - 0.5 * steep)


def calibrated(calibration: Calibration, probability: Floats) -> Floats:
    """`Calibration.apply` over many."""
    if calibration.kind == "none":
        return probability
    return np.array([calibration.apply(value) for value in probability.tolist()])


def _inner(samples: Samples, embargo_share: float) -> Any:
    folds = PurgedKFold(INNER_FOLDS, embargo=samples.embargo(embargo_share),
                        label_end_times=samples.t_end, label_start_times=samples.t_start)
    return folds.split(samples.X)


def _fit(spec: ModelSpec, X: Floats, target: NDArray[np.bool_], weights: Floats,
         offset: int) -> Averaged:
    if target.all() or not target.any():
        return Averaged({"constant": Constant(float(target[0]))})
    scale = weights / weights.mean()
    members = spec.members(offset)
    for model in members.values():
        model.fit(X, target.astype(np.int64), sample_weight=scale)
    return Averaged(members)


def _side(rise: Floats) -> NDArray[np.int8]:
    return np.sign(2.0 * rise - 1.0).astype(np.int8)
