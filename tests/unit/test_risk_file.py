"""What a restart finds of the risk state: every line of the table, and a disk that fails."""

import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest

from dreammaker.domain.errors import StoreError
from dreammaker.domain.orders import (
    CancelOrder,
    ExecutionReport,
    OrderType,
    Reason,
    ReplaceOrder,
    ReportKind,
    SubmitOrder,
    TimeInForce,
)
from dreammaker.store.orders_db import ORDERS_DB_VERSION, OrdersDb
from dreammaker.store.reserve import SLOT_COUNT, Reserve, read_reserve
from dreammaker.store.risk_file import (
    HALTED,
    ID_BLOCK,
    KILLED,
    NORMAL,
    REDUCE_ONLY,
    RiskFile,
    RiskStart,
    read_risk_file,
    rearm_risk_file,
)

TODAY, TOMORROW = "2026-03-02", "2026-03-03"
KEPT = RiskStart(cash_micros=-7, lots=2, net_micros=-5, high_water_micros=11, consecutive_losses=3)


def left_by(path: Path, kept: RiskStart, *, crashed: bool = False) -> None:
    """A run of today that ended so."""
    file = RiskFile(path, TODAY)
    assert file.save(kept, is_running=crashed) is None
    file.close()


def begins(path: Path, day: str = TODAY, **more: bool) -> RiskStart:
    file = RiskFile(path, day, **more)
    file.close()
    return file.start


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "risk.sqlite"


def state(start: RiskStart) -> tuple[int, Reason]:
    return start.state, Reason(start.reason)


def test_first_run_ever_is_normal(path: Path) -> None:
    start = begins(path)
    assert (state(start), start.is_resumed, start.first_order_id) == (
        (NORMAL, Reason.NONE), False, 1)


def test_missing_file_after_a_run_that_never_ended_allows_nothing_new(path: Path) -> None:
    start = begins(path, run_before=True)
    assert state(start) == (REDUCE_ONLY, Reason.STATE_MISSING)
    assert start.first_order_id > 100 * ID_BLOCK, "nobody remembers which numbers were used"


def test_file_has_one_run_at_a_time_and_no_operator_writes_under_it(path: Path) -> None:
    first = RiskFile(path, TODAY)
    halted = replace(KEPT, state=HALTED, reason=int(Reason.DRAWDOWN))
    assert first.save(halted) is None
    for second in (lambda: RiskFile(path, TODAY), lambda: rearm_risk_file(path)):
        with pytest.raises(StoreError, match="is in use: a session that runs"):
            second()
    assert read_risk_file(path)[0].state == HALTED
    first.close()
    assert state(begins(path)) == (HALTED, Reason.DRAWDOWN)
    rearm_risk_file(path)


def test_file_that_somebody_has_locked_is_neither_damaged_nor_moved(path: Path) -> None:
    left_by(path, KEPT)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("pragma locking_mode = exclusive")
    other.execute("begin exclusive")
    with pytest.raises(StoreError, match="cannot be read: database is locked"):
        RiskFile(path, TODAY)
    other.execute("rollback")
    other.close()
    assert sorted(found.name for found in path.parent.glob("*damaged*")) == []
    assert begins(path).net_micros == KEPT.net_micros


def test_after_the_first_write_no_other_takes_space(path: Path) -> None:
    """On a full disk a kill must reach the file; what is there already is written over."""
    def sizes() -> dict[str, int]:
        return {found.name: found.stat().st_size for found in path.parent.iterdir()}

    file = RiskFile(path, TODAY)
    assert file.save(KEPT) is None
    before = sizes()
    causes = tuple(int(reason) for reason in Reason)
    for money in range(-(2**62), 2**62, 2**57):
        assert file.save(RiskStart(KILLED, 27, causes, money, -2**40, money, 2**62)) is None
        assert sizes() == before
    file.close()
    assert state(begins(path)) == (KILLED, Reason.DAILY_LOSS)


def test_folder_is_refused_and_stays_where_it_is(tmp_path: Path) -> None:
    folder = tmp_path / "sessions"
    (folder / "one").mkdir(parents=True)
    with pytest.raises(StoreError, match="is a folder"):
        RiskFile(folder, TODAY)
    with pytest.raises(StoreError, match="cannot be read"):
        rearm_risk_file(folder)
    assert [found.name for found in tmp_path.iterdir()] == ["sessions"]


