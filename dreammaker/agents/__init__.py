"""The agents and their coordinator, stepped by the tick loop in one fixed order."""

from dreammaker.agents.base import Agent, AgentMetrics, AgentState
from dreammaker.agents.coordinator import Coordinator
from dreammaker.agents.data import DataAgent
from dreammaker.agents.execution import ExecutionAgent
from dreammaker.agents.feature import FeatureAgent
from dreammaker.agents.ml import MLAgent
from dreammaker.agents.quoting import QuotingAgent
from dreammaker.agents.risk import RiskAgent

__all__ = ["Agent", "AgentMetrics", "AgentState", "Coordinator", "DataAgent", "ExecutionAgent",
           "FeatureAgent", "MLAgent", "QuotingAgent", "RiskAgent"]
