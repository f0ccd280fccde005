"""Stoikov's (2018) micro-price: the limit of the expected mid given imbalance and spread."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dreammaker.domain.errors import InputError
from dreammaker.features._vectors import Floats, pair

_HALF_TICKS = np.array([-2, -1, 1, 2])
JUMPS_TICKS = _HALF_TICKS / 2.0
"""Changes of the mid that the estimator knows, in ticks."""


def first_adjustment(transient: ArrayLike, absorbing: ArrayLike, jumps: ArrayLike) -> Floats:
    """Expected first change of the mid from each state: ``G1 = (1 - Q)^-1 R K`` (eq. 5).

    Parameters
    ----------
    transient : array_like of shape (states, states)
        Q: chance of the next state while the mid stands.
    absorbing : array_like of shape (states, jumps)
        R: chance of each change of the mid.
    jumps : array_like of shape (jumps,)
        K: the changes, in ticks.

    Returns
    -------
    numpy.ndarray of float64, shape (states,)
        In the unit of ``jumps``.

    Raises
    ------
    InputError
        If the mid never changes from some states.
    """
    q, r = np.asarray(transient, float), np.asarray(absorbing, float)
    return _solve_moves(q, r @ np.asarray(jumps, float))


def limit_adjustment(transient: ArrayLike, absorbing: ArrayLike, moved: ArrayLike,
                     jumps: ArrayLike) -> Floats:
    """Expected total change of the mid: ``G* = sum_i B^i G1`` with ``B = (1 - Q)^-1 T``.

    Summed in closed form, ``(1 - B + 1 pi')^-1 G1`` with pi the stationary law of B, which is the
    sum when ``pi' G1 = 0`` (Theorem 3.1; symmetric data guarantee it).

    Parameters
    ----------
    transient, absorbing, jumps : array_like
        As in `first_adjustment`.
    moved : array_like of shape (states, states)
        T: chance that the mid changes and the next state is this one.

    Returns
    -------
    numpy.ndarray of float64, shape (states,)
        In ticks.

    Raises
    ------
    InputError
        If the states do not communicate, or the sum diverges because ``pi' G1`` is not 0.

    Examples
    --------
    >>> q = [[.5, .2, .05], [.15, .5, .15], [.05, .2, .5]]
    >>> r = np.array([[.2, .05], [.1, .1], [.05, .2]])
    >>> t = r @ [[.2, .3, .5], [.5, .3, .2]]
    >>> limit_adjustment(q, r, t, [-1, 1]).round(6).tolist()
    [-0.252101, 0.0, 0.252101]
    """
    q, t = np.asarray(transient, float), np.asarray(moved, float)
    first = first_adjustment(q, absorbing, jumps)
    count = len(q)
    b = _solve_moves(q, t)
    # pi (B - 1) = 0 with sum 1: the least squares solution is exact where pi is unique.
    system = np.vstack((b.T - np.eye(count), np.ones(count)))
    if np.linalg.matrix_rank(system) < count:
        raise InputError("the micro-price states do not communicate: use more data, fewer "
                         "imbalance buckets or a smaller largest spread")
    law = np.linalg.lstsq(system, np.eye(count + 1)[count], rcond=None)[0]
    drift = float(law @ first)
    if abs(drift) > 1e-8 * max(1.0, float(np.abs(first).max())):
        raise InputError(f"the micro-price diverges: the mean change of the mid is {drift:g} ticks "
                         "a move instead of 0; symmetrise the data")
    return np.asarray(np.linalg.solve(np.eye(count) - b + np.outer(np.ones(count), law), first))


def _solve_moves(transient: Floats, right: Floats) -> Floats:
    try:
        return np.asarray(np.linalg.solve(np.eye(len(transient)) - transient, right))
    except np.linalg.LinAlgError:
        raise InputError("the micro-price does not exist: from some states the mid never changes; "
                         "use more data or fewer states") from None


@dataclass(frozen=True)
class StoikovMicroPrice:
    """The fitted micro-price ``mid + G*(imbalance, spread) x tick``.

    Parameters
    ----------
    edges : numpy.ndarray of float64, shape (imbalance buckets - 1,)
        Between the buckets of ``I = qb / (qb + qa)``.
    adjustment_ticks : numpy.ndarray of float64, shape (largest spread, imbalance buckets)
        G*; NaN for a state that the data never showed.
    tick_size : float
        Points a tick.
    """

    edges: Floats
    adjustment_ticks: Floats
    tick_size: float

    @classmethod
    def fit(cls, bid_prices: ArrayLike, bid_volumes: ArrayLike, ask_prices: ArrayLike,
            ask_volumes: ArrayLike, *, tick_size: float, imbalance_buckets: int = 10,
            largest_spread_ticks: int = 2) -> "StoikovMicroPrice":
        """Estimate from best prices and sizes sampled at equal steps of time.

        Each transition also enters mirrored (bid and ask exchanged), so that the sum of the
        expected changes converges. Changes of the mid beyond one tick and states with a wider
        spread are left out, as in the paper.

        Parameters
        ----------
        bid_prices, bid_volumes, ask_prices, ask_volumes : array_like of shape (n,)
            Prices in points, sizes above 0.
        tick_size : float
            Points a tick.
        imbalance_buckets : int
            2 or more, cut at the quantiles of the (mirrored) imbalance.
        largest_spread_ticks : int
            1 or more.

        Returns
        -------
        StoikovMicroPrice

        Raises
        ------
        InputError
            If sizes are not positive, a book is crossed or locked, no transition remains, or the
            states do not communicate.
        """
        if not tick_size > 0.0 or imbalance_buckets < 2 or largest_spread_ticks < 1:
            raise ValueError(
                "tick_size must be above 0, imbalance_buckets 2 or more, largest_spread_ticks 1 or "
                f"more, were {tick_size}, {imbalance_buckets}, {largest_spread_ticks}")
        bids, bid_sizes = pair("bid_prices", bid_prices, "bid_volumes", bid_volumes)
        asks, ask_sizes = pair("ask_prices", ask_prices, "ask_volumes", ask_volumes)
        _, spread = pair("bid_prices", bids, "ask_prices", np.rint((asks - bids) / tick_size))
        if len(bids) and (min(bid_sizes.min(), ask_sizes.min()) <= 0.0 or spread.min() < 1.0):
            raise InputError("the micro-price needs volumes above 0 and asks above bids in every "
                             "row; leave auctions and empty sides out")
        imbalance = bid_sizes / (bid_sizes + ask_sizes)
        both = np.concatenate((imbalance, 1.0 - imbalance))
        edges = np.quantile(both, np.arange(1, imbalance_buckets) / imbalance_buckets) \
            if len(both) else np.zeros(0)
        bucket = np.searchsorted(edges, imbalance, side="right")
        half_ticks = np.rint(np.diff(bids + asks) / tick_size).astype(np.int64)
        fits = (spread <= largest_spread_ticks)
        usable = fits[:-1] & fits[1:] & (np.abs(half_ticks) <= 2)
        counts = _transitions(spread.astype(np.int64) - 1, bucket, half_ticks, usable,
                              imbalance_buckets, largest_spread_ticks)
        if not counts.any():
            raise InputError("the micro-price needs at least one transition between rows with a "
                             f"spread of at most {largest_spread_ticks} ticks")
        adjustment = _solve(counts)
        return cls(edges, adjustment.reshape(largest_spread_ticks, imbalance_buckets), tick_size)

    def price(self, bid_price: float, bid_volume: float, ask_price: float,
              ask_volume: float) -> float:
        """Micro-price of one book; NaN for a spread or state that the fit does not know.

        Parameters
        ----------
        bid_price, ask_price : float
            Points.
        bid_volume, ask_volume : float
            Above 0.

        Returns
        -------
        float
            Points.
        """
        if not (bid_volume > 0.0 and ask_volume > 0.0):
            raise InputError(f"volumes must be above 0, were {bid_volume} and {ask_volume}")
        spread = round((ask_price - bid_price) / self.tick_size)
        if not 1 <= spread <= len(self.adjustment_ticks):
            return float("nan")
        imbalance = bid_volume / (bid_volume + ask_volume)
        bucket = int(np.searchsorted(self.edges, imbalance, side="right"))
        adjustment = float(self.adjustment_ticks[spread - 1, bucket])
        return (bid_price + ask_price) / 2.0 + adjustment * self.tick_size


def _transitions(spread: NDArray[np.int64], bucket: NDArray[np.intp],
                 half_ticks: NDArray[np.int64], usable: NDArray[np.bool_], buckets: int,
                 spreads: int) -> NDArray[np.int64]:
    # counts[state, change + 2 in half ticks, next state], mirrored transitions included.
    states = buckets * spreads
    counts = np.zeros((states, 5, states), np.int64)
    start, stop = np.flatnonzero(usable), np.flatnonzero(usable) + 1
    change = half_ticks[usable]
    for sign in (1, -1):
        place = bucket if sign > 0 else buckets - 1 - bucket
        state = spread * buckets + place
        np.add.at(counts, (state[start], sign * change + 2, state[stop]), 1)
    return counts


def _solve(counts: NDArray[np.int64]) -> Floats:
    known = np.ones(len(counts), bool)
    while True:  # a state that is only ever entered has no future to average
        kept = known & (counts[:, :, known].sum(axis=(1, 2)) > 0)
        if (kept == known).all():
            break
        known = kept
    if not known.any():
        raise InputError("the micro-price states do not communicate: use more data")
    seen = counts[known][:, :, known].astype(np.float64)
    seen /= seen.sum(axis=(1, 2))[:, None, None]
    changes = [0, 1, 3, 4]
    absorbing = seen[:, changes, :].sum(axis=2)
    if not (absorbing > 0.0).any():
        raise InputError("the micro-price needs changes of the mid; the data have none")
    adjustment = np.full(len(counts), np.nan)
    adjustment[known] = limit_adjustment(
        seen[:, 2, :], absorbing, seen[:, changes, :].sum(axis=1), JUMPS_TICKS)
    return adjustment
