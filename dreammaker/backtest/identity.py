"""The key of a run: a hash of everything its result depends on."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any

import dreammaker
import dreammaker._ext as kernels
from dreammaker.assembly.config import SystemConfig, config_values, identity_values, parse_config
from dreammaker.assembly.model_set import read_bundle
from dreammaker.backtest.days import DayPlan
from dreammaker.domain.errors import ConfigError
from dreammaker.store.journal import canonical_hash


@cache
def program_hash() -> str:
    """SHA-256 over the program's version, its source where it is at hand, and its kernels."""
    root = Path(dreammaker.__file__).parent
    folder = Path(kernels.__file__).parent
    digest = hashlib.sha256(dreammaker.__version__.encode())
    for path in (*sorted(root.rglob("*.py")), *sorted(folder.glob("*.so")),
                 *sorted(folder.glob("*.pyd"))):
        digest.update(path.relative_to(root).as_posix().encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()


def run_identity(config: SystemConfig, plans: Sequence[DayPlan],
                 extra: Mapping[str, Any]) -> dict[str, Any]:
    """What a run depends on, as plain JSON values.

    Parameters
    ----------
    config : SystemConfig
        Of the whole run; the days' own differ from it in the day alone.
    plans : sequence of DayPlan
    extra : mapping
        What neither of them says: objects given by the caller, how it retrains.
    """
    values = identity_values(config)
    values["run"].pop("day", None)
    values["backtest"] = {"symbol": plans[0].config.backtest.symbol,
                          "carry_model": config.backtest.carry_model,
                          "equity_seconds": config.backtest.equity_seconds}
    values["run"]["mode"] = plans[0].config.run.mode
    instruments = [plan.instrument for plan in plans if plan.instrument is not None]
    bundle = read_bundle(config)
    return {
        **({"bundle": bundle.content} if bundle is not None else {}),
        "config": values,
        "days": [[plan.day.isoformat(), plan.data_hash] for plan in plans],
        "instrument": asdict(instruments[0]) if instruments else None,
        "program": program_hash(),
        "extra": dict(extra),
    }


def run_key(identity: Mapping[str, Any]) -> str:
    """Hash of a run's identity: 16 hexadecimal digits."""
    return canonical_hash(identity)[:16]


def with_changes(config: SystemConfig, changes: Mapping[str, Any]) -> SystemConfig:
    """A configuration with single keys changed.

    Parameters
    ----------
    changes : mapping of str to value
        ``"section.key"``, deeper keys with more dots.

    Raises
    ------
    ConfigError
        If a key does not exist or a value is impossible.

    Examples
    --------
    >>> with_changes(SystemConfig(), {"model.entry_threshold": 3.0}).model.entry_threshold
    3.0
    """
    if not changes:
        return config
    values = config_values(config)
    for name, value in changes.items():
        *sections, key = name.split(".")
        if not sections or not all(sections) or not key:
            raise ConfigError(f"a changed key must be SECTION.KEY, was {name!r}")
        place: Any = values
        for section in sections:
            place = place.get(section) if isinstance(place, dict) else None
        if not isinstance(place, dict) or key not in place:
            known = f"; keys there: {', '.join(place)}" if isinstance(place, dict) else ""
            raise ConfigError(f"there is no key {name} in the configuration{known}")
        place[key] = value
    return parse_config(values, "changed configuration")


def differences(configs: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    """Keys in which configurations differ, dotted, each with its value in every one of them.

    Examples
    --------
    >>> differences([{"model": {"a": 1, "b": 2}}, {"model": {"a": 1, "b": 3}}])
    {'model.b': [2, 3]}
    """
    flat = [_flat(config) for config in configs]
    names = sorted({name for values in flat for name in values})
    found = {name: [values.get(name) for values in flat] for name in names}
    return {name: values for name, values in found.items()
            if any(value != values[0] for value in values)}


def _flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, Mapping):
            found.update(_flat(value, f"{prefix}{name}."))
        else:
            found[f"{prefix}{name}"] = value
    return found
