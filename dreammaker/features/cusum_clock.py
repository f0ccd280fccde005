"""A decision clock that wakes when the price has moved (the CUSUM filter, AFML 2.5.2.1)."""

from math import ceil

import numpy as np

from dreammaker.domain.errors import ConfigError
from dreammaker.domain.instrument import Instrument
from dreammaker.domain.schema import EventArray, Kind
from dreammaker.engine.decisions import TimeDecisionClock
from dreammaker.engine.market import Rows


class CusumDecisionClock:
    """Decides when the mid price's rises or falls have added up to a threshold.

    The filter looks at the first row of every interval: ``S+ = max(0, S+ + d)``,
    ``S- = min(0, S- + d)`` with d the change of the mid since the row before; a row where S+ or
    -S- reaches the threshold is chosen and that sum starts anew. Both sums start anew at every
    SESSION record. Rows whose book is not sound are passed over.

    Parameters
    ----------
    points : float
        Threshold, above 0.
    instrument : Instrument
    interval_ns : int
        Of the rows that are looked at, above 0.

    Notes
    -----
    Sums are whole half ticks, so they are exact; the choice depends on the records and rows alone,
    never on how they were cut into batches.

    Raises
    ------
    ConfigError
        If the threshold is not above 0.
    """

    def __init__(self, points: float, instrument: Instrument,
                 interval_ns: int = 1_000_000_000) -> None:
        if isinstance(points, str) or not 0.0 < points < float("inf"):
            raise ConfigError(f"the CUSUM filter's points must be above 0, were {points!r}")
        # A threshold between two half ticks is reached at the next one.
        self._limit = max(ceil(2.0 * points / instrument.tick_size - 1e-9), 1)
        self._looks = TimeDecisionClock(interval_ns)
        self._last: int | None = None
        self._up = self._down = 0
        self._break = False

    def choose(self, events: EventArray, rows: Rows) -> list[int]:
        """Indices of the decision rows among a batch's rows.

        Parameters
        ----------
        events : array of EVENT_DTYPE
            The batch.
        rows : Rows
            Its feature rows; ``event_index`` counts from the batch's first record.
        """
        breaks = np.flatnonzero(events["kind"] == Kind.SESSION).tolist()
        chosen, next_break = [], 0
        for index in self._looks.choose(events, rows):
            record = int(rows.event_index[index])
            while next_break < len(breaks) and breaks[next_break] <= record:
                self._break, next_break = True, next_break + 1
            if rows.book_ok[index] and self._moved(int(rows.bid_ticks[index])
                                                   + int(rows.ask_ticks[index])):
                chosen.append(index)
        self._break |= next_break < len(breaks)
        return chosen

    def _moved(self, mid: int) -> bool:
        """Take a mid in half ticks; whether a sum has reached the threshold."""
        if self._break or self._last is None:
            self._last, self._up, self._down, self._break = mid, 0, 0, False
            return False
        change, self._last = mid - self._last, mid
        self._up, self._down = max(0, self._up + change), min(0, self._down + change)
        if self._up >= self._limit:
            self._up = 0
            return True
        if self._down <= -self._limit:
            self._down = 0
            return True
        return False
