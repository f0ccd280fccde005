"""What decides in a session: a predictor, its policy and the voters, from config or given."""

from dataclasses import dataclass, field
from pathlib import Path

from dreammaker.assembly.config import SystemConfig
from dreammaker.domain.errors import StoreError
from dreammaker.domain.instrument import Instrument
from dreammaker.domain.source import SourceProfile
from dreammaker.engine.ports import Policy, Predictor, Quoter, Voter
from dreammaker.features.config import FEATURE_NAMES
from dreammaker.models import LinearFlowBaseline, ThresholdPolicy, build_voters
from dreammaker.models.bundle import ModelBundle
from dreammaker.models.bundle_predictor import BundlePolicy, BundlePredictor, bundle_voters
from dreammaker.models.decision_clock import sampler_of


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
    trained : ModelBundle, optional
        The trained model that decides, where one does.
    foreign : dict of str to str
        What the configuration does not describe (objects given by the caller, state carried over
        from an earlier day), for the session's header; empty = everything follows from the config.
    """

    predictor: Predictor
    policy: Policy
    voters: list[Voter]
    quoter: Quoter | None = None
    trained: ModelBundle | None = None
    foreign: dict[str, str] = field(default_factory=dict)

    @classmethod
    def from_config(cls, config: SystemConfig, source: SourceProfile,
                    instrument: Instrument | None = None) -> "ModelSet":
        """The models that a configuration names, new.

        Raises
        ------
        StoreError
            If a bundle is damaged, or was trained for anything else than this session.
        """
        voters = build_voters(config.model, FEATURE_NAMES)
        bundle = read_bundle(config)
        if bundle is None:
            return cls(LinearFlowBaseline(config.model, source, FEATURE_NAMES),
                       ThresholdPolicy(config.model), voters)
        bundle.require(features=config.features, sampler=sampler_of(config.model),
                       tick_size=instrument.tick_size if instrument is not None else None,
                       label=config.model.bundle_label)
        predictor = BundlePredictor(bundle)
        return cls(predictor, BundlePolicy(bundle, config.model),
                   [*voters, *bundle_voters(predictor)], trained=bundle)

    @property
    def bundle(self) -> str:
        """Content hash of the trained model; empty = none decides."""
        return self.trained.content if self.trained is not None else ""


def read_bundle(config: SystemConfig) -> ModelBundle | None:
    """The bundle that a configuration names, verified; None where it names none."""
    if not config.model.bundle:
        return None
    return ModelBundle.load(Path(config.model.bundle), bundle_key(config))


def bundle_key(config: SystemConfig) -> bytes | None:
    """The key that a configuration has bundles signed with, None where it names none.

    Raises
    ------
    StoreError
        If its file cannot be read or is empty.
    """
    if not config.model.bundle_key_file:
        return None
    path = Path(config.model.bundle_key_file)
    try:
        key = path.read_bytes().strip()
    except OSError as error:
        raise StoreError(f"model.bundle_key_file: {path} cannot be read: {error.strerror}"
                         ) from error
    if not key:
        raise StoreError(f"model.bundle_key_file: {path} is empty")
    return key
