"""The MT5 tick importer: hand values, a row-by-row twin on random files, malformed input."""

import math
from datetime import UTC, date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from dreammaker.data import ImportOptions, read_file, read_mt5_ticks
from dreammaker.domain.errors import ConfigError, InputError
from dreammaker.domain.instrument import Instrument
from dreammaker.domain.schema import Flag, Kind, Phase

HEADER = "<DATE>\t<TIME>\t<BID>\t<ASK>\t<LAST>\t<VOLUME>"
FLAGGED = HEADER + "\t<FLAGS>"
WIN = Instrument.win("WINZ26")


def row(time: str, bid="", ask="", last="", volume="", flags=None, day="2026.11.19") -> str:
    cells = [day, time, str(bid), str(ask), str(last), str(volume)]
    return "\t".join(cells if flags is None else [*cells, str(flags)])


def write(path: Path, *rows: str, header: str = HEADER, encoding: str = "utf-8",
          newline: str = "\r\n") -> Path:
    path.write_bytes((newline.join([header, *rows]) + newline).encode(encoding))
    return path


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "WINZ26_ticks.csv"


def market(log):
    return log.events[log.events["kind"] != Kind.SESSION]


def test_quotes_when_cells_are_empty_then_only_changed_sides_are_records(file: Path) -> None:
    log = read_mt5_ticks(write(
        file, row("09:00:00.000", 130_000, 130_005), row("09:00:00.500", 130_005),
        row("09:00:01.000", "", 130_010), row("09:00:01.500", 130_005, 130_015)))
    records = [(int(e["kind"]), int(e["side"]), int(e["price_ticks"]), int(e["qty_lots"]),
                bool(e["flags"] & Flag.LAST)) for e in market(log)]
    quote = int(Kind.QUOTE)
    assert records == [
        (quote, 1, 26_000, -1, False), (quote, -1, 26_001, -1, True),
        (quote, 1, 26_001, -1, True), (quote, -1, 26_002, -1, True),
        (quote, -1, 26_003, -1, True)]
    # Bid 130005 met ask 130005 after the second row.
    assert (log.quality.locked, log.quality.crossed) == (1, 0)
    assert [bool(e["flags"] & Flag.CROSSED) for e in market(log)] == [
        False, False, True, False, False]


def test_trades_when_flags_name_the_aggressor_then_both_or_no_bits_are_unknown(file: Path) -> None:
    log = read_mt5_ticks(write(
        file, row("09:00:00.000", 130_000, 130_005, flags=6),
        row("09:00:01.000", "", "", 130_005, 3, 56), row("09:00:01.000", "", "", 130_000, 2, 88),
        row("09:00:01.000", "", "", 130_000, 4, 120), row("09:00:01.000", "", "", 130_000, 1, 24),
        # LAST is repeated in a quote's row: no trade.
        row("09:00:02.000", 130_010, "", 130_000, 1, 2), header=FLAGGED))
    trades = log.events[log.events["kind"] == Kind.TRADE]
    assert trades["side"].tolist() == [1, -1, 0, 0]
    assert trades["qty_lots"].tolist() == [3, 2, 4, 1]
    assert log.source.has_aggressor
    quality = log.quality
    assert (quality.buys, quality.sells, quality.unknown_side, quality.volume) == (1, 1, 2, 10)
    assert (quality.quote_buys, quality.quote_sells) == (1, 3)


def test_trade_when_row_also_quotes_then_trade_comes_first_and_repeats_are_silent(
        file: Path) -> None:
    log = read_mt5_ticks(write(
        file, row("09:00:00.000", 130_000, 130_005),
        row("09:00:01.000", 130_000, 130_010, 130_005, 7)))
    packet = market(log)[2:]
    assert packet["kind"].tolist() == [Kind.TRADE, Kind.QUOTE]
    assert packet["side"].tolist() == [0, -1]
    assert (packet["flags"] & Flag.LAST).tolist() == [0, 1]
    assert packet["seq"].tolist() == [1, 1]


def test_quote_when_price_is_zero_then_side_became_empty(file: Path) -> None:
    log = read_mt5_ticks(write(
        file, row("09:00:00.000", 130_000, 130_005), row("09:00:01.000", 0.0),
        row("09:00:02.000", 130_000)))
    bids = market(log)[market(log)["side"] == 1]
    assert bids["qty_lots"].tolist() == [-1, 0, -1]
    assert bids["price_ticks"].tolist() == [26_000, 0, 26_000]
    assert log.quality.crossed == 0


