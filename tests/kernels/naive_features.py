"""The 27 features straight from their definitions: whole histories, sums over windows, no states.

Plain Python and NumPy, O(rows x window); it shares nothing with the kernels but the record.
"""

import math
from bisect import bisect_right
from itertools import pairwise

import numpy as np

from dreammaker.domain.schema import Flag, Kind, Phase

NAN = math.nan
DAY_NS = 86_400 * 10**9
NO_BID, NO_ASK = -2**31, 2**31 - 1


class NaiveBook:
    """Levels in dicts; orders and staged snapshots beside."""

    def __init__(self, by_quotes):
        self.by_quotes = by_quotes
        self.sides = {1: {}, -1: {}}
        self.orders = {}
        self.staged = None

    def apply(self, e):
        kind, side, price, qty = (int(e[f]) for f in ("kind", "side", "price_ticks", "qty_lots"))
        order_id, flags = int(e["order_id"]), int(e["flags"])
        if self.by_quotes:
            if kind == Kind.CLEAR:
                self.sides = {1: {}, -1: {}}
            if kind == Kind.QUOTE and side:
                gone = qty == 0 or flags & Flag.OFF_GRID
                self.sides[side] = {} if gone else {price: qty}
            return
        if kind == Kind.CLEAR:
            self.sides, self.orders = {1: {}, -1: {}}, {}
        elif flags & Flag.OFF_GRID and kind <= Kind.ORDER_EXECUTE:
            pass
        elif kind == Kind.LEVEL_SET:
            self._set(side, price, qty)
        elif kind == Kind.SNAPSHOT:
            if flags & Flag.SNAP_BEGIN:
                self.staged = {1: {}, -1: {}}
            if side and qty:
                self.staged[side][price] = qty
            if flags & Flag.SNAP_END:
                self.sides, self.orders, self.staged = self.staged, {}, None
        elif kind == Kind.ORDER_ADD:
            self.orders[order_id] = [side, price, qty]
            self._set(side, price, self.sides[side].get(price, 0) + qty)
        elif kind in (Kind.ORDER_CANCEL, Kind.ORDER_EXECUTE):
            order = self.orders[order_id]
            taken = order[2] if qty == -1 else qty
            self._set(order[0], order[1], self.sides[order[0]][order[1]] - taken)
            order[2] -= taken
            if order[2] == 0:
                del self.orders[order_id]
        elif kind == Kind.ORDER_MODIFY:
            old = self.orders[order_id]
            self._set(old[0], old[1], self.sides[old[0]][old[1]] - old[2])
            self.orders[order_id] = [old[0], price, qty]
            self._set(old[0], price, self.sides[old[0]].get(price, 0) + qty)

    def _set(self, side, price, qty):
        if qty:
            self.sides[side][price] = qty
        else:
            self.sides[side].pop(price, None)

    def levels(self):
        """Bids and asks, best first, as lists of (price, quantity)."""
        return (sorted(self.sides[1].items(), reverse=True), sorted(self.sides[-1].items()))


