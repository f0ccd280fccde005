"""Whole sessions of parent orders over the broker that repeats, delays, refuses and fails.

The books hold as they do for single orders, no limit is passed, and every parent ends on record
with the lots the venue filled for it.
"""

import pytest

from dreammaker.assembly.config import parse_config
from dreammaker.assembly.session import Session
from dreammaker.assembly.sources import open_source
from dreammaker.execution import ParentState
from dreammaker.store.journal import Entry
from tests.simulation.test_fault_injection import FaultyBroker, check_books

LOTS = 24
ROOM = {"max_position_lots": LOTS, "max_order_lots": LOTS, "max_working_orders": 8,
        "max_orders_per_minute": 1000, "max_orders_per_second": 50, "max_notional": 1e9,
        "max_net_notional": 1e9, "max_gross_notional": 1e9, "capital": 1e9, "max_drawdown": 1e6,
        "max_consecutive_losses": 10_000, "max_reject_share": 1.0, "max_latency_ms": 60_000.0,
        "max_daily_loss": 1e6, "entry_start_minutes_after_open": 0.2,
        "entry_stop_minutes_before_close": 3.0, "flatten_minutes_before_close": 2.0,
        "deadline_minutes_before_close": 0.5}


def session(algorithm, seed, send_failures=2):
    config = parse_config({
        "run": {"seed": seed}, "simulation": {"session_minutes": 8.0},
        "model": {"decision_interval_s": 0.25, "entry_threshold": 0.6, "exit_threshold": 0.3,
                  "min_hold_s": 4.0, "voters": ["spread"], "max_spread_ticks": 50},
        "execution": {"order_lots": LOTS, "algorithm": algorithm, "horizon_s": 12.0,
                      "slice_s": 2.0, "finish_s": 3.0, "max_child_lots": 6, "reprice_ms": 300.0,
                      "review_ms": 200.0, "peak_lots": 3, "pov_rate": 0.1, "near_touch_ms": 700.0},
        "exchange": {"entry_latency_ms": 15.0, "response_latency_ms": 15.0},
        "risk": ROOM})
    made = Session(config, open_source(config))
    broker = FaultyBroker(made.context.broker, seed + 2000, send_failures=send_failures)
    made.context.broker = made.loop.broker = broker
    return made, broker


@pytest.mark.parametrize(("algorithm", "seed", "send_failures"), [
    ("twap", 1, 2), ("adaptive", 2, 2), ("twap", 3, 0), ("pov", 4, 0), ("adaptive", 5, 0),
    ("iceberg", 6, 0), ("almgren_chriss", 7, 0)])
def test_books_and_parents_hold_under_every_fault(algorithm, seed, send_failures):
    made, broker = session(algorithm, seed, send_failures)
    summary = made.run().summary
    check_books(made, broker)
    assert summary["stopped_by"] == ""
    assert broker.largest <= LOTS
    assert broker.truth == 0
    assert made.context.ledger.working == {}
    assert broker.faults["rejected"] + broker.faults["unknown"] > 0
    records = made.journal.entries.records
    parents = records[records["kind"] == Entry.PARENT]
    ended = parents[parents["code"] != ParentState.WORKING]
    assert sorted(parents[parents["code"] == ParentState.WORKING]["order_id"]) == sorted(
        ended["order_id"])
    assert len(ended) >= 2
    sent = records[records["kind"] == Entry.SUBMIT]
    by_parent = dict(zip(sent["order_id"].tolist(), sent["a"].astype(int).tolist(), strict=True))
    reports = records[(records["kind"] == Entry.REPORT) & (records["x"] > 0)]
    filled: dict[int, dict[int, int]] = {}
    for row in reports:
        filled.setdefault(by_parent[int(row["order_id"])], {})[int(row["x"])] = int(row["qty_lots"])
    for row in ended:
        booked = sum(filled.get(int(row["order_id"]), {}).values())
        assert row["x"] <= booked <= row["qty_lots"]
        # A failed send stops the agent: what fills after that is the ledger's alone.
        assert booked == row["x"] or send_failures