def test_rows_when_all_zero_or_saying_nothing_then_dropped_and_counted(file: Path) -> None:
    log = read_mt5_ticks(write(
        file, row("08:00:00.000", "0.0", "0.0", "0.0", "0.00000000"),
        row("09:00:00.000", 130_000, 130_005), row("09:00:01.000"),
        row("09:00:02.000", 130_000)))
    assert log.quality.dropped == {"all zero": 1, "says nothing": 1}
    assert (log.quality.rows_read, log.quality.rows_kept) == (4, 2)
    # A row that only repeats a price is kept: one packet a row.
    assert market(log)["seq"].tolist() == [1, 1, 3]


def test_trade_when_size_is_missing_then_unknown_and_never_zero(file: Path) -> None:
    log = read_mt5_ticks(write(file, row("09:00:00.000", "", "", 130_000),
                               row("09:00:00.000", "", "", 130_000, 0)))
    assert market(log)["qty_lots"].tolist() == [-1, -1]
    assert (log.quality.trades, log.quality.volume, log.quality.vwap) == (2, 0, None)


def test_price_when_off_the_grid_then_kept_with_residual(file: Path) -> None:
    log = read_mt5_ticks(write(file, row("09:00:00.000", "", "", 130_001, 1),
                               row("09:00:00.000", "", "", 130_004, 1)))
    trades = market(log)
    assert trades["price_ticks"].tolist() == [26_000, 26_001]
    assert trades["residual_microticks"].tolist() == [200_000, -200_000]
    assert (trades["flags"] & Flag.OFF_GRID != 0).all()
    assert log.quality.off_grid == 2
    assert log.quality.vwap == pytest.approx(130_002.5)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_file_when_encoded_otherwise_then_same_records(
        tmp_path: Path, encoding: str, newline: str) -> None:
    rows = [row(f"09:00:0{n}.{n}00", 130_000 + 5 * n, 130_005 + 5 * n) for n in range(9)]
    plain = read_mt5_ticks(write(tmp_path / "WINZ26.csv", *rows))
    other = write(tmp_path / "WINZ26_b.csv", *rows, encoding=encoding, newline=newline)
    assert read_file(other).content_hash == plain.content_hash
    small = ImportOptions(chunk_bytes=7)
    assert read_mt5_ticks(other, options=small).content_hash == plain.content_hash


def test_times_when_server_zone_differs_then_utc_and_days_follow(file: Path) -> None:
    write(file, row("15:00:00.123", 130_000, 130_005, day="2018.12.03"))
    for zone in ("America/Sao_Paulo", "Europe/Athens", "UTC"):
        log = read_mt5_ticks(file, options=ImportOptions(server_zone=zone))
        wall = datetime(2018, 12, 3, 15, 0, 0, 123_000, tzinfo=ZoneInfo(zone))
        assert market(log)["exch_ns"].tolist() == [round(wall.timestamp() * 1000) * 1_000_000] * 2
    # Brazil still had summer time in 2018: 15:00 was 17:00 UTC.
    log = read_mt5_ticks(file)
    stamp = datetime(2018, 12, 3, 17, tzinfo=UTC).timestamp()
    assert market(log)["exch_ns"][0] == int(stamp) * 10**9 + 123_000_000
    late = write(file.with_name("WINZ19.csv"), row("01:30:00.000", 130_000, day="2026.11.20"))
    shifted = read_mt5_ticks(late, options=ImportOptions(server_zone="UTC"))
    assert shifted.day == date(2026, 11, 19)


def test_times_when_running_backwards_then_flagged_kept_and_local_never_decreases(
        file: Path) -> None:
    log = read_mt5_ticks(write(
        file, row("09:00:02.000", 130_000, 130_005), row("09:00:01.000", 130_005),
        row("09:00:01.500", 130_000), row("09:00:02.000", 130_005)))
    events = market(log)
    assert [bool(flags & Flag.TIME_BACKWARDS) for flags in events["flags"]] == [
        False, False, True, True, False]
    assert log.quality.time_backwards == 2
    assert (np.diff(log.events["local_ns"]) >= 0).all()
    assert (log.events["flags"] & Flag.LOCAL_SYNTHETIC != 0).all()


def test_phases_when_a_session_then_woven_in_at_their_times(file: Path) -> None:
    log = read_mt5_ticks(write(
        file, row("08:57:00.000", 130_000, 129_000), row("09:00:00.000", 130_000),
        row("18:24:59.999", 130_000), row("18:26:00.000", 130_005)),
        options=ImportOptions(feed_latency_ms=5))
    kinds = [(Phase(int(e["aux"])).name if e["kind"] == Kind.SESSION else "row")
             for e in log.events]
    assert kinds == ["PRE_OPEN", "row", "row", "CONTINUOUS", "row", "row", "CLOSING_CALL", "row",
                     "CLOSED"]
    sessions = log.events[log.events["kind"] == Kind.SESSION]
    assert (sessions["local_ns"] - sessions["exch_ns"] == 5_000_000).all()
    assert (sessions["flags"] & Flag.LAST != 0).all()


