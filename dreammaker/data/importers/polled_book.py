"""Depth of market as a poller wrote it: ``timestamp,bid_price_1,bid_vol_1,...,ask_price_1,...``.

Every poll becomes one packet of SNAPSHOT records, also where it repeats the last one: a poll says
that the market was looked at, so a silence means that the poller stopped. The report counts those
that changed something.

A level with price and size 0 is not there. Levels of which the file has only zeros were not
asked for: the source's depth is the deepest level seen. Sides with nothing at level 1 are empty.
Other columns are left alone; a ``symbol`` column must name the instrument.

The time stamp (wall clock of ``server_zone``) is when the poll was read: the local time. When the
exchange had that book is not recorded: exchange time is the local time less ``feed_latency_ms``,
flagged EXCH_ESTIMATED. Polls may be locked or crossed (the sides are read one after the other);
those are flagged CROSSED and counted.
"""

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from dreammaker.data.importers.base import (
    INT32_MAX,
    Batch,
    BoolArray,
    Float64Array,
    ImportOptions,
    Int64Array,
    Progress,
    mark_last,
    reject,
    symbol_of_name,
    to_grid,
)
from dreammaker.data.importers.book_watch import BookWatch
from dreammaker.data.importers.clock import (
    BAD,
    DAY_NS,
    dates_ns,
    day_of,
    times_ns,
    to_utc,
    to_wall,
    zone,
)
from dreammaker.data.importers.text import (
    Chunk,
    Column,
    head_text,
    numbers,
    parse,
    read_chunks,
    require_finite,
    require_on_grid,
    split_header,
)
from dreammaker.domain.errors import InputError
from dreammaker.domain.instrument import Instrument
from dreammaker.domain.schema import EVENT_DTYPE, EventArray, Flag, Kind
from dreammaker.domain.source import SourceProfile

if TYPE_CHECKING:
    import pyarrow

_SIDES = {"bid": 1, "ask": -1}


class PolledBookImporter:
    """Registry entry of the polled depth."""

    name = "polled_book"
    uses_server_clock = True

    def matches(self, path: Path, head: str) -> bool:
        """Whether the first line names timestamp, bid_price_1 and ask_price_1."""
        names = _names(head.partition("\n")[0])
        return {"timestamp", "bid_price_1", "ask_price_1"} <= set(names)

    def symbol(self, path: Path) -> str:
        """The first row's symbol, or the front of the file name."""
        lines = head_text(path).splitlines()
        names = _names(lines[0]) if lines else []
        cells = lines[1].split(",") if len(lines) > 1 else []
        if "symbol" in names and len(cells) == len(names) and cells[names.index("symbol")]:
            return cells[names.index("symbol")]
        return symbol_of_name(path)

    def open(self, path: Path, instrument: Instrument, options: ImportOptions,
             progress: Progress | None) -> "PolledBookStream":
        """Start reading."""
        return PolledBookStream(path, instrument, options, progress)


