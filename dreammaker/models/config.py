"""Which model decides, and how its scores become positions."""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

DecisionClockName = Literal[
    "time", "cusum", "tick", "volume", "dollar", "tick_imbalance", "volume_imbalance",
    "dollar_imbalance", "tick_run", "volume_run", "dollar_run"]
VoterName = Literal["spread", "flow", "velocity"]


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class ModelConfig:
    """The model in the loop.

    Parameters
    ----------
    name : {"linear_flow"}
        The baseline; see ``models.baseline``.
    bundle : str
        Folder of a trained model (``models.bundle``), which takes the baseline's place with its
        own thresholds and voters; empty = the baseline.
    bundle_key_file : str
        File whose bytes are the key that the bundle must be signed with; empty = no key.
    bundle_label : str
        The label rule that the bundle must have been trained on, by its hash; empty = any.
    trade_untradable : bool
        Trade real money with a model that the gate has not passed. Every such session is journalled
        as overridden, and its report says so.
    decision_clock : {"time", "cusum", "tick", "volume", "dollar", ..., "dollar_run"}
        What says when to decide: "time" every decision_interval_s; "cusum" once the price has moved
        by decision_move_points (see ``features.cusum_clock``); otherwise the end of each bar of
        that kind (see ``features.bar_rules``).
    decision_interval_s : float
        "time" decides on, and "cusum" looks at, the first feature row of every interval.
    decision_move_points : float
        Rise or fall of the mid price that "cusum" waits for.
    decision_bar_size : float
        Prints, lots or currency of a bar; for imbalance and run bars the prints that a bar is
        expected to have at first.
    weight_ofi, weight_imbalance : float
        Weights of the normalised order-flow imbalance and of the book imbalance in the score.
    scale_half_life_decisions : float
        Memory of the scale by which flow is normalised.
    entry_threshold, exit_threshold : float
        Open at a score beyond the first, close when the score is back within the second.
    min_hold_s : float
        Keep a position at least this long unless the score turns to the other side's entry.
    voters : list of {"spread", "flow", "velocity"}
        Filters that vote on a proposal; none only beside a bundle whose meta-model or members
        vote.
    max_spread_ticks : int
        The spread filter votes against above this.
    consensus : float
        Share of positive votes that acts.

    Examples
    --------
    >>> ModelConfig(decision_clock="volume", decision_bar_size=500).voters
    ('spread', 'flow', 'velocity')
    """

    name: Literal["linear_flow"] = "linear_flow"
    bundle: str = ""
    bundle_key_file: str = ""
    bundle_label: Annotated[str, Field(pattern=r"^([0-9a-f]{16})?$")] = ""
    trade_untradable: bool = False
    decision_clock: DecisionClockName = "time"
    decision_interval_s: Annotated[float, Field(ge=0.001, le=3600)] = 1.0
    decision_move_points: Annotated[float, Field(gt=0, le=1e9)] = 50.0
    decision_bar_size: Annotated[float, Field(gt=0, le=1e15)] = 1000.0
    weight_ofi: Annotated[float, Field(ge=0, le=100)] = 1.0
    weight_imbalance: Annotated[float, Field(ge=0, le=100)] = 0.5
    scale_half_life_decisions: Annotated[float, Field(ge=1, le=1e6)] = 600.0
    entry_threshold: Annotated[float, Field(gt=0, le=1e6)] = 4.0
    exit_threshold: Annotated[float, Field(ge=0, le=1e6)] = 0.5
    min_hold_s: Annotated[float, Field(ge=0, le=86_400)] = 30.0
    voters: tuple[VoterName, ...] = ("spread", "flow", "velocity")
    max_spread_ticks: Annotated[int, Field(ge=1, le=1_000_000)] = 2
    consensus: Annotated[float, Field(gt=0, le=1)] = 0.6

    def __post_init__(self) -> None:
        if self.exit_threshold >= self.entry_threshold:
            raise ValueError(
                f"exit_threshold must be below entry_threshold ({self.entry_threshold:g}), "
                f"was {self.exit_threshold:g}")
        if self.decision_clock == "tick" and not self.decision_bar_size.is_integer():
            raise ValueError("decision_bar_size must be a whole number of prints for the tick "
                             f"clock, was {self.decision_bar_size:g}")
        if len(set(self.voters)) != len(self.voters):
            raise ValueError("voters must not repeat")
