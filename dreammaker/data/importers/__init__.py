"""Importers of market data files, one small module each, behind one registry."""

from pathlib import Path

from dreammaker.data.importers.base import Importer, ImportOptions, ImportStream, Progress
from dreammaker.data.importers.mt5_bars import Mt5BarImporter
from dreammaker.data.importers.mt5_ticks import Mt5TickImporter
from dreammaker.data.importers.text import head_text
from dreammaker.domain.errors import ConfigError, InputError
from dreammaker.domain.instrument import Instrument

_ALL: tuple[Importer, ...] = (Mt5TickImporter(), Mt5BarImporter())
IMPORTERS: dict[str, Importer] = {importer.name: importer for importer in _ALL}
"""Format name to importer."""

__all__ = ["IMPORTERS", "ImportOptions", "ImportStream", "Importer", "Progress", "detect",
           "importer_named", "open_stream"]


def detect(path: Path) -> Importer:
    """The importer whose format a file's content shows.

    Raises
    ------
    InputError
        If the file is missing, empty, or of no known format.
    """
    if not path.is_file():
        raise InputError("there is no such file", file=path)
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
    if not path.is_file():
        raise InputError("there is no such file", file=path)
    if instrument is None:
        instrument = Instrument.named(importer.symbol(path))
    return importer.open(path, instrument, options or ImportOptions(), progress)
