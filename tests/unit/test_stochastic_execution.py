"""Almgren-Chriss and Cartea-Jaimungal against their published and independently found values."""

from math import asinh, cosh, exp, expm1, inf, log1p, sinh, tanh

import numpy as np
import pytest
from scipy import integrate, optimize

from dreammaker.stochastic import (
    AlmgrenChriss,
    AvellanedaStoikov,
    Glft,
    LiquidationControl,
    OptimalLiquidation,
    _portable,
    solve_liquidation,
    trading_cost,
)

BITS = [
    "0x1.1b0f8e0acff80p+18", "0x1.addde35e1cd2ap+19", "0x1.fc9585ef700f5p-2",
    "0x1.78ba42970a338p-2", "0x1.ac567c87c809dp+1", "0x1.b96d42ab5d2c3p+1",
    "0x1.4a6fee305c889p+0", "-0x1.47b0f9f400f95p-7", "0x1.f610c4a347bcbp-4",
]
TABLE_1 = AlmgrenChriss(1e6, 5.0, 5, 0.95, 0.0625, 2.5e-7, 2.5e-6)


# Reference D.6
@pytest.mark.parametrize(("risk_aversion", "kappa", "holdings", "cost", "variance"), [
    (0.0, 0.0, [800000, 600000, 400000, 200000], 662500.0, 1.083e12),
    (1e-6, 0.6070761632, [541955.55, 289854.22, 147897.49, 62141.80], 911226.9863,
     3.6412857206e11),
    (2e-6, 0.8462971345, [428598.85, 182932.81, 76295.72, 27643.38], 1140715.167,
     2.0193128715e11),
    (-2e-7, 0.2765615144, [910056.44, 750948.58, 534768.64, 277946.28], 717958.1043,
     1.5842107097e12)])
def test_almgren_chriss_table(risk_aversion, kappa, holdings, cost, variance):
    found = TABLE_1.trajectory(risk_aversion)
    assert found.kappa == pytest.approx(kappa, abs=5.1e-11)
    assert found.holdings_lots[1:-1] == pytest.approx(holdings, abs=5.1e-3)
    assert found.expected_cost == pytest.approx(cost, abs=5.1e-4)
    assert found.cost_variance == pytest.approx(variance, rel=5.1e-11)
    assert found.trades_lots.sum() == pytest.approx(1e6, abs=1e-6)


def test_almgren_chriss_trades_half_life_and_drift():
    found = TABLE_1.trajectory(1e-6)
    assert found.trades_lots == pytest.approx(
        [458044.4456, 252101.3350, 141956.7316, 85755.6862, 62141.8016], abs=5.1e-5)
    assert found.half_life == pytest.approx(1.6472397708, abs=5.1e-11)
    assert found.cost_variance ** 0.5 == pytest.approx(603430.669, abs=5.1e-4)
    assert TABLE_1.drift_holding(1e-6, 0.02) == pytest.approx(11080.332, abs=5.1e-4)
    assert TABLE_1.temporary_net == pytest.approx(2.375e-6)


@pytest.mark.parametrize("risk_aversion", [1e-7, 1e-6, 2e-5])
def test_almgren_chriss_costs_equal_closed_form_20(risk_aversion):
    m, k = TABLE_1, TABLE_1.kappa(risk_aversion)
    X, T, tau, net = m.quantity_lots, m.horizon, m.interval, m.temporary_net
    cost = (0.5 * m.permanent * X ** 2 + m.half_spread * X + net * X ** 2 * tanh(0.5 * k * tau)
            * (tau * sinh(2 * k * T) + 2 * T * sinh(k * tau)) / (2 * tau ** 2 * sinh(k * T) ** 2))
    variance = (0.5 * m.volatility ** 2 * X ** 2
                * (tau * sinh(k * T) * cosh(k * (T - tau)) - T * sinh(k * tau))
                / (sinh(k * T) ** 2 * sinh(k * tau)))
    found = m.trajectory(risk_aversion)
    assert found.expected_cost == pytest.approx(cost, rel=1e-11)
    assert found.cost_variance == pytest.approx(variance, rel=1e-11)


