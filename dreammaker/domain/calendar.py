"""B3's sessions and the trading phases of its index and currency futures.

Dates come from a packaged table (``b3_sessions.txt``, written by ``data.calendar_table``), hours
from the rules below; a local file can override both. Nothing here needs pandas.

Hours (America/Sao_Paulo). Pre-opening starts five minutes before the open of 09:00; Ash Wednesday
opens at 13:00. Index futures (WIN, IND) end their continuous phase at 18:25 since 2024-03-11;
before, at 17:55, and at 18:25 while New York's markets close an hour later by Sao Paulo's clock:

* from November 2018: while the United States are on standard time;
* 2015-12-21 to 2016-03-13, 2016-10-17 to 2017-03-12, 2017-10-16 to 2018-03-11: as traded (the
  exchange followed Brazil's own summer time then); read from recorded half-hour bars, which
  tell the close to within half an hour;
* earlier: taken as 17:55; not verified.

Currency futures (DOL, WDO) close five minutes after index futures (18:00 or 18:30) without a call.
The closing call of index futures is taken to last five minutes; the exchange prints no end. An
expiring WIN or IND contract stops at 17:00 without a call.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from zoneinfo import ZoneInfo

from dreammaker.domain.errors import ConfigError
from dreammaker.domain.instrument import Instrument, win_expiry
from dreammaker.domain.schema import Phase

EXCHANGE_ZONE = ZoneInfo("America/Sao_Paulo")
INDEX_FUTURES = "b3_index_futures"
CURRENCY_FUTURES = "b3_currency_futures"
CALENDARS = (INDEX_FUTURES, CURRENCY_FUTURES)
"""Names of the calendars that have phases; ``"always"`` is the calendar without any."""

PRE_OPEN_MINUTES = 5
CLOSING_CALL_MINUTES = 5
_OPEN = time(9, 0)
_LATE_OPEN = time(13, 0)
_EXPIRY_CLOSE = time(17, 0)
_ALL_YEAR_FROM = date(2024, 3, 11)
_US_RULE_FROM = date(2018, 11, 5)
_LONG_DAYS_BEFORE = (
    (date(2015, 12, 21), date(2016, 3, 14)),
    (date(2016, 10, 17), date(2017, 3, 13)),
    (date(2017, 10, 16), date(2018, 3, 12)),
)
_MONTH_LETTERS = {2: "G", 4: "J", 6: "M", 8: "Q", 10: "V", 12: "Z"}
_LETTER_MONTHS = {letter: month for month, letter in _MONTH_LETTERS.items()}


@dataclass(frozen=True, slots=True)
class DayOverride:
    """What a local file says of one date: no session, or a session with its own hours."""

    is_session: bool
    open_time: time | None = None
    close_time: time | None = None


@dataclass(frozen=True)
class SessionCalendar:
    """The exchange's session dates and the phases of a session.

    Parameters
    ----------
    days : tuple of date
        Sessions, ascending.
    late : frozenset of date
        Sessions that open at 13:00.
    last_known : date
        Last date the table speaks of.
    overrides : Mapping of date to DayOverride
        Local corrections; they win, also beyond the table.

    Examples
    --------
    >>> calendar = load_calendar()
    >>> calendar.is_session(date(2026, 2, 17)), calendar.is_session(date(2026, 2, 18))
    (False, True)
    >>> calendar.front_contract(date(2026, 11, 20))
    'WINZ26'
    """

    days: tuple[date, ...]
    late: frozenset[date]
    last_known: date
    overrides: Mapping[date, DayOverride]

    def is_session(self, day: date) -> bool:
        """Whether the exchange trades on a date.

        Raises
        ------
        ConfigError
            If the date is outside the table and no override speaks of it.
        """
        override = self.overrides.get(day)
        if override is not None:
            return override.is_session
        self._check(day)
        at = bisect_left(self.days, day)
        return at < len(self.days) and self.days[at] == day

    def sessions(self, start: date, end: date) -> list[date]:
        """Sessions from ``start`` to ``end``, both included, ascending."""
        if start > end:
            raise ConfigError(f"sessions: start {start} must not be after end {end}")
        self._check(start)
        self._check(end)
        table = self.days[bisect_left(self.days, start):bisect_right(self.days, end)]
        found = {day for day in table if day not in self.overrides}
        found.update(day for day, override in self.overrides.items()
                     if override.is_session and start <= day <= end)
        return sorted(found)

    def next_session(self, day: date) -> date:
        """The first session after a date."""
        return self.session_on_or_after(day + timedelta(days=1))

    def session_on_or_after(self, day: date) -> date:
        """The date itself where it is a session, else the next session."""
        while not self.is_session(day):
            day += timedelta(days=1)
        return day

    def previous_session(self, day: date) -> date:
        """The last session before a date."""
        day -= timedelta(days=1)
        while not self.is_session(day):
            day -= timedelta(days=1)
        return day

    def hours(self, day: date, instrument: Instrument) -> tuple[time, time]:
        """Open and end of the continuous phase, exchange wall clock.

        An expiring index contract ends at 17:00, but never later than the day's own close.
        """
        override = self.overrides.get(day)
        opens = _LATE_OPEN if day in self.late else _OPEN
        closes = _close(day, instrument.calendar)
        if override is not None:
            opens, closes = override.open_time or opens, override.close_time or closes
        if self.is_expiry(day, instrument.symbol):
            closes = min(closes, _EXPIRY_CLOSE)
        return opens, closes

    def phases(self, day: date, instrument: Instrument) -> list[tuple[int, Phase]]:
        """Phase boundaries of a date: (UTC ns, phase that begins), ascending.

        Empty for a date without a session and for an instrument without a calendar.

        Raises
        ------
        ConfigError
            For an unknown calendar name or a date outside the table.
        """
        if instrument.calendar == "always":
            return []
        if instrument.calendar not in CALENDARS:
            raise ConfigError(f"instrument.calendar must be 'always' or one of {CALENDARS}, "
                              f"was {instrument.calendar!r}")
        if not self.is_session(day):
            return []
        opens, closes = self.hours(day, instrument)
        open_ns, close_ns = _utc_ns(day, opens), _utc_ns(day, closes)
        phases = [(open_ns - PRE_OPEN_MINUTES * 60_000_000_000, Phase.PRE_OPEN),
                  (open_ns, Phase.CONTINUOUS)]
        has_call = (instrument.calendar == INDEX_FUTURES
                    and not self.is_expiry(day, instrument.symbol))
        if has_call:
            phases.append((close_ns, Phase.CLOSING_CALL))
            close_ns += CLOSING_CALL_MINUTES * 60_000_000_000
        phases.append((close_ns, Phase.CLOSED))
        return phases

    def phase_at(self, utc_ns: int, instrument: Instrument) -> Phase:
        """The phase at an instant; CONTINUOUS always for an instrument without a calendar."""
        if instrument.calendar == "always":
            return Phase.CONTINUOUS
        current = Phase.CLOSED
        for begins_ns, phase in self.phases(session_date(utc_ns), instrument):
            if begins_ns > utc_ns:
                break
            current = phase
        return current

    def expiry_session(self, year: int, month: int) -> date:
        """Last trading day of an index contract: the Wednesday nearest the 15th, or the next
        session where that is none.
        """
        return self.session_on_or_after(win_expiry(year, month))

    def is_expiry(self, day: date, symbol: str) -> bool:
        """Whether an index future's symbol (WINZ26, INDZ26) ends its life on this date."""
        if not (len(symbol) == 6 and symbol[:3] in ("WIN", "IND") and symbol[3] in _LETTER_MONTHS
                and symbol[4:].isdecimal()):
            return False
        year, month = 2000 + int(symbol[4:]), _LETTER_MONTHS[symbol[3]]
        # The table need not reach a far contract's expiry to know that it is not today.
        if (year, month) != (day.year, day.month):
            return False
        return day >= win_expiry(year, month) and day == self.expiry_session(year, month)

    def front_contract(self, day: date, roll_sessions: int = 1) -> str:
        """The WIN contract to trade on a date: the next one from ``roll_sessions`` sessions
        before expiry on.

        Parameters
        ----------
        day : date
            Any date of the table.
        roll_sessions : int
            Sessions before expiry at which the roll happens; 0 rolls after the expiry day.
        """
        if roll_sessions < 0:
            raise ConfigError(f"roll_sessions must be 0 or more, was {roll_sessions}")
        year, month = day.year, day.month + day.month % 2
        while True:
            roll = self.expiry_session(year, month)
            for _ in range(roll_sessions):
                roll = self.previous_session(roll)
            # Zero sessions before: the contract is still the front on its last day.
            if day < roll or (roll_sessions == 0 and day == roll):
                return f"WIN{_MONTH_LETTERS[month]}{year % 100:02d}"
            year, month = (year + 1, 2) if month == 12 else (year, month + 2)

    def _check(self, day: date) -> None:
        if not self.days[0].replace(month=1, day=1) <= day <= self.last_known:
            raise ConfigError(
                f"the session table covers {self.days[0].year}-01-01 to {self.last_known}, "
                f"not {day}; name the date in a calendar override file or renew the table")


