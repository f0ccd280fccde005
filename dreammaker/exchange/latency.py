"""How long messages travel between us and the venue, and market data to us."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dreammaker._ext.latency import Latency
from dreammaker.domain.errors import ConfigError
from dreammaker.domain.instrument import Instrument
from dreammaker.domain.schema import EventArray, Flag
from dreammaker.domain.source import SourceProfile
from dreammaker.engine.clock import NS_PER_MS
from dreammaker.engine.ports import Feed
from dreammaker.exchange.profile import AssumedLatency

ENTRY, RESPONSE, FEED = 1, 2, 3
"""Streams of the seed: the three directions are drawn independently of each other."""


class Latencies:
    """Entry and response latency of the messages of a session, each by its number.

    Parameters
    ----------
    entry, response : Latency

    Examples
    --------
    >>> Latencies(Latency.constant(7), Latency.constant(9)).response_ns(0)
    9
    """

    def __init__(self, entry: Latency, response: Latency) -> None:
        self.entry, self.response = entry, response

    def entry_ns(self, sequence: int) -> int:
        """From us to the venue."""
        return self.entry.ns(sequence)

    def response_ns(self, sequence: int) -> int:
        """From the venue to us."""
        return self.response.ns(sequence)


class ConstantLatency(Latencies):
    """The same time for every message.

    Parameters
    ----------
    entry_ms, response_ms : float
        To the venue and back, 0 or more.

    Examples
    --------
    >>> ConstantLatency(40.0, 1.5).response_ns(0)
    1500000
    """

    def __init__(self, entry_ms: float, response_ms: float) -> None:
        if not (entry_ms >= 0 and response_ms >= 0):
            raise ValueError(f"latencies must be 0 or more, were {entry_ms} and {response_ms}")
        super().__init__(Latency.constant(round(entry_ms * NS_PER_MS)),
                         Latency.constant(round(response_ms * NS_PER_MS)))


@dataclass(frozen=True, slots=True)
class LatencyChoice:
    """What a configuration says of one direction; what it leaves open the profile assumes.

    Parameters
    ----------
    median_ms, p99_ms : float or None
        With the first alone every message takes it; both make a log-normal.
    file : str
        Measured latencies in ms, one a line, or a .npy array of them; empty = none.
    """

    median_ms: float | None
    p99_ms: float | None
    file: str

    def make(self, name: str, assumed: AssumedLatency, seed: int, stream: int) -> Latency:
        """The latency of a direction.

        Raises
        ------
        ConfigError
            If the choice contradicts itself or the file cannot be used.
        """
        if self.file:
            return Latency.recorded(read_samples(Path(self.file)))
        median, p99 = self.resolved(assumed)
        if self.p99_ms is not None and (self.median_ms is None or p99 < median or median == 0):
            raise ConfigError(f"exchange.{name}_latency_p99_ms needs a {name}_latency_ms above 0 "
                              f"and no larger, were {self.p99_ms:g} and {self.median_ms}")
        if p99 == median:
            return Latency.constant(round(median * NS_PER_MS))
        return Latency.lognormal(median * NS_PER_MS, p99 * NS_PER_MS, seed, stream)

    def resolved(self, assumed: AssumedLatency) -> tuple[float, float]:
        """Median and 99th percentile in ms."""
        if self.median_ms is None:
            return assumed.median_ms, assumed.p99_ms
        return self.median_ms, self.median_ms if self.p99_ms is None else self.p99_ms

    def told(self, assumed: AssumedLatency) -> str:
        """The choice in words, for reports."""
        if self.file:
            return f"measured ({Path(self.file).name})"
        median, p99 = self.resolved(assumed)
        label = "assumed" if self.median_ms is None else "configured"
        if median == p99:
            return f"{median:g} ms ({label})"
        return f"log-normal, median {median:g} ms, 99 % within {p99:g} ms ({label})"


def read_samples(path: Path) -> NDArray[np.int64]:
    """Measured latencies in ms from a text file or a .npy array, as ns.

    Raises
    ------
    ConfigError
        If the file cannot be read or holds no latencies.
    """
    try:
        values = (np.load(path, allow_pickle=False) if path.suffix == ".npy"
                  else np.loadtxt(path, ndmin=1))
        samples = np.asarray(values, np.float64)
    except (OSError, ValueError, TypeError) as error:
        raise ConfigError(f"{path}: no latencies in ms, one a line: {error}") from None
    if samples.ndim != 1 or not samples.size or not ((samples >= 0) & (samples <= 60_000)).all():
        raise ConfigError(f"{path}: latencies must be numbers from 0 to 60000 ms, one a line")
    return np.rint(samples * NS_PER_MS).astype(np.int64)


class DelayedFeed:
    """A feed whose records reach us after a latency of ours, where the source did not measure.

    Sources that measure (their profile says so) keep their times. One draw a second of exchange
    time; records stay in order. Made local times carry LOCAL_SYNTHETIC.

    Parameters
    ----------
    feed : Feed
    latency : Latency
    """

    def __init__(self, feed: Feed, latency: Latency) -> None:
        self.feed, self.latency = feed, latency
        self.instrument: Instrument = feed.instrument
        self.source: SourceProfile = feed.source
        self._last_ns = -(2**62)

    @property
    def total_events(self) -> int | None:
        """Number of records in all, where it is known beforehand."""
        return self.feed.total_events

    def read(self, max_events: int) -> EventArray:
        """Next records, with their local times."""
        read = self.feed.read(max_events)
        if self.source.has_local_time or not len(read):
            return read
        events = read.copy()
        local = np.empty(len(events), np.int64)
        self._last_ns = self.latency.delay(events["exch_ns"], self._last_ns, local)
        events["local_ns"] = local
        events["flags"] |= np.uint32(Flag.LOCAL_SYNTHETIC)
        return events
