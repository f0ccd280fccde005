"""The best prices that stood after every packet of a log, in vectors."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from dreammaker._ext.book_kernel import BookFaultError, BookKernel
from dreammaker.domain.errors import InputError
from dreammaker.domain.schema import EventArray, Flag, Kind, Phase, Side
from dreammaker.stochastic._checks import Ints

if TYPE_CHECKING:
    from dreammaker.store.eventlog import EventLog

_BATCH = 262_144
_MAX_GAP_MS = 2000

Booleans = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class StandingQuotes:
    """Best bid and ask after each packet; row k is packet k.

    Parameters
    ----------
    end_index : ndarray of int64, shape (packets,)
        Index of the packet's last record in the log.
    exch_ns : ndarray of int64, shape (packets,)
        Running maximum of exchange time; ascending.
    bid_ticks, ask_ticks : ndarray of int64, shape (packets,)
        Meaningless where not sound.
    sound : ndarray of bool, shape (packets,)
        Both sides known, neither crossed nor locked.
    stretch : ndarray of int64, shape (packets,)
        Number of the stretch of continuous trading the packet ends in, -1 outside of it. A change
        of phase, and a gap of more than two seconds, begins another.
    """

    end_index: Ints
    exch_ns: Ints
    bid_ticks: Ints
    ask_ticks: Ints
    sound: Booleans
    stretch: Ints


def standing_quotes(log: "EventLog") -> StandingQuotes:
    """Best prices after every packet, from the book where the log has depth, else from quotes.

    Parameters
    ----------
    log : EventLog

    Returns
    -------
    StandingQuotes
        Records after the last whole packet do not count.

    Raises
    ------
    InputError
        If a record is structurally damaged: names its number.
    """
    events = log.events
    ends = np.flatnonzero(events["flags"] & Flag.LAST).astype(np.int64)
    if log.source.depth_levels > 0:
        bid, ask, known = _from_book(log, len(ends))
    else:
        bid, ask, known = _from_quotes(events, ends)
    times = np.maximum.accumulate(events["exch_ns"])[ends] if len(ends) else np.empty(0, np.int64)
    return StandingQuotes(ends, times.astype(np.int64), bid, ask, known & (bid < ask),
                          stretch_of_records(events)[ends])


def stretch_of_records(events: EventArray) -> Ints:
    """Stretch of continuous trading of every record; see `StandingQuotes`.

    Without a word on phases at its beginning the market is taken to be open.
    """
    kind = events["kind"]
    session = kind == Kind.SESSION
    gap = (kind == Kind.GAP) & ((events["qty_lots"] < 0) | (events["qty_lots"] > _MAX_GAP_MS))
    changes = np.flatnonzero(session)
    last_change = np.searchsorted(changes, np.arange(len(events)), side="right") - 1
    phase = np.full(len(events), int(Phase.CONTINUOUS), np.int64)
    told = last_change >= 0
    phase[told] = events["aux"][changes[last_change[told]]]
    number = np.cumsum(session | gap).astype(np.int64)
    return np.where(phase == Phase.CONTINUOUS, number, -1)


def _from_book(log: "EventLog", packet_count: int) -> tuple[Ints, Ints, Booleans]:
    book = BookKernel()
    ticks = np.empty((packet_count, 2, 1), np.int32)
    lots = np.empty((packet_count, 2, 1), np.int32)
    row = 0
    for start in range(0, len(log.events), _BATCH):
        batch = np.ascontiguousarray(log.events[start:start + _BATCH])
        try:
            row += book.frames(batch, ticks[row:], lots[row:])
        except BookFaultError as fault:
            raise InputError(f"record {start + fault.index} of {log.instrument.symbol} on "
                             f"{log.day} is damaged: {fault}") from None
    known = (lots[:, 0, 0] > 0) & (lots[:, 1, 0] > 0)
    return ticks[:, 0, 0].astype(np.int64), ticks[:, 1, 0].astype(np.int64), known


def _from_quotes(events: EventArray, ends: Ints) -> tuple[Ints, Ints, Booleans]:
    clear = events["kind"] == Kind.CLEAR
    quote = events["kind"] == Kind.QUOTE
    sides, known = [], np.ones(len(ends), np.bool_)
    for side in (Side.BUY, Side.SELL):
        rows = np.flatnonzero(clear | (quote & (events["side"] == side)))
        latest = np.searchsorted(rows, ends, side="right") - 1
        there = latest >= 0
        ticks = np.zeros(len(ends), np.int64)
        at = rows[latest[there]]
        ticks[there] = events["price_ticks"][at]
        # A price off the grid leaves its side unknown until the next quote.
        valid = (quote[at] & (events["qty_lots"][at] != 0)
                 & (events["flags"][at] & Flag.OFF_GRID == 0))
        there[there] = valid
        sides.append(ticks)
        known &= there
    return sides[0], sides[1], known
