"""Databento market-by-order files (DBN, plain or zstd): one record a change of one order.

======  ==============================================================================
action  record
======  ==============================================================================
A       ORDER_ADD
C       ORDER_CANCEL of the size that goes
M       ORDER_MODIFY: the order's new price and size. Another price or side or a larger
        size costs the order its place in the queue, a smaller size does not
R       CLEAR
T       TRADE with the aggressor's side: the print, counted once
F       none: it says which resting orders the T met. The C or M that follows in the
        packet changes the book and carries ``aux`` 1
N       none
======  ==============================================================================

A packet ends with F_LAST. Exchange time is ts_event, local time ts_recv (it never decreases; a
ts_recv that the file calls bad is carried forward or taken as it is, and flagged
LOCAL_SYNTHETIC); if some record was received before it happened, all ts_recv are moved by the
least constant that mends it, which a first look through the file finds, flagged likewise and
noted. The records with F_SNAPSHOT are one packet: CLEAR, then an ORDER_ADD for each
order in the file's order, which is the queue's; their exchange time is their ts_recv
(EXCH_ESTIMATED), because their ts_event is when the venue last spoke of them, maybe days ago.
F_MAYBE_BAD_BOOK begins with a GAP of unknown length. A T without a side that meets a crossed book
is an auction's print (AUCTION); packets that leave the book crossed or locked are CROSSED.
"""

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dreammaker.data.importers.base import (
    INT32_MAX,
    Batch,
    BoolArray,
    ImportOptions,
    Int64Array,
    Progress,
    half_of,
    mark_last,
    off_grid_flags,
    require_near,
)
from dreammaker.data.importers.book_watch import BookWatch
from dreammaker.data.importers.clock import DAY_NS, day_of, to_wall, zone
from dreammaker.data.importers.dbn_files import DBN_MAGIC, DbnHeader, open_dbn
from dreammaker.data.importers.packed import packed_head
from dreammaker.domain.errors import ConfigError, InputError
from dreammaker.domain.instrument import Instrument
from dreammaker.domain.schema import EVENT_DTYPE, UNKNOWN_QTY, EventArray, Flag, Kind
from dreammaker.domain.source import ALL_LEVELS, SourceProfile

PRICE_UNITS = 10**9
MAX_PACKET_RECORDS = 2**20
_F_LAST, _F_SNAPSHOT, _F_BAD_TS_RECV, _F_MAYBE_BAD_BOOK = 128, 32, 8, 4
_UNDEF_PRICE, _UNDEF_TIME, _UNDEF_SIZE = 2**63 - 1, 2**64 - 1, 2**32 - 1
_KINDS = np.zeros(256, np.uint8)
for _action, _kind in ((b"A", Kind.ORDER_ADD), (b"C", Kind.ORDER_CANCEL),
                       (b"M", Kind.ORDER_MODIFY), (b"R", Kind.CLEAR), (b"T", Kind.TRADE)):
    _KINDS[ord(_action)] = _kind
_SIDES = np.zeros(256, np.int8)
_SIDES[ord("B")], _SIDES[ord("A")] = 1, -1
_ACTIONS, _SIDE_LETTERS = b"ACMRTFN", b"BAN"
_LATEST_NS = 2**62


class DbnImporter:
    """Registry entry of the market-by-order files."""

    name = "dbn"
    uses_server_clock = False

    def matches(self, path: Path, head: str) -> bool:
        """Whether the content, unpacked, begins with DBN and a version."""
        start = packed_head(path, 4)
        return start.startswith(DBN_MAGIC) and len(start) == 4 and start[3] < 32

    def symbol(self, path: Path) -> str:
        """The one symbol that the file's header names."""
        with open_dbn(path) as reader:
            names = sorted(reader.header.instruments)
        if len(names) != 1:
            raise InputError(f"holds {_listed(names)}: choose one by its symbol", file=path)
        return names[0]

    def open(self, path: Path, instrument: Instrument, options: ImportOptions,
             progress: Progress | None) -> "DbnStream":
        """Start reading."""
        return DbnStream(path, instrument, options, progress)