@pytest.mark.parametrize(("risk_aversion", "drift"), [
    (0.0, 0.02), (1e-9, 0.02), (4e-8, 0.02), (5e-8, 0.02), (1e-6, 0.02), (1e-6, -0.3), (-2e-7, 0.0),
    (1e-4, 5.0)])
def test_almgren_chriss_is_the_minimum_that_linear_algebra_finds(risk_aversion, drift):
    # E + lambda V is quadratic in x_1..x_4: its minimum by solving for a zero gradient.
    def objective(inner):
        cost, variance = TABLE_1.costs(np.concatenate(([1e6], inner, [0.0])), drift)
        return (cost + risk_aversion * variance) / 1e6
    n, h = 4, 1e4
    unit = np.eye(n) * h
    base = objective(np.zeros(n))
    # Exact for a quadratic, but for the |n_j| term, constant while all trades keep their sign.
    start = TABLE_1.trajectory(risk_aversion, drift).holdings_lots[1:-1]
    gradient = np.array([(objective(start + u) - objective(start - u)) / (2 * h) for u in unit])
    assert np.abs(gradient).max() < 1e-6 * max(1.0, base / 1e6)
    for u in unit:
        assert objective(start + u) > objective(start)


def test_almgren_chriss_buying_mirrors_selling():
    buy = AlmgrenChriss(-1e6, 5.0, 5, 0.95, 0.0625, 2.5e-7, 2.5e-6).trajectory(1e-6)
    sell = TABLE_1.trajectory(1e-6)
    assert np.array_equal(buy.holdings_lots, -sell.holdings_lots)
    assert buy.expected_cost == sell.expected_cost


def test_almgren_chriss_survives_extreme_urgency():
    found = TABLE_1.trajectory(1e6, drift=1.0)
    assert np.isfinite(found.holdings_lots).all()
    assert found.trades_lots[0] == pytest.approx(1e6)


def test_frontier_trades_cost_for_risk():
    frontier = TABLE_1.frontier([0.0, 1e-7, 1e-6, 1e-5])
    assert (np.diff(frontier[:, 0]) > 0).all()
    assert (np.diff(frontier[:, 1]) < 0).all()


@pytest.mark.parametrize(("change", "message"), [
    ({"quantity_lots": 0.0}, "quantity_lots must not be 0"),
    ({"horizon": -1.0}, "horizon must be above 0 and finite, was -1.0"),
    ({"interval_count": 0}, "interval_count must be 1 or more, was 0"),
    ({"interval_count": 2.5}, "interval_count must be a whole number, was 2.5"),
    ({"volatility": float("nan")}, "volatility must be 0 or more and finite, was nan"),
    ({"temporary": 1e-7}, "temporary must be above permanent x interval / 2"),
    ({"temporary": "x"}, "temporary must be a number, was 'x'")])
def test_almgren_chriss_refuses(change, message):
    good = {"quantity_lots": 1e6, "horizon": 5.0, "interval_count": 5, "volatility": 0.95,
            "half_spread": 0.0625, "permanent": 2.5e-7, "temporary": 2.5e-6}
    with pytest.raises(ValueError, match=message):
        AlmgrenChriss(**(good | change))


def test_almgren_chriss_refuses_what_has_no_minimum():
    with pytest.raises(ValueError, match=r"risk_aversion must be above -1\.00517e-06"):
        TABLE_1.trajectory(-1.1e-6)
    # The bound is sharp: the frequency reaches pi / T there.
    assert TABLE_1.kappa(-1.005e-6) * 5.0 < np.pi
    with pytest.raises(ValueError, match="drift must be 0 where"):
        TABLE_1.trajectory(-1e-7, drift=0.1)
    with pytest.raises(ValueError, match="must run from 1e\\+06 to 0"):
        TABLE_1.costs([1e6, 0, 0, 0, 0, 1.0])


# Reference D.9
def test_cartea_jaimungal_forced_end():
    sale = OptimalLiquidation(10.0, 60.0, 1e-3, running_penalty=1e-5)
    assert sale.urgency == pytest.approx(0.1)
    assert sale.inventory([15, 30, 45]) == pytest.approx(
        [2.2310399450, 0.4966396371, 0.1055597703], abs=5.1e-11)
    assert sale.speed([0, 15, 30, 45, 60]) == pytest.approx(
        [1.0000122885, 0.2231590677, 0.0499107848, 0.0116621526, 0.0049575348], abs=5.1e-11)
    assert sale.inventory([0.0, 60.0]).tolist() == [10.0, 0.0]


