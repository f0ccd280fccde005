"""Order flow as event times: an event log in, seconds of each type out."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dreammaker._ext.book_kernel import BookFaultError, BookKernel
from dreammaker.domain.schema import EventArray, Flag, Kind, Phase
from dreammaker.hawkes.errors import HawkesError
from dreammaker.store.eventlog import EventLog

Floats = NDArray[np.float64]
Int64s = NDArray[np.int64]
Bools = NDArray[np.bool_]

KINDS = ("buy", "sell", "limit_bid", "limit_ask", "cancel_bid", "cancel_ask")
"""Market orders by aggressor; limit orders at or inside the touch; cancels at the touch."""

TIES = ("merge", "spread", "keep")
CHUNK = 65_536
NO_BID, NO_ASK = -(2**31), 2**31 - 1


class OrderFlow(dict[str, Floats]):
    """Seconds since the start of each type's events, and how they were made.

    Attributes
    ----------
    start_ns : int
        UTC ns of second 0: the first record of continuous trading, after an opening auction.
    duration : float
        Seconds to the end of continuous trading: T of a fit.
    ties : str
        What became of events of one type at one time stamp: "merge", "spread" or "keep".
    resolution : float
        Step of the source's clock in seconds, as the stamps show it.
    tied : dict of str to int
        Events of each type that shared their stamp with an earlier one of the type.
    unsigned : int
        Trades left out because nothing says who started them.
    """

    start_ns: int
    duration: float
    ties: str
    resolution: float
    tied: dict[str, int]
    unsigned: int

    def describe(self) -> str:
        """One sentence on what was done with equal times."""
        total = sum(self.tied.values())
        done = {"merge": "merged into one event each", "keep": "kept as they are",
                "spread": f"spread uniformly over {self.resolution:g} s"}[self.ties]
        return (f"{total} events shared a time stamp with one of their type and were {done}; "
                f"{self.unsigned} trades of unknown side were left out")


@dataclass(frozen=True, slots=True)
class _Session:
    events: EventArray           # of continuous trading
    times: Int64s                # exchange time, never backwards
    start_ns: int
    end_ns: int
    bid: Int64s                  # best prices before each record, ticks
    ask: Int64s
    bid_qty: Int64s
    ask_qty: Int64s


def order_flow_times(log: EventLog, kinds: Iterable[str] = ("buy", "sell"), *,
                     ties: str = "merge", rng: np.random.Generator | None = None,
                     include_hidden: bool = False) -> OrderFlow:
    """Times of the order flow in continuous trading.

    Trades without an aggressor are signed by the quotes in force before them: at the ask or
    above a buy, at the bid or below a sell, between them unknown and left out. Auction prints are
    left out.

    Parameters
    ----------
    log : EventLog
    kinds : iterable of str
        Of `KINDS`; the result keeps the order, so marks are its positions. Limits and cancels
        need a source with depth; a level that shrinks at the time of a trade at its price counts
        as traded, not as cancelled.
    ties : {"merge", "spread", "keep"}
        Events of one type at one stamp become one ("merge": one sweep prints many times), or all
        events that share a stamp are moved on uniformly within the clock's step ("spread"), or
        nothing is done ("keep": a fitted decay then runs away).
    rng : numpy.random.Generator, optional
        Needed to spread.
    include_hidden : bool
        Count executions of hidden orders as market orders.

    Returns
    -------
    OrderFlow
        A dict of type to rising seconds.

    Raises
    ------
    HawkesError
        If a kind or policy is unknown, the log has no continuous trading, or a kind needs depth
        that the source does not have.
    """
    wanted = tuple(kinds)
    unknown = [name for name in wanted if name not in KINDS]
    if unknown or not wanted:
        raise HawkesError(f"kinds must be among {', '.join(KINDS)}, were "
                          f"{', '.join(wanted) or 'none'}")
    if ties not in TIES:
        raise HawkesError(f"ties must be one of {', '.join(TIES)}, was {ties!r}")
    if ties == "spread" and not isinstance(rng, np.random.Generator):
        raise HawkesError("ties='spread' needs rng, a numpy.random.Generator")
    depth = any(name.startswith(("limit", "cancel")) for name in wanted)
    session = _session(log, depth)
    buys, sells, unsigned = _market_orders(session, include_hidden)
    masks = {"buy": buys, "sell": sells}
    if depth:
        masks.update(_touch_orders(session, buys | sells))
    stamps = {name: session.times[masks[name]] - session.start_ns for name in wanted}
    flow = OrderFlow()
    flow.start_ns, flow.ties, flow.unsigned = session.start_ns, ties, int(unsigned.sum())
    flow.duration = (session.end_ns - session.start_ns) / 1e9
    flow.tied = {name: int((np.diff(times) == 0).sum()) for name, times in stamps.items()}
    step = _clock_step(log.events["exch_ns"])
    flow.resolution = step / 1e9
    if ties == "spread" and rng is not None:
        stamps_seconds = _spread(stamps, step, rng)
        flow.update({name: np.minimum(times, flow.duration)
                     for name, times in stamps_seconds.items()})
    else:
        for name, times in stamps.items():
            flow[name] = np.asarray(np.unique(times) if ties == "merge" else times,
                                    np.float64) / 1e9
    return flow


def _session(log: EventLog, depth: bool) -> _Session:
    events = log.events
    marks = np.flatnonzero(events["kind"] == Kind.SESSION)
    phase = np.full(len(events), -1, np.int64)
    for begin, stop in zip(marks, np.append(marks[1:], len(events)), strict=True):
        phase[begin:stop] = int(events["aux"][begin])
    inside = np.flatnonzero((phase == Phase.CONTINUOUS) & (events["kind"] != Kind.SESSION))
    if not len(inside):
        raise HawkesError(f"{log.instrument.symbol} on {log.day} has no continuous trading")
    if depth and not (log.source.order_by_order or log.source.depth_levels):
        raise HawkesError(f"limit and cancel times need a source with depth, {log.source.name} "
                          "has none")
    bid, ask, bid_qty, ask_qty = (_depth_touch if log.source.depth_levels
                                  or log.source.order_by_order else _quote_touch)(events)
    times = np.maximum.accumulate(events["exch_ns"].astype(np.int64))
    # An opening auction prints before continuous trading begins.
    prints = inside[(events["kind"][inside] == Kind.TRADE)]
    auction = (events["flags"][prints] & Flag.AUCTION) != 0
    leading = int(np.argmin(auction)) if not auction.all() else len(auction)
    if leading:
        inside = inside[inside > prints[leading - 1]]
    if not len(inside):
        raise HawkesError(f"{log.instrument.symbol} on {log.day} has only an auction")
    after = int(inside[-1]) + 1
    closed = after < len(events) and events["kind"][after] == Kind.SESSION
    return _Session(events[inside], times[inside], int(times[inside[0]]),
                    int(times[after if closed else inside[-1]]), bid[inside], ask[inside],
                    bid_qty[inside], ask_qty[inside])


def _quote_touch(events: EventArray) -> tuple[Int64s, Int64s, Int64s, Int64s]:
    found = []
    for side, none in ((1, NO_BID), (-1, NO_ASK)):
        quote = (events["kind"] == Kind.QUOTE) & (events["side"] == side)
        price = np.where(events["qty_lots"] == 0, none, events["price_ticks"]).astype(np.int64)
        # Index of the last quote strictly before each record.
        last = np.maximum.accumulate(np.where(quote, np.arange(len(events)), -1))
        before = np.concatenate(([-1], last[:-1]))
        found.append(np.where(before >= 0, price[before], none))
    unknown = np.full(len(events), -1, np.int64)
    return found[0], found[1], unknown, unknown


def _depth_touch(events: EventArray) -> tuple[Int64s, Int64s, Int64s, Int64s]:
    book = BookKernel()
    ticks, lots = np.empty((CHUNK, 2, 1), np.int32), np.empty((CHUNK, 2, 1), np.int32)
    best = np.empty((len(events) + 1, 4), np.int64)
    best[0] = NO_BID, NO_ASK, 0, 0
    for begin in range(0, len(events), CHUNK):
        part = np.ascontiguousarray(events[begin:begin + CHUNK])
        try:
            count = book.frames(part, ticks, lots, every_record=True)
        except BookFaultError as fault:
            raise HawkesError(f"record {begin + fault.index} of the log does not fit the book: "
                              f"{fault}") from None
        at = slice(begin + 1, begin + 1 + count)
        best[at, :2], best[at, 2:] = ticks[:count, :, 0], lots[:count, :, 0]
    return best[:-1, 0], best[:-1, 1], best[:-1, 2], best[:-1, 3]


def _market_orders(session: _Session, hidden: bool) -> tuple[Bools, Bools, Bools]:
    events = session.events
    kind, side, price = events["kind"], events["side"].astype(np.int64), events["price_ticks"]
    execute = kind == Kind.ORDER_EXECUTE
    trade = (kind == Kind.TRADE) & ((events["flags"] & Flag.AUCTION) == 0)
    if not hidden:
        trade &= (events["flags"] & Flag.HIDDEN) == 0
    quoted = np.where((price >= session.ask) & (session.ask != NO_ASK), 1,
                      np.where((price <= session.bid) & (session.bid != NO_BID), -1, 0))
    # A crossed quote would make a trade both.
    quoted[session.bid >= session.ask] = 0
    started = np.where(execute, -side, np.where(side != 0, side, quoted))
    either = execute | trade
    return either & (started == 1), either & (started == -1), either & (started == 0)


def _touch_orders(session: _Session, traded: Bools) -> dict[str, Bools]:
    events = session.events
    kind, side = events["kind"], events["side"]
    price, lots = events["price_ticks"].astype(np.int64), events["qty_lots"].astype(np.int64)
    level = (kind == Kind.LEVEL_SET) & ((events["flags"] & Flag.REVEALED) == 0)
    # A level that shrinks with a trade at its price and time was taken, not cancelled.
    taken = np.unique(np.stack([session.times[traded], price[traded]]), axis=1)
    pairs = set(zip(taken[0].tolist(), taken[1].tolist(), strict=True))
    shrunk = np.flatnonzero(level)
    hit = np.zeros(len(events), np.bool_)
    hit[shrunk] = [(t, p) in pairs for t, p in zip(
        session.times[shrunk].tolist(), price[shrunk].tolist(), strict=True)]
    found = {}
    for name, sign, best, best_lots in (("bid", 1, session.bid, session.bid_qty),
                                        ("ask", -1, session.ask, session.ask_qty)):
        mine = side == sign
        none = best == (NO_BID if sign > 0 else NO_ASK)
        inside = none | ((price > best) if sign > 0 else (price < best))
        at = ~none & (price == best)
        found[f"limit_{name}"] = mine & (
            ((kind == Kind.ORDER_ADD) & (inside | at))
            | (level & (lots > 0) & (inside | (at & (lots > best_lots)))))
        found[f"cancel_{name}"] = mine & at & (
            (kind == Kind.ORDER_CANCEL) | (level & (lots < best_lots) & ~hit))
    return found


def _clock_step(stamps: Int64s) -> int:
    """Largest power of ten, in ns, that divides all stamps' distances; at most a second."""
    step = 1_000_000_000
    offsets = stamps - stamps[0]
    while step > 1 and (offsets % step).any():
        step //= 10
    return step


def _spread(stamps: dict[str, Int64s], step: int, rng: np.random.Generator) -> dict[str, Floats]:
    together = np.concatenate(list(stamps.values()))
    values, counts = np.unique(together, return_counts=True)
    shared = values[counts > 1]
    result = {}
    for name, times in stamps.items():
        tied = np.isin(times, shared)
        seconds = times.astype(np.float64)
        seconds[tied] += step * rng.random(int(tied.sum()))
        result[name] = np.sort(seconds) / 1e9
    return result
