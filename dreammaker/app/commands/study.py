"""``dreammaker study``: what the features are worth on labelled days."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dreammaker.app.console import print_table
from dreammaker.app.research_options import (
    AsJson,
    ConfigFile,
    Days,
    Horizon,
    Root,
    Sample,
    Seed,
    Symbol,
    check_out,
    check_seed,
    source_of,
)
from dreammaker.domain.errors import ConfigError, StoreError

if TYPE_CHECKING:
    from dreammaker.research.study import Study

HELP = """Study the features on an archive's days: information, stationarity, importance.

Example: dreammaker study WINZ26 --days 2026-11-02..2026-11-20 --html study.html

Importances are of a random forest under purged cross-validation, by feature and by cluster.
"""


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command("study", help=HELP)(study)


def study(
        symbol: Symbol,
        days: Days = "",
        root: Root = None,
        config: ConfigFile = None,
        sample: Sample = "time:1",
        horizon: Horizon = 60.0,
        horizons: Annotated[str, typer.Option(
            help="Seconds of the information coefficients, with commas.")] = "1,5,15,60,300",
        folds: Annotated[int, typer.Option(help="Of the purged cross-validation.")] = 5,
        trees: Annotated[int, typer.Option(help="Of each forest.")] = 100,
        rows: Annotated[int, typer.Option(
            help="Most rows for the importances; more are thinned out evenly.")] = 10_000,
        jobs: Annotated[int, typer.Option(help="Threads of a forest.")] = 1,
        html: Annotated[Path | None, typer.Option(help="Write a page with the plots.")] = None,
        seed: Seed = 1,
        as_json: AsJson = False,
) -> None:
    """Study and print the ranking."""
    import numpy as np

    from dreammaker.research.dataset import build_dataset
    from dreammaker.research.label_rule import LabelRule
    from dreammaker.research.sampling import Sampler
    from dreammaker.research.study import StudyOptions, study_features
    from dreammaker.store.eventlog import EventStore

    rng = np.random.default_rng(check_seed(seed))
    options = StudyOptions(folds, trees, rows, _seconds(horizons), jobs)
    sampler, rule = Sampler.parse(sample), LabelRule(horizon_s=horizon)
    if html is not None:
        check_out(html, "--html")
    chosen = source_of(symbol, days, root, config)
    store = EventStore(chosen.root)
    with _steps(not as_json) as say:
        say("labels")
        data = build_dataset(chosen.root, symbol, chosen.days, sampler=sampler, rule=rule,
                             features=chosen.features)
        found = study_features(data, (store.open(symbol, day) for day in chosen.days), rng=rng,
                               options=options, say=say)
        if html is not None:
            from dreammaker.reports.study import study_page

            try:
                html.write_text(study_page(found), encoding="utf-8")
            except OSError as error:
                raise StoreError(f"{html} cannot be written: {error}") from None
    if as_json:
        print(json.dumps({**found.to_dict(), "html": None if html is None else str(html)},
                         allow_nan=False))
        return
    _show(found)
    if html is not None:
        print(f"Written to {html}")


def _seconds(text: str) -> tuple[float, ...]:
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError:
        raise ConfigError(f"--horizons must be seconds separated by commas, was {text!r}") from None


@contextmanager
def _steps(shown: bool) -> Iterator[Callable[[str], None]]:
    """Says on a terminal's stderr what is being done."""
    from rich.console import Console

    console = Console(stderr=True)
    if not (shown and console.is_terminal):
        yield lambda text: None
        return
    with console.status("") as status:
        yield status.update


def _show(found: "Study") -> None:
    single = {item.features[0]: item for item in found.single}
    impurity = {item.features[0]: item for item in found.impurity}
    best = {row[0].name: max(row, key=lambda item: abs(item.t) if item.t == item.t else 0.0)
            for row in found.information}
    tests = {item.name: item for item in found.stationarity}
    rows = []
    for item in sorted(found.accuracy, key=lambda item: -item.value):
        name = item.features[0]
        information, test = best[name], tests[name]
        rank = information.coefficient.value
        rows.append((name, f"{1e3 * item.value:+.3f} ({_t(item.t)})",
                     f"{1e3 * single[name].value:+.3f} ({_t(single[name].t)})",
                     f"{100 * impurity[name].value:.1f} %",
                     f"{rank:+.4f} ({_t(information.t)}) at {information.horizon_s:g} s"
                     if rank == rank else "-", f"{test.rejected}/{test.days}"))
    print_table(f"{found.symbol}: {found.rows:,} labelled decisions on {found.days} days "
                f"({found.used_rows:,} for importances; t in parentheses)", rows,
                ("feature", "MDA, 1e-3 nats", "alone, 1e-3 nats", "MDI", "best IC",
                 "no unit root"))
    for group in sorted(found.cluster_accuracy, key=lambda item: -item.value):
        print(f"  cluster {', '.join(group.features)}: {1e3 * group.value:+.3f} ({_t(group.t)})")
    if found.differencing is not None:
        d = found.differencing.d
        print("  smallest order of differencing that passes: "
              + (f"{d:g}" if d is not None else "none up to 1"))
    for name, why in found.left_out.items():
        print(f"  left out: {name} ({why})")
    for note in found.notes:
        print(f"  note: {note}")


def _t(value: float) -> str:
    """A t-value; "-" where one fold alone gives none."""
    return f"{value:+.1f}" if value == value else "-"
