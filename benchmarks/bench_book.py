"""Order book: nanoseconds an event for apply + best prices, beside a plain C floor.

Run ``python benchmarks/bench_book.py [--events N] [--runs R]``. Both write the best bid and ask
(ticks and lots) after every record and the arrays are asserted equal before anything is timed.
Beside it: the kernel without a look at the book, and with ten levels a side written after every
record. The floor covers the stream's whole price range with one dense array a side.
"""

import argparse
import ctypes
import os
from pathlib import Path

import numpy as np
from _bench import ROOT, c_floor, conditions, goal_line, pointer, print_table, timed_together

from dreammaker._ext.book_kernel import BookKernel
from dreammaker.domain.schema import EVENT_DTYPE, Flag, Kind

GOAL = 1.6


def random_walk_levels(count: int, seed: int = 1) -> np.ndarray:
    """A level-set stream as a liquid future sends it.

    The best prices follow a lazy random walk of one-tick steps, one step in 25 events on average.
    A step deletes the level that was traded through and sets the new best on the other side; all
    other records set the quantity of a level, whose distance from the best is geometric (mean 3
    ticks, so nine in ten within the best ten), one in ten of them deleting it.
    """
    rng = np.random.default_rng(seed)
    events = np.zeros(count, EVENT_DTYPE)
    steps = rng.random(count) < 1 / 50
    direction = np.where(steps, rng.choice([1, -1], count), 0)
    bid = 26_000 + np.cumsum(direction)
    side = rng.choice(np.array([1, -1], np.int8), count)
    distance = rng.geometric(1 / 3.5, count) - 1
    price = np.where(side > 0, bid - distance, bid + 1 + distance)
    lots = rng.integers(1, 500, count)
    lots[(rng.random(count) < 0.1) & (distance > 0)] = 0
    # At a step: the side walked into loses its best level, the other one gains a better one.
    at = np.flatnonzero(steps[:-1])
    up = direction[at] > 0
    side[at] = np.where(up, -1, 1)
    price[at] = np.where(up, bid[at], bid[at] + 1)
    lots[at] = 0
    after = at + 1
    side[after] = np.where(up, 1, -1)
    price[after] = np.where(up, bid[at], bid[at] + 1)
    lots[after] = rng.integers(1, 500, len(after))
    events["kind"], events["side"], events["price_ticks"] = Kind.LEVEL_SET, side, price
    events["qty_lots"], events["flags"] = lots, Flag.LAST
    events["seq"] = np.arange(count)
    return events


def level_sets_of(events: np.ndarray) -> np.ndarray:
    """The level changes of any stream, as LEVEL_SET records."""
    book = BookKernel()
    rows = []
    for i in range(len(events)):
        book.apply(events[i:i + 1])
        rows.extend(book.changes())
    changes = np.zeros(len(rows), EVENT_DTYPE)
    table = np.array(rows, np.int32)
    changes["kind"], changes["flags"] = Kind.LEVEL_SET, Flag.LAST
    changes["price_ticks"], changes["side"] = table[:, 0], table[:, 1]
    changes["qty_lots"] = table[:, 3]
    return changes


def compare(name: str, events: np.ndarray, floor, runs: int) -> tuple[list[object], float]:
    """One row of the table and the ratio to the floor."""
    count = len(events)
    ours = np.zeros((2, count, 2, 1), np.int32)
    theirs = np.zeros((2, count, 2, 1), np.int32)
    low, high = int(events["price_ticks"].min()) - 1, int(events["price_ticks"].max()) + 1

    def kernel():
        BookKernel().frames(events, ours[0], ours[1], every_record=True)

    def plain():
        assert floor(pointer(events), count, low, high, pointer(theirs[0]),
                     pointer(theirs[1])) == 0

    def alone():
        BookKernel().apply(events)

    deep = np.zeros((2, count, 2, 10), np.int32)

    def ten_levels():
        BookKernel().frames(events, deep[0], deep[1], every_record=True)

    kernel()
    plain()
    assert np.array_equal(ours, theirs), f"{name}: kernel and floor disagree"
    kernel_time, floor_time, alone_time, deep_time = (
        timing.median / count * 1e9
        for timing in timed_together([kernel, plain, alone, ten_levels], runs=runs))
    assert np.array_equal(deep[..., :1], ours), f"{name}: ten levels and the best disagree"
    ratio = kernel_time / floor_time
    return [name, f"{count:,}", kernel_time, floor_time, f"{ratio:.2f}x", alone_time,
            deep_time], ratio


def market_log() -> np.ndarray | None:
    """The GOOG sample's events, None where the data is absent."""
    folder = Path(os.environ.get("DREAMMAKER_TEST_DATA", ROOT.parent / "shared" / "data"))
    path = folder / "LOBSTER_SampleFile_GOOG_2012-06-21_10.zip"
    if not path.is_file():
        return None
    from dreammaker.data import read_lobster

    return read_lobster(path).events


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--runs", type=int, default=9)
    options = parser.parse_args()
    print(conditions())
    header = ["stream", "records", "apply+best ns", "C floor ns", "ratio", "apply ns",
              "apply+ten levels ns"]
    with c_floor("floor_book.c") as library:
        floor = library.floor_book
        floor.argtypes = [ctypes.c_void_p, ctypes.c_int64, ctypes.c_int32, ctypes.c_int32,
                          ctypes.c_void_p, ctypes.c_void_p]
        row, ratio = compare("random walk, level sets", random_walk_levels(options.events), floor,
                             options.runs)
        rows = [row]
        events = market_log()
        if events is not None:
            rows.append(compare("GOOG, its level changes", level_sets_of(events), floor,
                                options.runs)[0])
    print_table("Order book, one core, medians", header, rows)
    goal_line("apply + best prices against the C floor", ratio, GOAL)


if __name__ == "__main__":
    main()
