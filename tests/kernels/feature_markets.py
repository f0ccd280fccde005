"""Small markets written by hand, for tests of single features."""

import numpy as np

from dreammaker.domain.instrument import Instrument
from dreammaker.domain.schema import EVENT_DTYPE, Flag, Kind
from dreammaker.domain.source import SourceProfile
from dreammaker.features import FEATURE_NAMES, FeatureConfig, FeaturePipeline, FeatureRows

SECOND = 1_000_000_000
OPEN = 1_700_000_000 * SECOND
DEPTH = SourceProfile("depth", 10, has_aggressor=True)
QUOTES = SourceProfile("quotes", 0, has_aggressor=False)


class Market:
    """Records by hand; times in seconds after a whole multiple of ten seconds."""

    def __init__(self, instrument=None, source=DEPTH, **config):
        self.records = []
        self.instrument = instrument or Instrument.win()
        self.source, self.config = source, FeatureConfig(**config)

    def put(self, at, last=True, **fields):
        record = np.zeros(1, EVENT_DTYPE)
        fields = {"exch_ns": OPEN + round(at * SECOND), "flags": 0, **fields}
        fields["flags"] |= Flag.LAST if last else 0
        for name, value in fields.items():
            record[name] = value
        self.records.append(record)
        return self

    def book(self, at, bids, asks):
        """The whole book as one snapshot: lists of (ticks, lots)."""
        levels = [(1, *level) for level in bids] + [(-1, *level) for level in asks]
        for i, (side, ticks, lots) in enumerate(levels):
            end = i == len(levels) - 1
            self.put(at, last=end, kind=Kind.SNAPSHOT, side=side, price_ticks=ticks, qty_lots=lots,
                     flags=(Flag.SNAP_BEGIN if i == 0 else 0) | (Flag.SNAP_END if end else 0))
        return self

    def mid(self, at, half_ticks, lots=10):
        """A book of one level a side, one or two ticks wide, with this mid."""
        bid = (half_ticks - 1) // 2
        return self.book(at, [(bid, lots)], [(half_ticks - bid, lots)])

    def quote(self, at, bid, ask):
        self.put(at, last=False, kind=Kind.QUOTE, side=1, price_ticks=bid, qty_lots=-1)
        return self.put(at, kind=Kind.QUOTE, side=-1, price_ticks=ask, qty_lots=-1)

    def trade(self, at, side, ticks, lots, **fields):
        return self.put(at, kind=Kind.TRADE, side=side, price_ticks=ticks, qty_lots=lots, **fields)

    def session(self, at, phase, last=False):
        return self.put(at, last=last, kind=Kind.SESSION, aux=phase)

    def wait(self, at):
        """A packet that says nothing, so that a row shows what time has done."""
        return self.put(at, kind=Kind.BAR, price_ticks=1)

    def events(self):
        return np.concatenate(self.records)

    def rows(self):
        events = self.events()
        pipeline = FeaturePipeline(self.config, self.instrument, self.source)
        rows = FeatureRows(len(events))
        pipeline.process(events, rows)
        assert pipeline.fault is None
        return rows

    def column(self, name):
        rows = self.rows()
        return rows.values[:rows.count, FEATURE_NAMES.index(name)]

    def last(self, name):
        return self.column(name)[-1]
