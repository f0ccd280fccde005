"""Hand-sized days and scripted models for backtests whose results are worked out on paper."""

from collections.abc import Sequence
from datetime import date

import numpy as np

from dreammaker.assembly.config import SystemConfig, parse_config
from dreammaker.domain.instrument import Instrument
from dreammaker.domain.schema import EVENT_DTYPE, Flag, Kind, Phase
from dreammaker.domain.source import SourceProfile
from dreammaker.engine.decisions import Ballot, Prediction, Proposal, Vote
from dreammaker.store.eventlog import EventLog

SECOND = 1_000_000_000
# 2026-03-02 12:00:00 UTC, 09:00 in Sao Paulo.
START = 1_772_452_800 * SECOND
FIVE_LEVELS = SourceProfile("hand", 5, has_aggressor=True)
INSTRUMENT = Instrument("HAND", 5.0, 1_000_000, fee_micros_per_lot=256_100)


class Says:
    """A predictor that always says the same."""

    name = "says"

    def predict(self, market: object) -> Prediction:
        return Prediction(1.0, 1.0)


class Script:
    """A policy that holds given sides from given seconds on."""

    def __init__(self, steps: Sequence[tuple[float, int]], start: int = START) -> None:
        self.steps, self.start = steps, start

    def propose(self, prediction: Prediction, position_lots: int, now_ns: int) -> Proposal:
        side = [want for at, want in self.steps if now_ns >= self.start + at * SECOND][-1:]
        return Proposal(side[0] if side else 0, 1.0, 1.0)


class Yes:
    """A voter that is for everything."""

    name = "yes"

    def vote(self, proposal: Proposal, market: object) -> Vote:
        return Vote(Ballot.FOR)


def config(**sections: dict[str, object]) -> SystemConfig:
    """Latency 40 ms each way; limits out of the way."""
    values: dict[str, dict[str, object]] = {
        "run": {"mode": "replay"},
        "risk": {"max_position_lots": 100, "max_order_lots": 100, "max_daily_loss": 100_000,
                 "stale_data_ms": 60_000, "entry_start_minutes_after_open": 0.0},
        "exchange": {"profile": "ideal", "entry_latency_ms": 40.0, "response_latency_ms": 40.0,
                     "queue_model": "risk_averse"},
        "backtest": {"equity_seconds": 1.0},
    }
    for name, keys in sections.items():
        values.setdefault(name, {}).update(keys)
    return parse_config(values, "test")


class Day:
    """A day put together record by record; local time is exchange time.

    Levels are set as (price, lots); every call is one packet.
    """

    def __init__(self, start: int = START) -> None:
        self.start = start
        self.rows: list[tuple[int, ...]] = []
        self.shown: dict[int, dict[int, int]] = {1: {}, -1: {}}
        self._add(0.0, Kind.SESSION, 0, 0, -1, int(Phase.CONTINUOUS), last=True)

    def book(self, at: float, bids: Sequence[tuple[int, int]],
             asks: Sequence[tuple[int, int]]) -> "Day":
        """The whole book from here on."""
        changes = []
        for side, levels in ((1, dict(bids)), (-1, dict(asks))):
            old = self.shown[side]
            changes += [(side, price, 0) for price in old if price not in levels]
            changes += [(side, price, qty) for price, qty in levels.items()
                        if old.get(price) != qty]
            self.shown[side] = levels
        for index, (side, price, qty) in enumerate(changes):
            self._add(at, Kind.LEVEL_SET, side, price, qty, last=index == len(changes) - 1)
        return self

    def trade(self, at: float, side: int, price: int, qty: int) -> "Day":
        """A print; ``side`` is the aggressor's."""
        self._add(at, Kind.TRADE, side, price, qty, last=True)
        return self

    def ticks(self, first: float, last: float) -> "Day":
        """Packets that change nothing, one a second, so that decisions are made."""
        for at in np.arange(first, last, 1.0).tolist():
            price = max(self.shown[1]) - 4
            self._add(at, Kind.LEVEL_SET, 1, price, 1 + int(at) % 2, last=True)
            self.shown[1][price] = 1 + int(at) % 2
        return self

    def log(self, day: date = date(2026, 3, 2)) -> EventLog:
        """The day as a log."""
        events = np.zeros(len(self.rows), EVENT_DTYPE)
        order = sorted(range(len(self.rows)), key=lambda index: self.rows[index][0])
        names = ("local_ns", "kind", "side", "price_ticks", "qty_lots", "aux", "flags")
        for place, name in enumerate(names):
            events[name] = [self.rows[index][place] for index in order]
        events["exch_ns"], events["mono_ns"] = events["local_ns"], -1
        events["seq"] = np.arange(len(events))
        return EventLog.of(events, INSTRUMENT, FIVE_LEVELS, day=day)

    def _add(self, at: float, kind: Kind, side: int, price: int, qty: int, aux: int = 0, *,
             last: bool) -> None:
        self.rows.append((self.start + round(at * SECOND), int(kind), side, price, qty, aux,
                          int(Flag.LAST) if last else 0))


def taking_day(start: int = START) -> Day:
    """The book moves up a tick while a buy travels, and is two ticks wide at the sale.

    A decision at 10 s buys: sent at mid 26000.5, arrives at 10.04 s, when the book stands one tick
    higher. A decision at 20 s sells into 26010/26012.
    """
    day = Day(start).book(0.5, [(26_000, 9)], [(26_001, 9)]).ticks(1.0, 10.5)
    day.book(10.02, [(26_001, 9)], [(26_002, 9)])
    day.book(15.0, [(26_010, 9)], [(26_012, 9)]).ticks(16.0, 26.0)
    return day
