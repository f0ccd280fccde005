"""From a fit to a running session: parameters on disk, warm starts, fits between sessions."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dreammaker.hawkes.diagnostics import GoodnessOfFit, goodness_of_fit, model_of
from dreammaker.hawkes.errors import HawkesError
from dreammaker.hawkes.multivariate import MultivariateHawkes
from dreammaker.hawkes.parameters import HawkesParameters

Floats = NDArray[np.float64]


def save_parameters(parameters: HawkesParameters, path: str | Path) -> None:
    """Write a fit as JSON; floats keep all their digits."""
    text = json.dumps(parameters.to_dict(), indent=2, allow_nan=False)
    Path(path).write_text(text + "\n", encoding="utf-8")


def load_parameters(path: str | Path) -> HawkesParameters:
    """Read what `save_parameters` wrote.

    Raises
    ------
    HawkesError
        If the file is missing or does not hold the parameters of a fit.
    """
    try:
        values = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise HawkesError(f"{path}: cannot be read ({error})") from None
    except json.JSONDecodeError as error:
        raise HawkesError(f"{path}, line {error.lineno}: not JSON ({error.msg})") from None
    if not isinstance(values, dict):
        raise HawkesError(f"{path}: must hold one JSON object, the parameters of a fit")
    # A result of `hawkes fit --json` carries the fit under this name.
    return HawkesParameters.from_dict(values.get("parameters", values))


def warm_start(parameters: HawkesParameters, history: Any, T: float) -> HawkesParameters:
    """The same parameters, with the excitation that a history leaves at its end.

    Parameters
    ----------
    parameters : HawkesParameters
        With exponential kernels.
    history : events as of the model
        On [0, T]; a few multiples of 1 / beta before T suffice.
    T : float
        End of the history: time 0 of the session to come.

    Returns
    -------
    HawkesParameters
        For `MultivariateHawkes.from_parameters` or `ResidualMonitor`.

    Raises
    ------
    HawkesError
        If the kernels are not exponential or the events do not fit.
    """
    if parameters.kernel_name != "exponential":
        raise HawkesError("a warm start needs exponential kernels, not "
                          f"{parameters.kernel_name}")
    model = model_of(parameters)
    if isinstance(model, MultivariateHawkes):
        return replace(parameters, initial_excitation=model.excitation_at(history, T))
    one = MultivariateHawkes(np.atleast_1d(np.float64(parameters.mu)),
                             np.full((1, 1), parameters.alpha), float(parameters.beta),
                             float(np.asarray(parameters.initial_excitation)))
    return replace(parameters, initial_excitation=float(one.excitation_at([history], T)[0, 0]))


def refit(parameters: HawkesParameters, events: Any, T: float, *, keep_below: float = 1e-3
          ) -> tuple[HawkesParameters, GoodnessOfFit]:
    """Fit a session that has ended, starting from what it was run with.

    The old parameters are tested first, on events that they were not fitted to, which is the
    honest test; then the new fit is made, unless it gains less than `keep_below` log-likelihood
    an event.

    Parameters
    ----------
    parameters : HawkesParameters
        Of the session that has ended.
    events : events as of the model
    T : float
        Length of the session, seconds.
    keep_below : float
        0 or more, in nats an event.

    Returns
    -------
    tuple of (HawkesParameters, GoodnessOfFit)
        For the next session (the old object where nothing was gained), and the old ones' test.

    Raises
    ------
    HawkesError
        If the events do not fit the model.
    """
    if not keep_below >= 0.0:
        raise HawkesError(f"keep_below must be 0 or more, was {keep_below!r}")
    model = model_of(parameters)
    report = goodness_of_fit(model, events, T, fitted_here=False)
    new = model.fit(events, T, parameters.method)
    gained = new.log_likelihood - model.log_likelihood(events, T)
    if new.converged and gained < keep_below * new.event_count:
        return parameters, report
    return new, report
