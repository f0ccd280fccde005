import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Marks = NDArray[np.int32]

def pair_likelihood(
    times: Floats,
    marks: Marks,
    end: float,
    row: int,
    mu: float,
    alpha: Floats,
    beta: Floats,
    left: Floats,
    counts: Floats,
    gradient: Floats,
    hessian: Floats,
    order: int,
) -> float: ...
def shared_likelihood(
    times: Floats,
    marks: Marks,
    end: float,
    mu: Floats,
    alpha: Floats,
    beta: float,
    left: Floats,
    counts: Floats,
    gradient: Floats,
    hessian: Floats,
    order: int,
) -> float: ...
def excitations(
    times: Floats,
    marks: Marks,
    beta: Floats,
    left: Floats,
    end: float,
    offsets: Marks,
    out: Floats,
    alive: Floats,
) -> None: ...
def linear_likelihood(
    rows: Floats,
    end: float,
    mu: float,
    alpha: Floats,
    reach: Floats,
    gradient: Floats,
    hessian: Floats,
) -> float: ...
