"""Bars, labels and sample weights: ns an event or a label, beside plain NumPy, pandas or Python.

Run ``python benchmarks/bench_bars_labels.py [--prints N] [--labels M] [--runs R]``. Every result is
asserted equal to the peer's before a ratio is printed; peers that are slow are timed on a part of
the same input and compared on that part.
"""

import argparse
import sys

import numpy as np
import pandas as pd
from _bench import ROOT, conditions, print_table, timed, timed_together, write

from dreammaker._ext.uniqueness import SequentialSampler
from dreammaker.domain.instrument import Instrument
from dreammaker.domain.schema import EVENT_DTYPE, Flag, Kind
from dreammaker.features.bars import BarRule, BarStream
from dreammaker.models.labels import (
    PricePath,
    average_uniqueness,
    cusum_events,
    sequential_bootstrap,
    trend_scanning,
    triple_barrier,
    volatility,
)

sys.path.insert(0, str(ROOT))
from tests.kernels.naive_labels import naive_bet, naive_cusum, naive_trend, naive_uniqueness

WIN, BATCH, SECOND = Instrument.win(), 65_536, 10**9
Row = tuple[object, ...]


def made_up_prints(count: int) -> np.ndarray:
    """A day of prints over eight hours, as many a second as asked for."""
    rng = np.random.default_rng(1)
    events = np.zeros(count, EVENT_DTYPE)
    events["kind"], events["flags"] = Kind.TRADE, Flag.LAST
    events["exch_ns"] = events["local_ns"] = np.sort(rng.integers(0, 8 * 3600 * SECOND, count))
    events["price_ticks"] = 26_000 + np.cumsum(rng.integers(-1, 2, count))
    events["qty_lots"] = rng.integers(1, 20, count)
    events["side"] = rng.choice([-1, 1], count)
    return events


def made_up_path(rows: int) -> PricePath:
    """Quotes of eight hours: a random walk of the bid, one tick of spread."""
    rng = np.random.default_rng(2)
    time = np.sort(rng.integers(0, 8 * 3600 * SECOND, rows))
    bid = 26_000.0 + np.cumsum(rng.integers(-1, 2, rows))
    return PricePath(time, time, bid, bid + 1.0, np.zeros(rows, np.int64), time[-1:],
                     np.array([True]), WIN.tick_size, has_grid=True)


def stream(events: np.ndarray, rule: BarRule) -> np.ndarray:
    bars = BarStream(rule, WIN)
    return np.concatenate([bars.process(events[at:at + BATCH])
                           for at in range(0, len(events), BATCH)])


def grouped(events: np.ndarray) -> pd.DataFrame:
    """Minute bars as one writes them in pandas."""
    frame = pd.DataFrame({"price": events["price_ticks"] * 5.0, "lots": events["qty_lots"]},
                         index=pd.DatetimeIndex(events["exch_ns"].astype("datetime64[ns]")))
    groups = frame.groupby(frame.index.floor("60s"))
    bars = groups["price"].agg(["first", "max", "min", "last"])
    bars["volume"] = groups["lots"].sum()
    return bars


def cumulated(events: np.ndarray, threshold: int) -> np.ndarray:
    """Last prints of volume bars in NumPy: one search a bar, as the excess is not carried."""
    totals, ends, base = np.cumsum(events["qty_lots"]), [], 0
    while (at := int(np.searchsorted(totals, base + threshold))) < len(totals):
        ends.append(at)
        base = int(totals[at])
    return np.array(ends)


def looped(signs: np.ndarray, threshold: int) -> list[int]:
    """Last prints of fixed tick imbalance bars in a Python loop."""
    ends, theta = [], 0
    for i, sign in enumerate(signs.tolist()):
        theta += sign
        if abs(theta) >= threshold:
            ends.append(i)
            theta = 0
    return ends


def bench_bars(count: int, runs: int) -> list[Row]:
    events, rows = made_up_prints(count), []
    ours, peer = timed_together([lambda: stream(events, BarRule.time(60.0)),
                                 lambda: grouped(events)], runs=runs)
    bars, frame = ours.result, peer.result.iloc[:len(ours.result)]
    for name, column in (("open", "first"), ("high", "max"), ("low", "min"), ("close", "last")):
        assert (bars[name] / 1e6 * 5.0 == frame[column].to_numpy()).all()
    assert (bars["volume"] == frame["volume"].to_numpy()).all()
    rows.append(row("time bars, 60 s", "pandas groupby", ours.median, peer.median, count))
    ours, peer = timed_together([lambda: stream(events, BarRule.volume(1000)),
                                 lambda: cumulated(events, 1000)], runs=runs)
    assert (ours.result["last_index"] == peer.result).all()
    rows.append(row("volume bars, OHLC and all", "NumPy, ends alone", ours.median, peer.median,
                    count))
    part = events[:min(count, 1_000_000)]
    ours, peer = timed_together([lambda: stream(part, BarRule.imbalance(50)),
                                 lambda: looped(part["side"], 50)], runs=runs)
    assert ours.result["last_index"].tolist() == peer.result
    rows.append(row("imbalance bars, fixed", "Python loop", ours.median, peer.median, len(part)))
    expected = timed(lambda: stream(events, BarRule.runs(weight="volume")), runs=runs)
    rows.append(row("run bars, expected threshold", "", expected.median, None, count))
    return rows


