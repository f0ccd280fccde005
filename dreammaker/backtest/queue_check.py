"""Passive orders followed by every queue model, beside what became of them in the backtest.

The venue fills resting orders by one model; nobody knows the true queue of an order that was never
sent. How far the models part over the very orders of a run says how much of its passive fills is
model and how much is market.
"""

import numpy as np
from numpy.typing import NDArray

from dreammaker.backtest.days import DayPlan
from dreammaker.backtest.records import Columns
from dreammaker.domain.source import SourceProfile
from dreammaker.engine.clock import NS_PER_S
from dreammaker.exchange.config import ExchangeConfig
from dreammaker.exchange.queue_probes import NO_FILL, Probes, QueueModel, run_probes

LEAST_WATCH_NS = 10 * NS_PER_S
"""A filled order is followed at least so long from its arrival, for a model may be late."""


def models(config: ExchangeConfig, source: SourceProfile) -> list[QueueModel]:
    """The configured model, two others, and none at all: nobody stands before us."""
    queue = config.queue
    prints, share = queue.prints(source), queue.print_share
    found = [QueueModel("risk_averse", 1.0, prints, share), QueueModel("power", 3.0, prints, share),
             QueueModel("log", 1.0, prints, share)]
    if queue.model not in ("fifo", *(model.name for model in found)):
        found.insert(0, QueueModel(queue.model, queue.power_n, prints, share))
    return [*found, QueueModel("risk_averse", 1.0, prints, share, at_front=True)]


def queue_check(plan: DayPlan, orders: Columns, fills: Columns, source: SourceProfile) -> Columns:
    """Each passive order of a day by each model.

    Parameters
    ----------
    plan : DayPlan
    orders, fills : dict of str to ndarray
        The day's; ``passive`` says which orders could rest.
    source : SourceProfile

    Returns
    -------
    dict of str to ndarray
        order_id, model, shown_lots (before it on arrival), filled and predicted (whole, before
        the order ended), wait_ns and predicted_wait_ns (0 where not filled). Empty for generated
        days, whose records are not kept, and where no order rested.
    """
    chosen = _resting(orders, fills)
    if plan.config.run.mode == "simulated" or not len(chosen):
        none = np.zeros(0, np.int64)
        return _table([], none, none, none, none)
    chosen = chosen[np.argsort(orders["arrival_ns"][chosen], kind="stable")]
    arrival, end = orders["arrival_ns"][chosen], orders["end_ns"][chosen]
    filled = orders["outcome"][chosen] == "filled"
    truth = np.where(filled, end, NO_FILL)
    until = np.where(end > 0, end, np.iinfo(np.int64).max)
    longest = int((end - arrival)[end > 0].max(initial=LEAST_WATCH_NS))
    until = np.minimum(np.where(filled, arrival + longest, until), arrival + 3600 * NS_PER_S)
    probes = Probes(arrival, orders["side"][chosen].astype(np.int8),
                    orders["price_ticks"][chosen].astype(np.int32),
                    orders["qty_lots"][chosen].astype(np.int32), until, truth)
    followed = models(plan.config.exchange, source)
    outcomes = run_probes(plan.event_log(), probes, followed)
    # Those that could not be placed are left out; times alone tell which, and they are in order.
    place = np.searchsorted(arrival, outcomes.time_ns)
    place += np.arange(len(place)) - np.searchsorted(outcomes.time_ns, outcomes.time_ns)
    return _table([model.label for model in followed], orders["order_id"][chosen][place],
                  outcomes.shown_lots.astype(np.int64), outcomes.truth_ns - outcomes.time_ns,
                  (outcomes.model_ns - outcomes.time_ns).reshape(-1))


def _resting(orders: Columns, fills: Columns) -> NDArray[np.int64]:
    """Orders that rested and took nothing."""
    taking = np.unique(fills["order_id"][fills["liquidity"] == "taker"])
    return np.flatnonzero(orders["passive"] & ~np.isin(orders["order_id"], taking))


def _table(labels: list[str], number: NDArray[np.int64], shown: NDArray[np.int64],
           wait: NDArray[np.int64], predicted: NDArray[np.int64]) -> Columns:
    """One entry an order and model; waits of 0 or less are no fills."""
    times = len(labels)
    return {
        "order_id": np.tile(number, times),
        "model": np.array([label for label in labels for _ in range(len(number))], object),
        "shown_lots": np.tile(shown, times), "filled": np.tile(wait > 0, times),
        "wait_ns": np.tile(np.maximum(wait, 0), times),
        "predicted": predicted > 0, "predicted_wait_ns": np.maximum(predicted, 0),
    }
