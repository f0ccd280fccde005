"""A bundle in the loop: scores by hand, standing down, sizes and votes."""

import math
from dataclasses import replace

import numpy as np
import pytest

from dreammaker._ext.model_view import RowView, Watch
from dreammaker.domain.instrument import Instrument
from dreammaker.engine.decisions import Ballot, Prediction, Proposal
from dreammaker.engine.market import MarketView
from dreammaker.features.config import FEATURE_NAMES
from dreammaker.models.bundle import InputStatistics, LiveRules
from dreammaker.models.bundle_predictor import BundlePolicy, BundlePredictor, bundle_voters
from dreammaker.models.bundle_view import BundleView
from dreammaker.models.combination import Combination
from dreammaker.models.config import ModelConfig
from dreammaker.models.sizing import bet_size, break_even_price, calibrate_width, erf
from dreammaker.models.view import MODEL_FEATURES, model_view
from tests.unit.bundle_scenes import feature_rows, make_bundle


@pytest.fixture(scope="module")
def rows():
    return feature_rows(np.random.default_rng(7))


@pytest.fixture(scope="module")
def bundle(rows):
    return make_bundle(rows, rows[:, 3] + rows[:, 7] > 0.0)


def market_at(row, event_count=1) -> MarketView:
    market = MarketView(Instrument.win(), 27)
    market.features[:] = row
    market.event_count = event_count
    return market


def test_view_when_applied_then_no_price_level_is_left(rows) -> None:
    view = BundleView.full(5.0)
    X = view.matrix(rows)
    assert view.inputs == MODEL_FEATURES and "mid_price" not in view.inputs
    assert np.array_equal(X[:, 0], (rows[:, 1] - rows[:, 0]) / 5.0)
    assert np.array_equal(X[:, 1], (rows[:, 2] - rows[:, 0]) / 5.0)
    assert np.array_equal(X[:, 2:], rows[:, 3:], equal_nan=True)
    assert np.array_equal(X, model_view(rows, 5.0), equal_nan=True)
    moved = rows.copy()
    moved[:, :3] += 8192.0
    assert np.allclose(view.matrix(moved), X, rtol=0, atol=1e-9, equal_nan=True)
    single = np.empty(26)
    view.kernel().row(rows[3], single)
    assert np.array_equal(single, X[3], equal_nan=True)


def test_predictor_when_asked_then_the_soft_vote_of_its_members(rows, bundle) -> None:
    predictor = BundlePredictor(bundle)
    X = bundle.view.matrix(rows)
    members = [member.trees.predict_proba(X) for member in bundle.members]
    meta = bundle.meta
    sizes = set()
    for index in range(80):
        score, size = predictor.predict(market_at(rows[index], index))
        expected = (members[0][index] + members[1][index]) / 2.0
        assert score == expected[1] - expected[0]
        inputs = np.concatenate([X[index], [score, math.copysign(1.0, score)]])
        p = meta.calibration.apply(meta.member.trees.predict(inputs[None])[0])
        assert predictor.meta_probability == p
        assert size == (bet_size(p) if p >= meta.threshold else 0.0)
        assert predictor.member_scores == [m[index, 1] - m[index, 0] for m in members]
        sizes.add(size)
    assert len(sizes) > 5


def test_stacked_members_when_asked_then_the_logistic_of_their_probabilities(rows) -> None:
    stack = Combination("stack", (), ((0.5, 1.5, -0.25, 2.0),), (-1.0,))
    bundle = make_bundle(rows, rows[:, 3] > 0, combination=stack, meta=False)
    score, size = BundlePredictor(bundle).predict(market_at(rows[0]))
    members = [m.trees.predict_proba(bundle.view.matrix(rows[:1]))[0] for m in bundle.members]
    z = -1.0 + np.dot(stack.coefficients[0], np.concatenate(members))
    assert score == pytest.approx(2 / (1 + math.exp(-z)) - 1, abs=1e-14)
    assert size == 1.0
    softmax = Combination("stack", (), ((1.0, 0.0), (0.0, 1.0), (1.0, 1.0)), (0.0, 0.0, 0.1))
    found = softmax.combine([[0.25, 0.75]])
    weights = np.exp([0.25, 0.75, 1.1])
    assert np.allclose(found, weights / weights.sum(), atol=1e-15)


