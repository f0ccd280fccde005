"""From trials to evidence: overfitting, deflated Sharpe, the lower bound of the profit."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dreammaker.models.gate import Evidence
from dreammaker.research.crossval import JUDGED_PATH, Evaluation
from dreammaker.research.placebo import (
    PlaceboOverfitting,
    overfitting_against_placebos,
    overfitting_among,
)
from dreammaker.research.samples import Samples
from dreammaker.research.trials import Trial, period_matrix, period_starts, trial_count
from dreammaker.validation import (
    BacktestOverfitting,
    bootstrap,
    deflated_sharpe_ratio,
    independent_trials,
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
        Bailey's, among the trials' net profits; None where fewer than two bet on these days.
    placebos : PlaceboOverfitting, optional
        Of the trials beside their placebos, which the gate asks for; None too where a trial of
        these days stems from an older list, which did not know its placebo.
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
    placebos: PlaceboOverfitting | None
    sharpe: float
    compared: int
    independent: float


def trial_of(symbol: str, kind: str, identity: dict[str, Any], evaluation: Evaluation,
             note: str = "") -> Trial:
    """An evaluation's judged path as an entry of the ledger."""
    at = JUDGED_PATH
    return Trial(symbol, kind, identity, tuple(str(day) for day in evaluation.days),
                 tuple(evaluation.daily[at].tolist()), tuple(evaluation.period_ns.tolist()),
                 tuple(evaluation.period[at].tolist()), tuple(evaluation.over_coin[at].tolist()),
                 evaluation.figures(), note=note)


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
    Both PBO compare the trials over exactly the same days. A trial of these days without its
    placebo (of version 1 of the list) leaves the gate's unknown, since leaving out what was tried
    would flatter what was found; trying it again completes it. The deflated ratio takes every
    trial of the symbol for independent, which is the strict reading; the variance of the trials'
    ratios is that of those over the same days, a ratio below 0 taken for 0, and never below the one
    that chance gives. Skewness above 0 is taken for 0.
    """
    every = [*(trial for trial in trials if trial.key != own.key), own]
    same = [trial for trial in every if trial.period and trial.days == own.days]
    matrix = period_matrix(same)
    overfitting, placebos = overfitting_among(matrix), None
    if all(trial.complete for trial in same):
        placebos = overfitting_against_placebos(period_matrix(same, over_coin=True),
                                                period_starts(same))
    daily = np.array(own.daily)
    count = trial_count(every)
    sharpe = sharpe_ratio(daily)
    dsr = _deflated(daily, sharpe, count, [np.array(trial.daily) for trial in same])
    lower = bootstrap(lambda days: days.sum(axis=-1), daily, np.random.default_rng(seed),
                      confidence=0.9, resamples=_RESAMPLES).ci[0]
    evidence = Evidence(
        placebos.pbo if placebos else float("nan"), dsr, lower * samples.point_value,
        float(daily.sum()) * samples.point_value, len(daily), count,
        overfitting.pbo if overfitting else float("nan"))
    spread = (independent_trials(matrix) if matrix.shape[0] > 1 and matrix.shape[1] > 1
              else float(max(1, len(same))))
    return Judgement(evidence, overfitting, placebos, sharpe, len(same), spread)


def _deflated(daily: Floats, sharpe: float, count: int, others: Sequence[Floats]) -> float:
    if np.isnan(sharpe):
        return float("nan")
    ratios = np.array([sharpe_ratio(other) for other in others])
    # How much a loser loses says nothing about what luck can win: it counts as worthless.
    ratios = np.maximum(ratios[~np.isnan(ratios)], 0.0)
    # Trials that hardly differ must not make luck look impossible: chance alone varies this much.
    chance = 1.0 / (len(daily) - 1)
    variance = max(float(ratios.var(ddof=1)), chance) if ratios.size > 1 else chance
    skewness, kurtosis = moments(daily)
    # A handful of bets that all won is skewed to the right, which would make its ratio look sure.
    return deflated_sharpe_ratio(sharpe, len(daily), trials=float(count), trial_variance=variance,
                                 skewness=min(skewness, 0.0), kurtosis=kurtosis)
