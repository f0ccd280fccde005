"""Versions of what a session ran on: for the record, not part of its identity."""

import platform
import sys
from importlib import metadata
from pathlib import Path

import dreammaker._ext as kernels
from dreammaker.store.segments import file_sha256

_PACKAGES = ("numpy", "pyarrow", "pydantic")


def environment() -> dict[str, object]:
    """Python, platform, packages, and the SHA-256 of every compiled kernel."""
    folder = Path(kernels.__file__).parent
    binaries = sorted([*folder.glob("*.so"), *folder.glob("*.pyd")])
    return {
        "python": sys.version.split()[0],
        "platform": platform.platform(),
        "packages": {name: metadata.version(name) for name in _PACKAGES},
        "kernels": {path.name.split(".")[0]: file_sha256(path) for path in binaries},
    }
