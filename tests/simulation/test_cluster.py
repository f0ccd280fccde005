"""Work on processes and on a Dask cluster: the same bytes as here, whoever is killed."""

import json
import os
import signal
import socket
import sys
from collections.abc import Callable
from contextlib import chdir
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from typer.testing import CliRunner

from dreammaker.app.cli import build
from dreammaker.backtest import Backtest
from dreammaker.backtest.store import ResultStore
from dreammaker.backtest.sweep import Sweep, _run_there
from dreammaker.domain.errors import ConfigError, WorkersError
from dreammaker.research import cluster as cluster_module
from dreammaker.research.cluster import ClusterPool, _on_worker, versions
from dreammaker.research.crossval import CrossValidation, cross_validate
from dreammaker.research.estimators import ModelSpec
from dreammaker.research.label_rule import LabelRule
from dreammaker.research.noise import noise_samples
from dreammaker.research.sampling import Sampler
from dreammaker.research.trials import TRIALS_FILE, TrialLedger
from dreammaker.research.tune import BATCH, Space, Tuned, tune
from dreammaker.research.workers import Progress, Shared, Workers
from dreammaker.store.eventlog import EventStore
from tests.simulation.dask_cluster import (
    DaskCluster,
    always_killed,
    dask_cluster,
    first_row,
    kill,
    raises,
)
from tests.unit.research_logs import quote_log

SPACE = Space(horizons=(30.0, 60.0), trees=(2, 6), leaves=(2, 4), least_leaf=(10, 30))
TRIALS = 6
FITS = TRIALS * 3


def rows(rule: LabelRule):
    data = SimpleNamespace(symbol="NOISE", rule=rule, sampler=Sampler(),
                           content_hash=f"noise {rule.horizon_s}")
    return data, noise_samples(int(rule.horizon_s), rows=300, days=60, edge=0.5)


def searched(folder: Path, workers: Workers, progress: Progress | None = None
             ) -> tuple[Tuned, bytes]:
    found = tune(rows, LabelRule(), ModelSpec(meta=False), TrialLedger(folder), space=SPACE,
                 cv=CrossValidation(3, 1), trials=TRIALS, workers=workers, progress=progress)
    return found, (folder / TRIALS_FILE).read_bytes()


def at(moment: int, action: Callable[[], object]) -> Progress:
    """Act once so many fits are done."""
    def progress(done: int, total: int) -> None:
        assert total == FITS
        if done == moment and not acted:
            acted.append(done)
            action()

    acted: list[int] = []
    return progress


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory):
    with dask_cluster(tmp_path_factory.mktemp("cluster"), 2) as started:
        yield started


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> tuple[Tuned, bytes]:
    return searched(tmp_path_factory.mktemp("alone"), Workers())


def assert_same(found: tuple[Tuned, bytes], alone: tuple[Tuned, bytes]) -> None:
    mine, its = found[0], alone[0]
    assert found[1] == alone[1] and found[1].count(b"\n") == TRIALS
    assert mine.scores == its.scores and (mine.rule, mine.spec) == (its.rule, its.spec)
    assert mine.judgement.evidence == its.judgement.evidence and len(set(mine.scores)) > 3


def test_search_when_on_two_processes_or_a_cluster_then_the_same_bytes(
        tmp_path: Path, cluster: DaskCluster, alone: tuple[Tuned, bytes]) -> None:
    assert_same(searched(tmp_path / "two", Workers(2)), alone)
    seen: list[int] = []
    assert_same(searched(tmp_path / "cluster", Workers(cluster=cluster.address),
                         lambda done, _: seen.append(done)), alone)
    assert seen == sorted(seen) and set(range(1, FITS + 1)) <= set(seen)


def test_search_when_a_worker_of_the_cluster_is_killed_then_the_same_bytes(
        tmp_path: Path, cluster: DaskCluster, alone: tuple[Tuned, bytes]) -> None:
    victim = cluster.workers[0]
    assert victim.poll() is None
    found = searched(tmp_path, Workers(cluster=cluster.address), at(5, lambda: kill(victim)))
    assert victim.returncode == -signal.SIGKILL
    assert_same(found, alone)


