"""Hawkes processes of several types with any kernel for each pair, and base rates with knots."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dreammaker.hawkes import rows
from dreammaker.hawkes.baseline import ConstantBaseline, PiecewiseConstantBaseline
from dreammaker.hawkes.checks import finite, spectral_radius
from dreammaker.hawkes.errors import HawkesError
from dreammaker.hawkes.events import check_duration
from dreammaker.hawkes.excitation import excitation_at, excitation_integral_at, terms
from dreammaker.hawkes.fitting import mixture_nodes
from dreammaker.hawkes.kernels import (
    ExponentialKernel,
    Kernel,
    PowerLawKernel,
    SumExponentialKernel,
    require_stable,
)
from dreammaker.hawkes.likelihood import Evaluation
from dreammaker.hawkes.multivariate import Events, arrange
from dreammaker.hawkes.parameters import HawkesParameters
from dreammaker.hawkes.simulation import MAX_EVENTS, simulate_terms

Floats = NDArray[np.float64]
NAMES = (ExponentialKernel.name, SumExponentialKernel.name, PowerLawKernel.name)
MOST_TYPES = 16
NOTHING = np.zeros(1)


class MultivariateKernelHawkes:
    """``lambda_i(t) = mu_i(t) + sum_j sum over t_k < t of type j of phi_ij(t - t_k)``.

    Where each pair has one exponential and base rates are constant, `MultivariateHawkes` is the
    faster class and takes an initial excitation. Events are given as there; those of one moment do
    not excite each other here, as a coarse clock's equal stamps have no order. Not modelled: what
    events before time 0 leave, and inhibition.

    Parameters
    ----------
    kernels : d sequences of d Kernels, or str
        Row i, column j: how j excites i; of one family, sums of one number of terms. Or the name
        of the family to be fitted: "exponential", "sum_exponential" or "power_law".
    mu : array_like of shape (d,) or (d, pieces), optional
        Base rates per second, above 0, of each piece where there are knots.
    knots : array_like of shape (pieces + 1,), optional
        Ends of the pieces of the base rates in seconds, from 0; the last at T or later.
    components : int
        Terms of each sum of exponentials that has to be fitted from nothing, 1 to 8.

    Raises
    ------
    HawkesError
        If a parameter is out of its range or the spectral radius of the kernels' integrals is 1
        or more.

    Examples
    --------
    >>> one, other = ExponentialKernel(0.6, 1.5), ExponentialKernel(0.2, 1.0)
    >>> model = MultivariateKernelHawkes(
    ...     [[one, other], [ExponentialKernel(0.4, 0.8), ExponentialKernel(0.5, 2.0)]], [0.3, 0.2])
    >>> events = [[0.4, 1.7, 2.2, 4.6], [1.0, 2.9, 3.1]]
    >>> round(model.spectral_radius, 12), round(model.log_likelihood(events, 5.0), 10)
    (0.65, -11.2137074265)
    """

    def __init__(self, kernels: Sequence[Sequence[Kernel]] | str, mu: ArrayLike | None = None,
                 knots: ArrayLike | None = None, *, components: int = 2) -> None:
        if not 1 <= components <= 8:
            raise HawkesError(f"components must be 1 to 8, was {components}")
        self.components = components
        self.knots = None if knots is None else PiecewiseConstantBaseline(
            finite("knots", knots)).edges
        self.kernels: tuple[tuple[Kernel, ...], ...] | None = None
        self.mu: Floats | None = None
        if isinstance(kernels, str):
            if kernels not in NAMES:
                raise HawkesError(f"kernels must be one of {', '.join(NAMES)}, was {kernels!r}")
            if mu is not None:
                raise HawkesError("base rates come with kernels: give both, or fit both")
            self.kernel_name = kernels
            return
        self.kernels = _matrix(kernels)
        self.kernel_name = self.kernels[0][0].name
        self.mu = _base_rates(mu, len(self.kernels),
                              1 if self.knots is None else self.knots.size - 1)
        require_stable(self.spectral_radius, "spectral radius")

    def __repr__(self) -> str:
        return f"MultivariateKernelHawkes({self.kernels or self.kernel_name!r}, {self.mu!r})"

    @classmethod
    def from_parameters(cls, parameters: HawkesParameters) -> "MultivariateKernelHawkes":
        """The model of a fit of several types."""
        alpha, beta = np.asarray(parameters.alpha), np.asarray(parameters.beta)
        if alpha.ndim < 2:
            raise HawkesError("these parameters are of one type; use UnivariateHawkes")
        beta = np.broadcast_to(beta, alpha.shape)
        p = None if parameters.p is None else np.asarray(parameters.p)
        d = alpha.shape[0]
        return cls([[_kernel(parameters.kernel_name, alpha[i, j], beta[i, j],
                             None if p is None else p[i, j]) for j in range(d)]
                    for i in range(d)], parameters.mu, parameters.knots)

    @property
    def d(self) -> int:
        """Number of types."""
        return len(self._known())

    @property
    def branching_matrix(self) -> Floats:
        """Integrals of the kernels, shape (d, d)."""
        return np.array([[kernel.branching_ratio for kernel in row] for row in self._known()])

    @property
    def spectral_radius(self) -> float:
        """Largest eigenvalue of the branching matrix: below 1."""
        growth = self.branching_matrix
        return spectral_radius(growth) if np.isfinite(growth).all() else float("inf")

    def intensity(self, t: ArrayLike, events: Events) -> Floats:
        """Intensities just before each time of `t`, shape (q, d), or (d,) for one time.

        Raises
        ------
        HawkesError
            If times or events are not as described.
        """
        kernels, asked = self._known(), finite("t", t)
        if asked.ndim > 1 or (asked < 0).any():
            raise HawkesError("t must be a vector of seconds, 0 or more")
        parts = self._parts(events, None)
        flat = np.atleast_1d(asked)
        order = np.argsort(flat, kind="stable")
        queries = np.ascontiguousarray(flat[order])
        result = np.empty((flat.size, self.d))
        for i, base in enumerate(self._bases()):
            result[order, i] = base.value(queries) + sum(
                excitation_at(kernels[i][j], part, queries, _none(kernels[i][j]))
                for j, part in enumerate(parts))
        return result if asked.ndim else result[0]

    def compensator(self, events: Events, T: float) -> Floats:
        """Integrals of the intensities over [0, T], shape (d,)."""
        parts = self._parts(events, check_duration(T))
        return np.array([self._integral(i, parts, np.array([float(T)]))[0]
                         for i in range(self.d)])

    def log_likelihood(self, events: Events, T: float) -> float:
        """Log-likelihood of all events on [0, T]; power laws as mixtures within 1e-6 of them.

        Raises
        ------
        HawkesError
            If events are not sorted finite seconds within [0, T], or T is not above 0.
        """
        return sum(part.value for part in self._rows(events, T, full=False))

    def gradient(self, events: Events, T: float) -> dict[str, Any]:
        """Gradient of the log-likelihood: mu, alpha, beta and p in the shapes of a fit's."""
        parts = [part.gradient for part in self._rows(events, T, full=True)]
        pieces = 1 if self.knots is None else self.knots.size - 1
        return named(np.array(parts), pieces, self.d, self.kernel_name, self.knots is not None)

    def residuals(self, events: Events, T: float) -> list[Floats]:
        """Compensators between each type's successive events: Exp(1) under the true model.

        Returns
        -------
        list of d ndarrays of float64
            The first counts from time 0; what follows the last event is cut off.
        """
        parts = self._parts(events, check_duration(T))
        return [np.diff(self._integral(i, parts, part), prepend=0.0)
                for i, part in enumerate(parts)]

    def simulate(self, T: float, rng: np.random.Generator,
                 max_events: int = MAX_EVENTS) -> list[Floats]:
        """Events on [0, T) by thinning: d arrays of seconds.

        A power law is drawn through its sum of exponentials, within 1e-6 of it over [0, T].

        Raises
        ------
        HawkesError
            If T or `rng` is no length or generator, or `max_events` is reached.
        """
        kernels, T = self._known(), check_duration(T)
        pairs = [[_exponentials(kernel, T) for kernel in row] for row in kernels]
        assert self.mu is not None
        times, marks = simulate_terms(self.mu.reshape(self.d, -1).T, pairs, T, rng,
                                      knots=self.knots, max_events=max_events)
        return [times[marks == i] for i in range(self.d)]

    def fit(self, events: Events, T: float, method: str = "mle", *,
            max_iterations: int = 100) -> HawkesParameters:
        """Estimate base rates and all kernels by maximum likelihood, decays included.

        Parameters
        ----------
        events : list of d arrays, or (times, marks)
            Every type needs at least 2 events.
        T : float
            End of the observation, seconds.
        method : {"mle"}
            Newton's method with the exact Hessian.
        max_iterations : int
            Newton steps for each type at most.

        Returns
        -------
        HawkesParameters
            ``mu`` (d,) or (d, pieces); ``alpha`` and ``beta`` (d, d), or (d, d, m) of sums of m
            terms, slowest first; ``p`` (d, d). Where the data want a spectral radius of 1 or more,
            the best stable parameters and a message that says so. A model that had no parameters
            takes them from its fit.

        Raises
        ------
        HawkesError
            If the events, T or an option are not as described.
        """
        from dreammaker.hawkes.kernel_matrix_fit import fit_rows

        if method != "mle":
            raise HawkesError(f'method must be "mle" for kernels of each pair, was {method!r}')
        if max_iterations < 1:
            raise HawkesError(f"max_iterations must be 1 or more, was {max_iterations}")
        times, marks = arrange(events, check_duration(T), None if self.kernels is None else self.d)
        d = self.d if self.kernels is not None else _count(events, marks)
        fitted = fit_rows(times, marks, float(T), d, self.kernel_name, self.knots, self.kernels,
                          self.components, max_iterations)
        if self.kernels is None:
            model = self.from_parameters(fitted)
            self.kernels, self.mu = model.kernels, model.mu
        return fitted

    def _known(self) -> tuple[tuple[Kernel, ...], ...]:
        if self.kernels is None:
            raise HawkesError("the model has no kernels yet: give or fit them")
        return self.kernels

    def _bases(self) -> list[ConstantBaseline | PiecewiseConstantBaseline]:
        assert self.mu is not None
        if self.knots is None:
            return [ConstantBaseline(float(rate)) for rate in self.mu.ravel()]
        return [PiecewiseConstantBaseline(self.knots, rates) for rates in self.mu]

    def _parts(self, events: Events, T: float | None) -> list[Floats]:
        times, marks = arrange(events, T, self.d)
        if T is not None and self.knots is not None and self.knots[-1] < T:
            raise HawkesError(f"the base rates are known to {self.knots[-1]:g} s, T was {T:g} s")
        return [np.ascontiguousarray(times[marks == j]) for j in range(self.d)]

    def _integral(self, i: int, parts: list[Floats], queries: Floats) -> Floats:
        total = self._bases()[i].integral(queries)
        for kernel, part in zip(self._known()[i], parts, strict=True):
            if queries.size:
                total = total + excitation_integral_at(kernel, part, queries, _none(kernel))
        return np.asarray(total)

    def _rows(self, events: Events, T: float, *, full: bool) -> list[Evaluation]:
        kernels = self._known()
        times, marks = arrange(events, check_duration(T), self.d)
        found = []
        for i, base in enumerate(self._bases()):
            window = rows.RowWindow.cut(times, marks, float(T), self.knots, i, self.d)
            levels = base.levels[:window.pieces]
            if self.kernel_name == PowerLawKernel.name:
                values = np.array([list(vars(kernel).values()) for kernel in kernels[i]])
                nodes = shared_nodes(values, float(T))
                found.append(rows.powers(window, levels, values, nodes, full))
            else:
                pairs = [terms(kernel) for kernel in kernels[i]]
                found.append(rows.sums(window, levels, np.array([a for a, _ in pairs]),
                                       np.array([b for _, b in pairs]), full))
        return found


