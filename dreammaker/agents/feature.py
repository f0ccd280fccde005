"""The feature agent: turns record batches into feature rows with the pipeline kernel."""

from dreammaker.agents.base import Agent
from dreammaker.domain.instrument import Instrument
from dreammaker.domain.source import SourceProfile
from dreammaker.engine.clock import LoopClock
from dreammaker.engine.messages import Capability, Message, MessageType, Topic
from dreammaker.features.config import FeatureConfig
from dreammaker.features.pipeline import FeaturePipeline, FeatureRows


class FeatureError(Exception):
    """The kernel found structural damage in the records."""


class FeatureAgent(Agent):
    """Owns the pipeline and the rows of the open batch.

    Parameters
    ----------
    config : FeatureConfig
    instrument : Instrument
    source : SourceProfile
    batch_events : int
        Largest batch.
    """

    def __init__(self, clock: LoopClock, config: FeatureConfig, instrument: Instrument,
                 source: SourceProfile, batch_events: int) -> None:
        super().__init__("feature", clock, Capability.COMPUTE_FEATURES)
        self.config, self.instrument, self.source = config, instrument, source
        self.rows = FeatureRows(batch_events)
        self.pipeline = FeaturePipeline(config, instrument, source)
        self.on(Topic.EVENT_BATCH, self._batch)

    def recover(self) -> None:
        """Begin again with an empty pipeline: every feature is NaN until it is full again."""
        self.pipeline = FeaturePipeline(self.config, self.instrument, self.source)

    def _batch(self, message: Message) -> None:
        self.pipeline.process(message.payload, self.rows)
        self.send(MessageType.DATA, Topic.FEATURE_ROWS, Capability.COORDINATE, self.rows)
        fault = self.pipeline.fault
        if fault is not None:
            # The rows before the damage count; the agent fails when they have been decided on.
            self.send(MessageType.ERROR, Topic.FAILURE, Capability.COORDINATE,
                      (self.name, FeatureError(f"record {fault[0]} of the batch: {fault[2]}")))
