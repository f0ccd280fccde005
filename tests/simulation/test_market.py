"""The simulated market: determinism, cutting of the stream, and what must hold all day."""

from datetime import date, time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dreammaker.domain.errors import ConfigError
from dreammaker.domain.instrument import Instrument
from dreammaker.domain.schema import EVENT_DTYPE, Flag, Kind, Phase
from dreammaker.simulation import SimulatedMarket, SimulationConfig
from dreammaker.simulation.market import activity_by_minute, session_times_ns

DAY = date(2026, 3, 2)
SHORT = SimulationConfig(open_at=time(8, 56), session_minutes=3.0)
THIN = SimulationConfig(base_rates_per_s=(0.6, 0.6, 0.15, 0.15, 0.36, 0.36))
"""A whole day at less than a sixth of the default activity."""


def run(config, seed=1, sizes=(1 << 16,), day=DAY):
    market = SimulatedMarket(config, Instrument.win(), day, seed)
    parts, turn = [], 0
    while len(events := market.next_events(sizes[turn % len(sizes)])):
        parts.append(events)
        turn += 1
    assert len(market.next_events(10)) == 0
    return np.concatenate(parts)


@pytest.fixture(scope="module")
def short_day():
    return run(SHORT)


@pytest.fixture(scope="module")
def thin_day():
    return run(THIN, sizes=(1 << 18,))


def test_same_seed_gives_the_same_bytes_and_another_seed_or_day_does_not(short_day):
    assert short_day.dtype == EVENT_DTYPE
    assert run(SHORT).tobytes() == short_day.tobytes()
    other = run(SHORT, seed=2)
    assert other["price_ticks"][:5000].tobytes() != short_day["price_ticks"][:5000].tobytes()
    tomorrow = run(SHORT, day=date(2026, 3, 3))
    shift = 86_400 * 10**9
    assert not np.array_equal(tomorrow["exch_ns"][:500] - shift, short_day["exch_ns"][:500])


@settings(max_examples=15, deadline=None)
@given(sizes=st.lists(st.integers(1, 3000), min_size=1, max_size=8))
def test_stream_is_the_same_however_it_is_cut(sizes):
    config = SimulationConfig(open_at=time(8, 55, 20), session_minutes=0.5)
    assert run(config, sizes=sizes).tobytes() == run(config).tobytes()


def test_chunks_are_whole_packets_and_only_a_single_long_packet_exceeds_the_limit():
    market = SimulatedMarket(SHORT, Instrument.win(), DAY, 1)
    longest = 0
    while len(events := market.next_events(3)):
        last = np.flatnonzero(events["flags"] & Flag.LAST)
        assert last[-1] == len(events) - 1
        if len(events) > 3:
            assert len(last) == 1
            longest = max(longest, len(events))
    assert longest >= 40, "the opening snapshot comes as one packet"


def test_session_runs_through_its_phases_at_the_configured_times(thin_day):
    sessions = thin_day[thin_day["kind"] == Kind.SESSION]
    assert sessions["aux"].tolist() == [
        Phase.PRE_OPEN, Phase.CONTINUOUS, Phase.CLOSING_CALL, Phase.CLOSED]
    assert sessions["exch_ns"].tolist() == list(session_times_ns(THIN, DAY))
    utc = [str(np.datetime64(int(moment), "ns"))[11:16] for moment in sessions["exch_ns"]]
    assert utc == ["11:55", "12:00", "21:25", "21:30"]
    assert thin_day["kind"][0] == Kind.SESSION
    assert thin_day["kind"][-1] == Kind.SESSION


