"""When to label and how far: CUSUM events, running volatility, and trends as labels."""

from datetime import timedelta
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dreammaker._ext.labels import cusum_rows, ewm_deviation, trends
from dreammaker.domain.errors import InputError
from dreammaker.models.label_set import Barrier, Labels
from dreammaker.models.label_spans import broadcast, number, opened, span_of
from dreammaker.models.price_path import as_path, read_instants

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

MOST_CELLS = 1 << 26
"""Of the running volatility: two years of seconds; each takes some tens of bytes."""


class CusumEvents(NamedTuple):
    """Events of a CUSUM filter.

    Attributes
    ----------
    position : int64 array, shape (n,)
        Row of the prices.
    event : int64 array, shape (n,)
        Its instant: ns since 1970, or as the prices' index.
    side : int8 array, shape (n,)
        +1 after a rise, -1 after a fall.

    Examples
    --------
    >>> cusum_events([0, 10, 25, 35], 30).side.tolist()
    [1]
    """

    position: Ints
    event: Ints
    side: NDArray[np.int8]


def cusum_events(prices: Any, threshold: ArrayLike) -> CusumEvents:
    """Rows at which the price has moved by a threshold since the last event (AFML 2.5.2.1).

    ``S+ = max(0, S+ + dy)`` and ``S- = min(0, S- + dy)``; an event when S+ >= h or S- <= -h, which
    resets that sum alone. Both start anew after a break of trading. O(n).

    Parameters
    ----------
    prices : PricePath, EventLog, DataFrame of bars, Series or array
        Their mids are filtered (closes of bars, known at their end).
    threshold : float or array_like of shape (rows,)
        Points, above 0; NaN lets nothing through.

    Raises
    ------
    InputError
        If a threshold is not above 0.

    Examples
    --------
    >>> found = cusum_events([0, 10, 25, 35, 30, 5, -5, 20, 60], 30)
    >>> found.position.tolist(), found.side.tolist()
    ([3, 5, 8], [1, -1, 1])
    """
    path = as_path(prices)
    points = broadcast("threshold", threshold, len(path))
    bad = np.flatnonzero(points <= 0.0)
    if bad.size:
        raise InputError(f"threshold must be above 0, was {points[bad[0]]:g}"
                         + (f" at row {bad[0]}" if np.ndim(threshold) else ""))
    # Twice the mid is whole on a grid, so no sum of moves rounds.
    values = path.bid + path.ask if path.close is None else 2.0 * path.close
    rows, side = cusum_rows(np.ascontiguousarray(values), 2.0 * points / path.tick_size,
                            path.segment)
    return CusumEvents(rows, path.end[rows], side)


