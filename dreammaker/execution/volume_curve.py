"""The volume curve: which share of a session's volume trades in each part of it.

Learned as the median share of each bucket over past days, by class of day: days of the week, and
whether New York is on daylight saving time, which moves the cash market's rhythm in Brazil.

Not modelled: volume of the day as a whole (only its shape matters to a schedule), expiries and
index rebalancings (give them a class of their own), news.
"""

import datetime
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dreammaker.domain.schema import EventArray, Flag, Kind
from dreammaker.engine.clock import NS_PER_MINUTE
from dreammaker.execution.rounding import checked_weights, whole

ALL_DAYS = "all"
_WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_HALF_DAY = 0.8


@dataclass(frozen=True, slots=True)
class VolumeCurve:
    """Expected volume in even buckets from the open, by class of day.

    Parameters
    ----------
    bucket_minutes : int
    shares : dict of str to tuple of float
        By class; each 0 or more and not all 0. ``"all"`` is for days without a class of their own.

    Raises
    ------
    ValueError
        If a parameter is out of range or ``"all"`` is missing.

    Examples
    --------
    >>> curve = VolumeCurve(60, {"all": (3.0, 1.0)})
    >>> curve.weights(datetime.date(2026, 3, 2), 0, 30 * NS_PER_MINUTE, 90 * NS_PER_MINUTE, 2)
    [0.375, 0.125]
    """

    bucket_minutes: int
    shares: Mapping[str, tuple[float, ...]]

    def __post_init__(self) -> None:
        whole("bucket_minutes", self.bucket_minutes)
        if ALL_DAYS not in self.shares:
            raise ValueError(f'shares must have the class "{ALL_DAYS}", had '
                             f"{', '.join(sorted(self.shares)) or 'none'}")
        normal = {}
        for name, values in self.shares.items():
            weights = checked_weights(f"shares of {name}", values)
            total = 0.0
            for weight in weights:
                total += weight
            if not total > 0.0:
                raise ValueError(f"shares of {name} must not be 0 everywhere")
            normal[name] = tuple(weight / total for weight in weights)
        object.__setattr__(self, "shares", normal)

    def of_day(self, day: datetime.date) -> tuple[float, ...]:
        """Shares of a day: of its weekday and regime, its weekday, its regime, or of all days."""
        for name in day_classes(day):
            if name in self.shares:
                return self.shares[name]
        return self.shares[ALL_DAYS]

    def weights(self, day: datetime.date, open_ns: int, start_ns: int, end_ns: int, slices: int
                ) -> list[float]:
        """Expected shares of the day's volume in even slices of a time.

        Parameters
        ----------
        day : datetime.date
        open_ns : int
            When the first bucket begins.
        start_ns, end_ns : int
        slices : int

        Returns
        -------
        list of float
            Behind the last bucket 0; a time that lies there whole gets even weights: nothing is
            known of it.

        Raises
        ------
        ValueError
            If the time is empty, begins before the open, or ``slices`` is below 1.
        """
        n = whole("slices", slices)
        if end_ns - start_ns < n or start_ns < open_ns:
            raise ValueError("start_ns must be at or after the open and end_ns later, were "
                             f"{start_ns - open_ns} and {end_ns - open_ns} ns after the open")
        shares, width = self.of_day(day), self.bucket_minutes * NS_PER_MINUTE
        edges = [start_ns - open_ns + (end_ns - start_ns) * j // n for j in range(n + 1)]
        reached = [_cumulated(shares, edge / width) for edge in edges]
        weights = [reached[j + 1] - reached[j] for j in range(n)]
        return weights if any(weights) else [1.0] * n

    def as_config(self) -> list[tuple[str, list[float]]]:
        """What ``execution.volume_curve`` holds."""
        return [(name, list(values)) for name, values in sorted(self.shares.items())]


def learn_volume_curve(days: Mapping[datetime.date, ArrayLike], bucket_minutes: int, *,
                       min_days: int = 5, by_weekday: bool = True, by_us_dst: bool = False
                       ) -> VolumeCurve:
    """Median share per bucket over past days.

    Parameters
    ----------
    days : mapping of date to array_like of shape (n,)
        Volume in each bucket from the open; shorter days count as 0 behind their end.
    bucket_minutes : int
    min_days : int
        A class with fewer days gets no curve of its own.
    by_weekday, by_us_dst : bool
        Which classes to form: ``"mon"``, ``"us_dst"`` / ``"us_winter"``, or ``"mon_us_dst"``.

    Returns
    -------
    VolumeCurve

    Raises
    ------
    ValueError
        If no whole day is given, a volume is negative, or every median is 0.

    Notes
    -----
    Left out: days without volume, and half days, whose traded part (first to last bucket with
    volume) is shorter than 0.8 of the median day's. A half day that is traded itself is scheduled
    on the whole day's curve and rescaled to what is left of it.
    """
    whole("bucket_minutes", bucket_minutes)
    whole("min_days", min_days)
    read = {day: checked_weights(f"volumes of {day}", values) for day, values in days.items()}
    spans = {day: _span(values) for day, values in read.items() if any(values)}
    if not spans:
        raise ValueError(f"days must hold one day with volume or more, held {len(read)} without")
    usual = float(np.median(list(spans.values())))
    length = max(len(values) for values in read.values())
    classes: dict[str, list[NDArray[np.float64]]] = {ALL_DAYS: []}
    for day, span in sorted(spans.items()):
        if span < _HALF_DAY * usual:
            continue
        volumes = np.zeros(length)
        volumes[:len(read[day])] = read[day]
        share = volumes / volumes.sum()
        names = {ALL_DAYS}
        both, weekday, regime = day_classes(day)
        if by_weekday:
            names.add(weekday)
        if by_us_dst:
            names |= {regime} | ({both} if by_weekday else set())
        for name in names:
            classes.setdefault(name, []).append(share)
    found = {}
    for name, shares in classes.items():
        median = np.median(np.array(shares), axis=0)
        if name != ALL_DAYS and (len(shares) < min_days or not median.any()):
            continue
        if not median.any():
            raise ValueError("days must trade in the same buckets: every bucket's median is 0")
        found[name] = tuple((median / median.sum()).tolist())
    return VolumeCurve(bucket_minutes, found)


def bucket_volumes(batches: Iterable[EventArray], open_ns: int, close_ns: int,
                   bucket_minutes: int) -> NDArray[np.int64]:
    """Lots traded in each bucket of a day's records, in exchange time.

    Parameters
    ----------
    batches : iterable of arrays of EVENT_DTYPE
        A log in one piece (``[log.events]``) or streamed.
    open_ns, close_ns : int
        Continuous trading. Prints of auctions and outside these hours are left out.
    bucket_minutes : int

    Returns
    -------
    ndarray of int64, shape (n,)
        The last bucket may be a short one.

    Raises
    ------
    ValueError
        If the hours are empty.
    """
    width = whole("bucket_minutes", bucket_minutes) * NS_PER_MINUTE
    if close_ns <= open_ns:
        raise ValueError(f"close_ns must be after open_ns, was {close_ns - open_ns} ns after it")
    volumes = np.zeros(-(-(close_ns - open_ns) // width), np.int64)
    for events in batches:
        times = events["exch_ns"]
        traded = (((events["kind"] == Kind.TRADE) | (events["kind"] == Kind.ORDER_EXECUTE))
                  & (events["flags"] & int(Flag.AUCTION) == 0) & (events["qty_lots"] > 0)
                  & (times >= open_ns) & (times < close_ns))
        np.add.at(volumes, (times[traded] - open_ns) // width,
                  events["qty_lots"][traded].astype(np.int64))
    return volumes


def day_classes(day: datetime.date) -> tuple[str, str, str]:
    """Names of a day's classes, the narrowest first.

    Examples
    --------
    >>> day_classes(datetime.date(2026, 3, 9))
    ('mon_us_dst', 'mon', 'us_dst')
    >>> day_classes(datetime.date(2026, 11, 2))[2]
    'us_winter'
    """
    weekday = _WEEKDAYS[day.weekday()]
    # Second Sunday of March to the first Sunday of November (Energy Policy Act of 2005).
    begins = _sunday(day.year, 3, 8)
    ends = _sunday(day.year, 11, 1)
    regime = "us_dst" if begins <= day < ends else "us_winter"
    return f"{weekday}_{regime}", weekday, regime


def _sunday(year: int, month: int, from_day: int) -> datetime.date:
    first = datetime.date(year, month, from_day)
    return first + datetime.timedelta(days=(6 - first.weekday()) % 7)


def _span(values: list[float]) -> int:
    traded = [j for j, value in enumerate(values) if value > 0.0]
    return traded[-1] - traded[0] + 1


def _cumulated(shares: tuple[float, ...], position: float) -> float:
    total, buckets = 0.0, min(int(position), len(shares))
    for share in shares[:buckets]:
        total += share
    return total + (shares[buckets] * (position - buckets) if buckets < len(shares) else 0.0)
