"""The loop: message hop, tick to order, whole sessions, and the memory of 10 000 ticks.

Run ``python benchmarks/bench_loop.py [--minutes M]``. Goals are those of the design: a hop of at
most 0.5 us, tick to order p99 of at most 50 us (from the poll's return to the intent, before its
durable commit, which is shown apart), at most 5 MB above the idle process for 10 000 ticks.

What a poll brought besides the tick (reports, timers) is handled before it, and an order waits for
that as well: all orders together are the goal's figure. Beside them stand the orders whose poll
held nothing else, and all orders less the time in the durable record (SQLite), for a report is
booked before what follows it is looked at. Polls of 16 records are what comes in 0.14 s of this
market, some 13 packets; polls of 2 records come close to packet by packet.
"""

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from _bench import conditions, print_table, timed_together
from numpy.typing import NDArray

from dreammaker.adapters import LogFeed
from dreammaker.agents.base import Agent
from dreammaker.assembly.config import SystemConfig, parse_config
from dreammaker.assembly.session import Session
from dreammaker.assembly.sources import open_source
from dreammaker.domain.orders import OrderType, SubmitOrder, TimeInForce
from dreammaker.engine.clock import LoopClock
from dreammaker.engine.messages import Capability, Message, MessageType, Topic
from dreammaker.store.eventlog import EventLog
from dreammaker.store.orders_db import OrdersDb

HOPS = 20_000
HOP_GOAL_US = 0.5
ORDER_GOAL_US = 50.0
MEMORY_GOAL_MB = 5.0


