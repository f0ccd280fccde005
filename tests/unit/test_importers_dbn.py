"""The DBN importer on small files: what each action becomes, clocks, selection, bad input."""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dreammaker._ext.book_kernel import BookKernel
from dreammaker.data import ImportOptions, import_file, read_dbn, read_file
from dreammaker.data.importers import dbn as importer
from dreammaker.domain.errors import ConfigError, InputError
from dreammaker.domain.instrument import Instrument
from dreammaker.domain.schema import Flag, Kind
from tests.unit.dbn_files import (
    BAD_TS_RECV,
    LAST,
    MAYBE_BAD_BOOK,
    SNAPSHOT,
    START_NS,
    UNDEF_TIME,
    dbn,
    header,
    message,
    write,
)

OPENING = [message("A", "B", 5_000.0, 10, 1, SNAPSHOT | BAD_TS_RECV, -9_000, 9 * 10**9),
           message("A", "B", 5_000.0, 4, 2, SNAPSHOT | BAD_TS_RECV, -9_000, 9 * 10**9),
           message("A", "A", 5_000.5, 7, 3, SNAPSHOT | BAD_TS_RECV, -9_000, 9 * 10**9)]


def read(tmp_path: Path, *rows, **options):
    return read_dbn(write(tmp_path / "x.dbn", [*OPENING, *rows], **options))


def levels(log):
    book = BookKernel()
    book.apply(log.events)
    return book.levels(1), book.levels(-1)


def test_snapshot_when_without_a_clear_then_one_packet_that_begins_with_one(tmp_path: Path) -> None:
    log = read(tmp_path, message("A", "B", 4_999.75, 1, 4, at_ms=5))
    assert log.events["kind"].tolist() == [
        Kind.SESSION, Kind.CLEAR, *[Kind.ORDER_ADD] * 4]
    assert ((log.events["flags"] & Flag.LAST) != 0).tolist() == [
        True, False, False, False, True, True]
    assert (log.events["exch_ns"][:5] == START_NS).all()
    assert levels(log) == ([(20_000, 14), (19_999, 1)], [(20_002, 7)])
    assert log.day.isoformat() == "2026-11-19"


def test_snapshot_when_it_begins_with_a_clear_then_no_second_one(tmp_path: Path) -> None:
    log = read(tmp_path, message("A", "A", 5_001, 1, 8, at_ms=1),
               message("R", price=None, flags=SNAPSHOT, at_ms=2),
               message("A", "B", 4_990, 2, 9, SNAPSHOT, 2),
               message("A", "B", 4_991, 3, 10, at_ms=3))
    assert (log.events["kind"] == Kind.CLEAR).sum() == 2
    assert levels(log) == ([(19_964, 3), (19_960, 2)], [])


def test_fill_when_told_thrice_then_counted_once_and_the_cancel_changes_the_book(
        tmp_path: Path) -> None:
    log = read(tmp_path,
               message("T", "A", 5_000, 12, 50, 0, 1), message("F", "B", 5_000, 10, 1, 0, 1),
               message("F", "B", 5_000, 2, 2, 0, 1), message("C", "B", 5_000, 10, 1, 0, 1),
               message("M", "B", 5_000, 2, 2, LAST, 1), message("C", "B", 5_000, 1, 2, LAST, 2))
    packet = log.events[5:]
    assert packet["kind"].tolist() == [Kind.TRADE, Kind.ORDER_CANCEL, Kind.ORDER_MODIFY,
                                       Kind.ORDER_CANCEL]
    assert (packet["side"][0], packet["qty_lots"][0]) == (-1, 12)
    assert packet["aux"].tolist() == [0, 1, 1, 0]
    assert ((packet["flags"] & Flag.LAST) != 0).tolist() == [False, False, True, True]
    assert levels(log) == ([(20_000, 1)], [(20_002, 7)])
    assert (log.quality.volume, log.quality.trades, log.quality.sells) == (12, 1, 1)
    assert log.quality.counters["fills"] == 2
    assert log.quality.counters["fills_unsettled"] == 0


