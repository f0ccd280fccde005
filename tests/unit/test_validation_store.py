"""Validations on disk: whole or absent, numbered, and refused when anything differs."""

import json
from pathlib import Path

import numpy as np
import pytest

from dreammaker.domain.errors import StoreError
from dreammaker.research.validation_store import (
    ARRAYS,
    VALUES,
    StoredValidation,
    ValidationStore,
    load_validation,
)

CONTENT = "ab12" * 16


def found(net: float = 1.5) -> StoredValidation:
    return StoredValidation(
        {"net": net, "unknown": None, "days": ["2026-03-02"]},
        {"days": np.array(["2026-03-02"], "datetime64[D]"), "net": np.array([[net, -0.0, np.nan]]),
         "side": np.array([1, -1], np.int8)})


def test_validation_when_saved_then_read_back_bit_for_bit(tmp_path: Path) -> None:
    store = ValidationStore(tmp_path)
    folder = store.save(CONTENT, found())
    assert folder == tmp_path / "validation" / CONTENT[:16] / "0001"
    back = store.last(CONTENT)
    assert back.values == found().values
    for name, array in found().arrays.items():
        assert back.arrays[name].dtype == array.dtype
        assert back.arrays[name].tobytes() == array.tobytes()
    assert sorted(path.name for path in folder.parent.iterdir()) == ["0001"]


def test_validation_when_saved_again_then_only_what_is_new_gets_a_number(tmp_path: Path) -> None:
    store = ValidationStore(tmp_path)
    first = store.save(CONTENT, found())
    assert store.save(CONTENT, found()) == first
    second = store.save(CONTENT, found(2.0))
    assert second.name == "0002" and store.last(CONTENT).values["net"] == 2.0
    # What was found before came back: it is the last one again, under a number of its own.
    assert store.save(CONTENT, found()).name == "0003"
    assert store.last(CONTENT).values["net"] == 1.5


def test_validation_when_another_run_took_the_number_then_the_next_one(tmp_path: Path) -> None:
    store = ValidationStore(tmp_path)
    first = store.save(CONTENT, found())
    (first.parent / "0002").write_text("in the way")
    assert store.save(CONTENT, found(2.0)).name == "0003"


def test_validation_when_there_is_none_then_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"no validation of the bundle ab12.* is stored"):
        ValidationStore(tmp_path).last(CONTENT)
    with pytest.raises(StoreError, match=r"validation\.json is missing"):
        load_validation(tmp_path)


def changed_version(folder: Path) -> None:
    values = json.loads((folder / VALUES).read_text())
    (folder / VALUES).write_text(json.dumps({**values, "version": 99}))


def changed_value(folder: Path) -> None:
    path = folder / VALUES
    path.write_text(path.read_text().replace("1.5", "9.5"))


def not_a_number(folder: Path) -> None:
    path = folder / VALUES
    path.write_text(path.read_text().replace("1.5", "NaN"))


def changed_array(folder: Path) -> None:
    data = bytearray((folder / ARRAYS).read_bytes())
    data[len(data) // 2] ^= 1
    (folder / ARRAYS).write_bytes(bytes(data))


@pytest.mark.parametrize(("damage", "text"), [
    (changed_version, "version 99 is not known"),
    (changed_value, r"validation\.json is damaged"),
    (not_a_number, r"validation\.json is damaged"),
    (changed_array, r"arrays\.npz is damaged"),
    (lambda folder: (folder / ARRAYS).unlink(), r"arrays\.npz cannot be read"),
    (lambda folder: (folder / VALUES).write_text("[]"), "it holds no object"),
    (lambda folder: (folder / VALUES).write_text("{"), "is damaged")])
def test_validation_when_changed_then_refused(damage, text: str, tmp_path: Path) -> None:
    store = ValidationStore(tmp_path)
    damage(store.save(CONTENT, found()))
    with pytest.raises(StoreError, match=text):
        store.last(CONTENT)


def test_store_when_the_folder_is_a_file_then_refused_before_work(tmp_path: Path) -> None:
    (tmp_path / "validation").write_text("a file")
    store = ValidationStore(tmp_path)
    with pytest.raises(StoreError, match="no validation can be written to"):
        store.prepare()
    with pytest.raises(StoreError, match="cannot be written"):
        store.save(CONTENT, found())


def test_validation_when_it_holds_an_object_then_not_written(tmp_path: Path) -> None:
    with pytest.raises(AssertionError):
        ValidationStore(tmp_path).save(CONTENT, StoredValidation({}, {"a": np.array([{}])}))
    assert not (tmp_path / "validation").exists()
