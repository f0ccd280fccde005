"""Do the stochastic models behave as their laws say? Fixed seeds, stated nulls."""

import numpy as np
import pytest
from scipy import stats

from dreammaker.stochastic import (
    AvellanedaStoikov,
    ItoProcess,
    PowerLawImpact,
    SmoothFunction,
    check_ito_formula,
    fit_fill_intensity,
    fit_power_law,
    fit_trade_reach,
    gbm_moments,
    gbm_paths,
    simulate_maker,
    strong_order,
)

DRIFT, VOLATILITY = 0.1, 0.3
GBM = ItoProcess(lambda t, x: DRIFT * x, lambda t, x: VOLATILITY * x,
                 lambda t, x: np.full_like(x, VOLATILITY))


def gbm_end(brownian):
    return np.exp(DRIFT - 0.5 * VOLATILITY ** 2 + VOLATILITY * brownian)


def test_gbm_log_returns_are_normal_and_independent():
    # Null: standardised log returns are standard normal; steps of one path uncorrelated.
    times = np.array([0.5, 0.6, 2.0])
    paths = gbm_paths(100.0, 0.05, 0.3, times, 20_000, np.random.default_rng(11))
    logs = np.diff(np.log(paths / 100.0), axis=1, prepend=0.0)
    steps = np.diff(times, prepend=0.0)
    z = (logs - (0.05 - 0.045) * steps) / (0.3 * np.sqrt(steps))
    assert stats.kstest(z.ravel(), "norm").pvalue > 0.01
    assert stats.pearsonr(z[:, 0], z[:, 2]).pvalue > 0.01
    # Null: mean and variance of S_2 / S_0 are the closed form's.
    mean, variance = gbm_moments(0.05, 0.3, 2.0)
    ends = paths[:, -1] / 100.0
    assert stats.ttest_1samp(ends, mean).pvalue > 0.01
    squares = (ends - mean) ** 2
    assert stats.ttest_1samp(squares, variance).pvalue > 0.01
    # The generator varies.
    other = gbm_paths(100.0, 0.05, 0.3, times, 20_000, np.random.default_rng(12))
    assert abs(other[:, -1].mean() - paths[:, -1].mean()) > 0.0


@pytest.mark.parametrize(("method", "order"), [("euler", 0.5), ("milstein", 1.0)])
def test_strong_order(method, order):
    # Null: the strong order is 0.5 (Euler) or 1 (Milstein), kept by the 99 % interval of the
    # measured slope; the other scheme's order is refused.
    found = strong_order(GBM, gbm_end, 1.0, 1.0, np.random.default_rng(1), method=method,
                         step_counts=(128, 256, 512, 1024), batch_paths=400)
    low, high = found.interval(0.99)
    assert low < order < high
    assert not low < 1.5 - order < high
    assert high - low < 0.04


def test_milstein_beats_euler_on_a_process_without_closed_form():
    # Cox-Ingersoll-Ross far from 0, against its own path on a grid 16 times finer.
    cir = ItoProcess(lambda t, x: 2.0 * (1.0 - x), lambda t, x: 0.4 * np.sqrt(x),
                     lambda t, x: 0.2 / np.sqrt(x))
    g = np.random.default_rng(6)
    fine = g.standard_normal((500, 1024)) * np.sqrt(1 / 1024)
    truth = cir.paths(1.0, 1.0, fine)[:, -1]
    coarse = fine.reshape(500, 64, 16).sum(axis=2)
    errors = {m: np.abs(cir.paths(1.0, 1.0, coarse, m)[:, -1] - truth)
              for m in ("euler", "milstein")}
    # Null: the mean errors are equal (paired, one-sided).
    assert stats.ttest_rel(errors["euler"], errors["milstein"],
                           alternative="greater").pvalue < 1e-6


def test_ito_formula_holds_at_order_one_half_and_fails_without_its_second_order_term():
    # f = t + x^2 ln x on geometric Brownian motion, exact paths. Null: residual of order 0.5.
    f = SmoothFunction(lambda t, x: t + x * x * np.log(x), lambda t, x: np.ones_like(x),
                       lambda t, x: 2 * x * np.log(x) + x, lambda t, x: 2 * np.log(x) + 3)
    calm = ItoProcess(lambda t, x: 0.1 * x, lambda t, x: 0.3 * x, lambda t, x: np.full_like(x, 0.3))
    found = check_ito_formula(
        f, calm, 1.0, 1.0, np.random.default_rng(8), batch_count=30,
        exact_path=lambda t, w: np.exp((0.1 - 0.045) * t + 0.3 * w))
    low, high = found.order.interval(0.99)
    assert low < 0.5 < high and high - low < 0.1
    assert found.residuals[-1] < 0.3 * found.residuals[0]
    # Without the term of the quadratic variation nothing vanishes.
    wrong = found.residuals_without_second_order
    assert wrong[-1] > 0.8 * wrong[0] and wrong[-1] > 5 * found.residuals[-1]
    # On Milstein's own path the formula holds as well.
    own = check_ito_formula(f, calm, 1.0, 1.0, np.random.default_rng(9), batch_count=10)
    assert own.order.order == pytest.approx(0.5, abs=0.1)


PUBLISHED = {   # gamma: strategy: profit mean, sd, final inventory mean, sd (reference D.7)
    0.1: {"inventory": (62.94, 5.89, 0.10, 2.80), "symmetric": (67.21, 13.43, -0.018, 8.66)},
    0.01: {"inventory": (66.78, 8.76, -0.02, 4.70), "symmetric": (67.36, 13.40, -0.31, 8.65)},
    0.5: {"inventory": (33.92, 4.72, -0.02, 1.88), "symmetric": (66.20, 14.53, 0.25, 9.06)}}
PAPER_PATHS = 1000


