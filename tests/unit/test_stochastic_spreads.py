"""Spread decomposition: hand values, a record-by-record twin, real days."""

from dataclasses import replace

import numpy as np
import pytest

from dreammaker.data import read_lobster, read_mt5_ticks
from dreammaker.domain.errors import InputError
from dreammaker.domain.instrument import Instrument
from dreammaker.domain.schema import EVENT_DTYPE, Flag, Kind, Phase
from dreammaker.domain.source import SourceProfile
from dreammaker.stochastic import (
    decompose_spreads,
    fit_trade_reach,
    spread_components,
    standing_quotes,
)
from dreammaker.store.eventlog import EventLog

WIN = Instrument.win()


def log_of(rows, depth_levels=0):
    """A log of rows (second, kind, side, ticks, lots[, flags[, aux]]), LAST unless told."""
    events = np.zeros(len(rows), EVENT_DTYPE)
    for i, (second, kind, side, ticks, lots, *rest) in enumerate(rows):
        events[i]["exch_ns"] = events[i]["local_ns"] = round(second * 1e9)
        events[i]["kind"], events[i]["side"] = kind, side
        events[i]["price_ticks"], events[i]["qty_lots"] = ticks, lots
        events[i]["flags"] = rest[0] if rest else Flag.LAST
        events[i]["aux"] = rest[1] if len(rest) > 1 else 0
    return EventLog.of(events, WIN, SourceProfile("test", depth_levels, False))


def quotes(second, bid, ask):
    return [(second, Kind.QUOTE, 1, bid, -1, 0), (second, Kind.QUOTE, -1, ask, -1)]


# Reference D.16
def test_published_spread_values():
    parts = spread_components([1], [130005], [130002.5], [130007.5])
    assert [float(x[0]) for x in parts] == [5.0, -5.0, 10.0]


def test_the_same_values_from_a_log():
    log = log_of([*quotes(0, 26000, 26001), (1, Kind.TRADE, 1, 26001, 3),
                  *quotes(2, 26001, 26002), *quotes(9, 26000, 26001)])
    found = decompose_spreads(log, 5.0)
    assert (found.effective[0], found.realized[0], found.impact[0]) == (5.0, -5.0, 10.0)
    assert (found.mid[0], found.later_mid[0], found.quoted[0]) == (130002.5, 130007.5, 5.0)
    assert found.qty_lots.tolist() == [3] and found.reach.tolist() == [2.5]
    assert np.isnan(decompose_spreads(log, 60.0).later_mid[0])
    assert decompose_spreads(log, 8.0).later_mid[0] == 130002.5
    assert decompose_spreads(log, 0.0).impact[0] == 0.0
    summary = found.summary()
    assert (summary.print_count, summary.volume_lots, summary.effective) == (1, 3, 5.0)
    assert summary.effective_bps == pytest.approx(1e4 * 5.0 / 130002.5)


def test_a_print_meets_the_quote_of_the_packet_before_its_own():
    # The quote of the print's own packet shows what the print left.
    log = log_of([*quotes(0, 100, 101), (1, Kind.TRADE, 1, 101, 1, 0),
                  (1, Kind.QUOTE, -1, 103, -1, 0), (1, Kind.QUOTE, 1, 102, -1),
                  *quotes(7, 102, 103)])
    found = decompose_spreads(log, 0.0)
    assert found.mid[0] == 502.5 and found.later_mid[0] == 512.5


# Reference D.16: Lee and Ready; the first row stands before any change of price.
def test_unknown_aggressors_are_signed_by_lee_and_ready():
    rows = []
    for i, (bid, ask, price) in enumerate([(26000, 26001, 26001), (26000, 26001, 26000),
                                           (26000, 26002, 26001), (26000, 26002, 26001)]):
        rows += [*quotes(2 * i, bid, ask), (2 * i + 1, Kind.TRADE, 0, price, 1)]
    found = decompose_spreads(log_of([*rows, *quotes(60, 26000, 26002)]), 1.0)
    assert found.side.tolist() == [1, -1, 1, 1]
    assert found.side_inferred.all()
    lone = log_of([*quotes(0, 10, 12), (1, Kind.TRADE, 0, 11, 1), *quotes(9, 10, 12)])
    assert decompose_spreads(lone, 1.0).excluded["no_side"] == 1


