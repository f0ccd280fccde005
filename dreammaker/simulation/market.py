"""The simulated market's Python face: validates, hands the kernel its numbers, cuts the stream."""

from datetime import UTC, date, datetime, time, timedelta

import numpy as np
from numpy.typing import NDArray

from dreammaker._ext.market import MarketKernel
from dreammaker._ext.mathx import log
from dreammaker.domain.errors import ConfigError
from dreammaker.domain.instrument import Instrument
from dreammaker.domain.schema import EVENT_DTYPE, EventArray
from dreammaker.domain.source import SourceProfile
from dreammaker.simulation.config import SimulationConfig

_NORMAL_P99 = 2.3263478740408408


class SimulatedMarket:
    """A day of a WIN-like market, generated event by event from a seed.

    Limit orders, market orders and cancellations of both sides excite each other (Hawkes process,
    Ogata's thinning). Prices have no law of their own: they move when a queue at the best price is
    emptied, by market orders or cancellations, and somebody quotes inside the gap.

    The day: SESSION PRE_OPEN and a snapshot of the resting book; auction orders (the book may be
    crossed: ``Flag.CROSSED``); at the open one print at the auction price (``Flag.AUCTION``, side
    0) and a snapshot of the uncrossed book; SESSION CONTINUOUS and the order flow; SESSION
    CLOSING_CALL, auction orders, a print and a snapshot; SESSION CLOSED.

    One event is one packet: the trades it caused, one a price hit, best price first; then
    LEVEL_SETs of the levels it changed; then levels that came into view for the first time.
    Exchange times are the simulated clock; a packet's local time adds one latency draw and never
    goes back; ``mono_ns`` counts from the pre-open.

    Not modelled: single orders and queue positions, hidden and iceberg orders, halts and
    volatility auctions, news and overnight gaps, a reaction to our own orders.

    Parameters
    ----------
    config : SimulationConfig
    instrument : Instrument
        Gives the tick grid.
    day : datetime.date
        Session date (local); another day is another path of the same seed.
    seed : int
        In [0, 2**63).

    Raises
    ------
    ConfigError
        If the seed is out of range, the start price is off the tick grid, or the price limits
        leave fewer than ten ticks on a side.

    Examples
    --------
    >>> market = SimulatedMarket(SimulationConfig(session_minutes=1), Instrument.win(),
    ...                          date(2026, 3, 2), seed=7)
    >>> events = market.next_events(1000)
    >>> int(events["seq"][0]), len(events) > 900
    (1, True)
    """

    def __init__(self, config: SimulationConfig, instrument: Instrument, day: date,
                 seed: int) -> None:
        if not 0 <= seed < 2**63:
            raise ConfigError(f"simulation.seed must be in [0, 2**63), was {seed}")
        self.config, self.instrument, self.day, self.seed = config, instrument, day, seed
        self.source = SourceProfile(name="simulated", depth_levels=10, has_aggressor=True,
                                    has_local_time=True)
        self._kernel = MarketKernel(
            seed=(seed + day.toordinal() * 0x9E3779B97F4A7C15) % 2**64,
            times_ns=session_times_ns(config, day),
            prices_ticks=_price_limits(config, instrument),
            rates=config.base_rates_per_s,
            jumps=tuple(value * decay for row, decay in
                        zip(config.branching, config.decays_per_s, strict=True) for value in row),
            decays=config.decays_per_s,
            activity=activity_by_minute(config),
            placement=_placement(config),
            sizes=(_size_law(config.limit_size_mean_lots, config.limit_size_tail),
                   _size_law(config.market_size_mean_lots, config.market_size_tail),
                   _size_law(config.gap_size_mean_lots, config.limit_size_tail)),
            limits=(config.max_order_lots, config.market_reach_levels),
            gap=(config.gap_fill_rate_per_s, config.gap_follow_probability),
            auction=(config.auction_orders_per_s, config.auction_price_sd_ticks),
            depth=(config.depth_mean_lots, config.depth_log_sd),
            latency=_latency_law(config),
        )

    def next_events(self, max_events: int) -> EventArray:
        """The next whole packets.

        Parameters
        ----------
        max_events : int
            At most so many records; a packet that is longer by itself (a snapshot) comes alone.

        Returns
        -------
        numpy.ndarray of EVENT_DTYPE
            Empty at the end of the session. However the stream is cut, its bytes are the same.

        Raises
        ------
        ValueError
            If ``max_events`` is below 1.
        """
        if max_events < 1:
            raise ValueError(f"max_events must be 1 or more, was {max_events}")
        first = self._kernel.next_packet_size()
        if first == 0:
            return np.empty(0, EVENT_DTYPE)
        events = np.empty(max(max_events, first), EVENT_DTYPE)
        return events[:self._kernel.fill(events)]


