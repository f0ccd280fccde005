"""Orders in flight, the fills they had, and the position that follows."""

from collections import deque

from dreammaker.domain.instrument import Instrument
from dreammaker.domain.orders import (
    ExecutionReport,
    OrderState,
    OrderType,
    ReplaceOrder,
    ReportKind,
    SubmitOrder,
    TimeInForce,
    WorkingOrder,
)
from dreammaker.ledger.position import Position
from dreammaker.ledger.record import OrderRecord
from dreammaker.ledger.trips import RoundTrips

_REMEMBERED_ORDERS = 1024


class Ledger:
    """The only copy of our orders and position.

    Finished orders are remembered for a while so that late or repeated reports find them; the
    memory does not grow with the day.

    Attributes
    ----------
    working : dict of int to OrderRecord
        Orders that may still be filled, in order of sending.
    position : Position
    trips : RoundTrips
    fill_count, order_count, message_count : int
        Messages are orders, changes and cancels.
    adopted_lots : int
        Lots, without sign, that were booked because the broker's position has them and no order
        of ours explains them.
    doubtful : bool
        Some order's outcome is unknown, a report spoke of an order we do not know, or of a fill
        that cannot be: no new risk until it was cleared.
    """

    def __init__(self, instrument: Instrument) -> None:
        self.instrument = instrument
        self.position = Position(instrument.tick_value_micros)
        self.working: dict[int, OrderRecord] = {}
        self.trips = RoundTrips()
        self.fill_count = self.order_count = self.message_count = 0
        self.duplicate_count = self.stray_count = self.adopted_lots = 0
        self._strays_cleared = 0
        self._finished: dict[int, OrderRecord] = {}
        self._finished_ids: deque[int] = deque()
        self._next_id = 1

    def next_order_id(self) -> int:
        """A new client order id."""
        number = self._next_id
        self._next_id += 1
        return number

    def submitted(self, order: SubmitOrder, *, sent_ns: int = 0, mid_half_ticks: int = 0) -> None:
        """An order is on its way to the broker."""
        if self.find(order.client_order_id) is not None:
            raise AssertionError(f"order {order.client_order_id} was sent already")
        self.order_count += 1
        self.message_count += 1
        self.working[order.client_order_id] = OrderRecord(
            order, OrderState.SUBMITTED, sent_ns=sent_ns, mid_half_ticks=mid_half_ticks)

    def found(self, working: WorkingOrder) -> None:
        """The broker works an order of ours that this run has not sent."""
        order = SubmitOrder(working.client_order_id, working.side, OrderType.LIMIT,
                            TimeInForce.DAY, working.qty_lots, working.price_ticks, 0)
        self.working[working.client_order_id] = OrderRecord(
            order, OrderState.ACCEPTED, filled_lots=working.cum_lots,
            venue_filled_lots=working.cum_lots, is_found=True)
        self.start_order_ids(working.client_order_id + 1)

    def start_order_ids(self, first: int) -> None:
        """Give out order numbers from here on (earlier runs used those before)."""
        self._next_id = max(self._next_id, first)

    def replace_requested(self, change: ReplaceOrder) -> None:
        """A change of a working order is on its way; until it is answered the larger counts."""
        record = self.working[change.client_order_id]
        if record.replacing is not None:
            raise AssertionError(f"order {change.client_order_id} is being changed already")
        self.message_count += 1
        record.replacing = change

    def outcome_unknown(self, client_order_id: int) -> None:
        """Nobody can say whether an order went out."""
        self.working[client_order_id].state = OrderState.UNKNOWN

    def cancel_requested(self, client_order_id: int, now_ns: int) -> None:
        """A cancel is on its way."""
        record = self.working[client_order_id]
        self.message_count += 1
        record.cancel_ns = now_ns
        if record.is_certain:
            record.state = OrderState.PENDING_CANCEL

    def find(self, client_order_id: int) -> OrderRecord | None:
        """An order that works or is remembered."""
        return self.working.get(client_order_id) or self._finished.get(client_order_id)

    def apply(self, report: ExecutionReport) -> OrderRecord | None:
        """Take a report; None where it tells nothing new (a repeated fill) or of no order of ours.

        A fill is booked once, by its id. A report of an order we do not know, or of a fill without
        lots or number, is counted as stray and makes the ledger doubtful: the position can no
        longer be trusted.
        """
        record = self.find(report.client_order_id)
        filled = report.kind is ReportKind.FILLED
        if record is None or (filled and (report.qty_lots < 1 or report.fill_id < 1)):
            self.stray_count += 1
            return None
        if filled:
            if report.fill_id in record.fill_ids:
                self.duplicate_count += 1
                return None
            record.fill_ids.add(report.fill_id)
            self.fill_count += 1
            self._book(record, report)
        if not record.advance(report):
            self.duplicate_count += 1
            return None
        self._file(record)
        return record

    def _book(self, record: OrderRecord, report: ExecutionReport) -> None:
        side, awaited = record.order.side, min(record.provisional_lots, report.qty_lots)
        if awaited:
            # The broker's position had these lots before their fill came: now it takes their place.
            self.position.fill(-side, awaited, record.provisional_ticks, 0)
            self.position.traded_lots -= 2 * awaited
            record.provisional_lots -= awaited
        record.filled_lots += report.qty_lots - awaited
        booking = self.position.fill(side, report.qty_lots, report.price_ticks, report.fee_micros)
        if booking.closed_trip_micros is not None and not awaited:
            self.trips.note(booking.closed_trip_micros)

    def adopt(self, lots: int, price_ticks: int) -> int:
        """Make the position what the broker says it is; returns the lots it was off by (signed).

        The difference is first laid to orders that may have been filled without our knowledge, in
        order of sending: a fill of theirs that comes later takes the place of what is booked here.
        The rest is booked as it is. Whatever was doubtful about the position is so no longer.

        Parameters
        ----------
        lots : int
            The broker's net position.
        price_ticks : int
            At which the difference is booked; the result differs from the truth by no more than
            the error of this price.
        """
        difference = lots - self.position.lots
        side, rest = (1 if difference > 0 else -1), abs(difference)
        for record in list(self.working.values()):
            take = min(record.leaves_lots, rest) if record.order.side == side else 0
            if take and not record.provisional_lots and not record.is_found:
                record.provisional_lots, record.provisional_ticks = take, price_ticks
                record.filled_lots += take
                rest -= take
                self._file(record)
        self.adopted_lots += rest
        if difference:
            self.position.fill(side, abs(difference), price_ticks, 0)
        self._strays_cleared = self.stray_count
        return difference

    def _file(self, record: OrderRecord) -> None:
        number = record.order.client_order_id
        if record.has_ended:
            if self.working.pop(number, None) is not None:
                self._finished[number] = record
                self._finished_ids.append(number)
                if len(self._finished_ids) > _REMEMBERED_ORDERS:
                    del self._finished[self._finished_ids.popleft()]
        elif number in self._finished:
            # A late report woke it up: it is doubtful, so it counts as working again.
            del self._finished[number]
            self._finished_ids.remove(number)
            self.working[number] = record

    @property
    def doubtful(self) -> bool:
        """Whether anything about our orders or position is unknown."""
        if self.stray_count > self._strays_cleared:
            return True
        return bool(self.working) and any(
            record.state is OrderState.UNKNOWN for record in self.working.values())

    def working_lots(self, side: int) -> int:
        """Lots of ours that may still be filled on a side."""
        lots = 0
        for record in self.working.values():
            if record.order.side == side:
                lots += record.leaves_lots
        return lots

    def worst_lots(self) -> int:
        """Largest net position, without sign, that the orders that work could bring about."""
        return max(abs(self.worst_position(1)), abs(self.worst_position(-1)))

    def worst_position(self, side: int) -> int:
        """Position if everything that works on a side were filled."""
        return self.position.lots + side * self.working_lots(side)

    def net_micros(self, mid_half_ticks: int) -> int:
        """Result of the session at a mid price, fees paid."""
        return self.position.net_micros(mid_half_ticks)
