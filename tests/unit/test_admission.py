"""Real money is traded only by a model that the gate has passed, or by an override that shows."""

import json
import shutil
from pathlib import Path
from typing import Any, get_args, get_type_hints

import pytest
from typer.testing import CliRunner

from dreammaker.app.cli import build
from dreammaker.app.session_run import admission_lines
from dreammaker.app.toml_text import to_toml
from dreammaker.assembly import admission
from dreammaker.assembly.admission import MODES, Mode, judged, paper_sessions
from dreammaker.assembly.config import RunConfig, config_values
from dreammaker.assembly.model_set import read_bundle
from dreammaker.assembly.replay import verify_session
from dreammaker.assembly.session import Session
from dreammaker.assembly.sources import open_source
from dreammaker.domain.errors import ConfigError, VerificationError
from dreammaker.models.bundle import ModelBundle
from dreammaker.models.decision_clock import sampler_of
from dreammaker.models.gate import Evidence, judge
from dreammaker.reports.session import write_session_report
from dreammaker.store.journal import JOURNAL_DTYPE, Entry
from dreammaker.store.segments import read_segment
from tests.end_to_end.sessions import run_folder, short_config
from tests.unit.bundle_scenes import saved

GOOD = Evidence(0.1, 0.97, 5.0, 9.0, 60, 4, 0.5)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("bundle") / "bundle"
    saved(path, members=("lightgbm",), meta=False,
          sampler=sampler_of(short_config(1.0).model))
    return path


@pytest.fixture
def bundle(folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(folder, tmp_path / "bundle"))


@pytest.fixture
def real(monkeypatch: pytest.MonkeyPatch) -> None:
    """The generated market stands for one where orders cost money."""
    monkeypatch.setitem(MODES, "simulated", Mode(real_money=True))


