"""The session's log: one line for what a person has to know, with the loop's time."""

import json
from pathlib import Path

import pytest
from rich.console import Console

from dreammaker.app.session_run import run_session
from dreammaker.assembly.config import parse_config


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[dict[str, object]]]:
    root = tmp_path_factory.mktemp("sessions")
    config = parse_config({
        "run": {"sessions_root": str(root)},
        "simulation": {"session_minutes": 20},
        "model": {"entry_threshold": 1.0, "min_hold_s": 0.0},
        "risk": {"max_daily_loss": 5.0, "entry_start_minutes_after_open": 0.0,
                 "entry_stop_minutes_before_close": 1.0, "flatten_minutes_before_close": 0.5,
                 "deadline_minutes_before_close": 0.25}})
    with (root / "console").open("w") as sink:
        folder = run_session(config, Console(file=sink), with_report=False)
    lines = (folder / "dreammaker.log").read_text(encoding="utf-8").splitlines()
    return folder, [json.loads(line) for line in lines]


def named(lines: list[dict[str, object]], message: str) -> list[dict[str, object]]:
    return [line for line in lines if line["message"] == message]


def test_log_when_session_ran_then_every_order_and_fill_stands_in_it(
    session: tuple[Path, list[dict[str, object]]]
) -> None:
    folder, lines = session
    summary = json.loads((folder / "summary.json").read_text())
    assert len(named(lines, "order sent")) == summary["orders"] > 0
    assert len(named(lines, "filled")) == summary["fills"] > 0
    assert named(lines, "filled")[-1]["position"] == summary["position_lots"] == 0


def test_log_when_daily_loss_is_reached_then_one_error_says_so(
    session: tuple[Path, list[dict[str, object]]]
) -> None:
    killed = named(session[1], "no new risk from here on")
    assert [(line["level"], line["state"], line["reason"]) for line in killed] == [
        ("ERROR", "KILLED", "DAILY_LOSS")]
    assert str(killed[0]["loop_time"]).startswith("2026-03-02T12:")


def test_log_when_session_starts_then_the_topology_is_in_it(
    session: tuple[Path, list[dict[str, object]]]
) -> None:
    start = named(session[1], "session starts")[0]
    assert "coordinate" in start["topology"][0]
    assert [line["phase"] for line in named(session[1], "session phase")] == [
        "PRE_OPEN", "CONTINUOUS", "CLOSING_CALL", "CLOSED"]
