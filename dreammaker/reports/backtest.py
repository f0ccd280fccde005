"""The report of a backtest: assumptions first, then what it made, what it cost, and how sure.

Everything is read from a stored result, so the report can be written again at any time; the count
of trials behind the deflated Sharpe ratio is that of the moment of writing.
"""

import html
import re
from pathlib import Path

from dreammaker.backtest.result import BacktestResult
from dreammaker.backtest.statistics import Trials
from dreammaker.reports import backtest_figures as figures
from dreammaker.reports import backtest_rows as rows
from dreammaker.reports.backtest_assumptions import assumptions
from dreammaker.reports.page import Section, definitions, page, table, wide_table, write_page

_LOSS = re.compile(r"(?:[A-Z]{3,5} )?-[\d,]+\.\d+")
_DAYS_SHOWN = 60

SHARPE_NOTE = ("PSR: probability that the true ratio is above 0, given length, skew and kurtosis. "
               "DSR: the same against the best ratio to expect of as many worthless trials; "
               "trials are the runs stored on this symbol.")
WAITING_NOTE = ("A passive order's place follows from what was shown at its price when it arrived. "
                "Filled in full is what became of that place; a gain after the fill means the "
                "market did not run through the order.")
MODELS_NOTE = ("The same orders followed by each queue model through the recorded day; filled "
               "means whole, before the order ended. Nobody knows the queue of an order that was "
               "never sent: where the models part, the fill is model, not market.")
PARENTS_NOTE = ("Costs are above 0. Shortfall against the mid at the decision: delay until the "
                "first child, impact (how the mid moved while it was worked, whoever moved it), "
                "spread, fees, and what was not traded at the mid of the end. Prices against VWAP "
                "and TWAP in ticks a lot. All of each algorithm, then the dearest single ones.")


def write_backtest_report(result: BacktestResult, path: Path, trials: Trials | None = None) -> Path:
    """Write the report as one HTML file that needs no network.

    Raises
    ------
    StoreError
        If the file cannot be written.
    """
    return write_page(path, backtest_page(result, trials or Trials()))


def backtest_page(result: BacktestResult, trials: Trials) -> str:
    """The report as HTML."""
    summary = result.summary
    span = (summary["first_day"] if summary["days"] == 1 else
            f"{summary['first_day']} to {summary['last_day']}")
    title = f"Backtest of {summary['symbol']} · {span}" + (f" · {result.name}" if result.name
                                                            else "")
    return page(title, _sections(result, trials))


def _sections(result: BacktestResult, trials: Trials) -> list[Section]:
    costs = rows.cost_rows(result)
    sections = [
        Section("What the figures assume", definitions(assumptions(result))),
        Section("Result", _table(rows.result_rows(result, trials))
                + _note(SHARPE_NOTE)),
        Section("From paper to net", figures.cost_figure(result)
                + _wide(["", "in all", "a lot"], [list(line[:3]) for line in costs])
                + definitions([(name, meaning) for name, _, _, meaning in costs])),
        Section("Over time", figures.equity_figure(result)),
    ]
    if result.summary["days"] > 1:
        headings, days = rows.day_rows(result)
        left = len(days) - _DAYS_SHOWN
        more = f'<p class="note">{left} earlier days are in the table of days.</p>' if (
            left > 0) else ""
        sections.append(Section("Days", figures.day_figure(result)
                                + _wide(headings, days[-_DAYS_SHOWN:]) + more))
    sections.append(Section("By hour", figures.hour_figure(result)
                            + _wide(*rows.hour_rows(result))))
    if len(result.tables["trades"]["net_micros"]):
        sections.append(Section("Round trips", figures.trade_figure(result)))
    sections += _order_sections(result)
    sections.append(Section("Where it came from", _table(rows.origin_rows(result, trials))))
    return sections


def _order_sections(result: BacktestResult) -> list[Section]:
    headings, passive = rows.passive_rows(result)
    queue = (_wide(headings, passive) + _note(WAITING_NOTE) if passive else
             "<p>No order rested: everything was taken on arrival.</p>")
    headings, counted = rows.queue_rows(result)
    if counted:
        queue += _wide(headings, counted) + _note(MODELS_NOTE)
    headings, parents = rows.parent_rows(result)
    # Costs are above 0 here: what is below is no loss.
    plain = [[html.escape(cell) for cell in line] for line in parents]
    shortfall = (wide_table(headings, plain) + _note(PARENTS_NOTE) if parents else
                 "<p>No parent order: every order was sent whole.</p>")
    return [Section("Implementation shortfall of parent orders", shortfall),
            Section("Orders", _table(rows.outcome_rows(result)) or "<p>There were none.</p>"),
            Section("Passive orders and their place in the queue", queue)]


def _note(text: str) -> str:
    return f'<p class="note">{html.escape(text)}</p>'


def _table(pairs: rows.Rows) -> str:
    return table([(name, _value(text)) for name, text in pairs]) if pairs else ""


def _wide(headings: list[str], lines: list[list[str]]) -> str:
    return wide_table(headings, [[_value(cell) for cell in line] for line in lines])


def _value(text: str) -> str:
    """Plain text as HTML, losses marked."""
    escaped = html.escape(text)
    return f'<span class="loss">{escaped}</span>' if _LOSS.fullmatch(text) else escaped
