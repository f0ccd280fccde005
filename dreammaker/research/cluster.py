"""Calls on the workers of a Dask cluster, with the results that this machine would have had.

`distributed`'s client is used directly. What many calls share is the result of a task of its own,
not scattered: scattered data are lost with the worker that holds them, a task is done again.
"""

import hashlib
import logging
import platform
import warnings
from collections import OrderedDict
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from functools import cache, partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

import dreammaker
from dreammaker.domain.errors import ConfigError, DreamMakerError, WorkersError
from dreammaker.research.workers import Call, Pool, Shared, carry_out

CONNECT_S = 10.0
"""How long scheduler and first worker may take to answer, seconds."""

_PACKAGES = ("numpy", "scipy", "scikit-learn", "lightgbm", "dask", "distributed", "cloudpickle")
_LOGGERS = ("distributed", "distributed.client")
_SHARED_KEPT = 8
_IN_FLIGHT = 512
_CHECK_S = 5.0
_CHECKS_WITHOUT_WORKERS = 12
_LARGE = "distributed.admin.large-graph-warning-threshold"


@cache
def versions() -> dict[str, str]:
    """All that a result depends on besides its input: this program, Python and libraries."""
    found = {"dreammaker": f"{dreammaker.__version__} ({_source_hash()})",
             "python": platform.python_version()}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "none"
    return found


def _source_hash() -> str:
    folder = Path(dreammaker.__file__).parent
    content = hashlib.sha256()
    for path in sorted(folder.rglob("*.py")):
        content.update(path.relative_to(folder).as_posix().encode() + b"\0")
        content.update(path.read_bytes().replace(b"\r\n", b"\n"))
    return content.hexdigest()[:12]


def difference(here: dict[str, str], there: dict[str, str]) -> str:
    """What a worker has otherwise, as a sentence's end; empty if nothing.

    Examples
    --------
    >>> difference({"numpy": "2.4.6", "python": "3.11.9"}, {"numpy": "2.4.5", "python": "3.11.9"})
    'numpy 2.4.5 there, 2.4.6 here'
    """
    return "; ".join(f"{name} {there.get(name, 'none')} there, {own} here"
                     for name, own in here.items() if there.get(name) != own)


@contextmanager
def connected(address: str) -> Iterator["ClusterPool"]:
    """A pool on a cluster's workers, until the block is left.

    Parameters
    ----------
    address : str
        Of the scheduler, ``tcp://HOST:PORT``.

    Raises
    ------
    ConfigError
        If the extra `cluster` is not installed, nothing answers there, the scheduler has no worker,
        or a worker runs another program or other library versions.
    """
    try:
        from distributed import Client
        from distributed.versions import VersionMismatchWarning
    except ImportError:
        raise ConfigError("work on a cluster needs dask and distributed: install the extra "
                          "`cluster` (dreammaker-hft[cluster])") from None
    with _quiet():
        try:
            with warnings.catch_warnings():
                # Other versions are refused below, in one sentence.
                warnings.simplefilter("ignore", VersionMismatchWarning)
                client = Client(address, timeout=CONNECT_S, set_as_default=False)
        except (OSError, ValueError):
            raise ConfigError(f"no Dask scheduler answers at {address}; start one with: dask "
                              "scheduler") from None
        try:
            try:
                client.wait_for_workers(1, timeout=CONNECT_S)
            except TimeoutError:
                raise ConfigError(f"the scheduler at {address} has no worker; start some with: "
                                  f"dask worker {address} --nthreads 1 --nworkers N") from None
            check_workers(client)
            yield ClusterPool(client, address)
        finally:
            client.close(timeout=2)


def check_workers(client: Any) -> None:
    """Refuse a cluster of which a worker would not give the same results; ConfigError says why."""
    here = versions()
    for worker, there in sorted(client.run(versions, on_error="return").items()):
        if isinstance(there, BaseException):
            raise ConfigError(f"worker {worker} cannot run this program: {there}")
        if differs := difference(here, there):
            raise ConfigError(f"worker {worker} would not give the same results: {differs}")


