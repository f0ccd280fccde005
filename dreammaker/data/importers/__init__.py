"""Importers of market data files, one small module each, behind one registry."""

from dataclasses import replace
from pathlib import Path

from dreammaker.data.importers.base import Importer, ImportOptions, ImportStream, Progress
from dreammaker.data.importers.binance import BinanceImporter
from dreammaker.data.importers.dbn import DbnImporter
from dreammaker.data.importers.lobster import LobsterImporter
from dreammaker.data.importers.mt5_bars import Mt5BarImporter
from dreammaker.data.importers.mt5_ticks import Mt5TickImporter
from dreammaker.data.importers.polled_book import PolledBookImporter
from dreammaker.data.importers.text import head_text
from dreammaker.domain.errors import ConfigError, InputError
from dreammaker.domain.instrument import Instrument
from dreammaker.store.files import check_symbol

_ALL: tuple[Importer, ...] = (
    Mt5TickImporter(), Mt5BarImporter(), LobsterImporter(), DbnImporter(), BinanceImporter(),
    PolledBookImporter())
IMPORTERS: dict[str, Importer] = {importer.name: importer for importer in _ALL}
"""Format name to importer."""

__all__ = ["IMPORTERS", "ImportOptions", "ImportStream", "Importer", "Progress", "detect",
           "importer_named", "instrument_for", "open_stream", "require_file"]


def detect(path: Path) -> Importer:
    """The importer whose format a file's content shows.

    Raises
    ------
    InputError
        If the file is missing, empty, or of no known format.
    """
    require_file(path)
    if not path.stat().st_size:
        raise InputError("the file is empty", file=path)
    head = head_text(path)
    for importer in _ALL:
        if importer.matches(path, head):
            return importer
    raise InputError(f"is none of the known formats ({', '.join(IMPORTERS)})", file=path)


def importer_named(name: str) -> Importer:
    """The importer of a format name.

    Raises
    ------
    ConfigError
        For an unknown name.
    """
    if name not in IMPORTERS:
        raise ConfigError(f"format must be auto or one of {', '.join(IMPORTERS)}, was {name!r}")
    return IMPORTERS[name]


def require_file(path: Path) -> None:
    """Refuse a path that is no file.

    Raises
    ------
    InputError
    """
    if not path.is_file():
        raise InputError("is a folder, not a file" if path.is_dir() else "there is no such file",
                         file=path)


def instrument_for(importer: Importer, path: Path, symbol: str | None = None,
                   tick_size: float | None = None, lot_size: float | None = None,
                   server_zone: str | None = None) -> Instrument:
    """The instrument of a file, with its price step and lot overridden where given.

    Parameters
    ----------
    importer : Importer
    path : Path
    symbol : str, optional
        By the file's name unless given.
    tick_size : float, optional
        Points; the worth of a tick changes in proportion.
    lot_size : float, optional
        Contracts or units in a lot; likewise.
    server_zone : str, optional
        Time zone of the trade server; its dates are the days of an instrument without a calendar,
        where the format goes by that clock.

    Raises
    ------
    InputError
        If the file is missing.
    ConfigError
        If the symbol cannot name a folder, or a size is not above 0.
    """
    require_file(path)
    known = Instrument.named(check_symbol(symbol if symbol is not None else importer.symbol(path)))
    steps = known.tick_size if tick_size is None else tick_size
    lots = known.lot_size if lot_size is None else lot_size
    for name, value in (("tick size", steps), ("lot size", lots)):
        if not 0 < value < float("inf"):
            raise ConfigError(f"the {name} must be above 0, was {value!r}")
    worth = known.tick_value_micros * (steps / known.tick_size) * (lots / known.lot_size)
    known = replace(known, tick_size=steps, lot_size=lots, tick_value_micros=max(1, round(worth)))
    if importer.uses_server_clock and server_zone is not None and known.calendar == "always":
        return replace(known, exchange_zone=server_zone)
    return known


def open_stream(path: str | Path, format_name: str = "auto", instrument: Instrument | None = None,
                options: ImportOptions | None = None,
                progress: Progress | None = None) -> ImportStream:
    """Open a file for import.

    Parameters
    ----------
    path : path
    format_name : str
        A registry name, or ``"auto"`` to look at the content.
    instrument : Instrument, optional
        `Instrument.named` of the symbol in the file name unless given.
    options : ImportOptions, optional
    progress : callable, optional
        Called with (bytes read, bytes in all).

    Raises
    ------
    InputError, ConfigError
    """
    path = Path(path)
    importer = detect(path) if format_name == "auto" else importer_named(format_name)
    options = options or ImportOptions()
    if instrument is None:
        instrument = instrument_for(importer, path, server_zone=options.server_zone)
    require_file(path)
    return importer.open(path, instrument, options, progress)
