"""The session calendar: dates against exchange_calendars, hours against known days, contracts."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from dreammaker.data.calendar_table import bvmf_sessions, format_table
from dreammaker.domain import calendar as b3
from dreammaker.domain.errors import ConfigError
from dreammaker.domain.instrument import Instrument, win_expiry
from dreammaker.domain.schema import Phase

WIN = Instrument.win("WIN$N")
DOL = Instrument.named("DOLK20")
SAO_PAULO = ZoneInfo("America/Sao_Paulo")


def wall(day: date, instrument: Instrument) -> list[tuple[str, str]]:
    return [(datetime.fromtimestamp(ns // 10**9, UTC).astimezone(SAO_PAULO).strftime("%H:%M"),
             phase.name) for ns, phase in b3.phases(day, instrument)]


# exchange_calendars uses what newer pandas announces to change.
@pytest.mark.filterwarnings("ignore:Series.values")
def test_table_when_compared_with_exchange_calendars_then_equal() -> None:
    calendar = b3.load_calendar()
    sessions, late = bvmf_sessions()
    # exchange_calendars looks one year ahead of today: compare what both know.
    end = min(sessions[-1], calendar.last_known)
    assert [day for day in sessions if day <= end] == [day for day in calendar.days if day <= end]
    assert {day for day in late if day <= end} == {day for day in calendar.late if day <= end}
    assert calendar.days[0].year == 2006 and end >= date(2027, 6, 1)


def test_table_when_formatted_then_what_is_packaged() -> None:
    calendar = b3.load_calendar()
    text = (Path(b3.__file__).parent / "b3_sessions.txt").read_text()
    assert format_table(calendar.days, set(calendar.late)) == text


def test_sessions_when_counted_then_known_years_and_late_opens() -> None:
    for year, count in ((2024, 251), (2025, 250), (2026, 247)):
        assert len(b3.sessions(date(year, 1, 1), date(year, 12, 31))) == count
    holidays = {date(2026, 1, 1) + timedelta(days=n) for n in range(365)}
    holidays = {day for day in holidays if day.weekday() < 5} - set(
        b3.sessions(date(2026, 1, 1), date(2026, 12, 31)))
    assert sorted(day.strftime("%m-%d") for day in holidays) == [
        "01-01", "02-16", "02-17", "04-03", "04-21", "05-01", "06-04", "09-07", "10-12", "11-02",
        "11-20", "12-24", "12-25", "12-31"]
    late = {day for day in b3.load_calendar().late if day.year >= 2024}
    assert late == {date(2024, 2, 14), date(2025, 3, 5), date(2026, 2, 18), date(2027, 2, 10)}
    assert not b3.is_session(date(2026, 11, 20)) and b3.is_session(date(2026, 11, 19))


@pytest.mark.parametrize(("day", "closes"), [
    (date(2015, 6, 1), "17:55"), (date(2015, 12, 18), "17:55"), (date(2015, 12, 21), "18:25"),
    (date(2016, 3, 11), "18:25"), (date(2016, 3, 14), "17:55"), (date(2017, 10, 13), "17:55"),
    (date(2017, 10, 16), "18:25"), (date(2018, 11, 1), "17:55"), (date(2018, 11, 5), "18:25"),
    (date(2020, 3, 6), "18:25"), (date(2020, 3, 9), "17:55"), (date(2021, 11, 5), "17:55"),
    (date(2021, 11, 8), "18:25"), (date(2023, 7, 3), "17:55"), (date(2024, 3, 8), "18:25"),
    (date(2024, 3, 11), "18:25"), (date(2026, 7, 1), "18:25")])
def test_phases_when_eras_differ_then_close_follows(day: date, closes: str) -> None:
    call_ends = closes.replace("55", "00").replace("17", "18") if closes == "17:55" else "18:30"
    assert wall(day, WIN) == [("08:55", "PRE_OPEN"), ("09:00", "CONTINUOUS"),
                              (closes, "CLOSING_CALL"), (call_ends, "CLOSED")]
    assert wall(day, DOL)[-1] == ("18:00" if closes == "17:55" else "18:30", "CLOSED")
    assert len(wall(day, DOL)) == 3


def test_phases_when_ash_wednesday_then_open_at_one() -> None:
    assert wall(date(2026, 2, 18), WIN)[:2] == [("12:55", "PRE_OPEN"), ("13:00", "CONTINUOUS")]


def test_phases_when_contract_expires_then_it_ends_at_five_without_a_call() -> None:
    expiry = date(2026, 12, 16)
    assert wall(expiry, Instrument.win("WINZ26"))[1:] == [("09:00", "CONTINUOUS"),
                                                          ("17:00", "CLOSED")]
    assert wall(expiry, Instrument.win("WING27"))[-1] == ("18:30", "CLOSED")
    # Expiry and Ash Wednesday on one day.
    assert wall(date(2024, 2, 14), Instrument.win("WING24")) == [
        ("12:55", "PRE_OPEN"), ("13:00", "CONTINUOUS"), ("17:00", "CLOSED")]


def test_phases_when_no_session_or_no_calendar_then_none() -> None:
    assert b3.phases(date(2026, 11, 20), WIN) == []
    assert b3.phases(date(2026, 11, 21), WIN) == []
    assert b3.phases(date(2026, 11, 19), Instrument.named("GOOG")) == []


def test_phase_at_when_between_boundaries_then_the_phase_of_that_moment() -> None:
    def at(hour: int, minute: int, day: int = 19) -> Phase:
        moment = datetime(2026, 11, day, hour, minute, tzinfo=SAO_PAULO)
        return b3.phase_at(int(moment.timestamp()) * 10**9)

    assert [at(8, 54), at(8, 55), at(9, 0), at(18, 24), at(18, 25), at(18, 30), at(23, 59)] == [
        Phase.CLOSED, Phase.PRE_OPEN, Phase.CONTINUOUS, Phase.CONTINUOUS, Phase.CLOSING_CALL,
        Phase.CLOSED, Phase.CLOSED]
    assert at(12, 0, day=20) == Phase.CLOSED
    assert b3.phase_at(0, Instrument.named("GOOG")) == Phase.CONTINUOUS


EXPIRIES = """
2023 02-15 04-12 06-14 08-16 10-18 12-13
2024 02-14 04-17 06-12 08-14 10-16 12-18
2025 02-12 04-16 06-18 08-13 10-15 12-17
2026 02-18 04-15 06-17 08-12 10-14 12-16
2027 02-17 04-14 06-16 08-18 10-13 12-15
2028 02-16 04-12 06-14 08-16 10-18 12-13
2029 02-14 04-18 06-13 08-15 10-17 12-12
2030 02-13 04-17 06-12 08-14 10-16 12-18
"""


def test_expiry_when_computed_then_the_published_table() -> None:
    calendar = b3.load_calendar()
    for line in EXPIRIES.strip().splitlines():
        year, *days = line.split()
        for month, day in zip((2, 4, 6, 8, 10, 12), days, strict=True):
            expiry = date.fromisoformat(f"{year}-{day}")
            assert win_expiry(int(year), month) == expiry
            if expiry <= calendar.last_known:
                assert calendar.expiry_session(int(year), month) == expiry


def test_expiry_when_it_is_no_session_then_the_next_session(tmp_path: Path) -> None:
    file = tmp_path / "calendar.txt"
    file.write_text("2026-12-16 closed\n")
    calendar = b3.load_calendar(file)
    assert calendar.expiry_session(2026, 12) == date(2026, 12, 17)
    assert calendar.is_expiry(date(2026, 12, 17), "WINZ26")
    assert not calendar.is_expiry(date(2026, 12, 16), "WINZ26")
    assert calendar.front_contract(date(2026, 12, 14)) == "WINZ26"
    assert calendar.front_contract(date(2026, 12, 15)) == "WING27"


@pytest.mark.parametrize(("day", "front"), [
    (date(2026, 10, 12), "WINV26"), (date(2026, 10, 13), "WINZ26"), (date(2026, 11, 20), "WINZ26"),
    (date(2026, 12, 14), "WINZ26"), (date(2026, 12, 15), "WING27"), (date(2026, 1, 5), "WING26"),
    # The session before Ash Wednesday's expiry is the Friday before Carnival.
    (date(2026, 2, 12), "WING26"), (date(2026, 2, 13), "WINJ26"), (date(2026, 2, 16), "WINJ26")])
def test_front_contract_when_one_session_before_expiry_then_rolled(day: date, front: str) -> None:
    assert b3.front_contract(day) == front


def test_front_contract_when_rolled_later_then_expiry_day_itself_counts() -> None:
    assert b3.front_contract(date(2026, 12, 16), roll_sessions=0) == "WINZ26"
    assert b3.front_contract(date(2026, 12, 17), roll_sessions=0) == "WING27"
    with pytest.raises(ConfigError, match="roll_sessions must be 0 or more, was -1"):
        b3.front_contract(date(2026, 12, 17), roll_sessions=-1)


def test_override_when_file_speaks_then_it_wins_also_beyond_the_table(tmp_path: Path) -> None:
    file = tmp_path / "calendar.txt"
    file.write_text("# local\n2026-11-20 open 10:00 16:00\n2026-11-19 closed  # strike\n"
                    "2040-01-03 open\n")
    calendar = b3.load_calendar(file)
    assert calendar.is_session(date(2026, 11, 20)) and not calendar.is_session(date(2026, 11, 19))
    assert calendar.is_session(date(2040, 1, 3))
    opens, closes = calendar.hours(date(2026, 11, 20), WIN)
    assert (opens.hour, closes.hour) == (10, 16)
    assert calendar.sessions(date(2026, 11, 18), date(2026, 11, 23)) == [
        date(2026, 11, 18), date(2026, 11, 20), date(2026, 11, 23)]
    assert calendar.next_session(date(2026, 11, 18)) == date(2026, 11, 20)
    assert calendar.previous_session(date(2026, 11, 20)) == date(2026, 11, 18)


@pytest.mark.parametrize("line", ["2026-13-01 open", "2026-11-20", "2026-11-20 maybe",
                                  "2026-11-20 open 25:00", "2026-11-20 open 12:00 11:00",
                                  "2026-11-20 open 9:00 10:00 11:00", "2026-11-20 closed 9:00"])
def test_override_when_a_line_is_wrong_then_config_error_names_it(
        tmp_path: Path, line: str) -> None:
    file = tmp_path / "calendar.txt"
    file.write_text("# first\n" + line + "\n")
    with pytest.raises(ConfigError, match="line 2"):
        b3.load_calendar(file)


def test_calendar_when_out_of_reach_then_config_errors(tmp_path: Path) -> None:
    for day in (date(2005, 12, 30), date(2060, 1, 2)):
        with pytest.raises(ConfigError, match="covers 2006-01-01"):
            b3.is_session(day)
    with pytest.raises(ConfigError, match="must not be after"):
        b3.sessions(date(2026, 2, 1), date(2026, 1, 1))
    with pytest.raises(ConfigError, match="cannot be read"):
        b3.load_calendar(tmp_path / "none.txt")
    with pytest.raises(ConfigError, match=r"instrument\.calendar"):
        b3.phases(date(2026, 11, 19), Instrument("X", 1.0, 1, calendar="moon"))
