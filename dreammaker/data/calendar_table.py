"""Writes the packaged table of B3 session dates: ``python -m dreammaker.data.calendar_table``.

The dates come from ``exchange_calendars`` (calendar BVMF), a development dependency: at run time
the program reads the table alone, so that neither start-up nor results depend on its version.
"""

import sys
from collections.abc import Iterable
from datetime import date
from itertools import groupby
from pathlib import Path

TABLE = Path(__file__).resolve().parent.parent / "domain" / "b3_sessions.txt"
FIRST_DAY = "2006-01-01"

_HEADER = """\
# B3 session dates (calendar BVMF of exchange_calendars), one month a line: the days of the month.
# A day followed by * opens late (Ash Wednesday, 13:00). Regenerate with
#   python -m dreammaker.data.calendar_table
"""


def bvmf_sessions(start: str = FIRST_DAY) -> tuple[list[date], set[date]]:
    """Session dates from ``start`` on, and those that open late, as exchange_calendars has them.

    Returns
    -------
    tuple of list of date, set of date
        Sessions in ascending order; the late opens among them.
    """
    import exchange_calendars

    calendar = exchange_calendars.get_calendar("BVMF", start=start)
    sessions = [stamp.date() for stamp in calendar.sessions]
    return sessions, {stamp.date() for stamp in calendar.late_opens}


def format_table(sessions: Iterable[date], late: set[date]) -> str:
    """The table's text.

    Examples
    --------
    >>> print(format_table([date(2026, 2, 13), date(2026, 2, 18)], {date(2026, 2, 18)})
    ...       .splitlines()[-1])
    2026-02 13 18*
    """
    lines = [
        f"{year:04d}-{month:02d} "
        + " ".join(f"{day.day:02d}" + ("*" if day in late else "") for day in days)
        for (year, month), days in groupby(sessions, key=lambda day: (day.year, day.month))
    ]
    return _HEADER + "\n".join(lines) + "\n"


def main() -> int:
    """Write the table beside ``domain.calendar``."""
    sessions, late = bvmf_sessions()
    TABLE.write_text(format_table(sessions, late), encoding="ascii", newline="\n")
    print(f"{TABLE.name}: {len(sessions)} sessions, {sessions[0]} to {sessions[-1]}, "
          f"{len(late)} late opens")
    return 0


if __name__ == "__main__":
    sys.exit(main())
