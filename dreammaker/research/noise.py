"""The bench on data of which the truth is known: pure noise, and noise with a planted edge.

A bench that finds an edge in noise finds one everywhere. Here labels are drawn independently of the
features, several configurations are tried on them as a person would, and the best is put before the
gate. The null hypothesis: mean AUC 1/2, PBO 1/2 on average, among the trials as beside their
placebos, and the gate passes no more often than its own level allows.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from dreammaker.domain.errors import ConfigError
from dreammaker.models.gate import GateConfig, GateVerdict, judge
from dreammaker.research.crossval import CrossValidation, cross_validate
from dreammaker.research.estimators import ModelSpec
from dreammaker.research.evaluate import judge_trials, trial_of
from dreammaker.research.samples import Samples
from dreammaker.research.trials import Trial

_SMALL = ModelSpec(trees=12, least_leaf=20, meta=False)

SPECS: tuple[ModelSpec, ...] = (
    replace(_SMALL, kind="lightgbm", leaves=3, seed=1),
    replace(_SMALL, kind="lightgbm", leaves=15, seed=2),
    replace(_SMALL, kind="forest", leaves=7, seed=3),
    replace(_SMALL, kind="forest", leaves=31, seed=4))
"""Configurations that are tried on each data set; an even number, so that PBO centres on 1/2."""

_DAY = np.datetime64("2026-01-05", "D")
_OPEN_NS = 36_000_000_000_000
_MINUTE_NS = 60_000_000_000


@dataclass(frozen=True, slots=True)
class NoiseResult:
    """What the bench said about one data set.

    Attributes
    ----------
    auc : float64 array, shape (specs,)
        Mean over splits.
    pbo : float
        Beside placebos, as the gate takes it.
    pbo_among_trials : float
    trials : tuple of Trial
    verdict : GateVerdict
        On the configuration with the best net profit.
    """

    auc: NDArray[np.float64]
    pbo: float
    pbo_among_trials: float
    trials: tuple[Trial, ...]
    verdict: GateVerdict


def noise_samples(seed: int, *, rows: int = 1200, days: int = 60, features: int = 6,
                  edge: float = 0.0, cost_points: float = 0.0) -> Samples:
    """Decisions a minute apart, labels of one to three minutes that overlap, features of noise.

    Parameters
    ----------
    seed : int
    rows, days, features : int
        Rows are a multiple of the days.
    edge : float
        Points of the mean move for one standard deviation of the first feature, in units of the
        move's own deviation; 0 is pure noise.
    cost_points : float
        Of a round trip.

    Raises
    ------
    ConfigError
        If the rows are no multiple of the days.
    """
    if rows % days:
        raise ConfigError(f"rows must be a multiple of the days {days}, were {rows}")
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((rows, features))
    each = rows // days
    day = _DAY + np.repeat(np.arange(days), each)
    start = (day.astype("datetime64[ns]").astype(np.int64) + _OPEN_NS
             + np.tile(np.arange(each), days) * _MINUTE_NS)
    move = 20.0 * (rng.standard_normal(rows) + edge * X[:, 0])
    end = start + rng.integers(_MINUTE_NS // 2, 3 * _MINUTE_NS, rows)
    return Samples(X, np.sign(move).astype(np.int8), start, end, np.ones(rows), day,
                   np.column_stack([-move, move]), np.column_stack([end, end]), cost_points)


def run_bench(samples: Samples, specs: tuple[ModelSpec, ...] = SPECS,
              limits: GateConfig | None = None, cv: CrossValidation | None = None) -> NoiseResult:
    """Try every configuration and put the one with the best profit before the gate.

    Parameters
    ----------
    samples : Samples
    specs : tuple of ModelSpec
    limits : GateConfig, optional
    cv : CrossValidation, optional
    """
    evaluations = [cross_validate(samples, spec, cv) for spec in specs]
    trials = [trial_of("NOISE", "tune", spec.to_dict(), found)
              for spec, found in zip(specs, evaluations, strict=True)]
    best = best_of(trials)
    evidence = judge_trials(best, trials, samples).evidence
    return NoiseResult(np.array([each.mean_auc for each in evaluations]), evidence.pbo,
                       evidence.pbo_among_trials, tuple(trials),
                       judge(best.key, evidence, limits))


def best_of(trials: Sequence[Trial]) -> Trial:
    """The trial with the most net profit; the first of equals."""
    return max(trials, key=lambda trial: sum(trial.daily))
