"""The patient liquidation against linear algebra, its special case, and its own promise."""

import numpy as np
import pytest
from scipy.linalg import expm

from dreammaker.stochastic import LiquidationControl, solve_liquidation
from dreammaker.stochastic.limit_and_market import (
    PatientControl,
    crossing_speed,
    solve_patient,
)

BASE = {"quantity_lots": 6, "horizon": 30.0, "half_spread": 0.5, "fill_rate": 0.4,
        "patient_gain": 0.3, "temporary": 0.02, "running_penalty": 0.002,
        "terminal_penalty": 0.5, "max_speed": 3.0}


def control(**changes):
    return PatientControl(**(BASE | changes))


def test_value_without_crossing_equals_the_matrix_exponential():
    # With a gain so large that patience always pays the system is linear:
    # dh/du = rate (h_{q-1} - h_q + gain) - phi q^2.
    c = control(patient_gain=50.0, terminal_penalty=0.01, max_speed=1e-9, horizon=8.0)
    n = c.quantity_lots
    matrix = np.zeros((n + 2, n + 2))
    start = np.zeros(n + 2)
    start[-1] = 1.0
    for q in range(1, n + 1):
        matrix[q, q - 1], matrix[q, q] = c.fill_rate, -c.fill_rate
        matrix[q, -1] = c.fill_rate * c.patient_gain - c.running_penalty * q * q
        start[q] = -c.half_spread * q - c.terminal_penalty * q * q
    exact = (expm(8.0 * matrix) @ start)[:-1]
    errors = []
    for factor in (1, 8):
        # A limit on speed that is never used makes the steps shorter.
        fine = control(patient_gain=50.0, terminal_penalty=0.01, max_speed=20.0 * factor,
                       horizon=8.0, temporary=1e12)
        errors.append(abs(solve_patient(fine).value[-1] - exact).max())
    # Second order: steps of an eighth err by a sixty-fourth.
    assert errors[0] < 0.01
    assert errors[1] < errors[0] / 40


def test_value_without_patient_orders_equals_the_liquidation_equations():
    c = control(fill_rate=0.0, patient_gain=0.0, max_speed=40.0, half_spread=0.0)
    solved = solve_patient(c)
    other = solve_liquidation(
        LiquidationControl(6.0, 30.0, 0.02, 0.5, running_penalty=0.002, max_speed=40.0), 6, 4000,
        scheme="upwind", inventory_grading=1.0)
    assert solved.value[-1] == pytest.approx(other.value[0], rel=2e-2, abs=1e-3)


def test_policy_when_followed_at_random_then_earns_its_value():
    # Null: the mean over paths is the value; 6 000 paths, seed 4, tolerance 4 standard errors.
    c = control(horizon=12.0)
    solved = solve_patient(c)
    rng = np.random.default_rng(4)
    paths, dt = 6000, 0.01
    left = np.full(paths, 6)
    earned = np.zeros(paths)
    for i in range(1200):
        to_go = 12.0 - i * dt
        speed = np.array([0.0] + [solved.crossing_speed(to_go, q) for q in range(1, 7)])[left]
        earned -= c.running_penalty * left ** 2 * dt
        crossed = (rng.random(paths) < speed * dt) & (left > 0)
        earned -= crossed * (c.half_spread + c.temporary * speed)
        left = left - crossed
        patient = (rng.random(paths) < c.fill_rate * dt) & (left > 0)
        earned += patient * c.patient_gain
        left = left - patient
    earned -= c.half_spread * left + c.terminal_penalty * left ** 2
    error = earned.std() / paths ** 0.5
    assert abs(earned.mean() - solved.value[-1, 6]) < 4 * error + 0.01
    assert 0 < error < 0.02


def test_crossing_begins_later_with_less_left_and_never_before_it_pays():
    solved = solve_patient(control())
    begins = []
    for left in range(1, 7):
        times = [to_go for to_go in np.arange(0.0, 30.0, 0.05)
                 if solved.crossing_speed(to_go, left) > 0]
        begins.append(max(times, default=0.0))
    assert begins == sorted(begins)
    assert begins[-1] > begins[0]
    for left in (1, 6):
        worth = solved.worth_of_less(begins[left - 1] + 1.0, left)
        assert worth <= 0.5


def test_more_volatility_and_a_narrower_spread_cross_earlier():
    calm = solve_patient(control())
    wild = solve_patient(control(running_penalty=0.02))
    narrow = solve_patient(control(half_spread=0.1, patient_gain=0.05))
    assert wild.crossing_speed(15.0, 6) > calm.crossing_speed(15.0, 6)
    assert narrow.crossing_speed(15.0, 6) > calm.crossing_speed(15.0, 6)


def test_cells_of_several_lots_give_about_the_same():
    c = control(quantity_lots=60, running_penalty=2e-4, terminal_penalty=0.05, fill_rate=4.0,
                max_speed=30.0, temporary=0.002)
    fine, coarse = solve_patient(c), solve_patient(c, max_cells=20)
    assert coarse.cell_lots == 3.0
    assert coarse.value[-1, -1] == pytest.approx(fine.value[-1, -1], rel=0.1)


def test_speed_is_cut_at_its_limits():
    c = control()
    assert crossing_speed(c, 0.4) == 0.0
    assert crossing_speed(c, 0.54) == pytest.approx(1.0)
    assert crossing_speed(c, 1e9) == 3.0


@pytest.mark.parametrize(("name", "value"), [
    ("quantity_lots", 0), ("horizon", 0.0), ("half_spread", -1.0), ("fill_rate", -0.1),
    ("patient_gain", float("nan")), ("temporary", 0.0), ("running_penalty", -1.0),
    ("terminal_penalty", -1.0), ("max_speed", 0.0)])
def test_bad_parameters_are_named(name, value):
    with pytest.raises(ValueError, match=name):
        control(**{name: value})


def test_too_many_steps_are_refused():
    with pytest.raises(ValueError, match="at most"):
        solve_patient(control(max_speed=1e7))
