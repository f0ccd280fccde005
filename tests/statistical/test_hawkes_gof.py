"""Residual tests: nominal under the true model, sharp against wrong ones; the live monitor."""

import numpy as np
import pytest
from scipy import stats

from dreammaker.hawkes import (
    HawkesError,
    HawkesParameters,
    MultivariateHawkes,
    ResidualMonitor,
    goodness_of_fit,
    refit,
    residual_tests,
    simulate_exponential,
    simulate_power_law,
    warm_start,
)
from dreammaker.hawkes.diagnostics import CAVEAT

MODEL = MultivariateHawkes([0.4], [[1.2]], 2.0)
PARAMETERS = HawkesParameters("exponential", mu=0.4, alpha=1.2, beta=2.0, log_likelihood=0.0,
                              branching_ratio=0.6)


def streams(count, duration=500.0, first=0):
    return [MODEL.simulate(duration, np.random.default_rng(first + k)) for k in range(count)]


def test_true_model_is_accepted_at_the_nominal_rate():
    parts = [goodness_of_fit(MODEL, events, 500.0).components[0] for events in streams(300)]
    for level in (0.05, 0.2):
        for name in ("ks_pvalue", "ljung_box_pvalue"):
            rejected = sum(getattr(part, name) < level for part in parts)
            # Null: binomial with the nominal rate; two-sided probability above 1e-3.
            assert stats.binomtest(rejected, len(parts), level).pvalue > 1e-3


def test_true_bivariate_model_is_accepted():
    model = MultivariateHawkes([0.3, 0.2], [[0.6, 0.2], [0.4, 0.5]], [[1.5, 1.0], [0.8, 2.0]])
    rejected = sum(part.ks_pvalue < 0.05 for seed in range(100) for part in goodness_of_fit(
        model, model.simulate(400.0, np.random.default_rng(seed)), 400.0).components)
    assert stats.binomtest(rejected, 200, 0.05).pvalue > 1e-3


def test_poisson_fit_to_hawkes_data_is_rejected():
    for events in streams(20, duration=2_000.0):
        rate = len(events[0]) / 2_000.0
        part = goodness_of_fit(MultivariateHawkes([rate], [[0.0]], 1.0), events,
                               2_000.0).components[0]
        assert part.ks_pvalue < 1e-20 and part.ljung_box_pvalue < 1e-4 and not part.accepted
        assert "clustering is left unexplained" in part.describe()


def test_exponential_fit_to_a_long_memory_is_rejected():
    times = simulate_power_law(0.3, 3.0, 6.0, 1.6, 20_000.0, np.random.default_rng(2))
    fit = MultivariateHawkes([0.5], [[1.0]], 2.0).fit([times], 20_000.0)
    report = goodness_of_fit(fit, [times], 20_000.0)
    assert not report.accepted
    assert report.fitted_here and CAVEAT in report.describe()


def test_report_when_few_or_no_residuals_then_says_so():
    assert "too few to test" in residual_tests([]).describe()
    assert not residual_tests([1.0] * 19).accepted
    assert residual_tests([0.0, 0.0]).count == 2
    with pytest.raises(HawkesError, match="0 or more"):
        residual_tests([1.0, -0.5])
    with pytest.raises(HawkesError, match="lags must be 1 or more"):
        residual_tests([1.0, 2.0], lags=0)
    with pytest.raises(HawkesError, match="names must have 1 entries"):
        goodness_of_fit(MODEL, [[1.0, 2.0]], 5.0, names=["a", "b"])


def test_quantiles_lie_on_the_line_under_the_true_law():
    theory, observed = residual_tests(np.random.default_rng(1).exponential(size=50_000)).quantiles
    inner = slice(0, int(0.95 * len(theory)))
    np.testing.assert_allclose(observed[inner], theory[inner], rtol=0.15, atol=0.02)


def test_monitor_s_residuals_are_the_model_s():
    model = MultivariateHawkes([0.3, 0.2], [[0.6, 0.2], [0.4, 0.5]], [[1.5, 1.0], [0.8, 2.0]], 0.2)
    events = model.simulate(200.0, np.random.default_rng(1))
    fit = HawkesParameters("exponential", mu=model.mu, alpha=model.alpha, beta=model.beta,
                           log_likelihood=0.0, branching_ratio=0.65,
                           initial_excitation=model.initial_excitation)
    monitor = ResidualMonitor(fit)
    seen = [[], []]
    for t, m in sorted((t, kind) for kind in (0, 1) for t in events[kind]):
        np.testing.assert_allclose(monitor.intensity(t), model.intensity(t, [
            part[part < t] for part in events]), rtol=1e-10)
        before = monitor._filled[m]
        monitor.event(t, m)
        seen[m].append(monitor._recent[m, before])
    for found, expected in zip(seen, model.residuals(events, 200.0), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-9)


