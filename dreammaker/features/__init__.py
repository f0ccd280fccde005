"""Features of the market's microstructure: the 27-feature pipeline and its parts.

`compute_features` brings pandas with it and is imported only when it is first asked for.
"""

from typing import TYPE_CHECKING, Any

from dreammaker.features.config import FEATURE_NAMES, FeatureConfig, definition_hash
from dreammaker.features.pipeline import FeaturePipeline, FeatureRows

if TYPE_CHECKING:
    from dreammaker.features.compute import compute_features

__all__ = ["FEATURE_NAMES", "FeatureConfig", "FeaturePipeline", "FeatureRows", "compute_features",
           "definition_hash"]


def __getattr__(name: str) -> Any:
    if name == "compute_features":
        from dreammaker.features.compute import compute_features

        return compute_features
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
