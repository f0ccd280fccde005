"""A multivariate fit's result with the standard errors from its observed information."""

from typing import Any

import numpy as np

from dreammaker.hawkes.kernels import MAX_BRANCHING
from dreammaker.hawkes.multivariate_sample import (
    Fitted,
    Sample,
    pair_derivatives,
    radius_gradient,
    shared_derivatives,
)
from dreammaker.hawkes.optimise import covariance
from dreammaker.hawkes.parameters import HawkesParameters


def fitted_parameters(sample: Sample, fitted: Fitted, method: str, shared: bool,
                      fixed: bool) -> HawkesParameters:
    """What a fit returns: estimates, standard errors, and what a reader should know."""
    point = fitted.point
    errors, note = _standard_errors(sample, fitted, shared, fixed)
    notes = ["the decays were given, not estimated"] if fixed else []
    ties = int((np.diff(sample.times) == 0.0).sum())
    if ties:
        notes.append(f"{ties} events share their time with the one before, which excites them in "
                     "full: merge or spread equal times, or the decays run away")
    slowest, fastest = sample.decay_bounds()
    if not fixed and (point.beta[point.alpha > 0.0] >= 0.999 * fastest).any():
        notes.append(f"a decay stands at its upper bound of {fastest:g} per second, ten times "
                     "the inverse of the shortest gap")
    if not fixed and (point.beta[point.alpha > 0.0] <= 1.001 * slowest).any():
        notes.append(f"a decay stands at its lower bound of {slowest:g} per second: what looks "
                     "like memory is a trend")
    return HawkesParameters(
        "exponential", mu=point.mu, alpha=point.alpha,
        beta=float(point.beta[0, 0]) if shared else point.beta,
        log_likelihood=fitted.value, branching_ratio=point.radius, standard_errors=errors,
        standard_error_note=note, iterations=fitted.iterations, converged=fitted.converged,
        message=fitted.message, event_count=len(sample.times), duration=sample.T, method=method,
        initial_excitation=sample.left if sample.left.any() else 0.0, notes=tuple(notes),
        fixed_decays=fixed)


def _standard_errors(sample: Sample, fitted: Fitted, shared: bool,
                     fixed: bool) -> tuple[dict[str, Any], str]:
    point, d = fitted.point, sample.d
    by = radius_gradient(point.alpha / point.beta)
    held_alpha, held_mu = point.alpha <= 0.0, point.mu <= 1.01e-9 * sample.counts / sample.T
    by_decay = -by * point.alpha / point.beta**2
    if shared:
        x = np.concatenate([point.mu, point.alpha.ravel(), point.beta[:1, 0]])
        held = np.concatenate([held_mu, held_alpha.ravel(), [fixed]])
        spread = covariance(shared_derivatives(sample, x)[2], held)
        slope = np.concatenate([np.zeros(d), (by / point.beta).ravel(), [by_decay.sum()]])
        error = np.sqrt(np.diagonal(spread))
        errors: dict[str, Any] = {"mu": error[:d], "alpha": error[d:-1].reshape(d, d),
                                  "beta": float(error[-1])}
        variance = float(slope @ np.nan_to_num(spread) @ slope)
    else:
        errors = {"mu": np.empty(d), "alpha": np.empty((d, d)), "beta": np.empty((d, d))}
        variance = 0.0
        for i in range(d):
            x = np.concatenate([point.mu[i:i + 1], point.alpha[i], point.beta[i]])
            held = np.concatenate([held_mu[i:i + 1], held_alpha[i], held_alpha[i] | fixed])
            spread = covariance(pair_derivatives(sample, i, x)[2], held)
            slope = np.concatenate([[0.0], by[i] / point.beta[i], by_decay[i]])
            error = np.sqrt(np.diagonal(spread))
            errors["mu"][i], errors["alpha"][i] = error[0], error[1:d + 1]
            errors["beta"][i] = error[d + 1:]
            variance += float(slope @ np.nan_to_num(spread) @ slope)
    if fixed:
        del errors["beta"]
    errors["branching_ratio"] = float(np.sqrt(variance)) if variance > 0.0 else np.nan
    if point.radius >= MAX_BRANCHING - 1e-9:
        return {name: value * np.nan for name, value in errors.items()}, (
            "the estimates stand at the bound of stationarity, where the information has no "
            "inverse that means anything")
    missing = any(np.isnan(np.asarray(value)).any() for value in errors.values())
    return errors, ("an estimate stands at its bound (a jump of 0 has no decay either), or the "
                    "information is singular" if missing else "")
