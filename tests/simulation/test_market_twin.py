"""A naive twin of the order flow: intensities as full sums over the past, in plain Python."""

import math
from datetime import date, time

import numpy as np
import pytest

from dreammaker._ext.rng import Rng
from dreammaker.domain.instrument import Instrument
from dreammaker.domain.schema import Flag, Kind, Phase
from dreammaker.simulation import SimulatedMarket, SimulationConfig
from dreammaker.simulation.market import activity_by_minute, session_times_ns

DAY = date(2026, 3, 2)
MASK = 2**64 - 1


class TwinRng:
    """xoshiro256** and splitmix64 as their authors publish them, on Python integers."""

    def __init__(self, seed, stream):
        mixed, state = self.split(stream)[1], None
        state, self.s = seed ^ mixed, []
        for _ in range(4):
            state, value = self.split(state)
            self.s.append(value)

    @staticmethod
    def split(state):
        state = (state + 0x9E3779B97F4A7C15) & MASK
        z = state
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
        return state, z ^ (z >> 31)

    def bits(self):
        s = self.s
        product = (s[1] * 5) & MASK
        result = (((product << 7) | (product >> 57)) & MASK) * 9 & MASK
        shifted = (s[1] << 17) & MASK
        s[2] ^= s[0]
        s[3] ^= s[1]
        s[1] ^= s[2]
        s[0] ^= s[3]
        s[2] ^= shifted
        s[3] = ((s[3] << 45) | (s[3] >> 19)) & MASK
        return result

    def uniform(self):
        return (self.bits() >> 11) / 2**53

    def exponential(self):
        return -math.log(1.0 - self.uniform())


def test_splitmix64_gives_the_published_sequence_of_seed_1234567():
    state, values = 1234567, []
    for _ in range(3):
        state, value = TwinRng.split(state)
        values.append(value)
    assert values == [6457827717110365317, 3203168211198807973, 9817491932198370423]


@pytest.mark.parametrize(("seed", "stream"), [(0, 0), (1, 1), (2**64 - 1, 3)])
def test_generator_equals_its_twin(seed, stream):
    ours, twin = Rng(seed, stream), TwinRng(seed, stream)
    assert [ours.bits() for _ in range(200)] == [twin.bits() for _ in range(200)]
    assert [ours.uniform() for _ in range(50)] == [twin.uniform() for _ in range(50)]
    for _ in range(50):
        assert ours.exponential() == pytest.approx(twin.exponential(), rel=1e-14)


def test_generator_refuses_a_seed_beyond_64_bits():
    with pytest.raises(ValueError, match=r"stream must be in \[0, 2\*\*64\), was -1"):
        Rng(1, -1)
    with pytest.raises(ValueError, match="seed must be in"):
        Rng(2**64)


class Ladder:
    """Best prices and which best queue was emptied last, from the records alone."""

    def __init__(self):
        self.lots = {1: {}, -1: {}}
        self.depleted = 0

    def best(self):
        return max(self.lots[1]), min(self.lots[-1])

    def apply(self, packet):
        """Return the component of the flow that made a packet, and take its records."""
        kind, side, price, qty = packet[0]
        if kind == Kind.TRADE:
            component = 2 if side > 0 else 3
        else:
            rises = qty > self.lots[side].get(price, 0)
            component = (0 if side > 0 else 1) if rises else (4 if side > 0 else 5)
        bid, ask = self.best() if self.lots[1] else (0, 0)
        for kind, side, price, qty in packet:
            if kind in (Kind.LEVEL_SET, Kind.SNAPSHOT):
                self.lots[side][price] = qty
                if qty == 0:
                    del self.lots[side][price]
                    if price == (bid if side > 0 else ask):
                        self.depleted = side
        return component


class TwinFlow:
    """Ogata's thinning with every intensity summed over all past events."""

    def __init__(self, config, rng):
        self.config, self.rng, self.now, self.past = config, rng, 0.0, []
        self.activity = activity_by_minute(config)
        self.minute = 0

    def rates(self, at, extra):
        rates = []
        for i in range(6):
            beta = self.config.decays_per_s[i]
            rates.append(
                self.config.base_rates_per_s[i] * self.activity[self.minute] + extra[i]
                + sum(self.config.branching[i][j] * beta * math.exp(-beta * (at - when))
                      for when, j in self.past))
        return rates

    def next(self, extra):
        while True:
            bound = sum(self.rates(self.now, extra))
            candidate = self.now + self.rng.exponential() / bound
            if candidate >= 60.0 * (self.minute + 1):
                self.minute += 1
                self.now = 60.0 * self.minute
                continue
            self.now = candidate
            draw = self.rng.uniform() * bound
            for component, rate in enumerate(self.rates(candidate, extra)):
                draw -= rate
                if draw < 0.0:
                    self.past.append((candidate, component))
                    return candidate, component


def test_flow_equals_the_naive_twin_event_by_event():
    # Low rates so that a minute's end (another activity, a restarted draw) falls in the stretch.
    config = SimulationConfig(
        open_at=time(8, 55, 10), session_minutes=4.0, auction_orders_per_s=0.0,
        base_rates_per_s=(0.5, 0.5, 0.3, 0.3, 0.4, 0.4), depth_mean_lots=15.0,
        activity=((time(8, 55), 1.0), (time(8, 57), 2.0)), gap_fill_rate_per_s=20.0)
    seed = 11
    events = SimulatedMarket(config, Instrument.win(), DAY, seed).next_events(1 << 16)
    opened = session_times_ns(config, DAY)[1]
    records = events[["kind", "side", "price_ticks", "qty_lots"]].tolist()
    ends = (np.flatnonzero(events["flags"] & Flag.LAST) + 1).tolist()
    first = int(np.flatnonzero((events["kind"] == Kind.SESSION)
                               & (events["aux"] == Phase.CONTINUOUS))[0]) + 1
    ladder = Ladder()
    snapshot = [record for record in records[:first] if record[0] == Kind.SNAPSHOT]
    for record in snapshot[len(snapshot) // 2:]:
        ladder.lots[record[1]][record[2]] = record[3]
    mixed = (seed + DAY.toordinal() * 0x9E3779B97F4A7C15) % 2**64
    twin = TwinFlow(config, TwinRng(mixed, 1))
    start, wide, follow = first, 0, config.gap_follow_probability
    for end in [end for end in ends if end > first][:900]:
        bid, ask = ladder.best()
        extra = [0.0] * 6
        if ask - bid > 1:
            wide += 1
            buyers = {0: 0.5, -1: follow, 1: 1.0 - follow}[ladder.depleted]
            extra[0] = config.gap_fill_rate_per_s * buyers
            extra[1] = config.gap_fill_rate_per_s * (1.0 - buyers)
        when, component = twin.next(extra)
        assert ladder.apply(records[start:end]) == component
        assert abs(int(events["exch_ns"][start]) - opened - when * 1e9) <= 2.0
        start = end
    assert len(twin.past) == 900
    assert twin.minute >= 1
    assert wide > 20
    assert {component for _, component in twin.past} == set(range(6))
