"""``dreammaker features``: the 27 features of an imported day, streamed to Parquet."""

import json
from pathlib import Path
from typing import Annotated

import typer

from dreammaker.app.console import byte_progress, print_table
from dreammaker.app.research_options import check_out

HELP = """Compute the 27 features of an imported day and write them to a Parquet file.

Example: dreammaker features WINZ26 2026-11-20 --root data --out features.parquet

One row a packet of continuous trading, in flat memory. Prints the share of NaN and the mean,
deviation and range of each feature.
"""


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command("features", help=HELP)(features)


def features(
        symbol: Annotated[str, typer.Argument(help="Symbol in the archive.")],
        day: Annotated[str, typer.Argument(help="Day, YYYY-MM-DD.")],
        out: Annotated[Path, typer.Option(help="Parquet file to write, in a folder that "
                             "exists; replaced if there.")],
        root: Annotated[Path, typer.Option(help="Archive folder.")] = Path("data"),
        as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Write one day's features and print what they look like."""
    from dreammaker.features.config import FeatureConfig, definition_hash
    from dreammaker.features.stream import write_features
    from dreammaker.store.eventlog import EventLog

    check_out(out)
    log = EventLog.open(root, symbol, day)
    size = log.events.itemsize
    with byte_progress(f"{symbol} {day}", shown=not as_json) as update:
        summary = write_features(
            log, out, progress=None if update is None else
            lambda done, total: update(done * size, total * size))
    if as_json:
        print(json.dumps({
            "symbol": symbol, "day": log.day.isoformat(), "out": str(out),
            "rows": summary.row_count, "definition": definition_hash(FeatureConfig()),
            "features": summary.table()}))
        return
    print_table(
        f"{symbol} {log.day}, {log.source.name}: {summary.row_count:,} rows",
        [(row["name"], "-" if row["nan_share"] is None else f"{100 * row['nan_share']:.1f} %",
          *(_shown(row[key]) for key in ("mean", "std", "min", "max")))
         for row in summary.table()],
        ("feature", "NaN", "mean", "std", "min", "max"))
    print(f"Written to {out}")


def _shown(value: float | None) -> str:
    return "-" if value is None else f"{value:.6g}"
