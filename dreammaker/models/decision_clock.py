"""Which clock says when to decide: by configuration, in a bundle, and as a rule of bars.

One mapping, here, between a clock's name with its size (a configuration, a bundle) and the rule of
bars that it stands for.
"""

from collections.abc import Mapping
from typing import Any

from dreammaker.domain.errors import ConfigError
from dreammaker.domain.instrument import Instrument
from dreammaker.engine.decisions import TimeDecisionClock
from dreammaker.engine.ports import DecisionClock
from dreammaker.features.bar_clock import BarDecisionClock
from dreammaker.features.bar_rules import BarRule, Weight
from dreammaker.models.config import ModelConfig

_NS_PER_S = 1_000_000_000
_WEIGHTS: dict[str, Weight] = {"tick": "tick", "volume": "volume", "dollar": "dollar"}
_FORMS = {"": "total", "imbalance": "imbalance", "run": "runs"}

BAR_CLOCKS = tuple(weight + (f"_{form}" if form else "") for form in _FORMS for weight in _WEIGHTS)
"""Names of the clocks that go by bars."""


def build_decision_clock(config: ModelConfig, instrument: Instrument) -> DecisionClock:
    """The clock that ``decision_clock`` names, fresh.

    Parameters
    ----------
    config : ModelConfig
    instrument : Instrument
        Gives the worth of a tick, for the dollar clocks.

    Examples
    --------
    >>> type(build_decision_clock(ModelConfig(), Instrument.win())).__name__
    'TimeDecisionClock'
    """
    if config.decision_clock == "time":
        return TimeDecisionClock(round(config.decision_interval_s * _NS_PER_S))
    return BarDecisionClock(bar_rule(config.decision_clock, config.decision_bar_size), instrument)


def bar_rule(clock: str, size: float) -> BarRule:
    """The rule that a clock's name and size stand for.

    Raises
    ------
    ConfigError
        If no clock by bars has that name, or the size does not fit it.

    Examples
    --------
    >>> bar_rule("volume_run", 50.0).form, bar_rule("volume", 500.0).threshold
    ('runs', 500.0)
    """
    weight_name, _, form = clock.partition("_")
    if clock not in BAR_CLOCKS:
        raise ConfigError(f"a clock by bars must be one of {', '.join(BAR_CLOCKS)}, was {clock!r}")
    weight = _WEIGHTS[weight_name]
    if form == "imbalance":
        return BarRule.imbalance(weight=weight, expected_length=size)
    if form == "run":
        return BarRule.runs(weight=weight, expected_length=size)
    return BarRule.ticks(size) if clock == "tick" else BarRule(form="total", weight=weight,
                                                                threshold=size)


def bar_clock(rule: BarRule) -> tuple[str, float]:
    """Name and size of the clock that goes by a rule: the inverse of `bar_rule`.

    Raises
    ------
    ConfigError
        If no name and size stand for the rule.

    Examples
    --------
    >>> bar_clock(BarRule.runs(weight="volume", expected_length=50.0))
    ('volume_run', 50.0)
    """
    name, size = "", rule.expected_length
    for form, of in _FORMS.items():
        if of == rule.form:
            name = rule.weight + (f"_{form}" if form else "")
            size = rule.threshold if of == "total" and rule.threshold is not None else size
    if name not in BAR_CLOCKS or bar_rule(name, size) != rule:
        raise ConfigError(f"the loop has no clock for the bars {rule}; its clocks by bars know "
                          "their size alone, everything else is as BarRule has it by default")
    return name, float(size)


def clock_entry(clock: str, size: float) -> dict[str, Any]:
    """A clock as a bundle stores it: its name, and seconds or the size of its bars."""
    return {"clock": clock, "interval_s" if clock == "time" else "bar_size": float(size)}


def clock_of(entry: Mapping[str, Any]) -> tuple[str, float]:
    """Name and size back from a bundle's entry: the inverse of `clock_entry`.

    Raises
    ------
    ConfigError
        If it is no entry of a clock.
    """
    try:
        clock = str(entry["clock"])
        size = float(entry["interval_s" if clock == "time" else "bar_size"])
    except (KeyError, TypeError, ValueError):
        raise ConfigError(f"{dict(entry)} does not say when to decide; clock and interval_s or "
                          "bar_size do") from None
    if clock != "time":
        bar_rule(clock, size)
    return clock, size


def sampler_of(config: ModelConfig) -> dict[str, Any]:
    """What says when to decide, as a bundle stores it.

    Examples
    --------
    >>> sampler_of(ModelConfig(decision_clock="dollar", decision_bar_size=1e6))
    {'clock': 'dollar', 'bar_size': 1000000.0}
    """
    clock = config.decision_clock
    return clock_entry(clock, config.decision_interval_s if clock == "time"
                       else config.decision_bar_size)
