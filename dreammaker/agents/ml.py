"""The ML agent: runs the model given by config and proposes what to hold."""

from dreammaker.agents.base import Agent
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
        self.on(Topic.DECISION_ROW, self._row)

    def _row(self, message: Message) -> None:
        market: MarketView = message.payload
        prediction = self.predictor.predict(market)
        proposal = self.policy.propose(prediction, self.ledger.position.lots, self.clock.now_ns)
        self.send(MessageType.DATA, Topic.PROPOSAL, Capability.COORDINATE, proposal)
