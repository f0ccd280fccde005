"""Raw Binance USD-M feeds: lines of ``local_ns JSON``, plain or gzip.

============  =========  ===================================================================
message       stream_id  records of its packet
============  =========  ===================================================================
depthUpdate   0          LEVEL_SET for each level, quantity 0 deletes; see `binance_depth`
snapshot      0          SNAPSHOT (``lastUpdateId``, ``bids``, ``asks``)
bookTicker    1          QUOTE of bid and ask: it never touches the depth book
trade         2          TRADE; ``m`` true = the seller was the aggressor. ``X`` other than
                         MARKET (insurance fund, deleveraging) is HIDDEN: it met no book
============  =========  ===================================================================

Other messages, and depth streams of a few levels, are dropped and counted. Exchange time is ``T``
(``E`` where there is none), local time the line's number of ns. If some message was received
before it was sent, the local clock is behind: one constant is added to all local times, such that
the fastest message takes ``feed_latency_ms``; they are LOCAL_SYNTHETIC, and a note tells the
constant. A first look through the file finds it. The streams' exchange times interleave;
TIME_BACKWARDS are only records older than others of their own stream.

A file holds one symbol. A new exchange day opens with a SNAPSHOT of the book as it stands.
"""

import json
import re
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from dreammaker.data.importers.base import (
    Batch,
    ImportOptions,
    Progress,
    half_of,
    require_near,
)
from dreammaker.data.importers.binance_depth import DepthSync, Difference, Packet
from dreammaker.data.importers.binance_records import records_of
from dreammaker.data.importers.book_watch import BookWatch
from dreammaker.data.importers.clock import day_of, midnight_utc_ns, to_wall, zone
from dreammaker.data.importers.packed import PackedReader, open_packed, packed_head
from dreammaker.domain.errors import InputError
from dreammaker.domain.instrument import Instrument
from dreammaker.domain.schema import EventArray, Flag, Kind
from dreammaker.domain.source import SourceProfile

MAX_LINE_BYTES = 2**24
DEPTH_LEVELS = 1_000
"""Levels a side of a snapshot; further ones are known once they have changed."""
DEPTH_STREAM, QUOTE_STREAM, TRADE_STREAM = 0, 1, 2
_BATCH_RECORDS = 25_000
_LINE = re.compile(rb"\d{19} \{")
_TIME = re.compile(rb'"T": ?(\d{13})[,}]')
_SENT = re.compile(rb'"E": ?(\d{13})[,}]')
_FEW_LEVELS = re.compile(r"@depth\d+(@|$)")
_MS = 1_000_000
_EARLIEST_MS, _LATEST_MS = 10**12, 7 * 10**12


class BinanceImporter:
    """Registry entry of the raw feed."""

    name = "binance_raw"
    uses_server_clock = False

    def matches(self, path: Path, head: str) -> bool:
        """Whether the first line, unpacked, is a time in ns and a JSON object of such a feed."""
        start = packed_head(path, 400)
        return bool(_LINE.match(start)) and any(
            mark in start for mark in (b'"stream"', b'"lastUpdateId"', b'"e":'))

    def symbol(self, path: Path) -> str:
        """The symbol of the first message that names one."""
        with open_packed(path) as file:
            for number, line in _numbered(file, 2**16):
                _, message = _parsed(line, number, path)
                name = _body(message).get("s")
                if isinstance(name, str):
                    return name
        raise InputError("has no message that names a symbol", file=path)

    def open(self, path: Path, instrument: Instrument, options: ImportOptions,
             progress: Progress | None) -> "BinanceStream":
        """Start reading."""
        return BinanceStream(path, instrument, options, progress)


