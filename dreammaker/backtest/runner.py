"""Runs a backtest: the live loop, agents and configuration, over recorded or generated days."""

import gc
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

import dreammaker
from dreammaker.assembly.config import SystemConfig, load_config, parse_config
from dreammaker.assembly.model_set import ModelSet
from dreammaker.assembly.session import Session
from dreammaker.backtest.day_tables import DayTables, day_tables
from dreammaker.backtest.days import DayPlan, DaySpec, plan_days
from dreammaker.backtest.identity import run_identity, run_key, with_changes
from dreammaker.backtest.records import Columns, read_session
from dreammaker.backtest.result import TABLES, BacktestResult
from dreammaker.backtest.retrain import Refit, Retraining
from dreammaker.backtest.tables_on_disk import concatenated
from dreammaker.domain.instrument import Instrument
from dreammaker.domain.source import SourceProfile
from dreammaker.engine.loop import LoopCounts
from dreammaker.engine.ports import Feed, Policy, Predictor, Quoter, Voter
from dreammaker.store.eventlog import EventLog
from dreammaker.store.session import create_session_folder

MOST_PARENTS = 1_000_000
"""Parent orders of a day whose costs are kept one by one."""

PredictorMaker = Callable[[SystemConfig, SourceProfile], Predictor]
PolicyMaker = Callable[[SystemConfig], Policy]


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a backtest is.

    Parameters
    ----------
    day_index, day_count : int
        From 0.
    day : datetime.date
    counts : LoopCounts
        Of the day so far.
    now_ns : int
        Loop time.
    share : float
        Of the whole run, in [0, 1]; within a generated day judged by its hours.
    """

    day_index: int
    day_count: int
    day: date
    counts: LoopCounts
    now_ns: int
    share: float


class Backtest:
    """A strategy over one day or several, each a session of its own: flat at start and end.

    The session is the one that ``dreammaker run`` runs: same loop, agents, limits and journal.
    What is not modelled stands at the top of the report and in ``exchange``.

    Parameters
    ----------
    config : SystemConfig, path, or mapping, optional
        A configuration, its file, or sections of keys as in the file; the defaults if absent.
    log : EventLog or sequence of EventLog, optional
        Days in memory, one a log; they take the place of the archive.
    symbol : str, optional
        Imported symbol in the archive ``data.root``; switches to replayed days.
    days : int, str, date, or sequence of these, optional
        Which days: a number of them, ``"2026-03-02..2026-03-20"``, single days; if absent
        ``backtest.days``, else ``backtest.day``, else all that the archive holds. In simulated
        mode weekdays from ``run.day`` on.
    instrument : Instrument, optional
        Takes the place of the source's.
    changes : mapping of str to value, optional
        Single keys, ``{"model.entry_threshold": 3.0}``.
    predictor : Predictor, or callable of (SystemConfig, SourceProfile), optional
        An object is used on all days and keeps what it remembers; a callable makes one each day.
    policy : Policy, or callable of SystemConfig, optional
        In the same way.
    voters : sequence of Voter, optional
    quoter : Quoter, optional
        A quoting policy in place of all three; ``backtest.quotes`` runs compiled ones much faster.
    retraining : Retraining, optional
        Fits anew as the days go by, on past days only (walk-forward).
    name : str
        For tables and lists.

    Raises
    ------
    ConfigError, StoreError
        If the configuration is impossible or a day is not to be had.

    Examples
    --------
    >>> result = Backtest({"simulation": {"session_minutes": 2.0}}, name="two minutes").run()
    >>> result.summary["days"], result.name, bool(result.equity_curve["net"].notna().all())
    (1, 'two minutes', True)
    """

    def __init__(self, config: SystemConfig | str | Path | Mapping[str, Any] | None = None, *,
                 log: EventLog | Sequence[EventLog] = (), symbol: str = "", days: DaySpec = None,
                 instrument: Instrument | None = None, changes: Mapping[str, Any] | None = None,
                 predictor: Predictor | PredictorMaker | None = None,
                 policy: Policy | PolicyMaker | None = None,
                 voters: Sequence[Voter] | None = None, quoter: Quoter | None = None,
                 retraining: Retraining | None = None, name: str = "") -> None:
        settings = with_changes(_read(config), changes or {})
        # The file carries the risk state of runs that follow each other in time: not of these.
        settings = replace(settings, risk=replace(settings.risk, state_file=""))
        if symbol:
            settings = replace(settings, run=replace(settings.run, mode="replay"),
                               backtest=replace(settings.backtest, symbol=symbol))
        logs = [log] if isinstance(log, EventLog) else list(log)
        self.config, self.name = settings, name
        self.changes = dict(changes or {})
        self.plans = plan_days(settings, logs=logs, days=days, instrument=instrument)
        self._predictor, self._policy, self._voters = predictor, policy, voters
        self._quoter, self._retraining = quoter, retraining
        self.identity = run_identity(settings, self.plans, self._extra())
        self.key = run_key(self.identity)

    @property
    def is_described(self) -> bool:
        """Whether configuration and data say all: no object was given by the caller."""
        return not self._extra() or (list(self._extra()) == ["retraining"])

    def run(self, progress: Callable[[Progress], None] | None = None,
            sessions: str | Path | None = None) -> BacktestResult:
        """Run all days, one after another.

        Parameters
        ----------
        progress : callable, optional
            Called after each batch of records.
        sessions : path, optional
            Keep each day's session folder (journal, decisions, orders) under this one; otherwise
            they are dropped once their tables are made.

        Raises
        ------
        DreamMakerError
            If a day cannot be opened or its records not be written.
        """
        found: list[DayTables] = []
        models: ModelSet | None = None
        fits: list[dict[str, Any]] = []
        source: SourceProfile | None = None
        for index, planned in enumerate(self.plans):
            plan, refit = planned, None
            if self._retraining is not None:
                refit = self._retraining.before(index, self.plans, self.config)
            if refit is not None:
                plan = replace(plan, config=refit.apply(plan.config))
                fits.append({"day": plan.day.isoformat(), **refit.description()})
            tables, models, source = self._run_day(index, plan, refit, models, progress, sessions)
            found.append(tables)
            # A session is full of cycles and was frozen while it ran: without this the memory of
            # past days would wait for a collection that may be long in coming.
            gc.collect()
        assert source is not None
        return self._result(found, source, fits)

    def _run_day(self, index: int, plan: DayPlan, refit: Refit | None, earlier: ModelSet | None,
                 progress: Callable[[Progress], None] | None, sessions: str | Path | None
                 ) -> tuple[DayTables, ModelSet, SourceProfile]:
        opened = plan.open()
        models = self._models(plan.config, opened.feed, index, refit, earlier)
        opened.keep_events = opened.keep_events and sessions is not None
        total, count = opened.feed.total_events, len(self.plans)
        hours = opened.open_ns, opened.close_ns

        def tell(counts: LoopCounts, now_ns: int) -> None:
            assert progress is not None
            done = _share(counts, now_ns, total, hours)
            progress(Progress(index, count, plan.day, counts, now_ns, (index + done) / count))

        with tempfile.TemporaryDirectory(prefix="dreammaker-") as scratch:
            root = Path(scratch) if sessions is None else Path(sessions)
            folder = create_session_folder(
                root, f"{plan.config.run.mode}-{opened.feed.instrument.symbol}-{plan.day}")
            session = Session(plan.config, opened, folder, models=models)
            session.execution.costs.keep(MOST_PARENTS)
            session.run(tell if progress else None)
            tables = day_tables(plan, read_session(folder), session.execution.costs.costs)
            return tables, models, opened.feed.source

    def _models(self, config: SystemConfig, feed: Feed, index: int,
                refit: Refit | None, earlier: ModelSet | None) -> ModelSet:
        source, instrument = feed.source, feed.instrument
        models = ModelSet.from_config(config, source, instrument)
        carried = config.backtest.carry_model and earlier is not None
        if carried and refit is None:
            assert earlier is not None
            models.predictor, models.policy = earlier.predictor, earlier.policy
            models.voters = list(earlier.voters)
            models.foreign["state"] = f"carried over from {self.plans[index - 1].day}"
        if refit is not None and refit.predictor is not None:
            models.predictor = refit.predictor
            models.foreign["predictor"] = f"{_called(refit.predictor)} {refit.fingerprint}"
        if self._predictor is not None:
            models.predictor = (self._predictor(config, source) if callable(self._predictor)
                                else self._predictor)
            models.foreign["predictor"] = _called(models.predictor)
        if self._policy is not None:
            models.policy = self._policy(config) if callable(self._policy) else self._policy
            models.foreign["policy"] = _called(models.policy)
        if self._voters is not None:
            models.voters = list(self._voters)
            models.foreign["voters"] = ", ".join(map(_called, models.voters)) or "none"
        if self._quoter is not None:
            models.quoter = self._quoter
            models.foreign["quoter"] = _called(self._quoter)
        return models

    def _extra(self) -> dict[str, Any]:
        extra: dict[str, Any] = {}
        for name, given in (("predictor", self._predictor), ("policy", self._policy),
                            ("quoter", self._quoter)):
            if given is not None:
                extra[name] = _called(given)
        if self._voters is not None:
            extra["voters"] = [_called(voter) for voter in self._voters]
        if self._retraining is not None:
            extra["retraining"] = self._retraining.description()
        return extra

    def _result(self, found: list[DayTables], source: SourceProfile,
                fits: list[dict[str, Any]]) -> BacktestResult:
        tables = {name: concatenated([getattr(day, name) for day in found])
                  for name in TABLES if name != "daily"}
        tables["daily"] = _daily(found)
        header = {
            "key": self.key, "name": self.name, "changes": self.changes,
            "config": self.identity["config"], "days": self.identity["days"],
            "instrument": found[0].identity["instrument"], "source": asdict(source),
            "program_version": dreammaker.__version__, "program": self.identity["program"],
            "extra": self.identity["extra"], "fits": fits,
            "decisions": _summed(found, "decisions"), "denied": _summed(found, "denied"),
        }
        return BacktestResult(header, tables)


def _read(config: SystemConfig | str | Path | Mapping[str, Any] | None) -> SystemConfig:
    if config is None:
        return SystemConfig()
    if isinstance(config, SystemConfig):
        return config
    if isinstance(config, Mapping):
        return parse_config(dict(config))
    return load_config(Path(config))


def _called(given: object) -> str:
    kind = given if hasattr(given, "__qualname__") else type(given)
    return f"{kind.__module__}.{getattr(kind, '__qualname__', '')}"


def _share(counts: LoopCounts, now_ns: int, total: int | None,
           hours: tuple[int | None, int | None]) -> float:
    open_ns, close_ns = hours
    if total:
        done = counts.events / total
    elif open_ns is not None and close_ns is not None:
        done = (now_ns - open_ns) / (close_ns - open_ns)
    else:
        done = 0.0
    return min(max(done, 0.0), 1.0)


def _daily(found: list[DayTables]) -> Columns:
    import numpy as np

    table: Columns = {}
    for name, first in found[0].summary.items():
        values = [day.summary[name] for day in found]
        if name == "day":
            table[name] = np.array(values, "datetime64[D]")
        elif isinstance(first, str):
            table[name] = np.array(values, object)
        else:
            table[name] = np.array(values, np.int64)
    return table


def _summed(found: list[DayTables], what: str) -> dict[str, int]:
    sums: dict[str, int] = {}
    for day in found:
        for name, count in day.session[what].items():
            sums[name] = sums.get(name, 0) + count
    return dict(sorted(sums.items()))
