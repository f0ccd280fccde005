"""The raw Binance importer on small files: gaps, resync, streams, clocks, bad input."""

import gzip
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dreammaker._ext.book_kernel import BookKernel
from dreammaker.data import ImportOptions, import_file, read_binance_raw
from dreammaker.data.importers import binance_depth
from dreammaker.domain.errors import InputError
from dreammaker.domain.instrument import Instrument
from dreammaker.domain.schema import Flag, Kind

START_MS = 1_795_096_800_000
BTC = Instrument.named("BTCUSDT")


def line(at_ms, body, stream=None, late_ms=5):
    message = body if stream is None else {"stream": stream, "data": body}
    return f"{(START_MS + at_ms + late_ms) * 1_000_000:019d} {json.dumps(message)}"


def depth(at_ms, before, last, bids=(), asks=(), stream="btcusdt@depth@0ms", symbol="BTCUSDT",
          **late):
    return line(at_ms, {
        "e": "depthUpdate", "E": START_MS + at_ms + 1, "T": START_MS + at_ms, "s": symbol,
        "U": before + 1, "u": last, "pu": before, "b": [list(level) for level in bids],
        "a": [list(level) for level in asks]}, stream, **late)


def snapshot(at_ms, update, bids, asks, **late):
    return line(at_ms, {"lastUpdateId": update, "E": START_MS + at_ms + 1, "T": START_MS + at_ms,
                        "bids": [list(level) for level in bids],
                        "asks": [list(level) for level in asks]}, **late)


def quote(at_ms, update, bid, ask):
    return line(at_ms, {"e": "bookTicker", "u": update, "s": "BTCUSDT", "b": bid[0], "B": bid[1],
                        "a": ask[0], "A": ask[1], "T": START_MS + at_ms, "E": START_MS + at_ms},
                "btcusdt@bookTicker")


def trade(at_ms, number, price, size, seller, kind="MARKET", **late):
    return line(at_ms, {"e": "trade", "E": START_MS + at_ms, "T": START_MS + at_ms,
                        "s": "BTCUSDT", "t": number, "p": price, "q": size, "X": kind,
                        "m": seller}, "btcusdt@trade", **late)


OPENING = [depth(0, 8, 10, [("99.0", "1.000")]),
           depth(10, 10, 14, [("99.9", "2.000"), ("99.0", "0.000")], [("100.2", "0.007")]),
           snapshot(5, 12, [("100.0", "1.500"), ("99.0", "0.250")], [("100.1", "0.001")],
                    late_ms=10),
           depth(20, 14, 16, [("100.0", "1.000")], [("100.1", "0")])]


def write(tmp_path: Path, *lines, packed=False):
    content = ("\n".join([*OPENING, *lines]) + "\n").encode()
    path = tmp_path / ("feed.gz" if packed else "feed.txt")
    path.write_bytes(gzip.compress(content) if packed else content)
    return path


def read(tmp_path: Path, *lines):
    return read_binance_raw(write(tmp_path, *lines))


def kinds(events):
    return [Kind(kind).name for kind in events["kind"].tolist()]


def levels(log):
    book = BookKernel()
    book.apply(log.events)
    return book.levels(1), book.levels(-1)


BOOK = ([(1_000, 1_000), (999, 2_000)], [(1_002, 7)])


def test_depth_when_a_snapshot_comes_then_what_was_held_follows_it(tmp_path: Path) -> None:
    log = read(tmp_path)
    assert log.instrument == BTC
    assert kinds(log.events) == ["SESSION", *["SNAPSHOT"] * 3, *["LEVEL_SET"] * 3,
                                 *["LEVEL_SET"] * 2]
    assert ((log.events["flags"] & Flag.LAST) != 0).tolist() == [
        True, False, False, True, False, False, True, False, True]
    assert log.events["seq"].tolist() == [-1, 12, 12, 12, 14, 14, 14, 16, 16]
    # What was held is received with the snapshot, and happened when it did.
    moments = log.events[[3, 6]]
    assert (moments["local_ns"] == (START_MS + 15) * 1_000_000).all()
    assert moments["exch_ns"].tolist() == [(START_MS + 5) * 1_000_000, (START_MS + 10) * 1_000_000]
    assert levels(log) == BOOK
    assert log.quality.dropped == {"depth before its snapshot": 1}
    assert (log.quality.rows_read, log.quality.rows_kept) == (4, 3)


