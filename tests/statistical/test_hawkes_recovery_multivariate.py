"""Fits recover the parameters of simulated processes: no bias, intervals that cover."""

import os

import numpy as np
import pytest

from dreammaker.hawkes import MultivariateHawkes

LONG = pytest.mark.skipif("DREAMMAKER_LONG_TESTS" not in os.environ,
                          reason="takes a minute: set DREAMMAKER_LONG_TESTS=1")

TWO = MultivariateHawkes([0.3, 0.2], [[0.6, 0.3], [0.4, 0.7]], [[1.5, 1.2], [0.9, 2.0]])
TWO_SHARED = MultivariateHawkes([0.3, 0.2], [[0.6, 0.3], [0.4, 0.5]], 1.5)
PLACES = np.add.outer(np.arange(5), np.arange(5))
FIVE_PAIRS = MultivariateHawkes(np.linspace(0.3, 0.5, 5), 0.2 + 0.5 * np.eye(5),
                                2.0 + 0.4 * (PLACES % 5))
FIVE = MultivariateHawkes(np.linspace(0.3, 0.5, 5), 0.15 + 0.35 * np.eye(5), 2.0)


def recovery(model, duration, simulations, first_seed):
    """Standardised errors of all parameters, shape (simulations, parameters)."""
    rows = []
    for k in range(simulations):
        events = model.simulate(duration, np.random.default_rng(first_seed + k))
        fit = model.fit(events, duration)
        assert fit.converged, fit.message
        beta = model.beta[0, 0] if model.shared_decay else model.beta
        rows.append(np.concatenate([
            np.ravel((np.asarray(getattr(fit, name)) - truth) / fit.standard_errors[name])
            for name, truth in (("mu", model.mu), ("alpha", model.alpha), ("beta", beta))]))
    return np.array(rows)


def check(errors, simulations):
    known = np.isfinite(errors)
    assert known.mean() > 0.98
    # Null: standardised errors have mean 0 and deviation 1; small samples bias a little.
    mean = np.nanmean(errors, axis=0)
    assert (np.abs(mean) < 0.25 + 4 / np.sqrt(simulations)).all(), mean
    covered = np.mean(np.abs(errors[known]) < 1.96)
    assert 0.90 < covered < 0.99, covered


@pytest.mark.parametrize(("model", "duration"), [(TWO, 2_000.0), (TWO_SHARED, 1_000.0),
                                                 (FIVE, 600.0)],
                         ids=["2x2", "2x2 shared", "5x5 shared"])
def test_recovery_short(model, duration):
    check(recovery(model, duration, 40, 1_000), 40)


@pytest.mark.slow
@pytest.mark.parametrize(("model", "duration"), [(TWO, 6_000.0), (TWO_SHARED, 3_000.0),
                                                 pytest.param(FIVE, 3_000.0, marks=LONG)],
                         ids=["2x2", "2x2 shared", "5x5 shared"])
def test_recovery_over_200_simulations(model, duration):
    errors = recovery(model, duration, 200, 5_000)
    check(errors, 200)
    per_parameter = np.mean(np.abs(errors) < 1.96, axis=0)
    # 95 % intervals: each parameter's coverage within four binomial deviations.
    assert (per_parameter > 0.95 - 4 * np.sqrt(0.95 * 0.05 / 200)).all(), per_parameter


def test_recovery_of_five_types_with_a_decay_for_each_pair():
    # 55 parameters: 200 simulations where DREAMMAKER_LONG_TESTS is set, 10 otherwise.
    simulations = 200 if os.environ.get("DREAMMAKER_LONG_TESTS") else 10
    errors = recovery(FIVE_PAIRS, 4_000.0, simulations, 9_000)
    check(errors, simulations)
    per_parameter = np.nanmean(np.abs(errors) < 1.96, axis=0)
    assert (per_parameter > 0.95 - 5 * np.sqrt(0.95 * 0.05 / simulations)).all(), per_parameter
