"""Backtests: the live loop over recorded or generated days, sweeps, walk-forward, stored results.

>>> from dreammaker.backtest import Backtest
>>> Backtest({"simulation": {"session_minutes": 2.0}}).run().summary["days"]
1

pandas is imported when a DataFrame is asked for, never before.
"""

import logging

from dreammaker.backtest.days import DayPlan, DaySpan, DaySpec
from dreammaker.backtest.result import BacktestResult
from dreammaker.backtest.retrain import Refit, Retrainer, Retraining
from dreammaker.backtest.runner import Backtest, Progress
from dreammaker.backtest.statistics import Trials

__all__ = ["Backtest", "BacktestResult", "DayPlan", "DaySpan", "DaySpec", "Progress", "Refit",
           "Retrainer", "Retraining", "Trials"]

# Whoever wants a session's warnings sets logging up; a sweep of many days does not print them.
logging.getLogger("dreammaker").addHandler(logging.NullHandler())
