"""PBO beside placebos: exchangeable on noise, near 0 where all trials found the same edge."""

import json
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from dreammaker.domain.errors import StoreError
from dreammaker.models.gate import Evidence, GateConfig, GateVerdict, judge
from dreammaker.research.bets import summed_over_coin, take_bets
from dreammaker.research.evaluate import judge_trials
from dreammaker.research.noise import noise_samples
from dreammaker.research.placebo import (
    blocks_for,
    overfitting_against_placebos,
    overfitting_among,
)
from dreammaker.research.trials import Trial, TrialLedger
from tests.unit.test_research_bench import six, trial

DAYS = tuple(str(np.datetime64("2026-01-05") + i) for i in range(60))
PERIODS = np.arange(60) * 86_400_000_000_000


def made(number: int, over_coin: NDArray[np.float64], net: NDArray[np.float64] | None = None,
         ) -> Trial:
    daily = tuple((over_coin if net is None else net).tolist())
    return Trial("WIN", "tune", {"number": number}, DAYS, daily, tuple(PERIODS.tolist()), daily,
                 tuple(over_coin.tolist()))


def judged(trials: list[Trial]) -> Evidence:
    return judge_trials(trials[0], trials, noise_samples(1, rows=120, days=60)).evidence


def test_bets_when_taken_then_what_the_side_added_by_hand() -> None:
    # Long gains +5, -15, +5, ... and short -15, +5, -15, ...: a coin loses the spread of 5.
    found = take_bets(six(), np.ones(6, np.int8), np.ones(6, np.bool_))
    assert found.row.tolist() == [0, 2, 4] and found.over_coin.tolist() == [10.0, 10.0, 10.0]
    coin = 0.5 * six().gain.sum(axis=1)[found.row] - six().cost_points
    np.testing.assert_array_equal(found.net, coin + found.over_coin)
    turned = take_bets(six(), -np.ones(6, np.int8), np.arange(6) < 1)
    assert turned.over_coin.tolist() == [-10.0]
    assert summed_over_coin(found, np.array([0, 0, 0, 1, 1, 1]), 2).tolist() == [20.0, 10.0]


@pytest.mark.parametrize("share", [0.0, 0.9, 1.0])
def test_placebos_when_noise_then_half_on_average_however_alike_the_trials_are(share: float
                                                                               ) -> None:
    """Null: exchangeable, copies included. 100 data sets; the mean's standard error is 0.02."""
    found = []
    for seed in range(100):
        rng = np.random.default_rng(seed)
        matrix = (share * rng.standard_normal((40, 1))
                  + (1.0 - share) * rng.standard_normal((40, 5)))
        result = overfitting_against_placebos(matrix, PERIODS[:40], 8)
        assert result is not None and result.trials == 5 and result.n_blocks == 8
        found.append(result.pbo)
    assert abs(np.mean(found) - 0.5) < 0.06, np.mean(found)
    assert len(set(found)) > 50


def test_placebos_when_every_trial_has_the_edge_then_near_zero_though_pbo_is_not() -> None:
    rng = np.random.default_rng(7)
    trials = [made(i, 1.0 + rng.standard_normal(60)) for i in range(6)]
    evidence = judged(trials)
    assert evidence.pbo < 0.01 and evidence.pbo_among_trials > 0.25
    strict = judge("aa", evidence, GateConfig(max_pbo_among_trials=0.2))
    assert any("PBO among trials" in reason for reason in strict.reasons)
    assert not any("PBO" in reason for reason in judge("aa", evidence).reasons)


def test_placebos_when_a_trial_merely_loses_less_then_not_below_one_half() -> None:
    """Costs rank trials the same way in and out of sample, which PBO among trials takes for skill.

    Null: sides know nothing. 100 data sets; the mean's standard error is 0.02.
    """
    beside, among = [], []
    for seed in range(100):
        noise = np.random.default_rng(seed).standard_normal((40, 4))
        paid = overfitting_among(noise - 2.0 * np.arange(4))
        free = overfitting_against_placebos(noise, PERIODS[:40], 8)
        assert paid is not None and free is not None
        among.append(paid.pbo)
        beside.append(free.pbo)
    assert np.mean(among) < 0.05 and abs(np.mean(beside) - 0.5) < 0.06


def test_placebos_when_asked_twice_or_scaled_then_the_same_bits() -> None:
    matrix = np.random.default_rng(3).standard_normal((60, 4))
    first = overfitting_against_placebos(matrix, PERIODS)
    again = overfitting_against_placebos(matrix, PERIODS)
    scaled = overfitting_against_placebos(4.0 * matrix, PERIODS)
    assert first is not None and again is not None and scaled is not None
    assert first.logits.tobytes() == again.logits.tobytes() == scaled.logits.tobytes()
    assert first.logits.shape == (32, 12_870) and first.n_blocks == 16
    other = overfitting_against_placebos(matrix, PERIODS + 1)
    assert other is not None and other.pbo != first.pbo