def test_modify_when_price_or_size_changes_then_the_order_stands_there(tmp_path: Path) -> None:
    log = read(tmp_path, message("M", "B", 4_999, 10, 1, at_ms=1),
               message("M", "B", 5_000, 6, 2, at_ms=2), message("M", "A", 5_000.5, 3, 3, at_ms=3))
    assert levels(log) == ([(20_000, 6), (19_996, 10)], [(20_002, 3)])
    modified = log.events[log.events["kind"] == Kind.ORDER_MODIFY]
    assert modified["order_id"].tolist() == [1, 2, 3]
    assert modified["qty_lots"].tolist() == [10, 6, 3]


def test_clear_when_sent_then_the_book_is_empty(tmp_path: Path) -> None:
    log = read(tmp_path, message("R", price=None, at_ms=1), message("N", price=None, at_ms=2))
    assert levels(log) == ([], [])
    assert log.quality.dropped == {"without an action": 1}


def test_times_when_the_file_doubts_them_then_flagged(tmp_path: Path) -> None:
    log = read(tmp_path, message("A", "B", 4_000, 1, 4, at_ms=10, late_ns=5_000_000),
               message("A", "B", 4_000, 1, 5, LAST | BAD_TS_RECV, 11, -3_000_000),
               message("A", "B", 4_000, 1, 6, at_ms=12, ts_event=UNDEF_TIME, ts_recv=START_NS
                       + 20_000_000),
               message("A", "B", 4_000, 1, 7, at_ms=30, ts_recv=UNDEF_TIME))
    live = log.events[-4:]
    base = START_NS
    assert (live["local_ns"] - base).tolist() == [15_000_000, 15_000_000, 20_000_000, 30_000_000]
    assert (live["exch_ns"] - base).tolist() == [10_000_000, 11_000_000, 20_000_000, 30_000_000]
    assert ((live["flags"] & Flag.LOCAL_SYNTHETIC) != 0).tolist() == [False, True, False, True]
    assert ((live["flags"] & Flag.EXCH_ESTIMATED) != 0).tolist() == [False, False, True, False]
    assert log.quality.counters["bad_receive_times"] == 4 + 2


def test_times_when_received_before_it_happened_then_one_constant(tmp_path: Path) -> None:
    log = read(tmp_path, message("A", "B", 4_000, 1, 4, at_ms=10, late_ns=-2_500),
               message("A", "B", 4_000, 1, 5, at_ms=20, late_ns=500))
    assert (log.events["local_ns"] - log.events["exch_ns"])[-2:].tolist() == [0, 3_000]
    assert ((log.events["flags"][-2:] & Flag.LOCAL_SYNTHETIC) != 0).all()
    assert ["+0.000002500 s" in note for note in log.quality.notes] == [True]
    with pytest.raises(InputError, match="7200 s before it happened"):
        read(tmp_path, message("A", "B", 4_000, 1, 4, at_ms=10, late_ns=-7_200 * 10**9))


def test_exchange_time_when_it_goes_back_then_kept_and_flagged(tmp_path: Path) -> None:
    log = read(tmp_path, message("A", "B", 4_000, 1, 4, at_ms=10, late_ns=10**7),
               message("A", "B", 4_000, 1, 5, at_ms=9, late_ns=2 * 10**7))
    assert log.quality.time_backwards == 1
    assert log.events["flags"][-1] & Flag.TIME_BACKWARDS


def test_book_when_maybe_bad_then_one_gap_before_it(tmp_path: Path) -> None:
    log = read(tmp_path, message("A", "B", 4_000, 1, 4, LAST | MAYBE_BAD_BOOK, 10),
               message("A", "B", 4_000, 1, 5, LAST | MAYBE_BAD_BOOK, 11),
               message("A", "B", 4_000, 1, 6, at_ms=12))
    assert log.events["kind"][-4:].tolist() == [Kind.GAP, *[Kind.ORDER_ADD] * 3]
    assert log.events["qty_lots"][-4] == -1
    assert log.quality.counters["maybe_bad_book"] == 1