def test_clocks_and_sequence_never_go_back(thin_day):
    for field in ("exch_ns", "local_ns", "mono_ns"):
        assert np.diff(thin_day[field]).min() >= 0, field
    assert np.array_equal(thin_day["seq"], np.arange(1, len(thin_day) + 1))
    assert (thin_day["local_ns"] >= thin_day["exch_ns"]).all()
    anchor = session_times_ns(THIN, DAY)[0]
    assert np.array_equal(thin_day["mono_ns"], thin_day["local_ns"] - anchor)
    packet = np.concatenate(([0], np.cumsum(thin_day["flags"] & Flag.LAST > 0)[:-1]))
    same = np.diff(packet) == 0
    assert (np.diff(thin_day["exch_ns"])[same] == 0).all(), "one packet, one exchange time"
    assert (np.diff(thin_day["local_ns"])[same] == 0).all(), "one packet, one arrival"


def test_each_auction_prints_once_without_a_side_and_crosses_before(thin_day):
    prints = thin_day[thin_day["flags"] & Flag.AUCTION > 0]
    assert (prints["kind"] == Kind.TRADE).all()
    assert (prints["side"] == 0).all()
    times = session_times_ns(THIN, DAY)
    assert prints["exch_ns"].tolist() == [times[1], times[3]]
    crossed = thin_day["exch_ns"][thin_day["flags"] & Flag.CROSSED > 0]
    continuous = (crossed >= times[1]) & (crossed < times[2])
    assert len(crossed) > 100
    assert not continuous.any()


class Book:
    """Rebuilds the book from the records, with nothing shared with the generator."""

    def __init__(self):
        self.side = {1: {}, -1: {}}
        self.known = {}

    def apply(self, kind, side, price, qty, flags):
        if kind == Kind.SNAPSHOT and flags & Flag.SNAP_BEGIN:
            self.side, self.known = {1: {}, -1: {}}, {}
        if kind in (Kind.SNAPSHOT, Kind.LEVEL_SET):
            assert qty >= 0
            if qty:
                self.side[side][price] = qty
            else:
                del self.side[side][price]  # a KeyError: emptied a level that was not there
            known = self.known.get(side)
            if known is not None and (price - known) * side >= 0:
                self.known[side] = price if qty else None

    def best(self, side):
        if self.known.get(side) is None:
            self.known[side] = max(self.side[1]) if side > 0 else min(self.side[-1])
        return self.known[side]


def packets(events):
    fields = events[["kind", "side", "price_ticks", "qty_lots", "flags"]].tolist()
    ends = np.flatnonzero(events["flags"] & Flag.LAST) + 1
    start = 0
    for end in ends.tolist():
        yield fields[start:end]
        start = end


def check_trades(book, packet):
    # Trades walk the other side from its best price, one record a price, never beyond its lots.
    trades = [record for record in packet if record[0] == Kind.TRADE]
    held = sorted(book.side[-trades[0][1]].items(), reverse=trades[0][1] < 0)
    for place, (_, side, price, qty, _) in enumerate(trades):
        assert side == trades[0][1]
        assert price == held[place][0]
        assert 0 < qty <= held[place][1]
        assert qty == held[place][1] or place == len(trades) - 1
    left = {price: lots - qty for (price, lots), (_, _, _, qty, _)
            in zip(held, trades, strict=False)}
    levels = {record[2]: record[3] for record in packet
              if record[0] == Kind.LEVEL_SET and record[1] == -trades[0][1]}
    assert left.items() <= levels.items()


def check_continuous(events):
    """Return packets and trades of continuous trading after checking each against the book."""
    book, phase, counts = Book(), 0, [0, 0]
    phases = iter(events["aux"][events["kind"] == Kind.SESSION].tolist())
    for packet in packets(events):
        if packet[0][0] == Kind.SESSION:
            phase = next(phases)
            continue
        trading = phase == Phase.CONTINUOUS
        if trading:
            counts[0] += 1
            if packet[0][0] == Kind.TRADE:
                counts[1] += 1
                check_trades(book, packet)
        for record in packet:
            book.apply(*record)
        if trading:
            bid, ask = book.best(1), book.best(-1)
            assert 0 < bid < ask
            for k in range(10 if counts[0] % 10 == 0 else 1):
                assert book.side[1].get(bid - k, 0) > 0
                assert book.side[-1].get(ask + k, 0) > 0
    return counts


