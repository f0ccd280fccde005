"""Features of a whole log: as a DataFrame, or batch by batch in flat memory."""

from collections.abc import Iterator
from typing import Protocol

import numpy as np
import pandas as pd

from dreammaker.domain.errors import InputError
from dreammaker.domain.instrument import Instrument
from dreammaker.domain.schema import EventArray
from dreammaker.domain.source import SourceProfile
from dreammaker.features.config import FEATURE_NAMES, FeatureConfig
from dreammaker.features.pipeline import FeaturePipeline, FeatureRows

BATCH_EVENTS = 65_536


class MarketLog(Protocol):
    """What is needed of an ``EventLog``."""

    @property
    def events(self) -> EventArray:
        """Packed records in the order of their arrival."""

    @property
    def instrument(self) -> Instrument:
        """Size and worth of a tick."""

    @property
    def source(self) -> SourceProfile:
        """What the source can say."""


def feature_batches(log: MarketLog, config: FeatureConfig | None = None,
                    batch_events: int = BATCH_EVENTS) -> Iterator[tuple[int, FeatureRows]]:
    """Rows of a log, a batch of records at a time.

    Parameters
    ----------
    log : EventLog
    config : FeatureConfig, optional
        The defaults where it is not given.
    batch_events : int
        Records a batch, 1 or more.

    Yields
    ------
    tuple of (int, FeatureRows)
        Records taken so far; the rows of this batch, which the next one overwrites.

    Raises
    ------
    InputError
        If a record is structurally damaged: names its number in the log. The rows before it have
        been yielded.
    """
    if batch_events < 1:
        raise ValueError(f"batch_events must be 1 or more, was {batch_events}")
    pipeline = FeaturePipeline(config or FeatureConfig(), log.instrument, log.source)
    rows = FeatureRows(min(batch_events, max(len(log.events), 1)))
    for start in range(0, len(log.events), batch_events):
        batch = log.events[start:start + batch_events]
        pipeline.process(batch, rows)
        if pipeline.fault is None:
            yield start + len(batch), rows
            continue
        index, _, text = pipeline.fault
        if rows.count:
            yield start + index, rows
        raise InputError(f"record {start + index} of {log.instrument.symbol} is damaged: {text}")


def compute_features(log: MarketLog, config: FeatureConfig | None = None) -> pd.DataFrame:
    """All 27 features of a log, one row a packet of continuous trading.

    Parameters
    ----------
    log : EventLog
    config : FeatureConfig, optional
        The defaults where it is not given.

    Returns
    -------
    DataFrame
        Columns ``FEATURE_NAMES`` (float64), indexed by exchange time (UTC, its running maximum,
        so the index never decreases; it repeats where packets share a time).

    Raises
    ------
    InputError
        If a record is structurally damaged.

    Notes
    -----
    216 bytes a row stay in memory; a whole day is better streamed with ``dreammaker features``.
    """
    times, values = [], []
    for _, rows in feature_batches(log, config):
        times.append(rows.exch_ns[:rows.count].copy())
        values.append(rows.values[:rows.count].copy())
    table = np.concatenate(values) if values else np.empty((0, len(FEATURE_NAMES)))
    stamps = np.concatenate(times) if times else np.empty(0, np.int64)
    index = pd.DatetimeIndex(pd.to_datetime(stamps, unit="ns", utc=True), name="exch_time")
    return pd.DataFrame(table, index=index, columns=list(FEATURE_NAMES))
