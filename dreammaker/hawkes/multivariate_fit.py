"""Fits of multivariate exponential Hawkes processes: Newton's method, and where data want more."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from dreammaker._ext import hawkes_multivariate as kernel
from dreammaker.hawkes.errors import HawkesError
from dreammaker.hawkes.events import check_duration
from dreammaker.hawkes.kernels import MAX_BRANCHING
from dreammaker.hawkes.likelihood import Evaluation
from dreammaker.hawkes.multivariate import Events, MultivariateHawkes, arrange
from dreammaker.hawkes.multivariate_report import fitted_parameters
from dreammaker.hawkes.multivariate_sample import (
    Fitted,
    Point,
    Sample,
    likelihood_gradient,
    pair_derivatives,
    radius_gradient,
    shared_derivatives,
    symmetric,
)
from dreammaker.hawkes.optimise import LONGEST_STEP, Optimum, maximise
from dreammaker.hawkes.parameters import HawkesParameters

Floats = NDArray[np.float64]

START_EVENTS = 20_000
"""Starts are compared on this many first events; the winner goes on with all of them."""

START_SPEEDS = (0.3, 2.0, 10.0, 60.0)
"""Decays to start from, in multiples of the mean rate of a type."""

EVALUATIONS = 200


def fit_model(model: MultivariateHawkes, events: Events, T: float, method: str,
              fixed_decays: bool, max_iterations: int) -> HawkesParameters:
    """What `MultivariateHawkes.fit` does."""
    from dreammaker.hawkes.multivariate_em import expectation_maximisation

    if method not in ("mle", "em"):
        raise HawkesError(f"method must be 'mle' or 'em', was {method!r}")
    times, marks = arrange(events, check_duration(T), model.d)
    counts = np.bincount(marks, minlength=model.d)
    if counts.min() == 0:
        raise HawkesError(f"component {int(counts.argmin())} has no events: its base rate cannot "
                          "be estimated; leave it out")
    sample = Sample(times, marks, float(T), counts.astype(np.float64), model.initial_excitation)
    start = Point(model.mu.copy(), model.alpha.copy(), model.beta.copy())
    limit = max_iterations or EVALUATIONS
    if method == "em":
        if fixed_decays or model.initial_excitation.any():
            raise HawkesError("method 'em' estimates the decays and takes no initial_excitation; "
                              "use method 'mle'")
        fitted = expectation_maximisation(sample, start, model.shared_decay,
                                          max_iterations or 20_000)
    elif fixed_decays:
        fitted = _fit_fixed(sample, start, limit)
    elif model.shared_decay:
        fitted = _fit_shared(sample, start, limit)
    else:
        fitted = _fit_pairs(sample, start, limit)
    if fitted.point.radius >= MAX_BRANCHING:
        fitted = _fit_stable(sample, fitted, model.shared_decay, fixed_decays)
    return fitted_parameters(sample, fitted, method, model.shared_decay, fixed_decays)


def _logged(derivatives: Any, x: Floats, decays: slice) -> Evaluation:
    # The same with the decays in logarithms, in which the likelihood is rounder.
    natural = x.copy()
    natural[decays] = np.exp(x[decays])
    value, gradient, hessian = derivatives(natural)
    factor = np.ones(len(x))
    factor[decays] = natural[decays]
    gradient = gradient * factor
    hessian = hessian * np.outer(factor, factor)
    at = np.arange(len(x))[decays]
    hessian[at, at] += gradient[at]
    return Evaluation(value, gradient, hessian)


def _longest(size: int, decays: slice) -> Floats:
    # Jumps and rates may go anywhere in one step, logarithms of decays may not.
    longest = np.full(size, np.inf)
    longest[decays] = LONGEST_STEP
    return longest


def _maximise_shared(sample: Sample, start: Point, limit: int) -> Optimum:
    d, (slowest, fastest) = sample.d, sample.decay_bounds()
    lower = np.concatenate([1e-9 * sample.counts / sample.T, np.zeros(d * d), [np.log(slowest)]])
    upper = np.concatenate([np.full(d + d * d, np.inf), [np.log(fastest)]])
    x = np.concatenate([start.mu, start.alpha.ravel(), [np.log(start.beta.mean())]])
    decays = slice(d + d * d, None)
    return maximise(
        lambda y, full: _logged(lambda z: shared_derivatives(sample, z), y, decays),
        x, lower, upper, longest=_longest(len(x), decays), max_iterations=limit)


def _shared_point(d: int, x: Floats) -> Point:
    return Point(x[:d], x[d:-1].reshape(d, d), np.full((d, d), np.exp(x[-1])))


def _starts(sample: Sample, own: Point) -> list[Point]:
    # Half of each type's events are background, the rest is excited by all types alike.
    d, rate = sample.d, sample.counts / sample.T
    growth = np.outer(rate, np.ones(d)) * 0.5 / rate.sum()
    points = [own]
    for speed in START_SPEEDS:
        beta = np.full((d, d), speed * float(rate.mean()))
        points.append(Point(0.5 * rate, growth * beta, beta))
    return points


def _best_shared(sample: Sample, own: Point, limit: int) -> tuple[Optimum, int]:
    head = sample.head(START_EVENTS)
    tried = [_maximise_shared(head, point, limit) for point in _starts(head, own)]
    best = max(tried, key=lambda optimum: optimum.evaluation.value)
    used = sum(optimum.iterations for optimum in tried)
    if head is not sample:
        best = _maximise_shared(sample, _shared_point(sample.d, best.x), limit)
        used += best.iterations
    return best, used


def _fit_shared(sample: Sample, start: Point, limit: int) -> Fitted:
    best, used = _best_shared(sample, start, limit)
    return Fitted(_shared_point(sample.d, best.x), best.evaluation.value, used, best.converged,
                  best.message)


def _maximise_row(sample: Sample, row: int, start: Point, limit: int) -> Optimum:
    d, (slowest, fastest) = sample.d, sample.decay_bounds()
    lower = np.concatenate([[1e-9 * sample.counts[row] / sample.T], np.zeros(d),
                            np.full(d, np.log(slowest))])
    upper = np.concatenate([np.full(d + 1, np.inf), np.full(d, np.log(fastest))])
    x = np.concatenate([start.mu[row:row + 1], start.alpha[row], np.log(start.beta[row])])
    decays = slice(d + 1, None)
    return maximise(
        lambda y, full: _logged(lambda z: pair_derivatives(sample, row, z), y, decays),
        x, lower, upper, longest=_longest(len(x), decays), max_iterations=limit)


def _crossed(sample: Sample, fast: float) -> list[Point]:
    """Fast among themselves and slow across types, and the other way round."""
    d, rate = sample.d, sample.counts / sample.T
    slow = START_SPEEDS[0] * float(rate.mean())
    growth, own = np.outer(rate, np.ones(d)) * 0.5 / rate.sum(), np.eye(d, dtype=np.bool_)
    return [Point(0.5 * rate, growth * beta, beta)
            for beta in (np.where(own, fast, slow), np.where(own, slow, fast))]


def _fit_pairs(sample: Sample, start: Point, limit: int) -> Fitted:
    # Rows share no parameter: each is a problem of its own.
    d, head = sample.d, sample.head(START_EVENTS)
    common, used = _best_shared(head, start, limit)
    shared = _shared_point(d, common.x)
    starts = [start, shared, *_crossed(head, float(shared.beta[0, 0]))]
    point = Point(np.empty(d), np.empty((d, d)), np.empty((d, d)))
    value, converged, messages = 0.0, True, []
    for row in range(d):
        tried = [_maximise_row(head, row, one, limit) for one in starts]
        best = max(tried, key=lambda optimum: optimum.evaluation.value)
        used += sum(optimum.iterations for optimum in tried)
        if head is not sample:
            whole = Point(point.mu.copy(), point.alpha.copy(), point.beta.copy())
            whole.mu[row], whole.alpha[row] = best.x[0], best.x[1:d + 1]
            whole.beta[row] = np.exp(best.x[d + 1:])
            best = _maximise_row(sample, row, whole, limit)
            used += best.iterations
        point.mu[row], point.alpha[row] = best.x[0], best.x[1:d + 1]
        point.beta[row] = np.exp(best.x[d + 1:])
        value += best.evaluation.value
        if not best.converged:
            converged = False
            messages.append(f"component {row}: {best.message}")
        else:
            message = best.message
    return Fitted(point, value, used, converged, "; ".join(messages) or message)


def _fit_fixed(sample: Sample, start: Point, limit: int) -> Fitted:
    d = sample.d
    rows, alive = np.empty((len(sample.times), d + 1)), np.empty((d, d))
    ends = np.cumsum(sample.counts).astype(np.int32)
    begins = (ends - sample.counts).astype(np.int32)
    kernel.excitations(sample.times, sample.marks, start.beta, sample.left, sample.T,
                       begins.copy(), rows, alive)
    reach = (sample.counts - alive) / start.beta
    rate = sample.counts / sample.T
    point = Point(np.empty(d), np.empty((d, d)), start.beta)
    value, used, converged, message = 0.0, 0, True, ""
    for i in range(d):
        own = rows[begins[i]:ends[i]]

        def objective(x: Floats, full: bool, own: Floats = own, i: int = i) -> Evaluation:
            gradient, hessian = np.empty(d + 1), np.empty((d + 1, d + 1))
            result = kernel.linear_likelihood(own, sample.T, float(x[0]),
                                              np.ascontiguousarray(x[1:]), reach[i], gradient,
                                              hessian)
            return Evaluation(result, gradient, symmetric(hessian))

        first = np.concatenate([[0.5 * rate[i]], 0.5 * rate[i] / rate.sum() * start.beta[i]])
        lower = np.concatenate([[1e-9 * rate[i]], np.zeros(d)])
        best = maximise(objective, first, lower, np.full(d + 1, np.inf), longest=np.inf,
                        max_iterations=limit)
        gone = sample.left[i] * -np.expm1(-start.beta[i] * sample.T) / start.beta[i]
        point.mu[i], point.alpha[i] = best.x[0], best.x[1:]
        value += best.evaluation.value - float(gone.sum())
        used += best.iterations
        converged, message = converged and best.converged, message or best.message
    return Fitted(point, value, used, converged, message)


def _fit_stable(sample: Sample, wanted: Fitted, shared: bool, fixed: bool) -> Fitted:
    """The best parameters of a stable process, where the best of all are not stable."""
    from scipy.optimize import minimize

    d, scale, radius = sample.d, float(len(sample.times)), wanted.point.radius
    slowest, fastest = (np.log(bound) for bound in sample.decay_bounds())
    decays = 0 if fixed else 1 if shared else d * d

    def point(x: Floats) -> Point:
        beta = wanted.point.beta if fixed else np.broadcast_to(
            np.exp(x[d + d * d:]) if shared else np.exp(x[d + d * d:]).reshape(d, d), (d, d))
        return Point(x[:d], x[d:d + d * d].reshape(d, d), np.ascontiguousarray(beta))

    def loss(x: Floats) -> tuple[float, Floats]:
        value, mu, alpha, beta = likelihood_gradient(sample, point(x))
        by_log = beta * point(x).beta
        tail = [] if fixed else [by_log.sum()] if shared else by_log.ravel()
        return -value / scale, -np.concatenate([mu, alpha.ravel(), tail]) / scale

    def room(x: Floats) -> float:
        return float(MAX_BRANCHING - point(x).radius)

    def room_gradient(x: Floats) -> Floats:
        at = point(x)
        by = radius_gradient(at.alpha / at.beta)
        by_log = -by * at.alpha / at.beta
        tail = [] if fixed else [by_log.sum()] if shared else by_log.ravel()
        return -np.concatenate([np.zeros(d), (by / at.beta).ravel(), tail])

    start = wanted.point.alpha * (0.99 / radius)
    logs = np.log(wanted.point.beta).ravel()[:decays]
    found = minimize(
        loss, np.concatenate([wanted.point.mu, start.ravel(), logs]), jac=True, method="SLSQP",
        bounds=[(1e-9 * float(rate), None) for rate in sample.counts / sample.T]
        + [(0.0, None)] * (d * d) + [(slowest, fastest)] * decays,
        constraints=[{"type": "ineq", "fun": room, "jac": room_gradient}],
        options={"maxiter": 500, "ftol": 1e-12})
    best = point(np.asarray(found.x))
    if best.radius > MAX_BRANCHING:
        best.alpha = best.alpha * (MAX_BRANCHING / best.radius)
    value = likelihood_gradient(sample, best)[0]
    return Fitted(best, value, wanted.iterations + int(found.nfev), False, (
        f"the data want a spectral radius of {radius:.4g}, which no stationary process has; these "
        f"are the best estimates with one below 1 (log-likelihood {wanted.value - value:.4g} "
        "lower); look for a trend in the rates, or a kernel with a longer memory"))
