"""The inputs of a bundle's models: columns of the models' view, for single rows and for many."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dreammaker._ext.model_view import RowView
from dreammaker.domain.errors import StoreError
from dreammaker.features.config import FEATURE_NAMES
from dreammaker.models.view import MODEL_FEATURES

_SOURCES = [index for index, name in enumerate(FEATURE_NAMES) if name != "mid_price"]


@dataclass(frozen=True)
class BundleView:
    """The inputs of a model, by name and in order.

    Parameters
    ----------
    inputs : tuple of str
        Names out of ``models.view.MODEL_FEATURES``.
    tick_size : float
        Points.

    Raises
    ------
    StoreError
        If a name is unknown or repeats.

    Examples
    --------
    >>> view = BundleView.full(5.0)
    >>> len(view.inputs), view.inputs[:3]
    (26, ('micro_price_offset', 'weighted_mid_price_offset', 'ofi_1'))
    >>> row = np.arange(27.0)
    >>> view.matrix(row[None])[0, :3].tolist()
    [0.2, 0.4, 3.0]
    """

    inputs: tuple[str, ...]
    tick_size: float

    def __post_init__(self) -> None:
        unknown = [name for name in self.inputs if name not in MODEL_FEATURES]
        if unknown or not self.inputs or len(set(self.inputs)) != len(self.inputs):
            raise StoreError(f"a model's inputs must be names of features without price levels, "
                             f"each once, were {', '.join(unknown or self.inputs) or 'none'}")
        if not 0.0 < self.tick_size < 1e300:
            raise StoreError(f"a model's tick size must be above 0, was {self.tick_size!r}")

    @classmethod
    def full(cls, tick_size: float) -> "BundleView":
        """Every column."""
        return cls(MODEL_FEATURES, tick_size)

    def kernel(self) -> RowView:
        """The view of single rows; the same bits as ``models.view.model_view``."""
        places = [MODEL_FEATURES.index(name) for name in self.inputs]
        relative = [name not in FEATURE_NAMES for name in self.inputs]
        return RowView(np.array([_SOURCES[place] for place in places], np.int64),
                       np.array(relative, np.uint8), FEATURE_NAMES.index("mid_price"),
                       len(FEATURE_NAMES), self.tick_size)

    def matrix(self, features: ArrayLike) -> NDArray[np.float64]:
        """Inputs of many feature rows, shape (n, 27) in the order of ``FEATURE_NAMES``."""
        return self.kernel().rows(np.ascontiguousarray(features, np.float64))
