"""A simulated venue over a handful of records, and orders that any gate would let through."""

import numpy as np

from dreammaker.domain.instrument import Instrument
from dreammaker.domain.orders import (
    OrderType,
    ReportKind,
    SubmitOrder,
    TimeInForce,
    approve,
)
from dreammaker.domain.schema import EVENT_DTYPE, Flag, Kind
from dreammaker.domain.source import SourceProfile
from dreammaker.engine.tape import Tape
from dreammaker.exchange import ConstantLatency, ExchangeConfig, SimulatedVenue

WIN = Instrument.win()
MS = 1_000_000
DAY, IOC = TimeInForce.DAY, TimeInForce.IOC
MARKET, LIMIT = OrderType.MARKET, OrderType.LIMIT
K = ReportKind


class ArrayFeed:
    def __init__(self, events, source):
        self.events, self.source, self.instrument, self.at = events, source, WIN, 0

    @property
    def total_events(self):
        return len(self.events)

    def read(self, max_events):
        found = self.events[self.at:self.at + max_events]
        self.at += len(found)
        return found


class Latencies:
    """Latencies drawn beforehand, to make messages overtake each other if they could."""

    def __init__(self, entry, response):
        self.entry, self.response = entry, response

    def entry_ns(self, sequence):
        return self.entry[sequence % len(self.entry)]

    def response_ns(self, sequence):
        return self.response[sequence % len(self.response)]


def records(*rows, local_after=MS):
    """Rows of (exch_ns, kind, side, price, qty[, aux])."""
    events = np.zeros(len(rows), EVENT_DTYPE)
    for event, (at, kind, side, price, qty, *aux) in zip(events, rows, strict=True):
        event["exch_ns"], event["local_ns"], event["kind"] = at, at + local_after, kind
        event["side"], event["price_ticks"], event["qty_lots"] = side, price, qty
        event["flags"], event["aux"] = int(Flag.LAST), aux[0] if aux else 0
    return events


def venue(events, *, entry=40, response=40, batch=4096, latency=None, clock=None, **config):
    tape = Tape(ArrayFeed(events, SourceProfile("test", 10, True)), batch)
    return SimulatedVenue(WIN, tape.feed.source, ExchangeConfig(**{"profile": "ideal", **config}),
                          latency or ConstantLatency(entry, response), tape.venue, clock)


def approved(number, side, qty, price=0, *, order_type=LIMIT, tif=DAY, **more):
    """An order as a gate that allows anything approves it."""
    return approve(SubmitOrder(number, side, order_type, tif, qty, price, 0, **more), 0)


def drain(broker, until_ns):
    found = []
    while (report := broker.next_report(until_ns)) is not None:
        found.append(report)
    return found


def kinds(reports):
    return [report.kind for report in reports]


BOOK = [(0, Kind.LEVEL_SET, 1, 100, 10), (0, Kind.LEVEL_SET, -1, 101, 10)]
