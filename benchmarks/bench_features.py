"""The 27 features: nanoseconds a packet in batches and a call, beside a plain C floor.

Run ``python benchmarks/bench_features.py [--events N] [--runs R]``. Both take the same records
(book, ten-level frame, order flow, 27 features, the row's whole numbers) and their rows are
asserted equal before anything is timed: whole numbers and order flow exactly, the rest to 1e-9.
The floor knows one continuous session and the default windows only; the pipeline also watches
resets, sources, gaps and faults. Rows go to buffers of 4 096, written again and again, in both.
"""

import argparse
import ctypes
import time
from datetime import date

import numpy as np
from _bench import c_floor, conditions, goal_line, pointer, print_table, timed_together

from dreammaker.domain.instrument import Instrument
from dreammaker.domain.schema import EVENT_DTYPE, Flag, Kind, Phase
from dreammaker.domain.source import SourceProfile
from dreammaker.features import FEATURE_NAMES, FeatureConfig, FeaturePipeline, FeatureRows
from dreammaker.simulation.config import SimulationConfig
from dreammaker.simulation.market import SimulatedMarket

FLOOR_GOAL, AIM_NS, CALL_GOAL_US = 1.6, 60.0, 2.0
BATCH = 4_096
WIN = Instrument.win()
CONFIG = FeatureConfig()
SOURCE = SourceProfile("benchmark", 10, has_aggressor=True)
WHOLE = ("exch_ns", "local_ns", "event_index", "trade_flow_10s", "session_volume", "bid_ticks",
         "ask_ticks", "bid_qty", "ask_qty", "last_trade_ticks", "book_ok")


def simulated(count: int) -> np.ndarray:
    """The continuous part of a generated WIN day: 1.2 records a packet, one in six a trade."""
    market = SimulatedMarket(SimulationConfig(), WIN, date(2026, 3, 2), seed=1)
    events = market.next_events(count + 200_000)
    opened = np.flatnonzero((events["kind"] == Kind.SESSION) & (events["aux"] == Phase.CONTINUOUS))
    start = int(opened[0])
    snapshot = events[:start][events["kind"][:start] == Kind.SNAPSHOT]
    first = np.flatnonzero(snapshot["flags"] & Flag.SNAP_BEGIN)[-1]
    book = snapshot[first:].copy()
    book["kind"], book["flags"] = Kind.LEVEL_SET, 0
    book["exch_ns"] = events["exch_ns"][start]
    book["flags"][-1] = Flag.LAST
    flow = events[start + 1:]
    flow = flow[(flow["kind"] == Kind.LEVEL_SET) | (flow["kind"] == Kind.TRADE)]
    return np.concatenate([book, flow])[:count]


def random_levels(count: int) -> np.ndarray:
    """Level sets around a fixed price, 1 ms apart, one record in ten a trade; each a packet.

    Bids stand at or below the price, asks above it; the distance is geometric (nine in ten within
    five ticks) and one record in ten deletes, so the best prices come and go.
    """
    rng = np.random.default_rng(2)
    events = np.zeros(count, EVENT_DTYPE)
    side = rng.choice(np.array([1, -1], np.int8), count)
    distance = rng.geometric(0.37, count) - 1
    events["price_ticks"] = np.where(side > 0, 26_000 - distance, 26_001 + distance)
    events["side"], events["flags"] = side, Flag.LAST
    events["qty_lots"] = np.where(rng.random(count) < 0.1, 0, rng.integers(1, 500, count))
    trade = (rng.random(count) < 0.1) & (events["qty_lots"] > 0)
    events["kind"] = np.where(trade, Kind.TRADE, Kind.LEVEL_SET)
    events["exch_ns"] = 1_700_000_000_000_000_000 + np.cumsum(rng.integers(0, 2_000_000, count))
    return events


def batches(events: np.ndarray) -> list[np.ndarray]:
    return [events[i:i + BATCH] for i in range(0, len(events), BATCH)]


def check_equal(library: ctypes.CDLL, events: np.ndarray) -> int:
    values, whole = np.empty((len(events), 27)), np.empty((len(events), 11), np.int64)
    count = library.floor_features(
        pointer(events), ctypes.c_int64(len(events)), ctypes.c_double(WIN.tick_size),
        ctypes.c_double(WIN.tick_value_micros / 1e6), pointer(values), pointer(whole),
        ctypes.c_int64(len(events)))
    rows = FeatureRows(len(events))
    pipeline = FeaturePipeline(CONFIG, WIN, SOURCE)
    assert pipeline.process(events, rows) == count and pipeline.fault is None
    # A broken book would be cheap: NaN is quickly written.
    assert rows.book_ok[:count].mean() > 0.99
    for i, name in enumerate(WHOLE):
        np.testing.assert_array_equal(getattr(rows, name)[:count], whole[:count, i], name)
    for i, name in enumerate(FEATURE_NAMES):
        exact = name.startswith(("ofi", "price_"))
        np.testing.assert_allclose(rows.values[:count, i], values[:count, i], err_msg=name,
                                   rtol=0 if exact else 1e-9, atol=0 if exact else 1e-9)
    return int(count)


def run_batches(parts: list[np.ndarray], rows: FeatureRows) -> None:
    pipeline = FeaturePipeline(CONFIG, WIN, SOURCE)
    for part in parts:
        pipeline.process(part, rows)


def nanoseconds_a_call(events: np.ndarray, runs: int) -> float:
    records, best = [events[i:i + 1] for i in range(min(len(events), 200_000))], []
    for _ in range(runs):
        pipeline, rows = FeaturePipeline(CONFIG, WIN, SOURCE), FeatureRows(1)
        process = pipeline.process
        start = time.perf_counter()
        for record in records:
            process(record, rows)
        best.append((time.perf_counter() - start) / len(records) * 1e9)
    return float(np.median(best))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args()
    print(conditions(), "\n")
    table, ratios = [], []
    with c_floor("floor_features.c") as library:
        library.floor_features.restype = ctypes.c_int64
        for name, make in (("simulated WIN day", simulated), ("random levels", random_levels)):
            events = np.ascontiguousarray(make(options.events), EVENT_DTYPE)
            packets = check_equal(library, events)
            parts, rows = batches(events), FeatureRows(BATCH)
            values, whole = np.empty((BATCH, 27)), np.empty((BATCH, 11), np.int64)
            ours, floor = timed_together([
                lambda parts=parts, rows=rows: run_batches(parts, rows),
                lambda events=events, values=values, whole=whole: library.floor_features(
                    pointer(events), ctypes.c_int64(len(events)), ctypes.c_double(WIN.tick_size),
                    ctypes.c_double(1.0), pointer(values), pointer(whole),
                    ctypes.c_int64(BATCH))], runs=options.runs)
            call = nanoseconds_a_call(events, options.runs)
            table.append((name, packets, 1e9 * ours.median / packets, 1e9 * floor.median / packets,
                          ours.median / floor.median, call / 1e3))
            ratios.append((name, ours.median / floor.median, 1e9 * ours.median / packets, call))
    print_table("Book + frame + order flow + 27 features, medians",
                ("stream", "packets", "ns a packet", "C floor", "ratio", "us a one-record call"),
                table)
    for name, ratio, packet_ns, call_ns in ratios:
        goal_line(f"{name}: batch over C floor", ratio, FLOOR_GOAL)
        goal_line(f"{name}: batch over {AIM_NS:g} ns", packet_ns / AIM_NS, 1.0)
        goal_line(f"{name}: one call over {CALL_GOAL_US:g} us", call_ns / 1e3 / CALL_GOAL_US, 1.0)


if __name__ == "__main__":
    main()
