"""The house's own pipeline, stage by stage, as the look-ahead detector takes it."""

import importlib.util
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from dreammaker.domain.errors import ConfigError, InputError
from dreammaker.features.bar_rules import BarRule
from dreammaker.features.bars import BAR_DTYPE, BarStream, to_frame
from dreammaker.features.config import FeatureConfig
from dreammaker.models.labels import Barrier, PricePath
from dreammaker.models.view import MODEL_FEATURES
from dreammaker.research.dataset import label_day
from dreammaker.research.label_rule import LabelRule
from dreammaker.research.lookahead import (
    Clock,
    Leak,
    LookaheadReport,
    Pipeline,
    detect,
)
from dreammaker.research.rows import DecisionRows, day_rows
from dreammaker.research.sampling import Sampler
from dreammaker.store.eventlog import EventLog

if TYPE_CHECKING:
    import pandas as pd

Ints = NDArray[np.int64]
_BATCH = 65_536


@dataclass(frozen=True, slots=True)
class Stage:
    """A part of the pipeline with the clock that its rows carry.

    Examples
    --------
    >>> [stage.name for stage in stages(Sampler(), LabelRule(), FeatureConfig())][:2]
    ['features', 'time bars, 10 s']
    """

    name: str
    pipeline: Pipeline
    clock: Clock
    timers: bool = False


def stages(sampler: Sampler, rule: LabelRule, config: FeatureConfig) -> list[Stage]:
    """Features, bars, decision rows and labels.

    Features carry exchange time, bars and decision rows the moment they are known, labels their
    end: a label may know its future up to there, and no further.
    """
    def features(log: EventLog) -> "pd.DataFrame":
        from dreammaker.features.compute import compute_features

        return compute_features(log, config)

    def decisions(log: EventLog) -> "pd.DataFrame":
        return _rows_frame(day_rows(log, sampler, config))

    def labels(touched: bool) -> Pipeline:
        def found(log: EventLog) -> "pd.DataFrame":
            rows = day_rows(log, sampler, config)
            if not len(rows):
                return _labels_frame(None)
            every = rule.labels(PricePath.of_log(log, config), rows.decided_ns)
            by_time = np.isin(every.barrier, (Barrier.HORIZON, Barrier.SESSION))
            return _labels_frame(every.take(by_time != touched))

        return found

    found = [Stage("features", features, "exchange")]
    for rule_name, bar_rule in (("time bars, 10 s", BarRule.time(10.0)),
                                ("tick bars, 100", BarRule.ticks(100)),
                                ("imbalance bars, 100", BarRule.imbalance(expected_length=100.0))):
        found.append(Stage(rule_name, _bars(bar_rule), "local"))
    return [*found, Stage("decision rows", decisions, "known"),
            Stage("labels by touch", labels(True), "exchange"),
            Stage("labels by time", labels(False), "exchange", timers=True)]


def check_house(log: EventLog, *, rng: np.random.Generator, sampler: Sampler | None = None,
                rule: LabelRule | None = None, config: FeatureConfig | None = None, cuts: int = 8,
                progress: Callable[[str], None] | None = None) -> list[LookaheadReport]:
    """Every stage of the house's pipeline on a log, compared to the bit, and its splits.

    Parameters
    ----------
    log : EventLog
    rng : numpy.random.Generator
    sampler, rule, config
        As for ``build_dataset``.
    cuts : int
        A stage.
    progress : callable, optional
        Called with the name of each stage before it.

    Returns
    -------
    list of LookaheadReport

    Raises
    ------
    InputError
        If no stage gives a row on that day.
    """
    sampler, rule = sampler or Sampler(), rule or LabelRule()
    config = config or FeatureConfig()
    reports = []
    for stage in stages(sampler, rule, config):
        if progress is not None:
            progress(stage.name)
        if not len(stage.pipeline(log)):
            reports.append(LookaheadReport(stage.name, (), 0, 0, (), (
                f"it gives no row on {log.day}, so nothing was compared",)))
            continue
        reports.append(detect(stage.pipeline, log, rng=rng, cuts=cuts, clock=stage.clock,
                              name=stage.name, tolerance=0.0, timers=stage.timers))
    if progress is not None:
        progress("splits")
    from dreammaker.validation import CombinatorialPurgedCV, PurgedKFold, WalkForward

    if not any(report.comparisons for report in reports):
        raise InputError(f"{log.instrument.symbol} on {log.day} has too little to compare: no "
                         "stage of the pipeline gives a row")
    data = label_day(log, sampler, rule, config)
    if len(data) >= 12:
        ends = data.label_end_times()
        for splitter in (PurgedKFold(5, label_end_times=ends),
                         CombinatorialPurgedCV(6, 2, label_end_times=ends),
                         WalkForward(3, label_end_times=ends)):
            reports.append(check_splits(splitter, data.frame(), data.t_start, data.t_end))
    return reports


