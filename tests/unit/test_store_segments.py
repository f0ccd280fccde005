"""Arrow streams of packed records: whole batches survive, damage is said, cuts do not matter."""

import hashlib
import itertools
import random
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dreammaker.domain.errors import StoreError
from dreammaker.store.segments import (
    MemorySegment,
    SegmentReader,
    SegmentWriter,
    read_segment,
    record_bytes,
)

DTYPE = np.dtype([("a", "<i8"), ("b", "<f8", (3,)), ("c", "<u2"), ("d", "<i2")])


def some(count: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    records = np.zeros(count, DTYPE)
    records["a"] = rng.integers(-(2**62), 2**62, count)
    records["b"] = rng.normal(size=(count, 3))
    records["c"] = rng.integers(0, 2**16, count)
    records["b"][count // 2:, 1] = np.nan
    return records


def written(path: Path, records: np.ndarray, batch: int) -> Path:
    writer = SegmentWriter(path, DTYPE, batch)
    for start in range(0, len(records), batch):
        writer.append(records[start:start + batch])
    writer.close()
    return path


@pytest.mark.parametrize("count", [0, 1, 9, 10, 11, 100])
def test_records_when_written_then_read_back_bit_for_bit(tmp_path: Path, count: int) -> None:
    records = some(count)
    again = read_segment(written(tmp_path / "x.arrow", records, 10), DTYPE)
    assert again.tobytes() == records.tobytes()


@given(cuts=st.lists(st.integers(0, 60), max_size=8))
def test_chain_when_records_are_cut_anyhow_then_the_same(cuts: list[int]) -> None:
    records = some(60)
    sink = MemorySegment(DTYPE)
    edges = [0, *sorted(cuts), 60]
    for start, end in itertools.pairwise(edges):
        sink.append(records[start:end])
    assert sink.hexdigest() == hashlib.sha256(record_bytes(records)).hexdigest()
    assert sink.records.tobytes() == records.tobytes()


@pytest.mark.parametrize("batch", [1, 7, 1000])
def test_chain_when_file_batch_differs_then_as_in_memory(tmp_path: Path, batch: int) -> None:
    records, memory = some(60), MemorySegment(DTYPE)
    memory.append(records)
    writer = SegmentWriter(tmp_path / "x.arrow", DTYPE, batch)
    for record in records.reshape(-1, 5):
        writer.append(record)
    writer.close()
    assert writer.hexdigest() == memory.hexdigest()


def test_stream_when_cut_at_any_byte_then_whole_batches_or_an_error(tmp_path: Path) -> None:
    records = some(40)
    path = written(tmp_path / "x.arrow", records, 10)
    whole, seen = path.read_bytes(), set()
    for size in range(0, len(whole), 3):
        path.write_bytes(whole[:size])
        try:
            again = read_segment(path, DTYPE)
        except StoreError as error:
            # Before the schema is there, there is no stream.
            assert not seen, f"cut at {size}: {error}"
            continue
        seen.add(len(again))
        assert again.tobytes() == records[: len(again)].tobytes()
    assert seen == {0, 10, 20, 30, 40}


def test_stream_when_bits_flip_then_no_other_error_than_ours(tmp_path: Path) -> None:
    path = written(tmp_path / "x.arrow", some(40), 10)
    whole, generator, refused = path.read_bytes(), random.Random(4), 0
    for _ in range(400):
        damaged = bytearray(whole)
        damaged[generator.randrange(len(whole))] ^= 1 << generator.randrange(8)
        path.write_bytes(damaged)
        try:
            read_segment(path, DTYPE)
        except StoreError as error:
            refused += 1
            assert str(path) in str(error)
    assert refused > 20


def test_reader_when_missing_or_of_other_fields_then_said(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="is missing"):
        SegmentReader(tmp_path / "none.arrow", DTYPE)
    path = written(tmp_path / "x.arrow", some(3), 10)
    with pytest.raises(StoreError, match="holds other fields"):
        SegmentReader(path, np.dtype([("a", "<i8")]))


def test_writer_when_file_exists_then_refused(tmp_path: Path) -> None:
    path = written(tmp_path / "x.arrow", some(3), 10)
    with pytest.raises(StoreError, match="cannot create"):
        SegmentWriter(path, DTYPE)
