"""One day's session turned into tables: orders, fills with costs, round trips, curve, hours."""

import datetime
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, get_type_hints
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from dreammaker.backtest.costs import COST_PARTS, cost_totals, split_costs
from dreammaker.backtest.days import DayPlan
from dreammaker.backtest.marks import Quotes, quotes_at
from dreammaker.backtest.queue_check import queue_check
from dreammaker.backtest.records import Columns, SessionRecords, round_trips
from dreammaker.domain.instrument import Instrument
from dreammaker.domain.source import SourceProfile
from dreammaker.engine.clock import NS_PER_S
from dreammaker.execution.costs import ExecutionCost

MARKOUT_S = (1, 10, 60)
"""Horizons at which a fill's price is compared with the mid that followed, in seconds."""

_NO_BID, _NO_ASK = -2**31, 2**31 - 1
_NS_PER_HOUR = 3600 * NS_PER_S


@dataclass(frozen=True, slots=True)
class DayTables:
    """What a day came to.

    Parameters
    ----------
    orders, fills, trades, parents, queue, equity, hours : dict of str to ndarray
        See `BacktestResult`; money of ``equity`` is the day's own.
    summary : dict
        One row of the daily table.
    session : dict
        The session's own summary.
    identity : dict
        The session's identity.
    """

    orders: Columns
    fills: Columns
    trades: Columns
    parents: Columns
    queue: Columns
    equity: Columns
    hours: Columns
    summary: dict[str, Any]
    session: dict[str, Any]
    identity: dict[str, Any]


def day_tables(plan: DayPlan, records: SessionRecords,
               parents: Iterable[ExecutionCost] = ()) -> DayTables:
    """Compute a day's tables from its session's records and a second look at the market.

    Parameters
    ----------
    parents : iterable of ExecutionCost
        Costs of the day's parent orders.
    """
    instrument = Instrument(**records.identity["instrument"])
    tick_value = instrument.tick_value_micros
    orders, fills = _with_marks(plan, records, tick_value)
    trades = round_trips(fills, tick_value)
    curve = _curve(records, fills, tick_value)
    equity = _sampled(curve, plan.config.backtest.equity_seconds)
    hours = _hours(curve, fills, instrument)
    day = np.datetime64(plan.day.isoformat(), "D")
    shortfalls = _parents(parents)
    queue = queue_check(plan, orders, fills, SourceProfile(**records.identity["source"]))
    for table in (orders, fills, trades, shortfalls, queue, equity, hours):
        table["day"] = np.full(len(next(iter(table.values()))), day)
    return DayTables(orders, fills, trades, shortfalls, queue, equity, hours,
                     _summary(plan, records, curve, fills, trades), records.summary,
                     records.identity)


def _parents(costs: Iterable[ExecutionCost]) -> Columns:
    """Costs of parent orders as columns; the worth of a tick stands elsewhere."""
    columns: Columns = {}
    rows = list(costs)
    for name, kind in get_type_hints(ExecutionCost).items():
        if name != "tick_value_micros":
            columns[name] = np.array([getattr(row, name) for row in rows],
                                     object if kind is str else
                                     np.float64 if kind is float else np.int64)
    columns["shortfall_micros"] = np.array([row.shortfall_micros for row in rows], np.int64)
    return columns


def _with_marks(plan: DayPlan, records: SessionRecords, tick_value: int
                ) -> tuple[Columns, Columns]:
    orders, fills = dict(records.orders), dict(records.fills)
    place, venue_ns = fills.pop("order_index"), fills["venue_ns"]
    moments = [orders["arrival_ns"], venue_ns - 1, venue_ns,
               *(venue_ns + seconds * NS_PER_S for seconds in MARKOUT_S)]
    sent, timed = quotes_at(plan.open().feed, plan.config.features, orders["event_count"],
                            np.concatenate(moments))
    bounds = np.cumsum([0, *map(len, moments)])
    parts = [timed[slice(int(a), int(b))] for a, b in pairwise(bounds)]
    arrival, before, at_fill, *later = parts
    # An order that was refused never arrived.
    arrival.known[orders["arrival_ns"] == 0] = False
    orders["decision_mid_half_ticks"] = sent.mid_half_ticks
    orders["arrival_mid_half_ticks"] = np.where(arrival.known, arrival.mid_half_ticks, 0)
    orders.update(_place_in_queue(orders, arrival))
    fills.update(split_costs(fills, sent[place], arrival[place], before, at_fill, tick_value))
    for seconds, quotes in zip(MARKOUT_S, later, strict=True):
        gain = fills["side"] * fills["qty_lots"] * (
            quotes.mid_half_ticks - 2 * fills["price_ticks"]) * tick_value // 2
        fills[f"markout_{seconds}s_micros"] = np.where(quotes.known, gain, 0)
    fills["mid_half_ticks"] = np.where(at_fill.known, at_fill.mid_half_ticks, 0)
    return orders, fills


