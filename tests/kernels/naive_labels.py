"""Labels and weights done literally: one event, one row, one instant at a time."""

from math import inf, nan, sqrt

import numpy as np

from dreammaker.models.label_set import Barrier
from dreammaker.models.price_path import PricePath


def naive_bet(path: PricePath, event: int, *, latency: int, horizon: int, up: float, down: float,
              side: int, sign_at_horizon: bool = True) -> tuple | None:
    """(start, end, label, gain in units, barrier) of a bet on quotes, None where it has none."""
    start = event + latency
    before = [i for i in range(len(path)) if path.time[i] <= start]
    if not before:
        return None
    entry = before[-1]
    segment = int(path.segment[entry])
    breaks_off = int(path.segment_end[segment])
    bid, ask = path.bid[entry], path.ask[entry]
    if start > breaks_off or np.isnan(bid):
        return None
    close = min(start + horizon, breaks_off)
    last_bid, last_ask = bid, ask
    for i in range(entry, len(path)):
        if path.time[i] > close or path.segment[i] != segment:
            break
        now_bid, now_ask = path.bid[i], path.ask[i]
        if np.isnan(now_bid):
            continue
        last_bid, last_ask = now_bid, now_ask
        end = max(int(path.time[i]), start)
        if side == 0:
            if now_bid - ask >= up:
                return start, end, 1, now_bid - ask, Barrier.UPPER
            if bid - now_ask >= down:
                return start, end, -1, now_ask - bid, Barrier.LOWER
            continue
        gain = now_bid - ask if side > 0 else bid - now_ask
        if gain >= up:
            return start, end, 1, gain, Barrier.UPPER
        if gain <= -down:
            return start, end, -1, gain, Barrier.LOWER
    if start + horizon > close and not path.is_closed[segment]:
        return None
    barrier = Barrier.SESSION if start + horizon > close else Barrier.HORIZON
    long_gain, short_gain = last_bid - ask, bid - last_ask
    gain = {1: long_gain, -1: short_gain, 0: long_gain if long_gain > 0 else
            -short_gain if short_gain > 0 else 0.0}[side]
    return start, close, int(np.sign(gain)) if sign_at_horizon else 0, gain, barrier


def naive_bar_bet(opens, highs, lows, closes, ends, entry: int, close: int, up: float,
                  down: float, side: int, spread: float) -> tuple | None:
    """(end, label, gain, barrier) of a bet with a side, opened at a bar's open."""
    price = opens[entry] + side * spread / 2
    last = None
    for i in range(entry, len(opens)):
        if ends[i] > close:
            break
        at = [side * (x - side * spread / 2 - price) for x in
              (opens[i], lows[i] if side > 0 else highs[i], highs[i] if side > 0 else lows[i])]
        if at[0] >= up:
            return ends[i], 1, at[0], Barrier.UPPER
        if at[1] <= -down:
            return ends[i], -1, min(at[0], -down), Barrier.LOWER
        if at[2] >= up:
            return ends[i], 1, up, Barrier.UPPER
        last = side * (closes[i] - side * spread / 2 - price)
    if last is None or close > ends[-1]:
        return None
    return close, int(np.sign(last)), last, Barrier.HORIZON


def naive_cusum(values, threshold: float) -> list[tuple[int, int]]:
    """(row, side) of each event."""
    found, up, down = [], 0.0, 0.0
    for i in range(1, len(values)):
        move = values[i] - values[i - 1]
        up, down = max(0.0, up + move), min(0.0, down + move)
        if up >= threshold:
            up = 0.0
            found.append((i, 1))
        elif down <= -threshold:
            down = 0.0
            found.append((i, -1))
    return found


def naive_trend(samples, shortest: int) -> tuple[float, int]:
    """t-value of the most certain trend and its samples, by least squares through a matrix."""
    best, length = 0.0, shortest
    for count in range(shortest, len(samples) + 1):
        x = np.column_stack([np.ones(count), np.arange(count)])
        y = np.asarray(samples[:count], float)
        slope = np.linalg.lstsq(x, y, rcond=None)[0]
        rest = y - x @ slope
        variance = rest @ rest / (count - 2)
        error = sqrt(variance * np.linalg.inv(x.T @ x)[1, 1])
        t = slope[1] / error if error > 1e-9 else (inf if abs(slope[1]) > 1e-9 else nan)
        t = 0.0 if np.isnan(t) else t
        if abs(t) > abs(best):
            best, length = t, count
    return best, length


def naive_uniqueness(spans: list[tuple[int, int]], drawn: list[int] | None = None) -> np.ndarray:
    """Average uniqueness by an indicator matrix; given those drawn, each as if drawn next."""
    last = max(end for _, end in spans) + 1
    matrix = np.array([[1.0 if start <= t <= end else 0.0 for t in range(last)]
                       for start, end in spans])
    if drawn is None:
        shared = matrix.sum(axis=0)
        return np.array([(row[row > 0] / shared[row > 0]).mean() for row in matrix])
    base = matrix[drawn].sum(axis=0) if drawn else np.zeros(last)
    return np.array([(1.0 / (base + row)[row > 0]).mean() for row in matrix])
