"""One configuration under combinatorial purged cross-validation: scores, bets and money by path.

Each split fits primary and meta-model anew on its purged training rows. The test rows' decisions,
put together, make paths that cover every row once; a path's profit is what its decisions gain at
the prices of the label rule, one position at a time, spread, fees and slippage paid. These are
label returns, not a backtest through the order path: queues and partial fills play no part.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from math import comb
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dreammaker.domain.errors import ConfigError, InputError
from dreammaker.research.bets import (
    Bets,
    by_day,
    periods,
    summed,
    summed_over_coin,
    take_bets,
)
from dreammaker.research.decider import bet_paid, fit_decider
from dreammaker.research.estimators import ModelSpec
from dreammaker.research.samples import Samples
from dreammaker.research.workers import Call, Progress, Shared, Workers
from dreammaker.validation import CombinatorialPurgedCV

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


JUDGED_PATH = 0
"""The path that ledger, PBO and gate look at, named before any result is known.

The mean over paths would be a portfolio of several models, smoother than any of them. A path chosen
by its result, be it the median one, ties the halves of its profit to each other: on pure noise PBO
was 0.72 that way instead of 1/2.
"""


_MOST_GROUPS, _MOST_SPLITS = 1_000, 10_000


@dataclass(frozen=True, slots=True)
class CrossValidation:
    """How rows are split.

    Parameters
    ----------
    groups, test_groups : int
        N and k of `CombinatorialPurgedCV`.
    embargo_share : float
        Least embargo as a share of the rows; the features' memory, if longer, is kept anyhow.

    Raises
    ------
    ConfigError
        If a number is out of range, or there would be more than 10 000 splits.

    Examples
    --------
    >>> from dreammaker.research.noise import noise_samples
    >>> CrossValidation(4, 2).splitter(noise_samples(1, rows=120, days=2)).get_n_splits()
    6
    """

    groups: int = 6
    test_groups: int = 2
    embargo_share: float = 0.01

    def __post_init__(self) -> None:
        if not 2 <= self.groups <= _MOST_GROUPS:
            raise ConfigError(f"groups must be in [2, {_MOST_GROUPS}], was {self.groups}")
        if not 1 <= self.test_groups < self.groups:
            raise ConfigError(f"test groups must be 1 or more and below groups {self.groups}, was "
                              f"{self.test_groups}")
        if not 0.0 <= self.embargo_share < 1.0:
            raise ConfigError(f"embargo must be in [0, 1), was {self.embargo_share!r}")
        if (splits := comb(self.groups, self.test_groups)) > _MOST_SPLITS:
            raise ConfigError(f"{self.test_groups} of {self.groups} groups make {splits:,} splits, "
                              f"each with fits of its own; at most {_MOST_SPLITS:,} are allowed")

    def splitter(self, samples: Samples) -> CombinatorialPurgedCV:
        """The splitter over these rows, by the ends of labels and bets.

        Raises
        ------
        InputError
            If there are fewer rows than groups.
        """
        if len(samples) < self.groups:
            raise InputError(f"{len(samples)} rows cannot make {self.groups} groups; take more "
                             "days, or fewer groups")
        return CombinatorialPurgedCV(
            self.groups, self.test_groups, embargo=samples.embargo(self.embargo_share),
            label_end_times=samples.t_end, label_start_times=samples.t_start)


@dataclass(frozen=True, eq=False, slots=True)
class Evaluation:
    """One configuration's out-of-sample record.

    Attributes
    ----------
    spec : ModelSpec
    rise, right : float64 array, shape (paths, n)
        Probability of a rise, and that the bet on the likelier side pays.
    side : int8 array, shape (paths, n)
    auc : float64 array, shape (splits,)
        Of the rise among test rows that have a direction; NaN where only one occurs.
    bets : tuple of Bets
        One a path.
    days : datetime64[D] array, shape (sessions,)
    daily : float64 array, shape (paths, sessions)
        Net points.
    period_ns : int64 array, shape (periods,)
        See ``bets.periods``.
    period : float64 array, shape (paths, periods)
        Net points.
    over_coin : float64 array, shape (paths, periods)
        Points by which the sides of the bets did better than a coin would have.

    Examples
    --------
    >>> from dreammaker.research.noise import noise_samples
    >>> samples = noise_samples(1, rows=240, days=4, edge=1.0)
    >>> spec = ModelSpec(trees=4, least_leaf=10, meta=False)
    >>> found = cross_validate(samples, spec, CrossValidation(4, 2))
    >>> found.daily.shape, found.mean_auc > 0.7
    ((3, 4), True)
    """

    spec: ModelSpec
    rise: Floats
    right: Floats
    side: NDArray[np.int8]
    auc: Floats
    bets: tuple[Bets, ...]
    days: NDArray[np.datetime64]
    daily: Floats
    period_ns: Ints
    period: Floats
    over_coin: Floats

    @property
    def net_points(self) -> float:
        """Net profit of the path that counts."""
        return float(self.daily[JUDGED_PATH].sum())

    @property
    def mean_auc(self) -> float:
        """Over the splits where it is defined; NaN where it is nowhere."""
        known = self.auc[~np.isnan(self.auc)]
        return float(known.mean()) if known.size else float("nan")

    def figures(self) -> dict[str, Any]:
        """What a listing shows of it, fit for JSON."""
        net = self.bets[JUDGED_PATH].net
        return {"auc": self.mean_auc, "net_points": self.net_points, "bets": len(net),
                "hit_ratio": float((net > 0.0).mean()) if net.size else None,
                "net_points_by_path": self.daily.sum(axis=1).tolist()}


def cross_validate(samples: Samples, spec: ModelSpec, cv: CrossValidation | None = None, *,
                   workers: Workers | None = None, progress: Progress | None = None,
                   primary: Any = None) -> Evaluation:
    """Fit and test one configuration on every split.

    Parameters
    ----------
    samples : Samples
    spec : ModelSpec
    cv : CrossValidation, optional
    workers : Workers, optional
        Who fits the splits; this process if absent. The result does not depend on it.
    progress : callable, optional
        Called with the splits done and their number in all.
    primary : classifier, optional
        Unfitted, in place of the spec's; see ``decider.fit_decider``.

    Returns
    -------
    Evaluation

    Raises
    ------
    ConfigError, WorkersError
        If a cluster cannot be used, or workers were lost for good.
    InputError
        If purging leaves a split too few rows to learn from.
    """
    cv = cv or CrossValidation()
    calls = split_calls(samples, spec, cv, primary)
    with (workers or Workers()).pool() as pool:
        return evaluated(samples, spec, cv, pool.run(decide_split, calls, progress))


def split_calls(samples: Samples, spec: ModelSpec, cv: CrossValidation, primary: Any = None
                ) -> list[Call]:
    """Arguments of `decide_split` for every split, for a pool.

    Raises
    ------
    InputError
        If purging leaves a split no row to learn from.
    """
    calls: list[Call] = []
    count = cv.splitter(samples).get_n_splits()
    for number, (train, _) in enumerate(cv.splitter(samples).split(samples.X)):
        if not train.size:
            raise InputError(f"purging and embargo leave split {number} of {count} no row to learn "
                             "from; take more days, fewer groups or a shorter horizon")
        calls.append((Shared(samples), spec, cv, number, primary))
    return calls


def decide_split(samples: Samples, spec: ModelSpec, cv: CrossValidation, number: int,
                 primary: Any = None) -> Any:
    """Decisions on a split's test rows by models of its training rows; see ``Decider.decide``."""
    train, test = next(islice(cv.splitter(samples).split(samples.X), number, None))
    return fit_decider(samples.take(train), spec, cv.embargo_share,
                       primary=primary).decide(samples.X[test])