def test_price_when_off_the_grid_then_flagged_and_not_in_the_book(tmp_path: Path) -> None:
    log = read(tmp_path, message("T", "B", 5_000.3, 1, 0, at_ms=1),
               message("A", "B", 4_999.9, 1, 9, at_ms=2))
    assert log.events["residual_microticks"][-2:].tolist() == [200_000, -400_000]
    assert log.quality.off_grid == 2
    assert levels(log)[0] == [(20_000, 14)]


def test_trade_when_without_a_side_and_the_book_is_crossed_then_an_auction(tmp_path: Path) -> None:
    log = read(tmp_path, message("T", "N", 5_000.25, 1, 0, at_ms=1),
               message("A", "B", 5_001, 5, 4, at_ms=2),
               message("T", "N", 5_000.5, 5, 0, 0, 3), message("C", "B", 5_001, 5, 4, at_ms=3))
    trades = log.events[log.events["kind"] == Kind.TRADE]
    assert ((trades["flags"] & Flag.AUCTION) != 0).tolist() == [False, True]
    assert (log.quality.crossed, log.quality.locked) == (1, 0)
    assert ["no session phases" in note for note in log.quality.notes] == [True]
    assert ((log.events["flags"] & Flag.CROSSED) != 0).tolist() == [
        False] * 6 + [True, False, False]


def test_days_when_midnight_passes_then_each_is_one_and_a_snapshot_opens_its_own(
        tmp_path: Path) -> None:
    night = 86_400_000
    path = write(tmp_path / "x.dbn", [
        *OPENING, message("A", "B", 4_000, 1, 4, at_ms=1),
        message("A", "B", 4_001, 1, 5, SNAPSHOT, 2), message("A", "B", 4_002, 1, 6, at_ms=night)])
    days = import_file(path, tmp_path / "data")
    assert [(str(day.day), day.quality.rows_kept) for day in days] == [
        ("2026-11-19", 4), ("2026-11-20", 2)]


def test_file_when_it_holds_several_instruments_then_one_is_chosen(tmp_path: Path) -> None:
    rows = [message("A", "B", 5_000, 1, 1, at_ms=1), message("A", "B", 80, 9, 2, at_ms=2,
                                                           instrument_id=8)]
    path = write(tmp_path / "x.dbn", rows, {"ESZ6": 7, "ESH7": 8})
    with pytest.raises(InputError, match="holds ESH7, ESZ6: choose one by its symbol"):
        read_dbn(path)
    log = read_dbn(path, Instrument.named("ESH7"))
    assert levels(log) == ([(320, 9)], [])
    assert log.quality.dropped == {"of other instruments": 1}
    with pytest.raises(InputError, match="holds ESH7, ESZ6, not WINZ26"):
        read_dbn(path, Instrument.named("WINZ26"))
    only = write(tmp_path / "y.dbn", rows[:1], {"ESZ6": 7, "ESH7": 8})
    with pytest.raises(InputError, match="has no records of ESH7"):
        read_dbn(only, Instrument.named("ESH7"))


