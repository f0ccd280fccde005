"""Several types with a kernel for each pair: evaluation, fits, stability, bad input."""

import re
from functools import cache

import numpy as np
import pytest

from dreammaker.hawkes import (
    ExponentialKernel,
    HawkesError,
    HawkesParameters,
    MultivariateHawkes,
    MultivariateKernelHawkes,
    PowerLawKernel,
    SumExponentialKernel,
    UnivariateHawkes,
    goodness_of_fit,
)
from dreammaker.hawkes.diagnostics import model_of

EXPONENTIALS = [[ExponentialKernel(0.6, 1.5), ExponentialKernel(0.2, 1.0)],
                [ExponentialKernel(0.4, 0.8), ExponentialKernel(0.5, 2.0)]]
SUMS = [[SumExponentialKernel([0.1, 3.0], [0.5, 20]), SumExponentialKernel([0.02, 1.0], [0.2, 8])],
        [SumExponentialKernel([0.05, 2.0], [0.4, 15]), SumExponentialKernel([0.1, 4], [0.6, 30])]]
POWERS = [[PowerLawKernel(0.8, 2.0, 2.2), PowerLawKernel(0.2, 1.0, 1.8)],
          [PowerLawKernel(0.3, 1.5, 2.0), PowerLawKernel(0.5, 2.0, 1.9)]]
EVENTS = [[0.4, 1.7, 2.2, 4.6], [1.0, 2.9, 3.1]]
MODEL = MultivariateKernelHawkes(EXPONENTIALS, [0.3, 0.2])


def test_exponential_pairs_equal_the_fast_class():
    fast = MultivariateHawkes([0.3, 0.2], [[0.6, 0.2], [0.4, 0.5]], [[1.5, 1.0], [0.8, 2.0]])
    events = fast.simulate(300.0, np.random.default_rng(2))
    t = np.linspace(0.0, 300.0, 50)
    assert MODEL.log_likelihood(events, 300.0) == pytest.approx(
        fast.log_likelihood(events, 300.0), rel=1e-12)
    np.testing.assert_allclose(MODEL.intensity(t, events), fast.intensity(t, events), rtol=1e-10)
    np.testing.assert_allclose(MODEL.intensity(7.0, events), fast.intensity(7.0, events))
    np.testing.assert_allclose(MODEL.compensator(events, 300.0), fast.compensator(events, 300.0))
    for ours, theirs in zip(MODEL.residuals(events, 300.0), fast.residuals(events, 300.0),
                            strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-8)
    for key, value in fast.gradient(events, 300.0).items():
        np.testing.assert_allclose(MODEL.gradient(events, 300.0)[key], value, rtol=1e-9)
    ours, theirs = MODEL.fit(events, 300.0), fast.fit(events, 300.0)
    assert ours.log_likelihood == pytest.approx(theirs.log_likelihood, abs=1e-7)
    np.testing.assert_allclose(ours.standard_errors["beta"], theirs.standard_errors["beta"],
                               rtol=1e-4)
    assert ours.standard_errors["branching_ratio"] == pytest.approx(
        theirs.standard_errors["branching_ratio"], rel=1e-4)


def test_one_type_equals_the_class_for_one_type():
    one = UnivariateHawkes(SUMS[0][0], mu=0.5)
    several = MultivariateKernelHawkes([[SUMS[0][0]]], [0.5])
    times = one.simulate(2_000.0, np.random.default_rng(4))
    assert several.log_likelihood([times], 2_000.0) == pytest.approx(
        one.log_likelihood(times, 2_000.0), rel=1e-12)
    np.testing.assert_allclose(several.residuals([times], 2_000.0)[0],
                               one.residuals(times, 2_000.0))
    assert several.fit([times], 2_000.0).log_likelihood == pytest.approx(
        one.fit(times, 2_000.0).log_likelihood, abs=1e-6)


@cache
def sample(name):
    kernels = {"sums": SUMS, "powers": POWERS, "knots": EXPONENTIALS}[name]
    model = MultivariateKernelHawkes(
        kernels, [[0.2, 0.6], [0.5, 0.3]] if name == "knots" else [0.3, 0.2],
        [0.0, 3_000.0, 6_000.0] if name == "knots" else None)
    return model, model.simulate(6_000.0, np.random.default_rng(6 if name == "powers" else 5))


@pytest.mark.parametrize("name", ["sums", "powers", "knots"])
def test_simulated_when_tested_then_accepted_and_fitted_above_the_truth(name):
    model, events = sample(name)
    assert sum(map(len, events)) > 5_000
    # Null: time rescaling makes the residuals independent Exp(1); both tests at 1 %.
    assert goodness_of_fit(model, events, 6_000.0).accepted
    again = MultivariateKernelHawkes(model.kernel_name, knots=model.knots)
    fit = again.fit(events, 6_000.0)
    assert fit.converged and fit.standard_error_note == ""
    assert 0.0 < fit.log_likelihood - model.log_likelihood(events, 6_000.0) < 25.0
    assert abs(fit.spectral_radius - model.spectral_radius) < (
        4.0 * fit.standard_errors["branching_ratio"])
    gradient = again.gradient(events, 6_000.0)
    for key, value in gradient.items():
        # No slope is left, measured in standard errors.
        assert np.abs(value * fit.standard_errors[key]).max() < 1e-3
    truth = {"mu": model.mu}
    for key, value in truth.items():
        assert (np.abs(fit.estimates[key] - value) < 5.0 * fit.standard_errors[key]).all()
    assert again.log_likelihood(events, 6_000.0) == pytest.approx(fit.log_likelihood, abs=0.01)