class ClusterPool(Pool):
    """Workers of a cluster.

    Parameters
    ----------
    client : distributed.Client
    address : str
        Of the scheduler, for messages.
    """

    def __init__(self, client: Any, address: str) -> None:
        self._client, self._address = client, address
        self._sent: OrderedDict[int, tuple[Shared, Any]] = OrderedDict()

    def finished(self, function: Callable[..., Any], calls: Sequence[Call]
                 ) -> Generator[tuple[int, Any]]:
        """See `Pool`; the scheduler gives what a killed worker left undone to another."""
        arrived: SimpleQueue[Any] = SimpleQueue()
        under_way: dict[str, tuple[int, Any]] = {}
        waiting = iter(enumerate(calls))
        while True:
            while len(under_way) < _IN_FLIGHT and (call := next(waiting, None)) is not None:
                future = self._submit(partial(_on_worker, versions(), function), call[1])
                under_way[future.key] = call[0], future
                future.add_done_callback(arrived.put)
            if not under_way:
                return
            future = self._next(arrived)
            index, _ = under_way.pop(future.key)
            yield index, self._result(future)

    def _submit(self, function: Callable[..., Any], call: Call) -> Any:
        import dask
        from distributed import CancelledError
        from distributed.client import ClosedClientError

        try:
            # What is large here travels once, and cannot be loaded elsewhere.
            with dask.config.set({_LARGE: "1 TiB"}):
                arguments = [self._send(each) if isinstance(each, Shared) else each
                             for each in call]
                return self._client.submit(function, *arguments, pure=False)
        except (CancelledError, ClosedClientError):
            raise self._lost() from None

    def _send(self, shared: Shared) -> Any:
        """The shared value's future; it stays with the workers while it is among the last used."""
        place = id(shared.value)
        if place not in self._sent:
            while len(self._sent) >= _SHARED_KEPT:
                self._sent.popitem(last=False)
            # What travels inside the function is opaque to the scheduler, and kept there: workers
            # get it from each other, and if all that had it are gone, from the scheduler again.
            self._sent[place] = shared, self._client.submit(partial(_given, shared.value),
                                                            pure=False)
        self._sent.move_to_end(place)
        return self._sent[place][1]

    def _next(self, arrived: "SimpleQueue[Any]") -> Any:
        missing = 0
        while True:
            try:
                return arrived.get(timeout=_CHECK_S)
            except Empty:
                if self._client.status not in ("running", "connecting"):
                    raise self._lost() from None
                missing = 0 if self._client.scheduler_info(n_workers=1)["workers"] else missing + 1
                if missing == _CHECKS_WITHOUT_WORKERS:
                    raise WorkersError(
                        f"the scheduler at {self._address} has had no worker for "
                        f"{_CHECK_S * missing:.0f} s; what was finished is kept: start workers and "
                        "this command again") from None

    def _result(self, future: Any) -> Any:
        from distributed import CancelledError, KilledWorker
        from distributed.comm.core import CommClosedError

        try:
            if future.status == "error":
                raise future.exception()
            return future.result()
        except KilledWorker:
            raise WorkersError(
                "workers of the cluster were killed again and again by one call, as they are when "
                "memory runs out; give each more memory") from None
        except (CancelledError, CommClosedError):
            raise self._lost() from None
        except DreamMakerError:
            raise
        except Exception:
            # A worker that came later and runs another program fails in ways of its own.
            if self._client.status == "running":
                check_workers(self._client)
            raise

    def _lost(self) -> WorkersError:
        return WorkersError(f"the scheduler at {self._address} was lost; what was finished is "
                            "kept: start the cluster and this command again")


def _given(value: Any) -> Any:
    return value


def _on_worker(expected: dict[str, str], function: Callable[..., Any], *call: Any) -> Any:
    if differs := difference(expected, versions()):
        raise ConfigError(f"a worker would not give the same results: {differs}")
    return carry_out(function, *call)


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the client's own log off the terminal: what matters of it becomes an error here."""
    loggers = [logging.getLogger(name) for name in _LOGGERS]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
