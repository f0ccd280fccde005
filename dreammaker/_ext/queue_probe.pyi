import numpy as np
from numpy.typing import NDArray

from dreammaker.domain.schema import EventArray

class ProbeRun:
    fill_ns: NDArray[np.int64]
    end_ns: NDArray[np.int64]
    end_reason: NDArray[np.uint8]
    price_ticks: NDArray[np.int32]
    shown_lots: NDArray[np.int32]
    truth_capped: int
    out_of_turn: int
    def __init__(self, join_ns: NDArray[np.int64], sides: NDArray[np.int8],
                 prices: NDArray[np.int32], qty_lots: NDArray[np.int32],
                 deadlines_ns: NDArray[np.int64], models: NDArray[np.float64], *,
                 carry: bool = False, poll_ns: int = 0, own_shown: bool = False,
                 stay: bool = False, max_live: int = 1) -> None: ...
    def advance(self, events: EventArray, times: NDArray[np.int64]) -> None: ...
    def finish(self) -> None: ...
