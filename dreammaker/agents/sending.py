"""The way to the broker: intent on record first, then the ledger, then the wire."""

from dreammaker.agents.context import TradingContext
from dreammaker.agents.notes import note_sent
from dreammaker.domain.order_state import FINAL
from dreammaker.domain.orders import ApprovedOrder, CancelOrder, Reason
from dreammaker.engine.clock import NS_PER_S

RECANCEL_NS = 2 * NS_PER_S
"""A cancel that was not answered for so long is sent again."""


def send_approved(context: TradingContext, approved: ApprovedOrder) -> None:
    """Send an order: its intent is on record before the broker has it.

    Raises
    ------
    Exception
        Whatever the broker raised; the order's outcome is then unknown in the ledger. An intent
        that cannot be recorded raises before anything is sent.
    """
    order, now = approved.order, context.clock.now_ns
    context.orders_db.intent(order)
    context.journal.submit(order, now, context.market.event_count)
    context.ledger.submitted(order)
    try:
        context.broker.submit(approved, now)
    except Exception:
        # Nobody can say whether it went out.
        context.ledger.outcome_unknown(order.client_order_id)
        raise
    note_sent(context, order)


def send_cancel(context: TradingContext, client_order_id: int, reason: Reason) -> bool:
    """Ask to cancel a working order, unless that was asked a moment ago or it has ended.

    Returns
    -------
    bool
        Whether a cancel was sent.
    """
    record, now = context.ledger.working[client_order_id], context.clock.now_ns
    asked = record.cancel_ns is not None and now - record.cancel_ns < RECANCEL_NS
    if asked or record.state in FINAL:
        return False
    cancel = CancelOrder(client_order_id, now, reason)
    context.orders_db.cancel_intent(cancel)
    context.journal.cancel(cancel, now, context.market.event_count)
    context.ledger.cancel_requested(client_order_id, now)
    context.broker.cancel(cancel, now)
    return True
