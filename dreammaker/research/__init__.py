"""From an archive's days to decision rows with labels, and what may be believed of them.

`dataset` builds the rows that models train on, `lookahead` shows that none of them knows its
future, `importance`, `stationarity` and `information` study the features.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dreammaker.research.dataset import Dataset, build_dataset
    from dreammaker.research.label_rule import LabelRule
    from dreammaker.research.lookahead import LookaheadReport, detect
    from dreammaker.research.sampling import Sampler

_HOME = {"Dataset": "dataset", "build_dataset": "dataset", "LabelRule": "label_rule",
         "LookaheadReport": "lookahead", "detect": "lookahead", "Sampler": "sampling"}

__all__ = ["Dataset", "LabelRule", "LookaheadReport", "Sampler", "build_dataset", "detect"]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        from importlib import import_module

        return getattr(import_module(f"dreammaker.research.{_HOME[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