class BinanceStream:
    """A raw feed being read, message by message; numbers are converted a batch at a time."""

    def __init__(self, path: Path, instrument: Instrument, options: ImportOptions,
                 progress: Progress | None) -> None:
        self.instrument = instrument
        self.source = SourceProfile("binance_raw", DEPTH_LEVELS, has_aggressor=True,
                                    has_local_time=True)
        self._path, self._options, self._progress = path, options, progress
        self._zone = zone(instrument.exchange_zone)
        self._sync, self._watch = DepthSync(), BookWatch(path)
        self._reported: dict[str, int] = {}
        self._rows_read = 0
        self._latest_local = 0
        self._last_trade = self._last_quote = -1
        self._day: date | None = None
        self._day_end_ms = 0
        self._opening: list[EventArray] = []
        self._correction_ns = 0
        self._noted = False

    def __iter__(self) -> Iterator[Batch]:
        """Batches of packets, in file order."""
        self._correction_ns = self._clock_correction()
        packets: list[Packet] = []
        records = 0
        with open_packed(self._path, half_of(self._progress, 1)) as file:
            for number, line in _numbered(file, self._options.chunk_bytes):
                found = self._take(number, line)
                if found and found[-1].exch_ms >= self._day_end_ms:
                    if packets:
                        yield self._batch(packets, this_row=1)
                        packets, records = [], 0
                    self._begin_day(found[-1])
                packets += found
                records += sum(len(packet.sides) for packet in found)
                if records >= _BATCH_RECORDS:
                    yield self._batch(packets)
                    packets, records = [], 0
        if not self._rows_read and self._day is None:
            raise InputError("has no lines", file=self._path)
        self._sync.forget_held()
        if self._day is not None:
            yield self._batch(packets)

    def _clock_correction(self) -> int:
        least, at = 0, 0
        with open_packed(self._path, half_of(self._progress, 0)) as file:
            for number, line in _numbered(file, self._options.chunk_bytes):
                found = _TIME.search(line) or _SENT.search(line)
                if found and line[:19].isdigit():
                    late = int(line[:19]) - int(found[1]) * _MS
                    if late < least:
                        least, at = late, number
        require_near(-least, self._path, at)
        return self._options.feed_latency_ms * _MS - least if least < 0 else 0

    def _take(self, number: int, line: bytes) -> list[Packet]:
        if not line.strip():
            return []
        self._rows_read += 1
        local_ns, message = _parsed(line, number, self._path)
        local_ns += self._correction_ns
        flags = int(Flag.LOCAL_SYNTHETIC) if self._correction_ns else 0
        if local_ns < self._latest_local:
            flags, local_ns = int(Flag.LOCAL_SYNTHETIC), self._latest_local
            self._count("local_time_backwards")
        self._latest_local = local_ns
        body = _body(message)
        try:
            packets = self._packets(message, body, local_ns, number)
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(f"is no complete message of the feed ({type(error).__name__}: "
                             f"{error})", file=self._path, line=number) from None
        for packet in packets:
            packet.flags |= flags
        return packets

    def _packets(self, message: dict[str, Any], body: dict[str, Any], local_ns: int,
                 number: int) -> list[Packet]:
        event = body.get("e")
        name = body.get("s")
        if event in ("depthUpdate", "bookTicker", "trade") and (
                name != self.instrument.symbol):
            raise InputError(f"a message of {name}, {self.instrument.symbol} was expected; a raw "
                             "feed file holds one symbol", file=self._path, line=number)
        if "lastUpdateId" in body and event is None:
            update = _whole(body["lastUpdateId"])
            packet = self._depth(Kind.SNAPSHOT, body, body["bids"], body["asks"], update,
                                 local_ns, number)
            return self._said(self._sync.snapshot(update, packet))
        if event == "depthUpdate" and not _FEW_LEVELS.search(str(message.get("stream", ""))):
            last = _whole(body["u"])
            packet = self._depth(Kind.LEVEL_SET, body, body["b"], body["a"], last, local_ns,
                                 number)
            return self._said(self._sync.difference(Difference(_whole(body["pu"]), last, packet)))
        if event == "bookTicker":
            return self._quote(body, local_ns, number)
        if event == "trade":
            return self._trade(body, local_ns, number)
        return self._drop("other messages")

    def _depth(self, kind: Kind, body: dict[str, Any], bids: list[Any], asks: list[Any],
               sequence: int, local_ns: int, number: int) -> Packet:
        return Packet(kind, _time_ms(body), local_ns, sequence, DEPTH_STREAM, number,
                      [1] * len(bids) + [-1] * len(asks),
                      [price for price, _ in bids] + [price for price, _ in asks],
                      [size for _, size in bids] + [size for _, size in asks])

    def _quote(self, body: dict[str, Any], local_ns: int, number: int) -> list[Packet]:
        packet = Packet(Kind.QUOTE, _time_ms(body), local_ns, _whole(body["u"]), QUOTE_STREAM,
                        number, [1, -1], [body["b"], body["a"]], [body["B"], body["A"]])
        if packet.sequence < self._last_quote:
            return self._drop("best quotes older than the last")
        self._last_quote = packet.sequence
        return [packet]

    def _trade(self, body: dict[str, Any], local_ns: int, number: int) -> list[Packet]:
        if not isinstance(body["m"], bool):
            raise ValueError(f"m must be true or false, was {body['m']!r}")
        packet = Packet(Kind.TRADE, _time_ms(body), local_ns, _whole(body["t"]), TRADE_STREAM,
                        number, [-1 if body["m"] else 1], [body["p"]], [body["q"]])
        if body.get("X", "MARKET") != "MARKET":
            packet.flags = int(Flag.HIDDEN)
        if packet.sequence <= self._last_trade:
            return self._drop("repeated trades")
        if self._last_trade >= 0:
            self._count("trades_missing", packet.sequence - self._last_trade - 1)
        self._last_trade = packet.sequence
        return [packet]

    def _said(self, packets: list[Packet]) -> list[Packet]:
        # A difference may have no levels; an empty snapshot is an empty book.
        for packet in packets:
            if packet.kind == Kind.SNAPSHOT and not packet.sides:
                packet.sides, packet.prices, packet.sizes = [0], ["0"], ["0"]
        said = [packet for packet in packets if packet.sides]
        if len(said) < len(packets):
            self._drop("says nothing", len(packets) - len(said))
        return said

    def _drop(self, why: str, count: int = 1) -> list[Packet]:
        self._sync.dropped[why] = self._sync.dropped.get(why, 0) + count
        return []

    def _count(self, name: str, more: int = 1) -> None:
        self._sync.counters[name] = self._sync.counters.get(name, 0) + more

    def _begin_day(self, first: Packet) -> None:
        time_ns = np.array([first.exch_ms * _MS])
        day = day_of(int(to_wall(time_ns, self._zone)[0]))
        if self._day is not None and self._sync.in_step:
            # What stands overnight is told to the new day.
            events = self._watch.snapshot()
            events["exch_ns"], events["local_ns"] = time_ns[0], first.local_ns
            events["seq"], events["stream_id"] = self._sync.last, DEPTH_STREAM
            events["flags"] |= np.uint32(first.flags & Flag.LOCAL_SYNTHETIC)
            self._opening = [events]
        self._day = day
        self._day_end_ms = midnight_utc_ns(day + timedelta(days=1), self._zone) // _MS

    def _batch(self, packets: list[Packet], this_row: int = 0) -> Batch:
        # this_row: rows already counted that belong to the next batch.
        assert self._day is not None
        events = np.concatenate([*self._opening,
                                 records_of(packets, self.instrument, self._path)])
        self._opening = []
        now = self._sync.counters
        counters = self._watch.mark(events) | {
            name: count - self._reported.get(name, 0) for name, count in now.items()}
        self._reported = dict(now)
        kept = sum(packet.kind not in (Kind.GAP, Kind.CLEAR) for packet in packets)
        batch = Batch(self._day, events, self._rows_read - this_row, kept, self._sync.dropped,
                      counters)
        self._rows_read, self._sync.dropped = this_row, {}
        if self._correction_ns and not self._noted:
            self._noted = True
            batch.notes.append(
                "the local clock is behind the exchange's: every local time was moved by "
                f"{self._correction_ns / 1e9:+.9f} s, so that the fastest message takes "
                f"{self._options.feed_latency_ms} ms")
        return batch


