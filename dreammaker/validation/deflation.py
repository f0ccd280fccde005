"""How much a Sharpe ratio proves: probabilistic and deflated ratio, and the lengths they need.

All ratios are per period (not annualised). Bailey and Lopez de Prado 2012, "The Sharpe ratio
efficient frontier" (probabilistic ratio, minimum track record); the same 2014, "The deflated Sharpe
ratio"; Bailey, Borwein, Lopez de Prado and Zhu 2014, "Pseudo-mathematics and financial
charlatanism" (minimum backtest length). Imports NumPy and the standard library only.
"""

from math import e, erfc, inf, sqrt
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike

from dreammaker.validation import _checks

EULER_GAMMA = 0.5772156649015329
_NORMAL = NormalDist()



def normal_cdf(x: float) -> float:
    """Standard normal distribution function, accurate in both tails."""
    return 0.5 * erfc(-x / sqrt(2.0))


def sharpe_variance(sharpe: float, skewness: float = 0.0, kurtosis: float = 3.0) -> float:
    """Variance of the ratio times n, ``1 - g3 SR + (g4 - 1) SR^2 / 4`` (Mertens 2002).

    Parameters
    ----------
    sharpe : float
        Per period.
    skewness, kurtosis : float
        Kurtosis is raw: 3 for a normal distribution; Lo's ``1 + SR^2 / 2`` follows then.

    Raises
    ------
    ValueError
        If no distribution has these moments (kurtosis below ``1 + skewness^2``).

    Examples
    --------
    >>> round((sharpe_variance(0.1) / 1250) ** 0.5, 10)
    0.0283548938
    """
    sharpe = _checks.finite("sharpe", sharpe)
    skewness = _checks.finite("skewness", skewness)
    kurtosis = _checks.finite("kurtosis", kurtosis)
    least = 1.0 + skewness * skewness
    if kurtosis < least * (1.0 - 1e-9):
        raise ValueError(f"kurtosis must be at least 1 + skewness^2 = {least:g} (raw, 3 for a "
                         f"normal distribution), was {kurtosis}")
    return max(1.0 - skewness * sharpe + 0.25 * (kurtosis - 1.0) * sharpe * sharpe, 0.0)


def probabilistic_sharpe_ratio(sharpe: float, n: int, *, benchmark: float = 0.0,
                               skewness: float = 0.0, kurtosis: float = 3.0) -> float:
    """Probability that the true Sharpe ratio is above a benchmark (Bailey, Lopez de Prado 2012).

    Parameters
    ----------
    sharpe : float
        Observed ratio per period.
    n : int
        Observations it was measured on, 2 or more.
    benchmark : float
        Ratio per period to beat.
    skewness, kurtosis : float
        Of the observations; raw kurtosis, 3 for a normal distribution.

    Returns
    -------
    float
        Between 0 and 1.

    Examples
    --------
    >>> round(probabilistic_sharpe_ratio(0.458, 24, skewness=-2.448, kurtosis=10.164), 6)
    0.913361
    """
    n = _checks.count("n", n, 2)
    variance = sharpe_variance(sharpe, skewness, kurtosis)
    distance = sharpe - _checks.finite("benchmark", benchmark)
    if variance == 0.0:
        return 0.5 if distance == 0.0 else float(distance > 0.0)
    return normal_cdf(distance * sqrt((n - 1) / variance))


def expected_maximum_sharpe(trials: float, trial_variance: float = 1.0) -> float:
    """Best Sharpe ratio to expect from worthless strategies (false strategy theorem).

    ``sqrt(V) ((1 - g) z(1 - 1/N) + g z(1 - 1/(N e)))`` with Euler's g; the approximation is poor
    for two or three trials.

    Parameters
    ----------
    trials : float
        Independent strategies tried, 1 or more; see `independent_trials`.
    trial_variance : float
        Variance of the ratios over the trials, in the unit wanted for the result squared.

    Returns
    -------
    float
        0 for one trial, and wherever the approximation would fall below it.

    Examples
    --------
    >>> round(expected_maximum_sharpe(100), 10)
    2.5306028932
    """
    trials = _checks.finite("trials", trials)
    if trials < 1.0:
        raise ValueError(f"trials must be 1 or more, was {trials}")
    scale = sqrt(_checks.not_negative("trial_variance", trial_variance))
    if trials == 1.0:
        return 0.0
    # The upper tail by symmetry: 1 - 1/N loses digits for large N.
    best = (-(1.0 - EULER_GAMMA) * _NORMAL.inv_cdf(1.0 / trials)
            - EULER_GAMMA * _NORMAL.inv_cdf(1.0 / trials / e))
    return scale * max(best, 0.0)