def session_times_ns(config: SimulationConfig, day: date) -> tuple[int, int, int, int]:
    """UTC ns of the pre-open, the open, the closing call and the close of a session.

    Examples
    --------
    >>> opened = session_times_ns(SimulationConfig(), date(1970, 1, 1))[1]
    >>> opened == 12 * 3600 * 10**9
    True
    """
    midnight = datetime.combine(day, time(), UTC) - timedelta(minutes=config.utc_offset_minutes)
    base_ns = (midnight - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1) * 1000
    pre_open, opening, call, close = (
        base_ns + _microseconds(hour) * 1000 for hour in
        (config.pre_open_at, config.open_at, config.closing_call_at, config.close_at))
    if config.session_minutes is not None:
        moved = opening + round(config.session_minutes * 60e9)
        call, close = moved, moved + close - call
    return pre_open, opening, call, close


def activity_by_minute(config: SimulationConfig) -> NDArray[np.float64]:
    """Multiplier of the base rates in each minute of continuous trading, from the open on."""
    start = _microseconds(config.open_at)
    opening, call = session_times_ns(config, date(1970, 1, 1))[1:3]
    minutes = -(-(call - opening) // 60_000_000_000)
    times = [_microseconds(hour) for hour, _ in config.activity]
    values = [value for _, value in config.activity]
    result = np.empty(minutes)
    for minute in range(minutes):
        now = start + minute * 60_000_000
        after = sum(1 for moment in times if moment <= now)
        if after in (0, len(times)):
            result[minute] = values[max(after - 1, 0)]
        else:
            share = (now - times[after - 1]) / (times[after] - times[after - 1])
            result[minute] = values[after - 1] + share * (values[after] - values[after - 1])
    return result


def _microseconds(hour: time) -> int:
    return ((hour.hour * 60 + hour.minute) * 60 + hour.second) * 1_000_000 + hour.microsecond


def _price_limits(config: SimulationConfig, instrument: Instrument) -> tuple[int, int, int]:
    start = instrument.to_ticks(config.start_price_points)
    if abs(instrument.to_points(start) - config.start_price_points) > 1e-9 * instrument.tick_size:
        raise ConfigError(f"simulation.start_price_points must lie on {instrument.symbol}'s grid of"
                          f" {instrument.tick_size:g} points, was {config.start_price_points:g}")
    room = int(start * config.price_limit_fraction)
    if not 10 <= room <= 200_000:
        raise ConfigError("simulation.price_limit_fraction must leave 10 to 200000 ticks on each "
                          f"side of the start price, left {room}")
    return start - room, start, start + room


def _placement(config: SimulationConfig) -> tuple[float, ...]:
    # Cumulative chance of the offsets; the last is 1 whatever the rounding.
    weight, reached = 1.0, [1.0]
    for _ in range(config.placement_levels - 1):
        weight *= config.placement_ratio
        reached.append(reached[-1] + weight)
    return (*(value / reached[-1] for value in reached[:-1]), 1.0)


def _latency_law(config: SimulationConfig) -> tuple[float, float]:
    # Median in ns and the standard deviation of the logarithm.
    if config.latency_median_ms == 0.0:
        return 0.0, 0.0
    ratio = config.latency_p99_ms / config.latency_median_ms
    return config.latency_median_ms * 1e6, log(ratio) / _NORMAL_P99


def _size_law(mean_lots: float, tail: float) -> tuple[float, float]:
    # 1 + floor(Lomax): the floor takes half a lot off the mean, near enough.
    return max(mean_lots - 0.5, 0.0) * (tail - 1.0) if mean_lots > 1.0 else 0.0, 1.0 / tail
