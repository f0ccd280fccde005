"""What decides in a session: a predictor, its policy and the voters, from config or given."""

from dataclasses import dataclass, field

from dreammaker.assembly.config import SystemConfig
from dreammaker.domain.source import SourceProfile
from dreammaker.engine.ports import Policy, Predictor, Quoter, Voter
from dreammaker.features.config import FEATURE_NAMES
from dreammaker.models import LinearFlowBaseline, ThresholdPolicy, build_voters


@dataclass(slots=True)
class ModelSet:
    """Predictor, policy and voters of one session.

    Parameters
    ----------
    predictor : Predictor
    policy : Policy
    voters : list of Voter
    quoter : Quoter, optional
        A quoting policy: takes the place of all three (``agents.quoting``).
    foreign : dict of str to str
        What the configuration does not describe (objects given by the caller, state carried over
        from an earlier day), for the session's header; empty = everything follows from the config.
    """

    predictor: Predictor
    policy: Policy
    voters: list[Voter]
    quoter: Quoter | None = None
    foreign: dict[str, str] = field(default_factory=dict)

    @classmethod
    def from_config(cls, config: SystemConfig, source: SourceProfile) -> "ModelSet":
        """The models that a configuration names, new."""
        return cls(LinearFlowBaseline(config.model, source, FEATURE_NAMES),
                   ThresholdPolicy(config.model), build_voters(config.model, FEATURE_NAMES))
