"""The HJB solver against the closed form, Pontryagin's conditions and whole-lot programming."""

from itertools import product
from math import inf

import numpy as np
import pytest
from scipy import integrate, optimize

from dreammaker.stochastic import (
    AlmgrenChriss,
    LiquidationControl,
    OptimalLiquidation,
    liquidation_cost,
    optimal_lots,
    solve_liquidation,
)

CLOSED = OptimalLiquidation(10.0, 60.0, 1e-3, 1e-4, 1e-5, 0.01)
SAME = LiquidationControl(10.0, 60.0, 1e-3, 0.01, permanent=1e-4, running_penalty=1e-5)


def gaps(scheme, cells):
    """Greatest error of value, speed at the start, and inventory (a share of the quantity)."""
    found = solve_liquidation(SAME, cells, 2 * cells, scheme=scheme)
    exact = np.array([CLOSED.value_coefficient(t) for t in found.times])
    value = np.abs(found.value - exact[:, None] * found.inventory_lots ** 2).max()
    speeds = CLOSED.feedback_speed(0.0, 1.0) * found.inventory_lots
    return (value, np.abs(found.speed[0] - speeds).max(),
            np.abs(found.inventory() - CLOSED.inventory(found.times)).max() / 10.0)


@pytest.mark.parametrize(("scheme", "order", "slack"), [
    ("box", 2.0, 0.1), ("upwind", 1.0, 0.06)])
def test_converges_to_cartea_jaimungal_at_its_order(scheme, order, slack):
    coarse, fine = gaps(scheme, 200), gaps(scheme, 400)
    for one, two in zip(coarse, fine, strict=True):
        assert np.log2(one / two) == pytest.approx(order, abs=slack)
    if scheme == "box":
        assert fine[0] < 5e-5 and fine[1] < 1e-7 and fine[2] < 2e-5


@pytest.mark.parametrize("scheme", ["box", "upwind"])
def test_stable_for_any_ratio_of_steps(scheme):
    # Few long steps in time over a fine grid and the reverse: an explicit scheme would blow up.
    for cells, steps in ((400, 10), (5, 500)):
        found = solve_liquidation(SAME, cells, steps, scheme=scheme)
        least = -CLOSED.terminal_penalty * 100.0
        assert np.isfinite(found.value).all() and (found.speed >= 0.0).all()
        assert found.value.min() >= least * 1.001 and found.value.max() <= 1e-9


def test_forced_end_by_a_large_penalty():
    # alpha 10^6 times the impact: the end is far steeper than any step; it must not ring.
    control = LiquidationControl(10.0, 60.0, 1e-3, 1e3, running_penalty=1e-5)
    forced = OptimalLiquidation(10.0, 60.0, 1e-3, 0.0, 1e-5)
    found = solve_liquidation(control, 100, 300)
    assert found.inventory() == pytest.approx(forced.inventory(found.times), abs=2e-2)
    assert found.speed_at(0.0, 10.0) == pytest.approx(forced.speed([0.0])[0], rel=1e-4)


def test_upwind_is_monotone():
    # A higher terminal value can only raise the value everywhere.
    low = solve_liquidation(SAME, 40, 60, scheme="upwind").value
    easier = LiquidationControl(10.0, 60.0, 1e-3, 0.008, permanent=1e-4, running_penalty=1e-5)
    assert (solve_liquidation(easier, 40, 60, scheme="upwind").value >= low).all()


def shoot(control):
    """Value and end of the best path from Pontryagin's conditions, by shooting from the end."""
    def at(value, t):
        return value(t) if callable(value) else value

    def speed(t, marginal):
        gain = max(marginal - control.half_spread, 0.0)
        free = (gain / ((1 + control.exponent) * at(control.temporary, t))) ** (
            1 / control.exponent)
        return min(free, at(control.max_speed, t))

    def back(u, state):
        t, q, marginal = control.horizon - u, max(state[0], 0.0), state[1]
        v = speed(t, marginal)
        hold = (at(control.running_penalty, t) * q ** control.penalty_exponent
                - at(control.drift, t) * q)
        rise = (at(control.running_penalty, t) * control.penalty_exponent
                * q ** (control.penalty_exponent - 1) - at(control.drift, t))
        return [v, rise, control.half_spread * v + at(control.temporary, t) * v ** (
            1 + control.exponent) + hold]

    net = control.terminal_penalty - 0.5 * control.permanent

    def run(end):
        return integrate.solve_ivp(back, (0.0, control.horizon), [end, 2 * net * end,
                                                                  net * end * end],
                                   rtol=1e-9, atol=1e-12, max_step=control.horizon / 100).y[:, -1]

    end = optimize.brentq(lambda e: run(e)[0] - control.quantity_lots, 1e-12,
                          control.quantity_lots, xtol=1e-13)
    final = run(end)
    cost = final[2] + 0.5 * control.permanent * control.quantity_lots ** 2
    return -cost, end, speed(0.0, final[1])