def test_fit_when_written_and_read_then_the_same_model():
    model, events = sample("knots")
    fit = MultivariateKernelHawkes("exponential", knots=model.knots).fit(events, 6_000.0)
    back = HawkesParameters.from_dict(fit.to_dict())
    assert np.shape(back.mu) == (2, 2) and back.parameter_count == 12
    read = model_of(back)
    assert isinstance(read, MultivariateKernelHawkes)
    assert read.log_likelihood(events, 6_000.0) == pytest.approx(fit.log_likelihood, rel=1e-12)


def test_data_that_want_more_than_stability_get_the_best_stable_fit():
    # A rate that climbs steadily looks like excitation without end.
    rng = np.random.default_rng(8)
    events = [np.sort(600.0 * np.sqrt(rng.uniform(size=400))) for _ in range(2)]
    events = [np.sort(np.concatenate([part, part + 1e-3 * rng.uniform(size=400)]))[:780]
              for part in events]
    fit = MultivariateKernelHawkes("power_law").fit(events, 601.0)
    if not fit.converged and "which no stationary process has" in fit.message:
        assert fit.spectral_radius < 1.0
        assert np.isnan(fit.standard_errors["alpha"]).all()
    assert fit.spectral_radius < 1.0 and np.isfinite(fit.log_likelihood)


@pytest.mark.parametrize(("call", "says"), [
    (lambda: MultivariateKernelHawkes("gamma"), "kernels must be one of exponential"),
    (lambda: MultivariateKernelHawkes([[EXPONENTIALS[0][0]], []], [1.0]), "rows of d"),
    (lambda: MultivariateKernelHawkes([[1.0]], [1.0]), "Kernel objects alone"),
    (lambda: MultivariateKernelHawkes([[EXPONENTIALS[0][0], POWERS[0][0]],
                                       EXPONENTIALS[1]], [1, 1]), "of one family"),
    (lambda: MultivariateKernelHawkes(
        [[SUMS[0][0], SumExponentialKernel([0.1], [1.0])], SUMS[1]], [1, 1]), "number of terms"),
    (lambda: MultivariateKernelHawkes(EXPONENTIALS), "need base rates"),
    (lambda: MultivariateKernelHawkes(EXPONENTIALS, [1.0]), r"mu must have shape \(2,\)"),
    (lambda: MultivariateKernelHawkes(EXPONENTIALS, [1.0, 0.0]), "mu must be above 0"),
    (lambda: MultivariateKernelHawkes(EXPONENTIALS, [1.0, np.nan]), "mu must be finite"),
    (lambda: MultivariateKernelHawkes("power_law", [1.0]), "base rates come with kernels"),
    (lambda: MultivariateKernelHawkes("power_law", knots=[1.0, 2.0]), "increase from 0"),
    (lambda: MultivariateKernelHawkes("power_law", components=0), "components must be 1 to 8"),
    (lambda: MultivariateKernelHawkes([[ExponentialKernel(2.0, 1.0)]], [1.0]), "spectral radius"),
    (lambda: MultivariateKernelHawkes([[PowerLawKernel(0.1, 1.0, 0.9)]], [1.0]),
     "spectral radius must be below 1"),
    (lambda: MultivariateKernelHawkes("power_law").intensity(1.0, EVENTS), "no kernels yet"),
    (lambda: MODEL.intensity(-1.0, EVENTS), "0 or more"),
    (lambda: MODEL.log_likelihood(EVENTS, 4.0), "must lie within"),
    (lambda: MODEL.log_likelihood([[2.0, 1.0], []], 4.0), "must be sorted"),
    (lambda: MODEL.log_likelihood([[1.0]], 4.0), "list of 2 arrays"),
    (lambda: MODEL.fit(EVENTS, 5.0, "em"), 'must be "mle"'),
    (lambda: MODEL.fit(EVENTS, 5.0, max_iterations=0), "max_iterations must be 1"),
    (lambda: MODEL.fit([[1.0, 2.0], []], 5.0), "at least 2 events of each type, type 1 had 0"),
    (lambda: MultivariateKernelHawkes(EXPONENTIALS, [[1, 1], [1, 1]], [0, 1, 2]).compensator(
        EVENTS, 5.0), "known to 2 s"),
    (lambda: MultivariateKernelHawkes("exponential", knots=[0, 1, 2]).fit(EVENTS, 5.0),
     "last knot must be at T"),
    (lambda: MODEL.simulate(10.0, 3), "rng must be"),
    (lambda: MultivariateKernelHawkes.from_parameters(
        HawkesParameters("exponential", 1.0, 0.5, 1.0, 0.0, 0.5)), "use UnivariateHawkes"),
])
def test_bad_input_is_one_clear_error(call, says):
    with pytest.raises(HawkesError, match=says) as caught:
        call()
    assert re.search(r"\n", str(caught.value)) is None


@pytest.mark.parametrize("name", ["exponential", "sum_exponential", "power_law"])
@pytest.mark.parametrize("events", [
    [[1.0, 1.0], [1.0, 1.0]], [[0.0, 5.0], [0.0, 5.0]], [[1e-300, 2e-300], [5.0 - 1e-9, 5.0]],
    [np.linspace(2.0, 2.0 + 1e-12, 50), np.linspace(2.0, 2.0 + 1e-12, 50)],
])
def test_awkward_events_get_finite_stable_estimates(name, events):
    fit = MultivariateKernelHawkes(name).fit(events, 5.0)
    assert np.isfinite(fit.log_likelihood) and fit.spectral_radius < 1.0
    for value in fit.estimates.values():
        assert np.isfinite(value).all()