def test_run_that_never_began_leaves_no_trace_of_a_crash(path: Path) -> None:
    """A configuration may be refused after the state was read: nothing was sent."""
    left_by(path, KEPT)
    file = RiskFile(path, TODAY)
    file.close()
    assert state(begins(path)) == (NORMAL, Reason.NONE)
    left_by(path, KEPT, crashed=True)
    file = RiskFile(path, TODAY)
    file.close()
    assert state(begins(path)) == (REDUCE_ONLY, Reason.RESTARTED)


@pytest.mark.parametrize("damage", ["bytes", "empty table", "version", "state", "reason", "empty"])
def test_file_that_cannot_be_understood_is_a_kill_and_is_kept_aside(path: Path, damage: str
                                                                   ) -> None:
    left_by(path, KEPT)
    if damage in ("bytes", "empty"):
        path.write_bytes(b"not a database, and long enough to be one" * 200
                         if damage == "bytes" else b"")
    else:
        with sqlite3.connect(path) as db:
            db.execute({"empty table": "delete from risk", "version": "pragma user_version = 9",
                        "state": "update risk set state = 7",
                        "reason": "update risk set causes = '9999'"}[damage])
        db.close()
    start = begins(path)
    assert state(start) == (KILLED, Reason.STATE_UNREADABLE)
    assert start.is_resumed and start.first_order_id > 100 * ID_BLOCK
    assert (path.parent / "risk.sqlite.damaged-1").exists()
    assert state(begins(path)) == (KILLED, Reason.STATE_UNREADABLE)


def test_result_of_the_day_is_carried_over_and_ends_with_it(path: Path) -> None:
    left_by(path, KEPT)
    assert begins(path) == replace(KEPT, is_resumed=True, first_order_id=1 + ID_BLOCK)
    left_by(path, KEPT)
    fresh = begins(path, TOMORROW)
    assert (fresh.cash_micros, fresh.net_micros, fresh.high_water_micros, fresh.lots,
            fresh.consecutive_losses, fresh.state) == (0, 0, 0, 0, 0, NORMAL)


def test_order_numbers_are_never_given_twice(path: Path) -> None:
    firsts = [begins(path).first_order_id for _ in range(4)]
    assert firsts == [1 + n * ID_BLOCK for n in range(4)]


@pytest.mark.parametrize(("kept", "crashed", "day", "expected"), [
    (NORMAL, False, TODAY, (NORMAL, Reason.NONE)),
    (NORMAL, True, TODAY, (REDUCE_ONLY, Reason.RESTARTED)),
    (NORMAL, True, TOMORROW, (REDUCE_ONLY, Reason.RESTARTED)),
    (REDUCE_ONLY, False, TODAY, (REDUCE_ONLY, Reason.LATENCY)),
    (REDUCE_ONLY, False, TOMORROW, (NORMAL, Reason.NONE)),
    (HALTED, False, TODAY, (HALTED, Reason.LATENCY)),
    (HALTED, True, TOMORROW, (HALTED, Reason.LATENCY)),
    (KILLED, False, TODAY, (KILLED, Reason.LATENCY)),
    (KILLED, True, TODAY, (KILLED, Reason.LATENCY)),
    (KILLED, False, TOMORROW, (KILLED, Reason.LATENCY)),
])
def test_table_of_starts(path: Path, kept: int, crashed: bool, day: str,
                         expected: tuple[int, Reason]) -> None:
    reason = 0 if kept == NORMAL else int(Reason.LATENCY)
    left_by(path, RiskStart(kept, reason, (reason,) if reason else ()), crashed=crashed)
    assert state(begins(path, day)) == expected


def test_kill_that_was_verified_ends_with_its_day(path: Path) -> None:
    left_by(path, RiskStart(KILLED, 27, (27,), is_verified=True))
    assert state(begins(path)) == (KILLED, Reason.DAILY_LOSS)
    left_by(path, RiskStart(KILLED, 27, (27,), is_verified=True))
    assert state(begins(path, TOMORROW)) == (NORMAL, Reason.NONE)


def test_agents_that_were_down_are_no_cause_after_a_restart(path: Path) -> None:
    down = int(Reason.AGENT_NOT_RUNNING)
    left_by(path, RiskStart(REDUCE_ONLY, down, (down,)))
    assert state(begins(path)) == (NORMAL, Reason.NONE)
    left_by(path, RiskStart(REDUCE_ONLY, down, (down, int(Reason.REJECT_RATE))))
    assert state(begins(path)) == (REDUCE_ONLY, Reason.AGENT_NOT_RUNNING)


