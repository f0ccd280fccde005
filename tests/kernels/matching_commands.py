"""Random flow and random commands for the venue, seeded; and runs over them."""

from itertools import pairwise

import numpy as np

from dreammaker.domain.orders import OrderType
from dreammaker.domain.schema import Flag, Kind, Phase
from tests.kernels.book_streams import random_stream
from tests.kernels.matching_scene import DAY, FOK, IOC

CENTRE = 26_000
STRETCH = 500
SETTINGS = {
    "plain": {},
    "b3": {"capabilities": 2 | 4 | 8 | 16 | 32 | 64 | 256 | 1024, "queue_prints": 1,
           "queue_carry": 1},
    "power": {"queue_kind": 1, "queue_n": 2.0, "queue_carry": 1},
    "log": {"queue_kind": 4, "queue_prints": 2, "queue_print_share": 0.7},
    "fifo": {"queue_kind": 6},
    "strict": {"reject_self_trade": 1, "max_order_lots": 30, "tunnel_ticks": 6,
               "band_low": CENTRE - 15, "band_high": CENTRE + 12, "margin_micros": 20_000_000,
               "equity_micros": 900_000_000, "tick_value_micros": 1_000_000,
               "fee_micros": 256_100, "queue_prints": 1},
}


def market_stream(count, seed):
    """A stream that trades near one price, so that orders of ours are often touched.

    The book is sound most of the time, and crossed in stretches that end with a CLEAR.
    """
    rng = np.random.default_rng(seed)
    events = random_stream(count, seed)
    plain = np.isin(events["kind"], [Kind.LEVEL_SET, Kind.TRADE, Kind.QUOTE])
    near = plain & (rng.random(count) < 0.9)
    events["kind"][near & (rng.random(count) < 0.3)] = Kind.TRADE
    quotes = near & (rng.random(count) < 0.1)
    events["kind"][quotes] = Kind.QUOTE
    orders = np.isin(events["kind"], [Kind.ORDER_ADD, Kind.ORDER_EXECUTE, Kind.ORDER_CANCEL,
                                      Kind.ORDER_MODIFY])
    near |= orders & (rng.random(count) < 0.7)
    side = events["side"][near]
    events["price_ticks"][near] = CENTRE - side * rng.integers(-1, 12, near.sum())
    prints = np.isin(events["kind"], [Kind.TRADE, Kind.QUOTE])
    sound = ~prints & (np.arange(count) % STRETCH < 0.8 * STRETCH)
    away = np.maximum(np.abs(events["price_ticks"].astype(np.int64) - CENTRE), 1)
    sides = np.where(events["side"] == 0, 1, events["side"])
    events["price_ticks"][sound] = (CENTRE - sides * away)[sound]
    clears = np.arange(STRETCH, count, STRETCH)
    clears = clears[events["kind"][clears] != Kind.SNAPSHOT]
    events["kind"][clears] = Kind.CLEAR
    prints = events["kind"] == Kind.TRADE
    events["flags"][prints & (rng.random(count) < 0.02)] |= np.uint32(Flag.AUCTION)
    # Cancels and modifies that a fill caused, as Databento marks them.
    events["aux"][orders & (rng.random(count) < 0.3)] = 1
    session = events["kind"] == Kind.SESSION
    events["aux"][session] = rng.choice(
        [Phase.CONTINUOUS] * 8 + [Phase.HALT, Phase.CLOSED, Phase.AUCTION, Phase.PRE_OPEN],
        session.sum())
    return events


def draw_command(rng, number):
    """What is done at one moment: a method's name and its arguments (the time comes last)."""
    draw = rng.random()
    side = int(rng.choice([1, -1]))
    price = CENTRE - side * int(rng.integers(-4, 13))
    # Often the same size, so that changes of the price alone occur.
    qty = 20 if rng.random() < 0.4 else int(rng.integers(1, 40))
    if draw < 0.2:
        return "cancel", (max(number - int(rng.integers(1, 30)), 1),), {}
    if draw < 0.4:
        return "replace", (max(number - int(rng.integers(1, 12)), 1), qty, price), {}
    kind = OrderType(int(rng.choice([1, 2, 2, 2, 2, 2, 3, 4])))
    more = {"post_only": bool(rng.random() < 0.1), "reduce_only": bool(rng.random() < 0.3),
            "trigger_ticks": CENTRE + side * int(rng.integers(-3, 12))}
    return "arrive", (number, side, kind, price, qty, int(rng.choice([DAY] * 4 + [IOC, FOK]))), more


def obey(matcher, command, time_ns):
    name, arguments, more = command
    getattr(matcher, name)(*arguments, time_ns, **more)


def lockstep(matchers, events, seed, command_share=0.3):
    """Run matchers record by record with the same commands; each step's (hash, outcomes) a matcher.

    Yields
    ------
    list of (hash, outcomes), one a matcher
    """
    rng = np.random.default_rng(seed)
    number = 0
    for index in range(len(events)):
        record, times = events[index:index + 1], np.array([index])
        for matcher in matchers:
            assert matcher.advance(record, times, 0, index) == 1
        yield [(m.state_hash(), m.take_outcomes()) for m in matchers]
        if rng.random() < command_share:
            number += 1
            command = draw_command(rng, number)
            for matcher in matchers:
                obey(matcher, command, index)
            yield [(m.state_hash(), m.take_outcomes()) for m in matchers]


def run(matcher, events, times, seed, cuts=()):
    """Feed a stream with seeded commands; all outcomes, and the state now and then."""
    rng = np.random.default_rng(seed)
    bounds = [0, *cuts, len(events)]
    chunks = [(events[a:b], times[a:b]) for a, b in pairwise(bounds)]
    seen, number, at = [], 0, 0
    chunk = 0
    while at < int(times[-1]):
        at += int(rng.integers(1, 12))
        while chunk < len(chunks):
            records, when = chunks[chunk]
            done = matcher.advance(records, when, 0, at)
            seen += matcher.take_outcomes()
            chunks[chunk] = (records[done:], when[done:])
            if len(records) == done:
                chunk += 1
            elif when[done] > at:
                break
        number += 1
        obey(matcher, draw_command(rng, number), at)
        seen += matcher.take_outcomes()
        if number % 8 == 0:
            seen.append((matcher.resting_orders, matcher.taken_levels, matcher.best(),
                         matcher.state_hash()))
    return seen
