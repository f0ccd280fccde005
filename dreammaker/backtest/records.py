"""A session folder read back: orders with what became of them, and fills."""

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dreammaker.domain.errors import StoreError
from dreammaker.domain.orders import Liquidity, OrderType, Reason, ReportKind, TimeInForce
from dreammaker.store.journal import DECISION_DTYPE, JOURNAL_DTYPE, Entry
from dreammaker.store.segments import read_segment
from dreammaker.store.session import read_json

Columns = dict[str, NDArray[Any]]
"""A table: arrays of one length by name."""

_ENDS = {ReportKind.REJECTED: "rejected", ReportKind.CANCELED: "canceled",
         ReportKind.EXPIRED: "expired"}


@dataclass(frozen=True, slots=True)
class SessionRecords:
    """What a session left behind.

    Parameters
    ----------
    identity, summary : dict
        Of ``session.json`` and ``summary.json``.
    decisions, journal : ndarray
        Of DECISION_DTYPE and JOURNAL_DTYPE.
    orders : dict of str to ndarray
        An entry an order sent; see `read_orders`.
    fills : dict of str to ndarray
        An entry a fill, in the order in which we learnt of them.
    """

    identity: dict[str, Any]
    summary: dict[str, Any]
    decisions: NDArray[np.void]
    journal: NDArray[np.void]
    orders: Columns
    fills: Columns


def read_session(folder: Path) -> SessionRecords:
    """Read a session folder.

    Raises
    ------
    StoreError
        If a file is missing or damaged.
    """
    journal = read_segment(folder / "journal.arrow", JOURNAL_DTYPE)
    intents, reports = _read_database(folder / "orders.sqlite")
    orders = read_orders(journal, intents, reports)
    return SessionRecords(
        read_json(folder / "session.json")["identity"], read_json(folder / "summary.json"),
        read_segment(folder / "decisions.arrow", DECISION_DTYPE), journal, orders,
        _read_fills(orders, reports))


def _read_database(path: Path) -> tuple[dict[int, dict[str, Any]], list[dict[str, Any]]]:
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as database:
            database.row_factory = sqlite3.Row
            intents = {row["client_order_id"]: dict(row)
                       for row in database.execute("select * from intent")}
            reports = [dict(row) for row in database.execute("select * from report order by id")]
    except sqlite3.Error as error:
        raise StoreError(f"{path} cannot be read: {error}") from None
    return intents, reports


def read_orders(journal: NDArray[np.void], intents: dict[int, dict[str, Any]],
                reports: list[dict[str, Any]]) -> Columns:
    """Orders in order of sending, with what became of each.

    Parameters
    ----------
    journal : ndarray of JOURNAL_DTYPE
    intents : dict of int to dict
        Rows of the orders database by order number.
    reports : list of dict
        Its reports, in order.

    Returns
    -------
    dict of str to ndarray
        order_id, parent_id, sent_ns, event_count (records up to the row in force), side, type,
        tif, qty_lots, price_ticks, reduce_only, reason; arrival_ns (at the venue, 0 = it never
        was accepted), filled_lots, cancel_ns (first request, 0 = none), end_ns (at the venue,
        0 = never), outcome (filled, canceled, expired, rejected or open), end_reason.
    """
    submits = journal[journal["kind"] == Entry.SUBMIT]
    numbers = submits["order_id"].tolist()
    index = {number: place for place, number in enumerate(numbers)}
    count = len(numbers)
    code = submits["code"].astype(np.int64)
    arrival, cancel, end = (np.zeros(count, np.int64) for _ in range(3))
    filled = np.zeros(count, np.int64)
    outcome, end_reason = ["open"] * count, [""] * count
    for report in reports:
        place = index.get(report["client_order_id"])
        if place is None:
            continue
        kind = ReportKind(report["kind"])
        if kind is ReportKind.ACCEPTED and not arrival[place]:
            arrival[place] = report["venue_ns"]
        elif kind is ReportKind.FILLED:
            filled[place] += report["qty_lots"]
            if filled[place] >= submits["qty_lots"][place] or report["leaves_lots"] == 0:
                outcome[place], end[place] = "filled", report["venue_ns"]
        elif kind in _ENDS:
            outcome[place], end[place] = _ENDS[kind], report["venue_ns"]
            end_reason[place] = Reason(report["reason"]).name.lower()
    for entry in journal[journal["kind"] == Entry.CANCEL]:
        place = index.get(int(entry["order_id"]))
        if place is not None and not cancel[place]:
            cancel[place] = entry["time_ns"]
    return {
        "order_id": np.array(numbers, np.int64),
        "parent_id": np.array([intents.get(n, {}).get("parent_id", 0) for n in numbers], np.int64),
        "sent_ns": submits["time_ns"].copy(), "event_count": submits["event_count"].copy(),
        "side": submits["side"].astype(np.int64),
        "type": _names(OrderType, code & 0xF), "tif": _names(TimeInForce, code >> 4 & 0xF),
        "qty_lots": submits["qty_lots"].copy(), "price_ticks": submits["price_ticks"].copy(),
        "reduce_only": (code >> 8 & 1).astype(np.bool_), "reason": _names(Reason, submits["x"]),
        "arrival_ns": arrival, "filled_lots": filled, "cancel_ns": cancel, "end_ns": end,
        "outcome": np.array(outcome, object), "end_reason": np.array(end_reason, object),
    }


