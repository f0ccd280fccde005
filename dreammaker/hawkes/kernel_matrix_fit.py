"""Fits of several types with kernels of their own: row by row, and together where that is unstable.

The rows share no parameter, so Newton's method climbs each alone. Only the bound on the spectral
radius ties them: where the free optimum breaks it, all rows are climbed together under it.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dreammaker.hawkes.checks import spectral_radius
from dreammaker.hawkes.errors import HawkesError
from dreammaker.hawkes.estimation import NEAR_BOUND
from dreammaker.hawkes.events import tie_count
from dreammaker.hawkes.excitation import terms
from dreammaker.hawkes.fitting import decay_grid, mixture_error, mixture_nodes
from dreammaker.hawkes.kernel_matrix import named, shared_nodes
from dreammaker.hawkes.kernels import MAX_BRANCHING, Kernel, PowerLawKernel
from dreammaker.hawkes.likelihood import Evaluation
from dreammaker.hawkes.multivariate_sample import radius_gradient
from dreammaker.hawkes.optimise import Optimum, covariance, maximise
from dreammaker.hawkes.parameters import HawkesParameters
from dreammaker.hawkes.problem import MIXTURE_ERROR, Problem
from dreammaker.hawkes.rows import RowWindow, powers_problem, sums_problem

Floats = NDArray[np.float64]
# Starts are compared on the first events of all types; the winner goes on with all of them.
START_EVENTS, POWER_START_EVENTS, CLIMBS = 16_384, 4_096, 4


@dataclass(frozen=True)
class RowFit:
    """Where one row's ascent ended."""

    problem: Problem
    x: Floats
    here: Evaluation
    iterations: int
    converged: bool
    message: str
    approximation_error: float = 0.0

    def growth(self, x: Floats, d: int) -> tuple[Floats, Floats]:
        """Integrals of the row's kernels, shape (d,), and their derivatives in x, shape (d, q)."""
        parts = np.exp(self.problem.forms @ x + self.problem.offsets)
        slopes = parts[:, None] * self.problem.forms
        return parts.reshape(d, -1).sum(axis=1), slopes.reshape(d, -1, x.size).sum(axis=1)


def fit_rows(times: Floats, marks: NDArray[np.int32], T: float, d: int, name: str,
             knots: Floats | None, given: tuple[tuple[Kernel, ...], ...] | None, components: int,
             max_iterations: int) -> HawkesParameters:
    """What `MultivariateKernelHawkes.fit` does with arranged events."""
    counts = np.bincount(marks, minlength=d)
    if counts.min() < 2:
        raise HawkesError(f"a fit needs at least 2 events of each type, type {counts.argmin()} "
                          f"had {counts.min()}")
    fits = []
    for i in range(d):
        window = RowWindow.cut(times, marks, T, knots, i, d)
        own = None if given is None else _given(given[i])
        fits.append(_fit_power(window, own, max_iterations) if name == PowerLawKernel.name
                    else _fit_sums(window, own, _terms(name, given, components), max_iterations))
    wanted, value = spectral_radius(_growth(fits)), sum(fit.here.value for fit in fits)
    message = ""
    if wanted > MAX_BRANCHING:
        fits = _stable(fits, wanted)
        lost = value - sum(fit.here.value for fit in fits)
        message = (f"the data want a spectral radius of {wanted:.4g}, which no stationary process "
                   "has; these are the best estimates with one below 1 (log-likelihood "
                   f"{lost:.4g} lower): look for base rates that move, or a longer memory")
    return _parameters(fits, T, name, knots, message, tie_count(times), times.size)


def _terms(name: str, given: tuple[tuple[Kernel, ...], ...] | None, components: int) -> int:
    if given is not None:
        return terms(given[0][0])[0].size
    return 1 if name == "exponential" else components


def _given(kernels: tuple[Kernel, ...]) -> Floats | None:
    """Raw parameters of a row's kernels, None where they cannot be a start."""
    values = np.concatenate([np.concatenate([np.atleast_1d(value) for value in
                                             vars(kernel).values()]) for kernel in kernels])
    return values if (values > 0.0).all() else None


def _fit_sums(window: RowWindow, given: Floats | None, m: int, max_iterations: int) -> RowFit:
    part = window.head(START_EVENTS)
    grid = decay_grid(part, 12)
    middle = float(np.exp(np.log(grid).mean()))
    ladders: list[Floats] = []
    for spread in (0.9, 0.5, 0.2):
        low, high = (middle * (end / middle) ** spread for end in (grid[0], grid[-1]))
        ladders += [np.geomspace(low, high, m)] if m > 1 else [
            np.array([speed]) for speed in (low, middle, high)]
    blocks = [np.concatenate([0.5 / (m * window.d) * betas, betas]) for betas in ladders]
    starts = _crossed(blocks, window)
    if given is not None:
        starts.append(given)
    kernel = _best_start(sums_problem(part, m), part, starts)
    problem = sums_problem(window, m)
    return _climb(problem, _with_base(window, kernel), max_iterations)


