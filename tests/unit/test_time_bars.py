"""Time bars of hand-made prints."""

import numpy as np
import pytest

from dreammaker.domain.errors import ConfigError
from dreammaker.domain.instrument import Instrument
from dreammaker.domain.schema import EVENT_DTYPE, Flag, Kind
from dreammaker.domain.source import SourceProfile
from dreammaker.features.bars import time_bars
from dreammaker.store import EventLog

SECOND = 10**9


def log_of(*records: tuple[float, Kind, int, int, int]) -> EventLog:
    events = np.zeros(len(records), EVENT_DTYPE)
    for event, (seconds, kind, side, price, quantity) in zip(events, records, strict=True):
        event["exch_ns"] = event["local_ns"] = round(seconds * SECOND)
        event["kind"], event["side"] = kind, side
        event["price_ticks"], event["qty_lots"] = price, quantity
    events["flags"] = Flag.LAST
    return EventLog.of(events, Instrument.win(), SourceProfile("test", 0, True))


def test_bars_when_prints_fall_into_minutes_then_hand_values() -> None:
    bars = time_bars(log_of(
        (60.0, Kind.TRADE, 1, 100, 2), (61.0, Kind.QUOTE, 1, 500, 9), (70.0, Kind.TRADE, -1, 98, 1),
        (119.999999999, Kind.TRADE, 0, 101, -1), (240.0, Kind.ORDER_EXECUTE, -1, 90, 4)), 60)
    assert [stamp.timestamp() for stamp in bars.index] == [60.0, 240.0]
    assert str(bars.index.tz) == "UTC"
    first = bars.iloc[0][["open", "high", "low", "close", "volume", "tick_volume", "vwap",
                          "buy_volume", "sell_volume"]].to_dict()
    assert first == {"open": 500.0, "high": 505.0, "low": 490.0, "close": 505.0, "volume": 3,
                     "tick_volume": 3, "vwap": pytest.approx((500 * 2 + 490) / 3),
                     "buy_volume": 2, "sell_volume": 1}
    # A resting ask was executed: a buy.
    assert (bars.iloc[1]["buy_volume"], bars.iloc[1]["sell_volume"]) == (4, 0)


def test_bars_when_time_runs_backwards_then_the_late_print_counts_in_the_open_bar() -> None:
    bars = time_bars(log_of((61.0, Kind.TRADE, 1, 100, 1), (59.0, Kind.TRADE, 1, 101, 1),
                            (62.0, Kind.TRADE, 1, 102, 1)), 60)
    assert bars["tick_volume"].tolist() == [3]
    assert bars[["open", "high", "close"]].to_numpy().tolist() == [[500.0, 510.0, 510.0]]


def test_bars_when_there_are_no_prints_or_sizes_then_empty_or_nan() -> None:
    assert len(time_bars(log_of((1.0, Kind.QUOTE, 1, 1, 1)), 60)) == 0
    bars = time_bars(log_of((1.0, Kind.TRADE, 1, 1, -1)), 0.5)
    assert bars["vwap"].isna().all() and bars["volume"].tolist() == [0]


@pytest.mark.parametrize("seconds", [0, -1])
def test_bars_when_length_is_not_positive_then_config_error(seconds: float) -> None:
    with pytest.raises(ConfigError, match="above 0"):
        time_bars(log_of(), seconds)
