import numpy as np
from numpy.typing import NDArray

class RowView:
    inputs: int
    features: int
    def __init__(self, column: NDArray[np.int64], relative: NDArray[np.uint8], mid: int,
                 features: int, tick_size: float) -> None: ...
    def row(self, features: NDArray[np.float64], out: NDArray[np.float64]) -> None: ...
    def rows(self, features: NDArray[np.float64]) -> NDArray[np.float64]: ...

class Watch:
    missing: NDArray[np.float64]
    outside: NDArray[np.float64]
    def __init__(self, nan_rate: NDArray[np.float64], low: NDArray[np.float64],
                 high: NDArray[np.float64], window: float, missing_excess: float,
                 outside_share: float) -> None: ...
    def look(self, row: NDArray[np.float64]) -> int: ...
