"""The 27-feature pipeline: packed records in, one row of features a packet out.

A row is written after a packet's last record (``Flag.LAST``), in continuous trading only. Time is
the running maximum t of exchange time; windows are (t - W, t]. A packet counts as a whole: order
flow is measured between the books that packets leave behind.

====================== ===========================================================================
columns                emptied (NaN until full again) by
====================== ===========================================================================
windows, cells, Roll   the session's open, ROLL, any return to continuous trading, a long GAP, the
                       end of a long crossed or one-sided book
bars, Hawkes, volume   the session's open and ROLL
====================== ===========================================================================

While the book is crossed, locked or one-sided, what is read from the present book is NaN. A source
without depth has no sizes: the nine features that need them are NaN; a feature of n levels needs
a source that shows n.
"""

from typing import Any, Self

from dreammaker._ext.features import FeatureKernel, FeatureRows
from dreammaker.domain.instrument import MONEY_UNIT, Instrument
from dreammaker.domain.source import SourceProfile
from dreammaker.features.config import FEATURE_NAMES, FeatureConfig

__all__ = ["FEATURE_NAMES", "FeaturePipeline", "FeatureRows"]

_NS_PER_MS = 1_000_000


class FeaturePipeline(FeatureKernel):
    """Streaming features of one instrument from one source.

    Parameters
    ----------
    config : FeatureConfig
    instrument : Instrument
        Gives the size and worth of a tick.
    source : SourceProfile
        Its ``depth_levels`` decide between depth book (1 or more) and quotes (0).

    Attributes
    ----------
    fault : tuple of (int, int, str) or None
        Index in the batch, code and text of the structural fault that stopped the pipeline. Rows
        before it were delivered; every further call of `process` raises ValueError.

    Notes
    -----
    ``process(events, rows) -> int`` takes a batch cut anywhere, also inside a packet, and the rows
    have the same bits for any cutting. Cost: O(1) a record; memory: the events of the windows.

    Examples
    --------
    >>> import numpy as np
    >>> from dreammaker.domain.schema import EVENT_DTYPE, Flag, Kind
    >>> quotes = np.zeros(2, EVENT_DTYPE)
    >>> quotes["kind"], quotes["qty_lots"] = Kind.QUOTE, -1
    >>> quotes["side"], quotes["price_ticks"] = (1, -1), (26_000, 26_001)
    >>> quotes["flags"] = (0, Flag.LAST)
    >>> pipeline = FeaturePipeline(FeatureConfig(), Instrument.win(),
    ...                            SourceProfile("example", 0, has_aggressor=True))
    >>> rows = FeatureRows(2)
    >>> pipeline.process(quotes, rows)
    1
    >>> float(rows.values[0, FEATURE_NAMES.index("mid_price")])
    130002.5
    """

    def __new__(cls, config: FeatureConfig, instrument: Instrument,
                source: SourceProfile) -> Self:
        """Take memory for the state, with the settings in the kernel's units."""
        return super().__new__(cls, _settings(config, instrument, source))

    def __init__(self, config: FeatureConfig, instrument: Instrument,
                 source: SourceProfile) -> None:
        self.config = config
        self.instrument = instrument
        self.source = source


def _settings(config: FeatureConfig, instrument: Instrument,
              source: SourceProfile) -> dict[str, Any]:
    return {
        "ofi_ns": config.ofi_window_ms * _NS_PER_MS,
        "velocity_ns": config.velocity_window_ms * _NS_PER_MS,
        "flow_ns": config.flow_window_ms * _NS_PER_MS,
        "cell_ns": config.cell_ms * _NS_PER_MS,
        "bar_ns": config.bar_ms * _NS_PER_MS,
        "auction_ns": config.auction_after_ms * _NS_PER_MS,
        "gap_ms": config.gap_reset_ms,
        "volatility_cells": config.volatility_cells,
        "impact_cells": config.impact_cells,
        "roll_trades": config.roll_trades,
        "depth_levels": source.depth_levels,
        "depth_decay": config.depth_decay,
        "tick_size": instrument.tick_size,
        "tick_value": instrument.tick_value_micros / MONEY_UNIT,
        "hawkes_mu": config.hawkes_mu,
        "hawkes_alpha": [*config.hawkes_alpha[0], *config.hawkes_alpha[1]],
        "hawkes_beta": [*config.hawkes_beta[0], *config.hawkes_beta[1]],
        "fracdiff_d": config.fracdiff_d,
        "fracdiff_threshold": config.fracdiff_threshold,
        "rsi_period": config.rsi_period,
        "macd_fast": config.macd_fast,
        "macd_slow": config.macd_slow,
        "macd_signal": config.macd_signal,
        "bollinger_bars": config.bollinger_bars,
        "bollinger_width": config.bollinger_width,
    }
