"""Market data in: importers, quality reports, the archive they fill."""

from pathlib import Path

from dreammaker.data.archive import ImportedDay, import_file, read_file
from dreammaker.data.importers import IMPORTERS, ImportOptions, detect
from dreammaker.data.quality import QualityReport
from dreammaker.domain.instrument import Instrument
from dreammaker.store.eventlog import EventLog, EventStore

__all__ = ["IMPORTERS", "EventLog", "EventStore", "ImportOptions", "ImportedDay", "QualityReport",
           "detect", "import_file", "read_file", "read_lobster", "read_mt5_bars", "read_mt5_ticks"]


def read_mt5_ticks(path: str | Path, instrument: Instrument | None = None,
                   options: ImportOptions | None = None) -> EventLog:
    """A MetaTrader 5 tick export as a log; see ``data.importers.mt5_ticks``.

    Parameters
    ----------
    path : path
    instrument : Instrument, optional
        By the file's name unless given.
    options : ImportOptions, optional
        Server time zone, feed latency.

    Raises
    ------
    InputError
        If the file is missing or wrong; names file and line.
    """
    return read_file(path, "mt5_ticks", instrument, options)


def read_mt5_bars(path: str | Path, instrument: Instrument | None = None,
                  options: ImportOptions | None = None) -> EventLog:
    """MetaTrader bars as a log of BAR records; see ``data.importers.mt5_bars``.

    Parameters and errors as `read_mt5_ticks`.
    """
    return read_file(path, "mt5_bars", instrument, options)


def read_lobster(path: str | Path, instrument: Instrument | None = None,
                 options: ImportOptions | None = None) -> EventLog:
    """A LOBSTER sample (the zip, or one of its two files) as a log; see ``data.importers.lobster``.

    Parameters and errors as `read_mt5_ticks`.
    """
    return read_file(path, "lobster", instrument, options)
