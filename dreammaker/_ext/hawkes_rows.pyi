import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

def row_sums(
    times: Floats,
    marks: NDArray[np.int32],
    duration: float,
    row: int,
    mu: Floats,
    splits: NDArray[np.int64],
    weights: Floats,
    rates: Floats,
    nodes: Floats,
    full: bool,
) -> tuple[float, Floats, Floats, Floats, Floats]: ...
