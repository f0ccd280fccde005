"""A queue position again, plainly; only the probability of a cancel is asked of the kernel."""

from math import floor

from dreammaker._ext.queue import Queue

RISK_AVERSE, FIFO = 0, 6
FULL, CONFIRMED, SHARED = 0, 1, 2


class NaiveQueue:
    """Same rules as `queue_t`; `model` has kind, n, prints, share, carry."""

    def __init__(self, model, shown):
        self.model = model
        self.ahead = self.shown = self.lowest = float(shown)
        self.printed = self.credit = self.then_ahead = self.then_total = self.part = 0.0
        self.rank, self.told = 0, False

    def _reach(self, lots):
        if lots <= 0:
            return 0
        self.part += lots
        whole = floor(self.part + 1e-9)
        self.part = max(self.part - whole, 0.0)
        return whole

    def _cancels(self):
        front = self.then_ahead
        if self.credit > 0 and self.model.kind != FIFO:
            back = max(self.then_total - front, 0.0)
            share = Queue(self.model.kind, 1.0, n=self.model.n).behind_share(front, back)
            front = max(front - (self.credit - min(self.credit * share, back)), 0.0)
        self.ahead = min(front, self.lowest)

    def print_lots(self, lots, ours):
        if self.model.kind == FIFO:
            return self._reach(lots - ours) if self.shown <= 0 else 0
        counted, over = lots * self.model.share, 0.0
        explained = min(counted, self.credit)
        rest = counted - explained
        self.printed += rest
        if self.model.prints == CONFIRMED:
            rest = 0.0
        if explained > 0:
            self.credit -= explained
            self.then_total -= explained
            self.then_ahead -= max(explained - ours, 0)
            ours = max(ours - explained, 0.0)
            over = max(-self.then_ahead, 0.0)
            self.then_ahead = max(self.then_ahead, 0.0)
            self._cancels()
        if rest > ours:
            self.ahead -= rest - ours
            over += max(-self.ahead, 0.0)
            self.ahead = max(self.ahead, 0.0)
        return self._reach(over)

    def level(self, shown, ours):
        drop, over = self.shown - shown, 0.0
        self.shown = float(shown)
        if self.model.kind == FIFO:
            return 0
        self.told = True
        if drop > 0:
            explained = min(self.printed, drop)
            self.printed -= explained
            if self.credit <= 0:
                self.then_ahead, self.lowest = self.ahead, float(shown)
                self.then_total = shown + drop - explained
            else:
                self.then_total -= explained
                self.lowest = min(self.lowest, float(shown))
            if self.model.prints == CONFIRMED and explained > ours:
                self.then_ahead -= explained - ours
                over = max(-self.then_ahead, 0.0)
                self.then_ahead = max(self.then_ahead, 0.0)
            self.credit += drop - explained
            self._cancels()
        return self._reach(over)

    def end_packet(self):
        self.credit = 0.0
        if self.told or not self.model.carry:
            self.printed = 0.0
        self.told = False

    def order_left(self, was_ahead, lots, executed, ours):
        if was_ahead:
            self.ahead = max(self.ahead - lots, 0.0)
            return 0
        return self._reach(lots - ours) if executed else 0


class NaiveArrivals:
    """Who came when, of the recorded orders: same rules as `fifo_t`."""

    def __init__(self):
        self.orders, self.ranks, self.passive = {}, 0, 0

    def arrive(self):
        self.ranks += 1
        return self.ranks

    def apply(self, kind, order_id, side, price, lots, aux, snapshot_begins):
        """What left a queue: (rank, side, price, lots, executed), or None."""
        add, cancel, modify, execute, clear, snapshot, trade = 3, 4, 5, 6, 7, 2, 9
        filled = aux == 1 and self.passive in (0, side)
        if kind == trade:
            self.passive = -side
        if kind == clear or (kind == snapshot and snapshot_begins):
            self.orders = {}
        if kind not in (add, cancel, modify, execute) or order_id == 0:
            return None
        known = self.orders.get(order_id)
        if kind == add or (kind == modify and known is None):
            self.orders[order_id] = [price, lots, self.arrive()]
            return None
        executed = kind == execute or filled
        if known is None:
            return (0, side, price, lots, executed) if lots > 0 else None
        at, had, rank = known
        if kind == modify:
            keeps = price == at and 0 <= lots <= had and not (filled and lots == had)
            left, gone = lots, (had - lots if keeps else had)
            self.orders[order_id] = [price, lots, rank if keeps else self.arrive()]
        else:
            gone = lots if 0 <= lots < had else had
            left = had - gone
            known[1] = left
        if left <= 0:
            del self.orders[order_id]
        return (rank, side, at, gone, executed) if gone > 0 else None
