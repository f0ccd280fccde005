"""Event times as a Hawkes process takes them: checked, and equal times told apart."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dreammaker._ext.hawkes_likelihood import gaps, in_order
from dreammaker.hawkes.errors import HawkesError

Floats = NDArray[np.float64]
SHORTEST, LONGEST = 1e-30, 1e30     # observations, seconds


def check_duration(T: float) -> float:
    """Length of the observation window as a float.

    Raises
    ------
    HawkesError
        If it is not a number of seconds from 1e-30 to 1e30 (beyond that, squares of rates leave
        the range of a double).
    """
    try:
        duration = float(T)
    except (TypeError, ValueError):
        raise HawkesError(f"T must be a number of seconds, was {T!r}") from None
    if not np.isfinite(duration) or duration <= 0.0:
        raise HawkesError(f"T must be a finite number of seconds above 0, was {T!r}")
    if not SHORTEST <= duration <= LONGEST:
        raise HawkesError(f"T must be {SHORTEST:g} to {LONGEST:g} s, was {T!r}: count time in "
                          "another unit")
    return duration


def check_events(events: ArrayLike, T: float) -> tuple[Floats, float]:
    """Event times as a contiguous float64 array, and T, both checked.

    Equal times are taken in their order, as events an instant apart: each excites the ones after
    it at lag 0. See `resolve_ties` for clocks too coarse to tell events apart.

    Parameters
    ----------
    events : array of float, shape (n,)
        Seconds, not decreasing, within [0, T]; may be empty.
    T : float
        End of the observation window, above 0.

    Raises
    ------
    HawkesError
        If a time is NaN or infinite, out of order or outside of the window, the shape is not one
        dimension, or T is not above 0.
    """
    duration = check_duration(T)
    try:
        times = np.ascontiguousarray(events, np.float64)
    except (TypeError, ValueError):
        raise HawkesError("event times must be numbers, in seconds") from None
    if times.ndim != 1 or np.ndim(events) != 1:
        raise HawkesError(f"event times must have one dimension, had shape {np.shape(events)}")
    if in_order(times, duration):
        return times, duration
    finite = np.isfinite(times)
    if not finite.all():
        where = int(np.argmin(finite))
        raise HawkesError(f"event times must be finite, event {where} was {times[where]}")
    backward = np.diff(times) < 0.0
    if backward.any():
        where = int(np.argmax(backward)) + 1
        raise HawkesError(
            f"event times must not decrease, event {where} at {times[where]} s comes after "
            f"{times[where - 1]} s")
    raise HawkesError(
        f"event times must lie in [0, T] = [0, {duration:g}], "
        f"were {times[0]:g} to {times[-1]:g}")


def tie_count(times: Floats) -> int:
    """Events that share their time with the one before."""
    return gaps(times)[1]


def resolve_ties(events: ArrayLike, method: str, *, resolution: float | None = None,
                 rng: np.random.Generator | None = None) -> Floats:
    """Event times without equal ones, for clocks that tick coarsely.

    Parameters
    ----------
    events : array of float, shape (n,)
        Seconds, not decreasing.
    method : {"merge", "spread"}
        "merge": equal times become one event. "spread": each of them moves on by a uniform part
        of one tick of the clock, events that stand alone stay.
    resolution : float, optional
        Tick of the clock in seconds, above 0; needed to spread.
    rng : numpy Generator, optional
        Source of randomness; needed to spread.

    Returns
    -------
    ndarray of float64
        Sorted.

    Raises
    ------
    HawkesError
        If the method is unknown or what it needs is missing.

    Examples
    --------
    >>> resolve_ties([1.0, 1.0, 2.0], "merge").tolist()
    [1.0, 2.0]
    """
    times, _ = check_events(events, LONGEST)
    if method == "merge":
        return np.unique(times)
    if method != "spread":
        raise HawkesError(f'the method for equal times must be "merge" or "spread", was {method!r}')
    if resolution is None or not resolution > 0.0 or rng is None:
        raise HawkesError("to spread equal times, pass the clock's resolution (above 0 s) and rng")
    equal = np.diff(times) == 0.0
    tied = np.append(equal, False) | np.insert(equal, 0, False)
    spread = times.copy()
    spread[tied] += resolution * rng.random(int(tied.sum()))
    return np.sort(spread)
