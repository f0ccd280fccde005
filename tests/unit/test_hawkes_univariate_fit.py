"""Fits of one type of event: optimum, EM against Newton, bounds, stability, what is reported."""

import numpy as np
import pytest

from dreammaker.hawkes import (
    ExponentialKernel,
    HawkesError,
    HawkesParameters,
    MultivariateHawkes,
    PiecewiseConstantBaseline,
    PowerLawKernel,
    SumExponentialKernel,
    UnivariateHawkes,
)
from dreammaker.hawkes.em import em_sweep, power_sweep, run
from dreammaker.hawkes.em_fit import em_exponentials
from dreammaker.hawkes.fitting import ascend
from dreammaker.hawkes.likelihood import Window, exponential, power_mixture
from dreammaker.hawkes.mixture import gamma_mixture
from dreammaker.hawkes.problem import exponential_problem
from tests.kernels import naive_hawkes as naive

KERNELS = {
    "exponential": ExponentialKernel(0.8, 1.6),
    "sum_exponential": SumExponentialKernel([0.1, 1.5], [0.4, 5.0]),
    "power_law": PowerLawKernel(1.2, 2.0, 2.2),
}
T = 3_000.0


@pytest.fixture(scope="module")
def streams():
    return {name: UnivariateHawkes(kernel, mu=0.4).simulate(T, np.random.default_rng(17))
            for name, kernel in KERNELS.items()}


@pytest.mark.parametrize("name", KERNELS)
def test_mle_when_reached_then_no_slope_and_above_the_truth(streams, name):
    times = streams[name]
    model = UnivariateHawkes(name)
    fit = model.fit(times, T)
    assert fit.converged, fit.message
    truth = UnivariateHawkes(KERNELS[name], mu=0.4)
    assert fit.log_likelihood >= truth.log_likelihood(times, T)
    assert model.log_likelihood(times, T) == pytest.approx(fit.log_likelihood, rel=1e-9)
    scale = np.sqrt(-np.diag(model.hessian(times, T)))
    assert (np.abs(model.gradient(times, T)) < 1e-3 * scale).all()
    assert fit.event_count == times.size and fit.duration == T and fit.method == "mle"
    assert fit.branching_ratio == pytest.approx(model.fitted.kernel.branching_ratio, rel=1e-12)
    # Mean rate times (1 - n) is the base rate, nearly: the residuals have mean 1.
    assert model.residuals(times, T).mean() == pytest.approx(1.0, abs=0.01)
    assert not fit.standard_error_note
    assert all(np.isfinite(value).all() for value in fit.standard_errors.values())


@pytest.mark.parametrize("name", KERNELS)
def test_em_when_run_then_never_downhill_and_at_the_optimum(streams, name):
    times = streams[name]
    newton = UnivariateHawkes(name).fit(times, T, approximation="mixture")
    sweeps = UnivariateHawkes(name).fit(times, T, "em")
    assert sweeps.converged, sweeps.message
    assert sweeps.log_likelihood == pytest.approx(newton.log_likelihood, rel=1e-9)
    for key, value in newton.estimates.items():
        np.testing.assert_allclose(sweeps.estimates[key], value, rtol=5e-3)
    for key, value in newton.standard_errors.items():
        np.testing.assert_allclose(sweeps.standard_errors[key], value, rtol=2e-2)


@pytest.mark.parametrize("seed", range(6))
def test_em_sweeps_when_plain_then_each_raises_the_likelihood(seed):
    rng = np.random.default_rng(seed)
    times = np.sort(rng.uniform(0.0, 50.0, 40) ** rng.uniform(0.5, 1.0))
    window = Window.of(times, 50.0, np.array([0.0, 20.0, 50.0]))
    mu, alphas = rng.uniform(0.1, 2.0, 2), rng.uniform(0.05, 0.4, 2)
    betas, left = rng.uniform(1.0, 9.0, 2), np.array([0.0, 0.5])
    history = []
    for _ in range(60):
        step = em_sweep(window, mu, alphas, betas, left, ordered=True)
        history.append(step.log_likelihood)
        mu, alphas, betas = step.mu, step.alphas, step.betas
    assert np.diff(history).min() > -1e-11 * abs(history[-1])
    assert history[-1] > history[0]


