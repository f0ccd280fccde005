"""Packets of a raw Binance feed as event records: text to whole ticks and lots, a batch at once."""

from pathlib import Path
from typing import Any

import numpy as np

from dreammaker.data.importers.base import (
    INT32_MAX,
    Float64Array,
    Int64Array,
    mark_last,
    to_grid,
)
from dreammaker.data.importers.binance_depth import Packet
from dreammaker.domain.errors import InputError
from dreammaker.domain.instrument import Instrument
from dreammaker.domain.schema import EVENT_DTYPE, EventArray, Flag, Kind

_MS = 1_000_000


def records_of(packets: list[Packet], instrument: Instrument, path: Path) -> EventArray:
    """Packets as records, each packet's last one with LAST.

    Parameters
    ----------
    packets : list of Packet
        Each of at least one record.
    instrument : Instrument
        Gives the tick and the lot.
    path : Path
        For errors.

    Raises
    ------
    InputError
        If a price or a size is no number, is beyond 32 bits, or a size is no whole lots.
    """
    length = np.array([len(packet.sides) for packet in packets], np.int64)
    events = np.zeros(int(length.sum()), EVENT_DTYPE)
    if not len(events):
        return events
    for name, values in (("exch_ns", [packet.exch_ms * _MS for packet in packets]),
                         ("local_ns", [packet.local_ns for packet in packets]),
                         ("seq", [packet.sequence for packet in packets]),
                         ("stream_id", [packet.stream for packet in packets]),
                         ("kind", [packet.kind for packet in packets]),
                         ("flags", [packet.flags for packet in packets])):
        events[name] = np.repeat(np.array(values, events[name].dtype), length)
    events["mono_ns"] = -1
    events["side"] = [side for packet in packets for side in packet.sides]
    plain = (events["kind"] != Kind.GAP) & (events["kind"] != Kind.CLEAR)
    lines = np.repeat([packet.line for packet in packets], length)[plain]
    _put_prices(events, plain, [text for packet in packets for text in packet.prices], lines,
                instrument, path)
    _put_sizes(events, plain, [text for packet in packets for text in packet.sizes], lines,
               instrument, path)
    ends = np.cumsum(length) - 1
    starts = ends - length + 1
    for packet, start, end in zip(packets, starts.tolist(), ends.tolist(), strict=True):
        if packet.kind == Kind.SNAPSHOT:
            events["flags"][start] |= np.uint32(Flag.SNAP_BEGIN)
            events["flags"][end] |= np.uint32(Flag.SNAP_END)
        elif packet.kind == Kind.GAP:
            events["qty_lots"][start] = min(packet.gap_ms, INT32_MAX)
    mark_last(events, ends)
    return events


def _put_prices(events: EventArray, plain: Any, texts: list[Any], lines: Int64Array,
                instrument: Instrument, path: Path) -> None:
    values = _numbers(texts, plain, lines, "price", path)
    bad = ~((values > 0) & (values < INT32_MAX * instrument.tick_size))
    # A side without a best price, or an empty snapshot, is told by price 0.
    empty = (events["kind"] == Kind.QUOTE) | (events["side"] == 0)
    bad &= ~((values == 0) & empty[plain])
    _refuse(bad, values, lines, f"a price must be above 0 and below {INT32_MAX} ticks of "
            f"{instrument.tick_size:g}", path)
    grid = to_grid(values, instrument.tick_size)
    events["price_ticks"][plain], events["residual_microticks"][plain] = grid.ticks, grid.residual
    events["flags"][plain] |= grid.flags


def _put_sizes(events: EventArray, plain: Any, texts: list[Any], lines: Int64Array,
               instrument: Instrument, path: Path) -> None:
    values = _numbers(texts, plain, lines, "quantity", path)
    exact = values / instrument.lot_size
    lots = np.rint(exact)
    bad = ~((values >= 0) & (lots <= INT32_MAX)
            & (np.abs(exact - lots) <= 1e-6 + 1e-12 * np.abs(exact)))
    _refuse(bad, values, lines, f"a quantity must be whole lots of {instrument.lot_size:g}, at "
            f"most {INT32_MAX} of them (see --lot-size)", path)
    events["qty_lots"][plain] = lots.astype(np.int64)


def _numbers(texts: list[Any], plain: Any, lines: Int64Array, what: str,
             path: Path) -> Float64Array:
    import pyarrow as pa

    if not plain.all():
        texts = [text for text, keep in zip(texts, plain.tolist(), strict=True) if keep]
    try:
        cells = pa.array(texts, pa.string())
        return np.asarray(cells.cast(pa.float64()).to_numpy(zero_copy_only=False), np.float64)
    except pa.ArrowException:
        for text, line in zip(texts, lines.tolist(), strict=True):
            if not isinstance(text, str) or not _is_number(text):
                raise InputError(f"a {what} must be a number in quotes, was {str(text)[:40]!r}",
                                 file=path, line=line) from None
        raise InputError(f"a {what} cannot be read", file=path,
                         line=int(lines[0])) from None


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return text.strip() == text and "_" not in text


def _refuse(bad: Any, values: Float64Array, lines: Int64Array, problem: str, path: Path) -> None:
    if bad.any():
        row = int(np.argmax(bad))
        raise InputError(f"{problem}, was {values[row]:g}", file=path, line=int(lines[row]))
