"""Fitting the curves of ``models.calibration``: Platt's, and isotonic steps."""

from itertools import pairwise
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from dreammaker.models.calibration import Calibration

Floats = NDArray[np.float64]

LEAST_ROWS = 20
"""Fewer say nothing about a curve."""

_STEPS = 100


def fit_calibration(kind: Literal["isotonic", "platt", "none"], probability: Floats, outcome: Any,
                    weights: Floats | None = None) -> Calibration:
    """A curve from raw probabilities to observed frequencies.

    Parameters
    ----------
    kind : {"isotonic", "platt", "none"}
    probability : float64 array, shape (n,)
        Of models that were not trained on these rows.
    outcome : array, shape (n,)
        1 where what was predicted came true, else 0.
    weights : float64 array, shape (n,), optional
        Above 0; their scale does not matter.

    Returns
    -------
    Calibration
        "none" where there are fewer than 20 rows or only one outcome: nothing can be learned.

    Examples
    --------
    >>> rare = np.linspace(0.3, 0.7, 100)
    >>> fit_calibration("platt", rare, rare > 0.5).apply(0.7) > 0.9
    True
    >>> fit_calibration("isotonic", rare, rare > 0.5).apply(0.4)
    0.0
    >>> fit_calibration("platt", rare[:2], np.array([0, 1])).kind
    'none'
    """
    happened = np.asarray(outcome, np.bool_)
    if kind == "none" or happened.size < LEAST_ROWS or happened.all() or not happened.any():
        return Calibration()
    scale = np.ones(happened.size) if weights is None else weights / weights.mean()
    return (_isotonic if kind == "isotonic" else _platt)(probability, happened, scale)


def _isotonic(probability: Floats, outcome: NDArray[np.bool_], weights: Floats) -> Calibration:
    from sklearn.isotonic import IsotonicRegression

    found = IsotonicRegression(y_min=0.0, y_max=1.0, out_of_bounds="clip").fit(
        probability, outcome.astype(np.float64), weights)
    x, value = found.X_thresholds_.tolist(), found.y_thresholds_.tolist()
    kept = [0] + [i + 1 for i, (a, b) in enumerate(pairwise(x)) if a < b]
    return Calibration("isotonic", tuple(x[i] for i in kept), tuple(value[i] for i in kept))


def _platt(probability: Floats, outcome: NDArray[np.bool_], weights: Floats) -> Calibration:
    """Platt's curve by Newton's method, near the identity where data are few."""
    columns = np.column_stack([probability - 0.5, np.ones(len(probability))])
    # Around 1/2 the identity has slope 4. A prior of a few rows holds the slope there: separable
    # data would send it to infinity.
    prior, strength = np.array([4.0, 0.0]), np.array([0.05, 1e-6])
    at = prior.copy()
    for _ in range(_STEPS):
        fitted = 1.0 / (1.0 + np.exp(-columns @ at))
        slope = columns.T @ (weights * (fitted - outcome)) + strength * (at - prior)
        bend = (columns * (weights * fitted * (1.0 - fitted))[:, None]).T @ columns
        step = np.clip(np.linalg.solve(bend + np.diag(strength), slope), -4.0, 4.0)
        at = at - step
        if np.abs(step).max() < 1e-10:
            break
    # A slope below 0 would say the opposite of what the model says: then it knows nothing.
    steep = max(float(at[0]), 0.0)
    return Calibration("platt", slope=steep, intercept=float(at[1]) - 0.5 * steep)
