"""Best prices at chosen moments of a day, from a second pass over its public records.

What a fill cost is measured against the market as it was recorded, not against what the simulated
venue thought of it; the two are thus checked against each other.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dreammaker.engine.ports import Feed
from dreammaker.features.config import FeatureConfig
from dreammaker.features.pipeline import FeaturePipeline, FeatureRows

_BATCH = 65_536


@dataclass(frozen=True, slots=True)
class Quotes:
    """Best prices and sizes at the moments asked for.

    Parameters
    ----------
    bid_ticks, ask_ticks : int64 arrays
        Of the last sound book (two-sided, not crossed or locked) at or before the moment.
    bid_qty, ask_qty : int64 arrays
        Lots there; -1 where the source shows no sizes.
    known : bool array
        False where there had been no sound book yet; the other figures are then 0.
    """

    bid_ticks: NDArray[np.int64]
    ask_ticks: NDArray[np.int64]
    bid_qty: NDArray[np.int64]
    ask_qty: NDArray[np.int64]
    known: NDArray[np.bool_]

    @classmethod
    def unknown(cls, count: int) -> "Quotes":
        """Nothing known at ``count`` moments."""
        def zeros() -> NDArray[np.int64]:
            return np.zeros(count, np.int64)

        return cls(zeros(), zeros(), zeros(), zeros(), np.zeros(count, np.bool_))

    @property
    def mid_half_ticks(self) -> NDArray[np.int64]:
        """Bid plus ask: twice the mid."""
        return self.bid_ticks + self.ask_ticks

    def __len__(self) -> int:
        """Number of moments."""
        return len(self.known)

    def __getitem__(self, chosen: slice | NDArray[np.int64]) -> "Quotes":
        """Some of the moments."""
        return Quotes(self.bid_ticks[chosen], self.ask_ticks[chosen], self.bid_qty[chosen],
                      self.ask_qty[chosen], self.known[chosen])


def quotes_at(feed: Feed, config: FeatureConfig, record_counts: NDArray[np.int64],
              venue_ns: NDArray[np.int64]) -> tuple[Quotes, Quotes]:
    """Best prices by number of records, and by time at the venue.

    Parameters
    ----------
    feed : Feed
        The day from its beginning; it is read no further than needed.
    config : FeatureConfig
        The session's (it says what an auction is).
    record_counts : int64 array
        The book after so many records of the day.
    venue_ns : int64 array
        The book at such a time, in exchange time; records of that very time count.

    Returns
    -------
    tuple of Quotes
        In the order of the arguments.
    """
    by_record, by_time = Quotes.unknown(len(record_counts)), Quotes.unknown(len(venue_ns))
    if not len(record_counts) and not len(venue_ns):
        return by_record, by_time
    last_record = int(record_counts.max(initial=0))
    last_ns = int(venue_ns.max(initial=-1))
    for before, rows in _batches(feed, config):
        count = rows.count
        sound = np.flatnonzero(rows.book_ok[:count])
        if len(sound):
            records = before + rows.event_index[sound] + 1
            _fill(by_record, rows, sound, records, record_counts)
            _fill(by_time, rows, sound, rows.exch_ns[sound], venue_ns)
            if int(records[-1]) > last_record and int(rows.exch_ns[sound[-1]]) > last_ns:
                break
    return by_record, by_time


def _fill(quotes: Quotes, rows: FeatureRows, sound: NDArray[np.int64], keys: NDArray[np.int64],
          wanted: NDArray[np.int64]) -> None:
    position = np.searchsorted(keys, wanted, side="right") - 1
    found = np.flatnonzero(position >= 0)
    row = sound[position[found]]
    quotes.bid_ticks[found], quotes.ask_ticks[found] = rows.bid_ticks[row], rows.ask_ticks[row]
    quotes.bid_qty[found], quotes.ask_qty[found] = rows.bid_qty[row], rows.ask_qty[row]
    quotes.known[found] = True


def _batches(feed: Feed, config: FeatureConfig) -> Iterator[tuple[int, FeatureRows]]:
    pipeline = FeaturePipeline(config, feed.instrument, feed.source)
    rows, before = FeatureRows(_BATCH), 0
    while len(events := feed.read(_BATCH)):
        if len(events) > rows.capacity:
            rows = FeatureRows(len(events))
        pipeline.process(events, rows)
        yield before, rows
        if pipeline.fault is not None:
            # The session stood down here as well: nothing behind it has a price.
            return
        before += len(events)
