"""The baseline model, its policy and its voters."""

import math

import numpy as np
import pytest

from dreammaker.domain.instrument import Instrument
from dreammaker.domain.source import SourceProfile
from dreammaker.engine.clock import NS_PER_S
from dreammaker.engine.decisions import Ballot, Prediction, Proposal
from dreammaker.engine.market import MarketView
from dreammaker.features.config import FEATURE_NAMES
from dreammaker.models import LinearFlowBaseline, ModelConfig, ThresholdPolicy, build_voters

NAN = float("nan")
CONFIG = ModelConfig(weight_ofi=2.0, weight_imbalance=0.5, entry_threshold=2.0,
                     max_spread_ticks=2)


def market(*, trade_flow: int = 0, **features: float) -> MarketView:
    view = MarketView(Instrument.win(), len(FEATURE_NAMES))
    for name, value in features.items():
        view.features[FEATURE_NAMES.index(name)] = value
    view.trade_flow_10s = trade_flow
    view.bid_ticks, view.ask_ticks, view.book_ok = 100, 101, True
    return view


def model(depth: int) -> LinearFlowBaseline:
    return LinearFlowBaseline(CONFIG, SourceProfile("t", depth, has_aggressor=True), FEATURE_NAMES)


@pytest.mark.parametrize(("depth", "flow"), [
    (10, "ofi_5"), (5, "ofi_5"), (1, "ofi_1"), (0, "signed_volume")])
def test_flow_when_source_shows_less_then_what_it_shows(depth: int, flow: str) -> None:
    baseline = model(depth)
    assert baseline.flow == flow

    def view(value: float) -> MarketView:
        return (market(trade_flow=int(value)) if flow == "signed_volume"
                else market(**{flow: value}))

    scores = [baseline.predict(view(10.0)).score for _ in range(40)]
    assert all(map(math.isnan, scores[:30])) and not any(map(math.isnan, scores[30:]))
    # A flow of the usual size scores its weight; the imbalance is not known and left out.
    assert scores[30] == pytest.approx(2.0)
    assert baseline.predict(view(-30.0)).score == pytest.approx(-6.0)
    assert baseline.predict(view(-30.0)).confidence == 1.0


def test_score_when_imbalance_is_known_then_counted() -> None:
    baseline = model(5)
    for _ in range(31):
        baseline.predict(market(ofi_5=10.0))
    assert baseline.predict(market(ofi_5=10.0, book_imbalance=-0.5)).score == pytest.approx(1.75)


def test_score_when_flow_is_unknown_then_unknown_and_scale_is_kept() -> None:
    baseline = model(5)
    for _ in range(31):
        baseline.predict(market(ofi_5=10.0))
    assert math.isnan(baseline.predict(market(book_imbalance=1.0)).score)
    assert baseline.predict(market(ofi_5=10.0)).score == pytest.approx(2.0)


def test_score_when_there_was_never_any_flow_then_unknown() -> None:
    baseline = model(0)
    assert all(math.isnan(baseline.predict(market()).score) for _ in range(50))


POLICY = ModelConfig(entry_threshold=2.0, exit_threshold=0.5, min_hold_s=10.0)


@pytest.mark.parametrize(("score", "lots", "expected"), [
    (2.0, 0, (1, 1.0, False)), (-2.0, 0, (-1, 1.0, False)), (1.99, 0, (0, 0.0, True)),
    (NAN, 0, (0, 0.0, True)), (NAN, 1, (0, 0.0, False)),
    (2.0, 1, (1, 1.0, True)), (-2.0, 1, (-1, 1.0, False)), (1.0, 1, (1, 0.0, True)),
    (0.5, 1, (1, 0.0, True)), (0.4, 1, (1, 0.0, True)), (-1.0, -1, (-1, 0.0, True)),
])
def test_policy_when_just_entered_then_by_thresholds(
        score: float, lots: int, expected: tuple[int, float, bool]) -> None:
    proposal = ThresholdPolicy(POLICY).propose(Prediction(score, 1.0), lots, 0)
    assert (proposal.side, proposal.size, proposal.hold) == expected


@pytest.mark.parametrize(("score", "closes"), [
    (0.49, True), (0.5, False), (-0.5, True), (-1.9, True), (1.0, False)])
@pytest.mark.parametrize("side", [1, -1])
def test_policy_when_held_long_enough_then_closes_within_or_turned(
        side: int, score: float, closes: bool) -> None:
    policy = ThresholdPolicy(POLICY)
    policy.propose(Prediction(side * 2.0, 1.0), side, 0)
    early = policy.propose(Prediction(side * score, 1.0), side, 10 * NS_PER_S - 1)
    assert early.hold
    late = policy.propose(Prediction(side * score, 1.0), side, 10 * NS_PER_S)
    assert late.hold is not closes and (not closes or late.side == 0)


def test_policy_when_position_turned_then_holding_time_begins_again() -> None:
    policy = ThresholdPolicy(POLICY)
    policy.propose(Prediction(2.0, 1.0), 1, 0)
    policy.propose(Prediction(-2.0, 1.0), -1, 9 * NS_PER_S)
    assert policy.propose(Prediction(0.0, 1.0), -1, 12 * NS_PER_S).hold
    assert not policy.propose(Prediction(0.0, 1.0), -1, 19 * NS_PER_S).hold


UP, DOWN = Proposal(1, 1.0, 3.0), Proposal(-1, 1.0, -3.0)


def ballots(view: MarketView, proposal: Proposal) -> list[Ballot]:
    return [voter.vote(proposal, view).ballot for voter in build_voters(CONFIG, FEATURE_NAMES)]


def test_voters_when_all_is_known_then_spread_flow_and_velocity() -> None:
    view = market(trade_flow=5, price_velocity=8.0)
    assert ballots(view, UP) == [Ballot.FOR, Ballot.FOR, Ballot.FOR]
    assert ballots(view, DOWN) == [Ballot.FOR, Ballot.AGAINST, Ballot.FOR]
    late = market(trade_flow=5, price_velocity=8.5)
    late.ask_ticks = 103
    assert ballots(late, UP) == [Ballot.AGAINST, Ballot.FOR, Ballot.AGAINST]


def test_voters_when_nothing_is_known_then_abstain() -> None:
    view = market()
    view.book_ok = False
    assert np.isnan(view.features).all()
    assert ballots(view, UP) == [Ballot.ABSTAIN] * 3
