"""Orders in flight, the fills they had, and the position that follows."""

from collections import deque
from dataclasses import dataclass, field

from dreammaker.domain.instrument import Instrument
from dreammaker.domain.order_state import FINAL, next_state
from dreammaker.domain.orders import ExecutionReport, OrderState, ReportKind, SubmitOrder
from dreammaker.ledger.position import Position

_REMEMBERED_ORDERS = 1024


@dataclass(slots=True)
class OrderRecord:
    """An order of ours and how far it got.

    Attributes
    ----------
    venue_filled_lots : int
        What the venue said it has filled; above ``filled_lots`` while fills are on their way.
    cancel_ns : int or None
        When a cancel was last sent.
    """

    order: SubmitOrder
    state: OrderState = OrderState.INITIALIZED
    filled_lots: int = 0
    fill_ids: set[int] = field(default_factory=set)
    venue_filled_lots: int = 0
    cancel_ns: int | None = None

    @property
    def leaves_lots(self) -> int:
        """What may still be filled."""
        end = self.venue_filled_lots if self.state in FINAL else self.order.qty_lots
        return max(end - self.filled_lots, 0)

    @property
    def has_ended(self) -> bool:
        """Whether nothing more can come of it: a final state, and every fill of it is booked."""
        return self.state in FINAL and self.venue_filled_lots <= self.filled_lots

    @property
    def is_certain(self) -> bool:
        """Whether the venue is known to work it (or to be about to answer)."""
        return self.state not in FINAL and self.state is not OrderState.UNKNOWN


class Ledger:
    """The only copy of our orders and position.

    Finished orders are remembered for a while so that late or repeated reports find them; the
    memory does not grow with the day.

    Attributes
    ----------
    working : dict of int to OrderRecord
        Orders that may still be filled, in order of sending.
    position : Position
    fill_count, order_count : int
    doubtful : bool
        Some order's outcome is unknown, a report spoke of an order we do not know, or of a fill
        that cannot be: no new risk until it was cleared.
    """

    def __init__(self, instrument: Instrument) -> None:
        self.instrument = instrument
        self.position = Position(instrument.tick_value_micros)
        self.working: dict[int, OrderRecord] = {}
        self.fill_count = self.order_count = self.duplicate_count = self.stray_count = 0
        self._finished: dict[int, OrderRecord] = {}
        self._finished_ids: deque[int] = deque()
        self._next_id = 1

    def next_order_id(self) -> int:
        """A new client order id."""
        number = self._next_id
        self._next_id += 1
        return number

    def submitted(self, order: SubmitOrder) -> None:
        """An order is on its way to the broker."""
        if self.find(order.client_order_id) is not None:
            raise AssertionError(f"order {order.client_order_id} was sent already")
        self.order_count += 1
        self.working[order.client_order_id] = OrderRecord(order, OrderState.SUBMITTED)

    def outcome_unknown(self, client_order_id: int) -> None:
        """Nobody can say whether an order went out."""
        self.working[client_order_id].state = OrderState.UNKNOWN

    def cancel_requested(self, client_order_id: int, now_ns: int) -> None:
        """A cancel is on its way."""
        record = self.working[client_order_id]
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
            record.filled_lots += report.qty_lots
            self.fill_count += 1
            self.position.fill(record.order.side, report.qty_lots, report.price_ticks,
                               report.fee_micros)
        record.venue_filled_lots = max(record.venue_filled_lots, report.cum_lots)
        record.state = next_state(record.state, report.kind, record.filled_lots,
                                  record.order.qty_lots)
        self._file(record)
        return record

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
        return self.stray_count > 0 or any(
            record.state is OrderState.UNKNOWN for record in self.working.values())

    def working_lots(self, side: int) -> int:
        """Lots of ours that may still be filled on a side."""
        return sum(record.leaves_lots for record in self.working.values()
                   if record.order.side == side)

    def worst_position(self, side: int) -> int:
        """Position if everything that works on a side were filled."""
        return self.position.lots + side * self.working_lots(side)

    def net_micros(self, mid_half_ticks: int) -> int:
        """Result of the session at a mid price, fees paid."""
        return self.position.net_micros(mid_half_ticks)
