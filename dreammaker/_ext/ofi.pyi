from typing import Literal

import numpy as np
from numpy.typing import NDArray

def ofi_rows(
    ticks: NDArray[np.int32],
    qty: NDArray[np.int32],
    *,
    levels: int | None = None,
    method: Literal["cont", "volume"] = "cont",
) -> NDArray[np.int64]: ...
