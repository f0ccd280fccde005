"""The kill switch: cancel everything, resolve what is in flight, flatten, verify, be silent.

It needs no agent. It is driven by reports and by its own timer, goes on until the broker itself has
confirmed that nothing works and nothing is held, and begins again should anything come to light
later. What one question cannot tell is asked again; a question that fails tells nothing.

1. *Cancel*: every order that works, ours or only known to the broker.
2. *Resolve*: orders of unknown outcome, and cancels without an answer, are looked up.
3. *Flatten*: what the broker says we hold. What our own books hold too is closed at once; a
   difference is given ``SETTLE_NS`` for reports on their way, then the broker's word is taken.
   Should the broker not answer, what our own books hold is closed: at once where nothing about
   them is in doubt, else after ``TRIES`` questions.
4. *Verify*: the broker says: no orders, no position.
"""

import logging
from collections.abc import Callable
from functools import partial
from typing import TypeVar

from dreammaker.agents.context import TradingContext
from dreammaker.agents.notes import note_adopted, note_denied, note_verified, say
from dreammaker.agents.sending import RECANCEL_NS, send_approved, send_cancel
from dreammaker.domain.order_state import FINAL
from dreammaker.domain.orders import (
    ApprovedOrder,
    ExecutionReport,
    OrderAnswer,
    OrderState,
    OrderType,
    QueryFailed,
    Reason,
    ReportKind,
    SubmitOrder,
    TimeInForce,
)
from dreammaker.engine.clock import NS_PER_S
from dreammaker.engine.timers import Timer
from dreammaker.ledger import OrderRecord
from dreammaker.store.journal import Entry, Query

KILL_TIMER = "kill"
STEP_NS = NS_PER_S
SETTLE_NS = 2 * NS_PER_S
ARRIVE_NS = 5 * NS_PER_S
"""An order the broker has not heard of for so long after it was sent never got there."""

RESEND_NS = 5 * NS_PER_S
RESEND_MOST_NS = 60 * NS_PER_S
"""A flattening order that was refused, or does not fill, is followed by another after so long;
refused again and again, after twice as long each time, up to the second figure, or as soon as the
session is in another phase."""

TRIES = 3


T = TypeVar("T")


