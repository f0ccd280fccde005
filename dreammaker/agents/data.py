"""The data agent: takes record batches, counts them, and finds the session's phases in them."""

from dataclasses import dataclass

from dreammaker._ext.batch import scan
from dreammaker.agents.base import Agent
from dreammaker.domain.schema import EventArray, Phase
from dreammaker.engine.clock import LoopClock
from dreammaker.engine.loop import PhaseChange
from dreammaker.engine.messages import Capability, Message, MessageType, Topic


@dataclass(slots=True)
class DataCounts:
    """What went through."""

    events: int = 0
    packets: int = 0
    gaps: int = 0
    trades: int = 0


class DataAgent(Agent):
    """Feeds the feature agent, and tells the coordinator of phases, in time order."""

    def __init__(self, clock: LoopClock) -> None:
        super().__init__("data", clock, Capability.INGEST)
        self.counts = DataCounts()
        self.on(Topic.EVENT_BATCH, self._batch)

    def _batch(self, message: Message) -> None:
        events: EventArray = message.payload
        packets, trades, gaps, phases = scan(events)
        counts = self.counts
        counts.events += len(events)
        counts.packets += packets
        counts.gaps += gaps
        counts.trades += trades
        if phases:
            self.send(MessageType.STATUS, Topic.PHASE, Capability.COORDINATE,
                      [PhaseChange(time_ns, index, Phase(code))
                       for time_ns, index, code in phases])
        self.send(MessageType.DATA, Topic.EVENT_BATCH, Capability.COMPUTE_FEATURES, events)
