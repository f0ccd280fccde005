"""Compressed files read as a stream: the progress counts bytes of the file, damage is one error."""

import gzip
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Protocol, cast

from dreammaker.data.importers.base import Progress
from dreammaker.domain.errors import InputError

GZIP_MAGIC = b"\x1f\x8b"
ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
# What gzip, Arrow's zstd and the disk raise for a damaged or truncated file.
DAMAGE = (OSError, EOFError, zlib.error)


class ByteSource(Protocol):
    """Something to read bytes from."""

    def read(self, size: int = -1, /) -> bytes:
        """Up to ``size`` bytes; none at the end."""
        ...


class PackedReader:
    """Bytes or lines of a plain, gzip or zstd file.

    Parameters
    ----------
    path : Path
    file : binary file
        As it lies on the disk.
    progress : callable, optional
        Called with (bytes of the file read, bytes in all).
    """

    def __init__(self, path: Path, file: IO[bytes], progress: Progress | None) -> None:
        self._path, self._file, self._progress = path, file, progress
        self._total = path.stat().st_size
        magic = file.read(4)
        file.seek(0)
        self.compressed = magic.startswith((GZIP_MAGIC, ZSTD_MAGIC))
        self._source = _unpacked(file, magic)
        self._rest = b""
        self._ended = False

    def read(self, size: int) -> bytes:
        """The next ``size`` bytes, fewer only at the end of the file.

        Raises
        ------
        InputError
            If the file is damaged or truncated.
        """
        pieces, missing = [], size
        while missing > 0:
            piece = self._piece(missing)
            if not piece:
                break
            pieces.append(piece)
            missing -= len(piece)
        return b"".join(pieces)

    def lines(self, size: int, longest: int) -> list[bytes] | None:
        """The whole lines of the next ``size`` bytes (at least one line), None at the end.

        Parameters
        ----------
        size : int
            Bytes to read at a time.
        longest : int
            Bytes a line may have.

        Raises
        ------
        InputError
            If the file is damaged or truncated, or a line is longer.
        """
        while not self._ended:
            piece = self._piece(size)
            self._ended = not piece
            self._rest += piece
            cut = len(self._rest) if self._ended else self._rest.rfind(b"\n") + 1
            if cut:
                whole, self._rest = self._rest[:cut], self._rest[cut:]
                return whole.split(b"\n")[:-1] if whole.endswith(b"\n") else whole.split(b"\n")
            if len(self._rest) > longest:
                raise InputError(f"has a line beyond {longest} bytes", file=self._path)
        return None

    def _piece(self, size: int) -> bytes:
        try:
            piece = self._source.read(size)
        except DAMAGE as error:
            raise InputError(f"is damaged or truncated ({error})", file=self._path) from None
        if self._progress is not None:
            self._progress(min(self._file.tell(), self._total), self._total)
        return piece


@contextmanager
def open_packed(path: Path, progress: Progress | None = None) -> Iterator[PackedReader]:
    """Open a plain, gzip or zstd file.

    Raises
    ------
    InputError
        If it cannot be opened.
    """
    try:
        file = path.open("rb")
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", file=path) from None
    with file:
        yield PackedReader(path, file, progress)


def packed_head(path: Path, size: int) -> bytes:
    """The first bytes of a file's content, b'' where it is damaged; for looking at a format."""
    with open_packed(path) as reader:
        try:
            return reader.read(size)
        except InputError:
            return b""


def _unpacked(file: IO[bytes], magic: bytes) -> ByteSource:
    if magic.startswith(GZIP_MAGIC):
        return cast(ByteSource, gzip.GzipFile(fileobj=file))
    if magic.startswith(ZSTD_MAGIC):
        import pyarrow as pa

        opened: Callable[..., Any] = pa.CompressedInputStream
        return cast(ByteSource, opened(pa.PythonFile(file, mode="r"), "zstd"))
    return file