def _names(kind: Any, codes: NDArray[Any]) -> NDArray[Any]:
    known = {int(member): member.name.lower() for member in kind}
    return np.array([known.get(code, str(code)) for code in codes.tolist()], object)


def _read_fills(orders: Columns, reports: list[dict[str, Any]]) -> Columns:
    index = {number: place for place, number in enumerate(orders["order_id"].tolist())}
    rows = [row for row in reports if row["kind"] == ReportKind.FILLED
            and row["client_order_id"] in index]
    place = np.array([index[row["client_order_id"]] for row in rows], np.int64)

    def column(name: str) -> NDArray[np.int64]:
        return np.array([row[name] for row in rows], np.int64)

    side, qty = orders["side"][place], column("qty_lots")
    return {
        "fill_id": column("fill_id"), "order_id": column("client_order_id"),
        "time_ns": column("local_ns"), "venue_ns": column("venue_ns"), "side": side,
        "qty_lots": qty, "price_ticks": column("price_ticks"),
        "liquidity": _names(Liquidity, column("liquidity")), "fee_micros": column("fee_micros"),
        "position_lots": np.cumsum(side * qty), "order_index": place,
    }


def round_trips(fills: Columns, tick_value_micros: int) -> Columns:
    """Round trips, each from flat to flat; a reversal closes one and opens the next.

    The fee of a reversal is shared out by lots, what rounding leaves going to the new trip.

    Returns
    -------
    dict of str to ndarray
        open_ns, close_ns, side, max_lots, traded_lots, entry_ticks and exit_ticks (averages,
        float64), gross_micros, fees_micros, net_micros, fills.
    """
    trips: list[tuple[float, ...]] = []
    open_trip: _Trip | None = None
    for time_ns, side, qty, price, fee in zip(
            *(fills[name].tolist() for name in
              ("time_ns", "side", "qty_lots", "price_ticks", "fee_micros")), strict=True):
        left, left_fee = qty, fee
        if open_trip is not None and side != open_trip.side:
            closing = min(qty, open_trip.lots)
            part = fee * closing // qty
            open_trip.close(time_ns, closing, price, part)
            left, left_fee = qty - closing, fee - part
            if open_trip.lots == 0:
                trips.append(open_trip.result(tick_value_micros))
                open_trip = None
        if left:
            open_trip = open_trip or _Trip(side, time_ns)
            open_trip.open(left, price, left_fee)
    names = ("open_ns", "close_ns", "side", "max_lots", "traded_lots", "gross_micros",
             "fees_micros", "net_micros", "fills")
    table: Columns = {name: np.array([int(trip[place]) for trip in trips], np.int64)
                      for place, name in enumerate(names)}
    table["entry_ticks"] = np.array([trip[9] for trip in trips], np.float64)
    table["exit_ticks"] = np.array([trip[10] for trip in trips], np.float64)
    return table


@dataclass(slots=True)
class _Trip:
    side: int
    open_ns: int
    lots: int = 0
    max_lots: int = 0
    entered: int = 0
    left: int = 0
    entry_value: int = 0
    exit_value: int = 0
    fees: int = 0
    fills: int = 0
    close_ns: int = 0

    def open(self, lots: int, price: int, fee: int) -> None:
        self.lots += lots
        self.entered += lots
        self.max_lots = max(self.max_lots, self.lots)
        self.entry_value += lots * price
        self.fees += fee
        self.fills += 1

    def close(self, time_ns: int, lots: int, price: int, fee: int) -> None:
        self.lots -= lots
        self.left += lots
        self.exit_value += lots * price
        self.fees += fee
        self.fills += 1
        self.close_ns = time_ns

    def result(self, tick_value: int) -> tuple[float, ...]:
        gross = self.side * (self.exit_value - self.entry_value) * tick_value
        return (self.open_ns, self.close_ns, self.side, self.max_lots, self.entered + self.left,
                gross, self.fees, gross - self.fees, self.fills, self.entry_value / self.entered,
                self.exit_value / self.left)
