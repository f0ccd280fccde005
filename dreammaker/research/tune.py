"""Search over labels, models and thresholds, scored out of sample, every try counted.

Trials are asked for in batches of a fixed size and told in order, so the search does not depend on
how many workers evaluate a batch, or on who finishes first. The list of trials is its memory: a run
that is started again asks for the same trials and finds their scores there.
"""

from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import islice
from math import comb, isfinite
from typing import TYPE_CHECKING, Any

import numpy as np

from dreammaker.domain.errors import ConfigError
from dreammaker.research.crossval import CrossValidation, decide_split, evaluated, split_calls
from dreammaker.research.estimators import KINDS, ModelSpec
from dreammaker.research.evaluate import Judgement, judge_trials, trial_of
from dreammaker.research.label_rule import LabelRule
from dreammaker.research.samples import Samples
from dreammaker.research.train import identity_of
from dreammaker.research.trials import Trial, TrialLedger
from dreammaker.research.workers import Pool, Progress, Workers
from dreammaker.validation import sharpe_ratio

if TYPE_CHECKING:
    from dreammaker.research.dataset import Dataset

BATCH = 4
"""Trials that are asked for at once; part of what a search's result depends on."""

_RULES_KEPT = 8

Rows = Callable[[LabelRule], "tuple[Dataset, Samples]"]


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
    threshold: tuple[float, float] = (0.5, 0.6)

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
        """A rule and a spec as an Optuna trial suggests them; the rest stays as it is.

        A forest has no learning rate: it is not asked for, so that trials that differ in nothing
        else are one.
        """
        barrier = trial.suggest_categorical("barrier", list(self.barriers))
        drawn = replace(rule, profit=barrier, loss=barrier, horizon_s=trial.suggest_categorical(
            "horizon_s", list(self.horizons)))
        kind = trial.suggest_categorical("kind", list(self.kinds))
        rate = spec.learning_rate if kind == "forest" else trial.suggest_float(
            "learning_rate", *self.learning_rate, log=True)
        return drawn, replace(
            spec, kind=kind, learning_rate=rate,
            trees=trial.suggest_int("trees", *self.trees, log=True),
            leaves=trial.suggest_int("leaves", *self.leaves, log=True),
            least_leaf=trial.suggest_int("least_leaf", *self.least_leaf, log=True),
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
         seed: int = 1, workers: Workers | None = None,
         progress: Progress | None = None) -> Tuned:
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
    workers : Workers, optional
        Who fits; this process if absent. The result does not depend on it.
    progress : callable, optional
        Called with the fits (trials times splits) done and their number in all.

    Raises
    ------
    ConfigError
        If the number of trials is below 1.
    InputError
        If a rule leaves too few rows.
    WorkersError
        If workers were lost for good; trials that were finished are in the ledger.
    """
    import optuna

    if trials < 1:
        raise ConfigError(f"trials must be 1 or more, were {trials}")
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(direction="maximize",
                                sampler=optuna.samplers.TPESampler(seed=seed))
    space, cv, kept = space or Space(), cv or CrossValidation(), _Kept(rows)
    found: list[tuple[float, Trial, LabelRule, ModelSpec]] = []
    with (workers or Workers()).pool() as pool:
        search = _Search(pool, kept, ledger, cv, trials, progress)
        while len(found) < trials:
            # A whole batch is asked for even if fewer are wanted: a longer search begins like a
            # shorter one.
            asked = [study.ask() for _ in range(BATCH)]
            drawn = [space.draw(question, rule, spec) for question in asked]
            with closing(search(drawn[:trials - len(found)])) as results:
                for question, result, own in zip(asked, results, drawn, strict=False):
                    study.tell(question, result[0])
                    found.append((*result, *own))
    best = max(range(len(found)), key=lambda number: (found[number][0], -number))
    score, trial, best_rule, best_spec = found[best]
    _, samples = kept(best_rule)
    return Tuned(best_rule, best_spec, score, trial, tuple(each[0] for each in found),
                 judge_trials(trial, ledger.read(trial.symbol), samples), search.known)


def score_of(trial: Trial) -> float:
    """Sharpe ratio a period of the judged path; 0 where it never bet or never varies."""
    ratio = sharpe_ratio(np.array(trial.period))
    return ratio if isfinite(ratio) else 0.0


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


@dataclass(frozen=True, slots=True)
class _Prepared:
    """A configuration to be tried, and what is known of it."""

    spec: ModelSpec
    samples: Samples
    symbol: str
    identity: dict[str, Any]

    @property
    def key(self) -> str:
        return Trial(self.symbol, "tune", self.identity).key


class _Search:
    """Evaluates batches of trials, and counts fits."""

    def __init__(self, pool: Pool, kept: "_Kept", ledger: TrialLedger, cv: CrossValidation,
                 trials: int, progress: Progress | None) -> None:
        self._pool, self._kept, self._ledger, self._cv = pool, kept, ledger, cv
        self._fits = comb(cv.groups, cv.test_groups)
        self._all_fits, self._progress = trials * self._fits, progress
        self.done_fits, self.known = 0, 0

    def __call__(self, drawn: "Sequence[tuple[LabelRule, ModelSpec]]"
                 ) -> Generator[tuple[float, Trial]]:
        """Score and trial of each, in order; each is in the ledger before the next is awaited."""
        prepared = [self._prepare(rule, spec) for rule, spec in drawn]
        old = {key: trial for key, trial in self._ledger.by_key().items() if trial.complete}
        waiting = {each.key: each for each in prepared if each.key not in old}
        self.known += len(prepared) - len(waiting)
        before = self.done_fits + self._fits * (len(prepared) - len(waiting))
        self._tell(before)
        calls = [call for each in waiting.values()
                 for call in split_calls(each.samples, each.spec, self._cv)]
        parts = self._pool.stream(decide_split, calls, lambda done, _: self._tell(before + done))
        with closing(parts):
            for each in prepared:
                if each.key not in old:
                    evaluation = evaluated(each.samples, each.spec, self._cv,
                                           list(islice(parts, self._fits)))
                    old[each.key] = trial_of(each.symbol, "tune", each.identity, evaluation)
                    self._ledger.add(old[each.key])
                yield score_of(old[each.key]), old[each.key]

    def _prepare(self, rule: LabelRule, spec: ModelSpec) -> _Prepared:
        data, samples = self._kept(rule)
        return _Prepared(spec, samples, data.symbol,
                         identity_of(data, samples, spec, self._cv))

    def _tell(self, done: int) -> None:
        self.done_fits = done
        if self._progress is not None:
            self._progress(done, self._all_fits)
