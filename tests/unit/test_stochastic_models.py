"""Processes, Ito's formula and price impact: hand values, limits, refusals."""

import numpy as np
import pytest
from scipy import optimize

from dreammaker.stochastic import (
    ImpactModel,
    ItoProcess,
    PowerLawImpact,
    SmoothFunction,
    check_ito_formula,
    fit_power_law,
    gbm_estimate,
    gbm_moments,
    gbm_paths,
    split_impact,
    square_root_impact,
    strong_order,
)

GBM = ItoProcess(lambda t, x: 0.1 * x, lambda t, x: 0.5 * x, lambda t, x: np.full_like(x, 0.5))


def rng(seed=7):
    return np.random.default_rng(seed)


def test_gbm_without_noise_grows_exactly_on_any_grid():
    path = gbm_paths(50.0, 0.3, 0.0, [0.0, 0.1, 2.0], 2, rng())
    assert path == pytest.approx(np.tile(50.0 * np.exp(0.3 * np.array([0.0, 0.1, 2.0])), (2, 1)))


def test_gbm_draws_come_from_the_generator_alone():
    one = gbm_paths(1.0, 0.0, 0.2, [1.0, 2.0], 3, rng(1))
    assert np.array_equal(one, gbm_paths(1.0, 0.0, 0.2, [1.0, 2.0], 3, rng(1)))
    assert not np.array_equal(one, gbm_paths(1.0, 0.0, 0.2, [1.0, 2.0], 3, rng(2)))


def test_gbm_estimate_of_an_even_growth():
    drift, volatility = gbm_estimate(np.exp(0.1 * np.arange(5)), 0.5)
    assert drift == pytest.approx(0.2)
    assert volatility == pytest.approx(0.0, abs=1e-8)
    assert gbm_moments(0.1, 0.0, 2.0) == pytest.approx((np.exp(0.2), 0.0))


def test_one_step_by_hand():
    # x = 2, h = 0.25, dW = 0.3: Euler 2 + .05 + .3; Milstein adds 0.5 * 1 * 0.5 * (0.09 - 0.25).
    dw = np.array([[0.3]])
    assert GBM.paths(2.0, 0.25, dw, "euler")[0, 1] == pytest.approx(2.35)
    assert GBM.paths(2.0, 0.25, dw, "milstein")[0, 1] == pytest.approx(2.35 - 0.04)


def test_schemes_agree_where_the_noise_is_additive():
    additive = ItoProcess(lambda t, x: -x + t, lambda t, x: np.full_like(x, 0.3),
                          lambda t, x: np.zeros_like(x))
    dw = rng().standard_normal((4, 20)) * 0.1
    assert np.array_equal(additive.paths(1.0, 0.2, dw, "euler"),
                          additive.paths(1.0, 0.2, dw, "milstein"))


@pytest.mark.parametrize(("build", "message"), [
    (lambda: gbm_paths(0.0, 0.1, 0.1, [1.0], 1, rng()), "start must be above 0"),
    (lambda: gbm_paths(1.0, 0.1, -0.1, [1.0], 1, rng()), "volatility must be 0 or more"),
    (lambda: gbm_paths(1.0, 0.1, 0.1, [1.0, 0.5], 1, rng()), "ascending, was 0.5 at index 1"),
    (lambda: gbm_paths(1.0, 0.1, 0.1, [1.0], 0, rng()), "path_count must be 1 or more, was 0"),
    (lambda: gbm_paths(1.0, 0.1, 0.1, [[1.0]], 1, rng()), "one-dimensional"),
    (lambda: gbm_paths(1.0, 0.1, 0.1, [1.0], 1, None), "rng must be a numpy.random.Generator"),
    (lambda: gbm_estimate([1.0, 0.0, 2.0], 1.0), "prices must be above 0"),
    (lambda: GBM.paths(1.0, 1.0, np.zeros(3)), "increments must have shape"),
    (lambda: GBM.paths(1.0, 1.0, np.zeros((1, 2)), "heun"), "method must be euler or milstein"),
    (lambda: ItoProcess(GBM.drift, GBM.diffusion).paths(1.0, 1.0, np.zeros((1, 2))),
     "needs diffusion_slope"),
    (lambda: ItoProcess(lambda t, x: 1 / (0 * x + np.nan), GBM.diffusion).paths(
        1.0, 1.0, np.zeros((1, 2)), "euler"), "finite on the path, were not at time 0"),
    (lambda: strong_order(GBM, lambda w: w, 1.0, 1.0, rng(), step_counts=(3, 8)),
     "step_counts must be two or more that divide")])
def test_processes_refuse(build, message):
    with pytest.raises(ValueError, match=message):
        build()


def test_ito_formula_is_exact_for_a_linear_function():
    identity = SmoothFunction(lambda t, x: x, lambda t, x: 0 * x, lambda t, x: 1 + 0 * x,
                              lambda t, x: 0 * x)
    walk = ItoProcess(lambda t, x: 0 * x + 0.3, lambda t, x: 0 * x + 2.0, lambda t, x: 0 * x)
    found = check_ito_formula(identity, walk, 1.0, 1.0, rng(), step_counts=(4, 8), batch_count=2,
                              batch_paths=3)
    assert found.residuals.max() < 1e-12


# Reference D.19
def test_square_root_law():
    assert 1e4 * square_root_impact(1.0, 100.0, 0.012) == pytest.approx(12.0, abs=1e-12)
    assert square_root_impact(-1.0, 100.0, 0.012) == -square_root_impact(1.0, 100.0, 0.012)
    law = PowerLawImpact(0.8, 0.6)
    assert law.impacts([-3.0, 0.0, 3.0], 10.0, 2.0) == pytest.approx(
        [-law.impact(3.0, 10.0, 2.0), 0.0, 0.8 * 2.0 * 0.3 ** 0.6])


