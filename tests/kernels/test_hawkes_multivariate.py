"""Multivariate kernels against published values, the full double sums and numerical derivatives."""

import numpy as np
import pytest

from dreammaker._ext import hawkes_branching, hawkes_multivariate
from dreammaker.hawkes import MultivariateHawkes
from dreammaker.hawkes.multivariate_sample import (
    Sample,
    pair_derivatives,
    shared_derivatives,
)

TIMES = np.array([0.4, 1.0, 1.7, 2.2, 2.9, 3.1, 4.6])
MARKS = np.array([0, 1, 0, 0, 1, 1, 0], np.int32)
MODEL = MultivariateHawkes([0.3, 0.2], [[0.6, 0.2], [0.4, 0.5]], [[1.5, 1.0], [0.8, 2.0]])


def naive_intensity(model, times, marks, t):
    rates = model.mu + (model.initial_excitation * np.exp(-model.beta * t)).sum(axis=1)
    for s, j in zip(times, marks, strict=True):
        if s < t:
            rates = rates + model.alpha[:, j] * np.exp(-model.beta[:, j] * (t - s))
    return rates


def naive_compensator(model, times, marks, t):
    left = model.initial_excitation * (1 - np.exp(-model.beta * t)) / model.beta
    total = model.mu * t + left.sum(axis=1)
    for s, j in zip(times, marks, strict=True):
        if s < t:
            total = total + model.branching_matrix[:, j] * (
                1 - np.exp(-model.beta[:, j] * (t - s)))
    return total


def naive_log_likelihood(model, times, marks, end):
    return sum(np.log(naive_intensity(model, times, marks, t)[m])
               for t, m in zip(times, marks, strict=True)) - naive_compensator(
                   model, times, marks, end).sum()


def random_model(rng, d, shared, initial):
    alpha = rng.uniform(0, 1, (d, d)) * (rng.random((d, d)) < 0.8)
    beta = 2.5 if shared else rng.uniform(0.5, 9, (d, d))
    alpha *= 0.7 / max(np.abs(np.linalg.eigvals(alpha / beta)).max(), 0.1)
    left = rng.uniform(0, 1, (d, d)) if initial else 0.0
    return MultivariateHawkes(rng.uniform(0.1, 1, d), alpha, beta, left)


def random_stream(rng, d, count=150):
    return np.cumsum(rng.exponential(0.3, count)), rng.integers(0, d, count).astype(np.int32)


def test_oracle_d14():
    rates = MODEL.intensity(TIMES, (TIMES, MARKS))
    np.testing.assert_allclose(
        rates[np.arange(7), MARKS],
        [0.3, 0.4475133567, 0.4846815037, 0.6839820817, 0.6469602792, 0.9140006801,
         0.4118675852], atol=1e-10)
    np.testing.assert_allclose(MODEL.compensator((TIMES, MARKS), 5.0),
                               [3.4131724998, 3.2759786543], atol=1e-10)
    assert MODEL.log_likelihood((TIMES, MARKS), 5.0) == pytest.approx(-11.2137074265, abs=1e-10)
    np.testing.assert_allclose(MODEL.branching_matrix, [[0.4, 0.2], [0.5, 0.25]], atol=1e-15)
    assert MODEL.spectral_radius == pytest.approx(0.65, abs=1e-14)
    np.testing.assert_allclose(MODEL.mean_rates, [0.7571428571, 0.7714285714], atol=1e-10)


