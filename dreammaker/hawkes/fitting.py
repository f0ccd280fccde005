"""Maximum likelihood for one type of event: starts, the ascent, stability, standard errors."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from dreammaker.hawkes.kernels import MAX_BRANCHING, Kernel
from dreammaker.hawkes.likelihood import Window
from dreammaker.hawkes.mixture import gamma_mixture, mixture_weights, relevant_reach
from dreammaker.hawkes.optimise import Optimum, maximise
from dreammaker.hawkes.problem import (
    EXP_POINTS,
    MIXTURE_ERROR,
    Problem,
    exponential_problem,
    power_problem,
    sum_problem,
)

Floats = NDArray[np.float64]
# Starts are tried on this many events; the whole stream is climbed from the best of them.
START_EVENTS = 16_384
POWER_START_EVENTS = 2_048
# Above this many events a power law is fitted as a sum of exponentials unless asked otherwise.
EXACT_EVENTS = 1_000
BISECTIONS = 60


@dataclass(frozen=True)
class Ascent:
    """An optimum of a problem and whether the branching ratio had to be held below 1."""

    problem: Problem
    optimum: Optimum
    iterations: int
    wanted_ratio: float | None = None
    approximation_error: float = 0.0

    @property
    def raw(self) -> Floats:
        """Estimates, mu first."""
        return self.problem.to_raw(self.optimum.x)


def ascend(problem: Problem, start: Floats, max_iterations: int = 100) -> Ascent:
    """Climb from raw parameters; where the data want a branching ratio of 1 or more, hold it.

    The free optimum is kept where it is stationary. Otherwise the best parameters at the largest
    ratio allowed are found with a price on the ratio, raised until it is met.
    """
    free = maximise(problem.evaluate, problem.to_x(start), problem.lower, problem.upper,
                    max_iterations=max_iterations)
    ratio = problem.branching(free.x).value
    if ratio <= MAX_BRANCHING:
        return Ascent(problem, free, free.iterations)
    low, high, iterations = 0.0, 1e-3 * max(problem.window.times.size, 1), free.iterations
    best = free
    for _ in range(BISECTIONS):
        best = maximise(problem.penalised(high), best.x, problem.lower, problem.upper)
        iterations += best.iterations
        if problem.branching(best.x).value <= MAX_BRANCHING:
            break
        low, high = high, 4.0 * high
    for _ in range(BISECTIONS):
        price = 0.5 * (low + high)
        trial = maximise(problem.penalised(price), best.x, problem.lower, problem.upper)
        iterations += trial.iterations
        if problem.branching(trial.x).value <= MAX_BRANCHING:
            high, best = price, trial
        else:
            low = price
        if high - low <= 1e-9 * high or problem.branching(best.x).value > MAX_BRANCHING - 1e-6:
            break
    return Ascent(problem, replace(best, evaluation=problem.evaluate(best.x, True)), iterations,
                  ratio)


def fit_exponential(window: Window, given: Kernel | None, max_iterations: int) -> Ascent:
    """One exponential, decay fitted, from the best of several starts."""
    part = head(window, START_EVENTS)
    small = exponential_problem(part)
    rates = part.times.size / part.duration
    decays = decay_grid(part, 8)
    starts = [np.array([0.5 * rates, 0.5 * b, b]) for b in decays]
    values = kernel_values(given)
    if values is not None and values.size == 2:
        starts.append(np.concatenate([[0.5 * rates], values]))
    best = best_start(small, starts)
    problem = exponential_problem(window)
    return ascend(problem, spread_base(window, best.raw[1:], problem, best.optimum.x[1:]),
                  max_iterations)


def fit_sum(window: Window, left: Floats, fixed: Floats | None, given: Kernel | None,
            max_iterations: int) -> Ascent:
    """A sum of exponentials from spread-out decays and, where given, from a kernel."""
    m = left.size
    part = head(window, START_EVENTS)
    small = sum_problem(part, left, fixed)
    rate = 0.5 * part.times.size / part.duration
    grid = decay_grid(part, 12)
    starts = []
    if fixed is not None:
        starts.append(np.concatenate([[rate], 0.5 / m * fixed]))
    else:
        middle = float(np.exp(np.log(grid).mean()))
        for spread in (0.9, 0.5, 0.2):
            low, high = (middle * (end / middle) ** spread for end in (grid[0], grid[-1]))
            betas = np.geomspace(low, high, m) if m > 1 else np.array([middle])
            starts.append(np.concatenate([[rate], 0.5 / m * betas, betas]))
    values = kernel_values(given)
    if values is not None and values.size == 2 * m:
        starts.append(np.concatenate([[rate], values[:starts[0].size - 1]]))
    best = best_start(small, starts, keep=3)
    problem = sum_problem(window, left, fixed)
    return ascend(problem, spread_base(window, best.raw[1:], problem, best.optimum.x[1:]),
                  max_iterations)


def fit_power_law(window: Window, given: Kernel | None, exact: bool,
                  max_iterations: int) -> Ascent:
    """A power law, exactly or as a mixture whose nodes follow the fit."""
    kernel = power_start(head(window, POWER_START_EVENTS), given)
    start, iterations, error = spread_base(window, kernel), 0, 0.0
    if exact:
        return ascend(power_problem(window, None), start, max_iterations)
    for _ in range(4):
        beta, p = float(kernel[1]), float(kernel[2])
        nodes = mixture_nodes(p, beta * window.duration)[0]
        done = ascend(power_problem(window, nodes), start, max_iterations)
        iterations += done.iterations
        start, kernel = done.raw, done.raw[window.pieces:]
        error = mixture_error(nodes, float(kernel[2]), float(kernel[1]) * window.duration)
        if error <= 10.0 * MIXTURE_ERROR:
            break
    return replace(done, iterations=iterations, approximation_error=error)


def power_start(part: Window, given: Kernel | None) -> Floats:
    """Raw alpha, beta, p near the optimum on a part of the stream."""
    rate = 0.5 * part.times.size / part.duration
    starts = []
    for decay in decay_grid(part, 6):
        for p in (1.4, 2.0, 3.5):
            beta = decay / p
            starts.append(np.array([rate, 0.5 * beta * (p - 1.0), beta, p]))
    values = kernel_values(given)
    if values is not None and values.size == 3:
        starts.append(np.concatenate([[rate], values]))
    nodes = mixture_nodes(1.5, float(np.median([s[2] for s in starts])) * part.duration)[0]
    return best_start(power_problem(part, nodes), starts, keep=2).raw[1:]


def mixture_nodes(p: float, reach: float) -> tuple[Floats, float]:
    """Nodes for exponent p up to x = reach, as many as a relative error of 1e-6 needs."""
    for points in EXP_POINTS:
        nodes = gamma_mixture(p, reach, points)[0]
        error = mixture_error(nodes, p, reach)
        if error <= MIXTURE_ERROR:
            break
    return nodes, error


def mixture_error(nodes: Floats, p: float, reach: float) -> float:
    """Largest relative error over x from 0 to the relevant part of `reach`, 5 % to spare."""
    reach = relevant_reach(p, reach)
    x = np.concatenate([[0.0], np.geomspace(min(1e-3, 1e-3 * reach), reach, 1001)])
    mixed = np.exp(-np.outer(x, nodes)) @ mixture_weights(p, nodes)
    return 1.05 * float(np.abs(mixed * np.exp(p * np.log1p(x)) - 1.0).max())


def head(window: Window, count: int) -> Window:
    """The first `count` events alone, with one base rate."""
    if window.times.size <= count or window.times[count - 1] <= 0.0:
        return Window.of(window.times, window.duration)
    return Window.of(window.times[:count], float(window.times[count - 1]))


def best_start(problem: Problem, starts: list[Floats], keep: int = 2) -> Ascent:
    """Climb from the most likely starts; the best of where they end."""
    values = [problem.evaluate(problem.to_x(start), False).value for start in starts]
    order = np.argsort(values)[::-1][:keep]
    ends = [ascend(problem, starts[i]) for i in order]
    return max(ends, key=lambda end: end.optimum.evaluation.value)


def spread_base(window: Window, kernel: Floats, problem: Problem | None = None,
                x: Floats | None = None) -> Floats:
    """Raw start on the whole window: the kernel, and each piece's share of background events."""
    ratio = 0.5
    if problem is not None and x is not None:
        forms = problem.forms[:, window.pieces:]
        ratio = min(float(np.exp(forms @ x + problem.offsets).sum()), 0.95)
    counts = np.maximum(np.diff(window.splits), 0.5)
    return np.concatenate([(1.0 - ratio) * counts / window.lengths, kernel])


def kernel_values(kernel: Kernel | None) -> Floats | None:
    """Raw parameters of a kernel that was given as a start, None where it cannot be one."""
    if kernel is None:
        return None
    values = np.concatenate([np.atleast_1d(value) for value in vars(kernel).values()])
    return values if (values > 0.0).all() else None


def decay_grid(window: Window, count: int) -> Floats:
    """Decays from a tenth of the mean rate to ten times the inverse of a short gap."""
    gaps = np.diff(window.times)
    gaps = gaps[gaps > 0.0]
    rate = max(window.times.size, 1) / window.duration
    short = float(np.quantile(gaps, 0.1)) if gaps.size else 1.0 / rate
    return np.geomspace(0.1 * rate, max(10.0 / short, 10.0 * rate), count)
