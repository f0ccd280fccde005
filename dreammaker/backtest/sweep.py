"""Many runs over a grid of configuration values, in parallel, resumable, in a fixed order."""

import itertools
import traceback
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dreammaker
from dreammaker.assembly.config import SystemConfig
from dreammaker.backtest.days import DaySpec
from dreammaker.backtest.runner import Backtest
from dreammaker.backtest.store import ResultStore, StoredRun
from dreammaker.domain.errors import ConfigError, DreamMakerError
from dreammaker.store.eventlog import EventLog
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

    def run(self, n_jobs: int = 1, progress: Callable[[int, int, SweepRun], None] | None = None
            ) -> list[SweepRun]:
        """Do what is not done yet.

        Parameters
        ----------
        n_jobs : int
            Processes at once; joblib's other backends (Dask) are chosen round this call with
            ``joblib.parallel_config``. The results do not depend on it, nor does their order.
        progress : callable, optional
            Called with runs done, runs in all, and the run, in the order of the grid.

        Returns
        -------
        list of SweepRun
            In the order of the grid. A failed run is one of them.
        """
        if n_jobs == 0 or n_jobs < -64:
            raise ConfigError(f"n_jobs must be 1 or more, or -1 for all processors, was {n_jobs}")
        found = []
        for done, (prepared, error) in enumerate(self._outcomes(n_jobs), 1):
            found.append(self._enter(prepared, error))
            if progress is not None:
                progress(done, len(self.points), found[-1])
        return found

    def _outcomes(self, n_jobs: int) -> Iterator[tuple["_Prepared", str]]:
        from joblib import Parallel, delayed

        prepared = [self._prepare(changes) for changes in self.points]
        if all(point.backtest is None for point in prepared):
            raise ConfigError(f"no point of the grid can run; the first: {prepared[0].problem}")
        self.store.prepare()
        waiting = [point.backtest for point in prepared
                   if point.backtest is not None and not point.resumed]
        # The generator yields in the order of submission, whoever finishes first.
        errors = Parallel(n_jobs=n_jobs, return_as="generator", pre_dispatch="2*n_jobs")(
            delayed(_run_and_store)(backtest, self.store.root) for backtest in waiting)
        try:
            for point in prepared:
                if point.backtest is None:
                    yield point, point.problem
                else:
                    yield point, "" if point.resumed else next(errors)
        finally:
            with warnings.catch_warnings():
                # That what still ran is dropped is known to whoever stopped it.
                warnings.simplefilter("ignore", UserWarning)
                errors.close()

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
        store = ResultStore(root)
        store.put(backtest.run())
    except DreamMakerError as error:
        return str(error)
    except Exception as error:
        where = traceback.extract_tb(error.__traceback__)[-1]
        return f"{type(error).__name__}: {error} ({where.name}, line {where.lineno})"
    return ""
