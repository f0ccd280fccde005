"""Same journal on Linux and on Windows: builds for Windows under Wine, and compares.

``python build/portability.py``, with a Python in which the project and its ``dev`` extra are
installed. It builds the kernels of this system, cross-compiles those of Windows, imports them all
under Wine, and runs one fixed simulated session on this system, on this system with the wide
instruction sets masked, and under Wine. The exit status is 0 only if all digests and summaries are
equal. See ``build/README.md``.
"""

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from session_diff import differences
from windows import kernels, runtime, tools, wine
from windows.stage import APP, stage, stage_tests
from windows.workspace import (
    CACHE,
    ROOT,
    BuildError,
    digest,
    is_current,
    plain_environment,
    run,
    write_stamp,
)

SESSIONS = CACHE / "sessions"
TEST_PACKAGES = ("pytest", "hypothesis", "scipy")
RESULT = CACHE / "portability.json"

MASKS = {
    "GLIBC_TUNABLES": "glibc.cpu.hwcaps=" + ",".join(
        f"-{name}" for name in ("AVX", "AVX2", "FMA", "FMA4", "AVX512F", "AVX512VL", "AVX512BW",
                                "AVX512DQ", "AVX512CD")),
    "ARROW_USER_SIMD_LEVEL": "NONE",
}
"""Environment that hides instruction sets from the C library and from Arrow; NumPy's switch is
added from what it says it can dispatch (it warns of names it does not know)."""


class Steps:
    """Prints what is being done and how long it took."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._start = time.perf_counter()

    def done(self, name: str, told: str = "") -> None:
        """Note that a step is over."""
        now = time.perf_counter()
        self.seconds[name] = round(now - self._start, 1)
        self._start = now
        print(f"{self.seconds[name]:7.1f} s  {name}{': ' if told else ''}{told}", flush=True)


def numpy_mask() -> str:
    """NumPy's dispatched instruction sets that are on here, as its environment switch wants."""
    import numpy

    core = numpy._core._multiarray_umath
    return " ".join(name for name in core.__cpu_dispatch__ if core.__cpu_features__[name])


