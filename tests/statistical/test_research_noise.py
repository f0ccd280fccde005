"""On pure noise the bench finds nothing; a planted signal it finds.

DREAMMAKER_NOISE_SEEDS=50 runs the long form.
"""

import os
from math import sqrt

import numpy as np

from dreammaker.research.noise import noise_samples, run_bench

SEEDS = int(os.environ.get("DREAMMAKER_NOISE_SEEDS", "3"))


def test_noise_when_labels_are_random_then_no_edge() -> None:
    """Null: AUC 1/2 on average, PBO 1/2 on average, the gate passes less than 5 %.

    One data set's mean AUC deviates by 0.01, its PBO by 0.25 (measured over 50 seeds); bounds are
    three standard errors, and 0.01 at 50 seeds.
    """
    found = [run_bench(noise_samples(seed)) for seed in range(1, SEEDS + 1)]
    auc = np.array([result.auc.mean() for result in found])
    assert len(set(auc)) == SEEDS
    assert abs(auc.mean() - 0.5) < max(0.01, 3 * 0.01 / sqrt(SEEDS))
    assert abs(np.mean([result.pbo for result in found]) - 0.5) < max(0.1, 3 * 0.25 / sqrt(SEEDS))
    assert sum(result.verdict.tradable for result in found) < max(1, 0.05 * SEEDS)


def test_planted_signal_when_trained_then_found() -> None:
    """A move that leans by half its deviation on one feature has an AUC of about 0.69."""
    result = run_bench(noise_samples(1, edge=0.5))
    assert result.auc.min() > 0.6
    assert result.verdict.evidence.dsr > 0.95 and result.verdict.evidence.net_lower_bound > 0.0
