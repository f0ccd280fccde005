"""The gate: the only place where an order becomes an ``ApprovedOrder``.

Strictly reducing orders pass the entry limits, for an exit must never be blocked; everything else
needs every answer to be known and within its limit. Whatever is unknown denies.
"""

from dataclasses import replace as changed

from dreammaker.domain.orders import (
    ApprovedOrder,
    ApprovedReplace,
    ExecutionReport,
    OrderDenied,
    OrderState,
    OrderType,
    Reason,
    ReplaceOrder,
    SubmitOrder,
    TimeInForce,
    approve,
    approve_replace,
)
from dreammaker.engine.market import MarketView
from dreammaker.ledger import Ledger, OrderRecord
from dreammaker.risk.config import RiskConfig
from dreammaker.risk.entry import EntryLimits, SessionWindow
from dreammaker.risk.portfolio import Portfolio
from dreammaker.risk.quality import OrderQuality
from dreammaker.risk.results import DayResult
from dreammaker.risk.state import DENIALS, StateMachine, TradingState
from dreammaker.risk.verdict import PASSED, Verdict
from dreammaker.store.risk_file import RiskStart


class RiskGate:
    """Approves or denies single orders and changes of orders, and holds the risk state.

    Parameters
    ----------
    config : RiskConfig
    ledger : Ledger
    market : MarketView
    portfolio : Portfolio, optional
        Where several instruments share limits; this one is added to it. Left out, it stands alone.

    Attributes
    ----------
    is_silent : bool
        The kill switch has done its work and verified it: nothing at all passes.
    denied_counts : dict of Reason to int
        Every denial.

    Examples
    --------
    >>> from dreammaker.domain.instrument import Instrument
    >>> from dreammaker.domain.orders import OrderType, TimeInForce
    >>> win = Instrument.win()
    >>> gate = RiskGate(RiskConfig(), Ledger(win), MarketView(win, 27))
    >>> order = SubmitOrder(1, 1, OrderType.MARKET, TimeInForce.DAY, 1, 26_000, 0)
    >>> gate.check(order, 0).reason.name
    'NO_BOOK'
    """

    def __init__(self, config: RiskConfig, ledger: Ledger, market: MarketView,
                 portfolio: Portfolio | None = None) -> None:
        self.config, self.ledger, self.market = config, ledger, market
        self.machine = StateMachine()
        self.window = SessionWindow()
        self.result = DayResult(ledger, market)
        self.quality = OrderQuality(config)
        self.portfolio = portfolio if portfolio is not None else Portfolio.from_config(config)
        self.entry = EntryLimits(config, ledger, market, self.window, self.result,
                                 self.portfolio, self.portfolio.add(ledger, market))
        self.denied_counts: dict[Reason, int] = {}
        self.is_silent = False
        self._trip_losses_seen = 0
        self._unsent: list[ApprovedOrder] = []
        self._unsent_changes: list[ApprovedReplace] = []

    # The state.

    @property
    def state(self) -> TradingState:
        """How much risk may do."""
        return self.machine.state

    @property
    def state_reason(self) -> Reason:
        """Why the state is what it is."""
        return self.machine.reason

    def restore(self, start: RiskStart) -> None:
        """Begin where an earlier run left off."""
        self.machine.restore(TradingState(start.state), Reason(start.reason),
                             {Reason(code) for code in start.causes})
        self.result.carried_micros = start.net_micros
        self.result.high_water_micros = start.high_water_micros
        self.ledger.trips.consecutive_losses = start.consecutive_losses
        self.ledger.start_order_ids(start.first_order_id)

    def note_report(self, report: ExecutionReport, record: OrderRecord) -> None:
        """Take a report that told something new, to watch how orders fare."""
        self.quality.note(report, record)

    def stand_down(self, reason: Reason) -> bool:
        """Allow reducing orders only; True where this is new."""
        return self.machine.worsen(TradingState.REDUCE_ONLY, reason)

    def halt(self, reason: Reason) -> bool:
        """Allow exits only, until an operator re-arms; True where this is new."""
        return self.machine.worsen(TradingState.HALTED, reason)

    def kill(self, reason: Reason) -> bool:
        """Allow the kill switch's flattening only, for good; True where this is new."""
        return self.machine.worsen(TradingState.KILLED, reason)

    def rearm(self, *, by_operator: bool = False) -> bool:
        """Leave a state whose causes are gone, or that an operator has looked at.

        A kill is never left. After an operator's word drawdown, streak of losses and quality of
        orders are measured anew; the daily loss is not.
        """
        if not self.machine.rearm(by_operator=by_operator):
            return False
        if by_operator:
            self.result.forget_high_water()
            self.quality.forget()
            self._trip_losses_seen = self.ledger.trips.consecutive_losses
        return True

    # Orders.

    def check(self, order: SubmitOrder, now_ns: int) -> ApprovedOrder | OrderDenied:
        """Approve or deny one order.

        An approved order counts at once: against the rate limits, and, until the ledger has it,
        as working. An approval holds for its moment only.
        """
        self._forget_unsent(now_ns)
        pending_lots = self._pending_lots(order.side)
        reducing = self._strictly_reducing(order, pending_lots)
        verdict = self._well_formed(order, reducing=reducing)
        if verdict is PASSED:
            verdict = self._state_allows(order)
        if verdict is PASSED and not reducing:
            verdict = self._entry_allowed()
            if verdict is PASSED:
                verdict = self.entry.check(
                    order, pending_lots, len(self.ledger.working) + len(self._unsent), now_ns)
        if verdict is not PASSED:
            return self._denied(order, verdict, now_ns)
        self.entry.note_approved(order, now_ns)
        approved = approve(order, now_ns)
        self._unsent.append(approved)
        return approved

    def check_replace(self, change: ReplaceOrder, now_ns: int) -> ApprovedReplace | OrderDenied:
        """Approve or deny a change of a working order; it counts in the rates as an order does.

        One change may be in flight at a time. A change that only takes lots away, at a price that
        is not more aggressive, passes in every state but KILLED, as a cancel does. Any other is
        judged by what the order would become, in flight with the larger of its two quantities.
        """
        self._forget_unsent(now_ns)
        record = self.ledger.working.get(change.client_order_id)
        order = None if record is None else changed(
            record.order, qty_lots=change.qty_lots, price_ticks=change.price_ticks)
        if record is None or order is None:
            return self._denied(_nothing(change), (
                Reason.INVALID_ORDER, f"order {change.client_order_id} does not work"), now_ns)
        verdict = self._changeable(record, change)
        if verdict is PASSED and self.state is TradingState.KILLED:
            verdict = Reason.KILLED, f"KILLED: {self.state_reason.name}"
        if verdict is PASSED and not _only_shrinks(record, change):
            verdict = self._larger_change_allowed(record, order, now_ns)
        if verdict is not PASSED:
            return self._denied(order, verdict, now_ns)
        self.entry.note_approved(order, now_ns)
        approved = approve_replace(change, now_ns)
        self._unsent_changes.append(approved)
        return approved

    def daily_loss_reached(self) -> bool:
        """Whether the day's result is at or below the limit."""
        return self.result.net_micros() <= -self.config.max_daily_loss_micros

    def entry_window_open(self, now_ns: int) -> bool:
        """Whether positions may be opened at this time of the session."""
        return self.window.entries_allowed(self.config, now_ns)

    def breach(self) -> tuple[TradingState, Reason, str]:
        """The gravest limit that is passed after the fact, and the state it calls for."""
        config, result, trips = self.config, self.result, self.ledger.trips
        net = result.net_micros()
        if net <= -config.max_daily_loss_micros:
            return TradingState.KILLED, Reason.DAILY_LOSS, f"the result is {net / 1e6:,.2f}"
        drawdown = result.high_water_micros - net
        if drawdown >= config.max_drawdown_micros:
            return TradingState.HALTED, Reason.DRAWDOWN, (
                f"the result is {drawdown / 1e6:,.2f} below the best of the day")
        losses = trips.consecutive_losses
        if losses < self._trip_losses_seen:
            self._trip_losses_seen = 0
        if losses - self._trip_losses_seen >= config.max_consecutive_losses:
            return TradingState.HALTED, Reason.CONSECUTIVE_LOSSES, f"{losses} losses in a row"
        verdict = self.quality.breach()
        return (TradingState.NORMAL if verdict is PASSED else TradingState.REDUCE_ONLY), *verdict

    # Single questions.

    def _well_formed(self, order: SubmitOrder, *, reducing: bool) -> Verdict:
        if order.side not in (1, -1) or order.qty_lots < 1 or order.client_order_id < 1:
            return Reason.INVALID_ORDER, "an order needs a side, lots of 1 or more and an id"
        if self.ledger.find(order.client_order_id) is not None:
            return Reason.INVALID_ORDER, f"order {order.client_order_id} was sent already"
        if order.reduce_only and not reducing:
            return Reason.INVALID_ORDER, (
                f"reduce-only order of {order.side * order.qty_lots:+d} lots would not reduce "
                f"a position of {self.ledger.position.lots:+d}")
        return PASSED

    def _state_allows(self, order: SubmitOrder) -> Verdict:
        if self.machine.state is not TradingState.KILLED:
            return PASSED
        if order.reduce_only and order.reason is Reason.FLATTEN and not self.is_silent:
            return PASSED
        return Reason.KILLED, f"KILLED: {self.state_reason.name}"

    def _entry_allowed(self) -> Verdict:
        state = self.machine.state
        if state is not TradingState.NORMAL:
            return DENIALS[state], f"{state.name}: {self.state_reason.name}"
        if self.ledger.doubtful:
            return Reason.STATE_UNKNOWN, "an order's outcome or the position is not known"
        return PASSED

    def _changeable(self, record: OrderRecord, change: ReplaceOrder) -> Verdict:
        number = change.client_order_id
        if record.replacing is not None or any(
                approved.replace.client_order_id == number for approved in self._unsent_changes):
            return Reason.INVALID_ORDER, f"a change of order {number} is in flight already"
        if record.state not in (OrderState.ACCEPTED, OrderState.PARTIALLY_FILLED):
            return Reason.INVALID_ORDER, (
                f"order {number} is {record.state.name}; it can be changed once it is accepted "
                "and before its cancel")
        filled = max(record.filled_lots, record.venue_filled_lots)
        if change.qty_lots <= filled:
            return Reason.INVALID_ORDER, (
                f"{change.qty_lots} lots in all, of which {filled} are filled: cancel it instead")
        return PASSED

    def _larger_change_allowed(self, record: OrderRecord, order: SubmitOrder, now_ns: int
                               ) -> Verdict:
        leaves = max(record.leaves_lots, order.qty_lots - record.filled_lots)
        others = self._pending_lots(order.side) - record.leaves_lots
        lots = self.ledger.position.lots
        if lots * order.side < 0 and others + leaves <= abs(lots):
            return PASSED
        if order.reduce_only:
            return Reason.INVALID_ORDER, (
                f"the changed reduce-only order would not reduce a position of {lots:+d}")
        verdict = self._entry_allowed()
        if verdict is not PASSED:
            return verdict
        # What it has filled is in the position already: the limits see what it may still fill.
        return self.entry.check(changed(order, qty_lots=leaves), others,
                                len(self.ledger.working) + len(self._unsent) - 1, now_ns,
                                is_change=True)

    def _strictly_reducing(self, order: SubmitOrder, pending_lots: int) -> bool:
        """Whether the order can only bring the position nearer to zero, come what may."""
        lots = self.ledger.position.lots
        return lots * order.side < 0 and order.qty_lots + pending_lots <= abs(lots)

    def _pending_lots(self, side: int) -> int:
        """Lots on a side that work or are approved and about to be sent."""
        lots = self.ledger.working_lots(side)
        for approved in self._unsent:
            if approved.order.side == side:
                lots += approved.order.qty_lots
        for change in self._unsent_changes:
            record = self.ledger.working[change.replace.client_order_id]
            if record.order.side == side:
                lots += max(change.replace.qty_lots - record.most_lots, 0)
        return lots

    def _forget_unsent(self, now_ns: int) -> None:
        if self._unsent:
            self._unsent = [approved for approved in self._unsent
                            if approved.approved_ns == now_ns
                            and self.ledger.find(approved.order.client_order_id) is None]
        if not self._unsent_changes:
            return
        working = self.ledger.working
        self._unsent_changes = [
            approved for approved in self._unsent_changes if approved.approved_ns == now_ns
            and approved.replace.client_order_id in working
            and working[approved.replace.client_order_id].replacing is not approved.replace]

    def _denied(self, order: SubmitOrder, verdict: Verdict, now_ns: int) -> OrderDenied:
        reason, detail = verdict
        self.denied_counts[reason] = self.denied_counts.get(reason, 0) + 1
        return OrderDenied(order, reason, detail, now_ns)


def _only_shrinks(record: OrderRecord, change: ReplaceOrder) -> bool:
    order = record.order
    more_aggressive = order.side * (change.price_ticks - order.price_ticks) > 0
    return change.qty_lots <= order.qty_lots and not more_aggressive


def _nothing(change: ReplaceOrder) -> SubmitOrder:
    """What a change of an order that does not work would have become, as far as it says."""
    return SubmitOrder(change.client_order_id, 0, OrderType.LIMIT, TimeInForce.DAY,
                       change.qty_lots, change.price_ticks, change.created_ns,
                       reason=change.reason)
