"""Parameters of the simulated market, each with its unit and its bounds."""

from dataclasses import fields
from datetime import time
from itertools import pairwise

import numpy as np
from pydantic import ConfigDict
from pydantic.dataclasses import dataclass

from dreammaker.domain.errors import ConfigError

FLOWS = ("limit_buy", "limit_sell", "market_buy", "market_sell", "cancel_bid", "cancel_ask")
"""The components of the order flow, in the order of every 6-tuple here."""

Rates = tuple[float, float, float, float, float, float]


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class SimulationConfig:
    """Everything the simulated market can be told.

    Six kinds of orders arrive as a mutually exciting Hawkes process with exponential kernels:
    ``rate_i(t) = base_i activity(t) + sum over past events of j of branching_ij decay_i
    exp(-decay_i (t - t_j))``, in events a second (alpha = branching x decay).

    Parameters
    ----------
    pre_open_at, open_at, closing_call_at, close_at : datetime.time
        Phases of the session in local time: the opening auction collects orders, continuous
        trading, the closing auction, the end.
    utc_offset_minutes : int
        Local time minus UTC.
    session_minutes : float, optional
        Length of continuous trading; the closing call and the close move with it. None keeps
        ``closing_call_at``.
    start_price_points : float
        Reference price of the opening auction.
    price_limit_fraction : float
        No order is accepted further from the start price.
    base_rates_per_s : tuple of 6 floats
        Base rates at activity 1, in the order of ``FLOWS``.
    branching : 6 x 6 tuple
        ``branching[i][j]``: mean number of events of kind i that one event of kind j triggers
        directly. Its spectral radius must be below 1, else the market explodes.
    decays_per_s : tuple of 6 floats
        How fast the excitation of each kind fades.
    activity : tuple of (datetime.time, float)
        Multiplier of the base rates: linear between the points, constant beyond them, taken at
        the start of each minute.
    gap_fill_rate_per_s : float
        Extra rate of limit orders while the spread is wider than one tick.
    gap_follow_probability : float
        Chance that such an order comes from the side that emptied the other's queue, so that the
        price moves on; else the emptied price is quoted again.
    limit_size_mean_lots, market_size_mean_lots, gap_size_mean_lots : float
        About the mean size of an order (the last: of one that fills a gap).
    limit_size_tail, market_size_tail : float
        Tail exponent: P(size > x) falls like ``x ** -tail``.
    max_order_lots : int
        Largest order.
    market_reach_levels : int
        Prices a market order may walk; what is left then is cancelled.
    depth_mean_lots : float
        Mean lots of a level that comes into view, and the depth at which cancellations are of the
        size of orders (they grow with the queue).
    depth_log_sd : float
        Its log-normal spread.
    placement_levels : int
        Levels a side, from the best one, at which orders arrive and are cancelled.
    placement_ratio : float
        Chance of a level over that of the level before it.
    auction_orders_per_s, auction_price_sd_ticks : float
        Orders in the two auctions, around the reference price.
    latency_median_ms, latency_p99_ms : float
        Log-normal delay from exchange to local time, one draw a packet.

    Raises
    ------
    ConfigError
        Names the parameter, the rule and the value. (A value of a wrong type, or an unknown
        parameter, is pydantic's ``ValidationError``.)

    Examples
    --------
    >>> round(SimulationConfig().spectral_radius, 2)
    0.74
    """

    pre_open_at: time = time(8, 55)
    open_at: time = time(9, 0)
    closing_call_at: time = time(18, 25)
    close_at: time = time(18, 30)
    utc_offset_minutes: int = -180
    session_minutes: float | None = None
    start_price_points: float = 130_000.0
    price_limit_fraction: float = 0.10
    base_rates_per_s: Rates = (4.0, 4.0, 1.0, 1.0, 2.4, 2.4)
    branching: tuple[Rates, Rates, Rates, Rates, Rates, Rates] = (
        (0.30, 0.08, 0.20, 0.10, 0.10, 0.15),
        (0.08, 0.30, 0.10, 0.20, 0.15, 0.10),
        (0.03, 0.01, 0.50, 0.02, 0.02, 0.06),
        (0.01, 0.03, 0.02, 0.50, 0.06, 0.02),
        (0.18, 0.08, 0.03, 0.10, 0.25, 0.10),
        (0.08, 0.18, 0.10, 0.03, 0.10, 0.25),
    )
    decays_per_s: Rates = (12.0, 12.0, 2.0, 2.0, 15.0, 15.0)
    activity: tuple[tuple[time, float], ...] = (
        (time(9, 0), 1.7), (time(9, 30), 1.1), (time(9, 59), 1.0), (time(10, 0), 2.0),
        (time(10, 30), 1.5), (time(11, 30), 1.0), (time(13, 0), 0.6), (time(14, 30), 0.8),
        (time(16, 0), 1.1), (time(16, 55), 1.6), (time(17, 30), 1.2), (time(18, 25), 1.3),
    )
    gap_fill_rate_per_s: float = 300.0
    gap_follow_probability: float = 0.85
    limit_size_mean_lots: float = 8.0
    limit_size_tail: float = 2.5
    market_size_mean_lots: float = 12.0
    market_size_tail: float = 2.2
    gap_size_mean_lots: float = 60.0
    max_order_lots: int = 2000
    market_reach_levels: int = 10
    depth_mean_lots: float = 120.0
    depth_log_sd: float = 0.35
    placement_levels: int = 20
    placement_ratio: float = 0.85
    auction_orders_per_s: float = 4.0
    auction_price_sd_ticks: float = 6.0
    latency_median_ms: float = 2.0
    latency_p99_ms: float = 10.0

    def __post_init__(self) -> None:
        self._check_bounds()
        self._check_flow()
        self._check_hours()

    def _check_bounds(self) -> None:
        for name, (low, high, low_open, high_open) in _BOUNDS.items():
            value = getattr(self, name)
            if (value is None) or (low < value < high) or (
                    value == low and not low_open) or (value == high and not high_open):
                continue
            span = f"{'(' if low_open else '['}{low:g}, {high:g}{')' if high_open else ']'}"
            raise ConfigError(f"simulation.{name} must be in {span}, was {value!r}")
        if self.latency_p99_ms < self.latency_median_ms:
            raise ConfigError("simulation.latency_p99_ms must not be below latency_median_ms, was "
                              f"{self.latency_p99_ms} < {self.latency_median_ms}")
        if self.latency_median_ms == 0.0 < self.latency_p99_ms:
            raise ConfigError("simulation.latency_median_ms must be above 0 where latency_p99_ms "
                              f"is, was 0 with {self.latency_p99_ms}")

    def _check_flow(self) -> None:
        for name in ("base_rates_per_s", "decays_per_s"):
            for flow, value in zip(FLOWS, getattr(self, name), strict=True):
                if not 0.0 < value <= 1e6:
                    raise ConfigError(
                        f"simulation.{name} must be in (0, 1e+06], was {value!r} for {flow}")
        for target, row in zip(FLOWS, self.branching, strict=True):
            for source, value in zip(FLOWS, row, strict=True):
                if not 0.0 <= value < np.inf:
                    raise ConfigError("simulation.branching must be finite and 0 or more, was "
                                      f"{value!r} for {target} from {source}")
        if not self.spectral_radius < 1.0:
            raise ConfigError("simulation.branching must have a spectral radius below 1 (each "
                              "event would trigger a growing cascade), was "
                              f"{self.spectral_radius:.6g}")

    def _check_hours(self) -> None:
        hours = (self.pre_open_at, self.open_at, self.closing_call_at, self.close_at)
        if any(hour.tzinfo is not None for hour in hours):
            raise ConfigError("simulation hours must be local times without a time zone")
        if not hours[0] <= hours[1] < hours[2] <= hours[3]:
            raise ConfigError("simulation hours must rise: pre_open_at <= open_at < closing_call_at"
                              f" <= close_at, were {', '.join(str(hour) for hour in hours)}")
        points = self.activity
        if not points or any(later[0] <= earlier[0]
                             for earlier, later in pairwise(points)):
            raise ConfigError("simulation.activity must hold at least one point, at rising times")
        for hour, value in points:
            if not 0.0 < value <= 1e3:
                raise ConfigError(f"simulation.activity must be in (0, 1000], was {value!r} at "
                                  f"{hour}")

    @property
    def spectral_radius(self) -> float:
        """Largest absolute eigenvalue of ``branching``; the flow is stable below 1."""
        return float(np.abs(np.linalg.eigvals(np.array(self.branching))).max())

    @property
    def mean_rates_per_s(self) -> Rates:
        """Mean rates of the flow at activity 1 without gap filling: ``(I - G)^-1 base``."""
        rates = np.linalg.solve(np.eye(len(FLOWS)) - np.array(self.branching),
                                np.array(self.base_rates_per_s))
        first, second, third, fourth, fifth, sixth = (float(rate) for rate in rates)
        return first, second, third, fourth, fifth, sixth