@pytest.mark.filterwarnings("ignore:.*worker.*:UserWarning")
def test_search_when_a_process_is_killed_then_the_same_bytes(
        tmp_path: Path, alone: tuple[Tuned, bytes]) -> None:
    from joblib.externals.loky import reusable_executor

    def kill_one() -> None:
        victims.append(next(iter(reusable_executor._executor._processes)))
        os.kill(victims[0], signal.SIGKILL)

    victims: list[int] = []
    assert_same(searched(tmp_path, Workers(2), at(5, kill_one)), alone)
    assert victims


def test_splits_when_on_a_cluster_then_the_same_bits(cluster: DaskCluster) -> None:
    # Above a megabyte, so that processes map the rows from a file.
    samples = noise_samples(5, rows=30_000, days=100)
    assert samples.X.nbytes > 1_000_000
    spec, cv = ModelSpec(trees=4, meta=False, least_leaf=10), CrossValidation(3, 1)
    here, two, there = (cross_validate(samples, spec, cv, workers=workers) for workers in (
        Workers(), Workers(2), Workers(cluster=cluster.address)))
    for other in (two, there):
        assert here.rise.tobytes() == other.rise.tobytes()
        assert here.daily.tobytes() == other.daily.tobytes()
        assert np.array_equal(here.auc, other.auc)


