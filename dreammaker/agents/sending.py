"""The way to the broker: intent on record first, then the ledger, then the wire.

An exit goes out even when its intent cannot be recorded (``docs/decisions/full-disk.md``): it is
kept in the reserve and in memory, and the log says so aloud.
"""

import logging

from dreammaker.agents.context import TradingContext
from dreammaker.agents.notes import note_sent, say
from dreammaker.domain.errors import StoreError
from dreammaker.domain.order_state import FINAL
from dreammaker.domain.orders import ApprovedOrder, ApprovedReplace, CancelOrder, Reason
from dreammaker.engine.clock import NS_PER_S

RECANCEL_NS = 2 * NS_PER_S
"""A cancel that was not answered for so long is sent again."""


def send_approved(context: TradingContext, approved: ApprovedOrder) -> None:
    """Send an order: its intent is on record before the broker has it.

    Raises
    ------
    Exception
        Whatever the broker raised; the order's outcome is then unknown in the ledger. An intent
        that cannot be recorded raises before anything is sent, unless the order is an exit
        (``reduce_only``): that goes out.
    """
    order, now = approved.order, context.clock.now_ns
    if order.reduce_only:
        _say_unrecorded(context, "exit", order.client_order_id,
                        context.orders_db.exit_intent(order))
    else:
        context.orders_db.intent(order)
    context.journal.submit(order, now, context.market.event_count)
    market = context.market
    context.ledger.submitted(
        order, sent_ns=now, mid_half_ticks=market.mid_half_ticks if market.book_ok else 0)
    try:
        context.broker.submit(approved, now)
    except Exception:
        # Nobody can say whether it went out.
        context.ledger.outcome_unknown(order.client_order_id)
        raise
    note_sent(context, order)


def send_replace(context: TradingContext, approved: ApprovedReplace) -> None:
    """Send a change of a working order: its intent is on record before the broker has it.

    Until it is answered the order counts with the larger of its two quantities.

    Raises
    ------
    Exception
        As ``send_approved``; the order's state is then unknown, for it may have been changed.
    """
    change, now = approved.replace, context.clock.now_ns
    context.orders_db.replace_intent(change)
    context.journal.replace(change, now, context.market.event_count)
    context.ledger.replace_requested(change)
    try:
        context.broker.replace(approved, now)
    except Exception:
        context.ledger.outcome_unknown(change.client_order_id)
        raise
    say(logging.INFO, "change sent", now, order=change.client_order_id, lots=change.qty_lots,
        price_ticks=change.price_ticks, reason=change.reason.name)


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
    _say_unrecorded(context, "cancel", client_order_id, context.orders_db.cancel_intent(cancel))
    context.journal.cancel(cancel, now, context.market.event_count)
    context.ledger.cancel_requested(client_order_id, now)
    context.broker.cancel(cancel, now)
    return True


def _say_unrecorded(context: TradingContext, what: str, number: int, error: StoreError | None
                    ) -> None:
    if error is not None:
        say(logging.CRITICAL, f"{what} sent without its intent on record", context.clock.now_ns,
            order=number, error=str(error))
