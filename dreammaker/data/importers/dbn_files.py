"""Databento DBN files: the header's symbols, and the market-by-order records in pieces.

The header is decoded by ``databento-dbn``, which is an optional dependency. The 56-byte records
of the schema ``mbo`` are the same in every DBN version and are viewed as one packed array.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dreammaker.data.importers.base import Progress
from dreammaker.data.importers.packed import PackedReader, open_packed
from dreammaker.domain.errors import ConfigError, InputError

DBN_MAGIC = b"DBN"
MBO_DTYPE = np.dtype([
    ("length", "u1"), ("rtype", "u1"), ("publisher_id", "<u2"), ("instrument_id", "<u4"),
    ("ts_event", "<u8"), ("order_id", "<u8"), ("price", "<i8"), ("size", "<u4"), ("flags", "u1"),
    ("channel_id", "u1"), ("action", "S1"), ("side", "S1"), ("ts_recv", "<u8"),
    ("ts_in_delta", "<i4"), ("sequence", "<u4")])
_MBO_RTYPE = 160
_MAX_HEADER_BYTES = 2**26
_WORD_BYTES = 4


@dataclass(frozen=True, slots=True)
class DbnHeader:
    """What a DBN file says of itself.

    Parameters
    ----------
    instruments : dict of str to list of (date, date, int)
        Symbol to (first date, date after the last, instrument id).
    has_send_time : bool
        Whether eight bytes of send time follow every record.
    """

    instruments: dict[str, list[tuple[date, date, int]]]
    has_send_time: bool

    def ids_of(self, symbol: str) -> list[int]:
        """The instrument ids that a symbol has had; none for a symbol that is not named."""
        return sorted({number for _, _, number in self.instruments.get(symbol, ())})


class DbnReader:
    """An opened DBN file.

    Parameters
    ----------
    path : Path
    file : PackedReader
        At the beginning of the content.

    Raises
    ------
    InputError
        If it is no DBN file of market-by-order records.
    ConfigError
        If ``databento-dbn`` is not installed.
    """

    def __init__(self, path: Path, file: PackedReader) -> None:
        self._path, self._file = path, file
        start = file.read(8)
        if not start.startswith(DBN_MAGIC) or len(start) < 8:
            raise InputError("is not a DBN file (it must begin with DBN and a version)", file=path)
        size = int.from_bytes(start[4:8], "little")
        if size > _MAX_HEADER_BYTES:
            raise InputError(f"has a header of {size} bytes, which is no DBN header", file=path)
        body = file.read(size)
        if len(body) < size:
            raise InputError("is truncated within its header", file=path)
        self.header = _decode(path, start + body)
        self.dtype = MBO_DTYPE
        if self.header.has_send_time:
            self.dtype = np.dtype([*MBO_DTYPE.descr, ("ts_out", "<u8")])
        self._record_count = 0

    def records(self, chunk_bytes: int) -> Iterator[NDArray[np.void]]:
        """All market-by-order records, in pieces of about ``chunk_bytes``.

        Raises
        ------
        InputError
            If the file is damaged, truncated, or holds another record.
        """
        size = self.dtype.itemsize
        while True:
            data = self._file.read(max(1, chunk_bytes // size) * size)
            if not data:
                return
            whole = len(data) // size * size
            piece = np.frombuffer(data[:whole], self.dtype)
            strange = ((piece["rtype"] != _MBO_RTYPE)
                       | (piece["length"].astype(np.int64) * _WORD_BYTES != size))
            if strange.any():
                row = int(np.argmax(strange))
                raise InputError(
                    f"record {self._record_count + row + 1} is of type {piece['rtype'][row]} and "
                    f"{_WORD_BYTES * int(piece['length'][row])} bytes; only market-by-order "
                    f"records (type {_MBO_RTYPE}, {size} bytes) can be read", file=self._path)
            if whole < len(data):
                raise InputError("is truncated within record "
                                 f"{self._record_count + len(piece) + 1}", file=self._path)
            self._record_count += len(piece)
            yield piece


@contextmanager
def open_dbn(path: Path, progress: Progress | None = None) -> Iterator[DbnReader]:
    """Open a DBN file, plain or compressed with zstd; errors as `DbnReader`."""
    with open_packed(path, progress) as file:
        yield DbnReader(path, file)


def _decode(path: Path, data: bytes) -> DbnHeader:
    try:
        import databento_dbn
    except ImportError:
        raise ConfigError("DBN files need the package databento-dbn; install it with "
                          'pip install "dreammaker-hft[databento]"') from None
    metadata: Any
    try:
        metadata = databento_dbn.Metadata.decode(data)
    # The decoder's own error type has changed with its versions.
    except Exception as error:
        raise InputError(f"has a damaged DBN header ({error})", file=path) from None
    schema = None if metadata.schema is None else str(metadata.schema)
    if schema not in (None, "mbo"):
        raise InputError(f"holds the schema {schema}; only mbo (market by order) can be read",
                         file=path)
    if str(metadata.stype_out) != "instrument_id":
        raise InputError(f"maps its symbols to {metadata.stype_out}, not to instrument ids",
                         file=path)
    instruments: dict[str, list[tuple[date, date, int]]] = {}
    for name, intervals in metadata.mappings.items():
        known = [(entry["start_date"], entry["end_date"], int(entry["symbol"]))
                 for entry in intervals if entry["symbol"]]
        if known:
            instruments[name] = known
    return DbnHeader(instruments, bool(metadata.ts_out))
