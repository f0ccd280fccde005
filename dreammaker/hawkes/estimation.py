"""From events to `HawkesParameters`: which fit, what it found, how far it may be believed."""

import numpy as np
from numpy.typing import NDArray

from dreammaker.hawkes.em_fit import em_exponentials, em_power_law
from dreammaker.hawkes.errors import HawkesError
from dreammaker.hawkes.events import tie_count
from dreammaker.hawkes.excitation import shared_excitation, terms
from dreammaker.hawkes.fitting import (
    EXACT_EVENTS,
    START_EVENTS,
    Ascent,
    fit_exponential,
    fit_power_law,
    fit_sum,
    head,
)
from dreammaker.hawkes.kernels import ExponentialKernel, Kernel, PowerLawKernel
from dreammaker.hawkes.likelihood import Window
from dreammaker.hawkes.optimise import Optimum, covariance
from dreammaker.hawkes.parameters import HawkesParameters, Value
from dreammaker.hawkes.problem import Problem

Floats = NDArray[np.float64]
EM_TOLERANCE = 1e-7
# A coordinate this close to its bound counts as there.
NEAR_BOUND = 1e-6


def estimate(times: Floats, duration: float, knots: Floats | None, name: str,
             given: Kernel | None, initial: Floats, components: int, method: str, *,
             fixed_decays: bool = False, approximation: str = "auto",
             max_iterations: int | None = None) -> HawkesParameters:
    """Fit one type of event; see `UnivariateHawkes.fit` for what the options mean."""
    if method not in ("mle", "em"):
        raise HawkesError(f'method must be "mle" or "em", was {method!r}')
    if approximation not in ("auto", "exact", "mixture"):
        raise HawkesError('approximation must be "auto", "exact" or "mixture", '
                          f"was {approximation!r}")
    if approximation == "exact" and method == "em":
        raise HawkesError('EM fits a power law as a mixture; use "mle" for the exact one')
    if max_iterations is not None and max_iterations < 1:
        raise HawkesError(f"max_iterations must be 1 or more, was {max_iterations}")
    if times.size < 2:
        raise HawkesError(f"a fit needs at least 2 events, there were {times.size}")
    if times[-1] <= times[0]:
        raise HawkesError(f"a fit needs events at 2 times or more, all were at {times[0]:g} s")
    window = Window.of(times, duration, knots)
    left = _left(name, given, initial, components)
    fixed = None
    if fixed_decays:
        if given is None or name == PowerLawKernel.name:
            raise HawkesError("fixed_decays needs a given exponential or sum of exponentials")
        fixed = terms(given)[1]
    if given is not None and name != PowerLawKernel.name and (terms(given)[0] < 0.0).any():
        raise HawkesError("a kernel with negative weights can be evaluated, but not fitted")
    ascent = _ascent(window, name, given, left, fixed, method, approximation, max_iterations)
    return _parameters(ascent, name, method, knots, initial, fixed)


def _left(name: str, given: Kernel | None, initial: Floats, components: int) -> Floats:
    if name == PowerLawKernel.name:
        return np.zeros(1)
    if given is not None:
        return shared_excitation(initial, given)
    size = 1 if name == ExponentialKernel.name else components
    if initial.size not in (1, size):
        raise HawkesError(f"initial_excitation must be a number or one for each of the {size} "
                          f"terms, had shape {initial.shape}")
    return np.ascontiguousarray(np.broadcast_to(initial / (size if initial.size == 1 else 1),
                                                (size,)))


def _ascent(window: Window, name: str, given: Kernel | None, left: Floats, fixed: Floats | None,
            method: str, approximation: str, max_iterations: int | None) -> Ascent:
    power = name == PowerLawKernel.name
    plain = name == ExponentialKernel.name and not left.any() and fixed is None
    if method == "mle":
        steps = max_iterations or 100
        if power:
            exact = approximation == "exact" or (
                approximation == "auto" and window.times.size <= EXACT_EVENTS)
            return fit_power_law(window, given, exact, steps)
        if plain:
            return fit_exponential(window, given, steps)
        return fit_sum(window, left, fixed, given, steps)
    sweeps = max_iterations or 3000
    if power:
        done = em_power_law(window, given, tolerance=EM_TOLERANCE, max_sweeps=sweeps)
    else:
        start = _em_start(window, left.size, fixed, given)
        done = em_exponentials(window, start, left, fixed, tolerance=EM_TOLERANCE,
                               max_sweeps=sweeps)
    course = done.course
    message = ("the parameters stand still" if course.converged
               else f"still moving after {course.sweeps} sweeps")
    optimum = Optimum(course.x, done.problem.evaluate(course.x, True),
                      np.zeros(course.x.size, np.bool_), course.sweeps, course.converged, message)
    return Ascent(done.problem, optimum, course.sweeps, 1.0 if course.bound else None,
                  done.approximation_error)


def _em_start(window: Window, size: int, fixed: Floats | None, given: Kernel | None) -> Floats:
    if given is not None and all((part > 0.0).all() for part in terms(given)):
        alphas, betas = terms(given)
        return alphas if fixed is not None else np.concatenate([alphas, betas])
    part = head(window, START_EVENTS)
    rate = part.times.size / part.duration
    betas = fixed if fixed is not None else rate * np.geomspace(0.3, 3.0 ** (2 * size - 1), size)
    alphas = 0.5 / size * betas
    return alphas if fixed is not None else np.concatenate([alphas, betas])


