"""Stored results: written once and whole, found damaged where they are, indexed again."""

import json
import shutil
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from dreammaker.backtest import Backtest, BacktestResult, tables_on_disk
from dreammaker.backtest.store import INDEX_FILE, ResultStore
from dreammaker.domain.errors import StoreError


@pytest.fixture(scope="module")
def results() -> list[BacktestResult]:
    return [Backtest({"simulation": {"session_minutes": 1.0}}, changes={"run.seed": seed},
                     name=f"seed {seed}").run() for seed in (1, 2)]


@pytest.fixture
def store(results: list[BacktestResult], tmp_path: Path) -> ResultStore:
    store = ResultStore(tmp_path / "results")
    for result in results:
        store.add(result)
    return store


def names(root: Path) -> list[str]:
    return sorted(path.name for path in root.iterdir() if not path.name.startswith(INDEX_FILE))


def test_result_when_many_store_it_at_once_then_one_is_kept_whole(
        results: list[BacktestResult], tmp_path: Path) -> None:
    store, failures = ResultStore(tmp_path), []
    gate = threading.Barrier(8)

    def put() -> None:
        gate.wait()
        try:
            store.put(results[0])
        except StoreError as error:
            failures.append(str(error))

    threads = [threading.Thread(target=put) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert names(tmp_path) == [results[0].key]
    assert store.read(results[0].key).summary == results[0].summary


def test_result_when_writing_is_interrupted_then_nothing_is_left(
        results: list[BacktestResult], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(path: Path) -> str:
        raise KeyboardInterrupt

    monkeypatch.setattr(tables_on_disk, "file_sha256", interrupt)
    with pytest.raises(KeyboardInterrupt):
        ResultStore(tmp_path).put(results[0])
    assert names(tmp_path) == []


def spoil_json(folder: Path) -> None:
    (folder / "result.json").write_text("{", encoding="utf-8")


def change_a_figure(folder: Path) -> None:
    stored = json.loads((folder / "result.json").read_text(encoding="utf-8"))
    stored["header"]["decisions"]["decided"] = 10**6
    (folder / "result.json").write_text(json.dumps(stored), encoding="utf-8")


def forget_the_instrument(folder: Path) -> None:
    stored = json.loads((folder / "result.json").read_text(encoding="utf-8"))
    del stored["header"]["instrument"]
    (folder / "result.json").write_text(json.dumps(stored), encoding="utf-8")


def empty(folder: Path) -> None:
    (folder / "result.json").write_text("{}", encoding="utf-8")


def cut_a_table(folder: Path) -> None:
    content = (folder / "fills.parquet").read_bytes()
    (folder / "fills.parquet").write_bytes(content[:len(content) // 2])


def exchange_tables(folder: Path) -> None:
    shutil.copy(folder / "hours.parquet", folder / "fills.parquet")


def lose_a_table(folder: Path) -> None:
    (folder / "orders.parquet").unlink()


@pytest.mark.parametrize(("spoil", "said"), [
    (spoil_json, "result.json is damaged"), (change_a_figure, "result.json is damaged"),
    (forget_the_instrument, "result.json is damaged"), (empty, "version None is not known"),
    (cut_a_table, "fills.parquet is damaged"), (exchange_tables, "fills.parquet is damaged"),
    (lose_a_table, "orders.parquet is missing")])
def test_result_when_damaged_then_one_sentence_and_the_others_stay(
        spoil: Callable[[Path], None], said: str, store: ResultStore,
        results: list[BacktestResult]) -> None:
    bad, good = results[0].key, results[1].key
    spoil(store.folder(bad))
    with pytest.raises(StoreError, match=f"{said}.*; remove .*{bad} and run it again"):
        store.load(bad)
    (problem,) = store.rebuild()
    assert said in problem
    assert [run.key for run in store.runs()] == [good]


def test_index_when_lost_or_damaged_then_trials_are_not_forgotten(store: ResultStore) -> None:
    before = {run.key: (run.name, run.summary) for run in store.runs()}
    (store.root / INDEX_FILE).unlink()
    assert {run.key: (run.name, run.summary) for run in store.runs()} == before
    (store.root / INDEX_FILE).write_bytes(b"no database" * 100)
    with pytest.raises(StoreError, match="list --rebuild makes it again"):
        store.runs()
    assert store.rebuild() == []
    symbol = store.runs()[0].symbol
    assert store.trials(symbol).count == 2


def test_index_when_lost_then_a_new_result_does_not_hide_the_old(
        store: ResultStore, results: list[BacktestResult]) -> None:
    (store.root / INDEX_FILE).unlink()
    store.add(replace(results[0]))
    assert len(store.runs()) == 2


def test_name_when_stored_again_then_kept_unless_another_is_given(
        store: ResultStore, results: list[BacktestResult]) -> None:
    nameless = replace(results[0], header={**results[0].header, "name": ""})
    assert store.add(nameless).name == "seed 1"
    assert store.add(nameless, name="best").name == "best"
    assert store.find("best").key == results[0].key
