"""Matching: hand-worked cases of every rule, for the kernel and its naive twin."""

import numpy as np
import pytest

from dreammaker._ext.matching_kernel import Matcher
from dreammaker.domain.orders import Liquidity, OrderType, Reason, ReportKind
from dreammaker.domain.schema import EVENT_DTYPE, Flag, Kind, Phase
from tests.kernels.matching_scene import (
    BUY,
    DAY,
    FOK,
    IOC,
    LAST,
    SELL,
    UNKNOWN,
    Scene,
    canceled,
    made,
    record,
    took,
)
from tests.kernels.naive_matching import NaiveMatcher

BOTH = pytest.mark.parametrize("kind", [Matcher, NaiveMatcher])


@pytest.fixture(params=[Matcher, NaiveMatcher], ids=["kernel", "twin"])
def scene(request):
    made_scene = Scene(request.param)
    made_scene.book({100: 10, 99: 20}, {101: 4, 102: 6, 104: 8})
    return made_scene


# Orders that take.


def test_market_order_walks_levels_best_first(scene):
    assert scene.market(1, BUY, 12) == [took(1, 4, 101, 8), took(1, 6, 102, 2), took(1, 2, 104, 0)]


def test_market_order_beyond_the_shown_is_cancelled(scene):
    scene.matcher.arrive(1, SELL, OrderType.MARKET, 0, 40, DAY, 7)
    assert scene.matcher.take_outcomes() == [
        (ReportKind.ACCEPTED, 1, 0, 0, 40, 0, Liquidity.NONE, 7, 0),
        (ReportKind.FILLED, 1, 10, 100, 30, 10, Liquidity.TAKER, 7, 0),
        (ReportKind.FILLED, 1, 20, 99, 10, 30, Liquidity.TAKER, 7, 0),
        (ReportKind.CANCELED, 1, 0, 0, 0, 30, Liquidity.NONE, 7, Reason.NO_LIQUIDITY)]


def test_limit_order_crossing_on_arrival_takes_up_to_its_limit_and_rests(scene):
    assert scene.limit(1, BUY, 102, 15) == [took(1, 4, 101, 11), took(1, 6, 102, 5)]
    assert scene.matcher.resting_orders == [(1, BUY, 102, 5, 0.0)]


def test_liquidity_is_not_used_twice(scene):
    assert scene.market(1, BUY, 3) == [took(1, 3, 101, 0)]
    assert scene.market(2, BUY, 3) == [took(2, 1, 101, 2), took(2, 2, 102, 0)]


def test_taken_liquidity_comes_back_as_the_level_grows(scene):
    scene.market(1, BUY, 4)
    scene.level(SELL, 101, 7)
    assert scene.limit(2, BUY, 101, 9, IOC) == [took(2, 3, 101, 6), canceled(2)]


def test_taken_liquidity_stays_away_as_the_level_shrinks(scene):
    scene.market(1, BUY, 3)
    scene.level(SELL, 101, 3)
    assert scene.limit(2, BUY, 101, 1, IOC) == [canceled(2)]
    scene.level(SELL, 101, 4)
    assert scene.limit(3, BUY, 101, 2, IOC) == [took(3, 1, 101, 1), canceled(3)]


def test_taken_liquidity_comes_back_when_the_level_is_gone(scene):
    scene.market(1, BUY, 4)
    scene.level(SELL, 101, 0)
    scene.level(SELL, 101, 4)
    assert scene.limit(2, BUY, 101, 9, IOC) == [took(2, 4, 101, 5), canceled(2)]


def test_taking_in_the_middle_of_a_packet_uses_nothing_twice(scene):
    scene.market(1, BUY, 4)
    scene.level(SELL, 101, 9, flags=0)
    assert scene.limit(2, BUY, 101, 9, IOC) == [took(2, 5, 101, 4), canceled(2)]
    scene.level(BUY, 90, 1)
    assert scene.limit(3, BUY, 101, 9, IOC) == [canceled(3)]