@pytest.mark.parametrize("seed", range(4))
def test_power_sweeps_when_plain_then_each_raises_the_likelihood(seed):
    rng = np.random.default_rng(seed)
    times = np.sort(rng.uniform(0.0, 7.0, 60) ** 2)
    window = Window.of(times, 50.0)
    nodes, _ = gamma_mixture(2.0, 100.0, 25)
    mu, (alpha, beta, p) = np.array([0.5]), rng.uniform([0.1, 0.5, 1.5], [0.5, 4.0, 3.0])
    history = []
    for _ in range(60):
        before = power_mixture(window, mu, alpha, beta, p, nodes, False).value
        value, mu, alpha, beta, p, bound = power_sweep(window, mu, alpha, beta, p, nodes)
        assert value == pytest.approx(before, rel=1e-12)
        history.append(value)
        assert not bound
    assert np.diff(history).min() > -1e-9
    assert history[-1] > history[0]


def test_em_course_when_extrapolated_then_its_history_never_falls():
    times = naive.cluster_times(np.random.default_rng(8), 0.3, 0.7,
                                lambda rng, k: rng.exponential(2.0, k), 2_000.0)
    window = Window.of(times, 2_000.0)

    def sweep(x, ordered):
        mu, alpha, beta = np.exp(x)
        step = em_sweep(window, np.array([mu]), np.array([alpha]), np.array([beta]),
                        ordered=ordered)
        return (step.log_likelihood,
                np.log(np.concatenate([step.mu, step.alphas, step.betas])), step.bound)

    course = run(sweep, np.log([0.05, 5.0, 9.0]))
    assert course.converged
    history = np.array(course.history)
    assert np.diff(history).min() >= -1e-12 * abs(history[-1])
    best = UnivariateHawkes().fit(times, 2_000.0).log_likelihood
    assert history[-1] == pytest.approx(best, rel=1e-10)
    assert len(history) < 200


def test_standard_errors_when_computed_then_from_the_hessian(streams):
    times = streams["exponential"]
    fit = UnivariateHawkes().fit(times, T)
    information = -exponential(Window.of(times, T), np.array([fit.mu]), fit.alpha, fit.beta,
                               True).hessian
    covariance = np.linalg.inv(information)
    np.testing.assert_allclose(
        [fit.standard_errors[k] for k in ("mu", "alpha", "beta")],
        np.sqrt(np.diag(covariance)), rtol=1e-6)
    slope = np.array([0.0, 1.0 / fit.beta, -fit.alpha / fit.beta**2])
    assert fit.standard_errors["branching_ratio"] == pytest.approx(
        np.sqrt(slope @ covariance @ slope), rel=1e-6)


def test_piecewise_baseline_when_fitted_then_the_pieces_differ():
    base = PiecewiseConstantBaseline([0.0, 1_000.0, 3_000.0], [2.0, 0.3])
    truth = UnivariateHawkes(ExponentialKernel(0.8, 1.6), baseline=base)
    times = truth.simulate(3_000.0, np.random.default_rng(3))
    for method in ("mle", "em"):
        model = UnivariateHawkes(baseline=PiecewiseConstantBaseline(base.knots))
        fit = model.fit(times, 3_000.0, method)
        assert fit.converged
        error = np.abs(fit.mu - np.array([2.0, 0.3])) / fit.standard_errors["mu"]
        assert (error < 4.0).all()
        assert fit.log_likelihood > UnivariateHawkes().fit(times, 3_000.0).log_likelihood + 10.0
        np.testing.assert_allclose(fit.knots, base.knots)
        assert model.log_likelihood(times, 3_000.0) == pytest.approx(fit.log_likelihood)


