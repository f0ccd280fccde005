"""What can be done without agents: cancel everything, close what the ledger holds."""

from collections.abc import Callable

from dreammaker.agents.context import TradingContext
from dreammaker.agents.notes import note_denied
from dreammaker.agents.sending import send_approved, send_cancel
from dreammaker.domain.orders import (
    ApprovedOrder,
    OrderType,
    Reason,
    SubmitOrder,
    TimeInForce,
)


def cancel_without_agents(context: TradingContext, reason: Reason,
                          note: Callable[[Exception], None]) -> None:
    """Cancel all working orders; ``note`` is told of what the broker or the disk raised."""
    for number in list(context.ledger.working):
        try:
            send_cancel(context, number, reason)
        except Exception as error:
            note(error)


def flatten_without_agents(context: TradingContext, note: Callable[[Exception], None]) -> bool:
    """Cancel all working orders and send one reducing market order through the gate.

    Reducing orders already on their way are counted, so calling it again sends nothing twice.

    Parameters
    ----------
    context : TradingContext
    note : callable
        Told of what the broker or the disk raised: one cancel that fails must not keep the rest
        from being tried. The caller tries again later.

    Returns
    -------
    bool
        Whether an order was sent.
    """
    ledger = context.ledger
    lots = ledger.position.lots
    side = -1 if lots > 0 else 1
    for number, record in list(ledger.working.items()):
        already_closing = (lots != 0 and record.order.side == side and record.order.reduce_only
                           and record.order.order_type is OrderType.MARKET)
        if not already_closing:
            try:
                send_cancel(context, number, Reason.FLATTEN)
            except Exception as error:
                note(error)
    missing = abs(lots) - ledger.working_lots(side)
    if not lots or missing <= 0:
        return False
    now = context.clock.now_ns
    order = SubmitOrder(ledger.next_order_id(), side, OrderType.MARKET, TimeInForce.DAY, missing,
                        context.market.bid_ticks if side < 0 else context.market.ask_ticks, now,
                        reduce_only=True, reason=Reason.FLATTEN)
    verdict = context.gate.check(order, now)
    if not isinstance(verdict, ApprovedOrder):
        note_denied(context, verdict)
        return False
    try:
        send_approved(context, verdict)
    except Exception as error:
        note(error)
        return False
    return True
