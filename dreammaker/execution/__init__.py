"""How a target position becomes orders."""

from dreammaker.execution.config import ExecutionConfig
from dreammaker.execution.tactics import OrderPlan, plan_order

__all__ = ["ExecutionConfig", "OrderPlan", "plan_order"]
