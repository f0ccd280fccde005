"""Which feature rows become decision rows: by time, by bars, or by the CUSUM filter."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from dreammaker.domain.errors import ConfigError
from dreammaker.domain.instrument import Instrument
from dreammaker.engine.decisions import TimeDecisionClock
from dreammaker.engine.ports import DecisionClock
from dreammaker.features.bar_clock import BarDecisionClock
from dreammaker.features.bar_rules import BarRule
from dreammaker.features.cusum_clock import CusumDecisionClock
from dreammaker.models.decision_clock import BAR_CLOCKS, bar_clock, bar_rule, clock_entry, clock_of

_HELP = ("time:SECONDS, tick:PRINTS, volume:LOTS, dollar:VALUE, cusum:POINTS, or "
         "{tick,volume,dollar}_{imbalance,run}:PRINTS")


@dataclass(frozen=True, slots=True)
class Sampler:
    """The clock that chooses decision rows, as the loop's decision clocks do.

    Parameters
    ----------
    kind : {"time", "bars", "cusum"}
        First row at or after every boundary of ``seconds``; first row at or after the end of every
        bar; rows of the time clock at which the CUSUM filter of ``points`` fires.
    seconds : float
        Interval of "time", and of the rows that "cusum" looks at; above 0.
    rule : BarRule, optional
        Of "bars".
    points : float
        Threshold of "cusum".

    Raises
    ------
    ConfigError
        If a parameter is missing or out of range.

    Examples
    --------
    >>> Sampler.parse("cusum:20").points, Sampler().seconds
    (20.0, 1.0)
    """

    kind: Literal["time", "bars", "cusum"] = "time"
    seconds: float = 1.0
    rule: BarRule | None = None
    points: float = 0.0

    def __post_init__(self) -> None:
        if self.kind not in ("time", "bars", "cusum"):
            raise ConfigError(f"a sampler must be time, bars or cusum, was {self.kind!r}")
        if not 1e-6 <= self.seconds <= 86_400.0:
            raise ConfigError("a sampler's seconds must be in [0.000001, 86400], were "
                              f"{self.seconds!r}")
        if (self.kind == "bars") != (self.rule is not None):
            raise ConfigError("a sampler has a bar rule if, and only if, it is of kind bars")
        if self.rule is not None and self.rule.form == "time":
            raise ConfigError("a sampler by time bars is one of kind time")
        if self.kind == "cusum" and not 0.0 < self.points < float("inf"):
            raise ConfigError(f"a CUSUM sampler's points must be above 0, were {self.points!r}")

    @classmethod
    def parse(cls, text: str) -> "Sampler":
        """A sampler as a command line gives it, ``KIND:SIZE``; see the error's text for kinds.

        Raises
        ------
        ConfigError
            If the text names no sampler.
        """
        kind, _, number = text.strip().partition(":")
        try:
            size = float(number)
        except ValueError:
            raise ConfigError(f"a sampler must be {_HELP}; was {text!r}") from None
        if kind == "time":
            return cls(seconds=size)
        if kind == "cusum":
            return cls(kind="cusum", points=size)
        if kind not in BAR_CLOCKS:
            raise ConfigError(f"a sampler must be {_HELP}; was {text!r}")
        return cls(kind="bars", rule=bar_rule(kind, size))

    @classmethod
    def of_loop_clock(cls, entry: Mapping[str, Any]) -> "Sampler":
        """The sampler that decides as a bundle's clock does: the inverse of `loop_clock`.

        Raises
        ------
        ConfigError
            If the entry names no clock of the loop.
        """
        clock, size, seconds = clock_of(entry)
        if clock == "time":
            return cls(seconds=size)
        if clock == "cusum":
            return cls(kind="cusum", points=size, seconds=seconds)
        return cls(kind="bars", rule=bar_rule(clock, size))

    def loop_clock(self) -> dict[str, Any]:
        """When the loop decides, as a bundle stores it (``decision_clock.sampler_of``).

        Raises
        ------
        ConfigError
            If the loop has no clock for such bars.

        Examples
        --------
        >>> Sampler.parse("volume:500").loop_clock()
        {'clock': 'volume', 'bar_size': 500.0}
        """
        if self.rule is not None:
            return clock_entry(*bar_clock(self.rule))
        if self.kind == "cusum":
            return clock_entry("cusum", self.points, self.seconds)
        return clock_entry("time", self.seconds)

    def clock(self, instrument: Instrument) -> DecisionClock:
        """A fresh decision clock."""
        if self.rule is not None:
            return BarDecisionClock(self.rule, instrument)
        interval_ns = round(self.seconds * 1e9)
        if self.kind == "cusum":
            return CusumDecisionClock(self.points, instrument, interval_ns)
        return TimeDecisionClock(interval_ns)

    def to_dict(self) -> dict[str, Any]:
        """Everything that the choice depends on, fit for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, read: dict[str, Any]) -> "Sampler":
        """The inverse of `to_dict`."""
        rule = read.get("rule")
        return cls(**{**read, "rule": None if rule is None else BarRule(**rule)})
