"""Options of ``dreammaker backtest`` turned into a configuration."""

import tomllib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from dreammaker.assembly.config import SystemConfig, load_config
from dreammaker.backtest.identity import with_changes
from dreammaker.domain.errors import ConfigError


def settings(config: Path | None, seed: int | None, root: Path | None, results: Path | None
             ) -> SystemConfig:
    """A configuration file with what the command line says instead.

    Raises
    ------
    ConfigError
        If the file is no valid configuration, or the seed out of range.
    """
    chosen = SystemConfig() if config is None else load_config(config)
    if seed is not None:
        chosen = with_changes(chosen, {"run.seed": seed})
    if root is not None:
        chosen = replace(chosen, data=replace(chosen.data, root=str(root)))
    if results is not None:
        chosen = replace(chosen, backtest=replace(chosen.backtest, results_root=str(results)))
    return chosen


def parse_changes(texts: Sequence[str] | None) -> dict[str, Any]:
    """``SECTION.KEY=VALUE`` options; values as in TOML, anything else is text.

    Examples
    --------
    >>> parse_changes(["model.entry_threshold=3.5", "execution.entry_style=near_touch"])
    {'model.entry_threshold': 3.5, 'execution.entry_style': 'near_touch'}
    """
    found: dict[str, Any] = {}
    for text in texts or ():
        name, value = _pair(text, "--set", "VALUE")
        if name in found:
            raise ConfigError(f"--set {name} was given twice")
        found[name] = _value(value)
    return found


def parse_grid(texts: Sequence[str]) -> dict[str, list[Any]]:
    """``SECTION.KEY=VALUE,VALUE`` options, in their order.

    Examples
    --------
    >>> parse_grid(["model.entry_threshold=3,4.5"])
    {'model.entry_threshold': [3, 4.5]}
    """
    found: dict[str, list[Any]] = {}
    for text in texts:
        name, value = _pair(text, "--grid", "VALUE,VALUE,...")
        if name in found:
            raise ConfigError(f"--grid {name} was given twice")
        whole = _value(f"[{value}]")
        found[name] = whole if isinstance(whole, list) else [
            _value(part.strip()) for part in value.split(",")]
    return found


def _pair(text: str, option: str, values: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name.strip() or not value.strip():
        raise ConfigError(f"{option} must be SECTION.KEY={values}, was {text!r}")
    return name.strip(), value.strip()


def _value(text: str) -> Any:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text
