"""Samplers: the law of what they draw, bounds on work and memory, the same bits for a seed."""

import hashlib

import numpy as np
import pytest
from scipy import stats

from dreammaker._ext.hawkes_thinning import (
    ExactSampler,
    ExponentialThinning,
    PowerLawClusters,
    ThinningSampler,
)
from dreammaker.hawkes.simulation import simulate_exponential, simulate_multivariate


def filled(sampler, chunk):
    parts, buffer = [], np.empty(chunk)
    while not sampler.finished:
        count = sampler.fill(buffer)
        parts.append(buffer[:count].copy())
    return np.concatenate(parts)


@pytest.mark.parametrize("kind", [ExponentialThinning, ExactSampler])
def test_buffers_of_any_size_give_the_same_events(kind):
    whole = filled(kind(0.5, 0.8, 1.2, 0.3, 800.0, 7), 100_000)
    assert len(whole) > 500
    for chunk in (1, 7, 64):
        np.testing.assert_array_equal(filled(kind(0.5, 0.8, 1.2, 0.3, 800.0, 7), chunk), whole)


@pytest.mark.parametrize("method", ["thinning", "exact"])
def test_without_excitation_a_poisson_process(method):
    times = simulate_exponential(2.0, 0.0, 1.0, 20_000.0, np.random.default_rng(3), method=method)
    # Null: waits are exponential of mean 1/2.
    assert stats.kstest(np.diff(times, prepend=0.0), "expon", args=(0, 0.5)).pvalue > 1e-3


@pytest.mark.parametrize("method", ["thinning", "exact"])
def test_residuals_of_the_true_model_are_exponential(method):
    for seed in range(3):
        times = simulate_exponential(0.5, 0.8, 1.2, 8_000.0, np.random.default_rng(seed),
                                     method=method, initial_excitation=2.0)
        gaps = np.diff(times, prepend=0.0)
        a, x, residuals = 0.0, 2.0, []
        for gap in gaps:
            fade = np.exp(-1.2 * gap)
            residuals.append(0.5 * gap + (0.8 * a + x) / 1.2 * (1 - fade))
            a, x = a * fade + 1.0, x * fade
        # Null: time rescaling makes them Exp(1).
        assert stats.kstest(residuals, "expon").pvalue > 1e-3


def test_exact_sampler_survives_gaps_of_any_length():
    # beta times a gap far beyond the range of the exponential, and background rates near 0.
    times = filled(ExactSampler(1e-4, 40.0, 100.0, 50.0, 1e6, 5), 4096)
    assert (np.diff(times) >= 0).all() and times[-1] < 1e6
    assert 50 < len(times) < 350


def test_exact_sampler_gives_the_same_bits_with_any_instruction_set():
    drawn = [filled(ExactSampler(0.5, 0.8, 1.2, 0.3, 3_000.0, 7, limit), 10_000)
             for limit in (0, 1, 2)]
    assert len(drawn[0]) > 3_000
    for other in drawn[1:]:
        np.testing.assert_array_equal(other, drawn[0])


@pytest.mark.parametrize(("mu", "excitation"), [(0.5, 0.0), (1e-3, 3.0)])
def test_exact_sampler_has_the_mean_and_variance_of_the_process(mu, excitation):
    counts = [len(filled(ExactSampler(mu, 0.8, 1.2, excitation, 200.0, seed), 512))
              for seed in range(2_000)]
    # Null: mean (mu T + left / beta) / (1 - n) without what comes after T, variance of the
    # stationary process mu T / (1 - n)^3 (Fano factor 1 / (1 - n)^2), here within a fifth.
    lost = mu * 0.8 / 1.2 / (1.2 - 0.8) / (1 - 0.8 / 1.2)
    mean = (mu * 200.0 + excitation / 1.2) / (1 - 0.8 / 1.2) - lost
    assert abs(np.mean(counts) - mean) < 4 * np.std(counts) / np.sqrt(2_000)
    if excitation == 0.0:
        assert np.var(counts) == pytest.approx(mu * 200.0 / (1 - 0.8 / 1.2) ** 3, rel=0.2)


@pytest.mark.parametrize("kind", [ExponentialThinning, ExactSampler])
def test_an_end_at_zero_gives_nothing(kind):
    assert len(filled(kind(1.0, 0.5, 1.0, 0.0, 0.0, 1), 8)) == 0


def test_zero_rates_end_at_once():
    sampler = ThinningSampler(
        np.array([0.0, 1e9]), np.zeros((1, 1)), np.ones(1), np.zeros(1, np.int32),
        np.zeros(1, np.int32), np.ones((1, 1)), np.zeros(1), np.empty(1), np.empty(1), 1)
    assert sampler.fill(np.empty(10), np.empty(10, np.int32)) == 0
    assert sampler.finished


def test_general_thinning_with_negative_terms_keeps_the_rate():
    # phi = 0.9 (exp(-t) - exp(-3 t)): integral 0.6, mean rate 0.5 / 0.4.
    sampler = ThinningSampler(
        np.array([0.0, 40_000.0]), np.full((1, 1), 0.5), np.array([1.0, 3.0]),
        np.array([0, 1], np.int32), np.zeros(2, np.int32), np.array([[0.9, -0.9]]), np.zeros(2),
        np.empty(2), np.empty(1), 11)
    times, marks = np.empty(80_000), np.empty(80_000, np.int32)
    count = sampler.fill(times, marks)
    assert sampler.finished
    # Null: the mean rate is 1.25; the count's deviation is sqrt(1.25 T) / (1 - n).
    assert abs(count - 50_000) < 4 * np.sqrt(50_000) / 0.4


def test_clusters_have_the_kernel_s_delays_and_number_of_children():
    sampler = PowerLawClusters(0.9, 2.0, 2.5, 1e12, 3)
    times = np.empty(300_000)
    # One event a long time apart: its children are those that follow it closely.
    times[:20_000] = np.arange(20_000) * 1e7
    count = sampler.offspring(times, 20_000)
    assert sampler.finished
    # Null: clusters have mean size 1 / (1 - 0.3) with variance 0.3 / 0.7^3.
    assert abs(count / 20_000 - 1 / 0.7) < 4 * np.sqrt(0.3 / 0.7**3 / 20_000)
    ordered = np.append(np.sort(times[:count]), np.inf)
    first = ordered[np.searchsorted(ordered, np.arange(20_000) * 1e7, side="right")]
    delay = (first - np.arange(20_000) * 1e7)[:-1]
    # P(no child before x) = exp(-integral of phi to x).
    x = 1.0
    expected = np.exp(-0.3 * (1 - (1 + 2.0 * x) ** -1.5))
    assert abs((delay > x).mean() - expected) < 4 * np.sqrt(expected * (1 - expected) / 20_000)


def test_the_same_seed_gives_the_same_bits():
    rng = np.random.default_rng(2026)
    thinned = simulate_exponential(0.5, 0.8, 1.2, 500.0, rng)
    exact = simulate_exponential(0.5, 0.8, 1.2, 500.0, rng, method="exact")
    times, marks = simulate_multivariate([0.3, 0.2], [[0.6, 0.2], [0.4, 0.5]],
                                         [[1.5, 1.0], [0.8, 2.0]], 500.0, rng)
    digest = hashlib.sha256(b"".join(
        part.tobytes() for part in (thinned, exact, times, marks))).hexdigest()
    assert digest[:16] == "028e7cea00dc44fc"
    assert len(simulate_exponential(0.5, 0.8, 1.2, 500.0, rng)) != len(thinned)
