"""``dreammaker backtest``: runs, sweeps, walk-forward, and what was stored of them."""

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from dreammaker.domain.errors import ConfigError, DreamMakerError

RUN = """Run one configuration over one day or several.

Example: dreammaker backtest run --config examples/dolk20.toml
--set model.entry_threshold=3 --days 2020-04-01..2020-04-09
"""
SWEEP = """Run a grid of configurations over the same days; what was done before is not done again.

Example: dreammaker backtest sweep --config examples/dolk20.toml
--grid model.entry_threshold=2,3,4 --grid model.min_hold_s=10,30 --jobs 2
"""
WALK = """Run day after day, fitting the model anew on the days before each.

Example: dreammaker backtest walk-forward --config win.toml --days 60 --train-days 20

Fitted are the weights of the baseline, or with --bundle the recipe of a trained model; the bundles
so made are kept under the results, in fitted/.
"""
LIST = """List stored runs.

Example: dreammaker backtest list --symbol DOLK20
"""
COMPARE = """Put stored runs side by side, with the keys in which their configurations differ.

Example: dreammaker backtest compare 3c4cc48f 91ab02de
"""
REPORT = """Write a stored run's report again, with the number of trials as it is now.

Example: dreammaker backtest report 3c4cc48f --text
"""

ConfigFile = Annotated[Path | None, typer.Option("--config", help="Configuration file (TOML); "
                                                                  "left out, the defaults.")]
Symbol = Annotated[str, typer.Option(help="Imported symbol; replays its days.")]
Days = Annotated[str, typer.Option(help="A number of days, YYYY-MM-DD, several with commas, or "
                                        "FIRST..LAST; left out, what the configuration says.")]
Seed = Annotated[int | None, typer.Option(help="Of everything random (run.seed).")]
Root = Annotated[Path | None, typer.Option(help="Archive folder (data.root).")]
Results = Annotated[Path | None, typer.Option(help="Folder of results "
                                                   "(backtest.results_root).")]
Changes = Annotated[list[str] | None, typer.Option("--set", help="SECTION.KEY=VALUE; may be "
                                                                 "repeated.")]
