"""Hawkes processes of several types that excite each other."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dreammaker._ext import hawkes_branching as branching
from dreammaker._ext import hawkes_multivariate as kernel
from dreammaker.hawkes.checks import finite, spectral_radius, square
from dreammaker.hawkes.errors import HawkesError
from dreammaker.hawkes.events import check_duration
from dreammaker.hawkes.kernels import require_stable
from dreammaker.hawkes.parameters import HawkesParameters
from dreammaker.hawkes.simulation import MAX_EVENTS, simulate_multivariate

Floats = NDArray[np.float64]
Marks = NDArray[np.int32]
Events = Sequence[ArrayLike] | Mapping[str, ArrayLike] | tuple[ArrayLike, ArrayLike]


class MultivariateHawkes:
    """``lambda_i(t) = mu_i + sum_j sum_{t_k < t of type j} alpha_ij exp(-beta_ij (t - t_k))``.

    Row i is the excited type, column j the source. Events are given as a list (or mapping) of d
    arrays of seconds, or as a tuple of times and integer marks. Events of one moment are taken in
    their order (of a list: lower type first), and an earlier one excites the later ones in full.

    Parameters
    ----------
    mu : array_like of shape (d,)
        Base rates per second, above 0.
    alpha : array_like of shape (d, d)
        Jumps per second, 0 or more.
    beta : float or array_like of shape (d, d)
        Decay rates per second, above 0. One number is the shared decay: `fit` then estimates one
        decay, and one exponential an event serves all pairs.
    initial_excitation : float or array_like of shape (d, d), optional
        Excitation of i left by j at time 0, per second, which decays at ``beta_ij``: for data
        that begin in mid-stream.

    Raises
    ------
    HawkesError
        If a shape or value is not as above, or the spectral radius of ``alpha / beta`` is not
        below 1.

    Examples
    --------
    >>> model = MultivariateHawkes([0.3, 0.2], [[0.6, 0.2], [0.4, 0.5]], [[1.5, 1.0], [0.8, 2.0]])
    >>> round(model.spectral_radius, 12), model.mean_rates.round(10).tolist()
    (0.65, [0.7571428571, 0.7714285714])
    >>> events = [[0.4, 1.7, 2.2, 4.6], [1.0, 2.9, 3.1]]
    >>> round(model.log_likelihood(events, 5.0), 10)
    -11.2137074265
    """

    def __init__(self, mu: ArrayLike, alpha: ArrayLike, beta: ArrayLike,
                 initial_excitation: ArrayLike = 0.0) -> None:
        self.mu = finite("mu", mu)
        if self.mu.ndim != 1 or not self.mu.size:
            raise HawkesError(f"mu must be a vector of base rates, had shape {self.mu.shape}")
        d = len(self.mu)
        self.alpha, self.beta = square("alpha", alpha, d), square("beta", beta, d)
        if np.ndim(np.asarray(alpha)) != 2:
            raise HawkesError(f"alpha must have shape ({d}, {d}), had {np.shape(alpha)}")
        self.shared_decay = np.ndim(np.asarray(beta)) == 0
        self.initial_excitation = square("initial_excitation", initial_excitation, d)
        if not (self.mu > 0).all() or not (self.beta > 0).all():
            raise HawkesError("mu and beta must be above 0, the smallest were "
                              f"{self.mu.min():g} and {self.beta.min():g}")
        if (self.alpha < 0).any() or (self.initial_excitation < 0).any():
            raise HawkesError("alpha and initial_excitation must be 0 or more, the smallest were "
                              f"{self.alpha.min():g} and {self.initial_excitation.min():g}")
        require_stable(self.spectral_radius, "spectral radius")

    @classmethod
    def from_parameters(cls, parameters: HawkesParameters) -> "MultivariateHawkes":
        """The model of a fit, its initial excitation included."""
        if np.ndim(parameters.alpha) != 2:
            raise HawkesError("these parameters are of one type; use UnivariateHawkes")
        return cls(parameters.mu, parameters.alpha, parameters.beta,
                   parameters.initial_excitation)

    @property
    def d(self) -> int:
        """Number of types."""
        return len(self.mu)

    @property
    def branching_matrix(self) -> Floats:
        """Integrals of the kernels, ``alpha / beta``, shape (d, d)."""
        return self.alpha / self.beta

    @property
    def spectral_radius(self) -> float:
        """Largest eigenvalue of the branching matrix: below 1."""
        return spectral_radius(self.branching_matrix)

    @property
    def mean_rates(self) -> Floats:
        """Stationary mean rates ``(I - G)^-1 mu``, per second, shape (d,)."""
        return np.asarray(np.linalg.solve(np.eye(self.d) - self.branching_matrix, self.mu),
                          np.float64)

    def intensity(self, t: ArrayLike, events: Events) -> Floats:
        """Intensities just before each time of `t`.

        Parameters
        ----------
        t : array_like of shape (q,) or float
            Seconds, 0 or more, in any order.
        events : list of d arrays, or (times, marks)

        Returns
        -------
        ndarray of float64, shape (q, d); (d,) for one time
            Events at a time of `t` itself do not count there.

        Raises
        ------
        HawkesError
            If times or events are not as described.
        """
        asked = finite("t", t)
        if asked.ndim > 1 or (asked < 0).any():
            raise HawkesError("t must be a vector of seconds, 0 or more")
        times, marks = arrange(events, None, self.d)
        flat = np.atleast_1d(asked)
        order = np.argsort(flat, kind="stable")
        out = np.empty((len(flat), self.d))
        branching.intensities(times, marks, np.ascontiguousarray(flat[order]), self.mu, self.alpha,
                           self.beta, self.initial_excitation, out)
        result = np.empty_like(out)
        result[order] = out
        return result if asked.ndim else result[0]

    def compensator(self, events: Events, T: float) -> Floats:
        """Integrals of the intensities over [0, T], shape (d,)."""
        times, marks = arrange(events, check_duration(T), self.d)
        counts = np.bincount(marks, minlength=self.d).astype(np.float64)
        work = np.empty(self.d), np.empty((self.d, self.d)), np.empty((self.d, self.d))
        alive, aged = np.empty((self.d, self.d)), np.empty((self.d, self.d))
        branching.em_sweep(times, marks, T, self.mu, self.alpha, self.beta, *work, alive, aged)
        excited = self.alpha * (counts - alive) / self.beta
        left = self.initial_excitation * -np.expm1(-self.beta * T) / self.beta
        return np.asarray(self.mu * T + (excited + left).sum(axis=1))

    def log_likelihood(self, events: Events, T: float) -> float:
        """Log-likelihood of all events on [0, T].

        Raises
        ------
        HawkesError
            If events are not sorted finite seconds within [0, T], or T is not above 0.
        """
        return self._derivatives(events, T, 0)[0]

    def gradient(self, events: Events, T: float) -> dict[str, Any]:
        """Gradient of the log-likelihood.

        Returns
        -------
        dict
            ``mu`` (d,), ``alpha`` (d, d) and ``beta``: (d, d), or a number for a shared decay.
        """
        return self._derivatives(events, T, 1)[1]

    def simulate(self, T: float, rng: np.random.Generator,
                 max_events: int = MAX_EVENTS) -> list[Floats]:
        """Events on [0, T) by thinning: d arrays of seconds; see `simulate_multivariate`."""
        times, marks = simulate_multivariate(
            self.mu, self.alpha, self.beta, T, rng, initial_excitation=self.initial_excitation,
            max_events=max_events)
        return [times[marks == i] for i in range(self.d)]

    def residuals(self, events: Events, T: float) -> list[Floats]:
        """Compensators between each type's successive events: Exp(1) under the true model.

        Returns
        -------
        list of d ndarrays of float64
            One value an event of the type; the first counts from time 0. What passes between the
            last event and T is cut off and not used.
        """
        times, marks = arrange(events, check_duration(T), self.d)
        out = np.empty(len(times))
        branching.residuals(times, marks, self.mu, self.alpha, self.beta, self.initial_excitation,
                         out)
        return [out[marks == i] for i in range(self.d)]

    def excitation_at(self, events: Events, T: float) -> Floats:
        """What earlier events leave at T: an ``initial_excitation`` for the time after it.

        Parameters
        ----------
        events : list of d arrays, or (times, marks)
            The history, on [0, T].
        T : float
            The new time 0.

        Returns
        -------
        ndarray of float64, shape (d, d)
        """
        times, marks = arrange(events, check_duration(T), self.d)
        work = np.empty(self.d), np.empty((self.d, self.d)), np.empty((self.d, self.d))
        alive, aged = np.empty((self.d, self.d)), np.empty((self.d, self.d))
        branching.em_sweep(times, marks, T, self.mu, self.alpha, self.beta, *work, alive, aged)
        return np.asarray(self.alpha * alive + self.initial_excitation * np.exp(-self.beta * T))

    def fit(self, events: Events, T: float, method: str = "mle", *, fixed_decays: bool = False,
            max_iterations: int = 0) -> HawkesParameters:
        """Fit base rates, jumps and decays; this model gives the shape and one of the starts.

        Parameters
        ----------
        events : list of d arrays, or (times, marks)
            Every type needs at least one event.
        T : float
            End of the observation, seconds.
        method : {"mle", "em"}
            Newton's method on the likelihood with its exact Hessian, or expectation-maximisation
            with edge correction, accelerated and never falling.
        fixed_decays : bool
            Keep this model's decays ("mle" only): the problem is then concave.
        max_iterations : int
            0: 200 evaluations a start, 20 000 sweeps.

        Returns
        -------
        HawkesParameters
            ``beta`` is one number for a shared decay, else (d, d). Where the data want a spectral
            radius of 1 or more, the best stable parameters and a message that says so.

        Raises
        ------
        HawkesError
            If the events, T or the method are not as described.
        """
        from dreammaker.hawkes.multivariate_fit import fit_model

        return fit_model(self, events, T, method, fixed_decays, max_iterations)

    def _derivatives(self, events: Events, T: float,
                     order: int) -> tuple[float, dict[str, Any]]:
        times, marks = arrange(events, check_duration(T), self.d)
        counts = np.bincount(marks, minlength=self.d).astype(np.float64)
        d = self.d
        if self.shared_decay:
            g, h = np.empty((d, d + 2)), np.empty((d, d + 2, d + 2))
            value = kernel.shared_likelihood(
                times, marks, T, self.mu, self.alpha, float(self.beta[0, 0]),
                self.initial_excitation.sum(axis=1), counts, g, h, order)
            return value, {"mu": g[:, 0], "alpha": g[:, 1:-1], "beta": float(g[:, -1].sum())}
        value, rows = 0.0, np.empty((d, 2 * d + 1))
        h = np.empty((2 * d + 1, 2 * d + 1))
        for i in range(d):
            value += kernel.pair_likelihood(
                times, marks, T, i, float(self.mu[i]), self.alpha[i], self.beta[i],
                self.initial_excitation[i], counts, rows[i], h, order)
        return value, {"mu": rows[:, 0], "alpha": rows[:, 1:d + 1], "beta": rows[:, d + 1:]}


def arrange(events: Events, T: float | None, d: int | None = None) -> tuple[Floats, Marks]:
    """Events of any accepted form as times and marks in time order.

    Parameters
    ----------
    events : list of d arrays, mapping of d arrays, or tuple (times, integer marks)
    T : float, optional
        End of the observation; events beyond it are refused.
    d : int, optional
        Number of types; by the events unless given.

    Returns
    -------
    times : ndarray of float64, shape (n,)
    marks : ndarray of int32, shape (n,)

    Raises
    ------
    HawkesError
        If times are not sorted, not finite, before 0 or after T, marks or counts do not fit, or T
        is not above 0.
    """
    if T is not None:
        T = check_duration(T)
    if isinstance(events, tuple) and len(events) == 2 and _is_marks(events[1]):
        times = _checked("times", events[0], T)
        marks = np.asarray(events[1])
        if marks.shape != times.shape:
            raise HawkesError(f"times and marks must have one length, had {times.shape} and "
                              f"{marks.shape}")
        types = d if d is not None else int(marks.max(initial=0)) + 1
        if len(marks) and not (marks.min() >= 0 and marks.max() < types):
            raise HawkesError(f"marks must be 0 to {types - 1}, were {marks.min()} to "
                              f"{marks.max()}")
        return times, np.ascontiguousarray(marks, np.int32)
    named = list(events.items()) if isinstance(events, Mapping) else [
        (f"events[{i}]", part) for i, part in enumerate(events)]
    if d is not None and len(named) != d:
        raise HawkesError(f"events must be a list of {d} arrays or a tuple of times and integer "
                          f"marks, had {len(named)} parts")
    parts = [_checked(name, part, T) for name, part in named]
    if not parts:
        raise HawkesError("events must hold at least one type")
    times = np.concatenate(parts)
    marks = np.repeat(np.arange(len(parts), dtype=np.int32), [len(part) for part in parts])
    order = np.argsort(times, kind="stable")
    return times[order], marks[order]


def _is_marks(value: Any) -> bool:
    array = np.asarray(value)
    return array.ndim == 1 and (array.dtype.kind in "iu" or (
        array.dtype.kind == "f" and not array.size))


def _checked(name: str, value: ArrayLike, T: float | None) -> Floats:
    times = finite(name, value)
    if times.ndim != 1:
        raise HawkesError(f"{name} must be a vector of seconds, had shape {times.shape}")
    falls = np.flatnonzero(np.diff(times) < 0.0)
    if len(falls):
        k = int(falls[0])
        raise HawkesError(f"{name} must be sorted, index {k + 1} holds {times[k + 1]:.9g} after "
                          f"{times[k]:.9g}")
    if len(times) and (times[0] < 0.0 or (T is not None and times[-1] > T)):
        limit = "0" if T is None else f"0 to T = {T:g}"
        raise HawkesError(f"{name} must lie within {limit}, were {times[0]:.9g} to "
                          f"{times[-1]:.9g}")
    return times
