"""A Wine prefix to run the Windows build in."""

import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from windows.shims import SOURCES, install_shims
from windows.workspace import CACHE, digest, is_current, plain_environment, run, write_stamp

PREFIX = CACHE / "prefix"
SITE = Path(__file__).resolve().parent / "site"
"""Holds what Python is told when it starts under Wine."""

_DISABLED = "mscoree,mshtml,wbemprox,winemenubuilder.exe=;winedbg.exe=d"
# The C++ runtime must come with the program, as on a clean Windows: Wine's own would hide a gap.
_NATIVE = ("ucrtbase,bcryptprimitives=n,b;"
           "msvcp140,msvcp140_1,msvcp140_2,vcomp140,vcruntime140,vcruntime140_1,concrt140=n")


def windows_path(path: Path) -> str:
    r"""A path of this machine as a Windows program under Wine sees it.

    Examples
    --------
    >>> windows_path(Path("/a/b.py"))
    'Z:\\a\\b.py'
    """
    return "Z:" + str(path.absolute()).replace("/", "\\")


def _environment(overrides: str) -> dict[str, str]:
    home = CACHE / "home"
    home.mkdir(parents=True, exist_ok=True)
    return {**plain_environment(), "WINEPREFIX": str(PREFIX), "WINEARCH": "win64",
            "WINEDEBUG": "-all", "DISPLAY": "", "HOME": str(home), "WINEDLLOVERRIDES": overrides}


def _quiet(command: list[str], overrides: str, *, check: bool = True) -> None:
    # Wine's services outlive the command and would hold a pipe open: the null device only.
    subprocess.run(command, env=_environment(overrides), stdin=subprocess.DEVNULL,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=check)


def start(host: Path) -> None:
    """Make the prefix if need be, and start its services.

    Parameters
    ----------
    host : Path
        Python with pefile, for the shims.
    """
    stamp = CACHE / "prefix.complete"
    key = digest([run(["wine", "--version"], env=_environment(_DISABLED)), *SOURCES])
    everything = f"{_DISABLED};{_NATIVE}"
    if not is_current(stamp, key):
        stamp.unlink(missing_ok=True)
        stop()
        shutil.rmtree(PREFIX, ignore_errors=True)
        _quiet(["wine", "wineboot", "-i"], _DISABLED)
        _quiet(["wineserver", "-w"], _DISABLED)
        install_shims(host, PREFIX / "drive_c" / "windows" / "system32")
        _quiet(["wine", "reg", "add", r"HKCU\Software\Wine", "/v", "Version", "/d", "win10", "/f"],
               everything)
        write_stamp(stamp, key)
    _quiet(["wineserver", "-p"], everything, check=False)  # status 2: it runs already
    _quiet(["wine", "wineboot"], everything)


def stop() -> None:
    """End this prefix's services (and nobody else's)."""
    _quiet(["wineserver", "-k"], _DISABLED, check=False)


def run_python(python: Path, arguments: list[str], *, log: Path, cwd: Path,
               path: list[Path], extra: Mapping[str, str] | None = None) -> str:
    """Run the Windows Python under Wine and return its standard output.

    Parameters
    ----------
    python : Path
        ``python.exe``.
    arguments : list of str
        Paths among them as Windows sees them.
    log : Path
        Receives standard error.
    cwd : Path
    path : list of Path
        Folders for ``PYTHONPATH``.
    extra : mapping, optional
        More environment variables.
    """
    env = _environment(f"{_DISABLED};{_NATIVE}")
    env["PYTHONPATH"] = ";".join(windows_path(folder) for folder in [*path, SITE])
    env.update(extra or {})
    env.pop("LD_PRELOAD", None)
    return run(["wine", windows_path(python), *arguments], env=env, cwd=cwd, log=log)
