"""``dreammaker tune``: a search over labels, models and thresholds; what its winner is worth."""

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dreammaker.app.console import CountProgress, counted, print_table
from dreammaker.app.research_options import (
    AsJson,
    ConfigFile,
    Days,
    Kind,
    Latency,
    Least,
    Root,
    Sample,
    Seed,
    Symbol,
    Target,
    Weight,
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
    from dreammaker.research.dataset import Dataset
    from dreammaker.research.samples import Samples
    from dreammaker.research.tune import Tuned

HELP = """Search for labels, models and thresholds; every try is counted against the winner.

Example: dreammaker tune WINZ26 --days 2026-09-01..2026-11-20 --horizons 30,60,120 --trials 40
--jobs 2

Each try is scored by combinatorial purged cross-validation, on net profits. Started again after an
interruption, the search takes up where it was; the result is the same for any number of jobs,
and on a cluster. The deflated Sharpe ratio says what the winner is worth given all tries.
"""


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command("tune", help=HELP)(tune)


def tune(
        symbol: Symbol,
        days: Days = "", root: Root = None, config: ConfigFile = None, results: Results = None,
        sample: Sample = "time:1", label: Kind = "triple_barrier",
        target: Target = None, least_points: Least = None, latency_ms: Latency = 40.0,
        weight: Weight = "uniqueness", slippage_ticks: Slippage = 0.0,
        horizons: Annotated[str, typer.Option(help="Seconds, with commas.")] = "60",
        barriers: Annotated[str, typer.Option(help="Multiples of the target, with commas.")] = "1",
        models: Annotated[str, typer.Option(help="lightgbm, forest, ensemble, stack; with "
                                                   "commas.")] =
        "lightgbm",
        meta: Annotated[bool, typer.Option("--meta/--no-meta", help="A second model says which "
                                                                    "bets are taken.")] = True,
        trials: Annotated[int, typer.Option(help="Tries.")] = 20,
        groups: Groups = 6, test_groups: TestGroups = 2, embargo: Embargo = 0.01,
        seed: Seed = 1, jobs: Jobs = 1, cluster: Cluster = "", as_json: AsJson = False,
) -> None:
    """Search, count, judge the winner."""
    from dreammaker.research.crossval import CrossValidation
    from dreammaker.research.estimators import ModelSpec
    from dreammaker.research.label_rule import LabelRule
    from dreammaker.research.sampling import Sampler
    from dreammaker.research.trials import TrialLedger
    from dreammaker.research.tune import Space
    from dreammaker.research.tune import tune as search

    workers = workers_of(jobs, cluster)
    space = Space(tuple(part.strip() for part in models.split(",")),
                  _numbers(horizons, "--horizons"), _numbers(barriers, "--barriers"))
    rule = LabelRule(kind=label, target_points=target, least_points=least_points,  # type: ignore[arg-type]
                     latency_ms=latency_ms, weight=weight)  # type: ignore[arg-type]
    spec, sampler = ModelSpec(meta=meta, seed=seed), Sampler.parse(sample)
    cv = CrossValidation(groups, test_groups, embargo)
    settings, source = settings_of(config, results), source_of(symbol, days, root, config)
    ledger = TrialLedger(settings.results)
    ledger.prepare()
    with CountProgress(symbol, "fits", shown=not as_json) as bar:
        def rows(own: LabelRule) -> "tuple[Dataset, Samples]":
            with bar.paused():
                return load_rows(source, sampler, own, settings, slippage_ticks=slippage_ticks,
                                 shown=not as_json)

        found = search(rows, rule, spec, ledger, space=space, cv=cv,
                       trials=trials, seed=seed, workers=workers, progress=bar.update)
    if as_json:
        print(json.dumps({"symbol": symbol, **figures_of(found)}))
    else:
        _show(found, symbol)


def figures_of(found: "Tuned") -> dict[str, Any]:
    """What was found, fit for JSON; what is unknown is null."""
    evidence = found.judgement.evidence
    values = {"score": found.score, "net": evidence.net, "pbo": evidence.pbo,
              "pbo_among_trials": evidence.pbo_among_trials, "dsr": evidence.dsr,
              "sharpe_per_day": found.judgement.sharpe}
    return {"rule": found.rule.to_dict(), "spec": found.spec.to_dict(),
            "scores": list(found.scores), "trials": evidence.trials, "known": found.known,
            "sessions": evidence.sessions, **found.trial.figures,
            **{name: None if value != value else value for name, value in values.items()}}


def _show(found: "Tuned", symbol: str) -> None:
    values = figures_of(found)
    spec, rule = found.spec, found.rule

    def text(key: str) -> str:
        return "unknown" if values[key] is None else f"{values[key]:.3f}"

    print_table(f"{symbol}: the best of {len(found.scores)} tries", [
        ("model", f"{spec.kind}, {spec.trees} trees of {spec.leaves} leaves, least leaf "
                  f"{spec.least_leaf}, learning rate {spec.learning_rate:.4g}"),
        ("bets from", f"{spec.threshold:.4f}"),
        ("labels", f"{rule.horizon_s:g} s, barriers {rule.profit:g}"),
        ("score", f"{found.score:.4f} (Sharpe ratio a period; tries from {min(found.scores):.4f})"),
        ("net", f"{values['net']:,.2f} a lot on {counted(values['sessions'], 'session')}"),
        ("PBO", f"{text('pbo')} beside placebos; {text('pbo_among_trials')} among the tries"),
        ("DSR", f"{text('dsr')} given {counted(values['trials'], 'trial')} of the symbol"),
        ("known before", str(found.known))])
    print(f"  train it: dreammaker train {symbol} --model {spec.kind} --trees {spec.trees} "
          f"--leaves {spec.leaves} --least-leaf {spec.least_leaf} --learning-rate "
          f"{spec.learning_rate!r} --threshold {spec.threshold!r} --horizon {rule.horizon_s:g} "
          f"--profit {rule.profit:g} --loss {rule.loss:g} --seed {spec.seed} --out BUNDLE "
          "and the options above")


def _numbers(text: str, option: str) -> tuple[float, ...]:
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError:
        raise ConfigError(f"{option} must be numbers with commas, was {text!r}") from None