@pytest.mark.parametrize("method", ["loglog", "nonlinear"])
def test_power_law_fit_of_exact_data(method):
    law = PowerLawImpact(0.7, 0.6)
    q, volume = np.array([1.0, 5.0, 30.0, 200.0]), np.array([1e3, 2e3, 1e3, 5e3])
    deviation = np.array([4.0, 5.0, 6.0, 7.0])
    fit = fit_power_law(q, volume, deviation, law.impacts(q, volume, deviation), method=method)
    assert fit.law.coefficient == pytest.approx(0.7, rel=1e-9)
    assert fit.law.exponent == pytest.approx(0.6, rel=1e-9)
    assert fit.coefficient_se < 1e-6 and fit.r_squared == pytest.approx(1.0)
    assert -1.0 <= fit.correlation <= 1.0


def test_nonlinear_fit_equals_scipys():
    g = rng(3)
    x = np.exp(g.uniform(-6, 0, 400))
    y = 0.9 * x ** 0.45 + 0.2 * g.standard_normal(400)
    fit = fit_power_law(x, 1.0, 1.0, y)
    best, covariance = optimize.curve_fit(lambda s, a, d: a * s ** d, x, y, p0=(1.0, 0.5),
                                          xtol=1e-14, ftol=1e-14)
    assert (fit.law.coefficient, fit.law.exponent) == pytest.approx(tuple(best), rel=1e-6)
    assert (fit.coefficient_se, fit.exponent_se) == pytest.approx(
        tuple(np.sqrt(np.diag(covariance))), rel=1e-4)
    assert fit.correlation == pytest.approx(
        covariance[0, 1] / np.sqrt(covariance[0, 0] * covariance[1, 1]), abs=1e-4)


def test_loglog_fit_equals_the_textbook_line():
    g = rng(4)
    x = np.exp(g.uniform(-6, 0, 50))
    y = 0.9 * x ** 0.45 * np.exp(0.3 * g.standard_normal(50))
    fit = fit_power_law(x, 1.0, 1.0, y, method="loglog")
    line, covariance = np.polyfit(np.log(x), np.log(y), 1, cov=True)
    assert fit.law.exponent == pytest.approx(line[0], rel=1e-10)
    assert fit.exponent_se == pytest.approx(np.sqrt(covariance[0, 0]), rel=1e-10)
    assert fit.coefficient_se == pytest.approx(np.exp(line[1]) * np.sqrt(covariance[1, 1]))


def test_schedule_cost_by_hand():
    model = ImpactModel(PowerLawImpact(1.0, 0.5), 0.1, 0.5)
    cost = model.schedule_cost([-4.0, -9.0], [100.0, 100.0], [10.0, 20.0])
    assert cost.temporary == pytest.approx(4 * 10 * 0.2 + 9 * 20 * 0.3)
    assert cost.permanent == pytest.approx(0.1 * 13 ** 2 / 2)
    assert cost.spread == pytest.approx(6.5)
    assert cost.total == pytest.approx(cost.slices.sum())
    assert cost.per_lot_points == pytest.approx(cost.total / 13)


def test_permanent_impact_does_not_depend_on_the_schedule():
    model = ImpactModel(PowerLawImpact(0.0, 0.5), 0.1)
    assert model.schedule_cost([13.0], 1.0, 1.0).permanent == pytest.approx(
        model.schedule_cost([1.0, 5.0, 7.0], 1.0, 1.0).permanent)


def test_split_impact_gives_back_the_cost_of_an_even_pace():
    # Slices of an even pace: the mean price paid is half the permanent move plus the temporary.
    n = 1000
    cost = ImpactModel(PowerLawImpact(1.0, 1.0), 0.01).schedule_cost(
        np.full(n, 1.0), 100.0, 50.0)
    permanent, temporary = split_impact([0.01 * n], [cost.per_lot_points])
    assert permanent[0] == pytest.approx(10.0)
    assert temporary[0] == pytest.approx(0.5)


@pytest.mark.parametrize(("build", "message"), [
    (lambda: PowerLawImpact(-1.0, 0.5), "coefficient must be 0 or more"),
    (lambda: PowerLawImpact(1.0, 0.0), "exponent must be above 0"),
    (lambda: square_root_impact(1.0, 0.0, 1.0), "volume_lots must be above 0"),
    (lambda: fit_power_law([1, 2], 1.0, 1.0, [1, 2]), "quantities_lots must have 3 entries"),
    (lambda: fit_power_law([1, 1, 1], 1.0, 1.0, [1, 2, 3]), "must vary"),
    (lambda: fit_power_law([1, 2, 3], 1.0, 1.0, [1, -2, 3], method="loglog"), "index 1"),
    (lambda: fit_power_law([1, 2, 3], 1.0, 1.0, [3, 2, 1]), "exponent must lie in"),
    (lambda: fit_power_law([1, 2, 4], 1.0, 1.0, [-1, -2, -3]), "in the direction of the trades"),
    (lambda: fit_power_law([1, 2, 3], [1, 2], 1.0, [1, 2, 3]), "volumes_lots must be one number"),
    (lambda: fit_power_law([1, 2, 3], 1.0, 1.0, [1, 2, 3], method="x"), "method must be"),
    (lambda: ImpactModel(PowerLawImpact(1, 1), -1.0), "permanent_points_per_lot must be 0")])
def test_impact_refuses(build, message):
    with pytest.raises(ValueError, match=message):
        build()
