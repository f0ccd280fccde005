"""The search: same result for any number of workers, and after an interruption."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from dreammaker.domain.errors import ConfigError
from dreammaker.research.crossval import CrossValidation, calibration_curve, cross_validate
from dreammaker.research.estimators import ModelSpec
from dreammaker.research.label_rule import LabelRule
from dreammaker.research.noise import noise_samples
from dreammaker.research.sampling import Sampler
from dreammaker.research.trials import TrialLedger, trial_count
from dreammaker.research.tune import Space, tune
from dreammaker.research.workers import Workers

SPACE = Space(horizons=(30.0, 60.0), trees=(2, 6), leaves=(2, 4), least_leaf=(10, 30))


def rows(rule):
    data = SimpleNamespace(symbol="NOISE", rule=rule, sampler=Sampler(),
                           content_hash=f"noise {rule.horizon_s}")
    return data, noise_samples(int(rule.horizon_s), rows=300, days=60, edge=0.5)


def searched(folder: Path, trials: int, jobs: int = 1):
    return tune(rows, LabelRule(), ModelSpec(meta=False), TrialLedger(folder), space=SPACE,
                cv=CrossValidation(3, 1), trials=trials, workers=Workers(jobs))


def test_search_when_two_workers_or_resumed_then_the_same(tmp_path: Path) -> None:
    whole, two = searched(tmp_path / "a", 6), searched(tmp_path / "b", 6, jobs=2)
    searched(tmp_path / "c", 3)
    resumed = searched(tmp_path / "c", 6)
    assert whole.scores == two.scores == resumed.scores and len(set(whole.scores)) > 3
    assert (whole.spec, whole.rule) == (two.spec, two.rule) == (resumed.spec, resumed.rule)
    assert whole.score == max(whole.scores) and (whole.known, resumed.known) == (0, 3)
    paths = [(tmp_path / name / "trials.jsonl").read_bytes() for name in "abc"]
    assert paths[0] == paths[1] == paths[2]
    assert trial_count(TrialLedger(tmp_path / "a").read("NOISE")) == 6
    assert whole.judgement.evidence.trials == 6 and whole.judgement.compared == 6


def test_cross_validation_when_two_jobs_then_same_bits() -> None:
    samples = noise_samples(5, rows=240, days=4)
    spec = ModelSpec(trees=4, meta=False, least_leaf=10)
    one, two = (cross_validate(samples, spec, CrossValidation(4, 2), workers=Workers(jobs))
                for jobs in (1, 2))
    assert np.array_equal(one.rise, two.rise) and np.array_equal(one.daily, two.daily)
    assert one.rise.shape == (3, 240) and one.daily.shape == (3, 4)
    curve = calibration_curve(one, samples, 5)
    assert len(curve) == 5 and sum(part["rows"] for part in curve) == 720
    assert one.daily[0].sum() == one.net_points


def test_space_when_upside_down_then_refused() -> None:
    with pytest.raises(ConfigError, match="least value first"):
        Space(trees=(9, 3))
    with pytest.raises(ConfigError, match="must be one of"):
        Space(kinds=("svm",))
    with pytest.raises(ConfigError, match="trials must be 1 or more"):
        searched(Path("unused"), 0)
