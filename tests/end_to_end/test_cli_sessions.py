"""The commands a session is run with, as a person or a scheduler runs them."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from dreammaker.app.cli import build

CONFIG = """
[run]
seed = 3
sessions_root = "sessions"
[simulation]
session_minutes = {minutes}
[risk]
entry_start_minutes_after_open = 0.2
entry_stop_minutes_before_close = 1.0
flatten_minutes_before_close = 0.5
deadline_minutes_before_close = 0.25
[model]
entry_threshold = 1.0
"""


def start(folder: Path, *arguments: object, **options: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "dreammaker", *map(str, arguments)], cwd=folder, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, env={**os.environ, "COLUMNS": "200"},
        **options)  # type: ignore[call-overload]


def run(folder: Path, *arguments: object, **options: object) -> tuple[int, str, str]:
    process = start(folder, *arguments, **options)
    out, err = process.communicate(timeout=120)
    return process.returncode, out, err


def config_file(folder: Path, text: str | None = None, *, minutes: float = 3.0) -> Path:
    path = folder / "x.toml"
    path.write_text(text if text is not None else CONFIG.format(minutes=minutes))
    return path


def one_sentence(err: str) -> str:
    lines = err.strip().splitlines()
    assert len(lines) == 1 and lines[0].startswith("error: "), err
    return lines[0]


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, object]]:
    folder = tmp_path_factory.mktemp("cli")
    code, out, err = run(folder, "run", "--config", config_file(folder), "--json")
    assert code == 0, err
    return folder, json.loads(out)


def test_every_command_when_asked_for_help_then_shows_an_example() -> None:
    app, runner = build(), CliRunner()

    def help_of(*words: str) -> str:
        result = runner.invoke(app, [*words, "--help"], env={"COLUMNS": "200", "TERM": "dumb"})
        assert result.exit_code == 0
        return result.output

    names = [name for command in app.registered_commands
             if (name := command.name or getattr(command.callback, "__name__", ""))]
    assert {"demo", "run", "replay"} <= set(names)
    for name in names:
        assert f"Example: dreammaker {name}" in help_of(name)
    for command in ("show", "check"):
        assert f"Example: dreammaker config {command}" in help_of("config", command)


def test_run_when_json_then_stdout_is_nothing_else(
        finished: tuple[Path, dict[str, object]]) -> None:
    folder, summary = finished
    session = folder / str(summary["folder"])
    assert summary["fills"] and summary["position_lots"] == 0
    assert sorted(path.name for path in session.iterdir()) == [
        "decisions.arrow", "dreammaker.log", "events.arrow", "journal.arrow", "orders.sqlite",
        "report.html", "seal.json", "session.json", "summary.json"]
    lines = [json.loads(line) for line in (session / "dreammaker.log").read_text().splitlines()]
    said = [line["message"] for line in lines]
    assert (said[0], said[-1]) == ("session starts", "session ends")
    assert said.count("filled") == summary["fills"]


def test_replay_when_clean_then_says_so(finished: tuple[Path, dict[str, object]]) -> None:
    folder, summary = finished
    code, out, _ = run(folder, "replay", "--verify", summary["folder"])
    assert code == 0 and f"same journal, {summary['journal_hash']}" in out
    code, out, _ = run(folder, "replay", "--verify", summary["folder"], "--json")
    assert code == 0 and json.loads(out) == {
        "clean": True, "problems": [], "journal_hash": summary["journal_hash"]}


def test_replay_when_damaged_then_exit_code_four_and_no_traceback(
        finished: tuple[Path, dict[str, object]]) -> None:
    folder, summary = finished
    path = folder / str(summary["folder"]) / "events.arrow"
    whole = path.read_bytes()
    path.write_bytes(whole[:100] + bytes([whole[100] ^ 4]) + whole[101:])
    try:
        code, out, err = run(folder, "replay", "--verify", summary["folder"])
        again, text, _ = run(folder, "replay", "--verify", summary["folder"], "--json")
    finally:
        path.write_bytes(whole)
    assert code == again == 4
    assert "events.arrow is not what was sealed" in out
    assert "does not verify: 1 problem, listed above" in one_sentence(err)
    assert json.loads(text)["clean"] is False


def test_replay_when_no_session_then_exit_code_three(tmp_path: Path) -> None:
    code, _, err = run(tmp_path, "replay", "--verify", "nowhere")
    assert code == 3 and one_sentence(err) == "error: nowhere is no session folder"


def test_demo_when_short_then_it_trades_and_shows_where_all_lies(tmp_path: Path) -> None:
    code, out, err = run(tmp_path, "demo", "--minutes", 8, "--seed", 2)
    assert code == 0 and err == ""
    assert "journal hash" in out and "report.html" in out
    fills = re.search(r"fills\s+│\s+([\d,]+) \(", out)
    assert fills is not None and int(fills[1]) > 0


@pytest.mark.parametrize(("arguments", "said"), [
    (["--minutes", "0"], "session_minutes must be in"),
    (["--minutes", "nan"], "session_minutes must be in"),
    (["--seed", "-1"], "run.seed: input should be greater than or equal to 0, was -1")])
def test_demo_when_impossible_then_one_sentence(
        tmp_path: Path, arguments: list[str], said: str) -> None:
    code, _, err = run(tmp_path, "demo", *arguments)
    assert code == 2 and said in one_sentence(err) and not list(tmp_path.iterdir())


BAD = {
    "unknown section": ("[rsk]\nx = 1", "unknown section rsk; allowed here: run, instrument"),
    "unknown key": ("[risk]\nmax_lots = 1", "unknown key risk.max_lots; allowed here: max_pos"),
    "key outside a section": ("seed = 1", "unknown section seed"),
    "section that is a value": ("run = 3", "run: must be a section of keys, was 3"),
    "text for a number": ('[run]\nseed = "7"', "input should be a valid integer, was '7'"),
    "truth for a number": ("[run]\nseed = true", "run.seed: input should be a valid integer"),
    "part of a whole number": ("[run]\nseed = 1.5", "run.seed: input should be a valid integer"),
    "impossible value": ("[risk]\nmax_daily_loss = -1", "risk.max_daily_loss: input should be gr"),
    "no number": ("[risk]\nmax_daily_loss = nan", "risk.max_daily_loss: input should be"),
    "infinite": ("[instrument]\ntick_size = inf", "instrument.tick_size: input should be"),
    "unknown choice": ('[run]\nmode = "live-ish"', "run.mode: input should be 'simulated' or "),
    "no such day": ('[run]\nday = "2026-02-30"', "run.day: "),
    "repeated voter": ('[model]\nvoters = ["flow", "flow"]', "model: voters must not repeat"),
    "rule across keys": ("[model]\nexit_threshold = 9.0", "model: exit_threshold must be below "),
    "rule of risk": ("[risk]\nflatten_minutes_before_close = 90", "risk: flatten_minutes_before"),
    "not TOML": ("[run\n", "not valid TOML"),
    "key twice": ("[run]\nseed = 1\nseed = 2", "not valid TOML"),
}


@pytest.mark.parametrize("case", list(BAD))
@pytest.mark.parametrize("command", [("config", "check"), ("run", "--config")])
def test_config_when_wrong_then_one_sentence_with_file_and_key(
        tmp_path: Path, case: str, command: tuple[str, str],
        monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    from dreammaker.app.cli import main

    text, said = BAD[case]
    path = config_file(tmp_path, text)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["dreammaker", *command, str(path)])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    sentence = one_sentence(capsys.readouterr().err)
    assert f"{path}: " in sentence and said in sentence
    assert [file.name for file in tmp_path.iterdir()] == ["x.toml"]


def test_config_when_file_is_no_text_then_said(tmp_path: Path) -> None:
    (tmp_path / "binary.toml").write_bytes(bytes(range(256)))
    for name, said in (("binary.toml", "not a text file in UTF-8"), ("none.toml", "no such file"),
                       (".", "cannot be read: ")):
        code, _, err = run(tmp_path, "config", "check", name)
        assert code == 2 and said in one_sentence(err)


def test_config_when_it_begins_with_a_byte_order_mark_then_read(tmp_path: Path) -> None:
    path = tmp_path / "x.toml"
    path.write_text("[run]\r\nseed = 5\r\n", encoding="utf-8-sig")
    code, out, _ = run(tmp_path, "config", "show", path)
    assert code == 0 and "seed = 5" in out
    path.write_text(out)
    assert run(tmp_path, "config", "show", path) == (0, out, "")
    code, text, _ = run(tmp_path, "config", "show", path, "--json")
    assert code == 0 and json.loads(text)["run"]["seed"] == 5


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_run_when_interrupted_then_ends_in_good_order_and_verifies(
        tmp_path: Path, number: signal.Signals) -> None:
    process = start(tmp_path, "run", "--config", config_file(tmp_path, minutes=500), "--json",
                    "--no-report")
    log = tmp_path / "sessions" / "simulated-WINJ26-2026-03-02" / "dreammaker.log"
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and not (log.exists() and log.stat().st_size):
        time.sleep(0.05)
    time.sleep(0.7)
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0 and err == ""
    summary = json.loads(out)
    assert summary["counts"]["commands"] == 1
    code, _, err = run(tmp_path, "replay", "--verify", summary["folder"])
    assert code == 0, err


def test_run_when_killed_then_replay_says_it_was_never_sealed(tmp_path: Path) -> None:
    process = start(tmp_path, "run", "--config", config_file(tmp_path, minutes=500))
    folder = tmp_path / "sessions" / "simulated-WINJ26-2026-03-02"
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and not (folder / "session.json").exists():
        time.sleep(0.05)
    process.kill()
    process.communicate()
    code, _, err = run(tmp_path, "replay", "--verify", folder)
    assert code == 3 and "was never sealed" in one_sentence(err)


def test_run_when_root_is_a_file_then_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "sessions").write_text("")
    code, out, err = run(tmp_path, "run", "--config", config_file(tmp_path), "--json")
    assert code == 3 and out == ""
    assert "cannot create a session folder in sessions" in one_sentence(err)


@pytest.mark.skipif(os.name != "posix", reason="file size limits of POSIX")
@pytest.mark.parametrize("limit", [0, 1_000, 60_000, 150_000])
def test_run_when_disk_refuses_then_one_sentence_and_no_seal(tmp_path: Path, limit: int) -> None:
    import resource

    path = config_file(tmp_path)
    code, out, err = run(
        tmp_path, "run", "--config", path, "--json",
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)))
    assert code == 3 and out == "" and "cannot " in one_sentence(err)
    assert not list(tmp_path.glob("sessions/*/seal.json*"))


def test_runs_when_two_at_once_into_one_root_then_two_sealed_sessions(tmp_path: Path) -> None:
    path = config_file(tmp_path)
    running = [start(tmp_path, "run", "--config", path, "--json", "--no-report")
               for _ in range(2)]
    summaries = []
    for process in running:
        out, err = process.communicate(timeout=120)
        assert process.returncode == 0, err
        summaries.append(json.loads(out))
    assert len({summary["folder"] for summary in summaries}) == 2
    assert len({summary["journal_hash"] for summary in summaries}) == 1
    assert len(list(tmp_path.glob("sessions/*/seal.json"))) == 2