def test_cartea_jaimungal_finite_penalty():
    sale = OptimalLiquidation(10.0, 60.0, 1e-3, 1e-4, 1e-5, 0.01)
    assert sale.zeta == pytest.approx(1.0203045685, abs=5.1e-11)
    assert sale.inventory([15, 30, 45, 60]) == pytest.approx(
        [2.2310451521, 0.4966641357, 0.1056698246, 0.0004932870], abs=5.1e-11)
    assert sale.speed([0.0])[0] == pytest.approx(1.0000120440, abs=5.1e-11)


@pytest.mark.parametrize(("k", "b", "phi", "alpha"), [
    (1e-3, 1e-4, 1e-5, 0.01), (1e-3, 0.0, 4e-3, 0.002), (2e-3, 1e-3, 0.0, 0.05),
    (1e-3, 0.0, 1e-5, 1e-4), (1e-3, 2e-4, 1e-12, 0.01), (1e-3, 1e-3, 1e-4, 5e-4)])
def test_cartea_jaimungal_against_riccati_integration(k, b, phi, alpha):
    sale = OptimalLiquidation(10.0, 3.0, k, b, phi, alpha)
    backward = integrate.solve_ivp(lambda u, h: (h + 0.5 * b) ** 2 / k - phi, (0.0, 3.0), [-alpha],
                                   method="DOP853", rtol=1e-12, atol=1e-16, dense_output=True)
    for t in (0.0, 1.0, 2.5, 3.0):
        assert sale.value_coefficient(t) == pytest.approx(backward.sol(3.0 - t)[0], rel=1e-9,
                                                          abs=1e-13)
    forward = integrate.solve_ivp(
        lambda t, q: (backward.sol(3.0 - t)[0] + 0.5 * b) / k * q, (0.0, 3.0), [10.0],
        method="DOP853", rtol=1e-12, atol=1e-14, dense_output=True)
    times = [0.5, 1.5, 3.0]
    assert sale.inventory(times) == pytest.approx(forward.sol(times)[0], rel=1e-8)
    for t, q, v in zip(times, sale.inventory(times), sale.speed(times), strict=True):
        assert sale.feedback_speed(t, q) == pytest.approx(v, rel=1e-12)


def test_cartea_jaimungal_limits():
    forced = OptimalLiquidation(10.0, 60.0, 1e-3, running_penalty=1e-5)
    heavy = OptimalLiquidation(10.0, 60.0, 1e-3, 0.0, 1e-5, 1e9)
    assert heavy.inventory([15.0]) == pytest.approx(forced.inventory([15.0]), rel=1e-9)
    # phi -> 0: nu = Q / (T - t + k / (alpha - b/2)), and the straight line with alpha infinite.
    calm = OptimalLiquidation(10.0, 60.0, 1e-3, 2e-3, 0.0, 3e-3)
    assert calm.feedback_speed(20.0, 4.0) == pytest.approx(4.0 / (40.0 + 1e-3 / 2e-3), rel=1e-14)
    assert OptimalLiquidation(10.0, 60.0, 1e-3).inventory([30.0])[0] == pytest.approx(5.0)
    near = OptimalLiquidation(10.0, 60.0, 1e-3, 2e-3, 1e-18, 3e-3)
    assert near.inventory([20.0])[0] == pytest.approx(calm.inventory([20.0])[0], rel=1e-9)
    # alpha - b/2 = sqrt(k phi): zeta is infinite and the inventory decays exponentially.
    pole = OptimalLiquidation(10.0, 2.0, 1.0, 0.0, 1.0, 1.0)
    assert pole.zeta == inf
    assert pole.inventory([2.0])[0] == pytest.approx(10.0 * exp(-2.0), rel=1e-14)


