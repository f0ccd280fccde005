"""The orders' database: an intent is on the disk before its effect."""

import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from dreammaker.domain.errors import StoreError
from dreammaker.domain.orders import (
    CancelOrder,
    ExecutionReport,
    OrderType,
    ReportKind,
    SubmitOrder,
    TimeInForce,
)
from dreammaker.store.orders_db import OrdersDb


def order(number: int) -> SubmitOrder:
    return SubmitOrder(number, 1, OrderType.LIMIT, TimeInForce.DAY, 2, 26_000, 5)


def rows(path: Path, table: str) -> list[tuple[object, ...]]:
    with sqlite3.connect(path) as db:
        found = db.execute(f"select * from {table}").fetchall()
    db.close()
    return found


def test_intent_when_durable_then_others_see_it_at_once(tmp_path: Path) -> None:
    path = tmp_path / "orders.sqlite"
    db = OrdersDb(path, durable=True)
    db.intent(order(1))
    assert rows(path, "intent") == [(1, 5, 1, 2, 1, 2, 26_000, 0, 63, 0, 0, 0)]
    db.cancel_intent(CancelOrder(1, 6))
    assert rows(path, "cancel_intent")[0][1:] == (1, 6, 6)
    db.risk_state(7, "KILLED: REQUESTED")
    assert rows(path, "risk_state")[0][1:] == (7, "KILLED: REQUESTED")
    db.close()


def test_intent_when_process_is_killed_then_it_is_there(tmp_path: Path) -> None:
    path = tmp_path / "orders.sqlite"
    code = ("import os, signal\n"
            "from pathlib import Path\n"
            "from dreammaker.store.orders_db import OrdersDb\n"
            "from dreammaker.domain.orders import *\n"
            f"db = OrdersDb(Path({str(path)!r}), durable=True)\n"
            "db.intent(SubmitOrder(9, -1, OrderType.MARKET, TimeInForce.DAY, 1, 3, 4))\n"
            "os.kill(os.getpid(), signal.SIGKILL)\n")
    done = subprocess.run([sys.executable, "-c", code], env=dict(os.environ))
    assert done.returncode == -signal.SIGKILL
    assert [row[0] for row in rows(path, "intent")] == [9]


def test_group_when_not_durable_then_on_disk_after_close(tmp_path: Path) -> None:
    path = tmp_path / "orders.sqlite"
    db = OrdersDb(path, durable=False)
    for number in range(1, 1001):
        db.intent(order(number))
    db.close()
    assert len(rows(path, "intent")) == 1000
    assert [file.name for file in tmp_path.iterdir()] == ["orders.sqlite"]


def test_fill_when_told_twice_then_kept_once(tmp_path: Path) -> None:
    path = tmp_path / "orders.sqlite"
    db = OrdersDb(path, durable=True)
    fill = ExecutionReport(ReportKind.FILLED, 1, 5, 6, fill_id=3, qty_lots=1, price_ticks=26_000)
    accepted = ExecutionReport(ReportKind.ACCEPTED, 1, 5, 6)
    for report in (accepted, accepted, fill, fill):
        db.report(report)
    db.close()
    assert [row[1] for row in rows(path, "report")] == [1, 1, 3]


def test_intent_when_number_repeats_then_refused(tmp_path: Path) -> None:
    db = OrdersDb(tmp_path / "orders.sqlite", durable=True)
    db.intent(order(1))
    with pytest.raises(StoreError, match="cannot write"):
        db.intent(order(1))
    db.close()


def test_database_when_it_exists_or_cannot_be_made_then_said(tmp_path: Path) -> None:
    OrdersDb(tmp_path / "orders.sqlite", durable=True).close()
    with pytest.raises(StoreError, match="cannot create"):
        OrdersDb(tmp_path / "orders.sqlite", durable=True)
    with pytest.raises(StoreError, match="cannot create"):
        OrdersDb(tmp_path / "no" / "orders.sqlite", durable=True)
