"""The venue's rules for orders again, plainly: refusals, taking, resting, changes, stops."""

from dataclasses import dataclass, replace

from dreammaker.domain.orders import Liquidity, OrderType, Reason, ReportKind, TimeInForce
from dreammaker.domain.schema import Phase
from tests.kernels.naive_queue import FIFO, NaiveQueue

ASSUMED_STEPS = 10
FRAME = 10
MAX_RESTING = 256
OUT_OF_VIEW = 2**31 - 1
MARKET, LIMIT, STOP, STOP_LIMIT = OrderType
IOC, FOK = TimeInForce.IOC, TimeInForce.FOK


def is_auction(phase):
    return phase in (Phase.PRE_OPEN, Phase.AUCTION, Phase.CLOSING_CALL)


@dataclass(eq=False)
class Resting:
    order_id: int
    side: int
    order_type: OrderType
    tif: TimeInForce
    qty: int
    price: int
    trigger: int
    post_only: bool
    reduce_only: bool
    remaining: int
    placed: bool = False
    told: bool = False
    hit: bool = False
    queue: NaiveQueue | None = None


class NaiveOrders:
    """What `NaiveMatcher` does with orders."""

    @property
    def is_full(self):
        return len(self.resting) + len(self.stops) >= MAX_RESTING

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

    def _there(self, side, limit, qty):
        """Levels an order of a side can take: (price, lots)."""
        found = []
        bids, asks = self._levels(1), self._levels(-1)
        if bids and asks and bids[0][0] > asks[0][0]:
            return found
        for price, shown in self._levels(-side):
            if side * (price - limit) > 0:
                break
            lots = min(qty, max(shown - self.taken.get((-side, price), 0), 0))
            if lots:
                found.append((price, lots))
                qty -= lots
        return found

    def _remember(self, side, price, lots):
        self.taken[side, price] = self.taken.get((side, price), 0) + lots

    # What a refusal asks.

    def _worst(self, order):
        if order.order_type in (LIMIT, STOP_LIMIT):
            return order.price
        worst = self.band[order.side > 0]
        if self.tunnel and self.last is not None:
            bound = self.last + order.side * self.tunnel
            worst = min(worst, bound) if order.side > 0 else max(worst, bound)
        return worst

    def _own(self, side, price):
        return [o for o in self.resting if o.side == -side and o.order_type != MARKET
                and side * (o.price - price) <= 0]

    def _would_take(self, order):
        worst = self._worst(order)
        return bool(self._own(order.side, worst) or self._there(order.side, worst, 1))

    def _would_meet_own(self, order, lots):
        own = self._own(order.side, self._worst(order))
        if not own:
            return False
        nearest = min(order.side * o.price for o in own) * order.side
        better = self._there(order.side, nearest - order.side, lots)
        return sum(got for _, got in better) < lots

    def _supported(self, order):
        is_market = order.order_type in (MARKET, STOP)
        bits = {MARKET: 1 | (2 if order.reduce_only else 0), LIMIT: 4, STOP: 8, STOP_LIMIT: 16}
        if not self.can & bits[order.order_type]:
            return False
        if order.post_only and (is_market or not self.can & 128):
            return False
        if order.tif == IOC:
            return bool(self.can & (32 if is_market else 2048))
        if order.tif == FOK:
            return bool(self.can & (64 if is_market else 4096))
        return True

    def _in_band(self, order, live):
        if order.order_type in (MARKET, STOP):
            return True
        low, high = self.band
        past = 0 if self.last is None else order.side * (order.price - self.last)
        return low <= order.price <= high and not (live and self.tunnel and past > self.tunnel)

    def _exposure(self, side, lots):
        exposed = {1: self.position, -1: -self.position}
        for order in [*self.resting, *self.stops]:
            exposed[order.side] += order.remaining
        exposed[side] += lots
        return max(exposed.values())

    def _has_margin(self, side, more):
        after = self._exposure(side, more)
        if not self.margin or after <= self._exposure(side, 0):
            return True
        mark = 0
        if self.position:
            best = self.best()[self.position < 0]
            mark = best if best is not None else self.last or 0
        equity = self.equity - self.fees + self.tick_value * (self.cash + self.position * mark)
        return after * self.margin <= equity

    def _refusal(self, order, lots, working):
        live = self.phase == Phase.CONTINUOUS
        is_stop = order.order_type in (STOP, STOP_LIMIT)
        if self.phase == Phase.HALT:
            return Reason.HALTED
        if not live and not (is_auction(self.phase) and self.can & 1024
                             and order.tif == TimeInForce.DAY and not order.post_only):
            return Reason.MARKET_CLOSED
        if not self._supported(order):
            return Reason.NOT_SUPPORTED
        if lots > self.max_order_lots:
            return Reason.OFF_LOT
        if not self._in_band(order, live and not is_stop):
            return Reason.PRICE_BAND
        if not self._has_margin(order.side, lots - working):
            return Reason.NO_MARGIN
        rests = is_stop or not live or (order.order_type == LIMIT
                                        and order.tif == TimeInForce.DAY)
        if not working and rests and self.is_full:
            return Reason.TOO_MANY_ORDERS
        if live and not is_stop:
            if order.post_only and self._would_take(order):
                return Reason.WOULD_TAKE
            if self.reject_self_trade and self._would_meet_own(order, lots):
                return Reason.SELF_TRADE
        return Reason.NONE

    # What an order does.

    def _arrive(self, order):
        reason = self._refusal(order, order.qty, 0)
        if reason:
            self._tell(ReportKind.REJECTED, order.order_id, reason=reason)
            return
        self._tell(ReportKind.ACCEPTED, order.order_id, leaves=order.qty)
        if order.order_type not in (STOP, STOP_LIMIT):
            self._execute(order)
            return
        order.hit = self.last is not None and order.side * (self.last - order.trigger) >= 0
        if order.hit and self.phase == Phase.CONTINUOUS:
            order.hit = False
            self._fire(order)
        else:
            self.stops.append(order)

    def _execute(self, order):
        if self.phase != Phase.CONTINUOUS:
            self._rest(order)
            return
        worst = self._worst(order)
        there = self._there(order.side, worst, order.remaining)
        if order.tif == FOK and sum(lots for _, lots in there) < order.remaining:
            self._end(ReportKind.CANCELED, order, Reason.FOK_NOT_FILLABLE)
            return
        for price, lots in there:
            self._clear_own(order.side, price)
            self._remember(-order.side, price, lots)
            self._fill(order, lots, price, Liquidity.TAKER)
        if not order.remaining:
            return
        self._clear_own(order.side, worst)
        if order.order_type == MARKET:
            self._end(ReportKind.CANCELED, order, Reason.NO_LIQUIDITY)
        elif order.tif == IOC:
            self._end(ReportKind.CANCELED, order, Reason.REMAINDER_CANCELED)
        else:
            self._rest(order)

    def _clear_own(self, side, price):
        for order in self._own(side, price):
            self._end(ReportKind.CANCELED, order, Reason.SELF_TRADE)
            self.resting.remove(order)

    def _rest(self, order):
        self._place(order)
        self.resting.append(order)
        if self.model.kind == FIFO:
            order.queue.rank = self.arrivals.arrive()

    def _place(self, order):
        order.placed = self._in_view(order.side, order.price)
        order.told = False
        rank = order.queue.rank if order.queue else 0
        order.queue = NaiveQueue(self.model, self._shown(order.side, order.price)
                                 if order.placed else OUT_OF_VIEW)
        order.queue.rank = rank

    def _fire(self, stop):
        stop.order_type = LIMIT if stop.order_type == STOP_LIMIT else MARKET
        self._tell(ReportKind.TRIGGERED, stop.order_id, leaves=stop.remaining,
                   cum=stop.qty - stop.remaining)
        reason = Reason.NONE
        if not self._in_band(stop, live=True):
            reason = Reason.PRICE_BAND
        elif stop.post_only and self._would_take(stop):
            reason = Reason.WOULD_TAKE
        elif self.reject_self_trade and self._would_meet_own(stop, stop.remaining):
            reason = Reason.SELF_TRADE
        if reason:
            self._end(ReportKind.CANCELED, stop, reason)
        else:
            self._execute(stop)

    def _find(self, order_id):
        return next((o for o in [*self.resting, *self.stops] if o.order_id == order_id), None)

    def _drop(self, order):
        (self.resting if order in self.resting else self.stops).remove(order)

    def cancel(self, order_id, time_ns):
        self.now = time_ns
        order = self._find(order_id)
        if order is None:
            self._tell(ReportKind.CANCEL_REJECTED, order_id, reason=Reason.UNKNOWN_ORDER)
        else:
            self._end(ReportKind.CANCELED, order, Reason.REQUESTED)
            self._drop(order)

    def replace(self, order_id, qty, price, time_ns):
        self.now = time_ns
        order = self._find(order_id)
        if order is None:
            self._tell(ReportKind.REPLACE_REJECTED, order_id, reason=Reason.UNKNOWN_ORDER)
            return
        filled = order.qty - order.remaining
        left = qty - filled
        changed = replace(order, qty=qty, price=price, remaining=left)
        worse = left > 0 and (price != order.price or left > order.remaining)
        if (qty != order.qty and not self.can & 512) or (
                price != order.price and not self.can & 256):
            reason = Reason.NOT_SUPPORTED
        elif worse:
            reason = self._refusal(changed, left, order.remaining)
        else:
            halted = self.phase == Phase.HALT and left > 0
            reason = Reason.HALTED if halted else Reason.NONE
        if reason:
            self._tell(ReportKind.REPLACE_REJECTED, order_id, price=order.price,
                       leaves=order.remaining, cum=filled, reason=reason)
        elif left <= 0:
            self._end(ReportKind.CANCELED, order, Reason.REQUESTED)
            self._drop(order)
        else:
            self._tell(ReportKind.REPLACED, order_id, price=price, leaves=left, cum=filled)
            if worse and order in self.resting:
                self._drop(order)
                self._execute(changed)
            else:
                order.qty, order.price, order.remaining = qty, price, left

    # What is told.

    def _fill(self, order, lots, price, liquidity):
        order.remaining -= lots
        self.position += order.side * lots
        self.cash -= order.side * lots * price
        self.fees += lots * self.fee
        self._tell(ReportKind.FILLED, order.order_id, lots, price, order.remaining,
                   order.qty - order.remaining, liquidity)

    def _end(self, kind, order, reason):
        self._tell(kind, order.order_id, cum=order.qty - order.remaining, reason=reason)

    def _tell(self, kind, order_id, lots=0, price=0, leaves=0, cum=0, liquidity=0,
              reason=Reason.NONE):
        self.outcomes.append((int(kind), order_id, lots, price, leaves, cum, int(liquidity),
                              self.now, int(reason)))
