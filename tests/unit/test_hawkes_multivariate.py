"""Bad input and boundaries of the multivariate model, its fits and simulations."""

import numpy as np
import pytest

from dreammaker.hawkes import (
    HawkesError,
    HawkesParameters,
    MultivariateHawkes,
    simulate_exponential,
    simulate_multivariate,
    simulate_power_law,
    simulate_sum_exponential,
)

MU, ALPHA, BETA = [0.3, 0.2], [[0.6, 0.2], [0.4, 0.5]], [[1.5, 1.0], [0.8, 2.0]]
MODEL = MultivariateHawkes(MU, ALPHA, BETA)
EVENTS = [[0.4, 1.7, 2.2, 4.6], [1.0, 2.9, 3.1]]


@pytest.mark.parametrize(("arguments", "says"), [
    (([], np.zeros((0, 0)), 1.0), "mu must be a vector"),
    ((0.3, ALPHA, BETA), "mu must be a vector"),
    ((MU, [[0.1, 0.2]], BETA), "alpha must be one number or have shape"),
    ((MU, 0.1, BETA), "alpha must have shape"),
    ((MU, ALPHA, [1.0, 2.0]), "beta must be one number or have shape"),
    (([0.3, 0.0], ALPHA, BETA), "mu and beta must be above 0"),
    ((MU, ALPHA, 0.0), "mu and beta must be above 0"),
    ((MU, [[0.6, -0.2], [0.4, 0.5]], BETA), "alpha and initial_excitation must be 0 or more"),
    ((MU, ALPHA, BETA, -1.0), "alpha and initial_excitation must be 0 or more"),
    (([0.3, np.nan], ALPHA, BETA), "mu must be finite"),
    ((MU, [[2.0, 0.2], [0.4, 0.5]], BETA), "spectral radius must be below 1"),
])
def test_model_when_impossible_then_one_sentence(arguments, says):
    with pytest.raises(HawkesError, match=says):
        MultivariateHawkes(*arguments)


@pytest.mark.parametrize(("events", "T", "says"), [
    ([[1.0, 0.5], [2.0]], 5.0, r"events\[0\] must be sorted, index 1 holds 0.5 after 1"),
    ([[1.0, np.nan], [2.0]], 5.0, "finite"),
    ([[1.0], [6.0]], 5.0, "within 0 to T = 5"),
    ([[-1.0], [2.0]], 5.0, "within 0 to T = 5"),
    ([[1.0], [2.0]], 0.0, "T must be a finite number of seconds above 0"),
    ([[1.0], [2.0]], np.inf, "T must be a finite number of seconds above 0"),
    ([[1.0]], 5.0, "list of 2 arrays"),
    ([[[1.0]], [2.0]], 5.0, "vector of seconds"),
    (([1.0, 2.0], [0, 2]), 5.0, "marks must be 0 to 1"),
    (([1.0, 2.0], [0]), 5.0, "one length"),
    ([["a"], [2.0]], 5.0, "must be numbers"),
])
def test_events_when_damaged_then_one_sentence(events, T, says):
    for call in (MODEL.log_likelihood, MODEL.fit, MODEL.residuals, MODEL.compensator):
        with pytest.raises(HawkesError, match=says):
            call(events, T)


def test_fit_when_a_component_is_empty_then_one_sentence():
    with pytest.raises(HawkesError, match="component 1 has no events"):
        MODEL.fit([[1.0, 2.0], []], 5.0)


def test_fit_when_options_unknown_or_contradictory_then_one_sentence():
    with pytest.raises(HawkesError, match="method must be 'mle' or 'em'"):
        MODEL.fit(EVENTS, 5.0, "moments")
    with pytest.raises(HawkesError, match="method 'em' estimates the decays"):
        MODEL.fit(EVENTS, 5.0, "em", fixed_decays=True)
    with pytest.raises(HawkesError, match="takes no initial_excitation"):
        MultivariateHawkes(MU, ALPHA, BETA, 0.1).fit(EVENTS, 5.0, "em")


def test_events_of_all_forms_are_one():
    times = np.array([0.4, 1.0, 1.7, 2.2, 2.9, 3.1, 4.6])
    marks = [0, 1, 0, 0, 1, 1, 0]
    expected = MODEL.log_likelihood(EVENTS, 5.0)
    assert MODEL.log_likelihood((times, marks), 5.0) == expected
    assert MODEL.log_likelihood({"buy": EVENTS[0], "sell": EVENTS[1]}, 5.0) == expected
    # Two float arrays are two types, in a tuple as well.
    assert MODEL.log_likelihood(tuple(np.array(part) for part in EVENTS), 5.0) == expected


