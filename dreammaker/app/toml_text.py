"""Writes configuration values as TOML (the standard library only reads it)."""

import json
import re
from typing import Any

_TIME = re.compile(r"\d\d:\d\d:\d\d")
_DATE = re.compile(r"\d{4}-\d\d-\d\d")


def to_toml(values: dict[str, dict[str, Any]]) -> str:
    """Sections of plain values as TOML; values that are None are left out.

    Examples
    --------
    >>> print(to_toml({"run": {"seed": 1, "day": "2026-03-02", "name": None}}))
    [run]
    seed = 1
    day = 2026-03-02
    """
    parts = []
    for section, keys in values.items():
        lines = [f"[{section}]"]
        lines += [f"{key} = {_value(value)}" for key, value in keys.items() if value is not None]
        parts.append("\n".join(lines))
    return "\n\n".join(parts)


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return f"[{', '.join(_value(item) for item in value)}]"
    if isinstance(value, str) and (_TIME.fullmatch(value) or _DATE.fullmatch(value)):
        return value
    if isinstance(value, str):
        return json.dumps(value)
    return repr(value)
