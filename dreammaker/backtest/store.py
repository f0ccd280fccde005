"""Stored results: a folder a run, and one SQLite index over them.

A run's folder is named by its key, the hash of configuration, data and program, so a run that was
done is found again by what it is, not by what it was called. The index can be lost: it is made
again from the folders.
"""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from dreammaker.backtest.result import BacktestResult
from dreammaker.backtest.statistics import Trials
from dreammaker.domain.errors import StoreError
from dreammaker.store.files import check_writable

INDEX_VERSION = 1
INDEX_FILE = "index.sqlite"

_TABLE = """
create table if not exists run (
    key text primary key, number integer not null unique, name text not null, sweep text not null,
    status text not null, error text not null, symbol text not null, first_day text not null,
    last_day text not null, days integer not null, config text not null, changes text not null,
    summary text not null, sharpe real, sharpe_low real, sharpe_high real, psr real,
    program_version text not null
) strict
"""
_COLUMNS = ("key", "number", "name", "sweep", "status", "error", "symbol", "first_day", "last_day",
            "days", "config", "changes", "summary", "sharpe", "sharpe_low", "sharpe_high", "psr",
            "program_version")


@dataclass(frozen=True, slots=True)
class StoredRun:
    """A line of the index.

    Parameters
    ----------
    key, name, sweep : str
        ``sweep`` is empty for single runs.
    number : int
        Order of storing, from 1.
    status : str
        ``done`` or ``failed``.
    error : str
        Of a failed run, one sentence.
    symbol, first_day, last_day : str
    days : int
    config, changes, summary : dict
    sharpe : float or None
        Of one-minute profits; None where nothing varied.
    sharpe_low, sharpe_high : float or None
        Its 95 % interval.
    psr : float or None
    program_version : str
    """

    key: str
    number: int
    name: str
    sweep: str
    status: str
    error: str
    symbol: str
    first_day: str
    last_day: str
    days: int
    config: dict[str, Any]
    changes: dict[str, Any]
    summary: dict[str, Any]
    sharpe: float | None
    sharpe_low: float | None
    sharpe_high: float | None
    psr: float | None
    program_version: str


