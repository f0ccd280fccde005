"""Random event streams for the book: all kinds, strange records included, none damaged."""

import numpy as np

from dreammaker.domain.schema import EVENT_DTYPE, Flag, Kind


def random_stream(count, seed, *, centre=26_000, snapshot_gap=600):
    """`count` records around a random-walk price: levels, orders, snapshots, far prices.

    Bids and asks are drawn around the same price, so the book is crossed much of the time. Far
    prices reach some 10^5 ticks away and, now and then, the limits of 32 bits. Snapshots come at
    most `snapshot_gap` records apart; CLEAR about as often.
    """
    rng = np.random.default_rng(seed)
    events = np.zeros(count, EVENT_DTYPE)
    walk = centre + np.cumsum(rng.choice([-40, -1, 0, 0, 0, 0, 1, 40], count))
    distance = rng.geometric(0.08, count) * rng.choice([1, 1, 1, -1], count)
    side = rng.choice([1, -1], count).astype(np.int8)
    price = walk - side * distance
    far = rng.random(count)
    price = np.where(far < 0.02, price + rng.integers(-5_000, 5_000, count), price)
    price = np.where(far < 0.002, price + rng.integers(-100_000, 100_000, count), price)
    price = np.where(far < 0.0003, rng.choice([2**31 - 2, -(2**31) + 1], count), price)
    kind = rng.choice(
        [Kind.LEVEL_SET, Kind.ORDER_ADD, Kind.ORDER_CANCEL, Kind.ORDER_MODIFY, Kind.ORDER_EXECUTE,
         Kind.QUOTE, Kind.TRADE, Kind.SESSION, Kind.GAP, Kind.BAR, Kind.CLEAR],
        count, p=[0.45, 0.22, 0.12, 0.06, 0.08, 0.02, 0.02, 0.01, 0.01, 0.01, 0])
    kind[rng.random(count) < 0.1 / snapshot_gap] = Kind.CLEAR
    lots = rng.integers(1, 60, count)
    lots[rng.random(count) < 0.35] = 0
    lots[rng.random(count) < 0.02] = -1
    events["kind"], events["side"], events["price_ticks"] = kind, side, price
    events["qty_lots"] = np.where((kind == Kind.ORDER_ADD) & (lots == 0), 5, lots)
    # Orders of the last few thousand records, some of them dead or never added.
    serial = np.cumsum(kind == Kind.ORDER_ADD)
    fresh = (kind == Kind.ORDER_ADD) & (rng.random(count) < 0.99)
    age = np.where(fresh, 0, rng.geometric(0.01, count))
    events["order_id"] = np.where(rng.random(count) < 0.05, 0, np.maximum(serial - age, 0))
    events["side"][rng.random(count) < 0.005] = 0
    events["flags"][rng.random(count) < 0.4] |= np.uint32(Flag.LAST)
    events["flags"][rng.random(count) < 0.01] |= np.uint32(Flag.OFF_GRID)
    events["flags"][rng.random(count) < 0.005] |= np.uint32(Flag.HIDDEN)
    _put_snapshots(events, walk, rng, snapshot_gap)
    return events


def _put_snapshots(events, walk, rng, gap):
    """Overwrite some records by snapshots of 0 to 30 levels."""
    count = len(events)
    start = int(rng.integers(50, 400))
    while start < count - 32:
        size = int(rng.integers(1, 31))
        span = events[start:start + size]
        span["kind"] = Kind.SNAPSHOT
        span["side"] = rng.choice([1, -1], size)
        span["qty_lots"] = rng.choice([0, 1, 5, 30, 300], size, p=[0.05, 0.3, 0.3, 0.3, 0.05])
        spread = 6_000 if rng.random() < 0.1 else 30
        span["price_ticks"] = walk[start] - span["side"] * rng.integers(0, spread, size)
        if rng.random() < 0.7:
            span.sort(order=["side", "price_ticks"])
        span["flags"] = 0
        if rng.random() < 0.05:
            events[start + 1:start + size]["kind"] = Kind.TRADE
            span = span[:1]
            span["side"] = span["qty_lots"] = 0
        span["flags"][0] |= np.uint32(Flag.SNAP_BEGIN)
        span["flags"][-1] |= np.uint32(Flag.SNAP_END | Flag.LAST)
        start += size + int(rng.integers(1, gap))
