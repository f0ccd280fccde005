"""Limits, the gate every order passes, and position sizing. Risk fails closed."""

from dreammaker.risk.config import RiskConfig
from dreammaker.risk.gate import RiskGate, TradingState

__all__ = ["RiskConfig", "RiskGate", "TradingState"]
