"""From exported days to a verdict: a planted edge may be traded, the same days without it not."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from dreammaker.app.cli import build
from dreammaker.app.toml_text import to_toml
from dreammaker.domain.errors import StoreError, VerificationError
from dreammaker.models.bundle import ModelBundle
from dreammaker.research import gate
from tests.end_to_end.planted_days import MINUTES, SESSIONS, SYMBOL, days, write_days

ROWS = ["--sample", "time:10", "--target", "50"]
FITS = ["--no-meta", "--groups", "4", "--test-groups", "1"]


def call(*words: Any) -> dict[str, Any]:
    """A command's JSON."""
    done = CliRunner().invoke(build(), [*map(str, words), "--json"])
    if done.exception is not None:
        raise done.exception
    found: dict[str, Any] = json.loads(done.stdout)
    return found


class Desk:
    """An archive, its results and a bundle, made by commands."""

    def __init__(self, folder: Path, *, edge: bool) -> None:
        folder.mkdir()
        self.data, self.results, self.bundle = (folder / name for name in ("d", "r", "bundle"))
        places = ["--root", self.data, "--results", self.results]
        found = call("import", write_days(folder / "ticks.csv", edge=edge), "--symbol", SYMBOL,
                     "--root", self.data)
        assert len(found["days"]) == SESSIONS
        labels = call("label", SYMBOL, "--out", folder / "l.parquet", "--root", self.data, *ROWS)
        assert labels["rows"] > SESSIONS * MINUTES * 5
        self.tuned = call("tune", SYMBOL, *places, *ROWS, *FITS, "--trials", "2")
        call("train", SYMBOL, "--out", self.bundle, *places, *ROWS, *FITS, "--trees", "20",
             "--leaves", "7")

    def validate(self, *words: Any) -> dict[str, Any]:
        return call("validate", self.bundle, "--root", self.data, "--results", self.results,
                    "--no-report", *words)

    def is_tradable(self) -> bool:
        return ModelBundle.load(self.bundle).verdict is not None


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    return Desk(tmp_path_factory.mktemp("planted") / "desk", edge=True)


def test_gate_when_the_days_hold_an_edge_then_the_bundle_is_tradable_and_trades(
        planted: Desk, tmp_path: Path) -> None:
    found = planted.validate("--gate")
    assert found["tradable"] and found["reasons"] == [] and found["trials"] == 3
    assert found["sessions"] == SESSIONS and found["pbo"] < 0.05 and found["dsr"] > 0.95
    bundle = ModelBundle.load(planted.bundle)
    assert bundle.require_tradable(paper_sessions=10) == []
    config = tmp_path / "run.toml"
    config.write_text(to_toml({
        "run": {"mode": "replay", "sessions_root": str(tmp_path / "sessions")},
        "data": {"root": str(planted.data)},
        "backtest": {"symbol": SYMBOL, "day": days()[-1].isoformat()},
        "model": {"bundle": str(planted.bundle), "decision_interval_s": 10.0,
                  "voters": ["spread"]}}))
    summary = call("run", "--config", config, "--no-report")
    assert summary["fills"] >= 6 and summary["net_micros"] > 0
    header = json.loads((Path(summary["folder"]) / "session.json").read_text())
    assert header["identity"]["model_bundle"] == bundle.content
    assert header["admission"]["reasons"] == []
    assert call("replay", "--verify", summary["folder"])["clean"]


def test_gate_when_the_edge_is_shuffled_out_then_not(tmp_path: Path) -> None:
    desk = Desk(tmp_path / "desk", edge=False)
    with pytest.raises(VerificationError, match=r"PBO: 0\..*DSR: .*lower bound"):
        desk.validate("--gate")
    assert not desk.is_tradable()
    # One trial that merely loses less is best on every half, which PBO among trials takes for an
    # edge; a coin did no worse.
    found = desk.validate()
    assert found["net"] < 0.0 and found["pbo_among_trials"] < 0.2 < found["pbo"]


def test_gate_when_anything_fails_on_the_way_then_the_mark_is_gone(
        planted: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    ledger = planted.results / "trials.jsonl"
    counted = ledger.read_bytes()
    planted.validate("--gate")
    assert planted.is_tradable()

    # Without --gate nothing is touched.
    with pytest.raises(StoreError, match="WINJ26 on 2020-01-02"):
        planted.validate("--days", "2020-01-02,2020-01-03")
    assert planted.is_tradable()
    # The days are not in the archive.
    with pytest.raises(StoreError):
        planted.validate("--gate", "--days", "2020-01-02,2020-01-03")
    assert not planted.is_tradable()

    # The list of trials is damaged.
    planted.validate("--gate")
    ledger.write_bytes(counted.replace(b'"count": 1', b'"count": 0', 1))
    with pytest.raises(StoreError, match="does not match its own check"):
        planted.validate("--gate")
    assert not planted.is_tradable()
    ledger.write_bytes(counted)

    # The trial cannot be counted.
    planted.validate("--gate")
    monkeypatch.setattr("dreammaker.research.trials.TrialLedger.add", _full)
    with pytest.raises(StoreError, match="disk is full"):
        planted.validate("--gate")
    assert not planted.is_tradable()
    monkeypatch.undo()

    # The program ends between the verdict and the mark; a half mark says nothing.
    def ended(*_: object) -> None:
        (planted.bundle / gate.GATE_PART).write_bytes(b'{"content": ')
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(ModelBundle, "mark_tradable", ended)
        CliRunner().invoke(build(), ["validate", str(planted.bundle), "--gate", "--no-report",
                                     "--root", str(planted.data), "--results",
                                     str(planted.results)])
    assert (planted.bundle / gate.GATE_PART).exists() and not planted.is_tradable()
    assert planted.validate("--gate")["tradable"] and planted.is_tradable()
    assert not (planted.bundle / gate.GATE_PART).exists()


def test_gate_when_the_trials_were_counted_elsewhere_then_not_tradable(
        planted: Desk, tmp_path: Path) -> None:
    # Limits that one trial can meet: what is missing is only where the others were counted.
    limits = tmp_path / "lax.toml"
    limits.write_text("[gate]\nmax_pbo = 1.0\n")
    places = ["--root", planted.data, "--results", tmp_path / "other", "--config", limits]
    for _ in range(2):
        with pytest.raises(VerificationError, match="does not hold this bundle's training"):
            call("validate", planted.bundle, *places, "--gate", "--no-report")
        assert not planted.is_tradable()
    again = planted.validate("--gate")
    assert again["tradable"] and planted.is_tradable()
    assert again["trials_file"] == str(planted.results.resolve() / "trials.jsonl")
    page = CliRunner().invoke(build(), ["report", str(planted.bundle), "--results",
                                        str(planted.results), "--out", str(tmp_path / "p.html")])
    assert page.exit_code == 0
    assert again["trials_file"] in (tmp_path / "p.html").read_text(encoding="utf-8")
    assert call("inspect", planted.bundle)["laxer_limits"] == []
    planted.validate("--gate", "--config", limits)
    shown = CliRunner().invoke(build(), ["inspect", str(planted.bundle)]).stdout
    assert "yes, by limits laxer than usual: max_pbo 1 instead of 0.2" in shown
    planted.validate("--gate")


def _full(*_: object) -> bool:
    raise StoreError("the disk is full")
