"""What is left of a model where there was one class alone to learn."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Constant:
    """The same probability in every row.

    A fold of a bench may train on one class only, and the bench goes on; a bundle of such a model
    is refused (``research.train``).

    Parameters
    ----------
    probability : float
        Of the second class.
    low, high : int
        The two classes.

    Examples
    --------
    >>> Constant(1.0).predict_proba(np.zeros((2, 3))).tolist()
    [[0.0, 1.0], [0.0, 1.0]]
    """

    probability: float
    low: int = 0
    high: int = 1

    @property
    def classes_(self) -> NDArray[np.int64]:
        """Both classes."""
        return np.array([self.low, self.high])

    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        """Probabilities of ``classes_``; float64 array of shape (n, 2)."""
        return np.tile([1.0 - self.probability, self.probability], (len(X), 1))
