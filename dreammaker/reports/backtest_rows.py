"""What a backtest report says, as plain text: the page and the text version share it."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dreammaker.backtest.costs import COST_PARTS
from dreammaker.backtest.day_tables import MARKOUT_S
from dreammaker.backtest.result import BacktestResult
from dreammaker.backtest.statistics import INTERVAL_S, LEAST_DAYS, Trials
from dreammaker.validation import SharpeEstimate

Rows = list[tuple[str, str]]

PARENTS_SHOWN = 10
_SMALL = 10_000_000

COST_MEANINGS = {
    "latency": "the mid moved while orders travelled: side x (mid at the venue on arrival - mid "
               "when sent)",
    "waiting": "the mid moved while orders rested: side x (mid at the fill - mid on arrival); 0 "
               "for what was taken on arrival",
    "spread": "half spread paid by taking, up to the best opposite price on arrival, less what "
              "passive fills earned against the mid just before them",
    "impact": "paid beyond the best opposite price: walking the book, and modelled impact where "
              "it is on",
    "fees": "as charged a lot and side",
}


def currency_text(micros: int, currency: str) -> str:
    """An amount in millionths: two digits, four where it is small.

    Examples
    --------
    >>> currency_text(-21_250_000, "BRL"), currency_text(-4_200, "BRL")
    ('BRL -21.25', 'BRL -0.0042')
    """
    return f"{currency} {_plain(micros)}"


def sharpe_text(estimate: SharpeEstimate | None) -> str:
    """A Sharpe ratio with everything it must be shown with.

    Examples
    --------
    >>> sharpe_text(None)
    'not defined'
    """
    if estimate is None or estimate.value != estimate.value:
        return "not defined"
    low, high = estimate.ci
    around = f"[{low:.3f}, {high:.3f}]" if low == low else "[no interval: too few observations]"
    runs = "1 trial" if estimate.trials == 1 else f"{estimate.trials:g} trials"
    return (f"{estimate.value:.3f} {around} at {estimate.confidence:.0%}; PSR "
            f"{estimate.psr:.3f}, DSR {estimate.dsr:.3f} ({estimate.n:,} observations, {runs})")


def result_rows(result: BacktestResult, trials: Trials) -> Rows:
    """The run in a table."""
    summary, currency = result.summary, result.instrument.currency
    trips = result.tables["trades"]["net_micros"]

    def money(name: str) -> str:
        return currency_text(summary[name], currency)

    rows = [
        ("Net result", money("net_micros")),
        ("Largest drawdown", currency_text(-summary["max_drawdown_micros"], currency)),
        (f"Sharpe ratio, {INTERVAL_S} s profits, not scaled", sharpe_text(result.sharpe(trials))),
        ("Sharpe ratio, daily profits, a year",
         sharpe_text(result.sharpe_of_days(trials)) if summary["days"] >= LEAST_DAYS else
         f"not given: {summary['days']} of the {LEAST_DAYS} days it takes"),
        ("Days", str(summary["days"]) + (f", {_wins(result.tables['daily']['net_micros'])}"
                                         if summary["days"] > 1 else "")),
        ("Round trips", f"{len(trips):,}, {_wins(trips)}" if len(trips) else "none"),
        ("Mean round trip", currency_text(round(float(trips.mean())), currency)
         if len(trips) else "-"),
        ("Fills", f"{summary['fills']:,} ({summary['passive_fills']:,} passive), "
                  f"{summary['lots']:,} lots"),
        ("Orders", f"{summary['orders']:,} sent, {summary['denied']:,} denied by risk"),
        ("Decisions", f"{summary['decisions']:,} on {summary['events']:,} market records"),
        ("In the market", f"{summary['share_of_time_in_market']:.1%} of the time, at most "
                          f"{summary['max_lots']:,} lots"),
        ("Days that risk cut short", str(summary["days_ended_by_risk"]) + "".join(
            f", {name.lower().replace('_', ' ')}: {count}"
            for name, count in summary["risk_reasons"].items())),
    ]
    if summary["open_lots_at_day_ends"]:
        rows.append(("Open at the ends of days", f"{summary['open_lots_at_day_ends']:,} lots, "
                     f"valued at the last mid: {money('open_micros')}"))
    if summary["failures"]:
        rows.append(("Agent failures", str(summary["failures"])))
    if summary["stopped_by"]:
        rows.append(("Ended early", summary["stopped_by"]))
    return rows


def _wins(values: NDArray[Any]) -> str:
    count = int((values > 0).sum())
    return f"{count:,} of them with a gain ({count / len(values):.0%})"


def cost_rows(result: BacktestResult) -> list[tuple[str, str, str, str]]:
    """Paper result, each part of the costs, net result: name, amount, a lot, meaning."""
    summary, currency = result.summary, result.instrument.currency
    lots = summary["lots"]

    def line(name: str, micros: int, meaning: str) -> tuple[str, str, str, str]:
        a_lot = f"{currency} {micros / lots / 1e6:,.4f}" if lots else "-"
        return name, f"{currency} {_plain(micros, _digits(result))}", a_lot, meaning

    parts = [line(name.capitalize(), -summary[f"cost_{name}_micros"], COST_MEANINGS[name])
             for name in COST_PARTS]
    return [line("Paper result", summary["paper_micros"],
                 "the same lots at the mid when each order was sent"), *parts,
            line("Net result", summary["net_micros"], "the sum, to the millionth")]


def hour_rows(result: BacktestResult) -> tuple[list[str], list[list[str]]]:
    """Result, costs and activity by local hour: headings, rows."""
    hours = result.tables["hours"]
    names, digits = np.unique(hours["hour"]), _digits(result)
    headings = ["hour", "net", *COST_PARTS, "fills", "lots", "in the market"]
    rows = []
    for hour in names.tolist():
        at = hours["hour"] == hour
        seconds = float(hours["seconds"][at].sum())
        share = float(hours["seconds_in_market"][at].sum()) / seconds if seconds else 0.0
        rows.append([f"{hour:02d}:00", _plain(int(hours["net_micros"][at].sum()), digits),
                     *(_plain(-int(hours[f"cost_{part}_micros"][at].sum()), digits)
                       for part in COST_PARTS),
                     f"{int(hours['fills'][at].sum()):,}", f"{int(hours['lots'][at].sum()):,}",
                     f"{share:.1%}"])
    return headings, rows


def _digits(result: BacktestResult) -> int:
    """Digits of a table's columns: four where all of the run is small money."""
    summary = result.summary
    return 4 if max(abs(summary["net_micros"]), abs(summary["paper_micros"])) < _SMALL else 2


