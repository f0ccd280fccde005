"""Files into logs in memory, and files into the archive."""

from contextlib import ExitStack
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np

from dreammaker.data.assemble import assemble
from dreammaker.data.importers import ImportOptions, Progress, open_stream
from dreammaker.data.quality import QualityReport
from dreammaker.domain.errors import InputError
from dreammaker.domain.instrument import Instrument
from dreammaker.store.eventlog import DayWriter, EventLog, EventStore
from dreammaker.store.files import check_symbol


@dataclass(frozen=True, slots=True)
class ImportedDay:
    """One day that an import put into the archive."""

    symbol: str
    day: date
    path: Path
    replaced: bool
    quality: QualityReport


def read_file(path: str | Path, format_name: str = "auto", instrument: Instrument | None = None,
              options: ImportOptions | None = None) -> EventLog:
    """A whole file as one log in memory; its days follow one another.

    Parameters
    ----------
    path : path
    format_name : str
        ``"auto"`` or a name of ``data.importers.IMPORTERS``.
    instrument : Instrument, optional
        By the file's name unless given.
    options : ImportOptions, optional

    Raises
    ------
    InputError
        If the file is missing or wrong; names file and line.
    """
    options = options or ImportOptions()
    stream = open_stream(path, format_name, instrument, options)
    parts, first, reports = [], None, []
    for part in assemble(stream, options):
        if len(part.events):
            first = first or part.day
            parts.append(part.events)
        if part.quality is not None:
            reports.append(part.quality)
    if not parts:
        raise InputError("holds no market data: every row was dropped", file=path)
    events = np.concatenate(parts)
    return EventLog.of(events, stream.instrument, stream.source,
                       QualityReport.combined(reports), first)


def import_file(path: str | Path, root: str | Path, format_name: str = "auto",
                instrument: Instrument | None = None, options: ImportOptions | None = None,
                day: date | None = None, progress: Progress | None = None) -> list[ImportedDay]:
    """Put a file's days into an archive: all of them, or after an error none.

    Memory is bounded: records go to temporary files, which are renamed when the whole file has
    been read. A day that is already there is replaced.

    Parameters
    ----------
    path : path
        File to read.
    root : path
        Archive folder; made if needed.
    format_name : str
        ``"auto"`` or a name of ``data.importers.IMPORTERS``.
    instrument : Instrument, optional
        By the file's name unless given.
    options : ImportOptions, optional
    day : date, optional
        Only this day of the file.
    progress : callable, optional
        Called with (bytes read, bytes in all).

    Returns
    -------
    list of ImportedDay
        In the file's order.

    Raises
    ------
    InputError
        If the file is missing or wrong, or holds no market data (of the day).
    ConfigError
        If the symbol cannot name a folder.
    StoreError
        If the archive cannot be written.
    """
    options = options or ImportOptions()
    stream = open_stream(path, format_name, instrument, options, progress)
    symbol = check_symbol(stream.instrument.symbol)
    store = EventStore(root)
    finished: list[tuple[DayWriter, QualityReport]] = []
    with ExitStack() as cleanup:
        writer: DayWriter | None = None
        for part in assemble(stream, options):
            if day is not None and part.day != day:
                continue
            if writer is None and not len(part.events):
                # Nothing of the day has been kept so far, maybe nothing will be.
                continue
            if writer is None:
                writer = store.start_day(stream.instrument, part.day)
                cleanup.callback(writer.abort)
            writer.append(part.events)
            if part.quality is not None:
                writer.finish(stream.source, part.quality)
                finished.append((writer, part.quality))
                writer = None
        if not finished:
            raise InputError("holds no market data" + (f" on {day}" if day else ""), file=path)
        return [ImportedDay(symbol, done.day, store.path(symbol, done.day), done.commit(), quality)
                for done, quality in finished]
