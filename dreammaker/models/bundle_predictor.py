"""A bundle in the loop: predictor, policy and voters."""

from dataclasses import replace

import numpy as np

from dreammaker._ext.model_view import Watch
from dreammaker.engine.decisions import Ballot, Prediction, Proposal, Vote
from dreammaker.engine.market import MarketView
from dreammaker.engine.ports import Voter
from dreammaker.models.baseline import ThresholdPolicy
from dreammaker.models.bundle import META_INPUTS, Member, ModelBundle
from dreammaker.models.config import ModelConfig
from dreammaker.models.sizing import bet_size

_NAN = float("nan")
_BREAK_NS = 3_600_000_000_000
"""Between two decisions: what comes after it is another session."""


class BundlePredictor:
    """Predicts by a bundle's models, and stands down when their inputs are no longer the same.

    The score is P(up) - P(down), the confidence the size of the bet that the meta-model makes of it
    (1 without a meta-model). Where an input has disappeared or drifted out of the range it was
    trained on, the score is NaN and ``stand_down`` says why, until the input is back. What is
    missing because the session has just opened, as it was in training, has not disappeared.

    Parameters
    ----------
    bundle : ModelBundle
        Its fit to the session is the caller's business (``ModelBundle.require``).

    Attributes
    ----------
    stand_down : str
        Why there is no score; empty = there is one.
    member_scores : list of float
        Of the members at the last row.
    meta_probability : float
        That the last row's bet pays; NaN without a meta-model or a side.
    event_count : int
        Of the last row.

    Examples
    --------
    >>> from dreammaker.domain.instrument import Instrument
    >>> from dreammaker.features.config import FEATURE_NAMES, FeatureConfig
    >>> from dreammaker.models.bundle import InputStatistics
    >>> from dreammaker.models.bundle_view import BundleView
    >>> from dreammaker.models.combination import Combination
    >>> from sklearn.ensemble import RandomForestClassifier
    >>> X = [[-0.8], [-0.4], [0.4], [0.8]]
    >>> forest = RandomForestClassifier(9, random_state=1).fit(X, [-1, -1, 1, 1])
    >>> predictor = BundlePredictor(ModelBundle(
    ...     "tiny", (-1, 1), (Member.of("forest", forest),), Combination("soft", (1.0,)),
    ...     BundleView(("book_imbalance",), 5.0), InputStatistics.of(X), FeatureConfig(),
    ...     {"kind": "sign"}, {"clock": "time", "interval_s": 1.0}, {"rows": 4}))
    >>> market = MarketView(Instrument.win(), 27)
    >>> market.features[FEATURE_NAMES.index("book_imbalance")] = 0.6
    >>> predictor.predict(market)
    Prediction(score=1.0, confidence=1.0)
    """

    def __init__(self, bundle: ModelBundle) -> None:
        self.bundle = bundle
        self.name = f"bundle {bundle.name}"
        rules, inputs = bundle.rules, len(bundle.view.inputs)
        statistics = bundle.statistics
        self._view = bundle.view.kernel()
        self._watch = Watch(np.array(statistics.nan_rate), np.array(statistics.low),
                            np.array(statistics.high), rules.window, rules.missing_excess,
                            rules.outside_share, np.array(statistics.opening_s))
        self._inputs = np.empty(inputs)
        self._meta_inputs = np.empty(inputs + len(META_INPUTS))
        self._outputs = [np.empty(member.trees.ensemble.outputs) for member in bundle.members]
        self.stand_down = ""
        self.member_scores = [_NAN] * len(bundle.members)
        self.meta_probability = _NAN
        self.event_count = -1
        self._opened_ns = self._row_ns = 0

    def predict(self, market: MarketView) -> Prediction:
        """Score the present row."""
        age_s = self._age(market)
        self.event_count = market.event_count
        self.meta_probability = _NAN
        self._view.row(market.features, self._inputs)
        self.stand_down = self._reason(self._watch.look(self._inputs, age_s))
        if self.stand_down:
            self.member_scores = [_NAN] * len(self.member_scores)
            return Prediction(_NAN, 0.0)
        members = [self._probabilities(member, out)
                   for member, out in zip(self.bundle.members, self._outputs, strict=True)]
        self.member_scores = [found[-1] - found[0] for found in members]
        combined = self.bundle.combination.combine(members) if len(members) > 1 or (
            self.bundle.combination.kind == "stack") else members[0]
        score = combined[-1] - combined[0]
        return Prediction(score, self._size(score))

    def _age(self, market: MarketView) -> float:
        """Seconds since the session's first decision; a session may follow another one."""
        now_ns, before_ns = market.row_time_ns, self._row_ns
        if market.event_count < self.event_count or now_ns - before_ns > _BREAK_NS:
            self._opened_ns = now_ns
            self._watch.open()
        self._row_ns = now_ns
        return (now_ns - self._opened_ns) / 1e9

    def _probabilities(self, member: Member, out: np.ndarray) -> list[float]:
        member.trees.kernel.row(self._inputs, out)
        found: list[float] = out.tolist()
        return [1.0 - found[0], found[0]] if len(found) == 1 else found

    def _size(self, score: float) -> float:
        meta, side = self.bundle.meta, (score > 0) - (score < 0)
        if meta is None or side == 0:
            return float(side != 0)
        row = self._meta_inputs
        row[:-2] = self._inputs
        row[-2], row[-1] = score, side
        found = meta.calibration.apply(meta.member.trees.kernel.last(row))
        self.meta_probability = found
        return bet_size(found, step=meta.step) if found >= meta.threshold else 0.0

    def _reason(self, code: int) -> str:
        if code == 0:
            return ""
        index = abs(code) - 1
        name, statistics = self.bundle.view.inputs[index], self.bundle.statistics
        if code > 0:
            return (f"{name} is missing in {100 * self._watch.missing[index]:.0f} % of decisions, "
                    f"in training it was in {100 * statistics.nan_rate[index]:.0f} %")
        return (f"{name} lies outside {statistics.low[index]:g} to {statistics.high[index]:g}, its "
                f"range in training, in {100 * self._watch.outside[index]:.0f} % of decisions")


