"""Limits, the gate every order passes, the risk state, and position sizing. Risk fails closed."""

from dreammaker.risk.config import RiskConfig
from dreammaker.risk.gate import RiskGate
from dreammaker.risk.portfolio import Portfolio
from dreammaker.risk.sizing import Sizing
from dreammaker.risk.state import ALLOWED, TradingState

__all__ = ["ALLOWED", "Portfolio", "RiskConfig", "RiskGate", "Sizing", "TradingState"]