def test_placebos_when_fewer_than_two_trials_bet_or_periods_are_few_then_unknown() -> None:
    matrix = np.random.default_rng(3).standard_normal((60, 3))
    matrix[:, 1:] = 0.0
    assert overfitting_against_placebos(matrix, PERIODS) is None
    assert overfitting_among(matrix) is None and overfitting_among(np.zeros((60, 0))) is None
    few = np.random.default_rng(3).standard_normal((7, 3))
    assert blocks_for(7) == 0 and overfitting_against_placebos(few, PERIODS[:7]) is None
    idle = [made(0, matrix[:, 0]), made(1, np.zeros(60))]
    assert np.isnan(judged(idle).pbo)
    assert any("PBO: unknown" in reason for reason in judge("aa", judged(idle)).reasons)


def test_placebos_when_copies_of_one_good_trial_then_near_zero() -> None:
    one = 2.0 + np.random.default_rng(5).standard_normal((60, 1))
    good = overfitting_against_placebos(np.hstack([one, one, one]), PERIODS)
    assert good is not None and good.pbo == 0.0


def version_1(ledger: TrialLedger, *trials: Trial) -> None:
    lines = []
    for each in trials:
        values = {"version": 1, **asdict(each)}
        del values["over_coin"]
        lines.append(json.dumps(values, sort_keys=True) + "\n")
    ledger.path.write_text("".join(lines))


def test_ledger_when_a_line_is_of_version_1_then_counted_and_pbo_unknown_until_tried_again(
        tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    trials = [made(i, 0.8 + rng.standard_normal(60)) for i in range(4)]
    ledger = TrialLedger(tmp_path)
    version_1(ledger, trials[1])
    for each in trials[2:]:
        assert ledger.add(each)
    old = judge_trials(trials[0], ledger.read("WIN"), noise_samples(1, rows=120, days=60))
    assert np.isnan(old.evidence.pbo) and old.evidence.trials == 4
    assert old.evidence.pbo_among_trials >= 0.0
    # Tried again it is complete, and still one trial.
    assert not ledger.add(trials[1]) and not ledger.add(trials[1])
    assert len(ledger.path.read_text().splitlines()) == 4
    assert sorted(ledger.read(), key=lambda t: t.identity["number"]) == trials[1:]
    new = judge_trials(trials[0], ledger.read("WIN"), noise_samples(1, rows=120, days=60))
    assert new.evidence.pbo < 0.05 and new.evidence.trials == 4


@pytest.mark.parametrize("change", [
    lambda line: line.replace(b"1.5", b"9.5"), lambda line: line[:-9] + b"\n",
    lambda line: b"nothing\n", lambda line: line.replace(b'"count": 1', b'"count": -9')])
def test_ledger_when_a_line_is_damaged_then_nothing_is_judged(tmp_path: Path, change) -> None:
    ledger = TrialLedger(tmp_path)
    ledger.add(trial(1))
    first = ledger.path.read_bytes()
    ledger.add(trial(2))
    ledger.path.write_bytes(change(first) + ledger.path.read_bytes()[len(first):])
    with pytest.raises(StoreError, match="line 1 is damaged"):
        ledger.read()
    with pytest.raises(StoreError, match="line 1 is damaged"):
        ledger.add(trial(3))


def test_ledger_when_a_crash_cut_a_line_then_it_had_not_been_counted(tmp_path: Path) -> None:
    whole = TrialLedger(tmp_path / "whole")
    whole.add(trial(1))
    first = whole.path.read_bytes()
    whole.add(trial(2))
    second = whole.path.read_bytes()[len(first):]
    ledger = TrialLedger(tmp_path)
    for cut in (1, 40, len(second) - 2, len(second) - 1):
        ledger.path.write_bytes(first + second[:cut])
        kept = [trial(1)] if cut < len(second) - 1 else [trial(1), trial(2)]
        assert ledger.read() == kept
        assert ledger.add(trial(3))
        assert ledger.read() == [*kept, trial(3)]


def test_verdict_when_limits_are_laxer_than_usual_then_it_says_so() -> None:
    good = Evidence(0.1, 0.99, 5.0, 100.0, 60, 4, 0.5)
    lax = GateConfig(max_pbo=0.5, min_sessions=5, min_dsr=0.99)
    values = judge("aa", good, lax).to_dict()
    assert values["laxer_limits"] == ["max_pbo 0.5 instead of 0.2", "min_sessions 5 instead of 60"]
    assert GateVerdict.from_dict(values) == judge("aa", good, lax)
    assert GateConfig().laxer() == GateConfig(max_pbo_among_trials=0.3).laxer() == ()
    unknown = judge("aa", replace(good, pbo_among_trials=float("nan")),
                    GateConfig(max_pbo_among_trials=0.9))
    assert unknown.reasons == ("PBO among trials: unknown, needs two trials or more that bet on "
                               "these days",)
