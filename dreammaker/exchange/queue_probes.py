"""Probe orders in recorded markets: placed, followed in truth and by every queue model.

The rules are stated in ``ext/queue_probe.pyx``.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dreammaker._ext.queue_probe import ProbeRun
from dreammaker.domain.errors import ConfigError, InputError
from dreammaker.domain.schema import EventArray, Flag, Kind
from dreammaker.exchange.queue import POWER_NAMES, QUEUE_NAMES, Prints, QueueName
from dreammaker.store.eventlog import EventLog

TOUCH = int(np.iinfo(np.int32).min)
"""The price of a probe that joins the best price of its side."""

NO_FILL = -1
ACTIVE_NS = 60_000_000_000
_CHUNK = 1 << 18

Int64Array = NDArray[np.int64]
Progress = Callable[[int, int], None]


class End(IntEnum):
    """How a probe ended, as the kernel numbers it."""

    RECORD_OVER = 0
    DEADLINE = 1
    MOVED_AWAY = 2
    NOT_CONTINUOUS = 3
    CLEARED = 4
    NOT_PLACED = 5
    FILLED = 6


@dataclass(frozen=True, slots=True)
class QueueModel:
    """A queue model as a probe run follows it.

    Parameters
    ----------
    name : str
        One of ``QUEUE_NAMES`` but fifo, which is the truth itself.
    n : float
        Exponent of the power family.
    prints : Prints
    print_share : float
        Counts with ``Prints.SHARED``.
    at_front : bool
        Nobody stands before the order: what it costs to ignore queues.
    """

    name: QueueName
    n: float = 1.0
    prints: Prints = Prints.FULL
    print_share: float = 1.0
    at_front: bool = False

    @property
    def label(self) -> str:
        """What tables call it."""
        if self.at_front:
            return "(no queue)"
        return f"{self.name} n={self.n:g}" if self.name in POWER_NAMES else self.name

    def row(self) -> list[float]:
        """What the kernel calls for: kind, n, prints, print share, at the front."""
        return [QUEUE_NAMES.index(self.name), self.n, int(self.prints), self.print_share,
                self.at_front]


@dataclass(frozen=True, eq=False, slots=True)
class Probes:
    """Orders whose fills are to be predicted; all arrays of one length, in order of time.

    Parameters
    ----------
    time_ns : int64 array
        Arrival at the venue, UTC ns.
    side : int8 array
        1 bid, -1 ask.
    price_ticks : int32 array
        ``TOUCH`` = the best price of the side at that moment.
    qty_lots : int32 array
    end_ns : int64 array
        When each is given up or was cancelled.
    fill_ns : int64 array or None
        The true outcome where it is known (our own fills): when all of it was filled,
        ``NO_FILL`` = never. None: the record's FIFO tells.
    """

    time_ns: Int64Array
    side: NDArray[np.int8]
    price_ticks: NDArray[np.int32]
    qty_lots: NDArray[np.int32]
    end_ns: Int64Array
    fill_ns: Int64Array | None = None

    def __len__(self) -> int:
        """Number of probes."""
        return len(self.time_ns)


@dataclass(frozen=True, eq=False, slots=True)
class Outcomes:
    """What became of probes; those that could not be placed are left out.

    Parameters
    ----------
    time_ns : int64 array of shape (probes,)
    truth_ns : int64 array of shape (probes,)
        When each was filled whole, ``NO_FILL`` = not before it ended.
    model_ns : int64 array of shape (models, probes)
        The same by each model.
    end : uint8 array of shape (probes,)
        ``End``.
    shown_lots : int32 array of shape (probes,)
        What stood before each when it arrived.
    not_placed : int
        No continuous trading, an empty side, or a crossed or locked book.
    corrected : int
        Packets at which more orders counted as ahead of a probe than its level showed.
    out_of_turn : int
        Executions of an order behind a probe while others stood ahead of it.
    """

    time_ns: Int64Array
    truth_ns: Int64Array
    model_ns: Int64Array
    end: NDArray[np.uint8]
    shown_lots: NDArray[np.int32]
    not_placed: int
    corrected: int
    out_of_turn: int

    def __len__(self) -> int:
        """Number of probes."""
        return len(self.time_ns)

    def part(self, keep: NDArray[np.bool_]) -> "Outcomes":
        """Those of some probes."""
        return replace(self, time_ns=self.time_ns[keep], truth_ns=self.truth_ns[keep],
                       model_ns=self.model_ns[:, keep], end=self.end[keep],
                       shown_lots=self.shown_lots[keep])

    @classmethod
    def joined(cls, parts: Sequence["Outcomes"]) -> "Outcomes":
        """Several days' together, in order."""
        def together(name: str) -> NDArray[Any]:
            return np.concatenate([getattr(part, name) for part in parts], axis=-1)

        return cls(together("time_ns"), together("truth_ns"), together("model_ns"),
                   together("end"), together("shown_lots"),
                   sum(part.not_placed for part in parts), sum(part.corrected for part in parts),
                   sum(part.out_of_turn for part in parts))


