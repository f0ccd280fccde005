"""Does the simulated day look like a market? Fixed seeds, stated nulls."""

from dataclasses import replace
from datetime import date, time

import numpy as np
import pytest
from scipy import stats

from dreammaker._ext.rng import Rng
from dreammaker.domain.instrument import Instrument
from dreammaker.domain.schema import Flag, Kind, Phase
from dreammaker.simulation import SimulatedMarket, SimulationConfig

DAY = date(2026, 3, 2)
CONFIG = SimulationConfig()


def generate(config, seed):
    market = SimulatedMarket(config, Instrument.win(), DAY, seed)
    parts = []
    while len(events := market.next_events(1 << 19)):
        parts.append(events)
    return np.concatenate(parts)


def continuous(events):
    phase = events["kind"] == Kind.SESSION
    start = np.flatnonzero(phase & (events["aux"] == Phase.CONTINUOUS))[0]
    stop = np.flatnonzero(phase & (events["aux"] == Phase.CLOSING_CALL))[0]
    return events[start + 1:stop]


def packet_times_s(events):
    return events["exch_ns"][events["flags"] & Flag.LAST > 0] * 1e-9


@pytest.fixture(scope="module")
def day():
    return generate(CONFIG, 5)


@pytest.fixture(scope="module")
def trading(day):
    return continuous(day)


@pytest.fixture(scope="module")
def best_prices(day):
    """Times (ns) and best bid and ask after each packet of twenty default minutes."""
    start = np.flatnonzero(day["kind"] == Kind.SNAPSHOT)
    start = start[day["flags"][start] & Flag.SNAP_BEGIN > 0][1]
    stop = np.searchsorted(day["exch_ns"], day["exch_ns"][start] + 20 * 60 * 10**9)
    lots = {1: {}, -1: {}}
    times, bids, asks, depths = [], [], [], []
    fields = day[start:stop][["exch_ns", "kind", "side", "price_ticks", "qty_lots", "flags"]]
    bid = ask = 0
    for when, kind, side, price, qty, flags in fields.tolist():
        if kind in (Kind.LEVEL_SET, Kind.SNAPSHOT):
            lots[side][price] = qty
        if flags & Flag.LAST and kind != Kind.SESSION:
            bid = max(bid, max(lots[1])) if bid == 0 else bid
            while lots[1].get(bid + 1, 0):
                bid += 1
            while not lots[1].get(bid, 0):
                bid -= 1
            ask = min(lots[-1]) if ask == 0 else ask
            while lots[-1].get(ask - 1, 0):
                ask -= 1
            while not lots[-1].get(ask, 0):
                ask += 1
            times.append(when)
            bids.append(bid)
            asks.append(ask)
            depths.append([lots[1].get(bid - k, 0) for k in range(10)]
                          + [lots[-1].get(ask + k, 0) for k in range(10)])
    return np.array(times), np.array(bids), np.array(asks), np.array(depths)


def test_spread_is_one_tick_for_at_least_nine_tenths_of_the_time(best_prices):
    times, bids, asks, _ = best_prices
    held = np.diff(times)
    one_tick = held[(asks - bids)[:-1] == 1].sum() / held.sum()
    assert one_tick > 0.95
    assert one_tick < 1.0


def test_each_of_ten_levels_holds_tens_to_hundreds_of_lots(best_prices):
    depth = best_prices[3]
    assert (depth > 0).all()
    medians = np.median(depth, axis=0)
    assert medians.min() > 30
    assert medians.max() < 400


@pytest.mark.parametrize("seed", [1, 2, 3, 5])
def test_daily_range_is_that_of_an_index_future(seed, day):
    trading = continuous(day if seed == 5 else generate(CONFIG, seed))
    prices = trading["price_ticks"][trading["kind"] == Kind.TRADE]
    assert 0.005 < (prices.max() - prices.min()) / 26_000 < 0.025


