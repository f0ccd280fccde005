"""Rows of several types with kernels of their own against direct sums, and their derivatives."""

import numpy as np
import pytest

from dreammaker._ext.hawkes_rows import row_sums
from dreammaker.hawkes import rows
from dreammaker.hawkes.kernel_matrix import shared_nodes
from dreammaker.hawkes.kernels import PowerLawKernel, SumExponentialKernel

T = 40.0


def stream(seed, d=2, count=120, ties=False):
    rng = np.random.default_rng(seed)
    times = np.sort(rng.uniform(0.0, T, count))
    if ties:
        times = np.round(times, 1)
    return times, rng.integers(0, d, count).astype(np.int32)


def direct(times, marks, row, knots, mu, kernels):
    """Sum of log-intensities less the compensator, written out; strictly earlier events excite."""
    value = -sum(rate * (min(end, T) - start)
                 for rate, start, end in zip(mu, knots[:-1], knots[1:], strict=True))
    for t, mark in zip(times, marks, strict=True):
        value -= float(kernels[mark].integral(T - t))
        if mark == row:
            piece = int(np.searchsorted(knots[1:-1], t, side="right"))
            earlier = times < t
            value += np.log(mu[piece] + sum(
                float(kernels[m].value(t - s))
                for s, m in zip(times[earlier], marks[earlier], strict=True)))
    return value


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("d", [1, 2, 3])
def test_sums_equal_the_direct_sums(d, ties):
    times, marks = stream(d, d, ties=ties)
    rng = np.random.default_rng(7)
    alphas, betas = rng.uniform(0.05, 0.4, (d, 3)), rng.uniform(0.2, 9.0, (d, 3))
    knots, mu = np.array([0.0, 11.05, T]), np.array([0.4, 1.1])
    kernels = [SumExponentialKernel(a, b) for a, b in zip(alphas, betas, strict=True)]
    for row in range(d):
        window = rows.RowWindow.cut(times, marks, T, knots, row, d)
        expected = direct(times, marks, row, knots, mu, kernels)
        for full in (False, True):
            found = rows.sums(window, mu, alphas, betas, full).value
            assert found == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("ties", [False, True])
def test_powers_equal_the_direct_sums_within_the_stated_error(ties):
    times, marks = stream(5, 2, ties=ties)
    values = np.array([[0.5, 2.0, 1.6], [0.3, 0.4, 2.8]])
    knots, mu = np.array([0.0, T]), np.array([0.7])
    kernels = [PowerLawKernel(*row) for row in values]
    window = rows.RowWindow.cut(times, marks, T, None, 1, 2)
    found = rows.powers(window, mu, values, shared_nodes(values, T), True).value
    # Each intensity and the compensator are within 1e-6 of themselves.
    assert found == pytest.approx(direct(times, marks, 1, knots, mu, kernels), abs=2e-4)


@pytest.mark.parametrize("kind", ["sums", "powers"])
def test_derivatives_equal_differences(kind):
    times, marks = stream(9, 2)
    window = rows.RowWindow.cut(times, marks, T, np.array([0.0, 15.0, T]), 0, 2)
    if kind == "sums":
        problem = rows.sums_problem(window, 2)
        raw = np.array([0.5, 0.8, 0.3, 0.2, 0.9, 4.0, 0.1, 0.25, 1.5, 7.0])
    else:
        values = np.array([[0.5, 2.0, 1.6], [0.3, 0.4, 2.8]])
        problem = rows.powers_problem(window, shared_nodes(values, T))
        raw = np.concatenate([[0.5, 0.8], values.ravel()])
    x = problem.to_x(raw)
    here = problem.evaluate(x, True)
    for i in range(x.size):
        step = np.zeros(x.size)
        step[i] = 1e-5
        above, below = problem.evaluate(x + step, True), problem.evaluate(x - step, True)
        assert here.gradient[i] == pytest.approx((above.value - below.value) / 2e-5, abs=1e-5)
        np.testing.assert_allclose(here.hessian[i], (above.gradient - below.gradient) / 2e-5,
                                   atol=2e-5)


def test_too_many_sources_are_refused():
    with pytest.raises(ValueError, match="at most 16 sources, were 17"):
        row_sums(np.empty(0), np.empty(0, np.int32), 1.0, 0, np.ones(1), np.zeros(2, np.int64),
                 np.ones((17, 1)), np.ones((17, 1)), np.empty((17, 0)), True)
