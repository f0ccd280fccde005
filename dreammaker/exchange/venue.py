"""The simulated venue: recorded or generated flow, our orders beside it, two latencies.

The market is exogenous: our orders never move the recorded book. What they take is a private
overlay, so that no liquidity is used twice. The matching rules are in ``_ext.matching``.

Not modelled here: our own effect on others' behaviour, hidden and iceberg liquidity, price bands
and tunnels, auctions (orders are refused outside continuous trading), self-trade prevention,
orders other than market and limit.
"""

import heapq

from dreammaker._ext.matching import Matcher
from dreammaker.domain.errors import InputError
from dreammaker.domain.instrument import Instrument
from dreammaker.domain.orders import (
    ApprovedOrder,
    ApprovedReplace,
    CancelOrder,
    ExecutionReport,
    Liquidity,
    OrderAnswer,
    OrderType,
    PositionAnswer,
    Reason,
    ReportKind,
    SubmitOrder,
    TimeInForce,
)
from dreammaker.domain.source import SourceProfile
from dreammaker.engine.ports import LatencyModel
from dreammaker.engine.tape import VenueCursor
from dreammaker.exchange.books import VenueBooks
from dreammaker.exchange.config import ExchangeConfig

_ENDS = (ReportKind.REJECTED, ReportKind.CANCELED, ReportKind.EXPIRED)


