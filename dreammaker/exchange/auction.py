"""The uncrossing of an auction: one price for everybody."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Uncrossing:
    """What an auction came to.

    Parameters
    ----------
    price_ticks : int
    volume_lots : int
        Executed, above 0.
    imbalance_lots : int
        Buyers' lots less sellers' lots that are executable at the price.
    """

    price_ticks: int
    volume_lots: int
    imbalance_lots: int


def uncross(bids: Sequence[tuple[int | None, int]], asks: Sequence[tuple[int | None, int]],
            last_ticks: int) -> Uncrossing | None:
    """Price at which most lots execute, then least is left over, then nearest the last price.

    Of two prices as near as each other the lower is taken.

    Parameters
    ----------
    bids, asks : sequence of (price_ticks, lots)
        Orders or levels; a price of None is a market order.
    last_ticks : int
        Reference: the last trade, or the price the auction starts from.

    Returns
    -------
    Uncrossing or None
        None where nothing executes.

    Examples
    --------
    >>> uncross([(102, 10), (100, 5)], [(99, 8), (101, 4)], 100)
    Uncrossing(price_ticks=101, volume_lots=10, imbalance_lots=-2)
    """
    for side in (bids, asks):
        if any(lots < 1 for _, lots in side):
            raise ValueError("an order in an auction has 1 lot or more")
    limits = {price for price, _ in [*bids, *asks] if price is not None}
    # Between two limits nothing changes but the distance to the reference.
    candidates = {*limits, last_ticks}
    candidates |= {price + step for price in limits for step in (-1, 1)}
    best: tuple[tuple[int, int, int, int], Uncrossing] | None = None
    for price in candidates:
        demand = sum(lots for limit, lots in bids if limit is None or limit >= price)
        supply = sum(lots for limit, lots in asks if limit is None or limit <= price)
        volume = min(demand, supply)
        rank = (-volume, abs(demand - supply), abs(price - last_ticks), price)
        if volume > 0 and (best is None or rank < best[0]):
            best = rank, Uncrossing(price, volume, demand - supply)
    return best[1] if best else None
