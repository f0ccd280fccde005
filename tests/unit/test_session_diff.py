"""The comparison of two session folders that stands behind the portability proof."""

import importlib.util
import shutil
from pathlib import Path
from types import ModuleType

import pytest

BUILD = Path(__file__).resolve().parents[2] / "build"


def load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"dm_build_{name}", BUILD / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def sessions(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("sessions")
    run = load("session_hash").session
    for name, seed, batch in (("one", 7, 4096), ("same", 7, 333), ("other", 8, 4096)):
        run(8.0, seed, batch, root / name)
    return {path.name: path for path in root.iterdir()}


def test_sessions_when_only_the_batch_size_differs_then_no_difference(
        sessions: dict[str, Path]) -> None:
    assert load("session_diff").differences(sessions["one"], sessions["same"]) == []


def test_sessions_when_seeds_differ_then_records_and_header_are_named(
        sessions: dict[str, Path]) -> None:
    found = load("session_diff").differences(sessions["one"], sessions["other"])
    for name in ("events.arrow", "decisions.arrow", "journal.arrow"):
        assert any(line.startswith(name) for line in found)
    assert "session.json: identity.config.run.seed is 7 against 8" in found


def test_sessions_when_one_bit_of_a_price_differs_then_its_record_is_named(
        sessions: dict[str, Path], tmp_path: Path) -> None:
    import pyarrow as pa

    folder = tmp_path / "changed"
    folder.mkdir()
    for file in sessions["one"].iterdir():
        shutil.copyfile(file, folder / file.name)
    with pa.ipc.open_stream(sessions["one"] / "decisions.arrow") as reader:
        table = reader.read_all()
    asks = table.column("ask_ticks").to_numpy().copy()
    asks[5] ^= 1
    place = table.column_names.index("ask_ticks")
    table = table.set_column(place, table.schema.field(place), pa.array(asks))
    with pa.ipc.new_stream(folder / "decisions.arrow", table.schema) as writer:
        writer.write_table(table)
    found = load("session_diff").differences(sessions["one"], folder)
    assert len(found) == 1
    assert found[0].startswith(
        f"decisions.arrow: ask_ticks differs in 1 of {len(asks)} records, first in record 5")
