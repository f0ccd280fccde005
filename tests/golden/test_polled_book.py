"""Polled depth of the B3 mini dollar, against the file row by row."""

import csv
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from dreammaker._ext.book_kernel import BookKernel
from dreammaker.data import read_polled_book
from dreammaker.data.importers import ImportOptions
from dreammaker.domain.schema import Flag, Kind
from dreammaker.features import compute_features

FILE = "WDOU25_book_L1_20250811.csv"
pytestmark = pytest.mark.market_data


@pytest.fixture(scope="module")
def log(market_data):
    return read_polled_book(market_data / FILE)


@pytest.fixture(scope="module")
def rows(market_data):
    with (market_data / FILE).open(newline="") as file:
        return list(csv.DictReader(file))


def test_book_when_rebuilt_then_every_poll_of_the_file(log, rows):
    polls = log.events[log.events["kind"] == Kind.SNAPSHOT]
    frames = np.zeros((2, len(rows), 2, 2), np.int32)
    assert BookKernel().frames(polls, *frames) == len(rows) == 10_000
    told = [[[2 * float(row[f"{side}_price_1"]), int(row[f"{side}_vol_1"])]
             for side in ("bid", "ask")] for row in rows]
    assert np.stack([frames[0, :, :, 0], frames[1, :, :, 0]], axis=2).tolist() == told
    assert (frames[1, :, :, 1] == 0).all()
    locked = sum(row["bid_price_1"] == row["ask_price_1"] for row in rows)
    assert (log.quality.crossed, log.quality.locked) == (0, locked) == (0, 18)
    ends = polls[(polls["flags"] & Flag.LAST) != 0]
    assert np.count_nonzero(ends["flags"] & Flag.CROSSED) == locked
    assert log.quality.counters["polls_changed"] == 1_198


def test_levels_when_all_zero_then_absent_from_the_source(log):
    assert log.source.depth_levels == 1
    assert log.source.polled
    table = compute_features(log)
    assert table["ofi_1"].notna().any()
    assert table["ofi_2"].isna().all()
    assert table["weighted_mid_price"].isna().all()


def test_times_when_read_then_the_poll_is_local_and_the_exchange_is_estimated(log, rows):
    polls = log.events[(log.events["kind"] == Kind.SNAPSHOT)
                       & ((log.events["flags"] & Flag.LAST) != 0)]
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    told = [(datetime.fromisoformat(row["timestamp"] + "-03:00") - epoch)
            // timedelta(microseconds=1) * 1_000 for row in rows]
    assert polls["local_ns"].tolist() == told
    assert (polls["local_ns"] - polls["exch_ns"] == 60_000_000).all()
    assert ((polls["flags"] & Flag.EXCH_ESTIMATED) != 0).all()
    assert not (polls["flags"] & Flag.LOCAL_SYNTHETIC).any()


def test_log_when_read_in_small_pieces_then_the_same(market_data, log):
    small = read_polled_book(market_data / FILE, options=ImportOptions(chunk_bytes=5_000))
    assert small.content_hash == log.content_hash
    assert small.quality == log.quality