def volatility(prices: Any, events: Any = None, *, horizon: float | timedelta,
               cell: float | timedelta = 1, span: float = 100.0, least_cells: int = 30) -> Floats:
    """Expected size of a move over the horizon, from the moves before each event, in points.

    The exponentially weighted standard deviation (bias removed, as in AFML 3.1) of the mid's moves
    over cells of equal length, times ``sqrt(horizon / cell)``. Cells that contain a break of
    trading or a moment without prices do not count. Uses only what was known at the event.

    Parameters
    ----------
    prices : PricePath, EventLog, DataFrame of bars, Series or array
    events : array_like, optional
        As for ``triple_barrier``; every row where not given.
    horizon, cell : float or timedelta
        Above 0; seconds, or units of the index where instants are not times.
    span : float
        In cells, above 1.
    least_cells : int
        NaN until this many cells have counted, 2 or more.

    Returns
    -------
    float64 array, shape (events,)
        NaN where it is not known, or where the price has not moved.

    Examples
    --------
    >>> prices = np.cumsum(np.tile([1.0, -1.0], 50))
    >>> float(volatility(prices, [99], horizon=4, least_cells=10)[0].round(2))
    2.01
    """
    path = as_path(prices)
    length = span_of("cell", cell, path, above_zero=True)
    share = span_of("horizon", horizon, path, above_zero=True) / length
    if not 1.0 < number("span", span) < np.inf:
        raise InputError(f"span must be above 1, was {span!r}")
    if number("least_cells", least_cells) < 2:
        raise InputError(f"least_cells must be 2 or more, was {least_cells}")
    event = path.end if events is None else read_instants("events", events, path)
    first, last = int(path.end[0]), int(path.end[-1])
    if (last - first) // length > MOST_CELLS:
        raise InputError(f"cell must be longer: the prices would have {(last - first) // length:,} "
                         f"cells of {cell!r}, {MOST_CELLS:,} are allowed")
    edges = np.arange(-(-first // length), last // length + 1, dtype=np.int64) * length
    if len(edges) < 2:
        return np.full(len(event), np.nan)
    row = np.searchsorted(path.end, edges, "right") - 1
    mid = path.mid() if path.close is None else path.close
    value, segment = mid[row], path.segment[row]
    # A boundary behind the end of its segment lies in a break.
    value = np.where(edges > path.segment_end[segment], np.nan, value)
    moves = np.where(segment[1:] == segment[:-1], np.diff(value), np.nan)
    deviation = ewm_deviation(np.ascontiguousarray(moves), span, least_cells)
    at = np.searchsorted(edges[1:], event, "right") - 1
    found = np.where(at >= 0, deviation[np.maximum(at, 0)], np.nan)
    found = found * np.sqrt(share) * path.tick_size
    return np.asarray(np.where(found > 0.0, found, np.nan))


def trend_scanning(prices: Any, events: Any = None, *, shortest: int = 5, longest: int = 20,
                   step: float | timedelta = 1, latency: float | timedelta | None = None,
                   side: ArrayLike | None = None) -> Labels:
    """The most certain trend after each event (Lopez de Prado 2020, section 5.4).

    The mid is sampled every `step` from the opening on; for every number of samples from
    `shortest` to `longest` a line is fitted by least squares, and the one whose slope has the
    largest absolute t-value is kept.

    Parameters
    ----------
    prices, events, latency
        As for ``triple_barrier``.
    shortest, longest : int
        Samples, 3 or more.
    step : float or timedelta
        Between samples, above 0: seconds, or units of the index where instants are not times.
    side : array_like, optional
        Given, the label is the trend's direction times the side, the gain that of the side's bet.

    Returns
    -------
    Labels
        ``label`` the sign of the slope, ``score`` its t-value (infinite for a straight line),
        ``ret`` the executable move from the opening to the chosen line's last sample. ``end`` is
        the last sample that was *looked at*, not the chosen line's: the choice depends on it, and a
        splitter that purged by less would leak. Where trading breaks off, fewer samples count.

    Raises
    ------
    InputError
        If a parameter is outside its range.

    Examples
    --------
    >>> labels = trend_scanning([0.0, 1, 2, 1, 5, 6, 9], [0], shortest=3, longest=6)
    >>> labels.label.tolist(), labels.end.tolist(), float(labels.score[0].round(3))
    ([1], [5], inf)
    """
    for name, value, least in (("shortest", shortest, 3), ("longest", longest, shortest)):
        if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
            raise InputError(f"{name} must be a whole number of {least} or more, was {value!r}")
    path = as_path(prices)
    if path.high is not None:
        raise InputError("trend_scanning takes one price a row, not bars: pass their closes as a "
                         "Series indexed by the bars' ends")
    length = span_of("step", step, path, above_zero=True)
    found = opened(path, events, latency, side, None)
    ends = path.segment_end[found.segment]
    fit = np.minimum((ends - found.start) // length + 1, longest)
    cut = fit < longest
    complete = (~cut | path.is_closed[found.segment]) & (fit >= shortest)
    dropped = {**found.dropped,
               "data end before the label": int((cut & ~path.is_closed[found.segment]).sum()),
               "trading breaks off": int((cut & path.is_closed[found.segment] & ~complete).sum())}
    row, fit, start = found.row[complete], fit[complete], found.start[complete]
    known = path.last_known()
    mid = np.ascontiguousarray(path.mid()[known])
    last = np.searchsorted(path.segment, found.segment[complete], "right").astype(np.int64) - 1
    score, samples = trends(mid, path.time, row, last, start, length, shortest, fit)
    sign = np.sign(score)
    at = known[np.minimum(np.searchsorted(path.time, start + (samples - 1) * length, "right") - 1,
                          last)]
    bid, ask, sides = found.bid[complete], found.ask[complete], found.side[complete]
    way = np.where(sides == 0, sign, sides)
    gain = np.where(way > 0, path.bid[at] - ask, bid - path.ask[at])
    ret = np.where(way == 0, 0.0, np.where(sides == 0, way * gain, gain)) * path.tick_size
    end = start + (fit - 1) * length
    return Labels(
        found.position[complete], found.event[complete], start, end.astype(np.int64), sides,
        np.where(sides == 0, sign, sign * sides).astype(np.int8), ret,
        np.where(cut[complete], Barrier.SESSION, Barrier.HORIZON).astype(np.int8),
        np.full(len(row), np.nan), score, path.is_time,
        {reason: count for reason, count in dropped.items() if count})
