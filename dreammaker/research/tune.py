"""Search over labels, models and thresholds, scored out of sample, every try counted.

Trials are asked for in batches of a fixed size and told in order, so the search does not depend on
how many workers evaluate a batch, or on who finishes first. The list of trials is its memory: a run
that is started again asks for the same trials and finds their scores there.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import isfinite
from typing import TYPE_CHECKING, Any

import numpy as np

from dreammaker.domain.errors import ConfigError, InputError
from dreammaker.research.crossval import CrossValidation, Evaluation, cross_validate
from dreammaker.research.estimators import KINDS, ModelSpec
from dreammaker.research.evaluate import Judgement, judge_trials, trial_of
from dreammaker.research.label_rule import LabelRule
from dreammaker.research.samples import Samples
from dreammaker.research.train import identity_of
from dreammaker.research.trials import Trial, TrialLedger
from dreammaker.validation import sharpe_ratio

if TYPE_CHECKING:
    from dreammaker.research.dataset import Dataset

BATCH = 4
"""Trials that are asked for at once; part of what a search's result depends on."""

_RETRIES = 3
_RULES_KEPT = 8

Rows = Callable[[LabelRule], "tuple[Dataset, Samples]"]
Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Space:
    """What is searched.

    Parameters
    ----------
    kinds : tuple of str
        Of models.
    horizons : tuple of float
        Seconds.
    barriers : tuple of float
        Multiples of the target, for profit and loss alike.
    trees, leaves, least_leaf : tuple of int
        Least and most.
    learning_rate, threshold : tuple of float
        Least and most.

    Raises
    ------
    ConfigError
        If a range is empty or upside down, or a kind unknown.
    """

    kinds: tuple[str, ...] = ("lightgbm",)
    horizons: tuple[float, ...] = (60.0,)
    barriers: tuple[float, ...] = (1.0,)
    trees: tuple[int, int] = (20, 200)
    leaves: tuple[int, int] = (3, 31)
    least_leaf: tuple[int, int] = (20, 200)
    learning_rate: tuple[float, float] = (0.01, 0.2)
    threshold: tuple[float, float] = (0.45, 0.6)

    def __post_init__(self) -> None:
        if unknown := [kind for kind in self.kinds if kind not in KINDS]:
            raise ConfigError(f"a model must be one of {', '.join(KINDS)}, was {unknown[0]!r}")
        for name in ("kinds", "horizons", "barriers"):
            if not getattr(self, name):
                raise ConfigError(f"{name} must name one value or more")
        for name in ("trees", "leaves", "least_leaf", "learning_rate", "threshold"):
            low, high = getattr(self, name)
            if not low <= high:
                raise ConfigError(f"{name} must have its least value first, was {low}, {high}")

    def draw(self, trial: Any, rule: LabelRule, spec: ModelSpec) -> tuple[LabelRule, ModelSpec]:
        """A rule and a spec as an Optuna trial suggests them; the rest stays as it is."""
        barrier = trial.suggest_categorical("barrier", list(self.barriers))
        drawn = replace(rule, profit=barrier, loss=barrier, horizon_s=trial.suggest_categorical(
            "horizon_s", list(self.horizons)))
        return drawn, replace(
            spec, kind=trial.suggest_categorical("kind", list(self.kinds)),
            trees=trial.suggest_int("trees", *self.trees, log=True),
            leaves=trial.suggest_int("leaves", *self.leaves, log=True),
            least_leaf=trial.suggest_int("least_leaf", *self.least_leaf, log=True),
            learning_rate=trial.suggest_float("learning_rate", *self.learning_rate, log=True),
            threshold=trial.suggest_float("threshold", *self.threshold))


@dataclass(frozen=True, eq=False, slots=True)
class Tuned:
    """What a search found.

    Attributes
    ----------
    rule : LabelRule
    spec : ModelSpec
    score : float
        Sharpe ratio a period of the judged path; 0 for one that never bet.
    trial : Trial
    scores : tuple of float
        Of all trials, in order.
    judgement : Judgement
        Of the winner, given every trial of the symbol.
    known : int
        Trials whose scores were in the list already.
    """

    rule: LabelRule
    spec: ModelSpec
    score: float
    trial: Trial
    scores: tuple[float, ...]
    judgement: Judgement
    known: int


