"""The journal: what reached the loop and what it decided, in the order in which it was handled.

Records are fixed-size and canonical; nothing in them depends on batch sizes, on the wall clock or
on the machine. The journal's hash is the SHA-256 chain over the market events, the decision rows
and these records, under the header's.
"""

import hashlib
import json
import struct
from collections.abc import Mapping
from enum import IntEnum
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dreammaker.domain.codes import plain_members
from dreammaker.domain.errors import StoreError
from dreammaker.domain.orders import (
    CancelOrder,
    ExecutionReport,
    OrderDenied,
    ReplaceOrder,
    SubmitOrder,
)
from dreammaker.domain.schema import EVENT_DTYPE, EventArray
from dreammaker.store.segments import MemorySegment, SegmentWriter, record_bytes

JOURNAL_VERSION = 2

JOURNAL_DTYPE = np.dtype([
    ("item", "<i8"),         # number of the record
    ("time_ns", "<i8"),      # loop time
    ("event_count", "<i8"),  # market records up to the row in force
    ("order_id", "<i8"),     # client order id, 0 = none
    ("price_ticks", "<i8"),
    ("qty_lots", "<i8"),
    ("x", "<i8"), ("y", "<i8"),  # by kind, see Entry
    ("a", "<f8"), ("b", "<f8"),  # by kind
    ("kind", "<u2"), ("code", "<u2"), ("side", "<i2"), ("spare", "<u2"),
])

FEATURE_COUNT = 27

DECISION_DTYPE = np.dtype([
    ("time_ns", "<i8"), ("exch_ns", "<i8"), ("event_count", "<i8"),
    ("bid_ticks", "<i8"), ("ask_ticks", "<i8"), ("features", "<f8", (FEATURE_COUNT,)),
])


_ENTRY = struct.Struct("<8q2d2HhH")
_DECISION = struct.Struct("<5q")
_NAN = float("nan")
assert _ENTRY.size == JOURNAL_DTYPE.itemsize
assert _DECISION.size + 8 * FEATURE_COUNT == DECISION_DTYPE.itemsize


@plain_members
class Entry(IntEnum):
    """Kinds of journal record, and what their fields hold besides the obvious.

    Inputs come first: what is needed, with the events, to run the loop again.
    """

    PHASE = 1        # code: phase
    REPORT = 2       # code: report kind, side: liquidity, x: fill id, y: leaves, a: fee, b: reason
    TIMER = 3        # order_id: key, x: due time
    COMMAND = 4      # code: command, x: decisions made before it
    ORDER_QUERY = 5  # order_id, code: Query, x: filled in all
    POSITION_QUERY = 6  # code: Query (ENDED = answered), qty: lots
    DECISION = 20    # code: reason, side, qty: target, x: mid in half ticks, a: score, b: share
    VOTE = 21        # code: voter, side: ballot, a: value
    # code: type | tif << 4 | reduce_only << 8 | post_only << 9, x: reason, y: trigger, a: parent
    SUBMIT = 22
    CANCEL = 23      # code: reason
    DENIED = 24      # code: reason
    AGENT = 25       # code: agent, side: state
    STAND_DOWN = 26  # code: reason, side: risk state
    REPLACE = 27     # code: reason
    REARM = 28       # code: reason
    ADOPT = 29       # price, qty: the broker's position, x: lots it was off by
    VERIFIED = 30    # the broker confirmed after a kill: nothing works, nothing is held
    OVERRIDE = 31    # code: reasons against the model that trades all the same (in the header)
    # order_id: parent, code: state, side, qty, price: limit or 0, x: filled, y: end, a: shortfall
    PARENT = 40


@plain_members
class Query(IntEnum):
    """What the broker answered."""

    FAILED = 0
    ENDED = 1
    WORKING = 2
    UNKNOWN = 3


