"""The risk state on disk: what a restart must not forget.

One SQLite file for an account, with one row: the day, the state and its causes, cash and position
of the day, the high-water mark, the losing streak, whether a kill was verified, and whether a run
is under way. It is written at every change of state, after every fill, and when the best of the day
has risen by a twentieth of the drawdown allowed.

Reading it fails closed:

=====================================  ========================================================
what is found                          how the next run starts
=====================================  ========================================================
no file, and no run before             NORMAL
no file, but a run that never ended    REDUCE_ONLY (STATE_MISSING)
a file that cannot be understood       KILLED (STATE_UNREADABLE); the file is kept aside
KILLED, today or not verified          KILLED; what was begun is gone on with
HALTED, any day                        HALTED, until an operator re-arms
a run that never ended                 REDUCE_ONLY at the best (RESTARTED)
REDUCE_ONLY today                      REDUCE_ONLY, unless agents that were down are all its causes
another day, ended in good order       NORMAL, and the day's result begins at nothing
=====================================  ========================================================

One run at a time has the file: two that took turns at writing it would each forget what the other
lost. Whoever has it holds a lock on an empty file beside it, which ends with the process, however
that ends. A file that is locked, or that the system does not let us open, is not damaged: it stays
where it is, and the run does not begin.
"""

import sqlite3
from dataclasses import dataclass, replace
from pathlib import Path

from dreammaker.domain.errors import StoreError
from dreammaker.domain.orders import Reason

RISK_FILE_VERSION = 1
NORMAL, REDUCE_ONLY, HALTED, KILLED = 1, 2, 3, 4
"""The codes of ``risk.TradingState``, which this layer does not know."""

ID_BLOCK = 1_000_000
"""Order numbers a run may use; the next run of the account begins behind them."""

_FAR_ORDER_ID = 1 + 1000 * ID_BLOCK
"""Where numbers begin when nobody remembers which were used."""

BUSY_S = 0.25
"""How long a write waits for somebody who has locked a file: exits wait behind it."""

_LOG_PAGES = 16
"""Writes after which SQLite's log is folded in and begins anew."""

_DAMAGED = frozenset({sqlite3.SQLITE_ERROR, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})

_TABLE = """
create table risk (
    id integer primary key check (id = 1), day text not null, state integer not null,
    reason integer not null, causes text not null, cash_micros integer not null,
    lots integer not null, net_micros integer not null, high_water_micros integer not null,
    consecutive_losses integer not null, is_verified integer not null,
    is_running integer not null, first_order_id integer not null
) strict;
"""
_FIELDS = ("day", "state", "reason", "causes", "cash_micros", "lots", "net_micros",
           "high_water_micros", "consecutive_losses", "is_verified", "is_running",
           "first_order_id")


@dataclass(frozen=True, slots=True)
class RiskStart:
    """How a run starts; the default is a day that has just begun.

    Parameters
    ----------
    state, reason : int
        Codes of ``risk.TradingState`` and ``Reason``.
    causes : tuple of int
        Codes of every ``Reason`` that stands.
    cash_micros, lots : int
        Cash flow of the day's earlier runs, and the position they left.
    net_micros, high_water_micros, consecutive_losses : int
        Result of the day so far, its best, and the losing streak.
    is_verified : bool
        A kill was verified: there is nothing to be done any more.
    is_resumed : bool
        There was a run before: the broker is asked what it holds for us.
    first_order_id : int
        Order numbers below it may have been used.
    """

    state: int = NORMAL
    reason: int = 0
    causes: tuple[int, ...] = ()
    cash_micros: int = 0
    lots: int = 0
    net_micros: int = 0
    high_water_micros: int = 0
    consecutive_losses: int = 0
    is_verified: bool = False
    is_resumed: bool = False
    first_order_id: int = 1


