"""A Dask cluster of real processes on the loopback, and calls for its workers."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
START_S = 60.0


class DaskCluster:
    """A scheduler on a port that the system chose, and workers of one thread each."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.workers = folder, []
        self._started = []
        file = folder / "scheduler.json"
        self.scheduler = self._start("scheduler", "--port", "0", "--scheduler-file", str(file))
        self.address = self._wait(lambda: file.exists() and address_in(file))

    def add_worker(self, **environment: str) -> subprocess.Popen[bytes]:
        """Start a worker that is the process itself, so that it can be killed by its id."""
        worker = self._start("worker", self.address, "--nthreads", "1", "--no-nanny",
                             "--local-directory", str(self.folder), **environment)
        self.workers.append(worker)
        return worker

    def wait(self, count: int) -> None:
        """Until so many workers are known to the scheduler."""
        from distributed import Client

        with Client(self.address, set_as_default=False) as client:
            client.wait_for_workers(count, timeout=START_S)

    def stop(self) -> None:
        for process in self._started:
            kill(process)

    def _start(self, role: str, *words: str, **environment: str) -> subprocess.Popen[bytes]:
        with (self.folder / f"{role}-{len(self._started)}.log").open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "dask", role, *words, "--host", "127.0.0.1",
                 "--no-dashboard"], stdout=log, stderr=log, cwd=self.folder,
                env={**os.environ, "PYTHONPATH": str(ROOT),
                     "DASK_TEMPORARY_DIRECTORY": str(self.folder), **environment})
        self._started.append(process)
        return process

    def _wait(self, found):
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline:
            if value := found():
                return value
            time.sleep(0.05)
        raise AssertionError((self.folder / "scheduler-0.log").read_text())


def address_in(file: Path) -> str:
    """The address, once the file is complete."""
    import json

    try:
        return json.loads(file.read_text())["address"]
    except ValueError:
        return ""


def kill(process: subprocess.Popen[bytes]) -> None:
    """End a process that this test started, as an operating system out of memory would."""
    if process.poll() is None:
        process.send_signal(signal.SIGKILL)
    process.wait()


@contextmanager
def dask_cluster(folder: Path, workers: int) -> Iterator[DaskCluster]:
    """A cluster until the block is left."""
    cluster = DaskCluster(folder)
    try:
        for _ in range(workers):
            cluster.add_worker()
        if workers:
            cluster.wait(workers)
        yield cluster
    finally:
        cluster.stop()


def always_killed(number: int) -> int:
    os.kill(os.getpid(), signal.SIGKILL)
    return number


def raises(number: int) -> int:
    raise ValueError(f"call {number}")


def first_row(array, number: int) -> float:
    return float(array[0]) + number
