"""From a model's score to a probability: isotonic steps or Platt's curve, as plain numbers.

They are fitted in research (``models.calibration_fit``) and applied in the loop without
scikit-learn.
"""

from bisect import bisect_right
from dataclasses import dataclass
from math import isfinite
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from dreammaker._ext.mathx import exp
from dreammaker.domain.errors import StoreError


@dataclass(frozen=True)
class Calibration:
    """A curve from raw to calibrated probability.

    Parameters
    ----------
    kind : {"none", "isotonic", "platt"}
    x, y : tuple of float
        Isotonic: the corners of a rising piecewise linear curve, flat beyond its ends.
    slope, intercept : float
        Platt: ``1 / (1 + exp(-(slope p + intercept)))``.

    Raises
    ------
    StoreError
        If corners do not ascend within [0, 1], or a number is not finite.

    Examples
    --------
    >>> Calibration("isotonic", (0.25, 0.75), (0.0, 0.5)).apply(0.5)
    0.25
    >>> Calibration("platt", slope=4.0, intercept=-2.0).apply(0.5)
    0.5
    """

    kind: Literal["none", "isotonic", "platt"] = "none"
    x: tuple[float, ...] = ()
    y: tuple[float, ...] = ()
    slope: float = 1.0
    intercept: float = 0.0

    def __post_init__(self) -> None:
        corners = self.kind == "isotonic"
        rising = (len(self.x) == len(self.y) and all(map(isfinite, (*self.x, *self.y)))
                  and all(a < b for a, b in zip(self.x, self.x[1:], strict=False))
                  and all(a <= b for a, b in zip(self.y, self.y[1:], strict=False))
                  and all(0.0 <= value <= 1.0 for value in self.y))
        if self.kind not in ("none", "isotonic", "platt") or corners != bool(self.x) or not rising:
            raise StoreError("a calibration must be none, platt, or isotonic with corners that "
                             "ascend within [0, 1]")
        if not (isfinite(self.slope) and isfinite(self.intercept)):
            raise StoreError("a calibration's slope and intercept must be finite")

    def apply(self, p: float) -> float:
        """Calibrated probability; NaN stays NaN."""
        if self.kind == "none" or p != p:
            return p
        if self.kind == "platt":
            return 1.0 / (1.0 + exp(-(self.slope * p + self.intercept)))
        at = bisect_right(self.x, p)
        if at == 0:
            return self.y[0]
        if at == len(self.x):
            return self.y[-1]
        left, right = self.x[at - 1], self.x[at]
        return self.y[at - 1] + (p - left) / (right - left) * (self.y[at] - self.y[at - 1])

    def apply_rows(self, p: NDArray[np.float64]) -> NDArray[np.float64]:
        """Calibrated probabilities of many, with the bits of ``apply``."""
        return p if self.kind == "none" else np.array([self.apply(each) for each in p.tolist()])

    def as_dict(self) -> dict[str, Any]:
        """As a bundle stores it."""
        return {"kind": self.kind, "x": list(self.x), "y": list(self.y), "slope": self.slope,
                "intercept": self.intercept}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "Calibration":
        """Back from ``as_dict``."""
        return cls(values["kind"], tuple(map(float, values["x"])), tuple(map(float, values["y"])),
                   float(values["slope"]), float(values["intercept"]))
