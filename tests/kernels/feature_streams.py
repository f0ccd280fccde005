"""Random, well-formed event streams for the features: depth, orders or quotes, and odd moments."""

import numpy as np

from dreammaker.domain.instrument import Instrument
from dreammaker.domain.schema import EVENT_DTYPE, Flag, Kind, Phase
from dreammaker.domain.source import SourceProfile
from dreammaker.features.config import FeatureConfig

START_NS = 1_700_000_000_300_000_000
INSTRUMENT = Instrument.win()

SOURCES = {
    "depth": SourceProfile("depth", 10, has_aggressor=True),
    "shallow": SourceProfile("shallow", 3, has_aggressor=True),
    "level1": SourceProfile("level1", 1, has_aggressor=True),
    "orders": SourceProfile("orders", 10, has_aggressor=True, order_by_order=True),
    "quotes": SourceProfile("quotes", 0, has_aggressor=False),
}

SMALL = FeatureConfig(
    ofi_window_ms=1_500, velocity_window_ms=400, flow_window_ms=900, cell_ms=250, bar_ms=500,
    volatility_cells=7, impact_cells=9, roll_trades=12, fracdiff_threshold=0.03, rsi_period=4,
    macd_fast=2, macd_slow=4, macd_signal=3, bollinger_bars=6, gap_reset_ms=800,
    auction_after_ms=300, hawkes_beta=((5.0, 3.0), (2.0, 5.0)))
"""Windows that fill within a few hundred records, and four different decays."""


def random_market(kind, count, seed, *, odd=True):
    """`count` records of a source named in SOURCES; `odd` adds gaps, phases and broken books."""
    rng = np.random.default_rng(seed)
    events = np.zeros(count, EVENT_DTYPE)
    steps = rng.choice([0, 1, 7, 40, 900], count, p=[0.35, 0.2, 0.25, 0.18, 0.02])
    events["exch_ns"] = START_NS + np.cumsum(steps) * 1_000_000
    late = rng.random(count) < 0.01
    events["exch_ns"][late] -= 3_000_000
    events["local_ns"] = events["exch_ns"] + 1_000_000
    writer = _Writer(events, rng, kind)
    while writer.k < count:
        writer.step(odd)
    events["flags"] |= np.where(rng.random(count) < 0.5, Flag.LAST, 0).astype(np.uint32)
    # A snapshot is one packet.
    inside = events["kind"] == Kind.SNAPSHOT
    events["flags"][inside & (events["flags"] & Flag.SNAP_END == 0)] &= ~np.uint32(Flag.LAST)
    return events


