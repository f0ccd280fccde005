"""hftbacktest's figures, run by `bench_backtest.py` inside hftbacktest's own environment.

``python peer_backtest.py EVENTS.npy TICK_SIZE ENTRY_NS RESPONSE_NS RUNS WORK...`` prints one line
of JSON: for each piece of work (``no-op`` or ``maker-<interval in ms>``) the seconds of each run
and what the strategy ended with. Events are our packed records: level sets and prints.

The strategy is compiled by numba, as hftbacktest means it to be: at every interval it joins the
best bid and the best ask with one lot each while the position stays within the limit, and cancels
what stands elsewhere.
"""

import json
import sys
import time

import numpy as np
from hftbacktest import (
    ALL_ASSETS,
    BUY,
    BUY_EVENT,
    DEPTH_CLEAR_EVENT,
    DEPTH_EVENT,
    EXCH_EVENT,
    GTX,
    LIMIT,
    LOCAL_EVENT,
    SELL_EVENT,
    TRADE_EVENT,
    BacktestAsset,
    ROIVectorMarketDepthBacktest,
)
from hftbacktest.types import event_dtype
from numba import njit

LEVEL_SET, SNAPSHOT, CLEAR, TRADE = 1, 2, 7, 9
MAX_POSITION = 10


def converted(path, tick_size):
    """Our records as hftbacktest's, records of other kinds left out."""
    ours = np.load(path)
    kinds = {LEVEL_SET: DEPTH_EVENT, SNAPSHOT: DEPTH_EVENT, TRADE: TRADE_EVENT,
             CLEAR: DEPTH_CLEAR_EVENT}
    ours = ours[np.isin(ours["kind"], list(kinds)) & (ours["side"] != 0)]
    events = np.zeros(ours.size, event_dtype)
    for kind, event in kinds.items():
        events["ev"][ours["kind"] == kind] = event
    events["ev"] |= np.uint64(EXCH_EVENT | LOCAL_EVENT)
    events["ev"] |= np.where(ours["side"] > 0, BUY_EVENT, SELL_EVENT).astype(np.uint64)
    events["exch_ts"], events["local_ts"] = ours["exch_ns"], ours["local_ns"]
    events["px"] = ours["price_ticks"] * tick_size
    events["qty"] = ours["qty_lots"]
    return events


def backtest(events, tick_size, entry_ns, response_ns):
    prices = events["px"][(events["ev"] & 0xFF) == DEPTH_EVENT]
    asset = (BacktestAsset().data(events).linear_asset(1.0)
             .constant_order_latency(entry_ns, response_ns).risk_adverse_queue_model()
             .no_partial_fill_exchange().trading_value_fee_model(0.0, 0.0)
             .tick_size(tick_size).lot_size(1.0).last_trades_capacity(0)
             .roi_lb(float(prices.min()) - tick_size).roi_ub(float(prices.max()) + tick_size))
    return ROIVectorMarketDepthBacktest([asset])


@njit
def no_op(bot, interval_ns):
    steps = 0
    while bot.elapse(interval_ns) == 0:
        steps += 1
    return steps


@njit
def maker(bot, interval_ns):
    steps = 0
    next_id = 1
    while bot.elapse(interval_ns) == 0:
        steps += 1
        bot.clear_inactive_orders(ALL_ASSETS)
        depth = bot.depth(0)
        bid, ask = depth.best_bid_tick, depth.best_ask_tick
        if bid >= ask or bid <= 0:
            continue
        position = bot.position(0)
        has_bid = has_ask = False
        orders = bot.orders(0)
        values = orders.values()
        while values.has_next():
            order = values.get()
            good = order.price_tick == (bid if order.side == BUY else ask)
            if order.side == BUY:
                has_bid = True
            else:
                has_ask = True
            if not good and order.cancellable:
                bot.cancel(0, order.order_id, False)
        if not has_bid and position < MAX_POSITION:
            bot.submit_buy_order(0, next_id, bid * depth.tick_size, 1.0, GTX, LIMIT, False)
            next_id += 1
        if not has_ask and position > -MAX_POSITION:
            bot.submit_sell_order(0, next_id, ask * depth.tick_size, 1.0, GTX, LIMIT, False)
            next_id += 1
    return steps


def main():
    path, tick_size = sys.argv[1], float(sys.argv[2])
    entry_ns, response_ns, runs = (int(value) for value in sys.argv[3:6])
    events = converted(path, tick_size)
    out = {"rows": int(events.size)}
    for work in sys.argv[6:]:
        strategy = no_op if work == "no-op" else maker
        interval_ns = 100_000_000 if work == "no-op" else int(float(work.split("-")[1]) * 1e6)
        seconds = []
        for run in range(runs + 1):
            bot = backtest(events, tick_size, entry_ns, response_ns)
            start = time.perf_counter()
            steps = strategy(bot, interval_ns)
            spent = time.perf_counter() - start
            state = bot.state_values(0)
            result = {"steps": int(steps), "trades": int(state.num_trades),
                      "position": float(state.position), "balance": float(state.balance)}
            bot.close()
            if run:    # the first compiles
                seconds.append(spent)
        out[work] = {"seconds": seconds, **result}
    print(json.dumps(out))


main()
