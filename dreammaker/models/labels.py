"""Labels from barriers on prices that could be traded (AFML chapter 3).

A label belongs to an event: the moment of a decision. The bet is opened `latency` later, at the
ask by a buyer and at the bid by a seller, and closed on the other side. No label spans a break of
trading, and each carries the moment it ends.
"""

from dataclasses import replace
from datetime import timedelta
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dreammaker._ext.labels import first_touch
from dreammaker.domain.errors import InputError
from dreammaker.models.label_events import cusum_events, trend_scanning, volatility
from dreammaker.models.label_set import Barrier, Labels
from dreammaker.models.label_spans import (
    Entries,
    choose,
    number,
    opened,
    read_side,
    span_of,
)
from dreammaker.models.price_path import LEAST_TICKS, PricePath, as_path
from dreammaker.models.weights import (
    average_uniqueness,
    label_concurrency,
    return_attribution,
    sequential_bootstrap,
    sequential_probabilities,
    time_decay,
)

__all__ = ["Barrier", "Labels", "PricePath", "average_uniqueness", "cusum_events",
           "label_concurrency", "meta_labels", "return_attribution", "sequential_bootstrap",
           "sequential_probabilities", "time_decay", "trend_scanning", "triple_barrier",
           "volatility"]

Floats = NDArray[np.float64]


def triple_barrier(
        prices: Any, events: Any = None, *, horizon: float | timedelta, profit: float = 1.0,
        loss: float = 1.0, target: ArrayLike | None = None, side: ArrayLike | None = None,
        latency: float | timedelta | None = None, least_points: float | None = None,
        at_horizon: Literal["sign", "zero"] = "sign",
        at_break: Literal["truncate", "drop"] = "truncate") -> Labels:
    """Which of three barriers a bet meets first: profit, loss, or the horizon.

    Parameters
    ----------
    prices : PricePath, EventLog, DataFrame of bars, Series or array
        See `PricePath`. A Series or an array holds one price a row, at which one buys and sells.
    events : array_like, optional
        Instants of the decisions, in order, of the kind of the prices' index (integers count as ns
        on a path of times); every row of the prices where not given.
    horizon : float or timedelta
        From the opening to the vertical barrier, above 0: seconds, or rows (units of the index)
        where instants are not times.
    profit, loss : float
        Distances of the barriers from the opening price in multiples of the target; 0 = none.
    target : float or array_like of shape (events,), optional
        Points, above 0, for instance `volatility`; NaN drops the event. 1 where not given, so that
        profit and loss are points.
    side : int or array_like of shape (events,), optional
        +1 long, -1 short, 0 no bet (dropped). Without one the label is the direction that would
        have paid first: +1 if a long gained `profit` targets, -1 if a short gained `loss` targets.
    latency : float or timedelta, optional
        From the decision to the opening, 0 or more, as for the horizon. 40 ms on a path from a
        log (what the profile mt5_b3 assumes), else 0.
    least_points : float, optional
        Least distance of a barrier; 4 ticks (20 points on WIN) on a path from a log, else 0.
    at_horizon : {"sign", "zero"}
        Label at the vertical barrier and at a break: the sign of the gain, or 0.
    at_break : {"truncate", "drop"}
        A bet that is open when trading breaks off (auction, close, halt, roll, long gap) is closed
        at the last price before, or its event is dropped.

    Returns
    -------
    Labels
        Events that could not be opened, or whose data end too soon, are counted in ``dropped``.

    Raises
    ------
    InputError
        If a parameter is outside its range, events are not in order, or prices are not numbers.

    Notes
    -----
    With a side, a spread wider than the loss barrier is a loss at once. Barriers are checked at
    every change of the prices. Cost: O(rows of the spans / 64) where little is touched.

    Examples
    --------
    >>> path = [130000, 130020, 129980, 130050, 130105]
    >>> labels = triple_barrier(path, [0], profit=100, loss=60, horizon=4)
    >>> labels.label.tolist(), labels.end.tolist(), labels.ret.tolist()
    ([1], [4], [105.0])
    """
    choose("at_horizon", at_horizon, ("sign", "zero"))
    choose("at_break", at_break, ("truncate", "drop"))
    path = as_path(prices)
    found = opened(path, events, latency, side, target)
    up, down = (_distance(name, multiple, found.target, least_points, path)
                for name, multiple in (("profit", profit), ("loss", loss)))
    last = found.start + span_of("horizon", horizon, path, above_zero=True)
    closes = np.minimum(last, path.segment_end[found.segment])
    stop = np.minimum(np.searchsorted(path.end, closes, "right"),
                      np.searchsorted(path.segment, found.segment, "right"))
    levels = _levels(found, up, down)
    high, low = (path.bid if values is None else values for values in (path.high, path.low))
    spread = path.ask - path.bid if path.high is not None else None
    ask_high, ask_low = (path.ask, path.ask) if spread is None else (high + spread, low + spread)
    ranges = tuple(np.ascontiguousarray(values) for values in (high, low, ask_high, ask_low))
    row = first_touch(ranges[0], ranges[1], ranges[2], ranges[3], found.row,
                      np.maximum(stop, found.row).astype(np.int64), levels)
    # What was not touched must be over: at the horizon, or where trading broke off.
    broken = (row < 0) & (last > closes) & path.is_closed[found.segment]
    complete = (row >= 0) | (last <= closes) | broken
    if path.high is not None:
        # A bar that has not ended by then says nothing: there must be one that has.
        complete &= (row >= 0) | (stop > found.row)
    if at_break == "drop":
        complete &= ~broken
    reasons = {**found.dropped, "data end before the label": int((~complete & ~broken).sum()),
               "trading breaks off": int((~complete & broken).sum())}
    labels = _outcomes(path, found, row, stop, closes, levels, ranges, broken, at_horizon)
    return replace(labels.take(complete),
                   dropped={reason: count for reason, count in reasons.items() if count})


