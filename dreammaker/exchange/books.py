"""What the venue has on its books about our orders, for questions asked of it."""

from collections import deque
from dataclasses import dataclass

from dreammaker.domain.orders import (
    ExecutionReport,
    OrderAnswer,
    PositionAnswer,
    ReportKind,
    SubmitOrder,
    WorkingOrder,
)

_REMEMBERED = 4096
_ENDS = frozenset({ReportKind.CANCELED, ReportKind.EXPIRED, ReportKind.REJECTED})


@dataclass(slots=True)
class _Entry:
    side: int
    price_ticks: int
    working: bool = False
    cum: int = 0
    leaves: int = 0


class VenueBooks:
    """Orders that arrived, and the position their fills came to, as the venue sees them.

    An order that is still on its way is not known here, and fills count at the moment they are
    made, before anybody is told. Ended orders are remembered for a while.

    Examples
    --------
    >>> from dreammaker.domain.orders import OrderType, TimeInForce
    >>> books = VenueBooks()
    >>> books.arrived(SubmitOrder(1, -1, OrderType.LIMIT, TimeInForce.DAY, 3, 26_000, 0))
    >>> books.note(ExecutionReport(ReportKind.ACCEPTED, 1, 0, 0, leaves_lots=3))
    >>> books.note(ExecutionReport(ReportKind.FILLED, 1, 0, 0, 1, 2, 26_000, leaves_lots=1))
    >>> books.order(1)
    OrderAnswer(is_known=True, is_working=True, cum_lots=2, leaves_lots=1)
    >>> books.position().lots, books.order(2).is_known
    (-2, False)
    """

    def __init__(self) -> None:
        self._orders: dict[int, _Entry] = {}
        self._ended: deque[int] = deque()
        self._lots = 0
        self._last_ticks = 0

    def arrived(self, order: SubmitOrder) -> None:
        """An order has reached the venue."""
        self._orders[order.client_order_id] = _Entry(order.side, order.price_ticks)

    def note(self, report: ExecutionReport) -> None:
        """Take what the venue is about to say."""
        entry = self._orders.get(report.client_order_id)
        if entry is None:
            return
        was_working = entry.working
        if report.kind is ReportKind.FILLED:
            entry.cum += report.qty_lots
            self._lots += entry.side * report.qty_lots
            self._last_ticks = report.price_ticks
        if report.kind in _ENDS:
            entry.working, entry.leaves = False, 0
        elif report.kind in (ReportKind.ACCEPTED, ReportKind.FILLED, ReportKind.REPLACED):
            entry.leaves = report.leaves_lots
            if report.kind is ReportKind.REPLACED:
                entry.price_ticks = report.price_ticks
            entry.working = report.leaves_lots > 0
        if not entry.working and (was_working or report.kind is ReportKind.REJECTED):
            self._ended.append(report.client_order_id)
            if len(self._ended) > _REMEMBERED:
                self._orders.pop(self._ended.popleft(), None)

    def order(self, client_order_id: int) -> OrderAnswer:
        """What is known of an order."""
        entry = self._orders.get(client_order_id)
        if entry is None:
            return OrderAnswer(is_known=False)
        return OrderAnswer(True, entry.working, entry.cum, entry.leaves)

    def working(self) -> tuple[WorkingOrder, ...]:
        """Orders that may still be filled, in order of arrival."""
        return tuple(WorkingOrder(number, entry.side, entry.cum + entry.leaves, entry.cum,
                                  entry.price_ticks)
                     for number, entry in self._orders.items() if entry.working)

    def position(self) -> PositionAnswer:
        """Net position, at the price of the last fill."""
        return PositionAnswer(self._lots, self._last_ticks if self._lots else 0)
