"""Figures and splits at the edge of what a double or a pandas type holds."""

from math import inf, isfinite, isnan

import numpy as np
import pandas as pd
import pytest

from dreammaker.validation import (
    PurgedKFold,
    estimate_sharpe,
    expected_maximum_sharpe,
    longest_time_under_water,
    minimum_backtest_length,
    minimum_track_record_length,
    performance,
    time_under_water,
)
from dreammaker.validation.spans import read_embargo


def test_embargo_when_a_pandas_timedelta_then_to_the_ns() -> None:
    assert read_embargo(pd.Timedelta(1_500_000_001, "ns"))[1] == 1_500_000_001
    index = pd.to_datetime(np.arange(30))
    folds = PurgedKFold(3, embargo=pd.Timedelta(2, "ns")).split(pd.DataFrame({"x": 1.0}, index))
    assert [len(train) for train, _ in folds] == [18, 18, 20]


def test_growth_when_beyond_a_double_then_nan_and_never_infinite() -> None:
    found = performance([1e6], np.random.default_rng(1), capital=1000.0)
    assert isnan(found.calmar.value) and found.total.value == 1e6
    many = performance([1e9, 1e9, -5.0, 3.0, 2.0], np.random.default_rng(1), capital=1.0)
    assert isnan(many.calmar.value) and isfinite(many.max_drawdown.value)


def test_lengths_when_beyond_a_double_then_infinite() -> None:
    assert minimum_track_record_length(1e-200) == inf
    assert minimum_backtest_length(10, 1e-300) == inf
    assert expected_maximum_sharpe(1e308) == pytest.approx(37.5, abs=0.2)


@pytest.mark.parametrize("step", [1, 2, 3])
def test_sharpe_when_returns_are_equal_up_to_rounding_then_no_error(step: int) -> None:
    found = estimate_sharpe([1.0] * 5 + [1.0 + step * 2.0**-52])
    assert found.value > 1e14 and found.kurtosis >= 1.0 + found.skewness**2 - 1e-6


def test_time_under_water_when_profits_are_cents_then_as_in_whole_cents() -> None:
    rng = np.random.default_rng(1)
    for _ in range(200):
        cents = rng.integers(-5, 6, 60) * 20
        equity = np.concatenate([[0], np.cumsum(cents)])
        below = equity < np.maximum.accumulate(equity)
        assert time_under_water(cents / 100) == pytest.approx(below[1:].mean(), abs=1e-12)
        runs = "".join("x" if low else " " for low in below).split()
        assert longest_time_under_water(cents / 100) == max(map(len, runs), default=0)
