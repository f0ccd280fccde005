"""`Tick` and `OrderBook`: hand values and refusals."""

import math

import numpy as np
import pytest

from dreammaker.domain.instrument import Instrument
from dreammaker.domain.market import OrderBook, Tick
from dreammaker.domain.schema import EVENT_DTYPE, Kind

WIN = Instrument.win()


def record(kind: Kind, side: int, price: int, quantity: int) -> np.void:
    events = np.zeros(1, EVENT_DTYPE)
    events["kind"], events["side"], events["price_ticks"] = kind, side, price
    events["qty_lots"], events["exch_ns"] = quantity, 1_000_000_000
    return events[0]


def test_tick_when_quotes_and_trades_follow_then_carries_the_quotes() -> None:
    tick = Tick(0)
    assert math.isnan(tick.mid_price) and not tick.is_trade
    tick = tick.after(record(Kind.QUOTE, 1, 26_000, -1), WIN)
    tick = tick.after(record(Kind.QUOTE, -1, 26_001, -1), WIN)
    assert (tick.bid, tick.ask, tick.mid_price, tick.spread) == (
        130_000.0, 130_005.0, 130_002.5, 5.0)
    trade = tick.after(record(Kind.TRADE, -1, 26_000, 3), WIN)
    assert (trade.last, trade.volume, trade.side, trade.is_trade) == (130_000.0, 3, -1, True)
    assert (trade.bid, trade.ask, trade.time.isoformat()) == (
        130_000.0, 130_005.0, "1970-01-01T00:00:01+00:00")
    # A resting ask was executed: the aggressor bought.
    assert tick.after(record(Kind.ORDER_EXECUTE, -1, 26_001, 2), WIN).side == 1
    empty = trade.after(record(Kind.QUOTE, 1, 0, 0), WIN)
    assert math.isnan(empty.bid) and empty.ask == 130_005.0 and not empty.is_trade


def test_order_book_when_sizes_differ_then_micro_price_leans_to_the_thin_side() -> None:
    book = OrderBook(bids=[(130_000.0, 30), (129_995.0, 1)], asks=[(130_005.0, 10)])
    # (130000 * 10 + 130005 * 30) / 40
    assert book.micro_price == 130_003.75
    assert (book.mid_price, book.spread, book.is_crossed) == (130_002.5, 5.0, False)
    assert OrderBook([(10.0, 1)], [(10.0, 1)]).is_crossed


def test_order_book_when_a_side_is_empty_then_nan() -> None:
    book = OrderBook(bids=[(130_000.0, 30)])
    assert book.best_bid == 130_000.0
    assert all(math.isnan(value) for value in (
        book.best_ask, book.mid_price, book.spread, book.micro_price, OrderBook().best_bid))
    assert not book.is_crossed


@pytest.mark.parametrize(("bids", "asks", "says"), [
    ([(10.0, 1), (11.0, 1)], [], "bids must be in order"),
    ([(10.0, 1), (10.0, 1)], [], "bids must be in order"),
    ([], [(11.0, 1), (10.0, 1)], "asks must be in order"),
    ([(10.0, 0)], [], "quantities above 0"), ([(10.0, math.nan)], [], "quantities above 0"),
    ([(math.nan, 1), (9.0, 1)], [], "bids must be in order")])
def test_order_book_when_levels_are_wrong_then_value_error(bids, asks, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        OrderBook(bids, asks)