def meta_labels(labels: Labels | ArrayLike, side: ArrayLike | None = None, *,
                cost: float = 0.0) -> NDArray[np.int8]:
    """Whether each bet paid: 1 if its gain is above the cost, else 0 (AFML 3.6).

    Parameters
    ----------
    labels : Labels or array_like of shape (n,)
        Labels of bets with a side (`triple_barrier` with ``side``), or the price's moves in points.
    side : array_like of shape (n,), optional
        +1 or -1; only with moves.
    cost : float
        Points that a bet costs besides the spread, 0 or more: fees and slippage.

    Returns
    -------
    int8 array, shape (n,)

    Raises
    ------
    InputError
        If a side is missing, there are two, or one is not -1, 0 or 1 (0 = no bet: 0).

    Examples
    --------
    >>> meta_labels([15.0, -20.0, -5.0], [1, -1, 1], cost=2.5).tolist()
    [1, 1, 0]
    """
    if not 0.0 <= number("cost", cost) < np.inf:
        raise InputError(f"cost must be 0 or more, was {cost!r}")
    if isinstance(labels, Labels):
        if side is not None:
            raise InputError("side must not be given with labels, which carry their own")
        if np.any(labels.side == 0):
            raise InputError("labels must be of bets with a side; call triple_barrier with the "
                             "primary model's side")
        return (labels.ret > cost).astype(np.int8)
    if side is None:
        raise InputError("side must be given with an array of moves")
    try:
        moves = np.asarray(labels, np.float64)
    except (TypeError, ValueError):
        raise InputError("labels must hold numbers, or be Labels") from None
    if moves.ndim != 1 or not np.isfinite(moves).all():
        raise InputError("labels must hold finite moves in one dimension")
    sides = read_side(side, len(moves))
    return (moves * sides > cost).astype(np.int8)


def _distance(name: str, multiple: float, target: Floats, least_points: float | None,
              path: PricePath) -> Floats:
    """Distance of a barrier in the path's units; infinite for none; whole units on a grid."""
    if not 0.0 <= number(name, multiple) < np.inf:
        raise InputError(f"{name} must be 0 or more, was {multiple!r}")
    if least_points is None:
        least_points = LEAST_TICKS * path.tick_size if path.has_grid else 0.0
    if not 0.0 <= number("least_points", least_points) < np.inf:
        raise InputError(f"least_points must be 0 or more, was {least_points!r}")
    if multiple == 0.0:
        return np.full(len(target), np.inf)
    units = np.maximum(multiple * target, least_points) / path.tick_size
    # On a grid a barrier is met where the first whole tick at or beyond it is.
    return np.ceil(units - 1e-9) if path.has_grid else units


