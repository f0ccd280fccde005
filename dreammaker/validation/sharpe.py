"""The Sharpe ratio and what must be known before one is believed.

Ratios are per period (not annualised) unless a parameter says otherwise. Lo 2002, "The statistics
of Sharpe ratios"; probabilistic and deflated ratios stand in `deflation` and are named here too.
Imports NumPy and the standard library only.
"""

from dataclasses import dataclass
from math import floor, nan, sqrt
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike

from dreammaker.validation import _checks
from dreammaker.validation._checks import Floats
from dreammaker.validation.bootstrap import (
    LEAST_OBSERVATIONS,
    interval,
    optimal_block_length,
    resampled,
)
from dreammaker.validation.deflation import (
    deflated_sharpe_ratio,
    expected_maximum_sharpe,
    independent_trials,
    minimum_backtest_length,
    minimum_track_record_length,
    probabilistic_sharpe_ratio,
    sharpe_variance,
)

__all__ = ["SharpeEstimate", "annualisation_factor", "autocorrelation", "deflated_sharpe_ratio",
           "estimate_sharpe", "expected_maximum_sharpe", "independent_trials",
           "minimum_backtest_length", "minimum_track_record_length", "moments",
           "probabilistic_sharpe_ratio", "sharpe_ratio", "sharpe_standard_error", "sharpe_values",
           "sharpe_variance"]

_NORMAL = NormalDist()


@dataclass(frozen=True, slots=True)
class SharpeEstimate:
    """A Sharpe ratio with everything it must be shown with.

    Attributes
    ----------
    value : float
        Ratio, times the square root of `periods`; NaN below two observations or if all are equal.
    ci : tuple of float
        Two-sided interval in the same unit; NaN below five observations.
    psr : float
        Probability that the true ratio is above 0, given length, skew and kurtosis.
    dsr : float
        The same against the best ratio expected from `trials` worthless strategies. Equals `psr`
        for one trial.
    n : int
        Observations.
    trials : float
        Independent strategies tried.
    periods : float
        Periods a year that `value` and `ci` are scaled by; 1 is no scaling.
    confidence : float
        Of `ci`.
    method : str
        How `ci` was found: "hac", "iid" or "bootstrap".
    skewness, kurtosis : float
        Of the observations; a normal distribution has kurtosis 3.
    """

    value: float
    ci: tuple[float, float]
    psr: float
    dsr: float
    n: int
    trials: float
    periods: float
    confidence: float
    method: str
    skewness: float
    kurtosis: float

    def __str__(self) -> str:
        return (f"{self.value:.2f} [{self.ci[0]:.2f}, {self.ci[1]:.2f}] "
                f"PSR {self.psr:.3f} DSR {self.dsr:.3f} (n={self.n}, trials={self.trials:g})")


def sharpe_values(returns: Floats, benchmark: float = 0.0) -> Floats:
    """Mean over standard deviation (ddof 1) along the last axis; NaN where nothing varies.

    Parameters
    ----------
    returns : array of float, shape (..., n)
    benchmark : float
        Return a period that counts as zero.
    """
    shape = returns.shape[:-1]
    if returns.shape[-1] < 2:
        return np.full(shape, nan)
    constant = (returns == returns[..., :1]).all(axis=-1)
    deviation = np.asarray(returns.std(axis=-1, ddof=1))
    mean = np.asarray(returns.mean(axis=-1) - benchmark)
    ratio: Floats = np.divide(mean, deviation, out=np.full(shape, nan),
                              where=~constant & (deviation > 0.0))
    return ratio


def sharpe_ratio(returns: ArrayLike, *, benchmark: float = 0.0, periods: float = 1.0) -> float:
    """Sharpe ratio alone, for arithmetic; what is shown to people is a `SharpeEstimate`.

    Parameters
    ----------
    returns : array of float, shape (n,)
        Profit or return of each period. A missing value is an error: periods without trading are
        zeros.
    benchmark : float
        Return a period that counts as zero.
    periods : float
        Periods a year; 1 leaves the ratio per period.

    Returns
    -------
    float
        NaN below two observations or where all are equal.

    Examples
    --------
    >>> round(sharpe_ratio([0.01, -0.005, 0.02, -0.015, 0.003, -0.01, 0.012, 0.004]), 10)
    0.2013543541
    """
    series = _checks.series("returns", returns)
    scale = sqrt(_checks.positive("periods", periods))
    return scale * float(sharpe_values(series, _checks.finite("benchmark", benchmark)))


