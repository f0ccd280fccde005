"""The one simulated venue: latency, a book, a queue rule, fills."""

from dreammaker.exchange.config import ExchangeConfig
from dreammaker.exchange.latency import ConstantLatency
from dreammaker.exchange.venue import SimulatedVenue

__all__ = ["ConstantLatency", "ExchangeConfig", "SimulatedVenue"]
