"""Windows against naive sums, entry by entry."""

import numpy as np
import pytest

from dreammaker._ext.rolling import lagged, moving_roll, moving_slope, moving_sum, window_sum


@pytest.fixture
def rng():
    return np.random.default_rng(7)


@pytest.mark.parametrize("window", [1, 40, 5_000])
def test_window_sum_equals_naive(rng, window):
    times = np.cumsum(rng.choice([0, 0, 1, 5, 300], 3_000))
    values = rng.integers(-10**12, 10**12, 3_000)
    sums = window_sum(times, values, window)
    for k in range(0, 3_000, 7):
        seen = slice(0, k + 1)
        assert sums[k] == values[seen][times[seen] > times[k] - window].sum()


def test_window_sum_excludes_its_start():
    np.testing.assert_array_equal(window_sum([0, 10, 10, 11], [1, 2, 4, 8], 10), [1, 2, 6, 14])


@pytest.mark.parametrize("window", [1, 40, 900])
def test_lagged_equals_naive(rng, window):
    times = np.cumsum(rng.choice([0, 0, 1, 5, 300], 2_000))
    values = rng.integers(0, 10**6, 2_000)
    old = lagged(times, values, window)
    for k in range(2_000):
        for column in range(2):
            past = np.flatnonzero(times[:k + 1] <= times[k] - (column + 1) * window)
            first_time = np.flatnonzero(times[:k + 1] == times[0])[-1]
            assert old[k, column] == values[past[-1] if len(past) else first_time]


def test_moving_sum_equals_naive_and_forgets_nan(rng):
    values = rng.lognormal(-20, 4, 1_000)
    values[500] = np.nan
    sums = moving_sum(values, 60)
    for k in range(1_000):
        expected = values[max(0, k - 59):k + 1].sum()
        assert sums[k] == pytest.approx(expected, rel=1e-13, nan_ok=True)
    assert np.isnan(sums[500:560]).all() and not np.isnan(sums[560:]).any()


def test_moving_sum_does_not_drift(rng):
    values = np.where(np.arange(50_000) % 1_000 < 5, 1e12, 1e-6)
    sums = moving_sum(values, 60)
    assert sums[999] == pytest.approx(60e-6, rel=1e-12)
    assert sums[49_999] == pytest.approx(60e-6, rel=1e-12)


def test_moving_slope_equals_polyfit(rng):
    x, y = rng.integers(-500, 500, 400), rng.integers(-9, 9, 400)
    slopes = moving_slope(x, y, 50)
    assert np.isnan(slopes[:49]).all()
    for k in range(49, 400):
        expected = np.polyfit(x[k - 49:k + 1], y[k - 49:k + 1], 1)[0]
        assert slopes[k] == pytest.approx(expected, rel=1e-9, abs=1e-12)
    assert np.isnan(moving_slope([3] * 5, [1, 2, 3, 4, 5], 5)[-1])


@pytest.mark.parametrize("off_grid", [False, True])
def test_moving_roll_equals_numpy(rng, off_grid):
    ticks = 26_000 + np.cumsum(rng.integers(-3, 4, 600))
    micro = rng.integers(-499_999, 500_000, 600) * (rng.random(600) < 0.05) * off_grid
    repeats = rng.random(600) < 0.3
    spreads = moving_roll(ticks, 40, micro, repeats)
    merged = []
    for k in range(600):
        price = (ticks[k] - 26_000) + micro[k] * 1e-6
        merged = [*merged[:-1], price] if repeats[k] and merged else [*merged, price]
        if len(merged) < 40:
            assert np.isnan(spreads[k])
            continue
        change = np.diff(merged[-40:])
        covariance = np.cov(change[1:], change[:-1], ddof=1)[0, 1]
        assert spreads[k] == pytest.approx(2 * np.sqrt(max(-covariance, 0)), rel=1e-9)


@pytest.mark.parametrize("call, words", [
    (lambda: window_sum([1, 0], [1, 1], 5), "must not decrease"),
    (lambda: window_sum([1, 2], [1], 5), "2 times but 1 values"),
    (lambda: window_sum([1], [1], 0), "window_ns must be 1 or more, was 0"),
    (lambda: lagged([2, 1], [1, 1], 5), "must not decrease"),
    (lambda: lagged([2], [1, 1], 5), "1 times but 2 values"),
    (lambda: moving_sum([1.0], 0), "size must be 1 or more, was 0"),
    (lambda: moving_slope([1], [1], 1), "size must be 2 or more, was 1"),
    (lambda: moving_slope([1], [1, 2], 2), "1 values of x but 2 of y"),
    (lambda: moving_roll([1], 3), "size must be 4 or more, was 3"),
    (lambda: moving_roll([1], 4, [1, 2]), "equally long"),
])
def test_bad_arguments_are_refused(call, words):
    with pytest.raises(ValueError, match=words):
        call()