def test_piece_without_events_when_fitted_then_at_its_bound_without_error():
    times = np.array([0.5, 0.6, 1.5, 1.9, 2.0, 2.6, 3.5, 7.0, 7.2, 8.8])
    fit = UnivariateHawkes(baseline=PiecewiseConstantBaseline([0.0, 4.0, 6.0, 10.0])).fit(
        times, 10.0)
    assert not fit.converged and "mu[1]" in fit.message
    assert fit.mu[1] < 1e-5 and np.isnan(fit.standard_errors["mu"][1])


def test_initial_excitation_when_fitted_then_the_likelihood_knows_it():
    left = np.array([30.0, 60.0])
    truth = UnivariateHawkes(KERNELS["sum_exponential"], mu=0.4, initial_excitation=left)
    times = truth.simulate(T, np.random.default_rng(5))
    for method in ("mle", "em"):
        fit = truth.fit(times, T, method)
        assert fit.log_likelihood >= truth.log_likelihood(times, T)
        np.testing.assert_allclose(fit.beta, [0.4, 5.0], rtol=0.3)
    one = UnivariateHawkes(ExponentialKernel(0.8, 1.6), mu=0.4, initial_excitation=20.0)
    times = one.simulate(T, np.random.default_rng(6))
    newton, sweeps = one.fit(times, T), one.fit(times, T, "em")
    assert newton.kernel_name == "exponential" and isinstance(newton.alpha, float)
    assert sweeps.log_likelihood == pytest.approx(newton.log_likelihood, rel=1e-10)
    ignorant = UnivariateHawkes().fit(times, T)
    assert newton.log_likelihood > ignorant.log_likelihood + 5.0


def test_model_when_complete_then_kept_and_when_not_then_it_takes_the_fit(streams):
    times = streams["exponential"]
    complete = UnivariateHawkes(ExponentialKernel(0.8, 1.6), mu=0.4)
    before = complete.log_likelihood(times, T)
    fit = complete.fit(times, T)
    assert complete.log_likelihood(times, T) == before < fit.log_likelihood
    empty = UnivariateHawkes()
    assert empty.fit(times, T).log_likelihood == pytest.approx(fit.log_likelihood, rel=1e-10)
    np.testing.assert_array_equal(empty.intensity([5.0, T]), empty.intensity([5.0, T], times))
    assert empty.simulate(100.0, np.random.default_rng(1)).size > 0


def test_decays_when_fixed_then_kept(streams):
    model = UnivariateHawkes(KERNELS["sum_exponential"])
    times = streams["sum_exponential"]
    newton, sweeps = (model.fit(times, T, m, fixed_decays=True) for m in ("mle", "em"))
    np.testing.assert_array_equal(newton.beta, [0.4, 5.0])
    assert np.isnan(newton.standard_errors["beta"]).all()
    assert "given" in newton.standard_error_note
    assert sweeps.log_likelihood == pytest.approx(newton.log_likelihood, rel=1e-10)
    assert model.fit(times, T).log_likelihood > newton.log_likelihood


def test_data_when_they_want_more_than_one_then_held_and_said():
    times = np.cumsum(np.exp(-np.linspace(0.0, 6.0, 500)))
    span = float(times[-1])
    newton, sweeps = (UnivariateHawkes().fit(times, span, m) for m in ("mle", "em"))
    for fit in (newton, sweeps):
        assert not fit.converged
        assert "want a branching ratio of 1" in fit.message
        assert 0.9999 < fit.branching_ratio < 1.0
        assert np.isnan(fit.standard_errors["mu"])
        assert "held below 1" in fit.standard_error_note
        assert UnivariateHawkes.from_parameters(fit).kernel.branching_ratio < 1.0
    assert sweeps.log_likelihood == pytest.approx(newton.log_likelihood, rel=1e-6)
    problem = exponential_problem(Window.of(times, span))
    free = ascend(problem, np.array([0.5, 1.0, 1.2]))
    assert free.wanted_ratio > 1.0
    # The best of the stationary ones: moving along the bound gains nothing.
    for factor in (0.98, 1.02):
        beta = newton.beta * factor
        other = exponential(Window.of(times, span), np.array([newton.mu]),
                            beta * newton.branching_ratio, beta, False).value
        assert other < newton.log_likelihood


