"""What ``train``, ``validate`` and ``tune`` share: days into rows and outcomes, and settings."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dreammaker.app.console import byte_progress
from dreammaker.domain.errors import ConfigError

if TYPE_CHECKING:
    from dreammaker.app.research_options import Source
    from dreammaker.assembly.config import SystemConfig
    from dreammaker.domain.instrument import Instrument
    from dreammaker.research.dataset import Dataset
    from dreammaker.research.label_rule import LabelRule
    from dreammaker.research.samples import Samples
    from dreammaker.research.sampling import Sampler
    from dreammaker.research.workers import Workers

Results = Annotated[Path | None, typer.Option(help="Folder of results with the list of all trials "
                                                   "(backtest.results_root).")]
Slippage = Annotated[float, typer.Option(help="Ticks that a round trip costs besides spread and "
                                              "fees.")]
Jobs = Annotated[int, typer.Option(help="Fits at once; -1 = as many as processors. The result "
                                        "does not depend on it.")]
Cluster = Annotated[str, typer.Option(metavar="ADDRESS", help="Fit on the Dask cluster of this "
                                      "scheduler, tcp://HOST:PORT; the result is the same.")]
Groups = Annotated[int, typer.Option(help="Groups of rows in cross-validation.")]
TestGroups = Annotated[int, typer.Option(help="Groups that are tested at once.")]
Embargo = Annotated[float, typer.Option(help="Least embargo as a share of the rows; the features' "
                                             "memory is kept anyhow.")]


@dataclass(frozen=True, slots=True)
class Settings:
    """The configuration, and the folder of results."""

    config: "SystemConfig"
    results: Path


def settings_of(config: Path | None, results: Path | None) -> Settings:
    """A configuration file, or the defaults.

    Raises
    ------
    ConfigError
        If the file is no valid configuration.
    """
    from dreammaker.assembly.config import SystemConfig, load_config

    chosen = SystemConfig() if config is None else load_config(config)
    return Settings(chosen, Path(chosen.backtest.results_root) if results is None else results)


def workers_of(jobs: int, cluster: str) -> "Workers":
    """The workers that ``--jobs`` and ``--cluster`` mean.

    Raises
    ------
    ConfigError
        If one of them is out of range, or both are given.
    """
    from dreammaker.research.workers import MOST_JOBS, Workers

    if jobs != -1 and not 1 <= jobs <= MOST_JOBS:
        raise ConfigError(f"--jobs must be 1 or more, at most {MOST_JOBS}, or -1, was {jobs}")
    if cluster and jobs != 1:
        raise ConfigError("--jobs are processes of this machine, --cluster has workers of its own: "
                          "give one of the two")
    return Workers(jobs, cluster)


def load_rows(source: "Source", sampler: "Sampler", rule: "LabelRule", settings: Settings, *,
              slippage_ticks: float = 0.0, shown: bool = True) -> tuple["Dataset", "Samples"]:
    """Days of an archive as labelled rows, and what either bet of each gained.

    Raises
    ------
    ConfigError
        If the slippage is below 0, or fees do not know the instrument.
    InputError
        If no row has a label.
    """
    from dreammaker.app.research_options import record_progress
    from dreammaker.research.dataset import joined, label_day
    from dreammaker.research.samples import samples_of
    from dreammaker.store.eventlog import EventStore

    if not 0.0 <= slippage_ticks <= 1e6:
        raise ConfigError(f"--slippage-ticks must be 0 or more, was {slippage_ticks!r}")
    store = EventStore(source.root)
    parts = []
    for day in source.days:
        log = store.open(source.symbol, day)
        with byte_progress(f"{source.symbol} {day}", shown=shown) as update:
            parts.append(label_day(log, sampler, rule, source.features, source.root / ".cache",
                                   record_progress(update, log.events.itemsize)))
    data = joined(parts)
    instrument, fee_ticks = instrument_and_fee(source, settings)
    logs = (store.open(source.symbol, day) for day in source.days)
    return data, samples_of(data, logs, (fee_ticks + slippage_ticks) * instrument.tick_size)


def instrument_and_fee(source: "Source", settings: Settings) -> tuple["Instrument", float]:
    """The instrument as configured, and the fees of a round trip in ticks.

    Raises
    ------
    ConfigError
        If the fees do not know the instrument.
    """
    from dreammaker.store.eventlog import EventStore

    config = settings.config
    instrument = config.instrument.override(
        EventStore(source.root).header(source.symbol, source.days[0]).instrument)
    fee_micros = 2 * config.exchange.fee_micros_per_lot(instrument)
    return instrument, fee_micros / instrument.tick_value_micros
