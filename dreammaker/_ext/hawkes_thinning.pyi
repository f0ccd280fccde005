import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int32]

class ThinningSampler:
    finished: bool
    def __init__(
        self,
        knots: Floats,
        base: Floats,
        decay: Floats,
        group: Ints,
        target: Ints,
        jump: Floats,
        excitation: Floats,
        factor: Floats,
        rate: Floats,
        seed: int,
    ) -> None: ...
    def fill(self, times: Floats, marks: Ints) -> int: ...

class ExponentialThinning:
    finished: bool
    def __init__(
        self, mu: float, alpha: float, beta: float, excitation: float, end: float, seed: int
    ) -> None: ...
    def fill(self, times: Floats) -> int: ...

class ExactSampler:
    finished: bool
    def __init__(
        self,
        mu: float,
        alpha: float,
        beta: float,
        excitation: float,
        end: float,
        seed: int,
        limit: int = 2,
    ) -> None: ...
    def fill(self, times: Floats) -> int: ...

class PowerLawClusters:
    finished: bool
    def __init__(self, alpha: float, beta: float, p: float, end: float, seed: int) -> None: ...
    def background(
        self, times: Floats, count: int, start: float, stop: float, rate: float
    ) -> int: ...
    def offspring(self, times: Floats, count: int) -> int: ...
