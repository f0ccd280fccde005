"""One clock in three places, configuration, bundle and sampler: every kind there and back."""

from typing import get_args

import pytest

from dreammaker.domain.errors import ConfigError
from dreammaker.domain.instrument import Instrument
from dreammaker.features.bar_rules import BarRule
from dreammaker.models.config import DecisionClockName, ModelConfig
from dreammaker.models.decision_clock import (
    BAR_CLOCKS,
    bar_clock,
    bar_rule,
    build_decision_clock,
    clock_of,
    sampler_of,
)
from dreammaker.research.sampling import Sampler


@pytest.mark.parametrize("clock", get_args(DecisionClockName))
@pytest.mark.parametrize("size", [2.0, 750.0])
def test_clock_when_told_in_all_ways_then_the_same(clock: str, size: float) -> None:
    sampler = Sampler.parse(f"{clock}:{size}")
    key = {"time": "decision_interval_s", "cusum": "decision_move_points"}.get(
        clock, "decision_bar_size")
    config = ModelConfig(decision_clock=clock, **{key: size})  # type: ignore[arg-type]
    entry = sampler.loop_clock()
    assert entry == sampler_of(config) and clock_of(entry)[:2] == (clock, size)
    assert Sampler.of_loop_clock(entry) == sampler == Sampler.from_dict(sampler.to_dict())
    win = Instrument.win()
    assert type(build_decision_clock(config, win)) is type(sampler.clock(win))
    if clock in BAR_CLOCKS:
        assert bar_clock(bar_rule(clock, size)) == (clock, size)


def test_clocks_when_listed_then_those_of_the_configuration() -> None:
    assert set(get_args(DecisionClockName)) == {"time", "cusum", *BAR_CLOCKS}


@pytest.mark.parametrize("sampler", [
    Sampler(kind="bars", rule=BarRule.runs(weight="tick", expected_length=50.0, length_alpha=0.5)),
    Sampler(kind="bars", rule=BarRule.imbalance(weight="tick", expected_length=9.0,
                                                warm_up_bars=3))])
def test_sampler_when_the_loop_has_no_such_clock_then_refused(sampler: Sampler) -> None:
    with pytest.raises(ConfigError, match="the loop has no clock"):
        sampler.loop_clock()


@pytest.mark.parametrize("entry", [{}, {"clock": "time", "bar_size": 3.0}, {"clock": "noon",
                                                                           "bar_size": 3.0},
                                   {"clock": "volume", "bar_size": -1.0},
                                   {"clock": "cusum", "move_points": 20.0},
                                   {"clock": "cusum", "move_points": 0.0, "interval_s": 1.0},
                                   {"clock": "tick", "bar_size": "many"}])
def test_entry_when_it_names_no_clock_then_refused(entry: dict[str, object]) -> None:
    with pytest.raises(ConfigError):
        Sampler.of_loop_clock(entry)