_BOUNDS: dict[str, tuple[float, float, bool, bool]] = {
    # name: (low, high, low excluded, high excluded)
    "utc_offset_minutes": (-840, 840, False, False),
    "session_minutes": (0, 1440, True, False),
    "start_price_points": (0, 1e9, True, False),
    "price_limit_fraction": (0, 0.5, True, False),
    "gap_fill_rate_per_s": (0, 1e6, True, False),
    "gap_follow_probability": (0, 1, False, False),
    "limit_size_mean_lots": (1, 1e4, False, False),
    "market_size_mean_lots": (1, 1e4, False, False),
    "gap_size_mean_lots": (1, 1e4, False, False),
    "limit_size_tail": (1, 100, True, False),
    "market_size_tail": (1, 100, True, False),
    "max_order_lots": (1, 1_000_000, False, False),
    "market_reach_levels": (1, 32, False, False),
    "depth_mean_lots": (1, 1e6, False, False),
    "depth_log_sd": (0, 3, False, False),
    "placement_levels": (10, 64, False, False),
    "placement_ratio": (0, 1, True, False),
    "auction_orders_per_s": (0, 1e4, False, False),
    "auction_price_sd_ticks": (0, 1e3, False, False),
    "latency_median_ms": (0, 1e5, False, False),
    "latency_p99_ms": (0, 1e5, False, False),
}
assert set(_BOUNDS) <= {field.name for field in fields(SimulationConfig)}