def message_hop() -> list[list[object]]:
    """One message, built beforehand: into an inbox, and handled."""
    agent = Agent("receiver", LoopClock(), Capability.PREDICT)
    seen = []
    agent.on(Topic.DECISION_ROW, seen.append)
    agent.start()
    message = Message(MessageType.DATA, Topic.DECISION_ROW, "bench", Capability.PREDICT, None, 0)

    def one_by_one() -> int:
        seen.clear()
        deliver, step = agent.deliver, agent.step
        for _ in range(HOPS):
            deliver(message)
            step()
        return len(seen)

    def in_bulk() -> int:
        seen.clear()
        deliver, step = agent.deliver, agent.step
        for _ in range(HOPS // 100):
            for _ in range(100):
                deliver(message)
            step()
        return len(seen)

    def plain_deque() -> int:
        queue: deque[Message] = deque()
        handled = 0
        for _ in range(HOPS):
            queue.append(message)
            queue.popleft()
            handled += 1
        return handled

    def asyncio_queue() -> int:
        async def hops() -> int:
            queue: asyncio.Queue[Message] = asyncio.Queue()
            handled = 0
            for _ in range(HOPS):
                await queue.put(message)
                await queue.get()
                handled += 1
            return handled
        return asyncio.run(hops())

    works = [one_by_one, in_bulk, plain_deque, asyncio_queue]
    assert all(work() == HOPS for work in works)
    names = ["hop, delivered and stepped singly", "hop, a hundred a step",
             "  peer: deque append + popleft", "  peer: asyncio.Queue put + get"]
    rows = []
    for name, timing in zip(names, timed_together(works), strict=True):
        microseconds = timing.median / HOPS * 1e6
        goal = verdict(microseconds, HOP_GOAL_US) if "peer" not in name else ""
        rows.append([name, microseconds, "us", goal])
    return rows


def tick_to_order(minutes: float, runs: int) -> list[list[object]]:
    """From a poll's return to the intent: the same session several times over.

    The orders are the same in every run, so each one counts with the median of its runs: what the
    machine did beside us drops out, what this order had to wait for stays. The p99 of single runs
    is shown too.
    """
    rows: list[list[object]] = []
    for batch_events in (16, 2):
        config, log = lively_market(minutes, batch_events)
        made = [order_waits(config, log) for _ in range(runs)]
        assert len({journal for journal, _ in made}) == 1
        total, durable = (np.array([[getattr(wait, name) for wait in waits] for _, waits in made])
                          / 1e3 for name in ("total_ns", "durable_ns"))
        each = np.median(total, axis=0)
        rest = np.median(total - durable, axis=0)
        alone = np.array([wait.is_alone for wait in made[0][1]])
        single = float(np.median(np.percentile(total, 99, axis=1)))
        rows += [[f"tick to order, polls of {batch_events} records", "", "", ""],
                 *quantiles("  all", each, ORDER_GOAL_US),
                 ["    p99 of a single run", single, "us", ""],
                 *quantiles("  all, less the durable record", rest),
                 *quantiles("  nothing else in the poll", each[alone]),
                 *quantiles("  behind reports or orders", each[~alone])]
    return [*rows, ["durable commit of an intent, median", durable_commit_us(), "us", "apart"]]


def quantiles(name: str, microseconds: NDArray[np.float64], goal: float = np.nan
              ) -> list[list[object]]:
    """Median and p99 as two rows of the table."""
    p50, p99 = (float(np.percentile(microseconds, q)) for q in (50, 99))
    return [[f"{name}, median", p50, "us", f"{len(microseconds)} orders"],
            [f"{name}, p99", p99, "us", "" if np.isnan(goal) else verdict(p99, goal)]]


def lively_market(minutes: float, batch_events: int) -> tuple[SystemConfig, EventLog]:
    """A configuration that trades much, and its market, generated beforehand."""
    config = parse_config({
        "simulation": {"session_minutes": minutes}, "data": {"batch_events": batch_events},
        "model": {"entry_threshold": 0.2, "exit_threshold": 0.1, "min_hold_s": 0.0,
                  "decision_interval_s": 0.2},
        "risk": {"max_daily_loss": 1e9, "max_drawdown": 1e9, "max_consecutive_losses": 1_000_000,
                 "max_orders_per_minute": 100_000, "max_orders_per_second": 1000,
                 "entry_start_minutes_after_open": 0.0,
                 "entry_stop_minutes_before_close": 0.1, "flatten_minutes_before_close": 0.1,
                 "deadline_minutes_before_close": 0.05}})
    source = open_source(config)
    parts = []
    while len(part := source.feed.read(65_536)):
        parts.append(part)
    return config, EventLog.of(np.concatenate(parts), source.feed.instrument, source.feed.source)


class OrderWait(NamedTuple):
    """One order: what passed from its poll's return to its intent.

    Parameters
    ----------
    total_ns : int
    durable_ns : int
        Of it, in the durable record: reports booked, earlier intents of the same poll.
    is_alone : bool
        No report, timer, order or further decision was handled in between: the tick alone.
    """

    total_ns: int
    durable_ns: int
    is_alone: bool


class OrderWatch:
    """Listens at the tape, the durable record and the coordinator of a session."""

    def __init__(self, session: Session) -> None:
        self.waits: list[OrderWait] = []
        self._polled_ns = self._durable_ns = self._items = 0
        tape, director = session.tape, session.coordinator
        tape.next_batch = self._poll(tape.next_batch)
        for name in ("on_report", "on_timer", "on_decision"):
            setattr(director, name, self._item(getattr(director, name)))
        orders_db = session.context.orders_db
        for name in ("intent", "exit_intent", "cancel_intent", "report"):
            setattr(orders_db, name, self._durable(getattr(orders_db, name), "cancel" not in name
                                                   and name.endswith("intent")))

    def _poll(self, next_batch: Callable[[], Any]) -> Callable[[], Any]:
        def polled() -> Any:
            batch = next_batch()
            self._durable_ns = self._items = 0
            self._polled_ns = time.perf_counter_ns()
            return batch
        return polled

    def _item(self, handle: Callable[..., None]) -> Callable[..., None]:
        def handled(*item: object) -> None:
            self._items += 1
            handle(*item)
        return handled

    def _durable(self, record: Callable[[Any], Any], is_order: bool) -> Callable[[Any], Any]:
        def recorded(what: Any) -> Any:
            start = time.perf_counter_ns()
            if is_order:
                self.waits.append(OrderWait(start - self._polled_ns, self._durable_ns,
                                            self._items == 1 and self._durable_ns == 0))
            outcome = record(what)
            self._durable_ns += time.perf_counter_ns() - start
            return outcome
        return recorded


def order_waits(config: SystemConfig, log: EventLog) -> tuple[str, list[OrderWait]]:
    """Run the session; its journal hash and its orders."""
    source = replace(open_source(config), feed=LogFeed(log))
    session = Session(config, source)
    watch = OrderWatch(session)
    result = session.run()
    assert result.summary["orders"] == len(watch.waits) > 100
    return result.digests["journal"], watch.waits


def durable_commit_us() -> float:
    """An intent with synchronous=FULL on this machine's disk."""
    order = SubmitOrder(1, 1, OrderType.MARKET, TimeInForce.DAY, 1, 26_000, 0)
    times = []
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:
        store = OrdersDb(Path(folder) / "orders.sqlite", durable=True)
        for number in range(1, 201):
            one = SubmitOrder(number, order.side, order.order_type, order.tif, order.qty_lots,
                              order.price_ticks, 0)
            start = time.perf_counter_ns()
            store.intent(one)
            times.append(time.perf_counter_ns() - start)
        store.close()
    return float(np.median(times)) / 1e3


def session_speed(minutes: float) -> list[list[object]]:
    """Whole sessions in memory: generator, features, agents, venue, journal."""
    rows: list[list[object]] = []
    for batch in (64, 4096):
        config = parse_config({"simulation": {"session_minutes": minutes},
                               "data": {"batch_events": batch}})
        session = Session(config, open_source(config))
        start = time.perf_counter()
        result = session.run()
        seconds = time.perf_counter() - start
        counts = result.summary["counts"]
        rows.append([f"simulated session, batches of {batch}",
                     seconds / counts["events"] * 1e9, "ns a record",
                     f"{counts['events']:,} records, {counts['decisions']:,} decisions"])
    return rows


_MEMORY = """
import json
from datetime import date
from pathlib import Path
import numpy as np
from dreammaker.domain.instrument import Instrument
from dreammaker.features.config import FeatureConfig
from dreammaker.features.pipeline import FeaturePipeline, FeatureRows
from dreammaker.simulation import SimulatedMarket, SimulationConfig

def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096

market = SimulatedMarket(SimulationConfig(), Instrument.win(), date(2026, 3, 2), 1)
events = market.next_events(10_000)
del events
idle = resident()
buffer = market.next_events(10_000).copy()
rows = FeatureRows(10_000)
pipeline = FeaturePipeline(FeatureConfig(), market.instrument, market.source)
pipeline.process(buffer, rows)
print(json.dumps({"rows": rows.count, "bytes": resident() - idle}))
"""


def buffer_memory() -> list[list[object]]:
    """10 000 records, their rows and the pipeline's state, above the idle process."""
    if not Path("/proc/self/statm").exists():
        return [["memory of 10 000 ticks", "-", "MB", "needs /proc"]]
    done = subprocess.run([sys.executable, "-c", _MEMORY], capture_output=True, text=True,
                          check=True)
    megabytes = json.loads(done.stdout)["bytes"] / 1e6
    return [["memory of 10 000 ticks", megabytes, "MB", verdict(megabytes, MEMORY_GOAL_MB)]]


def verdict(value: float, goal: float) -> str:
    """Whether a figure stays within its goal."""
    return f"goal {goal:g}: {'reached' if value <= goal else f'missed by {value / goal - 1:.0%}'}"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=20.0)
    parser.add_argument("--runs", type=int, default=5, help="of each session with orders")
    options = parser.parse_args()
    print(conditions())
    print_table("The loop, one core", ["what", "value", "unit", "goal"],
                [*message_hop(), *tick_to_order(options.minutes, options.runs), *buffer_memory(),
                 *session_speed(options.minutes)])


if __name__ == "__main__":
    main()