def test_merged_prints_are_one_order():
    log = log_of([*quotes(0, 100, 101), (1, Kind.TRADE, 1, 101, 1), (1, Kind.TRADE, 1, 103, 3),
                  (1, Kind.TRADE, -1, 100, 2), (2, Kind.TRADE, 1, 102, -1),
                  (2, Kind.TRADE, 1, 104, 5), *quotes(9, 100, 101)])
    found = decompose_spreads(log, 1.0)
    assert found.qty_lots.tolist() == [4, 2, -1]
    assert found.price.tolist() == [102.5 * 5, 500.0, 103 * 5.0]
    assert found.reach.tolist() == [12.5, 2.5, 17.5]
    assert len(decompose_spreads(log, 1.0, merge=False)) == 5


def test_exclusions_are_counted():
    log = log_of([(0, Kind.TRADE, 1, 100, 1), *quotes(1, 101, 101),
                  (2, Kind.TRADE, 1, 100, 1), *quotes(3, 100, 101),
                  (4, Kind.TRADE, 1, 100, 1, Flag.LAST | Flag.AUCTION),
                  (5, Kind.TRADE, 1, 101, 1, Flag.LAST | Flag.HIDDEN),
                  (6, Kind.SESSION, 0, 0, 0, Flag.LAST, Phase.HALT),
                  (7, Kind.TRADE, 1, 101, 1), *quotes(20, 100, 101)])
    found = decompose_spreads(log, 1.0, include_hidden=False)
    assert len(found) == 0
    assert found.excluded == {"not_continuous": 2, "hidden": 1, "no_quote": 2, "no_side": 0}
    shown = decompose_spreads(log, 5.0)
    # The halt lies between the print and its horizon.
    assert len(shown) == 1 and np.isnan(shown.later_mid[0])
    assert np.isfinite(decompose_spreads(log, 0.5).later_mid[0])
    assert np.isnan(found.summary().effective)


def random_log(seed, depth):
    g, rows, t = np.random.default_rng(seed), [], 0.0
    for _ in range(150):
        t += float(g.choice([0.0, 0.1, 0.7]))
        draw = g.random()
        flags = Flag.LAST if g.random() < 0.7 else 0
        if draw < 0.5:
            kind = Kind.LEVEL_SET if depth else Kind.QUOTE
            side = int(g.choice([-1, 1]))
            price = int(g.integers(98, 103)) - side
            lots = int(g.integers(0, 4)) if depth or g.random() < 0.1 else -1
            odd = Flag.OFF_GRID if not depth and g.random() < 0.05 else 0
            rows.append((t, kind, side, price, lots, flags | odd))
        elif draw < 0.9:
            extra = g.choice([0, 0, 0, int(Flag.HIDDEN), int(Flag.AUCTION)])
            if depth and g.random() < 0.2:
                # At a price without a level, since the book takes an execution off its level.
                side = int(g.choice([-1, 1]))
                rows.append((t, Kind.ORDER_EXECUTE, side, 100 - 40 * side,
                             int(g.integers(1, 5)), flags | extra))
            else:
                rows.append((t, Kind.TRADE, int(g.choice([-1, 0, 1])), int(g.integers(98, 103)),
                             int(g.integers(1, 5)), flags | extra))
        elif draw < 0.94:
            rows.append((t, Kind.GAP, 0, 0, int(g.choice([-1, 500, 5000])), flags))
        elif draw < 0.97:
            rows.append((t, Kind.SESSION, 0, 0, 0, flags,
                         int(g.choice([Phase.CONTINUOUS, Phase.AUCTION]))))
        else:
            rows.append((t, Kind.CLEAR, 0, 0, 0, flags))
    return log_of([*rows, *([] if g.random() < 0.5 else quotes(t + 9, 1, 2))], 5 if depth else 0)


