"""What the simulated venue assumes."""

from typing import Annotated

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

Milliseconds = Annotated[float, Field(ge=0, le=60_000)]


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class ExchangeConfig:
    """Assumptions of the simulated venue.

    Parameters
    ----------
    entry_latency_ms, response_latency_ms : float
        From us to the venue, and back.
    assumed_touch_lots : int
        Where the source shows no sizes, every price is taken to hold this many lots, and a
        resting order to stand behind this many.
    """

    entry_latency_ms: Milliseconds = 40.0
    response_latency_ms: Milliseconds = 40.0
    assumed_touch_lots: Annotated[int, Field(ge=1, le=1_000_000)] = 10
