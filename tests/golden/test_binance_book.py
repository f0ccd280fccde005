"""The book of a BTCUSDT perpetual's raw feed, against a slow replay of the file.

The replay follows the venue's own instructions with plain dictionaries and exact decimals.
"""

import gzip
import json
from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest

from dreammaker._ext.book_kernel import BookKernel
from dreammaker.data import ImportOptions, import_file, read_binance_raw
from dreammaker.domain.errors import InputError
from dreammaker.domain.schema import Flag, Kind
from dreammaker.store import EventStore

FILE = "usdm_btcusdt_20240808.gz"
TICK, LOT = Decimal("0.1"), Decimal("0.001")
CHECK_EVERY = 50

pytestmark = pytest.mark.market_data


@pytest.fixture(scope="module")
def log(market_data):
    return read_binance_raw(market_data / FILE)


@pytest.fixture(scope="module")
def messages(market_data):
    with gzip.open(market_data / FILE) as file:
        found = [(int(line[:19]), json.loads(line[20:])) for line in file]
    assert len(found) == 93_954
    return found


def whole(text, unit):
    steps = Decimal(text) / unit
    assert steps == int(steps)
    return int(steps)


def put(book, side, levels):
    for price, size in levels:
        book[side][whole(price, TICK)] = whole(size, LOT)
        if not book[side][whole(price, TICK)]:
            del book[side][whole(price, TICK)]


def replayed(messages):
    """(u, book) after each depth difference, by the venue's instructions."""
    book = {1: {}, -1: {}}
    held, last = [], None
    for _, message in messages:
        if "lastUpdateId" in message:
            update = message["lastUpdateId"]
            put(book, 1, message["bids"])
            put(book, -1, message["asks"])
            ready = [diff for diff in held if diff["u"] >= update]
            assert ready[0]["U"] <= update <= ready[0]["u"]
            last = ready[0]["pu"]
        elif message["data"]["e"] == "depthUpdate":
            ready = [message["data"]]
            if last is None:
                held += ready
                continue
        else:
            continue
        for diff in ready:
            assert diff["pu"] == last
            last = diff["u"]
            put(book, 1, diff["b"])
            put(book, -1, diff["a"])
            yield last, book


def test_book_when_rebuilt_then_the_slow_replays_at_many_points_and_at_the_end(log, messages):
    kernel = BookKernel()
    depth = (log.events["stream_id"] == 0) & ((log.events["flags"] & Flag.LAST) != 0)
    depth &= log.events["kind"] == Kind.LEVEL_SET
    ends = np.flatnonzero(depth)
    states = replayed(messages)
    done = 0
    for number, end in enumerate(ends.tolist()):
        update, book = next(states)
        assert update == log.events["seq"][end]
        if number % CHECK_EVERY and number != len(ends) - 1:
            continue
        kernel.apply(log.events[done:end + 1])
        done = end + 1
        assert kernel.levels(1) == sorted(book[1].items(), reverse=True), f"update {update}"
        assert kernel.levels(-1) == sorted(book[-1].items()), f"update {update}"
    assert next(states, None) is None
    assert len(ends) == 6_551 - 4
    kernel.apply(log.events[done:])
    assert kernel.is_sound()
    assert [len(kernel.levels(side)) for side in (1, -1)] == [len(book[1]), len(book[-1])]
    prices = [ticks for side in (1, -1) for ticks, _ in kernel.levels(side)]
    print(f"{len(prices)} levels over {max(prices) - min(prices)} ticks")
    assert max(prices) - min(prices) > 6_000_000


def test_book_when_rebuilt_then_never_crossed_or_locked(log):
    packets = int(np.count_nonzero(log.events["flags"] & Flag.LAST))
    ticks, lots = np.zeros((2, packets, 2, 1), np.int32)
    assert BookKernel().frames(log.events, ticks, lots) == packets
    both = (lots > 0).all(axis=(1, 2))
    assert both.mean() > 0.99
    assert (ticks[both, 0] < ticks[both, 1]).all()
    assert (log.quality.crossed, log.quality.locked) == (0, 0)
    assert not (log.events["flags"] & Flag.CROSSED).any()


