"""``dreammaker risk``: the state between runs, by the program's own command line."""

import json
from pathlib import Path

from typer.testing import CliRunner

from dreammaker.app.cli import build
from dreammaker.domain.errors import StoreError
from dreammaker.domain.orders import Reason
from dreammaker.store.risk_file import HALTED, KILLED, NORMAL, RiskFile, RiskStart, read_risk_file


def left(path: Path, state: int, reason: Reason) -> None:
    file = RiskFile(path, "2026-03-02")
    file.save(RiskStart(state, int(reason), (int(reason),), net_micros=-1_500_000, lots=2),
              is_running=False)
    file.close()


def test_state_when_halted_then_shown_and_rearmed(tmp_path: Path) -> None:
    path = tmp_path / "risk.sqlite"
    left(path, HALTED, Reason.DRAWDOWN)
    shown = CliRunner().invoke(build(), ["risk", "show", str(path), "--json"])
    assert shown.exit_code == 0
    values = json.loads(shown.stdout)
    assert (values["state"], values["reason"], values["net"]) == ("HALTED", "DRAWDOWN", -1.5)
    plain = CliRunner().invoke(build(), ["risk", "show", str(path)])
    assert "HALTED" in plain.stdout
    done = CliRunner().invoke(build(), ["risk", "rearm", str(path)])
    assert done.exit_code == 0
    assert read_risk_file(path)[0].state == NORMAL


def test_state_when_killed_then_not_rearmed(tmp_path: Path) -> None:
    path = tmp_path / "risk.sqlite"
    left(path, KILLED, Reason.DAILY_LOSS)
    done = CliRunner().invoke(build(), ["risk", "rearm", str(path)])
    assert isinstance(done.exception, StoreError)
    assert "cannot be re-armed" in str(done.exception)


def test_state_when_there_is_no_file_then_said(tmp_path: Path) -> None:
    done = CliRunner().invoke(build(), ["risk", "show", str(tmp_path / "none.sqlite")])
    assert isinstance(done.exception, StoreError)
    assert not (tmp_path / "none.sqlite").exists()
