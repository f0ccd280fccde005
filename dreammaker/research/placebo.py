"""Overfitting against placebos: is the best trial better than what a coin would have found?

Bailey's PBO among trials says whether choosing one of them helped. Where all of them found the same
edge it does not, and PBO is about 1/2, as it is where none found any: the measure alone cannot tell
the two apart. So every trial brings a placebo into the comparison: the same decisions, but whether
the trial's sides stand or are turned round is drawn by a coin for each period. What is compared is
the points that a trial's sides gained over a coin's average; spread and fees, which a placebo pays
too, cancel, so that a trial that merely pays less is none the better for it.

Where sides know nothing, trials and placebos are exchangeable, and PBO is 1/2 on average, whatever
the trials cost, however many they are and however much they resemble one another: one coin turns
all of them, so that trials that bet alike have placebos that bet alike.
"""

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dreammaker.validation import BacktestOverfitting, probability_of_backtest_overfitting

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

DRAWS = 32
"""Placebo worlds over which PBO is averaged; more change its second decimal."""


@dataclass(frozen=True, eq=False, slots=True)
class PlaceboOverfitting:
    """PBO over trials and their placebos; ``float(result)`` is its `pbo`.

    Attributes
    ----------
    pbo : float
        Mean over the draws.
    logits : float64 array, shape (draws, choices)
        See `BacktestOverfitting`.
    trials : int
        As many placebos are beside them.
    n_blocks : int
    """

    pbo: float
    logits: Floats
    trials: int
    n_blocks: int

    def __float__(self) -> float:
        return self.pbo


def blocks_for(periods: int) -> int:
    """Blocks that so many periods are cut into: 16, 8, 4, or 0 where they are too few.

    Examples
    --------
    >>> [blocks_for(periods) for periods in (60, 47, 8, 7)]
    [16, 8, 4, 0]
    """
    return next((blocks for blocks, least in ((16, 48), (8, 24), (4, 8)) if periods >= least), 0)


def overfitting_among(matrix: Floats) -> BacktestOverfitting | None:
    """Bailey's PBO among strategies that bet; None if they are fewer than two, or periods too few.

    Parameters
    ----------
    matrix : float64 array, shape (periods, strategies)
        A strategy that never bet is a column of 0: it has no rank of its own, and is left out.
    """
    active = matrix[:, np.any(matrix != 0.0, axis=0)]
    blocks = blocks_for(len(matrix))
    if active.shape[1] < 2 or not blocks:
        return None
    try:
        return probability_of_backtest_overfitting(active, blocks)
    except ValueError:
        # Some strategy's profit does not vary on a half: compared by means instead of ratios.
        return probability_of_backtest_overfitting(active, blocks, "mean")


def overfitting_against_placebos(over_coin: Floats, period_ns: Ints, draws: int = DRAWS
                                 ) -> PlaceboOverfitting | None:
    """PBO over trials and as many placebos, averaged over draws of the placebos.

    Parameters
    ----------
    over_coin : float64 array, shape (periods, trials)
        Points by which the sides of a trial's bets did better than a coin's average.
    period_ns : int64 array, shape (periods,)
        Begin of each period, from which its coins follow: nobody can draw again.
    draws : int
        1 to 256.

    Returns
    -------
    PlaceboOverfitting, optional
        None if fewer than two trials bet, or periods are fewer than eight.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> equally_good = 1.0 + rng.standard_normal((60, 6))
    >>> overfitting_among(equally_good).pbo > 0.4
    True
    >>> overfitting_against_placebos(equally_good, np.arange(60)).pbo < 0.01
    True
    """
    active = over_coin[:, np.any(over_coin != 0.0, axis=0)]
    if active.shape[1] < 2 or not blocks_for(len(active)):
        return None
    coins = _coins(period_ns, draws)
    found = []
    for draw in range(draws):
        result = overfitting_among(np.hstack([active, active * coins[:, draw, None]]))
        assert result is not None
        found.append(result)
    # The sum in one order: the same bits on every machine.
    return PlaceboOverfitting(sum(each.pbo for each in found) / draws,
                              np.array([each.logits for each in found]), active.shape[1],
                              found[0].n_blocks)


def _coins(period_ns: Ints, draws: int) -> Floats:
    """-1 or +1, shape (periods, draws): the bits of a hash of each period's begin."""
    text = [hashlib.sha256(b"placebo %d" % begin).digest() for begin in period_ns.tolist()]
    bits = np.unpackbits(np.frombuffer(b"".join(text), np.uint8).reshape(len(text), -1), axis=1)
    return np.where(bits[:, :draws] > 0, 1.0, -1.0)
