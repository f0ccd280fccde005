"""Kernels and the process of one type: published values, every method, every bad input."""

import json

import numpy as np
import pytest

from dreammaker.hawkes import (
    ExponentialKernel,
    HawkesError,
    HawkesParameters,
    PiecewiseConstantBaseline,
    PowerLawKernel,
    SumExponentialKernel,
    UnivariateHawkes,
    resolve_ties,
)
from tests.kernels import naive_hawkes as naive

EVENTS = [1.0, 2.0, 3.5, 4.0, 7.0]
MODEL = UnivariateHawkes(ExponentialKernel(0.8, 1.2), mu=0.5)


def test_intensity_compensator_and_residuals_when_published_then_those():
    np.testing.assert_allclose(
        MODEL.intensity(EVENTS, EVENTS),
        [.5, .7409553695, .6720687653, 1.0334826495, .5364357098], atol=5e-11)
    np.testing.assert_allclose(
        MODEL.compensator([*EVENTS, 10.0], EVENTS),
        [.5, 1.4658705254, 2.9399426956, 3.5554311254, 6.1363035752, 8.3142878857], atol=5e-11)
    np.testing.assert_allclose(
        MODEL.residuals(EVENTS, 10.0),
        [.5, .9658705254, 1.4740721702, .6154884298, 2.5808724497], atol=5e-11)
    np.testing.assert_allclose(MODEL.gradient(EVENTS, 10.0),
                               [-2.3306896671, -2.6861788152, 1.2915193198], atol=5e-11)


def test_intensity_when_data_begin_in_mid_stream_then_published():
    arrivals = [0.97794, 1.09001, 1.28999, 1.53225, 1.65001, 2.51807, 2.81710, 2.87547, 3.16415,
                3.51378, 4.22355, 16.96752, 17.71654, 19.10293, 24.06354, 24.09256, 28.40173,
                28.53743, 28.56702]
    published = [0.43838, 1.43128, 2.02711, 2.33527, 3.01139, 1.36377, 1.74553, 2.72378, 2.65016,
                 2.40131, 1.43843, 0.30000, 0.69015, 0.49874, 0.30082, 1.44967, 0.30366, 1.28198,
                 2.38725]
    model = UnivariateHawkes(ExponentialKernel(1.2, 1.5), mu=0.3, initial_excitation=0.6)
    np.testing.assert_allclose(model.intensity(arrivals, arrivals), published, atol=3e-5)
    assert float(model.intensity(0.0, arrivals)) == pytest.approx(0.9)
    expected = naive.log_likelihood(np.array(arrivals), 30.0, naive.phi_exponential([1.2], [1.5]),
                                    [0.0, 30.0], [0.3], [0.6], [1.5])
    assert model.log_likelihood(arrivals, 30.0) == pytest.approx(expected, rel=1e-9)


def test_power_law_when_published_then_those():
    model = UnivariateHawkes(PowerLawKernel(0.9, 2.0, 2.5), mu=0.5)
    np.testing.assert_allclose(
        model.intensity(EVENTS, EVENTS),
        [.5, .5577350269, .5383312073, .6821409198, .5156337079], atol=5e-11)
    assert float(model.compensator(10.0, EVENTS)) == pytest.approx(6.4637717150, abs=5e-11)
    assert model.log_likelihood(EVENTS, 10.0) == pytest.approx(-9.4049491176, abs=5e-11)
    assert PowerLawKernel(0.9, 2.0, 2.5).branching_ratio == pytest.approx(0.3, abs=1e-15)


def test_kernels_when_published_then_those():
    kernel = PowerLawKernel(0.9, 2.0, 1.5)
    assert kernel.branching_ratio == pytest.approx(0.9, abs=1e-15)
    assert float(kernel.integral(3.0)) == pytest.approx(0.5598319743, abs=5e-11)
    long = SumExponentialKernel.hardiman_bercot_bouchaud(0.99, 0.15, 0.1, m=5.0, points=15)
    np.testing.assert_allclose(
        long.value([0.01, 0.1, 1, 10, 100, 1000]),
        [.8481808112, 1.1897310927, .0970204306, .0065009361, .0004849660, 3.3007787731e-5],
        atol=5e-11)
    assert abs(float(long.value(0.0))) < 1e-13
    assert long.branching_ratio == pytest.approx(0.99, abs=1e-13)
    slope = np.log(long.value(1000.0) / long.value(1.0)) / np.log(1000.0)
    assert float(slope) == pytest.approx(-1.1560822600, abs=5e-11)


@pytest.mark.parametrize("kernel", [
    ExponentialKernel(0.8, 1.2), SumExponentialKernel([0.2, 0.3], [0.5, 4.0]),
    PowerLawKernel(0.9, 2.0, 1.5), PowerLawKernel(0.4, 2.0, 1.0), PowerLawKernel(0.4, 2.0, 0.7)])
