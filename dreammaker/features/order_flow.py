"""Order-flow imbalance between successive books given as DataFrames."""

from collections.abc import Sequence
from math import isfinite
from typing import TYPE_CHECKING, Literal

import numpy as np

from dreammaker.domain.errors import InputError
from dreammaker.features._vectors import Floats

if TYPE_CHECKING:
    from pandas import DataFrame


class OrderFlowImbalance:
    """Order-flow imbalance between successive books, summed over levels 1 to n.

    Parameters
    ----------
    levels : sequence of int
        The n to report, each 1 or more.
    method : {"cont", "volume"}
        ``"cont"``: the event definition of Cont, Kukanov and Stoikov (2014, section 2.1) at each
        level (Xu, Gould and Howison 2018), which handles moving prices. ``"volume"``: the literal
        change of volume at the level index, (qb - qb') - (qa - qa'). They agree while no price of
        the levels moves.

    Raises
    ------
    ValueError
        If ``levels`` or ``method`` is not as described.

    Examples
    --------
    >>> import pandas as pd
    >>> names = ["bid_price_1", "bid_volume_1", "ask_price_1", "ask_volume_1"]
    >>> ofi = OrderFlowImbalance(levels=[1])
    >>> ofi.calculate(pd.DataFrame([[130000, 15, 130005, 7]], columns=names))
    {1: 0.0}
    >>> ofi.calculate(pd.DataFrame([[130005, 4, 130010, 20]], columns=names))
    {1: 11.0}
    """

    def __init__(self, levels: Sequence[int] = (1, 2, 3, 5),
                 method: Literal["cont", "volume"] = "cont") -> None:
        self.levels = list(levels)
        if not self.levels or any(level < 1 for level in self.levels):
            raise ValueError(f"levels must name at least one level, from 1 on, were {levels!r}")
        if method not in ("cont", "volume"):
            raise ValueError(f"method must be 'cont' or 'volume', was {method!r}")
        self.method = method
        self.previous_book: Floats | None = None

    def reset(self) -> None:
        """Forget the previous book (session open, auction, gap, contract roll)."""
        self.previous_book = None

    def calculate(self, book: "DataFrame") -> dict[int, float]:
        """Imbalance of this book against the one of the call before.

        Parameters
        ----------
        book : pandas.DataFrame
            Columns ``bid_price_k, bid_volume_k, ask_price_k, ask_volume_k`` for k = 1 to the
            highest level asked for. The last row counts. A level that is empty (volume 0 or NaN)
            counts with size 0 at the worst price there is.

        Returns
        -------
        dict of int to float
            For each n of ``levels`` the sum over levels 1 to n, in lots: positive when buyers
            press. Zeros in the first call and for a DataFrame without rows.

        Raises
        ------
        InputError
            If a column is missing or a volume is negative.
        """
        if len(book) == 0:
            return dict.fromkeys(self.levels, 0.0)
        current = self._read(book)
        previous, self.previous_book = self.previous_book, current
        if previous is None:
            return dict.fromkeys(self.levels, 0.0)
        bid, ask = (self._flow(side, previous, current) for side in (0, 1))
        result, total = {}, 0.0
        for level in range(1, max(self.levels) + 1):
            total += float(bid[level - 1] - ask[level - 1])
            if level in self.levels:
                result[level] = total
        return {level: result[level] for level in self.levels}

    def _read(self, book: "DataFrame") -> Floats:
        # [side, level, (price towards the mid counted up, size)]
        depth = max(self.levels)
        last = book.iloc[-1]
        read = np.empty((2, depth, 2))
        for side, name in enumerate(("bid", "ask")):
            for level in range(depth):
                try:
                    price = float(last[f"{name}_price_{level + 1}"])
                    volume = float(last[f"{name}_volume_{level + 1}"])
                except KeyError as missing:
                    raise InputError(f"the book has no column {missing}; OFI over {depth} levels "
                                     f"needs bid and ask price and volume 1 to {depth}") from None
                if volume < 0.0:
                    raise InputError(
                        f"{name}_volume_{level + 1} must be 0 or more, was {volume:g}")
                empty = not (volume > 0.0 and isfinite(price))
                read[side, level] = (-np.inf, 0.0) if empty else (
                    price if side == 0 else -price, volume)
        return read

    def _flow(self, side: int, previous: Floats, current: Floats) -> Floats:
        old_price, old_size = previous[side].T
        new_price, new_size = current[side].T
        if self.method == "volume":
            return np.asarray(new_size - old_size)
        return np.where(new_price >= old_price, new_size, 0.0) - np.where(
            new_price <= old_price, old_size, 0.0)
