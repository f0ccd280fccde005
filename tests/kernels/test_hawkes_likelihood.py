"""Likelihood kernels against published values, double sums, quadrature and differences."""

import numpy as np
import pytest

from dreammaker._ext import hawkes_likelihood
from dreammaker._ext.hawkes_em import em_sums
from dreammaker._ext.hawkes_mixture import excitation_sums
from dreammaker.hawkes import likelihood
from dreammaker.hawkes.em import em_sweep
from dreammaker.hawkes.likelihood import Window
from dreammaker.hawkes.mixture import gamma_mixture
from tests.kernels import naive_hawkes as naive

EVENTS = np.array([1.0, 2.0, 3.5, 4.0, 7.0])
T = 10.0
HALF = np.array([0.5])
KNOTS = np.array([0.0, 2.0, 5.5, 12.0])


@pytest.fixture
def levels():
    """The instruction sets of this machine, one after the other; the best is restored."""
    best = hawkes_likelihood.simd_level()
    yield [hawkes_likelihood.simd_level(i) for i in range(best + 1)]
    hawkes_likelihood.simd_level(best)


def stream(seed, count=60, span=30.0):
    rng = np.random.default_rng(seed)
    times = np.sort(np.concatenate([
        rng.uniform(0.0, span, count), 0.4 * span + 0.01 * span * rng.random(count)]))
    return times, span


def long_stream(seed=3, T=20_000.0):
    return naive.cluster_times(np.random.default_rng(seed), 0.5, 0.5,
                               lambda rng, k: rng.exponential(1 / 1.2, k), T), T


def test_log_likelihood_and_gradient_when_published_then_those():
    here = likelihood.exponential(Window.of(EVENTS, T), HALF, 0.8, 1.2, True)
    assert here.value == pytest.approx(-10.2945188111, abs=5e-11)
    np.testing.assert_allclose(here.gradient, [-2.3306896671, -2.6861788152, 1.2915193198],
                               atol=5e-11)


def test_power_law_when_published_then_those():
    window = Window.of(EVENTS, T)
    exact = likelihood.power_law(window, HALF, 0.9, 2.0, 2.5, False).value
    assert exact == pytest.approx(-9.4049491176, abs=5e-11)
    nodes, _ = gamma_mixture(2.5, 2.0 * T, 40)
    mixed = likelihood.power_mixture(window, HALF, 0.9, 2.0, 2.5, nodes, False).value
    assert mixed == pytest.approx(exact, abs=1e-8)


def test_e_step_when_published_then_those():
    _, background, table = em_sums(EVENTS, T, HALF, np.array([0, 5]), np.array([0.8]),
                                   np.array([1.2]), np.zeros(1))
    assert background[0] == pytest.approx(3.8346551665, abs=5e-11)
    assert table[0, 0] == pytest.approx(1.1653448335, abs=5e-11)
    assert table[1, 0] == pytest.approx(1.4104943283, abs=5e-11)
    p = naive.branching(EVENTS, 0.5, naive.phi_exponential([0.8], [1.2]))
    np.testing.assert_allclose(p[4], [.0011134021, .0036966252, .0223632790, .0407485511,
                                      .9320781426], atol=5e-11)
    assert np.trace(p) == pytest.approx(background[0], rel=1e-14)


@pytest.mark.parametrize(("edge", "ratio", "decay", "alpha", "value"), [
    (False, 0.2330689667, 0.8261960436, 0.1925606582, -8.9172160297),
    (True, 0.2344082900, 0.7925428028, 0.1857786031, -8.9107398986)])
def test_m_step_when_published_then_those(edge, ratio, decay, alpha, value):
    window = Window.of(EVENTS, T)
    step = em_sweep(window, HALF, np.array([0.8]), np.array([1.2]), edge=edge)
    assert step.log_likelihood == pytest.approx(-10.2945188111, abs=5e-11)
    assert step.mu[0] == pytest.approx(0.3834655166, abs=5e-11)
    assert step.betas[0] == pytest.approx(decay, abs=5e-11)
    assert step.alphas[0] == pytest.approx(alpha, abs=5e-11)
    assert step.alphas[0] / step.betas[0] == pytest.approx(ratio, abs=5e-11)
    after = likelihood.exponential(window, step.mu, step.alphas[0], step.betas[0], False).value
    assert after == pytest.approx(value, abs=5e-11)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("knots", [None, KNOTS * 3.0], ids=["constant", "pieces"])
