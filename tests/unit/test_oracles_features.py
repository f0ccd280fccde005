"""Published values of indicators and estimators, through the kernels' states (reference D)."""

import numpy as np
import pytest

from dreammaker._ext.indicators import bollinger_position, macd, rsi
from dreammaker._ext.rolling import moving_roll, moving_slope

CLOSES = [
    44.3389, 44.0902, 44.1497, 43.6124, 44.3278, 44.8264, 45.0955, 45.4245, 45.8433, 46.0826,
    45.8931, 46.0328, 45.6140, 46.2820, 46.2820, 46.0028, 46.0328, 46.4116, 46.2222, 45.6439,
    46.2122, 46.2521, 45.7137, 46.4515, 45.7835, 45.3548, 44.0288, 44.1783, 44.2181, 44.5672,
    43.4205, 42.6628, 43.1314]


def test_rsi():
    out = rsi(CLOSES)
    assert np.isnan(out[:14]).all()
    np.testing.assert_allclose(out[14:], [
        70.5328, 66.3186, 66.5498, 69.4063, 66.3552, 57.9749, 62.9296, 63.2571, 56.0593, 62.3771,
        54.7076, 50.4228, 39.9898, 41.4605, 41.8689, 45.4632, 37.3040, 33.0795, 37.7730],
        atol=5e-5)


def test_macd_line():
    line, signal = macd(CLOSES)
    assert line[-1] == pytest.approx(-0.5016376776, abs=1e-10)
    assert np.isnan(signal).all()


def test_macd_signal_from_bar_34():
    extended = [CLOSES[0], *CLOSES]
    # A repeated first close leaves every average where it was, and makes 34 bars.
    line, signal = macd(extended)
    assert np.isnan(signal[:33]).all()
    assert signal[-1] == pytest.approx(-0.1426051603, abs=1e-10)
    assert line[-1] - signal[-1] == pytest.approx(-0.3590325174, abs=1e-10)


def test_bollinger_position():
    ticks = np.round(np.array(CLOSES) * 10_000).astype(np.int64) - 443_389
    out = bollinger_position(ticks)
    assert np.isnan(out[:19]).all()
    assert out[19] == pytest.approx(0.5683145816, abs=1e-10)
    assert out[32] == pytest.approx(0.0566280297, abs=1e-10)


def test_kyle():
    slopes = moving_slope([20, -15, 50, 5, -40, 30, 60, -25], [5, -5, 10, 0, -10, 5, 15, -5], 8)
    assert slopes[-1] == pytest.approx(0.2330198537, abs=1e-10)


def test_roll():
    spreads = moving_roll([100, 101, 100, 102, 101, 103, 102, 102, 101], 9)
    assert spreads[-1] == pytest.approx(2.4494897428, abs=1e-10)


@pytest.mark.parametrize("call, words", [
    (lambda: rsi([1.0], 1), "period must be 2 or more, was 1"),
    (lambda: macd([1.0], 26, 12), "spans must be 1 <= fast < slow"),
    (lambda: bollinger_position([1], 1), "size must be 2 to 100, was 1"),
    (lambda: bollinger_position([1], 20, 0.0), "width must be above 0, was 0.0"),
])
def test_bad_arguments_are_refused(call, words):
    with pytest.raises(ValueError, match=words):
        call()
