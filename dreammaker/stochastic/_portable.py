"""Elementary functions with the same bits on every machine, for what may reach a journal.

Schedules and quotes of this package end up in decisions, so they are built from the kernels' exp
and log, from square roots and from plain arithmetic, never from libm or NumPy transcendentals.
"""

from math import sqrt

import numpy as np

from dreammaker._ext.mathx import exp as _exp
from dreammaker._ext.mathx import log as _log
from dreammaker.stochastic._checks import Floats

exp = _exp
log = _log


def exp_all(values: Floats) -> Floats:
    """Exponential of every entry."""
    flat = [_exp(x) for x in values.ravel().tolist()]
    return np.array(flat, dtype=np.float64).reshape(values.shape)


def log_all(values: Floats) -> Floats:
    """Natural logarithm of every entry, all above 0."""
    flat = [_log(x) for x in values.ravel().tolist()]
    return np.array(flat, dtype=np.float64).reshape(values.shape)


def log1p(x: float) -> float:
    """log(1 + x) for x > -1, accurate near 0 (Kahan's correction of the rounded sum)."""
    rounded = 1.0 + x
    if rounded == 1.0:
        return x
    return _log(rounded) * (x / (rounded - 1.0))


def expm1(x: float) -> float:
    """exp(x) - 1, accurate near 0.

    Notes
    -----
    Below a third in size by its Taylor series (14 terms leave less than 1e-17 of the result).
    """
    if abs(x) > 1.0 / 3.0:
        return _exp(x) - 1.0
    term, total = x, x
    for n in range(2, 15):
        term *= x / n
        total += term
    return total


def sinh(x: float) -> float:
    """Hyperbolic sine, accurate near 0."""
    grown = expm1(abs(x))
    value = 0.5 * (grown + grown / (grown + 1.0))
    return value if x >= 0.0 else -value


def asinh(x: float) -> float:
    """Inverse hyperbolic sine, accurate near 0."""
    size = abs(x)
    value = log1p(size + size * size / (1.0 + sqrt(1.0 + size * size)))
    return value if x >= 0.0 else -value


def sinh_ratio(rate: float, left: Floats, whole: float) -> Floats:
    """``sinh(rate left) / sinh(rate whole)`` for 0 <= left <= whole, without overflow.

    The limit left / whole where the rate is 0.
    """
    if rate == 0.0:
        return left / whole
    bottom = -expm1(-2.0 * rate * whole)
    values = [_exp(rate * (x - whole)) * (-expm1(-2.0 * rate * x)) / bottom for x in left.tolist()]
    return np.array(values, dtype=np.float64)


def power(base: float, exponent: float) -> float:
    """``base ** exponent`` for base >= 0."""
    if base == 0.0:
        return 1.0 if exponent == 0.0 else 0.0
    return _exp(exponent * _log(base))
