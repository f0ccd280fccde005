"""Journal and session folder."""

import json
from pathlib import Path

import numpy as np
import pytest

from dreammaker.domain.errors import StoreError
from dreammaker.store.journal import DECISION_DTYPE, JOURNAL_DTYPE, Entry, Journal, canonical_hash
from dreammaker.store.segments import MemorySegment, read_segment
from dreammaker.store.session import (
    create_session_folder,
    damaged_files,
    read_json,
    read_seal,
    write_json,
    write_seal,
)

# A NaN with a payload, as some processors make it.
ODD_NAN = float(np.array([0xFFF8_0000_0000_0001], np.uint64).view(np.float64)[0])


def fill(journal: Journal) -> None:
    features = np.full(27, np.nan)
    for item in range(5000):
        journal.write(Entry.DECISION, item, item, a=ODD_NAN, b=1.5, side=-1, code=52)
        if item % 10 == 0:
            journal.decision_row(item, item, item, 26_000, 26_001, features)


def test_journal_when_on_disk_then_records_and_hash_as_in_memory(tmp_path: Path) -> None:
    memory, disk = Journal(), Journal(tmp_path)
    for journal in (memory, disk):
        fill(journal)
        journal.close()
    assert memory.digests({"x": 1}) == disk.digests({"x": 1})
    assert memory.digests({"x": 1})["journal"] != memory.digests({"x": 2})["journal"]
    assert isinstance(memory.entries, MemorySegment)
    entries = read_segment(tmp_path / "journal.arrow", JOURNAL_DTYPE)
    assert entries.tobytes() == memory.entries.records.tobytes()
    assert entries["item"].tolist() == list(range(5000)) and memory.item_count == 5000
    assert len(read_segment(tmp_path / "decisions.arrow", DECISION_DTYPE)) == 500


def test_journal_when_nan_has_odd_bits_then_canonical() -> None:
    journal = Journal()
    fill(journal)
    assert isinstance(journal.entries, MemorySegment)
    assert set(journal.entries.records["a"].view(np.uint64).tolist()) == {0x7FF8 << 48}


def test_hash_when_keys_are_in_other_order_then_the_same() -> None:
    assert canonical_hash({"a": 1, "b": 2}) == canonical_hash({"b": 2, "a": 1})
    with pytest.raises(ValueError, match="not JSON compliant"):
        canonical_hash({"a": float("nan")})


def test_folder_when_name_is_taken_then_numbered(tmp_path: Path) -> None:
    names = [create_session_folder(tmp_path / "new", "x").name for _ in range(3)]
    assert names == ["x", "x-2", "x-3"]


def test_folder_when_root_is_a_file_then_said(tmp_path: Path) -> None:
    (tmp_path / "root").write_text("")
    with pytest.raises(StoreError, match="cannot create a session folder in"):
        create_session_folder(tmp_path / "root", "x")
    with pytest.raises(StoreError, match="cannot create a session folder in"):
        create_session_folder(tmp_path / "root" / "below", "x")


@pytest.mark.parametrize(("text", "problem"), [
    ("{", "is damaged"), ("[]", "holds no object"), ("[" * 100_000, "is damaged")])
def test_json_when_damaged_then_said(tmp_path: Path, text: str, problem: str) -> None:
    path = tmp_path / "x.json"
    path.write_text(text)
    with pytest.raises(StoreError, match=problem):
        read_json(path)


def test_json_when_written_then_no_partial_file_is_left(tmp_path: Path) -> None:
    write_json(tmp_path / "x.json", {"b": 1, "a": [1.5]})
    assert [file.name for file in tmp_path.iterdir()] == ["x.json"]
    assert read_json(tmp_path / "x.json") == {"a": [1.5], "b": 1}
    with pytest.raises(StoreError, match="cannot write"):
        write_json(tmp_path / "none" / "x.json", {})


def test_seal_when_any_bit_of_it_flips_then_found(tmp_path: Path) -> None:
    write_json(tmp_path / "session.json", {"a": 1})
    write_seal(tmp_path, {"event_count": 10, "journal": "abc"})
    assert damaged_files(tmp_path) == []
    path = tmp_path / "seal.json"
    whole = path.read_bytes()
    for position in range(len(whole)):
        for bit in range(8):
            damaged = bytearray(whole)
            damaged[position] ^= 1 << bit
            path.write_bytes(damaged)
            with pytest.raises(StoreError, match="is damaged"):
                read_seal(tmp_path)
    path.write_bytes(whole.replace(b" ", b"  ", 1))
    with pytest.raises(StoreError, match="is damaged"):
        read_seal(tmp_path)
    seal = json.loads(whole)
    seal["more"] = float("nan")
    path.write_text(json.dumps(seal))
    with pytest.raises(StoreError, match="is damaged"):
        read_seal(tmp_path)
