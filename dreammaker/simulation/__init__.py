"""The generated market: a seeded session of mutually exciting order flow on a book."""

from dreammaker.simulation.config import SimulationConfig
from dreammaker.simulation.market import SimulatedMarket

__all__ = ["SimulatedMarket", "SimulationConfig"]
