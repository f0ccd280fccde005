"""Sharpe ratios and what deflates them, against published figures and slow recomputation."""

import subprocess
import sys
from itertools import pairwise
from math import inf, isnan, sqrt
from statistics import NormalDist

import numpy as np
import pytest
from scipy import stats

from dreammaker.validation import sharpe as module
from dreammaker.validation.sharpe import (
    annualisation_factor,
    autocorrelation,
    deflated_sharpe_ratio,
    estimate_sharpe,
    expected_maximum_sharpe,
    independent_trials,
    minimum_backtest_length,
    minimum_track_record_length,
    moments,
    probabilistic_sharpe_ratio,
    sharpe_ratio,
    sharpe_standard_error,
    sharpe_variance,
)

RETURNS = (0.01, -0.005, 0.02, -0.015, 0.003, -0.01, 0.012, 0.004)


def autoregressive(seed: int, n: int, rho: float) -> np.ndarray:
    noise = np.random.default_rng(seed).standard_normal(n)
    for i in range(1, n):
        noise[i] += rho * noise[i - 1]
    return noise


def test_sharpe_when_eight_returns_then_mean_over_deviation() -> None:
    # Exact decimal arithmetic gives 0.20135435411466625 and, for 252 periods, 3.1964012783246524.
    assert sharpe_ratio(RETURNS) == pytest.approx(0.20135435411466625, rel=1e-13)
    assert sharpe_ratio(RETURNS, periods=252) == pytest.approx(3.1964012783246524, rel=1e-13)
    assert sharpe_ratio(RETURNS, benchmark=0.002375) == pytest.approx(0.0, abs=1e-15)


@pytest.mark.parametrize(("skewness", "kurtosis", "expected"),
                         [(0.0, 3.0, 0.981675), (-2.448, 10.164, 0.913361)])
def test_psr_when_published_track_record_then_the_paper_s_value(
        skewness: float, kurtosis: float, expected: float) -> None:
    assert probabilistic_sharpe_ratio(0.458, 24, skewness=skewness, kurtosis=kurtosis) == (
        pytest.approx(expected, abs=5e-7))


@pytest.mark.parametrize(("periods", "skewness", "kurtosis", "observations", "years"), [
    (252, 0.0, 3.0, 688.208, 2.7310), (52, 0.0, 3.0, 147.099, 2.8288),
    (12, 0.0, 3.0, 38.878, 3.2398), (12, -0.72, 5.78, 59.895, 4.9913)])
def test_track_record_when_published_then_the_paper_s_years(
        periods: int, skewness: float, kurtosis: float, observations: float,
        years: float) -> None:
    found = minimum_track_record_length(2 / sqrt(periods), benchmark=1 / sqrt(periods),
                                        skewness=skewness, kurtosis=kurtosis)
    assert found == pytest.approx(observations, abs=5e-4)
    assert found / periods == pytest.approx(years, abs=5e-5)
    # At exactly that length the probabilistic ratio is the confidence.
    variance = sharpe_variance(2 / sqrt(periods), skewness, kurtosis)
    z = (1 / sqrt(periods)) * sqrt((found - 1) / variance)
    assert NormalDist().cdf(z) == pytest.approx(0.95, abs=1e-12)


def test_track_record_when_ratio_not_above_benchmark_then_infinite() -> None:
    assert minimum_track_record_length(0.1, benchmark=0.1) == inf


@pytest.mark.parametrize(("trials", "skewness", "kurtosis", "expected"), [
    (100, -3.0, 10.0, 0.9003968), (46, -3.0, 10.0, 0.9505017), (88, 0.0, 3.0, 0.9504908)])
def test_dsr_when_published_example_then_the_paper_s_value(
        trials: int, skewness: float, kurtosis: float, expected: float) -> None:
    assert deflated_sharpe_ratio(
        2.5 / sqrt(250), 1250, trials=trials, trial_variance=0.5 / 250, skewness=skewness,
        kurtosis=kurtosis) == pytest.approx(expected, abs=5e-8)


@pytest.mark.parametrize(("trials", "expected"), [
    (1, 0.0), (2, 0.5197553443), (5, 1.1925940010), (10, 1.5745983013), (20, 1.9007079512),
    (50, 2.2763030934), (100, 2.5306028932), (1000, 3.2551215137), (10000, 3.8606648555)])
def test_expected_maximum_when_unit_variance_then_known(trials: int, expected: float) -> None:
    assert expected_maximum_sharpe(trials) == pytest.approx(expected, abs=5e-11)
    assert expected_maximum_sharpe(trials, 0.25) == pytest.approx(expected / 2, abs=5e-11)


