"""What has to be remembered of a session besides its orders: in the journal, on disk, in the log.

The log is for people: one line for each order, fill, refusal, phase and change of the risk state,
with the loop's time. Nothing in it decides anything.
"""

import logging

from dreammaker.agents.context import TradingContext
from dreammaker.domain.orders import ExecutionReport, OrderDenied, Reason, ReportKind, SubmitOrder
from dreammaker.domain.schema import Phase
from dreammaker.engine.clock import iso_utc
from dreammaker.risk import TradingState
from dreammaker.store.journal import Entry

_log = logging.getLogger("dreammaker.session")

_REPORT_LEVELS = {
    ReportKind.ACCEPTED: logging.DEBUG,
    ReportKind.FILLED: logging.INFO,
    ReportKind.CANCELED: logging.DEBUG,
    ReportKind.REJECTED: logging.WARNING,
    ReportKind.UNKNOWN: logging.WARNING,
}


def is_said(level: int) -> bool:
    """Whether a line of this level is wanted; asked before the words of frequent lines are made."""
    return _log.isEnabledFor(level)


def say(level: int, message: str, now_ns: int, **fields: object) -> None:
    """One line in the log, with the loop's time once there is one."""
    if is_said(level):
        when = {"loop_time": iso_utc(now_ns)} if now_ns else {}
        _log.log(level, message, extra={"fields": {**when, **fields}})


def note_stand_down(context: TradingContext, reason: Reason, detail: str = "") -> None:
    """The risk state has changed for the worse."""
    now, state = context.clock.now_ns, context.gate.state
    context.journal.write(Entry.STAND_DOWN, now, context.market.event_count, code=reason,
                          side=state)
    context.orders_db.risk_state(now, f"{state.name}: {reason.name}")
    say(logging.WARNING if state is TradingState.REDUCE_ONLY else logging.ERROR,
        "no new risk from here on", now, state=state.name, reason=reason.name, detail=detail)


def note_rearmed(context: TradingContext, why: str) -> None:
    """The risk state is back to normal."""
    now = context.clock.now_ns
    context.journal.write(Entry.REARM, now, context.market.event_count)
    context.orders_db.risk_state(now, f"NORMAL: {why}")
    say(logging.WARNING, "trading again", now, why=why)


def note_adopted(context: TradingContext, lots: int, difference: int, price_ticks: int) -> None:
    """The broker's position was taken for ours."""
    now = context.clock.now_ns
    context.journal.write(Entry.ADOPT, now, context.market.event_count, qty_lots=lots,
                          price_ticks=price_ticks, x=difference)
    say(logging.WARNING if difference else logging.INFO, "position as the broker has it", now,
        lots=lots, off_by=difference)


def note_verified(context: TradingContext) -> None:
    """After a kill the broker has confirmed that nothing works and nothing is held."""
    now = context.clock.now_ns
    context.journal.write(Entry.VERIFIED, now, context.market.event_count)
    context.orders_db.risk_state(now, "KILLED: verified flat")
    say(logging.WARNING, "flat, and the broker says so; silent from here on", now)


def note_override(context: TradingContext, reasons: tuple[str, ...]) -> None:
    """Real money is traded by a model that may not; the configuration insists."""
    now = context.clock.now_ns
    context.journal.write(Entry.OVERRIDE, now, context.market.event_count, code=len(reasons))
    context.orders_db.risk_state(now, "NORMAL: the gate is overridden: " + "; ".join(reasons))
    say(logging.WARNING, "the model may not trade real money, and does by model.trade_untradable",
        now, why="; ".join(reasons))


def note_agent_state(context: TradingContext, number: int, name: str, state: int,
                     state_name: str) -> None:
    """An agent has changed its state."""
    now = context.clock.now_ns
    context.journal.write(Entry.AGENT, now, context.market.event_count, code=number, side=state)
    say(logging.INFO, "agent", now, name=name, state=state_name)


def note_phase(context: TradingContext, phase: Phase) -> None:
    """The session is in another phase."""
    say(logging.INFO, "session phase", context.clock.now_ns, phase=phase.name)


def note_sent(context: TradingContext, order: SubmitOrder) -> None:
    """An order is on its way."""
    if not is_said(logging.INFO):
        return
    say(logging.INFO, "order sent", context.clock.now_ns, order=order.client_order_id,
        side=order.side, lots=order.qty_lots, price_ticks=order.price_ticks,
        type=order.order_type.name, reason=order.reason.name)


def note_denied(context: TradingContext, denied: OrderDenied) -> None:
    """Our own risk said no."""
    context.journal.denied(denied, context.market.event_count)
    say(logging.INFO, "order denied", denied.time_ns, order=denied.order.client_order_id,
        reason=denied.reason.name, detail=denied.detail)


def note_report(context: TradingContext, report: ExecutionReport) -> None:
    """The venue has said something about an order."""
    level = _REPORT_LEVELS.get(report.kind, logging.INFO)
    if not is_said(level):
        return
    say(level, report.kind.name.lower(), context.clock.now_ns, order=report.client_order_id,
        lots=report.qty_lots, price_ticks=report.price_ticks, leaves=report.leaves_lots,
        reason=report.reason.name, position=context.ledger.position.lots)
