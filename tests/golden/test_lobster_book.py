"""The book rebuilt from a NASDAQ day, message by message, against the exchange's own book.

The order-book file of the sample holds ten levels a side after each of the 147 916 messages.
"""

import io
import zipfile

import numpy as np
import pytest

from dreammaker._ext.book_kernel import BookKernel
from dreammaker.data import read_lobster
from dreammaker.domain.schema import EVENT_DTYPE, Flag, Kind

SAMPLE = "LOBSTER_SampleFile_GOOG_2012-06-21_10.zip"
ROWS = 147_916
LEVELS = 10
PRICE_UNIT = 100  # file prices are in 1/10 000 dollar, ticks are cents
SIDES = (1, -1)
# What the rule of KnownRegion reached on this day (27.6 % of bid levels, 40.0 % of ask levels).
LEAST_SHARE = {1: 0.27, -1: 0.39}

pytestmark = pytest.mark.market_data


@pytest.fixture(scope="module")
def log(market_data):
    return read_lobster(market_data / SAMPLE)


@pytest.fixture(scope="module")
def exchange_book(market_data):
    """(ticks, lots) of the order-book file, shape (rows, 2, 10): bids, asks."""
    with zipfile.ZipFile(market_data / SAMPLE) as archive:
        name = next(n for n in archive.namelist() if "orderbook" in n)
        text = io.StringIO(archive.read(name).decode())
    cells = np.loadtxt(text, np.int64, delimiter=",").reshape(ROWS, LEVELS, 2, 2)
    assert (np.abs(cells[..., 0]) != 9_999_999_999).all(), "no level of this sample is empty"
    sides = cells[:, :, ::-1].transpose(0, 2, 1, 3)
    assert (sides[..., 0] % PRICE_UNIT == 0).all()
    return sides[..., 0] // PRICE_UNIT, sides[..., 1]


def rebuilt(events):
    """Frames after every packet that is a message, and the book."""
    book = BookKernel()
    packets = int(np.count_nonzero(events["flags"] & Flag.LAST))
    frames = np.zeros((2, packets, 2, LEVELS), np.int32)
    assert book.frames(events, *frames) == packets
    # The log opens with a packet of the session's phase and one of the opening snapshot.
    assert packets == ROWS + 2
    return frames[0, 2:], frames[1, 2:], book


def test_book_with_revealed_levels_equals_the_file_at_every_row(log, exchange_book):
    ticks, lots, book = rebuilt(log.events)
    assert (ticks == exchange_book[0]).all()
    assert (lots == exchange_book[1]).all()
    assert book.is_sound()
    for name in ("excess_quantity", "duplicate_order", "unknown_quantity", "zero_quantity",
                 "no_side", "off_grid", "repeated_level"):
        assert book.counters[name] == 0, name


class KnownRegion:
    """The prices of one side about which the messages alone have told everything.

    Keys are prices for which larger is better. The file holds exactly the messages that change one
    of the ten best levels of a side. The opening snapshot shows everything down to its tenth
    level, the first *edge*: all keys at or above the edge are known. After that

    * the edge stays where it is as long as fewer than ten levels lie at or above it: each of them
      is among the ten best, so each change of it is a message;
    * a tenth level above the edge hides what lies beyond it: the edge moves to that level;
    * a visible execution happens at the best price, so nothing better than it can be there, and an
      order added on the other side proves that nothing is there at its price or better. The edge
      moves out to what is proven empty: the best price has moved through.

    A level below the edge is undetermined. (What the book holds there, left from messages about
    orders whose level was only partly seen, is deleted when it is proven empty.)
    """

    def __init__(self, edge):
        self.edge = edge

    def prove_empty(self, key):
        """Nothing is at `key` or better of what was unknown; the keys that this adds."""
        added = range(key, self.edge)
        self.edge = min(self.edge, key)
        return added

    def hide_beyond(self, tenth_key):
        self.edge = max(self.edge, tenth_key)


def delete(side, price):
    record = np.zeros(1, EVENT_DTYPE)
    record["kind"], record["side"], record["price_ticks"] = Kind.LEVEL_SET, side, price
    return record


def follow_messages(events):
    """Frames after each message and the edges then, as keys, shape (rows, 2)."""
    book = BookKernel()
    opening = int(np.flatnonzero(events["flags"] & Flag.SNAP_END)[0]) + 1
    book.apply(events[:opening])
    seen = events[opening:]
    seen = seen[(seen["flags"] & Flag.REVEALED) == 0]
    assert len(seen) == ROWS
    assert (seen["kind"] != Kind.LEVEL_SET).all()
    frames = np.zeros((2, ROWS, 2, LEVELS), np.int32)
    edges = np.zeros((ROWS, 2), np.int64)
    ticks = book.frame()[0]
    known = {side: KnownRegion(side * int(ticks[row, -1])) for row, side in enumerate(SIDES)}
    rows = zip(seen["kind"].tolist(), seen["side"].tolist(), seen["price_ticks"].tolist(),
               strict=True)
    for k, (kind, side, price) in enumerate(rows):
        proven = ()
        if kind == Kind.ORDER_EXECUTE:
            proven = known[side].prove_empty(side * price + 1)
        elif kind == Kind.ORDER_ADD:
            side = -side
            proven = known[side].prove_empty(side * price)
        if proven:
            for left, _ in book.levels(side):
                if side * left in proven:
                    book.apply(delete(side, left))
        book.apply(seen[k:k + 1])
        frames[0, k], frames[1, k] = ticks, _ = book.frame()
        for row, side in enumerate(SIDES):
            known[side].hide_beyond(side * int(ticks[row, -1]))
            edges[k, row] = known[side].edge
    assert book.is_sound()
    return frames[0], frames[1], edges


def test_book_from_messages_alone_equals_the_file_wherever_messages_can_tell(log, exchange_book):
    ticks, lots, edges = follow_messages(log.events)
    for row, side in enumerate(SIDES):
        ours = side * ticks[:, row].astype(np.int64)
        theirs = side * exchange_book[0][:, row]
        edge = edges[:, row, None]
        assert ((ours >= edge) == (theirs >= edge)).all()
        known = theirs >= edge
        assert (ours[known] == theirs[known]).all()
        assert (lots[:, row][known] == exchange_book[1][:, row][known]).all()
        print(f"{'bids' if side > 0 else 'asks'}: messages alone determine {known.mean():.1%} of "
              f"the levels, {known[:, 0].mean():.1%} of the best prices")
        assert known.mean() > LEAST_SHARE[side]
