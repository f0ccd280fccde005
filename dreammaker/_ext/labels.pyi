import numpy as np
from numpy.typing import NDArray

_Floats = NDArray[np.float64]
_Ints = NDArray[np.int64]

def first_touch(
    bid_high: _Floats, bid_low: _Floats, ask_high: _Floats, ask_low: _Floats,
    begin: _Ints, stop: _Ints, levels: _Floats,
) -> _Ints: ...
def cusum_rows(
    values: _Floats, threshold: _Floats, segment: _Ints,
) -> tuple[_Ints, NDArray[np.int8]]: ...
def trends(
    values: _Floats, time: _Ints, row: _Ints, last_row: _Ints, start: _Ints, step: int,
    shortest: int, longest: _Ints,
) -> tuple[_Floats, _Ints]: ...
def ewm_deviation(values: _Floats, span: float, least: int) -> _Floats: ...
