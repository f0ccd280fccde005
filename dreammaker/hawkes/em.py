"""The EM algorithm on the branching structure, O(N) a sweep, accelerated and never downhill.

E-step sums come from recursions (kernel `hawkes_em`); M-steps are those of Veen and Schoenberg
(2008) and Lewis and Mohler (2011) with the edge at T corrected. Sweeps are
extrapolated by SQUAREM (Varadhan and Roland 2008); an extrapolation that lowers the likelihood is
dropped.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dreammaker._ext.hawkes_em import em_sums
from dreammaker.hawkes.kernels import MAX_BRANCHING
from dreammaker.hawkes.likelihood import Window
from dreammaker.hawkes.mixture import mixture_weights

Floats = NDArray[np.float64]
FLOOR = 1e-300
BISECTIONS = 64
# What a step cut short at a bound may lose where the parameters count as standing still.
STANDSTILL = 1e-6


@dataclass(frozen=True)
class Sweep:
    """What one sweep found: the likelihood where it began, and where the M-step leads."""

    log_likelihood: float
    mu: Floats
    alphas: Floats
    betas: Floats
    bound: bool = False


@dataclass(frozen=True)
class Course:
    """A run of sweeps.

    Attributes
    ----------
    x : array of float64
        Where it ended.
    history : tuple of float
        Log-likelihood at each point accepted, never falling beyond rounding.
    sweeps : int
    converged : bool
    bound : bool
        Whether the branching ratio was held below 1 at the end.
    """

    x: Floats
    history: tuple[float, ...]
    sweeps: int
    converged: bool
    bound: bool


def em_sweep(window: Window, mu: Floats, alphas: Floats, betas: Floats,
             left: Floats | None = None, *, edge: bool = True, fitted_decays: bool = True,
             ordered: bool = False) -> Sweep:
    """One E-step and M-step for a sum of exponentials (one is a sum too).

    Parameters
    ----------
    window : Window
    mu : array of float64, shape (pieces,)
    alphas, betas : array of float64, shape (m,)
    left : array of float64, shape (m,), optional
        Excitation at time 0.
    edge : bool
        Correct for offspring that would fall after T.
    fitted_decays : bool
        Update the decays too.
    ordered : bool
        Use the new ratio in the decay's correction: then each half of the M-step is a
        maximisation of its own and no sweep can lower the likelihood. With the old ratio, as
        published, that is the rule but not a theorem.

    Returns
    -------
    Sweep
    """
    left = np.zeros(alphas.size) if left is None else left
    log_rates, background, table = em_sums(window.times, window.duration, mu, window.splits,
                                           alphas, betas, left)
    triggered, lags, _, past_times, ended, late = table
    count, T = window.times.size, window.duration
    reached = count - ended
    expected = (mu * window.lengths).sum() + (alphas / betas * reached).sum()
    value = log_rates - float(expected - (left / betas * np.expm1(-betas * T)).sum())
    if edge:
        ratios, bound = _shared_ratios(triggered, reached)
        pull = lags + (ratios if ordered else alphas / betas) * late
    else:
        ratios, bound, pull = triggered / max(count, 1), False, lags
    decays = betas
    if fitted_decays:
        decays = np.array([
            _decay(t, float(v + w), float(x), T, float(b))
            for t, v, w, x, b in zip(triggered, pull, past_times, left, betas, strict=True)])
    return Sweep(value, background / window.lengths, ratios * decays, decays, bound)


def _shared_ratios(triggered: Floats, reached: Floats) -> tuple[Floats, bool]:
    """Branching ratios of the components, their sum held below 1 where the data want more."""
    ratios = triggered / np.maximum(reached, FLOOR)
    if ratios.sum() <= MAX_BRANCHING:
        return ratios, False
    low, high = 0.0, float(triggered.sum()) / MAX_BRANCHING
    for _ in range(BISECTIONS):
        price = 0.5 * (low + high)
        if (triggered / (reached + price)).sum() > MAX_BRANCHING:
            low = price
        else:
            high = price
    return triggered / (reached + high), True


def _decay(triggered: float, pull: float, left: float, T: float, old: float) -> float:
    """Maximum over b of triggered log b - pull b - left (1 - exp(-b T)) / b."""
    if triggered <= 0.0 or pull <= 0.0:
        return old
    if left == 0.0:
        return triggered / max(pull, 1e-200 * triggered)
    low, high = 1e-6 * old, 1e6 * old
    for _ in range(BISECTIONS):
        b = float(np.sqrt(low * high))
        slope = (triggered / b - pull
                 + left * (-np.expm1(-b * T) / b**2 - T * np.exp(-b * T) / b))
        low, high = (b, high) if slope > 0.0 else (low, b)
    return float(np.sqrt(low * high))


def power_sweep(window: Window, mu: Floats, alpha: float, beta: float, p: float,
                nodes: Floats) -> tuple[float, Floats, float, float, float, bool]:
    """One sweep for a power law as a mixture: which exponential made an event is latent too.

    The M-step is two conditional maximisations, of (alpha, p) at the old beta and of beta at the
    new branching structure, so that no sweep lowers the likelihood.

    Returns
    -------
    tuple of (float, ndarray, float, float, float, bool)
        Log-likelihood before; new mu, alpha, beta, p; whether the branching ratio was held.
    """
    logs = np.log(nodes)
    weights, rates = mixture_weights(p, nodes), beta * nodes
    log_rates, background, table = em_sums(window.times, window.duration, mu, window.splits,
                                           alpha * weights, rates, np.zeros(nodes.size))
    triggered, lags, _, _, ended, late = table
    g = (window.times.size - ended) / rates
    value = (log_rates - float((mu * window.lengths).sum())
             - alpha * float((weights * g).sum()))
    total = float(triggered.sum())
    # Concave in p: total log sum_i v_i(p) g_i is a log-sum-exp.
    wanted = float((triggered * logs).sum()) / max(total, FLOOR)
    low, high = 1.0 + 1e-3, 61.0
    for _ in range(BISECTIONS):
        middle = 0.5 * (low + high)
        parts = mixture_weights(middle, nodes) * g
        rising = wanted > float((parts * logs).sum() / parts.sum())
        low, high = (middle, high) if rising else (low, middle)
    new_p = 0.5 * (low + high)
    new_weights = mixture_weights(new_p, nodes)
    new_alpha = total / max(float((new_weights * g).sum()), FLOOR)
    ratios = new_alpha * new_weights / rates
    bound = bool(new_alpha / (beta * (new_p - 1.0)) > MAX_BRANCHING)
    if bound:
        held = MAX_BRANCHING * beta * (new_p - 1.0) / new_alpha
        new_alpha, ratios = held * new_alpha, held * ratios
    pull = float((nodes * (lags + ratios * late)).sum())
    new_beta = total / max(pull, 1e-200 * total) if pull > 0.0 else beta
    return value, background / window.lengths, new_alpha * new_beta / beta, new_beta, new_p, bound


def run(sweep: Callable[[Floats, bool], tuple[float, Floats, bool]], start: Floats,
        allowed: Callable[[Floats], bool] = lambda x: True, *,
        lower: Floats | float = -600.0, upper: Floats | float = 600.0,
        tolerance: float = 1e-7, max_sweeps: int = 3000) -> Course:
    """Sweep until the coordinates stand still.

    Parameters
    ----------
    sweep : callable
        ``sweep(x, ordered) -> (log-likelihood at x, next x, bound)``; with `ordered` the next
        point may not be less likely.
    start : array of float64, shape (q,)
        Logarithms of the parameters.
    allowed : callable
        Whether an extrapolation may be taken: whether it is stable.
    lower, upper : array of float64, shape (q,), or float
        Bounds that an extrapolation keeps to.
    tolerance : float
        Largest change of a coordinate in a sweep that counts as standing still.
    max_sweeps : int

    Returns
    -------
    Course
    """
    x = start
    value, onward, bound = sweep(x, False)
    history, sweeps = [value], 1
    while sweeps < max_sweeps:
        first = onward
        if float(np.abs(first - x).max()) < tolerance:
            return Course(x, tuple(history), sweeps, True, bound)
        first_value, second, first_bound = sweep(first, False)
        sweeps += 1
        if first_value < value - _noise(value):
            # The published step overshot: take the one that cannot.
            _, first, _ = sweep(x, True)
            first_value, second, first_bound = sweep(first, False)
            sweeps += 2
            if first_value < value - _noise(value):
                # Only a bound that cuts a step short leaves it lower: there is no way on.
                close = value - first_value < STANDSTILL * (1.0 + abs(value))
                return Course(x, tuple(history), sweeps, close, bound)
        history.append(first_value)
        trial = np.clip(_extrapolated(x, first, second), lower, upper)
        if not allowed(trial):
            trial = second
        trial_value, trial_onward, trial_bound = sweep(trial, False)
        sweeps += 1
        if np.isfinite(trial_value) and trial_value >= first_value - _noise(first_value):
            x, value, onward, bound = trial, trial_value, trial_onward, trial_bound
            history.append(value)
        else:
            x, value, onward, bound = first, first_value, second, first_bound
    return Course(x, tuple(history), sweeps, False, bound)


def _extrapolated(x: Floats, first: Floats, second: Floats) -> Floats:
    step = first - x
    bend = second - first - step
    size = float(np.sqrt((bend**2).sum()))
    if size == 0.0:
        return second
    length = max(float(np.sqrt((step**2).sum())) / size, 1.0)
    return np.asarray(x + 2.0 * length * step + length**2 * bend)


def _noise(value: float) -> float:
    return 3e-14 * (1.0 + abs(value))
