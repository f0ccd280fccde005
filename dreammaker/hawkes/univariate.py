"""A Hawkes process of one type of event: evaluated, simulated, fitted, checked."""

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dreammaker.hawkes import likelihood
from dreammaker.hawkes.baseline import ConstantBaseline, PiecewiseConstantBaseline
from dreammaker.hawkes.errors import HawkesError
from dreammaker.hawkes.estimation import estimate
from dreammaker.hawkes.events import LONGEST, check_duration, check_events
from dreammaker.hawkes.excitation import (
    excitation_at,
    excitation_integral_at,
    shared_excitation,
    simulated,
    terms,
)
from dreammaker.hawkes.fitting import mixture_nodes
from dreammaker.hawkes.kernels import (
    ExponentialKernel,
    Kernel,
    PowerLawKernel,
    SumExponentialKernel,
    require_positive,
)
from dreammaker.hawkes.likelihood import Evaluation, Window
from dreammaker.hawkes.parameters import HawkesParameters

Floats = NDArray[np.float64]
NAMES = (ExponentialKernel.name, SumExponentialKernel.name, PowerLawKernel.name)
# Above this many events a power law's likelihood is taken through its sum of exponentials.
EXACT_EVENTS = 5_000


class UnivariateHawkes:
    """lambda(t) = mu(t) + excitation left at 0 + sum over t_i < t of phi(t - t_i).

    A model built with kernel and base rate keeps them whatever is fitted (the kernel is one more
    start of the fit); one that lacks either takes both from its last fit.

    Parameters
    ----------
    kernel : Kernel or str, optional
        phi; or the name of the kernel to be fitted: "exponential" (the default),
        "sum_exponential" or "power_law".
    mu : float, optional
        Constant base rate, events per second, above 0.
    baseline : PiecewiseConstantBaseline, optional
        A base rate that changes at knots, instead of `mu`; without rates, to be fitted.
    initial_excitation : float or sequence of float
        What events before time 0 still add at time 0, per second, decaying like the kernel. For a
        sum of exponentials one number is shared in proportion to the weights; a power law has no
        single decay and takes none.
    components : int
        Terms of a sum of exponentials that has to be fitted from nothing.

    Raises
    ------
    HawkesError
        If a parameter is out of its range or the kernel's branching ratio is 1 or more.

    Examples
    --------
    >>> model = UnivariateHawkes(ExponentialKernel(alpha=0.8, beta=1.2), mu=0.5)
    >>> round(model.log_likelihood([1, 2, 3.5, 4, 7], T=10), 10)
    -10.2945188111
    """

    def __init__(self, kernel: Kernel | str | None = None, mu: float | None = None,
                 baseline: PiecewiseConstantBaseline | None = None,
                 initial_excitation: float | Sequence[float] | Floats = 0.0, *,
                 components: int = 2) -> None:
        if mu is not None and baseline is not None:
            raise HawkesError("give mu or baseline, not both")
        self.kernel: Kernel | None
        if isinstance(kernel, str):
            if kernel not in NAMES:
                raise HawkesError(f"kernel must be one of {', '.join(NAMES)}, was {kernel!r}")
            self.kernel_name, self.kernel = kernel, None
        elif kernel is None:
            self.kernel_name, self.kernel = ExponentialKernel.name, None
        elif isinstance(kernel, Kernel):
            kernel.require_stable()
            self.kernel_name, self.kernel = kernel.name, kernel
        else:
            raise HawkesError(f"kernel must be a Kernel or a name, was {kernel!r}")
        if not 1 <= components <= 8:
            raise HawkesError(f"components must be 1 to 8, was {components}")
        self.components = components
        self.mu = None if mu is None else require_positive("mu", mu)
        self.baseline = baseline
        self.initial_excitation = np.asarray(initial_excitation, np.float64)
        if not (np.isfinite(self.initial_excitation) & (self.initial_excitation >= 0.0)).all():
            raise HawkesError("initial_excitation must be finite and 0 or more, "
                              f"was {initial_excitation!r}")
        if self.kernel_name == PowerLawKernel.name and self.initial_excitation.any():
            raise HawkesError("a power law has no single decay for an initial excitation: start "
                              "the window at the earlier events, or use its sum of exponentials")
        self.fitted: HawkesParameters | None = None
        self._events: Floats = np.empty(0)

    def __repr__(self) -> str:
        base = f"baseline={self.baseline!r}" if self.baseline is not None else f"mu={self.mu!r}"
        return f"UnivariateHawkes({self.kernel or self.kernel_name!r}, {base})"

    @classmethod
    def from_parameters(cls, parameters: HawkesParameters) -> Self:
        """The model that a fit found.

        Raises
        ------
        HawkesError
            If the fit is not of one type of event.
        """
        kernel = parameters.kernel
        left = parameters.initial_excitation
        if parameters.knots is None:
            return cls(kernel, mu=float(parameters.mu), initial_excitation=left)
        baseline = PiecewiseConstantBaseline(parameters.knots, np.atleast_1d(parameters.mu))
        return cls(kernel, baseline=baseline, initial_excitation=left)

    def intensity(self, t: ArrayLike, events: ArrayLike | None = None) -> Floats:
        """lambda(t-) given the events strictly before t, shape of `t`, per second.

        Parameters
        ----------
        t : array of float
            Seconds, 0 or more, any order.
        events : array of float, shape (n,), optional
            Sorted; those of the fit where the model took its parameters from one, else none.

        Raises
        ------
        HawkesError
            If the events or times are not as above, or the model has no parameters.
        """
        kernel, times = self._known(), self._given(events)
        base = self._base()
        queries, order = _query_times(t)
        rates = np.empty(queries.size)
        rates[order] = excitation_at(kernel, times, queries.ravel()[order], self._left(kernel))
        return np.asarray(base.value(queries) + rates.reshape(queries.shape))

    def compensator(self, t: ArrayLike, events: ArrayLike | None = None) -> Floats:
        """Lambda(t), the integral of the intensity from 0 to t, shape of `t`.

        Parameters and errors as of `intensity`; a knotted base rate must reach to the last t.
        """
        kernel, times = self._known(), self._given(events)
        base = self._base()
        queries, order = _query_times(t)
        if queries.size and base.edges is not None and queries.max() > base.edges[-1]:
            raise HawkesError(f"the base rate is known to {base.edges[-1]:g} s, "
                              f"asked for {queries.max():g} s")
        integral = np.empty(queries.size)
        integral[order] = excitation_integral_at(kernel, times, queries.ravel()[order],
                                                 self._left(kernel))
        return np.asarray(base.integral(queries) + integral.reshape(queries.shape))

    def log_likelihood(self, events: ArrayLike, T: float) -> float:
        """Sum of log lambda(t_i-) less Lambda(T); events taken in their order, see `check_events`.

        O(n) for exponentials; a power law is exact up to 5 000 events and beyond through its sum
        of exponentials, whose kernel is within 1e-6 relative.

        Raises
        ------
        HawkesError
            If the events are not sorted numbers within [0, T], T is not above 0, or the model has
            no parameters.
        """
        return self._evaluate(events, T, full=False).value

    def gradient(self, events: ArrayLike, T: float) -> Floats:
        """Derivatives of the log-likelihood in mu (of each piece), alpha(s), beta(s) and p.

        Returns
        -------
        ndarray of float64, shape (q,)
        """
        return self._evaluate(events, T, full=True).gradient

    def hessian(self, events: ArrayLike, T: float) -> Floats:
        """Second derivatives of the log-likelihood, in the order of `gradient`, shape (q, q)."""
        return self._evaluate(events, T, full=True).hessian

    def residuals(self, events: ArrayLike, T: float) -> Floats:
        """Lambda(t_i) - Lambda(t_{i-1}): independent Exp(1) under the true model.

        The first counts from 0; what follows the last event is censored and not among them.

        Returns
        -------
        ndarray of float64, shape (n,)
        """
        times, duration = check_events(events, T)
        Window.of(times, duration, self._base().edges)
        return np.diff(self.compensator(times, times), prepend=0.0)

    def simulate(self, T: float, rng: np.random.Generator, *,
                 method: str = "thinning") -> Floats:
        """Event times of one realisation on [0, T).

        Parameters
        ----------
        T : float
            Seconds, above 0.
        rng : numpy Generator
            The only source of randomness.
        method : {"thinning", "exact"}
            Ogata's thinning, or for one exponential Dassios and Zhao's exact scheme. A power law
            is drawn by its clusters (Hawkes and Oakes), which is exact.

        Returns
        -------
        ndarray of float64, shape (n,)
            Sorted.

        Raises
        ------
        HawkesError
            If T or `rng` is not as above or the model has no parameters.
        """
        kernel, base = self._known(), self._base()
        return simulated(kernel, base, self._left(kernel), check_duration(T), rng, method)

    def fit(self, events: ArrayLike, T: float, method: str = "mle", **options: Any
            ) -> HawkesParameters:
        """Estimate base rate and kernel from the events in [0, T].

        Parameters
        ----------
        events : array of float, shape (n,)
            Sorted seconds within [0, T], at least 2. Equal times are taken in their order; with
            many of them a decay without end explains them best, so resolve them first
            (`resolve_ties`); the result's notes count them.
        T : float
        method : {"mle", "em"}
            Newton's method with the analytic Hessian, or EM sweeps. Same optimum.
        **options
            fixed_decays : bool, keep the decays of the given sum of exponentials (False).
            approximation : "auto", "exact" or "mixture", for a power law by maximum likelihood:
            auto is exact up to 1 000 events.
            max_iterations : int, Newton steps or sweeps at most (100 or 3 000).

        Returns
        -------
        HawkesParameters

        Raises
        ------
        HawkesError
            If the events or an option are not as above.
        """
        times, duration = check_events(events, T)
        knots = None if self.baseline is None else self.baseline.edges
        fitted = estimate(times, duration, knots, self.kernel_name, self.kernel,
                          self.initial_excitation, self.components, method, **options)
        has_base = self.mu is not None or (
            self.baseline is not None and self.baseline.rates is not None)
        if self.kernel is None or not has_base:
            self.fitted, self._events = fitted, times
        return fitted

    def _evaluate(self, events: ArrayLike, T: float, *, full: bool) -> Evaluation:
        kernel, base = self._known(), self._base()
        times, duration = check_events(events, T)
        window = Window.of(times, duration, base.edges)
        mu = base.levels
        if isinstance(kernel, PowerLawKernel):
            if times.size <= EXACT_EVENTS:
                return likelihood.power_law(window, mu, kernel.alpha, kernel.beta, kernel.p, full)
            nodes = mixture_nodes(kernel.p, kernel.beta * duration)[0]
            return likelihood.power_mixture(window, mu, kernel.alpha, kernel.beta, kernel.p,
                                            nodes, full)
        left = self._left(kernel)
        if isinstance(kernel, ExponentialKernel) and not left.any():
            return likelihood.exponential(window, mu, kernel.alpha, kernel.beta, full)
        return likelihood.sum_exponential(window, mu, *terms(kernel), left, full)

    def _known(self) -> Kernel:
        kernel = self.kernel if self.fitted is None else self.fitted.kernel
        if kernel is None:
            raise HawkesError("the model has no kernel yet: give one or fit it")
        return kernel

    def _base(self) -> ConstantBaseline | PiecewiseConstantBaseline:
        if self.fitted is not None:
            if self.fitted.knots is None:
                return ConstantBaseline(float(self.fitted.mu))
            return PiecewiseConstantBaseline(self.fitted.knots, np.atleast_1d(self.fitted.mu))
        if self.baseline is not None and self.baseline.rates is not None:
            return self.baseline
        if self.mu is None:
            raise HawkesError("the model has no base rate yet: give mu or baseline, or fit it")
        return ConstantBaseline(self.mu)

    def _given(self, events: ArrayLike | None) -> Floats:
        if events is None:
            return self._events
        return check_events(events, LONGEST)[0]

    def _left(self, kernel: Kernel) -> Floats:
        return shared_excitation(self.initial_excitation, kernel)


def _query_times(t: ArrayLike) -> tuple[Floats, NDArray[np.intp]]:
    try:
        queries = np.asarray(t, np.float64)
    except (TypeError, ValueError):
        raise HawkesError("times must be numbers, in seconds") from None
    if not np.isfinite(queries).all() or (queries < 0.0).any():
        raise HawkesError("times must be finite and 0 or more")
    return queries, np.argsort(queries.ravel(), kind="stable")
