"""The estimators that the bench trains, by name, with everything that makes a fit repeatable."""

from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from dreammaker.domain.errors import ConfigError

KINDS = ("lightgbm", "forest", "ensemble")


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """What is trained, and when its bets are taken; equal specs give equal models.

    Parameters
    ----------
    kind : {"lightgbm", "forest", "ensemble"}
        Boosted trees, a random forest, or the mean of both probabilities.
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
        right, so that 0.5 takes every bet.
    seed : int
        Of everything random, 0 or more.

    Raises
    ------
    ConfigError
        If a value is out of range.

    Examples
    --------
    >>> ModelSpec(kind="forest", trees=50).kind
    'forest'
    """

    kind: Literal["lightgbm", "forest", "ensemble"] = "lightgbm"
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
                                  ("least_leaf", 1, 1_000_000), ("seed", 0, 2**31 - 1)):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
                raise ConfigError(f"{name} must be a whole number in [{least}, {most}], was "
                                  f"{value!r}")
        for name in ("learning_rate", "columns", "rows"):
            if not 0.0 < getattr(self, name) <= 1.0:
                raise ConfigError(f"{name} must be in (0, 1], was {getattr(self, name)!r}")
        if not 0.0 <= self.threshold < 1.0:
            raise ConfigError(f"threshold must be in [0, 1), was {self.threshold!r}")

    def members(self, offset: int = 0) -> dict[str, Any]:
        """Unfitted classifiers by name; their probabilities are averaged.

        Parameters
        ----------
        offset : int
            Added to the seed, so that primary and meta-model draw differently.
        """
        seed = self.seed + offset
        if self.kind == "lightgbm":
            return {"lightgbm": self._boosted(self.trees, seed)}
        if self.kind == "forest":
            return {"forest": self._forest(self.trees, seed)}
        half = max(1, self.trees // 2)
        return {"lightgbm": self._boosted(half, seed), "forest": self._forest(half, seed)}

    def for_meta(self) -> "ModelSpec":
        """The meta-model's own spec: one model, smaller, since it learns from noisier labels."""
        return replace(self, kind="forest" if self.kind == "forest" else "lightgbm",
                       trees=max(1, self.trees // 2), leaves=min(self.leaves, 7))

    def to_dict(self) -> dict[str, Any]:
        """Every value, fit for JSON."""
        return asdict(self)

    def _boosted(self, trees: int, seed: int) -> Any:
        from lightgbm import LGBMClassifier

        # One thread and row-wise histograms: sums are added in one order on every machine.
        return LGBMClassifier(
            n_estimators=trees, num_leaves=self.leaves, learning_rate=self.learning_rate,
            min_child_samples=self.least_leaf, subsample=self.rows, subsample_freq=1,
            colsample_bytree=self.columns, random_state=seed, n_jobs=1, deterministic=True,
            force_row_wise=True, verbosity=-1)

    def _forest(self, trees: int, seed: int) -> Any:
        from sklearn.ensemble import RandomForestClassifier

        return RandomForestClassifier(
            n_estimators=trees, max_leaf_nodes=self.leaves, min_samples_leaf=self.least_leaf,
            max_features=self.columns, max_samples=self.rows if self.rows < 1.0 else None,
            random_state=seed, n_jobs=1)
