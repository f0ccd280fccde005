"""Many runs over a grid of configuration values, in parallel, resumable, in a fixed order."""

import itertools
import platform
import traceback
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dreammaker
from dreammaker.assembly.config import SystemConfig
from dreammaker.backtest.days import DayPlan, DaySpec
from dreammaker.backtest.result import BacktestResult
from dreammaker.backtest.runner import Backtest
from dreammaker.backtest.store import ResultStore, StoredRun
from dreammaker.domain.errors import ConfigError, DreamMakerError, StoreError, WorkersError
from dreammaker.research.workers import Pool, Workers
from dreammaker.store.eventlog import EventLog, EventStore
from dreammaker.store.journal import canonical_hash

MOST_RUNS = 100_000


@dataclass(frozen=True, slots=True)
class SweepRun:
    """One point of a sweep.

    Parameters
    ----------
    changes : dict
        Keys of the grid with this point's values.
    run : StoredRun
        Its line in the index; ``status`` tells whether it failed.
    resumed : bool
        Whether it had been done before.
    """

    changes: dict[str, Any]
    run: StoredRun
    resumed: bool


def grid_points(grid: Mapping[str, Sequence[Any]]) -> list[dict[str, Any]]:
    """All combinations, the last key varying fastest.

    Raises
    ------
    ConfigError
        If a key has no values, or the combinations are too many.

    Examples
    --------
    >>> grid_points({"model.exit_threshold": [0.1, 0.2], "run.seed": [1]})
    [{'model.exit_threshold': 0.1, 'run.seed': 1}, {'model.exit_threshold': 0.2, 'run.seed': 1}]
    """
    count = 1
    for name, values in grid.items():
        if isinstance(values, str) or not len(values):
            raise ConfigError(f"the grid's {name} needs a list of one value or more")
        if any(value in values[:place] for place, value in enumerate(values)):
            raise ConfigError(f"the grid's {name} has a value twice: "
                              f"{', '.join(map(str, values))}")
        count *= len(values)
    if not grid or count > MOST_RUNS:
        raise ConfigError(f"a sweep needs a grid of 1 to {MOST_RUNS} runs, had "
                          f"{count if grid else 0}")
    return [dict(zip(grid, values, strict=True))
            for values in itertools.product(*grid.values())]


