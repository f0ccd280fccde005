"""What the look-ahead detector found, for people and for JSON."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

_NS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Leak:
    """A column that changed although only its future did.

    Attributes
    ----------
    column : str
    first_ns : int
        Time of the earliest row that changed, UTC ns.
    reach_s : float
        The row depends on something at least this many seconds later.
    how : {"truncation", "perturbation"}
    value, other : str
        What the row held with its own future, and with another; "no row" where there was none.
    cuts : int
        In how many of the comparisons the column changed.

    Examples
    --------
    >>> print(Leak("mean", 0, 2.0, "truncation", "3.0", "2.0", 1).describe())
    column mean at 1970-01-01T00:00:00.000000000Z knows what comes at least 2 s later: it is 3.0,
    and 2.0 after truncation of the future
    """

    column: str
    first_ns: int
    reach_s: float
    how: str
    value: str
    other: str
    cuts: int

    def describe(self) -> str:
        """One sentence."""
        later = f"at least {self.reach_s:g} s later" if self.reach_s else "later"
        return (f"column {self.column} at {instant(self.first_ns)} knows what comes {later}: "
                f"it is {self.value}, and {self.other} after {self.how} of the future")


@dataclass(frozen=True, slots=True)
class LookaheadReport:
    """What `detect` found.

    Attributes
    ----------
    name : str
        Of the pipeline.
    columns : tuple of str
    row_count : int
        Rows of the whole log.
    comparisons : int
        Cuts times ways of changing the future.
    leaks : tuple of Leak
        One a column, in order of time; empty if there is none.
    notes : tuple of str
        What could not be compared, and why.

    Examples
    --------
    >>> report = LookaheadReport("features", ("mid",), 100, 16, ())
    >>> print(report.describe())
    features: no look-ahead in 1 columns of 100 rows over 16 comparisons
    """

    name: str
    columns: tuple[str, ...]
    row_count: int
    comparisons: int
    leaks: tuple[Leak, ...]
    notes: tuple[str, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether no column leaks."""
        return not self.leaks

    def describe(self) -> str:
        """The verdict, one sentence a line."""
        if not self.comparisons:
            lines = []
        elif self.passed:
            lines = [f"{self.name}: no look-ahead in {len(self.columns)} columns of "
                     f"{self.row_count:,} rows over {self.comparisons} comparisons"]
        else:
            lines = [f"{self.name}: {leak.describe()}" for leak in self.leaks]
        return "\n".join([*lines, *(f"{self.name}: note: {note}" for note in self.notes)])

    def to_dict(self) -> dict[str, Any]:
        """Fit for JSON; times as ISO 8601."""
        return {"name": self.name, "passed": self.passed, "columns": list(self.columns),
                "rows": self.row_count, "comparisons": self.comparisons,
                "notes": list(self.notes), "leaks": [
                    {"column": leak.column, "first_time": instant(leak.first_ns),
                     "reach_s": leak.reach_s, "how": leak.how, "value": leak.value,
                     "other": leak.other, "comparisons": leak.cuts} for leak in self.leaks]}


def instant(time_ns: int) -> str:
    """A time as ISO 8601 in UTC, to the ns."""
    second, rest = divmod(time_ns, _NS)
    return f"{datetime.fromtimestamp(second, UTC):%Y-%m-%dT%H:%M:%S}.{rest:09d}Z"
