"""Latencies: drawn, measured, and market data that the source did not time."""

import numpy as np
import pytest

from dreammaker._ext.latency import Latency
from dreammaker.domain.errors import ConfigError
from dreammaker.domain.schema import Flag
from dreammaker.domain.source import SourceProfile
from dreammaker.exchange import DelayedFeed, ExchangeConfig
from dreammaker.exchange.latency import read_samples
from tests.unit.venue_world import BOOK, MS, ArrayFeed, records


def test_drawn_latency_has_its_median_and_its_99th_percentile():
    drawn = Latency.lognormal(40e6, 250e6, 7, 1)
    values = np.sort([drawn.ns(number) for number in range(40_000)])
    # Standard errors: 0.5 % of the median, 3 % of the percentile.
    assert values[20_000] == pytest.approx(40e6, rel=0.02)
    assert values[39_600] == pytest.approx(250e6, rel=0.12)


def test_drawn_latency_depends_on_number_seed_and_direction_alone():
    first = Latency.lognormal(40e6, 250e6, 7, 1)
    assert [first.ns(n) for n in (3, 0, 3)] == [first.ns(3), first.ns(0), first.ns(3)]
    others = [Latency.lognormal(40e6, 250e6, 8, 1), Latency.lognormal(40e6, 250e6, 7, 2)]
    assert len({first.ns(3), *(other.ns(3) for other in others)}) == 3


def test_drawn_latency_has_the_recorded_bits():
    drawn = Latency.lognormal(40e6, 250e6, 1, 1)
    assert [drawn.ns(number) for number in range(4)] == BITS


BITS = [41_241_162, 24_189_152, 240_913_211, 34_291_217]


def test_measured_latencies_are_taken_in_turn():
    measured = Latency.recorded(np.array([5, 9, 1]))
    assert [measured.ns(n) for n in range(5)] == [5, 9, 1, 5, 9]


@pytest.mark.parametrize("make", [
    lambda: Latency.constant(-1), lambda: Latency.lognormal(0.0, 1.0, 0, 0),
    lambda: Latency.lognormal(2.0, 1.0, 0, 0), lambda: Latency.lognormal(1.0, 2.0, -1, 0),
    lambda: Latency.recorded(np.array([], np.int64)), lambda: Latency.recorded(np.array([-1])),
    lambda: Latency.constant(1).ns(-1)])
def test_impossible_latencies_are_refused(make):
    with pytest.raises(ValueError, match="must be"):
        make()


def test_samples_are_read_from_text_and_numpy_files(tmp_path):
    (tmp_path / "ms.txt").write_text("1.5\n20\n", "utf-8")
    np.save(tmp_path / "ms.npy", [3.0])
    assert read_samples(tmp_path / "ms.txt").tolist() == [1_500_000, 20_000_000]
    assert read_samples(tmp_path / "ms.npy").tolist() == [3_000_000]
    (tmp_path / "bad.txt").write_text("1\n-2\n", "utf-8")
    for name in ("bad.txt", "none.txt"):
        with pytest.raises(ConfigError, match=name):
            read_samples(tmp_path / name)


def test_config_overrules_what_the_profile_assumes(tmp_path):
    (tmp_path / "ms.txt").write_text("2\n4\n", "utf-8")
    assumed = ExchangeConfig().latencies(1)
    assert len({assumed.entry_ns(n) for n in range(9)}) == 9
    constant = ExchangeConfig(entry_latency_ms=3.0, response_latency_file=str(tmp_path / "ms.txt"))
    latencies = constant.latencies(1)
    assert [latencies.entry_ns(n) for n in range(2)] == [3 * MS, 3 * MS]
    assert [latencies.response_ns(n) for n in range(2)] == [2 * MS, 4 * MS]
    assert ExchangeConfig(profile="ideal").latencies(1).entry_ns(5) == 0
    with pytest.raises(ConfigError, match="entry_latency_p99_ms needs"):
        ExchangeConfig(entry_latency_ms=30.0, entry_latency_p99_ms=20.0).latencies(1)
    told = dict(constant.assumptions(SourceProfile("test", 10, True)))["Latency"]
    assert "3 ms (configured)" in told and "measured (ms.txt)" in told and "assumed" in told


def test_delayed_feed_draws_one_latency_a_second_and_keeps_the_order():
    rows = [(n * 100 * MS, *BOOK[0][1:]) for n in range(400)]
    events = records(*rows)
    source = SourceProfile("test", 10, True)
    latency = Latency.lognormal(6e7, 3e8, 1, 3)
    whole = DelayedFeed(ArrayFeed(events, source), latency).read(500)
    feed = DelayedFeed(ArrayFeed(events, source), latency)
    pieces = np.concatenate([feed.read(7) for _ in range(58)])
    assert pieces.tobytes() == whole.tobytes()
    late = whole["local_ns"] - whole["exch_ns"]
    assert np.all(np.diff(whole["local_ns"]) >= 0)
    for second in range(40):
        # No more than the draw but for what a slower second before still holds up.
        assert late[10 * second + 9] == latency.ns(second)
    assert len(np.unique(late)) >= 40
    assert np.all(whole["flags"] & int(Flag.LOCAL_SYNTHETIC))
    assert events["local_ns"][0] == MS, "the records of the source are not written to"


def test_measured_local_times_are_kept():
    source = SourceProfile("test", 10, True, has_local_time=True)
    feed = ArrayFeed(records(*BOOK), source)
    assert ExchangeConfig().delayed(feed, 1) is feed
    blind = ArrayFeed(records(*BOOK), SourceProfile("test", 10, True))
    assert ExchangeConfig(profile="ideal").delayed(blind, 1) is blind
    assert isinstance(ExchangeConfig().delayed(blind, 1), DelayedFeed)
