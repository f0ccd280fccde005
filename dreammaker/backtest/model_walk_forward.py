"""Walk-forward of a bundle's recipe through the order path, beside its label returns.

For each block of days the recipe is fitted on the days before, and that bundle trades the block as
a session would: decisions by the loop's clock, votes, risk, latency, queue, fees. On the same rows
the same models' label returns are counted, one lot and one position at a time. What lies between
the two is what label returns leave out: the queue, partial fills, exits by the policy instead of
barriers, sizes, votes and limits.
"""

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dreammaker.assembly.config import SystemConfig
from dreammaker.backtest.bundle_retrainer import BundleRetrainer, Fitted, of_days
from dreammaker.backtest.costs import COST_PARTS
from dreammaker.backtest.days import DayPlan, plan_days
from dreammaker.backtest.result import BacktestResult
from dreammaker.backtest.runner import Backtest
from dreammaker.backtest.runner import Progress as Step
from dreammaker.domain.errors import ConfigError, InputError
from dreammaker.models.bundle import ModelBundle
from dreammaker.research.bets import take_bets
from dreammaker.research.dataset import Dataset
from dreammaker.research.estimators import ModelSpec
from dreammaker.research.samples import LONG, SHORT, Samples
from dreammaker.validation import WalkForward

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Tell = Callable[[int, int], None]

PARTS = ("paper", *COST_PARTS, "net")
_COUNTS = ("trades", "wins", "fills", "passive_fills", "lots", "orders", "denied")


@dataclass(frozen=True, slots=True)
class Fold:
    """A block of days and what its model learnt from.

    Attributes
    ----------
    train_days, test_days : tuple of str
        ISO dates.
    rows, left_out : int
        Rows learnt from; rows that purging and embargo took away.
    bundle : str
        Content hash; empty where none could be made.
    refused : str
        Why none could be made; its days count as not traded.
    """

    train_days: tuple[str, ...]
    test_days: tuple[str, ...]
    rows: int = 0
    left_out: int = 0
    bundle: str = ""
    refused: str = ""


@dataclass(frozen=True, eq=False, slots=True)
class ModelWalkForward:
    """What came of it; money in the currency.

    Attributes
    ----------
    anchored : bool
        Whether every fit began at the first day.
    folds : tuple of Fold
    days : datetime64[D] array, shape (n,)
        Traded days.
    order_net, label_net : float64 array, shape (n,)
        Net profit of each through the order path, and of its label returns.
    order_traded, label_traded : float64 array, shape (n,)
        Money bought plus money sold.
    label_bets : int64 array, shape (n,)
    order_ns, label_ns : int64 array
        Instants of the two curves, UTC ns.
    order_curve, label_curve : float64 array
        Net profit so far at each; open positions valued at the mid, and at the bets' ends.
    costs : dict of str to float
        `PARTS`: paper less the costs is net.
    counts : dict of str to int
        Orders, fills, lots and trips of all days.
    stopped : tuple of str
        Days that risk ended early, and loops that had to stop, one sentence each.
    """

    anchored: bool
    folds: tuple[Fold, ...]
    days: NDArray[np.datetime64]
    order_net: Floats
    label_net: Floats
    order_traded: Floats
    label_traded: Floats
    label_bets: Ints
    order_ns: Ints
    order_curve: Floats
    label_ns: Ints
    label_curve: Floats
    costs: dict[str, float]
    counts: dict[str, int]
    stopped: tuple[str, ...] = ()


def check_folds(folds: int, days: int) -> None:
    """Refuse a number of folds that the days do not allow.

    Raises
    ------
    ConfigError
        If it is below 1.
    InputError
        If there is no day to learn from besides one to trade for each fold.
    """
    if folds < 1:
        raise ConfigError(f"a walk-forward needs 1 fold or more, was {folds}")
    if days < 2:
        raise InputError("a walk-forward needs two days or more, one to learn from and one to "
                         f"trade; there {'is 1' if days == 1 else 'is none'}")
    if folds >= days:
        raise InputError(f"a walk-forward of {folds} folds needs {folds + 1} days or more, one to "
                         f"learn from and one to trade in each fold; there are {days}")


