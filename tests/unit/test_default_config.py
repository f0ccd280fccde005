"""The commented configuration files say what the program does."""

import re
import tomllib
from pathlib import Path

import pytest

from dreammaker.app.toml_text import to_toml
from dreammaker.assembly.config import SystemConfig, config_values, load_config, parse_config

CONFIG = Path(__file__).resolve().parents[2] / "config"


def test_default_toml_when_read_then_equals_the_defaults() -> None:
    assert load_config(CONFIG / "default.toml") == SystemConfig()


def test_default_toml_when_read_then_every_key_stands_in_its_section() -> None:
    text = (CONFIG / "default.toml").read_text(encoding="utf-8")
    sections = dict(re.findall(r"^\[(\w+)\]\n(.*?)(?=^\[|\Z)", text, re.M | re.S))
    values = config_values(SystemConfig())
    assert list(sections) == list(values)
    for section, keys in values.items():
        for key in keys:
            assert re.search(rf"^(# )?{key} =", sections[section], re.M), f"{section}.{key}"


def test_default_toml_when_read_then_every_key_has_a_comment_above_its_group() -> None:
    previous = ""
    for line in (CONFIG / "default.toml").read_text(encoding="utf-8").splitlines():
        if re.match(r"(# )?\w+ = ", line):
            assert previous != "", f"{line!r} begins a group without a comment"
        previous = line


@pytest.mark.parametrize("name", ["default.toml", "demo.toml", "replay.toml"])
def test_shipped_config_when_checked_then_valid(name: str) -> None:
    assert isinstance(load_config(CONFIG / name), SystemConfig)


def test_shown_config_when_read_back_then_the_same() -> None:
    text = to_toml(config_values(SystemConfig()))
    assert parse_config(tomllib.loads(text)) == SystemConfig()
