"""The intensity recursion against published values and the full sum."""

import numpy as np
import pytest

from dreammaker._ext.hawkes import hawkes_intensity


def naive(times, mu, alpha, beta, marks):
    out = []
    for i, (t, m) in enumerate(zip(times, marks, strict=True)):
        rate = mu[m]
        for s, j in zip(times[:i], marks[:i], strict=True):
            rate += alpha[m][j] * np.exp(-beta[m][j] * (t - s))
        out.append(rate)
    return out


def test_univariate_oracle():
    rates = hawkes_intensity([1, 2, 3.5, 4, 7], 0.5, 0.8, 1.2)
    np.testing.assert_allclose(
        rates, [0.5, 0.7409553695, 0.6720687653, 1.0334826495, 0.5364357098], atol=1e-10)


def test_published_example_with_initial_excitation():
    arrivals = [0.97794, 1.09001, 1.28999, 1.53225, 1.65001, 2.51807, 2.81710, 2.87547, 3.16415,
                3.51378, 4.22355, 16.96752, 17.71654, 19.10293, 24.06354, 24.09256, 28.40173,
                28.53743, 28.56702]
    published = [0.43838, 1.43128, 2.02711, 2.33527, 3.01139, 1.36377, 1.74553, 2.72378, 2.65016,
                 2.40131, 1.43843, 0.30000, 0.69015, 0.49874, 0.30082, 1.44967, 0.30366, 1.28198,
                 2.38725]
    np.testing.assert_allclose(hawkes_intensity(arrivals, 0.3, 1.2, 1.5, initial=0.6), published,
                               atol=3e-5)


def test_multivariate_oracle():
    rates = hawkes_intensity(
        [0.4, 1.0, 1.7, 2.2, 2.9, 3.1, 4.6], [0.3, 0.2], [[0.6, 0.2], [0.4, 0.5]],
        [[1.5, 1.0], [0.8, 2.0]], marks=[0, 1, 0, 0, 1, 1, 0])
    np.testing.assert_allclose(
        rates, [0.3, 0.4475133567, 0.4846815037, 0.6839820817, 0.6469602792, 0.9140006801,
                0.4118675852], atol=1e-10)


@pytest.mark.parametrize("types", [1, 2, 5, 8])
@pytest.mark.parametrize("one_decay", [True, False])
def test_recursion_equals_the_full_sum(types, one_decay):
    rng = np.random.default_rng(types)
    times = np.cumsum(rng.exponential(0.3, 200)) * (rng.random(200) < 0.9)
    times = np.maximum.accumulate(times)
    marks = rng.integers(0, types, 200)
    mu, alpha = rng.uniform(0.1, 1, types), rng.uniform(0, 1, (types, types))
    beta = np.full((types, types), 2.5) if one_decay else rng.uniform(0.5, 9, (types, types))
    np.testing.assert_allclose(hawkes_intensity(times, mu, alpha, beta, marks),
                               naive(times, mu, alpha, beta, marks), rtol=1e-12)


def test_no_events_have_no_intensity():
    assert len(hawkes_intensity([], 1.0, 0.5, 1.0)) == 0


@pytest.mark.parametrize("arguments, words", [
    (([2.0, 1.0], 1.0, 0.5, 1.0), "must not decrease"),
    (([-1.0], 1.0, 0.5, 1.0), "not begin before 0"),
    (([1.0], 0.0, 0.5, 1.0), "mu and beta must be above 0"),
    (([1.0], 1.0, -0.5, 1.0), "alpha and initial 0 or more"),
    (([1.0], 1.0, 0.5, 0.0), "mu and beta must be above 0"),
    (([1.0], 1.0, 0.5, 1.0, [1]), "marks must be 0 to 0"),
    (([1.0], 1.0, 0.5, 1.0, [0, 0]), "1 times but 2 marks"),
    (([1.0], [1.0] * 9, 0.5, 1.0), "1 to 8 rates"),
    (([1.0], 1.0, 0.0, 1.0, None, 0.5), "initial excitation must be 0"),
])
def test_bad_arguments_are_refused(arguments, words):
    with pytest.raises(ValueError, match=words):
        hawkes_intensity(*arguments)


def test_one_decay_and_four_equal_ones_agree_on_the_pipelines_clock():
    """The table of decays against the exponential: times of nanoseconds to an hour."""
    from tests.kernels.feature_markets import Market

    beta = 0.01
    market = Market(hawkes_beta=((beta, beta), (beta, beta)))
    at, expected = 0.0, []
    excited = 0.0
    for gap in (3e-9, 1e-6, 0.01, 0.3, 5.0, 70.0, 900.0, 3_600.0):
        at = round(at + gap, 9)
        market.trade(at, 1, 26_001, 1)
        market.wait(at + gap)
        excited = excited * np.exp(-beta * gap) if expected else 0.0
        excited += 1.0
        expected += [1 + 2.5 * excited, 1 + 2.5 * excited * np.exp(-beta * gap)]
        at = at + gap
        excited *= np.exp(-beta * gap)
    np.testing.assert_allclose(market.column("hawkes_buy_intensity"), expected, rtol=1e-6)