def check_splits(splitter: Any, X: Any, t_start: Ints, t_end: Ints) -> LookaheadReport:
    """Whether any training label of any split shares an instant with a test label.

    Parameters
    ----------
    splitter : scikit-learn splitter
    X : array or DataFrame of n rows
    t_start, t_end : int64 array, shape (n,)
        First and last instant of each label, ns.

    Returns
    -------
    LookaheadReport
        Its leaks are named "split K"; their time is that of the first training row at fault.
    """
    leaks, tested = [], 0
    for number, (train, test) in enumerate(splitter.split(X), 1):
        tested += 1
        order = test[np.argsort(t_start[test], kind="stable")]
        latest = np.maximum.accumulate(t_end[order])
        before = np.searchsorted(t_start[order], t_end[train], "right")
        reaches = latest[np.maximum(before - 1, 0)]
        bad = train[(before > 0) & (reaches >= t_start[train])]
        if bad.size:
            row = int(bad[0])
            shared = int(min(t_end[row], latest[-1]) - t_start[row])
            leaks.append(Leak(f"split {number}", int(t_start[row]), shared / 1e9, "training",
                              f"training row {row}", f"{bad.size} rows that overlap test labels",
                              1))
    return LookaheadReport(type(splitter).__name__, ("train", "test"), len(t_start), tested,
                           tuple(leaks))


def load_pipeline(text: str) -> Pipeline:
    """A user's own function, ``FILE.py:FUNCTION`` or ``PACKAGE.MODULE:FUNCTION``.

    The module is run anew for every call: what it keeps from one call to the next (a scaler that
    was fitted on the whole day, a cache) would hide a leak. Modules that it imports are not.

    Raises
    ------
    ConfigError
        If the text has no function, or there is none of that name.
    InputError
        If the module cannot be imported; says why.
    """
    place, _, function = text.rpartition(":")
    if not place or not function.isidentifier():
        raise ConfigError("--module must be FILE.py:FUNCTION or PACKAGE.MODULE:FUNCTION, was "
                          f"{text!r}")
    first = getattr(_module(place), function, None)
    if not callable(first):
        raise ConfigError(f"--module names {function}, which {place} does not define as a function")
    if place.partition(".")[0] == "dreammaker":
        own: Pipeline = first
        return own

    def pipeline(log: EventLog) -> "pd.DataFrame":
        found: Pipeline = getattr(_module(place), function)
        return found(log)

    return pipeline


def _module(place: str) -> Any:
    """A module by its file or name, run anew."""
    try:
        if not place.endswith(".py"):
            if place.partition(".")[0] != "dreammaker":
                sys.modules.pop(place, None)
            return import_module(place)
        path = Path(place)
        if not path.is_file():
            raise ConfigError(f"--module names {place}, which is no file")
        # A name of its own: a file that is called as a library is must not stand in for it.
        spec = importlib.util.spec_from_file_location(f"user_pipeline_{path.stem}", path)
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[spec.name] = module
        spec.loader.exec_module(module)
    except ConfigError:
        raise
    except (Exception, SystemExit) as error:
        raise InputError(f"cannot be imported: {type(error).__name__}: {error}",
                         file=place) from None
    return module


def shortened(log: EventLog, records: int) -> EventLog:
    """The first records of a log, up to a packet's end."""
    if records < 2:
        raise ConfigError(f"records must be 2 or more, was {records}")
    if records >= len(log):
        return log
    events = log.events[:records]
    return EventLog.of(events, log.instrument, log.source, log.quality, log.day)


def _bars(rule: BarRule) -> Pipeline:
    def bars(log: EventLog) -> "pd.DataFrame":
        stream = BarStream(rule, log.instrument)
        parts = [stream.process(log.events[at:at + _BATCH])
                 for at in range(0, len(log.events), _BATCH)]
        frame = to_frame(np.concatenate([np.empty(0, BAR_DTYPE), *parts]), log.instrument)
        # A bar is known when the record that ended it has come, whatever its own times are.
        return frame.reset_index().set_index("known")

    return bars


def _rows_frame(rows: DecisionRows) -> "pd.DataFrame":
    import pandas as pd

    index = pd.DatetimeIndex(rows.decided_ns.astype("datetime64[ns]"), tz="UTC")
    return pd.DataFrame({**dict(zip(MODEL_FEATURES, rows.values.T, strict=True)),
                         "exch_ns": rows.exch_ns, "event_index": rows.event_index,
                         "spread_ticks": rows.spread_ticks, "mid_price": rows.mid}, index=index)


def _labels_frame(labels: Any) -> "pd.DataFrame":
    import pandas as pd

    columns = ("event", "start", "end", "side", "label", "ret", "barrier", "target", "score")
    if labels is None:
        return pd.DataFrame({name: [] for name in columns}, dtype=np.float64,
                            index=pd.DatetimeIndex([], tz="UTC"))
    index = pd.DatetimeIndex(labels.end.astype("datetime64[ns]"), tz="UTC")
    return pd.DataFrame({name: getattr(labels, name) for name in columns}, index=index)
