"""``dreammaker train``: a model from an archive's days, judged out of sample, as a bundle."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dreammaker.app.console import CountProgress, counted, print_table
from dreammaker.app.research_options import (
    AsJson,
    ConfigFile,
    Days,
    Horizon,
    Kind,
    Latency,
    Least,
    Loss,
    Profit,
    Root,
    Sample,
    Seed,
    Symbol,
    Target,
    Weight,
    check_parent,
    source_of,
)
from dreammaker.app.training import (
    Cluster,
    Embargo,
    Groups,
    Jobs,
    Results,
    Slippage,
    TestGroups,
    load_rows,
    settings_of,
    workers_of,
)
from dreammaker.domain.errors import ConfigError

if TYPE_CHECKING:
    from dreammaker.research.train import Trained

HELP = """Train a model on an archive's days and write it as a bundle.

Example: dreammaker train WINZ26 --days 2026-09-01..2026-11-20 --horizon 60 --model lightgbm
--out bundles/first

The configuration is cross-validated first (combinatorial, purged by the ends of labels and bets,
with an embargo that covers the features' memory) and counted in the list of trials; then it is
fitted on all rows. The bundle is not tradable before: dreammaker validate BUNDLE --gate
"""

Model = Annotated[str, typer.Option(help="lightgbm, forest, ensemble (the mean of both) or stack "
                                         "(a logistic regression on both, fitted out of fold).")]


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command("train", help=HELP)(train)


def train(
        symbol: Symbol,
        out: Annotated[Path, typer.Option(help="Folder of the bundle; must not exist.")],
        days: Days = "", root: Root = None, config: ConfigFile = None, results: Results = None,
        sample: Sample = "time:1",
        label: Kind = "triple_barrier",
        horizon: Horizon = 60.0, profit: Profit = 1.0, loss: Loss = 1.0, target: Target = None,
        least_points: Least = None, latency_ms: Latency = 40.0, weight: Weight = "uniqueness",
        slippage_ticks: Slippage = 0.0,
        model: Model = "lightgbm",
        trees: Annotated[int, typer.Option(help="Trees.")] = 100,
        leaves: Annotated[int, typer.Option(help="Most leaves of a tree.")] = 15,
        least_leaf: Annotated[int, typer.Option(help="Least rows of a leaf.")] = 50,
        learning_rate: Annotated[float, typer.Option(help="Of boosting.")] = 0.05,
        meta: Annotated[bool, typer.Option("--meta/--no-meta", help="A second model says which "
                                                                    "bets are taken.")] = True,
        threshold: Annotated[float, typer.Option(help="Least probability that a bet pays.")] = 0.5,
        groups: Groups = 6, test_groups: TestGroups = 2, embargo: Embargo = 0.01,
        seed: Seed = 1, jobs: Jobs = 1, cluster: Cluster = "", as_json: AsJson = False,
) -> None:
    """Cross-validate, fit, write, count the trial."""
    from dreammaker.assembly.model_set import bundle_key
    from dreammaker.research.crossval import CrossValidation
    from dreammaker.research.estimators import ModelSpec
    from dreammaker.research.label_rule import LabelRule
    from dreammaker.research.sampling import Sampler
    from dreammaker.research.train import train as fit
    from dreammaker.research.trials import TrialLedger

    if out.exists():
        raise ConfigError(f"--out must name a folder that does not exist yet, {out} does")
    spec = ModelSpec(kind=model, trees=trees, leaves=leaves, least_leaf=least_leaf,  # type: ignore[arg-type]
                     learning_rate=learning_rate, meta=meta, threshold=threshold, seed=seed)
    rule = LabelRule(kind=label, horizon_s=horizon, profit=profit, loss=loss,  # type: ignore[arg-type]
                     target_points=target, least_points=least_points, latency_ms=latency_ms,
                     weight=weight)  # type: ignore[arg-type]
    sampler = Sampler.parse(sample)
    sampler.loop_clock()
    cv = CrossValidation(groups, test_groups, embargo)
    workers = workers_of(jobs, cluster)
    settings, source = settings_of(config, results), source_of(symbol, days, root, config)
    key, ledger = bundle_key(settings.config), TrialLedger(settings.results)
    check_parent(out)
    ledger.prepare()
    data, samples = load_rows(source, sampler, rule, settings, slippage_ticks=slippage_ticks,
                              shown=not as_json)
    with CountProgress(symbol, "splits", shown=not as_json) as bar:
        trained = fit(data, samples, spec, cv, name=f"{symbol}_{model}", workers=workers,
                      progress=bar.update)
    # Counted before there is a bundle to use: what is not counted must not exist.
    ledger.add(trained.trial)
    content = trained.bundle.save(out, key)
    if as_json:
        print(json.dumps({"out": str(out), "content": content, **figures_of(trained)}))
    else:
        _show(trained, out, content)


def figures_of(trained: "Trained") -> dict[str, Any]:
    """What the training found, fit for JSON."""
    from dreammaker.models.bundle import label_hash

    training, found = trained.bundle.training, trained.bundle.validation
    return {"symbol": training["symbol"], "rows": training["rows"],
            "sessions": len(training["days"]), "cost_points": training["cost_points"],
            "label_hash": label_hash(trained.bundle.label_rule),
            **{name: value if value == value else None for name, value in found.items()}}


def _show(trained: "Trained", out: Path, content: str) -> None:
    found = figures_of(trained)
    hits = found["hit_ratio"]
    print_table(f"{trained.bundle.name}: out of sample", [
        ("rows", f"{found['rows']:,} on {counted(found['sessions'], 'session')}"),
        ("AUC", "unknown" if found["auc"] is None else f"{found['auc']:.4f}, mean over splits"),
        ("bets", f"{found['bets']:,}" + ("" if hits is None else f", {100 * hits:.1f} % paid")),
        ("net", f"{found['net_points']:.6g} points a lot, round trips cost "
                f"{found['cost_points']:.4g} points besides the spread"),
        ("net by path", ", ".join(f"{net:.6g}" for net in found["net_points_by_path"])),
        *_diversity(found["diversity"]),
        ("label rule", f"{found['label_hash']} (model.bundle_label)"),
        ("made of", found["basis"])])
    print(f"Written to {out} ({content[:16]}); not tradable before: dreammaker validate {out} "
          "--gate")


def _diversity(found: dict[str, Any] | None) -> list[tuple[str, str]]:
    """Rows on how different an ensemble's members are; none where there is one model."""
    if found is None:
        return []

    def text(value: float | None) -> str:
        return "unknown" if value is None else f"{value:.3f}"

    right = ", ".join(f"{name} {100 * share:.1f} %" for name, share in found["accuracy"].items())
    return [("members are right", f"{right} of rows they had not seen"),
            *((f"{pair['of'][0]} and {pair['of'][1]}",
               f"disagree on {100 * pair['disagreement']:.1f} % of rows, correlation of errors "
               f"{text(pair['error_correlation'])}, Q {text(pair['q_statistic'])}")
              for pair in found["pairs"])]