def place_probes(log: EventLog, count: int, horizon_s: float, rng: np.random.Generator,
                 qty_lots: int = 1) -> Probes:
    """Probes at the touch at random moments of active trading, on random sides.

    A moment is active within a minute after a print that is none of an auction. This looks only
    back, so it selects no outcome.

    Parameters
    ----------
    log : EventLog
    count : int
        Probes, at least 1.
    horizon_s : float
        How long each is followed.
    rng : Generator
    qty_lots : int
        Size of each.

    Raises
    ------
    InputError
        If the day has no prints.
    """
    events, times = log.events, venue_times(log.events)
    prints = (((events["kind"] == Kind.TRADE) | (events["kind"] == Kind.ORDER_EXECUTE))
              & (events["flags"] & np.uint32(Flag.AUCTION) == 0))
    at = times[prints]
    if len(at) == 0:
        raise InputError(f"{log.instrument.symbol} {log.day} has no prints to place orders by")
    # The stretches of active time laid end to end, and a uniform draw from them.
    length = np.append(np.minimum(np.diff(at), ACTIVE_NS), ACTIVE_NS)
    ends = np.cumsum(length)
    drawn = np.sort(rng.integers(0, ends[-1], count))
    stretch = np.searchsorted(ends, drawn, side="right")
    moment = at[stretch] + drawn - (ends[stretch] - length[stretch])
    sides = rng.choice(np.array([1, -1], np.int8), count)
    return Probes(moment, sides, np.full(count, TOUCH, np.int32),
                  np.full(count, qty_lots, np.int32), moment + round(horizon_s * 1e9))


def venue_times(events: EventArray) -> Int64Array:
    """Exchange times that never decrease, one a record."""
    times: Int64Array = np.maximum.accumulate(events["exch_ns"])
    return times


def run_probes(log: EventLog, probes: Probes, models: Sequence[QueueModel], *, poll_ms: float = 0.0,
               carry: bool | None = None, own_shown: bool = False,
               progress: Progress | None = None) -> Outcomes:
    """Follow probes through a day.

    Parameters
    ----------
    log : EventLog
        Order by order, unless the probes bring their true outcome.
    probes : Probes
    models : sequence of QueueModel
    poll_ms : float
        0: models see every change of a level; else levels are shown to them at multiples of this
        time only, as polled depth does, while prints come when they happen.
    carry : bool, optional
        Whether prints and levels are told in packets of their own; by default where levels are
        polled, or the source is not order by order.
    own_shown : bool
        Whether the recorded levels contain the probes themselves.
    progress : callable, optional
        Of (records done, records in all).

    Raises
    ------
    ConfigError
        If the truth cannot be known: the source is not order by order.
    InputError
        If a record is damaged.
    """
    if probes.fill_ns is None and not log.source.order_by_order:
        raise ConfigError(
            f"{log.instrument.symbol} {log.day} comes from {log.source.name}, which does not show "
            "single orders: only an order-by-order source tells when an order would have filled")
    if carry is None:
        carry = poll_ms > 0 or not log.source.order_by_order
    run = ProbeRun(probes.time_ns, probes.side, probes.price_ticks, probes.qty_lots,
                   probes.end_ns, np.array([model.row() for model in models]), carry=carry,
                   poll_ns=round(poll_ms * 1e6), own_shown=own_shown,
                   stay=probes.fill_ns is not None, max_live=_most_alive(probes))
    times = venue_times(log.events)
    count = len(times)
    try:
        for start in range(0, count, _CHUNK):
            run.advance(log.events[start:start + _CHUNK], times[start:start + _CHUNK])
            if progress is not None:
                progress(min(start + _CHUNK, count), count)
    except ValueError as error:
        raise InputError(f"{log.instrument.symbol} {log.day}: {error}") from None
    run.finish()
    placed = run.end_reason != End.NOT_PLACED
    truth = run.fill_ns[-1] if probes.fill_ns is None else probes.fill_ns
    return Outcomes(probes.time_ns[placed], truth[placed], run.fill_ns[:-1, placed],
                    run.end_reason[placed], run.shown_lots[placed],
                    int(len(probes) - placed.sum()), run.truth_capped, run.out_of_turn)


def _most_alive(probes: Probes) -> int:
    ends = np.sort(probes.end_ns)
    alive = np.arange(1, len(ends) + 1) - np.searchsorted(ends, probes.time_ns, side="left")
    # One more, for the kernel lets an order arrive before it sees that its deadline has passed.
    return int(alive.max(initial=1)) + 1
