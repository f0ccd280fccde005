"""The overfitting kernel against its literal twin, and the whole result by hand."""

from math import isnan, log

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import linregress

from dreammaker._ext import pbo as kernel
from dreammaker.validation import probability_of_backtest_overfitting
from dreammaker.validation.overfitting import BacktestOverfitting
from tests.kernels.naive_pbo import cscv, sharpe

TOY = np.array([[-1, 3, -4, 2], [3, 1, 8, -7], [-3, -8, 8, 9], [-1, 7, 7, 1], [-6, 3, -1, 7],
                [9, 5, 6, 4], [-8, 4, 7, -7], [-4, 2, -9, -8]], float)


def same(found: BacktestOverfitting, matrix: np.ndarray, blocks: int, metric=sharpe) -> None:
    best, rank, logit, inside, outside, mean = map(np.array, zip(*cscv(matrix, blocks, metric),
                                                                 strict=True))
    assert found.best.tolist() == best.tolist()
    assert found.rank.tolist() == rank.tolist()
    assert found.logits == pytest.approx(logit, abs=1e-12)
    assert found.in_sample == pytest.approx(inside, rel=1e-9, abs=1e-12)
    assert found.out_of_sample == pytest.approx(outside, rel=1e-9, abs=1e-12)
    assert found.mean_out_of_sample == pytest.approx(mean, rel=1e-9, abs=1e-11)
    assert found.pbo == (rank <= (matrix.shape[1] + 1) / 2).mean()


def test_pbo_when_toy_then_the_worked_out_choices() -> None:
    found = probability_of_backtest_overfitting(TOY, 4)
    assert list(zip(found.best.tolist(), found.rank.tolist(), strict=True)) == [
        (2, 3.0), (1, 3.0), (1, 2.0), (3, 1.0), (2, 3.0), (1, 2.0)]
    assert found.logits == pytest.approx(
        [log(1.5), log(1.5), -log(1.5), -log(4), log(1.5), -log(1.5)], abs=1e-12)
    assert found.pbo == float(found) == 0.5
    assert (found.n_blocks, found.n_strategies, found.n) == (4, 4, 8)
    fit = linregress(found.in_sample, found.out_of_sample)
    assert found.degradation.slope == pytest.approx(fit.slope, rel=1e-10)
    assert found.degradation.intercept == pytest.approx(fit.intercept, rel=1e-10)
    assert found.degradation.r_squared == pytest.approx(fit.rvalue**2, rel=1e-10)
    assert found.probability_of_loss == (found.out_of_sample < 0).mean()


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10**6), rows=st.integers(12, 40), columns=st.integers(2, 9),
       blocks=st.sampled_from([2, 4, 6]), offset=st.sampled_from([0.0, 1.0, -1000.0]),
       scale=st.sampled_from([1e-9, 1.0, 1e6]))
def test_kernel_when_random_then_equals_the_twin(seed, rows, columns, blocks, offset,
                                                 scale) -> None:
    matrix = scale * (np.random.default_rng(seed).standard_normal((rows, columns)) + offset)
    same(probability_of_backtest_overfitting(matrix, blocks), matrix, blocks)
    same(probability_of_backtest_overfitting(matrix, blocks, "mean"), matrix, blocks,
         lambda x: x.mean(axis=0))
    same(probability_of_backtest_overfitting(matrix, blocks, sharpe), matrix, blocks)


@pytest.mark.parametrize("blocks", [10, 14])
def test_kernel_when_many_blocks_then_equals_the_twin(blocks: int) -> None:
    matrix = np.random.default_rng(blocks).standard_normal((blocks * 3 + 1, 7))
    same(probability_of_backtest_overfitting(matrix, blocks), matrix, blocks)


def test_pbo_when_strategies_are_equal_then_average_ranks_and_the_first_is_best() -> None:
    column = np.random.default_rng(1).standard_normal((40, 1))
    found = probability_of_backtest_overfitting(np.repeat(column, 4, axis=1), 4)
    assert set(found.best.tolist()) == {0} and set(found.rank.tolist()) == {2.5}
    assert found.pbo == 1.0 and (found.logits == 0.0).all()
    pair = np.hstack([column, column - 1.0, column - 1.0])
    found = probability_of_backtest_overfitting(pair, 4)
    assert set(found.best.tolist()) == {0} and set(found.rank.tolist()) == {3.0}
    assert found.pbo == 0.0
    # The two worse ones share rank 1.5 wherever one of them is the best.
    found = probability_of_backtest_overfitting(np.hstack([column, column]), 4, "mean")
    assert set(found.rank.tolist()) == {1.5}


