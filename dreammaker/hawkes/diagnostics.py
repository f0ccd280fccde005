"""Whether a fit may be believed: time rescaling, KS and Ljung-Box tests, QQ data."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dreammaker.hawkes.errors import HawkesError
from dreammaker.hawkes.kernel_matrix import MultivariateKernelHawkes
from dreammaker.hawkes.multivariate import MultivariateHawkes
from dreammaker.hawkes.parameters import HawkesParameters
from dreammaker.hawkes.univariate import UnivariateHawkes

Floats = NDArray[np.float64]

Model = UnivariateHawkes | MultivariateHawkes | MultivariateKernelHawkes

QQ_POINTS = 400
LEVEL = 0.01
FEWEST = 20
CAVEAT = ("The parameters were fitted to these events: the p-values are too high. Test on later "
          "events, or compare with refits of simulated data, before believing an acceptance.")


@dataclass(frozen=True, slots=True)
class ComponentFit:
    """What the residuals of one type of event say.

    Parameters
    ----------
    name : str
    count : int
        Residuals; with fewer than 20 nothing is tested.
    mean, variance : float
        Both 1 under the true model.
    ks_statistic, ks_pvalue : float
        Largest distance of the residuals' distribution from Exp(1), and its probability.
    ljung_box, ljung_box_pvalue : float
        Autocorrelation of u = 1 - exp(-residual) over `lags` lags.
    lags : int
    first_autocorrelation : float
        Of u, at lag 1.
    quantiles : tuple of two tuples of float
        Exp(1) quantiles and the residuals' own, at most 400 points, for a QQ plot.
    """

    name: str
    count: int
    mean: float
    variance: float
    ks_statistic: float
    ks_pvalue: float
    ljung_box: float
    ljung_box_pvalue: float
    lags: int
    first_autocorrelation: float
    quantiles: tuple[tuple[float, ...], tuple[float, ...]]

    @property
    def accepted(self) -> bool:
        """Neither test rejects at 1 %."""
        return self.count >= FEWEST and min(self.ks_pvalue, self.ljung_box_pvalue) >= LEVEL

    def describe(self) -> str:
        """What the figures say, in words."""
        if self.count < FEWEST:
            return f"{self.name}: {self.count} residuals, too few to test."
        figures = (f"{self.name}: {self.count:,} residuals, mean {self.mean:.3f}, variance "
                   f"{self.variance:.3f} (both 1 under the model); KS {self.ks_statistic:.4f}, "
                   f"p = {self.ks_pvalue:.3g}; Ljung-Box({self.lags}) {self.ljung_box:.1f}, "
                   f"p = {self.ljung_box_pvalue:.3g}.")
        says = []
        if self.ks_pvalue < LEVEL:
            says.append(
                "The waits are not those of the model: " + (
                    "more very short and very long ones than it makes, so clustering is left "
                    "unexplained" if self.variance > 1.1 else
                    "they are more regular than it makes them, so it excites too much or the "
                    "clock is coarse" if self.variance < 0.9 else
                    "their shape differs although their spread is right, as with a kernel of the "
                    "wrong form or a coarse clock"))
        if self.ljung_box_pvalue < LEVEL:
            says.append("Neighbouring residuals " + (
                "resemble each other: the rates drift, or the memory is longer than the kernel's"
                if self.first_autocorrelation > 0 else
                "alternate or depend on each other in another way than the kernel says"))
        return figures + " " + (". ".join(says) + "." if says else
                                "Neither test rejects the model at 1 %.")


@dataclass(frozen=True, slots=True)
class GoodnessOfFit:
    """Residual tests of all components of a process.

    Parameters
    ----------
    components : tuple of ComponentFit
    fitted_here : bool
        Whether the parameters were fitted to the same events.
    """

    components: tuple[ComponentFit, ...]
    fitted_here: bool

    @property
    def accepted(self) -> bool:
        """No test of any component rejects at 1 %."""
        return all(part.accepted for part in self.components)

    def describe(self) -> str:
        """The report as text, one paragraph a component."""
        lines = [part.describe() for part in self.components]
        return "\n".join([*lines, CAVEAT] if self.fitted_here else lines)

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers and strings, ready for JSON; the QQ data left out."""
        parts = []
        for part in self.components:
            values = {key: value if not isinstance(value, float) or np.isfinite(value) else None
                      for key, value in asdict(part).items() if key != "quantiles"}
            parts.append({**values, "accepted": part.accepted, "says": part.describe()})
        return {"accepted": self.accepted, "components": parts,
                "caveat": CAVEAT if self.fitted_here else None}