@pytest.fixture
def paper(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(MODES, "simulated", Mode(real_money=False, is_paper=True))


def settings(bundle: Path | str, root: Path, day: str = "2026-03-02", **sections: Any) -> Any:
    model = {"bundle": str(bundle), **sections.pop("model", {})}
    return short_config(2.0, run={"sessions_root": str(root), "day": day}, model=model, **sections)


def mark(bundle: Path) -> None:
    loaded = ModelBundle.load(bundle)
    loaded.mark_tradable(bundle, judge(loaded.content, GOOD).to_dict())


def test_modes_when_a_configuration_can_choose_one_then_it_says_whether_money_is_at_stake() -> None:
    chosen = get_args(get_type_hints(RunConfig)["mode"])
    assert set(chosen) <= set(MODES) and len(chosen) >= 2
    assert [name for name, mode in MODES.items() if mode.real_money] == ["live"]
    assert [name for name, mode in MODES.items() if mode.is_paper] == ["paper"]


def test_session_when_its_mode_is_not_in_the_table_then_refused(
        monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delitem(admission.MODES, "simulated")
    config = settings("", tmp_path)
    with pytest.raises(ConfigError, match="does not say whether it trades real money"):
        Session(config, open_source(config))


def test_session_when_real_money_and_no_verdict_then_refused_before_anything_is_opened(
        real: None, bundle: Path, tmp_path: Path) -> None:
    state = tmp_path / "risk.sqlite"
    config = settings(bundle, tmp_path, risk={"state_file": str(state)})
    (tmp_path / "one").mkdir()
    with pytest.raises(VerificationError, match="may not trade real money: the bundle has no "
                       "verdict") as caught:
        Session(config, open_source(config), tmp_path / "one")
    assert caught.value.exit_code == 4
    assert not state.exists() and not any((tmp_path / "one").iterdir())
    # The baseline has been before no gate either.
    config = settings("", tmp_path)
    with pytest.raises(VerificationError, match="no trained model decides"):
        Session(config, open_source(config))


def test_session_when_overridden_then_header_journal_console_and_report_say_so(
        real: None, bundle: Path, tmp_path: Path) -> None:
    config = settings(bundle, tmp_path, model={"trade_untradable": True})
    session = run_folder(tmp_path / "one", config)
    reasons = session.header["model_override"]
    assert session.admission.overridden and "no verdict" in reasons[0]
    assert "warning: the gate is overridden" in admission_lines(session.admission)[0]
    journal = read_segment(tmp_path / "one" / "journal.arrow", JOURNAL_DTYPE)
    assert journal["kind"][0] == Entry.OVERRIDE and journal["code"][0] == len(reasons)
    page = write_session_report(tmp_path / "one").read_text(encoding="utf-8")
    assert "The gate was overridden" in page and "the bundle has no verdict" in page
    found = verify_session(tmp_path / "one")
    assert found.problems == []
    # The same session without the override has another identity.
    text = (tmp_path / "one" / "session.json").read_text()
    assert json.loads(text)["admission"]["overridden"] is True


def test_session_when_no_money_is_at_stake_then_it_runs_and_says_that_it_is_not_tradable(
        bundle: Path, tmp_path: Path) -> None:
    session = run_folder(tmp_path / "one", settings(bundle, tmp_path))
    assert not session.admission.overridden and "model_override" not in session.header
    assert "not tradable: the bundle has no verdict" in admission_lines(session.admission)[0]
    page = write_session_report(tmp_path / "one").read_text(encoding="utf-8")
    assert "no: the bundle has no verdict" in page and "gate was overridden" not in page
    # Marked meanwhile, it still verifies: the mark is no part of what the session was.
    mark(bundle)
    assert verify_session(tmp_path / "one").problems == []
    config = settings(bundle, tmp_path)
    assert admission_lines(Session(config, open_source(config)).admission) == [
        f"model {session.models.bundle[:16]}: tradable"]


def test_paper_when_ten_sessions_are_of_one_day_then_one(paper: None, bundle: Path,
                                                         tmp_path: Path) -> None:
    root = tmp_path / "sessions"
    content = run_folder(root / "one", settings(bundle, root)).models.bundle
    run_folder(root / "two", settings(bundle, root, "2026-03-03"))
    run_folder(root / "baseline", settings("", root, "2026-03-04"))
    for number in range(3):
        shutil.copytree(root / "one", root / f"again-{number}")
    assert paper_sessions(root, content) == 2
    assert paper_sessions(root, "0" * 64) == paper_sessions(tmp_path / "none", content) == 0
    # What did not end in good order, or is not what was sealed, does not count.
    (root / "two" / "seal.json").rename(root / "two" / "kept")
    assert paper_sessions(root, content) == 1
    (root / "two" / "kept").rename(root / "two" / "seal.json")
    header = root / "two" / "session.json"
    header.write_text(header.read_text().replace("2026-03-03", "2026-03-05"))
    assert paper_sessions(root, content) == 1
    (root / "two" / "session.json").write_text("{")
    assert paper_sessions(root, content) == 1


def test_session_when_real_money_and_everything_is_met_then_admitted(
        paper: None, bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = tmp_path / "sessions"
    mark(bundle)
    run_folder(root / "one", settings(bundle, root))
    monkeypatch.setitem(MODES, "live-like", Mode(real_money=True))
    lax = settings(bundle, root, gate={"min_paper_sessions": 1})
    found = judged(lax, read_bundle(lax), MODES["live-like"])
    assert (found.reasons, found.paper_sessions) == ((), 1)
    assert found.laxer_limits == ("min_paper_sessions 1 instead of 10",)
    assert admission_lines(found)[0].endswith(
        "tradable, by laxer limits: min_paper_sessions 1 instead of 10")
    usual = settings(bundle, root)
    assert judged(usual, read_bundle(usual), MODES["live-like"]).reasons == (
        "paper sessions: 1, must be at least 10",)
    # Stricter limits of the session than those of the verdict count.
    strict = settings(bundle, root, gate={"min_dsr": 0.99, "min_paper_sessions": 0})
    assert "DSR" in judged(strict, read_bundle(strict), MODES["live-like"]).reasons[0]


def test_check_when_a_bundle_is_named_then_it_says_whether_it_may_trade(bundle: Path,
                                                                        tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(to_toml(config_values(settings(bundle, tmp_path))))
    words = CliRunner().invoke(build(), ["config", "check", str(path)]).stdout
    assert "is a valid configuration" in words and "may not trade real money" in words
    assert "the bundle has no verdict" in words
    mark(bundle)
    words = CliRunner().invoke(build(), ["config", "check", str(path)]).stdout
    assert "  paper sessions: 0, must be at least 10" in words