def tune(rows: Rows, rule: LabelRule, spec: ModelSpec, ledger: TrialLedger, *,
         space: Space | None = None, cv: CrossValidation | None = None, trials: int = 20,
         seed: int = 1, jobs: int = 1, progress: Progress | None = None) -> Tuned:
    """Search with Optuna's tree-structured Parzen estimator.

    Parameters
    ----------
    rows : callable
        From a label rule to the data set and its samples.
    rule, spec : LabelRule, ModelSpec
        What the space does not search.
    ledger : TrialLedger
        Takes every trial, and gives the scores of those that it knows.
    space, cv : optional
    trials : int
        1 or more.
    seed : int
        Of the search.
    jobs : int
        Trials of a batch at once (joblib); the result does not depend on it.
    progress : callable, optional
        Called with the trials done and their number in all.

    Raises
    ------
    ConfigError
        If the number of trials is below 1.
    InputError
        If a rule leaves too few rows.
    """
    import optuna

    if trials < 1:
        raise ConfigError(f"trials must be 1 or more, were {trials}")
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(direction="maximize",
                                sampler=optuna.samplers.TPESampler(seed=seed))
    space, cv, kept = space or Space(), cv or CrossValidation(), _Kept(rows)
    found: list[tuple[float, Trial, LabelRule, ModelSpec]] = []
    known = 0
    while len(found) < trials:
        # A whole batch is asked for even if fewer are wanted: a longer search begins like a
        # shorter one.
        asked = [study.ask() for _ in range(BATCH)]
        drawn = [space.draw(question, rule, spec) for question in asked]
        results, old = _evaluated(drawn[:trials - len(found)], kept, ledger, cv, jobs)
        known += old
        for question, result, (own_rule, own_spec) in zip(asked, results, drawn, strict=False):
            study.tell(question, result[0])
            found.append((*result, own_rule, own_spec))
        if progress is not None:
            progress(len(found), trials)
    best = max(range(len(found)), key=lambda number: (found[number][0], -number))
    score, trial, best_rule, best_spec = found[best]
    _, samples = kept(best_rule)
    return Tuned(best_rule, best_spec, score, trial, tuple(each[0] for each in found),
                 judge_trials(trial, ledger.read(trial.symbol), samples), known)


def score_of(trial: Trial) -> float:
    """Sharpe ratio a period of the judged path; 0 where it never bet or never varies."""
    ratio = sharpe_ratio(np.array(trial.period))
    return ratio if isfinite(ratio) else 0.0


def run_surviving(calls: Sequence[Callable[[], Any]], jobs: int) -> list[Any]:
    """Results of calls in their order, on `jobs` processes; a killed worker's are done again.

    Raises
    ------
    InputError
        If workers were killed three times in a row, as they are when memory runs out.
    """
    from joblib import Parallel, delayed
    from joblib.externals.loky.process_executor import TerminatedWorkerError

    for _ in range(_RETRIES):
        try:
            return list(Parallel(n_jobs=jobs)(delayed(call)() for call in calls))
        except TerminatedWorkerError:
            continue
    raise InputError(f"workers were killed {_RETRIES} times in a row, as they are when memory "
                     "runs out; take fewer jobs")


@dataclass(frozen=True, slots=True)
class _Task:
    """One evaluation, as it travels to a worker."""

    samples: Samples
    spec: ModelSpec
    cv: CrossValidation

    def __call__(self) -> Evaluation:
        return cross_validate(self.samples, self.spec, self.cv)


class _Kept:
    """Rows of the label rules used last."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows
        self._kept: dict[LabelRule, tuple[Dataset, Samples]] = {}

    def __call__(self, rule: LabelRule) -> "tuple[Dataset, Samples]":
        if rule not in self._kept:
            if len(self._kept) == _RULES_KEPT:
                self._kept.pop(next(iter(self._kept)))
            self._kept[rule] = self._rows(rule)
        return self._kept[rule]


def _evaluated(drawn: "Sequence[tuple[LabelRule, ModelSpec]]", kept: _Kept, ledger: TrialLedger,
               cv: CrossValidation, jobs: int) -> tuple[list[tuple[float, Trial]], int]:
    """Score and trial of each, in order, and how many of them were known."""
    prepared = []
    for rule, spec in drawn:
        data, samples = kept(rule)
        identity = identity_of(data, samples, spec, cv)
        key = Trial(data.symbol, "tune", identity).key
        prepared.append((key, data.symbol, identity, _Task(samples, spec, cv)))
    old = {trial.key: trial for trial in ledger.read()}
    waiting = {key: task for key, _, _, task in prepared if key not in old}
    made = dict(zip(waiting, run_surviving(list(waiting.values()), jobs), strict=True))
    results: list[tuple[float, Trial]] = []
    for key, symbol, identity, _ in prepared:
        trial = old[key] if key in old else trial_of(symbol, "tune", identity, made[key])
        ledger.add(trial)
        results.append((score_of(trial), trial))
    return results, len(prepared) - len(waiting)