def test_expected_maximum_when_simulated_then_near() -> None:
    draws = np.random.default_rng(5).standard_normal((20_000, 50)).max(axis=1)
    error = draws.std() / sqrt(draws.size)
    # The theorem is an approximation: 2.2763 against the exact 2.2491 for fifty trials.
    assert abs(draws.mean() - 2.2491) < 4.0 * error
    assert expected_maximum_sharpe(50) == pytest.approx(draws.mean(), rel=0.02)
    assert expected_maximum_sharpe(100, 0.5 / 250) == pytest.approx(0.1131720019, abs=5e-11)


def test_expected_maximum_when_trials_grow_then_it_grows() -> None:
    values = [expected_maximum_sharpe(n) for n in np.linspace(1.0, 60.0, 400)]
    assert all(b >= a for a, b in pairwise(values))
    assert expected_maximum_sharpe(1e15) > 7.9


def test_standard_errors_when_published_then_lo_and_mertens() -> None:
    assert sqrt(sharpe_variance(0.1) / 1250) == pytest.approx(0.0283548938, abs=5e-11)
    assert sqrt(sharpe_variance(0.1, -3.0, 10.0) / 1249) == pytest.approx(0.0325399305, abs=5e-11)


def test_backtest_length_when_five_years_then_forty_five_trials() -> None:
    assert minimum_backtest_length(45) == pytest.approx(5.0, abs=0.05)
    assert minimum_backtest_length(45, 2.0) == pytest.approx(minimum_backtest_length(45) / 4.0)
    assert minimum_backtest_length(1) == 0.0


def test_independent_trials_when_correlated_then_between_one_and_all() -> None:
    matrix = np.random.default_rng(2).standard_normal((400, 6))
    correlation = np.corrcoef(matrix.T)
    mean = (correlation.sum() - 6) / 30
    assert independent_trials(matrix + 0.0) == pytest.approx(
        max(mean, 0) + (1 - max(mean, 0)) * 6, rel=1e-12)
    common = matrix + 3.0 * matrix[:, :1]
    mean = (np.corrcoef(common.T).sum() - 6) / 30
    assert independent_trials(common) == pytest.approx(mean + (1 - mean) * 6, rel=1e-12)
    assert independent_trials(np.repeat(matrix[:, :1], 7, axis=1)) == 1.0
    assert independent_trials(matrix[:, :1]) == 1.0


def test_moments_when_compared_then_scipy_s() -> None:
    sample = np.random.default_rng(4).gamma(2.0, size=300) * 1e-9
    assert moments(sample) == pytest.approx(
        (stats.skew(sample), stats.kurtosis(sample, fisher=False)), rel=1e-10)
    assert moments(np.full(9, 0.1)) == (0.0, 3.0)


def test_annualisation_when_autoregressive_then_lo_s_closed_form() -> None:
    rho, q = 0.3, 12
    closed = sqrt(q) / sqrt(1 + 2 * rho / (1 - rho) * (1 - (1 - rho**q) / (q * (1 - rho))))
    assert annualisation_factor(rho ** np.arange(1, 40), q) == pytest.approx(closed, rel=1e-12)
    assert closed < sqrt(q)
    assert isnan(annualisation_factor([-1.0], 12))


def test_standard_error_when_no_lags_then_mertens() -> None:
    sample = autoregressive(8, 500, 0.0) + 0.1
    skewness, kurtosis = moments(sample)
    plain = float(sample.mean() / sample.std())
    expected = sqrt(sharpe_variance(plain, skewness, kurtosis) / 500)
    assert sharpe_standard_error(sample, lags=0) == pytest.approx(expected, rel=1e-10)


def test_standard_error_when_autocorrelated_then_covers_the_truth() -> None:
    rho, n, z = 0.4, 400, 1.959964
    spread = 1.0 / sqrt(1.0 - rho * rho)
    aware = naive = 0
    for seed in range(300):
        sample = autoregressive(seed, n, rho) + 0.1
        value = sharpe_ratio(sample)
        aware += abs(value - 0.1 / spread) < z * sharpe_standard_error(sample)
        naive += abs(value - 0.1 / spread) < z * sharpe_standard_error(sample, lags=0)
    assert aware / 300 > 0.88
    assert naive / 300 < 0.84


def test_autocorrelation_when_computed_by_hand_then_equal() -> None:
    assert autocorrelation([1.0, 2.0, 4.0], 2) == pytest.approx([-1 / 42, -20 / 42])
    assert autocorrelation([3.0, 3.0, 3.0], 1).tolist() == [0.0]


