"""The gate and the ledger against a venue of their own: the true position never passes the limit.

Orders, changes and cancels travel, are taken, filled and answered at any time and in any order of
the answers; fills are known at the venue long before they are reported. The truth is the venue's
position at the moment of each fill, not what our books say of it.
"""

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from dreammaker.domain.orders import (
    ApprovedOrder,
    ApprovedReplace,
    ExecutionReport,
    OrderType,
    Reason,
    ReplaceOrder,
    ReportKind,
    SubmitOrder,
    TimeInForce,
)
from dreammaker.engine.clock import NS_PER_S
from dreammaker.risk import TradingState
from tests.unit.test_risk_gate import NOW, Bench

LIMIT = 4
K = ReportKind
SIDES, LOTS, PICKS = st.sampled_from([1, -1]), st.integers(1, 7), st.integers(0, 1000)


class TrueExposure(RuleBasedStateMachine):
    """A venue that takes commands in order and answers when it likes."""

    def __init__(self):
        super().__init__()
        self.bench = Bench(max_position_lots=LIMIT, max_order_lots=2 * LIMIT,
                           max_working_orders=50, max_orders_per_second=1000,
                           max_orders_per_minute=1000, max_daily_loss=1e9)
        self.gate, self.ledger = self.bench.gate, self.bench.ledger
        self.now, self.truth, self.fills = NOW, 0, 0
        self.book, self.travelling, self.answers = {}, [], []

    def tick(self):
        self.now += 1
        self.bench.data_at(self.now)
        return self.now

    def answer(self, kind, number, **more):
        self.answers.append(ExecutionReport(kind, number, self.tick(), self.now, **more))

    @rule(side=SIDES, lots=LOTS, exit_only=st.booleans())
    def ask_for_an_order(self, side, lots, exit_only):
        now = self.tick()
        order = SubmitOrder(self.ledger.next_order_id(), side, OrderType.LIMIT, TimeInForce.DAY,
                            lots, 26_000, now, reduce_only=exit_only)
        if isinstance(self.gate.check(order, now), ApprovedOrder):
            self.ledger.submitted(order, sent_ns=now)
            self.travelling.append(("order", order.client_order_id, (side, lots)))

    @precondition(lambda self: self.ledger.working)
    @rule(pick=PICKS, lots=LOTS, worse=st.integers(-1, 1))
    def ask_for_a_change(self, pick, lots, worse):
        number = sorted(self.ledger.working)[pick % len(self.ledger.working)]
        record, now = self.ledger.working[number], self.tick()
        change = ReplaceOrder(number, lots, record.order.price_ticks + worse, now)
        if isinstance(self.gate.check_replace(change, now), ApprovedReplace):
            self.ledger.replace_requested(change)
            self.travelling.append(("change", number, change))

    @precondition(lambda self: self.ledger.working)
    @rule(pick=PICKS)
    def cancel(self, pick):
        number = sorted(self.ledger.working)[pick % len(self.ledger.working)]
        self.ledger.cancel_requested(number, self.tick())
        self.travelling.append(("cancel", number, None))

    @precondition(lambda self: self.travelling)
    @rule()
    def a_command_arrives(self):
        what, number, load = self.travelling.pop(0)
        if what == "order":
            side, lots = load
            self.book[number] = [side, lots, 0]
            self.answer(K.ACCEPTED, number, leaves_lots=lots, cum_lots=0)
            return
        at_work = number in self.book
        if what == "cancel":
            if at_work:
                _, _, filled = self.book.pop(number)
                self.answer(K.CANCELED, number, cum_lots=filled, reason=Reason.REQUESTED)
            else:
                self.answer(K.CANCEL_REJECTED, number)
        elif at_work and load.qty_lots > self.book[number][2]:
            self.book[number][1] = load.qty_lots
            filled = self.book[number][2]
            self.answer(K.REPLACED, number, price_ticks=load.price_ticks, cum_lots=filled,
                        leaves_lots=load.qty_lots - filled)
        else:
            self.answer(K.REPLACE_REJECTED, number)

    @precondition(lambda self: self.book)
    @rule(pick=PICKS, lots=LOTS)
    def a_fill_happens(self, pick, lots):
        number = sorted(self.book)[pick % len(self.book)]
        side, whole, filled = self.book[number]
        lots = min(lots, whole - filled)
        self.truth += side * lots
        self.fills += 1
        self.book[number][2] = filled = filled + lots
        self.answer(K.FILLED, number, fill_id=self.fills, qty_lots=lots, price_ticks=26_000,
                    cum_lots=filled, leaves_lots=whole - filled, fee_micros=256_100 * lots)
        if filled == whole:
            del self.book[number]
        assert abs(self.truth) <= LIMIT

    @precondition(lambda self: self.answers)
    @rule(pick=PICKS, again=st.booleans())
    def an_answer_comes(self, pick, again):
        report = self.answers.pop(pick % len(self.answers))
        for _ in range(1 + again):
            self.ledger.apply(report)

    @rule()
    def time_passes(self):
        self.now += 2 * NS_PER_S
        self.bench.data_at(self.now)

    @invariant()
    def an_exit_of_what_nothing_closes_yet_passes_in_every_state(self):
        lots = self.ledger.position.lots
        side = -1 if lots > 0 else 1
        missing = abs(lots) - self.ledger.working_lots(side)
        if missing <= 0:
            return
        machine = self.gate.machine
        was = machine.state
        for state in TradingState:
            machine.state = state
            verdict = self.gate.check(SubmitOrder(
                900_000, side, OrderType.MARKET, TimeInForce.DAY, missing, 0, self.now,
                reduce_only=True, reason=Reason.FLATTEN), self.now)
            assert isinstance(verdict, ApprovedOrder), (state, verdict)
            self.gate._unsent.clear()      # it was only asked
        machine.state = was

    def teardown(self):
        while self.travelling:
            self.a_command_arrives()
        while self.answers:
            self.ledger.apply(self.answers.pop(0))
        position = self.ledger.position
        assert position.lots == self.truth
        assert position.fees_micros == 256_100 * position.traded_lots
        assert self.ledger.stray_count == 0
        assert set(self.ledger.working) == set(self.book)
        for side in (1, -1):
            assert self.ledger.working_lots(side) == sum(
                whole - filled for which, whole, filled in self.book.values() if which == side)


TestTrueExposure = TrueExposure.TestCase
TestTrueExposure.settings = settings(
    max_examples=60, stateful_step_count=60, deadline=None,
    suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow])
