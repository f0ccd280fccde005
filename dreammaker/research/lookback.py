"""How far back in time a feature row remembers: what an embargo has to cover."""

from datetime import timedelta
from math import ceil, log

from dreammaker.features.config import FeatureConfig
from dreammaker.features.fractional import fracdiff_weights

REMAINS = 0.01
"""Weight at which an exponential memory counts as over."""


def feature_lookback(config: FeatureConfig) -> timedelta:
    """The longest memory of the features, by time.

    Windows, cells and bars count in full. Exponential memories (MACD, RSI, Hawkes) count until a
    value's weight has fallen to 1 % of the newest one's. Roll's spread, which counts trades, is
    left out: its 200 trades last seconds where there is trading.

    Parameters
    ----------
    config : FeatureConfig

    Examples
    --------
    >>> feature_lookback(FeatureConfig())
    datetime.timedelta(seconds=820)
    """
    bars = max(
        len(fracdiff_weights(config.fracdiff_d, config.fracdiff_threshold)),
        config.bollinger_bars,
        _fade(1.0 - 2.0 / (config.macd_slow + 1.0)) + _fade(1.0 - 2.0 / (config.macd_signal + 1.0)),
        _fade(1.0 - 1.0 / config.rsi_period),
    )
    decay = min(min(row) for row in config.hawkes_beta)
    milliseconds = max(
        config.ofi_window_ms, config.flow_window_ms, 2 * config.velocity_window_ms,
        (max(config.volatility_cells, config.impact_cells) + 1) * config.cell_ms,
        (bars + 1) * config.bar_ms, ceil(-log(REMAINS) / decay * 1e3))
    return timedelta(milliseconds=milliseconds)


def _fade(keep: float) -> int:
    """Steps until a weight that falls by a factor has come down to `REMAINS`."""
    return ceil(log(REMAINS) / log(keep)) if keep > 0.0 else 1