class SimulatedVenue:
    """A broker over recorded, generated or live flow.

    Parameters
    ----------
    instrument : Instrument
    source : SourceProfile
    config : ExchangeConfig
    latency : LatencyModel
    cursor : VenueCursor
        The venue's place in the tape.
    """

    def __init__(self, instrument: Instrument, source: SourceProfile, config: ExchangeConfig,
                 latency: LatencyModel, cursor: VenueCursor) -> None:
        self.instrument, self.latency, self.cursor = instrument, latency, cursor
        self.matcher = Matcher(view_levels=source.depth_levels,
                               assumed_touch_lots=config.assumed_touch_lots)
        self._arrivals: list[tuple[int, int, SubmitOrder | CancelOrder]] = []
        self._reports: list[tuple[int, int, ExecutionReport]] = []
        self._messages = self._report_count = self._fill_count = 0
        self._last_arrival_ns = self._last_local_ns = 0
        self._filled: dict[int, int] = {}
        self.books = VenueBooks()

    def submit(self, approved: ApprovedOrder, now_ns: int) -> None:
        """Send an order; it arrives after the entry latency."""
        if not isinstance(approved, ApprovedOrder):
            raise AssertionError("only approved orders reach a broker")
        self._send(approved.order, now_ns)

    def cancel(self, cancel: CancelOrder, now_ns: int) -> None:
        """Send a cancel; it arrives after the entry latency and may come too late."""
        self._send(cancel, now_ns)

    def replace(self, approved: ApprovedReplace, now_ns: int) -> None:
        """Refused at once: this venue changes no orders; cancel and send anew."""
        self._report(ReportKind.REPLACE_REJECTED, approved.replace.client_order_id, now_ns,
                     reason=Reason.NOT_SUPPORTED)

    def query_order(self, client_order_id: int, now_ns: int) -> OrderAnswer:
        """What the venue's books say of an order at this moment."""
        return self.books.order(client_order_id)

    def query_position(self, now_ns: int) -> PositionAnswer:
        """Our net position by the venue's books; fills count before their reports arrive."""
        return self.books.position()

    def next_report(self, until_ns: int) -> ExecutionReport | None:
        """Advance the venue and give the first report that reaches us by a time, or None.

        The venue stops at its first report: it never passes a moment at which an answer of ours
        could still arrive.
        """
        while True:
            horizon = min(until_ns, self._reports[0][0]) if self._reports else until_ns
            if self._arrivals and self._arrivals[0][0] <= horizon:
                arrival_ns = self._arrivals[0][0]
                # At equal time the market comes first: we queue behind it.
                if not self._advance_market(arrival_ns):
                    self._arrive(heapq.heappop(self._arrivals))
            elif not self._advance_market(horizon):
                break
        if self._reports and self._reports[0][0] <= until_ns:
            return heapq.heappop(self._reports)[2]
        return None

    def _send(self, message: SubmitOrder | CancelOrder, now_ns: int) -> None:
        # One connection: a cancel does not overtake its order.
        arrival_ns = max(now_ns + self.latency.entry_ns(self._messages), self._last_arrival_ns)
        self._last_arrival_ns = arrival_ns
        heapq.heappush(self._arrivals, (arrival_ns, self._messages, message))
        self._messages += 1

    def _advance_market(self, until_ns: int) -> bool:
        """Take records up to a time; True where it stopped at one that concerned our orders."""
        matcher, cursor = self.matcher, self.cursor
        while (chunk := cursor.chunk(until_ns)) is not None:
            events, times = chunk
            try:
                cursor.index = matcher.advance(events, times, cursor.index, until_ns)
            except ValueError as error:
                raise InputError(f"the venue cannot go on: {error}") from None
            if matcher.outcome_count:
                self._take_outcomes()
                return True
        return False

    def _arrive(self, arrival: tuple[int, int, SubmitOrder | CancelOrder]) -> None:
        time_ns, _, message = arrival
        if isinstance(message, CancelOrder):
            self._cancel(message, time_ns)
            return
        self.books.arrived(message)
        number = message.client_order_id
        if not self.matcher.continuous:
            self._report(ReportKind.REJECTED, number, time_ns, reason=Reason.MARKET_CLOSED)
            return
        may_rest = message.order_type is OrderType.LIMIT and message.tif is TimeInForce.DAY
        if may_rest and self.matcher.is_full:
            self._report(ReportKind.REJECTED, number, time_ns, reason=Reason.TOO_MANY_ORDERS)
            return
        self._report(ReportKind.ACCEPTED, number, time_ns, leaves=message.qty_lots)
        self.matcher.arrive(number, message.side, message.order_type == OrderType.MARKET,
                            message.price_ticks, message.qty_lots, int(message.tif), time_ns)
        self._take_outcomes()

    def _cancel(self, cancel: CancelOrder, time_ns: int) -> None:
        number = cancel.client_order_id
        leaves = self.matcher.cancel(number)
        if leaves < 0:
            self._report(ReportKind.CANCEL_REJECTED, number, time_ns, reason=Reason.UNKNOWN_ORDER)
        else:
            self._report(ReportKind.CANCELED, number, time_ns, reason=Reason.REQUESTED)

    def _take_outcomes(self) -> None:
        outcomes = self.matcher.take_outcomes()
        for kind, number, qty, price, leaves, maker, time_ns, reason in outcomes:
            if kind == ReportKind.FILLED:
                self._fill_count += 1
                self._filled[number] = self._filled.get(number, 0) + qty
                self._report(ReportKind.FILLED, number, time_ns, fill_id=self._fill_count, qty=qty,
                             price=price, leaves=leaves,
                             liquidity=Liquidity.MAKER if maker else Liquidity.TAKER)
            else:
                self._report(ReportKind(kind), number, time_ns, reason=Reason(reason))

    def _report(self, kind: ReportKind, number: int, venue_ns: int, *, fill_id: int = 0,
                qty: int = 0, price: int = 0, leaves: int = 0,
                liquidity: Liquidity = Liquidity.NONE, reason: Reason = Reason.NONE) -> None:
        sequence = self._report_count
        # Answers travel on one connection: none overtakes another.
        local_ns = max(venue_ns + self.latency.response_ns(sequence), self._last_local_ns)
        self._last_local_ns = local_ns
        report = ExecutionReport(kind, number, venue_ns, local_ns, fill_id, qty, price, leaves,
                                 liquidity, qty * self.instrument.fee_micros_per_lot, reason,
                                 self._filled.get(number, 0))
        if kind in _ENDS or (kind is ReportKind.FILLED and leaves == 0):
            self._filled.pop(number, None)
        self.books.note(report)
        self._report_count += 1
        heapq.heappush(self._reports, (report.local_ns, sequence, report))
