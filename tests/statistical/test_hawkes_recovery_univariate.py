"""Simulate, fit, compare, for one type of event: estimates unbiased, intervals honest.

Null of each assertion: the estimator is unbiased and its 95 % intervals cover at 95 %. Of R fits,
the mean error over its standard error is standard normal (bound 3.5, five estimates each), and the
number covered is binomial: the long form asks for 90 to 99 % of 200, the short form for what 30
leave within a probability of 1e-4.
"""

import numpy as np
import pytest

from dreammaker.hawkes import ExponentialKernel, PowerLawKernel, UnivariateHawkes

CASES = {
    "exponential": (ExponentialKernel(0.8, 1.6), 0.5, 4_000.0),
    "power_law": (PowerLawKernel(1.2, 3.0, 1.6), 0.3, 8_000.0),
}


def recover(name, count):
    """Errors and standard errors, shape (count, parameters); and the names."""
    kernel, mu, T = CASES[name]
    truth = UnivariateHawkes(kernel, mu=mu)
    known = {"mu": mu, **vars(kernel), "branching_ratio": kernel.branching_ratio}
    rows, sizes = [], set()
    for seed in range(count):
        times = truth.simulate(T, np.random.default_rng([seed, 20_240]))
        fit = UnivariateHawkes(name).fit(times, T)
        assert fit.converged, (seed, fit.message)
        found = {**fit.estimates, "branching_ratio": fit.branching_ratio}
        rows.append([(found[k] - known[k], fit.standard_errors[k]) for k in known])
        sizes.add(times.size)
    assert len(sizes) > count // 2, "the generator must vary"
    table = np.array(rows)
    return list(known), table[..., 0], table[..., 1]


def check(name, count, least, most):
    names, errors, standard_errors = recover(name, count)
    bias = errors.mean(axis=0) / (errors.std(axis=0, ddof=1) / np.sqrt(count))
    covered = (np.abs(errors) < 1.96 * standard_errors).mean(axis=0)
    # The stated standard errors are those of the errors.
    stated = np.sqrt((standard_errors**2).mean(axis=0)) / errors.std(axis=0, ddof=1)
    for k, parameter in enumerate(names):
        assert abs(bias[k]) < 3.5, (parameter, bias[k])
        assert least <= covered[k] <= most, (parameter, covered[k])
        assert 0.65 < stated[k] < 1.5, (parameter, stated[k])


@pytest.mark.parametrize("name", CASES)
def test_estimates_when_fitted_to_30_simulations_then_unbiased_and_covered(name):
    # P(fewer than 24 of 30 covered) = 2e-4 for each of five dependent estimates.
    check(name, 30, 0.8, 1.0)


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_estimates_when_fitted_to_200_simulations_then_unbiased_and_covered(name):
    check(name, 200, 0.90, 0.99)


def test_known_sample_when_fitted_then_the_known_optimum():
    # Ogata's thinning as reference D.12 drew it: Exp(bound) and a uniform from one NumPy generator.
    rng = np.random.default_rng(12345)
    mu, alpha, beta, T = 0.5, 0.8, 1.2, 5_000.0
    t, excitation, times = 0.0, 0.0, []
    while True:
        bound = mu + alpha * excitation
        wait = rng.exponential(1.0 / bound)
        t += wait
        if t > T:
            break
        excitation *= np.exp(-beta * wait)
        if rng.random() * bound <= mu + alpha * excitation:
            times.append(t)
            excitation += 1.0
    assert len(times) == 7_989
    truth = UnivariateHawkes(ExponentialKernel(alpha, beta), mu=mu)
    assert truth.log_likelihood(times, T) == pytest.approx(-2527.7808635, abs=5e-8)
    fit = UnivariateHawkes().fit(times, T)
    assert fit.log_likelihood == pytest.approx(-2525.9607415, abs=1e-7)
    # The printed digits stop where their optimiser did, 2e-7 short.
    np.testing.assert_allclose([fit.mu, fit.alpha, fit.beta],
                               [0.5195848562, 0.8210147099, 1.2165186081], rtol=2e-7)


def test_poisson_when_fitted_to_hawkes_data_then_residuals_reject_and_hawkes_does_not():
    kernel, mu, T = CASES["exponential"]
    times = UnivariateHawkes(kernel, mu=mu).simulate(T, np.random.default_rng(3))
    fitted = UnivariateHawkes()
    fitted.fit(times, T)
    poisson = UnivariateHawkes(ExponentialKernel(0.0, 1.0), mu=times.size / T)

    def distance(model):
        u = np.sort(-np.expm1(-model.residuals(times, T)))
        steps = np.arange(u.size + 1) / u.size
        return np.sqrt(u.size) * max((steps[1:] - u).max(), (u - steps[:-1]).max())

    # Kolmogorov's limit: 1.36 at 5 %, 2.22 at 1e-4.
    assert distance(fitted) < 1.36
    assert distance(poisson) > 2.22