def _numbered(file: PackedReader, chunk_bytes: int) -> Iterator[tuple[int, bytes]]:
    number = 0
    while (lines := file.lines(chunk_bytes, MAX_LINE_BYTES)) is not None:
        for line in lines:
            number += 1
            yield number, line


def _parsed(line: bytes, number: int, path: Path) -> tuple[int, dict[str, Any]]:
    stamp, _, text = line.partition(b" ")
    if not (len(stamp) == 19 and stamp.isdigit()):
        raise InputError("must begin with the local time in ns (19 digits) and a space, began "
                         f"with {stamp[:30].decode('utf-8', 'replace')!r}", file=path, line=number)
    try:
        message = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(f"is not JSON after the time ({error})", file=path, line=number) from None
    if not isinstance(message, dict):
        raise InputError("must hold a JSON object after the time", file=path, line=number)
    return int(stamp), message


def _body(message: dict[str, Any]) -> dict[str, Any]:
    # Combined streams wrap the message, single ones do not.
    body = message.get("data", message)
    return body if isinstance(body, dict) else {}


def _time_ms(body: dict[str, Any]) -> int:
    time = _whole(body["T"] if "T" in body else body["E"])
    if not _EARLIEST_MS <= time < _LATEST_MS:
        raise ValueError(f"T and E must be in ms since 1970, was {time}")
    return time


def _whole(value: Any) -> int:
    if type(value) is not int:
        raise ValueError(f"a whole number was expected, was {str(value)[:40]!r}")
    return value
