"""What the benchmarks share: median timing, plain C floors, one look of the tables.

A floor is a C file with exported functions, compiled in the same run with ``cc -O3`` into a
temporary folder and called through ctypes. Figures are only worth comparing within one run.
"""

import ctypes
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Timing:
    """Seconds of each run of one piece of work."""

    seconds: tuple[float, ...]
    result: object

    @property
    def median(self) -> float:
        return statistics.median(self.seconds)

    @property
    def best(self) -> float:
        return min(self.seconds)


def timed(work: Callable[[], object], *, runs: int = 7, setup: Callable[[], object] | None = None,
          warm_ups: int = 1) -> Timing:
    """Run `work` several times; `setup` runs before each, outside of the clock.

    With a setup, its result is passed to `work`. The result of the last run is kept.
    """
    seconds = []
    result = None
    for run in range(-warm_ups, runs):
        arguments = () if setup is None else (setup(),)
        start = time.perf_counter()
        result = work(*arguments)
        if run >= 0:
            seconds.append(time.perf_counter() - start)
    return Timing(tuple(seconds), result)


def timed_together(works: Sequence[Callable[[], object]], *, runs: int = 7) -> list[Timing]:
    """Time several pieces of work in turn, round by round, so that they meet the same machine."""
    seconds: list[list[float]] = [[] for _ in works]
    results: list[object] = [None] * len(works)
    for run in range(-1, runs):
        for i, work in enumerate(works):
            start = time.perf_counter()
            results[i] = work()
            if run >= 0:
                seconds[i].append(time.perf_counter() - start)
    return [Timing(tuple(s), r) for s, r in zip(seconds, results, strict=True)]


@contextmanager
def c_floor(source: str | Path, *options: str):
    """Compile a C file beside the benchmarks and yield it as a ctypes library.

    Raises
    ------
    RuntimeError
        If there is no C compiler or it fails; the compiler's words are in the message.
    """
    compiler = os.environ.get("CC") or shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        raise RuntimeError("no C compiler found: set CC, or install one for the C floor")
    path = Path(__file__).resolve().parent / source
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        library = Path(folder) / f"{path.stem}.so"
        command = [compiler, "-O3", "-ffp-contract=off", "-shared", "-fPIC", *options,
                   "-I", str(ROOT / "ext"), str(path), "-o", str(library), "-lm"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise RuntimeError(f"{path.name} does not compile: {done.stderr.strip()}")
        yield ctypes.CDLL(str(library))


def pointer(array) -> ctypes.c_void_p:
    """Address of a NumPy array's data, for a ctypes call."""
    return ctypes.c_void_p(array.ctypes.data)


def conditions() -> str:
    """Machine and versions, one line."""
    model = platform.processor() or platform.machine()
    cpu_info = Path("/proc/cpuinfo")
    if cpu_info.is_file():
        for line in cpu_info.read_text().splitlines():
            if line.startswith("model name"):
                model = line.split(":", 1)[1].strip()
                break
    return (f"{model}, {os.cpu_count()} cores, {platform.system()}, "
            f"Python {platform.python_version()}, NumPy {numpy.__version__}")


def print_table(title: str, header: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print a table: first column left, the others right; floats with three significant digits."""
    cells = [[_shown(value) for value in row] for row in rows]
    widths = [max(len(row[i]) for row in [list(header), *cells]) for i in range(len(header))]
    print(title)
    for row in [list(header), ["-" * width for width in widths], *cells]:
        print("  ".join([row[0].ljust(widths[0]),
                         *(c.rjust(w) for c, w in zip(row[1:], widths[1:], strict=True))]))
    print()


def _shown(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.3g}" if abs(value) < 1000 else f"{value:,.0f}"
    return str(value)


def goal_line(name: str, ratio: float, goal: float) -> bool:
    """Print whether a ratio stays at or under its goal; returns whether it does."""
    met = ratio <= goal
    verdict = "reached" if met else f"missed by {100 * (ratio / goal - 1):.0f} %"
    print(f"{name}: {ratio:.2f}x, goal at most {goal:g}x: {verdict}")
    return met


def write(line: str) -> None:
    """Print a line at once, for long runs."""
    print(line, file=sys.stdout, flush=True)
