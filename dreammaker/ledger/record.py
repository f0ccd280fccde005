"""One order of ours and how far it got, changes of it included."""

from dataclasses import dataclass, field
from dataclasses import replace as changed

from dreammaker.domain.order_state import FINAL, next_state
from dreammaker.domain.orders import (
    ExecutionReport,
    OrderState,
    Reason,
    ReplaceOrder,
    ReportKind,
    SubmitOrder,
)


@dataclass(slots=True)
class OrderRecord:
    """An order of ours and how far it got.

    Attributes
    ----------
    order : SubmitOrder
        As the venue works it: a change that was confirmed is in it.
    venue_filled_lots : int
        What the venue said it has filled; above ``filled_lots`` while fills are on their way.
    cancel_ns : int or None
        When a cancel was last sent.
    replacing : ReplaceOrder or None
        The change that is on its way; one at a time.
    answered_ns : int
        Venue time of the last answer to a change; what is not later repeats it.
    sent_ns, mid_half_ticks : int
        When it was sent, and twice the mid of that moment (0 = no sound market then).
    provisional_lots, provisional_ticks : int
        Lots booked because the broker's position has them though no fill of them has come, and at
        what price; a fill that comes after all takes their place.
    is_found : bool
        It was not sent in this run; the broker told of it.
    """

    order: SubmitOrder
    state: OrderState = OrderState.INITIALIZED
    filled_lots: int = 0
    fill_ids: set[int] = field(default_factory=set)
    venue_filled_lots: int = 0
    cancel_ns: int | None = None
    replacing: ReplaceOrder | None = None
    answered_ns: int = -1
    sent_ns: int = 0
    mid_half_ticks: int = 0
    provisional_lots: int = 0
    provisional_ticks: int = 0
    is_found: bool = False

    @property
    def most_lots(self) -> int:
        """The most it may be for: a change in flight may or may not have taken effect."""
        asked = 0 if self.replacing is None else self.replacing.qty_lots
        return max(self.order.qty_lots, asked)

    @property
    def leaves_lots(self) -> int:
        """What may still be filled, at the worst."""
        end = self.venue_filled_lots if self.state in FINAL else self.most_lots
        return max(end - self.filled_lots, 0)

    @property
    def has_ended(self) -> bool:
        """Whether nothing more can come of it: a final state, and every fill of it is booked."""
        return self.state in FINAL and self.venue_filled_lots <= self.filled_lots

    @property
    def is_certain(self) -> bool:
        """Whether the venue is known to work it (or to be about to answer)."""
        return self.state not in FINAL and self.state is not OrderState.UNKNOWN

    def advance(self, report: ExecutionReport) -> bool:
        """Take a report's news of state, quantity and price; False where it only repeats.

        Fills are counted by the ledger before this is called.
        """
        kind = report.kind
        if kind in (ReportKind.REPLACED, ReportKind.REPLACE_REJECTED):
            if not self._take_answer(report):
                return False
            if self.state is OrderState.UNKNOWN and report.reason is not Reason.UNKNOWN_ORDER:
                # Whoever answers for an order knows it.
                kind = ReportKind.ACCEPTED
        self.venue_filled_lots = max(self.venue_filled_lots, report.cum_lots)
        self.state = next_state(self.state, kind, self.filled_lots, self.most_lots)
        self._settle()
        return True

    def _take_answer(self, report: ExecutionReport) -> bool:
        """Take the answer to a change; False where it repeats an earlier one."""
        asked, order = self.replacing, self.order
        if report.kind is ReportKind.REPLACE_REJECTED:
            if report.venue_ns <= self.answered_ns:
                return False
        else:
            total = (report.cum_lots + report.leaves_lots if report.cum_lots >= 0 else
                     asked.qty_lots if asked is not None else
                     self.filled_lots + report.leaves_lots)
            awaited = (asked is not None and total == asked.qty_lots
                       and report.price_ticks == asked.price_ticks)
            if report.venue_ns < self.answered_ns or (
                    report.venue_ns == self.answered_ns and not awaited):
                return False
            self.order = changed(order, qty_lots=max(total, 1), price_ticks=report.price_ticks)
        self.replacing, self.answered_ns = None, report.venue_ns
        return True

    def _settle(self) -> None:
        """Agree on whether it is filled whole, now that its quantity is known."""
        if self.replacing is not None or not self.filled_lots:
            return
        left = self.order.qty_lots - self.filled_lots
        if left == 0 and self.is_certain:
            self.state = OrderState.FILLED
        elif left > 0 and self.state is OrderState.FILLED:
            # It was made larger before it was filled, and the news of that came later.
            self.state = OrderState.PARTIALLY_FILLED
