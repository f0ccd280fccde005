"""When each row's label begins and ends, and which rows a test block forbids for training.

A label's span is closed: it begins at its row's index value and ends at its label end time, both
included. Two labels overlap if they share an instant. Everything is compared as int64: nanoseconds
for times, the values themselves for integer indices, row numbers where there is no index.
"""

from dataclasses import dataclass
from datetime import timedelta
from math import floor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dreammaker.validation import _checks
from dreammaker.validation._checks import Ints


@dataclass(frozen=True, slots=True)
class Embargo:
    """A distance that training keeps from test labels: whole rows, or a span of the index."""

    rows: int = 0
    span: int = 0


@dataclass(frozen=True, slots=True)
class Spans:
    """First and last instant of every row's label.

    Attributes
    ----------
    start, end : ndarray of int64, shape (n,)
        Starts do not decrease; no end lies before its start.
    latest : ndarray of int64, shape (n,)
        Running maximum of the ends.
    is_time : bool
        Whether the values are nanoseconds.
    """

    start: Ints
    end: Ints
    latest: Ints
    is_time: bool

    def first_overlap(self, row: int, instant: int) -> int:
        """First row whose label, or one before it, reaches an instant; at most `row`."""
        return min(int(np.searchsorted(self.latest, instant, "left")), row)

    def before(self, row: int, embargo: Embargo) -> tuple[int, Ints]:
        """Rows before a test block that may train, all of whose labels end before it.

        Parameters
        ----------
        row : int
            First row of the block.
        embargo : Embargo
            Kept before the block's first start.

        Returns
        -------
        tuple
            ``(first, survivors)``: every row below `first` may, and those in `survivors`
            (ascending, from `first` to below `row`).
        """
        instant = int(self.start[max(row - embargo.rows, 0)]) - embargo.span
        first = self.first_overlap(row, instant)
        return first, first + np.flatnonzero(self.end[first:row] < instant)

    def after(self, begin: int, stop: int, embargo: Embargo) -> int:
        """First row after the test block [begin, stop) that may train.

        It starts later than every label of the block has ended, and past the embargo.
        """
        last = int(self.end[begin:stop].max()) + embargo.span
        resume = int(np.searchsorted(self.start, last, "right")) + embargo.rows
        return min(max(resume, stop), self.start.size)


def read_embargo(value: Any) -> tuple[float, int | None, bool]:
    """An embargo as ``(fraction, span, is_time)``; the span is None for a fraction.

    Raises
    ------
    ValueError
        If it is none of: a fraction in [0, 1), a whole number of index units, a time span.
    """
    wrong = (f"embargo must be a fraction in [0, 1), a whole number of index units or a time "
             f"span of 0 or more, was {value!r}")
    if isinstance(value, timedelta | np.timedelta64):
        try:
            # A pandas Timedelta is a timedelta, but one that NumPy reads to the us only.
            exact = getattr(value, "to_timedelta64", None)
            span = np.timedelta64(value if exact is None else exact(), "ns")
        except (TypeError, ValueError, OverflowError):
            raise ValueError(wrong) from None
        if np.isnat(span) or span < np.timedelta64(0, "ns"):
            raise ValueError(wrong)
        return 0.0, int(span.astype(np.int64)), True
    if isinstance(value, bool | np.bool_):
        raise ValueError(wrong)
    if isinstance(value, int | np.integer):
        if value < 0:
            raise ValueError(wrong)
        return 0.0, int(value) or None, False
    if isinstance(value, float | np.floating) and 0.0 <= value < 1.0:
        return float(value), None, False
    raise ValueError(f"embargo must be in [0, 1), was {value}" if isinstance(value, float)
                     else wrong)


def resolve_embargo(value: Any, spans: Spans) -> Embargo:
    """The embargo for these rows: a fraction is that share of the rows, rounded down."""
    fraction, span, is_time = read_embargo(value)
    if span is None:
        # A product like 0.29 x 100 must not lose a row to rounding.
        return Embargo(rows=floor(fraction * spans.start.size + 1e-9))
    if is_time != spans.is_time:
        kinds = ("times", "integers") if spans.is_time else ("integers", "times")
        raise ValueError(f"embargo must fit the index, which holds {kinds[0]}; was a span of "
                         f"{kinds[1]}")
    return Embargo(span=span)


def row_count(X: Any) -> int:
    """Rows of whatever scikit-learn would take."""
    shape = getattr(X, "shape", None)
    if shape is not None and len(shape):
        return int(shape[0])
    try:
        return len(X)
    except TypeError:
        raise ValueError(f"X must have rows, was {X!r}") from None


