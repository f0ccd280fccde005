"""exp and log: within an ulp of the exact values, the same bits everywhere, sane at the edges."""

import hashlib
import math
import struct
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dreammaker._ext import mathx


def exact_exp(x: float) -> Fraction:
    """exp(x) to far beyond double precision, by the series of exp(x / 2^k) squared k times."""
    halvings = 12
    reduced = Fraction(x) / 2**halvings
    term = total = Fraction(1)
    for n in range(1, 22):
        term = term * reduced / n
        total += term
        term = term.limit_denominator(10**60)
    for _ in range(halvings):
        total = (total * total).limit_denominator(10**60)
    return total


@pytest.mark.parametrize("x", [-20.0, -3.7, -1.0, -1e-3, 1e-9, 0.3, 0.5, 1.0, 2.718, 10.0, 20.5])
def test_exp_when_compared_with_exact_series_then_within_one_ulp(x: float) -> None:
    got = mathx.exp(x)
    assert abs(Fraction(got) - exact_exp(x)) <= Fraction(math.ulp(got))


@given(st.floats(-708.0, 709.0))
def test_exp_when_compared_with_libm_then_within_two_ulp(x: float) -> None:
    assert abs(mathx.exp(x) - math.exp(x)) <= 2 * math.ulp(math.exp(x))


@given(st.floats(5e-324, 1.7e308))
def test_log_when_compared_with_libm_then_within_two_ulp(x: float) -> None:
    assert abs(mathx.log(x) - math.log(x)) <= 2 * math.ulp(math.log(x) or 1.0)


@given(st.floats(-600.0, 600.0))
def test_log_when_of_exp_then_the_argument(x: float) -> None:
    assert mathx.log(mathx.exp(x)) == pytest.approx(x, rel=1e-13, abs=1e-15)


def test_exp_and_log_when_at_the_edges_then_as_documented() -> None:
    assert mathx.exp(0.0) == 1.0
    assert mathx.exp(-0.0) == 1.0
    assert mathx.exp(709.7827128933839) < math.inf
    assert mathx.exp(709.79) == math.inf
    assert mathx.exp(-708.396) > 0.0
    assert mathx.exp(-708.4) == 0.0
    assert mathx.exp(math.inf) == math.inf
    assert mathx.exp(-math.inf) == 0.0
    assert mathx.log(1.0) == 0.0
    assert mathx.log(0.0) == -math.inf
    assert mathx.log(math.inf) == math.inf
    assert mathx.log(5e-324) == math.log(5e-324)


@pytest.mark.parametrize("call", [lambda: mathx.exp(math.nan), lambda: mathx.log(math.nan),
                                  lambda: mathx.log(-1.0), lambda: mathx.log(-math.inf)])
def test_result_when_not_a_number_then_the_canonical_one(call) -> None:
    assert struct.pack("<d", call()) == struct.pack("<Q", 0x7FF8000000000000)


def test_bits_when_over_a_grid_then_those_of_every_other_machine() -> None:
    grid = [(n - 5000) * 0.1417 for n in range(10_000)]
    digest = hashlib.sha256()
    for x in grid:
        digest.update(struct.pack("<2d", mathx.exp(x), mathx.log(abs(x) + 1e-300)))
    assert digest.hexdigest() == (
        "98da3485c83402c54c0f00ded86e92894b0f48d7c00c71536d917eaf1176e04c")


def test_exp_when_over_rising_arguments_then_never_falls() -> None:
    values = [mathx.exp(float(x)) for x in np.linspace(-30.0, 30.0, 50_001)]
    assert all(later >= earlier for earlier, later in pairwise(values))
