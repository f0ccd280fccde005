"""How the probabilities of several models become one: alone, by soft vote, or stacked."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from dreammaker._ext.mathx import exp
from dreammaker.domain.errors import StoreError


@dataclass(frozen=True)
class Combination:
    """One set of class probabilities out of those of the members.

    Parameters
    ----------
    kind : {"soft", "stack"}
        ``soft`` is a weighted mean. ``stack`` is a logistic regression on all members'
        probabilities, side by side: with two classes one row of coefficients (for the second
        class), else one row a class.
    weights : tuple of float
        Of the members; at least 0, not all 0.
    coefficients : tuple of tuple of float
    intercepts : tuple of float

    Examples
    --------
    >>> Combination("soft", (1.0, 3.0)).combine([[0.5, 0.5], [0.25, 0.75]])
    [0.3125, 0.6875]
    """

    kind: Literal["soft", "stack"]
    weights: tuple[float, ...] = ()
    coefficients: tuple[tuple[float, ...], ...] = ()
    intercepts: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        numbers = (*self.weights, *self.intercepts, *(c for row in self.coefficients for c in row))
        if self.kind == "soft":
            sound = min(self.weights, default=-1.0) >= 0.0 and sum(self.weights) > 0.0
        else:
            sound = (self.kind == "stack" and len(self.coefficients) == len(self.intercepts) > 0
                     and len({len(row) for row in self.coefficients}) == 1)
        if not sound or not all(map(isfinite, numbers)):
            raise StoreError("a combination must be soft with weights of at least 0, not all 0, or "
                             "stack with an intercept for each row of coefficients")

    def check(self, members: int, classes: int) -> None:
        """Refuse what does not fit the number of members and classes."""
        if self.kind == "soft":
            fits = len(self.weights) == members
        else:
            fits = (len(self.coefficients) == (1 if classes == 2 else classes)
                    and len(self.coefficients[0]) == members * classes)
        if not fits:
            raise StoreError(f"the {self.kind} combination does not fit {members} member(s) of "
                             f"{classes} classes")

    def combine(self, members: Sequence[Sequence[float]]) -> list[float]:
        """Class probabilities; sums run in the order of members and classes."""
        classes = range(len(members[0]))
        if self.kind == "soft":
            total = 0.0
            for weight in self.weights:
                total += weight
            found = [0.0 for _ in classes]
            for weight, member in zip(self.weights, members, strict=True):
                for k in classes:
                    found[k] += weight * member[k]
            return [value / total for value in found]
        z = []
        for row, intercept in zip(self.coefficients, self.intercepts, strict=True):
            value, at = intercept, 0
            for member in members:
                for p in member:
                    value += row[at] * p
                    at += 1
            z.append(value)
        if len(z) == 1:
            second = 1.0 / (1.0 + exp(-z[0]))
            return [1.0 - second, second]
        top = max(z)
        shares, total = [exp(value - top) for value in z], 0.0
        for share in shares:
            total += share
        return [share / total for share in shares]

    def combine_rows(self, members: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
        """Class probabilities of many rows, with the bits of ``combine``.

        Parameters
        ----------
        members : sequence of float64 array, shape (n, classes)

        Returns
        -------
        float64 array, shape (n, classes)
        """
        found = np.zeros(members[0].shape)
        if self.kind == "soft":
            total = 0.0
            for weight, member in zip(self.weights, members, strict=True):
                total += weight
                found += weight * member
            return found / total
        columns = np.hstack(members)
        z = np.empty((len(found), len(self.intercepts)))
        for k, (row, intercept) in enumerate(zip(self.coefficients, self.intercepts, strict=True)):
            z[:, k] = intercept
            for at, coefficient in enumerate(row):
                z[:, k] += coefficient * columns[:, at]
        if len(self.intercepts) == 1:
            second = 1.0 / (1.0 + _exp(-z[:, 0]))
            return np.stack([1.0 - second, second], axis=1)
        shares = _exp(z - z.max(axis=1)[:, None])
        whole = np.zeros(len(found))
        for k in range(shares.shape[1]):
            whole += shares[:, k]
        return shares / whole[:, None]

    def as_dict(self) -> dict[str, Any]:
        """As a bundle stores it."""
        return {"kind": self.kind, "weights": list(self.weights),
                "coefficients": [list(row) for row in self.coefficients],
                "intercepts": list(self.intercepts)}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "Combination":
        """Back from ``as_dict``."""
        return cls(values["kind"], tuple(map(float, values["weights"])),
                   tuple(tuple(map(float, row)) for row in values["coefficients"]),
                   tuple(map(float, values["intercepts"])))


def _exp(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The live path's own exponential: NumPy's differs from machine to machine."""
    return np.array([exp(each) for each in values.ravel().tolist()]).reshape(values.shape)
