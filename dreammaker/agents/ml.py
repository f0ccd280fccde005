"""The ML agent: runs the model given by config and proposes what to hold."""

import logging

from dreammaker.agents.base import Agent
from dreammaker.agents.notes import say
from dreammaker.engine.clock import LoopClock
from dreammaker.engine.market import MarketView
from dreammaker.engine.messages import Capability, Message, MessageType, Topic
from dreammaker.engine.ports import Policy, Predictor
from dreammaker.ledger import Ledger


class MLAgent(Agent):
    """Predicts on each decision row and turns the prediction into a proposal."""

    def __init__(self, clock: LoopClock, predictor: Predictor, policy: Policy, ledger: Ledger
                 ) -> None:
        super().__init__("ml", clock, Capability.PREDICT)
        self.predictor, self.policy, self.ledger = predictor, policy, ledger
        self._standing_down = ""
        self.on(Topic.DECISION_ROW, self._row)

    def _row(self, message: Message) -> None:
        market: MarketView = message.payload
        prediction = self.predictor.predict(market)
        self._note_stand_down(getattr(self.predictor, "stand_down", ""))
        proposal = self.policy.propose(prediction, self.ledger.position.lots, self.clock.now_ns)
        self.send(MessageType.DATA, Topic.PROPOSAL, Capability.COORDINATE, proposal)

    def _note_stand_down(self, reason: str) -> None:
        # One line when it begins and one when it ends; the shares in between change all the time.
        if bool(reason) != bool(self._standing_down):
            say(logging.WARNING, "the model stands down" if reason else "the model is back",
                self.clock.now_ns, why=reason or self._standing_down)
        self._standing_down = reason
