"""The report of a backtest as plain text, for terminals and mails."""

import textwrap

from dreammaker.backtest.result import BacktestResult
from dreammaker.backtest.statistics import Trials
from dreammaker.reports import backtest_rows as rows
from dreammaker.reports.backtest_assumptions import assumptions

WIDTH = 100
_DAYS_SHOWN = 60


def backtest_text(result: BacktestResult, trials: Trials | None = None) -> str:
    """The report as text, at most `WIDTH` columns wide except for tables of days and hours."""
    trials = trials or Trials()
    summary = result.summary
    lines = [f"Backtest of {summary['symbol']}, {summary['first_day']} to {summary['last_day']}"
             + (f": {result.name}" if result.name else "")]
    lines += _titled("What the figures assume")
    for term, text in assumptions(result):
        lines += textwrap.wrap(f"{term}: {text}", WIDTH, initial_indent="  ",
                               subsequent_indent="    ")
    lines += _titled("Result") + _pairs(rows.result_rows(result, trials))
    lines += _titled("From paper to net")
    for name, amount, a_lot, meaning in rows.cost_rows(result):
        lines.append(f"  {name:<14} {amount:>18} {a_lot:>16} a lot")
        lines += textwrap.wrap(meaning, WIDTH, initial_indent=" " * 6, subsequent_indent=" " * 6)
    if summary["days"] > 1:
        headings, days = rows.day_rows(result)
        lines += _titled("Days") + _columns(headings, days[-_DAYS_SHOWN:])
    lines += _titled("By hour") + _columns(*rows.hour_rows(result))
    lines += _titled("Orders") + _pairs(rows.outcome_rows(result))
    headings, passive = rows.passive_rows(result)
    lines += _titled("Passive orders and their place in the queue")
    lines += _columns(headings, passive) if passive else ["  No order rested."]
    headings, counted = rows.queue_rows(result)
    if counted:
        lines += ["", *_columns(headings, counted)]
    headings, parents = rows.parent_rows(result)
    lines += _titled("Implementation shortfall of parent orders")
    lines += _columns(headings, parents) if parents else ["  No parent order."]
    lines += _titled("Where it came from") + _pairs(rows.origin_rows(result, trials))
    return "\n".join(lines) + "\n"


def _titled(title: str) -> list[str]:
    return ["", title, "-" * len(title)]


def _pairs(pairs: rows.Rows) -> list[str]:
    width = max((len(name) for name, _ in pairs), default=0)
    lines = []
    for name, value in pairs:
        lines += textwrap.wrap(f"{name.ljust(width)}  {value}", WIDTH, initial_indent="  ",
                               subsequent_indent=" " * (width + 4))
    return lines


def _columns(headings: list[str], table: list[list[str]]) -> list[str]:
    widths = [max(len(line[place]) for line in (headings, *table))
              for place in range(len(headings))]
    return ["  " + "  ".join([line[0].ljust(widths[0]),
                              *(cell.rjust(width) for cell, width in
                                zip(line[1:], widths[1:], strict=True))]).rstrip()
            for line in (headings, *table)]
