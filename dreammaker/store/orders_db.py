"""The durable record of money: intents, the broker's answers, fills, risk state.

SQLite in WAL mode. With ``durable`` every intent and every answer is on the disk before the call
returns (synchronous=FULL): an intent is durable before its effect. Simulated and replayed runs
have no effect outside the program, so they commit in groups.

When the disk fails, new risk stops and the way out stays open: an intent of an entry that cannot
be written raises, so the order is not sent; everything else (answers, cancels, exits) waits in
memory, is written as soon as the disk takes it again, and until then ``behind`` says so. Intents
of exits and cancels go into the reserve of ``store.reserve`` meanwhile, whose space was taken when
the session began.
"""

import sqlite3
from collections import deque
from pathlib import Path
from typing import Any

from dreammaker.domain.errors import StoreError
from dreammaker.domain.orders import CancelOrder, ExecutionReport, ReplaceOrder, SubmitOrder
from dreammaker.store.reserve import Reserve

ORDERS_DB_VERSION = 2

_TABLES = """
create table intent (
    client_order_id integer primary key, created_ns integer not null, side integer not null,
    order_type integer not null, tif integer not null, qty_lots integer not null,
    price_ticks integer not null, reduce_only integer not null, reason integer not null,
    post_only integer not null, trigger_ticks integer not null, parent_id integer not null
) strict;
create table replace_intent (
    id integer primary key, client_order_id integer not null, created_ns integer not null,
    qty_lots integer not null, price_ticks integer not null, reason integer not null
) strict;
create table cancel_intent (
    id integer primary key, client_order_id integer not null, created_ns integer not null,
    reason integer not null
) strict;
create table report (
    id integer primary key, kind integer not null, client_order_id integer not null,
    venue_ns integer not null, local_ns integer not null, fill_id integer not null,
    qty_lots integer not null, price_ticks integer not null, leaves_lots integer not null,
    liquidity integer not null, fee_micros integer not null, reason integer not null,
    cum_lots integer not null
) strict;
create unique index fill_once on report (fill_id) where fill_id > 0;
create table risk_state (
    id integer primary key, time_ns integer not null, state text not null
) strict;
create table parent (
    id integer primary key, parent_id integer not null, time_ns integer not null,
    state integer not null, side integer not null, qty_lots integer not null,
    filled_lots integer not null, start_ns integer not null, end_ns integer not null,
    limit_ticks integer, algorithm text not null
) strict;
"""

BUSY_S = 0.25
"""How long a write waits for somebody who has locked the file: exits wait behind it."""

_GROUP = 512
_WAITING_LIMIT = 65_536

_Write = tuple[str, tuple[object, ...]]


