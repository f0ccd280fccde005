"""Market data in: importers, quality reports, the archive they fill."""

from pathlib import Path

from dreammaker.data.archive import ImportedDay, import_file, read_file
from dreammaker.data.importers import IMPORTERS, ImportOptions, detect
from dreammaker.data.quality import QualityReport
from dreammaker.domain.instrument import Instrument
from dreammaker.store.eventlog import EventLog, EventStore

__all__ = ["IMPORTERS", "EventLog", "EventStore", "ImportOptions", "ImportedDay", "QualityReport",
           "detect", "import_file", "read_binance_raw", "read_dbn", "read_file", "read_lobster",
           "read_mt5_bars", "read_mt5_ticks", "read_polled_book"]


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


def read_dbn(path: str | Path, instrument: Instrument | None = None,
             options: ImportOptions | None = None) -> EventLog:
    """A Databento market-by-order file as a log; see ``data.importers.dbn``.

    Parameters and errors as `read_mt5_ticks`; the instrument is the one that the file holds, and
    has to be given where it holds several. ConfigError where ``databento-dbn`` is not installed.
    """
    return read_file(path, "dbn", instrument, options)


def read_binance_raw(path: str | Path, instrument: Instrument | None = None,
                     options: ImportOptions | None = None) -> EventLog:
    """A raw Binance USD-M feed as a log; see ``data.importers.binance``.

    Parameters and errors as `read_mt5_ticks`; the instrument's tick and lot must be the venue's.
    """
    return read_file(path, "binance_raw", instrument, options)


def read_polled_book(path: str | Path, instrument: Instrument | None = None,
                     options: ImportOptions | None = None) -> EventLog:
    """Polled depth of market as a log; see ``data.importers.polled_book``.

    Parameters and errors as `read_mt5_ticks`.
    """
    return read_file(path, "polled_book", instrument, options)
