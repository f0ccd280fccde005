"""The system's configuration: one validated dataclass a package, read from TOML."""

import datetime
import json
import re
import tomllib
from dataclasses import field, fields, is_dataclass
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from dreammaker.domain.errors import ConfigError, DreamMakerError
from dreammaker.domain.instrument import MONEY_UNIT, Instrument, parse_win_symbol
from dreammaker.exchange import ExchangeConfig
from dreammaker.execution import ExecutionConfig
from dreammaker.features.config import FeatureConfig
from dreammaker.models import ModelConfig
from dreammaker.models.gate import GateConfig
from dreammaker.risk import RiskConfig
from dreammaker.simulation import SimulationConfig

_FORBID = ConfigDict(extra="forbid")


@dataclass(frozen=True, config=_FORBID)
class RunConfig:
    """What to run.

    Parameters
    ----------
    mode : {"simulated", "replay"}
        ``simulated`` generates its market; ``replay`` runs an imported day (``backtest``).
    seed : int
        Of everything that is drawn at random.
    day : datetime.date
        Date of a simulated session.
    sessions_root : str
        Folder under which each run makes its own.
    """

    mode: Literal["simulated", "replay"] = "simulated"
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 1
    day: datetime.date = datetime.date(2026, 3, 2)
    sessions_root: str = "sessions"


@dataclass(frozen=True, config=_FORBID)
class InstrumentConfig:
    """What is traded; whatever is left out follows from the symbol.

    Parameters
    ----------
    symbol : str
        Of a simulated session; a replay trades ``backtest.symbol``.
    tick_size : float, optional
        Points.
    tick_value : float, optional
        Worth of a tick of one lot, in the currency.
    fee_per_lot : float, optional
        A side, in the currency.
    close_time, timezone : str, optional
        When the session closes ("HH:MM", IANA zone), for instruments without a calendar; positions
        are flattened before it.
    """

    symbol: Annotated[str, Field(min_length=1, max_length=32)] = "WINJ26"
    tick_size: Annotated[float, Field(gt=0, le=1e6)] | None = None
    tick_value: Annotated[float, Field(gt=0, le=1e6)] | None = None
    fee_per_lot: Annotated[float, Field(ge=0, le=1e6)] | None = None
    close_time: Annotated[str, Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")] | None = None
    timezone: str = "America/Sao_Paulo"

    def __post_init__(self) -> None:
        # A WIN contract has to be one of its months; other names (WIN$N, say) are as they are.
        if re.fullmatch(r"WIN[A-Z]\d{2}", self.symbol):
            parse_win_symbol(self.symbol)

    def override(self, instrument: Instrument) -> Instrument:
        """The instrument with what the config sets."""
        from dataclasses import replace

        changes: dict[str, Any] = {}
        if self.tick_size is not None:
            changes["tick_size"] = self.tick_size
        if self.tick_value is not None:
            changes["tick_value_micros"] = round(self.tick_value * MONEY_UNIT)
        if self.fee_per_lot is not None:
            changes["fee_micros_per_lot"] = round(self.fee_per_lot * MONEY_UNIT)
        return replace(instrument, **changes)


@dataclass(frozen=True, config=_FORBID)
class MT5Config:
    """MetaTrader 5.

    Parameters
    ----------
    server_timezone : str
        Zone of the trade server's wall clock, for imported exports.
    """

    server_timezone: str = "America/Sao_Paulo"


@dataclass(frozen=True, config=_FORBID)
class DataConfig:
    """Market data.

    Parameters
    ----------
    root : str
        The archive of imported days.
    batch_events : int
        Records the loop takes at once; changes speed, never results.
    """

    root: str = "data"
    batch_events: Annotated[int, Field(ge=1, le=10_000_000)] = 4096


@dataclass(frozen=True, config=_FORBID)
class BacktestConfig:
    """The imported day a replay runs on, and how a backtest runs over several.

    Parameters
    ----------
    symbol : str
        As imported.
    day : datetime.date, optional
        Left out: the symbol's only day.
    days : list of datetime.date
        Days of a backtest, in order; empty = ``day``, or every day of the archive.
    carry_model : bool
        Whether predictor and policy keep their state from one day to the next; orders, position,
        risk state and features never do.
    equity_seconds : float
        The stored equity curve has one point in so many seconds, besides each day's last.
    results_root : str
        Folder of stored results and their index.
    """

    symbol: str = ""
    day: datetime.date | None = None
    days: tuple[datetime.date, ...] = ()
    carry_model: bool = False
    equity_seconds: Annotated[float, Field(ge=0.001, le=86_400)] = 10.0
    results_root: str = "results"

    def __post_init__(self) -> None:
        if any(left >= right for left, right in pairwise(self.days)):
            raise ValueError("days must ascend and not repeat")


@dataclass(frozen=True, config=_FORBID)
class LoggingConfig:
    """Logging.

    Parameters
    ----------
    level : {"DEBUG", "INFO", "WARNING", "ERROR"}
    max_file_mb, backup_count : int
        The session's log file is rotated at this size, keeping so many old ones.
    """

    level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    max_file_mb: Annotated[int, Field(ge=1, le=1024)] = 16
    backup_count: Annotated[int, Field(ge=0, le=100)] = 3


@dataclass(frozen=True, config=_FORBID)
class SystemConfig:
    """Everything that can be configured; every value has a default.

    Examples
    --------
    >>> SystemConfig().risk.max_position_lots
    2
    """

    run: RunConfig = field(default_factory=RunConfig)
    instrument: InstrumentConfig = field(default_factory=InstrumentConfig)
    mt5: MT5Config = field(default_factory=MT5Config)
    data: DataConfig = field(default_factory=DataConfig)
    features: FeatureConfig = field(default_factory=FeatureConfig)
    model: ModelConfig = field(default_factory=ModelConfig)
    execution: ExecutionConfig = field(default_factory=ExecutionConfig)
    risk: RiskConfig = field(default_factory=RiskConfig)
    exchange: ExchangeConfig = field(default_factory=ExchangeConfig)
    simulation: SimulationConfig = field(default_factory=SimulationConfig)
    backtest: BacktestConfig = field(default_factory=BacktestConfig)
    gate: GateConfig = field(default_factory=GateConfig)
    logging: LoggingConfig = field(default_factory=LoggingConfig)

    def __post_init__(self) -> None:
        profile = self.exchange.venue_profile
        if self.execution.entry_style == "market" and profile.market_orders != "any":
            raise ConfigError(
                f'execution.entry_style must not be "market" at the venue {profile.name}, which '
                'takes market orders to reduce a position only; allowed: "far_touch", "near_touch"')


_ADAPTER = TypeAdapter(SystemConfig)

_WITHOUT_EFFECT = {"run": {"sessions_root"}, "data": {"root", "batch_events"}, "logging": None,
                   "risk": {"state_file"},
                   "backtest": {"days", "carry_model", "equity_seconds", "results_root"}}
"""Keys that cannot change a session: they stay out of its identity. What the risk state's file
holds at the start can; the header has it (``risk_start``)."""


def parse_config(values: dict[str, Any], origin: str = "config") -> SystemConfig:
    """Validate a mapping of sections.

    Raises
    ------
    ConfigError
        One sentence that names the origin, the key, the rule and the value.
    """
    try:
        # As JSON: strict (no "7" or true for a number), but lists and dates as text are read.
        return _ADAPTER.validate_json(json.dumps(values, default=str), strict=True)
    except ValidationError as error:
        raise ConfigError(f"{origin}: {_sentence(error, values)}") from None
    except DreamMakerError as error:
        raise ConfigError(f"{origin}: {error}") from None


def load_config(path: Path) -> SystemConfig:
    """Read a TOML file.

    Raises
    ------
    ConfigError
        If the file cannot be read, is not TOML, has an unknown key or an impossible value.
    """
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        raise ConfigError(f"{path}: no such file") from None
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{path}: not a text file in UTF-8") from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}: not valid TOML: {error}") from None
    return parse_config(values, str(path))