def day_rows(result: BacktestResult) -> tuple[list[str], list[list[str]]]:
    """A line a day: headings, rows."""
    daily, digits = result.tables["daily"], _digits(result)
    headings = ["day", "net", "paper", *COST_PARTS, "trips", "fills", "drawdown", "risk state",
                "journal"]
    rows = []
    for index in range(len(daily["day"])):
        def value(name: str, index: int = index) -> Any:
            return daily[name][index]

        state = str(value("trading_state")).lower().replace("_", " ")
        rows.append([str(value("day")), _plain(value("net_micros"), digits),
                     _plain(value("paper_micros"), digits),
                     *(_plain(-value(f"cost_{part}_micros"), digits) for part in COST_PARTS),
                     f"{value('trades'):,}", f"{value('fills'):,}",
                     _plain(-value("max_drawdown_micros"), digits), state,
                     str(value("journal_hash"))[:12]])
    return headings, rows


def _plain(micros: int, digits: int | None = None) -> str:
    amount = int(micros) / 1e6
    if digits is None:
        digits = 2 if micros == 0 or abs(micros) >= _SMALL else 4
    # What rounds to nothing is 0.00, not -0.00.
    return f"{round(amount, digits) + 0.0:,.{digits}f}"


def passive_rows(result: BacktestResult) -> tuple[list[str], list[list[str]]]:
    """Orders that rested, by what was shown at their price on arrival, and what became of them."""
    orders, fills = result.tables["orders"], result.tables["fills"]
    headings = ["shown at the price", "orders", "lots", "filled lots", "filled in full",
                "median time to the end", "10 s after their fills, a lot"]
    passive = orders["passive"].astype(bool)
    if not passive.any():
        return headings, []
    shown = orders["shown_lots"]
    groups = [("unknown", passive & (shown < 0)), ("nobody (bettered)", passive & (shown == 0))]
    known = np.sort(shown[passive & (shown > 0)])
    if len(known):
        cuts = np.unique(known[[len(known) // 3, 2 * len(known) // 3]]).tolist()
        bounds = [0, *cuts, int(known[-1])]
        groups += [(f"{low + 1:,} to {high:,} lots", passive & (shown > low) & (shown <= high))
                   for low, high in pairwise(bounds) if high > low]
    currency, rows = result.instrument.currency, []
    for name, chosen in groups:
        count = int(chosen.sum())
        if not count:
            continue
        lots, filled = orders["qty_lots"][chosen], orders["filled_lots"][chosen]
        ended = orders["end_ns"][chosen]
        waited = (ended - orders["arrival_ns"][chosen])[ended > 0] / 1e9
        keys = _order_keys(fills)
        own = np.isin(keys, _order_keys(orders)[chosen]) & (fills["liquidity"] == "maker")
        after = int(fills[f"markout_{MARKOUT_S[1]}s_micros"][own].sum())
        own_lots = int(fills["qty_lots"][own].sum())
        rows.append([name, f"{count:,}", f"{int(lots.sum()):,}", f"{int(filled.sum()):,}",
                     f"{float((filled >= lots).mean()):.1%}",
                     f"{float(np.median(waited)):.2f} s" if len(waited) else "-",
                     f"{currency} {after / own_lots / 1e6:,.4f}" if own_lots else "-"])
    return headings, rows


def _order_keys(table: dict[str, NDArray[Any]]) -> NDArray[np.int64]:
    """Orders are numbered anew each day."""
    days = table["day"].astype("datetime64[D]").astype(np.int64)
    return np.asarray(days * 10**9 + table["order_id"], np.int64)


def queue_rows(result: BacktestResult) -> tuple[list[str], list[list[str]]]:
    """Passive orders filled in the backtest and by each queue model: headings, rows."""
    queue = result.tables["queue"]
    headings = ["queue model", "orders", "filled here", "filled by it", "both", "only here",
                "only by it", "median wait here", "by it"]
    rows = []
    for model in dict.fromkeys(queue["model"].tolist()):
        at = queue["model"] == model
        here, there = queue["filled"][at].astype(bool), queue["predicted"][at].astype(bool)
        rows.append([model, f"{len(here):,}", f"{here.mean():.1%}", f"{there.mean():.1%}",
                     *(f"{int(count):,}" for count in ((here & there).sum(), (here & ~there).sum(),
                                                       (there & ~here).sum())),
                     _median_s(queue["wait_ns"][at][here]),
                     _median_s(queue["predicted_wait_ns"][at][there])])
    return headings, rows


def _median_s(wait_ns: NDArray[Any]) -> str:
    return f"{float(np.median(wait_ns)) / 1e9:.2f} s" if len(wait_ns) else "-"


def parent_rows(result: BacktestResult) -> tuple[list[str], list[list[str]]]:
    """Implementation shortfall of parent orders by algorithm, and the dearest: headings, rows."""
    parents, currency = result.tables["parents"], result.instrument.currency
    headings = ["parents", "wanted", "filled", "shortfall", "ticks a lot", "delay", "impact",
                "spread", "fees", "not traded", "against VWAP", "against TWAP"]
    if not len(parents["parent_id"]):
        return headings, []
    zone_days = parents["day"].astype(str)
    every = np.arange(len(zone_days))
    rows = [_parent_row(f"{name or 'single orders'}: {int((parents['algorithm'] == name).sum()):,}",
                        result, every[parents["algorithm"] == name], currency)
            for name in dict.fromkeys(parents["algorithm"].tolist())]
    dearest = every[np.argsort(-parents["shortfall_micros"], kind="stable")]
    dearest = dearest[parents["parent_id"][dearest] > 0][:PARENTS_SHOWN]
    rows += [_parent_row(f"{zone_days[at]} no. {parents['parent_id'][at]}", result,
                         np.array([at]), currency) for at in dearest]
    return headings, rows


def _parent_row(name: str, result: BacktestResult, at: NDArray[np.int64], currency: str
                ) -> list[str]:
    parents = result.tables["parents"]
    lots = int(parents["parent_lots"][at].sum())
    tick = result.instrument.tick_value_micros
    filled = parents["filled_lots"][at]
    shortfall = int(parents["shortfall_micros"][at].sum())

    def against(benchmark: str) -> str:
        gap = parents["side"][at] * (parents["average_price_ticks"][at]
                                     - parents[f"{benchmark}_ticks"][at])
        known = ~np.isnan(gap)
        weight = float(filled[known].sum())
        return f"{float((gap * filled)[known].sum()) / weight:.3f}" if weight else "-"

    return [name, f"{lots:,}", f"{int(filled.sum()):,}", currency_text(shortfall, currency),
            f"{shortfall / (lots * tick):.3f}",
            *(_plain(int(parents[f"{part}_micros"][at].sum()), _digits(result))
              for part in ("delay", "impact", "spread", "fees", "opportunity")),
            against("vwap"), against("twap")]


def outcome_rows(result: BacktestResult) -> Rows:
    """How orders ended, and why risk denied."""
    orders = result.tables["orders"]
    rows: Rows = []
    for name in ("filled", "canceled", "expired", "rejected", "open"):
        chosen = orders["outcome"] == name
        if chosen.any():
            reasons = _counted(orders["end_reason"][chosen])
            part = int(((orders["filled_lots"] > 0) & chosen).sum())
            detail = f" ({part:,} after a partial fill)" if name != "filled" and part else ""
            why = f": {reasons}" if reasons and name != "filled" else ""
            rows.append((name.capitalize(), f"{int(chosen.sum()):,}{detail}{why}"))
    denied = result.header["denied"]
    rows += [(f"Denied: {name.lower().replace('_', ' ')}", f"{count:,}")
             for name, count in denied.items()]
    return rows


def _counted(values: NDArray[Any]) -> str:
    names, counts = np.unique(values.astype(str), return_counts=True)
    return ", ".join(f"{name.replace('_', ' ')} {count:,}"
                     for name, count in zip(names, counts, strict=True)
                     if name and name != "none")


def origin_rows(result: BacktestResult, trials: Trials) -> Rows:
    """Where the figures come from."""
    header = result.header
    data: Sequence[Sequence[str]] = header["days"]
    hashes = ", ".join(digest[:12] for _, digest in data[:3]) + (
        f" and {len(data) - 3} more" if len(data) > 3 else "")
    return [
        ("Run", f"{result.key}{f', {result.name}' if result.name else ''}"),
        ("Days", f"{data[0][0]} to {data[-1][0]}" if len(data) > 1 else data[0][0]),
        ("Data (content hashes)", hashes),
        ("Program", f"{header['program_version']}, source and kernels {header['program'][:12]}"),
        ("Runs stored on this symbol", f"{trials.count:,}"),
        *[(f"Changed: {name}", str(value)) for name, value in header["changes"].items()],
    ]
