"""Matching on random streams: the naive twin, every cut, and what must always hold."""

import numpy as np
import pytest

from dreammaker._ext.matching_kernel import Matcher
from dreammaker.domain.orders import Liquidity, OrderType, Reason, ReportKind
from tests.kernels.matching_commands import SETTINGS, lockstep, market_stream, run
from tests.kernels.matching_scene import BUY, SELL, Scene
from tests.kernels.naive_matching import NaiveMatcher

VIEWS = {"plain": [0, 1, 3, 10, 50], "b3": [0, 10], "power": [5, 50], "log": [0, 10],
         "fifo": [10, 50], "strict": [0, 10]}


@pytest.mark.parametrize(("name", "view_levels"),
                         [(name, view) for name, views in VIEWS.items() for view in views])
@pytest.mark.parametrize("seed", range(2))
def test_kernel_equals_twin_record_by_record(name, view_levels, seed):
    settings = {"view_levels": view_levels, "assumed_touch_lots": 7, **SETTINGS[name]}
    kinds, liquidities = set(), set()
    for kernel, twin in lockstep([Matcher(**settings), NaiveMatcher(**settings)],
                                 market_stream(2_500, seed), seed):
        assert kernel[1] == twin[1]
        assert kernel[0] == twin[0]
        kinds |= {row[0] for row in kernel[1]}
        liquidities |= {row[6] for row in kernel[1] if row[0] == ReportKind.FILLED}
    assert {Liquidity.MAKER, Liquidity.TAKER} <= liquidities, "the stream must make and take"
    assert set(ReportKind) - kinds <= {ReportKind.UNKNOWN, ReportKind.EXPIRED}


@pytest.mark.parametrize("seed", range(3))
def test_fills_do_not_depend_on_how_the_stream_is_cut(seed):
    events = market_stream(1_500, 50 + seed)
    times = np.cumsum(np.random.default_rng(seed).integers(0, 3, len(events)))
    whole = run(Matcher(view_levels=10, assumed_touch_lots=7), events, times, seed)
    for size in (1, 7, 64, 1000):
        cut = run(Matcher(view_levels=10, assumed_touch_lots=7), events, times, seed,
                  range(size, len(events), size))
        assert cut == whole


class Orders:
    """Holds every outcome against what its order asked for, and keeps the books."""

    def __init__(self, fee):
        self.fee = fee
        self.asked, self.filled, self.over = {}, {}, set()
        self.position = self.cash = self.fees = 0

    def arrive(self, number, side, kind, price, qty, tif, *, trigger_ticks, **more):
        self.asked[number] = [side, kind, price, qty, trigger_ticks]

    def replace(self, number, qty, price):
        self.wish = (number, qty, price)

    def cancel(self, number):
        pass

    def see(self, kind, number, qty, price, leaves, cum, liquidity, time_ns, reason):
        assert number not in self.over or kind in (ReportKind.CANCEL_REJECTED,
                                                   ReportKind.REPLACE_REJECTED)
        if kind == ReportKind.FILLED:
            side, order_type, limit, lots, _ = self.asked[number]
            self.filled[number] = self.filled.get(number, 0) + qty
            assert qty > 0 and cum == self.filled[number] and leaves == lots - cum >= 0
            if order_type in (OrderType.LIMIT, OrderType.STOP_LIMIT):
                assert side * (price - limit) <= 0
                assert liquidity != Liquidity.MAKER or price == limit
            self.position += side * qty
            self.cash -= side * qty * price
            self.fees += qty * self.fee
            if leaves == 0:
                self.over.add(number)
        elif kind == ReportKind.REPLACED:
            assert self.wish == (number, leaves + cum, price)
            self.asked[number][2:4] = [price, leaves + cum]
        elif kind in (ReportKind.CANCELED, ReportKind.EXPIRED, ReportKind.REJECTED):
            assert leaves == 0 and cum == self.filled.get(number, 0)
            self.over.add(number)


@pytest.mark.parametrize("name", list(SETTINGS))
@pytest.mark.parametrize("seed", range(2))
def test_fills_keep_to_their_orders_and_the_account_to_the_fills(name, seed):
    settings = {"fee_micros": 3, **SETTINGS[name]}
    matcher = Recording(Matcher(view_levels=10, assumed_touch_lots=7, **settings),
                        Orders(settings["fee_micros"]))
    for _ in lockstep([matcher], market_stream(4_000, 90 + seed), seed):
        pass
    orders = matcher.orders
    assert matcher.account == (orders.position, orders.cash, orders.fees)
    assert sum(orders.filled.values()) > 0
    working = {row[0] for row in matcher.resting_orders} | {row[0] for row in matcher.stop_orders}
    assert working == set(orders.asked) - orders.over


class Recording:
    """A matcher whose commands and outcomes are shown to `orders`."""

    def __init__(self, matcher, orders):
        self.matcher, self.orders = matcher, orders

    def __getattr__(self, name):
        return getattr(self.matcher, name)

    def arrive(self, *arguments, **more):
        self.orders.arrive(*arguments[:-1], **more)
        self.matcher.arrive(*arguments, **more)

    def replace(self, *arguments):
        self.orders.replace(*arguments[:-1])
        self.matcher.replace(*arguments)

    def take_outcomes(self):
        found = self.matcher.take_outcomes()
        for row in found:
            self.orders.see(*row)
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


def test_refusals_of_all_kinds_occur_in_the_streams():
    """The strict settings must bite, or agreement of kernel and twin says little."""
    reasons = set()
    for name in ("strict", "b3"):
        matcher = Matcher(view_levels=10, assumed_touch_lots=7, **SETTINGS[name])
        for step in lockstep([matcher], market_stream(4_000, 7), 7):
            reasons |= {Reason(row[-1]) for row in step[0][1]}
    assert reasons >= {Reason.MARKET_CLOSED, Reason.NO_LIQUIDITY, Reason.UNKNOWN_ORDER,
                       Reason.REMAINDER_CANCELED, Reason.FOK_NOT_FILLABLE, Reason.REQUESTED,
                       Reason.WOULD_TAKE, Reason.PRICE_BAND, Reason.SELF_TRADE, Reason.HALTED,
                       Reason.NOT_SUPPORTED, Reason.NO_MARGIN, Reason.OFF_LOT}


