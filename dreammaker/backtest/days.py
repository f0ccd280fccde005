"""Which days a backtest runs on, and the source and configuration of each."""

import datetime
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from dreammaker.adapters import SimulatedFeed
from dreammaker.assembly.config import SystemConfig
from dreammaker.assembly.sources import SessionSource, log_source, open_source
from dreammaker.domain.errors import ConfigError, StoreError
from dreammaker.domain.instrument import Instrument
from dreammaker.simulation import SimulatedMarket
from dreammaker.store.eventlog import EventLog, EventStore
from dreammaker.store.journal import canonical_hash


@dataclass(frozen=True, slots=True)
class DaySpan:
    """All days from one to another, both included."""

    first: datetime.date
    last: datetime.date


DaySpec = int | str | datetime.date | DaySpan | Sequence[datetime.date | str] | None
"""A number of days, one day, several, ``"FIRST..LAST"``, or None for what the config says."""

_MOST_DAYS = 10_000
_SATURDAY = 5


@dataclass(frozen=True, slots=True)
class DayPlan:
    """One day of a backtest: a session, flat at its start.

    Parameters
    ----------
    day : datetime.date
    config : SystemConfig
        Of this session alone: ``dreammaker run`` with it gives the same journal.
    data_hash : str
        What the records are: the content hash of an imported day, of a simulated one the hash of
        what generates it.
    log : EventLog, optional
        Given in memory; else the source follows from the config.
    instrument : Instrument, optional
        Takes the place of the source's.
    """

    day: datetime.date
    config: SystemConfig
    data_hash: str
    log: EventLog | None = None
    instrument: Instrument | None = None

    def open(self) -> SessionSource:
        """The day's records, from the beginning.

        Raises
        ------
        ConfigError, StoreError
            If the day cannot be opened.
        """
        log = self._event_log()
        if log is not None:
            instrument = self.instrument or self.config.instrument.override(log.instrument)
            return log_source(replace(log, instrument=instrument), self.config.instrument, self.day)
        source = open_source(self.config)
        if self.instrument is not None:
            run = self.config.run
            source.feed = SimulatedFeed(SimulatedMarket(self.config.simulation, self.instrument,
                                                        run.day, run.seed))
        return source

    def event_log(self) -> EventLog:
        """The day's records as a log; a simulated day has none.

        Raises
        ------
        ConfigError
            If the day is simulated.
        """
        log = self._event_log()
        if log is None:
            raise ConfigError(f"{self.day} is a simulated day: it has no event log")
        return log

    def _event_log(self) -> EventLog | None:
        if self.log is not None:
            return self.log
        if self.config.run.mode == "simulated":
            return None
        return EventStore(Path(self.config.data.root)).open(self.config.backtest.symbol, self.day)


def plan_days(config: SystemConfig, *, logs: Sequence[EventLog] = (), days: DaySpec = None,
              instrument: Instrument | None = None) -> list[DayPlan]:
    """The days of a backtest, ascending.

    Parameters
    ----------
    config : SystemConfig
        ``backtest.symbol`` and ``days`` (or ``day``) name imported days; in simulated mode
        ``run.day`` is the first and weekdays follow.
    logs : sequence of EventLog
        Days in memory; they take the place of the archive.
    days : DaySpec
        See `DaySpec`.
    instrument : Instrument, optional

    Raises
    ------
    ConfigError
        If no day, a day twice, or no symbol is named.
    StoreError
        If the archive has no such day.
    """
    if logs:
        return _plan_logs(config, logs, instrument)
    if config.run.mode == "simulated":
        return _plan_simulated(config, days, instrument)
    symbol = config.backtest.symbol
    if not symbol:
        raise ConfigError("a backtest needs a symbol: set backtest.symbol or give --symbol")
    store = EventStore(Path(config.data.root))
    stored = store.days(symbol)
    if not stored:
        known = ", ".join(store.symbols()) or "none"
        raise StoreError(f"the archive {config.data.root} holds no day of {symbol} "
                         f"(symbols there: {known})")
    chosen = _choose(days, config, stored)
    for day in chosen:
        if day not in stored:
            raise StoreError(f"the archive {config.data.root} has no {symbol} on {day} (it holds "
                             f"{len(stored)} days from {stored[0]} to {stored[-1]})")
    # An only day stays unnamed where ``run`` needs no name for it: the same session to the bit.
    unnamed = days is None and not config.backtest.days and len(stored) == 1
    return [DayPlan(day, config if unnamed else
                    replace(config, backtest=replace(config.backtest, day=day)),
                    store.header(symbol, day).content_hash, instrument=instrument)
            for day in chosen]


