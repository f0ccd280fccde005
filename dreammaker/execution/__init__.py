"""How a target position becomes orders: tactics, schedules, algorithms, and what they cost."""

from dreammaker.execution.config import ExecutionConfig
from dreammaker.execution.costs import CostLog, ExecutionCost, cost_columns, cost_of_fills
from dreammaker.execution.parent import ParentOrder, ParentState
from dreammaker.execution.tactics import OrderPlan, plan_order

__all__ = ["CostLog", "ExecutionConfig", "ExecutionCost", "OrderPlan", "ParentOrder",
           "ParentState", "cost_columns", "cost_of_fills", "plan_order"]