class NaiveFeatures:
    """Call `run` with all records; the result is a dict of arrays named as in FeatureRows."""

    def __init__(self, config, instrument, source):
        self.c, self.tick, self.depth = config, instrument.tick_size, source.depth_levels
        self.tick_value = instrument.tick_value_micros / 1e6
        self.book = NaiveBook(by_quotes=self.depth == 0)
        self.t = None
        self.phase = Phase.CLOSED
        self.opened = False
        self.rows = []

    # -- resets --------------------------------------------------------------------------------
    def reset_windows(self):
        self.frames = []         # (t, bids, asks) of sound packets
        self.prints = []         # every print: t, sign, lots, price
        self.trades = []         # merged trades: t, sign, price
        self.broken_since = None
        self.sound = False
        self.last_price, self.tick_sign = None, 0

    def reset_session(self):
        self.reset_windows()
        self.session_mids = []   # (t, 2 x mid in ticks)
        self.session_prints = []
        self.hawkes = []         # (t, type)
        self.bars_done = None

    # -- records -------------------------------------------------------------------------------
    def run(self, events):
        for k in range(len(events)):
            self.step(k, events[k])
        names = ("exch_ns", "local_ns", "event_index", "bid_ticks", "ask_ticks", "bid_qty",
                 "ask_qty", "last_trade_ticks", "trade_flow_10s", "session_volume", "book_ok")
        table = {name: np.array([row[0][name] for row in self.rows]) for name in names}
        table["values"] = np.array([row[1] for row in self.rows]).reshape(-1, 27)
        return table

    def step(self, k, e):
        now, kind = int(e["exch_ns"]), int(e["kind"])
        if self.t is None:
            self.t = now
            self.reset_session()
            if kind != Kind.SESSION:
                self.phase, self.opened = Phase.CONTINUOUS, True
        if now - self.t > DAY_NS:
            self.t = now
            self.reset_session()
        self.t = max(self.t, now)
        if kind in (Kind.TRADE, Kind.ORDER_EXECUTE):
            if self.phase == Phase.CONTINUOUS and not e["flags"] & Flag.AUCTION:
                self.print(e, int(e["side"]) * (1 if kind == Kind.TRADE else -1))
        elif kind == Kind.SESSION:
            self.session(int(e["aux"]))
        elif kind == Kind.GAP and not 0 <= e["qty_lots"] <= self.c.gap_reset_ms:
            self.reset_windows()
        self.book.apply(e)
        if e["flags"] & Flag.LAST and self.phase == Phase.CONTINUOUS:
            self.packet_end(k, e)

    def session(self, phase):
        if phase == Phase.ROLL:
            self.reset_session()
        elif phase != self.phase:
            self.phase = phase
            if phase in (Phase.CLOSED, Phase.PRE_OPEN):
                self.opened = False
            if phase == Phase.CONTINUOUS:
                if self.opened:
                    self.reset_windows()
                else:
                    self.reset_session()
                self.opened = True

    def print(self, e, side):
        lots = max(int(e["qty_lots"]), 0)
        price = int(e["price_ticks"])
        exact = price * 10**6
        if e["flags"] & Flag.OFF_GRID:
            exact += int(e["residual_microticks"])
        if self.last_price is not None and exact != self.last_price:
            self.tick_sign = 1 if exact > self.last_price else -1
        self.last_price = exact
        sign = side
        if sign == 0:
            sign = self.tick_sign
            if self.sound:
                mid = self.session_mids[-1][1] * 10**6
                sign = (2 * exact > mid) - (2 * exact < mid) or self.tick_sign
        entry = (self.t, sign, lots, exact, price)
        self.prints.append(entry)
        self.session_prints.append(entry)
        if self.trades and self.trades[-1][:2] == (self.t, sign):
            self.trades[-1] = (self.t, sign, exact)
        else:
            self.trades.append((self.t, sign, exact))
            if sign:
                self.hawkes.append((self.t, 0 if sign > 0 else 1))

    def packet_end(self, k, e):
        bids, asks = self.book.levels()
        self.sound = bool(bids and asks and bids[0][0] < asks[0][0])
        if self.sound:
            if (self.broken_since is not None
                    and self.t - self.broken_since > self.c.auction_after_ms * 10**6):
                self.reset_windows()
                self.sound = True
            self.broken_since = None
            self.frames.append((self.t, bids, asks))
            self.session_mids.append((self.t, bids[0][0] + asks[0][0]))
        elif self.broken_since is None:
            self.broken_since = self.t
        flow_start = self.t - self.c.flow_window_ms * 10**6
        facts = {
            "exch_ns": self.t, "local_ns": int(e["local_ns"]), "event_index": k,
            "bid_ticks": bids[0][0] if bids else NO_BID, "bid_qty": bids[0][1] if bids else 0,
            "ask_ticks": asks[0][0] if asks else NO_ASK, "ask_qty": asks[0][1] if asks else 0,
            "last_trade_ticks": self.prints[-1][4] if self.prints else NO_BID,
            "trade_flow_10s": sum(p[1] * p[2] for p in self.prints if p[0] > flow_start),
            "session_volume": sum(p[2] for p in self.session_prints),
            "book_ok": int(self.sound),
        }
        values = [*self.present_book(bids, asks), self.volatility(), *self.motion(),
                  *self.intensities(), self.kyle(), self.amihud(), self.roll(), *self.bars()]
        self.rows.append((facts, values))

    # -- the present book ----------------------------------------------------------------------
    def present_book(self, bids, asks):
        if not self.sound:
            return [NAN] * 12
        tick, (b, qb), (a, qa) = self.tick, bids[0], asks[0]
        mid = (b + a) / 2
        out = [mid * tick, NAN, NAN, *self.order_flow(), NAN, NAN, NAN, (a - b) * tick,
               (a - b) / mid]
        if self.depth >= 1:
            out[1] = (b * qa + a * qb) / (qa + qb) * tick
            out[7] = (qb - qa) / (qb + qa)
        if self.depth >= 5:
            pairs = [(self.c.depth_decay ** i, p, q)
                     for i, (p, q) in enumerate(zip(bids[:5], asks[:5], strict=False))]
            size = sum(w * (p[1] + q[1]) for w, p, q in pairs)
            crossed = sum(w * (p[0] * q[1] + q[0] * p[1]) for w, p, q in pairs)
            lean = sum(w * (p[1] - q[1]) for w, p, q in pairs)
            out[2], out[8] = crossed / size * tick, lean / size
            out[9] = (sum(q / (mid - p) for p, q in bids[:5])
                      - sum(q / (p - mid) for p, q in asks[:5]))
        return out

    def order_flow(self):
        start = self.t - self.c.ofi_window_ms * 10**6
        if self.depth == 0 or self.frames[0][0] > start:
            return [NAN] * 4
        total = [0] * 5
        for before, after in pairwise(self.frames):
            if after[0] > start:
                for m in range(5):
                    total[m] += (flow(before[1], after[1], m, 1, NO_BID)
                                 - flow(before[2], after[2], m, -1, NO_ASK))
        return [sum(total[:n]) if self.depth >= n else NAN for n in (1, 2, 3, 5)]

    def motion(self):
        window = self.c.velocity_window_ms * 10**6
        velocity = acceleration = NAN
        if self.sound:
            first, now = self.frames[0][0], self.mid_at(self.t)
            if self.t - window >= first:
                velocity = (now - self.mid_at(self.t - window)) / 2
            if self.t - 2 * window >= first:
                before = (self.mid_at(self.t - window) - self.mid_at(self.t - 2 * window)) / 2
                acceleration = velocity - before
        return velocity, acceleration

    def mid_at(self, t):
        """Twice the mid in ticks, last value at or before t since the windows were emptied."""
        i = bisect_right(self.frames, t, key=lambda f: f[0]) - 1
        return self.frames[i][1][0][0] + self.frames[i][2][0][0]

    # -- trades --------------------------------------------------------------------------------
    def intensities(self):
        c = self.c
        rates, own = list(c.hawkes_mu), 0.0
        for j in range(2):
            ages = np.array([self.t - t for t, m in self.hawkes if m == j]) * 1e-9
            for i in range(2):
                excited = c.hawkes_alpha[i][j] * float(np.sum(np.exp(-c.hawkes_beta[i][j] * ages)))
                rates[i] += excited
                own += excited if i == j else 0.0
        return rates[0], rates[1], rates[0] / rates[1], own / sum(rates)

    def roll(self):
        n = self.c.roll_trades
        if len(self.trades) < n:
            return NAN
        origin = self.trades[-n][2]
        change = np.diff([(t[2] - origin) / 10**6 for t in self.trades[-n:]])
        covariance = float(np.cov(change[1:], change[:-1], ddof=1)[0, 1])
        return 2 * math.sqrt(-covariance) * self.tick if covariance < -1e-12 else 0.0

    # -- cells ---------------------------------------------------------------------------------
    def grid(self, first_t, step_ms):
        """First boundary at or after first_t, and the last one before now (None: none yet)."""
        step = step_ms * 10**6
        first, last = -(-first_t // step) * step, (self.t - 1) // step * step
        return (first, last, step) if last >= first else None

    def cells(self, count):
        """(change of twice the mid, log return, prints) of the last `count` cells, or None."""
        grid = self.grid(self.frames[0][0], self.c.cell_ms) if self.frames else None
        if grid is None or grid[1] - count * grid[2] < grid[0]:
            return None
        out = []
        for i in range(count, 0, -1):
            start, end = grid[1] - i * grid[2], grid[1] - (i - 1) * grid[2]
            a, b = self.mid_at(start), self.mid_at(end)
            inside = [p for p in self.prints if start < p[0] <= end]
            out.append((b - a, math.log(b / a) if a > 0 and b > 0 else NAN, inside))
        return out

    def volatility(self):
        cells = self.cells(self.c.volatility_cells)
        return math.sqrt(sum(r * r for _, r, _ in cells)) if cells else NAN

    def kyle(self):
        cells = self.cells(self.c.impact_cells)
        if not cells:
            return NAN
        x = np.array([sum(p[1] * p[2] for p in inside) for _, _, inside in cells], float)
        y = np.array([move for move, _, _ in cells]) * self.tick / 2
        dx = x - x.mean()
        return float(dx @ (y - y.mean()) / (dx @ dx)) if np.ptp(x) > 0 else NAN

    def amihud(self):
        cells = self.cells(self.c.impact_cells)
        ratios = []
        for _, r, inside in cells or ():
            value = sum(p[2] * p[3] for p in inside) / 10**6 * self.tick_value
            if value > 0:
                ratios.append(abs(r) / value)
        return 1e9 * sum(ratios) / len(ratios) if ratios else NAN

    # -- bars ----------------------------------------------------------------------------------
    def bars(self):
        grid = (self.grid(self.session_mids[0][0], self.c.bar_ms)
                if self.session_mids else None)
        if grid is None:
            return [NAN] * 5
        if self.bars_done is None or self.bars_done[0] != grid[1]:
            closes, volumes = [], []
            for end in range(grid[0], grid[1] + 1, grid[2]):
                i = bisect_right(self.session_mids, end, key=lambda m: m[0]) - 1
                closes.append(self.session_mids[i][1] / 2)
                volumes.append(sum(p[2] for p in self.session_prints
                                   if end - grid[2] < p[0] <= end))
            first = self.session_mids[0][1] / 2
            self.bars_done = grid[1], bar_features(self.c, closes, volumes, first)
        return self.bars_done[1]


def flow(before, after, m, better, nothing):
    """Cont's term of one side at level m (0 = best); absent levels lie infinitely far off."""
    p0, q0 = before[m] if m < len(before) else (nothing, 0)
    p1, q1 = after[m] if m < len(after) else (nothing, 0)
    if p1 == p0:
        return q1 - q0
    return q1 if (p1 - p0) * better > 0 else -q0


def bar_features(c, closes, volumes, first):
    weights = [1.0]
    while True:
        k = len(weights)
        w = -weights[-1] * (c.fracdiff_d - k + 1) / k
        if abs(w) < c.fracdiff_threshold:
            break
        weights.append(w)
    out = []
    for series in ([math.log(x / first) for x in closes], [math.log(1 + v) for v in volumes]):
        full = len(series) >= len(weights)
        out.append(sum(w * series[-1 - k] for k, w in enumerate(weights)) if full else NAN)
    return [*out, rsi(closes, c.rsi_period), macd_signal(closes, c), percent_b(closes, c)]


def rsi(closes, n):
    moves = np.diff(closes)
    if len(moves) < n:
        return NAN
    gain, loss = np.maximum(moves, 0), np.maximum(-moves, 0)
    up, down = gain[:n].mean(), loss[:n].mean()
    for g, s in zip(gain[n:], loss[n:], strict=True):
        up, down = (up * (n - 1) + g) / n, (down * (n - 1) + s) / n
    if down == 0:
        return 100.0 if up > 0 else 50.0
    return 100 - 100 / (1 + up / down)


def average(series, span):
    out, weight = [series[0]], 2 / (span + 1)
    for x in series[1:]:
        out.append(weight * x + (1 - weight) * out[-1])
    return out


def macd_signal(closes, c):
    if len(closes) < c.macd_slow + c.macd_signal - 1:
        return NAN
    fast, slow = average(closes, c.macd_fast), average(closes, c.macd_slow)
    return average([f - s for f, s in zip(fast, slow, strict=True)], c.macd_signal)[-1]


def percent_b(closes, c):
    window = np.array(closes[-c.bollinger_bars:])
    if len(window) < c.bollinger_bars:
        return NAN
    if np.ptp(window) == 0:
        return 0.5
    low = window.mean() - c.bollinger_width * window.std()
    return float((window[-1] - low) / (2 * c.bollinger_width * window.std()))
