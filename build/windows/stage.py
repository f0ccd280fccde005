"""The copy of the program that Windows runs: the package without this system's binaries."""

import shutil
from pathlib import Path

from windows.workspace import CACHE, ROOT

APP = CACHE / "app"


def stage() -> Path:
    """Copy the package and the helpers afresh; the kernels are added by ``kernels.build``."""
    shutil.rmtree(APP, ignore_errors=True)
    skip = shutil.ignore_patterns("*.so", "*.pyd", "*.dylib", "__pycache__", "*.pxd", "*.pyi")
    shutil.copytree(ROOT / "dreammaker", APP / "dreammaker", ignore=skip)
    for name in ("session_hash.py", "import_kernels.py"):
        shutil.copyfile(ROOT / "build" / name, APP / name)
    return APP


def stage_tests() -> None:
    """Add the tests, what they read, and pytest's settings to the copy."""
    for name in ("tests", "config"):
        shutil.copytree(ROOT / name, APP / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copyfile(ROOT / "pyproject.toml", APP / "pyproject.toml")