@BOTH
def test_taken_liquidity_out_of_view_does_not_come_back(kind):
    scene = Scene(kind, view_levels=2)
    scene.book({90: 1}, {101: 4, 102: 6})
    assert scene.market(1, BUY, 10) == [took(1, 4, 101, 6), took(1, 6, 102, 0)]
    # A better price pushes 102 out of a view of two levels, and goes again.
    scene.feed(record(Kind.LEVEL_SET, SELL, 100, 1, flags=0), record(Kind.LEVEL_SET, SELL, 102, 0))
    scene.feed(record(Kind.LEVEL_SET, SELL, 100, 0, flags=0), record(Kind.LEVEL_SET, SELL, 102, 6))
    assert scene.limit(2, BUY, 102, 9, IOC) == [canceled(2)]


def test_ioc_remainder_is_cancelled(scene):
    assert scene.limit(1, BUY, 101, 5, IOC) == [took(1, 4, 101, 1), canceled(1)]
    assert scene.matcher.resting_orders == []


def test_fok_takes_all_or_nothing(scene):
    scene.matcher.arrive(1, BUY, OrderType.LIMIT, 102, 11, FOK, 9)
    assert scene.matcher.take_outcomes()[1:] == [
        (ReportKind.CANCELED, 1, 0, 0, 0, 0, Liquidity.NONE, 9, Reason.FOK_NOT_FILLABLE)]
    assert scene.limit(2, BUY, 102, 10, FOK) == [took(2, 4, 101, 6), took(2, 6, 102, 0)]
    assert scene.limit(3, BUY, 102, 1, FOK) == [canceled(3)]


def test_crossed_book_gives_nothing(scene):
    # Sold at 103 and bought at 101 there would be a gain that no market gives.
    scene.level(BUY, 103, 2)
    assert scene.limit(1, SELL, 101, 3, IOC) == [canceled(1)]
    assert scene.limit(2, BUY, 101, 1, IOC) == [canceled(2)]
    assert scene.limit(3, BUY, 102, 1) == []
    assert scene.level(BUY, 100, 7) == []
    assert scene.level(BUY, 103, 0) == [made(3, 1, 102, 0)]


# Orders that rest.


def test_queue_ahead_is_moved_by_prints(scene):
    scene.limit(1, BUY, 100, 5)
    assert scene.ahead(1) == 10
    assert scene.trade(SELL, 100, 4) == []
    assert scene.ahead(1) == 6
    assert scene.trade(SELL, 100, 8) == [made(1, 2, 100, 3)]
    assert scene.trade(SELL, 100, 9) == [made(1, 3, 100, 0)]
    assert scene.matcher.resting_orders == []


def test_queue_ahead_is_bounded_by_a_shrinking_level(scene):
    scene.limit(1, BUY, 100, 5)
    scene.level(BUY, 100, 12)
    assert scene.ahead(1) == 10
    scene.level(BUY, 100, 3)
    assert scene.ahead(1) == 3
    scene.level(BUY, 100, 30)
    assert scene.ahead(1) == 3


def test_print_through_fills_whole_at_our_price(scene):
    scene.limit(1, BUY, 100, 5)
    assert scene.trade(SELL, 99, 1) == [made(1, 5, 100, 0)]


def test_print_of_the_other_side_or_a_worse_price_moves_nothing(scene):
    scene.limit(1, BUY, 99, 5)
    assert scene.trade(BUY, 99, 50) == []
    assert scene.trade(SELL, 100, 50) == []
    assert scene.ahead(1) == 20


def test_print_of_unknown_quantity_moves_no_queue_but_goes_through(scene):
    scene.limit(1, BUY, 100, 5)
    assert scene.trade(SELL, 100, -1) == []
    assert scene.ahead(1) == 10
    assert scene.trade(SELL, 99, -1) == [made(1, 5, 100, 0)]


def test_print_of_unknown_side_reaches_both(scene):
    scene.limit(1, BUY, 100, 5)
    scene.limit(2, SELL, 101, 5)
    assert scene.trade(UNKNOWN, 100, 12) == [made(1, 2, 100, 3)]
    assert scene.trade(UNKNOWN, 102, 1) == [made(2, 5, 101, 0)]


