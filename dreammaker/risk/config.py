"""Limits, each with its unit in its name."""

from typing import Annotated

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

Count = Annotated[int, Field(ge=1, le=1_000_000)]
Minutes = Annotated[float, Field(ge=0, le=24 * 60)]


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class RiskConfig:
    """Limits that no order passes.

    Parameters
    ----------
    max_position_lots : int
        Largest net position, working orders counted as if filled.
    max_order_lots : int
        Largest single order.
    max_working_orders : int
    max_orders_per_second, max_orders_per_minute : int
        New orders in any window of that length; reducing orders are not counted out.
    price_collar_ticks : int
        A limit price may be worse than the mid by no more than this.
    max_daily_loss : float
        In the instrument's currency, fees included, open position at the mid. At this loss
        everything is cancelled and flattened, and the day is over.
    stale_data_ms : float
        Older market data allow no new risk.
    entry_start_minutes_after_open, entry_stop_minutes_before_close : float
        Window in which positions may be opened.
    flatten_minutes_before_close : float
        When whatever is open is closed.
    """

    max_position_lots: Count = 2
    max_order_lots: Count = 2
    max_working_orders: Count = 4
    max_orders_per_second: Count = 5
    max_orders_per_minute: Count = 60
    price_collar_ticks: Count = 80
    max_daily_loss: Annotated[float, Field(gt=0, le=1e9)] = 500.0
    stale_data_ms: Annotated[float, Field(gt=0, le=600_000)] = 2_000.0
    entry_start_minutes_after_open: Minutes = 1.0
    entry_stop_minutes_before_close: Minutes = 25.0
    flatten_minutes_before_close: Minutes = 15.0

    def __post_init__(self) -> None:
        if self.flatten_minutes_before_close > self.entry_stop_minutes_before_close:
            raise ValueError(
                "flatten_minutes_before_close must not be above entry_stop_minutes_before_close "
                f"({self.entry_stop_minutes_before_close:g}), "
                f"was {self.flatten_minutes_before_close:g}")
        if self.max_order_lots > self.max_position_lots * 2:
            raise ValueError(
                "max_order_lots must not be above twice max_position_lots "
                f"({self.max_position_lots}), was {self.max_order_lots}")

    @property
    def max_daily_loss_micros(self) -> int:
        """The daily loss limit in millionths of the currency."""
        return round(self.max_daily_loss * 1_000_000)