def test_price_is_not_a_trend_of_the_generator():
    # Null: the close is as likely above the start as below (24 short sessions, two-sided binomial).
    config = SimulationConfig(session_minutes=10.0)
    ups = 0
    for seed in range(24):
        trading = continuous(generate(config, seed))
        prices = trading["price_ticks"][trading["kind"] == Kind.TRADE]
        ups += prices[-1] > prices[0]
    assert stats.binomtest(int(ups), 24).pvalue > 0.01


def test_buys_and_sells_balance(trading):
    # Null: buys and sells are equally likely. Market orders come in clusters, so single orders are
    # not independent: the sign of each half-minute's net count is tested (binomial, two-sided).
    trades = trading[trading["kind"] == Kind.TRADE]
    cell = (trades["exch_ns"] - trading["exch_ns"][0]) // (30 * 10**9)
    net = np.bincount(cell, weights=trades["side"])
    signs = net[net != 0]
    assert len(signs) > 1000
    assert stats.binomtest(int((signs > 0).sum()), len(signs)).pvalue > 0.01
    assert set(np.unique(trades["side"])) == {-1, 1}


def test_counts_are_overdispersed_and_more_so_in_longer_windows(day):
    # Null: Poisson counts, Fano factor 1; its index of dispersion is chi-squared.
    times = packet_times_s(continuous(day))
    lunch = times[(times > times[0] + 4.0 * 3600) & (times < times[0] + 4.4 * 3600)]
    fano = {}
    for width in (0.01, 0.1, 2.0):
        counts = np.histogram(lunch, np.arange(lunch[0], lunch[-1], width))[0]
        fano[width] = counts.var(ddof=1) / counts.mean()
        dispersion = fano[width] * (len(counts) - 1)
        assert stats.chi2.sf(dispersion, len(counts) - 1) < 1e-6, width
    assert 1.0 < fano[0.01] < fano[0.1] < fano[2.0]


def flat(branching_total, decay=8.0):
    """A flow whose total is a univariate Hawkes process of a known branching ratio."""
    share = branching_total / 6.0
    return replace(
        CONFIG, base_rates_per_s=(2.0, 2.0, 0.2, 0.2, 1.6, 1.6), session_minutes=120.0,
        branching=((share,) * 6,) * 6, decays_per_s=(decay,) * 6, depth_mean_lots=5000.0,
        activity=((time(9), 1.0),), gap_fill_rate_per_s=1.0, depth_log_sd=0.1)


@pytest.mark.parametrize("ratio", [0.3, 0.6])
def test_branching_ratio_estimated_from_the_counts_is_the_configured_one(ratio):
    # Hardiman and Bouchaud (2014): n = 1 - sqrt(mean / var) of counts in long windows (C.4.1).
    # The queues are so deep that the price hardly moves and gap filling adds no events.
    config = flat(ratio)
    assert config.spectral_radius == pytest.approx(ratio)
    estimates, rates = [], []
    for seed in (1, 2, 3):
        trading = continuous(generate(config, seed))
        times = packet_times_s(trading)
        counts = np.histogram(times, np.arange(times[0] + 10.0, times[-1], 5.0))[0]
        estimates.append(1.0 - np.sqrt(counts.mean() / counts.var(ddof=1)))
        rates.append(len(times) / 7200.0)
    assert np.mean(estimates) == pytest.approx(ratio, abs=0.05)
    assert np.mean(rates) == pytest.approx(sum(config.mean_rates_per_s), rel=0.04)


def test_time_rescaled_gaps_are_exponential():
    # Null: the compensator of the total flow, with the configured parameters, turns the gaps into
    # unit exponentials (Kolmogorov-Smirnov). A Poisson reading of the same times must fail.
    config = replace(flat(0.6), session_minutes=20.0)
    times = packet_times_s(continuous(generate(config, 4)))
    gaps = np.diff(times)
    base, jump, decay = sum(config.base_rates_per_s), 0.6 * 8.0, 8.0
    excited, rescaled = 0.0, []
    for gap in gaps[:8000]:
        fade = np.exp(-decay * gap)
        excited += jump
        rescaled.append(base * gap + excited / decay * (1.0 - fade))
        excited *= fade
    rescaled = np.array(rescaled)[500:]  # the history before the first gap has faded
    assert stats.kstest(rescaled, "expon").pvalue > 0.01
    assert stats.kstest(gaps / gaps.mean(), "expon").pvalue < 1e-6