def test_predictor_when_a_feature_disappears_then_stands_down_until_it_is_back(rows, bundle
                                                                              ) -> None:
    predictor = BundlePredictor(bundle)
    column = FEATURE_NAMES.index("book_imbalance")
    for index in range(20):
        predictor.predict(market_at(rows[index]))
        assert predictor.stand_down == ""
    gone = []
    for index in range(60):
        row = rows[index].copy()
        row[column] = np.nan
        score, size = predictor.predict(market_at(row))
        gone.append(score != score)
        assert not gone[-1] or (size == 0.0 and all(map(math.isnan, predictor.member_scores)))
    # 1 - (59/60)^n passes a quarter at n = 18.
    assert gone == [n >= 18 for n in range(1, 61)]
    assert predictor.stand_down.startswith("book_imbalance is missing in 6")
    assert predictor.stand_down.endswith("of decisions, in training it was in 0 %")
    scores = [predictor.predict(market_at(row))[0] for row in rows[:120]]
    assert math.isnan(scores[0]) and not math.isnan(scores[-1])


SECOND = 1_000_000_000


def opened(rows, days=2, late="rsi_14", wait=120):
    """Two training days, a row a second, of which one input is missing at the beginning."""
    made = rows[: len(rows) // days * days].copy()
    day = np.repeat(np.arange(days), len(made) // days)
    age = np.tile(np.arange(len(made) // days), days)
    made[age < wait, FEATURE_NAMES.index(late)] = np.nan
    return made, (age + day * 86_400) * SECOND, day


def stands_down(predictor, rows, start_ns, event_count=0) -> list[bool]:
    found = []
    for index, row in enumerate(rows):
        market = market_at(row, event_count + index)
        market.row_time_ns = start_ns + index * SECOND
        predictor.predict(market)
        found.append(bool(predictor.stand_down))
    return found


def test_predictor_when_windows_fill_at_the_open_as_in_training_then_goes_on(rows, bundle) -> None:
    made, t_ns, day = opened(rows)
    X = bundle.view.matrix(made)
    statistics = InputStatistics.of(X, t_ns, day, 820e9)
    late = bundle.view.inputs.index("rsi_14")
    assert statistics.opening_s[late] == 360.0 and sum(statistics.opening_s) == 360.0
    assert InputStatistics.of(X, t_ns, day, 200e9).opening_s[late] == 200.0
    assert InputStatistics.of(X, t_ns, day, 1e9).opening_s[late] == 120.0
    assert InputStatistics.of(X).opening_s == (0.0,) * 26
    strict, patient = (BundlePredictor(replace(bundle, statistics=each)) for each in (
        InputStatistics.of(X), statistics))
    today = made[:300]
    assert any(stands_down(strict, today, 10**18)[:120])
    assert not any(stands_down(patient, today, 10**18))
    # The next day's session opens as well, whether the count of records starts again or not.
    assert not any(stands_down(patient, today, 10**18 + 86_400 * SECOND))
    assert not any(stands_down(patient, today, 10**18 + 2 * 86_400 * SECOND, 10**6))


def test_predictor_when_an_input_stays_away_longer_than_windows_take_then_stands_down(
        rows, bundle) -> None:
    made, t_ns, day = opened(rows)
    statistics = InputStatistics.of(bundle.view.matrix(made), t_ns, day, 820e9)
    never, lost, other = made[:300].copy(), made[:300].copy(), made[:300].copy()
    never = np.concatenate([never, never])
    never[:, FEATURE_NAMES.index("rsi_14")] = np.nan
    lost[150:, FEATURE_NAMES.index("rsi_14")] = np.nan
    other[:, FEATURE_NAMES.index("book_imbalance")] = np.nan
    # The share begins at 0.4, that of training, and passes 0.65 after 33 rows.
    for missing, first in ((never, 360 + 32), (lost, None), (other, 17)):
        predictor = BundlePredictor(replace(bundle, statistics=statistics))
        found = stands_down(predictor, missing, 10**18)
        if first is None:
            first = found.index(True)
            assert 150 < first < 150 + 90
        assert found.index(True) == first and all(found[first:])


def test_predictor_when_a_feature_drifts_then_stands_down_with_its_range(rows, bundle) -> None:
    predictor = BundlePredictor(bundle)
    for index in range(40):
        row = rows[index].copy()
        row[3] += 50.0
        score = predictor.predict(market_at(row))[0]
        assert math.isnan(score) == (index >= 17)
    assert "ofi_1 lies outside -" in predictor.stand_down
    assert "its range in training, in 4" in predictor.stand_down


def test_predictor_when_kyle_is_missing_as_often_as_in_training_then_goes_on(rows, bundle) -> None:
    predictor = BundlePredictor(bundle)
    assert not any(math.isnan(predictor.predict(market_at(row))[0]) for row in rows)


def test_policy_when_bets_have_sizes_then_proposals_have_them() -> None:
    rows = feature_rows(np.random.default_rng(1), 100)
    policy = BundlePolicy(make_bundle(rows, rows[:, 3] > 0, members=("lightgbm",),
                                      rules=LiveRules(0.2, 0.05, 0.0)), ModelConfig())
    assert policy.propose(Prediction(0.3, 0.4), 0, 0) == Proposal(1, 0.4, 0.3)
    assert policy.propose(Prediction(-0.3, 1.0), 0, 1) == Proposal(-1, 1.0, -0.3)
    assert policy.propose(Prediction(0.3, 0.0), 0, 2) == Proposal(0, 0.0, 0.3, hold=True)
    assert policy.propose(Prediction(0.3, 0.0), -1, 3) == Proposal(0, 0.0, 0.3)
    assert policy.propose(Prediction(0.01, 1.0), 1, 4) == Proposal(0, 0.0, 0.01)
    assert policy.propose(Prediction(0.1, 1.0), 1, 5).hold
    found = policy.propose(Prediction(float("nan"), 0.0), 1, 6)
    assert (found.side, found.hold) == (0, False)


def test_voters_when_the_row_is_the_predictors_then_vote(rows, bundle) -> None:
    predictor = BundlePredictor(bundle)
    voters = bundle_voters(predictor)
    assert [voter.name for voter in voters] == ["meta", "lightgbm", "forest"]
    market = market_at(rows[0], 5)
    predictor.predict(market)
    predictor.member_scores, predictor.meta_probability = [0.4, -0.2], 0.7
    long, short = Proposal(1, 1.0, 0.1), Proposal(-1, 1.0, -0.1)
    assert [voter.vote(long, market).ballot for voter in voters] == [
        Ballot.FOR, Ballot.FOR, Ballot.AGAINST]
    assert [voter.vote(short, market).ballot for voter in voters] == [
        Ballot.FOR, Ballot.AGAINST, Ballot.FOR]
    predictor.meta_probability = 0.3
    assert voters[0].vote(long, market).ballot is Ballot.AGAINST
    market.event_count = 6
    assert {voter.vote(long, market).ballot for voter in voters} == {Ballot.ABSTAIN}


def test_kernels_when_given_wrong_shapes_then_refused() -> None:
    with pytest.raises(ValueError, match=r"columns must lie in 0\.\.2"):
        RowView(np.array([3]), np.array([0]), 0, 3, 1.0)
    with pytest.raises(ValueError, match="tick_size must be above 0"):
        RowView(np.array([1]), np.array([0]), 0, 3, 0.0)
    with pytest.raises(ValueError, match="contiguous float64 array of 3"):
        RowView(np.array([1]), np.array([0]), 0, 3, 1.0).row(np.zeros(2), np.zeros(1))
    with pytest.raises(ValueError, match="rows must have 3 features"):
        RowView(np.array([1]), np.array([0]), 0, 3, 1.0).rows(np.zeros((1, 2)))
    with pytest.raises(ValueError, match="one length"):
        Watch(np.zeros(2), np.zeros(2), np.zeros(1), 60.0, 0.2, 0.2)


def test_bet_sizes_when_compared_with_the_oracles_then_equal() -> None:
    oracle = {0.5: 0.0, 0.55: 0.0800556192, 0.6: 0.1617435136, 0.75: 0.4362971383,
              0.9: 0.8175775605}
    for p, size in oracle.items():
        assert bet_size(p) == pytest.approx(size, abs=1e-10)
    assert bet_size(0.6, classes=3) == pytest.approx(0.4137863189, abs=1e-10)
    assert (bet_size(0.4), bet_size(1.0), bet_size(float("nan"))) == (0.0, 1.0, 0.0)
    assert bet_size(0.75, step=0.1) == pytest.approx(0.4)
    for x in np.linspace(-6.5, 6.5, 2001):
        assert erf(float(x)) == pytest.approx(math.erf(x), rel=5e-16, abs=1e-300)
    with pytest.raises(ValueError, match="probability and step"):
        bet_size(1.5)
    with pytest.raises(ValueError, match="distance not 0"):
        calibrate_width(0.0, 0.5)
    with pytest.raises(ValueError, match="target must differ"):
        break_even_price(1.0, 2.0, 3, 3, 10)
