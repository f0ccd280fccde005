"""What ``dreammaker backtest`` prints: progress, lists, comparisons."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from dreammaker.app.console import print_table
from dreammaker.backtest.result import BacktestResult
from dreammaker.backtest.runner import Progress as Step
from dreammaker.backtest.statistics import Trials
from dreammaker.backtest.store import ResultStore, StoredRun
from dreammaker.backtest.sweep import SweepRun
from dreammaker.reports.backtest_rows import result_rows
from dreammaker.validation import SharpeEstimate

_HEADINGS = ("run", "days", "what", "net", "paper", "costs", "trips", "drawdown",
             "Sharpe of minutes [95 %]", "PSR")


class RunProgress:
    """A bar on stderr over a run's days or a sweep's runs.

    Parameters
    ----------
    shown : bool
        False shows nothing; a stderr that is no terminal shows nothing either.
    """

    def __init__(self, *, shown: bool = True) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
        from rich.progress import Progress as Bar

        console = Console(stderr=True)
        self._bar = Bar(TextColumn("{task.description}"), BarColumn(),
                        TextColumn("{task.percentage:>3.0f}%"), TextColumn("{task.fields[what]}"),
                        TimeElapsedColumn(), TimeRemainingColumn(), console=console,
                        transient=True, disable=not (shown and console.is_terminal))
        self._task = self._bar.add_task("backtest", total=1.0, what="")

    def __enter__(self) -> "RunProgress":
        self._bar.start()
        return self

    def __exit__(self, *details: object) -> None:
        self._bar.stop()

    def update(self, step: Step) -> None:
        """Show where a run is."""
        self._bar.update(self._task, completed=step.share, what=(
            f"{step.day}  day {step.day_index + 1} of {step.day_count}  "
            f"{step.counts.events:,} records  {step.counts.decisions:,} decisions"))

    def update_sweep(self, done: int, count: int, point: SweepRun) -> None:
        """Show where a sweep is."""
        self._bar.update(self._task, completed=done / count,
                         what=f"{done} of {count} runs  {point.run.name}")


def run_values(result: BacktestResult, trials: Trials, folder: Path, known: bool
               ) -> dict[str, Any]:
    """A run as plain JSON values."""
    return {
        "key": result.key, "name": result.name, "folder": str(folder), "resumed": known,
        "currency": result.instrument.currency, "summary": result.summary,
        "sharpe": _estimate(result.sharpe(trials)),
        "sharpe_of_days": _estimate(result.sharpe_of_days(trials)),
        "changes": result.header["changes"], "fits": result.header["fits"],
        "denied": result.header["denied"],
        "journal_hashes": [str(value) for value in result.tables["daily"]["journal_hash"]],
    }


def write_run_report(store: ResultStore, key: str, out: Path | None = None, *,
                     write: bool = True) -> tuple[BacktestResult, Trials, Path | None]:
    """Read a stored run and write its report again, with the number of trials as it is now.

    Parameters
    ----------
    store : ResultStore
    key : str
        Its key, the beginning of one, or its name.
    out : Path, optional
        File to write; beside the result where it is not given.
    write : bool
        False only reads.

    Raises
    ------
    StoreError
        If no run is meant, it is damaged, or the disk refuses.
    """
    from dreammaker.reports.backtest import write_backtest_report

    line = store.find(key)
    result = store.read(line.key)
    result.header["name"] = line.name
    trials = store.trials(result.summary["symbol"])
    if not write:
        return result, trials, None
    page = out or store.folder(result.key) / "report.html"
    return result, trials, write_backtest_report(result, page, trials)


def _estimate(found: SharpeEstimate | None) -> dict[str, Any] | None:
    if found is None:
        return None

    def number(value: float) -> float | None:
        return value if value == value else None

    return {"value": number(found.value), "ci": [number(bound) for bound in found.ci],
            "psr": number(found.psr), "dsr": number(found.dsr), "observations": found.n,
            "trials": found.trials, "confidence": found.confidence}


def print_runs(runs: Sequence[StoredRun], store: ResultStore) -> None:
    """Stored runs as a table."""
    if not runs:
        print(f"no stored run in {store.root}")
        return
    for symbol in sorted({run.symbol for run in runs}):
        own = [run for run in runs if run.symbol == symbol]
        trials = store.trials(symbol)
        lines = [_line(run, run.name) for run in own]
        print_table(f"{symbol or '-'}: {trials.count} trials", lines, _HEADINGS)


def print_sweep(name: str, found: Sequence[SweepRun], store: ResultStore) -> None:
    """A sweep's runs as a table, in the order of its grid."""
    rows = []
    for point in found:
        what = ", ".join(f"{key}={value}" for key, value in point.changes.items())
        rows.append(_line(point.run, what + ("  (done before)" if point.resumed else "")))
    print_table(f"{name}: {len(found)} runs in {store.root}", rows, _HEADINGS)
    print("A best run of many is best by luck too: `dreammaker backtest report RUN` deflates its "
          "Sharpe ratio by the number of trials.")


def _line(run: StoredRun, what: str) -> tuple[str, ...]:
    span = run.first_day if run.days == 1 else f"{run.first_day}..{run.last_day}"
    if run.status == "failed":
        return (run.key[:8], span, what, f"failed: {run.error}", "", "", "", "", "", "")
    summary = run.summary

    def money(name: str) -> str:
        return f"{summary[name] / 1e6:,.2f}"

    costs = (summary["paper_micros"] - summary["net_micros"]) / 1e6
    ratio = "not defined"
    if run.sharpe is not None:
        around = (f"[{run.sharpe_low:.3f}, {run.sharpe_high:.3f}]"
                  if run.sharpe_low is not None else "[-]")
        ratio = f"{run.sharpe:.3f} {around}"
    return (run.key[:8], span, what, money("net_micros"), money("paper_micros"), f"{costs:,.2f}",
            f"{summary['trades']:,}", money("max_drawdown_micros"), ratio,
            f"{run.psr:.3f}" if run.psr is not None else "-")


def print_comparison(found: Sequence[BacktestResult], trials: Sequence[Trials],
                     differing: dict[str, list[Any]]) -> None:
    """Runs side by side: what differs in them, and what came of it."""
    headings = ("", *(result.key[:8] for result in found))
    rows = [(name, *(_short(value) for value in values)) for name, values in differing.items()]
    print_table("What differs", rows or [("nothing", *("" for _ in found))], headings)
    columns = [result_rows(result, counted) for result, counted in
               zip(found, trials, strict=True)]
    names = list(dict.fromkeys(name for column in columns for name, _ in column))
    lines = [(name, *(dict(column).get(name, "-") for column in columns)) for name in names]
    print_table("What came of it", lines, headings)


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 40 else f"{text[:37]}..."
