"""The mark: gone before anything is judged, back only when all was met, for this bundle alone."""

import shutil
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from dreammaker.domain.errors import StoreError, VerificationError
from dreammaker.models.bundle import ModelBundle
from dreammaker.models.gate import Evidence, GateConfig, judge
from dreammaker.research.gate import pass_through, withdraw
from tests.unit.bundle_scenes import saved

GOOD = Evidence(0.1, 0.97, 5.0, 9.0, 60, 4, 0.5)


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("bundle")
    saved(path / "one", members=("lightgbm",), meta=False)
    saved(path / "two", members=("lightgbm",), meta=False, name="other")
    return path


@pytest.fixture
def folder(kept: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(kept / "one", tmp_path / "one"))


def found(bundle: ModelBundle, evidence: Evidence = GOOD, limits: GateConfig | None = None) -> Any:
    return SimpleNamespace(verdict=judge(bundle.content, evidence, limits))


def test_gate_when_passed_then_marked_and_when_not_then_the_mark_goes(folder: Path) -> None:
    bundle = ModelBundle.load(folder)
    assert pass_through(bundle, folder, found(bundle))
    assert ModelBundle.load(folder).verdict is not None
    assert not pass_through(bundle, folder, found(bundle, replace(GOOD, dsr=0.5)))
    assert ModelBundle.load(folder).verdict is None


def test_gate_when_the_verdict_does_not_follow_from_its_evidence_then_not_marked(folder: Path
                                                                                 ) -> None:
    bundle = ModelBundle.load(folder)
    forged = replace(judge(bundle.content, replace(GOOD, pbo=0.9)), tradable=True, reasons=())
    assert not pass_through(bundle, folder, SimpleNamespace(verdict=forged))  # type: ignore[arg-type]
    assert ModelBundle.load(folder).verdict is None


def test_gate_when_another_bundle_was_judged_or_lies_there_now_then_refused(
        folder: Path, kept: Path) -> None:
    bundle, other = ModelBundle.load(folder), ModelBundle.load(kept / "two")
    with pytest.raises(VerificationError, match="the validation is of bundle"):
        pass_through(bundle, folder, found(other))
    shutil.rmtree(folder)
    shutil.copytree(kept / "two", folder)
    with pytest.raises(VerificationError, match="not marked"):
        pass_through(bundle, folder, found(bundle))
    assert ModelBundle.load(folder).verdict is None
    # A mark that was carried over from another bundle is no mark.
    pass_through(other, folder, found(other))
    shutil.copy(folder / "gate.json", kept / "one" / "gate.json")
    with pytest.raises(StoreError, match="speaks of another content"):
        ModelBundle.load(kept / "one")
    withdraw(kept / "one")
    assert ModelBundle.load(kept / "one").verdict is None


def test_gate_when_the_disk_refuses_then_an_error_and_no_mark(
        folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bundle = ModelBundle.load(folder)

    def refused(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as patched:
        patched.setattr(Path, "replace", refused)
        with pytest.raises(StoreError, match="cannot be written: Permission denied"):
            pass_through(bundle, folder, found(bundle))
    assert ModelBundle.load(folder).verdict is None
    pass_through(bundle, folder, found(bundle))
    # A mark that cannot be removed is told of, and nothing else is done.
    with monkeypatch.context() as patched:
        patched.setattr(Path, "unlink", refused)
        with pytest.raises(StoreError, match="keeps its mark: Permission denied"):
            pass_through(bundle, folder, found(bundle, replace(GOOD, dsr=0.5)))


def test_withdraw_when_the_folder_is_no_bundle_then_left_alone(tmp_path: Path) -> None:
    (tmp_path / "gate.json").write_text("mine")
    withdraw(tmp_path)
    withdraw(tmp_path / "none")
    assert (tmp_path / "gate.json").read_text() == "mine"


def test_live_when_the_mark_is_of_the_first_version_then_validate_again(folder: Path) -> None:
    bundle = ModelBundle.load(folder)
    old = {**judge(bundle.content, GOOD).to_dict(), "version": 1}
    bundle.mark_tradable(folder, old)
    with pytest.raises(StoreError, match="run validate --gate again"):
        ModelBundle.load(folder).require_tradable(paper_sessions=10)
