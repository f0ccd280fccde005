"""Makes the configured algorithm for a parent order."""

import datetime

import numpy as np

from dreammaker.domain.instrument import Instrument
from dreammaker.engine.clock import NS_PER_S
from dreammaker.execution.adaptive import AdaptiveAlgorithm, AdaptiveTables
from dreammaker.execution.algorithms import (
    Algorithm,
    FollowAlgorithm,
    IcebergAlgorithm,
    slice_count,
    sliced,
)
from dreammaker.execution.config import ExecutionConfig
from dreammaker.execution.parent import ParentOrder
from dreammaker.execution.volume_curve import VolumeCurve


class AlgorithmFactory:
    """Holds what algorithms share between parents: tables and the volume curve.

    Parameters
    ----------
    config : ExecutionConfig
    instrument : Instrument

    Examples
    --------
    >>> config = ExecutionConfig(algorithm="twap", size_jitter=0.0, time_jitter=0.0)
    >>> factory = AlgorithmFactory(config, Instrument.win())
    >>> parent = ParentOrder(1, 1, 103, 0, 50 * NS_PER_S, "twap")
    >>> work = factory.make(parent, None, 5.0, np.random.default_rng(1))
    >>> [work.due_lots(t * 10 * NS_PER_S) for t in range(5)]
    [21, 41, 62, 82, 103]
    """

    def __init__(self, config: ExecutionConfig, instrument: Instrument) -> None:
        self.config = config
        self.tables = AdaptiveTables(config, instrument.tick_size)
        self.curve = (VolumeCurve(config.volume_bucket_minutes, dict(config.volume_curve))
                      if config.volume_curve else None)

    def prepare(self) -> None:
        """Do beforehand what takes long (the adaptive tables), so that the loop need not wait."""
        if self.config.algorithm == "adaptive":
            self.tables.prepare(self.config.order_lots)

    def make(self, parent: ParentOrder, open_ns: int | None, volatility: float,
             rng: np.random.Generator) -> Algorithm:
        """The algorithm a parent names.

        Parameters
        ----------
        parent : ParentOrder
        open_ns : int or None
            The session's open: where the volume curve begins. Not known: even weights.
        volatility : float
            Points per square root of a second, NaN = not known (the reference is taken).
        rng : numpy.random.Generator
            The parent's own.

        Raises
        ------
        ValueError
            If the name is not known.
        """
        config, name = self.config, parent.algorithm
        if name in ("twap", "vwap", "almgren_chriss"):
            sigma = volatility if volatility == volatility else config.reference_volatility
            return sliced(parent, config, self._weights(parent, open_ns), sigma, rng)
        if name == "pov":
            return FollowAlgorithm(parent, config.pov_rate, config.pov_behind_lots,
                                   config.max_child_lots, config.max_resting_children)
        if name == "adaptive":
            self.tables.prepare(parent.lots)
            return AdaptiveAlgorithm(parent, self.tables)
        if name == "iceberg":
            return IcebergAlgorithm(parent, config.peak_lots, config.peak_jitter, rng)
        raise ValueError(f"algorithm {name!r} is not known")

    def _weights(self, parent: ParentOrder, open_ns: int | None) -> list[float]:
        count = slice_count(parent, self.config)
        if self.curve is None or open_ns is None or parent.start_ns < open_ns:
            return [1.0] * count
        day = (datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
               + datetime.timedelta(seconds=open_ns // NS_PER_S)).date()
        return self.curve.weights(day, open_ns, parent.start_ns, parent.end_ns, count)