def test_integral_when_differenced_then_the_value(kernel):
    x = np.array([0.0, 0.3, 2.0, 40.0])
    slope = (kernel.integral(x + 1e-6) - kernel.integral(np.maximum(x - 1e-6, 0.0)))
    slope /= x + 1e-6 - np.maximum(x - 1e-6, 0.0)
    np.testing.assert_allclose(slope, kernel.value(x), rtol=1e-5, atol=1e-9)
    np.testing.assert_array_equal(kernel.value([-1.0]), 0.0)
    np.testing.assert_array_equal(kernel.integral([-1.0]), 0.0)


@pytest.mark.parametrize("p", [0.7, 1.0, 1.5, 3.5])
@pytest.mark.parametrize(("points", "horizon", "most"), [
    (15, 100.0, 3e-3), (30, 1e4, 2e-4), (60, 1e4, 1e-6)])
def test_sum_of_exponentials_when_bound_is_stated_then_kept_off_the_grid(p, points, horizon, most):
    kernel = PowerLawKernel(0.9, 2.0, p)
    close, bound = kernel.as_sum_of_exponentials(points=points, horizon=horizon)
    lags = np.random.default_rng(1).uniform(0.0, 1.0, 20_000)
    lags = np.concatenate([lags * horizon, horizon ** lags, lags])
    error = np.abs(close.value(lags[lags <= horizon]) / kernel.value(lags[lags <= horizon]) - 1.0)
    assert error.max() <= bound < most
    assert len(close.alphas) == points


def test_sum_of_exponentials_when_asked_then_of_the_same_branching_ratio():
    close, bound = PowerLawKernel(0.9, 2.0, 1.5).as_sum_of_exponentials(match_branching=True)
    assert close.branching_ratio == pytest.approx(0.9, rel=1e-12)
    assert bound < 1e-3


def test_piecewise_baseline_when_evaluated_then_its_steps():
    base = PiecewiseConstantBaseline([0.0, 2.0, 10.0], [0.5, 0.1])
    model = UnivariateHawkes(ExponentialKernel(0.8, 1.2), baseline=base)
    expected = naive.log_likelihood(np.array(EVENTS), 10.0, naive.phi_exponential([0.8], [1.2]),
                                    base.knots, base.rates)
    assert model.log_likelihood(EVENTS, 10.0) == pytest.approx(expected, rel=1e-10)
    assert model.residuals(EVENTS, 10.0).sum() == pytest.approx(
        float(model.compensator(7.0, EVENTS)))
    assert model.gradient(EVENTS, 10.0).shape == (4,)
    with pytest.raises(HawkesError, match="last knot must be at T"):
        model.log_likelihood(EVENTS, 11.0)
    with pytest.raises(HawkesError, match="known to 10 s"):
        model.compensator(11.0, EVENTS)
    with pytest.raises(HawkesError, match="known to 10 s"):
        model.simulate(11.0, np.random.default_rng(1))


@pytest.mark.parametrize(("model", "mean"), [
    (MODEL, 1.5),
    (UnivariateHawkes(SumExponentialKernel([0.1, 1.0], [0.5, 4.0]), mu=0.5), 0.5 / 0.55),
    (UnivariateHawkes(PowerLawKernel(0.9, 2.0, 2.5), mu=0.5), 0.5 / 0.7),
    (UnivariateHawkes(ExponentialKernel(0.8, 1.2), baseline=PiecewiseConstantBaseline(
        [0.0, 2_000.0, 5_000.0], [0.8, 0.3])), 1.5)])
def test_simulation_when_long_then_of_the_mean_rate_and_exponential_residuals(model, mean):
    T = 4_000.0 if model.baseline is None else 5_000.0
    times = model.simulate(T, np.random.default_rng(12345))
    assert times.size == pytest.approx(mean * T, rel=0.08)
    residuals = model.residuals(times, T)
    assert residuals.mean() == pytest.approx(1.0, abs=4.0 / np.sqrt(times.size))
    assert residuals.std() == pytest.approx(1.0, abs=0.06)
    again = model.simulate(T, np.random.default_rng(12345))
    np.testing.assert_array_equal(times, again)
    assert not np.array_equal(times[:5], model.simulate(T, np.random.default_rng(1))[:5])


def test_simulation_when_excitation_was_left_then_more_at_first():
    rng = np.random.default_rng(2)
    kernel = SumExponentialKernel([0.2, 0.3], [1.0, 2.0])
    excited = UnivariateHawkes(kernel, mu=0.01, initial_excitation=[50.0, 100.0])
    counts = [excited.simulate(20.0, rng).size for _ in range(200)]
    # 50 / 1 + 100 / 2 immigrants and their offspring, and 0.2 from the base rate.
    assert np.mean(counts) == pytest.approx(100.2 / (1 - 0.35), rel=0.03)


