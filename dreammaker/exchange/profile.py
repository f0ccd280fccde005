"""What a venue can do: one table that binds backtest and live alike.

The simulated venue rejects what its profile cannot do, a live adapter refuses to send it, and the
configuration is checked against it beforehand.
"""

from dataclasses import dataclass, replace
from typing import Final, Literal

from dreammaker.domain.errors import ConfigError
from dreammaker.domain.orders import OrderType, ReplaceOrder, SubmitOrder, TimeInForce

FILLING_FOK: Final = 1
FILLING_IOC: Final = 2
FILLING_BOC: Final = 4
"""Bits of MetaTrader 5's ``symbol_info().filling_mode``; BOC (book or cancel) is post-only."""


@dataclass(frozen=True, slots=True)
class AssumedLatency:
    """A log-normal latency that is assumed until measured.

    Parameters
    ----------
    median_ms, p99_ms : float
        0 and 0 is no latency.
    """

    median_ms: float
    p99_ms: float


@dataclass(frozen=True, slots=True)
class VenueProfile:
    """Capabilities of a venue as we reach it.

    Parameters
    ----------
    name : str
    market_orders : {"any", "reducing", "none"}
        Whether market orders are taken, or only those that reduce a position.
    market_ioc, market_fok, limit_ioc, limit_fok : bool
        Times in force other than DAY, by type.
    stop_orders, stop_limit_orders, post_only, auctions : bool
        ``auctions``: orders are collected while there is no continuous trading.
    replace_price, replace_quantity : bool
        What of a working order may be changed.
    native_iceberg : bool
        Whether the venue hides quantity for us; if not, icebergs are slices of our own.
    deviation : bool
        Whether a market order's largest slippage has an effect.
    blocking_send : bool
        Whether a send holds up the loop until its answer is there: meanwhile nothing is seen and
        nothing else can be sent.
    rlp : bool
        Whether prints may match off the visible queue.
    feed, entry, response : AssumedLatency

    Examples
    --------
    >>> mt5_b3().refusal(SubmitOrder(1, 1, OrderType.LIMIT, TimeInForce.IOC, 1, 26_000, 0))
    'mt5_b3 takes no LIMIT order with IOC; allowed: DAY'
    """

    name: str
    market_orders: Literal["any", "reducing", "none"]
    market_ioc: bool
    market_fok: bool
    limit_ioc: bool
    limit_fok: bool
    stop_orders: bool
    stop_limit_orders: bool
    post_only: bool
    auctions: bool
    replace_price: bool
    replace_quantity: bool
    native_iceberg: bool
    deviation: bool
    blocking_send: bool
    rlp: bool
    feed: AssumedLatency
    entry: AssumedLatency
    response: AssumedLatency

    @property
    def capabilities(self) -> int:
        """The table as the bits of ``_ext/matching.pxd``."""
        flags = (self.market_orders == "any", self.market_orders == "reducing", True,
                 self.stop_orders, self.stop_limit_orders, self.market_ioc, self.market_fok,
                 self.post_only, self.replace_price, self.replace_quantity, self.auctions,
                 self.limit_ioc, self.limit_fok)
        return sum(flag << bit for bit, flag in enumerate(flags))

    def refusal(self, command: SubmitOrder | ReplaceOrder,
                working: SubmitOrder | None = None) -> str | None:
        """Why the venue cannot do what a command asks, or None where it can.

        Parameters
        ----------
        command : SubmitOrder or ReplaceOrder
        working : SubmitOrder, optional
            Of a change: the order as it works now.
        """
        if isinstance(command, ReplaceOrder):
            return self._replace_refusal(command, working)
        kind = command.order_type
        if kind is OrderType.MARKET and self.market_orders != "any" and not (
                command.reduce_only and self.market_orders == "reducing"):
            allowed = ("only to reduce a position" if self.market_orders == "reducing"
                       else "no market order")
            return f"{self.name} takes no MARKET order that opens; allowed: {allowed}"
        if ((kind is OrderType.STOP and not self.stop_orders)
                or (kind is OrderType.STOP_LIMIT and not self.stop_limit_orders)):
            return f"{self.name} takes no {kind.name} order"
        allowed_tifs = self.times_in_force(kind)
        if command.tif not in allowed_tifs:
            return (f"{self.name} takes no {kind.name} order with {command.tif.name}; allowed: "
                    + ", ".join(tif.name for tif in allowed_tifs))
        if command.post_only and not (self.post_only
                                      and kind in (OrderType.LIMIT, OrderType.STOP_LIMIT)):
            return f"{self.name} takes no post-only {kind.name} order"
        return None

    def times_in_force(self, order_type: OrderType) -> tuple[TimeInForce, ...]:
        """What an order of a type may have."""
        is_market = order_type in (OrderType.MARKET, OrderType.STOP)
        ioc = self.market_ioc if is_market else self.limit_ioc
        fok = self.market_fok if is_market else self.limit_fok
        return (TimeInForce.DAY, *((TimeInForce.IOC,) if ioc else ()),
                *((TimeInForce.FOK,) if fok else ()))

    def _replace_refusal(self, command: ReplaceOrder, working: SubmitOrder | None) -> str | None:
        if working is None:
            return f"{self.name} has no order {command.client_order_id} to change"
        if command.qty_lots != working.qty_lots and not self.replace_quantity:
            return (f"{self.name} cannot change an order's quantity ({working.qty_lots} to "
                    f"{command.qty_lots}); cancel it and send another")
        if command.price_ticks != working.price_ticks and not self.replace_price:
            return f"{self.name} cannot change an order's price; cancel it and send another"
        return None


