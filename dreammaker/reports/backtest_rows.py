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
    """An amount in millionths, two digits.

    Examples
    --------
    >>> currency_text(-1_250_000, "BRL")
    'BRL -1.25'
    """
    return f"{currency} {micros / 1e6:,.2f}"


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
        ("Days that risk ended", str(summary["days_ended_by_risk"])),
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
        return name, currency_text(micros, currency), a_lot, meaning

    parts = [line(name.capitalize(), -summary[f"cost_{name}_micros"], COST_MEANINGS[name])
             for name in COST_PARTS]
    return [line("Paper result", summary["paper_micros"],
                 "the same lots at the mid when each order was sent"), *parts,
            line("Net result", summary["net_micros"], "the sum, to the millionth")]


def hour_rows(result: BacktestResult) -> tuple[list[str], list[list[str]]]:
    """Result, costs and activity by local hour: headings, rows."""
    hours = result.tables["hours"]
    names = np.unique(hours["hour"])
    headings = ["hour", "net", *COST_PARTS, "fills", "lots", "in the market"]
    rows = []
    for hour in names.tolist():
        at = hours["hour"] == hour
        seconds = float(hours["seconds"][at].sum())
        share = float(hours["seconds_in_market"][at].sum()) / seconds if seconds else 0.0
        rows.append([f"{hour:02d}:00", _plain(int(hours["net_micros"][at].sum())),
                     *(_plain(-int(hours[f"cost_{part}_micros"][at].sum()))
                       for part in COST_PARTS),
                     f"{int(hours['fills'][at].sum()):,}", f"{int(hours['lots'][at].sum()):,}",
                     f"{share:.1%}"])
    return headings, rows


def day_rows(result: BacktestResult) -> tuple[list[str], list[list[str]]]:
    """A line a day: headings, rows."""
    daily = result.tables["daily"]
    headings = ["day", "net", "paper", *COST_PARTS, "trips", "fills", "drawdown", "risk state",
                "journal"]
    rows = []
    for index in range(len(daily["day"])):
        def value(name: str, index: int = index) -> Any:
            return daily[name][index]

        state = str(value("trading_state")).lower().replace("_", " ")
        rows.append([str(value("day")), _plain(value("net_micros")), _plain(value("paper_micros")),
                     *(_plain(-value(f"cost_{part}_micros")) for part in COST_PARTS),
                     f"{value('trades'):,}", f"{value('fills'):,}",
                     _plain(-value("max_drawdown_micros")), state,
                     str(value("journal_hash"))[:12]])
    return headings, rows


def _plain(micros: int) -> str:
    # A cost of nothing is 0.00, not -0.00.
    return f"{int(micros) / 1e6 + 0.0:,.2f}"


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
