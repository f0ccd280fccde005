"""How orders are priced, how long they are left to work, and how large ones are split."""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

Style = Literal["market", "far_touch", "near_touch"]
AlgorithmName = Literal["immediate", "twap", "vwap", "pov", "almgren_chriss", "adaptive",
                        "iceberg"]
Leftover = Literal["cross", "give_up"]

_Lots = Annotated[int, Field(ge=1, le=1_000_000)]
_Seconds = Annotated[float, Field(gt=0, le=86_400)]
_Milliseconds = Annotated[float, Field(ge=1, le=3_600_000)]
_Share = Annotated[float, Field(ge=0, le=1)]
_Jitter = Annotated[float, Field(ge=0, lt=1)]
_Positive = Annotated[float, Field(gt=0, le=1e12)]
_NotNegative = Annotated[float, Field(ge=0, le=1e12)]


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class ExecutionConfig:
    """Order tactics and execution algorithms.

    Parameters
    ----------
    entry_style, exit_style : {"market", "far_touch", "near_touch"}
        ``market`` takes what there is. ``far_touch`` is a limit ``far_touch_ticks`` beyond the
        opposite best price whose remainder is cancelled after ``far_touch_ms``. ``near_touch``
        joins our own side's best price and is cancelled after ``near_touch_ms``.
    far_touch_ticks : int
    far_touch_ms, near_touch_ms : float
    order_lots : int
        Position of a full-size proposal.
    algorithm : str
        How entries are worked; ``immediate`` sends one order. Exits are always immediate.
    schedule_from_lots : int
        Smaller entries are immediate whatever the algorithm.
    horizon_s, slice_s : float
        Time a parent order may take, and length of its slices.
    size_jitter, time_jitter : float
        In [0, 1): by how much the slices' sizes and beginnings are drawn at random.
    urgency : float
        In [0, 1]: 0 waits patiently through a whole slice, 1 crosses at once; between, what is
        missing crosses when 1 - urgency of the slice's time has passed.
    participation_limit : float
        In (0, 1]: our share of all volume is at most this; 1 = no limit.
    max_child_lots : int
        Largest single order of a parent.
    max_resting_children : int
        Patient orders at a time.
    price_limit_ticks : int
        No child is priced further than this beyond the arrival's opposite best price; 0 = no limit.
    leftover : {"cross", "give_up"}
        What happens to the rest in the last ``finish_s``.
    finish_s : float
    review_ms, reprice_ms : float
        A parent is looked at so often at least; a patient child follows the touch so often at most.
    max_refusals : int
        Denied or rejected children in a row, with doubling pauses, after which a parent is given
        up.
    pov_rate : float
        In (0, 1): our share of all volume.
    pov_behind_lots : int
        Lots behind the volume that are waited for patiently.
    risk_aversion : float
        Almgren and Chriss's lambda, per point and lot: cost of a lot's variance.
    temporary_impact, permanent_impact : float
        Points per (lot per second), and points per lot.
    reference_volatility : float
        Points per square root of a second, where the live one is not known.
    fill_rate : float
        Lots a second that a patient order at the touch is taken to get (adaptive).
    adverse_ticks : float
        What the mid moves against a patient fill, ticks (adaptive).
    terminal_penalty : float
        Points per lot and lot left at the end (adaptive).
    peak_lots : int
        What an iceberg shows.
    peak_jitter : float
        In [0, 1): by how much each peak is drawn at random.
    volume_curve : list of [class, shares]
        Of VWAP: expected volume in even buckets from the open, by class of day ("all", "mon",
        "us_dst", "mon_us_dst", ...), as ``execution.volume_curve`` learns it.
    volume_bucket_minutes : int
    """

    entry_style: Style = "far_touch"
    exit_style: Style = "far_touch"
    far_touch_ticks: Annotated[int, Field(ge=0, le=1000)] = 2
    far_touch_ms: Annotated[float, Field(gt=0, le=3_600_000)] = 250.0
    near_touch_ms: Annotated[float, Field(gt=0, le=3_600_000)] = 5_000.0
    order_lots: Annotated[int, Field(ge=1, le=100_000)] = 1
    algorithm: AlgorithmName = "immediate"
    schedule_from_lots: _Lots = 2
    horizon_s: _Seconds = 300.0
    slice_s: _Seconds = 10.0
    size_jitter: _Jitter = 0.2
    time_jitter: _Jitter = 0.3
    urgency: _Share = 0.3
    participation_limit: Annotated[float, Field(gt=0, le=1)] = 1.0
    max_child_lots: _Lots = 50
    max_resting_children: Annotated[int, Field(ge=1, le=10)] = 2
    price_limit_ticks: Annotated[int, Field(ge=0, le=100_000)] = 0
    leftover: Leftover = "cross"
    finish_s: _Seconds = 5.0
    review_ms: _Milliseconds = 500.0
    reprice_ms: _Milliseconds = 1_000.0
    max_refusals: Annotated[int, Field(ge=1, le=20)] = 8
    pov_rate: Annotated[float, Field(gt=0, lt=1)] = 0.05
    pov_behind_lots: _Lots = 10
    risk_aversion: _NotNegative = 0.000001
    temporary_impact: _Positive = 0.5
    permanent_impact: _NotNegative = 0.0
    reference_volatility: _NotNegative = 5.0
    fill_rate: _NotNegative = 1.0
    adverse_ticks: _NotNegative = 0.3
    terminal_penalty: _NotNegative = 1.0
    peak_lots: _Lots = 5
    peak_jitter: _Jitter = 0.3
    volume_curve: tuple[tuple[str, tuple[float, ...]], ...] = ()
    volume_bucket_minutes: Annotated[int, Field(ge=1, le=1440)] = 15

    def __post_init__(self) -> None:
        if self.algorithm == "vwap":
            from dreammaker.execution.volume_curve import VolumeCurve

            # Fails here, with one sentence, rather than in the middle of a session.
            VolumeCurve(self.volume_bucket_minutes, dict(self.volume_curve))
        if self.finish_s >= self.horizon_s:
            raise ValueError(f"finish_s must be below horizon_s ({self.horizon_s:g}), "
                             f"was {self.finish_s:g}")
        if self.slice_s > self.horizon_s:
            raise ValueError(f"slice_s must not be above horizon_s ({self.horizon_s:g}), "
                             f"was {self.slice_s:g}")
        net = self.temporary_impact - 0.5 * self.permanent_impact * self.slice_s
        if self.algorithm == "almgren_chriss" and net <= 0.0:
            raise ValueError("temporary_impact must be above permanent_impact x slice_s / 2 = "
                             f"{0.5 * self.permanent_impact * self.slice_s:g}, "
                             f"was {self.temporary_impact:g}")
