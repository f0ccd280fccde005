"""Do VWAP and the adaptive algorithm beat a market order? A paired study on the simulated market.

Run ``python benchmarks/study_execution.py [--days N] [--minutes M] [--json]``.

Every day is a generated session of its own seed: five minutes of warming up, then a parent of 5 %
of the volume that is usual in the next M minutes, bought on even days and sold on odd ones, by the
real loop, agents, risk gate and venue (impact on). History for the volume curve and the usual
volume comes from other seeds. The market is exogenous, so the mid's path without us is known: it is
the path itself. Cost is shortfall in ticks a lot, fees included, in three forms:

* *net*: fills against the mid just before each of them; what the path did is taken out whole, and
  with it what patient fills lose because the price moves through them;
* *planned*: shortfall less what the mid did along an even schedule fixed beforehand (along none for
  the market order, which trades at once). Where the mid has no drift it has the same mean as the
  raw shortfall, adverse selection included, and less noise;
* *raw*: the implementation shortfall itself.

Null, for each form: the mean paired difference, market order less algorithm, is 0 or less.
One-sided paired t test, and Wilcoxon's signed-rank test beside it. The market order is sent again
each second for what the visible book did not hold.

The venue's impact raises the prices at which we take; patient fills cause none there, and the
generated flow does not react to us. ``vwap_taking`` therefore stands beside: the same schedule
without a single patient order, so that all of it pays spread and impact.
"""

import argparse
import datetime
import json
import logging
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dreammaker.agents.base import Agent
from dreammaker.agents.context import Target, TradingContext
from dreammaker.assembly.config import SystemConfig, parse_config
from dreammaker.assembly.session import Session
from dreammaker.assembly.sources import open_source, simulated_hours
from dreammaker.domain.instrument import Instrument
from dreammaker.domain.orders import ExecutionReport, ReportKind
from dreammaker.engine.clock import NS_PER_S
from dreammaker.engine.messages import Capability, Message, MessageType, Topic
from dreammaker.execution.costs import (
    cost_of_fills,
    interval_twap_ticks,
    interval_vwap_ticks,
    mids_before,
)
from dreammaker.execution.volume_curve import bucket_volumes, learn_volume_curve
from dreammaker.features.pipeline import FeaturePipeline, FeatureRows
from dreammaker.simulation import SimulatedMarket

WARM_MINUTES = 6
SHARE = 0.05
LIMIT = 0.2
HISTORY_SEEDS = range(900_001, 900_011)
FIRST_SEED = 1
ALGORITHMS = ("market", "vwap", "vwap_taking", "adaptive")
PLANNED = {"market": 0.0, "twap": 1.0, "vwap": 1.0, "vwap_taking": 1.0, "adaptive": SHARE / LIMIT}
"""Share of the parent's time over which each one's even schedule runs, fixed beforehand: the
adaptive one fills patiently as fast as its participation limit lets it."""

FORMS = ("net", "planned", "raw")
SIMULATION_DAY = datetime.date(2026, 3, 2)

ROOM = {"max_position_lots": 1_000_000, "max_order_lots": 1_000_000,
        "max_orders_per_minute": 100_000, "max_orders_per_second": 1_000, "max_working_orders": 50,
        "max_notional": 1e12, "max_net_notional": 1e12, "max_gross_notional": 1e12,
        "capital": 1e12, "max_daily_loss": 1e9, "max_drawdown": 1e9, "price_collar_ticks": 1_000,
        "max_consecutive_losses": 10_000, "max_messages_per_fill": 1e6, "max_reject_share": 1.0,
        "max_slippage_ticks": 100_000, "entry_start_minutes_after_open": 0.0,
        "entry_stop_minutes_before_close": 0.7, "flatten_minutes_before_close": 0.5,
        "deadline_minutes_before_close": 0.2}