def test_depth_when_a_difference_is_missing_then_gap_clear_and_resync(tmp_path: Path) -> None:
    log = read(tmp_path, depth(520, 17, 20, [("101.0", "5.000")]),
               depth(530, 20, 22, [("101.1", "5.000")]),
               snapshot(540, 21, [("98.0", "1.000")], [("102.0", "1.000")]),
               depth(550, 22, 23, [], [("102.0", "0.500")]))
    assert kinds(log.events[9:]) == ["GAP", "CLEAR", "SNAPSHOT", "SNAPSHOT", "LEVEL_SET",
                                     "LEVEL_SET"]
    assert log.events["qty_lots"][9] == 500
    assert ((log.events["flags"][9:] & Flag.LAST) != 0).tolist() == [
        True, True, False, True, True, True]
    assert levels(log) == ([(1_011, 5_000), (980, 1_000)], [(1_020, 500)])
    assert log.quality.counters["depth_gaps"] == 1
    assert log.quality.counters["snapshots_used"] == 2


def test_depth_when_no_snapshot_follows_a_gap_then_no_old_book_is_shown(tmp_path: Path) -> None:
    log = read(tmp_path, depth(520, 17, 20, [("101.0", "5.000")]))
    assert levels(log) == ([], [])
    assert log.quality.dropped["depth without a snapshot"] == 1


def test_snapshot_when_older_than_what_was_held_then_not_taken(tmp_path: Path) -> None:
    log = read(tmp_path, depth(520, 17, 20, [("101.0", "5.000")]),
               snapshot(540, 16, [("98.0", "1.000")], [("102.0", "1.000")]))
    assert levels(log) == ([], [])
    assert log.quality.dropped["snapshots too old"] == 1


def test_held_depth_when_a_hole_is_in_it_then_only_what_follows_counts(tmp_path: Path) -> None:
    log = read(tmp_path, depth(520, 17, 20), depth(530, 30, 33, [("97.0", "1.000")]),
               snapshot(540, 31, [("98.0", "1.000")], [("102.0", "1.000")]))
    assert levels(log) == ([(980, 1_000), (970, 1_000)], [(1_020, 1_000)])


def test_snapshot_when_newer_than_all_that_was_held_then_the_next_may_overlap(
        tmp_path: Path) -> None:
    log = read(tmp_path, depth(520, 17, 20, [("101.0", "5.000")]),
               snapshot(540, 25, [("98.0", "1.000")], [("102.0", "1.000")]),
               depth(550, 20, 24, [("90.0", "9.000")]), depth(560, 24, 27, [("97.0", "1.000")]),
               depth(570, 27, 28, [("96.0", "1.000")]))
    assert levels(log)[0] == [(980, 1_000), (970, 1_000), (960, 1_000)]
    assert log.quality.counters["depth_gaps"] == 1
    assert log.quality.dropped["repeated depth"] == 1


def test_snapshot_when_in_step_then_not_needed(tmp_path: Path) -> None:
    log = read(tmp_path, snapshot(30, 16, [("98.0", "1.000")], []),
               depth(40, 14, 16, [("98.0", "9.000")]))
    assert levels(log) == BOOK
    assert log.quality.dropped == {"depth before its snapshot": 1, "snapshots not needed": 1,
                                   "repeated depth": 1}