def moments(returns: Floats) -> tuple[float, float]:
    """Skewness and raw kurtosis (normal 3) of the sample; (0, 3) where nothing varies."""
    if returns.size < 2 or bool((returns == returns[0]).all()):
        return 0.0, 3.0
    centred = returns - returns.mean()
    # Scaled first, so that neither tiny returns nor large profits leave the range of a double.
    centred = centred / np.abs(centred).max()
    # Of nearly equal values the mean's own rounding would be a good part of what is left.
    centred = centred - centred.mean()
    square = centred * centred
    variance = float(square.mean())
    skewness = float((square * centred).mean()) / variance ** 1.5
    return skewness, float((square * square).mean()) / variance ** 2


def annualisation_factor(autocorrelations: ArrayLike, periods: int) -> float:
    """What a ratio per period is multiplied by for q periods (Lo 2002, eq. 20).

    ``q / sqrt(q + 2 sum_k (q - k) rho_k)``: the square root of q where nothing is correlated; less
    where profits trend, which a plain square root flatters.

    Parameters
    ----------
    autocorrelations : array of float, shape (lags,)
        From lag 1 on; lags beyond the array count as 0, lags of q or more are not used.
    periods : int
        q, 1 or more.

    Returns
    -------
    float
        NaN where the autocorrelations are of no process (a variance of 0 or less).

    Examples
    --------
    >>> annualisation_factor([], 256)
    16.0
    """
    q = _checks.count("periods", periods)
    rho = _checks.series("autocorrelations", autocorrelations)[:q - 1]
    if (np.abs(rho) > 1.0).any():
        raise ValueError(f"autocorrelations must lie in [-1, 1], was "
                         f"{rho[np.abs(rho) > 1.0][0]:g}")
    variance = q + 2.0 * float((q - np.arange(1, rho.size + 1)) @ rho)
    return q / sqrt(variance) if variance > 0.0 else nan


def autocorrelation(returns: ArrayLike, lags: int) -> Floats:
    """Sample autocorrelations at lags 1 to `lags` (biased, so that they are of a process).

    Parameters
    ----------
    returns : array of float, shape (n,)
    lags : int
        0 or more, below n.

    Returns
    -------
    ndarray of float64, shape (lags,)
        Zeros where nothing varies.
    """
    series = _checks.series("returns", returns)
    lags = _checks.count("lags", lags, 0)
    if lags >= max(series.size, 1):
        raise ValueError(f"lags must be below the number of returns {series.size}, was {lags}")
    centred = series - series.mean() if series.size else series
    total = float(centred @ centred)
    if total == 0.0 or bool((series == series[0]).all()):
        return np.zeros(lags)
    return np.array([float(centred[:-k] @ centred[k:]) / total for k in range(1, lags + 1)])


def sharpe_standard_error(returns: ArrayLike, *, lags: int | None = None) -> float:
    """Standard error of the ratio per period under autocorrelation (Lo 2002, section on GMM).

    The delta method over mean and variance with their Newey-West long-run covariance (Bartlett
    weights), which comes down to the long-run variance of the ratio's influence function. With no
    lags it is Mertens' formula.

    Parameters
    ----------
    returns : array of float, shape (n,)
    lags : int, optional
        Newey and West's ``floor(4 (n / 100)^(2/9))`` if absent.

    Returns
    -------
    float
        NaN below five observations or where nothing varies.

    Examples
    --------
    >>> trending = np.cumsum(np.random.default_rng(3).standard_normal(500)) * 0.1
    >>> sharpe_standard_error(trending) > 2.0 * sharpe_standard_error(trending, lags=0)
    True
    """
    series = _checks.series("returns", returns)
    n = series.size
    if n < LEAST_OBSERVATIONS or bool((series == series[0]).all()):
        return nan
    reach = floor(4.0 * (n / 100.0) ** (2.0 / 9.0)) if lags is None else lags
    reach = min(_checks.count("lags", reach, 0), n - 1)
    centred = series - series.mean()
    z = centred / sqrt(float(centred @ centred) / n)
    influence = z - 0.5 * float(series.mean() / series.std()) * (z * z - 1.0)
    variance = float(influence @ influence)
    for k in range(1, reach + 1):
        variance += 2.0 * (1.0 - k / (reach + 1)) * float(influence[:-k] @ influence[k:])
    return sqrt(max(variance, 0.0)) / n


