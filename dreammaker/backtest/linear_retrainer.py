"""A retrainer that is real: the linear-flow baseline's weights, fitted by least squares."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dreammaker.assembly.config import SystemConfig
from dreammaker.backtest.days import DayPlan
from dreammaker.backtest.retrain import Refit
from dreammaker.domain.errors import ConfigError
from dreammaker.engine.clock import NS_PER_S
from dreammaker.engine.market import MarketView
from dreammaker.engine.ports import DecisionClock
from dreammaker.features.config import FEATURE_NAMES
from dreammaker.features.pipeline import FeaturePipeline, FeatureRows
from dreammaker.models import LinearFlowBaseline
from dreammaker.models.decision_clock import build_decision_clock

_BATCH = 65_536
_LARGEST_WEIGHT = 100.0
_LEAST_ROWS = 100
_DIGITS = 6


class LinearFlowRetrainer:
    """Weights of order-flow imbalance and book imbalance by the move that followed them.

    The mid's move over ``horizon_s`` is regressed (least squares, with intercept) on normalised
    flow and book imbalance at the decision rows of past days, exactly as the model would have seen
    them. Weights are the slopes, scaled so that the score varies over those days as much as with
    the configured weights: the thresholds keep their meaning, only the mix is fitted. A slope
    below 0 becomes a weight of 0; with two of them the model never trades, which is then the
    answer.

    Parameters
    ----------
    horizon_s : float
        Above 0.

    Raises
    ------
    ConfigError
        If the horizon is not above 0.
    """

    name = "linear_flow"

    def __init__(self, horizon_s: float = 30.0) -> None:
        if not 0 < horizon_s <= 86_400:
            raise ConfigError(f"horizon_s must be in (0, 86400], was {horizon_s}")
        self.horizon_s = horizon_s

    def settings(self) -> Mapping[str, Any]:
        """The horizon."""
        return {"horizon_s": self.horizon_s}

    def fit(self, past: Sequence[DayPlan], config: SystemConfig) -> Refit:
        """Fit on past days."""
        inputs, moves = [], []
        for plan in past:
            time_ns, mid, values = decision_rows(plan, config)
            x, y = labelled(time_ns, mid, values, round(self.horizon_s * NS_PER_S))
            inputs.append(x)
            moves.append(y)
        x, y = np.concatenate(inputs), np.concatenate(moves)
        # Where the source shows no sizes there is no book imbalance, and the model goes without.
        has_depth = bool(len(x)) and not np.isnan(x[:, 1]).all()
        known = ~np.isnan(x[:, 0]) & (~np.isnan(x[:, 1]) if has_depth else True)
        x, y = x[known, :2 if has_depth else 1], y[known]
        counted = {"rows": float(len(y)), "days": float(len(past))}
        if len(y) < _LEAST_ROWS or float(x[:, 0].std()) == 0.0:
            return Refit(parameters={**counted, "fitted": 0.0})
        slopes, share = _least_squares(x, y)
        weights = _weights(slopes, x, config)
        changes = {"model.weight_ofi": weights[0]}
        found = {"slope_ofi": float(slopes[0]), "r_squared": share, "fitted": 1.0}
        if has_depth:
            changes["model.weight_imbalance"] = weights[1]
            found["slope_imbalance"] = float(slopes[1])
        return Refit(changes, {**counted, **found})


def decision_rows(plan: DayPlan, config: SystemConfig
                  ) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
    """What the baseline sees at each decision of a day.

    Returns
    -------
    time_ns : int64 array, shape (n,)
    mid_ticks : float64 array, shape (n,)
        NaN where the book was not sound.
    values : float64 array, shape (n, 2)
        Flow over its running scale, and book imbalance; NaN where not known.
    """
    # As late as the session would get them.
    feed = config.exchange.delayed(plan.open().feed, config.run.seed)
    pipeline = FeaturePipeline(config.features, feed.instrument, feed.source)
    clock = build_decision_clock(config.model, feed.instrument)
    # The model's own normalisation: with weights 1 and 0 its score is the flow over its scale.
    model = LinearFlowBaseline(replace(config.model, weight_ofi=1.0, weight_imbalance=0.0),
                               feed.source, FEATURE_NAMES)
    market = MarketView(feed.instrument, len(FEATURE_NAMES))
    imbalance = FEATURE_NAMES.index("book_imbalance")
    times, mids, values = [], [], []
    for view in _views(feed, pipeline, clock, market):
        times.append(view.row_time_ns)
        mids.append(view.mid_half_ticks / 2 if view.book_ok else np.nan)
        values.append((model.predict(view).score, float(view.features[imbalance])))
    return (np.array(times, np.int64), np.array(mids, np.float64),
            np.array(values, np.float64).reshape(-1, 2))


def _views(feed: Any, pipeline: FeaturePipeline, clock: DecisionClock,
           market: MarketView) -> Iterator[MarketView]:
    rows, before = FeatureRows(_BATCH), 0
    while len(events := feed.read(_BATCH)) and pipeline.fault is None:
        if len(events) > rows.capacity:
            rows = FeatureRows(len(events))
        pipeline.process(events, rows)
        market.open_batch(events, rows, before)
        for index in clock.choose(events, rows):
            market.reveal(index + 1)
            market.take(index)
            yield market
        before += len(events)


def labelled(time_ns: NDArray[np.int64], mid_ticks: NDArray[np.float64],
             values: NDArray[np.float64], horizon_ns: int
             ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Rows with the mid's move over the horizon, in ticks; rows too near the day's end are left.

    Examples
    --------
    >>> times, mids = np.array([0, 10, 20]), np.array([1.0, 2.0, 4.0])
    >>> labelled(times, mids, np.ones((3, 2)), 10)[1].tolist()
    [1.0, 2.0]
    """
    later = np.searchsorted(time_ns, time_ns + horizon_ns, side="left")
    inside = np.flatnonzero(later < len(time_ns))
    moves = mid_ticks[later[inside]] - mid_ticks[inside]
    known = ~np.isnan(moves)
    return values[inside[known]], moves[known]


def _least_squares(x: NDArray[np.float64], y: NDArray[np.float64]
                   ) -> tuple[NDArray[np.float64], float]:
    """Slopes and the share of the variance they explain."""
    centred, residual = x - x.mean(axis=0), y - y.mean()
    slopes: NDArray[np.float64] = np.linalg.lstsq(centred, residual, rcond=None)[0]
    total = float(residual @ residual)
    left = residual - centred @ slopes
    return slopes, 1.0 - float(left @ left) / total if total > 0 else 0.0


def _weights(slopes: NDArray[np.float64], x: NDArray[np.float64], config: SystemConfig
             ) -> list[float]:
    wanted = np.array([config.model.weight_ofi, config.model.weight_imbalance])[:x.shape[1]]
    kept = np.maximum(slopes, 0.0)
    spread, goal = float((x @ kept).std()), float((x @ wanted).std())
    if spread == 0.0:
        return [0.0] * len(kept)
    # Rounded, so that the last digits of a linear solver are in nobody's configuration.
    return [min(round(float(weight), _DIGITS), _LARGEST_WEIGHT) for weight in kept * goal / spread]