def bench_labels(rows_of_path: int, labels: int, runs: int) -> list[Row]:
    path, rows = made_up_path(rows_of_path), []
    rng = np.random.default_rng(3)
    events = np.sort(rng.integers(0, 8 * 3600 * SECOND - 100 * SECOND, labels))
    settings = {"profit": 100.0, "loss": 75.0, "horizon": 60.0, "side": 1}
    ours = timed(lambda: triple_barrier(path, events, **settings), runs=runs)
    few = 20
    # The naive way looks at the path's rows around the event alone.
    edges = [slice(*np.searchsorted(path.time, (at - 10 * SECOND, at + 70 * SECOND)))
             for at in events[:few]]
    parts = [PricePath(path.time[s], path.time[s], path.bid[s], path.ask[s], path.segment[s],
                       path.segment_end, path.is_closed, 5.0, has_grid=True) for s in edges]
    naive = timed(lambda: [naive_bet(part, int(at), latency=40_000_000, horizon=60 * SECOND, up=20,
                                     down=15, side=1)
                           for part, at in zip(parts, events[:few], strict=True)], runs=1)
    assert [bet[1:3] for bet in naive.result] == list(zip(
        ours.result.end[:few].tolist(), ours.result.label[:few].tolist(), strict=True))
    rows.append(row("triple barrier", "Python loop", ours.median, naive.median * labels / few,
                    labels))
    mids = path.mid() * 5.0
    part = mids[:min(len(mids), 200_000)]
    ours, naive = timed_together([lambda: cusum_events(part, 50.0),
                                  lambda: naive_cusum(part.tolist(), 50.0)], runs=runs)
    assert ours.result.position.tolist() == [at for at, _ in naive.result]
    rows.append(row("CUSUM, a row", "Python loop", ours.median, naive.median, len(part)))
    ours = timed(lambda: trend_scanning(mids, np.arange(min(labels, len(mids) - 40)), shortest=5,
                                        longest=40), runs=runs)
    naive = timed(lambda: [naive_trend(mids[i:i + 40], 5) for i in range(few)], runs=1)
    for i, (score, _) in enumerate(naive.result):
        assert abs(ours.result.score[i] - score) <= 1e-6 * max(abs(score), 1.0)
    count = len(ours.result)
    rows.append(row("trend scanning, 36 lines", "NumPy lstsq", ours.median,
                    naive.median * count / few, count))
    ours = timed(lambda: volatility(path, events, horizon=60.0), runs=runs)
    rows.append(row("volatility", "", ours.median, None, labels))
    return rows


def bench_weights(labels: int, runs: int) -> list[Row]:
    rng, rows = np.random.default_rng(4), []
    for name, instants in (("60 at once", labels), ("600 at once", labels // 10)):
        start = np.sort(rng.integers(0, instants, labels))
        spans = np.column_stack([start, start + rng.integers(1, 120, labels)])
        ours = timed(lambda spans=spans: average_uniqueness(spans), runs=runs)
        rows.append(row(f"average uniqueness, {name}", "", ours.median, None, labels))
        ours = timed(lambda spans=spans: sequential_bootstrap(spans, np.random.default_rng(5)),
                     runs=max(runs // 2, 1))
        few = min(400, labels)
        naive = timed(lambda spans=spans, few=few: naive_draws(spans[:few], 5), runs=1)
        rows.append(row(f"sequential bootstrap, {name}", f"matrix, {few} labels' price a label",
                        ours.median, naive.median / 5 * labels, labels))
    few = spans[:200] - spans[0, 0]
    naive = naive_uniqueness([tuple(span) for span in few.tolist()])
    assert np.allclose(average_uniqueness(few), naive, rtol=1e-12)
    sampler = SequentialSampler(few[:, 0].copy(), few[:, 1].copy(), int(few.max()) + 1)
    drawn = sampler.draw(rng.random((500, 2)), 100)
    assert np.allclose(sampler.weights(), naive_uniqueness(
        [tuple(span) for span in few.tolist()], list(drawn)), rtol=1e-12)
    return rows


def naive_draws(spans: np.ndarray, draws: int) -> np.ndarray:
    """A few draws by the book: every label's uniqueness anew at each."""
    rng, drawn = np.random.default_rng(6), []
    first = spans[:, 0].min()
    matrix = np.zeros((len(spans), spans[:, 1].max() - first + 1))
    for i, (start, end) in enumerate(spans - first):
        matrix[i, start:end + 1] = 1.0
    for _ in range(draws):
        shared = matrix[drawn].sum(axis=0)
        weights = (matrix / (shared + 1.0)).sum(axis=1) / matrix.sum(axis=1)
        drawn.append(int(rng.choice(len(spans), p=weights / weights.sum())))
    return np.array(drawn)


def row(name: str, peer: str, ours_s: float, peer_s: float | None, count: int) -> Row:
    """A line of the table: ns each, the peer's, how many times faster, seconds in all."""
    return (name, count, 1e9 * ours_s / count, "-" if peer_s is None else 1e9 * peer_s / count,
            "-" if peer_s is None else peer_s / ours_s, ours_s, peer or "-")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--prints", type=int, default=5_000_000)
    parser.add_argument("--labels", type=int, default=100_000)
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args()
    write(conditions() + "\n")
    header = ("work", "number", "ns each", "peer's ns", "times faster", "seconds", "peer")
    print_table("Bars, a print", header, bench_bars(options.prints, options.runs))
    print_table("Labels on a path of quotes", header,
                bench_labels(options.prints, options.labels, options.runs))
    print_table("Weights, a label", header, bench_weights(options.labels, options.runs))


if __name__ == "__main__":
    main()