def _fit_power(window: RowWindow, given: Floats | None, max_iterations: int) -> RowFit:
    """Power laws as mixtures whose nodes follow the fit."""
    part, d = window.head(POWER_START_EVENTS), window.d
    blocks = [np.array([0.5 / d * speed / p * (p - 1.0), speed / p, p])
              for speed in decay_grid(part, 6) for p in (1.4, 2.5)]
    starts = _crossed(blocks, window)
    if given is not None:
        starts.append(given)
    middle = float(np.median([start[1] for start in starts])) * part.duration
    nodes = np.tile(mixture_nodes(1.5, middle)[0], (d, 1))
    kernel = _best_start(powers_problem(part, nodes), part, starts)
    start, used = _with_base(window, kernel), 0
    for _ in range(4):
        nodes = shared_nodes(kernel.reshape(d, 3), window.duration)
        done = _climb(powers_problem(window, nodes), start, max_iterations)
        start = done.problem.to_raw(done.x)
        kernel, used = start[window.pieces:], used + done.iterations
        error = max(mixture_error(nodes[j], float(p), float(beta) * window.duration)
                    for j, (_, beta, p) in enumerate(kernel.reshape(d, 3)))
        if error <= 10.0 * MIXTURE_ERROR:
            break
    return RowFit(done.problem, done.x, done.here, used, done.converged, done.message, error)


def _crossed(blocks: list[Floats], window: RowWindow) -> list[Floats]:
    """Every kernel for the row's own events with every kernel for those of the other types."""
    starts = []
    for own in blocks:
        for other in blocks if window.d > 1 else [own]:
            parts = [other] * window.d
            parts[window.row] = own
            starts.append(np.concatenate(parts))
    return starts


def _best_start(problem: Problem, part: RowWindow, starts: list[Floats]) -> Floats:
    """Climb from the most likely starts; kernel values of the best of where they end."""
    points = [problem.to_x(_with_base(part, start)) for start in starts]
    values = [problem.evaluate(x, False).value for x in points]
    ends = [maximise(problem.evaluate, points[k], problem.lower, problem.upper)
            for k in np.argsort(values)[::-1][:CLIMBS]]
    best = max(ends, key=lambda end: end.evaluation.value)
    return problem.to_raw(best.x)[part.pieces:]


def _with_base(window: RowWindow, kernel: Floats) -> Floats:
    # Half of each piece's events are background.
    return np.concatenate([0.5 * np.maximum(window.own_counts, 0.5) / window.lengths, kernel])


def _climb(problem: Problem, start: Floats, max_iterations: int) -> RowFit:
    found: Optimum = maximise(problem.evaluate, problem.to_x(start), problem.lower, problem.upper,
                              max_iterations=max_iterations)
    return RowFit(problem, found.x, found.evaluation, found.iterations, found.converged,
                  found.message)


def _growth(fits: list[RowFit]) -> Floats:
    return np.array([fit.growth(fit.x, len(fits))[0] for fit in fits])


def _stable(fits: list[RowFit], wanted: float) -> list[RowFit]:
    """All rows together under a spectral radius below 1 (SLSQP)."""
    from scipy.optimize import minimize

    d = len(fits)
    ends = np.cumsum([fit.x.size for fit in fits])[:-1]
    scale = float(fits[0].problem.window.times.size)

    def loss(x: Floats) -> tuple[float, Floats]:
        found = [fit.problem.evaluate(part, True)
                 for fit, part in zip(fits, np.split(x, ends), strict=True)]
        return (-sum(one.value for one in found) / scale,
                -np.concatenate([one.gradient for one in found]) / scale)

    def grown(x: Floats) -> tuple[Floats, list[Floats]]:
        pairs = [fit.growth(part, d) for fit, part in zip(fits, np.split(x, ends), strict=True)]
        return np.array([growth for growth, _ in pairs]), [slopes for _, slopes in pairs]

    def room(x: Floats) -> float:
        return float(MAX_BRANCHING - spectral_radius(grown(x)[0]))

    def room_gradient(x: Floats) -> Floats:
        growth, slopes = grown(x)
        by = radius_gradient(growth)
        return -np.concatenate([by[i] @ slopes[i] for i in range(d)])

    start = np.concatenate([_shrunk(fit, 0.99 / wanted) for fit in fits])
    low = np.concatenate([fit.problem.lower for fit in fits])
    high = np.concatenate([fit.problem.upper for fit in fits])
    found = minimize(loss, np.clip(start, low, high), jac=True, method="SLSQP",
                     bounds=list(zip(low, high, strict=True)),
                     constraints=[{"type": "ineq", "fun": room, "jac": room_gradient}],
                     options={"maxiter": 500, "ftol": 1e-11})
    x = np.clip(np.asarray(found.x), low, high)
    if room(x) < 0.0:
        factor = MAX_BRANCHING / spectral_radius(grown(x)[0])
        x = np.concatenate([_shrunk(fit, factor, part)
                            for fit, part in zip(fits, np.split(x, ends), strict=True)])
    return [RowFit(fit.problem, part, fit.problem.evaluate(part, True),
                   fit.iterations + (int(found.nit) if i == 0 else 0), False, str(found.message),
                   fit.approximation_error)
            for i, (fit, part) in enumerate(zip(fits, np.split(x, ends), strict=True))]


