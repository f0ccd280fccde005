"""Backtests beside hftbacktest: no strategy, and a market maker that looks every 100 and 10 ms.

Run ``python benchmarks/bench_backtest.py [--runs R] [--scale MILLIONS ...]``;
``benchmarks/peers.py hftbacktest`` builds the peer's environment. Both read the same generated day
(level sets and prints), with the same two constant latencies, the risk-averse queue rule, one lot a
quote and at most ten lots held. hftbacktest looks at every interval, DreamMaker on the first packet
at or after each boundary of it, so that fills agree in number but not one by one; the run stops if
they differ by more than a tenth. Ratios are of seconds for the same records.

With ``--scale`` the day is repeated, day after day, up to so many million records, each size in a
process of its own: seconds a record and the largest memory.
"""

import argparse
import datetime
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from _bench import conditions, print_table, write
from peers import interpreter

from dreammaker._ext.batch import running_times
from dreammaker._ext.latency import Latency
from dreammaker._ext.matching_kernel import Matcher
from dreammaker._ext.policy import NoQuotes, TouchMaker
from dreammaker._ext.quoting import QuoteLoop
from dreammaker.adapters import SimulatedFeed
from dreammaker.domain.instrument import Instrument
from dreammaker.simulation import SimulatedMarket
from dreammaker.simulation.config import SimulationConfig

LATENCY_NS = 1_000_000
WORKS = {"no-op": (NoQuotes, 100.0), "maker-100": (TouchMaker, 100.0),
         "maker-10": (TouchMaker, 10.0)}
GOALS = {"no-op": 2.0, "maker-100": 1.5, "maker-10": 1.0}
CHUNK = 65_536
DAY_NS = 86_400 * 10**9
NO_LIMITS = {
    "capital": 1e15, "duplicate_ns": 0, "entry_delay_ns": 0, "entry_start_ns": 0,
    "entry_stop_ns": 2**62, "margin_per_lot": 0.0, "max_drawdown_micros": 2**60,
    "max_loss_micros": 2**60, "max_messages_per_fill": 1e12, "max_notional": 1e15,
    "max_order_lots": 10, "max_orders_per_minute": 10**7, "max_orders_per_second": 10**6,
    "max_position_lots": 10, "max_spread_ticks": 10**6, "max_working_orders": 8,
    "message_allowance": 2**60, "price_collar_ticks": 10**6}


def generated_day() -> np.ndarray:
    """A whole day of the simulated market."""
    feed = SimulatedFeed(SimulatedMarket(SimulationConfig(), Instrument.win("WINZ26"),
                                         datetime.date(2026, 11, 19), 7))
    parts = []
    while len(part := feed.read(CHUNK)):
        parts.append(part.copy())
    return np.concatenate(parts)


def run(work: str, chunks) -> tuple[float, QuoteLoop]:
    """Seconds and the finished run over (records, venue times)."""
    policy, interval_ms = WORKS[work]
    # The generated market shows more prices than a frame holds: everything is in view.
    loop = QuoteLoop(policy(), Matcher(view_levels=64, assumed_touch_lots=1), depth_levels=64,
                     interval_ns=round(interval_ms * 1e6),
                     entry=Latency.constant(LATENCY_NS), response=Latency.constant(LATENCY_NS),
                     limits=NO_LIMITS, tick_value_micros=1_000_000)
    start = time.perf_counter()
    for events, times in chunks:
        loop.take(events, times)
    loop.finish()
    return time.perf_counter() - start, loop


def cut(events: np.ndarray, times: np.ndarray):
    return [(events[i:i + CHUNK], times[i:i + CHUNK]) for i in range(0, len(events), CHUNK)]


def peer(path: Path, runs: int) -> dict[str, dict[str, object]]:
    """What hftbacktest measured, empty where it is absent."""
    python = interpreter("hftbacktest")
    if not python.exists():
        write("hftbacktest: not installed, skipped (python benchmarks/peers.py hftbacktest)")
        return {}
    done = subprocess.run(
        [str(python), str(Path(__file__).with_name("peer_backtest.py")), str(path), "5",
         str(LATENCY_NS), str(LATENCY_NS), str(runs), *WORKS],
        capture_output=True, text=True, check=False)
    if done.returncode:
        write(f"hftbacktest: failed, skipped: {done.stderr.strip().splitlines()[-1]}")
        return {}
    return json.loads(done.stdout.strip().splitlines()[-1])