class _Writer:
    def __init__(self, events, rng, kind):
        self.events, self.rng, self.kind, self.k = events, rng, kind, 0
        self.mid, self.next_order, self.alive = 26_000, 1, {}
        self.phase = Phase.CONTINUOUS

    def put(self, **fields):
        if self.k < len(self.events):
            for name, value in fields.items():
                self.events[self.k][name] = value
            self.k += 1

    def step(self, odd):
        rng, r = self.rng, self.rng.random()
        if rng.random() < (0.03 if self.kind == "orders" else 0.25):
            self.mid += int(rng.choice([-1, 1]))
        if self.phase != Phase.CONTINUOUS and rng.random() < 0.1:
            self.phase = Phase.CONTINUOUS
            self.put(kind=Kind.SESSION, aux=self.phase)
        elif odd and r < 0.008:
            self.odd_moment()
        elif r < 0.25:
            self.trade()
        elif self.kind == "quotes":
            for side in (1, -1):
                if rng.random() < 0.7:
                    wide = int(rng.integers(0, 2)) if rng.random() < 0.06 else 1
                    self.put(kind=Kind.QUOTE, side=side, qty_lots=-1,
                             price_ticks=self.mid - side * wide + (side < 0))
        elif self.kind == "orders":
            self.order()
        else:
            self.level()

    def level(self):
        rng = self.rng
        side = int(rng.choice([1, -1]))
        price = self.mid - side * int(rng.geometric(0.4)) + (side < 0)
        qty = 0 if rng.random() < 0.3 else int(rng.integers(1, 90))
        self.put(kind=Kind.LEVEL_SET, side=side, price_ticks=price, qty_lots=qty)
        # Whatever the walk has left behind on the wrong side goes away, mostly.
        if rng.random() < 0.9:
            wrong = self.mid + side
            self.put(kind=Kind.LEVEL_SET, side=side, price_ticks=wrong, qty_lots=0)

    def order(self):
        rng = self.rng
        r, side = rng.random(), int(rng.choice([1, -1]))
        price = self.mid - side * int(rng.geometric(0.4)) + (side < 0)
        crossing = [n for n, (s, p, _) in self.alive.items() if s * (2 * (p - self.mid) - 1) > 0]
        if crossing and rng.random() < 0.6:
            side, old, qty = self.alive.pop(crossing[0])
            self.put(kind=Kind.ORDER_CANCEL, side=side, price_ticks=old, qty_lots=-1,
                     order_id=crossing[0])
            return
        if r < 0.5 or not self.alive:
            qty = int(rng.integers(1, 40))
            self.alive[self.next_order] = [side, price, qty]
            self.put(kind=Kind.ORDER_ADD, side=side, price_ticks=price, qty_lots=qty,
                     order_id=self.next_order)
            self.next_order += 1
            return
        number = int(rng.choice(list(self.alive)))
        side, old, qty = self.alive[number]
        common = {"side": side, "order_id": number}
        if r < 0.62:
            price = self.mid - side * int(rng.geometric(0.4)) + (side < 0)
            self.alive[number] = [side, price, qty + 1]
            self.put(kind=Kind.ORDER_MODIFY, price_ticks=price, qty_lots=qty + 1, **common)
        elif r < 0.72 and qty > 1:
            self.alive[number][2] -= 1
            self.put(kind=Kind.ORDER_EXECUTE, price_ticks=old, qty_lots=1, **common)
        else:
            del self.alive[number]
            kind = Kind.ORDER_EXECUTE if r < 0.8 else Kind.ORDER_CANCEL
            self.put(kind=kind, price_ticks=old, qty_lots=qty, **common)

    def trade(self):
        rng = self.rng
        for _ in range(int(rng.choice([1, 1, 2, 4]))):
            flags = int(rng.choice([0, 0, 0, 0, Flag.OFF_GRID, Flag.AUCTION],
                                   p=[0.3, 0.3, 0.2, 0.1, 0.07, 0.03]))
            residual = int(rng.integers(-500_000, 500_000)) if flags & Flag.OFF_GRID else 0
            self.put(kind=Kind.TRADE, side=int(rng.choice([1, -1, 0])), flags=flags,
                     price_ticks=self.mid + int(rng.integers(-1, 3)),
                     residual_microticks=residual,
                     qty_lots=int(rng.choice([-1, 0, 1, 5, 17])))

    def odd_moment(self):
        rng = self.rng
        what = rng.choice(["gap", "phase", "roll", "clear", "snapshot", "bar", "silence", "cross"],
                          p=[0.15, 0.25, 0.1, 0.05, 0.1, 0.05, 0.1, 0.2])
        if what == "gap":
            self.put(kind=Kind.GAP, qty_lots=int(rng.choice([-1, 500, 801, 5000])))
        elif what == "phase":
            away = int(rng.choice([Phase.CLOSED, Phase.PRE_OPEN, Phase.AUCTION, Phase.HALT,
                                   Phase.CLOSING_CALL, Phase.CONTINUOUS]))
            self.phase = away if self.phase == Phase.CONTINUOUS else Phase.CONTINUOUS
            self.put(kind=Kind.SESSION, aux=self.phase)
        elif what == "roll":
            self.put(kind=Kind.SESSION, aux=Phase.ROLL)
        elif what == "clear":
            self.alive = {}
            self.put(kind=Kind.CLEAR)
        elif what == "bar":
            self.put(kind=Kind.BAR, price_ticks=1, qty_lots=1)
        elif what == "cross":
            # Crossed for 0 to 0.7 s; then the side is put right again.
            crossed, qty = self.mid + 3, 5
            if self.kind == "orders":
                self.alive[self.next_order] = [1, crossed, qty]
                self.put(kind=Kind.ORDER_ADD, side=1, price_ticks=crossed, qty_lots=qty,
                         order_id=self.next_order, flags=int(Flag.LAST))
                self.next_order += 1
            else:
                kind = Kind.QUOTE if self.kind == "quotes" else Kind.LEVEL_SET
                self.put(kind=kind, side=1, price_ticks=crossed, qty_lots=qty,
                         flags=int(Flag.LAST))
                self.events["exch_ns"][self.k:] += int(rng.integers(0, 8)) * 100_000_000
                if self.kind != "quotes":
                    self.put(kind=kind, side=1, price_ticks=crossed, qty_lots=0)
        elif what == "silence":
            self.events["exch_ns"][self.k:] += int(rng.integers(1, 30)) * 700_000_000
        elif what == "snapshot" and self.kind != "quotes" and self.k + 12 < len(self.events):
            self.alive = {}
            size = int(rng.integers(1, 6))
            for i in range(2 * size):
                flags = (Flag.SNAP_BEGIN if i == 0 else 0) | (
                    Flag.SNAP_END if i == 2 * size - 1 else 0)
                side = 1 if i < size else -1
                self.put(kind=Kind.SNAPSHOT, side=side, flags=int(flags),
                         price_ticks=self.mid - side * (i % size + 1) + (side < 0),
                         qty_lots=int(rng.integers(1, 50)))
