"""Costs of orders without a parent: each entry and exit that is sent at once is its own."""

from dreammaker.agents.context import TradingContext
from dreammaker.domain.orders import ExecutionReport, Reason, ReportKind, SubmitOrder
from dreammaker.execution.costs import CostLog, CostMeter


class OrderCosts:
    """Measures orders from their sending to their end; holds no more than works.

    Parameters
    ----------
    context : TradingContext
    log : CostLog
        Takes the costs, with a parent number of 0.
    """

    def __init__(self, context: TradingContext, log: CostLog) -> None:
        self.context, self.log = context, log
        self._meters: dict[int, CostMeter] = {}

    def sent(self, order: SubmitOrder) -> None:
        """An order is on its way."""
        market, now = self.context.market, self.context.clock.now_ns
        half_ticks = market.mid_half_ticks if market.book_ok else market.sound_mid_half_ticks
        if half_ticks <= 0:
            # Against no market nothing can be measured.
            return
        name = ("flatten" if order.reason is Reason.FLATTEN else
                "exit" if order.reduce_only else "immediate")
        meter = CostMeter(0, name, order.side, order.qty_lots, now, half_ticks,
                          market.instrument.tick_value_micros)
        meter.sent(half_ticks)
        meter.sample(now, half_ticks, market.session_volume)
        self._meters[order.client_order_id] = meter

    def report(self, report: ExecutionReport) -> None:
        """Take a report on any order."""
        number = report.client_order_id
        meter = self._meters.get(number)
        if meter is None:
            return
        ledger, market, now = self.context.ledger, self.context.market, self.context.clock.now_ns
        record = ledger.find(number)
        if record is not None and report.kind is ReportKind.FILLED:
            news = record.filled_lots - meter.filled_lots
            if news > 0:
                meter.filled(report.venue_ns, news, report.price_ticks, report.fee_micros)
        half_ticks = market.mid_half_ticks if market.book_ok else market.sound_mid_half_ticks
        meter.sample(now, half_ticks, market.session_volume)
        if number not in ledger.working:
            del self._meters[number]
            self.log.add(meter.result(now, half_ticks))

    def forget(self) -> None:
        """Begin again: what was out is not measured any more."""
        self._meters.clear()
