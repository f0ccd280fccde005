"""The two files of a LOBSTER sample: found, opened (zipped or not), read in step."""

import re
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import date
from io import FileIO
from itertools import chain
from pathlib import Path
from typing import IO, TYPE_CHECKING

from dreammaker.data.importers.base import Progress
from dreammaker.data.importers.text import Chunk, Column, parse, read_chunks
from dreammaker.domain.errors import InputError

if TYPE_CHECKING:
    import pyarrow

_NAME = re.compile(
    r"(?P<symbol>[^_/]+)_(?P<day>\d{4}-\d{2}-\d{2})_(?P<start>\d+)_(?P<end>\d+)_"
    r"(?P<what>message|orderbook)_(?P<levels>\d+)\.csv")


@dataclass(frozen=True, slots=True)
class LobsterPair:
    """Where the message file and the order-book file are, and what their name tells.

    Parameters
    ----------
    archive : Path or None
        The zip that holds both.
    message, orderbook : str
        Member names of the zip, else paths.
    symbol : str
    day : date
        New York date.
    start_ms : int
        Beginning of the data, ms after midnight.
    """

    archive: Path | None
    message: str
    orderbook: str
    symbol: str
    day: date
    start_ms: int


def find_pair(path: Path) -> LobsterPair:
    """The pair that a zip, a message file or an order-book file belongs to.

    Raises
    ------
    InputError
        If it is no readable zip, or one of the two files is missing.
    """
    if is_zip(path):
        try:
            with zipfile.ZipFile(path) as archive:
                names = archive.namelist()
        except (zipfile.BadZipFile, OSError) as error:
            raise InputError(f"is not a complete zip ({error})", file=path) from None
        return _pair(path, path, names)
    match = _NAME.fullmatch(path.name)
    if match is None:
        raise InputError("the name must be SYMBOL_YYYY-MM-DD_START_END_message_LEVELS.csv (or "
                         "orderbook), which tells the date", file=path)
    folder = [str(entry) for entry in path.parent.iterdir()
              if entry.name in (path.name, path.name.replace("_message_", "_orderbook_"),
                                path.name.replace("_orderbook_", "_message_"))]
    return _pair(path, None, folder)


def is_zip(path: Path) -> bool:
    """Whether a file begins like a zip."""
    with path.open("rb") as file:
        return file.read(4) in (b"PK\x03\x04", b"PK\x05\x06")


def file_parts(name: str) -> re.Match[str] | None:
    """What a LOBSTER file's name tells, None for another name."""
    return _NAME.fullmatch(Path(name).name)


def _pair(path: Path, archive: Path | None, names: Sequence[str]) -> LobsterPair:
    found: dict[str, list[str]] = {"message": [], "orderbook": []}
    for name in names:
        match = file_parts(name)
        if match is not None:
            found[match["what"]].append(name)
    for what, members in found.items():
        if len(members) != 1:
            raise InputError(
                f"one {what} file SYMBOL_YYYY-MM-DD_START_END_{what}_LEVELS.csv expected, "
                f"{len(members)} found", file=path)
    match = file_parts(found["message"][0])
    assert match is not None
    if Path(found["orderbook"][0]).name != match.string.replace("_message_", "_orderbook_"):
        raise InputError("the message file and the order-book file are of different days or "
                         "symbols", file=path)
    try:
        day = date.fromisoformat(match["day"])
    except ValueError:
        raise InputError(f"{match['day']} in the name is no date", file=path) from None
    return LobsterPair(archive, found["message"][0], found["orderbook"][0], match["symbol"], day,
                       int(match["start"]))


class TableReader:
    """Rows of one CSV file in pieces of a wanted length; a context manager.

    Parameters
    ----------
    archive : Path or None
        The zip, None if ``name`` is a path.
    name : str
        Member or path.
    chunk_bytes : int
    progress : callable, optional
    """

    def __init__(self, archive: Path | None, name: str, chunk_bytes: int,
                 progress: Progress | None) -> None:
        self.name = Path(name) if archive is None else archive / name
        self._opened = ExitStack()
        try:
            if archive is None:
                self._file: IO[bytes] = self._opened.enter_context(FileIO(name))
                self._total = Path(name).stat().st_size
            else:
                members = self._opened.enter_context(zipfile.ZipFile(archive))
                self._file = self._opened.enter_context(members.open(name))
                self._total = members.getinfo(name).file_size
        except (OSError, zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:
            # zipfile answers an encrypted member with RuntimeError.
            self._opened.close()
            raise InputError(f"cannot be opened ({error})", file=self.name) from None
        self._chunk_bytes, self._progress = chunk_bytes, progress
        self._chunks = self._read()
        self._held: pyarrow.Table | None = None
        self._columns: list[Column] = []

    def __enter__(self) -> "TableReader":
        """The reader itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the file and the zip."""
        self._opened.close()

    def set_columns(self, columns: list[Column]) -> None:
        """What the file's columns are; needed before `take`."""
        self._columns = columns

    def first_line(self) -> str:
        """The first line, without consuming it.

        Raises
        ------
        InputError
            If the file is empty or not text.
        """
        chunk = next(self._chunks)
        self._chunks = chain([chunk], self._chunks)
        return chunk.data.partition(b"\n")[0].decode("utf-8", errors="replace").rstrip("\r")

    def take(self, count: int) -> "pyarrow.Table":
        """The next ``count`` rows, fewer (or none) only at the end of the file."""
        import pyarrow as pa

        tables = [] if self._held is None else [self._held]
        held = sum(table.num_rows for table in tables)
        while held < count:
            chunk = next(self._chunks, None)
            if chunk is None:
                break
            if chunk.data.strip():
                tables.append(parse(chunk, self._columns, ",", self.name))
                held += tables[-1].num_rows
        if not tables:
            return pa.table({column.name: pa.array([], pa.int64()) for column in self._columns})
        whole = pa.concat_tables(tables)
        self._held = whole.slice(count) if whole.num_rows > count else None
        return whole.slice(0, count)

    def _read(self) -> Iterator[Chunk]:
        try:
            yield from read_chunks(self._file, self.name, self._chunk_bytes, self._total,
                                   self._progress)
        except (zlib.error, zipfile.BadZipFile, EOFError, OSError) as error:
            raise InputError(f"is damaged ({error})", file=self.name) from None
