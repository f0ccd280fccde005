"""What a model is judged on: decision rows with what a bet in either direction would have gained.

A label says which direction paid. A backtest needs what the *other* direction would have cost, so
both bets of every decision are opened and closed here, at the prices that the label rule uses.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from dreammaker.domain.errors import InputError

if TYPE_CHECKING:
    from dreammaker.research.dataset import Dataset
    from dreammaker.store.eventlog import EventLog

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

SHORT, LONG = 0, 1
"""Columns of `Samples.gain` and `Samples.exit_ns`."""


@dataclass(frozen=True, eq=False, slots=True)
class Samples:
    """Decision rows, labels and the outcome of both bets, in order of time.

    Attributes
    ----------
    X : float64 array, shape (n, features)
        NaN where a feature is not known.
    y : int8 array, shape (n,)
        -1, 0 or +1: the direction that paid.
    t_start, t_end : int64 array, shape (n,)
        When the decision was made, and the last instant that label or either bet depends on, ns.
    weights : float64 array, shape (n,)
        0 or more; not scaled.
    day : datetime64[D] array, shape (n,)
        Session of each row.
    gain : float64 array, shape (n, 2)
        Points gained by a short and by a long bet, spread paid, fees not.
    exit_ns : int64 array, shape (n, 2)
        When either bet is over.
    cost_points : float
        Of a round trip besides the spread: fees and slippage, 0 or more.
    lookback_ns : int
        Memory of the features, 0 or more.
    point_value : float
        Currency a point and lot.
    currency : str

    Raises
    ------
    InputError
        If columns differ in length, rows are not in order, or a span ends before it starts.

    Examples
    --------
    >>> from dreammaker.research.noise import noise_samples
    >>> samples = noise_samples(1, rows=120, days=4)
    >>> samples.sessions, len(samples.take(samples.y > 0)) + len(samples.take(samples.y < 0))
    (4, 120)
    """

    X: Floats
    y: NDArray[np.int8]
    t_start: Ints
    t_end: Ints
    weights: Floats
    day: NDArray[np.datetime64]
    gain: Floats
    exit_ns: Ints
    cost_points: float = 0.0
    lookback_ns: int = 0
    point_value: float = 1.0
    currency: str = ""

    def __post_init__(self) -> None:
        n = len(self.y)
        for name in _COLUMNS:
            if len(getattr(self, name)) != n:
                raise InputError(f"{name} must have a row for each label, {n}, had "
                                 f"{len(getattr(self, name))}")
        if self.gain.shape != (n, 2) or self.exit_ns.shape != (n, 2):
            raise InputError("gain and exit_ns must have two columns, short and long")
        if np.any(self.t_start[1:] < self.t_start[:-1]):
            raise InputError("rows must be in order of time")
        if np.any(self.t_end < self.t_start) or np.any(self.exit_ns < self.t_start[:, None]):
            raise InputError("a label or a bet must not end before its decision")
        if not (np.isfinite(self.cost_points) and self.cost_points >= 0.0):
            raise InputError(f"cost_points must be 0 or more, was {self.cost_points!r}")

    def __len__(self) -> int:
        """Number of rows."""
        return len(self.y)

    def take(self, rows: Any) -> "Samples":
        """Some rows, by a mask or ascending indices."""
        return replace(self, **{name: getattr(self, name)[rows] for name in _COLUMNS})

    @property
    def sessions(self) -> int:
        """Number of days."""
        return len(np.unique(self.day))

    def embargo(self, share: float = 0.01) -> float:
        """Share of the rows that covers both a share and the features' memory.

        The larger of `share` and the most rows that start within the features' memory of another.

        Raises
        ------
        InputError
            If that is all rows.
        """
        n = len(self)
        inside = np.searchsorted(self.t_start, self.t_start + self.lookback_ns, "right")
        rows = int((inside - np.arange(n)).max(initial=0)) if self.lookback_ns else 0
        if rows >= n:
            raise InputError(f"the features' memory of {self.lookback_ns / 1e9:g} s covers all "
                             f"{n} rows; take more days")
        # A splitter rounds shares down; the half keeps it from losing a row.
        return max(share, (rows + 0.5) / n if rows else 0.0)


_COLUMNS = ("X", "y", "t_start", "t_end", "weights", "day", "gain", "exit_ns")


def together(parts: Sequence[Samples]) -> Samples:
    """Samples of several days, in order, as one; everything but the rows is the first one's."""
    columns: dict[str, Any] = {
        name: np.concatenate([getattr(part, name) for part in parts]) for name in _COLUMNS}
    return replace(parts[0], **columns)


def samples_of(data: "Dataset", logs: "Iterable[EventLog]", cost_points: float) -> Samples:
    """A data set's rows with both bets' outcomes.

    Parameters
    ----------
    data : Dataset
    logs : iterable of EventLog
        The data set's days, in order, each opened only when it is its turn.
    cost_points : float
        Of a round trip besides the spread.

    Returns
    -------
    Samples
        Rows of which a bet could not be followed to its end are left out.

    Raises
    ------
    InputError
        If the logs are not those that the rows were made of.

    Notes
    -----
    Under the rule "trend" a bet is held over the rule's horizon, without barriers: the line that
    gave the label was chosen with knowledge of the future, so its end is no exit.
    """
    from dreammaker.models.labels import PricePath
    from dreammaker.research.lookback import feature_lookback

    n, value, currency = len(data), 1.0, ""
    gain = np.full((n, 2), np.nan)
    exit_ns = np.repeat(data.t_start[:, None], 2, axis=1)
    for log, rows in data.rows_of(logs):
        value = log.instrument.tick_value_micros / 1e6 / log.instrument.tick_size
        currency = log.instrument.currency
        if rows.size:
            path = PricePath.of_log(log, data.features)
            for column, side in ((SHORT, -1), (LONG, 1)):
                found = _bets(data, rows, path, side)
                gain[rows[found.position], column] = found.ret
                exit_ns[rows[found.position], column] = found.end
    whole = ~np.isnan(gain).any(axis=1)
    t_end = np.maximum(data.t_end, exit_ns.max(axis=1))
    memory = round(feature_lookback(data.features).total_seconds() * 1e9)
    return Samples(data.X[whole], data.y[whole], data.t_start[whole], t_end[whole],
                   data.weights[whole], data.day[whole], gain[whole], exit_ns[whole], cost_points,
                   memory, value, currency)


def _bets(data: "Dataset", rows: Ints, path: Any, side: int) -> Any:
    """Labels of bets with a side; positions count in `rows`."""
    from dreammaker.models.labels import triple_barrier

    rule = data.rule
    barriers = rule.kind == "triple_barrier"
    return triple_barrier(
        path, data.t_start[rows], horizon=rule.horizon_s, profit=rule.profit if barriers else 0.0,
        loss=rule.loss if barriers else 0.0, target=data.target[rows] if barriers else 1.0,
        side=side, latency=rule.latency_ms / 1e3, least_points=rule.least_points,
        at_horizon=rule.at_horizon, at_break=rule.at_break)