def _shrunk(fit: RowFit, factor: float, x: Floats | None = None) -> Floats:
    """Coordinates with all jumps times `factor`."""
    moved = (fit.x if x is None else x).copy()
    at = fit.problem.window.pieces
    for name, size in fit.problem.groups:
        if name == "alpha":
            moved[at:at + size] += np.log(factor)
        at += size
    return moved


def _parameters(fits: list[RowFit], T: float, name: str, knots: Floats | None, unstable: str,
                ties: int, count: int) -> HawkesParameters:
    d, pieces = len(fits), fits[0].problem.window.pieces
    raw = np.array([fit.problem.to_raw(fit.x) for fit in fits])
    bound = np.array([(fit.x <= fit.problem.lower + NEAR_BOUND)
                      | (fit.x >= fit.problem.upper - NEAR_BOUND) for fit in fits])
    errors, radius_error = _standard_errors(fits, bound)
    note = ""
    if unstable:
        errors, radius_error = np.full_like(errors, np.nan), np.nan
        note = "the estimates stand at the bound of stationarity"
    elif np.isnan(errors).any():
        note = ("an estimate stands at its bound, or the observed information is singular: the "
                "data do not tell all apart")
    values = named(raw, pieces, d, name, knots is not None)
    shown = named(errors, pieces, d, name, knots is not None)
    if np.ndim(values["beta"]) == 3:
        order = np.argsort(values["beta"], axis=2, kind="stable")
        for table in (values, shown):
            for key in ("alpha", "beta"):
                table[key] = np.take_along_axis(table[key], order, axis=2)
    error = max(fit.approximation_error for fit in fits)
    converged = not unstable and not bound.any() and all(fit.converged for fit in fits)
    return HawkesParameters(
        name, mu=values["mu"], alpha=values["alpha"], beta=values["beta"], p=values.get("p"),
        log_likelihood=float(sum(fit.here.value for fit in fits)),
        branching_ratio=spectral_radius(_growth(fits)),
        standard_errors={**shown, "branching_ratio": radius_error}, standard_error_note=note,
        iterations=sum(fit.iterations for fit in fits), converged=converged,
        message=unstable or _message(fits, bound), event_count=count, duration=T, knots=knots,
        approximation_error=error, notes=_notes(ties, error))


def _message(fits: list[RowFit], bound: NDArray[np.bool_]) -> str:
    rows = [str(i) for i, held in enumerate(bound) if held.any()]
    if rows:
        return (f"estimates of type {', '.join(rows)} ended at the bound of what the data can "
                "tell: a pair that does not excite has no decay either")
    stuck = [f"type {i}: {fit.message}" for i, fit in enumerate(fits) if not fit.converged]
    return "; ".join(stuck) or fits[0].message


def _notes(ties: int, error: float) -> tuple[str, ...]:
    notes = []
    if ties:
        notes.append(f"{ties} events share their time with the one before; they were taken not to "
                     "excite each other")
    if error > 0.0:
        notes.append("the power laws were fitted as sums of exponentials, relative error of the "
                     f"kernels at most {error:.2g} over [0, T]")
    return tuple(notes)


def _standard_errors(fits: list[RowFit], bound: NDArray[np.bool_]) -> tuple[Floats, float]:
    """Of the raw parameters, shape (d, q), and of the spectral radius."""
    by = radius_gradient(_growth(fits))
    errors, variance = np.full(bound.shape, np.nan), 0.0
    for i, fit in enumerate(fits):
        # At an optimum the gradient's part in log coordinates is nothing but rounding.
        spread = covariance(fit.here.hessian - np.diag(fit.here.gradient), bound[i])
        with np.errstate(invalid="ignore"):
            errors[i] = np.exp(fit.x) * np.sqrt(np.diagonal(spread))
        slope = by[i] @ fit.growth(fit.x, len(fits))[1]
        free = ~bound[i]
        variance += float(slope[free] @ spread[np.ix_(free, free)] @ slope[free])
    return errors, float(np.sqrt(variance)) if variance > 0.0 else float("nan")

