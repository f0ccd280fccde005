"""Races under latency, as a table: what is sent when, what the market does, what we learn when.

Times in ms; the order and the cancel travel `entry`, the answers `response`.
"""

import pytest

from dreammaker.domain.orders import CancelOrder, ReplaceOrder, approve_replace
from dreammaker.domain.schema import Kind, Phase
from tests.unit.venue_world import BOOK, MS, approved, drain, records, venue

# name: entry, response, market rows (ms, side, price, lots), messages (ms, what), learnt
RACES = {
    "cancel arrives before the print": (
        10, 5, [(51, -1, 99, 1)], [(0, "buy 100"), (40, "cancel")],
        [(15, "ACCEPTED"), (55, "CANCELED")]),
    "print at the moment the cancel arrives comes first": (
        10, 5, [(50, -1, 99, 1)], [(0, "buy 100"), (40, "cancel")],
        [(15, "ACCEPTED"), (55, "FILLED"), (55, "CANCEL_REJECTED")]),
    "print while the cancel travels": (
        10, 5, [(45, -1, 99, 1)], [(0, "buy 100"), (40, "cancel")],
        [(15, "ACCEPTED"), (50, "FILLED"), (55, "CANCEL_REJECTED")]),
    "fill is not known yet when the cancel is sent": (
        10, 5, [(38, -1, 99, 1)], [(0, "buy 100"), (40, "cancel")],
        [(15, "ACCEPTED"), (43, "FILLED"), (55, "CANCEL_REJECTED")]),
    "partial fill, then the cancel takes the rest": (
        10, 5, [(45, -1, 100, 11)], [(0, "buy 100"), (40, "cancel")],
        [(15, "ACCEPTED"), (50, "FILLED"), (55, "CANCELED")]),
    "cancel right behind its order": (
        10, 5, [(60, -1, 99, 1)], [(0, "buy 100"), (0, "cancel")],
        [(15, "ACCEPTED"), (15, "CANCELED")]),
    "change moves the order away before the print": (
        10, 5, [(51, -1, 99, 1)], [(0, "buy 100"), (40, "change 98")],
        [(15, "ACCEPTED"), (55, "REPLACED")]),
    "change comes too late": (
        10, 5, [(50, -1, 99, 1)], [(0, "buy 100"), (40, "change 98")],
        [(15, "ACCEPTED"), (55, "FILLED"), (55, "REPLACE_REJECTED")]),
    "change and cancel keep their order": (
        10, 5, [(60, -1, 99, 1)], [(0, "buy 100"), (40, "change 98"), (40, "cancel")],
        [(15, "ACCEPTED"), (55, "REPLACED"), (55, "CANCELED")]),
    "order that arrives after the price has gone": (
        10, 5, [(9, -1, 99, 1)], [(0, "buy 100")], [(15, "ACCEPTED")]),
}


@pytest.mark.parametrize("race", RACES)
def test_race(race):
    entry, response, market, messages, learnt = RACES[race]
    rows = [(at * MS, Kind.TRADE, side, price, lots) for at, side, price, lots in market]
    broker = venue(records(*BOOK, *rows, (900 * MS, Kind.SESSION, 0, 0, 0, Phase.CONTINUOUS)),
                   entry=entry, response=response)
    for at, what in messages:
        if what == "cancel":
            broker.cancel(CancelOrder(1, at * MS), at * MS)
        elif what.startswith("change"):
            change = ReplaceOrder(1, 2, int(what.split()[1]), at * MS)
            broker.replace(approve_replace(change, at * MS), at * MS)
        else:
            broker.submit(approved(1, 1, 2, int(what.split()[1])), at * MS)
    found = [(report.local_ns // MS, report.kind.name) for report in drain(broker, 800 * MS)]
    assert found == learnt
