"""The one simulated venue: what it can do, latency, a book, queues, fills, auctions, fees."""

from dreammaker.exchange.auction import Uncrossing, uncross
from dreammaker.exchange.config import ExchangeConfig, matcher_settings
from dreammaker.exchange.latency import ConstantLatency, DelayedFeed, Latencies
from dreammaker.exchange.profile import IDEAL, VenueProfile, mt5_b3, profile_named
from dreammaker.exchange.venue import SimulatedVenue

__all__ = ["IDEAL", "ConstantLatency", "DelayedFeed", "ExchangeConfig", "Latencies",
           "SimulatedVenue", "Uncrossing", "VenueProfile", "matcher_settings", "mt5_b3",
           "profile_named", "uncross"]
