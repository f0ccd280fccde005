"""Arrow IPC streams of packed records: what a session writes as it goes.

A stream is readable up to the last whole batch, so a crash loses at most the open one.
"""

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dreammaker.domain.errors import StoreError


def file_sha256(path: Path) -> str:
    """SHA-256 of a file's bytes, hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def record_bytes(records: NDArray[np.void]) -> memoryview:
    """The bytes of packed records in order, shared where they are contiguous."""
    return np.frombuffer(np.ascontiguousarray(records), np.uint8).data


def _arrow_schema(dtype: np.dtype[Any]) -> Any:
    import pyarrow as pa

    fields = []
    for name in dtype.names or ():
        base, shape = dtype[name].base, dtype[name].shape
        kind = pa.from_numpy_dtype(base)
        fields.append(pa.field(name, pa.list_(kind, int(np.prod(shape))) if shape else kind))
    return pa.schema(fields)


class _Chain:
    """Packed records in a growing buffer, chained into a digest when they leave it."""

    def __init__(self, dtype: np.dtype[Any]) -> None:
        self.dtype = dtype
        self.buffer = bytearray()
        self._digest = hashlib.sha256()
        self._chained = 0
        self._taken = 0

    @property
    def count(self) -> int:
        """Records appended so far."""
        return (self._taken + len(self.buffer)) // self.dtype.itemsize

    def append(self, records: NDArray[np.void]) -> None:
        """Append records of the dtype."""
        self.append_packed(record_bytes(records))

    def append_packed(self, record: bytes | memoryview) -> None:
        """Append the bytes of one or more packed records."""
        self.buffer += record

    def hexdigest(self) -> str:
        """SHA-256 over all records' bytes in order, however they were cut into batches."""
        self._chain()
        return self._digest.hexdigest()

    def _chain(self) -> None:
        with memoryview(self.buffer) as view:
            self._digest.update(view[self._chained:])
        self._chained = len(self.buffer)

    def _take(self) -> NDArray[np.void]:
        """Empty the buffer into an array."""
        self._chain()
        records = np.frombuffer(bytes(self.buffer), self.dtype)
        self._taken += len(self.buffer)
        self._chained = 0
        self.buffer.clear()
        return records


class MemorySegment(_Chain):
    """Records kept in memory, with the same chain as a written segment.

    Examples
    --------
    >>> segment = MemorySegment(np.dtype("<i8"))
    >>> segment.append(np.arange(3))
    >>> segment.count, segment.records.tolist()
    (3, [0, 1, 2])
    """

    @property
    def records(self) -> NDArray[np.void]:
        """A copy of what was appended."""
        return np.frombuffer(bytes(self.buffer), self.dtype)

    def flush(self) -> None:
        """Nothing is waiting to be written."""

    def close(self) -> None:
        """Nothing is open."""


class SegmentWriter(_Chain):
    """Appends packed records to an Arrow IPC stream and chains their hash.

    Parameters
    ----------
    path : Path
        Must not exist.
    dtype : numpy.dtype
        Packed; subarrays become fixed-size lists.
    batch : int
        Records that are written at once.

    Raises
    ------
    StoreError
        If the file cannot be created or written.
    """

    def __init__(self, path: Path, dtype: np.dtype[Any], batch: int = 65_536) -> None:
        import pyarrow as pa

        super().__init__(dtype)
        self.path = path
        self._full = batch * dtype.itemsize
        self._schema = _arrow_schema(dtype)
        try:
            self._file = path.open("xb")
        except OSError as error:
            raise StoreError(f"cannot create {path}: {error.strerror}") from None
        options = pa.ipc.IpcWriteOptions(compression="lz4")
        self._writer = pa.ipc.new_stream(self._file, self._schema, options=options)

    def append_packed(self, record: bytes | memoryview) -> None:
        """Append the bytes of one or more packed records; a full buffer is written."""
        self.buffer += record
        if len(self.buffer) >= self._full:
            self.flush()

    def flush(self) -> None:
        """Write what is buffered and hand it to the operating system."""
        if not self.buffer:
            return
        import pyarrow as pa

        part = self._take()
        columns = []
        for field in self._schema:
            values = np.ascontiguousarray(part[field.name])
            if values.ndim > 1:
                flat = pa.array(values.reshape(-1))
                columns.append(pa.FixedSizeListArray.from_arrays(flat, values.shape[1]))
            else:
                columns.append(pa.array(values))
        try:
            self._writer.write_batch(pa.record_batch(columns, schema=self._schema))
            self._file.flush()
        except OSError as error:
            raise StoreError(f"cannot write {self.path}: {error}") from None

    def close(self) -> None:
        """Write the rest and close."""
        if self._file.closed:
            return
        try:
            try:
                self.flush()
                self._writer.close()
            finally:
                self._file.close()
        except OSError as error:
            raise StoreError(f"cannot write {self.path}: {error}") from None


_CUT_SHORT = ("expected to be able to read", "expected to read", "bytes available")
"""What Arrow says of a stream that ends within a message."""


class SegmentReader:
    """Reads a stream batch by batch; a stream cut short by a crash gives its whole batches.

    Parameters
    ----------
    path : Path
    dtype : numpy.dtype
        As written.

    Raises
    ------
    StoreError
        If the file is missing, damaged, or holds other fields than ``dtype``.
    """

    def __init__(self, path: Path, dtype: np.dtype[Any]) -> None:
        import pyarrow as pa

        self.path, self.dtype = path, dtype
        try:
            self._file = path.open("rb")
        except FileNotFoundError:
            raise StoreError(f"{path} is missing") from None
        try:
            self._stream = pa.ipc.open_stream(self._file)
        except (pa.ArrowException, OSError) as error:
            self._file.close()
            raise StoreError(f"{path} is damaged: {error}") from None
        if not self._stream.schema.equals(_arrow_schema(dtype)):
            self._file.close()
            raise StoreError(f"{path} holds other fields than this version writes")

    def read(self) -> NDArray[np.void] | None:
        """Next batch of records, or None at the end."""
        import pyarrow as pa

        if self._file.closed:
            return None
        try:
            batch = self._stream.read_next_batch()
            batch.validate()
            return self._records(batch)
        except (StopIteration, EOFError):
            self._file.close()
            return None
        except (pa.ArrowException, OSError, ValueError, MemoryError) as error:
            # A damaged length asks for more memory than there is.
            self._file.close()
            text = str(error) or type(error).__name__
            if any(phrase in text.lower() for phrase in _CUT_SHORT):
                return None
            raise StoreError(f"{self.path} is damaged: {text.splitlines()[0]}") from None

    def _records(self, batch: Any) -> NDArray[np.void]:
        part = np.zeros(batch.num_rows, self.dtype)
        for name in self.dtype.names or ():
            column = batch.column(name)
            if self.dtype[name].shape:
                column = column.flatten()
            if column.null_count:
                # Nothing is ever missing in what was written.
                raise ValueError(f"column {name} has holes")
            part[name] = column.to_numpy(zero_copy_only=False).reshape(part[name].shape)
        return part


def read_segment(path: Path, dtype: np.dtype[Any]) -> NDArray[np.void]:
    """All records of a stream (see ``SegmentReader``)."""
    reader = SegmentReader(path, dtype)
    parts = []
    while (part := reader.read()) is not None:
        parts.append(part)
    return np.concatenate(parts) if parts else np.zeros(0, dtype)
