"""Performance figures by hand, their intervals, and the bootstrap under them."""

from math import isnan, nan

import numpy as np
import pytest

from dreammaker.validation.bootstrap import (
    Estimate,
    bootstrap,
    bootstrap_indices,
    interval,
    optimal_block_length,
)
from dreammaker.validation.performance import (
    calmar_ratio,
    hit_ratio,
    longest_time_under_water,
    max_drawdown,
    performance,
    profit_factor,
    relative_drawdown,
    sortino_ratio,
    time_under_water,
    turnover,
)

RETURNS = np.array([0.01, -0.005, 0.02, -0.015, 0.003, -0.01, 0.012, 0.004])


def autoregressive(seed: int, n: int, rho: float) -> np.ndarray:
    noise = np.random.default_rng(seed).standard_normal(n)
    for i in range(1, n):
        noise[i] += rho * noise[i - 1]
    return noise


def test_figures_when_eight_returns_then_worked_out_values() -> None:
    downside = np.sqrt((np.minimum(RETURNS, 0) ** 2).mean())
    assert downside == pytest.approx(0.0066143783, abs=5e-11)
    assert sortino_ratio(RETURNS) == pytest.approx(0.3590662494, abs=5e-11)
    assert relative_drawdown(RETURNS) == pytest.approx(0.02192455, abs=1e-12)
    growth = 1.0186645898 ** (252 / 8) - 1.0
    assert calmar_ratio(RETURNS) == pytest.approx(growth / 0.02192455, rel=1e-6)


def test_drawdown_when_it_starts_at_once_then_the_start_is_a_peak() -> None:
    assert max_drawdown([-4.0, 1.0, -2.0]) == 5.0
    assert relative_drawdown([-0.5, 0.2]) == 0.5
    assert max_drawdown([1.0, 2.0]) == 0.0
    assert time_under_water([-4.0, 5.0, -1.0, 1.0]) == 0.5
    assert longest_time_under_water([1.0, -4.0, 1.0, -2.0, 9.0, -1.0]) == 3
    assert longest_time_under_water([1.0, -1.0, -1.0]) == 2


def test_ratios_when_denominator_is_zero_then_nan_never_infinite() -> None:
    gains = [1.0, 2.0, 3.0]
    assert isnan(sortino_ratio(gains)) and isnan(profit_factor(gains))
    assert isnan(calmar_ratio([0.01, 0.02]))
    assert isnan(hit_ratio([0.0, 0.0]))
    assert hit_ratio([1.0, 0.0, 0.0]) == 1.0
    assert profit_factor([-1.0, -2.0]) == 0.0


@pytest.mark.parametrize("figure", [sortino_ratio, profit_factor, hit_ratio, time_under_water,
                                    calmar_ratio])
def test_figures_when_nothing_then_nan(figure) -> None:
    assert isnan(figure([]))
    assert max_drawdown([]) == 0.0 and longest_time_under_water([]) == 0
    assert isnan(turnover([], 100.0))


def slow(pnl: np.ndarray, capital: float) -> dict[str, float]:
    """Drawdown and water figures one period after the other."""
    equity = peak = capital
    fall = share = run = longest = under = 0.0
    for profit in pnl.tolist():
        equity += profit
        if equity >= peak:
            peak, run = equity, 0.0
        else:
            under, run = under + 1, run + 1
        longest, fall = max(longest, run), max(fall, peak - equity)
        share = max(share, 1.0 - equity / peak)
    return {"max_drawdown": fall, "relative_drawdown": share, "time_under_water": under / pnl.size,
            "longest_time_under_water": longest, "total": pnl.sum(), "expectancy": pnl.mean()}


def test_performance_when_computed_then_equals_slow_recomputation() -> None:
    pnl = np.round(autoregressive(6, 300, 0.3) * 200.0 + 10.0)
    traded = np.abs(pnl) * 40.0
    found = performance(pnl, np.random.default_rng(1), capital=50_000.0, traded=traded, trials=5)
    for name, value in slow(pnl, 50_000.0).items():
        assert getattr(found, name).value == pytest.approx(value, rel=1e-12), name
    growth = (1.0 + pnl.sum() / 50_000.0) ** (252 / 300) - 1.0
    assert found.calmar.value == pytest.approx(growth / found.relative_drawdown.value, rel=1e-12)
    assert found.sortino.value == pytest.approx(sortino_ratio(pnl, periods=252), rel=1e-12)
    assert found.turnover.value == pytest.approx(turnover(traded, 50_000.0), rel=1e-12)
    assert found.profit_factor.value == profit_factor(pnl)
    assert found.sharpe.dsr < found.sharpe.psr
    for name in type(found).__slots__:
        part = getattr(found, name)
        if isinstance(part, Estimate):
            assert part.ci[0] < part.ci[1], name
            assert part.n == 300 and part.undefined == 0.0
    for name in ("total", "expectancy", "sortino", "hit_ratio", "profit_factor", "turnover"):
        part = getattr(found, name)
        assert part.ci[0] < part.value < part.ci[1], name
    again = performance(pnl, np.random.default_rng(1), capital=50_000.0, traded=traded, trials=5)
    assert again == found
    other = performance(pnl, np.random.default_rng(2), capital=50_000.0, traded=traded, trials=5)
    assert other.total.ci != found.total.ci


