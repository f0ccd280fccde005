"""Space on the disk for the last orders: intents of exits and cancels when the disk is full.

The file is written whole when the session begins, so that later writes go over bytes the file
system has given already (on file systems that write in place: NTFS, ext4). Each slot carries its
own checksum. When even that fails, the records stay in memory.
"""

import os
import struct
import zlib
from pathlib import Path
from typing import BinaryIO

from dreammaker.domain.errors import StoreError
from dreammaker.domain.orders import CancelOrder, Reason, SubmitOrder

SLOT_COUNT = 512
_SLOT = struct.Struct("<4sIqqqqqhBBHH8x")
_MARK = b"DMX1"
_CHECK = struct.Struct("<I")
_SLOT_BYTES = _SLOT.size + _CHECK.size


class Reserve:
    """Slots for intents of exits and cancels.

    Parameters
    ----------
    path : Path or None
        A new file; None keeps what comes in memory.

    Attributes
    ----------
    kept : list of SubmitOrder or CancelOrder
        What was kept, in order, at most ``SLOT_COUNT``.
    failed : bool
        Whether the disk did not even take what was reserved.

    Examples
    --------
    >>> reserve = Reserve(None)
    >>> reserve.keep(CancelOrder(7, 1))
    >>> len(reserve.kept)
    1
    """

    def __init__(self, path: Path | None) -> None:
        self.kept: list[SubmitOrder | CancelOrder] = []
        self.failed = False
        self._path = path
        self._file: BinaryIO | None = None
        if path is None:
            return
        try:
            self._file = path.open("xb", buffering=0)
            self._file.write(bytes(SLOT_COUNT * _SLOT_BYTES))
            os.fsync(self._file.fileno())
        except OSError as error:
            raise StoreError(f"cannot create {path}: {error.strerror}") from None

    def keep(self, outgoing: SubmitOrder | CancelOrder) -> None:
        """Write an intent over a reserved slot; never raises."""
        index = len(self.kept)
        if index == SLOT_COUNT:
            return
        self.kept.append(outgoing)
        if self._file is None:
            return
        try:
            self._file.seek(index * _SLOT_BYTES)
            self._file.write(_packed(outgoing))
            os.fsync(self._file.fileno())
        except OSError:
            self.failed = True

    def close(self) -> None:
        """Let go of the file; one that was never needed is removed."""
        if self._file is not None:
            self._file.close()
            if not self.kept and self._path is not None:
                self._path.unlink(missing_ok=True)


def _packed(outgoing: SubmitOrder | CancelOrder) -> bytes:
    if isinstance(outgoing, SubmitOrder):
        body = _SLOT.pack(_MARK, 1, outgoing.client_order_id, outgoing.created_ns,
                          outgoing.qty_lots, outgoing.price_ticks, outgoing.trigger_ticks,
                          outgoing.side, outgoing.order_type, outgoing.tif, outgoing.reason, 0)
    else:
        body = _SLOT.pack(_MARK, 2, outgoing.client_order_id, outgoing.created_ns, 0, 0, 0, 0, 0,
                          0, outgoing.reason, 0)
    return body + _CHECK.pack(zlib.crc32(body))


def read_reserve(path: Path) -> list[tuple[int, int, int, int, Reason]]:
    """Intents in a reserve: (order number, time in ns, side or 0 for a cancel, lots, reason).

    Slots that were never written, or only in part, are left out.

    Raises
    ------
    StoreError
        If the file cannot be read.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise StoreError(f"cannot read {path}: {error.strerror}") from None
    found = []
    for start in range(0, len(content) - _SLOT_BYTES + 1, _SLOT_BYTES):
        body = content[start:start + _SLOT.size]
        (check,) = _CHECK.unpack_from(content, start + _SLOT.size)
        if body.startswith(_MARK) and check == zlib.crc32(body):
            _, _, number, time_ns, lots, _, _, side, _, _, reason, _ = _SLOT.unpack(body)
            found.append((number, time_ns, side, lots, Reason(reason)))
    return found
