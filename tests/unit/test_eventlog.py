"""The archive: round trips, atomic writes, damage, versions, caches, names."""

import os
import subprocess
import sys
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from dreammaker.domain.errors import ConfigError, StoreError
from dreammaker.domain.instrument import Instrument
from dreammaker.domain.schema import EVENT_DTYPE
from dreammaker.domain.source import SourceProfile
from dreammaker.store import EventLog, EventStore, QualityReport, parquet
from dreammaker.store.parquet import hash_records

WIN = Instrument.win("WINZ26")
SOURCE = SourceProfile("test", 5, has_aggressor=True, polled=True)
DAY = date(2026, 11, 19)


def events_of(seed: int, count: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, (count, EVENT_DTYPE.itemsize), np.uint8).view(EVENT_DTYPE)[:, 0]


def log_of(seed: int = 1, count: int = 1_000) -> EventLog:
    return EventLog.of(events_of(seed, count), WIN, SOURCE, QualityReport(trades=7, notes=["x"]),
                       DAY)


def files_under(root: Path) -> list[str]:
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())


@pytest.mark.parametrize("count", [0, 1, 1_000])
def test_day_when_saved_and_opened_then_bit_for_bit(tmp_path: Path, count: int) -> None:
    log = log_of(count=count)
    assert EventStore(tmp_path).save(log) is False
    opened = EventLog.open(tmp_path, "WINZ26", "2026-11-19")
    assert opened.events.tobytes() == log.events.tobytes()
    assert (opened.instrument, opened.source, opened.quality) == (WIN, SOURCE, log.quality)
    assert (opened.content_hash, opened.day) == (hash_records(log.events), DAY)
    assert not opened.events.flags.writeable or count == 0


def test_writer_when_given_batches_then_same_file_content_as_at_once(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet, "ROW_GROUP_RECORDS", 64)
    log = log_of(count=1_000)
    store = EventStore(tmp_path)
    with store.write_day(WIN, DAY) as writer:
        for start in range(0, 1_000, 37):
            writer.append(log.events[start:start + 37])
        writer.commit(SOURCE, log.quality)
    opened = store.open("WINZ26", DAY)
    assert opened.events.tobytes() == log.events.tobytes()
    assert opened.content_hash == log.content_hash


def test_writer_when_not_committed_then_nothing_is_left(tmp_path: Path) -> None:
    root = tmp_path / "archive"
    store = EventStore(root)

    def write() -> None:
        with store.write_day(WIN, DAY) as writer:
            writer.append(log_of().events)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write()
    assert not root.exists()
    store.save(log_of(1))
    with pytest.raises(KeyboardInterrupt):
        write()
    assert files_under(root) == [str(Path("WINZ26", "2026-11-19.parquet"))]
    assert store.header("WINZ26", DAY).content_hash == log_of(1).content_hash


def test_day_when_unfinished_then_invisible(tmp_path: Path) -> None:
    store = EventStore(tmp_path)
    writer = store.start_day(WIN, DAY)
    writer.append(log_of().events)
    assert store.days("WINZ26") == [] and store.symbols() == []
    with pytest.raises(ValueError, match="commit needs"):
        writer.commit()
    writer.abort()
    writer.abort()
    assert files_under(tmp_path) == []


def test_day_when_saved_again_then_replaced_and_old_cache_removed(tmp_path: Path) -> None:
    store = EventStore(tmp_path)
    store.save(log_of(1))
    old = store.open("WINZ26", DAY)
    assert store.save(log_of(2)) is True
    assert store.open("WINZ26", DAY).content_hash == log_of(2).content_hash
    # Windows does not remove a file that somebody maps.
    assert len(list((tmp_path / ".cache").iterdir())) == (1 if os.name == "posix" else 2)
    # Who still reads the former version keeps it.
    assert old.events.tobytes() == log_of(1).events.tobytes()


