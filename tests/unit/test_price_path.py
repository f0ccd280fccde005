"""Executable prices of hand-made logs: what breaks a path, what is left out, what is refused."""

import numpy as np
import pandas as pd
import pytest

from dreammaker.domain.errors import InputError
from dreammaker.domain.instrument import Instrument
from dreammaker.domain.schema import EVENT_DTYPE, Flag, Kind, Phase
from dreammaker.domain.source import SourceProfile
from dreammaker.models.labels import Barrier, PricePath, triple_barrier
from dreammaker.store import EventLog

SECOND = 10**9


def log_of(packets: list[tuple]) -> EventLog:
    """(second, "quote", bid, ask) | (second, "phase", Phase) | (second, "gap", ms) | "auction"."""
    records = []
    for second, what, *values in packets:
        if what == "quote":
            records += [(second, Kind.QUOTE, 1, values[0], -1, 0, 0),
                        (second, Kind.QUOTE, -1, values[1], -1, 0, Flag.LAST)]
        elif what == "phase":
            records.append((second, Kind.SESSION, 0, 0, -1, values[0], Flag.LAST))
        elif what == "gap":
            records.append((second, Kind.GAP, 0, 0, values[0], 0, Flag.LAST))
        else:
            records.append((second, Kind.TRADE, 0, values[0], 1, 0, Flag.LAST | Flag.AUCTION))
    events = np.zeros(len(records), EVENT_DTYPE)
    for event, (second, kind, side, price, lots, aux, flags) in zip(events, records, strict=True):
        event["exch_ns"] = event["local_ns"] = round(second * SECOND)
        event["kind"], event["side"], event["price_ticks"] = kind, side, price
        event["qty_lots"], event["aux"], event["flags"] = lots, aux, flags
    return EventLog.of(events, Instrument.win(), SourceProfile("test", 0, True))


def test_path_when_trading_breaks_off_then_a_segment_ends_just_before() -> None:
    path = PricePath.of_log(log_of([
        (0, "phase", Phase.CONTINUOUS), (1, "quote", 100, 101), (2, "quote", 100, 101),
        (3, "quote", 101, 102), (5, "phase", Phase.AUCTION), (6, "quote", 103, 102),
        (8, "phase", Phase.CONTINUOUS), (9, "quote", 104, 105), (10, "gap", 2500),
        (13, "quote", 106, 107), (14, "gap", 500), (15, "quote", 107, 108),
        (20, "phase", Phase.CLOSED)]))
    sound = ~np.isnan(path.bid)
    # The quote that changed nothing at 2 s is left out; a short gap breaks nothing.
    assert (path.time[sound] // SECOND).tolist() == [1, 3, 9, 13, 15]
    assert path.bid[sound].tolist() == [100, 101, 104, 106, 107]
    used = path.segment[sound]
    assert [len(set(used[:2])), used[2] != used[1], used[3] != used[2], used[4] == used[3]] == [
        1, True, True, True]
    ends = path.segment_end[used]
    assert ends.tolist() == [5 * SECOND - 1] * 2 + [10 * SECOND - 1] + [20 * SECOND - 1] * 2
    assert path.is_closed.all()


def test_labels_when_of_that_log_then_closed_before_the_break() -> None:
    log = log_of([(0, "phase", Phase.CONTINUOUS), (1, "quote", 100, 101), (3, "quote", 102, 103),
                  (5, "phase", Phase.ROLL), (8, "phase", Phase.CONTINUOUS),
                  (9, "quote", 204, 205), (12, "quote", 300, 301)])
    labels = triple_barrier(log, [2 * SECOND, 4 * SECOND, 6 * SECOND, 9 * SECOND], side=1,
                            profit=100, loss=100, horizon=5)
    # Decided at 6 s: the old quote is none to trade at. Decided at 9 s: met at the jump to 300.
    assert labels.position.tolist() == [0, 1, 3] and labels.dropped == {"no price": 1}
    assert labels.end.tolist() == [5 * SECOND - 1, 5 * SECOND - 1, 12 * SECOND]
    assert labels.ret.tolist() == [5.0, -5.0, 475.0]
    assert labels.barrier.tolist() == [Barrier.SESSION, Barrier.SESSION, Barrier.UPPER]


def test_path_when_an_auction_prints_then_it_breaks() -> None:
    path = PricePath.of_log(log_of([
        (0, "phase", Phase.CONTINUOUS), (1, "quote", 100, 101), (4, "auction", 100),
        (10, "quote", 101, 102), (12, "quote", 102, 103)]))
    first, last = (path.segment[path.rows_at(np.array([at * SECOND]))[0]] for at in (2, 11))
    assert first != last and path.segment_end[first] == 4 * SECOND - 1
    # Only the data end after the last segment.
    assert not path.is_closed[last] and path.segment_end[last] == 12 * SECOND


def test_path_when_cut_off_then_only_the_past_is_left() -> None:
    path = PricePath.of_prices(np.arange(10.0)).until(4)
    assert (len(path), path.segment_end.tolist(), path.is_closed.tolist()) == (5, [4], [False])


def test_series_when_of_times_with_a_zone_then_utc() -> None:
    index = pd.date_range("2026-03-02 09:00", periods=4, freq="1s", tz="America/Sao_Paulo")
    labels = triple_barrier(pd.Series([1.0, 2, 3, 4], index=index), index[:1], profit=2, loss=2,
                            horizon=pd.Timedelta("3s"))
    assert labels.to_frame()["end"].iloc[0] == index[2].tz_convert("UTC")
    assert labels.label.tolist() == [1]


@pytest.mark.parametrize(("make", "message"), [
    (lambda: PricePath.of_log(log_of([(1, "phase", Phase.CLOSED)])), "no row in continuous"),
    (lambda: PricePath.of_prices(["a"]), "prices must hold numbers"),
    (lambda: PricePath.of_prices(np.ones((2, 2))), "one dimension"),
    (lambda: PricePath.of_prices(pd.Series([1.0], index=["x"])), "must hold times or integers"),
    (lambda: PricePath.of_bars(pd.DataFrame({"open": [1.0], "high": [1.0], "low": [2.0],
                                             "close": [1.0], "end": [1]})), "below low, is in row"),
    (lambda: PricePath.of_bars(pd.DataFrame(
        {name: [1.0] for name in ("open", "high", "low", "close")})), "two rows or an end"),
    (lambda: PricePath.of_bars(None, spread=-1.0), "spread must be 0 or more"),
])
def test_path_when_the_input_is_wrong_then_one_clear_error(make, message: str) -> None:
    with pytest.raises(InputError, match=message):
        make()
