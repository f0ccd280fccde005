"""The venue again, plainly: how records move and fill our orders, one at a time."""

from types import SimpleNamespace

from dreammaker.domain.orders import Liquidity, OrderType, Reason, ReportKind, TimeInForce
from dreammaker.domain.schema import Flag, Kind, Phase
from tests.kernels.naive_book import NaiveBook
from tests.kernels.naive_orders import FRAME, NaiveOrders, Resting, is_auction
from tests.kernels.naive_queue import FIFO, NaiveArrivals

FACTOR, MASK = 0x9E3779B97F4A7C15, 2**64 - 1


def mix(value, *words):
    for word in words:
        value = ((value ^ (int(word) & MASK)) * FACTOR) & MASK
        value ^= value >> 29
    return value


class NaiveMatcher(NaiveOrders):
    """Same interface and rules as `Matcher`."""

    def __init__(self, *, view_levels, assumed_touch_lots, capabilities=8189, reject_self_trade=0,
                 max_order_lots=2**31 - 1, band_low=-2**31, band_high=2**31 - 1, tunnel_ticks=0,
                 margin_micros=0, equity_micros=0, tick_value_micros=1, fee_micros=0,
                 queue_kind=0, queue_n=3.0, queue_prints=0, queue_print_share=1.0, queue_carry=0):
        self.view, self.assumed, self.can = view_levels, assumed_touch_lots, capabilities
        self.reject_self_trade, self.max_order_lots = reject_self_trade, max_order_lots
        self.band, self.tunnel = (band_low, band_high), tunnel_ticks
        self.margin, self.equity, self.tick_value = margin_micros, equity_micros, tick_value_micros
        self.fee = fee_micros
        self.model = SimpleNamespace(kind=queue_kind, n=queue_n, prints=queue_prints,
                                     share=queue_print_share if queue_prints == 2 else 1.0,
                                     carry=queue_carry)
        self.book, self.arrivals = NaiveBook(), NaiveArrivals()
        self.quotes = {1: None, -1: None}
        self.phase, self.last = Phase.CONTINUOUS, None
        self.resting, self.stops, self.taken, self.outcomes = [], [], {}, []
        self.position = self.cash = self.fees = 0

    @property
    def outcome_count(self):
        return len(self.outcomes)

    @property
    def continuous(self):
        return self.phase == Phase.CONTINUOUS

    @property
    def collecting(self):
        return is_auction(self.phase)

    @property
    def resting_orders(self):
        return [(o.order_id, o.side, o.price, o.remaining, o.queue.ahead) for o in self.resting]

    @property
    def stop_orders(self):
        return [(o.order_id, o.side, o.trigger, o.remaining) for o in self.stops]

    @property
    def taken_levels(self):
        return [(side, price, lots) for (side, price), lots in self.taken.items()]

    @property
    def account(self):
        return self.position, self.cash, self.fees

    @property
    def last_trade(self):
        return self.last

    def state_hash(self):
        value = mix(int(self.phase), 2**31 - 1 if self.last is None else self.last)
        for order in self.resting:
            value = self._mix_order(value, order)
            value = mix(value, int(order.queue.ahead * 4096) if order.placed else -1)
        for order in self.stops:
            value = self._mix_order(value, order)
        for (side, price), lots in self.taken.items():
            value = mix(value, side, price, lots)
        return mix(value, self.position, self.cash, self.fees)

    @staticmethod
    def _mix_order(value, o):
        return mix(value, o.order_id, o.side, o.order_type, o.tif, o.qty, o.price, o.trigger,
                   o.post_only + 2 * o.reduce_only + 4 * o.hit, o.remaining)

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

    def best(self):
        return tuple(levels[0][0] if levels else None
                     for levels in (self._levels(1), self._levels(-1)))

    def _in_view(self, side, price):
        if self.view == 0 or self.view > FRAME:
            return True
        levels = self.book.levels(side, self.view)
        return len(levels) < self.view or side * (price - levels[-1][0]) >= 0

    def _refill(self):
        for (side, price), taken in list(self.taken.items()):
            if not self._in_view(side, price):
                continue
            self.taken[side, price] = min(taken, self._shown(side, price))
            if not self.taken[side, price]:
                del self.taken[side, price]

    def _record(self, record, time_ns):
        order_id, price, qty, flags, kind, side, aux = (
            record[4], record[5], record[6], record[8], record[11], record[12], record[13])
        self.now = time_ns
        if kind == Kind.QUOTE and side:
            there = qty != 0 and not flags & Flag.OFF_GRID and abs(price) < 2**30
            self.quotes[side] = price if there else None
        elif kind == Kind.SESSION:
            self._phase(aux)
        elif kind == Kind.CLEAR and not self.view:
            self.quotes = {1: None, -1: None}
        elif self.view:
            assert self.book.apply_one(record) == 0
        if self.view and self.model.kind == FIFO and (
                kind <= Kind.CLEAR or kind == Kind.TRADE) and (
                not flags & (Flag.HIDDEN | Flag.OFF_GRID)):
            gone = self.arrivals.apply(kind, order_id, side, price, qty, aux,
                                       flags & Flag.SNAP_BEGIN)
            if gone:
                self._leave_queue(*gone)
        if flags & Flag.LAST:
            self._refill()
        if kind in (Kind.TRADE, Kind.ORDER_EXECUTE) and not flags & Flag.OFF_GRID:
            self.last = price
            self._print(kind, side, price, qty, flags)
        for order in self.resting:
            all_prices = kind in (Kind.QUOTE, Kind.CLEAR) or (
                kind == Kind.SNAPSHOT and flags & Flag.SNAP_END)
            single = kind < Kind.CLEAR and kind != Kind.SNAPSHOT and (
                order.side, order.price) == (side, price)
            order.told = order.told or bool(all_prices or single)
        if flags & Flag.LAST:
            self._packet_end()

    def _print(self, kind, side, price, qty, flags):
        if flags & Flag.AUCTION or is_auction(self.phase):
            self._auction(price, qty)
        elif self.continuous:
            self._trade(kind, side if kind == Kind.ORDER_EXECUTE else -side, price, max(qty, 0))
        else:
            return
        for stop in self.stops:
            stop.hit = stop.hit or stop.side * (price - stop.trigger) >= 0

    def _auction(self, price, qty):
        for side in (1, -1):
            left = qty if qty >= 0 else 2**63
            served = [o for o in self.resting if o.side == side and (
                o.order_type == OrderType.MARKET or side * (o.price - price) > 0)]
            served.sort(key=lambda o: (o.order_type != OrderType.MARKET,
                                       0 if o.order_type == OrderType.MARKET
                                       else -o.side * o.price))
            for order in served:
                lots = min(left, order.remaining)
                left -= lots
                if lots:
                    self._fill(order, lots, price, Liquidity.NONE)
        self._sweep()

    def _trade(self, kind, passive, price, lots):
        ours = 0
        for i, order in enumerate(self.resting):
            if passive not in (0, order.side):
                continue
            if order.side * (order.price - price) > 0:
                self._make(order, order.remaining)
            elif order.price == price and lots and order.placed and not (
                    self.model.kind == FIFO and kind == Kind.ORDER_EXECUTE):
                reaching = min(order.queue.print_lots(lots, ours), order.remaining)
                self._behind(i)
                ours += reaching
                self._make(order, reaching)
        self._sweep()

    def _leave_queue(self, rank, side, price, lots, executed):
        ours = 0
        for order in self.resting:
            if (order.side, order.price) == (side, price) and (
                    order.order_type != OrderType.MARKET):
                reaching = min(order.queue.order_left(rank < order.queue.rank, lots,
                                                      executed and self.continuous, ours),
                               order.remaining)
                ours += reaching
                self._make(order, reaching)
        self._sweep()

    def _behind(self, index):
        order = self.resting[index]
        for earlier in reversed(self.resting[:index]):
            # An order that the same print filled is gone.
            if earlier.remaining and (earlier.side, earlier.price) == (order.side, order.price):
                order.queue.ahead = max(order.queue.ahead, earlier.queue.ahead)
                return

    def _packet_end(self):
        got = []
        for i, order in enumerate(self.resting):
            got.append(0)
            if not self._in_view(order.side, order.price):
                continue
            shown = self._shown(order.side, order.price)
            if not order.placed:
                self._place(order)
                continue
            if order.told or shown != order.queue.shown:
                ours = sum(lots for lots, o in zip(got, self.resting, strict=False)
                           if (o.side, o.price) == (order.side, order.price))
                reaching = order.queue.level(shown, ours)
                self._behind(i)
                got[i] = min(reaching, order.remaining) if self.continuous else 0
                order.told = False
            order.queue.end_packet()
        for order, lots in zip(self.resting, got, strict=True):
            self._make(order, lots)
        self._sweep()
        if not self.continuous:
            return
        for order in self.resting:
            met = 0
            for price, lots in self._there(order.side, order.price, order.remaining):
                self._remember(-order.side, price, lots)
                met += lots
            self._make(order, met)
        self._sweep()
        for stop in [stop for stop in self.stops if stop.hit]:
            self.stops.remove(stop)
            self._fire(stop)

    def _make(self, order, lots):
        if lots:
            self._fill(order, lots, order.price, Liquidity.MAKER)

    def _sweep(self):
        self.resting = [order for order in self.resting if order.remaining]

    def _phase(self, phase):
        before, self.phase = self.phase, phase
        if phase == Phase.CLOSED:
            for order in [*self.resting, *self.stops]:
                self._end(ReportKind.EXPIRED, order, Reason.SESSION_END)
            self.resting, self.stops = [], []
        elif is_auction(before) and not is_auction(phase):
            for order in self.resting:
                if order.order_type == OrderType.MARKET:
                    self._end(ReportKind.CANCELED, order, Reason.NO_LIQUIDITY)
            self.resting = [o for o in self.resting if o.order_type != OrderType.MARKET]

    # Commands.

    def arrive(self, order_id, side, order_type, price, qty, tif, time_ns, *, post_only=False,
               trigger_ticks=0, reduce_only=False):
        self.now = time_ns
        self._arrive(Resting(order_id, side, OrderType(order_type), TimeInForce(tif), qty, price,
                             trigger_ticks, post_only, reduce_only, qty))
