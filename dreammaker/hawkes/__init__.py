"""Hawkes processes: events that make more events likely, fitted, simulated and checked."""

from dreammaker.hawkes.baseline import PiecewiseConstantBaseline
from dreammaker.hawkes.errors import HawkesError
from dreammaker.hawkes.events import resolve_ties
from dreammaker.hawkes.kernels import (
    ExponentialKernel,
    Kernel,
    PowerLawKernel,
    SumExponentialKernel,
)
from dreammaker.hawkes.multivariate import MultivariateHawkes
from dreammaker.hawkes.parameters import HawkesParameters
from dreammaker.hawkes.simulation import (
    simulate_exponential,
    simulate_multivariate,
    simulate_power_law,
    simulate_sum_exponential,
)
from dreammaker.hawkes.univariate import UnivariateHawkes

__all__ = [
    "ExponentialKernel",
    "HawkesError",
    "HawkesParameters",
    "Kernel",
    "MultivariateHawkes",
    "PiecewiseConstantBaseline",
    "PowerLawKernel",
    "SumExponentialKernel",
    "UnivariateHawkes",
    "resolve_ties",
    "simulate_exponential",
    "simulate_multivariate",
    "simulate_power_law",
    "simulate_sum_exponential",
]
