"""What a source of market data can and cannot say."""

from dataclasses import dataclass

ALL_LEVELS = 2**31 - 1
"""The ``depth_levels`` of a source that shows its whole book."""


@dataclass(frozen=True, slots=True)
class SourceProfile:
    """Capabilities of a source; features that need more are NaN, venues that need more say so.

    Parameters
    ----------
    name : str
        Importer or feed, e.g. ``"mt5_ticks"``.
    depth_levels : int
        Price levels a side that the source shows; 0 = best prices only, without sizes;
        ``ALL_LEVELS`` = its whole book.
    has_aggressor : bool
        Whether trades name their aggressor.
    order_by_order : bool
        Whether single orders are visible (ORDER_* records).
    polled : bool
        Whether depth is a poll's snapshot, so that order-flow imbalance is *snapshot* OFI.
    has_local_time : bool
        Whether records carry a measured local receive time.
    """

    name: str
    depth_levels: int
    has_aggressor: bool
    order_by_order: bool = False
    polled: bool = False
    has_local_time: bool = False

    def __post_init__(self) -> None:
        if self.depth_levels < 0:
            raise ValueError(f"depth_levels must be 0 or more, was {self.depth_levels}")
