"""``dreammaker validate``: a bundle's recipe out of sample, and the deployment gate."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from dreammaker.app.console import CountProgress, counted, print_table
from dreammaker.app.research_options import AsJson, ConfigFile, Days, Root, source_of
from dreammaker.app.training import Cluster, Jobs, Results, load_rows, settings_of, workers_of
from dreammaker.app.validating import Extent, figures, recorded
from dreammaker.domain.errors import ConfigError, VerificationError

HELP = """Validate a bundle: profit by purged path, overfitting over all trials, deflated Sharpe.

Example: dreammaker validate bundles/first --walk-forward 5 --gate

What is judged is the recipe: its models are fitted anew on every split. Profits are label returns
after spread, fees and slippage, one lot and one position at a time. With --walk-forward the recipe
is also fitted on past days and trades the next ones through the order path, with the latency,
queue, fees and limits of the configuration. What was found is stored; dreammaker report BUNDLE
writes its page again. With --gate the bundle is marked tradable if it meets every limit of \\[gate]
in the configuration; a mark that it had is taken away first, and stays away whatever goes wrong.
Exit code 4: not tradable. --manual-trials counts what was tried outside the program.
"""


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command("validate", help=HELP)(validate)


def validate(
        bundle: Annotated[Path, typer.Argument(help="Folder of the bundle.")],
        days: Days = "", root: Root = None, config: ConfigFile = None, results: Results = None,
        walk_forward: Annotated[int | None, typer.Option(
            metavar="FOLDS", help="Trade so many blocks of days through the order path, each by a "
                                  "bundle of the days before.")] = None,
        anchored: Annotated[bool, typer.Option(
            "--anchored", help="Learn from all days before a block, not from a rolling window.")] =
        False,
        importance_rows: Annotated[int, typer.Option(
            help="Most rows for the importance of features out of sample, evenly thinned; 0 "
                 "leaves it out.")] = 10_000,
        gate: Annotated[bool, typer.Option("--gate", help="Mark the bundle tradable, or not.")] =
        False,
        manual_trials: Annotated[int, typer.Option(
            help="Configurations tried by hand, to be counted from now on.")] = 0,
        note: Annotated[str, typer.Option(help="What was tried by hand.")] = "",
        report: Annotated[bool, typer.Option("--report/--no-report",
                                             help="Write the HTML report.")] = True,
        jobs: Jobs = 1, cluster: Cluster = "", as_json: AsJson = False,
) -> None:
    """Validate, keep, report, judge, mark."""
    from dreammaker.assembly.model_set import bundle_key
    from dreammaker.models.bundle import ModelBundle
    from dreammaker.reports.validation import write_validation_report
    from dreammaker.research.gate import pass_through, withdraw
    from dreammaker.research.trials import TrialLedger
    from dreammaker.research.validate import Recipe
    from dreammaker.research.validate import validate as judged
    from dreammaker.research.validation_store import ValidationStore

    workers = workers_of(jobs, cluster)
    extent = Extent(walk_forward, anchored, importance_rows)
    if manual_trials < 0:
        raise ConfigError(f"--manual-trials must be 0 or more, was {manual_trials}")
    if note and not manual_trials:
        raise ConfigError("--note says what --manual-trials counts; give both")
    settings = settings_of(config, results)
    key = bundle_key(settings.config)
    if gate:
        withdraw(bundle)
    loaded = ModelBundle.load(bundle, key)
    recipe = Recipe.of(loaded)
    source = replace(source_of(recipe.symbol, days or ",".join(recipe.days), root, config),
                     features=loaded.features)
    extent.check(len(source.days))
    store, ledger = ValidationStore(settings.results), TrialLedger(settings.results)
    store.prepare()
    if manual_trials:
        ledger.declare(recipe.symbol, manual_trials, note)
    data, samples = load_rows(source, recipe.sampler, recipe.rule, settings, shown=not as_json)
    with CountProgress(loaded.name, "splits", shown=not as_json) as bar:
        found = judged(loaded, data, samples, ledger.read(recipe.symbol), settings.config.gate,
                       workers=workers, progress=bar.update)
    ledger.add(found.trial)
    record = recorded(loaded, data, found, source, settings, extent, shown=not as_json)
    folder, page = store.save(loaded.content, record), None
    if report:
        page = write_validation_report(record, folder.parent / "report.html")
    refused = gate and not pass_through(loaded, bundle, found, key)
    if as_json:
        print(json.dumps({"bundle": str(bundle), "stored": str(folder),
                          "report": page and str(page), "gate": gate, **figures(record.values)},
                         allow_nan=False))
    else:
        show(record.values)
        print(f"stored   {folder}" + (f"\nreport   {page}" if page else ""))
    if refused:
        raise VerificationError(f"bundle {loaded.name} is not tradable: "
                                + "; ".join(found.verdict.reasons))


def show(values: dict[str, Any]) -> None:
    """Print a stored validation's main figures."""
    told, money = figures(values), values["currency"]

    def text(key: str, form: str) -> str:
        return "unknown" if told[key] is None else format(told[key], form)

    rows = [
        ("AUC", text("auc", ".4f") + ", mean over splits"),
        ("bets", f"{told['bets']:,}" + (
            "" if told["hit_ratio"] is None else f", {100 * told['hit_ratio']:.1f} % paid")),
        ("net", f"{money} {told['net']:,.2f} a lot; 95 % lower bound "
                f"{text('net_lower_bound', ',.2f')}"),
        ("net by path, points", ", ".join(f"{net:.6g}" for net in told["net_points_by_path"])),
        ("PBO", f"{text('pbo', '.3f')} over {counted(told['compared_trials'], 'trial')} of these "
                f"days and placebos of them; {text('pbo_among_trials', '.3f')} among the trials "
                "alone"),
        ("DSR", f"{text('dsr', '.3f')} given {counted(told['trials'], 'trial')} of the symbol in "
                f"{told['trials_file']}"),
        ("made of", told["basis"])]
    if values["walk_forward"] is not None:
        ways = values["performance"]
        order, label = (ways[name]["total"]["value"] for name in ("walk_forward_orders",
                                                                  "walk_forward_labels"))
        rows.insert(4, ("walk-forward", f"{money} {order:,.2f} through the order path on "
                        f"{ways['walk_forward_orders']['days']} days; label returns {label:,.2f}"))
    print_table(f"{values['bundle']['name']}: validation on "
                f"{counted(values['sessions'], 'session')}", rows)
    for limit in told["laxer_limits"]:
        print(f"  gate: laxer than usual: {limit}")
    for reason in told["reasons"]:
        print(f"  gate: {reason}")
    print(f"  gate: {'every limit is met' if told['tradable'] else 'not tradable'}")