def test_operator_rearms_a_halt_and_never_a_kill(path: Path) -> None:
    left_by(path, replace(KEPT, state=HALTED, reason=42, causes=(42,)), crashed=True)
    rearm_risk_file(path)
    start = begins(path)
    assert (state(start), start.net_micros, start.high_water_micros, start.consecutive_losses) == (
        (NORMAL, Reason.NONE), -5, 0, 0)
    left_by(path, RiskStart(KILLED, 27, (27,)))
    with pytest.raises(StoreError, match="DAILY_LOSS has killed trading on 2026-03-02"):
        rearm_risk_file(path)
    assert read_risk_file(path)[0].state == KILLED


def test_file_that_cannot_be_written_says_so(path: Path) -> None:
    file = RiskFile(path, TODAY)
    file.close()
    with pytest.raises(sqlite3.ProgrammingError):
        file._db.execute("select 1")
    with pytest.raises(StoreError, match="cannot write"):
        RiskFile(path.parent / "no" / "risk.sqlite", TODAY)


# The reserve, and orders on a disk that fails.


def order(number: int, *, reduce_only: bool = False) -> SubmitOrder:
    return SubmitOrder(number, -1, OrderType.STOP, TimeInForce.DAY, 2, 26_000, 5, reduce_only,
                       Reason.FLATTEN, post_only=True, trigger_ticks=25_990, parent_id=3)


def test_reserve_keeps_exits_and_cancels_on_space_it_has_already(tmp_path: Path) -> None:
    path = tmp_path / "exits.bin"
    reserve = Reserve(path)
    size = path.stat().st_size
    reserve.keep(order(7))
    reserve.keep(CancelOrder(6, 9, Reason.FLATTEN))
    assert path.stat().st_size == size
    assert read_reserve(path) == [(7, 5, -1, 2, Reason.FLATTEN), (6, 9, 0, 0, Reason.FLATTEN)]
    content = bytearray(path.read_bytes())
    content[20] ^= 1
    path.write_bytes(content)
    assert [entry[0] for entry in read_reserve(path)] == [6]
    for number in range(SLOT_COUNT + 5):
        reserve.keep(order(number))
    assert (len(reserve.kept), path.stat().st_size) == (SLOT_COUNT, size)
    reserve.close()
    assert path.exists()


def test_reserve_that_was_not_needed_leaves_nothing(tmp_path: Path) -> None:
    reserve = Reserve(tmp_path / "exits.bin")
    reserve.close()
    assert list(tmp_path.iterdir()) == []


def test_disk_that_fails_refuses_entries_and_keeps_the_rest_for_later(tmp_path: Path) -> None:
    """The page limit of the database stands for the end of the disk."""
    db = OrdersDb(tmp_path / "orders.sqlite", durable=True)
    pages = db._db.execute("pragma page_count").fetchone()[0]
    db._db.execute(f"pragma max_page_count = {pages}")
    number, errors = 1, []
    while not errors:
        try:
            db.intent(order(number))
            number += 1
        except StoreError as error:
            errors.append(error)
    assert "full" in str(errors[0])
    assert not db.behind
    assert db.exit_intent(order(number, reduce_only=True)) is not None
    for fill in range(1, 200):
        db.report(ExecutionReport(ReportKind.FILLED, number, 1, 2, fill, 1, 26_000, cum_lots=fill))
    assert db.behind
    with pytest.raises(StoreError):
        db.intent(order(number + 1))
    with pytest.raises(StoreError):
        db.replace_intent(ReplaceOrder(number, 1, 1, 1))
    db._db.execute("pragma max_page_count = 100000")
    assert db.catch_up() is None
    db.intent(order(number + 1))
    db.close()
    with sqlite3.connect(tmp_path / "orders.sqlite") as reader:
        assert reader.execute("select count(*), max(cum_lots) from report").fetchone() == (199, 199)
        row = reader.execute("select post_only, trigger_ticks, parent_id, reduce_only from intent "
                             "where client_order_id = ?", (number,)).fetchone()
    reader.close()
    assert row == (1, 25_990, 3, 1)
    assert [entry[0] for entry in read_reserve(tmp_path / "exits.bin")] == [number]


def test_disk_that_stays_full_is_said_at_the_end(tmp_path: Path) -> None:
    db = OrdersDb(tmp_path / "orders.sqlite", durable=True)
    db._db.execute("pragma query_only = on")
    assert db.risk_state(1, "KILLED") is not None
    with pytest.raises(StoreError, match="cannot write"):
        db.close()


def test_orders_file_of_another_version_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "orders.sqlite"
    OrdersDb(path, durable=False).close()
    with sqlite3.connect(path) as db:
        db.execute("pragma user_version = 1")
    db.close()
    with pytest.raises(StoreError, match=f"version 1; this program reads and writes version "
                                         f"{ORDERS_DB_VERSION} only"):
        OrdersDb(path, durable=False)
