"""EM fits of one type of event, from the same starts as the maximum-likelihood fits."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dreammaker.hawkes import fitting
from dreammaker.hawkes.em import Course, em_sweep, power_sweep, run
from dreammaker.hawkes.kernels import MAX_BRANCHING, Kernel
from dreammaker.hawkes.likelihood import Window
from dreammaker.hawkes.problem import (
    MIXTURE_ERROR,
    Problem,
    exponential_problem,
    power_problem,
    sum_problem,
)

Floats = NDArray[np.float64]
SweepMap = Callable[[Floats, bool], tuple[float, Floats, bool]]
# Fewer events than the whole, swept first: they lead near the optimum at a fraction of the cost.
WARM_EVENTS = 16_384
# Jumps that stand at their lower bounds do not give way, so that others have to more than once.
HOLDS = 50


@dataclass(frozen=True)
class EmFit:
    """Where the sweeps ended, in the coordinates of the problem they climbed."""

    problem: Problem
    course: Course
    approximation_error: float = 0.0


def em_exponentials(window: Window, kernel: Floats, left: Floats, fixed: Floats | None, *,
                    tolerance: float, max_sweeps: int) -> EmFit:
    """Sweeps for a sum of exponentials from raw `kernel` values (alphas, then fitted betas)."""
    def of(part: Window) -> Problem:
        if left.size == 1 and fixed is None and not left.any():
            return exponential_problem(part)
        return sum_problem(part, left, fixed,
                           "exponential" if left.size == 1 else "sum_exponential")

    def climb(part: Window, start: Floats) -> tuple[Problem, Course]:
        problem, j, m = of(part), part.pieces, left.size

        def sweep(x: Floats, ordered: bool) -> tuple[float, Floats, bool]:
            raw = problem.to_raw(x)
            betas = raw[j + m:] if fixed is None else fixed
            done = em_sweep(part, raw[:j].copy(), raw[j:j + m].copy(), betas.copy(), left,
                            fitted_decays=fixed is None, ordered=ordered)
            parts = [done.mu, done.alphas]
            if fixed is None:
                # A decay at its bound keeps the ratio that the sweep found.
                least, most = np.exp(problem.lower[j + m:]), np.exp(problem.upper[j + m:])
                decays = np.clip(done.betas, least, most)
                parts = [done.mu, done.alphas / done.betas * decays, decays]
            x, bound = _held(problem, problem.to_x(np.concatenate(parts)))
            return done.log_likelihood, x, done.bound or bound

        return problem, run(sweep, problem.to_x(start), _stable(problem), lower=problem.lower,
                            upper=problem.upper, tolerance=tolerance, max_sweeps=max_sweeps)

    if window.times.size > 4 * WARM_EVENTS:
        part = fitting.head(window, WARM_EVENTS)
        small, course = climb(part, fitting.spread_base(part, kernel))
        kernel = small.to_raw(course.x)[1:]
    problem, course = climb(window, fitting.spread_base(window, kernel))
    return EmFit(problem, course)


def em_power_law(window: Window, given: Kernel | None, *, tolerance: float,
                 max_sweeps: int) -> EmFit:
    """Sweeps for a power law as a mixture whose nodes follow the fit."""
    part = fitting.head(window, fitting.POWER_START_EVENTS)
    kernel = fitting.power_start(part, given)
    start = fitting.spread_base(window, kernel)
    for _ in range(4):
        nodes = fitting.mixture_nodes(float(kernel[2]), float(kernel[1]) * window.duration)[0]
        problem = power_problem(window, nodes)
        course = run(_power_map(problem, nodes), problem.to_x(start), _stable(problem),
                     lower=problem.lower, upper=problem.upper, tolerance=tolerance,
                     max_sweeps=max_sweeps)
        start = problem.to_raw(course.x)
        kernel = start[window.pieces:]
        error = fitting.mixture_error(nodes, float(kernel[2]),
                                      float(kernel[1]) * window.duration)
        if error <= 10.0 * MIXTURE_ERROR:
            break
    return EmFit(problem, course, error)


def _stable(problem: Problem) -> Callable[[Floats], bool]:
    return lambda x: problem.branching(x).value <= MAX_BRANCHING


def _held(problem: Problem, x: Floats) -> tuple[Floats, bool]:
    """Coordinates with the jumps lowered until the process is stable, and whether they were.

    The M-step is stable; a jump or decay that its bound moved may not be.
    """
    bound = False
    begin = problem.window.pieces
    end = begin + problem.groups[0][1]
    for _ in range(HOLDS):
        ratio = problem.branching(x).value
        if ratio <= MAX_BRANCHING:
            break
        bound, x = True, x.copy()
        x[begin:end] += np.log(MAX_BRANCHING * (1.0 - 1e-9) / ratio)
        x = np.maximum(x, problem.lower)
    return x, bound


def _power_map(problem: Problem, nodes: Floats) -> SweepMap:
    window = problem.window
    j = window.pieces

    def sweep(x: Floats, ordered: bool) -> tuple[float, Floats, bool]:
        raw = problem.to_raw(x)
        value, mu, alpha, beta, p, bound = power_sweep(
            window, raw[:j].copy(), float(raw[j]), float(raw[j + 1]), float(raw[j + 2]), nodes)
        kept = float(np.clip(beta, np.exp(problem.lower[j + 1]), np.exp(problem.upper[j + 1])))
        x, held = _held(problem, problem.to_x(
            np.concatenate([mu, [alpha * kept / beta, kept, p]])))
        return value, x, bound or held

    return sweep