def _sentence(error: ValidationError, values: dict[str, Any]) -> str:
    found = []
    for problem in error.errors():
        steps = [str(step) for step in problem["loc"]]
        key = ".".join(steps) or "the file"
        if problem["type"] in ("unexpected_keyword_argument", "extra_forbidden"):
            allowed = ", ".join(_allowed(steps[:-1]))
            found.append(f"unknown {'key' if steps[1:] else 'section'} {key}; "
                         f"allowed here: {allowed}")
            continue
        if problem["type"] in ("dataclass_type", "dataclass_exact_type"):
            found.append(f"{key}: must be a section of keys, was {problem['input']!r}")
            continue
        given = problem.get("input")
        message = problem["msg"].removeprefix("Value error, ")
        shown = "" if isinstance(given, dict) or is_dataclass(given) else f", was {given!r}"
        if problem["type"] in ("value_error", "assertion_error"):
            shown = ""
        found.append(f"{key}: {message[0].lower()}{message[1:]}{shown}")
    return "; ".join(found)


def _allowed(steps: list[str]) -> list[str]:
    kind: Any = SystemConfig
    for step in steps:
        kind = next((f.type for f in fields(kind) if f.name == step), None)
        if not is_dataclass(kind):
            return []
    return [f.name for f in fields(kind)]


def config_values(config: SystemConfig) -> dict[str, Any]:
    """The whole configuration as plain JSON values."""
    values = _ADAPTER.dump_python(config, mode="json")
    assert isinstance(values, dict)
    return values


def identity_values(config: SystemConfig) -> dict[str, Any]:
    """The configuration without what cannot change a result (paths, batch size, logging)."""
    values = config_values(config)
    for section, keys in _WITHOUT_EFFECT.items():
        if keys is None:
            del values[section]
        else:
            values[section] = {k: v for k, v in values[section].items() if k not in keys}
    return values
