"""Whole sessions for risk drills: simulated market and venue, a broker that can misbehave."""

from dataclasses import replace
from pathlib import Path

from dreammaker.assembly.config import parse_config
from dreammaker.assembly.session import Session
from dreammaker.assembly.sources import open_source
from dreammaker.domain.orders import (
    ApprovedOrder,
    ApprovedReplace,
    ExecutionReport,
    OrderType,
    PositionAnswer,
    QueryFailed,
    Reason,
    ReportKind,
    SubmitOrder,
    TimeInForce,
)
from dreammaker.engine.messages import Capability, MessageType, Topic
from dreammaker.risk import TradingState
from dreammaker.store.journal import JOURNAL_DTYPE, Entry
from dreammaker.store.segments import MemorySegment, read_segment

LIMIT = 3
USUAL = {
    "max_position_lots": LIMIT, "max_order_lots": LIMIT, "max_orders_per_minute": 200,
    "entry_start_minutes_after_open": 0.1, "entry_stop_minutes_before_close": 1.5,
    "flatten_minutes_before_close": 1.0, "deadline_minutes_before_close": 0.5,
    "max_daily_loss": 1e6, "max_drawdown": 1e6, "max_consecutive_losses": 10_000}


class Crash(BaseException):
    """The process ends here."""


class DrillBroker:
    """Stands before the venue, notes everything that is sent, and does what a drill asks.

    `carried` is a position that an earlier run left with the broker.
    """

    def __init__(self, session, *, carried=0):
        self.session, self.venue, self.carried = session, session.context.broker, carried
        self.sent, self.cancels = [], 0
        self.on_submit = lambda order: "send"
        self.answers = True
        self._own = []

    def submit(self, approved, now_ns):
        assert isinstance(approved, ApprovedOrder)
        gate = self.session.context.gate
        self.sent.append((now_ns, gate.state, approved.order))
        what = self.on_submit(approved.order)
        if what == "reject":
            self._own.append(ExecutionReport(ReportKind.REJECTED, approved.order.client_order_id,
                                             now_ns, now_ns, reason=Reason.MARKET_CLOSED))
            return
        self.venue.submit(approved, now_ns)
        if what == "unknown":
            raise ConnectionError("no answer")
        if what == "crash":
            raise Crash

    def replace(self, approved, now_ns):
        assert isinstance(approved, ApprovedReplace)
        self.venue.replace(approved, now_ns)

    def cancel(self, cancel, now_ns):
        self.cancels += 1
        self.venue.cancel(cancel, now_ns)

    def query_order(self, number, now_ns):
        return self.venue.query_order(number, now_ns) if self.answers else QueryFailed("deaf")

    def query_working(self, now_ns):
        return self.venue.query_working(now_ns) if self.answers else QueryFailed("deaf")

    def query_position(self, now_ns):
        if not self.answers:
            return QueryFailed("deaf")
        answer = self.venue.query_position(now_ns)
        return PositionAnswer(answer.lots + self.carried, answer.average_price_ticks)

    def next_report(self, until_ns):
        if self._own and self._own[0].local_ns <= until_ns:
            return self._own.pop(0)
        return self.venue.next_report(until_ns)

    @property
    def position(self):
        return self.query_position(0).lots

    def after(self, state):
        """Orders that were sent in a state."""
        return [order for _, was, order in self.sent if was is state]


def drill(*, seed=1, folder: Path | None = None, day="2026-03-02", risk=None, execution=None,
          model=None, minutes=6.0, carried=0):
    """A session and the broker in it; entries of three lots, decided four times a second."""
    config = parse_config({
        "run": {"seed": seed, "day": day}, "simulation": {"session_minutes": minutes},
        "model": {"decision_interval_s": 0.25, "entry_threshold": 0.6, "exit_threshold": 0.3,
                  "min_hold_s": 0.5, "voters": ["spread"], "max_spread_ticks": 50} | (model or {}),
        "execution": {"order_lots": LIMIT} | (execution or {}),
        "risk": USUAL | (risk or {})})
    if folder is not None:
        folder.mkdir(parents=True)
    session = Session(config, open_source(config), folder)
    broker = DrillBroker(session, carried=carried)
    session.context.broker = session.loop.broker = broker
    return session, broker


def entries(session, kind, code=None):
    """Journal records of a kind (in memory or on disk)."""
    sink = session.journal.entries
    records = (sink.records if isinstance(sink, MemorySegment) else
               read_segment(sink.path, JOURNAL_DTYPE))
    found = records[records["kind"] == kind]
    return found if code is None else found[found["code"] == code]


class Rogue:
    """Asks risk, through its agent, for an order nobody should want, at every item of a kind."""

    def __init__(self, session, at="on_decision", **order):
        self.session, self.order = session, order
        self.usual = getattr(session.coordinator, at)
        setattr(session.coordinator, at, self)

    def __call__(self, *arguments):
        self.usual(*arguments)
        context = self.session.context
        market = context.market
        wish = replace(
            SubmitOrder(context.ledger.next_order_id(), 1, OrderType.LIMIT, TimeInForce.DAY, 1,
                        market.ask_ticks, context.clock.now_ns), **self.order)
        self.session.coordinator._tell(MessageType.DATA, Topic.SUBMIT, Capability.GUARD, wish)
        self.session.coordinator.pump()


def check_end(session, broker):
    """Flat, nothing working, no limit passed; after a kill nothing but the flattening was sent."""
    ledger = session.context.ledger
    assert broker.position == ledger.position.lots == 0
    assert ledger.working == {}
    tick = ledger.instrument.tick_value_micros
    reports = entries(session, Entry.REPORT, ReportKind.FILLED)
    sides = {order.client_order_id: order.side for _, _, order in broker.sent}
    cash = held = 0
    for report in reports:
        signed = sides[int(report["order_id"])] * int(report["qty_lots"])
        held += signed
        assert abs(held) <= LIMIT
        cash -= signed * int(report["price_ticks"]) * tick + int(report["a"])
    if not broker.carried and not ledger.adopted_lots:
        assert ledger.position.cash_micros == cash, "cash conserves to the millionth"
    for order in broker.after(TradingState.KILLED):
        assert order.reduce_only and order.reason is Reason.FLATTEN
    for state in (TradingState.REDUCE_ONLY, TradingState.HALTED):
        assert all(order.reduce_only for order in broker.after(state))
