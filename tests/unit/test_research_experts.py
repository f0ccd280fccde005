"""What an expert would try against the bench: rows that know too much, bets that are never made."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import optuna
import pytest
from numpy.typing import NDArray

from dreammaker.features.config import FeatureConfig
from dreammaker.models.sizing import bet_size
from dreammaker.research.crossval import (
    CrossValidation,
    assembled,
    calibration_curve,
    decide_split,
)
from dreammaker.research.dataset import label_day
from dreammaker.research.decider import fit_decider, scaled
from dreammaker.research.estimators import KINDS, ModelSpec
from dreammaker.research.evaluate import judge_trials
from dreammaker.research.label_rule import LabelRule
from dreammaker.research.noise import noise_samples
from dreammaker.research.samples import Samples, samples_of
from dreammaker.research.sampling import Sampler
from dreammaker.research.trials import Trial
from dreammaker.research.tune import Space
from dreammaker.validation import deflated_sharpe_ratio, sharpe_ratio
from tests.unit.research_logs import SECOND, quote_log

DAYS = tuple(str(np.datetime64("2026-01-05") + i) for i in range(250))


@pytest.mark.parametrize("kind", KINDS)
def test_models_when_all_but_the_training_rows_is_garbage_then_the_same_bits(kind: str) -> None:
    """Features, labels, gains and weights of test, purged and embargoed rows reach no fit."""
    samples = replace(noise_samples(3, rows=360, days=5, edge=0.5), lookback_ns=120_000_000_000)
    spec, cv = ModelSpec(kind=kind, trees=4, least_leaf=10), CrossValidation(3, 1)
    rng = np.random.default_rng(5)
    for number, (train, test) in enumerate(cv.splitter(samples).split(samples.X)):
        assert len(train) + len(test) < len(samples)
        other = np.setdiff1d(np.arange(len(samples)), train)
        X, y, gain, weights = (column.copy() for column in (
            samples.X, samples.y, samples.gain, samples.weights))
        X[other] = rng.normal(5.0, 3.0, X[other].shape)
        y[other] = rng.choice([-1, 0, 1], len(other))
        gain[other], weights[other] = rng.normal(0.0, 99.0, (len(other), 2)), 7.0
        # What is predicted stays, or there would be nothing to compare.
        X[test] = samples.X[test]
        spoiled = replace(samples, X=X, y=y, gain=gain, weights=weights)
        for one, two in zip(decide_split(samples, spec, cv, number),
                            decide_split(spoiled, spec, cv, number), strict=True):
            np.testing.assert_array_equal(one, two)


def labelled(mids: NDArray[np.int64], rule: LabelRule) -> Samples:
    log = quote_log(mids.tolist())
    return samples_of(label_day(log, Sampler(seconds=5.0), rule, FeatureConfig()), [log], 1.0)


@pytest.mark.parametrize("weight", ["uniqueness", "returns"])
def test_rows_when_the_rest_of_the_day_is_another_then_those_that_ended_before_are_equal(
        weight: str) -> None:
    """A scale taken over the day would tell training rows how far the test rows moved."""
    rng = np.random.default_rng(1)
    calm = 20_000 + 2 * np.cumsum(rng.integers(-3, 4, 2400))
    wild = calm.copy()
    wild[1500:] = calm[1499] + 2 * np.cumsum(rng.integers(-9, 10, 900))
    rule = LabelRule(horizon_s=30.0, weight=weight)
    one, two = labelled(calm, rule), labelled(wild, rule)
    change = (1_700_000_000 + 1_499) * SECOND
    one, two = one.take(one.t_end < change), two.take(two.t_end < change)
    assert len(one) > 100
    for name in ("X", "y", "t_start", "t_end", "weights", "gain", "exit_ns"):
        np.testing.assert_array_equal(getattr(one, name), getattr(two, name))
    assert one.weights.std() > 0.0


def test_weights_when_all_are_zero_then_rows_count_the_same() -> None:
    assert scaled(np.zeros(3)).tolist() == [1.0, 1.0, 1.0]
    assert scaled(np.array([1.0, 3.0])).tolist() == [0.5, 1.5]
    samples = replace(noise_samples(2, rows=120, days=6), weights=np.zeros(120))
    assert np.isfinite(fit_decider(samples, ModelSpec(trees=3, least_leaf=5)).decide(
        samples.X)[0]).all()


def test_bets_when_research_counts_them_then_the_loop_gives_them_a_size() -> None:
    samples = noise_samples(1, rows=6, days=6)
    right = np.array([[0.44, 0.46, 0.5, 0.52, 0.6, 0.0]])
    side = np.array([[1, 1, -1, 1, -1, 0]], np.int8)
    for threshold in (0.0, 0.45, 0.5, 0.55):
        spec = ModelSpec(threshold=threshold)
        found = assembled(samples, spec, right, side, right, np.zeros(1))
        live = [row for row in range(6) if side[0, row] and right[0, row] >= threshold
                and bet_size(right[0, row]) > 0.0]
        assert found.bets[0].row.tolist() == live
    plain = replace(spec, meta=False, threshold=0.45)
    assert plain.wanted(side[0], right[0]).tolist() == [False, True, True, True, True, False]


def test_calibration_when_a_row_has_no_side_then_it_is_no_prediction() -> None:
    samples = noise_samples(1, rows=6, days=6)
    side = np.array([[1, 0, -1, 0, 1, 1]], np.int8)
    right = np.where(side == 0, 0.0, 0.6)
    found = assembled(samples, ModelSpec(), right, side, right, np.zeros(1))
    curve = calibration_curve(found, samples, 2)
    assert sum(part["rows"] for part in curve) == 4
    assert {part["predicted"] for part in curve} == {0.6}


def test_search_when_a_forest_is_drawn_then_it_is_not_asked_for_a_learning_rate() -> None:
    fixed = {"barrier": 1.0, "horizon_s": 60.0, "trees": 50, "leaves": 7, "least_leaf": 30,
             "threshold": 0.55}
    spaces = Space(kinds=("lightgbm", "forest"))
    forest = spaces.draw(optuna.trial.FixedTrial(fixed | {"kind": "forest"}), LabelRule(),
                         ModelSpec())[1]
    assert forest == ModelSpec(kind="forest", trees=50, leaves=7, least_leaf=30, threshold=0.55)
    boosted = spaces.draw(optuna.trial.FixedTrial(
        fixed | {"kind": "lightgbm", "learning_rate": 0.11}), LabelRule(), ModelSpec())[1]
    assert boosted.learning_rate == 0.11


def one_good(rng: np.random.Generator, losses: float, ratio: float, trials: int = 20
             ) -> list[Trial]:
    """A trial with an edge among others that lose this much a day, in deviations, at the most."""
    net = rng.standard_normal((250, trials))
    net[:, 0] += ratio
    net[:, 1:] -= rng.uniform(0.0, losses, trials - 1) if losses else 0.0
    periods = tuple(range(250))
    return [Trial("WIN", "tune", {"number": i}, DAYS, tuple(column), periods, tuple(column),
                  tuple(column)) for i, column in enumerate(net.T.tolist())]


def test_deflated_ratio_when_the_others_lose_their_costs_then_the_good_one_still_passes() -> None:
    """How much the bad ones lose is no luck that the good one could have had."""
    samples = SimpleNamespace(point_value=1.0)
    for seed in range(3):
        trials = one_good(np.random.default_rng(seed), 1.5, 0.4)
        found = judge_trials(trials[0], trials, samples).evidence
        assert found.dsr > 0.95 and found.trials == 20


def test_deflated_ratio_when_nothing_has_an_edge_then_losers_do_not_help() -> None:
    """The best of worthless trials beside losers passes no more often than 5 %."""
    samples, passed = SimpleNamespace(point_value=1.0), 0
    for seed in range(12):
        trials = one_good(np.random.default_rng(seed), 1.5 * (seed % 2), 0.0, 6)
        best = max(trials, key=lambda trial: sum(trial.daily) / np.std(trial.daily))
        passed += judge_trials(best, trials, samples).evidence.dsr >= 0.95
    assert passed <= 1


def test_deflated_ratio_when_five_lucky_bets_are_all_there_is_then_no_proof() -> None:
    """One worthless trial in 32 wins all of five bets; a formula fed their skewness is sure."""
    net = np.zeros((60, 2))
    net[[3, 17, 28, 40, 55], 0] = [1.0, 1.1, 0.9, 1.0, 1.05]
    net[[5, 19, 30, 44, 51], 1] = [1.0, -1.1, 0.9, -1.0, -1.05]
    periods = tuple(range(60))
    trials = [Trial("WIN", "tune", {"number": i}, DAYS[:60], tuple(column), periods, tuple(column),
                    tuple(column)) for i, column in enumerate(net.T.tolist())]
    found = judge_trials(trials[0], trials, SimpleNamespace(point_value=1.0)).evidence
    assert found.net_lower_bound > 0.0 and found.dsr < 0.95
    skewed = (net[:, 0] - net[:, 0].mean()) / net[:, 0].std()
    literal = deflated_sharpe_ratio(
        sharpe_ratio(net[:, 0]), 60, trials=2.0, trial_variance=1 / 59,
        skewness=float((skewed ** 3).mean()), kurtosis=float((skewed ** 4).mean()))
    assert literal > 0.95
