import numpy as np
from numpy.typing import ArrayLike, NDArray

def hawkes_intensity(
    times: ArrayLike,
    mu: ArrayLike,
    alpha: ArrayLike,
    beta: ArrayLike,
    marks: ArrayLike | None = None,
    initial: ArrayLike | None = None,
) -> NDArray[np.float64]: ...
