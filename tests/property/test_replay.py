"""A sealed session replays bit for bit, and no changed bit goes unnoticed (invariants 2 and 3)."""

import json
import os
import random
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from dreammaker.assembly.replay import verify_session
from dreammaker.assembly.session import Session
from dreammaker.assembly.sources import log_source, open_source
from dreammaker.domain.errors import StoreError
from dreammaker.domain.instrument import Instrument
from dreammaker.engine.loop import LoopCommand, LoopCounts
from dreammaker.store.eventlog import EventLog, EventStore
from dreammaker.store.session import SEALED_FILES, write_seal
from tests.end_to_end.sessions import QUOTES, array_session, quotes_log, run_folder, short_config

FLIPS = 40


@pytest.fixture(scope="module")
def sealed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sealed") / "session"
    session = run_folder(folder, short_config(10.0))
    assert session.context.ledger.fill_count > 10
    return folder


@pytest.fixture
def copy(sealed: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(sealed, tmp_path / "session"))


def test_session_when_untouched_then_clean(sealed: Path) -> None:
    found = verify_session(sealed)
    assert found.clean, found.problems
    assert found.journal_hash == json.loads((sealed / "summary.json").read_text())["journal_hash"]


@pytest.mark.parametrize("name", [*SEALED_FILES, "seal.json"])
def test_any_file_when_a_bit_is_flipped_then_found(copy: Path, name: str) -> None:
    path = copy / name
    whole = path.read_bytes()
    generator = random.Random(name)
    for _ in range(FLIPS):
        position, bit = generator.randrange(len(whole)), generator.randrange(8)
        damaged = bytearray(whole)
        damaged[position] ^= 1 << bit
        path.write_bytes(damaged)
        try:
            problems = verify_session(copy).problems
        except StoreError as error:
            problems = [str(error)]
        assert problems, f"{name}: bit {bit} of byte {position} flipped unnoticed"
        assert name in problems[0] and "\n" not in problems[0]


@pytest.mark.parametrize("name", SEALED_FILES)
def test_any_file_when_missing_or_cut_then_found(copy: Path, name: str) -> None:
    path = copy / name
    path.write_bytes(path.read_bytes()[:-1])
    assert verify_session(copy).problems == [
        f"{name} is not what was sealed (its SHA-256 differs)"]
    path.unlink()
    assert verify_session(copy).problems == [f"{name} is missing"]


def test_session_when_never_sealed_then_said(copy: Path) -> None:
    (copy / "seal.json").unlink()
    with pytest.raises(StoreError, match="never sealed: the session did not end in good order"):
        verify_session(copy)


def test_folder_when_no_session_then_said(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"session\.json is missing"):
        verify_session(tmp_path)
    with pytest.raises(StoreError, match="is no session folder"):
        verify_session(tmp_path / "absent")


def reseal(folder: Path) -> None:
    write_seal(folder, json.loads((folder / "seal.json").read_text())["chains"])


@pytest.mark.parametrize("name", ["header_version", "journal_version", "schema_version"])
def test_header_when_of_unknown_version_then_refused(copy: Path, name: str) -> None:
    header = json.loads((copy / "session.json").read_text())
    header["identity"][name] = 99
    (copy / "session.json").write_text(json.dumps(header))
    reseal(copy)
    with pytest.raises(StoreError, match=f"{name} 99 is not known to this program"):
        verify_session(copy)


def test_session_when_a_record_was_forged_under_a_new_seal_then_found(copy: Path) -> None:
    # The seal can be written again by anybody; the run cannot be argued with.
    other = copy.parent / "other"
    run_folder(other, short_config(10.0, seed=2))
    shutil.copy(other / "journal.arrow", copy / "journal.arrow")
    reseal(copy)
    assert any("journal record" in problem for problem in verify_session(copy).problems)


class Interrupt:
    """Gives a command after some batches."""

    def __init__(self, session: Session, command: LoopCommand, batch: int) -> None:
        self.session, self.command, self.batch = session, command, batch

    def __call__(self, counts: LoopCounts, now_ns: int) -> None:
        if counts.batches == self.batch:
            self.session.loop.commands.append(self.command)


@pytest.mark.parametrize("command", list(LoopCommand))
@pytest.mark.parametrize(("size", "batch"), [(500, 60), (333, 80), (4096, 7)])
def test_interrupted_session_when_run_again_then_clean(
        tmp_path: Path, command: LoopCommand, size: int, batch: int) -> None:
    config = short_config(4.0, batch_events=size)
    session = Session(config, open_source(config), tmp_path)
    session.run(Interrupt(session, command, batch))
    counts = session.loop.counts
    assert counts.commands == 1
    assert session.context.ledger.order_count > 0
    if command is LoopCommand.KILL:
        assert session.context.ledger.position.lots == 0
    found = verify_session(tmp_path)
    assert found.clean, found.problems


def test_archived_day_when_interrupted_then_run_again_clean(tmp_path: Path) -> None:
    log = EventLog.of(quotes_log(1), Instrument.win("WINJ26"), QUOTES)
    store = EventStore(tmp_path / "data")
    store.save(log)
    day = store.days("WINJ26")[0]
    config = short_config(batch_events=500, data={"root": str(tmp_path / "data")},
                          backtest={"symbol": "WINJ26"}, run={"mode": "replay"})
    folder = tmp_path / "session"
    folder.mkdir()
    session = Session(config, log_source(store.open("WINJ26", day), config.instrument, day),
                      folder)
    session.run(Interrupt(session, LoopCommand.STOP, 9))
    assert session.journal.event_count < len(log.events)
    found = verify_session(folder, tmp_path / "data")
    assert found.clean, found.problems


def journal_hash(seed: int, **environment: str) -> str:
    code = ("from tests.end_to_end.sessions import short_config\n"
            "from dreammaker.assembly.session import Session\n"
            "from dreammaker.assembly.sources import open_source\n"
            f"config = short_config(3.0, seed={seed})\n"
            "result = Session(config, open_source(config)).run()\n"
            "assert result.summary['fills'] > 0\n"
            "print(result.digests['journal'])\n")
    return subprocess.run([sys.executable, "-c", code], check=True, capture_output=True,
                          text=True, env={**os.environ, **environment}).stdout.strip()


def test_journal_hash_when_same_seed_then_same_in_any_process_and_processor() -> None:
    plain = journal_hash(5)
    assert journal_hash(5, PYTHONHASHSEED="77") == plain
    masked = "-AVX2,-AVX2_Usable,-FMA,-FMA_Usable,-AVX512F,-AVX512F_Usable,-ERMS"
    assert journal_hash(5, GLIBC_TUNABLES=f"glibc.cpu.hwcaps={masked}",
                        NPY_DISABLE_CPU_FEATURES="AVX2 FMA3 AVX512F") == plain
    assert journal_hash(6) != plain


def test_log_in_memory_when_run_twice_then_same_hash() -> None:
    hashes = {array_session(quotes_log(1), QUOTES, short_config()).run().digests["journal"]
              for _ in range(2)}
    assert len(hashes) == 1