def test_cartea_jaimungal_is_the_continuous_limit_of_almgren_chriss():
    # k = eta, phi = lambda sigma^2, permanent impact alike: N intervals differ by O(1/N^2).
    gaps = []
    for n in (50, 100, 200):
        discrete = AlmgrenChriss(10.0, 60.0, n, 0.1, 0.0, 0.0, 1e-3).trajectory(1e-3)
        sale = OptimalLiquidation(10.0, 60.0, 1e-3, running_penalty=1e-5)
        gaps.append(np.abs(discrete.holdings_lots - sale.inventory(discrete.times)).max())
    assert np.log2(gaps[0] / gaps[1]) == pytest.approx(2.0, abs=0.05)
    assert np.log2(gaps[1] / gaps[2]) == pytest.approx(2.0, abs=0.05)


def test_optimal_path_costs_least():
    sale = OptimalLiquidation(10.0, 6.0, 1e-3, 1e-4, 1e-5, 0.01)
    times = np.linspace(0.0, 6.0, 61)
    best = sale.inventory(times)
    cost = trading_cost(sale, times, best)
    # Its cost is minus the value at time 0, but for the broken line.
    assert cost == pytest.approx(-sale.value_coefficient(0.0) * 100.0, rel=1e-4)
    for bump in (np.sin(np.pi * times / 6.0), times / 6.0):
        for size in (0.3, -0.3):
            assert trading_cost(sale, times, best + size * bump) > cost
    found = optimize.minimize(
        lambda inner: 1e3 * trading_cost(sale, times, np.concatenate(([10.0], inner))),
        np.linspace(10.0, 0.0, 61)[1:], method="BFGS").x
    assert found == pytest.approx(best[1:], abs=2e-2)


@pytest.mark.parametrize(("build", "message"), [
    (lambda: OptimalLiquidation(1.0, 1.0, 0.0), "temporary must be above 0"),
    (lambda: OptimalLiquidation(1.0, 1.0, 1.0, 1.0, 0.0, 0.4), "terminal_penalty must be at least"),
    (lambda: OptimalLiquidation(1.0, 1.0, 1.0, 1.0, 0.0, float("nan")), "terminal_penalty must be"),
    (lambda: OptimalLiquidation(1.0, 1.0, 1.0).inventory([2.0]), r"time must be in \[0, 1\]"),
    (lambda: OptimalLiquidation(1.0, 1.0, 1.0).feedback_speed(1.0, 1.0), "below the horizon")])
def test_liquidation_refuses(build, message):
    with pytest.raises(ValueError, match=message):
        build()


def test_same_bits_on_every_machine():
    # Recorded once; libm and NumPy's transcendentals have no part in these figures.
    sale = OptimalLiquidation(10.0, 60.0, 1e-3, 1e-4, 1e-5, 0.01)
    maker = Glft(0.01, 0.3, 0.9, 0.3)
    grid = solve_liquidation(LiquidationControl(10.0, 60.0, 1e-3, 0.01, running_penalty=1e-5), 20,
                             40)
    found = [TABLE_1.trajectory(1e-6).holdings_lots[2],
             TABLE_1.trajectory(1e-6, 0.02).expected_cost, sale.inventory([30.0])[0],
             sale.speed([10.0])[0], maker.quotes(30.0, 60.0).bid_distance[31],
             maker.asymptotic(2.0)[0], AvellanedaStoikov(0.1, 2.0, 140.0, 1.5, 1.0).constant_spread,
             grid.value[0, -1], grid.speed[5, 7]]
    assert [float(x).hex() for x in found] == BITS


def test_portable_functions_equal_libm():
    for x in (0.0, 1e-300, 1e-9, 0.01, 0.3, 0.34, 1.0, 5.0, 30.0):
        for sign in (1.0, -1.0):
            assert _portable.expm1(sign * x) == pytest.approx(expm1(sign * x), rel=4e-15)
            assert _portable.sinh(sign * x) == pytest.approx(sinh(sign * x), rel=4e-15)
            assert _portable.asinh(sign * x) == pytest.approx(asinh(sign * x), rel=4e-15)
        assert _portable.log1p(x) == pytest.approx(log1p(x), rel=4e-15)
    assert _portable.log1p(-0.5) == pytest.approx(log1p(-0.5), rel=1e-15)
    assert _portable.power(9.0, 0.5) == pytest.approx(3.0, rel=1e-15)
    assert _portable.power(0.0, 0.5) == 0.0
