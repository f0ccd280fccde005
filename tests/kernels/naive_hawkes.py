"""The Hawkes process of one type as its definition says: double sums, and quadrature."""

import itertools

import numpy as np


def phi_exponential(alphas, betas):
    return lambda t: sum(a * np.exp(-b * t) for a, b in zip(alphas, betas, strict=True))


def phi_power(alpha, beta, p):
    return lambda t: alpha / (1.0 + beta * t) ** p


def base_rate(t, knots, rates):
    """Rate of the piece that t lies in; the last piece holds at its end."""
    for j in range(len(rates) - 1, -1, -1):
        if t >= knots[j]:
            return rates[j]
    raise ValueError(t)


def intensity(t, events, count, phi, knots, rates, left=(), betas=()):
    """Left limit: the first `count` events have happened."""
    rate = base_rate(t, knots, rates) + sum(phi(t - s) for s in events[:count])
    return rate + sum(x * np.exp(-b * t) for x, b in zip(left, betas, strict=True))


def log_likelihood(events, T, phi, knots, rates, left=(), betas=(), nodes=40):
    """Sum of log intensities less the integral by Gauss-Legendre between events and knots."""
    logs = sum(np.log(intensity(t, events, i, phi, knots, rates, left, betas))
               for i, t in enumerate(events))
    return logs - compensator(events, T, phi, knots, rates, left, betas, nodes)


def compensator(events, T, phi, knots, rates, left=(), betas=(), nodes=40):
    """Integral of the intensity; it is smooth between events and knots."""
    cuts = sorted({0.0, T, *(k for k in knots if 0.0 < k < T), *(e for e in events if e < T)})
    x, w = np.polynomial.legendre.leggauss(nodes)
    total = 0.0
    for a, b in itertools.pairwise(cuts):
        count = int(np.searchsorted(events, a, side="right"))
        middle, half = 0.5 * (a + b), 0.5 * (b - a)
        total += half * sum(
            wi * intensity(middle + half * xi, events, count, phi, knots, rates, left, betas)
            for xi, wi in zip(x, w, strict=True))
    return total


def branching(events, mu, phi):
    """Matrix of probabilities that event i (row) comes from event j (column) or, on the diagonal,
    from the base rate."""
    n = len(events)
    p = np.zeros((n, n))
    for i in range(n):
        for j in range(i):
            p[i, j] = phi(events[i] - events[j])
        p[i, i] = mu
        p[i] /= p[i].sum()
    return p


def cluster_times(rng, mu, ratio, delays, T):
    """Hawkes and Oakes's clusters on [0, T]: `delays(rng, count)` draws from phi / ratio."""
    generation = rng.uniform(0.0, T, rng.poisson(mu * T))
    times = [generation]
    while generation.size:
        children = rng.poisson(ratio, generation.size)
        generation = np.repeat(generation, children) + delays(rng, int(children.sum()))
        generation = generation[generation < T]
        times.append(generation)
    return np.sort(np.concatenate(times))
