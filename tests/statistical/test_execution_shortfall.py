"""Short form of the execution study (``benchmarks/study_execution.py``): 10 days of 5 minutes.

Null: the mean paired gain over the market order is 0 or less, one-sided paired t test, seeds 1 to
10, history seeds apart. The long form runs 200 days of 20 minutes.
"""

import numpy as np
import pytest

from benchmarks.study_execution import compare, learn, market_path, run_day, study

DAYS = 10


@pytest.fixture(scope="module")
def plan():
    return learn(5.0)


@pytest.fixture(scope="module")
def found(plan):
    return study(plan, DAYS, ("market", "vwap", "adaptive"))


def test_parent_is_a_twentieth_of_the_volume_and_is_filled(found):
    for figures in found.values():
        assert figures["share"].mean() == pytest.approx(0.05, abs=0.01)
        assert figures["filled"].min() > 0.99


@pytest.mark.parametrize("name", ["vwap", "adaptive"])
@pytest.mark.parametrize("form", ["net", "planned"])
def test_algorithm_beats_the_market_order(found, name, form):
    result = compare(found["market"][form], found[name][form])
    assert result["p_t"] < 1e-3, result
    assert result["mean_gain"] > 1.0
    assert found["market"]["net"].mean() > 0.5
    assert found["market"][form].std() > 0.0


def test_comparison_when_nothing_differs_then_no_evidence(found):
    # The test must be able to say no: the market order against itself with noise, and reversed.
    market, rng = found["market"]["net"], np.random.default_rng(3)
    assert compare(market, market + rng.normal(size=DAYS))["p_t"] > 1e-3
    assert compare(found["vwap"]["net"], market)["p_t"] > 0.99


def test_day_when_run_again_then_the_same_to_the_bit(plan, found):
    path = market_path(plan.config(1, "market"))
    again = run_day(plan, 1, "vwap", path)
    assert {key: again[key] for key in ("net", "planned", "raw")} == {
        key: found["vwap"][key][0] for key in ("net", "planned", "raw")}
