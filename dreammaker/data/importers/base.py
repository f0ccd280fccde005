"""What every importer shares: its options, the batches it yields, names and grids."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from dreammaker.domain.calendar import SessionCalendar, load_calendar
from dreammaker.domain.errors import ConfigError, InputError
from dreammaker.domain.instrument import Instrument
from dreammaker.domain.schema import EventArray, Flag
from dreammaker.domain.source import SourceProfile

Int64Array = NDArray[np.int64]
Float64Array = NDArray[np.float64]
BoolArray = NDArray[np.bool_]
Progress = Callable[[int, int], None]
"""Called with (bytes read, bytes in all)."""

INT32_MAX = 2**31 - 1
MAX_CLOCK_ERROR_S = 3_600
_CONTINUOUS_BAR_NAME = re.compile(r"(\w+[$@][A-Z]?)(?:M\d+|H\d+|D1|W1|MN1)")


@dataclass(frozen=True, slots=True)
class ImportOptions:
    """How a file is read.

    Parameters
    ----------
    server_zone : str
        Time zone of the trade server's wall clock (MetaTrader files).
    feed_latency_ms : int
        Added to the exchange time where the source has no local receive time.
    chunk_bytes : int
        Bytes read at a time; memory is a small multiple of it.
    calendar : SessionCalendar
        Sessions and hours.
    """

    server_zone: str = "America/Sao_Paulo"
    feed_latency_ms: int = 60
    chunk_bytes: int = 4 * 2**20
    calendar: SessionCalendar = field(default_factory=load_calendar)

    def __post_init__(self) -> None:
        if not 0 <= self.feed_latency_ms <= 60_000:
            raise ConfigError(
                f"feed_latency_ms must be in 0..60000, was {self.feed_latency_ms}")
        if self.chunk_bytes < 1:
            raise ConfigError(f"chunk_bytes must be 1 or more, was {self.chunk_bytes}")


@dataclass(slots=True)
class Batch:
    """Whole packets of one exchange date, and the rows they came from.

    ``events["local_ns"]`` holds the exchange time at which the packet was complete, which
    `assemble` turns into a receive time; or, where the source has local times, the receive time
    itself.
    """

    day: date
    events: EventArray
    rows_read: int = 0
    rows_kept: int = 0
    dropped: dict[str, int] = field(default_factory=dict)
    counters: dict[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


class ImportStream(Protocol):
    """An opened file. Iterating reads it once, in bounded memory, day after day."""

    instrument: Instrument
    source: SourceProfile

    def __iter__(self) -> Iterator[Batch]:
        """Batches in file order; days never come back."""
        ...


class Importer(Protocol):
    """One file format.

    ``uses_server_clock`` says whether its times are a trade server's wall clock, whose dates are
    then the days of instruments that have no calendar.
    """

    name: str
    uses_server_clock: bool

    def matches(self, path: Path, head: str) -> bool:
        """Whether a file looks like this format; ``head`` is its first text, '' for binary."""
        ...

    def symbol(self, path: Path) -> str:
        """The symbol that the file's name tells."""
        ...

    def open(self, path: Path, instrument: Instrument, options: ImportOptions,
             progress: Progress | None) -> ImportStream:
        """Start reading; header errors are raised here or at the first batch."""
        ...


def symbol_of_name(path: Path) -> str:
    """The symbol at the front of a MetaTrader export's file name.

    Examples
    --------
    >>> symbol_of_name(Path("WDOK20_M1.csv")), symbol_of_name(Path("WIN$NM30.csv"))
    ('WDOK20', 'WIN$N')
    """
    first = path.stem.split("_")[0].split(" ")[0]
    match = _CONTINUOUS_BAR_NAME.fullmatch(first)
    return match[1] if match else first


@dataclass(frozen=True, slots=True)
class GridPrices:
    """Prices as whole ticks: all of shape (n,).

    Parameters
    ----------
    ticks : ndarray of int64
        Nearest whole tick, ties to even.
    residual : ndarray of int64
        Price minus ticks, millionths of a tick.
    flags : ndarray of uint32
        ``Flag.OFF_GRID`` where the residual is not 0.
    """

    ticks: Int64Array
    residual: Int64Array
    flags: NDArray[np.uint32]


def to_grid(prices: Float64Array, tick_size: float) -> GridPrices:
    """Put prices in points on the grid.

    Raises
    ------
    OverflowError
        If a price is beyond 2**31 ticks.

    Examples
    --------
    >>> to_grid(np.array([5273.5, 5273.6]), 0.5).residual.tolist()
    [0, 200000]
    """
    exact = prices / tick_size
    nearest = np.rint(exact)
    if exact.size and np.abs(nearest).max() > INT32_MAX:
        raise OverflowError(f"a price is beyond {INT32_MAX} ticks of {tick_size}")
    residual = np.rint((exact - nearest) * 1e6).astype(np.int64)
    return GridPrices(nearest.astype(np.int64), residual, off_grid_flags(residual))


def off_grid_flags(residual: Int64Array) -> NDArray[np.uint32]:
    """OFF_GRID where a residual is not 0."""
    return np.where(residual != 0, np.uint32(Flag.OFF_GRID), np.uint32(0)).astype(np.uint32)


def mark_last(events: EventArray, ends: Int64Array) -> None:
    """Set LAST on the records at ``ends`` (indices of each packet's last record)."""
    events["flags"][ends] |= np.uint32(Flag.LAST)


def half_of(progress: Progress | None, which: int) -> Progress | None:
    """The progress of the first (0) or second (1) of two readings of a file."""
    if progress is None:
        return None
    return lambda done, total: progress((which * total + done) // 2, total)


def require_near(behind_ns: int, path: Path, line: int | None = None) -> None:
    """Refuse a local clock that is too far behind the exchange's to be a clock's error.

    Raises
    ------
    InputError
        Beyond `MAX_CLOCK_ERROR_S`.
    """
    if behind_ns > MAX_CLOCK_ERROR_S * 1_000_000_000:
        raise InputError(f"was received {behind_ns / 1e9:g} s before it happened; a local clock "
                         f"may be behind the exchange's by {MAX_CLOCK_ERROR_S} s at most",
                         file=path, line=line)


def reject(bad: BoolArray, problem: str, line: Callable[[int], int], path: Path,
           values: NDArray[np.number[Any]] | None = None) -> None:
    """Raise for the first row that is bad, naming its line and its value.

    Raises
    ------
    InputError
        If any element of ``bad`` is true.
    """
    if bad.any():
        row = int(np.argmax(bad))
        was = "" if values is None else f", was {values[row]:g}"
        raise InputError(problem + was, file=path, line=line(row))
