"""What a fill cost, split into parts that sum to the whole to the millionth.

Of a fill of ``q`` lots on side ``s`` (+1 bought, -1 sold) at price ``p``; m is a mid price:

============ ======================================================================================
part         definition, for each lot and before the worth of a tick
============ ======================================================================================
latency      s (m_arrival - m_decision): the mid moved while the order travelled to the venue
waiting      s (m_fill - m_arrival): the mid moved while the order rested there; 0 for what is
             taken on arrival
spread       passive: s (p - m_fill), usually below 0 (earned); taking: s (best - m_fill), the half
             spread up to the best opposite price
impact       taking: s (p - best): what was paid beyond the best price, by walking the book and by
             modelled impact where that is on; passive: 0
fees         as charged, with no model in between
============ ======================================================================================

m_decision is the mid of the row in force when the order was sent, m_arrival the recorded mid at
the venue when it arrived (records of that very moment count: the market goes first), m_fill the
recorded mid at the fill; for a passive fill the one that stood just before it. All mids are those
of the last sound book. Costs are above 0, gains from them below.

The *paper result* is what the same lots would have made at the decision mids, an open position
valued alike: net = paper - latency - waiting - spread - impact - fees.
"""

import numpy as np
from numpy.typing import NDArray

from dreammaker.backtest.marks import Quotes
from dreammaker.backtest.records import Columns

COST_PARTS = ("latency", "waiting", "spread", "impact", "fees")
"""Parts of a fill's cost, in the order in which they arise."""


def split_costs(fills: Columns, decision: Quotes, arrival: Quotes, before: Quotes, at_fill: Quotes,
                tick_value_micros: int) -> Columns:
    """Cost of each fill against the mid at its order's sending.

    Parameters
    ----------
    fills : dict of str to ndarray
        side, qty_lots, price_ticks, liquidity, fee_micros.
    decision, arrival : Quotes
        When the fill's order was sent, and when it arrived; one entry a fill.
    before, at_fill : Quotes
        Just before the fill's moment at the venue, and at it.
    tick_value_micros : int

    Returns
    -------
    dict of str to int64 array
        ``cost_PART_micros`` for each part and ``cost_micros``, their exact sum. Where nothing was
        known of a mid, the part that needs it is 0 and the next one takes it in.
    """
    side, qty = fills["side"].astype(np.int64), fills["qty_lots"].astype(np.int64)
    price = 2 * fills["price_ticks"].astype(np.int64)
    maker = fills["liquidity"] == "maker"
    mid_fill = _known(np.where(maker, before.mid_half_ticks, at_fill.mid_half_ticks),
                      np.where(maker, before.known, at_fill.known), price)
    mid_arrival = _known(arrival.mid_half_ticks, arrival.known, mid_fill)
    mid_decision = _known(decision.mid_half_ticks, decision.known, mid_arrival)
    best = 2 * np.where(side > 0, at_fill.ask_ticks, at_fill.bid_ticks)
    best = np.where(maker | ~at_fill.known, price, best)

    def micros(half_ticks: NDArray[np.int64]) -> NDArray[np.int64]:
        return side * qty * half_ticks * tick_value_micros // 2

    whole = micros(price - mid_decision)
    parts = {"latency": micros(mid_arrival - mid_decision),
             "waiting": micros(mid_fill - mid_arrival),
             "impact": micros(price - best)}
    # Half a tick may be worth half a millionth: the spread takes in what rounding leaves.
    parts["spread"] = whole - parts["latency"] - parts["waiting"] - parts["impact"]
    parts["fees"] = fills["fee_micros"].astype(np.int64)
    costs: Columns = {f"cost_{name}_micros": parts[name] for name in COST_PARTS}
    costs["cost_micros"] = whole + parts["fees"]
    return costs


def _known(values: NDArray[np.int64], known: NDArray[np.bool_],
           otherwise: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.where(known, values, otherwise)


def cost_totals(fills: Columns) -> dict[str, int]:
    """Sum of each part over fills, in millionths, and ``total``."""
    totals = {name: int(fills[f"cost_{name}_micros"].sum()) for name in COST_PARTS}
    return {**totals, "total": int(fills["cost_micros"].sum())}
