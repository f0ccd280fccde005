"""Checks of arguments, shared by this package: each failure names parameter, rule and value."""

from math import isfinite, isnan
from operator import index

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def number(name: str, value: float) -> float:
    """The value as a float, NaN refused."""
    try:
        read = float(value)
    except (TypeError, ValueError):
        raise ValueError(f"{name} must be a number, was {value!r}") from None
    if isnan(read):
        raise ValueError(f"{name} must be a number, was nan")
    return read


def finite(name: str, value: float) -> float:
    """The value as a finite float."""
    read = number(name, value)
    if not isfinite(read):
        raise ValueError(f"{name} must be finite, was {value}")
    return read


def positive(name: str, value: float) -> float:
    """The value as a finite float above 0."""
    read = finite(name, value)
    if read <= 0.0:
        raise ValueError(f"{name} must be above 0, was {value}")
    return read


def not_negative(name: str, value: float) -> float:
    """The value as a finite float of 0 or more."""
    read = finite(name, value)
    if read < 0.0:
        raise ValueError(f"{name} must be 0 or more, was {value}")
    return read


def probability(name: str, value: float) -> float:
    """The value as a float strictly between 0 and 1."""
    read = finite(name, value)
    if not 0.0 < read < 1.0:
        raise ValueError(f"{name} must lie between 0 and 1, was {value}")
    return read


def count(name: str, value: int, least: int = 1) -> int:
    """The value as an int of ``least`` or more; True and False are no numbers."""
    try:
        if isinstance(value, bool | np.bool_):
            raise TypeError
        read = index(value)
    except TypeError:
        raise ValueError(f"{name} must be a whole number, was {value!r}") from None
    if read < least:
        raise ValueError(f"{name} must be {least} or more, was {read}")
    return read


def series(name: str, values: ArrayLike, *, dimensions: int = 1) -> Floats:
    """A float64 array of finite numbers; a missing value is an error, never skipped."""
    try:
        read = np.ascontiguousarray(values, np.float64)
    except (TypeError, ValueError):
        raise ValueError(f"{name} must hold numbers, was {type(values).__name__}") from None
    if np.ndim(values) != dimensions:
        raise ValueError(f"{name} must have {dimensions} dimension{'s' * (dimensions > 1)}, "
                         f"had shape {np.shape(values)}")
    if not np.isfinite(read).all():
        place = np.argwhere(~np.isfinite(read))[0]
        where = ", ".join(str(int(i)) for i in place)
        raise ValueError(f"{name} must hold finite numbers, was {read[tuple(place)]} at index "
                         f"{where}")
    return read


def generator(rng: np.random.Generator) -> np.random.Generator:
    """Refuse what is not a generator: a seed or None would hide where chance comes from."""
    if not isinstance(rng, np.random.Generator):
        raise ValueError(f"rng must be a numpy.random.Generator, was {rng!r}")
    return rng