def _place_in_queue(orders: Columns, arrival: Quotes) -> Columns:
    """Whether an order could rest on arrival, and what was shown at its price then.

    shown_lots is -1 where the source does not say: no sizes, or a price behind the best one; an
    order that bettered the best price stood behind nobody.
    """
    side, price = orders["side"], orders["price_ticks"]
    own = np.where(side > 0, arrival.bid_ticks, arrival.ask_ticks)
    far = np.where(side > 0, arrival.ask_ticks, arrival.bid_ticks)
    size = np.where(side > 0, arrival.bid_qty, arrival.ask_qty)
    limit = np.isin(orders["type"], ("limit",)) & (orders["tif"] == "day")
    passive = limit & arrival.known & (side * (far - price) > 0)
    shown = np.where(price == own, size, np.where(side * (price - own) > 0, 0, -1))
    return {"passive": passive, "shown_lots": np.where(passive, shown, -1)}


@dataclass(frozen=True, slots=True)
class _Curve:
    """Money and position at every decision, and at the end of the session."""

    time_ns: NDArray[np.int64]
    mid_half_ticks: NDArray[np.int64]
    position_lots: NDArray[np.int64]
    net_micros: NDArray[np.int64]
    fees_micros: NDArray[np.int64]


def _curve(records: SessionRecords, fills: Columns, tick_value: int) -> _Curve:
    """Net result from cash flows and mids alone, independently of the ledger."""
    decisions, summary = records.decisions, records.summary
    time_ns = decisions["time_ns"]
    count = np.searchsorted(fills["time_ns"], time_ns, side="right")
    signed = fills["side"] * fills["qty_lots"]

    def running(values: NDArray[np.int64]) -> NDArray[np.int64]:
        return np.concatenate([np.zeros(1, np.int64), np.cumsum(values)])[count]

    bid = decisions["bid_ticks"].astype(np.int64)
    ask = decisions["ask_ticks"].astype(np.int64)
    sound = (bid > _NO_BID) & (ask < _NO_ASK) & (bid < ask)
    half = np.where(sound, bid + ask, 0)
    if len(half):
        half = half[np.maximum.accumulate(np.where(sound, np.arange(len(sound)), 0))]
    position, fees = running(signed), running(fills["fee_micros"])
    cash = -running(signed * fills["price_ticks"]) * tick_value
    net = cash + position * half * tick_value // 2 - fees
    end = max(int(time_ns[-1]) if len(time_ns) else 0,
              int(fills["time_ns"][-1]) if len(fills["time_ns"]) else 0,
              int(records.journal["time_ns"][-1]) if len(records.journal) else 0)

    def closed(values: NDArray[np.int64], final: int) -> NDArray[np.int64]:
        return np.append(values, np.int64(final))

    return _Curve(closed(time_ns, end), closed(half, int(half[-1]) if len(half) else 0),
                  closed(position, summary["position_lots"]),
                  closed(net, summary["net_micros"]), closed(fees, summary["fees_micros"]))


def _sampled(curve: _Curve, seconds: float) -> Columns:
    """The last point of each interval, intervals being whole multiples since 1970, and the end."""
    bucket = curve.time_ns // round(seconds * NS_PER_S)
    last = np.append(bucket[1:] != bucket[:-1], True)
    peak = np.maximum.accumulate(np.maximum(curve.net_micros, 0))
    return {"time_ns": curve.time_ns[last], "mid_half_ticks": curve.mid_half_ticks[last],
            "position_lots": curve.position_lots[last], "net_micros": curve.net_micros[last],
            "fees_micros": curve.fees_micros[last],
            "drawdown_micros": (peak - curve.net_micros)[last]}


