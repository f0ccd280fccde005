"""What a fit returns, for one process or several that excite each other."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dreammaker.hawkes.errors import HawkesError
from dreammaker.hawkes.kernels import (
    ExponentialKernel,
    Kernel,
    PowerLawKernel,
    SumExponentialKernel,
)

Value = float | NDArray[np.float64]


@dataclass(frozen=True)
class HawkesParameters:
    """Estimates of a fitted Hawkes process and how far they may be believed.

    Attributes
    ----------
    kernel_name : str
        "exponential", "sum_exponential" or "power_law".
    mu : float or array
        Base rate per second: a number; shape (d,) for d types; shape (pieces,) or (d, pieces)
        where `knots` is given.
    alpha, beta : float or array
        Weights and decay rates per second: numbers, shape (m,) for a sum of m exponentials, shape
        (d, d) for d types (row = excited, column = source), shape (d, d, m) for sums of d types.
    p : float or array, optional
        Exponent of a power law, shape (d, d) for d types.
    log_likelihood : float
        At the estimates.
    branching_ratio : float
        Integral of the kernel; the spectral radius of the matrix of integrals for several types.
    standard_errors : mapping of str to float or array
        By the estimate's name ("mu", "alpha", "beta", "p", "branching_ratio"), in its shape, from
        the observed information. NaN where that is singular or the estimate is at a bound.
    standard_error_note : str
        Why a standard error is NaN; empty where none is.
    iterations : int
        Newton steps or EM sweeps.
    converged : bool
        Whether the optimum was reached inside the region of stationary processes.
    message : str
        Why the fit stopped, in one sentence.
    event_count : int
        Events used.
    duration : float
        Length of the observation window [0, T], seconds.
    method : str
        "mle" or "em".
    knots : array of float64, shape (pieces + 1,), optional
        Ends of the pieces of a piecewise-constant base rate, seconds.
    initial_excitation : float or array
        Excitation at time 0 that was given, per second.
    approximation_error : float
        Bound of the kernel's relative error where a power law was fitted as a sum of exponentials;
        0 where the kernel is exact.
    notes : tuple of str
        What a reader should know: equal times, a kernel that was approximated.
    fixed_decays : bool
        Whether `beta` was given and held, not estimated.

    Examples
    --------
    >>> fit = HawkesParameters("exponential", mu=0.5, alpha=0.6, beta=1.2, log_likelihood=-10.0,
    ...                        branching_ratio=0.5)
    >>> fit.kernel
    ExponentialKernel(alpha=0.6, beta=1.2)
    """

    kernel_name: str
    mu: Value
    alpha: Value
    beta: Value
    log_likelihood: float
    branching_ratio: float
    p: Value | None = None
    standard_errors: Mapping[str, Value] = field(default_factory=dict)
    standard_error_note: str = ""
    iterations: int = 0
    converged: bool = True
    message: str = ""
    event_count: int = 0
    duration: float = 0.0
    method: str = "mle"
    knots: NDArray[np.float64] | None = None
    initial_excitation: Value = 0.0
    approximation_error: float = 0.0
    notes: tuple[str, ...] = ()
    fixed_decays: bool = False

    @property
    def spectral_radius(self) -> float:
        """The branching ratio: of one type a number, of several the largest eigenvalue."""
        return self.branching_ratio

    @property
    def estimates(self) -> dict[str, Value]:
        """Estimates by name: mu, alpha, beta and, for a power law, p."""
        values: dict[str, Value] = {"mu": self.mu, "alpha": self.alpha, "beta": self.beta}
        if self.p is not None:
            values["p"] = self.p
        return values

    @property
    def parameter_count(self) -> int:
        """Numbers estimated, for information criteria; decays that were held are not among them.

        Entries without standard error count too: an estimate at a bound is an estimate.
        """
        return sum(int(np.size(value)) for name, value in self.estimates.items()
                   if not (self.fixed_decays and name == "beta"))

    @property
    def kernel(self) -> Kernel:
        """The fitted kernel of a process of one type.

        Raises
        ------
        HawkesError
            If the fit has several types (each pair has its kernel) or an unknown kernel name.
        """
        if np.ndim(self.alpha) > 1:
            raise HawkesError("a fit of several types has a kernel for each pair, not one kernel")
        if self.kernel_name == ExponentialKernel.name:
            return ExponentialKernel(float(self.alpha), float(self.beta))
        if self.kernel_name == SumExponentialKernel.name:
            return SumExponentialKernel(np.atleast_1d(self.alpha), np.atleast_1d(self.beta))
        if self.kernel_name == PowerLawKernel.name and self.p is not None:
            return PowerLawKernel(float(self.alpha), float(self.beta), float(self.p))
        raise HawkesError(f"unknown kernel {self.kernel_name!r}")

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers, lists and strings, ready for JSON; NaN becomes None."""
        result: dict[str, Any] = {
            name: _plain(value) for name, value in vars(self).items() if name != "standard_errors"}
        result["standard_errors"] = {
            name: _plain(value) for name, value in self.standard_errors.items()}
        return result

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "HawkesParameters":
        """What `to_dict` gave, read back.

        Raises
        ------
        HawkesError
            If a key is missing or unknown, or a value is not a number where one is needed.
        """
        if not isinstance(values, Mapping):
            raise HawkesError("not the parameters of a Hawkes fit: must be an object of names and "
                              f"values, was {type(values).__name__}")
        errors = values.get("standard_errors", {})
        try:
            read = {name: _value(value) for name, value in values.items()
                    if name not in ("standard_errors", "notes")}
            fit = cls(**read, notes=tuple(values.get("notes", ())),
                      standard_errors={name: _value(value) for name, value in errors.items()})
            numbers = [*fit.estimates.values(), fit.log_likelihood, fit.branching_ratio,
                       fit.duration, fit.initial_excitation,
                       0.0 if fit.knots is None else fit.knots]
            finite = all(np.isfinite(np.asarray(value, np.float64)).all() for value in numbers)
        except (TypeError, ValueError, AttributeError) as error:
            raise HawkesError(f"not the parameters of a Hawkes fit: {error}") from None
        if not finite:
            raise HawkesError("not the parameters of a Hawkes fit: estimates, log_likelihood, "
                              "branching_ratio and duration must be finite numbers")
        return fit


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not np.isfinite(value):
        return None
    return value


def _value(value: Any) -> Any:
    if isinstance(value, list):
        return np.array([np.nan if item is None else item for item in value], np.float64) \
            if not any(isinstance(item, list) for item in value) \
            else np.array([_value(item) for item in value], np.float64)
    return value