def test_equal_times_are_taken_in_order():
    # The second of two events at one moment meets the first one's whole jump.
    value = MODEL.log_likelihood([[1.0], [1.0]], 2.0)
    gone = -np.expm1(-np.array(BETA))
    total = 0.5 * 2.0 + (np.array(ALPHA) / BETA * gone).sum()
    assert value == pytest.approx(np.log(0.3) + np.log(0.2 + 0.4) - total, rel=1e-12)


@pytest.mark.parametrize("beta", [1.0, np.full((2, 2), 1.0)])
@pytest.mark.parametrize("method", ["mle", "em"])
def test_fit_when_one_event_each_then_finite(beta, method):
    fit = MultivariateHawkes([0.1, 0.1], np.full((2, 2), 0.1), beta).fit([[1.0], [2.5]], 10.0,
                                                                        method)
    assert np.isfinite(fit.log_likelihood)
    assert fit.branching_ratio < 1.0
    assert (np.asarray(fit.mu) > 0).all()


def test_fit_when_data_want_more_than_stability_then_bounded_and_said():
    # A rate that doubles again and again cannot be stationary.
    grown = 10.0 * np.log1p(np.arange(1, 601) / 5.0)
    fit = MultivariateHawkes([1.0, 1.0], np.full((2, 2), 0.3), 1.0).fit(
        [grown[::2], grown[1::2]], float(grown[-1]))
    assert fit.branching_ratio < 1.0
    assert not fit.converged
    assert "the data want a spectral radius of" in fit.message
    assert np.isnan(fit.standard_errors["mu"]).all()
    model = MultivariateHawkes.from_parameters(fit)
    assert model.log_likelihood([grown[::2], grown[1::2]], float(grown[-1])) == pytest.approx(
        fit.log_likelihood, rel=1e-9)


@pytest.mark.parametrize("beta", [1.4, BETA])
@pytest.mark.parametrize("method", ["mle", "em"])
def test_fit_when_written_as_json_then_read_back_the_same(beta, method, tmp_path):
    from dreammaker.hawkes import load_parameters, save_parameters

    model = MultivariateHawkes(MU, ALPHA, beta)
    events = model.simulate(300.0, np.random.default_rng(1))
    fit = model.fit(events, 300.0, method)
    save_parameters(fit, tmp_path / "fit.json")
    back = load_parameters(tmp_path / "fit.json")
    assert back.log_likelihood == fit.log_likelihood
    np.testing.assert_array_equal(back.alpha, fit.alpha)
    np.testing.assert_array_equal(back.beta, fit.beta)
    np.testing.assert_array_equal(back.standard_errors["mu"], fit.standard_errors["mu"])
    again = MultivariateHawkes.from_parameters(back)
    assert again.log_likelihood(events, 300.0) == pytest.approx(fit.log_likelihood, rel=1e-12)


def test_file_when_not_parameters_then_one_sentence(tmp_path):
    from dreammaker.hawkes import load_parameters

    for text, says in (("{", "line 1: not JSON"), ("[1]", "one JSON object"),
                       ('{"mu": 1.0}', "not the parameters of a Hawkes fit")):
        path = tmp_path / "fit.json"
        path.write_text(text)
        with pytest.raises(HawkesError, match=says):
            load_parameters(path)
    with pytest.raises(HawkesError, match="cannot be read"):
        load_parameters(tmp_path / "absent.json")


def test_parameters_of_one_type_are_refused():
    fit = HawkesParameters("exponential", mu=0.5, alpha=0.6, beta=1.2, log_likelihood=0.0,
                           branching_ratio=0.5)
    with pytest.raises(HawkesError, match="of one type"):
        MultivariateHawkes.from_parameters(fit)


def test_em_and_newton_meet_at_one_optimum_and_em_never_falls():
    from dreammaker.hawkes.multivariate import arrange
    from dreammaker.hawkes.multivariate_em import _logs, sweep
    from dreammaker.hawkes.multivariate_sample import Point, Sample

    for beta in (1.4, BETA):
        model = MultivariateHawkes(MU, ALPHA, beta)
        events = model.simulate(2_000.0, np.random.default_rng(4))
        start = MultivariateHawkes([0.5, 0.5], np.full((2, 2), 0.4),
                                   2.0 if np.ndim(beta) == 0 else np.full((2, 2), 2.0))
        newton = start.fit(events, 2_000.0)
        em = start.fit(events, 2_000.0, "em")
        assert newton.converged and em.converged
        assert em.log_likelihood == pytest.approx(newton.log_likelihood, rel=1e-8)
        times, marks = arrange(events, 2_000.0, 2)
        sample = Sample(times, marks, 2_000.0, np.bincount(marks).astype(float), np.zeros((2, 2)))
        x, values = _logs(Point(start.mu, start.alpha, start.beta)), []
        for _ in range(40):
            value, x = sweep(sample, x, np.ndim(beta) == 0)
            values.append(value)
        assert (np.diff(values) >= -1e-9 * abs(values[0])).all()


