"""A study of the features on labelled days: information, stationarity, importance."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from math import isfinite
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from dreammaker.domain.errors import ConfigError, InputError
from dreammaker.models.labels import PricePath
from dreammaker.research.clusters import Clusters, feature_clusters
from dreammaker.research.dataset import Dataset
from dreammaker.research.importance import (
    Importance,
    forest,
    mean_decrease_accuracy,
    mean_decrease_impurity,
    single_feature_importance,
)
from dreammaker.research.information import Information, forward_moves, information_decay
from dreammaker.research.stationarity import (
    LeastDifferencing,
    least_differencing,
    unit_root_test,
)
from dreammaker.validation import PurgedKFold

if TYPE_CHECKING:
    from dreammaker.store.eventlog import EventLog

Floats = NDArray[np.float64]
Say = Callable[[str], None]

HORIZONS = (1.0, 5.0, 15.0, 60.0, 300.0)
"""Seconds after the entry at which moves are ranked."""

_LEAST_SERIES = 50
_BAR_NS = 10_000_000_000


@dataclass(frozen=True, slots=True)
class Stationarity:
    """Unit-root tests of one feature, day by day.

    Attributes
    ----------
    name : str
    days : int
        Days on which it could be tested.
    rejected : int
        Days on which the unit root was rejected at 5 %.
    statistic, p_value : float
        Medians over the days.

    Examples
    --------
    >>> Stationarity("ofi_1", days=5, rejected=5, statistic=-9.0, p_value=0.0).rejected
    5
    """

    name: str
    days: int
    rejected: int
    statistic: float
    p_value: float


@dataclass(frozen=True, slots=True)
class StudyOptions:
    """How much work a study is.

    Parameters
    ----------
    folds : int
        Of the purged cross-validation, 2 or more.
    trees : int
        Of each forest, 10 or more.
    most_rows : int
        Rows for the importances; more are thinned out evenly. 200 or more.
    horizons : tuple of float
        Seconds, above 0, ascending.
    jobs : int
        Threads of a forest.

    Examples
    --------
    >>> StudyOptions(horizons=(10.0, 60.0)).folds
    5
    """

    folds: int = 5
    trees: int = 100
    most_rows: int = 10_000
    horizons: tuple[float, ...] = HORIZONS
    jobs: int = 1

    def __post_init__(self) -> None:
        for name, least in (("folds", 2), ("trees", 10), ("most_rows", 200), ("jobs", 1)):
            if getattr(self, name) < least:
                raise ConfigError(f"{name} must be {least} or more, was {getattr(self, name)}")
        if not self.horizons or any(not (isfinite(h) and h > 0.0) for h in self.horizons) or list(
                self.horizons) != sorted(set(self.horizons)):
            raise ConfigError(f"horizons must be seconds above 0, ascending, were {self.horizons}")


@dataclass(frozen=True, slots=True)
class Study:
    """What the features are worth on some days.

    Attributes
    ----------
    symbol : str
    days, rows : int
        Of the data set.
    used_rows : int
        For the importances.
    embargo : timedelta
    names : tuple of str
        Features that were studied.
    left_out : dict of str to str
        Features that were not, and why.
    information : list of list of Information
        A feature, a horizon.
    stationarity : list of Stationarity
    differencing : LeastDifferencing or None
        Of the log mid price, last of every 10 s; None where the days are too short for it.
    clusters : Clusters
    impurity, accuracy, single, cluster_accuracy : list of Importance
        MDI, MDA, single features, MDA of clusters.
    notes : list of str
    """

    symbol: str
    days: int
    rows: int
    used_rows: int
    embargo: timedelta
    names: tuple[str, ...]
    left_out: dict[str, str]
    information: list[list[Information]]
    stationarity: list[Stationarity]
    differencing: LeastDifferencing | None
    clusters: Clusters
    impurity: list[Importance]
    accuracy: list[Importance]
    single: list[Importance]
    cluster_accuracy: list[Importance]
    notes: list[str] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """Everything, fit for JSON; what is not known is None."""
        found = self.differencing
        return {
            "symbol": self.symbol, "days": self.days, "rows": self.rows,
            "used_rows": self.used_rows, "embargo_seconds": self.embargo.total_seconds(),
            "features": list(self.names), "left_out": self.left_out, "notes": self.notes,
            "information": [{"feature": item.name, "horizon_s": item.horizon_s,
                             "coefficient": _known(item.coefficient.value),
                             "ci": [_known(end) for end in item.coefficient.ci],
                             "t": _known(item.t), "rows": item.coefficient.n}
                            for row in self.information for item in row],
            "stationarity": [{"feature": item.name, "days": item.days, "rejected": item.rejected,
                              "statistic": _known(item.statistic),
                              "p_value": _known(item.p_value)} for item in self.stationarity],
            "differencing": None if found is None else {
                "d": found.d, "level": found.level,
                "tried": [{"d": item.d, "statistic": _known(item.test.statistic),
                           "critical": item.test.critical[1], "p_value": _known(item.test.p_value),
                           "correlation": _known(item.correlation), "width": item.width}
                          for item in found.tried]},
            "clusters": [list(group) for group in self.clusters.groups],
            "silhouette": _known(self.clusters.silhouette),
            **{name: [{"features": list(item.features), "value": item.value,
                       "error": _known(item.error)}
                      for item in getattr(self, name)]
               for name in ("impurity", "accuracy", "single", "cluster_accuracy")}}


def study_features(data: Dataset, logs: Iterable["EventLog"], *, rng: np.random.Generator,
                   options: StudyOptions | None = None, say: Say | None = None) -> Study:
    """Study the features of a data set.

    Parameters
    ----------
    data : Dataset
    logs : iterable of EventLog
        The data set's days, in order: their prices are needed for moves beyond the labels.
    rng : numpy.random.Generator
        Seeds and shuffles.
    options : StudyOptions, optional
    say : callable, optional
        Called with the name of each part before it.

    Raises
    ------
    InputError
        If no feature varies, there is one class only, there are more folds than rows, or too few
        rows are left after purging.
    """
    options, say = options or StudyOptions(), say or (lambda text: None)
    if options.folds > min(len(data), options.most_rows):
        raise InputError("folds must not exceed the rows of the importances, "
                         f"{min(len(data), options.most_rows)}, was {options.folds}")
    columns, left_out = _worth_studying(data)
    names = tuple(data.feature_names[i] for i in columns)
    X = data.X[:, columns]
    say("information coefficients")
    moves = _moves(data, logs, options.horizons)
    step = float(np.median(np.diff(data.t_start))) / 1e9 if len(data) > 1 else 1.0
    information = information_decay(X, names, moves, max(step, 1e-9))
    say("unit-root tests")
    stationarity = [_unit_roots(data, X[:, i], name) for i, name in enumerate(names)]
    differencing = _differencing(data)
    say("clusters")
    thinned = data.take(np.linspace(0, len(data) - 1, min(len(data), options.most_rows))
                        .astype(np.int64))
    clusters = feature_clusters(thinned.X[:, columns], names)
    impurity, accuracy, single, cluster = _importances(thinned, columns, names, clusters, rng,
                                                       options, say)
    notes = []
    if differencing is None:
        notes.append("The days are too short to choose an order of differencing.")
    if len(data.log_hashes) < 2:
        notes.append("One day says little: errors over its folds do not show how days differ.")
    return Study(data.symbol, len(data.log_hashes), len(data), len(thinned), data.embargo(), names,
                 left_out, information, stationarity, differencing, clusters, impurity, accuracy,
                 single, cluster, notes)


def _worth_studying(data: Dataset) -> tuple[list[int], dict[str, str]]:
    kept, left_out = [], {}
    for i, name in enumerate(data.feature_names):
        known = data.X[~np.isnan(data.X[:, i]), i]
        if not known.size:
            left_out[name] = "no value"
        elif bool((known == known[0]).all()):
            left_out[name] = "one value only"
        else:
            kept.append(i)
    if not kept:
        raise InputError(f"no feature of {data.symbol} varies")
    return kept, left_out


def _moves(data: Dataset, logs: Iterable["EventLog"], horizons: Sequence[float]
           ) -> dict[float, Floats]:
    moves = {horizon: np.full(len(data), np.nan) for horizon in horizons}
    for log, rows in data.rows_of(logs):
        if rows.size:
            path = PricePath.of_log(log, data.features)
            for horizon in horizons:
                moves[horizon][rows] = forward_moves(path, data.t_start[rows], horizon,
                                                     data.rule.latency_ms / 1e3)
    return moves


def _unit_roots(data: Dataset, column: Floats, name: str) -> Stationarity:
    tests = []
    for day in np.unique(data.day):
        series = column[data.day == day]
        series = series[~np.isnan(series)]
        if len(series) >= _LEAST_SERIES and not bool((series == series[0]).all()):
            # Akaike's lags for a day of seconds would be dozens; a day's feature has memory
            # enough for twelve.
            tests.append(unit_root_test(series, most_lags=12))
    known = [test for test in tests if test.statistic == test.statistic]
    if not known:
        return Stationarity(name, 0, 0, float("nan"), float("nan"))
    return Stationarity(name, len(known), sum(test.rejects() for test in known),
                        float(np.median([test.statistic for test in known])),
                        float(np.median([test.p_value for test in known])))


def _differencing(data: Dataset) -> LeastDifferencing | None:
    """Of the last known mid of every 10 seconds with a decision, days one after the other."""
    known = np.isfinite(data.mid) & (data.mid > 0.0)
    bar = data.t_start[known] // _BAR_NS
    mid = data.mid[known]
    last = np.append(bar[1:] != bar[:-1], True) if bar.size else np.zeros(0, np.bool_)
    try:
        return least_differencing(np.log(mid[last]))
    except InputError:
        return None


def _importances(data: Dataset, columns: list[int], names: Sequence[str], clusters: Clusters,
                 rng: np.random.Generator, options: StudyOptions, say: Say
                 ) -> tuple[list[Importance], list[Importance], list[Importance],
                            list[Importance]]:
    if len(np.unique(data.y)) < 2:
        raise InputError(f"the labels of {data.symbol} have one class only, so nothing can be "
                         "learned")
    X = data.frame().iloc[:, columns]
    splitter = PurgedKFold(options.folds, embargo=data.embargo(),
                           label_end_times=data.label_end_times())
    seed = int(rng.integers(2**31))

    def make() -> Any:
        return forest(np.random.default_rng(seed), trees=options.trees, jobs=options.jobs)

    say("mean decrease of impurity")
    model = make().fit(X.to_numpy(), data.y, sample_weight=data.weights)
    impurity = mean_decrease_impurity(model, names)
    say("mean decrease of accuracy")
    accuracy = mean_decrease_accuracy(make, X, data.y, splitter, rng=rng, weights=data.weights)
    say("mean decrease of accuracy by cluster")
    cluster = mean_decrease_accuracy(make, X, data.y, splitter, rng=rng, weights=data.weights,
                                     groups=clusters.groups)
    say("single features")
    single = single_feature_importance(make, X, data.y, splitter, weights=data.weights)
    return impurity, accuracy, single, cluster


def _known(value: float) -> float | None:
    return value if isfinite(value) else None