def test_large_power_law_when_summed_by_mixture_then_as_directly():
    model = UnivariateHawkes(PowerLawKernel(0.9, 2.0, 2.5), mu=0.5)
    times = model.simulate(8_200.0, np.random.default_rng(4))
    assert times.size > 5_000
    direct = float(np.sum(np.log(model.intensity(times, times)[:4_000])))
    window = times[:4_000]
    assert model.log_likelihood(window, float(window[-1])) == pytest.approx(
        direct - float(model.compensator(window[-1], window)), rel=1e-6)
    residuals = model.residuals(times, 8_200.0)
    chunk = np.diff(model.compensator(times[:300], times[:300]), prepend=0.0)
    np.testing.assert_allclose(residuals[:300], chunk, rtol=1e-4, atol=1e-8)


BAD_EVENTS = {
    "unsorted": ([1.0, 3.0, 2.0], 10.0, r"must not decrease, event 2 at 2.0 s comes after 3.0 s"),
    "after T": ([1.0, 11.0], 10.0, r"must lie in \[0, T\] = \[0, 10\], were 1 to 11"),
    "before 0": ([-1.0, 1.0], 10.0, r"must lie in \[0, T\]"),
    "NaN": ([1.0, np.nan], 10.0, "must be finite, event 1 was nan"),
    "infinite": ([1.0, np.inf], 10.0, "must be finite"),
    "two dimensions": ([[1.0], [2.0]], 10.0, r"one dimension, had shape \(2, 1\)"),
    "a number": (1.0, 10.0, "one dimension"),
    "words": (["a", "b"], 10.0, "must be numbers"),
    "T = 0": ([], 0.0, "T must be a finite number of seconds above 0, was 0"),
    "T NaN": ([1.0], float("nan"), "T must be a finite number"),
    "T negative": ([], -1.0, "T must be a finite number"),
}


@pytest.mark.parametrize("case", BAD_EVENTS)
@pytest.mark.parametrize("call", ["log_likelihood", "gradient", "residuals", "fit"])
def test_events_when_bad_then_one_clear_error(case, call):
    events, T, message = BAD_EVENTS[case]
    with pytest.raises(HawkesError, match=message) as error:
        getattr(MODEL, call)(events, T)
    assert error.value.exit_code == 2


def test_events_when_few_or_equal_then_documented():
    assert MODEL.log_likelihood([], 10.0) == pytest.approx(-5.0)
    assert MODEL.residuals([], 10.0).size == 0
    assert MODEL.log_likelihood([4.0], 10.0) == pytest.approx(
        np.log(0.5) - 5.0 - 0.8 / 1.2 * (1 - np.exp(-1.2 * 6.0)))
    # Equal times: the second is excited by the first at lag 0.
    assert MODEL.log_likelihood([4.0, 4.0], 10.0) == pytest.approx(
        np.log(0.5) + np.log(1.3) - 5.0 - 1.6 / 1.2 * (1 - np.exp(-1.2 * 6.0)))
    assert MODEL.intensity([4.0], [4.0, 4.0])[0] == 0.5
    for events in ([], [4.0], [4.0, 4.0]):
        with pytest.raises(HawkesError, match="a fit needs"):
            MODEL.fit(events, 10.0)


