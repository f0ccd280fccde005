"""The golden test of tick importer and time bars: DOLK20's ticks give WDOK20's minute bars."""

import csv
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from dreammaker.data import EventLog, read_mt5_ticks
from dreammaker.domain.schema import Flag, Kind, Phase
from dreammaker.features.bars import time_bars

pytestmark = pytest.mark.market_data


@pytest.fixture(scope="module")
def ticks(market_data: Path) -> EventLog:
    return read_mt5_ticks(market_data / "DOLK20.csv")


def test_quality_report_when_dolk20_then_figures_of_the_data_readme(ticks: EventLog) -> None:
    quality = ticks.quality
    assert (quality.rows_read, quality.rows_kept, quality.dropped) == (
        63_632, 63_629, {"all zero": 3})
    assert (quality.trades, quality.volume) == (33_118, 305_990)
    assert quality.vwap == pytest.approx(5273.69319, abs=5e-6)
    assert (quality.open, quality.high, quality.low, quality.close) == (
        5257.5, 5293.5, 5231.5, 5267.0)
    assert (quality.quote_buys, quality.quote_sells, quality.quote_inside) == (
        14_338, 14_195, 4_585)
    assert quality.crossed + quality.locked == 135
    assert (quality.time_backwards, quality.off_grid, quality.unknown_side) == (0, 0, 33_118)
    assert not ticks.source.has_aggressor


def test_records_when_dolk20_then_one_packet_a_row_in_order_of_arrival(ticks: EventLog) -> None:
    events = ticks.events
    sessions = events[events["kind"] == Kind.SESSION]
    assert sessions["aux"].tolist() == [Phase.PRE_OPEN, Phase.CONTINUOUS, Phase.CLOSED]
    assert (events["flags"] & Flag.LAST != 0).sum() == 63_629 + 3
    assert (events["local_ns"][1:] >= events["local_ns"][:-1]).all()
    assert (events["local_ns"] - events["exch_ns"] == 60_000_000).all()
    assert ticks.day == date(2020, 4, 2)
    # Server time 09:03:09.658 in Brasilia is 12:03:09.658 UTC.
    auction = events[(events["kind"] == Kind.TRADE) & (events["price_ticks"] == 10_515)][:117]
    stamp = datetime(2020, 4, 2, 12, 3, 9, 658_000, tzinfo=UTC)
    assert (auction["exch_ns"] == int(stamp.timestamp() * 1000) * 1_000_000).all()
    assert auction["qty_lots"].sum() == 1_140
    assert (auction["flags"] & Flag.AUCTION != 0).all()


def test_time_bars_when_dolk20_then_every_minute_bar_of_the_terminal(
        ticks: EventLog, market_data: Path) -> None:
    bars = time_bars(ticks, 60)
    with (market_data / "WDOK20_M1.csv").open(newline="") as file:
        rows = [row for row in csv.reader(file, delimiter="\t") if row[0] == "2020.04.02"]
    assert len(rows) == len(bars) == 537
    for row, (start, bar) in zip(rows, bars.iterrows(), strict=True):
        wall = datetime.strptime(f"{row[0]} {row[1]}", "%Y.%m.%d %H:%M:%S")
        assert start == wall.replace(tzinfo=UTC) + timedelta(hours=3)
        assert [bar["open"], bar["high"], bar["low"], bar["close"]] == [
            float(cell) for cell in row[2:6]]
        assert [bar["tick_volume"], bar["volume"]] == [int(row[6]), int(row[7])]


def test_session_when_dolk20_then_every_bar_is_inside_the_continuous_phase(
        ticks: EventLog) -> None:
    sessions = ticks.events[ticks.events["kind"] == Kind.SESSION]
    opens, closes = (int(sessions["exch_ns"][index]) for index in (1, 2))
    prints = ticks.events[ticks.events["kind"] == Kind.TRADE]
    assert opens < prints["exch_ns"].min() and prints["exch_ns"].max() < closes
