"""Hawkes processes: events that make more events likely, fitted, simulated and checked."""

from dreammaker.hawkes.errors import HawkesError
from dreammaker.hawkes.kernels import (
    ExponentialKernel,
    Kernel,
    PowerLawKernel,
    SumExponentialKernel,
)
from dreammaker.hawkes.parameters import HawkesParameters

__all__ = [
    "ExponentialKernel",
    "HawkesError",
    "HawkesParameters",
    "Kernel",
    "PowerLawKernel",
    "SumExponentialKernel",
]
