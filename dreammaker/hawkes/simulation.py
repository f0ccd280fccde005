"""Simulated Hawkes processes: Ogata's thinning, exact sampling, clusters; every draw is seeded.

One 64-bit number is drawn from the caller's generator; the kernels' own generator (xoshiro256**)
makes everything of it, with the same bits on every machine.

Not modelled: negative intensities (a kernel may have negative terms, its sum must not fall below
zero), marks that change the size of a jump, and anything before time 0 except what
``initial_excitation`` says.
"""

from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dreammaker._ext.hawkes_thinning import (
    ExactSampler,
    ExponentialThinning,
    PowerLawClusters,
    ThinningSampler,
)
from dreammaker.hawkes.checks import (
    above_zero,
    finite,
    not_negative,
    seed_from,
    spectral_radius,
    square,
)
from dreammaker.hawkes.errors import HawkesError

Floats = NDArray[np.float64]
Marks = NDArray[np.int32]

MAX_EVENTS = 50_000_000
"""Events of one simulation unless the caller allows more: 400 MB of times."""

FIRST_BUFFER = 1 << 12


class _TimeSampler(Protocol):
    finished: bool

    def fill(self, times: Floats) -> int: ...


def simulate_exponential(
        mu: float, alpha: float, beta: float, T: float, rng: np.random.Generator, *,
        method: str = "thinning", initial_excitation: float = 0.0,
        max_events: int = MAX_EVENTS) -> Floats:
    """Times of ``lambda(t) = mu + sum alpha exp(-beta (t - t_i))`` on [0, T).

    Parameters
    ----------
    mu, alpha, beta : float
        Base rate and decay above 0, jump 0 or more, per second; ``alpha < beta``.
    T : float
        Length in seconds, 0 or more.
    rng : numpy.random.Generator
        One 64-bit number is drawn.
    method : {"thinning", "exact"}
        Ogata (1981), or Dassios and Zhao (2013), which rejects nothing and is several times
        faster. Same law, other numbers.
    initial_excitation : float
        Excitation at time 0, per second, decaying at ``beta``.
    max_events : int
        More are an error.

    Returns
    -------
    ndarray of float64, shape (n,)
        Rising times in seconds.

    Raises
    ------
    HawkesError
        If a value is not as above or ``max_events`` is reached.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> len(simulate_exponential(0.5, 0.8, 1.2, 1000.0, rng, method="exact")) > 1000
    True
    """
    mu, beta = above_zero("mu", mu), above_zero("beta", beta)
    alpha = not_negative("alpha", alpha)
    initial = not_negative("initial_excitation", initial_excitation)
    end = not_negative("T", T)
    check_stable(alpha / beta)
    if method not in ("thinning", "exact"):
        raise HawkesError(f"method must be 'thinning' or 'exact', was {method!r}")
    kind: Callable[..., _TimeSampler] = (
        ExponentialThinning if method == "thinning" else ExactSampler)
    return _drawn(kind(mu, alpha, beta, initial, end, seed_from(rng)), max_events,
                  end * mu / (1.0 - alpha / beta))


