"""Orders: commands are imperative, what happened to them is past tense.

``Denied`` is our own risk's answer, ``Rejected`` the venue's. An order reaches a broker only as an
``ApprovedOrder``, and only the risk gate can make one.
"""

from dataclasses import dataclass
from enum import IntEnum

from dreammaker.domain.codes import plain_members


@plain_members
class OrderType(IntEnum):
    """How an order is priced."""

    MARKET = 1
    LIMIT = 2
    STOP = 3          # a market order once the market trades at its trigger
    STOP_LIMIT = 4    # a limit order once the market trades at its trigger


@plain_members
class TimeInForce(IntEnum):
    """How long an order lives."""

    DAY = 1
    IOC = 2
    FOK = 3


@plain_members
class OrderState(IntEnum):
    """Where an order is in its life (transitions: ``domain.order_state``)."""

    INITIALIZED = 0
    DENIED = 1
    SUBMITTED = 2
    ACCEPTED = 3
    PARTIALLY_FILLED = 4
    PENDING_CANCEL = 5
    FILLED = 6
    CANCELED = 7
    REJECTED = 8
    EXPIRED = 9
    UNKNOWN = 10


@plain_members
class ReportKind(IntEnum):
    """What the venue said."""

    ACCEPTED = 1
    REJECTED = 2
    FILLED = 3
    CANCELED = 4
    EXPIRED = 5
    CANCEL_REJECTED = 6
    UNKNOWN = 7
    REPLACED = 8           # leaves_lots and price_ticks are the order's new ones
    REPLACE_REJECTED = 9   # the order stays what it was
    TRIGGERED = 10         # a stop became an order


@plain_members
class Liquidity(IntEnum):
    """Whether a fill gave or took liquidity."""

    NONE = 0
    MAKER = 1
    TAKER = 2


@plain_members
class Reason(IntEnum):
    """Why an order was denied, rejected or ended, or a decision not acted on."""

    NONE = 0
    # The venue's.
    MARKET_CLOSED = 1
    NO_LIQUIDITY = 2
    UNKNOWN_ORDER = 3
    REMAINDER_CANCELED = 4
    FOK_NOT_FILLABLE = 5
    REQUESTED = 6
    SESSION_END = 7
    TOO_MANY_ORDERS = 8
    WOULD_TAKE = 9              # post-only would have executed at once
    PRICE_BAND = 10
    SELF_TRADE = 11
    NOT_SUPPORTED = 12          # the venue profile does not know such an order
    HALTED = 13
    NO_MARGIN = 14
    OFF_LOT = 15                # more lots than the venue takes in one order
    # Our own risk's.
    NOT_TRADING = 20
    STALE_DATA = 21
    NO_BOOK = 22
    ORDER_SIZE = 23
    POSITION_LIMIT = 24
    ORDER_RATE = 25
    PRICE_COLLAR = 26
    DAILY_LOSS = 27
    SESSION_PHASE = 28
    ENTRY_WINDOW = 29
    STATE_UNKNOWN = 30
    WORKING_ORDERS = 31
    INVALID_ORDER = 32
    STOOD_DOWN = 33             # REDUCE_ONLY: no new risk
    DUPLICATE_ORDER = 34
    WIDE_SPREAD = 35
    CROSSED_BOOK = 36
    MARGIN = 37
    NOTIONAL = 38
    MESSAGE_RATIO = 39
    PORTFOLIO_GROSS = 40
    PORTFOLIO_NET = 41
    DRAWDOWN = 42
    CONSECUTIVE_LOSSES = 43
    REJECT_RATE = 44
    SLIPPAGE = 45
    LATENCY = 46
    DEADLINE = 47               # something was open at the hard deadline before the close
    STORE_FAILED = 48           # the durable record cannot be written
    TRADING_HALTED = 49         # HALTED: exits only, until an operator says otherwise
    # The coordinator's.
    NO_PROPOSAL = 50
    NO_VOTES = 51
    NO_CONSENSUS = 52
    AGENT_NOT_RUNNING = 53
    # Execution's own.
    PASSIVE_TIMEOUT = 60
    REPLACED = 61
    FLATTEN = 62
    SIGNAL = 63
    CHILD_REFUSED = 64          # a parent order whose children were refused too often
    # Why the risk state is what it is after a start.
    KILLED = 70                 # KILLED: nothing but the flattening itself
    RESTARTED = 71              # the last run did not end in good order
    STATE_MISSING = 72          # there was a run, and its risk state is gone
    STATE_UNREADABLE = 73
    POSITION_UNKNOWN = 74       # the broker has not said yet what we hold


@dataclass(frozen=True, slots=True)
class SubmitOrder:
    """The wish to send an order; not yet seen by risk.

    Parameters
    ----------
    client_order_id : int
        Ours, unique in the session, from 1.
    side : int
        +1 buy, -1 sell.
    order_type : OrderType
    tif : TimeInForce
    qty_lots : int
        Above 0.
    price_ticks : int
        Limit price; for market and stop orders the price we expect, used by collars only.
    created_ns : int
        Loop time.
    reduce_only : bool
        The order may only bring the position nearer to zero.
    reason : Reason
        Why it is sent.
    post_only : bool
        Rejected instead of taking on arrival.
    trigger_ticks : int
        Of stop orders: the price that triggers them.
    parent_id : int
        The parent order it is a slice of, 0 = none.
    """

    client_order_id: int
    side: int
    order_type: OrderType
    tif: TimeInForce
    qty_lots: int
    price_ticks: int
    created_ns: int
    reduce_only: bool = False
    reason: Reason = Reason.SIGNAL
    post_only: bool = False
    trigger_ticks: int = 0
    parent_id: int = 0