class Journal:
    """Collects records; ``folder`` decides whether they reach the disk.

    A disk that fails must not keep an exit from being sent: nothing raises while the session runs.
    ``failure`` tells of it, nothing more is written, and ``close`` raises, so that the session is
    never sealed.

    Parameters
    ----------
    folder : Path or None
        Session folder; None keeps the decision and journal records in memory (replay, tests).
    keep_events : bool
        Write the market events too (recorded or generated ones; imported days are referenced by
        their hash instead).
    """

    def __init__(self, folder: Path | None = None, *, keep_events: bool = False) -> None:
        self._item = 0
        self._event_digest = hashlib.sha256()
        self.event_count = 0
        self.entries: _Sink = _sink(folder, "journal.arrow", JOURNAL_DTYPE)
        self.decisions: _Sink = _sink(folder, "decisions.arrow", DECISION_DTYPE)
        self.failure: StoreError | None = None
        self._events = (SegmentWriter(folder / "events.arrow", EVENT_DTYPE)
                        if folder is not None and keep_events else None)

    @property
    def item_count(self) -> int:
        """Records so far, and the number of the next one."""
        return self._item

    def events(self, events: EventArray) -> None:
        """Chain (and keep) market records."""
        self.event_count += len(events)
        if self._events is not None:
            self._append(self._events, record_bytes(events))
        else:
            self._event_digest.update(record_bytes(events))

    def write(self, kind: Entry, time_ns: int, event_count: int, *, code: int = 0, side: int = 0,
              order_id: int = 0, price_ticks: int = 0, qty_lots: int = 0, x: int = 0, y: int = 0,
              a: float = 0.0, b: float = 0.0) -> None:
        """Append one record."""
        # NaN has many bit patterns; the journal knows one.
        self._append(self.entries, _ENTRY.pack(
            self._item, time_ns, event_count, order_id, price_ticks, qty_lots, x, y,
            a if a == a else _NAN, b if b == b else _NAN, kind, code, side, 0))
        self._item += 1

    def report(self, report: ExecutionReport, time_ns: int, event_count: int) -> None:
        """Append a report as the loop took it."""
        self.write(Entry.REPORT, time_ns, event_count, code=report.kind, side=report.liquidity,
                   order_id=report.client_order_id, price_ticks=report.price_ticks,
                   qty_lots=report.qty_lots, x=report.fill_id, y=report.leaves_lots,
                   a=float(report.fee_micros), b=float(report.reason))

    def submit(self, order: SubmitOrder, time_ns: int, event_count: int) -> None:
        """Append an order as it goes to the broker."""
        self.write(Entry.SUBMIT, time_ns, event_count,
                   code=(order.order_type | order.tif << 4 | int(order.reduce_only) << 8
                         | int(order.post_only) << 9),
                   side=order.side, order_id=order.client_order_id,
                   price_ticks=order.price_ticks, qty_lots=order.qty_lots, x=order.reason,
                   y=order.trigger_ticks, a=float(order.parent_id))

    def replace(self, change: ReplaceOrder, time_ns: int, event_count: int) -> None:
        """Append a change of a working order as it goes to the broker."""
        self.write(Entry.REPLACE, time_ns, event_count, code=change.reason,
                   order_id=change.client_order_id, price_ticks=change.price_ticks,
                   qty_lots=change.qty_lots)

    def cancel(self, cancel: CancelOrder, time_ns: int, event_count: int) -> None:
        """Append a cancel as it goes to the broker."""
        self.write(Entry.CANCEL, time_ns, event_count, code=cancel.reason,
                   order_id=cancel.client_order_id)

    def denied(self, denied: OrderDenied, event_count: int) -> None:
        """Append our own risk's refusal."""
        order = denied.order
        self.write(Entry.DENIED, denied.time_ns, event_count, code=denied.reason, side=order.side,
                   order_id=order.client_order_id, price_ticks=order.price_ticks,
                   qty_lots=order.qty_lots)

    def decision_row(self, time_ns: int, exch_ns: int, event_count: int, bid_ticks: int,
                     ask_ticks: int, features: NDArray[np.float64]) -> None:
        """Append the feature row on which a decision is made."""
        self._append(self.decisions,
                     _DECISION.pack(time_ns, exch_ns, event_count, bid_ticks, ask_ticks)
                     + features.tobytes())

    def _append(self, sink: "_Sink", packed: bytes | memoryview) -> None:
        """Append bytes; once the disk has failed nothing more is written."""
        if self.failure is not None:
            return
        try:
            sink.append_packed(packed)
        except StoreError as error:
            self.failure = error

    def flush(self) -> None:
        """Hand everything to the operating system."""
        for sink in (self.entries, self.decisions, self._events):
            if sink is not None:
                sink.flush()

    def close(self) -> None:
        """Write the rest.

        Raises
        ------
        StoreError
            If the disk does not take it, or has failed before.
        """
        for sink in (self.entries, self.decisions, self._events):
            if sink is not None:
                try:
                    sink.close()
                except StoreError as error:
                    self.failure = self.failure or error
        if self.failure is not None:
            raise self.failure

    def digests(self, header: Mapping[str, Any]) -> dict[str, Any]:
        """The chains' hashes and counts, and the journal hash over them and the header."""
        events = self._events if self._events is not None else self._event_digest
        parts: dict[str, Any] = {
            "header": canonical_hash(header),
            "events": events.hexdigest(),
            "decisions": self.decisions.hexdigest(),
            "entries": self.entries.hexdigest(),
            "event_count": self.event_count,
            "decision_count": self.decisions.count,
            "entry_count": self.entries.count,
        }
        return {**parts, "journal": canonical_hash(parts)}


_Sink = SegmentWriter | MemorySegment


def _sink(folder: Path | None, name: str, dtype: np.dtype[Any]) -> _Sink:
    return MemorySegment(dtype) if folder is None else SegmentWriter(folder / name, dtype, 4096)


def canonical_hash(value: Mapping[str, Any]) -> str:
    """SHA-256 of a mapping as canonical JSON (sorted keys, no spaces, no NaN)."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()