class RiskFile:
    """The file of one account.

    Parameters
    ----------
    path : Path
    day : str
        Date of the session, ISO.
    run_before : bool
        Whether an earlier run is known of that never ended; only asked where there is no file.

    Raises
    ------
    StoreError
        If the file can be neither read nor replaced, or a run has it that is under way.

    Attributes
    ----------
    start : RiskStart
        How the run starts, by the table above.
    """

    def __init__(self, path: Path, day: str, *, run_before: bool = False) -> None:
        self.path, self.day = path, day
        self._was_running = False
        self._lock = _locked(path)
        try:
            self._open(run_before)
        except BaseException:
            self._lock.close()
            raise

    def _open(self, run_before: bool) -> None:
        self.start = self._begin(run_before)
        try:
            self._db = sqlite3.connect(self.path, timeout=BUSY_S, isolation_level=None)
            self._db.execute("pragma journal_mode = wal")
            self._db.execute(f"pragma wal_autocheckpoint = {_LOG_PAGES}")
            self._db.execute("pragma synchronous = off")
            if not self._db.execute("select 1 from sqlite_master where name = 'risk'").fetchone():
                self._db.executescript(_TABLE)
                self._db.execute(f"pragma user_version = {RISK_FILE_VERSION}")
        except sqlite3.Error as error:
            raise StoreError(f"cannot write {self.path}: {error}") from None
        # One row, and a log that begins anew every few writes: filled once, it takes no more space,
        # so that a kill is on record on a full disk too.
        for _ in range(_LOG_PAGES + 2):
            self.save(self.start, is_running=self._was_running)
        self._db.execute("pragma synchronous = full")
        # Nothing has been sent yet: a run that does not get as far as that leaves no trace of one.
        failed = self.save(self.start, is_running=self._was_running)
        if failed is not None:
            self._db.close()
            raise failed

    def _begin(self, run_before: bool) -> RiskStart:
        if not self.path.exists():
            if not run_before:
                return RiskStart()
            reason = int(Reason.STATE_MISSING)
            return RiskStart(REDUCE_ONLY, reason, (reason,), is_resumed=True,
                             first_order_id=_FAR_ORDER_ID)
        try:
            kept, day, is_running = read_risk_file(self.path)
        except UnreachableError:
            raise
        except StoreError:
            _put_aside(self.path)
            reason = int(Reason.STATE_UNREADABLE)
            return RiskStart(KILLED, reason, (reason,), is_resumed=True,
                             first_order_id=_FAR_ORDER_ID)
        self._was_running = is_running
        return _next_start(kept, same_day=day == self.day, crashed=is_running)

    def save(self, start: RiskStart, *, is_running: bool = True) -> StoreError | None:
        """Write what the next run must know; what went wrong, or None. Durable on return."""
        values = (self.day, start.state, start.reason, " ".join(map(str, start.causes)),
                  start.cash_micros, start.lots, start.net_micros, start.high_water_micros,
                  start.consecutive_losses, int(start.is_verified), int(is_running),
                  self.start.first_order_id)
        try:
            self._db.execute(f"insert or replace into risk values (1,{','.join('?' * 12)})", values)
        except sqlite3.Error as error:
            return StoreError(f"cannot write {self.path}: {error}")
        return None

    def close(self) -> None:
        """Let go of the file; a run that ended in good order has saved ``is_running=False``."""
        self._db.close()
        self._lock.close()


class UnreachableError(StoreError):
    """The file cannot be opened now; what it holds may be as sound as ever."""


def read_risk_file(path: Path) -> tuple[RiskStart, str, bool]:
    """What a risk file holds: the state as it was kept, its day, and whether a run is under way.

    Raises
    ------
    StoreError
        If it cannot be read, is of another version, or holds what cannot be.
    """
    db: sqlite3.Connection | None = None
    try:
        # A log left by a run that crashed is folded in, so it is not opened read-only.
        db = sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", timeout=BUSY_S, uri=True)
        version = db.execute("pragma user_version").fetchone()[0]
        row = db.execute(f"select {', '.join(_FIELDS)} from risk").fetchone()
    except sqlite3.Error as error:
        kind = StoreError if error.sqlite_errorcode & 0xFF in _DAMAGED else UnreachableError
        raise kind(f"{path} cannot be read: {error}") from None
    finally:
        if db is not None:
            db.close()
    if version != RISK_FILE_VERSION or row is None:
        raise StoreError(f"{path} holds no risk state of version {RISK_FILE_VERSION}")
    day, state, reason, causes, cash, lots, net, high, losses, verified, running, first = row
    try:
        known = [int(Reason(int(code))) for code in [reason, *causes.split()]]
        if not NORMAL <= state <= KILLED:
            raise ValueError(f"state {state}")
    except ValueError as error:
        raise StoreError(f"{path} is damaged: {error}") from None
    return (RiskStart(state, known[0], tuple(known[1:]), cash, lots, net, high, losses,
                      bool(verified), True, first), day, bool(running))


