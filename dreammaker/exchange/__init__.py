"""The one simulated venue: what it can do, latency, a book, queues, fills."""

from dreammaker.exchange.config import ExchangeConfig
from dreammaker.exchange.latency import ConstantLatency
from dreammaker.exchange.profile import VenueProfile, profile_named
from dreammaker.exchange.venue import SimulatedVenue

__all__ = ["ConstantLatency", "ExchangeConfig", "SimulatedVenue", "VenueProfile", "profile_named"]
