"""Checks of arguments, shared by this package: each failure names parameter, rule and value."""

from math import isfinite
from operator import index

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def finite(name: str, value: float) -> float:
    """The value as a finite float."""
    read = _number(name, value)
    if not isfinite(read):
        raise ValueError(f"{name} must be finite, was {value}")
    return read


def positive(name: str, value: float) -> float:
    """The value as a finite float above 0."""
    read = _number(name, value)
    if not 0.0 < read < float("inf"):
        raise ValueError(f"{name} must be above 0 and finite, was {value}")
    return read


def not_negative(name: str, value: float) -> float:
    """The value as a finite float of 0 or more."""
    read = _number(name, value)
    if not 0.0 <= read < float("inf"):
        raise ValueError(f"{name} must be 0 or more and finite, was {value}")
    return read


def count(name: str, value: int, least: int = 1) -> int:
    """The value as an int of ``least`` or more."""
    try:
        read = index(value)
    except TypeError:
        raise ValueError(f"{name} must be a whole number, was {value!r}") from None
    if read < least:
        raise ValueError(f"{name} must be {least} or more, was {read}")
    return read


def vector(name: str, values: ArrayLike, least_count: int = 0) -> Floats:
    """A finite float64 vector of at least so many entries."""
    try:
        read = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        raise ValueError(f"{name} must be a vector of numbers, was {values!r}") from None
    if read.ndim != 1:
        raise ValueError(f"{name} must be one-dimensional, had shape {read.shape}")
    if len(read) < least_count:
        raise ValueError(f"{name} must have {least_count} entries or more, had {len(read)}")
    wrong = np.flatnonzero(~np.isfinite(read))
    if len(wrong):
        raise ValueError(f"{name} must hold finite numbers, was {read[wrong[0]]} at index "
                         f"{wrong[0]}")
    return read


def positive_vector(name: str, values: ArrayLike, least_count: int = 0) -> Floats:
    """A vector whose entries are above 0."""
    read = vector(name, values, least_count)
    wrong = np.flatnonzero(read <= 0.0)
    if len(wrong):
        raise ValueError(f"{name} must be above 0, was {read[wrong[0]]:g} at index {wrong[0]}")
    return read


def not_negative_vector(name: str, values: ArrayLike, least_count: int = 0) -> Floats:
    """A vector whose entries are 0 or more."""
    read = vector(name, values, least_count)
    wrong = np.flatnonzero(read < 0.0)
    if len(wrong):
        raise ValueError(f"{name} must be 0 or more, was {read[wrong[0]]:g} at index {wrong[0]}")
    return read


def generator(rng: np.random.Generator) -> np.random.Generator:
    """Refuse what is not a generator: a seed or None would hide where chance comes from."""
    if not isinstance(rng, np.random.Generator):
        raise ValueError(f"rng must be a numpy.random.Generator, was {rng!r}")
    return rng


def same_length(first_name: str, first: Floats, second_name: str, second: Floats) -> None:
    """Refuse two vectors of different length."""
    if len(first) != len(second):
        raise ValueError(f"{first_name} and {second_name} must have the same length, had "
                         f"{len(first)} and {len(second)}")


def frozen(values: Floats) -> Floats:
    """The same array, no longer writeable: results are not changed by accident."""
    values.setflags(write=False)
    return values


def _number(name: str, value: float) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        raise ValueError(f"{name} must be a number, was {value!r}") from None
