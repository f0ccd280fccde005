"""Whole sessions over a broker that repeats, delays, reorders, refuses, splits and fails.

Whatever it does, our position is the sum of the venue's fills, none lost and none counted twice,
no limit is passed, and the way out stays open (invariants 5 to 7).
"""

import heapq
import sqlite3
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from dreammaker.assembly.config import parse_config
from dreammaker.assembly.session import Session
from dreammaker.assembly.sources import open_source
from dreammaker.domain.orders import ExecutionReport, QueryFailed, Reason, ReportKind
from dreammaker.engine.loop import LoopCommand
from dreammaker.risk import TradingState

MS = 1_000_000
K = ReportKind
LIMIT = 3


class FaultyBroker:
    """Stands between the program and the venue; every fault is drawn from one seed.

    `truth` is the position by the venue's own fills, at the moment the venue makes them.
    """

    def __init__(self, venue, seed, *, send_failures=2):
        self.venue, self.rng = venue, np.random.default_rng(seed)
        self.send_failures = send_failures
        self.sides, self.fills, self.truth, self.faults = {}, {}, 0, Counter()
        self.largest = 0
        self._queue, self._count, self._cum = [], 0, Counter()
        self._fill_id = 0

    def submit(self, approved, now_ns):
        order = approved.order
        assert order.client_order_id not in self.sides, "an order was sent twice"
        self.sides[order.client_order_id] = order.side
        draw = self.rng.random()
        if draw < 0.08:
            self.faults["rejected"] += 1
            self._later(ExecutionReport(K.REJECTED, order.client_order_id, now_ns, now_ns,
                                        reason=Reason.MARKET_CLOSED))
            return
        if draw < 0.12 and self.send_failures:
            self.send_failures -= 1
            self.faults["send failed"] += 1
            if self.rng.random() < 0.5:
                self.venue.submit(approved, now_ns)   # it went out all the same
            else:
                self._later(ExecutionReport(K.REJECTED, order.client_order_id, now_ns, now_ns))
            raise ConnectionError("no answer")
        if draw < 0.16:
            self.faults["unknown"] += 1
            self._later(ExecutionReport(K.UNKNOWN, order.client_order_id, now_ns, now_ns))
        self.venue.submit(approved, now_ns)

    def cancel(self, cancel, now_ns):
        self.venue.cancel(cancel, now_ns)

    def replace(self, approved, now_ns):
        self.venue.replace(approved, now_ns)

    def query_order(self, client_order_id, now_ns):
        """By the venue's books, when it answers at all."""
        if self.rng.random() < 0.3:
            self.faults["query failed"] += 1
            return QueryFailed("no answer")
        return self.venue.query_order(client_order_id, now_ns)

    def query_working(self, now_ns):
        if self.rng.random() < 0.3:
            raise ConnectionError("no answer")
        return self.venue.query_working(now_ns)

    def query_position(self, now_ns):
        if self.rng.random() < 0.3:
            self.faults["query failed"] += 1
            return QueryFailed("no answer")
        return self.venue.query_position(now_ns)

    def next_report(self, until_ns):
        while True:
            horizon = min(until_ns, self._queue[0][0]) if self._queue else until_ns
            report = self.venue.next_report(horizon)
            if report is None:
                break
            self._take(report)
        if self._queue and self._queue[0][0] <= until_ns:
            return heapq.heappop(self._queue)[2]
        return None

    def _take(self, report):
        if report.kind is not K.FILLED:
            self._later(report)
            return
        self.truth += self.sides[report.client_order_id] * report.qty_lots
        self.largest = max(self.largest, abs(self.truth))
        parts = [report.qty_lots]
        if report.qty_lots > 1 and self.rng.random() < 0.5:
            self.faults["split"] += 1
            parts = [1, report.qty_lots - 1]
        for lots in parts:
            self._fill_id += 1
            number = report.client_order_id
            self._cum[number] += lots
            self.fills[self._fill_id] = (self.sides[number], lots, report.price_ticks)
            self._later(replace(report, fill_id=self._fill_id, qty_lots=lots,
                                cum_lots=self._cum[number],
                                fee_micros=report.fee_micros // report.qty_lots * lots))

    def _later(self, report):
        """Deliver a report after a delay of its own, which reorders, and perhaps again."""
        copies = 1 + (self.rng.random() < 0.2)
        self.faults["repeated"] += copies - 1
        for _ in range(copies):
            draw = self.rng.random()
            delay = 0 if draw < 0.5 else int(self.rng.integers(1, 200 * MS))
            if draw > 0.95:
                self.faults["very late"] += 1
                delay = int(self.rng.integers(200 * MS, 3_000 * MS))
            if self._queue and report.local_ns + delay < max(item[0] for item in self._queue):
                self.faults["overtook"] += 1
            late = replace(report, local_ns=report.local_ns + delay)
            heapq.heappush(self._queue, (late.local_ns, self._count, late))
            self._count += 1


def session(seed, *, folder=None, batch=4096, send_failures=2, **risk):
    limits = {"max_position_lots": LIMIT, "max_order_lots": LIMIT, "max_working_orders": 4,
              "max_orders_per_minute": 200, "entry_start_minutes_after_open": 0.2,
              "entry_stop_minutes_before_close": 3.0, "flatten_minutes_before_close": 2.0,
              "deadline_minutes_before_close": 0.5, "max_drawdown": 1e6,
              "max_consecutive_losses": 10_000, "max_reject_share": 1.0,
              "max_latency_ms": 60_000.0,
              "max_daily_loss": 1e6}
    config = parse_config({
        "run": {"seed": seed}, "data": {"batch_events": batch},
        "simulation": {"session_minutes": 12.0},
        "model": {"decision_interval_s": 0.25, "entry_threshold": 0.6, "exit_threshold": 0.3,
                  "min_hold_s": 0.5, "voters": ["spread"], "max_spread_ticks": 50},
        "execution": {"order_lots": LIMIT, "entry_style": "near_touch", "near_touch_ms": 700.0},
        "exchange": {"entry_latency_ms": 15.0, "response_latency_ms": 15.0},
        "risk": limits | risk})
    made = Session(config, open_source(config), folder)
    broker = FaultyBroker(made.context.broker, seed + 1000, send_failures=send_failures)
    made.context.broker = made.loop.broker = broker
    return made, broker


def check_books(made, broker):
    """Position, cash and fees are those of the venue's fills; nothing is open or unknown."""
    ledger, fee = made.context.ledger, made.context.ledger.instrument.fee_micros_per_lot
    tick = ledger.instrument.tick_value_micros
    assert ledger.position.lots == broker.truth == sum(s * q for s, q, _ in broker.fills.values())
    assert ledger.fill_count == len(broker.fills)
    assert ledger.position.fees_micros == fee * sum(q for _, q, _ in broker.fills.values())
    assert (ledger.position.realised_micros - ledger.position.cost_micros
            == -tick * sum(s * q * p for s, q, p in broker.fills.values()))
    assert ledger.stray_count == 0


@pytest.mark.parametrize("seed", range(1, 7))
def test_position_limits_and_exits_hold_under_every_fault(seed, tmp_path):
    made, broker = session(seed, folder=tmp_path)
    result = made.run()
    check_books(made, broker)
    assert result.summary["stopped_by"] == ""
    assert broker.largest <= LIMIT
    # The session's end found the way out: flat, nothing working, nothing in doubt.
    assert broker.truth == 0
    assert made.context.ledger.working == {}
    assert not made.context.ledger.doubtful
    assert made.context.ledger.duplicate_count > 0
    with sqlite3.connect(tmp_path / "orders.sqlite") as db:
        booked = dict(db.execute("select fill_id, qty_lots from report where fill_id > 0"))
        intents = {row[0] for row in db.execute("select client_order_id from intent")}
    db.close()
    assert booked == {number: lots for number, (_, lots, _) in broker.fills.items()}
    assert set(broker.sides) <= intents
    assert len(broker.fills) > 100


def test_the_faults_do_happen():
    total = Counter()
    for seed in (1, 2):
        made, broker = session(seed)
        made.run()
        total += broker.faults
    for fault in ("rejected", "send failed", "unknown", "split", "repeated", "very late",
                  "overtook"):
        assert total[fault] > 0, fault


@pytest.mark.parametrize("seed", [11, 12, 13])
def test_the_daily_loss_under_faults_closes_everything_for_good(seed):
    made, broker = session(seed, max_daily_loss=15.0, send_failures=0)
    made.run()
    check_books(made, broker)
    assert made.context.gate.state is TradingState.KILLED
    assert broker.largest <= LIMIT
    assert broker.truth == 0
    assert made.context.ledger.working == {}


@pytest.mark.parametrize("seed", range(21, 26))
def test_a_kill_at_any_moment_under_faults_ends_flat_verified_and_silent(seed):
    """Questions fail too; whatever the broker does, only the flattening is sent afterwards."""
    made, broker = session(seed)
    when = int(np.random.default_rng(seed).integers(200, 2_000))
    usual, submit, after = made.coordinator.on_decision, broker.submit, []

    def decide():
        usual()
        if made.loop.counts.decisions == when:
            made.loop.commands.append(LoopCommand.KILL)

    def noted(approved, now_ns):
        if made.context.gate.state is TradingState.KILLED:
            after.append(approved.order)
        submit(approved, now_ns)

    made.coordinator.on_decision, broker.submit = decide, noted
    made.run()
    gate, kill = made.context.gate, made.coordinator.guard.kill
    assert (gate.state, gate.state_reason) == (TradingState.KILLED, Reason.REQUESTED)
    assert all(order.reduce_only and order.reason is Reason.FLATTEN for order in after)
    assert kill.is_verified
    assert gate.is_silent
    assert broker.truth == made.context.ledger.position.lots == 0
    assert broker.largest <= LIMIT
    fills, tick = broker.fills.values(), made.context.ledger.instrument.tick_value_micros
    fee = made.context.ledger.instrument.fee_micros_per_lot
    if not made.context.ledger.adopted_lots:
        assert made.context.ledger.position.cash_micros == -sum(
            s * q * p * tick + q * fee for s, q, p in fills)


def test_faults_at_any_batch_size_give_the_same_journal():
    hashes = set()
    for batch in (64, 4096):
        made, _ = session(3, batch=batch)
        hashes.add(made.run().digests["journal"])
    assert len(hashes) == 1