@dataclass(frozen=True, slots=True)
class CancelOrder:
    """The wish to cancel an order of ours. Cancels always pass risk."""

    client_order_id: int
    created_ns: int
    reason: Reason = Reason.REQUESTED


@dataclass(frozen=True, slots=True)
class ReplaceOrder:
    """The wish to change a working order; it keeps its number. Passes risk like a new order.

    Parameters
    ----------
    client_order_id : int
        The working order's.
    qty_lots : int
        New quantity in all, what is filled already included (FIX OrderQty); above 0.
    price_ticks : int
        New limit price.
    created_ns : int
        Loop time.
    """

    client_order_id: int
    qty_lots: int
    price_ticks: int
    created_ns: int
    reason: Reason = Reason.REPLACED


@dataclass(frozen=True, slots=True)
class OrderDenied:
    """Our risk said no; to a change of an order: ``order`` is what it would have become."""

    order: SubmitOrder
    reason: Reason
    detail: str
    time_ns: int


_SEAL = object()


class ApprovedOrder:
    """An order that passed risk: the only type a broker takes.

    It is made by ``risk.gate`` alone, through ``approve``; a tidy test checks that nothing else
    names that function.
    """

    __slots__ = ("approved_ns", "order")
    order: SubmitOrder
    approved_ns: int

    def __init__(self, order: SubmitOrder, approved_ns: int, seal: object) -> None:
        if seal is not _SEAL:
            raise AssertionError("only the risk gate approves orders")
        object.__setattr__(self, "order", order)
        object.__setattr__(self, "approved_ns", approved_ns)

    def __setattr__(self, name: str, value: object) -> None:
        raise AssertionError("an approved order is what risk approved, and nothing else")


class ApprovedReplace:
    """A change of a working order that passed risk: the only type a broker takes for it."""

    __slots__ = ("approved_ns", "replace")
    replace: ReplaceOrder
    approved_ns: int

    def __init__(self, replace: ReplaceOrder, approved_ns: int, seal: object) -> None:
        if seal is not _SEAL:
            raise AssertionError("only the risk gate approves orders")
        object.__setattr__(self, "replace", replace)
        object.__setattr__(self, "approved_ns", approved_ns)

    def __setattr__(self, name: str, value: object) -> None:
        raise AssertionError("an approved change is what risk approved, and nothing else")


def approve(order: SubmitOrder, approved_ns: int) -> ApprovedOrder:
    """Seal an order as approved (for ``risk.gate`` alone)."""
    return ApprovedOrder(order, approved_ns, _SEAL)


def approve_replace(replace: ReplaceOrder, approved_ns: int) -> ApprovedReplace:
    """Seal a change of an order as approved (for ``risk.gate`` alone)."""
    return ApprovedReplace(replace, approved_ns, _SEAL)


@dataclass(frozen=True, slots=True)
class ExecutionReport:
    """What the venue said about an order.

    Parameters
    ----------
    kind : ReportKind
    client_order_id : int
    venue_ns, local_ns : int
        When it happened there, and when we learnt of it.
    fill_id : int
        The venue's number of the fill, unique; 0 where there is no fill.
    qty_lots, price_ticks : int
        Of this fill; 0 where there is none.
    leaves_lots : int
        What still works at the venue after this report.
    liquidity : Liquidity
    fee_micros : int
        Fee of this fill, millionths of the currency.
    reason : Reason
    cum_lots : int
        Filled in all at the venue when it sent this, -1 where it does not say. An order that has
        ended with more than we know of has fills on their way.
    """

    kind: ReportKind
    client_order_id: int
    venue_ns: int
    local_ns: int
    fill_id: int = 0
    qty_lots: int = 0
    price_ticks: int = 0
    leaves_lots: int = 0
    liquidity: Liquidity = Liquidity.NONE
    fee_micros: int = 0
    reason: Reason = Reason.NONE
    cum_lots: int = -1


@dataclass(frozen=True, slots=True)
class QueryFailed:
    """A question to the broker got no answer. It says nothing about what was asked.

    Parameters
    ----------
    detail : str
        What went wrong.
    """

    detail: str


@dataclass(frozen=True, slots=True)
class OrderAnswer:
    """What the venue knows of an order.

    Parameters
    ----------
    is_known : bool
        False: no such order has reached it (one that was just sent may still be on its way).
    is_working : bool
        Whether it may still be filled.
    cum_lots : int
        Filled in all.
    leaves_lots : int
        What still works.
    """

    is_known: bool
    is_working: bool = False
    cum_lots: int = 0
    leaves_lots: int = 0


@dataclass(frozen=True, slots=True)
class WorkingOrder:
    """An order of ours that works at the venue, as the venue describes it.

    Parameters
    ----------
    client_order_id, side : int
    qty_lots : int
        In all.
    cum_lots : int
        Filled of it.
    price_ticks : int
        Its limit, 0 where it has none.
    """

    client_order_id: int
    side: int
    qty_lots: int
    cum_lots: int
    price_ticks: int = 0

    @property
    def leaves_lots(self) -> int:
        """What still works."""
        return self.qty_lots - self.cum_lots


@dataclass(frozen=True, slots=True)
class PositionAnswer:
    """Our net position by the broker's books.

    Parameters
    ----------
    lots : int
        Above 0 long, below 0 short.
    average_price_ticks : int
        Nearest whole tick of its average price, 0 where the broker does not say or it is flat.
    """

    lots: int
    average_price_ticks: int = 0
