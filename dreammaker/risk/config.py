"""Limits, each with its unit in its name or beside it."""

from functools import cached_property
from typing import Annotated, Literal

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

from dreammaker.engine.clock import NS_PER_MINUTE, NS_PER_MS

Count = Annotated[int, Field(ge=1, le=1_000_000)]
Minutes = Annotated[float, Field(ge=0, le=24 * 60)]
Money = Annotated[float, Field(gt=0, le=1e12)]
Share = Annotated[float, Field(gt=0, le=1)]


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class RiskConfig:
    """Limits that no order passes. Money is in the instrument's currency.

    Parameters
    ----------
    max_position_lots : int
        Largest net position, working orders counted as if filled.
    max_order_lots : int
        Largest single order.
    max_notional : float
        Worth of that largest net position at the mid.
    max_working_orders : int
    max_orders_per_second, max_orders_per_minute : int
        New orders and changes in any window of that length; reducing orders count, but are never
        held back.
    max_messages_per_fill, message_allowance : float, int
        Orders, changes and cancels for each fill, once more than the allowance were sent.
    duplicate_window_ms : float
        The same order again (side, type, price, lots, parent) within this time, while the first
        is not filled, is taken for a mistake. 0 allows it.
    price_collar_ticks : int
        A price may be worse than the mid, and than the last trade, by no more than this.
    max_spread_ticks : int
        A wider market allows no new risk.
    stale_data_ms : float
        Older market data allow no new risk.
    capital, margin_per_lot : float
        What the account holds at the start of the session, and what each lot of the largest net
        position binds of it.
    max_gross_notional, max_net_notional : float
        Of all instruments together: sum of the worths of positions without and with their sign.
    max_daily_loss : float
        Fees included, open position at the mid. At this loss the kill switch flattens, and the
        day is over.
    max_drawdown : float
        From the session's best result, likewise measured: trading halts.
    max_consecutive_losses : int
        Round trips: trading halts.
    max_reject_share, reject_window_orders : float, int
        Share of the venue's refusals among the last so many orders: no new risk.
    max_slippage_ticks, slippage_window_fills : float, int
        Mean of the last so many fills against the mid at which the order was sent: no new risk.
    max_latency_ms, latency_window_orders : float, int
        Mean time from an order to its first answer, over the last so many: no new risk.
    entry_start_minutes_after_open, entry_stop_minutes_before_close : float
        Window in which positions may be opened.
    flatten_minutes_before_close : float
        When whatever is open is closed.
    deadline_minutes_before_close : float
        When the kill switch takes what is still open.
    sizing : {"fixed", "volatility"}
        ``volatility`` caps a target at what ``target_volatility`` allows.
    target_volatility : float
        Of the capital, a year.
    kelly_fraction, kelly_min_trips : float, int
        Caps a target at this fraction of Kelly's, estimated from the session's round trips once
        there are so many; 0 = no cap.
    state_file : str
        SQLite file that carries state and result over a restart; empty = none.
    """

    max_position_lots: Count = 2
    max_order_lots: Count = 2
    max_notional: Money = 1e6
    max_working_orders: Count = 4
    max_orders_per_second: Count = 5
    max_orders_per_minute: Count = 60
    max_messages_per_fill: Annotated[float, Field(ge=1, le=1e6)] = 100.0
    message_allowance: Count = 1000
    duplicate_window_ms: Annotated[float, Field(ge=0, le=600_000)] = 100.0
    price_collar_ticks: Count = 80
    max_spread_ticks: Count = 50
    stale_data_ms: Annotated[float, Field(gt=0, le=600_000)] = 2_000.0
    capital: Money = 10_000.0
    margin_per_lot: Annotated[float, Field(ge=0, le=1e9)] = 100.0
    max_gross_notional: Money = 2e6
    max_net_notional: Money = 1e6
    max_daily_loss: Annotated[float, Field(gt=0, le=1e9)] = 500.0
    max_drawdown: Annotated[float, Field(gt=0, le=1e9)] = 750.0
    max_consecutive_losses: Count = 20
    max_reject_share: Share = 0.5
    reject_window_orders: Annotated[int, Field(ge=2, le=10_000)] = 20
    max_slippage_ticks: Annotated[float, Field(gt=0, le=1e6)] = 20.0
    slippage_window_fills: Annotated[int, Field(ge=1, le=10_000)] = 20
    max_latency_ms: Annotated[float, Field(gt=0, le=600_000)] = 2_000.0
    latency_window_orders: Annotated[int, Field(ge=1, le=10_000)] = 20
    entry_start_minutes_after_open: Minutes = 1.0
    entry_stop_minutes_before_close: Minutes = 25.0
    flatten_minutes_before_close: Minutes = 15.0
    deadline_minutes_before_close: Minutes = 10.0
    sizing: Literal["fixed", "volatility"] = "fixed"
    target_volatility: Annotated[float, Field(gt=0, le=10)] = 0.15
    kelly_fraction: Annotated[float, Field(ge=0, le=1)] = 0.0
    kelly_min_trips: Count = 50
    state_file: str = ""

    def __post_init__(self) -> None:
        if self.flatten_minutes_before_close > self.entry_stop_minutes_before_close:
            raise ValueError(
                "flatten_minutes_before_close must not be above entry_stop_minutes_before_close "
                f"({self.entry_stop_minutes_before_close:g}), "
                f"was {self.flatten_minutes_before_close:g}")
        if self.deadline_minutes_before_close > self.flatten_minutes_before_close:
            raise ValueError(
                "deadline_minutes_before_close must not be above flatten_minutes_before_close "
                f"({self.flatten_minutes_before_close:g}), "
                f"was {self.deadline_minutes_before_close:g}")
        if self.max_order_lots > self.max_position_lots * 2:
            raise ValueError(
                "max_order_lots must not be above twice max_position_lots "
                f"({self.max_position_lots}), was {self.max_order_lots}")
        if self.max_net_notional > self.max_gross_notional:
            raise ValueError(
                "max_net_notional must not be above max_gross_notional "
                f"({self.max_gross_notional:g}), was {self.max_net_notional:g}")

    # Limits in the gate's own units, worked out once: every order is held against them.

    @cached_property
    def max_daily_loss_micros(self) -> int:
        """The daily loss limit in millionths of the currency."""
        return round(self.max_daily_loss * 1_000_000)

    @cached_property
    def max_drawdown_micros(self) -> int:
        """The drawdown limit in millionths of the currency."""
        return round(self.max_drawdown * 1_000_000)

    @cached_property
    def entry_start_ns(self) -> int:
        """From the open to the first entry."""
        return round(self.entry_start_minutes_after_open * NS_PER_MINUTE)

    @cached_property
    def entry_stop_ns(self) -> int:
        """From the last entry to the close."""
        return round(self.entry_stop_minutes_before_close * NS_PER_MINUTE)

    @cached_property
    def duplicate_window_ns(self) -> float:
        """Time within which the same order is taken for a mistake."""
        return self.duplicate_window_ms * NS_PER_MS