def _parameters(ascent: Ascent, name: str, method: str, knots: Floats | None, initial: Floats,
                fixed: Floats | None) -> HawkesParameters:
    problem, optimum, raw = ascent.problem, ascent.optimum, ascent.raw
    window = problem.window
    pieces = window.pieces
    ratio = problem.branching(optimum.x).value
    bound = ((optimum.x <= problem.lower + NEAR_BOUND)
             | (optimum.x >= problem.upper - NEAR_BOUND))
    errors, note = _standard_errors(problem, optimum, bound, ascent.wanted_ratio is not None)
    values, shown = _named(raw, pieces, problem.groups, name), _named(
        errors[:-1], pieces, problem.groups, name)
    if fixed is not None:
        values["beta"] = fixed if name != ExponentialKernel.name else float(fixed[0])
        shown["beta"] = np.full(fixed.size, np.nan) if name != ExponentialKernel.name else np.nan
        note = _joined(note, "the decays were given")
    if knots is not None:
        values["mu"], shown["mu"] = raw[:pieces], errors[:pieces]
    _sort_terms(values, shown)
    shown["branching_ratio"] = float(errors[-1])
    converged, message = _verdict(ascent, bound, _labels(pieces, problem.groups))
    notes = []
    ties = tie_count(window.times)
    if ties:
        notes.append(f"{ties} events share their time with the one before: they were taken in "
                     "order, an instant apart; resolve_ties tells them apart")
    if ascent.approximation_error > 0.0:
        notes.append("the power law was fitted as a sum of exponentials, relative error of the "
                     f"kernel at most {ascent.approximation_error:.2g} over [0, T]")
    return HawkesParameters(
        name, mu=values["mu"], alpha=values["alpha"], beta=values["beta"], p=values.get("p"),
        log_likelihood=float(optimum.evaluation.value), branching_ratio=float(ratio),
        standard_errors=shown, standard_error_note=note, iterations=ascent.iterations,
        converged=converged, message=message, event_count=window.times.size,
        duration=window.duration, method=method, knots=knots,
        initial_excitation=float(initial) if initial.ndim == 0 else initial,
        approximation_error=ascent.approximation_error, notes=tuple(notes),
        fixed_decays=fixed is not None)


def _verdict(ascent: Ascent, bound: NDArray[np.bool_], labels: list[str]) -> tuple[bool, str]:
    optimum = ascent.optimum
    if ascent.wanted_ratio is not None:
        wanted = ("1 or more" if ascent.wanted_ratio <= 1.0
                  else f"{ascent.wanted_ratio:.4g}")
        return False, (f"the data want a branching ratio of {wanted}, which no stationary process "
                       "has; it was held just below 1: look for a base rate that moves, or for a "
                       "kernel with a longer memory")
    if bound.any():
        held = ", ".join(label for label, there in zip(labels, bound, strict=True) if there)
        return False, f"{held} ended at the bound of what the data can tell"
    return optimum.converged, optimum.message


def _standard_errors(problem: Problem, optimum: Optimum, bound: NDArray[np.bool_],
                     held: bool) -> tuple[Floats, str]:
    """Of the raw parameters and, last, of the branching ratio; and why any of them is NaN."""
    x = optimum.x
    q = x.size
    errors = np.full(q + 1, np.nan)
    if held:
        return errors, "the branching ratio was held below 1"
    free = ~bound
    slope = np.exp(x)
    # The information in log coordinates is well scaled; at an optimum the gradient's part in it
    # is nothing but rounding, so it is left out.
    here = optimum.evaluation
    spread = covariance(here.hessian - np.diag(here.gradient), bound)
    if np.isnan(spread[np.ix_(free, free)]).any() or not free.any():
        return errors, "the observed information is singular: the data do not tell all apart"
    errors[:q][free] = slope[free] * np.sqrt(np.diagonal(spread)[free])
    gradient = problem.branching(x).gradient[free]
    errors[q] = float(np.sqrt(gradient @ spread[np.ix_(free, free)] @ gradient))
    return errors, "an estimate at a bound has no standard error" if bound.any() else ""


def _named(values: Floats, pieces: int, groups: tuple[tuple[str, int], ...],
           name: str) -> dict[str, Value]:
    result: dict[str, Value] = {"mu": float(values[0])}
    begin = pieces
    for group, size in groups:
        part = values[begin:begin + size]
        result[group] = part if name == "sum_exponential" else float(part[0])
        begin += size
    return result


def _labels(pieces: int, groups: tuple[tuple[str, int], ...]) -> list[str]:
    sizes = (("mu", pieces), *groups)
    return [name if size == 1 else f"{name}[{i}]" for name, size in sizes for i in range(size)]


def _sort_terms(values: dict[str, Value], errors: dict[str, Value]) -> None:
    """Slowest decay first: the order of the terms carries no meaning."""
    betas = values["beta"]
    if isinstance(betas, np.ndarray):
        order = np.argsort(betas, kind="stable")
        for table in (values, errors):
            for key in ("alpha", "beta"):
                part = table[key]
                if isinstance(part, np.ndarray):
                    table[key] = part[order]


def _joined(*notes: str) -> str:
    return "; ".join(note for note in notes if note)