def test_monitor_s_false_alarms_keep_their_promise():
    # Null: Exp(1) residuals (a Poisson process of rate 1); at most one alarm in 1 000 events in
    # the mean, so 100 000 events raise 100 at most, with a Poisson deviation of 10.
    fit = HawkesParameters("exponential", mu=1.0, alpha=0.0, beta=1.0, log_likelihood=0.0,
                           branching_ratio=0.0)
    monitor = ResidualMonitor(fit, false_alarm_events=1_000.0, window=100)
    times = np.cumsum(np.random.default_rng(6).exponential(size=100_000))
    alarms = [alarm for alarm in map(monitor.event, times.tolist()) if alarm]
    assert 10 < len(alarms) < 130
    # Lorden's bound is generous: the sums raise fewer than their share.
    assert sum(alarm.kind != "shape" for alarm in alarms) < 67


@pytest.mark.parametrize(("mu", "alpha", "beta", "kinds"), [
    (0.8, 1.2, 2.0, {"faster"}),
    (0.2, 1.2, 2.0, {"slower"}),
    (1.0, 0.0, 2.0, {"slower", "shape"}),
])
def test_monitor_flags_drift(mu, alpha, beta, kinds):
    monitor = ResidualMonitor(PARAMETERS, false_alarm_events=100_000.0)
    quiet = simulate_exponential(0.4, 1.2, 2.0, 3_000.0, np.random.default_rng(3))
    assert not any(map(monitor.event, quiet.tolist()))
    later = 3_000.0 + simulate_exponential(mu, alpha, beta, 6_000.0, np.random.default_rng(4))
    alarms = [alarm for alarm in map(monitor.event, later.tolist()) if alarm]
    assert alarms and alarms[0].kind in kinds
    assert alarms[0].statistic > alarms[0].threshold


def test_monitor_when_misused_then_one_sentence():
    monitor = ResidualMonitor(PARAMETERS)
    monitor.event(1.0)
    with pytest.raises(HawkesError, match="time of at least 1"):
        monitor.event(0.5)
    with pytest.raises(HawkesError, match="mark of 0"):
        monitor.event(2.0, 1)
    with pytest.raises(HawkesError, match="false_alarm_events"):
        ResidualMonitor(PARAMETERS, false_alarm_events=10.0)
    with pytest.raises(HawkesError, match="window must be"):
        ResidualMonitor(PARAMETERS, window=10)


def test_refit_keeps_what_still_fits_and_replaces_what_does_not():
    events = MODEL.simulate(4_000.0, np.random.default_rng(9))
    fit = MODEL.fit(events, 4_000.0)
    same, report = refit(fit, MODEL.simulate(4_000.0, np.random.default_rng(10)), 4_000.0)
    assert same is fit and report.accepted and not report.fitted_here
    other = MultivariateHawkes([1.0], [[0.4]], 2.0).simulate(4_000.0, np.random.default_rng(11))
    new, report = refit(fit, other, 4_000.0)
    assert new is not fit and not report.accepted
    assert abs(float(new.mu[0]) - 1.0) < 4 * new.standard_errors["mu"][0]


def test_warm_start_takes_the_history_along():
    events = MODEL.simulate(100.0, np.random.default_rng(12))
    one = warm_start(PARAMETERS, events[0], 100.0)
    fit = MODEL.fit(events, 100.0)
    several = warm_start(fit, events, 100.0)
    ages = 100.0 - events[0]
    assert one.initial_excitation == pytest.approx(1.2 * np.exp(-2.0 * ages).sum(), rel=1e-10)
    assert several.initial_excitation[0, 0] == pytest.approx(
        fit.alpha[0, 0] * np.exp(-fit.beta * ages).sum(), rel=1e-10)
    assert ResidualMonitor(one).intensity(0.0)[0] == pytest.approx(0.4 + one.initial_excitation)
