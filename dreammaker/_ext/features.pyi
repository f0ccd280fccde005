from collections.abc import Mapping
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

class FeatureRows:
    values: NDArray[np.float64]
    exch_ns: NDArray[np.int64]
    local_ns: NDArray[np.int64]
    event_index: NDArray[np.int64]
    trade_flow_10s: NDArray[np.int64]
    session_volume: NDArray[np.int64]
    bid_ticks: NDArray[np.int32]
    ask_ticks: NDArray[np.int32]
    bid_qty: NDArray[np.int32]
    ask_qty: NDArray[np.int32]
    last_trade_ticks: NDArray[np.int32]
    book_ok: NDArray[np.uint8]
    capacity: int
    count: int
    def __init__(self, capacity: int) -> None: ...

class FeatureKernel:
    fault: tuple[int, int, str] | None
    def __new__(cls, settings: Mapping[str, Any]) -> Self: ...
    def process(self, events: NDArray[np.void], rows: FeatureRows) -> int: ...
    @property
    def memory_bytes(self) -> int: ...
