import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

def mixture_sums(
    times: Floats,
    duration: float,
    mu: Floats,
    splits: NDArray[np.int64],
    weights: Floats,
    rates: Floats,
    left: Floats,
    fitted_decays: bool,
    nodes: Floats,
    full: bool,
) -> tuple[float, Floats, Floats, Floats, Floats]: ...
def power_law_sums(
    times: Floats,
    mu: Floats,
    splits: NDArray[np.int64],
    alpha: float,
    beta: float,
    p: float,
    full: bool,
) -> tuple[float, Floats, Floats, Floats]: ...
def excitation_sums(
    times: Floats, queries: Floats, weights: Floats, rates: Floats
) -> Floats: ...
