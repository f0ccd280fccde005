"""The order book again, plainly: dictionaries and sorted lists, one record at a time."""

from bisect import bisect_left, insort

import numpy as np

from dreammaker.domain.schema import Flag, Kind

LEVELS = 10
BUY, SELL = 1, -1
LAST = int(Flag.LAST)
WORST = {1: -(2**31), -1: 2**31 - 1}
MAX_LOTS = 2**31 - 1
COUNTERS = ("delete_of_nothing", "unknown_order", "excess_quantity", "clamped_level",
            "duplicate_order", "unknown_quantity", "zero_quantity", "no_side", "off_grid",
            "repeated_level")


class NaiveFaultError(ValueError):
    def __init__(self, index, code):
        super().__init__(f"event {index} is damaged, code {code}")
        self.index, self.code = index, code


class NaiveBook:
    """Same interface and rules as `BookKernel`."""

    def __init__(self):
        self.sides = {1: {}, -1: {}}
        self.prices = {1: [], -1: []}
        self.orders = {}
        self.staged, self.staged_repeats = None, 0
        self.counters = dict.fromkeys(COUNTERS, 0)
        self.applied_count = 0
        self._changes = []
        self._rows = {1: self._row(1), -1: self._row(-1)}

    def apply(self, events):
        for index, record in enumerate(events.tolist()):
            code = self.apply_one(record)
            if code:
                raise NaiveFaultError(index, code)
            self.applied_count += 1
        return len(events)

    def frames(self, events, out_ticks, out_qty, *, every_record=False):
        levels = out_ticks.shape[2]
        rows = []
        fault = None
        for index, record in enumerate(events.tolist()):
            code = self.apply_one(record)
            if code:
                fault = NaiveFaultError(index, code)
                break
            self.applied_count += 1
            if every_record or record[8] & LAST:
                rows.append((self._rows[1], self._rows[-1]))
        if rows:
            # (row, side, ticks or lots, level)
            table = np.array(rows, np.int32).reshape(len(rows), 2, 2, LEVELS)
            out_ticks[:len(rows)] = table[:, :, 0, :levels]
            out_qty[:len(rows)] = table[:, :, 1, :levels]
        if fault:
            raise fault
        return len(rows)

    def best(self):
        return tuple(self.levels(side, 1)[0] if self.prices[side] else None for side in (1, -1))

    def levels(self, side, max_count=None):
        best_first = self.prices[side][::-side][:max_count]
        return [(price, self.sides[side][price]) for price in best_first]

    def frame(self):
        table = np.array([self._rows[1], self._rows[-1]], np.int32).reshape(2, 2, LEVELS)
        return table[:, 0], table[:, 1]

    def changes(self):
        return list(self._changes)

    def order(self, order_id):
        return self.orders.get(order_id)

    @property
    def order_count(self):
        return len(self.orders)

    def is_sound(self):
        return True

    def apply_one(self, record):
        """Apply one record; its fault code, 0 for none."""
        order_id, price, lots, flags = record[4], record[5], record[6], record[8]
        kind, side = record[11], record[12]
        self._changes = []
        if not Kind.LEVEL_SET <= kind <= Kind.BAR:
            return -3
        if lots < -1:
            return -2
        if side not in (BUY, SELL, 0):
            return -5
        if kind > Kind.CLEAR:
            return 0
        if kind == Kind.SNAPSHOT:
            return self._snapshot(price, lots, flags, side)
        if self.staged is not None:
            return -4
        if kind == Kind.CLEAR:
            self._replace({BUY: {}, SELL: {}})
            return 0
        if flags & Flag.OFF_GRID:
            self.counters["off_grid"] += 1
            return 0
        if price in WORST.values():
            return -6
        return self._change(kind, side, price, lots, order_id, flags)

    def _change(self, kind, side, price, lots, order_id, flags):
        takes = kind in (Kind.ORDER_CANCEL, Kind.ORDER_EXECUTE)
        if lots == 0 and kind not in (Kind.LEVEL_SET, Kind.ORDER_MODIFY):
            self.counters["zero_quantity"] += 1
        elif lots < 0 and kind != Kind.ORDER_CANCEL:
            self.counters["unknown_quantity"] += 1
        elif kind == Kind.ORDER_EXECUTE and flags & Flag.HIDDEN:
            pass
        elif takes:
            self._take(side, price, lots, order_id)
        elif side == 0:
            self.counters["no_side"] += 1
        elif kind == Kind.LEVEL_SET:
            if lots == 0 and price not in self.sides[side]:
                self.counters["delete_of_nothing"] += 1
            self._set(side, price, lots)
        else:
            return self._place(kind, side, price, lots, order_id)
        return 0

    def _set(self, side, price, lots):
        levels, prices = self.sides[side], self.prices[side]
        before = levels.get(price, 0)
        if before == lots:
            return
        if lots:
            levels[price] = lots
            if not before:
                insort(prices, price)
        else:
            del levels[price]
            del prices[bisect_left(prices, price)]
        self._changes.append((price, side, before, lots))
        self._rows[side] = self._row(side)

    def _row(self, side):
        prices = self.prices[side]
        best = prices[:-LEVELS - 1:-1] if side == BUY else prices[:LEVELS]
        unused = LEVELS - len(best)
        levels = self.sides[side]
        return (*best, *[WORST[side]] * unused, *[levels[price] for price in best], *[0] * unused)

    def _lower(self, side, price, lots):
        held = self.sides[side].get(price, 0)
        if lots > held:
            self.counters["clamped_level"] += 1
        self._set(side, price, max(held - lots, 0))

    def _take(self, side, price, lots, order_id):
        known = self.orders.get(order_id)
        if known:
            side, price, left = known
            if lots < 0:
                lots = left
            if lots > left:
                self.counters["excess_quantity"] += 1
                lots = left
            if lots == left:
                del self.orders[order_id]
            else:
                self.orders[order_id] = (side, price, left - lots)
            self._lower(side, price, lots)
            return
        if order_id:
            self.counters["unknown_order"] += 1
        if lots < 0:
            self.counters["unknown_quantity"] += 1
        elif side == 0:
            self.counters["no_side"] += 1
        else:
            self._lower(side, price, lots)

    def _place(self, kind, side, price, lots, order_id):
        known = self.orders.get(order_id)
        held = self.sides[side].get(price, 0)
        stays = known is not None and known[:2] == (side, price)
        total = (max(held - known[2], 0) if stays else held) + lots
        if total > MAX_LOTS:
            return -7
        if known and kind == Kind.ORDER_ADD:
            self.counters["duplicate_order"] += 1
        if not known and kind == Kind.ORDER_MODIFY:
            self.counters["unknown_order"] += 1
        if known:
            del self.orders[order_id]
            if not stays:
                self._lower(*known)
        if lots and order_id:
            self.orders[order_id] = (side, price, lots)
        self._set(side, price, total)
        return 0

    def _snapshot(self, price, lots, flags, side):
        begins = bool(flags & Flag.SNAP_BEGIN)
        if begins == (self.staged is not None):
            return -4
        off_grid = bool(flags & Flag.OFF_GRID)
        if not off_grid and side and price in WORST.values():
            return -6
        if begins:
            self.staged, self.staged_repeats = {BUY: {}, SELL: {}}, 0
        if off_grid:
            self.counters["off_grid"] += 1
        elif lots < 0:
            self.counters["unknown_quantity"] += 1
        elif side:
            self.staged_repeats += price in self.staged[side]
            self.staged[side][price] = lots
        elif lots:
            self.counters["no_side"] += 1
        if flags & Flag.SNAP_END:
            self.counters["repeated_level"] += self.staged_repeats
            self._replace(self.staged)
            self.staged = None
        return 0

    def _replace(self, staged):
        for side in (BUY, SELL):
            for price in self.prices[side][::-side]:
                if price not in staged[side]:
                    self._set(side, price, 0)
            for price in sorted(staged[side], reverse=side == BUY):
                self._set(side, price, staged[side][price])
        self.orders = {}