def test_likelihoods_when_streams_are_random_then_the_double_sums(seed, knots):
    times, span = stream(seed, 25)
    window = Window.of(times, span, knots)
    cuts = [0.0, span] if knots is None else list(knots)
    mu = np.array([0.7]) if knots is None else np.array([0.7, 1.3, 0.2])
    one = naive.log_likelihood(times, span, naive.phi_exponential([0.6], [1.1]), cuts, mu)
    assert likelihood.exponential(window, mu, 0.6, 1.1, False).value == pytest.approx(one, rel=1e-9)
    alphas, betas, left = np.array([0.3, 0.5]), np.array([0.2, 2.5]), np.array([0.9, 0.4])
    two = naive.log_likelihood(times, span, naive.phi_exponential(alphas, betas), cuts, mu, left,
                               betas)
    got = likelihood.sum_exponential(window, mu, alphas, betas, left, False).value
    assert got == pytest.approx(two, rel=1e-9)
    power = naive.log_likelihood(times, span, naive.phi_power(0.9, 2.0, 1.7), cuts, mu)
    got = likelihood.power_law(window, mu, 0.9, 2.0, 1.7, False).value
    assert got == pytest.approx(power, rel=1e-9)


def numerical(function, x):
    gradient, hessian = np.empty(x.size), np.empty((x.size, x.size))
    for i in range(x.size):
        step = np.zeros(x.size)
        step[i] = 1e-5 * max(1.0, x[i])
        up, down = function(x + step), function(x - step)
        gradient[i] = (up.value - down.value) / (2 * step[i])
        hessian[i] = (up.gradient - down.gradient) / (2 * step[i])
    return gradient, hessian