@pytest.mark.parametrize(("make", "message"), [
    (lambda: ExponentialKernel(-0.1, 1.0), "alpha must be a finite number 0 or more, was -0.1"),
    (lambda: ExponentialKernel(0.1, 0.0), "beta must be a finite number above 0"),
    (lambda: ExponentialKernel("x", 1.0), "alpha must be a number, was 'x'"),
    (lambda: ExponentialKernel(float("nan"), 1.0), "alpha must be a finite"),
    (lambda: SumExponentialKernel([0.1], [1.0, 2.0]), "one length"),
    (lambda: SumExponentialKernel([], []), "one length, at least 1"),
    (lambda: SumExponentialKernel([0.1, -0.5], [1.0, 2.0]), "must not be negative"),
    (lambda: SumExponentialKernel([np.inf], [1.0]), "alphas must be finite"),
    (lambda: PowerLawKernel(0.1, 1.0, 0.0), "p must be a finite number above 0"),
    (lambda: PowerLawKernel(0.1, 1.0, 2.0).as_sum_of_exponentials(points=1), "points must be"),
    (lambda: PowerLawKernel(0.1, 1.0, 2.0).as_sum_of_exponentials(horizon=0.0), "horizon must be"),
    (lambda: PowerLawKernel(0.1, 1.0, 0.9).as_sum_of_exponentials(match_branching=True),
     "p must be above 1"),
    (lambda: PowerLawKernel(0.1, 1.0, 2.0).value(np.nan), "found NaN"),
    (lambda: SumExponentialKernel.hardiman_bercot_bouchaud(0.9, 0.1, 0.1, m=1.0), "m must be"),
    (lambda: UnivariateHawkes(ExponentialKernel(1.2, 1.0), mu=0.5),
     "branching ratio must be below 1 for a stationary process, was 1.2"),
    (lambda: UnivariateHawkes(PowerLawKernel(0.1, 1.0, 1.0), mu=0.5), "was inf"),
    (lambda: UnivariateHawkes(mu=0.0), "mu must be a finite number above 0"),
    (lambda: UnivariateHawkes(mu=1.0, baseline=PiecewiseConstantBaseline([0, 1])), "not both"),
    (lambda: UnivariateHawkes("gaussian"), "kernel must be one of exponential"),
    (lambda: UnivariateHawkes(3), "must be a Kernel or a name"),
    (lambda: UnivariateHawkes(components=0), "components must be 1 to 8"),
    (lambda: UnivariateHawkes(initial_excitation=-1.0), "initial_excitation must be finite"),
    (lambda: UnivariateHawkes("power_law", initial_excitation=1.0), "no single decay"),
    (lambda: UnivariateHawkes(SumExponentialKernel([0.1, 0.1], [1, 2]), mu=1.0,
                              initial_excitation=[1.0, 2.0, 3.0]).intensity(1.0), "2 terms"),
    (lambda: PiecewiseConstantBaseline([0.0]), "knots must be two or more"),
    (lambda: PiecewiseConstantBaseline([1.0, 2.0]), "increase from 0"),
    (lambda: PiecewiseConstantBaseline([0.0, 2.0, 2.0]), "increase from 0"),
    (lambda: PiecewiseConstantBaseline([0.0, 2.0], [1.0, 2.0]), "bound 1 pieces"),
    (lambda: PiecewiseConstantBaseline([0.0, 2.0], [0.0]), "above 0"),
    (lambda: UnivariateHawkes().intensity(1.0), "no kernel yet"),
    (lambda: UnivariateHawkes(ExponentialKernel(0.1, 1.0)).log_likelihood([1.0], 2.0),
     "no base rate yet"),
    (lambda: MODEL.intensity([-1.0], EVENTS), "times must be finite and 0 or more"),
    (lambda: MODEL.simulate(0.0, np.random.default_rng(1)), "T must be"),
    (lambda: MODEL.simulate(1.0, None), "rng must be a numpy.random.Generator"),
    (lambda: MODEL.simulate(1.0, np.random.default_rng(1), method="x"), "method must be"),
    (lambda: MODEL.fit(EVENTS, 10.0, "newton"), 'method must be "mle" or "em"'),
    (lambda: MODEL.fit(EVENTS, 10.0, max_iterations=0), "max_iterations must be"),
    (lambda: MODEL.fit(EVENTS, 10.0, approximation="x"), "approximation must be"),
    (lambda: UnivariateHawkes("power_law").fit(EVENTS, 10.0, "em", approximation="exact"),
     "as a mixture"),
    (lambda: UnivariateHawkes().fit(EVENTS, 10.0, fixed_decays=True), "needs a given"),
    (lambda: UnivariateHawkes(SumExponentialKernel.hardiman_bercot_bouchaud(0.9, 0.1, 0.1)).fit(
        EVENTS, 10.0), "negative weights"),
    (lambda: resolve_ties([1.0, 1.0], "drop"), '"merge" or "spread"'),
    (lambda: resolve_ties([1.0, 1.0], "spread"), "pass the clock's resolution"),
    (lambda: HawkesParameters.from_dict({"mu": 1.0}), "not the parameters of a Hawkes fit"),
])
def test_parameters_when_bad_then_one_clear_error(make, message):
    with pytest.raises(HawkesError, match=message):
        make()


def test_ties_when_spread_then_only_they_move_and_within_a_tick():
    times = [1.0, 2.0, 2.0, 2.0, 3.0]
    spread = resolve_ties(times, "spread", resolution=0.001, rng=np.random.default_rng(1))
    assert spread[0] == 1.0 and spread[-1] == 3.0
    assert ((spread[1:4] >= 2.0) & (spread[1:4] < 2.001)).all()
    assert (np.diff(spread) > 0.0).all()
    assert resolve_ties([], "merge").size == 0


def test_parameters_when_written_and_read_then_the_same_model():
    fit = UnivariateHawkes("sum_exponential", baseline=PiecewiseConstantBaseline([0, 5, 10])).fit(
        EVENTS, 10.0)
    again = HawkesParameters.from_dict(json.loads(json.dumps(fit.to_dict())))
    model = UnivariateHawkes.from_parameters(again)
    assert model.log_likelihood(EVENTS, 10.0) == pytest.approx(fit.log_likelihood, rel=1e-12)
    assert set(again.standard_errors) == {"mu", "alpha", "beta", "branching_ratio"}
