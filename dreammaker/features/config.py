"""Windows, decays and periods of the 27 features, and the hash of their definition."""

import hashlib
import json
from dataclasses import asdict
from typing import Annotated, Self

from pydantic import ConfigDict, Field, model_validator
from pydantic.dataclasses import dataclass

DEFINITION_VERSION = 1
"""Rises whenever a feature means something else for the same configuration."""

FEATURE_NAMES: tuple[str, ...] = (
    "mid_price", "micro_price", "weighted_mid_price",
    "ofi_1", "ofi_2", "ofi_3", "ofi_5",
    "book_imbalance", "weighted_book_imbalance", "book_pressure",
    "spread_abs", "spread_rel",
    "realized_volatility", "price_velocity", "price_acceleration",
    "hawkes_buy_intensity", "hawkes_sell_intensity", "hawkes_buy_sell_ratio",
    "hawkes_self_excitation",
    "kyle_lambda", "amihud_illiquidity", "roll_spread",
    "fracdiff_price", "fracdiff_volume",
    "rsi_14", "macd_signal", "bollinger_position",
)
"""The columns of a feature row, in order."""

Milliseconds = Annotated[int, Field(ge=1, le=86_400_000)]
Above0 = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Pair = tuple[Above0, Above0]
JumpPair = tuple[Annotated[float, Field(ge=0, allow_inf_nan=False)],
                 Annotated[float, Field(ge=0, allow_inf_nan=False)]]


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class FeatureConfig:
    """Everything that a feature's meaning depends on besides the market.

    Parameters
    ----------
    ofi_window_ms, velocity_window_ms, flow_window_ms : int
        Windows of order-flow imbalance, of velocity and of the signed volume, in ms.
    cell_ms, bar_ms : int
        Grids, aligned to UTC: cells of volatility and liquidity, bars of the indicators.
    volatility_cells, impact_cells : int
        Cells in realized volatility; in Kyle's lambda and Amihud's illiquidity.
    roll_trades : int
        Merged trades in Roll's spread.
    depth_decay : float
        Weight of a level over that of the level before it, in (0, 1].
    hawkes_mu : pair of float
        Base rates of buys and sells, per second.
    hawkes_alpha, hawkes_beta : 2 x 2 of float
        Jumps and decay rates, per second; row = excited (buy, sell), column = source.
    fracdiff_d, fracdiff_threshold : float
        Order of differencing; weights smaller than the threshold are cut off.
    rsi_period, macd_fast, macd_slow, macd_signal, bollinger_bars : int
        Periods in bars.
    bollinger_width : float
        Deviations to each band.
    gap_reset_ms : int
        A GAP record longer than this empties the windows.
    auction_after_ms : int
        A book crossed, locked or one-sided for longer than this has been in an auction.

    Raises
    ------
    pydantic.ValidationError
        If a value is out of range or a key is unknown.

    Examples
    --------
    >>> FeatureConfig().ofi_window_ms
    10000
    """

    ofi_window_ms: Milliseconds = 10_000
    velocity_window_ms: Milliseconds = 1_000
    flow_window_ms: Milliseconds = 10_000
    cell_ms: Milliseconds = 1_000
    bar_ms: Annotated[int, Field(ge=100, le=86_400_000)] = 10_000
    volatility_cells: Annotated[int, Field(ge=2, le=4096)] = 300
    impact_cells: Annotated[int, Field(ge=3, le=512)] = 300
    roll_trades: Annotated[int, Field(ge=4, le=4096)] = 200
    depth_decay: Annotated[float, Field(gt=0, le=1)] = 0.5
    hawkes_mu: Pair = (1.0, 1.0)
    hawkes_alpha: tuple[JumpPair, JumpPair] = ((2.5, 0.5), (0.5, 2.5))
    hawkes_beta: tuple[Pair, Pair] = ((5.0, 5.0), (5.0, 5.0))
    fracdiff_d: Annotated[float, Field(gt=0, le=2)] = 0.4
    fracdiff_threshold: Annotated[float, Field(ge=1e-5, lt=1)] = 1e-3
    rsi_period: Annotated[int, Field(ge=2, le=1000)] = 14
    macd_fast: Annotated[int, Field(ge=1, le=1000)] = 12
    macd_slow: Annotated[int, Field(ge=2, le=1000)] = 26
    macd_signal: Annotated[int, Field(ge=1, le=1000)] = 9
    bollinger_bars: Annotated[int, Field(ge=2, le=100)] = 20
    bollinger_width: Above0 = 2.0
    gap_reset_ms: Annotated[int, Field(ge=0)] = 2_000
    auction_after_ms: Annotated[int, Field(ge=0)] = 1_000

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.macd_fast >= self.macd_slow:
            raise ValueError(f"macd_fast must be below macd_slow, were {self.macd_fast} and "
                             f"{self.macd_slow}")
        if self.bar_ms % self.cell_ms:
            raise ValueError(f"bar_ms must be a multiple of cell_ms, were {self.bar_ms} and "
                             f"{self.cell_ms}")
        return self


def definition_hash(config: FeatureConfig) -> str:
    """SHA-256 over the names, the definition's version and every value of the configuration.

    Parameters
    ----------
    config : FeatureConfig

    Returns
    -------
    str
        64 hexadecimal digits; two rows may be fed to one model only where they agree.
    """
    meaning = {"names": FEATURE_NAMES, "version": DEFINITION_VERSION, "config": asdict(config)}
    text = json.dumps(meaning, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()
