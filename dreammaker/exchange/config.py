"""What the simulated venue assumes."""

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

from dreammaker.domain.instrument import MONEY_UNIT, Instrument
from dreammaker.domain.source import SourceProfile
from dreammaker.exchange.profile import VenueProfile, profile_named
from dreammaker.exchange.queue import QueueConfig, QueueName

Milliseconds = Annotated[float, Field(ge=0, le=60_000)]


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class ExchangeConfig:
    """Assumptions of the simulated venue.

    Parameters
    ----------
    profile : {"mt5_b3", "ideal"}
        What the venue can do, and what is assumed of its latencies.
    filling_mode : int
        Of ``mt5_b3``: the symbol's filling flags (1 FOK, 2 IOC, 4 post-only).
    entry_latency_ms, response_latency_ms : float
        From us to the venue, and back.
    assumed_touch_lots : int
        Where the source shows no sizes, every price is taken to hold this many lots, and a
        resting order to stand behind this many.
    queue_model : str
        How resting orders wait, see ``exchange.queue``.
    queue_power_n : float
        Exponent of the power models.
    rlp_share : float
        Part of the printed lots that matches off the visible queue where prints may do so and the
        source has no depth; an assumption until measured.
    self_trade : {"cancel_resting", "reject_new"}
        What goes where an order would meet one of our own.
    max_order_lots : int, optional
        Largest order the venue takes; None = any.
    band_low_points, band_high_points : float, optional
        Limit prices outside are rejected.
    tunnel_ticks : int
        A limit may be worse than the last trade by no more than this; 0 = any.
    margin_per_lot : float
        In the currency, for the largest position that working orders can lead to; 0 = none.
    equity : float
        In the currency, at the start of the session.
    """

    profile: Literal["mt5_b3", "ideal"] = "mt5_b3"
    filling_mode: Annotated[int, Field(ge=0, le=7)] = 3
    entry_latency_ms: Milliseconds = 40.0
    response_latency_ms: Milliseconds = 40.0
    assumed_touch_lots: Annotated[int, Field(ge=1, le=1_000_000)] = 10
    queue_model: QueueName = "risk_averse"
    queue_power_n: Annotated[float, Field(gt=0, le=32)] = 3.0
    rlp_share: Annotated[float, Field(ge=0, lt=1)] = 0.3
    self_trade: Literal["cancel_resting", "reject_new"] = "cancel_resting"
    max_order_lots: Annotated[int, Field(ge=1, lt=2**31)] | None = None
    band_low_points: Annotated[float, Field(ge=-1e9, le=1e9)] | None = None
    band_high_points: Annotated[float, Field(ge=-1e9, le=1e9)] | None = None
    tunnel_ticks: Annotated[int, Field(ge=0, le=1_000_000)] = 0
    margin_per_lot: Annotated[float, Field(ge=0, le=1e9)] = 0.0
    equity: Annotated[float, Field(ge=0, le=1e12)] = 0.0

    @property
    def venue_profile(self) -> VenueProfile:
        """The capability table."""
        return profile_named(self.profile, self.filling_mode)

    @property
    def queue(self) -> QueueConfig:
        """How resting orders wait at this venue."""
        return QueueConfig(self.queue_model, self.queue_power_n, self.venue_profile.rlp,
                           self.rlp_share)


def matcher_settings(instrument: Instrument, source: SourceProfile,
                     config: ExchangeConfig) -> dict[str, Any]:
    """Arguments of ``_ext.matching_kernel.Matcher`` for a venue.

    Raises
    ------
    ConfigError
        If the queue model needs more than the source tells.
    """
    queue = config.queue
    queue.check(source)
    settings: dict[str, Any] = {
        "view_levels": source.depth_levels,
        "assumed_touch_lots": config.assumed_touch_lots,
        "capabilities": config.venue_profile.capabilities,
        "reject_self_trade": int(config.self_trade == "reject_new"),
        "tunnel_ticks": config.tunnel_ticks,
        "margin_micros": round(config.margin_per_lot * MONEY_UNIT),
        "equity_micros": round(config.equity * MONEY_UNIT),
        "tick_value_micros": instrument.tick_value_micros,
        "fee_micros": instrument.fee_micros_per_lot,
        "queue_kind": queue.kind,
        "queue_n": queue.power_n,
        "queue_prints": int(queue.prints(source)),
        "queue_print_share": queue.print_share,
        "queue_carry": int(queue.carry(source)),
    }
    if config.max_order_lots is not None:
        settings["max_order_lots"] = config.max_order_lots
    # The nearest ticks inside the band.
    if config.band_low_points is not None:
        settings["band_low"] = -int(-config.band_low_points // instrument.tick_size)
    if config.band_high_points is not None:
        settings["band_high"] = int(config.band_high_points // instrument.tick_size)
    return settings