def simulate_sum_exponential(
        mu: float | ArrayLike, alphas: ArrayLike, betas: ArrayLike, T: float,
        rng: np.random.Generator, *, knots: ArrayLike | None = None,
        initial_excitation: ArrayLike | None = None, max_events: int = MAX_EVENTS) -> Floats:
    """Thinning for ``phi(t) = sum_k alpha_k exp(-beta_k t)``, with a constant or stepwise base.

    Parameters
    ----------
    mu : float or array_like of shape (K,)
        Base rate, or one for each segment between knots; 0 or more.
    alphas, betas : array_like of shape (M,)
        Weights (negative ones are allowed as long as phi stays 0 or more) and decays above 0;
        the sum of ``alphas / betas`` must be below 1. A power law is simulated by its sum.
    T : float
        Length in seconds.
    rng : numpy.random.Generator
        One 64-bit number is drawn.
    knots : array_like of shape (K + 1,), optional
        Rising ends of the segments, from 0 to T or beyond. Needed where ``mu`` has several values.
    initial_excitation : array_like of shape (M,), optional
        Excitation of each term at time 0, per second, 0 or more, decaying at its ``betas``.
    max_events : int
        More are an error.

    Returns
    -------
    ndarray of float64, shape (n,)

    Raises
    ------
    HawkesError
        If a value is not as above or ``max_events`` is reached.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> times = simulate_sum_exponential([5.0, 0.5], [0.4, 0.02], [1.0, 0.1], 200.0, rng,
    ...                                  knots=[0.0, 100.0, 200.0])
    >>> bool((times < 100).sum() > 3 * (times >= 100).sum())
    True
    """
    weights, decays = finite("alphas", alphas), finite("betas", betas)
    if weights.ndim != 1 or weights.shape != decays.shape or not len(weights):
        raise HawkesError(f"alphas and betas must be vectors of one length, had shapes "
                         f"{weights.shape} and {decays.shape}")
    if not (decays > 0).all():
        raise HawkesError(f"betas must be above 0, the smallest was {decays.min():g}")
    left = finite("initial_excitation",
                  np.zeros(len(decays)) if initial_excitation is None else initial_excitation)
    if left.shape != decays.shape or (left < 0).any():
        raise HawkesError(f"initial_excitation must be {len(decays)} numbers of 0 or more, "
                          f"was {left.tolist()}")
    end = not_negative("T", T)
    ratio = float(np.sum(weights / decays))
    check_stable(ratio)
    base, edges = segments(mu, knots, end)
    sampler = ThinningSampler(
        edges, np.ascontiguousarray(base[:, None]), decays,
        np.arange(len(decays), dtype=np.int32), np.zeros(len(decays), np.int32),
        np.ascontiguousarray(weights[None, :]), left, np.empty(len(decays)),
        np.empty(1), seed_from(rng))
    expected = float(np.sum(base * np.diff(edges))) / (1.0 - ratio)
    return _drawn_marked(sampler, max_events, expected)[0]


def simulate_power_law(
        mu: float | ArrayLike, alpha: float, beta: float, p: float, T: float,
        rng: np.random.Generator, *, knots: ArrayLike | None = None,
        max_events: int = MAX_EVENTS) -> Floats:
    """Exact simulation of ``phi(t) = alpha / (1 + beta t)^p`` by its clusters, O(n log n).

    Parameters
    ----------
    mu : float or array_like of shape (K,)
        Base rate, or one for each segment between knots; 0 or more.
    alpha, beta, p : float
        0 or more, above 0, above 1; ``alpha / (beta (p - 1)) < 1``.
    T : float
        Length in seconds.
    rng : numpy.random.Generator
        One 64-bit number is drawn.
    knots : array_like of shape (K + 1,), optional
        Rising ends of the segments, from 0 to T or beyond.
    max_events : int
        More are an error.

    Returns
    -------
    ndarray of float64, shape (n,)

    Raises
    ------
    HawkesError
        If a value is not as above or ``max_events`` is reached.

    Notes
    -----
    Hawkes and Oakes (1974): immigrants, and for each event a Poisson number of children at delays
    with density phi / n, drawn by inversion.

    Examples
    --------
    >>> times = simulate_power_law(1.0, 0.9, 2.0, 2.5, 1000.0, np.random.default_rng(1))
    >>> bool((np.diff(times) >= 0).all())
    True
    """
    alpha, beta, p = not_negative("alpha", alpha), above_zero("beta", beta), above_zero("p", p)
    if p <= 1.0:
        raise HawkesError(f"p must be above 1 for a finite branching ratio, was {p:g}")
    end = not_negative("T", T)
    ratio = alpha / (beta * (p - 1.0))
    check_stable(ratio)
    base, edges = segments(mu, knots, end)
    sampler = PowerLawClusters(alpha, beta, p, end, seed_from(rng))
    expected = float(np.sum(base * np.diff(edges))) / (1.0 - ratio)
    times, count = np.empty(FIRST_BUFFER), 0
    for rate, start, stop in zip(base, edges[:-1], edges[1:], strict=True):
        count = sampler.background(times, count, float(start), float(stop), float(rate))
        while count == len(times):
            times = _larger(times, max_events, expected)
            resumed = max(float(times[count - 1]), float(start))
            count = sampler.background(times, count, resumed, float(stop), float(rate))
    while not sampler.finished:
        count = sampler.offspring(times, count)
        if not sampler.finished:
            times = _larger(times, max_events, expected)
    return np.sort(times[:count])


