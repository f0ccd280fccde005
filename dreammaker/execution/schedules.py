"""Schedules: how many lots of a parent order go into each interval.

Every function returns whole lots that sum exactly to the parent (``pov``: at most), none of them
negative. Randomised slices come from a generator that is passed in; without one nothing is drawn.
``side`` is not in here: a sale is scheduled like a purchase.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from dreammaker.execution.rounding import (
    Lots,
    checked_weights,
    differences,
    jittered,
    slice_times_ns,
    whole,
    whole_lots,
)
from dreammaker.stochastic.almgren_chriss import AlmgrenChriss, Trajectory
from dreammaker.stochastic.lots import optimal_lots

__all__ = ["almgren_chriss", "almgren_chriss_trajectory", "pov", "slice_times_ns", "twap", "vwap"]


def twap(lots: int, slices: int, *, size_jitter: float = 0.0,
         rng: np.random.Generator | None = None) -> Lots:
    """Equal slices.

    Parameters
    ----------
    lots : int
        Of the parent, 1 or more.
    slices : int
        Intervals, 1 or more; where there are more of them than lots some are empty.
    size_jitter : float
        In [0, 1): each slice's share is multiplied by a uniform draw from
        [1 - size_jitter, 1 + size_jitter] before the shares are brought back to 1.
    rng : numpy.random.Generator, optional
        Needed where there is jitter.

    Returns
    -------
    ndarray of int64, shape (slices,)

    Raises
    ------
    ValueError
        If a parameter is out of range.

    Examples
    --------
    >>> twap(103, 5).tolist()
    [21, 20, 21, 20, 21]
    """
    return vwap(lots, [1.0] * whole("slices", slices), size_jitter=size_jitter, rng=rng)


def vwap(lots: int, volume_curve: Sequence[float] | ArrayLike, *, size_jitter: float = 0.0,
         rng: np.random.Generator | None = None) -> Lots:
    """Slices in proportion to the volume that is expected in each interval.

    Parameters
    ----------
    lots : int
        Of the parent, 1 or more.
    volume_curve : array_like of shape (n,)
        Expected volumes or shares, 0 or more, not all 0 (see ``volume_curve.VolumeCurve``).
    size_jitter, rng
        As in `twap`.

    Returns
    -------
    ndarray of int64, shape (n,)

    Raises
    ------
    ValueError
        If a parameter is out of range.

    Examples
    --------
    >>> vwap(103, [0.3, 0.15, 0.1, 0.15, 0.3]).tolist()
    [31, 15, 11, 15, 31]
    """
    parent = whole("lots", lots)
    weights = checked_weights("volume_curve", volume_curve)
    if size_jitter:
        if rng is None:
            raise ValueError("rng must be given where size_jitter is above 0, was None")
        weights = jittered(weights, size_jitter, rng)
    if not any(weights):
        raise ValueError("volume_curve must not be 0 everywhere")
    return whole_lots(parent, weights)


def pov(lots: int, other_volumes: Sequence[int] | ArrayLike, rate: float, *,
        max_child_lots: int | None = None, max_catch_up_lots: int | None = None) -> Lots:
    """Follow the market's volume: our share of all that trades, our own lots included, is the rate.

    Of others' volume V we trade ``rate / (1 - rate) V``: then ours is the rate's share of the
    total. What rounding, a cap on the child or the catch-up limit held back is made up for later.

    Parameters
    ----------
    lots : int
        Of the parent, 1 or more; nothing is traded beyond it.
    other_volumes : array_like of int, shape (n,)
        Lots traded by others in each interval, 0 or more.
    rate : float
        rho, in (0, 1).
    max_child_lots : int, optional
        At most so many lots in an interval.
    max_catch_up_lots : int, optional
        At most so many lots in an interval beyond what its own volume asks for.

    Returns
    -------
    ndarray of int64, shape (n,)
        Sums to ``lots`` or, where the volume did not suffice, to less. The cumulative sum is never
        above ``rate / (1 - rate)`` times the cumulative volume.

    Raises
    ------
    ValueError
        If a parameter is out of range.

    Examples
    --------
    A fifth of all: one lot of ours for four of others'.

    >>> pov(100, [40, 10, 3, 400], 0.2).tolist()
    [10, 2, 1, 87]
    >>> pov(100, [40, 10, 3, 400], 0.2, max_child_lots=50).tolist()
    [10, 2, 1, 50]
    """
    parent = whole("lots", lots)
    share = participation(rate)
    cap = parent if max_child_lots is None else whole("max_child_lots", max_child_lots)
    catch_up = parent if max_catch_up_lots is None else whole("max_catch_up_lots",
                                                              max_catch_up_lots, 0)
    slices, seen, done = [], 0, 0
    for j, volume in enumerate(np.asarray(other_volumes).tolist()):
        if not (isinstance(volume, int) and volume >= 0):
            raise ValueError("other_volumes must be whole numbers of 0 or more, was "
                             f"{volume!r} at index {j}")
        before = follow_lots(share, seen)
        seen += volume
        due = min(follow_lots(share, seen), parent)
        own = due - min(before, parent)
        now = min(due - done, cap, own + catch_up)
        slices.append(now)
        done += now
    return np.array(slices, dtype=np.int64)


def participation(rate: float) -> float:
    """Our lots for each of others': rho / (1 - rho) for our share rho of the total.

    Raises
    ------
    ValueError
        If the rate is outside (0, 1).
    """
    if not 0.0 < rate < 1.0:
        raise ValueError(f"rate must be in (0, 1), was {rate}")
    return rate / (1.0 - rate)


def follow_lots(share: float, other_lots: int) -> int:
    """Whole lots that a share of others' volume allows.

    The rate of 0.2 is not exact in binary: a product within 1e-9 of a whole number is that number.
    """
    return int(share * other_lots * (1.0 + 1e-12) + 1e-9)


def almgren_chriss_trajectory(lots: int, horizon: float, slices: int, *, volatility: float,
                              half_spread: float = 0.0, permanent: float = 0.0, temporary: float,
                              risk_aversion: float, drift: float = 0.0) -> Trajectory:
    """The exact trajectory behind `almgren_chriss`, with its expected cost and variance.

    Parameters
    ----------
    lots : int
        X, 1 or more.
    horizon : float
        T, in any unit of time.
    slices : int
        N.
    volatility : float
        sigma, points per square root of a unit of time.
    half_spread, permanent, temporary : float
        epsilon (points), gamma (points per lot), eta (points per lot per unit of time).
    risk_aversion : float
        lambda.
    drift : float
        alpha, points per unit of time.

    Returns
    -------
    Trajectory
    """
    model = AlmgrenChriss(float(whole("lots", lots)), horizon, slices, volatility, half_spread,
                          permanent, temporary)
    return model.trajectory(risk_aversion, drift)


def almgren_chriss(lots: int, horizon: float, slices: int, *, volatility: float,
                   half_spread: float = 0.0, permanent: float = 0.0, temporary: float,
                   risk_aversion: float, drift: float = 0.0, exact: bool = False) -> Lots:
    """Slices of Almgren and Chriss's trajectory, J. Risk 3(2), 2000/01, eqs (16) to (20).

    Parameters
    ----------
    lots, horizon, slices, volatility, half_spread, permanent, temporary, risk_aversion, drift
        As in `almgren_chriss_trajectory`.
    exact : bool
        False: the trajectory's holdings rounded to whole lots, each off by half a lot at the most.
        True: the schedule of whole lots that costs least (``stochastic.lots``), which differs
        where lots are few.

    Returns
    -------
    ndarray of int64, shape (slices,)

    Raises
    ------
    ValueError
        If a parameter is out of range, or the trajectory buys back on its way (a drift): lots of
        both signs are not a schedule.

    Examples
    --------
    The paper's Table 1.

    >>> almgren_chriss(1_000_000, 5.0, 5, volatility=0.95, half_spread=0.0625, permanent=2.5e-7,
    ...                temporary=2.5e-6, risk_aversion=1e-6).tolist()
    [458044, 252102, 141957, 85755, 62142]
    """
    path = almgren_chriss_trajectory(
        lots, horizon, slices, volatility=volatility, half_spread=half_spread,
        permanent=permanent, temporary=temporary, risk_aversion=risk_aversion, drift=drift)
    if exact:
        tau = horizon / slices
        if risk_aversion < 0.0:
            raise ValueError("risk_aversion must be 0 or more where exact is set, was "
                             f"{risk_aversion:g}")
        return optimal_lots(lots, slices, tau, temporary - 0.5 * permanent * tau,
                            risk=risk_aversion * volatility * volatility, drift=drift,
                            half_spread=half_spread).trades_lots
    ends = [0] + [lots - round(x) for x in path.holdings_lots[1:].tolist()]
    trades = differences(ends)
    if (trades < 0).any():
        raise ValueError(f"drift must not make the trajectory buy back, was {drift:g}; "
                         "use exact=True for the best one that does not")
    return trades