def shared_nodes(values: Floats, T: float) -> Floats:
    """Mixture nodes for rows (alpha, beta, p): as many for each as the most demanding needs."""
    from dreammaker.hawkes.mixture import gamma_mixture

    points = max(mixture_nodes(float(p), float(beta) * T)[0].size for _, beta, p in values)
    return np.array([gamma_mixture(float(p), float(beta) * T, points)[0]
                     for _, beta, p in values])


def named(parts: Floats, pieces: int, d: int, name: str, knotted: bool) -> dict[str, Any]:
    """Rows of raw parameters, shape (d, pieces + d r), as mu, alpha, beta and p."""
    mu = parts[:, :pieces] if knotted else parts[:, 0]
    blocks = parts[:, pieces:].reshape(d, d, -1)
    if name == PowerLawKernel.name:
        return {"mu": mu, "alpha": blocks[..., 0], "beta": blocks[..., 1], "p": blocks[..., 2]}
    m = blocks.shape[2] // 2
    alpha, beta = blocks[..., :m], blocks[..., m:]
    if name == ExponentialKernel.name:
        return {"mu": mu, "alpha": alpha[..., 0], "beta": beta[..., 0]}
    return {"mu": mu, "alpha": alpha, "beta": beta}


def _matrix(kernels: Sequence[Sequence[Kernel]]) -> tuple[tuple[Kernel, ...], ...]:
    matrix = tuple(tuple(row) for row in kernels)
    d = len(matrix)
    if not 1 <= d <= MOST_TYPES or any(len(row) != d for row in matrix):
        raise HawkesError(f"kernels must be d rows of d, d from 1 to {MOST_TYPES}, had rows of "
                          f"{[len(row) for row in matrix]}")
    flat = [kernel for row in matrix for kernel in row]
    if not all(isinstance(kernel, Kernel) for kernel in flat):
        raise HawkesError("kernels must hold Kernel objects alone")
    names = {kernel.name for kernel in flat}
    if len(names) > 1:
        raise HawkesError(f"kernels must be of one family, were {', '.join(sorted(names))}")
    if SumExponentialKernel.name in names and len({terms(k)[0].size for k in flat}) > 1:
        raise HawkesError("sums of exponentials must have one number of terms; give weights of 0 "
                          "to the terms that are missing")
    return matrix