def test_poisson_data_when_fitted_then_little_excitation():
    times = np.sort(np.random.default_rng(1).uniform(0.0, 2_000.0, 1_500))
    fit = UnivariateHawkes().fit(times, 2_000.0)
    flat = times.size * np.log(0.75) - times.size
    assert flat - 1e-6 <= fit.log_likelihood < flat + 6.0
    assert fit.branching_ratio < 0.2


def test_equal_times_when_fitted_then_counted_in_the_notes(streams):
    times = np.round(streams["exponential"], 1)
    fit = UnivariateHawkes().fit(np.minimum(times, T), T)
    ties = int((np.diff(times) == 0.0).sum())
    assert fit.notes[0].startswith(f"{ties} events share their time")


def test_power_law_when_mixed_then_as_exact_and_the_error_is_stated(streams):
    times = streams["power_law"][:900]
    span = float(times[-1])
    exact = UnivariateHawkes("power_law").fit(times, span)
    mixed = UnivariateHawkes("power_law").fit(times, span, approximation="mixture")
    assert exact.approximation_error == 0.0 and not exact.notes
    assert 0.0 < mixed.approximation_error < 1e-5
    assert "sum of exponentials" in mixed.notes[0]
    assert mixed.log_likelihood == pytest.approx(exact.log_likelihood, abs=1e-3)
    for key, value in exact.estimates.items():
        assert mixed.estimates[key] == pytest.approx(value, rel=1e-3)


def test_iterations_when_too_few_then_said(streams):
    fit = UnivariateHawkes("sum_exponential").fit(streams["sum_exponential"], T, "em",
                                                  max_iterations=3)
    assert not fit.converged and "still moving" in fit.message


def test_small_samples_when_fitted_then_an_answer_and_a_verdict():
    rng = np.random.default_rng(0)
    for count in (2, 3, 5, 8):
        times = np.sort(rng.uniform(0.0, 10.0, count))
        for name in KERNELS:
            for method in ("mle", "em"):
                fit = UnivariateHawkes(name).fit(times, 10.0, method, max_iterations=50)
                assert np.isfinite(fit.log_likelihood)
                assert fit.branching_ratio < 1.0
                assert fit.converged or fit.message


def test_foreign_exchange_times_when_fitted_then_the_published_optimum(market_data):
    times = np.load(market_data / "hawkes_fx_times.npy")
    span = float(times[-1])
    for method in ("mle", "em"):
        fit = UnivariateHawkes().fit(times, span, method)
        assert fit.log_likelihood >= -44491.530 - 1e-4
        assert fit.mu == pytest.approx(0.006089, abs=2e-6)
        assert fit.branching_ratio == pytest.approx(0.55656, abs=2e-5)
        assert fit.beta == pytest.approx(0.16488, abs=1e-5)
        assert fit.converged


def awkward(kind, seed):
    """Streams that once led EM astray: clusters, equal times, empty stretches; and their T."""
    rng = np.random.default_rng(seed)
    count = int(rng.integers(3, 60))
    centres = rng.uniform(0.0, 100.0, int(rng.integers(1, 6)))
    width = 10.0 ** rng.uniform(-9.0, 0.0)
    times = np.sort(np.abs(rng.choice(centres, count) + width * rng.standard_normal(count)))
    if kind == "equal":
        times = np.sort(np.round(times, int(rng.integers(0, 3))))
    if kind == "duplicated":
        times = np.repeat(times, int(rng.integers(2, 6)))
    return times, float(times[-1] + rng.choice([0.0, 1e-6, 50.0])) or 1.0


