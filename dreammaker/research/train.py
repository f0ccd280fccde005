"""From labelled rows to a bundle: judged out of sample first, then fitted on all rows."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from dreammaker.domain.errors import InputError
from dreammaker.models.bundle import InputStatistics, LiveRules, Meta, ModelBundle
from dreammaker.models.bundle_view import BundleView
from dreammaker.models.bundling import bundle_members, library_versions
from dreammaker.models.constant import Constant
from dreammaker.research.crossval import CrossValidation, Evaluation, cross_validate
from dreammaker.research.decider import Decider, fit_decider
from dreammaker.research.estimators import ModelSpec
from dreammaker.research.evaluate import BASIS, trial_of
from dreammaker.research.samples import Samples
from dreammaker.research.trials import Trial
from dreammaker.research.workers import Progress, Workers

if TYPE_CHECKING:
    from dreammaker.research.dataset import Dataset

_LEAST_ENTRY = 1e-9


@dataclass(frozen=True, eq=False, slots=True)
class Trained:
    """A bundle and how it came out of sample.

    Attributes
    ----------
    bundle : ModelBundle
        Not on disk yet.
    evaluation : Evaluation
    trial : Trial
        For the ledger.
    """

    bundle: ModelBundle
    evaluation: Evaluation
    trial: Trial


def train(data: "Dataset", samples: Samples, spec: ModelSpec, cv: CrossValidation | None = None, *,
          name: str = "", workers: Workers | None = None, progress: Progress | None = None,
          kind: str = "train") -> Trained:
    """Cross-validate a configuration, fit it on all rows, and make a bundle.

    Parameters
    ----------
    data : Dataset
    samples : Samples
        Of the data set (``samples_of``).
    spec : ModelSpec
    cv : CrossValidation, optional
    name : str
        Of the bundle; by symbol and kind of model where empty.
    workers : Workers, optional
        Who fits the splits; the result does not depend on it.
    progress : callable, optional
        Called with the splits done and their number in all.
    kind : str
        Of the ledger's entry.

    Returns
    -------
    Trained
        The same bytes for the same rows, spec and library versions.

    Raises
    ------
    ConfigError
        If the sampler is none that the loop can decide by.
    InputError
        If there are too few rows, or all of them rose, or fell.
    """
    cv = cv or CrossValidation()
    data.sampler.loop_clock()
    evaluation = cross_validate(samples, spec, cv, workers=workers, progress=progress)
    bundle, _ = fit_bundle(data, samples, spec, cv, name=name, found={
        "basis": BASIS, "embargo_share": samples.embargo(cv.embargo_share),
        **evaluation.figures()})
    identity = identity_of(data, samples, spec, cv)
    return Trained(bundle, evaluation, trial_of(data.symbol, kind, identity, evaluation))


def fit_bundle(data: "Dataset", samples: Samples, spec: ModelSpec, cv: CrossValidation, *,
               name: str = "", found: Mapping[str, Any] | None = None
               ) -> tuple[ModelBundle, Decider]:
    """Fit a configuration on all rows, as a bundle and as what it was made of.

    Parameters
    ----------
    data : Dataset
    samples : Samples
        Rows of the data set, all or some.
    spec : ModelSpec
    cv : CrossValidation
        For the embargo within, and for the record.
    name : str
        Of the bundle; by symbol and kind of model where empty.
    found : mapping, optional
        Validation figures for the record; an ensemble's diversity, out of fold, is added.

    Raises
    ------
    ConfigError, InputError
        As `train`.
    """
    clock = data.sampler.loop_clock()
    decider = fit_decider(samples, spec, cv.embargo_share, diversity=True)
    if isinstance(decider.primary, Constant):
        raise InputError("all labels have one direction, so that there is nothing to learn")
    members, combination, classes = bundle_members(decider.primary)
    identity = identity_of(data, samples, spec, cv)
    bundle = ModelBundle(
        name or f"{data.symbol}_{spec.kind}", classes, members, combination,
        BundleView(data.feature_names, data.tick_size),
        InputStatistics.of(samples.X, samples.t_start, samples.day, samples.lookback_ns),
        data.features, data.rule.to_dict(), clock, _training(data, samples, identity),
        _meta(decider), live_rules(spec, data.rule.horizon_s),
        {**(found or {}), "diversity": _diversity(decider)}, library_versions())
    return bundle, decider


def identity_of(data: "Dataset", samples: Samples, spec: ModelSpec, cv: CrossValidation
                ) -> dict[str, Any]:
    """All that an evaluation follows from, fit for JSON: what is the same is no new trial."""
    return {"data": data.content_hash, "rule": data.rule.to_dict(),
            "sampler": data.sampler.to_dict(), "spec": spec.to_dict(), "cv": asdict(cv),
            "cost_points": samples.cost_points}


def live_rules(spec: ModelSpec, horizon_s: float) -> LiveRules:
    """Thresholds for the loop: enter as in validation, hold for the horizon, leave when it turns.

    The loop has no barriers: it holds a position at least over the label's horizon, and closes it
    when the score no longer speaks for it. Its stops are the risk configuration's.
    """
    entry = _LEAST_ENTRY if spec.meta else max(2.0 * spec.threshold - 1.0, _LEAST_ENTRY)
    return LiveRules(entry=entry, exit=0.0, min_hold_s=horizon_s)


def _meta(decider: Decider) -> Meta | None:
    if isinstance(decider.meta, Constant):
        outcome = "pays" if decider.meta.probability > 0.5 else "loses"
        raise InputError(f"every bet of the primary model {outcome}, so that a meta-model has "
                         "nothing to learn; train without one")
    return None if decider.meta is None else decider.meta.as_meta()


def _diversity(decider: Decider) -> dict[str, Any] | None:
    found = getattr(decider.primary, "diversity_", None)
    return None if found is None else found.as_dict()


def _training(data: "Dataset", samples: Samples, identity: dict[str, Any]) -> dict[str, Any]:
    return {"symbol": data.symbol, "days": [str(day) for day in np.unique(samples.day)],
            "rows": len(samples), "log_hashes": data.log_hashes, "seed": identity["spec"]["seed"],
            **identity}