def test_print_off_the_grid_is_left_out(scene):
    scene.limit(1, BUY, 100, 5)
    assert scene.trade(SELL, 99, 50, flags=LAST | Flag.OFF_GRID) == []
    assert scene.ahead(1) == 10


def test_one_print_shared_by_our_orders_at_one_price(scene):
    scene.limit(1, BUY, 100, 3)      # behind 10
    scene.level(BUY, 100, 12)
    scene.limit(2, BUY, 100, 4)      # behind 12, and behind order 1
    # 15 lots: ten others, our three, then the two others between our orders.
    assert scene.trade(SELL, 100, 15) == [made(1, 3, 100, 0)]
    assert scene.ahead(2) == 0
    assert scene.trade(SELL, 100, 1) == [made(2, 1, 100, 3)]


def test_print_fills_us_for_no_more_than_its_quantity(scene):
    scene.limit(1, BUY, 100, 30)
    scene.limit(2, BUY, 100, 30)
    assert scene.trade(SELL, 100, 14) == [made(1, 4, 100, 26)]
    assert scene.ahead(2) == 0
    assert scene.trade(SELL, 100, 28) == [made(1, 26, 100, 0), made(2, 2, 100, 28)]


def test_execution_of_a_visible_order_is_a_print():
    scene = Scene(Matcher)
    scene.feed(record(Kind.ORDER_ADD, BUY, 100, 6, order_id=7),
               record(Kind.ORDER_ADD, SELL, 101, 6, order_id=8))
    scene.limit(1, BUY, 100, 5)
    assert scene.feed(record(Kind.ORDER_EXECUTE, BUY, 100, 4, order_id=7)) == []
    assert scene.ahead(1) == 2
    assert scene.feed(record(Kind.ORDER_EXECUTE, BUY, 100, 2, order_id=7)) == []
    assert scene.ahead(1) == 0
    assert scene.feed(record(Kind.ORDER_EXECUTE, BUY, 100, 3)) == [made(1, 3, 100, 2)]


def test_opposite_best_through_fills_for_what_it_shows(scene):
    scene.limit(1, BUY, 100, 5)
    assert scene.level(SELL, 100, 3) == [made(1, 3, 100, 2)]
    # While others still bid 100 the book is crossed and says nothing.
    assert scene.level(SELL, 99, 9) == []
    assert scene.level(BUY, 100, 0) == [made(1, 2, 100, 0)]
    # Two of the nine at 99 are ours by now.
    assert scene.limit(2, BUY, 99, 20, IOC) == [took(2, 7, 99, 13), canceled(2)]


def test_opposite_best_counts_at_the_end_of_a_packet_only(scene):
    scene.limit(1, BUY, 100, 5)
    assert scene.feed(record(Kind.LEVEL_SET, SELL, 100, 3, flags=0),
                      record(Kind.LEVEL_SET, SELL, 100, 0)) == []


def test_remainder_of_an_order_does_not_meet_again_what_it_took(scene):
    assert scene.limit(1, BUY, 101, 50) == [took(1, 4, 101, 46)]
    assert scene.level(BUY, 98, 1) == []
    assert scene.level(SELL, 101, 6) == [made(1, 2, 101, 44)]
    assert scene.level(SELL, 101, 6) == []


def test_take_then_rest_at_one_price_with_an_order_of_ours_on_the_other_side(scene):
    scene.limit(1, SELL, 102, 2)
    assert scene.ahead(1) == 6
    # Taking at 101 comes before meeting our own at 102; the remainder is within its reach.
    assert scene.limit(2, BUY, 102, 3) == [took(2, 3, 101, 0)]
    assert scene.limit(3, BUY, 102, 9) == [took(3, 1, 101, 8), canceled(1), took(3, 6, 102, 2)]
    assert scene.matcher.resting_orders == [(3, BUY, 102, 2, 0)]
    # A buyer's print lifts the ask: our bid is not its passive side.
    assert scene.trade(BUY, 102, 5) == []


