"""Hawkes processes: events that make more events likely, fitted, simulated and checked."""

from dreammaker.hawkes.baseline import PiecewiseConstantBaseline
from dreammaker.hawkes.diagnostics import GoodnessOfFit, goodness_of_fit, residual_tests
from dreammaker.hawkes.errors import HawkesError
from dreammaker.hawkes.events import resolve_ties
from dreammaker.hawkes.flow import OrderFlow, order_flow_times
from dreammaker.hawkes.kernel_matrix import MultivariateKernelHawkes
from dreammaker.hawkes.kernels import (
    ExponentialKernel,
    Kernel,
    PowerLawKernel,
    SumExponentialKernel,
)
from dreammaker.hawkes.monitor import Drift, ResidualMonitor
from dreammaker.hawkes.multivariate import MultivariateHawkes
from dreammaker.hawkes.online import load_parameters, refit, save_parameters, warm_start
from dreammaker.hawkes.parameters import HawkesParameters
from dreammaker.hawkes.simulation import (
    simulate_exponential,
    simulate_multivariate,
    simulate_power_law,
    simulate_sum_exponential,
)
from dreammaker.hawkes.univariate import UnivariateHawkes

__all__ = [
    "Drift",
    "ExponentialKernel",
    "GoodnessOfFit",
    "HawkesError",
    "HawkesParameters",
    "Kernel",
    "MultivariateHawkes",
    "MultivariateKernelHawkes",
    "OrderFlow",
    "PiecewiseConstantBaseline",
    "PowerLawKernel",
    "ResidualMonitor",
    "SumExponentialKernel",
    "UnivariateHawkes",
    "goodness_of_fit",
    "load_parameters",
    "order_flow_times",
    "refit",
    "residual_tests",
    "resolve_ties",
    "save_parameters",
    "simulate_exponential",
    "simulate_multivariate",
    "simulate_power_law",
    "simulate_sum_exponential",
    "warm_start",
]
