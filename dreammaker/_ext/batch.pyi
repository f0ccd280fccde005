import numpy as np
from numpy.typing import NDArray

def scan(events: NDArray[np.void]) -> tuple[int, int, int, list[tuple[int, int, int]]]: ...
def running_times(
    events: NDArray[np.void], exchange: bool, floor_ns: int
) -> NDArray[np.int64]: ...
def decision_rows(
    local_ns: NDArray[np.int64], count: int, interval_ns: int, last_period: int
) -> tuple[list[int], int]: ...