def _levels(found: Entries, up: Floats, down: Floats) -> Floats:
    """Bid above, bid below, ask above, ask below: what ends each bet; infinite = nothing."""
    levels = np.tile(np.array([np.inf, -np.inf, np.inf, -np.inf]), (len(up), 1))
    long, short, none = (found.side == value for value in (1, -1, 0))
    levels[long, 0], levels[long, 1] = (found.ask + up)[long], (found.ask - down)[long]
    levels[short, 2], levels[short, 3] = (found.bid + down)[short], (found.bid - up)[short]
    levels[none, 0], levels[none, 3] = (found.ask + up)[none], (found.bid - down)[none]
    return np.ascontiguousarray(levels)


def _outcomes(path: PricePath, found: Entries, row: NDArray[np.int64], stop: NDArray[np.int64],
              closes: NDArray[np.int64], levels: Floats, ranges: tuple[Floats, ...],
              broken: NDArray[np.bool_], at_horizon: str) -> Labels:
    """Gain, label and barrier of every bet, complete or not."""
    touched = row >= 0
    at = np.where(touched, row, np.maximum(stop - 1, found.row))
    known = path.last_known()[at]
    last_bid = (path.bid if path.close is None else path.close)[known]
    last_ask = last_bid + (path.ask - path.bid)[known]
    hits = [touched & (ranges[0][at] >= levels[:, 0]), touched & (ranges[1][at] <= levels[:, 1]),
            touched & (ranges[2][at] >= levels[:, 2]), touched & (ranges[3][at] <= levels[:, 3])]
    # A gap fills at the open beyond the level; for quotes the open is the quote itself.
    bid, ask, side = path.bid[at], path.ask[at], found.side
    bid_up, bid_down = np.maximum(bid, levels[:, 0]), np.minimum(bid, levels[:, 1])
    ask_up, ask_down = np.maximum(ask, levels[:, 2]), np.minimum(ask, levels[:, 3])
    gapped_up, gapped_down = bid >= levels[:, 0], ask <= levels[:, 3]
    gain_hit = np.where(side == 1, hits[0], hits[3])
    loss_hit = np.where(side == 1, hits[1], hits[2])
    # Within a bar the loss came first, unless the bar opened beyond the profit.
    loss_hit &= ~np.where(side == 1, gapped_up, gapped_down)
    exit_bid = np.where(loss_hit, bid_down, np.where(gain_hit, bid_up, last_bid))
    exit_ask = np.where(loss_hit, ask_up, np.where(gain_hit, ask_down, last_ask))
    bet = np.where(side == 1, exit_bid - found.ask, found.bid - exit_ask)
    both = hits[0] & hits[3] & ~gapped_up & ~gapped_down & (side == 0)
    rises, falls = hits[0] & ~gapped_down & ~both, hits[3] & ~gapped_up & ~both
    long_gain = np.where(rises, bid_up, last_bid) - found.ask
    short_gain = found.bid - np.where(falls, ask_down, last_ask)
    free = np.select([both, rises, falls, long_gain > 0, short_gain > 0],
                     [0.0, long_gain, -short_gain, long_gain, -short_gain], 0.0)
    ret = np.where(side == 0, free, bet)
    upper = np.where(side == 0, rises, gain_hit & ~loss_hit)
    lower = np.where(side == 0, falls, loss_hit)
    barrier = np.select([both, upper, lower, broken],
                        [Barrier.BOTH, Barrier.UPPER, Barrier.LOWER, Barrier.SESSION],
                        Barrier.HORIZON)
    waited = np.sign(ret) if at_horizon == "sign" else np.zeros(len(ret))
    label = np.select([both, upper, lower], [0.0, 1.0, -1.0], waited)
    end = np.where(touched, np.maximum(path.end[at], found.start), closes)
    return Labels(found.position, found.event, found.start, end.astype(np.int64),
                  side.astype(np.int8), label.astype(np.int8), ret * path.tick_size,
                  barrier.astype(np.int8), found.target, np.full(len(ret), np.nan), path.is_time)