def test_listing_when_foreign_files_lie_about_then_only_days_count(tmp_path: Path) -> None:
    store = EventStore(tmp_path)
    store.save(log_of())
    for name in ("2026-99-99.parquet", "notes.txt", ".tmp-1-1"):
        (tmp_path / "WINZ26" / name).write_text("x")
    (tmp_path / "EMPTY").mkdir()
    assert store.days("WINZ26") == [DAY] and store.symbols() == ["WINZ26"]
    assert store.days("NOPE") == [] and EventStore(tmp_path / "none").symbols() == []


def test_cache_when_missing_or_of_wrong_size_then_rebuilt(tmp_path: Path) -> None:
    store = EventStore(tmp_path)
    store.save(log_of())
    cache = store.cache_path(store.open("WINZ26", DAY).content_hash)
    whole = cache.read_bytes()
    for content in (None, b"", whole[:-1], b"junk" * 100, whole[:200]):
        cache.unlink()
        if content is not None:
            cache.write_bytes(content)
        assert store.open("WINZ26", DAY).events.tobytes() == log_of().events.tobytes()
        assert cache.read_bytes() == whole


@pytest.mark.parametrize("damage", ["truncate", "half", "empty", "junk", "flip", "footer"])
def test_day_when_damaged_then_store_error(tmp_path: Path, damage: str) -> None:
    store = EventStore(tmp_path)
    store.save(log_of(count=5_000))
    path = store.path("WINZ26", DAY)
    whole = bytearray(path.read_bytes())
    if damage == "truncate":
        whole = whole[:-1]
    elif damage == "half":
        whole = whole[:len(whole) // 2]
    elif damage == "empty":
        whole = bytearray()
    elif damage == "junk":
        whole = bytearray(b"not a parquet file at all")
    elif damage == "flip":
        whole[len(whole) // 3] ^= 0x10
    else:
        whole[-200] ^= 0xFF
    path.write_bytes(whole)
    with pytest.raises(StoreError, match=r"2026-11-19\.parquet"):
        store.open("WINZ26", DAY)
    assert not list(tmp_path.rglob(".tmp*"))


def test_day_when_every_byte_is_flipped_in_turn_then_never_wrong_records(tmp_path: Path) -> None:
    store = EventStore(tmp_path)
    store.save(log_of(count=50))
    path = store.path("WINZ26", DAY)
    whole = path.read_bytes()
    for position in range(0, len(whole), 41):
        damaged = bytearray(whole)
        damaged[position] ^= 0x55
        path.write_bytes(damaged)
        for cache in (tmp_path / ".cache").glob("*.npy"):
            cache.unlink()
        try:
            assert store.open("WINZ26", DAY).events.tobytes() == log_of(count=50).events.tobytes()
        except StoreError as error:
            assert "2026-11-19.parquet" in str(error)


def test_day_when_missing_then_store_error(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="no WINZ26 on 2026-11-19"):
        EventLog.open(tmp_path, "WINZ26", DAY)
    with pytest.raises(ConfigError, match="YYYY-MM-DD"):
        EventLog.open(tmp_path, "WINZ26", "19/11/2026")


def test_day_when_schema_version_is_unknown_then_refused(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = EventStore(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(parquet, "SCHEMA_VERSION", 2)
        store.save(log_of())
    with pytest.raises(StoreError, match="schema version 2; this program reads version 1"):
        store.open("WINZ26", DAY)


def test_day_when_any_other_parquet_then_refused(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    store = EventStore(tmp_path)
    path = store.path("WINZ26", DAY)
    path.parent.mkdir()
    pq.write_table(pa.table({"a": [1]}), path)
    with pytest.raises(StoreError, match="names no schema version"):
        store.open("WINZ26", DAY)


@pytest.mark.parametrize("symbol", ["", ".", "..", "../x", "a/b", "a\\b", "C:", "a b", "nul", "x.",
                                    ".x", "LPT1.x", "a" * 65, "WIN\n", "\u00e9"])
def test_symbol_when_it_cannot_name_a_folder_then_config_error(
        tmp_path: Path, symbol: str) -> None:
    with pytest.raises(ConfigError, match="symbol"):
        EventStore(tmp_path).days(symbol)
    if symbol:
        with pytest.raises(ConfigError, match="symbol"):
            EventStore(tmp_path).start_day(Instrument(symbol, 1.0, 1), DAY)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("symbol", ["WINZ26", "WIN$N", "WIN@", "BRK.B", "EUR_USD", "BTC-PERP"])
def test_symbol_when_harmless_then_a_folder(tmp_path: Path, symbol: str) -> None:
    log = EventLog.of(events_of(1, 3), Instrument(symbol, 1.0, 1), SOURCE, day=DAY)
    EventStore(tmp_path).save(log)
    assert EventStore(tmp_path).symbols() == [symbol]


@pytest.mark.parametrize("place", ["root", "root/WINZ26"])
def test_writer_when_the_folder_cannot_be_made_then_store_error(tmp_path: Path, place: str) -> None:
    (tmp_path / place).parent.mkdir(exist_ok=True)
    (tmp_path / place).write_text("a file where a folder should be")
    with pytest.raises(StoreError, match="cannot be written"):
        EventStore(tmp_path / "root").save(log_of())


def test_records_when_of_another_dtype_then_type_error(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="EVENT_DTYPE"):
        EventLog.of(np.zeros(3), WIN, SOURCE)
    with EventStore(tmp_path).write_day(WIN, DAY) as writer, pytest.raises(TypeError):
        writer.append(np.zeros(3))


def test_day_of_a_log_when_computed_then_exchange_time_zone() -> None:
    events = np.zeros(1, EVENT_DTYPE)
    events["exch_ns"] = 1_795_053_600 * 10**9  # 2026-11-19 02:00 UTC
    assert EventLog.of(events, WIN, SOURCE).day == date(2026, 11, 18)
    assert EventLog.of(events, Instrument.named("GOOG"), SOURCE).day == date(2026, 11, 18)
    utc = Instrument("BTCUSDT", 0.1, 1, exchange_zone="UTC")
    assert EventLog.of(events, utc, SOURCE).day == date(2026, 11, 19)


def test_archive_when_written_and_read_then_pandas_stays_unloaded(tmp_path: Path) -> None:
    program = (
        "import sys, numpy as np\n"
        "import dreammaker.data\n"
        "from datetime import date\n"
        "from dreammaker.store import EventLog, EventStore\n"
        "from dreammaker.domain.instrument import Instrument\n"
        "from dreammaker.domain.schema import EVENT_DTYPE\n"
        "from dreammaker.domain.source import SourceProfile\n"
        "log = EventLog.of(np.zeros(9, EVENT_DTYPE), Instrument.win(),\n"
        "                  SourceProfile('x', 0, False), day=date(2026, 11, 19))\n"
        "EventStore(sys.argv[1]).save(log)\n"
        "assert len(EventLog.open(sys.argv[1], 'WIN', log.day)) == 9\n"
        "print('pandas' in sys.modules)\n")
    result = subprocess.run([sys.executable, "-c", program, str(tmp_path)], capture_output=True,
                            text=True, check=True)
    assert result.stdout.strip() == "False"


def test_quality_when_days_are_combined_then_sums_and_extremes() -> None:
    first = QualityReport(rows_read=3, dropped={"a": 1}, trades=1, volume=2, vwap=10.0, open=10.0,
                          high=11.0, low=9.0, close=10.5, longest_gap_s=3.0)
    second = QualityReport(rows_read=4, dropped={"a": 2}, trades=1, volume=6, vwap=20.0, open=20.0,
                           high=21.0, low=8.0, close=20.5, longest_gap_s=1.0)
    quiet = QualityReport(rows_read=1)
    total = QualityReport.combined([first, quiet, second])
    assert (total.rows_read, total.dropped, total.rows_dropped) == (8, {"a": 3}, 3)
    assert (total.open, total.high, total.low, total.close) == (10.0, 21.0, 8.0, 20.5)
    assert (total.volume, total.vwap, total.longest_gap_s) == (8, 17.5, 3.0)
    assert QualityReport.from_dict(total.to_dict()) == total
    assert "17.50000" in str(total)
