"""Where the Windows build keeps its things, and how it runs programs."""

import hashlib
import os
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
"""The project's root folder."""

CACHE = ROOT / ".cache" / "windows"
"""Everything that this build makes or downloads; removing it starts afresh."""


class BuildError(Exception):
    """Something that stops the build, in one sentence."""


def run(command: Sequence[str | Path], *, env: Mapping[str, str] | None = None,
        cwd: Path | None = None, log: Path | None = None, expect_failure: bool = False,
        timeout_s: float = 1800.0) -> str:
    """Run a program to its end and return what it wrote to standard output.

    Parameters
    ----------
    command : sequence of str or Path
    env : mapping, optional
        The whole environment; None passes ours on.
    cwd : Path, optional
    log : Path, optional
        Receives standard error; None merges it into what is returned.
    expect_failure : bool
        Whether the exit status is left to the caller.
    timeout_s : float
        After so long the program is ended.

    Raises
    ------
    BuildError
        If the program fails, with its last lines, or takes too long.
    """
    arguments = [str(part) for part in command]
    # Pipes and the null device only: Windows programs under Wine refuse regular files here.
    try:
        done = subprocess.run(
            arguments, env=dict(env) if env is not None else None, cwd=cwd,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE if log else subprocess.STDOUT, check=False, timeout=timeout_s)
    except subprocess.TimeoutExpired as error:
        tail = "\n".join((error.stdout or b"").decode("utf-8", "replace").splitlines()[-25:])
        raise BuildError(f"{' '.join(arguments[:6])} took over {timeout_s:g} s:\n{tail}") from None
    out = done.stdout.decode("utf-8", errors="replace")
    errors = done.stderr.decode("utf-8", errors="replace") if log else ""
    if log:
        log.parent.mkdir(parents=True, exist_ok=True)
        log.write_text(errors, encoding="utf-8")
    if done.returncode and not expect_failure:
        tail = "\n".join((out + errors).splitlines()[-25:])
        raise BuildError(
            f"{' '.join(arguments[:6])} ended with status {done.returncode}:\n{tail}")
    return out


def digest(parts: Iterable[bytes | str | Path]) -> str:
    """SHA-256 over texts, bytes and files' contents, each with its length before it."""
    chain = hashlib.sha256()
    for part in parts:
        data = (part.read_bytes() if isinstance(part, Path)
                else part.encode() if isinstance(part, str) else part)
        chain.update(len(data).to_bytes(8, "little"))
        chain.update(data)
    return chain.hexdigest()


def is_current(stamp: Path, key: str) -> bool:
    """Whether a step's stamp says that it was finished for this key."""
    return stamp.exists() and stamp.read_text(encoding="ascii") == key


def write_stamp(stamp: Path, key: str) -> None:
    """Note that a step was finished for this key."""
    stamp.parent.mkdir(parents=True, exist_ok=True)
    stamp.write_text(key, encoding="ascii")


def plain_environment() -> dict[str, str]:
    """Our environment without what would lead another Python astray."""
    return {name: value for name, value in os.environ.items()
            if not name.startswith("PYTHON") and name != "VIRTUAL_ENV"}
