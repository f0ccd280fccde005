"""``dreammaker backtest`` as a person runs it: right and wrong input."""

import json
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from dreammaker.app.cli import build, main
from dreammaker.backtest import Backtest
from dreammaker.domain.errors import DreamMakerError

CONFIG = """
[simulation]
session_minutes = 3.0
[risk]
entry_start_minutes_after_open = 0.2
entry_stop_minutes_before_close = 1.0
flatten_minutes_before_close = 0.5
deadline_minutes_before_close = 0.25
[model]
entry_threshold = 1.0
exit_threshold = 0.4
min_hold_s = 2.0
decision_interval_s = 0.5
"""


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("backtest")
    (folder / "x.toml").write_text(CONFIG, encoding="utf-8")
    return folder


def dreammaker(*arguments: object) -> Result:
    return CliRunner().invoke(build(), ["backtest", *map(str, arguments)],
                              env={"COLUMNS": "200", "TERM": "dumb"})


def good(*arguments: object) -> str:
    done = dreammaker(*arguments)
    assert done.exit_code == 0, (done.output, done.exception)
    return done.stdout


def refused(*arguments: object) -> str:
    done = dreammaker(*arguments)
    assert isinstance(done.exception, DreamMakerError), (done.output, done.exception)
    assert "\n" not in str(done.exception)
    return str(done.exception)


@pytest.fixture(scope="module")
def first(world: Path) -> dict:  # type: ignore[type-arg]
    return json.loads(good("run", "--config", world / "x.toml", "--days", "2", "--results",
                           world / "results", "--json", "--name", "first"))


def test_run_when_asked_for_json_then_result_report_and_ratio_with_interval(
        world: Path, first: dict) -> None:  # type: ignore[type-arg]
    summary = first["summary"]
    assert (summary["days"], first["name"], first["resumed"]) == (2, "first", False)
    assert summary["fills"] > 10
    parts = sum(value for name, value in summary.items() if name.startswith("cost_"))
    assert summary["paper_micros"] - parts == summary["net_micros"]
    assert first["sharpe"]["ci"][0] < first["sharpe"]["value"] < first["sharpe"]["ci"][1]
    page = (Path(first["folder"]) / "report.html").read_text(encoding="utf-8")
    assert page.index("What the figures assume") < page.index("Net result")
    ratios = re.findall(r"Sharpe ratio[^<]*</td><td>([^<]*)<", page)
    assert len(ratios) == 2
    assert re.fullmatch(r"-?[\d.]+ \[-?[\d.]+, -?[\d.]+\] at 95%; PSR [\d.]+, DSR [\d.]+ "
                        r"\(\d+ observations, 1 trial\)", ratios[0])
    assert ratios[1] == "not given: 2 of the 20 days it takes"
    assert "http-equiv" not in page
    assert not re.search(r"<(?:script|link|img)[^>]+(?:src|href)=\"http", page)


def test_run_when_done_before_then_found_and_the_same(
        world: Path, first: dict) -> None:  # type: ignore[type-arg]
    again = json.loads(good("run", "--config", world / "x.toml", "--days", "2", "--results",
                            world / "results", "--json"))
    assert again["resumed"] is True
    assert {**again, "resumed": False, "name": ""} == {**first, "name": ""}


def test_run_when_sessions_are_kept_then_each_verifies(world: Path) -> None:
    kept = world / "kept"
    out = json.loads(good("run", "--config", world / "x.toml", "--seed", "9", "--results",
                          world / "results", "--json", "--no-report", "--sessions", kept))
    (folder,) = kept.iterdir()
    verified = CliRunner().invoke(build(), ["replay", "--verify", str(folder), "--json"])
    assert verified.exit_code == 0, verified.output
    assert json.loads(verified.stdout)["journal_hash"] == out["journal_hashes"][0]