Name = Annotated[str, typer.Option(help="For lists and titles.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
Sessions = Annotated[Path | None, typer.Option(
    help="Keep each day's session folder (journal, orders) under this one.")]
WithReport = Annotated[bool, typer.Option("--report/--no-report", help="Write the HTML report.")]
Keys = Annotated[list[str], typer.Argument(help="Keys, beginnings of keys, or names of runs.")]


def register(group: typer.Typer) -> None:
    """Add the commands to the group."""
    for name, text, command in (
            ("run", RUN, run), ("sweep", SWEEP, sweep), ("walk-forward", WALK, walk_forward),
            ("list", LIST, list_runs), ("compare", COMPARE, compare), ("report", REPORT, report)):
        group.command(name, help=text)(command)


def run(
        config: ConfigFile = None, symbol: Symbol = "", days: Days = "", seed: Seed = None,
        changes: Changes = None, root: Root = None, results: Results = None, name: Name = "",
        sessions: Sessions = None, with_report: WithReport = True, as_json: AsJson = False,
) -> None:
    """Run, store, report."""
    from dreammaker.app.backtest_options import parse_changes, settings
    from dreammaker.backtest import Backtest

    chosen, own = settings(config, seed, root, results), parse_changes(changes)
    backtest = Backtest(chosen, symbol=symbol, days=days or None, changes=own, name=name)
    _run_and_show(backtest, sessions, with_report, as_json)


def walk_forward(
        config: ConfigFile = None, symbol: Symbol = "", days: Days = "", seed: Seed = None,
        changes: Changes = None, root: Root = None, results: Results = None, name: Name = "",
        train_days: Annotated[int, typer.Option(
            help="Most past days in a fit; 0 = all of them.")] = 20,
        least_days: Annotated[int, typer.Option(
            help="Past days before the first fit; until then the configuration stands.")] = 1,
        every: Annotated[int, typer.Option(help="Days between fits.")] = 1,
        horizon: Annotated[float, typer.Option(
            help="Seconds of the move that the baseline's weights are fitted to.")] = 30.0,
        bundle: Annotated[Path | None, typer.Option(
            help="Fit this bundle's recipe instead of the baseline's weights.")] = None,
        sessions: Sessions = None, with_report: WithReport = True, as_json: AsJson = False,
) -> None:
    """Run with the baseline's weights, or a bundle's recipe, refitted on past days."""
    from dreammaker.app.backtest_options import parse_changes, settings
    from dreammaker.backtest import Backtest, Retrainer, Retraining
    from dreammaker.backtest.linear_retrainer import LinearFlowRetrainer

    chosen = settings(config, seed, root, results)
    retrainer: Retrainer = LinearFlowRetrainer(horizon)
    if bundle is not None:
        retrainer, symbol = _of_bundle(bundle, chosen, symbol)
    retraining = Retraining(retrainer, train_days=train_days, least_days=least_days, every=every)
    backtest = Backtest(chosen, symbol=symbol, days=days or None,
                        changes=parse_changes(changes), retraining=retraining, name=name)
    if len(backtest.plans) <= least_days:
        raise ConfigError(f"a walk-forward needs more than {least_days} days to fit once, had "
                          f"{len(backtest.plans)}")
    _run_and_show(backtest, sessions, with_report, as_json)


def _of_bundle(folder: Path, config: Any, symbol: str) -> tuple[Any, str]:
    """A retrainer of a bundle's recipe, and the symbol that it was trained on."""
    from dreammaker.assembly.model_set import bundle_key
    from dreammaker.backtest.bundle_retrainer import BundleRetrainer
    from dreammaker.models.bundle import ModelBundle

    loaded = ModelBundle.load(folder, bundle_key(config))
    retrainer = BundleRetrainer(loaded, Path(config.backtest.results_root) / "fitted",
                                cache=Path(config.data.root) / ".cache")
    trained_on = retrainer.recipe.symbol
    if symbol and symbol != trained_on:
        raise ConfigError(f"the bundle {loaded.name} was trained on {trained_on}, --symbol says "
                          f"{symbol}")
    return retrainer, trained_on


def _run_and_show(backtest: Any, sessions: Path | None, with_report: bool, as_json: bool) -> None:
    from dreammaker.app.backtest_view import RunProgress, run_values
    from dreammaker.backtest.store import ResultStore

    store = ResultStore(backtest.config.backtest.results_root)
    store.prepare()
    known = store.holds(backtest.key) and sessions is None
    if known:
        result = store.read(backtest.key)
    else:
        with RunProgress(shown=not as_json) as progress:
            result = backtest.run(progress.update, sessions)
    line = store.add(result, name=backtest.name)
    result.header["name"] = line.name
    folder = store.folder(result.key)
    trials = store.trials(line.symbol)
    if with_report:
        from dreammaker.reports.backtest import write_backtest_report

        write_backtest_report(result, folder / "report.html", trials)
    if as_json:
        print(json.dumps(run_values(result, trials, folder, known), indent=1, sort_keys=True))
    else:
        from dreammaker.reports.backtest_text import backtest_text

        print(backtest_text(result, trials))
        print(f"result   {folder}" + ("  (had been done before)" if known else ""))
        if with_report:
            print(f"report   {folder / 'report.html'}")
    if result.summary["stopped_by"]:
        raise DreamMakerError(f"the loop had to stop: {result.summary['stopped_by']}")


def sweep(
        grid: Annotated[list[str], typer.Option(
            "--grid", help="SECTION.KEY=VALUE,VALUE,...; may be repeated.")],
        config: ConfigFile = None, symbol: Symbol = "", days: Days = "", seed: Seed = None,
        changes: Changes = None, root: Root = None, results: Results = None, name: Name = "",
        jobs: Annotated[int, typer.Option(help="Runs at once; -1 = as many as processors.")] = 1,
        cluster: Annotated[str, typer.Option(
            metavar="ADDRESS", help="Run on the Dask cluster of this scheduler, tcp://HOST:PORT; "
                                    "every worker must see the archive at its full path.")] = "",
        as_json: AsJson = False,
) -> None:
    """Run a grid."""
    from dreammaker.app.backtest_options import parse_changes, parse_grid, settings
    from dreammaker.app.backtest_view import RunProgress, print_sweep
    from dreammaker.app.training import workers_of
    from dreammaker.backtest.identity import with_changes
    from dreammaker.backtest.store import ResultStore
    from dreammaker.backtest.sweep import Sweep

    workers = workers_of(jobs, cluster)
    chosen = with_changes(settings(config, seed, root, results), parse_changes(changes))
    store = ResultStore(chosen.backtest.results_root)
    work = Sweep(chosen, parse_grid(grid), store, symbol=symbol, days=days or None, name=name)
    with RunProgress(shown=not as_json) as progress:
        found = work.run(workers, progress.update_sweep)
    failed = [point for point in found if point.run.status == "failed"]
    if as_json:
        print(json.dumps({"sweep": work.name, "runs": [
            {"key": point.run.key, "changes": point.changes, "status": point.run.status,
             "error": point.run.error, "resumed": point.resumed, "summary": point.run.summary,
             "sharpe": point.run.sharpe,
             "sharpe_ci": [point.run.sharpe_low, point.run.sharpe_high], "psr": point.run.psr}
            for point in found]}, indent=1, sort_keys=True))
    else:
        print_sweep(work.name, found, store)
    if failed:
        stored = "; the others are stored" if len(failed) < len(found) else ""
        raise DreamMakerError(f"{len(failed)} of {len(found)} runs failed{stored} "
                              f"(the first: {failed[0].run.error})")


def list_runs(
        results: Annotated[Path, typer.Option(help="Folder of results.")] = Path("results"),
        symbol: Annotated[str, typer.Option(help="Only runs on this symbol.")] = "",
        sweep_name: Annotated[str | None, typer.Option("--sweep", help="Only this sweep's.")]
        = None,
        rebuild: Annotated[bool, typer.Option(
            help="Make the index again from the stored folders first.")] = False,
        as_json: AsJson = False,
) -> None:
    """List."""
    from dreammaker.app.backtest_view import print_runs
    from dreammaker.backtest.store import ResultStore

    store = ResultStore(results)
    for problem in store.rebuild() if rebuild else ():
        print(f"left out: {problem}", file=sys.stderr)
    found = [line for line in store.runs(sweep_name) if not symbol or line.symbol == symbol]
    if as_json:
        print(json.dumps([{
            "key": line.key, "number": line.number, "name": line.name, "sweep": line.sweep,
            "status": line.status, "error": line.error, "symbol": line.symbol,
            "first_day": line.first_day, "last_day": line.last_day, "changes": line.changes,
            "summary": line.summary, "sharpe": line.sharpe,
            "sharpe_ci": [line.sharpe_low, line.sharpe_high], "psr": line.psr,
        } for line in found], indent=1, sort_keys=True))
        return
    print_runs(found, store)


def compare(
        keys: Keys,
        results: Annotated[Path, typer.Option(help="Folder of results.")] = Path("results"),
        as_json: AsJson = False,
) -> None:
    """Compare."""
    from dreammaker.app.backtest_view import print_comparison, run_values
    from dreammaker.backtest.identity import differences
    from dreammaker.backtest.store import ResultStore

    if len(keys) < 2:
        raise ConfigError("compare needs two runs or more")
    store = ResultStore(results)
    found = [store.load(key) for key in keys]
    differing = differences([{**result.header["config"], "days": result.header["days"],
                              "program": result.header["program"]} for result in found])
    trials = [store.trials(result.summary["symbol"]) for result in found]
    if as_json:
        print(json.dumps({
            "differences": differing,
            "runs": [run_values(result, counted, store.folder(result.key), True)
                     for result, counted in zip(found, trials, strict=True)],
        }, indent=1, sort_keys=True))
        return
    print_comparison(found, trials, differing)


def report(
        key: Annotated[str, typer.Argument(help="Key, beginning of a key, or name of a run.")],
        results: Annotated[Path, typer.Option(help="Folder of results.")] = Path("results"),
        out: Annotated[Path | None, typer.Option(
            help="File to write; left out, beside the result.")] = None,
        text: Annotated[bool, typer.Option("--text", help="Print it as text instead.")] = False,
) -> None:
    """Report."""
    from dreammaker.app.backtest_view import write_run_report
    from dreammaker.backtest.store import ResultStore

    result, trials, page = write_run_report(ResultStore(results), key, out, write=not text)
    if text:
        from dreammaker.reports.backtest_text import backtest_text

        print(backtest_text(result, trials))
        return
    print(page)
