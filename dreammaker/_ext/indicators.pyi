import numpy as np
from numpy.typing import ArrayLike, NDArray

def rsi(closes: ArrayLike, period: int = 14) -> NDArray[np.float64]: ...
def macd(
    closes: ArrayLike, fast: int = 12, slow: int = 26, signal: int = 9
) -> tuple[NDArray[np.float64], NDArray[np.float64]]: ...
def bollinger_position(
    closes: ArrayLike, size: int = 20, width: float = 2.0
) -> NDArray[np.float64]: ...
