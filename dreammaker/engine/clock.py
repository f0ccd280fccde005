"""The only module that reads the time."""

import time
from typing import Final

NS_PER_S: Final = 1_000_000_000
NS_PER_MS: Final = 1_000_000
NS_PER_MINUTE: Final = 60 * NS_PER_S


class SystemClock:
    """The machine's clocks: wall time for anchors and file names, monotonic time for durations."""

    @staticmethod
    def utc_ns() -> int:
        """UTC, ns since 1970."""
        return time.time_ns()

    @staticmethod
    def monotonic_ns() -> int:
        """Monotonic ns from an arbitrary origin."""
        return time.perf_counter_ns()

    @staticmethod
    def sleep(seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)


class LoopClock:
    """Loop time: the time of the item being handled, never decreasing.

    Examples
    --------
    >>> clock = LoopClock(10)
    >>> clock.advance(15), clock.advance(12), clock.now_ns
    (15, 15, 15)
    """

    __slots__ = ("now_ns",)

    def __init__(self, start_ns: int = 0) -> None:
        self.now_ns = start_ns

    def advance(self, time_ns: int) -> int:
        """Move to an item's time; an item that is late is handled at the present time."""
        if time_ns > self.now_ns:
            self.now_ns = time_ns
        return self.now_ns


def iso_utc(time_ns: int, *, digits: int = 3) -> str:
    """UTC time as ``2026-11-20T12:00:00.000Z``.

    Examples
    --------
    >>> iso_utc(1_500_000_000)
    '1970-01-01T00:00:01.500Z'
    """
    seconds, rest = divmod(time_ns, NS_PER_S)
    text = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))
    return f"{text}.{rest:09d}"[: len(text) + (1 + digits if digits else 0)] + "Z"