def smile(t):
    # Liquidity is thin at noon: impact doubles in the middle of the horizon.
    return 0.02 * (1.0 + np.sin(np.pi * t / 4.0))


CASES = {
    "time-varying liquidity": LiquidationControl(10.0, 4.0, smile, 0.3),
    "square-root impact": LiquidationControl(10.0, 4.0, 0.05, 0.3, exponent=0.5,
                                             running_penalty=1e-3),
    "exponent 1.5 and a spread": LiquidationControl(10.0, 4.0, 0.02, 0.3, exponent=1.5,
                                                    half_spread=0.05, running_penalty=1e-3),
    "speed limit": LiquidationControl(10.0, 4.0, 0.02, 0.3, running_penalty=0.02, max_speed=3.0,
                                      permanent=0.01),
    "speed limit that varies": LiquidationControl(
        10.0, 4.0, smile, 0.3, running_penalty=0.01, max_speed=lambda t: 2.0 + t, exponent=0.6),
    "volatility and drift": LiquidationControl(
        10.0, 4.0, 0.02, 0.3, running_penalty=lambda t: 0.01 * (1 + 0.5 * np.cos(t)),
        drift=0.02, penalty_exponent=1.5)}


@pytest.mark.parametrize("name", CASES)
def test_cases_without_closed_form_meet_pontryagins_conditions(name):
    control = CASES[name]
    value, end, speed = shoot(control)
    errors = []
    for cells in (100, 200):
        found = solve_liquidation(control, cells, 2 * cells)
        errors.append(abs(found.value[0, -1] - value))
    path = found.inventory()
    assert errors[1] < 2e-4 * abs(value)
    assert path[-1] == pytest.approx(end, abs=2e-2)
    assert found.speed_at(0.0, 10.0) == pytest.approx(speed, rel=5e-3)
    # Following the solver's speeds costs what its value says.
    cost = liquidation_cost(control, found.times, path)
    assert cost == pytest.approx(-value, rel=1e-3)
    # The monotone scheme goes to the same value from coarse to fine.
    low, high = (abs(solve_liquidation(control, c, 2 * c, scheme="upwind").value[0, -1] - value)
                 for c in (50, 200))
    assert high < 0.4 * low


def test_speed_limit_binds_and_is_kept():
    found = solve_liquidation(CASES["speed limit"], 100, 200)
    assert found.speed.max() == 3.0
    assert found.speed[0, -1] == 3.0
    free = solve_liquidation(LiquidationControl(10.0, 4.0, 0.02, 0.3, running_penalty=0.02,
                                                permanent=0.01), 100, 200)
    assert free.speed[0, -1] > 3.0
    assert found.value[0, -1] < free.value[0, -1]


def test_upwind_on_whole_lots_is_the_poisson_problem():
    # Lots leave one by one at rate v: h_q is the difference to one lot less, an ODE in time.
    control = LiquidationControl(5.0, 3.0, 0.05, 0.4, running_penalty=0.01)
    q = np.arange(6.0)

    def slope(_, g):
        gain = np.maximum(-np.diff(g), 0.0)
        return np.concatenate(([0.0], -0.01 * q[1:] ** 2 + gain ** 2 / (4 * 0.05)))

    exact = integrate.solve_ivp(slope, (0.0, 3.0), -0.4 * q * q, rtol=1e-10, atol=1e-12).y[:, -1]
    found = solve_liquidation(control, 5, 4000, scheme="upwind", inventory_grading=1.0)
    assert found.value[0] == pytest.approx(exact, rel=2e-3, abs=1e-4)


