"""MetaTrader 5 tick exports: ``<DATE> <TIME> <BID> <ASK> <LAST> <VOLUME> [<FLAGS>]``.

Every row becomes one packet. A row with LAST above 0 (and, where there is a FLAGS column, one of
the bits LAST, VOLUME, BUY or SELL) is a TRADE. A filled BID or ASK cell is a QUOTE of that side,
unless it only repeats the price in a row that says something else; an empty cell means unchanged;
price 0 means that the side became empty (quantity 0). In a row with both, the TRADE comes first: it
met the quotes before it. Rows of zeros are noise.

The aggressor is the BUY or SELL bit; both or none: unknown. A TRADE while the carried quotes are
crossed is an auction's print (AUCTION); a row after which they are crossed or locked is CROSSED.
"""

from collections.abc import Iterator
from dataclasses import dataclass
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
    integers,
    numbers,
    parse,
    read_chunks,
    require_finite,
    require_on_grid,
    split_header,
)
from dreammaker.domain.errors import InputError
from dreammaker.domain.instrument import Instrument
from dreammaker.domain.schema import EVENT_DTYPE, UNKNOWN_QTY, EventArray, Flag, Kind
from dreammaker.domain.source import SourceProfile

if TYPE_CHECKING:
    import pyarrow

TICK_FLAG_LAST = 8
TICK_FLAG_VOLUME = 16
TICK_FLAG_BUY = 32
TICK_FLAG_SELL = 64
_TRADE_BITS = TICK_FLAG_LAST | TICK_FLAG_VOLUME | TICK_FLAG_BUY | TICK_FLAG_SELL

_COLUMNS = {
    "DATE": Column("<DATE>", "text"), "TIME": Column("<TIME>", "text"),
    "BID": Column("<BID>", "number", optional=True),
    "ASK": Column("<ASK>", "number", optional=True),
    "LAST": Column("<LAST>", "number", optional=True),
    "VOLUME": Column("<VOLUME>", "number", optional=True),
    "FLAGS": Column("<FLAGS>", "integer"),
}
_REQUIRED = ("DATE", "TIME", "BID", "ASK", "LAST", "VOLUME")


@dataclass(slots=True)
class _Rows:
    """Validated rows of one exchange date; arrays of shape (n,). NaN price = empty cell."""

    number: Int64Array
    exch_ns: Int64Array
    bid: Float64Array
    ask: Float64Array
    last: Float64Array
    lots: Int64Array
    side: Int64Array
    is_trade: BoolArray


class Mt5TickImporter:
    """Registry entry of the tick export."""

    name = "mt5_ticks"
    uses_server_clock = True

    def matches(self, path: Path, head: str) -> bool:
        """Whether the first line names DATE, TIME, BID, ASK and LAST."""
        names = _header_names(head.partition("\n")[0])[0]
        return {"DATE", "TIME", "BID", "ASK", "LAST"} <= set(names)

    def symbol(self, path: Path) -> str:
        """The front of the file name."""
        return symbol_of_name(path)

    def open(self, path: Path, instrument: Instrument, options: ImportOptions,
             progress: Progress | None) -> "Mt5TickStream":
        """Start reading."""
        return Mt5TickStream(path, instrument, options, progress)


