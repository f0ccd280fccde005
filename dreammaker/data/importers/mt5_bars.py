"""MetaTrader bars: the tab export with a header, and the headerless comma export.

With header: ``<DATE> [<TIME>] <OPEN> <HIGH> <LOW> <CLOSE> <TICKVOL> <VOL> [<SPREAD>]``. Without:
``YYYY.MM.DD HH:MM,open,high,low,close,tick volume,volume``, often in UTF-16.

A bar is one packet of four BAR records. The open's exchange time is the bar's start, that of the
high, the low and the close is its end; the packet arrives after the end, so that no bar is seen
before it is complete. The period is the one the file name tells (``_M1``, ``$NM30``), else the most
common distance between the first bars.
"""

import re
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from dreammaker.data.importers.base import (
    INT32_MAX,
    Batch,
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
from dreammaker.domain.schema import EVENT_DTYPE, UNKNOWN_QTY, Kind
from dreammaker.domain.source import SourceProfile

if TYPE_CHECKING:
    import pyarrow

_COLUMNS = {
    "DATE": Column("<DATE>", "text"), "TIME": Column("<TIME>", "text"),
    "OPEN": Column("<OPEN>", "number"), "HIGH": Column("<HIGH>", "number"),
    "LOW": Column("<LOW>", "number"), "CLOSE": Column("<CLOSE>", "number"),
    "TICKVOL": Column("<TICKVOL>", "integer"), "VOL": Column("<VOL>", "integer"),
    "SPREAD": Column("<SPREAD>", "integer"),
}
_REQUIRED = ("DATE", "OPEN", "HIGH", "LOW", "CLOSE", "TICKVOL", "VOL")
_HEADERLESS = re.compile(r"\ufeff?\d{4}[.]\d{2}[.]\d{2} \d{2}:\d{2}(:\d{2})?(,[^,]*){6}\r?")
_PERIOD = re.compile(r"(?:_|[$@][A-Z]?)(M|H|D)(\d+)(?:_|$)")
_UNIT_SECONDS = {"M": 60, "H": 3_600, "D": 86_400}


class Mt5BarImporter:
    """Registry entry of the bar exports."""

    name = "mt5_bars"
    uses_server_clock = True

    def matches(self, path: Path, head: str) -> bool:
        """Whether the first line names OPEN and CLOSE, or is a bar itself."""
        first = head.partition("\n")[0]
        return {"DATE", "OPEN", "CLOSE"} <= set(_header_names(first)) or bool(
            _HEADERLESS.fullmatch(first))

    def symbol(self, path: Path) -> str:
        """The front of the file name, without the period."""
        return symbol_of_name(path)

    def open(self, path: Path, instrument: Instrument, options: ImportOptions,
             progress: Progress | None) -> "Mt5BarStream":
        """Start reading."""
        return Mt5BarStream(path, instrument, options, progress)


class Mt5BarStream:
    """A bar export being read."""

    def __init__(self, path: Path, instrument: Instrument, options: ImportOptions,
                 progress: Progress | None) -> None:
        self.instrument = instrument
        self.source = SourceProfile("mt5_bars", 0, has_aggressor=False)
        self._path, self._options, self._progress = path, options, progress
        self._server_zone = zone(options.server_zone)
        self._exchange_zone = zone(instrument.exchange_zone)
        self._columns: list[Column] = []
        self._delimiter = "\t"
        self._spread_unit = 1.0
        self._period_ns = _named_period_ns(path)
        self._row_count = 0
        self._day: date | None = None

    def __iter__(self) -> Iterator[Batch]:
        """Batches of bars, in file order."""
        with self._path.open("rb") as file:
            for chunk in read_chunks(file, self._path, self._options.chunk_bytes,
                                     self._path.stat().st_size, self._progress):
                if not self._columns:
                    chunk = self._begin(chunk)
                if chunk.data.strip():
                    yield from self._batches(chunk)
        if not self._row_count:
            raise InputError("has a header but no rows", file=self._path)

    def _begin(self, chunk: Chunk) -> Chunk:
        header, rest = split_header(chunk)
        if _HEADERLESS.fullmatch(header):
            self._delimiter = ","
            self._columns = [Column("time", "text"), *(
                _COLUMNS[name] for name in ("OPEN", "HIGH", "LOW", "CLOSE", "TICKVOL", "VOL"))]
            return chunk
        names = _header_names(header)
        missing = [name for name in _REQUIRED if name not in names]
        unknown = [name for name in names if name not in _COLUMNS]
        if missing or unknown or len(set(names)) != len(names):
            raise InputError(
                f"the header is {header[:120]!r}; MetaTrader bars have <DATE> <TIME> <OPEN> "
                "<HIGH> <LOW> <CLOSE> <TICKVOL> <VOL> and sometimes <SPREAD>", file=self._path,
                line=1)
        self._delimiter = "\t" if "\t" in header else ","
        self._columns = [_COLUMNS[name] for name in names]
        self._spread_unit = _point(rest, names.index("CLOSE"), self._delimiter)
        return rest

    def _batches(self, chunk: Chunk) -> Iterator[Batch]:
        table = parse(chunk, self._columns, self._delimiter, self._path)
        wall_ns = self._wall_ns(table, chunk)
        starts_ns = to_utc(wall_ns, self._server_zone)
        if self._period_ns is None:
            self._period_ns = _common_step_ns(starts_ns)
        prices = self._prices(table, chunk)
        counts = self._counts(table, chunk)
        days = to_wall(starts_ns, self._exchange_zone) // DAY_NS
        cuts = np.concatenate(([0], np.flatnonzero(np.diff(days)) + 1, [len(days)]))
        for start, end in zip(cuts[:-1].tolist(), cuts[1:].tolist(), strict=True):
            day = day_of(int(days[start]) * DAY_NS)
            if self._day is not None and day < self._day:
                raise InputError(f"{day} comes after {self._day}; bars must be in order of days",
                                 file=self._path, line=chunk.line_of_row(start))
            self._day = day
            part = slice(start, end)
            yield self._batch(day, starts_ns[part], self._period_ns, prices[:, part],
                              counts[:, part])

    def _wall_ns(self, table: "pyarrow.Table", chunk: Chunk) -> Int64Array:
        if "time" in table.column_names:
            import pyarrow.compute as pc

            cells = table.column("time").combine_chunks().fill_null("")
            day_cells = pc.utf8_slice_codeunits(cells, 0, 10)
            time_cells = pc.utf8_slice_codeunits(cells, 11)
        else:
            day_cells = table.column("<DATE>").combine_chunks()
            time_cells = (table.column("<TIME>").combine_chunks()
                          if "<TIME>" in table.column_names else None)
        day_ns = dates_ns(day_cells)
        time_ns = np.zeros_like(day_ns) if time_cells is None else times_ns(time_cells)
        reject((day_ns == BAD) | (time_ns == BAD),
               "the time of a bar must be YYYY.MM.DD and HH:MM[:SS]", chunk.line_of_row,
               self._path)
        return day_ns + time_ns

    def _prices(self, table: "pyarrow.Table", chunk: Chunk) -> Float64Array:
        # (4, n): open, high, low, close.
        rows = []
        for name in ("<OPEN>", "<HIGH>", "<LOW>", "<CLOSE>"):
            values, missing = numbers(table, name)
            require_finite(values, missing, chunk, name, self._path)
            reject(values <= 0, f"{name} must be above 0", chunk.line_of_row, self._path, values)
            require_on_grid(values, self.instrument.tick_size, name, chunk, self._path)
            rows.append(values)
        opened, high, low, close = rows
        reject((high < np.maximum(opened, close)) | (low > np.minimum(opened, close)),
               "a bar's high and low must enclose its open and close", chunk.line_of_row,
               self._path)
        return np.stack(rows)

    def _counts(self, table: "pyarrow.Table", chunk: Chunk) -> Int64Array:
        # (3, n): tick volume, volume in lots, spread in ticks (-1 where the file has none).
        rows = []
        for name in ("<TICKVOL>", "<VOL>", "<SPREAD>"):
            if name not in table.column_names:
                rows.append(np.full(table.num_rows, UNKNOWN_QTY, np.int64))
                continue
            unit = {"<SPREAD>": self._spread_unit / self.instrument.tick_size,
                    "<VOL>": 1 / self.instrument.lot_size}.get(name, 1.0)
            values = np.rint(integers(table, name) * unit)
            reject((values < 0) | (values > INT32_MAX), f"{name} must be in 0..{INT32_MAX}",
                   chunk.line_of_row, self._path, values)
            rows.append(np.asarray(values, np.int64))
        return np.stack(rows)

    def _batch(self, day: date, starts_ns: Int64Array, period_ns: int, prices: Float64Array,
               counts: Int64Array) -> Batch:
        bars = len(starts_ns)
        events = np.zeros((bars, 4), EVENT_DTYPE)
        ends_ns = starts_ns + period_ns
        events["exch_ns"] = np.stack([starts_ns, ends_ns, ends_ns, ends_ns], axis=1)
        events["local_ns"] = ends_ns[:, None]
        events["mono_ns"] = -1
        events["seq"] = np.arange(self._row_count, self._row_count + bars)[:, None]
        self._row_count += bars
        grid = to_grid(prices.T.ravel(), self.instrument.tick_size)
        flat = events.reshape(-1)
        flat["price_ticks"], flat["residual_microticks"] = grid.ticks, grid.residual
        flat["flags"] = grid.flags
        flat["kind"] = Kind.BAR
        events["qty_lots"][:, :3] = counts.T
        events["qty_lots"][:, 3] = UNKNOWN_QTY
        events["aux"] = np.arange(4)
        mark_last(flat, np.arange(3, 4 * bars, 4))
        return Batch(day, flat, bars, bars, counters={"bars": bars})


def _header_names(header: str) -> list[str]:
    header = header.lstrip("\ufeff").rstrip("\r\n")
    return [name.strip().strip("<>").upper()
            for name in header.split("\t" if "\t" in header else ",")]


def _named_period_ns(path: Path) -> int | None:
    match = _PERIOD.search(path.stem)
    return None if match is None else _UNIT_SECONDS[match[1]] * int(match[2]) * 1_000_000_000


def _common_step_ns(starts_ns: Int64Array) -> int:
    steps = np.diff(starts_ns)
    steps = steps[steps > 0]
    if not len(steps):
        return 60_000_000_000
    values, counts = np.unique(steps, return_counts=True)
    return int(values[np.argmax(counts)])


def _point(rest: Chunk, column: int, delimiter: str) -> float:
    # The export writes prices with the symbol's digits; the spread counts in units of the last one.
    cells = rest.data.partition(b"\n")[0].decode("utf-8", errors="replace").split(delimiter)
    decimals = len(cells[column].strip().partition(".")[2]) if column < len(cells) else 0
    return float(10.0 ** -decimals)