def test_order_beyond_the_view_stands_behind_everybody_until_its_price_shows():
    scene = Scene(Matcher, view_levels=2)
    scene.book({100: 5, 99: 5}, {101: 5})
    scene.limit(1, BUY, 97, 5)
    assert scene.trade(SELL, 97, 100) == []
    scene.feed(record(Kind.LEVEL_SET, BUY, 100, 0, flags=0), record(Kind.LEVEL_SET, BUY, 97, 9))
    assert scene.ahead(1) == 9
    # Out of view again: the queue is remembered, not taken for gone.
    scene.feed(record(Kind.LEVEL_SET, BUY, 100, 5, flags=0), record(Kind.LEVEL_SET, BUY, 97, 0))
    assert scene.ahead(1) == 9


def test_snapshot_replaces_the_book_under_resting_orders(scene):
    scene.limit(1, BUY, 100, 5)
    begin, end = int(Flag.SNAP_BEGIN), int(Flag.SNAP_END)
    found = scene.feed(record(Kind.SNAPSHOT, BUY, 100, 6, flags=begin),
                       record(Kind.SNAPSHOT, SELL, 103, 2, flags=0),
                       record(Kind.SNAPSHOT, BUY, 99, 1, flags=end | LAST))
    assert found == []
    assert scene.ahead(1) == 6
    assert scene.matcher.best() == (100, 103)
    found = scene.feed(record(Kind.SNAPSHOT, SELL, 99, 2, flags=begin),
                       record(Kind.SNAPSHOT, BUY, 98, 1, flags=end | LAST))
    assert found == [made(1, 2, 100, 3)]


# Sources without depth.


@BOTH
def test_quotes_without_sizes_hold_the_assumed_lots_a_tick(kind):
    scene = Scene(kind, view_levels=0, assumed_touch_lots=5)
    scene.feed(record(Kind.QUOTE, BUY, 100, -1), record(Kind.QUOTE, SELL, 101, -1))
    assert scene.market(1, BUY, 7) == [took(1, 5, 101, 2), took(1, 2, 102, 0)]
    assert scene.limit(2, BUY, 101, 1, IOC) == [canceled(2)]
    # The price goes and comes back: so does what it holds.
    scene.feed(record(Kind.QUOTE, SELL, 103, -1), record(Kind.QUOTE, SELL, 101, -1))
    assert scene.limit(3, BUY, 102, 99, IOC) == [took(3, 5, 101, 94), took(3, 5, 102, 89),
                                                canceled(3)]


@BOTH
def test_quotes_and_resting_orders(kind):
    scene = Scene(kind, view_levels=0, assumed_touch_lots=5)
    scene.feed(record(Kind.QUOTE, BUY, 100, -1), record(Kind.QUOTE, SELL, 102, -1))
    scene.limit(1, BUY, 100, 2)
    scene.limit(2, BUY, 101, 2)
    assert (scene.ahead(1), scene.ahead(2)) == (5, 0)
    assert scene.trade(SELL, 100, 4) == [made(2, 2, 101, 0)]
    assert scene.ahead(1) == 1
    assert scene.feed(record(Kind.QUOTE, SELL, 100, -1)) == [made(1, 2, 100, 0)]


@BOTH
def test_quote_off_the_grid_without_side_or_cleared_shows_nothing(kind):
    scene = Scene(kind, view_levels=0)
    scene.feed(record(Kind.QUOTE, BUY, 100, -1), record(Kind.QUOTE, SELL, 102, -1),
               record(Kind.QUOTE, UNKNOWN, 55, -1))
    assert scene.matcher.best() == (100, 102)
    scene.feed(record(Kind.QUOTE, SELL, 102, -1, flags=LAST | Flag.OFF_GRID))
    assert scene.matcher.best() == (100, None)
    assert scene.market(1, BUY, 1) == [canceled(1)]
    scene.feed(record(Kind.CLEAR))
    assert scene.matcher.best() == (None, None)


# Phases and limits.


