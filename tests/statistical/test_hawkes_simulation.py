"""Simulated processes against theory: mean rates, dispersion, and reference D.12's target."""

import numpy as np
import pytest

from dreammaker.hawkes import (
    ExponentialKernel,
    MultivariateHawkes,
    SumExponentialKernel,
    UnivariateHawkes,
    simulate_exponential,
    simulate_power_law,
    simulate_sum_exponential,
)


def count_within(count, rate, ratio, duration, sigmas=4.0):
    # Long-window variance of a stationary process's count: rate T / (1 - n)^2; starting empty
    # costs a constant number of events, far below it.
    return abs(count - rate * duration) < sigmas * np.sqrt(rate * duration) / (1 - ratio)


@pytest.mark.parametrize("method", ["thinning", "exact"])
def test_oracle_d12_simulation(method):
    # Null: the true process (0.5, 0.8, 1.2) over 5 000 s, mean count 7 500.
    times = simulate_exponential(0.5, 0.8, 1.2, 5_000.0, np.random.default_rng(12345),
                                 method=method)
    assert count_within(len(times), 1.5, 2 / 3, 5_000.0)
    truth = UnivariateHawkes(ExponentialKernel(0.8, 1.2), mu=0.5)
    fit = UnivariateHawkes("exponential").fit(times, 5_000.0)
    # Three parameters: twice the gain is chi-square(3), below 16.3 with 99.9 %.
    gain = fit.log_likelihood - truth.log_likelihood(times, 5_000.0)
    assert 0.0 <= gain < 8.15
    for name, value in (("mu", 0.5), ("alpha", 0.8), ("beta", 1.2)):
        assert abs(getattr(fit, name) - value) < 4 * fit.standard_errors[name]


@pytest.mark.parametrize("method", ["thinning", "exact"])
@pytest.mark.parametrize("ratio", [0.2, 0.6, 0.9])
def test_mean_rate_and_dispersion(method, ratio):
    duration = 60_000.0
    times = simulate_exponential(0.4, 2.0 * ratio, 2.0, duration, np.random.default_rng(8),
                                 method=method)
    assert count_within(len(times), 0.4 / (1 - ratio), ratio, duration)
    counts = np.histogram(times, np.arange(1_000.0, duration + 1, 200.0))[0]
    # Null: Fano factor 1 / (1 - n)^2; 295 windows know it to about 8 % each way.
    fano = counts.var(ddof=1) / counts.mean()
    assert 0.65 < fano * (1 - ratio) ** 2 < 1.35


def test_generators_vary():
    one, two = (simulate_exponential(0.5, 0.8, 1.2, 100.0, np.random.default_rng(seed))
                for seed in (1, 2))
    assert len(one) != len(two) or not np.array_equal(one, two)


def test_power_law_and_its_sum_have_one_law():
    # Null: both have mean rate 0.5 / (1 - 0.3); the sum's kernel is within 1e-3 of the law.
    exact = simulate_power_law(0.5, 0.9, 2.0, 2.5, 40_000.0, np.random.default_rng(1))
    nodes = np.exp(np.linspace(np.log(1e-4), np.log(25.0), 60))
    step = np.log(nodes[1] / nodes[0])
    weights = 0.9 * nodes**2.5 * np.exp(-nodes) * step / 1.3293403881791370
    mixed = simulate_sum_exponential(0.5, weights, 2.0 * nodes, 40_000.0, np.random.default_rng(2))
    for times in (exact, mixed):
        assert count_within(len(times), 0.5 / 0.7, 0.3, 40_000.0)
    short = [np.mean(np.diff(times) < 0.2) for times in (exact, mixed)]
    assert abs(short[0] - short[1]) < 4 * np.sqrt(2 * 0.25 / len(exact))


def test_hardiman_bercot_bouchaud_kernel_is_simulated():
    kernel = SumExponentialKernel.hardiman_bercot_bouchaud(0.5, 0.3, 0.1, points=6)
    times = UnivariateHawkes(kernel, mu=0.5).simulate(40_000.0, np.random.default_rng(3))
    assert count_within(len(times), 1.0, 0.5, 40_000.0)


def test_stepwise_base_rate_is_followed():
    times = simulate_sum_exponential([4.0, 1.0, 2.0], [0.5], [1.0], 30_000.0,
                                     np.random.default_rng(4), knots=[0, 1e4, 2e4, 3e4])
    counts = np.histogram(times, [0, 1e4, 2e4, 3e4])[0]
    for count, base in zip(counts, (4.0, 1.0, 2.0), strict=True):
        assert count_within(count, 2 * base, 0.5, 1e4)


@pytest.mark.parametrize("beta", [1.5, [[1.5, 1.0], [0.8, 2.0]]])
def test_multivariate_mean_rates(beta):
    model = MultivariateHawkes([0.3, 0.2], [[0.6, 0.2], [0.4, 0.5]], beta)
    events = model.simulate(60_000.0, np.random.default_rng(5))
    # Null: counts have the long-window covariance (I-G)^-1 diag(rates) (I-G)^-T T.
    spread = np.linalg.inv(np.eye(2) - model.branching_matrix)
    deviation = np.sqrt(np.diag(spread @ np.diag(model.mean_rates) @ spread.T) * 60_000.0)
    counts = np.array([len(part) for part in events])
    assert (np.abs(counts - model.mean_rates * 60_000.0) < 4 * deviation).all()


def test_initial_excitation_decays_as_said():
    counts = [len(simulate_exponential(0.5, 0.8, 2.0, 400.0, np.random.default_rng(seed),
                                       initial_excitation=20.0)) for seed in range(200)]
    # Null: excitation 20 adds 20 / 2 events, each of them with descendants 1 / (1 - 0.4).
    mean = 400.0 * 0.5 / 0.6 - 0.5 * 0.4 / (2.0 * 0.6**2) + 10 / 0.6
    assert abs(np.mean(counts) - mean) < 4 * np.std(counts) / np.sqrt(200)
