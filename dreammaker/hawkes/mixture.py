"""Nodes and weights that write a power law as a mixture of exponentials."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
SEARCH_LAGS = 301
# Where the kernel has fallen to this part of its start, its relative error does not matter.
NEGLIGIBLE = 1e-30


def gamma_nodes(low: float, high: float, points: int) -> tuple[Floats, float]:
    """Equally spaced nodes in log s from `low` to `high` and their step."""
    logs, step = np.linspace(np.log(low), np.log(high), points, retstep=True)
    return np.exp(logs), float(step)


def mixture_weights(p: float, nodes: Floats) -> Floats:
    """Weights c_i with sum 1 and sum_i c_i exp(-s_i x) close to (1 + x)^-p.

    The trapezoidal rule in log s for the gamma density of shape p, scaled to be exact at x = 0.

    Parameters
    ----------
    p : float
        Exponent, above 0.
    nodes : array of float64, shape (m,)
        Equally spaced in the logarithm.

    Returns
    -------
    ndarray of float64, shape (m,)
    """
    logs = p * np.log(nodes) - nodes
    weights = np.exp(logs - logs.max())
    return np.asarray(weights / weights.sum())


def mixture_derivatives(p: float, nodes: Floats) -> Floats:
    """`mixture_weights` with their first two derivatives in p, shape (3, m)."""
    weights = mixture_weights(p, nodes)
    logs = np.log(nodes)
    centred = logs - (weights * logs).sum()
    return np.array([weights, weights * centred,
                     weights * (centred**2 - (weights * centred**2).sum())])


def relevant_reach(p: float, reach: float) -> float:
    """`reach`, or the smaller x at which (1 + x)^-p has fallen to 1e-30."""
    return min(reach, float(np.expm1(min(-np.log(NEGLIGIBLE) / p, 700.0))))


def gamma_mixture(p: float, reach: float, points: int) -> tuple[Floats, Floats]:
    """Nodes and weights of the smallest relative error over x from 0 to `reach`.

    Parameters
    ----------
    p : float
        Exponent, above 0.
    reach : float
        Largest x at which the mixture must hold, above 0; beyond `relevant_reach` it need not.
    points : int
        Number of nodes, 2 or more.

    Returns
    -------
    tuple of two arrays of float64, shape (points,)
    """
    reach = relevant_reach(p, reach)
    x = np.concatenate([[0.0], np.geomspace(min(1e-3, 1e-3 * reach), reach, SEARCH_LAGS)])
    truth = np.exp(-p * np.log1p(x))
    best = (np.inf, np.empty(0), np.empty(0))
    for high in (p + 2.0) * np.array([1.0, 1.5, 2.0, 3.0, 4.5, 6.5, 9.0, 13.0]):
        for low in np.geomspace(1e-9, 0.9, 28) / (1.0 + reach):
            if low >= high:
                continue
            nodes, _ = gamma_nodes(float(low), float(high), points)
            weights = mixture_weights(p, nodes)
            error = float(np.abs(np.exp(-np.outer(x, nodes)) @ weights / truth - 1.0).max())
            if error < best[0]:
                best = (error, nodes, weights)
    return best[1], best[2]
