"""LOBSTER samples: NASDAQ messages with the order book after each of them.

Every message becomes one packet: 1 ORDER_ADD; 2 and 3 ORDER_CANCEL; 4 ORDER_EXECUTE; 5 (a hidden
order's execution) TRADE with HIDDEN; 6 (a cross) TRADE with AUCTION; 7 SESSION: price -1 HALT,
0 (quoting resumes) AUCTION, 1 CONTINUOUS. The aggressor of 5 is minus the direction column.

The log opens with SESSION(CONTINUOUS) and a SNAPSHOT at the file's beginning: the first order-book
row with the first message reversed. After a message's own record its packet carries LEVEL_SET
records with REVEALED for the levels that the order-book file shows and messages cannot tell (the
rule is in `lobster_levels`), so that a book rebuilt from the log shows the file's levels at every
row. The report counts levels shown, revealed, and contradicting the messages.

Prices are in 1/10 000; times are read as exact decimals of a second after New York's midnight.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from dreammaker.data.importers.base import (
    INT32_MAX,
    Batch,
    BoolArray,
    ImportOptions,
    Int64Array,
    Progress,
    mark_last,
    off_grid_flags,
    reject,
)
from dreammaker.data.importers.clock import DAY_NS, midnight_utc_ns, zone
from dreammaker.data.importers.lobster_files import (
    TableReader,
    file_parts,
    find_pair,
    is_zip,
)
from dreammaker.data.importers.lobster_levels import (
    EMPTY,
    Changes,
    LevelTracker,
    SideRows,
)
from dreammaker.data.importers.text import Column, integers
from dreammaker.domain.errors import ConfigError, InputError
from dreammaker.domain.instrument import Instrument
from dreammaker.domain.schema import EVENT_DTYPE, EventArray, Flag, Kind, Phase
from dreammaker.domain.source import SourceProfile

if TYPE_CHECKING:
    import pyarrow

PRICE_UNITS = 10_000
_NO_PRICE = 9_999_999_999
_ROWS = 8_192
_MESSAGE_COLUMNS = [Column("time", "decimal"), *(
    Column(name, "integer") for name in ("type", "order id", "size", "price", "direction"))]
_KINDS = np.zeros(8, np.uint8)
_KINDS[1:8] = (Kind.ORDER_ADD, Kind.ORDER_CANCEL, Kind.ORDER_CANCEL, Kind.ORDER_EXECUTE,
               Kind.TRADE, Kind.TRADE, Kind.SESSION)
_TYPE_FLAGS = np.zeros(8, np.uint32)
_TYPE_FLAGS[5], _TYPE_FLAGS[6] = Flag.HIDDEN, Flag.AUCTION
_HALT_PHASES = {-1: Phase.HALT, 0: Phase.AUCTION, 1: Phase.CONTINUOUS}


class LobsterImporter:
    """Registry entry of the LOBSTER pair."""

    name = "lobster"
    uses_server_clock = False

    def matches(self, path: Path, head: str) -> bool:
        """Whether it is a zip, or a file named as LOBSTER names them."""
        return file_parts(path.name) is not None or is_zip(path)

    def symbol(self, path: Path) -> str:
        """The front of the file name (inside the zip)."""
        return find_pair(path).symbol

    def open(self, path: Path, instrument: Instrument, options: ImportOptions,
             progress: Progress | None) -> "LobsterStream":
        """Start reading."""
        return LobsterStream(path, instrument, options, progress)


class LobsterStream:
    """A LOBSTER pair being read, message and order-book rows in step."""

    def __init__(self, path: Path, instrument: Instrument, options: ImportOptions,
                 progress: Progress | None) -> None:
        self.instrument = instrument
        self._pair = find_pair(path)
        # The files name no zone: LOBSTER's days are New York's.
        self._midnight_ns = midnight_utc_ns(self._pair.day, zone("America/New_York"))
        unit = instrument.tick_size * PRICE_UNITS
        self._unit = round(unit)
        if self._unit < 1 or abs(unit - self._unit) > 1e-6:
            raise ConfigError(f"tick_size must be a multiple of {1 / PRICE_UNITS} for LOBSTER, was "
                              f"{instrument.tick_size}")
        parts = file_parts(self._pair.orderbook)
        assert parts is not None
        self._levels = int(parts["levels"])
        self.source = SourceProfile("lobster", self._levels, has_aggressor=True,
                                    order_by_order=True)
        self._options, self._progress = options, progress
        self._trackers = {side: LevelTracker() for side in (1, -1)}
        self._previous: dict[int, SideRows] = {}
        self._row = 0

    def __iter__(self) -> Iterator[Batch]:
        """Batches of packets: the opening ones, then one a message."""
        pair, size = self._pair, self._options.chunk_bytes
        with (TableReader(pair.archive, pair.message, size, None) as messages,
              TableReader(pair.archive, pair.orderbook, size, self._progress) as books):
            messages.set_columns(_MESSAGE_COLUMNS)
            width = books.first_line().count(",") + 1
            if width != 4 * self._levels:
                raise InputError(f"{4 * self._levels} columns expected for {self._levels} levels, "
                                 f"{width} found", file=books.name, line=1)
            books.set_columns([Column(f"{side}{what}{level}", "integer")
                               for level in range(1, self._levels + 1)
                               for side in ("Ask", "Bid") for what in ("Price", "Size")])
            while True:
                message_rows, book_rows = messages.take(_ROWS), books.take(_ROWS)
                count = message_rows.num_rows
                if count != book_rows.num_rows:
                    raise InputError(
                        "the message file and the order-book file have different numbers of rows "
                        f"(one ends at row {self._row + min(count, book_rows.num_rows)})",
                        file=messages.name)
                if not count:
                    return
                yield self._batch(self._messages(message_rows, messages.name),
                                  self._sides(book_rows, books.name))

    def _line(self, row: int) -> int:
        return self._row + row + 1

    def _messages(self, table: "pyarrow.Table", name: Path) -> dict[str, Int64Array]:
        rows = {column: integers(table, column) for column in
                ("type", "order id", "size", "price", "direction")}
        time = table.column("time").combine_chunks()
        # A decimal128 is two little-endian words; these times fit the lower one.
        words = np.frombuffer(time.buffers()[1], "<i8")
        rows["time"] = words[2 * time.offset:2 * (time.offset + len(time)):2].copy()
        kind, halt = rows["type"], rows["type"] == 7
        for bad, problem, values in (
                ((kind < 1) | (kind > 7), "the message type must be 1 to 7", kind),
                ((rows["time"] < 0) | (rows["time"] >= 2 * DAY_NS),
                 "the time must be in seconds after midnight", rows["time"]),
                (~halt & (np.abs(rows["direction"]) != 1), "the direction must be 1 or -1",
                 rows["direction"]),
                (~halt & ((rows["size"] <= 0) | (rows["size"] > INT32_MAX)),
                 f"the size must be in 1..{INT32_MAX}", rows["size"]),
                (~halt & ((rows["price"] <= 0)
                          | (rows["price"] // self._unit >= INT32_MAX)),
                 f"the price must be in 1..{INT32_MAX * self._unit}", rows["price"]),
                (halt & ~np.isin(rows["price"], list(_HALT_PHASES)),
                 "a halt's price must be -1, 0 or 1", rows["price"])):
            reject(bad, problem, self._line, name, values)
        return rows

    def _sides(self, table: "pyarrow.Table", name: Path) -> dict[int, SideRows]:
        cells = np.stack([integers(table, column) for column in table.column_names], axis=1)
        sides = {}
        for side, first in ((-1, 0), (1, 2)):
            prices, sizes = cells[:, first::4], cells[:, first + 1::4]
            empty = np.abs(prices) == _NO_PRICE
            bad = ~empty & ((prices <= 0) | (sizes <= 0) | (sizes > INT32_MAX))
            reject(bad.any(axis=1), "an order-book level must have a price and a size above 0, or "
                   f"the price +-{_NO_PRICE}", self._line, name)
            reject((~empty & (prices % self._unit != 0)).any(axis=1),
                   "an order-book price is off the grid of "
                   f"{self.instrument.tick_size} (set a finer tick size)", self._line, name)
            keys = np.where(empty, EMPTY, -side * prices)
            # Empty levels may only follow the others; the rest must move away from the market.
            ordered = (keys[:, :-1] < keys[:, 1:]) | (keys[:, 1:] == EMPTY)
            reject(~ordered.all(axis=1), "order-book levels must be in order of price",
                   self._line, name)
            sides[side] = SideRows(keys, np.where(empty, 0, sizes))
        return sides

    def _batch(self, rows: dict[str, Int64Array], sides: dict[int, SideRows]) -> Batch:
        count = len(rows["type"])
        opening = np.zeros(0, EVENT_DTYPE)
        touches = np.isin(rows["type"], (1, 2, 3, 4))
        delta = np.where(rows["type"] == 1, rows["size"], -rows["size"])
        if self._row == 0:
            opening = self._opening(rows, sides, touches, delta)
            self._previous = {side: SideRows(all_rows.keys[:1], all_rows.sizes[:1])
                              for side, all_rows in sides.items()}
            # Row 0 is the snapshot and message 0; there is nothing to compare it with.
            touches = touches.copy()
            touches[0] = False
        changes = {side: self._compare(side, rows, sides[side], touches, delta)
                   for side in (-1, 1)}
        events = self._packets(rows, changes)
        bid, ask = -sides[1].keys[:, 0], sides[-1].keys[:, 0]
        both = (sides[1].keys[:, 0] < EMPTY) & (ask < EMPTY)
        counters = {
            "levels_shown": sum(change.shown for change in changes.values()),
            "levels_revealed": sum(change.revealed for change in changes.values()),
            "levels_unexplained": sum(change.unexplained for change in changes.values()),
            "crossed": int((both & (bid > ask)).sum()), "locked": int((both & (bid == ask)).sum()),
        }
        self._row += count
        return Batch(self._pair.day, np.concatenate([opening, events]), count, count,
                     counters=counters)

    def _compare(self, side: int, rows: dict[str, Int64Array], current: SideRows,
                 touches: BoolArray, delta: Int64Array) -> Changes:
        before = self._previous[side]
        previous = SideRows(np.concatenate([before.keys, current.keys[:-1]]),
                            np.concatenate([before.sizes, current.sizes[:-1]]))
        self._previous[side] = SideRows(current.keys[-1:], current.sizes[-1:])
        mine = touches & (rows["direction"] == side)
        return self._trackers[side].step(
            previous, current, np.where(mine, -side * rows["price"], -EMPTY),
            np.where(mine, delta, 0))

    def _packets(self, rows: dict[str, Int64Array], changes: dict[int, Changes]) -> EventArray:
        count = len(rows["type"])
        extra_row = np.concatenate([changes[side].rows for side in (-1, 1)])
        extra_side = np.concatenate([np.full(len(changes[side].rows), side) for side in (-1, 1)])
        extra_key = np.concatenate([changes[side].keys for side in (-1, 1)])
        extra_size = np.concatenate([changes[side].sizes for side in (-1, 1)])
        order = np.argsort(extra_row, kind="stable")
        extra_row = extra_row[order]
        length = 1 + np.bincount(extra_row, minlength=count)
        start = np.concatenate(([0], np.cumsum(length)))
        events = np.zeros(int(start[-1]), EVENT_DTYPE)
        events["exch_ns"] = np.repeat(self._midnight_ns + rows["time"], length)
        events["seq"] = np.repeat(np.arange(self._row, self._row + count), length)
        self._put_messages(events, start[:-1], rows)
        # Within its row, an extra record stands behind the message and the extras before it.
        first_of_row = np.searchsorted(extra_row, extra_row)
        at = start[extra_row] + 1 + np.arange(len(extra_row)) - first_of_row
        events["kind"][at] = Kind.LEVEL_SET
        events["side"][at] = extra_side[order]
        events["price_ticks"][at] = (-extra_side * extra_key)[order] // self._unit
        events["qty_lots"][at] = extra_size[order]
        events["flags"][at] = Flag.REVEALED
        mark_last(events, start[1:] - 1)
        return self._finished(events)

    def _put_messages(self, events: EventArray, at: Int64Array,
                      rows: dict[str, Int64Array]) -> None:
        kind, price = rows["type"], rows["price"]
        halt = kind == 7
        ticks = np.where(halt, 0, (2 * price + self._unit) // (2 * self._unit))
        residual = np.where(halt, 0, (price - ticks * self._unit) * 1_000_000 // self._unit)
        events["kind"][at] = _KINDS[kind]
        # A trade's side is its aggressor's; the column names the resting order's.
        trade = (kind == 5) | (kind == 6)
        events["side"][at] = np.where(halt, 0, np.where(trade, -1, 1) * rows["direction"])
        events["order_id"][at] = rows["order id"]
        events["price_ticks"][at] = ticks
        events["residual_microticks"][at] = residual
        events["qty_lots"][at] = np.where(halt, 0, rows["size"])
        events["flags"][at] = _TYPE_FLAGS[kind] | off_grid_flags(residual)
        for code, phase in _HALT_PHASES.items():
            events["aux"][at[halt & (price == code)]] = phase

    def _opening(self, rows: dict[str, Int64Array], sides: dict[int, SideRows],
                 touches: BoolArray, delta: Int64Array) -> EventArray:
        levels: list[tuple[int, int, int]] = []
        for side, all_rows in sides.items():
            book = {int(key): int(size) for key, size
                    in zip(all_rows.keys[0], all_rows.sizes[0], strict=True) if key < EMPTY}
            if touches[0] and rows["direction"][0] == side:
                key = int(-side * rows["price"][0])
                book[key] = book.get(key, 0) - int(delta[0])
            levels.extend((side, -side * key, size) for key, size in sorted(book.items())
                          if size > 0)
        # An empty book is one record with both marks, side 0 and quantity 0.
        events = np.zeros(1 + max(len(levels), 1), EVENT_DTYPE)
        events["exch_ns"] = min(self._midnight_ns + self._pair.start_ms * 1_000_000,
                                self._midnight_ns + int(rows["time"][0]))
        events["seq"] = -1
        events["kind"] = Kind.SNAPSHOT
        for event, (side, price, size) in zip(events[1:], levels, strict=False):
            event["side"], event["price_ticks"], event["qty_lots"] = side, price // self._unit, size
        events["kind"][0], events["aux"][0] = Kind.SESSION, Phase.CONTINUOUS
        events["flags"][1] |= np.uint32(Flag.SNAP_BEGIN)
        events["flags"][-1] |= np.uint32(Flag.SNAP_END)
        mark_last(events, np.array([0, len(events) - 1]))
        return self._finished(events)

    def _finished(self, events: EventArray) -> EventArray:
        events["local_ns"] = events["exch_ns"]
        events["mono_ns"] = -1
        return events
