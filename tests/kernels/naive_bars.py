"""Bars done literally: lists of prints, one rule at a time."""

import numpy as np

from dreammaker.domain.schema import Kind
from dreammaker.features.bar_rules import BarRule

PRINTS = (Kind.TRADE, Kind.ORDER_EXECUTE)


def naive_bars(events: np.ndarray, rule: BarRule, tick_micros: float) -> list[dict]:
    """Bars of records, the open one last; weights as the kernel has them."""
    bars, bar, clock, phase, sign, last = [], None, -(2**62), None, 0, None
    length, formed, history, heard = rule.expected_length, 0, [], -(2**62)
    seconds_ns = round(rule.seconds * 1e9)

    def limit() -> float:
        if rule.form == "time":
            return 0.0
        if rule.threshold is not None:
            return rule.threshold * (1e6 if rule.weight == "dollar" else 1)
        if formed < rule.warm_up_bars:
            return -1.0
        alpha = 2 / ((rule.flow_span or rule.expected_length) + 1)
        ages = (1 - alpha) ** np.arange(len(history))[::-1] * alpha
        b, w = (np.array(column, float) for column in zip(*history, strict=True))
        mean = {name: float((ages * x).sum() / ages.sum()) for name, x in
                (("flow", b * w), ("buys", (b > 0) * w), ("sells", (b < 0) * w), ("size", w))}
        flow = (abs(mean["flow"]) if rule.form == "imbalance"
                else max(mean["buys"], mean["sells"]))
        return length * max(flow, rule.least_share * mean["size"])

    def theta() -> float:
        buys = sum(w for b, w in bar["flow"] if b > 0)
        sells = sum(w for b, w in bar["flow"] if b < 0)
        return {"time": 0.0, "total": sum(w for _, w in bar["flow"]),
                "imbalance": buys - sells, "runs": max(buys, sells)}[rule.form]

    def close(event: np.void, index: int, complete: bool) -> None:
        nonlocal bar, length, formed
        bars.append({**bar, "theta": theta(), "complete": complete, "known_index": index,
                     "known_ns": heard})
        if complete:
            formed += 1
            least, most = rule.length_bounds
            length += rule.length_alpha * (len(bar["prices"]) - length)
            length = min(max(length, least), most)
        bar = None

    for index, event in enumerate(events):
        clock, heard = max(clock, int(event["exch_ns"])), max(heard, int(event["local_ns"]))
        if rule.form == "time" and bar is not None and clock >= bar["start_ns"] + seconds_ns:
            close(event, index, True)
        if event["kind"] in PRINTS:
            price = int(event["price_ticks"]) * 1_000_000 + int(event["residual_microticks"])
            lots = max(int(event["qty_lots"]), 0)
            side = int(event["side"]) * (1 if event["kind"] == Kind.TRADE else -1)
            sign = side or (sign if last is None or price == last else 1 if price > last else -1)
            last = price
            weight = {"tick": 1, "volume": lots, "dollar": price / 1e6 * tick_micros * lots}[
                rule.weight]
            if bar is None:
                start = clock // seconds_ns * seconds_ns if rule.form == "time" else clock
                bar = {"start_ns": start, "prices": [], "lots": [], "sides": [], "flow": [],
                       "limit": limit()}
            bar["prices"].append(price)
            bar["lots"].append(lots)
            bar["sides"].append(side)
            bar["flow"].append((sign, weight))
            bar["last_index"] = index
            bar["end_ns"] = bar["start_ns"] + seconds_ns if rule.form == "time" else clock
            history.append((sign, weight))
            full = (len(bar["prices"]) >= rule.expected_length if bar["limit"] < 0 else
                    bar["limit"] > 0 and abs(theta()) >= bar["limit"])
            if rule.form != "time" and full:
                close(event, index, True)
        elif event["kind"] == Kind.SESSION and event["aux"] != phase:
            phase = event["aux"]
            sign, last = 0, None
            if bar is not None:
                close(event, index, False)
    if bar is not None:
        close(events[-1], len(events) - 1, False)
    return bars
