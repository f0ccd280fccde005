"""``dreammaker lookahead``: does a pipeline know its future."""

import json
from typing import Annotated

import typer

from dreammaker.app.research_options import (
    AsJson,
    ConfigFile,
    Horizon,
    Root,
    Sample,
    Seed,
    Symbol,
    check_seed,
    source_of,
)
from dreammaker.domain.errors import ConfigError, VerificationError

HELP = """Search a pipeline for look-ahead: cut a day's future off, change it, and compare the past.

Example: dreammaker lookahead WINZ26 --day 2026-11-20 --module my_features.py:features

Without --module the house's own features, bars, decision rows, labels and splits are checked. A
function of your own takes an EventLog and returns a DataFrame indexed by the time at which each
row is known. Columns that leak are named with their first time; the exit code is then 4.
"""


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command("lookahead", help=HELP)(lookahead)


def lookahead(
        symbol: Symbol,
        day: Annotated[str, typer.Option(help="Day, YYYY-MM-DD; left out, the first one.")] = "",
        module: Annotated[str, typer.Option(
            help="FILE.py:FUNCTION or PACKAGE.MODULE:FUNCTION of your own.")] = "",
        clock: Annotated[str, typer.Option(
            help="What the index of your frame is: exchange (running maximum), local, or known "
                 "(the later of the two).")] = "exchange",
        cuts: Annotated[int, typer.Option(help="Instants at which the day is cut.")] = 8,
        records: Annotated[int, typer.Option(
            help="Records of the day to check; 0 = all of them.")] = 300_000,
        tolerance: Annotated[float, typer.Option(
            help="Difference that counts as none, as a share of a column's range; with --module."
        )] = 1e-9,
        timers: Annotated[bool, typer.Option(
            help="Rows of your frame may come from the clock alone, as on a regular grid.")]
        = False,
        sample: Sample = "time:1",
        horizon: Horizon = 60.0,
        root: Root = None,
        config: ConfigFile = None,
        seed: Seed = 1,
        as_json: AsJson = False,
) -> None:
    """Check and say what leaks."""
    import numpy as np

    from dreammaker.research.house import check_house, load_pipeline, shortened
    from dreammaker.research.label_rule import LabelRule
    from dreammaker.research.lookahead import Clock, detect
    from dreammaker.research.sampling import Sampler
    from dreammaker.store.eventlog import EventStore

    rng = np.random.default_rng(check_seed(seed))
    if cuts < 1:
        raise ConfigError(f"--cuts must be 1 or more, was {cuts}")
    if records < 0 or records == 1:
        raise ConfigError(f"--records must be 2 or more, or 0 for all, was {records}")
    known: dict[str, Clock] = {"exchange": "exchange", "local": "local", "known": "known"}
    if clock not in known:
        raise ConfigError(f"--clock must be one of {', '.join(known)}, was {clock!r}")
    pipeline = load_pipeline(module) if module else None
    chosen = source_of(symbol, day, root, config)
    log = EventStore(chosen.root).open(symbol, chosen.days[0])
    if records:
        log = shortened(log, records)
    if pipeline is not None:
        reports = [detect(pipeline, log, rng=rng, cuts=cuts, clock=known[clock],
                          name=module.rpartition(":")[2], tolerance=tolerance, timers=timers)]
    else:
        reports = check_house(log, rng=rng, sampler=Sampler.parse(sample),
                              rule=LabelRule(horizon_s=horizon), config=chosen.features,
                              cuts=cuts)
    passed = all(report.passed for report in reports)
    if as_json:
        print(json.dumps({"symbol": symbol, "day": log.day.isoformat(), "records": len(log),
                          "passed": passed, "reports": [report.to_dict() for report in reports]}))
    else:
        for report in reports:
            print(report.describe())
    if not passed:
        names = [leak.column for report in reports for leak in report.leaks]
        raise VerificationError(f"{len(names)} columns know their future: {', '.join(names)}")
