"""Fractional differencing against published weights and the definition."""

import numpy as np
import pytest

from dreammaker.features.fractional import fracdiff, fracdiff_weights

WEIGHTS = {
    0.4: [1, -0.4, -0.12, -0.064, -0.0416, -0.029952, -0.0229632, -0.01837056, -0.015155712,
          -0.0127981568, -0.0110064148],
    0.3: [1, -0.3, -0.105, -0.0595, -0.0401625, -0.02972025, -0.0232808625],
    0.5: [1, -0.5, -0.125, -0.0625, -0.0390625, -0.02734375, -0.0205078125],
    0.6: [1, -0.6, -0.12, -0.056, -0.0336, -0.022848],
}
WIDTHS = {
    0.2: (11, 73, 497, 3382), 0.3: (12, 66, 388, 2275), 0.4: (11, 55, 282, 1458),
    0.5: (10, 44, 200, 927), 0.6: (9, 34, 140, 590), 0.7: (7, 26, 97, 372),
    0.8: (6, 18, 64, 228), 0.9: (4, 12, 38, 125),
}


@pytest.mark.parametrize("d", WEIGHTS)
def test_weights_are_the_published_ones(d):
    np.testing.assert_allclose(fracdiff_weights(d, 1e-3)[:len(WEIGHTS[d])], WEIGHTS[d],
                               rtol=1e-8)


@pytest.mark.parametrize("d", WIDTHS)
def test_widths_are_the_published_ones(d):
    thresholds = (1e-2, 1e-3, 1e-4, 1e-5)
    assert tuple(len(fracdiff_weights(d, tau)) for tau in thresholds) == WIDTHS[d]


def test_series_is_the_published_one():
    out = fracdiff(np.arange(1.0, 13.0), 0.4, 0.01)
    assert np.isnan(out[:10]).all()
    np.testing.assert_allclose(out[10:], [4.666719895552, 4.930873851904], rtol=1e-12)


def test_order_one_is_the_plain_difference_and_order_zero_the_series():
    x = np.random.default_rng(1).normal(size=100)
    np.testing.assert_array_equal(fracdiff(x, 1.0)[1:], np.diff(x))
    np.testing.assert_array_equal(fracdiff(x, 0.0), x)


@pytest.mark.parametrize("d, tau", [(0.4, 1e-3), (0.35, 1e-2), (1.7, 1e-3)])
def test_series_equals_the_definition(d, tau):
    x = np.random.default_rng(2).normal(size=300).cumsum()
    w = fracdiff_weights(d, tau)
    out = fracdiff(x, d, tau)
    assert np.isnan(out[:len(w) - 1]).all()
    for t in range(len(w) - 1, 300):
        assert out[t] == pytest.approx(sum(w[k] * x[t - k] for k in range(len(w))), abs=1e-11)


def test_a_short_series_is_all_nan():
    assert np.isnan(fracdiff(np.ones(10), 0.4)).all()
    assert len(fracdiff([], 0.4)) == 0


@pytest.mark.parametrize("call, words", [
    (lambda: fracdiff_weights(-0.1), "d must be 0 or more"),
    (lambda: fracdiff_weights(float("nan")), "d must be 0 or more"),
    (lambda: fracdiff_weights(0.4, 0.0), r"threshold must be in \(0, 1\], was 0.0"),
    (lambda: fracdiff_weights(0.01, 1e-9), "more than 1000000 weights"),
    (lambda: fracdiff(np.ones((2, 2)), 0.4), "one-dimensional"),
])
def test_bad_arguments_are_refused(call, words):
    with pytest.raises(ValueError, match=words):
        call()
