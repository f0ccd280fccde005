"""How a decision row is labelled and weighted: the rule that a bundle stores beside its model."""

from dataclasses import asdict, dataclass
from math import inf, isfinite
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from dreammaker.domain.errors import ConfigError
from dreammaker.models.labels import (
    Labels,
    PricePath,
    average_uniqueness,
    trend_scanning,
    triple_barrier,
    volatility,
)
from dreammaker.models.weights import claimed_returns

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_CHOICES = {"kind": ("triple_barrier", "trend"), "at_horizon": ("sign", "zero"),
            "at_break": ("truncate", "drop"), "weight": ("uniqueness", "returns", "none")}


@dataclass(frozen=True, slots=True)
class LabelRule:
    """Labels by three barriers or by trends, on prices that could be traded.

    Parameters
    ----------
    kind : {"triple_barrier", "trend"}
    horizon_s : float
        From the opening of the bet to the vertical barrier; of "trend" the longest line.
    profit, loss : float
        Horizontal barriers in multiples of the target; 0 = none.
    target_points : float, optional
        A fixed target; without one it is the volatility expected over the horizon.
    volatility_span : float
        Memory of the volatility, in seconds.
    least_points : float, optional
        Least distance of a barrier; four ticks (20 points on WIN) where not given.
    latency_ms : float
        From the decision to the opening of the bet.
    at_horizon : {"sign", "zero"}
        Label at the vertical barrier: sign of the gain, or 0.
    at_break : {"truncate", "drop"}
        What becomes of a bet that is open when trading breaks off.
    weight : {"uniqueness", "returns", "none"}
        Average uniqueness; absolute log return that a label can claim as its own; all 1.

    Raises
    ------
    ConfigError
        If a value is out of range.

    Examples
    --------
    >>> LabelRule(horizon_s=30.0).horizon_s
    30.0
    """

    kind: Literal["triple_barrier", "trend"] = "triple_barrier"
    horizon_s: float = 60.0
    profit: float = 1.0
    loss: float = 1.0
    target_points: float | None = None
    volatility_span: float = 300.0
    least_points: float | None = None
    latency_ms: float = 40.0
    at_horizon: Literal["sign", "zero"] = "sign"
    at_break: Literal["truncate", "drop"] = "truncate"
    weight: Literal["uniqueness", "returns", "none"] = "uniqueness"

    def __post_init__(self) -> None:
        for name, allowed in _CHOICES.items():
            if getattr(self, name) not in allowed:
                raise ConfigError(f"{name} must be one of {', '.join(allowed)}, was "
                                  f"{getattr(self, name)!r}")
        _range("horizon_s", self.horizon_s, 0.0, 86_400.0, above=True)
        _range("volatility_span", self.volatility_span, 1.0, 86_400.0, above=True)
        for name in ("profit", "loss"):
            _range(name, getattr(self, name), 0.0, 1e6)
        _range("latency_ms", self.latency_ms, 0.0, 60_000.0)
        if self.target_points is not None:
            _range("target_points", self.target_points, 0.0, inf, above=True)
        if self.least_points is not None:
            _range("least_points", self.least_points, 0.0, inf)
        if self.kind == "trend" and self.horizon_s < 3.0:
            raise ConfigError("horizon_s must be 3 or more for trends, which take a price every "
                              f"second, was {self.horizon_s!r}")

    def labels(self, path: PricePath, decided_ns: Ints) -> Labels:
        """Labels of decisions.

        Parameters
        ----------
        path : PricePath
            Of the decisions' day.
        decided_ns : int64 array
            In order.

        Raises
        ------
        InputError
            If there is no decision, or they are not in order.
        """
        latency = self.latency_ms / 1e3
        if self.kind == "trend":
            longest = int(self.horizon_s)
            return trend_scanning(path, decided_ns, shortest=min(5, longest), longest=longest,
                                  latency=latency)
        target: Any = self.target_points
        if target is None:
            target = volatility(path, decided_ns, horizon=self.horizon_s,
                                span=self.volatility_span)
        return triple_barrier(
            path, decided_ns, horizon=self.horizon_s, profit=self.profit, loss=self.loss,
            target=target, latency=latency, least_points=self.least_points,
            at_horizon=self.at_horizon, at_break=self.at_break)

    def weights(self, labels: Labels, path: PricePath) -> Floats:
        """Weight of each label, shape (n,); not scaled."""
        if self.weight == "none" or not len(labels):
            return np.ones(len(labels))
        if self.weight == "uniqueness":
            return average_uniqueness(labels)
        instants = np.unique(np.concatenate([labels.start, labels.end]))
        mid = path.mid()[np.maximum(path.last_known(), 0)]
        price = mid[np.maximum(path.rows_at(instants), 0)]
        moves = np.diff(np.log(price), prepend=np.log(price[:1]))
        # Up to an instant that no label reaches into, nobody held: the move over an auction or a
        # quiet hour is not the next label's own.
        held = np.searchsorted(np.sort(labels.start), instants[:-1], "right") > np.searchsorted(
            np.sort(labels.end), instants[:-1], "right")
        moves[1:][~held] = 0.0
        # Not scaled: by the mean over a day, rows before a test row would know the day's end.
        return claimed_returns(labels, np.where(np.isfinite(moves), moves, 0.0), instants)

    def to_dict(self) -> dict[str, Any]:
        """Every value, fit for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, read: dict[str, Any]) -> "LabelRule":
        """The inverse of `to_dict`."""
        return cls(**read)


def _range(name: str, value: float, least: float, most: float, *, above: bool = False) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float | np.number):
        raise ConfigError(f"{name} must be a number, was {value!r}")
    inside = least < value <= most if above else least <= value <= most
    if not (isfinite(value) and inside):
        rule = ("above" if above else "at least") + f" {least:g}"
        raise ConfigError(f"{name} must be {rule}" + ("" if most == inf else
                          f" and at most {most:g}") + f", was {value!r}")
