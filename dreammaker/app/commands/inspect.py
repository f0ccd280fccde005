"""``dreammaker inspect``: what is in the archive."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dreammaker.app.bundle_table import describe_bundle, is_bundle
from dreammaker.app.console import print_table
from dreammaker.domain.errors import ConfigError, StoreError

if TYPE_CHECKING:
    from dreammaker.store.eventlog import EventLog, EventStore

HELP = """List the archive, a symbol's days, or describe one day, or a model bundle.

Example: dreammaker inspect WINZ26 2026-11-20 --root data
Example: dreammaker inspect bundles/first
"""


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command("inspect", help=HELP)(inspect)


def inspect(
        symbol: Annotated[str | None, typer.Argument(help="List this symbol's days; or a bundle's "
                                                         "folder.")] = None,
        day: Annotated[str | None, typer.Argument(help="Describe this day, YYYY-MM-DD.")] = None,
        root: Annotated[Path, typer.Option(help="Archive folder.")] = Path("data"),
        first: Annotated[int, typer.Option(help="Records of the day to show.")] = 10,
        as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Show what the archive holds."""
    from dreammaker.store.eventlog import EventLog, EventStore

    if first < 0:
        raise ConfigError(f"--first must be 0 or more, was {first}")
    if symbol is not None and day is None and is_bundle(Path(symbol)):
        describe_bundle(Path(symbol), as_json)
        return
    store = EventStore(root)
    if symbol is not None and day is not None:
        _describe(EventLog.open(root, symbol, day), first, as_json)
        return
    if not root.is_dir():
        raise StoreError(f"there is no archive at {root}")
    if symbol is not None and not store.days(symbol):
        raise StoreError(f"the archive {root} has no days of {symbol}")
    rows = [_day_row(store, name, entry)
            for name in ([symbol] if symbol is not None else store.symbols())
            for entry in store.days(name)]
    if as_json:
        print(json.dumps(rows))
        return
    print_table(f"{root}: {len(rows)} days", [
        (row["symbol"], row["day"], row["source"], f"{row['records']:,}", f"{row['trades']:,}",
         f"{row['bytes']:,}") for row in rows],
        ("symbol", "day", "source", "records", "trades", "bytes"))


def _day_row(store: "EventStore", symbol: str, day: Any) -> dict[str, Any]:
    header = store.header(symbol, day)
    return {"symbol": symbol, "day": day.isoformat(), "source": header.source.name,
            "records": header.record_count, "trades": header.quality.trades,
            "bytes": store.path(symbol, day).stat().st_size, "hash": header.content_hash}


def _describe(log: "EventLog", first: int, as_json: bool) -> None:
    import numpy as np

    from dreammaker.domain.schema import Kind

    counts = np.bincount(log.events["kind"], minlength=max(Kind) + 1)
    kinds = {kind.name: int(counts[kind]) for kind in Kind if counts[kind]}
    times = [int(log.events[name][index]) for name in ("exch_ns", "local_ns")
             for index in (0, -1)] if len(log) else []
    if as_json:
        print(json.dumps({
            "symbol": log.instrument.symbol, "day": log.day.isoformat(),
            "source": log.source.name, "hash": log.content_hash, "records": len(log),
            "kinds": kinds, "first_exch_ns": times[0] if times else None,
            "last_exch_ns": times[1] if times else None, "quality": log.quality.to_dict(),
            "first_records": [_record(record) for record in log.events[:first]]}))
        return
    print_table(f"{log.instrument.symbol} {log.day}", [
        ("source", log.source.name), ("content hash", log.content_hash),
        ("records", f"{len(log):,}"),
        *(("first / last, " + what, f"{utc_text(begin)} / {utc_text(end)}")
          for what, begin, end in _spans(times)),
        *((name.lower(), f"{count:,}") for name, count in kinds.items())])
    print_table("Quality", log.quality.rows())
    records = [_record(record) for record in log.events[:first]]
    if records:
        print_table(f"First {len(records)} records", [
            tuple(str(value) for value in record.values()) for record in records],
            tuple(records[0]))


def _spans(times: list[int]) -> list[tuple[str, int, int]]:
    if not times:
        return []
    return [("exchange", times[0], times[1]), ("received", times[2], times[3])]


def _record(record: Any) -> dict[str, Any]:
    from dreammaker.domain.schema import Flag, Kind

    kind, flags = int(record["kind"]), Flag(int(record["flags"]))
    return {"time": utc_text(int(record["exch_ns"])), "seq": int(record["seq"]),
            "kind": Kind(kind).name, "side": int(record["side"]),
            "price_ticks": int(record["price_ticks"]), "qty_lots": int(record["qty_lots"]),
            "order_id": int(record["order_id"]), "aux": int(record["aux"]),
            "flags": "|".join(flag.name or "" for flag in flags)}


def utc_text(time_ns: int) -> str:
    """UTC ns as ISO text with all nine digits.

    Examples
    --------
    >>> utc_text(1_585_828_800_000_000_001)
    '2020-04-02T12:00:00.000000001Z'
    """
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=time_ns // 1_000_000_000)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{time_ns % 1_000_000_000:09d}Z"
