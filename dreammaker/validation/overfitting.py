"""Probability of backtest overfitting by combinatorially symmetric cross-validation.

Bailey, Borwein, Lopez de Prado and Zhu 2017, "The probability of backtest overfitting". The rows of
a matrix of profits (one column a strategy tried) are cut into S blocks; for each choice of half of
them the strategy that was best there is looked up on the other half.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations, pairwise
from math import comb, nan

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dreammaker._ext import pbo as _kernel
from dreammaker.validation import _checks
from dreammaker.validation._checks import Floats, Ints
from dreammaker.validation.spans import group_bounds

MAX_BLOCKS = 24
"""More blocks than this (2.7 million choices) are refused."""

Metric = Callable[[Floats], ArrayLike]


@dataclass(frozen=True, slots=True)
class Degradation:
    """Regression of the chosen strategy's metric out of sample on the one in sample.

    A slope below 0 says that choosing harder made it worse. All NaN where nothing varies.
    """

    slope: float
    intercept: float
    r_squared: float


@dataclass(frozen=True, slots=True)
class Dominance:
    """Choosing against not choosing, out of sample.

    Attributes
    ----------
    values : ndarray of float64, shape (m,)
        Metric, ascending, every value that occurs.
    chosen, average : ndarray of float64, shape (m,)
        Share of choices at or below each value: of the chosen strategy, and of the mean over all
        strategies.
    gain : ndarray of float64, shape (m,)
        Integral of `average` less `chosen` up to each value.
    first_order, second_order : bool
        Whether choosing dominates: `chosen` nowhere above `average`; `gain` nowhere below 0.
    """

    values: Floats
    chosen: Floats
    average: Floats
    gain: Floats
    first_order: bool
    second_order: bool


@dataclass(frozen=True, slots=True)
class BacktestOverfitting:
    """Result of `probability_of_backtest_overfitting`; ``float(result)`` is its `pbo`.

    Attributes
    ----------
    pbo : float
        Share of choices whose best strategy was not above the median on the other half.
    logits : ndarray of float64, shape (choices,)
        ``ln(w / (1 - w))`` with w the rank over ``N + 1``; below 0 is worse than the median.
        Choices are in lexicographic order of their blocks; the complement of the i-th is the i-th
        from the end.
    best : ndarray of int64, shape (choices,)
        Column chosen in sample.
    rank : ndarray of float64, shape (choices,)
        Its rank out of sample among all, 1 the worst; equal ones share the average.
    in_sample, out_of_sample : ndarray of float64, shape (choices,)
        Its metric on either half.
    mean_out_of_sample : ndarray of float64, shape (choices,)
        Mean over all strategies of the metric out of sample.
    probability_of_loss : float
        Share of choices whose best strategy has a metric below 0 out of sample.
    degradation : Degradation
    n_blocks, n_strategies, n : int
        S, columns and rows.
    """

    pbo: float
    logits: Floats
    best: Ints
    rank: Floats
    in_sample: Floats
    out_of_sample: Floats
    mean_out_of_sample: Floats
    probability_of_loss: float
    degradation: Degradation
    n_blocks: int
    n_strategies: int
    n: int

    def __float__(self) -> float:
        return self.pbo

    def dominance(self) -> Dominance:
        """Distribution out of sample of the chosen strategy and of the mean over all."""
        chosen, average = np.sort(self.out_of_sample), np.sort(self.mean_out_of_sample)
        values = np.unique(np.concatenate([chosen, average]))
        count = chosen.size
        below = np.searchsorted(chosen, values, "right") / count
        below_average = np.searchsorted(average, values, "right") / count
        steps = np.diff(values) * (below_average - below)[:-1]
        gain = np.concatenate([np.zeros(1), np.cumsum(steps)])
        # Sums of shares carry rounding of this size.
        slack = 1e-12 * (1.0 + float(values[-1] - values[0]))
        return Dominance(values, below, below_average, gain,
                         bool((below <= below_average).all()), bool((gain >= -slack).all()))


def probability_of_backtest_overfitting(returns: ArrayLike, n_blocks: int = 16,
                                        metric: str | Metric = "sharpe") -> BacktestOverfitting:
    """How often the best strategy in sample is a poor one out of sample.

    Parameters
    ----------
    returns : array of float, shape (T, N)
        Profit or return of each period, one column for each strategy that was tried.
    n_blocks : int
        S, even, 2 to 24, at most T; blocks of rows differ in length by one at most.
    metric : str or callable
        "sharpe" (mean over standard deviation, ddof 1; 0 for a strategy that stands at zero) and
        "mean" are evaluated from block sums. A callable gets a matrix of rows in time order and
        returns a value for each column; it is called ``C(S, S/2)`` times.

    Returns
    -------
    BacktestOverfitting

    Raises
    ------
    ValueError
        If a return is not finite, there are fewer than two strategies, `n_blocks` does not fit, or
        a strategy has no metric on some half (a Sharpe ratio of a constant profit).

    Notes
    -----
    Strategies that are equally good in sample: the first column counts as best. Worthless
    independent strategies give 0.5 on average if N is even; with odd N the median itself counts as
    overfit. O(T N + C(S, S/2) N) time, O(2^(S/2) N + C(S, S/2)) memory.

    Examples
    --------
    >>> skill = np.random.default_rng(1).standard_normal((400, 10))
    >>> skill[:, 3] += 0.5
    >>> probability_of_backtest_overfitting(skill, n_blocks=8).pbo
    0.0
    """
    matrix = _checks.series("returns", returns, dimensions=2)
    n, strategies = matrix.shape
    if strategies < 2:
        raise ValueError(f"returns must have two strategies (columns) or more, had {strategies}")
    blocks = _checks.count("n_blocks", n_blocks, 2)
    if blocks % 2 or blocks > MAX_BLOCKS:
        raise ValueError(f"n_blocks must be even and at most {MAX_BLOCKS}, was {blocks}")
    bounds = group_bounds(n, blocks, "n_blocks")
    choices = comb(blocks, blocks // 2)
    if callable(metric):
        best, inside, outside, rank, mean = _slowly(matrix, bounds, choices, metric)
    elif metric in ("sharpe", "mean"):
        if metric == "sharpe" and n - (bounds[blocks // 2]) < 2:
            raise ValueError(f"returns must have two rows or more in each half for a Sharpe "
                             f"ratio, had {n} rows in all")
        fault, best, inside, outside, rank, mean = _kernel.evaluate(
            matrix, bounds, choices, metric == "sharpe")
        if fault >= 0:
            raise ValueError(f"returns of strategy {fault} do not vary on some half of the blocks, "
                             "so that it has no Sharpe ratio there")
    else:
        raise ValueError(f'metric must be "sharpe", "mean" or a callable, was {metric!r}')
    return BacktestOverfitting(
        pbo=float((2.0 * rank <= strategies + 1).mean()),
        logits=np.log(rank / (strategies + 1 - rank)), best=best, rank=rank, in_sample=inside,
        out_of_sample=outside, mean_out_of_sample=mean,
        probability_of_loss=float((outside < 0.0).mean()), degradation=_regress(inside, outside),
        n_blocks=blocks, n_strategies=strategies, n=n)


_Choices = tuple[Ints, Floats, Floats, Floats, Floats]


def _slowly(matrix: Floats, bounds: Ints, choices: int, metric: Metric) -> _Choices:
    """Any metric: each half's rows are joined and handed over."""
    blocks = bounds.size - 1
    best = np.empty(choices, np.int64)
    figures = np.empty((4, choices))
    rows = [np.arange(a, b) for a, b in pairwise(bounds)]

    def value(picked: tuple[int, ...]) -> Floats:
        found = np.asarray(metric(matrix[np.concatenate([rows[b] for b in picked])]), np.float64)
        if found.shape != (matrix.shape[1],):
            raise ValueError(f"metric must return a value for each of the {matrix.shape[1]} "
                             f"strategies, returned shape {found.shape}")
        if not np.isfinite(found).all():
            at = int(np.flatnonzero(~np.isfinite(found))[0])
            raise ValueError(f"metric must return finite values, was {found[at]} for strategy {at}")
        return found

    for i, picked in enumerate(combinations(range(blocks), blocks // 2)):
        if 2 * i >= choices:
            break
        rest = tuple(b for b in range(blocks) if b not in picked)
        first, second = value(picked), value(rest)
        for at, inside, outside in ((i, first, second), (choices - 1 - i, second, first)):
            top = int(np.argmax(inside))
            best[at] = top
            below = int((outside < outside[top]).sum())
            equal = int((outside == outside[top]).sum())
            figures[:, at] = (inside[top], outside[top], below + 0.5 * (equal + 1),
                              outside.mean())
    return best, figures[0], figures[1], figures[2], figures[3]


def _regress(x: NDArray[np.float64], y: NDArray[np.float64]) -> Degradation:
    across, up = x - x.mean(), y - y.mean()
    width = float(across @ across)
    if width == 0.0 or bool((x == x[0]).all()):
        return Degradation(nan, nan, nan)
    slope = float(across @ up) / width
    height = float(up @ up)
    share = slope * slope * width / height if height > 0.0 else nan
    return Degradation(slope, float(y.mean()) - slope * float(x.mean()), share)