@pytest.mark.parametrize(("build", "message"), [
    (lambda: LiquidationControl(10.0, 1.0, 1.0, inf), "terminal_penalty must be finite"),
    (lambda: LiquidationControl(0.0, 1.0, 1.0, 1.0), "quantity_lots must be above 0"),
    (lambda: LiquidationControl(1.0, 1.0, 1.0, 1.0, exponent=0.0), "exponent must be above 0"),
    (lambda: solve_liquidation(SAME, 1, 10), "inventory_steps must be 2 or more, was 1"),
    (lambda: solve_liquidation(SAME, 5, 5, scheme="explicit"), "scheme must be box or upwind"),
    (lambda: solve_liquidation(SAME, 5, 5, time_grading=0.5), "time_grading must be in"),
    (lambda: solve_liquidation(SAME, 10 ** 5, 10 ** 5), "must be at most 20000000"),
    (lambda: solve_liquidation(LiquidationControl(1.0, 1.0, lambda t: 0.5 - t, 1.0), 4, 4),
     "temporary must be above 0, was -0.5 at time 1"),
    (lambda: solve_liquidation(LiquidationControl(1.0, 1.0, 1.0, 1.0, drift=lambda t: inf), 4, 4),
     "drift must be finite, was inf"),
    (lambda: solve_liquidation(SAME, 5, 5).speed_at(61.0, 1.0), r"time must be in \[0, 60\]"),
    (lambda: solve_liquidation(SAME, 5, 5).inventory(11.0), r"inventory_lots must be in \[0, 10\]"),
    (lambda: liquidation_cost(SAME, [0.0, 60.0], [10.0, 11.0]), "inventory_lots must fall")])
def test_solver_refuses(build, message):
    with pytest.raises(ValueError, match=message):
        build()


def brute(X, n, tau, eta, risk, drift, p, spread, caps):
    best = (inf, None)
    for trades in product(range(X + 1), repeat=n):
        if sum(trades) != X or any(t > c for t, c in zip(trades, caps, strict=True)):
            continue
        x, cost = X, 0.0
        for j, t in enumerate(trades):
            x -= t
            cost += spread * t + eta[j] * (t / tau) ** p * t + tau * (risk[j] * x * x
                                                                      - drift[j] * x)
        best = min(best, (cost, trades))
    return best


@pytest.mark.parametrize("seed", range(25))
def test_whole_lots_equal_enumeration(seed):
    g = np.random.default_rng(seed)
    X, n, tau = int(g.integers(1, 9)), int(g.integers(1, 5)), float(g.uniform(0.3, 2))
    eta, risk = g.uniform(0.1, 2, n), g.uniform(0, 1, n)
    drift, p = g.normal(0, 2, n), float(g.choice([0.5, 1.0, 1.7]))
    caps = g.integers(0, X + 1, n)
    caps[0] += max(0, X - caps.sum())
    cost, trades = brute(X, n, tau, eta, risk, drift, p, 0.3, caps)
    found = optimal_lots(X, n, tau, eta, risk=risk, drift=drift, exponent=p, half_spread=0.3,
                         max_trade_lots=caps)
    assert found.cost == pytest.approx(cost, rel=1e-12, abs=1e-12)
    assert found.trades_lots.tolist() == list(trades)
    assert found.holdings_lots[0] == X and found.holdings_lots[-1] == 0


def test_whole_lots_are_almgren_chriss_rounded_within_a_lot():
    model = AlmgrenChriss(1e6, 5.0, 5, 0.95, 0.0625, 2.5e-7, 2.5e-6)
    smooth = model.trajectory(1e-6)
    found = optimal_lots(1_000_000, 5, 1.0, model.temporary_net, risk=1e-6 * 0.95 ** 2,
                         half_spread=0.0625)
    assert np.abs(found.holdings_lots - smooth.holdings_lots).max() < 1.0
    least = smooth.expected_cost + 1e-6 * smooth.cost_variance
    whole = found.cost + 0.5 * 2.5e-7 * 1e12
    assert least - 1e-6 <= whole < least * (1 + 1e-10)
    # A small order, where a lot matters: never dearer than the rounded trajectory.
    small = AlmgrenChriss(7.0, 5.0, 5, 0.95, 0.0, 0.0, 0.5)
    rounded = np.round(small.trajectory(0.3).holdings_lots)
    cost, variance = small.costs(rounded)
    exact = optimal_lots(7, 5, 1.0, 0.5, risk=0.3 * 0.95 ** 2)
    assert exact.cost <= cost + 0.3 * variance + 1e-12


@pytest.mark.parametrize(("arguments", "message"), [
    ({"quantity_lots": 0}, "quantity_lots must be 1 or more"),
    ({"max_trade_lots": 2}, "max_trade_lots must add up to the quantity 10 or more, added up to 8"),
    ({"temporary": [1.0, 1.0]}, "temporary must be one number or 4 of them, had 2"),
    ({"temporary": 0.0}, "temporary must be above 0"),
    ({"risk": -1.0}, "risk must be 0 or more"),
    ({"quantity_lots": 10 ** 9}, "must be at most 100000000")])
def test_whole_lots_refuse(arguments, message):
    good = {"quantity_lots": 10, "interval_count": 4, "interval": 1.0, "temporary": 1.0}
    with pytest.raises(ValueError, match=message):
        optimal_lots(**(good | arguments))