@pytest.mark.parametrize("kind", ["clustered", "equal", "duplicated"])
@pytest.mark.parametrize("terms", [1, 2, 3])
def test_em_when_times_cluster_or_coincide_then_never_downhill_and_in_bounds(kind, terms):
    for seed in range(8):
        times, span = awkward(kind, 100 * terms + seed)
        window = Window.of(times, span)
        rate = times.size / span
        betas = rate * 10.0 ** np.arange(terms)
        done = em_exponentials(window, np.concatenate([0.5 / terms * betas, betas]),
                               np.zeros(terms), None, tolerance=1e-7, max_sweeps=200)
        course, problem = done.course, done.problem
        history = np.array(course.history)
        assert np.isfinite(history).all() and np.isfinite(course.x).all()
        assert (np.diff(history) >= -1e-12 * (1.0 + np.abs(history[:-1]))).all(), (kind, seed)
        assert (course.x >= problem.lower).all() and (course.x <= problem.upper).all()
        assert problem.branching(course.x).value <= 1.0


def test_em_when_equal_times_pull_a_decay_away_then_it_stops_at_its_bound():
    # One stamp for five events again and again: the fast term explains them best at lag 0.
    times = np.repeat(np.arange(1.0, 31.0), 5)
    fit = UnivariateHawkes("sum_exponential").fit(times, 31.0, "em")
    most = 1e3 / 1.0
    assert np.isfinite(fit.log_likelihood) and fit.branching_ratio < 1.0
    assert fit.beta.max() <= most * (1.0 + 1e-9)
    newton = UnivariateHawkes("sum_exponential").fit(times, 31.0)
    assert fit.log_likelihood <= newton.log_likelihood + 1e-6
    assert fit.log_likelihood == pytest.approx(newton.log_likelihood, rel=1e-3)


def test_parameter_count_when_decays_are_held_then_without_them():
    model = UnivariateHawkes(SumExponentialKernel([0.1, 1.0], [0.4, 5.0]), mu=0.3)
    times = model.simulate(500.0, np.random.default_rng(3))
    assert model.fit(times, 500.0, fixed_decays=True).parameter_count == 3
    assert model.fit(times, 500.0).parameter_count == 5
    start = MultivariateHawkes([0.5], [[0.5]], 2.0)
    assert start.fit([times], 500.0, fixed_decays=True).parameter_count == 2
    assert start.fit([times], 500.0).parameter_count == 3


@pytest.mark.parametrize(("changed", "says"), [
    ({"alpha": "x"}, "could not convert"), ({"alpha": None}, "finite numbers"),
    ({"log_likelihood": None}, "finite numbers"), ({"standard_errors": 3}, "no attribute"),
    ({"what": 1}, "unexpected keyword"), ({"notes": 3}, "not iterable"),
])
def test_parameters_when_a_file_is_damaged_then_one_clear_error(changed, says):
    good = HawkesParameters("exponential", 0.5, 0.6, 1.2, -10.0, 0.5).to_dict()
    with pytest.raises(HawkesError, match="not the parameters of a Hawkes fit") as caught:
        HawkesParameters.from_dict({**good, **changed})
    assert says in str(caught.value)
    with pytest.raises(HawkesError, match="must be an object of names and values, was int"):
        HawkesParameters.from_dict(3)


@pytest.mark.parametrize("T", ["x", None, 1e-300, 1e300, 0.0, -1.0, np.nan, np.inf])
def test_length_when_no_length_then_one_clear_error(T):
    several = MultivariateHawkes([0.5], [[0.5]], 2.0)
    for call in (lambda: UnivariateHawkes().fit([0.5, 0.7], T),
                 lambda: several.fit([[0.5]], T), lambda: several.log_likelihood([[0.5]], T),
                 lambda: several.compensator([[0.5]], T), lambda: several.residuals([[0.5]], T)):
        with pytest.raises(HawkesError, match=r"^T must be"):
            call()


def test_power_law_when_its_exponent_is_large_and_its_window_long_then_finite():
    kernel, error = PowerLawKernel(0.5, 2.0, 60.0).as_sum_of_exponentials(40, 1e6)
    assert error < 0.01 and np.isfinite(kernel.value([0.0, 1.0, 1e6])).all()
