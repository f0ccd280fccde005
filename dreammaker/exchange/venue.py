"""The simulated venue: recorded or generated flow, our orders beside it, two latencies.

The market is exogenous: our orders never move the recorded book. What they take is a private
overlay, so that no liquidity is used twice. The matching rules are in ``ext/matching.pyx`` and
``ext/matching_orders.pyx``; what the venue can do is its profile.

Not modelled here: our own effect on others' behaviour, hidden and iceberg liquidity, auctions that
a dynamic tunnel sets off.
"""

import heapq
from dataclasses import replace

from dreammaker._ext.matching_kernel import Matcher
from dreammaker.domain.errors import InputError
from dreammaker.domain.instrument import Instrument
from dreammaker.domain.orders import (
    ApprovedOrder,
    ApprovedReplace,
    CancelOrder,
    ExecutionReport,
    Liquidity,
    OrderAnswer,
    PositionAnswer,
    Reason,
    ReplaceOrder,
    ReportKind,
    SubmitOrder,
    WorkingOrder,
)
from dreammaker.domain.source import SourceProfile
from dreammaker.engine.clock import LoopClock
from dreammaker.engine.ports import LatencyModel
from dreammaker.engine.tape import VenueCursor
from dreammaker.exchange.books import VenueBooks
from dreammaker.exchange.config import ExchangeConfig, matcher_settings

_Message = SubmitOrder | CancelOrder | ReplaceOrder


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
    clock : LoopClock, optional
        The loop's. A profile whose sends block moves it to the moment of the answer, as a call
        that blocks would; without a clock sends do not block.
    """

    def __init__(self, instrument: Instrument, source: SourceProfile, config: ExchangeConfig,
                 latency: LatencyModel, cursor: VenueCursor,
                 clock: LoopClock | None = None) -> None:
        self.instrument, self.latency, self.cursor = instrument, latency, cursor
        self.fee_micros_per_lot = config.fee_micros_per_lot(instrument)
        self.matcher = Matcher(**matcher_settings(instrument, source, config))
        self.clock = clock if config.venue_profile.blocking_send else None
        self.blocked_until_ns = -(2**62)
        self._arrivals: list[tuple[int, int, _Message, int]] = []
        self._reports: list[tuple[int, int, ExecutionReport]] = []
        self._messages = self._report_count = self._fill_count = 0
        self._last_arrival_ns = self._last_local_ns = 0
        self.books = VenueBooks()

    def submit(self, approved: ApprovedOrder, now_ns: int) -> None:
        """Send an order; it arrives after the entry latency."""
        if not isinstance(approved, ApprovedOrder):
            raise AssertionError("only approved orders reach a broker")
        self._send(approved.order, now_ns)

    def replace(self, approved: ApprovedReplace, now_ns: int) -> None:
        """Send a change of a working order; it arrives after the entry latency."""
        if not isinstance(approved, ApprovedReplace):
            raise AssertionError("only approved changes reach a broker")
        self._send(approved.replace, now_ns)

    def cancel(self, cancel: CancelOrder, now_ns: int) -> None:
        """Send a cancel; it arrives after the entry latency and may come too late."""
        self._send(cancel, now_ns)

    def query_order(self, client_order_id: int, now_ns: int) -> OrderAnswer:
        """What the venue's books say of an order at this moment."""
        return self.books.order(client_order_id)

    def query_working(self, now_ns: int) -> tuple[WorkingOrder, ...]:
        """Our orders that work at this moment, by the venue's books."""
        return self.books.working()

    def query_position(self, now_ns: int) -> PositionAnswer:
        """Our net position by the venue's books; fills count before their reports arrive."""
        return self.books.position()

    def next_report(self, until_ns: int) -> ExecutionReport | None:
        """Advance the venue and give the first report that reaches us by a time, or None.

        The venue stops at its first report: it never passes a moment at which an answer of ours
        could still arrive.
        """
        if until_ns < self.blocked_until_ns:
            # While a send blocks nothing is seen: what came meanwhile comes at its end.
            return None
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
            report = heapq.heappop(self._reports)[2]
            if report.local_ns < self.blocked_until_ns:
                report = replace(report, local_ns=self.blocked_until_ns)
            return report
        return None

    def _send(self, message: _Message, now_ns: int) -> None:
        number = self._messages
        self._messages += 1
        sent_ns = now_ns if self.clock is None else max(now_ns, self.blocked_until_ns)
        # One connection: a cancel does not overtake its order.
        arrival_ns = max(sent_ns + self.latency.entry_ns(number), self._last_arrival_ns)
        self._last_arrival_ns = arrival_ns
        answer_ns = 0
        if self.clock is not None:
            # Its answer and other reports draw from the same latencies, by even and odd numbers.
            answer_ns = arrival_ns + self.latency.response_ns(2 * number)
            self.blocked_until_ns = answer_ns
            self.clock.advance(answer_ns)
        heapq.heappush(self._arrivals, (arrival_ns, number, message, answer_ns))

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

    def _arrive(self, arrival: tuple[int, int, _Message, int]) -> None:
        time_ns, _, message, answer_ns = arrival
        number = message.client_order_id
        if isinstance(message, SubmitOrder):
            self.books.arrived(message)
            self.matcher.arrive(
                number, message.side, message.order_type, message.price_ticks, message.qty_lots,
                message.tif, time_ns, post_only=message.post_only,
                trigger_ticks=message.trigger_ticks, reduce_only=message.reduce_only)
        elif isinstance(message, ReplaceOrder):
            self.matcher.replace(number, message.qty_lots, message.price_ticks, time_ns)
        else:
            self.matcher.cancel(number, time_ns)
        self._take_outcomes(answer_ns)

    def _take_outcomes(self, answer_ns: int = 0) -> None:
        fee = self.fee_micros_per_lot
        for (kind, number, qty, price, leaves, cum, liquidity, venue_ns,
                reason) in self.matcher.take_outcomes():
            sequence = self._report_count
            fill_id = 0
            if kind == ReportKind.FILLED:
                self._fill_count += 1
                fill_id = self._fill_count
            # Answers travel on one connection: none overtakes another.
            if self.clock is None:
                local_ns = venue_ns + self.latency.response_ns(sequence)
            else:
                local_ns = answer_ns or venue_ns + self.latency.response_ns(2 * sequence + 1)
            local_ns = max(local_ns, self._last_local_ns)
            self._last_local_ns = local_ns
            self._report_count += 1
            report = ExecutionReport(
                ReportKind(kind), number, venue_ns, local_ns, fill_id, qty, price, leaves,
                Liquidity(liquidity), qty * fee, Reason(reason), cum)
            self.books.note(report)
            heapq.heappush(self._reports, (local_ns, sequence, report))