LEFT = np.array([0.3, 0.1])
NODES = gamma_mixture(2.5, 60.0, 30)[0]
SHAPES = {
    "exponential": (lambda w, x: likelihood.exponential(w, x[:3], x[3], x[4], True), [0.8, 1.2]),
    "sum": (lambda w, x: likelihood.sum_exponential(w, x[:3], x[3:5], x[5:7], LEFT, True),
            [0.8, 0.2, 1.2, 0.3]),
    "sum, decays fixed": (lambda w, x: likelihood.sum_exponential(
        w, x[:3], x[3:5], np.array([1.2, 0.3]), LEFT, True, fitted_decays=False), [0.8, 0.2]),
    "power law": (lambda w, x: likelihood.power_law(w, x[:3], x[3], x[4], x[5], True),
                  [0.9, 2.0, 2.5]),
    "power law, p near 1": (lambda w, x: likelihood.power_law(w, x[:3], x[3], x[4], x[5], True),
                            [0.4, 2.0, 1.001]),
    "mixture": (lambda w, x: likelihood.power_mixture(w, x[:3], x[3], x[4], x[5], NODES, True),
                [0.9, 2.0, 2.5]),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_derivatives_when_differenced_then_agree(shape):
    function, kernel = SHAPES[shape]
    times, span = stream(7, 30)
    window = Window.of(times, span, KNOTS * 3.0)
    x = np.array([0.5, 0.4, 0.3, *kernel])
    here = function(window, x)
    gradient, hessian = numerical(lambda y: function(window, y), x)
    np.testing.assert_allclose(here.gradient, gradient, rtol=1e-6, atol=1e-5)
    np.testing.assert_allclose(here.hessian, hessian, rtol=1e-5, atol=1e-4)
    np.testing.assert_array_equal(here.hessian, here.hessian.T)
    mu = np.ascontiguousarray(x[:3])
    if shape == "exponential":
        assert likelihood.exponential(window, mu, x[3], x[4], False).value == pytest.approx(
            here.value, rel=1e-14)


@pytest.mark.parametrize("beta", [1.2, 0.05, 400.0])
def test_eight_stretches_when_compared_then_one_by_one_within_rounding(levels, beta):
    times, span = long_stream()
    splits = np.array([0, 700, 700, times.size - 300, times.size])
    mu = np.array([0.5, 0.1, 0.9, 0.4])

    def at(level, mode):
        hawkes_likelihood.simd_level(level)
        return hawkes_likelihood.exponential_sums(times, span, mu, splits, 0.5 * beta, beta, mode)

    for mode in range(3):
        table, end = at(-1, mode)
        first, first_end = at(0, mode)
        np.testing.assert_allclose(first, table, rtol=1e-11, atol=1e-11)
        kept = slice(0, 1 + mode)
        np.testing.assert_allclose(first_end[kept], end[kept], rtol=1e-11, atol=1e-300)
        for level in levels[1:]:
            other, other_end = at(level, mode)
            np.testing.assert_array_equal(other, first)
            assert other_end == first_end


def test_rates_when_extreme_then_finite(levels):
    times, span = long_stream(T=2_000.0)
    for scale in (1e-60, 1e60):
        here = likelihood.exponential(Window.of(times * scale, span * scale),
                                      np.array([0.5 / scale]), 0.6 / scale, 1.2 / scale, False)
        plain = likelihood.exponential(Window.of(times, span), np.array([0.5]), 0.6, 1.2, False)
        assert here.value == pytest.approx(plain.value - times.size * np.log(scale), rel=1e-12)


@pytest.mark.parametrize("left", [0.0, 0.8])
def test_e_step_when_streams_are_random_then_the_branching_matrix(left):
    times, span = stream(11, 30)
    splits = np.array([0, times.size])
    alphas, betas = np.array([0.3, 0.5]), np.array([0.2, 2.5])
    value, background, table = em_sums(times, span, HALF, splits, alphas, betas,
                                       np.full(2, left))
    lags = np.maximum(times[:, None] - times[None, :], 0.0)
    earlier = np.tril(np.ones(lags.shape), -1)
    parts = [a * np.exp(-b * lags) * earlier for a, b in zip(alphas, betas, strict=True)]
    past = [left * np.exp(-b * times) for b in betas]
    rates = 0.5 + sum(part.sum(axis=1) for part in parts) + sum(past)
    assert value == pytest.approx(np.log(rates).sum(), rel=1e-12)
    assert background[0] == pytest.approx((0.5 / rates).sum(), rel=1e-12)
    for k, b in enumerate(betas):
        p = parts[k] / rates[:, None]
        u = span - times
        expected = [p.sum(), (p * lags).sum(), (past[k] / rates).sum(),
                    (past[k] * times / rates).sum(), np.exp(-b * u).sum(),
                    (u * np.exp(-b * u)).sum()]
        np.testing.assert_allclose(table[:, k], expected, rtol=1e-11)


def test_excitation_when_between_and_at_events_then_the_sum_over_earlier():
    times, span = stream(5, 20)
    queries = np.sort(np.concatenate([times, np.linspace(0.0, span, 41)]))
    alphas, betas = np.array([0.3, 0.5]), np.array([0.2, 2.5])
    phi = naive.phi_exponential(alphas, betas)
    expected = [sum(phi(q - s) for s in times if s < q) for q in queries]
    np.testing.assert_allclose(excitation_sums(times, queries, alphas, betas), expected,
                               rtol=1e-12, atol=1e-14)


def test_foreign_exchange_times_when_evaluated_then_published(market_data):
    # The published digits differ from the sum in extended precision, -3628302.76612111987, in the
    # thirteenth digit; ours does not.
    times = np.load(market_data / "hawkes_fx_times.npy")
    window = Window.of(times, float(times[-1]))
    value = likelihood.exponential(window, np.array([5.0]), 3.0, 10.0, False).value
    assert value == pytest.approx(-3628302.7661192594, rel=1e-12)
    assert value == pytest.approx(-3628302.76612111987, rel=1e-14)


def test_order_when_one_time_is_wrong_then_found_at_every_place(levels):
    times = np.sort(np.random.default_rng(2).uniform(0.0, 10.0, 37))
    for level in levels:
        hawkes_likelihood.simd_level(level)
        assert hawkes_likelihood.in_order(times, 10.0)
        assert hawkes_likelihood.in_order(np.array([1.0, 1.0]), 1.0)
        assert not hawkes_likelihood.in_order(times, float(times[-1]) - 1e-9)
        assert not hawkes_likelihood.in_order(times - times[0] - 1e-9, 10.0)
        for place in range(times.size):
            for wrong in (np.nan, -1.0, 11.0):
                bad = times.copy()
                bad[place] = wrong
                assert not hawkes_likelihood.in_order(bad, 10.0), (level, place, wrong)


def test_gaps_when_some_coincide_then_the_shortest_of_the_others():
    assert hawkes_likelihood.gaps(np.array([1.0, 1.0, 1.5, 1.75, 1.75, 3.0])) == (0.25, 2)
    assert hawkes_likelihood.gaps(np.array([1.0, 1.0])) == (np.inf, 1)
    assert hawkes_likelihood.gaps(np.empty(0)) == (np.inf, 0)