def test_streams_when_counted_then_those_of_the_file(log, messages):
    quality = log.quality
    assert (quality.rows_read, quality.rows_kept) == (93_954, 93_950)
    assert quality.dropped == {"depth before its snapshot": 4}
    assert quality.counters["depth_gaps"] == 0
    # The streams interleave in exchange time; none of them goes back in itself.
    assert quality.time_backwards == 0
    assert (np.diff(log.events["exch_ns"]) < 0).sum() > 1_000
    kinds, streams = log.events["kind"], log.events["stream_id"]
    body = [message["data"] for _, message in messages if "data" in message]
    quotes = [m for m in body if m["e"] == "bookTicker"]
    ours = log.events[kinds == Kind.QUOTE]
    assert (streams[kinds == Kind.QUOTE] == 1).all()
    assert len(quotes) == 66_089
    assert len(ours) == 2 * len(quotes)
    assert ours["price_ticks"][::2].tolist() == [whole(m["b"], TICK) for m in quotes]
    assert ours["qty_lots"][1::2].tolist() == [whole(m["A"], LOT) for m in quotes]
    trades = log.events[kinds == Kind.TRADE]
    told = [m for m in body if m["e"] == "trade"]
    assert len(trades) == quality.trades == len(told) == 21_313
    assert (streams[kinds == Kind.TRADE] == 2).all()
    assert trades["side"].tolist() == [-1 if m["m"] else 1 for m in told]
    assert trades["qty_lots"].tolist() == [whole(m["q"], LOT) for m in told]
    assert trades["exch_ns"].tolist() == [m["T"] * 1_000_000 for m in told]
    assert quality.volume == 2_429_366
    levels = sum(len(m["b"]) + len(m["a"]) for m in body if m["e"] == "depthUpdate")
    assert levels == 443_521
    early = sum(len(m["b"]) + len(m["a"]) for m in [
        m for m in body if m["e"] == "depthUpdate"][:4])
    assert np.count_nonzero(kinds == Kind.LEVEL_SET) == levels - early


def test_local_clock_when_behind_then_one_constant_and_flagged(log, messages):
    told = [(local, message["data"]) for local, message in messages
            if message.get("data", {}).get("e") == "trade"]
    trades = log.events[log.events["kind"] == Kind.TRADE]
    moved = trades["local_ns"] - np.array([local for local, _ in told])
    assert (moved == moved[0]).all()
    least = min(local - m["data"]["T"] * 1_000_000 for local, m in messages if "data" in m)
    assert least == -1_272_402_468
    assert moved[0] == 60_000_000 - least
    latency = log.events["local_ns"] - log.events["exch_ns"]
    market = log.events["kind"] != Kind.SESSION
    assert latency[market].min() == 60_000_000
    assert ((log.events["flags"][market] & Flag.LOCAL_SYNTHETIC) != 0).all()
    assert (np.diff(log.events["local_ns"]) >= 0).all()
    assert any("+1.332402468 s" in note for note in log.quality.notes)


def test_midnight_when_passed_then_the_new_day_opens_with_the_book(market_data, tmp_path, log):
    days = import_file(market_data / FILE, tmp_path)
    assert [str(day.day) for day in days] == ["2024-08-08", "2024-08-09"]
    first, second = (EventStore(tmp_path).open("BTCUSDT", day.day) for day in days)
    book, opened, whole_file = BookKernel(), BookKernel(), BookKernel()
    book.apply(first.events)
    opening = int(np.flatnonzero(second.events["flags"] & Flag.SNAP_END)[0]) + 1
    assert set(second.events["kind"][:opening].tolist()) == {Kind.SESSION, Kind.SNAPSHOT}
    opened.apply(second.events[:opening])
    for side in (1, -1):
        assert opened.levels(side) == book.levels(side)
    opened.apply(second.events[opening:])
    whole_file.apply(log.events)
    for side in (1, -1):
        assert opened.levels(side) == whole_file.levels(side)


def test_log_when_read_in_small_pieces_then_the_same(market_data, log, monkeypatch):
    from dreammaker.data.importers import binance

    monkeypatch.setattr(binance, "_BATCH_RECORDS", 3_000)
    small = read_binance_raw(market_data / FILE, options=ImportOptions(chunk_bytes=10_000))
    assert small.content_hash == log.content_hash
    assert small.quality == log.quality


def test_kernel_when_the_book_is_wide_then_memory_stays(log):
    resource = pytest.importorskip("resource", reason="peak memory is read by POSIX getrusage")
    book = BookKernel()
    book.apply(log.events)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for _ in range(3):
        book.apply(log.events)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 5_000


@pytest.mark.parametrize("keep", [0.5, 0.99999])
def test_file_when_truncated_then_refused(market_data, tmp_path, keep):
    content = (market_data / FILE).read_bytes()
    path = tmp_path / FILE
    path.write_bytes(content[:int(keep * len(content))])
    with pytest.raises(InputError, match="damaged or truncated"):
        read_binance_raw(path)


def test_file_when_another_symbol_is_wanted_then_it_says_so(market_data, log):
    with pytest.raises(InputError, match="line 1: a message of BTCUSDT, ETHUSDT was expected"):
        read_binance_raw(market_data / FILE, replace(log.instrument, symbol="ETHUSDT"))