def test_pbo_when_a_strategy_does_not_trade_then_its_ratio_is_zero() -> None:
    matrix = np.random.default_rng(2).standard_normal((24, 3)) - 2.0
    matrix[:, 1] = 0.0
    found = probability_of_backtest_overfitting(matrix, 4)
    assert set(found.best.tolist()) == {1} and found.pbo == 0.0
    assert set(found.out_of_sample.tolist()) == {0.0} and found.probability_of_loss == 0.0
    assert isnan(found.degradation.slope)
    same(found, matrix, 4)
    # Idle in half of the blocks only.
    matrix[12:, 1] = np.random.default_rng(3).standard_normal(12) - 2.0
    same(probability_of_backtest_overfitting(matrix, 4), matrix, 4)


def test_pbo_when_mirrored_then_a_choice_and_its_complement_swap_halves() -> None:
    matrix = np.random.default_rng(4).standard_normal((60, 2))
    found = probability_of_backtest_overfitting(matrix, 6)
    same_best = found.best == found.best[::-1]
    assert same_best.any()
    assert (found.in_sample[same_best] == found.out_of_sample[::-1][same_best]).all()


def test_pbo_when_one_has_skill_then_low_and_choosing_dominates() -> None:
    matrix = np.random.default_rng(5).standard_normal((600, 20))
    matrix[:, 7] += 0.4
    found = probability_of_backtest_overfitting(matrix, 10)
    assert found.pbo < 0.01 and (found.best == 7).mean() > 0.99
    shape = found.dominance()
    assert shape.first_order and shape.second_order and shape.gain[-1] > 0.2
    assert shape.gain[-1] == pytest.approx(
        found.out_of_sample.mean() - found.mean_out_of_sample.mean(), rel=1e-9)


def test_dominance_when_the_chosen_one_is_worse_then_denied() -> None:
    found = probability_of_backtest_overfitting(TOY, 4)
    shape = found.dominance()
    for value, chosen, average in zip(shape.values, shape.chosen, shape.average, strict=True):
        assert chosen == (found.out_of_sample <= value).mean()
        assert average == (found.mean_out_of_sample <= value).mean()
    assert not shape.first_order
    assert shape.chosen[-1] == shape.average[-1] == 1.0


def test_kernel_when_called_directly_with_bad_bounds_then_refused() -> None:
    with pytest.raises(ValueError, match=r"blocks must be even, 2 to 24 .* was 3"):
        kernel.evaluate(TOY, np.array([0, 2, 4, 8]), 3, True)
    with pytest.raises(ValueError, match="bounds must rise from 0 to the number of rows"):
        kernel.evaluate(TOY, np.array([0, 4, 9]), 2, True)
    with pytest.raises(ValueError, match="choices must be"):
        kernel.evaluate(TOY, np.array([0, 4, 8]), 3, True)


CONSTANT = np.column_stack([TOY[:, 0], np.full(8, 0.1)])


@pytest.mark.parametrize(("call", "message"), [
    (lambda: probability_of_backtest_overfitting(TOY, 3), "n_blocks must be even and at most 24"),
    (lambda: probability_of_backtest_overfitting(TOY, 0), "n_blocks must be 2 or more, was 0"),
    (lambda: probability_of_backtest_overfitting(TOY, 26), "n_blocks must be even and at most 24"),
    (lambda: probability_of_backtest_overfitting(TOY), "n_blocks must not exceed the number of "
                                                       "rows 8, was 16"),
    (lambda: probability_of_backtest_overfitting(TOY[:, :1], 4), "two strategies .* had 1"),
    (lambda: probability_of_backtest_overfitting(TOY[:, 0], 4), "returns must have 2 dimensions"),
    (lambda: probability_of_backtest_overfitting(np.where(TOY == 9, np.nan, TOY), 4),
     "returns must hold finite numbers, was nan at index 2, 3"),
    (lambda: probability_of_backtest_overfitting(TOY[:3], 2), "two rows or more in each half"),
    (lambda: probability_of_backtest_overfitting(CONSTANT, 4),
     "returns of strategy 1 do not vary on some half of the blocks"),
    (lambda: probability_of_backtest_overfitting(TOY, 4, "sortino"), 'metric must be "sharpe"'),
    (lambda: probability_of_backtest_overfitting(TOY, 4, lambda x: x[0, :2]),
     r"metric must return a value for each of the 4 strategies, returned shape \(2,\)"),
    (lambda: probability_of_backtest_overfitting(TOY, 4, lambda x: x[0] / 0.0 * np.inf),
     "metric must return finite values"),
])
@pytest.mark.filterwarnings("ignore:divide by zero")
def test_parameters_when_bad_then_one_clear_sentence(call, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()
