"""Text tables read in bounded chunks, with the line of every error.

Chunks are whole lines, re-encoded to UTF-8, parsed by Arrow. Only when Arrow refuses a chunk are
its lines walked one by one, to say which one is wrong and why.
"""

import codecs
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from dreammaker.data.importers.base import (
    INT32_MAX,
    BoolArray,
    Float64Array,
    Int64Array,
    Progress,
    reject,
)
from dreammaker.domain.errors import InputError

if TYPE_CHECKING:
    import pyarrow

MAX_LINE_BYTES = 65_536
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_INTEGER = re.compile(r"[+-]?\d{1,18}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a text table.

    Parameters
    ----------
    name : str
        As the header writes it.
    kind : str
        ``"text"``, ``"number"`` (float64), ``"integer"`` (int64) or ``"decimal"`` (exact, nine
        digits after the point).
    optional : bool
        Whether a cell may be empty.
    """

    name: str
    kind: str
    optional: bool = False


@dataclass(frozen=True, slots=True)
class Chunk:
    """Whole lines of a file: UTF-8 bytes, and the number (from 1) of the first line."""

    data: bytes
    first_line: int

    def line_of_row(self, row: int) -> int:
        """Line number of the row-th line that is not empty."""
        for number, line in enumerate(self.data.splitlines(), self.first_line):
            if line:
                row -= 1
                if row < 0:
                    return number
        return self.first_line


def encoding_of(head: bytes) -> str | None:
    """The text encoding that a file's first bytes tell; None = not text.

    Examples
    --------
    >>> encoding_of("a,b".encode("utf-16-le")), encoding_of(b"a,b"), encoding_of(bytes(4))
    ('utf-16-le', 'utf-8', None)
    """
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    if head.startswith(codecs.BOM_UTF8):
        return "utf-8-sig"
    if b"\0" not in head:
        return "utf-8"
    even, odd = head[0::2], head[1::2]
    if b"\0" not in even and not odd.strip(b"\0"):
        return "utf-16-le"
    if b"\0" not in odd and not even.strip(b"\0"):
        return "utf-16-be"
    return None


def head_text(path: Path, size: int = 4096) -> str:
    """The first text of a file, '' if it is not text.

    Raises
    ------
    InputError
        If the file cannot be read.
    """
    try:
        with path.open("rb") as file:
            head = file.read(size)
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", file=path) from None
    encoding = encoding_of(head)
    return "" if encoding is None else head.decode(encoding, errors="replace")


def read_chunks(file: IO[bytes], name: Path, chunk_bytes: int, total_bytes: int,
                progress: Progress | None) -> Iterator[Chunk]:
    """The lines of a text file, a chunk at a time.

    Parameters
    ----------
    file : binary file
    name : Path
        For errors.
    chunk_bytes : int
        Bytes read at a time.
    total_bytes : int
        For the progress.
    progress : callable, optional

    Raises
    ------
    InputError
        If the file is empty, is not text in UTF-8 or UTF-16, or has a line beyond 64 kB.
    """
    read, line, rest = 0, 1, b""
    decoder: codecs.IncrementalDecoder | None = None
    raw_utf8 = False
    while True:
        # The first piece is long enough to tell the encoding.
        raw = file.read(chunk_bytes if read else max(chunk_bytes, 4096))
        if not raw and not read:
            raise InputError("the file is empty", file=name)
        if not read:
            encoding = encoding_of(raw[:4096])
            if encoding is None:
                raise InputError("is not a text file", file=name)
            raw_utf8 = encoding == "utf-8"
            decoder = codecs.getincrementaldecoder(encoding)()
        read += len(raw)
        rest += raw if raw_utf8 else _recode(decoder, raw, name, line)
        if raw:
            cut = rest.rfind(b"\n") + 1
            whole, rest = rest[:cut], rest[cut:]
        else:
            whole, rest = rest, b""
        if b"\0" in whole or len(rest) > MAX_LINE_BYTES:
            raise InputError("is not a text table (a zero byte, or a line beyond 64 kB)",
                             file=name, line=line)
        if whole:
            yield Chunk(whole, line)
            line += whole.count(b"\n")
        if progress is not None:
            progress(read, total_bytes)
        if not raw:
            return


def split_header(chunk: Chunk) -> tuple[str, Chunk]:
    """The first line of a file's first chunk, and the rest of the chunk."""
    head, newline, rest = chunk.data.partition(b"\n")
    header = head.decode("utf-8", errors="replace").rstrip("\r")
    return header, Chunk(rest, chunk.first_line + bool(newline))


def parse(chunk: Chunk, columns: Sequence[Column], delimiter: str, name: Path) -> "pyarrow.Table":
    """A chunk as an Arrow table.

    Raises
    ------
    InputError
        Naming the first line with a wrong number of columns or a cell of the wrong kind.
    """
    import pyarrow as pa
    from pyarrow import csv

    types = {"text": pa.string(), "number": pa.float64(), "integer": pa.int64(),
             "decimal": pa.decimal128(20, 9)}
    names = [column.name for column in columns]
    try:
        table = csv.read_csv(
            pa.py_buffer(chunk.data),
            read_options=csv.ReadOptions(use_threads=False, block_size=len(chunk.data) + 1,
                                         column_names=names),
            parse_options=csv.ParseOptions(delimiter=delimiter, quote_char=False),
            convert_options=csv.ConvertOptions(
                column_types={column.name: types[column.kind] for column in columns},
                null_values=[""], strings_can_be_null=True))
    except pa.ArrowInvalid as error:
        _explain(chunk, columns, delimiter, name)
        raise InputError(f"cannot be read as a table: {str(error).splitlines()[0]}", file=name,
                         line=chunk.first_line) from None
    if any(not column.optional and table.column(column.name).null_count for column in columns):
        _explain(chunk, columns, delimiter, name)
    return table


def require_finite(values: Float64Array, missing: BoolArray, chunk: Chunk, column: str,
                   name: Path) -> None:
    """Refuse NaN and infinity written in a number column.

    Parameters
    ----------
    values : ndarray of float64
    missing : ndarray of bool
        Where the cell was empty.

    Raises
    ------
    InputError
        Naming the line.
    """
    bad = ~np.isfinite(values) & ~missing
    if bad.any():
        raise InputError(f"{column} must be a finite number", file=name,
                         line=chunk.line_of_row(int(np.argmax(bad))))


def require_on_grid(values: Float64Array, tick_size: float, column: str, chunk: Chunk,
                    name: Path) -> None:
    """Refuse a price (NaN for none) that is too large for `to_grid`.

    Raises
    ------
    InputError
        Naming the line.
    """
    # NaN compares false.
    reject(np.rint(values / tick_size) > INT32_MAX,
           f"{column} is beyond {INT32_MAX} ticks of {tick_size:g}", chunk.line_of_row, name,
           values)


def numbers(table: "pyarrow.Table", column: str) -> tuple[Float64Array, BoolArray]:
    """A number column as float64 (NaN where empty) and where it is empty."""
    array = table.column(column).combine_chunks()
    missing = np.asarray(array.is_null().to_numpy(zero_copy_only=False), bool)
    return np.asarray(array.to_numpy(zero_copy_only=False), np.float64), missing


def integers(table: "pyarrow.Table", column: str) -> Int64Array:
    """An integer column as int64."""
    return np.asarray(table.column(column).to_numpy(), np.int64)


def _recode(decoder: Any, raw: bytes, name: Path, line: int) -> bytes:
    try:
        text: str = decoder.decode(raw, final=not raw)
    except UnicodeDecodeError as error:
        raise InputError(f"is not valid {error.encoding} text ({error.reason})", file=name,
                         line=line) from None
    return text.encode()


def _explain(chunk: Chunk, columns: Sequence[Column], delimiter: str, name: Path) -> None:
    for number, raw in enumerate(chunk.data.splitlines(), chunk.first_line):
        if not raw:
            continue
        try:
            cells = raw.decode("utf-8").split(delimiter)
        except UnicodeDecodeError:
            raise InputError("is not UTF-8 text", file=name, line=number) from None
        if len(cells) != len(columns):
            raise InputError(f"{len(columns)} columns expected "
                             f"({' '.join(column.name for column in columns)}), {len(cells)} found",
                             file=name, line=number)
        for column, cell in zip(columns, cells, strict=True):
            problem = _cell_problem(column, cell)
            if problem:
                raise InputError(f"{column.name} must be {problem}, was {cell[:40]!r}", file=name,
                                 line=number)


def _cell_problem(column: Column, cell: str) -> str | None:
    if not cell:
        return None if column.optional else "filled"
    if column.kind == "text":
        return None
    if column.kind == "integer":
        return None if _INTEGER.fullmatch(cell) else "a whole number"
    if not _NUMBER.fullmatch(cell):
        return "a number"
    if column.kind == "decimal" and len(cell.partition(".")[2]) > 9:
        return "a number with at most nine digits after the point"
    return None
