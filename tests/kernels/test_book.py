"""What a book has to do, record by record: one contract for the kernel and its naive twin."""

import doctest

import numpy as np
import pytest

from dreammaker._ext import book_kernel, ofi
from dreammaker._ext.book_kernel import BookFaultError, BookKernel
from dreammaker.domain.schema import EVENT_DTYPE, Flag, Kind
from tests.kernels.naive_book import NaiveBook, NaiveFaultError

BID, ASK = 1, -1
NO_BID, NO_ASK = -(2**31), 2**31 - 1


@pytest.fixture(params=[BookKernel, NaiveBook])
def book(request):
    return request.param()


def event(kind, side=0, price=0, lots=0, order_id=0, flags=Flag.LAST):
    return (0, 0, -1, 0, order_id, price, lots, 0, int(flags), 0, 0, int(kind), side, 0)


def events(*rows):
    return np.array(list(rows), EVENT_DTYPE)


def level(side, price, lots, flags=Flag.LAST):
    return event(Kind.LEVEL_SET, side, price, lots, flags=flags)


def snapshot(*levels):
    """(side, price, lots) each, as one packet."""
    rows = []
    for i, (side, price, lots) in enumerate(levels):
        flags = Flag.SNAP_BEGIN if i == 0 else Flag(0)
        if i == len(levels) - 1:
            flags |= Flag.SNAP_END | Flag.LAST
        rows.append(event(Kind.SNAPSHOT, side, price, lots, flags=flags))
    return rows


def depth(book):
    assert book.is_sound()
    return book.levels(BID), book.levels(ASK)


def counted(book):
    return {name: count for name, count in book.counters.items() if count}


def test_levels_are_set_changed_and_deleted(book):
    book.apply(events(level(BID, 100, 5), level(BID, 99, 7), level(ASK, 101, 3), level(BID, 100, 6),
                      level(BID, 98, 1), level(BID, 99, 0)))
    assert depth(book) == ([(100, 6), (98, 1)], [(101, 3)])
    assert book.best() == ((100, 6), (101, 3))
    assert book.applied_count == 6
    assert counted(book) == {}


def test_empty_book_has_no_best_price_and_worst_prices_in_the_frame(book):
    assert book.best() == (None, None)
    ticks, lots = book.frame()
    assert ticks.tolist() == [[NO_BID] * 10, [NO_ASK] * 10]
    assert not lots.any()


def test_crossed_and_negative_prices_are_held_as_they_come(book):
    book.apply(events(level(BID, 105, 1), level(ASK, 95, 2), level(BID, -7, 3), level(ASK, -9, 4),
                      level(BID, 0, 5)))
    assert depth(book) == ([(105, 1), (0, 5), (-7, 3)], [(-9, 4), (95, 2)])


def test_delete_of_nothing_is_counted(book):
    book.apply(events(level(BID, 100, 0), level(ASK, 9_000_000, 0)))
    assert depth(book) == ([], [])
    assert counted(book) == {"delete_of_nothing": 2}


def test_levels_beyond_ten_enter_the_frame_when_better_ones_go(book):
    book.apply(events(*[level(BID, 100 - i, i + 1) for i in range(12)]))
    book.apply(events(level(BID, 100, 0), level(BID, 95, 0)))
    ticks, lots = book.frame()
    assert ticks[0].tolist() == [99, 98, 97, 96, 94, 93, 92, 91, 90, 89]
    assert lots[0].tolist() == [2, 3, 4, 5, 7, 8, 9, 10, 11, 12]


