"""The archive of market events: one Parquet file a symbol and day, opened as memory maps."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from dreammaker.domain.errors import ConfigError, StoreError
from dreammaker.domain.instrument import Instrument
from dreammaker.domain.schema import EVENT_DTYPE, EventArray
from dreammaker.domain.source import SourceProfile
from dreammaker.store.files import check_symbol, discard
from dreammaker.store.parquet import (
    DayFileWriter,
    DayHeader,
    hash_records,
    open_cached,
    read_header,
)
from dreammaker.store.quality import QualityReport


@dataclass(frozen=True, eq=False, slots=True)
class EventLog:
    """A market's events in order of arrival, with what must be known to read them.

    Parameters
    ----------
    events : ndarray of EVENT_DTYPE
        Sorted by local receive time; read-only memory map where it comes from an archive.
    instrument : Instrument
        Turns ticks into prices.
    source : SourceProfile
        What the source can and cannot say.
    quality : QualityReport
        Counts of the import or recording.
    content_hash : str
        SHA-256 over the packed records, hex.
    day : date
        Exchange date of the session; of the first one where the log spans several.

    Examples
    --------
    >>> import numpy as np
    >>> log = EventLog.of(np.zeros(2, EVENT_DTYPE), Instrument.win(), SourceProfile("x", 0, False))
    >>> len(log), log.day.isoformat(), log.content_hash[:8]
    (2, '1969-12-31', '38723a2e')
    """

    events: EventArray
    instrument: Instrument
    source: SourceProfile
    quality: QualityReport
    content_hash: str
    day: date

    def __len__(self) -> int:
        """Number of records."""
        return len(self.events)

    @classmethod
    def of(cls, events: EventArray, instrument: Instrument, source: SourceProfile,
           quality: QualityReport | None = None, day: date | None = None) -> "EventLog":
        """A log of records in memory; hash and day are computed from them.

        Raises
        ------
        TypeError
            If the records are not of EVENT_DTYPE.
        """
        if events.dtype != EVENT_DTYPE:
            raise TypeError(f"events must have EVENT_DTYPE, had {events.dtype}")
        if day is None:
            day = exchange_date(int(events["exch_ns"][0]), instrument) if len(events) else date.min
        return cls(events, instrument, source, quality or QualityReport(records=len(events)),
                   hash_records(events), day)

    @classmethod
    def open(cls, root: str | Path, symbol: str, day: date | str) -> "EventLog":
        """A day of an archive; see `EventStore.open`."""
        return EventStore(root).open(symbol, day)


def exchange_date(exch_ns: int, instrument: Instrument) -> date:
    """The date at an instant in the instrument's exchange time zone."""
    moment = datetime.fromtimestamp(exch_ns // 1_000_000_000, UTC)
    return moment.astimezone(ZoneInfo(instrument.exchange_zone)).date()


class DayWriter:
    """A day being written; nothing of it is visible before `commit`."""

    def __init__(self, store: "EventStore", file: DayFileWriter) -> None:
        self._store, self._file = store, file
        self._header: DayHeader | None = None
        self._done = False

    @property
    def day(self) -> date:
        """The day that is written."""
        return self._file.day

    def append(self, events: EventArray) -> None:
        """Add records (EVENT_DTYPE) after those already appended; they may be views."""
        self._file.append(events)

    def finish(self, source: SourceProfile, quality: QualityReport) -> None:
        """Complete the file under its temporary name, so that `commit` is only a rename."""
        if self._header is None:
            self._header = self._file.finish(source, quality)

    def commit(self, source: SourceProfile | None = None,
               quality: QualityReport | None = None) -> bool:
        """Publish the day durably and in one step.

        Parameters
        ----------
        source, quality
            Needed unless `finish` was called.

        Returns
        -------
        bool
            True if an earlier version of the day was replaced.
        """
        if source is not None:
            self.finish(source, quality or QualityReport())
        if self._header is None:
            raise ValueError("commit needs source and quality unless finish() was called")
        former = self._store.hash_of(self._file.instrument.symbol, self._file.day)
        replaced = self._file.publish()
        self._done = True
        if former not in (None, self._header.content_hash):
            discard(self._store.cache_path(str(former)))
        return replaced

    def abort(self) -> None:
        """Leave nothing behind; does nothing after `commit`."""
        if not self._done:
            self._done = True
            self._file.abort()


class EventStore:
    """An archive folder: ``ROOT/SYMBOL/YYYY-MM-DD.parquet`` and ``ROOT/.cache/HASH.npy``.

    Parameters
    ----------
    root : path
        Made by the first write.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> log = EventLog.of(np.zeros(2, EVENT_DTYPE), Instrument.win(), SourceProfile("x", 0, False),
    ...                   day=date(2026, 11, 20))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     store = EventStore(folder)
    ...     replaced = store.save(log)
    ...     print(replaced, store.symbols(), store.days("WIN"))
    False ['WIN'] [datetime.date(2026, 11, 20)]
    """

    def __init__(self, root: str | Path) -> None:
        self.root = Path(root)

    def symbols(self) -> list[str]:
        """Symbols with at least one day, sorted."""
        if not self.root.is_dir():
            return []
        return sorted(entry.name for entry in self.root.iterdir()
                      if entry.is_dir() and not entry.name.startswith(".")
                      and self.days(entry.name))

    def days(self, symbol: str) -> list[date]:
        """Days of a symbol, ascending; temporary and foreign files do not count."""
        folder = self.root / check_symbol(symbol)
        if not folder.is_dir():
            return []
        found = []
        for entry in folder.glob("????-??-??.parquet"):
            try:
                found.append(date.fromisoformat(entry.stem))
            except ValueError:
                # Some other file of that shape: not a day of ours.
                continue
        return sorted(found)

    def path(self, symbol: str, day: date) -> Path:
        """Where a day's file is or would be."""
        return self.root / check_symbol(symbol) / f"{day.isoformat()}.parquet"

    def cache_path(self, content_hash: str) -> Path:
        """Where the memory-mapped cache of some content is or would be."""
        return self.root / ".cache" / f"{content_hash}.npy"

    def header(self, symbol: str, day: date | str) -> DayHeader:
        """A day's metadata, without reading its records.

        Raises
        ------
        StoreError
            If the day is missing, damaged or of an unknown schema version.
        """
        day = _as_date(day)
        path = self.path(symbol, day)
        if not path.is_file():
            raise StoreError(f"the archive {self.root} has no {symbol} on {day}")
        return read_header(path)

    def hash_of(self, symbol: str, day: date) -> str | None:
        """A day's content hash, None where there is no readable day."""
        try:
            return self.header(symbol, day).content_hash
        except StoreError:
            return None

    def open(self, symbol: str, day: date | str) -> EventLog:
        """A day as a memory-mapped log; builds the cache on first use.

        Raises
        ------
        StoreError
            If the day is missing, damaged or of an unknown schema version.
        """
        header = self.header(symbol, day)
        events = open_cached(self.path(symbol, header.day), header,
                             self.cache_path(header.content_hash))
        return EventLog(events, header.instrument, header.source, header.quality,
                        header.content_hash, header.day)

    def start_day(self, instrument: Instrument, day: date) -> DayWriter:
        """A writer for one day; the caller commits or aborts it."""
        return DayWriter(self, DayFileWriter(self.path(instrument.symbol, day), day, instrument))

    @contextmanager
    def write_day(self, instrument: Instrument, day: date) -> Iterator[DayWriter]:
        """A writer for one day that is aborted unless the block commits it."""
        writer = self.start_day(instrument, day)
        try:
            yield writer
        finally:
            writer.abort()

    def save(self, log: EventLog) -> bool:
        """Write a whole log as its day. True if it replaced an earlier version."""
        with self.write_day(log.instrument, log.day) as writer:
            writer.append(log.events)
            return writer.commit(log.source, log.quality)


def _as_date(day: date | str) -> date:
    if isinstance(day, date):
        return day
    try:
        return date.fromisoformat(day)
    except ValueError:
        raise ConfigError(f"day must be YYYY-MM-DD, was {day!r}") from None


__all__ = ["DayWriter", "EventLog", "EventStore", "exchange_date"]
