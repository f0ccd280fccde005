"""How well orders fare: refusals, slippage, latency, each over a window of the last."""

from collections import deque

from dreammaker.domain.orders import ExecutionReport, Reason, ReportKind
from dreammaker.engine.clock import NS_PER_MS
from dreammaker.ledger import OrderRecord
from dreammaker.risk.config import RiskConfig
from dreammaker.risk.verdict import PASSED, Verdict

_REMEMBERED = 1024


class OrderQuality:
    """Watches reports; a window counts only once it is full.

    Slippage of a fill is how much worse its price is than the mid at which its order was sent, in
    ticks. Latency is from sending an order to the first report of it.

    Parameters
    ----------
    config : RiskConfig
    """

    def __init__(self, config: RiskConfig) -> None:
        self.config = config
        self._rejects: deque[int] = deque(maxlen=config.reject_window_orders)
        self._slippage_half_ticks: deque[int] = deque(maxlen=config.slippage_window_fills)
        self._latency_ns: deque[int] = deque(maxlen=config.latency_window_orders)
        # Whether each order answered of late was refused.
        self._answered: dict[int, bool] = {}

    def note(self, report: ExecutionReport, record: OrderRecord) -> None:
        """Take a report that told something new."""
        number, refused = report.client_order_id, report.kind is ReportKind.REJECTED
        if number not in self._answered:
            self._answered[number] = refused
            if len(self._answered) > _REMEMBERED:
                del self._answered[next(iter(self._answered))]
            if not record.is_found:
                self._latency_ns.append(max(report.local_ns - record.sent_ns, 0))
            self._rejects.append(int(refused))
        elif refused and not self._answered[number]:
            # Taken by the broker, then refused by the exchange.
            self._answered[number] = True
            if self._rejects:
                self._rejects[-1] = 1
        if report.kind is ReportKind.FILLED and record.mid_half_ticks:
            self._slippage_half_ticks.append(
                record.order.side * (2 * report.price_ticks - record.mid_half_ticks))

    def breach(self) -> Verdict:
        """The first limit that is passed, and the figures; ``PASSED`` where none is."""
        config, rejects = self.config, self._rejects
        if len(rejects) == rejects.maxlen and (
                sum(rejects) > config.max_reject_share * len(rejects)):
            return Reason.REJECT_RATE, (
                f"{sum(rejects)} of the last {len(rejects)} orders were refused")
        slippage = self._slippage_half_ticks
        if len(slippage) == slippage.maxlen and (
                sum(slippage) > 2 * config.max_slippage_ticks * len(slippage)):
            return Reason.SLIPPAGE, (
                f"the last {len(slippage)} fills slipped by "
                f"{sum(slippage) / 2 / len(slippage):g} ticks in the mean")
        latency = self._latency_ns
        if len(latency) == latency.maxlen and (
                sum(latency) > config.max_latency_ms * NS_PER_MS * len(latency)):
            return Reason.LATENCY, (
                f"the last {len(latency)} orders were answered after "
                f"{sum(latency) / len(latency) / NS_PER_MS:g} ms in the mean")
        return PASSED

    def forget(self) -> None:
        """Begin anew (an operator has seen it)."""
        self._rejects.clear()
        self._slippage_half_ticks.clear()
        self._latency_ns.clear()
