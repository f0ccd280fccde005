"""Quoting policies without the interpreter: the agent path's fills at the speed of the venue.

A session whose models hold a ``quoter`` runs the same policy through the agents
(``agents.quoting``); both have the same fills, which a test compares one by one. What this path
leaves out stands in ``ext/quoting.pyx``.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from dreammaker._ext.batch import running_times
from dreammaker._ext.matching_kernel import Matcher
from dreammaker._ext.policy import PolicyKernel
from dreammaker._ext.quoting import QuoteLoop
from dreammaker.assembly.config import SystemConfig
from dreammaker.assembly.sources import SessionSource
from dreammaker.domain.errors import ConfigError, InputError
from dreammaker.domain.orders import Reason
from dreammaker.engine.clock import NS_PER_MINUTE, NS_PER_MS, NS_PER_S
from dreammaker.exchange.config import matcher_settings
from dreammaker.risk import RiskConfig

if TYPE_CHECKING:
    import pandas as pd

_NEVER_NS = 2**62
_UNKNOWN_NS = -(2**63)


@dataclass(frozen=True, slots=True)
class QuoteResult:
    """What a quoting run came to.

    Parameters
    ----------
    fills : structured array (``_ext.quoting.FILL_DTYPE``)
        In the order in which they were reported: times in UTC ns, price in ticks, the position
        after each.
    counts : dict of str to int
        Records, rows, decisions, orders, cancels, fills.
    denied, ended : dict of Reason to int
        Orders that our limits denied, and that the venue ended before they were filled whole.
    position_lots : int
    net_micros, fees_micros : int
        Result with open lots at the last sound mid, fees paid, and the fees; millionths.
    stopped_by : str
        The limit that ended the run early; empty = none.
    """

    fills: NDArray[np.void]
    counts: dict[str, int]
    denied: dict[Reason, int]
    ended: dict[Reason, int]
    position_lots: int
    net_micros: int
    fees_micros: int
    stopped_by: str

    def frame(self) -> "pd.DataFrame":
        """The fills as a DataFrame indexed by venue time (UTC)."""
        import pandas as pd

        table = pd.DataFrame({name: self.fills[name] for name in self.fills.dtype.names or ()})
        table.index = pd.to_datetime(table.pop("venue_ns"), utc=True)
        table["local_ns"] = pd.to_datetime(table["local_ns"], utc=True)
        return table.rename(columns={"local_ns": "reported_at"})


def run_quotes(config: SystemConfig, source: SessionSource, policy: PolicyKernel, *,
               progress: Callable[[dict[str, int]], None] | None = None) -> QuoteResult:
    """Run a quoting policy over one source.

    The venue, its latencies and the limits are the configuration's; decisions are made every
    ``model.decision_interval_s``. Where the close is known, quoting ends
    ``risk.flatten_minutes_before_close`` and the position is closed.

    Parameters
    ----------
    config : SystemConfig
    source : SessionSource
        New: nothing may have been read from it.
    policy : PolicyKernel
    progress : callable, optional
        Called with the counts after each batch.

    Raises
    ------
    ConfigError
        If the configuration asks for what this path does not know.
    InputError
        If a record is damaged.
    """
    risk, exchange = config.risk, config.exchange
    _check(config)
    feed = exchange.delayed(source.feed, config.run.seed)
    latencies = exchange.latencies(config.run.seed)
    stop_ns = _NEVER_NS if source.close_ns is None else source.close_ns - round(
        risk.flatten_minutes_before_close * NS_PER_MINUTE)
    profile = exchange.venue_profile
    loop = QuoteLoop(
        policy, Matcher(**matcher_settings(feed.instrument, feed.source, exchange)),
        depth_levels=feed.source.depth_levels,
        interval_ns=round(config.model.decision_interval_s * NS_PER_S),
        entry=latencies.entry, response=latencies.response,
        limits=_limits(risk, source), post_only=profile.post_only,
        tick_value_micros=feed.instrument.tick_value_micros,
        fee_micros=exchange.fee_micros_per_lot(feed.instrument), stop_ns=stop_ns)
    floor_ns = -(2**62)
    try:
        while (events := feed.read(config.data.batch_events)).shape[0]:
            times = running_times(events, True, floor_ns)
            floor_ns = int(times[-1])
            if not loop.take(events, times):
                break
            if progress is not None:
                progress(loop.counts)
        loop.finish()
    except ValueError as error:
        raise InputError(f"the venue cannot go on: {error}") from None
    return QuoteResult(loop.fills(), loop.counts, _by_reason(loop.denied), _by_reason(loop.ended),
                       loop.position_lots, loop.net_micros, loop.fees_micros, loop.stopped_by)


def _by_reason(counts: dict[int, int]) -> dict[Reason, int]:
    return {Reason(number): count for number, count in counts.items()}


def _check(config: SystemConfig) -> None:
    risk = config.risk
    if config.model.decision_clock != "time":
        raise ConfigError(
            f"a quoting run decides by time; model.decision_clock must be \"time\", was "
            f"{config.model.decision_clock!r}")
    if config.exchange.venue_profile.blocking_send:
        raise ConfigError(
            f"a quoting run cannot wait for each send, as exchange.profile "
            f"{config.exchange.profile!r} does; allowed: \"ideal\"")
    if not risk.max_notional <= risk.max_net_notional <= risk.max_gross_notional:
        raise ConfigError(
            "a quoting run knows one limit on the worth of its position: risk.max_notional "
            f"({risk.max_notional:g}) must not be above risk.max_net_notional "
            f"({risk.max_net_notional:g}) and risk.max_gross_notional "
            f"({risk.max_gross_notional:g})")


def _limits(risk: RiskConfig, source: SessionSource) -> dict[str, Any]:
    delay_ns = round(risk.entry_start_minutes_after_open * NS_PER_MINUTE)
    stop_ns = round(risk.entry_stop_minutes_before_close * NS_PER_MINUTE)
    return {
        "max_notional": risk.max_notional,
        "capital": risk.capital,
        "margin_per_lot": risk.margin_per_lot,
        "max_messages_per_fill": risk.max_messages_per_fill,
        "entry_start_ns": _UNKNOWN_NS if source.open_ns is None else source.open_ns + delay_ns,
        "entry_delay_ns": delay_ns,
        "entry_stop_ns": _NEVER_NS if source.close_ns is None else source.close_ns - stop_ns,
        "duplicate_ns": round(risk.duplicate_window_ms * NS_PER_MS),
        "max_loss_micros": risk.max_daily_loss_micros,
        "max_drawdown_micros": risk.max_drawdown_micros,
        "message_allowance": risk.message_allowance,
        "max_position_lots": risk.max_position_lots,
        "max_order_lots": risk.max_order_lots,
        "max_working_orders": risk.max_working_orders,
        "max_orders_per_second": risk.max_orders_per_second,
        "max_orders_per_minute": risk.max_orders_per_minute,
        "price_collar_ticks": risk.price_collar_ticks,
        "max_spread_ticks": risk.max_spread_ticks,
    }
