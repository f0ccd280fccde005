"""Dates and times of text tables to UTC ns, vectorised."""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
from numpy.typing import NDArray

from dreammaker.data.importers.base import Int64Array
from dreammaker.domain.errors import ConfigError

if TYPE_CHECKING:
    import pyarrow

DAY_NS = 86_400_000_000_000
_BLOCK_NS = 900_000_000_000
_EPOCH = date(1970, 1, 1)
_DATE = re.compile(r"(\d{4})[./-](\d{2})[./-](\d{2})", re.ASCII)
# What int64 nanoseconds can hold, with room for offsets.
_YEARS = range(1970, 2200)
BAD = np.iinfo(np.int64).min
"""Marks a cell that is not a date or time of day."""


def zone(name: str) -> ZoneInfo:
    """A time zone by name.

    Raises
    ------
    ConfigError
        If there is no such zone.
    """
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ConfigError(f"time zone {name!r} is unknown; use a name such as America/Sao_Paulo"
                          ) from None


def dates_ns(cells: "pyarrow.Array") -> Int64Array:
    """``YYYY.MM.DD`` cells (1970 to 2199) as ns since 1970 of their midnight; BAD for no date.

    Parameters
    ----------
    cells : Arrow string array of n cells
    """
    encoded = cells.dictionary_encode()
    values = np.array([_date_ns(text) for text in encoded.dictionary.to_pylist()] + [BAD],
                      np.int64)
    # An empty cell has no index; it takes the BAD at the end.
    indices = encoded.indices.fill_null(len(values) - 1).to_numpy(zero_copy_only=False)
    return np.asarray(values[indices])


def times_ns(cells: "pyarrow.Array") -> Int64Array:
    """``HH:MM``, ``HH:MM:SS`` or ``HH:MM:SS.f`` cells (up to nine digits) as ns since midnight.

    Complexity O(characters); BAD where a cell is no time of day.
    """
    cells = cells.fill_null("")
    count = len(cells)
    _, offsets_buffer, data_buffer = cells.buffers()
    offsets = np.frombuffer(offsets_buffer, np.int32)[cells.offset:cells.offset + count + 1]
    data = (np.frombuffer(data_buffer, np.uint8) if data_buffer is not None
            else np.empty(0, np.uint8))
    lengths = np.diff(offsets)
    result = np.full(count, BAD, np.int64)
    for length in np.unique(lengths):
        if length not in (5, 8) and not 10 <= length <= 18:
            continue
        rows = np.flatnonzero(lengths == length)
        if len(rows) == count:
            digits = data[offsets[0]:offsets[-1]].reshape(count, length)
        else:
            digits = data[offsets[rows][:, None] + np.arange(length)]
        result[rows] = _clock_ns(digits)
    return result


def to_utc(wall_ns: Int64Array, zone: ZoneInfo) -> Int64Array:
    """Wall-clock ns of a zone to UTC ns; an hour that occurs twice is taken as its first."""
    return wall_ns - _by_block(wall_ns, lambda moment: moment.replace(tzinfo=zone).utcoffset())


def to_wall(utc_ns: Int64Array, zone: ZoneInfo) -> Int64Array:
    """UTC ns to wall-clock ns of a zone."""
    return utc_ns + _by_block(
        utc_ns, lambda moment: moment.replace(tzinfo=UTC).astimezone(zone).utcoffset())


def day_of(wall_ns: int) -> date:
    """The date of a wall-clock time in ns since 1970."""
    return _EPOCH + timedelta(days=wall_ns // DAY_NS)


def midnight_utc_ns(day: date, zone: ZoneInfo) -> int:
    """UTC ns of the start of a date in a zone."""
    return int(datetime(day.year, day.month, day.day, tzinfo=zone).timestamp()) * 1_000_000_000


def _date_ns(text: str | None) -> int:
    match = _DATE.fullmatch(text or "")
    if match is None or int(match[1]) not in _YEARS:
        return int(BAD)
    try:
        return (date(int(match[1]), int(match[2]), int(match[3])) - _EPOCH).days * DAY_NS
    except ValueError:
        return int(BAD)


def _clock_ns(cells: NDArray[np.uint8]) -> Int64Array:
    # cells: (n, length) characters of equal length.
    digits = cells.astype(np.int64) - ord("0")
    length = cells.shape[1]
    is_digit = (digits >= 0) & (digits <= 9)
    places = [0, 1, 3, 4] + ([6, 7] if length >= 8 else []) + list(range(9, length))
    good = is_digit[:, places].all(axis=1) & (cells[:, 2] == ord(":"))
    hours, minutes = digits[:, 0] * 10 + digits[:, 1], digits[:, 3] * 10 + digits[:, 4]
    seconds = np.zeros_like(hours)
    if length >= 8:
        good &= cells[:, 5] == ord(":")
        seconds = digits[:, 6] * 10 + digits[:, 7]
    good &= (hours < 24) & (minutes < 60) & (seconds < 60)
    total = ((hours * 60 + minutes) * 60 + seconds) * 1_000_000_000
    if length > 9:
        good &= cells[:, 8] == ord(".")
        for place in range(9, length):
            total += digits[:, place] * 10 ** (17 - place)
    return np.where(good, total, BAD)


def _by_block(times_ns: Int64Array,
              offset: Callable[[datetime], timedelta | None]) -> Int64Array:
    # Offsets change on quarter hours only: one lookup a run of rows in the same quarter hour.
    if not len(times_ns):
        return np.empty(0, np.int64)
    blocks = times_ns // _BLOCK_NS
    starts = np.concatenate(([0], np.flatnonzero(np.diff(blocks)) + 1))
    known: dict[int, int] = {}
    values = []
    for block in blocks[starts].tolist():
        if block not in known:
            moment = datetime(1970, 1, 1) + timedelta(seconds=block * 900)
            known[block] = (offset(moment) or timedelta()) // timedelta(microseconds=1) * 1_000
        values.append(known[block])
    return np.repeat(np.array(values, np.int64), np.diff(np.append(starts, len(blocks))))
