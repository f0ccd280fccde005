"""The matching rules again, plainly: dictionaries, lists, one record at a time."""

from dataclasses import dataclass

from dreammaker.domain.orders import Reason, ReportKind, TimeInForce
from dreammaker.domain.schema import Flag, Kind, Phase
from tests.kernels.naive_book import NaiveBook

ASSUMED_STEPS = 10
FRAME = 10
MAX_RESTING = 256
OUT_OF_VIEW = 2**31 - 1


@dataclass
class Resting:
    order_id: int
    side: int
    price: int
    remaining: int
    ahead: int


class NaiveMatcher:
    """Same interface and rules as `Matcher`."""

    def __init__(self, *, view_levels, assumed_touch_lots):
        self.view, self.assumed = view_levels, assumed_touch_lots
        self.book = NaiveBook()
        self.quotes = {1: None, -1: None}
        self.phase = Phase.CONTINUOUS
        self.resting = []
        self.taken = {}
        self.outcomes = []

    @property
    def outcome_count(self):
        return len(self.outcomes)

    @property
    def continuous(self):
        return self.phase == Phase.CONTINUOUS

    @property
    def is_full(self):
        return len(self.resting) >= MAX_RESTING

    @property
    def resting_orders(self):
        return [(o.order_id, o.side, o.price, o.remaining, o.ahead) for o in self.resting]

    @property
    def taken_levels(self):
        return [(side, price, lots) for (side, price), lots in self.taken.items()]

    def advance(self, events, times, start, until_ns):
        records = events[start:].tolist()
        index = start
        for record, time_ns in zip(records, times[start:].tolist(), strict=True):
            if time_ns > until_ns:
                break
            self._record(record, time_ns)
            index += 1
            if self.outcomes:
                break
        return index

    def take_outcomes(self):
        taken, self.outcomes = self.outcomes, []
        return taken

    def cancel(self, order_id):
        for order in self.resting:
            if order.order_id == order_id:
                self.resting.remove(order)
                return order.remaining
        return -1

    def arrive(self, order_id, side, is_market, price, qty, tif, time_ns):
        limit = None if is_market else price
        if tif == TimeInForce.FOK and sum(
                lots for _, lots in self._there(side, limit, qty)) < qty:
            self._end(ReportKind.CANCELED, order_id, time_ns, Reason.FOK_NOT_FILLABLE)
            return
        for level, lots in self._there(side, limit, qty):
            self._remember(-side, level, lots)
            qty -= lots
            self._fill(order_id, lots, level, qty, time_ns, maker=False)
        if qty and is_market:
            self._end(ReportKind.CANCELED, order_id, time_ns, Reason.NO_LIQUIDITY)
        elif qty and tif == TimeInForce.IOC:
            self._end(ReportKind.CANCELED, order_id, time_ns, Reason.REMAINDER_CANCELED)
        elif qty:
            if self.is_full:
                raise ValueError("full")
            ahead = self._shown(side, price) if self._in_view(side, price) else OUT_OF_VIEW
            self.resting.append(Resting(order_id, side, price, qty, ahead))

    def best(self):
        return tuple(levels[0][0] if levels else None
                     for levels in (self._levels(1), self._levels(-1)))

    # What the source shows.

    def _levels(self, side):
        if self.view:
            return self.book.levels(side, FRAME)
        quote = self.quotes[side]
        return [] if quote is None else [
            (quote - side * step, self.assumed) for step in range(ASSUMED_STEPS)]

    def _shown(self, side, price):
        if self.view:
            return self.book.sides[side].get(price, 0)
        quote = self.quotes[side]
        return self.assumed if quote is not None and side * (price - quote) <= 0 else 0

    def _in_view(self, side, price):
        if self.view == 0 or self.view > FRAME:
            return True
        levels = self.book.levels(side, self.view)
        return len(levels) < self.view or side * (price - levels[-1][0]) >= 0

    def _there(self, side, limit, qty):
        """Levels an order of a side can take: (price, lots)."""
        found = []
        for price, shown in self._levels(-side):
            if limit is not None and side * (price - limit) > 0:
                break
            lots = min(qty, max(shown - self.taken.get((-side, price), 0), 0))
            if lots:
                found.append((price, lots))
                qty -= lots
        return found

    def _remember(self, side, price, lots):
        self.taken[side, price] = self.taken.get((side, price), 0) + lots

    def _refill(self):
        for (side, price), taken in list(self.taken.items()):
            if not self._in_view(side, price):
                continue
            self.taken[side, price] = min(taken, self._shown(side, price))
            if not self.taken[side, price]:
                del self.taken[side, price]

    # Records.

    def _record(self, record, time_ns):
        price, qty, flags, kind, side, aux = (record[5], record[6], record[8], record[11],
                                              record[12], record[13])
        if kind == Kind.QUOTE and side:
            there = qty != 0 and not flags & Flag.OFF_GRID and abs(price) < 2**30
            self.quotes[side] = price if there else None
        elif kind == Kind.SESSION:
            self.phase = aux
            if aux == Phase.CLOSED:
                for order in self.resting:
                    self._end(ReportKind.EXPIRED, order.order_id, time_ns, Reason.SESSION_END)
                self.resting = []
        elif kind == Kind.CLEAR and not self.view:
            self.quotes = {1: None, -1: None}
        elif self.view:
            assert self.book.apply_one(record) == 0
        if flags & Flag.LAST:
            self._refill()
        if kind in (Kind.TRADE, Kind.ORDER_EXECUTE) and self.continuous:
            passive = side if kind == Kind.ORDER_EXECUTE else -side
            self._print(passive, price, max(qty, 0), flags, time_ns)
        if flags & Flag.LAST:
            self._packet_end(time_ns)

    def _print(self, passive, price, lots, flags, time_ns):
        if flags & Flag.OFF_GRID:
            return
        ours = 0
        for order in self.resting:
            if passive not in (0, order.side):
                continue
            if order.side * (order.price - price) > 0:
                order.ahead = 0
                self._make(order, order.remaining, time_ns)
            elif order.price == price:
                passed = lots - ours
                reaching = min(max(passed - order.ahead, 0), order.remaining)
                order.ahead = max(order.ahead - passed, 0)
                ours += reaching
                if reaching:
                    self._make(order, reaching, time_ns)
        self.resting = [order for order in self.resting if order.remaining]

    def _packet_end(self, time_ns):
        for order in self.resting:
            if self._in_view(order.side, order.price):
                order.ahead = min(order.ahead, self._shown(order.side, order.price))
            if not self.continuous:
                continue
            met = 0
            for price, lots in self._there(order.side, order.price, order.remaining):
                self._remember(-order.side, price, lots)
                met += lots
            if met:
                self._make(order, met, time_ns)
        self.resting = [order for order in self.resting if order.remaining]

    def _make(self, order, lots, time_ns):
        order.remaining -= lots
        self._fill(order.order_id, lots, order.price, order.remaining, time_ns, maker=True)

    def _fill(self, order_id, lots, price, leaves, time_ns, *, maker):
        self.outcomes.append((int(ReportKind.FILLED), order_id, lots, price, leaves, maker,
                              time_ns, 0))

    def _end(self, kind, order_id, time_ns, reason):
        self.outcomes.append((int(kind), order_id, 0, 0, 0, False, time_ns, int(reason)))