def deflated_sharpe_ratio(sharpe: float, n: int, *, trials: float,
                          trial_variance: float | None = None, skewness: float = 0.0,
                          kurtosis: float = 3.0) -> float:
    """Probability that a ratio beats the best of as many worthless trials (2014).

    Parameters
    ----------
    sharpe : float
        Ratio per period of the strategy that was chosen.
    n : int
        Observations, 2 or more.
    trials : float
        Independent strategies tried, the chosen one included.
    trial_variance : float, optional
        Variance over the trials of their ratios per period. If absent, ``1 / (n - 1)``: what
        worthless strategies on this many observations have.
    skewness, kurtosis : float
        Of the observations; raw kurtosis.

    Returns
    -------
    float
        Between 0 and 1.

    Examples
    --------
    >>> round(deflated_sharpe_ratio(2.5 / 250 ** 0.5, 1250, trials=100, trial_variance=0.5 / 250,
    ...                             skewness=-3, kurtosis=10), 7)
    0.9003968
    """
    n = _checks.count("n", n, 2)
    variance = 1.0 / (n - 1) if trial_variance is None else trial_variance
    return probabilistic_sharpe_ratio(
        sharpe, n, benchmark=expected_maximum_sharpe(trials, variance), skewness=skewness,
        kurtosis=kurtosis)


def independent_trials(returns: ArrayLike) -> float:
    """Number of independent trials that as many correlated ones amount to (2014, appendix).

    ``r + (1 - r) M`` with r the average correlation between the M strategies.

    Parameters
    ----------
    returns : array of float, shape (n, M)
        One column a strategy.

    Returns
    -------
    float
        Between 1 and M. An average correlation below 0 counts as 0, and a strategy that never
        varies as uncorrelated.

    Examples
    --------
    >>> column = np.arange(5.0)
    >>> independent_trials(np.column_stack([column, column, column]))
    1.0
    """
    matrix = _checks.series("returns", returns, dimensions=2)
    count = matrix.shape[1]
    if matrix.shape[0] < 2 or count < 1:
        raise ValueError(f"returns must have two rows and a column or more, had {matrix.shape}")
    if count == 1:
        return 1.0
    centred = matrix - matrix.mean(axis=0)
    constant = (matrix == matrix[0]).all(axis=0)
    norm = np.sqrt((centred * centred).sum(axis=0))
    unit = np.where(constant | (norm == 0.0), 0.0, centred / np.where(norm == 0.0, 1.0, norm))
    # The sum over all pairs without the M x M matrix.
    pairs = float((unit.sum(axis=1) ** 2).sum()) - float((unit * unit).sum())
    correlation = min(max(pairs / (count * (count - 1)), 0.0), 1.0)
    # Rounding of the pairs must not make identical columns a little more than one trial.
    if correlation > 1.0 - 1e-12:
        return 1.0
    return float(correlation + (1.0 - correlation) * count)


def minimum_track_record_length(sharpe: float, *, benchmark: float = 0.0, skewness: float = 0.0,
                                kurtosis: float = 3.0, confidence: float = 0.95) -> float:
    """Observations needed to say that a ratio is above a benchmark (2012, eq. 13).

    Parameters
    ----------
    sharpe, benchmark : float
        Per period.
    skewness, kurtosis : float
        Of the observations; raw kurtosis.
    confidence : float
        One-sided, between 0 and 1.

    Returns
    -------
    float
        Number of observations, not rounded; infinite where the ratio is not above the benchmark.

    Examples
    --------
    >>> round(minimum_track_record_length(2 / 252 ** 0.5, benchmark=1 / 252 ** 0.5), 3)
    688.208
    """
    variance = sharpe_variance(sharpe, skewness, kurtosis)
    distance = sharpe - _checks.finite("benchmark", benchmark)
    z = _NORMAL.inv_cdf(_checks.probability("confidence", confidence))
    if distance <= 0.0:
        return inf
    steps = z / distance
    # A product does not raise where it leaves the range of a double, a power does.
    return 1.0 + variance * (steps * steps)


def minimum_backtest_length(trials: float, target: float = 1.0) -> float:
    """Years below which the best of as many worthless trials shows such a ratio (2014).

    ``(E[max of N standard normals] / target)^2``, below ``2 ln(N) / target^2``.

    Parameters
    ----------
    trials : float
        Independent strategies tried, 1 or more.
    target : float
        Annual Sharpe ratio, above 0. With a ratio per period the result is a number of periods.

    Returns
    -------
    float
        0 for one trial.

    Examples
    --------
    >>> round(minimum_backtest_length(45), 1)
    5.0
    """
    ratio = expected_maximum_sharpe(trials) / _checks.positive("target", target)
    return ratio * ratio
