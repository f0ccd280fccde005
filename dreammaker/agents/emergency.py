"""Flattening that needs no agent: cancel everything, close what the ledger holds."""

from dreammaker.agents.context import TradingContext
from dreammaker.domain.orders import (
    ApprovedOrder,
    CancelOrder,
    OrderState,
    OrderType,
    Reason,
    SubmitOrder,
    TimeInForce,
)


def flatten_without_agents(context: TradingContext) -> bool:
    """Cancel all working orders and send one reducing market order through the gate.

    Reducing orders already on their way are counted, so calling it again sends nothing twice.

    Returns
    -------
    bool
        Whether an order was sent.
    """
    now, ledger = context.clock.now_ns, context.ledger
    lots = ledger.position.lots
    side = -1 if lots > 0 else 1
    for number, record in list(ledger.working.items()):
        already_closing = (record.order.side == side and record.order.reduce_only
                           and record.order.order_type is OrderType.MARKET)
        if already_closing or record.state is OrderState.PENDING_CANCEL:
            continue
        cancel = CancelOrder(number, now, Reason.FLATTEN)
        context.orders_db.cancel_intent(cancel)
        context.journal.cancel(cancel, now, context.market.event_count)
        ledger.cancel_requested(number)
        context.broker.cancel(cancel, now)
    missing = abs(lots) - ledger.working_lots(side)
    if not lots or missing <= 0:
        return False
    order = SubmitOrder(ledger.next_order_id(), side, OrderType.MARKET, TimeInForce.DAY, missing,
                        context.market.bid_ticks if side < 0 else context.market.ask_ticks, now,
                        reduce_only=True, reason=Reason.FLATTEN)
    verdict = context.gate.check(order, now)
    if not isinstance(verdict, ApprovedOrder):
        context.journal.denied(verdict, context.market.event_count)
        return False
    context.orders_db.intent(order)
    ledger.submitted(order)
    context.journal.submit(order, now, context.market.event_count)
    context.broker.submit(verdict, now)
    return True
