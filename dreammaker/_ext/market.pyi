import numpy as np
from numpy.typing import NDArray

class MarketKernel:
    def __init__(
        self,
        *,
        seed: int,
        times_ns: tuple[int, int, int, int],
        prices_ticks: tuple[int, int, int],
        rates: tuple[float, ...],
        jumps: tuple[float, ...],
        decays: tuple[float, ...],
        activity: NDArray[np.float64],
        placement: tuple[float, ...],
        sizes: tuple[tuple[float, float], tuple[float, float], tuple[float, float]],
        limits: tuple[int, int],
        gap: tuple[float, float],
        auction: tuple[float, float],
        depth: tuple[float, float],
        latency: tuple[float, float],
    ) -> None: ...
    def next_packet_size(self) -> int: ...
    def fill(self, out: NDArray[np.void]) -> int: ...
