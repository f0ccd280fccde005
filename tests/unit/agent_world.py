"""A small trading world for tests of agents and the loop: a scripted broker, a market by hand."""

from collections import deque

from dreammaker.agents.base import Agent
from dreammaker.agents.context import TradingContext
from dreammaker.agents.coordinator import Coordinator
from dreammaker.domain.instrument import Instrument
from dreammaker.domain.orders import (
    ApprovedOrder,
    CancelOrder,
    ExecutionReport,
    OrderAnswer,
    OrderType,
    PositionAnswer,
    QueryFailed,
    ReplaceOrder,
    ReportKind,
    SubmitOrder,
    TimeInForce,
    WorkingOrder,
)
from dreammaker.engine.clock import LoopClock
from dreammaker.engine.decisions import Ballot, Proposal, Vote
from dreammaker.engine.market import MarketView
from dreammaker.engine.messages import Capability, Message, MessageType, Topic
from dreammaker.engine.timers import Timers
from dreammaker.features.pipeline import FeatureRows
from dreammaker.ledger import Ledger
from dreammaker.risk import RiskConfig, RiskGate
from dreammaker.store.journal import Entry, Journal
from dreammaker.store.orders_db import OrdersDb
from dreammaker.store.segments import MemorySegment

SECOND = 1_000_000_000


class ScriptedBroker:
    """Keeps what it was sent, gives the reports it was told to give."""

    def __init__(self) -> None:
        self.submitted: list[SubmitOrder] = []
        self.cancelled: list[CancelOrder] = []
        self.reports: deque[ExecutionReport] = deque()
        self.replaced: list[ReplaceOrder] = []
        self.orders: dict[int, OrderAnswer | QueryFailed] = {}
        self.position: PositionAnswer | QueryFailed | None = None
        self.working: tuple[WorkingOrder, ...] | QueryFailed = ()
        self.ledger = Ledger(Instrument.win())

    def submit(self, approved: ApprovedOrder, now_ns: int) -> None:
        self.submitted.append(approved.order)

    def cancel(self, cancel: CancelOrder, now_ns: int) -> None:
        self.cancelled.append(cancel)

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

    def next_report(self, until_ns: int) -> ExecutionReport | None:
        if self.reports and self.reports[0].local_ns <= until_ns:
            return self.reports.popleft()
        return None


def make_context() -> TradingContext:
    """A context with a two-sided market at 26 000 / 26 001."""
    win = Instrument.win()
    market, ledger = MarketView(win, 27), Ledger(win)
    market.bid_ticks, market.ask_ticks, market.book_ok = 26_000, 26_001, True
    broker = ScriptedBroker()
    broker.ledger = ledger
    return TradingContext(LoopClock(100 * SECOND), Timers(), market, ledger,
                          RiskGate(RiskConfig(), ledger, market), broker, Journal(),
                          OrdersDb(None, durable=False))


class Stub(Agent):
    """Takes every topic and keeps what it was given; told to, it raises."""

    def __init__(self, name: str, clock: LoopClock, *capabilities: Capability) -> None:
        super().__init__(name, clock, *capabilities)
        self.taken: list[Message] = []
        self.raises: Exception | None = None
        self.start_raises: Exception | None = None
        for topic in Topic:
            if topic is not Topic.HEARTBEAT:
                self.on(topic, self._take)

    def start_up(self) -> None:
        if self.start_raises is not None:
            raise self.start_raises

    def _take(self, message: Message) -> None:
        if self.raises is not None:
            raise self.raises
        self.taken.append(message)

    def topics(self) -> list[Topic]:
        return [message.topic for message in self.taken]


class Ballots:
    """A voter with one answer."""

    def __init__(self, name: str, answer: Ballot | Exception) -> None:
        self.name, self.answer = name, answer

    def vote(self, proposal: Proposal, market: MarketView) -> Vote:
        if isinstance(self.answer, Exception):
            raise self.answer
        return Vote(self.answer, 1.0)


class World:
    """A started coordinator with one stub agent a capability."""

    def __init__(self, ballots: list[Ballot | Exception] | None = None, *,
                 share: float = 0.6, start: bool = True) -> None:
        self.context = make_context()
        voters = [Ballots(f"v{n}", ballot) for n, ballot in enumerate(ballots or [])]
        self.coordinator = Coordinator(self.context, list(voters), 1, share, FeatureRows(1))
        clock = self.context.clock
        self.agents = {capability: Stub(capability.name.lower(), clock, capability)
                       for capability in Capability if capability is not Capability.COORDINATE}
        for agent in self.agents.values():
            self.coordinator.register(agent)
        if start:
            self.coordinator.start_all()
            self.coordinator.pump()

    @property
    def broker(self) -> ScriptedBroker:
        assert isinstance(self.context.broker, ScriptedBroker)
        return self.context.broker

    def hold(self, lots: int) -> None:
        """Give us a position."""
        side, ledger = (1 if lots > 0 else -1), self.context.ledger
        number = ledger.next_order_id()
        order = SubmitOrder(number, side, OrderType.MARKET, TimeInForce.DAY, abs(lots), 26_000, 1)
        ledger.submitted(order)
        ledger.apply(ExecutionReport(ReportKind.FILLED, number, 1, 1, fill_id=number,
                                     qty_lots=abs(lots), price_ticks=26_000))

    def propose(self, side: int, *, size: float = 1.0, hold: bool = False) -> None:
        """Have the ML agent propose."""
        self.agents[Capability.PREDICT].send(
            MessageType.DATA, Topic.PROPOSAL, Capability.COORDINATE,
            Proposal(side, size, 1.0, hold))
        self.coordinator.pump()

    def targets(self) -> list[int]:
        """Targets that reached risk."""
        return [message.payload.lots for message in self.agents[Capability.GUARD].taken
                if message.topic is Topic.TARGET]

    def fail(self, capability: Capability) -> None:
        """Make an agent raise in its next message, and give it one."""
        agent = self.agents[capability]
        agent.raises = RuntimeError("broken")
        agent.deliver(Message(MessageType.DATA, Topic.DECISION_ROW, "test", capability, None, 0))
        self.coordinator.pump()
        agent.raises = None

    def fire_timers(self, until_ns: int) -> list[str]:
        """Let loop time pass; the names of the timers that were due."""
        fired, timers = [], self.context.timers
        while timers.next_ns <= until_ns:
            timer = timers.pop()
            self.context.clock.advance(timer.due_ns)
            fired.append(timer.name)
            self.coordinator.on_timer(timer)
        self.context.clock.advance(until_ns)
        return fired

    def entries(self, kind: Entry) -> list[tuple[int, int]]:
        """Code and side of journal records of a kind."""
        sink = self.context.journal.entries
        assert isinstance(sink, MemorySegment)
        found = sink.records[sink.records["kind"] == kind]
        return list(zip(found["code"].tolist(), found["side"].tolist(), strict=True))