def test_volume_over_the_day_is_u_shaped_with_a_bump_at_the_cash_open(trading):
    trades = trading[trading["kind"] == Kind.TRADE]
    hours = (trades["exch_ns"] - trading["exch_ns"][0]) / 3600e9
    def volume(start, stop):
        inside = (hours >= start) & (hours < stop)
        return trades["qty_lots"][inside].sum() / (stop - start)
    open_, before, cash_open = volume(0, 0.25), volume(0.75, 1.0), volume(1.0, 1.25)
    lunch, end = volume(3.75, 4.75), volume(8.0, 9.4)
    assert open_ > 1.2 * before
    assert cash_open > 1.4 * before
    assert lunch < 0.6 * min(open_, cash_open, end)


def test_market_orders_are_heavy_tailed_and_some_walk_the_book(trading):
    # Null: sizes of the configured law 1 + floor(Lomax); Kolmogorov-Smirnov cannot be used on
    # integers, so the share above fixed sizes is compared with the law (5 standard errors).
    ends = trading["flags"] & Flag.LAST > 0
    order = np.concatenate(([0], np.cumsum(ends)[:-1]))
    trade = trading["kind"] == Kind.TRADE
    sizes = np.bincount(order[trade], weights=trading["qty_lots"][trade])
    sizes = sizes[sizes > 0]
    hits = np.bincount(order[trade])
    scale = (CONFIG.market_size_mean_lots - 0.5) * (CONFIG.market_size_tail - 1.0)
    for size in (5, 20, 50):
        share = (1.0 + (size - 1) / scale) ** -CONFIG.market_size_tail
        error = np.sqrt(share * (1.0 - share) / len(sizes))
        assert abs((sizes >= size).mean() - share) < 5.0 * error, size
    assert sizes.mean() == pytest.approx(CONFIG.market_size_mean_lots, rel=0.05)
    assert hits.max() >= 3
    assert 0.01 < (hits >= 2).sum() / (hits >= 1).sum() < 0.3


def test_imbalance_of_the_best_queues_predicts_the_next_move(best_prices):
    # Null: no relation between the imbalance and the sign of the next change of the mid.
    _, bids, asks, depth = best_prices
    mid = bids + asks
    change = np.flatnonzero(np.diff(mid) != 0)
    calm = (asks - bids)[:-1] == 1
    nexts = np.searchsorted(change, np.arange(len(mid) - 1))
    known = (nexts < len(change)) & calm
    known[np.arange(len(known)) % 50 != 0] = False
    rows = np.flatnonzero(known)
    move = np.sign(np.diff(mid)[change[nexts[rows]]])
    imbalance = (depth[rows, 0] - depth[rows, 10]) / (depth[rows, 0] + depth[rows, 10])
    result = stats.spearmanr(imbalance, move)
    assert result.statistic > 0.2
    assert result.pvalue < 1e-6


def test_deviates_follow_their_laws():
    rng = Rng(77, 9)
    uniform = [rng.uniform() for _ in range(20_000)]
    assert stats.kstest(uniform, "uniform").pvalue > 0.01
    assert stats.kstest([rng.exponential() for _ in range(20_000)], "expon").pvalue > 0.01
    normal = np.array([rng.normal() for _ in range(20_000)])
    assert stats.kstest(normal, "norm").pvalue > 0.01
    assert abs(np.corrcoef(normal[:-1], normal[1:])[0, 1]) < 0.03
    other = Rng(77, 10)
    assert abs(np.corrcoef(uniform, [other.uniform() for _ in range(20_000)])[0, 1]) < 0.03
