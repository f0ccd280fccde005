"""Options that the research commands share, turned into what the research bench takes."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Annotated

import typer

from dreammaker.domain.errors import ConfigError, StoreError
from dreammaker.features.config import FeatureConfig
from dreammaker.store.eventlog import EventStore

Symbol = Annotated[str, typer.Argument(help="Symbol in the archive.")]
Days = Annotated[str, typer.Option(help="A number of days, YYYY-MM-DD, several with commas, or "
                                        "FIRST..LAST; left out, all days.")]
Root = Annotated[Path | None, typer.Option(help="Archive folder (data.root).")]
ConfigFile = Annotated[Path | None, typer.Option("--config", help="Configuration file (TOML) "
                                                 "with the features' windows.")]
Sample = Annotated[str, typer.Option(
    help="Decision rows: time:SECONDS, tick:PRINTS, volume:LOTS, dollar:VALUE, cusum:POINTS, or "
         "{tick,volume,dollar}_{imbalance,run}:PRINTS.")]
Kind = Annotated[str, typer.Option(help="Labels: triple_barrier or trend.")]
Horizon = Annotated[float, typer.Option(help="Seconds to the vertical barrier.")]
Profit = Annotated[float, typer.Option(help="Upper barrier in targets; 0 = none.")]
Loss = Annotated[float, typer.Option(help="Lower barrier in targets; 0 = none.")]
Target = Annotated[float | None, typer.Option(help="Target in points; left out, the volatility "
                                                   "expected over the horizon.")]
Least = Annotated[float | None, typer.Option(help="Least barrier in points; left out, four ticks.")]
Latency = Annotated[float, typer.Option(help="From decision to entry, ms.")]
Weight = Annotated[str, typer.Option(help="Weights: uniqueness, returns or none.")]
Seed = Annotated[int, typer.Option(help="Of everything random.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]


@dataclass(frozen=True, slots=True)
class Source:
    """An archive, days of a symbol in it, and the features' configuration."""

    root: Path
    symbol: str
    days: list[date]
    features: FeatureConfig


def source_of(symbol: str, days: str, root: Path | None, config: Path | None) -> Source:
    """What the options name.

    Raises
    ------
    ConfigError
        If the configuration or the days are not valid.
    StoreError
        If the archive has no such symbol or day.
    """
    features, folder = FeatureConfig(), Path("data")
    if config is not None:
        from dreammaker.assembly.config import load_config

        settings = load_config(config)
        features, folder = settings.features, Path(settings.data.root)
    folder = folder if root is None else root
    store = EventStore(folder)
    stored = store.days(symbol)
    if not stored:
        known = ", ".join(store.symbols()) or "none"
        raise StoreError(f"the archive {folder} holds no day of {symbol} (symbols there: {known})")
    return Source(folder, symbol, _chosen(days, stored, symbol, folder), features)


def _chosen(text: str, stored: Sequence[date], symbol: str, folder: Path) -> list[date]:
    from dreammaker.backtest.days import DaySpan, as_date, parse_days

    if not text.strip():
        return list(stored)
    spec = parse_days(text)
    if isinstance(spec, int):
        if not 1 <= spec <= len(stored):
            raise ConfigError(f"--days asks for {spec} days; the archive holds {len(stored)} of "
                              f"{symbol}")
        return list(stored[:spec])
    if isinstance(spec, DaySpan):
        if spec.last < spec.first:
            raise ConfigError(f"--days must have its first day first, was {text!r}")
        found = [day for day in stored if spec.first <= day <= spec.last]
        if not found:
            raise StoreError(f"the archive {folder} has no day of {symbol} in "
                             f"{spec.first}..{spec.last}")
        return found
    assert isinstance(spec, tuple)
    days = sorted(as_date(day) for day in spec)
    for day in days:
        if day not in stored:
            raise StoreError(f"the archive {folder} has no {symbol} on {day} (it holds "
                             f"{len(stored)} days from {stored[0]} to {stored[-1]})")
    if len(set(days)) < len(days):
        raise ConfigError("--days must not name a day twice")
    return days


def check_out(out: Path, option: str = "--out") -> Path:
    """A file to write, in a folder that exists.

    Raises
    ------
    ConfigError
        If it is a folder or a device, or lies in none.
    """
    if out.is_dir():
        raise ConfigError(f"{option} must name a file, {out} is a folder")
    # A finished file takes the place of what is there: a device would be gone.
    if out.exists() and not out.is_file():
        raise ConfigError(f"{option} must name a file, {out} is a device or a pipe")
    if not out.parent.is_dir():
        raise ConfigError(f"{option} must lie in a folder that exists; there is none at "
                          f"{out.parent}")
    return out


def check_parent(out: Path, option: str = "--out") -> Path:
    """A folder to be made, where one can be made.

    Raises
    ------
    ConfigError
        If it would lie below a file, or in a folder that cannot be written.
    """
    above = next(path for path in out.absolute().parents if path.exists())
    if not above.is_dir():
        raise ConfigError(f"{option} must lie in a folder, {above} is a file")
    if not os.access(above, os.W_OK):
        raise ConfigError(f"{option} must lie where it can be written; {above} cannot")
    return out


def record_progress(update: Callable[[int, int], None] | None, record_bytes: int
                    ) -> Callable[[int, int], None] | None:
    """A progress function of records, from one of bytes."""
    if update is None:
        return None
    return lambda done, total: update(done * record_bytes, total * record_bytes)


def check_seed(seed: int) -> int:
    """A seed of 0 or more; ConfigError otherwise."""
    if seed < 0:
        raise ConfigError(f"--seed must be 0 or more, was {seed}")
    return seed
