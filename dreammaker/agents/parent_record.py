"""What is remembered of a parent order: in the journal, in the durable record, in the log."""

import logging

from dreammaker.agents.context import TradingContext
from dreammaker.agents.notes import say
from dreammaker.execution.parent import ParentOrder, ParentState
from dreammaker.store.journal import Entry


def note_parent(context: TradingContext, order: ParentOrder, state: ParentState,
                filled_lots: int, shortfall_micros: int) -> None:
    """A parent order has begun (WORKING) or ended."""
    now = context.clock.now_ns
    context.journal.write(
        Entry.PARENT, now, context.market.event_count, code=state, side=order.side,
        order_id=order.parent_id, price_ticks=order.price_limit_ticks or 0, qty_lots=order.lots,
        x=filled_lots, y=order.end_ns, a=float(shortfall_micros))
    context.orders_db.parent(order.parent_id, now, int(state), order.side, order.lots, filled_lots,
                             order.start_ns, order.end_ns, order.price_limit_ticks,
                             order.algorithm)
    say(logging.INFO, "parent order", now, parent=order.parent_id, state=state.name,
        algorithm=order.algorithm, side=order.side, lots=order.lots, filled=filled_lots)