def load_calendar(override: str | Path | None = None) -> SessionCalendar:
    """The packaged calendar, with the corrections of a local file where one is named.

    Parameters
    ----------
    override : path, optional
        Text file, a date a line: ``2027-01-25 open``, ``2027-02-10 open 13:00 18:25``,
        ``2027-07-09 closed``; ``#`` starts a comment.

    Raises
    ------
    ConfigError
        If the file is missing or a line cannot be read.
    """
    base = _packaged()
    if override is None:
        return base
    return SessionCalendar(base.days, base.late, base.last_known, _read_overrides(Path(override)))


def session_date(utc_ns: int) -> date:
    """The exchange's calendar date at an instant."""
    return datetime.fromtimestamp(utc_ns // 1_000_000_000, UTC).astimezone(EXCHANGE_ZONE).date()


def is_session(day: date) -> bool:
    """Whether B3 trades on a date, by the packaged table."""
    return _packaged().is_session(day)


def sessions(start: date, end: date) -> list[date]:
    """B3's sessions from ``start`` to ``end``, both included, by the packaged table."""
    return _packaged().sessions(start, end)


def phases(day: date, instrument: Instrument) -> list[tuple[int, Phase]]:
    """`SessionCalendar.phases` of the packaged table."""
    return _packaged().phases(day, instrument)


def phase_at(utc_ns: int, instrument: Instrument | None = None) -> Phase:
    """`SessionCalendar.phase_at` of the packaged table; the instrument is WIN unless given."""
    return _packaged().phase_at(utc_ns, instrument or Instrument.win())


def front_contract(day: date, roll_sessions: int = 1) -> str:
    """`SessionCalendar.front_contract` of the packaged table."""
    return _packaged().front_contract(day, roll_sessions)


@lru_cache(maxsize=1)
def _packaged() -> SessionCalendar:
    text = (files("dreammaker.domain") / "b3_sessions.txt").read_text(encoding="ascii")
    days: list[date] = []
    late: set[date] = set()
    for line in text.splitlines():
        if line.startswith("#"):
            continue
        month, *numbers = line.split()
        for number in numbers:
            day = date.fromisoformat(f"{month}-{number[:2]}")
            days.append(day)
            if number.endswith("*"):
                late.add(day)
    return SessionCalendar(tuple(days), frozenset(late), days[-1], {})


def _read_overrides(path: Path) -> dict[date, DayOverride]:
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"calendar override file {path} cannot be read: {error}") from None
    overrides: dict[date, DayOverride] = {}
    for number, line in enumerate(lines, 1):
        words = line.partition("#")[0].split()
        if not words:
            continue
        try:
            day = date.fromisoformat(words[0])
            if words[1:] == ["closed"]:
                overrides[day] = DayOverride(is_session=False)
                continue
            if words[1] != "open" or len(words) > 4:
                raise ValueError
            times = [time.fromisoformat(word) for word in words[2:]] + [None, None]
            if times[0] and times[1] and times[0] >= times[1]:
                raise ValueError
            overrides[day] = DayOverride(True, times[0], times[1])
        except (ValueError, IndexError):
            raise ConfigError(
                f"{path}, line {number}: {line.strip()!r} must be DATE closed or "
                "DATE open [HH:MM [HH:MM]] with the open before the close") from None
    return overrides


def _close(day: date, calendar: str) -> time:
    long_day = (day >= _ALL_YEAR_FROM
                or (day >= _US_RULE_FROM and not _us_summer_time(day))
                or any(start <= day < end for start, end in _LONG_DAYS_BEFORE))
    if calendar == CURRENCY_FUTURES:
        return time(18, 30) if long_day else time(18, 0)
    return time(18, 25) if long_day else time(17, 55)


def _us_summer_time(day: date) -> bool:
    """Second Sunday of March to first Sunday of November (the law since 2007)."""
    march, november = date(day.year, 3, 8), date(day.year, 11, 1)
    begins = march + timedelta(days=(6 - march.weekday()) % 7)
    ends = november + timedelta(days=(6 - november.weekday()) % 7)
    return begins <= day < ends


def _utc_ns(day: date, wall: time) -> int:
    return int(datetime.combine(day, wall, EXCHANGE_ZONE).timestamp()) * 1_000_000_000