def beside_peer(path: Path, runs: int) -> None:
    events = np.load(path)
    chunks = cut(events, running_times(events, True, -(2**62)))
    # The peer before and after us, so that both meet the same machine.
    measured = peer(path, max(2, runs // 2))
    ours = {work: [run(work, chunks) for _ in range(runs)] for work in WORKS}
    again = peer(path, max(2, runs // 2)) if measured else {}
    rows = []
    for work, done in ours.items():
        seconds = float(np.median([s for s, _ in done]))
        counts = done[-1][1].counts
        row = [work, 1e9 * seconds / len(events), counts["decisions"], counts["fills"]]
        if measured:
            theirs = float(np.median([*measured[work]["seconds"], *again[work]["seconds"]]))
            trades = measured[work]["trades"]
            if abs(trades - counts["fills"]) > 0.1 * max(trades, 1):
                raise SystemExit(f"{work}: {counts['fills']} fills, hftbacktest {trades}")
            ratio = theirs / seconds
            row += [1e9 * theirs / len(events), measured[work]["steps"], trades,
                    f"{ratio:.2f}x", f"{GOALS[work]:g}x",
                    "reached" if ratio >= GOALS[work] else "missed"]
        rows.append(row)
    header = ["work", "ns a row", "decisions", "fills"]
    if measured:
        header += ["hftbacktest ns a row", "steps", "trades", "ours faster by", "goal", ""]
    print_table(f"Backtest of one generated day, {len(events):,} records, medians", header, rows)


def peak_mb() -> float:
    """Largest memory of this process; NaN where the system does not tell."""
    status = Path("/proc/self/status")
    if not status.exists():
        return float("nan")
    line = next(x for x in status.read_text().splitlines() if x.startswith("VmHWM"))
    return int(line.split()[1]) / 1024


def scaled(path: Path, work: str, count: int) -> None:
    """One size of the scaling study, in this process: prints a line of JSON."""
    day = np.load(path, mmap_mode="r")

    def chunks():
        left, shift, floor_ns = count, 0, -(2**62)
        while left > 0:
            for i in range(0, min(len(day), left), CHUNK):
                part = np.array(day[i:min(i + CHUNK, left)])
                for name in ("exch_ns", "local_ns"):
                    part[name] += shift
                times = running_times(part, True, floor_ns)
                floor_ns = int(times[-1])
                yield part, times
            left -= len(day)
            shift += DAY_NS

    seconds, loop = run(work, chunks())
    peak = peak_mb()
    print(json.dumps({"seconds": seconds, "events": loop.counts["events"],
                      "fills": loop.counts["fills"], "peak_mb": peak}))


def scaling(path: Path, millions: list[int]) -> None:
    rows = []
    for work in ("no-op", "maker-100"):
        for size in millions:
            done = subprocess.run(
                [sys.executable, __file__, "--one", str(path), work, str(size * 10**6)],
                capture_output=True, text=True, check=True)
            found = json.loads(done.stdout.strip().splitlines()[-1])
            rows.append([work, f"{found['events']:,}", found["seconds"],
                         1e9 * found["seconds"] / found["events"], found["fills"],
                         found["peak_mb"]])
    print_table("Growth: copying the records out of the file included",
                ["work", "records", "s", "ns a record", "fills", "peak MB"], rows)


def main() -> None:
    if sys.argv[1:2] == ["--one"]:
        scaled(Path(sys.argv[2]), sys.argv[3], int(sys.argv[4]))
        return
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--scale", type=int, nargs="*", default=[1, 5], metavar="MILLIONS")
    options = parser.parse_args()
    write(conditions())
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "day.npy"
        np.save(path, generated_day())
        beside_peer(path, options.runs)
        scaling(path, options.scale)


if __name__ == "__main__":
    main()
