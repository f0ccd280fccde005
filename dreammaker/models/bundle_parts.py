"""The parts of a model bundle: trained models, what their inputs looked like, rules of the loop."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dreammaker.domain.errors import StoreError
from dreammaker.models.calibration import Calibration
from dreammaker.models.trees import TreeModel

CLASSES = ((-1, 1), (-1, 0, 1))
META_INPUTS = ("primary_score", "primary_side")
"""What the meta-model sees after the inputs of the primary: P(up) - P(down), and its sign."""


@dataclass(frozen=True)
class Member:
    """A trained model under its name.

    Parameters
    ----------
    name : str
        Lower case letters, digits and underscores.
    trees : TreeModel
    text : str
        LightGBM's model text, where it came from there; empty for forests.

    Examples
    --------
    >>> from sklearn.ensemble import RandomForestClassifier
    >>> forest = RandomForestClassifier(2, random_state=1).fit([[0.0], [1.0]], [-1, 1])
    >>> Member.of("forest", forest).path
    'models/forest.npz'
    """

    name: str
    trees: TreeModel
    text: str = ""

    @classmethod
    def of(cls, name: str, model: Any) -> "Member":
        """From a LightGBM model or booster, a forest of scikit-learn, or what wraps one.

        Raises
        ------
        StoreError
            If the live path could not run it.
        """
        model = getattr(model, "fitted", model)
        booster = getattr(model, "booster_", model)
        if hasattr(booster, "model_to_string"):
            text = booster.model_to_string()
            return cls(name, TreeModel.from_lightgbm(text), text)
        if hasattr(model, "estimators_"):
            return cls(name, TreeModel.from_forest(model))
        raise StoreError(f"a bundle cannot hold a {type(model).__name__}; models of LightGBM and "
                         "forests of scikit-learn run in the live path")

    @property
    def path(self) -> str:
        """Its file in a bundle."""
        return f"models/{self.name}.{'txt' if self.text else 'npz'}"

    def data(self) -> bytes:
        """Bytes of its file."""
        return self.text.encode() if self.text else self.trees.to_npz()

    @classmethod
    def read(cls, name: str, path: str, files: Mapping[str, bytes]) -> "Member":
        """Back from a bundle's files."""
        if path not in files:
            raise StoreError(f"the model {name} has no file {path} in the bundle")
        if path.endswith(".npz"):
            return cls(name, TreeModel.from_npz(files[path]))
        try:
            text = files[path].decode()
        except UnicodeDecodeError:
            raise StoreError(f"{path} is not text") from None
        return cls(name, TreeModel.from_lightgbm(text), text)


@dataclass(frozen=True)
class Meta:
    """The model that says whether a bet will pay, and what its answer is worth.

    Parameters
    ----------
    member : Member
        Sees the primary's inputs and ``META_INPUTS``.
    calibration : Calibration
    threshold : float
        Bets below this probability are not made.
    step : float
        Sizes are rounded to whole multiples; 0 = not at all.

    Examples
    --------
    >>> from sklearn.ensemble import RandomForestClassifier
    >>> forest = RandomForestClassifier(2, random_state=1).fit([[0.0], [1.0]], [0, 1])
    >>> Meta(Member.of("meta", forest), threshold=0.55).calibration.kind
    'none'
    """

    member: Member
    calibration: Calibration = field(default_factory=Calibration)
    threshold: float = 0.5
    step: float = 0.0


@dataclass(frozen=True)
class InputStatistics:
    """What the training rows looked like.

    Parameters
    ----------
    nan_rate, low, high : tuple of float
        Of each input: share of NaN, and the range of nearly all its values; NaN = no value at all.
    opening_s : tuple of float
        How long an input may be missing from a session's first decision on, until its windows are
        full; 0 for one that training sessions began with.

    Examples
    --------
    >>> found = InputStatistics.of([[1.0, np.nan], [2.0, 5.0]], [0, 60_000_000_000], [1, 1], 9e11)
    >>> found.nan_rate, found.high, found.opening_s
    ((0.0, 0.5), (2.0, 5.0), (0.0, 180.0))
    """

    nan_rate: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    opening_s: tuple[float, ...]

    @classmethod
    def of(cls, X: ArrayLike, t_ns: ArrayLike | None = None, session: ArrayLike | None = None,
           memory_ns: float = 0.0, *, tail: float = 0.001) -> "InputStatistics":
        """Of a matrix of inputs.

        Parameters
        ----------
        X : array, shape (n, inputs)
        t_ns, session : array, shape (n,), optional
            When each row was decided, ascending within a session, and its session. Without them
            an input that is missing at the open counts as missing.
        memory_ns : float
            Memory of the features.
        tail : float
            Share of an input's values that lies beyond each end of its range.
        """
        rates, low, high = [], [], []
        table = np.asarray(X, np.float64)
        for column in table.T:
            known = np.sort(column[np.isfinite(column)])
            rates.append(float(np.isnan(column).mean()) if len(column) else 1.0)
            cut = int(tail * len(known))
            low.append(float(known[cut]) if len(known) else float("nan"))
            high.append(float(known[-1 - cut]) if len(known) else float("nan"))
        opening = (0.0,) * table.shape[1] if t_ns is None or session is None else _opening(
            table, np.asarray(t_ns, np.int64), np.asarray(session), memory_ns / 1e9)
        return cls(tuple(rates), tuple(low), tuple(high), opening)


@dataclass(frozen=True)
class LiveRules:
    """How scores become positions, and when the live path no longer trusts them.

    Parameters
    ----------
    entry, exit : float
        Open at a score beyond the first, close when it is back within the second; scores are
        P(up) - P(down).
    min_hold_s : float
        Keep a position at least this long unless the score turns.
    window : float
        Decisions over which shares of missing and odd values are averaged.
    missing_excess, outside_share : float
        Stand down when an input is missing this much more often than in training, or lies
        outside the range of training more often than this.

    Examples
    --------
    >>> LiveRules(entry=0.2, exit=0.05).window
    60.0
    """

    entry: float = 0.1
    exit: float = 0.02
    min_hold_s: float = 30.0
    window: float = 60.0
    missing_excess: float = 0.25
    outside_share: float = 0.25

    def __post_init__(self) -> None:
        if not (0.0 <= self.exit < self.entry <= 1.0 and self.min_hold_s >= 0.0
                and self.window >= 1.0 and 0.0 < self.missing_excess <= 1.0
                and 0.0 < self.outside_share <= 1.0):
            raise StoreError("a bundle's live rules must have 0 <= exit < entry <= 1, a window of "
                             "at least 1 and shares in (0, 1]")


def _opening(X: NDArray[np.float64], t_ns: NDArray[np.int64], session: NDArray[Any],
             memory_s: float) -> tuple[float, ...]:
    """Seconds of patience with each input: see docs/decisions/model-bundles.md."""
    waits: list[list[float]] = [[] for _ in range(X.shape[1])]
    for each in np.unique(session):
        rows = np.flatnonzero(session == each)
        known = ~np.isnan(X[rows])
        for waited, column in zip(waits, known.T, strict=True):
            if column.any():
                waited.append(float(t_ns[rows[int(column.argmax())]] - t_ns[rows[0]]) / 1e9)
    usual = [float(np.median(waited)) if waited else 0.0 for waited in waits]
    return tuple(max(wait, min(3.0 * wait, memory_s)) for wait in usual)
