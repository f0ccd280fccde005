"""Where a session's records come from: the simulated market, an imported day, a past session."""

import datetime
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from dreammaker.adapters import LogFeed, SimulatedFeed
from dreammaker.assembly.config import InstrumentConfig, SystemConfig
from dreammaker.domain.calendar import phases
from dreammaker.domain.errors import ConfigError, StoreError
from dreammaker.domain.instrument import Instrument
from dreammaker.domain.schema import Phase
from dreammaker.engine.clock import NS_PER_S
from dreammaker.engine.ports import Feed
from dreammaker.simulation import SimulatedMarket
from dreammaker.simulation.market import session_times_ns
from dreammaker.store.eventlog import EventLog, EventStore


@dataclass(slots=True)
class SessionSource:
    """A feed and what has to be known of it beforehand.

    Parameters
    ----------
    feed : Feed
    open_ns, close_ns : int or None
        Hours of continuous trading in UTC ns; None = not known.
    origin : dict
        What the records are, for the header (part of the session's identity).
    keep_events : bool
        Whether the session keeps a copy of the records.
    """

    feed: Feed
    open_ns: int | None
    close_ns: int | None
    origin: dict[str, Any]
    keep_events: bool


def open_source(config: SystemConfig) -> SessionSource:
    """The source that a configuration names.

    Raises
    ------
    ConfigError
        If the configuration names no day or an impossible one.
    StoreError
        If the day is not in the archive or is damaged.
    """
    if config.run.mode == "simulated":
        return simulated_source(config)
    return replay_source(config)


def simulated_source(config: SystemConfig) -> SessionSource:
    """The generated market of ``run.day`` and ``run.seed``."""
    instrument = config.instrument.override(Instrument.named(config.instrument.symbol))
    market = SimulatedMarket(config.simulation, instrument, config.run.day, config.run.seed)
    open_ns, close_ns = simulated_hours(config, config.run.day)
    return SessionSource(
        SimulatedFeed(market), open_ns, close_ns,
        {"kind": "simulated", "day": config.run.day.isoformat(), "seed": config.run.seed},
        keep_events=True)


def simulated_hours(config: SystemConfig, day: datetime.date) -> tuple[int, int]:
    """Open and closing call of a simulated session, UTC ns."""
    times = session_times_ns(config.simulation, day)
    return times[1], times[2]


def replay_source(config: SystemConfig) -> SessionSource:
    """An imported day."""
    symbol = config.backtest.symbol
    if not symbol:
        raise ConfigError('backtest.symbol must name an imported symbol when run.mode is "replay"')
    store = EventStore(Path(config.data.root))
    day = config.backtest.day
    if day is None:
        days = store.days(symbol)
        if len(days) != 1:
            raise ConfigError(
                f"backtest.day must be set: {config.data.root} holds {len(days)} days of {symbol}")
        day = days[0]
    log = store.open(symbol, day)
    log = replace(log, instrument=config.instrument.override(log.instrument))
    return log_source(log, config.instrument, day)


def log_source(log: EventLog, settings: InstrumentConfig, day: datetime.date) -> SessionSource:
    """An event log in memory or on disk as a source."""
    if not len(log.events):
        raise StoreError(f"{log.instrument.symbol} {day} holds no records")
    open_ns, close_ns = session_hours(log.instrument, settings, day)
    return SessionSource(
        LogFeed(log), open_ns, close_ns,
        {"kind": "archive", "symbol": log.instrument.symbol, "day": day.isoformat(),
         "content_hash": log.content_hash}, keep_events=False)


def session_hours(instrument: Instrument, settings: InstrumentConfig, day: datetime.date
                  ) -> tuple[int | None, int | None]:
    """Open and close of continuous trading in UTC ns, from the calendar or from the config."""
    if settings.close_time is not None:
        try:
            zone = ZoneInfo(settings.timezone)
        except (ZoneInfoNotFoundError, ValueError):
            raise ConfigError(
                f"instrument.timezone {settings.timezone!r} is not an IANA time zone") from None
        hour, minute = settings.close_time.split(":")
        close = datetime.datetime.combine(day, datetime.time(int(hour), int(minute)), zone)
        return None, int(close.timestamp()) * NS_PER_S
    if instrument.calendar == "always":
        return None, None
    table = phases(day, instrument)
    open_ns = next((time for time, phase in table if phase is Phase.CONTINUOUS), None)
    close_ns = next((time for time, phase in table
                     if open_ns is not None and time > open_ns), None)
    return open_ns, close_ns
