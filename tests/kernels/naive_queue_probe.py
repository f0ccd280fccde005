"""A market whose queues are lists, and probes followed by looking at the lists.

`planted_market` is an exchange of its own: every order and its place are known, so the truth of a
probe is where it stands in the list. `naive_outcomes` reads the same records slowly.
"""

import math
from dataclasses import dataclass, field

import numpy as np

from dreammaker.domain.schema import EVENT_DTYPE, Flag, Kind

NS = 1_000_000_000


def planted_market(seed: int, packets: int = 400, style: str = "lobster") -> np.ndarray:
    """Records of a small FIFO exchange; executions in LOBSTER's or in Databento's manner."""
    rng = np.random.default_rng(seed)
    books: dict[int, dict[int, list[list[int]]]] = {1: {}, -1: {}}
    rows: list[tuple] = []
    number, now = 0, NS

    def best(side: int) -> int:
        return max(books[side], key=lambda price: side * price)

    def add(side: int, price: int, lots: int, last: bool = True) -> None:
        nonlocal number
        number += 1
        books[side].setdefault(price, []).append([number, lots])
        rows.append((now, Kind.ORDER_ADD, side, price, lots, number, 0, last))

    def drop(side: int, price: int) -> None:
        if not books[side][price]:
            del books[side][price]

    for side in (1, -1):
        for level in range(1, 6):
            for _ in range(8):
                add(side, 100 - side * level, int(rng.integers(1, 6)))
    for _ in range(packets):
        now += int(rng.integers(1, NS // 2))
        side = int(rng.choice([1, -1]))
        what = rng.random()
        if what < 0.42 or min(len(books[1]), len(books[-1])) < 3:
            room = best(-1) - best(1)
            inside = 1 if room > 1 and rng.random() < 0.1 else 0
            price = best(side) + side * (inside or -int(rng.choice([0, 0, 0, 1, 2])))
            add(side, price, int(rng.integers(1, 6)))
        elif what < 0.7:
            price = best(side) if rng.random() < 0.6 else int(rng.choice(list(books[side])))
            queue = books[side][price]
            at = int(rng.integers(len(queue)))
            identity, lots = queue[at]
            gone = lots if rng.random() < 0.7 else int(rng.integers(1, lots + 1))
            queue[at][1] -= gone
            if queue[at][1] == 0:
                queue.pop(at)
            drop(side, price)
            rows.append((now, Kind.ORDER_CANCEL, side, price, gone, identity, 0, True))
        elif what < 0.78 and style == "dbn":
            price = int(rng.choice(list(books[side])))
            queue = books[side][price]
            at = int(rng.integers(len(queue)))
            identity, lots = queue[at]
            new = int(rng.integers(1, 7))
            if new > lots:
                queue.append([identity, new])
                queue.pop(at)
            else:
                queue[at][1] = new
            rows.append((now, Kind.ORDER_MODIFY, side, price, new, identity, 0, True))
        else:
            left = int(rng.integers(1, 9))
            packet: list[tuple] = []
            while left and len(books[side]) > 1:
                price = best(side)
                queue = books[side][price]
                lots = min(left, sum(entry[1] for entry in queue))
                if style == "dbn":
                    packet.append((now, Kind.TRADE, -side, price, lots, 0, 0, False))
                left -= lots
                while lots:
                    identity, stood = queue[0]
                    gone = min(lots, stood)
                    lots -= gone
                    queue[0][1] -= gone
                    if queue[0][1] == 0:
                        queue.pop(0)
                    packet.append((now, Kind.ORDER_CANCEL, side, price, gone, identity, 1, False)
                                  if style == "dbn" else
                                  (now, Kind.ORDER_EXECUTE, side, price, gone, identity, 0, True))
                drop(side, price)
            if packet:
                rows += [*packet[:-1], (*packet[-1][:-1], True)]
    events = np.zeros(len(rows), EVENT_DTYPE)
    for event, (time, kind, side, price, lots, identity, aux, last) in zip(events, rows,
                                                                           strict=True):
        event["exch_ns"] = event["local_ns"] = time
        event["kind"], event["side"], event["price_ticks"] = kind, side, price
        event["qty_lots"], event["order_id"], event["aux"] = lots, identity, aux
        event["flags"] = Flag.LAST if last else 0
    return events


@dataclass
class NaiveProbe:
    """One probe: its place is a mark in a list, its models are two numbers each."""

    index: int
    side: int
    price: int
    qty: int
    deadline: int
    shown: float
    ahead: list[float] = field(default_factory=list)
    reached: list[float] = field(default_factory=list)
    fill: list[int] = field(default_factory=list)


def behind_share(name: str, n: float, front: float, back: float) -> float:
    if front <= 0 or name == "risk_averse":
        return 1.0
    if back <= 0:
        return 0.0
    if name == "power":
        return back**n / (back**n + front**n)
    if name == "power_2":
        return back**n / (back + front)**n
    if name == "power_3":
        return 1 - (front / (front + back))**n
    if name == "log":
        return math.log1p(back) / (math.log1p(back) + math.log1p(front))
    return math.log1p(back) / math.log1p(back + front)


def packets_of(events: np.ndarray) -> list[np.ndarray]:
    ends = np.flatnonzero(events["flags"] & Flag.LAST) + 1
    return np.split(events, ends[:-1])


class NaiveMarket:
    """Single orders in lists, with the probes' marks among them."""

    def __init__(self, models: list[tuple[str, float, bool]]) -> None:
        self.models = models
        self.queues: dict[tuple[int, int], list[list]] = {}
        self.live: list[NaiveProbe] = []

    def best(self, side: int) -> int | None:
        prices = [price for (s, price), queue in self.queues.items()
                  if s == side and any(entry[1] for entry in queue)]
        return max(prices, key=lambda price: side * price) if prices else None

    def level(self, side: int, price: int) -> int:
        return sum(entry[1] for entry in self.queues.get((side, price), []))

    def join(self, index: int, side: int, qty: int, deadline: int) -> tuple[int, int] | None:
        bid, ask = self.best(1), self.best(-1)
        if bid is None or ask is None or bid >= ask:
            return None
        price = bid if side > 0 else ask
        shown = self.level(side, price)
        count = len(self.models)
        probe = NaiveProbe(index, side, price, qty, deadline, shown, [float(shown)] * count,
                           [0.0] * (count + 1), [-1] * (count + 1))
        self.live.append(probe)
        self.queues.setdefault((side, price), []).append([probe, 0])
        return price, shown

    def leave(self, probe: NaiveProbe) -> None:
        self.live.remove(probe)
        queue = self.queues[probe.side, probe.price]
        queue[:] = [entry for entry in queue if entry[0] is not probe]

    def reach(self, probe: NaiveProbe, m: int, lots: float, now: int) -> None:
        probe.reached[m] += max(lots, 0)
        if probe.reached[m] >= probe.qty - 1e-9 and probe.fill[m] < 0:
            probe.fill[m] = now

    def packet(self, records: np.ndarray, now: int) -> None:
        prints: dict[tuple[int, int], int] = {}
        for record in records:
            self.record(record, now)
            kind, side = int(record["kind"]), int(record["side"])
            if kind in (Kind.TRADE, Kind.ORDER_EXECUTE):
                passive = side if kind == Kind.ORDER_EXECUTE else -side
                key = passive, int(record["price_ticks"])
                prints[key] = prints.get(key, 0) + int(record["qty_lots"])
        for probe in list(self.live):
            self.settle(probe, prints, now)

    def record(self, record: np.void, now: int) -> None:
        kind, key = int(record["kind"]), (int(record["side"]), int(record["price_ticks"]))
        identity, lots = int(record["order_id"]), int(record["qty_lots"])
        if kind == Kind.ORDER_ADD:
            self.queues.setdefault(key, []).append([identity, lots])
        if kind not in (Kind.ORDER_CANCEL, Kind.ORDER_MODIFY, Kind.ORDER_EXECUTE):
            return
        queue = self.queues[key]
        at = next(i for i, entry in enumerate(queue) if entry[0] == identity)
        if kind == Kind.ORDER_MODIFY:
            if lots > queue[at][1]:
                queue.append([identity, lots])
                queue.pop(at)
            else:
                queue[at][1] = lots
            return
        if kind == Kind.ORDER_EXECUTE or record["aux"] == 1:
            for entry in queue[:at]:
                if isinstance(entry[0], NaiveProbe):
                    self.reach(entry[0], -1, lots, now)
        queue[at][1] -= lots
        if queue[at][1] == 0:
            queue.pop(at)

    def settle(self, probe: NaiveProbe, prints: dict[tuple[int, int], int], now: int) -> None:
        printed = prints.get((probe.side, probe.price), 0)
        through = any(passive == probe.side and probe.side * (probe.price - price) > 0
                      for passive, price in prints)
        after = self.level(probe.side, probe.price)
        drop = max(probe.shown - after, 0)
        explained = min(printed, drop)
        for m, (name, n, confirmed) in enumerate(self.models):
            moved = explained if confirmed else printed
            over = moved - probe.ahead[m]
            front = max(-over, 0.0)
            self.reach(probe, m, over, now)
            back = max(probe.shown - explained - front, 0.0)
            cancels = drop - explained
            behind = min(cancels * behind_share(name, n, front, back), back)
            front = max(front - (cancels - behind), 0.0)
            probe.ahead[m] = min(front, after)
        probe.shown = after
        other = self.best(-probe.side)
        if through or (other is not None and probe.side * (probe.price - other) >= 0):
            for m in range(len(probe.fill)):
                self.reach(probe, m, math.inf, now)


def naive_outcomes(events: np.ndarray, join_ns: list[int], sides: list[int], qty: list[int],
                   horizon_ns: int, models: list[tuple[str, float, bool]]
                   ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Fill times of shape (models + 1, probes), the truth last; ends; prices (-1 not placed)."""
    market = NaiveMarket(models)
    fills = np.full((len(models) + 1, len(join_ns)), -1, np.int64)
    ends = np.full(len(join_ns), -1, np.int64)
    prices = np.full(len(join_ns), -1, np.int64)
    waiting = list(range(len(join_ns)))
    now = 0

    def over(probe: NaiveProbe, time: int) -> None:
        market.leave(probe)
        fills[:, probe.index], ends[probe.index] = probe.fill, time

    for records in packets_of(events):
        now = int(records["exch_ns"][0])
        while waiting and join_ns[waiting[0]] < now:
            index = waiting.pop(0)
            placed = market.join(index, sides[index], qty[index], join_ns[index] + horizon_ns)
            if placed is not None:
                prices[index] = placed[0]
        for probe in list(market.live):
            if probe.deadline < now:
                over(probe, probe.deadline)
        market.packet(records, now)
        for probe in list(market.live):
            best = market.best(probe.side)
            away = best is not None and probe.side * (best - probe.price) > 0
            if away or min(probe.fill) >= 0:
                over(probe, now)
    for probe in list(market.live):
        over(probe, now)
    return fills, ends, prices
