"""The book of an E-mini session from Databento, against a slow replay of the raw messages.

The replay decodes with ``databento-dbn`` itself, record by record, and keeps plain dictionaries.
"""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from dreammaker._ext.book_kernel import BookKernel
from dreammaker.data import ImportOptions, read_dbn
from dreammaker.domain.errors import InputError
from dreammaker.domain.instrument import Instrument
from dreammaker.domain.schema import Flag, Kind

FILE = "esh4-glbx-mdp3-20231225.mbo.dbn.zst"
TICK = 250_000_000
LAST, SNAPSHOT = 128, 32
CHECK_EVERY = 400

databento_dbn = pytest.importorskip("databento_dbn")
pytestmark = pytest.mark.market_data


@pytest.fixture(scope="module")
def log(market_data):
    return read_dbn(market_data / FILE)


@pytest.fixture(scope="module")
def messages(market_data):
    import pyarrow as pa

    decoder = databento_dbn.DBNDecoder()
    decoder.write(pa.CompressedInputStream(str(market_data / FILE), "zstd").read())
    found = [entry for entry in decoder.decode() if isinstance(entry, databento_dbn.MBOMsg)]
    assert len(found) == 68_792
    return [(str(m.action), str(m.side), m.order_id, m.price, m.size, int(m.flags), m.ts_event,
             m.ts_recv) for m in found]


class NaiveBook:
    """Orders and level totals in dictionaries, prices as the file has them."""

    def __init__(self):
        self.orders, self.levels = {}, {"B": Counter(), "A": Counter()}

    def take(self, order_id, size):
        side, price, left = self.orders[order_id]
        assert size <= left
        self.levels[side][price] -= size
        if not self.levels[side][price]:
            del self.levels[side][price]
        self.orders[order_id] = (side, price, left - size)
        if size == left:
            del self.orders[order_id]

    def apply(self, action, side, order_id, price, size):
        if action == "C":
            self.take(order_id, size)
        elif action == "M":
            self.take(order_id, self.orders[order_id][2])
        elif action == "R":
            self.__init__()
        if action in "AM":
            assert order_id not in self.orders
            self.orders[order_id] = (side, price, size)
            self.levels[side][price] += size

    def shown(self):
        return [[(price // TICK, size) for price, size in sorted(
            self.levels[side].items(), reverse=side == "B")] for side in "BA"]