def run(gamma, strategy, spread, seed, paths=20_000):
    maker = AvellanedaStoikov(gamma, 2.0, 140.0, 1.5, 1.0)
    return simulate_maker(maker, strategy, 200, paths, np.random.default_rng(seed), spread=spread)


def mean_gap(sample, mean, sd):
    """z of a published mean against ours, both sampled."""
    return (mean - sample.mean()) / np.sqrt(sd ** 2 / PAPER_PATHS + sample.var() / len(sample))


def sd_gap(sample, sd):
    """z of a published standard deviation, by the fourth moment of our sample."""
    m2, m4 = sample.var(), ((sample - sample.mean()) ** 4).mean()
    relative = 0.5 * np.sqrt((m4 / m2 ** 2 - 1) * (1 / PAPER_PATHS + 1 / len(sample)))
    return (sd / np.sqrt(m2) - 1) / relative


@pytest.mark.parametrize("gamma", [0.1, 0.01, 0.5])
def test_published_table_symmetric_strategy(gamma):
    # Null: the paper's 1000 paths are draws of ours, quoting the constant spread about the mid.
    # Twelve figures over three tests: |z| < 3.35 has family-wise level 1 %.
    sample = run(gamma, "symmetric", "constant", 21)
    mean, sd, lots_mean, lots_sd = PUBLISHED[gamma]["symmetric"]
    assert abs(mean_gap(sample.profit, mean, sd)) < 3.35
    assert abs(sd_gap(sample.profit, sd)) < 3.35
    assert abs(mean_gap(sample.inventory_lots, lots_mean, lots_sd)) < 3.35
    assert abs(sd_gap(sample.inventory_lots, lots_sd)) < 3.35


@pytest.mark.parametrize("gamma", [0.1, 0.01, 0.5])
def test_published_table_inventory_strategy(gamma):
    # The paper does not say which spread its inventory strategy quoted. Null: its mean profit is
    # not outside what the constant and the total spread give (one-sided each, 1 % over six).
    mean, sd, lots_mean, lots_sd = PUBLISHED[gamma]["inventory"]
    constant, total = (run(gamma, "inventory", s, 22) for s in ("constant", "total"))
    assert mean_gap(constant.profit, mean, sd) > -2.94
    assert mean_gap(total.profit, mean, sd) < 2.94
    assert abs(mean_gap(total.inventory_lots, lots_mean, lots_sd)) < 2.94
    # Its point: the risk of the symmetric strategy is cut, more so with more aversion.
    symmetric = run(gamma, "symmetric", "constant", 23)
    assert total.profit.std() < 0.75 * symmetric.profit.std()
    assert total.inventory_lots.std() < 0.65 * symmetric.inventory_lots.std()
    assert stats.levene(total.profit, symmetric.profit).pvalue < 1e-6


def test_impact_fits_are_unbiased_with_honest_errors():
    # Null: z = (estimate - truth) / standard error is standard normal over 300 data sets.
    law, g = PowerLawImpact(0.9, 0.5), np.random.default_rng(31)
    scores = {"nonlinear": [], "loglog": []}
    for _ in range(300):
        q = np.exp(g.uniform(-5, 0, 150))
        clean = law.impacts(q, 1.0, 1.0)
        noisy = {"nonlinear": clean + 0.1 * g.standard_normal(150),
                 "loglog": clean * np.exp(0.4 * g.standard_normal(150))}
        for method, y in noisy.items():
            fit = fit_power_law(q, 1.0, 1.0, y, method=method)
            scores[method].append([(fit.law.coefficient - 0.9) / fit.coefficient_se,
                                   (fit.law.exponent - 0.5) / fit.exponent_se])
    for found in scores.values():
        for z in np.array(found).T:
            assert stats.ttest_1samp(z, 0.0).pvalue > 0.01
            assert stats.kstest(z, "norm").pvalue > 0.01


def test_robust_errors_hold_where_the_noise_grows_with_the_quantity():
    # Null: z is standard normal with the sandwich; with one variance assumed it is too wide.
    law, g = PowerLawImpact(0.9, 0.5), np.random.default_rng(32)
    z = []
    for _ in range(300):
        q = np.exp(g.uniform(-5, 0, 400))
        y = law.impacts(q, 1.0, 1.0) + 0.5 * q * g.standard_normal(400)
        fits = [fit_power_law(q, 1.0, 1.0, y, robust=r) for r in (True, False)]
        z.append([(f.law.exponent - 0.5) / f.exponent_se for f in fits])
    robust, plain = np.array(z).T
    assert stats.kstest(robust, "norm").pvalue > 0.01
    assert plain.std() > 1.3


def test_fill_intensity_recovers_a_and_k():
    # Null: z standard normal over 300 data sets, for both calibrations; deviance chi-squared.
    g = np.random.default_rng(41)
    distances, time = np.array([0.5, 1.0, 2.0, 3.0]), 40.0
    rates = 2.0 * np.exp(-0.7 * distances)
    quoted = [fit_fill_intensity(distances, g.poisson(rates * time), np.full(4, time))
              for _ in range(300)]
    reached = []
    for _ in range(300):
        n = g.poisson(200.0 * 2.0)
        reached.append(fit_trade_reach(g.exponential(1 / 0.7, n), 200.0, 0.25))
    for fits in (quoted, reached):
        for z in ([(f.intensity - 2.0) / f.intensity_se for f in fits],
                  [(f.decay - 0.7) / f.decay_se for f in fits]):
            assert stats.kstest(z, "norm").pvalue > 0.001
            assert 0.9 < np.mean(np.abs(z) < 1.96) <= 0.99
    p = [stats.chi2.sf(f.deviance, f.freedom) for f in quoted]
    assert stats.kstest(p, "uniform").pvalue > 0.001