def naive(log, horizon_s):
    """Record by record, nothing shared: (index, side, mid2, later mid2 or None) of every print."""
    depth = log.source.depth_levels > 0
    book, best = {1: {}, -1: {}}, {1: None, -1: None}
    open_, stretch, clock = True, 0, -1
    history, prints, standing = [], [], None
    last_price = change = None
    for index, e in enumerate(log.events):
        kind, side, flags = int(e["kind"]), int(e["side"]), int(e["flags"])
        price, lots = int(e["price_ticks"]), int(e["qty_lots"])
        clock = max(clock, int(e["exch_ns"]))
        if kind == Kind.SESSION:
            open_, stretch = int(e["aux"]) == Phase.CONTINUOUS, stretch + 1
        elif kind == Kind.GAP and (lots < 0 or lots > 2000):
            stretch += 1
        elif kind == Kind.CLEAR:
            book, best = {1: {}, -1: {}}, {1: None, -1: None}
        elif kind == Kind.LEVEL_SET:
            book[side][price] = lots
        elif kind == Kind.QUOTE:
            best[side] = None if lots == 0 or flags & Flag.OFF_GRID else price
        elif kind in (Kind.TRADE, Kind.ORDER_EXECUTE):
            good = (open_ and not flags & Flag.AUCTION and standing is not None
                    and standing[0] == stretch)
            if good:
                told = side if kind == Kind.TRADE else -side
                if last_price is not None and price != last_price:
                    change = 1 if price > last_price else -1
                last_price = price
                sign = told or int(np.sign(2 * price - standing[1])) or change or 0
                if sign:
                    prints.append((index, sign, standing[1], stretch, clock))
        if flags & Flag.LAST:
            if depth:
                best = {1: max((p for p, q in book[1].items() if q), default=None),
                        -1: min((p for p, q in book[-1].items() if q), default=None)}
            sound = None not in best.values() and best[1] < best[-1]
            mid2 = best[1] + best[-1] if sound else None
            history.append((clock, stretch if open_ else -1, mid2))
            standing = (stretch, mid2) if sound and open_ else None
    out = []
    for index, sign, mid2, at, when in prints:
        target = when + round(horizon_s * 1e9)
        past = [h for h in history if h[0] <= target]
        later = None
        if past and history[-1][0] >= target and past[-1][1] == at:
            later = past[-1][2]
        out.append((index, sign, mid2, later))
    return out


@pytest.mark.parametrize("depth", [False, True])
@pytest.mark.parametrize("seed", range(40))
def test_equals_its_naive_twin(seed, depth):
    log = random_log(seed, depth)
    for horizon in (0.0, 0.35, 3.0):
        try:
            found = decompose_spreads(log, horizon, merge=False)
        except InputError:
            assert not standing_quotes(log).sound.any()
            continue
        expected = naive(log, horizon)
        assert found.event_index.tolist() == [row[0] for row in expected]
        assert found.side.tolist() == [row[1] for row in expected]
        assert found.mid.tolist() == [2.5 * row[2] for row in expected]
        later = [np.nan if row[3] is None else 2.5 * row[3] for row in expected]
        assert np.array_equal(found.later_mid, later, equal_nan=True)
        known = np.isfinite(found.later_mid)
        assert np.array_equal(found.effective[known], (found.realized + found.impact)[known])


def test_groups_add_up_to_the_whole():
    log = random_log(3, False)
    found = decompose_spreads(log, 0.35)
    whole = found.summary()
    for parts in (found.by_side(), found.by_size([1, 2, 5, 9])):
        assert sum(p.print_count for p in parts) == whole.print_count
        assert sum(p.volume_lots for p in parts) == whole.volume_lots
        for name in ("effective", "realized", "impact", "quoted"):
            total = sum(p.volume_lots * getattr(p, name) for p in parts if p.print_count)
            assert total == pytest.approx(whole.volume_lots * getattr(whole, name))
    assert [p.label for p in found.by_size([1, 2, 5, 9])] == ["1", "2-4", "5-8", "9+"]
    equal = found.summary("equal")
    assert equal.realized == pytest.approx(np.nanmean(found.realized))
    assert equal.effective == pytest.approx(equal.realized + equal.impact)


