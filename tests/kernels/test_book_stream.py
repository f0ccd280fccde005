"""The kernel and its naive twin on random streams: equal after every single record."""

import numpy as np
import pytest

from dreammaker._ext.book_kernel import BookKernel
from tests.kernels.book_streams import random_stream
from tests.kernels.naive_book import NaiveBook

CHUNK = 20_000


def assert_equal_at_every_record(events):
    kernel, twin = BookKernel(), NaiveBook()
    out = np.zeros((4, CHUNK, 2, 10), np.int32)
    for start in range(0, len(events), CHUNK):
        part = events[start:start + CHUNK]
        size = len(part)
        assert kernel.frames(part, out[0], out[1], every_record=True) == size
        assert twin.frames(part, out[2], out[3], every_record=True) == size
        same = (out[:2, :size] == out[2:, :size]).all(axis=(0, 2, 3))
        assert same.all(), f"record {start + int(np.argmin(same))} parts kernel and twin"
        assert kernel.is_sound()
        for side in (1, -1):
            assert kernel.levels(side) == twin.levels(side)
        assert kernel.changes() == twin.changes()
        assert kernel.best() == twin.best()
        assert kernel.order_count == twin.order_count
        assert {number: kernel.order(number) for number in twin.orders} == twin.orders
        assert kernel.counters == twin.counters
    return kernel


@pytest.mark.parametrize(("seed", "snapshot_gap"), [(1, 600), (2, 50_000)])
def test_random_stream_then_equal_at_every_record(seed, snapshot_gap):
    kernel = assert_equal_at_every_record(
        random_stream(100_000, seed, snapshot_gap=snapshot_gap))
    assert all(kernel.counters.values()), "the stream must hold every oddity"


@pytest.mark.slow
def test_random_stream_of_a_million_records_then_equal_at_every_record():
    assert_equal_at_every_record(random_stream(1_000_000, 3, snapshot_gap=5_000))


def test_stream_generator_varies_with_its_seed():
    assert not (random_stream(1_000, 1) == random_stream(1_000, 2)).all()
    assert (random_stream(1_000, 1) == random_stream(1_000, 1)).all()


def test_every_record_alone_equals_one_call():
    events = random_stream(5_000, 5)
    whole, single = BookKernel(), BookKernel()
    expected = np.zeros((2, len(events), 2, 10), np.int32)
    whole.frames(events, *expected, every_record=True)
    for i in range(len(events)):
        single.apply(events[i:i + 1])
        ticks, lots = single.frame()
        assert (ticks == expected[0, i]).all()
        assert (lots == expected[1, i]).all()
