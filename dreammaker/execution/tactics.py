"""One order from one wish: type, price, time in force, and when to give up."""

from typing import NamedTuple

from dreammaker.domain.orders import OrderType, TimeInForce
from dreammaker.engine.clock import NS_PER_MS
from dreammaker.engine.market import MarketView
from dreammaker.execution.config import ExecutionConfig, Style


class OrderPlan(NamedTuple):
    """How to send an order.

    Parameters
    ----------
    order_type : OrderType
    tif : TimeInForce
    price_ticks : int
    cancel_after_ns : int
        0 = never.
    """

    order_type: OrderType
    tif: TimeInForce
    price_ticks: int
    cancel_after_ns: int


def plan_order(config: ExecutionConfig, style: Style, side: int, market: MarketView) -> OrderPlan:
    """Plan an order in the present market.

    Parameters
    ----------
    style : {"market", "far_touch", "near_touch"}
    side : int
        +1 buy, -1 sell.

    Examples
    --------
    >>> from dreammaker.domain.instrument import Instrument
    >>> market = MarketView(Instrument.win(), 27)
    >>> market.bid_ticks, market.ask_ticks = 26_000, 26_001
    >>> plan_order(ExecutionConfig(), "far_touch", 1, market).price_ticks
    26003
    """
    far = market.ask_ticks if side > 0 else market.bid_ticks
    near = market.bid_ticks if side > 0 else market.ask_ticks
    if style == "market":
        return OrderPlan(OrderType.MARKET, TimeInForce.DAY, far, 0)
    if style == "far_touch":
        return OrderPlan(OrderType.LIMIT, TimeInForce.DAY, far + side * config.far_touch_ticks,
                         round(config.far_touch_ms * NS_PER_MS))
    return OrderPlan(OrderType.LIMIT, TimeInForce.DAY, near,
                     round(config.near_touch_ms * NS_PER_MS))
