"""The venue's matching kernel: nanoseconds a record of recorded flow, beside the book alone.

Run ``python benchmarks/bench_matching.py [--runs R]`` with the real data beside the checkout (or in
DREAMMAKER_TEST_DATA). Processor time is counted. The GOOG day is applied without orders of ours and
with two that rest far from the touch, for three queue models; the best prices at the end are
asserted to be the book's.
"""

import argparse
import os
import time
from pathlib import Path

import numpy as np
from _bench import ROOT

from dreammaker._ext.book_kernel import BookKernel
from dreammaker._ext.matching_kernel import Matcher
from dreammaker.data import read_lobster

SAMPLE = "LOBSTER_SampleFile_GOOG_2012-06-21_10.zip"
MODELS = {"risk_averse": 0, "power": 1, "fifo": 6}
WARM = 5_000


def advance_ns(events: np.ndarray, times: np.ndarray, kind: int, *, orders: bool) -> float:
    """Nanoseconds a record of one run over the day."""
    matcher = Matcher(view_levels=50, assumed_touch_lots=1, queue_kind=kind)
    done = matcher.advance(events, times, 0, int(times[WARM]))
    if orders:
        bid, ask = matcher.best()
        for number, side, price in ((1, 1, bid - 3_000), (2, -1, ask + 3_000)):
            matcher.arrive(number, side, 2, price, 5, 1, 0)
            assert len(matcher.take_outcomes()) == 1
    start = time.process_time()
    matcher.advance(events, times, done, int(times[-1]))
    spent = time.process_time() - start
    assert len(matcher.resting_orders) == 2 * orders, "the orders must not have been reached"
    book = BookKernel()
    book.apply(events)
    assert matcher.best() == tuple(level[0] for level in book.best() if level)
    return float(spent / (len(events) - done) * 1e9)


def book_ns(events: np.ndarray) -> float:
    """The book alone."""
    book = BookKernel()
    start = time.process_time()
    book.apply(events)
    return (time.process_time() - start) / len(events) * 1e9


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=9)
    runs = parser.parse_args().runs
    folder = Path(os.environ.get("DREAMMAKER_TEST_DATA", ROOT.parent / "shared" / "data"))
    events = read_lobster(folder / SAMPLE).events
    times = np.maximum.accumulate(events["exch_ns"])
    print(f"{len(events):,} records of GOOG, best of {runs} runs, ns a record")
    print(f"{'book alone':24} {min(book_ns(events) for _ in range(runs)):6.1f}")
    for name, kind in MODELS.items():
        for orders in (False, True):
            best = min(advance_ns(events, times, kind, orders=orders) for _ in range(runs))
            print(f"{name + (', two orders' if orders else ', no order'):24} {best:6.1f}")


if __name__ == "__main__":
    main()