def mt5_b3(filling_mode: int = FILLING_FOK | FILLING_IOC) -> VenueProfile:
    """B3 through MetaTrader 5, Exchange execution.

    Pending limits are RETURN whatever the flags, so a limit order is never IOC or FOK; market
    orders are a deal at once, IOC and FOK where flagged, and are sent only to reduce. Volume is not
    among the fields of a change.

    Parameters
    ----------
    filling_mode : int
        ``symbol_info().filling_mode``: 1 FOK, 2 IOC, 4 BOC.
    """
    if not 0 <= filling_mode <= 7:
        raise ConfigError(f"filling_mode must be in [0, 7], was {filling_mode}")
    return VenueProfile(
        name="mt5_b3", market_orders="reducing", market_ioc=bool(filling_mode & FILLING_IOC),
        market_fok=bool(filling_mode & FILLING_FOK), limit_ioc=False, limit_fok=False,
        stop_orders=True, stop_limit_orders=True, post_only=bool(filling_mode & FILLING_BOC),
        auctions=True, replace_price=True, replace_quantity=False, native_iceberg=False,
        deviation=False, blocking_send=True, rlp=True, feed=AssumedLatency(60.0, 300.0),
        entry=AssumedLatency(40.0, 250.0), response=AssumedLatency(40.0, 250.0))


IDEAL: Final = VenueProfile(
    name="ideal", market_orders="any", market_ioc=True, market_fok=True, limit_ioc=True,
    limit_fok=True, stop_orders=True, stop_limit_orders=True, post_only=True, auctions=True,
    replace_price=True, replace_quantity=True, native_iceberg=False, deviation=True,
    blocking_send=False, rlp=False, feed=AssumedLatency(0.0, 0.0),
    entry=AssumedLatency(0.0, 0.0), response=AssumedLatency(0.0, 0.0))
"""Everything the simulated exchange can do, at once."""

PROFILE_NAMES: Final = ("mt5_b3", "ideal")


def profile_named(name: str, filling_mode: int = FILLING_FOK | FILLING_IOC) -> VenueProfile:
    """A profile by its name.

    Raises
    ------
    ConfigError
        If there is none of that name.
    """
    if name == "mt5_b3":
        return mt5_b3(filling_mode)
    if name == "ideal":
        return IDEAL
    raise ConfigError(f"exchange.profile must be one of {', '.join(PROFILE_NAMES)}, was {name!r}")


def without_latency(profile: VenueProfile) -> VenueProfile:
    """The same venue, reached at once."""
    none = AssumedLatency(0.0, 0.0)
    return replace(profile, feed=none, entry=none, response=none)
