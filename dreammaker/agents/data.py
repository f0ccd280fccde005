"""The data agent: takes record batches, counts them, and finds the session's phases in them."""

from dataclasses import dataclass

import numpy as np

from dreammaker.agents.base import Agent
from dreammaker.domain.schema import EventArray, Kind, Phase
from dreammaker.engine.clock import LoopClock
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
        kind = events["kind"]
        counts = self.counts
        counts.events += len(events)
        counts.packets += int(np.count_nonzero(events["flags"] & 1))
        counts.gaps += int(np.count_nonzero(kind == Kind.GAP))
        counts.trades += int(np.count_nonzero((kind == Kind.TRADE) | (kind == Kind.ORDER_EXECUTE)))
        phases = [(int(events["local_ns"][index]), Phase(int(events["aux"][index])))
                  for index in np.flatnonzero(kind == Kind.SESSION).tolist()]
        if phases:
            self.send(MessageType.STATUS, Topic.PHASE, Capability.COORDINATE, phases)
        self.send(MessageType.DATA, Topic.EVENT_BATCH, Capability.COMPUTE_FEATURES, events)
