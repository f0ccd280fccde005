"""Which levels of LOBSTER's order-book rows the messages alone determine.

The message file tells every change of a price level that lies within the rows' view: the first L
levels of a side. Hence this rule, for row k and one side:

* The *known interval* after row k-1 runs from the best price to the L-th level of row k-1; where
  row k-1 has fewer than L levels it has no end, because then the whole side is in view.
* A level of row k is **determined** if its price lies in that interval: its total is its total in
  row k-1 (0 if it was not there) plus what message k does to it.
* Any other level of row k is **revealed**: it lay beyond the L-th level and moved into view;
  nothing but the order-book file tells its total, even if the price was in view earlier, because
  changes out of view are not in the messages.

A level that falls out of view stays in a rebuilt book as it was last seen (*stale*) until it is
revealed again, or until the view reaches past its price without showing it: then it is gone.

Prices here are *keys*: the price for asks, its negative for bids, so that ascending means away
from the market on both sides; ``EMPTY`` fills levels that do not exist.
"""

from bisect import bisect_right, insort
from dataclasses import dataclass

import numpy as np

from dreammaker.data.importers.base import BoolArray, Int64Array

EMPTY = np.int64(2**62)
"""Key of a level that does not exist."""


@dataclass(frozen=True, slots=True)
class SideRows:
    """One side of n successive order-book rows: keys and sizes of shape (n, L)."""

    keys: Int64Array
    sizes: Int64Array


@dataclass(frozen=True, slots=True)
class Changes:
    """Levels that the messages do not explain, of one side: arrays of shape (m,), by row.

    ``sizes`` 0 means that the level is gone.
    """

    rows: Int64Array
    keys: Int64Array
    sizes: Int64Array
    shown: int
    revealed: int
    unexplained: int


def determined_levels(previous_keys: Int64Array, keys: Int64Array) -> BoolArray:
    """Which levels of each row the messages alone determine (the module's rule).

    Parameters
    ----------
    previous_keys, keys : ndarray of int64, shape (n, L)
        Keys of the rows before, and of the rows.

    Returns
    -------
    ndarray of bool, shape (n, L)
        False also where a level is empty.

    Examples
    --------
    >>> determined_levels(np.array([[10, 12]]), np.array([[10, 15]])).tolist()
    [[True, False]]
    """
    return np.asarray((keys < EMPTY) & (keys <= previous_keys[:, -1:]))


class LevelTracker:
    """Compares one side's rows with what the messages explain; keeps the stale levels.

    Call `step` with successive pieces of the file; memory is bounded by the prices seen.
    """

    def __init__(self) -> None:
        self._stale: list[int] = []

    def step(self, previous: SideRows, current: SideRows, message_key: Int64Array,
             delta: Int64Array) -> Changes:
        """What must be set beside the messages so that a rebuilt book shows the rows.

        Parameters
        ----------
        previous, current : SideRows
            Row k-1 and row k for each of n messages, shape (n, L).
        message_key : ndarray of int64, shape (n,)
            Key of the level that message k changes, -EMPTY where it changes none of this side.
        delta : ndarray of int64, shape (n,)
            What it adds to the level's size.
        """
        keys, sizes = current.keys, current.sizes
        at_message = keys == message_key[:, None]
        same = keys[:, :, None] == previous.keys[:, None, :]
        before = np.where(same, previous.sizes[:, None, :], 0).sum(axis=2)
        expected = before + np.where(at_message, delta[:, None], 0)
        shown = keys < EMPTY
        determined = determined_levels(previous.keys, keys)
        revealed = shown & ~determined
        wrong = determined & (expected != sizes)

        left = np.where(previous.keys == message_key[:, None], delta[:, None], 0) + previous.sizes
        lost = (previous.keys < EMPTY) & ~same.any(axis=1) & (left > 0)
        in_view = previous.keys <= keys[:, -1:]
        vanished, fell_out = lost & in_view, lost & ~in_view
        # An order added where the row shows nothing, at a price that was not shown before either.
        stray = ((delta > 0) & ~at_message.any(axis=1)
                 & ~(previous.keys == message_key[:, None]).any(axis=1))

        gone_rows, gone_keys = self._follow(keys, revealed, fell_out, previous.keys, stray,
                                            message_key)
        set_at = np.nonzero(revealed | wrong)
        vanished_at = np.nonzero(vanished)
        rows = np.concatenate([set_at[0], vanished_at[0], gone_rows])
        order = np.argsort(rows, kind="stable")
        all_keys = np.concatenate([keys[set_at], previous.keys[vanished_at], gone_keys])
        nothing = np.zeros(len(vanished_at[0]) + len(gone_rows), np.int64)
        all_sizes = np.concatenate([sizes[set_at], nothing])
        return Changes(rows[order], all_keys[order], all_sizes[order], int(shown.sum()),
                       int(revealed.sum()), int(wrong.sum()) + int(vanished.sum()))

    def _follow(self, keys: Int64Array, revealed: BoolArray, fell_out: BoolArray,
                previous_keys: Int64Array, stray: BoolArray,
                message_key: Int64Array) -> tuple[Int64Array, Int64Array]:
        # Rows in which stale levels come or may go: only these are walked.
        short = (keys[:, -1] == EMPTY) & (previous_keys[:, -1] < EMPTY)
        busy = np.flatnonzero(revealed.any(axis=1) | fell_out.any(axis=1) | short | stray)
        gone_rows, gone_keys = [], []
        for row in busy.tolist():
            row_keys = keys[row].tolist()
            if stray[row]:
                insort(self._stale, int(message_key[row]))
            for key in previous_keys[row][fell_out[row]].tolist():
                insort(self._stale, key)
            reached = bisect_right(self._stale, row_keys[-1])
            for key in dict.fromkeys(self._stale[:reached]):
                if key not in row_keys:
                    gone_rows.append(row)
                    gone_keys.append(key)
            del self._stale[:reached]
        return np.array(gone_rows, np.int64), np.array(gone_keys, np.int64)