def estimate_sharpe(returns: ArrayLike, *, benchmark: float = 0.0, periods: float = 1.0,
                    confidence: float = 0.95, method: str = "hac", lags: int | None = None,
                    trials: float = 1.0, trial_variance: float | None = None,
                    rng: np.random.Generator | None = None, resamples: int = 1000,
                    block: float | None = None) -> SharpeEstimate:
    """A Sharpe ratio with interval, probabilistic and deflated ratio.

    Parameters
    ----------
    returns : array of float, shape (n,)
        Net profit or return of each period, periods without trading included as zeros.
    benchmark : float
        Return a period that counts as zero.
    periods : float
        Periods a year that value and interval are scaled by (252 for days); 1 leaves them alone.
    confidence : float
        Of the two-sided interval.
    method : str
        "hac" (normal interval, standard error under autocorrelation), "iid" (the same without
        lags) or "bootstrap" (stationary blocks, percentile).
    lags : int, optional
        For "hac"; see `sharpe_standard_error`.
    trials : float
        Independent strategies tried before this one was chosen, itself included.
    trial_variance : float, optional
        Variance of the trials' ratios per period; ``1 / (n - 1)`` if absent.
    rng : numpy.random.Generator, optional
        Needed by "bootstrap".
    resamples, block
        For "bootstrap"; the block is chosen by `optimal_block_length` if absent.

    Returns
    -------
    SharpeEstimate
        Everything NaN below two observations or where all are equal; no interval below five.

    Raises
    ------
    ValueError
        If a return is not finite or a parameter is out of range.

    Examples
    --------
    >>> days = np.random.default_rng(1).normal(0.05, 1.0, 500)
    >>> print(estimate_sharpe(days, periods=252, trials=20))
    0.25 [-0.99, 1.49] PSR 0.636 DSR 0.060 (n=500, trials=20)
    """
    series = _checks.series("returns", returns) - _checks.finite("benchmark", benchmark)
    scale = sqrt(_checks.positive("periods", periods))
    confidence = _checks.probability("confidence", confidence)
    if method not in ("hac", "iid", "bootstrap"):
        raise ValueError(f'method must be "hac", "iid" or "bootstrap", was {method!r}')
    if method == "bootstrap" and rng is None:
        raise ValueError('rng must be given for method "bootstrap"')
    # Parameters are checked whether or not there is enough to use them on.
    expected_maximum_sharpe(trials, 1.0 if trial_variance is None else trial_variance)
    ratio = float(sharpe_values(series))
    n = series.size
    if ratio != ratio:
        return SharpeEstimate(nan, (nan, nan), nan, nan, n, trials, periods, confidence, method,
                              nan, nan)
    skewness, kurtosis = moments(series)
    psr = probabilistic_sharpe_ratio(ratio, n, skewness=skewness, kurtosis=kurtosis)
    dsr = deflated_sharpe_ratio(ratio, n, trials=trials, trial_variance=trial_variance,
                                skewness=skewness, kurtosis=kurtosis)
    if n < LEAST_OBSERVATIONS:
        ci = nan, nan
    elif method == "bootstrap":
        source = _checks.generator(rng)  # type: ignore[arg-type]
        length = optimal_block_length(series) if block is None else block
        draws = np.concatenate([sharpe_values(sample) for sample in resampled(
            series, length, _checks.count("resamples", resamples), source)])
        ci = interval(draws, confidence)[0]
    else:
        z = _NORMAL.inv_cdf(0.5 + 0.5 * confidence)
        error = sharpe_standard_error(series, lags=0 if method == "iid" else lags)
        ci = ratio - z * error, ratio + z * error
    return SharpeEstimate(scale * ratio, (scale * ci[0], scale * ci[1]), psr, dsr, n, trials,
                          periods, confidence, method, skewness, kurtosis)
