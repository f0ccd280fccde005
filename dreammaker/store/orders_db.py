"""The durable record of money: order intents, the broker's answers, fills, risk state.

SQLite in WAL mode. With ``durable`` every intent and every answer is on the disk before the call
returns (synchronous=FULL): an intent is durable before its effect. Simulated and replayed runs
have no effect outside the program, so they commit in groups.
"""

import sqlite3
from pathlib import Path

from dreammaker.domain.errors import StoreError
from dreammaker.domain.orders import CancelOrder, ExecutionReport, SubmitOrder

ORDERS_DB_VERSION = 1

_TABLES = """
create table intent (
    client_order_id integer primary key, created_ns integer not null, side integer not null,
    order_type integer not null, tif integer not null, qty_lots integer not null,
    price_ticks integer not null, reduce_only integer not null, reason integer not null
) strict;
create table cancel_intent (
    id integer primary key, client_order_id integer not null, created_ns integer not null,
    reason integer not null
) strict;
create table report (
    id integer primary key, kind integer not null, client_order_id integer not null,
    venue_ns integer not null, local_ns integer not null, fill_id integer not null,
    qty_lots integer not null, price_ticks integer not null, leaves_lots integer not null,
    liquidity integer not null, fee_micros integer not null, reason integer not null
) strict;
create unique index fill_once on report (fill_id) where fill_id > 0;
create table risk_state (
    id integer primary key, time_ns integer not null, state text not null
) strict;
"""

_GROUP = 512


class OrdersDb:
    """One session's orders.

    Parameters
    ----------
    path : Path or None
        None keeps it in memory (replay, tests).
    durable : bool
        Commit every change to the disk before going on.
    """

    def __init__(self, path: Path | None, *, durable: bool) -> None:
        self.path, self.durable = path, durable
        self._pending = 0
        try:
            self._db = sqlite3.connect(path or ":memory:", isolation_level=None)
            self._db.execute("pragma journal_mode = wal")
            self._db.execute(f"pragma synchronous = {'full' if durable else 'off'}")
            self._db.execute(f"pragma user_version = {ORDERS_DB_VERSION}")
            self._db.executescript(_TABLES)
        except sqlite3.Error as error:
            if hasattr(self, "_db"):
                self._db.close()
            raise StoreError(f"cannot create {path}: {error}") from None

    def intent(self, order: SubmitOrder) -> None:
        """Record that an order is about to be sent."""
        self._write("insert into intent values (?,?,?,?,?,?,?,?,?)",
                    (order.client_order_id, order.created_ns, order.side, int(order.order_type),
                     int(order.tif), order.qty_lots, order.price_ticks, int(order.reduce_only),
                     int(order.reason)))

    def cancel_intent(self, cancel: CancelOrder) -> None:
        """Record that a cancel is about to be sent."""
        self._write("insert into cancel_intent values (null,?,?,?)",
                    (cancel.client_order_id, cancel.created_ns, int(cancel.reason)))

    def report(self, report: ExecutionReport) -> None:
        """Record what the venue said; a fill that is already known changes nothing."""
        self._write("insert or ignore into report values (null,?,?,?,?,?,?,?,?,?,?,?)",
                    (int(report.kind), report.client_order_id, report.venue_ns, report.local_ns,
                     report.fill_id, report.qty_lots, report.price_ticks, report.leaves_lots,
                     int(report.liquidity), report.fee_micros, int(report.reason)))

    def risk_state(self, time_ns: int, state: str) -> None:
        """Record a change of the risk state (armed, stood down, killed, with the reason)."""
        self._write("insert into risk_state values (null,?,?)", (time_ns, state))

    def _write(self, statement: str, values: tuple[object, ...]) -> None:
        try:
            if not self.durable and self._pending == 0:
                self._db.execute("begin")
            self._db.execute(statement, values)
            if not self.durable:
                self._pending += 1
                if self._pending == _GROUP:
                    self._commit()
        except sqlite3.Error as error:
            raise StoreError(f"cannot write {self.path}: {error}") from None

    def _commit(self) -> None:
        if self._pending:
            self._db.execute("commit")
            self._pending = 0

    def close(self) -> None:
        """Commit, fold the write-ahead log in, close."""
        try:
            self._commit()
            self._db.execute("pragma wal_checkpoint(truncate)")
            self._db.execute("pragma journal_mode = delete")
        except sqlite3.Error as error:
            raise StoreError(f"cannot write {self.path}: {error}") from None
        finally:
            self._db.close()