def test_refusals_name_what_is_wrong():
    log = random_log(3, False)
    no_trades = log_of(quotes(0, 1, 2))
    no_quotes = log_of([(0, Kind.TRADE, 1, 1, 1)])
    for build, error, message in (
            (lambda: decompose_spreads(no_trades), InputError, "has no trades"),
            (lambda: decompose_spreads(no_quotes), InputError, "has no sound quotes"),
            (lambda: decompose_spreads(log, -1.0), ValueError, "horizon_s must be 0 or more"),
            (lambda: decompose_spreads(log).summary("lots"), ValueError, "weight must be volume"),
            (lambda: decompose_spreads(log).by_size([2, 1]), ValueError, "strictly ascending"),
            (lambda: spread_components([0], [1], [1], [1]), ValueError, "sides must be"),
            (lambda: spread_components([1], [1, 2], [1], [1]), ValueError, "same length")):
        with pytest.raises(error, match=message):
            build()
    damaged = random_log(5, True)
    events = damaged.events.copy()
    events["qty_lots"][np.flatnonzero(events["kind"] == Kind.LEVEL_SET)[3]] = -7
    with pytest.raises(InputError, match=r"record \d+ of WIN on .* is damaged"):
        decompose_spreads(EventLog.of(events, WIN, damaged.source))


def test_log_without_a_whole_packet():
    log = log_of([(0, Kind.TRADE, 1, 1, 1, 0)])
    assert len(standing_quotes(log).end_index) == 0
    with pytest.raises(InputError, match="no sound quotes"):
        decompose_spreads(log)


@pytest.mark.market_data
def test_dollar_future_day(market_data):
    log = read_mt5_ticks(market_data / "DOLK20.csv")
    found = decompose_spreads(log, 5.0, merge=False)
    # 33 118 trades, 117 rows of one opening print and others in the auction (data README).
    assert len(found) + sum(found.excluded.values()) == 33_118
    assert found.side_inferred.all()
    known = np.isfinite(found.later_mid)
    assert np.array_equal(found.effective[known], (found.realized + found.impact)[known])
    # Prices and mids are on quarter points.
    assert np.array_equal(4 * found.effective, np.round(4 * found.effective))
    summary = found.summary()
    assert summary.effective > summary.quoted > 0.5
    assert 0.5 < summary.impact < summary.effective * 1.2
    reach = decompose_spreads(log, 5.0).reach
    fit = fit_trade_reach(reach, 9 * 3600.0, 0.25)
    assert 1.0 < fit.decay < 4.0


@pytest.mark.market_data
def test_nasdaq_day(market_data):
    log = read_lobster(market_data / "LOBSTER_SampleFile_GOOG_2012-06-21_10.zip")
    found = decompose_spreads(log, 5.0, merge=False)
    assert len(found) == 7_765 + 3_913 and not found.side_inferred.any()
    visible = decompose_spreads(log, 5.0, merge=False, include_hidden=False)
    # An execution of a visible order is at the touch: twice its reach is the quoted spread.
    at_touch = np.isclose(visible.effective, visible.quoted)
    assert len(visible) == 7_765 and at_touch.mean() > 0.999
    # Most of the spread is impact (adverse selection) within five seconds.
    summary = visible.summary()
    assert summary.impact > 0.7 * summary.effective
    # A stream without the sides gives most of them back by the quote rule.
    blind = log.events.copy()
    blind["side"][blind["kind"] == Kind.TRADE] = 0
    signed = decompose_spreads(replace(log, events=blind), 5.0, merge=False)
    assert signed.side_inferred.sum() > 3_500