def read_spans(X: Any, label_end_times: Any, label_start_times: Any) -> Spans:
    """Label spans of the rows of `X`.

    Parameters
    ----------
    X : array, DataFrame or Series
        Its index gives the starts; without one they are the row numbers.
    label_end_times : array or Series, optional
        A Series is looked up by X's index where the two indices differ, so that subsets of X
        (nested validation) find their own ends. If absent, a label ends where it starts.
    label_start_times : array or Series, optional
        Instead of X's index.

    Raises
    ------
    ValueError
        If starts decrease, an end lies before its start, something is missing, or kinds differ.
    """
    n = row_count(X)
    index = getattr(X, "index", None) if hasattr(X, "iloc") else None
    if label_start_times is not None:
        start, is_time, aware = _instants("label_start_times",
                                          _aligned("label_start_times", label_start_times, X, n))
    elif index is not None:
        start, is_time, aware = _instants("the index of X", index)
    else:
        start, is_time, aware = np.arange(n, dtype=np.int64), False, False
    falls = np.flatnonzero(start[1:] < start[:-1])
    if falls.size:
        raise ValueError(f"rows must be in order of time, but row {falls[0] + 1} starts before "
                         f"row {falls[0]}")
    end = start
    if label_end_times is not None:
        end, end_is_time, end_aware = _instants(
            "label_end_times", _aligned("label_end_times", label_end_times, X, n))
        if end_is_time != is_time:
            raise ValueError(
                "label_end_times must be of the kind of the label starts: "
                f"{_KINDS[is_time]} in the index of X (row numbers if it has none), "
                f"{_KINDS[end_is_time]} in label_end_times")
        if end_aware != aware:
            raise ValueError("label_end_times and the index of X must both have a time zone or "
                             "both have none")
        early = np.flatnonzero(end < start)
        if early.size:
            raise ValueError(f"label_end_times must not lie before the label starts, but does in "
                             f"row {early[0]}")
    return Spans(start, end, np.maximum.accumulate(end), is_time)


_KINDS = {True: "times", False: "integers"}


def _aligned(name: str, values: Any, X: Any, n: int) -> Any:
    """The values for the rows of X: by position, or by index for a Series."""
    if hasattr(values, "iloc") and hasattr(X, "iloc") and not values.index.equals(X.index):
        if not values.index.is_unique:
            raise ValueError(f"{name} must have the index of X, or one without duplicates to "
                             "look X's rows up in")
        at = values.index.get_indexer(X.index)
        if (at < 0).any():
            raise ValueError(f"{name} has no entry for row {int(np.flatnonzero(at < 0)[0])} of X")
        return values.iloc[at]
    count = row_count(values)
    if count != n:
        raise ValueError(f"{name} must have one entry a row of X, {n}, had {count}")
    return values


def _instants(name: str, values: Any) -> tuple[Ints, bool, bool]:
    """Values as int64, whether they are times, and whether those have a time zone."""
    aware = getattr(getattr(values, "dtype", None), "tz", None) is not None
    # Times with a zone convert to UTC only where the dtype is asked for.
    array: NDArray[Any] = np.asarray(values, "datetime64[ns]" if aware else None)
    if array.ndim != 1:
        raise ValueError(f"{name} must be one-dimensional, had shape {array.shape}")
    if array.dtype.kind == "M":
        missing = np.flatnonzero(np.isnat(array))
        if missing.size:
            raise ValueError(f"{name} has no time in row {missing[0]}")
        return np.ascontiguousarray(array.astype("datetime64[ns]").view(np.int64)), True, aware
    if array.dtype.kind in "iu":
        return np.ascontiguousarray(array, np.int64), False, False
    raise ValueError(f"{name} must hold times (datetime64) or integers, held {array.dtype}")


def group_bounds(n: int, groups: int, name: str) -> Ints:
    """Row numbers that cut n rows into groups as even as can be, the first ones larger.

    Returns
    -------
    ndarray of int64, shape (groups + 1,)
    """
    _checks.count(name, groups, 2)
    if n < groups:
        raise ValueError(f"{name} must not exceed the number of rows {n}, was {groups}")
    small, larger = divmod(n, groups)
    sizes = np.full(groups, small, np.int64)
    sizes[:larger] += 1
    return np.concatenate([np.zeros(1, np.int64), np.cumsum(sizes)])
