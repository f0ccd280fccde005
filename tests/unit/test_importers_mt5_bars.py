"""The importer of MetaTrader bars, with and without a header."""

from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pytest

from dreammaker.data import ImportOptions, detect, read_file, read_mt5_bars
from dreammaker.domain.errors import InputError
from dreammaker.domain.schema import Flag, Kind, Phase

HEADER = "<DATE>\t<TIME>\t<OPEN>\t<HIGH>\t<LOW>\t<CLOSE>\t<TICKVOL>\t<VOL>\t<SPREAD>"
FIRST = "2026.11.19\t09:00:00\t130000\t130050\t129990\t130010\t71\t495\t5"
SECOND = "2026.11.19\t09:01:00\t130010\t130020\t130000\t130005\t12\t33\t10"


def write(path: Path, *lines: str, encoding: str = "utf-8") -> Path:
    path.write_bytes(("\r\n".join(lines) + "\r\n").encode(encoding))
    return path


def test_bars_when_exported_with_a_header_then_four_records_a_bar(tmp_path: Path) -> None:
    path = write(tmp_path / "WINZ26_M1.csv", HEADER, FIRST, SECOND)
    log = read_mt5_bars(path)
    assert detect(path).name == "mt5_bars" and log.instrument.symbol == "WINZ26"
    bars = log.events[log.events["kind"] == Kind.BAR].reshape(2, 4)
    assert bars["aux"].tolist() == [[0, 1, 2, 3]] * 2
    assert bars["price_ticks"][0].tolist() == [26_000, 26_010, 25_998, 26_002]
    assert bars["qty_lots"].tolist() == [[71, 495, 1, -1], [12, 33, 2, -1]]
    assert (bars["flags"] & Flag.LAST != 0).tolist() == [[False] * 3 + [True]] * 2
    start = int(datetime(2026, 11, 19, 12, tzinfo=UTC).timestamp()) * 10**9
    minute = 60 * 10**9
    # The open is known at the start; the rest, and the packet, only at the end.
    assert bars["exch_ns"][0].tolist() == [start] + [start + minute] * 3
    assert (bars["local_ns"][0] == start + minute + 60_000_000).all()
    assert log.quality.counters == {"bars": 2}
    assert (np.diff(log.events["local_ns"]) >= 0).all()


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_bars_when_exported_without_a_header_then_period_and_symbol_come_from_the_name(
        tmp_path: Path, encoding: str) -> None:
    path = write(tmp_path / "WIN$NM30.csv",
                 "2020.05.13 09:00,57250.00000,57535.00000,57110.00000,57415.00000,8373,19727",
                 "2020.05.13 09:30,57425.00000,57590.00000,57420.00000,57510.00000,6866,15565",
                 encoding=encoding)
    log = read_file(path)
    assert log.source.name == "mt5_bars" and log.instrument.symbol == "WIN$N"
    bars = log.events[log.events["kind"] == Kind.BAR].reshape(2, 4)
    assert bars["price_ticks"][1].tolist() == [11_485, 11_518, 11_484, 11_502]
    assert bars["qty_lots"][1].tolist() == [6_866, 15_565, -1, -1]
    assert (bars["exch_ns"][:, 3] - bars["exch_ns"][:, 0] == 1800 * 10**9).all()


def test_period_when_the_name_is_silent_then_most_common_step(tmp_path: Path) -> None:
    lines = [f"2026.11.19\t{hour:02d}:{minute:02d}:00\t10\t10\t10\t10\t1\t1\t0"
             for hour in (9, 14) for minute in range(0, 60, 5)]
    log = read_mt5_bars(write(tmp_path / "PETR4.csv", HEADER, *lines))
    bars = log.events[log.events["kind"] == Kind.BAR].reshape(-1, 4)
    assert (bars["exch_ns"][:, 3] - bars["exch_ns"][:, 0] == 300 * 10**9).all()


def test_daily_bars_when_there_is_no_time_column_then_midnight(tmp_path: Path) -> None:
    header = HEADER.replace("<TIME>\t", "")
    log = read_mt5_bars(write(tmp_path / "PETR4_D1.csv", header,
                              "2026.11.18\t10\t12\t9\t11\t5\t6\t0",
                              "2026.11.19\t11\t12\t9\t11\t5\t6\t0"))
    assert log.day == date(2026, 11, 18) and log.quality.counters == {"bars": 2}


@pytest.mark.parametrize(("line", "says"), [
    (FIRST.replace("130050", "129000"), "enclose"),
    (FIRST.replace("130050", "x"), "must be a number"),
    (FIRST.replace("130050", "nan"), "finite"),
    (FIRST.replace("130000", "0"), "above 0"),
    (FIRST.replace("\t71\t", "\t-71\t"), "<TICKVOL> must be in 0"),
    (FIRST.replace("\t71\t", "\t7.1\t"), "whole number"),
    (FIRST.replace("\t71\t", "\t\t"), "<TICKVOL> must be filled"),
    (FIRST.replace("2026.11.19", "2026.11.12"), "order of days"),
    (FIRST.replace("09:00:00", "9 o'clock"), "time of a bar"),
    (FIRST.rpartition("\t")[0], "9 columns expected"),
])
def test_import_when_a_bar_is_bad_then_input_error_names_the_line(
        tmp_path: Path, line: str, says: str) -> None:
    path = write(tmp_path / "WINZ26_M1.csv", HEADER, FIRST, line)
    with pytest.raises(InputError) as caught:
        read_mt5_bars(path)
    assert says in str(caught.value) and caught.value.line == 3


def test_import_when_header_is_wrong_then_input_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="MetaTrader bars have"):
        read_mt5_bars(write(tmp_path / "x.csv", HEADER.replace("<VOL>", "<WAT>"), FIRST))


@pytest.mark.market_data
def test_bars_when_real_files_then_all_rows_and_sessions(market_data: Path) -> None:
    log = read_file(market_data / "WIN$NM30.csv", options=ImportOptions(chunk_bytes=100_000))
    assert log.quality.counters == {"bars": 22_637}
    assert log.quality.off_grid == 0 and not log.quality.notes
    sessions = log.events[log.events["kind"] == Kind.SESSION]
    opens = sessions["exch_ns"][sessions["aux"] == Phase.CONTINUOUS]
    ends = sessions["exch_ns"][sessions["aux"] == Phase.CLOSING_CALL]
    bars = log.events[log.events["kind"] == Kind.BAR].reshape(-1, 4)["exch_ns"][:, 0]
    assert len(opens) == len(ends) == 1_237
    # The recorded first bar of every day starts at the open; the last contains the close.
    day = np.searchsorted(opens, bars, side="right") - 1
    first = np.flatnonzero(np.diff(day, prepend=-1))
    last = np.append(first[1:], len(bars)) - 1
    assert (bars[first] == opens).all()
    assert ((bars[last] < ends) & (ends <= bars[last] + 1800 * 10**9)).all()