class BundlePolicy:
    """Thresholds of the bundle on the score, and the meta-model's size.

    Parameters
    ----------
    bundle : ModelBundle
    config : ModelConfig
        Of the session; thresholds and holding time are the bundle's.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> from dreammaker.models.bundle import LiveRules
    >>> policy = BundlePolicy(SimpleNamespace(rules=LiveRules(0.2, 0.05)), ModelConfig())
    >>> policy.propose(Prediction(0.3, 0.4), 0, 0)
    Proposal(side=1, size=0.4, score=0.3, hold=False)
    """

    def __init__(self, bundle: ModelBundle, config: ModelConfig) -> None:
        rules = bundle.rules
        self._thresholds = ThresholdPolicy(replace(
            config, entry_threshold=rules.entry, exit_threshold=rules.exit,
            min_hold_s=rules.min_hold_s))

    def propose(self, prediction: Prediction, position_lots: int, now_ns: int) -> Proposal:
        """What to hold from here on; a bet of no size is not opened, but closes the other side."""
        proposal = self._thresholds.propose(prediction, position_lots, now_ns)
        if proposal.hold or proposal.side == 0:
            return proposal
        if prediction.confidence > 0.0:
            return proposal._replace(size=prediction.confidence)
        held = (position_lots > 0) - (position_lots < 0)
        return Proposal(0, 0.0, proposal.score, hold=held == 0)


class MetaVoter:
    """For a bet that the meta-model expects to pay, otherwise against.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> from dreammaker.domain.instrument import Instrument
    >>> seen = SimpleNamespace(meta_probability=0.7, event_count=0)
    >>> market = MarketView(Instrument.win(), 27)
    >>> MetaVoter(seen, 0.55).vote(Proposal(1, 1.0, 0.3), market).ballot.name
    'FOR'
    """

    name = "meta"

    def __init__(self, predictor: BundlePredictor, threshold: float) -> None:
        self._predictor, self._threshold = predictor, threshold

    def vote(self, proposal: Proposal, market: MarketView) -> Vote:
        """Vote by the calibrated probability; abstain where there is none for this row."""
        found = self._predictor.meta_probability
        if found != found or self._predictor.event_count != market.event_count:
            return Vote(Ballot.ABSTAIN)
        return Vote(Ballot.FOR if found >= self._threshold else Ballot.AGAINST, found)


class MemberVoter:
    """One member of the ensemble: for its own side, against the other.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> from dreammaker.domain.instrument import Instrument
    >>> bundle = SimpleNamespace(members=[SimpleNamespace(name="forest")])
    >>> seen = SimpleNamespace(bundle=bundle, member_scores=[-0.2], event_count=0)
    >>> market = MarketView(Instrument.win(), 27)
    >>> MemberVoter(seen, 0).vote(Proposal(1, 1.0, 0.3), market).ballot.name
    'AGAINST'
    """

    def __init__(self, predictor: BundlePredictor, index: int) -> None:
        self._predictor, self._index = predictor, index
        self.name = predictor.bundle.members[index].name

    def vote(self, proposal: Proposal, market: MarketView) -> Vote:
        """Vote by the member's score; abstain at zero or where there is none for this row."""
        score = self._predictor.member_scores[self._index]
        agreement = score * proposal.side
        if agreement != agreement or agreement == 0 or (
                self._predictor.event_count != market.event_count):
            return Vote(Ballot.ABSTAIN)
        return Vote(Ballot.FOR if agreement > 0 else Ballot.AGAINST, score)


def bundle_voters(predictor: BundlePredictor) -> list[Voter]:
    """The meta-model, and the members where there are several."""
    bundle = predictor.bundle
    voters: list[Voter] = []
    if bundle.meta is not None:
        voters.append(MetaVoter(predictor, bundle.meta.threshold))
    if len(bundle.members) > 1:
        voters += [MemberVoter(predictor, index) for index in range(len(bundle.members))]
    return voters
