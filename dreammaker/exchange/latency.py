"""How long messages travel between us and the venue."""

from dreammaker.engine.clock import NS_PER_MS


class ConstantLatency:
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
        self._entry_ns = round(entry_ms * NS_PER_MS)
        self._response_ns = round(response_ms * NS_PER_MS)

    def entry_ns(self, sequence: int) -> int:
        """From us to the venue."""
        return self._entry_ns

    def response_ns(self, sequence: int) -> int:
        """From the venue to us."""
        return self._response_ns
