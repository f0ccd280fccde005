"""A live residual test: flags when a running process no longer follows its parameters."""

from dataclasses import dataclass
from math import log, sqrt

import numpy as np
from numpy.typing import NDArray

from dreammaker._ext.hawkes_branching import ResidualState
from dreammaker.hawkes.errors import HawkesError
from dreammaker.hawkes.parameters import HawkesParameters

Floats = NDArray[np.float64]

FASTER, SLOWER = 1.25, 0.8
"""Changes of the rate that the sums are most sensitive to."""


@dataclass(frozen=True, slots=True)
class Drift:
    """One alarm.

    Parameters
    ----------
    time : float
        Seconds, of the event that raised it.
    mark : int
        Component.
    kind : str
        "faster" or "slower": events come faster or slower than the intensity says; "shape": the
        distribution of a window's residuals is not exponential.
    statistic, threshold : float
    """

    time: float
    mark: int
    kind: str
    statistic: float
    threshold: float


class ResidualMonitor:
    """CUSUM and windowed Kolmogorov-Smirnov tests on Exp(1) residuals as events arrive.

    For each component two cumulative sums of log-likelihood ratios watch for residuals that have
    become shorter (rate x 1.25) or longer (x 0.8), and every `window` residuals a KS test looks at
    their shape. An alarm restarts the test that raised it.

    False alarms: under the true parameters, each sum's mean run length is at least its threshold's
    exponential (Lorden 1971), and the KS threshold is the asymptotic one with Stephens' (1970)
    correction. Thresholds are set so that, per component, all three together raise at most one
    false alarm in `false_alarm_events` residuals in the mean. Parameters that were estimated are
    not the true ones: leave room for it.

    Parameters
    ----------
    parameters : HawkesParameters
        A fit with exponential kernels, of one type or of up to 8.
    initial_excitation : float or array of shape (d, d)
        From the history: `MultivariateHawkes.excitation_at`; by default that of the parameters.
    false_alarm_events : float
        At least 1 000.
    window : int
        Residuals of a KS test, at least 50 and at most `false_alarm_events` / 10.

    Raises
    ------
    HawkesError
        If a value is not as above or the kernel is not exponential.

    Examples
    --------
    >>> fit = HawkesParameters("exponential", mu=1.0, alpha=0.5, beta=2.0, log_likelihood=0.0,
    ...                        branching_ratio=0.25)
    >>> monitor = ResidualMonitor(fit)
    >>> alarms = [monitor.event(0.01 * k) for k in range(1, 200)]
    >>> next(alarm.kind for alarm in alarms if alarm)
    'faster'
    """

    def __init__(self, parameters: HawkesParameters,
                 initial_excitation: "float | Floats | None" = None, *,
                 false_alarm_events: float = 100_000.0, window: int = 500) -> None:
        if parameters.kernel_name != "exponential" or parameters.knots is not None:
            raise HawkesError("the monitor follows exponential kernels with a constant base rate, "
                              f"not {parameters.kernel_name} with knots"
                              if parameters.knots is not None else
                              f"the monitor follows exponential kernels, not "
                              f"{parameters.kernel_name}")
        if not false_alarm_events >= 1_000.0:
            raise HawkesError("false_alarm_events must be at least 1000, was "
                              f"{false_alarm_events:g}")
        if not 50 <= window <= false_alarm_events / 10:
            raise HawkesError(f"window must be 50 to false_alarm_events / 10, was {window}")
        mu = np.atleast_1d(np.asarray(parameters.mu, np.float64))
        d = len(mu)
        left = parameters.initial_excitation if initial_excitation is None else initial_excitation
        alpha, beta, excitation = (
            np.ascontiguousarray(np.broadcast_to(np.asarray(value, np.float64), (d, d)))
            for value in (parameters.alpha, parameters.beta, left))
        if d > 8:
            raise HawkesError(f"the monitor follows up to 8 types, not {d}")
        self._state = ResidualState(mu, alpha, beta, excitation)
        self.false_alarm_events, self.window = float(false_alarm_events), window
        # A third of the alarms allowed for each test.
        self.sum_threshold = log(3.0 * false_alarm_events)
        chance = window / (3.0 * false_alarm_events)
        root = sqrt(window)
        self.shape_threshold = sqrt(-0.5 * log(chance / 2.0)) / (root + 0.12 + 0.11 / root)
        self._sums = np.zeros((d, 2))
        self._recent = np.empty((d, window))
        self._filled = [0] * d
        self.event_count = 0

    def event(self, t: float, mark: int = 0) -> Drift | None:
        """Take an event; O(1), and one sort every `window` residuals.

        Parameters
        ----------
        t : float
            Seconds since the parameters' time 0, not before the last event.
        mark : int
            Component.

        Returns
        -------
        Drift or None
            The first test that raised an alarm, in the order faster, slower, shape.

        Raises
        ------
        HawkesError
            If the time goes back or the mark is unknown.
        """
        try:
            residual = self._state.event(t, mark)
        except ValueError as error:
            raise HawkesError(str(error)) from None
        self.event_count += 1
        sums = self._sums[mark]
        raised: Drift | None = None
        for which, (ratio, kind) in enumerate(((FASTER, "faster"), (SLOWER, "slower"))):
            sums[which] = max(0.0, sums[which] + log(ratio) - (ratio - 1.0) * residual)
            if sums[which] > self.sum_threshold:
                raised = raised or Drift(t, mark, kind, float(sums[which]), self.sum_threshold)
                sums[which] = 0.0
        filled = self._filled[mark]
        self._recent[mark, filled] = residual
        self._filled[mark] = (filled + 1) % self.window
        if filled + 1 == self.window:
            distance = self._distance(mark)
            if distance > self.shape_threshold:
                raised = raised or Drift(t, mark, "shape", distance, self.shape_threshold)
        return raised

    def intensity(self, t: float) -> Floats:
        """Intensities at `t`, at or after the last event, shape (d,)."""
        return np.array(self._state.rates(t))

    def _distance(self, mark: int) -> float:
        uniform = np.sort(-np.expm1(-self._recent[mark]))
        ranks = np.arange(self.window + 1) / self.window
        return float(max((ranks[1:] - uniform).max(), (uniform - ranks[:-1]).max()))
