"""The polled-depth importer on small files: levels, empty sides, times, bad input."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dreammaker._ext.book_kernel import BookKernel
from dreammaker.data import ImportOptions, import_file, read_polled_book
from dreammaker.domain.errors import InputError
from dreammaker.domain.instrument import Instrument
from dreammaker.domain.schema import Flag, Kind

HEADER = "timestamp,bid_price_1,bid_vol_1,bid_price_2,bid_vol_2,ask_price_1,ask_vol_1," \
         "ask_price_2,ask_vol_2,note,symbol"
DAY = "2025-08-11"


def row(time, bids=((5471.0, 4), (0, 0)), asks=((5471.5, 8), (0, 0)), day=DAY, symbol="WDOU25"):
    cells = [cell for level in (*bids, *asks) for cell in level]
    return ",".join(map(str, [f"{day} {time}", *cells, "x", symbol]))


def write(tmp_path: Path, *rows, header=HEADER, name="book.csv"):
    path = tmp_path / name
    path.write_text("\n".join([header, *rows]) + "\n")
    return path


def polls(log):
    return log.events[log.events["kind"] == Kind.SNAPSHOT]


def test_polls_when_unchanged_then_a_packet_each(tmp_path: Path) -> None:
    log = read_polled_book(write(tmp_path, row("10:00:00.000001"), row("10:00:00.5"), row(
        "10:00:01", asks=((5471.5, 9), (0, 0)))))
    assert log.instrument.symbol == "WDOU25"
    assert len(polls(log)) == 6
    assert np.count_nonzero(polls(log)["flags"] & Flag.LAST) == 3
    assert log.quality.counters["polls_changed"] == 1
    assert log.quality.counters["polls_unchanged"] == 2
    assert polls(log)["local_ns"][0] == 1_754_917_200_000_001_000
    assert polls(log)["exch_ns"][0] == 1_754_917_199_940_001_000
    assert log.source.depth_levels == 1


def test_levels_when_two_are_shown_then_the_sources_depth(tmp_path: Path) -> None:
    log = read_polled_book(write(tmp_path, row("10:00:00"), row(
        "10:00:01", bids=((5471.0, 4), (5470.0, 3)))))
    assert log.source.depth_levels == 2
    book = BookKernel()
    book.apply(log.events)
    assert book.levels(1) == [(10_942, 4), (10_940, 3)]
    assert book.levels(-1) == [(10_943, 8)]


def test_sides_when_nothing_stands_there_then_empty(tmp_path: Path) -> None:
    nothing = ((0, 0), (0, 0))
    log = read_polled_book(write(tmp_path, row("10:00:00"), row("10:00:01", bids=nothing), row(
        "10:00:02", bids=nothing, asks=nothing)))
    assert polls(log)[["side", "qty_lots"]].tolist() == [(1, 4), (-1, 8), (-1, 8), (0, 0)]
    frames = np.zeros((2, 3, 2, 1), np.int32)
    assert BookKernel().frames(polls(log), *frames) == 3
    assert frames[1].reshape(3, 2).tolist() == [[4, 8], [0, 8], [0, 0]]


def test_polls_when_locked_or_crossed_then_flagged_and_counted(tmp_path: Path) -> None:
    log = read_polled_book(write(tmp_path, row("10:00:00"), row(
        "10:00:01", bids=((5471.5, 4), (0, 0))), row("10:00:02", bids=((5472, 4), (0, 0)))))
    assert (log.quality.crossed, log.quality.locked) == (1, 1)
    assert ((polls(log)["flags"] & Flag.CROSSED) != 0).tolist() == [False] * 2 + [True] * 4


def test_clock_when_it_goes_back_then_held_and_flagged(tmp_path: Path) -> None:
    log = read_polled_book(write(tmp_path, row("10:00:01"), row("10:00:00.5"), row("10:00:02")))
    local = polls(log)["local_ns"][::2]
    assert (np.diff(local) == (0, 10**9)).all()
    assert ((polls(log)["flags"][::2] & Flag.LOCAL_SYNTHETIC) != 0).tolist() == [
        False, True, False]
    assert log.quality.counters["local_time_backwards"] == 1


def test_days_when_two_then_two(tmp_path: Path) -> None:
    path = write(tmp_path, row("10:00:00"), row("10:00:00", day="2025-08-12"))
    days = import_file(path, tmp_path / "data")
    assert [str(day.day) for day in days] == ["2025-08-11", "2025-08-12"]


def test_price_when_off_the_grid_then_flagged(tmp_path: Path) -> None:
    log = read_polled_book(write(tmp_path, row("10:00:00", bids=((5471.1, 4), (0, 0)))))
    assert polls(log)["residual_microticks"].tolist() == [200_000, 0]
    assert log.quality.off_grid == 1


def test_symbol_when_no_column_names_it_then_the_files_name(tmp_path: Path) -> None:
    header = "timestamp,bid_price_1,bid_vol_1,ask_price_1,ask_vol_1"
    log = read_polled_book(write(tmp_path, f"{DAY}T10:00:00,5471,4,5471.5,8", header=header,
                                 name="WDOU25_book.csv"))
    assert log.instrument.symbol == "WDOU25"


def test_log_when_cut_anywhere_then_the_same(tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    rows = [row(f"10:{n // 60:02d}:{n % 60:02d}", bids=(
        (5470 + 0.5 * rng.integers(3), rng.integers(1, 4)), (0, 0))) for n in range(300)]
    path = write(tmp_path, *rows)
    whole = read_polled_book(path)
    for chunk_bytes in (1, 200, 3_000):
        cut = read_polled_book(path, options=ImportOptions(chunk_bytes=chunk_bytes))
        assert cut.content_hash == whole.content_hash
        assert cut.quality == whole.quality


@pytest.mark.parametrize(("bad", "says"), [
    (row("nine"), "timestamp must be YYYY-MM-DD HH:MM:SS"),
    (row("10:00:01").replace(f"{DAY} ", f"{DAY}_"), "timestamp must be"),
    (row("10:00:01", day="2025-02-30"), "timestamp must be"),
    (row("10:00:01", day="2025-08-10"), "order of days"),
    (row("10:00:01", symbol="WINQ25"), "is of 'WINQ25', WDOU25 was expected"),
    (row("10:00:01", bids=((-1, 4), (0, 0))), "bid_price_1 must be 0 or more, was -1"),
    (row("10:00:01", bids=(("x", 4), (0, 0))), "bid_price_1 must be a number, was 'x'"),
    (row("10:00:01", bids=(("nan", 4), (0, 0))), "finite number"),
    (row("10:00:01", bids=((2e9, 4), (0, 0))), "bid_price_1 is beyond 2147483647 ticks of 0.5"),
    (row("10:00:01", bids=((5471, 0), (0, 0))), "a level has a price and a size, or neither"),
    (row("10:00:01", bids=((5471, 1.5), (0, 0))), "whole lots of 1"),
    (row("10:00:01", bids=((5471, 3e9), (0, 0))), "whole lots of 1"),
    (row("10:00:01", bids=((0, 0), (5471, 1))), "must not follow one that is not there"),
    (row("10:00:01", bids=((5471, 1), (5471, 1))), "in order of price"),
    (row("10:00:01", asks=((5471, 1), (5470, 1))), "in order of price"),
    (row("10:00:01") + ",1", "11 columns expected"),
])
def test_file_when_a_row_is_bad_then_its_line_and_nothing_written(
        tmp_path: Path, bad: str, says: str) -> None:
    path = write(tmp_path, row("10:00:00"), bad, row("10:00:02"))
    with pytest.raises(InputError, match=says) as caught:
        import_file(path, tmp_path / "data")
    assert caught.value.line == 3
    assert not list((tmp_path / "data").rglob("*.*"))


@pytest.mark.parametrize(("header", "says"), [
    (HEADER.replace("ask_vol_2", "other"), "lacks ask_vol_2"),
    (HEADER.replace("ask_price_2", "x").replace("ask_vol_1", "y"), "lacks ask_price_2, ask_vol_1"),
    (HEADER.replace("note", "symbol"), "repeats a column"),
])
def test_header_when_wrong_then_said(tmp_path: Path, header: str, says: str) -> None:
    with pytest.raises(InputError, match=says) as caught:
        read_polled_book(write(tmp_path, row("10:00:00"), header=header))
    assert caught.value.line == 1


def test_file_when_it_has_no_rows_then_said(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no rows"):
        read_polled_book(write(tmp_path))


def test_symbol_when_another_is_wanted_then_said(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="line 2: is of 'WDOU25', WDOV25 was expected"):
        read_polled_book(write(tmp_path, row("10:00:00")),
                         replace(Instrument.named("WDOU25"), symbol="WDOV25"))