def test_nothing_matches_outside_of_continuous_trading(scene):
    scene.limit(1, BUY, 100, 5)
    scene.feed(record(Kind.SESSION, aux=Phase.HALT))
    assert not scene.matcher.continuous
    assert scene.trade(SELL, 99, 50) == []
    assert scene.level(SELL, 100, 9) == []
    assert scene.feed(record(Kind.SESSION, aux=Phase.CONTINUOUS)) == [made(1, 5, 100, 0)]


def test_orders_expire_when_the_session_closes(scene):
    for number in range(1, 257):
        scene.limit(number, BUY, 100, 1)
    assert scene.matcher.is_full
    found = scene.feed(record(Kind.SESSION, aux=Phase.CLOSED))
    assert [row[:2] for row in found] == [(ReportKind.EXPIRED, n) for n in range(1, 257)]
    assert scene.matcher.resting_orders == []


def test_every_order_that_fits_is_filled_by_one_record(scene):
    for number in range(1, 257):
        scene.limit(number, BUY, 100, 2)
    assert scene.limit(300, BUY, 100, 1) == [(ReportKind.REJECTED, 300, 0, 0, 0, False)]
    # What does not rest needs no place.
    assert scene.market(301, BUY, 1) == [took(301, 1, 101, 0)]
    # One print of 266 lots: ten others, then 256 of ours; the packet's end fills the other half.
    scene.level(BUY, 100, 0, flags=0)
    scene.level(SELL, 101, 0, flags=0)
    scene.level(SELL, 100, 512, flags=0)
    found = scene.trade(SELL, 100, 266)
    assert sum(row[2] for row in found) == 512
    assert len(found) == 128 + 128
    assert scene.matcher.resting_orders == []


def test_cancel_takes_out_what_was_left_and_is_refused_for_nothing(scene):
    scene.limit(1, BUY, 100, 5)
    scene.trade(SELL, 100, 12)
    scene.matcher.cancel(1, 8)
    assert scene.matcher.take_outcomes() == [
        (ReportKind.CANCELED, 1, 0, 0, 0, 2, Liquidity.NONE, 8, Reason.REQUESTED)]
    scene.matcher.cancel(1, 9)
    assert scene.matcher.take_outcomes() == [
        (ReportKind.CANCEL_REJECTED, 1, 0, 0, 0, 0, Liquidity.NONE, 9, Reason.UNKNOWN_ORDER)]
    assert scene.trade(SELL, 100, 50) == []


def test_arguments_are_validated():
    matcher = Matcher(view_levels=1, assumed_touch_lots=1)
    with pytest.raises(ValueError, match="side and lots"):
        matcher.arrive(1, 0, 1, 0, 1, DAY, 0)
    with pytest.raises(ValueError, match="side and lots"):
        matcher.arrive(1, 1, 1, 0, 0, DAY, 0)
    with pytest.raises(ValueError, match="assumed_touch_lots"):
        Matcher(view_levels=1, assumed_touch_lots=0)
    with pytest.raises(ValueError, match="view_levels"):
        Matcher(view_levels=-1, assumed_touch_lots=1)
    with pytest.raises(ValueError, match="times"):
        matcher.advance(np.zeros(2, EVENT_DTYPE), np.zeros(1, np.int64), 0, 0)
    matcher.arrive(1, 1, 1, 0, 1, DAY, 0)
    with pytest.raises(ValueError, match="outcomes must be taken"):
        matcher.arrive(2, 1, 1, 0, 1, DAY, 0)
    with pytest.raises(ValueError, match="outcomes must be taken"):
        matcher.advance(np.zeros(0, EVENT_DTYPE), np.zeros(0, np.int64), 0, 0)


def test_damaged_record_is_refused_for_good():
    matcher = Matcher(view_levels=1, assumed_touch_lots=1)
    events = np.concatenate([record(Kind.LEVEL_SET, BUY, 100, 5),
                             record(Kind.LEVEL_SET, BUY, 100, -7), record(Kind.GAP)])
    times = np.arange(3)
    with pytest.raises(ValueError, match="record 1 is damaged"):
        matcher.advance(events, times, 0, 9)
    with pytest.raises(ValueError, match="earlier record"):
        matcher.advance(events, times, 2, 9)
