"""``dreammaker validate``: a bundle's recipe out of sample, and the deployment gate."""

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dreammaker.app.console import CountProgress, print_table
from dreammaker.app.research_options import AsJson, ConfigFile, Days, Root, source_of
from dreammaker.app.training import Cluster, Jobs, Results, load_rows, settings_of, workers_of
from dreammaker.domain.errors import ConfigError, VerificationError

if TYPE_CHECKING:
    from dreammaker.research.validate import Validation

HELP = """Validate a bundle: profit by purged path, overfitting over all trials, deflated Sharpe.

Example: dreammaker validate bundles/first --gate

What is judged is the recipe: its models are fitted anew on every split. Profits are label returns
after spread, fees and slippage, one lot and one position at a time. With --gate the bundle is
marked tradable if it meets every limit of [gate] in the configuration; a mark that it had is taken
away first, and stays away whatever goes wrong. Exit code 4: not tradable. --manual-trials counts
what was tried outside the program.
"""


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command("validate", help=HELP)(validate)


def validate(
        bundle: Annotated[Path, typer.Argument(help="Folder of the bundle.")],
        days: Days = "", root: Root = None, config: ConfigFile = None, results: Results = None,
        gate: Annotated[bool, typer.Option("--gate", help="Mark the bundle tradable, or not.")] =
        False,
        manual_trials: Annotated[int, typer.Option(
            help="Configurations tried by hand, to be counted from now on.")] = 0,
        note: Annotated[str, typer.Option(help="What was tried by hand.")] = "",
        report: Annotated[bool, typer.Option("--report/--no-report",
                                             help="Write the HTML report.")] = True,
        jobs: Jobs = 1, cluster: Cluster = "", as_json: AsJson = False,
) -> None:
    """Validate, report, judge, mark."""
    from dreammaker.assembly.model_set import bundle_key
    from dreammaker.models.bundle import ModelBundle
    from dreammaker.research.gate import pass_through, withdraw
    from dreammaker.research.trials import TrialLedger
    from dreammaker.research.validate import Recipe
    from dreammaker.research.validate import validate as judged

    workers = workers_of(jobs, cluster)
    if manual_trials < 0:
        raise ConfigError(f"--manual-trials must be 0 or more, was {manual_trials}")
    settings = settings_of(config, results)
    key = bundle_key(settings.config)
    if gate:
        withdraw(bundle)
    loaded = ModelBundle.load(bundle, key)
    recipe = Recipe.of(loaded)
    ledger = TrialLedger(settings.results)
    if manual_trials:
        ledger.declare(recipe.symbol, manual_trials, note)
    source = replace(source_of(recipe.symbol, days or ",".join(recipe.days), root, config),
                     features=loaded.features)
    data, samples = load_rows(source, recipe.sampler, recipe.rule, settings, shown=not as_json)
    with CountProgress(loaded.name, "splits", shown=not as_json) as bar:
        found = judged(loaded, data, samples, ledger.read(recipe.symbol), settings.config.gate,
                       workers=workers, progress=bar.update)
    ledger.add(found.trial)
    page = None
    if report:
        from dreammaker.reports.validation import write_validation_report

        page = write_validation_report(loaded, found, settings.results / "validation" /
                                       f"{loaded.content[:16]}.html")
    refused = gate and not pass_through(loaded, bundle, found, key)
    if as_json:
        print(json.dumps({"bundle": str(bundle), "content": loaded.content,
                          "report": page and str(page), "gate": gate, **figures_of(found)}))
    else:
        _show(found, loaded.name, page)
    if refused:
        raise VerificationError(f"bundle {loaded.name} is not tradable: "
                                + "; ".join(found.verdict.reasons))


def figures_of(found: "Validation") -> dict[str, Any]:
    """What was found, fit for JSON; what is unknown is null."""
    from dreammaker.research.evaluate import BASIS

    verdict = found.verdict.to_dict()
    figures = {"compared_trials": found.judgement.compared,
               "independent_trials": found.judgement.independent,
               "sharpe_per_day": found.judgement.sharpe, **found.evaluation.figures()}
    return {"tradable": verdict["tradable"], "reasons": list(verdict["reasons"]),
            **verdict["evidence"], "limits": verdict["limits"],
            "laxer_limits": list(verdict["laxer_limits"]), "basis": BASIS,
            **{name: None if value != value else value for name, value in figures.items()}}


def _show(found: "Validation", name: str, page: Path | None) -> None:
    values = figures_of(found)
    money = found.samples.currency

    def text(key: str, form: str) -> str:
        return "unknown" if values[key] is None else format(values[key], form)

    print_table(f"{name}: validation on {values['sessions']} sessions", [
        ("AUC", text("auc", ".4f") + ", mean over splits"),
        ("bets", f"{values['bets']:,}" + (
            "" if values["hit_ratio"] is None else f", {100 * values['hit_ratio']:.1f} % paid")),
        ("net", f"{money} {values['net']:,.2f} a lot; 95 % lower bound "
                f"{text('net_lower_bound', ',.2f')}"),
        ("net by path, points", ", ".join(f"{net:.6g}" for net in values["net_points_by_path"])),
        ("PBO", f"{text('pbo', '.3f')} over {values['compared_trials']} trials of these days and "
                f"their placebos; {text('pbo_among_trials', '.3f')} among the trials alone"),
        ("DSR", f"{text('dsr', '.3f')} given {values['trials']} trials of the symbol"),
        ("made of", values["basis"])])
    for limit in found.verdict.limits.laxer():
        print(f"  gate: laxer than usual: {limit}")
    for reason in values["reasons"]:
        print(f"  gate: {reason}")
    print(f"  gate: {'every limit is met' if values['tradable'] else 'not tradable'}")
    if page is not None:
        print(f"report   {page}")
