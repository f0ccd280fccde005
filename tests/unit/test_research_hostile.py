"""What a careless or unlucky user does to the research bench, and what is left afterwards."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from dreammaker.app import training
from dreammaker.app.cli import build
from dreammaker.app.research_options import check_parent, source_of
from dreammaker.assembly.config import SystemConfig
from dreammaker.domain.errors import ConfigError, DreamMakerError, InputError, StoreError
from dreammaker.models.bundle_files import write_files
from dreammaker.reports.page import write_page
from dreammaker.research import trials
from dreammaker.research.crossval import CrossValidation
from dreammaker.research.label_rule import LabelRule
from dreammaker.research.noise import noise_samples
from dreammaker.research.sampling import Sampler
from dreammaker.research.trials import Trial, TrialLedger, holds_training
from dreammaker.research.workers import Workers
from dreammaker.store.eventlog import EventStore
from tests.unit.research_logs import quote_log

TRAINING = {"data": "d", "rule": {"horizon_s": 60.0}, "sampler": {"kind": "time"},
            "spec": {"trees": 3}, "cv": {"groups": 6}, "cost_points": 2.5}


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    mids = [52_001 + 2 * (step % 7) for step in range(300)]
    EventStore(tmp_path / "data").save(quote_log(mids, 4.0, 1_700_060_400))
    return tmp_path / "data"


@pytest.mark.parametrize(("values", "text"), [
    ((0, 1), "groups must be in"), ((10**20, 1), "groups must be in"),
    ((4, 0), "test groups must be 1 or more and below groups 4"), ((4, 4), "test groups"),
    ((4, 2, float("nan")), "embargo must be in"), ((4, 2, -1.0), "embargo must be in"),
    ((40, 20), "137,846,528,820 splits")])
def test_splits_when_asked_for_nonsense_then_one_sentence(values: Any, text: str) -> None:
    with pytest.raises(ConfigError, match=text):
        CrossValidation(*values)


def test_splits_when_fewer_rows_than_groups_then_it_says_so() -> None:
    with pytest.raises(InputError, match="40 rows cannot make 50 groups"):
        CrossValidation(50, 1).splitter(noise_samples(1, rows=40, days=2))


def test_jobs_when_more_than_any_machine_has_then_refused() -> None:
    with pytest.raises(ConfigError, match="jobs must be in"):
        Workers(10**20)
    with pytest.raises(ConfigError, match="--jobs"):
        training.workers_of(100_000, "")


def test_help_when_shown_then_no_word_is_taken_for_markup() -> None:
    shown = CliRunner().invoke(build(), ["validate", "--help"], env={"COLUMNS": "120"}).output
    assert "every limit of [gate]" in shown


def test_progress_when_days_are_read_then_in_bytes(archive: Path,
                                                   monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[tuple[int, int]] = []

    @contextmanager
    def bar(label: str, shown: bool = True) -> Iterator[Callable[[int, int], None]]:
        yield lambda done, total: told.append((done, total))

    monkeypatch.setattr(training, "byte_progress", bar)
    source = source_of("WIN", "", archive, None)
    rule = LabelRule(horizon_s=20.0, target_points=10.0, least_points=10.0)
    training.load_rows(source, Sampler(), rule, training.Settings(SystemConfig(), archive))
    log = EventStore(archive).open("WIN", source.days[0])
    assert told[-1] == (log.events.nbytes, log.events.nbytes)


@pytest.mark.parametrize("where", ["results", "out"])
def test_train_when_nothing_can_be_written_then_said_before_the_work(
        where: str, archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    places = {"results": tmp_path / "results", "out": tmp_path / "bundle"}
    places[where] = tmp_path / "file" / "below"

    def read(*_: Any, **__: Any) -> None:
        raise AssertionError("days were read")

    monkeypatch.setattr("dreammaker.app.commands.train.load_rows", read)
    done = CliRunner().invoke(build(), [
        "train", "WIN", "--root", str(archive), "--results", str(places["results"]), "--out",
        str(places["out"])])
    assert isinstance(done.exception, DreamMakerError)
    assert "cannot be" in str(done.exception) or "is a file" in str(done.exception)
    assert check_parent(tmp_path / "new" / "deeper") == tmp_path / "new" / "deeper"


def test_days_when_the_last_comes_first_then_said_so(archive: Path) -> None:
    with pytest.raises(ConfigError, match="first day first"):
        source_of("WIN", "2023-11-20..2023-11-10", archive, None)


def test_trials_when_read_again_then_only_new_lines_are_checked(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ledger, checked, whole = TrialLedger(tmp_path), [], trials._trial

    def counting(line: bytes, where: str) -> Trial:
        checked.append(where)
        return whole(line, where)

    monkeypatch.setattr(trials, "_trial", counting)
    for number in range(30):
        assert ledger.add(Trial("WIN", "tune", {"number": number}))
    # Another program adds one, and a crash leaves half of one.
    assert TrialLedger(tmp_path).add(Trial("WIN", "tune", {"number": 30}))
    with ledger.path.open("ab") as file:
        file.write(b'{"symbol": "WI')
    checked.clear()
    assert [trial.identity["number"] for trial in ledger.read("WIN")] == list(range(31))
    assert [where.rpartition(" ")[2] for where in checked] == ["30", "31"]
    assert not ledger.add(Trial("WIN", "tune", {"number": 4})) and len(checked) == 2


def test_trials_when_damaged_after_they_were_read_then_noticed(tmp_path: Path) -> None:
    ledger = TrialLedger(tmp_path)
    for number in range(3):
        ledger.add(Trial("WIN", "tune", {"number": number}))
    assert len(ledger.read()) == 3
    ledger.path.write_bytes(ledger.path.read_bytes().replace(b'"number": 1', b'"number": 7'))
    with pytest.raises(StoreError, match="line 2 is damaged"):
        ledger.read()
    ledger.path.unlink()
    assert ledger.read() == []


def test_training_when_another_list_counted_it_then_it_is_not_held(tmp_path: Path) -> None:
    ledger = TrialLedger(tmp_path)
    # A validation counts what it tries, but it is no proof of what was tried before.
    assert ledger.add(Trial("WIN", "validate", TRAINING))
    training_of = {**TRAINING, "rows": 500, "days": ["2026-03-02"]}
    assert not holds_training(ledger.read("WIN"), "WIN", training_of)
    assert not ledger.add(Trial("WIN", "validate", TRAINING))
    assert not ledger.add(Trial("WIN", "train", TRAINING))
    found = ledger.read("WIN")
    assert holds_training(found, "WIN", training_of) and len(found) == 1
    assert not holds_training(found, "WDO", training_of)


def test_manual_trials_when_mistyped_then_nothing_is_counted(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="at most 1,000,000,000,000"):
        TrialLedger(tmp_path).declare("WIN", 10**26, "a notebook")
    assert TrialLedger(tmp_path).read() == []
    done = CliRunner().invoke(build(), ["validate", str(tmp_path), "--note", "a notebook"])
    assert isinstance(done.exception, ConfigError) and "give both" in str(done.exception)


def test_page_when_the_disk_is_full_then_the_old_one_stays(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_page(tmp_path / "new" / "report.html", "old")
    whole = Path.write_text

    def half(self: Path, text: str, **words: Any) -> int:
        whole(self, text[:2], **words)
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", half)
    with pytest.raises(StoreError, match=r"cannot write .*report\.html: No space"):
        write_page(path, "a new one")
    assert path.read_text() == "old" and [each.name for each in path.parent.iterdir()] == [
        "report.html"]


def test_bundle_when_the_disk_is_full_then_its_place_stays_free(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = {"models/a.txt": b"tree", "models/b.txt": b"second tree"}
    whole = Path.write_bytes

    def full(self: Path, data: bytes) -> int:
        if self.name == "b.txt":
            raise OSError(28, "No space left on device")
        return whole(self, data)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", full)
        with pytest.raises(StoreError, match="No space left"):
            write_files(tmp_path / "bundle", {}, files, None)
    assert list(tmp_path.iterdir()) == []
    write_files(tmp_path / "bundle", {}, files, None)
    assert json.loads((tmp_path / "bundle" / "manifest.json").read_bytes())["files"].keys() == (
        files.keys())
    assert [each.name for each in tmp_path.iterdir()] == ["bundle"]
