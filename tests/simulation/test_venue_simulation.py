"""Random commands at the venue, and what must hold after every one of them.

A short form runs here. For millions of commands:

    DREAMMAKER_LONG_RUN=3000000 pytest tests/simulation/test_venue_simulation.py
"""

import os

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dreammaker._ext.book_kernel import BookKernel
from dreammaker._ext.matching_kernel import Matcher
from dreammaker.domain.orders import Liquidity, OrderType, ReportKind
from tests.kernels.matching_commands import SETTINGS, draw_command, lockstep, market_stream
from tests.kernels.naive_matching import NaiveMatcher

COMMANDS = int(os.environ.get("DREAMMAKER_LONG_RUN", "24000"))
SEGMENT = 20_000
ENDS = {ReportKind.CANCELED, ReportKind.EXPIRED, ReportKind.REJECTED}
REFUSALS = {ReportKind.CANCEL_REJECTED, ReportKind.REPLACE_REJECTED}
LIMITS = {OrderType.LIMIT, OrderType.STOP_LIMIT}


class Auditor:
    """Keeps its own books from the outcomes alone and holds each against order and market."""

    def __init__(self, fee):
        self.fee, self.book = fee, BookKernel()
        self.working, self.ended = {}, set()
        self.position = self.cash = self.fees = self.fills = self.taken = 0
        self.bought = self.sold = 0

    def arrives(self, arguments):
        number, side, kind, price, qty, _ = arguments
        self.working[number] = [side, kind, price, qty, 0]

    def sees(self, outcomes, command):
        for kind, number, qty, price, leaves, cum, liquidity, _, _ in outcomes:
            if kind in REFUSALS:
                continue
            # Whatever has ended, cancelled or filled, is never heard of again.
            assert number in self.working, (kind, number)
            order = self.working[number]
            if kind == ReportKind.FILLED:
                self._fill(order, qty, price, leaves, cum, liquidity)
            elif kind == ReportKind.REPLACED:
                assert command[0] == "replace" and command[1] == (number, leaves + cum, price)
                order[2:4] = [price, leaves + cum]
            elif kind in ENDS:
                assert cum == order[4] and leaves == 0
            if kind in ENDS or (kind == ReportKind.FILLED and leaves == 0):
                del self.working[number]

    def _fill(self, order, qty, price, leaves, cum, liquidity):
        side, kind, limit, lots, filled = order
        order[4] = filled + qty
        assert qty > 0 and cum == filled + qty <= lots and leaves == lots - cum
        if kind in LIMITS:
            assert side * (price - limit) <= 0, "worse than its limit"
        if liquidity == Liquidity.TAKER:
            # Not better than the opposite best price, nor more than is shown there.
            ticks, sizes = self.book.frame()
            opposite = int(side > 0)
            there = dict(zip(ticks[opposite].tolist(), sizes[opposite].tolist(), strict=True))
            assert there.get(price, 0) >= qty, "beyond what is shown"
            if sizes[0][0] and sizes[1][0]:
                assert ticks[0][0] <= ticks[1][0], "from a crossed book"
            self.taken += 1
        elif liquidity == Liquidity.MAKER:
            assert price == limit
        self.position += side * qty
        self.cash -= side * qty * price
        self.fees += qty * self.fee
        self.fills += 1
        self.bought += qty * (side > 0)
        self.sold += qty * (side < 0)

    def holds(self, matcher):
        assert matcher.account == (self.position, self.cash, self.fees)
        assert self.position == self.bought - self.sold
        named = {row[0] for row in matcher.resting_orders} | {row[0] for row in matcher.stop_orders}
        assert named == set(self.working)
        ticks, sizes = self.book.frame()
        levels = {(1 - 2 * i, p): q for i in (0, 1)
                  for p, q in zip(ticks[i].tolist(), sizes[i].tolist(), strict=True) if q}
        for side, price, lots in matcher.taken_levels:
            assert lots > 0
            if (side, price) in levels and self.settled:
                assert lots <= levels[side, price], "taken twice"


def simulate(name, commands, seed):
    """Run commands over random flow; fills seen."""
    options = {"fee_micros": 7, **SETTINGS[name]}
    matcher = Matcher(view_levels=10, assumed_touch_lots=7, **options)
    auditor = Auditor(options["fee_micros"])
    rng = np.random.default_rng(seed)
    number, index, segment, events, clock = 0, 0, 0, np.empty(0), 0
    while number < commands:
        if index == len(events):
            events, index, segment = market_stream(SEGMENT, 1000 * seed + segment), 0, segment + 1
        record = events[index:index + 1]
        index += 1
        clock += 1
        assert matcher.advance(record, np.array([clock]), 0, clock) == 1
        auditor.book.apply(record)
        auditor.settled = bool(record["flags"][0] & 1)
        auditor.sees(matcher.take_outcomes(), ("", ()))
        while rng.random() < 0.5 and number < commands:
            number += 1
            command = draw_command(rng, number)
            if command[0] == "arrive":
                auditor.arrives(command[1])
            getattr(matcher, command[0])(*command[1], clock, **command[2])
            auditor.sees(matcher.take_outcomes(), command)
        if clock % 64 == 0:
            auditor.holds(matcher)
    auditor.holds(matcher)
    return auditor.taken, auditor.fills - auditor.taken


@pytest.mark.parametrize("name", list(SETTINGS))
def test_books_are_kept_and_limits_respected_whatever_is_commanded(name):
    took, made = simulate(name, COMMANDS // len(SETTINGS), 3)
    assert min(took, made) > COMMANDS // len(SETTINGS) // 40


@settings(max_examples=25, deadline=None)
@given(st.sampled_from(list(SETTINGS)), st.integers(0, 2**32), st.sampled_from([0, 1, 4, 10, 40]),
       st.floats(0.05, 0.9))
def test_twin_agrees_at_every_step(name, seed, view_levels, share):
    options = {"view_levels": view_levels, "assumed_touch_lots": 7, **SETTINGS[name]}
    events = market_stream(450, seed)
    for kernel, twin in lockstep([Matcher(**options), NaiveMatcher(**options)], events, seed,
                                 share):
        assert kernel == twin
