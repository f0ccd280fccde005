"""How well queue models predict fills: scores beside the truth, and the fitted power.

An order *fills within a horizon* if it is filled whole before the horizon, before the market moves
away from its price and before trading stops. Truth and models are asked the same, so nothing has
to be assumed about what the market would have done later.

The first half of the orders, by time, is for fitting: the exponent of each power model, and the
two probabilities of a true fill given each answer of a model that the log loss needs. All scores
are of the second half. Standard errors are of a bootstrap over blocks of time, for orders that
wait at the same time share their fate.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dreammaker.domain.errors import InputError
from dreammaker.exchange.queue import POWER_NAMES, Prints, QueueName
from dreammaker.exchange.queue_probes import NO_FILL, Outcomes, QueueModel

Floats = NDArray[np.float64]

BLOCK_NS = 300_000_000_000
BOOTSTRAP_COUNT = 400
FIRST_POWERS = (0.06, 0.12, 0.25, 0.35, 0.5, 0.7, 1.0, 1.4, 2.0, 2.8, 4.0, 5.6, 8.0, 11.0, 16.0)
_ROUNDS, _STEPS = 2, 9
_SHOWN_QUANTILES = (0.05, 0.5, 0.95)


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value with its standard error (NaN where it has none)."""

    value: float
    error: float


@dataclass(frozen=True, slots=True)
class HorizonScore:
    """One model at one horizon.

    Parameters
    ----------
    horizon_s : float
    true_share, predicted_share : Estimate
        Share of the orders that fill within the horizon.
    difference : Estimate
        Predicted less true; its error takes into account that both are of the same orders.
    false_share, missed_share : Estimate
        Of all orders: those the model fills and the market did not, and the other way round.
    brier : Estimate
        Mean squared difference of the model's answer, 0 or 1, and the truth.
    log_loss : Estimate
        Of the truth under the probabilities of a fill that the first half showed for each answer.
    """

    horizon_s: float
    true_share: Estimate
    predicted_share: Estimate
    difference: Estimate
    false_share: Estimate
    missed_share: Estimate
    brier: Estimate
    log_loss: Estimate


@dataclass(frozen=True, slots=True)
class ModelScore:
    """One model.

    Parameters
    ----------
    model : QueueModel
    horizons : tuple of HorizonScore
    both_filled : int
        Orders that truth and model fill within the longest horizon; the times below are of these.
    time_bias_s, time_mae_s : Estimate
        Mean and mean absolute value of the predicted less the true fill time.
    time_quantiles_s : tuple of float
        The 5 %, 50 % and 95 % quantiles of it.
    loss_first, loss_second : float
        Mean Brier score over the horizons, of the half that fits are made on and of the other.
    """

    model: QueueModel
    horizons: tuple[HorizonScore, ...]
    both_filled: int
    time_bias_s: Estimate
    time_mae_s: Estimate
    time_quantiles_s: tuple[float, ...]
    loss_first: float
    loss_second: float


def durations(fill_ns: NDArray[np.int64], start_ns: NDArray[np.int64]) -> Floats:
    """Seconds to the fill, infinite where there is none."""
    return np.where(fill_ns == NO_FILL, np.inf, (fill_ns - start_ns) / 1e9)


def halves(outcomes: Outcomes) -> tuple[Outcomes, Outcomes]:
    """First and second half by time of arrival.

    Raises
    ------
    InputError
        If there are fewer than two orders.
    """
    count = len(outcomes)
    if count < 2:
        raise InputError(f"{count} orders could be placed; a calibration needs at least two")
    first = np.arange(count) < count // 2
    return outcomes.part(first), outcomes.part(~first)


def losses(outcomes: Outcomes, horizons_s: Sequence[float]) -> Floats:
    """Mean Brier score over the horizons; shape (models,)."""
    truth = durations(outcomes.truth_ns, outcomes.time_ns)
    model = durations(outcomes.model_ns, outcomes.time_ns)
    wrong: Floats = np.mean([((model <= h) != (truth <= h)).mean(axis=1) for h in horizons_s],
                            axis=0)
    return wrong


def time_losses(outcomes: Outcomes, horizons_s: Sequence[float]) -> Floats:
    """Mean absolute error of the fill time cut at each horizon, as a part of it; (models,)."""
    truth = durations(outcomes.truth_ns, outcomes.time_ns)
    model = durations(outcomes.model_ns, outcomes.time_ns)
    off: Floats = np.mean([np.abs(np.minimum(model, h) - np.minimum(truth, h)).mean(axis=1) / h
                           for h in horizons_s], axis=0)
    return off


@dataclass(frozen=True, slots=True)
class PowerFit:
    """The exponent of one power model with the least loss.

    Parameters
    ----------
    name : str
    n : float
    curve : tuple of (n, loss, time loss)
        All that were tried, by n: how much it matters.
    """

    name: QueueName
    n: float
    curve: tuple[tuple[float, float, float], ...]


def fit_powers(follow: Callable[[Sequence[QueueModel]], Outcomes], horizons_s: Sequence[float],
               prints: Prints = Prints.FULL) -> list[PowerFit]:
    """Fit the exponent of each power model on the first half of the orders.

    Parameters
    ----------
    follow : callable
        The outcomes of the same orders by other models.
    horizons_s : sequence of float
    prints : Prints
        How the models read prints.

    Returns
    -------
    list of PowerFit
        One a name. The loss is that of `losses`; of equal ones that of `time_losses` decides,
        then the smaller exponent.
    """
    tried: dict[QueueName, dict[float, tuple[float, float]]] = {name: {} for name in POWER_NAMES}
    powers: dict[QueueName, Sequence[float]] = dict.fromkeys(POWER_NAMES, FIRST_POWERS)
    for _ in range(_ROUNDS + 1):
        models = [QueueModel(name, n, prints) for name in POWER_NAMES for n in powers[name]
                  if n not in tried[name]]
        if models:
            first, _second = halves(follow(models))
            for model, loss, time_loss in zip(models, losses(first, horizons_s),
                                              time_losses(first, horizons_s), strict=True):
                tried[model.name][model.n] = (float(loss), float(time_loss))
        powers = {name: _around(tried[name]) for name in POWER_NAMES}
    return [PowerFit(name, _least(tried[name]),
                     tuple((n, *loss) for n, loss in sorted(tried[name].items())))
            for name in POWER_NAMES]