def test_book_of_a_session_is_never_crossed_ten_levels_deep_and_trades_hit_the_best(short_day):
    count, trades = check_continuous(short_day)
    assert count > 5000
    assert trades > 500


def test_book_of_a_whole_day_is_never_crossed_ten_levels_deep_and_trades_hit_the_best(thin_day):
    count, trades = check_continuous(thin_day)
    assert count > 200_000
    assert trades > 20_000
    prices = thin_day["price_ticks"][thin_day["kind"] != Kind.SESSION]
    assert prices.min() > 23_400
    assert prices.max() < 28_600


def test_book_at_the_price_limits_stays_sane():
    # Twenty ticks of room and orders that sweep everything: the limits are hit again and again.
    config = SimulationConfig(
        open_at=time(8, 55, 30), session_minutes=2.0, price_limit_fraction=0.0005,
        market_size_mean_lots=800.0, market_size_tail=1.5, max_order_lots=50_000,
        market_reach_levels=32)
    events = run(config)
    live = events[np.isin(events["kind"], (Kind.LEVEL_SET, Kind.SNAPSHOT, Kind.TRADE))]
    assert live["price_ticks"].min() >= 26_000 - 13
    assert live["price_ticks"].max() <= 26_000 + 13
    assert (live["qty_lots"] >= 0).all()
    prices = live["price_ticks"][live["kind"] == Kind.TRADE]
    assert (prices.min(), prices.max()) == (26_000 - 13, 26_000 + 13), "it reaches the limits"
    stop = np.flatnonzero(events["aux"] == Phase.CLOSING_CALL)[0]
    start = np.flatnonzero(events["aux"] == Phase.CONTINUOUS)[0]
    book, checked, empty = Book(), 0, 0
    for packet in packets(events[:stop]):
        if checked and packet[0][0] == Kind.TRADE:
            check_trades(book, packet)
        for record in packet:
            book.apply(*record)
        if packet[0][0] == Kind.SESSION and book.side[1]:
            checked = 1
        if checked:
            checked += 1
            sides = book.side[1], book.side[-1]
            empty += not all(sides)
            assert not all(sides) or book.best(1) < book.best(-1)
    assert checked > 2000
    assert stop > start
    assert empty < checked / 10, "a side swept clean at its limit is soon quoted again"


def test_latency_has_the_configured_median_and_p99():
    config = SimulationConfig(open_at=time(8, 56), session_minutes=20.0, latency_median_ms=0.02,
                              latency_p99_ms=0.1)
    events = run(config)
    delays = (events["local_ns"] - events["exch_ns"])[events["flags"] & Flag.LAST > 0] * 1e-6
    assert np.median(delays) == pytest.approx(0.02, rel=0.1)
    assert np.quantile(delays, 0.99) == pytest.approx(0.1, rel=0.2)
    still = run(SimulationConfig(session_minutes=0.1, latency_median_ms=0, latency_p99_ms=0))
    assert np.array_equal(still["local_ns"], still["exch_ns"])


def test_extreme_parameters_neither_overflow_nor_hang():
    config = SimulationConfig(
        session_minutes=0.1, latency_median_ms=1e-300, latency_p99_ms=1e5, depth_mean_lots=1e6,
        depth_log_sd=3.0, auction_orders_per_s=1e-300, auction_price_sd_ticks=1e3,
        market_size_tail=1.001, max_order_lots=1_000_000)
    events = run(config)
    assert (events["qty_lots"] >= 0).all()
    assert (events["local_ns"] >= events["exch_ns"]).all()
    assert (np.diff(events["local_ns"]) >= 0).all()
    assert (events["local_ns"] - events["exch_ns"]).max() <= 3600 * 10**9 + 10**11
    assert len(events) > 100


