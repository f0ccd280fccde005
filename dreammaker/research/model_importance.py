"""What each feature is worth to a model of the bundle's own kind, out of sample (AFML 8.3.2).

Bounded in time: rows are thinned out evenly and the trees of the model are limited, so the figure
speaks of the kind of model on these days, not of the very model that trades.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dreammaker.domain.errors import ConfigError, InputError
from dreammaker.research.clusters import feature_clusters
from dreammaker.research.decider import scaled
from dreammaker.research.estimators import ModelSpec
from dreammaker.research.importance import Importance, mean_decrease_accuracy
from dreammaker.research.samples import Samples
from dreammaker.validation import PurgedKFold

Floats = NDArray[np.float64]

FOLDS = 3
MOST_ROWS = 10_000
MOST_TREES = 200
LEAST_ROWS = 60


@dataclass(frozen=True, slots=True)
class ModelImportance:
    """What features are worth to a kind of model.

    Attributes
    ----------
    kind : str
        Of the primary model.
    trees : int
    rows, of_rows : int
        Rows with a direction that were used, and how many there are.
    folds : int
        Purged folds.
    features, clusters : tuple of Importance
        Loss of the log likelihood, nats a row, when a feature is shuffled, or all of a cluster of
        features that stand in for one another.
    left_out : tuple of str
        Features that do not vary here.
    """

    kind: str
    trees: int
    rows: int
    of_rows: int
    folds: int
    features: tuple[Importance, ...]
    clusters: tuple[Importance, ...]
    left_out: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Everything, fit for JSON."""
        def plain(found: tuple[Importance, ...]) -> list[dict[str, Any]]:
            return [{"features": list(item.features), "value": item.value, "error": item.error}
                    for item in found]

        return {"kind": self.kind, "trees": self.trees, "rows": self.rows, "of_rows": self.of_rows,
                "folds": self.folds, "features": plain(self.features),
                "clusters": plain(self.clusters), "left_out": list(self.left_out)}


def model_importance(samples: Samples, names: tuple[str, ...], spec: ModelSpec, *,
                     embargo_share: float = 0.01, most_rows: int = MOST_ROWS, seed: int = 1,
                     progress: Callable[[int, int], None] | None = None) -> ModelImportance:
    """Shuffle each feature, and each cluster, under purged cross-validation.

    Parameters
    ----------
    samples : Samples
    names : tuple of str
        Of the columns.
    spec : ModelSpec
        Whose primary model is fitted on each fold, with at most `MOST_TREES` trees.
    embargo_share : float
        Least embargo; see `Samples.embargo`.
    most_rows : int
        More rows are thinned out evenly; `LEAST_ROWS` or more.
    seed : int
        Of the shuffles.
    progress : callable, optional
        Called with the folds done and their number, over features and clusters.

    Raises
    ------
    ConfigError
        If `most_rows` is too small.
    InputError
        If there are too few rows with a direction, none of the features varies, or no fold can be
        trained.
    """
    if most_rows < LEAST_ROWS:
        raise ConfigError(f"rows for the importance must be {LEAST_ROWS} or more, were {most_rows}")
    directed = np.flatnonzero(samples.y != 0)
    if len(directed) < LEAST_ROWS:
        raise InputError(f"the importance needs {LEAST_ROWS} rows with a direction, had "
                         f"{len(directed)}")
    kept = directed[np.linspace(0, len(directed) - 1, min(most_rows, len(directed))).astype(
        np.int64)]
    used = samples.take(kept)
    varies = [i for i in range(len(names)) if _varies(used.X[:, i])]
    if not varies:
        raise InputError("no feature varies, so that none has an importance")
    own = tuple(names[i] for i in varies)
    small = replace(spec, trees=min(spec.trees, MOST_TREES))
    splitter = PurgedKFold(FOLDS, embargo=used.embargo(embargo_share), label_end_times=used.t_end,
                           label_start_times=used.t_start)
    X = used.X[:, varies]
    groups = feature_clusters(X, own).groups

    def worth(of: tuple[tuple[str, ...], ...] | None, half: int) -> tuple[Importance, ...]:
        return tuple(mean_decrease_accuracy(
            small.primary, X, (used.y > 0).astype(np.int64), splitter,
            rng=np.random.default_rng(seed + half), weights=scaled(used.weights),
            groups=of, names=own,
            progress=None if progress is None else
            lambda done, total: progress(half * total + done, 2 * total)))

    return ModelImportance(spec.kind, small.trees, len(used), len(directed), FOLDS,
                           worth(None, 0), worth(groups, 1),
                           tuple(name for name in names if name not in own))


def _varies(column: Floats) -> bool:
    known = column[~np.isnan(column)]
    return bool(known.size) and not bool((known == known[0]).all())