def linux_session(name: str, arguments: list[str], extra: Mapping[str, str]) -> dict[str, Any]:
    """Run the session in a process of its own on this system."""
    env = {**plain_environment(), "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "error", **extra}
    out = run([sys.executable, ROOT / "build" / "session_hash.py", *arguments,
               "--folder", SESSIONS / name], env=env, log=CACHE / "logs" / f"{name}.txt")
    return dict(json.loads(out))


def wine_session(arguments: list[str]) -> dict[str, Any]:
    """Run the session under Wine."""
    folder = wine.windows_path(SESSIONS / "wine")
    out = wine.run_python(
        runtime.HOME / "python.exe", ["session_hash.py", *arguments, "--folder", folder],
        log=CACHE / "logs" / "wine.txt", cwd=APP, path=[APP])
    return dict(json.loads(out))


def import_kernels(expected: list[kernels.Kernel]) -> None:
    """Import every kernel under Wine.

    Raises
    ------
    BuildError
        If one cannot be imported or is missing.
    """
    out = wine.run_python(runtime.HOME / "python.exe", ["import_kernels.py"],
                          log=CACHE / "logs" / "import.txt", cwd=APP, path=[APP])
    missing = {kernel.name for kernel in expected} ^ set(json.loads(out))
    if missing:
        raise BuildError(f"kernels compiled and kernels imported differ by {sorted(missing)}")


def run_tests(host: Path, paths: list[str]) -> str:
    """Run tests of the project under Wine; pytest's last line."""
    packages, stamp, pins = CACHE / "test-packages", CACHE / "tests.complete", tools.linux_pins()
    key = digest([*TEST_PACKAGES, "--", *pins])
    if not is_current(stamp, key):
        shutil.rmtree(packages, ignore_errors=True)
        runtime.install(host, packages, list(TEST_PACKAGES), pins)
        write_stamp(stamp, key)
    stage_tests()
    out = wine.run_python(
        runtime.HOME / "python.exe",
        ["-m", "pytest", "-q", "-p", "no:cacheprovider", *paths],
        log=CACHE / "logs" / "tests.txt", cwd=APP, path=[APP, packages])
    return out.rstrip().splitlines()[-1]


def unequal(sessions: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """What differs from the first session, a line each.

    Examples
    --------
    >>> unequal({"a": {"digests": {"x": 1}, "summary": {}},
    ...          "b": {"digests": {"x": 2}, "summary": {}}})
    ['b: digests.x is 2, in a it is 1']
    """
    first = next(iter(sessions))
    found = []
    for name, session in sessions.items():
        for part in ("digests", "summary"):
            mine, theirs = session[part], sessions[first][part]
            found += [f"{name}: {part}.{key} is {mine.get(key)}, in {first} it is "
                      f"{theirs.get(key)}" for key in sorted({*mine, *theirs})
                      if mine.get(key) != theirs.get(key)]
    return found


def compare(sessions: Mapping[str, Mapping[str, Any]]) -> bool:
    """Print the sessions side by side; whether they are all equal."""
    for name, session in sessions.items():
        told = session["machine"]
        print(f"\n{name}: Python {told['python']}, {told['platform']}, NumPy {told['numpy']} "
              f"with {' '.join([*told['numpy_baseline'], *told['numpy_dispatch']])}; "
              f"probes libm {told['libm_probe']}, NumPy {told['numpy_probe']}")
        for key, value in session["digests"].items():
            print(f"  {key:15} {value}")
    counts = next(iter(sessions.values()))["summary"]
    print(f"\norders {counts['orders']}, fills {counts['fills']}, "
          f"market records {counts['counts']['events']}")
    if not counts["fills"]:
        print("FAILED: the session traded nothing, so that it proves little")
        return False
    found = unequal(sessions)
    first = next(iter(sessions))
    for line in found:
        print(line)
    for name in [name for name in sessions if any(line.startswith(name + ":") for line in found)]:
        print(f"{first} against {name}, record by record:")
        print("\n".join(differences(SESSIONS / first, SESSIONS / name)))
    print("FAILED: the sessions differ" if found else "the sessions are equal, bit for bit")
    return not found


def portability(options: argparse.Namespace) -> bool:
    """All steps; whether the sessions are equal."""
    steps = Steps()
    run([sys.executable, "setup.py", "build_ext", "--inplace"], env=plain_environment(), cwd=ROOT)
    steps.done("kernels of this system")
    if options.install_programs:
        tools.install_programs()
    tools.require_programs()
    host = tools.host_python()
    steps.done("tools")
    runtime.fetch(host)
    steps.done("Windows Python", f"{runtime.REPACK}, checked")
    runtime.install_packages(host)
    steps.done("Windows packages", ", ".join(
        f"{name} {version}" for name, version in
        runtime.installed_versions("numpy", "pyarrow", "pydantic", "pandas").items()))
    found, compiled = kernels.build(host, stage())
    steps.done("kernels", f"{len(found)}, of them {compiled} compiled now")
    arguments = ["--minutes", str(options.minutes), "--seed", str(options.seed)]
    shutil.rmtree(SESSIONS, ignore_errors=True)
    SESSIONS.mkdir(parents=True)
    try:
        wine.start(host)
        steps.done("Wine prefix")
        import_kernels(found)
        steps.done("import under Wine", f"{len(found)} kernels")
        sessions = {"linux": linux_session("linux", arguments, {})}
        steps.done("session on Linux")
        if platform.machine() == "x86_64":
            sessions["linux-masked"] = linux_session(
                "linux-masked", arguments, {**MASKS, "NPY_DISABLE_CPU_FEATURES": numpy_mask()})
            steps.done("session on Linux, instruction sets masked")
        sessions["wine"] = wine_session(arguments)
        steps.done("session under Wine")
        if options.tests:
            steps.done("tests under Wine", run_tests(host, options.tests))
    finally:
        wine.stop()
    RESULT.write_text(json.dumps({"sessions": sessions, "seconds": steps.seconds}, indent=1),
                      encoding="utf-8")
    return compare(sessions)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--minutes", type=float, default=30.0, help="of simulated trading")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--install-programs", action="store_true",
                        help="install missing Debian packages by apt-get first (as root)")
    parser.add_argument("--tests", nargs="*", metavar="PATH",
                        help="run these tests under Wine too (none named: tests/kernels)")
    options = parser.parse_args()
    if options.tests == []:
        options.tests = ["tests/kernels"]
    try:
        equal = portability(options)
    except BuildError as error:
        sys.exit(f"error: {error}")
    except subprocess.CalledProcessError as error:
        sys.exit(f"error: {' '.join(map(str, error.cmd))} ended with status {error.returncode}")
    sys.exit(0 if equal else 1)


if __name__ == "__main__":
    os.chdir(ROOT)
    main()