def test_day_without_auction_orders_opens_on_the_resting_book():
    events = run(SimulationConfig(session_minutes=0.2, auction_orders_per_s=0.0))
    assert not (events["flags"] & Flag.AUCTION).any()
    assert (events["kind"] == Kind.SNAPSHOT).sum() >= 40
    assert (events["kind"] == Kind.TRADE).any()


def test_activity_follows_the_clock():
    activity = activity_by_minute(SimulationConfig())
    assert len(activity) == 565
    assert activity[0] == 1.7
    assert activity[15] == pytest.approx(1.4)
    assert (activity[59], activity[60]) == (1.0, 2.0)
    late = activity_by_minute(SimulationConfig(
        activity=((time(10, 0), 0.5), (time(11, 0), 3.0))))
    assert (late[0], late[60], late[-1]) == (0.5, 0.5, 3.0)


@pytest.mark.parametrize(("change", "message"), [
    ({"branching": ((0.9, 0.2, 0, 0, 0, 0), (0.2, 0.9, 0, 0, 0, 0), *((0,) * 6,) * 4)},
     "spectral radius below 1 .*was 1.1$"),
    ({"branching": ((-0.1, 0, 0, 0, 0, 0), *((0,) * 6,) * 5)},
     "branching must be finite and 0 or more, was -0.1 for limit_buy from limit_buy"),
    ({"base_rates_per_s": (1, 1, 0, 1, 1, 1)}, r"base_rates_per_s .*was 0.0 for market_buy"),
    ({"decays_per_s": (1, 1, 1, 1, 1, -2)}, r"decays_per_s .*was -2.0 for cancel_ask"),
    ({"start_price_points": -5.0}, r"start_price_points must be in \(0, 1e\+09\], was -5.0"),
    ({"start_price_points": float("nan")}, "start_price_points .*was nan"),
    ({"latency_p99_ms": 1.0}, "latency_p99_ms must not be below latency_median_ms"),
    ({"latency_median_ms": 0.0}, "latency_median_ms must be above 0"),
    ({"session_minutes": 0.0}, "session_minutes must be in"),
    ({"placement_levels": 9}, r"placement_levels must be in \[10, 64\], was 9"),
    ({"limit_size_tail": 1.0}, "limit_size_tail must be in"),
    ({"open_at": time(18, 25)}, "hours must rise"),
    ({"activity": ()}, "at least one point"),
    ({"activity": ((time(10), 1.0), (time(9), 1.0))}, "rising times"),
    ({"activity": ((time(10), 0.0),)}, r"activity must be in \(0, 1000\], was 0.0 at 10:00:00"),
])
def test_config_outside_its_bounds_is_refused_by_name(change, message):
    with pytest.raises(ConfigError, match=message):
        SimulationConfig(**change)


def test_unknown_key_and_wrong_type_are_refused():
    with pytest.raises(ValueError, match="spread_ticks"):
        SimulationConfig(spread_ticks=1)
    with pytest.raises(ValueError, match="depth_mean_lots"):
        SimulationConfig(depth_mean_lots="deep")


def test_market_refuses_a_bad_seed_an_off_grid_start_and_a_useless_limit():
    win = Instrument.win()
    with pytest.raises(ConfigError, match=r"seed must be in \[0, 2\*\*63\), was -1"):
        SimulatedMarket(SHORT, win, DAY, -1)
    with pytest.raises(ConfigError, match="grid of 5 points, was 130002"):
        SimulatedMarket(SimulationConfig(start_price_points=130_002.0), win, DAY, 1)
    with pytest.raises(ConfigError, match=r"left 2$"):
        SimulatedMarket(SimulationConfig(price_limit_fraction=0.0001), win, DAY, 1)
    with pytest.raises(ValueError, match="max_events must be 1 or more, was 0"):
        SimulatedMarket(SHORT, win, DAY, 1).next_events(0)
