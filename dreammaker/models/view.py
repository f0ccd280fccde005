"""What a model sees of a feature row: no price levels.

A level tells a tree the date, not the market. The mid price is left out, the micro-price and the
weighted mid price become their distance from it in ticks; everything else passes unchanged. Only
subtraction and division are used, so the live path and research get the same bits everywhere.
"""

import hashlib
import json

import numpy as np
from numpy.typing import NDArray

from dreammaker.domain.errors import ConfigError
from dreammaker.features.config import FEATURE_NAMES, FeatureConfig, definition_hash

VIEW_VERSION = 1
"""Rises whenever the view of the same features means something else."""

_MID = FEATURE_NAMES.index("mid_price")
_OFFSETS = tuple(FEATURE_NAMES.index(name) for name in ("micro_price", "weighted_mid_price"))
_KEPT = np.array([i for i in range(len(FEATURE_NAMES)) if i != _MID])

MODEL_FEATURES: tuple[str, ...] = tuple(
    f"{FEATURE_NAMES[i]}_offset" if i in _OFFSETS else FEATURE_NAMES[i] for i in _KEPT)
"""Columns of the view, in order: 26 names."""

_VIEW_OFFSETS = tuple(_KEPT.tolist().index(i) for i in _OFFSETS)


def model_view(values: NDArray[np.float64], tick_size: float) -> NDArray[np.float64]:
    """Feature rows as a model sees them.

    Parameters
    ----------
    values : float64 array, shape (27,) or (n, 27)
        Columns ``FEATURE_NAMES``.
    tick_size : float
        Points a tick, above 0.

    Returns
    -------
    float64 array, shape (26,) or (n, 26)
        Columns ``MODEL_FEATURES``; a new array.

    Raises
    ------
    ConfigError
        If the values do not have 27 columns, or the tick size is not above 0.

    Examples
    --------
    >>> row = np.arange(27.0)
    >>> row[:3] = 130000.0, 130001.0, 129997.5
    >>> model_view(row, 5.0)[:3].tolist()
    [0.2, -0.5, 3.0]
    """
    if values.ndim not in (1, 2) or values.shape[-1] != len(FEATURE_NAMES):
        raise ConfigError(f"values must have {len(FEATURE_NAMES)} columns, had shape "
                          f"{values.shape}")
    if not tick_size > 0.0:
        raise ConfigError(f"tick_size must be above 0, was {tick_size!r}")
    view: NDArray[np.float64] = values[..., _KEPT]
    for column in _VIEW_OFFSETS:
        view[..., column] = (view[..., column] - values[..., _MID]) / tick_size
    return view


def view_hash(config: FeatureConfig) -> str:
    """SHA-256 over the features' definition and the view of them, 64 hexadecimal digits.

    Parameters
    ----------
    config : FeatureConfig
    """
    meaning = {"features": definition_hash(config), "view": MODEL_FEATURES,
               "version": VIEW_VERSION}
    return hashlib.sha256(json.dumps(meaning, sort_keys=True).encode()).hexdigest()
