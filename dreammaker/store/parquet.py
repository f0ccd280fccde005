"""One day of events as Apache Parquet, and its memory-mapped cache.

A day file holds one column a record field; its key-value metadata name the schema version, the
instrument, the source, the quality report, the number of records and the content hash (SHA-256
over the packed 64-byte records). Pages carry checksums. The cache is a plain ``.npy`` of the packed
records, named by that hash, so that a stale cache can never be taken for the day.
"""

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from dreammaker.domain.errors import ConfigError, StoreError
from dreammaker.domain.instrument import Instrument
from dreammaker.domain.schema import EVENT_DTYPE, SCHEMA_VERSION, EventArray
from dreammaker.domain.source import SourceProfile
from dreammaker.store.files import discard, publish, temporary_beside
from dreammaker.store.quality import QualityReport

if TYPE_CHECKING:
    import pyarrow

ROW_GROUP_RECORDS = 262_144
"""Records a row group: 16 MB packed, the unit in which days are written and read."""

_KEY = "dreammaker."
_DELTA_COLUMNS = ("exch_ns", "local_ns", "mono_ns", "seq", "order_id")
_ARROW_TYPES = {"<i8": "int64", "<i4": "int32", "<u4": "uint32", "<u2": "uint16", "|u1": "uint8",
                "|i1": "int8"}


@dataclass(frozen=True, slots=True)
class DayHeader:
    """A day file's metadata."""

    day: date
    instrument: Instrument
    source: SourceProfile
    quality: QualityReport
    content_hash: str
    record_count: int


def hash_records(events: EventArray) -> str:
    """SHA-256 over the packed records, in hex.

    Parameters
    ----------
    events : ndarray of EVENT_DTYPE, C-contiguous
    """
    return hashlib.sha256(np.ascontiguousarray(events).view(np.uint8).data).hexdigest()


class DayFileWriter:
    """Writes one day file under a temporary name, batch by batch.

    `finish` completes the temporary file; `publish` renames it to its target; `abort` removes it.
    Memory is bounded by one row group.
    """

    def __init__(self, target: Path, day: date, instrument: Instrument) -> None:
        import pyarrow.parquet as pq

        self.target, self.day, self.instrument = target, day, instrument
        self.record_count = 0
        self.content_hash = ""
        self._pending: list[EventArray] = []
        self._pending_count = 0
        self._digest = hashlib.sha256()
        self._made = [folder for folder in (target.parent, target.parent.parent)
                      if not folder.exists()]
        self._temporary = temporary_beside(target)
        self._writer: Any = pq.ParquetWriter(
            self._temporary, _arrow_schema(), compression="zstd", compression_level=3,
            use_dictionary=[name for name in EVENT_DTYPE.names or ()
                            if name not in _DELTA_COLUMNS],
            column_encoding=dict.fromkeys(_DELTA_COLUMNS, "DELTA_BINARY_PACKED"),
            write_page_checksum=True, write_statistics=["exch_ns", "local_ns"])

    def append(self, events: EventArray) -> None:
        """Add records after those already written.

        Raises
        ------
        TypeError
            If the array is not of EVENT_DTYPE.
        StoreError
            If the disk refuses.
        """
        if events.dtype != EVENT_DTYPE:
            raise TypeError(f"events must have EVENT_DTYPE, had {events.dtype}")
        while len(events):
            take = min(len(events), ROW_GROUP_RECORDS - self._pending_count)
            self._pending.append(events[:take])
            self._pending_count += take
            events = events[take:]
            if self._pending_count == ROW_GROUP_RECORDS:
                self._flush()

    def finish(self, source: SourceProfile, quality: QualityReport) -> DayHeader:
        """Write the last row group and the metadata; the file is then complete but unpublished."""
        self._flush()
        self.content_hash = self._digest.hexdigest()
        header = DayHeader(self.day, self.instrument, source, quality, self.content_hash,
                           self.record_count)
        try:
            self._writer.add_key_value_metadata(_encode(header))
            self._writer.close()
        except OSError as error:
            self.abort()
            raise StoreError(f"{self.target} cannot be written: {error}") from None
        self._writer = None
        return header

    def publish(self) -> bool:
        """Put the finished file in place. True if it replaced an earlier one."""
        if self._writer is not None:
            raise RuntimeError("publish() before finish()")
        replaced = self.target.exists()
        publish(self._temporary, self.target)
        return replaced

    def abort(self) -> None:
        """Remove what was written, and the folders that were made for it unless now in use."""
        writer, self._writer = self._writer, None
        if writer is not None:
            # Where the disk refused before, it refuses again; the file is removed in any case.
            with suppress(OSError):
                writer.close()
        discard(self._temporary)
        for folder in self._made:
            try:
                folder.rmdir()
            except OSError:
                return

    def _flush(self) -> None:
        import pyarrow as pa

        if not self._pending_count:
            return
        block = (np.ascontiguousarray(self._pending[0]) if len(self._pending) == 1
                 else np.concatenate(self._pending))
        self._pending, self._pending_count = [], 0
        self._digest.update(block.view(np.uint8).data)
        schema = _arrow_schema()
        # From buffers, not pa.array(): that would import pandas.
        columns = [pa.Array.from_buffers(
            field.type, len(block), [None, pa.py_buffer(np.ascontiguousarray(block[field.name]))])
            for field in schema]
        try:
            self._writer.write_table(pa.Table.from_arrays(columns, schema=schema))
        except OSError as error:
            raise StoreError(f"{self.target} cannot be written: {error}") from None
        self.record_count += len(block)