@pytest.mark.parametrize(("symbol", "day"), [("WINZ26", "2026.11.15"), ("PETR4", "2026.11.19")])
def test_phases_when_no_session_known_then_one_continuous_phase_at_the_first_row(
        file: Path, symbol: str, day: str) -> None:
    log = read_mt5_ticks(write(file, row("10:00:00.000", 130_000, day=day)),
                         Instrument.named(symbol))
    assert log.events["kind"].tolist() == [Kind.SESSION, Kind.QUOTE]
    assert log.events["aux"][0] == Phase.CONTINUOUS
    assert log.events["exch_ns"][0] == log.events["exch_ns"][1]
    assert bool(log.quality.notes) == (symbol == "WINZ26")


def test_quotes_when_a_new_day_begins_then_yesterdays_are_forgotten(file: Path) -> None:
    log = read_mt5_ticks(write(
        file, row("17:00:00.000", 130_000, 130_005, day="2026.11.18"),
        row("09:00:00.000", 130_000, 130_005, 130_005, 1)))
    assert [int(kind) for kind in market(log)["kind"]] == [
        Kind.QUOTE, Kind.QUOTE, Kind.TRADE, Kind.QUOTE, Kind.QUOTE]
    assert log.day == date(2026, 11, 18)
    assert log.quality.rows_read == 2
    assert log.quality.quote_buys == 0


def naive_records(rows: list[tuple[int, float, float, float, float, int]]) -> list[tuple]:
    """Row by row: (seq, kind, side, ticks, qty, last, crossed, auction)."""
    records, bid, ask = [], math.nan, math.nan
    for seq, (_, new_bid, new_ask, last, volume, flags) in enumerate(rows):
        if new_bid == new_ask == last == volume == 0:
            continue
        packet = []
        auction = bid > ask > 0
        if last > 0 and flags & 120:
            side = {32: 1, 64: -1}.get(flags & 96, 0)
            packet.append([seq, Kind.TRADE, side, round(last / 5), int(volume) or -1, auction])
        bid_moves = not math.isnan(new_bid) and new_bid != bid
        ask_moves = not math.isnan(new_ask) and new_ask != ask
        silent = not (packet or bid_moves or ask_moves)
        if bid_moves or (silent and not math.isnan(new_bid)):
            packet.append([seq, Kind.QUOTE, 1, round(new_bid / 5), -1 if new_bid else 0, False])
        if ask_moves or (silent and not math.isnan(new_ask)):
            packet.append([seq, Kind.QUOTE, -1, round(new_ask / 5), -1 if new_ask else 0, False])
        bid = bid if math.isnan(new_bid) else new_bid
        ask = ask if math.isnan(new_ask) else new_ask
        for position, record in enumerate(packet):
            records.append((*record, bid >= ask > 0, position == len(packet) - 1))
    return records


@pytest.mark.parametrize("seed", range(6))
def test_import_when_random_rows_then_equal_to_the_row_by_row_twin_at_any_chunk_size(
        file: Path, seed: int) -> None:
    rng = np.random.default_rng(seed)
    rows, milliseconds = [], 9 * 3_600_000
    for _ in range(400):
        milliseconds += int(rng.integers(0, 50))
        cells = [float(rng.choice([math.nan, 0.0, 100.0, 105.0, 110.0], p=[.4, .1, .2, .2, .1]))
                 for _ in range(3)]
        volume = float(rng.choice([0, 1, 2, 9])) if cells[2] == cells[2] else math.nan
        rows.append((milliseconds, *cells, volume, int(rng.integers(0, 128))))
    text = [row(f"{t // 3_600_000:02d}:{t // 60_000 % 60:02d}:{t // 1000 % 60:02d}.{t % 1000:03d}",
                *("" if math.isnan(value) else f"{value:g}" for value in cells), flags)
            for t, *cells, flags in rows]
    write(file, *text, header=FLAGGED)
    log = read_mt5_ticks(file)
    found = [(int(e["seq"]), int(e["kind"]), int(e["side"]), int(e["price_ticks"]),
              int(e["qty_lots"]), bool(e["flags"] & Flag.AUCTION), bool(e["flags"] & Flag.CROSSED),
              bool(e["flags"] & Flag.LAST)) for e in market(log)]
    assert found == naive_records(rows)
    for chunk_bytes in (300, 1_000):
        other = read_mt5_ticks(file, options=ImportOptions(chunk_bytes=chunk_bytes))
        assert other.content_hash == log.content_hash
        assert other.quality == log.quality


