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
from dreammaker.features.cusum_clock import CusumDecisionClock
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
        Gives the worth of a tick, for the dollar clocks, and its size, for the CUSUM filter.

    Examples
    --------
    >>> type(build_decision_clock(ModelConfig(), Instrument.win())).__name__
    'TimeDecisionClock'
    """
    interval_ns = round(config.decision_interval_s * _NS_PER_S)
    if config.decision_clock == "time":
        return TimeDecisionClock(interval_ns)
    if config.decision_clock == "cusum":
        return CusumDecisionClock(config.decision_move_points, instrument, interval_ns)
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


def clock_entry(clock: str, size: float, interval_s: float = 1.0) -> dict[str, Any]:
    """A clock as a bundle stores it: its name, and seconds, points, or the size of its bars.

    Parameters
    ----------
    clock : str
        "time", "cusum", or a name of ``BAR_CLOCKS``.
    size : float
        Seconds of "time", points of "cusum", else the size of a bar.
    interval_s : float
        Of the rows that "cusum" looks at; nothing to the others.
    """
    if clock == "cusum":
        return {"clock": clock, "move_points": float(size), "interval_s": float(interval_s)}
    return {"clock": clock, "interval_s" if clock == "time" else "bar_size": float(size)}


def clock_of(entry: Mapping[str, Any]) -> tuple[str, float, float]:
    """Name, size and interval back from a bundle's entry: the inverse of `clock_entry`.

    Raises
    ------
    ConfigError
        If it is no entry of a clock.
    """
    try:
        clock = str(entry["clock"])
        size = float(entry[{"time": "interval_s", "cusum": "move_points"}.get(clock, "bar_size")])
        interval_s = float(entry["interval_s"]) if clock in ("time", "cusum") else 1.0
    except (KeyError, TypeError, ValueError):
        raise ConfigError(f"{dict(entry)} does not say when to decide; clock with interval_s, "
                          "move_points and interval_s, or bar_size do") from None
    if clock not in ("time", "cusum"):
        bar_rule(clock, size)
    return clock, size, interval_s


def sampler_of(config: ModelConfig) -> dict[str, Any]:
    """What says when to decide, as a bundle stores it.

    Examples
    --------
    >>> sampler_of(ModelConfig(decision_clock="dollar", decision_bar_size=1e6))
    {'clock': 'dollar', 'bar_size': 1000000.0}
    """
    clock, seconds = config.decision_clock, config.decision_interval_s
    size = {"time": seconds, "cusum": config.decision_move_points}.get(
        clock, config.decision_bar_size)
    return clock_entry(clock, size, seconds)