def goodness_of_fit(model: Model | HawkesParameters, events: Any, T: float, *,
                    names: Sequence[str] | None = None, lags: int = 20,
                    fitted_here: bool | None = None) -> GoodnessOfFit:
    """Residual tests of a model or fit on events.

    Parameters
    ----------
    model : UnivariateHawkes, MultivariateHawkes, MultivariateKernelHawkes or HawkesParameters
    events : what the model's ``residuals`` takes
    T : float
        End of the observation, seconds.
    names : sequence of str, optional
        Of the components.
    lags : int
        Of the Ljung-Box test, 1 or more.
    fitted_here : bool, optional
        Whether the parameters come from these events, so that the report warns. Parameters of a
        fit are compared with the events by number and duration, a model is taken as given.

    Returns
    -------
    GoodnessOfFit

    Raises
    ------
    HawkesError
        If the events do not fit the model, or `lags` is below 1.

    Examples
    --------
    >>> model = MultivariateHawkes([1.0], [[0.5]], 2.0)
    >>> events = model.simulate(2000.0, np.random.default_rng(3))
    >>> goodness_of_fit(model, events, 2000.0).accepted
    True
    """
    parameters = model if isinstance(model, HawkesParameters) else None
    built = model_of(model) if isinstance(model, HawkesParameters) else model
    found = built.residuals(events, T)
    parts = list(found) if isinstance(found, list) else [found]
    if fitted_here is None:
        fitted_here = parameters is not None and parameters.duration == T and (
            parameters.event_count == sum(len(part) for part in parts))
    labels = list(names) if names is not None else (
        ["events"] if len(parts) == 1 else [f"type {i}" for i in range(len(parts))])
    if len(labels) != len(parts):
        raise HawkesError(f"names must have {len(parts)} entries, had {len(labels)}")
    return GoodnessOfFit(tuple(residual_tests(part, lags=lags, name=label)
                               for part, label in zip(parts, labels, strict=True)), fitted_here)


def model_of(parameters: HawkesParameters) -> Model:
    """The model of a fit, of one type or several."""
    if np.ndim(parameters.alpha) >= 2:
        if parameters.kernel_name == "exponential" and parameters.knots is None:
            return MultivariateHawkes.from_parameters(parameters)
        return MultivariateKernelHawkes.from_parameters(parameters)
    return UnivariateHawkes.from_parameters(parameters)


def residual_tests(residuals: ArrayLike, *, lags: int = 20, name: str = "events") -> ComponentFit:
    """KS test against Exp(1), Ljung-Box test and QQ data of residuals.

    Parameters
    ----------
    residuals : array_like of shape (n,)
        0 or more.
    lags : int
        Of the Ljung-Box test; at most a quarter of n is used.
    name : str

    Returns
    -------
    ComponentFit

    Raises
    ------
    HawkesError
        If a residual is negative or not finite, or `lags` is below 1.

    Examples
    --------
    >>> tests = residual_tests([.5, .9658705254, 1.4740721702, .6154884298, 2.5808724497])
    >>> round(tests.ks_statistic, 10), round(tests.ks_pvalue, 10)
    (0.3934693403, 0.3265316041)
    """
    from scipy.stats import chi2, kstest

    values = np.asarray(residuals, np.float64)
    # Differences of a compensator may fall below 0 by their rounding.
    if values.ndim != 1 or not np.isfinite(values).all() or (values < -1e-6).any():
        raise HawkesError("residuals must be a vector of finite numbers of 0 or more")
    values = np.maximum(values, 0.0)
    if lags < 1:
        raise HawkesError(f"lags must be 1 or more, was {lags}")
    n, nan = len(values), float("nan")
    if n < 2:
        return ComponentFit(name, n, float(values.mean()) if n else nan, nan, nan, nan, nan, nan,
                            0, nan, ((), ()))
    test = kstest(values, "expon")
    correlations = autocorrelations(-np.expm1(-values), min(lags, max(n // 4, 1)))
    used = len(correlations)
    statistic = float(n * (n + 2) * np.sum(correlations**2 / (n - np.arange(1, used + 1))))
    ranks = np.unique(np.linspace(0, n - 1, min(n, QQ_POINTS)).astype(np.int64))
    theory = -np.log1p(-(ranks + 0.5) / n)
    observed = np.sort(values)[ranks]
    return ComponentFit(
        name, n, float(values.mean()), float(values.var(ddof=1)), float(test.statistic),
        float(test.pvalue), statistic, float(chi2.sf(statistic, used)), used,
        float(correlations[0]), (tuple(theory.tolist()), tuple(observed.tolist())))


def autocorrelations(values: Floats, lags: int) -> Floats:
    """Sample autocorrelations at lags 1 to `lags`; zeros for a constant series.

    Examples
    --------
    >>> autocorrelations(np.array([1.0, -1.0, 1.0, -1.0]), 2).tolist()
    [-0.75, 0.5]
    """
    centred = values - values.mean()
    power = float(centred @ centred)
    if power == 0.0:
        return np.zeros(lags)
    return np.array([float(centred[k:] @ centred[:-k]) / power for k in range(1, lags + 1)])