def read_header(path: Path) -> DayHeader:
    """The metadata of a day file.

    Raises
    ------
    StoreError
        If the file is missing, damaged, not of this program, or of an unknown schema version.
    """
    with _opened(path) as file:
        return _decode(path, file.metadata.metadata or {}, file.metadata.num_rows)


def read_blocks(path: Path) -> Iterator[EventArray]:
    """The records of a day file, a row group at a time.

    Raises
    ------
    StoreError
        If the file is damaged.
    """
    with _opened(path) as file:
        for index in range(file.num_row_groups):
            table = file.read_row_group(index)
            block = np.empty(table.num_rows, EVENT_DTYPE)
            for name in EVENT_DTYPE.names or ():
                # From buffers, not to_numpy(): that would import pandas.
                column, at = table.column(name), 0
                for part in column.chunks:
                    values = np.frombuffer(part.buffers()[1], EVENT_DTYPE[name])
                    block[name][at:at + len(part)] = values[part.offset:part.offset + len(part)]
                    at += len(part)
            yield block


def open_cached(path: Path, header: DayHeader, cache: Path) -> EventArray:
    """The day's records, memory-mapped and read-only; the cache is (re)built where it must be.

    Raises
    ------
    StoreError
        If the day file's records are not those its content hash names, or the disk refuses.
    """
    mapped = _map(cache, header.record_count)
    if mapped is not None:
        return mapped
    temporary = temporary_beside(cache)
    try:
        digest, count = hashlib.sha256(), 0
        with temporary.open("wb") as file:
            np.lib.format.write_array_header_1_0(
                file, {"descr": EVENT_DTYPE.descr, "fortran_order": False,
                       "shape": (header.record_count,)})
            for block in read_blocks(path):
                raw = block.view(np.uint8).data
                digest.update(raw)
                count += len(block)
                file.write(raw)
        if count != header.record_count or digest.hexdigest() != header.content_hash:
            raise StoreError(f"{path} is damaged: its records are not those of its content hash")
        publish(temporary, cache)
    except OSError as error:
        raise StoreError(f"cache {cache} cannot be written: {error}") from None
    finally:
        discard(temporary)
    mapped = _map(cache, header.record_count)
    if mapped is None:
        raise StoreError(f"cache {cache} cannot be read back")
    return mapped


def _map(cache: Path, record_count: int) -> EventArray | None:
    # None where the cache is absent or not of the right shape: it is then built anew.
    if not cache.is_file():
        return None
    try:
        if record_count == 0:
            return np.empty(0, EVENT_DTYPE)
        mapped = np.load(cache, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None
    fits = mapped.dtype == EVENT_DTYPE and mapped.shape == (record_count,)
    return mapped if fits else None


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    if not path.is_file():
        raise StoreError(f"{path} is missing")
    try:
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            yield file
    except (pa.ArrowException, OSError, KeyError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise StoreError(f"{path} is damaged: {reason}") from None


def _arrow_schema() -> "pyarrow.Schema":
    import pyarrow as pa

    return pa.schema([
        pa.field(name, getattr(pa, _ARROW_TYPES[EVENT_DTYPE[name].str])(), nullable=False)
        for name in EVENT_DTYPE.names or ()])


def _encode(header: DayHeader) -> dict[str, str]:
    return {
        _KEY + "schema_version": str(SCHEMA_VERSION),
        _KEY + "day": header.day.isoformat(),
        _KEY + "instrument": json.dumps(asdict(header.instrument)),
        _KEY + "source": json.dumps(asdict(header.source)),
        _KEY + "quality": json.dumps(header.quality.to_dict()),
        _KEY + "content_hash": header.content_hash,
        _KEY + "record_count": str(header.record_count),
    }


def _decode(path: Path, metadata: dict[bytes, bytes], row_count: int) -> DayHeader:
    values = {key.decode(): value.decode() for key, value in metadata.items()
              if key.startswith(_KEY.encode())}
    version = values.get(_KEY + "schema_version")
    if version is None:
        raise StoreError(f"{path} is not a day of events: it names no schema version")
    if version != str(SCHEMA_VERSION):
        raise StoreError(f"{path} has schema version {version}; this program reads version "
                         f"{SCHEMA_VERSION}")
    try:
        header = DayHeader(
            date.fromisoformat(values[_KEY + "day"]),
            Instrument(**json.loads(values[_KEY + "instrument"])),
            SourceProfile(**json.loads(values[_KEY + "source"])),
            QualityReport.from_dict(json.loads(values[_KEY + "quality"])),
            values[_KEY + "content_hash"], int(values[_KEY + "record_count"]))
    except (KeyError, TypeError, ValueError, ConfigError) as error:
        raise StoreError(f"{path} is damaged: its metadata cannot be read ({error})") from None
    if header.record_count != row_count:
        raise StoreError(f"{path} is damaged: {row_count} records, {header.record_count} named")
    return header