@pytest.mark.parametrize("pnl", [[], [1.0], [5.0] * 20, [0.0] * 20, [1.0, -2.0, 3.0, 1.0]])
def test_performance_when_short_or_constant_then_no_error(pnl: list[float]) -> None:
    found = performance(pnl, np.random.default_rng(1), capital=100.0)
    assert found.n == found.sharpe.n == len(pnl)
    assert found.total.value == sum(pnl)
    assert isnan(found.turnover.value)
    if len(pnl) < 5:
        assert isnan(found.total.ci[0])
    elif pnl[0] == 5.0:
        assert found.total.ci == (100.0, 100.0) and isnan(found.profit_factor.value)


def test_performance_when_ruined_then_growth_is_minus_one() -> None:
    found = performance([-150.0, 10.0], np.random.default_rng(1), capital=100.0)
    assert found.relative_drawdown.value == 1.5
    assert found.calmar.value == -1.0 / 1.5


def test_total_interval_when_autocorrelated_then_blocks_cover_and_single_draws_do_not() -> None:
    blocks = single = 0
    for seed in range(150):
        sample = autoregressive(seed, 300, 0.5)
        rng = np.random.default_rng(seed)
        low, high = bootstrap(lambda x: x.mean(axis=-1), sample, rng, resamples=300).ci
        blocks += low < 0.0 < high
        low, high = bootstrap(lambda x: x.mean(axis=-1), sample, rng, resamples=300, block=1.0).ci
        single += low < 0.0 < high
    assert blocks / 150 > 0.86
    assert single / 150 < 0.84


def test_bootstrap_indices_when_drawn_then_blocks_have_the_mean_length() -> None:
    rows = bootstrap_indices(1000, 8.0, 200, np.random.default_rng(3))
    assert rows.shape == (200, 1000) and rows.min() == 0 and rows.max() == 999
    breaks = (np.diff(rows, axis=1) % 1000 != 1).sum()
    # A block ends with probability 1/8 at each step, rarely (1/1000) continuing by chance.
    expected = 200 * 999 / 8.0 * 0.999
    assert abs(breaks - expected) < 4.0 * np.sqrt(expected * 7 / 8)
    assert abs(np.bincount(rows.ravel(), minlength=1000).mean() - 200) < 1e-9


def test_block_length_when_known_then_the_reference_s() -> None:
    # From an independent implementation of Politis and White's rule.
    assert optimal_block_length(autoregressive(1, 500, 0.0)) == pytest.approx(3.1897088592)
    assert optimal_block_length(autoregressive(5, 60, 0.2)) == pytest.approx(1.6994996223)
    assert optimal_block_length(autoregressive(3, 2000, 0.9)) > 25.0
    assert optimal_block_length(np.full(100, 0.1)) == 1.0


def test_interval_when_draws_are_undefined_then_left_out_and_counted() -> None:
    draws = np.arange(100.0)
    assert interval(draws, 0.9) == ((4.0, 95.0), 0.0)
    draws[:50] = nan
    ends, undefined = interval(draws, 0.9)
    assert ends == (52.0, 97.0) and undefined == 0.5
    draws[50] = nan
    assert isnan(interval(draws, 0.9)[0][0])


@pytest.mark.parametrize(("call", "message"), [
    (lambda: performance([1.0, nan], np.random.default_rng(1), capital=1.0),
     "pnl must hold finite numbers, was nan at index 1"),
    (lambda: performance([1.0], 3, capital=1.0), "rng must be a numpy.random.Generator, was 3"),
    (lambda: performance([1.0], np.random.default_rng(1), capital=0.0),
     "capital must be above 0, was 0"),
    (lambda: performance([1.0], np.random.default_rng(1), capital=1.0, traded=[1.0, 2.0]),
     "traded must have one entry a period, 1, had 2"),
    (lambda: performance([1.0], np.random.default_rng(1), capital=1.0, resamples=0),
     "resamples must be 1 or more, was 0"),
    (lambda: turnover([1.0, -2.0], 10.0), "traded must be 0 or more, was -2 at index 1"),
    (lambda: relative_drawdown([0.1, -1.5]), "returns must be -1 or more, was -1.5 at index 1"),
    (lambda: bootstrap_indices(5, 0.5, 1, np.random.default_rng(1)),
     "block must be 1 or more, was 0.5"),
])
def test_parameters_when_bad_then_one_clear_sentence(call, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()