def evaluated(samples: Samples, spec: ModelSpec, cv: CrossValidation, parts: Sequence[Any]
              ) -> Evaluation:
    """What the decisions of all splits, in their order, come to."""
    splitter = cv.splitter(samples)
    rise, side, right = (splitter.assemble([part[i] for part in parts]) for i in range(3))
    auc = np.array([area_under_curve(part[0], samples.y[test]) for part, (_, test) in zip(
        parts, splitter.split(samples.X), strict=True)])
    return assembled(samples, spec, rise, side, right, auc)


def assembled(samples: Samples, spec: ModelSpec, rise: Floats, side: NDArray[np.int8],
              right: Floats, auc: Floats) -> Evaluation:
    """Bets and money of paths' decisions; see `Evaluation` for the parameters."""
    number, period_ns = periods(samples)
    bets = tuple(take_bets(samples, way, spec.wanted(way, sure))
                 for way, sure in zip(side, right, strict=True))
    days = np.unique(samples.day)
    return Evaluation(
        spec, rise, right, side.astype(np.int8), auc, bets, days,
        np.array([by_day(each, samples)[1] for each in bets]), period_ns,
        np.array([summed(each, number, len(period_ns)) for each in bets]),
        np.array([summed_over_coin(each, number, len(period_ns)) for each in bets]))


def area_under_curve(score: Floats, y: NDArray[np.int8]) -> float:
    """Probability that a row that rose has a higher score than one that fell; ties count half.

    Examples
    --------
    >>> area_under_curve(np.array([0.1, 0.4, 0.4, 0.8]), np.array([-1, 1, -1, 1], np.int8))
    0.875
    """
    rose, fell = score[y > 0], np.sort(score[y < 0])
    if not rose.size or not fell.size:
        return float("nan")
    below = np.searchsorted(fell, rose, "left").sum()
    level = np.searchsorted(fell, rose, "right").sum() - below
    return float((below + 0.5 * level) / (rose.size * fell.size))


def calibration_curve(evaluation: Evaluation, samples: Samples, bins: int = 10) -> list[
        dict[str, float]]:
    """Predicted against observed share of paying bets, over bins of equal count of all paths.

    Rows without a side are no prediction about a bet, and are left out.
    """
    sided = evaluation.side.ravel() != 0
    predicted = evaluation.right.ravel()[sided]
    outcome = np.concatenate([bet_paid(samples, side) for side in evaluation.side])[sided]
    order = np.argsort(predicted, kind="stable")
    return [{"predicted": float(predicted[part].mean()), "observed": float(outcome[part].mean()),
             "rows": float(part.size)}
            for part in np.array_split(order, min(bins, len(order))) if part.size]
