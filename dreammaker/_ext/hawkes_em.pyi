import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

def em_sums(
    times: Floats,
    duration: float,
    mu: Floats,
    splits: NDArray[np.int64],
    alphas: Floats,
    betas: Floats,
    left: Floats,
) -> tuple[float, Floats, Floats]: ...
