"""Samples, bets, trials and the gate by hand values; the decider's fits repeat."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dreammaker.domain.errors import ConfigError, InputError, StoreError, VerificationError
from dreammaker.models.gate import (
    Evidence,
    GateConfig,
    GateVerdict,
    judge,
    live_refusals,
    require_tradable,
)
from dreammaker.research.bets import by_day, periods, summed, take_bets
from dreammaker.research.crossval import (
    CrossValidation,
    area_under_curve,
    cross_validate,
)
from dreammaker.research.estimators import ModelSpec
from dreammaker.research.evaluate import judge_trials
from dreammaker.research.noise import noise_samples
from dreammaker.research.samples import Samples
from dreammaker.research.trials import Trial, TrialLedger, period_matrix, trial_count

GOOD = Evidence(0.1, 0.99, 5.0, 100.0, 60, 4, 0.5)


def six() -> Samples:
    start = np.arange(6, dtype=np.int64) * 1_000_000_000
    day = np.array(["1970-01-01"] * 3 + ["1970-01-02"] * 3, "datetime64[D]")
    exits = np.column_stack([start + 500_000_000, start + 1_500_000_000])
    move = np.array([10.0, -10, 10, -10, 10, -10])
    return Samples(np.arange(6.0)[:, None], np.sign(move).astype(np.int8), start, exits.max(axis=1),
                   np.ones(6), day, np.column_stack([-move - 5, move - 5]), exits, cost_points=1.0)


def test_bets_when_long_overlaps_then_next_is_taken_after_its_end() -> None:
    long = np.ones(6, np.int8)
    found = take_bets(six(), long, np.ones(6, np.bool_))
    assert found.row.tolist() == [0, 2, 4]
    assert found.net.tolist() == [4.0, 4.0, 4.0]
    short = take_bets(six(), -long, np.array([True, True, False, True, False, False]))
    assert short.row.tolist() == [0, 1, 3] and short.net.tolist() == [-16.0, 4.0, 4.0]
    assert len(take_bets(six(), long, np.zeros(6, np.bool_))) == 0


def test_days_when_no_bet_in_one_then_it_counts_as_zero() -> None:
    bets = take_bets(six(), np.ones(6, np.int8), np.arange(6) == 0)
    days, net = by_day(bets, six())
    assert len(days) == 2 and net.tolist() == [4.0, 0.0]
    number, start = periods(six())
    assert start.tolist() == [0] and summed(bets, number, 1).tolist() == [4.0]


def test_samples_when_a_bet_ends_before_its_decision_then_refused() -> None:
    with pytest.raises(InputError, match="must not end before"):
        replace(six(), t_end=six().t_start - 1)
    with pytest.raises(InputError, match="order of time"):
        replace(six(), t_start=six().t_start[::-1].copy())


def test_embargo_when_memory_is_longer_than_the_share_then_memory() -> None:
    samples = noise_samples(1, rows=120, days=2)
    assert samples.embargo(0.01) == 0.01
    # A look-back of two minutes reaches two rows ahead, and the row itself.
    assert int(replace(samples, lookback_ns=120_000_000_000).embargo(0.01) * 120) == 3
    with pytest.raises(InputError, match="covers all"):
        replace(samples, lookback_ns=10**18).embargo()


def test_auc_when_by_hand_then_equal() -> None:
    y = np.array([-1, 1, -1, 1, 0], np.int8)
    assert area_under_curve(np.array([0.1, 0.4, 0.4, 0.8, 9.0]), y) == 0.875
    assert np.isnan(area_under_curve(np.ones(2), np.array([1, 1], np.int8)))


def test_cross_validation_when_embargo_leaves_nothing_then_refused() -> None:
    samples = replace(noise_samples(5, rows=240, days=1), lookback_ns=235 * 60_000_000_000)
    with pytest.raises(InputError, match="no row to learn from"):
        cross_validate(samples, ModelSpec(trees=2), CrossValidation(2, 1))


def trial(number: int, days: tuple[str, ...] = ("2026-01-05", "2026-01-06")) -> Trial:
    return Trial("WIN", "tune", {"number": number}, days, (1.0, -1.0), (10, 30 + number),
                 (1.0, 2.0), (1.5, 2.5))


def test_ledger_when_a_trial_is_repeated_then_counted_once(tmp_path: Path) -> None:
    ledger = TrialLedger(tmp_path / "results")
    assert ledger.read() == []
    assert ledger.add(trial(1)) and not ledger.add(trial(1)) and ledger.add(trial(2))
    assert ledger.declare("WIN", 10, "by hand in a notebook")
    assert not ledger.declare("WIN", 10, "by hand in a notebook")
    assert trial_count(ledger.read("WIN")) == 12
    assert ledger.read("WDO") == [] and ledger.read()[0] == trial(1)
    assert period_matrix(ledger.read()[:2]).tolist() == [[1.0, 1.0], [2.0, 0.0], [0.0, 2.0]]


def test_ledger_when_the_last_line_is_cut_then_the_rest_counts(tmp_path: Path) -> None:
    ledger = TrialLedger(tmp_path)
    ledger.add(trial(1))
    with ledger.path.open("ab") as file:
        file.write(b'{"version": 1, "sym')
    assert ledger.read() == [trial(1)]
    assert ledger.add(trial(2)) and ledger.read() == [trial(1), trial(2)]


def test_ledger_when_version_is_unknown_or_no_note_then_refused(tmp_path: Path) -> None:
    ledger = TrialLedger(tmp_path)
    with pytest.raises(ConfigError, match="note"):
        ledger.declare("WIN", 3, " ")
    ledger.path.write_text('{"version": 9}\n')
    with pytest.raises(StoreError, match="version 9"):
        ledger.read()


def test_gate_when_all_is_met_then_tradable_and_live_asks_for_paper() -> None:
    verdict = judge("aa", GOOD)
    assert verdict.tradable
    assert live_refusals(verdict, "aa", 10) == []
    assert live_refusals(verdict, "aa", 9) == ["paper sessions: 9, must be at least 10"]
    assert "another bundle" in live_refusals(verdict, "bb", 10)[0]
    assert "no verdict" in live_refusals(None, "aa", 10)[0]
    with pytest.raises(VerificationError, match="no verdict"):
        require_tradable(None, "aa", 10)
    assert len(require_tradable(None, "aa", 10, override=True)) == 1


@pytest.mark.parametrize(("change", "text"), [
    ({"pbo": 0.21}, "PBO: 0.21"), ({"pbo": float("nan")}, "PBO: unknown"),
    ({"dsr": 0.94}, "DSR: 0.94"), ({"net_lower_bound": 0.0}, "lower bound"),
    ({"net_lower_bound": float("nan")}, "unknown"), ({"sessions": 59}, "sessions: 59")])
def test_gate_when_one_limit_is_missed_then_that_reason_alone(change: dict[str, float],
                                                              text: str) -> None:
    found = judge("aa", replace(GOOD, **change))  # type: ignore[arg-type]
    assert not found.tradable and len(found.reasons) == 1 and text in found.reasons[0]


def test_live_when_verdict_was_given_under_lower_limits_then_refused() -> None:
    lax = judge("aa", replace(GOOD, sessions=5), GateConfig(min_sessions=5))
    assert lax.tradable
    assert live_refusals(lax, "aa", 10) == ["sessions: 5, must be at least 60"]


def test_verdict_when_stored_then_the_same_and_damage_is_refused() -> None:
    verdict = judge("aa", replace(GOOD, sessions=59))
    values = json.loads(json.dumps(verdict.to_dict()))
    assert GateVerdict.from_dict(values) == verdict
    unknown = json.dumps(judge("aa", replace(GOOD, pbo=float("nan"))).to_dict(), allow_nan=False)
    assert np.isnan(GateVerdict.from_dict(json.loads(unknown)).evidence.pbo)
    with pytest.raises(StoreError, match="another version"):
        GateVerdict.from_dict({**values, "version": 0})
    with pytest.raises(StoreError, match="damaged"):
        GateVerdict.from_dict({**values, "evidence": {}})


def test_judgement_when_more_is_tried_then_deflated_more() -> None:
    rng = np.random.default_rng(2)
    days = tuple(str(np.datetime64("2026-01-05") + i) for i in range(60))

    def made(number: int, mean: float) -> Trial:
        daily = tuple((rng.standard_normal(60) + mean).tolist())
        return Trial("WIN", "tune", {"number": number}, days, daily, tuple(range(60)), daily,
                     daily)

    own, others = made(0, 0.5), [made(i, 0.0) for i in range(1, 6)]
    samples = noise_samples(1, rows=120, days=60)
    alone, beside = judge_trials(own, [], samples), judge_trials(own, others, samples)
    many = judge_trials(own, [*others, Trial("WIN", "manual", {"m": 1}, count=500)], samples)
    assert np.isnan(alone.evidence.pbo) and np.isnan(alone.evidence.pbo_among_trials)
    assert alone.evidence.trials == 1
    assert beside.evidence.pbo < 0.1 and beside.evidence.pbo_among_trials < 0.1
    assert beside.evidence.trials == 6 == beside.compared
    assert alone.evidence.dsr > beside.evidence.dsr > many.evidence.dsr
    assert 0.0 < alone.evidence.net_lower_bound < alone.evidence.net == sum(own.daily)
