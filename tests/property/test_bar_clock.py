"""Bars as the decision clock: the same decisions however records are cut into batches."""

from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dreammaker.assembly.session import Session
from dreammaker.assembly.sources import open_source
from dreammaker.backtest.quotes import run_quotes
from dreammaker.domain.errors import ConfigError
from dreammaker.domain.instrument import Instrument
from dreammaker.engine.decisions import TimeDecisionClock
from dreammaker.features.bar_clock import BarDecisionClock
from dreammaker.features.bars import BarRule
from dreammaker.models.config import ModelConfig
from dreammaker.models.decision_clock import build_decision_clock
from tests.end_to_end.sessions import short_config
from tests.kernels.test_bars import stream_of, trades
from tests.property.test_batch_invariance import BATCHES, assert_same

WIN = Instrument.win()


def rows_of(indices: np.ndarray) -> SimpleNamespace:
    return SimpleNamespace(event_index=indices, count=len(indices))


def chosen(rule: BarRule, events: np.ndarray, rows: np.ndarray, cuts: list[int]) -> list[int]:
    """Records of the decision rows, the stream cut into batches; rows never count earlier ones."""
    clock, found = BarDecisionClock(rule, WIN), []
    edges = [0, *sorted(cuts), len(events)]
    for start, stop in pairwise(edges):
        inside = rows[(rows >= start) & (rows < stop)] - start
        found += [start + int(inside[i])
                  for i in clock.choose(events[start:stop], rows_of(inside))]
    return found


def test_clock_when_bars_end_between_rows_then_the_next_row_decides_once() -> None:
    events = trades("+" * 12)
    # Bars of two prints end at 1, 3, 5, 7, 9, 11; rows stand at 0, 3, 8 alone.
    assert chosen(BarRule.ticks(2), events, np.array([0, 3, 8]), []) == [3, 8]
    assert chosen(BarRule.ticks(2), events, np.array([0, 3, 8]), [2, 5]) == [3, 8]


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 100), cuts=st.lists(st.integers(0, 600), max_size=8),
       picks=st.sets(st.integers(0, 599), max_size=200), weight=st.sampled_from(
           ("tick", "volume", "dollar")), form=st.sampled_from(("imbalance", "runs")))
def test_clock_when_cut_anyhow_then_the_same_rows(
        seed: int, cuts: list[int], picks: set[int], weight: str, form: str) -> None:
    rule = BarRule(form=form, weight=weight, expected_length=9.0)
    events, rows = stream_of(seed), np.array(sorted(picks), np.int64)
    assert chosen(rule, events, rows, cuts) == chosen(rule, events, rows, [])


@pytest.mark.parametrize(("clock", "fills"), [("volume", 1), ("tick_run", 0)])
def test_session_when_bars_decide_then_the_same_journal_at_any_batch_size(
        clock: str, fills: int) -> None:
    sessions = []
    for size in BATCHES:
        config = short_config(2.0, batch_events=size, model={
            "decision_clock": clock, "decision_bar_size": 40.0, "entry_threshold": 1.0,
            "exit_threshold": 0.2})
        sessions.append(Session(config, open_source(config)))
    assert_same(sessions, fills=fills)
    assert sessions[0].loop.counts.decisions > 10


@pytest.mark.parametrize(("name", "form", "weight"), [
    ("tick", "total", "tick"), ("dollar", "total", "dollar"),
    ("volume_imbalance", "imbalance", "volume"), ("dollar_run", "runs", "dollar")])
def test_config_when_it_names_a_clock_then_that_rule(name: str, form: str, weight: str) -> None:
    clock = build_decision_clock(ModelConfig(decision_clock=name, decision_bar_size=50.0), WIN)
    assert isinstance(clock, BarDecisionClock)
    assert (clock._stream.rule.form, clock._stream.rule.weight) == (form, weight)


def test_config_when_the_clock_is_time_then_the_interval_decides() -> None:
    clock = build_decision_clock(ModelConfig(decision_interval_s=0.5), WIN)
    assert isinstance(clock, TimeDecisionClock) and clock.interval_ns == 500_000_000


def test_session_when_moves_decide_then_the_same_journal_at_any_batch_size() -> None:
    sessions = []
    for size in BATCHES:
        config = short_config(2.0, batch_events=size, model={
            "decision_clock": "cusum", "decision_move_points": 20.0, "decision_interval_s": 0.1,
            "entry_threshold": 1.0, "exit_threshold": 0.2})
        sessions.append(Session(config, open_source(config)))
    assert_same(sessions, fills=0)
    assert sessions[0].loop.counts.decisions > 10


def test_config_when_a_tick_bar_is_not_whole_then_refused() -> None:
    with pytest.raises(ValueError, match="whole number of prints"):
        ModelConfig(decision_clock="tick", decision_bar_size=2.5)


def test_clock_when_the_rule_is_of_time_then_refused() -> None:
    with pytest.raises(ValueError, match="TimeDecisionClock"):
        BarDecisionClock(BarRule.time(1.0), WIN)


def test_quoting_run_when_bars_should_decide_then_refused() -> None:
    config = short_config(1.0, model={"decision_clock": "volume"})
    with pytest.raises(ConfigError, match="must be \"time\", was 'volume'"):
        run_quotes(config, open_source(config), None)  # type: ignore[arg-type]
