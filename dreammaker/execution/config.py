"""How orders are priced and how long they are left to work."""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

Style = Literal["market", "far_touch", "near_touch"]


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class ExecutionConfig:
    """Order tactics.

    Parameters
    ----------
    entry_style, exit_style : {"market", "far_touch", "near_touch"}
        ``market`` takes what there is. ``far_touch`` is a limit ``far_touch_ticks`` beyond the
        opposite best price whose remainder is cancelled after ``far_touch_ms``. ``near_touch``
        joins our own side's best price and is cancelled after ``near_touch_ms``.
    far_touch_ticks : int
    far_touch_ms, near_touch_ms : float
    order_lots : int
        Position of a full-size proposal.
    """

    entry_style: Style = "far_touch"
    exit_style: Style = "far_touch"
    far_touch_ticks: Annotated[int, Field(ge=0, le=1000)] = 2
    far_touch_ms: Annotated[float, Field(gt=0, le=3_600_000)] = 250.0
    near_touch_ms: Annotated[float, Field(gt=0, le=3_600_000)] = 5_000.0
    order_lots: Annotated[int, Field(ge=1, le=100_000)] = 1