def test_held_depth_when_beyond_the_bound_then_the_oldest_is_forgotten(
        tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(binance_depth, "MAX_HELD_LEVELS", 5)
    more = [depth(530 + n, 20 + n, 21 + n, [(f"9{n}.0", "1.000")]) for n in range(8)]
    log = read(tmp_path, depth(520, 17, 20, [("101.0", "5.000")]), *more,
               snapshot(540, 21, [("98.0", "1.000")], []))
    assert log.quality.dropped["snapshots too old"] == 1
    assert levels(log) == ([], [])


def test_quotes_when_told_then_the_depth_book_does_not_see_them(tmp_path: Path) -> None:
    log = read(tmp_path, quote(30, 17, ("105.0", "1.000"), ("105.1", "3.250")),
               quote(31, 15, ("1.0", "1.000"), ("2.0", "1.000")),
               quote(32, 18, ("0.00", "0.000"), ("105.1", "1.000")))
    assert levels(log) == BOOK
    told = log.events[log.events["kind"] == Kind.QUOTE]
    assert told[["stream_id", "side", "price_ticks", "qty_lots"]].tolist() == [
        (1, 1, 1_050, 1_000), (1, -1, 1_051, 3_250), (1, 1, 0, 0), (1, -1, 1_051, 1_000)]
    assert log.quality.dropped["best quotes older than the last"] == 1
    assert log.quality.crossed == 0


def test_trades_when_told_then_the_aggressor_and_no_repetition(tmp_path: Path) -> None:
    log = read(tmp_path, trade(30, 5, "100.1", "0.010", False), trade(31, 5, "100.1", "9", False),
               trade(32, 8, "100.0", "0.002", True), trade(33, 9, "90.0", "1", True, "INSURANCE"))
    told = log.events[log.events["kind"] == Kind.TRADE]
    assert told[["stream_id", "side", "price_ticks", "qty_lots", "seq"]].tolist() == [
        (2, 1, 1_001, 10, 5), (2, -1, 1_000, 2, 8), (2, -1, 900, 1_000, 9)]
    assert ((told["flags"] & Flag.HIDDEN) != 0).tolist() == [False, False, True]
    assert log.quality.counters["trades_missing"] == 2
    assert log.quality.dropped["repeated trades"] == 1


def test_messages_when_of_other_kinds_then_counted(tmp_path: Path) -> None:
    log = read(tmp_path, line(30, {"result": None, "id": 1}), line(30, {"e": "markPriceUpdate"}),
               depth(31, 16, 17, [("1.0", "1.000")], stream="btcusdt@depth20@100ms"),
               depth(32, 16, 18), "")
    assert levels(log) == BOOK
    assert log.quality.dropped == {"depth before its snapshot": 1, "other messages": 3,
                                   "says nothing": 1}


def test_streams_when_not_wrapped_then_read_too(tmp_path: Path) -> None:
    assert levels(read(tmp_path, depth(30, 16, 17, [("1.0", "1.000")], stream=None))) == (
        [*BOOK[0], (10, 1_000)], BOOK[1])


def test_clock_when_ahead_then_left_alone(tmp_path: Path) -> None:
    log = read(tmp_path, trade(30, 5, "100.1", "0.010", False),
               trade(32, 6, "100.1", "0.010", False, late_ms=1))
    assert (log.events["local_ns"] - log.events["exch_ns"])[-2:].tolist() == [
        5_000_000, 3_000_000]
    # The last one's stamp is older than the one's before it.
    assert ((log.events["flags"][-2:] & Flag.LOCAL_SYNTHETIC) != 0).tolist() == [False, True]
    assert log.quality.counters["local_time_backwards"] == 1
    assert log.quality.notes == []


def test_exchange_time_when_older_than_another_streams_then_not_flagged(tmp_path: Path) -> None:
    log = read(tmp_path, trade(30, 5, "100.1", "0.010", False),
               quote(20, 20, ("100.0", "1.500"), ("100.1", "0.200")),
               trade(29, 6, "100.1", "0.010", False))
    assert [bool(flags & Flag.TIME_BACKWARDS) for flags in log.events["flags"][-4:]] == [
        False, False, False, True]
    assert log.quality.time_backwards == 1


def test_clock_when_behind_then_one_constant(tmp_path: Path) -> None:
    path = write(tmp_path, trade(40, 5, "100.1", "0.010", False, late_ms=-7))
    log = read_binance_raw(path, options=ImportOptions(feed_latency_ms=10))
    assert (log.events["local_ns"] - log.events["exch_ns"])[-1] == 10_000_000
    assert (log.events["local_ns"] - log.events["exch_ns"])[-2] == 22_000_000
    assert "+0.017000000 s" in log.quality.notes[0]
    with pytest.raises(InputError, match="line 5: was received 7200 s before it happened"):
        read(tmp_path, trade(8_000_000, 5, "1", "1", False, late_ms=-7_200_000))


def test_book_when_crossed_then_flagged_and_counted(tmp_path: Path) -> None:
    log = read(tmp_path, depth(30, 16, 17, [("100.2", "1.000")]), depth(31, 17, 18, [
        ("100.3", "1.000")]), trade(32, 5, "100.1", "0.010", False))
    assert (log.quality.crossed, log.quality.locked) == (1, 1)
    assert ((log.events["flags"] & Flag.CROSSED) != 0).tolist() == [False] * 9 + [
        True, True, False]


def test_midnight_when_the_book_is_out_of_step_then_no_book_is_told(tmp_path: Path) -> None:
    path = write(tmp_path, depth(520, 17, 20, [("101.0", "5.000")]),
                 trade(86_400_000, 5, "100.1", "0.010", False))
    days = import_file(path, tmp_path / "data")
    assert [(str(day.day), day.quality.rows_read, day.quality.rows_kept) for day in days] == [
        ("2026-11-19", 5, 3), ("2026-11-20", 1, 1)]
    assert days[1].quality.records == 2


def test_log_when_cut_anywhere_then_the_same(tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    lines = []
    for n in range(300):
        price = f"{95 + 0.1 * rng.integers(40):.1f}"
        lines.append([depth(100 + n, 16 + n, 17 + n, [(price, f"0.{rng.integers(1000):03d}")]),
                      trade(100 + n, n, price, "0.010", bool(n % 2)),
                      quote(100 + n, 17 + n, (price, "1.000"), ("200.0", "1"))][n % 3])
    path, packed = write(tmp_path, *lines), write(tmp_path, *lines, packed=True)
    whole = read_binance_raw(path)
    assert read_binance_raw(packed).content_hash == whole.content_hash
    for chunk_bytes in (1, 97, 5_000):
        cut = read_binance_raw(path, options=ImportOptions(chunk_bytes=chunk_bytes))
        assert cut.content_hash == whole.content_hash
        assert cut.quality == whole.quality


@pytest.mark.parametrize(("bad", "says"), [
    ("garbage", "must begin with the local time in ns"),
    ("1795096800000 {}", "must begin with the local time in ns"),
    ("1795096800000000000", "is not JSON"),
    ("1795096800000000000 {\"stream\":", "is not JSON"),
    ("1795096800000000000 " + "[" * 100_000, "is not JSON"),
    ("1795096800000000000 [1]", "must hold a JSON object"),
    (depth(30, 16, 17, symbol="ETHUSDT"), "a message of ETHUSDT, BTCUSDT was expected"),
    (depth(30, 16, 17, [("x", "1.000")]), "a price must be a number in quotes, was 'x'"),
    (depth(30, 16, 17, [(1.5, "1.000")]), "a price must be a number in quotes, was '1.5'"),
    (depth(30, 16, 17, [("1.0", None)]), "a quantity must be"),
    (depth(30, 16, 17, [("1.0", "nan")]), "whole lots"),
    (depth(30, 16, 17, [("-1.0", "1")]), "a price must be above 0"),
    (depth(30, 16, 17, [("inf", "1")]), "a price must be above 0 and below"),
    (depth(30, 16, 17, [("214748364.8", "1")]), "below 2147483647 ticks of 0.1"),
    (depth(30, 16, 17, [("1.0", "-1")]), "whole lots"),
    (depth(30, 16, 17, [("1.0", "0.0005")]), r"whole lots of 0\.001.*was 0\.0005"),
    (depth(30, 16, 17, [("1.0", "3000000")]), "at most 2147483647"),
    (depth(30, 16, 17, [("1.0", "1", "2")]), "no complete message"),
    (depth(30, 16, "17"), "a whole number was expected, was '17'"),
    (line(30, {"e": "trade", "s": "BTCUSDT", "T": START_MS, "t": 1, "p": "1", "q": "1"}),
     "no complete message of the feed .KeyError: 'm'"),
    (trade(30, 1, "1.0", "1", "yes"), "m must be true or false"),
    (line(30, {"e": "trade", "s": "BTCUSDT", "T": 5, "t": 1, "p": "1", "q": "1", "m": True}),
     "must be in ms since 1970"),
    (line(30, {"lastUpdateId": 4, "T": START_MS, "bids": []}), "KeyError: 'asks'"),
])
def test_file_when_a_line_is_bad_then_its_number_and_nothing_written(
        tmp_path: Path, bad: str, says: str) -> None:
    path = write(tmp_path, trade(25, 1, "100.0", "1", True), bad, trade(35, 2, "100.0", "1", True))
    with pytest.raises(InputError, match=says) as caught:
        import_file(path, tmp_path / "data", "binance_raw", BTC)
    assert caught.value.line == 6
    assert str(path) in str(caught.value)
    assert not list((tmp_path / "data").rglob("*.*"))


def test_file_when_the_last_line_is_cut_then_its_number(tmp_path: Path) -> None:
    path = write(tmp_path)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(InputError, match="line 4: is not JSON"):
        read_binance_raw(path)


def test_file_when_a_line_is_endless_then_refused(tmp_path: Path, monkeypatch) -> None:
    from dreammaker.data.importers import binance

    monkeypatch.setattr(binance, "MAX_LINE_BYTES", 1_000)
    path = write(tmp_path, "1795096800000000000 " + "x" * 5_000)
    with pytest.raises(InputError, match="line beyond 1000 bytes"):
        read_binance_raw(path, options=ImportOptions(chunk_bytes=100))


def test_file_when_it_names_no_symbol_then_said(tmp_path: Path) -> None:
    path = tmp_path / "feed.txt"
    path.write_text(OPENING[2] + "\n")
    with pytest.raises(InputError, match="has no message that names a symbol"):
        read_binance_raw(path)
    path.write_text("")
    with pytest.raises(InputError, match="has no lines"):
        read_binance_raw(path, BTC)


def test_lots_when_finer_than_the_symbols_then_another_lot_reads_them(tmp_path: Path) -> None:
    path = write(tmp_path, depth(30, 16, 17, [("1.0", "0.0005")]))
    log = read_binance_raw(path, replace(BTC, lot_size=0.0001))
    assert levels(log)[0][-1] == (10, 5)