class DbnStream:
    """A market-by-order file being read; vectorised, a piece at a time."""

    def __init__(self, path: Path, instrument: Instrument, options: ImportOptions,
                 progress: Progress | None) -> None:
        self.instrument = instrument
        self.source = SourceProfile("dbn", ALL_LEVELS, has_aggressor=True, order_by_order=True,
                                    has_local_time=True)
        self._path, self._options, self._progress = path, options, progress
        unit = instrument.tick_size * PRICE_UNITS
        self._unit = round(unit)
        if self._unit < 1 or abs(unit - self._unit) > 1e-6 * self._unit:
            raise ConfigError(f"tick_size must be a multiple of {1 / PRICE_UNITS} for DBN, was "
                              f"{instrument.tick_size}")
        self._lot = round(instrument.lot_size)
        if self._lot != instrument.lot_size:
            raise ConfigError("lot_size must be whole contracts for DBN, was "
                              f"{instrument.lot_size}")
        self._zone = zone(instrument.exchange_zone)
        self._watch = BookWatch(path)
        self._first = 0          # number of the file's records before this piece
        self._latest_local = self._latest_day = np.iinfo(np.int64).min
        self._doubtful = False
        self._correction_ns = 0
        self._noted = self._warned = False

    def __iter__(self) -> Iterator[Batch]:
        """Batches of packets, in file order."""
        self._correction_ns = self._clock_correction()
        with open_dbn(self._path, half_of(self._progress, 1)) as reader:
            wanted = self._ids(reader.header)
            held: NDArray[np.void] = np.zeros(0, reader.dtype)
            seen = np.zeros(0, np.uint32)
            for piece in reader.records(self._options.chunk_bytes):
                seen = np.union1d(seen, piece["instrument_id"])
                rows = np.concatenate([held, piece]) if len(held) else piece
                cut = _end_of_live_packets(rows)
                held = rows[cut:]
                if cut:
                    yield from self._batches(rows[:cut], wanted)
                if len(held) > MAX_PACKET_RECORDS:
                    raise InputError(f"{len(held)} records follow one another without the flag "
                                     "F_LAST; a packet has an end", file=self._path)
            if len(held):
                yield from self._batches(held, wanted)
        if not self._first:
            raise InputError("has a header but no records", file=self._path)
        if not np.isin(seen, wanted).any():
            raise InputError(f"has no records of {self.instrument.symbol}", file=self._path)

    def _clock_correction(self) -> int:
        least = 0
        with open_dbn(self._path, half_of(self._progress, 0)) as reader:
            wanted = self._ids(reader.header)
            for piece in reader.records(self._options.chunk_bytes):
                told = np.isin(piece["instrument_id"], wanted) & (
                    (piece["flags"] & (_F_SNAPSHOT | _F_BAD_TS_RECV)) == 0)
                told &= (piece["ts_event"] < _LATEST_NS) & (piece["ts_recv"] < _LATEST_NS)
                if told.any():
                    late = (piece["ts_recv"][told].astype(np.int64)
                            - piece["ts_event"][told].astype(np.int64))
                    least = min(least, int(late.min()))
        require_near(-least, self._path)
        return -least

    def _ids(self, header: DbnHeader) -> Int64Array:
        symbol = self.instrument.symbol
        wanted = header.ids_of(symbol)
        if not wanted:
            raise InputError(f"holds {_listed(sorted(header.instruments))}, not {symbol}",
                             file=self._path)
        return np.array(wanted, np.int64)

    def _batches(self, rows: NDArray[np.void], wanted: Int64Array) -> Iterator[Batch]:
        number = np.arange(self._first + 1, self._first + len(rows) + 1)
        self._first += len(rows)
        self._check(rows, number)
        mine = np.isin(rows["instrument_id"], wanted)
        others = int((~mine).sum())
        rows, number = rows[mine], number[mine]
        if not len(rows):
            if others and self._latest_day > 0:
                yield Batch(day_of(self._latest_day * DAY_NS), np.zeros(0, EVENT_DTYPE), others,
                            0, {"of other instruments": others})
            return
        exch, local, flags = self._times(rows, number)
        ends = _packet_ends(rows)
        days = self._days(rows, exch, ends)
        cuts = np.concatenate(([0], np.flatnonzero(np.diff(days)) + 1, [len(rows)]))
        for start, end in zip(cuts[:-1].tolist(), cuts[1:].tolist(), strict=True):
            part = slice(start, end)
            batch = self._batch(rows[part], exch[part], local[part], flags[part], ends[part])
            batch.day = day_of(int(days[start]) * DAY_NS)
            if self._correction_ns and not self._noted:
                self._noted = True
                batch.notes.append("records were received before they happened: every receive "
                                   f"time was moved by {self._correction_ns / 1e9:+.9f} s")
            if batch.counters.get("crossed") and not self._warned:
                self._warned = True
                batch.notes.append("the file tells no session phases: the pre-opening counts as "
                                   "continuous trading, and its book may be crossed")
            if others:
                batch.rows_read += others
                batch.dropped["of other instruments"] = others
                others = 0
            yield batch

    def _check(self, rows: NDArray[np.void], number: Int64Array) -> None:
        action, side = rows["action"].view(np.uint8), rows["side"].view(np.uint8)
        self._refuse(~np.isin(action, list(_ACTIONS)), number,
                     f"the action must be one of {_ACTIONS.decode()}", rows["action"])
        self._refuse(~np.isin(side, list(_SIDE_LETTERS)), number,
                     f"the side must be one of {_SIDE_LETTERS.decode()}", rows["side"])
        told = rows["price"] != _UNDEF_PRICE
        beyond = np.abs(rows["price"] // self._unit) >= INT32_MAX
        self._refuse(told & beyond, number, f"the price is beyond {INT32_MAX} ticks of "
                     f"{self.instrument.tick_size}", rows["price"])
        told &= np.isin(action, list(b"ACMTF"))
        size = rows["size"].astype(np.int64)
        self._refuse(told & (size != _UNDEF_SIZE) & ((size > INT32_MAX * self._lot)
                                                     | (size % self._lot != 0)), number,
                     f"the size must be whole lots of {self._lot}, at most {INT32_MAX}", size)

    def _refuse(self, bad: BoolArray, number: Int64Array, problem: str,
                values: NDArray[Any]) -> None:
        if bad.any():
            row = int(np.argmax(bad))
            raise InputError(f"record {number[row]}: {problem}, was {values[row]!s}",
                             file=self._path)

    def _times(self, rows: NDArray[np.void], number: Int64Array
               ) -> tuple[Int64Array, Int64Array, NDArray[np.uint32]]:
        # Exchange and local time of each record, and what has to be flagged of them.
        received, happened = rows["ts_recv"], rows["ts_event"]
        self._refuse((received > _LATEST_NS) & (received != _UNDEF_TIME), number,
                     "ts_recv is no time", received)
        self._refuse((happened > _LATEST_NS) & (happened != _UNDEF_TIME), number,
                     "ts_event is no time", happened)
        no_local, no_exch = received == _UNDEF_TIME, happened == _UNDEF_TIME
        self._refuse((happened == 0) & (received == 0), number, "the times are 0", received)
        self._refuse(no_local & no_exch, number, "neither ts_event nor ts_recv is known", received)
        is_snapshot = (rows["flags"] & _F_SNAPSHOT) != 0
        local = np.where(no_local, happened, received).astype(np.int64)
        local += np.where(no_local, 0, self._correction_ns)
        estimated = no_exch | (is_snapshot & ~no_local)
        exch = np.where(estimated, received, happened).astype(np.int64)
        running = np.maximum(np.maximum.accumulate(local), self._latest_local)
        doubtful = no_local | ((rows["flags"] & _F_BAD_TS_RECV) != 0) | (running != local)
        doubtful |= self._correction_ns != 0
        self._latest_local = int(running[-1])
        flags = (np.where(estimated, np.uint32(Flag.EXCH_ESTIMATED), np.uint32(0))
                 | np.where(doubtful, np.uint32(Flag.LOCAL_SYNTHETIC), np.uint32(0)))
        return exch, running, flags.astype(np.uint32)

    def _days(self, rows: NDArray[np.void], exch: Int64Array, ends: BoolArray) -> Int64Array:
        # The exchange date of each record, as of its packet's first record, never going back; a
        # snapshot opens the day of the packet after it.
        days = to_wall(exch, self._zone) // DAY_NS
        packet: Int64Array = np.cumsum(ends) - ends
        first = np.concatenate(([True], np.diff(packet) != 0))
        of_packet = days[first]
        snapshot = ((rows["flags"] & _F_SNAPSHOT) != 0)[first]
        live = np.flatnonzero(~snapshot)
        after = np.searchsorted(live, np.arange(len(of_packet)))
        follows = snapshot & (after < len(live))
        of_packet[follows] = of_packet[live[after[follows]]]
        of_packet = np.maximum(np.maximum.accumulate(of_packet), self._latest_day)
        self._latest_day = int(of_packet[-1])
        return np.asarray(of_packet[packet], np.int64)

    def _batch(self, rows: NDArray[np.void], exch: Int64Array, local: Int64Array,
               flags: NDArray[np.uint32], ends: BoolArray) -> Batch:
        action = rows["action"].view(np.uint8)
        kind = _KINDS[action]
        filled, unsettled = _filled_by(rows, ends)
        is_snapshot = (rows["flags"] & _F_SNAPSHOT) != 0
        before = np.concatenate(([False], is_snapshot[:-1] & ~ends[:-1]))
        opens = is_snapshot & ~before & (kind != Kind.CLEAR)
        doubt = (rows["flags"] & _F_MAYBE_BAD_BOOK) != 0
        breaks = doubt & ~np.concatenate(([self._doubtful], doubt[:-1]))
        self._doubtful = bool(doubt[-1])
        # A record of its own stands before the one that opens a snapshot or tells of a gap.
        said = (kind != 0).astype(np.int64)
        length = said + opens + breaks
        start = np.concatenate(([0], np.cumsum(length)))
        events = np.zeros(int(start[-1]), EVENT_DTYPE)
        for name, values in (("exch_ns", exch), ("local_ns", local), ("seq", rows["sequence"]),
                             ("flags", flags)):
            events[name] = np.repeat(values, length)
        events["mono_ns"] = -1
        at = start[:-1][breaks]
        events["kind"][at], events["qty_lots"][at] = Kind.GAP, UNKNOWN_QTY
        events["kind"][(start[:-1] + breaks)[opens]] = Kind.CLEAR
        self._put(events, (start[1:] - 1)[kind != 0], rows[kind != 0], kind[kind != 0],
                  filled[kind != 0])
        packet: Int64Array = np.repeat(np.cumsum(ends) - ends, length)
        if len(events):
            mark_last(events, np.flatnonzero(np.append(np.diff(packet) != 0, True)))
        counters = self._watch.mark(events)
        auction = ((events["kind"] == Kind.TRADE) & (events["side"] == 0)
                   & self._watch.crossed_before)
        events["flags"] |= np.where(auction, np.uint32(Flag.AUCTION), np.uint32(0))
        fills = action == ord("F")
        counters |= {"fills": int(fills.sum()), "fills_unsettled": unsettled,
                     "snapshot_orders": int((is_snapshot & (kind == Kind.ORDER_ADD)).sum()),
                     "maybe_bad_book": int(breaks.sum()),
                     "bad_receive_times": int(((events["flags"] & Flag.LOCAL_SYNTHETIC)
                                               != 0).sum())}
        dropped = {"fills told by their trade": int(fills.sum()),
                   "without an action": int((action == ord("N")).sum())}
        return Batch(date.min, events, len(rows), int((kind != 0).sum()),
                     {why: count for why, count in dropped.items() if count}, counters)

    def _put(self, events: EventArray, at: Int64Array, rows: NDArray[np.void],
             kind: NDArray[np.uint8], filled: BoolArray) -> None:
        told = (rows["price"] != _UNDEF_PRICE) & (kind != Kind.CLEAR)
        price = np.where(told, rows["price"], 0)
        ticks = (2 * price + self._unit) // (2 * self._unit)
        residual = (price - ticks * self._unit) * 1_000_000 // self._unit
        # Without a price, a record can only be known by its order's number.
        flags = off_grid_flags(residual) | np.where(
            told | (kind == Kind.CLEAR) | (kind == Kind.ORDER_CANCEL), 0,
            Flag.OFF_GRID).astype(np.uint32)
        lots = rows["size"].astype(np.int64)
        lots = np.where(lots == _UNDEF_SIZE, UNKNOWN_QTY, lots // self._lot)
        events["kind"][at] = kind
        events["side"][at] = np.where(kind == Kind.CLEAR, 0, _SIDES[rows["side"].view(np.uint8)])
        events["price_ticks"][at], events["residual_microticks"][at] = ticks, residual
        events["qty_lots"][at] = np.where(kind == Kind.CLEAR, 0, lots)
        events["order_id"][at] = rows["order_id"].view(np.int64)
        events["flags"][at] |= flags
        events["aux"][at] = filled & ((kind == Kind.ORDER_CANCEL) | (kind == Kind.ORDER_MODIFY))


def _packet_ends(rows: NDArray[np.void]) -> BoolArray:
    # A packet ends with F_LAST, and with the last record of a snapshot.
    is_snapshot = (rows["flags"] & _F_SNAPSHOT) != 0
    left = np.append(is_snapshot[:-1] & ~is_snapshot[1:], True)
    return np.asarray(left | (((rows["flags"] & _F_LAST) != 0) & ~is_snapshot))


def _end_of_live_packets(rows: NDArray[np.void]) -> int:
    # Where the last packet ends that is complete and no snapshot.
    live = ((rows["flags"] & _F_LAST) != 0) & ((rows["flags"] & _F_SNAPSHOT) == 0)
    found = np.flatnonzero(live)
    return int(found[-1]) + 1 if len(found) else 0


def _filled_by(rows: NDArray[np.void], ends: BoolArray) -> tuple[BoolArray, int]:
    # Whether an F of the same order stands in each record's packet, and how many F no C or M
    # of their packet follows up.
    is_fill = rows["action"] == b"F"
    if not is_fill.any():
        return np.zeros(len(rows), bool), 0
    _, order = np.unique(rows["order_id"], return_inverse=True)
    key = (np.cumsum(ends) - ends) * np.int64(len(rows)) + order
    settles = np.isin(rows["action"], (b"C", b"M"))
    unsettled = ~np.isin(key[is_fill], key[settles])
    return np.isin(key, key[is_fill]), int(unsettled.sum())


def _listed(names: list[str], most: int = 8) -> str:
    if not names:
        return "no symbols"
    return ", ".join(names[:most]) + (f" and {len(names) - most} more"
                                      if len(names) > most else "")
