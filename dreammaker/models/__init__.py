"""Models in the loop: until trained ones exist, one honest baseline, its policy and its voters."""

from dreammaker.models.baseline import LinearFlowBaseline, ThresholdPolicy
from dreammaker.models.config import ModelConfig
from dreammaker.models.voters import build_voters

__all__ = ["LinearFlowBaseline", "ModelConfig", "ThresholdPolicy", "build_voters"]