def _least(tried: dict[float, tuple[float, float]]) -> float:
    return min(tried, key=lambda n: (*tried[n], n))


def _around(tried: dict[float, tuple[float, float]]) -> list[float]:
    # Between the neighbours of the best one so far.
    known = sorted(tried)
    best = known.index(_least(tried))
    low, high = known[max(best - 1, 0)], known[min(best + 1, len(known) - 1)]
    return [round(float(n), 2) for n in np.linspace(low, high, _STEPS)]


def score(outcomes: Outcomes, models: Sequence[QueueModel], horizons_s: Sequence[float],
          rng: np.random.Generator) -> list[ModelScore]:
    """Score models on the second half of the orders.

    Parameters
    ----------
    outcomes : Outcomes
        Of these models, in this order.
    models : sequence of QueueModel
    horizons_s : sequence of float
        Ascending.
    rng : Generator
        For the bootstrap.

    Raises
    ------
    InputError
        If there are fewer than two orders.
    """
    first, second = halves(outcomes)
    bootstrap = _Bootstrap(second.time_ns, rng)
    loss_first, loss_second = losses(first, horizons_s), losses(second, horizons_s)
    scores = []
    for index, model in enumerate(models):
        answers = [_horizon(first, second, index, h, bootstrap) for h in horizons_s]
        truth = durations(second.truth_ns, second.time_ns)
        predicted = durations(second.model_ns[index], second.time_ns)
        both = (truth <= horizons_s[-1]) & (predicted <= horizons_s[-1])
        late = np.where(both, predicted, 0.0) - np.where(both, truth, 0.0)
        quantiles = (np.quantile(late[both], _SHOWN_QUANTILES) if both.any()
                     else np.full(len(_SHOWN_QUANTILES), np.nan))
        scores.append(ModelScore(
            model, tuple(answers), int(both.sum()), bootstrap.mean(late, both),
            bootstrap.mean(np.abs(late), both), tuple(float(q) for q in quantiles),
            float(loss_first[index]), float(loss_second[index])))
    return scores


def _horizon(first: Outcomes, second: Outcomes, index: int, horizon_s: float,
             bootstrap: "_Bootstrap") -> HorizonScore:
    def filled(outcomes: Outcomes) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        return (durations(outcomes.truth_ns, outcomes.time_ns) <= horizon_s,
                durations(outcomes.model_ns[index], outcomes.time_ns) <= horizon_s)

    truth, predicted = filled(first)
    # Half a fill and half a miss more than were seen keep any answer from being certain.
    given = [((truth & (predicted == answer)).sum() + 0.5) / ((predicted == answer).sum() + 1.0)
             for answer in (False, True)]
    truth, predicted = filled(second)
    probability = np.where(predicted, given[1], given[0])
    log_loss = -np.log(np.where(truth, probability, 1.0 - probability))
    return HorizonScore(
        horizon_s, bootstrap.mean(truth), bootstrap.mean(predicted),
        bootstrap.mean(predicted.astype(float) - truth), bootstrap.mean(predicted & ~truth),
        bootstrap.mean(truth & ~predicted), bootstrap.mean(truth != predicted),
        bootstrap.mean(log_loss))


class _Bootstrap:
    """Means with standard errors, by drawing blocks of time with replacement."""

    def __init__(self, time_ns: NDArray[np.int64], rng: np.random.Generator) -> None:
        _, self._block = np.unique(time_ns // BLOCK_NS, return_inverse=True)
        self._count = int(self._block.max()) + 1
        drawn = rng.integers(0, self._count, (BOOTSTRAP_COUNT, self._count))
        self._weights = np.stack([np.bincount(row, minlength=self._count) for row in drawn]
                                 ).astype(float)

    def mean(self, values: NDArray[Any], among: NDArray[np.bool_] | None = None) -> Estimate:
        """Mean of the values, or of some of them; NaN where there are none."""
        among = np.ones(len(values), bool) if among is None else among
        if not among.any():
            return Estimate(float("nan"), float("nan"))
        values = np.where(among, np.asarray(values, float), 0.0)
        sums = np.bincount(self._block, values, self._count)
        counts = np.bincount(self._block, among, self._count)
        drawn = self._weights @ counts
        kept = drawn > 0
        means = (self._weights @ sums)[kept] / drawn[kept]
        error = float(np.std(means, ddof=1)) if self._count > 1 and len(means) > 1 else float("nan")
        return Estimate(float(values.sum() / among.sum()), error)


def relative_loss(outcomes: Outcomes, index: int, against: int, horizons_s: Sequence[float],
                  rng: np.random.Generator) -> Estimate:
    """Mean Brier score of one model less that of another, on the second half."""
    _, second = halves(outcomes)
    truth = durations(second.truth_ns, second.time_ns)
    one, other = (durations(second.model_ns[i], second.time_ns) for i in (index, against))
    worse = np.mean([((one <= h) != (truth <= h)).astype(float)
                     - ((other <= h) != (truth <= h)) for h in horizons_s], axis=0)
    return _Bootstrap(second.time_ns, rng).mean(worse)
