import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Marks = NDArray[np.int32]

def em_sweep(
    times: Floats,
    marks: Marks,
    end: float,
    mu: Floats,
    alpha: Floats,
    beta: Floats,
    background: Floats,
    triggered: Floats,
    lag: Floats,
    alive: Floats,
    aged: Floats,
) -> float: ...
def residuals(
    times: Floats,
    marks: Marks,
    mu: Floats,
    alpha: Floats,
    beta: Floats,
    left: Floats,
    out: Floats,
) -> None: ...
def intensities(
    times: Floats,
    marks: Marks,
    queries: Floats,
    mu: Floats,
    alpha: Floats,
    beta: Floats,
    left: Floats,
    out: Floats,
) -> None: ...

class ResidualState:
    now: float
    def __init__(self, mu: Floats, alpha: Floats, beta: Floats, left: Floats) -> None: ...
    def event(self, t: float, mark: int) -> float: ...
    def rates(self, t: float) -> list[float]: ...
