"""Whether a result may be believed: figures with intervals, splits without leaks, overfitting.

Nothing here imports more than NumPy, the standard library and a kernel: pandas objects are taken
as they come, and the splitters follow scikit-learn's protocol without it.
"""

from dreammaker.validation.bootstrap import Estimate, bootstrap
from dreammaker.validation.deflation import (
    deflated_sharpe_ratio,
    expected_maximum_sharpe,
    independent_trials,
    minimum_backtest_length,
    minimum_track_record_length,
    probabilistic_sharpe_ratio,
)
from dreammaker.validation.overfitting import (
    BacktestOverfitting,
    probability_of_backtest_overfitting,
)
from dreammaker.validation.performance import (
    Performance,
    calmar_ratio,
    hit_ratio,
    longest_time_under_water,
    max_drawdown,
    performance,
    profit_factor,
    relative_drawdown,
    sortino_ratio,
    time_under_water,
    turnover,
)
from dreammaker.validation.sharpe import (
    SharpeEstimate,
    annualisation_factor,
    estimate_sharpe,
    sharpe_ratio,
    sharpe_standard_error,
)
from dreammaker.validation.splits import CombinatorialPurgedCV, PurgedKFold, WalkForward

__all__ = ["BacktestOverfitting", "CombinatorialPurgedCV", "Estimate", "Performance",
           "PurgedKFold", "SharpeEstimate", "WalkForward", "annualisation_factor",
           "bootstrap", "calmar_ratio", "deflated_sharpe_ratio", "estimate_sharpe",
           "expected_maximum_sharpe", "hit_ratio", "independent_trials",
           "longest_time_under_water", "max_drawdown", "minimum_backtest_length",
           "minimum_track_record_length", "performance", "probabilistic_sharpe_ratio",
           "probability_of_backtest_overfitting", "profit_factor", "relative_drawdown",
           "sharpe_ratio", "sharpe_standard_error", "sortino_ratio", "time_under_water",
           "turnover"]
