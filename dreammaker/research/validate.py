"""A bundle's configuration on trial: out-of-sample paths, evidence beside all trials, a verdict."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from dreammaker.domain.errors import InputError, StoreError
from dreammaker.models.bundle import ModelBundle
from dreammaker.models.gate import GateConfig, GateVerdict, judge
from dreammaker.research.crossval import CrossValidation, Evaluation, cross_validate
from dreammaker.research.estimators import ModelSpec
from dreammaker.research.evaluate import Judgement, judge_trials, trial_of
from dreammaker.research.label_rule import LabelRule
from dreammaker.research.samples import Samples
from dreammaker.research.sampling import Sampler
from dreammaker.research.train import identity_of
from dreammaker.research.trials import Trial, holds_training
from dreammaker.research.workers import Progress, Workers

if TYPE_CHECKING:
    from dreammaker.research.dataset import Dataset

UNCOUNTED = ("trials: the list does not hold this bundle's training, so that what else was tried "
             "is counted elsewhere or lost; give the --results of its training")
"""Why a bundle is not tradable whose list of trials begins after it."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a bundle was made, read back from it.

    Attributes
    ----------
    symbol : str
    days : tuple of str
        Of its training, ISO dates.
    spec : ModelSpec
    cv : CrossValidation
    rule : LabelRule
    sampler : Sampler
    cost_points : float
    """

    symbol: str
    days: tuple[str, ...]
    spec: ModelSpec
    cv: CrossValidation
    rule: LabelRule
    sampler: Sampler
    cost_points: float

    @classmethod
    def of(cls, bundle: ModelBundle) -> "Recipe":
        """Read a bundle's recipe.

        Raises
        ------
        StoreError
            If it does not say how it was trained.
        """
        training: Any = bundle.training
        try:
            return cls(training["symbol"], tuple(training["days"]), ModelSpec(**training["spec"]),
                       CrossValidation(**training["cv"]), LabelRule.from_dict(
                           dict(bundle.label_rule)), Sampler.from_dict(training["sampler"]),
                       float(training["cost_points"]))
        except (KeyError, TypeError, ValueError):
            raise StoreError(f"bundle {bundle.name} does not say how it was trained; only bundles "
                             "of dreammaker train can be validated") from None


@dataclass(frozen=True, eq=False, slots=True)
class Validation:
    """What came of it.

    Attributes
    ----------
    recipe : Recipe
    samples : Samples
    evaluation : Evaluation
    trial : Trial
        For the ledger, where it may already be.
    judgement : Judgement
    verdict : GateVerdict
    """

    recipe: Recipe
    samples: Samples
    evaluation: Evaluation
    trial: Trial
    judgement: Judgement
    verdict: GateVerdict


def validate(bundle: ModelBundle, data: "Dataset", samples: Samples, trials: Sequence[Trial],
             limits: GateConfig | None = None, *, workers: Workers | None = None,
             progress: Progress | None = None) -> Validation:
    """Judge a bundle's configuration on some days.

    The models are fitted anew on each split, since the bundle's own have seen its training days:
    what is judged is the recipe that made them.

    Parameters
    ----------
    bundle : ModelBundle
        Loaded from disk, so that it knows its content hash.
    data, samples : Dataset, Samples
        Made by the bundle's label rule, sampler and features.
    trials : sequence of Trial
        All of the symbol.
    limits : GateConfig, optional
    workers : Workers, optional
        Who fits the splits; the result does not depend on it.
    progress : callable, optional
        Called with the splits done and their number in all.

    Raises
    ------
    InputError
        If the rows were made by another rule, sampler or other features, or are too few.
    """
    recipe = Recipe.of(bundle)
    for name, mine, theirs in (("symbol", recipe.symbol, data.symbol),
                               ("label rule", recipe.rule, data.rule),
                               ("sampler", recipe.sampler, data.sampler),
                               ("features", bundle.features, data.features)):
        if mine != theirs:
            raise InputError(f"bundle {bundle.name} was trained on another {name} than these rows")
    samples = replace(samples, cost_points=recipe.cost_points)
    evaluation = cross_validate(samples, recipe.spec, recipe.cv, workers=workers,
                                progress=progress)
    trial = trial_of(data.symbol, "validate", identity_of(data, samples, recipe.spec, recipe.cv),
                     evaluation)
    judgement = judge_trials(trial, trials, samples)
    verdict = judge(bundle.content, judgement.evidence, limits)
    if not holds_training(trials, recipe.symbol, bundle.training):
        verdict = replace(verdict, tradable=False, reasons=(*verdict.reasons, UNCOUNTED))
    return Validation(recipe, samples, evaluation, trial, judgement, verdict)