def local_offset_ns(time_ns: int, zone: str) -> int:
    """Local time less UTC at an instant, ns."""
    moment = datetime.datetime.fromtimestamp(time_ns // NS_PER_S, ZoneInfo(zone))
    offset = moment.utcoffset()
    assert offset is not None
    return int(offset.total_seconds()) * NS_PER_S


def _hours(curve: _Curve, fills: Columns, instrument: Instrument) -> Columns:
    """Result, costs, activity and exposure of each local hour in which the session ran.

    Time is counted from the first decision to the end, lots by when we learnt of their fills.
    """
    offset = local_offset_ns(int(curve.time_ns[0]), instrument.exchange_zone)
    start, end = int(curve.time_ns[0]), int(curve.time_ns[-1])
    first, last = (start + offset) // _NS_PER_HOUR, (end + offset) // _NS_PER_HOUR
    bounds = np.arange(first, last + 2) * _NS_PER_HOUR - offset
    hour_of = np.clip(np.searchsorted(bounds, fills["time_ns"], side="right") - 1, 0,
                      last - first).astype(np.int64)
    at_end = np.searchsorted(curve.time_ns, bounds[1:], side="left")
    net = np.concatenate([np.zeros(1, np.int64), curve.net_micros])[at_end]
    count = int(last - first) + 1

    def total(values: NDArray[Any]) -> NDArray[np.int64]:
        sums = np.zeros(count, np.int64)
        np.add.at(sums, hour_of, values)
        return sums

    table: Columns = {
        "hour": (np.arange(first, last + 1) % 24).astype(np.int64),
        "net_micros": np.diff(net, prepend=0), "fills": total(np.ones(len(hour_of), np.int64)),
        "lots": total(fills["qty_lots"])}
    for name in COST_PARTS:
        table[f"cost_{name}_micros"] = total(fills[f"cost_{name}_micros"])
    table.update(_exposure(fills, bounds, start, end))
    return table


def _exposure(fills: Columns, bounds: NDArray[np.int64], start: int, end: int) -> Columns:
    """Seconds run, seconds with a position, and lots times seconds, of each interval."""
    edges = np.unique(np.concatenate([
        np.clip(bounds, start, end), np.clip(fills["time_ns"], start, end)]))
    if len(edges) < 2:
        edges = np.array([start, end], np.int64)
    length = np.diff(edges)
    known = np.searchsorted(fills["time_ns"], edges[:-1], side="right")
    held = np.abs(np.concatenate([np.zeros(1, np.int64), fills["position_lots"]])[known])
    interval = np.clip(np.searchsorted(bounds, edges[:-1], side="right") - 1, 0, len(bounds) - 2)

    def total(values: NDArray[np.int64]) -> NDArray[np.float64]:
        sums = np.zeros(len(bounds) - 1, np.int64)
        np.add.at(sums, interval, values)
        return sums / NS_PER_S

    most = np.zeros(len(bounds) - 1, np.int64)
    np.maximum.at(most, interval, held)
    return {"seconds": total(length), "seconds_in_market": total(length * (held > 0)),
            "lot_seconds": total(length * held), "max_lots": most}


def _summary(plan: DayPlan, records: SessionRecords, curve: _Curve, fills: Columns,
             trades: Columns) -> dict[str, Any]:
    session, net = records.summary, curve.net_micros
    peak = np.maximum.accumulate(np.maximum(net, 0))
    costs = cost_totals(fills)
    return {
        "day": plan.day.isoformat(), "net_micros": session["net_micros"],
        "realised_micros": session["realised_micros"], "open_micros": session["open_micros"],
        "paper_micros": session["net_micros"] + costs["total"],
        **{f"cost_{name}_micros": costs[name] for name in COST_PARTS},
        "trades": len(trades["net_micros"]), "wins": int((trades["net_micros"] > 0).sum()),
        "fills": session["fills"], "passive_fills": int((fills["liquidity"] == "maker").sum()),
        "lots": session["traded_lots"], "orders": session["orders"],
        "denied": sum(session["denied"].values()), "end_lots": session["position_lots"],
        "max_drawdown_micros": int((peak - net).max()),
        "highest_micros": max(int(net.max()), 0), "lowest_micros": min(int(net.min()), 0),
        "events": session["counts"]["events"], "decisions": session["counts"]["decisions"],
        "trading_state": session["trading_state"],
        "trading_state_reason": session["trading_state_reason"],
        "failures": len(session["failures"]), "stopped_by": session["stopped_by"],
        "journal_hash": session["journal_hash"], "data_hash": plan.data_hash,
    }
