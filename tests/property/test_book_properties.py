"""Properties of the book kernel, for any stream that hypothesis can think of."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from dreammaker._ext.book_kernel import BookKernel
from dreammaker.domain.schema import EVENT_DTYPE, Flag, Kind
from tests.kernels.naive_book import NaiveBook

PRICES = st.one_of(st.integers(-12, 12), st.integers(-9_000, 9_000),
                   st.integers(-(2**31) + 1, 2**31 - 2))
SIDES = st.sampled_from([1, -1])
KINDS = st.sampled_from([Kind.LEVEL_SET, Kind.LEVEL_SET, Kind.ORDER_ADD, Kind.ORDER_CANCEL,
                         Kind.ORDER_MODIFY, Kind.ORDER_EXECUTE, Kind.TRADE, Kind.CLEAR])
LEVELS = st.lists(st.tuples(SIDES, PRICES, st.integers(1, 1_000)), max_size=40)


@st.composite
def records(draw, max_size=120):
    rows = draw(st.lists(st.tuples(KINDS, SIDES, PRICES, st.integers(-1, 9), st.integers(0, 6),
                                   st.booleans()), max_size=max_size))
    events = np.zeros(len(rows), EVENT_DTYPE)
    for i, (kind, side, price, lots, order_id, last) in enumerate(rows):
        events[i] = (0, 0, -1, i, order_id, price, lots, 0, int(last), 0, 0, int(kind), side, 0)
    return events


def level_sets(levels):
    events = np.zeros(len(levels), EVENT_DTYPE)
    events["kind"] = Kind.LEVEL_SET
    for i, row in enumerate(levels):
        events[i]["side"], events[i]["price_ticks"], events[i]["qty_lots"] = row
    return events


def snapshot(levels):
    """One packet that replaces the book."""
    events = level_sets(levels or [(0, 0, 0)])
    events["kind"] = Kind.SNAPSHOT
    events["flags"][0] |= np.uint32(Flag.SNAP_BEGIN)
    events["flags"][-1] |= np.uint32(Flag.SNAP_END | Flag.LAST)
    return events


def depth(book):
    return book.levels(1), book.levels(-1)


@settings(max_examples=200, deadline=None)
@given(records())
def test_frame_equals_a_rescan_after_every_record(events):
    book, twin = BookKernel(), NaiveBook()
    for i in range(len(events)):
        book.apply(events[i:i + 1])
        twin.apply(events[i:i + 1])
        assert book.is_sound()
        assert book.changes() == twin.changes()
        assert depth(book) == depth(twin)
        ticks, lots = book.frame()
        for row, side in enumerate((1, -1)):
            shown = list(zip(ticks[row].tolist(), lots[row].tolist(), strict=True))
            best = book.levels(side, 10)
            assert shown[:len(best)] == best
            assert not lots[row, len(best):].any()
    assert book.counters == twin.counters


@settings(max_examples=200, deadline=None)
@given(records(), st.data())
def test_any_cut_into_batches_gives_the_same_rows(events, data):
    whole, parts = BookKernel(), BookKernel()
    count = int(np.count_nonzero(events["flags"] & Flag.LAST))
    expected = np.zeros((2, count, 2, 10), np.int32)
    rows = np.zeros((2, count, 2, 10), np.int32)
    assert whole.frames(events, *expected) == count
    cuts = sorted(data.draw(st.lists(st.integers(0, len(events)), max_size=6)))
    done = 0
    for start, stop in zip([0, *cuts], [*cuts, len(events)], strict=True):
        done += parts.frames(events[start:stop], *rows[:, done:])
    assert done == count
    assert (rows == expected).all()
    assert depth(whole) == depth(parts)
    assert whole.counters == parts.counters


@settings(max_examples=200, deadline=None)
@given(records(), LEVELS)
def test_snapshot_gives_its_levels_whatever_was_before(events, levels):
    book, fresh = BookKernel(), BookKernel()
    book.apply(events)
    book.apply(snapshot(levels))
    fresh.apply(level_sets(levels))
    assert depth(book) == depth(fresh)
    assert (book.frame()[0] == fresh.frame()[0]).all()
    assert book.order_count == 0
    assert book.is_sound()


@settings(max_examples=200, deadline=None)
@given(LEVELS, LEVELS)
def test_changes_of_a_snapshot_played_as_level_sets_give_the_same_book(before, after):
    book, follower = BookKernel(), BookKernel()
    book.apply(level_sets(before))
    follower.apply(level_sets(before))
    held = {(side, price): lots for side in (1, -1) for price, lots in book.levels(side)}
    book.apply(snapshot(after))
    changes = book.changes()
    for price, side, old, new in changes:
        assert held.get((side, price), 0) == old != new
    assert len({(side, price) for price, side, _, _ in changes}) == len(changes)
    follower.apply(level_sets([(side, price, new) for price, side, _, new in changes]))
    assert depth(follower) == depth(book)
