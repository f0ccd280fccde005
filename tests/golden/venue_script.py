"""Reads and plays the table of venue scenarios (`venue_scenarios.txt` tells its language)."""

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dreammaker.domain.orders import OrderType, Reason, ReportKind, TimeInForce
from dreammaker.domain.schema import EVENT_DTYPE, Flag, Kind, Phase
from dreammaker.exchange.profile import profile_named

TABLE = Path(__file__).with_name("venue_scenarios.txt")
SIDES = {"buy": 1, "sell": -1, "bid": 1, "ask": -1, "?": 0}
NUMBER = r"-?\d+"
VENUE_KEYS = {"view": "view_levels", "assumed": "assumed_touch_lots", "max": "max_order_lots",
              "tunnel": "tunnel_ticks", "margin": "margin_micros", "equity": "equity_micros",
              "tick": "tick_value_micros", "fee": "fee_micros", "queue": "queue_kind",
              "prints": "queue_prints", "carry": "queue_carry"}


@dataclass
class Scenario:
    name: str
    steps: list[tuple[int, str, list[str]]]   # line, what happens, what is told


def scenarios():
    found = []
    for number, line in enumerate(TABLE.read_text("utf-8").splitlines(), 1):
        text = line.split("#")[0].rstrip()
        if text.startswith("== "):
            found.append(Scenario(text[3:], []))
        elif text.strip() and found:
            action, _, told = text.partition("=>")
            found[-1].steps.append((number, action.strip(),
                                    [item.strip() for item in told.split(",") if item.strip()]))
    return found


def level_records(text, side):
    return [event(Kind.LEVEL_SET, side, *(int(x) for x in item.split("x")[::1]), flags=0)
            for item in text.split()]


def event(kind, side=0, price=0, qty=0, *, flags=int(Flag.LAST), aux=0):
    record = np.zeros(1, EVENT_DTYPE)
    record["kind"], record["side"], record["price_ticks"], record["qty_lots"] = (
        kind, side, price, qty)
    record["flags"], record["aux"] = flags, aux
    return record


def records_of(action):
    """The records an action stands for; None where it is none of the market's."""
    word, _, rest = action.partition(" ")
    if word == "book":
        bids, asks = rest.split("|")
        records = level_records(bids, 1) + level_records(asks, -1)
    elif word == "level":
        side, rest = rest.split(" ", 1)
        records = level_records(rest, SIDES[side])
    elif word == "trade":
        side, qty, price = re.fullmatch(rf"(\S+) ({NUMBER})@({NUMBER})", rest).groups()
        records = [event(Kind.TRADE, SIDES[side], int(price), int(qty), flags=0)]
    elif word == "auction":
        qty, price = re.fullmatch(rf"({NUMBER})@({NUMBER})", rest).groups()
        records = [event(Kind.TRADE, 0, int(price), int(qty), flags=int(Flag.AUCTION))]
    elif word == "quote":
        bid, ask = rest.split()
        records = [event(Kind.QUOTE, 1, int(bid), -1, flags=0),
                   event(Kind.QUOTE, -1, int(ask), -1, flags=0)]
    elif word == "phase":
        records = [event(Kind.SESSION, aux=Phase[rest.upper()], flags=0)]
    else:
        return None
    records[-1]["flags"] |= np.uint32(Flag.LAST)
    return np.concatenate(records)


ORDER = re.compile(
    rf"(?P<number>\d+) (?P<side>buy|sell) (?P<qty>\d+)(@(?P<price>{NUMBER})| market)?"
    rf"( stop (?P<trigger>{NUMBER}))?(?P<words>( (ioc|fok|post|reduce))*)")


def order_of(action):
    """Arguments of `Matcher.arrive` but the time."""
    match = ORDER.fullmatch(action)
    assert match, f"no order: {action!r}"
    words = match["words"].split()
    has_price, has_trigger = match["price"] is not None, match["trigger"] is not None
    kind = {(False, False): OrderType.MARKET, (True, False): OrderType.LIMIT,
            (False, True): OrderType.STOP, (True, True): OrderType.STOP_LIMIT}[
        has_price, has_trigger]
    tif = (TimeInForce.IOC if "ioc" in words else TimeInForce.FOK if "fok" in words
           else TimeInForce.DAY)
    return ((int(match["number"]), SIDES[match["side"]], kind, int(match["price"] or 0),
             int(match["qty"]), tif),
            {"post_only": "post" in words, "reduce_only": "reduce" in words,
             "trigger_ticks": int(match["trigger"] or 0)})


def settings_of(text):
    settings = {"view_levels": 10, "assumed_touch_lots": 5}
    words = text.split()
    for key, value in zip(words[::2], words[1::2], strict=True):
        if key == "profile":
            settings["capabilities"] = profile_named(value).capabilities
        elif key == "band":
            settings["band_low"], settings["band_high"] = map(int, value.split(".."))
        elif key == "self":
            settings["reject_self_trade"] = int(value == "reject")
        elif key == "impact":
            settings["impact"] = {name: float(number) for name, number in (
                pair.split("=") for pair in value.split(","))}
        else:
            settings[VENUE_KEYS[key]] = int(value)
    return settings


def told(kind, number, qty, price, leaves, reason):
    """An outcome in the table's words."""
    name = ReportKind(kind).name.lower()
    if kind == ReportKind.FILLED:
        return f"{number} filled {qty}@{price}"
    if kind == ReportKind.REPLACED:
        return f"{number} replaced {leaves}@{price}"
    return f"{number} {name}" + (f" {Reason(reason).name.lower()}" if reason else "")


class Player:
    """Plays one scenario on a matcher of a kind."""

    def __init__(self, kind):
        self.kind, self.now = kind, 0
        self.matcher = kind(view_levels=10, assumed_touch_lots=5)

    def play(self, action):
        """What is told of an action: outcomes, or the state asked for."""
        self.now += 1
        word, _, rest = action.partition(" ")
        matcher = self.matcher
        if word == "venue":
            self.matcher = self.kind(**settings_of(rest))
            return []
        if word in ("ahead", "working", "position", "fees", "cash", "impact", "queue"):
            return [self.state(word, rest)]
        records = records_of(action)
        if records is not None:
            found, at = [], 0
            times = np.full(len(records), self.now)
            while at < len(records):
                at = matcher.advance(records, times, at, self.now)
                found += matcher.take_outcomes()
        else:
            if word == "cancel":
                matcher.cancel(int(rest), self.now)
            elif word == "replace":
                number, qty, price = re.fullmatch(rf"(\d+) (\d+)@({NUMBER})", rest).groups()
                matcher.replace(int(number), int(qty), int(price), self.now)
            else:
                arguments, more = order_of(action)
                matcher.arrive(*arguments, self.now, **more)
            found = matcher.take_outcomes()
        return [told(*row[:5], row[8]) for row in found]

    def state(self, word, rest):
        matcher = self.matcher
        if word == "ahead":
            return f"{dict((row[0], row[4]) for row in matcher.resting_orders)[int(rest)]:g}"
        if word == "working":
            return " ".join(f"{row[0]}:{row[3]}@{row[2]}" for row in matcher.resting_orders)
        if word == "impact":
            return str(matcher.impact_tick_lots)
        return str(matcher.account[("position", "cash", "fees").index(word)])