class Sweep:
    """A grid of backtests over the same days.

    Parameters
    ----------
    config : SystemConfig, path, mapping or None
        What the runs have in common.
    grid : mapping of str to sequence
        Values of each ``"section.key"``.
    store : ResultStore
        Takes the results; runs it holds are not done again.
    log, symbol, days
        As for `Backtest`.
    name : str
        Of the sweep; its hash if empty.

    Raises
    ------
    ConfigError, StoreError
        If the grid is empty or too large, or the first point is impossible for all.
    """

    def __init__(self, config: SystemConfig | str | Path | Mapping[str, Any] | None,
                 grid: Mapping[str, Sequence[Any]], store: ResultStore, *,
                 log: EventLog | Sequence[EventLog] = (), symbol: str = "", days: DaySpec = None,
                 name: str = "") -> None:
        self.points = grid_points(grid)
        self.config, self.store = config, store
        self._given: dict[str, Any] = {"log": log, "symbol": symbol, "days": days}
        self.name = name or f"sweep-{canonical_hash({'points': self.points})[:8]}"

    def run(self, workers: Workers | None = None,
            progress: Callable[[int, int, SweepRun], None] | None = None) -> list[SweepRun]:
        """Do what is not done yet.

        Parameters
        ----------
        workers : Workers, optional
            Who runs them; this process if absent. The results do not depend on it, nor does their
            order. The workers of a cluster read the archive themselves, at the path that the
            configuration names; results are stored by this process.
        progress : callable, optional
            Called with runs done, runs in all, and the run, in the order of the grid.

        Returns
        -------
        list of SweepRun
            In the order of the grid. A failed run is one of them.

        Raises
        ------
        ConfigError
            If no point can run, or the cluster cannot be used.
        WorkersError
            If workers were lost for good, or those of a cluster do not see the archive.
        """
        found = []
        with closing(self._outcomes(workers or Workers())) as outcomes:
            for done, (prepared, error) in enumerate(outcomes, 1):
                found.append(self._enter(prepared, error))
                if progress is not None:
                    progress(done, len(self.points), found[-1])
        return found

    def _outcomes(self, workers: Workers) -> Generator[tuple["_Prepared", str]]:
        prepared = [self._prepare(changes) for changes in self.points]
        if all(point.backtest is None for point in prepared):
            raise ConfigError(f"no point of the grid can run; the first: {prepared[0].problem}")
        self.store.prepare()
        waiting = [point.backtest for point in prepared
                   if point.backtest is not None and not point.resumed]
        if workers.cluster and waiting:
            _check_shareable(waiting[0])
        with workers.pool() as pool, closing(self._errors(pool, workers, waiting)) as errors:
            for point in prepared:
                if point.backtest is None:
                    yield point, point.problem
                else:
                    yield point, "" if point.resumed else next(errors)

    def _errors(self, pool: Pool, workers: Workers, waiting: Sequence[Backtest]) -> Generator[str]:
        """The error of each run, or none; by then its result is stored."""
        if not workers.cluster:
            yield from pool.stream(_run_and_store, [(each, self.store.root) for each in waiting])
            return
        # A worker elsewhere does not see the folder of results: they travel.
        for result in pool.stream(_run_there, [(each,) for each in waiting]):
            if isinstance(result, str):
                yield result
            else:
                self.store.put(result)
                yield ""

    def _prepare(self, changes: dict[str, Any]) -> "_Prepared":
        name = ", ".join(f"{key.rpartition('.')[2]}={value}" for key, value in changes.items())
        try:
            backtest = Backtest(self.config, changes=changes, name=name, **self._given)
        except DreamMakerError as error:
            if len(self.points) == 1:
                raise
            return _Prepared(changes, name, None, False, str(error))
        return _Prepared(changes, name, backtest, self.store.holds(backtest.key))

    def _enter(self, point: "_Prepared", error: str) -> SweepRun:
        if point.backtest is None:
            # It never had days or a valid configuration: what it was asked to be is its key.
            identity = {"config": {"backtest": {"symbol": self._given["symbol"]},
                                   "instrument": {"symbol": ""}}, "days": [["", ""]]}
            key = canonical_hash({"sweep": self.name, "changes": point.changes})[:16]
        else:
            identity, key = point.backtest.identity, point.backtest.key
        if error:
            run = self.store.add_failure(key, error, identity=identity, name=point.name,
                                         sweep=self.name, changes=point.changes,
                                         program_version=dreammaker.__version__)
        else:
            run = self.store.index(self.store.read(key), sweep=self.name)
        return SweepRun(point.changes, run, point.resumed)


@dataclass(frozen=True, slots=True)
class _Prepared:
    changes: dict[str, Any]
    name: str
    backtest: Backtest | None
    resumed: bool
    problem: str = ""


def _run_and_store(backtest: Backtest, root: Path) -> str:
    """Run one backtest and write its folder; the error as a sentence where it fails."""
    try:
        ResultStore(root).put(backtest.run())
    except Exception as error:
        return _sentence(error)
    return ""


def _run_there(backtest: Backtest) -> BacktestResult | str:
    """Run one backtest on a worker that must see the archive; the error as a sentence."""
    for plan in backtest.plans:
        if plan.log is None and plan.config.run.mode != "simulated":
            _check_day(plan)
    try:
        return backtest.run()
    except Exception as error:
        return _sentence(error)


def _check_day(plan: DayPlan) -> None:
    root, symbol = Path(plan.config.data.root), plan.config.backtest.symbol
    try:
        there = EventStore(root).hash_of(symbol, plan.day)
    except StoreError as error:
        there, reason = None, str(error)
    else:
        reason = "it is missing" if there is None else "it is another one"
    if there != plan.data_hash:
        raise WorkersError(
            f"worker {platform.node()} cannot read {symbol} on {plan.day} in {root} ({reason}); a "
            "sweep on a cluster needs the same archive under the same path on every worker")


def _check_shareable(backtest: Backtest) -> None:
    root = Path(backtest.config.data.root)
    if backtest.config.run.mode != "simulated" and not root.is_absolute():
        raise ConfigError("a sweep on a cluster needs the archive's full path, the same on every "
                          f"worker (data.root or --root), was {str(root)!r}")


def _sentence(error: Exception) -> str:
    if isinstance(error, DreamMakerError):
        return str(error)
    where = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__}: {error} ({where.name}, line {where.lineno})"