def simulate_multivariate(
        mu: ArrayLike, alpha: ArrayLike, beta: ArrayLike, T: float, rng: np.random.Generator, *,
        initial_excitation: ArrayLike | None = None,
        max_events: int = MAX_EVENTS) -> tuple[Floats, Marks]:
    """Thinning of d mutually exciting exponential processes.

    Parameters
    ----------
    mu : array_like of shape (d,)
        Base rates per second, 0 or more.
    alpha, beta : array_like of shape (d, d)
        Jumps (0 or more) and decays (above 0); row = excited, column = source. ``beta`` may be
        one number.
    T : float
        Length in seconds.
    rng : numpy.random.Generator
        One 64-bit number is drawn.
    initial_excitation : array_like of shape (d, d), optional
        Excitation of i left by j at time 0, per second, decaying at ``beta_ij``.
    max_events : int
        More are an error.

    Returns
    -------
    times : ndarray of float64, shape (n,)
    marks : ndarray of int32, shape (n,)
        The component of each event.

    Raises
    ------
    HawkesError
        If a shape or value is not as above, the process is not stable, or ``max_events`` is
        reached.

    Examples
    --------
    >>> times, marks = simulate_multivariate([0.3, 0.2], [[0.6, 0.2], [0.4, 0.5]], 1.5, 500.0,
    ...                                      np.random.default_rng(1))
    >>> sorted(set(marks.tolist()))
    [0, 1]
    """
    base = np.atleast_1d(finite("mu", mu))
    d = base.size
    if base.ndim != 1 or not d:
        raise HawkesError(f"mu must be a vector, had shape {base.shape}")
    jumps, decays = square("alpha", alpha, d), square("beta", beta, d)
    left = square("initial_excitation", 0.0 if initial_excitation is None else initial_excitation,
                  d)
    if (base < 0).any() or (jumps < 0).any() or (left < 0).any() or not (decays > 0).all():
        raise HawkesError("mu, alpha and initial_excitation must be 0 or more and beta above 0")
    end = not_negative("T", T)
    growth = jumps / decays
    check_stable(spectral_radius(growth))
    mean = np.linalg.solve(np.eye(d) - growth, base)
    groups, group = np.unique(decays, return_inverse=True)
    if (decays == decays[:, :1]).all():
        # Each component forgets at its own rate, whatever excited it: d states serve.
        groups, group = np.unique(decays[:, 0], return_inverse=True)
        target, jump, excitation = np.arange(d), jumps.T, left.sum(axis=1)
    else:
        target = np.repeat(np.arange(d), d)
        jump = np.zeros((d, d * d))
        for source in range(d):
            jump[source, np.arange(d) * d + source] = jumps[:, source]
        excitation = left.ravel()
    sampler = ThinningSampler(
        np.array([0.0, end]), base[None, :].copy(), groups, group.ravel().astype(np.int32),
        target.astype(np.int32), np.ascontiguousarray(jump), excitation.copy(),
        np.empty(len(groups)), np.empty(d), seed_from(rng))
    return _drawn_marked(sampler, max_events, end * float(mean.sum()))


