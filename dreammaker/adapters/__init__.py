"""Feeds: where the records of the loop come from."""

from dreammaker.adapters.feeds import LogFeed, SegmentFeed, SimulatedFeed

__all__ = ["LogFeed", "SegmentFeed", "SimulatedFeed"]
