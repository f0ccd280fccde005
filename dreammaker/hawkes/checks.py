"""Checks of what is passed in, shared by the models and simulations of several types."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dreammaker.hawkes.errors import HawkesError

Floats = NDArray[np.float64]


def seed_from(rng: np.random.Generator) -> int:
    """The one number that a simulation draws from its caller's generator.

    Raises
    ------
    HawkesError
        If `rng` is no `numpy.random.Generator`: nothing here is unseeded.
    """
    if not isinstance(rng, np.random.Generator):
        raise HawkesError("rng must be a numpy.random.Generator such as "
                         f"numpy.random.default_rng(1), was {type(rng).__name__}")
    return int(rng.integers(0, 2**64, dtype=np.uint64))


def spectral_radius(growth: Floats) -> float:
    """Largest absolute eigenvalue of a branching matrix (d x d); below 1 the process is stable.

    Examples
    --------
    >>> round(spectral_radius(np.array([[0.4, 0.2], [0.5, 0.25]])), 12)
    0.65
    """
    return float(np.abs(np.linalg.eigvals(growth)).max())


def finite(name: str, value: ArrayLike) -> Floats:
    """An array of finite float64, or HawkesError."""
    try:
        array = np.array(value, np.float64, order="C")
    except (TypeError, ValueError):
        raise HawkesError(f"{name} must be numbers, was {value!r}") from None
    if not np.isfinite(array).all():
        raise HawkesError(f"{name} must be finite, held NaN or infinity")
    return array


def square(name: str, value: ArrayLike, d: int) -> Floats:
    """A d x d matrix; one number fills it."""
    array = finite(name, value)
    if array.ndim and array.shape != (d, d):
        raise HawkesError(f"{name} must be one number or have shape ({d}, {d}), had {array.shape}")
    return np.ascontiguousarray(np.broadcast_to(array, (d, d)))


def above_zero(name: str, value: float) -> float:
    """A finite number above 0, or HawkesError."""
    number = not_negative(name, value)
    if number == 0.0:
        raise HawkesError(f"{name} must be above 0, was 0")
    return number


def not_negative(name: str, value: float) -> float:
    """A finite number of at least 0, or HawkesError."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise HawkesError(f"{name} must be a number, was {value!r}") from None
    if not 0.0 <= number < np.inf:
        raise HawkesError(f"{name} must be finite and 0 or more, was {number:g}")
    return number
