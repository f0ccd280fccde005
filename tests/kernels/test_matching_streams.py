"""Matching on random streams: the naive twin, every cut, and what must always hold."""

from itertools import pairwise

import numpy as np
import pytest

from dreammaker._ext.matching import Matcher
from dreammaker.domain.orders import ReportKind
from dreammaker.domain.schema import Kind, Phase
from tests.kernels.book_streams import random_stream
from tests.kernels.matching_scene import BUY, DAY, FOK, IOC, SELL, Scene
from tests.kernels.naive_matching import NaiveMatcher


def market_stream(count, seed):
    """A stream that trades near one price, so that orders of ours are often touched."""
    rng = np.random.default_rng(seed)
    events = random_stream(count, seed)
    plain = np.isin(events["kind"], [Kind.LEVEL_SET, Kind.TRADE, Kind.QUOTE])
    near = plain & (rng.random(count) < 0.9)
    events["kind"][near & (rng.random(count) < 0.3)] = Kind.TRADE
    quotes = near & (rng.random(count) < 0.1)
    events["kind"][quotes] = Kind.QUOTE
    side = events["side"][near]
    events["price_ticks"][near] = 26_000 - side * rng.integers(-1, 12, near.sum())
    session = events["kind"] == Kind.SESSION
    events["aux"][session] = rng.choice(
        [Phase.CONTINUOUS] * 8 + [Phase.HALT, Phase.CLOSED, Phase.AUCTION], session.sum())
    return events


def run(matcher, events, times, seed, cuts=()):
    """Feed a stream with seeded arrivals and cancels; all outcomes, and the queue now and then."""
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
        side = int(rng.choice([1, -1]))
        price = 26_000 - side * int(rng.integers(-4, 13))
        is_market = bool(rng.random() < 0.2)
        tif = int(rng.choice([DAY, DAY, DAY, IOC, FOK]))
        qty = int(rng.integers(1, 40))
        if rng.random() < 0.3:
            seen.append(matcher.cancel(max(number - int(rng.integers(1, 30)), 1)))
        elif not matcher.is_full:
            matcher.arrive(number, side, is_market, price, qty, tif, at)
            seen += matcher.take_outcomes()
        if number % 8 == 0:
            seen.append((matcher.resting_orders, matcher.taken_levels, matcher.best(),
                         matcher.continuous))
    return seen


@pytest.mark.parametrize("view_levels", [0, 1, 3, 10, 50])
@pytest.mark.parametrize("seed", range(4))
def test_kernel_equals_twin_on_random_streams(view_levels, seed):
    events = market_stream(2_000, seed)
    times = np.cumsum(np.random.default_rng(seed).integers(0, 3, len(events)))
    both = [run(kind(view_levels=view_levels, assumed_touch_lots=7), events, times, seed)
            for kind in (Matcher, NaiveMatcher)]
    assert both[0] == both[1]
    fills = [row for row in both[0] if isinstance(row, tuple) and row[0] == ReportKind.FILLED]
    assert len({row[5] for row in fills}) == 2, "the stream must both make and take"


@pytest.mark.parametrize("seed", range(3))
def test_fills_do_not_depend_on_how_the_stream_is_cut(seed):
    events = market_stream(1_500, 50 + seed)
    times = np.cumsum(np.random.default_rng(seed).integers(0, 3, len(events)))
    whole = run(Matcher(view_levels=10, assumed_touch_lots=7), events, times, seed)
    for size in (1, 7, 64, 1000):
        cut = run(Matcher(view_levels=10, assumed_touch_lots=7), events, times, seed,
                  range(size, len(events), size))
        assert cut == whole


@pytest.mark.parametrize("view_levels", [0, 10])
@pytest.mark.parametrize("seed", range(3))
def test_no_order_is_filled_beyond_its_quantity_or_its_limit(view_levels, seed):
    """The run's orders are drawn again here, so that every fill can be held against its order."""
    events = market_stream(1_500, 90 + seed)
    times = np.cumsum(np.random.default_rng(seed).integers(0, 3, len(events)))
    matcher = Recording(Matcher(view_levels=view_levels, assumed_touch_lots=7))
    run(matcher, events, times, seed)
    total = dict.fromkeys(matcher.orders, 0)
    for kind, number, qty, price, leaves, maker, _, _ in matcher.outcomes:
        if kind != ReportKind.FILLED:
            continue
        side, is_market, limit, lots = matcher.orders[number]
        total[number] += qty
        assert qty > 0 and leaves == lots - total[number] >= 0
        assert is_market or side * (price - limit) <= 0
        assert not maker or price == limit
    assert sum(total.values()) > 0


class Recording:
    """A matcher that remembers its orders and outcomes."""

    def __init__(self, matcher):
        self.matcher, self.orders, self.outcomes = matcher, {}, []

    def __getattr__(self, name):
        return getattr(self.matcher, name)

    def arrive(self, number, side, is_market, price, qty, tif, time_ns):
        self.orders[number] = (side, is_market, price, qty)
        self.matcher.arrive(number, side, is_market, price, qty, tif, time_ns)

    def take_outcomes(self):
        found = self.matcher.take_outcomes()
        self.outcomes += found
        return found


@pytest.mark.parametrize("seed", range(3))
def test_what_is_taken_is_never_more_than_was_shown(seed):
    """While no level grows, all our takings of a price add up to no more than it showed first."""
    rng = np.random.default_rng(seed)
    scene = Scene(Matcher)
    shown = {price: int(rng.integers(5, 60)) for price in range(101, 109)}
    first = dict(shown)
    scene.book({90: 1}, shown)
    taken = dict.fromkeys(shown, 0)
    for number in range(1, 400):
        if rng.random() < 0.5:
            price = int(rng.choice(list(shown)))
            shown[price] -= int(rng.integers(0, 3)) if shown[price] > 3 else 0
            found = scene.level(SELL, price, shown[price])
        elif rng.random() < 0.5:
            found = scene.limit(number, BUY, int(rng.integers(100, 110)), int(rng.integers(1, 9)))
        else:
            found = scene.market(number, BUY, int(rng.integers(1, 9)))
        for kind, _, qty, price, _, maker in found:
            if kind == ReportKind.FILLED and not maker:
                taken[price] += qty
    assert all(taken[price] <= first[price] for price in shown)
    assert sum(taken.values()) > 0