def test_published_bivariate_example():
    # The path printed in emhawkes' introduction: arrivals, counts of both types, intensities
    # just before each arrival; total initial excitation 0.32941 each.
    arrivals = [2.4745, 2.5307, 2.9229, 5.8320, 7.3825, 7.6700, 8.2456, 8.3886, 8.5108, 8.6228,
                8.8592, 8.9916, 9.0341, 9.0367, 9.0584, 9.6773, 9.7228, 9.7569, 9.8171]
    marks = np.array([0, 0, 1, 0, 0, 1, 1, 1, 0, 0, 1, 0, 0, 1, 0, 0, 1, 0, 1])
    published = np.array([
        [0.20126, 0.20126], [0.64180, 0.99436], [0.58968, 0.90105], [0.20185, 0.20173],
        [0.21533, 0.22754], [0.46986, 0.68572], [0.52043, 0.46999], [1.08460, 0.75811],
        [1.55553, 1.00371], [1.64232, 1.52431], [1.34104, 1.50670], [1.71515, 1.54119],
        [2.03128, 2.23670], [2.51809, 3.12008], [3.26436, 3.45670], [1.08553, 1.23269],
        [1.45073, 1.94465], [2.19206, 2.27905], [2.37611, 2.80136]])
    model = MultivariateHawkes([0.2, 0.2], [[0.5, 0.9], [0.9, 0.5]], 2.25, 0.32941 / 2)
    np.testing.assert_allclose(model.intensity(arrivals, (arrivals, marks)), published,
                               atol=3.5e-4)


@pytest.mark.parametrize("initial", [False, True])
@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize("d", [1, 2, 5])
def test_kernels_equal_the_double_sums(d, shared, initial):
    rng = np.random.default_rng(10 * d + shared)
    for _ in range(3):
        model = random_model(rng, d, shared, initial)
        times, marks = random_stream(rng, d)
        end = times[-1] + 0.7
        expected = naive_log_likelihood(model, times, marks, end)
        assert model.log_likelihood((times, marks), end) == pytest.approx(expected, rel=1e-11)
        asked = np.sort(rng.uniform(0, end, 20))
        np.testing.assert_allclose(
            model.intensity(asked, (times, marks)),
            [naive_intensity(model, times, marks, t) for t in asked], rtol=1e-11)
        np.testing.assert_allclose(model.compensator((times, marks), end),
                                   naive_compensator(model, times, marks, end), rtol=1e-11)
        for i, residuals in enumerate(model.residuals((times, marks), end)):
            levels = [naive_compensator(model, times, marks, t)[i] for t in times[marks == i]]
            np.testing.assert_allclose(residuals, np.diff(levels, prepend=0.0), rtol=1e-9,
                                       atol=1e-12)