def test_sweep_list_compare_and_report_when_run_then_they_agree(world: Path) -> None:
    root = world / "swept"
    common = ("--config", world / "x.toml", "--results", root)
    done = dreammaker("sweep", *common, "--grid", "model.entry_threshold=1,0.1,2", "--json",
                      "--name", "three")
    assert "1 of 3 runs failed" in str(done.exception)
    found = json.loads(done.stdout)
    assert [run["status"] for run in found["runs"]] == ["done", "failed", "done"]
    listed = json.loads(good("list", "--results", root, "--json", "--sweep", "three"))
    assert [run["key"] for run in listed] == [run["key"] for run in found["runs"]]
    table = good("list", "--results", root)
    assert "2 trials" in table and "entry_threshold=2" in table and "failed: " in table
    keys = [run["key"] for run in listed if run["status"] == "done"]
    compared = json.loads(good("compare", *keys, "--results", root, "--json"))
    assert compared["differences"] == {"model.entry_threshold": [1.0, 2.0]}
    assert "model.entry_threshold" in good("compare", *(key[:8] for key in keys),
                                           "--results", root)
    assert compared["runs"][0]["sharpe"]["trials"] == 2
    text = good("report", keys[0], "--results", root, "--text")
    assert "2 trials" in text and "From paper to net" in text
    page = world / "again.html"
    good("report", keys[0][:6], "--results", root, "--out", page)
    assert "2 trials" in page.read_text(encoding="utf-8")

    (root / "index.sqlite").unlink()
    rebuilt = json.loads(good("list", "--results", root, "--json", "--rebuild"))
    assert sorted(run["key"] for run in rebuilt) == sorted(keys)


def test_walk_forward_when_run_then_fits_are_told(world: Path) -> None:
    out = json.loads(good("walk-forward", "--config", world / "x.toml", "--days", "3",
                          "--horizon", "2", "--results", world / "walk", "--json"))
    assert [fit["day"] for fit in out["fits"]] == ["2026-03-03", "2026-03-04"]
    assert all(fit["parameters"]["fitted"] for fit in out["fits"])
    page = (Path(out["folder"]) / "report.html").read_text(encoding="utf-8")
    assert "past days only" in page


@pytest.mark.parametrize(("arguments", "said"), [
    (("run", "--config", "nowhere.toml"), "nowhere.toml: no such file"),
    (("run", "--days", "0"), r"a number of days must be in \[1, 10000\], was 0"),
    (("run", "--days", "soon"), "days must be a number, YYYY-MM-DD.*was 'soon'"),
    (("run", "--days", "2026-03-05..2026-03-02"), "days must ascend"),
    (("run", "--days", "2026-03-02,2026-03-02"), "none of them twice"),
    (("run", "--symbol", "NONE", "--root", "empty"), "empty holds no day of NONE"),
    (("run", "--seed", "-1"), r"run\.seed"),
    (("run", "--set", "model.threshold=1"), "no key model.threshold.*entry_threshold"),
    (("run", "--set", "model.entry_threshold"), "must be SECTION.KEY=VALUE"),
    (("run", "--set", "model.entry_threshold=high"), r"model\.entry_threshold.*was 'high'"),
    (("run", "--set", "run.seed=1", "--set", "run.seed=2"), "--set run.seed was given twice"),
    (("sweep", "--grid", "model.entry_threshold"), "--grid must be SECTION.KEY=VALUE,VALUE"),
    (("sweep", "--grid", "run.seed=1,2", "--jobs", "0"), "--jobs must be 1 or more"),
    (("sweep", "--grid", "run.seed=1,1"), "run.seed has a value twice"),
    (("sweep", "--grid", "model.foo=1,2"), "no point of the grid can run.*no key model.foo"),
    (("run", "--results", "x.toml/results"), "no results can be written to x.toml"),
    (("walk-forward",), "needs more than 1 days to fit once, had 1"),
    (("walk-forward", "--train-days", "1", "--least-days", "2"), "least_days 2 exceeds"),
    (("compare", "a"), "compare needs two runs or more"),
    (("compare", "a", "b"), "no stored run is called 'a'"),
    (("report", "zzz"), "no stored run is called 'zzz'"),
])
def test_wrong_input_when_given_then_one_sentence_says_so(
        arguments: tuple[str, ...], said: str, tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "x.toml").touch()
    assert re.search(said, refused(*arguments))
    assert list(tmp_path.rglob("result.json")) == []


def test_run_when_interrupted_then_one_sentence_and_nothing_stored(
        world: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def interrupt(self: Backtest, *rest: object) -> None:
        raise KeyboardInterrupt

    root = world / "interrupted"
    monkeypatch.setattr(Backtest, "run", interrupt)
    monkeypatch.setattr("sys.argv", ["dreammaker", "backtest", "run", "--config",
                                     str(world / "x.toml"), "--results", str(root)])
    with pytest.raises(SystemExit) as stop:
        main()
    assert stop.value.code == 130
    assert capsys.readouterr().err.strip() == "interrupted; what was finished is kept"
    assert list(root.iterdir()) == []


@pytest.mark.parametrize("command", ["run", "sweep", "walk-forward", "list", "compare", "report"])
def test_help_when_asked_then_an_example(command: str) -> None:
    assert f"Example: dreammaker backtest {command}" in good(command, "--help")
