"""Information coefficient: does a feature rank the moves that follow it, and for how long."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, nan, sqrt
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dreammaker.domain.errors import InputError
from dreammaker.models.labels import PricePath
from dreammaker.validation.bootstrap import Estimate, interval, optimal_block_length, resampled

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

LEAST_ROWS = 30
"""Below this many rows no coefficient is given."""

# Two-sided critical values of a mean over its Newey-West error whose window is a share b of the
# rows: a polynomial in b, whose first term is the normal one (Kiefer and Vogelsang 2005, table 1,
# Bartlett; 0.99 fitted to 40 000 simulated series, b up to one half).
_CRITICAL = {0.90: (1.6448536269514722, 2.1859, 0.3142, -0.3427),
             0.95: (1.959963984540054, 2.9694, 0.4160, -0.5324),
             0.99: (2.5758293035489004, 4.9562, 3.0581, -5.0446)}


@dataclass(frozen=True, slots=True)
class Information:
    """Rank correlation of one feature with the moves after it.

    Attributes
    ----------
    name : str
    horizon_s : float
    coefficient : Estimate
        Spearman's, with its interval.
    t : float
        Coefficient over its error, of which the interval is as many as a normal one would be; NaN
        from the bootstrap and without an interval.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> feature = rng.normal(size=300)
    >>> found, t = information_coefficient(feature, feature + rng.normal(size=300))
    >>> Information("x", 10.0, found, t).is_significant
    True
    """

    name: str
    horizon_s: float
    coefficient: Estimate
    t: float

    @property
    def is_significant(self) -> bool:
        """Whether the interval leaves 0 out."""
        low, high = self.coefficient.ci
        return low > 0.0 or high < 0.0


def information_coefficient(
        feature: ArrayLike, moves: ArrayLike, *, overlap: int = 0,
        method: Literal["hac", "bootstrap"] = "hac", confidence: float = 0.95,
        rng: np.random.Generator | None = None, resamples: int = 1000) -> tuple[Estimate, float]:
    """Spearman's rank correlation with an interval that allows for dependent rows.

    Parameters
    ----------
    feature, moves : array_like of shape (n,)
        In order of time; rows where either is NaN are left out.
    overlap : int
        Rows by which neighbouring moves overlap, 0 or more: the horizon in rows, less one.
    method : {"hac", "bootstrap"}
        Newey and West's (1987) variance of the correlation's influence function; or the
        stationary block bootstrap of both columns together.
    confidence : float
        0.90, 0.95 or 0.99 with "hac"; anything between 0 and 1 with "bootstrap".
    rng : numpy.random.Generator, optional
        Needed by the bootstrap.
    resamples : int

    Returns
    -------
    tuple of (Estimate, float)
        The coefficient, and its t-value (NaN from the bootstrap). NaN with fewer than 30 rows or
        a constant column; no interval and no t where the window is longer than half the rows:
        moves that nearly all rows share say next to nothing.

    Raises
    ------
    InputError
        If the columns differ in length or a parameter is out of range.

    Notes
    -----
    With ranks u and v (standardised) the influence of a row is ``u v - rho (u^2 + v^2) / 2``. Lags
    of the Bartlett window: ``ceil(4 (n/100)^(2/9)) + 2 overlap``, so that moves which share time
    are covered with half their weight at least; a window that is a good part of the rows is paid
    for by wider intervals (Kiefer and Vogelsang 2005). On short samples of persistent columns the
    intervals stay somewhat too short: 85 to 95 % hold 0 instead of 95 %.

    Examples
    --------
    >>> x = np.random.default_rng(1).standard_normal(500)
    >>> found, t = information_coefficient(x, x + 1.0)
    >>> round(found.value, 6)
    1.0
    """
    try:
        x, y = (np.asarray(values, np.float64) for values in (feature, moves))
    except (TypeError, ValueError):
        raise InputError("feature and moves must hold numbers") from None
    if x.ndim != 1 or x.shape != y.shape:
        raise InputError(f"feature and moves must have one entry a row each, had shapes {x.shape} "
                         f"and {y.shape}")
    if overlap < 0:
        raise InputError(f"overlap must be 0 or more, was {overlap}")
    if method not in ("hac", "bootstrap"):
        raise InputError(f"method must be hac or bootstrap, was {method!r}")
    if method == "hac" and confidence not in _CRITICAL:
        raise InputError("confidence must be 0.9, 0.95 or 0.99 with hac, was "
                         f"{confidence!r}")
    known = ~(np.isnan(x) | np.isnan(y))
    u, v = standardised_ranks(x[known]), standardised_ranks(y[known])
    n = len(u)
    if n < LEAST_ROWS or not u.any() or not v.any():
        return Estimate(nan, (nan, nan), n, confidence, 1.0), nan
    rho = min(max(float(u @ v) / n, -1.0), 1.0)
    if method == "hac":
        lags = ceil(4.0 * (n / 100.0) ** (2.0 / 9.0)) + 2 * overlap
        if 2 * lags > n:
            return Estimate(rho, (nan, nan), n, confidence, 1.0), nan
        spread = _long_run_variance(u * v - 0.5 * rho * (u * u + v * v), lags)
        normal, *more = _CRITICAL[confidence]
        share = (lags + 1.0) / n
        wider = 1.0 + sum(c * share**k for k, c in enumerate(more, 1)) / normal
        error = wider * sqrt(spread / n)
        reach = normal * error
        ends = (max(rho - reach, -1.0), min(rho + reach, 1.0))
        return Estimate(rho, ends, n, confidence), rho / error if error > 0.0 else nan
    if rng is None:
        raise InputError("the bootstrap needs a generator: rng must be given")
    block = max(optimal_block_length(u * v), 2.0 * overlap + 1.0)
    rows = np.arange(float(n))
    draws = np.concatenate([
        np.array([_correlation(u[row], v[row]) for row in part.astype(np.int64)])
        for part in resampled(rows, block, resamples, rng)])
    ci, undefined = interval(draws, confidence)
    return Estimate(rho, ci, n, confidence, undefined), nan


def forward_moves(path: PricePath, decided_ns: Ints, horizon_s: float,
                  latency_s: float = 0.0) -> Floats:
    """Change of the mid from a decision's entry to a horizon after it, in points.

    Parameters
    ----------
    path : PricePath
    decided_ns : int64 array, shape (n,)
    horizon_s : float
        Above 0.
    latency_s : float
        From the decision to the entry, 0 or more.

    Returns
    -------
    float64 array, shape (n,)
        NaN where trading breaks off or the data end in between, or there is no price.
    """
    if not horizon_s > 0.0 or not latency_s >= 0.0:
        raise InputError("horizon_s must be above 0 and latency_s 0 or more, were "
                         f"{horizon_s!r} and {latency_s!r}")
    start = decided_ns + round(latency_s * 1e9)
    end = start + round(horizon_s * 1e9)
    first, last = path.rows_at(start), path.rows_at(end)
    at = np.maximum(first, 0)
    inside = ((first >= 0) & (path.segment[at] == path.segment[np.maximum(last, 0)])
              & (end <= path.segment_end[path.segment[at]]))
    mid = path.mid()
    return np.where(inside, (mid[np.maximum(last, 0)] - mid[at]) * path.tick_size, nan)


def information_decay(X: Floats, names: Sequence[str], moves: dict[float, Floats],
                      step_s: float) -> list[list[Information]]:
    """Information coefficients of features at several horizons.

    Parameters
    ----------
    X : float64 array, shape (n, features)
    names : sequence of str
    moves : dict of horizon in seconds to float64 array of shape (n,)
        See `forward_moves`.
    step_s : float
        Typical time between rows: tells by how many rows moves overlap.

    Returns
    -------
    list of list of Information
        One list a feature, horizons ascending.
    """
    if not step_s > 0.0:
        raise InputError(f"step_s must be above 0, was {step_s!r}")
    found = []
    for i, name in enumerate(names):
        row = []
        for horizon in sorted(moves):
            overlap = max(ceil(horizon / step_s) - 1, 0)
            row.append(Information(name, horizon, *information_coefficient(
                X[:, i], moves[horizon], overlap=overlap)))
        found.append(row)
    return found


def standardised_ranks(values: Floats) -> Floats:
    """Ranks, ties averaged, with mean 0 and mean square 1; all 0 where there is one value only.

    Examples
    --------
    >>> standardised_ranks(np.array([3.0, 1.0, 2.0])).round(4).tolist()
    [1.2247, -1.2247, 0.0]
    """
    if not len(values):
        return np.empty(0)
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    ranks = (last - 0.5 * (counts - 1))[inverse]
    centred = ranks - ranks.mean()
    spread = sqrt(float(centred @ centred) / len(values))
    return np.asarray(centred / spread) if spread > 0.0 else np.zeros(len(values))


def _long_run_variance(influence: Floats, lags: int) -> float:
    n = len(influence)
    centred = influence - influence.mean()
    # Autocovariances by one transform: the window may be long.
    size = 1 << (2 * n - 1).bit_length()
    spectrum = np.fft.rfft(centred, size)
    covariance = np.fft.irfft(spectrum * spectrum.conj(), size)[:lags + 1] / n
    weights = 1.0 - np.arange(1, lags + 1) / (lags + 1.0)
    return max(float(covariance[0] + 2.0 * (weights @ covariance[1:])), 0.0)


def _correlation(u: Floats, v: Floats) -> float:
    a, b = u - u.mean(), v - v.mean()
    spread = sqrt(float(a @ a) * float(b @ b))
    return float(a @ b) / spread if spread > 0.0 else nan
