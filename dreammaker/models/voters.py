"""Filters that vote on a proposal. Each looks at one thing and abstains where it cannot see it."""

from dreammaker.engine.decisions import Ballot, Proposal, Vote
from dreammaker.engine.market import MarketView
from dreammaker.engine.ports import Voter
from dreammaker.models.config import ModelConfig


class SpreadVoter:
    """Against a spread wider than ``max_spread_ticks``, otherwise for.

    Examples
    --------
    >>> from dreammaker.domain.instrument import Instrument
    >>> market = MarketView(Instrument.win(), 27)
    >>> market.book_ok, market.bid_ticks, market.ask_ticks = True, 20_000, 20_003
    >>> SpreadVoter(2).vote(Proposal(1, 1.0, 5.0), market).ballot.name
    'AGAINST'
    """

    name = "spread"

    def __init__(self, max_spread_ticks: int) -> None:
        self.max_spread_ticks = max_spread_ticks

    def vote(self, proposal: Proposal, market: MarketView) -> Vote:
        """Vote by the present spread; abstain without a two-sided market."""
        if not market.book_ok:
            return Vote(Ballot.ABSTAIN)
        spread = market.ask_ticks - market.bid_ticks
        ballot = Ballot.FOR if spread <= self.max_spread_ticks else Ballot.AGAINST
        return Vote(ballot, float(spread))


class FlowVoter:
    """For the side on which the last ten seconds' aggressors stood, against the other.

    Examples
    --------
    >>> from dreammaker.domain.instrument import Instrument
    >>> market = MarketView(Instrument.win(), 27)
    >>> market.trade_flow_10s = -40
    >>> FlowVoter().vote(Proposal(1, 1.0, 5.0), market).ballot.name
    'AGAINST'
    """

    name = "flow"

    def vote(self, proposal: Proposal, market: MarketView) -> Vote:
        """Vote by signed volume; abstain at zero."""
        agreement = proposal.side * market.trade_flow_10s
        if agreement == 0:
            return Vote(Ballot.ABSTAIN)
        return Vote(Ballot.FOR if agreement > 0 else Ballot.AGAINST, float(market.trade_flow_10s))


class VelocityVoter:
    """Against entering a move of more than ``limit_ticks`` in the last second: it is too late.

    Examples
    --------
    >>> from dreammaker.domain.instrument import Instrument
    >>> market = MarketView(Instrument.win(), 27)
    >>> VelocityVoter(0, 8.0).vote(Proposal(1, 1.0, 5.0), market).ballot.name
    'ABSTAIN'
    """

    name = "velocity"

    def __init__(self, column: int, limit_ticks: float) -> None:
        self._column, self._limit = column, limit_ticks

    def vote(self, proposal: Proposal, market: MarketView) -> Vote:
        """Vote by the mid's change over a second; abstain where it is not known."""
        velocity = float(market.features[self._column])
        if velocity != velocity:
            return Vote(Ballot.ABSTAIN)
        late = proposal.side * velocity > self._limit
        return Vote(Ballot.AGAINST if late else Ballot.FOR, velocity)


def build_voters(config: ModelConfig, feature_names: tuple[str, ...]) -> list[Voter]:
    """Voters in the order of the config."""
    made: dict[str, Voter] = {
        "spread": SpreadVoter(config.max_spread_ticks),
        "flow": FlowVoter(),
        "velocity": VelocityVoter(feature_names.index("price_velocity"),
                                  4.0 * config.max_spread_ticks),
    }
    return [made[name] for name in config.voters]
