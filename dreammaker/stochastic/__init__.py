"""Stochastic models: prices, impact, spreads, optimal execution and optimal quotes.

Time is in any one unit that a caller keeps to; prices are in points, quantities in lots, and a
rate's unit follows. What is random takes a generator.
"""

from dreammaker.stochastic.almgren_chriss import AlmgrenChriss, Trajectory
from dreammaker.stochastic.avellaneda_stoikov import (
    AvellanedaStoikov,
    MakerRun,
    Quotes,
    simulate_maker,
)
from dreammaker.stochastic.fill_intensity import (
    FillIntensity,
    fit_fill_intensity,
    fit_trade_reach,
)
from dreammaker.stochastic.glft import Glft, GlftQuotes, passive_quotes
from dreammaker.stochastic.hjb import (
    LiquidationControl,
    LiquidationSolution,
    liquidation_cost,
    solve_liquidation,
)
from dreammaker.stochastic.impact import (
    ImpactFit,
    ImpactModel,
    PowerLawImpact,
    ScheduleCost,
    fit_power_law,
    split_impact,
    square_root_impact,
)
from dreammaker.stochastic.ito_formula import ItoCheck, SmoothFunction, check_ito_formula
from dreammaker.stochastic.liquidation import OptimalLiquidation, trading_cost
from dreammaker.stochastic.lots import LotSchedule, optimal_lots
from dreammaker.stochastic.processes import (
    ConvergenceOrder,
    ItoProcess,
    brownian_increments,
    gbm_estimate,
    gbm_moments,
    gbm_paths,
    strong_order,
)
from dreammaker.stochastic.spreads import (
    SpreadDecomposition,
    SpreadSummary,
    decompose_spreads,
    spread_components,
)
from dreammaker.stochastic.standing import StandingQuotes, standing_quotes

__all__ = [
    "AlmgrenChriss",
    "AvellanedaStoikov",
    "ConvergenceOrder",
    "FillIntensity",
    "Glft",
    "GlftQuotes",
    "ImpactFit",
    "ImpactModel",
    "ItoCheck",
    "ItoProcess",
    "LiquidationControl",
    "LiquidationSolution",
    "LotSchedule",
    "MakerRun",
    "OptimalLiquidation",
    "PowerLawImpact",
    "Quotes",
    "ScheduleCost",
    "SmoothFunction",
    "SpreadDecomposition",
    "SpreadSummary",
    "StandingQuotes",
    "Trajectory",
    "brownian_increments",
    "check_ito_formula",
    "decompose_spreads",
    "fit_fill_intensity",
    "fit_power_law",
    "fit_trade_reach",
    "gbm_estimate",
    "gbm_moments",
    "gbm_paths",
    "liquidation_cost",
    "optimal_lots",
    "passive_quotes",
    "simulate_maker",
    "solve_liquidation",
    "split_impact",
    "spread_components",
    "square_root_impact",
    "standing_quotes",
    "strong_order",
    "trading_cost",
]