class PolledBookStream:
    """Polled depth being read; vectorised, a chunk of lines at a time."""

    def __init__(self, path: Path, instrument: Instrument, options: ImportOptions,
                 progress: Progress | None) -> None:
        self.instrument = instrument
        self.source = _source(1)
        """Its depth is the deepest level seen so far."""
        self._path, self._options, self._progress = path, options, progress
        self._server_zone = zone(options.server_zone)
        self._exchange_zone = zone(instrument.exchange_zone)
        self._columns: list[Column] = []
        self._levels = 0
        self._watch = BookWatch(path)
        self._row_count = 0
        self._day: date | None = None
        self._latest_local = np.iinfo(np.int64).min
        self._last_row: Float64Array | None = None

    def __iter__(self) -> Iterator[Batch]:
        """Batches of packets, in file order."""
        with self._path.open("rb") as file:
            for chunk in read_chunks(file, self._path, self._options.chunk_bytes,
                                     self._path.stat().st_size, self._progress):
                if not self._columns:
                    header, chunk = split_header(chunk)
                    self._read_header(header)
                if chunk.data.strip():
                    yield from self._batches(chunk)
        if not self._row_count:
            raise InputError("has a header but no rows", file=self._path)

    def _read_header(self, header: str) -> None:
        names = _names(header)
        while f"bid_price_{self._levels + 1}" in names:
            self._levels += 1
        wanted = {f"{side}_{what}_{level}" for side in _SIDES for what in ("price", "vol")
                  for level in range(1, self._levels + 1)}
        missing = sorted((wanted | {"timestamp", "bid_price_1", "ask_price_1"}) - set(names))
        if missing or len(set(names)) != len(names):
            raise InputError(
                "the header " + (f"lacks {', '.join(missing)}" if missing else "repeats a column")
                + "; polled depth has timestamp and, from level 1 on, bid_price_1 bid_vol_1 "
                "ask_price_1 ask_vol_1", file=self._path, line=1)
        self._columns = [Column(name, "number") if name in wanted else
                         Column(name, "text", optional=name != "timestamp") for name in names]

    def _batches(self, chunk: Chunk) -> Iterator[Batch]:
        table = parse(chunk, self._columns, ",", self._path)
        self._check_symbol(table, chunk)
        local_ns = to_utc(self._wall_ns(table, chunk), self._server_zone)
        running = np.maximum(np.maximum.accumulate(local_ns), self._latest_local)
        days = to_wall(local_ns, self._exchange_zone) // DAY_NS
        latest = np.maximum.accumulate(days)
        if self._day is not None:
            latest = np.maximum(latest, (self._day - date(1970, 1, 1)).days)
        reject(days < latest, "the day is before that of an earlier row; rows must be in order "
               "of days", chunk.line_of_row, self._path)
        # (n, side, level): bids first, best first.
        prices, sizes = (np.stack([np.stack([self._cells(table, chunk, f"{side}_{what}_{level}")
                                             for level in range(1, self._levels + 1)], axis=1)
                                   for side in _SIDES], axis=1) for what in ("price", "vol"))
        lots = self._lots(prices, sizes, chunk)
        rows = np.concatenate([prices, sizes], axis=2).reshape(len(prices), -1)
        before = rows[:1] if self._last_row is None else self._last_row
        changed = (rows != np.concatenate([before, rows[:-1]])).any(axis=1)
        shown = np.flatnonzero((lots > 0).any(axis=(0, 1)))
        if len(shown):
            self.source = _source(max(self.source.depth_levels, int(shown[-1]) + 1))
        backwards = running != local_ns
        cuts = np.concatenate(([0], np.flatnonzero(np.diff(days)) + 1, [len(days)]))
        for start, end in zip(cuts[:-1].tolist(), cuts[1:].tolist(), strict=True):
            self._day = day_of(int(days[start]) * DAY_NS)
            part = slice(start, end)
            events = self._packets(prices[part], lots[part], running[part], backwards[part],
                                   self._row_count + start)
            counters = self._watch.mark(events) | {
                "polls_changed": int(changed[part].sum()),
                "polls_unchanged": int((~changed[part]).sum()),
                "local_time_backwards": int(backwards[part].sum())}
            yield Batch(self._day, events, end - start, end - start, counters=counters)
        self._row_count += len(rows)
        self._latest_local = int(running[-1])
        self._last_row = rows[-1:].copy()

    def _check_symbol(self, table: "pyarrow.Table", chunk: Chunk) -> None:
        if "symbol" not in table.column_names:
            return
        cells = table.column("symbol").combine_chunks().fill_null("")
        encoded = cells.dictionary_encode()
        for index, name in enumerate(encoded.dictionary.to_pylist()):
            if name != self.instrument.symbol:
                row = int(np.argmax(encoded.indices.to_numpy() == index))
                raise InputError(f"is of {name!r}, {self.instrument.symbol} was expected; a file "
                                 "of polls holds one symbol", file=self._path,
                                 line=chunk.line_of_row(row))

    def _wall_ns(self, table: "pyarrow.Table", chunk: Chunk) -> Int64Array:
        import pyarrow.compute as pc

        cells = table.column("timestamp").combine_chunks().fill_null("")
        day_ns = dates_ns(pc.utf8_slice_codeunits(cells, 0, 10))
        time_ns = times_ns(pc.utf8_slice_codeunits(cells, 11))
        mark = pc.utf8_slice_codeunits(cells, 10, 11)
        apart = pc.or_(pc.equal(mark, " "), pc.equal(mark, "T")).to_numpy(zero_copy_only=False)
        reject((day_ns == BAD) | (time_ns == BAD) | ~apart,
               "timestamp must be YYYY-MM-DD HH:MM:SS.ffffff", chunk.line_of_row, self._path)
        return day_ns + time_ns

    def _cells(self, table: "pyarrow.Table", chunk: Chunk, name: str) -> Float64Array:
        values, missing = numbers(table, name)
        require_finite(values, missing, chunk, name, self._path)
        reject(values < 0, f"{name} must be 0 or more", chunk.line_of_row, self._path, values)
        if "price" in name:
            require_on_grid(values, self.instrument.tick_size, name, chunk, self._path)
        return values

    def _lots(self, prices: Float64Array, sizes: Float64Array, chunk: Chunk) -> Int64Array:
        lot = self.instrument.lot_size
        exact = sizes / lot
        lots = np.rint(exact)
        self._refuse((np.abs(exact - lots) > 1e-6) | (lots > INT32_MAX), chunk,
                     f"a size must be whole lots of {lot:g}, at most {INT32_MAX}")
        self._refuse((prices > 0) != (sizes > 0), chunk,
                     "a level has a price and a size, or neither")
        there = prices > 0
        self._refuse(there[:, :, 1:] & ~there[:, :, :-1], chunk,
                     "a level must not follow one that is not there")
        worse = np.array([1.0, -1.0])[None, :, None] * (prices[:, :, :-1] - prices[:, :, 1:])
        self._refuse(there[:, :, 1:] & (worse <= 0), chunk,
                     "levels must be in order of price, best first")
        return lots.astype(np.int64)

    def _refuse(self, bad: BoolArray, chunk: Chunk, problem: str) -> None:
        # bad: (n, side, level).
        reject(np.asarray(bad.any(axis=(1, 2)), bool), problem, chunk.line_of_row, self._path)

    def _packets(self, prices: Float64Array, lots: Int64Array, local_ns: Int64Array,
                 backwards: BoolArray, first_row: int) -> EventArray:
        there = lots > 0
        # An empty book is one record with both marks, side 0 and quantity 0.
        length = np.maximum(there.sum(axis=(1, 2)), 1)
        ends = np.cumsum(length) - 1
        events = np.zeros(int(length.sum()), EVENT_DTYPE)
        events["kind"] = Kind.SNAPSHOT
        events["mono_ns"] = -1
        latency_ns = self._options.feed_latency_ms * 1_000_000
        events["local_ns"] = np.repeat(local_ns, length)
        events["exch_ns"] = events["local_ns"] - latency_ns
        events["seq"] = np.repeat(np.arange(first_row, first_row + len(length)), length)
        flags = np.where(backwards, np.uint32(Flag.LOCAL_SYNTHETIC), np.uint32(0))
        events["flags"] = np.repeat(flags | np.uint32(Flag.EXCH_ESTIMATED), length)
        filled = np.repeat(there.any(axis=(1, 2)), length)
        grid = to_grid(prices[there], self.instrument.tick_size)
        side = np.broadcast_to(np.array([1, -1])[None, :, None], there.shape)
        events["side"][filled] = side[there]
        events["price_ticks"][filled] = grid.ticks
        events["residual_microticks"][filled] = grid.residual
        events["flags"][filled] |= grid.flags
        events["qty_lots"][filled] = lots[there]
        events["flags"][ends - length + 1] |= np.uint32(Flag.SNAP_BEGIN)
        events["flags"][ends] |= np.uint32(Flag.SNAP_END)
        mark_last(events, ends)
        return events


def _source(levels: int) -> SourceProfile:
    return SourceProfile("polled_book", levels, has_aggressor=False, polled=True,
                         has_local_time=True)


def _names(header: str) -> list[str]:
    return [name.strip() for name in header.lstrip("\ufeff").rstrip("\r\n").split(",")]
