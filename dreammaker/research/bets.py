"""From decisions to money: one position at a time, costs paid, summed by period and by day."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dreammaker.research.samples import LONG, SHORT, Samples

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

DAYS_ENOUGH = 48
"""With so many sessions a period is a session; below, five minutes of one."""

CELL_NS = 300_000_000_000


@dataclass(frozen=True, eq=False, slots=True)
class Bets:
    """Bets that were taken, in order of time.

    Attributes
    ----------
    row : int64 array, shape (m,)
        Of the samples.
    side : int8 array, shape (m,)
    net : float64 array, shape (m,)
        Points, after all costs.
    over_coin : float64 array, shape (m,)
        Points by which the chosen side did better than a coin would have on average: half of its
        outcome less the other side's. Spread and fees, which a coin pays too, are not in it.
    """

    row: Ints
    side: NDArray[np.int8]
    net: Floats
    over_coin: Floats

    def __len__(self) -> int:
        """Number of bets."""
        return len(self.row)


def take_bets(samples: Samples, side: NDArray[np.int8], wanted: NDArray[np.bool_]) -> Bets:
    """Take every wanted bet while flat: a decision made before the last bet is over is let pass.

    Parameters
    ----------
    samples : Samples
    side : int8 array, shape (n,)
    wanted : bool array, shape (n,)
    """
    rows: list[int] = []
    wanted_rows = np.flatnonzero(wanted)
    exits = np.where(side > 0, samples.exit_ns[:, LONG], samples.exit_ns[:, SHORT])[wanted_rows]
    # The first wanted decision made after each wanted bet is over.
    following = np.searchsorted(samples.t_start[wanted_rows], exits, "right").tolist()
    at = 0
    while at < len(wanted_rows):
        rows.append(at)
        at = max(following[at], at + 1)
    row = wanted_rows[np.array(rows, np.int64)].astype(np.int64)
    long, short = samples.gain[row, LONG], samples.gain[row, SHORT]
    gain, other = np.where(side[row] > 0, (long, short), (short, long))
    return Bets(row, side[row], gain - samples.cost_points, 0.5 * (gain - other))


def periods(samples: Samples) -> tuple[Ints, Ints]:
    """What the profit of any strategy on these rows is summed over.

    Returns
    -------
    tuple
        Each row's period number, and the beginning of each period, UTC ns. A period is a session
        (begins at midnight of its date) where there are 48 or more, else five minutes that hold a
        decision: strategies over the same days can be put side by side, whatever their rows.
    """
    begin = (samples.day.astype("datetime64[ns]").astype(np.int64)
             if samples.sessions >= DAYS_ENOUGH else samples.t_start // CELL_NS * CELL_NS)
    starts, number = np.unique(begin, return_inverse=True)
    return number.astype(np.int64), starts


def summed(bets: Bets, number: Ints, count: int) -> Floats:
    """Net points of each of `count` periods; `number` is every row's period."""
    return np.asarray(np.bincount(number[bets.row], bets.net, count), np.float64)


def summed_over_coin(bets: Bets, number: Ints, count: int) -> Floats:
    """Points of each period by which the sides did better than a coin; see `summed`."""
    return np.asarray(np.bincount(number[bets.row], bets.over_coin, count), np.float64)


def by_day(bets: Bets, samples: Samples) -> tuple[NDArray[np.datetime64], Floats]:
    """Sessions, and net points of each; a session without a bet has 0."""
    days, number = np.unique(samples.day, return_inverse=True)
    return days, summed(bets, number, len(days))