def _plan_logs(config: SystemConfig, logs: Sequence[EventLog],
               instrument: Instrument | None) -> list[DayPlan]:
    ordered = sorted(logs, key=lambda log: log.day)
    if len({log.day for log in ordered}) < len(ordered):
        raise ConfigError("a backtest takes one log a day; two were of one day")
    plans = []
    for log in ordered:
        own = replace(config, run=replace(config.run, mode="replay"),
                      backtest=replace(config.backtest, symbol=log.instrument.symbol, day=log.day))
        plans.append(DayPlan(log.day, own, log.content_hash, log, instrument))
    return plans


def _plan_simulated(config: SystemConfig, days: DaySpec,
                    instrument: Instrument | None) -> list[DayPlan]:
    if days is None and not config.backtest.days:
        chosen = [config.run.day]
    else:
        chosen = _choose(days, config, None)
    plans = []
    for day in chosen:
        own = replace(config, run=replace(config.run, day=day))
        made_of = canonical_hash({"day": day.isoformat(), "seed": own.run.seed})
        plans.append(DayPlan(day, own, made_of, instrument=instrument))
    return plans


def _choose(spec: DaySpec, config: SystemConfig,
            stored: list[datetime.date] | None) -> list[datetime.date]:
    """Days that a specification means, among the stored ones where the market is not simulated."""
    settings = config.backtest
    if isinstance(spec, str):
        spec = parse_days(spec)
    if spec is None:
        if settings.days:
            return list(settings.days)
        assert stored is not None
        return [settings.day] if settings.day is not None else stored
    first = config.run.day if stored is None else (settings.day or stored[0])
    if isinstance(spec, int):
        if not 1 <= spec <= _MOST_DAYS:
            raise ConfigError(f"a number of days must be in [1, {_MOST_DAYS}], was {spec}")
        pool = _weekdays(first, spec) if stored is None else [d for d in stored if d >= first]
        if len(pool) < spec:
            raise ConfigError(f"{spec} days were asked for; the archive holds {len(pool)} of "
                              f"{settings.symbol} from {first} on")
        return pool[:spec]
    if isinstance(spec, DaySpan):
        return _between(spec, stored, settings.symbol)
    if isinstance(spec, datetime.date):
        return [spec]
    chosen = sorted(as_date(day) for day in spec)
    if not chosen or len(set(chosen)) < len(chosen):
        raise ConfigError("days must name one day or more, none of them twice")
    return chosen


def _between(span: DaySpan, stored: list[datetime.date] | None,
             symbol: str) -> list[datetime.date]:
    first, last = span.first, span.last
    if last < first:
        raise ConfigError(f"days must ascend, were {first}..{last}")
    if stored is None:
        found = [day for day in _weekdays(first, min((last - first).days + 1, _MOST_DAYS))
                 if day <= last]
    else:
        found = [day for day in stored if first <= day <= last]
    if not found:
        raise StoreError(f"there is no day of {symbol or 'the simulated market'} in "
                         f"{first}..{last}")
    return found


def _weekdays(first: datetime.date, count: int) -> list[datetime.date]:
    found: list[datetime.date] = []
    day = first
    while len(found) < count:
        if day.weekday() < _SATURDAY:
            found.append(day)
        day += datetime.timedelta(days=1)
    return found


def parse_days(text: str) -> DaySpec:
    """Days as a command line gives them.

    Raises
    ------
    ConfigError
        If it is none of a number, a date, dates with commas, or ``FIRST..LAST``.

    Examples
    --------
    >>> parse_days("3"), parse_days("2026-03-02,2026-03-03")
    (3, (datetime.date(2026, 3, 2), datetime.date(2026, 3, 3)))
    """
    text = text.strip()
    if re.fullmatch(r"\d{1,5}", text):
        return int(text)
    if ".." in text:
        first, _, last = text.partition("..")
        return DaySpan(as_date(first), as_date(last))
    return tuple(as_date(part) for part in text.split(","))


def as_date(day: datetime.date | str) -> datetime.date:
    """A date from ``YYYY-MM-DD``; ConfigError otherwise."""
    if isinstance(day, datetime.date):
        return day
    try:
        return datetime.date.fromisoformat(day.strip())
    except ValueError:
        raise ConfigError("days must be a number, YYYY-MM-DD, several with commas, or FIRST..LAST; "
                          f"was {day!r}") from None