def rearm_risk_file(path: Path) -> RiskStart:
    """An operator's word that trading may go on: HALTED or REDUCE_ONLY becomes NORMAL.

    Raises
    ------
    StoreError
        If the file cannot be read, a run has it, or its state is KILLED: that ends with the day,
        once the kill was verified.
    """
    read_risk_file(path)
    lock = _locked(path)
    try:
        return _rearm(path)
    finally:
        lock.close()


def _rearm(path: Path) -> RiskStart:
    kept, day, _ = read_risk_file(path)
    if kept.state == KILLED:
        raise StoreError(f"{path}: {Reason(kept.reason).name} has killed trading on {day}; a kill "
                         "ends with its day, after it was verified, and cannot be re-armed")
    armed = replace(kept, state=NORMAL, reason=0, causes=(), consecutive_losses=0,
                    high_water_micros=max(kept.net_micros, 0))
    db = sqlite3.connect(path, timeout=BUSY_S, isolation_level=None)
    try:
        db.execute("update risk set state = ?, reason = 0, causes = '', is_running = 0, "
                   "consecutive_losses = 0, high_water_micros = ?",
                   (NORMAL, armed.high_water_micros))
    except sqlite3.Error as error:
        raise StoreError(f"cannot write {path}: {error}") from None
    finally:
        db.close()
    return armed


def _locked(path: Path) -> sqlite3.Connection:
    """The lock that says that somebody has the file; closing it, or dying, gives it back."""
    if path.is_dir():
        raise StoreError(f"{path} is a folder; a file for the risk state is needed")
    lock: sqlite3.Connection | None = None
    try:
        lock = sqlite3.connect(path.with_name(path.name + ".lock"), timeout=0.0,
                               isolation_level=None)
        lock.execute("begin exclusive")
    except sqlite3.Error as error:
        if lock is not None:
            lock.close()
        if error.sqlite_errorcode == sqlite3.SQLITE_BUSY:
            raise StoreError(f"{path} is in use: a session that runs keeps its risk state there"
                             ) from None
        raise StoreError(f"cannot write {path}: {error}") from None
    return lock


def _next_start(kept: RiskStart, *, same_day: bool, crashed: bool) -> RiskStart:
    """The start that follows from what was kept (the module's table)."""
    start = replace(kept, first_order_id=kept.first_order_id + ID_BLOCK)
    if not same_day:
        start = replace(start, cash_micros=0, lots=0, net_micros=0, high_water_micros=0,
                        consecutive_losses=0)
    if kept.state == KILLED and (same_day or not kept.is_verified):
        return start
    if kept.state == HALTED:
        return start
    passing = set(kept.causes) <= {int(Reason.AGENT_NOT_RUNNING)}
    if kept.state != REDUCE_ONLY or not same_day or passing:
        start = replace(start, state=NORMAL, reason=0, causes=(), is_verified=False)
    if crashed:
        reason = int(Reason.RESTARTED)
        start = replace(start, state=REDUCE_ONLY, reason=start.reason or reason,
                        causes=(*start.causes, reason), is_verified=False)
    return start


def _put_aside(path: Path) -> None:
    """Keep a file that cannot be read under another name, for people to look at."""
    for attempt in range(1, 1000):
        aside = path.with_name(f"{path.name}.damaged-{attempt}")
        if not aside.exists():
            break
    try:
        path.replace(aside)
        for suffix in ("-wal", "-shm", "-journal"):
            path.with_name(path.name + suffix).unlink(missing_ok=True)
    except OSError as error:
        raise StoreError(f"{path} cannot be read, and not be put aside: {error.strerror}"
                         ) from None
