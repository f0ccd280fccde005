from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from dreammaker._ext.latency import Latency
from dreammaker._ext.matching_kernel import Matcher
from dreammaker._ext.policy import PolicyKernel

FILL_DTYPE: np.dtype[np.void]

class QuoteLoop:
    def __init__(
        self,
        policy: PolicyKernel,
        matcher: Matcher,
        *,
        depth_levels: int,
        interval_ns: int,
        entry: Latency,
        response: Latency,
        limits: Mapping[str, float],
        post_only: bool = True,
        tick_value_micros: int = 1,
        fee_micros: int = 0,
        stop_ns: int = ...,
    ) -> None: ...
    def take(self, events: NDArray[np.void], times: NDArray[np.int64]) -> bool: ...
    def finish(self) -> None: ...
    def fills(self) -> NDArray[np.void]: ...
    @property
    def stopped_by(self) -> str: ...
    @property
    def position_lots(self) -> int: ...
    @property
    def net_micros(self) -> int: ...
    @property
    def fees_micros(self) -> int: ...
    @property
    def counts(self) -> dict[str, int]: ...
    @property
    def denied(self) -> dict[int, int]: ...
    @property
    def ended(self) -> dict[int, int]: ...
