"""Small trained models and bundles for tests."""

from pathlib import Path

import numpy as np

from dreammaker.features.config import FEATURE_NAMES, FeatureConfig
from dreammaker.models.bundle import (
    InputStatistics,
    LiveRules,
    Member,
    Meta,
    ModelBundle,
)
from dreammaker.models.bundle_view import BundleView
from dreammaker.models.calibration import Calibration
from dreammaker.models.combination import Combination
from dreammaker.models.config import ModelConfig
from dreammaker.models.decision_clock import sampler_of

KEY = b"a key of ours"


def feature_rows(rng: np.random.Generator, count: int = 600) -> np.ndarray:
    """Rows that look a little like features: prices around 130 000, the rest around 0."""
    rows = rng.normal(size=(count, 27))
    rows[:, 0] = 130_000 + 5 * np.round(rng.normal(size=count))
    rows[:, 1:3] = rows[:, :1] + rng.normal(size=(count, 2))
    rows[rng.random(count) < 0.1, FEATURE_NAMES.index("kyle_lambda")] = np.nan
    return rows


def booster(X, y, rounds=12):
    """A small LightGBM model, one thread."""
    import lightgbm as lgb

    settings = {"objective": "binary", "num_leaves": 7, "verbose": -1, "num_threads": 1, "seed": 3,
                "deterministic": True, "min_data_in_leaf": 5}
    return lgb.train(settings, lgb.Dataset(X, y), rounds)


def forest(X, y):
    """A small forest that knows of missing values."""
    from sklearn.ensemble import RandomForestClassifier

    return RandomForestClassifier(n_estimators=8, max_depth=4, random_state=2).fit(X, y)


def make_bundle(rows: np.ndarray, y: np.ndarray, *, members=("lightgbm", "forest"), meta=True,
                **changes) -> ModelBundle:
    """A bundle trained on these feature rows; ``y`` says whether each goes up."""
    view = BundleView.full(5.0)
    X = view.matrix(rows)
    made = {"lightgbm": booster, "forest": forest}
    trained = tuple(Member.of(name, made[name](X, y)) for name in members)
    score = np.asarray([2.0 * trained[0].trees.predict_proba(X)[:, 1] - 1.0]).T
    known = Meta(Member.of("meta", booster(np.hstack([X, score, np.sign(score)]),
                                           (score[:, 0] > 0) == y)),
                 Calibration("isotonic", (0.2, 0.9), (0.3, 0.8)), threshold=0.52)
    values = {
        "name": "small", "classes": (-1, 1), "members": trained,
        "combination": Combination("soft", tuple(1.0 for _ in trained)), "view": view,
        "statistics": InputStatistics.of(X), "features": FeatureConfig(),
        "label_rule": {"kind": "triple_barrier", "points": 20}, "sampler": sampler_of(
            ModelConfig()), "training": {"rows": len(X)}, "meta": known if meta else None,
        "rules": LiveRules(min_hold_s=5.0), "library_versions": {"lightgbm": "4"}}
    return ModelBundle(**values | changes)


def saved(folder: Path, key: bytes | None = None, **changes) -> tuple[ModelBundle, str]:
    """A bundle on disk, and its content hash."""
    rng = np.random.default_rng(7)
    rows = feature_rows(rng)
    bundle = make_bundle(rows, rows[:, 3] + rows[:, 7] > 0.2 * rng.normal(size=len(rows)),
                         **changes)
    return bundle, bundle.save(folder, key)
