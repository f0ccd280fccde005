"""What ends a bar, and how its expectations are formed."""

from dataclasses import dataclass
from math import inf, isfinite
from typing import Any, Literal, TypedDict, Unpack

import numpy as np

from dreammaker.domain.errors import ConfigError
from dreammaker.domain.instrument import MONEY_UNIT, Instrument

Form = Literal["time", "total", "imbalance", "runs"]
Weight = Literal["tick", "volume", "dollar"]

LONGEST_SECONDS = 31_622_400
"""Of a time bar: a year."""

_FORMS = ("time", "total", "imbalance", "runs")
_WEIGHTS = ("tick", "volume", "dollar")


class ExpectationOptions(TypedDict, total=False):
    """The optional parameters of imbalance and run bars; see `BarRule`."""

    expected_length: float
    length_alpha: float
    flow_span: float
    least_length: float
    most_length: float
    least_share: float
    warm_up_bars: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BarRule:
    """What ends a bar.

    Parameters
    ----------
    form : {"time", "total", "imbalance", "runs"}
    weight : {"tick", "volume", "dollar"}
        What a print weighs: 1, its lots, its worth in the currency.
    seconds : float
        Length of a time bar.
    threshold : float, optional
        What a bar must reach, in prints, lots or currency; None for imbalance and runs: expected.
    expected_length : float
        E[T], the prints of a bar, before the first one has ended; also the length of warm-up bars.
    length_alpha : float
        Weight of the last bar in the exponential mean E[T], in (0, 1].
    flow_span : float, optional
        Span in prints of the exponential means of signed and unsigned weight (weight of the last
        print 2 / (span + 1)); ``expected_length`` where it is not given.
    least_length, most_length : float, optional
        Bounds of E[T]: without them it runs away in either direction. A tenth and ten times
        ``expected_length`` where they are not given.
    least_share : float
        The expected imbalance counts as at least this share of the expected weight, in (0, 1]:
        balanced flow would otherwise make a bar of every print.
    warm_up_bars : int
        Bars of ``expected_length`` prints before the expectations are used, 1 or more.

    Notes
    -----
    The threshold is fixed when a bar opens, from the bars and prints before it.

    Raises
    ------
    ConfigError
        If a parameter is outside its range.

    Examples
    --------
    >>> BarRule.ticks(100).threshold
    100.0
    """

    form: Form
    weight: Weight = "tick"
    seconds: float = 0.0
    threshold: float | None = None
    expected_length: float = 1000.0
    length_alpha: float = 0.1
    flow_span: float | None = None
    least_length: float | None = None
    most_length: float | None = None
    least_share: float = 0.05
    warm_up_bars: int = 1

    def __post_init__(self) -> None:
        _one_of("form", self.form, _FORMS)
        _one_of("weight", self.weight, _WEIGHTS)
        if self.form == "time":
            seconds = _number("seconds", self.seconds)
            if not (0.0 < seconds <= LONGEST_SECONDS and round(seconds * 1e9) >= 1):
                raise ConfigError(f"seconds must be above 0 and at most {LONGEST_SECONDS:,}, was "
                                  f"{self.seconds!r}")
            return
        if self.form == "total" and self.threshold is None:
            raise ConfigError("threshold must be given for bars by a total")
        if self.threshold is not None:
            _within("threshold", self.threshold, 0.0, inf)
        _within("expected_length", self.expected_length, 0.0, inf)
        _within("length_alpha", self.length_alpha, 0.0, 1.0)
        _within("least_share", self.least_share, 0.0, 1.0)
        for name in ("flow_span", "least_length", "most_length"):
            if (value := getattr(self, name)) is not None:
                _within(name, value, 0.0, inf)
        if self.flow_span is not None and self.flow_span < 1:
            raise ConfigError(f"flow_span must be 1 or more, was {self.flow_span:g}")
        least, most = self.length_bounds
        if least > most:
            raise ConfigError(f"least_length must not exceed most_length ({most:g}), "
                              f"was {least:g}")
        warm_up = _number("warm_up_bars", self.warm_up_bars)
        if not (1 <= warm_up < 2**62 and warm_up.is_integer()):
            rule = "1 or more" if warm_up < 1 else "a whole number below 2^62"
            raise ConfigError(f"warm_up_bars must be {rule}, was {self.warm_up_bars}")

    @property
    def length_bounds(self) -> tuple[float, float]:
        """Bounds of E[T] in prints."""
        least = self.expected_length / 10 if self.least_length is None else self.least_length
        most = self.expected_length * 10 if self.most_length is None else self.most_length
        return least, most

    @classmethod
    def time(cls, seconds: float) -> "BarRule":
        """Bars of clock time."""
        return cls(form="time", seconds=seconds)

    @classmethod
    def ticks(cls, count: float) -> "BarRule":
        """Bars of a number of prints."""
        if not (_number("count", count) >= 1 and float(count).is_integer()):
            raise ConfigError(f"count must be a whole number of 1 or more, was {count!r}")
        return cls(form="total", threshold=float(count))

    @classmethod
    def volume(cls, lots: float) -> "BarRule":
        """Bars of a number of lots."""
        return cls(form="total", weight="volume", threshold=lots)

    @classmethod
    def dollar(cls, value: float) -> "BarRule":
        """Bars of a traded value in the currency."""
        return cls(form="total", weight="dollar", threshold=value)

    @classmethod
    def imbalance(cls, threshold: float | None = None, *, weight: Weight = "tick",
                  **expectations: Unpack[ExpectationOptions]) -> "BarRule":
        """Bars by the absolute sum of signed weights."""
        return cls(form="imbalance", weight=weight, threshold=threshold, **expectations)

    @classmethod
    def runs(cls, threshold: float | None = None, *, weight: Weight = "tick",
             **expectations: Unpack[ExpectationOptions]) -> "BarRule":
        """Bars by the larger of the buys' and the sells' weights."""
        return cls(form="runs", weight=weight, threshold=threshold, **expectations)

    def settings(self, instrument: Instrument) -> dict[str, Any]:
        """The rule in the kernel's units: ns, prints, lots, millionths of the currency."""
        least, most = self.length_bounds
        return {
            "form": _FORMS.index(self.form), "weight": _WEIGHTS.index(self.weight),
            "length_ns": round(self.seconds * 1e9) if self.form == "time" else 1,
            "fixed": self._fixed(),
            "first_length": self.expected_length, "length_alpha": self.length_alpha,
            "flow_alpha": 2.0 / ((self.flow_span or max(self.expected_length, 1.0)) + 1.0),
            "least_length": least, "most_length": most, "least_share": self.least_share,
            "warm_up": self.warm_up_bars, "tick_micros": float(instrument.tick_value_micros),
        }

    def _fixed(self) -> float:
        if self.threshold is None:
            return 0.0
        if self.weight == "dollar":
            # A whole number of millionths, so that it meets a bar's exact sum.
            return float(max(round(self.threshold * MONEY_UNIT), 1))
        return float(self.threshold)


def _one_of(name: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise ConfigError(f"{name} must be one of {', '.join(allowed)}, was {value!r}")


def _number(name: str, value: float) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float | np.number):
        raise ConfigError(f"{name} must be a number, was {value!r}")
    return float(value)


def _within(name: str, value: float, above: float, most: float) -> None:
    if not (isfinite(_number(name, value)) and above < value <= most):
        rule = f"above {above:g}" + ("" if most == inf else f" and at most {most:g}")
        raise ConfigError(f"{name} must be {rule}, was {value!r}")