class OrdersDb:
    """One session's orders.

    Parameters
    ----------
    path : Path or None
        None keeps it in memory (replay, tests).
    durable : bool
        Commit every change to the disk before going on.

    Attributes
    ----------
    lost_count : int
        Writes that were given up because more waited than memory is kept for.
    """

    def __init__(self, path: Path | None, *, durable: bool) -> None:
        self.path, self.durable = path, durable
        self.lost_count = 0
        self._pending = 0
        self._waiting: deque[_Write] = deque()
        if path is not None and path.exists():
            check_orders_version(path)
        try:
            self._db = sqlite3.connect(path or ":memory:", timeout=BUSY_S, isolation_level=None)
            self._db.execute("pragma journal_mode = wal")
            self._db.execute(f"pragma synchronous = {'full' if durable else 'off'}")
            self._db.executescript(_TABLES)
            self._db.execute(f"pragma user_version = {ORDERS_DB_VERSION}")
        except sqlite3.Error as error:
            if hasattr(self, "_db"):
                self._db.close()
            raise StoreError(f"cannot create {path}: {error}") from None
        self.reserve = Reserve(None if path is None else path.with_name("exits.bin"))

    @property
    def behind(self) -> bool:
        """Whether the disk did not take something that still waits in memory, or was given up."""
        return bool(self._waiting) or self.lost_count > 0

    def intent(self, order: SubmitOrder) -> None:
        """Record that an order is about to be sent.

        Raises
        ------
        StoreError
            If it cannot be written: the order must not be sent.
        """
        self._write(_intent(order))

    def exit_intent(self, order: SubmitOrder) -> StoreError | None:
        """Record that a reducing order is about to be sent; what went wrong, or None.

        It never raises: an exit must go out. What the disk does not take is kept in the reserve
        and in memory.
        """
        return self._keep(_intent(order), order)

    def replace_intent(self, change: ReplaceOrder) -> None:
        """Record that a change is about to be sent; raises as ``intent`` does."""
        self._write(("insert into replace_intent values (null,?,?,?,?,?)",
                     (change.client_order_id, change.created_ns, change.qty_lots,
                      change.price_ticks, int(change.reason))))

    def cancel_intent(self, cancel: CancelOrder) -> StoreError | None:
        """Record that a cancel is about to be sent; never raises, as ``exit_intent``."""
        return self._keep(("insert into cancel_intent values (null,?,?,?)",
                           (cancel.client_order_id, cancel.created_ns, int(cancel.reason))),
                          cancel)

    def report(self, report: ExecutionReport) -> StoreError | None:
        """Record what the venue said; a fill that is already known changes nothing."""
        return self._keep(("insert or ignore into report values (null,?,?,?,?,?,?,?,?,?,?,?,?)",
                           (int(report.kind), report.client_order_id, report.venue_ns,
                            report.local_ns, report.fill_id, report.qty_lots, report.price_ticks,
                            report.leaves_lots, int(report.liquidity), report.fee_micros,
                            int(report.reason), report.cum_lots)), None)

    def risk_state(self, time_ns: int, state: str) -> StoreError | None:
        """Record a change of the risk state, with the reason."""
        return self._keep(("insert into risk_state values (null,?,?)", (time_ns, state)), None)

    def parent(self, parent_id: int, time_ns: int, state: int, side: int, qty_lots: int,
               filled_lots: int, start_ns: int, end_ns: int, limit_ticks: int | None,
               algorithm: str) -> StoreError | None:
        """Record that a parent order has begun or ended (``execution.parent.ParentState``)."""
        return self._keep(("insert into parent values (null,?,?,?,?,?,?,?,?,?,?)",
                           (parent_id, time_ns, state, side, qty_lots, filled_lots, start_ns,
                            end_ns, limit_ticks, algorithm)), None)

    def catch_up(self) -> StoreError | None:
        """Write what waits, in its order; what went wrong, or None where nothing waits now."""
        while self._waiting:
            try:
                self._execute(self._waiting[0])
            except StoreError as error:
                return error
            self._waiting.popleft()
        return None

    def _keep(self, write: _Write, outgoing: SubmitOrder | CancelOrder | None
              ) -> StoreError | None:
        error = self.catch_up()
        if error is None:
            try:
                self._execute(write)
                return None
            except StoreError as failed:
                error = failed
        if outgoing is not None:
            self.reserve.keep(outgoing)
        if len(self._waiting) < _WAITING_LIMIT:
            self._waiting.append(write)
        else:
            self.lost_count += 1
        return error

    def _write(self, write: _Write) -> None:
        error = self.catch_up()
        if error is not None:
            raise error
        self._execute(write)

    def _execute(self, write: _Write) -> None:
        try:
            if not self.durable and self._pending == 0:
                self._db.execute("begin")
            self._db.execute(*write)
            if not self.durable:
                self._pending += 1
                if self._pending == _GROUP:
                    self._commit()
        except sqlite3.Error as error:
            if self._pending and not self._db.in_transaction:
                # The whole group was rolled back.
                self.lost_count += self._pending
                self._pending = 0
            raise StoreError(f"cannot write {self.path}: {error}") from None

    def _commit(self) -> None:
        if self._pending:
            self._db.execute("commit")
            self._pending = 0

    def close(self) -> None:
        """Commit, fold the write-ahead log in, close.

        Raises
        ------
        StoreError
            If the disk does not take it, or has not taken all there was to write.
        """
        try:
            error = self.catch_up()
            self._commit()
            self._db.execute("pragma wal_checkpoint(truncate)")
            self._db.execute("pragma journal_mode = delete")
        except sqlite3.Error as failed:
            raise StoreError(f"cannot write {self.path}: {failed}") from None
        finally:
            self._db.close()
            self.reserve.close()
        if error is not None or self.lost_count:
            raise error or StoreError(f"{self.path} lacks {self.lost_count} records that the "
                                      "disk did not take")


def _intent(order: SubmitOrder) -> _Write:
    return ("insert into intent values (?,?,?,?,?,?,?,?,?,?,?,?)",
            (order.client_order_id, order.created_ns, order.side, int(order.order_type),
             int(order.tif), order.qty_lots, order.price_ticks, int(order.reduce_only),
             int(order.reason), int(order.post_only), order.trigger_ticks, order.parent_id))


def check_orders_version(path: Path) -> None:
    """Refuse an orders file of another version.

    Raises
    ------
    StoreError
        If it cannot be read, or is of a version this program does not know.
    """
    db: sqlite3.Connection | None = None
    try:
        db = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)
        row: Any = db.execute("pragma user_version").fetchone()
    except sqlite3.Error as error:
        raise StoreError(f"{path} cannot be read: {error}") from None
    finally:
        if db is not None:
            db.close()
    if row[0] != ORDERS_DB_VERSION:
        raise StoreError(f"{path} is of version {row[0]}; this program reads and writes version "
                         f"{ORDERS_DB_VERSION} only")