def simulate_terms(
        mu: Floats, pairs: Sequence[Sequence[tuple[Floats, Floats]]], T: float,
        rng: np.random.Generator, *, knots: ArrayLike | None = None,
        max_events: int = MAX_EVENTS) -> tuple[Floats, Marks]:
    """Thinning of d types that excite each other by sums of exponentials.

    Parameters
    ----------
    mu : ndarray of float64, shape (K, d)
        Base rates of each segment, 0 or more.
    pairs : d sequences of d pairs of arrays
        Weights and decays of how column j excites row i; the process must be stable.
    T, rng, knots, max_events
        As of `simulate_sum_exponential`.

    Returns
    -------
    times, marks
        As of `simulate_multivariate`.
    """
    d, end = len(pairs), not_negative("T", T)
    edges = segments(mu[:, 0], knots, end)[1]
    base = np.ascontiguousarray(mu[:edges.size - 1])
    weights = [[np.asarray(weights) for weights, _ in row] for row in pairs]
    sizes = [part.size for row in weights for part in row]
    decays = np.concatenate([decays for row in pairs for _, decays in row])
    source = np.repeat(np.tile(np.arange(d), d), sizes)
    jump = np.where(source[None, :] == np.arange(d)[:, None],
                    np.concatenate([part for row in weights for part in row]), 0.0)
    growth = np.array([[float((a / b).sum()) for a, b in row] for row in pairs])
    mean = np.linalg.solve(np.eye(d) - growth, base.T @ np.diff(edges))
    groups, group = np.unique(decays, return_inverse=True)
    sampler = ThinningSampler(
        edges, base, groups, group.ravel().astype(np.int32),
        np.repeat(np.arange(d * d, dtype=np.int32) // d, sizes), jump, np.zeros(decays.size),
        np.empty(groups.size), np.empty(d), seed_from(rng))
    return _drawn_marked(sampler, max_events, float(mean.sum()))


def check_stable(ratio: float) -> None:
    """Raise HawkesError unless a branching ratio or spectral radius is below 1."""
    if not ratio < 1.0:
        raise HawkesError(f"the branching ratio (spectral radius) must be below 1 for a stable "
                         f"process, was {ratio:g}; lower alpha or raise beta")


def segments(mu: float | ArrayLike, knots: ArrayLike | None, end: float) -> tuple[Floats, Floats]:
    """Base rates of the segments within [0, end) and the edges of these segments."""
    base = np.atleast_1d(finite("mu", mu))
    edges = np.array([0.0, end]) if knots is None else np.atleast_1d(finite("knots", knots))
    if base.ndim != 1 or edges.shape != (len(base) + 1,):
        raise HawkesError(f"knots must be the {base.size + 1} ends of {base.size} segments, had "
                          f"shape {edges.shape}")
    if edges[0] != 0.0 or edges[-1] < end or (knots is not None and (np.diff(edges) <= 0).any()):
        raise HawkesError(f"knots must rise from 0 to T = {end:g} or beyond, were {edges[0]:g} to "
                          f"{edges[-1]:g}")
    if (base < 0).any():
        raise HawkesError(f"mu must be 0 or more, was {base.min():g}")
    inside = edges[:-1] < end
    inside[0] = True
    return base[inside], np.append(edges[:-1][inside], end)


def _larger(times: Floats, max_events: int, expected: float) -> Floats:
    if len(times) >= max_events:
        raise HawkesError(f"the simulation reached max_events = {max_events:,} before T; "
                         f"{expected:,.0f} events are expected in the mean: shorten T or raise "
                         "max_events")
    return np.concatenate([times, np.empty(min(len(times), max_events - len(times)))])


def _drawn(sampler: _TimeSampler, max_events: int, expected: float) -> Floats:
    # Doubling buffers: what was drawn is never copied more than once in the mean.
    first = int(min(max(1.1 * expected, FIRST_BUFFER), max_events))
    times = np.empty(first)
    count = sampler.fill(times)
    while not sampler.finished:
        if count == len(times):
            times = _larger(times, max_events, expected)
        count += sampler.fill(times[count:])
    return times[:count].copy() if count < len(times) // 2 else times[:count]


def _drawn_marked(sampler: ThinningSampler, max_events: int,
                  expected: float) -> tuple[Floats, Marks]:
    first = int(min(max(1.1 * expected, FIRST_BUFFER), max_events))
    times, marks = np.empty(first), np.empty(first, np.int32)
    count = sampler.fill(times, marks)
    while not sampler.finished:
        if count == len(times):
            times = _larger(times, max_events, expected)
            marks = np.concatenate([marks, np.empty(len(times) - len(marks), np.int32)])
        count += sampler.fill(times[count:], marks[count:])
    return times[:count], marks[:count]