@pytest.mark.parametrize("initial", [False, True])
@pytest.mark.parametrize("d", [1, 2, 5])
def test_pair_and_shared_kernels_agree(d, initial):
    rng = np.random.default_rng(d)
    model = random_model(rng, d, True, initial)
    pairs = MultivariateHawkes(model.mu, model.alpha, model.beta, model.initial_excitation)
    events = random_stream(rng, d)
    end = events[0][-1] + 1.0
    assert pairs.log_likelihood(events, end) == pytest.approx(model.log_likelihood(events, end),
                                                              rel=1e-12)
    one, other = model.gradient(events, end), pairs.gradient(events, end)
    np.testing.assert_allclose(other["mu"], one["mu"], rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(other["alpha"], one["alpha"], rtol=1e-9, atol=1e-9)
    assert other["beta"].sum() == pytest.approx(one["beta"], rel=1e-9, abs=1e-9)


def central(function, x, step=1e-6):
    rows = []
    for i in range(len(x)):
        shift = np.zeros(len(x))
        shift[i] = step
        rows.append((np.asarray(function(x + shift)) - function(x - shift)) / (2 * step))
    return np.array(rows)


@pytest.mark.parametrize("initial", [0.0, 0.4])
@pytest.mark.parametrize("d", [1, 2, 4])
def test_derivatives_equal_differences(d, initial):
    rng = np.random.default_rng(d)
    times, marks = random_stream(rng, d)
    sample = Sample(times, marks, float(times[-1]) + 0.5,
                    np.bincount(marks, minlength=d).astype(float), np.full((d, d), initial))
    cases = [(lambda x: pair_derivatives(sample, d - 1, x), 2 * d + 1),
             (lambda x: shared_derivatives(sample, x), d + d * d + 1)]
    for derivatives, size in cases:
        x = rng.uniform(0.3, 1.5, size)
        value, gradient, hessian = derivatives(x)
        assert np.isfinite(value)
        for k, found in ((0, gradient), (1, hessian)):
            slope = central(lambda y, f=derivatives, k=k: f(y)[k], x)
            np.testing.assert_allclose(found, slope, rtol=1e-6, atol=1e-5)


@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize("d", [1, 3])
def test_fixed_decay_kernel_equals_the_full_one(d, shared):
    rng = np.random.default_rng(d)
    model = random_model(rng, d, shared, True)
    times, marks = random_stream(rng, d)
    end = float(times[-1]) + 1.0
    counts = np.bincount(marks, minlength=d)
    begins = np.concatenate([[0], np.cumsum(counts)[:-1]]).astype(np.int32)
    rows, alive = np.empty((len(times), d + 1)), np.empty((d, d))
    hawkes_multivariate.excitations(times, marks, model.beta, model.initial_excitation, end,
                                    begins.copy(), rows, alive)
    total = 0.0
    for i in range(d):
        own = rows[begins[i]:begins[i] + counts[i]]
        gradient, hessian = np.empty(d + 1), np.empty((d + 1, d + 1))
        total += hawkes_multivariate.linear_likelihood(
            own, end, model.mu[i], model.alpha[i], (counts - alive[i]) / model.beta[i], gradient,
            hessian)
        expected = model.gradient((times, marks), end)
        assert gradient[0] == pytest.approx(expected["mu"][i], rel=1e-9, abs=1e-9)
        np.testing.assert_allclose(gradient[1:], expected["alpha"][i], rtol=1e-9, atol=1e-9)
        x = np.concatenate([[model.mu[i]], model.alpha[i], model.beta[i]])
        sample = Sample(times, marks, end, counts.astype(float), model.initial_excitation)
        whole = pair_derivatives(sample, i, x)[2][:d + 1, :d + 1]
        np.testing.assert_allclose(np.tril(hessian), np.tril(whole), rtol=1e-9, atol=1e-9)
    gone = model.initial_excitation * (1 - np.exp(-model.beta * end)) / model.beta
    assert total - gone.sum() == pytest.approx(model.log_likelihood((times, marks), end), rel=1e-11)


@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize("d", [1, 3])
def test_expectations_equal_the_full_branching_structure(d, shared):
    rng = np.random.default_rng(d)
    model = random_model(rng, d, shared, False)
    times, marks = random_stream(rng, d, 80)
    end = float(times[-1]) + 1.0
    background, triggered, lag = np.zeros(d), np.zeros((d, d)), np.zeros((d, d))
    logs = 0.0
    for k, (t, m) in enumerate(zip(times, marks, strict=True)):
        rate = naive_intensity(model, times, marks, t)[m]
        logs += np.log(rate)
        background[m] += model.mu[m] / rate
        for s, j in zip(times[:k], marks[:k], strict=True):
            p = model.alpha[m, j] * np.exp(-model.beta[m, j] * (t - s)) / rate
            triggered[m, j] += p
            lag[m, j] += p * (t - s)
    out = np.empty(d), np.empty((d, d)), np.empty((d, d)), np.empty((d, d)), np.empty((d, d))
    total = hawkes_branching.em_sweep(times, marks, end, model.mu, model.alpha, model.beta, *out)
    assert total == pytest.approx(logs, rel=1e-11)
    for found, expected in zip(out, (background, triggered, lag), strict=False):
        np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-12)
    assert background.sum() + triggered.sum() == pytest.approx(len(times), rel=1e-12)
    ages = end - times
    for i in range(d):
        for j in range(d):
            fade = np.exp(-model.beta[i, j] * ages[marks == j])
            assert out[3][i, j] == pytest.approx(fade.sum(), rel=1e-10, abs=1e-12)
            assert out[4][i, j] == pytest.approx((ages[marks == j] * fade).sum(), rel=1e-10,
                                                 abs=1e-12)


def test_no_events_leave_the_base_rates():
    model = MultivariateHawkes([0.3, 0.2], np.zeros((2, 2)), 1.0)
    assert model.log_likelihood([[], []], 10.0) == pytest.approx(-5.0)
    assert [len(part) for part in model.residuals([[], []], 10.0)] == [0, 0]
    np.testing.assert_allclose(model.intensity(3.0, [[], []]), [0.3, 0.2])