@pytest.mark.parametrize("method", ["hac", "iid", "bootstrap"])
def test_estimate_when_asked_then_everything_comes_along(method: str) -> None:
    sample = autoregressive(3, 300, 0.2) + 0.1
    found = estimate_sharpe(sample, periods=252, method=method, trials=10,
                            rng=np.random.default_rng(1))
    assert found.value == pytest.approx(sharpe_ratio(sample, periods=252), rel=1e-12)
    assert found.ci[0] < found.value < found.ci[1]
    skewness, kurtosis = moments(sample)
    plain = sharpe_ratio(sample)
    assert found.psr == probabilistic_sharpe_ratio(plain, 300, skewness=skewness,
                                                   kurtosis=kurtosis)
    assert found.dsr == deflated_sharpe_ratio(plain, 300, trials=10, skewness=skewness,
                                              kurtosis=kurtosis)
    assert 0.0 < found.dsr < found.psr < 1.0
    assert (found.n, found.trials, found.method) == (300, 10, method)
    again = estimate_sharpe(sample, periods=252, method=method, trials=10,
                            rng=np.random.default_rng(1))
    assert again == found


@pytest.mark.parametrize("returns", [[], [0.1], [0.1] * 50, [0.0] * 50])
def test_estimate_when_short_or_constant_then_nan_and_count(returns: list[float]) -> None:
    found = estimate_sharpe(returns)
    assert found.n == len(returns)
    assert all(isnan(v) for v in (found.value, *found.ci, found.psr, found.dsr))
    assert isnan(sharpe_ratio(returns))


def test_estimate_when_fewer_than_five_then_value_without_interval() -> None:
    found = estimate_sharpe([1.0, -0.5, 2.0])
    assert found.value > 0 and 0 < found.psr < 1
    assert isnan(found.ci[0]) and isnan(found.ci[1])


@pytest.mark.parametrize(("call", "message"), [
    (lambda: sharpe_ratio([1.0, float("nan")]), "returns must hold finite numbers, was nan at "
                                                "index 1"),
    (lambda: sharpe_ratio([1.0, inf]), "was inf at index 1"),
    (lambda: sharpe_ratio("abc"), "returns must hold numbers, was str"),
    (lambda: sharpe_ratio([[1.0], [2.0]]), "returns must have 1 dimension, had shape"),
    (lambda: sharpe_ratio([1.0, 2.0], periods=0), "periods must be above 0, was 0"),
    (lambda: estimate_sharpe([1.0, 2.0], method="x"), 'method must be "hac", "iid" or'),
    (lambda: estimate_sharpe([1.0, 2.0], method="bootstrap"), "rng must be given"),
    (lambda: estimate_sharpe([1.0] * 9 + [2.0], method="bootstrap", rng=7),
     "rng must be a numpy.random.Generator, was 7"),
    (lambda: estimate_sharpe([1.0, 2.0], trials=0), "trials must be 1 or more, was 0"),
    (lambda: estimate_sharpe([1.0, 2.0], confidence=1.0), "confidence must lie between 0 and 1"),
    (lambda: probabilistic_sharpe_ratio(0.1, 1), "n must be 2 or more, was 1"),
    (lambda: probabilistic_sharpe_ratio(0.1, 10.5), "n must be a whole number, was 10.5"),
    (lambda: probabilistic_sharpe_ratio(0.1, 10, skewness=-3.0, kurtosis=7.0),
     "kurtosis must be at least 1 \\+ skewness\\^2 = 10"),
    (lambda: expected_maximum_sharpe(0.5), "trials must be 1 or more, was 0.5"),
    (lambda: expected_maximum_sharpe(5, -1.0), "trial_variance must be 0 or more, was -1"),
    (lambda: minimum_backtest_length(5, 0.0), "target must be above 0, was 0"),
    (lambda: annualisation_factor([1.5], 12), "autocorrelations must lie in \\[-1, 1\\], was 1.5"),
    (lambda: autocorrelation([1.0, 2.0], 2), "lags must be below the number of returns 2, was 2"),
    (lambda: independent_trials([1.0, 2.0]), "returns must have 2 dimensions"),
])
def test_parameters_when_bad_then_one_clear_sentence(call, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()


def test_figures_when_imported_then_nothing_heavy_comes_along() -> None:
    heavy = {"pandas", "sklearn", "scipy", "plotly"}
    code = ("import sys, dreammaker.validation\n"
            f"print(sorted({heavy!r} & set(sys.modules)))")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
    assert set(module.__all__) <= set(vars(module))
