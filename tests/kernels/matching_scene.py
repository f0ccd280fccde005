"""A matcher, a clock that ticks once a record, and outcomes by name."""

import numpy as np

from dreammaker.domain.orders import Liquidity, OrderType, ReportKind, TimeInForce
from dreammaker.domain.schema import EVENT_DTYPE, Flag, Kind

DAY, IOC, FOK = TimeInForce.DAY, TimeInForce.IOC, TimeInForce.FOK
BUY, SELL, UNKNOWN = 1, -1, 0
LAST = int(Flag.LAST)


def record(kind, side=0, price=0, qty=0, *, flags=LAST, aux=0, order_id=0):
    event = np.zeros(1, EVENT_DTYPE)
    event["kind"], event["side"], event["price_ticks"], event["qty_lots"] = kind, side, price, qty
    event["flags"], event["aux"], event["order_id"] = flags, aux, order_id
    return event


def plain(outcomes):
    """Outcomes but ACCEPTED, as (kind, number, qty, price, leaves, maker)."""
    return [(*row[:5], row[6] == Liquidity.MAKER) for row in outcomes
            if row[0] != ReportKind.ACCEPTED]


class Scene:
    """A matcher and a clock that ticks once a record."""

    def __init__(self, kind, view_levels=10, assumed_touch_lots=5, **settings):
        self.matcher = kind(view_levels=view_levels, assumed_touch_lots=assumed_touch_lots,
                            **settings)
        self.now = 0

    def feed(self, *events):
        found = []
        for event in events:
            self.now += 1
            times = np.array([self.now])
            assert self.matcher.advance(event, times, 0, self.now) == 1
            found += self.matcher.take_outcomes()
        return plain(found)

    def book(self, bids, asks):
        levels = [record(Kind.LEVEL_SET, BUY, p, q, flags=0) for p, q in bids.items()]
        levels += [record(Kind.LEVEL_SET, SELL, p, q, flags=0) for p, q in asks.items()]
        levels[-1]["flags"] = LAST
        return self.feed(*levels)

    def level(self, side, price, qty, **more):
        return self.feed(record(Kind.LEVEL_SET, side, price, qty, **more))

    def trade(self, side, price, qty, **more):
        return self.feed(record(Kind.TRADE, side, price, qty, **more))

    def order(self, number, side, order_type, price, qty, tif=DAY, **more):
        self.matcher.arrive(number, side, order_type, price, qty, tif, self.now, **more)
        return plain(self.matcher.take_outcomes())

    def market(self, number, side, qty, tif=DAY):
        return self.order(number, side, OrderType.MARKET, 0, qty, tif)

    def limit(self, number, side, price, qty, tif=DAY, **more):
        return self.order(number, side, OrderType.LIMIT, price, qty, tif, **more)

    def ahead(self, number):
        return {row[0]: row[4] for row in self.matcher.resting_orders}[number]


def filled(number, qty, price, leaves, *, maker):
    return (ReportKind.FILLED, number, qty, price, leaves, maker)


def took(number, qty, price, leaves):
    return filled(number, qty, price, leaves, maker=False)


def made(number, qty, price, leaves):
    return filled(number, qty, price, leaves, maker=True)


def canceled(number):
    return (ReportKind.CANCELED, number, 0, 0, 0, False)