class Mt5TickStream:
    """A tick export being read; vectorised, a chunk of lines at a time."""

    def __init__(self, path: Path, instrument: Instrument, options: ImportOptions,
                 progress: Progress | None) -> None:
        self.instrument = instrument
        self.source = SourceProfile("mt5_ticks", 0, has_aggressor=False)
        self._path, self._options, self._progress = path, options, progress
        self._server_zone = zone(options.server_zone)
        self._exchange_zone = zone(instrument.exchange_zone)
        self._columns: list[Column] = []
        self._delimiter = "\t"
        self._row_count = 0
        self._day: date | None = None
        self._bid = self._ask = float("nan")

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
        names, self._delimiter = _header_names(header)
        missing = [name for name in _REQUIRED if name not in names]
        unknown = [name for name in names if name not in _COLUMNS]
        if missing or unknown or len(set(names)) != len(names):
            raise InputError(
                f"the header is {header[:120]!r}; an MT5 tick export has <DATE> <TIME> <BID> "
                "<ASK> <LAST> <VOLUME> and sometimes <FLAGS>", file=self._path, line=1)
        self._columns = [_COLUMNS[name] for name in names]
        self.source = SourceProfile("mt5_ticks", 0, has_aggressor="FLAGS" in names)

    def _batches(self, chunk: Chunk) -> Iterator[Batch]:
        table = parse(chunk, self._columns, self._delimiter, self._path)
        count = table.num_rows
        wall_ns = self._wall_ns(table, chunk)
        rows, noise = self._rows(table, chunk, to_utc(wall_ns, self._server_zone))
        days = to_wall(rows.exch_ns, self._exchange_zone) // DAY_NS
        self._row_count += count
        starts = np.concatenate(([0], np.flatnonzero(np.diff(days)) + 1, [count]))
        for start, end in zip(starts[:-1].tolist(), starts[1:].tolist(), strict=True):
            day = day_of(int(days[start]) * DAY_NS)
            if self._day is not None and day < self._day:
                raise InputError(f"{day} comes after {self._day}; rows must be in order of days",
                                 file=self._path, line=chunk.line_of_row(start))
            if day != self._day:
                # A new session knows nothing of the last one's quotes.
                self._day, self._bid, self._ask = day, float("nan"), float("nan")
            yield self._batch(day, rows, slice(start, end), noise[start:end])

    def _wall_ns(self, table: "pyarrow.Table", chunk: Chunk) -> Int64Array:
        day_ns = dates_ns(table.column("<DATE>").combine_chunks())
        time_ns = times_ns(table.column("<TIME>").combine_chunks())
        reject(day_ns == BAD, "<DATE> must be YYYY.MM.DD, 1970 to 2199", chunk.line_of_row,
               self._path)
        reject(time_ns == BAD, "<TIME> must be HH:MM:SS.mmm", chunk.line_of_row, self._path)
        return day_ns + time_ns

    def _rows(self, table: "pyarrow.Table", chunk: Chunk,
              exch_ns: Int64Array) -> tuple[_Rows, BoolArray]:
        cells = {}
        zeros = np.ones(table.num_rows, bool)
        for name in ("<BID>", "<ASK>", "<LAST>", "<VOLUME>"):
            values, missing = numbers(table, name)
            require_finite(values, missing, chunk, name, self._path)
            reject(values < 0, f"{name} must be 0 or more", chunk.line_of_row, self._path, values)
            if name != "<VOLUME>":
                require_on_grid(values, self.instrument.tick_size, name, chunk, self._path)
            cells[name] = values
            zeros &= values == 0
        last = cells["<LAST>"]
        lots = self._lots(cells["<VOLUME>"], chunk)
        is_trade = last > 0
        side = np.zeros(table.num_rows, np.int64)
        if self.source.has_aggressor:
            bits = integers(table, "<FLAGS>")
            reject(bits < 0, "<FLAGS> must be 0 or more", chunk.line_of_row, self._path, bits)
            is_trade &= (bits & _TRADE_BITS) != 0
            side = (((bits & TICK_FLAG_BUY) != 0).astype(np.int64)
                    - ((bits & TICK_FLAG_SELL) != 0).astype(np.int64))
        number = np.arange(self._row_count, self._row_count + table.num_rows)
        return _Rows(number, exch_ns, cells["<BID>"], cells["<ASK>"], last, lots, side,
                     is_trade), zeros

    def _lots(self, volume: Float64Array, chunk: Chunk) -> Int64Array:
        exact = np.nan_to_num(volume) / self.instrument.lot_size
        lots = np.rint(exact)
        reject((np.abs(exact - lots) > 1e-6) | (lots > INT32_MAX),
               f"<VOLUME> must be whole lots of {self.instrument.lot_size:g}, at most {INT32_MAX}",
               chunk.line_of_row, self._path, volume)
        # A print without a size has an unknown one, never 0.
        return np.where(lots > 0, lots, UNKNOWN_QTY).astype(np.int64)

    def _batch(self, day: date, rows: _Rows, part: slice, noise: BoolArray) -> Batch:
        kept = np.flatnonzero(~noise) + part.start
        bid, ask, trade = rows.bid[kept], rows.ask[kept], rows.is_trade[kept]
        has_bid, has_ask = ~np.isnan(bid), ~np.isnan(ask)
        bid_after, ask_after = _carry(bid, self._bid), _carry(ask, self._ask)
        bid_before = np.concatenate(([self._bid], bid_after[:-1])) if len(kept) else bid_after
        ask_before = np.concatenate(([self._ask], ask_after[:-1])) if len(kept) else ask_after
        new_bid, new_ask = has_bid & (bid != bid_before), has_ask & (ask != ask_before)
        # A repeated price is worth a record only where the row says nothing else.
        repeats = ~(trade | new_bid | new_ask)
        emit_bid, emit_ask = new_bid | (has_bid & repeats), new_ask | (has_ask & repeats)
        if len(kept):
            self._bid, self._ask = float(bid_after[-1]), float(ask_after[-1])

        count = trade.astype(np.int64) + emit_bid + emit_ask
        start = np.concatenate(([0], np.cumsum(count)))
        events = np.zeros(int(start[-1]), EVENT_DTYPE)
        crossed = (bid_after >= ask_after) & (ask_after > 0)
        for name, values in (("exch_ns", rows.exch_ns[kept]), ("local_ns", rows.exch_ns[kept]),
                             ("seq", rows.number[kept]),
                             ("flags", np.where(crossed, np.uint32(Flag.CROSSED), np.uint32(0)))):
            events[name] = np.repeat(values, count)
        events["mono_ns"] = -1
        self._put_trades(events, start[:-1][trade], rows, kept[trade],
                         ((bid_before > ask_before) & (ask_before > 0))[trade])
        self._put_quotes(events, (start[:-1] + trade)[emit_bid], bid[emit_bid], 1)
        self._put_quotes(events, (start[:-1] + trade + emit_bid)[emit_ask], ask[emit_ask], -1)
        said = count > 0
        mark_last(events, start[1:][said] - 1)
        dropped = {"all zero": int(noise.sum()), "says nothing": int((~said).sum())}
        return Batch(day, events, part.stop - part.start, int(said.sum()),
                     {why: n for why, n in dropped.items() if n})

    def _put_trades(self, events: EventArray, at: Int64Array, rows: _Rows, row: Int64Array,
                    auction: BoolArray) -> None:
        self._put_prices(events, at, rows.last[row])
        events["kind"][at] = Kind.TRADE
        events["side"][at] = rows.side[row]
        events["qty_lots"][at] = rows.lots[row]
        events["flags"][at] |= np.where(auction, np.uint32(Flag.AUCTION), np.uint32(0))

    def _put_quotes(self, events: EventArray, at: Int64Array, price: Float64Array,
                    side: int) -> None:
        self._put_prices(events, at, price)
        events["kind"][at] = Kind.QUOTE
        events["side"][at] = side
        events["qty_lots"][at] = np.where(price > 0, UNKNOWN_QTY, 0)

    def _put_prices(self, events: EventArray, at: Int64Array, price: Float64Array) -> None:
        grid = to_grid(price, self.instrument.tick_size)
        events["price_ticks"][at] = grid.ticks
        events["residual_microticks"][at] = grid.residual
        events["flags"][at] |= grid.flags


def _header_names(header: str) -> tuple[list[str], str]:
    header = header.lstrip("\ufeff").rstrip("\r\n")
    delimiter = next((mark for mark in "\t,;" if mark in header), "\t")
    return [name.strip().strip("<>").upper() for name in header.split(delimiter)], delimiter


def _carry(values: Float64Array, before: float) -> Float64Array:
    # Each cell, or the last filled one before it; ``before`` where there was none yet.
    index = np.where(np.isnan(values), -1, np.arange(len(values)))
    index = np.maximum.accumulate(index)
    return np.where(index < 0, before, values[index]) if len(values) else values
