"""The recipes of the models that the bench trains: everything that makes a fit repeatable."""

from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from dreammaker.domain.errors import ConfigError
from dreammaker.models.ensemble import Ensemble
from dreammaker.models.estimators import Classifier
from dreammaker.models.folds import Folds
from dreammaker.models.meta import MetaModel
from dreammaker.models.primary import ForestModel, PrimaryModel

Kind = Literal["lightgbm", "forest", "ensemble", "stack"]
KINDS: tuple[Kind, ...] = ("lightgbm", "forest", "ensemble", "stack")

_META_SEED = 7919
_SEEDS = 2**31


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """What is trained, and when its bets are taken; equal specs give equal models.

    Parameters
    ----------
    kind : {"lightgbm", "forest", "ensemble", "stack"}
        Boosted trees, a random forest, the mean of both probabilities, or a logistic regression on
        both, fitted on probabilities of rows that neither was trained on.
    trees : int
        In all, 1 to 10 000.
    leaves : int
        Most of a tree, 2 to 4096.
    least_leaf : int
        Rows of a leaf, 1 or more.
    learning_rate : float
        Of boosting, in (0, 1].
    columns : float
        Share of features that a tree (of a forest: a node) looks at, in (0, 1].
    rows : float
        Share of rows that a tree is grown on, in (0, 1].
    meta : bool
        Whether a second model says if the first one's bet is taken.
    threshold : float
        Least probability that a bet pays, in [0, 1); without a meta-model that the direction is
        right, so that 0.5 takes every bet. A bet that is as likely to lose has no size (AFML 10.3):
        with a meta-model 0.5 and less take what is above 0.5.
    seed : int
        Of everything random, 0 or more.

    Raises
    ------
    ConfigError
        If a value is out of range.

    Examples
    --------
    >>> ModelSpec(kind="forest", trees=50).primary().n_estimators
    50
    >>> [name for name, _ in ModelSpec(kind="ensemble").primary().members]
    ['lightgbm', 'forest']
    """

    kind: Kind = "lightgbm"
    trees: int = 100
    leaves: int = 15
    least_leaf: int = 50
    learning_rate: float = 0.05
    columns: float = 0.7
    rows: float = 0.7
    meta: bool = True
    threshold: float = 0.5
    seed: int = 1

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ConfigError(f"a model must be one of {', '.join(KINDS)}, was {self.kind!r}")
        for name, least, most in (("trees", 1, 10_000), ("leaves", 2, 4096),
                                  ("least_leaf", 1, 1_000_000), ("seed", 0, _SEEDS - 1)):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
                raise ConfigError(f"{name} must be a whole number in [{least}, {most}], was "
                                  f"{value!r}")
        for name in ("learning_rate", "columns", "rows"):
            if not 0.0 < getattr(self, name) <= 1.0:
                raise ConfigError(f"{name} must be in (0, 1], was {getattr(self, name)!r}")
        if not 0.0 <= self.threshold < 1.0:
            raise ConfigError(f"threshold must be in [0, 1), was {self.threshold!r}")

    def primary(self, folds: Folds | None = None) -> Classifier:
        """The model of the direction, unfitted.

        Parameters
        ----------
        folds : Folds, optional
            Of the rows that it will be fitted on: an ensemble measures its diversity on them, a
            stack learns there what its members are worth. Without one a stack is a mean.
        """
        if self.kind == "lightgbm":
            return self._boosted(self.trees)
        if self.kind == "forest":
            return self._forest(self.trees)
        half = max(1, self.trees // 2)
        return Ensemble([("lightgbm", self._boosted(half)), ("forest", self._forest(half))],
                        "stack" if self.kind == "stack" and folds is not None else "soft",
                        cv=folds)

    def meta_model(self, folds: Folds) -> MetaModel:
        """The model of the bets, unfitted; calibrated by Platt's curve out of these folds.

        It is one model, smaller than the first, since it learns from noisier labels, and draws
        other random numbers.
        """
        kind: Kind = "forest" if self.kind == "forest" else "lightgbm"
        small = replace(self, kind=kind, trees=max(1, self.trees // 2), leaves=min(self.leaves, 7),
                        seed=(self.seed + _META_SEED) % _SEEDS)
        return MetaModel(small.primary(), "platt", folds, self.threshold)

    def wanted(self, side: NDArray[np.int8], right: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Which decisions are bets, as the loop takes them: those to which it gives a size.

        Parameters
        ----------
        side, right : array, shape (n,)
            As ``decider.Decider.decide`` gives them.

        Examples
        --------
        >>> sides, paying = np.ones(3, np.int8), np.array([0.47, 0.5, 0.53])
        >>> ModelSpec(threshold=0.45).wanted(sides, paying).tolist()
        [False, False, True]
        """
        sized = right > 0.5 if self.meta else np.ones(len(right), np.bool_)
        return np.asarray((side != 0) & (right >= self.threshold) & sized)

    def to_dict(self) -> dict[str, Any]:
        """Every value, fit for JSON."""
        return asdict(self)

    def _boosted(self, trees: int) -> PrimaryModel:
        return PrimaryModel(
            n_estimators=trees, num_leaves=self.leaves, min_child_samples=self.least_leaf,
            learning_rate=self.learning_rate, subsample=self.rows, colsample_bytree=self.columns,
            reg_lambda=0.0, seed=self.seed)

    def _forest(self, trees: int) -> ForestModel:
        return ForestModel(
            n_estimators=trees, max_depth=None, max_leaf_nodes=self.leaves,
            min_samples_leaf=self.least_leaf, max_features=self.columns,
            max_samples=self.rows if self.rows < 1.0 else None, seed=self.seed)
