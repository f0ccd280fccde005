"""Checked vectors and their sums, shared by the array functions of this package."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dreammaker.domain.errors import InputError

Floats = NDArray[np.float64]


def vector(name: str, values: ArrayLike) -> Floats:
    """Float64 copy or view of shape (n,); InputError unless one-dimensional and finite."""
    read = np.asarray(values, dtype=np.float64)
    if read.ndim != 1:
        raise InputError(f"{name} must be one-dimensional, had shape {read.shape}")
    if not np.isfinite(read).all():
        row = int(np.flatnonzero(~np.isfinite(read))[0])
        raise InputError(f"{name} must hold finite numbers, was {read[row]} at index {row}")
    return read


def pair(first_name: str, first: ArrayLike, second_name: str,
          second: ArrayLike) -> tuple[Floats, Floats]:
    """Two vectors of one length, else InputError."""
    one, two = vector(first_name, first), vector(second_name, second)
    if len(one) != len(two):
        raise InputError(f"{first_name} and {second_name} must have the same length, had "
                         f"{len(one)} and {len(two)}")
    return one, two


def ordered_sum(values: Floats) -> float:
    """Sum one after the other: the same bits on every machine, whatever NumPy's lanes."""
    total = 0.0
    for value in values.tolist():
        total += value
    return total
