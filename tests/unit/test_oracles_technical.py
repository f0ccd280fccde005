"""RSI, EMA, MACD and Bollinger bands against published worksheets and pandas."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dreammaker.domain.errors import InputError
from dreammaker.features.technical import bollinger, ema, macd, rsi

CLOSES = [
    44.3389, 44.0902, 44.1497, 43.6124, 44.3278, 44.8264, 45.0955, 45.4245, 45.8433, 46.0826,
    45.8931, 46.0328, 45.6140, 46.2820, 46.2820, 46.0028, 46.0328, 46.4116, 46.2222, 45.6439,
    46.2122, 46.2521, 45.7137, 46.4515, 45.7835, 45.3548, 44.0288, 44.1783, 44.2181, 44.5672,
    43.4205, 42.6628, 43.1314,
]
RSI = [
    70.5328, 66.3186, 66.5498, 69.4063, 66.3552, 57.9749, 62.9296, 63.2571, 56.0593, 62.3771,
    54.7076, 50.4228, 39.9898, 41.4605, 41.8689, 45.4632, 37.3040, 33.0795, 37.7730,
]
AVERAGED = [
    22.27, 22.19, 22.08, 22.17, 22.18, 22.13, 22.23, 22.43, 22.24, 22.29, 22.15, 22.39, 22.38,
    22.61, 23.36, 24.05, 23.75, 23.83, 23.95, 23.63, 23.82, 23.87, 23.65, 23.19, 23.10, 23.33,
    22.68, 23.10, 22.40, 22.17,
]
EMA10 = [
    22.221, 22.2081, 22.2412, 22.2664, 22.3289, 22.5164, 22.7952, 22.9688, 23.1254, 23.2753,
    23.3398, 23.4271, 23.5076, 23.5335, 23.4711, 23.4036, 23.3902, 23.2611, 23.2318, 23.0806,
    22.9150,
]

prices = st.lists(st.floats(1.0, 1e5), min_size=0, max_size=60)


def test_rsi_of_the_published_worksheet():
    result = rsi(CLOSES, 14)
    assert np.isnan(result[:14]).all()
    assert result[14:] == pytest.approx(RSI, abs=5e-5)


def test_rsi_at_its_ends():
    assert rsi([1.0, 2.0, 3.0], 2).tolist()[-1] == 100.0
    assert rsi([3.0, 2.0, 1.0], 2).tolist()[-1] == 0.0
    assert rsi([2.0, 2.0, 2.0], 2).tolist()[-1] == 50.0
    assert np.isnan(rsi([1.0, 2.0], 2)).all()
    assert len(rsi([], 14)) == 0


@given(prices, st.integers(1, 20))
def test_rsi_is_causal_and_mirrors_under_a_change_of_sign(closes, period):
    whole = rsi(closes, period)
    for count in range(0, len(closes), 7):
        assert np.array_equal(rsi(closes[:count], period), whole[:count], equal_nan=True)
    mirrored = rsi([-close for close in closes], period)
    assert mirrored == pytest.approx(100.0 - whole, abs=1e-9, nan_ok=True)


def test_ema_of_the_published_worksheet():
    result = ema(AVERAGED, 10, seed="sma")
    assert np.isnan(result[:9]).all()
    assert result[9:] == pytest.approx(EMA10, abs=5.1e-5)


@given(prices, st.integers(1, 30))
def test_ema_seeded_with_the_first_value_is_that_of_pandas(values, period):
    expected = pd.Series(values, dtype=float).ewm(span=period, adjust=False).mean()
    assert ema(values, period) == pytest.approx(expected.to_numpy(), rel=1e-9)


def test_macd_of_the_reference_closes():
    line, signal, histogram = macd(CLOSES)
    assert line[-1] == pytest.approx(-0.5016376776, abs=1e-9)
    assert signal[-1] == pytest.approx(-0.1426051603, abs=1e-9)
    assert histogram[-1] == pytest.approx(-0.3590325174, abs=1e-9)
    assert len(macd([]).macd) == 0


def test_bollinger_of_the_reference_closes():
    bands = bollinger(CLOSES)
    assert np.isnan(bands.middle[:19]).all()
    assert bands.middle[19] == pytest.approx(45.410425, abs=1e-9)
    assert bands.deviation[19] == pytest.approx(0.8544112937, abs=1e-9)
    assert bands.percent_b[19] == pytest.approx(0.5683145816, abs=1e-9)
    assert bands.middle[32] == pytest.approx(45.24261, abs=1e-9)
    assert bands.deviation[32] == pytest.approx(1.1904282078, abs=1e-9)
    assert bands.upper[32] == pytest.approx(47.6234664156, abs=1e-9)
    assert bands.lower[32] == pytest.approx(42.8617535844, abs=1e-9)
    assert bands.percent_b[32] == pytest.approx(0.0566280297, abs=1e-9)
    assert bands.bandwidth[32] == pytest.approx(0.1052484114, abs=1e-9)


def test_bollinger_of_flat_and_short_prices():
    flat = bollinger([5.0] * 4, period=3)
    assert flat.percent_b[2:].tolist() == [0.5, 0.5]
    assert flat.bandwidth[2:].tolist() == [0.0, 0.0]
    short = bollinger([5.0, 6.0], period=3)
    assert all(len(column) == 2 and np.isnan(column).all() for column in short)
    assert np.isnan(bollinger([-1.0, 1.0], period=2).bandwidth[1])


@given(prices, st.integers(2, 12))
def test_bollinger_middle_and_deviation_are_those_of_pandas(closes, period):
    rolling = pd.Series(closes, dtype=float).rolling(period)
    bands = bollinger(closes, period)
    assert bands.middle == pytest.approx(rolling.mean().to_numpy(), rel=1e-9, nan_ok=True)
    naive = [np.std(closes[row - period + 1:row + 1]) if row >= period - 1 else np.nan
             for row in range(len(closes))]
    assert bands.deviation == pytest.approx(np.array(naive), rel=1e-9, abs=1e-9, nan_ok=True)


@pytest.mark.parametrize(("call", "message"), [
    (lambda: rsi([1.0], 0), "period must be 1 or more, was 0"),
    (lambda: ema([1.0], 0), "period must be 1 or more, was 0"),
    (lambda: ema([1.0], 3, seed="median"), "seed must be 'first' or 'sma', was 'median'"),
    (lambda: macd([1.0], fast=26, slow=12), "fast must be below slow, were 26 and 12"),
    (lambda: macd([1.0], signal=0), "signal must be 1 or more, was 0"),
    (lambda: bollinger([1.0], period=1), "period must be 2 or more, was 1"),
    (lambda: bollinger([1.0], width=0.0), "width must be above 0, was 0.0"),
])
def test_bad_parameters_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_a_gap_in_the_closes_is_refused():
    with pytest.raises(InputError, match="closes must hold finite numbers, was nan at index 2"):
        rsi([1.0, 2.0, float("nan")], 2)
