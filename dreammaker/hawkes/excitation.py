"""What past events add, at any times: the excitation, its integral, and simulated ones."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from dreammaker._ext.hawkes_mixture import excitation_sums
from dreammaker.hawkes.baseline import ConstantBaseline, PiecewiseConstantBaseline
from dreammaker.hawkes.errors import HawkesError
from dreammaker.hawkes.fitting import mixture_nodes
from dreammaker.hawkes.kernels import (
    ExponentialKernel,
    Kernel,
    PowerLawKernel,
    SumExponentialKernel,
)
from dreammaker.hawkes.mixture import mixture_weights
from dreammaker.hawkes.simulation import (
    simulate_exponential,
    simulate_power_law,
    simulate_sum_exponential,
)

Floats = NDArray[np.float64]
# Pairs of query and event up to which a power law is summed directly.
EXACT_PAIRS = 25_000_000
CHUNK = 256


def terms(kernel: Kernel) -> tuple[Floats, Floats]:
    """Weights and decays, shape (m,) each, of a kernel that is a sum of exponentials."""
    if isinstance(kernel, ExponentialKernel):
        return np.array([kernel.alpha]), np.array([kernel.beta])
    if isinstance(kernel, SumExponentialKernel):
        return np.array(kernel.alphas), np.array(kernel.betas)
    raise HawkesError(f"a {kernel.name} kernel is no sum of exponentials")


def shared_excitation(given: Floats, kernel: Kernel) -> Floats:
    """Excitation at time 0 of each term; one number is shared in proportion to the weights."""
    if isinstance(kernel, PowerLawKernel):
        return np.zeros(1)
    alphas, _ = terms(kernel)
    if given.ndim == 0 or given.size == 1:
        total = float(alphas.sum())
        share = alphas / total if total > 0.0 else np.full(alphas.size, 1.0 / alphas.size)
        return np.asarray(float(given.ravel()[0]) * share)
    if given.shape != alphas.shape:
        raise HawkesError(f"initial_excitation must be a number or one for each of the "
                          f"{alphas.size} terms, had shape {given.shape}")
    return given


def excitation_at(kernel: Kernel, times: Floats, queries: Floats, left: Floats) -> Floats:
    """Excitation by the events strictly before each query and by what was left at time 0.

    Parameters
    ----------
    times, queries : array of float64, shapes (n,) and (k,)
        Both sorted.
    left : array of float64, shape (m,)

    Returns
    -------
    ndarray of float64, shape (k,)
    """
    if isinstance(kernel, PowerLawKernel):
        if times.size * queries.size <= EXACT_PAIRS:
            return _summed(kernel.value, times, queries)
        alphas, betas = _mixture(kernel, queries)
        return excitation_sums(times, queries, alphas, betas)
    alphas, betas = terms(kernel)
    total = excitation_sums(times, queries, alphas, betas)
    for weight, beta in zip(left, betas, strict=True):
        total += weight * np.exp(-beta * queries)
    return total


def excitation_integral_at(kernel: Kernel, times: Floats, queries: Floats,
                           left: Floats) -> Floats:
    """Integral of the excitation from 0 to each query; parameters as of `excitation_at`."""
    count = np.searchsorted(times, queries, side="left")
    if isinstance(kernel, PowerLawKernel):
        if times.size * queries.size <= EXACT_PAIRS:
            return _summed(kernel.integral, times, queries)
        alphas, betas = _mixture(kernel, queries)
        left = np.zeros(alphas.size)
    else:
        alphas, betas = terms(kernel)
    ratios = alphas / betas
    total = ratios.sum() * count - excitation_sums(times, queries, ratios, betas)
    for weight, beta in zip(left, betas, strict=True):
        total -= weight / beta * np.expm1(-beta * queries)
    return np.asarray(total)


def _mixture(kernel: PowerLawKernel, queries: Floats) -> tuple[Floats, Floats]:
    nodes = mixture_nodes(kernel.p, kernel.beta * float(queries[-1]))[0]
    return kernel.alpha * mixture_weights(kernel.p, nodes), kernel.beta * nodes


def _summed(phi: Callable[[Floats], Floats], times: Floats, queries: Floats) -> Floats:
    total = np.zeros(queries.size)
    for begin in range(0, queries.size, CHUNK):
        part = queries[begin:begin + CHUNK]
        past = times[:np.searchsorted(times, part[-1], side="left")]
        lags = part[:, None] - past[None, :]
        total[begin:begin + CHUNK] = np.where(lags > 0.0, phi(lags), 0.0).sum(axis=1)
    return total


def simulated(kernel: Kernel, base: ConstantBaseline | PiecewiseConstantBaseline, left: Floats,
              T: float, rng: np.random.Generator, method: str) -> Floats:
    """One realisation on [0, T); see `UnivariateHawkes.simulate`."""
    if method not in ("thinning", "exact"):
        raise HawkesError(f'method must be "thinning" or "exact", was {method!r}')
    if base.edges is not None and base.edges[-1] < T:
        raise HawkesError(f"the base rate is known to {base.edges[-1]:g} s, T was {T:g} s")
    if isinstance(kernel, PowerLawKernel):
        return simulate_power_law(base.levels, kernel.alpha, kernel.beta, kernel.p, T, rng,
                                  knots=base.edges)
    if isinstance(kernel, ExponentialKernel) and base.edges is None:
        return simulate_exponential(float(base.levels[0]), kernel.alpha, kernel.beta, T, rng,
                                    method=method, initial_excitation=float(left[0]))
    if method == "exact":
        raise HawkesError('method "exact" is for one exponential over a constant base rate, '
                          'and for power laws; use "thinning"')
    alphas, betas = terms(kernel)
    return simulate_sum_exponential(base.levels, alphas, betas, T, rng, knots=base.edges,
                                    initial_excitation=left)
