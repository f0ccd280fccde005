"""Which clock says when to decide, by configuration."""

from dreammaker.domain.instrument import Instrument
from dreammaker.engine.decisions import TimeDecisionClock
from dreammaker.engine.ports import DecisionClock
from dreammaker.features.bar_clock import BarDecisionClock
from dreammaker.features.bar_rules import BarRule, Weight
from dreammaker.models.config import ModelConfig

_NS_PER_S = 1_000_000_000


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
    return BarDecisionClock(bar_rule(config), instrument)


def bar_rule(config: ModelConfig) -> BarRule:
    """The rule of a clock that goes by bars."""
    weight_name, _, form = config.decision_clock.partition("_")
    weights: dict[str, Weight] = {"tick": "tick", "volume": "volume", "dollar": "dollar"}
    weight, size = weights[weight_name], config.decision_bar_size
    if form == "imbalance":
        return BarRule.imbalance(weight=weight, expected_length=size)
    if form == "run":
        return BarRule.runs(weight=weight, expected_length=size)
    return BarRule(form="total", weight=weight, threshold=size)
