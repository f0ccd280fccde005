"""From events to bets that were opened: latency, side, target, the price in force."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dreammaker.domain.errors import InputError
from dreammaker.models.price_path import PricePath, read_instants

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

LONGEST_SPAN = 2**61
"""Of index units or ns (73 years): an instant and a span must add up to an int64."""

DEFAULT_LATENCY_NS = 40_000_000
"""From us to the venue, as the exchange profile mt5_b3 assumes."""


@dataclass(frozen=True, slots=True)
class Entries:
    """Bets that could be opened, in order of their events.

    Attributes
    ----------
    position, event, start, row, segment : int64 array, shape (n,)
        Number of the event; its instant; when the bet was opened; row and segment of its price.
    side : int8 array, shape (n,)
    bid, ask : float64 array, shape (n,)
        In the path's units, when it was opened.
    target : float64 array, shape (n,)
        Points.
    dropped : dict
        Events without a bet, by reason.

    Examples
    --------
    >>> found = opened(PricePath.of_prices([100.0, 101.0]), [0], None, 1, 2.0)
    >>> found.bid.tolist(), found.target.tolist()
    ([100.0], [2.0])
    """

    position: Ints
    event: Ints
    start: Ints
    row: Ints
    segment: Ints
    side: NDArray[np.int8]
    bid: Floats
    ask: Floats
    target: Floats
    dropped: dict[str, int]


def opened(path: PricePath, events: Any, latency: float | timedelta | None,
           side: ArrayLike | None, target: ArrayLike | None) -> Entries:
    """Open a bet for every event that can be.

    Raises
    ------
    InputError
        If there is no event, or a parameter is outside its range.
    """
    event = path.time if events is None else read_instants("events", events, path)
    if not len(event):
        raise InputError("events must not be empty")
    sides = read_side(0.0 if side is None else side, len(event))
    targets = broadcast("target", 1.0 if target is None else target, len(event))
    bad = np.flatnonzero(targets <= 0.0)
    if bad.size:
        raise InputError(f"target must be above 0, was {targets[bad[0]]:g} at entry {bad[0]}")
    if latency is None:
        wait = DEFAULT_LATENCY_NS if path.has_grid and path.is_time else 0
    else:
        wait = span_of("latency", latency, path, above_zero=False)
    start = event + wait
    row = path.rows_at(start)
    inside = (row >= 0) & (row < len(path))
    at = np.where(inside, row, 0)
    segment = path.segment[at]
    if path.high is not None:
        start = np.maximum(start, path.time[at])
    inside &= start <= path.segment_end[segment]
    bid, ask = path.bid[at], path.ask[at]
    reasons = {
        "no bet": np.zeros(len(event), np.bool_) if side is None else sides == 0.0,
        "no target": np.isnan(targets),
        "outside trading": ~inside,
        "no price": np.isnan(bid) | np.isnan(ask),
    }
    kept = np.ones(len(event), np.bool_)
    dropped = {}
    for reason, mask in reasons.items():
        dropped[reason] = int((kept & mask).sum())
        kept &= ~mask
    position = np.flatnonzero(kept)
    return Entries(position.astype(np.int64), event[kept], start[kept], at[kept].astype(np.int64),
                   segment[kept], sides[kept].astype(np.int8), bid[kept], ask[kept],
                   targets[kept], dropped)


def read_side(side: ArrayLike, n: int) -> Floats:
    """Sides of n events, from one or from n; each -1, 0 or 1."""
    sides = broadcast("side", side, n)
    bad = np.flatnonzero(~np.isin(sides, (-1.0, 0.0, 1.0)))
    if bad.size:
        raise InputError(f"side must be -1, 0 or 1, was {sides[bad[0]]:g} at entry {bad[0]}")
    return sides


def span_of(name: str, value: float | timedelta, path: PricePath, *, above_zero: bool) -> int:
    """A length in the path's instants: ns for times, else units of its index."""
    rule = "above 0" if above_zero else "0 or more"
    unit = ("seconds or a timedelta" if path.is_time else "a whole number of index units")
    if isinstance(value, timedelta | np.timedelta64):
        if not path.is_time:
            raise InputError(f"{name} must be {unit}, was {value!r}")
        span = _nanoseconds(name, value)
    elif (isinstance(value, bool) or not isinstance(value, int | float | np.number)
          or not np.isfinite(value)):
        raise InputError(f"{name} must be {unit}, {rule}, was {value!r}")
    elif abs(float(value)) > LONGEST_SPAN:
        span = LONGEST_SPAN if value > 0 else -1
    elif path.is_time:
        span = round(float(value) * 1e9)
    elif float(value).is_integer():
        span = int(value)
    else:
        raise InputError(f"{name} must be {unit}, {rule}, was {value!r}")
    if span < 0 or (above_zero and span == 0):
        raise InputError(f"{name} must be {rule}, was {value!r}")
    if span >= LONGEST_SPAN:
        longest = "73 years" if path.is_time else f"{LONGEST_SPAN} index units"
        raise InputError(f"{name} must be below {longest}, was {value!r}")
    return span


def _nanoseconds(name: str, value: timedelta | np.timedelta64) -> int:
    # A pandas Timedelta is a timedelta, but one that NumPy reads to the us only.
    exact = getattr(value, "to_timedelta64", None)
    try:
        span = np.timedelta64(value if exact is None else exact(), "ns")
    except (TypeError, OverflowError):
        raise InputError(f"{name} must be a span of days, hours or less, was {value!r}") from None
    return -1 if np.isnat(span) else int(span.astype(np.int64))


def number(name: str, value: Any) -> float:
    """The value as a float; InputError where it is none."""
    try:
        return float(value)
    except (TypeError, ValueError):
        raise InputError(f"{name} must be a number, was {value!r}") from None


def broadcast(name: str, values: ArrayLike, n: int) -> Floats:
    """One float64 for each of n events, from one or from n."""
    try:
        read = np.asarray(values, np.float64)
    except (TypeError, ValueError):
        raise InputError(f"{name} must hold numbers, was {type(values).__name__}") from None
    if read.ndim == 0:
        return np.full(n, float(read))
    if read.shape != (n,):
        raise InputError(f"{name} must have one entry an event, {n}, had shape {read.shape}")
    return np.ascontiguousarray(read)


def choose(name: str, value: str, allowed: tuple[str, ...]) -> None:
    """Refuse a word that is not allowed."""
    if value not in allowed:
        raise InputError(f"{name} must be one of {', '.join(allowed)}, was {value!r}")
