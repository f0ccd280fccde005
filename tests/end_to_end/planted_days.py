"""Short sessions of WIN as a MetaTrader tick export, with an edge planted in them or shuffled out.

Nine prints in ten are of one side for a minute and a half, and the price follows them by a tick
every three seconds: a bet of a minute gains tens of points where a round trip costs eight.
Without the edge the same prints meet the same moves of the price in another order.
"""

from datetime import date, datetime, timedelta
from pathlib import Path

import numpy as np

from dreammaker.domain.calendar import phases
from dreammaker.domain.instrument import Instrument

SYMBOL = "WINJ26"
SESSIONS = 60
MINUTES = 18
_HEADER = "<DATE>\t<TIME>\t<BID>\t<ASK>\t<LAST>\t<VOLUME>\t<FLAGS>"
_TICK = 5
_STATE_S = 90
_BUY, _SELL, _QUOTES = 56, 88, 6


def days() -> list[date]:
    """The first sessions of 2026."""
    found, day, instrument = [], date(2026, 1, 5), Instrument.named(SYMBOL)
    while len(found) < SESSIONS:
        if phases(day, instrument):
            found.append(day)
        day += timedelta(days=1)
    return found


def write_days(path: Path, *, edge: bool, seed: int = 1) -> Path:
    """One export of all days: a quote and two prints every second."""
    rows = [_HEADER]
    for number, day in enumerate(days()):
        rows += _session(day, np.random.default_rng([seed, number]), edge=edge)
    path.write_bytes(("\r\n".join(rows) + "\r\n").encode())
    return path


def _session(day: date, rng: np.random.Generator, *, edge: bool) -> list[str]:
    seconds = 60 * MINUTES
    state = np.repeat(rng.choice([-1, 1], seconds // _STATE_S + 1), _STATE_S)[:seconds]
    moves = rng.choice([-1, 0, 0, 1], seconds) + state * (rng.random(seconds) < 1 / 3)
    if not edge:
        moves = rng.permutation(moves) * rng.choice([-1, 1], seconds)
    bid = 130_000 + _TICK * np.cumsum(moves)
    side = np.where(rng.random((seconds, 2)) < 0.9, state[:, None], -state[:, None])
    lots = rng.integers(1, 6, (seconds, 2))
    open_at = datetime(day.year, day.month, day.day, 9, 5)
    rows = []
    for second in range(seconds):
        at = open_at + timedelta(seconds=second)
        head, clock = at.strftime("%Y.%m.%d"), at.strftime("%H:%M:%S")
        price = int(bid[second])
        rows.append(f"{head}\t{clock}.000\t{price}\t{price + _TICK}\t\t\t{_QUOTES}")
        for number in range(2):
            buys = side[second, number] > 0
            last = price + _TICK if buys else price
            rows.append(f"{head}\t{clock}.{300 * (number + 1)}\t\t\t{last}\t"
                        f"{lots[second, number]}\t{_BUY if buys else _SELL}")
    return rows
