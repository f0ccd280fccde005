"""Our own resting orders of a past session, with their true fills, as probes."""

import sqlite3
from contextlib import closing
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np

from dreammaker.domain.errors import InputError, StoreError
from dreammaker.domain.instrument import Instrument
from dreammaker.domain.orders import Liquidity, OrderType, ReportKind, TimeInForce
from dreammaker.domain.schema import EVENT_DTYPE
from dreammaker.domain.source import SourceProfile
from dreammaker.exchange.queue_probes import NO_FILL, Probes, venue_times
from dreammaker.store.eventlog import EventLog, EventStore
from dreammaker.store.segments import read_segment
from dreammaker.store.session import read_json

_ENDS = (ReportKind.CANCELED, ReportKind.EXPIRED, ReportKind.REPLACED, ReportKind.REJECTED)


def read_session(folder: Path, data_root: Path | None = None) -> tuple[EventLog, Probes, bool]:
    """A session's market and its resting orders.

    An order counts from the venue's acceptance, at its own price and size, until it was filled
    whole, cancelled, replaced, or the record ends. Orders that took liquidity are left out: they
    did not wait.

    Parameters
    ----------
    folder : Path
        Session folder.
    data_root : Path, optional
        Archive of imported days, where it is not the one the session used.

    Returns
    -------
    log : EventLog
    probes : Probes
        With ``fill_ns``.
    own_shown : bool
        Whether the recorded levels contain these orders: in live sessions.

    Raises
    ------
    StoreError
        If the folder is no session or its records are not to be had.
    InputError
        If no order of the session rested.
    """
    header = read_json(folder / "session.json")
    identity = header.get("identity")
    if not isinstance(identity, dict):
        raise StoreError(f"{folder / 'session.json'} is damaged: it holds no identity")
    log = _market(folder, identity, data_root or Path(header.get("data_root", "data")))
    if not len(log):
        raise InputError(f"{folder} holds no market records")
    times = venue_times(log.events)
    rows = _resting(folder / "orders.sqlite", int(times[-1]))
    if not rows:
        raise InputError(f"no order of {folder} rested in the book: there is no fill to predict")
    time, side, price, qty, end, fill = (list(column) for column in zip(*rows, strict=True))
    probes = Probes(np.array(time, np.int64), np.array(side, np.int8), np.array(price, np.int32),
                    np.array(qty, np.int32), np.array(end, np.int64), np.array(fill, np.int64))
    config = identity.get("config")
    mode = config.get("run", {}).get("mode") if isinstance(config, dict) else None
    return log, probes, mode == "live"


def _market(folder: Path, identity: dict[str, Any], data_root: Path) -> EventLog:
    try:
        instrument = Instrument(**identity["instrument"])
        profile = SourceProfile(**identity["source"])
        origin = identity["origin"]
        day = date.fromisoformat(origin["day"])
        recorded = origin["kind"] != "archive"
        symbol = instrument.symbol if recorded else str(origin["symbol"])
    except (KeyError, TypeError, ValueError) as error:
        raise StoreError(f"{folder / 'session.json'} is damaged: {error}") from None
    if recorded:
        return EventLog.of(read_segment(folder / "events.arrow", EVENT_DTYPE), instrument, profile,
                           day=day)
    log = EventStore(data_root).open(symbol, day)
    if log.content_hash != origin.get("content_hash"):
        raise StoreError(f"{symbol} {day} in {data_root} is not what the session ran on: its "
                         "content hash differs (imported again since?)")
    return log


def _resting(path: Path, last_ns: int) -> list[tuple[int, int, int, int, int, int]]:
    # (accepted, side, price, lots, end, fill) of each order, by the time it was accepted.
    if not path.is_file():
        raise StoreError(f"{path} is missing")
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as db:
            orders = db.execute(
                "select client_order_id, side, price_ticks, qty_lots from intent "
                "where order_type = ? and tif = ?",
                (int(OrderType.LIMIT), int(TimeInForce.DAY))).fetchall()
            reports: dict[int, list[tuple[int, int, int, int]]] = {}
            for number, *report in db.execute(
                    "select client_order_id, kind, venue_ns, leaves_lots, liquidity from report "
                    "order by id"):
                reports.setdefault(number, []).append((report[0], report[1], report[2], report[3]))
    except sqlite3.Error as error:
        raise StoreError(f"{path} cannot be read: {error}") from None
    rows = []
    for number, side, price, qty in orders:
        accepted, end, fill = None, last_ns, NO_FILL
        taken = False
        for kind, venue_ns, leaves, liquidity in reports.get(number, []):
            if kind == ReportKind.ACCEPTED:
                accepted = venue_ns
            elif kind == ReportKind.FILLED:
                taken = taken or liquidity == Liquidity.TAKER
                if leaves == 0:
                    end, fill = venue_ns, venue_ns
            elif kind in _ENDS and fill == NO_FILL:
                end = venue_ns
        if accepted is not None and not taken and end >= accepted:
            # An order that was filled is watched to the end of the record, for a model may be late.
            rows.append((accepted, side, price, qty, max(end, last_ns) if fill != NO_FILL else end,
                         fill))
    return sorted(rows)
