"""How different the members of an ensemble are: what they add to each other."""

from dataclasses import dataclass
from math import nan, sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dreammaker.domain.errors import InputError


@dataclass(frozen=True)
class Diversity:
    """Measures of each pair of members (Kuncheva and Whitaker, Machine Learning 51, 2003).

    Attributes
    ----------
    names : tuple of str
    accuracy : float64 array, shape (m,)
    disagreement : float64 array, shape (m, m)
        Share of rows on which exactly one of the pair is right.
    q_statistic : float64 array, shape (m, m)
        Yule's Q of being right: 1 = right on the same rows, 0 = independent, below 0 = on others;
        NaN where it is not defined.
    error_correlation : float64 array, shape (m, m)
        Correlation of being wrong; NaN where a member is always right or always wrong.

    Examples
    --------
    >>> found = diversity(("a", "b"), [[1, 1, 0, 1], [1, 0, 1, 1]], [1, 1, 1, 1])
    >>> found.accuracy.tolist(), float(found.disagreement[0, 1])
    ([0.75, 0.75], 0.5)
    """

    names: tuple[str, ...]
    accuracy: NDArray[np.float64]
    disagreement: NDArray[np.float64]
    q_statistic: NDArray[np.float64]
    error_correlation: NDArray[np.float64]

    def as_dict(self) -> dict[str, Any]:
        """Plain figures by pair, for reports and bundles; None where one is not defined."""
        def figure(value: float) -> float | None:
            return None if value != value else float(value)

        pairs = [(i, j) for i in range(len(self.names)) for j in range(i)]
        return {"accuracy": {name: float(value) for name, value in
                             zip(self.names, self.accuracy, strict=True)},
                "pairs": [{"of": [self.names[j], self.names[i]],
                           "disagreement": figure(self.disagreement[i, j]),
                           "q_statistic": figure(self.q_statistic[i, j]),
                           "error_correlation": figure(self.error_correlation[i, j])}
                          for i, j in pairs]}


def diversity(names: tuple[str, ...], predictions: Any, y: Any) -> Diversity:
    """Diversity of predictions.

    Parameters
    ----------
    names : tuple of str
        Of m members.
    predictions : array, shape (m, n)
        Predicted labels.
    y : array, shape (n,)

    Raises
    ------
    InputError
        If shapes do not fit, or there is no row.

    Examples
    --------
    >>> found = diversity(("a", "b"), [[1, 1, 0, 0], [1, 0, 1, 0]], [1, 1, 1, 1])
    >>> found.disagreement[0, 1].item(), found.q_statistic[0, 1].item()
    (0.5, 0.0)
    """
    given, truth = np.asarray(predictions), np.asarray(y)
    if given.shape != (len(names), truth.size) or not truth.size:
        raise InputError(f"predictions must have the shape ({len(names)}, {truth.size}) and at "
                         f"least one row, had {given.shape}")
    right = given == truth
    m = len(names)
    disagreement, q, correlation = np.zeros((m, m)), np.ones((m, m)), np.ones((m, m))
    for i in range(m):
        for j in range(m):
            both = int((right[i] & right[j]).sum())
            none = int((~right[i] & ~right[j]).sum())
            first = int((right[i] & ~right[j]).sum())
            second = int((~right[i] & right[j]).sum())
            disagreement[i, j] = (first + second) / truth.size
            same, other = both * none, first * second
            q[i, j] = (same - other) / (same + other) if same + other else nan
            spread = ((both + first) * (second + none) * (both + second) * (first + none))
            correlation[i, j] = (same - other) / sqrt(spread) if spread else nan
    return Diversity(names, right.mean(axis=1), disagreement, q, correlation)