def test_log_when_cut_anywhere_then_the_same(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    rows = [message("A", "BA"[n % 2], 4_000 + (n % 2) * 50 + float(rng.integers(9)), 1 + n % 5,
                    10 + n, LAST * int(rng.integers(2)), n) for n in range(200)]
    path = write(tmp_path / "x.dbn", [*OPENING, *rows])
    packed = write(tmp_path / "x.dbn.zst", [*OPENING, *rows], packed=True)
    whole = read_dbn(path)
    assert read_dbn(packed).content_hash == whole.content_hash
    for chunk_bytes in (1, 56 * 7, 5_000):
        cut = read_dbn(path, options=ImportOptions(chunk_bytes=chunk_bytes))
        assert cut.content_hash == whole.content_hash
        assert cut.quality == whole.quality


@pytest.mark.parametrize(("bad", "says"), [
    (message("X", "B", 5_000, 1, 4), "record 5: the action must be one of ACMRTFN"),
    (message("A", "Q", 5_000, 1, 4), "record 5: the side must be one of BAN"),
    (message("A", "B", 2**30, 1, 4), "record 5: the price is beyond"),
    (message("A", "B", 5_000, 2**31, 4), "record 5: the size must be whole lots"),
    (message("A", "B", 5_000, 1, 4, rtype=1), "record 5 is of type 1 and 56 bytes"),
    (message("A", "B", 5_000, 1, 4, length=20), "record 5 is of type 160 and 80 bytes"),
    (message("A", "B", 5_000, 1, 4, ts_event=UNDEF_TIME, ts_recv=UNDEF_TIME),
     "record 5: neither ts_event nor ts_recv"),
    (message("A", "B", 5_000, 1, 4, ts_recv=2**63), "record 5: ts_recv is no time"),
])
def test_file_when_a_record_is_bad_then_its_number_and_nothing_written(
        tmp_path: Path, bad, says: str) -> None:
    path = write(tmp_path / "x.dbn", [*OPENING, message("A", "B", 4_000, 1, 4), bad])
    with pytest.raises(InputError, match=says) as caught:
        import_file(path, tmp_path / "data")
    assert str(path) in str(caught.value)
    assert not list((tmp_path / "data").rglob("*.*"))


@pytest.mark.parametrize(("content", "says"), [
    (header({"ESZ6": 7}), "no records"),
    (header({"ESZ6": 7})[:30], "truncated within its header"),
    (b"DBN\x03\x08\x00\x00\x00garbage!", "damaged DBN header"),
    (b"DBN\x03\xff\xff\xff\xff", "no DBN header"),
    (b"DBX\x03\x08\x00\x00\x00", "not a DBN file"),
    (header({"ESZ6": 7}, dbn.Schema.TRADES) + bytes(48), "holds the schema trades"),
    (header({"ESZ6": 7}) + OPENING[0].tobytes()[:-1], "truncated within record 1"),
    (header({}) + OPENING[0].tobytes(), "holds no symbols"),
    (b"\x28\xb5\x2f\xfdnonsense", "damaged or truncated"),
])
def test_file_when_damaged_then_one_sentence(tmp_path: Path, content: bytes, says: str) -> None:
    path = tmp_path / "x.dbn"
    path.write_bytes(content)
    with pytest.raises(InputError, match=says):
        read_dbn(path)


def test_packet_when_it_never_ends_then_refused(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(importer, "MAX_PACKET_RECORDS", 50)
    rows = [message("A", "B", 4_000, 1, 10 + n, 0, n) for n in range(60)]
    with pytest.raises(InputError, match="records follow one another without the flag F_LAST"):
        read(tmp_path, *rows)


def test_file_when_the_package_is_missing_then_it_says_what_to_install(
        tmp_path: Path, monkeypatch) -> None:
    path = write(tmp_path / "ESZ6.dbn", OPENING)
    monkeypatch.setitem(sys.modules, "databento_dbn", None)
    with pytest.raises(ConfigError, match=r'pip install "dreammaker-hft\[databento\]"'):
        read_file(path)


def test_steps_when_they_do_not_fit_then_config_error(tmp_path: Path) -> None:
    path = write(tmp_path / "x.dbn", OPENING)
    with pytest.raises(ConfigError, match="tick_size must be a multiple"):
        read_dbn(path, replace(Instrument.named("ESZ6"), tick_size=1e-10))
    with pytest.raises(ConfigError, match="lot_size must be whole contracts"):
        read_dbn(path, replace(Instrument.named("ESZ6"), lot_size=0.5))