class KillSwitch:
    """One session's kill switch.

    Parameters
    ----------
    context : TradingContext
    owner : str
        Who is told of its timer.
    book : callable
        Takes a report as if the broker had sent it.
    note_failure : callable
        Told of who failed and how.
    """

    def __init__(self, context: TradingContext, owner: str,
                 book: Callable[[ExecutionReport], None],
                 note_failure: Callable[[str, str], None]) -> None:
        self.context, self.owner = context, owner
        self.is_engaged = self.is_verified = False
        self._book, self._note_failure = book, note_failure
        self._timer_set = False
        self._last_order = 0
        self._last_sent_ns = -RESEND_MOST_NS
        self._vain_count = 0
        self._failed_count = 0
        self._differs_since_ns: int | None = None
        # What the broker said it works, when it was last asked; None = it did not answer.
        self._listed: frozenset[int] | None = None

    def engage(self) -> None:
        """Begin; once begun it is not left."""
        if not self.is_engaged:
            self.is_engaged = True
            self.step()

    def on_phase(self) -> None:
        """The session is in another phase: what was refused may pass now."""
        if self.is_engaged:
            self._vain_count = 0
            self.step()

    def on_timer(self) -> None:
        """Take the next step."""
        self._timer_set = False
        self.step()

    def step(self) -> None:
        """Do what can be done now."""
        context, ledger = self.context, self.context.ledger
        if self.is_verified:
            if not ledger.position.lots and not ledger.working and not ledger.doubtful:
                return
            self.is_verified = context.gate.is_silent = False
        context.orders_db.catch_up()
        everything_known = self._learn_orders()
        self._look_up()
        self._cancel()
        if not any(map(self._is_awaited, ledger.working.values())):
            self._flatten(everything_known)
        if not self.is_verified and not self._timer_set:
            self._timer_set = True
            context.timers.set(Timer(context.clock.now_ns + STEP_NS, self.owner, KILL_TIMER))

    # 1. and 2. Orders.

    def _learn_orders(self) -> bool:
        """Take orders into the ledger that only the broker knows of; whether it answered."""
        context = self.context
        answer = self._ask(lambda: context.broker.query_working(context.clock.now_ns))
        if isinstance(answer, QueryFailed):
            self._listed = None
            return False
        self._listed = frozenset(working.client_order_id for working in answer)
        for working in answer:
            if context.ledger.find(working.client_order_id) is None:
                context.ledger.found(working)
                say(logging.WARNING, "the broker works an order we did not know of",
                    context.clock.now_ns, order=working.client_order_id, side=working.side,
                    lots=working.leaves_lots)
        return True

    def _look_up(self) -> None:
        """Ask for orders whose outcome is not known, and for cancels nobody answered."""
        now = self.context.clock.now_ns
        for number, record in list(self.context.ledger.working.items()):
            unanswered = record.cancel_ns is not None and now - record.cancel_ns >= RECANCEL_NS
            if record.state in FINAL or not (
                    record.state is OrderState.UNKNOWN or unanswered):
                continue
            answer = self._ask(partial(self.context.broker.query_order, number, now))
            note = partial(self.context.journal.write, Entry.ORDER_QUERY, now,
                           self.context.market.event_count, order_id=number)
            if isinstance(answer, QueryFailed):
                note(code=Query.FAILED)
                continue
            note(code=Query.UNKNOWN if not answer.is_known else
                 Query.WORKING if answer.is_working else Query.ENDED, x=answer.cum_lots)
            report = self._as_report(number, record, answer)
            if report is not None:
                self._book(report)

    def _as_report(self, number: int, record: OrderRecord, answer: OrderAnswer
                   ) -> ExecutionReport | None:
        now = self.context.clock.now_ns
        if not answer.is_known:
            listed = self._listed is None or number in self._listed
            if now - record.sent_ns < ARRIVE_NS or (listed and record.filled_lots):
                return None
            if record.filled_lots:
                # It was there, for it has fills, and is neither remembered nor at work any more.
                return ExecutionReport(ReportKind.CANCELED, number, now, now,
                                       reason=Reason.UNKNOWN_ORDER, cum_lots=record.filled_lots)
            return ExecutionReport(ReportKind.REJECTED, number, now, now,
                                   reason=Reason.UNKNOWN_ORDER, cum_lots=0)
        if answer.is_working:
            if record.state is not OrderState.UNKNOWN:
                return None
            return ExecutionReport(ReportKind.ACCEPTED, number, now, now,
                                   leaves_lots=answer.leaves_lots, cum_lots=answer.cum_lots)
        return ExecutionReport(ReportKind.CANCELED, number, now, now, reason=Reason.REQUESTED,
                               cum_lots=answer.cum_lots)

    def _cancel(self) -> None:
        now = self.context.clock.now_ns
        for number in list(self.context.ledger.working):
            if number == self._last_order and now - self._last_sent_ns < RESEND_NS:
                continue
            try:
                send_cancel(self.context, number, Reason.FLATTEN)
            except Exception as error:
                self._note_failure("kill switch", repr(error))

    def _is_awaited(self, record: OrderRecord) -> bool:
        """Whether an answer about this order is about to come."""
        now = self.context.clock.now_ns
        if not record.is_certain:
            return False
        if record.order.client_order_id == self._last_order:
            return now - self._last_sent_ns < RESEND_NS
        return record.cancel_ns is None or now - record.cancel_ns < RECANCEL_NS

    # 3. and 4. The position.

    def _flatten(self, everything_known: bool) -> None:
        context, ledger = self.context, self.context.ledger
        now = context.clock.now_ns
        answer = self._ask(lambda: context.broker.query_position(now))
        if isinstance(answer, QueryFailed):
            context.journal.write(Entry.POSITION_QUERY, now, context.market.event_count,
                                  code=Query.FAILED)
            self._failed_count += 1
            sure = not ledger.doubtful or self._failed_count >= TRIES
            lots = ledger.position.lots if sure else 0
        else:
            context.journal.write(Entry.POSITION_QUERY, now, context.market.event_count,
                                  code=Query.ENDED, qty_lots=answer.lots)
            self._failed_count = 0
            lots = self._agreed_lots(answer.lots, answer.average_price_ticks)
            if (not answer.lots and not ledger.position.lots and not ledger.working
                    and everything_known):
                self.is_verified = context.gate.is_silent = True
                note_verified(context)
                return
        if lots:
            self._send_exit(lots)

    def _agreed_lots(self, reported: int, price_ticks: int) -> int:
        """What is to be closed now, given what the broker reports."""
        context, ledger = self.context, self.context.ledger
        held, now = ledger.position.lots, context.clock.now_ns
        if reported == held:
            self._differs_since_ns = None
            return held
        if self._differs_since_ns is None:
            self._differs_since_ns = now
        if now - self._differs_since_ns >= SETTLE_NS:
            adopt_position(context, reported, fair_price_ticks(context, price_ticks))
            self._differs_since_ns = None
            return ledger.position.lots
        if reported * held <= 0:
            return 0
        return (1 if held > 0 else -1) * min(abs(held), abs(reported))

    def _send_exit(self, lots: int) -> None:
        """One market order for what no order on its way closes; refused ones are paced."""
        context, ledger = self.context, self.context.ledger
        side, now = (-1 if lots > 0 else 1), context.clock.now_ns
        missing = abs(lots) - ledger.working_lots(side)
        last = ledger.find(self._last_order)
        in_vain = last is None or not last.filled_lots
        pause = min(RESEND_NS << max(self._vain_count - 1, 0), RESEND_MOST_NS)
        if missing <= 0 or (in_vain and self._vain_count and now - self._last_sent_ns < pause):
            return
        self._vain_count = self._vain_count + 1 if in_vain else 1
        order = SubmitOrder(ledger.next_order_id(), side, OrderType.MARKET, TimeInForce.DAY,
                            missing, context.market.bid_ticks if side < 0 else
                            context.market.ask_ticks, now, reduce_only=True,
                            reason=Reason.FLATTEN)
        verdict = context.gate.check(order, now)
        if not isinstance(verdict, ApprovedOrder):
            note_denied(context, verdict)
            return
        self._last_order, self._last_sent_ns = order.client_order_id, now
        try:
            send_approved(context, verdict)
        except Exception as error:
            self._note_failure("kill switch", repr(error))

    def _ask(self, question: Callable[[], T | QueryFailed]) -> T | QueryFailed:
        """Ask the broker; whatever it raises is a failed query."""
        return ask(question, self._note_failure)


def adopt_position(context: TradingContext, lots: int, price_ticks: int) -> None:
    """Take the broker's position for ours, the difference at a price (``fair_price_ticks``)."""
    note_adopted(context, lots, context.ledger.adopt(lots, price_ticks), price_ticks)


def fair_price_ticks(context: TradingContext, price_ticks: int) -> int:
    """The broker's average price where it says one, else the last sound mid; 0 = none is known."""
    market = context.market
    return price_ticks or market.sound_mid_half_ticks // 2 or max(market.last_trade_ticks, 0)


def ask(question: Callable[[], T | QueryFailed], note_failure: Callable[[str, str], None]
        ) -> T | QueryFailed:
    """Ask the broker; a question that raises or fails is noted and gives ``QueryFailed``."""
    try:
        answer = question()
    except Exception as error:
        answer = QueryFailed(repr(error))
    if isinstance(answer, QueryFailed):
        note_failure("broker query", answer.detail)
    return answer