@dataclass(slots=True)
class Plan:
    """What every day of a study has in common.

    Parameters
    ----------
    minutes : float
        The parent's time.
    lots : int
    curve : list of [class, shares]
    impact : bool
    """

    minutes: float
    lots: int = 1
    curve: list[Any] = field(default_factory=list)
    impact: bool = True

    def config(self, seed: int, algorithm: str) -> SystemConfig:
        """The configuration of a day."""
        horizon = self.minutes * 60.0
        immediate = algorithm == "market"
        return parse_config({
            "run": {"seed": seed, "day": SIMULATION_DAY},
            "data": {"batch_events": 8192},
            "simulation": {"session_minutes": WARM_MINUTES + self.minutes + 1.0},
            "model": {"decision_interval_s": 1.0},
            "risk": ROOM,
            "exchange": {"profile": "ideal", "entry_latency_ms": 40.0, "response_latency_ms": 40.0,
                         **({"impact": True} if self.impact else {})},
            "execution": {
                "algorithm": "immediate" if immediate else algorithm.removesuffix("_taking"),
                "entry_style": "market", "order_lots": self.lots, "horizon_s": horizon,
                "participation_limit": 1.0 if immediate else LIMIT,
                "slice_s": 15.0, "finish_s": 10.0, "review_ms": 500.0,
                "urgency": 1.0 if algorithm.endswith("_taking") else 0.3,
                "max_child_lots": max(self.lots // 20, 10), "reprice_ms": 2000.0,
                "volume_curve": self.curve, "volume_bucket_minutes": 1,
                "fill_rate": self.lots / horizon, "adverse_ticks": 0.5,
                "temporary_impact": 2.5 * horizon / self.lots, "risk_aversion": 1e-4 / self.lots,
                "terminal_penalty": 10.0 / self.lots,
            },
        }, "study")


class Orderer(Agent):
    """Stands where the model would: wishes for a position once (or until it is there)."""

    def __init__(self, context: TradingContext, lots: int, start_ns: int, end_ns: int,
                 repeat: bool) -> None:
        super().__init__("orderer", context.clock, Capability.PREDICT)
        self.context, self.lots, self.repeat = context, lots, repeat
        self.start_ns, self.end_ns, self.began_ns = start_ns, end_ns, 0
        self.on(Topic.DECISION_ROW, self._look)

    def _look(self, message: Message) -> None:
        now, ledger = self.clock.now_ns, self.context.ledger
        if now < self.start_ns or now >= self.end_ns or ledger.position.lots == self.lots:
            return
        if self.began_ns and (not self.repeat or ledger.working):
            return
        self.began_ns = self.began_ns or now
        self.send(MessageType.DATA, Topic.TARGET, Capability.GUARD, Target(self.lots))


class Tap:
    """A broker that also keeps the fills."""

    def __init__(self, broker: Any) -> None:
        self.broker, self.fills = broker, []

    def __getattr__(self, name: str) -> Any:
        return getattr(self.broker, name)

    def next_report(self, until_ns: int) -> ExecutionReport | None:
        """The broker's next report."""
        report: ExecutionReport | None = self.broker.next_report(until_ns)
        if report is not None and report.kind is ReportKind.FILLED:
            self.fills.append(report)
        return report


@dataclass(slots=True)
class Path:
    """A day's market without us: mids (in half ticks) and trades, in exchange time."""

    times: NDArray[np.int64]
    mids: NDArray[np.int64]
    trade_times: NDArray[np.int64]
    trade_prices: NDArray[np.int64]
    trade_lots: NDArray[np.int64]
    open_ns: int


def market_path(config: SystemConfig) -> Path:
    """Generate a day again and note its mids and trades."""
    from dreammaker.domain.schema import Kind

    instrument = config.instrument.override(Instrument.named(config.instrument.symbol))
    market = SimulatedMarket(config.simulation, instrument, config.run.day, config.run.seed)
    pipeline, rows = FeaturePipeline(config.features, instrument, market.source), FeatureRows(65536)
    times, mids, trades = [], [], []
    while len(events := market.next_events(65536)):
        count = pipeline.process(events, rows)
        sound = rows.book_ok[:count] == 1
        times.append(rows.exch_ns[:count][sound].copy())
        mids.append((rows.bid_ticks[:count].astype(np.int64) + rows.ask_ticks[:count])[sound])
        trades.append(events[events["kind"] == Kind.TRADE].copy())
    prints = np.concatenate(trades)
    return Path(np.concatenate(times), np.concatenate(mids), prints["exch_ns"].astype(np.int64),
                prints["price_ticks"].astype(np.int64), prints["qty_lots"].astype(np.int64),
                simulated_hours(config, config.run.day)[0])


def learn(minutes: float, *, impact: bool = True, share: float = SHARE) -> Plan:
    """Usual volume and its curve, from days that are not in the study."""
    plan = Plan(minutes, impact=impact)
    length = WARM_MINUTES + round(minutes)
    days, volumes = {}, []
    for k, seed in enumerate(HISTORY_SEEDS):
        config = plan.config(seed, "market")
        instrument = Instrument.named(config.instrument.symbol)
        market = SimulatedMarket(config.simulation, instrument, config.run.day, seed)
        open_ns = simulated_hours(config, config.run.day)[0]

        def batches(source: SimulatedMarket = market) -> Iterator[Any]:
            while len(events := source.next_events(65536)):
                yield events

        counted = bucket_volumes(batches(), open_ns, open_ns + length * 60 * NS_PER_S, 1)
        days[SIMULATION_DAY + datetime.timedelta(days=7 * k)] = counted
        volumes.append(int(counted[WARM_MINUTES:].sum()))
    curve = learn_volume_curve(days, 1, by_weekday=False)
    lots = max(round(share * float(np.mean(volumes))), 1)
    return Plan(minutes, lots, [list(pair) for pair in curve.as_config()], impact)


def run_day(plan: Plan, seed: int, algorithm: str, path: Path) -> dict[str, float]:
    """One algorithm on one day: cost in the three forms, ticks a lot."""
    config = plan.config(seed, algorithm)
    session = Session(config, open_source(config))
    side = 1 if seed % 2 == 0 else -1
    start_ns = path.open_ns + WARM_MINUTES * 60 * NS_PER_S
    end_ns = start_ns + round(plan.minutes * 60 * NS_PER_S)
    orderer = Orderer(session.context, side * plan.lots, start_ns, end_ns, algorithm == "market")
    session.coordinator.unregister("ml")
    session.coordinator.register(orderer)
    session.loop.broker = tap = Tap(session.loop.broker)
    summary = session.run().summary
    if summary["failures"] or summary["stopped_by"] or not orderer.began_ns:
        raise RuntimeError(f"seed {seed} {algorithm}: {summary}")
    begin = orderer.began_ns
    # The session's close flattens; what was wished for ended before.
    fills = [fill for fill in tap.fills if fill.venue_ns < end_ns]
    prices, lots = [f.price_ticks for f in fills], [f.qty_lots for f in fills]
    venue_ns = [f.venue_ns for f in fills]
    decision, end = mids_before(path.times, path.mids, [begin + 1, end_ns]).tolist()
    cost = cost_of_fills(
        side, plan.lots, prices, lots, mids_before(path.times, path.mids, venue_ns).tolist(),
        decision_half_ticks=decision, arrival_half_ticks=decision, end_half_ticks=end,
        tick_value_micros=1_000_000, fees_micros=sum(f.fee_micros for f in fills),
        vwap_ticks=interval_vwap_ticks(path.trade_times, path.trade_prices, path.trade_lots,
                                       begin, end_ns),
        twap_ticks=interval_twap_ticks(path.times, path.mids, begin, end_ns))
    until = begin + round(PLANNED[algorithm] * (end_ns - begin))
    moved = 0.0 if until == begin else side * (
        interval_twap_ticks(path.times, path.mids, begin, until) - cost.decision_mid_ticks)
    worth = plan.lots * 1_000_000
    others = int(path.trade_lots[(path.trade_times >= begin) & (path.trade_times < end_ns)].sum())
    return {"net": (cost.spread_micros + cost.fees_micros) / worth,
            "planned": cost.shortfall_ticks - moved, "raw": cost.shortfall_ticks,
            "fees": cost.fees_micros / worth, "filled": cost.filled_lots / plan.lots,
            "against_vwap": cost.against_vwap_ticks, "share": plan.lots / (plan.lots + others),
            "orders": float(summary["orders"])}


def study(plan: Plan, days: int, algorithms: tuple[str, ...] = ALGORITHMS,
          first_seed: int = FIRST_SEED, progress: Callable[[int], None] | None = None
          ) -> dict[str, dict[str, NDArray[np.float64]]]:
    """Every algorithm on every day.

    Parameters
    ----------
    progress : callable, optional
        Told the seed of each day that is done.

    Returns
    -------
    dict of algorithm to dict of figure to float64 array, shape (days,)
    """
    rows: dict[str, list[dict[str, float]]] = {name: [] for name in algorithms}
    for seed in range(first_seed, first_seed + days):
        path = market_path(plan.config(seed, "market"))
        for name in algorithms:
            rows[name].append(run_day(plan, seed, name, path))
        if progress is not None:
            progress(seed)
    return {name: {key: np.array([row[key] for row in found]) for key in found[0]}
            for name, found in rows.items()}


def compare(market: NDArray[np.float64], other: NDArray[np.float64]) -> dict[str, float]:
    """Paired difference, market less other, with one-sided p values."""
    from scipy import stats

    gain = market - other
    return {"mean_gain": float(gain.mean()),
            "standard_error": float(gain.std(ddof=1) / len(gain) ** 0.5),
            "better_days": float((gain > 0).mean()),
            "p_t": float(stats.ttest_rel(market, other, alternative="greater").pvalue),
            "p_wilcoxon": float(stats.wilcoxon(gain, alternative="greater").pvalue)}


def main() -> None:
    """Run the study and print its tables."""
    from _bench import conditions, print_table

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--days", type=int, default=200)
    parser.add_argument("--minutes", type=float, default=6.0)
    parser.add_argument("--no-impact", action="store_true")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    logging.disable(logging.CRITICAL)
    plan = learn(given.minutes, impact=not given.no_impact)
    found = study(plan, given.days, progress=lambda seed: print(
        f"\rday {seed}", end="", file=sys.stderr, flush=True))
    tests = {form: {name: compare(found["market"][form], found[name][form])
                    for name in ALGORITHMS[1:]} for form in FORMS}
    if given.json:
        print(json.dumps({"lots": plan.lots, "tests": tests, "means": {
            name: {key: float(values.mean()) for key, values in figures.items()}
            for name, figures in found.items()}}, indent=1))
        return
    print(conditions())
    print(f"{given.days} days from seed {FIRST_SEED}, {given.minutes:g} minutes, "
          f"parent {plan.lots} lots, impact {'off' if given.no_impact else 'on'}")
    print_table("mean cost in ticks a lot +- standard error",
                ["algorithm", *FORMS, "against VWAP", "filled", "share of volume", "orders"],
                [[name, *(f"{figures[form].mean():+.3f} +- "
                          f"{figures[form].std(ddof=1) / given.days ** 0.5:.3f}"
                          for form in FORMS),
                  f"{np.nanmean(figures['against_vwap']):+.3f}", f"{figures['filled'].mean():.4f}",
                  f"{figures['share'].mean():.4f}", f"{figures['orders'].mean():.0f}"]
                 for name, figures in found.items()])
    print_table("null: the gain over the market order is 0 or less",
                ["algorithm", "form", "gain", "s.e.", "better days", "p (t)", "p (Wilcoxon)"],
                [[name, form, f"{row['mean_gain']:+.3f}", f"{row['standard_error']:.3f}",
                  f"{row['better_days']:.3f}", f"{row['p_t']:.2e}", f"{row['p_wilcoxon']:.2e}"]
                 for form, by_name in tests.items() for name, row in by_name.items()])


if __name__ == "__main__":
    main()
