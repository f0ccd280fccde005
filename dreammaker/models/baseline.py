"""The baseline: a linear order-flow signal with thresholds. It is honest, not clever.

With depth, the score is ``weight_ofi * ofi_5 / scale + weight_imbalance * book_imbalance``, the
scale being the exponentially weighted mean of ``|ofi_5|`` over past decisions. Without sizes at
the touch, ten seconds of signed volume take the place of the order-flow imbalance and the book
imbalance drops out. Contemporaneous flow explains prices far better than it predicts them, so
the baseline is expected to lose its costs: it exercises the loop, and it is what a trained model
has to beat.

Only + - * / is used, so scores have the same bits on every machine.
"""

from typing import Literal

from dreammaker.domain.source import SourceProfile
from dreammaker.engine.clock import NS_PER_S
from dreammaker.engine.decisions import Prediction, Proposal
from dreammaker.engine.market import MarketView
from dreammaker.models.config import ModelConfig

_WARM_DECISIONS = 30

Flow = Literal["ofi_5", "ofi_1", "signed_volume"]


class LinearFlowBaseline:
    """Scores the present row (see the module's text).

    Parameters
    ----------
    config : ModelConfig
    source : SourceProfile
        Decides which flow is used: ``ofi_5`` with five levels, ``ofi_1`` with sizes at the touch,
        signed volume otherwise.
    feature_names : tuple of str
        Names of the columns of ``MarketView.features``.

    Examples
    --------
    >>> from dreammaker.domain.instrument import Instrument
    >>> from dreammaker.features.config import FEATURE_NAMES
    >>> baseline = LinearFlowBaseline(ModelConfig(), SourceProfile("file", 5, True), FEATURE_NAMES)
    >>> market = MarketView(Instrument.win(), 27)
    >>> baseline.flow, baseline.predict(market).confidence
    ('ofi_5', 0.0)
    """

    name = "linear_flow"

    def __init__(
        self, config: ModelConfig, source: SourceProfile, feature_names: tuple[str, ...]
    ) -> None:
        self.config = config
        self.flow: Flow = ("ofi_5" if source.depth_levels >= 5 else
                           "ofi_1" if source.depth_levels >= 1 else "signed_volume")
        self._flow_column = None if self.flow == "signed_volume" else feature_names.index(self.flow)
        self._imbalance_column = feature_names.index("book_imbalance")
        # The decay of a half-life h is 2^(-1/h); 1 - ln2/h is that to first order, without libm.
        self._decay = 1.0 - min(0.693147180559945 / config.scale_half_life_decisions, 0.5)
        self._scale = 0.0
        self._seen = 0

    def predict(self, market: MarketView) -> Prediction:
        """Score the present row; NaN until the flow's scale is known."""
        if self._flow_column is None:
            flow = float(market.trade_flow_10s)
        else:
            flow = float(market.features[self._flow_column])
        if flow != flow:
            return Prediction(float("nan"), 0.0)
        scale = self._scale
        size = flow if flow >= 0 else -flow
        self._seen += 1
        self._scale = (size if self._seen == 1 else
                       self._decay * scale + (1.0 - self._decay) * size)
        if self._seen <= _WARM_DECISIONS or scale <= 0.0:
            return Prediction(float("nan"), 0.0)
        score = self.config.weight_ofi * flow / scale
        imbalance = float(market.features[self._imbalance_column])
        if imbalance == imbalance:
            score += self.config.weight_imbalance * imbalance
        strength = (score if score >= 0 else -score) / (2.0 * self.config.entry_threshold)
        return Prediction(score, min(strength, 1.0))


class ThresholdPolicy:
    """Opens beyond the entry threshold, closes within the exit threshold, holds between.

    A score that cannot be given closes what is open: nothing is held on an unknown signal.

    Examples
    --------
    >>> policy = ThresholdPolicy(ModelConfig(entry_threshold=4.0))
    >>> policy.propose(Prediction(5.0, 1.0), 0, 0)
    Proposal(side=1, size=1.0, score=5.0, hold=False)
    """

    def __init__(self, config: ModelConfig) -> None:
        self.config = config
        self._held_since_ns: int | None = None
        self._held_side = 0

    def propose(self, prediction: Prediction, position_lots: int, now_ns: int) -> Proposal:
        """What to hold from here on.

        Parameters
        ----------
        position_lots : int
            What we hold.
        now_ns : int
            Loop time.
        """
        side = (position_lots > 0) - (position_lots < 0)
        if side != self._held_side:
            self._held_side, self._held_since_ns = side, now_ns if side else None
        score = prediction.score
        if score != score:
            return Proposal(0, 0.0, score, hold=side == 0)
        wanted = (score >= self.config.entry_threshold) - (score <= -self.config.entry_threshold)
        if wanted:
            return Proposal(wanted, 1.0, score, hold=wanted == side)
        within = -self.config.exit_threshold < score * side < self.config.exit_threshold
        turned = score * side < 0
        if side and (within or turned) and self._held_long_enough(now_ns):
            return Proposal(0, 0.0, score)
        return Proposal(side, 0.0, score, hold=True)

    def _held_long_enough(self, now_ns: int) -> bool:
        since = self._held_since_ns
        return since is None or now_ns - since >= round(self.config.min_hold_s * NS_PER_S)