def test_fixed_decays_are_kept_and_solved():
    model = MultivariateHawkes(MU, ALPHA, BETA)
    events = model.simulate(2_000.0, np.random.default_rng(5))
    free = model.fit(events, 2_000.0)
    held = MultivariateHawkes(MU, ALPHA, free.beta).fit(events, 2_000.0, fixed_decays=True)
    np.testing.assert_allclose(held.alpha, free.alpha, rtol=1e-4)
    assert held.log_likelihood == pytest.approx(free.log_likelihood, rel=1e-9)
    assert "beta" not in held.standard_errors


def test_initial_excitation_continues_a_history():
    # Splitting the data changes nothing: the second half's likelihood starts from what is left.
    events = MODEL.simulate(60.0, np.random.default_rng(6))
    first = [part[part < 30.0] for part in events]
    second = [part[part >= 30.0] - 30.0 for part in events]
    later = MultivariateHawkes(MU, ALPHA, BETA, MODEL.excitation_at(first, 30.0))
    whole = MODEL.log_likelihood(events, 60.0)
    assert MODEL.log_likelihood(first, 30.0) + later.log_likelihood(second, 30.0) == pytest.approx(
        whole, rel=1e-11)


@pytest.mark.parametrize(("call", "says"), [
    (lambda r: simulate_exponential(0.5, 1.2, 1.2, 10.0, r), "below 1"),
    (lambda r: simulate_exponential(0.0, 0.2, 1.2, 10.0, r), "mu must be above 0"),
    (lambda r: simulate_exponential(0.5, 0.2, 1.2, -1.0, r), "T must be finite and 0 or more"),
    (lambda r: simulate_exponential(0.5, 0.2, 1.2, 10.0, r, method="magic"), "method must be"),
    (lambda r: simulate_exponential(0.5, 0.2, 1.2, 10.0, 3), "numpy.random.Generator"),
    (lambda r: simulate_exponential(9.0, 0.2, 1.2, 1e5, r, max_events=1000), "max_events = 1,000"),
    (lambda r: simulate_power_law(0.5, 0.9, 2.0, 1.0, 10.0, r), "p must be above 1"),
    (lambda r: simulate_power_law(0.5, 5.0, 2.0, 1.5, 10.0, r), "below 1"),
    (lambda r: simulate_power_law(9.0, 0.9, 2.0, 2.5, 1e5, r, max_events=5000), "max_events"),
    (lambda r: simulate_sum_exponential(0.5, [0.1], [0.0], 10.0, r), "betas must be above 0"),
    (lambda r: simulate_sum_exponential(0.5, [0.1], [1.0, 2.0], 10.0, r), "one length"),
    (lambda r: simulate_sum_exponential([1, 2], [0.1], [1.0], 10.0, r), "knots must be the 3 ends"),
    (lambda r: simulate_sum_exponential([1, 2], [0.1], [1.0], 10.0, r, knots=[0, 5, 9]),
     "knots must rise from 0 to T"),
    (lambda r: simulate_multivariate(MU, ALPHA, [[1, 2]], 10.0, r), "beta must be one number"),
    (lambda r: simulate_multivariate(MU, [[5, 0], [0, 0]], 1.0, 10.0, r), "below 1"),
    (lambda r: simulate_multivariate([9, 9], ALPHA, 2.0, 1e5, r, max_events=1000), "max_events"),
])
def test_simulation_when_impossible_then_one_sentence(call, says):
    with pytest.raises(HawkesError, match=says):
        call(np.random.default_rng(1))


def test_simulation_of_no_time_is_empty():
    rng = np.random.default_rng(1)
    assert len(simulate_exponential(0.5, 0.2, 1.2, 0.0, rng)) == 0
    assert len(simulate_power_law(0.5, 0.9, 2.0, 2.5, 0.0, rng)) == 0
    assert [len(part) for part in MODEL.simulate(0.0, rng)] == [0, 0]
