"""From trials to evidence: overfitting, deflated Sharpe, the lower bound of the profit."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dreammaker.models.gate import Evidence
from dreammaker.research.crossval import JUDGED_PATH, Evaluation
from dreammaker.research.samples import Samples
from dreammaker.research.trials import Trial, period_matrix, trial_count
from dreammaker.validation import (
    BacktestOverfitting,
    bootstrap,
    deflated_sharpe_ratio,
    independent_trials,
    probability_of_backtest_overfitting,
    sharpe_ratio,
)
from dreammaker.validation.sharpe import moments

Floats = NDArray[np.float64]

BASIS = ("label returns: one lot, one position at a time, spread, fees and slippage paid; queues "
         "and partial fills play no part")
"""What the profit is made of, for everything that shows one."""

_RESAMPLES = 2000


@dataclass(frozen=True, eq=False, slots=True)
class Judgement:
    """What was found about one configuration beside all trials of its symbol.

    Attributes
    ----------
    evidence : Evidence
    overfitting : BacktestOverfitting, optional
        None where fewer than two trials share the days.
    sharpe : float
        Of the judged path's daily net profit, per day; NaN below two varying sessions.
    compared : int
        Trials over the same days: the columns of PBO.
    independent : float
        What those amount to if their correlation counts; for information, the deflated ratio uses
        the full number.
    """

    evidence: Evidence
    overfitting: BacktestOverfitting | None
    sharpe: float
    compared: int
    independent: float


def trial_of(symbol: str, kind: str, identity: dict[str, Any], evaluation: Evaluation,
             note: str = "") -> Trial:
    """An evaluation's median path as an entry of the ledger."""
    at = JUDGED_PATH
    return Trial(symbol, kind, identity, tuple(str(day) for day in evaluation.days),
                 tuple(evaluation.daily[at].tolist()), tuple(evaluation.period_ns.tolist()),
                 tuple(evaluation.period[at].tolist()), evaluation.figures(), note=note)


def judge_trials(own: Trial, trials: Sequence[Trial], samples: Samples, *, seed: int = 1
                 ) -> Judgement:
    """Evidence about one trial, given all.

    Parameters
    ----------
    own : Trial
        Counted whether it is among the others or not.
    trials : sequence of Trial
        Of the symbol, all of them.
    samples : Samples
        For the currency.
    seed : int
        Of the bootstrap.

    Notes
    -----
    PBO compares the trials over exactly the same days. The deflated ratio takes every trial of the
    symbol for independent, which is the strict reading; the variance of the trials' ratios is that
    of those over the same days where there are two or more, else the one that chance gives.
    """
    every = list(trials)
    if all(trial.key != own.key for trial in every):
        every.append(own)
    same = [trial for trial in every if trial.period and trial.days == own.days]
    overfitting = _overfitting(same)
    daily = np.array(own.daily)
    count = trial_count(every)
    sharpe = sharpe_ratio(daily)
    dsr = _deflated(daily, sharpe, count, [np.array(trial.daily) for trial in same])
    lower = bootstrap(lambda days: days.sum(axis=-1), daily, np.random.default_rng(seed),
                      confidence=0.9, resamples=_RESAMPLES).ci[0]
    evidence = Evidence(
        overfitting.pbo if overfitting else float("nan"), dsr, lower * samples.point_value,
        float(daily.sum()) * samples.point_value, len(daily), count)
    matrix = period_matrix(same)
    spread = (independent_trials(matrix) if matrix.shape[0] > 1 and matrix.shape[1] > 1
              else float(max(1, len(same))))
    return Judgement(evidence, overfitting, sharpe, len(same), spread)


def _overfitting(trials: Sequence[Trial]) -> BacktestOverfitting | None:
    matrix = period_matrix(trials)
    # A strategy that never bet has no rank of its own; among idle ones there is nothing to choose.
    active = np.any(matrix != 0.0, axis=0) if matrix.size else np.zeros(0, np.bool_)
    blocks = next((s for s, least in ((16, 48), (8, 24), (4, 8)) if len(matrix) >= least), 0)
    if active.sum() < 2 or not blocks:
        return None
    try:
        return probability_of_backtest_overfitting(matrix[:, active], blocks)
    except ValueError:
        # Some strategy's profit does not vary on a half: compared by means instead of ratios.
        return probability_of_backtest_overfitting(matrix[:, active], blocks, "mean")


def _deflated(daily: Floats, sharpe: float, count: int, others: Sequence[Floats]) -> float:
    if np.isnan(sharpe):
        return float("nan")
    ratios = np.array([sharpe_ratio(other) for other in others])
    ratios = ratios[~np.isnan(ratios)]
    # Trials that hardly differ must not make luck look impossible: chance alone varies this much.
    chance = 1.0 / (len(daily) - 1)
    variance = max(float(ratios.var(ddof=1)), chance) if ratios.size > 1 else chance
    skewness, kurtosis = moments(daily)
    return deflated_sharpe_ratio(sharpe, len(daily), trials=float(count), trial_variance=variance,
                                 skewness=skewness, kurtosis=kurtosis)
