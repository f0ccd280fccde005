"""A scripted broker under the risk and execution agents, and a clock that a test moves."""

import numpy as np

from dreammaker.agents import Coordinator, ExecutionAgent, RiskAgent
from dreammaker.agents.context import Target, TradingContext
from dreammaker.domain.errors import StoreError
from dreammaker.domain.instrument import Instrument
from dreammaker.domain.orders import (
    ExecutionReport,
    OrderType,
    PositionAnswer,
    QueryFailed,
    ReportKind,
)
from dreammaker.domain.schema import EVENT_DTYPE
from dreammaker.engine.clock import NS_PER_S, LoopClock
from dreammaker.engine.market import MarketView
from dreammaker.engine.messages import Capability, MessageType, Topic
from dreammaker.engine.timers import Timers
from dreammaker.execution import ExecutionConfig
from dreammaker.features.pipeline import FeatureRows
from dreammaker.ledger import Ledger
from dreammaker.risk import RiskConfig, RiskGate
from dreammaker.store.journal import Journal
from dreammaker.store.orders_db import OrdersDb

WIN = Instrument.win()
START = 1_000 * NS_PER_S
K = ReportKind


class ScriptedBroker:
    """Notes what it is told; answers only when a test says so."""

    def __init__(self, calls):
        self.calls = calls
        self.submitted, self.cancels, self.fails, self.fails_once = [], [], False, False
        self.replaced, self.orders, self.position, self.working = [], {}, None, ()

    def submit(self, approved, now_ns):
        self.calls.append("broker.submit")
        once, self.fails_once = self.fails_once, False
        if self.fails or once:
            raise ConnectionError("the line is dead")
        self.submitted.append(approved.order)

    def cancel(self, cancel, now_ns):
        self.calls.append("broker.cancel")
        if self.fails:
            raise ConnectionError("the line is dead")
        self.cancels.append(cancel.client_order_id)

    def replace(self, approved, now_ns):
        self.replaced.append(approved.replace)

    def query_order(self, client_order_id, now_ns):
        """What a test said it would answer; failed where it said nothing."""
        return self.orders.get(client_order_id, QueryFailed("nobody answers"))

    def query_working(self, now_ns):
        return self.working

    def query_position(self, now_ns):
        """What a test said, else what our own books say."""
        return self.position or PositionAnswer(self.ledger.position.lots)

    def next_report(self, until_ns):
        return None


class NotedDb(OrdersDb):
    def __init__(self, calls):
        super().__init__(None, durable=False)
        self.calls, self.fails = calls, False

    def intent(self, order):
        if self.fails:
            raise StoreError("the disk is full")
        self.calls.append("intent")
        super().intent(order)

    def cancel_intent(self, cancel):
        self.calls.append("cancel_intent")
        super().cancel_intent(cancel)


class Bench:
    """Risk and execution agents under a coordinator, and a clock the test moves."""

    def __init__(self, *, risk=None, **execution):
        self.calls = []
        self.broker = ScriptedBroker(self.calls)
        self.db = NotedDb(self.calls)
        self.ledger, self.market = Ledger(WIN), MarketView(WIN, 27)
        self.broker.ledger = self.ledger
        limits = {"max_position_lots": 4, "max_order_lots": 4, "max_orders_per_second": 50}
        gate = RiskGate(RiskConfig(**(limits | (risk or {}))), self.ledger, self.market)
        self.context = TradingContext(LoopClock(START), Timers(), self.market, self.ledger, gate,
                                      self.broker, Journal(None), self.db)
        self.gate = gate
        self.quote(26_000, 26_001)
        self.coordinator = Coordinator(self.context, [], 1, 0.6, FeatureRows(1))
        self.risk = RiskAgent(self.context)
        self.agent = ExecutionAgent(self.context, ExecutionConfig(**execution))
        self.coordinator.register(self.risk)
        self.coordinator.register(self.agent)
        self.coordinator.start_all()
        self.fills = 0
        self.fresh()

    def quote(self, bid, ask, *, ok=True):
        self.market.bid_ticks, self.market.ask_ticks, self.market.book_ok = bid, ask, ok

    def fresh(self):
        events = np.zeros(1, EVENT_DTYPE)
        events["local_ns"] = self.context.clock.now_ns
        self.market._event_local = events["local_ns"]

    def target(self, lots):
        self.later(1)
        self.coordinator._tell(MessageType.DATA, Topic.TARGET, Capability.GUARD, Target(lots))
        self.coordinator.pump()

    def flatten(self):
        self.later(1)
        self.coordinator._flatten()
        self.coordinator.pump()

    def later(self, ns):
        """Move the clock, handling the timers that come due."""
        end = self.context.clock.now_ns + ns
        while self.context.timers.next_ns <= end:
            timer = self.context.timers.pop()
            self.context.clock.advance(timer.due_ns)
            self.fresh()
            self.coordinator.on_timer(timer)
        self.context.clock.advance(end)
        self.fresh()

    def report(self, kind, number, qty=0, price=26_001, **more):
        self.later(1)
        if kind is K.FILLED:
            self.fills += 1
            more = {"fill_id": self.fills, "qty_lots": qty, "price_ticks": price} | more
        now = self.context.clock.now_ns
        self.coordinator.on_report(ExecutionReport(kind, number, now, now, **more))

    @property
    def orders(self):
        """What the broker has, as (side, lots, type)."""
        return [(o.side, o.qty_lots, o.order_type) for o in self.broker.submitted]

    @property
    def last(self):
        return self.broker.submitted[-1]


LIMIT, MARKET = OrderType.LIMIT, OrderType.MARKET


def opened(lots=1, **more):
    """A bench that holds a position."""
    bench = Bench(**more)
    bench.target(lots)
    bench.report(K.FILLED, 1, abs(lots))
    assert bench.ledger.position.lots == lots
    return bench
