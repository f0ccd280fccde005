"""``dreammaker import``: market data files into the archive."""

import json
import sys
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dreammaker.app.console import byte_progress, print_table
from dreammaker.domain.errors import ConfigError

if TYPE_CHECKING:
    from dreammaker.domain.instrument import Instrument

EXAMPLE = """Read a market data file into the archive, one file a symbol and day.

Example: dreammaker import WINZ26_ticks.csv --symbol WINZ26 --root data

Formats, told by the content: MetaTrader 5 tick exports, MetaTrader bars, LOBSTER samples (the zip,
or one of its two files), Databento market-by-order files (DBN, also zstd), raw Binance USD-M feeds
(also gzip), polled depth of market. A day that is already in the archive is replaced. After an
error nothing has changed.
"""


# Single prints off the grid are known (hidden executions at a mid); this share of rows is not.
_OFF_GRID_SUSPECT = 0.05


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command("import", help=EXAMPLE)(import_data)


def import_data(
        file: Annotated[Path, typer.Argument(help="File to read.")],
        format_name: Annotated[str, typer.Option(
            "--format", help="auto, mt5_ticks, mt5_bars, lobster, dbn, binance_raw or "
                             "polled_book.")] = "auto",
        symbol: Annotated[str | None, typer.Option(
            help="Symbol; by the file unless given.")] = None,
        day: Annotated[str | None, typer.Option(help="Only this day, YYYY-MM-DD.")] = None,
        root: Annotated[Path, typer.Option(help="Archive folder.")] = Path("data"),
        tick_size: Annotated[float | None, typer.Option(
            help="Price step in points, for symbols the program does not know; overrides, with "
                 "a warning, what it knows.")] = None,
        lot_size: Annotated[float | None, typer.Option(
            help="Contracts or units in a lot.")] = None,
        server_zone: Annotated[str, typer.Option(
            help="Time zone of the trade server's clock (MetaTrader).")] = "America/Sao_Paulo",
        feed_latency_ms: Annotated[int, typer.Option(
            help="Feed latency assumed where the file has no receive time.")] = 60,
        calendar: Annotated[Path | None, typer.Option(
            help="File with local corrections of the session calendar.")] = None,
        as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Read one file into the archive and print its quality."""
    from dreammaker.data.archive import import_file
    from dreammaker.data.importers import ImportOptions, detect, importer_named, instrument_for
    from dreammaker.data.quality import QualityReport
    from dreammaker.domain.calendar import load_calendar

    options = ImportOptions(server_zone=server_zone, feed_latency_ms=feed_latency_ms,
                            calendar=load_calendar(calendar))
    only = None if day is None else _date(day)
    importer = detect(file) if format_name == "auto" else importer_named(format_name)
    instrument = instrument_for(importer, file, symbol, tick_size, lot_size, server_zone)
    _warn_of_overrides(instrument, tick_size, lot_size)
    with byte_progress(file.name, shown=not as_json) as update:
        days = import_file(file, root, importer.name, instrument, options, only, update)
    quality = QualityReport.combined([entry.quality for entry in days])
    if as_json:
        print(json.dumps({
            "file": str(file), "format": importer.name, "symbol": instrument.symbol,
            "days": [{"day": entry.day.isoformat(), "path": str(entry.path),
                      "replaced": entry.replaced, "quality": entry.quality.to_dict()}
                     for entry in days],
            "quality": quality.to_dict()}))
        return
    first, last = days[0].day, days[-1].day
    span = str(first) if len(days) == 1 else f"{first} to {last} ({len(days)} days)"
    replaced = sum(entry.replaced for entry in days)
    print_table(f"{instrument.symbol} {span}, {importer.name}", quality.rows())
    if quality.off_grid > _OFF_GRID_SUSPECT * quality.records:
        print(f"warning: {quality.off_grid:,} of {quality.records:,} records are off the price "
              f"grid of {instrument.tick_size:g}: is the symbol or --tick-size wrong?",
              file=sys.stderr)
    print(f"Imported {instrument.symbol} {span} into {root}"
          + (f"; {replaced} of them replaced an earlier import" if replaced else ""))


def _warn_of_overrides(instrument: "Instrument", tick_size: float | None,
                       lot_size: float | None) -> None:
    known = type(instrument).known(instrument.symbol)
    if known is None:
        return
    for option, given, size in (("--tick-size", tick_size, known.tick_size),
                                ("--lot-size", lot_size, known.lot_size)):
        if given is not None and given != size:
            print(f"warning: {option} {given:g} replaces the {size:g} that is known for "
                  f"{instrument.symbol}", file=sys.stderr)


def _date(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ConfigError(f"--day must be YYYY-MM-DD, was {text!r}") from None
