import numpy as np
from numpy.typing import NDArray

def simd_level(limit: int | None = None) -> int: ...
def in_order(times: NDArray[np.float64], duration: float) -> bool: ...
def gaps(times: NDArray[np.float64]) -> tuple[float, int]: ...
def exponential_sums(
    times: NDArray[np.float64],
    duration: float,
    mu: NDArray[np.float64],
    splits: NDArray[np.int64],
    alpha: float,
    beta: float,
    mode: int,
) -> tuple[NDArray[np.float64], tuple[float, float, float]]: ...
