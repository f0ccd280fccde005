"""Bars of real days: how many of each kind, and what they add up to."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from dreammaker.data import EventLog, read_lobster, read_mt5_ticks
from dreammaker.features.bars import (
    dollar_bars,
    imbalance_bars,
    run_bars,
    tick_bars,
    time_bars,
    volume_bars,
)

pytestmark = pytest.mark.market_data
Bars = Callable[[EventLog], pd.DataFrame]

# Bars of DOLK20 on 2020-04-02 and of GOOG on 2012-06-21.
COUNTS: dict[str, tuple[Bars, int, int]] = {
    "tick": (lambda log: tick_bars(log, 100), 331, 116),
    "volume": (lambda log: volume_bars(log, 1000), 254, 664),
    "dollar": (lambda log: dollar_bars(log, 50e6 if log.instrument.currency == "BRL" else 1e6),
               1175, 388),
    "tick imbalance": (lambda log: imbalance_bars(log, expected_length=100), 22, 8),
    "volume imbalance": (lambda log: imbalance_bars(log, weight="volume", expected_length=100),
                         15, 7),
    "dollar imbalance": (lambda log: imbalance_bars(log, weight="dollar", expected_length=100),
                         15, 7),
    "tick runs": (lambda log: run_bars(log, expected_length=100), 225, 86),
    "volume runs": (lambda log: run_bars(log, weight="volume", expected_length=100), 70, 63),
    "dollar runs": (lambda log: run_bars(log, weight="dollar", expected_length=100), 69, 70),
}


@pytest.fixture(scope="module")
def days(market_data: Path) -> tuple[EventLog, EventLog]:
    return (read_mt5_ticks(market_data / "DOLK20.csv"),
            read_lobster(market_data / "LOBSTER_SampleFile_GOOG_2012-06-21_10.zip"))


@pytest.mark.parametrize("name", COUNTS)
def test_bars_when_of_real_days_then_their_counts(
        name: str, days: tuple[EventLog, EventLog]) -> None:
    make, dolk20, goog = COUNTS[name]
    assert [len(make(day)) for day in days] == [dolk20, goog]


def test_bars_when_partial_ones_are_kept_then_the_whole_volume(
        days: tuple[EventLog, EventLog]) -> None:
    for bars in (time_bars(days[0], 60), tick_bars(days[0], 100, partial=True),
                 run_bars(days[0], expected_length=100, partial=True)):
        assert (bars["volume"].sum(), bars["tick_volume"].sum()) == (305_990, 33_118)
        assert (bars["buy_volume"] == 0).all()