def model_walk_forward(bundle: ModelBundle, data: Dataset, samples: Samples, config: SystemConfig,
                       *, folds: int, anchored: bool = False,
                       progress: Tell | None = None) -> ModelWalkForward:
    """Fit and trade block after block, as `validation.WalkForward` cuts the days.

    Parameters
    ----------
    bundle : ModelBundle
        Whose recipe is fitted.
    data, samples : Dataset, Samples
        Labelled rows of all days.
    config : SystemConfig
        Of the sessions: limits, fees, latency, venue; ``data.root`` is the archive. Its model is
        each fold's bundle.
    folds : int
        Blocks of ``days // (folds + 1)`` days each, at the end of the days.
    anchored : bool
        Fit on all days before a block, instead of as many as before the first one.
    progress : callable, optional
        Called with the days traded and their number.

    Raises
    ------
    ConfigError, InputError
        If the days do not allow so many folds, or no fold has a model.
    """
    days = [str(day) for day in np.unique(samples.day)]
    check_folds(folds, len(days))
    settings = replace(config, run=replace(config.run, mode="replay"),
                       backtest=replace(config.backtest, symbol=data.symbol, days=(), day=None))
    plans = {plan.day.isoformat(): plan for plan in plan_days(settings, days=days)}
    blocks = [([days[i] for i in train], [days[i] for i in test]) for train, test in
              WalkForward(folds, anchored=anchored).split(np.arange(len(days)))]
    total, done, parts = sum(len(test) for _, test in blocks), 0, []
    if progress is not None:
        progress(0, total)
    with tempfile.TemporaryDirectory(prefix="dreammaker-") as folder:
        retrainer = BundleRetrainer(bundle, Path(folder), of_days(data, samples))
        for train, test in blocks:
            parts.append(_fold(retrainer, settings, data, samples,
                               [plans[day] for day in train], test, _shifted(progress, done,
                                                                             total)))
            done += len(test)
            if progress is not None:
                progress(done, total)
    if all(part.fold.refused for part in parts):
        raise InputError("no fold of the walk-forward has a model: " + parts[0].fold.refused)
    return _joined(parts, anchored)


def _shifted(progress: Tell | None, done: int, total: int) -> Callable[[Step], None] | None:
    if progress is None:
        return None
    return lambda step: progress(done + step.day_index, total)


@dataclass(frozen=True, eq=False, slots=True)
class _Part:
    """A fold's figures; the names are those of `ModelWalkForward`."""

    fold: Fold
    days: NDArray[np.datetime64]
    order_net: Floats
    label_net: Floats
    order_traded: Floats
    label_traded: Floats
    label_bets: Ints
    order_ns: Ints
    order_curve: Floats
    label_ns: Ints
    label_curve: Floats
    costs: Floats
    counts: Ints
    stopped: tuple[str, ...] = ()


def _fold(retrainer: BundleRetrainer, config: SystemConfig, data: Dataset, samples: Samples,
          train: Sequence[DayPlan], test: Sequence[str], tell: Callable[[Step], None] | None
          ) -> _Part:
    names = tuple(plan.day.isoformat() for plan in train), tuple(test)
    days = np.array(test, "datetime64[D]")
    try:
        fitted = retrainer.fitted(train)
    except InputError as error:
        # A model that cannot be made cannot trade: its days earn nothing.
        zero, none = np.zeros(len(days)), np.zeros(0)
        never = np.zeros(0, np.int64)
        return _Part(Fold(*names, refused=str(error)), days, zero, zero, zero, zero,
                     np.zeros(len(days), np.int64), never, none, never, none,
                     np.zeros(len(PARTS)), np.zeros(len(_COUNTS), np.int64))
    refit = retrainer.saved(fitted)
    result = Backtest(refit.apply(config), days=list(test)).run(tell)
    own = Fold(*names, fitted.rows, fitted.left_out, Path(refit.changes["model.bundle"]).name)
    both = _both(result, fitted, data, samples, days, retrainer.recipe.spec)
    costs = np.array([result.summary[f"{name}_micros"] / 1e6 for name in (
        "paper", *(f"cost_{part}" for part in COST_PARTS), "net")])
    counts = np.array([result.summary[name] for name in _COUNTS], np.int64)
    return _Part(own, days, **both, costs=costs, counts=counts, stopped=_stops(result))


