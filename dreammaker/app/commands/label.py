"""``dreammaker label``: decision rows with labels and weights, from an archive's days."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dreammaker.app.console import byte_progress, print_table
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
    Symbol,
    Target,
    Weight,
    check_out,
    record_progress,
    source_of,
)

if TYPE_CHECKING:
    from dreammaker.research.dataset import Dataset

HELP = """Label an archive's days: decision rows with features, labels, spans and weights.

Example: dreammaker label WINZ26 --days 2026-11-02..2026-11-20 --horizon 60 --out labels.parquet

Features are computed in batches and only decision rows are kept. What a day gives is cached in
the archive by the hash of its records, features, sampler and label rule. Bets open after the
latency, at prices that could be traded, and never span an auction, the close or a roll.
"""


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command("label", help=HELP)(label)


def label(
        symbol: Symbol,
        out: Annotated[Path, typer.Option(help="Parquet file to write; replaced if there.")],
        days: Days = "",
        root: Root = None,
        config: ConfigFile = None,
        sample: Sample = "time:1",
        kind: Kind = "triple_barrier",
        horizon: Horizon = 60.0,
        profit: Profit = 1.0,
        loss: Loss = 1.0,
        target: Target = None,
        least_points: Least = None,
        latency_ms: Latency = 40.0,
        weight: Weight = "uniqueness",
        cache: Annotated[bool, typer.Option("--cache/--no-cache",
                                            help="Keep what each day gives.")] = True,
        as_json: AsJson = False,
) -> None:
    """Label days, write the data set and print what it holds."""
    from dreammaker.research.dataset import joined, label_day
    from dreammaker.research.label_rule import LabelRule
    from dreammaker.research.sampling import Sampler
    from dreammaker.store.eventlog import EventStore

    check_out(out)
    sampler = Sampler.parse(sample)
    rule = LabelRule(kind=kind, horizon_s=horizon, profit=profit, loss=loss,  # type: ignore[arg-type]
                     target_points=target, least_points=least_points, latency_ms=latency_ms,
                     weight=weight)  # type: ignore[arg-type]
    chosen = source_of(symbol, days, root, config)
    store = EventStore(chosen.root)
    folder = chosen.root / ".cache" if cache else None
    parts = []
    for day in chosen.days:
        log = store.open(symbol, day)
        with byte_progress(f"{symbol} {day}", shown=not as_json) as update:
            parts.append(label_day(log, sampler, rule, chosen.features, folder,
                                   record_progress(update, log.events.itemsize)))
    data = joined(parts)
    data.save(out)
    if as_json:
        print(json.dumps({"out": str(out), **summary(data), **data.described()}))
        return
    _show(data, out)


def summary(data: "Dataset") -> dict[str, Any]:
    """Counts and means of a data set, fit for JSON."""
    import numpy as np

    from dreammaker.models.labels import Barrier

    return {
        "rows": len(data), "days": len(data.log_hashes),
        "labels": {str(value): int((data.y == value).sum()) for value in (-1, 0, 1)},
        "barriers": {barrier.name.lower(): int((data.barrier == barrier).sum())
                     for barrier in Barrier if (data.barrier == barrier).any()},
        "mean_label_seconds": float(np.mean(data.t_end - data.t_start)) / 1e9,
        "median_target_points": float(np.median(data.target)),
        "mean_weight": float(np.mean(data.weights)),
        "embargo_seconds": data.embargo().total_seconds(),
        "nan_share": {name: float(np.isnan(data.X[:, i]).mean())
                      for i, name in enumerate(data.feature_names)}}


def _show(data: "Dataset", out: Path) -> None:
    figures = summary(data)
    rows = [("rows", f"{figures['rows']:,} on {figures['days']} days")]
    rows += [(f"label {value}", f"{count:,} ({100 * count / len(data):.1f} %)")
             for value, count in figures["labels"].items()]
    rows += [(f"ended by {name}", f"{count:,}") for name, count in figures["barriers"].items()]
    rows += [("label's length", f"{figures['mean_label_seconds']:.1f} s on average"),
             ("target", f"{figures['median_target_points']:.6g} points, median"),
             ("weight", f"{figures['mean_weight']:.4f} on average ({data.rule.weight})"),
             ("embargo", f"{figures['embargo_seconds']:g} s")]
    rows += [(f"no label: {reason}", f"{count:,}") for reason, count in data.dropped.items()]
    empty = [name for name, share in figures["nan_share"].items() if share == 1.0]
    print_table(f"{data.symbol}: labelled decisions", rows)
    if empty:
        print(f"  features without any value: {', '.join(empty)}")
    print(f"Written to {out} ({data.content_hash[:16]})")
