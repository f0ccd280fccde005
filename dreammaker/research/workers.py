"""Where long work is done: calls go to processes of this machine or to a Dask cluster.

Whoever has many independent calls opens a pool and reads the results in the order of the calls. How
many workers there are, which of them finishes first, and whether one of them is killed, changes
nothing but the time.
"""

import re
import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any

from dreammaker.domain.errors import ConfigError, WorkersError

Progress = Callable[[int, int], None]
"""Called with the calls that are done and their number in all."""

Call = tuple[Any, ...]
"""Arguments of one call; what many have in common is `Shared`."""

MOST_JOBS = 512
"""A machine has fewer processors, and a mistyped number must not start a process for each."""

_RETRIES = 3
_ADDRESS = re.compile(r"(tcp|tls)://[^\s:/]+:\d{1,5}|(tcp|tls)://\[[0-9a-fA-F:.]+\]:\d{1,5}")


@dataclass(frozen=True, eq=False, slots=True)
class Shared:
    """An argument of many calls: it travels once, not with each of them.

    Parameters
    ----------
    value : object
        Calls get it as it is and must not change it.
    """

    value: Any


@dataclass(frozen=True, slots=True)
class Workers:
    """Who does the work.

    Parameters
    ----------
    jobs : int
        Processes of this machine, 1 to `MOST_JOBS`; -1 = as many as processors. 1 works
        in this process.
    cluster : str
        Address of a Dask scheduler, ``tcp://HOST:PORT``; empty = this machine.

    Raises
    ------
    ConfigError
        If the number is out of range, the address is none, or both are asked for.

    Examples
    --------
    >>> with Workers().pool() as pool:
    ...     pool.run(divmod, [(7, 2), (9, 3)])
    [(3, 1), (3, 0)]
    """

    jobs: int = 1
    cluster: str = ""

    def __post_init__(self) -> None:
        if self.jobs != -1 and not 1 <= self.jobs <= MOST_JOBS:
            raise ConfigError(f"jobs must be in [1, {MOST_JOBS}], or -1 for all processors, was "
                              f"{self.jobs}")
        if not self.cluster:
            return
        if not _ADDRESS.fullmatch(self.cluster) or int(self.cluster.rpartition(":")[2]) > 65_535:
            raise ConfigError("a cluster's address must be tcp://HOST:PORT, as its scheduler "
                              f"prints it, was {self.cluster!r}")
        if self.jobs != 1:
            raise ConfigError("jobs are processes of this machine; on a cluster its workers do the "
                              "work: give one of the two")

    @contextmanager
    def pool(self) -> Iterator["Pool"]:
        """Workers, until the block is left.

        Raises
        ------
        ConfigError
            If there is no such cluster, or a worker of it runs another program.
        """
        if not self.cluster:
            yield LocalPool(self.jobs)
            return
        from dreammaker.research.cluster import connected

        with connected(self.cluster) as pool:
            yield pool


class Pool(ABC):
    """Workers that are ready."""

    @abstractmethod
    def finished(self, function: Callable[..., Any], calls: Sequence[Call]
                 ) -> Generator[tuple[int, Any]]:
        """Index and result of each call, in the order in which they are finished."""

    def stream(self, function: Callable[..., Any], calls: Sequence[Call],
               progress: Progress | None = None) -> Generator[Any]:
        """Results in the order of the calls, each as soon as all before it are known.

        Parameters
        ----------
        function : callable
            Named in a module, so that it can travel.
        calls : sequence of tuple
            Its positional arguments.
        progress : callable, optional

        Raises
        ------
        WorkersError
            If workers or the cluster were lost for good.
        Exception
            What a call raised.
        """
        early: dict[int, Any] = {}
        following = 0
        with closing(self.finished(function, calls)) as finished:
            for done, (index, result) in enumerate(finished, 1):
                early[index] = result
                if progress is not None:
                    progress(done, len(calls))
                while following in early:
                    yield early.pop(following)
                    following += 1

    def run(self, function: Callable[..., Any], calls: Sequence[Call],
            progress: Progress | None = None) -> list[Any]:
        """All results; see `stream`."""
        return list(self.stream(function, calls, progress))


class LocalPool(Pool):
    """Processes of this machine (joblib's loky), or this process.

    Parameters
    ----------
    jobs : int
        As in `Workers`.
    """

    def __init__(self, jobs: int) -> None:
        self._jobs = jobs

    def finished(self, function: Callable[..., Any], calls: Sequence[Call]
                 ) -> Generator[tuple[int, Any]]:
        """See `Pool`; what a killed process left undone is done again."""
        plain = [tuple(each.value if isinstance(each, Shared) else each for each in call)
                 for call in calls]
        if self._jobs == 1 or len(calls) < 2:
            for index, call in enumerate(plain):
                yield index, carry_out(function, *call)
            return
        from joblib.externals.loky.process_executor import TerminatedWorkerError

        left, kills = dict(enumerate(plain)), 0
        while left:
            try:
                with closing(_processed(function, dict(left), self._jobs)) as results:
                    for index, result in results:
                        del left[index]
                        kills = 0
                        yield index, result
            except TerminatedWorkerError:
                kills += 1
                if kills == _RETRIES:
                    raise WorkersError(
                        f"workers were killed {_RETRIES} times in a row, as they are when memory "
                        "runs out; take fewer jobs") from None


def _processed(function: Callable[..., Any], calls: dict[int, Call], jobs: int
               ) -> Generator[tuple[int, Any]]:
    from joblib import Parallel, delayed, parallel_config

    with parallel_config(backend="loky", inner_max_num_threads=1):
        results = Parallel(n_jobs=jobs, return_as="generator_unordered")(
            delayed(_numbered)(index, function, *call) for index, call in calls.items())
    try:
        yield from results
    finally:
        with warnings.catch_warnings():
            # That what still ran is dropped is known to whoever stopped it.
            warnings.simplefilter("ignore", UserWarning)
            results.close()


def _numbered(index: int, function: Callable[..., Any], *call: Any) -> tuple[int, Any]:
    return index, carry_out(function, *call)


def carry_out(function: Callable[..., Any], *call: Any) -> Any:
    """A call's result, with linear algebra on one thread wherever it runs: sums keep their order.

    Examples
    --------
    >>> carry_out(max, 2, 3)
    3
    """
    # SciPy's linear algebra is a library of its own; only what is loaded already can be limited.
    import scipy.linalg  # noqa: F401
    from threadpoolctl import threadpool_limits

    with threadpool_limits(limits=1):
        return function(*call)
