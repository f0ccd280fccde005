"""What the overfitting statistics say of worthless strategies, over many seeds."""

from math import sqrt

import numpy as np
from scipy.stats import binomtest

from dreammaker.validation import (
    deflated_sharpe_ratio,
    expected_maximum_sharpe,
    probability_of_backtest_overfitting,
    sharpe_ratio,
)


def test_pbo_when_noise_then_near_one_half() -> None:
    """Null: E[PBO] = 1/2 for independent noise and an even number of strategies."""
    values = np.array([probability_of_backtest_overfitting(
        np.random.default_rng(seed).standard_normal((160, 20)), 8).pbo for seed in range(400)])
    assert values.std() > 0.05
    error = values.std() / sqrt(values.size)
    assert abs(values.mean() - 0.5) < 3.3 * error
    assert error < 0.015


def test_pbo_when_noise_is_skewed_and_strategies_are_odd_then_the_median_counts_too() -> None:
    """Null: E[PBO] = (N + 1) / 2N, since the middle rank has logit 0; N = 5 gives 0.6.

    The halves of one choice share no row, so the chosen one's rank on the other is uniform.
    """
    values = np.array([probability_of_backtest_overfitting(
        np.random.default_rng(seed).exponential(size=(60, 5)) - 1.0, 6, "mean").pbo
        for seed in range(1500)])
    error = values.std() / sqrt(values.size)
    assert abs(values.mean() - 0.6) < 3.3 * error
    assert error < 0.01


def test_dsr_when_the_best_of_noise_is_taken_then_rarely_passes() -> None:
    """Null: the best of 50 worthless strategies passes DSR >= 0.95 in no more than 5 %."""
    passed = naive = 0
    for seed in range(300):
        days = np.random.default_rng(seed).standard_normal((250, 50))
        ratios = np.array([sharpe_ratio(column) for column in days.T])
        best = float(ratios.max())
        passed += deflated_sharpe_ratio(best, 250, trials=50,
                                        trial_variance=float(ratios.var(ddof=1))) >= 0.95
        naive += deflated_sharpe_ratio(best, 250, trials=1) >= 0.95
    assert binomtest(passed, 300, 0.05, alternative="greater").pvalue > 0.01
    assert naive > 150
    assert expected_maximum_sharpe(50, 1 / 249) > 0.13
