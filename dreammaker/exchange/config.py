"""What the simulated venue assumes."""

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

from dreammaker.domain.fees import b3_index_fees
from dreammaker.domain.instrument import MONEY_UNIT, Instrument
from dreammaker.domain.source import SourceProfile
from dreammaker.engine.clock import NS_PER_S
from dreammaker.engine.ports import Feed
from dreammaker.exchange.latency import (
    ENTRY,
    FEED,
    RESPONSE,
    DelayedFeed,
    Latencies,
    LatencyChoice,
)
from dreammaker.exchange.profile import VenueProfile, profile_named
from dreammaker.exchange.queue import QueueConfig, QueueName

Milliseconds = Annotated[float, Field(ge=0, le=60_000)]
Exponent = Annotated[float, Field(gt=0, le=2)]


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class ExchangeConfig:
    """Assumptions of the simulated venue.

    Parameters
    ----------
    profile : {"mt5_b3", "ideal"}
        What the venue can do, and what is assumed of its latencies.
    filling_mode : int
        Of ``mt5_b3``: the symbol's filling flags (1 FOK, 2 IOC, 4 post-only).
    entry_latency_ms, response_latency_ms, feed_latency_ms : float, optional
        From us to the venue, back, and of market data where the source did not measure its own;
        None = what the profile assumes.
    entry_latency_p99_ms, response_latency_p99_ms, feed_latency_p99_ms : float, optional
        With it the latency is log-normal with that 99th percentile, else every message takes the
        same.
    entry_latency_file, response_latency_file, feed_latency_file : str
        Measured latencies in ms, one a line (or .npy), taken in turn.
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
    fee_schedule : {"instrument", "b3_index"}
        Fees a lot and side: the instrument's, or B3's table for index futures by volume.
    fee_daily_lots, fee_day_trade_lots : float
        Of ``b3_index``: the account's average daily volume, and the day trades in it.
    broker_fee_per_lot : float
        In the currency, a lot and side, besides.
    impact : bool
        Whether what we take moves the prices we take at later; off, taking only uses up the book.
    impact_volatility_ticks, impact_volume_lots : float
        Standard deviation of the price and market volume over the same time (a day, say).
    impact_permanent, impact_permanent_exponent : float
        Y and delta of the power law for what stays (``stochastic.impact``).
    impact_temporary, impact_temporary_exponent, impact_half_life_s : float
        Of what fades.
    """

    profile: Literal["mt5_b3", "ideal"] = "mt5_b3"
    filling_mode: Annotated[int, Field(ge=0, le=7)] = 3
    entry_latency_ms: Milliseconds | None = None
    entry_latency_p99_ms: Milliseconds | None = None
    entry_latency_file: str = ""
    response_latency_ms: Milliseconds | None = None
    response_latency_p99_ms: Milliseconds | None = None
    response_latency_file: str = ""
    feed_latency_ms: Milliseconds | None = None
    feed_latency_p99_ms: Milliseconds | None = None
    feed_latency_file: str = ""
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
    fee_schedule: Literal["instrument", "b3_index"] = "instrument"
    fee_daily_lots: Annotated[float, Field(ge=0, le=1e9)] = 0.0
    fee_day_trade_lots: Annotated[float, Field(ge=0, le=1e9)] = 0.0
    broker_fee_per_lot: Annotated[float, Field(ge=0, le=1e6)] = 0.0
    impact: bool = False
    impact_volatility_ticks: Annotated[float, Field(gt=0, le=1e9)] = 200.0
    impact_volume_lots: Annotated[float, Field(gt=0, le=1e12)] = 3_000_000.0
    impact_permanent: Annotated[float, Field(ge=0, le=100)] = 0.3
    impact_permanent_exponent: Exponent = 0.5
    impact_temporary: Annotated[float, Field(ge=0, le=100)] = 0.5
    impact_temporary_exponent: Exponent = 0.5
    impact_half_life_s: Annotated[float, Field(gt=0, le=1e6)] = 60.0

    @property
    def venue_profile(self) -> VenueProfile:
        """The capability table."""
        return profile_named(self.profile, self.filling_mode)

    @property
    def queue(self) -> QueueConfig:
        """How resting orders wait at this venue."""
        return QueueConfig(self.queue_model, self.queue_power_n, self.venue_profile.rlp,
                           self.rlp_share)


    def fee_micros_per_lot(self, instrument: Instrument) -> int:
        """Fee a lot and side of an instrument.

        Raises
        ------
        ConfigError
            If the schedule does not know the instrument.
        """
        if self.fee_schedule == "instrument":
            return instrument.fee_micros_per_lot + round(self.broker_fee_per_lot * MONEY_UNIT)
        schedule = b3_index_fees(instrument.symbol.upper()[:3], self.fee_daily_lots,
                                 self.fee_day_trade_lots, self.broker_fee_per_lot)
        return schedule.fill_micros(1)

    def choice(self, direction: Literal["entry", "response", "feed"]) -> LatencyChoice:
        """What is said of one direction's latency."""
        return LatencyChoice(getattr(self, f"{direction}_latency_ms"),
                             getattr(self, f"{direction}_latency_p99_ms"),
                             getattr(self, f"{direction}_latency_file"))

    def latencies(self, seed: int) -> Latencies:
        """To the venue and back.

        Raises
        ------
        ConfigError
            If a latency contradicts itself or its file cannot be used.
        """
        profile = self.venue_profile
        return Latencies(self.choice("entry").make("entry", profile.entry, seed, ENTRY),
                         self.choice("response").make("response", profile.response, seed, RESPONSE))

    def delayed(self, feed: Feed, seed: int) -> Feed:
        """A feed with the latency of market data, where its source did not measure its own.

        Without a word on it the import's own constant stays, unless the profile assumes one.
        """
        choice, assumed = self.choice("feed"), self.venue_profile.feed
        if feed.source.has_local_time or (choice.median_ms is None and not choice.file
                                          and assumed.p99_ms == 0):
            return feed
        return DelayedFeed(feed, choice.make("feed", assumed, seed, FEED))

    def assumptions(self, source: SourceProfile) -> list[tuple[str, str]]:
        """What a result rests on, for its report: (term, sentence)."""
        profile, queue = self.venue_profile, self.queue
        latency = (f"orders to the venue {self.choice('entry').told(profile.entry)}; answers to us "
                   f"{self.choice('response').told(profile.response)}")
        if not source.has_local_time:
            latency += f"; market data to us {self.choice('feed').told(profile.feed)}"
        else:
            latency += ("; market data to us by their records' own local times (an import moves "
                        "them by one constant where the clocks disagree: dreammaker inspect)")
        if profile.blocking_send:
            latency += "; a send holds up the program until its answer is there"
        waits = (f"{queue.model}: a resting order stands behind all that was shown at its price "
                 "when it arrived; a print through its price fills it")
        if queue.rlp:
            waits += ("; prints may match off the visible queue (RLP), which moves by no more "
                      "than the level decreased" if source.depth_levels else
                      f"; {queue.rlp_share:.0%} of every print is taken to match off the visible "
                      "queue (RLP, assumed)")
        impact = ("off: our orders do not change what others do, a fill moves no later price"
                  if not self.impact else
                  f"ON (assumed): permanent {self.impact_permanent:g}, temporary "
                  f"{self.impact_temporary:g} with a half-life of {self.impact_half_life_s:g} s, "
                  f"at {self.impact_volatility_ticks:g} ticks of volatility and "
                  f"{self.impact_volume_lots:g} lots of volume")
        return [("Venue", f"profile {profile.name}."), ("Latency", f"{latency}."),
                ("Queue", f"{waits}."), ("Impact", f"{impact}.")]


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
        "fee_micros": config.fee_micros_per_lot(instrument),
        "queue_kind": queue.kind,
        "queue_n": queue.power_n,
        "queue_prints": int(queue.prints(source)),
        "queue_print_share": queue.print_share,
        "queue_carry": int(queue.carry(source)),
    }
    if config.max_order_lots is not None:
        settings["max_order_lots"] = config.max_order_lots
    if config.impact:
        settings["impact"] = {
            "permanent_ticks": config.impact_permanent * config.impact_volatility_ticks,
            "permanent_exponent": config.impact_permanent_exponent,
            "temporary_ticks": config.impact_temporary * config.impact_volatility_ticks,
            "temporary_exponent": config.impact_temporary_exponent,
            "volume_lots": config.impact_volume_lots,
            "half_life_ns": config.impact_half_life_s * NS_PER_S,
        }
    # The nearest ticks inside the band.
    if config.band_low_points is not None:
        settings["band_low"] = -int(-config.band_low_points // instrument.tick_size)
    if config.band_high_points is not None:
        settings["band_high"] = int(config.band_high_points // instrument.tick_size)
    return settings