def _both(result: BacktestResult, fitted: Fitted, data: Dataset, samples: Samples,
          days: NDArray[np.datetime64], spec: ModelSpec) -> dict[str, Any]:
    """Daily net, traded money, bets, and the curves, of both ways."""
    daily, fills = result.tables["daily"], result.tables["fills"]
    unit = result.instrument.tick_value_micros / 1e6
    value = np.abs(fills["price_ticks"] * fills["qty_lots"]) * unit
    equity = result.tables["equity"]
    before = np.concatenate([np.zeros(1, np.int64), np.cumsum(daily["net_micros"])])
    curve = (equity["net_micros"] + before[np.searchsorted(daily["day"], equity["day"])]) / 1e6
    rows = samples.take(np.isin(samples.day, days))
    _, side, right = fitted.decider.decide(rows.X)
    bets = take_bets(rows, side, spec.wanted(side, right))
    place = np.searchsorted(days, rows.day[bets.row])
    net = bets.net * rows.point_value
    price = data.mid[np.searchsorted(data.t_start, rows.t_start[bets.row])]
    exits = np.where(bets.side > 0, rows.exit_ns[bets.row, LONG], rows.exit_ns[bets.row, SHORT])
    count = len(days)
    return {
        "order_net": daily["net_micros"] / 1e6, "label_net": np.bincount(place, net, count),
        "order_traded": np.bincount(np.searchsorted(days, fills["day"]), value, count),
        "label_traded": np.bincount(place, 2.0 * price * rows.point_value, count),
        "label_bets": np.bincount(place, minlength=count).astype(np.int64),
        "order_ns": equity["time_ns"], "order_curve": curve, "label_ns": exits,
        "label_curve": np.cumsum(net)}


def _stops(result: BacktestResult) -> tuple[str, ...]:
    daily = result.tables["daily"]
    ended = [f"{day}: risk ended the day: {reason}" for day, state, reason in zip(
        daily["day"].tolist(), daily["trading_state"].tolist(),
        daily["trading_state_reason"].tolist(), strict=True) if state != "NORMAL"]
    stopped = [f"{day}: the loop had to stop: {text}" for day, text in zip(
        daily["day"].tolist(), daily["stopped_by"].tolist(), strict=True) if text]
    return tuple(ended + stopped)


def _joined(parts: Sequence[_Part], anchored: bool) -> ModelWalkForward:
    def column(name: str) -> NDArray[Any]:
        return np.concatenate([getattr(part, name) for part in parts])

    def running(curve: str, net: str) -> Floats:
        so_far = np.concatenate([np.zeros(1), np.cumsum([getattr(part, net).sum()
                                                         for part in parts])])
        return np.concatenate([getattr(part, curve) + so_far[i] for i, part in enumerate(parts)])

    return ModelWalkForward(
        anchored, tuple(part.fold for part in parts), column("days"), column("order_net"),
        column("label_net"), column("order_traded"), column("label_traded"), column("label_bets"),
        column("order_ns"), running("order_curve", "order_net"), column("label_ns"),
        running("label_curve", "label_net"),
        dict(zip(PARTS, np.sum([part.costs for part in parts], axis=0).tolist(), strict=True)),
        dict(zip(_COUNTS, np.sum([part.counts for part in parts], axis=0).tolist(), strict=True)),
        tuple(text for part in parts for text in part.stopped))
