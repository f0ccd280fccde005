import numpy as np
from numpy.typing import NDArray

def evaluate(
    returns: NDArray[np.float64], bounds: NDArray[np.int64], choices: int, sharpe: bool,
) -> tuple[int, NDArray[np.int64], NDArray[np.float64], NDArray[np.float64],
           NDArray[np.float64], NDArray[np.float64]]: ...