GOOD = row("09:00:00.000", 130_000, 130_005)


@pytest.mark.parametrize(("bad", "line", "says"), [
    (row("09:00:01.000", "abc"), 3, "must be a number, was 'abc'"),
    (row("09:00:01.000", "nan"), 3, "finite number"),
    (row("09:00:01.000", "inf"), 3, "finite number"),
    (row("09:00:01.000", "130000,5"), 3, "must be a number"),
    (row("09:00:01.000", -130_000), 3, "<BID> must be 0 or more"),
    (row("09:00:01.000", "", "", 130_000, -3), 3, "<VOLUME> must be 0 or more, was -3"),
    (row("09:00:01.000", "", "", 130_000, 1.5), 3, "whole lots"),
    (row("09:00:01.000", "", "", 130_000, 3_000_000_000), 3, "whole lots"),
    (row("09:00:01.000", "1e300"), 3, "<BID> is beyond 2147483647 ticks of 5, was 1e+300"),
    (row("09:00:01.000", "", "", 2**31 * 5, 1), 3, "<LAST> is beyond 2147483647 ticks"),
    (row("24:00:01.000", 130_000), 3, "<TIME> must be"),
    (row("09:00", 130_000) + "\t1", 3, "6 columns expected"),
    (row("nine", 130_000), 3, "<TIME> must be"),
    (row("", 130_000), 3, "<TIME> must be"),
    (row("09:00:01.000", 130_000, day="2026.02.30"), 3, "<DATE> must be"),
    (row("09:00:01.000", 130_000, day="19.11.2026"), 3, "<DATE> must be"),
    (row("09:00:01.000", 130_000, day="2026.11.18"), 3, "order of days"),
    ("2026.11.19\t09:00:01.000", 3, "6 columns expected"),
    ('"2026.11.19\t09:00:01.000', 3, "columns expected"),
    ("\x00\x00\x00", None, "text"),
])
def test_import_when_a_row_is_bad_then_input_error_names_the_line(
        file: Path, bad: str, line: int | None, says: str) -> None:
    write(file, GOOD, bad, row("09:00:02.000", 130_000))
    with pytest.raises(InputError, match=None) as caught:
        read_mt5_ticks(file)
    assert says in str(caught.value) and str(file) in str(caught.value)
    assert line is None or caught.value.line == line
    assert caught.value.exit_code == 2


def test_import_when_error_is_deep_in_the_file_then_line_is_exact(file: Path) -> None:
    rows = [row("09:00:00.000", 130_000 + 5 * (n % 7)) for n in range(500)]
    rows[321] = row("09:00:00.000", "x")
    write(file, *rows)
    for chunk_bytes in (100, 5_000, 10**6):
        with pytest.raises(InputError) as caught:
            read_mt5_ticks(file, options=ImportOptions(chunk_bytes=chunk_bytes))
        assert caught.value.line == 323


@pytest.mark.parametrize(("content", "says"), [
    (b"", "empty"),
    (b"\xff\xfe", "header"),
    (HEADER.encode(), "no rows"),
    (HEADER.encode() + b"\r\n\r\n", "no rows"),
    (b"<DATE>\t<TIME>\t<BID>\t<ASK>\t<LAST>\r\n", "header"),
    (b"<DATE>\t<TIME>\t<BID>\t<BID>\t<ASK>\t<LAST>\t<VOLUME>\r\n", "header"),
    (bytes(range(256)) * 40, "text"),
    (b"a" * 200_000, "text table"),
    ((HEADER + "\r\n" + GOOD).encode("utf-16")[:-1], "utf-16"),
    (HEADER.encode() + b"\r\n2026.11.19\t09:00:00.000\t\xff\xfe\t\t\t\r\n", "UTF-8"),
])
def test_import_when_the_file_is_no_tick_export_then_input_error(
        file: Path, content: bytes, says: str) -> None:
    file.write_bytes(content)
    with pytest.raises(InputError) as caught:
        read_mt5_ticks(file)
    assert says in str(caught.value)


def test_import_when_file_is_missing_or_zone_unknown_then_clear_errors(file: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        read_mt5_ticks(file)
    write(file, GOOD)
    with pytest.raises(ConfigError, match="Mars/Olympus"):
        read_mt5_ticks(file, options=ImportOptions(server_zone="Mars/Olympus"))
    with pytest.raises(ConfigError, match="covers 2006-01-01"):
        read_mt5_ticks(write(file, row("09:00:00.000", 130_000, day="2060.11.19")))