@pytest.mark.parametrize("far", [5_000, 1_000_000, 2**31 - 200])
def test_far_prices_come_and_go(book, far):
    book.apply(events(level(BID, 100, 1), level(BID, 100 - far, 2), level(BID, 100 + far // 2, 3),
                      level(ASK, 101, 4), level(ASK, 101 + far, 5), level(ASK, 101 - far, 6)))
    assert depth(book) == ([(100 + far // 2, 3), (100, 1), (100 - far, 2)],
                           [(101 - far, 6), (101, 4), (101 + far, 5)])
    book.apply(events(level(BID, 100 + far // 2, 0), level(ASK, 101 - far, 0), level(BID, 100, 0)))
    assert depth(book) == ([(100 - far, 2)], [(101, 4), (101 + far, 5)])
    assert book.best() == ((100 - far, 2), (101, 4))


def test_best_walks_through_twenty_windows_and_back(book):
    path = [*range(0, 80_000, 37), *range(80_000, 0, -41)]
    book.apply(events(level(ASK, 100_000, 9), level(BID, -100_000, 9)))
    for price in path:
        book.apply(events(level(BID, price, 1), level(ASK, price + 1, 2)))
        assert book.best() == ((price, 1), (price + 1, 2))
        book.apply(events(level(BID, price, 0), level(ASK, price + 1, 0)))
    assert depth(book) == ([(-100_000, 9)], [(100_000, 9)])


def test_records_that_are_no_depth_never_touch_the_book(book):
    book.apply(events(level(BID, 100, 5)))
    book.apply(events(*[event(kind, BID, 100, 50) for kind in (
        Kind.QUOTE, Kind.TRADE, Kind.SESSION, Kind.GAP, Kind.BAR)]))
    book.apply(events(event(Kind.QUOTE, BID, 100, -1)))
    assert depth(book) == ([(100, 5)], [])
    assert book.changes() == []


@pytest.mark.parametrize("kind", [Kind.LEVEL_SET, Kind.ORDER_ADD, Kind.ORDER_CANCEL,
                                  Kind.ORDER_MODIFY, Kind.ORDER_EXECUTE])
def test_off_grid_record_never_touches_the_book(book, kind):
    book.apply(events(level(BID, 100, 5), event(kind, BID, 100, 2, 1, Flag.OFF_GRID)))
    assert depth(book) == ([(100, 5)], [])
    assert counted(book) == {"off_grid": 1}


def test_hidden_execution_never_touches_the_book(book):
    book.apply(events(level(BID, 100, 5),
                      event(Kind.ORDER_EXECUTE, BID, 100, 2, 0, Flag.HIDDEN)))
    assert depth(book) == ([(100, 5)], [])


def test_orders_add_up_to_levels_and_leave_by_number(book):
    book.apply(events(
        event(Kind.ORDER_ADD, BID, 100, 5, 1), event(Kind.ORDER_ADD, BID, 100, 7, 2),
        event(Kind.ORDER_ADD, ASK, 101, 4, 3), event(Kind.ORDER_CANCEL, BID, 100, 2, 1),
        event(Kind.ORDER_EXECUTE, ASK, 101, 1, 3)))
    assert depth(book) == ([(100, 10)], [(101, 3)])
    assert book.order(1) == (BID, 100, 3)
    assert book.order(3) == (ASK, 101, 3)
    book.apply(events(event(Kind.ORDER_CANCEL, BID, 100, -1, 2),
                      event(Kind.ORDER_EXECUTE, ASK, 101, 3, 3)))
    assert depth(book) == ([(100, 3)], [])
    assert book.order(2) is None
    assert book.order_count == 1
    assert counted(book) == {}


def test_known_order_is_taken_where_it_stands_whatever_its_record_says(book):
    book.apply(events(event(Kind.ORDER_ADD, BID, 100, 5, 1), level(ASK, 300, 9),
                      event(Kind.ORDER_CANCEL, ASK, 300, 2, 1),
                      event(Kind.ORDER_EXECUTE, 0, 0, 1, 1)))
    assert depth(book) == ([(100, 2)], [(300, 9)])


def test_modify_moves_the_order(book):
    book.apply(events(event(Kind.ORDER_ADD, BID, 100, 5, 1), event(Kind.ORDER_ADD, BID, 100, 7, 2),
                      event(Kind.ORDER_MODIFY, BID, 99, 6, 1)))
    assert depth(book) == ([(100, 7), (99, 6)], [])
    assert book.changes() == [(100, BID, 12, 7), (99, BID, 0, 6)]
    book.apply(events(event(Kind.ORDER_MODIFY, ASK, 101, 2, 1)))
    assert depth(book) == ([(100, 7)], [(101, 2)])
    book.apply(events(event(Kind.ORDER_MODIFY, BID, 100, 3, 2)))
    assert book.changes() == [(100, BID, 7, 3)]
    book.apply(events(event(Kind.ORDER_MODIFY, BID, 100, 0, 2)))
    assert depth(book) == ([], [(101, 2)])
    assert book.order_count == 1
    assert counted(book) == {}


def test_unknown_order_is_taken_at_its_records_word_and_clamped(book):
    book.apply(events(level(BID, 100, 5), event(Kind.ORDER_CANCEL, BID, 100, 2, 77),
                      event(Kind.ORDER_EXECUTE, BID, 100, 9, 78)))
    assert depth(book) == ([], [])
    assert counted(book) == {"unknown_order": 2, "clamped_level": 1}


def test_unknown_order_modified_then_it_is_known_at_its_new_place(book):
    book.apply(events(level(BID, 100, 5), event(Kind.ORDER_MODIFY, BID, 99, 2, 77)))
    assert depth(book) == ([(100, 5), (99, 2)], [])
    assert book.order(77) == (BID, 99, 2)
    assert counted(book) == {"unknown_order": 1}


def test_order_without_number_is_level_arithmetic_only(book):
    book.apply(events(event(Kind.ORDER_ADD, ASK, 101, 5), event(Kind.ORDER_CANCEL, ASK, 101, 2)))
    assert depth(book) == ([], [(101, 3)])
    assert book.order_count == 0
    assert book.order(0) is None
    assert counted(book) == {}


def test_cancel_of_more_than_there_is_takes_what_there_is(book):
    book.apply(events(event(Kind.ORDER_ADD, BID, 100, 5, 1), event(Kind.ORDER_ADD, BID, 100, 4, 2),
                      event(Kind.ORDER_CANCEL, BID, 100, 9, 1)))
    assert depth(book) == ([(100, 4)], [])
    assert counted(book) == {"excess_quantity": 1}


def test_add_with_a_living_number_replaces_the_order(book):
    book.apply(events(event(Kind.ORDER_ADD, BID, 100, 5, 1), event(Kind.ORDER_ADD, BID, 98, 4, 1)))
    assert depth(book) == ([(98, 4)], [])
    assert book.order_count == 1
    assert counted(book) == {"duplicate_order": 1}


@pytest.mark.parametrize(("record", "name"), [
    (level(BID, 100, -1), "unknown_quantity"), (level(0, 100, 4), "no_side"),
    (level(0, 100, 0), "no_side"), (event(Kind.ORDER_ADD, BID, 100, 0, 1), "zero_quantity"),
    (event(Kind.ORDER_ADD, BID, 100, -1, 1), "unknown_quantity"),
    (event(Kind.ORDER_ADD, 0, 100, 4, 1), "no_side"),
    (event(Kind.ORDER_CANCEL, BID, 100, -1, 0), "unknown_quantity"),
    (event(Kind.ORDER_EXECUTE, BID, 100, -1, 0), "unknown_quantity"),
])
def test_record_that_makes_no_sense_is_counted_and_not_applied(book, record, name):
    book.apply(events(level(BID, 100, 5), record))
    assert depth(book) == ([(100, 5)], [])
    assert counted(book) == {name: 1}


def test_snapshot_replaces_the_book_and_yields_what_changed(book):
    book.apply(events(level(BID, 100, 5), level(BID, 99, 7), level(ASK, 101, 3),
                      event(Kind.ORDER_ADD, BID, 90, 1, 4)))
    book.apply(events(*snapshot((BID, 100, 5), (BID, 98, 2), (ASK, 101, 4), (ASK, 103, 6))))
    assert depth(book) == ([(100, 5), (98, 2)], [(101, 4), (103, 6)])
    assert book.changes() == [(99, BID, 7, 0), (90, BID, 1, 0), (98, BID, 0, 2), (101, ASK, 3, 4),
                              (103, ASK, 0, 6)]
    assert book.order(4) is None


def test_snapshot_shows_only_when_it_is_complete(book):
    book.apply(events(level(BID, 100, 5)))
    rows = snapshot((BID, 90, 1), (ASK, 91, 1))
    book.apply(events(rows[0], event(Kind.TRADE, BID, 90, 1)))
    assert depth(book) == ([(100, 5)], [])
    book.apply(events(rows[1]))
    assert depth(book) == ([(90, 1)], [(91, 1)])


def test_snapshot_of_an_empty_book_is_one_record(book):
    book.apply(events(level(BID, 100, 5), *snapshot((0, 0, 0))))
    assert depth(book) == ([], [])
    assert counted(book) == {}


def test_snapshot_in_any_order_with_a_price_twice_then_the_later_counts(book):
    book.apply(events(*snapshot((BID, 98, 1), (ASK, 105, 2), (BID, 100, 3), (ASK, 103, 4),
                                (BID, 98, 5), (BID, 97, 0))))
    assert depth(book) == ([(100, 3), (98, 5)], [(103, 4), (105, 2)])
    assert counted(book) == {"repeated_level": 1}


def test_off_grid_level_ends_a_snapshot_all_the_same(book):
    rows = snapshot((BID, 98, 1), (ASK, 105, 2))
    end = event(Kind.SNAPSHOT, ASK, 105, 2, flags=Flag.SNAP_END | Flag.OFF_GRID | Flag.LAST)
    book.apply(events(rows[0], end, level(ASK, 106, 1)))
    assert depth(book) == ([(98, 1)], [(106, 1)])
    assert counted(book) == {"off_grid": 1}


def test_large_snapshots_far_from_each_other(book):
    for centre in (0, 500_000, -500_000):
        wanted = {side: [(centre - side * (1 + 7 * i), 1 + i) for i in range(1_500)]
                  for side in (BID, ASK)}
        book.apply(events(*snapshot(*[(side, *row) for side in (BID, ASK)
                                      for row in wanted[side]])))
        assert depth(book) == (wanted[BID], wanted[ASK])


def test_clear_empties_book_and_orders(book):
    book.apply(events(level(BID, 100, 5), event(Kind.ORDER_ADD, ASK, 9_000, 1, 4),
                      event(Kind.CLEAR)))
    assert depth(book) == ([], [])
    assert book.order_count == 0
    assert book.changes() == [(100, BID, 5, 0), (9_000, ASK, 1, 0)]


@pytest.mark.parametrize(("damaged", "code"), [
    ([level(BID, 100, -2)], -2), ([event(Kind.TRADE, BID, 100, -7)], -2),
    ([event(0, BID, 100, 1)], -3), ([event(13, BID, 100, 1)], -3),
    ([event(Kind.SNAPSHOT, BID, 100, 1)], -4), ([*snapshot((BID, 1, 1), (BID, 2, 1))[1:]], -4),
    ([level(2, 100, 1)], -5), ([event(Kind.QUOTE, -2, 100, 1)], -5),
    ([level(BID, NO_BID, 1)], -6), ([level(BID, NO_ASK, 1)], -6),
    ([event(Kind.ORDER_ADD, BID, NO_ASK, 1)], -6),
    ([event(Kind.ORDER_ADD, ASK, 500, 2**31 - 1), ], None),
    ([event(Kind.ORDER_ADD, BID, 100, 2**31 - 1)], -7),
])
def test_damaged_record_then_fault_names_it_and_those_before_are_applied(book, damaged, code):
    rows = events(level(BID, 100, 5), *damaged, level(BID, 100, 9))
    if code is None:
        assert book.apply(rows) == 3
        return
    with pytest.raises((BookFaultError, NaiveFaultError), match="event 1 is damaged") as caught:
        book.apply(rows)
    assert (caught.value.index, caught.value.code) == (1, code)
    assert depth(book) == ([(100, 5)], [])
    assert book.applied_count == 1
    book.apply(rows[2:])
    assert depth(book) == ([(100, 9)], [])


@pytest.mark.parametrize("intruder", [
    level(BID, 100, 1), event(Kind.CLEAR), event(Kind.ORDER_ADD, BID, 100, 1, 1),
    event(Kind.SNAPSHOT, BID, 100, 1, flags=Flag.SNAP_BEGIN),
])
def test_change_within_a_snapshot_is_damage(book, intruder):
    begin, end = snapshot((BID, 98, 1), (ASK, 105, 2))
    with pytest.raises((BookFaultError, NaiveFaultError)) as caught:
        book.apply(events(begin, intruder))
    assert (caught.value.index, caught.value.code) == (1, -4)
    book.apply(events(end))
    assert depth(book) == ([(98, 1)], [(105, 2)])


def test_frames_writes_a_row_a_packet_up_to_the_fault(book):
    rows = events(level(BID, 100, 5, Flag(0)), level(ASK, 101, 3), level(BID, 100, 6, Flag(0)),
                  level(BID, 99, 1), level(BID, 98, -5))
    ticks, lots = np.zeros((2, 5, 2, 3), np.int32)
    with pytest.raises((BookFaultError, NaiveFaultError), match="event 4"):
        book.frames(rows, ticks, lots)
    assert ticks[:2].tolist() == [[[100, NO_BID, NO_BID], [101, NO_ASK, NO_ASK]],
                                  [[100, 99, NO_BID], [101, NO_ASK, NO_ASK]]]
    assert lots[:3].tolist() == [[[5, 0, 0], [3, 0, 0]], [[6, 1, 0], [3, 0, 0]], [[0] * 3] * 2]


def test_single_level_frames_equal_the_first_level_of_full_ones():
    rows = events(*[level(BID if i % 3 else ASK, i * 7 % 50, i % 4) for i in range(300)])
    narrow, wide = np.zeros((2, 300, 2, 1), np.int32), np.zeros((2, 300, 2, 10), np.int32)
    BookKernel().frames(rows, *narrow)
    BookKernel().frames(rows, *wide)
    assert (narrow == wide[..., :1]).all()


def test_frames_with_arrays_that_do_not_fit_then_nothing_is_applied():
    kernel = BookKernel()
    rows = events(level(BID, 100, 5), level(BID, 101, 5))
    for shapes, message in (
            (((1, 2, 3), (1, 2, 3)), "a row for each of 2 frames"),
            (((2, 1, 3), (2, 1, 3)), "must have shape"), (((2, 2, 11),) * 2, "must have shape"),
            (((2, 2, 3), (2, 2, 2)), "must have the shape of out_ticks")):
        with pytest.raises(ValueError, match=message):
            kernel.frames(rows, *(np.zeros(shape, np.int32) for shape in shapes))
    with pytest.raises(ValueError, match="Buffer dtype mismatch"):
        kernel.frames(rows, np.zeros((2, 2, 3), np.int64), np.zeros((2, 2, 3), np.int64))
    with pytest.raises(TypeError, match="EVENT_DTYPE"):
        kernel.apply(np.zeros(3))
    assert kernel.applied_count == 0
    assert kernel.best() == (None, None)


def test_orders_that_come_and_go_then_the_table_keeps_its_size():
    kernel = BookKernel()
    rows = np.zeros(200_000, EVENT_DTYPE)
    rows["kind"] = np.tile([Kind.ORDER_ADD, Kind.ORDER_CANCEL], 100_000)
    rows["order_id"] = np.repeat(np.random.default_rng(1).permutation(100_000) + 1, 2) * 4_096
    rows["side"], rows["price_ticks"] = BID, 100
    rows["qty_lots"] = np.tile([3, -1], 100_000)
    before = kernel.order_capacity
    kernel.apply(rows)
    assert kernel.order_count == 0
    assert kernel.order_capacity == before
    kernel.apply(rows[::2].copy())
    assert kernel.order_count == 100_000
    assert kernel.order_capacity < 4 * 100_000
    assert kernel.best() == ((100, 300_000), None)


@pytest.mark.parametrize("module", [book_kernel, ofi])
def test_examples_in_the_docstrings(module):
    assert doctest.testmod(module).failed == 0


def test_no_events_at_all():
    kernel = BookKernel()
    empty = np.zeros(0, EVENT_DTYPE)
    assert kernel.apply(empty) == 0
    assert kernel.frames(empty, *np.zeros((2, 0, 2, 3), np.int32)) == 0


@pytest.mark.parametrize(("side", "count"), [(0, None), (2, None), (1, -1)])
def test_levels_with_a_bad_argument_then_value_error(side, count):
    with pytest.raises(ValueError, match=r"side must be|max_count must be"):
        BookKernel().levels(side, count)