def test_pool_when_arguments_are_shared_then_they_travel_once(
        cluster: DaskCluster, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[int] = []
    send = ClusterPool._send

    def counted(pool: ClusterPool, shared: Shared):
        sent.append(len(pool._sent))
        return send(pool, shared)

    monkeypatch.setattr(ClusterPool, "_send", counted)
    array = np.ones(200_000)
    with Workers(cluster=cluster.address).pool() as pool:
        for _ in range(2):
            calls = [(Shared(array), number) for number in range(5)]
            assert pool.run(first_row, calls) == [1.0, 2.0, 3.0, 4.0, 5.0]
    assert sent == [0] + [1] * 9


def test_call_when_it_raises_then_its_error_here(cluster: DaskCluster) -> None:
    with pytest.raises(ValueError, match="call 0"), Workers(
            cluster=cluster.address).pool() as pool:
        pool.run(raises, [(0,)])
    with pytest.raises(ConfigError, match=r"not give the same results: python .* there, 2.7 here"):
        _on_worker({**versions(), "python": "2.7"}, max, 1, 2)


@pytest.mark.filterwarnings("ignore:.*worker.*:UserWarning")
def test_processes_when_always_killed_then_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dreammaker.research.workers._RETRIES", 1)
    with Workers(2).pool() as pool, pytest.raises(WorkersError, match="killed 1 times in a row"):
        pool.run(always_killed, [(0,), (1,)])


@pytest.mark.parametrize(("given", "text"), [
    ({"jobs": 0}, "jobs must be in"), ({"cluster": "localhost:8786"}, "tcp://HOST:PORT"),
    ({"cluster": "tcp://here:99999"}, "tcp://HOST:PORT"),
    ({"jobs": 2, "cluster": "tcp://here:8786"}, "give one of the two")])
def test_workers_when_wrong_then_one_sentence(given: dict[str, object], text: str) -> None:
    with pytest.raises(ConfigError, match=text):
        Workers(**given)


def test_cluster_when_it_cannot_be_used_then_one_sentence(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster_module, "CONNECT_S", 1.0)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        nobody = f"tcp://127.0.0.1:{free.getsockname()[1]}"
    with pytest.raises(ConfigError, match="no Dask scheduler answers"), Workers(
            cluster=nobody).pool():
        pass
    with dask_cluster(tmp_path, 0) as empty:
        with pytest.raises(ConfigError, match="has no worker"), Workers(
                cluster=empty.address).pool():
            pass
        # A worker that finds another NumPy before the installed one.
        other = tmp_path / "other" / "numpy-1.0.dist-info"
        other.mkdir(parents=True)
        (other / "METADATA").write_text("Metadata-Version: 2.1\nName: numpy\nVersion: 1.0\n")
        empty.add_worker(PYTHONPATH=str(other.parent))
        empty.wait(1)
        with pytest.raises(ConfigError, match=r"same results: numpy 1\.0 there"), Workers(
                cluster=empty.address).pool():
            pass
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(ConfigError, match="install the extra"), Workers(cluster=nobody).pool():
        pass


def command(*words: object) -> dict[str, object]:
    """A command's JSON."""
    done = CliRunner().invoke(build(), [*map(str, words), "--json"])
    if done.exception is not None:
        raise done.exception
    return json.loads(done.stdout)


def test_commands_when_given_a_cluster_then_the_same_files(
        tmp_path: Path, cluster: DaskCluster) -> None:
    rng, mids, at = np.random.default_rng(4), [], 0.0
    for step in rng.normal(0.0, 6.0, 1500):
        at = 0.9 * at + step
        mids.append(52_001 + 2 * round(at))
    EventStore(tmp_path / "data").save(quote_log(mids, 4.0, 1_700_060_400))
    words = ["WIN", "--root", tmp_path / "data", "--least-points", 10, "--target", 10,
             "--no-meta", "--groups", 3, "--test-groups", 1]
    found = {}
    for name, more in (("here", []), ("there", ["--cluster", cluster.address])):
        results = tmp_path / name
        tuned = command("tune", *words, "--horizons", "20,40", "--trials", 3, "--results", results,
                        *more)
        trained = command("train", *words, "--horizon", 20, "--trees", 4, "--out",
                          tmp_path / f"{name}-bundle", "--results", results, *more)
        found[name] = (tuned, trained["content"], (results / TRIALS_FILE).read_bytes())
    assert found["here"] == found["there"] and found["here"][2].count(b"\n") == 4


def test_sweep_when_on_a_cluster_then_the_same_and_only_with_the_archive(
        tmp_path: Path, cluster: DaskCluster) -> None:
    grid = {"model.entry_threshold": [0.3, 0.5], "model.exit_threshold": [0.1, 0.4]}
    config = {"simulation": {"session_minutes": 1.0}}
    stores = [ResultStore(tmp_path / name) for name in ("here", "there")]
    here, there = (Sweep(config, grid, store).run(workers) for store, workers in zip(
        stores, (Workers(), Workers(cluster=cluster.address)), strict=True))
    assert [point.run.status for point in there] == ["done", "failed", "done", "done"]
    for left, right in zip(here, there, strict=True):
        assert (left.run.key, left.run.error, left.run.summary) == (
            right.run.key, right.run.error, right.run.summary)
        if left.run.status == "done":
            hashes = [store.read(left.run.key).tables["daily"]["journal_hash"] for store in stores]
            assert np.array_equal(*hashes)
    EventStore(tmp_path / "data").save(quote_log([52_001, 52_003] * 50, 4.0, 1_700_060_400))
    work = Backtest({"data": {"root": str(tmp_path / "data")}}, symbol="WIN")
    (tmp_path / "data").rename(tmp_path / "moved")
    with Workers(cluster=cluster.address).pool() as pool, pytest.raises(
            WorkersError, match=r"cannot read WIN on .*\(it is missing\); a sweep on a cluster"):
        pool.run(_run_there, [(work,)])
    (tmp_path / "moved").rename(tmp_path / "data")
    with chdir(tmp_path), pytest.raises(ConfigError, match="needs the archive's full path"):
        Sweep({"data": {"root": "data"}}, {"run.seed": [1, 2]}, stores[1], symbol="WIN").run(
            Workers(cluster=cluster.address))


def test_search_when_the_scheduler_is_lost_then_what_was_finished_is_kept(
        tmp_path: Path, cluster: DaskCluster, alone: tuple[Tuned, bytes]) -> None:
    workers = Workers(cluster=cluster.address)
    # In the second batch: the trials of the first are in the list, whatever finished first.
    with pytest.raises(WorkersError, match=r"scheduler at .* was lost") as caught:
        searched(tmp_path, workers, at(3 * BATCH + 1, lambda: kill(cluster.scheduler)))
    assert caught.value.exit_code == 5
    kept = (tmp_path / TRIALS_FILE).read_bytes()
    assert kept and alone[1].startswith(kept) and kept.endswith(b"\n")
    found = searched(tmp_path, Workers())
    assert found[1] == alone[1] and found[0].known == kept.count(b"\n")