def test_book_when_rebuilt_then_the_slow_replays_at_many_points_and_at_the_end(log, messages):
    naive, book = NaiveBook(), BookKernel()
    ends = np.flatnonzero(log.events["flags"] & Flag.LAST)
    # The log's first packet is the phase, the second the snapshot, which has no F_LAST.
    packet, done, checks, crossed = 1, 0, 0, []
    for number, (action, side, order_id, price, size, flags, time_ns, _) in enumerate(messages):
        naive.apply(action, side, order_id, price, size)
        if flags & SNAPSHOT and messages[number + 1][5] & SNAPSHOT:
            continue
        if not flags & (SNAPSHOT | LAST):
            continue
        bids, asks = naive.levels["B"], naive.levels["A"]
        if bids and asks and flags & LAST and max(bids) > min(asks):
            crossed.append(time_ns)
        if packet % CHECK_EVERY == 1 or number == len(messages) - 1:
            end = int(ends[packet]) + 1
            book.apply(log.events[done:end])
            done = end
            assert [book.levels(1), book.levels(-1)] == naive.shown(), f"message {number}"
            checks += 1
        packet += 1
    assert packet == len(ends)
    assert done == len(log.events)
    assert checks > 100
    assert book.is_sound()
    assert not any(book.counters.values())
    assert book.best() == ((19_240, naive.levels["B"][19_240 * TICK]),
                           (19_241, naive.levels["A"][19_241 * TICK]))
    assert book.order_count == len(naive.orders) == 11_217
    for order_id, (side, price, size) in naive.orders.items():
        assert book.order(order_id) == (1 if side == "B" else -1, price // TICK, size)
    # Crossed in the venue's pre-opening and at no other moment: it opens at 23:00 UTC.
    assert len(crossed) == log.quality.crossed == 891
    assert any("no session phases" in note for note in log.quality.notes)
    assert str(np.datetime64(min(crossed), "ns")) == "2023-12-25T22:39:55.216798489"
    assert str(np.datetime64(max(crossed), "ns")) == "2023-12-25T22:59:59.999703903"
    flagged = (log.events["flags"] & (Flag.CROSSED | Flag.LAST)) == Flag.CROSSED | Flag.LAST
    assert sorted(log.events["exch_ns"][flagged].tolist()) == crossed


def test_records_when_counted_then_those_of_the_file(log, messages):
    assert Counter(action for action, *_ in messages) == {
        "A": 29_216, "C": 17_999, "M": 12_233, "F": 6_371, "T": 2_973}
    kinds = Counter(Kind(kind).name for kind in log.events["kind"].tolist())
    assert kinds == {"SESSION": 1, "CLEAR": 1, "ORDER_ADD": 29_216, "ORDER_CANCEL": 17_999,
                     "ORDER_MODIFY": 12_233, "TRADE": 2_973}
    quality = log.quality
    assert (quality.rows_read, quality.rows_kept, quality.rows_dropped) == (68_792, 62_421, 6_371)
    assert quality.counters["snapshot_orders"] == 8_725
    # The T alone is the print.
    assert quality.volume == sum(m[4] for m in messages if m[0] == "T") == 9_892
    trades = log.events[log.events["kind"] == Kind.TRADE]
    sides = {"B": 1, "A": -1, "N": 0}
    assert trades["side"].tolist() == [sides[m[1]] for m in messages if m[0] == "T"]
    assert (quality.buys, quality.sells, quality.unknown_side) == (1_542, 1_430, 1)
    auction = trades[(trades["flags"] & Flag.AUCTION) != 0]
    assert [(int(t["price_ticks"]), int(t["qty_lots"])) for t in auction] == [(19_201, 44)]


def test_times_when_live_then_venue_and_receive_time_of_the_file(log, messages):
    opening = log.events[1:8_727]
    assert (opening["exch_ns"] == messages[0][7]).all()
    assert ((opening["flags"] & Flag.EXCH_ESTIMATED) != 0).all()
    assert ((opening["flags"] & Flag.LOCAL_SYNTHETIC) != 0).all()
    live = log.events[8_727:]
    said = [m for m in messages[8_725:] if m[0] != "F"]
    assert live["exch_ns"].tolist() == [m[6] for m in said]
    assert live["local_ns"].tolist() == [m[7] for m in said]
    assert not (live["flags"] & (Flag.EXCH_ESTIMATED | Flag.LOCAL_SYNTHETIC)).any()
    assert log.quality.time_backwards == 0


def at_the_front(events, decrease_keeps):
    """(fills, those that met the first order of their price) in continuous trading.

    The queue rule: another price or side or a larger size goes to the end, a smaller size keeps
    its place; so does what a fill leaves, unless the size is none the smaller (a refilled iceberg).
    """
    orders, queues, fills, front = {}, {}, 0, 0
    opened = False
    fields = ("kind", "side", "price_ticks", "qty_lots", "order_id", "aux")
    for kind, side, price, lots, order_id, filled in zip(
            *(events[name].tolist() for name in fields), strict=True):
        opened = opened or (kind == Kind.TRADE and side != 0)
        if kind not in (Kind.ORDER_ADD, Kind.ORDER_CANCEL, Kind.ORDER_MODIFY):
            continue
        place = (side, price)
        if kind != Kind.ORDER_ADD:
            place, before = orders[order_id]
            if filled and opened:
                fills += 1
                front += next(iter(queues[place])) == order_id
            left = before - lots if kind == Kind.ORDER_CANCEL else lots
            if kind == Kind.ORDER_CANCEL:
                keeps = left > 0
            elif filled:
                keeps = left < before
            else:
                keeps = (side, price) == place and left <= before and decrease_keeps
            if keeps:
                orders[order_id] = (place, left)
                continue
            del queues[place][order_id], orders[order_id]
            if not left:
                continue
            place = (side, price)
        orders[order_id] = (place, lots)
        queues.setdefault(place, {})[order_id] = None
    return fills, front


def test_fills_when_queues_follow_the_rule_then_they_meet_the_front(log):
    fills, front = at_the_front(log.events, decrease_keeps=True)
    assert fills == 6_279
    print(f"{front} of {fills} fills met the front of their queue")
    assert front / fills > 0.89
    # Were a smaller size to lose its place, fewer would.
    assert at_the_front(log.events, decrease_keeps=False)[1] < front - 100


def test_log_when_read_in_small_pieces_then_the_same(market_data, log):
    assert read_dbn(market_data / FILE, options=ImportOptions(chunk_bytes=4_000)
                    ).content_hash == log.content_hash


def test_file_when_another_instrument_is_wanted_then_it_says_what_it_holds(market_data):
    with pytest.raises(InputError, match="holds ESH4, not ESM4"):
        read_dbn(market_data / FILE, replace(Instrument.named("ESH4"), symbol="ESM4"))


@pytest.mark.parametrize("keep", [0.3, 0.9999])
def test_file_when_truncated_then_refused(market_data, tmp_path, keep):
    content = (market_data / FILE).read_bytes()
    path = tmp_path / FILE
    path.write_bytes(content[:int(keep * len(content))])
    with pytest.raises(InputError, match="damaged or truncated"):
        read_dbn(path)
