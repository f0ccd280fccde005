"""Small logs for the research bench."""

from datetime import date
from functools import lru_cache

import numpy as np

from dreammaker.domain.schema import EVENT_DTYPE, Flag, Kind
from dreammaker.domain.source import SourceProfile
from dreammaker.simulation import SimulatedMarket
from dreammaker.simulation.config import SimulationConfig
from dreammaker.store.eventlog import EventLog
from tests.kernels.feature_streams import INSTRUMENT, SOURCES, random_market

SECOND = 1_000_000_000
DAY = date(2023, 11, 14)


@lru_cache
def random_log(kind: str = "orders", count: int = 20_000, seed: int = 8, *, odd: bool = False,
               day_shift: int = 0) -> EventLog:
    events = random_market(kind, count, seed, odd=odd)
    for name in ("exch_ns", "local_ns"):
        events[name] += day_shift * 86_400 * SECOND
    day = date.fromordinal(DAY.toordinal() + day_shift)
    return EventLog.of(events, INSTRUMENT, SOURCES[kind], day=day)


@lru_cache
def simulated_log(count: int = 30_000, seed: int = 1) -> EventLog:
    """The first records of a day of the generated market: ten levels, auction, prints."""
    market = SimulatedMarket(SimulationConfig(), INSTRUMENT, date(2026, 3, 2), seed)
    parts = [market.next_events(4096).copy()]
    while sum(map(len, parts)) < count:
        parts.append(market.next_events(4096).copy())
    return EventLog.of(np.concatenate(parts)[:count], INSTRUMENT, market.source,
                       day=date(2026, 3, 2))


def quote_log(mids_half_ticks: list[int], step_s: float = 1.0,
              start_s: int = 1_700_000_000) -> EventLog:
    """A quote one or two ticks wide every step, its mid in half ticks; local time 1 ms later."""
    events = np.zeros(2 * len(mids_half_ticks), EVENT_DTYPE)
    mids = np.repeat(mids_half_ticks, 2)
    side = np.tile([1, -1], len(mids_half_ticks))
    events["exch_ns"] = start_s * SECOND + np.repeat(
        np.round(np.arange(len(mids_half_ticks)) * step_s * SECOND).astype(np.int64), 2)
    events["local_ns"] = events["exch_ns"] + 1_000_000
    events["kind"], events["side"], events["qty_lots"] = Kind.QUOTE, side, -1
    bid = (mids - 1) // 2
    events["price_ticks"] = np.where(side > 0, bid, mids - bid)
    events["flags"] = np.where(side < 0, Flag.LAST, 0)
    return EventLog.of(events, INSTRUMENT, SourceProfile("quotes", 0, has_aggressor=False))