class ResultStore:
    """The folder of stored results.

    Parameters
    ----------
    root : path
        Made by the first write.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     print(ResultStore(folder).runs())
    []
    """

    def __init__(self, root: str | Path) -> None:
        self.root = Path(root)

    def folder(self, key: str) -> Path:
        """Where a run is or would be."""
        return self.root / key

    def holds(self, key: str) -> bool:
        """Whether a run is stored whole."""
        return (self.folder(key) / "result.json").is_file()

    def prepare(self) -> None:
        """Make the folder; StoreError where nothing can be written to it."""
        check_writable(self.root, "results")

    def put(self, result: BacktestResult) -> None:
        """Store a result without indexing it; the same result may be there already."""
        if self.holds(result.key):
            return
        try:
            result.save(self.folder(result.key))
        except StoreError:
            # Another process that ran the same was first: the same key, the same result.
            if not self.holds(result.key):
                raise

    def add(self, result: BacktestResult, *, sweep: str = "", name: str = "") -> StoredRun:
        """Store a result and index it; one that is stored already is indexed again."""
        self.put(result)
        return self.index(result, sweep=sweep, name=name)

    def index(self, result: BacktestResult, *, sweep: str = "", name: str = "") -> StoredRun:
        """Enter a stored result into the index, under a new name where one is given."""
        sharpe, summary = result.sharpe(), result.summary
        values = {
            "key": result.key, "name": name or result.name, "sweep": sweep, "status": "done",
            "error": "", "symbol": summary["symbol"], "first_day": summary["first_day"],
            "last_day": summary["last_day"], "days": summary["days"],
            "config": json.dumps(result.header["config"], sort_keys=True),
            "changes": json.dumps(result.header["changes"], sort_keys=True),
            "summary": json.dumps(summary, sort_keys=True), "sharpe": _number(sharpe.value),
            "sharpe_low": _number(sharpe.ci[0]), "sharpe_high": _number(sharpe.ci[1]),
            "psr": _number(sharpe.psr), "program_version": result.header["program_version"],
        }
        return self._write(values)

    def add_failure(self, key: str, error: str, *, identity: dict[str, Any], name: str = "",
                    sweep: str = "", changes: dict[str, Any] | None = None,
                    program_version: str = "") -> StoredRun:
        """Enter a run that failed, so that it is seen; it is tried again when asked for again."""
        days = [day for day, _ in identity["days"]]
        return self._write({
            "key": key, "name": name, "sweep": sweep, "status": "failed", "error": error,
            "symbol": identity["config"]["backtest"]["symbol"]
            or identity["config"]["instrument"]["symbol"],
            "first_day": days[0], "last_day": days[-1], "days": len(days),
            "config": json.dumps(identity["config"], sort_keys=True),
            "changes": json.dumps(changes or {}, sort_keys=True), "summary": "{}", "sharpe": None,
            "sharpe_low": None, "sharpe_high": None, "psr": None,
            "program_version": program_version})

    def load(self, key: str) -> BacktestResult:
        """A stored result by its key, the beginning of one, or its unique name.

        Raises
        ------
        StoreError
            If no run or more than one is meant, or it failed.
        """
        return self.read(self.find(key).key)

    def read(self, key: str) -> BacktestResult:
        """A stored result by its whole key, indexed or not."""
        try:
            return BacktestResult.load(self.folder(key))
        except StoreError as error:
            raise StoreError(f"{error}; remove {self.folder(key)} and run it again") from None

    def find(self, key: str) -> StoredRun:
        """The one run that is meant by a key, the beginning of one, or a name."""
        runs = self.runs()
        meant = ([run for run in runs if run.key == key] or [run for run in runs if run.name == key]
                 or [run for run in runs if key and run.key.startswith(key)])
        if len(meant) != 1:
            what = "no stored run is" if not meant else f"{len(meant)} stored runs are"
            raise StoreError(f"{what} called {key!r} in {self.root} (dreammaker backtest list "
                             "shows them)")
        if meant[0].status == "failed":
            raise StoreError(f"run {meant[0].key} failed: {meant[0].error}")
        return meant[0]

    def runs(self, sweep: str | None = None) -> list[StoredRun]:
        """Stored runs in order of storing, of one sweep where it is given."""
        if not self._has_index():
            return []
        with self._open() as database:
            rows = database.execute(
                f"select {', '.join(_COLUMNS)} from run order by number").fetchall()
        found = [_run(row) for row in rows]
        return [run for run in found if sweep is None or run.sweep == sweep]

    def rebuild(self) -> list[str]:
        """Make the index again from the folders; failed runs, which have none, are kept.

        Returns
        -------
        list of str
            A sentence for each folder that could not be read.
        """
        try:
            with self._open():
                pass
        except StoreError as error:
            if not _is_damage(error.__context__):
                raise
            (self.root / INDEX_FILE).unlink(missing_ok=True)
        problems, found = [], []
        for key in self._folders():
            try:
                self.index(self.read(key))
                found.append(key)
            except StoreError as error:
                problems.append(str(error))
        with self._open() as database, database:
            gone = [key for (key,) in database.execute("select key from run where status = 'done'")
                    if key not in found]
            database.executemany("delete from run where key = ?", [(key,) for key in gone])
        return problems

    def _folders(self) -> list[str]:
        return sorted(path.parent.name for path in self.root.glob("[!.]*/result.json"))

    def _has_index(self) -> bool:
        # Without its index the number of trials would be forgotten: it is made again.
        if not (self.root / INDEX_FILE).is_file() and self._folders():
            self.rebuild()
        return (self.root / INDEX_FILE).is_file()

    def trials(self, symbol: str) -> Trials:
        """How many runs on a symbol are stored, and how their Sharpe ratios vary.

        Each distinct configuration, or the same one on other days, counts as a trial: whoever
        looks at the best of them has looked at all.
        """
        ratios = [run.sharpe for run in self.runs()
                  if run.symbol == symbol and run.status == "done"]
        known = [ratio for ratio in ratios if ratio is not None]
        if len(ratios) < 2:
            return Trials(max(len(ratios), 1))
        variance = float(np.var(known, ddof=1)) if len(known) > 1 else None
        return Trials(len(ratios), variance)

    def _write(self, values: dict[str, Any]) -> StoredRun:
        self._has_index()
        with self._open() as database, database:
            database.execute("begin immediate")
            row = database.execute("select number, sweep, name from run where key = ?",
                                   (values["key"],)).fetchone()
            number = row[0] if row else database.execute(
                "select coalesce(max(number), 0) + 1 from run").fetchone()[0]
            # A run keeps the sweep it was first part of when it is stored again on its own, and
            # its name when it is stored again without one.
            sweep = values["sweep"] or (row[1] if row else "")
            name = values["name"] or (row[2] if row else "")
            full = {**values, "number": number, "sweep": sweep, "name": name}
            database.execute(f"insert or replace into run ({', '.join(_COLUMNS)}) values "
                             f"({', '.join('?' * len(_COLUMNS))})",
                             tuple(full[name] for name in _COLUMNS))
        return _run(tuple(full[name] for name in _COLUMNS))

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        path = self.root / INDEX_FILE
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            with closing(sqlite3.connect(path, timeout=30.0, isolation_level=None)) as database:
                version = database.execute("pragma user_version").fetchone()[0]
                if version not in (0, INDEX_VERSION):
                    raise StoreError(f"{path}: index version {version} is not known to this "
                                     f"program, which writes {INDEX_VERSION}")
                database.execute(_TABLE)
                database.execute(f"pragma user_version = {INDEX_VERSION}")
                yield database
        except (sqlite3.Error, OSError) as error:
            hint = (" (dreammaker backtest list --rebuild makes it again from the results)"
                    if _is_damage(error) else "")
            raise StoreError(f"cannot use {path}: {error}{hint}") from None


def _is_damage(error: BaseException | None) -> bool:
    # Operational errors (locked, full, no permission) pass; the file is sound.
    return (isinstance(error, sqlite3.DatabaseError)
            and not isinstance(error, sqlite3.OperationalError))


def _number(value: float) -> float | None:
    return value if value == value else None


def _run(row: tuple[Any, ...]) -> StoredRun:
    values = dict(zip(_COLUMNS, row, strict=True))
    for name in ("config", "changes", "summary"):
        values[name] = json.loads(values[name])
    return StoredRun(**values)
