"""Bars of every kind: oracles, the naive twin, and one result however the stream is cut."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dreammaker._ext.bars import BAR_DTYPE, BarKernel
from dreammaker.domain.errors import ConfigError
from dreammaker.domain.instrument import Instrument
from dreammaker.domain.schema import EVENT_DTYPE, Flag, Kind, Phase
from dreammaker.domain.source import SourceProfile
from dreammaker.features.bars import (
    BarRule,
    BarStream,
    dollar_bars,
    imbalance_bars,
    run_bars,
    tick_bars,
    time_bars,
    volume_bars,
)
from dreammaker.features.cusum_clock import CusumDecisionClock
from dreammaker.research.label_rule import LabelRule
from dreammaker.store import EventLog
from tests.kernels.naive_bars import naive_bars

WIN = Instrument.win()
RULES = {
    "time": BarRule.time(2.0),
    "tick": BarRule.ticks(7),
    "volume": BarRule.volume(31),
    "dollar": BarRule.dollar(900_000.0),
    "tick imbalance": BarRule.imbalance(expected_length=9.0, flow_span=20.0),
    "volume imbalance": BarRule.imbalance(weight="volume", expected_length=9.0, length_alpha=0.3),
    "dollar imbalance": BarRule.imbalance(weight="dollar", expected_length=9.0, least_share=0.2),
    "fixed imbalance": BarRule.imbalance(4, weight="tick"),
    "tick runs": BarRule.runs(expected_length=9.0, warm_up_bars=2),
    "volume runs": BarRule.runs(weight="volume", expected_length=9.0, most_length=12.0),
    "dollar runs": BarRule.runs(weight="dollar", expected_length=9.0),
}


def trades(signs: str, lots: int = 1) -> np.ndarray:
    events = np.zeros(len(signs), EVENT_DTYPE)
    events["kind"], events["flags"], events["price_ticks"] = Kind.TRADE, Flag.LAST, 26_000
    events["qty_lots"] = lots
    events["side"] = [1 if sign == "+" else -1 for sign in signs]
    events["exch_ns"] = events["local_ns"] = np.arange(len(signs)) * 10**9
    return events


def log_of(events: np.ndarray) -> EventLog:
    return EventLog.of(events, WIN, SourceProfile("test", 0, True))


def stream_of(seed: int, count: int = 600) -> np.ndarray:
    """Prints of known and unknown side and size among quotes, late prints, and phase changes."""
    rng = np.random.default_rng(seed)
    events = np.zeros(count, EVENT_DTYPE)
    kinds = [Kind.TRADE, Kind.ORDER_EXECUTE, Kind.QUOTE, Kind.SESSION]
    events["kind"] = rng.choice(kinds, count, p=[0.6, 0.2, 0.18, 0.02])
    events["side"] = rng.integers(-1, 2, count)
    events["price_ticks"] = 26_000 + np.cumsum(rng.integers(-1, 2, count))
    events["residual_microticks"] = rng.choice([0, 250_000], count, p=[0.95, 0.05])
    events["qty_lots"] = rng.choice([-1, 1, 2, 5, 11], count)
    events["aux"] = rng.choice([Phase.CONTINUOUS, Phase.AUCTION], count)
    events["exch_ns"] = np.cumsum(rng.integers(0, 10**9, count)) - rng.choice(
        [0, 10**9], count, p=[0.9, 0.1])
    events["local_ns"] = events["exch_ns"] + 10**6
    return events


def run(events: np.ndarray, rule: BarRule, cuts: list[int] | None = None) -> np.ndarray:
    stream = BarStream(rule, WIN)
    parts = [stream.process(part) for part in np.split(events, sorted(cuts or []))]
    return np.concatenate([*parts, stream.flush()])


def test_oracle_when_tick_imbalance_is_fixed_at_two_then_bars_end_at_3_and_7() -> None:
    bars = imbalance_bars(log_of(trades("+-+++---")), 2)
    assert bars["event_index"].tolist() == [3, 7]
    assert bars["theta"].tolist() == [2.0, -2.0]


def test_oracle_when_tick_runs_are_fixed_at_three_then_bars_end_at_3_and_7() -> None:
    assert run_bars(log_of(trades("+-+++---")), 3)["event_index"].tolist() == [3, 7]


def test_oracle_when_a_bar_of_three_follows_an_expectation_of_four_then_3_9() -> None:
    stream = BarStream(BarRule.imbalance(3, expected_length=4.0, length_alpha=0.1), WIN)
    assert len(stream.process(trades("+++"))) == 1
    assert stream.expected_length == pytest.approx(3.9, abs=1e-15)


def test_expected_threshold_when_flow_is_one_sided_then_length_times_share() -> None:
    # Warm-up of 4 prints, 3 buys: E[b] of equal weights is near 1/2, E[T] stays 4.
    stream = BarStream(BarRule.imbalance(expected_length=4.0, flow_span=1e9), WIN)
    stream.process(trades("+-++"))
    assert stream.threshold == pytest.approx(4 * 0.5, rel=1e-6)
    runs = BarStream(BarRule.runs(expected_length=4.0, flow_span=1e9), WIN)
    runs.process(trades("+-++"))
    assert runs.threshold == pytest.approx(4 * 0.75, rel=1e-6)


def test_totals_when_a_print_crosses_the_threshold_then_it_ends_the_bar_whole() -> None:
    events = trades("++++", lots=3)
    bars = volume_bars(log_of(events), 5)
    assert bars["volume"].tolist() == [6, 6] and bars["event_index"].tolist() == [1, 3]
    # 26 000 ticks of BRL 1 for 3 lots: 78 000 a print.
    money = dollar_bars(log_of(events), 156_000.0)
    assert money["event_index"].tolist() == [1, 3]
    assert money["theta"].tolist() == [156e9, 156e9]
    assert tick_bars(log_of(events), 3)["tick_volume"].tolist() == [3]
    assert tick_bars(log_of(events), 3, partial=True)["complete"].tolist() == [True, False]


def test_session_when_the_phase_changes_then_no_bar_spans_it() -> None:
    events = trades("++++++")
    events[2]["kind"], events[2]["aux"] = Kind.SESSION, Phase.ROLL
    events["side"] = 0
    events["price_ticks"][3:] = 30_000
    bars = tick_bars(log_of(events), 3, partial=True)
    assert bars["event_index"].tolist() == [1, 5]
    assert bars["complete"].tolist() == [False, True]
    # The jump over the roll is no tick: nothing says who bought.
    assert bars["signed_volume"].tolist() == [0, 0]


def test_time_bar_when_it_ends_then_known_by_the_first_record_behind_it() -> None:
    events = trades("+++")
    events["exch_ns"] = np.array([0, 1, 5]) * 10**9
    events["local_ns"] = events["exch_ns"] + 7
    events["kind"][2] = Kind.QUOTE
    bar = time_bars(log_of(events), 2).iloc[0]
    assert (bar["end"].value, bar["known"].value, bar["known_index"]) == (2 * 10**9, 5 * 10**9 + 7,
                                                                       2)


@pytest.mark.parametrize("name", RULES)
@pytest.mark.parametrize("seed", range(3))
def test_bars_when_done_literally_then_equal(name: str, seed: int) -> None:
    events, rule = stream_of(seed), RULES[name]
    ours, naive = run(events, rule), naive_bars(events, rule, WIN.tick_value_micros)
    assert len(ours) == len(naive) > 10
    for bar, twin in zip(ours, naive, strict=True):
        prices, lots, sides = (np.array(twin[key]) for key in ("prices", "lots", "sides"))
        signs = np.array([sign for sign, _ in twin["flow"]])
        assert (bar["open"], bar["high"], bar["low"], bar["close"]) == (
            prices[0], prices.max(), prices.min(), prices[-1])
        assert (bar["volume"], bar["tick_volume"]) == (lots.sum(), len(lots))
        assert (bar["buy_volume"], bar["sell_volume"], bar["signed_volume"]) == (
            lots[sides > 0].sum(), lots[sides < 0].sum(), (signs * lots).sum())
        assert bar["value"] == pytest.approx((prices / 1e6 * lots).sum(), rel=1e-12)
        assert [bar[key] for key in ("start_ns", "end_ns", "known_ns", "last_index",
                                     "known_index")] == [
            twin[key] for key in ("start_ns", "end_ns", "known_ns", "last_index", "known_index")]
        assert bool(bar["complete"]) is twin["complete"]
        assert bar["theta"] == pytest.approx(twin["theta"], rel=1e-12)
        assert bar["limit"] == pytest.approx(twin["limit"], rel=1e-9)


@pytest.mark.parametrize("name", RULES)
def test_bars_when_streamed_then_equal_the_batch_at_every_prefix(name: str) -> None:
    events, rule = stream_of(5, 300), RULES[name]
    stream, found = BarStream(rule, WIN), np.empty(0, BAR_DTYPE)
    for i in range(len(events)):
        found = np.concatenate([found, stream.process(events[i:i + 1])])
        whole = run(events[:i + 1], rule)
        assert np.concatenate([found, stream.flush()]).tobytes() == whole.tobytes()


@settings(max_examples=30, deadline=None)
@given(name=st.sampled_from(sorted(RULES)), seed=st.integers(0, 50),
       cuts=st.lists(st.integers(0, 600), max_size=8))
def test_bars_when_cut_anyhow_then_the_same_bits(name: str, seed: int, cuts: list[int]) -> None:
    events = stream_of(seed)
    assert run(events, RULES[name], cuts).tobytes() == run(events, RULES[name]).tobytes()


@settings(max_examples=30, deadline=None)
@given(name=st.sampled_from(sorted(RULES)), seed=st.integers(0, 50))
def test_bars_when_all_are_kept_then_nothing_is_lost(name: str, seed: int) -> None:
    events = stream_of(seed)
    prints = events[np.isin(events["kind"], (Kind.TRADE, Kind.ORDER_EXECUTE))]
    bars = run(events, RULES[name])
    assert bars["tick_volume"].sum() == len(prints)
    assert bars["volume"].sum() == np.maximum(prints["qty_lots"], 0).sum()
    assert (bars["last_index"] <= bars["known_index"]).all()
    assert (np.diff(bars["last_index"]) > 0).all()


def test_kernel_when_its_room_is_small_then_the_same_bars() -> None:
    events = trades("+" * 50)
    kernel = BarKernel(BarRule.ticks(1).settings(WIN), 3)
    assert kernel.process(events).tobytes() == run(events, BarRule.ticks(1)).tobytes()


def test_volume_bars_when_no_size_is_known_then_none() -> None:
    assert len(volume_bars(log_of(trades("++++", lots=-1)), 1)) == 0
    unknown = imbalance_bars(log_of(trades("+" * 40, lots=-1)), weight="volume", expected_length=4)
    assert len(unknown) == 1


def test_bars_when_the_log_is_empty_then_an_empty_frame() -> None:
    assert len(tick_bars(log_of(trades("")), 5)) == 0


@pytest.mark.parametrize(("make", "message"), [
    (lambda: BarRule.ticks(0), "count must be a whole number of 1 or more, was 0"),
    (lambda: BarRule.ticks(2.5), "count must be a whole number"),
    (lambda: BarRule.volume(-3), "threshold must be above 0, was -3"),
    (lambda: BarRule.dollar(float("nan")), "threshold must be above 0, was nan"),
    (lambda: BarRule.imbalance(0), "threshold must be above 0, was 0"),
    (lambda: BarRule.imbalance(weight="lots"), "weight must be one of tick, volume, dollar"),
    (lambda: BarRule.runs(expected_length=-1), "expected_length must be above 0, was -1"),
    (lambda: BarRule.runs(length_alpha=1.5), "length_alpha must be above 0 and at most 1"),
    (lambda: BarRule.runs(least_length=9, most_length=3), "least_length must not exceed"),
    (lambda: BarRule.runs(flow_span=0.5), "flow_span must be 1 or more, was 0.5"),
    (lambda: BarRule.runs(warm_up_bars=0), "warm_up_bars must be 1 or more, was 0"),
    (lambda: BarRule.time(float("inf")), "seconds must be above 0"),
    (lambda: BarRule(form="total"), "threshold must be given"),
    (lambda: BarRule.time(1e11), "seconds must be above 0 and at most 31,622,400"),
    (lambda: BarRule.time(1e-12), "seconds must be above 0"),
    (lambda: BarRule.time("x"), "seconds must be a number, was 'x'"),
    (lambda: BarRule.ticks(None), "count must be a number, was None"),
    (lambda: BarRule.volume("a"), "threshold must be a number, was 'a'"),
    (lambda: BarRule.runs(warm_up_bars=1.5), "warm_up_bars must be a whole number"),
    (lambda: BarRule.runs(warm_up_bars=10**20), "warm_up_bars must be a whole number"),
    (lambda: CusumDecisionClock("a", Instrument.win()), "points must be above 0"),
    (lambda: LabelRule(horizon_s="a"), "horizon_s must be a number, was 'a'"),
])
def test_rule_when_a_parameter_is_wrong_then_one_clear_error(make, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        make()
