"""Short sessions for tests: a simulated market that trades within minutes, and small logs."""

from pathlib import Path
from typing import Any

import numpy as np

from dreammaker.assembly.config import SystemConfig, parse_config
from dreammaker.assembly.session import Session
from dreammaker.assembly.sources import SessionSource, open_source
from dreammaker.domain.instrument import Instrument
from dreammaker.domain.schema import EVENT_DTYPE, EventArray, Flag, Kind, Phase
from dreammaker.domain.source import SourceProfile

START_NS = 1_772_456_400_000_000_000


def short_config(minutes: float = 5.0, *, seed: int = 1, batch_events: int = 4096,
                 **sections: dict[str, Any]) -> SystemConfig:
    """A simulated session that opens and closes positions within minutes."""
    values: dict[str, dict[str, Any]] = {
        "run": {"seed": seed},
        "data": {"batch_events": batch_events},
        "simulation": {"session_minutes": minutes},
        "model": {"entry_threshold": 1.0, "exit_threshold": 0.4, "min_hold_s": 2.0,
                  "decision_interval_s": 0.5},
        "risk": {"entry_start_minutes_after_open": 0.2,
                 "entry_stop_minutes_before_close": 1.0,
                 "flatten_minutes_before_close": 0.5,
                 "deadline_minutes_before_close": 0.25},
    }
    for name, keys in sections.items():
        values.setdefault(name, {}).update(keys)
    return parse_config(values, "test")


def run_folder(folder: Path, config: SystemConfig) -> Session:
    """Run a configured session into a new folder."""
    folder.mkdir(parents=True)
    session = Session(config, open_source(config), folder)
    session.run()
    return session


class ArrayFeed:
    """Records in memory as a feed."""

    def __init__(self, events: EventArray, instrument: Instrument, source: SourceProfile) -> None:
        self.events, self.instrument, self.source = events, instrument, source
        self.position = 0

    @property
    def total_events(self) -> int:
        return len(self.events)

    def read(self, max_events: int) -> EventArray:
        part = self.events[self.position:self.position + max_events]
        self.position += len(part)
        return part


def array_session(events: EventArray, source: SourceProfile, config: SystemConfig,
                  folder: Path | None = None) -> Session:
    """A session over records in memory."""
    feed = ArrayFeed(events, Instrument.win(), source)
    return Session(config, SessionSource(feed, None, None, {"kind": "array", "day": "2026-03-02"},
                                         keep_events=True), folder)


QUOTES = SourceProfile("quotes", 0, has_aggressor=True)
ORDERS = SourceProfile("orders", 10, has_aggressor=True, order_by_order=True)


def quotes_log(seed: int, packets: int = 4000) -> EventArray:
    """Quotes and trades on a grid of 1 ms, so that records and timers fall on one moment."""
    rng = np.random.default_rng(seed)
    rows = []
    now, bid, phase = START_NS, 26_000, Phase.CONTINUOUS
    rows.append((now, Kind.SESSION, 0, 0, -1, int(Phase.CONTINUOUS), Flag.LAST))
    for _ in range(packets):
        now += int(rng.integers(0, 30)) * 1_000_000
        bid += int(rng.integers(-1, 2))
        rows.append((now, Kind.QUOTE, 1, bid, -1, 0, 0))
        rows.append((now, Kind.QUOTE, -1, bid + 1, -1, 0, 0))
        if rng.random() < (0.001 if phase is Phase.CONTINUOUS else 0.05):
            phase = Phase.AUCTION if phase is Phase.CONTINUOUS else Phase.CONTINUOUS
            rows.append((now, Kind.SESSION, 0, 0, -1, int(phase), 0))
        side = 1 if rng.random() < 0.5 + 0.4 * np.sin(len(rows) / 400) else -1
        rows.append((now, Kind.TRADE, side, bid + (side > 0), int(rng.integers(1, 9)), 0,
                     Flag.LAST))
    return _records(rows)


def orders_log(seed: int, packets: int = 3000) -> EventArray:
    """Single orders that are added, executed and cancelled, on a grid of 1 ms."""
    rng = np.random.default_rng(seed)
    rows: list[tuple[int, ...]] = []
    now, number, mid = START_NS, 0, 26_000
    live: dict[int, tuple[int, int, int]] = {}
    for _ in range(packets):
        now += int(rng.integers(0, 30)) * 1_000_000
        draw = rng.random()
        best = {side: [n for n, o in live.items() if o[0] == side] for side in (1, -1)}
        if draw < 0.6 or min(len(best[1]), len(best[-1])) < 5:
            side = 1 if len(best[1]) <= len(best[-1]) else -1
            price = mid - side * int(rng.integers(1, 8)) + (side < 0)
            number += 1
            live[number] = (side, price, int(rng.integers(1, 20)))
            rows.append((now, Kind.ORDER_ADD, side, price, live[number][2], 0, Flag.LAST, number))
            continue
        # The better of a side's orders trades, any other one is cancelled.
        side = 1 if rng.random() < 0.5 + 0.3 * np.sin(now / 2e10) else -1
        chosen = (max(best[side], key=lambda n: side * live[n][1]) if draw < 0.85 else
                  int(rng.choice(best[side])))
        _, price, qty = live.pop(chosen)
        kind = Kind.ORDER_EXECUTE if draw < 0.85 else Kind.ORDER_CANCEL
        rows.append((now, kind, side, price, qty, 0, Flag.LAST, chosen))
    return _records(rows)


def _records(rows: list[tuple[int, ...]]) -> EventArray:
    events = np.zeros(len(rows), EVENT_DTYPE)
    for name, column in zip(("local_ns", "kind", "side", "price_ticks", "qty_lots", "aux", "flags"),
                            range(7), strict=True):
        events[name] = [row[column] for row in rows]
    events["order_id"] = [row[7] if len(row) > 7 else 0 for row in rows]
    # A venue that is 1 ms away.
    events["exch_ns"] = events["local_ns"] - 1_000_000
    events["mono_ns"] = -1
    events["seq"] = np.arange(len(rows))
    return events