def _base_rates(mu: ArrayLike | None, d: int, pieces: int) -> Floats:
    if mu is None:
        raise HawkesError("kernels need base rates: give mu")
    rates = finite("mu", mu)
    if rates.shape != (d, pieces) and not (pieces == 1 and rates.shape == (d,)):
        shape = f"({d},)" if pieces == 1 else f"({d}, {pieces})"
        raise HawkesError(f"mu must have shape {shape}, had {rates.shape}")
    if not (rates > 0.0).all():
        raise HawkesError(f"mu must be above 0, the smallest was {rates.min():g}")
    return rates


def _kernel(name: str, alpha: Any, beta: Any, p: Any) -> Kernel:
    if name == PowerLawKernel.name:
        return PowerLawKernel(float(alpha), float(beta), float(p))
    if name == ExponentialKernel.name:
        return ExponentialKernel(float(alpha), float(beta))
    if name == SumExponentialKernel.name:
        return SumExponentialKernel(alpha, beta)
    raise HawkesError(f"unknown kernel {name!r}")


def _none(kernel: Kernel) -> Floats:
    """No excitation left at time 0, one entry a term."""
    return NOTHING if isinstance(kernel, PowerLawKernel) else np.zeros(terms(kernel)[0].size)


def _exponentials(kernel: Kernel, T: float) -> tuple[Floats, Floats]:
    if not isinstance(kernel, PowerLawKernel):
        return terms(kernel)
    from dreammaker.hawkes.mixture import mixture_weights

    nodes = mixture_nodes(kernel.p, kernel.beta * T)[0]
    return kernel.alpha * mixture_weights(kernel.p, nodes), kernel.beta * nodes


def _count(events: Events, marks: NDArray[np.int32]) -> int:
    if isinstance(events, tuple) and len(events) == 2 and np.asarray(events[1]).dtype.kind in "iu":
        return int(marks.max(initial=0)) + 1
    return len(events)
